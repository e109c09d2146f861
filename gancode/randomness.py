"""One seed for every source of randomness, and their states, to be saved and restored."""

import operator
import os
import random
from typing import Any, cast

import numpy as np
import torch

from gancode.errors import Refused


def seed(k: int, *, rank: int = 0) -> torch.Generator:
    """Seed Python, NumPy and torch, and return a torch.Generator for data and latents.

    All four streams, and that of `Run.sample`, are independent of one another. The integer in the
    environment variable GANCODE_SEED (default 0) shifts every seed: the streams are those of
    (k, GANCODE_SEED), mixed by NumPy's SeedSequence, so that no two seeds meet. Of several
    processes each has its own global streams by its `rank`; the returned generator is the same in
    all. Raises ValueError for a seed that is not a non-negative integer.
    """
    *_, generator, _ = streams(k)
    python, numpy, global_torch, *_ = streams(k, rank)
    random.seed(python)
    np.random.seed(numpy)
    torch.manual_seed(global_torch)
    return torch.Generator().manual_seed(generator)


def streams(k: int, rank: int = 0) -> list[int]:
    """Five 32-bit seeds, a function of k, GANCODE_SEED and the rank: for Python, NumPy, torch, the
    generator of `seed`, and `Run.sample`."""
    try:
        k = operator.index(k)
    except TypeError:
        k = -1
    if not 0 <= k < 2**32:
        raise Refused(f"a seed must be an integer from 0 to 2³² − 1, not {k!r}")
    entropy = (k, shift(), rank) if rank else (k, shift())
    return np.random.SeedSequence(entropy).generate_state(5).tolist()


def shift() -> int:
    """What shifts every seed of this process, GANCODE_SEED. Raises `Refused` for what is none."""
    said = os.environ.get("GANCODE_SEED", "0")
    if not said.isdecimal() or int(said) >= 2**32:
        raise Refused(f"GANCODE_SEED={said!r} must be an integer from 0 to 2³² − 1")
    return int(said)


def drawn_seed(generator: torch.Generator | None) -> int:
    """A seed below 2⁶², drawn from a generator."""
    return int(torch.randint(2**62, (), generator=generator, device="cpu").item())


def kept(device: Any) -> Any:
    """A context that leaves the global random state of torch as it found it."""
    return torch.random.fork_rng([device] if device.type == "cuda" else [])


def states(rng: torch.Generator, device: Any) -> dict:
    """The states of all sources, in numbers, texts and tensors; of GPUs only that of `device`, for
    the others belong to other processes."""
    version, numbers, gauss = random.getstate()
    name, keys, *rest = cast(tuple, np.random.get_state())
    return {
        "stream": rng.get_state(),
        "global": torch.get_rng_state(),
        "cuda": [torch.cuda.get_rng_state(device)] if device.type == "cuda" else [],
        "python": [version, list(numbers), gauss],
        "numpy": [name, keys.tolist(), *rest],
    }


def set_states(saved: Any, rng: torch.Generator, device: Any) -> None:
    """Bring all sources to where `states` found them."""
    rng.set_state(saved["stream"])
    torch.set_rng_state(saved["global"])
    if saved["cuda"] and device.type == "cuda":
        torch.cuda.set_rng_state(saved["cuda"][0], device)
    version, numbers, gauss = saved["python"]
    random.setstate((version, tuple(numbers), gauss))
    np.random.set_state(tuple(saved["numpy"]))
