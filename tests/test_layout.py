"""The rooms of the package and the arrows between them, read from the source."""

import ast
from pathlib import Path

import pytest
from tree import ROOT

# From top to bottom: a room uses only rooms above it, and nothing of its own floor.
FLOORS = [
    ["errors", "notebook"],
    ["schedules", "plots", "verdict", "calculus"],
    ["losses", "randomness", "networks", "penalties", "equilibrium"],
    ["data", "constraints", "lipschitz"],
    ["training"],
    ["metrics", "reports"],
    ["samples", "problems"],
    ["runs"],
    ["benchmarks"],
    ["cli"],
]
WITHOUT_TORCH = ["errors", "notebook", "schedules", "verdict", "calculus", "cli"]


def modules(root):
    return {
        ".".join(("gancode", *path.relative_to(root).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): path
        for path in root.rglob("*.py")
    }


def imports(name, path, known):
    """The modules that one imports: those at its top, and those within its functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    top = {id(node) for node in ast.walk(ast.Module(tree.body, [])) if node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join(base if node.level else []) or ""
            base = ".".join(filter(None, [base, node.module]))
            found = [
                f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base
                for alias in node.names
            ]
        else:
            continue
        for each in found:
            yield each, id(node) in top


def graph(root):
    """Each module with those of the package that it imports anywhere, and whether at its top; and
    those that import torch at their top."""
    known = modules(root)
    arrows, torch = {}, set()
    for name, path in known.items():
        for found, at_top in imports(name, path, known):
            if found.partition(".")[0] == "torch" and at_top:
                torch.add(name)
            if found in known and found != name:
                arrows.setdefault(name, {})[found] = arrows.get(name, {}).get(found) or at_top
    return arrows, torch


def room(name):
    return name.split(".")[1] if "." in name else ""


def circle(arrows):
    """A circle of modules that import each other at their top, or None."""
    done, path = set(), []

    def visit(name):
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return None
        path.append(name)
        for other, at_top in arrows.get(name, {}).items():
            if at_top and (found := visit(other)):
                return found
        path.pop()
        done.add(name)
        return None

    return next(filter(None, map(visit, list(arrows))), None)


def upwards(arrows):
    """The arrows that do not run from a room to one above it."""
    floor = {name: k for k, names in enumerate(FLOORS) for name in names}
    found = []
    for name, others in arrows.items():
        for other in others:
            one, two = room(name), room(other)
            if one and two and one != two and not floor[two] < floor[one]:
                found.append((name, other))
    return found


def test_every_room_has_its_floor():
    rooms = {room(name) for name in modules(ROOT / "gancode")} - {""}
    assert rooms == {name for names in FLOORS for name in names}


def test_no_circle_and_no_arrow_that_runs_back_up():
    arrows, _ = graph(ROOT / "gancode")
    assert circle(arrows) is None
    assert upwards(arrows) == []


def test_torch_is_imported_only_where_it_may_be():
    _, torch = graph(ROOT / "gancode")
    assert sorted(name for name in torch if room(name) in WITHOUT_TORCH) == []
    assert "gancode.training.settings" not in torch  # a command explains itself without it


@pytest.mark.parametrize(
    ("name", "line", "fault"),
    [
        ("data/sources", "from gancode.training import train", "up"),
        ("schedules", "from . import runs", "up"),
        ("data/images", "from gancode.data import sources", "circle"),
        ("calculus/game", "import torch", "torch"),
        ("training/settings", "import gancode.cli", "up"),
    ],
)
def test_a_wrong_arrow_is_seen(tmp_path, name, line, fault):
    """So that the tests above can fail."""
    for path in modules(ROOT / "gancode").values():
        target = tmp_path / "gancode" / path.relative_to(ROOT / "gancode")
        target.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8")
        target.write_text(f"{text}\n{line}\n" if path == _path(name) else text, encoding="utf-8")
    arrows, torch = graph(tmp_path / "gancode")
    seen = {
        "up": bool(upwards(arrows)),
        "circle": circle(arrows) is not None,
        "torch": any(room(each) in WITHOUT_TORCH for each in torch),
    }
    assert seen[fault]


def _path(name) -> Path:
    return ROOT / "gancode" / f"{name}.py"


def test_each_file_says_in_its_first_line_what_it_is_about():
    for name, path in modules(ROOT / "gancode").items():
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert said and said.splitlines()[0].strip(), name


def test_the_tests_lie_as_the_package_does():
    tests = ROOT / "tests"
    rooms = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert {room for room in rooms if not (ROOT / "gancode" / room).is_dir()} == {Path("book")}
    packages = {
        path.parent.relative_to(ROOT / "gancode") for path in ROOT.glob("gancode/*/**/*.py")
    }
    assert packages <= rooms | {Path("calculus/proof/analysis")}  # of which `prove` is the door
