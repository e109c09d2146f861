"""What a run draws from: four kinds of source, and the endless stream of batches from one.

A batch is a tensor of samples (n, ...), or where the networks are conditional a tuple: the samples,
then the tensors of the condition, each with one entry for a sample.
"""

import itertools
import operator
import random
import signal
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, TensorDataset

from gancode import randomness
from gancode.data import adapters
from gancode.data.image_pairs import PairedImages, UnpairedImages
from gancode.data.images import ImageFolder
from gancode.errors import Refused, WrongType

ANY = "any"  # a condition of any kind, where a number stands for so many classes and None for none
Condition = int | str | None
Shard = tuple[int, int]  # this process, counted from 0, and how many there are


class Source:
    """Samples to train on, with a first batch, an epoch and a description.

    `condition` is what comes beside a sample: None, a number of classes, or ANY. `whole` holds all
    samples as one tensor where they lie in memory so, else None; `generator` is a random generator
    of the source's own, or None.
    """

    whole: torch.Tensor | None = None
    generator: torch.Generator | None = None

    def check(self, batch_size: int) -> None:
        """Refuse what cannot be dealt in batches of this size."""

    def sizes(self, batch_size: int) -> list[int] | None:
        """The sizes that batches have, without one of zero; None where only reading would tell."""
        raise NotImplementedError

    def first(self, n: int | None) -> Any:
        """The first n samples with their conditions, or as many as there are in a first batch (for
        None all of it)."""
        raise NotImplementedError

    def epochs(
        self, batch_size: int, generator: torch.Generator, shard: Shard, workers: int
    ) -> Callable[[int], Iterator]:
        """A function that begins an epoch and returns its batches, but the first so many."""
        raise NotImplementedError

    def describe(self) -> str:
        """What it is, so that another is not taken for it: the same text in every process."""
        raise NotImplementedError


@dataclass(frozen=True)
class DensitySource(Source):
    """A density: every batch is fresh, and an epoch never ends."""

    density: Any

    def sizes(self, batch_size: int) -> list[int]:
        return [batch_size]

    def first(self, n: int | None) -> torch.Tensor:
        """n samples; `Refused` for what has a method `sample` that is not a density's."""
        try:
            samples = self.density.sample(n, torch.Generator())
            said = f"returns {_shown(samples)}"
        except Exception as error:  # of many types: it may be any object's method
            samples, said = None, f"raises {type(error).__name__}: {error}"
        if torch.is_tensor(samples) and samples.shape[:1] == (n,):
            return samples
        table = " (of a table torch.tensor(table.to_numpy(), dtype=torch.float32))"
        raise WrongType(
            f"data of type {type(self.density).__name__} have a method sample, but not that of a "
            f"density: sample({n}, generator) must return a tensor of {n} samples, and it {said}; "
            f"give a tensor of samples{table if hasattr(self.density, 'to_numpy') else ''}, or an "
            "object whose method does"
        )

    def epochs(
        self, batch_size: int, generator: torch.Generator, shard: Shard, workers: int
    ) -> Callable[[int], Iterator]:
        _check_shares(batch_size, shard)

        def epoch(given: int) -> Iterator:
            return (_mine(self.density.sample(batch_size, generator), shard) for _ in iter(int, 1))

        return epoch

    def describe(self) -> str:
        name = type(self.density).__name__
        if type(self.density).__repr__ is not object.__repr__:  # which would be an address
            name = repr(self.density)
        numbers = getattr(self.density, "__dict__", {}).values()
        return f"{name} crc {_crc(filter(torch.is_tensor, numbers))}"


class _Set(Source):
    """What has a length: an epoch is one random permutation, of which the last batch may be
    smaller."""

    def __len__(self) -> int:
        raise NotImplementedError

    def sizes(self, batch_size: int) -> list[int]:
        return cut_sizes(len(self), batch_size)

    def check(self, batch_size: int) -> None:
        if len(self) == 0:
            raise Refused(f"the data set is empty{self._shape()}")
        if batch_size > len(self):
            raise Refused(
                f"batch_size={batch_size} is larger than the data set, which has {len(self)} "
                "samples; choose a batch size of at most that"
            )

    def _shape(self) -> str:
        return ""

    def _dealt(
        self, batch_size: int, generator: torch.Generator, shard: Shard
    ) -> list[torch.Tensor]:
        """The indices of the batches of an epoch, as far as they are this process's."""
        order = torch.randperm(len(self), generator=generator, device="cpu")
        batches = [_mine(index, shard) for index in order.split(batch_size)]
        return [index for index in batches if index is not None]


class TensorSource(_Set):
    """A tensor of samples (n, ...), with the tensors of the condition, if there is one."""

    def __init__(
        self, samples: torch.Tensor, given: Sequence[torch.Tensor] = (), condition: Condition = None
    ) -> None:
        self.samples = self.whole = samples
        self.given, self.condition = tuple(given), condition

    def __len__(self) -> int:
        return len(self.samples) if self.samples.ndim else 0

    def _shape(self) -> str:
        return f": its shape is {tuple(self.samples.shape)}"

    def check(self, batch_size: int) -> None:
        super().check(batch_size)
        _check_values(self.samples)
        given = self.given[0] if len(self.given) == 1 else self.given
        _of_batch((self.samples, given), self.condition)

    def first(self, n: int | None) -> Any:
        return self._at(slice(n))

    def _at(self, index: Any) -> Any:
        found = [x[index] for x in (self.samples, *self.given)]
        return tuple(found) if self.condition is not None else found[0]

    def epochs(
        self, batch_size: int, generator: torch.Generator, shard: Shard, workers: int
    ) -> Callable[[int], Iterator]:
        _check_shares(batch_size, shard)

        def epoch(given: int) -> Iterator:
            dealt = self._dealt(batch_size, generator, shard)
            return (self._at(index) for index in dealt[given:])

        return epoch

    def describe(self) -> str:
        return ", ".join(
            f"tensor {tuple(x.shape)} {x.dtype} crc {_crc([x])}"
            for x in (self.samples, *self.given)
        )


class DatasetSource(_Set):
    """Anything with `len(data)` and `data[i]` that is not iterable, such as a
    `torch.utils.data.Dataset`; its items may be tuples that begin with the sample.

    What its items draw from torch, NumPy and `random` depends on the batch alone, however many
    workers load it, and leaves the random states here as they were.
    """

    def __init__(self, data: Any, condition: Condition = None) -> None:
        self.data, self.condition = data, condition
        self.whole = data.tensors[0] if isinstance(data, TensorDataset) else None

    def __len__(self) -> int:
        return len(self.data)

    def first(self, n: int | None) -> Any:
        return _ByKey(self.data, self.condition)[0, 0, 0, range(len(self))[:n]]

    def epochs(
        self, batch_size: int, generator: torch.Generator, shard: Shard, workers: int
    ) -> Callable[[int], Iterator]:
        _check_shares(batch_size, shard)
        keys: list[tuple] = []  # of the epoch's batches
        loader = DataLoader(
            _ByKey(self.data, self.condition),
            batch_size=None,
            sampler=keys,
            collate_fn=_unchanged,  # the default makes lists of tuples
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=_ignore_interrupts,
            generator=torch.Generator(),  # without one it would draw from the global state
        )

        def epoch(given: int) -> Iterator:
            dealt = self._dealt(batch_size, generator, shard)
            seed = randomness.drawn_seed(generator)
            found = [(seed, k, shard[0], index.tolist()) for k, index in enumerate(dealt)]
            keys[:] = found[given:]
            with torch.device("cpu"):  # it draws too, by the default device
                return iter(loader)

        epoch.loader = loader  # type: ignore[attr-defined]  # for a test to look at
        return epoch

    def describe(self) -> str:
        return ("" if self.condition is None else "labelled ") + _described(self.data)


class IterableSource(Source):
    """An iterable of batches, which is read again and again, such as a DataLoader; its batches may
    be tuples that begin with the samples, and have the sizes that they have."""

    def __init__(self, data: Any, condition: Condition = None) -> None:
        if isinstance(data, (tuple, np.ndarray)) or not hasattr(data, "__iter__"):
            inside = f" ({', '.join(map(_shown, data[:3]))})" if isinstance(data, tuple) else ""
            raise WrongType(
                f"data of type {type(data).__name__} are not understood{inside}; give a density, a "
                "tensor of samples (torch.from_numpy converts an array), a data set, or an "
                "iterable of batches; for classes a tuple, samples and labels, these integers"
            )
        self.data, self.condition = data, condition
        own = getattr(data, "generator", None)
        self.generator = own if isinstance(own, torch.Generator) else None
        self._first = None

    def first(self, n: int | None) -> Any:
        if self._first is None:
            iterator = iter(self.data)
            self._first = next(iterator, None)
            if self._first is None:
                raise Refused("the data set is empty: the iterable yields no batch")
            if iterator is self.data:  # what can be read only once gets its batch back
                self.data = itertools.chain([self._first], iterator)
        return _each(lambda x: x[:n], _of_batch(self._first, self.condition))

    def sizes(self, batch_size: int) -> list[int] | None:
        if isinstance(self.data, list):
            batches = [
                batch[0] if isinstance(batch, (tuple, list)) and batch else batch
                for batch in self.data
            ]
            sizes = {len(x) for x in batches if torch.is_tensor(x) and x.ndim and len(x)}
            return sorted(sizes, reverse=True) or None
        loader = isinstance(self.data, DataLoader)
        cut = self.data.batch_sampler if loader else None
        if type(cut) is not BatchSampler or not hasattr(cut.sampler, "__len__"):
            return None
        return cut_sizes(len(cast(Sized, cut.sampler)), cut.batch_size, whole=cut.drop_last)

    def epochs(
        self, batch_size: int, generator: torch.Generator, shard: Shard, workers: int
    ) -> Callable[[int], Iterator]:
        shapes: list[torch.Size] = []  # of the samples, once a batch has been seen

        def checked(batch: Any) -> Any:
            batch = _of_batch(batch, self.condition)
            shape = _samples(batch).shape[1:]
            if shapes and shape != shapes[0]:
                raise Refused(
                    f"a batch holds samples of shape {tuple(shape)}, and those before it have "
                    f"{tuple(shapes[0])}; all must have one shape"
                )
            shapes[:] = [shape]
            return _mine(batch, shard)

        def epoch(given: int) -> Iterator:
            checked_ones = map(checked, self._read(generator, shard))
            batches = (batch for batch in checked_ones if batch is not None)
            for k in range(given):  # at once: they may draw from the random states as they are
                if next(batches, None) is None:
                    raise Refused(
                        f"the data end after {k} batches, and had more when the run was saved; "
                        "continue with the same data"
                    )
            return batches

        return epoch

    def _read(self, generator: torch.Generator, shard: Shard) -> Iterator:
        """The batches, in one order for all processes: what a source draws from the global state
        to begin with, as a shuffling DataLoader does, is then drawn from the common one."""
        if shard[1] == 1:
            return iter(self.data)
        seed = randomness.drawn_seed(generator)
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            batches = iter(self.data)
            first = list(itertools.islice(batches, 1))
        return itertools.chain(first, batches)

    def describe(self) -> str:
        return ("" if self.condition is None else "labelled ") + _described(self.data)


def source(data: Any, condition: Condition = None) -> Source:
    """The source that data are, by their kind; no other code asks for it.

    Accepted are a density, or what `gancode.data.adapters.adapt` makes one of; a floating-point
    tensor of samples; a data set; an iterable of batches. With a `condition` every sample needs
    one: accepted are a tuple (samples, labels), or (samples, condition) where the condition is a
    tensor or a tuple of them; a data set of such tuples; an iterable of such batches.

    Raises `Refused` for what is none of these.
    """
    if isinstance(data, Source):
        return data
    data = adapters.adapt(data)
    conditional = _has_conditions(data)
    if conditional and condition is None:
        raise WrongType(
            "samples with conditions are for a conditional GAN, GAN(..., classes=10) or "
            "GAN(..., conditional=True); give any other the samples alone, without labels"
        )
    density = not conditional and _is_density(data)
    if condition is not None and (density or torch.is_tensor(data)):
        kind = "density" if density else "tensor"
        needs = "a GAN with classes needs labels" if condition != ANY else (
            "a conditional GAN needs conditions")  # fmt: skip
        raise WrongType(
            f"{needs}, and the data, a {kind}, have none; give a tuple (samples, labels), "
            "or batches that are such tuples"
        )
    if conditional:
        given = data[1] if isinstance(data[1], (tuple, list)) else (data[1],)
        return TensorSource(data[0], given, condition)
    if torch.is_tensor(data):
        return TensorSource(data)
    if density:
        return DensitySource(data)
    return (DatasetSource if _is_set(data) else IterableSource)(data, condition)


def examine(
    data: Any, batch_size: int, condition: Condition = None, *, processes: int = 1, pieces: int = 1
) -> tuple[Source, Any]:
    """Check data before any work; return their `Source`, and one or two of the samples: no more
    than there are in the smallest of the `pieces` in which one of the `processes` has its share of
    a batch (of an iterable, of its first batch).

    `condition` is a number of classes, from 0 to which labels, int64, must be, or ANY; what is
    returned beside the source is then a tuple of samples and conditions.

    Raises `Refused` for what is not accepted, for no data at all, for fewer samples than a batch,
    for labels out of their range, and for NaN or infinity.
    """
    found = source(data, condition)
    found.check(batch_size)
    sizes = found.sizes(batch_size)
    if sizes is None:  # the first batch stands for the others
        sizes = [len(_samples(found.first(None)))]
    first = found.first(min(2, smallest(sizes, processes, pieces)))
    samples = _samples(first)
    if samples.ndim == 0 or len(samples) == 0:
        raise Refused(f"the first batch is empty: its shape is {tuple(samples.shape)}")
    _check_values(samples)
    return found, first


def smallest(sizes: Sequence[int], processes: int, pieces: int) -> int:
    """The size of the smallest piece of batches of these sizes, as `Tensor.chunk` cuts the equal
    shares of the processes. An empty share is passed over."""
    shares = [size // processes for size in sizes if size >= processes] or [1]
    chunks = [(share, -(-share // pieces)) for share in shares]
    return min(share % chunk or chunk for share, chunk in chunks)


def cut_sizes(n: int, batch_size: int, whole: bool = False) -> list[int]:
    """The sizes of the batches of n samples; with `whole` the last, smaller one is dropped."""
    sizes = {min(n, batch_size), 0 if whole else n % batch_size}
    return sorted(sizes - {0}, reverse=True)


class Batches:
    """An endless stream of batches from a source, which can be saved.

    Sets yield epochs, each one random permutation drawn from `generator`. An iterable is read again
    and again; `Refused` is raised where it cannot be, and where its samples change their shape.

    With `shard` = (k, n) the stream is that of one of n processes, all of which draw the same: of
    every batch it gives the k-th of n equal slices, and gathers or loads no other. A batch that n
    does not divide loses its last samples, and one smaller than n is passed over. A data set is
    loaded by `workers` processes beside this one, or by this one where there are 0.

    `state_dict` says where the stream stands: the random states with which the epoch began and the
    number of its batches that have been given. `load_state_dict` goes there. An iterable must then
    yield what it yielded before; a DataLoader does, with or without a generator of its own. Of the
    other kinds nothing is read twice.
    """

    def __init__(
        self,
        data: Any,
        batch_size: int,
        generator: torch.Generator,
        *,
        shard: Shard = (0, 1),
        workers: int = 0,
    ) -> None:
        self.source, self.generator, self.shard = source(data), generator, shard
        self._begin = self.source.epochs(batch_size, generator, shard, workers)
        self._given, self._epoch = 0, iter(())
        self._began = self._random_states()

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        batch = next(self._epoch, None)
        if batch is None:
            self._given, self._began = 0, self._random_states()
            self._epoch = self._begin(0)
            batch = next(self._epoch, None)
            if batch is None:
                least = f", of batches of at least {self.shard[1]}" if self.shard[1] > 1 else ""
                raise Refused(
                    "the data ended and cannot be read again; give an iterable that starts anew "
                    f"each time (a list, a DataLoader), or an iterator that never ends{least}"
                )
        self._given += 1
        return batch

    def _random_states(self) -> dict:
        """All that a new epoch may draw from."""
        states = {"stream": self.generator.get_state(), "global": torch.get_rng_state()}
        own = self.source.generator
        return states if own is None else states | {"own": own.get_state()}

    def _set_random_states(self, states: dict) -> None:
        self.generator.set_state(states["stream"])
        torch.set_rng_state(states["global"])
        if self.source.generator is not None and "own" in states:
            self.source.generator.set_state(states["own"])

    def state_dict(self) -> dict:
        """Where the stream stands: tensors and a number."""
        return {"began": self._began, "given": self._given}

    def load_state_dict(self, state: dict) -> None:
        """Go to where another stream of the same data stood; the random states stay as they are."""
        now = self._random_states()
        self._set_random_states(state["began"])
        self._began, self._given = state["began"], state["given"]
        self._epoch = self._begin(self._given) if self._given else iter(())
        self.generator.set_state(now["stream"])
        torch.set_rng_state(now["global"])


@dataclass(frozen=True)
class _ByKey(Dataset):
    """The batches of a data set, each made from a key: three seeds and the indices of its items."""

    data: object
    condition: Condition

    def __getitem__(self, key: tuple) -> Any:
        *seeds, index = key
        python, numpy, of_torch = np.random.SeedSequence(seeds).generate_state(3).tolist()
        states = random.getstate(), np.random.get_state()
        with torch.random.fork_rng([]):
            random.seed(python)
            np.random.seed(numpy)
            torch.manual_seed(of_torch)
            try:
                return _load(self.data, index, self.condition)
            finally:
                random.setstate(states[0])
                np.random.set_state(states[1])


def _unchanged(batch: Any) -> Any:
    return batch


def _ignore_interrupts(worker: int) -> None:
    # Both reach all processes of a group; the one that trains decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _has_conditions(data: Any) -> bool:
    """Whether data are samples and, for each, a condition: a tensor or several."""
    if not (isinstance(data, tuple) and len(data) == 2 and torch.is_tensor(data[0])):
        return False
    given = data[1] if isinstance(data[1], (tuple, list)) else (data[1],)
    return len(given) > 0 and all(map(torch.is_tensor, given))


def _is_density(data: Any) -> bool:
    return hasattr(data, "sample") and not (_by_index(data) and _is_torch_set(data))


def _is_set(data: Any) -> bool:
    if isinstance(data, DataLoader) or not _by_index(data):
        return False
    return _is_torch_set(data) or not hasattr(data, "__iter__")


def _by_index(data: Any) -> bool:
    return hasattr(data, "__len__") and hasattr(data, "__getitem__")


def _is_torch_set(data: Any) -> bool:
    return isinstance(data, Dataset) and not isinstance(data, IterableDataset)


def _described(data: Any) -> str:
    """A data set or an iterable in words, with what tells its numbers from others where it has
    them in memory."""
    if isinstance(data, (ImageFolder, PairedImages, UnpairedImages)):
        return repr(data)
    name = type(data).__name__
    try:
        name = f"{name} of length {len(data)}"
    except (TypeError, NotImplementedError):  # an iterable may have no length
        pass
    if isinstance(data, TensorDataset):
        return f"{name}, crc {_crc(data.tensors)}"
    if isinstance(data, DataLoader):
        return f"{name}, {_described(data.dataset)}"
    return name


def _crc(tensors: Iterable[torch.Tensor]) -> str:
    crc = 0
    for tensor in tensors:
        crc = zlib.crc32(
            tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data, crc
        )
    return f"{crc:08x}"


def _check_shares(batch_size: int, shard: Shard) -> None:
    if batch_size < shard[1]:
        raise Refused(
            f"a batch of {batch_size} cannot be shared among {shard[1]} processes; choose a batch "
            f"size of at least {shard[1]}"
        )


def _mine(batch: Any, shard: Shard) -> Any:
    """The slice of a batch that is this process's; None where there is none for all."""
    k, n = shard
    if n == 1:
        return batch
    each = len(_samples(batch)) // n
    return _each(lambda x: x[k * each : (k + 1) * each], batch) if each else None


def _samples(batch: Any) -> torch.Tensor:
    return batch[0] if isinstance(batch, tuple) else batch


def _each(function: Callable, batch: Any) -> Any:
    """The function of the samples, or of samples and labels."""
    return tuple(map(function, batch)) if isinstance(batch, tuple) else function(batch)


def _shown(value: Any) -> str:
    """The type of a value, and the shape where it has one."""
    shape = getattr(value, "shape", None)
    return type(value).__name__ + (f" of shape {tuple(shape)}" if shape is not None else "")


def _of_batch(batch: Any, condition: Condition) -> Any:
    """The samples of a batch; with a condition a tuple of them and its tensors."""
    samples = batch[0] if isinstance(batch, (tuple, list)) and batch else batch
    if not isinstance(samples, torch.Tensor):
        raise WrongType(f"a batch must be a tensor of samples, not {type(samples).__name__}")
    if condition is None:
        return samples
    if samples is batch or len(batch) != 2:
        raise WrongType(
            "of a conditional GAN a batch must be a tuple (samples, condition); with "
            "classes (samples, labels)"
        )
    if isinstance(condition, int):
        return samples, _labels(batch[1], samples, condition)
    given = _tensors(batch[1])
    for x in given:
        if x.shape[:1] != samples.shape[:1]:
            raise Refused(
                f"there must be one condition a sample: {tuple(samples.shape[:1])} and not "
                f"{tuple(x.shape)}"
            )
        if not x.isfinite().all():
            raise Refused("the conditions contain NaN or infinity")
    return samples, *given


def _tensors(given: Any) -> list[torch.Tensor]:
    """A condition of any kind as a list of tensors."""
    given = list(given) if isinstance(given, (tuple, list)) else [given]
    if not given or not all(map(torch.is_tensor, given)):
        kinds = ", ".join(type(x).__name__ for x in given) or "nothing"
        raise WrongType(f"a condition must be a tensor or a tuple of tensors, not {kinds}")
    return given


def _labels(given: Any, samples: torch.Tensor, classes: int) -> torch.Tensor:
    labels = adapters.labels(given)
    if not (torch.is_tensor(labels) and labels.dtype == torch.int64):
        kind = labels.dtype if torch.is_tensor(labels) else type(labels).__name__
        raise WrongType(f"labels must be a tensor of type torch.int64, not {kind}")
    if labels.shape != samples.shape[:1]:
        raise Refused(
            f"there must be one label a sample: {tuple(samples.shape[:1])} and not "
            f"{tuple(labels.shape)}"
        )
    if labels.numel() and not (0 <= labels.min() and labels.max() < classes):
        raise Refused(
            f"labels must be from 0 to {classes - 1}, not from {labels.min()} to {labels.max()}"
        )
    return labels


def _load(data: Any, index: Sequence[int], condition: Condition) -> Any:
    """Some items of a data set as one batch."""
    items = [data[i] for i in index]
    samples = [item[0] if isinstance(item, (tuple, list)) and item else item for item in items]
    for i, sample in zip(index, samples, strict=True):
        if not isinstance(sample, torch.Tensor):
            raise WrongType(
                f"item {i} of the data set is no tensor but of type {type(sample).__name__}; give "
                "the data set a transform that makes one"
            )
        if sample.shape != samples[0].shape:
            raise Refused(
                f"item {i} of the data set has shape {tuple(sample.shape)}, and item {index[0]} "
                f"has {tuple(samples[0].shape)}; all must have one shape"
            )
    if condition is None:
        return torch.stack(samples)
    if not all(isinstance(item, (tuple, list)) and len(item) == 2 for item in items):
        raise WrongType(
            "of a conditional GAN an item of the data set must be a tuple (sample, condition); "
            "with classes a tuple (sample, label)"
        )
    column = _stacked_labels if condition != ANY else _stacked
    return _of_batch((torch.stack(samples), column([c for _, c in items], samples[0])), condition)


def _stacked_labels(labels: Sequence, sample: torch.Tensor) -> torch.Tensor:
    try:
        return torch.tensor([operator.index(label) for label in labels], device=sample.device)
    except TypeError as error:
        raise WrongType(f"the labels of a data set must be integers: {error}") from error


def _stacked(conditions: Sequence, sample: torch.Tensor) -> Any:
    """The conditions of some items as one tensor, or of tuples of them as a tuple."""
    if isinstance(conditions[0], (tuple, list)):
        return tuple(_stacked(column, sample) for column in zip(*conditions, strict=True))
    try:
        stacked = [torch.as_tensor(c, device=sample.device) for c in conditions]
        return torch.stack(stacked)
    except (TypeError, ValueError, RuntimeError) as error:
        raise WrongType(
            f"the conditions of a data set must be numbers or tensors of one shape: {error}"
        ) from error


def _check_values(samples: torch.Tensor) -> None:
    if not samples.is_floating_point():
        raise WrongType(
            f"the data are {samples.dtype}; convert them to the generator's type and range, "
            "for bytes `images.float() / 127.5 - 1`"
        )
    bad = int((~samples.isfinite()).sum())
    if bad:
        raise Refused(f"the data contain NaN or infinity: {bad} of {samples.numel()} values")
