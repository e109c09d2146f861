"""f-divergences against numerical suprema, quadrature and closed forms known by other means."""

import numpy as np
import pytest
import sympy
import sympy.stats
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, norm
from sympy import Rational, log, oo, sqrt

from gancode.calculus import (
    Divergence,
    NoClosedFormError,
    NotConvexError,
    UnknownNameError,
    divergences,
    p,
    prove,
    r,
)

GRID = np.linspace(-40, 40, 16001)


def log_normal(mean, std):
    return lambda x: norm.logpdf(x, mean, std)


@pytest.mark.parametrize("name", divergences)
def test_f_is_convex_vanishes_at_one_and_is_canonical(name):
    f = divergences[name].f
    assert f.subs(r, 1) == 0
    # construction proves convexity; here at random chords, by plain numbers
    values = sympy.lambdify(r, f, "numpy")
    generator = np.random.default_rng(0)
    x, y, share = generator.uniform(0.01, 20, (2, 1000)).tolist() + [generator.uniform(0, 1, 1000)]
    x, y = np.array(x), np.array(y)
    chord = share * values(x) + (1 - share) * values(y)
    assert (values(share * x + (1 - share) * y) <= chord + 1e-12).all()


@pytest.mark.parametrize("name", divergences)
def test_conjugates_agree_with_numerical_suprema(name):
    divergence = divergences[name]
    conjugate = divergence.conjugate()
    f = sympy.lambdify(r, divergence.f, "numpy")
    for y in (-3.0, -1.2, -0.45, -0.1, 0.2, 0.3, 0.45):
        if conjugate.domain.contains(sympy.Rational(y)) != True:  # noqa: E712
            continue
        best = minimize_scalar(
            lambda s, y=y: f(np.exp(s)) - y * np.exp(s),
            bounds=(-40, 6),
            method="bounded",
            options={"xatol": 1e-12},
        )
        assert float(conjugate(sympy.Rational(y))) == pytest.approx(-best.fun, abs=1e-7), y


def test_outside_its_domain_the_conjugate_is_infinite():
    domain = divergences["js"].conjugate().domain
    assert domain == sympy.Interval.open(-oo, log(2) / 2)
    f = sympy.lambdify(r, divergences["js"].f, "numpy")
    assert 0.36 * 1e6 - f(1e6) > 1e3  # grows with r: 0.36 > log(2)/2


def test_closed_forms_that_are_known():
    first, second = sympy.stats.Normal("X", 0, 1), sympy.stats.Normal("Y", 1, 2)
    m, s = sympy.Symbol("m", real=True), sympy.Symbol("s", positive=True)
    kl = divergences["kl"].between(first, sympy.stats.Normal("Z", m, s))
    assert prove(kl, log(s) + (1 + m**2) / (2 * s**2) - Rational(1, 2)).status == "proved"
    hellinger = divergences["squared-hellinger"].between(first, second)
    assert prove(hellinger, 2 - 2 * sqrt(Rational(4, 5)) * sympy.exp(-Rational(1, 20)))
    bernoulli = [
        sympy.stats.Bernoulli(n, s) for n, s in (("B", Rational(1, 3)), ("C", Rational(1, 2)))
    ]
    exact = float(divergences["js"].between(*bernoulli))
    assert exact == pytest.approx(jensenshannon([1 / 3, 2 / 3], [1 / 2, 1 / 2]) ** 2, abs=1e-14)
    exact = float(divergences["kl"].between(*bernoulli))
    assert exact == pytest.approx(entropy([1 / 3, 2 / 3], [1 / 2, 1 / 2]), abs=1e-14)


def test_supports_that_part():
    unit, far, half = (
        sympy.stats.Uniform(n, a, a + 1) for n, a in (("U", 0), ("V", 2), ("W", Rational(1, 2)))
    )
    assert divergences["js"].between(unit, far) == log(2)
    assert divergences["js"].between(unit, half) == log(2) / 2
    assert divergences["total-variation"].between(unit, far) == 1
    assert divergences["total-variation"].between(unit, half) == Rational(1, 2)
    assert divergences["squared-hellinger"].between(unit, far) == 2
    for name in ("kl", "reverse-kl", "pearson", "neyman"):
        assert divergences[name].between(unit, half) == oo
    wide = sympy.stats.Uniform("T", 0, 2)
    assert divergences["kl"].between(unit, wide) == log(2)
    assert divergences["kl"].between(wide, unit) == oo


def test_where_there_is_no_closed_form_it_says_so():
    normals = sympy.stats.Normal("X", 0, 1), sympy.stats.Normal("Y", 1, 2)
    with pytest.raises(NoClosedFormError, match="use .numeric"):
        divergences["js"].between(*normals)
    with pytest.raises(TypeError, match="sympy.stats"):
        divergences["js"].between(p, r)
    with pytest.raises(TypeError, match="discrete and the other continuous"):
        divergences["js"].between(normals[0], sympy.stats.Bernoulli("B", Rational(1, 2)))


@pytest.mark.parametrize(
    "name, exact",
    [
        ("kl", np.log(2) - 1 / 4),
        ("squared-hellinger", 2 - 2 * np.sqrt(4 / 5) * np.exp(-1 / 20)),
        ("pearson", 4 / np.sqrt(7) * np.exp(1 / 7) - 1),
    ],
)
def test_quadrature_agrees_with_closed_forms(name, exact):
    numeric = divergences[name].numeric(log_normal(0, 1), log_normal(1, 2), GRID)
    assert numeric == pytest.approx(exact, abs=1e-8)


def test_quadrature_of_js_agrees_with_scipy_and_scales():
    first, second = log_normal(0, 1), log_normal(1, 2)
    weights = [np.exp(d(GRID)) for d in (first, second)]
    js = divergences["js"].numeric(first, second, GRID)
    assert js == pytest.approx(jensenshannon(*weights) ** 2, abs=1e-8)
    scaled = divergences["js"].scaled(2, -log(4)).numeric(first, second, GRID)
    assert scaled == pytest.approx(2 * js - np.log(4), abs=1e-12)
    assert str(divergences["js"].scaled(2, -log(4))) == "2·JS(p‖q) − log 4"


def test_quadrature_survives_tails_that_underflow():
    first, second = log_normal(-30, 1), log_normal(30, 1)
    grid = np.linspace(-60, 60, 24001)
    assert divergences["js"].numeric(first, second, grid) == pytest.approx(np.log(2), abs=1e-10)
    assert divergences["kl"].numeric(first, second, grid) == pytest.approx(1800, rel=1e-10)


def test_quadrature_of_densities_with_disjoint_supports():
    def bump(centre):  # cos² on an interval of length 2, zero elsewhere
        def log_density(x):
            inside = abs(x - centre) < 1
            return np.where(inside, 2 * np.log(np.cos(np.pi / 2 * (x - centre) * inside)), -np.inf)

        return log_density

    assert divergences["kl"].numeric(bump(-2), bump(2), GRID) == np.inf
    assert divergences["js"].numeric(bump(-2), bump(2), GRID) == pytest.approx(np.log(2), abs=1e-8)


def test_a_density_that_does_not_integrate_to_one_is_refused():
    with pytest.raises(ValueError, match="density q integrates to 0.5"):
        divergences["js"].numeric(log_normal(0, 1), lambda x: norm.logpdf(x) - np.log(2), GRID)


@pytest.mark.parametrize(
    "f, error, message",
    [
        (sympy.sin(r - 1), NotConvexError, "not convex"),
        (sympy.Min(r - 1, 0), NotConvexError, "slope falls"),
        (r * log(r) + 1, ValueError, "f\\(1\\) must be 0"),
        (p * log(r), ValueError, "in r alone"),
    ],
)
def test_what_is_no_divergence_is_refused(f, error, message):
    with pytest.raises(error, match=message):
        Divergence(f)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(UnknownNameError, match="unknown divergence 'kk'.*total-variation"):
        divergences["kk"]
