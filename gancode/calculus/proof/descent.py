"""Descent: the point of an inequality's least gap, from many starts.

As for the attack, nothing here proves anything; a point that is found counts when its balls do.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import sympy
from flint import arb, arb_mat, ctx
from sympy import Dummy, Rational, S

from ..deadline import attempt
from ..rewriting import solutions
from . import cells
from .algebra import Field
from .attack import POINTS, Comparison, Refutation, ordered
from .domain import Domain
from .effort import TooLongError, put_in
from .enclosure import Unsure, ball, compiled, condition
from .points import belongs, points_for

_STARTS, _ROUNDS, _NEWTONS = 6, 120, 25
_BITS = 256
_LONG = 150  # operations: longer gaps are not differentiated twice
_SCAN = [Rational(k, 4) for k in range(-2400, 2401)]  # for a gap of one symbol
_SCAN += [s * Rational(10) ** k / d for k in range(-12, 13) for d in (1, 2, 5) for s in (1, -1)]
_SCAN += [s * Rational(10) ** (5 * k) for k in range(-80, 81) for s in (1, -1)]


def descend(
    left: sympy.Expr,
    right: sympy.Expr,
    relation: str,
    domain: Domain,
    deadline: Callable[[], object],
    accept: Callable | None = None,
) -> Refutation | None:
    """A certain refutation of an inequality, or None."""
    free = [s for s in domain.symbols if not (domain.bounds[s] is None or s.is_integer)]
    binders = (sympy.Integral, sympy.Sum, sympy.Limit)
    if relation == "==" or not free or left.has(*binders) or right.has(*binders):
        return None
    comparison = Comparison.of(left, right, relation, domain.symbols)
    if comparison is None:
        return None
    gap = comparison.sides[1] - comparison.sides[0] if relation.startswith("<") else left - right
    for point in _candidates(gap, comparison, domain, free, deadline):
        if accept is not None and not accept(point):
            continue
        if belongs(point, domain) and comparison.compare(point, 512) is False:
            return Refutation(_short(comparison, domain, point), {}, POINTS, *comparison.sides)
        if relation in ("<", ">") and belongs(point, domain) and _vanishes(gap, point, domain):
            return Refutation(point, {}, POINTS, *comparison.sides)
    return None


def _vanishes(gap: sympy.Expr, point: dict, domain: Domain) -> bool:
    """Whether the gap is zero at a point, exactly: then it is not positive."""
    if any(
        value.is_Rational and abs(value.p * value.q).bit_length() > 60 for value in point.values()
    ):
        return False  # and would take long to say
    try:
        value = put_in(gap, point)
    except TooLongError:
        return False
    return not value.free_symbols and Field(()).vanishes(value) and value.is_finite is not False


def _candidates(
    gap: sympy.Expr,
    comparison: Comparison,
    domain: Domain,
    free: Sequence[sympy.Symbol],
    deadline: Callable[[], object],
) -> Iterator[dict]:
    """Points at which the gap may be least."""
    decision = attempt(cells.decide, gap, domain.relations, _strictness(comparison), seconds=3)
    if decision is not None and decision.point is not None:
        yield {s: decision.point.get(s, S.Zero) for s in domain.symbols}
    walk = _Walk(gap, domain, free, deadline)
    scored = []
    for point in itertools.chain(
        points_for(comparison.sides[0], comparison.sides[1], domain, POINTS), _scan(domain)
    ):
        if deadline():
            return
        value = walk.at(point)
        if value is not None and value.is_finite():
            scored.append((float(value), len(scored), point))
    lowest = sorted(scored, key=lambda item: item[:2])
    spread = lowest[_STARTS :: max(1, len(lowest) // _STARTS)]
    for _, _, point in lowest[:_STARTS] + spread:
        if deadline():
            return
        yield walk.down(point)
    if comparison.relation in ("<", ">") and len(domain.symbols) == 1:
        (symbol,) = domain.symbols
        for equation in (gap, gap.diff(symbol)):
            for zero in solutions(equation, symbol, 1)[:8]:
                if not zero.free_symbols:
                    yield {symbol: zero}


def _strictness(comparison: Comparison) -> str:
    return ">" if comparison.relation in ("<", ">") else ">="


def _scan(domain: Domain) -> Iterator[dict]:
    if len(domain.symbols) == 1:
        (symbol,) = domain.symbols
        for value in _SCAN:
            yield {symbol: value}


class _Walk:
    """Compass search and Newton's method for the least gap. The numbers are exact: the middles of
    balls."""

    def __init__(
        self,
        gap: sympy.Expr,
        domain: Domain,
        free: Sequence[sympy.Symbol],
        deadline: Callable[[], object],
    ) -> None:
        self.symbols, self.deadline = tuple(domain.symbols), deadline
        self.expr, self.function = gap, compiled(gap, self.symbols)
        self.places = [self.symbols.index(symbol) for symbol in free]
        self.directions = [{i: 1} for i in self.places] + [
            {i: 1, j: sign} for i, j in itertools.combinations(self.places, 2) for sign in (1, -1)
        ]
        self.conditions = [condition(relation, self.symbols) for relation in domain.relations]
        plain = [Dummy(symbol.name, real=True) for symbol in self.symbols]
        for place in self.places:  # of a symbol declared positive its own bound would be trivial
            own = domain.bounds[self.symbols[place]].as_relational(plain[place])
            self.conditions.append(condition(own, tuple(plain)))
        self._slopes = None

    def gap(self, values: list) -> arb | None:
        """The gap at a point; None outside of the domain, and where it is not known."""
        try:
            inside = all(holds(values) for holds in self.conditions)
            return ordered(self.function(values)) if inside else None
        except (ArithmeticError, OverflowError):
            return None

    def at(self, point: dict) -> arb | None:
        with ctx.workprec(128):
            return self.gap([ball(point[symbol]) for symbol in self.symbols])

    def down(self, start: dict) -> dict:
        """A point of smaller gap."""
        with ctx.workprec(_BITS):
            values = [ball(start[symbol]).mid() for symbol in self.symbols]
            best = self.gap(values)
            if best is None:
                return start
            values, best = self._newton(*self._search(values, best))
            if not best < 0:
                values, best = self._search(values, best)
            return {s: _rational(v) for s, v in zip(self.symbols, values, strict=True)}

    def _search(self, values: list, best: arb) -> tuple[list, arb]:
        size = arb(1)
        for _ in range(_ROUNDS):
            moved = False
            scale = [abs(v) / 4 if abs(v) > size / 2**60 else arb(1) / 4 for v in values]
            for direction in self.directions:
                for sign in (1, -1):
                    trial = list(values)
                    for place, way in direction.items():
                        trial[place] = (values[place] + sign * way * size * scale[place]).mid()
                    gap = self.gap(trial)
                    if gap is not None and gap < best:
                        values, best, moved = trial, gap, True
                        break
            if best < 0 or self.deadline():
                break
            size = (size * 2 if moved and size < 2 else size if moved else size / 3).mid()
        return values, best

    def _newton(self, values: list, best: arb) -> tuple[list, arb]:
        """Newton's method with a damping that grows where a step is no gain."""
        slopes = self._derivatives()
        damping = arb(1) / 1000
        for _ in range(_NEWTONS if slopes else 0):
            try:
                gradient, bend = ([f(values) for f in row] for row in slopes)
                n = len(self.places)
                matrix = arb_mat(n, n, [b.mid() for b in bend])
                size = max(abs(matrix[i, i].mid()) for i in range(n)) + 1
                damped = matrix + _diagonal(n, size * damping)
                step = damped.mid().solve(arb_mat(n, 1, [-g.mid() for g in gradient]))
            except (ArithmeticError, ValueError, OverflowError):
                break
            trial = list(values)
            for row, place in enumerate(self.places):
                trial[place] = (values[place] + step[row, 0]).mid()
            gap = self.gap(trial)
            if gap is not None and gap < best:
                values, best, damping = trial, gap, damping / 30
            else:
                damping = damping * 10
            if best < 0 or damping > 10**6 or self.deadline():
                break
        return values, best

    def _derivatives(self) -> tuple[list, list] | None:
        """The gradient and the second derivatives, compiled; None where they would be long."""
        if self._slopes is None:
            self._slopes = ()
            free = [self.symbols[place] for place in self.places]
            if sympy.count_ops(self.expr) <= _LONG and len(free) <= 4:
                try:
                    gradient = [self.expr.diff(s) for s in free]
                    bend = [slope.diff(s) for slope in gradient for s in free]
                    self._slopes = tuple(
                        [compiled(e, self.symbols) for e in row] for row in (gradient, bend)
                    )
                except (Unsure, ValueError, TypeError, AttributeError):
                    pass
        return self._slopes


def _diagonal(n: int, value: arb) -> arb_mat:
    return arb_mat(n, n, [value * (i == j) for i in range(n) for j in range(n)])


def _rational(value: arb) -> Rational:
    mantissa, exponent = value.mid().man_exp()
    return Rational(int(mantissa)) * Rational(2) ** int(exponent)


def _short(comparison: Comparison, domain: Domain, point: dict) -> dict:
    """A counterexample near by with shorter numbers."""
    if not all(value.is_Rational for value in point.values()):
        return point
    for digits in (0, 1, 2, 3, 4, 6, 9, 12, 16, 20, 30):
        short = {s: v.limit_denominator(10**digits) for s, v in point.items()}
        if belongs(short, domain) and comparison.compare(short, 512) is False:
            return short
    return point
