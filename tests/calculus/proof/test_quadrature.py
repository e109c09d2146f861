"""Integrals, sums, products and limits: the ball holds the true value, whatever SymPy says."""

import mpmath
import pytest
import sympy
from flint import acb, arb
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import (
    Abs,
    DiracDelta,
    E,
    Heaviside,
    I,
    Integral,
    LambertW,
    Limit,
    Max,
    Min,
    Piecewise,
    Product,
    Rational,
    S,
    Sum,
    Symbol,
    acos,
    atan,
    besselj,
    binomial,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    factorial,
    floor,
    gamma,
    im,
    log,
    lowergamma,
    oo,
    pi,
    re,
    sign,
    sin,
    sqrt,
    tan,
    tanh,
    uppergamma,
)

import gancode.calculus.proof.summation  # noqa: F401
from gancode.calculus.proof.enclosure import BUILDERS, Undefined, Unsure, build, enclose
from gancode.calculus.symbols import softplus

t, u, x, y, k, n = (Symbol(name) for name in "tuxykn")
third = Rational(1, 3)
phi = exp(-(x**2) / 2) / sqrt(2 * pi)


def gauss(mean, deviation):
    return exp(-((x - mean) ** 2) / (2 * deviation**2)) / (deviation * sqrt(2 * pi))


def value_of(truth):
    """A SymPy number or one of mpmath as a narrow ball."""
    with mpmath.workdps(60):
        number = sympy.N(truth, 60) if isinstance(truth, sympy.Basic) else truth
        number = mpmath.mpmathify(number)
        return arb(mpmath.nstr(number, 50)) * arb(1, "1e-27")


def check(expr, truth, point=None, bits=64, accuracy=50):
    """The ball of `expr` holds the truth, and has so many correct bits (of 1, about 0)."""
    found = enclose(expr, point, bits)
    assert isinstance(found, arb), found
    truth = value_of(truth)
    assert found.overlaps(truth), (expr, point, found, truth)
    assert found.rad() < abs(truth).max(arb(1) / 1000) * arb(2) ** -accuracy, (expr, found)
    return found


# Integrals -------------------------------------------------------------------------------------

INTEGRALS = [
    (Integral(sqrt(2 - t) * sqrt(1 / (2 - t)), (t, 0, 1)), 1),
    (Integral(Abs(sin(2 * t)), (t, 0, 2 * pi)), 4),
    (Integral(Abs(sin(t) * cos(t)), (t, 0, 2 * pi)), 2),
    (Integral(1 / (cosh(t) + cos(1)), (t, 0, oo)), 1 / sin(1)),
    (Integral(exp(-(x**2) / 2), (x, -oo, oo)), sqrt(2 * pi)),
    (Integral(x**4 * phi, (x, -oo, oo)), 3),
    (Integral(log(t), (t, 0, 1)), -1),
    (Integral(1 / sqrt(t), (t, 0, 1)), 2),
    (Integral(t ** Rational(-99, 100), (t, 0, 1)), 100),
    (Integral(t ** Rational(-101, 100), (t, 1, oo)), 100),
    (Integral(1 / sqrt(Abs(t)), (t, -1, 1)), 4),
    (Integral(1 / sqrt(1 - t**2), (t, -1, 1)), pi),
    (Integral(sqrt(1 - t**2), (t, -1, 1)), pi / 2),
    (Integral(1 / sqrt(t * (1 - t)), (t, 1, 0)), -pi),
    (Integral(sin(t) / t, (t, -1, 1)), 2 * sympy.Si(1)),
    (Integral(1 / (1 + t**2), (t, -oo, oo)), pi),
    (Integral(1 / (t * log(t) ** 2), (t, 2, oo)), 1 / log(2)),
    (Integral(log(t) ** 12 / t**2, (t, 1, oo)), factorial(12)),
    (Integral(log(t) ** Rational(25, 2) / t**2, (t, 1, oo)), gamma(Rational(27, 2))),
    (Integral(t / (exp(t) - 1), (t, 0, oo)), pi**2 / 6),
    (Integral(log(1 - exp(-t)), (t, 0, oo)), -(pi**2) / 6),
    (Integral(exp(-x - exp(-x)), (x, -oo, oo)), 1),
    (Integral(x * exp(-x - exp(-x)), (x, -oo, oo)), sympy.EulerGamma),
    (Integral(exp(-t) * cos(t) ** 2, (t, 0, oo)), Rational(3, 5)),
    (Integral(erfc(t), (t, 0, oo)), 1 / sqrt(pi)),
    (Integral(exp(-(t ** Rational(1, 10))), (t, 0, oo)), factorial(10)),
    (Integral(exp(-(10**30) * t**2), (t, -oo, oo)), sqrt(pi) / 10**15),
    (Integral(exp(-(t**2) / 10**30), (t, -oo, oo)), sqrt(pi) * 10**15),
    (Integral(exp(-(10**6) * (t - Rational(1, 8)) ** 2), (t, -oo, oo)), sqrt(pi) / 1000),
    (Integral(exp(-((t - 1000) ** 2)), (t, -oo, oo)), sqrt(pi)),
    (Integral(1 / (t**2 + Rational(1, 10**12)), (t, -1, 1)), 2 * 10**6 * atan(10**6)),
    (Integral(sqrt(-log(t)), (t, 0, 1)), sqrt(pi) / 2),
    (Integral(log(t) / sqrt(t), (t, 0, 1)), -4),
    (Integral(exp(-1 / t) / t**2, (t, 0, 1)), exp(-1)),
    (Integral(acos(t), (t, -1, 1)), pi),
    (Integral(floor(3 * t), (t, 0, 1)), 1),
    (Integral(Heaviside(t - third), (t, 0, 1)), Rational(2, 3)),
    (
        Integral(Piecewise((t, t < third), (t**2, t < 1), (3, True)), (t, 0, 2)),
        Rational(1, 18) + (1 - third**3) / 3 + 3,
    ),
    (
        Integral(Max(t, t**2, third), (t, -1, 2)),
        (1 - third ** (S(3) / 2)) / 3
        + third * (third + sqrt(third))
        + (1 - third**2) / 2
        + S(7) / 3,
    ),
    (
        Integral(Min(t, third) * sign(t), (t, -1, 2)),
        S.Half + Rational(1, 18) + third * Rational(5, 3),
    ),
    (
        Integral(log(Abs(t - third)), (t, 0, 1)),
        Rational(2, 3) * log(Rational(2, 3)) - log(3) / 3 - 1,
    ),
    (Integral(t, (t, 0, 0)), 0),
    (Integral(1, (t, 3, 1)), -2),
    (Integral(exp(-x * t), (t, 0, 1), (x, 0, 1)), None),
    (Integral(exp(-(x**2) - y**2), (x, -3, 3), (y, -3, 3)), pi * erf(3) ** 2),
    (Integral(x, (y, 0, x), (x, 0, 1)), third),
    (Integral(Sum(x**k / k**2, (k, 1, 50)), (x, 0, 1)), Sum(1 / k**2 / (k + 1), (k, 1, 50)).doit()),
]


@pytest.mark.parametrize(("expr", "truth"), INTEGRALS, ids=lambda value: str(value)[:60])
def test_integrals(expr, truth):
    if truth is None:
        with mpmath.workdps(40):
            truth = mpmath.quad(lambda s: -mpmath.expm1(-s) / s, [0, 1])
    check(expr, truth)


@pytest.mark.parametrize(
    ("expr", "truth", "point"),
    [
        (
            Integral(1 / (t**2 + 2 * t * u + 1), (t, 0, oo)),
            acos(third) / sqrt(1 - third**2),
            {u: third},
        ),
        (Integral(sqrt(t**2 + u**2), (t, 0, 1)), S.Half, {u: 0}),
        (Integral(1 / sqrt(u - t), (t, 0, u)), 2 / sqrt(3), {u: third}),
        (Integral(Abs(t) ** u, (t, -1, 2)), (1 + 2 ** (1 + third)) / (1 + third), {u: third}),
        (Integral(sign(t - u) * sign(u), (t, -1, 2)), third, {u: third}),
        (
            Integral(Heaviside(t - u, 5) * Heaviside(u) * Abs(u), (t, 0, 1)),
            Rational(2, 9),
            {u: third},
        ),
        (Integral(t, (t, 0, t)), Rational(9, 2), {t: 3}),  # the end is another t
        (Integral(exp(-u * t), (t, 0, oo)), 10**40, {u: Rational(1, 10**40)}),
        (Integral(lowergamma(u, t), (t, 1, 2)), None, {u: third}),
        (Integral(uppergamma(u, t), (t, 1, 2)), None, {u: third}),
        (Integral(besselj(u, t), (t, 1, 3)), None, {u: third}),
        (Integral(besselj(2, t) * u, (t, -1, 3)), None, {u: third}),
        (Integral(LambertW(t) * u, (t, 0, 2)), None, {u: third}),
        (Integral(gamma(t) * t**u, (t, 1, 3)), None, {u: third}),
    ],
    ids=lambda value: str(value)[:50],
)
def test_integrals_with_parameters(expr, truth, point):
    if truth is None:
        variable, low, high = expr.limits[0]
        function = sympy.lambdify(variable, expr.function.subs(point), "mpmath")
        with mpmath.workdps(40):
            truth = mpmath.quad(function, [int(low), 1, int(high)])
    check(expr, truth, point)


def test_softplus_under_a_gaussian():
    with mpmath.workdps(40):
        truth = mpmath.quad(
            lambda s: mpmath.log1p(mpmath.exp(s)) * mpmath.npdf(s), [-20, -5, 0, 5, 20]
        )
    found = check(Integral(softplus(x) * phi, (x, -oo, oo)), truth)
    assert found > arb(2).log()


@pytest.mark.parametrize(
    "expr",
    [
        Integral(1 / t, (t, 1, oo)),
        Integral(1 / t, (t, 0, 1)),
        Integral(1 / t, (t, -1, 1)),
        Integral(1 / t**2, (t, -1, 1)),
        Integral(exp(t), (t, 0, oo)),
        Integral(1 / (t * log(t)), (t, 2, oo)),
        Integral((2 + sin(t)) / t, (t, 1, oo)),
        Integral(1 / (1 - t), (t, 0, 1)),
        Integral(tan(t) / t**2, (t, 0, 1)),
        Integral(1, (t, -oo, 0)),
        Sum(1 / k, (k, 1, oo)),
        Sum(k / (k + 1), (k, 0, oo)),
        Sum((-1) ** k, (k, 0, oo)),
        Sum((-2) ** k / (k + 1), (k, 0, oo)),
        Sum(1 / (k - 3), (k, 0, 5)),
        Limit(1 / t, t, 0),
        Limit(1 / t, t, 0, "+-"),
        Limit(Abs(t) / t, t, 0, "+-"),
        Limit(exp(t), t, oo),
    ],
    ids=str,
)
def test_what_has_no_finite_value_is_known_to(expr):
    with pytest.raises(Undefined):
        enclose(expr)


@pytest.mark.parametrize(
    "expr",
    [
        Integral(sin(t) / t, (t, 0, oo)),  # it converges, but not absolutely
        Integral(sin(t), (t, 0, oo)),
        Integral(DiracDelta(t), (t, -1, 1)),
        Integral(DiracDelta(t), (t, 0, 1)),
        Integral(DiracDelta(t - 5), (t, 0, oo)),
        Integral(DiracDelta(t) * t, (t, -oo, oo)),
        Integral(tan(t), (t, 0, 2)),
        Integral(exp(I * t - t), (t, 0, oo)),
        Integral(t),
        Integral(t, (t, u)),
        Integral(exp(-x * t), (x, 0, oo), (t, 1, oo)),
        Sum(k, (k, 1, -2)),
        Sum(k, (k, 1, Rational(5, 2))),
        Sum(k, (k, 1, 10**6)),
        Sum(sin(k) / k, (k, 1, oo)),
        Product(S.Half * (1 + 1 / k), (k, 1, oo)),
        Limit(sin(t), t, oo),
        Limit(sin(1 / t), t, 0),
    ],
    ids=str,
)
def test_what_is_not_known_is_said(expr):
    with pytest.raises(Unsure):
        enclose(expr)


def test_functions_that_are_not_holomorphic_are_not_taken_for_such():
    for expr, truth in (
        (re(t) * t, Rational(2, 3)),
        (1 / (1 + 100 * re(t) ** 2), atan(10) / 5),
        (1 / (1 + 100 * t * sympy.conjugate(t)), atan(10) / 5),
        (exp(-20 * t**2 + im(t)), sqrt(pi / 20) * erf(sqrt(20))),
    ):
        assert enclose(Integral(expr, (t, -1, 1))).real.overlaps(value_of(truth))
    for expr, truth in (
        (exp(-Abs(x)) * t, 1 - 1 / E),
        (Abs(x - t), S(4) / 3),
        (floor(x) * t, -S.Half),
    ):
        try:
            assert enclose(Integral(expr, (t, 0, 1), (x, -1, 1))).overlaps(value_of(truth))
        except Unsure:
            assert expr == Abs(x - t)
    for order, function in ((S.Half, besselj), (third, lowergamma), (third, uppergamma)):
        near_the_cut = Integral(function(order, t), (t, Rational(1, 100), 3))
        with mpmath.workdps(40):
            other = sympy.lambdify(t, near_the_cut.function, "mpmath")
            truth = mpmath.quad(other, [mpmath.mpf(1) / 100, 0.1, 1, 3])
        check(near_the_cut, truth)


def test_complex_integrals_are_complex():
    assert enclose(Integral(exp(I * t), (t, 0, pi))).overlaps(acb(0, 2))
    assert enclose(Integral(sqrt(t - 1), (t, 0, 1))).imag.overlaps(arb(2) / 3)
    turns = Integral(log(exp(t)), (t, 0, 4 * I))  # the logarithm jumps on the way
    assert enclose(turns).real.overlaps(value_of(-8 + 2 * pi * (4 - pi)))
    assert enclose(Integral(turns, (x, 0, 1))).real.overlaps(value_of(-8 + 2 * pi * (4 - pi)))


def test_a_tail_that_swings_is_bounded():
    truth = mpmath.mpf("0.50406706190692837198985611774114822962")  # ∫ sin(t)/t² over [1, ∞)
    for expr in (Integral(sin(t) / t**2, (t, 1, oo)), Integral(sin(1 / t), (t, 0, 1))):
        check(expr, truth, accuracy=10)


def test_there_is_an_end_to_the_work():
    for expr in (
        Integral(sin(100 * x * y * t), (x, 0, 3), (y, 0, 3), (t, 0, 3)),
        Integral(Sum(x**k / k**2, (k, 1, 5000)), (x, 0, 1)),
        Integral(Sum(x**k / k**2, (k, 1, oo)), (x, 0, 1)),
    ):
        with pytest.raises(Unsure):
            enclose(expr)
    assert enclose(Integral(sin(exp(t)), (t, 0, 30))).overlaps(
        value_of(sympy.Si(exp(30)) - sympy.Si(1))
    )


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, TimeoutError, TypeError])
def test_it_can_be_interrupted(interruption):
    left = [30]

    class Slow(sympy.Function):
        nargs = 1

    def slow(expr, symbols):
        argument = build(expr.args[0], symbols)

        def evaluate(values, analytic):
            left[0] -= 1
            if left[0] < 0:
                raise interruption("enough")
            return 1 / (argument(values, analytic) ** 2 + arb(1) / 100)

        return evaluate

    BUILDERS[Slow] = slow
    try:
        with pytest.raises(interruption):
            enclose(Integral(Slow(t), (t, 0, 1)))
    finally:
        del BUILDERS[Slow]


@pytest.mark.parametrize(
    ("expr", "truth"),
    [
        (Integral(log(t) / (1 + t**2), (t, 1, oo)), sympy.Catalan),
        (Integral(exp(-(x**2) / 2), (x, -oo, oo)), sqrt(2 * pi)),
        (Integral(1 / sqrt(t), (t, 0, 1)), 2),
        (Sum(1 / k**2, (k, 1, oo)), pi**2 / 6),
        (Sum((-1) ** k / factorial(k), (k, 0, oo)), 1 / E),
        (Product(1 + 1 / k**2, (k, 1, oo)), sympy.sinh(pi) / pi),
    ],
    ids=str,
)
def test_more_bits_give_narrower_balls(expr, truth):
    balls = [check(expr, truth, bits=bits, accuracy=bits - 14) for bits in (53, 90, 120)]
    assert balls[0].rad() > 1000 * balls[1].rad() > 10**6 * balls[2].rad()


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(st.fractions(S.One / 4, S.One, max_denominator=50))
def test_a_ball_for_a_parameter_holds_the_values_over_it(at):
    wide, at = {u: arb(Rational(5, 8).p / 8.0, 0.375)}, Rational(at.numerator, at.denominator)
    assume(Rational(1, 4) <= at <= 1)
    for expr in (
        Integral(exp(-u * t), (t, 0, oo)),
        Integral(t ** (u - 1), (t, 0, 1)),
        Integral(1 / sqrt(u - t), (t, 0, u)),
        Integral(log(1 + u * t), (t, 0, 1)),
        Sum(u**k / factorial(k), (k, 0, oo)),
        Limit((exp(u * t) - 1) / t, t, 0),
    ):
        try:
            box = enclose(expr, wide)
        except Unsure:
            continue
        assert box.contains(enclose(expr, {u: at}).mid())


# Families with a closed form -------------------------------------------------------------------

fractions = st.builds(Rational, st.integers(1, 40), st.integers(1, 10))
signed = st.builds(Rational, st.integers(-30, 30), st.integers(1, 10))
families = settings(max_examples=30, deadline=None, derandomize=True, database=None)


@families
@given(fractions, fractions)
def test_the_gamma_integral(a, b):
    check(Integral(t ** (a - 1) * exp(-b * t), (t, 0, oo)), gamma(a) / b**a)


@families
@given(fractions, fractions)
def test_the_beta_integral(a, b):
    truth = gamma(a) * gamma(b) / gamma(a + b)
    check(Integral(t ** (a - 1) * (1 - t) ** (b - 1), (t, 0, 1)), truth)


@families
@given(st.builds(Rational, st.integers(-9, 30), st.just(10)), st.integers(0, 3))
def test_powers_and_logarithms_at_both_ends(a, m):
    check(Integral(t**a * log(t) ** m, (t, 0, 1)), (-1) ** m * factorial(m) / (a + 1) ** (m + 1))
    check(Integral(t ** (-a - 2) * log(t) ** m, (t, 1, oo)), factorial(m) / (a + 1) ** (m + 1))


@families
@given(st.integers(-2000, 2000))
def test_a_power_has_an_integral_just_up_to_its_bound(distance):
    a = -1 + Rational(distance, 1000)
    for expr, converges in (
        (Integral(t**a, (t, 0, 1)), distance > 0),
        (Integral(t**a, (t, 1, oo)), distance < 0),
        (Integral((t - 2) ** 2 * Abs(t - 3) ** a, (t, 2, 4)), distance > 0),
    ):
        if converges:
            assert enclose(expr) > 0
        else:
            with pytest.raises(Undefined):
                enclose(expr)


@families
@given(signed, signed, fractions)
def test_rational_functions_on_the_line(b, c, a):
    assume(4 * a * c > b**2)
    check(Integral(1 / (a * t**2 + b * t + c), (t, -oo, oo)), 2 * pi / sqrt(4 * a * c - b**2))


@families
@given(signed, fractions)
def test_gaussians(b, a):
    truth = sqrt(pi / a) * exp(b**2 / (4 * a))
    check(Integral(exp(-a * x**2 + b * x), (x, -oo, oo)), truth)


@settings(max_examples=8, deadline=None, derandomize=True, database=None)
@given(signed, fractions, signed, fractions)
def test_divergences_of_gaussians(m1, s1, m2, s2):
    p, q = gauss(m1 / 10, s1), gauss(m2 / 10, s2)
    truth = log(s2 / s1) + (s1**2 + (m1 - m2) ** 2 / 100) / (2 * s2**2) - S.Half
    assume(truth.n() < 100)
    check(Integral(p * log(p / q), (x, -oo, oo)), truth)


@families
@given(st.builds(Rational, st.integers(1, 19), st.just(20)))
def test_a_slow_tail_and_a_singular_start(a):
    check(Integral(t ** (a - 1) / (1 + t), (t, 0, oo)), pi / sin(pi * a))


SMOOTH = [
    sin,
    cos,
    atan,
    erf,
    tanh,
    softplus,
    lambda f: exp(-(f**2)),
    lambda f: 1 / (1 + f**2),
    lambda f: sqrt(1 + f**2),
    lambda f: log(2 + f**2),
]
smooth = st.recursive(
    st.just(t) | st.just(t) | signed,
    lambda parts: st.one_of(
        st.builds(lambda one, two: one + two, parts, parts),
        st.builds(lambda one, two: one * two, parts, parts),
        st.builds(lambda function, part: function(part), st.sampled_from(SMOOTH), parts),
    ),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(smooth, signed, signed)
def test_smooth_integrands_against_another_quadrature(integrand, low, high):
    function = sympy.lambdify(
        t, integrand.rewrite(log) if integrand.has(softplus) else integrand, "mpmath"
    )
    with mpmath.workdps(30):
        points = mpmath.linspace(mpmath.mpf(low.p) / low.q, mpmath.mpf(high.p) / high.q, 9)
        value, error = mpmath.quad(function, points, error=True)
        assume(error < 1e-15 * (1 + abs(value)))
    try:
        found = enclose(Integral(integrand, (t, low, high)))
    except Unsure:
        assume(False)
    assert isinstance(found, arb)
    assert found.overlaps(arb(mpmath.nstr(value, 30)) + arb(0, 1e-14 * (1 + abs(float(value)))))


# Sums and products -----------------------------------------------------------------------------

SUMS = [
    (Sum(k, (k, 1, 0)), 0, {}),  # SymPy's convention
    (Product(k, (k, 1, 0)), 1, {}),
    (Product(k, (k, 1, 5)), 120, {}),
    (Sum(binomial(2, k) * k**2, (k, 0, 2)), 6, {}),
    (Sum((-1) ** k * binomial(n, k), (k, 0, n)), 1, {n: 0}),
    (Sum((-1) ** k * binomial(n, k), (k, 0, n)), 0, {n: 7}),
    (Sum(k, (k, 1, n)), 12502500, {n: 5000}),
    (Sum((-1) ** k / k, (k, 1, oo)), -log(2), {}),
    (Sum((-1) ** k / (2 * k + 1), (k, 0, oo)), pi / 4, {}),
    (Sum((-1) ** (k * (k + 1) * 3 + k) / k**2, (k, 1, oo)), -(pi**2) / 12, {}),
    (Sum(x**k / factorial(k), (k, 0, oo)), exp(-3), {x: -3}),
    (Sum(x**k / factorial(k), (k, 0, oo)), 1, {x: 0}),
    (Sum(binomial(2 * k, k) / 5**k, (k, 0, oo)), sqrt(5), {}),
    (Sum(exp(-(k**2)), (k, -oo, oo)), None, {}),
    (Sum(exp(k), (k, -oo, 3)), exp(3) / (1 - exp(-1)), {}),
    (Sum(1 / (k * (k + 1)), (k, 1, oo)), 1, {}),
    (Sum(Integral(x**k, (x, 0, 1)), (k, 0, 4)), Rational(137, 60), {}),
    (Sum(n * k, (k, 1, n), (n, 1, 3)), 25, {}),
    (Product(1 - 1 / k**2, (k, 2, oo)), S.Half, {}),
    (Product(1 + 1 / k**2, (k, 1, oo)), sympy.sinh(pi) / pi, {}),
]


@pytest.mark.parametrize(("expr", "truth", "point"), SUMS, ids=lambda value: str(value)[:50])
def test_sums_and_products(expr, truth, point):
    if truth is None:
        with mpmath.workdps(50):
            truth = mpmath.jtheta(3, 0, mpmath.exp(-1))
    check(expr, truth, point, accuracy=48)


@pytest.mark.parametrize("m", [1, 5, 12])
def test_sums_with_logarithms(m):
    with mpmath.workdps(50):
        truth = (-1) ** m * mpmath.zeta(2, derivative=m)
    check(Sum(log(k) ** m / k**2, (k, 1, oo)), truth)


def test_a_sum_without_a_closed_form_lies_between_integrals():
    expr = Sum(1 / (k * log(k) ** 2), (k, 2, oo))
    check(expr, sympy.Float("2.1097428012368919744792571976", 28), accuracy=15)


@families
@given(st.builds(Rational, st.integers(11, 60), st.just(10)), st.integers(1, 9))
def test_sums_of_powers(a, start):
    with mpmath.workdps(40):
        truth = mpmath.zeta(mpmath.mpf(a.p) / a.q, start)
    check(Sum(k**-a, (k, start, oo)), truth)


@families
@given(st.integers(-19, 19), st.integers(-2, 3))
def test_geometric_sums_with_powers(part, m):
    r = Rational(part, 20)
    with mpmath.workdps(40):
        truth = mpmath.polylog(m, mpmath.mpf(r.p) / r.q).real
    check(Sum(x**k / k**m, (k, 1, oo)), truth, {x: r}, accuracy=40)


@families
@given(fractions)
def test_alternating_sums(a):
    with mpmath.workdps(40):
        at = mpmath.mpf(a.p) / a.q
        truth = (mpmath.digamma((at + 1) / 2) - mpmath.digamma(at / 2)) / 2
    check(Sum((-1) ** k / (k + u), (k, 0, oo)), truth, {u: a}, accuracy=38)


@families
@given(st.integers(0, 30), signed)
def test_finite_sums_are_exact_at_whole_numbers(size, r):
    truth = (1 + r) ** size
    check(Sum(binomial(n, k) * x**k, (k, 0, n)), truth, {n: size, x: r}, accuracy=20)


@families
@given(fractions)
def test_expectations_of_poisson_variables(mean):
    expr = Sum(k * (k - 1) * exp(-u) * u**k / factorial(k), (k, 0, oo))
    check(expr, mean**2, {u: mean}, accuracy=40)


# Limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expr", "truth", "point"),
    [
        (Limit(log(exp(t * x) + exp(t * y)) / t, t, oo), 2, {x: 1, y: 2}),
        (Limit(log(exp(t * x) + exp(t * y)) / t, t, oo), 1, {x: 1, y: 1}),
        (Limit(1 / (t * u + 1), t, oo), 1, {u: 0}),
        (Limit(1 / (t * u + 1), t, oo), 0, {u: 3}),
        (Limit((1 + u / t) ** t, t, oo), exp(3), {u: 3}),
        (Limit(sin(t) / t, t, 0, "+-"), 1, {}),
        (Limit(exp(1 + t), t, 0, "+-"), E, {}),
        (Limit(Abs(t) / t, t, 0), 1, {}),
        (Limit(Abs(t) / t, t, 0, "-"), -1, {}),
        (Limit(t * log(t), t, 0), 0, {}),
        (Limit((t**3 - u**3) / (t - u), t, u), 12, {u: 2}),
        (Limit(sqrt(t**2 + t) - t, t, oo), S.Half, {}),
        (Limit(floor(t), t, 3, "-"), 2, {}),
    ],
    ids=lambda value: str(value)[:50],
)
def test_limits(expr, truth, point):
    check(expr, truth, point)


# What integrals ask of enclosures --------------------------------------------------------------


def test_a_step_takes_its_own_value_too():
    assert enclose(Heaviside(u, 5), {u: arb(0, 1)}).contains(5)
    assert enclose(Integral(Heaviside(t, 5) + Abs(u), (t, -1, 1)), {u: 0}).overlaps(arb(1))


def test_powers_of_balls_about_zero():
    about = {u: arb(0, 0.5)}
    for power in (1, 2, 3, 8):
        found = enclose(u**power, about)
        assert found.contains(arb(0.5) ** power) and found.contains(0)
        assert found.contains(arb(-0.5) ** power) and found.rad() < 0.6**power
    assert enclose((-1) ** k, {k: 10**9 + 1}) == -1


def test_conditions_with_an_infinite_side_and_acot_at_zero():
    expr = Piecewise((1, (u < oo) & (u > 2)), (3, True))
    assert [enclose(expr, {u: value}) for value in (1, 4)] == [3, 1]
    assert enclose(sympy.acot(u), {u: 0}).overlaps(arb.pi() / 2)
