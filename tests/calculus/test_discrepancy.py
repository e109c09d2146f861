"""Closed forms of discrepancies beside quadrature and the formulas that follow from them."""

import math

import numpy as np
import pytest
from scipy import integrate, stats
from sympy import Rational, Symbol, exp, sqrt
from sympy.stats import Exponential, Normal

from gancode import Refused
from gancode.calculus import NoClosedFormError, prove
from gancode.calculus.discrepancy import energy_distance, maximum_mean_discrepancy

LAWS = [((0, 1), (2, 1)), ((0, 1), (0, 3)), ((-1, Rational(1, 2)), (1, 2)), ((1, 2), (1, 2))]


def variables(pair):
    return [Normal(f"x{k}", *law) for k, law in enumerate(pair)]


def by_quadrature(pair, kernel):
    """∬ (p − q)(x) k(x, y) (p − q)(y) on a fine grid."""
    grid = np.linspace(-25, 25, 5001)
    one, other = (stats.norm(float(m), float(s)).pdf(grid) for m, s in pair)
    weights = (one - other) * (grid[1] - grid[0])
    return weights @ kernel(grid[:, None], grid[None, :]) @ weights


KERNELS = {
    "gaussian": ({"bandwidth": Rational(3, 2)}, lambda x, y: np.exp(-((x - y) ** 2) / 4.5)),
    "laplace": ({"bandwidth": Rational(3, 2)}, lambda x, y: np.exp(-np.abs(x - y) / 1.5)),
    "polynomial": ({"degree": 3, "offset": 2}, lambda x, y: (x * y + 2) ** 3),
}


@pytest.mark.slow
@pytest.mark.parametrize("pair", LAWS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_closed_form_is_the_double_integral(kernel, pair):
    options, k = KERNELS[kernel]
    found = float(maximum_mean_discrepancy(*variables(pair), kernel, **options))
    # Simpson's and trapezoidal sums see the kink of the Laplace kernel to the square of the step.
    assert found == pytest.approx(by_quadrature(pair, k), rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("pair", LAWS)
def test_the_energy_distance_is_twice_the_integral_of_the_squared_gap(pair):
    laws = [stats.norm(float(m), float(s)) for m, s in pair]
    gap, _ = integrate.quad(lambda x: (laws[0].cdf(x) - laws[1].cdf(x)) ** 2, -40, 40, limit=200)
    assert float(energy_distance(*variables(pair))) == pytest.approx(2 * gap, abs=1e-8)


def test_the_discrepancy_of_a_shift_and_where_it_is_steepest():
    d, ell = Symbol("d", positive=True), Symbol("ell", positive=True)
    found = maximum_mean_discrepancy(Normal("x", 0, 1), Normal("y", d, 1), bandwidth=ell)
    known = 2 * ell / sqrt(ell**2 + 2) * (1 - exp(-(d**2) / (2 * (ell**2 + 2))))
    assert prove(found, known).status == "proved"
    steepest = found.diff(d, 2).subs(d, sqrt(ell**2 + 2))
    assert prove(steepest, 0).status == "proved"


def test_a_polynomial_kernel_sees_moments_only():
    m, s = Symbol("m", real=True), Symbol("s", positive=True)
    found = maximum_mean_discrepancy(Normal("x", m, s), Normal("y", 0, 1), "polynomial", degree=1)
    assert found == m**2  # blind to the variance
    found = maximum_mean_discrepancy(
        Normal("x", 0, s), Normal("y", 0, 1), "polynomial", degree=2, offset=0
    )
    assert prove(found, (s**2 - 1) ** 2).status == "proved"


@pytest.mark.parametrize("degree", [1, 2, 34, 60, 100, np.int64(5)])
def test_a_polynomial_kernel_of_any_degree_is_a_sum_over_moments(degree):
    for pair in [((0, 1), (1, 2)), ((0, 3), (0, 1))]:
        moments = [[1, Rational(m)] for m, _ in pair]
        for (mean, deviation), known in zip(pair, moments, strict=True):
            for k in range(2, degree + 1):  # by Stein: E xᵏ = μ E xᵏ⁻¹ + (k − 1) σ² E xᵏ⁻²
                known.append(mean * known[-1] + (k - 1) * deviation**2 * known[-2])
        gaps = [one - other for one, other in zip(*moments, strict=True)]
        exact = sum(
            math.comb(int(degree), k) * 2 ** (int(degree) - k) * gap**2
            for k, gap in enumerate(gaps)
        )
        found = maximum_mean_discrepancy(*variables(pair), "polynomial", degree=degree, offset=2)
        assert found == exact


def test_a_polynomial_kernel_of_high_degree_takes_symbols():
    m, s = Symbol("m", real=True), Symbol("s", positive=True)
    found = maximum_mean_discrepancy(Normal("x", m, s), Normal("y", 0, 1), "polynomial", degree=34)
    known = maximum_mean_discrepancy(*variables([(1, 2), (0, 1)]), "polynomial", degree=34)
    assert found.subs({m: 1, s: 2}) == known


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kernel": "sigmoid"}, "unknown kernel 'sigmoid'; they are gaussian, laplace, polynomial"),
        ({"bandwidth": 0}, "bandwidth 0 is not known to be positive"),
        ({"kernel": "laplace", "bandwidth": Symbol("l")}, "declare its symbols"),
        ({"kernel": "polynomial", "degree": 0}, "degree=0 must be a positive integer"),
        ({"kernel": "polynomial", "degree": 10**9}, "100 at most"),
        ({"kernel": "polynomial", "degree": 101}, "100 at most"),
        ({"kernel": "polynomial", "degree": 1.5}, "degree=1.5 must be"),
        ({"kernel": "polynomial", "offset": -1}, "the kernel is not positive"),
    ],
)
def test_a_kernel_that_is_not_positive_is_refused(options, said):
    with pytest.raises(Refused, match=said):
        maximum_mean_discrepancy(*variables(LAWS[0]), **options)


def test_other_variables_are_refused():
    for measure in (maximum_mean_discrepancy, energy_distance):
        with pytest.raises(NoClosedFormError, match="is none"):
            measure(Exponential("x", 1), Normal("y", 0, 1))
        with pytest.raises(Refused, match="a random variable"):
            measure(1, Normal("y", 0, 1))
