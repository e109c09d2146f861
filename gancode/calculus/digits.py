"""Expressions as functions of numbers with as many digits as are asked for, and their roots.

The working precision of mpmath says how many digits.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mpmath
import sympy
from sympy import Expr, Symbol

from .deadline import check


def _softplus(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.log1p(mpmath.exp(x))


def _log1mexp(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.log(-mpmath.expm1(-x)) if x < 1 else mpmath.log1p(-mpmath.exp(-x))


_KERNELS = {  # what our own functions are called by
    "softplus": _softplus,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "log1mexp": _log1mexp,
    "logsoftplus": lambda x: mpmath.log(_softplus(x)),
}


def in_digits(expr: Expr, symbols: Sequence[Symbol]) -> Callable:
    """`expr` as a function of mpmath numbers: a real number, or NaN where there is none."""
    function = sympy.lambdify(symbols, expr, [_KERNELS, "mpmath"])

    def value(*numbers: Any) -> Any:
        try:
            found = mpmath.mpmathify(function(*numbers))
        except (ZeroDivisionError, ValueError, OverflowError, TypeError):
            return mpmath.nan
        if isinstance(found, mpmath.mpc):
            found = found.real if found.imag == 0 else mpmath.nan
        return found if mpmath.isfinite(found) else mpmath.nan

    return value


def increasing_root(function: Callable, low: Any, high: Any) -> Any:
    """Where an increasing function changes its sign in the interval (low, high), whose ends may be
    infinite. Raises `ArithmeticError` where no change of sign is found."""
    if low < 0 < high and function(mpmath.mpf(0)) == 0:
        return mpmath.mpf(0)
    left, right = _bracket(function, low, high)
    below, above = function(left), function(right)
    smallest = mpmath.ldexp(1, 1 - mpmath.mp.prec)
    last = left
    while True:  # Ridders' method: the bracket at least halves with each step
        middle = (left + right) / 2
        value = function(middle)
        root = mpmath.sqrt(value**2 - below * above)
        place = middle + (middle - left) * (-value / root if root else 0)
        near = smallest * abs(place)
        if value == 0 or abs(place - last) <= near or right - left <= near:
            return place
        last = place
        for point, found in sorted([(middle, value), (place, function(place))]):
            if found < 0 and point > left:
                left, below = point, found
            elif found >= 0 and point < right:
                right, above = point, found
                break


def _bracket(
    function: Callable, low: mpmath.mpf, high: mpmath.mpf
) -> tuple[mpmath.mpf, mpmath.mpf] | None:
    """Two points between which the sign changes."""
    start = _inside(low, high)
    rising = function(start) < 0
    before, end = start, high if rising else low
    for place in _towards(start, end):
        check()
        value = function(place)
        if mpmath.isnan(value) or place == end:
            break
        if (value < 0) != rising:
            return (before, place) if rising else (place, before)
        before = place
    raise ArithmeticError(f"no change of sign was found between {low} and {high}")


def _inside(low: mpmath.mpf, high: mpmath.mpf) -> mpmath.mpf:
    if mpmath.isinf(low) and mpmath.isinf(high):
        return mpmath.mpf(0)
    if mpmath.isinf(low):
        return high - 1
    return low + 1 if mpmath.isinf(high) else (low + high) / 2


def _towards(start: mpmath.mpf, end: mpmath.mpf) -> Iterator[mpmath.mpf]:
    """Points from `start` to `end`, at distances that double or, near a finite end, halve."""
    for k in range(1100 + 4 * mpmath.mp.prec):
        if mpmath.isinf(end):
            yield start + mpmath.sign(end) * mpmath.ldexp(1, k - 3)
        else:
            yield end - (end - start) * mpmath.ldexp(1, -k - 1)
