"""How a function of one real variable behaves near an end: its sign, its limit, and bounds that
hold on all of an explicit neighbourhood.

An end is +∞, −∞, or a point from one side. With T = x, −x or 1/|x − point| it is T → ∞, and the
neighbourhood is T ≥ T0. The expression is read as an expansion at one T0 after the other, until
its largest term outweighs the others.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

import sympy
from flint import acb, arb, fmpq
from sympy import S
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from .asymptotics import FUNCTIONS, digamma, exp, log, positive_part
from .constants import ONE, Names
from .enclosure import Undefined, Unsure, ball, build, holds, real_if_exact
from .enclosure import condition as by_balls
from .expansion import Expansion, Place, total
from .scale import CONSTANT, VARIABLE, Beyond, Monomial, Nearer, compare, integrable

_ORDERS = (6, 14)  # terms of an expansion that are kept
# T0 is two to the power of one of these
_EXPONENTS = [1, 2, 3] + [k << n for n in range(16) for k in (4, 6)]
_MOST_FACTORS = 40  # of a whole power that is multiplied out
_INFINITE = (S.Infinity, S.NegativeInfinity)
_SIDES = {"+": 1, "-": -1}


class _Reader:
    """Expressions as expansions on one half-line; `values` are those of the symbols."""

    def __init__(self, place: Place, x: sympy.Symbol, end: Any, values: Mapping) -> None:
        self.place = place
        self.x = x
        self.values = {symbol: ball(value) for symbol, value in values.items()}
        self.known = {}
        self.known |= {
            symbol: self.read(sympy.sympify(value))
            for symbol, value in values.items()
            if not isinstance(value, (arb, acb))
        }
        T = Expansion(place, {VARIABLE: ONE})
        if end in _INFINITE:
            at_x = T if end is S.Infinity else -T
        else:
            point, side = end
            at_x = self.read(sympy.sympify(point)) + T.inverse() * _SIDES[side]
        self.known[x] = at_x

    def read(self, expr: sympy.Expr) -> Expansion:
        if expr not in self.known:
            self.known[expr] = self._read(expr)
        return self.known[expr]

    def _read(self, expr: sympy.Expr) -> Expansion:
        for kind in type(expr).__mro__:
            if kind in _RULES:
                rule = _RULES[kind]
                break
            if kind in FUNCTIONS and len(expr.args) == 1:
                rule = _unary
                break
        else:
            rule = _by_enclosure
        try:
            return rule(self, expr)
        except Unsure:
            if self.x in expr.free_symbols:
                raise
            return _by_enclosure(self, expr)


def _unary(reader: "_Reader", expr: sympy.Expr) -> Expansion:
    return FUNCTIONS[expr.func](reader.read(expr.args[0]))


def _by_enclosure(reader: "_Reader", expr: sympy.Expr) -> Expansion:
    """An expression that does not depend on x."""
    if reader.x in expr.free_symbols:
        raise Unsure(f"{type(expr).__name__} near an end")
    value = real_if_exact(build(expr, tuple(reader.values))(list(reader.values.values()), False))
    if not isinstance(value, arb):
        raise Unsure("a complex number")
    return reader.place.constant(reader.place.names.of(expr, value))


def _power(reader: "_Reader", expr: sympy.Expr) -> Expansion:
    base, exponent = reader.read(expr.base), reader.read(expr.exp)
    number = exponent.constant()
    r = number.rational if number is not None else None
    if r is None:
        if base.is_zero() and exponent.sign() == 1:
            return base
        return exp(exponent * log(base))
    if r.q != 1 or not 0 <= r <= _MOST_FACTORS:
        return base.power(r)
    product = reader.place.constant(1)
    for _ in range(int(r.p)):
        product = product * base
    return product


def _extreme(reader: "_Reader", expr: sympy.Expr) -> Expansion:
    first, *others = [reader.read(argument) for argument in expr.args]
    turn = 1 if isinstance(expr, sympy.Max) else -1
    for other in others:
        first = first + turn * positive_part(turn * (other - first))
    return first


def _polygamma(reader: "_Reader", expr: sympy.Expr) -> Expansion:
    if expr.args[0] != 0:
        raise Unsure("polygamma near an end")
    return digamma(reader.read(expr.args[1]))


def _binomial(reader: "_Reader", expr: sympy.Expr) -> Expansion:
    n, k = (reader.read(argument) + 1 for argument in expr.args)
    factorial = FUNCTIONS[sympy.gamma]
    return factorial(n) * (factorial(k) * factorial(n - k + 1)).inverse()


def _heaviside(reader: "_Reader", expr: sympy.Expr) -> Expansion:
    where = reader.read(expr.args[0]).sign()
    if where is None:
        raise Unsure("a step")
    return reader.read(expr.args[1]) if where == 0 else reader.place.constant(max(where, 0))


def _piecewise(reader: "_Reader", expr: sympy.Expr) -> Expansion:
    for value, condition in expr.args:
        truth = _truth(reader, condition)
        if truth is None:
            raise Unsure("a case")
        if truth:
            return reader.read(value)
    raise Undefined("no case holds")


def _truth(reader: "_Reader", condition: Boolean) -> bool | None:
    if isinstance(condition, (sympy.And, sympy.Or)):
        truths = [_truth(reader, part) for part in condition.args]
        decisive = isinstance(condition, sympy.Or)
        return decisive if decisive in truths else None if None in truths else not decisive
    if isinstance(condition, sympy.Not):
        truth = _truth(reader, condition.args[0])
        return None if truth is None else not truth
    if isinstance(condition, Relational) and not set(_INFINITE) & set(condition.args):
        where = (reader.read(condition.lhs) - reader.read(condition.rhs)).sign()
        return None if where is None else holds(arb(where), arb(0), condition.rel_op)
    return by_balls(condition, ())([])


_RULES = {
    sympy.Rational: lambda reader, expr: reader.place.constant(fmpq(int(expr.p), int(expr.q))),
    sympy.Float: lambda reader, expr: reader.read(sympy.Rational(expr)),
    type(S.Exp1): lambda reader, expr: exp(reader.place.constant(1)),
    sympy.Add: lambda reader, expr: total(reader.place, [reader.read(a) for a in expr.args]),
    sympy.Mul: lambda reader, expr: prod(reader.read(argument) for argument in expr.args),
    sympy.Pow: _power,
    sympy.Max: _extreme,
    sympy.Min: _extreme,
    sympy.Heaviside: _heaviside,
    sympy.Piecewise: _piecewise,
    sympy.polygamma: _polygamma,
    sympy.binomial: _binomial,
}


# The behaviour at an end -----------------------------------------------------------------------


class Germ:
    """A function near an end: on T ≥ 2^exponent, where T is x, −x or 1/|x − point|."""

    def __init__(self, expansion: Expansion, end: Any, sign: int | None) -> None:
        self.expansion = expansion
        self.end = end
        self._sign = sign

    @property
    def exponent(self) -> int:
        return self.expansion.place.beyond.exponent

    @property
    def reach(self) -> sympy.Rational:
        """At ±∞ the point beyond which all is said; at a point the distance within which."""
        T0 = S(2) ** self.exponent
        if self.end in _INFINITE:
            return T0 if self.end is S.Infinity else -T0
        return 1 / T0

    def sign(self) -> int | None:
        """The sign at all x within reach; None if it is not known."""
        return self._sign

    def limit(self) -> Any:
        """A SymPy rational, ±oo, or a ball; None if it is not known, or there is none."""
        terms = self.expansion.terms
        if terms and compare(terms[0][0], CONSTANT) > 0:
            return self._sign * S.Infinity if self._sign else None
        limit = self.expansion.limit()
        if limit is None or limit.rational is None:
            return limit and limit.ball
        return S(int(limit.rational.p)) / int(limit.rational.q)

    def parts(self) -> list[tuple[Monomial, arb]]:
        """(m, ball of ρ), the largest m first: within reach the function is Σ ρ·m."""
        return [(m, c.ball) for m, c in self.expansion.terms] + self.expansion.parts()

    def require_integrable(self, weight: Monomial = CONSTANT) -> None:
        """Raises `Undefined` where the integral of the function times a monomial is certainly
        infinite, up to T = ∞, because it has one sign and decays too slowly; `Unsure` where it may
        be."""
        if self.parts() and not integrable(self.parts()[0][0] * weight):
            if self.sign():
                raise Undefined("it diverges")
            raise Unsure("whether it converges")

    def bound(self) -> tuple[arb, Monomial]:
        """(C, m) with |f| ≤ C·m(T) within reach."""
        m, rho = self.expansion.loosened()
        return arb(abs(rho).upper()), m


def germ(expr: sympy.Expr, x: sympy.Symbol, end: Any, values: Mapping | None = None) -> Germ:
    """How `expr`, a function of the real variable `x`, behaves near an end.

    `end` is oo, -oo, or a pair (point, side): side "+" for x above the point, "-" for x below.
    `values` are those of the other symbols: SymPy rationals, or balls. Raises `Unsure` where no
    rule is known, and `Undefined` where the function has no values there.
    """
    values = {symbol: value for symbol, value in (values or {}).items() if symbol != x}
    expr, names, found = sympy.sympify(expr), Names(), None
    for order in _ORDERS:
        for exponent in _EXPONENTS:
            try:
                reader = _Reader(Place(Beyond(exponent), order, names), x, end, values)
                expansion = reader.read(expr)
                found = Germ(expansion, end, expansion.sign())
            except Nearer:
                continue
            break
        if found and (found.sign() is not None or expansion.terms):
            return found
    if not found:
        raise Unsure("the neighbourhood would be too small")
    return found
