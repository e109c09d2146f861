"""Numbers of astronomical length are not written out: every answer comes soon."""

import re
import time
from pathlib import Path

import pytest
import sympy
from sympy import Function, Max, Rational, Symbol, exp, factorial, floor, log, oo, pi, sqrt

import gancode.calculus
from gancode.calculus import Divergence, Game, Objective, a, advice, b, prove, r, softplus
from gancode.calculus.proof import rules
from gancode.calculus.proof.effort import TooLongError, is_quick, put_in
from gancode.calculus.rewriting import may_be_factored, simplified, solutions

n = Symbol("n", integer=True, nonnegative=True)
k = Symbol("k", integer=True)
x, y = sympy.symbols("x y", real=True)
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


def test_only_guarded_places_ask_sympy_to_rewrite():
    package = Path(gancode.calculus.__file__).parent
    asked = re.compile(r"sympy\.(simplify|solve|solveset|logcombine)\b(?![`.])")
    places = {
        str(path.relative_to(package)): len(found)
        for path in package.rglob("*.py")
        if (found := [x for x in path.read_text("utf-8").splitlines() if asked.search(x)])
    }
    # Those outside of `rewriting` ask `may_be_rewritten` first.
    assert places == {
        "rewriting.py": 2,
        "advice.py": 1,
        "kinks.py": 1,
        "proof/analysis/integrals.py": 1,
    }


LONG = Rational(136308121570117, 428224593349304)


@pytest.mark.slow
@pytest.mark.parametrize(
    "ask",
    [
        lambda: Objective(softplus(-LONG * a) + softplus(LONG * b), -b).report(),
        lambda: Objective(exp(-LONG * a) + LONG * exp(b) * log(2), -b).report(),
        lambda: Objective((a - LONG * log(2)) ** 2 + (b + log(3)) ** 2, (b - 1) ** 2).report(),
        lambda: Objective(Max(0, LONG * log(2) - a) + Max(0, 1 + b), -b).report(),
        lambda: Divergence(LONG * (r * log(r) - r + 1) + log(2) * LONG * (r - 1) ** 2).conjugate(),
        lambda: Game({x: LONG * log(2) * x**2 + log(3) * x * y, y: -x * y}).eigenvalues((0, 0)),
        lambda: prove(LONG * log(2) * x - log(u) / pi, LONG * log(2) * x - log(u) * LONG),
        lambda: prove(Max(LONG * log(2) * x, x), x, ">="),
    ],
)
def test_long_numbers_beside_logarithms_cost_nothing(ask):
    began = time.process_time()
    ask()
    assert time.process_time() - began < 6


@pytest.mark.slow
@pytest.mark.parametrize("order", [0.3333, 1.37, -0.123, 0.3183098861837907, 1.123456])
def test_roots_of_high_degree_are_not_factored(order):
    """r^0.3333 is, for factors, a power of the ten-thousandth root of r."""
    began = time.process_time()
    card = str(gancode.calculus.alpha_divergence(order).objective().report())
    assert time.process_time() - began < 6
    assert "not derived" not in card and "game played out" in card


def test_roots_of_low_degree_are_factored():
    power = sympy.Rational(3333, 10_000)
    assert may_be_factored(u ** Rational(1, 3) + u ** Rational(5, 7)) and may_be_factored(u**500)
    assert not may_be_factored(u**power - 1)
    assert may_be_factored(2**power + u)


@pytest.mark.slow
def test_a_busy_machine_proves_what_an_idle_one_does(monkeypatch):
    decide = rules.decide

    def delayed(*arguments):  # as where others have the processor
        time.sleep(4)
        return decide(*arguments)

    monkeypatch.setattr(rules, "decide", delayed)
    within = [y <= u, y >= -u]
    assert prove(y * x, u * abs(x), "<=", within, seconds=3).status == "proved"
