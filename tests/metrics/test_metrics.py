"""Scores of samples, against exact distributions, SciPy, torchmetrics and plain loops."""

import json
import math
import tracemalloc
import warnings

import numpy as np
import pytest
import safetensors
import scipy.linalg
import scipy.optimize
import scipy.spatial
import scipy.stats
import torch
from torch import nn
from tree import ROOT

from gancode import data, metrics
from gancode.metrics import digits as classifier
from gancode.metrics import estimate

DIGITS = ROOT / "gancode" / "features" / "digits.safetensors"


def spread(estimates):
    """Over many estimates: their mean, its standard error, their deviation, and the mean square
    root of the errors that they claim."""
    values = np.array([float(estimate) for estimate in estimates])
    claimed = math.sqrt(np.mean([estimate.error**2 for estimate in estimates]))
    return values.mean(), values.std(ddof=1) / math.sqrt(len(values)), values.std(ddof=1), claimed


# Modes


def test_modes_of_samples_placed_by_hand():
    mixture = data.mixture([0.0, 100.0, 200.0, 300.0], 1.0, [0.5, 0.25, 0.25, 0])
    samples = [0.0] * 10 + [102.9] * 6 + [203.1] * 4
    found = metrics.modes(torch.tensor(samples), mixture)
    assert (found.covered, found.total) == (2, 3)  # a mode of weight zero is none
    assert found.high_quality.value == 0.8
    # Samples of low quality count in the histogram.
    exact = scipy.stats.entropy([0.5, 0.3, 0.2], [0.5, 0.25, 0.25])
    assert found.reverse_kl.value == pytest.approx(exact, rel=1e-12)
    assert found.perfect_reverse_kl == 2 / 40


def test_the_nearest_mode_is_so_in_standard_deviations():
    mixture = data.mixture([0.0, 10.0], [3.0, 0.1])
    found = metrics.modes(np.full(10, 8.0), mixture)  # 2.7 deviations from 0, 20 from 10
    assert (found.covered, found.high_quality.value) == (1, 1.0)
    assert found.reverse_kl.value == pytest.approx(math.log(2))


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_a_perfect_sampler_has_the_high_quality_of_the_chi_distribution(dim):
    mixture = data.mixture(torch.arange(4.0)[:, None] * 100 * torch.ones(dim), 2.0, [1, 2, 3, 4])
    samples = mixture.sample(40_000, torch.Generator().manual_seed(0))
    found = metrics.modes(samples, mixture)
    exact = scipy.stats.chi.cdf(3, dim)
    assert found.covered == 4
    assert found.high_quality.value == pytest.approx(exact, abs=4 * found.high_quality.error)
    assert found.high_quality.error == pytest.approx(math.sqrt(exact * (1 - exact) / 40_000), 0.1)


@pytest.mark.parametrize("share", ["perfect", "uneven", "few modes"])
def test_the_reverse_divergence_has_the_bias_and_the_error_that_it_claims(share):
    mixture = data.grid()
    n, k = 2500, 25
    shares = {
        "perfect": np.full(k, 1 / k),
        "uneven": np.arange(1, k + 1) / (k * (k + 1) / 2),
        "few modes": np.repeat([0.2, 0.0], [5, 20]),
    }[share]
    rng = np.random.default_rng(0)
    draws = [
        np.repeat(mixture.means.numpy(), rng.multinomial(n, shares), axis=0) for _ in range(400)
    ]
    found = [metrics.modes(x, mixture) for x in draws]
    mean, mean_error, deviation, claimed = spread([one.reverse_kl for one in found])
    bias = ((shares > 0).sum() - 1) / (2 * n)
    assert mean - bias == pytest.approx(
        scipy.stats.entropy(shares, np.full(k, 1 / k)), abs=4 * mean_error
    )
    # A deviation from 400 draws has an error of 3.5 %, and what is clipped at zero adds up to 24 %.
    assert 0.86 < claimed / deviation < 1.35
    assert found[0].perfect_reverse_kl == (k - 1) / (2 * n)


def test_a_sampler_of_one_mode_has_the_logarithm_of_their_number():
    mixture = data.ring()
    found = metrics.modes(mixture.means[:1].repeat(500, 1), mixture)
    assert found.covered == 1
    assert found.reverse_kl.value == pytest.approx(math.log(8))


# Precision and recall


def precision_by_loops(real, generated, k):
    radii = [sorted(math.dist(x, y) for y in real)[k] for x in real]
    inside = [
        any(math.dist(x, g) <= r for x, r in zip(real, radii, strict=True)) for g in generated
    ]
    return sum(inside) / len(generated)


@pytest.mark.parametrize("k", [1, 3])
def test_precision_and_recall_are_those_of_plain_loops(k, monkeypatch):
    rng = np.random.default_rng(k)
    real, generated = rng.normal(size=(60, 3)), rng.normal(0.7, 0.5, size=(45, 3))
    found = metrics.precision_recall(torch.tensor(real), generated, k)
    assert found.precision.value == precision_by_loops(real, generated, k)
    assert found.recall.value == precision_by_loops(generated, real, k)
    assert 0 < found.recall.value < found.precision.value
    monkeypatch.setattr(estimate, "BLOCK", 100)  # one or two rows at a time
    assert metrics.precision_recall(real, generated, k) == found


def test_precision_falls_with_samples_far_away_and_recall_with_modes_left_out():
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.normal(size=(300, 2)), rng.normal(50, 1, size=(100, 2))])
    one_mode = rng.normal(size=(200, 2)).clip(-1, 1)
    far = np.full((50, 2), -300.0)
    found = metrics.precision_recall(real, np.concatenate([one_mode, far]))
    assert found.precision.value == pytest.approx(0.8, abs=0.02)
    assert found.recall.value <= 0.75
    assert found.precision.error == pytest.approx(math.sqrt(0.8 * 0.2 / 250), rel=0.05)


def test_far_from_the_origin_points_are_as_near_as_at_it():
    """Distances by a matrix product would lose all digits there. On a grid many of them tie."""
    rng = np.random.default_rng(0)
    real, generated = rng.integers(-3, 4, size=(60, 3)), rng.integers(-5, 6, size=(60, 3))
    found = metrics.precision_recall(real, generated)
    assert found.precision.value == precision_by_loops(real, generated, 3) < 1
    assert metrics.precision_recall(real + 2**30, generated + 2**30) == found


def test_a_set_has_full_precision_and_recall_against_itself_and_an_error_even_then():
    x = np.repeat(np.random.default_rng(0).normal(size=(20, 8)), 5, axis=0)  # radii of zero
    found = metrics.precision_recall(x, x)
    assert (found.precision.value, found.recall.value) == (1, 1)
    assert found.precision.error == pytest.approx(0.01, rel=0.05)  # about 1/n


# Transport


def ellipses(rng, n, m, d=2):
    """A sample of a round normal distribution, and one of a shifted and stretched other."""
    return rng.normal(size=(n, d)), rng.normal([1] + [0] * (d - 1), [2] + [0.5] * (d - 1), (m, d))


@pytest.mark.parametrize("of", ["two samples", "a sample and a distribution"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_between_fresh_samples_the_distance_varies_by_its_error(order, of):
    rng = np.random.default_rng(0)
    n, m, times = 80, 60, 200
    _, fixed = ellipses(rng, n, m)

    def once():
        x, y = ellipses(rng, n, m)
        if of == "two samples":
            return metrics.wasserstein(x, y, order)
        return metrics.wasserstein(x, fixed, order, (None, np.full(m, 1 / m)))

    found = [once() for _ in range(times)]
    *_, deviation, claimed = spread([metrics.Estimate(f.distance, f.error) for f in found])
    # The deviation is known to 1/√(2·times) = 5 %.
    assert claimed == pytest.approx(deviation, rel=0.2)


@pytest.mark.parametrize("order", [1, 2])
def test_the_error_of_a_distance_between_coins_is_that_of_their_means(order):
    """A share |Δ| of the points is moved by 1: the cost is the difference of two means."""
    x, y = (np.arange(n) < heads for n, heads in ((50, 30), (80, 20)))
    found = metrics.wasserstein(x, y, order)
    of_cost = math.sqrt(0.6 * 0.4 / 49 + 0.25 * 0.75 / 79)
    assert found.distance == pytest.approx(0.35 ** (1 / order))
    of_root = {1: 1, 2: 1 / (2 * math.sqrt(0.35))}[order]
    assert found.error == pytest.approx(of_cost * of_root, rel=1e-9)


def test_the_error_of_a_distance_is_an_upper_one_where_it_has_no_normal_limit():
    """Coins of the same law: |Δ| is half a bell, of the deviation √(1 − 2/π) of a whole one."""
    rng = np.random.default_rng(0)
    found = [metrics.wasserstein(*(rng.random((2, 60)) < 0.5)) for _ in range(300)]
    *_, deviation, claimed = spread([metrics.Estimate(f.distance, f.error) for f in found])
    assert claimed / deviation == pytest.approx(1 / math.sqrt(1 - 2 / math.pi), rel=0.15)


def test_distributions_have_no_sampling_error_and_neither_have_equal_samples():
    rng = np.random.default_rng(0)
    x, y = ellipses(rng, 40, 30)
    few = metrics.wasserstein([0, 1], [0.5], 2, ([0.25, 0.75], [1]))
    assert (few.distance, few.error) == (0.5, 0)
    same = metrics.wasserstein(x, x[::-1], 2)
    assert (same.distance, same.error) == (0, 0)
    assert metrics.wasserstein(x, y).error > 0


@pytest.mark.parametrize("order", [0.01, 0.5, 1, 2, 3, 10])
@pytest.mark.parametrize("unit", [1e-150, 1e-12, 1e-4, 1.0, 1e8])
def test_in_another_unit_the_distance_is_the_same(unit, order):
    """POT takes costs below 1e-14 for zero, and any plan for the best."""
    x, y = ellipses(np.random.default_rng(0), 40, 30)
    known, found = metrics.wasserstein(x, y, order), metrics.wasserstein(unit * x, unit * y, order)
    assert found.distance == pytest.approx(unit * known.distance, rel=1e-9)
    assert found.error == pytest.approx(unit * known.error, rel=1e-6)
    for one, other in zip(found.potentials, known.potentials, strict=True):
        assert one.std() == pytest.approx(unit**order * other.std(), rel=1e-6)


def test_a_point_far_away_in_both_hides_nothing():
    x, y = ellipses(np.random.default_rng(0), 40, 40)
    x[0] = y[0] = 1e5
    cost = scipy.spatial.distance.cdist(x, y, "sqeuclidean")
    known = cost[scipy.optimize.linear_sum_assignment(cost)].mean()
    assert metrics.wasserstein(x, y, 2).distance ** 2 == pytest.approx(known, rel=1e-5)


@pytest.mark.parametrize("order", [1, 2])
def test_a_shift_has_the_sliced_distance_of_one_coordinate_of_the_sphere(order):
    rng = np.random.default_rng(0)
    d, shift = 5, np.array([3.0, 0, 0, 0, -4])
    x = rng.normal(size=(40, d))
    moment = {
        1: 2 * math.gamma(d / 2) / math.gamma((d - 1) / 2) / math.sqrt(math.pi) / (d - 1),
        2: 1 / d,
    }
    exact = 5 * moment[order] ** (1 / order)
    found = [
        metrics.sliced_wasserstein(x, x[::-1] + shift, order, projections=60, seed=seed)
        for seed in range(200)
    ]
    mean, mean_error, *_ = spread(found)
    assert mean == pytest.approx(exact, abs=4 * mean_error + 0.01 * exact)  # bias of the root


@pytest.mark.parametrize(("n", "m", "d"), [(200, 300, 2500), (300, 40, 10_000)])
def test_a_distance_holds_as_many_numbers_as_it_says(n, m, d):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    tracemalloc.start()
    found = metrics.wasserstein(x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The points in float64, a few of n·m (cost, plan, what the solver makes), and of one block.
    numbers = (n + m) * d + 10 * n * m + 4 * estimate.BLOCK
    assert peak < 8 * numbers < 8 * n * m * d / 3
    cost = scipy.spatial.distance.cdist(x, y)
    assert found.distance == pytest.approx((found.plan * cost).sum(), rel=1e-12)


TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


@pytest.mark.parametrize("dtype", TYPES)
def test_tensors_of_every_type_are_points(dtype):
    x, y = torch.randn(2, 60, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    x.requires_grad_()
    plain = x.detach().double().numpy(), y.double().numpy()
    for measure in (
        lambda x, y: metrics.wasserstein(x, y).distance,
        metrics.sliced_wasserstein,
        metrics.frechet_distance,
        metrics.kernel_distance,
        metrics.precision_recall,
        lambda x, y: (
            metrics.gaussian_wasserstein(x[0], torch.eye(3).to(x), y[0], torch.eye(3))
            if torch.is_tensor(x)
            else metrics.gaussian_wasserstein(x[0], np.eye(3), y[0], np.eye(3))
        ),
        lambda x, y: metrics.modes(x, data.mixture(np.eye(3), 1.0)),
    ):
        assert measure(x, y) == measure(*plain)


@pytest.mark.parametrize(
    ("dtype", "make"),
    [*((dtype, torch.Tensor.clone) for dtype in TYPES)]
    + [(dtype, torch.Tensor.numpy) for dtype in TYPES[:3]],  # NumPy has no bfloat16
)
@pytest.mark.parametrize("n", [30, 1000])
def test_weights_sum_to_one_as_well_as_their_type_can(dtype, n, make):
    weights = torch.rand(n, generator=torch.Generator().manual_seed(0)).to(dtype)
    weights = weights / weights.sum()
    x, y = torch.linspace(0, 1, n), torch.zeros(1)
    found = metrics.wasserstein(x, y, 1, (make(weights), [1.0]))
    exact = weights.double() / weights.double().sum()
    assert found.distance == pytest.approx((exact @ x.double()).item(), rel=1e-9)
    assert found.plan.sum() == pytest.approx(1, abs=1e-12)
    with pytest.raises(ValueError, match="the weights of x must be"):
        metrics.wasserstein(x, y, 1, (make(weights * 0.98), [1.0]))


def test_the_sum_of_the_report_is_taken():
    weights = np.full(3, 1 / 3, np.float32)
    weights[0] = np.float32(0.99999988) - weights[1] - weights[2]
    assert weights.astype(np.float64).sum() == pytest.approx(0.99999988, abs=3e-8)
    metrics.wasserstein([0, 1, 2], [1], 2, (weights, [1]))
    # In float64 too, or as a list: they were in float32 before.
    for cast in (weights.astype(np.float64), weights.tolist()):
        assert metrics.wasserstein([0, 1, 2], [1], 2, (cast, [1])).plan.sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="with sum 1, not .* sum 0.99998"):
        metrics.wasserstein([0, 1, 2], [1], 2, (weights.astype(np.float64) * (1 - 1e-5), [1]))
    for bad in ([np.nan, 0.5, 0.5], [np.inf, 0, 0]):
        with pytest.raises(ValueError, match="none negative"):
            metrics.wasserstein([0, 1, 2], [1], 2, (bad, [1]))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    ("n", "m", "d", "projections"), [(400, 400, 4, 10), (60, 40, 4, 200), (40, 40, 300, 20)]
)
def test_a_sliced_distance_varies_by_its_error_with_directions_and_points(
    n, m, d, projections, order
):
    """Most of it in the first is of the directions, in the second of the points, in the third of
    points in directions."""
    rng = np.random.default_rng(0)
    found = [
        metrics.sliced_wasserstein(*ellipses(rng, n, m, d), order, projections, seed)
        for seed in range(200)
    ]
    *_, deviation, claimed = spread(found)
    assert claimed == pytest.approx(deviation, rel=0.2)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_on_the_line_the_sliced_distance_is_the_distance_and_so_is_its_error(order):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=50), rng.exponential(size=51)  # so that the potentials are unique
    found = metrics.sliced_wasserstein(x, torch.tensor(y), order)
    exact = metrics.wasserstein(x, y, order)
    assert found.value == pytest.approx(exact.distance, rel=1e-9)
    assert found.error == pytest.approx(exact.error, rel=1e-9)
    assert metrics.sliced_wasserstein(x, x) == metrics.Estimate(0.0, 0.0)


def test_sliced_distances_come_from_their_seed_alone():
    x, y = np.random.default_rng(0).normal(size=(2, 30, 4))
    state = np.random.get_state()[1].copy()
    first, again, other = (metrics.sliced_wasserstein(x, y, seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    assert (np.random.get_state()[1] == state).all()


# Fréchet and kernel distances


@pytest.fixture
def features():
    """Correlated, skewed, of different sizes, in nine dimensions of which one is dead."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(8, 8))
    real, generated = rng.normal(size=(400, 8)) @ mix, rng.exponential(size=(300, 8)) @ mix + 0.3
    return tuple(np.pad(x, ((0, 0), (0, 1))) for x in (real, generated))


class Unchanged(nn.Identity):
    """The feature extractor that torchmetrics asks for."""

    num_features = 9


def by_torchmetrics(kind, real, generated, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the memory that it takes
        from torchmetrics.image import fid, kid

        metric = getattr(fid if kind.startswith("F") else kid, kind)(
            feature=Unchanged(), **options
        ).set_dtype(torch.float64)
    metric.update(torch.tensor(real), real=True)
    metric.update(torch.tensor(generated), real=False)
    return metric.compute()


def test_the_frechet_distance_is_that_of_torchmetrics_and_scipy(features):
    real, generated = features
    found = metrics.frechet_distance(torch.tensor(real), generated)
    reference = by_torchmetrics("FrechetInceptionDistance", real, generated)
    assert found.value == pytest.approx(float(reference), rel=1e-8)
    covariances = [np.cov(x[:, :8], rowvar=False) for x in features]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    shift = ((real.mean(0) - generated.mean(0)) ** 2).sum()
    exact = shift + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert found.value == pytest.approx(exact, rel=1e-10)


def test_the_kernel_distance_is_that_of_torchmetrics(features):
    real, generated = features[0][:300], features[1]
    found = metrics.kernel_distance(torch.tensor(real), generated)
    reference, _ = by_torchmetrics(
        "KernelInceptionDistance", real, generated, subsets=1, subset_size=300
    )
    assert found.value == pytest.approx(float(reference), rel=1e-9)


def test_kernel_distances_of_unequal_sizes_are_those_of_plain_sums(features):
    x, y = features[0][:70], features[1][:53]

    def k(a, b):
        return (a @ b / 9 + 1) ** 3

    xx = np.mean([k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    yy = np.mean([k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    xy = np.mean([k(a, b) for a in x for b in y])
    assert metrics.kernel_distance(x, y).value == pytest.approx(xx + yy - 2 * xy, rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_bias_and_the_error_of_a_frechet_distance_are_those_it_claims(shift):
    rng = np.random.default_rng(0)
    n, m = 100, 150
    found = [
        metrics.frechet_distance(rng.normal(size=n), rng.normal(shift, 1, size=m))
        for _ in range(300)
    ]
    mean, mean_error, deviation, claimed = spread(found)
    # (m − m′)² + (s − s′)² of normal samples: variances σ²/n of the mean, σ²/2n of the deviation.
    bias = 1.5 * (1 / n + 1 / m)
    assert mean == pytest.approx(shift**2 + bias, abs=4 * mean_error)
    assert np.mean([one.bias for one in found]) == pytest.approx(bias, rel=0.2)
    # Where the distance is zero its error is of second order, and the jackknife's is an upper one.
    assert (0.9 if shift else 1) < claimed / deviation < (1.15 if shift else 1.7)


def test_correcting_a_frechet_distance_takes_most_of_its_bias_away():
    rng = np.random.default_rng(0)
    found = [metrics.frechet_distance(*rng.normal(size=(2, 500, 16))) for _ in range(10)]
    raw = np.mean([one.value for one in found])
    corrected = np.mean([one.value - one.bias for one in found])
    assert abs(corrected) < raw / 10


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_the_kernel_distance_is_unbiased_with_the_error_that_it_claims(shift):
    rng = np.random.default_rng(0)
    found = [
        metrics.kernel_distance(rng.normal(size=80), rng.normal(shift, 1, 60)) for _ in range(200)
    ]
    mean, mean_error, deviation, claimed = spread(found)
    # E (xy + 1)³ = 1 + 3 m₁n₁ + 3 m₂n₂ + m₃n₃ from the moments of x and y.
    p, q = ([center, center**2 + 1, center**3 + 3 * center] for center in (0.0, shift))
    exact = sum(c * (u - v) ** 2 for c, u, v in zip((3, 3, 1), p, q, strict=True))
    assert mean == pytest.approx(exact, abs=4 * mean_error)
    assert 0.8 < claimed / deviation < 1.8


@pytest.mark.parametrize("metric", [metrics.frechet_distance, metrics.kernel_distance])
def test_the_error_is_that_of_leaving_out_one_group_after_another(metric, features):
    x, y = features[0][:90], features[1][:70]
    found = metric(x, y)

    def without_each(points):
        groups = estimate.in_groups(points)
        return [np.concatenate(groups[:i] + groups[i + 1 :]) for i in range(len(groups))]

    left_out = (
        [metric(some, y).value for some in without_each(x)],
        [metric(x, some).value for some in without_each(y)],
    )
    assert [len(values) for values in left_out] == [25, 25]
    variance = sum(24 / 25 * np.square(v - np.mean(v)).sum() for v in left_out)
    assert found.error == pytest.approx(math.sqrt(variance), rel=1e-6)
    if metric is metrics.frechet_distance:
        bias = sum(24 * (np.mean(values) - found.value) for values in left_out)
        assert found.bias == pytest.approx(bias, rel=1e-6)


@pytest.mark.parametrize("metric", [metrics.frechet_distance, metrics.kernel_distance])
def test_samples_may_come_sorted(metric):
    """Digits may come sorted by their label; groups of one label each would vary far too much."""
    rng = np.random.default_rng(0)
    real = rng.choice([-1, 1], size=1000) + rng.normal(0, 0.1, size=1000)
    generated = rng.choice([-1, 1], p=[0.3, 0.7], size=1000) + rng.normal(0, 0.1, size=1000)
    plain, by_label = metric(real, generated), metric(np.sort(real), np.sort(generated))
    assert by_label.value == pytest.approx(plain.value, rel=1e-9)
    assert by_label.error == pytest.approx(plain.error, rel=0.5)


@pytest.mark.parametrize("others", [0, 1])
def test_a_generator_of_almost_one_point_has_a_frechet_distance(others):
    """Without the others its covariance is zero, and must not be negative by rounding."""
    rng = np.random.default_rng(0)
    real = rng.normal(size=(200, 3))
    generated = np.tile([0.1, 1e5 / 3, -0.7], (77, 1))
    generated[:others] = rng.normal(size=3)
    found = metrics.frechet_distance(real, generated)
    covariances = [np.cov(x, rowvar=False) for x in (real, generated)]
    means = real.mean(0), generated.mean(0)
    exact = metrics.gaussian_wasserstein(means[0], covariances[0], means[1], covariances[1])
    assert found.value == pytest.approx(exact**2, rel=1e-10)


# Digits


@pytest.fixture(scope="module")
def digits():
    images, labels = data.mnist_5k()
    return images, labels, *metrics.digit_features(images)


def test_the_classifier_knows_the_digits(digits):
    images, labels, features, probabilities = digits
    assert (probabilities.argmax(1) == labels).double().mean() >= 0.99
    assert features.shape == (5000, 64) and features.dtype == torch.float32
    torch.testing.assert_close(probabilities.sum(1), torch.ones(5000))
    # Standardised over the whole training set, of which these are a twelfth.
    torch.testing.assert_close(features.mean(0), torch.zeros(64), atol=0.15, rtol=0)
    torch.testing.assert_close(features.var(0), torch.ones(64), atol=0.25, rtol=0)


def test_features_of_an_image_depend_on_it_alone(digits):
    images, _, features, probabilities = digits
    few = images[[7, 4000, 1234], 0].double().numpy()  # without channels, and of another type
    again = metrics.digit_features(few)
    torch.testing.assert_close(again[0], features[[7, 4000, 1234]], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(again[1], probabilities[[7, 4000, 1234]], atol=1e-4, rtol=1e-4)


def test_features_tell_noise_from_digits(digits):
    images, _, features, _ = digits
    order = torch.randperm(5000, generator=torch.Generator().manual_seed(0))
    one, other = features[order].split(2500)
    noise = torch.rand(500, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    far = metrics.frechet_distance(one, metrics.digit_features(noise)[0])
    near = metrics.frechet_distance(one, other)
    assert far.value > 20 * near.value
    assert abs(near.value - near.bias) < 4 * near.error + 0.1


def test_reading_the_classifier_leaves_the_random_states_alone():
    classifier._digit_classifier.cache_clear()
    before = torch.get_rng_state()
    features, _ = metrics.digit_features(torch.zeros(1, 1, 28, 28, requires_grad=True))
    assert torch.equal(torch.get_rng_state(), before)
    assert not features.requires_grad


def test_the_weights_say_what_made_them():
    assert DIGITS.stat().st_size <= 500_000
    with safetensors.safe_open(DIGITS, framework="pt") as file:
        said = file.metadata()
    assert said["command"].endswith("python tools/digit_features.py")
    assert (ROOT / "tools" / "digit_features.py").is_file()
    assert 0.99 <= float(said["test_accuracy"]) <= 1
    assert set(json.loads(said["versions"])) == {"python", "torch"}
    assert {"seed", "epochs", "date", "data", "machine"} <= set(said)


ONES, MIXTURE = np.ones((60, 2)), data.grid()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: metrics.modes(np.ones((124, 2)), MIXTURE), "124 samples are too few.*least 125"),
        (lambda: metrics.modes(np.ones((500, 3)), MIXTURE), "3 coordinates.*mixture has 2"),
        (lambda: metrics.modes(np.full((500, 2), np.nan), MIXTURE), "not finite"),
        (lambda: metrics.precision_recall(ONES, ONES, 60), "real has 60 points.*k=60"),
        (lambda: metrics.precision_recall(ONES, ONES[:30], 30), "generated has 30 points.*k=30"),
        (lambda: metrics.precision_recall(ONES[:24], ONES), "real has 24 points.*at least 25"),
        (lambda: metrics.precision_recall(ONES, ONES[:24]), "generated has 24 points, too few"),
        (lambda: metrics.precision_recall(ONES, ONES, 0), "k must be at least 1"),
        (lambda: metrics.precision_recall(ONES, ONES[:, :1]), "generated has 1"),
        (lambda: metrics.sliced_wasserstein(ONES, ONES, projections=1), "at least 2 projections"),
        (lambda: metrics.sliced_wasserstein(ONES, ONES, 0.5), "order must be at least 1, not 0.5"),
        (lambda: metrics.sliced_wasserstein(ONES, ONES, math.inf), "at least 1, not inf"),
        (lambda: metrics.wasserstein(ONES, ONES, math.inf), "positive, not inf, and at most 10"),
        (lambda: metrics.wasserstein(ONES, ONES, math.nan), "positive, not nan"),
        (lambda: metrics.wasserstein(ONES, ONES, 11), "positive, not 11, and at most 10"),
        (lambda: metrics.wasserstein(ONES, ONES, 1, np.full(60, 1 / 60)), "a pair.*not ndarray"),
        (lambda: metrics.wasserstein(ONES, ONES, 1, None), "a pair.*not NoneType"),
        (lambda: metrics.wasserstein(ONES + 1j, ONES), "complex"),
        (lambda: metrics.wasserstein(torch.ones(60) + 1j, np.ones(60)), "complex"),
        (lambda: metrics.sliced_wasserstein(ONES[:24], ONES), "x has 24 points.*at least 25"),
        (lambda: metrics.sliced_wasserstein(ONES, ONES[:24]), "y has 24 points, too few"),
        (lambda: metrics.wasserstein(ONES[:24], ONES), "x has 24 points, too few.*at least 25"),
        (lambda: metrics.wasserstein(ONES, ONES[:24]), "y has 24 points, too few"),
        (
            lambda: metrics.wasserstein(ONES[:2], ONES[:2], 1, ([0.5, 0.5], None)),
            "y has 2 points, too few",
        ),
        (lambda: metrics.sliced_wasserstein(ONES, ONES[:, :1]), "x has 2 coordinates and y has 1"),
        (
            lambda: metrics.frechet_distance(np.eye(60), np.ones((70, 60))),
            "60 real features in 60 dim",
        ),
        (
            lambda: metrics.frechet_distance(np.ones((70, 60)), np.eye(60)),
            "60 generated features in 60 dim",
        ),
        (lambda: metrics.frechet_distance(ONES[:49], ONES), "49 real features are too few"),
        (lambda: metrics.kernel_distance(ONES, ONES[:49]), "49 generated features are too few"),
        (lambda: metrics.kernel_distance(ONES, ONES[:, :1]), "real features has 2 coordinates"),
        (lambda: metrics.digit_features(torch.zeros(2, 3, 28, 28)), r"not \(2, 3, 28, 28\)"),
        (lambda: metrics.digit_features(torch.zeros(0, 28, 28)), "n > 0"),
        (lambda: metrics.digit_features(torch.full((1, 28, 28), 255)), "images / 127.5 - 1"),
        (lambda: metrics.digit_features(torch.full((1, 28, 28), math.nan)), "not from nan to nan"),
    ],
)
def test_wrong_use_names_what_was_given(call, message):
    with pytest.raises(ValueError, match=message):
        call()
