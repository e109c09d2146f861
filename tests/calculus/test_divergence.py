"""f-divergences against numerical suprema, quadrature and closed forms known by other means."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
import sympy.stats
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import jensenshannon
from scipy.stats import binom, entropy, geom, norm, poisson
from sympy import Rational, Symbol, log, oo, sqrt

from gancode.calculus import (
    Divergence,
    NoClosedFormError,
    NotConvexError,
    UnknownNameError,
    alpha_divergence,
    divergences,
    p,
    prove,
    r,
    skewed_js,
)
from gancode.calculus.digits import in_digits

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


@pytest.mark.parametrize("name", divergences)
def test_the_conjugate_of_the_conjugate_is_f(name):
    divergence = divergences[name]
    assert prove(divergence.biconjugate(), divergence.f).status == "proved"


ORDERS = [-1, Rational(1, 3), Rational(1, 2), Rational(3, 2), 2, 3]


@settings(max_examples=4, deadline=None)
@given(
    st.one_of(
        st.sampled_from(ORDERS).map(alpha_divergence),
        st.integers(1, 4).map(lambda fifths: skewed_js(Rational(fifths, 5))),
    )
)
def test_conjugates_of_families(divergence):
    conjugate = divergence.conjugate()
    assert prove(divergence.biconjugate(), divergence.f)
    f = sympy.lambdify(r, divergence.f, "numpy")
    for y in (-2.5, -0.3, 0.1, 0.25):
        if conjugate.domain.contains(Rational(y)) == True:  # noqa: E712
            best = minimize_scalar(
                lambda s, y=y: f(np.exp(s)) - y * np.exp(s),
                bounds=(-40, 6),
                method="bounded",
                options={"xatol": 1e-12},
            )
            assert float(conjugate(Rational(y))) == pytest.approx(-best.fun, abs=1e-6), y


def test_families_hold_their_named_members():
    x, y = sympy.stats.Bernoulli("X", Rational(1, 3)), sympy.stats.Bernoulli("Y", Rational(3, 4))

    def between(divergence):
        return divergence.between(x, y)

    pairs = [(2, "pearson", Rational(1, 2)), (-1, "neyman", Rational(1, 2))]
    pairs += [(Rational(1, 2), "squared-hellinger", 2), (1, "kl", 1), (0, "reverse-kl", 1)]
    for order, name, scale in pairs:
        equal = prove(between(alpha_divergence(order)), scale * between(divergences[name]))
        assert equal.status == "proved", order
    assert prove(between(skewed_js(0.5)), between(divergences["js"])).status == "proved"
    # near their limits, by continuity
    for order, name in ((1 - 1e-9, "kl"), (1e-9, "reverse-kl")):
        near = float(between(alpha_divergence(order)))
        assert near == pytest.approx(float(between(divergences[name])), rel=1e-7)
    w = Rational(1, 4)
    mixture = sympy.stats.Bernoulli("M", w * Rational(1, 3) + (1 - w) * Rational(3, 4))
    kl = divergences["kl"].between
    assert prove(between(skewed_js(w)), w * kl(x, mixture) + (1 - w) * kl(y, mixture)).status


CLOSED = [
    "kl",
    "reverse-kl",
    "total-variation",
    "pearson",
    "neyman",
    "squared-hellinger",
    "jeffreys",
]


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(CLOSED),
    st.fractions(-2, 2, max_denominator=4),
    st.fractions(Fraction(1, 2), 2, max_denominator=4),
    st.fractions(Fraction(1, 2), 2, max_denominator=4),
)
@example("neyman", Fraction(2), Fraction(1, 2), Fraction(2, 3))
@example("total-variation", Fraction(0), Fraction(3, 2), Fraction(1, 2))
@example("total-variation", Fraction(0), Fraction(2), Fraction(1, 2))
def test_closed_forms_between_normals_agree_with_quadrature(name, shift, std, other):
    shift, std, other = map(Rational, (shift, std, other))
    x, y = sympy.stats.Normal("X", 0, std), sympy.stats.Normal("Y", shift, other)
    exact = divergences[name].between(x, y)
    assume(not 1.8 < max(std / other, other / std) ** 2 < 2.2)  # barely finite: beyond any grid
    if exact == oo:  # the tail of one density is too thin for the other
        assert name in ("pearson", "neyman")
        thin, wide = (other, std) if name == "pearson" else (std, other)
        assert wide**2 >= 2 * thin**2
        return
    grid = GRID if name != "total-variation" else np.linspace(-20, 20, 800001)
    if name in ("pearson", "neyman") and std != other:
        # p²/q may fall far more slowly than p and q: as wide as its factors can be computed
        reach = np.sqrt(1200 / abs(float(1 / std**2 - 1 / other**2)))
        grid = np.linspace(-min(reach, 100), min(reach, 100), 100001)
    numeric = divergences[name].numeric(
        log_normal(0, float(std)), log_normal(float(shift), float(other)), grid
    )
    assert numeric == pytest.approx(float(exact), rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("wide", [1.5, 2.0])
@pytest.mark.parametrize(
    "f", [sympy.Abs(r - 1) / 2, sympy.Max(0, 1 - r), sympy.Abs(r - 1) * sympy.Max(r, 1) / (r + 1)]
)
def test_kinks_do_no_harm_where_the_ratio_of_the_densities_overflows(f, wide):
    grid = np.linspace(-60, 60, 240001)
    near = np.abs(grid) <= 12  # where the ratio can be written out; the rest weighs below 1e-8
    narrow_log, wide_log = log_normal(0, 0.5)(grid), log_normal(0, wide)(grid)
    for log_p, log_q in ((wide_log, narrow_log), (narrow_log, wide_log)):
        ratio = np.exp(np.longdouble(log_p[near]) - log_q[near])
        integrand = np.exp(np.longdouble(log_q[near])) * sympy.lambdify(r, f, "numpy")(ratio)
        exact = np.trapezoid(integrand, grid[near])
        found = Divergence(f).numeric(lambda x, p=log_p: p, lambda x, q=log_q: q, grid)
        assert found == pytest.approx(float(exact), rel=1e-7)


def uniform(low, high):
    return sympy.stats.Uniform("U", low, high)


def exponential(rate):
    return sympy.stats.Exponential("E", rate)


@pytest.mark.parametrize(
    "name, first, second, value",
    [
        ("kl", exponential(1), exponential(2), 1 - log(2)),
        ("pearson", exponential(3), exponential(1), Rational(4, 5)),
        ("pearson", exponential(1), exponential(2), oo),
        ("neyman", exponential(1), exponential(2), Rational(1, 3)),
        ("total-variation", exponential(1), exponential(2), Rational(1, 4)),
        ("js", uniform(0, 1), uniform(2, 3), log(2)),
        ("total-variation", uniform(0, 1), uniform(2, 3), 1),
        ("squared-hellinger", uniform(0, 1), uniform(2, 3), 2),
        ("kl", uniform(0, 1), uniform(2, 3), oo),
        ("js", uniform(0, 1), uniform(1, 2), log(2)),  # they touch
        ("kl", uniform(0, 1), uniform(-1, 2), log(3)),
        ("reverse-kl", uniform(0, 1), uniform(-1, 2), oo),
        ("le-cam", uniform(0, 1), uniform(-1, 2), Rational(1, 2)),
        ("total-variation", uniform(0, 1), uniform(-1, 2), Rational(2, 3)),
        ("kl", uniform(0, 1), exponential(1), Rational(1, 2)),
        ("kl", exponential(1), uniform(0, 1), oo),
        ("kl", exponential(1), sympy.stats.Normal("N", 0, 1), log(2 * sympy.pi) / 2),
    ],
)
def test_closed_forms_on_half_lines_and_intervals(name, first, second, value):
    derived = divergences[name].between(first, second)
    assert derived == value or prove(derived, value).status == "proved"


def test_closed_forms_with_parameters():
    m = sympy.Symbol("m", real=True)
    s, rate = sympy.symbols("s lambda", positive=True)
    normal, other = sympy.stats.Normal("X", m, s), sympy.stats.Normal("Y", 0, 2 * s)
    derived = divergences["kl"].between(normal, other)
    expected = log(2) + (s**2 + m**2) / (8 * s**2) - Rational(1, 2)
    assert prove(derived, expected).status == "proved"
    where = divergences["pearson"].between(exponential(1), exponential(rate))
    assert where.subs(rate, 3) == oo and where.subs(rate, 2) == oo
    assert where.subs(rate, Rational(1, 2)) == Rational(1, 3)


@pytest.mark.parametrize(
    "name, first, second, message",
    [
        (
            "js",
            sympy.stats.Normal("X", 0, 1),
            sympy.stats.Normal("Y", 1, 1),
            "no closed form of JS",
        ),
        ("kl", sympy.stats.Beta("X", 2, 2), uniform(0, 1), "exp\\(a·x² \\+ b·x \\+ c\\)"),
        (
            "total-variation",
            sympy.stats.Normal("X", 0, 1),
            sympy.stats.Normal("Y", sympy.Symbol("m", real=True), 1),
            "depends on its symbols",
        ),
    ],
)
def test_where_no_closed_form_is_known_that_is_said(name, first, second, message):
    with pytest.raises(NoClosedFormError, match=message):
        divergences[name].between(first, second)


def test_a_density_of_mass_two_is_refused():
    x = Symbol("x", real=True)
    twice = sympy.stats.ContinuousRV(x, 2 * sympy.exp(-x), sympy.Interval(0, oo), check=False)
    with pytest.raises(ValueError, match="integrates to 2, not to 1"):
        divergences["kl"].between(twice, exponential(1))


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


@pytest.mark.parametrize("offset", [1, 0.5, -2])
def test_a_divergence_in_a_value_takes_numbers_of_python(offset):
    found = Divergence.of_value((r - 1) ** 2, offset=offset)
    assert str(found) == f"D(p‖q) {'−' if offset < 0 else '+'} {abs(found.offset)}"
    assert found._repr_latex_().endswith(f"{'-' if offset < 0 else '+'} {abs(offset)}$")
    first, second = sympy.stats.Normal("X", 0, 1), sympy.stats.Normal("Y", 1, 1)
    assert float(found.between(first, second)) == pytest.approx(math.e - 1 + offset)
    numeric = found.numeric(log_normal(0, 1), log_normal(1, 1), GRID)
    assert numeric == pytest.approx(math.e - 1 + offset, abs=1e-8)
    assert str(Divergence.of_value(0, offset=offset)) == str(found)


def test_the_ends_of_a_divergence_in_a_value_are_those_given():
    found = Divergence.of_value((r - 1) ** 2 / (r + 1), offset=1, ends=(7, 5))
    coins = [sympy.stats.Bernoulli(name, k) for k, name in enumerate("XY")]
    assert found.between(*coins) == 1 + 7 + 5


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


def test_factors_that_overflow_do_no_harm():
    x, y = sympy.stats.Normal("X", 0, 1), sympy.stats.Normal("Y", 0, Rational(6, 5))
    grid = np.linspace(-99, 99, 9999)
    found = divergences["neyman"].numeric(log_normal(0, 1), log_normal(0, 1.2), grid)
    assert found == pytest.approx(float(divergences["neyman"].between(x, y)), rel=1e-12)
    infinite = Divergence(sympy.exp(r) - sympy.E)
    assert infinite.numeric(log_normal(0, 1.2), log_normal(0, 1), grid) == math.inf


def test_infinity_less_infinity_is_refused():
    f = sympy.exp(r**2) - sympy.exp(r)
    with pytest.raises(ValueError, match="cannot be computed at x = .*narrow the grid"):
        grid = np.linspace(-99, 99, 9999)
        Divergence(f).numeric(log_normal(0, 1.2), log_normal(0, 1), grid)


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


@pytest.mark.parametrize("make, bad", [(alpha_divergence, p), (skewed_js, 1), (skewed_js, -0.2)])
def test_a_parameter_out_of_range_is_refused(make, bad):
    with pytest.raises(ValueError, match="must be a"):
        make(bad)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(UnknownNameError, match="unknown divergence 'kk'.*total-variation"):
        divergences["kk"]


@pytest.mark.parametrize(
    "f",
    [
        (r - 1) ** 4 / 12 - (r - 1) ** 2 / 10**12,
        (r - sympy.pi) ** 4 / 12
        - (r - sympy.pi) ** 2 / 10**12
        - (1 - sympy.pi) ** 4 / 12
        + (1 - sympy.pi) ** 2 / 10**12,
        (r - 1) ** 6 / 30 - (r - 1) ** 2 / 10**10,
        (r - 1) ** 2 * (r - 1 - Rational(1, 10**6)) ** 2,
        sympy.Max(0, r - 1) - sympy.Max(0, r - 2) / 10**12,
        r * log(r) - (r**2 - 1) / 10**12,
        sqrt(1 + (r - 1) ** 2) - 1 - (r - 1) ** 2 / 10**9,
        sympy.Piecewise(((r - 1) ** 2, r > 1), (r - 1, True)),
    ],
)
def test_a_narrow_dent_a_turn_and_a_far_end_are_not_convex(f):
    with pytest.raises(NotConvexError, match="is not convex"):
        Divergence(f)


@pytest.mark.parametrize(
    "f",
    [
        sympy.Max(0, r - Rational(3, 2)),  # hockey-stick
        r * log(2 * r / (r + 1)),  # Jensen's K
        (1 + r) / 2 * log((1 + r) / (2 * sqrt(r))),  # arithmetic and geometric means
        sympy.Abs(r - 1) ** 3,
        sqrt(1 + (r - 1) ** 2) - 1,  # pseudo-Huber
        1 - sqrt(r),
        sympy.exp(r - 1) - 1,
        sympy.cosh(r - 1) - 1,
    ],
)
def test_conjugates_of_other_divergences_reach_the_supremum(f):
    star = Divergence(f).conjugate()
    values = in_digits(f, [r])
    for y in map(Rational, ("-13/10", "-1/5", "1/10", "9/20", "7/10")):
        if star.domain.contains(y) != True:  # noqa: E712
            continue
        best = minimize_scalar(
            lambda x, y=y: float(values(x)) - float(y) * x,
            bounds=(1e-12, 50),
            method="bounded",
            options={"xatol": 1e-10},
        )
        assert best.x < 49 and float(sympy.N(star(y))) == pytest.approx(-best.fun, abs=1e-7)


PAIRS = {
    "Poisson": (sympy.stats.Poisson("X", 2), sympy.stats.Poisson("Y", 3)),
    "geometric": (
        sympy.stats.Geometric("X", Rational(1, 3)),
        sympy.stats.Geometric("Y", Rational(1, 2)),
    ),
    "Poisson and geometric": (
        sympy.stats.Poisson("X", 2),
        sympy.stats.Geometric("Y", Rational(1, 2)),
    ),
    "binomial and Poisson": (
        sympy.stats.Binomial("X", 3, Rational(1, 3)),
        sympy.stats.Poisson("Y", 2),
    ),
}
MASSES = {
    "Poisson": (poisson(2), poisson(3)),
    "geometric": (geom(1 / 3), geom(1 / 2)),
    "Poisson and geometric": (poisson(2), geom(1 / 2)),
    "binomial and Poisson": (binom(3, 1 / 3), poisson(2)),
}


@pytest.mark.parametrize("name", ["kl", "js", "total-variation", "squared-hellinger", "pearson"])
@pytest.mark.parametrize("pair", PAIRS)
def test_counts_agree_with_sums_of_their_masses(pair, name):
    divergence = divergences[name]
    try:
        value = divergence.between(*PAIRS[pair])
    except NoClosedFormError as error:
        assert pair == "Poisson and geometric" and "f(0) or the slope of f at infinity" in str(
            error
        )
        assert name in ("kl", "pearson")
        return
    k = np.arange(400)
    one, other = (law.pmf(k) for law in MASSES[pair])
    both = (one > 0) & (other > 0)
    f = sympy.lambdify(r, divergence.f, "numpy")
    total = (other[both] * f(one[both] / other[both])).sum()
    for alone, cost in (
        (other[one == 0].sum(), divergence.f.limit(r, 0)),
        (one[other == 0].sum(), (divergence.f / r).limit(r, oo)),
    ):
        total += alone * float(cost) if alone else 0
    assert float(value) == pytest.approx(total, abs=1e-10)
    if pair in ("Poisson", "geometric") and name in ("kl", "squared-hellinger", "pearson"):
        assert not value.has(sympy.Sum, sympy.Float)  # a closed form


@pytest.mark.parametrize(
    "name, same", [("tv", "total-variation"), ("jensen-shannon", "js"), ("chi-squared", "pearson")]
)
def test_other_names_are_found_and_not_listed(name, same):
    assert divergences[name] is divergences[same]
    assert name in divergences and name not in list(divergences)
