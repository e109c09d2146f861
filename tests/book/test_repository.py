"""The files around the package: what is installed where, and the tools that contributors use."""

import re
import socket
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import nbformat
import nbval.kernel
import pytest
import yaml
from jupyter_client.connect import LocalPortCache
from tree import ROOT

from tools import chromium, notebooks


def pins(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {line.split(" ;")[0] for line in lines if "==" in line}


def test_the_lock_holds_everything_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(one for extra in extras for one in extra)]
    locked = {pin.split("==")[0] for pin in pins("requirements.txt")}
    names = {re.match(r"[\w-]+", one)[0] for one in asked}
    assert names - {"gancode"} <= locked  # one extra may ask for another


def test_binder_installs_the_same_versions_but_neither_cuda_nor_jupyter():
    binder = pins(".binder/requirements.txt")
    assert binder <= pins("requirements.txt")
    assert not [pin for pin in binder if re.match(r"nvidia|cuda|triton|jupyter|sphinx", pin)]
    text = (ROOT / ".binder" / "requirements.txt").read_text(encoding="utf-8")
    assert re.search(r"^-e \.$", text, re.MULTILINE)  # gancode itself


def test_make_alone_explains_every_target():
    shown = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    assert re.findall(r"^ +make (\w+)", shown, re.MULTILINE) == targets


def test_make_names_the_python_it_cannot_use(tmp_path):
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    command = ["make", "book", "PYTHON=python0"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode != 0
    assert "Python 3.11 or newer is needed" in result.stderr and "python0" in result.stderr


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_program_that_a_page_names_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    folders = r"(?:tests|tools|gancode|_static|\.github|\.binder)"
    named = set(re.findall(rf"(?<![\w./]){folders}/[\w./-]*\.\w+", text))
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_citation_and_workflows_can_be_read():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == project["version"]
    assert citation["repository-code"] == project["urls"]["Repository"]
    workflows = [yaml.safe_load(path.read_text()) for path in ROOT.glob(".github/workflows/*.yml")]
    assert workflows and all(workflow["jobs"] for workflow in workflows)


def test_a_chromium_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("CHROMIUM", "/no/such/browser")
    with pytest.raises(FileNotFoundError, match="/no/such/browser"):
        chromium.find()


def test_normalising_drops_what_differs_from_run_to_run_and_nothing_else():
    cell = nbformat.v4.new_code_cell(
        "print('one')",
        outputs=[nbformat.v4.new_output("stream", text="one\n")],
        execution_count=1,
        metadata={"tags": ["hide-input"], "execution": {"iopub.status.busy": "2026-01-01"}},
    )
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {}, "vscode": {}})
    text = notebooks.normalise(notebook)
    again = nbformat.reads(text, as_version=4)
    assert notebooks.normalise(again) == text
    assert again.metadata == notebooks.METADATA
    (kept,) = again.cells
    assert kept.id == cell.id and kept.execution_count == 1
    assert kept.metadata == {"tags": ["hide-input"]}
    assert [output.text for output in kept.outputs] == ["one\n"]


def test_pieces_of_a_stream_are_joined_where_a_notebook_is_run(tmp_path):
    code = "import sys, time\nfor word in 'abc':\n    print(word, flush=True)\n    time.sleep(0.2)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebooks.execute(notebook, tmp_path)
    (output,) = notebook.cells[0].outputs
    assert output.text == "a\nb\nc\n"


def test_a_notebook_with_a_failing_cell_is_left_as_it_was(tmp_path):
    path = tmp_path / "failing.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    with pytest.raises(SystemExit, match="ZeroDivisionError"):
        notebooks.main([str(path)])
    assert path.read_bytes() == before


@pytest.mark.slow
def test_a_kernel_starts_whoever_takes_a_port(monkeypatch, tmp_path):
    """Also one that Jupyter finds to be free, and that is taken before the kernel has started."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(LocalPortCache, "find_available_port", lambda self, ip: port)
        notebooks.execute(notebook, tmp_path)
        manager, client = nbval.kernel.start_new_kernel(kernel_name="python3")
        client.stop_channels()
        manager.shutdown_kernel()
    assert notebook.cells[0].outputs[0].data["text/plain"] == "2"
    assert list(Path(tempfile.gettempdir()).glob(f"{Path(manager.ip).name}*")) == []


def test_what_is_imported_is_compiled_once():
    """Not by each of the processes that the tests start, whatever the environment says."""
    asked = "import sys; print(sys.dont_write_bytecode)"
    command = [sys.executable, "-c", asked]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "False\n"
