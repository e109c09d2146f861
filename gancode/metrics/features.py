"""Samples compared by their features: Fréchet and kernel distance, precision and recall."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gancode.errors import Refused
from gancode.metrics.discrepancy import Polynomial, discrepancy
from gancode.metrics.estimate import (
    GROUPS,
    Estimate,
    check_enough,
    distance_blocks,
    in_groups,
    in_one_space,
    jackknife_error,
    share_of,
    two_a_group,
)
from gancode.metrics.transport import gaussian_wasserstein


@dataclass(frozen=True)
class FrechetDistance(Estimate):
    """A squared distance, its standard error, and its `bias`: `value − bias` is corrected."""

    bias: float


@dataclass(frozen=True)
class PrecisionRecall:
    """The share of generated samples that look real, and of real ones that could be generated."""

    precision: Estimate
    recall: Estimate


def frechet_distance(real_features: Any, generated_features: Any) -> FrechetDistance:
    """The Fréchet distance of features (Heusel et al. 2017): W₂² between the normal distributions
    of their means and (unbiased) covariances. By custom it is the *squared* distance.

    Shapes are (n, d) and (m, d). The estimate is too high by a term of order 1/n + 1/m, which can
    exceed the distance itself: compare only values of equal n and m, or corrected ones. Standard
    error and bias are those of a jackknife that leaves out one of 25 groups of each sample. Raises
    ValueError for fewer than 50 samples, and for no more samples than coordinates, whose covariance
    is singular.
    """
    features = _named_features(real_features, generated_features)
    for name, x in features.items():
        if len(x) <= x.shape[1]:
            raise Refused(
                f"{len(x)} {name} in {x.shape[1]} dimensions have a singular covariance; give "
                f"more than {x.shape[1]}, better ten times as many"
            )
    moments = [_Moments.of(x) for x in features.values()]

    def distance(x: _Moments, y: _Moments) -> float:
        return gaussian_wasserstein(*x.gaussian(), *y.gaussian()) ** 2

    totals = [sum(groups[1:], groups[0]) for groups in moments]
    value = distance(*totals)
    left_out = [
        [distance(totals[0] - group, totals[1]) for group in moments[0]],
        [distance(totals[0], totals[1] - group) for group in moments[1]],
    ]
    bias = sum((GROUPS - 1) * (np.mean(values) - value) for values in left_out)
    return FrechetDistance(value, jackknife_error(left_out), float(bias))


def kernel_distance(real_features: Any, generated_features: Any) -> Estimate:
    """The squared maximum mean discrepancy of features under the kernel (x·y/d + 1)³, the kernel
    distance of Bińkowski et al. (2018).

    Shapes are (n, d) and (m, d). The estimate is unbiased, so it may be negative; it uses all pairs
    of samples, not subsets of them. Its standard error is that of a jackknife that leaves out one
    of 25 groups of each sample, which is too large, by about √2, where the two distributions are
    the same. Costs time of (n + m)²·d. Raises ValueError for fewer than 50 samples.
    """
    x, y = _named_features(real_features, generated_features).values()
    return discrepancy(x, y, Polynomial(degree=3, offset=1.0, scale=x.shape[1]), biased=False)


def precision_recall(real: Any, generated: Any, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall (Kynkäänniemi et al. 2019).

    The manifold of a set of points is the union of the balls around each that reach to its k-th
    nearest neighbour in the set; precision is the share of generated points in the manifold of the
    real ones, recall the share of real points in that of the generated. Shapes are (n, d) and
    (m, d), of features rather than pixels. Both depend on n, m and k: compare only equal ones. The
    standard errors are binomial, for the manifolds as they are; between fresh sets the deviations
    are larger, for normal points 1.2 to 1.7 times. Neighbours are exact; memory is bounded, time is
    (n + m)²·d. Raises ValueError unless both sets have more than k ≥ 1 points, and at least 25.
    """
    real, generated = in_one_space("real", real, "generated", generated)
    for name, points in (("real", real), ("generated", generated)):
        check_enough(name, points)
        if not 1 <= k < len(points):
            raise Refused(
                f"{name} has {len(points)} points, too few for the neighbour number k={k}; k must "
                "be at least 1 and less than the number of points"
            )
    return PrecisionRecall(
        precision=share_of(_inside_manifold(generated, real, k)),
        recall=share_of(_inside_manifold(real, generated, k)),
    )


@dataclass(frozen=True)
class _Moments:
    """Σ (1, x)(1, x)ᵀ about an origin: the moments of a set are the sums of those of its parts."""

    origin: np.ndarray
    sums: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray) -> "list[_Moments]":
        """Those of each group of the points."""
        # About the median a set that has collapsed to one point has moments of exactly zero, and
        # no other loses digits.
        origin = np.median(points, axis=0)
        rows = (np.column_stack([np.ones(len(x)), x]) for x in in_groups(points - origin))
        return [cls(origin, row.T @ row) for row in rows]

    def __add__(self, other: "_Moments") -> "_Moments":
        return _Moments(self.origin, self.sums + other.sums)

    def __sub__(self, other: "_Moments") -> "_Moments":
        return _Moments(self.origin, self.sums - other.sums)

    def gaussian(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and unbiased covariance."""
        n, mean = self.sums[0, 0], self.sums[0, 1:] / self.sums[0, 0]
        covariance = (self.sums[1:, 1:] - n * np.outer(mean, mean)) / (n - 1)
        return self.origin + mean, covariance


def _inside_manifold(points: np.ndarray, others: np.ndarray, k: int) -> np.ndarray:
    """Which points lie in the manifold of the others, as booleans."""
    # The nearest neighbour of a point in its own set is the point itself, the (k + 1)-th the k-th.
    radii = np.concatenate([np.partition(d, k)[:, k] for d in distance_blocks(others, others)])
    return np.concatenate([(d <= radii).any(1) for d in distance_blocks(points, others)])


def _named_features(real: Any, generated: Any) -> dict[str, np.ndarray]:
    names = "real features", "generated features"
    return dict(zip(names, two_a_group(names[0], real, names[1], generated), strict=True))
