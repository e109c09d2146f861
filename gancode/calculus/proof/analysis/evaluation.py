"""Equalities about integrals, sums, products and limits, proved."""

from collections.abc import Sequence

import sympy
from sympy import Derivative, Dummy, Integral, Limit, Piecewise, Product, S, Subs, Sum

from .cases import cases
from .constancy import is_zero
from .continuity import Undecided, analytic, analytic_at, defined, is_finite
from .induction import by_enumeration, by_induction
from .integrals import DivergesError, integral
from .limits import limit_atom
from .linearity import under_one_sign
from .regions import Region
from .sums import product, summation

ATOMS = (Integral, Sum, Product, Limit)
_DEPTH = 3  # of cases within cases
_NESTED = 20  # integrals and the like within each other


class NotZeroError(ArithmeticError):
    """At some point of the region the gap is not zero, so that no proof is to be looked for."""


def vanishes(gap: sympy.Expr, region: Region) -> str | None:
    """The rules by which `gap`, in which there are integrals, sums or limits, is zero at every
    point of the region at which it is defined; None where that is not shown."""
    rules = _by_cases(_renamed(sympy.sympify(gap)), region, _DEPTH)
    return None if rules is None else ", ".join(dict.fromkeys(rules))


def closed_form(atom: sympy.Expr, region: Region) -> tuple[sympy.Expr, str] | None:
    """An expression without integrals, sums and limits that is equal to `atom` at every point of
    the region at which that is defined, and the rules that prove it; None where none is found."""
    found = _value_by_cases(_renamed(sympy.sympify(atom)), region, _DEPTH)
    if found is None or found[0] is None:
        return None
    return found[0], ", ".join(dict.fromkeys(found[1]))


def _value_by_cases(
    atom: sympy.Expr, region: Region, depth: int
) -> tuple[sympy.Expr | None, list] | None:
    """The value, or None for one where there is no value at any point, and the rules."""
    try:
        return without_atoms(atom, region)
    except DivergesError:
        return None, ["where it diverges"]
    except Undecided as question:
        parts, rules = [], ["by cases"]
        for case in (depth and cases(question.expr, atom, region)) or [None]:
            found = None if case is None else _value_by_cases(case.expr, case.region, depth - 1)
            if found is None:
                return None
            if found[0] is not None:
                parts.append((found[0].subs(case.back), case.condition))
            rules += found[1]
        return (Piecewise(*parts) if parts else None), rules


def _by_cases(gap: sympy.Expr, region: Region, depth: int) -> list[str] | None:
    """The rules that prove a gap to be zero in every case."""
    try:
        return _rules(gap, region)
    except Undecided as question:
        rules = ["by cases"]
        for case in (depth and cases(question.expr, gap, region)) or [None]:
            found = None if case is None else _by_cases(case.expr, case.region, depth - 1)
            if found is None:
                return None
            rules += found
        return rules


def _rules(gap: sympy.Expr, region: Region) -> list[str] | None:
    gap = _differentiated(gap, region)
    if _is_undefined(gap):
        return ["where a side is undefined"]
    if (rules := under_one_sign(gap, region)) is not None:
        return rules
    undecided = None
    try:
        rules = by_values(gap, region) or under_one_sign(gap, region, by_values)
        if rules is not None:
            return rules
    except DivergesError:
        return ["where it diverges"]
    except NotZeroError:
        return None
    except Undecided as question:
        undecided = question
    rules = by_induction(gap, region, by_values) or by_enumeration(gap, region, by_values)
    if rules is None and undecided:
        raise undecided
    return rules


def by_values(gap: sympy.Expr, region: Region) -> list[str] | None:
    """The rules by which `gap` is zero, with the values of its integrals, sums and limits in their
    place. Raises `Undecided`, `DivergesError` and `NotZeroError`."""
    found = without_atoms(gap, region)
    if found is None or not is_finite(found[0]):
        return None
    if is_zero(found[0], region):
        return found[1] or ["an identity"]
    if not region.samples.may_vanish(found[0]):
        raise NotZeroError
    return None


def _is_undefined(expr: sympy.Expr) -> bool:
    """Whether an expression is no finite number, whatever the values of its symbols are."""
    if expr.is_Add or expr.is_Mul:
        return any(map(_is_undefined, expr.args))
    return expr in (S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity)


# Slopes ----------------------------------------------------------------------------------------


def _differentiated(expr: sympy.Expr, region: Region) -> sympy.Expr:
    """Without slopes of integrals with finite ends, by Leibniz's rule: where the integrand and the
    ends are smooth in a parameter, for t between the ends and at them."""
    for slope in expr.atoms(Derivative):
        inner = slope.expr
        if not isinstance(inner, Integral) or len(inner.limits) != 1 or len(slope.variables) != 1:
            continue
        if _is_smooth(inner, slope.variables[0], region):
            expr = expr.xreplace({slope: slope.doit(integrals=False)})
    return expr


def _is_smooth(atom: Integral, x: sympy.Symbol, region: Region) -> bool:
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


# Values ----------------------------------------------------------------------------------------


def without_atoms(expr: sympy.Expr, region: Region) -> tuple[sympy.Expr, list[str]] | None:
    """`expr` with the proved values of its integrals, sums and limits in their place, and the rules
    used. Raises `Undecided` and `DivergesError`."""
    rules = []
    for _ in range(_NESTED):
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


def _outermost(expr: sympy.Expr) -> set:
    """Those integrals, sums and limits that stand in no other; slopes are not looked into."""
    if isinstance(expr, (*ATOMS, Derivative, Subs)):
        return {expr} if expr.has(*ATOMS) else set()
    return set().union(*map(_outermost, expr.args))


def value_of(atom: sympy.Expr, region: Region) -> tuple[sympy.Expr, str] | None:
    """An equal expression without that atom, which is defined on the whole region, and the rule.
    Raises `Undecided` and `DivergesError`."""
    if isinstance(atom, (Derivative, Subs)):
        return None
    found = _value_of(atom, region)
    if found is None:
        return None
    value, rule = region.simplest(found[0]), found[1]
    return (value, rule) if defined(region, value) else None


def _value_of(atom: sympy.Expr, region: Region) -> tuple[sympy.Expr, str] | None:
    if isinstance(atom, Limit):
        expr, x, end, side = atom.args
        inner = _near(expr, x, end, str(side), region)
        return None if inner is None else limit_atom(Limit(inner, x, end, side), region)
    f, (first, *others), whole = atom.function, atom.limits, not isinstance(atom, Integral)
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


def _inside(
    f: sympy.Expr, limits: Sequence[tuple], region: Region, whole: bool
) -> sympy.Expr | None:
    """`f` without integrals and the like, for variables within their limits."""
    if not _outermost(f):
        return f
    inner = {}
    for t, low, high in reversed(limits):
        low, high = (end.xreplace(inner) for end in (low, high))
        inner[t], region = region.along(t, low, high, integer=whole)
    found = without_atoms(f.xreplace(inner), region)
    return None if found is None else found[0].xreplace({here: t for t, here in inner.items()})


def _near(
    expr: sympy.Expr, x: sympy.Symbol, end: sympy.Expr, side: str, region: Region
) -> sympy.Expr | None:
    """`expr` without integrals and the like, for x near the end of a limit."""
    if not _outermost(expr):
        return expr
    if end.is_infinite or side == "+-":
        ends = (S.One, end) if end is S.Infinity else (end, -S.One)
    else:
        ends = (end, end + 1) if side == "+" else (end - 1, end)
    if not end.is_infinite and side == "+-":
        return None
    here, inside = region.along(x, *ends)
    found = without_atoms(expr.xreplace({x: here}), inside)
    return None if found is None else found[0].xreplace({here: x})


def _renamed(expr: sympy.Expr) -> sympy.Expr:
    """With bound variables that are called like no other symbol."""
    if not expr.args:
        return expr
    if isinstance(expr, Limit):
        body, x, end, side = expr.args
        here = Dummy(x.name, **x.assumptions0)
        return Limit(_renamed(body).xreplace({x: here}), here, _renamed(end), side)
    if not isinstance(expr, (Integral, Sum, Product)):
        return expr.func(*map(_renamed, expr.args))
    bound, limits = {}, []
    for t, *ends in reversed(expr.limits):  # an end may hold the variables of limits further out
        ends = [_renamed(end).xreplace(bound) for end in ends]
        bound[t] = Dummy(t.name, **t.assumptions0)
        limits.insert(0, sympy.Tuple(bound[t], *ends))
    return expr.func(_renamed(expr.function).xreplace(bound), *limits)
