"""What can be trained by its name: one list."""

import re
from functools import partial

import pytest
import torch
from tree import ROOT

import gancode
from gancode import runs
from gancode.benchmarks import bench
from gancode.cli import main
from gancode.metrics import judge
from gancode.problems import Problem, Recipe, find, names, problems


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def moons():
    """Two half circles of points with a label for each."""
    angle = torch.linspace(0, torch.pi, 60)
    upper = torch.stack([angle.cos(), angle.sin()], 1)
    both = torch.cat([upper, torch.tensor([1.0, 0.5]) - upper])
    return both, torch.arange(120) // 60


MOONS = Problem(
    "two half circles",
    moons,
    shape=(2,),
    recipe=Recipe("mlp", 3, {"hidden": (8,)}, {"objective": "hinge", "batch_size": 8}, steps=4),
    measures=judge.of_any,
    samples=60,
    classes=2,
)


def test_a_problem_that_is_added_is_trained_sampled_and_measured(monkeypatch, capsys):
    monkeypatch.setitem(problems, "moons", MOONS)
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    assert "moons: two half circles" in " ".join(capsys.readouterr().out.split())
    assert main(["train", "--data", "moons", "--conditional", "--sheet-every", "2"]) == 0
    run = gancode.load("runs/moons")
    assert run.history[-1]["step"] == 4 and run.gan.classes == 2
    assert run.record["training"]["objective"] == "hinge"
    assert main(["sample", "runs/moons", "-n", "4", "--label", "1", "--out", "x.csv"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "runs/moons"]) == 0
    assert "sliced transport" in capsys.readouterr().out
    assert main(["train", "--data", "moons", "--measure", "--out", "measured"]) == 0
    assert "sliced transport" in gancode.load("measured").history[-1]
    _, took = bench._train_recipe("moons", moons()[0], 2, seconds=0.05)
    assert took > 0


@pytest.mark.parametrize("name", problems)
def test_every_recipe_fits_its_problem(name):
    problem = problems[name]
    shape = problem.shape() if callable(problem.shape) else problem.shape
    recipe = problem.recipe
    two = {"to": "others", "unpaired": name == "unpaired"} if problem.translates else {}
    settings = runs.settings("photos" if problem.images else name, **two)
    assert settings["problem"] == name
    gan = runs._build(settings | {"shape": shape}).eval()
    condition = [torch.zeros(2, *shape)] if problem.translates else []
    made = gan(gan.latents(2), *condition)
    assert made.shape == (2, *shape) and len(gan.discriminator(made, *condition)) == 2
    gancode.Settings(**recipe.training, steps=recipe.steps)


def test_a_name_is_known_in_one_place():
    """No other module of the package spells the name of a data set."""
    spelled = re.compile(r'"(ring|grid|mnist-5k|mnist|fashion-mnist)"')
    allowed = {"problems.py", "data/images.py", "data/__init__.py"}
    for path in (ROOT / "gancode").rglob("*.py"):
        name = path.relative_to(ROOT / "gancode").as_posix()
        if name not in allowed and not name.startswith("benchmarks/"):
            assert not spelled.search(path.read_text(encoding="utf-8")), name


def test_what_is_no_name_is_a_folder():
    assert find("ring")[0] == "ring" and find("photos")[0] == "folder"
    assert "folder" not in names()
    with pytest.raises(gancode.Refused, match="ring has no size; that is for a folder of images"):
        runs.settings("ring", images={"size": 28})
    with pytest.raises(gancode.Refused, match="'photos' is no data: give ring, grid, mnist-5k"):
        problems["folder"].load("photos")


def test_a_judge_takes_what_it_is_given():
    made = partial(judge.of_any, "the data", list(moons()[0].split(30)), None, False)
    assert made(100).scores(moons()[0]).keys() == {"sliced transport"}
    found, against = made(100).real()
    assert found["sliced transport"].value >= 0 and against == "100 real images, against 100 others"
    with pytest.raises(gancode.Refused, match="20 samples are too few"):
        made(20)
