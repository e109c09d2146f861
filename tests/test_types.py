"""What a type checker says of a small program of a user's, and of the package."""

import ast
import subprocess
import sys

import pytest
from tree import ROOT

PROGRAM = """
import torch

import gancode
from gancode import networks, penalties

generator, discriminator = networks.pair("mlp", 3, 2, hidden=(8,))
gan = gancode.GAN(generator, discriminator, latent_dim=3)
run = gancode.train(gan, gancode.data.ring(), steps=10, lr="1e-3..1e-4",
                    penalties=[penalties.r1(1, every=16)], callback=lambda step, run: None)
samples: torch.Tensor = run.sample(5)
losses: list[float] = [row["generator_loss"] for row in run.history]
scores: dict[str, gancode.runs.Score] = gancode.evaluate(run)
players = gancode.Players(gan, lr=1e-3)
players.advance(0.5)
batch = players.batch(samples)
players.discriminator_step(batch)
players.generator_step(batch)
loaded: gancode.Run = gancode.load("run", gan=gan)
"""


def checked(folder, text):
    # a file of its own: mypy takes one of the same size and second for the same
    path = folder / f"program_{len(list(folder.glob('program_*')))}.py"
    path.write_text(text)
    command = [sys.executable, "-m", "mypy", "--cache-dir", folder / "cache", path]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("types")


def test_a_small_program_is_sound(folder):
    found = checked(folder, PROGRAM)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("gancode.train(gan, samples, stepz=3)", 'did you mean "steps"'),
        ('gancode.train(gan, samples, steps="many")', 'incompatible type "str"; expected "int'),
        ("gancode.trian", "has no attribute"),
        ("gancode.GAN(generator, discriminator)", "Missing positional argument"),
        ("run.sample('all')", 'incompatible type "str"; expected "int"'),
        ("gancode.Players()", "Missing positional argument"),
        ("text: str = gancode.seed(0)", "Incompatible types in assignment"),
    ],
)
def test_a_wrong_line_is_seen(folder, line, said):
    found = checked(folder, PROGRAM + line + "\n")
    assert found.returncode == 1 and said in found.stdout, found.stdout


def test_the_package_is_sound(folder):
    command = [sys.executable, "-m", "mypy", "--cache-dir", folder / "cache"]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("function", ["def f(x): return x", "def f(x: int): return x"])
def test_a_function_without_types_is_seen(folder, function):
    path = folder / f"untyped_{len(list(folder.glob('untyped_*')))}.py"
    path.write_text(f"{function}\n")
    command = [sys.executable, "-m", "mypy", "--cache-dir", folder / "cache", path]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 1 and "missing a" in found.stdout, found.stdout


def public_functions():
    """Those at the top of a module and in its classes, each with its place; of what proves, which
    has one door, those that can be had through it."""
    for path in sorted((ROOT / "gancode").rglob("*.py")):
        nodes = ast.parse(path.read_text(encoding="utf-8")).body
        classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
        nodes += [each for node in classes if node.name[0] != "_" for each in node.body]
        for node in nodes:
            inner = "proof" in path.parts and getattr(node, "name", "") != "prove"
            if isinstance(node, ast.FunctionDef) and not inner:
                if node.name.startswith("__") or not node.name.startswith("_"):
                    yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def test_every_public_function_is_annotated():
    bare = []
    for place, node in public_functions():
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        given += filter(None, [node.args.vararg, node.args.kwarg])
        known = [each.annotation or each.arg in ("self", "cls") for each in given]
        returns = node.returns or node.name == "__init__"
        if not (returns and all(known)):
            bare.append(place)
    assert not bare


def test_the_types_are_shipped():
    assert (ROOT / "gancode" / "py.typed").exists()
    assert '"py.typed"' in (ROOT / "pyproject.toml").read_text()
