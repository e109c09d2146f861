"""The rooms of the package and the arrows between them, read from the source."""

import ast
import re
from pathlib import Path

import pytest
from tree import ROOT

# From top to bottom: a room uses only rooms above it, and nothing of its own floor.
FLOORS = [
    ["errors", "notebook"],
    ["schedules", "plots", "verdict", "calculus"],
    ["losses", "kernels", "randomness", "networks", "penalties", "equilibrium"],
    ["data", "constraints", "lipschitz"],
    ["training"],
    ["metrics", "reports", "inversion"],
    ["samples", "problems", "anomaly"],
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


@pytest.mark.slow
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


# Words that mean different things elsewhere, and the one sense that each has here, by its places.
SENSES = {
    "pair": {"networks.pair"},  # a generator with its discriminator
    "part": {"calculus.game.Game.parts"},  # the symmetric and the antisymmetric part of a matrix
    "folder": {
        # that of a run, ...
        "training.folder.Folder",
        "training.checkpoint.save(folder)",
        "training.checkpoint.saved(folder)",
        "runs.read(folder)",
        "runs.load(folder)",
        "reports.sheets(folder)",
        "reports.tensorboard(folder)",
        # ... and as torchvision has it, of images
        "data.images.ImageFolder",
        "data.images.image_folder",
    },
}


def public_names(root):
    """All public functions, classes and their parameters, by their place in the package."""

    def within(node, place):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef) and child.name[0] != "_":
                name = f"{place}.{child.name}"
                yield name
                if isinstance(child, ast.ClassDef):
                    yield from within(child, name)
                else:
                    given = child.args
                    for each in [*given.posonlyargs, *given.args, *given.kwonlyargs]:
                        yield f"{name}({each.arg})"

    for module, path in modules(root).items():
        if not any(word.startswith("_") for word in module.split(".")):
            yield from within(
                ast.parse(path.read_text(encoding="utf-8")), module[len("gancode.") :]
            )


def words(place):
    """Those of the last name of a place, in the singular."""
    name = re.split(r"[.(]", place.rstrip(")"))[-1]
    return {word.lower().removesuffix("s") for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}


@pytest.mark.parametrize("word", SENSES)
def test_a_word_of_the_public_interface_has_one_sense(word):
    proofs = "calculus.proof"  # where a part is a term of mathematics
    names = (name for name in public_names(ROOT / "gancode") if not name.startswith(proofs))
    assert {name for name in names if word in words(name)} == SENSES[word]


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
