"""What SymPy is not asked to rewrite: it would write out powers with long numbers as exponents.

It turns n·log 2 into log(2ⁿ), and solves equations between exponentials by such powers.
"""

import math

import sympy
from sympy import Rational

from .deadline import attempt

_EXPONENT = 10**6  # the largest number beside a logarithm or an exponential
_DEGREE = 300  # the highest degree of a polynomial in a root


def solutions(equation: sympy.Expr, symbol: sympy.Symbol, seconds: float) -> list:
    """What SymPy finds for the zeros of an expression; nothing where it has no answer in time, or
    would write out, as it does between exponentials, powers with long numbers as exponents."""
    if not may_be_rewritten(equation):
        return []
    return attempt(sympy.solve, equation, symbol, seconds=seconds, default=[])


def simplified(expr: sympy.Expr) -> sympy.Expr:
    """`sympy.simplify`; the expression as it is where that would write out such powers."""
    return sympy.simplify(expr) if may_be_rewritten(expr) else expr


def may_be_rewritten(expr: sympy.Expr) -> bool:
    """Whether SymPy may be asked for the zeros of an expression, or for its simplest form: it has
    no long number that might become the exponent of another, and no root of high degree."""
    return not _has_long_exponents(expr) and may_be_factored(expr)


def _has_long_exponents(expr: sympy.Expr) -> bool:
    powers = expr.atoms(sympy.Pow, sympy.exp)
    if not expr.has(sympy.log) and not any(power.exp.free_symbols for power in powers):
        return False
    return any(max(abs(number.p), number.q) > _EXPONENT for number in expr.atoms(Rational))


def may_be_factored(expr: sympy.Expr) -> bool:
    """Whether SymPy may be asked for factors. A sum with r^(1/3) and r^(5/7) is a polynomial of
    degree 15 in r^(1/21) to it; no function of Python can stop a factorisation of degree 10,000."""
    exponents = [
        power.exp
        for power in expr.atoms(sympy.Pow)
        if power.exp.is_Rational and power.base.free_symbols
    ]
    degree = math.lcm(*(int(exponent.q) for exponent in exponents))
    return degree == 1 or degree * max(map(abs, exponents)) <= _DEGREE
