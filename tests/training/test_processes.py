"""Two processes that train one GAN, on the CPU over gloo, beside one that does the same alone."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from launched import RUNS, run_one

from gancode.training import processes

HERE = Path(__file__).parent


def launch(folder, *names):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command = [*torchrun, "--standalone", HERE / "launched.py", folder, *names]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=280, check=False
    )


def read(folder, name):
    return [torch.load(folder / f"{name}-{rank}.pt", weights_only=True) for rank in (0, 1)]


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What all runs leave. A launch takes many seconds to begin, so one does as much as it can: it
    ends with the run that is killed, and the next takes that up."""
    folder = tmp_path_factory.mktemp("launched")
    names = "plain", "clip", "spectral", "noisy", "full", "nan", "again", "small", "rest"
    stopped = launch(folder, *names, "killed")
    assert stopped.returncode != 0 and "SIGKILL" in stopped.stderr, stopped.stderr
    assert {path.name for path in folder.glob("*-0.pt")} == {f"{name}-0.pt" for name in names}
    finished = launch(folder, "resumed")
    assert finished.returncode == 0, finished.stderr
    return folder


@pytest.mark.parametrize("name", ["plain", "clip", "spectral", "noisy", "full"])
def test_replicas_are_equal_bit_for_bit(folder, name):
    first, second = read(folder, name)
    for part in ("gan", "averaged", "terms"):
        assert equal(first[part], second[part])
    assert first["history"] == second["history"]


@pytest.mark.parametrize("name", ["plain", "clip", "spectral"])
def test_two_processes_do_what_one_does_with_the_same_batch(folder, tmp_path, name):
    alone, together = run_one(tmp_path, 0, **RUNS[name]), read(folder, name)[0]
    for part in ("gan", "averaged"):
        for key, weight in alone[part].items():
            # Sums of 12 terms in another order, over six steps of Adam at lr = 2e-4: a rounding
            # error changes a step by far less than a hundredth of it.
            torch.testing.assert_close(together[part][key], weight, rtol=0, atol=2e-6)
    for one, other in zip(alone["history"], together["history"], strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def test_each_process_is_shown_its_half_of_the_batch(folder, tmp_path):
    alone = run_one(tmp_path, 0, **RUNS["plain"])["shown"][0]
    halves = [result["shown"][0] for result in read(folder, "plain")]
    real, generated = zip(*(half.chunk(2) for half in halves), strict=True)
    assert torch.equal(torch.cat([*real]), alone[:6])
    torch.testing.assert_close(torch.cat([*generated]), alone[6:])


def test_dropout_and_penalties_draw_anew_in_each_process(folder):
    first, second = (result["shown"] for result in read(folder, "noisy"))
    for one, other in zip(first, second, strict=True):
        assert one.shape == other.shape
        assert not torch.isclose(one, other).all(dim=(1, 2, 3)).any()
    # The point between a real and a generated sample says what was drawn.
    drawn = []
    for shown in (first, second):
        real, generated = shown[0].chunk(2)
        drawn.append(((shown[1] - real) / (generated - real)).mean(dim=(1, 2, 3)))
    assert (drawn[0] - drawn[1]).abs().min() > 1e-4


def test_a_launch_that_is_killed_goes_on_bit_for_bit(folder):
    for whole, other in zip(read(folder, "full"), read(folder, "resumed"), strict=True):
        for part in ("gan", "averaged", "terms"):
            assert equal(whole[part], other[part])
        assert whole["history"] == other["history"]
        assert all(row["reads"] > 0 and row["penalty"] > 0 for row in whole["history"])
        assert all("augment_probability" in row for row in whole["history"])


def test_nan_in_one_process_stops_all_at_the_same_step(folder):
    errors = [result["error"] for result in read(folder, "nan")]
    assert all(error.startswith("step 3: the discriminator loss is nan") for error in errors)


def test_files_are_written_once(folder):
    lines = (folder / "noisy" / "history.jsonl").read_text().splitlines()
    assert len(lines) == RUNS["noisy"]["steps"] // 2
    lines = (folder / "nan" / "history.jsonl").read_text().splitlines()
    assert len(lines) == RUNS["again"]["steps"] // 2  # and none of the run before it


def test_the_smallest_share_of_an_epoch_is_tried_before_training(folder):
    for result in read(folder, "rest"):
        assert "does not take latents of shape (1, 3)" in result["error"]


def test_every_process_needs_a_sample(folder):
    for result in read(folder, "small"):
        assert "batch_size=1 is for all 2 processes together" in result["error"]


@pytest.mark.parametrize(
    ("stale", "said"),
    [
        ({"WORLD_SIZE": "2"}, "2 processes were launched, but without RANK and MASTER_ADDR in"),
        ({"WORLD_SIZE": "8", "RANK": "0"}, "8 processes were launched, but without MASTER_ADDR"),
        ({"WORLD_SIZE": "4", "MASTER_ADDR": "node1"}, "without RANK .*unset it, or start all"),
        ({"WORLD_SIZE": "many"}, "WORLD_SIZE='many' is no number of processes"),
        ({"WORLD_SIZE": ""}, "WORLD_SIZE='' is no number of processes; unset it"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE='0' is no number of processes"),
        ({"LOCAL_RANK": "0"}, "LOCAL_RANK=0 says .* launched with others, but no MASTER_ADDR"),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, "OMPI_COMM_WORLD_SIZE=2 says .*left over"),
        ({"WORLD_SIZE": "1", "RANK": "3", "MASTER_ADDR": "here"}, "RANK='3' is none of 1 process"),
    ],
)
def test_what_a_launch_has_left_behind_is_named(monkeypatch, stale, said):
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in stale.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=said):
        processes.Processes()


def test_who_waits_for_others_is_told_so(monkeypatch, capsys):
    monkeypatch.setenv("MASTER_ADDR", "node7")
    for launched, patience, said in ((4, 0.0, True), (1, 0.0, False), (4, 60.0, False)):
        with processes._said_to_wait(launched, patience):
            time.sleep(0.2)
        error = capsys.readouterr().err
        assert ("waiting at node7:29500 for the rest of 4 processes" in error) == said
        assert ("started alone" in error and "unset WORLD_SIZE" in error) == said


def test_nobody_is_waited_for_where_a_launch_is_over(tmp_path):
    """In a process of its own, for Accelerate looks once for the others."""
    clean = {k: v for k, v in os.environ.items() if k not in ("RANK", "MASTER_ADDR")}
    command = [sys.executable, "-m", "gancode.cli", "train", "--data", "ring", "--steps", "1"]
    options = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 280}
    result = subprocess.run(command, env=clean | {"WORLD_SIZE": "2"}, **options)
    assert result.returncode == 2, result.stderr
    assert re.match("gancode: 2 processes were launched, but without RANK", result.stderr)
    assert not list(tmp_path.iterdir())


def test_a_launch_of_one_is_none(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    for name in ("RANK", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in sys.modules if name.split(".")[0] == "accelerate"]:
        monkeypatch.delitem(sys.modules, name)
    assert (processes.Processes().world_size, processes.Processes().is_main) == (1, True)
    assert "accelerate" not in sys.modules  # whose import costs a third of a second
