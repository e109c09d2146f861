"""The attack: look for a point of the domain at which a statement certainly fails.

Nothing here proves anything. Points are taken where false statements give themselves away, and
both sides are enclosed in balls there: disjoint balls, or an order that is certain, refute. An
inequality is also searched for its least gap, by descent from the points that come closest.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import sympy
from flint import acb, arb, ctx
from sympy import Derivative, Dummy, I, Integer, Integral, Rational, S, Subs, Sum
from sympy.core.function import AppliedUndef, UndefinedFunction

from .domain import Domain
from .enclosure import (
    Ball,
    Undefined,
    Unsure,
    ball,
    compiled,
    condition,
    holds,
    real_if_exact,
    real_part,
)

DIGITS = 50
POINTS = 160
_BITS = 192  # of the first evaluation: 50 digits and some
_MORE_BITS = ((768, 60), (3072, 24), (12_288, 8))  # and for how many points that do not tell
_CONSTANT_BITS = 200_000  # for a statement without symbols
_SLOW_POINTS = 12  # where an evaluation is an integral or an infinite sum
_STARTS, _SHRINKS = 6, 160


@dataclass
class Refutation:
    """A point inside the domain, with the functions taken in place of undefined ones."""

    point: dict
    functions: dict
    points: int
    left: sympy.Expr
    right: sympy.Expr


@dataclass
class Tally:
    """What was tried without success."""

    agreed: int = 0
    undefined: int = 0
    unsure: int = 0


def attack(
    left, right, relation: str, domain: Domain, deadline, count: int = POINTS, accept=None
) -> Refutation | Tally:
    """Evaluate both sides at up to `count` points, of those that `accept` takes. `deadline()` is
    true when time is out."""
    tally = Tally()
    landmarks = _landmarks(left, right, domain)
    points = [p for p in _points(domain, count, landmarks) if accept is None or accept(p)]
    slow = left.has(Integral, Sum, sympy.Limit, sympy.Product) or right.has(
        Integral, Sum, sympy.Limit, sympy.Product
    )
    for functions in instances(left, right):
        try:
            sides = [derived(side.subs(functions)) for side in (left, right)]
            pair = _Pair(sides, relation, domain.symbols)
        except (Unsure, NotImplementedError, TypeError, ValueError, AttributeError):
            tally.unsure += len(points)
            continue
        unclear = []
        for point in points[:_SLOW_POINTS] if slow else points:
            if deadline():
                break
            outcome = pair.compare(point, _BITS // 3 if slow else _BITS)
            if outcome is False:
                return Refutation(point, functions, tally.agreed, *sides)
            if outcome == "undefined":
                tally.undefined += 1
            elif outcome == "unsure":
                tally.unsure += 1
                unclear.append(point)
            else:
                tally.agreed += 1
                if outcome is None:
                    unclear.append(point)
        if domain.symbols and slow:
            continue
        levels = _MORE_BITS if domain.symbols else [(_CONSTANT_BITS, 1)]
        for bits, count in () if slow else levels:
            for point in _spread(unclear, count):
                if deadline():
                    break
                if pair.compare(point, bits) is False:
                    return Refutation(point, functions, tally.agreed, *sides)
    return tally


def fails_somewhere(left, right, relation: str, domain: Domain, count: int = 30) -> bool:
    """Whether a few points refute a statement."""
    try:
        pair = _Pair([derived(left), derived(right)], relation, domain.symbols)
    except (Unsure, NotImplementedError, TypeError, ValueError, AttributeError):
        return False
    points = _points(domain, count, [])
    return any(pair.compare(point, 128) is False for point in points)


def _spread(items: list, count: int) -> list:
    """At most `count` of the items, evenly."""
    step = max(1, -(-len(items) // count))
    return items[::step]


class _Pair:
    """Both sides of a statement, compiled."""

    def __init__(self, sides, relation: str, symbols):
        self.relation, self.symbols = relation, tuple(symbols)
        self.sides = [compiled(side, self.symbols) for side in sides]

    def values(self, point: dict, bits: int) -> list[Ball]:
        with ctx.workprec(bits):
            balls = [ball(point[symbol]) for symbol in self.symbols]
            return [side(balls) for side in self.sides]

    def compare(self, point: dict, bits: int):
        """True or False where the balls tell, None where they overlap, or "undefined", "unsure"."""
        try:
            left, right = self.values(point, bits)
            if self.relation != "==":
                left, right = _ordered(left), _ordered(right)
            return holds(left, right, self.relation)
        except Undefined:
            return "undefined"
        except (Unsure, OverflowError):
            return "unsure"

    def gap(self, point: dict, bits: int) -> arb | None:
        """How far an inequality is from failing: negative where it does."""
        try:
            left, right = (_ordered(side) for side in self.values(point, bits))
        except (ArithmeticError, OverflowError):
            return None
        return right - left if self.relation.startswith("<") else left - right


def _ordered(value: Ball) -> arb:
    """A value that has an order. A ball that may be real and may be not tells nothing."""
    value = real_if_exact(value)
    if isinstance(value, acb):
        real_part(value)  # raises `Undefined` where it certainly is not real
        raise Unsure("perhaps not real")
    return value


def derived(expr):
    """`expr` with its derivatives carried out; integrals and sums stay as they are."""
    return expr.replace(
        lambda e: isinstance(e, (Derivative, Subs)), lambda e: e.doit(integrals=False)
    )


# Points ----------------------------------------------------------------------------------------

# Values at which false identities give themselves away.
_SMALL = [Rational(1, 10**k) for k in (3, 6, 12, 30, 300, 5000)]
_HARD = [
    S.Zero,
    S.One,
    S.Half,
    Integer(2),
    Integer(3),
    Rational(1, 10**6),
    Rational(1, 10**12),
    1 - Rational(1, 10**6),
    1 + Rational(1, 10**6),
    Integer(7),
    Integer(30),
    Integer(10**3),
    Integer(10**6),
    Integer(10**9),
    Integer(10**30),
    Rational(1, 10**30),
    Integer(10**300),
    Rational(1, 10**5000),
]
_WHOLE = [*range(12), 15, 16, 25, 27, 30, 64, 97, 100, 101, 1000, 10**6, 10**9 + 7]
_IRRATIONAL = [sympy.sqrt(2), sympy.pi, sympy.sqrt(5) / 3, sympy.E / 4, sympy.cbrt(2) / 1000]
_COMPLEX = [I, -I, 1 + I, -2 + I / 3, -1 + I / 10**6, -1 - I / 10**6, 3 - 4 * I]
_SHARES = [S.Half, Rational(1, 8), Rational(7, 8), *_SMALL[:4], *(1 - x for x in _SMALL[:4])]


def _landmarks(left, right, domain: Domain) -> list:
    """Numbers worth looking at closely: the constants of a statement, and where it has a kink."""
    numbers = (left.atoms(Rational) | right.atoms(Rational)) - {S.Half, S.NegativeOne}
    for part in (left - right).atoms(sympy.Max, sympy.Min, sympy.Abs, sympy.Piecewise, sympy.sign):
        for crossing in crossings(part):
            for symbol in crossing.free_symbols & set(domain.symbols):
                slope = crossing.diff(symbol)
                if slope.is_number and slope != 0:
                    zero = -crossing.subs(symbol, 0) / slope
                    if zero.is_number and zero.is_extended_real:
                        numbers.add(zero)
    for relation in domain.relations:
        numbers |= relation.atoms(Rational)
    return sorted(numbers, key=sympy.default_sort_key)[:40]


def crossings(part) -> list:
    """Expressions whose zeros are the kinks of a Max, Min, Abs, sign or Piecewise."""
    if isinstance(part, sympy.Piecewise):
        relations = itertools.chain(
            *(c.atoms(sympy.core.relational.Relational) for _, c in part.args)
        )
        return [relation.lhs - relation.rhs for relation in relations]
    if isinstance(part, (sympy.Max, sympy.Min)):
        return [one - other for one, other in itertools.combinations(part.args, 2)]
    return [part.args[0]]


def _points(domain: Domain, count: int, landmarks) -> Iterator[dict]:
    """Up to `count` points of the domain, the hard ones first; always the same ones."""
    if not domain.symbols:
        yield {}
        return
    random = Random(0)
    hard = {symbol: _candidates(symbol, domain, {}, landmarks) for symbol in domain.symbols}
    tied = {s for relation in domain.relations if len(relation.free_symbols) > 1
            for s in relation.free_symbols}  # fmt: skip
    first = max(map(len, hard.values()), default=0)
    given, seen = 0, set()
    for attempt in range(12 * count + first):
        order = list(domain.symbols)
        if attempt % 2:
            random.shuffle(order)
        point: dict = {}
        for symbol in order:
            values = hard[symbol]
            if symbol in tied and point:
                values = _candidates(symbol, domain, point, landmarks)
            if values and (attempt < first or random.random() < 0.4):
                # the first symbol runs through all of its hard values
                place = attempt if symbol is order[0] else random.randrange(len(values))
                if attempt < first and not attempt % 3 and symbol not in tied:
                    place = attempt  # all in step
                point[symbol] = values[place % len(values)]
            else:
                point[symbol] = _random_value(symbol, domain, point, random)
            if point[symbol] is None:
                break
        else:
            key = tuple(point[symbol] for symbol in domain.symbols)
            if key not in seen and domain.contains(point):
                seen.add(key)
                yield {symbol: point[symbol] for symbol in domain.symbols}
                given += 1
                if given == count:
                    return


def _limits(symbol, domain: Domain, known: dict) -> tuple:
    """low, high and whether each end is left out, for a symbol beside known values of others."""
    rational = {s: v for s, v in known.items() if v.is_Rational}
    low, high, no_low, no_high = domain.range_of(symbol, rational)
    bounds = domain.bounds[symbol]
    if bounds.inf > low or (bounds.inf == low and bounds.left_open):
        low, no_low = bounds.inf, bool(bounds.left_open)
    if bounds.sup < high or (bounds.sup == high and bounds.right_open):
        high, no_high = bounds.sup, bool(bounds.right_open)
    return low, high, no_low, no_high


def _candidates(symbol, domain: Domain, known: dict, landmarks) -> list:
    """Hard values of a symbol, beside known values of others."""
    shifts = (S.Zero, Rational(1, 10**6), -Rational(1, 10**6), S.One, S.NegativeOne)
    near = [value + shift for value in landmarks for shift in shifts]
    near += [value * factor for value in landmarks for factor in (2, S.Half) if value.is_number]
    near += [value for value in known.values() for _ in range(3)]
    plain = [sign * value for value in _HARD for sign in (1, -1)]
    if domain.bounds[symbol] is None:
        found = plain + near + _COMPLEX
        if symbol.is_imaginary:
            found = [value * I for value in plain]
        return [value for value in dict.fromkeys(found) if admits(symbol, value)]
    low, high, no_low, no_high = _limits(symbol, domain, known)
    if symbol.is_integer:
        ends = [sympy.ceiling(low) + k for k in range(4)] if low.is_finite else []
        ends += [sympy.floor(high) - k for k in range(4)] if high.is_finite else []
        found = ends + [Integer(sign * k) for k in _WHOLE for sign in (1, -1)] + near
    elif symbol.is_irrational:
        found = [sign * x + k for x in _IRRATIONAL for sign in (1, -1) for k in (0, 1, 100)]
    else:
        found = plain + near
        if low.is_finite and high.is_finite:
            found = [low + (high - low) * share for share in _SHARES] + found
        found += [low + x for x in (*_SMALL, 1, 1000) if low.is_finite]
        found += [high - x for x in (*_SMALL, 1, 1000) if high.is_finite]
        found += [end for end in (low, high) if end.is_finite]
    return [
        value
        for value in dict.fromkeys(found)
        if _inside(value, low, high, no_low, no_high) and admits(symbol, value)
    ]


def _inside(value, low, high, no_low, no_high) -> bool:
    if not value.is_extended_real:
        return False
    below, above = _order(low, value), _order(value, high)
    return (below < 0 or (below == 0 and not no_low)) and (
        above < 0 or (above == 0 and not no_high)
    )


def _order(x, y) -> int:
    """−1, 0 or 1 as x < y, x = y or x > y; rational numbers without SymPy's machinery."""
    if x is S.NegativeInfinity or y is S.Infinity:
        return -1
    if x.is_Rational and y.is_Rational:
        gap = x.p * y.q - y.p * x.q
        return (gap > 0) - (gap < 0)
    gap = x - y
    return 0 if gap.is_zero else -1 if gap.is_extended_negative else 1


_TRAITS = (
    "positive negative nonnegative nonpositive nonzero zero real imaginary integer noninteger even "
    "odd prime composite rational irrational algebraic transcendental finite"
).split()


def admits(symbol, value) -> bool:
    """Whether a value has all the traits that a symbol is declared to have."""
    return all(getattr(value, trait) is wanted for trait, wanted in _wanted(symbol))


@lru_cache(maxsize=256)
def _wanted(symbol) -> list:
    names = [f"is_{trait}" for trait in _TRAITS]
    return [(name, getattr(symbol, name)) for name in names if getattr(symbol, name) is not None]


def belongs(point: dict, domain: Domain) -> bool:
    """Whether a point certainly lies in the domain."""
    return all(admits(s, v) for s, v in point.items()) and domain.contains(point)


def _random_value(symbol, domain: Domain, known: dict, random: Random):
    """A value of moderate size, as far as the domain has one; None where none was met."""
    for _ in range(30):
        value = _draw(symbol, domain, known, random)
        if value is not None and admits(symbol, value):
            return value
    return None


def _draw(symbol, domain: Domain, known: dict, random: Random):
    if domain.bounds[symbol] is None:
        real, imaginary = _random_real(random), _random_real(random)
        return imaginary * I if symbol.is_imaginary else real + imaginary * I
    low, high, *_ = _limits(symbol, domain, known)
    if symbol.is_integer:
        low = max(sympy.ceiling(low), -50) if high > -50 else sympy.floor(high) - 100
        high = min(sympy.floor(high), max(50, low + 100))
        return Integer(random.randint(int(low), int(high))) if low <= high else None
    if low.is_finite and high.is_finite:
        value = low + (high - low) * Rational(random.randint(1, 9998), 9999)
    elif low.is_finite:
        value = low + abs(_random_real(random))
    elif high.is_finite:
        value = high - abs(_random_real(random))
    else:
        value = _random_real(random)
    if symbol.is_irrational:
        value = value * sympy.sqrt(2) * Rational(7, 10)
    return value


def _random_real(random: Random):
    """A rational number: as often of moderate size as of any size between 1e-4 and 1e4."""
    if random.random() < 0.5:
        return Rational(random.randint(-3000, 3000), 1000)
    size = Rational(10) ** random.randint(-4, 3) * Rational(random.randint(100, 999), 100)
    return random.choice((1, -1)) * size


# Functions -------------------------------------------------------------------------------------


def instances(left, right) -> Iterator[dict]:
    """Particular functions in place of undefined ones that stand under an integral or a sum, each
    as a `subs` dictionary: smooth, with integrals over the whole space."""
    both = left - right
    applied = both.atoms(AppliedUndef)
    undefined = {f.func for f in applied} | both.atoms(UndefinedFunction)
    if not undefined:
        yield {}
        return
    random = Random(0)
    for _ in range(3):
        functions = {}
        for function in sorted(undefined, key=str):
            arity = next((len(f.args) for f in applied if f.func == function), 1)
            xs = sympy.symbols(f"x1:{arity + 1}", real=True)
            value = _bump(xs, random)
            functions[function] = sympy.Lambda(xs, value**2 if function(*xs).is_positive else value)
        yield functions


def _bump(xs, random: Random):
    """A smooth function of `xs` that falls off fast."""
    centre = [Rational(random.randint(-4, 4), 4) for _ in xs]
    wide = Rational(random.randint(1, 4), 2)
    height = Rational(random.randint(1, 9), random.randint(1, 9)) * random.choice((1, -1))
    square = sum((x - c) ** 2 for x, c in zip(xs, centre, strict=True))
    return height * (1 + sum(xs) / random.randint(2, 5)) * sympy.exp(-wide * square)


# Descent ---------------------------------------------------------------------------------------


def descend(left, right, relation: str, domain: Domain, deadline, accept=None) -> Refutation | int:
    """Search an inequality for the point of its least gap, from many starts; a refutation, or the
    number of starts."""
    free = [s for s in domain.symbols if not (domain.bounds[s] is None or s.is_integer)]
    if relation == "==" or not free or left.has(Integral, Sum) or right.has(Integral, Sum):
        return 0
    starts = 0
    for functions in itertools.islice(instances(left, right), 2):
        try:
            sides = [derived(side.subs(functions)) for side in (left, right)]
            pair = _Pair(sides, relation, domain.symbols)
        except (Unsure, NotImplementedError, TypeError, ValueError, AttributeError):
            continue
        scored = []
        for point in _points(domain, POINTS, _landmarks(left, right, domain)):
            if deadline():
                return starts
            gap = pair.gap(point, 128)
            if gap is not None and gap.is_finite() and all(v.is_Rational for v in point.values()):
                scored.append((float(gap), len(scored), point))
        scored.sort(key=lambda item: item[:2])
        spread = scored[_STARTS :: max(1, len(scored) // _STARTS)]
        for _, _, point in scored[:_STARTS] + spread:
            if deadline():
                return starts
            starts += 1
            low = _Walk(pair, domain, free).down(point)
            if pair.compare(low, 512) is False and belongs(low, domain):
                if accept is not None and not accept(low):
                    continue
                return Refutation(_short(pair, domain, low), functions, starts, *sides)
    return starts


class _Walk:
    """Compass search for the least gap: along each direction in turn, with steps that grow and
    shrink. The numbers are exact: the middles of balls of 256 bits."""

    def __init__(self, pair: _Pair, domain: Domain, free):
        self.pair, self.symbols = pair, pair.symbols
        places = [self.symbols.index(symbol) for symbol in free]
        self.directions = [{i: 1} for i in places] + [
            {i: 1, j: sign} for i, j in itertools.combinations(places, 2) for sign in (1, -1)
        ]
        self.conditions = [condition(relation, self.symbols) for relation in domain.relations]
        plain = [Dummy(symbol.name, real=True) for symbol in self.symbols]
        for place in places:  # a symbol that is declared positive would make its own bound trivial
            own = domain.bounds[self.symbols[place]].as_relational(plain[place])
            self.conditions.append(condition(own, tuple(plain)))

    def gap(self, values: list) -> arb | None:
        try:
            if not all(holds(values) for holds in self.conditions):
                return None
            left, right = (_ordered(side(values)) for side in self.pair.sides)
        except (ArithmeticError, OverflowError):
            return None
        return right - left if self.pair.relation.startswith("<") else left - right

    def down(self, start: dict) -> dict:
        with ctx.workprec(256):
            values = [ball(start[symbol]) for symbol in self.symbols]
            best = self.gap(values)
            if best is None:
                return start
            values, best = self._search(values, best)
            return {s: _rational(v) for s, v in zip(self.symbols, values, strict=True)}

    def _search(self, values, best):
        scale = [abs(value) / 4 if value != 0 else arb(1) / 4 for value in values]
        size = arb(1)
        for _ in range(_SHRINKS):
            moved = False
            for direction in self.directions:
                for sign in (1, -1):
                    trial = list(values)
                    for place, way in direction.items():
                        trial[place] = (values[place] + sign * way * size * scale[place]).mid()
                    gap = self.gap(trial)
                    if gap is not None and gap < best:
                        values, best, moved = trial, gap, True
                        break
            if best < 0:
                break
            size = (size * 2 if moved and size < 64 else size if moved else size / 3).mid()
        return values, best


def _rational(value: arb) -> Rational:
    mantissa, exponent = value.mid().man_exp()
    return Rational(int(mantissa)) * Rational(2) ** int(exponent)


def _short(pair: _Pair, domain: Domain, point: dict) -> dict:
    """A counterexample near by with shorter numbers."""
    for digits in (0, 1, 2, 3, 4, 6, 9, 12, 16, 20, 30):
        short = {s: v.limit_denominator(10**digits) for s, v in point.items()}
        if belongs(short, domain) and pair.compare(short, 512) is False:
            return short
    return point


__all__ = ["DIGITS", "POINTS", "Refutation", "Tally", "attack", "descend"]
