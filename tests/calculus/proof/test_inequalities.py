"""Rules that prove inequalities, each with a true statement and a false one close to it."""

import pytest
import sympy
from sympy import Abs, Integral, Max, Rational, Sum, Symbol, exp, factorial, log, oo, sqrt

from gancode.calculus import prove

x, y = sympy.symbols("x y", real=True)
p, q = sympy.symbols("p q", positive=True)
t = Symbol("t", real=True)
n = Symbol("n", integer=True, positive=True)
k, m = sympy.symbols("k m", integer=True)
third = Rational(1, 3)

PAIRS = [
    # the rule, a true statement, a false neighbour
    ("signs", (p + 1, 1, ">"), (p + 1, 1 + p**2, ">")),
    ("signs", (x**2 + y**2, 0, ">="), (x**2 + y**2, 0, ">")),
    ("cells", (x**4 + y**4, x**3 * y, ">="), (x**4 + y**4, 2 * x**3 * y, ">=")),
    ("logarithms", (log(1 + p), log(1 + 2 * p), "<"), (log(1 + p), log(2 * p), ">=")),
    ("an interval", (exp(x), 1 + x, ">="), (exp(x), 1 + x + x**2 / 2, ">=")),
    ("least value", (p * log(p / q), p - q, ">="), (p * log(p / q), p - q * Rational(9, 10), ">=")),
    ("case by case", (Abs(x + y), Abs(x) + Abs(y), "<="), (Abs(x + y), Max(Abs(x), Abs(y)), "<=")),
    (
        "under one integral",
        (Integral(t, (t, x, x + 1)), x, ">"),
        (Integral(t, (t, x, x + 1)), x + Rational(3, 5), ">"),
    ),
    (
        "under one sum",
        (Sum(1 / k**2, (k, 1, n)), 0, ">"),
        (Sum(1 / k**2, (k, 2, n)), 0, ">"),  # nothing is summed for n = 1
    ),
    (
        "closed forms",
        (Integral(t * exp(-p * t), (t, 0, oo)), 1 / p**2 - 1, ">"),
        (Integral(t * exp(-p * t), (t, 0, oo)), 1 / p**2 + p / 10**6, ">="),
    ),
    (
        "induction",
        (Sum(1 / k**2, (k, 1, n)), 2 - 1 / n, "<="),
        (Sum(1 / k**2, (k, 1, n)), Rational(8, 5), "<="),
    ),
    ("induction", (factorial(n), 2 ** (n - 1), ">="), (factorial(n), 2**n, ">=")),
    ("each value", (m**2, m, ">="), (m**2, m + 1, ">=")),
    ("each value", ((m - third) ** 2, third**2, ">="), ((m - third) ** 2, Rational(1, 8), ">=")),
]


@pytest.mark.parametrize("rule, true, false", PAIRS, ids=[str(true) for _, true, _ in PAIRS])
def test_a_rule_proves_what_is_true_and_not_its_neighbour(rule, true, false):
    assert prove(*true).status == "proved"
    assert prove(*false).status == "refuted"


@pytest.mark.parametrize(
    "statement, word",
    [(true, rule) for rule, true, _ in PAIRS if rule.startswith(("under", "closed", "each"))],
)
def test_the_rule_is_named(statement, word):
    assert word in prove(*statement).method


def test_the_ends_of_an_integral_do_not_matter():
    assert prove(Integral(-log(t), (t, 0, 1 / (1 + p))), 0, ">").status == "proved"


def test_a_range_that_may_be_empty_or_reversed_gives_no_sign():
    assert prove(Integral(exp(t), (t, 0, x)), 0, ">=").status == "refuted"
    assert prove(Integral(exp(t), (t, 0, x**2)), 0, ">").status == "refuted"
    assert prove(Integral(exp(t), (t, 0, x**2)), 0, ">=").status == "proved"


def test_an_induction_needs_its_start_and_its_step():
    assert prove(2**n, n**2, ">=").status == "refuted"  # at 3
    assert prove(2**n, n**2, ">=", n >= 4).status == "proved"
    assert prove(n, 10**6, "<=").status == "refuted"
    assert prove(1 / n, Rational(1, 10**6), ">=").status == "refuted"


def test_whole_numbers_beyond_the_first_few_count():
    poly = (m - 15) * (m - 16)
    assert prove(poly, 0, ">=").status != "refuted"
    assert prove(poly + Rational(1, 5) * sqrt(2) - 1, 0, ">=").status == "refuted"
