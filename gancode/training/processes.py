"""The processes that train one GAN together: where each works, and how they stay equal.

Hugging Face Accelerate finds the others (`torchrun`, `accelerate launch`), gives each a device and
carries what they say to one another. Gradients are averaged here rather than by a wrapper around
the networks, so that a discriminator may be called as often as its loss and its penalties need.
"""

import os
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import nn
from tqdm import TqdmWarning

from gancode.errors import Refused


def _launched() -> int:
    """How many processes the environment says there are; looked at before Accelerate does, which
    would wait for the others for half an hour."""
    said = os.environ.get("WORLD_SIZE", "1")
    if not said.isdecimal() or int(said) < 1:
        raise Refused(f"WORLD_SIZE={said!r} is no number of processes; unset it")
    missing = [name for name in ("RANK", "MASTER_ADDR") if not os.environ.get(name)]
    if int(said) > 1 and missing:
        raise Refused(
            f"{said} processes were launched, but without {' and '.join(missing)} in the "
            f"environment; WORLD_SIZE={said} may be left over from an earlier launch: unset it, or "
            "start all of them with torchrun"
        )
    for name in ("LOCAL_RANK", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE"):
        none = "-1" if name == "LOCAL_RANK" else "1"
        if os.environ.get(name, none) != none and not os.environ.get("MASTER_ADDR"):
            raise Refused(
                f"{name}={os.environ[name]} says that this process was launched with others, but "
                "no MASTER_ADDR says where they meet; it may be left over from an earlier launch: "
                "unset it, or start all of them with torchrun"
            )
    rank = os.environ.get("RANK", "0")
    if not rank.isdecimal() or int(rank) >= int(said):
        raise Refused(
            f"RANK={rank!r} is none of {said} processes; it may be left over from an earlier "
            "launch: unset it"
        )
    return int(said)


@contextmanager
def _said_to_wait(launched: int, patience: float = 10.0) -> Iterator[None]:
    """Says once, on stderr, that the others are waited for, after `patience` seconds."""

    def say() -> None:
        where = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT', 29500)}"
        print(
            f"gancode: waiting at {where} for the rest of {launched} processes; if this one was "
            "started alone, stop it and unset WORLD_SIZE, RANK and MASTER_ADDR",
            file=sys.stderr,
            flush=True,
        )

    timer = threading.Timer(patience, say)
    timer.daemon = True
    if launched > 1:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Processes:
    """All processes of a launch, seen from one of them; without a launch there is only this one.

    `rank` counts them from 0, `world_size` is how many there are, `device` where this one works
    (None without a launch: networks stay where they are).
    """

    def __init__(self) -> None:
        launched = _launched()
        self.rank, self.world_size = 0, 1
        self.device: torch.device | None = None
        # Alone there is nobody to be found, and the import costs a third of a second.
        if launched > 1 or "accelerate" in sys.modules:
            self._join(launched)

    def _join(self, launched: int) -> None:
        with warnings.catch_warnings():  # tqdm looks for notebook widgets, which are not needed
            warnings.simplefilter("ignore", TqdmWarning)
            from accelerate import PartialState
            from accelerate.utils import parse_flag_from_env

        # Accelerate joins processes on the CPU only where it is told to use the CPU.
        accelerator = torch.cuda.is_available() or torch.xpu.is_available()
        with _said_to_wait(launched):
            state = PartialState(cpu=not accelerator or parse_flag_from_env("ACCELERATE_USE_CPU"))
        if launched != state.num_processes:
            raise Refused(
                f"{launched} processes were launched, but Accelerate has joined "
                f"{state.num_processes}; start gancode.train before anything else of Accelerate, "
                "or unset WORLD_SIZE"
            )
        self.rank, self.world_size = state.process_index, state.num_processes
        self.device = state.device if self.world_size > 1 else None

    @property
    def is_main(self) -> bool:
        """Whether this is the one that writes files and shows progress."""
        return self.rank == 0

    def shard(self, tensor: torch.Tensor) -> torch.Tensor:
        """This process's share of a tensor that all have: one of equal, contiguous slices."""
        return tensor.chunk(self.world_size)[self.rank] if self.world_size > 1 else tensor

    def broadcast(self, module: nn.Module) -> None:
        """Give all processes the weights and buffers of the first."""
        if self.world_size > 1:
            from accelerate.utils import broadcast as sent

            with torch.no_grad():
                for tensor in [*module.parameters(), *module.buffers()]:
                    tensor.copy_(sent(tensor.contiguous()))

    def average_gradients(self, weights: Sequence[torch.Tensor]) -> None:
        """Replace the gradients of weights by their means; a weight that has one in no process
        keeps none."""
        if self.world_size == 1:
            return
        has = torch.tensor([float(w.grad is not None) for w in weights], device=self.device)
        for weight in weights:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        self.average([*(cast(torch.Tensor, w.grad) for w in weights), has])
        for weight, share in zip(weights, has.tolist(), strict=True):
            if share == 0:
                weight.grad = None

    @torch.no_grad()
    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace floating-point tensors by their means over all processes.

        They travel as one, so the cost of a message is paid once. All receive the same numbers, so
        replicas that were equal bit for bit stay so.
        """
        tensors = [tensor for tensor in tensors if tensor.is_floating_point()]
        if self.world_size == 1 or not tensors:
            return
        from accelerate.utils import reduce

        total = reduce(torch.cat([tensor.flatten() for tensor in tensors]), "mean")
        for tensor, mean in zip(tensors, total.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def mean(self, *numbers: float) -> tuple[float, ...]:
        """The means of some numbers over all processes; NaN in one is NaN in all."""
        if self.world_size == 1:
            return numbers
        from accelerate.utils import reduce

        together = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        return tuple(reduce(together, "mean").tolist())

    def gather(self, value: Any) -> list:
        """A list of what each process has, in the order of their ranks."""
        if self.world_size == 1:
            return [value]
        from accelerate.utils import gather_object

        return gather_object([value])

    def wait(self) -> None:
        """Go on when all are here."""
        if self.world_size > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()
