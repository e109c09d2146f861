"""A decision procedure for the sign of real algebraic functions, by open cells.

`decide` proves or refutes f >= 0, f > 0 or f == 0 on a domain, where f and the domain's relations
are made of rational operations, rational roots, Abs, Max, Min, sign, Heaviside and Piecewise. It is
the open cylindrical algebraic decomposition of Strzebonski (2000), with two additions for the
points that open cells leave out.

*Walls.* Every radicand, denominator, switch (what decides a case of Abs, Max, Piecewise, ...),
relation and f itself becomes polynomials in the symbols: each case of each kink is taken in turn,
and roots are eliminated by resultants with t**q - radicand. Such a polynomial N(x, z) has
N(x, e(x)) = 0 for the expression e; its lowest coefficient in z that is not the zero polynomial is
the wall. Off the wall, e has no small values but 0, so that e, where it is continuous, either
vanishes identically nearby or not at all. Hence, by induction over the parts of f, on a connected
open set that meets no wall each part is undefined throughout, or continuous and of one sign.

*Open cells.* Leading coefficients, discriminants and pairwise resultants of the irreducible factors
project the walls to one variable less. Where none of the projected ones vanishes, the real roots
above move continuously and never meet; so rational points, one between each two neighbouring roots,
meet all connected sets without walls. There the signs are certified, by balls or exactly.

*All other points.* Let x be a point of the domain where f is defined. Relations with > and !=, and
denominators that are not 0, hold in a neighbourhood of x. Concave polynomials that must be >= 0
describe a convex set, the closure of its interior once one cell lies inside. So x is a limit of
points y in open cells that satisfy all of these. Every other part that must not be negative, a
radicand for one, is not negative in any such cell, or positive at x, or changes its sign at x where
only one simple wall passes and the good side may be taken. And no case of a jump changes at x. Then
all parts are defined at y, f(y) tends to f(x), and f >= 0 follows from the cells. What this does
not reach lies on *critical* hypersurfaces h = 0. There a symbol is eliminated (solved for where h
is linear in it, an algebraic number where h has no other) and the same is asked with a symbol less.
For f > 0 the zeros of f are critical too. A function that is nonnegative on all cells near its zero
has a minimum there, so that resultants with its derivative name fewer variables.

Where a radicand is negative f must be shown to be real nowhere. What none of this settles, or is
too much work, is not decided.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import combinations

import sympy
from flint import acb, arb, ctx, fmpq, fmpz_poly
from sympy import Abs, Dummy, Heaviside, Max, Min, Piecewise, Pow, Rational, S, sign
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, BooleanAtom, Not, Or

from .enclosure import Undefined, Unsure, ball, compiled, enclose
from .enclosure import sign as sign_of_ball

_WORK = 4_000_000  # in units of about a microsecond
_MAX_SYMBOLS, _MAX_CASES, _MAX_POWER, _MAX_BITS = 4, 64, 64, 1 << 14
_JUMPS = (sign, Heaviside, Piecewise)
_KINKS = (Abs, Max, Min, *_JUMPS)
_HOLDS = {
    ">": lambda s: s > 0,
    ">=": lambda s: s >= 0,
    "==": lambda s: s == 0,
    "!=": lambda s: s != 0,
}


@dataclass(frozen=True)
class Decision:
    """The statement holds, which took the signs in `cells` cells; or it fails at `point`."""

    holds: bool
    cells: int
    point: dict | None = None

    def __str__(self) -> str:
        return f"by the signs in {self.cells} cells" if self.holds else f"fails at {self.point}"


class _Undecided(Exception):
    """No proof and no refutation; says why."""


class _Refuted(Exception):
    """The statement fails at the point given."""


class _Complex(Exception):
    """The radicand given is negative."""


def decide(gap: sympy.Expr, relations, relation: str) -> Decision | None:
    """Decide `gap relation 0` (>=, > or ==) where the `relations` and the assumptions of the
    symbols hold; points where the gap is no real number say nothing. Symbols of whole numbers are
    taken for real ones in proofs. None where the statement is not algebraic, or not decided.
    """
    work = _Work(_WORK)
    try:
        statement = _Statement(sympy.sympify(gap), tuple(_conjuncts(relations)), relation)
        _prove(_posed(statement, work))
    except _Undecided:
        return None
    except _Refuted as refutation:
        return Decision(False, work.cells, refutation.args[0])
    return Decision(True, work.cells)


# The statement and its parts -------------------------------------------------------------------


@dataclass
class _Work:
    left: float
    cells: int = 0

    def spend(self, amount):
        self.left -= amount
        if self.left < 0:
            raise _Undecided("too much work")


@dataclass(frozen=True)
class _Statement:
    """What was asked, in the symbols of the caller."""

    gap: sympy.Expr
    relations: tuple
    relation: str

    @cached_property
    def symbols(self):
        found = self.gap.free_symbols.union(*(r.free_symbols for r in self.relations))
        return sorted(found, key=lambda symbol: symbol.name)

    def fails(self, point) -> bool:
        """Whether it is false at a rational point inside the domain, for certain."""
        for symbol, value in point.items():
            for name, truth in symbol.assumptions0.items():
                if getattr(value, f"is_{name}") is not truth:
                    return False
        try:
            if not all(_truth(relation, point) for relation in self.relations):
                return False
            return not _HOLDS[self.relation](_sign(self.gap, point))
        except (Undefined, _Complex, _Undecided):
            return False


@dataclass(frozen=True)
class _Problem:
    """Of `gap relation 0` where all `constraints`, pairs (g, relation to 0), hold.

    Of its symbols some are `free`, others `fixed` at a root, others `solved` for and replaced.
    Where `real` is set the gap has to be shown real, too.
    """

    statement: _Statement | None
    work: _Work
    gap: sympy.Expr
    relation: str
    constraints: tuple
    free: tuple
    fixed: dict = field(default_factory=dict)
    solved: tuple = ()
    names: dict = field(default_factory=dict)
    real: bool = False

    def under(self, *constraints):
        return replace(self, constraints=self.constraints + constraints)

    def fix(self, symbol, root):
        free = tuple(s for s in self.free if s != symbol)
        return replace(self, free=free, fixed=self.fixed | {symbol: root})

    def solve(self, symbol, value):
        try:
            return replace(
                self,
                gap=self.gap.xreplace({symbol: value}),
                constraints=tuple((g.xreplace({symbol: value}), r) for g, r in self.constraints),
                free=tuple(s for s in self.free if s != symbol),
                solved=((symbol, value), *self.solved),
            )
        except (TypeError, ValueError) as error:  # SymPy's, about infinities
            raise _Undecided(str(error)) from None

    def refute_at(self, point):
        """Raise `_Refuted` if the statement itself fails at a rational point of this problem."""
        if self.fixed or self.statement is None:
            return
        for symbol, value in self.solved:
            point = point | {symbol: value.xreplace(point)}
        point = {self.names[s]: value for s, value in point.items() if s in self.names}
        if self.statement.fails(point):
            raise _Refuted(point)


def _conjuncts(relations):
    for relation in relations:
        if isinstance(relation, And):
            yield from _conjuncts(relation.args)
        else:
            yield sympy.sympify(relation)


def _posed(statement, work) -> _Problem:
    """The statement in plain real symbols, with numbers such as pi as symbols between bounds."""
    dummies, constraints = {}, []
    for symbol in statement.symbols:
        if not symbol.is_real:
            raise _Undecided(f"{symbol} is not real")
        dummies[symbol] = x = Dummy(symbol.name, real=True)
        step, relation = (S.One, ">=") if symbol.is_integer else (S.Zero, ">")
        facts = {
            "positive": (x - step, relation),
            "negative": (-x - step, relation),
            "zero": (x, "=="),
            "nonnegative": (x, ">="),
            "nonpositive": (-x, ">="),
            "nonzero": (x, "!="),
        }
        constraints += [
            next((fact for name, fact in facts.items() if getattr(symbol, f"is_{name}")), None)
        ]
    constants = {}

    def plain(expr):
        if not expr.free_symbols and not isinstance(expr, (*_KINKS, Rational, sympy.Float)):
            if not (expr.is_Add or expr.is_Mul or (expr.is_Pow and expr.exp.is_Rational)):
                return (
                    constants.setdefault(expr, Dummy("c", real=True))
                    if expr.args or (expr.is_NumberSymbol)
                    else expr
                )
        return expr.func(*map(plain, expr.args)) if expr.args else dummies.get(expr, expr)

    for relation in statement.relations:
        if isinstance(relation, BooleanAtom):
            constraints += [] if relation else [(S.NegativeOne, ">")]
        elif isinstance(relation, Relational):
            left, right, operator = relation.lhs, relation.rhs, relation.rel_op
            if operator in ("<", "<="):
                left, right, operator = right, left, operator.replace("<", ">")
            constraints += [(plain(left - right), operator)]
        else:
            raise _Undecided(f"the condition {relation}")
    gap = plain(statement.gap)
    for constant, c in constants.items():
        try:
            value = enclose(constant)
        except (Undefined, Unsure):
            raise _Undecided(f"the value of {constant}") from None
        if isinstance(value, acb):
            raise _Undecided(f"{constant} is not real")
        low, high = (Rational(int(q.p), int(q.q)) for q in _ends(value))
        constraints += [(c - low, ">="), (high - c, ">=")]
    free = (*dummies.values(), *constants.values())
    if len(free) > _MAX_SYMBOLS:
        raise _Undecided("too many symbols")
    names = {x: symbol for symbol, x in dummies.items()}
    constraints = tuple(c for c in constraints if c)
    return _Problem(statement, work, gap, statement.relation, constraints, free, names=names)


def _parts(expr) -> Iterator:
    """All subexpressions, those in the conditions of Piecewise as well."""
    return sympy.preorder_traversal(expr)


def _switches(kink):
    """What changes its sign where a kink changes its case."""
    if isinstance(kink, (Max, Min)):
        return [one - other for one, other in combinations(kink.args, 2)]
    if isinstance(kink, Piecewise):
        return [part.lhs - part.rhs for part in _parts(kink) if isinstance(part, Relational)]
    return [kink.args[0]]


def _cases(kink):
    if isinstance(kink, Abs):
        return [kink.args[0], -kink.args[0]]
    if isinstance(kink, sign):
        return [S.One, S.NegativeOne, S.Zero]
    if isinstance(kink, Heaviside):
        return [S.One, S.Zero, kink.args[1]]
    return [value for value, _ in kink.args] if isinstance(kink, Piecewise) else kink.args


def _bases(expr) -> list:
    """The radicands of the roots in an expression, those of numbers left out."""
    powers = [p for p in _parts(expr) if isinstance(p, Pow) and not p.exp.is_Integer]
    return list(dict.fromkeys(power.base for power in powers if power.base.free_symbols))


def _walls(expr) -> list:
    """The expressions whose zeros are walls."""
    found = [expr]
    for part in _parts(expr):
        if isinstance(part, Pow) and not (part.exp.is_Integer and part.exp > 0):
            found.append(part.base)
        elif isinstance(part, _KINKS):
            found += _switches(part)
    return list(dict.fromkeys(found))


# Signs at a point, exactly ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Root:
    """A real root of an irreducible polynomial: its coefficients, and the place among the roots."""

    coefficients: tuple
    place: int

    @lru_cache  # noqa: B019
    def ball(self, bits) -> arb:
        with ctx.workprec(bits):
            return _real_roots(fmpz_poly(self.coefficients))[self.place]


def _real_roots(polynomial: fmpz_poly) -> list[arb]:
    """The real roots of a polynomial without multiple ones, in order, in disjoint balls."""
    roots = polynomial.complex_roots()
    if any(multiplicity > 1 for _, multiplicity in roots):
        raise _Undecided("a multiple root")
    return sorted((root.real for root, _ in roots if root.imag == 0), key=lambda root: root.mid())


def _ends(value: arb) -> tuple[fmpq, fmpq]:
    """Rational bounds of a ball."""
    ends = (end.man_exp() for end in (value.lower(), value.upper()))
    return tuple(fmpq(m) * fmpq(2) ** int(e) for m, e in ends)


def _balls(point, bits) -> list[arb]:
    return [
        value.ball(bits) if isinstance(value, _Root) else ball(value) for value in point.values()
    ]


def _sign(expr, point) -> int:
    """The sign of an expression where the symbols have the values of `point`, rationals or roots.

    Raises `Undefined` where it has no value, `_Complex` where a radicand is negative.
    """
    symbols = tuple(point)
    try:  # wide balls settle nearly all
        with ctx.workprec(64):
            values = _balls(point, 64)
            if all(compiled(base, symbols)(values) > 0 for base in _bases(expr)):
                quick = compiled(expr, symbols)(values)
                if isinstance(quick, arb) and sign_of_ball(quick):
                    return sign_of_ball(quick)
    except (Undefined, Unsure, TypeError):
        pass
    expr = _settled(expr, point)
    return _sign_of_settled(expr, {s: v for s, v in point.items() if isinstance(v, _Root)})


def _sign_of_settled(expr, roots) -> int:
    if expr.is_Rational:
        return (expr > 0) - (expr < 0)
    bits, least = 64, None
    while bits <= _MAX_BITS:
        try:
            with ctx.workprec(bits):
                value = compiled(expr, tuple(roots))(_balls(roots, bits))
                if isinstance(value, arb) and sign_of_ball(value) is not None:
                    return sign_of_ball(value)
                if bits >= 256:
                    least = least or _Elimination([expr], (), roots).least_value(expr)
                    if abs(value) < least:
                        return 0
        except Undefined:
            raise
        except Unsure:
            pass
        bits *= 2
    raise _Undecided(f"the sign of {expr}")


def _settled(expr, point):
    """The expression at a point, without kinks: every case chosen, every root real, and zero roots
    gone."""
    if isinstance(expr, Piecewise):
        for value, condition in expr.args:
            if _truth(condition, point):
                return _settled(value, point)
        raise Undefined("no case holds")
    if not expr.args:
        if expr in (S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity):
            raise Undefined(str(expr))
        value = point.get(expr, expr)
        return expr if isinstance(value, _Root) else value
    if isinstance(expr, Heaviside) and len(expr.args) > 1:
        where = _sign(expr.args[0], point)
        return (S.Zero, None, S.One)[where + 1] if where else _settled(expr.args[1], point)
    args = [_settled(arg, point) for arg in expr.args]
    roots = {s: v for s, v in point.items() if isinstance(v, _Root)}
    if isinstance(expr, (Max, Min)):
        best, wanted = args[0], 1 if isinstance(expr, Max) else -1
        for arg in args[1:]:
            best = arg if _sign_of_settled(arg - best, roots) == wanted else best
        return best
    if isinstance(expr, (Abs, sign)):
        where = S(_sign_of_settled(args[0], roots))
        return where * args[0] if isinstance(expr, Abs) else where
    if isinstance(expr, Pow) and not (expr.exp.is_Integer and expr.exp > 0):
        where = _sign_of_settled(args[0], roots)
        if where == 0:
            if not expr.exp.is_positive:
                raise Undefined("division by zero")
            return S.Zero
        if where < 0 and not expr.exp.is_Integer:
            raise _Complex(expr.base)
    return expr.func(*args)


def _truth(condition, point) -> bool:
    if isinstance(condition, BooleanAtom):
        return bool(condition)
    if isinstance(condition, (And, Or)):
        truths = [_truth(part, point) for part in condition.args]
        return all(truths) if isinstance(condition, And) else any(truths)
    if isinstance(condition, Not):
        return not _truth(condition.args[0], point)
    if not isinstance(condition, Relational):
        raise _Undecided(f"the condition {condition}")
    for side in condition.args:
        _settled(side, point)
    where, operator = _sign(condition.lhs - condition.rhs, point), condition.rel_op
    return _HOLDS[operator.replace("<", ">")](-where if "<" in operator else where)
