"""The theory of one objective as a table, in text and in LaTeX."""

from dataclasses import dataclass
from typing import Any

from .divergence import Divergence
from .latex import latex, text, words


@dataclass(frozen=True)
class Card:
    """The theory of one objective as rows of a label and an expression, a sentence or a flag."""

    name: str
    source: str
    rows: list

    def lines(self) -> list[tuple[str, str, str]]:
        """Each row as its label, its value as text, and the value in LaTeX: empty where it is
        words."""
        return [(label, _plain(value), _formula(value)) for label, value in self.rows]

    def __str__(self) -> str:
        width = max(len(label) for label, _ in self.rows)
        lines = [self.name + (f"  ({self.source})" if self.source else "")]
        lines += [f"  {label:<{width}}  {plain}" for label, plain, _ in self.lines()]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        rows = [rf"{words(self.name)} & {words(self.source)}"]
        rows += [
            rf"{words(label)} & {formula or words(plain)}" for label, plain, formula in self.lines()
        ]
        body = " \\\\[4pt]\n".join(rows)
        return "$$\n\\begin{array}{ll}\n" + body + "\n\\end{array}\n$$"


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(text, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else text(value)


def _formula(value: Any) -> str:
    if isinstance(value, (bool, str)):
        return ""
    if isinstance(value, list):
        return r",\ ".join(map(latex, value))
    return value._latex() if isinstance(value, Divergence) else latex(value)
