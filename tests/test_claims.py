"""Every claim of the tutorials that is called wrong has evidence, and the overview has them all."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sympy import log, symbols

from gancode import Verdict
from gancode.calculus import prove
from tools import claims

BOOK = claims.texts()
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


def text(*cells):
    cells = [c if not isinstance(c, str) else new_markdown_cell(c) for c in cells]
    return claims.read(new_notebook(cells=[new_markdown_cell("# Seven"), *cells]), "text_007")


def test_the_overview_is_what_the_notebooks_generate():
    written = claims.PAGE.read_text(encoding="utf-8")
    assert written == claims.page(BOOK), "the overview is out of date; run: make ledger"


def test_all_five_texts_are_there_and_nothing_is_wrong_with_their_claims():
    assert [found.number for found in BOOK] == ["000", "001", "002", "003", "004"]
    assert [problem for found in BOOK for problem in found.problems] == []
    assert all(found.counts["wrong"] for found in BOOK)


@pytest.mark.parametrize(
    "evidence", [refutation(), Verdict().equal("a", "b", "b", because="theorem")]
)
def test_a_claim_is_read_with_its_evidence(evidence):
    found = text(TIP, DANGER, shows("# evidence: 007.2\nprove(...)", evidence))
    assert found.problems == []
    assert found.title == "Seven" and found.counts == {"right": 1, "wrong": 1}
    claim = found.claims[1]
    assert (claim.section, claim.label) == ("§2", "claim-007-2") and len(claim.evidence) == 1
    page = claims.page([found])
    assert "* - [007.2](#claim-007-2)\n\n    §2\n\n    **wrong**\n  - It is $x$.\n  - [It]" in page
    assert "    $$\n    y\n    $$\n" in page, "indented, and without its label"


def changed(box, old, new):
    assert old in box
    return box.replace(old, new)


WRONG = shows("# evidence: 007.2\nprove(...)", refutation())


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
