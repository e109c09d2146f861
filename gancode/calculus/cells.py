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

*Cells.* Leading coefficients, discriminants and resultants of pairs project walls, irreducible and
distinct, to walls in one symbol less. Above a connected open set that meets none of these, the real
roots move continuously and never meet. So rational points, one between each two neighbouring roots,
reach every connected set without walls. There all signs are certain, by balls or exactly.

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

from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations, pairwise, product
from math import comb, prod

import sympy
from flint import Ordering, arb, ctx, fmpq, fmpq_mat, fmpq_mpoly_ctx, fmpq_poly, fmpz_poly
from sympy import Abs, Add, Dummy, Heaviside, Max, Min, Piecewise, Pow, Rational, S, sign
from sympy import preorder_traversal as parts
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, Boolean, BooleanAtom, Not, Or

from . import enclosure
from .enclosure import Undefined, Unsure

_MAX_SYMBOLS, _MAX_CASES, _MAX_POWER, _MAX_RADICANDS, _MAX_BITS = 4, 64, 64, 3, 4096
_INFINITE = (S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity)
_ARITHMETIC = "integer even odd prime composite rational irrational noninteger algebraic".split()
_HOLDS = {
    ">": lambda s: s > 0,
    ">=": lambda s: s >= 0,
    "==": lambda s: s == 0,
    "!=": lambda s: s != 0,
}


@dataclass(frozen=True)
class Decision:
    """The statement holds, by the signs in `cells` cells; or it is false at `point`, whose
    coordinates are rational, or algebraic numbers where it is true at all rational ones nearby."""

    holds: bool
    cells: int
    point: dict | None = None


class _Undecided(Exception):
    """Neither proved nor refuted; the message says why."""


class _Refuted(Exception):
    """The statement is false at the point given."""


class _Negative(Exception):
    """A radicand is negative."""


def decide(gap: sympy.Expr, relations, relation: str) -> Decision | None:
    """Decide `gap relation 0` (>=, > or ==) where `relations` and the assumptions of symbols hold.

    Points where the gap has no real value say nothing. Whole numbers are taken for real ones in a
    proof, never in a refutation. None where the statement is not algebraic, or not decided.
    """
    work = _Work()
    try:
        _Proof(_posed(gap, relations, relation, work)).run()
    except (_Undecided, RecursionError):
        return None
    except _Refuted as refutation:
        return Decision(False, work.cells, refutation.args[0])
    return Decision(True, work.cells)


# The problem -----------------------------------------------------------------------------------


@dataclass
class _Work:
    """What may still be done, in about microseconds, and what was done."""

    left: float = 4_000_000
    cells: int = 0

    def spend(self, amount: float):
        self.left -= amount
        if self.left < 0:
            raise _Undecided("too much work")


@dataclass(frozen=True)
class _Problem:
    """`gap relation 0` where all `constraints` hold, pairs of an expression and its relation to 0.

    Of its symbols some are `free`, others `fixed` at numbers, others `solved` for and replaced.
    `root` is the problem that was posed, with the caller's `names` of symbols and the numbers that
    became symbols; an auxiliary problem has none.
    """

    gap: sympy.Expr
    relation: str
    constraints: tuple
    free: tuple
    work: _Work
    fixed: dict = field(default_factory=dict)
    solved: tuple = ()
    names: dict = field(default_factory=dict)
    constants: dict = field(default_factory=dict)
    root: "_Problem | None" = None

    def under(self, *constraints):
        return replace(self, constraints=self.constraints + constraints)

    def fix(self, symbol, number):
        free = tuple(s for s in self.free if s != symbol)
        return replace(self, free=free, fixed=self.fixed | {symbol: number})

    def solve(self, symbol, value):
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
            raise _Undecided(str(error)) from None

    def refute_at(self, cell):
        """Raise `_Refuted` if the problem that was posed is false at this point, for certain."""
        if self.root is None:
            return
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
            if allowed and _all_hold(self.root.constraints, place):
                if not _HOLDS[self.root.relation](_sign(self.root.gap, place)):
                    raise _Refuted(point)
        except (Undefined, _Negative, _Undecided):
            return


def _posed(gap, relations, relation, work) -> _Problem:
    """The statement in plain real symbols; a number such as pi is one of them, between bounds."""
    names, constants, constraints = {}, {}, []
    symbols = gap.free_symbols.union(*(r.free_symbols for r in relations))
    for symbol in sorted(symbols, key=lambda s: s.name):
        if not symbol.is_real:
            raise _Undecided(f"{symbol} is not real")
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
    for condition in (part for given in relations for part in And.make_args(given)):
        if condition in (True, False):
            constraints += [] if condition else [(S.NegativeOne, ">=")]
        elif isinstance(condition, Relational):
            constraints.append(_compared(_plain(condition, names, constants)))
        else:
            raise _Undecided(f"the condition {condition}")
    gap = _plain(gap, names, constants)
    constants = {x: _Constant(number) for number, x in constants.items()}
    for x, number in constants.items():
        low, high = map(_rational, _ends(number.ball(64)))
        constraints += [(x - low, ">="), (high - x, ">=")]
    free = (*names.values(), *constants)
    if len(free) > _MAX_SYMBOLS:
        raise _Undecided("too many symbols")
    names = {x: symbol for symbol, x in names.items()}
    problem = _Problem(gap, relation, tuple(constraints), free, work, {}, (), names, constants)
    return replace(problem, root=problem)


def _plain(expr, names, constants):
    """An expression in other symbols, whose only kinks are Abs (continuous) and Piecewise."""
    if isinstance(expr, Piecewise):
        pairs = [[_plain(part, names, constants) for part in pair] for pair in expr.args]
        return Piecewise(*pairs)
    if expr in names or isinstance(expr, BooleanAtom) or expr.is_Rational or expr.is_Float:
        return names.get(expr, expr)
    algebraic = isinstance(expr, (Add, sympy.Mul, Abs, Max, Min, sign, Heaviside, Boolean))
    if not (algebraic or (expr.is_Pow and expr.exp.is_Rational)):
        if expr.free_symbols or expr in _INFINITE:
            raise _Undecided(f"{expr} is not algebraic")
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


def _compared(condition) -> tuple:
    """A relation between two sides as a difference, not simplified, and its relation to 0."""
    (left, right), operator = condition.args, condition.rel_op
    if "<" in operator:
        left, right, operator = right, left, operator.replace("<", ">")
    return Add(left, -right, evaluate=False), operator


# Signs at a point, exactly ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Constant:
    """A real number that need not be algebraic."""

    expr: sympy.Expr

    def ball(self, bits) -> arb:
        try:
            value = enclosure.enclose(self.expr, bits=bits)
        except (Undefined, Unsure) as error:
            raise _Undecided(str(error)) from None
        if not isinstance(value, arb):
            raise _Undecided(f"{self.expr} is not real")
        return value


@dataclass(frozen=True)
class _Root:
    """A real root of an irreducible polynomial with whole coefficients, by its place in order."""

    coefficients: tuple
    place: int

    def ball(self, bits) -> arb:
        return _real_roots(self.coefficients, bits)[self.place]

    def exact(self) -> sympy.Expr:
        polynomial = sympy.Poly([int(c) for c in reversed(self.coefficients)], Dummy("x"))
        return sympy.rootof(polynomial, self.place)


@lru_cache(maxsize=1024)
def _real_roots(coefficients: tuple, bits: int) -> list[arb]:
    """The real roots of a polynomial without multiple ones, in order, in disjoint balls."""
    with ctx.workprec(bits):
        roots = fmpz_poly(list(coefficients)).complex_roots()
    if any(multiplicity > 1 for _, multiplicity in roots):
        raise _Undecided("a multiple root")
    return sorted((root.real for root, _ in roots if root.imag == 0), key=lambda root: root.mid())


def _ends(value: arb) -> list[fmpq]:
    """The two ends of a ball."""
    middle, radius = (
        fmpq(m) * fmpq(2) ** int(e) for m, e in (value.mid().man_exp(), value.rad().man_exp())
    )
    return [middle - radius, middle + radius]


def _ball_at(expr, point, bits):
    with ctx.workprec(bits):
        values = [
            enclosure.ball(v) if isinstance(v, Rational) else v.ball(bits) for v in point.values()
        ]
        return enclosure.compiled(expr, tuple(point))(values)


def _sign(expr, point) -> int:
    """The sign of an expression whose symbols have the values of `point`: rational numbers, others
    that know a ball, or expressions in such symbols.

    Raises `Undefined` where it has no value, `_Negative` where a radicand is negative.
    """
    try:  # nearly always a wide ball tells
        if all(_ball_at(base, point, 64) > 0 for base in _radicands(expr)):
            value = _ball_at(expr, point, 64)
            if isinstance(value, arb) and enclosure.sign(value):
                return enclosure.sign(value)
    except (Undefined, Unsure, TypeError, AttributeError):
        pass
    return _sign_of_settled(_settled(expr, point), point)


def _settled(expr, point):
    """An expression at a point, with each case chosen, zero roots gone and all others real."""
    if expr in _INFINITE:
        raise Undefined(str(expr))
    if expr.is_Symbol:
        value = point[expr]
        if not isinstance(value, sympy.Expr):
            return expr
        return value if value.is_Rational else _settled(value, point)
    if isinstance(expr, Piecewise):
        for value, condition in expr.args:
            if _is_true(condition, point):
                return _settled(value, point)
        raise Undefined("no case holds")
    if not expr.args:
        return expr
    args = [_settled(arg, point) for arg in expr.args]
    if isinstance(expr, Abs):
        return args[0] * _sign_of_settled(args[0], point)
    if isinstance(expr, Pow) and not (expr.exp.is_Integer and expr.exp > 0):
        where = _sign_of_settled(args[0], point)
        if where < 0 and not expr.exp.is_Integer:
            raise _Negative
        if where == 0 and expr.exp < 0:
            raise Undefined("division by zero")
        if where == 0:
            return S.Zero
    return expr.func(*args)


def _sign_of_settled(expr, point) -> int:
    if expr.is_Rational:
        return int(sign(expr))
    numbers = {symbol: point[symbol] for symbol in expr.free_symbols}
    bits, least = 64, None
    while bits <= _MAX_BITS:
        try:
            value = _ball_at(expr, numbers, bits)
            where = enclosure.sign(value) if isinstance(value, arb) else None
            if where is not None:
                return where
            if bits > 64:
                work = _Work(100_000)
                least = least or _Polynomials([expr], (), numbers, work).least_value(expr)
                if abs(value) < least:
                    return 0
        except Unsure:
            pass
        bits *= 2
    raise _Undecided(f"the sign of {expr}")


def _is_true(condition, point) -> bool:
    if condition in (True, False):
        return bool(condition)
    if isinstance(condition, Not):
        return not _is_true(condition.args[0], point)
    if isinstance(condition, (And, Or)):
        truths = [_is_true(part, point) for part in condition.args]
        return all(truths) if isinstance(condition, And) else any(truths)
    if isinstance(condition, Relational):
        difference, relation = _compared(condition)
        return _HOLDS[relation](_sign(difference, point))
    raise _Undecided(f"the condition {condition}")


def _all_hold(constraints, point) -> bool:
    try:
        return all(_HOLDS[relation](_sign(g, point)) for g, relation in constraints)
    except Undefined:
        return False
    except _Negative:
        raise _Undecided("a relation between complex numbers") from None


# Polynomials -----------------------------------------------------------------------------------


def _radicands(expr) -> list:
    """What stands under the roots in an expression; numbers left out."""
    roots = (part for part in parts(expr) if isinstance(part, Pow) and not part.exp.is_Integer)
    return list(dict.fromkeys(root.base for root in roots if root.base.free_symbols))


def _switches(expr) -> list:
    return [part.lhs - part.rhs for part in parts(expr) if isinstance(part, Relational)]


def _breaks(expr) -> list:
    """The expressions at whose zeros an expression may change its sign or its form."""
    powers = (part for part in parts(expr) if isinstance(part, Pow))
    bases = [power.base for power in powers if not (power.exp.is_Integer and power.exp > 0)]
    return [expr, *bases, *(part.args[0] for part in expr.atoms(Abs)), *_switches(expr)]


class _Polynomials:
    """Algebraic expressions as polynomials over the rationals.

    The generators of their ring: the free symbols, those of fixed numbers, the roots that occur in
    the expressions (inner before outer), and one for the value of an expression.
    """

    def __init__(self, expressions, free, fixed, work):
        self.free, self.fixed, self.work = free, fixed, work
        orders = {}
        for power in (
            part for expr in expressions for part in parts(expr) if isinstance(part, Pow)
        ):
            if power.exp.is_Rational and not power.exp.is_Integer:
                orders[power.base] = int(sympy.ilcm(orders.get(power.base, 1), power.exp.q))
        inner_first = sorted(orders, key=lambda base: sum(1 for _ in parts(base)))
        self.orders = {base: orders[base] for base in inner_first}
        self.place = {symbol: i for i, symbol in enumerate([*free, *fixed])}
        self.root = {base: i for i, base in enumerate(inner_first, len(self.place))}
        self.names = [f"x{i}" for i in range(len(self.place) + len(self.root) + 1)]
        self.ring = fmpq_mpoly_ctx.get(self.names, Ordering.lex)
        self.gens = self.ring.gens()

    def cases(self, expr) -> list[dict]:
        """All choices of a case for each kink of an expression."""
        kinks = {kink: [kink.args[0], -kink.args[0]] for kink in expr.atoms(Abs)}
        kinks |= {kink: [value for value, _ in kink.args] for kink in expr.atoms(Piecewise)}
        if prod(map(len, kinks.values())) > _MAX_CASES:
            raise _Undecided("too many cases")
        return [dict(zip(kinks, case, strict=True)) for case in product(*kinks.values())]

    def fraction(self, expr, case=()) -> tuple:
        """Numerator and denominator. Raises `ZeroDivisionError` where there is no value at all."""
        one = self.ring.constant(1)
        if expr in case:
            return self.fraction(case[expr], case)
        if expr in self.place:
            return self.gens[self.place[expr]], one
        if expr.is_Rational or expr.is_Float:
            number = Rational(expr)
            return one * fmpq(int(number.p), int(number.q)), one
        if expr.is_Add or expr.is_Mul:
            (numerator, denominator), *others = [self.fraction(arg, case) for arg in expr.args]
            for n, d in others:
                self.work.spend((len(n) + len(d)) * (len(numerator) + len(denominator)) / 10)
                numerator = n * denominator + numerator * d if expr.is_Add else n * numerator
                denominator = denominator * d
            return numerator, denominator
        if expr.is_Pow and expr.exp.is_Rational:
            if expr.exp.is_Integer:
                (n, d), power = self.fraction(expr.base, case), int(expr.exp)
            else:
                n, d = self.gens[self.root[expr.base]], one
                power = int(expr.exp * self.orders[expr.base])
            if abs(power) > _MAX_POWER:
                raise _Undecided("too high a power")
            n, d = (n, d) if power > 0 else (d, n)
            if d == 0:
                raise ZeroDivisionError
            return n ** abs(power), d ** abs(power)
        if expr in _INFINITE:
            raise ZeroDivisionError
        raise _Undecided(f"{expr} is not algebraic")

    def walls(self, expr) -> tuple[list, bool]:
        """Irreducible polynomials in the free symbols: where none of them is zero, the expression
        has no values near 0 but 0, and not even 0 unless it is `degenerate`."""
        found, degenerate = [], False
        for case in self.cases(expr):
            try:
                polynomials, flat = self.norms(self.fraction(expr, case)[0], case)
            except ZeroDivisionError:
                continue
            found, degenerate = found + polynomials, degenerate or flat
        return _distinct(found), degenerate

    def norms(self, polynomial, case) -> tuple[list, bool]:
        """The same of a polynomial in all generators."""
        found, degenerate = [], polynomial == 0
        for factor, _ in _factors(polynomial):
            norm = self.norm(factor, case)
            if norm == 0:  # as for sqrt(x**2) - x
                degenerate, z = True, len(self.gens) - 1
                norm = self.coefficient(self.norm(self.gens[z] - factor, case), z, min)
            found += [wall for wall, _ in _factors(norm)]
        return found, degenerate

    def norm(self, polynomial, case):
        """The polynomial without roots and fixed numbers. It vanishes where the given one does."""
        for base, place in reversed(self.root.items()):
            if polynomial.degrees()[place]:
                n, d = self.fraction(base, case)
                equation = d * self.gens[place] ** self.orders[base] - n
                polynomial = self.resultant(polynomial, equation, place)
        for symbol, number in self.fixed.items():
            place = self.place[symbol]
            if polynomial.degrees()[place]:
                if not isinstance(number, _Root):
                    raise _Undecided("a number that need not be algebraic")
                x = self.gens[place]
                equation = sum(x**k * c for k, c in enumerate(number.coefficients))
                polynomial = self.resultant(polynomial, equation, place)
        return polynomial

    def least_value(self, expr) -> fmpq:
        """Less than every absolute value, 0 left out, that an expression without free symbols has
        in any of its cases (Cauchy's bound of roots)."""
        bounds = []
        for case in self.cases(expr):
            numerator, denominator = self.fraction(expr, case)
            norm = self.norm(self.gens[-1] * denominator - numerator, case)
            coefficients = [abs(c) for _, c in sorted(norm.to_dict().items())]
            if not coefficients:
                raise _Undecided("a value without an equation")
            bounds.append(coefficients[0] / (coefficients[0] + max(coefficients)) / 2)
        return min(bounds)

    def resultant(self, one, other, place):
        """The resultant of two polynomials; or that one of them which lacks the symbol."""
        a, b = ([int(degree) for degree in p.degrees()] for p in (one, other))
        m, n = a.pop(place), b.pop(place)
        if m <= 0 or n <= 0:  # the zero polynomial has degree -1
            return other if m > 0 else one
        degrees = [m * e + n * d for d, e in zip(a, b, strict=True)]
        total, others = int(one.total_degree() * other.total_degree()), sum(map(bool, degrees))
        terms = min(
            prod(d + 1 for d in degrees),
            comb(total + others, others),
            comb(len(one) + n - 1, n) * comb(len(other) + m - 1, m),
        )
        bits = max(int(c.p).bit_length() for p in (one, other) for c in p.coeffs())
        self.work.spend(terms * min(len(one), len(other)) * (m + n) * (1 + bits / 8) / 20)
        return one.resultant(other, self.names[place])

    def coefficient(self, polynomial, place, end=max):
        """The coefficient of the highest power of a generator, or of the lowest."""
        terms = polynomial.to_dict()
        if not terms:
            raise _Undecided("a value without an equation")
        power = end(m[place] for m in terms)
        chosen = {m: c for m, c in terms.items() if m[place] == power}
        return self.ring.from_dict({(*m[:place], 0, *m[place + 1 :]): c for m, c in chosen.items()})

    def expression(self, polynomial) -> sympy.Expr:
        """A polynomial in the free symbols, for SymPy."""
        terms = polynomial.to_dict().items()
        return Add(*(_rational(c) * prod(map(pow, self.free, m)) for m, c in terms))

    def symbols(self, polynomial) -> list:
        degrees = polynomial.degrees()
        return [symbol for symbol in self.free if degrees[self.place[symbol]]]

    def double(self, h, others, place) -> list:
        """Polynomials in the other symbols, one of which is zero where h and a derivative are, or h
        and one of the others, distinct from it."""
        found = []
        for other in (h.derivative(place), *(other for other in others if other != h)):
            resultant = self.resultant(h, other, place)
            if resultant == 0:
                raise _Undecided("a common factor")
            found += [factor for factor, _ in _factors(resultant)]
        return found

    def cells(self, walls, symbols):
        """Rational points, one at least in each connected open set that no wall meets."""
        if not symbols:
            yield {}
            return
        place = min(
            (self.place[symbol] for symbol in symbols),
            key=lambda i: max((int(wall.degrees()[i]) for wall in walls), default=0),
        )
        y, others = self.free[place], [s for s in symbols if self.place[s] != place]
        above = [wall for wall in walls if wall.degrees()[place]]
        below = [wall for wall in walls if not wall.degrees()[place]]
        for i, wall in enumerate(above):
            below += [factor for factor, _ in _factors(self.coefficient(wall, place))]
            below += self.double(wall, above[i:], place)
        for point in self.cells(_distinct(below), others):
            values = {self.names[self.place[symbol]]: value for symbol, value in point.items()}
            fibres = [_univariate(wall.subs(values), place) for wall in above]
            self.work.spend(20 + sum(len(fibre) ** 2.3 for fibre in fibres))
            for value in _between(fibres):
                yield point | {y: value}


def _rational(number: fmpq) -> Rational:
    return Rational(int(number.p), int(number.q))


def _factors(polynomial) -> list:
    """The irreducible factors, monic, with their multiplicities; constants left out."""
    if polynomial == 0:
        return []
    return [(f / f.leading_coefficient(), power) for f, power in polynomial.factor()[1]]


def _distinct(polynomials) -> list:
    return list({str(polynomial): polynomial for polynomial in polynomials}.values())


def _univariate(polynomial, place) -> tuple:
    """The coefficients, lowest first and whole, of a polynomial in one symbol."""
    terms = {m[place]: c for m, c in polynomial.to_dict().items()}
    return tuple(fmpq_poly([terms.get(k, 0) for k in range(max(terms) + 1)]).numer().coeffs())


def _between(polynomials: list[tuple]) -> list[fmpq]:
    """Rational numbers, as simple as may be, one in each gap between the real roots of polynomials
    (no two of which share a root), one before and one after them."""
    bits = 64
    while bits <= _MAX_BITS:
        balls = [
            _ends(root) for coefficients in polynomials for root in _real_roots(coefficients, bits)
        ]
        balls.sort()
        if all(one[1] < other[0] for one, other in pairwise(balls)):
            if not balls:
                return [fmpq(0)]
            gaps = [_simple(one[1], other[0]) for one, other in pairwise(balls)]
            return [fmpq(balls[0][0].floor() - 1), *gaps, fmpq(balls[-1][1].ceil() + 1)]
        bits *= 2
    raise _Undecided("roots too close to each other")


def _simple(low: fmpq, high: fmpq) -> fmpq:
    """A number between two, with the least power of 2 as denominator."""
    scale = 1
    while (number := fmpq((low * scale).floor() + 1, scale)) >= high:
        scale *= 2
    return fmpq(0) if low < 0 < high else number


# The proof -------------------------------------------------------------------------------------


class _Proof:
    """The proof of a problem, `run` to the end: it raises `_Refuted` or `_Undecided` if it fails."""

    def __init__(self, problem):
        problem.work.spend(1000)
        self.problem, self.domain = problem, [g for g, _ in problem.constraints]
        if any(g.has(Piecewise) for g in self.domain):
            raise _Undecided("a relation with a jump")
        expressions = [problem.gap, *self.domain]
        self.ring = _Polynomials(expressions, problem.free, problem.fixed, problem.work)
        self._walls = lru_cache(self.ring.walls)
        self.concave = [
            g for g, relation in problem.constraints if relation == ">=" and self.is_concave(g)
        ]
        self.active = None  # one point of each cell where the firm constraints hold

    def walls(self, *expressions) -> list:
        return _distinct(wall for expr in expressions for wall in self._walls(expr)[0])

    def is_rational(self, expr) -> bool:
        roots = any(isinstance(part, Pow) and not part.exp.is_Integer for part in parts(expr))
        fixed = not expr.free_symbols.isdisjoint(self.problem.fixed)
        if roots or fixed or expr.has(Abs, Piecewise):
            return False
        try:
            return bool(self.ring.fraction(expr))
        except ZeroDivisionError:
            return False

    def is_concave(self, g) -> bool:
        """Whether it is certain to be a concave polynomial, of degree 1 or 2."""
        if not self.is_rational(g):
            return False
        n, d = self.ring.fraction(g)
        if int(n.total_degree()) not in (1, 2) or not d.is_constant():
            return False
        places = range(len(self.problem.free))
        bend = [[n.derivative(i).derivative(j) / -d for j in places] for i in places]
        bend = fmpq_mat([[sum(b.coeffs(), fmpq(0)) for b in row] for row in bend])
        signs = reversed(bend.charpoly().coeffs())  # of a matrix whose eigenvalues are all real
        return all(c * (-1) ** k >= 0 for k, c in enumerate(signs))

    def run(self):
        problem = self.problem
        if any(relation == "==" for _, relation in problem.constraints):
            return self.run_on_equation()
        rooted = {g for g in self.domain if _radicands(g)}
        firm = [
            c
            for c in problem.constraints
            if c[0] in self.concave or (c[1] != ">=" and c[0] not in rooted)
        ]
        weak = [
            g
            for g, relation in problem.constraints
            if (g, relation) not in firm and relation == ">="
        ]
        walls = self.walls(
            *(part for expr in (problem.gap, *self.domain) for part in _breaks(expr))
        )
        self.active, unmet, interior, is_complex, failed = [], {}, False, False, False
        for cell in self.ring.cells(walls, problem.free):
            problem.work.spend(200)
            problem.work.cells += 1
            cell = {symbol: _rational(value) for symbol, value in cell.items()}
            point = cell | problem.fixed
            interior |= _all_hold([(g, ">") for g in self.concave], point)
            if not _all_hold(firm, point):
                continue
            self.active.append(point)
            unmet |= {g: None for g in weak if not _all_hold([(g, ">=")], point)}
            if not _all_hold(problem.constraints, point):
                continue
            try:
                if not _HOLDS[problem.relation](_sign(problem.gap, point)):
                    problem.refute_at(cell)
                    failed = True
            except _Negative:
                is_complex = True
            except Undefined:
                pass
        if failed:
            raise _Undecided("it fails, but perhaps at no point that is allowed")
        if is_complex:
            return self.run_apart_from_complex()
        for h in _distinct(self.critical(walls, unmet, interior)):
            self.run_on(h)

    def critical(self, walls, unmet, interior) -> list:
        """Polynomials, one of which is zero at each point where the cells do not tell."""
        problem = self.problem
        found = self.walls(*_switches(problem.gap))
        edges = self.walls(*(g for g, relation in problem.constraints if relation == ">="))
        for g in unmet:
            found += self.without_change(g, edges, [other for other in self.domain if other != g])
        if not interior:
            found += self.walls(*self.concave)
        if problem.relation == ">":
            found += self.without_change(problem.gap, walls, self.domain)
        strict = [g for g, relation in problem.constraints if relation in (">", "!=")]
        never = self.walls(*filter(self.is_rational, strict))
        return [h for h in found if h not in never]

    def without_change(self, expr, walls, others) -> list:
        """Polynomials, one of which is zero wherever the expression is, unless it changes its sign
        there, away from the other walls and from the zeros of `others`."""
        if not self.is_rational(expr):
            return self.walls(expr)
        found, shared = [], self.walls(*others)
        for h, power in _factors(self.ring.fraction(expr)[0]):
            simple = power % 2 and h not in shared
            found += self.double(h, walls) if simple else [h]
        return found

    def double(self, h, others) -> list:
        places = [self.ring.place[symbol] for symbol in self.ring.symbols(h)]
        return self.ring.double(h, others, min(places, key=lambda i: int(h.degrees()[i])))

    def run_on_equation(self):
        """Proves the statement on the walls of one of the equations; those that may be satisfied
        elsewhere are left out, for a larger domain."""
        problem, zeros = self.problem, []
        for g, relation in problem.constraints:
            if relation == "==":
                found, degenerate = self._walls(g)
                zeros += [] if degenerate else [found]
        if not zeros:
            rest = tuple(c for c in problem.constraints if c[1] != "==")
            return _Proof(replace(problem, constraints=rest)).run()
        for h in min(zeros, key=lambda hs: max(map(self.complexity, hs), default=(0, 0))):
            self.run_on(h)

    def complexity(self, h) -> tuple:
        return len(self.ring.symbols(h)), int(h.total_degree())

    def run_on(self, h):
        """Proves the statement where a polynomial in the free symbols is zero."""
        problem, ring = self.problem, self.ring
        problem.work.spend(1000)
        symbols = ring.symbols(h)
        slopes = {
            y: ring.coefficient(h, ring.place[y])
            for y in symbols
            if h.degrees()[ring.place[y]] == 1
        }
        if slopes:
            y = min(slopes, key=lambda symbol: self.complexity(slopes[symbol]))
            slope = ring.expression(slopes[y])
            rest = ring.expression(h - slopes[y] * ring.gens[ring.place[y]])
            if slope.free_symbols:
                _Proof(problem.under((ring.expression(h), "=="), (slope, "=="))).run()
                problem = problem.under((slope, "!="))
            return _Proof(problem.solve(y, -rest / slope)).run()
        if len(symbols) == 1:
            coefficients = _univariate(h, ring.place[symbols[0]])
            for i, _ in enumerate(_real_roots(coefficients, 64)):
                _Proof(problem.fix(symbols[0], _Root(coefficients, i))).run()
            return
        edges = self.walls(*self.concave)
        if self.active is None or h in edges:
            raise _Undecided(f"what holds where {h} is zero")
        if len({_sign(ring.expression(h), point) for point in self.active}) > 1:
            raise _Undecided(f"what holds where {h} is zero")
        for k in self.double(h, edges):
            self.run_on(k)

    def run_apart_from_complex(self):
        """Proves the statement where all radicands are nonnegative, and that the gap is not real
        elsewhere: it is not equal to its conjugate."""
        problem, ring, gap = self.problem, self.ring, self.problem.gap
        radicands = _radicands(gap)
        inner = [expr for kind in (Abs, Piecewise) for expr in gap.atoms(kind)] + radicands
        square = all(ring.orders[radicand] == 2 for radicand in radicands)
        if not radicands or not square or any(map(_radicands, inner)) or problem.root is None:
            raise _Undecided("a root of a negative number")
        if len(radicands) > _MAX_RADICANDS:
            raise _Undecided("too many radicands")
        _Proof(problem.under(*((radicand, ">=") for radicand in radicands))).run()
        for count in range(len(radicands)):
            for negative in combinations(radicands, count + 1):
                below = problem.under(*((-radicand, ">") for radicand in negative))
                for value in self.imaginary(negative):
                    _Proof(replace(below, gap=value**2, relation=">", root=None)).run()

    def imaginary(self, negative):
        """Values in the free symbols that are zero wherever the imaginary part of the gap is, for
        negative values of these radicands; those that never are are left out."""
        ring, never = self.ring, self.walls(*filter(self.is_rational, negative))
        places = [ring.root[radicand] for radicand in negative]
        conjugate = [-x if i in places else x for i, x in enumerate(ring.gens)]
        for case in ring.cases(self.problem.gap):
            try:
                n, d = ring.fraction(self.problem.gap, case)
            except ZeroDivisionError:
                continue
            found, degenerate = ring.norms(
                n * d.compose(*conjugate) - d * n.compose(*conjugate), case
            )
            yield from (
                [S.Zero] if degenerate else (ring.expression(h) for h in found if h not in never)
            )
