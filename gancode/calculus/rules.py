"""The trusted core: the rules that prove, each sound by itself, in the order they are tried."""

import sympy
from sympy import Dummy, Eq, S

from .algebra import Field
from .analysis import Region, vanishes
from .analysis.evaluation import ATOMS
from .domain import Domain, EmptyDomainError
from .inequalities import Goal, decide_cells, interval_in, prove_goal, prove_quickly, smooth
from .kinks import KINKED
from .points import crossings, is_free

_DEPTH = 4
_KINKS = (*KINKED, sympy.sign, sympy.Heaviside)


def decide(left, right, relation: str, domain: Domain, quick: bool = False) -> str:
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


def decide_by_parts(left, right, relation: str, domain: Domain) -> str:
    """As `decide`, on each of the domains that a domain consists of."""
    methods = []
    for part in domain.parts():
        sides = (side.subs(part.solved) for side in (left, right))
        if not (method := decide(*sides, relation, part)):
            return ""
        methods.append(method)
    return _all(methods)


def _all(methods: list) -> str:
    return " and ".join(dict.fromkeys(methods))


def equal(left, right, domain: Domain, depth: int = _DEPTH) -> str:
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


def _without_cells(left, right, domain: Domain) -> str:
    field = Field(domain.relations)
    return _named(field) if field.vanishes(left - right) else ""


def _by_algebra(left, right, domain: Domain, depth: int) -> str:
    """The difference as a quotient of polynomials, whose numerator vanishes."""
    field = Field(domain.relations, decide_cells)
    return _named(field) if field.vanishes(left - right) else ""


def _named(field: Field) -> str:
    used = [known.expr for known in field.generators if not known.expr.is_Symbol]
    return f"algebra: {_listed(used)}" if used else "algebra"


def _listed(expressions) -> str:
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


def _by_squares(left, right, domain: Domain, depth: int) -> str:
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


def _by_cases(left, right, domain: Domain, depth: int) -> str:
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


def _crossings(gap) -> list:
    parts = sorted(gap.atoms(*_KINKS), key=lambda part: (sympy.count_ops(part), str(part)))
    found = dict.fromkeys(c for part in parts for c in crossings(part))
    return [crossing for crossing in found if is_free(crossing, gap)]


def _continuous(gap) -> bool:
    """Whether the kinks are no jumps, so that an equality on both sides of one holds on it."""
    return not gap.has(sympy.Piecewise, sympy.sign, sympy.Heaviside, sympy.floor, sympy.ceiling)


def resolved(expr, crossing, sign: int):
    """An expression where `crossing` has a sign: 1, −1 or 0."""

    def sign_of(value) -> int | None:
        if sympy.expand(value - crossing) == 0:
            return sign
        return -sign if sympy.expand(value + crossing) == 0 else None

    def branch(part):
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

    def truth(condition):
        if isinstance(condition, sympy.core.relational.Relational):
            known = sign_of(condition.lhs - condition.rhs)
            return condition if known is None else condition.func(S(known), S.Zero)
        return condition.func(*map(truth, condition.args)) if condition.args else condition

    return expr.replace(lambda part: isinstance(part, _KINKS), branch)


def _by_derivative(left, right, domain: Domain, depth: int) -> str:
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
            value = gap.subs(symbol, place)
            if value.has(S.NaN, S.ComplexInfinity):
                continue
            rest = Domain(value.free_symbols, [r for r in domain.relations if not r.has(symbol)])
            if equal(value, S.Zero, rest, depth - 1):
                return f"a derivative that vanishes: in {symbol}, and the value at {place}"
    return ""


def _inner_places(bounds) -> list:
    """Points of an interval."""
    found = [S.Zero, S.One, S.Half, -S.One, S(2)]
    if bounds.inf.is_finite and bounds.sup.is_finite:
        found.append((bounds.inf + bounds.sup) / 2)
    return [place for place in found if bounds.contains(place) == True]  # noqa: E712


def _by_analysis(left, right, domain: Domain, depth: int) -> str:
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


def _by_complex_parts(left, right, domain: Domain, depth: int) -> str:
    """Complex numbers by their real and imaginary parts."""
    gap = left - right
    complex_ = [s for s in domain.symbols if not s.is_extended_real and not s.is_imaginary]
    if not complex_ or not gap.has(sympy.re, sympy.im, sympy.conjugate, sympy.Abs, sympy.arg):
        return ""
    parts = {
        s: Dummy(f"re {s}", real=True) + sympy.I * Dummy(f"im {s}", real=True) for s in complex_
    }
    return _without_cells(left.xreplace(parts), right.xreplace(parts), domain)


def _by_parity(left, right, domain: Domain, depth: int) -> str:
    """A whole number is even or odd."""
    gap = left - right
    if depth == 0 or not gap.has(sympy.floor, sympy.ceiling, sympy.Pow, sympy.cos, sympy.sin):
        return ""
    for symbol in domain.symbols:
        if not symbol.is_integer or symbol.is_even is not None or symbol in _plain(gap):
            continue
        half = Dummy(f"{symbol}/2", integer=True)
        methods = []
        for value in (2 * half, 2 * half + 1):
            relations = [r.subs(symbol, value) for r in domain.relations]
            bounds = domain.bounds[symbol]
            relations += [value >= bounds.inf] if bounds.inf.is_finite else []
            relations += [value <= bounds.sup] if bounds.sup.is_finite else []
            sides = (side.subs(symbol, value) for side in (left, right))
            case = Domain(gap.subs(symbol, value).free_symbols, relations)
            method = equal(*sides, case, depth - 1)
            if not method:
                break
            methods.append(method)
        else:
            return f"even and odd numbers: {_all(methods)}"
    return ""


def _plain(gap) -> set:
    """Symbols for which it does not matter whether they are even."""
    parts = gap.atoms(sympy.floor, sympy.ceiling, sympy.Pow, sympy.cos, sympy.sin)
    return gap.free_symbols - {s for part in parts for s in part.free_symbols}


_EQUALITY = (
    _by_algebra,
    _by_analysis,
    _by_complex_parts,
    _by_cases,
    _by_derivative,
    _by_parity,
    _by_squares,
)
