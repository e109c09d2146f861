"""The scale of growth: monomials in a variable X that tends to infinity, with parameters.

A monomial is exp(Σ c·X^r·(log X)^s) · X^a · (log X)^b, where r is rational, s whole, and the
exponents c, a, b are quotients of a `Field` that do not hold X. Which of two grows faster is a
question about the signs of their exponents, asked of a region.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, cmp_to_key
from typing import Any

import sympy
from flint import fmpq

from .. import forms
from ..forms import Form
from .regions import Region

ZERO, UNIT = Form.of({}), Form.of(forms.constant(1))
Speed = tuple[Fraction, int]  # (r, s) of an exponential


class LostError(ArithmeticError):
    """The terms that decide lie beyond the order to which an expansion goes."""


class BeyondError(ArithmeticError):
    """No rule expands this."""


def number(value: Fraction | int) -> Form:
    value = Fraction(value)
    return Form.of(forms.constant(fmpq(value.numerator, value.denominator)))


@dataclass(frozen=True)
class Monomial:
    speeds: tuple[tuple[Speed, Form], ...] = ()  # exponentials, the fastest first
    power: Form = ZERO
    logs: Form = ZERO

    @cached_property
    def key(self) -> tuple:
        speeds = tuple((speed, c.key) for speed, c in self.speeds)
        return speeds, self.power.key, self.logs.key

    def __eq__(self, other: Any) -> bool:
        return self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


ONE = Monomial()


@dataclass(frozen=True)
class Expansion:
    """Σ coefficient·monomial + O(rest), the fastest first; no rest: there is nothing more."""

    terms: tuple[tuple[Monomial, Form], ...]
    rest: Monomial | None = None

    @property
    def bound(self) -> Monomial | None:
        """It is O of this; None where it is zero."""
        return self.terms[0][0] if self.terms else self.rest


class Scale:
    """Arithmetic of monomials and expansions, up to an order."""

    def __init__(self, region: Region, order: int):
        self.region, self.field, self.order = region, region.field, order
        self._names: dict[tuple, sympy.Expr] = {}

    # Constants ---------------------------------------------------------------------------------

    def form(self, expr: sympy.Expr) -> Form:
        """A constant; `expression` remembers how it was written."""
        form = self.field.form(sympy.sympify(expr))
        self._names.setdefault(form.key, expr)
        return form

    def expression(self, form: Form) -> sympy.Expr:
        return self._names.get(form.key) or self.field.expression(form)

    def sign(self, form: Form) -> int:
        """Raises `Undecided`."""
        if (value := form.as_number()) is not None:
            return (value > 0) - (value < 0)
        return 0 if self.field.is_zero(form) else self.region.require_sign(self.expression(form))

    def inverse(self, form: Form) -> Form:
        """Raises `Undecided` where it may be zero."""
        if form.as_number() is None:
            self.region.require_nonzero(self.expression(form))
        return form.inverse()

    # Monomials ---------------------------------------------------------------------------------

    def times(self, first: Monomial, second: Monomial) -> Monomial:
        speeds = dict(first.speeds)
        for speed, c in second.speeds:
            speeds[speed] = speeds.get(speed, ZERO) + c
        return self.monomial(speeds, first.power + second.power, first.logs + second.logs)

    def monomial(
        self, speeds: dict[Speed, Form], power: Form = ZERO, logs: Form = ZERO
    ) -> Monomial:
        kept = ((s, c) for s, c in speeds.items() if not self.field.is_zero(c))
        return Monomial(tuple(sorted(kept, reverse=True, key=lambda pair: pair[0])), power, logs)

    def power(self, monomial: Monomial, exponent: Form) -> Monomial:
        speeds = {speed: c * exponent for speed, c in monomial.speeds}
        return self.monomial(speeds, monomial.power * exponent, monomial.logs * exponent)

    def trend(self, monomial: Monomial) -> int:
        """1 where it tends to infinity, 0 where it is 1, −1 where it tends to 0."""
        for c in (*(c for _, c in monomial.speeds), monomial.power, monomial.logs):
            if sign := self.sign(c):
                return sign
        return 0

    def compare(self, first: Monomial, second: Monomial) -> int:
        """The trend of their quotient."""
        if first == second:
            return 0
        return self.trend(self.times(first, self.power(second, number(-1))))

    def largest(self, *monomials: Monomial | None) -> Monomial | None:
        found = [monomial for monomial in monomials if monomial is not None]
        return max(found, key=cmp_to_key(self.compare), default=None)

    # Expansions --------------------------------------------------------------------------------

    def constant(self, form: Form) -> Expansion:
        return Expansion(() if self.field.is_zero(form) else ((ONE, form),))

    def collect(self, terms: Iterable[tuple[Monomial, Form]], *rests: Monomial | None) -> Expansion:
        """Terms in any order, and the bounds of what is left out."""
        rest = self.largest(*rests)
        sums: dict[Monomial, Form] = {}
        for monomial, c in terms:
            sums[monomial] = sums.get(monomial, ZERO) + c
        sums = {m: c for m, c in sums.items() if not self.field.is_zero(c)}
        fastest_first = cmp_to_key(lambda one, two: -self.compare(one, two))
        kept = [m for m in sums if rest is None or self.compare(m, rest) > 0]
        kept.sort(key=fastest_first)
        for here, after in zip(kept, kept[1:], strict=False):
            if self.compare(here, after) == 0:  # equal, though they do not look so
                rewritten = [(here if m in (here, after) else m, c) for m, c in sums.items()]
                return self.collect(rewritten, rest)
        if len(kept) > self.order:
            rest = kept[self.order]  # it outgrows the former rest
        return Expansion(tuple((m, sums[m]) for m in kept[: self.order]), rest)

    def add(self, *expansions: Expansion) -> Expansion:
        return self.collect(
            (term for one in expansions for term in one.terms), *(one.rest for one in expansions)
        )

    def scaled(self, one: Expansion, factor: Form, monomial: Monomial = ONE) -> Expansion:
        if self.field.is_zero(factor):
            return Expansion(())
        terms = tuple((self.times(m, monomial), c * factor) for m, c in one.terms)
        rest = None if one.rest is None else self.times(one.rest, monomial)
        return Expansion(terms, rest)

    def multiply(self, first: Expansion, second: Expansion) -> Expansion:
        terms = [(self.times(m, n), c * d) for m, c in first.terms for n, d in second.terms]
        rests = []
        for one, other in ((first, second), (second, first)):
            if one.rest is not None and other.bound is not None:
                rests.append(self.times(one.rest, other.bound))
        return self.collect(terms, *rests)

    def leading(self, one: Expansion) -> tuple[Monomial, Form, Expansion]:
        """(m, c, ε) with one = c·m·(1 + ε), c zero for no parameters, ε → 0."""
        if not one.terms:
            if one.rest is None:
                raise ZeroDivisionError
            raise LostError
        (monomial, c), *others = one.terms
        inverse = self.inverse(c)
        small = Expansion(tuple(others), one.rest)
        return monomial, c, self.scaled(small, inverse, self.power(monomial, number(-1)))

    def series(self, coefficients: Sequence[Form], small: Expansion) -> Expansion:
        """Σ coefficients[k]·εᵏ + O(εᴷ) for ε → 0, where there are K coefficients."""
        coefficients = list(coefficients)
        if small.bound is None:
            return self.constant(coefficients[0])
        if self.trend(small.bound) >= 0:
            raise LostError
        total, power = self.constant(coefficients[0]), self.constant(UNIT)
        for c in coefficients[1:]:
            power = self.multiply(power, small)
            total = self.add(total, self.scaled(power, c))
        rest = self.power(small.bound, number(len(coefficients)))
        return self.add(total, Expansion((), rest))
