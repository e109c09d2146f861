"""The arithmetic of identities: quotients of polynomials in generators with rational exponents.

A monomial is a product of powers of generators, such as x·2^(1/2)·exp(t)^(−1/3): a tuple of pairs
(index of the generator, exponent), in the order of the indices. A polynomial maps monomials to
coefficients that are not zero. Python's fractions and FLINT's rationals and polynomials do the
arithmetic; nothing here knows what a generator stands for.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from flint import Ordering, fmpq, fmpq_mpoly_ctx

Monomial = tuple[tuple[int, Fraction], ...]
Poly = dict[Monomial, fmpq]
ONE: Monomial = ()
MAX_TERMS = 4000
MAX_DEGREE = 200
_MAX_BITS = 100_000  # of a coefficient


class TooLargeError(ArithmeticError):
    """A polynomial has more terms, or longer coefficients, than are worth working on."""


def constant(value: fmpq | int) -> Poly:
    value = fmpq(value)
    return {ONE: value} if value != 0 else {}


def generator(index: int, exponent: Fraction | int = 1) -> Poly:
    return {((index, Fraction(exponent)),): fmpq(1)}


def times(first: Monomial, second: Monomial) -> Monomial:
    if not first or not second:
        return first or second
    powers = dict(first)
    for index, exponent in second:
        powers[index] = powers.get(index, 0) + exponent
    return tuple(sorted(pair for pair in powers.items() if pair[1]))


def power(monomial: Monomial, exponent: Fraction | int) -> Monomial:
    return tuple((index, e * exponent) for index, e in monomial) if exponent else ONE


def add(first: Poly, second: Poly) -> Poly:
    total = dict(first)
    for monomial, coefficient in second.items():
        value = total.get(monomial, fmpq(0)) + coefficient
        if value == 0:
            del total[monomial]
        else:
            total[monomial] = value
    return total


def scale(poly: Poly, factor: fmpq, monomial: Monomial = ONE) -> Poly:
    return {times(m, monomial): c * factor for m, c in poly.items()} if factor != 0 else {}


def multiply(first: Poly, second: Poly) -> Poly:
    if len(first) * len(second) > 40 * MAX_TERMS:
        raise TooLargeError
    total: Poly = {}
    for m, c in first.items():
        for n, d in second.items():
            product = times(m, n)
            value = total.get(product, fmpq(0)) + c * d
            total[product] = value
    total = {monomial: value for monomial, value in total.items() if value != 0}
    if len(total) > MAX_TERMS:
        raise TooLargeError
    return total


def raised(poly: Poly, exponent: int) -> Poly:
    if len(poly) == 1:
        ((monomial, coefficient),) = poly.items()
        return {power(monomial, exponent): _raised_number(coefficient, exponent)}
    if exponent > MAX_TERMS:
        raise TooLargeError
    result = constant(1)
    for _ in range(exponent):
        result = multiply(result, poly)
    return result


def _raised_number(number: fmpq, exponent: int) -> fmpq:
    if abs(number) == 1:
        return number if exponent % 2 else fmpq(1)
    if max(number.p.bit_length(), number.q.bit_length()) * exponent > _MAX_BITS:
        raise TooLargeError
    return number**exponent


def content(poly: Poly) -> Monomial:
    """The monomial of the least exponents: what can be divided out of every term."""
    powers = [dict(monomial) for monomial in poly]
    least = {i: min(here.get(i, Fraction(0)) for here in powers) for i in generators(poly)}
    return tuple(sorted(pair for pair in least.items() if pair[1]))


def generators(poly: Poly) -> set[int]:
    return {index for monomial in poly for index, _ in monomial}


@dataclass(frozen=True)
class Bridge:
    """The way of some polynomials to FLINT's and back, with exponents made whole."""

    indices: tuple[int, ...]
    units: tuple[Fraction, ...]  # exponent 1 there is this exponent here

    @classmethod
    def over(cls, *polys: Poly) -> "Bridge":
        denominators: dict[int, int] = {}
        for poly in polys:
            for monomial in poly:
                for index, exponent in monomial:
                    denominators[index] = math.lcm(denominators.get(index, 1), exponent.denominator)
        indices = tuple(sorted(denominators))
        reach = max(
            (abs(e) * denominators[i] for poly in polys for monomial in poly for i, e in monomial),
            default=0,
        )
        if reach > MAX_DEGREE:  # FLINT would work on it for hours, and cannot be interrupted
            raise TooLargeError
        return cls(indices, tuple(Fraction(1, denominators[i]) for i in indices))

    @cached_property
    def ring(self) -> fmpq_mpoly_ctx:
        names = tuple(f"g{index}" for index in self.indices)
        return fmpq_mpoly_ctx.get(names, Ordering.lex)

    def there(self, poly: Poly) -> Any:
        """A polynomial without negative exponents, as FLINT's."""
        terms = {}
        for monomial, coefficient in poly.items():
            powers = dict(monomial)
            key = tuple(
                int(powers.get(index, 0) / unit)
                for index, unit in zip(self.indices, self.units, strict=True)
            )
            terms[key] = coefficient
        return self.ring.from_dict(terms)

    def back(self, poly: Any) -> Poly:
        return {
            tuple(
                (index, int(exponent) * unit)
                for index, unit, exponent in zip(self.indices, self.units, exponents, strict=True)
                if exponent
            ): fmpq(coefficient)
            for exponents, coefficient in poly.to_dict().items()
        }


def factored(poly: Poly) -> tuple[fmpq, Monomial, list[tuple[Poly, int]]]:
    """A number, a monomial and irreducible factors with their multiplicities; each factor has a
    positive first coefficient, so that it is the same wherever it comes from."""
    monomial = content(poly)
    rest = scale(poly, fmpq(1), power(monomial, -1))
    if len(rest) == 1:
        return next(iter(rest.values())), monomial, []
    bridge = Bridge.over(rest)
    number, factors = bridge.there(rest).factor()
    number = fmpq(number)
    found = []
    for factor, multiplicity in factors:
        if factor.leading_coefficient() < 0:
            factor, number = -factor, number * (-1) ** int(multiplicity)
        found.append((bridge.back(factor), int(multiplicity)))
    return number, monomial, found


def frozen(poly: Poly) -> frozenset:
    return frozenset((m, (int(c.p), int(c.q))) for m, c in poly.items())


@dataclass(frozen=True)
class Form:
    """A quotient of two polynomials."""

    num: Poly
    den: Poly

    @classmethod
    def of(cls, num: Poly, den: Poly | None = None) -> "Form":
        return cls(num, constant(1) if den is None else den)

    @property
    def is_polynomial(self) -> bool:
        return len(self.den) == 1

    def as_number(self) -> fmpq | None:
        """Its value, where it has no generators."""
        if not self.num:
            return fmpq(0)
        if set(self.num) == {ONE} == set(self.den):
            return self.num[ONE] / self.den[ONE]
        return None

    def __add__(self, other: "Form") -> "Form":
        if self.den == other.den:
            return Form(add(self.num, other.num), self.den).reduced()
        num = add(multiply(self.num, other.den), multiply(other.num, self.den))
        return Form(num, multiply(self.den, other.den)).reduced()

    def __neg__(self) -> "Form":
        return Form(scale(self.num, fmpq(-1)), self.den)

    def __sub__(self, other: "Form") -> "Form":
        return self + (-other)

    def __mul__(self, other: "Form") -> "Form":
        return Form(multiply(self.num, other.num), multiply(self.den, other.den)).reduced()

    def inverse(self) -> "Form":
        """Raises ZeroDivisionError."""
        if not self.num:
            raise ZeroDivisionError
        return Form(self.den, self.num).reduced()

    def __pow__(self, exponent: int) -> "Form":
        base = self if exponent >= 0 else self.inverse()
        result = Form(raised(base.num, abs(exponent)), raised(base.den, abs(exponent)))
        return result.reduced()

    def reduced(self) -> "Form":
        """In lowest terms, the denominator without a monomial, and its first coefficient 1."""
        if not self.num:
            return Form({}, constant(1))
        monomial = content(self.den)
        num = scale(self.num, fmpq(1), power(monomial, -1))
        den = scale(self.den, fmpq(1), power(monomial, -1))
        if len(den) > 1:
            below = content(num)
            bare = scale(num, fmpq(1), power(below, -1))
            bridge = Bridge.over(bare, den)
            first, second = bridge.there(bare), bridge.there(den)
            common = first.gcd(second)
            if not common.is_constant():
                num = scale(bridge.back(first / common), fmpq(1), below)
                den = bridge.back(second / common)
        lead = 1 / den[max(den)] if len(den) > 1 else 1 / next(iter(den.values()))
        return Form(scale(num, lead), scale(den, lead))

    @property
    def key(self) -> tuple:
        """Equal for equal quotients in lowest terms."""
        return frozen(self.num), frozen(self.den)

    def division(self) -> tuple[Poly, Poly]:
        """Whole part and remainder of the numerator over the denominator."""
        if self.is_polynomial:
            (monomial, coefficient), *_ = self.den.items()
            return scale(self.num, 1 / coefficient, power(monomial, -1)), {}
        if any(exponent < 0 for monomial in self.num for _, exponent in monomial):
            return {}, self.num
        bridge = Bridge.over(self.num, self.den)
        whole, rest = divmod(bridge.there(self.num), bridge.there(self.den))
        return bridge.back(whole), bridge.back(rest)
