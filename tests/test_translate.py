"""From one folder of images to another: training, resuming, translating, and what is refused."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import gancode
from gancode import data, problems, reports, runs, samples
from gancode.cli import main

TRAIN = ["train", "--data", "a", "--to", "z", "--size", "16", "--channels", "1"]
TRAIN += ["--batch-size", "4", "--log-every", "2", "--sheet-every", "0"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Smooth blobs in a, and their negatives under the same names in z; others in hidden."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for folder, inverse in (("a", "z"), ("hidden", "truth")):
        for k in range(12):
            coarse = rng.integers(0, 256, (4, 4), dtype=np.uint8)
            image = Image.fromarray(coarse).resize((16, 16), Image.Resampling.BILINEAR)
            for name, shown in ((folder, image), (inverse, Image.eval(image, lambda v: 255 - v))):
                path = Path(name, "some" if k % 2 else ".", f"{k}.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                shown.save(path)


def weights(folder):
    run = gancode.load(folder)
    return run.gan.state_dict() | {f"averaged.{k}": x for k, x in run.averaged.state_dict().items()}


def pixels(folder):
    images = data.image_folder(folder, 16, channels=1)
    return {str(file.relative_to(folder)): x for file, x in zip(images.files, images, strict=True)}


@pytest.mark.parametrize("unpaired", [[], ["--unpaired"]])
def test_a_run_between_folders_goes_on_from_its_folder_alone_and_translates(capsys, unpaired):
    assert main([*TRAIN, *unpaired, "--steps", "6", "--out", "whole"]) == 0
    said = capsys.readouterr().out
    back = " (--back for the other way)" if unpaired else ""
    assert f"Next: gancode translate whole FOLDER --out FOLDER{back}. Pictures:" in said
    assert Path("whole/samples.png").exists() and Path("whole/history.png").exists()
    assert main([*TRAIN, *unpaired, "--steps", "3"]) == 0
    assert main(["train", "--resume", "--out", "runs/a-to-z", "--steps", "6"]) == 0
    whole, parts = weights("whole"), weights("runs/a-to-z")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[key], parts[key]) for key in whole)
    read = runs.read("whole")
    assert read["problem"] == ("unpaired" if unpaired else "paired")
    assert read["to"] == str(Path("z").absolute())

    run = gancode.load("whole")
    capsys.readouterr()
    for words, chosen in [([], run), *([(["--back"], run.back)] if unpaired else [])]:
        out = "made" + "-".join(words)
        assert main(["translate", "whole", "hidden", "--out", out, *words]) == 0
        assert capsys.readouterr().out == f"{out}: 12 images\n"
        given, made = pixels("hidden"), pixels(out)
        assert made.keys() == given.keys() and "some/1.png" in made
        wanted = chosen.sample(12, conditions=torch.stack([*given.values()]))
        for image, exact in zip(made.values(), wanted, strict=True):
            assert (image - exact).abs().max() <= 1.001 / 255
    with pytest.raises(gancode.Refused, match="nothing is measured or scored here"):
        gancode.evaluate("whole")


@pytest.mark.parametrize("unpaired", [[], ["--unpaired"]])
def test_both_averaged_generators_are_there_for_others(unpaired):
    assert main([*TRAIN, *unpaired, "--steps", "2", "--out", "run"]) == 0
    run = gancode.load("run")
    chosen = {"generator.safetensors": run, "generator-back.safetensors": run.back}
    for name, one in chosen.items():
        assert Path("run", name).exists() == (one is not None)
        if one is not None:
            saved, averaged = load_file(f"run/{name}"), one.averaged.state_dict()
            assert saved.keys() == averaged.keys()
            assert all(torch.equal(saved[key], averaged[key]) for key in saved)


@pytest.mark.parametrize("command", ["evaluate", "score"])
def test_what_a_run_between_folders_is_asked_for_in_vain_is_said_whatever_is_given(
    capsys, run, command
):
    words = [command, str(run)] if command == "evaluate" else [command, str(run), "hidden"]
    for more in ([], ["--data", "a"], ["--data", "nowhere"]):
        capsys.readouterr()
        assert main([*words, *more]) == 2
        error = capsys.readouterr().err
        assert f"leads from the images in {Path('a').absolute()} to those in" in error
        assert "gancode translate" in error and "moved" not in error
    assert main([*TRAIN, "--steps", "2", "--measure", "--out", "new"]) == 2
    assert "nothing is measured or scored here" in capsys.readouterr().err
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("size", "words"),
    [("30", "such as 28 or 32"), ("62", "such as 60 or 64"), ("8", "such as 16 or 20")],
)
def test_a_size_that_leaves_the_network_shallow_is_refused_or_told(capsys, caplog, size, words):
    told = ["train", "--data", "a", "--to", "z", "--steps", "1", "--batch-size", "2"]
    assert main([*told, "--size", size, "--out", "run"]) == 2
    assert words in capsys.readouterr().err and not Path("run").exists()
    for fine, said in (("28", False), ("36", True)):
        caplog.clear()
        assert main([*told, "--sheet-every", "0", "--size", fine, "--out", fine]) == 0
        assert ("can be halved only down to 9" in caplog.text) == said


def test_pictures_are_not_written_among_the_images_to_train_on(capsys, monkeypatch):
    for out in ("a/run", "z", "a"):
        assert main([*TRAIN, "--steps", "1", "--out", out]) == 2
        assert "whose images would be others from then on" in capsys.readouterr().err
    monkeypatch.chdir("a")
    assert main(["train", "--data", ".", "--size", "28", "--steps", "1"]) == 2
    assert "give a folder outside (--out)" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_an_output_that_cannot_be_is_refused_before_an_image_is_read(capsys, monkeypatch, run):
    def never(*given, **options):
        raise AssertionError("an image was read")

    monkeypatch.setattr(runs, "ImageFolder", never)
    monkeypatch.setattr(runs, "load", never)
    Path("full").mkdir(), Path("full/file").write_text("")
    for out, said in [
        ("full", "is not an empty folder"),
        ("full/file", "is not an empty folder"),
        ("full/file/new", "cannot be written"),
        ("hidden/new", "lies within"),
    ]:
        assert main(["translate", str(run), "hidden", "--out", out]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt, 130, "stopped after 8 of 12 images; the same command goes on"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
    ],
)
def test_a_translation_that_is_stopped_shows_nothing_and_goes_on(
    monkeypatch, capsys, run, error, code, said
):
    monkeypatch.setattr(runs, "_AT_ONCE", 4)
    words = ["translate", str(run), "a", "--out", "made"]
    assert main([*words[:-1], "whole"]) == 0
    whole, drawn, drawn_before = samples.image, [], 8

    def stops(x):
        drawn.append(x)
        if len(drawn) == drawn_before + 1:
            raise error
        return whole(x)

    monkeypatch.setattr(samples, "image", stops)
    assert main(words) == code
    assert said in capsys.readouterr().err
    assert [path.name[0] for path in Path("made").iterdir()] == ["."]
    assert main(words) == 0
    assert len(drawn) == 9 + 4  # one batch of three was left
    one, two = pixels("whole"), pixels("made")
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)
    assert sorted(p.name for p in Path("made").iterdir()) == sorted(
        p.name for p in Path("whole").iterdir()
    )


def test_what_another_translation_has_left_is_not_gone_on_with(monkeypatch, run):
    whole = samples.image

    def stops(x, drawn=[]):  # noqa: B006
        drawn.append(x)
        if len(drawn) == 5:
            raise KeyboardInterrupt
        return whole(x)

    monkeypatch.setattr(samples, "image", stops)
    assert main(["translate", str(run), "a", "--out", "made"]) == 130
    assert main(["translate", str(run), "hidden", "--out", "made"]) == 0
    assert main(["translate", str(run), "hidden", "--out", "fresh"]) == 0
    one, two = pixels("made"), pixels("fresh")
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_images_that_have_changed_names_since_are_translated_anew(monkeypatch, run):
    monkeypatch.setattr(runs, "_AT_ONCE", 4)
    whole = samples.image
    drawn = []

    def stops(x):
        drawn.append(x)
        if len(drawn) == 9:
            raise KeyboardInterrupt
        return whole(x)

    monkeypatch.setattr(samples, "image", stops)
    assert main(["translate", str(run), "a", "--out", "made"]) == 130
    Path("a/0.png").rename("a/aside.png")
    Path("a/2.png").rename("a/0.png")
    Path("a/aside.png").rename("a/2.png")
    assert main(["translate", str(run), "a", "--out", "made"]) == 0
    assert main(["translate", str(run), "a", "--out", "fresh"]) == 0
    one, two = pixels("made"), pixels("fresh")
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_two_cannot_fill_one_folder(monkeypatch, capsys, run):
    whole, codes = samples.image, []

    def another(x):
        if not codes:
            codes.append(2)
            codes.append(main(["translate", str(run), "hidden", "--out", "made"]))
        return whole(x)

    monkeypatch.setattr(samples, "image", another)
    assert main(["translate", str(run), "a", "--out", "made"]) == 0 and codes == [2, 2]
    assert "another process is writing to made; wait for it, or" in capsys.readouterr().err
    assert pixels("made").keys() == pixels("a").keys() and len(pixels("made")) == 12


def test_what_filled_a_folder_meanwhile_stays(monkeypatch, run):
    load = runs.load

    def meanwhile(folder):
        Path("made").mkdir()
        Path("made/0.png").write_text("mine")
        return load(folder)

    monkeypatch.setattr(runs, "load", meanwhile)
    assert main(["translate", str(run), "a", "--out", "made"]) == 2
    assert [path.read_text() for path in Path("made").iterdir()] == ["mine"]


def test_an_interrupt_while_images_come_to_their_place_is_heard_after_the_last(
    monkeypatch, capsys, run
):
    replace, moved = samples.os.replace, []

    def stops(one, other):
        replace(one, other)
        if Path(other).parent == Path("made") and not moved.append(other) and len(moved) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(samples.os, "replace", stops)
    assert main(["translate", str(run), "a", "--out", "made"]) == 130
    assert "stopped when all was done: made is whole" in capsys.readouterr().err
    assert pixels("made").keys() == pixels("a").keys() and not list(Path("made").glob(".*"))


def test_a_translation_that_is_killed_goes_on(run):
    """By a signal that no program hears."""
    code = (
        "import os, signal, sys\nfrom gancode import cli, samples\n"
        "whole, drawn = samples.image, []\n"
        "def killed(x):\n    drawn.append(x)\n    if len(drawn) == 5:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n    return whole(x)\n"
        "samples.image = killed\ncli.main(sys.argv[1:])"
    )
    words = ["translate", str(run), "a", "--out", "made"]
    assert subprocess.run([sys.executable, "-c", code, *words]).returncode == -signal.SIGKILL
    assert main(words) == 0 and main([*words[:-1], "whole"]) == 0
    one, two = pixels("whole"), pixels("made")
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)
    assert not list(Path("made").rglob(".*"))


def test_the_recipes_are_those_of_the_papers(monkeypatch):
    seen = []
    monkeypatch.setattr(runs, "conduct", lambda gan, data, settings, about: seen.append(
        (gan, settings.plain())))  # fmt: skip
    main(["train", "--data", "a", "--to", "z"])
    main(["train", "--data", "a", "--to", "z", "--unpaired", "--out", "u"])
    main(["train", "--data", "a", "--to", "z", "--generator-term", "l1=10", "--out", "l"])
    main(["train", "--data", "a", "--to", "z", "--generator-term", "none", "--out", "n"])
    (paired, one), (unpaired, two), (_, given), (_, none) = seen
    image = torch.zeros(2, 3, 64, 64)
    assert paired.discriminator(image, image).shape == unpaired.discriminator(image).shape
    assert not isinstance(paired, gancode.TwoWay) and isinstance(unpaired, gancode.TwoWay)
    assert not torch.equal(unpaired.generator.network.network[0].weight,
                           unpaired.back.generator.network.network[0].weight)  # fmt: skip
    with pytest.raises(gancode.Refused, match="and was given"):
        paired.discriminator(image)
    assert (one["objective"], two["objective"]) == ("nonsaturating", "least-squares")
    assert one["generator_terms"] == {"l1": ["gancode.training.terms.l1", 100.0]}
    assert {k: weight for k, (_, weight) in two["generator_terms"].items()} == {
        "cycle": 10.0,
        "identity": 5.0,
    }
    assert given["generator_terms"] == {"l1": ["gancode.training.terms.l1", 10.0]}
    assert none["generator_terms"] == {}


@pytest.mark.slow
def test_hidden_images_are_translated_as_the_pairs_say():
    """Far nearer to the truth than to leave them as they are."""
    assert main([*TRAIN, "--steps", "120", "--lr", "1e-3", "--ema", "0.9"]) == 0
    assert main(["translate", "runs/a-to-z", "hidden", "--out", "made"]) == 0
    given, made, truth = (torch.stack([*pixels(name).values()]) for name in
                          ("hidden", "made", "truth"))  # fmt: skip
    assert (made - truth).abs().mean() < 0.3 * (given - truth).abs().mean()


@pytest.mark.slow
def test_in_memory_and_from_the_disk_are_one_run(monkeypatch):
    for unpaired in ([], ["--unpaired"]):
        for name, limit in (("memory", 2 * 12 * 16 * 16 * 4), ("disk", 2 * 12 * 16 * 16 * 4 - 1)):
            monkeypatch.setattr(problems, "IN_MEMORY", limit)
            assert main([*TRAIN, *unpaired, "--steps", "4", "--out", name]) == 0
        one, two = (load_file(f"{name}/generator.safetensors") for name in ("memory", "disk"))
        assert all(torch.equal(one[key], two[key]) for key in one)
        shutil.rmtree("memory"), shutil.rmtree("disk")


@pytest.mark.slow
@pytest.mark.parametrize("unpaired", [[], ["--unpaired"]])
def test_both_folders_may_move_but_not_change(capsys, unpaired):
    train = [*TRAIN, *unpaired, "--out", "run"]
    assert main([*train, "--steps", "2"]) == 0
    Path("z").rename("elsewhere")
    again = ["train", "--resume", "--out", "run", "--steps", "4"]
    assert main(again) == 2
    error = capsys.readouterr().err
    assert "the images of this run are not in" in error
    assert "--data says where they are, and --to where those of the other kind" in error
    assert main([*again, "--to", "elsewhere"]) == 0
    Path("a").rename("gone")
    assert main(["train", "--resume", "--out", "run", "--data", "gone", "--steps", "6"]) == 0
    assert (
        runs.read("run")["data"].endswith("gone") and gancode.load("run").history[-1]["step"] == 6
    )
    capsys.readouterr()
    swapped = [*again[:-1], "8", "--data", "elsewhere", "--to", "gone"]
    assert main(swapped) == 2
    assert "are not those of this run" in capsys.readouterr().err
    if not unpaired:
        assert main([*swapped[:-4], "--unpaired"]) == 2
        assert "holds a run with problem=paired" in capsys.readouterr().err


def test_images_without_a_partner_are_named(capsys):
    Path("z/4.png").unlink()
    assert main([*TRAIN, "--steps", "2"]) == 2
    error = capsys.readouterr().err
    assert "1 of 12 in" in error and "(4); give each pair one name" in error
    assert not Path("runs").exists() or not list(Path("runs").rglob("checkpoint*"))
    assert main([*TRAIN, "--unpaired", "--steps", "2"]) == 0


@pytest.fixture
def run():
    assert main([*TRAIN, "--steps", "1"]) == 0
    return Path("runs/a-to-z")


def test_what_cannot_be_translated_is_refused_and_nothing_written(capsys, run):
    def refused(*words):
        capsys.readouterr()
        assert main(["translate", *words]) == 2
        assert not Path("new").exists()
        return capsys.readouterr().err

    assert "leads forth; --back is for --unpaired" in refused(
        str(run), "a", "--out", "new", "--back"
    )
    assert "a is not an empty folder" in refused(str(run), "z", "--out", "a")
    assert "a/new lies within a" in refused(str(run), "a", "--out", "a/new")
    assert not Path("a/new").exists()
    assert "nowhere is no folder" in refused(str(run), "nowhere", "--out", "new")
    Path("empty").mkdir()
    assert "holds no images" in refused(str(run), "empty", "--out", "new")
    shutil.copy("a/2.png", "a/2.bmp")
    assert "two images of one name, 2.bmp and 2.png" in refused(str(run), "a", "--out", "new")
    Path("a/2.bmp").write_bytes(b"no picture")
    assert "are broken" in refused(str(run), "a", "--out", "new")
    ring = ["train", "--data", "ring", "--steps", "1", "--batch-size", "8", "--sheet-every", "0"]
    assert main(ring) == 0
    assert "this run translates no images" in refused("runs/ring", "z", "--out", "new")


@pytest.mark.parametrize("unpaired", [[], ["--unpaired"]])
def test_two_kinds_of_images_lie_in_two_folders(capsys, unpaired):
    Path("same").symlink_to("a")
    for here, there, said in [
        ("a", "a", "are one folder"),
        ("a", "same", "are one folder"),
        ("a", "a/some", "lie within one another"),
        ("z/some", "z", "lie within one another"),
    ]:
        words = ["train", "--data", here, "--to", there, "--size", "16", "--steps", "1"]
        assert main([*words, *unpaired, "--out", "run"]) == 2
        assert f"{said}, so that images of one kind" in capsys.readouterr().err
    assert not Path("run").exists()


def test_a_sheet_has_each_image_below_its_condition(run):
    loaded = gancode.load(run)
    sheet = reports.shown(loaded, 32)
    made = loaded.sample(16)
    (given,) = (c[torch.arange(16) % len(c)] for c in loaded.conditions)
    assert torch.equal(sheet, torch.cat([given[:8], made[:8], given[8:], made[8:]]))
    assert json.loads(Path(run, "settings.json").read_text())["to"].endswith("z")
