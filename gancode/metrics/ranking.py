"""How well a score tells anomalies from normal samples: the ROC curve, the area under it, and a
threshold that keeps false alarms rare.

A score is a number for each sample, the larger the more anomalous.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gancode.errors import Refused
from gancode.metrics.estimate import Estimate, as_points, mean_variance


def auroc(normal: Any, anomalous: Any) -> Estimate:
    """The area under the ROC curve of two samples of scores, (n,) and (m,): the probability that an
    anomaly has the larger one, a tie counted half.

    The standard error is that of DeLong et al. 1988: of the share of the others that a score has
    beaten, its variance over the anomalies and over the normal samples. Where the samples overlap
    nowhere it would be 0; then it is that of one miss more, among the fewer of the two. Where all
    scores are equal it is 0. Two errors either way hold the truth less often than 95 times in 100
    where there are few scores of a kind, or few overlap: some 92 in normal scores of area 0.95 on
    100 and 900, some 72 of area 0.92 on 5 and 200. Raises `Refused` for fewer than two scores of
    either kind, and for scores that are not finite.
    """
    x, y = _scores("normal", normal), _scores("anomalous", anomalous)
    beaten = _share_below(np.sort(x), y)  # by each anomaly, of the normal samples
    escaped = 1 - _share_below(np.sort(y), x)  # by each normal sample, of the anomalies
    variance = mean_variance(beaten) + mean_variance(escaped)
    area = float(beaten.mean())
    if area in (0.0, 1.0):
        fewer = min(len(x), len(y))
        variance = (fewer + 1) / (fewer + 2) ** 2 / fewer
    return Estimate(area, math.sqrt(variance))


def hanley_mcneil(area: float, normal: int, anomalous: int) -> float:
    """The standard error that an AUROC of this `area` will have on so many normal and anomalous
    samples, if both scores are exponential: equations 1 and 2 of Hanley and McNeil 1982. It needs
    no scores, so it plans an experiment; on other distributions it is a guess.

    Raises `Refused` for an area outside [0, 1], and for no samples."""
    if not 0 <= area <= 1:
        raise Refused(f"area={area} must be from 0 to 1")
    if normal < 1 or anomalous < 1:
        raise Refused(f"{normal=} and {anomalous=} must be positive")
    two_anomalies, two_normal = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area)
    variance += (anomalous - 1) * (two_anomalies - area**2) + (normal - 1) * (two_normal - area**2)
    return math.sqrt(max(variance, 0.0) / (normal * anomalous))


@dataclass(frozen=True)
class ROC:
    """The curve of a score: at each `threshold` the shares of normal samples and of anomalies that
    lie at or above it, `false_positive` and `true_positive`, each an array that begins at 0 and
    ends at 1."""

    false_positive: np.ndarray
    true_positive: np.ndarray
    threshold: np.ndarray

    @property
    def area(self) -> float:
        """By the trapezoidal rule: that of `auroc`."""
        return float(np.trapezoid(self.true_positive, self.false_positive))


def roc_curve(normal: Any, anomalous: Any) -> ROC:
    """The ROC curve of two samples of scores, (n,) and (m,), one point for each score that occurs,
    from the largest down, after a first one at infinity. Raises `Refused` as `auroc` does."""
    x, y = _scores("normal", normal), _scores("anomalous", anomalous)
    thresholds = np.append(np.unique(np.concatenate([x, y])), np.inf)[::-1]
    false, true = (
        1 - np.searchsorted(np.sort(sample), thresholds, side="left") / len(sample)
        for sample in (x, y)
    )
    return ROC(false, true, thresholds)


def alarm_threshold(held_out: Any, rate: float) -> float:
    """The least threshold that a further normal sample exceeds with a probability of at most
    `rate`, from the scores (n,) of held-out normal samples: the ⌈(1 − rate)(n + 1)⌉-th smallest of
    them (Vovk et al. 2005).

    It holds for any score and any distribution, if the held-out samples and the further one are
    exchangeable, as independent ones are; so they must not be those that the score was trained on.
    The probability is over both. Raises `Refused` for a rate outside (0, 1), and for fewer scores
    than 1/rate − 1, which can promise nothing.
    """
    if not 0 < rate < 1:
        raise Refused(f"rate={rate} must be between 0 and 1, such as 0.05")
    x = np.sort(_scores("held_out", held_out))
    rank = math.ceil((1 - rate) * (len(x) + 1) - 1e-9)  # in exact numbers: 0.9 · 10 is 9
    if rank > len(x):
        needed = math.ceil(1 / rate - 1 - 1e-9)
        raise Refused(
            f"{len(x)} held-out scores cannot promise a false alarm rate of {rate:g}; give at "
            f"least {needed}, or a rate of {1 / (len(x) + 1):.2g} or more"
        )
    return float(x[rank - 1])


def _share_below(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each value the share of the ordered ones below it, those equal to it counted half."""
    below, up_to = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    return (below + up_to) / (2 * len(ordered))


def _scores(name: str, values: Any) -> np.ndarray:
    points = as_points(name, values)
    if points.shape[1] != 1:
        raise Refused(f"{name} must be scores, one a sample, not of shape {points.shape}")
    if len(points) < 2:
        raise Refused(f"{name} has one score; give at least two")
    return points[:, 0]
