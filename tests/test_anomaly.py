"""Scores of samples under a trained GAN, in the package and by its command."""

import csv
import shutil

import pytest
import torch
from PIL import Image
from torch import nn

import gancode
from gancode import Refused, anomaly, data, metrics, networks, runs
from gancode.cli import main


def line_of_points(n, seed):
    """Points of space on a line, up to a little noise."""
    rng = torch.Generator().manual_seed(seed)
    along = torch.randn(n, 1, generator=rng) * torch.tensor([[2.0, 1.0, -1.0]])
    return along + 0.01 * torch.randn(n, 3, generator=rng)


@pytest.fixture(scope="module")
def run():
    """One whose generator is known: it draws the line."""
    gan = gancode.GAN(nn.Linear(1, 3), networks.mlp_discriminator(3, (8,)), latent_dim=1)
    with torch.no_grad():
        gan.generator.weight.copy_(torch.tensor([[2.0], [1.0], [-1.0]]))
        gan.generator.bias.zero_()
    gancode.seed(0)
    return gancode.Run(gan, gan.generator)


@pytest.fixture(scope="module")
def found(run):
    return anomaly.detector(run, line_of_points(500, 0), steps=300, lr=1e-2, hidden=(16,))


def test_reconstruction_loses_what_is_off_the_range_of_the_generator(found):
    off = torch.tensor([1.0, 0.0, 2.0]) / 5**0.5  # a unit vector across the line
    x = line_of_points(100, 1)
    normal, moved = found.scores(x), found.scores(x + 3 * off)
    assert normal["reconstruction"].mean() < 0.02
    assert moved["reconstruction"].min() > 0.9 * 3  # 3² over 3 coordinates, at least
    assert metrics.auroc(normal["reconstruction"], moved["reconstruction"]).value == 1


def test_the_scores_are_what_they_are_called(run, found):
    x = line_of_points(7, 2)
    scores = found.scores(x)
    assert tuple(scores) == anomaly.SCORES
    assert torch.equal(scores["discriminator"], -run.gan.discriminator(x).detach())
    again = found.reconstruct(x)
    assert torch.allclose(scores["reconstruction"], (x - again).square().mean(1))
    features = nn.Sequential(*run.gan.discriminator[:-2])  # without the last layer
    missed = (features(x) - features(again)).square().mean(1)
    assert torch.allclose(scores["features"], missed)
    assert torch.allclose(scores["both"], scores["reconstruction"] + scores["features"])


def test_one_seed_is_one_encoder_and_the_run_stays_as_it_is(run):
    before = [w.clone() for w in run.gan.parameters()]
    normal = line_of_points(50, 0)
    one, same, other = (
        anomaly.detector(run, normal, steps=3, seed=seed).scores(normal)["both"]
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert all(map(torch.equal, before, run.gan.parameters()))
    assert all(w.requires_grad for w in run.gan.parameters())


def test_features_are_read_before_the_last_layer_that_is_called():
    class Odd(nn.Module):
        """Its last layer stands first."""

        def __init__(self):
            super().__init__()
            self.last, self.first = nn.Linear(4, 1), nn.Linear(3, 4)

        def forward(self, x):
            return self.last(self.first(x).relu())

    network, x = Odd(), torch.randn(5, 3)
    features, logits = anomaly.Inner(network)(x)
    assert torch.equal(features, network.first(x).relu())
    assert torch.equal(logits, network(x)[:, 0])


def test_what_cannot_be_scored_is_refused(run, found):
    with pytest.raises(Refused, match=r"shape \(n, 3\)"):
        found.scores(torch.zeros(4, 2))
    with pytest.raises(Refused, match="not finite"):
        found.scores(torch.full((4, 3), torch.nan))
    with pytest.raises(Refused, match="the run makes"):
        anomaly.detector(run, torch.zeros(60, 2), steps=1)
    with pytest.raises(Refused, match="steps=-1"):
        anomaly.detector(run, line_of_points(60, 0), steps=-1)
    gan = gancode.GAN(*networks.pair("mlp", 2, 3, classes=2), 2, classes=2)
    with pytest.raises(Refused, match="condition"):
        anomaly.detector(gancode.Run(gan, gan.generator), line_of_points(60, 0), steps=1)
    with pytest.raises(Refused, match="no linear"):
        anomaly.Inner(nn.Flatten())


def save(images, where):
    where.mkdir()
    for k, image in enumerate(images):
        pixels = ((image[0] + 1) * 127.5).round().byte().numpy()
        Image.fromarray(pixels).save(where / f"{k:03d}.png")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A run on a few ones, further ones, and zeros."""
    root = tmp_path_factory.mktemp("score")
    images, labels = data.mnist_5k()
    ones, zeros = images[labels == 1], images[labels == 0]
    save(ones[:64], root / "train")
    save(ones[64:104], root / "held")
    save(torch.cat([ones[104:124], zeros[:20]]), root / "new")
    arguments = ["--size", "28", "--channels", "1", "--network", "mlp", "--steps", "30"]
    told = ["train", "--data", str(root / "train"), "--out", str(root / "run"), *arguments]
    assert main([*told, "--batch-size", "32", "--sheet-every", "0"]) == 0
    return root


@pytest.mark.slow
def test_the_command_writes_a_table_with_alarms(scene, tmp_path, capsys):
    out = tmp_path / "scores.csv"
    told = ["score", str(scene / "run"), str(scene / "new"), "--steps", "60"]
    held = ["--held-out", str(scene / "held"), "--rate", "0.1"]
    assert main([*told, *held, "--out", str(out)]) == 0
    assert "with a probability of at most 0.1, by 40 held-out ones" in capsys.readouterr().out
    with out.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["file"] for row in rows] == [str(scene / "new" / f"{k:03d}.png") for k in range(40)]
    alarms = [int(row["alarm"]) for row in rows]
    assert sum(alarms[:20]) <= 8 and sum(alarms[20:]) >= 15  # ones, zeros
    scored = runs.score(scene / "run", scene / "new", steps=60)
    assert scored.alarms == [False] * 40
    assert [float(row["reconstruction"]) for row in rows] == pytest.approx(scored.scores)

    assert main([*told, "--by", "discriminator"]) == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    values = [float(score) for score, _ in shown]
    assert values == sorted(values, reverse=True) and len(values) == 40


def test_held_out_images_of_which_some_were_trained_on_are_refused(scene, tmp_path, capsys):
    mixed = tmp_path / "mixed"
    shutil.copytree(scene / "held", mixed)
    shutil.copy(scene / "train" / "005.png", mixed / "seen.png")
    told = ["score", str(scene / "run"), str(scene / "new"), "--steps", "1"]
    assert main([*told, "--held-out", str(mixed)]) == 2
    words = "1 of the held-out images are among those that the run was trained on"
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--by", "pixels"], "unknown score 'pixels'; the choices are discriminator"),
        (["--rate", "0.1"], "--rate goes with --held-out"),
        (["--out", "scores.txt"], ".csv"),
        (["--out", "there.csv"], "there.csv is there already, and nothing is overwritten"),
        (["--out", "missing/scores.csv"], "there is no folder missing for scores.csv"),
        (["--out", "there.csv/scores.csv"], "there is no folder there.csv"),
        (["--held-out", "held", "--rate", "0.01"], "give at least 99"),
        (["--held-out", "train"], "those that the run was trained on"),
        (["--held-out", "nowhere"], "no folder of images"),
        (["--steps", "-3"], "steps=-3"),
        (["--steps", "0"], "steps=0 must be a positive integer"),
    ],
)
def test_wrong_input_of_the_command_is_refused(scene, monkeypatch, capsys, arguments, words):
    def never(*given, **options):
        raise AssertionError("an encoder was trained")

    monkeypatch.chdir(scene)
    monkeypatch.setattr(anomaly, "detector", never)
    (scene / "there.csv").write_text("mine")
    assert main(["score", "run", "new", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert (scene / "there.csv").read_text() == "mine"


def test_a_conditional_run_is_refused_before_an_image_is_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    told = ["train", "--data", "mnist-5k", "--conditional", "--network", "mlp", "--steps", "1"]
    assert main([*told, "--out", "run", "--sheet-every", "0"]) == 0
    assert main(["score", "run", "nowhere"]) == 2
    assert "run holds a conditional run" in capsys.readouterr().err


def test_a_run_on_points_scores_no_images(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--data", "ring", "--steps", "2", "--sheet-every", "0"]) == 0
    assert main(["score", "runs/ring", "."]) == 2
    assert "a run on points with 2 coordinates" in capsys.readouterr().err
    assert main(["score", "nothing", "."]) == 2
