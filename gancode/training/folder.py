"""A run's folder: what was asked for, what has come of it, and where to take it up again."""

import contextlib
import json
import math
import pickle
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save as safetensors_bytes
from torch import nn

from gancode import randomness
from gancode.data.sources import Batches
from gancode.errors import Refused
from gancode.training import checkpoint
from gancode.training.checkpoint import CheckpointError
from gancode.training.processes import Processes
from gancode.training.settings import difference

if TYPE_CHECKING:
    from gancode.training.steps import Players

SETTINGS = "settings.json"
WEIGHTS = {"averaged": "generator.safetensors", "back_averaged": "generator-back.safetensors"}
HISTORY = "history.jsonl"


def refuse_taken(path: str | Path | None, resume: bool | str) -> None:
    """Refuse a folder that holds a run which is not to be continued, or that cannot be written."""
    if path is None:
        return
    if not resume and Path(path).exists() and checkpoint.saved(path):
        raise Refused(
            f"{path} holds a run; resume=True (--resume) continues it, another folder begins anew"
        )
    refuse_unwritable(path)


def refuse_unwritable(path: str | Path) -> None:
    """Raise OSError for a path that is no folder one can write to, and could not be made one;
    nothing is made yet."""
    there = Path(path).absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    _check_writable(path, there)


class Folder:
    """The folder of one run. Without a path it keeps nothing.

    `record` says what was asked for, in texts and numbers that `json` writes; what decides the run
    must be the same when it is continued (see `gancode.training.settings.difference`). Of several
    `processes` all read, and the first writes. Raises OSError where the folder cannot be written.
    """

    def __init__(
        self, path: str | Path | None, record: dict, resume: bool | str, processes: Processes
    ) -> None:
        self.path: Any = None if path is None else Path(path)
        self.record, self.resume, self.processes = record, resume, processes
        if self.path is None:
            return
        if processes.is_main:
            _check_writable(self.path, self.path)
        processes.wait()

    def find(self, stateful: dict[str, Any]) -> dict | None:
        """The state from which the run continues, or None where it begins; history.jsonl is
        brought to what it was then.

        Raises `CheckpointError` for a checkpoint that is damaged or does not belong to this run
        with these `stateful` objects, and where processes do not find the same.
        """
        found = checkpoint.saved(self.path) if self.path is not None and self.resume else []
        seen = self.processes.gather([path.name for path in found])
        if any(names != seen[0] for names in seen):
            raise CheckpointError(f"not all processes see the same checkpoints in {self.path}")
        if not found:
            if self.path is not None and self.processes.is_main:
                self._rewrite_history([])  # rows of a run that came to no checkpoint
            return None
        if self.resume == "previous" and len(found) < 2:
            raise CheckpointError(f"{self.path} has no checkpoint before {found[-1].name}")
        path = found[-2 if self.resume == "previous" else -1]
        state = checkpoint.load(path)
        self._check(path, state, stateful)
        self.processes.wait()  # all have read before the first writes
        if self.processes.is_main:
            self._rewrite_history(state["counters"]["history"])
            self._write_settings()
            if self.resume == "previous":
                found[-1].unlink()  # what follows takes its place
        return state

    def refuse_unsaved(self, stateful: dict[str, Any]) -> None:
        """Try all that a checkpoint of what is `stateful` takes, but for the disk.

        Raises `Refused`, naming the object and the entry of its state, for what cannot be saved.
        """
        for name, each in stateful.items() if self.path is not None else ():
            for key, value in each.state_dict().items():
                try:
                    checkpoint.loads(checkpoint.dumps({key: value}))
                    if name in WEIGHTS:
                        safetensors_bytes(_weights({key: value}))
                except Exception as error:  # of many types: the value may be any object
                    of_code = isinstance(error, pickle.UnpicklingError)
                    cause = "only code could read it" if of_code else str(error).splitlines()[0]
                    raise Refused(
                        f"{key!r} in the state of {name} cannot be saved, a "
                        f"{type(value).__name__}: {cause}; a state must hold "
                        "tensors, beside numbers and texts, and that of the generator nothing else"
                    ) from error

    def restore(self, state: dict, players: "Players", batches: Batches) -> dict:
        """Bring `players`, `batches` and all random states to where the run stopped, and return its
        counters."""
        for name, each in players.stateful().items():
            each.load_state_dict(state["states"][name])
        mine = state["processes"][self.processes.rank]
        batches.load_state_dict(mine["batches"])
        randomness.set_states(mine["random"], players.rng, players.device)
        return state["counters"]

    def save(self, players: "Players", batches: Batches, counters: dict) -> None:
        """Write a checkpoint, and the averaged generator for others to read.

        Raises FloatingPointError where a weight or a state of an optimiser is no longer finite.
        """
        step, stateful = counters["step"], players.stateful()
        drawn = randomness.states(players.rng, players.device)
        mine = {"random": drawn, "batches": batches.state_dict()}
        state: dict[str, Any] = {
            "record": self.record,
            "states": {name: each.state_dict() for name, each in stateful.items()},
            "processes": self.processes.gather(mine),
            "counters": counters,
        }
        for name, each in stateful.items():
            # Of a network the weights: a buffer may rightly be infinite, as a causal mask is.
            of_network = isinstance(each, nn.Module)
            learnt = dict(each.named_parameters()) if of_network else each.state_dict()
            for key, tensor in _tensors(learnt, name):
                if tensor.is_floating_point() and not tensor.isfinite().all():
                    raise FloatingPointError(f"step {step}: {key} holds NaN or infinity")
        if self.processes.is_main:
            self._write_settings()
            for name in WEIGHTS.keys() & stateful.keys():
                weights = _weights(state["states"][name])
                content = safetensors_bytes(weights, {"step": str(step)})
                checkpoint.write(self.path / WEIGHTS[name], content)
            checkpoint.save(self.path, step, state)  # last: a finished run has all its files

    def log(self, row: dict) -> None:
        """Add a row to history.jsonl. Raises OSError where the disk does not take it."""
        if self.path is None or not self.processes.is_main:
            return
        try:
            with (self.path / HISTORY).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise OSError(
                error.errno, f"{HISTORY} was not written ({error.strerror}). {self._survives()}"
            ) from error

    def _rewrite_history(self, rows: list[dict]) -> None:
        checkpoint.write(self.path / HISTORY, "".join(json.dumps(r) + "\n" for r in rows).encode())

    def _write_settings(self) -> None:
        content = json.dumps(self.record, indent=2)
        checkpoint.write(self.path / SETTINGS, content.encode())

    def _survives(self) -> str:
        found = checkpoint.saved(self.path)
        return f"The last good checkpoint is {found[-1]}" if found else "There is no checkpoint yet"

    def _check(self, path: Path, state: dict, stateful: dict[str, Any]) -> None:
        entries = {"record", "states", "processes", "counters"}
        if not isinstance(state, dict) or entries - set(state):
            raise CheckpointError(
                f"{path} holds no run of this gancode.train; what an older version has begun only "
                "that version continues"
            )
        if found := difference(state["record"], self.record):
            raise CheckpointError(
                f"{path} belongs to a run with {found}; continue with the same, or begin in "
                "another folder"
            )
        self._refuse_shorter(path, state)
        if odd := sorted(stateful.keys() ^ state["states"].keys()):
            raise CheckpointError(f"{path} holds other networks: only one of the two has {odd[0]}")
        for name in [name for name, each in stateful.items() if isinstance(each, nn.Module)]:
            now, then = (
                {key: tuple(tensor.shape) for key, tensor in weights.items()}
                for weights in (stateful[name].state_dict(), state["states"][name])
            )
            if now != then:
                key, shape = sorted(set(now.items()) ^ set(then.items()))[0]
                raise CheckpointError(
                    f"{path} holds other networks: {key} of shape {shape} is in {name} of only one "
                    "of the two"
                )

    def _refuse_shorter(self, path: Path, state: dict) -> None:
        """Refuse a length that the run has passed: nothing would be done, and schedules would be
        taken to be those of a shorter run when it goes on."""
        asked, counters = self.record["training"], state["counters"]
        steps, seconds = (asked.get(name) or math.inf for name in ("steps", "seconds"))
        # A run by the clock ends a little after its time, and may be asked for the same again.
        shorter = seconds < (state["record"]["training"].get("seconds") or math.inf)
        if counters["step"] > steps or shorter and counters["elapsed"] > seconds:
            length = f"{steps=}" if steps < math.inf else f"{seconds=:g}"
            raise CheckpointError(
                f"{path} has {counters['step']} steps already, made in {counters['elapsed']:.1f} "
                f"s, which is more than {length}; both count from the run's start: ask for more, "
                "or for nothing new to leave it as it is"
            )

    @contextlib.contextmanager
    def last_good(self) -> Iterator[None]:
        """Add to a FloatingPointError where the run can be taken up."""
        try:
            yield
        except FloatingPointError as error:
            if self.path is None:
                raise
            raise FloatingPointError(f"{error}. {self._survives()}") from error

    @contextlib.contextmanager
    def interrupts_postponed(self) -> Iterator[Callable[[], bool]]:
        """A function that says whether Ctrl-C or SIGTERM has come, which no longer stop at once;
        the second one does.

        Only with a folder to save to, and only in the main thread, where signals arrive.
        """
        came: list[int] = []

        def handle(number: int, _: Any) -> None:
            if came:
                raise KeyboardInterrupt(f"stopped in the middle of a step. {self._survives()}")
            came.append(number)

        if self.path is None or threading.current_thread() is not threading.main_thread():
            yield lambda: False
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(each, handle) for each in signals]
        try:
            yield lambda: bool(came)
        finally:
            for each, handler in zip(signals, before, strict=True):
                signal.signal(each, handler)


def _check_writable(path: str | Path, there: Path) -> None:
    """Raise OSError, which names `path`, unless a file can be made in `there`."""
    try:
        there.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise OSError(
            error.errno,
            f"the folder {path} cannot be written ({error.strerror}); give another, or change its "
            "permissions",
        ) from error


def _weights(state: dict) -> dict[str, torch.Tensor]:
    """Tensors as safetensors takes them: each one a copy, its numbers in the order of its axes."""
    order = torch.contiguous_format
    return {
        name: tensor.detach().cpu().clone(memory_format=order) for name, tensor in state.items()
    }


def _tensors(state: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """All tensors in nested dicts and lists, with the names that lead to them."""
    if isinstance(state, torch.Tensor):
        yield name, state
    elif isinstance(state, (dict, list)):
        entries = state.items() if isinstance(state, dict) else enumerate(state)
        for key, value in entries:
            yield from _tensors(value, f"{name}.{key}".strip("."))
