"""The proof ledger says what the chapters show: it is read from their stored outputs."""

import re

import nbformat
import pytest
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sympy import Rational, atan, pi, symbols

from gancode import Verdict
from gancode.calculus import Derivation, Proof, prove
from tools import ledger

BOOK = ledger.chapters()
STATUS = re.compile(r"\b(proved|checked|refuted)\b")


def test_the_page_is_what_the_notebooks_generate():
    written = ledger.PAGE.read_text(encoding="utf-8")
    assert written == ledger.page(BOOK), "the ledger is out of date; run: make ledger"


@pytest.mark.parametrize("kind", ["derivation", "proof"])
def test_at_least_nine_tenths_are_proved(kind):
    proved, checked = (
        sum(chapter.count(status, kind) for chapter in BOOK) for status in ("proved", "checked")
    )
    assert proved >= 0.9 * (proved + checked) > 0


def test_what_is_checked_has_a_reason_and_nothing_else_has():
    assert [problem for chapter in BOOK for problem in chapter.problems] == []


def test_every_row_of_every_verdict_holds():
    assert [chapter.title for chapter in BOOK if chapter.count("✗", "verdict")] == []


def test_every_status_that_is_printed_is_read():
    """As a rule: show the proof, or print its `.evidence`; a bare `.status` ends its line."""
    overlooked = []
    for path in sorted((ROOT / "chapters").glob("*/*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                data = output.get("data", {})
                if "text/html" in data:  # a verdict, which has words of its own
                    continue
                plain = output.get("text", data.get("text/plain", ""))
                if plain.startswith("<IPython"):  # Math and Markdown say it elsewhere
                    plain = "".join(map(str, data.values()))
                for line in plain.splitlines():
                    read = ledger.EVIDENCE.findall(line)
                    if not ledger.STEP.fullmatch(line) and len(STATUS.findall(line)) > len(read):
                        overlooked.append((path.name, line))
    assert overlooked == []


# A small notebook stands for all. Its checked lines are made by hand, since a statement that
# `prove` can only check today may be proved tomorrow.

x, y = symbols("x y", positive=True)
CHECKED = Proof(atan(x) + atan(1 / x), pi / 2, "==", "checked", points=160)
REFUTED = prove(x + y, x - y)


def chain(steps):
    derivation = Derivation(x**2 - x, name="V at D*").step(x * (x - 1), because="factored [x]")
    if steps > 1:
        derivation.steps.append((CHECKED, x * (x - 1) + CHECKED.lhs - pi / 2, "by arctangents"))
    return derivation


def table(measured=0.5):
    verdict = Verdict().near("$x_1$ of P", Rational(1, 2), measured, 0.01, because="rounding")
    return verdict.at_most("y", 1, 0.5, because="a bound")


def drawn(thing):
    kind = "html" if isinstance(thing, Verdict) else "latex"
    picture = getattr(thing, f"_repr_{kind}_")()
    return new_output("display_data", {"text/plain": repr(thing), f"text/{kind}": picture})


def printed(*lines):
    return new_output("stream", text="\n".join(lines) + "\n")


def read(*cells):
    """The chapter of these cells: texts are Markdown, lists are outputs."""
    cells = [
        new_markdown_cell(cell) if isinstance(cell, str) else new_code_cell(outputs=cell)
        for cell in cells
    ]
    return new_notebook(cells=cells)


def entries(*outputs):
    notebook = read("# Small", [*outputs])
    return [(e.kind, e.name, e.outcome) for e in ledger.read(notebook, "chapters/a/b").entries]


def test_a_derivation_is_counted_by_its_steps():
    assert entries(drawn(chain(1))) == [("derivation", r"V at D\*", "1 step proved")]
    two = ("derivation", r"V at D\*", "1 step proved, 1 step checked")
    assert entries(drawn(chain(2))) == [two]
    assert entries(printed("Printed:", "", str(chain(2)))) == [two]
    unnamed = Derivation(x + y).step(y + x + 1 - 1, because="sorted")
    assert entries(drawn(unnamed)) == [("derivation", r"$x + y = \dots$", "1 step proved")]


def test_a_derivation_or_verdict_that_grows_is_counted_once():
    assert len(entries(drawn(chain(1)), drawn(chain(2)))) == 1
    assert len(entries(drawn(table()), drawn(table().at_least("z", 0, 1, because="it is")))) == 1
    assert len(entries(drawn(chain(1)), drawn(Derivation(x).step(x, because="same")))) == 2
    assert len(entries(drawn(REFUTED), drawn(REFUTED))) == 2


def test_a_proof_is_read_where_it_is_drawn_and_where_it_is_printed():
    proof = prove(x**2 + y, y, ">=")
    assert entries(drawn(proof)) == [("proof", r"$x^{2} + y \ge y$", "proved")]
    assert entries(drawn(CHECKED))[0][2] == "checked"
    assert entries(drawn(REFUTED)) == [("proof", "$x + y = x - y$", "refuted")]
    assert entries(
        printed(f"one side: {proof.evidence}", "the other:", f"   {REFUTED.evidence}"),
        printed(CHECKED.evidence),
        printed("Nothing of the kind", "", "V = 3", "  best: proved; only: refuted", "  and so on"),
    ) == [
        ("proof", "`one side`", "proved"),
        ("proof", "`the other`", "refuted"),
        ("proof", "*stated in the code*", "checked"),
        ("proof", "`V = 3: best`", "proved"),
        ("proof", "`V = 3: only`", "refuted"),
    ]
    assert [entry[2] for entry in entries(printed(repr([proof, CHECKED])))] == ["proved", "checked"]


def test_a_verdict_is_counted_by_its_rows():
    verdict = [("verdict", "$x_1$ of P, and 1 more", "2 of 2 rows hold")]
    assert entries(drawn(table())) == verdict
    assert entries(drawn(table(measured=0.6)))[0][2] == "1 of 2 rows hold"
    assert entries(drawn(Verdict("T").equal("x", "proved", "proved", because="so")))[0][1] == "T"


def test_a_place_is_the_anchor_of_the_heading_above():
    notebook = read(
        "# Small\n\n## Check\n\n```python\n# no heading\n```",
        [drawn(REFUTED)],
        "## Check\n\n#### too deep",
        [drawn(REFUTED)],
        "### Is $p$ the `best` one?",
        [drawn(REFUTED)],
    )
    chapter = ledger.read(notebook, "chapters/a/b")
    assert chapter.title == "Small"
    assert [entry.place for entry in chapter.entries] == [
        "[Check](../a/b.ipynb#check)",
        "[Check](../a/b.ipynb#check-1)",
        "[Is $p$ the `best` one?](../a/b.ipynb#is--the-best-one)",
    ]


def test_a_reason_stands_where_something_is_checked_and_nowhere_else():
    notebook = read("# Small", [drawn(chain(2))], [drawn(REFUTED)], [drawn(CHECKED)])
    _, first, idle, _ = notebook.cells
    first.metadata["checked"] = "SymPy has no rule for this."
    idle.metadata["checked"] = "Because."
    chapter = ledger.read(notebook, "chapters/a/b")
    assert [entry.why for entry in chapter.entries] == ["SymPy has no rule for this.", "", ""]
    unused, missing = chapter.problems
    assert unused.startswith("chapters/a/b.ipynb, cell 2: no line is only checked")
    assert missing.startswith("chapters/a/b.ipynb, cell 3: a line is only checked; say why")


def test_the_page_adds_up():
    notebook = read("# Small", [drawn(chain(2)), drawn(REFUTED), drawn(table(measured=0.6))])
    notebook.cells[1].metadata["checked"] = "SymPy has no rule for this."
    page = ledger.page([ledger.read(notebook, "chapters/a/b")])
    assert "Of the 2 steps and single statements that stand" in page
    assert "1 are proved (**50\xa0%**) and 1 only checked. 1 more are refuted." in page
    assert "2 rows, of which 1 hold." in page
    assert "1 step proved, 1 step checked. SymPy has no rule for this.\n" in page
    assert page.count("- 1/2\n") == 4  # steps and rows, of the chapter and of the book
