"""Real algebraic expressions: their exact signs at a point, and the polynomials at whose zeros they
may change.

The expressions consist of numbers, symbols, sums, products, rational powers, Abs and Piecewise.
Polynomials have rational coefficients (FLINT, by python-flint); what is told of a real number is
told by balls (Arb), and that it is zero by a bound of the least value it could have.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise, product
from math import comb, prod

import sympy
from flint import Ordering, arb, ctx, fmpq, fmpq_mpoly, fmpq_mpoly_ctx, fmpq_poly, fmpz_poly
from sympy import Abs, Add, Dummy, Piecewise, Pow, Rational, S
from sympy import preorder_traversal as parts
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, Boolean, Not, Or

from . import enclosure
from .enclosure import Undefined, Unsure

_MAX_CASES, _MAX_POWER, _MAX_BITS = 64, 64, 4096
INFINITE = (S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity)
HOLDS = {  # of a sign
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
    "==": lambda sign: sign == 0,
    "!=": lambda sign: sign != 0,
}


class Undecided(Exception):
    """No answer; the message says why."""


class Negative(Exception):
    """A radicand is negative."""


@dataclass
class Work:
    """What may still be done, in about microseconds, and the cells seen."""

    left: float = 4_000_000
    cells: int = 0

    def spend(self, amount: float) -> None:
        self.left -= amount
        if self.left < 0:
            raise Undecided("too much work")


# Numbers ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Constant:
    """A real number that need not be algebraic."""

    expr: sympy.Expr

    def ball(self, bits: int) -> arb:
        try:
            value = enclosure.enclose(self.expr, bits=bits)
        except (Undefined, Unsure) as error:
            raise Undecided(str(error)) from None
        if not isinstance(value, arb):
            raise Undecided(f"{self.expr} is not real")
        return value


@dataclass(frozen=True)
class Root:
    """The one real root of a polynomial (whole coefficients, the lowest first) between `low` and
    `high`, which are no roots; or the number that both are. `place` counts the roots in order."""

    coefficients: tuple
    low: fmpq
    high: fmpq
    place: int

    def narrow(self, width: fmpq) -> "Root":
        """The same root between bounds at most so far apart."""
        polynomial, low, high = fmpz_poly(list(self.coefficients)), self.low, self.high
        rising = polynomial(high) > 0
        while high - low > width:
            middle = (low + high) / 2
            value = polynomial(middle)
            if value == 0:
                low = high = middle
            elif (value > 0) == rising:
                high = middle
            else:
                low = middle
        return replace(self, low=low, high=high)

    def ball(self, bits: int) -> arb:
        root = _narrow(self, bits)
        with ctx.workprec(bits):
            return arb(root.low).union(arb(root.high))

    def exact(self) -> sympy.Expr:
        polynomial = sympy.Poly([int(c) for c in reversed(self.coefficients)], Dummy("x"))
        return sympy.rootof(polynomial, self.place)


@lru_cache(maxsize=1024)
def _narrow(root: Root, bits: int) -> Root:
    start = root if bits <= 64 else _narrow(root, bits // 2)
    return start.narrow(fmpq(1, 2**bits))


@lru_cache(maxsize=1024)
def real_roots(coefficients: tuple) -> list[Root]:
    """The real roots of a polynomial without multiple ones, in order."""
    polynomial = fmpz_poly(list(coefficients))
    bounds = _positive(polynomial)
    bounds += [(-high, -low) for low, high in _positive(polynomial(fmpz_poly([0, -1])))]
    bounds += [(fmpq(0), fmpq(0))] if polynomial[0] == 0 else []
    for low, high in bounds:
        if low == high:  # so that no bound of another root is a root
            polynomial //= fmpz_poly([-low.p, low.q])
    rest = tuple(polynomial.coeffs())
    return [Root(rest, *pair, place) for place, pair in enumerate(sorted(bounds))]


def _positive(polynomial: fmpz_poly) -> list[tuple[fmpq, fmpq]]:
    """Bounds of each positive root, by Descartes' rule: a polynomial has as many positive roots as
    its coefficients change their sign, or fewer by an even number."""
    n, coefficients = polynomial.degree(), polynomial.coeffs()
    sizes = [int(c).bit_length() for c in coefficients]
    reach = max((-((sizes[n] - 1 - sizes[i]) // (n - i)) for i in range(n)), default=0) + 1
    scaled = fmpq_poly([c * fmpq(2) ** (reach * i) for i, c in enumerate(coefficients)]).numer()
    found, pending = [], [(scaled, fmpq(0), fmpq(2) ** reach)]  # on (0, 1), for (low, low + width)
    while pending:
        p, low, width = pending.pop()
        if p[0] == 0:
            p //= fmpz_poly([0, 1])
            found += [(low, low)] if low else []
        changes = _changes(fmpz_poly(p.coeffs()[::-1])(fmpz_poly([1, 1])))
        if changes == 1:
            found.append((low, low + width))
        elif changes:
            if width < fmpq(1, 2**_MAX_BITS):
                raise Undecided("roots too close to each other")
            half = fmpz_poly([c << (p.degree() - i) for i, c in enumerate(p.coeffs())])
            middle = low + width / 2
            pending += [(half, low, width / 2), (half(fmpz_poly([1, 1])), middle, width / 2)]
    return found


def _changes(polynomial: fmpz_poly) -> int:
    signs = [c > 0 for c in polynomial.coeffs() if c != 0]
    return sum(one != other for one, other in pairwise(signs))


def ends(value: arb) -> tuple[fmpq, fmpq]:
    """The two ends of a ball."""
    middle, radius = (
        fmpq(m) * fmpq(2) ** int(e) for m, e in (value.mid().man_exp(), value.rad().man_exp())
    )
    return middle - radius, middle + radius


def rational(number: fmpq) -> Rational:
    return Rational(int(number.p), int(number.q))


# Signs at a point ------------------------------------------------------------------------------


def sign_at(expr: sympy.Expr, point: dict) -> int:
    """The sign of an expression whose symbols have the values of `point`: rational numbers, others
    that know a ball, or expressions in such symbols.

    Raises `Undefined` where it has no value, `Negative` where a radicand is negative.
    """
    try:  # nearly always a wide ball tells
        if all(_ball_at(radicand, point, 64) > 0 for radicand in radicands(expr)):
            value = _ball_at(expr, point, 64)
            if isinstance(value, arb) and enclosure.sign(value):
                return enclosure.sign(value)
    except (Undefined, Unsure, TypeError, AttributeError):
        pass
    return _sign_of_settled(_settled(expr, point), point)


def all_hold(constraints: Iterable[tuple[sympy.Expr, str]], point: dict) -> bool:
    """Whether constraints hold, pairs of an expression and its relation to 0; not where one has no
    value. Raises `Undecided` where one is not real."""
    try:
        return all(HOLDS[relation](sign_at(expr, point)) for expr, relation in constraints)
    except Undefined:
        return False
    except Negative:
        raise Undecided("a relation between complex numbers") from None


def compared(condition: Relational) -> tuple[sympy.Expr, str]:
    """A relation as a constraint. The difference is not simplified, which might define it."""
    (left, right), relation = condition.args, condition.rel_op
    if "<" in relation:
        left, right, relation = right, left, relation.replace("<", ">")
    return Add(left, -right, evaluate=False), relation


def _ball_at(expr: sympy.Expr, point: Mapping, bits: int) -> arb:
    with ctx.workprec(bits):
        values = [
            enclosure.ball(v) if isinstance(v, Rational) else v.ball(bits) for v in point.values()
        ]
        return enclosure.compiled(expr, tuple(point))(values)


def _settled(expr: sympy.Expr, point: Mapping) -> sympy.Expr:
    """An expression at a point, with each case chosen, zero roots gone and all others real."""
    if expr in INFINITE:
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
            raise Negative
        if where == 0 and expr.exp < 0:
            raise Undefined("division by zero")
        if where == 0:
            return S.Zero
    return expr.func(*args)


def _sign_of_settled(expr: sympy.Expr, point: Mapping) -> int:
    if expr.is_Rational:
        return int(sympy.sign(expr))
    numbers = {symbol: point[symbol] for symbol in expr.free_symbols}
    bits, least = 64, None
    while bits <= _MAX_BITS:
        try:
            value = _ball_at(expr, numbers, bits)
            where = enclosure.sign(value) if isinstance(value, arb) else None
            if where is not None:
                return where
            if bits > 64:
                work = Work(100_000)
                least = least or Polynomials([expr], (), numbers, work).least_value(expr)
                if abs(value) < least:
                    return 0
        except Unsure:
            pass
        bits *= 2
    raise Undecided(f"the sign of {expr}")


def _is_true(condition: Boolean, point: Mapping) -> bool:
    if condition in (True, False):
        return bool(condition)
    if isinstance(condition, Not):
        return not _is_true(condition.args[0], point)
    if isinstance(condition, (And, Or)):
        truths = [_is_true(part, point) for part in condition.args]
        return all(truths) if isinstance(condition, And) else any(truths)
    if isinstance(condition, Relational):
        difference, relation = compared(condition)
        return HOLDS[relation](sign_at(difference, point))
    raise Undecided(f"the condition {condition}")


# Parts of an expression ------------------------------------------------------------------------


def powers(expr: sympy.Expr) -> list[Pow]:
    return [part for part in parts(expr) if isinstance(part, Pow)]


@lru_cache(maxsize=4096)
def radicands(expr: sympy.Expr) -> list[sympy.Expr]:
    """What stands under the roots in an expression; numbers left out."""
    bases = (power.base for power in powers(expr) if not power.exp.is_Integer)
    return list(dict.fromkeys(base for base in bases if base.free_symbols))


def switches(expr: sympy.Expr) -> list[sympy.Expr]:
    """What changes its sign where a Piecewise changes its case."""
    return [part.lhs - part.rhs for part in parts(expr) if isinstance(part, Relational)]


def breaks(expr: sympy.Expr) -> list[sympy.Expr]:
    """The expressions at whose zeros an expression may change its sign or its form."""
    bases = [power.base for power in powers(expr) if not (power.exp.is_Integer and power.exp > 0)]
    return [expr, *bases, *(part.args[0] for part in expr.atoms(Abs)), *switches(expr)]


# Polynomials -----------------------------------------------------------------------------------


def factors(polynomial: fmpq_mpoly) -> list[tuple]:
    """The irreducible factors, monic, with their multiplicities; constants left out."""
    if polynomial == 0:
        return []
    return [(f / f.leading_coefficient(), power) for f, power in polynomial.factor()[1]]


def distinct(polynomials: Iterable[fmpq_mpoly]) -> list:
    return list({str(polynomial): polynomial for polynomial in polynomials}.values())


class Polynomials:
    """Algebraic expressions as polynomials over the rationals.

    The generators of their ring: the `free` symbols, those of `fixed` numbers, the roots that occur
    in the expressions (inner before outer), and one for the value of an expression.
    """

    def __init__(
        self,
        expressions: Sequence[sympy.Expr],
        free: Sequence[sympy.Symbol],
        fixed: dict,
        work: Work,
    ) -> None:
        self.free, self.fixed, self.work = free, fixed, work
        orders = {}
        for power in (power for expr in expressions for power in powers(expr)):
            if power.exp.is_Rational and not power.exp.is_Integer:
                if not (power.base.free_symbols or power.base.is_nonnegative):
                    raise Undecided("a root of a negative number")
                orders[power.base] = int(sympy.ilcm(orders.get(power.base, 1), power.exp.q))
        inner_first = sorted(orders, key=lambda base: sum(1 for _ in parts(base)))
        self.orders = {base: orders[base] for base in inner_first}
        self.place = {symbol: i for i, symbol in enumerate([*free, *fixed])}
        self.root = {base: i for i, base in enumerate(inner_first, len(self.place))}
        self.names = [f"x{i}" for i in range(len(self.place) + len(self.root) + 1)]
        self.ring = fmpq_mpoly_ctx.get(self.names, Ordering.lex)
        self.gens = self.ring.gens()

    # From expressions and back

    def cases(self, expr: sympy.Expr) -> list[dict]:
        """All choices of a case for each kink of an expression."""
        kinks = {kink: [kink.args[0], -kink.args[0]] for kink in expr.atoms(Abs)}
        kinks |= {kink: [value for value, _ in kink.args] for kink in expr.atoms(Piecewise)}
        if prod(map(len, kinks.values())) > _MAX_CASES:
            raise Undecided("too many cases")
        return [dict(zip(kinks, case, strict=True)) for case in product(*kinks.values())]

    def fraction(self, expr: sympy.Expr, case: Mapping = ()) -> tuple:
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
                raise Undecided("too high a power")
            n, d = (n, d) if power > 0 else (d, n)
            if d == 0:
                raise ZeroDivisionError
            return n ** abs(power), d ** abs(power)
        if expr in INFINITE:
            raise ZeroDivisionError
        raise Undecided(f"{expr} is not algebraic")

    def expression(self, polynomial: fmpq_mpoly) -> sympy.Expr:
        """A polynomial in the free symbols, for SymPy."""
        terms = polynomial.to_dict().items()
        return Add(*(rational(c) * prod(map(pow, self.free, m)) for m, c in terms))

    # Walls

    def walls(self, expr: sympy.Expr) -> tuple[list, bool]:
        """Irreducible polynomials in the free symbols: where none of them is zero, the expression
        has no values near 0 but 0, and not even 0 unless it is `degenerate`."""
        found, degenerate, z = [], False, len(self.gens) - 1
        for case in self.cases(expr):
            try:
                numerator, _ = self.fraction(expr, case)
                degenerate |= numerator == 0
                for factor, _ in factors(numerator):
                    norm = self._norm(factor, case)
                    if norm == 0:  # as for sqrt(x**2) - x
                        degenerate = True
                        norm = self.coefficient(self._norm(self.gens[z] - factor, case), z, min)
                    found += [wall for wall, _ in factors(norm)]
            except ZeroDivisionError:
                continue
        return distinct(found), degenerate

    def least_value(self, expr: sympy.Expr) -> fmpq:
        """Less than every absolute value, 0 left out, that an expression without free symbols has
        in any of its cases (Cauchy's bound of roots)."""
        bounds = []
        for case in self.cases(expr):
            numerator, denominator = self.fraction(expr, case)
            norm = self._norm(self.gens[-1] * denominator - numerator, case)
            coefficients = [abs(c) for _, c in sorted(norm.to_dict().items())]
            if not coefficients:
                raise Undecided("a value without an equation")
            bounds.append(coefficients[0] / (coefficients[0] + max(coefficients)) / 2)
        return min(bounds)

    def _norm(self, polynomial: fmpq_mpoly, case: Mapping) -> fmpq_mpoly:
        """The polynomial without roots and fixed numbers. It vanishes where the given one does."""
        for base, place in reversed(self.root.items()):
            if polynomial.degrees()[place] > 0:
                n, d = self.fraction(base, case)
                equation = d * self.gens[place] ** self.orders[base] - n
                polynomial = self.resultant(polynomial, equation, place)
        for symbol, number in self.fixed.items():
            place = self.place[symbol]
            if polynomial.degrees()[place] > 0:
                if not isinstance(number, Root):
                    raise Undecided("a number that need not be algebraic")
                x = self.gens[place]
                equation = sum(x**k * c for k, c in enumerate(number.coefficients))
                polynomial = self.resultant(polynomial, equation, place)
        return polynomial

    # Elimination

    def symbols(self, polynomial: fmpq_mpoly) -> list:
        degrees = polynomial.degrees()
        return [symbol for symbol in self.free if degrees[self.place[symbol]] > 0]

    def coefficient(self, polynomial: fmpq_mpoly, place: int, end: Callable = max) -> fmpq_mpoly:
        """The coefficient of the highest power of a generator, or of the lowest."""
        terms = polynomial.to_dict()
        if not terms:
            raise Undecided("a value without an equation")
        power = end(m[place] for m in terms)
        chosen = {m: c for m, c in terms.items() if m[place] == power}
        return self.ring.from_dict({(*m[:place], 0, *m[place + 1 :]): c for m, c in chosen.items()})

    def coefficients(self, polynomial: fmpq_mpoly, place: int) -> tuple:
        """Those of a polynomial in one symbol, the lowest first, times their denominator."""
        terms = {m[place]: c for m, c in polynomial.to_dict().items()}
        dense = [terms.get(k, 0) for k in range(max(terms) + 1)]
        return tuple(fmpq_poly(dense).numer().coeffs())

    def resultant(self, one: fmpq_mpoly, other: fmpq_mpoly, place: int) -> fmpq_mpoly:
        """The resultant of two polynomials; or that one of them which lacks the symbol."""
        a, b = ([int(degree) for degree in p.degrees()] for p in (one, other))
        m, n = a.pop(place), b.pop(place)
        if m <= 0 or n <= 0:  # the zero polynomial has degree -1
            return other if m > 0 else one
        degrees = [m * e + n * d for d, e in zip(a, b, strict=True)]
        total, others = int(one.total_degree() * other.total_degree()), sum(map(bool, degrees))
        terms = min(prod(d + 1 for d in degrees), comb(total + others, others))
        bits = max(int(c.p).bit_length() for p in (one, other) for c in p.coeffs())
        self.work.spend(terms * min(len(one), len(other)) * (m + n) * (1 + bits / 8) / 20)
        return one.resultant(other, self.names[place])

    def double(self, h: fmpq_mpoly, others: Iterable[fmpq_mpoly], place: int) -> list:
        """Irreducible polynomials in the other symbols, one of which is zero wherever h is and its
        derivative, or another one of the polynomials; and where the leading coefficient of h is,
        which divides the resultant of h and its derivative."""
        found = []
        for other in (h.derivative(place), *(other for other in others if other != h)):
            resultant = self.resultant(h, other, place)
            if resultant == 0:
                raise Undecided("a common factor")
            found += [factor for factor, _ in factors(resultant)]
        return found

    # Cells

    def cells(self, walls: Iterable[fmpq_mpoly], symbols: Sequence[sympy.Symbol]) -> Iterator[dict]:
        """Points with rational coordinates (`fmpq`), at least one in each connected open set that
        none of the walls meets, which are irreducible and distinct."""
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
        for i, wall in enumerate(above if others else []):
            below += self.double(wall, above[i:], place)
        for point in self.cells(distinct(below), others):
            values = {self.names[self.place[symbol]]: value for symbol, value in point.items()}
            fibres = [self.coefficients(wall.subs(values), place) for wall in above]
            self.work.spend(20 + sum(len(fibre) ** 2 for fibre in fibres) / 10)
            for value in _between(fibres):
                yield point | {y: value}


def _between(polynomials: list[tuple]) -> list[fmpq]:
    """Rational numbers, as simple as may be, one in each gap between the real roots of polynomials
    (no two of which share a root), one before and one after them."""
    roots = [
        root.narrow(fmpq(1, 8)) for polynomial in polynomials for root in real_roots(polynomial)
    ]
    for _ in range(_MAX_BITS):
        roots.sort(key=lambda root: (root.low, root.high))
        close = {
            i
            for i, (a, b) in enumerate(pairwise(roots))
            if b.low - a.high <= 4 * (a.high - a.low + b.high - b.low)
        }
        if not close:
            break
        for i in close | {i + 1 for i in close}:
            roots[i] = roots[i].narrow((roots[i].high - roots[i].low) / 16)
    else:
        raise Undecided("roots too close to each other")
    if not roots:
        return [fmpq(0)]
    first, last = fmpq(roots[0].low.floor() - 1), fmpq(roots[-1].high.ceil() + 1)
    return [first, *(_simple(one.high, other.low) for one, other in pairwise(roots)), last]


def _simple(low: fmpq, high: fmpq) -> fmpq:
    """A number between two, with the least power of 2 as denominator."""
    scale = 1
    while (number := fmpq((low * scale).floor() + 1, scale)) >= high:
        scale *= 2
    return fmpq(0) if low < 0 < high else number
