"""Noise, scores and drift: the kernel's fields are what they say, and the results are whole."""

import pytest
import torch

from gancode import data
from gancode.benchmarks import scores


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, value in {"steps": 3, "samples": 40, "kernel_samples": 50}.items():
        monkeypatch.setitem(scores.FIELD, name, value)
    monkeypatch.setitem(scores.GAME, "samples", 30)


def test_the_results_hold_every_method_and_every_width():
    table = scores.results()
    assert list(table["fields"]) == [str(noise) for noise in scores.NOISES]
    assert list(table["games"]) == list(scores.METHODS)
    for rows in table["fields"].values():
        assert len(rows) == len(scores.SEEDS)
    for name, game in table["games"].items():
        assert len(game["rows"]) == len(scores.SEEDS)
        assert len(game.get("other", [])) == (len(scores.SEEDS) if name in scores.CHECKED else 0)
        assert list(game["tried"]) == [str(rate) for rate in scores.RATES]
        assert game["tried"][str(game["rate"])] == min(game["tried"].values())


def test_rates_are_chosen_on_other_seeds_than_those_judged():
    assert not set(scores.TRIED) & set(scores.SEEDS)


def test_mean_shift_is_the_score_of_the_points_under_noise():
    points, x = torch.randn(20, 2, dtype=torch.float64), torch.randn(7, 2, dtype=torch.float64)
    to_mean, density = scores.shift(x[None], points[None], 0.5)
    smoothed = data.mixture(points, 0.5)
    torch.testing.assert_close(to_mean[0], 0.25 * smoothed.score(x))
    ratio = density[0, :, 0] / smoothed.log_prob(x).exp()
    torch.testing.assert_close(ratio, ratio[0].expand(7))


def test_drift_and_witness_are_slopes_of_what_is_smoothed():
    x, real = torch.randn(1, 9, 2, dtype=torch.float64), torch.randn(1, 9, 2, dtype=torch.float64)
    y = x[0].clone().requires_grad_()
    p, q = data.mixture(real[0], 0.7), data.mixture(x[0], 0.7)
    (slope,) = torch.autograd.grad((p.log_prob(y) - q.log_prob(y)).sum(), y)
    torch.testing.assert_close(scores.drift(x, real, 0.7)[0], 0.49 * slope)
    (slope,) = torch.autograd.grad((p.log_prob(y).exp() - q.log_prob(y).exp()).sum(), y)
    found = scores.witness(x, real, 0.7)[0]
    torch.testing.assert_close(found * (slope[0, 0] / found[0, 0]), slope)
    assert torch.equal(scores.drift(x, x, 0.7), torch.zeros_like(x))


@pytest.fixture
def in_double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", scores.METHODS)
def test_a_run_hangs_on_its_seed_alone(name, in_double):  # Adam magnifies the last digits
    together = scores.train(scores.METHODS[name], 1e-2, (1, 2), steps=3)
    alone = scores.train(scores.METHODS[name], 1e-2, (2,), steps=3)
    assert together.shape == (2, 30, 2)
    torch.testing.assert_close(together[1], alone[0], rtol=1e-9, atol=1e-9)


def test_fields_are_judged_against_the_exact_one():
    points, exact, found = scores.fields(0.5, 0)
    assert points.shape == exact.shape == (40, 1)
    errors = scores.errors(exact, {"critic": exact, "denoisers": 0 * exact})
    assert errors == pytest.approx({"critic": 0, "denoisers": 1, "apart": 1})
    assert set(scores.errors(exact, found)) == {"critic", "denoisers", "kernel", "apart"}


def test_a_step_towards_the_data_is_drawn_from_the_law_of_a_step_away():
    """The pair of one level and the next, made forth, and back from the data and the next."""
    rng = torch.Generator().manual_seed(0)
    n = 100_000

    def normal(rows, columns):
        return torch.randn(1, rows, columns, generator=rng)

    x = torch.full((1, n, 2), 0.7)
    for k in range(1, len(scores.KEPT)):
        level = torch.full((1, n, 1), k)
        less, more = scores.noised(x, level, normal)
        back = scores.posterior(x, more, level, normal)
        forth, back = (torch.stack([y, more]).flatten(1) for y in (less, back))
        torch.testing.assert_close(forth.mean(1), back.mean(1), atol=0.012, rtol=0)
        torch.testing.assert_close(forth.cov(), back.cov(), atol=0.02, rtol=0)
        known = torch.tensor(scores.KEPT[k]).sqrt() * 0.7
        torch.testing.assert_close(more.mean(), known, atol=0.01, rtol=0)
        assert forth[1].var() == pytest.approx(1 - scores.KEPT[k], abs=0.02)
