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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lr": 0}, "lr=0 must be a positive number"),
        ({"lr": "x"}, "lr='x' must be a positive number"),
        ({"weight": -1}, "weight=-1 must be a number that is not negative"),
        ({"weight": float("nan")}, "weight=nan must be a number"),
        ({"batch_size": 0}, "batch_size=0 must be a positive integer"),
        ({"normal": torch.full((4, 3), torch.nan)}, "NaN or infinity: 12 of 12"),
        ({"normal": torch.zeros(0, 3)}, "the data set is empty"),
        ({"normal": torch.zeros(4, 3, dtype=torch.uint8)}, "the data are torch.uint8; convert"),
        ({"run": nn.Linear(1, 1)}, "a Linear scores nothing; give a gancode.Run"),
    ],
)
def test_settings_and_data_of_a_detector_are_refused_at_once(run, options, said):
    given = {"run": run, "normal": line_of_points(20, 0), "steps": 1} | options
    with pytest.raises(Refused, match=said):
        anomaly.detector(given.pop("run"), given.pop("normal"), **given)


def test_data_may_be_few_or_of_double_precision_and_samples_are_no_bytes(run):
    for normal in (line_of_points(1, 0), line_of_points(20, 0).double()):
        found = anomaly.detector(run, normal, steps=1)
        assert found.scores(normal)["both"].dtype == torch.float32
    with pytest.raises(Refused, match="samples are torch.uint8; bring them"):
        found.scores(torch.zeros(4, 3, dtype=torch.uint8))
    with pytest.raises(Refused, match="must be a tensor .*, not list"):
        found.scores([[1.0, 2.0, 3.0]])


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


def tells(text, capsys):
    return text in capsys.readouterr().err


@pytest.fixture
def batches(scene, tmp_path, monkeypatch):
    """Small ones, so that much can be stopped between two; and a table of a call that was not."""
    monkeypatch.setattr(anomaly, "KEPT_EVERY", 4)
    monkeypatch.setattr(runs, "_SCORED_AT_ONCE", 15)
    told = ["score", str(scene / "run"), str(scene / "new"), "--held-out", str(scene / "held")]
    told += ["--rate", "0.1", "--steps", "10", "--out"]
    assert main([*told, str(tmp_path / "whole.csv")]) == 0
    return told


def stopping(monkeypatch, where, name, calls, error=KeyboardInterrupt):
    """Have the next call but `calls` of a function fail; return the list of those that are made."""
    made, function = [], getattr(where, name)

    def stops(*given, **options):
        made.append(given)
        if len(made) == calls + 1:
            raise error
        return function(*given, **options)

    monkeypatch.setattr(where, name, stops)
    return made


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("step", [1, 9])
def test_an_encoder_that_is_stopped_goes_on(batches, tmp_path, monkeypatch, capsys, step, error):
    out = tmp_path / "scores.csv"
    made = stopping(monkeypatch, anomaly.Detector, "losses", step, error)
    assert main([*batches, str(out)]) == (130 if error is KeyboardInterrupt else 2)
    said = "the same command goes on" if error is KeyboardInterrupt else "No space left"
    assert tells(said, capsys) and not out.exists()
    first = len(made)
    assert main([*batches, str(out)]) == 0
    again = len(made) - first
    assert again == 10 - step // 4 * 4 + 3 + 3  # and three batches of each of two folders
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scores.csv", "whole.csv"]


@pytest.mark.parametrize("batch", [0, 2, 4])
def test_scores_that_are_stopped_go_on(batches, tmp_path, monkeypatch, capsys, batch):
    out = tmp_path / "scores.csv"
    made = stopping(monkeypatch, anomaly.Detector, "scores", batch)
    assert main([*batches, str(out)]) == 130
    n = 15 * (batch % 3)
    assert tells(f"stopped after {n} of 40 images; the same command goes on", capsys)
    assert not out.exists()
    assert main([*batches, str(out)]) == 0
    assert len(made) == 7  # nothing twice but what was stopped
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scores.csv", "whole.csv"]


@pytest.mark.slow
def test_what_other_scores_have_left_is_not_gone_on_with(batches, scene, tmp_path, monkeypatch):
    out = tmp_path / "scores.csv"
    for change in (["--seed", "1"], ["--steps", "9"], ["--by", "both"], ["--by", "discriminator"]):
        with monkeypatch.context() as patch:
            stopping(patch, anomaly.Detector, "scores", 5)
            assert main([*batches, str(out)]) == 130
        assert main([*batches, str(out), *change]) == 0
        assert main([*batches, str(tmp_path / "fresh.csv"), *change]) == 0
        assert out.read_bytes() == (tmp_path / "fresh.csv").read_bytes()
        assert sorted(p.suffix for p in tmp_path.iterdir()) == [".csv"] * 3
        out.unlink(), (tmp_path / "fresh.csv").unlink()
    with monkeypatch.context() as patch:
        stopping(patch, anomaly.Detector, "scores", 5)
        assert main([*batches, str(out)]) == 130
    words = [str(scene / "train") if each == str(scene / "new") else each for each in batches]
    assert main([*words, str(out)]) == 0
    assert "train" in out.read_text() and len(out.read_text().splitlines()) == 65


def test_scores_that_go_nowhere_are_not_said_to_go_on(batches, monkeypatch, capsys):
    stopping(monkeypatch, anomaly.Detector, "scores", 4)
    assert main(batches[:-1]) == 130
    assert tells("stopped after 15 of 40 images; what was done is kept only with --out", capsys)


def test_a_table_that_came_meanwhile_stays_and_the_work_is_not_lost(
    batches, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "scores.csv"
    scores = anomaly.Detector.scores
    made = []

    def meanwhile(self, x):
        made.append(x)
        out.write_text("mine")
        return scores(self, x)

    monkeypatch.setattr(anomaly.Detector, "scores", meanwhile)
    assert main([*batches, str(out)]) == 2
    assert tells("is there already, and nothing is overwritten", capsys)
    assert out.read_text() == "mine"
    out.unlink()
    assert main([*batches, str(out)]) == 0 and len(made) == 6
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_two_cannot_write_one_table(batches, tmp_path, monkeypatch, capsys):
    out = tmp_path / "scores.csv"
    scores = anomaly.Detector.scores
    codes = []

    def another(self, x):
        if not codes:
            codes.append(2)
            codes.append(main([*batches, str(out)]))
        return scores(self, x)

    monkeypatch.setattr(anomaly.Detector, "scores", another)
    assert main([*batches, str(out)]) == 0 and codes == [2, 2]
    assert tells(f"another process is writing to {out}; wait for it, or give another", capsys)
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_kept_encoder_is_of_one_call_and_may_take_more_steps(run, tmp_path, monkeypatch):
    monkeypatch.setattr(anomaly, "KEPT_EVERY", 3)
    normal, file = line_of_points(50, 0), tmp_path / "encoder.pt"
    options = {"batch_size": 16, "hidden": (8,)}
    whole = anomaly.detector(run, normal, steps=10, **options)
    anomaly.detector(run, normal, steps=5, kept=file, **options)  # in the middle of an epoch
    content = file.read_bytes()
    for change in ({"lr": 1e-2}, {"batch_size": 15}, {"hidden": (9,)}, {"weight": 2.0}, {"seed": 3},
                   {"steps": 4}):  # fmt: skip
        with pytest.raises(Refused, match="encoder.pt holds no encoder for this run"):
            anomaly.detector(run, normal, **({"steps": 10} | options | change), kept=file)
    with pytest.raises(Refused, match="holds no encoder for this run"):
        anomaly.detector(run, normal + 1, steps=10, kept=file, **options)
    assert file.read_bytes() == content
    more = anomaly.detector(run, normal, steps=10, kept=file, **options)
    for one, other in zip(whole.encoder.parameters(), more.encoder.parameters(), strict=True):
        assert torch.equal(one, other)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(Refused, match="holds no encoder"):
        anomaly.detector(run, normal, steps=10, kept=tmp_path / "mine.txt", **options)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_folder_for_what_is_done_loses_nothing_else(scene, tmp_path):
    for name in ("mine.txt", "01234567-mine.txt", "encoder.pt"):
        (tmp_path / name).write_text("mine")
    runs.score(scene / "run", scene / "new", steps=1, kept=tmp_path)
    runs.score(scene / "run", scene / "new", steps=2, kept=tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 5 and {"mine.txt", "01234567-mine.txt", "encoder.pt"} < {*names}
