"""Functions with jumps and kinks, as the branches that hold on a region."""

import sympy
from sympy import Abs, Max, Min, Piecewise, S
from sympy.logic.boolalg import Boolean

from .continuity import STEPS, Undecided
from .regions import Region

_ROUNDS = 10  # of steps within steps
_HOLDS = {"==": (0,), "!=": (1, -1), "<": (-1,), ">": (1,), "<=": (-1, 0), ">=": (0, 1)}


def without_steps(expr: sympy.Expr, region: Region) -> sympy.Expr:
    """`expr` with each step resolved of which the branch is known on the whole region."""
    for _ in range(_ROUNDS):
        steps = [part for part in expr.atoms(*STEPS) if not any(a.has(*STEPS) for a in part.args)]
        known = {part: branch(part, region) for part in steps or expr.atoms(*STEPS)}
        known = {part: value for part, value in known.items() if value is not None}
        if not known:
            return expr
        expr = expr.xreplace(known)
    return expr


def require_sign_of_parameter(part: sympy.Expr, region: Region) -> None:
    """Raise `Undecided` of a parameter in `part` whose sign may tell more."""
    for symbol in sorted(part.free_symbols, key=str):
        if symbol.is_real and region.is_parameter(symbol) and region.sign(symbol) is None:
            raise Undecided(symbol)


def branch(part: sympy.Expr, region: Region) -> sympy.Expr | None:
    """A step as the branch that holds on the whole region; None where that is not shown."""
    if isinstance(part, Piecewise):
        return _case(part, region)
    if isinstance(part, (Max, Min)):
        sign = 1 if isinstance(part, Max) else -1
        for one in part.args:
            if all(region.never_negative(sign * (one - other)) for other in part.args):
                return one
        return None
    z = part.args[0]
    if isinstance(part, (sympy.floor, sympy.ceiling)):
        sign = 1 if isinstance(part, sympy.floor) else -1
        value = _floor(sign * z, region)
        return None if value is None else sign * value
    sign = region.sign(z)
    if sign is None:
        return None
    if isinstance(part, Abs):
        return sign * z
    return S(sign) if isinstance(part, sympy.sign) else (S.Zero, part.args[1], S.One)[sign + 1]


def _case(part: Piecewise, region: Region) -> sympy.Expr | None:
    for value, condition in part.args:
        truth = _holds(condition, region)
        if truth is None:
            return None
        if truth:
            return value
    return None


def _floor(z: sympy.Expr, region: Region) -> sympy.Integer | None:
    """A floor that is the same on the whole region."""
    known = region.range_in(z)
    if known is None or not (known.low.is_number and known.high.is_number):
        return None
    middle = sympy.floor(z.subs(known.variable, (known.low + known.high) / 2))
    if middle.is_Integer and region.never_negative(z - middle):
        return middle if region.sign(middle + 1 - z) == 1 else None
    return None


def _holds(condition: Boolean, region: Region) -> bool | None:
    """Whether a condition holds on the whole region, or nowhere; None where that is not shown."""
    if condition in (S.true, S.false):
        return bool(condition)
    if isinstance(condition, (sympy.And, sympy.Or)):
        truths = [_holds(part, region) for part in condition.args]
        decisive = isinstance(condition, sympy.Or)
        return decisive if decisive in truths else None if None in truths else not decisive
    if isinstance(condition, sympy.Not):
        truth = _holds(condition.args[0], region)
        return None if truth is None else not truth
    if not isinstance(condition, sympy.core.relational.Relational):
        return None
    gap = condition.lhs - condition.rhs
    if (sign := region.sign(gap)) is not None:
        return sign in _HOLDS[condition.rel_op]
    if condition.rel_op in ("==", "!=") and region.nonzero(gap):
        return condition.rel_op == "!="
    return True if region.field.certain(condition) else None
