"""Lines for a log, where there is no terminal."""

import itertools
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

import gancode
from gancode.training import progress

ROW = {"step": 5, "discriminator_loss": 1.4, "generator_loss": 0.7}


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("took", [0.7, 4.0, 13.0, 29.0, 45.0])
def test_there_is_a_line_every_half_minute_and_not_many_more(clock, capsys, took):
    callback, when = progress.lines("100"), [0.0]
    for step in range(1, 101):
        clock[0] += took
        callback(step, SimpleNamespace(history=[]))
        when += [clock[0]] * len(capsys.readouterr().err.splitlines())
    gaps = np.diff([*when, clock[0]])
    assert max(gaps) <= max(30.0, took)
    assert len(when) - 1 <= clock[0] / max(30.0 - took, took) + 1


def test_a_line_says_how_far_a_run_is_and_what_was_measured_last(clock, capsys):
    callback = progress.lines("100")
    for now, step, history in ((31.0, 7, []), (62.0, 9, [ROW])):
        clock[0] = now
        callback(step, SimpleNamespace(history=history))
    assert capsys.readouterr().err.splitlines() == [
        "step 7 of 100, after 31 s",
        "step 9 of 100, after 62 s; at step 5: discriminator_loss 1.4, generator_loss 0.7",
    ]


def run(monkeypatch, terminal, **options):
    """Train with a clock of eleven seconds between two looks at it."""
    seconds = itertools.count(0, 11)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(seconds)))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    gan = gancode.GAN(nn.Linear(1, 2), nn.Linear(2, 1), 1)
    gancode.train(gan, gancode.data.ring(), **({"steps": 8} | options))


def test_a_run_writes_them_where_nobody_asked_and_stderr_is_no_terminal(monkeypatch, capsys):
    run(monkeypatch, terminal=False, log_every=3)
    steps = [int(line.split()[1]) for line in capsys.readouterr().err.splitlines()]
    assert steps[0] <= 3 and steps[-1] >= 6 and all(np.diff(steps) <= 3)
    run(monkeypatch, terminal=False, steps=None, seconds=1e-9)
    run(monkeypatch, terminal=False, progress=False)
    assert capsys.readouterr().err == ""


def test_on_a_terminal_or_on_request_there_is_a_bar_instead(monkeypatch, capsys):
    monkeypatch.setattr(progress, "print", lambda *a, **k: pytest.fail("a line"), raising=False)
    run(monkeypatch, terminal=True)
    run(monkeypatch, terminal=False, progress=True)
    assert "step/s" in capsys.readouterr().err


def test_a_process_without_stderr_trains(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert not progress.on_a_terminal()


def paced(durations):
    pace, now = progress.Pace(few=10), 0.0
    for duration in durations:
        now += duration
        pace(now)


def test_a_run_that_comes_to_a_crawl_says_so_once(capsys):
    paced([5.0] + [0.01] * 40 + [0.2] * 60)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "gancode: a step takes 20 times as long as at the start (0.2 s, and 0.01 s"
    )
    assert "OMP_WAIT_POLICY=PASSIVE" in line


def test_a_save_now_and_then_or_a_slow_machine_is_nothing_to_say(capsys):
    paced([0.01, 0.01, 0.01, 0.01, 3.0] * 40)
    paced([2.0] * 100)
    paced([0.01] * 30 + [0.04] * 60)
    assert capsys.readouterr().err == ""
