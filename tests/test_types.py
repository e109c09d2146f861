"""What a type checker says of a small program of a user's, and of the public interface."""

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
    command = [sys.executable, "-m", "mypy", "--config-file=", "--ignore-missing-imports"]
    command += ["--follow-imports=silent", "--cache-dir", folder / "cache", path]
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


def test_the_public_interface_is_sound(folder):
    command = [sys.executable, "-m", "mypy", "--cache-dir", folder / "cache"]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_types_are_shipped():
    assert (ROOT / "gancode" / "py.typed").exists()
    assert '"py.typed"' in (ROOT / "pyproject.toml").read_text()
