"""Expansions of expressions as a variable X tends to infinity, with parameters.

f = Σ c·m + O(m_R) with monomials m of `growth`. Each rule is a theorem: arithmetic, Taylor's
formula where a function is analytic, the classical asymptotic series (DLMF 5.11, 6.12, 7.12).
"""

from collections.abc import Callable
from fractions import Fraction

import sympy
from sympy import Dummy, S, pi

from .continuity import analytic_at, is_finite, requirements
from .forms import Form
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
from .symbols import softplus

_MOST_FACTORS = 8  # of a power that is multiplied out
_FASTER = 12  # powers of X by which xⁿ, |x| < 1, is known to vanish


class Expander:
    """Expansions of expressions in `x`, which tends to infinity, up to an order."""

    def __init__(self, region: Region, x: sympy.Symbol, order: int):
        self.scale, self.region, self.field = Scale(region, order), region, region.field
        self.x, self.order = x, order
        self._found: dict = {}

    def __call__(self, expr) -> Expansion:
        """Raises `Undecided`, `LostError`, `BeyondError`, `ZeroDivisionError`."""
        if expr not in self._found:
            self._found[expr] = self._expand(expr)
        return self._found[expr]

    def _expand(self, expr) -> Expansion:
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
            if kind in RULES:
                return RULES[kind](self, expr)
        if len(expr.args) == 1:
            return self._analytic(expr.func, self(expr.args[0]))
        raise BeyondError(expr.func)

    # Pieces ------------------------------------------------------------------------------------

    def growing(self, power=0, logs=0) -> Expansion:
        return Expansion(((Monomial((), number(power), number(logs)), UNIT),))

    def constant(self, value) -> Expansion:
        return self.scale.constant(self.scale.form(value))

    def real(self, expr) -> Expansion:
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

    def _power(self, expr) -> Expansion:
        base, exponent = expr.args
        if exponent.has(self.x):
            if not base.has(self.x) and self.region.sign(base) != 1:
                return self._power_of_constant(base, exponent)
            return self.exp(self.scale.multiply(self(exponent), self.log(self(base))))
        return self.raise_to(self(base), exponent)

    def _power_of_constant(self, base, exponent) -> Expansion:
        if not (self.region.real(base) and self.region.real(exponent)):
            raise BeyondError("a power that may be complex")
        if self.region.vanishes(base**2 - 1):
            return Expansion((), ONE)
        growth = self(exponent)
        fits = exponent.is_integer or self.region.never_negative(base)
        if fits and self.trend(growth) > 0 and self.sign(growth) > 0:
            if self.scale.trend(growth.terms[0][0]) > 0 and growth.terms[0][0].power != ZERO:
                if self.region.require_sign(1 - base**2) > 0:
                    rest = self.scale.power(growth.terms[0][0], number(-_FASTER))
                    return Expansion((), rest)
        raise BeyondError("a power of a number that is not positive")

    def raise_to(self, one: Expansion, exponent) -> Expansion:
        if exponent.is_Integer and 0 < exponent <= _MOST_FACTORS:
            total = one
            for _ in range(int(exponent) - 1):
                total = self.scale.multiply(total, one)
            return total
        if one.bound is None and exponent.is_positive:
            return one
        monomial, c, small = self.scale.leading(one)
        if not exponent.is_integer and self.scale.sign(c) < 0:
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

    def _whole_series(self, coefficients, small) -> Expansion:
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

    def _reciprocal_factorials(self):
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

    def _analytic(self, function: Callable, one: Expansion) -> Expansion:
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

    def at_infinity(self, function, one: Expansion, far: Callable) -> Expansion:
        """An odd function, with a rule `far` for arguments that tend to +∞."""
        where = self.toward(one)
        if where > 0:
            return far(self, one)
        if where < 0:
            return self.minus(far(self, self.minus(one)))
        return self._analytic(function, one)

    def in_reciprocal(self, one: Expansion, coefficients) -> Expansion:
        """Σ coefficients[k]/fᵏ + O(1/fᴷ) for f → ∞."""
        inverse = self.raise_to(one, S.NegativeOne)
        return self.scale.series([self.scale.form(c) for c in coefficients], inverse)


RULES: dict[type, Callable] = {}


def rule(*classes):
    def register(function):
        RULES.update(dict.fromkeys(classes, function))
        return function

    return register


def rewritten(make):
    return lambda expander, expr: expander(make(*expr.args))


RULES |= {
    sympy.exp: lambda expander, expr: expander.exp(expander(expr.args[0])),
    sympy.log: lambda expander, expr: expander.log(expander(expr.args[0])),
    softplus: rewritten(lambda z: sympy.log(1 + sympy.exp(z), evaluate=False)),
    sympy.sinh: rewritten(lambda z: (sympy.exp(z) - sympy.exp(-z)) / 2),
    sympy.cosh: rewritten(lambda z: (sympy.exp(z) + sympy.exp(-z)) / 2),
    sympy.tanh: rewritten(lambda z: 1 - 2 / (sympy.exp(2 * z) + 1)),
    sympy.coth: rewritten(lambda z: 1 + 2 / (sympy.exp(2 * z) - 1)),
    sympy.sech: rewritten(lambda z: 2 / (sympy.exp(z) + sympy.exp(-z))),
    sympy.csch: rewritten(lambda z: 2 / (sympy.exp(z) - sympy.exp(-z))),
    sympy.tan: rewritten(lambda z: sympy.sin(z) / sympy.cos(z)),
    sympy.cot: rewritten(lambda z: sympy.cos(z) / sympy.sin(z)),
    sympy.sec: rewritten(lambda z: 1 / sympy.cos(z)),
    sympy.csc: rewritten(lambda z: 1 / sympy.sin(z)),
    sympy.asinh: rewritten(lambda z: sympy.log(z + sympy.sqrt(z**2 + 1))),
    sympy.acosh: rewritten(lambda z: sympy.log(z + sympy.sqrt(z - 1) * sympy.sqrt(z + 1))),
    sympy.atanh: rewritten(lambda z: (sympy.log(1 + z) - sympy.log(1 - z)) / 2),
    sympy.acos: rewritten(lambda z: pi / 2 - sympy.asin(z)),
    sympy.erfc: rewritten(lambda z: 1 - sympy.erf(z)),
    sympy.factorial: rewritten(lambda n: sympy.gamma(n + 1, evaluate=False)),
    sympy.gamma: lambda expander, expr: expander.exp(_log_gamma(expander, expr.args[0])),
    sympy.loggamma: lambda expander, expr: _log_gamma(expander, expr.args[0]),
    sympy.harmonic: rewritten(lambda n: sympy.digamma(n + 1) + S.EulerGamma),
    sympy.Min: rewritten(lambda *args: -sympy.Max(*(-a for a in args))),
    sympy.ceiling: rewritten(lambda z: -sympy.floor(-z, evaluate=False)),
    sympy.li: rewritten(lambda z: sympy.Ei(sympy.log(z))),
}


@rule(sympy.sin, sympy.cos)
def _circular(expander, expr):
    argument = expander.real(expr.args[0])
    if expander.trend(argument) > 0 or (
        argument.rest is not None and expander.scale.trend(argument.rest) >= 0
    ):
        return Expansion((), ONE)
    return expander._analytic(expr.func, argument)


@rule(sympy.atan, sympy.erf)
def _bounded_at_infinity(expander, expr):
    far = _far_atan if isinstance(expr, sympy.atan) else _far_erf
    try:
        return expander.at_infinity(expr.func, expander.real(expr.args[0]), far)
    except LostError:
        return Expansion((), ONE)


def _far_atan(expander, one):
    series = [0 if k % 2 == 0 else S(-1) ** ((k + 1) // 2) / k for k in range(expander.order + 2)]
    return expander.scale.add(expander.constant(pi / 2), expander.in_reciprocal(one, series))


def _far_erf(expander, one):
    series, c = [0], 1 / sympy.sqrt(pi)
    for k in range(1, expander.order + 2):
        series.append(c if k % 2 else 0)
        if k % 2:
            c = -c * k / 2
    tail = expander.scale.multiply(
        expander.exp(expander.minus(expander.scale.multiply(one, one))),
        expander.in_reciprocal(one, series),
    )
    return expander.scale.add(expander.constant(1), expander.minus(tail))


@rule(sympy.asin)
def _arcsine(expander, expr):
    """Near 1, by asin z = π/2 − 2 asin √((1 − z)/2)."""
    one = expander.real(expr.args[0])
    value, _ = expander.limit(one)
    for sign in (1, -1):
        if value.as_number() == sign:
            gap = sympy.sqrt((1 - sign * expr.args[0]) / 2)
            return expander(sign * (pi / 2 - 2 * sympy.asin(gap, evaluate=False)))
    return expander._analytic(sympy.asin, one)


@rule(sympy.Ci)
def _cosine_integral(expander, expr):
    one = expander.real(expr.args[0])
    if expander.toward(one) > 0:
        return Expansion((), expander.raise_to(one, S.NegativeOne).bound)
    if expander.trend(one) == 0:
        return expander._analytic(sympy.Ci, one)
    series = [
        S(-1) ** (k // 2) / (k * sympy.factorial(k)) if k and k % 2 == 0 else 0
        for k in range(expander.order + 2)
    ]
    near = expander.scale.series([expander.scale.form(c) for c in series], one)
    return expander.scale.add(expander.constant(S.EulerGamma), expander.log(one), near)


@rule(sympy.Si)
def _sine_integral(expander, expr):
    def far(expander, one):
        rest = expander.raise_to(one, S.NegativeOne).bound
        return Expansion(expander.constant(pi / 2).terms, rest)

    one = expander.real(expr.args[0])
    if expander.trend(one) < 0:
        series = [
            S(-1) ** (k // 2) / (k * sympy.factorial(k)) if k % 2 else 0
            for k in range(expander.order + 2)
        ]
        return expander.scale.series([expander.scale.form(c) for c in series], one)
    return expander.at_infinity(sympy.Si, one, far)


@rule(sympy.Ei)
def _exponential_integral(expander, expr):
    one = expander.real(expr.args[0])
    if expander.toward(one):
        series = [0] + [sympy.factorial(k) for k in range(expander.order + 1)]
        return expander.scale.multiply(expander.exp(one), expander.in_reciprocal(one, series))
    if expander.trend(one) == 0:
        return expander._analytic(sympy.Ei, one)
    series = [S.EulerGamma] + [1 / (k * sympy.factorial(k)) for k in range(1, expander.order + 2)]
    size = one if expander.sign(one) > 0 else expander.minus(one)
    near = expander.scale.series([expander.scale.form(c) for c in series], one)
    return expander.scale.add(expander.log(size), near)


def _log_gamma(expander, z):
    one = expander(z)
    where = expander.toward(one)
    if where < 0:
        raise BeyondError("log gamma of what is negative")
    if where == 0:
        if expander.trend(one) == 0:
            return expander._analytic(sympy.loggamma, one)
        shifted = expander._analytic(sympy.loggamma, expander.scale.add(one, expander.constant(1)))
        return expander.scale.add(shifted, expander.minus(expander.log(one)))
    series = [sympy.log(2 * pi) / 2]
    for k in range(1, expander.order + 2):
        series.append(sympy.bernoulli(k + 1) / (k * (k + 1)) if k % 2 else 0)
    half = expander.scale.add(one, expander.constant(-S.Half))
    return expander.scale.add(
        expander.scale.multiply(half, expander.log(one)),
        expander.minus(one),
        expander.in_reciprocal(one, series),
    )


@rule(sympy.polygamma)
def _digamma(expander, expr):
    order, z = expr.args
    one = expander(z)
    if expander.toward(one) == 0 and expander.trend(one) == 0:
        return expander._analytic(lambda z: sympy.polygamma(order, z), one)
    if order != 0 or expander.toward(one) <= 0:
        raise BeyondError("polygamma")
    series = [0, -S.Half] + [
        -sympy.bernoulli(k) / k if k % 2 == 0 else 0 for k in range(2, expander.order + 2)
    ]
    return expander.scale.add(expander.log(one), expander.in_reciprocal(one, series))


@rule(sympy.binomial)
def _binomial(expander, expr):
    n, k = expr.args
    parts = [expander.real(part) for part in (n + 1, k + 1, n - k + 1)]
    if any(expander.sign(part) <= 0 for part in parts):
        raise BeyondError("a binomial coefficient")
    gamma = sympy.gamma
    return expander(gamma(n + 1) / (gamma(k + 1) * gamma(n - k + 1)))


@rule(sympy.polylog)
def _dilogarithm(expander, expr):
    """Reflection at 1, inversion at −∞."""
    order, z = expr.args
    if order != 2:
        raise BeyondError("polylog")
    one = expander.real(z)
    scale, where = expander.scale, expander.toward(one)
    if where < 0:
        log = expander.log(expander.minus(one))
        inverse = _near_zero(expander, expander.raise_to(one, S.NegativeOne))
        square = scale.scaled(scale.multiply(log, log), number(Fraction(-1, 2)))
        return scale.add(expander.constant(-(pi**2) / 6), square, expander.minus(inverse))
    if expander.trend(one) < 0:
        return _near_zero(expander, one)
    gap = scale.add(expander.constant(1), expander.minus(one))
    if expander.trend(gap) == 0:
        return expander._analytic(lambda z: sympy.polylog(2, z), one)
    if expander.sign(gap) <= 0:
        raise BeyondError("a dilogarithm beyond 1")
    logs = scale.multiply(expander.log(one), expander.log(gap))
    parts = expander.constant(pi**2 / 6), expander.minus(logs)
    return scale.add(*parts, expander.minus(_near_zero(expander, gap)))


def _near_zero(expander, one):
    coefficients = [ZERO] + [number(Fraction(1, k**2)) for k in range(1, expander.order + 2)]
    return expander.scale.series(coefficients, one)


@rule(sympy.Abs, sympy.sign, sympy.Heaviside)
def _step(expander, expr):
    one = expander.real(expr.args[0])
    sign = expander.sign(one)
    if isinstance(expr, sympy.Abs):
        return one if sign >= 0 else expander.minus(one)
    if isinstance(expr, sympy.sign):
        return expander.constant(sign)
    return expander.constant((0, expr.args[1], 1)[sign + 1])


@rule(sympy.Max)
def _maximum(expander, expr):
    best, *others = map(expander.real, expr.args)
    for other in others:
        gap = expander.scale.add(other, expander.minus(best))
        best = other if expander.sign(gap) > 0 else best
    return best


@rule(sympy.floor)
def _floor(expander, expr):
    one = expander.real(expr.args[0])
    if expander.trend(one) > 0:
        return expander.scale.add(one, Expansion((), ONE))
    value, small = expander.limit(one)
    exact = expander.scale.expression(value)
    if not exact.is_Rational:
        raise BeyondError("floor at what may be whole")
    below = exact.is_Integer and expander.sign(small) < 0
    return expander.constant(sympy.floor(exact) - int(below))


@rule(sympy.Piecewise)
def _piecewise(expander, expr):
    for value, condition in expr.args:
        if _holds(expander, condition):
            return expander(value)
    raise BeyondError("no case holds")


def _holds(expander, condition) -> bool:
    """Whether a condition holds from some X on."""
    if condition in (S.true, S.false):
        return bool(condition)
    if isinstance(condition, sympy.And):
        return all(_holds(expander, part) for part in condition.args)
    if isinstance(condition, sympy.Or):
        return any(_holds(expander, part) for part in condition.args)
    if isinstance(condition, sympy.Not):
        return not _holds(expander, condition.args[0])
    if not isinstance(condition, sympy.core.relational.Relational):
        raise BeyondError("a condition")
    sign = expander.sign(expander.real(condition.lhs - condition.rhs))
    operators = {"==": (0,), "!=": (1, -1), "<": (-1,), ">": (1,), "<=": (-1, 0), ">=": (0, 1)}
    return sign in operators[condition.rel_op]
