"""Sums of power series, by a table of those that everyone knows.

A term is recognised as p(k)·xᵏ·w(k) with a polynomial p and a w of the table. With θ = x d/dx,
Σ p(k)·xᵏ·w(k) = p(θ) Σ xᵏ·w(k) inside the circle of convergence (DLMF 4.6, 4.19, 4.24, 4.33, 25.2).
"""

from collections.abc import Callable
from dataclasses import dataclass

import sympy
from sympy import (
    Abs,
    Dummy,
    S,
    atan,
    atanh,
    binomial,
    cos,
    cosh,
    exp,
    factorial,
    log,
    sin,
    sinh,
    sqrt,
    zeta,
)

from .continuity import is_finite
from .hypergeometric import geometric_factor
from .integrals import DivergesError
from .regions import Region

_HIGHEST = 10  # power of 1/k
_MOST_SHIFTED = 30  # terms by which a series may begin later than in the table


@dataclass(frozen=True)
class Series:
    """Σ w(k)·xᵏ for k ≥ start is value(x), for |x| < radius, and at the `ends` among ±radius."""

    weight: Callable
    start: int
    value: Callable  # of x and the region, or None where its form depends on an open sign
    radius: sympy.Expr
    ends: tuple = ()
    by_sign: bool = False  # the value is written differently for x > 0 and x < 0


def _root(x: sympy.Expr, region: Region) -> tuple[sympy.Expr, int]:
    """(r, s) with x = s·r², s = ±1. Raises `Undecided`."""
    sign = 1 if region.never_negative(x) else -1 if region.never_negative(-x) else None
    if sign is None:
        sign = region.require_sign(x) or 1
    root = sympy.powdenest(sqrt(sympy.factor(sign * x)), force=True)
    root = root.replace(Abs, lambda z: z)
    return (root if region.vanishes(root**2 - sign * x) else sqrt(sign * x)), sign


def _even(x: sympy.Expr, region: Region) -> sympy.Expr:
    r, sign = _root(x, region)
    return cosh(r) if sign > 0 else cos(r)


def _odd(plus: Callable, minus: Callable) -> Callable:
    """A series in x = ±r² that is plus(r)/r or minus(r)/r."""

    def value(x: sympy.Expr, region: Region) -> sympy.Expr:
        r, sign = _root(x, region)
        region.require_nonzero(r)
        return (plus(r) if sign > 0 else minus(r)) / r

    return value


def _dirichlet(s: int) -> Callable:
    def value(x: sympy.Expr, region: Region) -> sympy.Expr:
        if region.vanishes(x - 1):
            return zeta(s)
        if region.vanishes(x + 1):
            return (2 ** (1 - S(s)) - 1) * zeta(s)
        return sympy.polylog(s, x)

    return value


_FACTORIALS = (
    Series(lambda k: 1 / factorial(k), 0, lambda x, region: exp(x), S.Infinity),
    Series(lambda k: 1 / factorial(2 * k), 0, _even, S.Infinity, (), True),
    Series(lambda k: 1 / factorial(2 * k + 1), 0, _odd(sinh, sin), S.Infinity, (), True),
)
_BINOMIALS = (
    Series(
        lambda k: binomial(2 * k, k), 0, lambda x, region: 1 / sqrt(1 - 4 * x), S.One / 4, (-1,)
    ),
)
_POWERS = (
    Series(lambda k: S.One, 0, lambda x, region: 1 / (1 - x), S.One),
    Series(lambda k: 1 / k, 1, lambda x, region: -log(1 - x), S.One, (-1,)),
    *(
        Series(lambda k, s=s: 1 / k**s, 1, _dirichlet(s), S.One, (1, -1))
        for s in range(2, _HIGHEST + 1)
    ),
)
_ODD_NUMBERS = Series(lambda k: 1 / (2 * k + 1), 0, _odd(atanh, atan), S.One, (-1,), True)


def known_series(
    f: sympy.Expr, k: sympy.Symbol, low: sympy.Expr, high: sympy.Expr, region: Region
) -> tuple[sympy.Expr, str] | None:
    """The value of Σ f over k ≥ low, and the rule. Raises `Undecided`, and `DivergesError`."""
    if not low.is_Integer or high is not S.Infinity:
        return None
    if (whole := _binomial_series(f, k, low, region)) is not None:
        return whole
    for row, shift in _candidates(f, k):
        moved = f.subs(k, k - shift)
        if (found := _by_row(moved, k, low + shift, row, region)) is not None:
            return found, "a power series"
    return None


def _candidates(f: sympy.Expr, k: sympy.Symbol) -> list[tuple[Series, sympy.Integer]]:
    """Advice: series, and shifts of their k, that f may be of."""
    if f.has(factorial, sympy.gamma):
        return [(row, S(shift)) for row in _FACTORIALS for shift in (0, 1, -1)]
    if f.has(binomial):
        return [(row, S.Zero) for row in _BINOMIALS]
    _, below = sympy.fraction(sympy.together(f))
    factors = [part.as_base_exp() for part in sympy.Mul.make_args(sympy.factor(below))]
    factors = [(base, n) for base, n in factors if base.has(k)]
    if not factors:
        return [(_POWERS[0], S.Zero)]
    (base, n), *more = factors
    poly = base.as_poly(k)
    if more or poly is None or poly.degree() != 1 or not n.is_Integer or n > _HIGHEST:
        return []
    slope, start = poly.all_coeffs()
    if (start / slope).is_Integer:
        return [(_POWERS[int(n)], start / slope)]
    shift = start / slope - S.Half
    return [(_ODD_NUMBERS, shift)] if n == 1 and shift.is_Integer else []


def _by_row(
    f: sympy.Expr, k: sympy.Symbol, low: sympy.Expr, row: Series, region: Region
) -> sympy.Expr | None:
    if abs(low - row.start) > _MOST_SHIFTED:
        return None
    here, inside = region.along(k, S(max(row.start, low)), S.Infinity, integer=True)
    found = geometric_factor((f / row.weight(k)).xreplace({k: here}), here, inside)
    if found is None:
        return None
    x, p = found
    p = sympy.Poly(p, here)
    if not _converges(x, p, row, region):
        return None
    total = _theta(p, x, row, region)
    term = row.weight(k) * p.as_expr().xreplace({here: k}) * x**k
    total -= sympy.Add(*(term.subs(k, step) for step in range(row.start, int(low))))
    total += sympy.Add(*(f.subs(k, step) for step in range(int(low), row.start)))
    return total if is_finite(total) else None


def _converges(x: sympy.Expr, p: sympy.Poly, row: Series, region: Region) -> bool:
    if row.radius is S.Infinity:
        return True
    if not region.real(x):
        return False
    sign = region.require_sign(row.radius**2 - x**2)
    if sign > 0:
        return True
    if sign == 0 and p.degree() == 0:
        return any(region.vanishes(x - end * row.radius) for end in row.ends)
    if sign < 0 and region.nonzero(p.LC()):
        raise DivergesError
    return False


def _theta(p: sympy.Poly, x: sympy.Expr, row: Series, region: Region) -> sympy.Expr:
    if p.degree() <= 0:
        return p.as_expr() * row.value(x, region)
    z, inside = Dummy("z", real=True), region
    if row.by_sign:
        inside = region.where(z > 0 if region.require_sign(x) > 0 else z < 0)
    value, total = row.value(z, inside), S.Zero
    for c in reversed(p.all_coeffs()):
        total += c * value.subs(z, x)
        value = sympy.expand(z * value.diff(z))
    return total


def _binomial_series(
    f: sympy.Expr, k: sympy.Symbol, low: sympy.Expr, region: Region
) -> tuple[sympy.Expr, str] | None:
    """Σ C(a, k)·xᵏ = (1 + x)ᵃ for |x| < 1, with a free of k."""
    rows = [z for z in f.atoms(binomial) if z.args[1] == k and not z.args[0].has(k)]
    if len(rows) != 1 or low != 0 or rows[0].args[0].is_integer:
        return None
    a = rows[0].args[0]
    here, inside = region.along(k, S.Zero, S.Infinity, integer=True)
    found = geometric_factor((f / rows[0]).xreplace({k: here}), here, inside)
    if found is None or found[1].has(here) or not region.real(found[0]):
        return None
    if region.require_sign(1 - found[0] ** 2) != 1:
        return None
    return found[1] * (1 + found[0]) ** a, "the binomial series"
