"""The search for the sign that an expression has everywhere on a region.

Every way here is a proof: from the signs of the parts, from the quotient of polynomials that
`algebra` makes of it, from balls that cover a variable's range, or from the sign of the slope and
the value at an end. Signs are those at the points at which the expression is defined.
"""

import math
from collections.abc import Callable
from typing import Any

import sympy
from flint import acb, arb, ctx
from sympy import Dummy, Ge, Gt, Lt, pi

from ...symbols import softplus
from ..effort import put_in
from ..enclosure import Undefined, Unsure, compiled, enclose, real_if_exact
from ..enclosure import sign as ball_sign
from ..whole import parity
from .continuity import Undecided, analytic, analytic_at

_BITS = (64, 256)
_BOXES = 150  # into which a range is cut at most
_DEPTH = 8  # of the search
_SLOPES = 3  # derivatives that are taken at most

_POSITIVE = (sympy.exp, sympy.cosh, sympy.sech, sympy.erfc, softplus)
# Functions with the sign of their argument.
_ODD = (sympy.sinh, sympy.tanh, sympy.atan, sympy.asinh, sympy.erf, sympy.erfi, sympy.Shi)


def find_sign(region: Any, expr: sympy.Expr, depth: int) -> int | None:
    """1, 0 or −1; None where none is found."""
    if not expr.free_symbols:
        return _of_number(region, expr)
    if depth > _DEPTH or len(region.samples.signs(expr)) > 1:
        return None
    for way in (_by_parts, _by_field, _by_balls, _by_slope, _by_bounds):
        if (sign := way(region, expr, depth)) is not None:
            return sign
    return None


def _of_number(region: Any, expr: sympy.Expr) -> int | None:
    for bits in _BITS:
        try:
            value = enclose(expr, bits=bits)
        except (Undefined, Unsure):
            continue
        if isinstance(value, acb) and region.real(expr):
            value = value.real
        if isinstance(value, arb) and (sign := ball_sign(value)) is not None:
            return sign
    return 0 if region.vanishes(expr) else None


def _by_parts(region: Any, expr: sympy.Expr, depth: int) -> int | None:
    """From the signs of its arguments."""
    deeper = depth + 1
    if expr.is_Add:
        return _of_sum(region, expr, deeper)
    if expr.is_Mul:
        signs = [region.sign(factor, deeper) for factor in expr.args]
        return None if None in signs else math.prod(signs)
    if expr.is_Pow:
        return _of_power(region, expr, deeper)
    if not expr.args:
        return None
    z = expr.args[0]
    if isinstance(expr, sympy.log):
        return region.sign(z - 1, deeper) if region.sign(z, deeper) == 1 else None
    if isinstance(expr, _POSITIVE):
        return 1 if region.real(z) else None
    if isinstance(expr, _ODD):
        return region.sign(z, deeper) if region.real(z) else None
    if isinstance(expr, sympy.gamma):
        return 1 if region.sign(z, deeper) == 1 else None
    if isinstance(expr, sympy.Abs):
        return 1 if region.sign(z, deeper) else None
    if isinstance(expr, (sympy.tan, sympy.cot, sympy.sec, sympy.csc)):
        sine, cosine = (region.sign(f(z), deeper) for f in (sympy.sin, sympy.cos))
        return {
            sympy.tan: sine and cosine and sine * cosine,
            sympy.cot: sine and cosine and sine * cosine,
            sympy.sec: cosine,
            sympy.csc: sine,
        }[type(expr)]
    if isinstance(expr, (sympy.sin, sympy.cos)):
        return _of_sine(region, z + pi / 2 if isinstance(expr, sympy.cos) else z, deeper)
    return None


def _of_sum(region: Any, expr: sympy.Expr, depth: int) -> int | None:
    """Where no two terms pull in different directions, and one is not zero."""
    if (ratio := ratio_of_logs(expr)) is not None:
        if all(region.sign(z.args[0], depth) == 1 for z in expr.atoms(sympy.log)):
            return region.sign(ratio, depth)
    if (sign := _of_difference(region, expr, depth)) is not None:
        return sign
    signs, weak = set(), []
    for term in expr.args:
        if (direction := _weak_sign(region, term)) is not None:
            weak.append((term, direction))
        elif (sign := region.sign(term, depth)) is None:
            return None
        elif sign:
            signs.add(sign)
    if len(signs | {direction for _, direction in weak}) != 1:
        return None
    if signs or any(region.sign(term, depth) for term, _ in weak):
        return weak[0][1] if weak else signs.pop()
    return None


def _of_difference(region: Any, expr: sympy.Expr, depth: int) -> int | None:
    """a + b = −b·(exp(c) − 1), where −a/b is exp(c)."""
    if len(expr.args) != 2:
        return None
    first, second = expr.args
    ratio = sympy.powsimp(-first / second)
    if not isinstance(ratio, sympy.exp) or not region.real(ratio.args[0]):
        return None
    sign, growth = (region.sign(part, depth) for part in (second, ratio.args[0]))
    return None if None in (sign, growth) else -sign * growth


def ratio_of_logs(expr: sympy.Expr) -> sympy.Expr | None:
    """p − q with the sign of `expr`, where that is log(p/q) by the laws of logarithms for positive
    numbers."""
    above, below = sympy.S.One, sympy.S.One
    for term in sympy.Add.make_args(expr):
        number, log = term.as_coeff_Mul()
        if not (isinstance(log, sympy.log) and number.is_Rational):
            return None
        if number > 0:
            above *= log.args[0] ** number
        else:
            below *= log.args[0] ** -number
    return above - below


def _weak_sign(region: Any, expr: sympy.Expr) -> int | None:
    """1 or −1 where an expression is never negative, or never positive, at a glance."""
    sign = 1
    for factor in sympy.Mul.make_args(expr):
        base, exponent = factor.as_base_exp()
        if parity(exponent) == 0 and region.real(base):
            continue
        part = region.sign(factor, _DEPTH - 1)
        if not part:
            return None
        sign *= part
    return sign


def _of_power(region: Any, expr: sympy.Expr, depth: int) -> int | None:
    base, exponent = region.sign(expr.base, depth), expr.exp
    if base == 1:
        return 1 if region.real(exponent) else None
    if base == 0:
        return 0 if exponent.is_positive else None
    if base == -1 and exponent.is_Integer:
        return -1 if exponent % 2 else 1
    return 1 if base == -1 and parity(exponent) == 0 else None


def _of_sine(region: Any, angle: sympy.Expr, depth: int) -> int | None:
    if not region.real(angle):
        return None
    for turn in (0, -1, 1, -2, 2, -3, 3):
        if region.sign(angle - turn * pi, depth + 3) == 1:
            if region.sign((turn + 1) * pi - angle, depth + 3) == 1:
                return -1 if turn % 2 else 1
    return None


def _by_field(region: Any, expr: sympy.Expr, depth: int) -> int | None:
    if region.vanishes(expr):
        return 0
    for order, sign in ((Gt, 1), (Lt, -1)):
        if region.field.certain(order(expr, 0, evaluate=False)):
            return sign
    return _by_factors(region, expr, depth) if depth < 3 else None


def _by_factors(region: Any, expr: sympy.Expr, depth: int) -> int | None:
    number, factors = region.factors(expr)
    sign = 1 if number > 0 else -1
    for base, exponent in factors:
        if base == expr:
            return None
        part = region.sign(base, depth + 3)
        if not part or (part < 0 and exponent.denominator > 1):
            return None
        sign *= part if exponent.numerator % 2 else 1
    return sign


def _by_slope(region: Any, expr: sympy.Expr, depth: int) -> int | None:
    """What rises from a value that is not negative is positive."""
    known = region.range_in(expr)
    if known is None or depth > _SLOPES or known.variable.is_integer or not region.real(expr):
        return None
    if not _certainly(analytic, region, expr, known.variable):
        return None
    slope = region.sign(expr.diff(known.variable), depth + 2)
    if not slope:
        return None
    for end, wanted in ((known.low, slope), (known.high, -slope)):
        if end.is_infinite or not _certainly(analytic_at, region, expr, known.variable, end):
            continue
        if region.sign(put_in(expr, {known.variable: end}), depth + 2) in (0, wanted):
            return wanted
    return None


_BOUNDS = {
    **dict.fromkeys((sympy.sin, sympy.cos), (Ge, 1)),
    **dict.fromkeys((sympy.tanh, sympy.erf), (Gt, 1)),
    sympy.atan: (Gt, pi / 2),
}


def _by_bounds(region: Any, expr: sympy.Expr, depth: int) -> int | None:
    """With bounded functions taken for any numbers within their bounds."""
    bounded = [f for f in expr.atoms(*_BOUNDS) if region.real(f.args[0])]
    if not bounded or depth > 1:
        return None
    stand_ins = {f: Dummy(real=True) for f in bounded}
    relations = []
    for function, symbol in stand_ins.items():
        order, bound = _BOUNDS[function.func]
        relations += [order(symbol, -bound), order(bound, symbol)]
    return region.where(*relations).sign(expr.xreplace(stand_ins), depth + 2)


def _certainly(question: Callable[..., bool], *args: Any) -> bool:
    try:
        return question(*args)
    except Undecided:
        return False


def _by_balls(region: Any, expr: sympy.Expr, depth: int) -> int | None:
    """Where its one symbol runs between two numbers: by balls on pieces of the range."""
    known = region.range_in(expr)
    if known is None or expr.free_symbols != {known.variable} or known.variable.is_integer:
        return None
    try:
        with ctx.workprec(_BITS[0]):
            return _Cover(region, expr, known).sign(enclose(known.low), enclose(known.high))
    except (Undefined, Unsure):
        return None


class _Cover:
    """Pieces of a variable's range, on each of which an expression has one sign."""

    def __init__(self, region: Any, expr: sympy.Expr, known: Any) -> None:
        self._region, self._known = region, known
        self._slopes = [expr]
        self._ends: set = set()  # at which slopes tell something; across jumps they do not
        if _certainly(analytic, region, expr, known.variable):
            for _ in range(_SLOPES):
                self._slopes.append(self._slopes[-1].diff(known.variable))
            for end in (known.low, known.high):
                if _certainly(analytic_at, region, expr, known.variable, end):
                    self._ends.add(end)

    def sign(self, low: arb, high: arb) -> int | None:
        signs, pieces = set(), [(low, high, self._known.low, self._known.high)]
        for _ in range(_BOXES):
            start, stop, left, right = pieces.pop()
            box = start.union(stop)
            sign = self._on(box, 0) or self._from_zero(box, left, 1)
            sign = sign or self._from_zero(box, right, -1)
            if sign is None:
                middle = arb((start.mid() + stop.mid()) / 2)
                pieces += [(start, middle, left, None), (middle, stop, None, right)]
                continue
            signs.add(sign)
            if len(signs) > 1:
                return None
            if not pieces:
                return signs.pop()
        return None

    def _on(self, box: arb, order: int) -> int | None:
        """The sign of a derivative on the whole of a box, if it is not zero."""
        try:
            value = real_if_exact(compiled(self._slopes[order], (self._known.variable,))([box]))
        except (Undefined, Unsure):
            return None
        return (ball_sign(value) or None) if isinstance(value, arb) else None

    def _from_zero(self, box: arb, end: sympy.Expr, direction: int) -> int | None:
        """The sign on a box that begins (or ends) at `end`, where the expression and perhaps some
        derivatives are exactly zero, if the next derivative has one sign on the box."""
        if end not in self._ends:
            return None
        for order, slope in enumerate(self._slopes[:-1]):
            if not self._region.vanishes(put_in(slope, {self._known.variable: end})):
                return None
            if sign := self._on(box, order + 1):
                return sign * direction ** (order + 1)
        return None
