"""Is it good? Distances between samples, and between the Gaussians fitted to them.

Optimal transport is POT's; this module fixes what goes in and what comes out.
"""

import functools
import warnings
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Transport:
    """The cheapest way to move weights onto weights.

    `distance` is the Wasserstein distance, the root of order k of the cost. `plan`, shape (n, m),
    says how much of each point goes to each; its row and column sums are the weights. `potentials`
    are the two dual functions u (n,) and v (m,) with u[i] + v[j] ≤ ‖x[i] − y[j]‖ᵏ, whose weighted
    sums add up to the cost: the proof that no plan is cheaper.
    """

    distance: float
    plan: np.ndarray
    potentials: tuple[np.ndarray, np.ndarray]


def wasserstein(x, y, order: int = 1, weights=(None, None)) -> Transport:
    """The exact Wasserstein distance of an order between two sets of points, by linear programming.

    `x` and `y` are arrays or tensors of shapes (n, d) and (m, d), or (n,) and (m,) on the line;
    `weights` holds those of each, non-negative with sum 1, or None for equal ones. Costs memory of
    n·m numbers and time of about their product times its logarithm. Raises ValueError for points
    that do not match or are not finite, and for weights that are no distribution.
    """
    x, y = _points("x", x), _points("y", y)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"x has {x.shape[1]} coordinates and y has {y.shape[1]}")
    if not order > 0:
        raise ValueError(f"the order must be positive, not {order}")
    masses = [_weights(*pair) for pair in zip("xy", weights, (x, y), strict=True)]
    cost = np.linalg.norm(x[:, None] - y[None], axis=2) ** order
    plan, log = _pot().emd(*masses, cost, log=True, numItermax=10_000_000)
    if log["warning"]:
        raise RuntimeError(f"the linear program was not solved: {log['warning']}")
    return Transport(float(log["cost"]) ** (1 / order), plan, (log["u"], log["v"]))


def gaussian_wasserstein(mean, covariance, other_mean, other_covariance) -> float:
    """W₂ between two normal distributions; its square is the Fréchet distance
    ‖m − m′‖² + tr(S + S′ − 2·(S^½ S′ S^½)^½) (Dowson and Landau 1982).

    Means have shape (d,), covariances (d, d), symmetric and positive semidefinite. Raises
    ValueError where they do not match or are not.
    """
    means = [_points("a mean", m)[:, 0] for m in (mean, other_mean)]
    covariances = [np.atleast_2d(np.asarray(c, float)) for c in (covariance, other_covariance)]
    for m, c in zip(means, covariances, strict=True):
        if c.shape != (len(m), len(m)) or len(m) != len(means[0]):
            raise ValueError(
                f"means of shape (d,) go with covariances of shape (d, d), not {m.shape} with "
                f"{c.shape}"
            )
        if not np.allclose(c, c.T) or np.linalg.eigvalsh(c)[0] < -1e-10 * np.abs(c).max():
            raise ValueError("a covariance must be symmetric and positive semidefinite")
    squared_shift = np.sum((means[0] - means[1]) ** 2)
    # ‖A^½ B^½‖₊ is the trace of the root: its singular values need no root of a product.
    roots = [_root(c) for c in covariances]
    overlap = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    squared = squared_shift + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * overlap
    return float(np.sqrt(max(squared, 0.0)))


def _root(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(values.clip(0)) @ vectors.T


def _points(name, points):
    points = points.detach().cpu().numpy() if hasattr(points, "detach") else np.asarray(points)
    points = points.astype(np.float64)
    points = points[:, None] if points.ndim == 1 else points
    if points.ndim != 2 or not len(points):
        raise ValueError(f"{name} must have shape (n, d) or (n,), n > 0, not {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError(f"{name} holds numbers that are not finite")
    return points


def _weights(name, weights, points):
    if weights is None:
        return np.full(len(points), 1 / len(points))
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (len(points),) or (weights < 0).any() or abs(weights.sum() - 1) > 1e-9:
        raise ValueError(
            f"the weights of {name} must be {len(points)} numbers, none negative, with sum 1"
        )
    return weights


@functools.cache
def _pot():
    """POT's linear programs. Some of its docstrings hold escapes that Python warns about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        from ot import lp
    return lp
