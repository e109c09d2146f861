"""Predicted beside measured: the table in which every chapter ends.

A verdict keeps apart what was known before the run (names, predictions, tolerances) and what the
run measured. Measured numbers, and they alone, stand in `<span class="measured">…</span>` in HTML
and between ⟨ and ⟩ in text, so that a comparison of two runs may overlook their digits and nothing
else. A checksum binds the digits to their table; `check_html` recomputes it.
"""

import html
import math
import re
import zlib
from dataclasses import dataclass

_HOLDS = {
    "near": lambda measured, predicted, tolerance: abs(measured - predicted) <= tolerance,
    "at-most": lambda measured, bound, tolerance: measured <= bound + tolerance,
    "at-least": lambda measured, bound, tolerance: measured >= bound - tolerance,
}
_SIGN = {"near": "", "at-most": "≤ ", "at-least": "≥ ", "equal": ""}
_MARK = {True: "✓", False: "✗"}


class Measured(float):
    """A number from the run itself that serves as a prediction, a bound or a tolerance.

    For instance the tolerance `Measured(4 * standard_error)`; it is shown as measured.
    """


class Verdict:
    """A table of predictions beside measurements; true when it has rows and all of them pass.

    A prediction or a bound is a number, a SymPy expression that has a value, or `Measured` where it
    comes from the run; a tolerance likewise. What is known is written, and judged, to twelve
    digits; what is measured gets as many digits as it takes to see that its mark is right.
    `because` says where the tolerance or the bound comes from ("4 standard errors"). Text may hold
    LaTeX between dollar signs.

    Each method adds a row and returns the verdict, which draws itself in a notebook and prints as
    text. They raise ValueError for an empty quantity or reason, for a prediction or a tolerance
    without a finite value, and for a negative tolerance. A measured NaN fails its row.
    """

    def __init__(self, title=None):
        self.title = title
        self._rows = []

    def near(self, quantity, predicted, measured, tolerance, *, because):
        """Add a row that passes if `|measured − predicted| ≤ tolerance`."""
        return self._compare("near", quantity, predicted, measured, tolerance, because)

    def at_most(self, quantity, bound, measured, tolerance=0, *, because):
        """Add a row that passes if measured ≤ bound + tolerance."""
        return self._compare("at-most", quantity, bound, measured, tolerance, because)

    def at_least(self, quantity, bound, measured, tolerance=0, *, because):
        """Add a row that passes if measured ≥ bound − tolerance."""
        return self._compare("at-least", quantity, bound, measured, tolerance, because)

    def equal(self, quantity, predicted, measured, *, because):
        """Add a row that passes if the two are the same words, counts, or truth values."""
        cells = _known(str(predicted)), _measured(str(measured)), _known("exact")
        return self._add("equal", quantity, *cells, because, str(predicted) == str(measured))

    def _compare(self, relation, quantity, predicted, measured, tolerance, because):
        def row(digits):
            cells = (
                _number("prediction", predicted, digits),
                _measured(f"{float(measured):.{digits}g}"),
                _number("tolerance", tolerance, digits),
            )
            predicted_value, measured_value, tolerance_value = (cell.value for cell in cells)
            if tolerance_value < 0:
                raise ValueError(f"the tolerance must not be negative, not {tolerance_value}")
            return cells, _HOLDS[relation](measured_value, predicted_value, tolerance_value)

        _, passed = row(digits=17)  # all the digits that a float has
        cells = next(cells for cells, shown in map(row, range(5, 18)) if shown == passed)
        return self._add(relation, quantity, *cells, because, passed)

    def _add(self, relation, quantity, predicted, measured, tolerance, because, passed):
        if not (quantity and because):
            raise ValueError(
                f"a row needs a quantity and a reason, not {quantity!r} and {because!r}"
            )
        self._rows.append(_Row(relation, quantity, predicted, measured, tolerance, because, passed))
        return self

    def __bool__(self):
        return bool(self._rows) and all(row.passed for row in self._rows)

    def __repr__(self):
        summary = f"{sum(row.passed for row in self._rows)} of {len(self._rows)} hold"
        return "\n".join([self.title or "Verdict", *(row.text for row in self._rows), summary])

    def _repr_html_(self):
        head = ("quantity", "predicted", "measured", "tolerance", "holds")
        caption = f"<caption>{_prose(self.title)}</caption>" if self.title else ""
        body = "".join(row.html for row in self._rows)
        # The box scrolls by itself where the page is narrower than the table.
        return (
            '<div style="overflow-x: auto" tabindex="0">'
            f'<table class="verdict" data-crc="{_checksum(body)}">{caption}'
            f"<thead><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr></thead>"
            f"<tbody>{body}</tbody></table></div>"
        )


@dataclass(frozen=True)
class _Cell:
    text: str
    html: str
    value: float | None = None  # of the number as it is shown


@dataclass(frozen=True)
class _Row:
    relation: str
    quantity: str
    predicted: _Cell
    measured: _Cell
    tolerance: _Cell
    because: str
    passed: bool

    @property
    def text(self):
        return (
            f"{_MARK[self.passed]} {self.quantity}: "
            f"predicted {_SIGN[self.relation]}{self.predicted.text}, "
            f"measured {self.measured.text}, "
            f"tolerance {self.tolerance.text} ({self.because})"
        )

    @property
    def html(self):
        return (
            f'<tr data-relation="{self.relation}"><td>{_prose(self.quantity)}</td>'
            f"<td>{_SIGN[self.relation]}{self.predicted.html}</td><td>{self.measured.html}</td>"
            f"<td>{self.tolerance.html}<br><small>{_prose(self.because)}</small></td>"
            f"<td>{_MARK[self.passed]}</td></tr>"
        )


def check_html(document):
    """What is wrong with the verdicts in an HTML text: a list of sentences, empty if all is well.

    For each table the checksum must be that of its rows, and each mark must follow from the numbers
    that its row shows.
    """
    problems = []
    tables = re.findall(r'<table class="verdict"(.*?)</table>', document, re.DOTALL)
    for table in tables:
        crc = re.match(r' data-crc="([0-9a-f]{8})">', table)
        body = re.search(r"<tbody>(.*)</tbody>", table, re.DOTALL)
        rows = re.findall(r"<tr data-relation=.*?</tr>", body[1], re.DOTALL) if body else []
        if not (crc and rows):
            problems.append("a verdict has no checksum or no rows")
            continue
        if crc[1] != _checksum(body[1]):
            problems.append(f"the checksum {crc[1]} is not that of the rows, {_checksum(body[1])}")
        problems += filter(None, map(_row_problem, rows))
    return problems


def _row_problem(row):
    relation = re.match(r'<tr data-relation="([a-z-]*)">', row)
    cells = [_plain(cell) for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)]
    try:
        quantity, predicted, measured, tolerance, mark = cells
        if relation[1] == "equal":
            passed = predicted == measured
        else:
            # A number may read "log(4) = 1.386"; a tolerance is followed by its reason.
            predicted = float(predicted.removeprefix(_SIGN[relation[1]]).rpartition("= ")[2])
            tolerance = float(tolerance.partition("\n")[0].rpartition("= ")[2])
            passed = _HOLDS[relation[1]](float(measured), predicted, tolerance)
    except (ValueError, KeyError, TypeError) as error:
        return f"a row cannot be read ({error}): {' | '.join(cells)}"
    if mark != _MARK[passed]:
        return f"the mark {mark} of {quantity!r} does not follow from its numbers"


def _number(name, number, digits):
    """The cell of a known or measured number."""
    try:
        value = float(number)
    except (TypeError, ValueError) as error:  # free symbols, words
        raise ValueError(f"the {name} {number!r} has no numerical value") from error
    if not math.isfinite(value):
        raise ValueError(f"the {name} must be finite, not {value}")
    if isinstance(number, Measured):
        return _measured(f"{value:.{digits}g}")
    shown = f"{value:.12g}"
    if not hasattr(number, "free_symbols") or str(number) == shown:
        return _Cell(shown, shown, float(shown))
    from sympy import latex  # already imported by whoever made the expression

    return _Cell(f"{number} = {shown}", f"{_math(latex(number))} = {shown}", float(shown))


def _measured(shown):
    try:
        value = float(shown)
    except ValueError:  # words
        value = None
    return _Cell(f"⟨{shown}⟩", f'<span class="measured">{html.escape(shown)}</span>', value)


def _known(words):
    return _Cell(words, html.escape(words))


def _prose(text):
    """Escape text for HTML, with what stands between dollar signs as LaTeX."""
    pieces = html.escape(text).split("$")
    return "".join(_math(piece) if i % 2 else piece for i, piece in enumerate(pieces))


def _math(latex):
    return rf'<span class="math notranslate nohighlight">\({latex}\)</span>'


def _plain(cell):
    return html.unescape(re.sub(r"<[^>]*>", "", cell.replace("<br>", "\n")))


def _checksum(body):
    return f"{zlib.crc32(body.encode()):08x}"
