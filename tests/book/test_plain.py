"""The plain copies of the chapters: in step, equal in code, and free of MyST. That their numbers
and links are the book's is tested on the built pages, in test_book.py."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from tree import ROOT

from tools import plain

COPIES = plain.copies()
CODE = re.compile(
    r"^([ >]*)(`{3,}|~{3,})(?!\{).*?^\1\2$|(?<!`)(`{1,2})(?!`).+?(?<!`)\3(?!`)",
    re.DOTALL | re.MULTILINE,
)
MATHS = re.compile(r"\$\$.*?(\$\$)|\$[^$]+\$", re.DOTALL)
MYST = re.compile(
    r"\{[\w:.#+-]+\}"  # a role, a directive, attributes
    r"|^[ >]*:{3,}|^[ >]*:[\w-]+:|^[ >]*\([\w-]+\)=$|\$\$ *\([\w-]+\)|^\+\+\+|^%|\{\{",
    re.MULTILINE,
)


@pytest.fixture(params=COPIES, ids=lambda name: name.rpartition("/")[2])
def name(request):
    return request.param


def code(notebook):
    return [(cell.id, cell.source) for cell in notebook.cells if cell.cell_type == "code"]


def left_over(text):
    """What a program that does not know MyST would print as it stands."""
    return MYST.findall(MATHS.sub(r"\1", CODE.sub("", text)))


def test_there_is_one_copy_of_every_chapter_and_nothing_else():
    chapters = {str(path.relative_to(ROOT)) for path in (ROOT / "chapters").glob("*/*.ipynb")}
    found = {str(path.relative_to(ROOT)) for path in (ROOT / "notebooks").rglob("*.ipynb")}
    assert chapters and found == set(COPIES) == {f"notebooks/{each}" for each in chapters}


def test_a_copy_is_what_its_chapter_generates(name):
    written = (ROOT / name).read_text(encoding="utf-8")
    assert written == COPIES[name], "the plain copies are out of date; run: make plain"


def test_the_code_is_the_chapters_and_has_no_outputs(name):
    copy = nbformat.read(ROOT / name, as_version=4)
    chapter = nbformat.read(ROOT / name.removeprefix("notebooks/"), as_version=4)
    assert code(copy) == code(chapter) != []
    for cell in copy.cells:
        assert cell.cell_type == "markdown" or (cell.outputs, cell.execution_count) == ([], None)


def test_no_directive_and_no_role_is_left(name):
    for cell in nbformat.read(ROOT / name, as_version=4).cells:
        assert cell.cell_type == "code" or left_over(cell.source) == [], cell.source


@pytest.mark.parametrize(
    "text",
    [":::{note}\nx\n:::", "> ````{prf:proof}\n> x", "a {term}`b`", "(lab)=\n# T", ":label: x",
     "$$\na\n$$ (eq-a)", "[a]{.b}", "+++", "% x", "{{ a }}", "```{math}\nx\n```"],
)  # fmt: skip
def test_what_is_left_is_seen(text):
    assert left_over(text) != []
    assert left_over(f"~~~~md\n{text}\n~~~~") == []


def close(text):
    """With one empty line where there are several."""
    return re.sub(r"\n(?:>?\n){2,}", "\n\n", text)


# A small book: one page of text, one chapter with a number and two without.

SUM = "$$\na\n+b\n$$ (eq-sum)"


@pytest.fixture
def book(tmp_path):
    """A function that writes a chapter with these cells into a small book, and returns the cells of
    its plain copy but the first."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nurls.Repository = "https://github.com/ada/gans"\n'
    )
    (tmp_path / "_config.yml").write_text(
        "title: A Book\nparse:\n  myst_enable_extensions:\n    - amsmath\n    - attrs_inline\n"
        "    - colon_fence\n    - deflist\n    - dollarmath\n    - substitution\n"
    )
    (tmp_path / "_toc.yml").write_text(
        "root: index\nparts:\n- chapters: [{file: text/first}]\n- numbered: true\n"
        "  chapters: [{file: text/second}]\n- chapters: [{file: text/third}]\n"
    )
    (tmp_path / "references.bib").write_text(
        '@book{one, author={G{\\"o}del, Kurt}, year={1931}}\n'
        "@book{two, author={van der Berg, A. and Lee, B.}, year={2000}}\n"
        "@book{three, author={Abel, A. and Lie, S. and Sylow, L.}, year={2001}}\n"
    )
    (tmp_path / "index.md").write_text("# Home\n\n:::{figure} a.png\n:name: fig-home\nHome.\n:::\n")
    (tmp_path / "text").mkdir()

    def write(name, *cells):
        cells = [new_markdown_cell(cell) if isinstance(cell, str) else cell for cell in cells]
        nbformat.write(new_notebook(cells=cells), tmp_path / "text" / f"{name}.ipynb")

    figure = {"mystnb": {"figure": {"name": "fig-third", "caption": "Of {eq}`eq-sum`.\n"}}}
    write("first", "# First\n\n:::{prf:theorem}\n:label: thm-first\nT.\n:::")
    write("third", f"(third)=\n# Third\n\n{SUM}", new_code_cell("1", metadata=figure))

    def copy(*cells, page="text/second"):
        write(page.removeprefix("text/"), *cells)
        if page != "text/second":
            write("second", "# Second")
        return plain.Chapter(plain.Book(tmp_path), page).notebook().cells[1:]

    return copy


HOME = "https://ada.github.io/gans"
CITED = f"{HOME}/chapters/appendix/bibliography.html"
FORMS = {
    "a term": ("A {term}`word <term>`, a {term}`term`.", "A word, a term."),
    "cite": (
        "So {cite}`one,two`.",
        f"So ([Gödel, 1931]({CITED}); [van der Berg and Lee, 2000]({CITED})).",
    ),
    "cite:t": ("{cite:t}`three` say", f"[Abel et al. (2001)]({CITED}) say"),
    "a page": ("{doc}`/text/third`", f"[Third]({HOME}/text/third.html)"),
    "a page with a title": ("{doc}`it <third>`", f"[it]({HOME}/text/third.html)"),
    "a link": ("[it](third.ipynb#a)", f"[it]({HOME}/text/third.html#a)"),
    "a link with a hint": (
        "[it](third.ipynb \"a (b)\") [it](\nthird.ipynb#a 'b')",
        f"[it]({HOME}/text/third.html \"a (b)\") [it]({HOME}/text/third.html#a 'b')",
    ),
    "a link with brackets": ("[it](third.ipynb#a_(b))", f"[it]({HOME}/text/third.html#a_(b))"),
    "links in code": ("`[a](b)` [`[a](b)`](third.ipynb) `<project:#a>`",
        f"`[a](b)` [`[a](b)`]({HOME}/text/third.html) `<project:#a>`"),
    "no links": ("$[a](b)$ [a\\](b)", "$[a](b)$ [a\\](b)"),
    "an address": ("<https://a.org/b>", "<https://a.org/b>"),
    "an anchor": ("[it](#third)", f"[it]({HOME}/text/third.html#third)"),
    "another host": ("[it](https://a.org/b)", "[it](https://a.org/b)"),
    "a section": ("{ref}`third`", f"[Third]({HOME}/text/third.html#third)"),
    "an equation": ("{eq}`eq-sum`", f"[(1)]({HOME}/text/third.html#equation-eq-sum)"),
    # Pages without a number share one count, and the first picture is that of the home page.
    "a picture": ("{numref}`fig-third`", f"[Fig. 2]({HOME}/text/third.html#fig-third)"),
    "a theorem": ("{prf:ref}`thm-first`", f"[Theorem 1]({HOME}/text/first.html#thm-first)"),
    "code": ("`{term}` and `$a` {term}`b`", "`{term}` and `$a` b"),
    "a block of code": ("```md\n:::{note}\n{term}`a`\n:::\n```",) * 2,
    "mathematics": ("$\\{a\\}\nb$ {term}`c`", "$\\{a\\} b$ c"),
    "a label": ("(here)=\n## Here", "## Here"),
    "a remark": ("a\n\n% remark\n\nb", "a\n\nb"),
    "a formula with a number": (SUM.replace("sum", "own"), "$$\na\n+b\n\\tag{1.1}\n$$"),
    "the same as a directive": (
        "```{math}\n:label: eq-own\na\n```",
        "$$\na\n\\tag{1.1}\n$$",
    ),
    "a formula in a list": ("- a\n\n  $$\n  b\n  $$\n\n- c", "- a\n\n  $$\n  b\n  $$\n\n- c"),
    "a proof": (":::{prf:proof}\nSo.\n\nAnd so.\n:::", "*Proof.* So.\n\nAnd so. ∎"),
    "a proof of formulas": (
        ":::{prf:proof}\n$$\na\n$$\n:::",
        "*Proof.*\n\n$$\na\n$$\n\n∎",
    ),
    "theorems": (
        ":::{prf:theorem} On {term}`sums`\n:label: t\n\n"
        f"A.\n\n{SUM.replace('sum', 'own')}\n:::\n\n"
        "````{prf:corollary}\n:label: c\nB {prf:ref}`t`.\n````",
        "> **Theorem 1.1 (On sums).**\n>\n> A.\n>\n> $$ a +b \\tag{1.1} $$\n\n"
        f"> **Corollary 1.1.**\n>\n> B [Theorem 1.1]({HOME}/text/second.html#t).",
    ),
    "an admonition": (
        "::::{admonition} Look\n:class: tip\n- a\n\n:::{note}\nb\n:::\n::::",
        "> **Look**\n>\n> - a\n>\n> > **Note**\n> >\n> > b",
    ),
    "code in an admonition": (
        ":::{note}\n```py\na = '$$'\n\nb = 1\nc = '$$'\n```\n\n- ~~~\n  $$\n  a\n  $$\n  ~~~\n:::",
        "> **Note**\n>\n> ```py\n> a = '$$'\n>\n> b = 1\n> c = '$$'\n> ```\n>\n"
        "> - ~~~\n>   $$\n>   a\n>   $$\n>   ~~~",
    ),
    "code in a line of an admonition": (
        ":::{tip}\na `$$` b\n\nc `$$` d\n:::",
        "> **Tip**\n>\n> a `$$` b\n>\n> c `$$` d",
    ),
    "formulas in an admonition, and below": (
        "::::{note}\nSo\n```{math}\na\nb\n```\nc\n"
        ":::{tip}\n- d\n\n  $$\n  e\n  f\n  $$\n:::\n$$\nf\ng\n$$\n::::\n\n$$\ng\nh\n$$",
        "> **Note**\n>\n> So\n> $$ a b $$\n> c\n>\n"
        "> > **Tip**\n> >\n> > - d\n> >\n> >   $$ e f $$\n\n> $$ f g $$\n\n$$\ng\nh\n$$",
    ),
    "directives without air": (
        "a\n:::{exercise}\n:label: e\nb\n:::\nc\n:::{note}\nd\n:::\n:::{tip}\ne\n"
        ":::\nf\n```\ng\n```\nh\n- i\n  :::{tip}\n  j\n  :::\n  k",
        "a\n\n**Exercise 1.1.**\n\nb\n\nc\n\n> **Note**\n>\n> d\n\n> **Tip**\n>\n> e\n\n"
        "f\n```\ng\n```\nh\n- i\n\n  > **Tip**\n  >\n  > j\n\n  k",
    ),
    "folds in code": (*["```html\n<details>\n<summary>a</summary>\n</details>\n```"] * 2,),
    "an exercise": (
        ":::{exercise} Why?\n:label: ex\n\nA\n:::\n\n:::{solution} ex\n:class: dropdown\n\nB\n:::",
        "**Exercise 1.1 (Why?).**\n\nA\n\n"
        "<details>\n<summary>Solution to Exercise 1.1</summary>\n\nB\n\n</details>",
    ),
    "a figure": (
        ":::{figure} ../_static/a.svg\n:name: f\n:alt: A letter.\n\nAn {term}`a`.\n:::",
        f"![A letter.]({HOME}/_images/a.svg)\n\n**Fig. 1.1.** An a.",
    ),
    "a table": (
        ":::{list-table} Of {term}`things`\n:header-rows: 1\n:name: tab\n\n"
        "* -\n  - a\n* - b\n    b\n  - {term}`c`\n:::",
        "**Table 1.1.** Of things\n\n|  | a |\n| --- | --- |\n| b b | c |",
    ),
    "a table with air": (
        ":::{list-table}\n:header-rows: 1\n\n"
        "- * `- a`\n\n  * [it](third.ipynb)\n\n- * $x\n    =y$\n  *\n:::",
        f"| `- a` | [it]({HOME}/text/third.html) |\n| --- | --- |\n| $x =y$ |  |",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_plain_form(book, form):
    myst, expected = FORMS[form]
    (cell,) = book(f"# Second\n\n{myst}")
    assert close(cell.source) == f"# Second\n\n{expected}"


def test_a_solution_over_several_cells_is_folded_in_each(book):
    start = ":::{solution-start} ex\n:class: dropdown\n:::"
    exercise = ":::{exercise}\n:label: ex\nA\n:::"
    cells = book(
        f"# Second\n\n{exercise}\n\n{start}\n\nB",
        new_code_cell("1"),
        "C\n\n:::{solution-end}\n:::\n\nD",
        new_code_cell("2"),
        f"{exercise}\n\n{start}".replace(" ex\n", " other\n"),
        new_code_cell("3"),
        ":::{solution-end}\n:::",
    )
    fold = "<details>\n<summary>Solution to Exercise 1.1</summary>\n\n{}\n\n</details>".format
    assert [close(cell.source) for cell in cells] == [
        f"# Second\n\n**Exercise 1.1.**\n\nA\n\n{fold('B')}",
        "1",
        f"{fold('C')}\n\nD",
        "2",
        "**Exercise 1.2.**\n\nA",
        "3",
    ]
    assert ["jupyter" in cell.metadata for cell in cells] == [
        False,
        True,
        False,
        False,
        False,
        True,
    ]


def test_a_picture_of_the_code_has_its_caption_below(book):
    text, cell, caption = book(
        f"# Third\n\n{SUM}",
        new_code_cell(
            "1",
            metadata={
                "tags": ["hide-input"],
                "mystnb": {"figure": {"name": "fig-third", "caption": "Of {eq}`eq-sum`.\n"}},
            },
        ),
        page="text/third",
    )
    assert cell.metadata == {"jupyter": {"source_hidden": True}}
    assert caption.source == f"**Fig. 2.** Of [(1)]({HOME}/text/third.html#equation-eq-sum)."


@pytest.mark.parametrize(
    ("myst", "named"),
    [
        (":::{versionadded} 1\n:::", "{versionadded} 1"),
        ("```{code-cell} python\n1\n```", "{code-cell} python"),
        ("> :::{note}\n> x\n> :::", "colon_fence within the line"),
        ("- :::{note}\n  x\n  :::", "colon_fence within the line"),
        (":::{note} head\nx\n:::", "{note} head"),
        (":::{admonition} A\n{abbr}`b`\n:::", "{abbr}`b`"),
        ("an {index}`entry`", "{index}`entry`"),
        ("{eq}`eq-none`", "'eq-none', which is no label"),
        ("{ref}`nowhere`", "'nowhere', which is no label"),
        ("[a](#nowhere)", "'nowhere', which is no label"),
        ("{doc}`fourth`", "'fourth', which is no page"),
        ("[a](fourth.md)", "'fourth', which is no page"),
        ("[a](../a.pdf)", "'../a.pdf'"),
        ("{cite}`four`", "'four', which is no work"),
        (":::{prf:theorem} A\nB\n:::", "{prf:theorem} A without a label"),
        (":::{prf:theorem} A\n:label: b\n:nonumber:\nB\n:::", "the option :nonumber:"),
        (":::{prf:proof} of it\nB\n:::", "{prf:proof} of it"),
        (":::{prf:proof}\n:::", "{prf:proof}"),
        (":::{figure} a.svg\nB\n:::", "{figure} a.svg without a name"),
        (":::{figure} a.svg\n:name: b\n:alt: C [d](e)\nF\n:::", "the name 'C [d](e)'"),
        (":::{list-table}\n* - a\n:::", "the form of {list-table}"),
        (":::{list-table}\n:header-rows: 1\n* - a\n  - b\n* - c\n:::", "the form of {list-table}"),
        *[
            (f":::{{list-table}} B\n:name: c\n:header-rows: 1\n* - a\n* - {cell}\n:::", named)
            for cell, named in {
                "- b\n    - c": "the form of {list-table} B",
                "b\n    - c": "the form of {list-table} B",
                "1. b": "the form of {list-table} B",
                "b\n\n    c": "the form of {list-table} B",
                "b\n\nc": "the form of {list-table} B",
                "    b": "the form of {list-table} B",
                "> b": "the form of {list-table} B",
                "# b": "the form of {list-table} B",
                "```\n    b\n    ```": "the form of {list-table} B",
                "$$b$$": "the form of {list-table} B",
                "b | c": "the form of {list-table} B",
                "b\\\n    c": "the end of a line in the cell",
                "[b][d]\n\n    [d]: third.ipynb": "the address of [d]",
                "[{ref}`third`](third.ipynb)": "a role within a link, `third`",
            }.items()
        ],
        ("[a][b]\n\n[b]: third.ipynb", "the address of [b]"),
        ("[b]\n\n[b]: https://a.org", "the address of [b]"),
        (":::{note}\n[b][]\n:::\n\n[B]: third.ipynb 'c'", "the address of [b]"),
        ("> [a](\n> third.ipynb)", "a link to 'third.ipynb'"),
        ("[a](<third.ipynb>)", "a link to 'third.ipynb'"),
        ("[a](third.ipynb (b))", "a link to 'third.ipynb'"),
        ("[a](third.ipynb#b_(c_(d)))", "a link to 'third.ipynb#b_(c_(d))'"),
        ('[a](third.ipynb "b \\" c")', "a link to 'third.ipynb'"),
        ("[a](https://b.org/&#99;)", "a link to 'https://b.org/c'"),
        ("[a](https://b\\.org)", "a link to 'https://b.org'"),
        ("a\\](third.ipynb) [a](third.ipynb (b))", "a link to 'third.ipynb'"),
        ("[[a](third.ipynb)](first.ipynb)", "a link to 'first.ipynb'"),
        ("[a](project:#third)", "a link to 'project:#third'"),
        ("[a](inv:b#c)", "a link to 'inv:b#c'"),
        ("<project:#third>", "<project:#third>"),
        ("[a]( <project:#third>)", "a link to 'project:#third'"),
        ("<a@b.org>", "<mailto:a@b.org>"),
        ("[](#third)", "a link without a text"),
        ("[a {doc}`third`](first.ipynb)", "a role within a link, `third`"),
        ("{ref}`[a](b.pdf) <third>`", "the name '[a](b.pdf)'"),
        ("{term}`[a](b.pdf)`", "the name '[a](b.pdf)'"),
        ("(here)=\n## {term}`Here`\n\n{ref}`here`", "the name '{term}`Here`'"),
        ("It costs $5.\n\nOr 6$ each.", "$5. Or 6$"),
        ("> $a\n> b$", "$a b$"),
        ("[a]{.b}", "span_open"),
        ("`a`{.python}", "attributes {.python}"),
        ("<b>a</b>", "html_inline"),
        ("<div>\n\n</div>", "html_block"),
        ("![a](b.png)", "image"),
        ("a\n: b", "dl_open"),
        ("a[^1]\n\n[^1]: b", "footnote_ref"),
        ("{{ a }}", "substitution_block"),
        ("\\begin{align}\na\n\\end{align}", "amsmath"),
        ("$$\na\\\\b\n$$", "lines without aligned"),
        ("$$\na % b\n$$", "a comment in the mathematics"),
        ("So\n$$\na\n$$ (eq-a)", "$$ within a line"),
        ("$$\na\n\nb\n$$", "an empty line in the mathematics"),
    ],
)
def test_what_has_no_plain_form_is_refused_by_name(book, myst, named):
    with pytest.raises(plain.Unknown, match=r"^text/second: .*no plain form") as refusal:
        book(f"# Second\n\n{myst}")
    assert named in str(refusal.value)


def test_a_label_that_stands_twice_is_refused(book):
    with pytest.raises(plain.Unknown, match="'eq-sum' stands twice"):
        book(f"# Second\n\n{SUM}")
