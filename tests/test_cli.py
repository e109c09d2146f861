"""The commands, from training to measuring, and what they answer to wrong input."""

import errno
import json
import os
import re

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import gancode
from gancode import folder as run_folder
from gancode import images, runs
from gancode.cli import main, parser

RING = ["train", "--data", "ring", "--batch-size", "8", "--sheet-every", "0"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_run_is_trained_sampled_and_measured(capsys):
    assert main([*RING, "--steps", "12", "--log-every", "6"]) == 0
    assert "runs/ring: 12 steps. Next: gancode evaluate runs/ring" in capsys.readouterr().out

    assert main(["sample", "runs/ring", "-n", "40", "--out", "s.npz", "--sheet", "s.png"]) == 0
    x = np.load("s.npz")["x"]
    assert x.shape == (40, 2) and x.dtype == np.float32
    assert np.array_equal(x, runs.load("runs/ring").sample(40).numpy())
    with Image.open("s.png") as sheet:
        assert sheet.size[0] > 100

    capsys.readouterr()
    assert main(["evaluate", "runs/ring", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["metrics"]
    modes = gancode.metrics.modes(runs.load("runs/ring").sample(2500), gancode.data.ring())
    assert found["modes"]["value"] == modes.covered
    assert found["high quality"]["value"] == modes.high_quality.value
    assert main(["evaluate", "runs/ring", "-n", "200"]) == 0
    beside = r"^reverse KL +\S+ ± \S+ +real: \S+ ± \S+$"
    assert re.search(beside, capsys.readouterr().out, re.MULTILINE)


def test_only_data_is_needed_and_the_rest_is_the_recipe(monkeypatch):
    seen = {}
    monkeypatch.setattr(runs, "train", lambda gan, data, **options: seen.update(options))
    recipe = gancode.recipes.recipes["grid"]
    assert main(["train", "--data", "grid"]) == 70  # no run comes back
    assert seen["steps"] == recipe.steps
    assert seen["objective"].name == recipe.training["objective"]
    for name in ("penalties", "lr", "batch_size"):
        assert seen[name] == recipe.training[name]


def test_the_cpu_is_asked_for_in_a_launch_too(monkeypatch):
    def start(*arguments, device, **options):
        raise ValueError(f"{device} {os.environ.get('ACCELERATE_USE_CPU')}")

    monkeypatch.setenv("ACCELERATE_USE_CPU", "")
    monkeypatch.setattr(runs, "start", start)
    assert main([*RING, "--device", "cpu"]) == 2
    assert os.environ["ACCELERATE_USE_CPU"] == "true"


def test_a_run_goes_on_from_its_folder_alone():
    constant = ["--lr", "1e-3", "--penalty", "r1=1"]  # no schedule that stretches
    assert main([*RING, *constant, "--steps", "10", "--out", "whole"]) == 0
    assert main([*RING, *constant, "--steps", "4", "--out", "parts"]) == 0
    assert main(["train", "--resume", "--out", "parts", "--steps", "10", "--sheet-every", "0"]) == 0
    whole, parts = (load_file(f"{name}/generator.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[key], parts[key]) for key in whole)
    steps = [row["step"] for row in runs.load("parts").history]
    assert steps == [4, 10]


def test_other_settings_do_not_continue_a_run(capsys):
    assert main([*RING, "--steps", "4"]) == 0
    assert main([*RING, "--steps", "4"]) == 2
    assert "holds a run; resume=True (--resume) continues it" in capsys.readouterr().err
    assert main([*RING, "--steps", "8", "--resume", "--lr", "0.5"]) == 2
    assert "holds a run with lr=" in capsys.readouterr().err


def test_digits_on_demand(capsys):
    digits = ["train", "--data", "mnist-5k", "--network", "mlp", "--conditional", "--steps", "3"]
    assert main([*digits, "--precision", "bf16", "--sheet-every", "2"]) == 0
    assert sorted(path.name for path in runs.Path("runs/mnist-5k/sheets").iterdir()) == [
        "step-000000002.png"
    ]
    assert main(["sample", "runs/mnist-5k", "-n", "12", "--label", "7"]) == 0
    samples = np.load("samples.npz")
    assert samples["x"].shape == (12, 1, 28, 28) and set(samples["y"]) == {7}
    assert main(["sample", "runs/mnist-5k", "-n", "12"]) == 0
    assert np.load("samples.npz")["y"].tolist() == [*range(10), 0, 1]
    capsys.readouterr()
    assert main(["evaluate", "runs/mnist-5k", "-n", "300"]) == 0
    shown = capsys.readouterr().out
    for name in ("Fréchet distance", "kernel distance", "precision", "recall", "class as asked"):
        assert name in shown
    assert main(["sample", "runs/mnist-5k", "-n", "2", "--label", "10"]) == 2
    assert "labels must be from 0 to 9" in capsys.readouterr().err


def test_a_folder_of_images_of_any_size(capsys):
    folder = runs.Path("photos/more")
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for k in range(25):
        pixels = rng.integers(0, 256, (30 + k, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")
    train = ["train", "--data", "photos", "--size", "28", "--channels", "1", "--network", "mlp"]
    train += ["--batch-size", "3", "--steps", "3"]
    assert main(train) == 0
    assert runs.load("runs/photos").sample(2).shape == (2, 1, 28, 28)
    assert main(["evaluate", "runs/photos", "-n25"]) == 0
    assert "sliced transport" in capsys.readouterr().out
    assert main([*train, "--resume", "--strict"]) == 0  # the same images, all sound
    capsys.readouterr()
    assert main([*train, "--resume", "--data", "photos/more/.."]) == 0
    assert capsys.readouterr().out.startswith("runs/photos: 3 steps")

    (folder / "broken.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match="broken.png"):
        assert main([*train, "--out", "again"]) == 0
    assert main([*train, "--out", "strict", "--strict"]) == 2
    assert "broken.png" in capsys.readouterr().err


def test_small_images_are_decoded_once_and_train_as_those_that_are_not(monkeypatch):
    rng = np.random.default_rng(0)
    runs.Path("photos").mkdir()
    for k in range(6):
        pixels = rng.integers(0, 256, (28, 28), dtype=np.uint8)
        Image.fromarray(pixels).save(f"photos/{k}.png")
    decoded, real = [], images.ImageFolder.__getitem__

    def counted(self, index):
        decoded.append(index)
        return real(self, index)

    monkeypatch.setattr(images.ImageFolder, "__getitem__", counted)
    train = ["train", "--data", "photos", "--size", "28", "--channels", "1", "--network", "mlp"]
    train += ["--batch-size", "4", "--steps", "6"]
    size = 6 * 28 * 28 * 4
    for name, limit in [("memory", size), ("disk", size - 1)]:
        monkeypatch.setattr(runs, "_IN_MEMORY", limit)
        decoded.clear()
        assert main([*train, "--out", name]) == 0
        assert (sorted(decoded) == list(range(6))) == (name == "memory")
    one, two = (load_file(f"{name}/generator.safetensors") for name in ("memory", "disk"))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_tensorboard_shows_the_history(capsys):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert main([*RING, "--steps", "6", "--log-every", "2", "--measure", "--tensorboard"]) == 0
    events = EventAccumulator("runs/ring/tensorboard").Reload()
    history = runs.load("runs/ring").history
    assert "high quality" in history[0] and len(history) == 3
    for name in history[0].keys() - {"step"}:
        curve = events.Scalars(name)
        assert [point.step for point in curve] == [2, 4, 6]
        assert [point.value for point in curve] == pytest.approx([row[name] for row in history])


def test_an_objective_may_be_an_expression():
    losses = ["--objective", "-a + b", "--generator-loss", "-b"]
    assert main([*RING, "--steps", "2", *losses, "--out", "one"]) == 0
    assert main([*RING, "--steps", "2", "--objective", "wasserstein", "--out", "two"]) == 0
    one, two = (load_file(f"{name}/generator.safetensors") for name in ("one", "two"))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_exit_codes_tell_scripts_what_happened(monkeypatch, capsys):
    breaking = ["--steps", "50", "--objective", "exponential", "--penalty", "none", "--lr", "1e9"]
    assert main([*RING, *breaking]) == 1
    assert re.match(r"gancode: step \d: the \w+ loss is", capsys.readouterr().err)

    with monkeypatch.context() as launched:
        launched.setenv("WORLD_SIZE", "2")
        assert main(RING) == 2
    assert capsys.readouterr().err.startswith("gancode: 2 processes were launched, but")

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt("stopped after step 5; resume=True continues")

    monkeypatch.setattr(runs, "start", interrupted)
    assert main(RING) == 130
    assert "stopped after step 5" in capsys.readouterr().err

    def broken(*arguments, **options):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(runs, "start", broken)
    assert main(RING) == 70
    assert re.match("Traceback(?s:.*)RuntimeError: CUDA out of memory", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train"], "give --data"),
        (["train", "--data", "nothing"], "is no data: give ring, grid, mnist-5k"),
        (["train", "--out", "nothing"], "give --data, or --resume"),
        (["train", "--resume", "--out", "nothing"], "nothing holds no run"),
        (["train", "--data", "ring", "--previous"], "--previous goes with --resume"),
        (["train", "--data", "ring", "--conditional"], "ring has no labels"),
        (["train", "--data", "ring", "--network", "cnn"], "unknown network 'cnn'"),
        (["train", "--data", "ring", "--network", "dcgan"], "28, 32 or 64"),
        (["train", "--data", "ring", "--objective", "gan"], "unknown objective 'gan'"),
        (["train", "--data", "ring", "--penalty", "r9=1"], "unknown penalty 'r9=1'"),
        (["train", "--data", "ring", "--device", "abacus"], "no device 'abacus'"),
        (["sample", "nothing"], "nothing holds no run"),
        (["evaluate", "nothing"], "nothing holds no run"),
        (["bench", "nothing"], "unknown section nothing"),
    ],
)
def test_refused_input_is_one_sentence(capsys, words, message):
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error and error.startswith("gancode: ") and "Traceback" not in error
    assert not list(runs.Path(".").rglob("checkpoint-*"))


def test_a_folder_that_cannot_be_written_is_refused_and_stays_as_it_is(monkeypatch, capsys):
    runs.Path("file").write_text("")
    assert main([*RING, "--out", "file"]) == 2
    assert (
        "the folder file cannot be written (File exists); give another" in capsys.readouterr().err
    )

    def refused(dir):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(run_folder.tempfile, "TemporaryFile", refused)
    runs.Path("locked").mkdir()
    assert main([*RING, "--out", "locked"]) == 2
    assert "the folder locked cannot be written (Permission denied)" in capsys.readouterr().err
    assert not list(runs.Path("locked").iterdir())
    assert main([*RING, "--out", "new", "--steps", "0"]) == 2
    assert not runs.Path("new").exists()


def test_a_history_may_be_missing_or_end_in_half_a_row(capsys):
    assert main([*RING, "--steps", "4", "--log-every", "2"]) == 0
    path = runs.Path("runs/ring/history.jsonl")
    rows = runs.load("runs/ring").history
    path.write_text(path.read_text()[:-10])
    assert runs.load("runs/ring").history == rows[:1]
    path.write_text("{half\n" + path.read_text())
    assert main(["sample", "runs/ring", "-n", "2"]) == 2
    assert "history.jsonl is damaged in line 1" in capsys.readouterr().err
    path.unlink()
    assert runs.load("runs/ring").history == []
    assert main(["sample", "runs/ring", "-n2"]) == 0
    assert len(np.load("samples.npz")["x"]) == 2


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("settings.json", lambda content: content[:-5], "settings.json is damaged"),
        ("generator.safetensors", lambda content: content[:-5], "is damaged, or of other networks"),
        ("generator.safetensors", None, "has no generator.safetensors yet"),
    ],
)
def test_a_damaged_folder_is_refused(capsys, file, change, message):
    assert main([*RING, "--steps", "2"]) == 0
    path = runs.Path("runs/ring") / file
    content = path.read_bytes()
    path.unlink()
    if change:
        path.write_bytes(change(content))
    assert main(["sample", "runs/ring"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "sample", "evaluate", "analyze", "bench"])
def test_help_teaches_by_examples_that_parse(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    examples = re.findall(rf"^  gancode {command}(.*)$", shown, re.MULTILINE)
    assert examples
    for example in examples:
        words = example.split("|")[0].split("  ")[0].replace('"', "'").strip()
        arguments = re.findall(r"'[^']*'|\S+", words)
        parser().parse_args([command, *(word.strip("'") for word in arguments)])


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_shells_can_complete_commands(capsys, shell):
    with pytest.raises(SystemExit) as stop:
        main(["--print-completion", shell])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "--discriminator-steps" in shown and "evaluate" in shown
