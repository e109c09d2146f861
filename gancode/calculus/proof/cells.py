"""A decision procedure for the sign of real algebraic functions, by open cells.

`decide` proves or refutes f >= 0, f > 0 or f == 0 on a domain, where f and the domain's relations
consist of rational operations, roots, Abs, Max, Min, sign, Heaviside and Piecewise. The method is
the open cylindrical algebraic decomposition (Strzebonski 2000), with an argument for all points
that open cells leave out.

*Walls.* From each radicand, denominator and switch (what decides a case of Abs or Piecewise), from
each relation and from f, polynomials in the symbols are made: the cases of kinks are taken in turn,
and roots eliminated by resultants with t**q - radicand. For an expression e this gives N(x, z), not
zero, with N(x, e(x)) = 0. The lowest coefficient in z that is not zero is a *wall*: where it does
not vanish, e has no small values but 0 nearby. So on a connected open set that meets no wall, by
induction over the parts of f, each part is either undefined throughout, or continuous and then of
one sign, which may be 0.

*Cells.* Irreducible and distinct walls are projected to walls in one symbol less: the resultants of
each with its derivative (its discriminant times its leading coefficient) and with the others. Above
a connected open set that meets none of these, the real roots move continuously and never meet. So
rational points, one between each two neighbouring roots, reach every connected set without walls.
There all signs are certain, by balls or exactly.

*All other points.* Let x be a point of the domain at which f is defined. What is > 0 or != 0 at x
is so in a neighbourhood. Where concave polynomials must be >= 0, they describe a convex set, which
is the closure of its interior if one cell lies inside. So x is a limit of points y of cells which
satisfy all of these. Any other part that must not be negative is negative in no such cell; or is
positive at x; or changes its sign at x, where but one simple wall passes, so that y may be taken on
its good side. And no Piecewise changes its case at x. Then f is defined at y, and f(y) tends to
f(x): from f >= 0 in the cells, f(x) >= 0 follows. For f > 0 also f(x) != 0 is needed, which is true
off the walls of f, and where f would change its sign.

Points of which this is not true lie on *critical* hypersurfaces h = 0. There the statement is
proved with a symbol less: h is solved for a symbol in which it is linear, or for its last one. Of
another h that does not change its sign in the cells, the zeros are minima, so that the resultant of
h and a derivative vanishes there, which has fewer symbols.

Points where f is not real say nothing. Of a point where a radicand is negative this is shown: f
differs from its conjugate, which is f with the sign of that root reversed.

What none of this settles, or only with too much work, is not decided.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import sympy
from flint import fmpq, fmpq_mat, fmpq_mpoly
from sympy import Abs, Add, Dummy, Heaviside, Max, Min, Mul, Piecewise, Rational, S, sign, sqrt
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, Boolean, BooleanAtom

from ...errors import Refused
from .algebraic import (
    HOLDS,
    INFINITE,
    Constant,
    Negative,
    Polynomials,
    Undecided,
    Work,
    all_hold,
    breaks,
    compared,
    distinct,
    ends,
    factors,
    powers,
    radicands,
    rational,
    real_roots,
    sign_at,
    switches,
)
from .enclosure import Undefined

_MAX_SYMBOLS, _MAX_RADICANDS = 4, 3
_MARGIN = Rational(1, 2**10)
_ARITHMETIC = "integer even odd prime composite rational irrational noninteger algebraic".split()


@dataclass(frozen=True)
class Decision:
    """The statement holds, by the signs in `cells` cells. Or it is false at `point`, for certain;
    its coordinates are rational, or algebraic numbers where no rational ones were found."""

    holds: bool
    cells: int
    point: dict | None = None


class _Refuted(Exception):
    """The statement is false at the point given."""


def decide(gap: sympy.Expr, relations: Iterable[Boolean], relation: str) -> Decision | None:
    """Decide `gap relation 0` (>=, > or ==) where `relations` and the assumptions of symbols hold.

    Points where the gap has no real value say nothing. Whole numbers are taken for real ones in a
    proof, never in a refutation. None where the statement is not algebraic, or not decided.
    """
    if relation not in (">=", ">", "=="):
        raise Refused(f"unknown relation {relation!r}; it must be >=, > or ==")
    work = Work()
    try:
        _prove(_posed(gap, relations, relation, work))
    except (Undecided, RecursionError):
        return None
    except _Refuted as refutation:
        return Decision(False, work.cells, refutation.args[0])
    return Decision(True, work.cells)


# The problem -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Problem:
    """`gap relation 0` where all `constraints` hold, pairs of an expression and its relation to 0.

    Of its symbols some are `free`, others `fixed` at numbers, others `solved` for and replaced.
    `root` is the problem that was posed, with the caller's `names` of the symbols and the numbers
    that became symbols. An auxiliary problem has none: it cannot refute, and its gap must be real.
    """

    gap: sympy.Expr
    relation: str
    constraints: tuple
    free: tuple
    work: Work
    fixed: dict = field(default_factory=dict)
    solved: tuple = ()
    names: dict = field(default_factory=dict)
    constants: dict = field(default_factory=dict)
    root: "_Problem | None" = None

    def under(self, *constraints: tuple) -> "_Problem":
        return replace(self, constraints=self.constraints + constraints)

    def auxiliary(self, gap: sympy.Expr, relation: str) -> "_Problem":
        return replace(self, gap=gap, relation=relation, root=None)

    def fix(self, symbol: sympy.Symbol, number: Any) -> "_Problem":
        free = tuple(s for s in self.free if s != symbol)
        return replace(self, free=free, fixed=self.fixed | {symbol: number})

    def solve(self, symbol: sympy.Symbol, value: sympy.Expr) -> "_Problem":
        rule = {symbol: value}
        try:
            return replace(
                self,
                gap=self.gap.xreplace(rule),
                constraints=tuple((g.xreplace(rule), relation) for g, relation in self.constraints),
                free=tuple(s for s in self.free if s != symbol),
                solved=((symbol, value), *self.solved),
            )
        except (TypeError, ValueError) as error:  # SymPy's, of infinities
            raise Undecided(str(error)) from None

    def refute_at(self, cell: dict) -> None:
        """Raise `_Refuted` if the problem that was posed is false at this point, for certain."""
        if self.root is None:
            raise Undecided("an auxiliary problem fails")
        numbers = cell | {symbol: number.exact() for symbol, number in self.fixed.items()}
        for symbol, value in self.solved:
            numbers[symbol] = value.xreplace(numbers)
        point = {name: numbers[x] for x, name in self.root.names.items()}
        allowed = all(
            getattr(value, f"is_{fact}") is symbol.assumptions0[fact]
            for symbol, value in point.items()
            for fact in symbol.assumptions0.keys() & _ARITHMETIC
        )
        place = cell | self.fixed | dict(self.solved) | self.root.constants
        try:
            if allowed and all_hold(self.root.constraints, place):
                if not HOLDS[self.root.relation](sign_at(self.root.gap, place)):
                    raise _Refuted(point)
        except (Undefined, Negative, Undecided):
            return


def _posed(gap: sympy.Expr, relations: Iterable[Boolean], relation: str, work: Work) -> _Problem:
    """The statement in plain real symbols; a number such as pi is one of them, between bounds."""
    names, constants, constraints = {}, {}, []
    symbols = gap.free_symbols.union(*(r.free_symbols for r in relations))
    for symbol in sorted(symbols, key=lambda s: s.name):
        if not symbol.is_real:
            raise Undecided(f"{symbol} is not real")
        names[symbol] = x = Dummy(symbol.name, real=True)
        least, above = (1, ">=") if symbol.is_integer else (0, ">")
        facts = {
            "zero": (x, "=="),
            "positive": (x - least, above),
            "negative": (-x - least, above),
            "nonnegative": (x, ">="),
            "nonpositive": (-x, ">="),
            "nonzero": (x, "!="),
        }
        constraints += [c for fact, c in facts.items() if getattr(symbol, f"is_{fact}")][:1]
    try:
        gap = _plain(gap, names, constants)
        relations = [_plain(given, names, constants) for given in relations]
    except (TypeError, ValueError) as error:  # SymPy's, of infinities
        raise Undecided(str(error)) from None
    for condition in (part for given in relations for part in And.make_args(given)):
        if isinstance(condition, Relational):
            constraints.append(compared(condition))
        elif not isinstance(condition, BooleanAtom):
            raise Undecided(f"the condition {condition}")
        elif not condition:
            constraints.append((S.NegativeOne, ">="))
    constants = {x: Constant(number) for number, x in constants.items()}
    for x, number in constants.items():
        low, high = map(rational, ends(number.ball(64)))
        constraints += [(x - low, ">="), (high - x, ">=")]
    free = (*names.values(), *constants)
    if len(free) > _MAX_SYMBOLS:
        raise Undecided("too many symbols")
    names = {x: symbol for symbol, x in names.items()}
    problem = _Problem(gap, relation, tuple(constraints), free, work, {}, (), names, constants)
    return replace(problem, root=problem)


def _plain(expr: sympy.Expr, names: dict, constants: dict) -> sympy.Expr | None:
    """An expression in other symbols, whose only kinks are Abs (continuous) and Piecewise."""
    if isinstance(expr, Piecewise):
        return Piecewise(*([_plain(part, names, constants) for part in pair] for pair in expr.args))
    if expr in names or isinstance(expr, (BooleanAtom, Rational, sympy.Float)):
        return names.get(expr, expr)
    algebraic = isinstance(expr, (Add, Mul, Abs, Max, Min, sign, Heaviside, Boolean))
    if not (algebraic or (expr.is_Pow and expr.exp.is_Rational)):
        if expr.free_symbols or expr in INFINITE or not isinstance(expr, sympy.Expr):
            raise Undecided(f"{expr} is not algebraic")
        return constants.setdefault(expr, Dummy("c", real=True))
    args = [_plain(arg, names, constants) for arg in expr.args]
    if isinstance(expr, (Max, Min)):
        best, side = args[0], 1 if isinstance(expr, Max) else -1
        for other in args[1:]:
            best = (best + other + side * Abs(best - other)) / 2
        return best
    if isinstance(expr, (sign, Heaviside)):
        low, middle = (-1, 0) if isinstance(expr, sign) else (0, args[1])
        return Piecewise((1, args[0] > 0), (low, args[0] < 0), (middle, True))
    return expr.func(*args)


# The proof -------------------------------------------------------------------------------------


def _prove(problem: _Problem) -> None:
    """Returns if the statement holds. Raises `_Refuted`, or `Undecided`."""
    numbers = [(g, relation) for g, relation in problem.constraints if g.is_Rational]
    if all_hold(numbers, {}):
        _Proof(problem).run()


class _Proof:
    def __init__(self, problem: _Problem) -> None:
        problem.work.spend(10_000)
        self.problem, self.domain = problem, [g for g, _ in problem.constraints]
        if any(g.has(Piecewise) for g in self.domain):
            raise Undecided("a relation with a jump")
        expressions = [problem.gap, *self.domain]
        self.ring = Polynomials(expressions, problem.free, problem.fixed, problem.work)
        self._walls = lru_cache(self.ring.walls)
        self.weak = [g for g, relation in problem.constraints if relation == ">="]
        self.concave = [g for g in self.weak if self.is_concave(g)]
        self.firm = [
            (g, relation)
            for g, relation in problem.constraints
            if (g in self.concave if relation == ">=" else not radicands(g))
        ]
        self.points = None  # one of each cell
        self.active = None  # those at which the firm constraints hold

    def walls(self, *expressions: sympy.Expr) -> list:
        return distinct(wall for expr in expressions for wall in self._walls(expr)[0])

    def is_rational(self, expr: sympy.Expr) -> bool:
        """Whether it is a quotient of polynomials in the free symbols."""
        roots = any(not power.exp.is_Integer for power in powers(expr))
        if roots or expr.has(Abs, Piecewise, *self.problem.fixed):
            return False
        try:
            return bool(self.ring.fraction(expr))
        except ZeroDivisionError:
            return False

    def is_concave(self, g: sympy.Expr) -> bool:
        """Whether it is certain to be a concave polynomial, of degree 1 or 2."""
        if not self.is_rational(g):
            return False
        n, d = self.ring.fraction(g)
        if int(n.total_degree()) not in (1, 2) or not d.is_constant():
            return False
        places = range(len(self.problem.free))
        bend = [[n.derivative(i).derivative(j) / -d for j in places] for i in places]
        bend = fmpq_mat([[sum(entry.coeffs(), fmpq(0)) for entry in row] for row in bend])
        signs = reversed(bend.charpoly().coeffs())  # of a matrix whose eigenvalues are all real
        return all(c * (-1) ** k >= 0 for k, c in enumerate(signs))

    def run(self) -> None:
        problem = self.problem
        if any(relation == "==" for _, relation in problem.constraints):
            return self.run_on_equation()
        if problem.relation == ">" and len(problem.free) > 1 and self.has_margin():
            return None
        expressions = (part for expr in (problem.gap, *self.domain) for part in breaks(expr))
        walls = self.walls(*expressions)
        self.points, self.active = [], []
        unmet, interior, is_complex, failed = {}, False, False, False
        for cell in self.ring.cells(walls, problem.free):
            problem.work.spend(500)
            problem.work.cells += 1
            cell = {symbol: rational(value) for symbol, value in cell.items()}
            point = cell | problem.fixed
            self.points.append(point)
            interior |= all_hold([(g, ">") for g in self.concave], point)
            if not all_hold(self.firm, point):
                continue
            self.active.append(point)
            unmet |= {g: None for g in self.weak if not all_hold([(g, ">=")], point)}
            if not all_hold(problem.constraints, point):
                continue
            try:
                if not HOLDS[problem.relation](sign_at(problem.gap, point)):
                    problem.refute_at(cell)
                    failed = True
            except Negative:
                is_complex = True
            except Undefined:
                pass
        if failed:
            raise Undecided("it fails, but perhaps at no point that is allowed")
        if is_complex:
            return self.run_apart_from_complex()
        for h in distinct(self.critical(walls, unmet, interior)):
            self.run_on(h)

    def has_margin(self) -> bool:
        """Whether the gap is positive because it is not less than a positive number."""
        try:
            _prove(self.problem.auxiliary(self.problem.gap - _MARGIN, ">="))
        except Undecided:
            return False
        return True

    def critical(self, walls: Sequence[fmpq_mpoly], unmet: Iterable, interior: bool) -> list:
        """Polynomials, one of which is zero at each point of which the cells do not tell."""
        problem, edges = self.problem, self.walls(*self.weak)
        found = self.walls(*switches(problem.gap))
        for g in unmet:
            found += self.without_change(g, edges, [other for other in self.domain if other != g])
        if not interior:
            found += self.walls(*self.concave)
        if problem.relation == ">":
            found += self.without_change(problem.gap, walls, self.domain)
        strict = [g for g, relation in problem.constraints if relation in (">", "!=")]
        never = self.walls(*filter(self.is_rational, strict))
        return [h for h in found if h not in never]

    def without_change(
        self, expr: sympy.Expr, walls: Sequence[fmpq_mpoly], others: Iterable
    ) -> list:
        """Polynomials, one of which is zero wherever the expression is, unless it changes its sign
        there, away from the other walls and from those of `others`."""
        if not self.is_rational(expr):
            return self.walls(expr)
        found, shared = [], self.walls(*others)
        for h, power in factors(self.ring.fraction(expr)[0]):
            changes = power % 2 and h not in shared
            found += self.double(h, walls) if changes else [h]
        return found

    def double(self, h: fmpq_mpoly, others: Iterable) -> list:
        """Polynomials in a symbol less, one of which is zero wherever h is and its gradient, or
        another wall."""
        places = (self.ring.place[symbol] for symbol in self.ring.symbols(h))
        return self.ring.double(h, others, min(places, key=lambda place: int(h.degrees()[place])))

    def run_on_equation(self) -> None:
        """Proves the statement where one of the equations holds: on its walls. Those that may hold
        elsewhere too are dropped, for a larger domain."""
        problem, zeros = self.problem, []
        for g, relation in problem.constraints:
            if relation == "==":
                found, degenerate = self._walls(g)
                zeros += [] if degenerate else [found]
        if not zeros:
            rest = tuple(c for c in problem.constraints if c[1] != "==")
            return _prove(replace(problem, constraints=rest))
        for h in min(zeros, key=lambda hs: max(map(self.complexity, hs), default=(0, 0))):
            self.run_on(h)

    def complexity(self, h: fmpq_mpoly) -> tuple:
        return len(self.ring.symbols(h)), int(h.total_degree())

    def run_on(self, h: fmpq_mpoly) -> None:
        """Proves the statement where an irreducible polynomial in the free symbols is zero."""
        problem, ring = self.problem, self.ring
        problem.work.spend(1000)
        symbols = ring.symbols(h)
        linear = [y for y in symbols if h.degrees()[ring.place[y]] == 1]
        if linear:
            slopes = {y: ring.coefficient(h, ring.place[y]) for y in linear}
            y = min(linear, key=lambda symbol: self.complexity(slopes[symbol]))
            slope = ring.expression(slopes[y])
            rest = ring.expression(h - slopes[y] * ring.gens[ring.place[y]])
            if slope.free_symbols:
                _prove(problem.under((ring.expression(h), "=="), (slope, "==")))
                problem = problem.under((slope, "!="))
            return _prove(problem.solve(y, -rest / slope))
        if len(symbols) == 1:
            coefficients = ring.coefficients(h, ring.place[symbols[0]])
            for root in real_roots(coefficients):
                _prove(problem.fix(symbols[0], root))
            return None
        edges, value = self.walls(*self.concave), ring.expression(h)
        if self.has_one_sign(value, self.points):
            edges = []
        elif h in edges or not self.has_one_sign(value, self.active):
            raise Undecided(f"what holds where {h} is zero")
        for k in self.double(h, edges):
            self.run_on(k)

    def has_one_sign(self, expr: sympy.Expr, points: Iterable[dict] | None) -> bool:
        return points is not None and len({sign_at(expr, point) for point in points}) <= 1

    def run_apart_from_complex(self) -> None:
        """Proves the statement where all radicands are nonnegative, and that elsewhere the gap is
        not real."""
        problem, ring, bases = self.problem, self.ring, radicands(self.problem.gap)
        real = [(base, ">=") for base in bases if (base, ">=") not in problem.constraints]
        inner = [kink for kind in (Abs, Piecewise) for kink in problem.gap.atoms(kind)] + bases
        square = all(ring.orders[base] == 2 for base in bases)
        if problem.root is None or not real or not square or any(map(radicands, inner)):
            raise Undecided("a root of a negative number")
        if len(bases) > _MAX_RADICANDS:
            raise Undecided("too many radicands")
        _prove(problem.under(*real))
        for signs in product((1, -1), repeat=len(bases)):
            if -1 in signs:
                here = dict(zip(bases, signs, strict=True))
                bounds = ((b, ">=") if side > 0 else (-b, ">") for b, side in here.items())
                below = problem.under(*bounds)
                for part in self.imaginary_parts([base for base in bases if here[base] < 0]):
                    _prove(below.auxiliary(part**2, ">"))

    def imaginary_parts(self, negative: Sequence) -> Iterator[sympy.Expr]:
        """For each case of the gap, an expression that is zero only where its imaginary part is,
        for negative values of these radicands: its difference from its conjugate, which is itself
        with the signs of their roots reversed."""
        ring, gap = self.ring, self.problem.gap
        places = [ring.root[base] for base in negative]
        conjugate = [-x if i in places else x for i, x in enumerate(ring.gens)]
        roots = (sqrt(-b) if b in negative else b ** Rational(1, ring.orders[b]) for b in ring.root)
        values = [*ring.place, *roots]  # without the imaginary unit

        def term(powers: Sequence[int], coefficient: fmpq) -> sympy.Expr:
            unit = (-1) ** (sum(powers[i] for i in places) // 2)
            return rational(coefficient) * unit * prod(map(pow, values, powers))

        for case in ring.cases(gap):
            try:
                n, d = ring.fraction(gap, case)
            except ZeroDivisionError:
                continue
            difference = n * d.compose(*conjugate) - d * n.compose(*conjugate)
            yield Add(*(term(*pair) for pair in difference.to_dict().items()))
