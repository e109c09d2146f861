"""Convexity that is proved, minimisers with and without formulas, and the numbers behind them."""

from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
import sympy
from sympy import Abs, Interval, Max, Rational, S, Symbol, cosh, exp, log, oo, sqrt

from gancode.calculus import NotConvexError, prove, r, softplus
from gancode.calculus.convex import convexity, is_smooth, minimisers
from gancode.calculus.curvature import is_convex
from gancode.calculus.digits import increasing_root
from gancode.calculus.implicit import Implicit, implicit
from gancode.calculus.kinks import Piece
from gancode.calculus.roots import formula

t = Symbol("t", real=True)


@pytest.mark.parametrize(
    "expr, low, high, known",
    [
        (softplus(-3 * t) + t**4, -oo, oo, True),
        (log(exp(t) + exp(-2 * t) + 3), -oo, oo, True),
        (Max(0, 1 - t) ** 3 + Abs(t - 1), -oo, oo, True),
        (sqrt((t - 1) ** 2 + 2), -oo, oo, True),
        (cosh(t - 1) - 2 * t, -oo, oo, True),
        (-log(t) - sqrt(t), S.Zero, oo, True),
        (1 / t, S.Zero, oo, True),
        (1 / t, -oo, oo, False),
        (t**3, -oo, oo, False),
        (log(1 + exp(-t)) - log(1 + exp(t)), -oo, oo, False),
        (exp(-(t**2)), -oo, oo, False),
        (sqrt(t**2 - 2), -oo, oo, False),
        (cosh(t**2 - 4), -oo, oo, False),
        (Max(0, t) ** Rational(1, 2), -oo, oo, False),
        (softplus(t) ** 2 - t**2, -oo, oo, False),
    ],
)
def test_rules_of_composition_say_what_chords_confirm(expr, low, high, known):
    assert is_convex(expr, t, low, high) is known
    left = 0.01 if low == 0 else -5
    values = sympy.lambdify(t, expr.rewrite(log), "numpy")
    x, y = np.random.default_rng(0).uniform(left, 5, (2, 500))
    with np.errstate(all="ignore"):
        gap = (values(x) + values(y)) / 2 - values((x + y) / 2)
    assert (gap >= -1e-12).all() or not known


@pytest.mark.parametrize(
    "expr, low",
    [
        (t**2 - Rational(1, 10**12) * t**4, -oo),
        (t**4 - Rational(1, 10**12) * t**2, -oo),
        (1 / t, -oo),
        (sympy.floor(t), -oo),
        (log(t), S.Zero),
        (sqrt(t), -oo),
        (Max(t, -t) - Rational(1, 10**12) * Abs(t - 1), -oo),
    ],
)
def test_what_is_not_convex_is_refused(expr, low):
    with pytest.raises(NotConvexError):
        assert convexity(expr, t, low) != "proved"


@pytest.mark.parametrize(
    "expr, low, smooth",
    [
        (exp(t) - log(1 + exp(t)), -oo, True),
        (softplus(t) - 1 / (1 + t**2), -oo, True),
        (log(t) + 1 / t, S.Zero, True),
        (1 / t, -oo, False),
        (log(t), -oo, False),
        (Abs(t - 1), -oo, False),
        (sympy.floor(t), -oo, False),
        (sympy.sign(t), -oo, False),
        (t - 1 / (exp(t) - 2), -oo, False),
    ],
)
def test_a_smooth_function_has_no_kink_jump_or_pole(expr, low, smooth):
    assert is_smooth(expr, t, low) is smooth


def test_a_minimiser_has_a_formula_or_is_implicit_with_a_known_inverse():
    first, second = softplus(-t), softplus(t)
    (branch,) = minimisers(first, second, t, r, name="t", seconds=2)
    assert prove(branch.value, log(r)).status == "proved" and branch.where == Interval.open(0, oo)
    (branch,) = minimisers(first, softplus(3 * t), t, r, name="t", seconds=2)
    assert isinstance(branch.value, Implicit)
    for x in (Rational(-1, 2), S(2)):
        place = branch.value.func.ratio(x)
        assert abs((branch.value.subs(r, place) - x).evalf(40)) < 1e-38


def test_an_implicit_function_is_evaluated_differentiated_and_compiled():
    s = Symbol("s", positive=True)
    inverse = implicit("x", S.NegativeOne, t + t**5, t, -oo, oo)  # t + t⁵ = s
    assert abs(inverse(S(2)).evalf(50) - 1) < 1e-48
    slope = inverse(s).diff(s)
    assert float(slope.subs(s, 2).evalf()) == pytest.approx(1 / 6)
    values = sympy.lambdify(s, inverse(s), "numpy")(np.array([2.0, 34.0]))
    np.testing.assert_allclose(values, [1, 2], rtol=1e-14)
    np.testing.assert_allclose(inverse.at_exp(np.log([2.0, 34.0])), [1, 2], rtol=1e-12)
    far = inverse.at_exp(np.array([500.0, -500.0]))  # s itself would be 1e217 and 1e-218
    np.testing.assert_allclose(far, np.exp([100.0, -500.0]), rtol=1e-6, atol=1e-20)


def test_roots_are_bracketed_in_intervals_of_any_kind():
    with mpmath.workdps(50):
        assert abs(increasing_root(lambda x: x**3 - 2, -mpmath.inf, mpmath.inf) ** 3 - 2) < 1e-48
        near = increasing_root(lambda x: mpmath.log(x) + 500, mpmath.mpf(0), mpmath.inf)
        assert abs(near * mpmath.exp(500) - 1) < 1e-47
        with pytest.raises(ArithmeticError, match="no change of sign"):
            increasing_root(lambda x: mpmath.exp(x), -mpmath.inf, mpmath.mpf(3))


@pytest.mark.parametrize(
    "first, second, root",
    [
        (-exp(-t), exp(t), log(r) / 2),
        (-1 / (1 + exp(t)), 1 / (1 + exp(-t)), log(r)),
        (4 * (t - 1) ** 3, 4 * (t + 1) ** 3, (r ** Rational(1, 3) - 1) / (r ** Rational(1, 3) + 1)),
        (S.NegativeOne, t / sqrt(1 + t**2), None),
        (S.NegativeOne, exp(t) + exp(3 * t) + t, None),
    ],
)
def test_a_formula_is_proved_to_be_a_root_or_there_is_none(first, second, root):
    slope = r * first + second
    part = SimpleNamespace(first=first, second=second, slope=slope, piece=Piece(-oo, oo, slope))
    found = formula(part, t, r, Interval.open(0, oo))
    assert (found is None) is (root is None)
    assert root is None or prove(found, root).status == "proved"
