"""Optimal transport between samples: exact, sliced, entropic, and between normal distributions.

Exact and sliced transport are POT's; this module fixes what goes in and what comes out. Entropic
transport is Sinkhorn's iteration, written out.
"""

import dataclasses
import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gancode.errors import Refused, positive_integer
from gancode.metrics.estimate import (
    BLOCK,
    Estimate,
    as_numbers,
    check_enough,
    in_one_space,
    mean_variance,
)


@dataclass(frozen=True)
class Transport:
    """The cheapest way to move weights onto weights.

    `distance` is the Wasserstein distance, the root of order k of the cost, and `error` its
    standard error. `plan`, shape (n, m), says how much of each point goes to each; its row and
    column sums are the weights. `potentials` are the two dual functions u (n,) and v (m,) with
    u[i] + v[j] ≤ ‖x[i] − y[j]‖ᵏ up to rounding, whose weighted sums add up to the cost: the proof
    that no plan is cheaper.
    """

    distance: float
    error: float
    plan: np.ndarray
    potentials: tuple[np.ndarray, np.ndarray]


def wasserstein(x: Any, y: Any, order: int = 1, weights: Any = (None, None)) -> Transport:
    """The exact Wasserstein distance of an order between two sets of points, by linear programming.

    `x` and `y` are arrays or tensors of shapes (n, d) and (m, d), or (n,) and (m,) on the line.
    `weights` holds for each None where its points are a sample, all of equal weight, and where they
    are the distribution itself their weights, non-negative with sum 1.

    The standard error is that of the samples; a distribution adds none. That of the cost is
    √(Var u/n + Var v/m) with the dual potentials u and v (del Barrio and Loubes 2019 for order 2;
    del Barrio, González-Sanz and Loubes 2024 above 1), and that of its root follows by the delta
    method. It takes the potentials for unique, as they are at orders above 1 between densities of
    connected support. At order 1 they need not be, nor between modes far apart, and where the two
    distributions are the same nothing is left to first order: there it is an upper one (by the
    inequality of Efron and Stein), for normal points and for rings of modes by 1.1 to 1.6 times. Of
    25 points it is too small, by a tenth at order 2 and a fifth at 3. It does not know of the bias:
    the distance of samples is too high, the more so the fewer they are and the more coordinates
    they have, and never zero between two samples of one density. Compare only distances of equal n
    and m. Below order 1 the root of the cost is no distance, as it breaks the triangle inequality;
    the cost itself is one.

    Costs memory of n·m numbers and time of about their product times its logarithm. The cost is
    exact to about 1e-15 of the greatest ‖x − y‖ᵏ. Raises ValueError for points that do not match or
    are not finite, for an order that is not positive or above 10, for samples of fewer than 25, and
    for weights that are no distribution.
    """
    if not 0 < order <= _HIGHEST:
        raise Refused(
            f"the order must be positive, not {order}, and at most {_HIGHEST}: above, nearly every "
            "cost is lost in rounding beside the greatest"
        )
    x, y, masses = _weighted(x, y, weights)
    distances = _costs(x, y, 1)
    largest = distances.max() or np.float64(1)
    with np.errstate(over="ignore"):
        largest_cost = largest**order
    if not np.isfinite(largest_cost):
        raise _too_far()
    # Of two costs that differ by less than 1e-14 POT takes either: so it is given large ones.
    costs = _LARGEST * (distances / largest) ** order
    plan, log = _pot().emd(*masses, costs, log=True, numItermax=10_000_000)
    if log["warning"]:
        raise RuntimeError(f"the linear program was not solved: {log['warning']}")
    total, potentials = max(float(log["cost"]), 0.0) / _LARGEST, (log["u"], log["v"])
    u, v = (potential / _LARGEST for potential in potentials)
    error = _root_error(total, order, _sampling_variance((u, v), weights))
    distance, error = (float(largest * each) for each in (total ** (1 / order), error))
    return Transport(distance, error, plan, (u * largest_cost, v * largest_cost))


def sliced_wasserstein(
    x: Any, y: Any, order: int = 2, projections: int = 200, seed: int = 0
) -> Estimate:
    """The sliced Wasserstein distance of an order between two sets of points: the root of order k
    of the mean, over directions θ, of Wₖᵏ between the points projected on θ (Bonneel et al. 2015).

    The directions are uniform on the sphere and drawn from `seed`. The standard error is that of
    the directions and of the points, whose share is that of `wasserstein` with the mean of the
    potentials over the directions (Rodríguez-Vítores, del Barrio and Loubes 2025); where the two
    distributions are the same it is too large, by up to 1.5 times. The distance is too high here as
    well, but by an amount that more coordinates do not make larger. Shapes are (n, d) and (m, d).
    Raises ValueError for points that do not match or are not finite, for fewer than 25, for fewer
    than 2 projections, and for an order below 1.
    """
    x, y = in_one_space("x", x, "y", y)
    if not 1 <= order < np.inf:
        raise Refused(f"the order must be at least 1, not {order}, and finite")
    check_enough("x", x)
    check_enough("y", y)
    if projections < 2:
        raise Refused(f"a standard error takes at least 2 projections, not {projections}")
    value, log = _pot().sliced_wasserstein_distance(
        x, y, n_projections=projections, p=order, seed=seed, log=True
    )
    costs, lines = log["projected_emds"], [points @ log["projections"] for points in (x, y)]
    variance = mean_variance(costs)
    for one, other in (lines, lines[::-1]):
        potentials = _line_potentials(one, other, order)
        # What a point adds in a direction, beside what it adds in all, is in the costs already.
        twice = potentials.var(axis=1, ddof=1).mean() / projections
        variance += max(potentials.mean(1).var(ddof=1) - twice, 0) / len(potentials)
    return Estimate(float(value), _root_error(costs.mean(), order, variance))


@dataclass(frozen=True)
class EntropicTransport:
    """The cheapest way to move weights onto weights that also pays epsilon times KL(plan ‖ a ⊗ b),
    with a and b the weights: the more it pays, the more the plan is spread.

    `cost` is the least of the sum, in units of a distance to its order, as epsilon is, and `error`
    its standard error. `plan`, shape (n, m), is positive and unique; `potentials` are u (n,) and v
    (m,) with plan[i, j] = a[i]·b[j]·exp((u[i] + v[j] − ‖x[i] − y[j]‖ᵏ)/epsilon), whose weighted
    sums add up to the cost. The plan's row sums are a; `violation` is what its column sums are off
    b by, all together, after so many `iterations`.

    Where a point moves the plan moves too, but the cost does not feel that to first order: its
    gradient in x[i] is that of Σⱼ plan[i, j]·‖x[i] − y[j]‖ᵏ with the plan held still.
    """

    cost: float
    error: float
    plan: np.ndarray
    potentials: tuple[np.ndarray, np.ndarray]
    iterations: int
    violation: float


def entropic_transport(
    x: Any,
    y: Any,
    epsilon: float,
    order: float = 2,
    weights: Any = (None, None),
    iterations: int = 10_000,
) -> EntropicTransport:
    """Entropic transport at the cost ‖x − y‖ᵏ, k the order, between two sets of points, by
    Sinkhorn's iteration (Cuturi 2013): the least E‖x − y‖ᵏ + epsilon·KL(plan ‖ a ⊗ b).

    Shapes and weights are those of `wasserstein`; epsilon is in units of the cost. The standard
    error is √(Var u/n + Var v/m) with the potentials (Mena and Niles-Weed 2019). The cost of a set
    to itself is not zero; `sinkhorn_divergence` takes that away. Each update of a potential sets
    one side's sums right; it stops where the other's are off by 1e-6 in all, which changes the cost
    by at most so much times the greatest ‖x − y‖ᵏ. The smaller epsilon is against the spread of the
    costs, the more iterations it takes, in proportion.

    Costs memory of n·m numbers, and time of as many for each iteration. Raises `Refused` for an
    epsilon or an order that is not positive, for all that `wasserstein` refuses, and where so many
    iterations do not suffice.
    """
    _require_positive_epsilon(epsilon)
    _require_positive_order(order)
    x, y, masses = _weighted(x, y, weights)
    found = _sinkhorn(masses, _costs(x, y, order), epsilon, iterations)
    error = float(np.sqrt(_sampling_variance(found.potentials, weights)))
    return dataclasses.replace(found, error=error)


def sinkhorn_divergence(
    x: Any,
    y: Any,
    epsilon: float,
    order: float = 2,
    weights: Any = (None, None),
    iterations: int = 10_000,
) -> Estimate:
    """The entropic cost from x to y less half of those from x to x and from y to y (Genevay, Peyré
    and Cuturi 2018): never negative at orders up to 2, and zero where the two are the same (Feydy
    et al. 2019).

    As epsilon falls it comes to the k-th power of the exact distance, and as it grows to half of
    2 E‖x − y‖ᵏ − E‖x − x′‖ᵏ − E‖y − y′‖ᵏ: at order 1 half of the energy distance. It is that of
    the two samples themselves: the pairs of a point with itself count, so between two samples of
    one density it is above zero. The standard error is that of the potentials x → y less those
    within, and says nothing where the two distributions are the same: there they vanish to first
    order. Arguments, costs and errors as for `entropic_transport`, and an order above 2 is refused.
    """
    if order > 2:
        raise Refused(f"the order must be at most 2, not {order}: above, it may be negative")
    between = entropic_transport(x, y, epsilon, order, weights, iterations)
    x, y, masses = _weighted(x, y, weights)
    value, potentials = between.cost, []
    for points, mass, potential in zip((x, y), masses, between.potentials, strict=True):
        within = _potential_within(mass, _costs(points, points, order), epsilon, iterations)
        value -= float(mass @ within)
        potentials.append(potential - within)
    error = np.sqrt(_sampling_variance(potentials, weights))
    return Estimate(max(value, 0.0), float(error))


def gaussian_wasserstein(
    mean: Any, covariance: Any, other_mean: Any, other_covariance: Any
) -> float:
    """W₂ between two normal distributions; its square is the Fréchet distance
    ‖m − m′‖² + tr(S + S′ − 2·(S^½ S′ S^½)^½) (Dowson and Landau 1982).

    Means have shape (d,), covariances (d, d), symmetric and positive semidefinite. Raises
    ValueError where they do not match or are not.
    """
    moments = _moments(mean, covariance, other_mean, other_covariance)
    return float(np.sqrt(max(moments.spread - 2 * moments.overlaps.sum(), 0.0)))


def gaussian_entropic_transport(
    mean: Any, covariance: Any, other_mean: Any, other_covariance: Any, epsilon: float
) -> float:
    """The cost of entropic transport between two normal distributions at the squared distance, in
    its units, as epsilon is (Janati et al. 2020):
    ‖m − m′‖² + tr(S + S′) + Σᵢ (epsilon/2·log(1 + 2cᵢ/epsilon) − 2cᵢ), with
    cᵢ = (√(epsilon² + 16kᵢ²) − epsilon)/4 and kᵢ the singular values of S^½ S′^½.

    The best plan is normal. Of a contraction K, S^½ K S′^½ is the covariance between its sides, and
    it pays −epsilon/2·log det(1 − KKᵀ): both this and the trace are best with K along the singular
    vectors, which leaves lines, on each of which 2c² + epsilon·c = 2k². On the line k = s·s′, and c
    is the covariance. Arguments and errors as for `gaussian_wasserstein`, and an epsilon that is
    not positive.
    """
    _require_positive_epsilon(epsilon)
    moments = _moments(mean, covariance, other_mean, other_covariance)
    # (√(epsilon² + 16k²) − epsilon)/4, which cancels where epsilon is large
    k = moments.overlaps
    covariances = 4 * k * (k / (np.hypot(epsilon, 4 * k) + epsilon))
    paid = epsilon / 2 * np.log1p(2 * covariances / epsilon)
    return float(moments.spread + np.sum(paid - 2 * covariances))


def gaussian_sinkhorn_divergence(
    mean: Any, covariance: Any, other_mean: Any, other_covariance: Any, epsilon: float
) -> float:
    """The Sinkhorn divergence of two normal distributions at the squared distance: the cost of
    `gaussian_entropic_transport` less half of those of each to itself. Arguments and errors as
    there."""
    one, other = (mean, covariance), (other_mean, other_covariance)
    costs = [
        gaussian_entropic_transport(*p, *q, epsilon)
        for p, q in ((one, other), (one, one), (other, other))
    ]
    return max(costs[0] - (costs[1] + costs[2]) / 2, 0.0)


class _Moments(NamedTuple):
    """E‖x − y‖² of independent x and y of two normal distributions, `spread`, and the singular
    values of S^½ S′^½, `overlaps`."""

    spread: float
    overlaps: np.ndarray


def _moments(mean: Any, covariance: Any, other_mean: Any, other_covariance: Any) -> _Moments:
    means = [np.atleast_1d(as_numbers(m)[0]) for m in (mean, other_mean)]
    covariances = [np.atleast_2d(as_numbers(c)[0]) for c in (covariance, other_covariance)]
    for m, c in zip(means, covariances, strict=True):
        if not (np.isfinite(m).all() and np.isfinite(c).all()):
            raise Refused("means and covariances must be finite")
        if m.ndim != 1 or c.shape != (len(m), len(m)) or len(m) != len(means[0]):
            raise Refused(
                f"means of shape (d,) go with covariances of shape (d, d), not {m.shape} with "
                f"{c.shape}"
            )
        largest = np.abs(c).max()
        if (np.abs(c - c.T) > 1e-5 * largest).any() or np.linalg.eigvalsh(c)[0] < -1e-10 * largest:
            raise Refused("a covariance must be symmetric and positive semidefinite")
    squared_shift = np.sum((means[0] - means[1]) ** 2)
    # ‖A^½ B^½‖₊ is the trace of the root: its singular values need no root of a product.
    roots = [_root(c) for c in covariances]
    overlaps = np.linalg.svd(roots[0] @ roots[1], compute_uv=False)
    spread = squared_shift + np.trace(covariances[0]) + np.trace(covariances[1])
    return _Moments(spread, overlaps)


_HIGHEST = 10  # order: of it, 1e-15 of the greatest cost is that of a thirtieth of the distance
_LARGEST = 1e8  # cost that POT is given
_TOLERANCE = 1e-6  # of mass at wrong places
_ROUND = 50  # iterations between two passes in logarithms


def _sinkhorn(
    masses: Sequence[np.ndarray], cost: np.ndarray, epsilon: float, iterations: int
) -> EntropicTransport:
    """Sinkhorn's iteration, without a standard error.

    Only a pass in logarithms is safe from overflow at every epsilon, and only products of matrices
    are fast: so a round is one of these and many of those, which are left out if they overflow.
    """
    a, b = masses
    limit = positive_integer("iterations", iterations)
    u, v, done = np.zeros(len(a)), np.zeros(len(b)), 0
    while True:
        u = u - epsilon * _log_mean((u[:, None] + v - cost) / epsilon, b, axis=1)
        excess = _log_mean((u[:, None] + v - cost) / epsilon, a[:, None], axis=0)
        violation = float(b @ np.abs(np.expm1(np.minimum(excess, 1))))
        done += 1
        if violation <= _TOLERANCE:
            with np.errstate(divide="ignore"):  # of no weight, whose potentials may be of any size
                shares = np.log(a)[:, None] + np.log(b)
            plan = np.exp(shares + (u[:, None] + v - cost) / epsilon)
            total = float(a @ u + b @ v)
            return EntropicTransport(total, 0.0, plan, (u, v), done, violation)
        if done >= limit or np.isnan(violation):
            raise _unfinished(done, violation, cost, epsilon)
        v = v - epsilon * excess
        left, right = np.ones(len(a)), np.ones(len(b))
        steps = min(_ROUND, limit - done - 1)
        with np.errstate(all="ignore"):
            kernel = np.exp((u[:, None] + v - cost) / epsilon)
            for _ in range(steps):
                left = 1 / (kernel @ (b * right))
                right = 1 / ((a * left) @ kernel)
            faster = u + epsilon * np.log(left), v + epsilon * np.log(right)
        if all(np.isfinite(each).all() for each in faster):
            (u, v), done = faster, done + steps


def _potential_within(
    mass: np.ndarray, cost: np.ndarray, epsilon: float, iterations: int
) -> np.ndarray:
    """The potential, the same for both sides, of a set to itself: half of what a pass says is
    wrong is made good at once, after which the error halves whatever epsilon is, as the kernel is
    positive (Knight, Ruiz and Uçar 2014)."""
    u = np.zeros(len(mass))
    for _ in range(positive_integer("iterations", iterations)):
        excess = _log_mean((u[:, None] + u - cost) / epsilon, mass, axis=1)
        violation = float(mass @ np.abs(np.expm1(np.minimum(excess, 1))))
        u = u - epsilon / 2 * excess
        if violation <= _TOLERANCE:
            return u
        if np.isnan(violation):
            break
    raise _unfinished(iterations, violation, cost, epsilon)


def _unfinished(iterations: int, violation: float, cost: np.ndarray, epsilon: float) -> Refused:
    return Refused(
        f"after {iterations} iterations {violation:.2g} of the mass is still at wrong places: at "
        f"epsilon={epsilon:g} and costs up to {cost.max():.3g} it takes more; give a larger "
        "iterations or epsilon, or take `wasserstein`, which is exact"
    )


def _log_mean(logarithms: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    """log Σ weights·exp(logarithms) along an axis; what has no weight may be of any size."""
    if not weights.all():
        logarithms = np.where(weights > 0, logarithms, -np.inf)
    top = logarithms.max(axis=axis, keepdims=True)
    total = (weights * np.exp(logarithms - top)).sum(axis=axis, keepdims=True)
    return (top + np.log(total)).squeeze(axis)


def _require_positive_epsilon(epsilon: float) -> None:
    if not 0 < epsilon < np.inf:
        raise Refused(
            f"epsilon={epsilon} must be positive and finite; `wasserstein` is the exact transport, "
            "with epsilon zero"
        )


def _require_positive_order(order: float) -> None:
    if not 0 < order < np.inf:
        raise Refused(f"the order must be positive, not {order}, and finite")


def _weighted(x: Any, y: Any, weights: Any) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """The points, enough of each that is a sample, and the weights of both."""
    x, y = in_one_space("x", x, "y", y)
    if not hasattr(weights, "__len__") or len(weights) != 2:
        raise Refused(
            "weights must be a pair, those of x and those of y, each None for a sample; not "
            f"{type(weights).__name__}"
        )
    masses = [_weights(*given) for given in zip("xy", weights, (x, y), strict=True)]
    for name, points, given in zip("xy", (x, y), weights, strict=True):
        if given is None:
            check_enough(name, points)
    return x, y, masses


def _too_far() -> Refused:
    return Refused("the costs are not finite: the points are too far apart, so rescale them")


def _costs(x: np.ndarray, y: np.ndarray, order: float) -> np.ndarray:
    """‖x − y‖ to the order, (n, m)."""
    cost = np.empty((len(x), len(y)))
    rows = max(1, BLOCK // max(1, y.size))
    for k in range(0, len(x), rows):  # a difference has d numbers for each of the cost
        cost[k : k + rows] = np.linalg.norm(x[k : k + rows, None] - y[None], axis=2) ** order
    if not np.isfinite(cost).all():
        raise _too_far()
    return cost


def _sampling_variance(potentials: Sequence[np.ndarray], weights: Any) -> float:
    """That of a cost with these potentials: a set of points with weights of its own adds none."""
    samples = [u for u, given in zip(potentials, weights, strict=True) if given is None]
    return float(sum(map(mean_variance, samples)))


def _root_error(cost: float, order: float, variance: float) -> float:
    """The standard error of cost^(1/order) from the variance of the cost."""
    # By the delta method; where nothing is to be moved the potentials are constant.
    return float(cost ** (1 / order - 1) / order * np.sqrt(variance)) if cost > 0 else 0.0


def _line_potentials(x: np.ndarray, y: np.ndarray, order: float) -> np.ndarray:
    """The dual potential, shape (n, k), of the points in each column of x, shape (n, k), moved onto
    those of y, shape (m, k), with mean 0 in each."""
    ranks, y = x.argsort(axis=0), np.sort(y, axis=0)
    x = np.take_along_axis(x, ranks, axis=0)
    # In order is cheapest: what lies beside the level i/n of x goes to the same point of y, and
    # the potential grows between the two by as much as the cost.
    beside = y[np.arange(1, len(x)) * len(y) // len(x)]
    growth = np.abs(x[1:] - beside) ** order - np.abs(x[:-1] - beside) ** order
    potential = np.zeros_like(x)
    np.put_along_axis(potential, ranks[1:], growth.cumsum(axis=0), axis=0)
    return potential - potential.mean(axis=0)


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(values.clip(0)) @ vectors.T


def _weights(name: str, weights: Any, points: np.ndarray) -> np.ndarray:
    if weights is None:
        return np.full(len(points), 1 / len(points))
    weights, rounding = as_numbers(weights)
    # Each is rounded, and so was what they were divided by.
    tolerance = max(1e-6, min(8 * rounding, 0.01))  # in float32 they may have been before
    total = weights.sum()
    if (
        weights.shape != (len(points),)
        or not (weights >= 0).all()
        or not abs(total - 1) <= tolerance
    ):
        raise Refused(
            f"the weights of {name} must be {len(points)} numbers, none negative, with sum 1, not "
            f"{weights.shape} numbers with sum {total:.9g}"
        )
    return weights if abs(total - 1) <= 1e-9 else weights / total


@functools.cache
def _pot() -> Any:
    """POT. Some of its docstrings hold escapes that Python warns about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        import ot
    return ot
