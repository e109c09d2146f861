"""Whole numbers: what is certain of expressions in them, where SymPy is not to be believed."""

import sympy
from sympy import Rational, Symbol, binomial, factorial, floor, pi

from gancode.calculus import prove
from gancode.calculus.proof.whole import is_never_whole, is_whole, parity

j, k = sympy.symbols("j k", integer=True)
n = Symbol("n", integer=True, nonnegative=True)
x = Symbol("x", real=True)
odd, even = Symbol("odd", odd=True), Symbol("even", even=True)
broken = Symbol("broken", integer=False, real=True)


def test_sums_products_and_powers_of_whole_numbers_are_whole():
    for expr in (3 * k - j, k**2 * j, 2**n, k ** (n + 1), n * (n + 1) / 2, floor(x) + 1,
                 factorial(n), binomial(n, k), abs(k), sympy.Max(j, k)):  # fmt: skip
        assert is_whole(expr), expr
    for expr in (k / 2, 2**k, x, k + pi, 2**n / 6, (30 * j + 2) ** 5 / 30, n * (n + 2) / 2, k**x):
        assert not is_whole(expr), expr


def test_parities():
    assert [parity(e) for e in (2 * k, 2 * k + 1, odd * even, odd**3 + 2, sympy.S(7))] == [
        0, 1, 0, 1, 1,
    ]  # fmt: skip
    assert [parity(e) for e in (k, x, k * (k + 1) / 2, 2 * x, Rational(1, 2))] == [None] * 5


def test_what_is_never_whole():
    assert is_never_whole(k + Rational(1, 2)) and is_never_whole(broken - 3)
    assert not is_never_whole((2 * j + 2) ** 2 / 3)  # 12 at j = 2
    assert not is_never_whole(k + 1) and not is_never_whole(broken + x)


def test_no_false_statement_follows_from_what_sympy_says_of_whole_numbers():
    square = (2 * j + 2) ** 2 / 3
    m = Symbol("m", real=True)
    wrong = prove(floor(-m), -floor(m) - 1, assumptions=sympy.Eq(m, square, evaluate=False))
    assert wrong.status != "proved"
