"""Wasserstein distances in closed form, against SciPy's and POT's."""

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational
from sympy.stats import (
    Bernoulli,
    Binomial,
    Coin,
    DiscreteUniform,
    Exponential,
    FiniteRV,
    Normal,
    Uniform,
)

from gancode.calculus import NoClosedFormError, prove, wasserstein, wasserstein_dual
from gancode.metrics import gaussian_wasserstein
from gancode.metrics import wasserstein as between_points

HALF = Rational(1, 2)
PAIRS = {
    "normal": (Normal("X", 0, 1), Normal("Y", 1, 2)),
    "normal, shifted": (Normal("X", 0, 1), Normal("Y", 3, 1)),
    "exponential": (Exponential("X", 1), Exponential("Y", 2)),
    "uniform, overlapping": (Uniform("X", 0, 1), Uniform("Y", HALF, 2)),
    "uniform, inside": (Uniform("X", 0, 3), Uniform("Y", 1, 2)),
    "uniform, apart": (Uniform("X", 0, 1), Uniform("Y", 5, 7)),
    "coins": (Bernoulli("X", HALF), Bernoulli("Y", Rational(1, 3))),
    "steps": (DiscreteUniform("X", [0, 1, 5]), DiscreteUniform("Y", [0, 2])),
}


def frozen(variable):
    """The same distribution in SciPy."""
    distribution = variable.pspace.distribution
    arguments = [float(argument) for argument in distribution.args]
    kind = type(distribution).__name__
    if kind == "NormalDistribution":
        return scipy.stats.norm(*arguments)
    if kind == "ExponentialDistribution":
        return scipy.stats.expon(scale=1 / arguments[0])
    return scipy.stats.uniform(arguments[0], arguments[1] - arguments[0])


def by_quantiles(first, second, order):
    """∫ |F⁻¹ − G⁻¹|ᵏ du by adaptive quadrature on both sides of the middle."""
    from scipy.integrate import quad

    x, y = frozen(first), frozen(second)

    def cost(u):
        return abs(x.ppf(u) - y.ppf(u)) ** order

    parts = [quad(cost, low, high, limit=400, epsabs=1e-13) for low, high in ((0, 0.5), (0.5, 1))]
    return sum(value for value, _ in parts) ** (1 / order)


@pytest.mark.parametrize("name", [name for name in PAIRS if name not in ("coins", "steps")])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_continuous_distances_agree_with_quadrature(name, order):
    exact = wasserstein(*PAIRS[name], order)
    assert float(exact) == pytest.approx(by_quantiles(*PAIRS[name], order), rel=1e-7)


@pytest.mark.parametrize("name", PAIRS)
def test_the_dual_reaches_the_distance_with_a_slope_of_one(name):
    dual = wasserstein_dual(*PAIRS[name])
    assert prove(dual.value, wasserstein(*PAIRS[name])).status == "proved"
    x = np.linspace(-5, 8, 4001)
    t = sympy.lambdify(dual.symbol, dual.expr, "numpy")(x)
    assert (abs(np.diff(t)) <= np.diff(x) * (1 + 1e-9)).all()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 9)), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 9)), min_size=1, max_size=5),
    st.sampled_from([1, 2]),
)
def test_finite_distances_agree_with_linear_programming_and_scipy(first, second, order):
    variables, arrays = [], []
    for name, pairs in (("X", first), ("Y", second)):
        masses = {}
        for place, weight in pairs:
            masses[place] = masses.get(place, 0) + weight
        total = sum(masses.values())
        variables.append(FiniteRV(name, {x: Rational(w, total) for x, w in masses.items()}))
        arrays.append((list(masses), [w / total for w in masses.values()]))
    (x, mass), (y, other) = arrays
    exact = float(wasserstein(*variables, order))
    program = between_points(x, y, order, (mass, other))
    assert program.distance == pytest.approx(exact, abs=1e-7)
    if order == 1:
        assert scipy.stats.wasserstein_distance(x, y, mass, other) == pytest.approx(exact, abs=1e-9)
        assert float(wasserstein_dual(*variables).value) == pytest.approx(exact, abs=1e-12)


def test_the_second_order_distance_of_normals_is_that_of_mean_and_deviation():
    m, n = sympy.symbols("m n", real=True)
    s, t = sympy.symbols("s t", positive=True)
    derived = wasserstein(Normal("X", m, s), Normal("Y", n, t), 2)
    assert prove(derived**2, (m - n) ** 2 + (s - t) ** 2).status == "proved"
    numbers = {m: 1, n: -2, s: 3, t: Rational(1, 2)}
    one = gaussian_wasserstein([1.0], [[9.0]], [-2.0], [[0.25]])
    assert one == pytest.approx(float(derived.subs(numbers)), rel=1e-14)


def test_normals_in_many_dimensions_agree_with_the_root_of_a_matrix():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(2, 6, 6))
    covariances = [f @ f.T for f in factors]
    means = rng.normal(size=(2, 6))
    root = scipy.linalg.sqrtm(covariances[0])
    cross = scipy.linalg.sqrtm(root @ covariances[1] @ root).real
    squared = ((means[0] - means[1]) ** 2).sum() + np.trace(sum(covariances) - 2 * cross)
    value = gaussian_wasserstein(means[0], covariances[0], means[1], covariances[1])
    assert value == pytest.approx(np.sqrt(squared), rel=1e-10)
    # one covariance singular, and the distance to itself
    assert gaussian_wasserstein([0, 0], np.diag([1, 0]), [0, 0], np.diag([0, 1])) == np.sqrt(2)
    same = gaussian_wasserstein(means[0], covariances[0], means[0], covariances[0])
    assert same == pytest.approx(0, abs=1e-6)  # a root of rounding errors


def test_a_plan_moves_all_and_its_potentials_prove_it_cheapest():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 3)), rng.normal(1, 2, size=(30, 3))
    found = between_points(torch.tensor(x), y, 2)
    cost = ((x[:, None] - y) ** 2).sum(-1)
    assert found.plan.sum(0) == pytest.approx(1 / 30) and found.plan.sum(1) == pytest.approx(1 / 40)
    assert (found.plan * cost).sum() == pytest.approx(found.distance**2)
    u, v = found.potentials
    assert (u[:, None] + v <= cost + 1e-9).all()
    assert u.mean() + v.mean() == pytest.approx(found.distance**2)


@pytest.mark.parametrize("order", [np.int64(2), sympy.Integer(2)])
def test_an_order_is_any_integer(order):
    assert wasserstein(*PAIRS["normal"], order) == wasserstein(*PAIRS["normal"], 2)


P = sympy.Symbol("p", positive=True)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: wasserstein(Bernoulli("X", P), Bernoulli("Y", HALF)),
            NoClosedFormError,
            "the lesser of .* depends on its symbols",
        ),
        (lambda: wasserstein(Coin("X"), Bernoulli("Y", HALF)), NoClosedFormError, "put in order"),
        (
            lambda: wasserstein_dual(
                Binomial("X", sympy.Symbol("n", integer=True, positive=True), HALF),
                Bernoulli("Y", HALF),
            ),
            NoClosedFormError,
            "outcomes of X must be real numbers",
        ),
        (lambda: wasserstein(*PAIRS["coins"], 0), ValueError, "positive integer"),
        (
            lambda: wasserstein(PAIRS["coins"][0], PAIRS["normal"][0]),
            NoClosedFormError,
            "finite and",
        ),
        (
            lambda: wasserstein(PAIRS["normal"][0], PAIRS["exponential"][0]),
            NoClosedFormError,
            "two normal.*metrics.wasserstein",
        ),
        (lambda: wasserstein_dual(1, 2), TypeError, "sympy.stats is needed, not 1"),
        (
            lambda: wasserstein(
                Normal("X", 0, 1), Normal("Y", 0, sympy.Symbol("s", positive=True))
            ),
            NoClosedFormError,
            "whether .* is zero is not known",
        ),
        (lambda: between_points([[1, 2]], [1]), ValueError, "x has 2 coordinates and y has 1"),
        (lambda: between_points([np.nan], [1]), ValueError, "not finite"),
        (lambda: between_points([], [1]), ValueError, "n > 0"),
        (lambda: between_points([1], [1], 0), ValueError, "order must be positive"),
        (lambda: between_points([1, 2], [1], 1, ([0.7, 0.7], [1])), ValueError, "weights of x"),
        (lambda: gaussian_wasserstein([0], [[1]], [0], np.eye(2)), ValueError, "shape"),
        (lambda: gaussian_wasserstein([0], [[-1]], [0], [[1]]), ValueError, "semidefinite"),
    ],
)
def test_wrong_use(call, error, message):
    with pytest.raises(error, match=message):
        call()
