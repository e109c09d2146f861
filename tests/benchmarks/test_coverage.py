"""The table of coverage: its parts by hand, its runs independent, its file complete."""

import functools
import itertools
import json

import numpy as np
import pytest
import scipy.stats
import torch
from torch import nn

import gancode
from gancode import data
from gancode.benchmarks import coverage
from gancode.benchmarks.coverage import (
    Method,
    fourier,
    interval,
    mlp,
    packed,
    spread,
    train,
    unrolled,
)

SMALL = {"steps": 5, "samples": 40, "hidden": 8, "batch_size": 16}


def test_a_stack_of_perceptrons_is_each_of_them():
    rng = torch.Generator().manual_seed(0)
    weights = coverage.initial_weights([3, 5, 4, 2], [rng, torch.Generator().manual_seed(1)])
    x = torch.randn(2, 7, 3, generator=rng)
    stacked = mlp(weights, x)
    for k in range(2):
        layers = [nn.Linear(3, 5), nn.Linear(5, 4), nn.Linear(4, 2)]
        for layer, matrix, bias in zip(layers, weights[::2], weights[1::2], strict=True):
            layer.weight.data, layer.bias.data = matrix[k].detach().T, bias[k, 0].detach()
        alone = nn.Sequential(layers[0], nn.LeakyReLU(0.2), layers[1], nn.LeakyReLU(0.2), layers[2])
        torch.testing.assert_close(stacked[k], alone(x[k]))


def test_weights_begin_as_those_of_a_linear_layer():
    matrix, bias = coverage.initial_weights([25, 4000], [torch.Generator().manual_seed(0)])
    for drawn in (matrix, bias):
        assert drawn.abs().max() <= 1 / 5
        assert drawn.detach().std() == pytest.approx(1 / 5 / 3**0.5, rel=0.03)


def test_fourier_features_are_those_of_the_networks():
    layer = gancode.networks.FourierFeatures(2, 6)
    x = torch.randn(1, 5, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(fourier(x, layer.frequencies.T[None])[0], layer(x[0]))


def test_the_spread_is_that_of_neighbours_averaged_over_the_coordinates():
    x = torch.tensor([[[0.0, 0.0], [2.0, 4.0], [5.0, 5.0], [5.0, 5.0]]])
    assert spread(x, 2).shape == (1, 4, 1)
    assert spread(x, 2)[0, :, 0].tolist() == pytest.approx([1.5, 1.5, 1e-4, 1e-4], abs=1e-6)


def test_the_spread_of_equal_samples_has_a_finite_slope():
    x = torch.ones(1, 4, 2, requires_grad=True)
    spread(x, 4).sum().backward()
    assert x.grad.isfinite().all()


def test_a_pack_joins_neighbours_and_never_real_with_generated():
    real, generated = torch.zeros(1, 4, 2), torch.ones(1, 4, 2)
    packs = packed(torch.cat([real, generated], 1), 4)
    assert packs.shape == (1, 2, 8)
    assert packs[0].sum(1).tolist() == [0, 8]


def test_unrolling_differentiates_through_the_steps():
    """On ½(w − x)² K steps of size η give x + (1 − η)ᴷ(w − x)."""
    w, x = torch.tensor([3.0], dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64)
    w.requires_grad_(), x.requires_grad_()
    (ahead,) = unrolled([w], lambda weights: (weights[0] - x).square().sum() / 2, 4, 0.3)
    assert ahead.item() == pytest.approx(1 + 0.7**4 * 2)
    slope_w, slope_x = torch.autograd.grad(ahead, (w, x))
    assert slope_w.item() == pytest.approx(0.7**4) and slope_x.item() == pytest.approx(1 - 0.7**4)
    assert w.item() == 3  # the discriminator itself stays


@pytest.mark.parametrize("name", coverage.methods)
def test_runs_side_by_side_do_not_feel_each_other(name):
    method, runs = coverage.methods[name], [("ring", 0), ("grid", 1)]
    together = train(method, runs, **SMALL)
    for k, run in enumerate(runs):
        torch.testing.assert_close(together[k], train(method, [run], **SMALL)[0])


def test_every_method_is_a_run_of_its_own():
    methods = coverage.methods | coverage.unrolling
    ends = [train(method, [("ring", 0)], **SMALL) for method in methods.values()]
    for one, other in itertools.combinations(ends, 2):
        assert not one.equal(other)


def test_the_networks_see_the_data_divided_by_their_size(monkeypatch):
    """A ring four times as large, of size 4, is trained as the ring is."""
    small = train(Method(penalty=1), [("ring", 0)], **SMALL)
    wide = functools.partial(data.ring, radius=4.0, std=0.04)
    monkeypatch.setattr(data, "ring", wide)
    monkeypatch.setitem(coverage.DATA, "ring", 4.0)
    large = train(Method(penalty=1), [("ring", 0)], **SMALL)
    torch.testing.assert_close(large, 4 * small)


def test_a_penalty_may_be_a_number_or_a_schedule():
    run = [("ring", 0)]
    ends = [train(Method(penalty=weight), run, **SMALL) for weight in (3, "3", "3..0.1")]
    assert ends[0].equal(ends[1]) and not ends[0].equal(ends[2])


def test_looking_on_changes_nothing():
    seen = []

    def look(step, sample, critic):
        seen.append(sample(3))
        assert critic(seen[-1]).shape == (1, 3, 1)

    watched = train(Method(), [("ring", 0)], look, **SMALL)
    assert watched.equal(train(Method(), [("ring", 0)], **SMALL))
    assert [x.shape for x in seen] == [(1, 3, 2)] * 5 and not seen[0].equal(seen[1])


def test_the_recipes_are_trained_too():
    samples = coverage.train_recipes([("ring", 0), ("grid", 1)], steps=2, samples=40)
    assert samples.shape == (2, 40, 2) and samples.isfinite().all()


def test_gancode_seed_shifts_the_seeds(monkeypatch):
    first = train(Method(), [("ring", 0)], **SMALL)
    monkeypatch.setenv("GANCODE_SEED", "1")
    assert not first.equal(train(Method(), [("ring", 0)], **SMALL))


def test_the_interval_is_that_of_scipy():
    values = [3.0, 1.0, 4.0, 1.0, 5.0]
    low, high = scipy.stats.t.interval(0.95, 4, np.mean(values), scipy.stats.sem(values))
    mean, width = interval(values)
    assert (mean - width, mean + width) == pytest.approx((low, high))


def test_the_file_has_every_method_on_both_data_sets_and_its_means_are_those_of_its_runs():
    results = json.loads(coverage.RESULTS.read_text(encoding="utf-8"))
    rows = {(row["method"], row["data"]): row for row in results["rows"]}
    methods = coverage.methods | coverage.unrolling
    names = [*methods, coverage.RECIPE]
    assert set(rows) == {(name, where) for name in names for where in coverage.DATA}
    for row in rows.values():
        assert [run["seed"] for run in row["runs"]] == list(coverage.SEEDS)
        for quantity in coverage.QUANTITIES:
            assert row[quantity] == pytest.approx(interval([run[quantity] for run in row["runs"]]))
