"""Sums over a row of Pascal's triangle."""

import sympy
from sympy import S, binomial

from .hypergeometric import geometric_factor
from .regions import Region

_LATEST = 6  # of the first terms


def _is_whole_row(n: sympy.Expr, high: sympy.Expr, region: Region) -> bool:
    """Whether n ≥ 0 is whole, and C(n, k) is zero beyond the upper end."""
    reaches = high is S.Infinity or region.never_negative(high - n)
    return reaches and bool(n.is_integer) and region.never_negative(n)


def binomial_theorem(
    f: sympy.Expr, k: sympy.Symbol, low: sympy.Expr, high: sympy.Expr, region: Region
) -> tuple[sympy.Expr, str] | None:
    """Σ C(n, k)·k(k−1)…(k−j+1)·xᵏ = n(n−1)…(n−j+1)·xʲ·(1 + x)ⁿ⁻ʲ, over 0 ≤ k ≤ n."""
    rows = [z for z in f.atoms(binomial) if z.args[1] == k and not z.args[0].has(k)]
    if len(rows) != 1 or not low.is_Integer or not 0 <= low <= _LATEST:
        return None
    n = rows[0].args[0]
    if not _is_whole_row(n, high, region):
        return None
    here, inside = region.along(k, S.Zero, n, integer=True)
    found = geometric_factor((f / rows[0]).xreplace({k: here}), here, inside)
    if found is None:
        return None
    x, p = found
    total, rest = S.Zero, sympy.Poly(p, here)
    for j in range(rest.degree(), -1, -1):  # p in falling powers of k
        c, falling = rest.coeff_monomial(here**j), sympy.ff(here, j)
        rest = rest - sympy.Poly(sympy.expand_func(falling), here) * c
        if c != 0:
            total += c * _falling_row(n, j, x, region)
    term = rows[0].xreplace({k: here}) * p * x**here
    first = [term.subs(here, step) for step in range(int(low))]
    return total - sympy.Add(*first), "the binomial theorem"


def _falling_row(n: sympy.Expr, j: int, x: sympy.Expr, region: Region) -> sympy.Expr:
    head = sympy.Mul(*(n - step for step in range(j))) * x**j
    if region.sign(1 + x) == 0:
        return head * sympy.Piecewise((S.One, sympy.Eq(n, j)), (S.Zero, True))
    if not region.never_negative(n - j):
        region.require_nonzero(1 + x)
    return head * (1 + x) ** (n - j)


def vandermonde(
    f: sympy.Expr, k: sympy.Symbol, low: sympy.Expr, high: sympy.Expr, region: Region
) -> tuple[sympy.Expr, str] | None:
    """Σ C(n, k)·C(m, r − k) = C(n + m, r), over 0 ≤ k ≤ n."""
    rows = [z for part in f.atoms(binomial) for z in [part] * _power_of(f, part)]
    if len(rows) != 2 or low != 0 or (f / (rows[0] * rows[1])).has(k):
        return None
    for first, second in (rows, rows[::-1]):
        n, m, over = first.args[0], *second.args
        r = sympy.expand(over + k)
        if r.has(k):  # C(m, s + k) is C(m, m − s − k)
            r = sympy.expand(m - over + k)
        if first.args[1] != k or r.has(k) or n.has(k) or m.has(k) or not r.is_integer:
            continue
        if _is_whole_row(n, high, region) and m.is_integer and region.never_negative(m):
            return f / (first * second) * binomial(n + m, r), "Vandermonde's identity"
    return None


def _power_of(f: sympy.Expr, part: sympy.Expr) -> int:
    """The whole power in which a factor stands."""
    powers = dict(factor.as_base_exp() for factor in sympy.Mul.make_args(f))
    power = powers.get(part, S.Zero)
    return int(power) if power.is_Integer and power > 0 else 0
