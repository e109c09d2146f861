"""Rules that prove `gap ≥ 0`, or `gap > 0`, on a domain. Each is sound by itself.

They call each other on what is left to show, to a small depth. What SymPy solves is a suggestion: a
solution is substituted, and proved to be one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import sympy
from sympy import Dummy, S, exp, log
from sympy.logic.boolalg import Boolean

from ..kinks import KINKED
from ..rewriting import solutions
from ..symbols import softplus
from . import cells, forms
from .algebra import Field
from .analysis import Region, closed_form
from .analysis.evaluation import ATOMS
from .attack import fails_somewhere
from .domain import Domain, EmptyDomainError, is_continuum
from .effort import put_in
from .enclosure import FUNCTIONS, enclose
from .forms import Form
from .functions import free_jets
from .line import positive_on_line
from .points import admits, crossings, is_free


def decide_cells(gap: sympy.Expr, relations: Sequence[Boolean], relation: str) -> bool:
    """Whether the cells show an algebraic statement."""
    decision = cells.decide(gap, relations, relation)
    return decision is not None and decision.holds


_DEPTH = 3
_LONG = 400  # operations: longer gaps are not differentiated


@dataclass(frozen=True)
class Goal:
    """`gap ≥ 0` on a domain, or `gap > 0` where it is strict."""

    gap: sympy.Expr
    domain: Domain
    strict: bool = False

    @property
    def relation(self) -> str:
        return ">" if self.strict else ">="

    def field(self) -> Field:
        return Field(self.domain.relations, decide_cells)

    def substituted(self, replacement: dict, strict: bool | None = None) -> "Goal | None":
        """The goal where some symbols have other values; None where no point is left. Raises
        `TooLongError`."""
        relations = [relation.subs(replacement) for relation in self.domain.relations]
        gap = put_in(self.gap, replacement)
        try:
            domain = Domain(gap.free_symbols, relations)
        except (EmptyDomainError, ValueError, TypeError):
            return None
        return Goal(gap, domain, self.strict if strict is None else strict)


def prove_quickly(goal: Goal) -> str:
    """As `prove_goal`, by nothing but the signs that are seen at once."""
    return _first(_QUICK, _on_the_reals(goal), 0)


def prove_goal(goal: Goal, depth: int = _DEPTH) -> str:
    """The name of the rule that shows the goal, or an empty string."""
    plain = goal.gap.replace(lambda part: isinstance(part, ATOMS), lambda part: Dummy())
    if plain.has(sympy.I, S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity):
        return ""
    if depth < _DEPTH and fails_somewhere(goal.gap, S.Zero, goal.relation, goal.domain):
        return ""  # no rule needs to look at it
    whole = any(symbol.is_integer for symbol in goal.domain.symbols)
    rules = _first(_QUICK, _on_the_reals(goal), depth) if whole else ""
    rules = rules or (_first(_WHOLE, goal, depth) if whole else "")
    return rules or _first(_RULES, _on_the_reals(goal), depth)


def _first(rules: Sequence[Callable], goal: Goal, depth: int) -> str:
    for rule in rules:
        try:
            method = rule(goal, depth)
        except (ArithmeticError, NotImplementedError, RecursionError):
            continue  # a value that is not known, a polynomial that is too large
        if method:
            return method
    return ""


def _on_the_reals(goal: Goal) -> Goal:
    """Whole numbers as real ones: what holds for all real numbers from the least one on."""
    replaced, known = {}, []
    for symbol in goal.domain.symbols:
        if not symbol.is_integer:
            continue
        real = Dummy(symbol.name, real=True)
        replaced[symbol] = real
        bounds = goal.domain.bounds[symbol]
        least = bounds.inf
        if bounds.left_open and least.is_Integer:
            least += 1
        if symbol.is_prime:
            least = max(least, sympy.Integer(2))
        if symbol.is_composite:
            least = max(least, sympy.Integer(4))
        if least.is_finite:
            known.append(real >= least)
        if bounds.sup.is_finite:
            known.append(real <= bounds.sup)
    if not replaced:
        return goal
    relations = [relation.xreplace(replaced) for relation in goal.domain.relations] + known
    return Goal(goal.gap.xreplace(replaced), Domain(replaced.values(), relations), goal.strict)


# Signs and cells -------------------------------------------------------------------------------


def _by_sign(goal: Goal, depth: int) -> str:
    """A number, by its ball; else by the signs of all terms."""
    if not goal.gap.free_symbols:
        return _by_value(goal)
    field = goal.field()
    try:
        form = field.form(goal.gap)
        if not goal.strict and not field.normal(form).num:
            return "identical"
        if field.is_real(form):
            plain = Field(goal.domain.relations)  # without the cells
            form = plain.form(goal.gap)
            shown = plain.positive(form) if goal.strict else plain.form_sign(form) == 1
            return "signs of the terms" if shown else ""
    except (forms.TooLargeError, ZeroDivisionError):
        pass
    return ""


def _by_structure(goal: Goal, depth: int) -> str:
    """A sum of squares, a product of positive factors: the sign of each part, as it stands."""
    sign = structural_sign(goal.gap)
    shown = sign == 1 or (sign == 0 and not goal.strict)
    return "signs of the parts" if shown else ""


def structural_sign(expr: sympy.Expr) -> int | None:
    """1 where an expression is positive by its form, 0 where it is not negative, else None.
    Points where it is not real say nothing."""
    if expr.is_Symbol:
        return 1 if expr.is_positive else 0 if expr.is_nonnegative else None
    if expr.is_Rational:
        return 1 if expr.p > 0 else 0 if expr.p == 0 else None
    if expr.is_Add or isinstance(expr, (sympy.Max, sympy.Min)):
        signs = [structural_sign(argument) for argument in expr.args]
        if isinstance(expr, sympy.Max):
            return max((sign for sign in signs if sign is not None), default=None)
        if None in signs:
            return None
        return min(signs) if isinstance(expr, sympy.Min) else max(signs)
    if expr.is_Mul:
        signs = [structural_sign(argument) for argument in expr.args]
        return None if None in signs else min(signs)
    if expr.is_Pow:
        base = structural_sign(expr.base)
        if base is not None and (base == 1 or structural_sign(expr.exp) == 1):
            return base if expr.exp.is_real else None
        even = expr.exp.is_Integer and expr.exp % 2 == 0 and expr.base.is_real
        return 0 if even else None
    if isinstance(expr, (exp, softplus, sympy.cosh)):
        return 1 if expr.args[0].is_real else None
    return 0 if isinstance(expr, sympy.Abs) else None


def _by_factors(goal: Goal, depth: int) -> str:
    """The sign of a product, from those of its factors on the domain."""
    field = goal.field()
    form = field.form(goal.gap)
    if not field.is_real(form):
        return ""
    shown = field.strict(form) if goal.strict else field.form_sign(form) == 1
    return "signs of the factors" if shown else ""


def _by_value(goal: Goal) -> str:
    for bits in (64, 256, 1024, 4096):
        try:
            value = enclose(goal.gap, {}, bits)
        except ArithmeticError:
            continue
        if value > 0:
            return "bounds of a number"
        if value < 0:
            return ""
    if not goal.strict and goal.field().vanishes(goal.gap):
        return "identical"
    return ""


def _by_cells(goal: Goal, depth: int) -> str:
    """The sign of an algebraic function on the cells that its polynomials cut out, with logarithms
    and exponentials taken as independent."""
    field = goal.field()
    try:
        gap = abstracted(goal.gap, field)
        relations = [
            relation.func(abstracted(relation.lhs - relation.rhs, field), 0)
            for relation in goal.domain.relations
        ]
    except (forms.TooLargeError, ZeroDivisionError):
        return ""
    relations = [r for r in relations if r not in (S.true, S.false)] + field.constants()
    if not gap.free_symbols:
        return ""
    shown = decide_cells(gap, relations, goal.relation)
    return "signs on the cells of an algebraic function" if shown else ""


def abstracted(expr: sympy.Expr, field: Field) -> sympy.Expr:
    """`expr` with everything that is not algebraic in independent symbols."""
    algebraic = isinstance(
        expr, (sympy.Abs, sympy.Max, sympy.Min, sympy.sign, sympy.Heaviside, sympy.Piecewise)
    )
    if expr.is_Rational or (expr.is_Symbol and expr.is_real):
        return expr
    if isinstance(expr, sympy.Piecewise):
        return sympy.Piecewise(
            *(
                (abstracted(value, field), _abstracted_condition(condition, field))
                for value, condition in expr.args
            )
        )
    if algebraic or expr.is_Add or expr.is_Mul or (expr.is_Pow and expr.exp.is_Rational):
        return expr.func(*(abstracted(argument, field) for argument in expr.args))
    return field.independent(field.form(expr))


def _abstracted_condition(condition: Boolean, field: Field) -> Boolean:
    if isinstance(condition, sympy.core.relational.Relational):
        return condition.func(abstracted(condition.lhs - condition.rhs, field), 0)
    if condition.args:
        return condition.func(*(_abstracted_condition(part, field) for part in condition.args))
    return condition


def _by_exponentials(goal: Goal, depth: int) -> str:
    """log a ≥ log b where a ≥ b: sums of logarithms are compared as products."""
    field = goal.field()
    try:
        form = field.form(goal.gap)
        if not form.is_polynomial or not goal.gap.has(log, softplus):
            return ""
        whole, _ = form.division()
        above, below = S.One, S.One
        for monomial, coefficient in whole.items():
            term = field.expression(Form.of({monomial: abs(coefficient)}))
            if (
                len(monomial) == 1
                and isinstance(field.generators[monomial[0][0]].expr, log)
                and monomial[0][1] == 1
            ):
                base = field.generators[monomial[0][0]].expr.args[0]
                factor = base ** sympy.Rational(int(abs(coefficient).p), int(coefficient.q))
            else:
                factor = exp(term)
            above, below = (above * factor, below) if coefficient > 0 else (above, below * factor)
    except (forms.TooLargeError, ZeroDivisionError):
        return ""
    bigger = Goal(above - below, goal.domain, goal.strict)
    for rule in (_by_sign, _by_cells):
        if rule(bigger, depth):
            return "logarithms compared as a product"
    return ""


# One symbol ------------------------------------------------------------------------------------


def _on_a_line(goal: Goal, depth: int) -> str:
    """A function of one symbol: its sign near the ends by expansions, between them by balls."""
    if len(goal.domain.symbols) != 1:
        return ""
    (symbol,) = goal.domain.symbols
    bounds = goal.domain.bounds[symbol]
    if bounds is None or any(
        relation.free_symbols == {symbol} and not _is_interval(relation, symbol)
        for relation in goal.domain.relations
    ):
        return ""
    shown = positive_on_line(goal.gap, symbol, bounds, goal.strict, goal.field)
    return "bounds on an interval and at its ends" if shown else ""


def _is_interval(relation: Boolean, symbol: sympy.Symbol) -> bool:
    """Whether the relation is fully told by the bounds of its symbol."""
    try:
        return isinstance(relation.as_set(), (sympy.Interval, type(S.EmptySet), type(S.Reals)))
    except NotImplementedError:
        return False


# Several symbols -------------------------------------------------------------------------------


def _by_homogeneity(goal: Goal, depth: int) -> str:
    """Where a common factor of all symbols, or a common summand, changes nothing but the size, one
    of the symbols may be 1, or 0."""
    symbols = goal.domain.symbols
    if len(symbols) < 2:
        return ""
    for moves, value, what in _symmetries(goal):
        for symbol in reversed(moves):
            rest = goal.substituted({symbol: value})
            if rest is not None and (method := prove_goal(rest, depth)):
                return f"{what}: {symbol} = {value}, and {method}"
            break
    return ""


def _symmetries(goal: Goal) -> Iterator[tuple]:
    """Sets of symbols that may be multiplied, or moved, together."""
    domain = goal.domain
    field = Field(domain.relations)
    plain = [s for s in domain.symbols if is_continuum(s, S.Reals)]
    positive = [s for s in plain if s.is_positive]
    if len(positive) > 1 and _scales(goal, positive, field):
        yield positive, S.One, "a common factor does not matter"
    real = [s for s in plain if domain.bounds[s] == S.Reals]
    if len(real) > 1 and _shifts(goal, real, field):
        yield real, S.Zero, "a common summand does not matter"


def _scales(goal: Goal, symbols: Sequence[sympy.Symbol], field: Field) -> bool:
    factor = Dummy("l", positive=True)
    scaled = {symbol: factor * symbol for symbol in symbols}
    parts = [goal.gap, *(relation.lhs - relation.rhs for relation in goal.domain.relations)]
    for part in parts:
        whole = part.subs(scaled, simultaneous=True)
        if not any(field.vanishes(whole - factor**k * part) for k in (0, 1, 2, S.Half, -1, 3)):
            return False
    return True


def _shifts(goal: Goal, symbols: Sequence[sympy.Symbol], field: Field) -> bool:
    step = Dummy("c", real=True)
    moved = {symbol: symbol + step for symbol in symbols}
    parts = [goal.gap, *(relation.lhs - relation.rhs for relation in goal.domain.relations)]
    return all(field.vanishes(part.subs(moved, simultaneous=True) - part) for part in parts)


def _by_slope(goal: Goal, depth: int) -> str:
    """Least along one symbol: the slope has the sign of the distance from a place where the gap is
    not negative."""
    if depth == 0 or len(goal.domain.symbols) > 3 or goal.gap.count_ops() > _LONG:
        return ""
    if goal.gap.has(*KINKED, sympy.Integral, sympy.Sum):
        return ""
    slopes = {symbol: goal.gap.diff(symbol) for symbol in goal.domain.symbols}
    for symbol in sorted(slopes, key=lambda s: (slopes[s].has(exp, log), slopes[s].count_ops())):
        if not interval_in(goal.domain, symbol) or not smooth(goal.gap, goal.field()):
            continue
        for place in _places(goal, symbol, slopes[symbol]):
            rise = slopes[symbol] * (symbol - place)
            if fails_somewhere(rise, S.Zero, ">=", goal.domain):
                continue
            if not _always_allowed(goal.domain, symbol, place):
                continue
            least = goal.substituted({symbol: place})
            if least is None or not (at_least := prove_goal(least, depth - 1)):
                continue
            if _rises_from(goal, symbol, place, slopes[symbol], depth - 1):
                return f"the least value: at {symbol} = {place}, and there {at_least}"
    return ""


def interval_in(domain: Domain, symbol: sympy.Symbol) -> bool:
    """Whether the values of one symbol, beside fixed ones of the others, are an interval."""
    bounds = domain.bounds[symbol]
    if bounds is None or not is_continuum(symbol, bounds):
        return False
    return all(
        (relation.lhs - relation.rhs).is_polynomial(symbol)
        and sympy.degree(relation.lhs - relation.rhs, symbol) <= 1
        and relation.rel_op != "!="
        for relation in domain.relations
        if relation.has(symbol)
    )


def _places(goal: Goal, symbol: sympy.Symbol, slope: sympy.Expr) -> Iterator:
    """Where the gap may be least along one symbol."""
    seen = {symbol}
    for ask in (
        lambda: [*goal.domain.symbols, S.Zero, S.One],
        lambda: solutions(slope, symbol, 1)[:6],
        lambda: solutions(goal.gap, symbol, 0.5)[:4],
    ):
        for place in ask():
            if place not in seen:
                seen.add(place)
                yield place


def _always_allowed(domain: Domain, symbol: sympy.Symbol, place: sympy.Expr) -> bool:
    """Whether the place lies in the domain, whatever the other symbols are."""
    relations = [relation for relation in domain.relations if not relation.has(symbol)]
    field = Field(relations, decide_cells)
    bounds = domain.bounds[symbol]
    plain = Dummy(symbol.name, real=True)
    wanted = [relation.subs(symbol, place) for relation in domain.relations if relation.has(symbol)]
    own = bounds.as_relational(plain).subs(plain, place)
    wanted += own.args if isinstance(own, sympy.And) else [own]
    try:
        return all(field.truth(relation) for relation in wanted)
    except (forms.TooLargeError, ZeroDivisionError):
        return False


def _rises_from(
    goal: Goal, symbol: sympy.Symbol, place: sympy.Expr, slope: sympy.Expr, depth: int
) -> bool:
    """Whether the slope has the sign of symbol − place. A function that rises with the symbol may
    stand in place of that difference."""
    distances = [symbol - place]
    if slope.has(exp, softplus):
        distances.append(exp(symbol) - exp(place))
        distances.append(exp(symbol / 2) - exp(place / 2))
    if slope.has(log) and symbol.is_positive and place.is_positive:
        distances.append(log(symbol) - log(place))
    for distance in distances:
        wanted = Goal(slope * distance, goal.domain)
        if wanted.gap.has(S.NaN, S.ComplexInfinity):
            continue
        if prove_goal(wanted, min(depth, 1)):
            return True
    return False


def smooth(expr: sympy.Expr, field: Field) -> bool:
    """Whether an expression has derivatives of all orders on the domain: no kink, no jump, and
    whatever is divided by, or stands under a root or a logarithm, is shown not to vanish there."""
    if expr.is_number or expr.is_Symbol:
        return True
    if expr.is_Add or expr.is_Mul:
        return all(smooth(argument, field) for argument in expr.args)
    if expr.is_Pow:
        base, exponent = expr.args
        if not smooth(base, field):
            return False
        if exponent.is_Integer and exponent >= 0:
            return True
        if exponent.is_Integer:
            return field.certain(sympy.Ne(base, 0))
        return smooth(exponent, field) and field.certain(base > 0)
    if isinstance(expr, log):
        return smooth(expr.args[0], field) and field.certain(expr.args[0] > 0)
    if isinstance(expr, (sympy.asin, sympy.acos, sympy.atanh)):
        inside = expr.args[0]
        return smooth(inside, field) and field.certain(1 - inside**2 > 0)
    entire = (exp, softplus, sympy.sin, sympy.cos, sympy.sinh, sympy.cosh, sympy.tanh, sympy.atan)
    if isinstance(expr, (*entire, sympy.asinh, sympy.erf, sympy.erfc, sympy.sech)):
        return smooth(expr.args[0], field)
    if isinstance(expr, (sympy.gamma, sympy.loggamma, sympy.factorial)) and expr.func in FUNCTIONS:
        return smooth(expr.args[0], field) and field.certain(expr.args[0] > 0)
    return False


# Integrals and sums ----------------------------------------------------------------------------


def _by_closed_forms(goal: Goal, depth: int) -> str:
    """Integrals, sums and limits that have a closed form, by the inequality between those."""
    atoms = [atom for atom in goal.gap.atoms(*ATOMS) if is_free(atom, goal.gap)]
    atoms = [atom for atom in atoms if not any(o != atom and o.has(atom) for o in atoms)]
    if depth == 0 or not atoms:
        return ""
    region = Region(tuple(goal.domain.relations), decide_cells)
    values, rules = {}, []
    for atom in atoms:
        found = closed_form(atom, region)
        if found is None:
            return ""
        values[atom] = found[0]
        rules.append(found[1])
    method = prove_goal(replace(goal, gap=goal.gap.xreplace(values)), depth - 1)
    return f"closed forms: {', '.join(dict.fromkeys(rules))}, and {method}" if method else ""


def _under_one_sign(goal: Goal, depth: int) -> str:
    """An integral, or a sum, of what is not negative is not negative; of what is positive, it is
    positive. What stands outside is an integral over the same range, of a constant."""
    if depth == 0 or not goal.gap.has(sympy.Integral, sympy.Sum):
        return ""
    whole = _one_integrand(goal.gap)
    if whole is None:
        return ""
    integrand, (bound, low, high), kind = whole
    integrand = free_jets([integrand], []).sides[0]  # whatever values a function has
    known = {"integer": True} if kind is sympy.Sum else {"real": True}
    inner = Dummy(bound.name, **known)
    # An integral does not depend on what happens at its ends.
    ends = [(inner - low, low), (high - inner, high)]
    relations = [
        above >= 0 if kind is sympy.Sum else above > 0
        for above, end in ends
        if end.is_finite is not False
    ]
    try:
        domain = Domain(integrand.free_symbols - {bound}, [*goal.domain.relations, *relations])
    except EmptyDomainError:
        return ""
    inside = Goal(integrand.subs(bound, inner).subs(domain.solved), domain, goal.strict)
    proper = goal.strict and kind is sympy.Integral
    if not _certainly_ordered(low, high, goal.domain, proper):
        return ""
    method = prove_goal(inside, depth - 1)
    name = "integral" if kind is sympy.Integral else "sum"
    return f"under one {name}: {method}" if method else ""


def _certainly_ordered(low: sympy.Expr, high: sympy.Expr, domain: Domain, proper: bool) -> bool:
    """Whether low ≤ high, or low < high where the range is to be `proper`."""
    if low is S.NegativeInfinity or high is S.Infinity:
        return True
    length = high - low
    if not length.free_symbols:
        value = enclose(length, {}, 256)
        return bool(value > 0 if proper else value >= 0)
    return Field(domain.relations, decide_cells).certain(length > 0 if proper else length >= 0)


def _one_integrand(gap: sympy.Expr) -> tuple | None:
    """A sum of multiples of integrals (or sums) over one range, and of a rest, as one integrand
    with its range; None where there are several."""
    total, rest, limits, kind = S.Zero, S.Zero, None, None
    for term in sympy.Add.make_args(sympy.expand(gap)):
        factor, part = term.as_independent(sympy.Integral, sympy.Sum)
        if part == 1:
            rest += term
            continue
        if not isinstance(part, (sympy.Integral, sympy.Sum)) or len(part.limits) != 1:
            return None
        if limits is None:
            limits, kind = part.limits[0], type(part)
            if len(limits) != 3:
                return None
        if type(part) is not kind or part.limits[0][1:] != limits[1:]:
            return None
        total += factor * part.function.subs(part.limits[0][0], limits[0])
    if limits is None:
        return None
    bound, low, high = limits
    length = high - low + (1 if kind is sympy.Sum else 0)
    if rest != 0 and (not length.is_finite or length.is_zero is not False):
        return None
    if rest != 0:
        total += rest / length
    if not (low.is_extended_real and high.is_extended_real):
        return None
    return total, limits, kind


def _by_least_integrand(goal: Goal, depth: int) -> str:
    """An integral is least where its integrand is, for every value of the variable."""
    integrals = goal.gap.atoms(sympy.Integral)
    if depth == 0 or not integrals or goal.gap.atoms(sympy.Sum):
        return ""
    for symbol in goal.domain.symbols:
        for place in (S.Zero, S.One):
            if not _always_allowed(goal.domain, symbol, place):
                continue
            least = goal.substituted({symbol: place})
            rise = goal.gap - put_in(goal.gap, {symbol: place})
            if least is None or not prove_goal(least, depth - 1):
                continue
            if method := _under_one_sign(Goal(rise, goal.domain), depth):
                return f"the least integrand: at {symbol} = {place}, and {method}"
    return ""


# Cases -----------------------------------------------------------------------------------------


def _by_cases(goal: Goal, depth: int) -> str:
    """On either side of a kink the function is another one, without that kink."""
    if depth == 0 or not goal.gap.has(sympy.Abs, sympy.Max, sympy.Min):
        return ""
    parts = goal.gap.atoms(sympy.Abs, sympy.Max, sympy.Min)
    parts = sorted((p for p in parts if is_free(p, goal.gap)), key=sympy.count_ops)
    if not parts:
        return ""
    part = parts[0]
    crossing = crossings(part)[0]
    methods = []
    for sign in (1, -1):
        branch = _branch(part, crossing, sign)
        gap = goal.gap.xreplace({part: branch})
        try:
            domain = goal.domain.and_also(sign * crossing >= 0)
        except EmptyDomainError:
            continue
        case = Goal(gap.subs(domain.solved), domain, goal.strict)
        if not (method := prove_goal(case, depth - 1)):
            return ""
        methods.append(method)
    return "case by case: " + " and ".join(dict.fromkeys(methods))


def _branch(part: sympy.Expr, crossing: sympy.Expr, sign: int) -> sympy.Expr:
    """What an Abs, Max or Min is where a difference of two of its arguments has a sign."""
    if isinstance(part, sympy.Abs):
        return sign * part.args[0]
    bigger = sign * (1 if isinstance(part, sympy.Max) else -1)
    for index, one in enumerate(part.args):
        for other in part.args[index + 1 :]:
            if one - other == crossing:
                drop = other if bigger > 0 else one
                return part.func(*(a for a in part.args if a != drop))
    raise AssertionError("the crossing is not one of this part")


# Whole numbers ---------------------------------------------------------------------------------


def _by_floors(goal: Goal, depth: int) -> str:
    """The floor of e is a whole number above e − 1 and not above e; so for the ceiling."""
    steps = [s for s in goal.gap.atoms(sympy.floor, sympy.ceiling) if is_free(s, goal.gap)]
    steps = [s for s in steps if s.args[0].is_extended_real and not s.args[0].has(type(s))]
    if depth == 0 or not steps or len(steps) > 3:
        return ""
    wholes = {step: Dummy(str(step), integer=True) for step in steps}
    known = []
    for step, whole in wholes.items():
        rest = step.args[0] - whole if isinstance(step, sympy.floor) else whole - step.args[0]
        known += [rest >= 0, rest < 1]
    try:
        domain = goal.domain.and_also(*known)
    except (EmptyDomainError, ValueError):
        return ""
    method = prove_goal(Goal(goal.gap.xreplace(wholes), domain, goal.strict), depth - 1)
    return f"bounds of whole parts: {method}" if method else ""


def _by_induction(goal: Goal, depth: int) -> str:
    """What holds for the first whole numbers, and grows from each one to the next from there on."""
    if depth == 0:
        return ""
    for symbol, least in _counted(goal):
        m = Dummy(symbol.name, integer=True, nonnegative=True)
        for first in range(least, least + _BASES):
            start = goal.substituted({symbol: sympy.Integer(first)})
            if start is not None and not prove_goal(start, depth - 1):
                break
            here = goal.substituted({symbol: first + m}, strict=False)
            growth = here and _growth(here, m)
            if growth and (method := prove_goal(growth, depth - 1)):
                return f"induction over {symbol}: it grows, by {method}"
    return ""


def _counted(goal: Goal) -> Iterator[tuple]:
    """The whole numbers that are bounded below, unbounded above and subject to nothing else, with
    the least value of each."""
    for symbol in goal.domain.symbols:
        bounds = goal.domain.bounds[symbol]
        plain = symbol.is_integer and symbol.is_prime is symbol.is_even is None
        if not plain or not bounds.inf.is_finite or bounds.sup.is_finite:
            continue
        if any(r.has(symbol) and r.free_symbols != {symbol} for r in goal.domain.relations):
            continue
        low = bounds.inf
        yield symbol, int(low + 1 if bounds.left_open and low.is_Integer else sympy.ceiling(low))


def _growth(goal: Goal, m: sympy.Symbol) -> Goal | None:
    """What a gap grows by as m becomes m + 1. Sums up to m + number, of terms without m, grow by
    the next term."""
    gap, growth = goal.gap, S.Zero
    sums = [total for total in gap.atoms(sympy.Sum) if total.has(m)]
    stand_ins = {total: Dummy() for total in sums}
    line = sympy.expand(gap.xreplace(stand_ins))
    for total, stand_in in stand_ins.items():
        factor = line.coeff(stand_in)
        line = line - sympy.expand(factor * stand_in)
        ((k, low, high), *others) = total.limits
        if others or factor.has(m) or total.function.has(m) or not (high - m).is_Integer:
            return None
        if not low.is_Integer or high - m < low - 1:
            return None
        growth += factor * total.function.subs(k, high + 1)
    if line.has(*stand_ins.values(), sympy.Sum, sympy.Product, sympy.Integral):
        return None
    return replace(goal, gap=growth + line.subs(m, m + 1) - line)


def _one_by_one(goal: Goal, depth: int) -> str:
    """A whole number takes each of a few values; beyond those, real ones will do as well."""
    if depth < _DEPTH:
        return ""
    for symbol in goal.domain.symbols:
        if not symbol.is_integer or symbol.is_prime or symbol.is_composite:
            continue
        bounds = goal.domain.bounds[symbol]
        values = few_values(symbol, goal.domain)
        if values is None:
            low, high = max(bounds.inf, -_FEW), min(bounds.sup, _FEW)
            values = [sympy.Integer(k) for k in range(sympy.ceiling(low), sympy.floor(high) + 1)]
        else:
            low, high = bounds.inf, bounds.sup
        methods = []
        for cut, end in ((symbol < low, bounds.inf), (symbol > high, bounds.sup)):
            if end.is_finite and low <= end <= high:
                continue
            try:
                beyond = goal.domain.and_also(cut)
            except EmptyDomainError:
                continue
            methods.append(_first(_RULES, _on_the_reals(replace(goal, domain=beyond)), 1))
        if not all(methods):
            continue
        cases = (goal.substituted({symbol: k}) for k in values if admits(symbol, k))
        methods += [prove_goal(case, 1) for case in cases if case is not None]
        if all(methods):
            return f"each value of {symbol}: {' and '.join(dict.fromkeys(methods))}"
    return ""


def few_values(symbol: sympy.Symbol, domain: Domain) -> list | None:
    """All values of a whole number that is confined to a short interval."""
    bounds = domain.bounds[symbol]
    if not symbol.is_integer or not (bounds.inf.is_finite and bounds.sup.is_finite):
        return None
    first, last = sympy.ceiling(bounds.inf), sympy.floor(bounds.sup)
    if last - first >= _MOST_VALUES:
        return None
    values = [first + k for k in range(int(last - first) + 1)]
    return [value for value in values if admits(symbol, value)]


_MOST_VALUES = 400
_BASES = 4  # first values with which an induction may begin
_FEW = 12  # the largest whole number that is looked at by itself

_QUICK = (_by_structure, _by_sign)
_WHOLE = (_by_closed_forms, _under_one_sign, _by_induction, _one_by_one)
_RULES = (
    *_QUICK,
    _by_factors,
    _by_cells,
    _by_exponentials,
    _by_homogeneity,
    _on_a_line,
    _by_slope,
    _under_one_sign,
    _by_closed_forms,
    _by_least_integrand,
    _by_cases,
    _by_floors,
)
