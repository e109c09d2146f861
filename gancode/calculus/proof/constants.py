"""Real constants, equal only where they are certain to be.

A `Number` is known by a ball. A `Constant` is a polynomial in such numbers with rational
coefficients, so what cancels, cancels exactly, and nothing else counts as zero.
"""

from functools import cached_property
from typing import Any

from flint import arb, fmpq

from .enclosure import Unsure, sign, whole_power

_MOST_TERMS = 16  # of a constant; beyond, it becomes a number by itself
_LARGEST_EXPONENT = 10_000  # of an exact ball that is read as a rational number
_LONGEST_POWER = 4_000  # bits of a power that is written out
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47)


class Number:
    """A real number that is known by a ball, and is equal to itself only."""

    def __init__(self, value: arb, radical: tuple[int, int] | None = None):
        self.value = value
        self.radical = radical  # (p, d): the number is the d-th root of p


class Constant:
    """A polynomial in some `Number`s and their reciprocals, with rational coefficients.

    `terms` maps a set of pairs (number, power) to a coefficient that is not 0.
    """

    def __init__(self, terms: dict[frozenset, fmpq]):
        self.terms = terms

    @cached_property
    def ball(self) -> arb:
        total = arb(0)
        for factors, coefficient in self.terms.items():
            value = arb(coefficient)
            for number, power in factors:
                value = value * whole_power(number.value, power)
            total += value
        return total

    @property
    def rational(self) -> fmpq | None:
        if not self.terms:
            return fmpq(0)
        return self.terms.get(_NO_FACTORS) if len(self.terms) == 1 else None

    def sign(self) -> int | None:
        exact = self.rational
        return sign(self.ball) if exact is None else (exact > 0) - (exact < 0)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __add__(self, other: "Constant") -> "Constant":
        terms = dict(self.terms)
        for factors, coefficient in other.terms.items():
            if total := terms.pop(factors, 0) + coefficient:
                terms[factors] = total
        return Constant(terms).short()

    def __neg__(self) -> "Constant":
        return Constant({factors: -coefficient for factors, coefficient in self.terms.items()})

    def __sub__(self, other: "Constant") -> "Constant":
        return self + -other

    def __mul__(self, other: "Constant") -> "Constant":
        if not self or not other:
            return ZERO
        (factor, q), *more = other.terms.items()
        if not more and not factor:  # a rational number, the usual case
            return Constant({key: value * q for key, value in self.terms.items()})
        terms = {}
        for one, p in self.terms.items():
            for two, q in other.terms.items():
                factors, whole = _product(one, two)
                if total := terms.pop(factors, 0) + p * q * whole:
                    terms[factors] = total
        return Constant(terms).short()

    def inverse(self) -> "Constant":
        """Raises `Unsure` where it may be zero."""
        if self.sign() in (0, None):
            raise Unsure("division")
        if len(self.terms) == 1:
            ((factors, coefficient),) = self.terms.items()
            inverted = frozenset((number, -power) for number, power in factors)
            factors, whole = _product(inverted, _NO_FACTORS)
            return Constant({factors: whole / coefficient})
        return known_by(1 / self.ball)

    def short(self) -> "Constant":
        return self if len(self.terms) <= _MOST_TERMS else known_by(self.ball)


_NO_FACTORS = frozenset()


def _product(one: frozenset, two: frozenset) -> tuple[frozenset, fmpq]:
    """The product of two sets of powers, and the rational number that falls out of its roots."""
    powers = dict(one)
    for number, power in two:
        powers[number] = powers.get(number, 0) + power
    whole = fmpq(1)
    for number, power in list(powers.items()):
        if number.radical:
            base, degree = number.radical
            turns, powers[number] = divmod(power, degree)
            whole *= fmpq(base) ** turns
    return frozenset((number, power) for number, power in powers.items() if power), whole


def exactly(number: fmpq | int) -> Constant:
    number = fmpq(number)
    return Constant({_NO_FACTORS: number} if number else {})


def power_of(number: Number, power: int = 1) -> Constant:
    factors, whole = _product(frozenset({(number, power)}), _NO_FACTORS)
    return Constant({factors: whole})


def known_by(value: arb) -> Constant:
    """The constant that a ball holds, whatever it is."""
    if not value.is_finite():
        raise Unsure("the ball is not finite")
    if value.is_exact():
        mantissa, exponent = value.man_exp()
        if abs(exponent) < _LARGEST_EXPONENT:
            return exactly(fmpq(mantissa) * fmpq(2) ** int(exponent))
    return power_of(Number(value))


ZERO, ONE = exactly(0), exactly(1)


class Names:
    """Numbers by what they are, so that the same expression is always the same number, and the
    identities of logarithms, exponentials and roots of rational numbers hold exactly."""

    def __init__(self) -> None:
        self.numbers = {}
        self.logs = {}  # a number that is a logarithm → the constant that it is one of

    def number(self, name: Any, value: arb, radical: tuple[int, int] | None = None) -> Number:
        return self.numbers.setdefault(name, Number(value, radical))

    def of(self, name: Any, value: arb) -> Constant:
        """The constant called `name`: a rational one where the ball is exact."""
        exact = known_by(value)
        return exact if exact.rational is not None else power_of(self.number(name, value))

    def log(self, c: Constant) -> Constant:
        """log c = Σ v·log p + log(the rest) for c > 0, over the primes p of its rational factor."""
        q, rest = _rational_factor(c)
        total = ZERO if rest == ONE else power_of(self._log(rest))
        for prime, v in _factors(q).items():
            total += power_of(self._log(exactly(prime))) * exactly(v)
        return total

    def _log(self, c: Constant) -> Number:
        number = self.number(("log", c), c.ball.log())
        self.logs[number] = c
        return number

    def exp(self, c: Constant) -> Constant:
        """exp c = (e^(1/d))^n · a^r · … · exp(the rest), where n/d is the rational term and
        r·log a, … are the logarithms."""
        q = c.terms.get(_NO_FACTORS, fmpq(0))
        rest, powers = c - exactly(q), ONE
        for factors, r in c.terms.items():
            log = self._only_log(factors)
            if log is not None and abs(r) * abs(log.value) < _LONGEST_POWER:
                powers *= self.power(self.logs[log], r)
                rest -= Constant({factors: r})
        root = self.number(("exp", q.q), arb(1 / fmpq(q.q)).exp())
        return power_of(root, int(q.p)) * powers * self.of(("exp", rest), rest.ball.exp())

    def _only_log(self, factors: frozenset) -> Number | None:
        if len(factors) != 1:
            return None
        ((number, power),) = factors
        return number if power == 1 and number in self.logs else None

    def power(self, c: Constant, r: fmpq) -> Constant:
        """c^r for c > 0: the roots of primes, times a power of the rest."""
        if c == ONE:
            return ONE
        q, rest = _rational_factor(c)
        total = self.of(("power", rest, r), (rest.ball.log() * arb(r)).exp())
        for prime, v in _factors(q).items():
            exponent = v * r
            degree = int(exponent.q)
            root = self.number(
                ("root", prime, degree), arb(prime).root(degree), radical=(prime, degree)
            )
            total *= power_of(root, int(exponent.p))
        return total


def _rational_factor(c: Constant) -> tuple[fmpq, Constant]:
    """c as a positive rational number times the rest."""
    if len(c.terms) == 1:
        ((factors, q),) = c.terms.items()
        if q > 0:
            return q, Constant({factors: fmpq(1)})
    return fmpq(1), c


def _factors(q: fmpq) -> dict[int, int]:
    """The powers of small primes in a positive number, and what is left, as p → v."""
    powers = {}
    for number, turn in ((int(q.p), 1), (int(q.q), -1)):
        for prime in _PRIMES:
            while number % prime == 0:
                number //= prime
                powers[prime] = powers.get(prime, 0) + turn
        if number > 1:
            powers[number] = powers.get(number, 0) + turn
    return {prime: v for prime, v in powers.items() if v}
