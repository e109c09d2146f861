"""The benchmark of all objectives: its runs are those of `gancode.train`, it can be stopped and
goes on, and its file is whole."""

import dataclasses
import itertools
import json
import math
import re

import pytest
import torch

from gancode import benchmarks, cli, data
from gancode.benchmarks import bench
from gancode.benchmarks import objectives as benchmark
from gancode.benchmarks.digits_mlp import pictures
from gancode.calculus import catalog
from gancode.errors import Refused

RING = dataclasses.replace(
    benchmark.SETTINGS["ring"], hidden=(8, 8), batch_size=8, steps=2, samples=50
)
DIGITS = dataclasses.replace(
    benchmark.SETTINGS["digits"], hidden=(8, 8), batch_size=8, steps=2, samples=200
)


@pytest.fixture
def small(monkeypatch):
    """Two objectives, two regularisations, two data sets, two and three seeds."""
    chosen = {
        "OBJECTIVES": ("nonsaturating", "kl"),
        "REGULARISATIONS": ("none", "R1"),
        "SETTINGS": {"ring": RING, "digits": DIGITS},
        "SEEDS": range(3),
        "TURNS": 1,
        "TIMED": 2,
    }
    for name, value in chosen.items():
        monkeypatch.setattr(benchmark, name, value)


@pytest.mark.slow
@pytest.mark.parametrize("regularisation", benchmark.REGULARISATIONS)
@pytest.mark.parametrize("where", benchmark.SETTINGS)
def test_runs_side_by_side_are_those_of_train(where, regularisation):
    names, seeds = ("nonsaturating", "relativistic-hinge", "neyman"), (0, 2)
    rate = benchmark.SETTINGS[where].rates[0]
    ends = benchmark.side_by_side(names, seeds, where, regularisation, rate, steps=3)
    assert list(ends) == list(itertools.product(names, seeds))
    for (name, seed), end in ends.items():
        run = benchmark.fit(name, where, regularisation, rate, seed, steps=3)
        alone = run.sample(benchmark.SETTINGS[where].samples, seed)
        begun = benchmark.fit(name, where, regularisation, 1e-30, seed, steps=1)
        moved = alone - begun.sample(benchmark.SETTINGS[where].samples, seed)
        # Adam's first step has the size of the rate whatever the slope, also where rounding alone
        # decides its sign.
        assert (end.samples - alone).norm() < 0.02 * moved.norm()
        assert end.broken is None


def test_a_run_that_breaks_keeps_its_last_generator_and_harms_no_other(monkeypatch):
    monkeypatch.setitem(benchmark.SETTINGS, "ring", dataclasses.replace(RING, steps=12))
    names = ("nonsaturating", "exponential")
    both = benchmark.side_by_side(names, (0,), "ring", "none", 300.0)
    broken, whole = both["exponential", 0], both["nonsaturating", 0]
    assert broken.samples.isfinite().all() and whole.broken is None
    alone = benchmark.side_by_side(("nonsaturating",), (0,), "ring", "none", 300.0)
    torch.testing.assert_close(whole.samples, alone["nonsaturating", 0].samples)
    with pytest.raises(FloatingPointError, match=f"step {broken.broken}:"):
        benchmark.fit("exponential", "ring", "none", 300.0, 0)


def test_what_diverged_is_what_broke_or_left_the_bound():
    row = {"broken": None, "outputs": benchmark.BOUND}
    assert not benchmark.diverged(row)
    assert benchmark.diverged(row | {"broken": 3})
    assert benchmark.diverged(row | {"outputs": 1.01 * benchmark.BOUND})


def test_the_divergence_of_two_gaussians_is_that_of_a_sample_of_their_densities():
    """All samples at one point: smoothed, they are a Gaussian too."""
    density, noise, point = data.gaussian([0.1, -0.2], 0.1), 0.05, torch.tensor([0.15, -0.1])
    found = benchmark.divergence(point.repeat(10, 1), density, noise)
    wide = data.gaussian([0.1, -0.2], math.hypot(0.1, noise)), data.gaussian(point, noise)
    rng, terms = torch.Generator().manual_seed(0), []
    for each in wide:
        x = each.sample(200_000, rng).double()
        log_p, log_q = (one.log_prob(x) for one in wide)
        middle = torch.logaddexp(log_p, log_q) - math.log(2)
        terms.append(each.log_prob(x) - middle)
    exact = sum(float(each.mean()) for each in terms) / 2
    error = math.hypot(*(float(each.std()) / 200_000**0.5 for each in terms)) / 2
    assert found == pytest.approx(exact, abs=4 * error)


def test_the_divergence_goes_from_nothing_to_log_2():
    ring = benchmark.source("ring")
    real = ring.sample(2500, torch.Generator().manual_seed(0))
    assert 0 < benchmark.divergence(real, ring) < 0.02
    one_mode = real[real[:, 0] > 0.9]
    eighth = [math.log(16 / 9) / 2, math.log(16 / 9) / 16, 7 * math.log(2) / 16]
    known = eighth[0] + math.log(2 / 9) / 16 + eighth[2]
    assert benchmark.divergence(one_mode, ring) == pytest.approx(known, abs=0.02)
    for far in (0 * real, 1e6 + real):
        assert benchmark.divergence(far, ring) == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize(
    ("samples", "noise", "why"),
    [
        (torch.zeros(5, 3), 0.05, r"shape \(n, 2\) with n ≥ 1, not \(5, 3\)"),
        (torch.zeros(0, 2), 0.05, r"not \(0, 2\)"),
        (torch.tensor([[0.0, math.nan]]), 0.05, "not finite"),
        (torch.zeros(5, 2), 0.0, "above 0, not 0.0"),
        (torch.zeros(5, 2), math.nan, "above 0, not nan"),
    ],
)
def test_what_has_no_divergence_is_refused(samples, noise, why):
    with pytest.raises(Refused, match=why):
        benchmark.divergence(samples, benchmark.source("ring"), noise)


def test_no_steps_are_none_and_not_all_of_them(monkeypatch):
    monkeypatch.setitem(benchmark.SETTINGS, "ring", RING)
    with pytest.raises(Refused, match="steps"):
        benchmark.fit("kl", "ring", "none", 1e-2, 0, steps=0)
    begun = benchmark.side_by_side(("kl",), (0,), "ring", "none", 1e-2, steps=0)["kl", 0]
    moved = benchmark.side_by_side(("kl",), (0,), "ring", "none", 1e-2)["kl", 0]
    assert begun.outputs == 0 and not torch.equal(begun.samples, moved.samples)


def tried(name, rate, seed, value, **more):
    row = {"objective": name, "data": "ring", "regularisation": "R1", "rate": rate, "seed": seed}
    return row | {"divergence": value, "broken": None, "outputs": 1.0} | more


def test_the_rate_is_chosen_by_the_mean_over_the_seeds_that_were_tried():
    slow, fast = benchmark.SETTINGS["ring"].rates
    first, second = benchmark.TRIED
    rows = [tried("hinge", slow, first, 0.1), tried("hinge", slow, second, 0.4)]
    rows += [tried("hinge", fast, first, 0.2), tried("hinge", fast, second, 0.2)]
    rows += [tried("kl", fast, first, 0.0), tried("hinge", slow, benchmark.SEEDS[0], 0.0)]
    assert benchmark.best_rate(rows, "hinge", "ring", "R1") == fast
    rows[2]["outputs"] = 2 * benchmark.BOUND
    assert benchmark.best_rate(rows, "hinge", "ring", "R1") == slow


def test_no_seed_is_judged_by_that_had_a_part_in_the_choice():
    assert not set(benchmark.TRIED) & set(benchmark.SEEDS)


def expected_runs(rows):
    cells = itertools.product(benchmark.OBJECTIVES, benchmark.SETTINGS, benchmark.REGULARISATIONS)
    for name, where, regularisation in cells:
        best = benchmark.best_rate(rows, name, where, regularisation)
        for rate, seed in itertools.product(benchmark.SETTINGS[where].rates, benchmark.TRIED):
            yield name, where, regularisation, rate, seed
        for seed in benchmark.SEEDS:
            yield name, where, regularisation, best, seed


def runs_in(rows):
    keys = ("objective", "data", "regularisation", "rate", "seed")
    return [tuple(row[key] for key in keys) for row in rows]


def without_clock(found):
    return {key: value for key, value in found.items() if key != "seconds"}


@pytest.mark.slow
def test_a_measurement_that_was_stopped_goes_on(small, tmp_path, monkeypatch):
    whole, parts = tmp_path / "whole.json", tmp_path / "parts.json"
    said = []
    expected = benchmark.measure(whole, said.append)
    assert sorted(runs_in(expected["rows"])) == sorted(expected_runs(expected["rows"]))
    assert re.match(r"\d+ of 56 runs: ring, none, rate 0.004", said[0])
    made, real = [], benchmark.side_by_side

    def counted(names, seeds, *arguments, **options):
        made.extend((*run, *arguments[:3]) for run in itertools.product(names, seeds))
        return real(names, seeds, *arguments, **options)

    def stop(text):
        if len(made) > 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(benchmark, "side_by_side", counted)
    with pytest.raises(KeyboardInterrupt):
        benchmark.measure(parts, stop)
    assert 20 < len(json.loads(parts.read_text("utf-8"))["rows"]) == len(made) < 56
    assert without_clock(benchmark.measure(parts, said.append)) == without_clock(expected)
    assert len(made) == len(set(made)) == 56
    written = json.loads(parts.read_text("utf-8"))
    assert without_clock(written) == without_clock(json.loads(whole.read_text("utf-8")))


@pytest.mark.slow
def test_runs_that_were_made_otherwise_are_not_mixed_with_others(small, tmp_path, monkeypatch):
    out = tmp_path / "kept.json"
    benchmark.measure(out, lambda text: None)
    before = out.read_text("utf-8")
    monkeypatch.setattr(benchmark, "NOISE", 0.1)
    with pytest.raises(Refused, match=r"kept\.json holds runs that were made with other noise;"):
        benchmark.measure(out, lambda text: None)
    assert out.read_text("utf-8") == before


@pytest.mark.slow
def test_the_command_measures_and_shows_a_table(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cli.main(["bench", "objectives"])
    shown = capsys.readouterr().out
    header = next(line for line in shown.splitlines() if line.startswith("data "))
    assert header.split()[:4] == ["data", "objective", "regularisation", "rate"]
    assert len([line for line in shown.splitlines() if line.startswith("ring ")]) == 4
    assert len(benchmarks.read(tmp_path / "objectives.json")["rows"]) == 56
    section = bench.objectives(out=tmp_path / "objectives.json")  # all is there already
    first = section["rows"][0]
    assert set(first) >= {"modes", "high quality", "JS, nats", "diverged %", "seconds"}


def test_seconds_are_those_of_a_step_over_the_plain_one(small, monkeypatch):
    """With a clock that goes on by as much as the discriminator has looked at."""
    ticks, spent = [0.0], {"none": 1.0, "R1": 2.5}

    def fit(name, where, regularisation, *arguments, callback):
        ticks[0] += 100  # to set it up, which does not count
        for step in range(1, benchmark.TIMED + benchmark.WARM_UP + 1):
            ticks[0] += spent[regularisation] + (name == "kl")
            callback(step, None)

    monkeypatch.setattr(benchmark, "fit", fit)
    monkeypatch.setattr(benchmark.time, "process_time", lambda: ticks[0])
    found = benchmark.seconds()
    known = {("nonsaturating", "none"): 1, ("nonsaturating", "R1"): 2.5}
    known |= {("kl", "none"): 2, ("kl", "R1"): 3.5}
    assert {(row["objective"], row["regularisation"]): row["seconds"] for row in found} == known


# The committed file ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results():
    return benchmark.results()


def test_the_file_has_every_run_of_every_cell(results):
    runs = runs_in(results["rows"])
    assert len(runs) == len(set(runs)) and set(runs) == set(expected_runs(results["rows"]))
    assert benchmark.OBJECTIVES == tuple(catalog)
    timed = [(row["objective"], row["regularisation"]) for row in results["seconds"]]
    assert timed == list(itertools.product(benchmark.OBJECTIVES, benchmark.REGULARISATIONS))
    assert len(benchmark.cells(results["rows"])) == 17 * 3 * 3


def test_the_file_says_how_it_was_made(results):
    made = results["provenance"]
    settings = {where: dataclasses.asdict(each) for where, each in benchmark.SETTINGS.items()}
    assert made["settings"] == json.loads(json.dumps(settings))
    assert (made["tried"], made["seeds"]) == (list(benchmark.TRIED), list(benchmark.SEEDS))
    assert (made["end"], made["noise"], made["bound"]) == (
        benchmark.END,
        benchmark.NOISE,
        benchmark.BOUND,
    )
    assert made["threads"] == 1 and {"torch", "gancode", "date"} <= made.keys()


def test_the_file_has_pictures_of_every_cell_of_the_digits(results):
    cells = itertools.product(benchmark.OBJECTIVES, benchmark.REGULARISATIONS)
    assert set(results["sheets"]) == {f"{name}, {each}" for name, each in cells}
    for sheet in results["sheets"].values():
        assert pictures(sheet).shape == (benchmark.PICTURES, *benchmark.SHAPE)
    assert benchmark.RESULTS.stat().st_size < 600_000
