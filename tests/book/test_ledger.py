"""The proof ledger says what the chapters show: it is read from the data stored with them."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sympy import Rational, atan, pi, symbols
from tree import ROOT

from gancode import Verdict
from gancode.calculus import Derivation, Proof, Statements, prove
from gancode.notebook import MIME
from gancode.verdict import KINDS
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


def test_every_row_is_of_a_kind_that_is_counted():
    for chapter in BOOK:
        rows = chapter.count("✓", "verdict") + chapter.count("✗", "verdict")
        assert rows == sum(chapter.rows(kind) for kind in KINDS) > 0, chapter.title


def test_no_proof_is_only_printed():
    """What is printed carries no data: show the proof, or several as `Statements`."""
    overlooked = []
    for path in sorted((ROOT / "chapters").glob("*/*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                data = output.get("data", {})
                text = output.get("text", "") + "".join(map(str, data.values()))
                if MIME not in data and STATUS.search(text):
                    overlooked.append((path.name, text))
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
    return verdict.at_most("y", 1, 0.5, because="theorem: a bound")


def drawn(thing):
    """The output of a cell that shows it."""
    bundle = thing._repr_mimebundle_() | {"text/plain": repr(thing)}
    return new_output("display_data", bundle)


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


def rules(*proofs):
    return rf"({'; '.join(dict.fromkeys(proof.method for proof in proofs))})"


def test_a_derivation_is_counted_by_its_steps_with_their_rules():
    (step, _, _), *_ = chain(1).steps
    assert entries(drawn(chain(1))) == [("derivation", r"V at D\*", f"1 step proved {rules(step)}")]
    assert entries(drawn(chain(2))) == [
        ("derivation", r"V at D\*", f"1 step proved, 1 step checked {rules(step)}")
    ]
    unnamed = Derivation(x + y).step(y + x + 1 - 1, because="sorted")
    assert entries(drawn(unnamed)) == [
        ("derivation", r"$x + y = \dots$", "1 step proved (identical)")
    ]
    assert entries(drawn(Derivation(x))) == []


def test_a_derivation_or_verdict_that_grows_is_counted_once():
    grown = table().at_least("z", 0, 1, because="theorem")
    assert len(entries(drawn(chain(1)), drawn(chain(2)))) == 1
    assert len(entries(drawn(table()), drawn(grown))) == 1
    assert len(entries(drawn(chain(1)), drawn(Derivation(x).step(x, because="same")))) == 2
    assert len(entries(drawn(table()), drawn(table(0.6)), drawn(grown))) == 2
    assert len(entries(drawn(REFUTED), drawn(REFUTED))) == 2


def test_a_proof_is_named_by_its_words_or_by_what_it_states():
    proof = prove(x**2 + y, y, ">=")
    assert entries(drawn(proof)) == [("proof", r"$x^{2} + y \ge y$", f"proved {rules(proof)}")]
    assert entries(drawn(CHECKED))[0][2] == "checked"
    assert entries(drawn(REFUTED)) == [("proof", "$x + y = x - y$", "refuted")]
    wide = entries(drawn(prove((x + y + 1) ** 2, sum((x + y + k) ** 2 for k in range(9)))))[0][1]
    assert re.fullmatch(r"`.{40} … .{40}`", wide)
    together = Statements({"one *side*, $x^2$": proof, "the other": REFUTED, "atan": CHECKED})
    assert entries(drawn(together)) == [
        ("proof", r"one \*side\*, $x^2$", f"proved {rules(proof)}"),
        ("proof", "the other", "refuted"),
        ("proof", "atan", "checked"),
    ]
    assert entries(drawn(Statements({"a": REFUTED}, "of b:"))) == [("proof", "of b: a", "refuted")]


def test_nothing_is_read_from_prose():
    drawn_without_data = drawn(prove(x, x))
    del drawn_without_data.data[MIME]
    words = printed(prove(x, x).evidence, str(chain(2)), repr(table()))
    assert entries(words, drawn_without_data) == []


def test_a_verdict_is_counted_by_its_rows_and_their_kinds():
    name = "$x_1$ of P, and 1 more"
    assert entries(drawn(table())) == [("verdict", name, "1 theorem, 1 rounding")]
    failed = "1 theorem, 1 rounding; 1 of 2 fail"
    assert entries(drawn(table(measured=0.6))) == [("verdict", name, failed)]
    one = Verdict("T").equal("x", "proved", "proved", because="observed before: so")
    assert entries(drawn(one)) == [("verdict", "T", "1 observed before")]
    assert entries(drawn(Verdict())) == []


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
    notebook = read(
        "# Small\n\n:::{prf:theorem} T\n:::\n\n```{prf:proof}\n```\n\n```{prf:corollary}\n```",
        [drawn(chain(2)), drawn(REFUTED), drawn(table(measured=0.6)), drawn(prove(x, x))],
    )
    notebook.cells[1].metadata["checked"] = "SymPy has no rule for this."
    page = ledger.page([ledger.read(notebook, "chapters/a/b")])
    (step, _, _), *_ = chain(1).steps
    for said in (
        "Of the 3 steps and single statements that stand",
        "2 are proved (**66.6\xa0%**) and 1 only checked. 1 more are refuted.",
        "The verdicts have 2 rows. In 1 of them prediction and tolerance follow from a",
        "in 0 the tolerance is a **standard error**, in 1 it bounds **rounding**, and 0 were",
        "1 of them fail.",
        f"1 step proved, 1 step checked {rules(step)}. SymPy has no rule for this.\n",
        "state 2 theorems and corollaries in boxes of their own, and 1 proofs in prose",
        f"* - {step.method}\n  - 1\n  - 0\n* - identical\n  - 0\n  - 1\n",
        "Nothing beside the assumptions of their symbols.",
    ):
        assert said in page
    assert page.count("  - 1\n  - 1/2\n  - 1/1\n  - 1\n") == 2  # of the chapter, and of the book
    assert page.count("  - 1\n  - 0\n  - 1\n  - 0\n  - 2\n") == 2


def test_rules_are_counted_by_their_first_words():
    least = [Proof(x, x, "==", "proved", f"least value, at x = {k}") for k in range(3)]
    found = [ledger.Entry("proof", "", "", [proof._data()]) for proof in [*least, REFUTED]]
    assert ledger.rule_rows(found) == [["least value", "0", "3"]]


def test_what_a_proof_takes_for_granted_is_named():
    taken = Proof(x, x, "==", "proved", "identical", assumes="the integrals converge")
    derivation = chain(1).step(x**2 - x, because="back")
    derivation.steps[1] = (taken, x**2 - x, "back")
    notebook = read("# Small", [drawn(Statements({"∫": taken})), drawn(derivation)])
    page = ledger.page([ledger.read(notebook, "chapters/a/b")])
    _, section = page.split("## What the proofs take for granted\n\n")
    first, second, *_ = section.splitlines()
    assert first.endswith(": ∫, proved (identical), where the integrals converge.")
    assert r"V at D\*, 2 steps proved (" in second
    assert second.endswith("identical), where the integrals converge.")
