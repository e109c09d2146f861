"""Where a statement is claimed to hold: the domain, points inside it, and a simpler form of it.

A domain comes from the assumptions of the symbols themselves (`positive`, `real`, `integer`, …)
and from relations between them (`x < 1`, `p + q <= 2`, `Eq(q, 1 - p)`).
"""

from collections.abc import Iterable, Iterator
from random import Random

from sympy import (
    And,
    Dummy,
    Eq,
    I,
    Integer,
    Interval,
    Rational,
    S,
    Symbol,
    oo,
    simplify,
    solve,
    sympify,
)
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

# Values at which false identities give themselves away.
_HARD = [
    S.Zero,
    S.One,
    Rational(1, 2),
    Integer(2),
    Integer(3),
    Rational(1, 10**6),
    Rational(1, 10**12),
    1 - Rational(1, 10**6),
    1 + Rational(1, 10**6),
    Integer(30),
    Integer(10**3),
    Integer(10**6),
]
_NEAR = Rational(1, 10**6)


class EmptyDomainError(ValueError):
    """The assumptions leave no point, or no point at which the statement says anything."""


class Domain:
    """The points that `symbols` may take under `relations`.

    `solved` holds what the equations among the relations determine: substitute it first.
    """

    def __init__(self, symbols: Iterable[Symbol], relations=()):
        self.solved: dict = {}
        self.relations: list = []
        for relation in _flatten(relations):
            self._add(relation.subs(self.solved))
        free = set(symbols).union(*(relation.free_symbols for relation in self.relations))
        free = free.union(*(value.free_symbols for value in self.solved.values()))
        self.symbols = sorted(free - set(self.solved), key=lambda symbol: symbol.name)
        self.bounds = {symbol: self._bounds(symbol) for symbol in self.symbols}

    def _add(self, relation) -> None:
        if isinstance(relation, BooleanTrue):
            return
        if isinstance(relation, BooleanFalse):
            raise EmptyDomainError("the assumptions contradict each other: no point satisfies them")
        if not isinstance(relation, Eq):
            self.relations.append(relation)
            return
        for symbol, values in _solutions(relation):
            if len(values) == 1:
                self.solved = {s: v.subs(symbol, values[0]) for s, v in self.solved.items()}
                self.solved[symbol] = values[0]
                # What was known of the symbol becomes a relation between the others.
                known = [old.subs(symbol, values[0]) for old in self.relations]
                if symbol.is_extended_real:
                    known.append(_own_interval(symbol).as_relational(values[0]))
                self.relations = []
                for old in _flatten(known):
                    self._add(old)
                return
        raise ValueError(
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
                    interval = interval & relation.as_set()
                except NotImplementedError:
                    continue  # points are still filtered by the relation itself
        if interval is S.EmptySet:
            raise EmptyDomainError(f"the assumptions leave no value for {symbol}")
        return Interval(
            interval.inf, interval.sup, bool(interval.left_open), bool(interval.right_open)
        )

    def contains(self, point: dict) -> bool:
        """Whether `point` satisfies every relation (decided exactly: points are rational)."""
        return all(relation.subs(point) == True for relation in self.relations)  # noqa: E712

    def points(self, count: int, landmarks: Iterable = ()) -> Iterator[dict]:
        """Up to `count` points of the domain, the hard ones first; always the same ones.

        `landmarks` are numbers worth looking at closely, such as the constants of a statement.
        """
        if not self.symbols:
            yield {}
            return
        random = Random(0)
        values = {symbol: self._hard_values(symbol, landmarks) for symbol in self.symbols}
        longest = max(map(len, values.values()))
        given = 0
        for attempt in range(40 * count):
            if attempt < longest:  # every symbol runs through its hard values, in step
                point = {s: v[attempt % len(v)] for s, v in values.items() if v}
            else:  # then each symbol is hard or random by the toss of a coin
                point = {
                    s: random.choice(v) for s, v in values.items() if v and random.random() < 0.4
                }
            for symbol in self.symbols:
                point.setdefault(symbol, self._random_value(symbol, random))
            if self.contains(point):
                yield point
                given += 1
                if given == count:
                    return

    def _hard_values(self, symbol: Symbol, landmarks) -> list:
        bounds = self.bounds[symbol]
        near = [value + shift for value in landmarks for shift in (0, -_NEAR, _NEAR, -1, 1)]
        if bounds is not None:
            ends = [end for end in (bounds.inf, bounds.sup) if end.is_finite]
            near += [end + shift for end in ends for shift in (0, -_NEAR, _NEAR)]
        candidates = [sign * value for value in _HARD for sign in (1, -1)] + near
        if bounds is None:
            candidates += [I, -I, 1 + I, -2 + I / 3]
        return list(
            dict.fromkeys(
                value
                for value in candidates
                if (bounds is None or _within(bounds, value))
                and (value.is_integer or not symbol.is_integer)
                and not (value.is_zero and symbol.is_nonzero)
            )
        )

    def _random_value(self, symbol: Symbol, random: Random):
        bounds = self.bounds[symbol]
        if bounds is None:
            return _random_real(random) + I * _random_real(random)
        low, high = bounds.inf, bounds.sup
        if symbol.is_integer:
            low, high = (max(low, -50), min(high, 50)) if low < 50 and high > -50 else (low, low)
            return Integer(random.randint(int(low), int(high)))
        if low.is_finite and high.is_finite:
            return low + (high - low) * Rational(random.randint(1, 9998), 9999)
        if low.is_finite:
            return low + abs(_random_real(random))
        if high.is_finite:
            return high - abs(_random_real(random))
        return _random_real(random)

    def open_form(self) -> dict:
        """Substitutions that turn each bounded symbol into one that is positive (or non-negative).

        SymPy decides signs from the assumptions of symbols, and knows none about `x < 1`. With
        `x = 1 - u`, `u > 0`, it does. A closed end at infinity of `u` is not reached; those are
        given by `closed_ends`.
        """
        forms = {}
        for symbol, bounds in self.bounds.items():
            if bounds is None or symbol.is_integer or bounds == S.Reals:
                continue
            low, high = bounds.inf, bounds.sup
            if low == high:
                forms[symbol] = low
            elif low == 0 and high is oo and (symbol.is_positive or not bounds.left_open):
                if not symbol.is_nonnegative:
                    forms[symbol] = Dummy("u", nonnegative=True)
            elif high is oo:
                u = _sign_symbol(bounds.left_open)
                forms[symbol] = low + u
            elif low is -oo:
                forms[symbol] = high - _sign_symbol(bounds.right_open)
            else:
                u = _sign_symbol(bounds.left_open)
                forms[symbol] = (low + high * u) / (1 + u)
        return forms

    def closed_ends(self) -> list[dict]:
        """The ends that `open_form` does not reach."""
        return [
            {symbol: bounds.sup}
            for symbol, bounds in self.bounds.items()
            if bounds is not None
            and bounds.inf.is_finite
            and bounds.sup.is_finite
            and bounds.inf != bounds.sup
            and not bounds.right_open
            and not symbol.is_integer
        ]


def _solutions(equation):
    """Each symbol of an equation with its solutions; a side that is one symbol is solved for."""
    for symbol, value in (equation.args, equation.args[::-1]):
        if isinstance(symbol, Symbol) and symbol not in value.free_symbols:
            yield symbol, [value]
    for symbol in sorted(equation.free_symbols, key=lambda symbol: symbol.name):
        yield symbol, solve(equation, symbol)


def simplify_on(expr, symbol: Symbol, where):
    """`expr` simplified with the knowledge that `symbol` lies in the interval `where`.

    The distance from either finite end is a positive number, and SymPy simplifies with that.
    """
    u = Dummy("u", positive=True)
    forms = [(low + u, symbol - low) for low in [where.inf] if low.is_finite]
    forms += [(high - u, high - symbol) for high in [where.sup] if high.is_finite]
    if not forms or symbol.is_positive and where.inf == 0 and not where.sup.is_finite:
        return simplify(expr)
    found = [simplify(simplify(expr.subs(symbol, form)).subs(u, back)) for form, back in forms]
    return min(found, key=lambda result: result.count_ops())


def _flatten(relations) -> list:
    if not isinstance(relations, (list, tuple, set)):
        relations = [relations]
    flat = []
    for relation in map(sympify, relations):
        parts = relation.args if isinstance(relation, And) else [relation]
        for part in parts:
            if not isinstance(part, (Relational, BooleanTrue, BooleanFalse)):
                raise TypeError(
                    f"an assumption must be a relation such as x < 1 or Eq(q, 1 - p), not {part!r}"
                )
            flat.append(part)
    return flat


def _own_interval(symbol: Symbol) -> Interval:
    """What the assumptions of a real symbol say of its place on the real line."""
    low = S.Zero if symbol.is_nonnegative else -oo
    high = S.Zero if symbol.is_nonpositive else oo
    return Interval(low, high, bool(symbol.is_positive), bool(symbol.is_negative))


def _within(interval: Interval, value) -> bool:
    """Whether a real number lies in the interval (`Interval.contains`, at a tenth of its time)."""
    low, high = interval.inf, interval.sup
    above = value > low or (value == low and not interval.left_open)
    return bool(above and (value < high or (value == high and not interval.right_open)))


def _random_real(random: Random):
    """A rational number: as often of moderate size as of any size between 1e-4 and 1e4."""
    if random.random() < 0.5:
        return Rational(random.randint(-3000, 3000), 1000)
    size = Rational(10) ** random.randint(-4, 3) * Rational(random.randint(100, 999), 100)
    return random.choice((1, -1)) * size


def _sign_symbol(is_open: bool) -> Dummy:
    return Dummy("u", positive=True) if is_open else Dummy("u", nonnegative=True)
