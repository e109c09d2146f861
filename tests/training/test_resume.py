"""A run that is stopped, killed or damaged, and taken up again."""

import copy
import errno
import itertools
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tree import ROOT

import gancode
from gancode import networks, randomness
from gancode.calculus import Objective, a, b
from gancode.data import sources
from gancode.penalties import Penalty
from gancode.training import checkpoint, folder
from gancode.training.checkpoint import CheckpointError

SHAPE = (1, 4, 4)


class Noisy(nn.Module):
    """Draws from every global source, as a user's module may."""

    def forward(self, x):
        return x + 0.1 * (torch.rand(()) + random.random() + np.random.rand())


def make_gan(hidden=8):
    torch.manual_seed(0)
    generator = nn.Sequential(
        nn.Linear(3, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, 16), Noisy()
    )
    generator.append(nn.Unflatten(1, SHAPE))
    return gancode.GAN(generator, networks.mlp_discriminator(SHAPE, [8], dropout=0.3), 3)


IMAGES = torch.randn(10, *SHAPE, generator=torch.Generator().manual_seed(5))
DATA = {
    "tensor": lambda: IMAGES,
    "density": lambda: gancode.data.gaussian([0.0] * 16),
    "loader": lambda: DataLoader(TensorDataset(IMAGES), 4, shuffle=True),
    "loader with a generator": lambda: DataLoader(
        TensorDataset(IMAGES), 4, shuffle=True, generator=torch.Generator().manual_seed(1)
    ),
    "list": lambda: list(IMAGES.split(4)),
}
OPTIONS = {
    "penalties": ["r1=1..0.1", "wgan-gp=1@2"],
    "lr": "1e-3..1e-4",
    "batch_size": 4,
    "log_every": 3,
    "discriminator_steps": 2,
}


def train(out, steps, kind="tensor", gan=None, **options):
    gan = gan or make_gan()
    if kind == "density":
        gan.generator[-1], gan.discriminator[0] = nn.Identity(), nn.Identity()
    # a schedule depends on the length of the run, so a stop is not made by fewer steps
    run = gancode.train(gan, DATA[kind](), steps=steps, out=out, **(OPTIONS | options))
    return run


def everything(run):
    """All that must be the same: weights, averages, history without the clock."""
    rows = [{k: v for k, v in row.items() if k != "images_per_second"} for row in run.history]
    return [*run.gan.state_dict().values(), *run.averaged.state_dict().values()], rows


def same(one, other):
    tensors = zip(one[0], other[0], strict=True)
    return all(torch.equal(x, y) for x, y in tensors) and one[1] == other[1]


class Stop(Exception):
    pass


def stop_at(step):
    def callback(now, run):
        if now == step:
            raise Stop

    return callback


@pytest.mark.slow
@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("at", [2, 5, 8])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path, kind, at):
    whole = everything(train(None, 9, kind))
    with pytest.raises(Stop):
        train(tmp_path, 9, kind, save_every=1, callback=stop_at(at))
    torch.manual_seed(99)  # another process has other random states
    random.seed(99)
    run = train(tmp_path, 9, kind, save_every=1, resume=True)
    assert same(everything(run), whole)
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == run.history
    # the optimisers too: two more steps would part the ways
    state = checkpoint.load(checkpoint.saved(tmp_path)[-1])
    other = tmp_path / "whole"
    train(other, 9, kind)
    expected = checkpoint.load(checkpoint.saved(other)[-1])
    for name in ("generator_adam", "discriminator_adam"):
        for key, moments in expected["states"][name]["state"].items():
            for moment, value in moments.items():
                assert torch.equal(state["states"][name]["state"][key][moment], value)


def test_a_run_may_be_made_longer_and_a_finished_one_stays_as_it_is(tmp_path):
    plain = {"lr": 1e-3, "penalties": ["r1=1"]}  # nothing depends on the length
    whole = everything(train(None, 9, **plain))
    train(tmp_path, 4, **plain)
    run = train(tmp_path, 9, resume=True, **plain)
    weights = whole[0], [row for row in run.history if row["step"] != 4]
    assert same((everything(run)[0], weights[1]), weights)
    again = train(tmp_path, 9, resume=True, **plain)
    assert same(everything(again), everything(run))


@pytest.mark.slow
def test_runs_that_are_killed_end_as_one_that_was_not():
    script = ROOT / "tools" / "kill.py"
    command = [sys.executable, script, "--kills", "6", "--steps", "100", "--longest", "0.2"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith("6 kills in ")


@pytest.mark.parametrize("saved_on, read_on, restored", [(1, 2, True), (1, None, False)])
def test_of_all_gpus_only_that_of_the_run_is_saved(monkeypatch, saved_on, read_on, restored):
    def device(index):
        return torch.device("cpu") if index is None else torch.device("cuda", index)

    def get_rng_state(device):
        return f"the state of GPU {device.index}"

    seen = []
    monkeypatch.setattr(torch.cuda, "get_rng_state", get_rng_state)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda *arguments: seen.append(arguments))
    rng = torch.Generator()
    state = randomness.states(rng, device(saved_on))
    randomness.set_states(state, rng, device(read_on))
    assert seen == ([("the state of GPU 1", device(2))] if restored else [])
    assert randomness.states(rng, device(None))["cuda"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_leaves(tmp_path, number):
    before = signal.getsignal(signal.SIGINT)
    whole = everything(train(None, 9))
    with pytest.raises(
        KeyboardInterrupt, match="stopped after step 5; resume=True .--resume. cont"
    ):
        train(tmp_path, 9, callback=lambda step, run: step == 5 and os.kill(os.getpid(), number))
    assert signal.getsignal(signal.SIGINT) is before
    assert same(everything(train(tmp_path, 9, resume=True)), whole)


def test_ctrl_c_twice_stops_at_once_and_says_what_there_is(tmp_path):
    def twice(step, run):
        for _ in range(2 * (step == 5)):
            os.kill(os.getpid(), signal.SIGINT)

    for save_every, said in [(100, "There is no checkpoint yet"), (2, "last .* is .*000000004.pt")]:
        with pytest.raises(KeyboardInterrupt, match=f"in the middle of a step. .*{said}"):
            train(tmp_path, 9, callback=twice, save_every=save_every)


@pytest.mark.parametrize("resume", [False, True])
def test_rows_of_a_run_that_came_to_no_checkpoint_do_not_come_twice(tmp_path, resume):
    with pytest.raises(Stop):
        train(tmp_path, 9, callback=stop_at(5))
    history = tmp_path / "history.jsonl"
    assert len(history.read_text().splitlines()) == 1
    run = train(tmp_path, 9, resume=resume)
    assert [json.loads(line) for line in history.read_text().splitlines()] == run.history


def test_a_run_that_is_stopped_before_its_first_row_has_a_history_without_rows(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, 9, callback=lambda step, run: os.kill(os.getpid(), signal.SIGINT))
    assert (tmp_path / "history.jsonl").read_text() == ""


def damaged(path, how):
    content = bytearray(path.read_bytes())
    if how == "truncated":
        content = content[:-100]
    elif how == "flipped":
        content[len(content) // 2] ^= 1
    else:
        content = b"something else"
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "flipped", "foreign"])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_it_is_used_on_request(tmp_path, how):
    whole = everything(train(None, 9))
    train(tmp_path, 9, save_every=4)
    before, newest = checkpoint.saved(tmp_path)
    damaged(newest, how)
    gan = make_gan()
    untouched = [w.clone() for w in gan.state_dict().values()]
    with pytest.raises(CheckpointError, match=f"{newest.name}.*previous.*{before.name}"):
        train(tmp_path, 9, gan=gan, resume=True)
    assert all(map(torch.equal, gan.state_dict().values(), untouched))
    assert same(everything(train(tmp_path, 9, resume="previous")), whole)
    (only,) = checkpoint.saved(tmp_path)[:1]
    for path in checkpoint.saved(tmp_path)[1:]:
        path.unlink()
    damaged(only, how)
    with pytest.raises(CheckpointError, match=f"{only.name}.*no earlier one"):
        train(tmp_path, 9, resume=True)


def test_reading_a_checkpoint_runs_no_code(tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    path = checkpoint.save(tmp_path, 1, {"record": Harm()})
    with pytest.raises(CheckpointError, match="holds what is no state of a run"):
        checkpoint.load(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"batch_size": 5}, "batch_size=4, and this one has batch_size=5"),
        (
            {"objective": Objective.zero_sum(-a + b)},
            "with objective=nonsaturating, .*objective=.'-a . b', '-b'",
        ),
        ({"penalties": []}, "with penalties="),
        ({"kind": "list"}, "with source=tensor .* crc .*source=list of length 3"),
        (
            {"lr": lambda s: 1e-3 * (1 - s)},
            "lr=0.001..0.0001, .*lr=a function with the values 0.001, 0",
        ),
        ({"seed": 1}, "with seed="),
        ({"gan": make_gan(hidden=9)}, "holds other networks: .*of shape"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused(tmp_path, options, message):
    train(tmp_path, 3)
    with pytest.raises(CheckpointError, match=message):
        train(tmp_path, 9, **({"resume": True} | options))


def test_wrong_use(tmp_path):
    train(tmp_path, 3)
    with pytest.raises(ValueError, match="holds a run; resume=True .--resume. continues it"):
        train(tmp_path, 3)
    with pytest.raises(ValueError, match='must be True, False or "previous"'):
        train(tmp_path, 3, resume="yes")
    with pytest.raises(ValueError, match="needs the folder"):
        train(None, 3, resume=True)
    with pytest.raises(CheckpointError, match="no checkpoint before"):
        train(tmp_path, 9, resume="previous")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        train(tmp_path / "file", 3)


@pytest.mark.parametrize(
    ("file", "survives"),
    [
        ("checkpoint-000000006.pt", "as it was"),
        ("generator.safetensors", "as it was"),
        ("history.jsonl", "The last good checkpoint is .*000000004.pt"),
    ],
)
def test_a_full_disk_costs_the_new_file_only(tmp_path, monkeypatch, file, survives):
    whole = everything(train(None, 9))
    real, real_open = os.fsync, Path.open

    def full(descriptor):
        if len(checkpoint.saved(tmp_path)) == 2 and (tmp_path / f"{file}.part").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    def full_open(path, mode="r", **options):
        if path.name == file and mode == "a" and len(checkpoint.saved(tmp_path)) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_open(path, mode, **options)

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(Path, "open", full_open)
    with pytest.raises(OSError, match=f"{file} was not written .No space.*{survives}") as raised:
        train(tmp_path, 9, save_every=2)
    assert raised.value.errno == errno.ENOSPC
    if file == "history.jsonl":  # nor is it lost where a resumed run brings it to what it was
        rows = (tmp_path / file).read_text()
        with pytest.raises(OSError, match=f"{file} was not written .No space.*as it was"):
            train(tmp_path, 9, resume=True)
        assert (tmp_path / file).read_text() == rows != ""
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "checkpoint-000000002.pt",
        "checkpoint-000000004.pt",
        "generator.safetensors",
        "history.jsonl",
        "settings.json",
    ]
    monkeypatch.undo()
    assert same(everything(train(tmp_path, 9, resume=True)), whole)


def test_a_folder_that_cannot_be_written_is_refused_before_training(tmp_path, monkeypatch):
    def refused(dir):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(folder.tempfile, "TemporaryFile", refused)
    gan = make_gan()
    before = copy.deepcopy(gan.state_dict())
    with pytest.raises(OSError, match="run cannot be written .Permission denied.*give another"):
        train(tmp_path / "run", 3, gan=gan)
    assert all(torch.equal(before[key], value) for key, value in gan.state_dict().items())


def test_what_is_saved_can_be_read_whatever_numbers_were_given(tmp_path):
    options = {
        "seed": np.int64(3),
        "max_grad_norm": np.float64(1),
        "betas": (np.float64(0.5), 0.99),
        "lr": lambda s: 1e-3 * np.cos(s),
        "measure": lambda run: {"x": np.ones(1)[0]},
    }
    whole = everything(train(None, 9, **options))
    with pytest.raises(Stop):
        train(tmp_path, 9, save_every=4, callback=stop_at(5), **options)
    assert same(everything(train(tmp_path, 9, save_every=4, resume=True, **options)), whole)


def test_other_data_of_the_same_name_are_refused(tmp_path):
    gan = make_gan()
    gan.generator[-1], gan.discriminator[0] = nn.Identity(), nn.Identity()
    gancode.train(gan, gancode.data.gaussian([0.0] * 16), steps=2, out=tmp_path)
    with pytest.raises(CheckpointError, match="with source=.*crc"):
        gancode.train(gan, gancode.data.gaussian([1.0] * 16), steps=4, out=tmp_path, resume=True)


class Plain:
    """A density that says nothing of itself."""

    def __init__(self, mean):
        self.mean = torch.full((16,), mean)

    def sample(self, n, generator=None):
        return self.mean + torch.randn(n, 16, generator=generator)


class Endless:
    """Batches without a length."""

    def __init__(self, n=3):
        self.n = n

    def __iter__(self):
        return iter(IMAGES.split(4)[: self.n])


@pytest.mark.parametrize(
    ("make", "other", "said"),
    [
        (lambda: Plain(0.0), lambda: Plain(1.0), "Plain crc"),
        (lambda: TensorDataset(IMAGES), lambda: TensorDataset(IMAGES + 1), "TensorDataset of len"),
        (
            lambda: DataLoader(TensorDataset(IMAGES), 4),
            lambda: DataLoader(TensorDataset(IMAGES + 1), 4),
            "DataLoader of length 3, TensorDataset of length 10, crc",
        ),
        (lambda: [*IMAGES.split(4)], lambda: [*IMAGES.split(5)], "list of length 3"),
    ],
)
def test_a_new_process_knows_data_again_and_tells_others_from_them(tmp_path, make, other, said):
    def go_on(data, steps):
        gan = make_gan()
        if said.startswith("Plain"):
            gan.generator[-1], gan.discriminator[0] = nn.Identity(), nn.Identity()
        gancode.train(gan, data, batch_size=4, steps=steps, out=tmp_path, resume=True)

    first = make()  # alive until the end, so that no other has its address
    go_on(first, 2)
    go_on(make(), 4)
    with pytest.raises(CheckpointError, match=f"with source={said}"):
        go_on(other(), 6)
    assert "0x" not in sources.source(first).describe()


def test_a_new_process_knows_a_schedule_of_the_users_again(tmp_path):
    def options(end):
        falling = lambda s: 1 - (1 - end) * s  # noqa: E731
        return {
            "lr": lambda s: 1e-3 * falling(s),
            "penalties": [Penalty("real", "zero-centred", falling)],
        }

    first = options(0.5)  # alive until the end, so that no other has its address
    train(tmp_path, 2, **first)
    with pytest.warns(gancode.ScheduleWarning, match="lr from 0.0005 to 0.00075"):
        train(tmp_path, 4, resume=True, **options(0.5))
    with pytest.raises(CheckpointError, match="penalties=.*r1=a function with .*, 0.5'"):
        train(tmp_path, 6, resume=True, **options(0.5) | {"penalties": options(0.4)["penalties"]})
    with pytest.raises(CheckpointError, match="lr=a function with .*0.0005, and .*0.0004;"):
        train(tmp_path, 6, resume=True, **options(0.5) | {"lr": options(0.4)["lr"]})


def test_an_iterable_that_has_become_shorter_is_refused(tmp_path):
    gancode.train(make_gan(), Endless(), steps=3, out=tmp_path)
    with pytest.raises(ValueError, match="the data end after 2 batches.*continue with the same"):
        gancode.train(make_gan(), Endless(2), steps=6, out=tmp_path, resume=True)


class Masked(nn.Module):
    """With a buffer that is rightly infinite, such as a causal mask."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mask", torch.full((16,), -torch.inf))

    def forward(self, x):
        return torch.maximum(x.flatten(1), self.mask).view_as(x)


def test_a_buffer_may_be_infinite_and_a_weight_may_not(tmp_path):
    gan = make_gan()
    gan.discriminator.insert(0, Masked())
    train(tmp_path / "mask", 2, gan=gan)

    def breaks(step, run):
        run.gan.generator[0].bias.data[0] = torch.inf

    with pytest.raises(FloatingPointError, match="step 1: gan.generator.0.bias holds NaN or inf"):
        train(tmp_path / "weight", 1, callback=breaks)


def test_the_speed_after_a_stop_is_that_of_the_whole_interval(tmp_path, monkeypatch):
    clock = itertools.count()  # a second between any two looks at it, of which a step takes one
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    options = {"log_every": 6, "save_every": 3, "discriminator_steps": 1}
    with pytest.raises(Stop):
        train(tmp_path, 6, callback=stop_at(4), **options)
    rate = train(tmp_path, 6, resume=True, **options).history[0]["images_per_second"]
    assert rate == (4 + 4 + 2) * 2 / 6  # images of two epochs, by six steps of a second


def test_the_averaged_generator_is_there_for_others(tmp_path):
    run = train(tmp_path, 5, save_every=2)
    weights = load_file(tmp_path / "generator.safetensors")
    state = run.averaged.state_dict()
    assert weights.keys() == state.keys()
    assert all(torch.equal(weights[key], state[key]) for key in state)


def test_nan_names_the_last_good_checkpoint(tmp_path):
    class Breaks(nn.Module):
        calls = 0

        def forward(self, x):
            Breaks.calls += self.training
            return x * (float("nan") if Breaks.calls > 24 else 1.0)

    gan = make_gan()
    gan.generator.append(Breaks())
    with pytest.raises(FloatingPointError, match="step .*NaN.*last good checkpoint is .*0000000"):
        train(tmp_path, 50, gan=gan, save_every=2)
    state = checkpoint.load(checkpoint.saved(tmp_path)[-1])
    assert all(w.isfinite().all() for w in state["states"]["gan"].values())


@pytest.mark.parametrize(
    "code", [errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.ENOSYS, errno.EISDIR]
)
def test_a_file_system_that_cannot_sync_folders_is_one_to_train_on(tmp_path, monkeypatch, code):
    real, refused = os.fsync, []

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            refused.append(descriptor)
            raise OSError(code, os.strerror(code))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    whole = everything(train(None, 9))
    train(tmp_path, 9, save_every=4)
    assert refused
    for path in checkpoint.saved(tmp_path)[1:]:
        path.unlink()
    assert same(everything(train(tmp_path, 9, resume=True)), whole)


@pytest.mark.parametrize(
    ("of_folder", "code"),
    [(False, errno.EINVAL), (False, errno.ENOTSUP), (True, errno.EIO), (True, errno.ENOSPC)],
)
def test_what_a_disk_refuses_otherwise_is_told(tmp_path, monkeypatch, of_folder, code):
    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) == of_folder:
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=os.strerror(code)):
        train(tmp_path, 2)


FOLLOWING = {"lr": "1e-3..1e-4", "penalties": ["r1=1..0.1@2", "wgan-gp=1"]}


def lengthened(out, steps, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(out, steps, resume=True, **options)
    return [str(one.message) for one in caught if one.category is gancode.ScheduleWarning]


def test_what_jumps_in_a_run_that_is_made_longer_is_said(tmp_path):
    train(tmp_path, 4, **FOLLOWING)
    (said,) = lengthened(tmp_path, 8, **FOLLOWING)
    assert "50% are done and not 100%" in said
    # At half of a geometric schedule, the geometric mean of its ends; lazy weights count double.
    assert "lr from 0.0001 to 0.000316, r1 from 0.2 to 0.632. " in said and "wgan-gp" not in said


def test_a_run_that_goes_on_as_planned_has_nothing_to_say(tmp_path):
    for stop in (3, 6):
        with pytest.raises(Stop):
            train(tmp_path, 9, save_every=1, callback=stop_at(stop), resume=True, **FOLLOWING)
    assert lengthened(tmp_path, 9, **FOLLOWING) == []
    assert lengthened(tmp_path, 9, **FOLLOWING) == []  # it is at its end
    plain = {"lr": 1e-3, "penalties": ["r1=1"]}
    train(tmp_path / "plain", 4, **plain)
    assert lengthened(tmp_path / "plain", 8, **plain) == []


def test_a_run_by_the_clock_that_is_made_longer_says_it_too(tmp_path, monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    train(tmp_path, None, seconds=4.0, **FOLLOWING)
    (said,) = lengthened(tmp_path, None, seconds=8.0, **FOLLOWING)
    assert "lr from 0.0001 to 0.000316" in said
