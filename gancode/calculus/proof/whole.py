"""Whole numbers: what is certain of expressions in them.

SymPy's own word is not taken beyond single symbols: it says that 2**n/6 is a whole number, and that
(2·j + 2)²/3 never is.
"""

import sympy

_WHOLE = (sympy.floor, sympy.ceiling, sympy.factorial, sympy.sign)


def is_whole(expr: sympy.Expr) -> bool:
    """Whether an expression is a whole number wherever it is defined."""
    if expr.is_Number:
        return bool(expr.is_Integer)
    if expr.is_Symbol:
        return bool(expr.is_integer)
    if expr.is_Add or expr.is_Mul or isinstance(expr, (sympy.Max, sympy.Min, sympy.Abs)):
        return all(map(is_whole, expr.args)) or _is_half_an_even_product(expr)
    if expr.is_Pow:
        base, exponent = expr.args
        return is_whole(base) and is_whole(exponent) and _is_not_negative(exponent)
    if isinstance(expr, sympy.binomial):
        return all(map(is_whole, expr.args))
    return isinstance(expr, _WHOLE)


def parity(expr: sympy.Expr) -> int | None:
    """0 for an even whole number, 1 for an odd one, None where it is not known."""
    if expr.is_Number:
        return expr.p % 2 if expr.is_Integer else None
    if expr.is_Symbol:
        return 0 if expr.is_even else 1 if expr.is_odd else None
    if not is_whole(expr):
        return None
    if expr.is_Add:
        parts = list(map(parity, expr.args))
        return None if None in parts else sum(parts) % 2
    if expr.is_Mul and all(map(is_whole, expr.args)):
        parts = list(map(parity, expr.args))
        return 0 if 0 in parts else 1 if None not in parts else None
    if expr.is_Pow and expr.exp.is_Integer and expr.exp > 0:
        return parity(expr.base)
    return None


def is_never_whole(expr: sympy.Expr) -> bool:
    """Whether a sum of whole numbers and one other number is certainly not whole."""
    rest = [term for term in sympy.Add.make_args(expr) if not is_whole(term)]
    if len(rest) != 1:
        return False
    (rest,) = rest
    if rest.is_Symbol:
        return bool(rest.is_noninteger or rest.is_irrational)
    return bool(rest.is_Rational)


def _is_not_negative(expr: sympy.Expr) -> bool:
    if expr.is_Add or expr.is_Mul:
        return all(map(_is_not_negative, expr.args))
    return bool(expr.is_nonnegative) if expr.is_Symbol or expr.is_Number else False


def _is_half_an_even_product(expr: sympy.Expr) -> bool:
    """n·(n + 1)/2, with other whole factors."""
    coefficient, factors = expr.as_coeff_mul() if expr.is_Mul else (None, ())
    if coefficient is None or coefficient.q != 2 or not all(map(is_whole, factors)):
        return False
    return any((one - other) in (1, -1) for one in factors for other in factors)
