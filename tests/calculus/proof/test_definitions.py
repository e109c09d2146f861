"""Functions in terms of fewer others: equal wherever the original is defined."""

import mpmath
import pytest
import sympy
from sympy import I, LambertW, Mod, Rational, Symbol, exp, fibonacci, gamma, li, log, loggamma, sin

from gancode.calculus import prove
from gancode.calculus.proof.definitions import defined

x = Symbol("x", real=True)
u = Symbol("u", positive=True)
k = Symbol("k", integer=True)
CASES = [
    li(u),
    exp(2 * loggamma(u) + x),
    exp(-LambertW(u)) + x,
    sin(3 * sympy.atan(x)),
    sympy.cos(2 * sympy.asin(u / 9)),
    (-1) ** Rational(2, 3) + x,
    I**u,
    gamma(u) * gamma(1 - u),
    gamma(u) / gamma(u + Rational(1, 2)),
    gamma(x) * gamma(x + Rational(1, 2)) * gamma(1 - x),
    Mod(x, u),
]


@pytest.mark.parametrize("expr", CASES, ids=str)
@pytest.mark.parametrize("place", [(0.3, 1.7), (-1.2, 0.4), (2.6, 3.1)])
def test_a_definition_changes_no_value(expr, place):
    point = dict(zip((x, u), place, strict=True))
    new = defined(expr)
    assert new != expr
    with mpmath.workdps(30):
        values = [sympy.N(side.subs(point), 25) for side in (expr, new)]
    assert abs(values[0] - values[1]) < 1e-15 * (1 + abs(values[0]))


def test_functions_of_whole_numbers():
    for function in (fibonacci, sympy.lucas, sympy.catalan):
        for n in range(12):
            assert sympy.simplify(defined(function(k)).subs(k, n)) == function(n)
    for n in range(-6, 0):
        assert sympy.radsimp(sympy.expand(defined(fibonacci(k)).subs(k, n))) == fibonacci(n)


def test_what_may_be_zero_is_not_divided_by():
    assert defined(exp(LambertW(x))) == exp(LambertW(x))


def test_statements_and_their_false_neighbours():
    assert prove(exp(loggamma(u)), gamma(u)).status == "proved"
    assert prove(exp(loggamma(u)), gamma(u) + 1e-9).status == "refuted"
    assert prove(sin(sympy.pi * u) * gamma(u) * gamma(1 - u), sympy.pi).status == "proved"
    assert prove(sin(sympy.pi * u) * gamma(u) * gamma(2 - u), sympy.pi).status == "refuted"
    assert prove(li(u), sympy.Ei(log(u)), "==", u > 1).status == "proved"
