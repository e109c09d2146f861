"""Fonts with the characters that are needed, as a stylesheet holds them."""

import base64
import io
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset


def characters(font: Path, codes: Iterable[int]) -> bytes:
    """The font with no other characters than those of these code points, as WOFF2."""
    options = subset.Options(
        flavor="woff2", hinting=False, layout_features=[], drop_tables=["ltag"]
    )
    loaded = subset.load_font(font, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(loaded)
    file = io.BytesIO()
    subset.save_font(loaded, file, options)
    return file.getvalue()


def source(font: bytes) -> str:
    """The value of `src` in a rule of CSS that holds the font itself."""
    return f'url("data:font/woff2;base64,{base64.b64encode(font).decode()}") format("woff2")'
