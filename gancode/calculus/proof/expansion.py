"""Expansions as T → ∞ with a bounded remainder, and their arithmetic.

    f = Σ c·m + ρ·m_R,    m > m_R monomials of `scale`, c constants,

holds at every T ≥ T0: there ρ, which may vary with T, stays in a ball. Every rule is an identity
between numbers at one T, with Taylor's formula and Lagrange's remainder on the hull of the
arguments. What fails at some T0 (`Nearer`) may be tried at a larger one.
"""

from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any

from flint import arb, fmpq

from .constants import ZERO, Constant, Names, exactly
from .enclosure import Undefined, Unsure, require_finite, sign, whole_power
from .scale import CONSTANT, Beyond, Monomial, Nearer, compare


class Expansion:
    """`terms` are pairs (m, c), the largest first; `rest` is None or (m_R, ball of ρ)."""

    def __init__(
        self,
        place: "Place",
        terms: dict[Monomial, Constant],
        rests: Sequence[tuple[Monomial, arb]] = (),
    ) -> None:
        """What is beyond the order of `place`, and all that is no larger than the largest of the
        `rests`, goes into the rest."""
        self.place = place
        largest_first = cmp_to_key(lambda one, two: compare(two[0], one[0]))
        terms = sorted(((m, c) for m, c in terms.items() if c), key=largest_first)
        kept, small = terms[: place.order], [(m, c.ball) for m, c in terms[place.order :]]
        small += rests
        if small:
            top = max(small, key=lambda part: cmp_to_key(compare)(part[0]))[0]
            while kept and compare(kept[-1][0], top) <= 0:
                m, c = kept.pop()
                small.append((m, c.ball))
            rho = sum((r * place.beyond.range(m / top) for m, r in small), arb(0))
            if not rho.is_finite():
                raise Nearer
        self.terms = kept
        self.rest = (top, rho) if small else None

    def parts(self) -> list:
        return [self.rest] if self.rest else []

    def __add__(self, other: Any) -> "Expansion":
        return total(self.place, [self, self._like(other)])

    __radd__ = __add__

    def __neg__(self) -> "Expansion":
        return self * -1

    def __sub__(self, other: Any) -> "Expansion":
        return self + -other

    def __rsub__(self, other: Any) -> "Expansion":
        return -self + other

    def _like(self, other: Any) -> "Expansion":
        return other if isinstance(other, Expansion) else self.place.constant(other)

    def __mul__(self, other: Any) -> "Expansion":
        other = self._like(other)
        terms, rests = {}, []
        for m, c in self.terms:
            for n, d in other.terms:
                product = m * n
                value = c * d
                terms[product] = terms[product] + value if product in terms else value
            rests += [(m * n, c.ball * r) for n, r in other.parts()]
        for n, r in self.parts():
            rests += [(m * n, c.ball * r) for m, c in other.terms]
            rests += [(m * n, r * s) for m, s in other.parts()]
        return Expansion(self.place, terms, rests)

    __rmul__ = __mul__

    def is_zero(self) -> bool:
        return not self.terms and not self.rest

    def constant(self) -> Constant | None:
        """The number that it is for all T, if that is known."""
        if self.rest or any(m.parts for m, _ in self.terms):
            return None
        return self.terms[0][1] if self.terms else ZERO

    def loosened(self) -> tuple[Monomial, arb]:
        """(m, ball) with f = ρ·m for a ρ in the ball."""
        parts = [(m, c.ball) for m, c in self.terms] + self.parts()
        if not parts:
            return CONSTANT, arb(0)
        top = parts[0][0]
        rho = sum((r * self.place.beyond.range(m / top) for m, r in parts), arb(0))
        return top, rho

    def sign(self) -> int | None:
        """The sign for all T ≥ T0; None if it cannot be told however large T0 is."""
        where = sign(self.loosened()[1])
        if where is None and self.terms and self.terms[0][1].sign():
            raise Nearer
        return where

    def factored(self) -> tuple[Monomial, Constant, "Expansion"]:
        """(m, c, h) with f = c·m·(1 + h)."""
        (m, c), *smaller = self.terms
        over = Expansion(self.place, {CONSTANT / m: c.inverse()})
        return m, c, Expansion(self.place, dict(smaller), self.parts()) * over

    def split(self) -> tuple["Expansion", "Expansion"]:
        """The part that grows without bound and the one that does not."""
        if self.rest and compare(self.rest[0], CONSTANT) > 0:
            raise Unsure("an unbounded oscillation")
        n = sum(compare(m, CONSTANT) > 0 for m, _ in self.terms)
        growing, bounded = dict(self.terms[:n]), dict(self.terms[n:])
        return Expansion(self.place, growing), Expansion(self.place, bounded, self.parts())

    def limit(self) -> Constant | None:
        """Where it tends to as T → ∞; None if that is infinite, or not known."""
        largest = (self.terms + self.parts())[:1]
        if any(compare(m, CONSTANT) > 0 for m, _ in largest):
            return None
        return (
            None if self.rest and not self.rest[0].parts else dict(self.terms).get(CONSTANT, ZERO)
        )

    def bounded(self) -> "Expansion":
        growing, rest = self.split()
        if growing.terms:
            raise Unsure("an unbounded argument")
        return rest

    def power(self, r: fmpq) -> "Expansion":
        place = self.place
        if self.is_zero():
            if r > 0:
                return self
            raise Undefined("zero to a negative power")
        if not self.terms:
            m, rho = self.rest
            if rho < 0 and r.q == 1:
                return (-self).power(r) * (-1) ** abs(int(r.p))
            if not rho > 0:
                raise Unsure("a power of something whose sign is not known")
            return Expansion(place, {}, [(m ** exactly(r), (rho.log() * arb(r)).exp())])
        if self.terms[0][1].sign() == -1:
            if r.q != 1:
                raise Unsure("a root of a negative number")
            return (-self).power(r) * (-1) ** abs(int(r.p))
        m, c, h = self.factored()
        scale = Expansion(place, {m ** exactly(r): place.names.power(c, r)})
        return scale * taylor(h, lambda _: _binomials(r, place.order), _binomial_over(r))

    def inverse(self) -> "Expansion":
        return self.power(fmpq(-1))


class Place:
    """The half-line T ≥ T0, the number of terms to keep, and the names of constants."""

    def __init__(self, beyond: Beyond, order: int, names: Names):
        self.beyond = beyond
        self.order = order
        self.names = names

    def constant(self, c: Constant | fmpq | int) -> Expansion:
        c = c if isinstance(c, Constant) else exactly(c)
        return Expansion(self, {CONSTANT: c})

    def within(self, value: arb) -> Expansion:
        """Whatever stays in a ball."""
        return Expansion(self, {}, [(CONSTANT, require_finite(value))])


def total(place: Place, summands: list[Expansion]) -> Expansion:
    terms = {}
    for summand in summands:
        for m, c in summand.terms:
            terms[m] = terms[m] + c if m in terms else c
    return Expansion(place, terms, [part for summand in summands for part in summand.parts()])


# Functions -------------------------------------------------------------------------------------


def taylor(f: Expansion, at: Callable, over: Callable) -> Expansion:
    """φ(f) for a bounded f = c + h: `at(c)` are the first Taylor coefficients of φ at c, and
    `over(ball, n)` holds the n-th one at all points of a ball."""
    place, n = f.place, f.place.order
    if f.rest and not f.rest[0].parts:  # it does not tend to anything
        return place.within(_finite(over(f.rest[1], 0)))
    c = dict(f.terms).get(CONSTANT, ZERO)
    h = f - place.constant(c)
    coefficients = at(c)
    if h.is_zero():
        return place.constant(coefficients[0])
    result = place.constant(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result = result * h + place.constant(coefficient)
    m, rho = h.loosened()
    hull = (rho * place.beyond.range(m)).union(0)
    remainder = (m ** exactly(n), _finite(over(c.ball + hull, n)) * whole_power(rho, n))
    return Expansion(place, dict(result.terms), [*result.parts(), remainder])


def _finite(value: arb) -> arb:
    if not value.is_finite():
        raise Nearer
    return value


def _binomials(r: fmpq, n: int) -> list[Constant]:
    found = [fmpq(1)]
    for k in range(1, n):
        found.append(found[-1] * (r - k + 1) / k)
    return [exactly(number) for number in found]


def _binomial_over(r: fmpq) -> Callable:
    """The Taylor coefficients of (1 + h)^r at all h of a ball."""

    def over(hull: arb, n: int) -> arb:
        if not hull > -1:
            raise Nearer
        binomial = _binomials(r, n + 1)[n].ball
        return binomial * ((1 + hull).log() * arb(r - n)).exp()

    return over
