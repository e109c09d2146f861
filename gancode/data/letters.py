"""Letters of one typeface and of another: pairs whose truth is known, and can be hidden.

Reached through `gancode.data` as well.
"""

import functools
import unicodedata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from gancode.errors import Refused, positive_integer

_FACES = {
    "sans": "DejaVuSans",
    "sans-bold": "DejaVuSans-Bold",
    "sans-oblique": "DejaVuSans-Oblique",
    "mono": "DejaVuSansMono",
    "serif": "DejaVuSerif",
    "serif-bold": "DejaVuSerif-Bold",
    "serif-italic": "DejaVuSerif-Italic",
}
_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")
_FINER = 4  # letters are drawn so many times larger, then each square of pixels is averaged
_EM, _BASELINE = 0.75, 0.72  # height of a font's square, and of its line from above, in images


class Glyphs(NamedTuple):
    """Pairs of letters: `source` and `target`, images (n, 1, size, size) in [−1, 1], ink at 1; and
    `letters`, a text of n characters."""

    source: torch.Tensor
    target: torch.Tensor
    letters: str


def glyphs(
    source: str = "sans", target: str = "serif", *, size: int = 24, hidden: int = 300
) -> tuple[Glyphs, Glyphs]:
    """Letters in two typefaces of DejaVu, which matplotlib carries: pairs to train on, and hidden
    ones.

    They are the Latin, Greek and Cyrillic letters and numbers that both faces have, each centred in
    its image, on one line. Left out are those that do not fit, and any that looks in either face
    just as an earlier one does: the Greek Α looks like the Latin A. What is left is shuffled, the
    same each time, and split by families: a letter and all its forms with accents, as e, é and ê,
    are on one side, so that no hidden letter is one to train on with another accent. `hidden`
    letters are hidden, or a few more, for families stay whole.

    Faces are sans, sans-bold, sans-oblique, mono, serif, serif-bold and serif-italic. Returns the
    pairs to train on and the hidden ones, as `Glyphs`. Letters are outlines, so each size is drawn
    anew; a pixel may differ by a rounding between versions of FreeType.

    Raises ValueError for a face that is none of these, for a size below 8, and for `hidden` that
    leaves nothing to train on.
    """
    for face in (source, target):
        if not isinstance(face, str) or face not in _FACES:
            raise Refused(f"there is no typeface {face!r}; choose from {', '.join(_FACES)}")
    if positive_integer("size", size) < 8:
        raise Refused(f"{size=} must be at least 8: smaller letters cannot be told apart")
    hidden = positive_integer("hidden", hidden)
    families = _families(source, target, size)
    order = torch.randperm(len(families), generator=torch.Generator().manual_seed(0)).tolist()
    parts: tuple[list, list] = [], []  # to train on, hidden
    for k in order:
        parts[len(parts[1]) < hidden].extend(families[k])
    if not parts[0]:
        raise Refused(
            f"{hidden=} leaves no letters to train on: there are {len(parts[1])}, in "
            f"{len(families)} families"
        )
    training, kept = (_as_tensors(part) for part in parts)
    return training, kept


@functools.cache
def _families(source: str, target: str, size: int) -> list[list[tuple]]:
    """Distinct letters with their images in both faces, those of one base letter together. What
    looks alike has one base: the Greek ά is of the family of the Latin a only if both a do."""
    faces = [_Face(name, size) for name in (source, target)]
    both = sorted(faces[0].characters & faces[1].characters)
    found: dict[bytes, list[tuple]] = {}
    seen: set[tuple[int, bytes]] = set()
    for code in both:
        letter = chr(code)
        if not _is_letter(letter) or not all(face.fits(letter) for face in faces):
            continue
        drawn = [face.draw(letter) for face in faces]
        looks = {(k, image.tobytes()) for k, image in enumerate(drawn)}
        if looks & seen:
            continue
        seen |= looks
        base = unicodedata.normalize("NFKD", letter)[0]
        base = base if ord(base) in faces[0].characters else letter
        found.setdefault(faces[0].draw(base).tobytes(), []).append((letter, *drawn))
    return list(found.values())


class _Face:
    """A typeface of matplotlib's that draws characters into images of a size."""

    def __init__(self, name: str, size: int) -> None:
        import matplotlib
        from matplotlib.ft2font import FT2Font
        from PIL import ImageFont

        file = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{_FACES[name]}.ttf")
        self.side, self.size = _FINER * size, size
        # The plain layout, for the other one is not on every machine.
        plain = ImageFont.Layout.BASIC
        self.font = ImageFont.truetype(str(file), round(_EM * self.side), layout_engine=plain)
        self.characters = set(FT2Font(str(file)).get_charmap())

    def fits(self, letter: str) -> bool:
        """Whether all of it is inside the image, and it has ink."""
        left, top, right, bottom = self.font.getbbox(letter, anchor="ms")
        above, half = _BASELINE * self.side, self.side / 2
        inside = -half <= left < right <= half and -above <= top and bottom <= self.side - above
        return inside and top < bottom

    def draw(self, letter: str) -> np.ndarray:
        """Its image (size, size), uint8, ink at 255."""
        from PIL import Image, ImageDraw

        image = Image.new("L", (self.side, self.side))
        at = self.side / 2, round(_BASELINE * self.side)
        ImageDraw.Draw(image).text(at, letter, fill=255, font=self.font, anchor="ms")
        return np.asarray(image.reduce(_FINER))


def _is_letter(character: str) -> bool:
    """Whether it is a letter or a number of one of the three scripts."""
    name = unicodedata.name(character, "")
    return unicodedata.category(character)[0] in "LN" and any(word in name for word in _SCRIPTS)


def _as_tensors(part: list[tuple]) -> Glyphs:
    letters, *drawn = zip(*part, strict=True)
    source, target = (torch.tensor(np.stack(each))[:, None].float() / 127.5 - 1 for each in drawn)
    return Glyphs(source, target, "".join(letters))
