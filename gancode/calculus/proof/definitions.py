"""Functions in terms of fewer others: by their definitions, and by identities that hold wherever
both sides are defined.

Each is a theorem; the number in brackets is that of the NIST *Digital Library of Mathematical
Functions*.
"""

import sympy
from sympy import Rational, S, pi, sqrt

_GOLDEN = (1 + sqrt(5)) / 2
_DEFINITIONS = {
    sympy.Mod: lambda number, step: number - step * sympy.floor(number / step),
    sympy.KroneckerDelta: lambda i, j: sympy.Piecewise((1, sympy.Eq(i, j)), (0, True)),
    sympy.fibonacci: lambda n: (_GOLDEN**n - (1 - _GOLDEN) ** n) / sqrt(5),
    sympy.lucas: lambda n: _GOLDEN**n + (1 - _GOLDEN) ** n,
    sympy.catalan: lambda n: sympy.binomial(2 * n, n) / (n + 1),
    sympy.li: lambda x: sympy.Ei(sympy.log(x)),  # [6.2.8]
}
_INVERSE = (sympy.atan, sympy.asin, sympy.acos)


def defined(expr: sympy.Expr) -> sympy.Expr:
    """`expr` with these functions replaced. It is equal wherever `expr` is defined."""
    for function, definition in _DEFINITIONS.items():
        expr = expr.replace(function, definition)
    expr = expr.replace(sympy.exp, _exponential)
    expr = expr.replace(_is_multiple_of_an_inverse, sympy.expand_trig)
    expr = expr.replace(_is_power_of_a_unit, _by_angle)
    return _fewer_gammas(expr)


def _exponential(exponent: sympy.Expr) -> sympy.Expr:
    """exp(loggamma z) = Γ(z); exp(W(z)) = z/W(z) [4.13.1], where z is a symbol that is not 0."""
    factor, rest = S.One, []
    for term in sympy.Add.make_args(exponent):
        times, function = term.as_coeff_Mul()
        if times.is_Integer and isinstance(function, sympy.loggamma):
            factor *= sympy.gamma(*function.args) ** times
        elif times.is_Integer and isinstance(function, sympy.LambertW) and _is_not_zero(function):
            factor *= (function.args[0] / function) ** times
        else:
            rest.append(term)
    return factor * sympy.exp(sympy.Add(*rest))


def _is_not_zero(function: sympy.Expr) -> bool:
    return function.args[0].is_Symbol and bool(function.args[0].is_nonzero)


def _is_multiple_of_an_inverse(expr: sympy.Expr) -> bool:
    """sin(n·atan x) and the like, for a whole n."""
    if not isinstance(expr, (sympy.sin, sympy.cos)):
        return False
    times, function = expr.args[0].as_coeff_Mul()
    return times.is_Integer and isinstance(function, _INVERSE)


def _is_power_of_a_unit(expr: sympy.Expr) -> bool:
    """(−1)^(p/q), and a power of i."""
    if not expr.is_Pow or expr.exp.is_Integer:
        return False
    return expr.base == S.NegativeOne and expr.exp.is_Rational or expr.base == S.ImaginaryUnit


def _by_angle(power: sympy.Expr) -> sympy.Expr:
    """The principal value: e^(i·angle·exponent), with −1 at the angle π, and i at π/2."""
    angle = pi if power.base == S.NegativeOne else pi / 2
    if power.exp.is_Rational:
        turn = angle * power.exp
        return sympy.cos(turn) + S.ImaginaryUnit * sympy.sin(turn)
    return sympy.exp(S.ImaginaryUnit * angle * power.exp)


def _fewer_gammas(expr: sympy.Expr) -> sympy.Expr:
    """Γ(1 − z) and Γ(z + ½) by Γ(z), where that is there as well: reflection [5.5.3] and
    duplication [5.5.5]. At a pole of either, nothing was claimed."""
    known = sorted(expr.atoms(sympy.gamma), key=sympy.default_sort_key)
    for one in known:
        z = one.args[0]
        if not z.free_symbols:
            continue
        for other in known:
            if sympy.expand(other.args[0] + z - 1) == 0 and other != one:
                return _fewer_gammas(expr.xreplace({other: pi / (sympy.sin(pi * z) * one)}))
            if sympy.expand(other.args[0] - z - Rational(1, 2)) == 0:
                twice = 2 ** (1 - 2 * z) * sqrt(pi) * sympy.gamma(2 * z) / one
                return _fewer_gammas(expr.xreplace({other: twice}))
    return expr
