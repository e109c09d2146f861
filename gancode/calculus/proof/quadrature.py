"""Integrals as balls that hold their values: importing this module makes `enclosure` know them.

What is near an infinite or a singular end is bounded by the expansion of the integrand there. The
rest is left to Arb's rigorous quadrature (Johansson 2018).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import sympy
from flint import acb, arb, ctx
from sympy import S
from sympy.concrete.expr_with_limits import ExprWithLimits

from .enclosure import (
    Ball,
    Evaluator,
    Undefined,
    Unsure,
    build,
    builder,
    real_if_exact,
    require_finite,
)
from .ends import Germ, germ
from .scale import VARIABLE, Beyond, Nearer, exactly

_WORK = 100_000  # evaluations of integrands and terms in one call, at 64 bits
_EXPANSION = 100  # as many evaluations take about as long as an expansion at an end
_EVALUATIONS = 15_000  # of them, in one piece
_EVALUATIONS_INSIDE = 250  # or in an integral inside of another
_GUARD_BITS = 16  # beyond the precision that is asked for
_BISECTIONS = 300  # to see that an integrand is real
_BESIDE = 2.0**-20  # how far about a point an integrand is to be bounded there
_NEAREST = 400  # how many places for the end of a tail are tried, T doubling
_WIDEST = 6  # of them, if none makes the bound as tight as wanted
_MOST_DEGREES = 12  # of a polynomial whose zeros are looked for
_LEAST_SCALE = 2.0**-32  # of an integral, at first
_WORTHWHILE = 2.0**-4  # share of what the values of the symbols leave open that is worth work
_INFINITE = (S.Infinity, S.NegativeInfinity)


# Bound variables, and the work that is done for them -------------------------------------------

_left = ContextVar("evaluations that are left", default=None)


@contextmanager
def careful() -> Iterator[None]:
    """Some bits more, and an end to the work, which is counted together for all signs inside."""
    left = _left.get() or [_WORK * max(ctx.prec, 64) // 64]
    with ctx.workprec(ctx.prec + _GUARD_BITS):
        token = _left.set(left)
        try:
            yield
        finally:
            _left.reset(token)


def _spend(work: int) -> None:
    left = _left.get()
    left[0] -= work
    if left[0] < 0:
        raise Unsure("too much work")


def counted(function: Callable) -> Callable:
    """An evaluator whose calls inside of `careful` are counted."""

    def evaluate(values: list, analytic: bool) -> Ball:
        _spend(1)
        return function(values, analytic)

    return evaluate


def counted_germ(*about: Any) -> Germ:
    _spend(_EXPANSION)
    return germ(*about)


def outermost(expr: sympy.Expr) -> tuple:
    """(what stands inside of the outermost sign, the bound variable, its low and its high end)."""
    *others, limits = expr.limits
    if len(limits) != 3:
        raise Unsure("no limits")
    return (expr.func(expr.function, *others) if others else expr.function), *limits


def inside(symbols: tuple, variable: sympy.Symbol) -> tuple:
    """The symbols, and a bound variable after them that hides one of the same name."""
    return (*(None if symbol == variable else symbol for symbol in symbols), variable)


def known_values(symbols: tuple, values: list) -> dict:
    return {s: value for s, value in zip(symbols, values, strict=True) if s is not None}


# Integrals -------------------------------------------------------------------------------------


@builder(sympy.Integral)
def _integral(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    integrand, t, low, high = outermost(expr)
    if integrand.has(sympy.DiracDelta):  # which is no function of its values
        raise Unsure("a point mass")
    real_form = integrand
    if all(end in _INFINITE or _is_real(end) for end in (low, high)):
        if not integrand.has(ExprWithLimits):  # what is inside of those is their own matter
            real_form = integrand.replace(sympy.log, _real_logarithm)
    function, plain = (counted(build(form, inside(symbols, t))) for form in (real_form, integrand))
    ends = [None if end in _INFINITE else build(end, symbols) for end in (low, high)]
    suspects = _suspects(integrand, t)

    def evaluate(values: list, analytic: bool) -> Ball:
        places = [end and real_if_exact(end(values, analytic)) for end in ends]
        values = values if analytic else [real_if_exact(value) for value in values]
        with careful():
            if analytic or any(isinstance(value, acb) for value in [*places, *values]):
                if None in places:
                    raise Unsure("an improper integral with complex values")
                form = function if analytic else plain
                return require_finite(_panel(form, values, *places, inner=analytic))
            known = known_values(symbols, values)
            f = _Integrand(integrand, t, known, function, values)
            a, b = (_End(*end) for end in zip((low, high), places, strict=True))
            return require_finite(_between(f, a, b, suspects))

    return evaluate


def _real_logarithm(argument: sympy.Expr) -> sympy.Expr:
    """log(exp(f)·A) as f + log A for an f that is real where the symbols are, so that its
    continuation to complex numbers has no cuts of the exponential's making."""
    exponents, others = [], []
    for factor in sympy.Mul.make_args(argument):
        if isinstance(factor, sympy.exp) and _is_real(factor.args[0]):
            exponents.append(factor.args[0])
        else:
            others.append(factor)
    return sympy.Add(*exponents, sympy.log(sympy.Mul(*others)))


def _is_real(expr: sympy.Expr) -> bool:
    """Whether it is evidently real where the symbols are."""
    if expr.is_Symbol or expr.is_Rational or expr.is_NumberSymbol:
        return True
    whole = isinstance(expr, sympy.Pow) and expr.exp.is_Integer
    return (whole or isinstance(expr, (sympy.Add, sympy.Mul, sympy.exp))) and all(
        map(_is_real, expr.args)
    )


def _panel(
    function: Callable,
    values: list,
    a: Ball,
    b: Ball,
    tolerance: arb | None = None,
    inner: bool = False,
) -> acb:
    """The integral from a to b by quadrature, not finite where the integrand is not bounded. Inside
    of another one, it is to be holomorphic in the outer variable."""
    stopped = []  # Arb cannot pass on what interrupts it

    def at(z: acb, analytic: bool) -> acb:
        try:
            return acb("nan") if stopped else acb(function([*values, z], analytic or inner))
        except (Undefined, Unsure):
            return acb("nan")
        except BaseException as interruption:
            stopped.append(interruption)
            return acb("nan")

    limit = (_EVALUATIONS_INSIDE if inner else _EVALUATIONS) * max(ctx.prec, 64) // 64
    if inner and not at(acb(a + b) / 2, True).is_finite():
        return acb("nan")
    found = acb.integral(
        at, acb(a), acb(b), abs_tol=tolerance, eval_limit=limit, use_heap=True, depth_limit=3000
    )
    if stopped:
        raise stopped[0]
    return found


def _suspects(integrand: sympy.Expr, t: sympy.Symbol) -> set:
    """Where the integrand may be singular: zeros of bases and of arguments, as far as they are
    polynomials. It is advice: at a singularity that it misses, the quadrature is not finite."""
    parts = {power.base for power in integrand.atoms(sympy.Pow)}
    kinds = (sympy.log, sympy.Abs, sympy.sign, sympy.gamma)
    parts |= {function.args[0] for function in integrand.atoms(*kinds)}
    found = {S.Zero}
    for part in parts:
        degrees = [abs(p.exp) for p in part.atoms(sympy.Pow) if p.exp.is_Integer]
        small = sympy.Max(0, *degrees) <= _MOST_DEGREES
        if not (small and part.has(t) and part.is_rational_function(t)):
            continue
        numerator = sympy.Poly(sympy.fraction(sympy.together(part))[0], t)
        quadratic = numerator.degree() <= 2
        found |= set(sympy.roots(numerator) if quadratic else numerator.ground_roots())
    return found


@dataclass(frozen=True)
class _End:
    """An end of a piece: what it is called, and its place, which is None at ±∞."""

    name: sympy.Expr
    place: arb | None

    def __float__(self) -> float:
        return float(self.name if self.place is None else self.place.mid())


@dataclass(frozen=True)
class _Integrand:
    """A function of t, and `function` that encloses it; the values of the other symbols."""

    expr: sympy.Expr
    t: sympy.Symbol
    known: dict
    function: Callable
    values: list

    def real(self, x: arb) -> arb | None:
        """A ball that holds its values on a ball, if they are certainly real and bounded."""
        try:
            value = self.function([*self.values, x], False)
        except (Undefined, Unsure):
            return None
        return value if isinstance(value, arb) and value.is_finite() else None

    def is_real(self, p: arb, q: arb) -> bool:
        """Whether its values on [p, q] are certainly real."""
        left = [(p, q)]
        for _ in range(_BISECTIONS):
            if not left:
                return True
            p, q = left.pop()
            if self.real(p.union(q)) is None:
                middle = ((p + q) / 2).mid()
                left += [(p, middle), (middle, q)]
        return False

    def size(self, p: arb, q: arb) -> tuple[arb, arb]:
        """About the integral of its absolute value and that of its uncertainty, from a few points:
        scales, not bounds."""
        points = [(p + (q - p) * (i * 0.6180339887 % 1)).mid() for i in range(1, 16)]
        found = [value for x in points if (value := self.real(x)) is not None]
        share = abs(q - p).mid() / len(points)
        sizes = (
            sum(parts, arb(0)) for parts in ((abs(v).mid() for v in found), map(arb.rad, found))
        )
        return tuple(size * share for size in sizes)


def _between(f: _Integrand, a: _End, b: _End, suspects: Iterable[sympy.Expr]) -> Ball:
    if a.place is not None and b.place is not None:
        if a.name == b.name or (a.place - b.place).is_zero():
            return arb(0)
    if float(b) < float(a):
        return -_between(f, b, a, suspects)
    cuts = [cut for name in suspects if (cut := _cut(f, name, a, b))]
    points = [a, *sorted(cuts, key=float), b]
    pieces = [_Piece(f, p, q) for p, q in zip(points, points[1:], strict=False)]
    sizes, blurs = zip(*(piece.size() for piece in pieces), strict=True)
    scale, blur = sum(sizes, arb(_LEAST_SCALE)), sum(blurs, arb(0)) * _WORTHWHILE

    def total(scale: arb) -> Ball:
        tolerance = (scale * arb(2) ** -ctx.prec).max(blur)
        return sum((piece.integral(tolerance) for piece in pieces), arb(0))

    found = total(scale)
    if abs(found) > 0 and abs(found) < scale * _LEAST_SCALE:  # for the same relative accuracy
        found = total(abs(found).mid())
    return found


def _cut(f: _Integrand, name: sympy.Expr, a: _End, b: _End) -> _End | None:
    """A point between a and b where the integrand has no finite real value."""
    try:
        place = real_if_exact(build(name, tuple(f.known))(list(f.known.values()), False))
    except (Undefined, Unsure):
        return None
    if not isinstance(place, arb) or f.real(place + arb(0, _BESIDE)) is not None:
        return None
    inside = (a.place is None or place > a.place) and (b.place is None or place < b.place)
    return _End(name, place) if inside else None


class _Piece:
    """The integral between two ends with nothing singular between them: what is near an end where
    the integrand is not bounded is found by its expansion there."""

    def __init__(self, f: _Integrand, p: _End, q: _End):
        self.f, self.ends = f, (p, q)
        self.tails = (_tail(f, p, q, "+"), _tail(f, q, p, "-"))

    def _parts(self) -> Iterable[tuple]:
        return zip(self.tails, self.ends, strict=True)

    def size(self) -> tuple[arb, arb]:
        starts = (tail.inner(tail.first) if tail else end.place for tail, end in self._parts())
        return self.f.size(*starts)

    def integral(self, tolerance: arb) -> Ball:
        f, total, inner = self.f, arb(0), []
        for tail, end in self._parts():
            value, place = tail.integral(tolerance) if tail else (arb(0), end.place)
            total += value
            inner.append(place)
        middle = _panel(f.function, f.values, *inner, tolerance)
        return total + (middle.real if f.is_real(*inner) else middle)


def _tail(f: _Integrand, end: _End, other: _End, side: str) -> "_Tail | None":
    """None where the integrand is bounded at the end, or no expansion is known."""
    if end.place is None:
        first = 1 if other.place is None else _log2(abs(other.place) + 1) + 1
        return _Tail(end, side, counted_germ(f.expr, f.t, end.name, f.known), first)
    width = None if other.place is None else abs(other.place - end.place)
    if f.real(end.place + arb(0, _BESIDE)) is not None or (width is not None and not width > 0):
        return None
    try:
        found = counted_germ(f.expr, f.t, (end.name, side), f.known)
    except Unsure:
        return None
    return _Tail(end, side, found, 1 if width is None else _log2(4 / width))


def _log2(value: arb) -> int:
    """A whole number that is no smaller than the binary logarithm."""
    return int((value.log() / arb(2).log()).upper().ceil().unique_fmpz())


class _Tail:
    """What is between an end and a place near it, for T ≥ 2^exponent with an exponent ≥ `first`."""

    def __init__(self, end: _End, side: str, found: Germ, first: int):
        self.end, self.side = end, 1 if side == "+" else -1
        self.first = max(first, found.exponent)
        weight = VARIABLE ** exactly(0 if end.place is None else -2)  # dx = dT or T^−2 dT
        found.require_integrable(weight)
        self.terms = [(m * weight, rho) for m, rho in found.parts()]

    def inner(self, exponent: int) -> arb:
        if self.end.place is None:
            return arb(2) ** exponent * -self.side
        return self.end.place + arb(2) ** -exponent * self.side

    def integral(self, tolerance: arb) -> tuple[arb, arb]:
        """The integral, and where it begins."""
        best = None
        for exponent in range(self.first, self.first + _NEAREST):
            try:
                beyond = Beyond(exponent)
                found = sum((rho * beyond.integral(m) for m, rho in self.terms), arb(0))
            except Nearer:
                continue
            good = found.rad() < tolerance
            if best is None or good or exponent < self.first + _WIDEST:
                best = found, self.inner(exponent)
            if good:
                break
        if best is None:
            raise Unsure("the tail of an integral")
        return best
