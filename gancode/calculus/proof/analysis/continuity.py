"""Where an expression is defined and analytic in a variable.

What that takes is read off its structure as a list of requirements, such as that a denominator is
nowhere zero; a region (see `regions`) is then asked whether each is met.
"""

from collections.abc import Callable
from typing import Any

import sympy
from sympy import S
from sympy.core.function import AppliedUndef

from ...symbols import softplus
from ..effort import put_in
from ..enclosure import Undefined, Unsure, enclose
from ..whole import is_whole

# Functions of one argument that are real and analytic on the whole real line.
ENTIRE = (
    *(sympy.sin, sympy.cos, sympy.sinh, sympy.cosh, sympy.tanh, sympy.sech, sympy.exp),
    *(sympy.atan, sympy.asinh, sympy.erf, sympy.erfc, sympy.erfi, sympy.Si, sympy.Shi, softplus),
)
# Those that are real on the real line wherever they are defined.
MEROMORPHIC = (
    *(sympy.tan, sympy.cot, sympy.sec, sympy.csc, sympy.coth, sympy.csch, sympy.acot),
    *(sympy.gamma, sympy.factorial, sympy.binomial, sympy.harmonic, sympy.digamma),
)
# Functions with jumps and kinks.
STEPS = (
    *(sympy.Abs, sympy.sign, sympy.floor, sympy.ceiling, sympy.Heaviside, sympy.Max, sympy.Min),
    sympy.Piecewise,
)


class Undecided(ArithmeticError):
    """What is asked hangs on the sign of `expr`, in which no bound variable stands."""

    def __init__(self, expr: sympy.Expr) -> None:
        super().__init__(f"the sign of {expr}")
        self.expr = expr


def analytic(region: Any, expr: sympy.Expr, variable: sympy.Symbol) -> bool:
    """Whether `expr` is defined on the whole region and analytic in `variable` there; for an
    integer variable, whether it is defined. Raises `Undecided` where that hangs on a parameter."""
    return _holds(region, expr, variable, lambda part: part)


def analytic_at(region: Any, expr: sympy.Expr, variable: sympy.Symbol, end: sympy.Expr) -> bool:
    """Whether `expr` is analytic in `variable` at a finite `end`: then its limit there is its
    value. Raises `Undecided`."""
    return _holds(region, expr, variable, lambda part: put_in(part, {variable: end}))


def defined(region: Any, expr: sympy.Expr) -> bool:
    """Whether `expr` has a finite value on the whole region. Raises `Undecided`."""
    return analytic(region, expr, sympy.Dummy())


def defined_almost_everywhere(region: Any, expr: sympy.Expr, variable: sympy.Symbol) -> bool:
    """Whether `expr`, made of analytic functions, is defined but at isolated points of `variable`,
    for all parameters. Raises `Undecided`."""
    needs = requirements(expr, variable)
    return needs is not None and all(
        _isolated_zeros(region, parts[0], variable) or _is_met(region, kind, *parts)
        for kind, *parts in needs
    )


def _isolated_zeros(region: Any, expr: sympy.Expr, variable: sympy.Symbol) -> bool:
    """An analytic function that is not zero everywhere has isolated zeros."""
    alone = expr.free_symbols == {variable}
    return alone and bool(region.samples.signs(expr) - {0}) and analytic(region, expr, variable)


def _holds(
    region: Any, expr: sympy.Expr, variable: sympy.Symbol, there: Callable[[sympy.Expr], sympy.Expr]
) -> bool:
    needs = requirements(expr, variable)
    return needs is not None and all(
        _is_met(region, kind, *map(there, parts)) for kind, *parts in needs
    )


def _is_met(region: Any, kind: str, part: sympy.Expr, exponent: sympy.Expr = None) -> bool:
    if not is_finite(part) or (exponent is not None and not is_finite(exponent)):
        return False
    if kind == "real":
        return region.real(part)
    if kind == "power" and region.never_negative(exponent):
        return True
    if kind in ("power", "nonzero"):
        met = region.nonzero(part)
    else:
        sign = region.sign(part)
        met = region.real(part) and (sign == 1 or (kind == "sign" and sign == -1))
    if not met and region.sign(part) is None and region.is_parameter(part):
        raise Undecided(region.open_factor(part))
    return met


def is_finite(part: sympy.Expr) -> bool:
    """Whether no infinity and no undefined number stands in it."""
    return not part.has(S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity, sympy.AccumBounds)


def requirements(
    expr: sympy.Expr, variable: sympy.Symbol, found: list | None = None
) -> list | None:
    """What makes `expr` analytic in `variable`: tuples of a kind and an expression that must be
    real, nonzero, positive, or (sign) positive or negative everywhere; the kind power is of a base
    and an exponent, which is an integer. None where `expr` may have jumps or is not known."""
    found = [] if found is None else found
    if expr.is_Symbol or expr is S.ImaginaryUnit:
        return found
    if not expr.free_symbols and _has_value(expr):
        return found
    own = _own_requirements(expr, variable)
    if own is None:
        return None
    found += own
    arguments = () if isinstance(expr, sympy.Derivative) else expr.args
    if isinstance(expr, sympy.Piecewise):  # what is defined in all cases is so in one
        arguments = [value for value, _ in expr.args]
    for argument in arguments:
        if requirements(argument, variable, found) is None:
            return None
    return found


def _has_value(number: sympy.Expr) -> bool:
    """Whether an expression without symbols is a finite number."""
    try:
        return bool(enclose(number, bits=53).is_finite())
    except (Undefined, Unsure):
        return False


def _own_requirements(expr: sympy.Expr, variable: sympy.Symbol) -> list | None:
    """Without those of its arguments."""
    if expr.is_Add or expr.is_Mul:
        return []
    if expr.is_Pow:
        return _power(expr, variable)
    if isinstance(expr, sympy.Piecewise):
        return None if expr.has(variable) or expr.args[-1][1] != True else []  # noqa: E712
    if isinstance(expr, STEPS):
        return None if expr.has(variable) else [("real", z) for z in expr.args]
    if isinstance(expr, (sympy.factorial, sympy.binomial)):
        fixed = not expr.has(variable) or variable.is_integer
        return [("positive", z + 1) for z in expr.args] if fixed else None
    if isinstance(expr, AppliedUndef):  # an unknown function is smooth
        return [("real", z) for z in expr.args]
    if isinstance(expr, sympy.Derivative) and isinstance(expr.expr, AppliedUndef):
        return [("real", z) for z in expr.expr.args]
    rule = _RULES.get(type(expr))
    return None if rule is None else rule(variable, *expr.args)


def _power(expr: sympy.Expr, variable: sympy.Symbol) -> list:
    base, exponent = expr.args
    if is_whole(exponent):
        return [] if exponent.is_nonnegative else [("power", base, exponent)]
    if expr.has(variable):
        return [("positive" if exponent.has(variable) else "sign", base)]
    return [] if exponent.is_Rational and exponent > 0 else [("nonzero", base)]


def _always(*kinds: str) -> Callable:
    """These are required of the argument."""
    return lambda variable, z: [(kind, z) for kind in kinds]


def _order_and(make: Callable[[sympy.Expr], list]) -> Callable:
    """A function of a whole order and an argument."""
    return lambda variable, order, z: make(z) if order.is_Integer and order >= 0 else None


def _incomplete(variable: sympy.Symbol, s: sympy.Expr, z: sympy.Expr) -> list | None:
    return None if s.has(variable) else [("positive", s), ("positive", z)]


_RULES = {
    **dict.fromkeys(ENTIRE, _always("real")),
    **dict.fromkeys((sympy.exp, sympy.sin, sympy.cos, sympy.sinh, sympy.cosh), _always()),
    **dict.fromkeys((sympy.erf, sympy.erfc, sympy.erfi, sympy.Si, sympy.Shi), _always()),
    **dict.fromkeys((sympy.coth, sympy.csch, sympy.acot), _always("real", "nonzero")),
    **dict.fromkeys((sympy.gamma, sympy.loggamma, sympy.Ci, sympy.Chi), _always("positive")),
    **dict.fromkeys((sympy.tan, sympy.sec), lambda v, z: [("nonzero", sympy.cos(z)), ("real", z)]),
    **dict.fromkeys((sympy.cot, sympy.csc), lambda v, z: [("nonzero", sympy.sin(z)), ("real", z)]),
    **dict.fromkeys(
        (sympy.asin, sympy.acos, sympy.atanh),
        lambda v, z: [("positive", 1 - z), ("positive", 1 + z)],
    ),
    **dict.fromkeys((sympy.uppergamma, sympy.lowergamma), _incomplete),
    sympy.log: lambda v, z: [("sign" if z.has(v) else "nonzero", z)],
    sympy.acosh: lambda v, z: [("positive", z - 1)],
    sympy.Ei: _always("sign"),
    sympy.polygamma: _order_and(lambda z: [("positive", z)]),
    sympy.polylog: _order_and(lambda z: [("positive", 1 - z)]),
    sympy.harmonic: lambda v, z, *order: None if order else [("positive", z + 1)],
    sympy.LambertW: lambda v, z, *branch: None if branch else [("positive", z + sympy.exp(-1))],
}
