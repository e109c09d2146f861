"""Words inside formulas."""

import textwrap

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
