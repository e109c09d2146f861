"""Integral probability metrics whose best critic has a closed form: the maximum mean discrepancy of
a kernel (Gretton et al. 2012), the energy distance, and Cramér's on the line.

Over functions of norm one in the space of a positive kernel the best critic is the difference of
the mean embeddings, E k(x, ·) − E k(y, ·), up to its length, which is the discrepancy. Squared it
is E k(x, x′) + E k(y, y′) − 2 E k(x, y).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from gancode.errors import Refused
from gancode.metrics.estimate import (
    Estimate,
    as_numbers,
    in_groups,
    in_one_space,
    jackknife_error,
    two_a_group,
)

_TRIED = 200  # points of each sample on which a kernel of one's own is looked at
_HIGHEST = 100  # degree of a polynomial kernel: beyond, its sums are those of the outermost pair


@dataclass(frozen=True)
class _OfDistances:
    """A kernel of the distance in units of its bandwidth ℓ."""

    bandwidth: float

    def __post_init__(self) -> None:
        _require_positive("bandwidth", self.bandwidth)


class Gaussian(_OfDistances):
    """exp(−‖x − y‖²/(2ℓ²)) of bandwidth ℓ; characteristic: it tells any two distributions apart."""

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.exp(-((cdist(x, y) / self.bandwidth) ** 2) / 2)


class Laplace(_OfDistances):
    """exp(−‖x − y‖/ℓ) of bandwidth ℓ; characteristic, and with a kink at x = y."""

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.exp(-cdist(x, y) / self.bandwidth)


@dataclass(frozen=True)
class RationalQuadratic(_OfDistances):
    """(1 + ‖x − y‖²/(2αℓ²))^(−α): Gaussian kernels of all bandwidths around ℓ; characteristic."""

    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_positive("alpha", self.alpha)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        squares = (cdist(x, y) / self.bandwidth) ** 2
        return np.exp(-self.alpha * np.log1p(squares / (2 * self.alpha)))


@dataclass(frozen=True)
class Polynomial:
    """(x·y / scale + offset)^degree. It sees moments up to its degree and nothing else: two
    distributions that share these have the discrepancy zero."""

    degree: int = 3
    offset: float = 1.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.degree, (int, np.integer)) or not 1 <= self.degree <= _HIGHEST:
            raise Refused(
                f"degree={self.degree!r} must be a positive integer, {_HIGHEST} at most: of "
                "another power the kernel is not positive, and of a higher one nearly all that it "
                "sees is the outermost pair of points"
            )
        _require_positive("scale", self.scale)
        if not 0 <= self.offset < np.inf:
            raise Refused(
                f"offset={self.offset} must be finite and not negative: with a negative one the "
                "kernel is not positive, k(x, x) < 0 at x = 0 or in a power of it"
            )

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        root = x @ y.T / self.scale + self.offset
        found = root
        for _ in range(self.degree - 1):  # NumPy's power is many times slower
            found = found * root
        return found


_POSITIVE = (Gaussian, Laplace, RationalQuadratic, Polynomial)


def maximum_mean_discrepancy(x: Any, y: Any, kernel: Callable, biased: bool = False) -> Estimate:
    """The squared maximum mean discrepancy of two samples, (n, d) and (m, d), under a kernel.

    `kernel` is one of this module's, or a function of points (n, d) and (m, d) that returns the
    matrix (n, m). By default the estimate is unbiased (the U-statistic), so it may be negative;
    `biased` keeps the pairs of a point with itself (the V-statistic), which is the discrepancy of
    the two samples themselves: never negative, and on average too large by
    (E k(x, x) − E k(x, x′))/n + (E k(y, y) − E k(y, y′))/m. The
    standard error is that of a jackknife that leaves out one of 25 groups of each sample, which is
    too large, by about √2, where the two distributions are the same. Costs time of (n + m)²·d.

    Raises `Refused` for fewer than 50 samples, for a kernel that is complex or not finite on them,
    and for one of your own that is not symmetric, or not positive, on 200 of each, taken at random:
    then there is no space of functions behind it, and no distance.
    """
    x, y = two_a_group("x", x, "y", y)
    if type(kernel) not in _POSITIVE:
        rng = np.random.default_rng(0)
        tried = [rng.permutation(sample)[:_TRIED] for sample in (x, y)]
        _require_positive_kernel(kernel, np.concatenate(tried))
    return discrepancy(x, y, kernel, biased)


def energy_distance(x: Any, y: Any, biased: bool = False) -> Estimate:
    """2 E‖x − y‖ − E‖x − x′‖ − E‖y − y′‖ of two samples, (n, d) and (m, d).

    It is the squared maximum mean discrepancy of the kernel ‖x‖ + ‖y‖ − ‖x − y‖, which is positive;
    the first two terms fall out (Székely and Rizzo 2013). Bias, standard error and what is raised
    as in `maximum_mean_discrepancy`.
    """
    x, y = two_a_group("x", x, "y", y)
    return discrepancy(x, y, lambda a, b: -cdist(a, b), biased)


def cramer_distance(x: Any, y: Any, biased: bool = False) -> Estimate:
    """∫ (F − G)² of the distribution functions of two samples on the line, (n,) or (n, 1): half
    their energy distance (Székely and Rizzo 2013). With `biased` it is that of the two samples as
    they are; its gradients, unlike those of a sample's W₁, are unbiased without it (Bellemare et
    al. 2017). Raises `Refused` for points of the plane or beyond, and for fewer than 50."""
    points, _ = in_one_space("x", x, "y", y)
    if points.shape[1] != 1:
        raise Refused(
            f"the Cramér distance is of points on the line, not of {points.shape[1]} coordinates; "
            "energy_distance is its form for these"
        )
    found = energy_distance(x, y, biased)
    return Estimate(found.value / 2, found.error / 2)


def discrepancy(x: Any, y: Any, kernel: Callable, biased: bool) -> Estimate:
    """E k(x, x′) + E k(y, y′) − 2 E k(x, y) of samples that were looked at already."""
    x, y = in_groups(x), in_groups(y)
    sizes_x, sizes_y = (np.array([len(group) for group in groups]) for groups in (x, y))
    n, m = sizes_x.sum(), sizes_y.sum()
    within_x, within_y, between = (
        _sums(kernel, *pair, biased) for pair in ((x, x), (y, y), (x, y))
    )

    def difference(
        xx: np.ndarray | float,
        yy: np.ndarray | float,
        xy: np.ndarray | float,
        n: np.ndarray | float,
        m: np.ndarray | float,
    ) -> np.ndarray | float:
        fewer = 0 if biased else 1
        return xx / (n * (n - fewer)) + yy / (m * (m - fewer)) - 2 * xy / (n * m)

    xx, yy, xy = within_x.sum(), within_y.sum(), between.sum()
    without_x = xx - 2 * within_x.sum(1) + within_x.diagonal()
    without_y = yy - 2 * within_y.sum(1) + within_y.diagonal()
    left_out = [
        difference(without_x, yy, xy - between.sum(1), n - sizes_x, m),
        difference(xx, without_y, xy - between.sum(0), n, m - sizes_y),
    ]
    value = float(difference(xx, yy, xy, n, m))
    return Estimate(max(value, 0.0) if biased else value, jackknife_error(left_out))


def _sums(
    kernel: Callable[[np.ndarray, np.ndarray], np.ndarray],
    x: list[np.ndarray],
    y: list[np.ndarray],
    with_itself: bool,
) -> np.ndarray:
    """The sums of the kernel over the pairs of two groups, with or without those of a point and
    itself."""

    def block(a: np.ndarray, b: np.ndarray) -> float:
        values = _values(kernel, a, b)
        return values.sum(dtype=float) - (
            values.trace(dtype=float) if a is b and not with_itself else 0
        )

    return np.array([[block(a, b) for b in y] for a in x])


def _values(kernel: Callable, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The matrix of a kernel; `Refused` where it is none of finite real numbers."""
    matrix = np.asarray(kernel(x, y))
    needed = f"a matrix of finite numbers of shape {(len(x), len(y))} for so many points"
    if matrix.shape != (len(x), len(y)) or matrix.dtype.kind not in "biuf":
        raise Refused(
            f"the kernel must return {needed}, not {matrix.dtype} of shape {matrix.shape}"
        )
    if not np.isfinite(matrix).all():
        raise Refused(f"the kernel must return {needed}; some are not finite")
    return matrix


def _require_positive(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise Refused(f"{name}={value} must be positive and finite")


def _require_positive_kernel(
    kernel: Callable[[np.ndarray, np.ndarray], np.ndarray], points: np.ndarray
) -> None:
    """Refuse a kernel whose matrix on some points has a negative eigenvalue."""
    matrix, rounding = as_numbers(_values(kernel, points, points))
    rounding = max(1e-9, 4 * rounding)
    # In units of √(k(x, x) k(y, y)), which no entry of a positive kernel is above: so one point far
    # away does not make all others small. Where k(x, x) = 0 all entries must be: a small unit.
    lengths = np.sqrt(np.maximum(matrix.diagonal(), 0))
    if lengths.any():
        lengths[lengths == 0] = 1e-6 * lengths[lengths > 0].min()
    else:
        lengths[:] = np.sqrt(np.abs(matrix).max()) or 1.0
    matrix = matrix / lengths[:, None] / lengths
    if (np.abs(matrix - matrix.T) > rounding * np.maximum(np.abs(matrix), 1)).any():
        raise Refused("the kernel is not symmetric: k(x, y) and k(y, x) differ")
    least = min(np.linalg.eigvalsh((matrix + matrix.T) / 2)[0], matrix.diagonal().min())
    if least < -rounding * len(points):
        raise Refused(
            f"the kernel is not positive: on {len(points)} of the points its matrix, divided by "
            f"√(k(x, x) k(y, y)), has the eigenvalue {least:.3g}, so Σ cᵢcⱼ k(xᵢ, xⱼ) < 0 for some "
            "c, and its discrepancy is no distance; for −‖x − y‖, which is one on differences of "
            "distributions only, take energy_distance"
        )
