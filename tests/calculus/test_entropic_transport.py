"""Entropic transport between normal variables: its plan, and the generators that are best by it."""

import math

import pytest
from scipy import integrate
from sympy import Rational, Symbol, diff, log, sqrt, symbols
from sympy.stats import Exponential, Normal

from gancode import Refused, metrics
from gancode.calculus import (
    NoClosedFormError,
    entropic_covariance,
    entropic_transport,
    prove,
    sinkhorn_divergence,
    wasserstein,
)

EPSILON, S, T, C = symbols("epsilon s t c", positive=True)
DATA, GENERATOR = Normal("x", 0, S), Normal("y", 0, T)
PLAIN = entropic_transport(DATA, GENERATOR, EPSILON)
COVARIANCE = entropic_covariance(DATA, GENERATOR, EPSILON)


def proved(*claim):
    return prove(*claim).status == "proved"


def test_the_covariance_is_the_published_one():
    assert proved(COVARIANCE, (sqrt(EPSILON**2 + 16 * S**2 * T**2) - EPSILON) / 4)


def test_the_plan_is_the_best_of_the_normal_ones():
    """Over c < st, −2c − (ε/2) log(1 − c²/(st)²) is convex and at rest at the covariance."""
    objective = -2 * C - EPSILON / 2 * log(1 - C**2 / (S**2 * T**2))
    assert proved(objective.diff(C, 2), 0, ">=", [C < S * T])
    assert proved(objective.diff(C).subs(C, COVARIANCE), 0)
    # What it is there is what the cost has: of the two logarithms, one argument is the inverse.
    inverse = (1 + 2 * C / EPSILON) * (1 - C**2 / (S**2 * T**2))
    assert proved(inverse.subs(C, COVARIANCE), 1)
    same = S**2 + T**2 - 2 * C + EPSILON / 2 * log(1 + 2 * C / EPSILON)
    assert proved(PLAIN, same.subs(C, COVARIANCE))


def test_the_entropy_is_the_kullback_leibler_divergence_of_the_plan():
    """∬ π log(π/(p ⊗ q)) by quadrature, with what remains of the cost."""
    s, t, epsilon = 1.0, 0.7, 0.9
    values = {S: s, T: t, EPSILON: epsilon}
    c = float(COVARIANCE.subs(values))
    determinant = (s * t) ** 2 - c**2

    def integrand(y, x):
        exponent = (t**2 * x**2 - 2 * c * x * y + s**2 * y**2) / (2 * determinant)
        independent = x**2 / (2 * s**2) + y**2 / (2 * t**2)
        plan = math.exp(-exponent) / (2 * math.pi * math.sqrt(determinant))
        ratio = independent - exponent - math.log(determinant / (s * t) ** 2) / 2
        return plan * ((x - y) ** 2 + epsilon * ratio)

    known, _ = integrate.dblquad(integrand, -8, 8, -6, 6)
    assert float(PLAIN.subs(values)) == pytest.approx(known, abs=1e-6)


@pytest.mark.slow
def test_the_best_generator_of_the_plain_cost_is_too_narrow():
    slope = 2 * (T - COVARIANCE / T)
    assert proved(diff(PLAIN, T), slope)
    assert proved(diff(PLAIN, T).subs(S, sqrt(T**2 + EPSILON / 2)), 0)  # t² = s² − ε/2
    # It falls on one side and rises on the other, so nothing else is best.
    assert proved(COVARIANCE, T**2, ">=", [2 * T**2 + EPSILON <= 2 * S**2])
    assert proved(COVARIANCE, T**2, "<=", [2 * T**2 + EPSILON >= 2 * S**2])


@pytest.mark.slow
def test_beyond_twice_the_variance_the_best_generator_of_the_plain_cost_is_a_point():
    assert proved(COVARIANCE, T**2, "<=", [EPSILON >= 2 * S**2])


@pytest.mark.slow
def test_the_best_generator_of_the_debiased_one_is_the_data():
    debiased = sinkhorn_divergence(DATA, GENERATOR, EPSILON)
    own = entropic_covariance(GENERATOR, GENERATOR, EPSILON)
    assert proved(diff(debiased, T), 2 * (own - COVARIANCE) / T)
    assert proved(debiased.subs(T, S), 0)
    assert proved(own, COVARIANCE, "<=", [T <= S])
    assert proved(own, COVARIANCE, ">=", [T >= S])


def test_a_shift_is_its_square():
    m = Symbol("m", real=True)
    for measure, rest in ((sinkhorn_divergence, 0), (entropic_transport, PLAIN.subs(T, S))):
        found = measure(Normal("x", m, S), Normal("y", 0, S), EPSILON)
        assert proved(found, m**2 + rest)


@pytest.mark.parametrize("epsilon", [Rational(1, 10), 2, 30])
@pytest.mark.parametrize("laws", [((0, 1), (2, 3)), ((1, Rational(1, 2)), (1, Rational(1, 2)))])
def test_the_expression_is_that_of_the_metrics(laws, epsilon):
    one, other = (Normal(f"x{k}", *law) for k, law in enumerate(laws))
    moments = [each for m, s in laws for each in ([float(m)], [[float(s**2)]])]
    for measure, number in (
        (entropic_transport, metrics.gaussian_entropic_transport),
        (sinkhorn_divergence, metrics.gaussian_sinkhorn_divergence),
    ):
        known = number(*moments, float(epsilon))
        assert float(measure(one, other, epsilon)) == pytest.approx(known, abs=1e-12)


def test_it_comes_to_the_exact_distance():
    laws = Normal("x", 0, 1), Normal("y", 2, 3)
    exact = float(wasserstein(*laws, order=2)) ** 2
    for measure in (entropic_transport, sinkhorn_divergence):
        assert float(measure(*laws, Rational(1, 10**6))) == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize("measure", [entropic_transport, entropic_covariance, sinkhorn_divergence])
def test_what_is_refused_says_why(measure):
    for epsilon in (0, -1, Symbol("e"), Symbol("e", real=True)):
        with pytest.raises(Refused, match="epsilon=.* is not known to be positive; declare"):
            measure(DATA, GENERATOR, epsilon)
    with pytest.raises(NoClosedFormError, match="is none"):
        measure(Exponential("x", 1), GENERATOR, 1)
    with pytest.raises(Refused, match="a random variable"):
        measure(DATA, 1, 1)
