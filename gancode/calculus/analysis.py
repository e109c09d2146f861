"""Equalities about integrals, sums, products and limits, proved."""

import sympy
from sympy import Dummy, Integral, Limit, Product, S, Sum

from .cases import by_cases
from .constancy import is_zero
from .continuity import Undecided, analytic, analytic_at, defined, is_finite
from .induction import by_induction
from .integrals import DivergesError, integral
from .limits import limit_atom
from .linearity import under_one_sign
from .regions import Region
from .sums import product, summation


class NotZeroError(ArithmeticError):
    """At some point of the region the gap is not zero, so that no proof is to be looked for."""


ATOMS = (Integral, Sum, Product, Limit)


def vanishes(gap, region: Region) -> str | None:
    """The rule by which `gap`, in which there are integrals, sums or limits, is zero at every point
    of the region at which it is defined; None where that is not shown."""
    gap = _renamed(sympy.sympify(gap))
    return by_cases(
        lambda gap, region: _vanishes(_differentiated(gap, region), region), gap, region
    )


def _vanishes(gap, region: Region) -> str | None:
    gap = _differentiated(gap, region)
    if _is_undefined(gap):
        return "where a side is undefined"
    if (rule := under_one_sign(gap, region)) is not None:
        return rule
    undecided = None
    try:
        if (rule := by_values(gap, region) or under_one_sign(gap, region, by_values)) is not None:
            return rule
    except DivergesError:
        return "where it diverges"
    except NotZeroError:
        return None
    except Undecided as question:
        undecided = question
    if (rule := by_induction(gap, region, by_values)) is None and undecided:
        raise undecided
    return rule


def by_values(gap, region: Region) -> str | None:
    """The rules by which `gap` is zero, with the values of its integrals, sums and limits in their
    place. Raises `Undecided`, `DivergesError` and `NotZeroError`."""
    found = without_atoms(gap, region)
    if found is None or not is_finite(found[0]):
        return None
    if is_zero(found[0], region):
        return ", ".join(dict.fromkeys(found[1])) or "an identity"
    if not region.samples.may_vanish(found[0]):
        raise NotZeroError
    return None


def _is_undefined(expr) -> bool:
    """Whether an expression is no finite number, whatever the values of its symbols are."""
    if expr.is_Add or expr.is_Mul:
        return any(map(_is_undefined, expr.args))
    return expr in (S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity)


def _differentiated(expr, region: Region):
    """Without slopes of integrals with finite ends, by Leibniz's rule: where the integrand and the
    ends are smooth in a parameter, for t between the ends and at them."""
    for slope in expr.atoms(sympy.Derivative):
        inner = slope.expr
        if not isinstance(inner, Integral) or len(inner.limits) != 1 or len(slope.variables) != 1:
            continue
        if _is_smooth(inner, slope.variables[0], region):
            expr = expr.xreplace({slope: slope.doit(integrals=False)})
    return expr


def _is_smooth(atom: Integral, x, region: Region) -> bool:
    """Whether integrand and ends are smooth in `x`, for t from one end to the other."""
    t, low, high = atom.limits[0]
    if not all(analytic(region, end, x) for end in (low, high)):
        return False
    sign = region.sign(high - low)
    for first, last in ((low, high), (high, low))[sign == -1 : 1 if sign == 1 else 2]:
        here, inside = region.along(t, first, last)
        f = atom.function.xreplace({t: here})
        if not all(analytic(inside, f, z) for z in (here, x)):
            return False
        if not all(analytic_at(inside, f, here, end) for end in (low, high)):
            return False
    return True


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
            if found is None:
                return None
            rules.append(found[1])
            expr = expr.xreplace({atom: found[0]})
    return None


def _outermost(expr) -> set:
    if isinstance(expr, ATOMS):
        return {expr}
    return set().union(*map(_outermost, expr.args))


def value_of(atom, region: Region) -> tuple[sympy.Expr, str] | None:
    """An equal expression without that atom, which is defined on the whole region, and the rule.
    Raises `Undecided` and `DivergesError`."""
    found = _value_of(atom, region)
    return found if found is not None and defined(region, found[0]) else None


def _value_of(atom, region: Region) -> tuple[sympy.Expr, str] | None:
    if isinstance(atom, Limit):
        expr, x, end, side = atom.args
        inner = without_atoms(expr, region)
        return None if inner is None else limit_atom(Limit(inner[0], x, end, side), region)
    f, (first, *others) = atom.function, atom.limits
    whole = not isinstance(atom, Integral)
    if len(first) != 3:
        return None
    if others:
        inner = _inside(atom.func(f, first), others, region, whole)
        return None if inner is None else _value_of(atom.func(inner, *others), region)
    f = _inside(f, [first], region, whole)
    if f is None:
        return None
    ways = {Integral: integral, Sum: summation, Product: product}
    return ways[type(atom)](atom.func(f, first), region)


def _inside(f, limits, region: Region, whole: bool):
    """`f` without integrals and the like, for variables within their limits."""
    if not _outermost(f):
        return f
    back = {}
    for t, low, high in reversed(limits):
        low, high = (end.xreplace({v: k for k, v in back.items()}) for end in (low, high))
        here, region = region.along(t, low, high, integer=whole)
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
