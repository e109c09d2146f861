"""Kernels of tensors, and the maximum mean discrepancy as a loss: what trains a generator where no
discriminator is asked (Li, Swersky and Zemel 2015), or where one learns the features of a kernel
(Li et al. 2017). `gancode.metrics` estimates the same with a standard error, and without gradients.

A kernel is a function of points (n, d) and (m, d) that returns the matrix (n, m).
"""

from collections.abc import Callable, Iterable

import torch

from .errors import Refused

Kernel = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def gaussian(bandwidths: float | Iterable[float]) -> Kernel:
    """exp(−‖x − y‖²/(2ℓ²)) of bandwidth ℓ; of several, their mean, which sees what any of them
    sees. Raises `Refused` for one that is not positive and finite, and for none."""
    several = bandwidths if isinstance(bandwidths, Iterable) else [bandwidths]
    given = [float(each) for each in several]
    if not given or not all(0 < each < float("inf") for each in given):
        raise Refused(f"bandwidths={bandwidths!r} must be positive and finite, one at least")

    def kernel(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        x, y = _centred(x, y)
        squares = x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T
        terms = [torch.exp(-squares.clamp(min=0) / each / each / 2) for each in given]
        return torch.stack(terms).mean(0)

    return kernel


def distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """−‖x − y‖, whose discrepancy is the energy distance. It is no positive kernel, yet the
    discrepancy of two distributions with finite means is never negative (Székely and Rizzo 2013).
    """
    return -torch.cdist(*_centred(x, y))


def _centred(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both about one centre: distances are sums of products here, and far from zero these cancel.
    No distance hangs on the centre, so no gradient runs through it."""
    centre = y.detach().mean(0)
    return x - centre, y - centre


def maximum_mean_discrepancy(
    x: torch.Tensor, y: torch.Tensor, kernel: Kernel, biased: bool = False
) -> torch.Tensor:
    """The squared maximum mean discrepancy of two batches, (n, d) and (m, d): a scalar with
    gradients, on average those of the two distributions' (the U-statistic).

    `biased` keeps the pairs of a point with itself (the V-statistic). Its mean is too large by what
    hangs on the samples' spread, so as a loss it draws them together. Raises `Refused` for fewer
    than two points, for points of different size or type, and for whole numbers.
    """
    _require_batches(x, y, least=2)

    def within(batch: torch.Tensor) -> torch.Tensor:
        matrix, n = kernel(batch, batch), len(batch)
        return matrix.mean() if biased else (matrix.sum() - matrix.trace()) / (n * (n - 1))

    return within(x) + within(y) - 2 * kernel(x, y).mean()


def witness(at: torch.Tensor, x: torch.Tensor, y: torch.Tensor, kernel: Kernel) -> torch.Tensor:
    """E k(·, x) − E k(·, y) over two batches, at each point of `at`, (k, d): (k,). The best critic
    of the kernel's space, up to its length, which is the root of the biased discrepancy. Where
    the slope in `at` is asked for, `x` and `y` must not be made of `at`, or theirs is added. Raises
    `Refused` as `maximum_mean_discrepancy` does, but takes single points."""
    _require_batches(at, x, y, least=1)
    return kernel(at, x).mean(1) - kernel(at, y).mean(1)


def _require_batches(*batches: torch.Tensor, least: int) -> None:
    first = batches[0]
    for batch in batches:
        fits = batch.ndim == 2 and len(batch) >= least and batch.shape[1] == first.shape[1]
        if not (fits and batch.is_floating_point() and batch.dtype == first.dtype):
            given = " and ".join(f"{tuple(each.shape)} of {each.dtype}" for each in batches)
            raise Refused(
                "batches must have shapes (n, d) and (m, d) of one floating type, with n and m at "
                f"least {least}, not {given}"
            )
