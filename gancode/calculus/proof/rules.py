"""The trusted core: the rules that prove, each sound by itself, in the order they are tried."""

from collections.abc import Iterable

import sympy
from sympy import Dummy, Eq, S
from sympy.logic.boolalg import Boolean

from ..kinks import KINKED
from .algebra import Field
from .analysis import Region, vanishes
from .analysis.evaluation import ATOMS
from .domain import Domain, EmptyDomainError
from .effort import put_in
from .inequalities import (
    Goal,
    decide_cells,
    few_values,
    interval_in,
    prove_goal,
    prove_quickly,
    smooth,
)
from .points import crossings, is_free

_DEPTH = 4
_KINKS = (*KINKED, sympy.sign, sympy.Heaviside)


def decide(
    left: sympy.Expr, right: sympy.Expr, relation: str, domain: Domain, quick: bool = False
) -> str:
    """The name of the rule that proves `left relation right` on the domain, or an empty string;
    with `quick`, only of rules that take no time."""
    if relation.startswith("<"):
        left, right, relation = right, left, relation.replace("<", ">")
    if relation != "==":
        goal = Goal(left - right, domain, relation == ">")
        return prove_quickly(goal) if quick else prove_goal(goal)
    if quick:
        return "identical" if left == right else _without_cells(left, right, domain)
    return equal(left, right, domain)


def decide_by_parts(left: sympy.Expr, right: sympy.Expr, relation: str, domain: Domain) -> str:
    """As `decide`, on each of the domains that a domain consists of."""
    methods = []
    for part in domain.parts():
        sides = (side.subs(part.solved) for side in (left, right))
        if not (method := decide(*sides, relation, part)):
            return ""
        methods.append(method)
    return _all(methods)


def _all(methods: list) -> str:
    return " and ".join(dict.fromkeys(methods)) or "no case is left"


def equal(left: sympy.Expr, right: sympy.Expr, domain: Domain, depth: int = _DEPTH) -> str:
    """How left = right is shown on the domain, or an empty string."""
    gap = left - right
    if gap == 0:
        return "identical"
    for rule in _EQUALITY:
        try:
            method = rule(left, right, domain, depth)
        except (ArithmeticError, NotImplementedError, RecursionError):
            continue  # a value that is not known, a polynomial that is too large
        if method:
            return method
    return ""


def _without_cells(left: sympy.Expr, right: sympy.Expr, domain: Domain) -> str:
    field = Field(domain.relations)
    return _named(field) if field.vanishes(left - right) else ""


def _by_algebra(left: sympy.Expr, right: sympy.Expr, domain: Domain, depth: int) -> str:
    """The difference as a quotient of polynomials, whose numerator vanishes."""
    field = Field(domain.relations, decide_cells)
    return _named(field) if field.vanishes(left - right) else ""


def _named(field: Field) -> str:
    used = [known.expr for known in field.generators if not known.expr.is_Symbol]
    return f"algebra: {_listed(used)}" if used else "algebra"


def _listed(expressions: Iterable[sympy.Expr]) -> str:
    words = {
        name
        for kind, name in (
            (sympy.exp, "exponentials"),
            (sympy.log, "logarithms"),
            (sympy.Abs, "absolute values"),
            (sympy.gamma, "the gamma function"),
        )
        if any(isinstance(expr, kind) for expr in expressions)
    }
    return " and ".join(sorted(words)) or "roots and other terms"


def _by_squares(left: sympy.Expr, right: sympy.Expr, domain: Domain, depth: int) -> str:
    """Two sides that are not negative are equal where their squares are."""
    field = Field(domain.relations, decide_cells)
    if not (left - right).has(sympy.Pow) or not field.vanishes(left**2 - right**2):
        return ""
    if not all(field.is_real(field.form(side)) for side in (left, right)):
        return ""
    for sign in (1, -1):
        if all(prove_goal(Goal(sign * side, domain), 1) for side in (left, right)):
            return "equal squares of one sign"
    return ""


def _by_cases(left: sympy.Expr, right: sympy.Expr, domain: Domain, depth: int) -> str:
    """On either side of a kink, and on it, the functions are others, without that kink."""
    gap = left - right
    if depth == 0 or not gap.has(*_KINKS):
        return ""
    for crossing in _crossings(gap):
        if not crossing.is_extended_real or not crossing.free_symbols:
            continue
        methods = []
        for relation, sign in ((crossing > 0, 1), (crossing < 0, -1), (Eq(crossing, 0), 0)):
            sides = [resolved(side, crossing, sign) for side in (left, right)]
            if sides == [left, right]:
                break
            try:
                case = domain.and_also(relation)
            except EmptyDomainError:
                continue
            except ValueError:  # an equation that cannot be solved
                if sign == 0 and _continuous(gap):
                    continue  # a limit of the other cases
                break
            method = equal(*(side.subs(case.solved) for side in sides), case, depth - 1)
            if not method:
                break
            methods.append(method)
        else:
            return f"case by case: {crossing} above, below and at 0, {_all(methods)}"
    return ""


def _crossings(gap: sympy.Expr) -> list:
    parts = sorted(gap.atoms(*_KINKS), key=lambda part: (sympy.count_ops(part), str(part)))
    found = dict.fromkeys(c for part in parts for c in crossings(part))
    return [crossing for crossing in found if is_free(crossing, gap)]


def _continuous(gap: sympy.Expr) -> bool:
    """Whether the kinks are no jumps, so that an equality on both sides of one holds on it."""
    return not gap.has(sympy.Piecewise, sympy.sign, sympy.Heaviside, sympy.floor, sympy.ceiling)


def resolved(expr: sympy.Expr, crossing: sympy.Expr, sign: int) -> sympy.Expr:
    """An expression where `crossing` has a sign: 1, −1 or 0."""

    def sign_of(value: sympy.Expr) -> int | None:
        if sympy.expand(value - crossing) == 0:
            return sign
        return -sign if sympy.expand(value + crossing) == 0 else None

    def branch(part: sympy.Expr) -> sympy.Expr:
        if isinstance(part, sympy.Piecewise):
            return sympy.Piecewise(*((value, truth(holds)) for value, holds in part.args))
        if isinstance(part, (sympy.Max, sympy.Min)):
            better = 1 if isinstance(part, sympy.Max) else -1
            for one in part.args:
                for other in part.args:
                    if one != other and sign_of(one - other) in (0, better):
                        return part.func(*(argument for argument in part.args if argument != other))
            return part
        known = sign_of(part.args[0])
        if known is None:
            return part
        if isinstance(part, sympy.Abs):
            return known * part.args[0]
        at_zero = part.args[1] if len(part.args) > 1 else S.Half
        steps = {1: S.One, 0: at_zero, -1: S.Zero}
        return steps[known] if isinstance(part, sympy.Heaviside) else S(known)

    def truth(condition: Boolean) -> Boolean:
        if isinstance(condition, sympy.core.relational.Relational):
            known = sign_of(condition.lhs - condition.rhs)
            return condition if known is None else condition.func(S(known), S.Zero)
        return condition.func(*map(truth, condition.args)) if condition.args else condition

    return expr.replace(lambda part: isinstance(part, _KINKS), branch)


def _by_derivative(left: sympy.Expr, right: sympy.Expr, domain: Domain, depth: int) -> str:
    """A difference with the derivative zero on an interval is constant, and zero at one place."""
    gap = left - right
    if depth == 0:
        return ""
    for symbol in domain.symbols:
        field = Field(domain.relations, decide_cells)
        if not symbol.is_real or symbol.is_integer or not field.vanishes(gap.diff(symbol)):
            continue
        if not interval_in(domain, symbol) or not smooth(gap, field):
            continue
        for place in _inner_places(domain.bounds[symbol]):
            if any(r.has(symbol) and r.free_symbols != {symbol} for r in domain.relations):
                break
            value = put_in(gap, {symbol: place})
            if value.has(S.NaN, S.ComplexInfinity):
                continue
            rest = Domain(value.free_symbols, [r for r in domain.relations if not r.has(symbol)])
            if equal(value, S.Zero, rest, depth - 1):
                return f"a derivative that vanishes: in {symbol}, and the value at {place}"
    return ""


def _inner_places(bounds: sympy.Set) -> list:
    """Points of an interval."""
    found = [S.Zero, S.One, S.Half, -S.One, S(2)]
    if bounds.inf.is_finite and bounds.sup.is_finite:
        found.append((bounds.inf + bounds.sup) / 2)
    return [place for place in found if bounds.contains(place) == True]  # noqa: E712


def _by_analysis(left: sympy.Expr, right: sympy.Expr, domain: Domain, depth: int) -> str:
    """Integrals, sums and limits: under one sign, by closed forms that are proved, by induction."""
    gap = left - right
    if not gap.has(*ATOMS):
        return ""
    # An integral without ends is one from some place on, the same for all.
    start = Dummy("start", real=True)
    gap = gap.replace(
        lambda part: isinstance(part, sympy.Integral) and len(part.limits[0]) == 1,
        lambda part: sympy.Integral(part.function, (part.limits[0][0], start, part.limits[0][0])),
    )
    return vanishes(gap, Region(tuple(domain.relations), decide_cells)) or ""


def _by_complex_parts(left: sympy.Expr, right: sympy.Expr, domain: Domain, depth: int) -> str:
    """Complex numbers by their real and imaginary parts."""
    gap = left - right
    complex_ = [s for s in domain.symbols if not s.is_extended_real and not s.is_imaginary]
    if not complex_ or not gap.has(sympy.re, sympy.im, sympy.conjugate, sympy.Abs, sympy.arg):
        return ""
    parts = {
        s: Dummy(f"re {s}", real=True) + sympy.I * Dummy(f"im {s}", real=True) for s in complex_
    }
    return _without_cells(left.xreplace(parts), right.xreplace(parts), domain)


def _by_residues(left: sympy.Expr, right: sympy.Expr, domain: Domain, depth: int) -> str:
    """A whole number is even or odd; more generally it is m·j + r for one of the remainders r."""
    gap = left - right
    parts = gap.atoms(sympy.floor, sympy.ceiling, sympy.Pow, sympy.cos, sympy.sin)
    if depth == 0 or not parts:
        return ""
    for symbol in domain.symbols:
        if not symbol.is_integer or not any(part.has(symbol) for part in parts):
            continue
        modulus = _modulus(gap, symbol)
        if modulus == 2 and symbol.is_even is not None or modulus > _MODULUS:
            continue
        j = Dummy(symbol.name, integer=True)
        methods = []
        for remainder in range(modulus):
            if not _may_remain(symbol, remainder, modulus, domain):
                continue
            value = modulus * j + remainder
            relations = [r.subs(symbol, value) for r in domain.relations]
            bounds = domain.bounds[symbol]
            relations += [value >= bounds.inf] if bounds.inf.is_finite else []
            relations += [value <= bounds.sup] if bounds.sup.is_finite else []
            sides = [_at_value(side, symbol, sympy.Poly(value, j)) for side in (left, right)]
            if None in sides:
                break
            try:
                case = Domain(sides[0].free_symbols | sides[1].free_symbols, relations)
            except EmptyDomainError:
                continue
            method = equal(*sides, case, depth - 1)
            if not method:
                break
            methods.append(method)
        else:
            return f"remainders modulo {modulus}: {_all(methods)}"
    return ""


_MODULUS = 64


def _modulus(gap: sympy.Expr, symbol: sympy.Symbol) -> int:
    """The least common denominator of what stands under a floor, 2 without one."""
    modulus = 1
    for step in gap.atoms(sympy.floor, sympy.ceiling):
        poly = step.args[0].as_poly(symbol)
        if poly is None or not all(c.is_Rational for c in poly.all_coeffs()):
            continue
        modulus = sympy.ilcm(modulus, *(c.q for c in poly.all_coeffs()))
    symbol_parity = 2 if symbol.is_odd or symbol.is_even else 1
    return int(sympy.ilcm(modulus, symbol_parity)) if modulus > 1 else 2


def _may_remain(symbol: sympy.Symbol, remainder: int, modulus: int, domain: Domain) -> bool:
    """Whether the symbol may have this remainder: a prime above the modulus shares no factor with
    it, an odd number is not even."""
    if modulus % 2 == 0 and symbol.is_even is not None and symbol.is_even != (remainder % 2 == 0):
        return False
    above = domain.bounds[symbol].inf
    prime = symbol.is_prime and all(p < above for p in sympy.primefactors(modulus))
    return not prime or sympy.igcd(remainder, modulus) == 1


def _at_value(expr: sympy.Expr, symbol: sympy.Symbol, value: sympy.Poly) -> sympy.Expr | None:
    """`expr` where a symbol is a polynomial of a whole number. Floors are taken of what is whole
    but for a constant. (SymPy takes (30·j + 2)⁵/30 for a whole number: it is not asked.)"""

    def at_value(step: sympy.Expr) -> sympy.Expr:
        poly = step.args[0].as_poly(symbol, domain="QQ")
        if poly is None:
            return step
        *terms, constant = poly.compose(value.set_domain("QQ").replace(symbol)).all_coeffs()
        if not all(c.is_Integer for c in terms):
            return step
        whole = sympy.Poly([*terms, step.func(constant)], symbol).as_expr()
        return whole.subs(symbol, value.gen)

    floors = (sympy.floor, sympy.ceiling)
    expr = expr.replace(lambda e: isinstance(e, floors), at_value)
    if any(step.has(symbol) for step in expr.atoms(*floors)):
        return None
    return expr.subs(symbol, value.as_expr())


def _one_by_one(left: sympy.Expr, right: sympy.Expr, domain: Domain, depth: int) -> str:
    """A whole number that takes a few values takes one after the other."""
    for symbol in domain.symbols:
        values = few_values(symbol, domain)
        if values is None:
            continue
        methods = []
        for value in values:
            sides = [put_in(side, {symbol: value}) for side in (left, right)]
            relations = [r.subs(symbol, value) for r in domain.relations]
            try:
                rest = Domain((left - right).free_symbols - {symbol}, relations)
            except EmptyDomainError:
                continue
            if not (method := equal(*(side.subs(rest.solved) for side in sides), rest, 1)):
                break
            methods.append(method)
        else:
            return f"each value of {symbol}: {_all(methods)}"
    return ""


_EQUALITY = (
    _by_algebra,
    _by_analysis,
    _by_complex_parts,
    _by_cases,
    _by_derivative,
    _one_by_one,
    _by_residues,
    _by_squares,
)
