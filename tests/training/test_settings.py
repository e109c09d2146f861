"""One record of what was asked for, and all that reads it."""

import dataclasses
import inspect
import json
import os
import signal

import pytest
import torch
from torch import nn

import gancode
from gancode import networks, runs
from gancode.calculus import Objective, a, b
from gancode.calculus.norms import PENALTIES
from gancode.cli import main, parser
from gancode.penalties import Penalty, r1
from gancode.training import settings as module
from gancode.training.settings import DECIDES, WATCHES, Settings, difference

SHAPE = (1, 4, 4)
IMAGES = torch.randn(12, *SHAPE, generator=torch.Generator().manual_seed(5)).tanh()
# Another value than the default for each option that decides a run.
OTHER = {
    "objective": "hinge",
    "penalties": ["r1=1..0.1@4"],
    "constraints": ["clip=0.1"],
    "batch_size": 4,
    "lr": "1e-3..1e-4",
    "betas": (0.0, 0.9),
    "discriminator_steps": 2,
    "max_grad_norm": 0.5,
    "ema": 0.9,
    "augment": "brightness@0.5",
    "generator_terms": {"far": lambda seen: seen.generated.square().mean()},
    "discriminator_terms": {"small": (lambda seen: seen.logits_real.square().mean(), 0.1)},
    "seed": 3,
    "precision": "bf16",
    "accumulate": 2,
    "compile": True,
    "log_every": 7,
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def fields(kind):
    return [each for each in dataclasses.fields(Settings) if each.metadata["kind"] == kind]


def make_gan():
    torch.manual_seed(0)
    generator = networks.mlp_generator(3, SHAPE, [8])
    return gancode.GAN(generator, networks.mlp_discriminator(SHAPE, [8]), 3)


def train(steps=4, **options):
    return gancode.train(make_gan(), IMAGES, steps=steps, **({"batch_size": 4} | options))


def test_train_lists_every_option_with_its_default_and_its_meaning():
    shown = inspect.signature(gancode.train).parameters
    assert list(shown)[:2] == ["gan", "data"]
    for each in dataclasses.fields(Settings):
        assert shown[each.name].default == each.default
        assert shown[each.name].kind is inspect.Parameter.KEYWORD_ONLY
        assert f"- {each.name} (default {each.default!r}): {each.metadata['meaning']}" in (
            gancode.train.__doc__
        )
    assert set(shown) == {"gan", "data", *(each.name for each in dataclasses.fields(Settings))}


def test_every_option_that_words_can_spell_reaches_the_command_line():
    words = parser().parse_args(["train", "--data", "ring"])
    unspelled = {"discriminator_terms", "callback", "progress"}
    for each in dataclasses.fields(Settings):
        assert hasattr(words, each.name) == (each.name not in unspelled)


def test_a_new_option_is_one_edit(monkeypatch, capsys):
    """One more field is an argument of train, an option of the command, and in the record."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class More(Settings):
        warmth: int = module._option(3, "how warm it is", module.positive_integer, type=int)

    from gancode import cli

    monkeypatch.setattr(cli, "Settings", More)
    assert parser().parse_args(["train", "--warmth", "5"]).warmth == 5
    assert More(warmth=5).plain()["warmth"] == 5
    with pytest.raises(gancode.Refused, match="warmth=0 must be a positive integer"):
        More(warmth=0)
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    assert "how warm it is (3)" in " ".join(capsys.readouterr().out.split())


def test_the_record_is_plain_and_can_be_read_again():
    given = {k: v for k, v in OTHER.items() if "terms" not in k} | {"steps": 9}
    plain = Settings(**given).plain()
    assert json.loads(json.dumps(plain)) == plain
    assert Settings(**plain).plain() == plain
    own = Settings(objective=Objective(a**2 - b, b), penalties=r1(0.1 + 0.2), lr=1 / 3).plain()
    assert own["objective"] == ["a**2 - b", "b"] and own["lr"] == 1 / 3
    again = Settings(**own)
    assert again.objective.critic == a**2 - b
    assert again.penalties[0].weight_at(1, 0.0) == 0.1 + 0.2


@pytest.mark.parametrize("name", PENALTIES)
def test_every_penalty_is_written_down_and_read_again(name):
    for every in (1, 16):
        (penalty,) = Settings(penalties=Penalty(*PENALTIES[name], 10, every)).penalties
        (again,) = Settings(penalties=penalty.text).penalties
        assert (again.where, again.norm, again.every) == (penalty.where, penalty.norm, every)
        assert again.weight_at(1, 0.5) == penalty.weight_at(1, 0.5) == 10 * every


@pytest.mark.parametrize("name", [each.name for each in fields(DECIDES)])
def test_every_option_that_decides_a_run_is_told_apart_by_its_name(name):
    before = {"training": Settings().plain()}
    now = {"training": Settings(**{name: OTHER[name]}).plain()}
    assert difference(before, before) is None and difference(now, now) is None
    assert f"and this one has {name}=" in difference(before, now)
    assert f"and this one has {name}=" in difference(now, before)


def test_options_that_were_checked_are_options():
    settings = Settings(
        steps=1,
        penalties=["r1=1@2"],
        constraints="spectral",
        augment="brightness",
        generator_terms={"l1": (abs, 100.0)},
        discriminator_terms={"hinge": abs},
    )
    assert dataclasses.replace(settings) == settings


def test_the_length_of_a_run_and_what_is_seen_of_it_may_differ():
    one = Settings(steps=4, out="one", save_every=3, callback=print, progress=True)
    other = Settings(seconds=2.0, out="two", measure=print, workers=2)
    assert difference({"training": one.plain()}, {"training": other.plain()}) is None
    assert not {each.name for each in fields(WATCHES)} & one.plain().keys()
    older = {name: value for name, value in one.plain().items() if name != "constraints"}
    assert difference({"training": older}, {"training": one.plain()}) is None  # of the default
    clipped = {"training": one.plain() | {"constraints": ["clip=1.0"]}}
    assert "constraints=[], and this one" in difference({"training": older}, clipped)
    assert difference({"source": "x", "gancode": "1"}, {"source": "x", "gancode": "2"}) is None
    assert "source=x, and this one has source=y" in difference({"source": "x"}, {"source": "y"})


def test_the_folder_says_what_was_asked_for_at_every_save(tmp_path):
    train(4, out=tmp_path, lr=1e-3)
    assert runs.read(tmp_path)["training"]["steps"] == 4
    seen = []

    def look(step, run):
        seen.append(runs.read(tmp_path)["training"]["steps"])

    train(8, out=tmp_path, lr=1e-3, resume=True, save_every=2, callback=look)
    assert seen == [8] * 4  # from the first step on


@pytest.mark.slow
def test_a_longer_run_that_is_stopped_goes_on_to_its_end():
    """Ten steps, then forty, stopped at twenty; --resume alone then goes on to forty."""
    ring = ["train", "--data", "ring", "--batch-size", "8", "--sheet-every", "0", "--lr", "1e-3"]
    ring += ["--penalty", "r1=1"]
    assert main([*ring, "--steps", "40", "--out", "whole"]) == 0
    assert main([*ring, "--steps", "10", "--out", "run"]) == 0

    def stop(step, run):
        if step == 20:
            os.kill(os.getpid(), signal.SIGINT)

    settings = runs.changed(runs.read("run"), training={"steps": 40})
    with pytest.raises(KeyboardInterrupt, match="stopped after step 20"):
        runs.start(settings, "run", resume=True, callback=stop)
    assert main(["train", "--resume", "--out", "run", "--sheet-every", "0"]) == 0
    whole, run = runs.load("whole"), runs.load("run")
    assert run.history[-1]["step"] == 40
    assert torch.equal(whole.sample(5), run.sample(5))


BAD = [
    (["--penalty", "r9=1"], "unknown penalty 'r9=1'"),
    (["--lr", "fast"], "lr='fast' is no number"),
    (["--betas", "0.5", "1"], "each beta must be"),
    (["--ema", "1"], "ema=1.0 must be"),
    (["--augment", "mirrors"], "unknown augmentation 'mirrors'"),
    (["--objective", "mimimax"], "unknown objective 'mimimax'"),
    (["--network", "cnn"], "unknown network 'cnn'"),
    (["--size", "30"], "28, 32 or 64"),
    (["--steps", "0"], "steps=0"),
    (["--device", "abacus"], "no device 'abacus'"),
    (["--workers", "-1"], "workers=-1"),
]


@pytest.mark.parametrize(("words", "said"), BAD, ids=[words[0] for words, _ in BAD])
@pytest.mark.parametrize("measure", [[], ["--measure"]])
def test_arguments_are_refused_before_any_picture_is_opened(
    monkeypatch, capsys, words, said, measure
):
    from gancode.data import images

    def opened(*arguments):
        raise AssertionError("a picture was opened")

    monkeypatch.setattr(images, "_look", opened)
    runs.Path("photos").mkdir()
    runs.Path("photos/a.png").write_bytes(b"")
    assert main(["train", "--data", "photos", *words, *measure]) == 2
    assert said in capsys.readouterr().err
    assert not runs.Path("runs").exists()


def test_a_folder_that_holds_a_run_is_refused_before_any_picture_is_opened(monkeypatch, capsys):
    assert main(["train", "--data", "ring", "--steps", "2", "--sheet-every", "0"]) == 0
    runs.Path("photos").mkdir()
    assert main(["train", "--data", "photos", "--out", "runs/ring"]) == 2
    assert "holds a run; resume=True" in capsys.readouterr().err


def test_pictures_are_opened_once_also_where_the_quality_is_measured(monkeypatch):
    from PIL import Image

    from gancode.data import images

    runs.Path("photos").mkdir()
    for k in range(30):
        Image.new("L", (28, 28), 7 * k).save(f"photos/{k}.png")
    looked, real = [], images._look
    monkeypatch.setattr(
        images, "_look", lambda file, *a, **k: looked.append(file) or real(file, *a, **k)
    )
    train = ["train", "--data", "photos", "--size", "28", "--channels", "1", "--network", "mlp"]
    assert main([*train, "--batch-size", "5", "--steps", "2", "--measure"]) == 0
    assert len(looked) == 30


def test_an_option_that_is_none_is_a_type_error_of_train():
    with pytest.raises(TypeError, match=r"train\(\) got an unexpected keyword argument 'stepz'"):
        gancode.train(make_gan(), IMAGES, stepz=3)


def test_what_is_loaded_is_whole(tmp_path):
    run = train(out=tmp_path)
    with pytest.raises(runs.RunError, match="networks of its own; give them"):
        gancode.load(tmp_path)
    gan = make_gan()
    nn.init.zeros_(gan.discriminator[1].weight)
    found = gancode.load(tmp_path, gan=gan)
    assert found.gan is gan and found.history == run.history
    for one, other in [(found.gan, run.gan), (found.averaged, run.averaged)]:
        assert all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))
    assert torch.equal(found.sample(5), run.sample(5))
    with pytest.raises(runs.RunError, match="is of other networks"):
        gancode.load(tmp_path, gan=gancode.GAN(nn.Linear(3, 2), nn.Linear(2, 1), 3))
    with pytest.raises(runs.RunError, match="holds no run"):
        gancode.load(tmp_path / "nothing")


def test_a_run_of_the_command_line_is_loaded_from_its_folder_alone():
    assert main(["train", "--data", "ring", "--steps", "3", "--sheet-every", "0"]) == 0
    found = gancode.load("runs/ring")
    logits = found.gan.discriminator(found.sample(5))
    assert logits.shape == (5,) and logits.isfinite().all()
    assert found.gan(found.gan.latents(4)).shape == (4, 2)


def test_a_trained_run_is_evaluated_in_one_call(tmp_path):
    run = train(out=tmp_path)
    with pytest.raises(gancode.Refused, match="holds 12 images, too few"):
        gancode.evaluate(run, 100)
    more = torch.randn(60, *SHAPE, generator=torch.Generator().manual_seed(6)).tanh()
    (score,) = gancode.evaluate(run, 100, data=more).values()
    assert score.value > score.real.value > 0 and score.error > 0
    with pytest.raises(runs.RunError, match="not known here: give what to compare with, data="):
        gancode.evaluate(gancode.load(tmp_path, gan=make_gan()), 100)
    torch.manual_seed(0)
    gan = gancode.GAN(*networks.pair("mlp", 3, 2, hidden=(8,)), 3)
    found = gancode.evaluate(gancode.train(gan, gancode.data.ring(), steps=2), 200)
    assert [*found] == ["modes", "high quality", "reverse KL"]
    assert main(["train", "--data", "ring", "--steps", "3", "--sheet-every", "0"]) == 0
    one, other = gancode.evaluate("runs/ring"), gancode.evaluate(gancode.load("runs/ring"))
    assert one == other
