"""`make configure REPO=owner/name`, and what rests on the address it writes: the launch buttons,
and the set-up cell that installs gancode where it is missing."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from tree import ROOT

from tools import chinese, configure, plain
from tools.page import launch

OWNER, NAME = "Ada-L", "gans.of_1815"
REPO = f"{OWNER}/{NAME}"


def files(tree):
    """The content of every file of `tree`, under its path."""
    return {path.relative_to(tree): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def configured(clean_copy):
    """A clean copy of the tree in which the set-up ran, by the command a user gives."""
    tree = clean_copy()
    subprocess.run(["make", "configure", f"REPO={REPO}"], cwd=tree, check=True)
    return tree


def test_the_address_is_written_everywhere_and_again(configured):
    first = files(configured)
    assert configure.address(configured) == REPO
    for name in ("pyproject.toml", "_config.yml", "README.md", "CITATION.cff"):
        assert REPO.encode() in first[Path(name)], name
    # Only the tests and the tool itself speak of the address that was there before.
    old = configure.address(ROOT).encode()
    left = [path for path, content in first.items() if old in content]
    assert [path for path in left if path.parts[0] not in ("tests", "tools")] == []

    configure.configure(configured, REPO)
    assert files(configured) == first
    configure.configure(configured, "someone/else.git-book")
    assert configure.address(configured) == "someone/else.git-book"
    configure.configure(configured, REPO)
    assert files(configured) == first


@pytest.mark.parametrize(
    "malformed",
    [
        "gans",
        "ada/",
        "/gans",
        "ada/gans/more",
        "https://github.com/ada/gans",
        "ada/gans.git",
        "ada/..",
        "-ada/gans",
        "ada love/gans",
        "ada/gans\n",
        configure.PLACEHOLDER,
    ],
)
def test_a_malformed_name_is_refused_and_nothing_changes(configured, malformed):
    before = files(configured)
    with pytest.raises(ValueError, match="owner/name"):
        configure.configure(configured, malformed)
    assert files(configured) == before


def test_make_says_what_is_missing():
    result = subprocess.run(["make", "configure"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode != 0
    assert "make configure REPO=owner/name" in result.stderr


HEAVY = ("tools.games", "tools.engine")  # what they put into the book leads nowhere
THEOREM = "\n```{prf:theorem} One\nIt holds.\n```\n"  # for the page that lists them


@pytest.fixture(scope="module")
def sources(configured):
    """The paths of the pages' sources."""
    toc = yaml.safe_load((configured / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"], *(each["file"] for part in toc["parts"] for each in part["chapters"])]
    paths = (Path(name + end) for name in names for end in (".md", ".ipynb"))
    found = [path for path in paths if (configured / path).exists()]
    assert len(found) == len(names)
    return found


@pytest.fixture(scope="module")
def links(configured, sources, build_book, tmp_path_factory):
    """Where the buttons above each page of the book lead, under the path of its source. The pages
    hold no more than a heading: the buttons come from their names and kinds, and from the
    configuration."""
    tree = tmp_path_factory.mktemp("bare") / "tree"
    shutil.copytree(configured, tree, ignore=shutil.ignore_patterns("chapters", ".git"))
    for path in sources:
        text = f"# {path.stem}\n{THEOREM if path == sources[0] else ''}"
        if path.suffix == ".ipynb":
            notebook = nbformat.read(configured / path, as_version=4)
            notebook.cells = [nbformat.v4.new_markdown_cell(text)]
            text = nbformat.writes(notebook)
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, encoding="utf-8")
    config = yaml.safe_load((tree / "_config.yml").read_text(encoding="utf-8"))
    for each in HEAVY:
        config["sphinx"]["config"]["extensions"].remove(each)
        del config["sphinx"]["local_extensions"][each]
    (tree / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    site = build_book(tree)
    found = {}
    for source in sources:
        html = (site / source.with_suffix(".html")).read_text("utf-8")
        buttons = BeautifulSoup(html, "html.parser").select(".article-header-buttons a")
        found[source] = {link.get("href") for link in buttons}
    return found


def test_every_page_has_its_launch_buttons(configured, links):
    """Those of its own notebook, those of the chapter to which it is a guide, or of the first one
    that the README opens."""
    for source, found in links.items():
        other = chinese.original(str(source.with_suffix("")))
        if source.suffix == ".ipynb":
            name = source
        elif other and (configured / f"{other}.ipynb").exists():
            name = f"{other}.ipynb"
        else:
            name = f"{launch.START}.ipynb"
        copy = f"notebooks/{name}"
        assert (configured / copy).exists()
        assert {link for link in found if "/v2/" in link or "colab" in link} == {
            f"https://mybinder.org/v2/gh/{REPO}/main?urlpath=lab/tree/{copy}",
            f"https://colab.research.google.com/github/{REPO}/blob/main/{copy}",
        }
    assert {source.suffix for source in links} == {".md", ".ipynb"}
    assert len(links) > 60


def test_every_page_leads_to_its_source_its_issues_and_the_repository(links):
    base = f"https://github.com/{REPO}"
    for source, found in links.items():
        assert {base, f"{base}/edit/main/{source}"} <= found
        (issue,) = (link for link in found if link.startswith(f"{base}/issues/new?title="))
        assert str(source.with_suffix(".html")) in issue


def test_the_plain_copies_are_in_step_under_the_new_address(configured):
    copies = plain.copies(configured)
    assert copies and f"https://{OWNER}.github.io/{NAME}/" in "".join(copies.values())
    for name, text in copies.items():
        assert (configured / name).read_text(encoding="utf-8") == text


def test_the_badges_lead_to_the_plain_copies(configured):
    readme = (configured / "README.md").read_text(encoding="utf-8")
    binder = re.search(r"\(https://mybinder.org/v2/gh/(.*)/main\?urlpath=lab/tree/(.*)\)", readme)
    colab = re.search(r"\(https://colab.research.google.com/github/(.*)/blob/main/(.*)\)", readme)
    assert binder[1] == colab[1] == REPO
    assert colab[2] == f"notebooks/{launch.START}.ipynb"
    assert (configured / binder[2]).is_dir() and (configured / colab[2]).is_file()
    assert binder[2].startswith("notebooks/") and colab[2].startswith("notebooks/")


LARGE = ["torch", "torchvision", "accelerate", "matplotlib", "mlxtend", "safetensors", "scipy"]


@pytest.fixture
def environment():
    """The Python of a new environment that holds IPython and the large packages, as Colab's does,
    in a folder of its own. uv links their files to those it has unpacked before (for `make`), where
    it can: they are 6 GB. All is removed even where a test fails."""
    folder = Path(tempfile.mkdtemp(prefix="gancode-set-up-"))
    try:
        lines = (ROOT / "requirements.txt").read_text().splitlines()
        (folder / "pins.txt").write_text("\n".join(line for line in lines if "==" in line))
        subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
        python = folder / "env" / "bin" / "python"
        install = [Path(sys.executable).with_name("uv"), "pip", "install", "--quiet"]
        install += ["--python", python, "--constraint", folder / "pins.txt"]
        subprocess.run([*install, "ipython", *LARGE], check=True)
        yield python, folder
    finally:
        shutil.rmtree(folder)


def installed(folder):
    """The packages in an environment, each under the file that lists what it consists of, which
    another installation writes anew."""
    return {path: path.stat().st_ino for path in folder.glob("env/lib/*/site-packages/*/RECORD")}


def test_the_set_up_cell_installs_gancode_once(configured, environment):
    """As on Colab, but that git is told to find the public address in the copy of the tree. What is
    there already is kept."""
    python, folder = environment
    notebook = nbformat.read(next(configured.glob("chapters/**/*.ipynb")), as_version=4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code").source
    assert REPO in cell
    where = "import gancode\nprint('gancode is in', gancode.__file__)"
    (folder / "cell.ipy").write_text(f"{cell}\n{where}\n", encoding="utf-8")

    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "copy"]):
        subprocess.run([*git, *command], cwd=configured, check=True)

    def run_cell(**more):
        inherited = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "IPYTHONDIR": str(folder / "ipython"),
            "PIP_CONSTRAINT": str(folder / "pins.txt"),
            **more,
        }
        result = subprocess.run(
            [python, "-m", "IPython", "cell.ipy"],
            cwd=folder,
            env=inherited,
            capture_output=True,
            text=True,
        )
        report = result.stdout + result.stderr
        assert result.returncode == 0, report
        found = re.search(r"gancode is in (.*)", result.stdout)
        assert found and Path(found[1]).is_relative_to(folder / "env"), report
        return result.stdout.replace(found[0], "").strip()

    before = installed(folder)
    run_cell(
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0=f"url.{configured.as_uri()}.insteadOf",
        GIT_CONFIG_VALUE_0=f"https://github.com/{REPO}",
    )
    after = installed(folder)
    assert before and before.items() <= after.items()
    assert any(path.parent.name.startswith("gancode-") for path in after.keys() - before.keys())
    # The second time there is no repository to install from, and none is asked for.
    assert run_cell(PIP_NO_INDEX="1") == ""
