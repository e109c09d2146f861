"""Wasserstein distances on the line, in closed form: the cost of moving one distribution onto the
other, and the potential that shows no cheaper way exists.

On the line the cheapest plan moves quantile to quantile, so the distance of order k is the k-th
root of ∫₀¹ |F⁻¹(u) − G⁻¹(u)|ᵏ du (Villani 2009). A plan that also pays for its entropy is spread
around that; between normal variables it is normal.
"""

from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Abs, Interval, Piecewise, S, Symbol, log, oo, pi

from ..errors import Refused, WrongType, positive_integer
from . import advice
from .densities import Density, NoClosedFormError, Total, X, add_integral, certain, normal_law
from .given import given
from .kinks import between


@dataclass(frozen=True)
class Potential:
    """A function t(`symbol`) = `expr` of slope at most 1, and `value` = E_first[t] − E_second[t].

    Any such function bounds W₁ from below (Kantorovich and Rubinstein); this one reaches it.
    """

    expr: sympy.Expr
    symbol: Symbol
    value: sympy.Expr


def wasserstein(first: Any, second: Any, order: int = 1) -> sympy.Expr:
    """The Wasserstein distance of an order (1, 2, …) between random variables of `sympy.stats`.

    Both are finite, or both of one family: normal, exponential or uniform. Raises
    `NoClosedFormError` for others, and for finite ones whose symbols leave open what comes first;
    `Refused` for an order that is no positive integer.
    """
    order = int(positive_integer("order", order))
    if _finite(first, second):
        cost = sum(share * Abs(gap) ** order for share, gap in _quantile_gaps(first, second))
    else:
        (start, scale), (other_start, other_scale), standard = _location_scale(first, second)
        gap = start - other_start + (scale - other_scale) * X
        cost = _absolute_moment(standard, gap, order)
    return advice.simplified(sympy.root(advice.simplified(cost), order))


def wasserstein_dual(first: Any, second: Any) -> Potential:
    """The best critic of slope at most one, and what it earns: W₁ by the dual problem.

    By parts, E_first[t] − E_second[t] = ∫ t′·(G − F), with F and G the distribution functions: so t
    rises where G > F and falls where G < F. The value is the difference of the two means of t.
    Arguments and errors as for `wasserstein`.
    """
    if _finite(first, second):
        return _finite_dual(first, second)
    (start, scale), (other_start, other_scale), standard = _location_scale(first, second)
    # At the level of z, F reaches start + scale·z. Where that is the greater one, G > F.
    gap = start - other_start + (scale - other_scale) * X
    crossing, sign = _crossing(gap, standard.support)
    densities = Density.of(first), Density.of(second)
    if crossing is None:
        means = [_moment(density, X, 1) for density in densities]
        return Potential(sign * X, X, advice.simplified(sign * (means[0] - means[1])))
    kink = advice.simplified(start + scale * crossing)
    means = [_absolute_moment(density, X - kink, 1) for density in densities]
    return Potential(sign * Abs(X - kink), X, advice.simplified(sign * (means[0] - means[1])))


def entropic_transport(first: Any, second: Any, epsilon: sympy.Expr | float) -> sympy.Expr:
    """The least E(x − y)² + ε·KL(plan ‖ first ⊗ second) over the plans between two normal variables
    of `sympy.stats`; the cost and ε are in the units of x squared (Janati et al. 2020).

    Of all plans with one covariance c the normal one has the least KL, −½ log(1 − c²/(σ²τ²)), with
    the deviations σ and τ; `entropic_covariance` is the best c, at which 1 − c²/(σ²τ²) is
    1/(1 + 2c/ε). Raises `NoClosedFormError` for other variables, and `Refused` for an ε that is not
    known to be positive.
    """
    (mean, variance), (other_mean, other_variance) = normal_law(first), normal_law(second)
    c = entropic_covariance(first, second, epsilon)
    apart = (mean - other_mean) ** 2 + variance + other_variance
    return apart - 2 * c + epsilon / S(2) * log(1 + 2 * c / epsilon)


def entropic_covariance(first: Any, second: Any, epsilon: sympy.Expr | float) -> sympy.Expr:
    """The covariance between the two sides of the plan of `entropic_transport`, the positive root
    of 2c² + εc = 2σ²τ²; arguments and errors as there."""
    (_, variance), (_, other_variance) = normal_law(first), normal_law(second)
    epsilon = given(epsilon, "epsilon")
    if not epsilon.is_positive:
        raise Refused(
            f"epsilon={epsilon} is not known to be positive; declare its symbols, as in "
            "Symbol('epsilon', positive=True). The exact distance, at zero, is `wasserstein`"
        )
    return (sympy.sqrt(epsilon**2 + 16 * variance * other_variance) - epsilon) / 4


def sinkhorn_divergence(first: Any, second: Any, epsilon: sympy.Expr | float) -> sympy.Expr:
    """The cost of `entropic_transport` less half of those of each variable to itself: zero where
    the two have one law, which the cost is not (Genevay, Peyré and Cuturi 2018; Feydy et al. 2019).
    Arguments and errors as there."""
    between, *within = (
        entropic_transport(*pair, epsilon)
        for pair in ((first, second), (first, first), (second, second))
    )
    return between - sum(within) / 2


def _finite(first: Any, second: Any) -> bool:
    for variable in (first, second):
        if not hasattr(variable, "pspace"):
            raise WrongType(f"a random variable of sympy.stats is needed, not {variable!r}")
    kinds = {bool(variable.pspace.is_Finite) for variable in (first, second)}
    if len(kinds) == 2:
        raise NoClosedFormError("one distribution is finite and the other continuous")
    return kinds.pop()


# Continuous: families that differ by a shift and a stretch -------------------------------------


def _location_scale(
    first: Any, second: Any
) -> tuple[tuple[sympy.Expr, sympy.Expr], tuple[sympy.Expr, sympy.Expr], Density]:
    """(m, s) of each, with the variable m + s·Z, and the density of the standard Z."""
    import sympy.stats.crv_types as types

    distributions = [variable.pspace.distribution for variable in (first, second)]
    families = {
        types.NormalDistribution: (
            lambda d: (d.mean, d.std),
            -(X**2) / 2 - log(2 * pi) / 2,
            S.Reals,
        ),
        types.ExponentialDistribution: (lambda d: (S.Zero, 1 / d.rate), -X, Interval(0, oo)),
        types.UniformDistribution: (lambda d: (d.left, d.right - d.left), S.Zero, Interval(0, 1)),
    }
    for family, (parameters, exponent, support) in families.items():
        if all(isinstance(distribution, family) for distribution in distributions):
            return *map(parameters, distributions), Density(exponent, support)
    raise NoClosedFormError(
        "closed forms are known between two normal, two exponential or two uniform variables, or "
        f"two finite ones; not between {distributions[0]} and {distributions[1]}. "
        "gancode.metrics.wasserstein computes the distance between samples"
    )


def _moment(density: Density, base: sympy.Expr, order: int) -> sympy.Expr:
    return add_integral(Total(), S.One, order, density.log, density.support, base).value()


def _absolute_moment(density: Density, base: sympy.Expr, order: int) -> sympy.Expr:
    """The mean of |base|^order, with `base` linear in `X`."""
    if order % 2 == 0:
        return _moment(density, base, order)
    if not base.has(X):
        return Abs(base) ** order
    crossing, sign = _crossing(base, density.support)
    if crossing is None:
        return sign * _moment(density, base, order)
    low, high = density.support.inf, density.support.sup
    total = add_integral(Total(), sign, order, density.log, Interval(crossing, high), base)
    return add_integral(total, -sign, order, density.log, Interval(low, crossing), base).value()


def _crossing(base: sympy.Expr, support: Interval) -> tuple[sympy.Expr | None, sympy.Expr]:
    """Where `base`, linear in `X`, vanishes inside the support, with its sign beyond that place; or
    None, with its sign on the whole support."""
    slope = advice.simplified(base.coeff(X, 1))
    if slope.is_zero is None:
        raise NoClosedFormError(f"whether {slope} is zero is not known; declare its symbols")
    if slope != 0:
        root = -base.subs(X, 0) / slope
        if certain((root > support.inf) & (root < support.sup), root):
            return root, sympy.sign(slope)
    return None, sympy.sign(base.subs(X, between(support.inf, support.sup)))


# Finite: steps ---------------------------------------------------------------------------------


def _masses(variable: Any) -> list:
    """Outcomes and their masses, in the order of the outcomes."""
    law = sympy.stats.density(variable)
    try:
        return sorted(law.dict.items())
    except (AttributeError, TypeError):  # no list of them, or no order
        raise NoClosedFormError(
            f"the outcomes of {variable} must be real numbers that can be put in order, not {law}"
        ) from None


def _quantile_gaps(first: Any, second: Any) -> list:
    """The intervals of levels u on which both quantiles are constant: (length, F⁻¹ − G⁻¹)."""
    gaps, (left, right) = [], map(_masses, (first, second))
    while left and right:
        (x, mass), (y, other) = left[0], right[0]
        share = mass if certain(sympy.Le(mass, other), f"the lesser of {mass}, {other}") else other
        gaps.append((share, x - y))
        left = [(x, mass - share), *left[1:]] if mass != share else left[1:]
        right = [(y, other - share), *right[1:]] if other != share else right[1:]
    return gaps


def _finite_dual(first: Any, second: Any) -> Potential:
    masses = [dict(_masses(variable)) for variable in (first, second)]
    places = sorted(set(masses[0]) | set(masses[1]))
    heights, branches, excess = [S.Zero], [], S.Zero  # excess is G − F
    for x, following in zip(places, places[1:], strict=False):
        excess += masses[1].get(x, 0) - masses[0].get(x, 0)
        slope = sympy.sign(excess)
        branches.append((heights[-1] + slope * (X - x), X < following))
        heights.append(heights[-1] + slope * (following - x))
    value = sum(
        (masses[0].get(x, 0) - masses[1].get(x, 0)) * height
        for x, height in zip(places, heights, strict=True)
    )
    last = branches.pop()[0] if branches else S.Zero
    return Potential(Piecewise(*branches, (last, True)), X, value)
