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
    given = [bandwidths] if isinstance(bandwidths, (int, float)) else list(bandwidths)
    if not given or not all(0 < each < float("inf") for each in given):
        raise Refused(f"bandwidths={bandwidths!r} must be positive and finite, one at least")

    def kernel(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        squares = x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T
        terms = [torch.exp(-squares.clamp(min=0) / (2 * each**2)) for each in given]
        return torch.stack(terms).mean(0)

    return kernel


def distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """−‖x − y‖, whose discrepancy is the energy distance. It is not positive, but no difference of
    two distributions has a negative one under it."""
    return -torch.cdist(x, y)


def maximum_mean_discrepancy(
    x: torch.Tensor, y: torch.Tensor, kernel: Kernel, biased: bool = False
) -> torch.Tensor:
    """The squared maximum mean discrepancy of two batches, (n, d) and (m, d): a scalar with
    gradients, on average those of the two distributions' (the U-statistic).

    `biased` keeps the pairs of a point with itself (the V-statistic). Its mean is too large by what
    hangs on the samples' spread, so as a loss it draws them together. Raises `Refused` for fewer
    than two points, and for points of different size.
    """
    for batch in (x, y):
        if batch.ndim != 2 or len(batch) < 2 or batch.shape[1] != x.shape[1]:
            raise Refused(
                "batches must have shapes (n, d) and (m, d) with n and m at least 2, not "
                f"{tuple(x.shape)} and {tuple(y.shape)}"
            )

    def within(batch: torch.Tensor) -> torch.Tensor:
        matrix, n = kernel(batch, batch), len(batch)
        return matrix.mean() if biased else (matrix.sum() - matrix.trace()) / (n * (n - 1))

    return within(x) + within(y) - 2 * kernel(x, y).mean()


def witness(at: torch.Tensor, x: torch.Tensor, y: torch.Tensor, kernel: Kernel) -> torch.Tensor:
    """E k(·, x) − E k(·, y) over two batches, at each point of `at`, (k, d): (k,). The best critic
    of the kernel's space, up to its length, which is the discrepancy."""
    return kernel(at, x).mean(1) - kernel(at, y).mean(1)
