"""Data to train on: densities known exactly, sets of images, and the batches of either.

A density is an object with `sample(n, generator=None)`, a tensor of shape (n, d), and `log_prob(x)`
for x of shape (n, d), a tensor of shape (n,).
"""

import itertools
import math
import operator
import random
import signal
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, TensorDataset

from gancode import adapters, randomness
from gancode.images import fashion_mnist, folder, mnist, mnist_5k  # noqa: F401


class GaussianMixture:
    """A mixture of isotropic Gaussians, p(x) = Σₖ wₖ N(x; μₖ, σₖ² I).

    `means` has shape (k, d), `stds` and `weights` have shape (k,), all in float64; the weights are
    normalised to sum to one. Raises ValueError where these do not describe a density.
    """

    def __init__(self, means, stds, weights=None):
        self.means = _cpu(means)
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
        noise = torch.randn(n, self.dim, generator=generator, dtype=torch.float32, device="cpu")
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
    return GaussianMixture(_cpu(mean).reshape(1, -1), std)


def mixture(means, stds, weights=None):
    """A mixture of Gaussians: k means (numbers or points), one std or k, equal weights or k."""
    return GaussianMixture(means, stds, weights)


def ring(modes=8, radius=1.0, std=0.01):
    """Modes at equal angles on a circle.

    The defaults are the ring of VEEGAN (Srivastava et al. 2017).
    """
    # The angle 2π is the angle 0: a linspace that includes both ends would lose a mode.
    angle = 2 * math.pi * _cpu(range(modes)) / modes
    return GaussianMixture(radius * torch.stack([angle.cos(), angle.sin()], dim=1), std)


def grid(side=5, spacing=2.0, std=0.05):
    """Modes on a square grid of side × side points centred on the origin.

    The defaults are the grid of VEEGAN (Srivastava et al. 2017).
    """
    coordinate = spacing * (_cpu(range(side)) - (side - 1) / 2)
    return GaussianMixture(torch.cartesian_prod(coordinate, coordinate), std)


def examine(data, batch_size, classes=None, *, processes=1, pieces=1):
    """Check data before any work; return them, ready for `Batches`, and one or two of the samples:
    no more than there are in the smallest of the `pieces` in which one of the `processes` has its
    share of a batch (of an iterable, of its first batch).

    Accepted are a density, or what `gancode.adapters.adapt` makes one of; a floating-point tensor
    of samples; a data set, which is anything with `len(data)` and `data[i]` that is not iterable,
    such as a `torch.utils.data.Dataset`, and whose items may be tuples that begin with the sample;
    and an iterable of batches (whose batches may be tuples that begin with the samples, as those of
    a DataLoader; it brings its own batch size).

    With `classes`, a number, every sample needs a label, int64, from 0 to classes − 1: accepted are
    a pair of tensors (samples, labels), a data set of such pairs, and an iterable of such batches;
    what is returned beside the data is then a pair too.

    Raises TypeError or ValueError for what is not accepted, for no data at all, for fewer samples
    than a batch, for labels out of their range, and for NaN or infinity.
    """
    data = adapters.adapt(data)
    kind = _kind(data)
    if kind == "pair" and classes is None:
        raise TypeError(
            "a pair of samples and labels is for a GAN that knows of classes, GAN(..., "
            "classes=10); give any other the samples alone, without labels"
        )
    if kind in ("tensor", "density") and classes is not None:
        raise TypeError(
            f"a GAN with classes needs labels, and the data, a {kind}, have none; give a pair of "
            "tensors (samples, labels), or batches that are such pairs"
        )
    sizes = batch_sizes(data, batch_size)
    if kind == "density":
        first = _drawn(data, min(2, smallest(sizes, processes, pieces)))
    elif kind == "iterable":
        data, first = _first_batch(data)
        first = _of_batch(first, classes)
        sizes = sizes or [len(first if classes is None else first[0])]
        few = min(2, smallest(sizes, processes, pieces))
        first = _each(lambda x: x[:few], first)
    else:
        samples = data[0] if kind == "pair" else data
        n = len(samples) if kind == "data set" or samples.ndim else 0
        if n == 0:
            shape = f": its shape is {tuple(samples.shape)}" if kind != "data set" else ""
            raise ValueError(f"the data set is empty{shape}")
        if batch_size > n:
            raise ValueError(
                f"batch_size={batch_size} is larger than the data set, which has {n} samples; "
                "choose a batch size of at most that"
            )
        few = min(2, smallest(sizes, processes, pieces))
        if kind == "data set":
            first = _ByKey(data, classes)[0, 0, 0, range(few)]  # which moves no random state
        else:
            _check_values(samples)
            first = _each(lambda x: x[:few], _of_batch(data, classes))
    samples = first if classes is None else first[0]
    if samples.ndim == 0 or len(samples) == 0:
        raise ValueError(f"the first batch is empty: its shape is {tuple(samples.shape)}")
    _check_values(samples)
    labelled = classes is not None and kind != "pair"
    return Labelled(data, classes) if labelled else data, first


def batch_sizes(data, batch_size) -> list[int] | None:
    """The sizes that batches of `data` have, in samples, without one of zero; None where only
    reading them would tell."""
    kind = _kind(data)
    if kind == "density":
        return [batch_size]
    if kind != "iterable":
        samples = data[0] if kind == "pair" else data
        return _cut(len(samples) if kind == "data set" or samples.ndim else 0, batch_size)
    if isinstance(data, list):
        batches = [
            batch[0] if isinstance(batch, (tuple, list)) and batch else batch for batch in data
        ]
        sizes = {len(x) for x in batches if torch.is_tensor(x) and x.ndim and len(x)}
        return sorted(sizes, reverse=True) or None
    cut = getattr(data, "batch_sampler", None) if isinstance(data, DataLoader) else None
    if type(cut) is not BatchSampler or not hasattr(cut.sampler, "__len__"):
        return None
    return _cut(len(cut.sampler), cut.batch_size, whole=cut.drop_last)


def smallest(sizes, processes, pieces) -> int:
    """The size of the smallest piece of batches of these sizes, as `Tensor.chunk` cuts the equal
    shares of the processes. An empty share is passed over."""
    shares = [size // processes for size in sizes if size >= processes] or [1]
    chunks = [(share, -(-share // pieces)) for share in shares]
    return min(share % chunk or chunk for share, chunk in chunks)


def in_memory(data):
    """All samples of `data` as one tensor, where they lie in memory so; else None."""
    data = data.data if isinstance(data, Labelled) else data
    data = data.tensors if isinstance(data, TensorDataset) else data
    data = data[0] if isinstance(data, tuple) else data
    return data if torch.is_tensor(data) else None


def _cut(n, batch_size, whole=False):
    """The sizes of the batches of n samples."""
    sizes = {min(n, batch_size), 0 if whole else n % batch_size}
    return sorted(sizes - {0}, reverse=True)


@dataclass(frozen=True)
class Labelled:
    """A data set or an iterable that `examine` has found to come with labels of so many classes."""

    data: object
    classes: int


class Batches:
    """An endless stream of batches from data that `examine` has passed, which can be saved.

    A batch is a tensor of samples, or a pair (samples, labels) of labelled data. A density yields
    fresh samples. Tensors and data sets yield epochs, each one random permutation drawn from
    `generator` and split into batches, of which the last may be smaller. An iterable is read again
    and again; ValueError is raised where it cannot be, and where its samples change their shape.

    With `part` = (k, n) the stream is that of one of n processes, all of which draw the same: of
    every batch it gives the k-th of n equal slices, and gathers or loads no other. A batch that n
    does not divide loses its last samples, and one smaller than n is passed over.

    A data set is loaded by `workers` processes beside this one, or by this one where there are 0.
    What its items draw from torch, NumPy and `random` depends on the batch alone, however many
    workers there are, and leaves the random states here as they were.

    `state_dict` says where the stream stands: the random states with which the epoch began and the
    number of its batches that have been given. `load_state_dict` goes there. An iterable must then
    yield what it yielded before; a DataLoader does, with or without a generator of its own. Of the
    other kinds nothing is read twice.
    """

    def __init__(self, data, batch_size, generator, *, part=(0, 1), workers=0):
        labelled = isinstance(data, Labelled)
        self.data, self._classes = (data.data, data.classes) if labelled else (data, None)
        self.batch_size, self.generator, self.part = batch_size, generator, part
        self._kind = _kind(self.data)
        if self._kind != "iterable" and batch_size < part[1]:
            raise ValueError(
                f"a batch of {batch_size} cannot be shared among {part[1]} processes; choose a "
                f"batch size of at least {part[1]}"
            )
        if self._kind == "data set":
            self._keys = []  # of the epoch's batches
            self._loader = DataLoader(
                _ByKey(self.data, self._classes),
                batch_size=None,
                sampler=self._keys,
                collate_fn=_unchanged,  # the default makes lists of pairs
                num_workers=workers,
                persistent_workers=workers > 0,
                worker_init_fn=_ignore_interrupts,
                generator=torch.Generator(),  # without one it would draw from the global state
            )
        self._shape = None  # of the samples of an iterable
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
                least = f", of batches of at least {self.part[1]}" if self.part[1] > 1 else ""
                raise ValueError(
                    "the data ended and cannot be read again; give an iterable that starts anew "
                    f"each time (a list, a DataLoader), or an iterator that never ends{least}"
                )
        self._given += 1
        return batch

    def _new_epoch(self, given=0):
        """The batches of an epoch but the first `given`."""
        if self._kind == "density":
            endless = itertools.repeat(None)
            return (self._mine(self.data.sample(self.batch_size, self.generator)) for _ in endless)
        if self._kind == "iterable":
            batches = (self._mine(batch) for batch in map(self._checked, self._read()))
            batches = (batch for batch in batches if batch is not None)
            for k in range(given):  # at once: they may draw from the random states as they are
                if next(batches, None) is None:
                    raise ValueError(
                        f"the data end after {k} batches, and had more when the run was saved; "
                        "continue with the same data"
                    )
            return batches
        size = len(self.data[0] if self._kind == "pair" else self.data)
        order = torch.randperm(size, generator=self.generator, device="cpu")
        batches = [self._mine(index) for index in order.split(self.batch_size)]
        batches = [index for index in batches if index is not None]
        if self._kind == "data set":
            seed = randomness.drawn_seed(self.generator)
            keys = ((seed, k, self.part[0], b.tolist()) for k, b in enumerate(batches))
            self._keys[:] = list(keys)[given:]
            with torch.device("cpu"):  # it draws too, by the default device
                return iter(self._loader)
        return (_each(lambda x, i=index: x[i], self.data) for index in batches[given:])

    def _read(self):
        """The batches of an iterable, in one order for all processes: what it draws from the global
        state to begin with, as a shuffling DataLoader does, is then drawn from the common one."""
        if self.part[1] == 1:
            return iter(self.data)
        seed = randomness.drawn_seed(self.generator)
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            batches = iter(self.data)
            first = list(itertools.islice(batches, 1))
        return itertools.chain(first, batches)

    def _mine(self, batch):
        """The slice of a batch that is this process's; None where there is none for all."""
        k, n = self.part
        if n == 1:
            return batch
        each = len(batch[0] if isinstance(batch, tuple) else batch) // n
        return _each(lambda x: x[k * each : (k + 1) * each], batch) if each else None

    def _checked(self, batch):
        batch = _of_batch(batch, self._classes)
        shape = (batch if self._classes is None else batch[0]).shape[1:]
        if shape != (self._shape or shape):
            raise ValueError(
                f"a batch holds samples of shape {tuple(shape)}, and those before it have "
                f"{tuple(self._shape)}; all must have one shape"
            )
        self._shape = shape
        return batch

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
        """Go to where another stream of the same data stood; the random states stay as they are."""
        now = self._random_states()
        self._set_random_states(state["began"])
        self._began, self._given = state["began"], state["given"]
        self._epoch = self._new_epoch(self._given) if self._given else iter(())
        self.generator.set_state(now["stream"])
        torch.set_rng_state(now["global"])


@dataclass(frozen=True)
class _ByKey(Dataset):
    """The batches of a data set, each made from a key: three seeds and the indices of its items."""

    data: object
    classes: int | None

    def __getitem__(self, key):
        *seeds, index = key
        python, numpy, of_torch = np.random.SeedSequence(seeds).generate_state(3).tolist()
        states = random.getstate(), np.random.get_state()
        with torch.random.fork_rng([]):
            random.seed(python)
            np.random.seed(numpy)
            torch.manual_seed(of_torch)
            try:
                return _load(self.data, index, self.classes)
            finally:
                random.setstate(states[0])
                np.random.set_state(states[1])


def _unchanged(batch):
    return batch


def _ignore_interrupts(worker):
    # Both reach all processes of a group; the one that trains decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _kind(data):
    if isinstance(data, torch.Tensor):
        return "tensor"
    if isinstance(data, tuple) and len(data) == 2 and all(map(torch.is_tensor, data)):
        return "pair"
    if isinstance(data, DataLoader):
        return "iterable"
    by_index = hasattr(data, "__len__") and hasattr(data, "__getitem__")
    is_set = isinstance(data, Dataset) and not isinstance(data, IterableDataset)
    if hasattr(data, "sample") and not (by_index and is_set):
        return "density"
    if by_index and (is_set or not hasattr(data, "__iter__")):
        return "data set"
    return "iterable"


def _each(function, batch):
    """The function of the samples, or of samples and labels."""
    return tuple(map(function, batch)) if isinstance(batch, tuple) else function(batch)


def _drawn(density, n):
    """n samples; TypeError for what has a method `sample` that is not a density's."""
    try:
        samples = density.sample(n, torch.Generator())
        said = f"returns {_shown(samples)}"
    except Exception as error:  # of many types: it may be any object's method
        samples, said = None, f"raises {type(error).__name__}: {error}"
    if torch.is_tensor(samples) and samples.shape[:1] == (n,):
        return samples
    table = " (of a table torch.tensor(table.to_numpy(), dtype=torch.float32))"
    raise TypeError(
        f"data of type {type(density).__name__} have a method sample, but not that of a density: "
        f"sample({n}, generator) must return a tensor of {n} samples, and it {said}; give a tensor "
        f"of samples{table if hasattr(density, 'to_numpy') else ''}, or an object whose method does"
    )


def _shown(value):
    """The type of a value, and the shape where it has one."""
    shape = getattr(value, "shape", None)
    return type(value).__name__ + (f" of shape {tuple(shape)}" if shape is not None else "")


def _first_batch(data):
    """An iterable, from which nothing has been taken, and its first batch."""
    if isinstance(data, (tuple, np.ndarray)) or not hasattr(data, "__iter__"):
        parts = f" ({', '.join(map(_shown, data[:3]))})" if isinstance(data, tuple) else ""
        raise TypeError(
            f"data of type {type(data).__name__} are not understood{parts}; give a density, a "
            "tensor of samples (torch.from_numpy converts an array), a data set, or an iterable of "
            "batches; for classes a pair of tensors, samples and labels, these integers"
        )
    iterator = iter(data)
    first = next(iterator, None)
    if first is None:
        raise ValueError("the data set is empty: the iterable yields no batch")
    # what can be read only once gets its batch back
    return itertools.chain([first], iterator) if iterator is data else data, first


def _of_batch(batch, classes):
    """The samples of a batch; with classes the pair of them and their labels."""
    samples = batch[0] if isinstance(batch, (tuple, list)) and batch else batch
    if not isinstance(samples, torch.Tensor):
        raise TypeError(f"a batch must be a tensor of samples, not {type(samples).__name__}")
    if classes is None:
        return samples
    if samples is batch or len(batch) != 2:
        raise TypeError("with classes a batch must be a pair of tensors (samples, labels)")
    labels = adapters.labels(batch[1])
    if not (torch.is_tensor(labels) and labels.dtype == torch.int64):
        kind = labels.dtype if torch.is_tensor(labels) else type(labels).__name__
        raise TypeError(f"labels must be a tensor of type torch.int64, not {kind}")
    if labels.shape != samples.shape[:1]:
        raise ValueError(
            f"there must be one label a sample: {tuple(samples.shape[:1])} and not "
            f"{tuple(labels.shape)}"
        )
    if labels.numel() and not (0 <= labels.min() and labels.max() < classes):
        raise ValueError(
            f"labels must be from 0 to {classes - 1}, not from {labels.min()} to {labels.max()}"
        )
    return samples, labels


def _load(data, index, classes):
    """Some items of a data set as one batch."""
    items = [data[i] for i in index]
    samples = [item[0] if isinstance(item, (tuple, list)) and item else item for item in items]
    for i, sample in zip(index, samples, strict=True):
        if not isinstance(sample, torch.Tensor):
            raise TypeError(
                f"item {i} of the data set is no tensor but of type {type(sample).__name__}; give "
                "the data set a transform that makes one"
            )
        if sample.shape != samples[0].shape:
            raise ValueError(
                f"item {i} of the data set has shape {tuple(sample.shape)}, and item {index[0]} "
                f"has {tuple(samples[0].shape)}; all must have one shape"
            )
    if classes is None:
        return torch.stack(samples)
    if not all(isinstance(item, (tuple, list)) and len(item) == 2 for item in items):
        raise TypeError("with classes an item of the data set must be a pair (sample, label)")
    try:
        labels = [operator.index(label) for _, label in items]
        labels = torch.tensor(labels, device=samples[0].device)
    except TypeError as error:
        raise TypeError(f"the labels of a data set must be integers: {error}") from error
    return _of_batch((torch.stack(samples), labels), classes)


def _check_values(samples):
    if not samples.is_floating_point():
        raise TypeError(
            f"the data are {samples.dtype}; convert them to the generator's type and range, "
            "for bytes `images.float() / 127.5 - 1`"
        )
    bad = int((~samples.isfinite()).sum())
    if bad:
        raise ValueError(f"the data contain NaN or infinity: {bad} of {samples.numel()} values")


def _cpu(values):
    """Numbers as float64 on the CPU, where all is drawn, whatever torch.set_default_device says."""
    return torch.as_tensor(values, dtype=torch.float64, device="cpu")


def _one_each(name, values, modes):
    values = _cpu(values)
    if values.ndim == 0:
        return values.repeat(modes)
    if values.shape != (modes,):
        raise ValueError(
            f"the {name} have shape {tuple(values.shape)}; give one number, or {modes}, one a mean"
        )
    return values
