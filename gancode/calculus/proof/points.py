"""Points of a domain at which false statements give themselves away."""

import itertools
from collections.abc import Iterable, Iterator
from functools import lru_cache
from random import Random

import sympy
from sympy import I, Integer, Rational, S

from .domain import Domain

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
# Whole numbers of either sign, where there is one symbol for one.
_SCANNED = [*range(12), 10**7, 10**5, 5000, 2000, 616, 333, 166]
_SCANNED += [*range(12, 120), *range(120, 1200, 5)]
_WHOLE = [*range(12), 15, 16, 25, 27, 30, 64, 97, 100, 101, 1000, 10**6, 10**9 + 7]
_IRRATIONAL = [sympy.sqrt(2), sympy.pi, sympy.sqrt(5) / 3, sympy.E / 4, sympy.cbrt(2) / 1000]
_COMPLEX = [I, -I, 1 + I, -2 + I / 3, -1 + I / 10**6, -1 - I / 10**6, 3 - 4 * I]
_SHARES = [S.Half, Rational(1, 8), Rational(7, 8), *_SMALL[:4], *(1 - x for x in _SMALL[:4])]


def landmarks(left: sympy.Expr, right: sympy.Expr, domain: Domain) -> list:
    """Numbers worth looking at closely: the constants of a statement, the places where it has a
    kink or where what is squared in it vanishes, and those half-way between."""
    numbers = (left.atoms(Rational) | right.atoms(Rational)) - {S.Half, S.NegativeOne}
    for crossing in _turns(left - right):
        if not is_free(crossing, left - right):
            continue
        for symbol in crossing.free_symbols & set(domain.symbols):
            zero = _zero(crossing, symbol)
            if zero is not None:
                numbers.add(zero)
    for relation in domain.relations:
        numbers |= relation.atoms(Rational)
    found = sorted(numbers, key=lambda number: (sympy.N(number, 30), number.sort_key()))[:40]
    return found + [(one + other) / 2 for one, other in itertools.pairwise(found)][:20]


def _turns(expr: sympy.Expr) -> list:
    """Expressions near whose zeros something happens."""
    kinks = expr.atoms(sympy.Max, sympy.Min, sympy.Abs, sympy.Piecewise, sympy.sign)
    found = [crossing for part in kinks for crossing in crossings(part)]
    squares = [p.base for p in expr.atoms(sympy.Pow) if p.exp.is_Integer and p.exp % 2 == 0]
    return found + [base for base in squares if not base.is_Symbol]


def _zero(crossing: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr | None:
    """Where an expression that is linear in its one symbol vanishes."""
    slope = crossing.diff(symbol)
    if not (slope.is_number and slope != 0):
        return None
    zero = -crossing.subs(symbol, 0) / slope
    return zero if zero.is_number and zero.is_extended_real else None


def _meetings(left: sympy.Expr, right: sympy.Expr, domain: Domain) -> Iterator[dict]:
    """Points at which as many such expressions vanish as there are symbols."""
    count = len(domain.symbols)
    linear = [
        turn
        for turn in dict.fromkeys(_turns(left - right))
        if all(turn.diff(s).is_number for s in turn.free_symbols)
    ]
    if count < 2 or count > 4:
        return
    for chosen in itertools.islice(itertools.combinations(linear, count), 20):
        solution = sympy.linsolve(chosen, domain.symbols)
        for values in solution if isinstance(solution, sympy.FiniteSet) else ():
            if all(value.is_number for value in values):
                yield dict(zip(domain.symbols, values, strict=True))


def is_free(part: sympy.Expr, whole: sympy.Expr) -> bool:
    """Whether no symbol of a part is bound by an integral, a sum or a limit in the whole."""
    binders = whole.atoms(sympy.Integral, sympy.Sum, sympy.Product)
    bound = {variable for binder in binders for variable in binder.variables}
    bound |= {limit.args[1] for limit in whole.atoms(sympy.Limit)}
    return not part.free_symbols & bound


def points_for(left: sympy.Expr, right: sympy.Expr, domain: Domain, count: int) -> Iterator[dict]:
    """Up to `count` points of the domain for a statement, always the same ones."""
    if count < 100:
        marks, first = [], []
    else:
        marks, first = landmarks(left, right, domain), _meetings(left, right, domain)
    for point in first:
        if belongs(point, domain):
            yield point
    if domain.symbols and all(s.is_integer for s in domain.symbols) and count >= 100:
        yield from _whole_numbers(domain)
    yield from points(domain, count, marks)


def _whole_numbers(domain: Domain) -> Iterator[dict]:
    """Whole numbers of either sign: up to some thousand where there is one symbol for one, else
    all small ones."""
    sizes = {1: _SCANNED, 2: range(12), 3: range(5)}.get(len(domain.symbols), ())
    values = list(dict.fromkeys(sign * Integer(size) for size in sizes for sign in (1, -1)))
    for chosen in itertools.product(values, repeat=len(domain.symbols)):
        point = dict(zip(domain.symbols, chosen, strict=True))
        if belongs(point, domain):
            yield point


def crossings(part: sympy.Expr) -> list:
    """Expressions whose zeros are the kinks of a Max, Min, Abs, sign or Piecewise."""
    if isinstance(part, sympy.Piecewise):
        relations = itertools.chain(
            *(c.atoms(sympy.core.relational.Relational) for _, c in part.args)
        )
        return [relation.lhs - relation.rhs for relation in relations]
    if isinstance(part, (sympy.Max, sympy.Min)):
        return [one - other for one, other in itertools.combinations(part.args, 2)]
    return [part.args[0]]


def points(domain: Domain, count: int, marks: Iterable = ()) -> Iterator[dict]:
    """Up to `count` points of the domain, the hard ones first; always the same ones."""
    if not domain.symbols:
        yield {}
        return
    random = Random(0)
    hard = {symbol: _candidates(symbol, domain, {}, marks) for symbol in domain.symbols}
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
                values = _candidates(symbol, domain, point, marks)
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


def _limits(symbol: sympy.Symbol, domain: Domain, known: dict) -> tuple:
    """low, high and whether each end is left out, for a symbol beside known values of others."""
    rational = {s: v for s, v in known.items() if v.is_Rational}
    low, high, no_low, no_high = domain.range_of(symbol, rational)
    bounds = domain.bounds[symbol]
    if bounds.inf > low or (bounds.inf == low and bounds.left_open):
        low, no_low = bounds.inf, bool(bounds.left_open)
    if bounds.sup < high or (bounds.sup == high and bounds.right_open):
        high, no_high = bounds.sup, bool(bounds.right_open)
    return low, high, no_low, no_high


def _candidates(
    symbol: sympy.Symbol, domain: Domain, known: dict, marks: Iterable[sympy.Expr]
) -> list:
    """Hard values of a symbol, beside known values of others."""
    shifts = (S.Zero, Rational(1, 10**6), -Rational(1, 10**6), S.One, S.NegativeOne)
    near = [value + shift for value in marks for shift in shifts]
    near += [value * factor for value in marks for factor in (2, S.Half)]
    near += [whole - value for value in marks if abs(value) < 1 for whole in (1, 2)]
    near += [1 - value / 2 for value in marks if abs(value) < 1]
    for value in known.values():
        near += [value, value, -value, *([1 / value, value**2] if value != 0 else [])]
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
        found += [mark + sympy.sqrt(2) / 10**k for mark in marks for k in (2, 8, 20)]
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


def _inside(
    value: sympy.Expr, low: sympy.Expr, high: sympy.Expr, no_low: bool, no_high: bool
) -> bool:
    if not value.is_extended_real:
        return False
    below, above = _order(low, value), _order(value, high)
    return (below < 0 or (below == 0 and not no_low)) and (
        above < 0 or (above == 0 and not no_high)
    )


def _order(x: sympy.Expr, y: sympy.Expr) -> int:
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


def admits(symbol: sympy.Symbol, value: sympy.Expr) -> bool:
    """Whether a value has all the traits that a symbol is declared to have."""
    return all(getattr(value, trait) is wanted for trait, wanted in _wanted(symbol))


@lru_cache(maxsize=256)
def _wanted(symbol: sympy.Symbol) -> list:
    names = [f"is_{trait}" for trait in _TRAITS]
    return [(name, getattr(symbol, name)) for name in names if getattr(symbol, name) is not None]


def belongs(point: dict, domain: Domain) -> bool:
    """Whether a point certainly lies in the domain."""
    return all(admits(s, v) for s, v in point.items()) and domain.contains(point)


def _random_value(
    symbol: sympy.Symbol, domain: Domain, known: dict, random: Random
) -> sympy.Expr | None:
    """A value of moderate size, as far as the domain has one; None where none was met."""
    for _ in range(30):
        value = _draw(symbol, domain, known, random)
        if value is not None and admits(symbol, value):
            return value
    return None


def _draw(symbol: sympy.Symbol, domain: Domain, known: dict, random: Random) -> sympy.Expr:
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


def _random_real(random: Random) -> Rational:
    """A rational number: as often of moderate size as of any size between 1e-4 and 1e4."""
    if random.random() < 0.5:
        return Rational(random.randint(-3000, 3000), 1000)
    size = Rational(10) ** random.randint(-4, 3) * Rational(random.randint(100, 999), 100)
    return random.choice((1, -1)) * size
