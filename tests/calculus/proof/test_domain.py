"""Domains: what assumptions leave, and equations that are solved where that is sound."""

import pytest
import sympy
from sympy import Eq, Rational, Symbol, exp, log, pi, sin, sqrt

from gancode.calculus import prove
from gancode.calculus.proof.domain import Domain, EmptyDomainError

x, y = sympy.symbols("x y", real=True)
p, q = sympy.symbols("p q", positive=True)
n, k = sympy.symbols("n k", integer=True)
z = Symbol("z")


@pytest.mark.parametrize(
    "equation, symbol, value",
    [
        (Eq(q, 1 - p), q, 1 - p),
        (Eq(1 - p, q), q, 1 - p),
        (Eq(3 * p + q / 2, 1), p, Rational(1, 3) - q / 6),
        (Eq(p * x + x, y), y, p * x + x),
        (Eq(x * p + x - 1, y * 0), x, 1 / (p + 1)),
        (Eq(exp(2 * y), 3), y, log(3) / 2),
        (Eq(log(p), x + 1), p, exp(x + 1)),
        (Eq(p**3, q + 1), p, sympy.cbrt(q + 1)),
        (Eq(1 / (1 + x), 2), x, -Rational(1, 2)),
        (Eq(p**2 + p, 6), p, 2),
        (Eq(n, 2 * k + 1), n, 2 * k + 1),
        (Eq(2 * k + 1, n), n, 2 * k + 1),
    ],
)
def test_an_equation_says_what_a_symbol_is(equation, symbol, value):
    assert sympy.simplify(Domain([], [equation]).solved[symbol] - value) == 0


@pytest.mark.parametrize(
    "equation",
    [
        Eq(x * y, x),  # y = 1, or x = 0
        Eq(x * y, 0),
        Eq(x**2, y**2),
        Eq(y**2, 4),
        Eq(x**2 + y**2, 1),
        Eq(sin(x), sin(y)),
        Eq(y * exp(x * y), exp(x)),
        Eq(y, sqrt(x) * log(x)),  # real where x ≥ 0, and at no one knows which other points
        Eq(2 * n, k),  # k = 2n is whole, but n = k/2 is not
    ],
)
def test_what_has_several_solutions_is_no_substitution(equation):
    if equation == Eq(2 * n, k):
        assert Domain([], [equation]).solved == {k: 2 * n}
        return
    with pytest.raises(ValueError, match="cannot be solved"):
        Domain([], [equation])


def test_a_factor_that_may_vanish_is_not_cancelled():
    with pytest.raises(ValueError, match="cannot be solved"):
        prove(x, 0, assumptions=Eq(x * y, x))
    assert prove(y, 1, assumptions=Eq(p * y, p)).status == "proved"


def test_what_was_known_of_a_solved_symbol_is_kept():
    assert prove(p, 1, "<", Eq(q, 1 - p)).status == "proved"
    assert prove(sympy.Abs(y) ** 2, x, assumptions=Eq(y, sqrt(x))).status == "proved"
    assert prove(x, 0, ">", Eq(exp(y), x)).status == "proved"
    found = prove((-1) ** k, -1, assumptions=Eq(n, 2 * k + 1))
    assert found.status == "refuted" and found.counterexample[k].is_integer


@pytest.mark.parametrize(
    "relations",
    [
        [x > 1, x < 0],
        [x < y, y < x],
        [Eq(q, -p)],
        [Eq(2 * k, 1)],
        [Eq(p**2, -4)],
        [p + q < 0],
        [x**2 < -1],
    ],
)
def test_assumptions_that_contradict_each_other_are_refused(relations):
    with pytest.raises(EmptyDomainError):
        Domain([x], relations)


def test_the_range_of_a_symbol_follows_from_linear_relations():
    domain = Domain([x, y], [x < y, y < x + Rational(1, 10**9), x > 0, x < 1])
    low, high, *_ = domain.range_of(y, {x: Rational(1, 2)})
    assert (low, high) == (Rational(1, 2), Rational(1, 2) + Rational(1, 10**9))
    assert domain.range_of(y, {})[:2] == (0, 1 + Rational(1, 10**9))


def test_a_point_must_satisfy_every_relation():
    domain = Domain([x], [x**2 > 2, exp(x) < 5])
    assert domain.contains({x: Rational(3, 2)})
    assert not domain.contains({x: Rational(7, 5)})
    assert not domain.contains({x: Rational(2)})
    assert Domain([x], [x <= pi]).contains({x: pi})


def test_a_domain_of_two_intervals_has_two_parts():
    parts = Domain([x], [x**2 > 1]).parts()
    assert sorted(str(part.bounds[x]) for part in parts) == [
        "Interval.open(-oo, -1)",
        "Interval.open(1, oo)",
    ]
