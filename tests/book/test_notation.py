"""The four symbols that the notation table calls unique have one meaning on every page."""

import re

import nbformat
import pytest
from tree import ROOT

# Name in SymPy: how a formula spells it, and the words that a page says which uses it.
UNIQUE = {
    "lambda": (r"\\lambda(?![A-Za-z])", "eigenvalue"),
    "kappa": (r"\\kappa(?![A-Za-z])", "condition number"),
    "mu": (r"\\mu(?![A-Za-z])", "mean"),
    "s": (r"(?<![A-Za-z\\{])(?<!\\mathrm )s(?![A-Za-z])", "standard deviation"),
}
# Other senses that they have had, in a form that the right one never takes.
ELSEWHERE = re.compile(
    r"\\lambda(?:_i|\^(?:\{\*)?\\top)"  # a mixed strategy
    r"|\\lambda\s*\\operatorname\{\\mathbb E"  # the weight of a term
    r"|\|\\mu|\\mu=1\+|\\Lambda[/+-]\\mu"  # an eigenvalue, a curvature
    r"|\\mathrm ds"  # a variable of integration, a time
)
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
UPRIGHT = re.compile(r"\\(?:text|mathrm|operatorname\*?|mathbf|begin|end)\{[^}]*\}")
DECLARED = re.compile(r"""\b(?:symbols|Symbol)\(\s*["']([^"']*)["']""")
# `mu_0` and `s1` are uses of μ and s; `lambda_1:4` of λ.
INDEX = r"(?:_?\{?(?:\w|min|max)\}?)?(?::\d+)?"
# The ledger is written by a tool, and quotes single steps of chapters.
PAGES = sorted({*(ROOT / "chapters").glob("*/*.*"), ROOT / "index.md"})
PAGES = [page for page in PAGES if page.suffix in (".ipynb", ".md") and page.stem != "ledger"]


def text(page):
    """What a page says, with captions; and its code."""
    if page.suffix == ".md":
        return page.read_text()
    cells = nbformat.read(page, as_version=4).cells
    return "\n".join(f"{cell.source}\n{dict(cell.metadata)}" for cell in cells)


def uses(page):
    """Which of the four a page uses, in its formulas or as names in SymPy."""
    formulas = [UPRIGHT.sub(" ", formula) for formula in FORMULA.findall(page)]
    formulas = [formula.replace("\\\\", "\\") for formula in formulas]  # metadata are a repr
    names = [name for call in DECLARED.findall(page) for name in re.split(r"[ ,]+", call)]
    return {
        symbol
        for symbol, (spelling, _) in UNIQUE.items()
        if any(re.search(spelling, formula) for formula in formulas)
        or any(re.fullmatch(symbol + INDEX, name) for name in names)
    }


def silent(page):
    """The symbols that a page uses without the words for what they mean."""
    return {symbol for symbol in uses(page) if UNIQUE[symbol][1] not in page}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_that_uses_a_unique_symbol_says_what_it_means(page):
    assert silent(text(page)) == set()


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.stem != "notation"], ids=lambda page: page.stem
)
def test_no_page_uses_one_in_another_sense(page):
    assert ELSEWHERE.findall("\n".join(FORMULA.findall(text(page)))) == []


@pytest.mark.parametrize(
    "formula",
    [
        r"\max_\lambda\min_q\lambda^\top Aq",
        r"\sum_i\lambda_i(q_i-p_i)",
        r"\lambda\operatorname{\mathbb E}\|y-G(x)\|_1",
        r"\log|\mu|",
        r"\mu=1+ih",
        r"2/(\Lambda+\mu)",
        r"\int_0^1f(s)\,\mathrm ds",
    ],
)
def test_another_sense_is_found(formula):
    assert ELSEWHERE.search(formula)


@pytest.mark.parametrize(
    "formula",
    [r"\lambda_1\lambda_2", r"Jw=\lambda w", r"x=\mu+sz", r"\Lambda/\lambda_{\min}", r"m+sz"],
)
def test_the_right_sense_is_not(formula):
    assert not ELSEWHERE.search(formula)


@pytest.mark.parametrize(
    ("page", "found"),
    [
        (r"At time $s$ the weight is $e^{-s}$.", {"s"}),
        (r"$$ L+\lambda\operatorname{\mathbb E}R $$", {"lambda"}),
        ('s, t = symbols("s t", positive=True)', {"s"}),
        ('lam = Symbol("lambda_min")', {"lambda"}),
        (r"The speed is $\kappa\eta$, the root $\mu_1$.", {"kappa", "mu"}),
        (r"The mean $\mu$ and the standard deviation $s$; $\Lambda$, $\sigma$, $x_{is}$.", set()),
        (r"$\mathrm{KL}$, $\text{s}$, $\mathrm dx$, and it's $5 s$-shaped.", {"s"}),
    ],
)
def test_what_a_page_must_not_be_silent_about(page, found):
    assert silent(page) == found


def test_the_table_has_each_of_them_once():
    page = (ROOT / "chapters/appendix/notation.md").read_text()
    unique, twice = (
        re.findall(r"^\* - (.*)$", table, re.MULTILINE)[1:]
        for table in re.findall(r":::\{list-table\}.*?\n:::", page, re.DOTALL)
    )
    for spelling, _ in UNIQUE.values():
        rows = [row for row in unique if re.search(spelling, row)]
        assert len(rows) == 1, (spelling, rows)
        assert not re.search(spelling, " ".join(twice)), spelling
