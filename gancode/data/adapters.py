"""Data as people bring them, brought to what `gancode.data` knows: densities of other libraries,
samples and labels in a list, labels that are no tensor."""

import numbers
from typing import Any

import numpy as np
import torch

from gancode.errors import WrongType
from gancode.randomness import drawn_seed


class _Density:
    """A source of another library as a density; a subclass draws from it with a seed.

    `drawn` is what it draws first: by that it is known again.
    """

    def _draw(self, n: int, seed: int) -> torch.Tensor:
        raise NotImplementedError

    def __init__(self, source: Any) -> None:
        self.source = source
        self.drawn = self.sample(100, torch.Generator().manual_seed(0))

    def sample(self, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """Draw n samples, shape (n, ...), on the CPU, from the generator alone."""
        samples = self._draw(n, drawn_seed(generator)).detach().cpu()
        return samples[:, None] if samples.ndim == 1 else samples  # points on the line

    def __repr__(self) -> str:
        return type(self.source).__name__


class _OfTorch(_Density):
    """A `torch.distributions.Distribution`; what it draws at once, batch and event, is a sample."""

    def _draw(self, n: int, seed: int) -> torch.Tensor:
        gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
        with torch.random.fork_rng(gpus):  # it knows no generator but the global ones
            torch.manual_seed(seed)
            return self.source.sample((n,))


class _OfScikitLearn(_Density):
    """A fitted `sklearn.neighbors.KernelDensity`, in float32."""

    def _draw(self, n: int, seed: int) -> torch.Tensor:
        return torch.from_numpy(self.source.sample(n, random_state=seed % 2**32)).float()


def adapt(data: Any) -> Any:
    """`data`, or what stands for them: a density for a `torch.distributions.Distribution` or a
    `KernelDensity` of scikit-learn, and a tuple of tensors for [x, y] and where the labels y are
    an array, a column of a table or a list.

    Raises TypeError for a distribution that cannot be sampled.
    """
    kind = type(data)
    density: type[_Density]
    if isinstance(data, torch.distributions.Distribution):
        density = _OfTorch
    elif kind.__name__ == "KernelDensity" and kind.__module__.startswith("sklearn."):
        density = _OfScikitLearn
    else:
        return _with_labels(data)
    try:
        return density(data)
    except Exception as error:  # of many types: every distribution has its own
        raise WrongType(f"the data, a {kind.__name__}, cannot be sampled: {error}") from error


def _with_labels(data: Any) -> Any:
    """Two of which the second is labels as a tuple of tensors, and all else as it is."""
    if not (isinstance(data, (tuple, list)) and len(data) == 2 and torch.is_tensor(data[0])):
        return data
    samples, others = data[0], labels(data[1])
    if not torch.is_tensor(others):
        return data
    integers = not (others.is_floating_point() or others.is_complex())
    if isinstance(data, list) and not (integers and others.shape == samples.shape[:1]):
        return data  # two batches
    return samples, others


def labels(values: Any) -> Any:
    """Labels as a tensor of int64 where they are an array, a column of a table or a list of
    integers; all else as it is."""
    if isinstance(values, (list, tuple)):
        integers = len(values) > 0 and all(isinstance(v, numbers.Integral) for v in values)
    else:
        integers = hasattr(values, "__array__") and not torch.is_tensor(values)
    array = np.asarray(values) if integers else np.empty(0)
    return torch.from_numpy(array.astype(np.int64)) if array.dtype.kind in "iu" else values
