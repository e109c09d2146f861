"""A few points of a region: advice on what is worth an attempt to prove.

An expression with two signs at such points has no sign on the region, so that no time need be spent
on finding one.
"""

from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

import sympy
from flint import arb, ctx
from sympy import Rational

from ..enclosure import (
    Undefined,
    Unsure,
    ball,
    compiled,
    condition,
    contains_zero,
    real_if_exact,
    sign,
)

_POINTS, _TRIALS = 7, 150
_BITS = 64
_SIZES = [Rational(*pair) for pair in ((1, 2), (7, 5), (3, 1), (1, 5), (9, 10), (12, 1), (1, 30))]


class Samples:
    """Points at which the relations of a region hold, as dictionaries of balls."""

    def __init__(self, region: Any) -> None:
        ranges = {known.variable: known for known in region.ranges}
        symbols = set().union(*(relation.free_symbols for relation in region.relations))
        for known in region.ranges:
            symbols |= known.low.free_symbols | known.high.free_symbols
        self._order = sorted(symbols - set(ranges), key=str), list(ranges.values())
        self._relations = region.relations
        with ctx.workprec(_BITS):
            trials = (self._point(Random(k)) for k in range(_TRIALS))
            found = (p for p in trials if p is not None and self._allowed(p))
            self.points = list(islice(found, _POINTS if symbols else 1))

    def _point(self, random: Random) -> dict | None:
        parameters, ranges = self._order
        point = {symbol: ball(_value(symbol, random)) for symbol in parameters}
        for known in ranges:
            value = _between(known, point, random)
            if value is None:
                return None
            point[known.variable] = value
        return point

    def _allowed(self, point: dict) -> bool:
        symbols = tuple(point)
        try:
            return all(
                condition(relation, symbols)(list(point.values())) for relation in self._relations
            )
        except (Undefined, Unsure, TypeError):
            return False

    def signs(self, expr: sympy.Expr) -> set[int]:
        """The signs that `expr` has at some of the points, where it is real."""
        values = (real_if_exact(value) for value in self._values(expr))
        return {sign(value) for value in values if isinstance(value, arb)} - {None}

    def may_vanish(self, expr: sympy.Expr) -> bool:
        """Whether `expr` may be zero at all the points at which it has a value."""
        return all(contains_zero(value) for value in self._values(expr))

    def _values(self, expr: sympy.Expr) -> Iterator:
        with ctx.workprec(_BITS):
            for number, point in enumerate(self.points):
                random = Random(number)
                free = sorted(expr.free_symbols - set(point), key=str)
                point = point | {symbol: ball(_value(symbol, random)) for symbol in free}
                try:
                    yield compiled(expr, tuple(point))(list(point.values()))
                except (Undefined, Unsure):
                    continue


def _value(symbol: sympy.Symbol, random: Random) -> Any:
    """A number that agrees with the assumptions of a symbol."""
    size = random.choice(_SIZES)
    if symbol.is_integer:
        size = sympy.Integer(random.randint(0, 6))
        if symbol.is_zero is False or symbol.is_positive or symbol.is_negative:
            size += 1
        if symbol.is_even or symbol.is_odd:
            size = 2 * size + (1 if symbol.is_odd else 0)
    if symbol.is_negative or symbol.is_nonpositive:
        return -size
    if symbol.is_positive or symbol.is_nonnegative or not symbol.is_real:
        return size
    return random.choice((1, -1)) * size


def _between(known: Any, point: dict, random: Random) -> arb | None:
    """A number between the ends of a range."""
    symbols, values = tuple(point), list(point.values())
    low, high = None, None
    try:
        if known.low.is_infinite is not True:
            low = Rational(str(compiled(known.low, symbols)(values).mid().str(15, radius=False)))
        if known.high.is_infinite is not True:
            high = Rational(str(compiled(known.high, symbols)(values).mid().str(15, radius=False)))
    except (Undefined, Unsure, ValueError, TypeError, AttributeError):
        return None
    if low is not None and high is not None:
        value = low + (high - low) * Rational(random.randint(1, 99), 100)
    elif low is None and high is None:
        value = random.choice((1, -1)) * random.choice(_SIZES)
    else:
        size = random.choice(_SIZES)
        value = low + size if high is None else high - size
    return ball(sympy.floor(value) if known.variable.is_integer else value)
