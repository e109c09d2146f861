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


@pytest.mark.slow
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


def stretched(kernel, power=4):
    """As positive as the kernel is, and large far from zero."""

    def size(a):
        return (1 + np.sum(a**2, axis=1)) ** power

    return lambda a, b: size(a)[:, None] * kernel(distances(a, b)) * size(b)


@pytest.mark.parametrize("far", [1e2, 1e4, 1e8])
def test_an_outlier_hides_nothing(far):
    x, y = samples(60, 60)
    x[17] = far
    for kernel in (lambda r: np.exp(-(r**3)), lambda r: np.exp(-r) - 0.5, lambda r: r < 1.0):
        with pytest.raises(Refused, match="not positive"):
            metrics.maximum_mean_discrepancy(x, y, stretched(kernel))
    for kernel in (lambda r: np.exp(-(r**2)), lambda r: np.exp(-r), lambda r: r == 0):
        found = metrics.maximum_mean_discrepancy(x, y, stretched(kernel), biased=True)
        assert 0 <= found.value < np.inf


class Steeper(Gaussian):
    """Of a class that is positive, and not positive itself."""

    def __call__(self, x, y):
        return np.exp(-((distances(x, y) / self.bandwidth) ** 4))


def one_pair(value):
    """A kernel that has a value at one pair only, which few samples of 200 see."""

    def kernel(a, b):
        at = (np.abs(a[:, :1] - 3) < 1e-9) & (np.abs(b[None, :, 0] - 3) < 1e-9)
        return np.where(at, value, Laplace(1)(a, b))

    return kernel


OWN = [
    (Steeper(1.0), "not positive"),
    (lambda a, b: Gaussian(1)(a, b) + 0j, "finite numbers.*not complex128"),
    (lambda a, b: Gaussian(1)(a, b) * 1j, "finite numbers.*not complex128"),
    (lambda a, b: Gaussian(1)(a, b).astype(object), "not object"),
    (one_pair(np.nan), "not finite"),
    (one_pair(np.inf), "not finite"),
    (lambda a, b: -Gaussian(1)(a, b), "not positive"),
    (lambda a, b: 1 - Gaussian(1)(a, b), "not positive"),
    (lambda a, b: 0 * distances(a, b) - 1e-30, "not positive"),
    (lambda a, b: np.where(distances(a, b) == 0, 0, 1e-3), "not positive"),
    (lambda a, b: (a[:, :1] < 0) & (b[:, 0] > -np.inf), "not symmetric|not positive"),
    (lambda a, b: np.where(np.arange(len(a))[:, None] > np.arange(len(b)), 0.9, 1), "symmetric"),
]


@pytest.mark.parametrize(("kernel", "said"), OWN)
def test_a_kernel_of_ones_own_that_is_none_is_refused(kernel, said):
    x, y = samples(500, 60)
    x[499, 0] = 3
    with pytest.raises(Refused, match=said):
        metrics.maximum_mean_discrepancy(x, y, kernel)


@pytest.mark.parametrize("order", [1, -1])
def test_a_kernel_is_looked_at_all_over_a_sorted_sample(order):
    x, y = (np.sort(np.random.default_rng(k).normal(size=1000))[::order] for k in (0, 1))

    def kernel(a, b):  # Laplace's on one side, none on the other
        r = np.abs(a - b.T)
        return np.where((order * a > 0) & (order * b.T > 0), np.exp(-(r**4)), (r == 0))

    with pytest.raises(Refused, match="not positive"):
        metrics.maximum_mean_discrepancy(x, y, kernel)


@pytest.mark.parametrize(
    "kernel",
    [
        lambda a, b: 0 * distances(a, b),
        lambda a, b: 1 + 0 * distances(a, b),
        lambda a, b: 1e-200 * Gaussian(1)(a, b),
        lambda a, b: 1e100 * Gaussian(1)(a, b),
        lambda a, b: a @ b.T,
        lambda a, b: (a @ b.T) ** 4,
        lambda a, b: distances(a, 0 * a[:1]) + distances(0 * b[:1], b) - distances(a, b),
        lambda a, b: (a[:, :1] > 0) & (b[:, 0] > 0),
        lambda a, b: Gaussian(1)(a, b).astype(np.float32),
        lambda a, b: np.minimum(np.abs(a[:, :1]), np.abs(b[:, 0])),
    ],
)
def test_a_kernel_of_ones_own_that_is_positive_is_taken(kernel):
    x, y = samples(60, 60)
    x[3] = 0
    assert metrics.maximum_mean_discrepancy(x, y, kernel, biased=True).value >= 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_the_biased_one_has_the_bias_that_it_says(seed):
    """Drawn with replacement from a few points, over which E k(x, x′) is a plain mean."""
    rng = np.random.default_rng(seed)
    p, q = rng.normal(size=(7, 1)), rng.normal(1, 2, size=(5, 1))
    kernel, n, m = Polynomial(2), 60, 50
    true = kernel(p, p).mean() + kernel(q, q).mean() - 2 * kernel(p, q).mean()
    values = [
        metrics.maximum_mean_discrepancy(rng.choice(p, n), rng.choice(q, m), kernel, True).value
        for _ in range(400)
    ]
    bias = sum(
        (kernel(each, each).trace() / len(each) - kernel(each, each).mean()) / size
        for each, size in ((p, n), (q, m))
    )
    assert np.mean(values) - true == pytest.approx(bias, abs=4 * np.std(values) / 20)


def test_the_biased_one_is_not_below_zero_by_rounding():
    x, _ = samples(60, 50)
    measures = [
        *(lambda a, b, k=k: metrics.maximum_mean_discrepancy(a, b, k, True) for k in PLAIN),
        lambda a, b: metrics.energy_distance(a, b, biased=True),
        lambda a, b: metrics.cramer_distance(a[:, 0], b[:, 0], biased=True),
    ]
    for shift in np.linspace(0, 1000, 11):
        for measure in measures:
            twice = np.concatenate([x, x])
            assert 0 <= measure(x + shift, twice + shift).value < np.inf


PLAIN = [kernel for kernel, _ in KERNELS.values()]


def test_what_overflows_is_refused():
    x, y = samples(60, 50)
    with pytest.raises(Refused, match="not finite"), np.errstate(over="ignore", invalid="ignore"):
        metrics.maximum_mean_discrepancy(1e200 * x, y, Polynomial(3))


@pytest.mark.parametrize("alpha", [1e-6, 1.0, 1e6, 1e12, 1e17, 1e300])
def test_a_rational_quadratic_kernel_comes_to_a_gaussian_one(alpha):
    x = np.linspace(0, 3, 7)[:, None]
    found = RationalQuadratic(0.8, alpha)(x, x)
    assert (found.diagonal() == 1).all()
    if alpha >= 1e6:
        assert found == pytest.approx(Gaussian(0.8)(x, x), rel=1e-4)


@pytest.mark.parametrize("degree", [np.int64(3), 100])
def test_degrees_that_are_taken(degree):
    x, y = samples(60, 50)
    found = metrics.maximum_mean_discrepancy(x / 10, y / 10, Polynomial(degree), biased=True)
    assert 0 < found.value < np.inf


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Polynomial(10**9), "degree=1000000000 must be.*100 at most"),
        (lambda: Polynomial(101), "100 at most"),
        (lambda: Polynomial(0), "positive integer"),
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
