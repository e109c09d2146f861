"""The area under a ROC curve, its error by simulation, and a threshold that keeps its promise."""

import math

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from gancode import Refused, metrics


def test_the_area_is_the_probability_that_an_anomaly_has_the_larger_score():
    rng = np.random.default_rng(0)
    normal, anomalous = rng.integers(0, 9, 30), rng.integers(3, 12, 40)  # with ties
    wins = (anomalous[:, None] > normal) + (anomalous[:, None] == normal) / 2
    area = metrics.auroc(normal, anomalous).value
    assert area == pytest.approx(wins.mean(), abs=1e-12)
    labels = np.repeat([0, 1], [30, 40])
    scores = np.concatenate([normal, anomalous])
    assert area == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    curve = metrics.roc_curve(normal, anomalous)
    assert curve.area == pytest.approx(area, abs=1e-12)
    theirs = roc_curve(labels, scores, drop_intermediate=False)
    for ours, other in zip((curve.false_positive, curve.true_positive), theirs, strict=False):
        assert ours == pytest.approx(other, abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_the_standard_error_is_the_deviation_over_samples(shift):
    """2,000 experiments know a deviation to 1.6 %."""
    rng = np.random.default_rng(1)
    found = [metrics.auroc(rng.normal(size=40), shift + rng.normal(size=90)) for _ in range(2000)]
    values, errors = np.array([[each.value, each.error] for each in found]).T
    expected = norm.cdf(shift / math.sqrt(2))
    assert values.mean() == pytest.approx(expected, abs=4 * values.std() / 2000**0.5)
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.08)


def test_hanley_and_mcneil_are_exact_for_exponential_scores():
    rng = np.random.default_rng(2)
    rate = 1 / 4  # area 1/(1 + rate)
    values = [
        metrics.auroc(rng.exponential(size=30), rng.exponential(1 / rate, size=50)).value
        for _ in range(4000)
    ]
    assert metrics.hanley_mcneil(0.8, 30, 50) == pytest.approx(np.std(values), rel=0.05)
    assert metrics.hanley_mcneil(0.95, 100, 900) == pytest.approx(0.007, abs=1e-4)
    assert metrics.hanley_mcneil(0.95, 900, 100) == pytest.approx(0.0153, abs=1e-4)
    with pytest.raises(Refused, match="from 0 to 1"):
        metrics.hanley_mcneil(1.2, 10, 10)
    with pytest.raises(Refused, match="positive"):
        metrics.hanley_mcneil(0.9, 0, 10)


def test_samples_that_do_not_overlap_still_have_an_error():
    perfect = metrics.auroc(range(50), range(100, 300))
    assert perfect.value == 1 and 0.01 < perfect.error < 0.03
    constant = metrics.auroc([1, 1, 1], [1, 1])
    assert (constant.value, constant.error) == (0.5, 0)


@pytest.mark.parametrize(
    ("normal", "anomalous", "words"),
    [
        ([1.0, math.nan], [1.0, 2.0], "not finite"),
        ([1.0], [1.0, 2.0], "one score"),
        ([], [1.0, 2.0], "normal must have shape"),
        ([1.0, 2.0], np.ones((3, 2)), "anomalous must be scores"),
    ],
)
def test_what_are_no_scores_is_refused(normal, anomalous, words):
    for measure in (metrics.auroc, metrics.roc_curve):
        with pytest.raises(Refused, match=words):
            measure(normal, anomalous)


@pytest.mark.parametrize(("n", "rate"), [(19, 0.05), (20, 0.05), (99, 0.1), (9, 0.1)])
def test_the_threshold_keeps_its_promise_and_is_the_least_that_does(n, rate):
    rng = np.random.default_rng(3)
    held_out = rng.normal(size=(20_000, n))
    thresholds = np.array([metrics.alarm_threshold(row, rate) for row in held_out])
    false = np.mean(norm.sf(thresholds))  # the mean chance of a false alarm, without further noise
    error = norm.sf(thresholds).std() / 20_000**0.5
    assert false < rate + 4 * error
    assert false + 1 / (n + 1) > rate  # one rank less would not do


def test_too_few_held_out_scores_are_refused_with_how_many_would_do():
    with pytest.raises(Refused, match="give at least 99, or a rate of 0.05 or more"):
        metrics.alarm_threshold(range(19), 0.01)
    assert metrics.alarm_threshold(range(99), 0.01) == 98
    for rate in (0, 1, 1.5, math.nan):
        with pytest.raises(Refused, match="between 0 and 1"):
            metrics.alarm_threshold(range(19), rate)
