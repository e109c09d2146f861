"""Equalities about integrals, sums, products and limits, proved."""

import sympy
from sympy import Dummy, Integral, Limit, Product, S, Sum

from .cases import by_cases
from .constancy import is_zero
from .continuity import is_finite
from .integrals import DivergesError, integral
from .limits import limit_atom
from .regions import Region

ATOMS = (Integral, Sum, Product, Limit)


def vanishes(gap, region: Region) -> str | None:
    """The rule by which `gap`, in which there are integrals, sums or limits, is zero at every point
    of the region at which it is defined; None where that is not shown."""
    return by_cases(_vanishes, _renamed(sympy.sympify(gap)), region)


def _vanishes(gap, region: Region) -> str | None:
    if gap is S.NaN or gap is S.ComplexInfinity:
        return "undefined"
    try:
        found = without_atoms(gap, region)
    except DivergesError:
        return "it diverges"
    if found is None:
        return None
    expr, rules = found
    if not is_zero(expr, region):
        return None
    return ", ".join(dict.fromkeys(rules))


def without_atoms(expr, region: Region) -> tuple[sympy.Expr, list[str]] | None:
    """`expr` with the proved values of its integrals, sums and limits in their place, and the rules
    used. Raises `Undecided` and `DivergesError`."""
    rules = []
    for _ in range(20):
        atoms = sorted(_outermost(expr), key=str)
        if not atoms:
            return expr, rules
        for atom in atoms:
            found = value_of(atom, region)
            if found is None or not is_finite(found[0]):
                return None
            rules.append(found[1])
            expr = expr.xreplace({atom: found[0]})
    return None


def _outermost(expr) -> set:
    if isinstance(expr, ATOMS):
        return {expr}
    return set().union(*map(_outermost, expr.args))


def value_of(atom, region: Region) -> tuple[sympy.Expr, str] | None:
    """An equal expression without that atom. Raises `Undecided` and `DivergesError`."""
    if isinstance(atom, Limit):
        expr, x, end, side = atom.args
        inner = without_atoms(expr, region)
        return None if inner is None else limit_atom(Limit(inner[0], x, end, side), region)
    f, (first, *others) = atom.function, atom.limits
    if len(first) != 3:
        return None
    if others:
        inner = _inside(atom.func(f, first), others, region)
        return None if inner is None else value_of(atom.func(inner, *others), region)
    f = _inside(f, [first], region)
    if f is None:
        return None
    if isinstance(atom, Integral):
        return integral(Integral(f, first), region)
    return None


def _inside(f, limits, region: Region):
    """`f` without integrals and the like, for variables within their limits."""
    if not _outermost(f):
        return f
    back = {}
    for t, low, high in reversed(limits):
        low, high = low.xreplace({v: k for k, v in back.items()}), high
        here, region = region.along(t, low, high)
        f, back[here] = f.xreplace({t: here}), t
    found = without_atoms(f, region)
    return None if found is None else found[0].xreplace(back)


def _renamed(expr):
    """With variables of integration that no other symbol is called by."""
    if not expr.args:
        return expr
    expr = expr.func(*map(_renamed, expr.args)) if not isinstance(expr, ATOMS) else expr
    if isinstance(expr, (Integral, Sum, Product)):
        bound = {t: Dummy(t.name, **t.assumptions0) for t in expr.variables}
        function = _renamed(expr.function).xreplace(bound)
        limits = [sympy.Tuple(*limit).xreplace(bound) for limit in expr.limits]
        return expr.func(function, *limits)
    return expr
