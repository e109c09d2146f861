"""What several test files share: clean copies of the tree, and the book built from one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tree import ROOT

# Files of which every test waits for something large: a built book, a fresh environment, other
# processes, minutes of proofs.
SLOW = (
    "test_book",
    "test_games",
    "test_configure",
    "test_kernels",
    "test_processes",
    "test_divergence",
    "test_duality",
    "test_objective",
    "test_quadrature",
    "test_cells",
    "test_ends",
    "test_analysis",
    "test_corpus",
    "test_corpus_tool",
    "test_corpus_truth",
    "test_pairs",
    "test_bench",
    "test_types",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker(pytest.mark.slow)
    # They begin first, then the notebooks: at the end no worker is left alone with a long file.
    items.sort(key=lambda item: (item.path.stem not in SLOW, item.path.suffix == ".py"))


@pytest.fixture(scope="module")
def clean_copy(tmp_path_factory):
    """A function that copies the tree (what git tracks or would add, so no build output) into a
    new folder and returns it; the folders are removed when the module's tests are done."""
    copies = []

    def copy() -> Path:
        target = tmp_path_factory.mktemp("tree")
        copies.append(target)
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for name in filter(None, listing.split("\0")):
            if (ROOT / name).is_file():  # a file deleted and not yet committed is listed too
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target / name)
        return target

    yield copy
    for folder in copies:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def build_book():
    """A function that builds the book of a tree, warnings being errors, and returns the folder of
    its pages."""

    def build(tree: Path) -> Path:
        command = [Path(sys.executable).with_name("jupyter-book"), "build", "-W", "-n"]
        result = subprocess.run(
            [*command, "--keep-going", tree],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if result.returncode:
            lines = result.stdout.splitlines()
            said = [line for line in lines if "WARNING:" in line or "ERROR:" in line]
            pytest.fail("\n".join(["the book does not build:", *(said or lines)]), pytrace=False)
        return tree / "_build" / "html"

    return build
