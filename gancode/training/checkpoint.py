"""Checkpoints: written whole or not at all, checked when read, and read without running code.

A checkpoint is a file of tensors, numbers, texts, lists and dicts as `torch.save` writes them, then
a SHA-256 of those bytes, then a mark. It is written beside its place and renamed, so a process that
is killed at any moment leaves the checkpoint before it as it was.
"""

import errno
import hashlib
import io
import os
import pickle
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from gancode.errors import Refused

MARK = b"gancode checkpoint 1"
KEPT = 2  # the newest, and the one before it in case the newest is damaged on the disk


# What a disk answers that fails. All else a file system answers that cannot sync a folder, as some
# over a network: the name is then there when they see fit, and the file itself is.
_FAILURES = (errno.EIO, errno.ENOSPC, errno.EDQUOT)


class CheckpointError(Refused):
    """A checkpoint is missing, damaged, or of another run; the message says which."""


def save(folder: str | Path, step: int, state: Any) -> Path:
    """Write the state of a run after `step` steps into `folder`, and remove all but the newest two.

    Raises OSError where the disk does not take it; what was there before is then still there.
    """
    folder = Path(folder)
    content = dumps(state)
    path = folder / f"checkpoint-{step:09d}.pt"
    write(path, content + hashlib.sha256(content).digest() + MARK)
    for old in saved(folder)[:-KEPT]:
        old.unlink()
    return path


def dumps(state: Any) -> bytes:
    """A state in the format of torch.save."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def loads(content: bytes) -> Any:
    """What `dumps` has written, on the CPU; only of what can be read without running code."""
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def crc(weights: Mapping[str, torch.Tensor]) -> str:
    """A checksum of tensors and their names, as of all weights and buffers of a network."""
    found = 0
    for key, tensor in weights.items():
        content = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
        found = zlib.crc32(content.tobytes(), zlib.crc32(key.encode(), found))
    return f"{found:08x}"


def write(path: Path, content: bytes) -> None:
    """Write bytes to a file, whole or not at all.

    Raises OSError where the disk does not take them; what was there before is then still there.
    """
    beside = path.with_name(f"{path.name}.part")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OSError(
            error.errno,
            f"{path.name} was not written ({error.strerror}); what stood in {path.parent} before "
            "is as it was",
        ) from error
    _sync(path.parent)


def saved(folder: str | Path) -> list[Path]:
    """The checkpoints in a folder, from the oldest to the newest."""
    return sorted(p for p in Path(folder).glob("checkpoint-*.pt") if _step(p) is not None)


def load(path: str | Path) -> dict:
    """The state in a checkpoint, on the CPU.

    Raises `CheckpointError` where the file is no checkpoint, or not as it was written.
    """
    path = Path(path)
    content = path.read_bytes()
    if not content.endswith(MARK):
        raise CheckpointError(
            f"{path} is no checkpoint of gancode, or its end is missing; {_remedy(path)}"
        )
    content, digest = content[: -len(MARK) - 32], content[-len(MARK) - 32 : -len(MARK)]
    if hashlib.sha256(content).digest() != digest:
        raise CheckpointError(f"{path} is damaged: its checksum is wrong; {_remedy(path)}")
    try:
        return loads(content)
    except (pickle.UnpicklingError, RuntimeError) as error:
        raise CheckpointError(f"{path} holds what is no state of a run: {error}") from error


def _remedy(path: Path) -> str:
    before = [other for other in saved(path.parent) if other < path]
    if before:
        return (
            f'resume="previous" (--resume --previous) continues from the one before it, '
            f"{before[-1].name}"
        )
    return "there is no earlier one: start anew in another folder"


def _step(path: Path) -> int | None:
    match = re.fullmatch(r"checkpoint-(\d+)\.pt", path.name)
    return int(match[1]) if match else None


def _sync(folder: Path) -> None:
    """Have the new name on the disk too, where the system can do that."""
    if os.name == "posix":
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except PermissionError:  # a folder may be written and not read
            return
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno in _FAILURES:
                raise
        finally:
            os.close(descriptor)
