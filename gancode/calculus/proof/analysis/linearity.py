"""Integrals under one sign: a linear combination of integrals as integrals over common pieces.

Where all the integrals of a statement converge, they may be cut at common points and added there,
and t may be replaced by any smooth monotonic function of another variable.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cmp_to_key
from itertools import product

import sympy
from sympy import Dummy, Integral, S
from sympy.core.function import AppliedUndef

from ...rewriting import solutions
from .continuity import Undecided, analytic
from .integrals import orientation
from .limits import limit_of
from .regions import Region

_RULE = "under one integral"
_MOST = 5  # integrals that are brought together
_SECONDS = 1  # to invert a function

Term = tuple[sympy.Expr, sympy.Expr, sympy.Expr]  # integrand in the common variable, and the ends


def under_one_sign(
    gap: sympy.Expr, region: Region, by_values: Callable | None = None
) -> list[str] | None:
    """The rules by which a gap that is linear in its integrals is zero, because the integrands are;
    or because `by_values(expr, region)` proves what is left when they are brought together; then it
    raises `Undecided`."""
    found = _terms(gap, region)
    if found is None:
        return None
    t, terms, rest = found
    if not terms:
        return None
    undecided = None
    for arrangement in _arrangements(terms, t, region):
        try:
            merged = _merged(arrangement, t, region)
            if not merged and region.vanishes(rest):
                return [_RULE]
            if by_values is None or not _is_simpler(merged, arrangement):
                continue
            total = sympy.Add(*(Integral(f, (t, low, high)) for f, low, high in merged), rest)
            if (rules := by_values(total, region)) is not None:
                return [_RULE, *rules]
        except Undecided as question:
            undecided = undecided or question
        except ArithmeticError:  # divergent, or not zero
            continue
    if undecided and by_values is not None:
        raise undecided
    return None


def _is_simpler(merged: Sequence[Term], terms: Sequence[Term]) -> bool:
    return len(merged) < len(terms) and sum(f.count_ops() for f, _, _ in merged) < sum(
        f.count_ops() for f, _, _ in terms
    )


def _terms(gap: sympy.Expr, region: Region) -> tuple[sympy.Symbol, list[Term], sympy.Expr] | None:
    """A gap as Σ ∫ terms + rest, with one variable of integration."""
    atoms = sorted(gap.atoms(Integral), key=str)
    simple = all(len(atom.limits) == 1 and len(atom.limits[0]) == 3 for atom in atoms)
    if not 0 < len(atoms) <= _MOST or not simple:
        return None
    stand_ins = {atom: Dummy() for atom in atoms}
    poly = sympy.expand(gap.xreplace(stand_ins)).as_poly(*stand_ins.values())
    if poly is None or poly.total_degree() > 1:
        return None
    t, terms = Dummy("t", real=True), []
    for atom, symbol in stand_ins.items():
        (old, low, high), c = atom.limits[0], poly.coeff_monomial(symbol)
        if atom.function.has(Integral, sympy.DiracDelta):
            return None
        if low == high:
            continue
        terms.append((c * atom.function.xreplace({old: t}), low, high))
    return t, terms, poly.coeff_monomial(1)


def _arrangements(terms: list[Term], t: sympy.Symbol, region: Region) -> Iterator[list[Term]]:
    """As they are; then with the variables of unknown functions as variables; then over (0, 1),
    (0, ∞) and (−∞, ∞), each forwards or backwards."""
    yield terms
    if any(f.atoms(AppliedUndef) for f, _, _ in terms):
        yield [_unwound(term, t, region) or term for term in terms]
    standard = [_standard(term, t) for term in terms]
    if len(standard) == 1 and not (standard[0][1] == 0 and standard[0][2].is_infinite):
        half = (standard[0][0] / 2, *standard[0][1:])
        yield [half, _reflected(half, t)]
    for turns in product((False, True), repeat=len(standard) - 1):
        yield [
            _reflected(term, t) if turn else term
            for term, turn in zip(standard, (False, *turns), strict=True)
        ]


def _standard(term: Term, t: sympy.Symbol) -> Term:
    f, low, high = term
    if low.is_infinite and high.is_infinite:
        return term if low is S.NegativeInfinity else (-f, high, low)
    if low.is_infinite:  # from an infinite end to a finite one, backwards
        f, low, high = -f, high, low
    if high is S.Infinity:
        return f.subs(t, low + t), S.Zero, S.Infinity
    if high is S.NegativeInfinity:
        return -f.subs(t, low - t), S.Zero, S.Infinity
    return (high - low) * f.subs(t, low + (high - low) * t), S.Zero, S.One


def _reflected(term: Term, t: sympy.Symbol) -> Term:
    f, low, high = term
    if high.is_infinite and low.is_infinite:
        return f.subs(t, -t), low, high
    return term if high.is_infinite else (f.subs(t, low + high - t), low, high)


def _unwound(term: Term, t: sympy.Symbol, region: Region) -> Term | None:
    """With the argument of its unknown functions as variable, where that is monotonic."""
    f, low, high = term
    arguments = {a for g in f.atoms(AppliedUndef) for a in g.args if a.has(t)} - {t}
    if len(arguments) != 1 or not low.is_finite or not high.is_finite:
        return None
    if orientation(low, high, region) <= 0:
        return None
    (argument,) = arguments
    here, inside = region.along(t, low, high)
    along = argument.xreplace({t: here})
    ends = [limit_of(along, here, end, region, side) for end, side in ((low, 1), (high, -1))]
    if None in ends or not analytic(inside, along, here) or not inside.sign(along.diff(here)):
        return None
    s = Dummy("s", real=True)
    for inverse in solutions(argument - s, t, _SECONDS):
        if inside.vanishes(inverse.subs(s, along) - here):
            g = (f / argument.diff(t)).subs(t, inverse).subs(s, t)
            return g, *(end for end, _ in ends)
    return None


def _merged(terms: Sequence[Term], t: sympy.Symbol, region: Region) -> list[Term]:
    """Cut at all ends, and added on each piece; without what is zero. Raises `Undecided`."""
    ends: list = []
    for _, low, high in terms:
        for end in (low, high):
            if not any(orientation(end, other, region) == 0 for other in ends):
                ends.append(end)
    ends.sort(key=cmp_to_key(lambda one, other: -orientation(one, other, region)))
    merged = []
    for low, high in zip(ends, ends[1:], strict=False):
        total = S.Zero
        for f, start, stop in terms:
            forwards = orientation(start, stop, region) > 0
            first, last = (start, stop) if forwards else (stop, start)
            if orientation(first, low, region) >= 0 and orientation(high, last, region) >= 0:
                total += f if forwards else -f
        here, inside = region.along(t, low, high)
        total = inside.simplest(total.xreplace({t: here})).xreplace({here: t})
        if total != 0:
            merged.append((total, low, high))
    return merged
