"""The trial of stabilising measures: its results are whole, and it can be played again."""

import itertools
import math

import pytest
import torch

from gancode.benchmarks import measures


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setitem(measures.SETTINGS, "steps", 20)


def test_the_results_hold_every_game_of_every_measure():
    table = measures.results()
    assert list(table["distances"]) == list(measures.MEASURES)
    assert {len(found) for found in table["distances"].values()} == {measures.GAMES}
    made = table["provenance"]
    assert made["settings"] == measures.SETTINGS
    kept = {"samples": measures.SAMPLES, "games": measures.GAMES, "seed": measures.SEED}
    assert kept.items() <= made.items()


def test_every_measure_changes_the_games_and_the_same_one_does_not(short):
    ends = [measures.play(2, **chosen) for chosen in measures.MEASURES.values()]
    for one, other in itertools.combinations(ends, 2):
        assert not one.equal(other)
    assert ends[0].equal(measures.play(2))
    assert all(found.shape == (2,) and found.isfinite().all() for found in ends)


@pytest.mark.parametrize(
    "name", ["nothing", "gradients clipped", "layer normalisation", "… weights clipped"]
)
def test_a_game_that_is_lost_leaves_the_others_alone(name, short, monkeypatch):
    network = measures._network

    def with_nan(inputs, games):
        parameters = network(inputs, games)
        parameters[0].data[1] = math.nan
        return parameters

    whole = measures.play(3, **measures.MEASURES[name])
    monkeypatch.setattr(measures, "_network", with_nan)
    found = measures.play(3, **measures.MEASURES[name])
    assert found.isnan().tolist() == [False, True, False]
    torch.testing.assert_close(found[::2], whole[::2])


def test_a_gradient_is_cut_down_to_its_length_in_each_game():
    slopes = [torch.full((2, 1, 4), 3.0), torch.full((2, 3, 1), 3.0)]
    slopes[0][1], slopes[1][1] = 1e-3, 1e-3
    cut = measures._clipped(slopes, 0.1)
    lengths = sum(slope.square().sum((1, 2)) for slope in cut).sqrt()
    assert lengths[0].item() == pytest.approx(0.1)
    assert cut[0][1].equal(slopes[0][1])


def test_a_ratio_is_of_geometric_means():
    value, error = measures.ratio([2.0, 8.0, 4.0], [1.0, 1.0, 1.0])
    assert value == pytest.approx(4)
    assert error == pytest.approx(math.log(2) / math.sqrt(3))
    assert measures.ratio([1.0, 2.0], [2.0, 1.0])[0] == pytest.approx(1)
