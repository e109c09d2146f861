"""A number with its standard error, and the points that such numbers are measured on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gancode.errors import Refused, WrongType

GROUPS = 25  # of a jackknife: its standard error is itself known to about 1/√48 = 14 %
FEWEST = 25  # points: the deviation of so many is known as well as that
BLOCK = 2**22  # distances held at once: 32 MiB


@dataclass(frozen=True)
class Estimate:
    """A number measured on samples, and its standard error; `float()` gives the number."""

    value: float
    error: float

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.value:.4g} ± {self.error:.2g}"


def in_groups(points: np.ndarray) -> list[np.ndarray]:
    """The points in groups of nearly equal size, at random: they may come sorted."""
    order = np.random.default_rng(0).permutation(len(points))
    return np.array_split(points[order], GROUPS)


def jackknife_error(left_out: Iterable) -> float:
    """The standard error from the values with one group of either sample left out."""
    return float(np.sqrt(sum((GROUPS - 1) * np.var(values) for values in left_out)))


def mean_variance(values: np.ndarray) -> float:
    """The variance of the mean of independent values."""
    return values.var(ddof=1) / len(values)


def share_of(hits: np.ndarray) -> Estimate:
    """The share of true values. The standard error is that of one hit and one miss more, so that
    it does not vanish where there are none of either."""
    n, smoothed = len(hits), (hits.sum() + 1) / (len(hits) + 2)
    return Estimate(float(hits.mean()), float(np.sqrt(smoothed * (1 - smoothed) / n)))


def check_enough(name: str, points: np.ndarray) -> None:
    if len(points) < FEWEST:
        raise Refused(
            f"{name} has {len(points)} points, too few for a standard error; give at least {FEWEST}"
        )


def in_one_space(
    name: str, points: Any, other_name: str, others: Any
) -> tuple[np.ndarray, np.ndarray]:
    x, y = as_points(name, points), as_points(other_name, others)
    if x.shape[1] != y.shape[1]:
        raise Refused(f"{name} has {x.shape[1]} coordinates and {other_name} has {y.shape[1]}")
    return x, y


def two_a_group(
    name: str, points: Any, other_name: str, others: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Both samples `in_one_space`, each with enough points for two in every group."""
    x, y = in_one_space(name, points, other_name, others)
    for each, sample in ((name, x), (other_name, y)):
        if len(sample) < 2 * GROUPS:
            raise Refused(
                f"{len(sample)} {each} are too few for a standard error; give at least {2 * GROUPS}"
            )
    return x, y


def as_points(name: str, points: Any) -> np.ndarray:
    points, _ = as_numbers(points)
    points = points[:, None] if points.ndim == 1 else points
    if points.ndim != 2 or not len(points):
        raise Refused(f"{name} must have shape (n, d) or (n,), n > 0, not {points.shape}")
    if not np.isfinite(points).all():
        raise Refused(f"{name} holds numbers that are not finite")
    return points


def as_numbers(values: Any) -> tuple[np.ndarray, float]:
    """An array of float64, and the relative rounding of the numbers in the type they came in.
    Raises `WrongType` for complex ones, of which NumPy would drop a part."""
    if values.is_complex() if isinstance(values, torch.Tensor) else np.iscomplexobj(values):
        raise WrongType("the numbers are complex; give real ones, such as their parts side by side")
    if isinstance(values, torch.Tensor):
        rounding = torch.finfo(values.dtype).eps if values.is_floating_point() else 0.0
        return values.detach().cpu().double().numpy(), rounding  # NumPy knows no bfloat16
    values = np.asarray(values)
    rounding = np.finfo(values.dtype).eps if values.dtype.kind == "f" else 0.0
    return values.astype(np.float64), float(rounding)


def distance_blocks(x: np.ndarray, y: np.ndarray) -> Iterator[np.ndarray]:
    """The Euclidean distances from x to y, a few rows at a time."""
    columns = torch.from_numpy(y)
    for rows in torch.from_numpy(x).split(max(1, BLOCK // len(y))):
        # The matrix product that is the default puts a point at 1e-7 from itself.
        yield torch.cdist(rows, columns, compute_mode="donot_use_mm_for_euclid_dist").numpy()
