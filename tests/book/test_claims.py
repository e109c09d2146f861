"""Every claim of the tutorials that is called wrong has evidence and stands under a distinct
error, and the two pages have them all."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import sync_playwright
from sympy import log, symbols

from gancode import Verdict
from gancode.calculus import prove
from tools import chromium, claims

BOOK, ERRORS = claims.texts(), claims.distinct()
TIP = """\
:::{admonition} Claim 007.1 (§1): right
:class: claim tip
:name: claim-007-1
It is so.

**See.** [A chapter](../game/dynamics.ipynb).
:::"""
DANGER = """\
:::{admonition} Claim 007.2 (§2): wrong
:class: claim danger
:name: claim-007-2
It is $x$.

**Right.** [It](../game/dynamics.ipynb) is $y$:

$$
y
$$ (eq-y)
:::"""


def shows(source, thing):
    data = thing._repr_mimebundle_() | {"text/plain": repr(thing)}
    return new_code_cell(source, outputs=[new_output("execute_result", data)])


def refutation():
    x = symbols("x", positive=True)
    return prove(log(x), x)


WRONG = shows("# evidence: 007.2\nprove(...)", refutation())


def text(*cells):
    cells = [c if not isinstance(c, str) else new_markdown_cell(c) for c in cells]
    return claims.read(new_notebook(cells=[new_markdown_cell("# Seven"), *cells]), "text_007")


@pytest.mark.parametrize(
    ("path", "page"),
    [(claims.OVERVIEW, claims.overview), (claims.ERRORS, claims.errors_page)],
    ids=lambda value: getattr(value, "stem", ""),
)
def test_a_page_is_what_the_notebooks_generate(path, page):
    written = path.read_text(encoding="utf-8")
    assert written == page(BOOK, ERRORS), f"{path.name} is out of date; run: make ledger"


def test_all_five_texts_are_there_and_nothing_is_wrong_with_their_claims():
    assert [found.number for found in BOOK] == ["000", "001", "002", "003", "004"]
    assert [problem for found in BOOK for problem in found.problems] == []
    assert all(found.counts["wrong"] for found in BOOK)


def test_every_fault_of_the_book_stands_under_a_distinct_error_and_nothing_else_does():
    assert claims.gaps(BOOK, ERRORS) == []


def error(*numbers, name="an error"):
    return claims.Error(name, "what is so", list(numbers))


@pytest.mark.parametrize(
    ("errors", "gaps"),
    [
        ([error("007.2")], []),
        ([error("007.2"), error("007.2")], []),
        ([], ["007.2 is at fault, and under no distinct error"]),
        ([error("007.1", "007.2")], ["007.1 is under a distinct error, and not at fault"]),
        ([error("007.2", "007.9")], ["007.9 is under a distinct error, and not at fault"]),
    ],
)
def test_claims_and_distinct_errors_that_do_not_fit_are_named(errors, gaps):
    assert claims.gaps([text(TIP, DANGER, WRONG)], errors) == gaps


def test_distinct_errors_are_ordered_by_texts_and_then_by_sentences(tmp_path):
    path = tmp_path / "errors.yml"
    met = {"once": ["001.2"], "thrice": ["001.1", "001.3", "001.4"], "in two": ["001.5", "002.1"]}
    entries = [f"- error: {name}\n  instead: so\n  claims: {met[name]}\n" for name in met]
    path.write_text("".join(entries), encoding="utf-8")
    found = claims.distinct(path)
    assert [each.error for each in found] == ["in two", "thrice", "once"]
    assert [each.texts for each in found] == [["001", "002"], ["001"], ["001"]]


def test_the_page_of_errors_has_texts_and_sentences_and_a_link_to_each():
    page = claims.errors_page([text(TIP, DANGER, WRONG)], [error("007.2", name="a sign")])
    assert "the 1 sentences" in page and "come down to 1 errors" in page
    row = "* - **a sign**\n  - what is so\n  - 1\n  - 1: [007.2](#claim-007-2)\n"
    assert row in page


def test_the_overview_counts_distinct_errors_beside_sentences():
    other = DANGER.replace("007.2", "007.3").replace("007-2", "007-3")
    more = shows("# evidence: 007.3\nprove(...)", refutation())
    found = text(TIP, DANGER, other, WRONG, more)
    page = claims.overview([found], [error("007.2", "007.3")])
    row = "* - [Seven](text_007.ipynb)\n" + "".join(f"  - {n}\n" for n in (1, 0, 2, 0, 3, 1))
    assert row in page


@pytest.mark.parametrize(
    "evidence", [refutation(), Verdict().equal("a", "b", "b", because="theorem")]
)
def test_a_claim_is_read_with_its_evidence(evidence):
    found = text(TIP, DANGER, shows("# evidence: 007.2\nprove(...)", evidence))
    assert found.problems == []
    assert found.title == "Seven" and found.counts == {"right": 1, "wrong": 1}
    claim = found.claims[1]
    assert (claim.section, claim.label) == ("§2", "claim-007-2") and len(claim.evidence) == 1
    page = claims.overview([found], [])
    row = "* - [007.2](#claim-007-2)\n\n    §2\n\n    [**wrong**]{.of-wrong}\n  - It is $x$.\n"
    assert row + "  - **Right.** [It]" in page
    assert "    $$\n    y\n    $$\n" in page, "indented, and without its label"


def changed(box, old, new):
    assert old in box
    return box.replace(old, new)


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ([TIP, DANGER], "007.2: it has no evidence"),
        ([TIP, DANGER, shows("prove(...)", refutation())], "007.2: it has no evidence"),
        ([TIP, DANGER, shows("# evidence: 007.2", prove(symbols("x"), symbols("x")))], "no evid"),
        ([TIP, DANGER, WRONG, shows("# evidence: 007.3", refutation())], "007.3, which is no"),
        ([TIP, DANGER, WRONG, new_code_cell("# evidence: 007.1")], "007.1 shows nothing"),
        (
            [
                TIP,
                DANGER,
                shows("# evidence: 007.2", Verdict().equal("a", 1, 2, because="theorem")),
            ],
            "does not hold",
        ),
        ([TIP, changed(DANGER, "Right.", "On record.")], "on record, and cites no work"),
        ([changed(TIP, "See.", "On record.")], r"must begin \*\*See"),
        ([DANGER, WRONG], "numbered"),
        ([TIP, changed(DANGER, "danger", "tip"), WRONG], "its options must be"),
        ([TIP, changed(DANGER, "-007-2", "-007-3"), WRONG], "its options must be"),
        ([TIP, changed(DANGER, "**Right.**", "**See.**"), WRONG], r"must begin \*\*Right"),
        ([TIP, changed(DANGER, "): wrong", "): silly"), WRONG], "must be one of right"),
        ([changed(TIP, "(§1)", "1")], "cannot be read"),
        ([changed(TIP, "(../game/dynamics.ipynb)", "()")], "cites nothing"),
        ([changed(TIP, "right\n", "right under assumptions\n")], "its options"),
    ],
)
def test_what_is_wrong_with_a_claim_is_said(cells, problem):
    with pytest.raises(AssertionError, match=problem):
        assert text(*cells).problems == []


@pytest.mark.parametrize(
    "source", ["{cite}`goodfellow2014gan`", "[the list](https://github.com/OWNER/REPO)"]
)
def test_what_is_on_record_needs_a_work_and_no_measurement(source):
    box = changed(DANGER, "**Right.** [It]", f"**On record.** {source}, see [it]")
    assert text(TIP, box).problems == []


def test_an_assumption_is_called_one_in_the_overview():
    box = changed(TIP, "right\n:class: claim tip", "right under assumptions\n:class: claim note")
    page = claims.overview([text(changed(box, "See.", "Assumes."))], [])
    assert "  - **Assumes.** [A chapter](../game/dynamics.ipynb).\n" in page


ROWS = {("000", "right"), ("000", "right under assumptions"), ("000", "wrong"), ("001", "wrong")}
ROWS |= {("001", "meaningless"), ("001", "right")}


@pytest.fixture(scope="module")
def choice():
    """The choice of the overview, in a browser, above a table of each text."""
    tables = "".join(
        f'<div class="{claims.mark(number)}"><table>'
        + "".join(
            f'<tr><td><span class="{claims.mark(verdict)}">{number} {verdict}</span></td></tr>'
            for each, verdict in sorted(ROWS)
            if each == number
        )
        + "</table></div>"
        for number in ("000", "001")
    )
    html = "\n".join(claims.choice(["000", "001"]).splitlines()[1:-1])  # without the directive
    path = chromium.find()
    assert path, chromium.HELP
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        page = browser.new_page()
        page.set_content(f"<!DOCTYPE html><body>{html}{tables}</body>")
        yield page
        browser.close()


def shown(page):
    return {tuple(row.inner_text().split(" ", 1)) for row in page.locator("tr").all()
            if row.is_visible()}  # fmt: skip


def test_at_first_the_faults_of_one_text_are_shown(choice):
    assert shown(choice) == {("000", "wrong")}


@pytest.mark.parametrize("text", ["000", "001", "all"])
@pytest.mark.parametrize("verdict", claims.VERDICTS)
def test_a_text_and_verdicts_can_be_chosen(choice, text, verdict):
    choice.get_by_label(text, exact=True).check()
    for each in claims.VERDICTS:
        choice.get_by_label(each, exact=True).set_checked(each == verdict)
    expected = {row for row in ROWS if row[1] == verdict and text in (row[0], "all")}
    assert shown(choice) == expected


def test_all_is_printed(choice):
    choice.get_by_label("000", exact=True).check()
    choice.emulate_media(media="print")
    assert shown(choice) == ROWS
    choice.emulate_media(media="screen")
