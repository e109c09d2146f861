"""Expressions as functions of numbers with as many digits as are asked for, and their roots.

The working precision of mpmath says how many digits.
"""

from collections.abc import Callable

import mpmath
import sympy
from sympy import log

from .deadline import check


def in_digits(expr, symbols) -> Callable:
    """`expr` as a function of mpmath numbers: a real number, or NaN where there is none."""
    function = sympy.lambdify(symbols, expr.rewrite(log), "mpmath")

    def value(*numbers):
        try:
            found = mpmath.mpmathify(function(*numbers))
        except (ZeroDivisionError, ValueError, OverflowError, TypeError):
            return mpmath.nan
        if isinstance(found, mpmath.mpc):
            found = found.real if found.imag == 0 else mpmath.nan
        return found if mpmath.isfinite(found) else mpmath.nan

    return value


def increasing_root(function, low, high):
    """Where an increasing function changes its sign in the interval (low, high), whose ends may be
    infinite. Raises `ArithmeticError` where no change of sign is found."""
    left, right = _bracket(function, low, high)
    below, above = function(left), function(right)
    smallest = mpmath.ldexp(1, -mpmath.mp.prec)
    moved = None
    for step in range(20 * mpmath.mp.prec):
        width = right - left
        if width <= smallest * max(abs(left), abs(right), smallest):
            break
        # the secant, with its fixed end weighed half (Illinois), and now and then the middle
        place = left - below * width / (above - below)
        if step % 4 == 3 or not left < place < right:
            place = (left + right) / 2
        value = function(place)
        if value == 0:
            return place
        if value < 0:
            left, below, above = place, value, above / 2 if moved == "left" else above
            moved = "left"
        else:
            right, above, below = place, value, below / 2 if moved == "right" else below
            moved = "right"
    return (left + right) / 2


def _bracket(function, low, high):
    """Two points between which the sign changes."""
    start = _inside(low, high)
    rising = function(start) < 0
    before = start
    for place in _towards(start, high if rising else low):
        check()
        value = function(place)
        if mpmath.isnan(value):
            break
        if (value < 0) != rising:
            return (before, place) if rising else (place, before)
        before = place
    raise ArithmeticError(f"no change of sign was found between {low} and {high}")


def _inside(low, high):
    if mpmath.isinf(low) and mpmath.isinf(high):
        return mpmath.mpf(0)
    if mpmath.isinf(low):
        return high - 1
    return low + 1 if mpmath.isinf(high) else (low + high) / 2


def _towards(start, end):
    """Points from `start` to `end`, at distances that double or, near a finite end, halve."""
    for k in range(1100 + 4 * mpmath.mp.prec):
        if mpmath.isinf(end):
            yield start + mpmath.sign(end) * mpmath.ldexp(1, k - 3)
        elif k < mpmath.mp.prec:
            yield end - (end - start) * mpmath.ldexp(1, -k - 1)
