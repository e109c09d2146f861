"""Exact limits, proved by expansions."""

import sympy
from sympy import Dummy, S

from .. import forms
from ..effort import put_in
from .continuity import Undecided, analytic_at, is_finite
from .expansion import Expander
from .growth import BeyondError, LostError
from .regions import Region
from .special import RULES

_ORDERS = (4, 9)  # terms of an expansion


def limit_of(
    expr: sympy.Expr, x: sympy.Symbol, end: sympy.Expr, region: Region, side: int = 1
) -> tuple[sympy.Expr, str] | None:
    """The limit of `expr` as `x` tends to `end`, which may be infinite, and the rule that proves
    it; None where none is proved.

    A finite end is approached from above (side = 1) or below (−1). The limit may be ∞ or −∞.
    Raises `Undecided` where it hangs on the sign of a parameter.
    """
    if not is_finite(expr):
        return None
    if end.is_finite is not False:
        z = Dummy("x", real=True)
        try:
            if analytic_at(region, expr.xreplace({x: z}), z, end):
                return put_in(expr, {x: end}), "by continuity"
        except Undecided:  # an expansion may not need it
            pass
    far = Dummy("X", positive=True, integer=True if x.is_integer else None)
    for order in _ORDERS:
        try:
            return _expanded(_at_infinity(expr, x, end, far, side), far, region, order)
        except LostError:
            continue
        except (BeyondError, ZeroDivisionError, forms.TooLargeError, RecursionError):
            return None
    return None


def _at_infinity(
    expr: sympy.Expr, x: sympy.Symbol, end: sympy.Expr, far: sympy.Symbol, side: int
) -> sympy.Expr:
    """`expr` with `x` written in what tends to infinity."""
    if end is S.Infinity or end is S.NegativeInfinity:
        return expr.subs(x, far if end is S.Infinity else -far)
    return expr.subs(x, end + side / far)


def _expanded(
    expr: sympy.Expr, far: sympy.Symbol, region: Region, order: int
) -> tuple[sympy.Expr, str] | None:
    expander = Expander(region, far, order, RULES)
    one = expander(expr)
    if where := expander.toward(one):
        return (S.Infinity if where > 0 else S.NegativeInfinity), "by its growth"
    value, _ = expander.limit(one)
    return region.field.expression(value), "by an expansion"


def limit_atom(atom: sympy.Limit, region: Region) -> tuple[sympy.Expr, str] | None:
    """The value of a `Limit`, where it is a number."""
    expr, x, end, side = atom.args
    sides = {"+": (1,), "-": (-1,), "+-": (1, -1)}[str(side)]
    if end.is_infinite:
        sides = (1,)
    found = [limit_of(expr, x, end, region, here) for here in sides]
    if None in found or any(value.is_infinite for value, _ in found):
        return None
    (value, rule), *others = found
    return (value, rule) if all(region.vanishes(value - other) for other, _ in others) else None
