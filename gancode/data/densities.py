"""Densities that are known exactly.

A density is an object with `sample(n, generator=None)`, a tensor of shape (n, d), and `log_prob(x)`
for x of shape (n, d), a tensor of shape (n,).
"""

import math
from typing import Any

import torch

from gancode.errors import Refused


class GaussianMixture:
    """A mixture of isotropic Gaussians, p(x) = Σₖ wₖ N(x; μₖ, σₖ² I).

    `means` has shape (k, d), `stds` and `weights` have shape (k,), all in float64; the weights are
    normalised to sum to one. Raises ValueError where these do not describe a density.
    """

    def __init__(self, means: Any, stds: Any, weights: Any = None):
        self.means = _cpu(means)
        if self.means.ndim == 1:  # a list of numbers: points on the line
            self.means = self.means[:, None]
        if self.means.ndim != 2 or 0 in self.means.shape:
            raise Refused(
                f"the means have shape {tuple(self.means.shape)}; they must be k numbers, or k "
                "points of the same dimension, with k at least 1"
            )
        modes = len(self.means)
        self.stds = _one_each("standard deviations", stds, modes)
        self.weights = _one_each("weights", 1.0 if weights is None else weights, modes)
        if not self.means.isfinite().all():
            raise Refused(f"the means must be finite, not {means}")
        if not ((self.stds > 0) & self.stds.isfinite()).all():
            raise Refused(f"the standard deviations must be positive and finite, not {stds}")
        if not ((self.weights >= 0).all() and 0 < self.weights.sum() < math.inf):
            raise Refused(f"the weights must be non-negative and not all zero, not {weights}")
        self.weights = self.weights / self.weights.sum()

    @property
    def dim(self) -> int:
        """The number of coordinates of a sample, d."""
        return self.means.shape[1]

    def sample(self, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """Draw n samples, shape (n, d), in float32."""
        mode = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.dim, generator=generator, dtype=torch.float32, device="cpu")
        return self.means[mode].float() + self.stds[mode].float()[:, None] * noise

    def log_prob(self, x: torch.Tensor) -> torch.Tensor:
        """log p(x) for x of shape (..., d), in the precision of x: shape (...)."""
        return torch.logsumexp(self._log_terms(x), dim=-1)

    def score(self, x: torch.Tensor) -> torch.Tensor:
        """∇log p(x) for x of shape (..., d), in the precision of x: shape (..., d).

        Each mode pulls at x with (μₖ − x)/σₖ², in the share in which it has made x.
        """
        shares = torch.softmax(self._log_terms(x), dim=-1) / self.stds.to(x).square()
        return shares @ self.means.to(x) - shares.sum(-1, keepdim=True) * x

    def noised(self, std: float) -> "GaussianMixture":
        """The density of a sample to which normal noise of this standard deviation is added."""
        if not 0 <= std < math.inf:
            raise Refused(f"the noise must have a standard deviation of at least 0, not {std}")
        stds = torch.hypot(self.stds, _cpu(std))
        return GaussianMixture(self.means, stds, self.weights)

    def _log_terms(self, x: torch.Tensor) -> torch.Tensor:
        """log(wₖ N(x; μₖ, σₖ² I)) for x of shape (..., d): shape (..., k)."""
        if x.shape[-1:] != (self.dim,):
            raise Refused(
                f"x has shape {tuple(x.shape)}, but this density takes shape (n, {self.dim})"
            )
        means, stds, weights = self.means.to(x), self.stds.to(x), self.weights.to(x)
        squared_distance = (x[..., None, :] - means).square().sum(-1)
        log_normal = (
            -squared_distance / (2 * stds.square())
            - self.dim * stds.log()
            - self.dim / 2 * math.log(2 * math.pi)
        )
        return weights.log() + log_normal

    def __repr__(self) -> str:
        return f"GaussianMixture({len(self.means)} modes in {self.dim} dimensions)"


def gaussian(mean: Any = 0.0, std: float = 1.0) -> GaussianMixture:
    """The normal density of a mean (a number, or a point of d coordinates) and one std."""
    return GaussianMixture(_cpu(mean).reshape(1, -1), std)


def mixture(means: Any, stds: Any, weights: Any = None) -> GaussianMixture:
    """A mixture of Gaussians: k means (numbers or points), one std or k, equal weights or k."""
    return GaussianMixture(means, stds, weights)


def ring(modes: int = 8, radius: float = 1.0, std: float = 0.01) -> GaussianMixture:
    """Modes at equal angles on a circle.

    The defaults are the ring of VEEGAN (Srivastava et al. 2017).
    """
    # The angle 2π is the angle 0: a linspace that includes both ends would lose a mode.
    angle = 2 * math.pi * _cpu(range(modes)) / modes
    return GaussianMixture(radius * torch.stack([angle.cos(), angle.sin()], dim=1), std)


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> GaussianMixture:
    """Modes on a square grid of side × side points centred on the origin.

    The defaults are the grid of VEEGAN (Srivastava et al. 2017).
    """
    coordinate = spacing * (_cpu(range(side)) - (side - 1) / 2)
    return GaussianMixture(torch.cartesian_prod(coordinate, coordinate), std)


def _cpu(values: Any) -> torch.Tensor:
    """Numbers as float64 on the CPU, where all is drawn, whatever torch.set_default_device says."""
    return torch.as_tensor(values, dtype=torch.float64, device="cpu")


def _one_each(name: str, values: Any, modes: int) -> torch.Tensor:
    values = _cpu(values)
    if values.ndim == 0:
        return values.repeat(modes)
    if values.shape != (modes,):
        raise Refused(
            f"the {name} have shape {tuple(values.shape)}; give one number, or {modes}, one a mean"
        )
    return values
