"""Induction over a whole number n, for statements about sums and integrals that depend on it."""

import math
from collections.abc import Callable, Iterator

import sympy
from sympy import Dummy, Integral, Product, S, Sum
from sympy.concrete.gosper import gosper_term

from ...deadline import attempt
from ..effort import put_in
from .continuity import analytic, defined, is_finite
from .regions import Region

_SECONDS = 2  # for one adviser
_LATEST = 8  # n with which an induction begins


def by_induction(gap: sympy.Expr, region: Region, is_zero: Callable) -> list[str] | None:
    """The rule by which `gap` is zero for all values of one of its whole numbers.

    `is_zero(expr, region)` shows that an expression, which has no variable of induction, is defined
    and zero.
    """
    for n in sorted(gap.free_symbols, key=str):
        start = _start(n, region)
        if start is None:
            continue
        for prove in (_by_next_term, _by_next_factor, _by_recurrence, _by_next_integral):
            try:
                if prove(gap, n, start, region, is_zero):
                    return [f"induction over {n}"]
            except ArithmeticError:  # undecided, divergent, or not zero
                continue
    return None


def by_enumeration(gap: sympy.Expr, region: Region, is_zero: Callable) -> list[str] | None:
    """The rule by which `gap` is zero for each of the few values of one of its whole numbers."""
    for n in sorted(gap.free_symbols, key=str):
        start = _start(n, region)
        last = next((k for k in range(_LATEST + 1) if region.never_negative(k - n)), None)
        if start is None or last is None:
            continue
        try:
            if all(is_zero(put_in(gap, {n: value}), region) for value in range(start, last + 1)):
                return [f"each value of {n}"]
        except ArithmeticError:  # undecided, divergent, or not zero
            continue
    return None


def _start(n: sympy.Symbol, region: Region) -> int | None:
    """A whole number that n reaches at least."""
    if not n.is_integer or any(n in known.variable.free_symbols for known in region.ranges):
        return None
    return next((k for k in range(_LATEST, -1, -1) if region.never_negative(n - k)), None)


def _from(n: sympy.Symbol, start: int, region: Region) -> tuple[sympy.Expr, Region]:
    """n as start + m, with a whole m ≥ 0, and the region of m."""
    m = Dummy(n.name, integer=True, nonnegative=True)
    relations = (relation.subs(n, start + m) for relation in region.relations)
    kept = tuple(relation for relation in relations if relation not in (S.true, S.false))
    return start + m, Region(kept, region.decide, region.ranges)


def _linear(gap: sympy.Expr, kind: type, n: sympy.Symbol) -> tuple[dict, sympy.Expr] | None:
    """{atom: coefficient} and the rest of a gap that is linear in its sums or integrals, which all
    depend on n, as the coefficients do not."""
    atoms = sorted((atom for atom in gap.atoms(kind) if atom.has(n)), key=str)
    if not atoms or gap.atoms(Sum, Integral, Product) - set(atoms):
        return None
    stand_ins = {atom: Dummy() for atom in atoms}
    poly = sympy.expand(gap.xreplace(stand_ins)).as_poly(*stand_ins.values())
    if poly is None or poly.total_degree() > 1:
        return None
    factors = {atom: poly.coeff_monomial(symbol) for atom, symbol in stand_ins.items()}
    if any(factor.has(n) for factor in factors.values()):
        return None
    return factors, poly.coeff_monomial(1)


def _by_next_term(
    gap: sympy.Expr, n: sympy.Symbol, start: int, region: Region, is_zero: Callable
) -> bool:
    """Σ cᵢ·Sᵢ(n) + rest(n), where the terms of the sums are free of n, which is in their upper
    ends alone."""
    found = _linear(gap, Sum, n)
    if found is None:
        return False
    factors, rest = found
    first = max(start, *(_first(atom, n) for atom in factors))
    if first > _LATEST:
        return False
    here, inside = _from(n, first, region)
    growth = rest.subs(n, here + 1) - rest.subs(n, here)
    for atom, factor in factors.items():
        f, ((k, _, high),) = atom.function, atom.limits
        if f.has(n):
            return False
        growth += factor * f.subs(k, high.subs(n, here) + 1)
    if not is_finite(growth) or not defined(inside, rest.subs(n, here)):
        return False
    return _at_first(gap, n, start, first, region, is_zero) and is_zero(growth, inside)


def _first(atom: sympy.Expr, n: sympy.Symbol) -> float:
    """From which n on a sum or product over k ≥ number, up to n + number, is not below empty."""
    if len(atom.limits) != 1:
        return math.inf
    _, low, high = atom.limits[0]
    whole = low.is_Integer and (high - n).is_Integer
    return int(low - 1 - (high - n)) if whole else math.inf


def _at_first(
    gap: sympy.Expr, n: sympy.Symbol, start: int, first: float, region: Region, is_zero: Callable
) -> bool:
    return all(is_zero(put_in(gap, {n: value}), region) for value in range(start, first + 1))


def _by_next_factor(
    gap: sympy.Expr, n: sympy.Symbol, start: int, region: Region, is_zero: Callable
) -> bool:
    """c·P(n) = claim(n) for a product with factors that are free of n."""
    found = _linear(gap, Product, n)
    if found is None or len(found[0]) != 1:
        return False
    (atom,), rest = found
    f, first = atom.function, max(start, _first(atom, n))
    if f.has(n) or first > _LATEST:
        return False
    k, _, high = atom.limits[0]
    here, inside = _from(n, first, region)
    growth = rest.subs(n, here + 1) - rest.subs(n, here) * f.subs(k, high.subs(n, here) + 1)
    if not is_finite(growth) or not defined(inside, rest.subs(n, here)):
        return False
    return _at_first(gap, n, start, first, region, is_zero) and is_zero(growth, inside)


def _by_next_integral(
    gap: sympy.Expr, n: sympy.Symbol, start: int, region: Region, is_zero: Callable
) -> bool:
    """c·∫f(n) + rest(n): the difference of two integrals is one integral."""
    found = _linear(gap, Integral, n)
    if found is None or len(found[0]) != 1:
        return False
    ((atom, factor),), rest = found[0].items(), found[1]
    if len(atom.limits) != 1 or any(end.has(n) for end in atom.limits[0][1:]):
        return False
    here, inside = _from(n, start, region)
    f, field = atom.function, inside.field
    t, path = inside.along(*atom.limits[0])
    if not analytic(path, f.subs(n, here).xreplace({atom.variables[0]: t}), t):
        return False
    try:
        form = field.form(f.subs(n, here + 1) - f.subs(n, here))
        step = field.expression(field.normal(form))  # what cancels is gone
    except ArithmeticError:
        return False
    growth = factor * Integral(step, *atom.limits) + rest.subs(n, here + 1) - rest.subs(n, here)
    if not defined(inside, rest.subs(n, here)):
        return False
    return is_zero(gap.subs(n, start), region) and is_zero(growth, inside)


# Terms that depend on n ------------------------------------------------------------------------


def _by_recurrence(
    gap: sympy.Expr, n: sympy.Symbol, start: int, region: Region, is_zero: Callable
) -> bool:
    """c·S(n) = claim(n), S(n) = Σ f(n, k) over low ≤ k ≤ n + number, by creative telescoping.

    G(k + 1) − G(k) = f(n + 1, k) − r·f(n, k) gives S(n + 1) − r·S(n), and the claim must have the
    same recurrence (Zeilberger 1990).
    """
    found = _linear(gap, Sum, n)
    if found is None or len(found[0]) != 1:
        return False
    ((atom, factor),), rest = found[0].items(), found[1]
    f, ((k, low, high),) = atom.function, atom.limits
    claim, first = -rest / factor, max(start, _first(atom, n) + 1)  # at least one term
    if not f.has(n) or first > _LATEST:
        return False
    here, inside = _from(n, first, region)
    if not defined(region, 1 / factor) or not defined(inside, claim.subs(n, here)):
        return False
    if not _at_first(gap, n, start, first, region, is_zero):
        return False
    return any(
        _recurs(f, k, n, low, high, claim, ratio, G, first, region)
        for ratio in _ratios(claim, n)
        for G in _certificates(f, k, n, ratio)
    )


def _ratios(claim: sympy.Expr, n: sympy.Symbol) -> Iterator[sympy.Expr]:
    yield S.One
    ratio = attempt(lambda: sympy.combsimp(claim.subs(n, n + 1) / claim), seconds=_SECONDS)
    if ratio is not None and ratio != 1 and ratio.is_rational_function(n):
        yield sympy.cancel(ratio)


def _certificates(
    f: sympy.Expr, k: sympy.Symbol, n: sympy.Symbol, ratio: sympy.Expr
) -> Iterator[sympy.Expr]:
    """Advice: G with G(k + 1) − G(k) = f(n + 1, k) − ratio·f(n, k)."""

    def telescoped() -> sympy.Expr | None:
        growth = sympy.cancel(sympy.combsimp(f.subs(n, n + 1) / f) - ratio)
        if growth == 0:
            return S.Zero
        term = gosper_term(f * growth, k)
        return None if term is None else f * growth * term

    found = attempt(telescoped, seconds=2 * _SECONDS)
    if found is not None and is_finite(found):
        yield found


def _recurs(
    f: sympy.Expr,
    k: sympy.Symbol,
    n: sympy.Symbol,
    low: sympy.Expr,
    high: sympy.Expr,
    claim: sympy.Expr,
    ratio: sympy.Expr,
    G: sympy.Expr,
    start: int,
    region: Region,
) -> bool:
    """S(n + 1) − r·S(n) = G(b) − G(a) + f(n + 1, b) − r·f(n, b) + f(n + 1, b + 1), with b the upper
    end at n: the last term is left out of the telescoping, where G may have a pole."""
    shift = high - n
    i, j = (Dummy(name, integer=True, nonnegative=True) for name in "ij")
    place = {k: low + i, n: low + i + 1 + j - shift}  # a ≤ k < b
    growth = f.subs(n, n + 1) - ratio * f
    _, inside = _from(n, start, region)
    wide = Region(inside.relations, region.decide, region.ranges)
    step = G.subs(k, k + 1) - G - growth
    parts = (G, G.subs(k, k + 1), f, f.subs(n, n + 1), growth)
    pieces = [part.subs(place, simultaneous=True) for part in parts]
    if not all(defined(wide, part) for part in pieces):
        return False
    if not wide.vanishes(step.subs(place, simultaneous=True)):
        return False
    here, inside = _from(n, start, region)
    last = high.subs(n, here)
    at = {
        "G": G.subs(n, here).subs(k, last) - G.subs(n, here).subs(k, low),
        "last": growth.subs(n, here).subs(k, last),
        "old": f.subs(n, here).subs(k, last),
        "new": f.subs(n, here + 1).subs(k, last + 1),
        "claim": claim.subs(n, here + 1) - (ratio * claim).subs(n, here),
    }
    parts = [part for part in at.values()] + [ratio.subs(n, here)]
    if not all(is_finite(part) and defined(inside, part) for part in parts):
        return False
    return inside.vanishes(at["G"] + at["last"] + at["new"] - at["claim"])
