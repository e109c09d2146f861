"""The benchmark of objectives on digits: its results are whole, and it can be run again."""

import pytest
import torch
from sympy import exp, log, sqrt

from gancode.benchmarks import least_squares as benchmark
from gancode.calculus import a, b, prove


def test_the_results_hold_every_rate_that_was_tried_and_every_seed_at_the_best():
    table = benchmark.results()
    runs = [(row["objective"], row["rate"], row["seed"]) for row in table["rows"]]
    expected = {
        (name, rate, seed)
        for name in benchmark.OBJECTIVES
        for rate in benchmark.RATES
        for seed in benchmark.TRIED
    } | {
        (name, benchmark.best_rate(table["rows"], name), seed)
        for name in benchmark.OBJECTIVES
        for seed in benchmark.SEEDS
    }
    assert len(runs) == len(set(runs)) and set(runs) == expected
    kept = {"steps": benchmark.STEPS, "batch_size": benchmark.BATCH}
    assert kept.items() <= table["provenance"].items()
    assert set(table["sheets"]) == set(benchmark.OBJECTIVES)


def test_no_seed_is_judged_by_that_had_a_part_in_the_choice():
    assert not set(benchmark.TRIED) & set(benchmark.SEEDS)


def test_the_best_rate_is_that_of_the_least_product_over_the_seeds_that_were_tried():
    def row(rate, seed, frechet, objective="one"):
        return {"objective": objective, "rate": rate, "seed": seed, "frechet": frechet}

    first, second = benchmark.TRIED
    rows = [row(rate, seed, 10.0) for rate in benchmark.RATES for seed in benchmark.TRIED]
    rows += [row(rate, seed, 9.0, "other") for rate in benchmark.RATES for seed in benchmark.TRIED]
    best, misleading = benchmark.RATES[1:3]
    for made in rows:
        if made["objective"] == "one" and made["rate"] == best:
            made["frechet"] = 4.0 if made["seed"] == first else 20.0
    rows.append(row(misleading, benchmark.SEEDS[0], 0.1))
    assert benchmark.best_rate(rows, "one") == best


@pytest.mark.parametrize("focus", [1, 2])
def test_the_focal_loss_is_that_of_its_paper(focus):
    D = 1 / (1 + exp(-a))
    made = benchmark.focal(focus)
    assert prove(made.real_loss, -((1 - D) ** focus) * log(D)).status == "proved"
    assert prove(made.generator, made.real_loss.subs(a, b)).status == "proved"


def test_the_alpha_loss_of_order_two_is_that_of_its_paper():
    made = benchmark.alpha_loss(2)
    on_data, mirrored = (2 * (1 - sqrt(1 / (1 + exp(-x)))) for x in (a, -b))
    assert prove(made.critic, on_data + mirrored).status == "proved"
    assert prove(made.generator, on_data.subs(a, b)).status == "proved"


def test_spread_is_one_of_digits_and_nothing_of_a_single_image():
    _, held_out = benchmark.digits()
    assert benchmark.spread(held_out) == pytest.approx(1)
    assert benchmark.spread(held_out[:1].repeat(100, 1, 1, 1)) == pytest.approx(0, abs=1e-3)


@pytest.mark.slow
def test_a_run_can_be_repeated():
    (run, first), (_, second) = (benchmark.fit("focal", 1e-3, 3, steps=2) for _ in range(2))
    assert torch.equal(first, second)
    made = {"objective", "rate", "seed", "spread"} | set(benchmark.row(run, first))
    assert made == set(benchmark.results()["rows"][0])
