"""Numbers of astronomical length are not written out: every answer comes soon."""

import time

import pytest
import sympy
from sympy import Function, Max, Rational, Symbol, factorial, floor, log, oo, sqrt

from gancode.calculus import advice, prove
from gancode.calculus.proof.effort import TooLongError, is_quick, put_in, simplified, solutions

n = Symbol("n", integer=True, nonnegative=True)
k = Symbol("k", integer=True)
x = Symbol("x", real=True)
u = Symbol("u", positive=True)
HUGE = 10**20


@pytest.mark.parametrize(
    "expr, value, quick",
    [
        (2**n, 10**4, True),
        (2**n, HUGE, False),
        (2 ** (2**n), 10, True),
        (2 ** (2**n), 60, False),
        (n**n, 10**3, True),
        (n**n, 10**6, False),
        (n**1000, HUGE, True),
        (n**100000, HUGE, False),
        (sympy.exp(n), HUGE, True),
        (sympy.exp(n * sympy.log(3)), 100, True),
        (sympy.exp(n * sympy.log(3)), 10**8, False),
        (sympy.exp(-n * sympy.log(7) / 2), 10**8, False),
        (sympy.bell(n), 100, True),
        (sympy.bell(n) + 1, 9999, False),
        (sympy.euler(n), 9999, False),
        (sympy.log(n) + sympy.sin(n), HUGE, True),
        ((-1) ** n, HUGE, True),
        (factorial(n), 100, True),
        (factorial(n), 10**6, False),
        (sympy.fibonacci(n), 10**9, False),
        (sympy.Mod(n, 6), HUGE, True),
        (sympy.totient(2 ** (2**n) + 1), 5, True),  # 641 divides it
        (sympy.totient(2 ** (2**n) + 1), 7, False),
        (floor(sqrt(2) * n), HUGE, True),
        (floor(sqrt(2) * 2**n), HUGE, False),
        (Max(n, 2**n), HUGE, False),
        (Max(n, 7), HUGE, True),
    ],
)
def test_what_would_be_written_out_at_length_is_known_before(expr, value, quick):
    values = {n: sympy.Integer(value)}
    assert is_quick(expr, values) == quick
    if quick:
        assert put_in(expr, values) == expr.subs(values)
    else:
        with pytest.raises(TooLongError):
            put_in(expr, values)


def test_what_is_no_finite_number_is_put_in_as_it_stands():
    f = Function("f")
    assert put_in(2**x, {x: oo}) is oo
    assert put_in(2**x, {x: n + 10**30}) == 2 ** (n + 10**30)
    assert put_in(f(x), {x: 3}) == f(3)


@pytest.mark.parametrize(
    "equation, found",
    [
        (x**2 - HUGE, 2),
        (sympy.exp(x) - 7, 1),
        (sympy.exp(x) - HUGE, 0),
        (x * k - sympy.exp(x) - sympy.Rational(1, HUGE), 0),
        (2**x - x - sympy.Rational(1, HUGE), 0),
        (sympy.log(x) + HUGE * x, 0),
    ],
)
def test_an_equation_with_exponentials_and_long_numbers_is_not_solved(equation, found):
    assert len(solutions(equation, x, 2)) == found


@pytest.mark.slow
@pytest.mark.parametrize(
    "left, right, relation, given, statuses",
    [
        (factorial(n), 10**9, ">", [n >= 10**9], {"proved"}),
        (n**n, factorial(n), ">=", [n >= 10**6], {"proved"}),
        (Max(2**n, n**n), n**n, "==", [n >= 2], {"proved", "checked"}),
        (2**k, 3**k, "<", [k > HUGE, k < HUGE + 3], {"proved", "checked"}),
        (2**k, 3**k, ">", [k > HUGE, k < HUGE + 3], {"refuted"}),
        (factorial(k), factorial(k - 1) * k, "==", [k > HUGE, k < HUGE + 3], {"proved"}),
        (2**x, 3**x, "<", [x >= HUGE, x <= HUGE + 1], {"proved", "checked"}),
        (x ** sympy.Integer(HUGE), 2, ">", [x >= 2, x <= 3], {"proved", "checked"}),
        (x ** sympy.Integer(HUGE), 2, "<", [x >= 2, x <= 3], {"refuted"}),
    ],
)
def test_every_answer_about_huge_numbers_comes_soon(left, right, relation, given, statuses):
    began = time.thread_time()
    assert prove(left, right, relation, given).status in statuses
    assert time.thread_time() - began < 15


def test_logarithms_with_long_numbers_are_not_put_together():
    """SymPy turns n·log 2 into log(2ⁿ)."""
    long = Rational(136308121570117, 428224593349304)
    expr = long * log(2) - log(u) / 3
    assert simplified(expr) == expr == advice.simplified(expr)
    assert simplified(log(u) + log(2)) == log(2 * u)
