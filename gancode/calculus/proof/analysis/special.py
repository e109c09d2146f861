"""Rules that expand functions, for `expansion`.

A rule maps an expander and an expression to an `Expansion`. Far out they are the classical
asymptotic series (DLMF 5.11, 6.12, 7.12, 25.12), near a singularity identities that avoid it.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy
from sympy import S, pi
from sympy.logic.boolalg import Boolean

from ...symbols import softplus
from .growth import ONE, ZERO, BeyondError, Expansion, LostError, number

RULES: dict[type, Callable] = {}


def rule(*classes: type) -> Callable:
    def register(function: Callable) -> Callable:
        RULES.update(dict.fromkeys(classes, function))
        return function

    return register


def rewritten(make: Callable) -> Callable:
    return lambda expander, expr: expander(make(*expr.args))


RULES |= {
    sympy.exp: lambda expander, expr: expander.exp(expander(expr.args[0])),
    sympy.log: lambda expander, expr: expander.log(expander(expr.args[0])),
    softplus: rewritten(lambda z: sympy.log(1 + sympy.exp(z), evaluate=False)),
    sympy.sinh: rewritten(lambda z: (sympy.exp(z) - sympy.exp(-z)) / 2),
    sympy.cosh: rewritten(lambda z: (sympy.exp(z) + sympy.exp(-z)) / 2),
    sympy.tanh: rewritten(lambda z: 1 - 2 / (sympy.exp(2 * z) + 1)),
    sympy.coth: rewritten(lambda z: 1 + 2 / (sympy.exp(2 * z) - 1)),
    sympy.sech: rewritten(lambda z: 2 / (sympy.exp(z) + sympy.exp(-z))),
    sympy.csch: rewritten(lambda z: 2 / (sympy.exp(z) - sympy.exp(-z))),
    sympy.tan: rewritten(lambda z: sympy.sin(z) / sympy.cos(z)),
    sympy.cot: rewritten(lambda z: sympy.cos(z) / sympy.sin(z)),
    sympy.sec: rewritten(lambda z: 1 / sympy.cos(z)),
    sympy.csc: rewritten(lambda z: 1 / sympy.sin(z)),
    sympy.asinh: rewritten(lambda z: sympy.log(z + sympy.sqrt(z**2 + 1))),
    sympy.acosh: rewritten(lambda z: sympy.log(z + sympy.sqrt(z - 1) * sympy.sqrt(z + 1))),
    sympy.atanh: rewritten(lambda z: (sympy.log(1 + z) - sympy.log(1 - z)) / 2),
    sympy.acos: rewritten(lambda z: pi / 2 - sympy.asin(z)),
    sympy.erfc: rewritten(lambda z: 1 - sympy.erf(z)),
    sympy.factorial: rewritten(lambda n: sympy.gamma(n + 1, evaluate=False)),
    sympy.gamma: lambda expander, expr: expander.exp(_log_gamma(expander, expr.args[0])),
    sympy.loggamma: lambda expander, expr: _log_gamma(expander, expr.args[0]),
    sympy.harmonic: rewritten(lambda n: sympy.digamma(n + 1) + S.EulerGamma),
    sympy.Min: rewritten(lambda *args: -sympy.Max(*(-a for a in args))),
    sympy.ceiling: rewritten(lambda z: -sympy.floor(-z, evaluate=False)),
    sympy.li: rewritten(lambda z: sympy.Ei(sympy.log(z))),
}


@rule(sympy.sin, sympy.cos)
def _circular(expander: Any, expr: sympy.Expr) -> Expansion:
    argument = expander.real(expr.args[0])
    if expander.trend(argument) > 0 or (
        argument.rest is not None and expander.scale.trend(argument.rest) >= 0
    ):
        return Expansion((), ONE)
    return expander.analytic(expr.func, argument)


@rule(sympy.atan, sympy.erf)
def _bounded_at_infinity(expander: Any, expr: sympy.Expr) -> Expansion:
    far = _far_atan if isinstance(expr, sympy.atan) else _far_erf
    try:
        return expander.at_infinity(expr.func, expander.real(expr.args[0]), far)
    except LostError:
        return Expansion((), ONE)


def _far_atan(expander: Any, one: Expansion) -> Expansion:
    series = [0 if k % 2 == 0 else S(-1) ** ((k + 1) // 2) / k for k in range(expander.order + 2)]
    return expander.scale.add(expander.constant(pi / 2), expander.in_reciprocal(one, series))


def _far_erf(expander: Any, one: Expansion) -> Expansion:
    series, c = [0], 1 / sympy.sqrt(pi)
    for k in range(1, expander.order + 2):
        series.append(c if k % 2 else 0)
        if k % 2:
            c = -c * k / 2
    tail = expander.scale.multiply(
        expander.exp(expander.minus(expander.scale.multiply(one, one))),
        expander.in_reciprocal(one, series),
    )
    return expander.scale.add(expander.constant(1), expander.minus(tail))


@rule(sympy.asin)
def _arcsine(expander: Any, expr: sympy.Expr) -> Expansion:
    """Near 1, by asin z = π/2 − 2 asin √((1 − z)/2)."""
    one = expander.real(expr.args[0])
    value, _ = expander.limit(one)
    for sign in (1, -1):
        if value.as_number() == sign:
            gap = sympy.sqrt((1 - sign * expr.args[0]) / 2)
            return expander(sign * (pi / 2 - 2 * sympy.asin(gap, evaluate=False)))
    return expander.analytic(sympy.asin, one)


@rule(sympy.Ci)
def _cosine_integral(expander: Any, expr: sympy.Expr) -> Expansion:
    one = expander.real(expr.args[0])
    if expander.toward(one) > 0:
        return Expansion((), expander.raise_to(one, S.NegativeOne).bound)
    if expander.trend(one) == 0:
        return expander.analytic(sympy.Ci, one)
    series = [
        S(-1) ** (k // 2) / (k * sympy.factorial(k)) if k and k % 2 == 0 else 0
        for k in range(expander.order + 2)
    ]
    near = expander.scale.series([expander.scale.form(c) for c in series], one)
    return expander.scale.add(expander.constant(S.EulerGamma), expander.log(one), near)


@rule(sympy.Si)
def _sine_integral(expander: Any, expr: sympy.Expr) -> Expansion:
    def far(expander: Any, one: Expansion) -> Expansion:
        rest = expander.raise_to(one, S.NegativeOne).bound
        return Expansion(expander.constant(pi / 2).terms, rest)

    one = expander.real(expr.args[0])
    if expander.trend(one) < 0:
        series = [
            S(-1) ** (k // 2) / (k * sympy.factorial(k)) if k % 2 else 0
            for k in range(expander.order + 2)
        ]
        return expander.scale.series([expander.scale.form(c) for c in series], one)
    return expander.at_infinity(sympy.Si, one, far)


@rule(sympy.Ei)
def _exponential_integral(expander: Any, expr: sympy.Expr) -> Expansion:
    one = expander.real(expr.args[0])
    if expander.toward(one):
        series = [0] + [sympy.factorial(k) for k in range(expander.order + 1)]
        return expander.scale.multiply(expander.exp(one), expander.in_reciprocal(one, series))
    if expander.trend(one) == 0:
        return expander.analytic(sympy.Ei, one)
    series = [S.EulerGamma] + [1 / (k * sympy.factorial(k)) for k in range(1, expander.order + 2)]
    size = one if expander.sign(one) > 0 else expander.minus(one)
    near = expander.scale.series([expander.scale.form(c) for c in series], one)
    return expander.scale.add(expander.log(size), near)


def _log_gamma(expander: Any, z: sympy.Expr) -> Expansion:
    one = expander(z)
    where = expander.toward(one)
    if where < 0:
        raise BeyondError("log gamma of what is negative")
    if where == 0:
        if expander.trend(one) == 0:
            return expander.analytic(sympy.loggamma, one)
        shifted = expander.analytic(sympy.loggamma, expander.scale.add(one, expander.constant(1)))
        return expander.scale.add(shifted, expander.minus(expander.log(one)))
    series = [sympy.log(2 * pi) / 2]
    for k in range(1, expander.order + 2):
        series.append(sympy.bernoulli(k + 1) / (k * (k + 1)) if k % 2 else 0)
    half = expander.scale.add(one, expander.constant(-S.Half))
    return expander.scale.add(
        expander.scale.multiply(half, expander.log(one)),
        expander.minus(one),
        expander.in_reciprocal(one, series),
    )


@rule(sympy.polygamma)
def _digamma(expander: Any, expr: sympy.Expr) -> Expansion:
    order, z = expr.args
    one = expander(z)
    if expander.toward(one) == 0 and expander.trend(one) == 0:
        return expander.analytic(lambda z: sympy.polygamma(order, z), one)
    if order != 0 or expander.toward(one) <= 0:
        raise BeyondError("polygamma")
    series = [0, -S.Half] + [
        -sympy.bernoulli(k) / k if k % 2 == 0 else 0 for k in range(2, expander.order + 2)
    ]
    return expander.scale.add(expander.log(one), expander.in_reciprocal(one, series))


@rule(sympy.binomial)
def _binomial(expander: Any, expr: sympy.Expr) -> Expansion:
    n, k = expr.args
    parts = [expander.real(part) for part in (n + 1, k + 1, n - k + 1)]
    if any(expander.sign(part) <= 0 for part in parts):
        raise BeyondError("a binomial coefficient")
    gamma = sympy.gamma
    return expander(gamma(n + 1) / (gamma(k + 1) * gamma(n - k + 1)))


@rule(sympy.polylog)
def _dilogarithm(expander: Any, expr: sympy.Expr) -> Expansion:
    """Reflection at 1, inversion at −∞."""
    order, z = expr.args
    if order != 2:
        raise BeyondError("polylog")
    one = expander.real(z)
    scale, where = expander.scale, expander.toward(one)
    if where < 0:
        log = expander.log(expander.minus(one))
        inverse = _near_zero(expander, expander.raise_to(one, S.NegativeOne))
        square = scale.scaled(scale.multiply(log, log), number(Fraction(-1, 2)))
        return scale.add(expander.constant(-(pi**2) / 6), square, expander.minus(inverse))
    if expander.trend(one) < 0:
        return _near_zero(expander, one)
    gap = scale.add(expander.constant(1), expander.minus(one))
    if expander.trend(gap) == 0:
        return expander.analytic(lambda z: sympy.polylog(2, z), one)
    if expander.sign(gap) <= 0:
        raise BeyondError("a dilogarithm beyond 1")
    logs = scale.multiply(expander.log(one), expander.log(gap))
    parts = expander.constant(pi**2 / 6), expander.minus(logs)
    return scale.add(*parts, expander.minus(_near_zero(expander, gap)))


def _near_zero(expander: Any, one: Expansion) -> Expansion:
    coefficients = [ZERO] + [number(Fraction(1, k**2)) for k in range(1, expander.order + 2)]
    return expander.scale.series(coefficients, one)


@rule(sympy.Abs, sympy.sign, sympy.Heaviside)
def _step(expander: Any, expr: sympy.Expr) -> Expansion:
    one = expander.real(expr.args[0])
    sign = expander.sign(one)
    if isinstance(expr, sympy.Abs):
        return one if sign >= 0 else expander.minus(one)
    if isinstance(expr, sympy.sign):
        return expander.constant(sign)
    return expander.constant((0, expr.args[1], 1)[sign + 1])


@rule(sympy.Max)
def _maximum(expander: Any, expr: sympy.Expr) -> Expansion:
    best, *others = map(expander.real, expr.args)
    for other in others:
        gap = expander.scale.add(other, expander.minus(best))
        best = other if expander.sign(gap) > 0 else best
    return best


@rule(sympy.floor)
def _floor(expander: Any, expr: sympy.Expr) -> Expansion:
    one = expander.real(expr.args[0])
    if expander.trend(one) > 0:
        return expander.scale.add(one, Expansion((), ONE))
    value, small = expander.limit(one)
    exact = expander.scale.expression(value)
    if not exact.is_Rational:
        raise BeyondError("floor at what may be whole")
    below = exact.is_Integer and expander.sign(small) < 0
    return expander.constant(sympy.floor(exact) - int(below))


@rule(sympy.Piecewise)
def _piecewise(expander: Any, expr: sympy.Expr) -> Expansion:
    for value, condition in expr.args:
        if _holds(expander, condition):
            return expander(value)
    raise BeyondError("no case holds")


def _holds(expander: Any, condition: Boolean) -> bool:
    """Whether a condition holds from some X on."""
    if condition in (S.true, S.false):
        return bool(condition)
    if isinstance(condition, sympy.And):
        return all(_holds(expander, part) for part in condition.args)
    if isinstance(condition, sympy.Or):
        return any(_holds(expander, part) for part in condition.args)
    if isinstance(condition, sympy.Not):
        return not _holds(expander, condition.args[0])
    if not isinstance(condition, sympy.core.relational.Relational):
        raise BeyondError("a condition")
    sign = expander.sign(expander.real(condition.lhs - condition.rhs))
    operators = {"==": (0,), "!=": (1, -1), "<": (-1,), ">": (1,), "<=": (-1, 0), ">=": (0, 1)}
    return sign in operators[condition.rel_op]
