"""What has no slope in a symbol is constant in it, and equal to its value at one point."""

import sympy
from sympy import Rational, S

from ..domain import is_continuum
from .continuity import Undecided, analytic, is_finite
from .regions import Region
from .steps import without_steps

_PLACES = (S.One, S.Zero, S.Half, S.NegativeOne, S(2), -S.Half, Rational(1, 4), S(3))
_LONGEST = 120  # operations of an expression that is differentiated


def is_zero(expr: sympy.Expr, region: Region) -> bool:
    """Whether `expr` is shown to be zero wherever it is defined: as a quotient of polynomials, or
    because it is constant in one symbol after another."""
    expr = without_steps(expr, region)
    if not region.samples.may_vanish(expr):
        return False
    if region.vanishes(expr):
        return True
    if not is_finite(expr) or expr.count_ops() > _LONGEST:
        return False
    return any(
        _is_constantly_zero(expr, symbol, region)
        for symbol in sorted(expr.free_symbols, key=str)
        if symbol.is_real and symbol.is_integer is None
    )


def _is_constantly_zero(expr: sympy.Expr, symbol: sympy.Symbol, region: Region) -> bool:
    slope = expr.diff(symbol)
    if slope.has(sympy.Derivative, sympy.Subs, sympy.DiracDelta) or not region.vanishes(slope):
        return False
    place = next((p for p in _PLACES if _is_inside(p, symbol, region)), None)
    if place is None:
        return False
    try:
        if not analytic(region, expr, symbol) or not analytic(region, slope, symbol):
            return False
    except Undecided:
        return False
    there = Region(
        tuple(r for r in region.relations if not r.has(symbol)), region.decide, region.ranges
    )
    return is_zero(expr.subs(symbol, place), there)


def _is_inside(place: sympy.Expr, symbol: sympy.Symbol, region: Region) -> bool:
    """Whether a symbol may have a value, whatever the others are; then, as the relations that hold
    it are linear in it, it may have all values between this and any other."""
    if not is_continuum(symbol, S.Reals):
        return False
    if place <= 0 and symbol.is_positive:
        return False
    if (place < 0 and symbol.is_nonnegative) or (place > 0 and symbol.is_nonpositive):
        return False
    if place >= 0 and symbol.is_negative:
        return False
    for relation in region.relations:
        if relation.has(symbol):
            gap = relation.lhs - relation.rhs
            if isinstance(relation, sympy.Ne) or gap.diff(symbol, 2) != 0:
                return False
            if gap.free_symbols != {symbol} or relation.subs(symbol, place) is not S.true:
                return False
    return not any(symbol in (r.low + r.high).free_symbols for r in region.ranges)
