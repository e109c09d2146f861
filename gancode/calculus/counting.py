"""Distributions on the whole numbers whose masses are h(k)·xᵏ/G(x), and their sums.

Poisson, geometric, negative binomial, logarithmic and Flory–Schulz distributions are of this kind.
The ratio of two with the same h is exp(α·k + β), so sums of its powers are values of G, and those
with powers of its logarithm are derivatives of G.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mpmath
import sympy
from sympy import Expr, S, Symbol, binomial, exp, factorial, log, oo

from . import advice
from .deadline import check
from .densities import NoClosedFormError, Total
from .digits import in_digits
from .symbols import r

K = Symbol("k", integer=True, nonnegative=True)  # where a mass lies
_Z = Symbol("z", positive=True)
_SMALLEST = mpmath.mpf(10) ** -18  # what is left out of a numerical sum
_MOST_TERMS = 20_000


@dataclass(frozen=True)
class Counting:
    """Masses weight(k)·xᵏ/generating(x) for k = first, first + 1, …

    `radius` is where the generating function stops to converge.
    """

    x: Expr
    weight: Expr  # in K
    generating: Expr  # in _Z: Σ weight(k)·zᵏ
    first: int
    radius: Expr

    @classmethod
    def of(cls, variable: Any) -> "Counting":
        """The masses of a discrete random variable of `sympy.stats`. Raises `NoClosedFormError` for
        one that is not of this kind."""
        distribution = variable.pspace.distribution
        kind = type(distribution).__name__.removesuffix("Distribution")
        if kind not in _FAMILIES:
            raise NoClosedFormError(
                f"sums are known for {', '.join(_FAMILIES)} and finite distributions, not for "
                f"{distribution}"
            )
        return cls(*_FAMILIES[kind](*distribution.args))

    def mass(self) -> Expr:
        """The mass at k, an expression in K."""
        return self.weight * self.x**K / self.total(self.x)

    def total(self, x: Expr) -> Expr:
        return self.generating.subs(_Z, x)


_FAMILIES = {
    "Poisson": lambda rate: (rate, 1 / factorial(K), exp(_Z), 0, oo),
    "Geometric": lambda p: (1 - p, S.One, _Z / (1 - _Z), 1, S.One),
    "NegativeBinomial": lambda n, p: (1 - p, binomial(K + n - 1, K), (1 - _Z) ** -n, 0, S.One),
    "Logarithmic": lambda p: (p, 1 / K, -log(1 - _Z), 1, S.One),
    "FlorySchulz": lambda a: (1 - a, K, _Z / (1 - _Z) ** 2, 1, S.One),
}


def log_ratio(p: Counting, q: Counting) -> tuple[Expr, Expr]:
    """(α, β) with p/q = exp(α·k + β). Raises `NoClosedFormError` for two of different kinds."""
    if p.weight != q.weight:
        raise NoClosedFormError("the two distributions are of different kinds")
    return log(p.x / q.x), log(q.total(q.x) / p.total(p.x))


def add_power(
    total: Total, coefficient: Expr, order: Expr, times: int, p: Counting, q: Counting
) -> None:
    """Add Σ q·(p/q)^order·log(p/q)^times, times a coefficient."""
    slope, level = log_ratio(p, q)
    z = advice.simplified(q.x ** (1 - order) * p.x**order)
    scale = q.total(q.x) ** (order - 1) * p.total(p.x) ** -order

    def value() -> Expr:
        sums, moment = S.Zero, p.generating
        for n in range(times + 1):  # Σ kⁿ·weight(k)·zᵏ = (z·d/dz)ⁿ of the generating function
            sums += binomial(times, n) * slope**n * level ** (times - n) * moment.subs(_Z, z)
            moment = _Z * moment.diff(_Z)
        return scale * sums

    total.add(coefficient, sympy.sympify(z < p.radius), times % 2 == 0, value)


def numerical(f: Expr, slope: Expr, ends: tuple, p: Counting, q: Counting) -> Expr:
    """Σ q·f(p/q) to 15 digits, where f(0) and f′(∞), the two `ends`, are finite.

    f is convex, so it lies between a tangent of the given `slope` at r = 1 and f(0) + f′(∞)·r. What
    is left out of the sum is bounded by the masses that are left out, and those by geometric
    series. Raises `NoClosedFormError` where they fall too slowly.
    """
    value = in_digits(f, [r])
    with mpmath.workdps(30):
        slope, *ends = (abs(mpmath.mpmathify(sympy.N(number, 30))) for number in (slope, *ends))
        masses = [_masses(p), _masses(q)]
        costs = [ends[1] + slope, ends[0] + slope]  # of what p and q leave out, at most
        total = mpmath.mpf(0)
        for _ in range(_MOST_TERMS):
            check()
            (mass, tail), (other, other_tail) = map(next, masses)
            if mass and other:
                total += other * value(mass / other)
            else:
                total += other * ends[0] if other else mass * ends[1]
            if costs[0] * tail + costs[1] * other_tail < _SMALLEST:
                return sympy.Float(total, 15)
    raise NoClosedFormError(f"the masses fall too slowly: {_MOST_TERMS:,} terms are not enough")


def _masses(distribution: Counting) -> Iterator[tuple]:
    """The mass at k = 0, 1, 2, … with a bound of the sum of all that follow."""
    mass = in_digits(distribution.mass(), [K])
    growth = in_digits(distribution.weight.subs(K, K + 1) / distribution.weight, [K])
    x = mpmath.mpmathify(sympy.N(distribution.x, 30))
    limit = 0 if distribution.radius is oo else 1
    k = mpmath.mpf(0)
    while True:
        if k < distribution.first:
            yield mpmath.mpf(0), mpmath.inf
        else:
            # the weights' ratio tends to its limit from one side
            ratio = x * max(growth(k), growth(k + 1), limit)
            here = mass(k)
            yield here, here * ratio / (1 - ratio) if ratio < 1 else mpmath.inf
        k += 1
