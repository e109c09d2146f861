"""Statements that are neither true nor false, or beyond reach: `prove` must end, and how."""

from sympy import (
    Eq,
    Integral,
    Limit,
    Matrix,
    Rational,
    S,
    Sum,
    Symbol,
    exp,
    factorial,
    log,
    oo,
    sin,
    zoo,
)

from . import Ending
from .names import D, c, f, g, k, n, p, q, t, u, x, y, z

EMPTY = frozenset({"EmptyDomainError"})
DIVERGES = frozenset({"EmptyDomainError", "UndecidableError"})
OPEN = frozenset({"checked", "UndecidableError"})
TRUE = frozenset({"proved", "checked", "UndecidableError"})
FALSE = frozenset({"refuted", "UndecidableError"})
WRONG = frozenset({"Refused"})
NO_STATEMENT = frozenset({"WrongType"})

pr = Symbol("pr", prime=True)
two = Symbol("two", prime=True, even=True)
ir = Symbol("ir", irrational=True)
line = (x, -oo, oo)


def ending(name, lhs, relation, rhs, outcomes, why, assumptions=()) -> Ending:
    """One entry, in the order in which it is read."""
    return Ending(name, lhs, rhs, relation, assumptions, outcomes, why)


ENDINGS = (
    ending("pole-inside", Integral(1 / t**2, (t, -1, 1)), "==", -2, DIVERGES, "infinite"),
    ending("pole-at-an-end", Integral(1 / t, (t, 0, 1)), "<=", 100, DIVERGES, "infinite"),
    ending("oscillates", Integral(sin(t), (t, 0, oo)), "==", 1, DIVERGES, "no limit"),
    ending("limit-oscillates", Limit(sin(t), t, oo), "==", 0, DIVERGES, "no limit"),
    ending("limit-infinite", Limit(t ** Rational(1, 100) / log(t), t, oo), "==", 0, DIVERGES, "oo"),
    ending("harmonic-series", Sum(1 / k, (k, 1, oo)), "<=", 20, DIVERGES, "infinite"),
    ending("grandi", Sum((-1) ** k, (k, 0, oo)), "==", S.Half, DIVERGES, "no limit"),
    ending("infinite-product", zoo * (x + 1), "==", zoo * (x + 1), EMPTY, "not finite anywhere"),
    ending("division-by-zero", 1 / (sin(x) ** 2 - sin(x) * sin(x + 0)), "==", x, EMPTY, "1/0"),
    ending("no-number", x, "==", 1, EMPTY, "above 1 and below 0", [x > 1, x < 0]),
    ending("no-integer", k, "==", 0, EMPTY, "between ⅓ and ⅔", [3 * k > 1, 3 * k < 2]),
    ending("cycle", x, "<", y, EMPTY, "x < y < z < x", [x < y, y < z, z < x]),
    ending(
        "far-from-the-disc", x, "<", y, EMPTY, "x + y ≤ √2", [x**2 + y**2 <= 1, 2 * (x + y) >= 3]
    ),
    ending("even-primes", two, "==", 2, EMPTY, "2 is the only one", [two > 2]),
    ending("irrational-two", ir, "==", 2, EMPTY, "2 is rational", [ir >= 2, ir <= 2]),
    ending("opposite-signs", p, "==", q, EMPTY, "both are positive", [Eq(q, -p)]),
    ending("order-against-exp", x, "<", y, EMPTY, "exp increases", [x > y, exp(x) < exp(y)]),
    ending("negative-square", x, "==", 0, EMPTY, "a square", [x**2 < -1]),
    ending("sum-of-positives", p, "<", q, EMPTY, "p + q > 0", [p + q < 0]),
    ending("unknown-relation", x, "!=", y, WRONG, "not a relation that is known"),
    ending("order-of-complex", c, "<=", 1, WRONG, "no order"),
    ending("assumption-no-relation", x, "==", 1, NO_STATEMENT, "an expression", x),
    ending("text", "x", "==", 1, NO_STATEMENT, "no expression"),
    ending("matrix", Matrix([x]), "==", 1, NO_STATEMENT, "no expression"),
    ending("truth-value", S.true, "==", 1, NO_STATEMENT, "no expression"),
    ending(
        "flint-hills",
        Sum(1 / (k**3 * sin(k) ** 2), (k, 1, oo)),
        "<=",
        31,
        OPEN,
        "nobody knows whether it converges",
    ),
    ending(
        "unknown-integrals",
        Integral(D(x) * log(D(x)), line),
        "==",
        Integral(g(x), line),
        FALSE,
        "false for some, and no value in general",
    ),
    ending("unknown-limit", Limit(D(t), t, oo), "<=", 1, FALSE, "any limit, or none"),
    ending("unknown-integral", Integral(f(t), (t, 0, oo)), "==", 0, FALSE, "any value, or none"),
    ending("tower", exp(exp(exp(10))), ">", 0, TRUE, "positive, too large to write"),
    ending("tower-small", exp(-exp(exp(exp(3)))), ">", 0, TRUE, "positive, too small to write"),
    ending("large-factorial", factorial(n), ">", 10**9, TRUE, "8e9 digits and more", n >= 10**9),
    ending("large-powers", S(2) ** n, "==", S(3) ** n, FALSE, "too large to write", n >= 10**12),
    ending(
        "long-sum",
        (x - 1) * Sum(x**k, (k, 0, 10**9 - 1)),
        "==",
        x ** (10**9) - 1,
        TRUE,
        "geometric, with 1e9 terms",
    ),
    ending("many-terms", Sum(1 / k, (k, 1, 10**12)), "<=", 29, TRUE, "28.2, by its integral"),
    ending(
        "solved-for-neither",
        x * y,
        "<=",
        S.Half,
        frozenset({"proved", "checked", "Refused"}),
        "true on the circle, which no symbol alone describes",
        [Eq(x**2 + y**2, 1)],
    ),
    ending("nested-root-power", u ** (u**u), ">", 0, TRUE, "positive"),
    ending("factorial-parity", (-1) ** factorial(n + 2), "==", 1, TRUE, "even"),
    ending("principal-value", Integral(1 / t, (t, -1, 1)), "==", 0, DIVERGES, "no integral"),
    ending("odd-tails", Integral(t / (1 + t**2), (t, -oo, oo)), "==", 0, DIVERGES, "no integral"),
    ending(
        "infinite-difference",
        Integral(1 / t, (t, 0, 1)) - Integral(1 / t, (t, 0, u)),
        "==",
        -log(u),
        DIVERGES,
        "both are infinite",
    ),
    ending("no-prime", pr, "==", 97, EMPTY, "no prime from 90 to 96", [pr >= 90, pr <= 96]),
    ending("no-root", k, "==", 1, EMPTY, "√2 is no integer", [k**2 >= 2, k**2 <= 3]),
)
