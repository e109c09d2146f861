"""What samples cover of a mixture of known modes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gancode.errors import Refused
from gancode.metrics.estimate import Estimate, as_points, distance_blocks, share_of


@dataclass(frozen=True)
class Modes:
    """What samples cover of a mixture: `covered` of `total` modes, the share of the samples of
    high quality, and the reverse KL divergence in nats beside `perfect_reverse_kl`, the one that
    a perfect sampler of as many samples has on average."""

    covered: int
    total: int
    high_quality: Estimate
    reverse_kl: Estimate
    perfect_reverse_kl: float


def modes(samples: Any, mixture: Any) -> Modes:
    """How many modes of a `gancode.data.GaussianMixture` samples cover, and how well, by the
    protocol of VEEGAN (Srivastava et al. 2017, with 2,500 samples).

    A sample belongs to its nearest mode, in standard deviations of that mode. It is of high quality
    within 3 of them, where a perfect sampler has a share P(χ_d ≤ 3) of its samples: 98.9 % in two
    dimensions. A mode is covered by one sample of high quality. The reverse KL divergence is
    KL(h ‖ w) in nats between the histogram h of *all* samples over the modes, whatever their
    quality, and the weights w of the mixture; a mode without samples adds nothing. Even a perfect
    sampler of n samples has (k − 1)/(2n) on average over k modes. Its standard error is that of the
    first two orders in h. Modes that overlap share samples that none of them made: the protocol is
    for modes that are far apart. A mode of weight zero is none.

    `samples` has shape (n, d). Raises ValueError for another dimension than the mixture's, for
    samples that are not finite, and for so few that the rarest mode can expect less than 5.
    """
    x = as_points("the samples", samples)
    real = mixture.weights > 0
    means, stds, weights = (t[real].numpy() for t in (mixture.means, mixture.stds, mixture.weights))
    if x.shape[1] != means.shape[1]:
        raise Refused(
            f"the samples have {x.shape[1]} coordinates and the mixture has {means.shape[1]}"
        )
    n, k = len(x), len(weights)
    needed = int(np.ceil(5 / weights.min() - 1e-6))
    if n < needed:
        raise Refused(
            f"{n} samples are too few for {k} modes: a perfect sampler would miss some by chance; "
            f"give at least {needed}, so that the rarest expects 5"
        )
    blocks = (distances / stds for distances in distance_blocks(x, means))
    nearest = [(block.argmin(1), block.min(1)) for block in blocks]
    mode, deviation = (np.concatenate(parts) for parts in zip(*nearest, strict=True))
    good = deviation <= 3

    share = np.bincount(mode, minlength=k) / n
    found = share > 0
    log_ratio = np.log(share[found] / weights[found])
    divergence = share[found] @ log_ratio
    # The variance to second order in h − E h. The plug-in of the first order is too large by twice
    # the second, which is all there is where h = w: 2n·KL is then χ² of k − 1.
    second = (found.sum() - 1) / (2 * n**2)
    first = share[found] @ (log_ratio - divergence) ** 2 / n - 2 * second
    return Modes(
        covered=len(np.unique(mode[good])),
        total=k,
        high_quality=share_of(good),
        reverse_kl=Estimate(float(divergence), float(np.sqrt(max(first, 0) + second))),
        perfect_reverse_kl=(k - 1) / (2 * n),
    )
