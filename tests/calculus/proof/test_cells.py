"""`cells`: the sign of algebraic functions, decided in all cells and at all points between them."""

import itertools
import time

import mpmath
import pytest
import sympy
from flint import ctx, fmpq, fmpz_poly
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import (
    Abs,
    And,
    Eq,
    Heaviside,
    Integer,
    Max,
    Min,
    Ne,
    Or,
    Piecewise,
    Rational,
    S,
    Symbol,
    cbrt,
    exp,
    log,
    pi,
    sign,
    sqrt,
)

from gancode.calculus.proof.algebraic import Work, real_roots
from gancode.calculus.proof.cells import decide

x, y, z, w = sympy.symbols("x y z w", real=True)
p, q, r, s = sympy.symbols("p q r s", positive=True)
n = Symbol("n", integer=True, positive=True)
tiny = Rational(1, 10**9)

MOTZKIN = x**4 * y**2 + x**2 * y**4 + 1 - 3 * x**2 * y**2
ROBINSON = (
    x**6 + y**6 + z**6 + 3 * x**2 * y**2 * z**2
    - (x**4 * y**2 + x**4 * z**2 + y**4 * x**2 + y**4 * z**2 + z**4 * x**2 + z**4 * y**2)
)  # fmt: skip
CHOI_LAM = w**4 + x**2 * y**2 + y**2 * z**2 + z**2 * x**2 - 4 * x * y * z * w
STEP = Piecewise((0, x < 1), (1, True))
AT_ZERO = Piecewise((1, Eq(x, 0)), (0, True))


# An independent judge: plain arithmetic with 120 digits, in which 1e-90 is zero ------------------

DIGITS, ZERO = 120, mpmath.mpf(10) ** -90


class NoValue(ArithmeticError):
    """Division by zero, or an order of complex numbers."""


def real(number):
    if abs(mpmath.im(number)) > ZERO:
        raise NoValue
    return mpmath.mpf(0) if abs(number) < ZERO else mpmath.re(number)


def stands(left, relation, right) -> bool:
    side = mpmath.sign(real(left - right))
    return {
        ">": side > 0,
        ">=": side >= 0,
        "<": side < 0,
        "<=": side <= 0,
        "==": side == 0,
        "!=": side != 0,
    }[relation]


def evaluate(expr, point):
    if expr in point:
        return mpmath.mpmathify(sympy.N(point[expr], DIGITS))
    if not expr.args or expr.is_number:
        return mpmath.mpmathify(sympy.N(expr, DIGITS))
    if isinstance(expr, Piecewise):
        holds = (value for value, condition in expr.args if is_true(condition, point))
        return evaluate(next(holds), point)
    args = [evaluate(arg, point) for arg in expr.args]
    if expr.is_Add:
        return mpmath.fsum(args)
    if expr.is_Mul:
        return mpmath.fprod(args)
    if expr.is_Pow:
        if abs(args[0]) < ZERO:
            if expr.exp < 0:
                raise NoValue
            return mpmath.mpf(0)
        return mpmath.power(args[0], args[1])
    if isinstance(expr, Abs):
        return abs(args[0])
    args = [real(arg) for arg in args]
    if isinstance(expr, (Max, Min)):
        return max(args) if isinstance(expr, Max) else min(args)
    side = mpmath.sign(args[0])
    if isinstance(expr, sign):
        return side
    assert isinstance(expr, Heaviside)
    return (side + 1) / 2 if side else args[1]


def is_true(condition, point) -> bool:
    if condition in (True, False):
        return bool(condition)
    if isinstance(condition, (And, Or)):
        truths = [is_true(part, point) for part in condition.args]
        return all(truths) if isinstance(condition, And) else any(truths)
    left, right = (evaluate(side, point) for side in condition.args)
    return stands(left, condition.rel_op, right)


def fails_at(gap, relations, relation, point) -> bool:
    """Whether the gap has a real value at a point of the domain, and the statement is false."""
    with mpmath.workdps(DIGITS):
        try:
            if all(is_true(part, point) for part in relations):
                return not stands(real(evaluate(gap, point)), relation, 0)
        except NoValue:
            pass
    return False


TRUE = [
    # polynomials
    (MOTZKIN, ">="),
    (MOTZKIN + tiny, ">"),
    (ROBINSON, ">="),
    (CHOI_LAM, ">="),
    (p**4 * q**2 + p**2 * q**4 + 8 - 6 * p**2 * q**2, ">="),
    (p**3 + q**3 + r**3 - 3 * p * q * r, ">="),
    ((x**2 + y**2) * (z**2 + w**2) - (x * z + y * w) ** 2, ">="),
    (x**2 - x * y + y**2 + 1, ">"),
    (x**2 - x * y + y**2, ">", x > 0, y > 0),
    (x**4 - 4 * x + 3, ">="),
    ((x - y) ** 2 * (x + y), ">=", x + y >= 0),
    ((x - y) ** 6 * (x**2 + y**2), ">="),
    (sympy.prod((x - k) ** 2 for k in range(12)), ">="),
    (x**2 + (x * y - 1) ** 2, ">"),  # its infimum is 0
    ((x - 3) ** 2 * ((y - x) ** 2 + 1) + (y - 3) ** 2, ">", Ne(y, 3)),
    # rational functions
    (1 - x / (x + 1), ">", x > 0),
    (1 - x / (x + 1), ">", x > -1),
    (1 / x**2, ">"),
    (x + 1 / x - 2, ">=", x > 0),
    (p / (q + r) + q / (p + r) + r / (p + q) - Rational(3, 2), ">="),
    (p / (q + r) + q / (p + r) + r / (p + q) - Rational(3, 2), ">", p < q),
    ((p + q + r) * (1 / p + 1 / q + 1 / r) - 9, ">="),
    # roots
    ((p + q) / 2 - sqrt(p * q), ">="),
    ((p + q) / 2 - sqrt(p * q), ">", p < q),
    ((p + q + r) / 3 - cbrt(p * q * r), ">="),
    ((p + q + r) / 3 - cbrt(p * q * r), ">", p < q, q < r),
    (sqrt(p**2 + 4) / 2 - 1, ">"),
    (sqrt(x**2 + y**2) + sqrt(z**2 + w**2) - sqrt((x + z) ** 2 + (y + w) ** 2), ">="),
    (sqrt((p**2 + q**2 + r**2) / 3) - (p + q + r) / 3, ">="),
    (cbrt((p**3 + q**3) / 2) - (p + q) / 2, ">="),
    (p ** Rational(3, 2) - p + Rational(4, 27), ">="),
    (sqrt(p + sqrt(q + sqrt(r))) - sqrt(p), ">"),
    (sqrt(x**2 + y**2 + 1) + x, ">"),
    ((x - sqrt(2)) ** 2, ">="),
    (x * sqrt(2) - 1, ">", x >= 1),
    (sqrt(x**2) - x, ">="),
    (1 / (sqrt(x**2) + x), ">", x > 0),
    # kinks
    (Abs(x) + Abs(y) - Abs(x + y), ">="),
    (Abs(x) + Abs(y) + Abs(z) - Max(x, y, z), ">="),
    (x - Min(x, y), ">="),
    (Max(x, y, z) - (x + y + z) / 3, ">="),
    (Abs(x) + Abs(x + 1) + y**2, ">"),
    (1 - Heaviside(x) * Heaviside(-x), ">="),
    (x * sign(x), ">="),
    (x**2 * y**2 + sign(y) ** 2, ">", y < 0),
    (Piecewise((x, x > y), (y, True)) - Max(x, y), "=="),
    (sqrt(Piecewise((x - 1, x > 1), (1 - x, True))), ">="),
    # equalities
    (sqrt(x) * sqrt(y) - sqrt(x * y), "==", x > 0, y > 0),
    (sqrt(x**2) - Abs(x), "=="),
    (Max(x, y) + Min(x, y) - x - y, "=="),
    (sqrt(2 + sqrt(3)) - (sqrt(6) + sqrt(2)) / 2 + 0 * x, "=="),
    (sqrt(p + 2 * sqrt(p * q) + q) - sqrt(p) - sqrt(q), "=="),
    (Abs(x * y) - Abs(x) * Abs(y), "=="),
    # where a radicand is negative, nothing is claimed
    (1 - sqrt(1 - x**2), ">="),
    (x / 2 - sqrt(x - 1), ">="),
    (Rational(1, 2) - x * sqrt(1 - x**2), ">="),
    (1 - sqrt(1 - x**2 - y**2), ">="),
    (sqrt(x) + sqrt(y), ">="),
    (sqrt(x) + sqrt(y) + 1, ">"),
    (sqrt(x) * sqrt(-x), ">="),
    (sqrt(x - y) + sqrt(y - x), ">="),
    # domains
    (y - x, ">", x < y, y < x + tiny),
    (tiny - y + x, ">", x < y, y < x + tiny),
    (x, "==", x <= 0, x >= 0),
    (-1 + 0 * x, ">=", x < 0, x > 0),
    (-1 - y**2, ">=", x <= -1, x >= 0),
    (y, ">=", -((x - y) ** 2) >= 0, x >= 0),
    (x - 1, ">=", -((x - 1) ** 2) - y**2 >= 0),
    (x**4 + y**4 - Rational(1, 2), ">=", x**2 + y**2 >= 1),
    (p + q - 2, ">=", p * q >= 1),
    (p + q - 2, ">", p * q > 1),
    (1 - x, ">=", x**2 + y**2 <= 1),
    (2 - x - y, ">", x**2 + y**2 <= 1),
    (1 - x * y, ">=", Abs(x) <= 1, Abs(y) <= 1),
    (x, ">=", x**3 >= 0),
    (x + y, ">=", x**2 * (x + y) >= 0, x > 1),
    (x - 1, ">=", Eq(x * y, 1), y <= 1, x > 0),
    (sqrt(x) - y, ">", y < sqrt(x), x >= 0),
    (-STEP, ">=", x < 1),
    # numbers that are not algebraic, whole numbers
    (x**2 - 2 * pi * x + pi**2, ">="),
    (pi * x - 3 * x, ">", x > 0),
    (exp(1) + log(2) * x, ">", x >= 0),
    (n - 1, ">="),
    (n**2 - n + 1, ">"),
    (S(3), ">="),
    (S.Zero, "=="),
]

FALSE = [
    (MOTZKIN - tiny, ">="),
    (MOTZKIN, ">"),
    (ROBINSON - tiny, ">="),
    (CHOI_LAM - tiny, ">="),
    (CHOI_LAM, ">"),
    (p**4 * q**2 + p**2 * q**4 + 8 - tiny - 6 * p**2 * q**2, ">="),
    ((x - sqrt(2)) ** 2 - Rational(1, 10**15), ">="),
    ((x - sqrt(2)) ** 2, ">"),
    (p**2 - 3 * p / 7 + Rational(9, 196) - Rational(1, 10**18), ">="),
    (p**2 - 3 * p / 7 + Rational(9, 196), ">"),
    (x**2 - x * y + y**2, ">"),
    (sympy.prod((x - k) ** 2 for k in range(12)), ">"),
    (x**2 * (x**2 - Rational(1, 10**30)), ">="),
    ((x - 5) ** 2 + y**2 - 1, ">="),  # no root above or below x = 0
    ((x - 5) * y**2 + y + 1, ">="),
    (-1 + 0 * x, ">=", y > 0, y < x - 5),
    (-1 + 0 * x, ">=", 1 / x > 7),
    (1 - x / (x + 1), ">"),
    (1 / x, ">="),
    (1 / (x - y) + 1, ">="),
    ((p + q) / 2 - sqrt(p * q), ">"),
    (p ** Rational(3, 2) - p + Rational(4, 27) - tiny, ">="),
    (1 - sqrt(1 - x**2), ">"),
    (sqrt(x) + sqrt(y), ">"),
    (sqrt(x**2) - x, ">"),
    (sqrt(x**2) - x, "=="),
    (Abs(x) + Abs(y) - Abs(x - 2 * y), ">="),
    (Abs(x) - AT_ZERO, ">="),
    (x**2 + y**2 - AT_ZERO, ">="),
    (y**2 - Piecewise((1, Eq(x, y) & Eq(y, 0)), (0, True)), ">="),
    (sign(x) + 1, ">"),
    (Abs(sign(x)), ">"),
    (x**2 + sign(y) ** 2, ">"),
    (Heaviside(x) - Rational(1, 2), "=="),
    (-STEP, ">=", x <= 1),
    (x - 1, ">=", x <= 0, x >= 0),
    (tiny / 2 - y + x, ">", x < y, y < x + tiny),
    # points that are no limits of cells
    (-1 + 0 * x, ">=", -(x**2) >= 0),
    (y - 1, ">=", -((x - y) ** 2) >= 0, x >= 0),
    (x - 2, ">=", -((x - 1) ** 2) - y**2 >= 0),
    (x - 1, ">=", x**2 * (x - 1) >= 0),
    (x, ">", x**2 * (x - 1) >= 0),
    (x - 1, ">=", (x**2 + y**2) * (x - 2) >= 0),
    (x + y - 1, ">=", x**2 * (x + y - 1) >= 0),
    (x - 1, ">=", x * (x - 1) ** 2 >= 0, -x >= 0),
    (x - 1, ">=", y - x**2 >= 0, -y >= 0),
    (x**2 + y**2 - 1, ">=", -Abs(x) >= 0),
    (-y, ">=", -Abs(x) >= 0),
    (x, ">", x >= 0),
    (y, ">", x * y >= 0, y * (x - 1) >= 0, y >= 0),
    (x + y, ">", x >= 0, y >= 0),
    (p * q - 1, ">", p * q >= 1),
    (x**4 + y**4 - Rational(1, 2), ">", x**2 + y**2 >= 1),
    (x - 1, ">=", Eq(x * y, 1), y <= 1),
    (sqrt(x) - y, ">", y <= sqrt(x), x >= 0),
    (x**2 - 2 * pi * x + pi**2 - tiny, ">="),
    (pi - Rational(22, 7) + 0 * x, ">="),
    (S.NegativeOne, ">="),
    (S.Zero, ">"),
]  # fmt: skip


@pytest.mark.parametrize("statement", TRUE, ids=str)
def test_what_is_true_is_proved(statement):
    gap, relation, *domain = statement
    decision = decide(gap, domain, relation)
    assert decision and decision.holds and decision.point is None


@pytest.mark.parametrize("statement", FALSE, ids=str)
def test_what_is_false_is_refuted_at_a_point_of_the_domain(statement):
    gap, relation, *domain = statement
    decision = decide(gap, domain, relation)
    assert decision and not decision.holds
    assert fails_at(gap, domain, relation, decision.point)
    for symbol, value in decision.point.items():
        assert not symbol.is_positive or value.is_positive
        assert not symbol.is_integer or value.is_integer


UNDECIDED = [
    (exp(x) - x - 1, ">="),
    (x**z, ">="),
    (sympy.sin(x) ** 2, ">="),
    (Symbol("c") ** 2, ">="),  # complex
    (x**2 + sympy.I, ">="),
    (cbrt(x), ">="),  # of negative numbers, too
    (sqrt(x) * sqrt(x - 1), ">="),  # -sqrt(2) at -1
    (sqrt(x) * sqrt(y) - sqrt(x * y), "=="),  # -1 - 1 at (-1, -1)
    (Abs(sqrt(x) - 1), ">="),
    (cbrt(-1) * x, ">"),
    (sympy.Symbol("i", integer=True) * (sympy.Symbol("i", integer=True) - 1), ">="),
    (n - 2, ">="),  # false, but at no point that was tried
    (Symbol("o", odd=True) ** 2 - 1, ">="),
    (Symbol("t", irrational=True) ** 2 - 1, ">="),
    (x, ">=", STEP > 0),
    (sum(symbol**2 for symbol in sympy.symbols("a:5", real=True)), ">="),
    (sum(Abs(x - k) for k in range(9)), ">="),
    ((x + y + z + w + 1) ** 99 + x**100, ">="),
]


@pytest.mark.parametrize("statement", UNDECIDED, ids=str)
def test_what_is_not_decided_is_said_to_be(statement):
    gap, relation, *domain = statement
    assert decide(gap, domain, relation) is None


def test_a_relation_of_another_kind_is_refused():
    with pytest.raises(ValueError, match=">=, > or =="):
        decide(x, [], "<=")


def test_the_work_is_limited():
    """Neither dense polynomials nor many roots keep it busy for long."""
    power = lambda k: sum(x**i * y**j * z**k for i, j in itertools.product(range(9), repeat=2))  # noqa: E731
    hard = [
        power(8) ** 2 + power(3) ** 2 + 1,
        sum(sqrt(1 + (x - k) ** 2 + (y + k * z) ** 2) for k in range(6)) - 6,
        sum((x - k * y + z * w) ** 6 for k in range(5)) + (x**2 * y - w + z**3) ** 4,
    ]
    for gap in hard:
        start = time.process_time()
        decide(gap, [], ">=")
        assert time.process_time() - start < 8
    work = Work(100)
    with pytest.raises(Exception, match="too much work"):
        work.spend(101)


# Roots -------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(-20, 20), st.integers(1, 9)), max_size=4, unique=True),
    st.lists(st.integers(-9, 9), min_size=1, max_size=6),
)
def test_real_roots_are_those_that_sturm_counts(rational, rest):
    t = Symbol("t")
    whole = sympy.Poly(rest, t) * sympy.prod(sympy.Poly(b * t - a, t) for a, b in rational)
    assume(not whole.is_zero and whole.degree() > 0)
    whole = sympy.Poly(whole.sqf_part(), t)
    coefficients = tuple(int(c) for c in reversed(whole.all_coeffs()))
    roots = real_roots(coefficients)
    assert len(roots) == whole.count_roots()
    polynomial = fmpz_poly(list(coefficients))
    for place, root in enumerate(roots):
        assert root.place == place
        root = root.narrow(fmpq(1, 10**6))
        low, high = (Rational(int(end.p), int(end.q)) for end in (root.low, root.high))
        assert whole.count_roots(low, high) == 1
        with ctx.workprec(200):
            assert root.ball(200).rad() < fmpq(1, 2**190)
            assert polynomial(root.ball(200)).contains(0)
    assert all(one.high <= other.low for one, other in itertools.pairwise(roots))


# Against independent judges ----------------------------------------------------------------------

coefficients = st.integers(-3, 3)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.lists(coefficients, min_size=2, max_size=8), st.integers(-2, 2), st.booleans())
def test_one_symbol_as_sturm_has_it(numbers, end, closed):
    """A polynomial on a half-line: its sign between its roots, which SymPy finds."""
    gap = sympy.Poly(numbers, x)
    assume(gap.degree() > 0)
    domain = [x >= end] if closed else [x > end]
    roots = sorted({root for root in sympy.real_roots(gap)})
    inside = [root for root in roots if root > end or (closed and root == end)]
    knots = [Integer(end), *[root for root in roots if root > end]]
    between = [(a + b) / 2 for a, b in itertools.pairwise(knots)] + [knots[-1] + 1]
    least = min(sympy.sign(gap.as_expr().subs(x, t).evalf(50)) for t in between)
    for relation, truth in ((">=", least >= 0), (">", least > 0 and not inside)):
        decision = decide(gap.as_expr(), domain, relation)
        assert decision and decision.holds == truth
        assert truth or fails_at(gap.as_expr(), domain, relation, decision.point)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.lists(coefficients, min_size=6, max_size=6), min_size=1, max_size=3),
    st.tuples(coefficients, coefficients),
    st.booleans(),
)
def test_sums_of_squares_and_the_same_with_a_dent(rows, zero, roots):
    """Squares that vanish at one point: not negative there or anywhere, and negative once a
    billionth is taken away."""
    monomials = [1, x, y, x**2, x * y, y**2]
    squares = [sum(c * m for c, m in zip(row, monomials, strict=True)) for row in rows]
    squares = [e - e.subs({x: zero[0], y: zero[1]}) for e in map(sympy.sympify, squares)]
    gap = sympy.expand(sum(e**2 for e in squares))
    gap = sqrt(gap) if roots else gap
    assume(gap.free_symbols)
    for relation in (">=", ">"):
        decision = decide(gap, [], relation)
        assert decision is None or decision.holds == (relation == ">=")
    dented = decide(gap - tiny, [], ">=")
    assert dented and not dented.holds and fails_at(gap - tiny, [], ">=", dented.point)


lines = st.builds(lambda a, b, c: a * x + b * y + c, *[st.integers(-2, 2)] * 3)


def _parts(inner):
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda ab: ab[0] + ab[1]),
        pairs.map(lambda ab: ab[0] * ab[1]),
        pairs.map(lambda ab: Max(*ab)),
        pairs.map(lambda ab: Min(*ab)),
        pairs.map(lambda ab: ab[0] / (1 + ab[1] ** 2)),
        inner.map(lambda a: a**2),
        inner.map(Abs),
        inner.map(sign),
        inner.map(Heaviside),
        inner.map(sqrt),
        inner.map(lambda a: sqrt(a**2 + 1)),
        inner.map(lambda a: 1 / a),
        st.tuples(inner, inner, lines).map(lambda t: Piecewise((t[0], t[2] > 0), (t[1], True))),
        st.tuples(inner, lines).map(lambda t: t[0] ** 2 - Piecewise((1, Eq(t[1], 0)), (0, True))),
    ).filter(lambda e: not e.has(sympy.zoo, sympy.nan, sympy.I))  # of constants: 1/0, sqrt(-1)


functions = st.recursive(st.one_of(lines, st.sampled_from([x, y])), _parts, max_leaves=4)
gaps = st.one_of(
    functions,
    functions.map(lambda f: Abs(f) - f),
    st.tuples(functions, functions).map(lambda t: Max(*t) - t[0]),
    st.tuples(functions, functions).map(lambda t: t[0] ** 2 + t[1] ** 2 - t[0] * t[1]),
)
bounds = st.one_of(
    lines,
    st.tuples(lines, lines).map(lambda t: t[0] * t[1]),
    st.tuples(lines, lines).map(lambda t: -((t[0] * t[1]) ** 2)),
    st.tuples(lines, lines).map(lambda t: t[0] ** 2 * t[1]),
    st.tuples(lines, lines).map(lambda t: -(t[0] ** 2) - t[1] ** 2),
    st.tuples(lines, lines).map(lambda t: t[0] ** 2 + t[1] ** 2 - 1),
    st.tuples(lines, lines).map(lambda t: Abs(t[0]) - t[1]),
)
kinds = st.sampled_from([lambda e: e >= 0, lambda e: e > 0, lambda e: Ne(e, 0), lambda e: Eq(e, 0)])
relations = (
    st.tuples(bounds, kinds).map(lambda t: t[1](t[0])).filter(lambda c: c not in (True, False))
)
grid = [Rational(k, 2) for k in range(-3, 4)]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(gaps, st.lists(relations, max_size=2), st.sampled_from([">=", ">", "=="]))
def test_no_point_contradicts_a_decision(gap, domain, relation):
    assume(not gap.has(S.NaN, S.ComplexInfinity, sympy.I) and gap.free_symbols)
    decision = decide(gap, domain, relation)
    if decision is None:
        return
    if not decision.holds:
        assert fails_at(gap, domain, relation, decision.point)
        return
    for point in itertools.product(grid, repeat=2):
        assert not fails_at(gap, domain, relation, dict(zip((x, y), point, strict=True)))
