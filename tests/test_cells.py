"""`cells`: the sign of algebraic functions, decided on all cells, and on all points between them."""


import pytest
import sympy
from sympy import (
    Abs,
    Eq,
    Heaviside,
    Max,
    Min,
    Ne,
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

from gancode.calculus.cells import decide

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


# An independent judge: SymPy's exact arithmetic at given points ----------------------------------


def value_at(expr, point):
    """The real value of an expression, or None."""
    value = expr.subs(point, simultaneous=True)
    if value.has(S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity):
        return None
    if value.is_Rational:
        return value
    real, imaginary = value.evalf(40).as_real_imag()
    if abs(imaginary) > Rational(1, 10**25):
        return None
    return S.Zero if abs(real) < Rational(1, 10**25) else real


def stands(number, relation) -> bool:
    return {
        ">": number > 0,
        ">=": number >= 0,
        "<": number < 0,
        "<=": number <= 0,
        "==": number == 0,
        "!=": number != 0,
    }[relation] == True  # noqa: E712


def is_inside(relations, point) -> bool:
    gaps = [(value_at(r.lhs - r.rhs, point), r.rel_op) for r in relations]
    return all(gap is not None and stands(gap, relation) for gap, relation in gaps)


def fails_at(gap, relations, relation, point) -> bool:
    value = value_at(gap, point) if is_inside(relations, point) else None
    return value is not None and not stands(value, relation)


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
