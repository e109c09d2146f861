"""Every committed notebook shows what really ran, in the form that the comparison relies on.

`pytest --nbval` runs the notebooks again and compares. That means something only if every cell is
committed executed, nothing is exempt that need not be, and the digits that the comparison does
overlook (the measured ones) agree with their checksum and with the mark beside them.
"""

import ast
import copy
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter

import nbformat
import pytest
import yaml
from tree import ROOT

from gancode.notebook import MIME
from gancode.verdict import check_html
from tools import configure, notebooks

PATHS = sorted(
    path for path in (ROOT / "chapters").rglob("*.ipynb") if "checkpoint" not in path.name
)
SET_UP = f"""\
import importlib.util
if importlib.util.find_spec("gancode") is None:  # on Colab
    %pip install -q "gancode @ git+https://github.com/{configure.address(ROOT)}"
"""
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(home|Users|root|tmp|usr|var|opt|work)/|site-packages")
MEASURED = re.compile(r'<span class="measured">([^<]*)</span>')
MEASURED_IN_TEXT = re.compile(r"\u27e8([^\u27e9\n]*)\u27e9")
VERDICT_ROWS = re.compile(r'<table class="verdict" data-crc=.*?<tbody>(.*?)</tbody>', re.DOTALL)
PROGRESS_BAR = re.compile(r"\d+%\|.*\|")


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def markdown(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def tags(cell):
    return set(cell.metadata.get("tags", []))


def texts(cell):
    """Each output of `cell` that a reader reads, as (type, text): pictures are left out."""
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.name, output.text
        for mime, text in output.get("data", {}).items():
            if not mime.startswith("image/"):
                yield mime, str(text)


def outputs_of(notebook, mime):
    return [text for cell in code_cells(notebook) for kind, text in texts(cell) if kind == mime]


def pictures(cell):
    return [
        mime
        for output in cell.outputs
        for mime in output.get("data", {})
        if mime.startswith("image/")
    ]


def test_the_book_lists_every_notebook():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = {chapter["file"] for part in toc["parts"] for chapter in part["chapters"]}
    assert PATHS
    assert {path.relative_to(ROOT).with_suffix("").as_posix() for path in PATHS} <= listed


def test_every_cell_is_committed_executed_in_order(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_no_output_is_an_error_or_a_warning(notebook):
    for cell in code_cells(notebook):
        assert not [output for output in cell.outputs if output.output_type == "error"]
        for kind, text in texts(cell):
            assert kind != "stderr" or "nbval-ignore-output" in tags(cell), text
            assert "Warning" not in text


def test_only_progress_bars_escape_the_comparison(notebook):
    for cell in code_cells(notebook):
        assert not re.search(r"#\s*(NBVAL|PYTEST_VALIDATE)_", cell.source)
        exempt = {tag for tag in tags(cell) if re.match(r"nbval-|raises-exception|skip-", tag)}
        assert exempt <= {"nbval-ignore-output"}
        if exempt:
            kinds = [kind for kind, _ in texts(cell)] + pictures(cell)
            assert kinds == ["stderr"] and PROGRESS_BAR.search(cell.outputs[0].text), (
                "only a cell that shows a progress bar, and nothing else, may be exempt"
            )


def test_no_cell_hides_its_value_by_a_semicolon(notebook):
    """The kernels of the comparison keep no history, by which IPython knows of the semicolon."""
    assert not [c.source for c in code_cells(notebook) if c.source.rstrip().endswith(";")]


def test_no_cell_shows_a_bare_truth_value(notebook):
    shown = {text.strip() for cell in code_cells(notebook) for _, text in texts(cell)}
    assert not {"True", "False", "None"} & shown


def test_every_output_has_a_form_that_a_page_can_draw(notebook):
    """Of an unknown type the book draws nothing, and does not say so."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if found := set(output.get("data", {})):
                assert found <= {"text/plain", "text/html", "text/latex", "image/png", MIME}
                assert "text/plain" in found


def test_nothing_names_a_place_on_the_machine_that_ran_it(notebook):
    for cell in notebook.cells:
        assert not MACHINE_PATH.search(cell.source)
    for cell in code_cells(notebook):
        for _, text in texts(cell):
            assert not MACHINE_PATH.search(str(text))


def test_the_first_code_cell_installs_gancode_where_it_is_missing(notebook):
    first = code_cells(notebook)[0]
    assert first.source.startswith(SET_UP)
    assert "hide-input" in tags(first)
    assert first.outputs == []


def test_cells_are_short_and_few(notebook):
    assert 10 <= len(notebook.cells) <= 40
    for cell in code_cells(notebook):
        folded = "hide-input" in tags(cell)
        assert len(cell.source.splitlines()) <= (25 if folded else 20), cell.source


def test_the_file_is_small_and_in_the_committed_form(path, notebook):
    assert path.stat().st_size <= 1.5e6
    assert path.read_text(encoding="utf-8") == notebooks.normalise(notebook), (
        f"run: python tools/notebooks.py --only-normalise {path.relative_to(ROOT)}"
    )


def test_every_picture_is_a_captioned_png(notebook):
    for cell in code_cells(notebook):
        if found := pictures(cell):
            assert found == ["image/png"]
            shown = cell.metadata["mystnb"]
            assert shown["figure"]["caption"].strip() and shown["image"]["alt"].strip()
            assert shown["figure"]["name"].startswith("fig-")
            last = ast.parse(cell.source).body[-1]
            assert ast.unparse(last).startswith(("plt.show(", "plots.animation("))


def test_a_chapter_has_its_parts(notebook):
    text = markdown(notebook)
    first = notebook.cells[0]
    assert first.cell_type == "markdown" and re.search(r"^# \S", first.source, re.MULTILINE)
    assert ":::{admonition} In this chapter\n:class: tip\n" in text
    for heading in ("Verdict", "Exercises", "Notes"):
        assert re.search(rf"^(#+ |:+\{{\S+\}} ){heading}", text, re.MULTILINE), heading
    assert any('<table class="verdict"' in html for html in outputs_of(notebook, "text/html"))


BACKTICKS = re.compile(r"^ *`{3,}\{([^}]*)\}", re.MULTILINE)
NO_PROSE = {"math", "raw", "eval-rst", "bibliography"}


def prose_in_backticks(text):
    """The directives with prose in a fence of backticks, where other programs show it as code."""
    return [name for name in BACKTICKS.findall(text) if name not in NO_PROSE]


@pytest.mark.parametrize("name", ["prf:theorem", "exercise", "note", "solution-start"])
def test_prose_in_backticks_is_seen(name):
    assert prose_in_backticks(f"Text.\n\n````{{{name}}} T\n```{{math}}\nx\n```\n````") == [name]
    assert prose_in_backticks(f":::{{{name}}} T\n```{{math}}\nx\n```\n:::\n```python\n1\n```") == []


def test_directives_of_prose_stand_in_colon_fences():
    pages = {path: markdown(nbformat.read(path, as_version=4)) for path in PATHS}
    for path in [ROOT / "index.md", *(ROOT / "chapters").rglob("*.md")]:
        pages[path] = path.read_text(encoding="utf-8")
    found = {path.name: prose_in_backticks(text) for path, text in pages.items()}
    assert {name: names for name, names in found.items() if names} == {}


def test_three_to_five_exercises_each_with_a_hidden_solution(notebook):
    text = markdown(notebook)
    directive = r"^[:`]{3,}\{%s(?:-start)?\}%s.*\n((?::\S+:.*\n)*)"
    exercises = re.findall(directive % ("exercise", ""), text, re.MULTILINE)
    solutions = re.findall(directive % ("solution", r" *(\S+)"), text, re.MULTILINE)
    labels = [re.search(r":label: *(\S+)", options)[1] for options in exercises]
    assert 3 <= len(labels) <= 5
    assert Counter(labels) == Counter(label for label, _ in solutions)
    assert all(re.search(r":class:.*\bdropdown\b", options) for _, options in solutions)


def test_every_verdict_agrees_with_its_checksum_and_its_marks(notebook):
    for html in outputs_of(notebook, "text/html"):
        assert check_html(html) == []


def test_measured_numbers_stand_in_verdicts_only(notebook):
    """What the sanitising file overlooks is what the checksums cover."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            data = dict(output.get("data", {}))
            html, plain = data.pop("text/html", ""), data.pop("text/plain", "")
            in_tables = MEASURED.findall("".join(VERDICT_ROWS.findall(html)))
            assert MEASURED.findall(html) == in_tables == MEASURED_IN_TEXT.findall(plain)
            rest = output.get("text", "") + "".join(map(str, data.values()))
            assert not MEASURED.search(rest) and not MEASURED_IN_TEXT.search(rest)


# The comparison can fail. A small notebook stands for all: what is stored of each cell is changed
# in one place, and the comparison must notice it, but for a measured digit, which the checksum
# must notice.

VERDICT = "Verdict().near('V', 0.5, 0.4991, 0.01, because='rounding')"
PROOF = "Statements({'a square': prove(x**2 + 1, 0, '>')})"
CHANGES = {
    "nothing": (
        "import sympy\nfrom gancode import Verdict\n"
        "from gancode.calculus import Derivation, Statements, prove\n"
        "x = sympy.Symbol('x', real=True)\n6 * 7",
        "",
        "",
    ),
    "number": ("6 * 7", "42", "43"),
    "formula": ("sympy.log(x) ** 2 + 3", "{2} + 3", "{2} - 3"),
    "prediction": (VERDICT, ">0.5<", ">0.6<"),
    "value of the prediction": (VERDICT, "data-value=\\\"0.5", "data-value=\\\"0.6"),
    "mark": (VERDICT, "✓", "✗"),
    "row": (VERDICT, "rounding", "guessing"),
    "measured": (VERDICT, "0.499", "0.498"),
    "prediction in the data": (VERDICT, '"predicted": 0.5', '"predicted": 0.6'),
    "tolerance in the data": (VERDICT, '"tolerance": 0.01', '"tolerance": 0.02'),
    "kind in the data": (VERDICT, '"kind": "rounding"', '"kind": "theorem"'),
    "mark in the data": (VERDICT, '"mark": "✓"', '"mark": "✗"'),
    "status": (PROOF, "proved", "checked"),
    "status in the data": (PROOF, '"status": "proved"', '"status": "checked"'),
    "rule in the data": ("prove(x, x)", '"rule": "identical"', '"rule": "sign"'),
    "reason in the data": (
        "Derivation(x).step(x, because='clear')", '"because": "clear"', '"because": "obvious"'
    ),
}  # fmt: skip
OVERLOOKED = {"nothing", "measured"}


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """The small notebook as it ran, as it was changed, and the report of `pytest --nbval` on it."""
    path = tmp_path_factory.mktemp("changed") / "small.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source, _, _ in CHANGES.values()]
    original = nbformat.v4.new_notebook(cells=cells)
    notebooks.execute(original, path.parent)
    stored = copy.deepcopy(original)
    for cell, (_, before, after) in zip(stored.cells, CHANGES.values(), strict=True):
        for output in cell.outputs:
            text = json.dumps(output.data, ensure_ascii=False)
            assert before in text
            output.data = nbformat.from_dict(json.loads(text.replace(before, after)))
    path.write_text(notebooks.normalise(stored), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "--nbval", "-rA", "--numprocesses=0"]
    command += ["-c", "pyproject.toml"]  # the notebook stands outside the tree
    report = subprocess.run([*command, path], cwd=ROOT, capture_output=True, text=True).stdout
    return original, stored, report


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_in_a_stored_output_fails_the_comparison(changed, change):
    *_, report = changed
    index = list(CHANGES).index(change)
    outcome = re.search(rf"^(PASSED|FAILED) .*::Cell {index}\b", report, re.MULTILINE)
    assert outcome, report
    assert outcome[1] == ("PASSED" if change in OVERLOOKED else "FAILED"), report


def test_a_change_in_a_measured_digit_fails_its_checksum(changed):
    original, stored, _ = changed
    index = list(CHANGES).index("measured")
    assert check_html(original.cells[index].outputs[0].data["text/html"]) == []
    assert check_html(stored.cells[index].outputs[0].data["text/html"]) != []


# Figures.

DRAWS = """\
import matplotlib.pyplot as plt

plt.plot([0, 1])
plt.show()"""


def tool(path, *options, **environment):
    command = [sys.executable, ROOT / "tools" / "notebooks.py", *options, path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.fixture
def figure(tmp_path):
    """A notebook with one cell that draws."""
    path = tmp_path / "figure.ipynb"
    cell = nbformat.v4.new_code_cell(DRAWS)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["Agg", "svg", "TkAgg"])
def test_figures_are_shown_in_the_page_whatever_the_environment_asks_for(figure, backend):
    result = tool(figure, MPLBACKEND=backend)
    assert result.returncode == 0, result.stderr
    (cell,) = nbformat.read(figure, as_version=4).cells
    assert pictures(cell) == ["image/png"]
    assert not [kind for kind, _ in texts(cell) if kind == "stderr"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "metadata"),
    [
        (DRAWS.replace("plt.show()", "plt.close()\nplt.show()"), {}),
        ("6 * 7", {"mystnb": {"figure": {"caption": "What it shows.", "name": "fig-what"}}}),
        ("import matplotlib\n\nmatplotlib.use('agg')\n" + DRAWS.replace("plt.show", "print"),
         {"mystnb": {"figure": {"caption": "What it shows."}}}),
        ("plots = type('plots', (), {'animation': lambda k: k})\nplots.animation(3)", {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("options", [[], ["--only-normalise"]])
def test_a_figure_cell_without_a_picture_is_refused_and_the_file_untouched(
    figure, source, metadata, options
):
    cells = [nbformat.v4.new_markdown_cell("text"), nbformat.v4.new_code_cell("%pip --version")]
    cells.append(nbformat.v4.new_code_cell(source, metadata=metadata))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), figure)
    before = figure.read_bytes()
    result = tool(figure, *options)
    assert result.returncode == 1
    assert "figure.ipynb: the file is left as it was, for cell 2 draws a figure" in result.stderr
    assert figure.read_bytes() == before


def test_every_figure_of_the_book_has_its_picture(notebook):
    assert notebooks.missing_picture(notebook) is None


@pytest.mark.slow
@pytest.mark.parametrize("home", ["new", "locked"])
def test_a_first_import_has_nothing_to_say_under_the_comparison(tmp_path, home):
    """Where matplotlib has no cache yet it may take its time, and says so; where it can write none
    it says so at every import."""
    path = tmp_path / "chapters" / "figure.ipynb"
    path.parent.mkdir()
    shutil.copy(ROOT / "chapters" / "conftest.py", path.parent)
    cells = [nbformat.v4.new_code_cell(text) for text in ("import matplotlib.pyplot", DRAWS)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebooks.execute(notebook, path.parent)
    path.write_text(notebooks.normalise(notebook), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "--nbval", "--numprocesses=0", path]
    command += ["-c", "pyproject.toml", f"--confcutdir={tmp_path}"]
    config = tmp_path if home == "new" else "/dev/null/matplotlib"
    environment = os.environ | {"HOME": str(tmp_path), "MPLBACKEND": "Agg"}
    environment |= {"MPLCONFIGDIR": str(config), "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 0 and "2 passed" in result.stdout, result.stdout
