"""Sums, products and limits as balls that hold their values: importing this module makes
`enclosure` know them, and integrals.

The first terms are added one by one. The others are bounded by the expansion of the term near
infinity: what is like a power there has Hurwitz's zeta function for its sum, and the rest is
compared with an integral.
"""

from collections.abc import Callable
from functools import reduce

import sympy
from flint import acb, arb, ctx
from sympy import S

from .enclosure import (
    Ball,
    Evaluator,
    Undefined,
    Unsure,
    ball,
    build,
    builder,
    contains_zero,
    real_if_exact,
    require_finite,
)
from .ends import germ
from .quadrature import careful, counted, counted_germ, inside, known_values, outermost
from .scale import Beyond, Nearer

_MOST_TERMS = 5_000  # of a finite sum
_LARGEST_BLOCK = 12  # log2 of the number of terms before an infinite tail
_BESIDE = 2.0**-20  # how far about a point a function is to be holomorphic
_INFINITE = (S.Infinity, S.NegativeInfinity)


@builder(sympy.Sum)
def _sum(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    def whole(
        term: sympy.Expr, k: sympy.Symbol, start: int, known: dict, before: Callable[[int], Ball]
    ) -> Ball:
        stop, rest = _rest(term, k, start, known, _scale(before(start + 15)))
        return before(stop) + rest

    return _over_whole_numbers(expr, symbols, 0, lambda one, other: one + other, whole)


@builder(sympy.Product)
def _product(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    def whole(
        term: sympy.Expr, k: sympy.Symbol, start: int, known: dict, before: Callable[[int], Ball]
    ) -> Ball:
        try:
            stop, rest = _rest(sympy.log(term), k, start, known, arb(1))
        except Undefined as reason:  # the product may still tend to 0
            raise Unsure("the tail of a product") from reason
        return before(stop) * rest.exp()

    return _over_whole_numbers(expr, symbols, 1, lambda one, other: one * other, whole)


def _over_whole_numbers(
    expr: sympy.Expr, symbols: tuple, empty: int, join: Callable, whole: Callable
) -> Evaluator:
    """Term by term; without end, `whole` has the term, its variable, its start, what is known, and
    a function that joins the terms before a number."""
    term, k, low, high = outermost(expr)
    if low is S.NegativeInfinity:
        return _from_minus_infinity(expr, symbols, join)
    function, first = counted(build(term, inside(symbols, k))), build(low, symbols)
    last = None if high is S.Infinity else build(high, symbols)

    def evaluate(values: list, analytic: bool) -> Ball:
        start = _whole(first(values, analytic))

        def before(stop: int) -> Ball:
            terms = (function([*values, arb(n)], analytic) for n in range(start, stop))
            return reduce(join, terms, arb(empty))

        with careful():
            if not last:
                return whole(term, k, start, known_values(symbols, values), before)
            stop = _whole(last(values, analytic)) + 1
            if not 0 <= stop - start <= _MOST_TERMS:
                raise Unsure("too many terms, or a negative number of them")
            return before(stop)

    return evaluate


def _from_minus_infinity(expr: sympy.Expr, symbols: tuple, join: Callable) -> Evaluator:
    term, k, _, high = outermost(expr)
    turned = term.xreplace({k: -k})
    if high is not S.Infinity:
        return build(expr.func(turned, (k, -high, S.Infinity)), symbols)
    parts = expr.func(term, (k, 0, S.Infinity)), expr.func(turned, (k, 1, S.Infinity))
    one, other = (build(part, symbols) for part in parts)
    return lambda values, analytic: join(one(values, analytic), other(values, analytic))


def _whole(value: Ball) -> int:
    value = real_if_exact(value)
    if not isinstance(value, arb) or not value.is_integer():
        raise Unsure("an index that is not a whole number")
    return int(value.unique_fmpz())


def _scale(value: Ball) -> arb:
    size = abs(value).mid()
    return size if size > 0 else arb(1)


def _rest(
    term: sympy.Expr, k: sympy.Symbol, start: int, known: dict, scale: arb
) -> tuple[int, arb]:
    """(n, the sum of the terms from n on)."""
    pair = _pair(term, k, start, known)
    for part in pair:
        limit = counted_germ(part, k, S.Infinity, known).limit()
        if limit is None or (isinstance(limit, arb) and contains_zero(limit)):
            raise Unsure("whether the terms tend to 0")
        if limit != 0:
            raise Undefined("its terms do not tend to 0")
    found, best = counted_germ(sum(pair) if pair else term, k, S.Infinity, known), None
    found.require_integrable()
    first = found.exponent if pair else max(found.exponent, max(start, 1).bit_length())
    for exponent in range(first, _LARGEST_BLOCK + 1):
        try:
            beyond = Beyond(exponent)
            rest = sum((rho * beyond.sum(m) for m, rho in found.parts()), arb(0))
        except Nearer:
            continue
        best = start + 2 * 2**exponent if pair else 2**exponent, rest
        if rest.rad() < scale * arb(2) ** -ctx.prec:
            break
    if best is None:
        raise Unsure("the tail of a sum")
    return best


def _pair(term: sympy.Expr, k: sympy.Symbol, start: int, known: dict) -> tuple:
    """Two terms beside each other, those of start + 2 k and start + 2 k + 1, where a negative base
    makes the signs alternate: (−b)^e = (−1)^e b^e for a polynomial e in k with whole coefficients.
    Nothing, where there is none."""
    powers = [power for power in term.atoms(sympy.Pow) if _alternates(power, k, known)]
    if not powers:
        return ()

    def at(n: int | sympy.Expr) -> sympy.Expr:
        turned = {p: (-1) ** int(p.exp.subs(k, n) % 2) * (-p.base) ** p.exp for p in powers}
        return term.xreplace(turned).xreplace({k: n + 2 * k})

    return at(start), at(start + 1)


def _alternates(power: sympy.Expr, k: sympy.Symbol, known: dict) -> bool:
    base, exponent = power.args
    if not base.free_symbols <= set(known) - {k} or not exponent.has(k):
        return False
    if not exponent.is_polynomial(k):
        return False
    if not all(c.is_Integer for c in sympy.Poly(exponent, k).all_coeffs()):
        return False
    value = real_if_exact(build(base, tuple(known))(list(known.values()), False))
    return isinstance(value, arb) and value < 0


# Limits ----------------------------------------------------------------------------------------


@builder(sympy.Limit)
def _limit(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    function, z, point, direction = expr.args
    if point is S.ComplexInfinity:
        raise Unsure("a limit in the complex plane")
    ends = [point] if point in _INFINITE else [(point, side) for side in str(direction)]
    value_at = _value_at(function, z, point, symbols) if len(ends) > 1 else None

    def evaluate(values: list, analytic: bool) -> Ball:
        if analytic:
            raise Unsure("a limit of complex values")
        known = known_values(symbols, values)
        if value_at:
            try:
                return value_at(values)
            except Unsure:  # the two sides may tell
                pass
        found = [germ(function, z, end, known).limit() for end in ends]
        if any(limit is None for limit in found):
            raise Unsure("a limit")
        if not all(isinstance(limit, arb) or limit.is_finite for limit in found):
            raise Undefined("an infinite limit")
        one, other = (ball(limit) for limit in (found[0], found[-1]))
        if not one.overlaps(other):
            raise Undefined("two different limits")
        if len(ends) > 1 and not (one - other).is_zero():
            raise Unsure("whether the limits from both sides agree")
        return one

    return evaluate


def _value_at(function: sympy.Expr, z: sympy.Symbol, point: sympy.Expr, symbols: tuple) -> Callable:
    """The value at a point about which the function is holomorphic, hence continuous."""
    function, point = build(function, inside(symbols, z)), build(point, symbols)

    def evaluate(values: list) -> Ball:
        place = point(values, False)
        about = place + acb(arb(0, _BESIDE), arb(0, _BESIDE))
        require_finite(function([*values, about], True))
        return function([*values, place], False)

    return evaluate
