"""Limits: at points and at infinity, with parameters that may vanish or coincide."""

from sympy import (
    Abs,
    Eq,
    Heaviside,
    Limit,
    Max,
    Min,
    Piecewise,
    Rational,
    atan,
    cos,
    exp,
    factorial,
    floor,
    gamma,
    log,
    oo,
    pi,
    sign,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)

from gancode.calculus.symbols import sigmoid, softplus

from . import of_kind
from .names import e, n, p, q, t, ten, u, v, x, y

true, false = of_kind("limits")

half = Rational(1, 2)


def far(body):
    return Limit(body, t, oo)


def near(body, place=0, side="+"):
    return Limit(body, t, place, side)


soft_max = far(log(exp(t * x) + exp(t * y)) / t)
power_mean = ((u**t + v**t) / 2) ** (1 / t)
renyi = log(p**t * q ** (1 - t) + (1 - p) ** t * (1 - q) ** (1 - t)) / (t - 1)
bernoulli = p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))
alpha = (p**t * q ** (1 - t) - t * p - (1 - t) * q) / (t * (t - 1))

STATEMENTS = [
    true("sine-quotient", near(sin(t) / t), "==", 1, "slope of the sine at 0"),
    true("compound-interest", far((1 + x / t) ** t), "==", exp(x), "Euler"),
    false(
        "compound-interest-squared",
        far((1 + x / t**2) ** t),
        "==",
        exp(x),
        "1; equal at x = 0",
        at={x: 1},
    ),
    true("decay", far(1 / (t * u + 1)), "==", 0, "u > 0"),
    false("decay-that-may-stop", far(1 / (t * e + 1)), "==", 0, "1 for e = 0", at={e: 0}),
    true("soft-max", soft_max, "==", Max(x, y), "the larger exponential"),
    false("soft-max-one-side", soft_max, "==", y, "the larger of both", at={x: 1, y: 0}),
    true("soft-max-ordered", soft_max, "==", y, "y is the larger", y >= x, at={x: 1, y: 1}),
    false(
        "soft-min",
        far(-log(exp(-t * x) + exp(-t * y)) / t),
        "==",
        Max(x, y),
        "the smaller",
        at={x: 0, y: 1},
    ),
    true("slope-of-exp", near((exp(x * t) - 1) / t), "==", x, "slope at 0"),
    true("cosine-quotient", near((1 - cos(x * t)) / t**2), "==", x**2 / 2, "Taylor"),
    false(
        "cosine-quotient-unhalved",
        near((1 - cos(x * t)) / t**2),
        "==",
        x**2,
        "equal at 0",
        at={x: 1},
    ),
    true("root-difference", far(sqrt(t**2 + x * t) - t), "==", x / 2, "rationalise"),
    false("root-difference-whole", far(sqrt(t**2 + x * t) - t), "==", x, "half", at={x: 1}),
    false(
        "root-difference-backwards",
        Limit(sqrt(t**2 + x * t) + t, t, -oo),
        "==",
        x / 2,
        "−x/2",
        at={x: 1},
    ),
    true("root-of-itself", far(t ** (1 / t)), "==", 1, "log t/t → 0"),
    true(
        "power-and-exponential",
        far(t**n * exp(-u * t)),
        "==",
        0,
        "exponentials win",
        at={n: 3, u: half},
    ),
    false(
        "power-and-exponential-that-may-stop",
        far(exp(-e * t)),
        "==",
        0,
        "1 for e = 0",
        at={e: 0},
    ),
    true("tanh-becomes-sign", far(tanh(t * x)), "==", sign(x), "three cases"),
    false("tanh-becomes-one", far(tanh(t * e)), "==", 1, "0 for e = 0", at={e: 0}),
    true("arctangent-becomes-step", far(atan(t * x)), "==", pi / 2 * sign(x), "three cases"),
    false("arctangent-becomes-one", far(atan(t * x)), "==", pi / 2, "−π/2 for x < 0", at={x: -1}),
    true("log-at-zero", near(t * log(t)), "==", 0, "−s e⁻ˢ"),
    true("modulus-from-the-left", near(Abs(t) / t, 0, "-"), "==", -1, "t < 0"),
    false("modulus-from-the-right", near(Abs(t) / t, 0, "+"), "==", -1, "t > 0", at={}),
    true("power-mean-at-zero", near(power_mean), "==", sqrt(u * v), "the geometric mean"),
    false(
        "power-mean-at-zero-arithmetic",
        near(power_mean),
        "==",
        (u + v) / 2,
        "equal for u = v",
        at={u: 1, v: 4},
    ),
    true("power-mean-at-infinity", far(power_mean), "==", Max(u, v), "the larger"),
    false("power-mean-at-infinity-first", far(power_mean), "==", u, "the larger", at={u: 1, v: 2}),
    true("box-cox", near((u**t - 1) / t), "==", log(u), "slope of uᵗ"),
    true("powers-vanish", far(x**t), "==", 0, "0 ≤ x < 1", [x >= 0, x < 1], at={x: 0}),
    false("powers-vanish-at-the-end", far(x**t), "==", 0, "1 at 1", [x >= 0, x <= 1], at={x: 1}),
    true("hump", far(t * x / (1 + t**2 * x**2)), "==", 0, "0 for x = 0 too", at={x: 0}),
    false("saturating-ratio", far(t * e / (1 + t * e)), "==", 1, "0 for e = 0", at={e: 0}),
    true("saturating-ratio-positive", far(t * u / (1 + t * u)), "==", 1, "u > 0"),
    true("floor-quotient", far(floor(t * x) / t), "==", x, "within 1/t"),
    true("bounded-over-growing", far(sin(t * x) / t), "==", 0, "|sin| ≤ 1"),
    true("log-increment", far(t * (log(t + x) - log(t))), "==", x, "slope"),
    false("log-increment-squared", far(t * (log(t + x) - log(t))), "==", x**2, "x", at={x: 2}),
    true("gamma-ratio", far(gamma(t + u) / (gamma(t) * t**u)), "==", 1, "Stirling", at={u: 2}),
    true("stirling", far(factorial(t) * exp(t) / (sqrt(2 * pi * t) * t**t)), "==", 1, "Stirling"),
    false(
        "stirling-constant",
        far(factorial(t) * exp(t) / (sqrt(Rational("6.2831853") * t) * t**t)),
        "==",
        1,
        "2π",
        at={},
    ),
    true("quotient-of-squares", near((t**2 - u**2) / (t - u), u), "==", 2 * u, "t + u"),
    true("slope-of-exp-anywhere", near((exp(t) - exp(x)) / (t - x), x), "==", exp(x), "slope"),
    false(
        "slope-of-sine-anywhere",
        near((sin(t) - sin(x)) / (t - x), x),
        "==",
        sin(x + half * pi) + ten(-9),
        "cos x",
        at={x: 0},
    ),
    true("log-slope", near(log(1 + t * u) / t), "==", u, "slope"),
    true("softplus-becomes-relu", far(softplus(t * x) / t), "==", Max(x, 0), "scaling", at={x: 0}),
    false("softplus-becomes-line", far(softplus(t * x) / t), "==", x, "x ≥ 0 only", at={x: -1}),
    true("sigmoid-becomes-step", far(sigmoid(t * x)), "==", Heaviside(x), "½ at 0", at={x: 0}),
    false(
        "sigmoid-becomes-closed-step",
        far(sigmoid(t * x)),
        "==",
        Piecewise((1, x >= 0), (0, True)),
        "½ at 0",
        at={x: 0},
    ),
    true("renyi-becomes-kl", near(renyi, 1, "-"), "==", bernoulli, "slope at 1", [p < 1, q < 1]),
    false(
        "renyi-becomes-kl-exchanged",
        near(renyi, 1, "-"),
        "==",
        bernoulli.subs({p: q, q: p}, simultaneous=True),
        "the other divergence; equal for p = q and p + q = 1",
        [p < 1, q < 1],
        at={p: half, q: Rational(1, 4)},
    ),
    true("alpha-at-one", near(alpha, 1), "==", p * log(p / q) - p + q, "slope"),
    true("alpha-at-zero", near(alpha), "==", q * log(q / p) - q + p, "slope"),
    false(
        "alpha-at-zero-forward",
        near(alpha),
        "==",
        p * log(p / q) - p + q,
        "exchanged; equal for p = q",
        at={p: 1, q: 2},
    ),
    true(
        "essential-from-the-right", near(exp(-1 / t) / t**n), "==", 0, "exponentials win", at={n: 3}
    ),
    false("tiny-rate", far(1 / (1 + ten(-30) * t)), "==", 1, "0, though slowly", at={}),
    true("tiny-rate-vanishes", far(1 / (1 + ten(-12) * t)), "==", 0, "t wins"),
    true("large-offset", far(t / (t + 10**9)), "==", 1, "t wins"),
    false("large-offset-zero", far(t / (t + 10**20)), "==", 0, "1", at={}),
    true("exponential-above-line", far((1 + x / t) ** t), ">=", 1 + x, "convex", at={x: 0}),
    false("exponential-above-line-strict", far((1 + x / t) ** t), ">", 1 + x, "x = 0", at={x: 0}),
    true("cosine-to-a-power", near(cos(t) ** (1 / t**2)), "==", exp(-half), "log cos t/t²"),
    false(
        "cosine-to-a-power-one",
        near(cos(x * t) ** (1 / t**2)),
        "==",
        exp(-half),
        "x² = 1 only",
        at={x: 2},
    ),
    true("sine-third-order", near((t - sin(t)) / t**3), "==", Rational(1, 6), "Taylor"),
    false("tangent-third-order", near((tan(t) - sin(t)) / t**3), "==", Rational(1, 3), "½", at={}),
    true("root-of-a-parameter", far(u ** (1 / t)), "==", 1, "u > 0"),
    false("root-of-a-parameter-that-may-vanish", far(e ** (1 / t)), "==", 1, "0 at 0", at={e: 0}),
    true(
        "symmetric-difference",
        near((exp(x + t) - exp(x - t)) / (2 * t)),
        "==",
        exp(x),
        "slope",
    ),
    true(
        "quotient-of-lines",
        far((x * t + 1) / (y * t + 1)),
        "==",
        x / y,
        "leading terms; for y = 0 nothing is said",
    ),
    false(
        "quotient-at-zero",
        near((x * t) / (y * t + t**2)),
        "==",
        x / y + Min(0, y + 10**6),
        "false for y < −1e6",
        at={x: 1, y: -(10**7)},
    ),
    true(
        "second-difference",
        near((sinh(x + t) - 2 * sinh(x) + sinh(x - t)) / t**2),
        "==",
        sinh(x),
        "second slope",
    ),
    true("equal-parameters", far((u / v) ** t), "==", 1, "u = v", Eq(u, v)),
    false(
        "powers-of-a-ratio",
        far((u / v) ** t),
        "==",
        0,
        "1 for u = v",
        u <= v,
        at={u: 2, v: 2},
    ),
    true("powers-of-a-ratio-strict", far((u / v) ** t), "==", 0, "u/v < 1", u < v, at={u: 1, v: 2}),
]
