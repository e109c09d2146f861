"""How long numbers become: what SymPy, which works exactly, is not asked to put in."""

import sympy
from flint import acb
from sympy import S

from .enclosure import Unsure, enclose

_BITS = 100_000  # of the longest number that is written out
_STEPS = 10_000  # of the longest recursion
_BY_DIGITS = (sympy.floor, sympy.ceiling)  # all digits before the point are needed
_PLAIN = (
    sympy.log,
    sympy.Abs,
    sympy.sign,
    sympy.Max,
    sympy.Min,
    sympy.Heaviside,
    sympy.re,
    sympy.im,
    sympy.conjugate,
    sympy.functions.elementary.trigonometric.TrigonometricFunction,
    sympy.functions.elementary.trigonometric.InverseTrigonometricFunction,
    sympy.functions.elementary.hyperbolic.HyperbolicFunction,
    sympy.Mod,
)  # of which SymPy writes nothing out
_BY_FACTORS = (
    sympy.totient,
    sympy.reduced_totient,
    sympy.divisor_sigma,
    sympy.primenu,
    sympy.primeomega,
)  # of which it takes the factors
_BY_ALL_BEFORE = (sympy.bell, sympy.bernoulli, sympy.euler, sympy.genocchi)  # of one sequence
_MOST = ((_BY_FACTORS, 10**15), (_BY_ALL_BEFORE, 500))  # the largest arguments


class TooLongError(Unsure):
    """A value with tens of thousands of digits would have to be written out."""


def put_in(expr: sympy.Expr, values: dict) -> sympy.Expr:
    """`expr.subs(values)`. Raises `TooLongError` where numbers among them would be written out
    at too great a length."""
    if not is_quick(expr, values):
        raise TooLongError(f"{expr} at {values}")
    return expr.subs(values)


def is_quick(expr: sympy.Expr, values: dict) -> bool:
    """Whether SymPy has little to do to give symbols these values: no power, factorial or whole
    part that comes of it has tens of thousands of digits."""
    values = {symbol: sympy.sympify(value) for symbol, value in values.items()}
    values = {s: value for s, value in values.items() if value.is_number and value.is_finite}
    if not values:
        return True
    return all(
        _node_is_quick(node, values)
        for node in sympy.preorder_traversal(expr)
        if node.args and node.has(*values) and node.free_symbols <= values.keys()
    )


def _node_is_quick(node: sympy.Expr, values: dict) -> bool:
    if node.is_Pow:
        base, exponent = node.args
        if base in (S.One, S.NegativeOne, S.Zero):
            return True
        return _size(exponent, values) * _length(base, values) < _BITS
    if isinstance(node, sympy.exp):  # SymPy writes exp(n·log 3) as 3ⁿ
        return not node.has(sympy.log) or _size(node.args[0], values) < _BITS
    if isinstance(node, _BY_DIGITS):
        return _length(node.args[0], values) < _BITS
    if isinstance(node, sympy.Function) and not isinstance(node, (*_PLAIN, sympy.Piecewise)):
        most = next((most for kinds, most in _MOST if isinstance(node, kinds)), _STEPS)
        return all(_size(argument, values) < most for argument in node.args)
    return True


def _size(expr: sympy.Expr, values: dict) -> float:
    """About the absolute value."""
    return abs(_float(expr, values))


def _length(expr: sympy.Expr, values: dict) -> float:
    """About the number of bits, at least 1; of a fraction, also those of its denominator."""
    if expr.is_Symbol and values[expr].is_Rational:
        return values[expr].p.bit_length() + values[expr].q.bit_length()
    if expr.is_Rational:
        return expr.p.bit_length() + expr.q.bit_length()
    try:
        value = acb(enclose(expr, values, 64)).abs_upper()
    except (ArithmeticError, NotImplementedError):
        return float("inf")
    return max(1.0, abs(float(value.log().mid())) / 0.69) if value > 0 else 1.0


def _float(expr: sympy.Expr, values: dict) -> float:
    if expr.is_Rational:
        return float(expr)
    try:
        value = acb(enclose(expr, values, 64)).abs_upper()
        return float(value)
    except (ArithmeticError, NotImplementedError):
        return float("inf")
