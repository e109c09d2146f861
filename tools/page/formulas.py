"""Formulas: MathJax, in one script, with the glyphs that books use in it.

What MathJax ships as one file brings menus and speech, is 1 MB, and still asks for each of its
fonts. Here its parts that a page needs are one script. The common characters of the fonts are
embedded in it; a character beyond them has the font fetched that has it.
"""

import json
import shutil
from pathlib import Path

from tools.page.fonts import characters, source

PATH = "mathjax/mathjax.js"
FONTS = "font"  # beside the script
TEX = ("newcommand", "ams", "noundefined")  # extensions of TeX
# In the order in which they need each other.
PARTS = (
    "mathjax/startup.js",
    "mathjax/core.js",
    "mathjax/input/tex-base.js",
    *(f"mathjax/input/tex/extensions/{name}.js" for name in TEX),
    "mathjax/output/chtml.js",
    "@mathjax/mathjax-newcm-font/chtml.js",
    "mathjax/a11y/assistive-mml.js",
)
# Metrics of characters that MathJax would ask for when it meets the first.
METRICS = ("calligraphic", "double-struck", "script", "shapes")
# The name of a font, and which of its characters are embedded, those of this book among them.
DELIMITERS = "28-29,2F,5B-5D,7B-7D,2016,221A,2223,2225,2308-230B,27E8-27E9"
EMBEDDED = {
    **{name: DELIMITERS for name in ("so", "s3", "s4", "s5", "s6", "s7", "em", "lt")},
    "n": "20-7E,A0-B8,D7,2C6-2DC,302-308,391-3F5,2010-2037,2061-2064,210E,2190-2199,21A6,"
    "21D0-21D4,2200-22CF,22EF,"
    "239B-23B9,27E8-27E9,27FA,2A7D-2A7E,2AAF-2AB0,1D434-1D467,1D6FC-1D71B,1D404,1D7CF",
    "lo": f"{DELIMITERS},220F-2211,222B-222E",
    "s": "210A-2134",
    "ds": "2102-2149,1D538-1D56B",
    "c": "41-5A",
    "v": "2032-2037",
    "sh": "25A0,2713",
}
WHOLE = ("zero", "brk")  # fonts with no characters that are asked for all the same
# Beside the rule for the file of a font stands one for its characters that are embedded.
EMBED = """\
(() => {
  const embedded = %s, data = MathJax._.output.chtml.FontData.ChtmlFontData;
  const add = data.addFontURLs;
  data.addFontURLs = function (rules, fonts, url) {
    add.call(this, rules, fonts, url);
    for (const [rule, font] of Object.entries(fonts)) {
      const own = embedded[/mjx-ncm-([^.]+)/.exec(font.src)[1]];
      if (own) rules[own["unicode-range"] ? `${rule} /* embedded */` : rule] = {...font, ...own};
    }
  };
  delete MathJax.config.options?.menuOptions;  // set by a part for a menu that is not here
})()
"""
CONFIGURATION = {
    # All is in the script: nothing is left to load.
    "loader": {"load": [], "paths": {"mathjax-newcm": f"[mathjax]/{FONTS}"}},
    "tex": {"packages": ["base", *TEX]},
    "output": {"displayOverflow": "linebreak"},
}
# MathJax breaks the columns of aligned formulas long before they are too wide: so only where room
# is scarce. Elsewhere what is too wide can be scrolled, and on paper it is made smaller.
ROOM = """\
if (!matchMedia("(max-width: 576px)").matches) MathJax.output.displayOverflow = "overflow"\
"""


def script(packages: Path) -> str:
    """MathJax as one script, from the npm packages in `packages`."""
    font = packages / "@mathjax/mathjax-newcm-font/chtml"
    parts = [ROOM]
    parts += [(packages / part).read_text(encoding="utf-8") for part in PARTS]
    parts += [(font / f"dynamic/{name}.js").read_text(encoding="utf-8") for name in METRICS]
    names = [
        "core",
        "input/tex-base",
        "output/chtml",
        "[mathjax-newcm]/chtml",
        "a11y/assistive-mml",
    ]
    names += [f"[tex]/{name}" for name in TEX]
    names += [f"[mathjax-newcm]/chtml/dynamic/{name}.js" for name in METRICS]
    parts.append(f"MathJax.loader.preLoaded(...{names})")
    embedded = {name: face(font / "woff2", name) for name in (*WHOLE, *EMBEDDED)}
    parts.append(EMBED % json.dumps(embedded))
    return ";\n".join(parts)


def face(folder: Path, name: str) -> dict[str, str]:
    """What a rule of CSS says of the part of a font that is embedded."""
    file = folder / f"mjx-ncm-{name}.woff2"
    if name in WHOLE:
        return {"src": source(file.read_bytes())}
    ranges = EMBEDDED[name].split(",")
    return {
        "src": source(characters(file, [code for part in ranges for code in _codes(part)])),
        "unicode-range": ",".join(f"U+{part}" for part in ranges),
    }


def _codes(part: str) -> range:
    first, _, last = part.partition("-")
    return range(int(first, 16), int(last or first, 16) + 1)


def write(packages: Path, static: Path) -> None:
    """Put MathJax, and what it may ask for, into the folder of static files."""
    target = static / PATH
    shutil.rmtree(target.parent, ignore_errors=True)
    target.parent.mkdir(parents=True)
    target.write_text(script(packages), encoding="utf-8")
    shutil.copy(packages / "mathjax/LICENSE", target.parent)
    for part in ("dynamic", "woff2"):
        font = packages / "@mathjax/mathjax-newcm-font/chtml" / part
        shutil.copytree(font, target.parent / FONTS / "chtml" / part)
