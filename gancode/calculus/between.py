"""E_q[f(p/q)] between two random variables of `sympy.stats`, in closed form where there is one."""

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import S, exp, log
from sympy.logic.boolalg import Boolean

from ..errors import WrongType
from . import advice
from .counting import Counting, K, add_power, log_ratio, numerical
from .densities import Density, NoClosedFormError, Total, X, add_integral, certain
from .implicit import Implicit
from .kinks import Piece, outermost, pieces
from .kinks import between as number_between
from .symbols import r

_MOST_TERMS = 200  # of a sum that is written out


class Ends:
    """What mass costs where the other distribution has none: `at_zero` is f(0), for mass of q, and
    `at_infinity` the slope of f at infinity, for mass of p."""

    def __init__(self, f: sympy.Expr, known: tuple | None = None) -> None:
        self._f, self._known = f, known

    @property
    def at_zero(self) -> sympy.Expr:
        near, _ = outermost(self._f, r, S.Zero, S.Infinity)
        return self._known[0] if self._known else self._limit(near, S.Zero)

    @property
    def at_infinity(self) -> sympy.Expr:
        _, far = outermost(self._f, r, S.Zero, S.Infinity)
        return self._known[1] if self._known else self._limit(far / r, S.Infinity)

    @staticmethod
    def _limit(expr: sympy.Expr, place: sympy.Expr) -> sympy.Expr:
        found = advice.limit(expr, r, place)
        if found is None:
            raise NoClosedFormError(f"the limit of {expr} at r = {place} is not known")
        return found


def mean_of_ratio(f: sympy.Expr, ends: Ends, first: Any, second: Any, name: str) -> sympy.Expr:
    """E_q[f(p/q)], with p the law of `first` and q that of `second`, and f convex in `r`; `name` is
    what it is called.

    Raises `TypeError` for what is no random variable, and `NoClosedFormError`.
    """
    for variable in (first, second):
        if not hasattr(variable, "pspace"):
            raise WrongType(f"between takes random variables of sympy.stats, not {variable!r}")
    discrete = [bool(v.pspace.is_Finite or v.pspace.is_Discrete) for v in (first, second)]
    if discrete[0] != discrete[1]:
        raise WrongType("one distribution is discrete and the other continuous")
    if not discrete[0]:
        return _integral(f, ends, first, second, name)
    if first.pspace.is_Finite or second.pspace.is_Finite:
        return _finite_sum(f, ends, first, second)
    return _infinite_sum(f, ends, Counting.of(first), Counting.of(second))


# Discrete --------------------------------------------------------------------------------------


def _finite_sum(f: sympy.Expr, ends: Ends, first: Any, second: Any) -> sympy.Expr:
    """The sum over the outcomes of finite variables; all that is left of the other one's mass lies
    where they have none."""
    masses = [_masses(variable) for variable in (first, second)]
    outcomes = sorted(set().union(*(known for known, _ in masses)), key=sympy.default_sort_key)
    pairs = [(mass(x), other(x)) for x in outcomes for (_, mass), (_, other) in [masses]]
    total = sum(_term(f, ends, *pair) for pair in pairs)
    for variable, side, cost in ((first, 0, "at_infinity"), (second, 1, "at_zero")):
        if not variable.pspace.is_Finite:
            left = advice.simplified(1 - sum(pair[side] for pair in pairs))
            total += left * getattr(ends, cost)
    return total


def _masses(variable: Any) -> tuple[dict, Callable[[sympy.Expr], sympy.Expr]]:
    """The outcomes of a finite variable, none for an infinite one, and the mass at any outcome."""
    if variable.pspace.is_Finite:
        known = sympy.stats.density(variable).dict
        return known, lambda x: known.get(x, S.Zero)
    law = Counting.of(variable)
    mass = law.mass()
    return {}, lambda x: mass.subs(K, x) if x.is_Integer and x >= law.first else S.Zero


def _term(f: sympy.Expr, ends: Ends, mass: sympy.Expr, other: sympy.Expr) -> sympy.Expr:
    """q·f(p/q), continued to p = 0 and to q = 0."""
    if mass == 0:
        return other * ends.at_zero if other != 0 else S.Zero
    if other == 0:
        return mass * ends.at_infinity
    return other * f.subs(r, mass / other)


def _infinite_sum(f: sympy.Expr, ends: Ends, p: Counting, q: Counting) -> sympy.Expr:
    total = Total()
    if p.weight == q.weight:
        slope, level = log_ratio(p, q)
        cut = pieces(f, r, S.Zero, S.Infinity)
        if len(cut) == 1 or slope == 0:
            expr = f if len(cut) == 1 else f.subs(r, exp(level))
            if _add_powers(expr, lambda *term: add_power(total, *term, p, q)):
                return total.value()
        elif len(cut) == 2 and slope.is_number and level.is_number:
            found = _two_sums(cut, p, q, slope, level)
            if found is not None:
                return found
    return _summed(f, ends, p, q)


def _two_sums(
    cut: Sequence[Piece], p: Counting, q: Counting, slope: sympy.Expr, level: sympy.Expr
) -> sympy.Expr | None:
    """The sum over k on both sides of a kink of f; None where that is no sum of powers."""
    place = (log(cut[1].low) - level) / slope  # below it and above it p/q is in different pieces
    last = int(sympy.floor(place))
    if last - p.first > _MOST_TERMS:
        return None
    below, above = (piece.expr for piece in (cut if slope.is_positive else cut[::-1]))
    total = Total()
    if not _add_powers(above, lambda *term: add_power(total, *term, p, q)):
        return None
    ratio = p.mass() / q.mass()
    difference = q.mass() * (below - above).subs(r, ratio)
    return total.value() + sum(
        (advice.simplified(difference.subs(K, k)) for k in range(p.first, last + 1)), S.Zero
    )


def _summed(f: sympy.Expr, ends: Ends, p: Counting, q: Counting) -> sympy.Expr:
    """The sum to 15 digits."""
    if p.mass().free_symbols - {K} or q.mass().free_symbols - {K}:
        raise NoClosedFormError("there is no closed form; give the parameters values for a number")
    costs = ends.at_zero, ends.at_infinity
    if not all(cost.is_finite for cost in costs):
        raise NoClosedFormError(
            "there is no closed form, and no bound of what a sum leaves out, since f(0) or the "
            f"slope of f at infinity is infinite: {costs[0]} and {costs[1]}"
        )
    return numerical(f, f.diff(r).subs(r, 1), costs, p, q)


# Continuous ------------------------------------------------------------------------------------


def _integral(f: sympy.Expr, ends: Ends, first: Any, second: Any, name: str) -> sympy.Expr:
    p, q = Density.of(first), Density.of(second)
    both = p.support & q.support
    if not isinstance(both, (sympy.Interval, sympy.FiniteSet, type(S.EmptySet))):
        raise NoClosedFormError(f"whether {p.support} and {q.support} overlap is not known")
    total = Total()
    for density, cost in ((p, "at_infinity"), (q, "at_zero")):
        alone = density.support - both
        for part in alone.args if isinstance(alone, sympy.Union) else [alone]:
            if part is not S.EmptySet:
                region = sympy.Interval(part.inf, part.sup)
                add_integral(total, getattr(ends, cost), 0, density.log, region)
    if isinstance(both, sympy.Interval):
        ratio = sympy.expand(p.log - q.log)
        for expr, part in _pieces_on(f, ratio, both):
            if not _add_integrals(total, expr, ratio, q.log, part):
                raise NoClosedFormError(
                    f"no closed form of {name} between {first.pspace.distribution} and "
                    f"{second.pspace.distribution}; use .numeric(log_p, log_q, grid)"
                )
    return total.value()


def _pieces_on(
    f: sympy.Expr, ratio: sympy.Expr, region: sympy.Interval
) -> list[tuple[sympy.Expr, sympy.Interval]]:
    """Smooth pieces of f, each with the interval of `region` on which exp(`ratio`) lies in it: the
    densities are equal up to a kink of f at the edges."""
    cut = pieces(f, r, S.Zero, S.Infinity)
    if len(cut) == 1:
        return [(f, region)]
    crossings = set()
    if ratio.has(X):
        for piece in cut[1:]:
            roots = advice.roots(ratio - log(piece.low), X)
            crossings |= {x for x in roots if certain(_lies_in(x, region), x)}
    if len(crossings) > 1 and not all(x.is_number for x in crossings):
        raise NoClosedFormError(f"the order of {crossings} is not known")
    edges = [region.inf, *sorted(crossings), region.sup]
    found = []
    for low, high in zip(edges, edges[1:], strict=False):
        value = exp(ratio.subs(X, number_between(low, high)))
        holds = [certain((value >= c.low) & (value <= c.high), value) for c in cut]
        found.append((cut[holds.index(True)].expr, sympy.Interval(low, high)))
    return found


def _lies_in(x: sympy.Expr, region: sympy.Interval) -> Boolean | None:
    if not x.is_real:
        return S.false if x.is_real is False else None
    return sympy.And(x > region.inf, x < region.sup)


def _add_integrals(
    total: Total, f: sympy.Expr, ratio: sympy.Expr, log_q: sympy.Expr, region: sympy.Interval
) -> bool:
    """Add ∫ q·f(exp(`ratio`)), term by term; False where f is no sum of powers."""
    if not ratio.has(X):
        add_integral(total, f.subs(r, exp(ratio)), 0, log_q, region)
        return True

    def add(factor: sympy.Expr, order: sympy.Expr, times: sympy.Expr) -> None:
        exponent = sympy.expand(log_q + order * ratio)
        add_integral(total, factor, times, exponent, region, base=ratio)

    return _add_powers(f, add)


def _add_powers(f: sympy.Expr, add: Callable[[sympy.Expr, sympy.Expr, sympy.Expr], object]) -> bool:
    """Call add(c, α, n) for each term c·r^α·(log r)ⁿ of f; False where f is no sum of such."""
    if f.has(Implicit):
        return False
    for term in sympy.Add.make_args(sympy.expand(sympy.expand_log(sympy.expand(f), force=True))):
        factor, powers = term.as_independent(r)
        powers = powers.as_powers_dict()
        order, times = powers.pop(r, S.Zero), powers.pop(log(r), S.Zero)
        if set(powers) - {S.One} or not times.is_Integer or times < 0:
            return False
        add(factor, order, times)
    return True
