"""The commands, from training to measuring, and what they answer to wrong input."""

import errno
import itertools
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tree import ROOT

import gancode
from gancode import problems, reports, runs
from gancode.benchmarks import bench
from gancode.cli import main, parser
from gancode.data import images
from gancode.schedules import plain
from gancode.training import checkpoint
from gancode.training import folder as run_folder

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
    monkeypatch.setattr(
        runs, "conduct", lambda gan, data, settings, about: seen.update(vars(settings))
    )
    recipe = gancode.problems.problems["grid"].recipe
    assert main(["train", "--data", "grid"]) == 70  # no run comes back
    assert seen["steps"] == recipe.steps
    assert seen["objective"].name == recipe.training["objective"]
    assert [penalty.text for penalty in seen["penalties"]] == recipe.training["penalties"]
    assert plain(seen["lr"]) == recipe.training["lr"].replace("3e-3..3e-4", "0.003..0.0003")
    assert seen["batch_size"] == recipe.training["batch_size"]


def test_the_cpu_is_asked_for_in_a_launch_too(monkeypatch):
    def start(*arguments, device, **options):
        raise gancode.Refused(f"{device} {os.environ.get('ACCELERATE_USE_CPU')}")

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


@pytest.mark.slow
def test_digits_on_demand(capsys):
    digits = ["train", "--data", "mnist-5k", "--network", "mlp", "--conditional", "--steps", "3"]
    assert main([*digits, "--precision", "bf16", "--sheet-every", "2"]) == 0
    assert sorted(path.name for path in runs.Path("runs/mnist-5k/sheets").iterdir()) == [
        "step-000000002.png"
    ]
    assert main(["sample", "runs/mnist-5k", "-n", "12", "--label", "7"]) == 0
    samples = np.load("samples.npz")
    assert samples["x"].shape == (12, 1, 28, 28) and set(samples["y"]) == {7}
    assert main(["sample", "runs/mnist-5k", "-n", "12", "--out", "all.npz"]) == 0
    assert np.load("all.npz")["y"].tolist() == [*range(10), 0, 1]
    capsys.readouterr()
    assert main(["evaluate", "runs/mnist-5k", "-n", "300"]) == 0
    shown = capsys.readouterr().out
    for name in ("Fréchet distance", "kernel distance", "precision", "recall", "class as asked"):
        assert name in shown
    assert main(["sample", "runs/mnist-5k", "--label", "10", "--out", "new.npz"]) == 2
    assert "labels must be from 0 to 9" in capsys.readouterr().err


@pytest.mark.slow
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
        monkeypatch.setattr(problems, "IN_MEMORY", limit)
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
    losses = ["--objective", "-a + b", "--generator-loss=-b"]
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
    for fault in (TypeError("'int' object is not callable"), ValueError("not of ours")):

        def faulty(*arguments, fault=fault, **options):
            raise fault

        monkeypatch.setattr(runs, "start", faulty)
        assert main(RING) == 70
        assert "Traceback" in capsys.readouterr().err


def interrupt(run):
    signal.raise_signal(signal.SIGINT)


def spoil(run):
    with torch.no_grad():
        next(run.gan.generator.parameters()).fill_(math.nan)


@pytest.mark.parametrize(
    ("happens", "error", "saved"),
    [(interrupt, KeyboardInterrupt, 5), (spoil, FloatingPointError, 4)],
)
def test_a_run_that_ends_before_its_time_leaves_pictures_too(happens, error, saved):
    settings = runs.settings("ring", training={"batch_size": 8, "steps": 9, "save_every": 2})

    def at_five(step, run):
        if step == 5:
            happens(run)

    with pytest.raises(error, match="Pictures of the last checkpoint: ") as stopped:
        runs.start(settings, "run", callback=at_five)
    assert runs.load("run").history == [] and f"{saved:09d}" in str(checkpoint.saved("run")[-1])
    for name in (reports.SAMPLES, reports.CURVES):
        assert f"run/{name}" in str(stopped.value)
        assert Image.open(f"run/{name}").getbbox()


def test_a_run_that_ends_before_its_first_checkpoint_has_nothing_to_show():
    settings = runs.settings("ring", training={"batch_size": 8, "steps": 9, "save_every": 7})
    with pytest.raises(FloatingPointError, match="no checkpoint yet") as stopped:
        runs.start(settings, "run", callback=lambda step, run: spoil(run))
    assert "Pictures" not in str(stopped.value) and not Path("run", reports.SAMPLES).exists()


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
        (["train", "--data", "ring", "--generator-term", "l2=1"], "unknown term 'l2=1'; the names"),
        (["train", "--data", "ring", "--generator-term", "l1"], "needs a weight, finite and"),
        (["train", "--data", "ring", "--to", "here"], "to another, and ring is none"),
        (["train", "--data", "here", "--to", "grid"], "to another, and grid is none"),
        (
            ["train", "--data", "here", "--to", "there"],
            "here' is no folder: --data and --to are two folders",
        ),
        (["train", "--data", "here", "--unpaired"], "there is only here; give --to"),
        (["train", "--data", "a", "--to", "b", "--network", "mlp"], "there is the network unet"),
        (["train", "--data", "a", "--to", "b", "--strict"], "paired has no strict"),
        (["train", "--data", "a", "--to", "b", "--measure"], "nothing is measured or scored here"),
        (["train", "--data", "a", "--to", "b", "--size", "9"], "--size 9: between two folders"),
        (["translate", "nothing", "here", "--out", "there"], "nothing holds no run"),
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


def test_nothing_is_overwritten_and_a_place_that_is_none_is_refused_before_any_work(
    monkeypatch, capsys
):
    assert main([*RING, "--steps", "1"]) == 0

    def never(*given, **options):
        raise AssertionError("work was done")

    monkeypatch.setattr(runs, "load", never)
    monkeypatch.setattr(bench, "bench", never)
    Path("there").mkdir()
    for name in ("x.npz", "x.npy", "x.csv", "x.png", "x.json", "there/file"):
        Path(name).write_text("mine")
    sample = ["sample", "runs/ring", "--out"]
    for ending in ("npz", "npy", "csv", "png"):
        for out, said in [
            (f"x.{ending}", "is there already, and nothing is overwritten"),
            (f"missing/x.{ending}", "there is no folder missing"),
            (f"x.npz/x.{ending}", "there is no folder x.npz"),
        ]:
            assert main([*sample, out]) == 2
            assert said in capsys.readouterr().err
    for words, said in [
        ([*sample, "new/"], "new/ is for images, and these samples have shape (2,)"),
        ([*sample, "there/"], "and these samples"),
        ([*sample, "new.npz", "--sheet", "x.png"], "x.png is there already"),
        ([*sample, "new.npz", "--sheet", "missing/x.png"], "there is no folder missing"),
        ([*sample, "new.png", "--sheet", "./new.png"], "are one file"),
        (["bench", "--json", "x.json"], "x.json is there already"),
        (["bench", "--json", "missing/x.json"], "there is no folder missing"),
        (["bench", "--json", "there"], "there is a folder; give the name of a file in it"),
        ([*RING, "--out", "x.csv/run"], "the folder x.csv/run cannot be written"),
    ]:
        assert main(words) == 2
        assert said in capsys.readouterr().err
    for name in ("x.npz", "x.npy", "x.csv", "x.png", "x.json", "there/file"):
        assert Path(name).read_text() == "mine"
    assert not Path("new").exists() and not Path("new.npz").exists()


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


def test_a_run_is_read_from_its_newest_checkpoint_alone(capsys):
    assert main([*RING, "--steps", "4", "--log-every", "2"]) == 0
    rows = runs.load("runs/ring").history
    assert [row["step"] for row in rows] == [2, 4]
    x = runs.load("runs/ring").sample(5)
    for name in ("history.jsonl", "generator.safetensors"):  # which are for others
        (runs.Path("runs/ring") / name).write_text("half a r")
    assert runs.load("runs/ring").history == rows
    assert torch.equal(runs.load("runs/ring").sample(5), x)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("settings.json", lambda content: content[:-5], "settings.json is damaged"),
        ("settings.json", lambda content: b"{}", "is not of this version of gancode"),
        ("settings.json", None, "settings.json cannot be read"),
        ("checkpoint-000000002.pt", lambda content: content[:-5], "its end is missing"),
        ("checkpoint-000000002.pt", None, "has no checkpoint yet"),
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


@pytest.mark.parametrize(
    "command", ["train", "sample", "translate", "evaluate", "analyze", "bench"]
)
def test_help_teaches_by_examples_that_parse(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "()" not in shown  # a default that is empty
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


def photographs(folder, n=25, seed=0):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for k in range(n):
        pixels = rng.integers(0, 256, (28, 28), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{k:02d}.png", compress_level=0)
    return folder


PHOTOS = ["train", "--size", "28", "--channels", "1", "--network", "mlp", "--batch-size", "5"]
PHOTOS += ["--sheet-every", "0", "--lr", "1e-3", "--penalty", "r1=1"]


@pytest.mark.slow
@pytest.mark.parametrize("in_memory", [True, False])
def test_images_may_move_and_the_run_goes_on_with_them(monkeypatch, capsys, in_memory):
    if not in_memory:
        monkeypatch.setattr(problems, "IN_MEMORY", 1)
    folder = photographs(runs.Path("photos"))
    assert main([*PHOTOS, "--data", "photos", "--steps", "6", "--out", "whole"]) == 0
    assert main([*PHOTOS, "--data", "photos", "--steps", "3", "--out", "parts"]) == 0
    whole = run_numbers(capsys, "whole")
    new = folder.rename("elsewhere")

    assert main(["evaluate", "whole", "--json"]) == 2
    said = capsys.readouterr().err
    assert "images of this run are not in" in said and "photos, which is no folder; if" in said
    assert "--data says where they are" in said
    assert run_numbers(capsys, "whole", "--data", "elsewhere") == whole
    assert main(["train", "--resume", "--out", "parts", "--steps", "6"]) == 2
    assert "--data says where they are" in capsys.readouterr().err

    goes_on = ["train", "--resume", "--out", "parts", "--data", "elsewhere", "--sheet-every", "0"]
    assert main([*goes_on, "--steps", "6"]) == 0  # nothing else need be said again
    one, two = (load_file(f"{name}/generator.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert runs.read("parts")["data"] == str(new.absolute())
    capsys.readouterr()
    assert main(["train", "--resume", "--out", "parts", "--steps", "7"]) == 0  # it knows now
    run_numbers(capsys, "parts")

    # A run that has no step left learns it too.
    new.rename("photos again")
    capsys.readouterr()
    assert main([*goes_on[:-3], "photos again"]) == 0
    assert runs.read("parts")["data"].endswith("photos again")


def run_numbers(capsys, folder, *options):
    capsys.readouterr()
    assert main(["evaluate", folder, "--json", "-n", "30", *options]) == 0
    return json.loads(capsys.readouterr().out)["metrics"]


@pytest.mark.slow
@pytest.mark.parametrize("change", ["another set", "one more", "one changed"])
def test_other_images_are_not_those_of_the_run_wherever_they_lie(capsys, change):
    folder = photographs(runs.Path("photos"))
    assert main([*PHOTOS, "--data", "photos", "--steps", "3", "--out", "run"]) == 0
    where = []
    if change == "another set":
        photographs(runs.Path("others"), seed=1)
        where = ["--data", "others"]
    elif change == "one more":
        Image.new("L", (28, 28)).save(folder / "new.png")
    else:
        other = Image.new("L", (28, 28), 7)
        other.save(folder / "00.png", compress_level=0)  # of the same name and length
    capsys.readouterr()
    said = "are not those of this run: 2[56] images, crc .*, and it was trained on 25 images, crc"
    assert main(["evaluate", "run", *where]) == 2
    assert re.search(said, capsys.readouterr().err)
    assert main(["train", "--resume", "--out", "run", "--steps", "6", *where]) == 2
    assert re.search(said, capsys.readouterr().err)


def test_what_a_run_has_by_name_cannot_move(capsys):
    assert main([*RING, "--steps", "2"]) == 0
    photographs(runs.Path("photos"))
    assert main(["evaluate", "runs/ring", "--data", "photos"]) == 2
    assert "the data of this run are ring, which cannot have moved" in capsys.readouterr().err
    for other in ("grid", "photos"):
        assert main(["train", "--resume", "--out", "runs/ring", "--data", other]) == 2
        assert "holds a run with problem=ring, and this one has problem=" in capsys.readouterr().err


def test_too_few_images_or_samples_are_a_sentence_about_them(capsys):
    photographs(runs.Path("photos"), 20)
    assert main([*PHOTOS, "--data", "photos", "--steps", "2", "--out", "run"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "run"]) == 2
    said = capsys.readouterr().err
    assert re.match("gancode: /.*/photos holds 20 images, too few .* at least 25", said)
    assert main([*PHOTOS, "--data", "photos", "--out", "two", "--measure"]) == 2
    assert "photos holds 20 images" in capsys.readouterr().err
    assert not runs.Path("two").exists()  # before any step
    photographs(runs.Path("more"), 30)
    assert main([*PHOTOS, "--data", "more", "--steps", "2", "--out", "three"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "three", "-n", "20"]) == 2
    assert "20 samples are too few for a standard error; give at least 25 (-n)" in (
        capsys.readouterr().err
    )


def test_beside_each_number_stands_what_real_data_score(capsys):
    assert main([*RING, "--steps", "4"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "runs/ring", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    real = gancode.metrics.modes(
        gancode.data.ring().sample(2500, torch.Generator().manual_seed(1)), gancode.data.ring()
    )
    found = report["metrics"]
    assert found["modes"]["real"] == {"value": 8, "error": 0}
    assert found["high quality"]["real"]["value"] == real.high_quality.value
    assert found["reverse KL"]["real"]["error"] == real.reverse_kl.error
    assert report["real"] == "2500 real samples"


@pytest.mark.slow
@pytest.mark.parametrize(("n", "against"), [(25, None), (60, 30), (200, 30)])
def test_real_images_are_compared_with_others_of_them(capsys, n, against):
    photographs(runs.Path("photos"), 40 if against is None else 60)
    assert main([*PHOTOS, "--data", "photos", "--steps", "2", "--out", "run"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "run", "-n", str(n)]) == 0
    shown = capsys.readouterr().out
    if against is None:
        assert "real: –" in shown and "too few images to compare one half with the other" in shown
        return
    assert f"{against} real images, against {against} others" in shown
    generated, real = re.findall(r"([\d.]+) ± ", shown)
    assert float(real) < float(generated)


@pytest.mark.slow
def test_what_real_digits_score_is_measured_once_and_kept(capsys, monkeypatch):
    digits = ["train", "--data", "mnist-5k", "--network", "mlp", "--conditional", "--steps", "2"]
    assert main(digits) == 0
    looked, real = [], gancode.metrics.digit_features

    def features(images):
        looked.append(len(images))
        return real(images)

    monkeypatch.setattr(gancode.metrics.judge, "digit_features", features)

    def evaluated(*options):
        capsys.readouterr(), looked.clear()
        assert main(["evaluate", "runs/mnist-5k", "--json", *options]) == 0
        return json.loads(capsys.readouterr().out)

    first = evaluated("-n", "300")
    assert sorted(looked) == [300, 300, 5000]  # generated, real, and those to compare with
    assert first["real"] == "300 real images, against 2500 others"
    scores = {name: score["real"]["value"] for name, score in first["metrics"].items()}
    assert scores["Fréchet distance"] < 10 < first["metrics"]["Fréchet distance"]["value"]
    assert scores["precision"] > 0.8 and scores["class as asked"] > 0.98
    assert evaluated("-n", "300") == first and sorted(looked) == [300, 5000]
    assert evaluated("-n", "301")["real"].startswith("301") and len(looked) == 3
    runs.Path("runs/mnist-5k/real.json").write_text("damaged")
    assert evaluated("-n", "300") == first
    assert main(["evaluate", "runs/mnist-5k", "-n", "50"]) == 2
    assert "50 samples are too few for a Fréchet distance of 64 features" in capsys.readouterr().err


@pytest.mark.parametrize("sheets", ["0", "1000"])
def test_a_run_however_short_ends_with_pictures_named_in_its_last_line(capsys, sheets):
    assert main(["train", "--data", "ring", "--steps", "2", "--sheet-every", sheets]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    pictures = re.search(r"Pictures: (\S+), (\S+)$", last).groups()
    assert pictures == ("runs/ring/samples.png", "runs/ring/history.png")
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.format == "PNG" and picture.size[0] == 1008


def test_the_curves_stand_beside_what_the_objective_says(monkeypatch):
    seen = []
    monkeypatch.setattr(reports, "curves", lambda rows, theory, path: seen.append((rows, theory)))
    assert main([*RING, "--steps", "3", "--objective", "least-squares"]) == 0
    ((rows, theory),) = seen
    assert rows == runs.load("runs/ring").history
    assert theory == pytest.approx(
        {"discriminator_loss": 0.25, "generator_loss": 0.125} | dict.fromkeys(
            ("logits_real", "logits_generated"), 0.5), abs=1e-6
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("out", "n"), [("x.npz", 10_000), ("x.npy", 10_000), ("x.csv", 10_000), ("x.PNG", 64)]
)
def test_the_ending_says_into_what_samples_are_written(capsys, out, n):
    assert main([*RING, "--steps", "2"]) == 0
    assert main(["sample", "runs/ring", "--out", out]) == 0
    assert f"{out}: x ({n}, 2), from " in capsys.readouterr().out
    content = runs.Path(out).read_bytes()
    marks = {"x.npz": b"PK", "x.npy": b"\x93NUMPY", "x.csv": b"x1,x2\n", "x.PNG": b"\x89PNG"}
    assert content.startswith(marks[out])
    expected = runs.load("runs/ring").sample(n).numpy()
    if out.endswith("csv"):
        found = np.loadtxt(out, delimiter=",", skiprows=1, dtype=np.float32)
        assert np.array_equal(found, expected)


def test_samples_of_classes_go_into_a_folder_and_other_endings_are_refused(capsys):
    digits = ["train", "--data", "mnist-5k", "--network", "mlp", "--conditional", "--steps", "2"]
    assert main(digits) == 0
    assert main(["sample", "runs/mnist-5k", "-n", "12", "--out", "digits/"]) == 0
    names = sorted(path.name for path in runs.Path("digits").iterdir())
    assert names[:2] == ["000000-class-0.png", "000001-class-1.png"] and len(names) == 12
    capsys.readouterr()
    for out, said in [
        ("x.jpg", "samples cannot be written to x.jpg: give .npz"),
        ("x.csv", "x.csv is for points"),
        ("digits/", "digits is not an empty folder"),
    ]:
        assert main(["sample", "runs/mnist-5k", "-n", "2", "--out", out]) == 2
        assert said in capsys.readouterr().err
    assert main(["sample", "nothing", "--out", "x.jpg"]) == 2  # before the run is looked at
    assert "cannot be written to x.jpg" in capsys.readouterr().err


def test_a_log_is_told_how_far_a_run_is(monkeypatch, capsys):
    clock = itertools.count(0, 11)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    assert main([*RING, "--steps", "8", "--log-every", "3"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2 and all(" of 8, after " in line for line in lines)


@pytest.mark.slow
def test_what_a_folder_leaves_out_is_told_in_one_line_each():
    """In a process of its own: here warnings are caught, and names are text."""
    folder = photographs(runs.Path("photos"))
    (folder / "a.heic").touch()
    (folder / "notes.txt").touch()
    os.rename(folder / "00.png", os.fsencode(folder) + b"/caf\xe9.png")
    os.rename("photos", b"caf\xe9")
    train = [*PHOTOS, "--data", os.fsdecode(b"caf\xe9"), "--steps", "2"]
    command = [sys.executable, "-m", "gancode.cli"]
    options = {"capture_output": True, "env": os.environ | {"PYTHONPATH": str(ROOT)}}
    result = subprocess.run([*command, *train], **options)
    assert result.returncode == 0, result.stderr
    lines = result.stderr.decode().splitlines()
    lines = [line for line in lines if not line.startswith("step ")]  # of a slow machine
    assert re.match(r"gancode: warning: left out of .*: 1 \.heic \(nothing here reads it", lines[0])
    assert re.match(r"gancode: .*caf\\udce9: 25 images; left out: 1 .heic.*, 1 .txt", lines[1])
    assert len(lines) == 2
    assert result.stdout.startswith(b"runs/caf\\udce9: 2 steps. Next: gancode evaluate")
    run = os.fsdecode(b"runs/caf\xe9")
    for words in (["evaluate", run, "-n", "25"], ["sample", run, "-n", "2"]):
        assert subprocess.run([*command, *words], **options).returncode == 0


@pytest.mark.slow
def test_a_command_waits_passively_for_its_threads_unless_told_otherwise():
    code = (
        "import os, sys\nfrom gancode import cli\nassert 'torch' not in sys.modules\n"
        "assert cli.main(['analyze', 'nothing']) == 2\nprint(os.environ['OMP_WAIT_POLICY'])"
    )
    clean = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    for given, expected in [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")]:
        environment = clean | given | {"PYTHONPATH": str(ROOT)}
        found = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
        assert found.stdout.strip() == expected, found.stderr


def test_a_run_by_the_clock_that_is_far_from_its_end_says_so(capsys):
    assert main([*RING, "--seconds", "0.3"]) == 0
    said = capsys.readouterr().err
    assert re.search(
        r"gancode: \d+ steps are few: the recipe is for 5000, which this machine", said
    )
    assert main([*RING, "--steps", "3", "--out", "steps"]) == 0
    assert "are few" not in capsys.readouterr().err


def test_a_value_may_begin_with_a_dash():
    assert main([*RING, "--steps", "2", "--objective=-a+b", "--out", "one"]) == 0
    assert main([*RING, "--steps", "2", "--objective", "-a + b", "--out", "two"]) == 0
    assert main(["sample", "one", "-n=5"]) == 0 and len(np.load("samples.npz")["x"]) == 5
    one, two = (load_file(f"{name}/generator.safetensors") for name in ("one", "two"))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_run_is_not_continued_to_less_than_it_has(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ring = ["train", "--data", "ring", "--out", "run", "--sheet-every", "0"]
    assert main([*ring, "--steps", "4"]) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.joinpath("run").iterdir()}
    goes_on = ["train", "--resume", "--out", "run", "--sheet-every", "0"]
    for length in (["--steps", "3"], ["--seconds", "1e-6"]):
        capsys.readouterr()
        assert main([*goes_on, *length]) == 2
        assert "has 4 steps already" in capsys.readouterr().err
        now = {path.name: path.read_bytes() for path in tmp_path.joinpath("run").iterdir()}
        assert now == before
    assert main([*goes_on, "--steps", "4"]) == 0  # nothing is left to do
