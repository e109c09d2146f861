"""Expansions of expressions as a variable X tends to infinity, with parameters.

f = Σ c·m + O(m_R) with monomials m of `growth`. Each rule is a theorem: arithmetic, Taylor's
formula where a function is analytic, the classical asymptotic series (DLMF 5.11, 6.12, 7.12).
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import sympy
from sympy import Dummy, S

from ..forms import Form
from ..whole import is_whole
from .continuity import analytic_at, is_finite, requirements
from .growth import (
    ONE,
    UNIT,
    ZERO,
    BeyondError,
    Expansion,
    LostError,
    Monomial,
    Scale,
    number,
)
from .regions import Region

_MOST_FACTORS = 8  # of a power that is multiplied out
_FASTER = 12  # powers of X by which xⁿ, |x| < 1, is known to vanish


class Expander:
    """Expansions of expressions in `x`, which tends to infinity, up to an order."""

    def __init__(self, region: Region, x: sympy.Symbol, order: int, rules: dict[type, Callable]):
        self.scale, self.region, self.field = Scale(region, order), region, region.field
        self.x, self.order, self._rules = x, order, rules
        self._found: dict = {}

    def __call__(self, expr: sympy.Expr) -> Expansion:
        """Raises `Undecided`, `LostError`, `BeyondError`, `ZeroDivisionError`."""
        if expr not in self._found:
            self._found[expr] = self._expand(expr)
        return self._found[expr]

    def _expand(self, expr: sympy.Expr) -> Expansion:
        if not expr.has(self.x):
            return self.scale.constant(self.scale.form(expr))
        if expr == self.x:
            return self.growing(1)
        if expr.is_Add:
            return self.scale.add(*map(self, expr.args))
        if expr.is_Mul:
            total = self.scale.constant(UNIT)
            for factor in expr.args:
                total = self.scale.multiply(total, self(factor))
            return total
        if expr.is_Pow:
            return self._power(expr)
        for kind in type(expr).__mro__:
            if kind in self._rules:
                return self._rules[kind](self, expr)
        if len(expr.args) == 1:
            return self.analytic(expr.func, self(expr.args[0]))
        raise BeyondError(expr.func)

    # Pieces ------------------------------------------------------------------------------------

    def growing(self, power: int = 0, logs: int = 0) -> Expansion:
        return Expansion(((Monomial((), number(power), number(logs)), UNIT),))

    def constant(self, value: sympy.Expr) -> Expansion:
        return self.scale.constant(self.scale.form(value))

    def real(self, expr: sympy.Expr) -> Expansion:
        """The expansion of what must be real."""
        if not self.region.real(expr):
            raise BeyondError(f"{expr} may be complex")
        return self(expr)

    def minus(self, one: Expansion) -> Expansion:
        return self.scale.scaled(one, number(-1))

    def trend(self, one: Expansion) -> int:
        """1 where its bound tends to infinity, 0 where it is bounded, −1 where it tends to 0."""
        return -1 if one.bound is None else self.scale.trend(one.bound)

    def sign(self, one: Expansion) -> int:
        """Its sign from some X on. Raises `Undecided` and `LostError`."""
        if one.bound is None:
            return 0
        if not one.terms:
            raise LostError
        sign = self.scale.sign(one.terms[0][1])
        if not sign:
            return self.sign(Expansion(one.terms[1:], one.rest))
        return sign

    def limit(self, one: Expansion) -> tuple[Form, Expansion]:
        """The limit of what is bounded, and the rest, which tends to 0."""
        value, small = ZERO, []
        for monomial, c in one.terms:
            trend = self.scale.trend(monomial)
            if trend > 0:
                raise BeyondError("it is not bounded")
            if trend == 0:
                value = value + c
            else:
                small.append((monomial, c))
        if one.rest is not None and self.scale.trend(one.rest) >= 0:
            raise LostError
        return value, Expansion(tuple(small), one.rest)

    # Powers, exponentials, logarithms ----------------------------------------------------------

    def _power(self, expr: sympy.Expr) -> Expansion:
        base, exponent = expr.args
        if exponent.has(self.x):
            if not base.has(self.x) and self.region.sign(base) != 1:
                return self._power_of_constant(base, exponent)
            return self.exp(self.scale.multiply(self(exponent), self.log(self(base))))
        return self.raise_to(self(base), exponent)

    def _power_of_constant(self, base: sympy.Expr, exponent: Any) -> Expansion:
        if not (self.region.real(base) and self.region.real(exponent)):
            raise BeyondError("a power that may be complex")
        if self.region.vanishes(base**2 - 1):
            return Expansion((), ONE)
        growth = self(exponent)
        fits = is_whole(exponent) or self.region.never_negative(base)
        if fits and self.trend(growth) > 0 and self.sign(growth) > 0:
            if self.scale.trend(growth.terms[0][0]) > 0 and growth.terms[0][0].power != ZERO:
                if self.region.require_sign(1 - base**2) > 0:
                    rest = self.scale.power(growth.terms[0][0], number(-_FASTER))
                    return Expansion((), rest)
        raise BeyondError("a power of a number that is not positive")

    def raise_to(self, one: Expansion, exponent: Any) -> Expansion:
        if exponent.is_Integer and 0 < exponent <= _MOST_FACTORS:
            total = one
            for _ in range(int(exponent) - 1):
                total = self.scale.multiply(total, one)
            return total
        if one.bound is None and exponent.is_positive:
            return one
        monomial, c, small = self.scale.leading(one)
        if not is_whole(exponent) and self.scale.sign(c) < 0:
            raise BeyondError("a root of what is negative")
        power = self.scale.form(exponent)
        coefficients, factor = [UNIT], UNIT
        for k in range(1, self.order + 2):
            factor = factor * (power + number(1 - k)) * number(Fraction(1, k))
            coefficients.append(factor)
            if self.field.is_zero(factor):
                break
        head = self.field.form(self.scale.expression(c) ** exponent)
        series = self._whole_series(coefficients, small)
        return self.scale.scaled(series, head, self.scale.power(monomial, power))

    def _whole_series(self, coefficients: Sequence, small: Expansion) -> Expansion:
        """A series whose last coefficient may be zero: then it is a polynomial."""
        if not self.field.is_zero(coefficients[-1]):
            return self.scale.series(coefficients, small)
        total, power = self.scale.constant(coefficients[0]), self.scale.constant(UNIT)
        for c in coefficients[1:]:
            power = self.scale.multiply(power, small)
            total = self.scale.add(total, self.scale.scaled(power, c))
        return total

    def exp(self, one: Expansion) -> Expansion:
        factor, monomial, small, oscillates = UNIT, ONE, [], False
        for m, c in one.terms:
            trend = self.scale.trend(m)
            if trend < 0:
                small.append((m, c))
            elif trend == 0:
                factor = factor * self.field.exponential(c)
            elif self._is_imaginary(c):
                oscillates = True
            elif (grown := self._exp_of(m, c)) is not None:
                monomial = self.scale.times(monomial, grown)
            else:
                return self._double_exponential(one)
        if one.rest is not None and (trend := self.scale.trend(one.rest)) >= 0:
            if trend > 0:
                raise LostError
            oscillates = True
        if oscillates:
            return Expansion((), monomial)
        series = self.scale.series(self._reciprocal_factorials(), Expansion(tuple(small), one.rest))
        return self.scale.scaled(series, factor, monomial)

    def _reciprocal_factorials(self) -> list[Form]:
        return [number(Fraction(1, int(sympy.factorial(k)))) for k in range(self.order + 2)]

    def _is_imaginary(self, c: Form) -> bool:
        return self.field.is_real(self.field.normal(c * self.field.form(-S.ImaginaryUnit)))

    def _exp_of(self, m: Monomial, c: Form) -> Monomial | None:
        """exp(c·m) as a monomial, for m = X^r·(log X)^s."""
        power, logs = m.power.as_number(), m.logs.as_number()
        if m.speeds or power is None or logs is None or logs.q != 1 or logs < 0:
            return None
        if not self.field.is_real(c):
            raise BeyondError("a complex exponential")
        speed = Fraction(int(power.p), int(power.q)), int(logs.p)
        if speed == (0, 1):
            return Monomial((), c)
        return self.scale.monomial({speed: c}) if speed > (0, 1) else None

    def _double_exponential(self, one: Expansion) -> Expansion:
        """exp(f), where f outgrows the exponents of monomials: it vanishes faster than they do
        where f → −∞."""
        monomial, c, _ = self.scale.leading(one)
        if self.scale.sign(c) > 0 or not self.field.is_real(c):
            raise BeyondError("a double exponential")
        return Expansion((), self.scale.power(monomial, number(-_FASTER)))

    def log(self, one: Expansion) -> Expansion:
        monomial, c, small = self.scale.leading(one)
        if not self.field.is_real(c) or self.scale.sign(c) < 0:
            raise BeyondError("a logarithm of what is negative")
        if monomial.logs != ZERO:
            raise BeyondError("an iterated logarithm")
        terms = [
            (Monomial((), number(r), number(s)), coefficient)
            for (r, s), coefficient in monomial.speeds
        ]
        terms.append((Monomial((), ZERO, UNIT), monomial.power))
        head = self.scale.collect([*terms, (ONE, self.field.logarithm(c))])
        signs = [ZERO] + [number(Fraction((-1) ** (k + 1), k)) for k in range(1, self.order + 2)]
        return self.scale.add(head, self.scale.series(signs, small))

    # Functions ---------------------------------------------------------------------------------

    def analytic(self, function: Callable, one: Expansion) -> Expansion:
        """Taylor's formula where the argument tends to a point at which it holds."""
        value, small = self.limit(one)
        z, here = Dummy("z"), self.scale.expression(value)
        expr = function(z)
        if requirements(expr, z) is None:
            raise BeyondError(function)
        real = Dummy("z", real=True)
        if not analytic_at(self.region, expr.xreplace({z: real}), real, here):
            raise BeyondError(f"{function} at {here}")
        coefficients = []
        for k in range(self.order + 1):
            c = (expr / sympy.factorial(k)).subs(z, here)
            if not is_finite(c):  # a formula for a derivative may divide by zero
                raise BeyondError(f"{function} at {here}")
            coefficients.append(self.field.form(c))
            expr = expr.diff(z)
        return self.scale.series(coefficients, small)

    def toward(self, one: Expansion) -> int:
        """1 or −1 where it tends to ±∞, 0 where it is bounded."""
        if self.trend(one) <= 0:
            return 0
        if not one.terms:
            raise LostError
        return self.sign(Expansion(one.terms[:1])) or self.toward(
            Expansion(one.terms[1:], one.rest)
        )

    def at_infinity(self, function: Callable, one: Expansion, far: Callable) -> Expansion:
        """An odd function, with a rule `far` for arguments that tend to +∞."""
        where = self.toward(one)
        if where > 0:
            return far(self, one)
        if where < 0:
            return self.minus(far(self, self.minus(one)))
        return self.analytic(function, one)

    def in_reciprocal(self, one: Expansion, coefficients: Sequence) -> Expansion:
        """Σ coefficients[k]/fᵏ + O(1/fᴷ) for f → ∞."""
        inverse = self.raise_to(one, S.NegativeOne)
        return self.scale.series([self.scale.form(c) for c in coefficients], inverse)
