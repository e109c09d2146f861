"""Densities whose logarithm is a polynomial of degree two or less on an interval, and their
integrals in closed form.

Normal, exponential and uniform distributions are of this kind, and so are all products of powers of
their densities, which is why the divergences between them have closed forms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import And, Expr, Interval, S, Symbol, erf, exp, oo, pi, sqrt
from sympy.logic.boolalg import Boolean

from ..errors import Refused, WrongType
from . import advice

X = Symbol("x", real=True)


class NoClosedFormError(Refused):
    """No closed form was found; `Divergence.numeric` gives the number."""


@dataclass(frozen=True)
class Density:
    """exp(`log`) on `support`, an interval, and zero outside; `log` is a polynomial in `X`."""

    log: Expr
    support: Interval

    @classmethod
    def of(cls, variable: Any) -> "Density":
        """The density of a continuous random variable of `sympy.stats`.

        Raises `NoClosedFormError` where its logarithm is no polynomial of degree two or less on an
        interval, and `ValueError` where it does not integrate to one.
        """
        import sympy.stats  # here: whoever made the variable has loaded it already

        density = sympy.stats.density(variable)(X)
        if isinstance(density, sympy.Piecewise):  # the branch on the support
            density = density.args[0][0]
        exponent = sympy.expand(sympy.expand_log(sympy.log(density), force=True))
        support = variable.pspace.domain.set
        known = isinstance(support, Interval) or support == S.Reals
        if not known or _coefficients(exponent) is None:
            raise NoClosedFormError(
                "closed forms are known between densities exp(a·x² + b·x + c) on an interval "
                "(normal, exponential, uniform, truncated or not); the density of "
                f"{variable.pspace.distribution} is none. Use .numeric(log_p, log_q, grid)"
            )
        self = cls(exponent, Interval(support.inf, support.sup))
        mass = add_integral(Total(), S.One, 0, exponent, self.support).value()
        if mass.is_number and mass != 1:
            raise Refused(f"the density {density} integrates to {mass}, not to 1; normalise it")
        return self


def normal_law(variable: Any) -> tuple[Expr, Expr]:
    """Mean and variance of a normal random variable of `sympy.stats`. Raises `NoClosedFormError`
    for another one, and `WrongType` for what is none."""
    from sympy.stats.crv_types import NormalDistribution

    if not hasattr(variable, "pspace"):
        raise WrongType(f"a random variable of sympy.stats is needed, not {variable!r}")
    law = getattr(variable.pspace, "distribution", None)
    if not isinstance(law, NormalDistribution):
        raise NoClosedFormError(
            f"closed forms are known between normal variables, and {variable} is none; "
            "gancode.metrics estimates the same of samples"
        )
    return law.mean, law.std**2


class Total:
    """A sum of terms, each an integral or a sum, which may be infinite.

    A condition on parameters (such as λ < 2), on which the sum is finite, is collected.
    """

    def __init__(self) -> None:
        self.total = S.Zero
        self.conditions = set()

    def add(self, coefficient: Expr, converges: Any, even: bool, value: Callable[[], Expr]) -> None:
        """Add coefficient · value(), which is finite where it `converges` (true, false or a
        condition), and else infinite and positive where it is `even`.

        Raises `NoClosedFormError` where infinities of both signs may meet.
        """
        if coefficient == 0:
            return
        if coefficient is oo:
            self.total = oo
        elif converges == False:  # noqa: E712
            if not coefficient.is_positive or not even:
                raise NoClosedFormError("infinities of both signs may meet in the sum")
            self.total = oo
        if self.total is oo:
            return
        if converges != True:  # noqa: E712
            if not coefficient.is_positive:
                raise NoClosedFormError(f"whether the sum is finite depends on {converges}")
            self.conditions.add(converges)
        self.total += coefficient * value()

    def value(self) -> Expr:
        """The sum; infinite where the conditions do not hold."""
        total = advice.simplified(self.total)
        if not self.conditions or total is oo:
            return total
        return sympy.Piecewise((total, And(*self.conditions)), (oo, True))


def add_integral(
    total: Total, coefficient: Expr, power: Expr, exponent: Expr, region: Any, base: Expr = S.One
) -> Total:
    """Add ∫ coefficient · base^power · exp(exponent) over `region`, an interval, to a `Total`.

    `exponent` is a polynomial of degree two or less in `X`, and `base` is one too. Raises
    `NoClosedFormError` where infinities of both signs meet, or a sign is not known.
    """
    a, b, c = _coefficients(exponent)

    def value() -> Expr:
        moments = _moments(a, b, region, sympy.degree(base, X) * power if base.has(X) else 0)
        terms = sympy.Poly(sympy.expand(base**power), X).all_coeffs()[::-1]
        return exp(c) * sum(term * moments[n] for n, term in enumerate(terms))

    total.add(coefficient, _falls(a, b, region), power % 2 == 0, value)
    return total


def certain(condition: Any, about: Any) -> bool:
    """A condition as a truth value. Raises `NoClosedFormError` where the symbols leave it open."""
    if condition not in (S.true, S.false):
        raise NoClosedFormError(
            f"where {about} lies depends on its symbols; declare more of them (positive=True, …)"
        )
    return condition == True  # noqa: E712


def _coefficients(polynomial: Expr) -> tuple[Expr, Expr, Expr] | None:
    """(a, b, c) of a·x² + b·x + c, or None."""
    if not polynomial.is_polynomial(X) or sympy.degree(polynomial, X) > 2:
        return None
    return tuple(advice.simplified(polynomial.coeff(X, n)) for n in (2, 1, 0))


def _falls(a: Expr, b: Expr, region: Interval) -> Boolean:
    """Whether exp(a·x² + b·x) is integrable over `region`: true, false, or a condition."""
    if region.inf.is_finite and region.sup.is_finite:
        return S.true
    if region.inf.is_finite or region.sup.is_finite:
        slope = b if region.sup is oo else -b
        return (a < 0) if a != 0 else (slope < 0)
    return S.false if a == 0 else (a < 0)


def _moments(a: Expr, b: Expr, region: Interval, order: int) -> list[Expr]:
    """∫ xⁿ·exp(a·x² + b·x) over `region` for n = 0, …, order, by parts from the lowest one."""
    low, high = region.inf, region.sup

    def edge(n: int) -> Expr:
        """The change of xⁿ·exp(a·x² + b·x) over the region; it vanishes at infinity."""
        terms = [
            x**n * exp(a * x**2 + b * x) if x.is_finite else S.Zero for x in (high, low)
        ]  # 0**0 is 1
        return terms[0] - terms[1]

    moments = []
    for n in range(order + 1):
        if a == 0 and b == 0:
            moment = (high ** (n + 1) - low ** (n + 1)) / (n + 1)
        elif a == 0:
            moment = (edge(n) - (n * moments[n - 1] if n else 0)) / b
        elif n == 0:
            moment = _bell(a, b, low, high)
        else:
            rest = (n - 1) * moments[n - 2] if n > 1 else 0
            moment = (edge(n - 1) - rest - b * moments[n - 1]) / (2 * a)
        moments.append(moment)
    return moments


def _bell(a: Expr, b: Expr, low: Expr, high: Expr) -> Expr:
    """∫ exp(a·x² + b·x) over (low, high), by completing the square."""
    if not a.is_negative and low.is_finite and high.is_finite:
        raise NoClosedFormError(
            f"the sign of {a}, a coefficient of x² in an exponent, is not known"
        )
    width = sqrt(-a)
    ends = [erf(width * (x - b / (-2 * a))) if x.is_finite else sympy.sign(x) for x in (high, low)]
    return sqrt(pi) / (2 * width) * exp(-(b**2) / (4 * a)) * (ends[0] - ends[1])
