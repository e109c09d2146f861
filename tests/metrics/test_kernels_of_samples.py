"""Discrepancies of samples: plain sums, closed forms, and what they see and do not see."""

import numpy as np
import pytest
import torch
from sympy.stats import Normal

from gancode import Refused, metrics
from gancode.calculus import discrepancy as closed
from gancode.metrics.discrepancy import Gaussian, Laplace, Polynomial, RationalQuadratic

KERNELS = {
    "gaussian": (Gaussian(0.7), lambda r, dot: np.exp(-(r**2) / (2 * 0.49))),
    "laplace": (Laplace(0.7), lambda r, dot: np.exp(-r / 0.7)),
    "rational quadratic": (
        RationalQuadratic(0.7, 2.0),
        lambda r, dot: (1 + r**2 / (2 * 2.0 * 0.49)) ** -2.0,
    ),
    "polynomial": (Polynomial(2, 0.5, 3.0), lambda r, dot: (dot / 3 + 0.5) ** 2),
}


def samples(n, m, shift=0.4):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 2)), rng.normal(shift, 1.3, size=(m, 2))


def plain(x, y, k, biased):
    def mean(a, b):
        values = np.array([[k(np.linalg.norm(u - v), u @ v) for v in b] for u in a])
        if a is b and not biased:
            return (values.sum() - values.trace()) / (len(a) * (len(a) - 1))
        return values.mean()

    return mean(x, x) + mean(y, y) - 2 * mean(x, y)


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("name", KERNELS)
def test_a_discrepancy_is_that_of_plain_sums(name, biased):
    kernel, k = KERNELS[name]
    x, y = samples(63, 52)
    found = metrics.maximum_mean_discrepancy(x, torch.tensor(y), kernel, biased)
    assert found.value == pytest.approx(plain(x, y, k, biased), rel=1e-10)
    own = metrics.maximum_mean_discrepancy(x, y, lambda a, b: kernel(a, b), biased)
    assert own == found


@pytest.mark.parametrize("biased", [False, True])
def test_the_energy_distance_is_that_of_plain_sums(biased):
    x, y = samples(63, 52)
    found = metrics.energy_distance(x, y, biased).value
    assert found == pytest.approx(plain(x, y, lambda r, dot: -r, biased), rel=1e-10)


def test_the_biased_one_is_never_negative_and_zero_for_a_sample_and_itself():
    x, y = samples(60, 50, shift=0.0)
    for kernel, _ in KERNELS.values():
        assert metrics.maximum_mean_discrepancy(x, y, kernel, biased=True).value > 0
        same = metrics.maximum_mean_discrepancy(x, x, kernel, biased=True).value
        assert same == pytest.approx(0, abs=1e-12)
        assert metrics.maximum_mean_discrepancy(x, x, kernel).value < 0


def test_cramer_is_the_integral_of_the_squared_gap_of_distribution_functions():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=61), rng.exponential(size=57)
    places = np.sort(np.concatenate([x, y]))
    gaps = [(x <= at).mean() - (y <= at).mean() for at in places[:-1]]
    exact = np.sum(np.square(gaps) * np.diff(places))
    assert metrics.cramer_distance(x, y, biased=True).value == pytest.approx(exact, rel=1e-10)
    energy = metrics.energy_distance(x, y)
    assert metrics.cramer_distance(x, y).value == pytest.approx(energy.value / 2, rel=1e-12)


MEASURES = {
    "gaussian": (
        lambda x, y: metrics.maximum_mean_discrepancy(x, y, Gaussian(1.5)),
        lambda p, q: closed.maximum_mean_discrepancy(p, q, bandwidth=1.5),
    ),
    "laplace": (
        lambda x, y: metrics.maximum_mean_discrepancy(x, y, Laplace(1.5)),
        lambda p, q: closed.maximum_mean_discrepancy(p, q, "laplace", bandwidth=1.5),
    ),
    "polynomial": (
        lambda x, y: metrics.maximum_mean_discrepancy(x, y, Polynomial(2)),
        lambda p, q: closed.maximum_mean_discrepancy(p, q, "polynomial", degree=2),
    ),
    "energy": (metrics.energy_distance, closed.energy_distance),
}


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("name", MEASURES)
def test_the_estimate_is_unbiased_with_the_error_that_it_claims(name, shift):
    measure, form = MEASURES[name]
    rng = np.random.default_rng(0)
    found = [measure(rng.normal(size=70), rng.normal(shift, 1, 60)) for _ in range(120)]
    values = np.array([each.value for each in found])
    exact = float(form(Normal("x", 0, 1), Normal("y", shift, 1)))
    assert values.mean() == pytest.approx(exact, abs=4 * values.std() / np.sqrt(120))
    claimed = np.sqrt(np.mean([each.error**2 for each in found]))
    assert 0.8 < claimed / values.std() < 1.9


def test_a_polynomial_kernel_is_fooled_where_the_moments_agree():
    """±1 and a normal variable have the same first three moments."""
    rng = np.random.default_rng(0)
    signs, normal = rng.choice([-1.0, 1.0], 2000), rng.normal(size=2000)
    blind = metrics.maximum_mean_discrepancy(signs, normal, Polynomial(3))
    sees = metrics.maximum_mean_discrepancy(signs, normal, Gaussian(0.5))
    assert abs(blind.value) < 4 * blind.error and sees.value > 20 * sees.error


def distances(a, b):
    return np.linalg.norm(a[:, None] - b[None], axis=2)


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        (lambda a, b: -distances(a, b), "not positive.*eigenvalue -.*energy_distance"),
        (lambda a, b: np.tanh(1 - a @ b.T), "is not positive"),
        (lambda a, b: np.exp(-(distances(a, b) ** 3)), "is not positive"),
        (lambda a, b: a[:, :1] + 0 * b[:, 0], "not symmetric"),
        (lambda a, b: distances(a, b)[:2], "a matrix of finite numbers"),
        (lambda a, b: distances(a, b) * np.nan, "a matrix of finite numbers"),
    ],
)
def test_a_kernel_that_is_not_positive_is_refused(kernel, said):
    with pytest.raises(Refused, match=said):
        metrics.maximum_mean_discrepancy(*samples(60, 60), kernel)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Gaussian(0), "bandwidth=0 must be positive"),
        (lambda: Gaussian(float("nan")), "bandwidth=nan must be positive"),
        (lambda: Laplace(-1), "bandwidth=-1 must be positive"),
        (lambda: RationalQuadratic(1, 0), "alpha=0 must be positive"),
        (lambda: Polynomial(2.5), "degree=2.5 must be a positive integer.*not positive"),
        (lambda: Polynomial(3, -1), "offset=-1 .*not positive"),
        (lambda: Polynomial(3, 1, 0), "scale=0 must be positive"),
        (lambda: metrics.cramer_distance(*samples(60, 60)), "points on the line.*energy_distance"),
        (lambda: metrics.energy_distance(np.zeros(49), np.zeros(60)), "49 x are too few"),
        (
            lambda: metrics.maximum_mean_discrepancy(np.zeros(60), np.zeros(49), Gaussian(1)),
            "49 y are too few",
        ),
        (lambda: metrics.energy_distance(np.zeros(60), np.zeros((60, 2))), "coordinates"),
    ],
)
def test_what_is_refused_says_why(make, said):
    with pytest.raises(Refused, match=said):
        make()
