"""Balls: every one holds the true value, and what cannot be told is not told."""

import mpmath
import pytest
import sympy
from flint import acb, arb
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import I, Max, Min, Piecewise, Rational, Symbol, cos, exp, log, sin, sqrt, tanh

from gancode.calculus import softplus
from gancode.calculus.proof.enclosure import Undefined, Unsure, compiled, condition, enclose, holds

x, y = sympy.symbols("x y", real=True)
n = Symbol("n", integer=True)

VALUES = [
    (tanh(x), {x: 1000}),
    (softplus(x) - x, {x: 300}),
    (softplus(x), {x: -300}),
    (sqrt(x), {x: Rational(-1, 3)}),
    (x ** Rational(1, 3), {x: -8}),
    (x ** Rational(-3, 2), {x: Rational(7, 5)}),
    (x**y, {x: 2, y: Rational(5, 3)}),
    ((-1) ** n, {n: 3}),
    (log(x) ** 2, {x: -2}),
    (exp(I * x), {x: 3}),
    (sympy.Abs(exp(I * x) - 2), {x: 3}),
    (Max(x, y) - Min(x, y), {x: 2, y: Rational(-7, 2)}),
    (Piecewise((x, x < 0), (2 * x, True)), {x: 3}),
    (sympy.sign(x) + sympy.Heaviside(x), {x: -3}),
    (sympy.floor(x) + sympy.ceiling(x), {x: Rational(-7, 2)}),
    (sympy.atan(x) + sympy.acot(x) + sympy.asinh(x), {x: -2}),
    (sympy.asin(x) * sympy.acos(x) + sympy.atanh(x), {x: Rational(1, 3)}),
    (sympy.acosh(x) + sympy.sec(x) + sympy.csch(x), {x: 2}),
    (sympy.gamma(x) + sympy.loggamma(x + 8) + sympy.digamma(x), {x: Rational(-5, 2)}),
    (sympy.polygamma(2, x) + sympy.zeta(x), {x: 3}),
    (sympy.erf(x) + sympy.erfc(x / 2) + sympy.erfi(x / 3), {x: 2}),
    (sympy.binomial(x, 3) + sympy.factorial(n), {x: Rational(7, 2), n: 5}),
    (sympy.LambertW(x), {x: Rational(-1, 3)}),
    (sympy.besselj(1, x) + sympy.besseli(0, x), {x: 2}),
    (sympy.Ei(x) + sympy.Si(x) + sympy.li(x), {x: 3}),
    (sympy.uppergamma(x, 2) + sympy.lowergamma(x, 1), {x: Rational(3, 2)}),
    (sympy.lowergamma(x, 1500), {x: 1400}),
    (sympy.lowergamma(x, 1500), {x: Rational(1, 3)}),
    (sympy.CRootOf(Symbol("z") ** 3 - 3 * Symbol("z") + 1, 1), {}),
    (sympy.EulerGamma + sympy.Catalan + sympy.GoldenRatio + sympy.pi + sympy.E, {}),
]


@pytest.mark.parametrize("bits", [53, 200])
@pytest.mark.parametrize("expr, point", VALUES, ids=lambda value: str(value)[:40])
def test_a_ball_holds_the_value(expr, point, bits):
    found = enclose(expr, point, bits)
    plain = expr.rewrite(log) if expr.has(softplus) else expr
    true = plain.subs(point).evalf(500, maxn=3000)
    real, imaginary = (arb(str(sympy.N(part, 110))) for part in true.as_real_imag())
    assert acb(found).contains(acb(real.mid(), imaginary.mid())) or acb(found).overlaps(
        acb(real, imaginary)
    )
    assert found.rel_accuracy_bits() > bits - 40 or abs(found) < arb(2) ** (-bits + 40)


@pytest.mark.parametrize(
    "expr, point",
    [
        (1 / x, {x: 0}),
        (log(x), {x: 0}),
        (x ** Rational(-1, 2), {x: 0}),
        (sympy.oo * x, {x: 1}),
        (Piecewise((1, x < 0)), {x: 1}),
        (sympy.DiracDelta(x), {x: 0}),
    ],
    ids=str,
)
def test_what_has_no_value_is_undefined(expr, point):
    with pytest.raises(Undefined):
        enclose(expr, point)


@pytest.mark.parametrize(
    "expr, point",
    [
        (1 / (sqrt(2) ** 2 * x - 2 * x + x * (sin(1) ** 2 + cos(1) ** 2 - 1)), {x: 1}),
        (sympy.asin(x), {x: 2}),
        (sympy.LambertW(x), {x: -1}),
        (Symbol("unknown"), {x: 1}),
        (sympy.Function("f")(x), {x: 1}),
        (sympy.gamma(x), {x: -2}),
        (sympy.exp_polar(x), {x: 1}),
    ],
    ids=str,
)
def test_what_cannot_be_told_is_not_told(expr, point):
    with pytest.raises((Unsure, Undefined)):
        enclose(expr, point)


def test_powers_of_a_ball_around_zero_are_bounded():
    square = compiled(x**2, (x,))([arb(0, 1)])
    assert square > -1e-8 and square.contains(1) and square.contains(0) and square < 2
    cube = compiled(x**3, (x,))([arb(0, 1)])
    assert cube.contains(-1) and cube.contains(1) and abs(cube) < 2


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.floats(-20, 20, allow_nan=False),
    st.floats(0, 3, allow_nan=False),
    st.floats(-1, 1, allow_nan=False),
    st.sampled_from(
        [
            softplus(x) - x / 2,
            x**4 - 3 * x**2,
            exp(-(x**2)) * sin(3 * x),
            Max(x, 1 - x) * sympy.Abs(x),
            1 / (1 + exp(-x)),
            sympy.atan(x) * tanh(x),
            Piecewise((x**2, x < 1), (2 - x, True)),
        ]
    ),
)
def test_the_ball_of_an_interval_holds_the_values_on_it(middle, radius, share, expr):
    found = compiled(expr, (x,))([arb(middle, radius)])
    at = middle + share * radius
    plain = expr.rewrite(log) if expr.has(softplus) else expr
    with mpmath.workdps(60):
        true = sympy.N(plain.subs(x, Rational(at)), 50)
    assert found.overlaps(arb(str(true)))


def test_relations_of_balls():
    one, wide = arb(1), arb(0, 1)
    assert holds(one, one, "==") is True and holds(one, arb(2), "==") is False
    assert holds(one, wide, "==") is None and holds(one, wide, ">=") is not False
    assert holds(arb(3), wide, ">") is True and holds(arb(-3), wide, ">=") is False
    assert holds(wide, wide, "<") is None and holds(arb(2), arb(2), "<") is False


def test_conditions_of_balls():
    inside = condition(sympy.And(x > 0, sympy.Or(x < 1, sympy.Eq(x, 2))), (x,))
    assert inside([arb(1) / 2]) is True and inside([arb(2)]) is True
    assert inside([arb(-1)]) is False and inside([arb(1, 0.5)]) is None
    assert condition(sympy.Not(x > 0), (x,))([arb(-1)]) is True


def test_an_incomplete_gamma_function_of_large_numbers_comes_soon():
    """γ(n, n)/Γ(n) = 1/2 + 1/(3·√(2πn)) + O(n^{-3/2}): half of the mass (Tricomi)."""
    size = 10**6
    half = enclose(sympy.lowergamma(x, x) / sympy.gamma(x), {x: sympy.Integer(size)}, 3072)
    assert abs(half - (0.5 + 1 / (3 * (2 * sympy.pi.n(20) * size) ** 0.5))) < 1e-9
