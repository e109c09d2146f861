"""Values of integrals, proved by the fundamental theorem of calculus.

An integral from a to b is cut where the integrand has kinks. On a piece, F is analytic inside and
F′ = f wherever f is defined; then the integral is the difference of the limits of F at the ends,
and where one of these is infinite the integral diverges.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cmp_to_key

import sympy
from sympy import Integral, Max, Min, Piecewise, S
from sympy.core.function import AppliedUndef

from ...deadline import attempt
from ...rewriting import may_be_rewritten, solutions
from ..effort import put_in
from .antiderivatives import antiderivatives
from .continuity import STEPS, analytic, defined_almost_everywhere, is_finite, requirements
from .definite import known_integral
from .limits import limit_of
from .regions import Region
from .steps import require_sign_of_parameter, without_steps

_SECONDS = 1  # to find the kinks of a function
_MOST_CUTS = 24


class DivergesError(ArithmeticError):
    """The integral, sum or limit has no value."""


@dataclass(frozen=True)
class Piece:
    """`f` of `t`, integrated from `low` to `high` > `low`."""

    f: sympy.Expr
    t: sympy.Symbol
    low: sympy.Expr
    high: sympy.Expr

    def inside(self, region: Region) -> tuple["Piece", Region]:
        """With a variable that is known to lie between the ends."""
        t, region = region.along(self.t, self.low, self.high)
        return replace(self, f=self.f.xreplace({self.t: t}), t=t), region


def integral(atom: Integral, region: Region) -> tuple[sympy.Expr, str] | None:
    """The value of an integral over the last of its variables, whose ends are given. Raises
    `Undecided`, and `DivergesError` where it has no value at any point of the region."""
    f, ((t, low, high),) = atom.function, atom.limits
    if f.has(sympy.DiracDelta) or not is_finite(f):
        return None
    sign = orientation(low, high, region)
    if sign == 0:
        return S.Zero, "over no length"
    low, high = (low, high) if sign > 0 else (high, low)
    found = over(_without_phase(Piece(f, t, low, high), region), region)
    return None if found is None else (sign * found[0], found[1])


def _without_phase(piece: Piece, region: Region) -> Piece:
    """Over a whole period of a function that is smooth everywhere, t may be moved."""
    t, period = piece.t, piece.high - piece.low
    for angle in {z.args[0] for z in piece.f.atoms(sympy.sin, sympy.cos)}:
        slope = angle.diff(t)
        if slope.has(t) or not angle.subs(t, 0).free_symbols or period.is_infinite:
            continue
        here, line = region.along(t, -S.Infinity, S.Infinity)
        f, phase = piece.f.xreplace({t: here}), angle.subs(t, 0)
        if not (region.nonzero(slope) and region.real(phase / slope)):
            continue
        if analytic(line, f, here) and line.vanishes(f.subs(here, here + period) - f):
            return replace(piece, f=sympy.expand_mul(piece.f.subs(t, t - phase / slope)))
    return piece


def orientation(low: sympy.Expr, high: sympy.Expr, region: Region) -> int:
    """1 where low < high, −1 where low > high, 0 where they are equal. Raises `Undecided`."""
    if low == high:
        return 0
    for end, sign in ((low, -1), (high, 1)):
        if end.is_infinite:
            return sign if end is S.Infinity else -sign
    return region.require_sign(high - low)


def over(piece: Piece, region: Region) -> tuple[sympy.Expr, str] | None:
    total, rules = S.Zero, []
    for part in cut(piece, region):
        here, inside = part.inside(region)
        f = without_steps(here.f, inside)
        steps = [step for step in f.atoms(*STEPS) if step.has(here.t)]
        for step in steps:
            require_sign_of_parameter(step, inside)
        smooth = replace(part, f=f.xreplace({here.t: part.t}))
        found = None if steps else over_smooth(smooth, region)
        if found is None:
            return None
        total += found[0]
        rules.append(found[1])
    return total, ", ".join(dict.fromkeys(rules))


def over_smooth(piece: Piece, region: Region) -> tuple[sympy.Expr, str] | None:
    """By a theorem, or by an antiderivative; where F has singularities inside, on both sides of
    each."""
    here, inside = piece.inside(region)
    if inside.vanishes(here.f):
        return S.Zero, "of zero"
    if (found := known_integral(piece, region)) is not None:
        return found
    for F in antiderivatives(here.f, here.t, inside):
        value = _by(F, here, inside, region)
        if value is not None:
            return value, "an antiderivative, differentiated"
    return None


def _by(F: sympy.Expr, piece: Piece, inside: Region, region: Region) -> sympy.Expr | None:
    slope = F.diff(piece.t)
    sign = proportion(slope, piece.f, inside) if is_finite(F) else 0
    if not sign:
        return None
    F, slope = sign * F, sign * slope
    if not defined_almost_everywhere(inside, slope, piece.t):
        return None
    total = S.Zero
    for part in _parts(piece, _singularities(F, piece, inside, region)):
        here, within = part.inside(region)
        if not analytic(within, F.xreplace({piece.t: here.t}), here.t):
            return None
        value = _difference(F, replace(part, t=piece.t), region)
        if value is None:
            return None
        total += value
    return total


def proportion(first: sympy.Expr, second: sympy.Expr, region: Region) -> int:
    """1 or −1 where the second is the first, or less the first, wherever both are defined; else 0,
    which means: not shown."""
    unknown = any(not isinstance(z.expr, AppliedUndef) for z in first.atoms(sympy.Derivative))
    if unknown or first.has(sympy.Subs, sympy.DiracDelta):
        return 0
    if region.vanishes(first - second):
        return 1
    if not region.samples.may_vanish(first**2 - second**2):
        return 0
    if not region.vanishes(first**2 - second**2):
        return 0
    return (region.sign(first) or 0) * (region.sign(second) or 0)


def _difference(F: sympy.Expr, piece: Piece, region: Region) -> sympy.Expr | None:
    """F at the upper end less F at the lower one, as limits from inside."""
    ends = [
        limit_of(F, piece.t, end, region, side) for end, side in ((piece.high, -1), (piece.low, 1))
    ]
    if None in ends:
        return None
    (above, _), (below, _) = ends
    if above.is_infinite or below.is_infinite:
        raise DivergesError
    return above - below


# Cuts ------------------------------------------------------------------------------------------


def cut(piece: Piece, region: Region) -> list[Piece]:
    """At the points at which the integrand may have kinks. Raises `Undecided` where it hangs on a
    parameter whether one lies between the ends."""
    crossings = []
    for part in piece.f.atoms(*STEPS, sympy.Pow):
        crossings += _crossings(part, piece)
    points = [point for crossing in crossings for point in _zeros(crossing, piece)]
    return _parts(piece, _between(points, piece, region))


def _crossings(part: sympy.Expr, piece: Piece) -> list:
    """Expressions at whose zeros `part` may have a kink."""
    if not part.has(piece.t):
        return []
    if part.is_Pow:
        return [part.base] if part.exp.is_Rational and not part.exp.is_Integer else []
    if isinstance(part, Piecewise):
        relations = part.atoms(sympy.core.relational.Relational)
        return [r.lhs - r.rhs for r in relations if r.has(piece.t)]
    if isinstance(part, (Max, Min)):
        return [a - b for i, a in enumerate(part.args) for b in part.args[i + 1 :]]
    z = part.args[0]
    if isinstance(part, (sympy.floor, sympy.ceiling)):
        return [z - k for k in _whole_numbers(z, piece)]
    return [z]


def _whole_numbers(z: sympy.Expr, piece: Piece) -> range:
    """Those that a monotonic `z` may pass."""
    ends = [put_in(z, {piece.t: end}) for end in (piece.low, piece.high)]
    if not all(end.is_number and end.is_finite for end in ends):
        return range(0)
    low, high = sorted(int(sympy.floor(end)) for end in ends)
    return range(low, min(high + 2, low + _MOST_CUTS))


def _zeros(expr: sympy.Expr, piece: Piece) -> list:
    """Advice: zeros of an expression between the ends, or anywhere."""
    t, numbers = piece.t, piece.low.is_number and piece.high.is_number
    if expr.is_Mul or (expr.is_Pow and expr.exp.is_positive):
        factors = expr.args if expr.is_Mul else (expr.base,)
        return [point for factor in factors if factor.has(t) for point in _zeros(factor, piece)]
    if (slope := expr.diff(t)) != 0 and not slope.has(t):
        return [sympy.cancel(t - expr / slope)]
    if isinstance(expr, (sympy.sin, sympy.cos)) and numbers:
        shift = sympy.pi / 2 if isinstance(expr, sympy.cos) else S.Zero
        turns = _whole_numbers((expr.args[0] - shift) / sympy.pi, piece)
        return [z for k in turns for z in _zeros(expr.args[0] - shift - k * sympy.pi, piece)]
    real = sympy.Dummy("t", real=True)
    expr = expr.xreplace({t: real})
    if numbers and expr.free_symbols == {real} and may_be_rewritten(expr):
        interval = sympy.Interval(piece.low, piece.high)
        found = attempt(sympy.solveset, expr, real, interval, seconds=_SECONDS)
        if isinstance(found, sympy.FiniteSet):
            return list(found)
    found = solutions(expr, real, _SECONDS)
    return [point for point in found if isinstance(point, sympy.Expr) and not point.has(real)]


def _singularities(F: sympy.Expr, piece: Piece, inside: Region, region: Region) -> list:
    """Points between the ends at which F may be singular. Raises `Undecided`."""
    if analytic(inside, F, piece.t):
        return []
    parts = [part for _, part, *_ in requirements(F, piece.t) or [] if part.has(piece.t)]
    crossed = [part for part in parts if len(inside.samples.signs(part)) > 1]
    points = [point for part in crossed or parts for point in _zeros(part, piece)]
    return _between(points, piece, region)


def _between(points: Iterable[sympy.Expr], piece: Piece, region: Region) -> list:
    """The points between the ends, in order, each once. Raises `Undecided`."""
    found = []
    for point in points:
        if not is_finite(point) or not region.real(point):
            continue
        if orientation(piece.low, point, region) > 0 and orientation(point, piece.high, region) > 0:
            if not any(orientation(point, other, region) == 0 for other in found):
                found.append(point)
    found.sort(key=cmp_to_key(lambda one, other: -orientation(one, other, region)))
    return found[:_MOST_CUTS]


def _parts(piece: Piece, points: Iterable[sympy.Expr]) -> list[Piece]:
    edges = [piece.low, *points, piece.high]
    return [replace(piece, low=low, high=high) for low, high in zip(edges, edges[1:], strict=False)]
