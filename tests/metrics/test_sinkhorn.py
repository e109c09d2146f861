"""Entropic transport beside POT, grids of weights, closed forms, and its two limits."""

import numpy as np
import pytest
import scipy.linalg
from scipy import stats

from gancode import Refused, metrics
from gancode.metrics.transport import _pot


def samples(n, m, d=2, shift=0.5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(shift, 1.3, size=(m, d))


def squares(x, y):
    return ((x[:, None] - y[None]) ** 2).sum(-1)


def on_a_grid(mean, covariance, side):
    """A normal density as weights: (points, weights)."""
    mean, covariance = np.atleast_1d(mean), np.atleast_2d(covariance)
    width = 4.8 * np.sqrt(covariance.diagonal())
    lines = [np.linspace(m - w, m + w, side) for m, w in zip(mean, width, strict=True)]
    points = np.stack(np.meshgrid(*lines), -1).reshape(-1, len(mean))
    weights = stats.multivariate_normal(mean, covariance).pdf(points)
    return points, weights / weights.sum()


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("epsilon", [0.3, 1.0, 30.0])
def test_plan_and_cost_are_those_of_pot(epsilon, order):
    x, y = samples(40, 55)
    cost = squares(x, y) ** (order / 2)
    a, b = np.full(40, 1 / 40), np.full(55, 1 / 55)
    plan = _pot().sinkhorn(
        a, b, cost, epsilon, method="sinkhorn_log", stopThr=1e-12, numItermax=100_000
    )
    known = (plan * cost).sum() + epsilon * (plan * np.log(plan / np.outer(a, b))).sum()
    found = metrics.entropic_transport(x, y, epsilon, order)
    assert found.plan == pytest.approx(plan, abs=1e-7)
    assert found.cost == pytest.approx(known, abs=1e-5)
    assert found.plan.sum(1) == pytest.approx(a, abs=1e-12)
    assert np.abs(found.plan.sum(0) - b).sum() == pytest.approx(found.violation, abs=1e-12)
    assert found.violation <= 1e-6
    u, v = found.potentials
    assert a @ u + b @ v == pytest.approx(found.cost)
    assert np.outer(a, b) * np.exp((u[:, None] + v - cost) / epsilon) == pytest.approx(found.plan)


LINES = [((0, 1), (1, 0.5), 0.3), ((-1, 1.5), (2, 2.0), 2.0), ((0, 1), (0, 1), 40.0)]


@pytest.mark.parametrize(("one", "other", "epsilon"), LINES)
def test_on_the_line_the_closed_form_is_that_of_a_grid(one, other, epsilon):
    laws = [(m, s**2) for m, s in (one, other)]
    (x, a), (y, b) = (on_a_grid(*law, 201) for law in laws)
    found = metrics.entropic_transport(x, y, epsilon, weights=(a, b))
    assert found.error == 0
    moments = [each for m, v in laws for each in ([m], [[v]])]
    known = metrics.gaussian_entropic_transport(*moments, epsilon)
    assert found.cost == pytest.approx(known, rel=1e-4)
    covariance = (x - one[0])[:, 0] @ found.plan @ (y - other[0])[:, 0]
    product = one[1] * other[1]
    root = (np.sqrt(epsilon**2 + 16 * product**2) - epsilon) / 4
    assert covariance == pytest.approx(root, rel=1e-3)
    debiased = metrics.sinkhorn_divergence(x, y, epsilon, weights=(a, b))
    known = metrics.gaussian_sinkhorn_divergence(*moments, epsilon)
    assert debiased.value == pytest.approx(known, rel=1e-3, abs=1e-5)


COVARIANCES = [
    ([[1.0, 0.6], [0.6, 0.8]], [[0.5, -0.2], [-0.2, 1.5]]),
    ([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.7], [0.7, 1.0]]),
]


@pytest.mark.parametrize("epsilon", [0.7, 5.0])
@pytest.mark.parametrize("pair", COVARIANCES)
def test_in_the_plane_the_closed_form_is_that_of_a_grid(pair, epsilon):
    (x, a), (y, b) = (on_a_grid(m, s, 31) for m, s in zip(([0, 0], [1, -0.5]), pair, strict=True))
    found = metrics.entropic_transport(x, y, epsilon, weights=(a, b)).cost
    known = metrics.gaussian_entropic_transport([0, 0], pair[0], [1, -0.5], pair[1], epsilon)
    assert found == pytest.approx(known, rel=2e-4)


@pytest.mark.parametrize("d", [1, 3, 6])
def test_the_closed_form_is_the_published_one(d):
    """Janati et al. 2020, theorem 1, with epsilon = 2σ²."""
    rng = np.random.default_rng(d)
    one, other = (np.cov(rng.normal(size=(d, 3 * d + 2))).reshape(d, d) for _ in "pq")
    mean, half = rng.normal(size=d), 0.4  # σ²
    root = scipy.linalg.sqrtm(one)
    middle = scipy.linalg.sqrtm(4 * root @ other @ root + half**2 * np.eye(d)).real
    known = mean @ mean + np.trace(one + other - middle) + d * half * (1 - np.log(2 * half))
    known += half * np.linalg.slogdet(middle + half * np.eye(d))[1]
    found = metrics.gaussian_entropic_transport(mean, one, np.zeros(d), other, 2 * half)
    assert found == pytest.approx(known, rel=1e-10)


def test_between_normal_distributions_it_comes_to_the_exact_one_and_to_independence():
    one, other = np.diag([1.0, 0.0]), np.array([[2.0, 0.5], [0.5, 0.3]])  # a line is one too
    given = ([0, 0], one, [1, 2], other)
    exact = metrics.gaussian_wasserstein(*given) ** 2
    for measure in (metrics.gaussian_entropic_transport, metrics.gaussian_sinkhorn_divergence):
        assert measure(*given, 1e-9) == pytest.approx(exact, rel=1e-6)
    apart = 5 + np.trace(one + other)
    assert metrics.gaussian_entropic_transport(*given, 1e9) == pytest.approx(apart, rel=1e-6)
    # What is left is the square of the difference of means.
    assert metrics.gaussian_sinkhorn_divergence(*given, 1e9) == pytest.approx(5, rel=1e-6)
    same = metrics.gaussian_sinkhorn_divergence([0, 0], other, [0, 0], other, 0.3)
    assert same == pytest.approx(0, abs=1e-12)


def test_the_divergence_comes_to_its_two_limits():
    x, y = samples(50, 60)
    energy = metrics.energy_distance(x, y, biased=True).value
    assert metrics.sinkhorn_divergence(x, y, 1e5, 1).value == pytest.approx(energy / 2, rel=1e-3)
    x, y = samples(30, 30, d=1)
    exact = metrics.wasserstein(x, y, 2).distance ** 2
    near = metrics.sinkhorn_divergence(x, y, 0.05, iterations=10**6).value
    assert near == pytest.approx(exact, abs=0.02)
    assert metrics.entropic_transport(x, y, 0.05, iterations=10**6).cost > exact


@pytest.mark.parametrize("order", [0.5, 1, 2])
def test_the_divergence_is_zero_for_a_sample_and_itself_and_the_cost_is_not(order):
    x, y = samples(30, 40)
    assert metrics.sinkhorn_divergence(x, x[::-1], 0.5, order).value == pytest.approx(0, abs=1e-5)
    assert metrics.entropic_transport(x, x, 0.5, order).cost > 0.1
    assert metrics.sinkhorn_divergence(x, y, 0.5, order).value > 1e-3


@pytest.mark.parametrize("epsilon", [0.5, 4.0])
@pytest.mark.parametrize("mean, deviation", [(1, 0.5), (0.4, 1)])  # far, and near each other
def test_errors_are_those_of_repetition(mean, deviation, epsilon):
    laws = [0], [[1]], [mean], [[deviation**2]]
    for measure, known in (
        (
            lambda x, y: metrics.entropic_transport(x, y, epsilon),
            metrics.gaussian_entropic_transport(*laws, epsilon),
        ),
        (
            lambda x, y: metrics.sinkhorn_divergence(x, y, epsilon),
            metrics.gaussian_sinkhorn_divergence(*laws, epsilon),
        ),
    ):
        rng = np.random.default_rng(0)
        found = [measure(rng.normal(size=150), rng.normal(mean, deviation, 120)) for _ in range(80)]
        values = [getattr(each, "cost", getattr(each, "value", None)) for each in found]
        claimed = np.sqrt(np.mean([each.error**2 for each in found]))
        assert 0.75 < claimed / np.std(values) < 1.35
        # Their bias is of order 1/n, here well below the deviation.
        assert np.mean(values) == pytest.approx(known, abs=np.std(values))


def test_the_gradient_is_that_with_the_plan_held_still():
    x, y = samples(30, 35)
    found = metrics.entropic_transport(x, y, 0.8)
    slope = 2 * (found.plan.sum(1)[3] * x[3] - found.plan[3] @ y)
    for axis in (0, 1):
        costs = []
        for step in (1e-3, -1e-3):
            moved = x.copy()
            moved[3, axis] += step
            costs.append(metrics.entropic_transport(moved, y, 0.8).cost)
        assert (costs[0] - costs[1]) / 2e-3 == pytest.approx(slope[axis], abs=2e-3 / 30)


def test_points_without_weight_do_not_count():
    x, y = samples(30, 30)
    weights = np.full(30, 1 / 30)
    known = metrics.entropic_transport(x, y, 0.5, weights=(weights, weights))
    more, none = np.concatenate([x, [[50.0, -50.0]]]), np.append(weights, 0)
    found = metrics.entropic_transport(more, y, 0.5, weights=(none, weights))
    assert found.cost == pytest.approx(known.cost, abs=1e-6)
    assert not found.plan[-1].any()
    assert metrics.entropic_transport(x, y, 0.5).error > 0 == known.error


def test_points_without_weight_on_both_sides_do_not_count():
    """Far from all others and near each other, so what they would send there is beyond floats."""
    x, y = samples(30, 30)
    weights, none = np.full(30, 1 / 30), np.append(np.full(30, 1 / 30), 0)
    far = [np.concatenate([each, [[1e3, 0]]]) for each in (x, y)]
    for measure, value in (
        (metrics.entropic_transport, "cost"),
        (metrics.sinkhorn_divergence, "value"),
    ):
        known = getattr(measure(x, y, 0.5, weights=(weights, weights)), value)
        found = measure(*far, 0.5, weights=(none, none))
        assert getattr(found, value) == pytest.approx(known, abs=1e-6)
    plan = metrics.entropic_transport(*far, 0.5, weights=(none, none)).plan
    assert plan.sum() == pytest.approx(1) and not plan[-1].any() and not plan[:, -1].any()


def test_normal_distributions_that_are_nearly_independent():
    """With equal means (s² − t²)²/epsilon is left, of which differences would keep nothing."""
    found = metrics.gaussian_sinkhorn_divergence([0], [[1]], [0], [[4]], 1e7)
    assert found == pytest.approx(9e-7, rel=1e-6)


@pytest.mark.parametrize("shift", [0, 30, 1e4])
def test_a_set_far_away_is_reached(shift):
    """exp(−cost/epsilon) is zero in floating point, and the plan is none the worse."""
    x, y = samples(40, 40)
    near, far = (metrics.entropic_transport(x, y + s, 0.5) for s in (0, shift))
    assert far.plan == pytest.approx(near.plan, abs=1e-6)


SMALL = samples(30, 30)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: metrics.entropic_transport(*SMALL, 0), "epsilon=0 must be positive.*wasserstein"),
        (lambda: metrics.sinkhorn_divergence(*SMALL, -1.0), "epsilon=-1.0 must be positive"),
        (lambda: metrics.entropic_transport(*SMALL, np.inf), "epsilon=inf"),
        (lambda: metrics.sinkhorn_divergence(*SMALL, np.nan), "epsilon=nan"),
        (lambda: metrics.entropic_transport(*SMALL, 1, 0), "order must be positive, not 0"),
        (lambda: metrics.sinkhorn_divergence(*SMALL, 1, 3), "at most 2, not 3"),
        (lambda: metrics.sinkhorn_divergence(SMALL[0], np.zeros((30, 3)), 1), "coordinates"),
        (lambda: metrics.entropic_transport(SMALL[0], np.zeros((5, 2)), 1), "5 points, too few"),
        (
            lambda: metrics.entropic_transport(*SMALL, 1, weights=(np.ones(30), None)),
            "weights of x must be 30 numbers",
        ),
        (
            lambda: metrics.entropic_transport(*SMALL, 1e-3, iterations=100),
            "after 100 iterations .* larger iterations or epsilon",
        ),
        (lambda: metrics.sinkhorn_divergence(*SMALL, 1e-3, iterations=7), "after 7 iterations"),
        (lambda: metrics.entropic_transport(*SMALL, 1, iterations=0), "iterations=0 must be"),
        (
            lambda: metrics.entropic_transport(SMALL[0], 1e200 * SMALL[1], 1),
            "the costs are not finite",
        ),
        (
            lambda: metrics.gaussian_entropic_transport([0], [[1]], [0], [[1]], 0),
            "epsilon=0 must be positive",
        ),
        (
            lambda: metrics.gaussian_sinkhorn_divergence([0], [[1]], [0, 1], np.eye(2), 1),
            "means of shape",
        ),
        (
            lambda: metrics.gaussian_entropic_transport([0], [[-1]], [0], [[1]], 1),
            "positive semidefinite",
        ),
        (
            lambda: metrics.gaussian_wasserstein(np.ones((2, 2)), np.eye(2), [0, 0], np.eye(2)),
            r"means of shape \(d,\)",
        ),
        (
            lambda: metrics.gaussian_wasserstein(
                [0, 0], [[1e-9, 5e-10], [0, 1e-9]], [0, 0], np.eye(2)
            ),
            "must be symmetric",
        ),
        (
            lambda: metrics.gaussian_wasserstein([0], [[np.inf]], [0], [[1]]),
            "must be finite",
        ),
        (lambda: metrics.entropic_transport(*SMALL, 1, np.inf), "positive, not inf"),
    ],
)
def test_what_is_refused_says_why(call, said):
    with pytest.raises(Refused, match=said), np.errstate(over="ignore"):
        call()
