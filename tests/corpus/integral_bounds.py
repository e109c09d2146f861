"""Inequalities between integrals, and between an integral and a number or a function."""

from sympy import Abs, Integral, Max, Rational, cos, exp, log, oo, pi, sin, sqrt

from gancode.calculus.symbols import softplus

from . import of_kind
from .names import e, n, q, t, ten, u, x

true, false = of_kind("integral_bounds")

half = Rational(1, 2)
unit, line, ray = (t, 0, 1), (t, -oo, oo), (t, 0, oo)
phi = exp(-(t**2) / 2) / sqrt(2 * pi)
hypotenuse = Integral(sqrt(t**2 + u**2), unit)
growth = Integral(exp(t**2), unit)
bell = Integral(exp(-(t**2)), ray)

STATEMENTS = [
    true("hypotenuse", hypotenuse, ">=", half, "√(t² + u²) ≥ t", at={u: ten(-8)}),
    false("hypotenuse-lifted", hypotenuse, ">=", half + ten(-6), "½ as u → 0", at={u: ten(-5)}),
    true("growth-by-taylor", growth, ">=", Rational(4, 3), "exp(t²) ≥ 1 + t²"),
    true("growth-rounded-up", growth, "<=", Rational("1.46266"), "1.4626517…"),
    false("growth-rounded-too-far", growth, ">=", Rational("1.4626518"), "1.46265174…", at={}),
    true("bell", bell, ">=", Rational("0.886226925452"), "√π/2 = 0.886226925452758"),
    false("bell-lifted", bell, ">=", Rational("0.886226925453"), "√π/2", at={}),
    true("mean-softplus", Integral(softplus(t) * phi, line), ">=", log(2), "Jensen: the mean is 0"),
    false(
        "mean-softplus-lifted",
        Integral(softplus(t) * phi, line),
        ">=",
        Rational(81, 100),
        "0.80606",
        at={},
    ),
    true(
        "mean-softplus-above",
        Integral(softplus(t) * phi, line),
        "<=",
        log(2) + Rational(1, 8),
        "softplus t ≤ log 2 + t/2 + t²/8",
    ),
    true("pointwise", Integral(exp(-(t**2)), unit), ">=", Integral(exp(-t), unit), "t² ≤ t"),
    false(
        "pointwise-beyond",
        Integral(exp(-(t**2)), (t, 0, x)),
        ">=",
        Integral(exp(-t), (t, 0, x)),
        "from 2.6 on the tail decides",
        x > 0,
        at={x: 5},
    ),
    true(
        "cauchy-schwarz",
        Integral(t * exp(t), unit) ** 2,
        "<=",
        Integral(t**2, unit) * Integral(exp(2 * t), unit),
        "Cauchy and Schwarz",
    ),
    false(
        "cauchy-schwarz-reversed",
        Integral(t * exp(t), unit) ** 2,
        ">=",
        Integral(t**2, unit) * Integral(exp(2 * t), unit),
        "t and exp t are not proportional",
        at={},
    ),
    true(
        "jensen-log",
        Integral(log(1 + t), unit),
        "<=",
        log(Integral(1 + t, unit)),
        "concave",
    ),
    false(
        "jensen-log-reversed",
        Integral(log(1 + t), unit),
        ">=",
        log(Integral(1 + t, unit)),
        "0.386 and 0.405",
        at={},
    ),
    true(
        "triangle",
        Abs(Integral(sin(x * t), unit)),
        "<=",
        Integral(Abs(sin(x * t)), unit),
        "triangle",
    ),
    false(
        "triangle-strict",
        Abs(Integral(sin(x * t), unit)),
        "<",
        Integral(Abs(sin(x * t)), unit),
        "equal for x = 1",
        at={x: 1},
    ),
    true(
        "tail-by-mills",
        Integral(exp(-(t**2) / 2), (t, u, oo)),
        "<=",
        exp(-(u**2) / 2) / u,
        "t/u ≥ 1",
    ),
    false(
        "tail-by-mills-lowered",
        Integral(exp(-(t**2) / 2), (t, u, oo)),
        "<=",
        exp(-(u**2) / 2) / (u + Rational(1, 2)),
        "1/u − 1/u³ for large u",
        at={u: 4},
    ),
    true(
        "log-by-trapezoid",
        Integral(1 / t, (t, 1, 1 + u)),
        "<=",
        u * (1 + 1 / (1 + u)) / 2,
        "convex: the chord lies above",
    ),
    false(
        "log-by-midpoint",
        Integral(1 / t, (t, 1, 1 + u)),
        "<=",
        u / (1 + u / 2),
        "convex: the tangent at the middle lies below",
        at={u: 1},
    ),
    true("positive-integrand", Integral(exp(-x * t**2), unit), ">", 0, "positive"),
    false(
        "bounded-integrand",
        Integral(exp(-x * t**2), unit),
        "<=",
        1,
        "for x < 0 the integrand exceeds 1",
        at={x: -1},
    ),
    true("bounded-integrand-positive", Integral(exp(-u * t**2), unit), "<", 1, "below 1"),
    true(
        "wallis",
        Integral(sin(t) ** (n + 1), (t, 0, pi / 2)),
        "<=",
        Integral(sin(t) ** n, (t, 0, pi / 2)),
        "sin t ≤ 1",
    ),
    false(
        "wallis-bounded",
        Integral(sin(t) ** n, (t, 0, pi / 2)),
        ">=",
        Rational(2, 10),
        "about √(π/2n): 0.177 at 50",
        at={n: 50},
    ),
    true(
        "riemann-lebesgue",
        Abs(Integral(cos(x * t), unit)),
        "<=",
        1,
        "|cos| ≤ 1",
    ),
    false(
        "riemann-lebesgue-sign",
        Integral(cos(x * t), unit),
        ">=",
        0,
        "sin x/x is negative beyond π",
        at={x: 4},
    ),
    true("hinge-convex", Integral(Max(0, x + t), (t, -1, 1)), ">=", 2 * Max(0, x), "Jensen"),
    false(
        "hinge-convex-lifted",
        Integral(Max(0, x + t), (t, -1, 1)),
        ">=",
        2 * Max(0, x) + ten(-12),
        "equal for |x| ≥ 1",
        at={x: 1},
    ),
    true("log-concave-power", Integral(t**u, unit), "<", 1, "1/(u + 1)"),
    false("log-concave-power-low", Integral(t**u, unit), ">", ten(-6), "1/(u + 1)", at={u: 10**7}),
    true(
        "kl-of-exponentials",
        Integral(u * exp(-u * t) * log(u * exp(-u * t) / exp(-t)), ray),
        ">=",
        0,
        "log u + 1/u − 1",
        at={u: Rational(1, 2)},
    ),
    false(
        "kl-of-exponentials-strict",
        Integral(u * exp(-u * t) * (log(u) + (1 - u) * t), ray),
        ">",
        0,
        "0 at u = 1",
        at={u: 1},
    ),
    true(
        "two-ends",
        Integral(exp(-(t**2)), (t, x, x + 1)),
        "<=",
        Integral(exp(-(t**2)), (t, -half, half)),
        "the unit interval about the peak holds most",
        at={x: -half},
    ),
    false(
        "two-ends-off-centre",
        Integral(exp(-(t**2)), (t, x, x + 1)),
        "<=",
        Integral(exp(-(t**2)), (t, -half + ten(-3), half + ten(-3))),
        "at x = −½ it is larger by 3.9e-7",
        at={x: -half},
    ),
    true(
        "entropy-of-a-mixture",
        Integral(-log(q + (1 - q) * t), unit),
        ">=",
        0,
        "log ≤ 0",
        q <= 1,
        at={q: 1},
    ),
    false(
        "linear-bound",
        Integral(sqrt(1 + e * t), unit),
        ">=",
        1 + e / 4 - e**2 / 25,
        "1 + e/4 − e²/24 + … near 0",
        e <= ten(-2),
        at={e: ten(-3)},
    ),
]
