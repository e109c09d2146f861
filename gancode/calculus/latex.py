"""Expressions as a reader sees them, and words inside formulas."""

import textwrap
from typing import Any

from sympy import Expr
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

MARKS = {"proved": r"\checkmark", "checked": r"\approx", "refuted": r"\times"}


def words(text: str, width: int = 60) -> str:
    """Plain text inside a formula, in lines of at most `width` characters.

    Characters that mean something to LaTeX are left out: a `$` there would end the formula.
    """
    for character in "\\{}$&#%_^~":
        text = text.replace(character, " ")
    lines = [rf"\text{{{line}}}" for line in textwrap.wrap(text, width)]
    if len(lines) <= 1:
        return "".join(lines)
    return r"\begin{array}{l}" + r" \\ ".join(lines) + r"\end{array}"


def text(expr: Any) -> str:
    """An expression as text, as SymPy writes it; a whole interval of values is [−1, 1]."""
    return _Text().doprint(expr)


def latex(expr: Any) -> str:
    """An expression in LaTeX, likewise."""
    return _Latex().doprint(expr)


class _Text(StrPrinter):
    def _print_AccumulationBounds(self, expr: Expr) -> str:
        return f"[{self._print(expr.min)}, {self._print(expr.max)}]"


class _Latex(LatexPrinter):
    def _print_AccumulationBounds(self, expr: Expr) -> str:
        return rf"\left[{self._print(expr.min)}, {self._print(expr.max)}\right]"
