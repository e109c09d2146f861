"""How results show themselves in a notebook: their data for programs, and prose as HTML."""

import html
import re
from typing import Any

MIME = "application/vnd.gancode+json"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+")


class Shown:
    """A result that a notebook stores together with its data.

    The class says in `_data` what they are: a dictionary of words, numbers and lists that begins
    with its kind. It stands beside the text, LaTeX or HTML that a reader sees, under the type
    `application/vnd.gancode+json`, which nothing draws; the proof ledger reads it. It holds nothing
    that may differ from one machine to the next.
    """

    def _data(self) -> dict:
        raise NotImplementedError

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict:
        return {MIME: self._data()}


def prose(text: str) -> str:
    """Escape text for HTML, with what stands between dollar signs as LaTeX."""
    pieces = html.escape(text).split("$")
    return "".join(math(piece) if i % 2 else piece for i, piece in enumerate(pieces))


def math(latex: str) -> str:
    """A formula within a line of HTML."""
    return rf'<span class="math notranslate nohighlight">\({latex}\)</span>'


def powers(text: str) -> str:
    """Numbers in text with their powers of ten as one writes them: 2.5·10⁻⁷ for 2.50e-07."""
    return re.sub(r"\b(\d[\d.]*)[eE]([+-]?)0*(\d+)\b", _power, text)


def _power(number: re.Match) -> str:
    mantissa, sign, exponent = number.groups()
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    power = f"10{(sign + exponent).translate(RAISED)}"
    return power if mantissa == "1" else f"{mantissa}·{power}"
