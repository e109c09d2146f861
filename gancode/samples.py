"""Samples as files: an archive or an array of NumPy, a table of points, a picture, a folder of
images. The ending of a path decides which."""

import contextlib
import csv
import io
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

from gancode.errors import Refused
from gancode.training import checkpoint
from gancode.training.folder import refuse_unwritable

DIRECTORY = "/"
ENDINGS = (".npz", ".npy", ".csv", ".png", DIRECTORY)
_KINDS = (
    ".npz for an archive of x (and of the labels y), .npy for the array x, .csv for a table of "
    "points, .png for one picture, or a folder (a path that ends in /) for one picture an image"
)


def ending(path: str | Path) -> str:
    """One of ENDINGS; raises ValueError for a path with another."""
    if str(path).endswith((DIRECTORY, os.sep)) or Path(path).is_dir():
        return DIRECTORY
    found = Path(path).suffix.lower()
    if found not in ENDINGS:
        raise Refused(f"samples cannot be written to {path}: give {_KINDS}")
    return found


def refuse_taken(path: str | Path) -> None:
    """Refuse a file that is there already, or that has no folder to be written to: before anything
    is computed for it, since nothing is overwritten."""
    path = Path(path)
    if path.is_dir():
        raise Refused(f"{path} is a folder; give the name of a file in it")
    if os.path.lexists(path):  # a link to nothing is there, too
        raise Refused(f"{path} is there already, and nothing is overwritten; give another name, or "
                      "remove it")  # fmt: skip
    if not path.parent.is_dir():
        raise Refused(f"there is no folder {path.parent} for {path.name}; make it, or give another "
                      "place")  # fmt: skip
    refuse_unwritable(path.parent)


def refuse_full(path: str | Path) -> None:
    """Refuse what is no empty folder and could not become one, likewise; what `filled` has left
    there does not count."""
    path = Path(path)
    of_others = path.is_dir() and any(not p.name.startswith(_HIDDEN) for p in path.iterdir())
    if of_others or (os.path.lexists(path) and not path.is_dir()):
        raise Refused(f"{path} is not an empty folder; give a new one")
    refuse_unwritable(path)


def refuse(path: str | Path, shape: Sequence[int] | None = None) -> None:
    """Refuse a path that samples, of this shape where it is known, could not be written to.

    Raises `Refused` for an ending that is unknown or does not go with such samples, for what is
    there already, and for a folder that is missing; OSError for one that cannot be written.
    """
    kind = ending(path)
    if shape is not None and kind in (".csv", DIRECTORY) and (len(shape) == 1) != (kind == ".csv"):
        raise Refused(
            f"{path} is for {'points' if kind == '.csv' else 'images'}, and these samples have "
            f"shape {tuple(shape)}: give {_KINDS}"
        )
    if shape is not None and kind == DIRECTORY and (len(shape) != 3 or shape[0] not in (1, 3)):
        raise Refused(
            f"{path} is for images (n, channels, height, width) with 1 channel or 3, and these "
            f"samples have shape {tuple(shape)}"
        )
    refuse_full(path) if kind == DIRECTORY else refuse_taken(path)


def save(path: str | Path, x: Any, labels: Any = None) -> None:
    """Write samples to a path, in the form that its ending asks for.

    `x` is an array of float32, points (n, d) or images (n, channels, height, width) in [−1, 1], and
    `labels` (n,) are integers or None. Raises what `refuse` raises, and OSError where the disk
    refuses.
    """
    x = np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)
    if not x.ndim:
        raise Refused("a single number is no samples; give an array (n, ...)")
    if labels is not None and len(labels) != len(x):
        raise Refused(f"there are {len(labels)} labels of {len(x)} samples; give each its own")
    refuse(path, x.shape[1:])
    if ending(path) in (".png", DIRECTORY) and not np.isfinite(x).all():
        raise Refused(
            f"{path} is for pictures, and these samples hold NaN or infinity, which have no colour"
        )
    _SAVE[ending(path)](Path(path), x, labels)


def table(path: str | Path, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table with a line of names above, as CSV; what holds a comma is quoted. Raises
    OSError where the disk refuses."""
    content = io.StringIO()
    csv.writer(content, lineterminator="\n").writerows([names, *rows])
    checkpoint.write(Path(path), content.getvalue().encode(errors="surrogateescape"))


def _npz(path: Path, x: np.ndarray, labels: Any) -> None:
    content = io.BytesIO()
    np.savez(content, x=x, **({} if labels is None else {"y": labels}))
    checkpoint.write(path, content.getvalue())


def _npy(path: Path, x: np.ndarray, labels: Any) -> None:
    content = io.BytesIO()
    np.save(content, x)
    checkpoint.write(path, content.getvalue())


def _csv(path: Path, x: np.ndarray, labels: Any) -> None:
    names = [f"x{k}" for k in range(1, x.shape[1] + 1)]
    rows = [names, *([f"{value:.9g}" for value in row] for row in x)]
    if labels is not None:
        rows = [[*row, str(y)] for row, y in zip(rows, ["y", *labels], strict=True)]
    table(path, rows[0], rows[1:])


def _png(path: Path, x: np.ndarray, labels: Any) -> None:
    from gancode import reports  # here: it brings matplotlib

    reports.sheet(x, path)


def _pngs(path: Path, x: np.ndarray, labels: Any) -> None:
    with filled(path) as beside:
        for k, each in enumerate(x):
            of_class = "" if labels is None else f"-class-{labels[k]}"
            image(each).save(beside / f"{k:06d}{of_class}.png")


@contextlib.contextmanager
def filled(path: str | Path, key: str = "") -> Iterator[Path]:
    """A hidden folder within the empty folder `path`, to which its content is moved at the end. So
    where what stands inside is stopped, nothing half is seen there. With a `key`, a text that tells
    what is made from all else, what was made stays hidden, and is there again for the same key.
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    with _alone(path, path):
        refuse_full(path)  # it may have been filled since it was looked at
        beside = path / f"{_HIDDEN}{key}"
        for left in path.glob(f"{_HIDDEN}*"):
            if left != beside or not key:
                shutil.rmtree(left)
        beside.mkdir(exist_ok=True)
        try:
            yield beside
        except BaseException:
            if not key:
                shutil.rmtree(beside, ignore_errors=True)
            raise
        try:
            _move(beside, path)
        except KeyboardInterrupt as stopped:  # between two files: the others are not left behind
            _move(beside, path)
            raise KeyboardInterrupt(f"stopped when all was done: {path} is whole") from stopped


def _move(beside: Path, path: Path) -> None:
    """What is in a folder into another one."""
    for each in list(beside.iterdir()):
        os.replace(each, path / each.name)
    beside.rmdir()


@contextlib.contextmanager
def unfinished(path: str | Path) -> Iterator[Path]:
    """A hidden folder beside the file `path`, for what is done of the work for it: it is left where
    what stands inside is stopped, and removed where that comes to its end. Raises `Refused` where
    another process works for the same file."""
    path = Path(path)
    beside = path.with_name(f".{path.name}{_UNFINISHED}")
    beside.mkdir(exist_ok=True)
    try:
        with _alone(beside, path):
            yield beside
            shutil.rmtree(beside)
    finally:
        with contextlib.suppress(OSError):  # one with something in it, or none
            beside.rmdir()


@contextlib.contextmanager
def _alone(folder: Path, path: Path) -> Iterator[None]:
    """Refuse to work for `path` while another process, which holds this folder, does so."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(
                f"another process is writing to {path}; wait for it, or give another place"
            ) from error
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(descriptor)  # which ends the lock, as the end of a process does


_HIDDEN = ".gancode-"
_UNFINISHED = ".gancode-unfinished"


def image(x: np.ndarray) -> Any:
    """A sample (1 or 3, height, width) in [−1, 1] as an image of Pillow, 8 bits a channel."""
    from PIL import Image

    pixels = ((x.clip(-1, 1) + 1) * 127.5).round().astype(np.uint8).transpose(1, 2, 0)
    return Image.fromarray(pixels[..., 0] if len(x) == 1 else pixels)


_SAVE = {".npz": _npz, ".npy": _npy, ".csv": _csv, ".png": _png, DIRECTORY: _pngs}
