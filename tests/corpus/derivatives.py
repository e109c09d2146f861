"""Derivatives of known functions: rules, parameters, kinks, integrals with moving ends."""

from sympy import (
    Abs,
    Derivative,
    Heaviside,
    Integral,
    Max,
    Ne,
    Piecewise,
    Rational,
    atan,
    cos,
    cosh,
    erf,
    exp,
    gamma,
    log,
    pi,
    polygamma,
    sign,
    sin,
    sqrt,
    tan,
    tanh,
)

from gancode.calculus.symbols import sigmoid, softplus

from . import of_kind
from .names import n, p, q, t, ten, u, v, x, y

true, false = of_kind("derivatives")

half = Rational(1, 2)


def slope(body, *variables):
    """The derivative, not carried out."""
    return Derivative(body, *(variables or (x,)))


STATEMENTS = [
    true("softplus", slope(softplus(x)), "==", sigmoid(x), "e^x/(1 + e^x)"),
    false("softplus-minus", slope(softplus(-x)), "==", sigmoid(-x), "inner slope −1", at={x: 0}),
    true("sigmoid", slope(sigmoid(x)), "==", sigmoid(x) * (1 - sigmoid(x)), "quotient rule"),
    false(
        "sigmoid-second",
        slope(sigmoid(x), (x, 2)),
        "==",
        sigmoid(x) * (1 - sigmoid(x)) * (1 - sigmoid(x) / 2),
        "1 − 2σ",
        at={x: 0},
    ),
    true(
        "sigmoid-second-right",
        slope(sigmoid(x), (x, 2)),
        "==",
        sigmoid(x) * (1 - sigmoid(x)) * (1 - 2 * sigmoid(x)),
        "product rule",
    ),
    true("self-power", slope(u**u, u), "==", u**u * (1 + log(u)), "exp(u log u)"),
    false("self-power-as-power", slope(u**u, u), "==", u * u ** (u - 1), "equal at 1", at={u: 2}),
    true("power-of-a-parameter", slope(u**v, u), "==", v * u ** (v - 1), "power rule"),
    true("exponent", slope(u**x), "==", u**x * log(u), "exponential"),
    false(
        "exponent-as-power",
        slope(u**x),
        "==",
        x * u ** (x - 1),
        "not a power of x",
        at={u: 2, x: 2},
    ),
    true("tangent", slope(tan(x)), "==", 1 + tan(x) ** 2, "quotient rule"),
    true("tanh", slope(tanh(x)), "==", 1 / cosh(x) ** 2, "quotient rule"),
    false("tanh-shifted", slope(tanh(x)), "==", 1 / cosh(x + ten(-12)) ** 2, "shift", at={x: 1}),
    true("arctangent", slope(atan(x / y)), "==", y / (x**2 + y**2), "chain rule"),
    false(
        "arctangent-exchanged", slope(atan(x / y), y), "==", x / (x**2 + y**2), "−", at={x: 1, y: 1}
    ),
    true("modulus", slope(Abs(x)), "==", sign(x), "off the kink", Ne(x, 0)),
    false(
        "modulus-of-a-shift",
        slope(Abs(x - 3)),
        "==",
        Piecewise((-1, x < 3 - ten(-9)), (1, True)),
        "the kink is at 3",
        at={x: 3 - ten(-9) / 2},
    ),
    true("hinge", slope(Max(0, 1 - x)), "==", -Heaviside(1 - x), "off the kink", Ne(x, 1)),
    false("hinge-sign", slope(Max(0, 1 - x)), "==", Heaviside(1 - x), "−", at={x: 0}),
    true(
        "log-ratio",
        slope(p * log(p / (p + q)), p),
        "==",
        log(p / (p + q)) + q / (p + q),
        "product and chain rule",
    ),
    false(
        "log-ratio-short",
        slope(p * log(p / (p + q)), p),
        "==",
        log(p / (p + q)) + 1,
        "p/(p + q) is taken off",
        at={p: 1, q: 1},
    ),
    true("nth-derivative-of-exp", slope(exp(2 * x), (x, 5)), "==", 32 * exp(2 * x), "2⁵"),
    false(
        "nth-derivative-of-sine", slope(sin(2 * x), (x, 4)), "==", 8 * sin(2 * x), "2⁴", at={x: 1}
    ),
    true("mixed", slope(sin(x * y), x, y), "==", cos(x * y) - x * y * sin(x * y), "product rule"),
    true(
        "schwarz",
        slope(exp(x * y**2), x, y),
        "==",
        slope(exp(x * y**2), y, x),
        "smooth",
    ),
    true(
        "laplace-of-log",
        slope(log(x**2 + y**2), (x, 2)) + slope(log(x**2 + y**2), (y, 2)),
        "==",
        0,
        "harmonic in the plane",
    ),
    false(
        "laplace-of-root",
        slope(sqrt(x**2 + y**2), (x, 2)) + slope(sqrt(x**2 + y**2), (y, 2)),
        "==",
        0,
        "1/r",
        at={x: 3, y: 4},
    ),
    true(
        "heat-kernel",
        slope(exp(-(x**2) / (4 * u)) / sqrt(u), u),
        "==",
        slope(exp(-(x**2) / (4 * u)) / sqrt(u), (x, 2)),
        "the heat equation",
    ),
    false(
        "heat-kernel-constant",
        slope(exp(-(x**2) / (2 * u)) / sqrt(u), u),
        "==",
        slope(exp(-(x**2) / (2 * u)) / sqrt(u), (x, 2)),
        "half of it",
        at={x: 0, u: 1},
    ),
    true(
        "fundamental-theorem",
        slope(Integral(exp(-(t**2)), (t, 0, x))),
        "==",
        exp(-(x**2)),
        "fundamental theorem",
    ),
    true(
        "two-moving-ends",
        slope(Integral(cos(t**2), (t, x, x**2))),
        "==",
        2 * x * cos(x**4) - cos(x**2),
        "Leibniz",
    ),
    false(
        "two-moving-ends-inner",
        slope(Integral(cos(t**2), (t, x, x**2))),
        "==",
        cos(x**4) - cos(x**2),
        "the inner slope 2x",
        at={x: 1},
    ),
    true(
        "under-the-integral",
        slope(Integral(exp(x * t), (t, 0, 1))),
        "==",
        Integral(t * exp(x * t), (t, 0, 1)),
        "Leibniz",
    ),
    true(
        "gaussian-score",
        slope(log(exp(-((x - y) ** 2) / (2 * u)) / sqrt(2 * pi * u))),
        "==",
        -(x - y) / u,
        "the score",
    ),
    true("erf", slope(erf(x / sqrt(2)) / 2), "==", exp(-(x**2) / 2) / sqrt(2 * pi), "definition"),
    false(
        "erf-scale",
        slope(erf(x) / 2),
        "==",
        exp(-(x**2)) / sqrt(2 * pi),
        "1/√π",
        at={x: 0},
    ),
    true("gamma", slope(gamma(u), u), "==", gamma(u) * polygamma(0, u), "definition"),
    true("power-of-an-integer", slope(x ** (n + 1)), "==", (n + 1) * x**n, "power rule"),
    false(
        "derivative-bounded",
        slope(sin(x**2)),
        "<=",
        10**6,
        "2x cos x² grows",
        at={x: sqrt(2 * pi * 10**12)},
    ),
    true("derivative-positive", slope(x + sin(x) / 2), ">", 0, "1 + cos x/2"),
    false("derivative-positive-strictly", slope(x + sin(x)), ">", 0, "0 at π", at={x: pi}),
    true("derivative-not-negative", slope(x + sin(x)), ">=", 0, "1 + cos x", at={x: pi}),
    true("convex", slope(softplus(x), (x, 2)), ">", 0, "σ(1 − σ)", at={x: 100}),
    false(
        "concave-log-sigmoid",
        slope(log(sigmoid(x)), (x, 2)),
        "<=",
        -ten(-30),
        "flat far out",
        at={x: 100},
    ),
    false(
        "convex-sigmoid-squared",
        slope(sigmoid(x) ** 2, (x, 2)),
        ">=",
        0,
        "negative beyond log 2",
        at={x: 1},
    ),
    true(
        "inverse-function",
        slope(log(u + sqrt(u**2 + 1)), u) ** 2,
        "==",
        1 / (u**2 + 1),
        "the slope of arsinh",
    ),
]
