"""Where a statement is claimed to hold: the values its symbols may take.

A domain comes from the assumptions of the symbols themselves (`positive`, `real`, `even`, …) and
from relations between them (`x < 1`, `p + q <= 2`, `Eq(q, 1 - p)`).
"""

from collections.abc import Iterable, Iterator
from functools import cached_property

import sympy
from flint import ctx
from sympy import (
    And,
    Eq,
    FiniteSet,
    Interval,
    Rational,
    S,
    Symbol,
    oo,
    sympify,
)
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean, BooleanFalse, BooleanTrue

from ...errors import Refused, WrongType
from .enclosure import condition, enclose
from .whole import is_whole, parity

_BITS = (64, 256, 2048)


class EmptyDomainError(Refused):
    """The assumptions leave no point, or no point at which the statement says anything."""


class Domain:
    """The points that `symbols` may take under `relations`.

    `solved` holds what the equations among the relations determine: substitute it first.
    """

    def __init__(self, symbols: Iterable[Symbol], relations: Iterable = ()) -> None:
        self.solved: dict = {}
        self.relations: list = []
        for relation in _flatten(relations):
            self._add(relation.subs(self.solved))
        free = set(symbols).union(*(relation.free_symbols for relation in self.relations))
        free = free.union(*(value.free_symbols for value in self.solved.values()))
        self.symbols = sorted(free - set(self.solved), key=lambda symbol: symbol.name)
        self.bounds = {symbol: self._bounds(symbol) for symbol in self.symbols}
        for symbol, bounds in self.bounds.items():
            if isinstance(bounds, FiniteSet):  # the relations leave one value
                self.__init__(
                    self.symbols,
                    [
                        *self.relations,
                        Eq(symbol, bounds.inf),
                        *(Eq(s, v) for s, v in self.solved.items()),
                    ],
                )
                return

    def _add(self, relation: Boolean) -> None:
        if isinstance(relation, BooleanTrue):
            return
        if isinstance(relation, BooleanFalse):
            raise EmptyDomainError("the assumptions contradict each other: no point satisfies them")
        if not isinstance(relation, Eq):
            self.relations.append(relation)
            return
        for symbol, value, conditions in _solutions(relation):
            self.solved = {s: v.subs(symbol, value) for s, v in self.solved.items()}
            self.solved[symbol] = value
            # What was known of the symbol becomes a relation between the others.
            known = [*conditions, *(old.subs(symbol, value) for old in self.relations)]
            if symbol.is_extended_real:
                known += _within(value, _own_interval(symbol))
            self.relations = []
            for old in _flatten(known):
                self._add(old)
            return
        raise Refused(
            f"the assumption {relation} cannot be solved for one of its symbols; "
            "write it as Eq(symbol, expression)"
        )

    def _bounds(self, symbol: Symbol) -> Interval | None:
        """The interval a real symbol is confined to, or None where it may be complex."""
        if not symbol.is_extended_real:
            return None
        interval = _own_interval(symbol)
        for relation in self.relations:
            if relation.free_symbols == {symbol}:
                try:
                    known = interval & relation.as_set()
                except NotImplementedError:
                    continue  # points are still filtered by the relation itself
                if isinstance(known, (Interval, sympy.Union, FiniteSet, type(S.EmptySet))):
                    interval = known
        low, high, strict_low, strict_high = self.range_of(symbol, {})
        interval = interval & Interval(low, high, strict_low, strict_high)
        if interval is S.EmptySet:
            raise EmptyDomainError(f"the assumptions leave no value for {symbol}")
        if isinstance(interval, FiniteSet) and len(interval) == 1:
            return interval
        low, high = interval.inf, interval.sup  # of a union, the interval from end to end
        return Interval(low, high, low not in interval, high not in interval)

    def parts(self) -> "list[Domain]":
        """Domains that make up this one, in each of which the values of every symbol by itself are
        one interval: x² > 1 is x < −1, or x > 1."""
        for relation in self.relations:
            if len(relation.free_symbols) != 1:
                continue
            (symbol,) = relation.free_symbols
            try:
                where = relation.as_set() & _own_interval(symbol)
            except NotImplementedError:
                continue
            if isinstance(where, sympy.Union) and len(where.args) <= 4:
                rest = [other for other in self.relations if other != relation]
                found = []
                for piece in where.args:
                    try:
                        found += self._with([*rest, piece.as_relational(symbol)]).parts()
                    except EmptyDomainError:
                        continue
                return found
        return [self]

    def _with(self, relations: Iterable) -> "Domain":
        return Domain(self.symbols, relations)

    def and_also(self, *relations: Iterable) -> "Domain":
        """The part of the domain on which these relations hold as well."""
        return Domain(self.symbols, [*self.relations, *relations])

    def contains(self, point: dict) -> bool:
        """Whether `point` certainly satisfies every relation."""
        return all(_satisfied(relation, point) for relation in self.relations)

    # Linear relations, one symbol after the other -------------------------------------------------

    @cached_property
    def _linear(self) -> frozenset:
        """The linear relations with rational coefficients, as rows (coefficients, constant, strict)
        that say coefficients · symbols + constant > 0, or ≥ 0."""
        rows = set()
        for relation in self.relations:
            if relation.rel_op not in ("<", "<=", ">", ">="):
                continue
            gap = sympy.expand(relation.gts - relation.lts)
            terms = gap.as_coefficients_dict()
            constant = Rational(terms.pop(S.One, 0))
            if all(isinstance(s, Symbol) and s.is_extended_real for s in terms) and all(
                c.is_Rational for c in terms.values()
            ):
                rows.add((frozenset(terms.items()), constant, relation.rel_op in ("<", ">")))
        symbols = {s for terms, *_ in rows for s, _ in terms}
        for symbol in symbols:
            own = _own_interval(symbol)
            if own.inf == 0:
                rows.add((frozenset({(symbol, S.One)}), S.Zero, bool(own.left_open)))
            if own.sup == 0:
                rows.add((frozenset({(symbol, S.NegativeOne)}), S.Zero, bool(own.right_open)))
        return frozenset(rows)

    def _projected(self, keep: frozenset) -> frozenset:
        """The linear relations between the symbols of `keep` that follow (Fourier and Motzkin)."""
        if keep not in self._projections:
            rows = self._linear
            for symbol in {s for terms, *_ in rows for s, _ in terms} - keep:
                rows = _eliminated(rows, symbol)
            self._projections[keep] = rows
        return self._projections[keep]

    @cached_property
    def _projections(self) -> dict:
        return {}

    def range_of(self, symbol: Symbol, known: dict) -> tuple:
        """The values that the linear relations leave to a symbol, beside known values of others:
        low, high, and whether each end is left out."""
        low, high, strict_low, strict_high = -oo, oo, True, True
        for terms, constant, strict in self._projected(frozenset({*known, symbol})):
            terms = dict(terms)
            factor = terms.pop(symbol, S.Zero)
            rest = constant + sum(c * known[s] for s, c in terms.items())
            if factor == 0:
                if not (rest > 0 or (rest == 0 and not strict)):
                    raise EmptyDomainError("the assumptions contradict each other")
                continue
            end = -rest / factor
            if factor > 0 and (end > low or (end == low and strict)):
                low, strict_low = end, strict
            if factor < 0 and (end < high or (end == high and strict)):
                high, strict_high = end, strict
        return low, high, strict_low, strict_high


def _eliminated(rows: frozenset, symbol: Symbol) -> frozenset:
    """What the rows say of the other symbols."""
    above, below, rest = [], [], set()
    for terms, constant, strict in rows:
        factor = dict(terms).get(symbol, S.Zero)
        if factor == 0:
            rest.add((terms, constant, strict))
        else:
            scaled = {s: c / abs(factor) for s, c in terms if s != symbol}
            (below if factor > 0 else above).append((scaled, constant / abs(factor), strict))
    for first, constant, strict in below:
        for second, other, also in above:
            terms = {s: first.get(s, 0) + second.get(s, 0) for s in {*first, *second}}
            kept = frozenset((s, c) for s, c in terms.items() if c != 0)
            rest.add((kept, constant + other, strict or also))
    return frozenset(rest)


def _satisfied(relation: Boolean, point: dict) -> bool:
    symbols = tuple(point)
    for bits in _BITS:
        try:
            with ctx.workprec(bits):
                values = [enclose(value, bits=bits) for value in point.values()]
                truth = condition(relation, symbols)(values)
        except ArithmeticError:
            return False
        if truth is not None:
            return truth
        if any(not value.is_Rational for value in map(sympify, point.values())):
            return relation.subs(point) == True  # noqa: E712  (an end such as π, exactly)
    return False


def _solutions(equation: Eq) -> Iterator[tuple[Symbol, sympy.Expr, list]]:
    """(symbol, value, relations): the equation says that the symbol has this value, and that the
    relations between the others hold."""
    symbols = sorted(equation.free_symbols, key=lambda s: (s not in equation.args, s.name))
    for symbol in symbols:
        for sides in (equation.args, equation.args[::-1]):
            if (found := _undone(symbol, *sides)) is not None:
                value, relations = found
                if (kept := _kept(symbol, value)) is not None:
                    yield symbol, value, relations + kept
    if len(symbols) == 1:
        (symbol,) = symbols
        roots = _real_roots(equation.lhs - equation.rhs, symbol)
        if roots is not None and len(roots) <= 1:
            yield symbol, roots[0] if roots else S.NaN, [] if roots else [S.false]


_KINDS = {True: ("prime", "composite"), False: ("rational", "irrational", "noninteger")}
_HALF_REAL = (sympy.asin, sympy.acos, sympy.acosh, sympy.atanh, sympy.acoth, sympy.LambertW)


def _kept(symbol: Symbol, value: sympy.Expr) -> list | None:
    """The relations that say that a value may be the symbol's, apart from its interval; None where
    they are not known."""
    even = {0: True, 1: False, None: None}[parity(value)]
    if symbol.is_integer and not (is_whole(value) and symbol.is_even in (None, even)):
        return None
    for kind in _KINDS[bool(symbol.is_integer)]:
        wanted = getattr(symbol, f"is_{kind}")
        known = value.is_Symbol or value.is_number
        if wanted and not (known and getattr(value, f"is_{kind}")):
            return None
    nonzero = [sympy.Ne(value, 0)] if symbol.is_zero is False and not symbol.is_integer else []
    if not symbol.is_extended_real or value.is_extended_real:
        return nonzero
    powers = [part for part in value.atoms(sympy.Pow) if part.exp.is_integer is not True]
    logs = list(value.atoms(sympy.log))
    real = all(s.is_extended_real for s in value.free_symbols)
    if not real or len(powers) + len(logs) > 1 or value.has(*_HALF_REAL, sympy.I):
        return None
    inside = [power.base >= 0 for power in powers] + [part.args[0] > 0 for part in logs]
    return nonzero + inside


def _undone(symbol: Symbol, side: sympy.Expr, value: sympy.Expr) -> tuple[sympy.Expr, list] | None:
    """What `symbol` is where side = value, and under which relations: the operations on the symbol
    are undone one after the other. None where one of them cannot be."""
    if value.has(symbol):
        side, value = sympy.expand(side - value), S.Zero
    relations = []
    while side != symbol:
        if side.is_Add:
            rest, side = side.as_independent(symbol, as_Add=True)
            value -= rest
            if side.is_Add:  # several terms with the symbol
                side = sympy.factor_terms(side)
                factor, side = side.as_independent(symbol, as_Add=False)
                line = side.as_poly(symbol)
                if line is None or line.degree() != 1:
                    return None
                factor, value, side = factor * line.nth(1), value - factor * line.nth(0), symbol
                if not factor.is_nonzero:
                    return None
                value /= factor
        elif side.is_Mul:
            factor, side = side.as_independent(symbol, as_Add=False)
            if side.is_Mul or not factor.is_nonzero:
                return None
            value /= factor
        elif isinstance(side, sympy.exp) and side.args[0].is_extended_real:
            relations.append(value > 0)
            side, value = side.args[0], sympy.log(value)
        elif isinstance(side, sympy.log) and value.is_real:
            side, value = side.args[0], sympy.exp(value)
        elif side.is_Pow and side.exp == S.Half and value.is_real:
            relations.append(value >= 0)
            side, value = side.base, value**2
        elif side.is_Pow and side.exp.is_positive and side.base.is_nonnegative and value.is_real:
            relations.append(value >= 0)
            side, value = side.base, value ** (1 / side.exp)
        elif side.is_Pow and side.exp == -1:
            relations.append(sympy.Ne(value, 0))
            side, value = side.base, 1 / value
        else:
            return None
    return value, relations


def _real_roots(gap: sympy.Expr, symbol: Symbol) -> list | None:
    """All values of a real symbol at which a polynomial vanishes; None where it is none."""
    poly = gap.as_poly(symbol, domain="QQ") if symbol.is_extended_real else None
    if poly is None or poly.is_ground:
        return None
    own = _own_interval(symbol)
    return [root for root in set(poly.real_roots()) if own.contains(root) == True]  # noqa: E712


def _flatten(relations: Iterable) -> list:
    if not isinstance(relations, (list, tuple, set)):
        relations = [relations]
    flat = []
    for relation in relations:
        relation = sympify(relation) if isinstance(relation, bool) else relation
        parts = relation.args if isinstance(relation, And) else [relation]
        for part in parts:
            if not isinstance(part, (Relational, BooleanTrue, BooleanFalse)):
                raise WrongType(
                    f"an assumption must be a relation such as x < 1 or Eq(q, 1 - p), not {part!r}"
                )
            flat.append(part)
    return flat


def _within(value: sympy.Expr, interval: Interval) -> list:
    """The relations that say that a value lies in an interval."""
    low, high = interval.inf, interval.sup
    above = [value > low if interval.left_open else value >= low] if low.is_finite else []
    below = [value < high if interval.right_open else value <= high] if high.is_finite else []
    return above + below


def is_continuum(symbol: Symbol, where: Interval) -> bool:
    """Whether what SymPy assumes of a symbol leaves it all of an interval. Where it does not, an
    expression may be smooth to SymPy, as 1/u is for a nonzero u, and have two branches."""
    signs = ("positive", "negative", "nonnegative", "nonpositive")
    known = {sign: getattr(symbol, f"is_{sign}") or None for sign in signs}
    if where.contains(0) == False:  # noqa: E712
        known["nonzero"] = True
    every = sympy.Dummy(real=True, **known)
    return symbol.assumptions0.items() <= every.assumptions0.items()


def _own_interval(symbol: Symbol) -> Interval:
    """What the assumptions of a real symbol say of its place on the real line."""
    low = S.Zero if symbol.is_nonnegative else -oo
    high = S.Zero if symbol.is_nonpositive else oo
    return Interval(low, high, bool(symbol.is_positive), bool(symbol.is_negative))
