"""Images of two kinds, from two folders: in pairs by their names, or without pairs."""

import os
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from gancode.data.images import ImageFolder, _crc, _upright
from gancode.errors import Refused

_SHOWN = 5  # names in a message


def paired_images(
    given: str | Path, wanted: str | Path, size: int = 64, *, channels: int = 3
) -> "PairedImages":
    """The images in two folders as pairs, from those in `given` to those in `wanted`: a data set
    for a GAN of any condition.

    Two images are a pair if their paths within the folders are the same, but for the ending, and
    they have the same size. An item is a tuple, the image of `wanted` (the sample) and that of
    `given` (its condition), both as `image_folder` reads them: (channels, size, size) in [−1, 1].
    The attribute `fingerprint` tells these pairs from others, wherever they lie.

    Raises ValueError, with a list, for images without a partner, for several of one name, for
    partners of two sizes and for what cannot be read; FileNotFoundError and NotADirectoryError for
    paths that are no folders.
    """
    return PairedImages(_whole(given, size, channels), _whole(wanted, size, channels))


def unpaired_images(
    given: str | Path, wanted: str | Path, size: int = 64, *, channels: int = 3
) -> "UnpairedImages":
    """The images in two folders without pairs, from those in `given` to those in `wanted`.

    An item is a tuple, an image of `wanted` and one of `given`, as `paired_images` has them. There
    are as many as in the larger folder, each image of which comes once in an epoch; to each the
    other folder deals one at random, from torch's global state, as a run sets it for every batch.

    Raises ValueError for folders without images and for what cannot be read; FileNotFoundError and
    NotADirectoryError for paths that are no folders.
    """
    from_these, to_those = (_whole(path, size, channels) for path in (given, wanted))
    return UnpairedImages(
        from_these,
        to_those,
        fingerprint=f"{from_these.fingerprint} to {to_those.fingerprint}",
        described=f"{from_these!r} to {to_those!r}",
    )


class PairedImages(Dataset):
    """What `paired_images` returns. `names` are those of the pairs, in order, and `places` say
    which image of `given`, and which of `wanted`, each of them is."""

    def __init__(self, given: ImageFolder, wanted: ImageFolder) -> None:
        self.given, self.wanted = given, wanted
        places = [names_within(each) for each in (given, wanted)]
        alone = [
            f"{len(lost)} of {len(here)} in {folder.path} ({_some(lost)})"
            for folder, here, there in zip((given, wanted), places, places[::-1], strict=True)
            if (lost := sorted(here.keys() - there.keys()))
        ]
        if alone:
            raise Refused(
                f"images without a partner of the same name: {', and '.join(alone)}; give each "
                "pair one name in both folders, or train without pairs (--unpaired)"
            )
        self.names = sorted(places[0])
        self.places = [(places[0][name], places[1][name]) for name in self.names]
        sizes = [_sizes(each) for each in (given, wanted)]
        odd = [
            f"{name} ({_times(one)} and {_times(other)})"
            for name, (i, j) in zip(self.names, self.places, strict=True)
            if (one := sizes[0][i]) != (other := sizes[1][j])
        ]
        if odd:
            raise Refused(
                f"{len(odd)} of {len(self)} pairs in {given.path} and {wanted.path} have two "
                f"sizes, so that their pixels do not belong together: {_some(odd)}; bring both "
                "to one size"
            )
        self._crcs = [f"{given._crcs[i]}-{wanted._crcs[j]}" for i, j in self.places]
        self.fingerprint = f"{len(self)} pairs, crc {_crc(sorted(self._crcs))}"

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        given, wanted = self.places[index]
        return self.wanted[wanted], self.given[given]

    def __repr__(self) -> str:
        shape = (self.given.channels, self.given.size, self.given.size)
        return f"PairedImages({len(self)} pairs of shape {shape}, crc {_crc(self._crcs)})"


class UnpairedImages(Dataset):
    """What `unpaired_images` returns. The images of each kind are a data set or a tensor; the text
    `fingerprint` tells them from others, and `described` their order too."""

    def __init__(self, given: Any, wanted: Any, fingerprint: str, described: str) -> None:
        self.given, self.wanted = given, wanted
        self.fingerprint, self.described = fingerprint, described

    def __len__(self) -> int:
        return max(len(self.given), len(self.wanted))

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        more_given = len(self.given) > len(self.wanted)
        drawn = int(torch.randint(min(len(self.given), len(self.wanted)), (), device="cpu"))
        return (
            self.wanted[drawn if more_given else index],
            self.given[index if more_given else drawn],
        )

    def of(self, given: Any, wanted: Any) -> "UnpairedImages":
        """The same of the same images elsewhere, such as in memory."""
        return UnpairedImages(given, wanted, self.fingerprint, self.described)

    def __repr__(self) -> str:
        return f"UnpairedImages({self.described})"


def names_within(images: ImageFolder) -> dict[str, int]:
    """The place of each image under its path in their folder, without the ending.

    An é may be one sign or an e with an accent, by the system that wrote the name: it is one name.
    """
    found: dict[str, int] = {}
    for k, file in enumerate(images.files):
        path = file.relative_to(images.path).with_suffix("").as_posix()
        name = unicodedata.normalize("NFC", path)
        if name in found:
            raise Refused(
                f"{images.path} holds two images of one name, {images.files[found[name]].name} and "
                f"{file.name}; one of them has to go, or another name"
            )
        found[name] = k
    return found


def _whole(path: str | Path, size: int, channels: int) -> ImageFolder:
    """The images in a folder, all of which can be read."""
    return ImageFolder(path, size, channels, strict=True)


def _sizes(folder: ImageFolder) -> list[tuple[int, int]]:
    """Width and height of each image, upright."""
    from PIL import Image

    def size(file: Path) -> tuple[int, int]:
        with Image.open(file) as image:
            image.load()  # before its tags, as `image_folder` reads it
            return _upright(image).size

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(size, folder.files))


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join([*texts[:_SHOWN], *([f"{more} more"] if more > 0 else [])])
