"""Predicted beside measured: the table in which every chapter ends.

A verdict keeps apart what was known before the run (names, predictions, tolerances) and what the
run measured. Measured numbers, and they alone, stand in `<span class="measured">…</span>` in HTML
and between ⟨ and ⟩ in text, so that a comparison of two runs may overlook their digits and nothing
else; its data leave them out. A checksum binds the digits to their table; `check_html` recomputes
it.
"""

import html
import math
import re
import zlib
from dataclasses import dataclass
from typing import Any

from .notebook import RAISED, Shown, prose
from .notebook import math as formula

_HOLDS = {
    "near": lambda measured, predicted, tolerance: abs(measured - predicted) <= tolerance,
    "at-most": lambda measured, bound, tolerance: measured <= bound + tolerance,
    "at-least": lambda measured, bound, tolerance: measured >= bound - tolerance,
}
_SIGN = {"near": "", "at-most": "≤ ", "at-least": "≥ ", "equal": ""}
_MARK = {True: "✓", False: "✗"}
KINDS = ("theorem", "standard error", "rounding", "observed before")
_REASON = re.compile(
    r"(theorem|(?:\d+ )?standard errors?|rounding|observed before)(?:: \S.*)?", re.DOTALL
)
_LOWERED = {raised: plain for plain, raised in RAISED.items() if raised}


class Measured(float):
    """A number from the run itself that serves as a prediction, a bound or a tolerance.

    For instance the tolerance `Measured(4 * standard_error)`; it is shown as measured.
    """


class Verdict(Shown):
    """A table of predictions beside measurements; true when it has rows and all of them pass.

    A prediction or a bound is a number, a SymPy expression that has a value, or `Measured` where it
    comes from the run; a tolerance likewise. Text may hold LaTeX between dollar signs.

    `because` begins with the kind of the row: what stands behind its prediction (or bound) and its
    tolerance. More may follow a colon: `because="rounding: seven operations in bfloat16"`.

    - "theorem": both follow from a derivation or a definition.
    - "standard error", or "4 standard errors": the prediction follows from a derivation, or is that
      there is no effect; how far the run may be from it, or must be, is so many times the error of
      an estimate from random samples.
    - "rounding": the prediction follows from a derivation; the tolerance bounds what arithmetic, a
      quadrature or a solver may add.
    - "observed before": the prediction, the bound or the tolerance was taken from earlier runs, or
      chosen in their light.

    What is known is judged to twelve digits, and what is measured as it is. Both are shown to two
    digits of the tolerance; beside a bound, what is measured to two digits of the distance from it,
    and always to as many as it takes to see that the mark is right.

    Each method adds a row and returns the verdict, which draws itself in a notebook and prints as
    text. They raise ValueError for an empty quantity, for a reason that does not begin with its
    kind, for a prediction or a tolerance without a finite value, and for a negative tolerance. A
    measured NaN fails its row.
    """

    def __init__(self, title: str | None = None):
        self.title = title
        self._rows: list = []

    def near(
        self, quantity: str, predicted: Any, measured: Any, tolerance: Any, *, because: str
    ) -> "Verdict":
        """Add a row that passes if `|measured − predicted| ≤ tolerance`."""
        return self._compare("near", quantity, predicted, measured, tolerance, because)

    def at_most(
        self, quantity: str, bound: Any, measured: Any, tolerance: Any = 0, *, because: str
    ) -> "Verdict":
        """Add a row that passes if measured ≤ bound + tolerance."""
        return self._compare("at-most", quantity, bound, measured, tolerance, because)

    def at_least(
        self, quantity: str, bound: Any, measured: Any, tolerance: Any = 0, *, because: str
    ) -> "Verdict":
        """Add a row that passes if measured ≥ bound − tolerance."""
        return self._compare("at-least", quantity, bound, measured, tolerance, because)

    def equal(self, quantity: str, predicted: Any, measured: Any, *, because: str) -> "Verdict":
        """Add a row that passes if the two are the same words, counts, or truth values."""
        cells = _words(predicted), _measured(str(measured)), _words("exact")
        return self._add("equal", quantity, *cells, because, str(predicted) == str(measured))

    def _compare(
        self,
        relation: str,
        quantity: str,
        predicted: Any,
        measured: Any,
        tolerance: Any,
        because: str,
    ) -> "Verdict":
        holds = _HOLDS[relation]
        bound, room = _value("prediction", predicted), _value("tolerance", tolerance)
        value = float(measured)
        if room < 0:
            raise ValueError(f"the tolerance must not be negative, not {room}")
        passed = holds(value, bound, room)
        # The last decimal place that matters: two digits of the tolerance, or of the distance from
        # a bound. What is known is shown in a way that hangs on nothing measured.
        matters = room if relation == "near" else abs(value - bound)
        last = _place(matters) - 1 if 0 < matters < math.inf else None
        known = last if relation == "near" and not isinstance(tolerance, Measured) else None

        def row(
            more: int,
        ) -> "tuple[_Cell, _Cell, _Cell]":  # with so many digits more of what was measured
            return (
                _number(predicted, bound, _digits(bound, known, 5), _digits(bound, last, 3) + more),
                _measured(_written(value, _digits(value, last, 3) + more)),
                _number(tolerance, room, 3, 2 + more),
            )

        for predicted_cell, measured_cell, tolerance_cell in map(row, range(18)):
            if holds(measured_cell.seen, predicted_cell.seen, tolerance_cell.seen) == passed:
                break
        cells = predicted_cell, measured_cell, tolerance_cell
        return self._add(relation, quantity, *cells, because, passed)

    def _add(
        self,
        relation: str,
        quantity: str,
        predicted: "_Cell",
        measured: "_Cell",
        tolerance: "_Cell",
        because: str,
        passed: bool,
    ) -> "Verdict":
        reason = _REASON.fullmatch(str(because))
        if not quantity:
            raise ValueError("a row needs a quantity, not ''")
        if not reason:
            raise ValueError(
                f"{quantity}: because={because!r} does not say what stands behind the prediction "
                f"and the tolerance; begin it with one of {', '.join(map(repr, KINDS))}, such as "
                "'4 standard errors' or 'rounding: float32'"
            )
        kind = next(kind for kind in KINDS if kind in reason[1])
        cells = predicted, measured, tolerance
        self._rows.append(_Row(relation, quantity, *cells, kind, because, passed))
        return self

    def __bool__(self) -> bool:
        return bool(self._rows) and all(row.passed for row in self._rows)

    def __repr__(self) -> str:
        lines = [self.title or "Verdict", *(row.text for row in self._rows), self._summary]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = ("quantity", "predicted", "measured", "tolerance", "holds")
        caption = f"<caption>{prose(self.title)}</caption>" if self.title else ""
        body = "".join(row.html for row in self._rows)
        # The box scrolls by itself where the page is narrower than the table.
        return (
            '<div style="overflow-x: auto" tabindex="0">'
            f'<table class="verdict" data-crc="{_checksum(body)}">{caption}'
            f"<thead><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr></thead>"
            f"<tbody>{body}</tbody>"
            f'<tfoot><tr><td colspan="{len(head)}">{self._summary}</td></tr></tfoot></table></div>'
        )

    @property
    def _summary(self) -> str:
        return f"{sum(row.passed for row in self._rows)} of {len(self._rows)} hold"

    def _data(self) -> dict:
        rows = [row.data for row in self._rows]
        return {"kind": "verdict", "name": self.title or "", "rows": rows}


@dataclass(frozen=True)
class _Cell:
    text: str
    html: str
    known: str | float | None  # None where it was measured

    @property
    def seen(self) -> Any:
        """The number that a reader judges by."""
        return _read(self.text.strip("⟨⟩")) if self.known is None else self.known

    @property
    def td(self) -> str:
        """The beginning of its cell in HTML."""
        return f'<td data-value="{self.known:.12g}">' if isinstance(self.known, float) else "<td>"


@dataclass(frozen=True)
class _Row:
    relation: str
    quantity: str
    predicted: _Cell
    measured: _Cell
    tolerance: _Cell
    kind: str
    because: str
    passed: bool

    @property
    def text(self) -> str:
        return (
            f"{_MARK[self.passed]} {self.quantity}: "
            f"predicted {_SIGN[self.relation]}{self.predicted.text}, "
            f"measured {self.measured.text}, "
            f"tolerance {self.tolerance.text} ({self.because})"
        )

    @property
    def html(self) -> str:
        return (
            f'<tr data-relation="{self.relation}"><td>{prose(self.quantity)}</td>'
            f"{self.predicted.td}{_SIGN[self.relation]}{self.predicted.html}</td>"
            f"<td>{self.measured.html}</td>"
            f"{self.tolerance.td}{self.tolerance.html}<br><small>{prose(self.because)}</small></td>"
            f"<td>{_MARK[self.passed]}</td></tr>"
        )

    @property
    def data(self) -> dict:
        """All but what was measured: a prediction or a tolerance from the run is None."""
        return {
            "quantity": self.quantity,
            "relation": self.relation,
            "predicted": self.predicted.known,
            "tolerance": self.tolerance.known,
            "kind": self.kind,
            "because": self.because,
            "mark": _MARK[self.passed],
        }


def check_html(document: str) -> Any:
    """What is wrong with the verdicts in an HTML text: a list of sentences, empty if all is well.

    For each table the checksum must be that of its rows, and each mark must follow from the
    measured numbers that its row shows and from the known ones that it carries.
    """
    problems = []
    tables = re.findall(r'<table class="verdict"(.*?)</table>', document, re.DOTALL)
    for table in tables:
        crc = re.match(r' data-crc="([0-9a-f]{8})">', table)
        body = re.search(r"<tbody>(.*)</tbody>", table, re.DOTALL)
        rows = re.findall(r"<tr data-relation=.*?</tr>", body[1], re.DOTALL) if body else []
        if not (crc and body and rows):
            problems.append("a verdict has no checksum or no rows")
            continue
        if crc[1] != _checksum(body[1]):
            problems.append(f"the checksum {crc[1]} is not that of the rows, {_checksum(body[1])}")
        problems += filter(None, map(_row_problem, rows))
    return problems


def _row_problem(row: str) -> str | None:
    relation = re.findall(r'^<tr data-relation="([a-z-]*)">', row)
    cells = re.findall(r'<td(?: data-value="([^"]*)")?>(.*?)</td>', row, re.DOTALL)
    words = [_plain(cell) for _, cell in cells]
    try:
        quantity, predicted, measured, tolerance, mark = words
        if relation == ["equal"]:
            passed = predicted == measured
        else:
            # What is known carries its value; what was measured is read as it is shown.
            seen = r'<span class="measured">(.*?)</span>'
            numbers = [
                float(value or _read(re.findall(seen, cell)[0])) for value, cell in cells[1:4]
            ]
            passed = _HOLDS[relation[0]](numbers[1], numbers[0], numbers[2])
    except (ValueError, LookupError) as error:
        return f"a row cannot be read ({error}): {' | '.join(words)}"
    if mark != _MARK[passed]:
        return f"the mark {mark} of {quantity!r} does not follow from its numbers"
    return None


def _value(name: str, number: Any) -> float:
    """The value of a number as it is judged: to twelve digits where it is known."""
    try:
        value = float(number)
    except (TypeError, ValueError) as error:  # free symbols, words
        raise ValueError(f"the {name} {number!r} has no numerical value") from error
    if not math.isfinite(value):
        raise ValueError(f"the {name} must be finite, not {value}")
    return value if isinstance(number, Measured) else float(f"{value:.12g}")


def _number(number: Any, value: float, digits: int, digits_measured: int) -> _Cell:
    """The cell of a number with so many digits where it is known, so many where it was measured."""
    if isinstance(number, Measured):
        return _measured(_written(value, digits_measured))
    shown = _written(value, min(12, digits))
    shown = _trimmed(shown) if _read(shown) == value else shown  # a rounded number keeps its zeros
    if not hasattr(number, "free_symbols") or str(number) == shown:
        return _Cell(shown, shown, value)
    from sympy import latex  # already imported by whoever made the expression

    shown = f"{'=' if _read(shown) == float(number) else '≈'} {shown}"
    return _Cell(f"{number} {shown}", f"{formula(latex(number))} {shown}", value)


def _measured(shown: str) -> _Cell:
    return _Cell(f"⟨{shown}⟩", f'<span class="measured">{html.escape(shown)}</span>', None)


def _words(words: Any) -> _Cell:
    return _Cell(str(words), html.escape(str(words)), str(words))


def _place(value: float) -> int:
    """The decimal place of the first digit of a number: −2 for 0.05."""
    return int(f"{value:e}".partition("e")[2])


def _digits(value: float, last: int | None, few: int) -> int:
    """How many significant digits reach the decimal place `last`, two at least."""
    if last is None or value == 0 or not math.isfinite(value):
        return few
    return max(2, _place(value) - last + 1)


def _written(value: float, digits: int) -> str:
    """A number with so many significant digits: 0.0250, 1230.4, 2.5·10⁻⁷; integers whole."""
    if value == 0 or not math.isfinite(value):
        return f"{abs(value) if value == 0 else value:g}"
    if value == round(value) and abs(value) < 1e15:
        return f"{value:.0f}"
    digits = min(digits, 17)  # all that a float has
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    if -4 < int(power) < 6:
        return f"{value:.{max(0, digits - 1 - int(power))}f}"
    return f"{mantissa}·10{str(int(power)).translate(RAISED)}"


def _trimmed(shown: str) -> str:
    """Without what says no more: 0.5 for 0.500, 10⁻⁶ for 1.0·10⁻⁶."""
    mantissa, times, power = shown.partition("·")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return power if times and mantissa == "1" else mantissa + times + power


def _read(shown: str) -> float:
    """The number that is written so."""
    plain = shown.rstrip("".join(map(chr, _LOWERED)))
    if plain == shown:
        return float(shown)
    mantissa = plain.removesuffix("10").rstrip("·") or "1"
    return float(f"{mantissa}e{shown[len(plain) :].translate(_LOWERED)}")


def _plain(cell: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", cell.replace("<br>", "\n")))


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
