"""Pairs and penalties at their best rates: what differs between games, and the file of results."""

import json

import pytest
import torch

from gancode.benchmarks import coverage, relativistic


def test_the_results_hold_every_choice_and_every_run_and_say_how_they_were_made():
    found = relativistic.results()
    cells = {(row["game"], row["data"], row["rate"], row["seed"]) for row in found["rows"]}
    assert len(cells) == len(found["rows"])
    for game in relativistic.GAMES:
        for where in coverage.DATA:
            rate = relativistic.best_rate(found["rows"], game, where)
            tried = {(r, s) for r in relativistic.RATES for s in relativistic.TRIED}
            wanted = tried | {(rate, s) for s in relativistic.SEEDS}
            assert {cell[2:] for cell in cells if cell[:2] == (game, where)} == wanted
    made = {
        "games": relativistic.GAMES,
        "settings": relativistic.constants(),
        "steps": relativistic.STEPS,
        "rates": relativistic.RATES,
        "tried": relativistic.TRIED,
        "seeds": list(relativistic.SEEDS),
        "threads": 1,
    }
    assert json.loads(json.dumps(made)).items() <= found["provenance"].items()
    assert not set(relativistic.TRIED) & set(relativistic.SEEDS)


def test_the_best_rate_is_that_of_the_least_mean_over_the_seeds_that_are_tried():
    def row(rate, seed, distance, where="ring"):
        return {"game": "R1", "data": where, "rate": rate, "seed": seed, "distance": distance}

    slow, fast = relativistic.RATES[:2]
    rows = [row(rate, seed, 9.0) for rate in relativistic.RATES for seed in relativistic.TRIED]
    rows += [row(slow, 0, -99.0), row(slow, 10, -99.0, "grid")]  # judged, and of other data
    rows[2]["distance"] = 1.0
    assert relativistic.best_rate(rows, "R1", "ring") == fast


def test_without_r2_generated_samples_are_not_penalised():
    run = [("ring", 0)]
    games = {name: relativistic.train(name, 6e-3, run, steps=3) for name in relativistic.GAMES}
    ends = list(games.values())
    assert ends[0].shape == (1, relativistic.SAMPLES, 2)
    assert not any(x.equal(y) for k, x in enumerate(ends) for y in ends[:k])
    both = coverage.sharp(penalty="2..0.002", discriminator_lr=6e-3)
    settings = relativistic.SETTINGS | {"generator_lr": 6e-3, "steps": 3}
    assert games["R1"].equal(coverage.train(both, run, r2=False, **settings))
    assert not games["R1"].equal(coverage.train(both, run, **settings))


@pytest.mark.parametrize("game", ["2014", "R1"])
def test_the_rate_is_that_of_both_players(game):
    run = [("ring", 0)]
    slow, fast = (relativistic.train(game, rate, run, steps=2) for rate in (1e-3, 6e-3))
    assert not slow.equal(fast)


def test_samples_of_the_data_are_near_it():
    ring = relativistic.data.ring()
    points = ring.sample(1000, torch.Generator().manual_seed(1)).float()
    near, far = (relativistic.judged(x, "ring", 0) for x in (points, points + 1))
    assert near["distance"] < 0.1 and near["covered"] == 8
    assert far["distance"] == pytest.approx(2**0.5, abs=0.1)


def test_the_floor_is_the_distance_of_other_data():
    floors = [relativistic.floor(where, 0) for where in ("ring", "grid")]
    assert floors[0] == pytest.approx(0.041, abs=1e-3)
    assert 0.2 < floors[1] < 0.4
    assert relativistic.floor("ring", 1) != floors[0]
