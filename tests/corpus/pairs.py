"""Random pairs: a true statement, and the same one with a constant changed so that it is false.

Both truths are known by construction: an identity is expanded from its factors, an integral made by
differentiating, a sum by differences, and the false twin carries the point at which it fails.
"""

from dataclasses import dataclass

from hypothesis import strategies as st
from sympy import (
    Abs,
    Add,
    Integer,
    Integral,
    Limit,
    Mul,
    Rational,
    Sum,
    atan,
    cos,
    cosh,
    diff,
    exp,
    expand,
    log,
    oo,
    sin,
    sqrt,
    together,
)

from gancode.calculus.symbols import sigmoid, softplus

from . import Statement, of_kind
from .names import k, n, t, ten, u, v, w, x, y, z

true, false = of_kind("pairs")


@dataclass(frozen=True)
class Pair:
    """Two statements that differ in one number, the first true, the second false."""

    true: Statement
    false: Statement

    def __repr__(self) -> str:
        return f"{self.true}\nand not {self.false}"


fractions = st.builds(Rational, st.integers(-9, 9), st.integers(1, 6))
nonzero = fractions.filter(bool)
errors = st.builds(
    lambda sign, power: sign * ten(-power), st.sampled_from((1, -1)), st.integers(0, 20)
)
gaps = st.builds(lambda power: ten(-power), st.integers(0, 20))
monomials = st.sampled_from([Integer(1), x, y, x * y, x**2, y**2, x**2 * y, x * y**3, x**4])
polynomials = st.lists(st.tuples(nonzero, monomials), min_size=2, max_size=4).map(
    lambda terms: Add(*(factor * monomial for factor, monomial in terms))
)


@st.composite
def polynomial_identities(draw):
    """A product of two polynomials in two symbols, and the same expanded."""
    factors, error = draw(st.tuples(polynomials, polynomials)), draw(errors)
    product = expand(Mul(*factors))
    wrong = product + error * draw(monomials)
    return Pair(
        true("product", Mul(*factors), "==", product, "expanded"),
        false("product", Mul(*factors), "==", wrong, "one coefficient", at={x: 1, y: 1}),
    )


@st.composite
def sums_of_squares(draw):
    """Squares of polynomials that vanish together at a rational point."""
    zero = {x: draw(fractions), y: draw(fractions)}
    roots = [p - p.subs(zero) for p in draw(st.lists(polynomials, min_size=1, max_size=3))]
    total = expand(Add(*(draw(st.integers(1, 5)) * root**2 for root in roots)))
    return Pair(
        true("squares", total, ">=", 0, "squares", at=zero),
        false("squares", total, ">=", draw(gaps), "zero at a point", at=zero),
    )


@st.composite
def logarithm_identities(draw):
    """The logarithm of a product of powers, term by term."""
    powers = [draw(nonzero) for _ in range(4)]
    error = draw(errors)
    product = Mul(*(base**power for base, power in zip((u, v, w), powers, strict=False)))
    terms = [log(u), log(v), log(w), x]
    right = Add(*(power * term for power, term in zip(powers, terms, strict=True)))
    at = {u: 1, v: 1, w: 1, x: 0}
    changed, there = draw(st.sampled_from([(log(u), {u: 2}), (log(w), {w: 3}), (x, {x: 1})]))
    left = log(product * exp(powers[3] * x))
    return Pair(
        true("logarithm", left, "==", right, "log of a product"),
        false("logarithm", left, "==", right + error * changed, "one exponent", at=at | there),
    )


@st.composite
def exponential_identities(draw):
    """A product of sums of exponentials multiplied out, and softplus of a shifted logit."""
    rates = [draw(nonzero) for _ in range(4)]
    weights = [draw(nonzero) for _ in range(2)]
    product = Mul(
        exp(rates[0] * x) + weights[0] * exp(rates[1] * y),
        exp(rates[2] * x) + weights[1] * exp(rates[3] * y),
    )
    right = (
        exp((rates[0] + rates[2]) * x)
        + weights[1] * exp(rates[0] * x + rates[3] * y)
        + weights[0] * exp(rates[2] * x + rates[1] * y)
        + weights[0] * weights[1] * exp((rates[1] + rates[3]) * y)
        + softplus(rates[0] * x)
        - softplus(-rates[0] * x)
        - rates[0] * x
    )
    wrong = right + draw(errors) * exp(rates[0] * x)
    return Pair(
        true("exponentials", product, "==", right, "multiplied out"),
        false("exponentials", product, "==", wrong, "one coefficient", at={x: 0, y: 0}),
    )


CONVEX = [exp(x), softplus(x), x**2, x**4, cosh(x), exp(-x) + x, softplus(-x) + x**2 / 2]
CONVEX_POSITIVE = [u * log(u), -log(u), 1 / u, u**3, u ** Rational(3, 2), -sqrt(u)]


def _at(function, place):
    (symbol,) = function.free_symbols
    return function.subs(symbol, place)


@st.composite
def jensen_inequalities(draw):
    """A convex function at a convex combination of two or three points."""
    function = draw(st.sampled_from(CONVEX + CONVEX_POSITIVE))
    places = ([x, y, z] if function in CONVEX else [u, v, w])[: draw(st.integers(2, 3))]
    parts = [Integer(draw(st.integers(1, 7))) for _ in places]
    weights = [part / sum(parts) for part in parts]
    middle = Add(*(weight * place for weight, place in zip(weights, places, strict=True)))
    mean = Add(*(weight * _at(function, p) for weight, p in zip(weights, places, strict=True)))
    equal = dict.fromkeys(places, Integer(1))
    return Pair(
        true("jensen", _at(function, middle), "<=", mean, "convex", at=equal),
        false("jensen", _at(function, middle), "<=", mean - draw(gaps), "equal points", at=equal),
    )


@st.composite
def tangent_inequalities(draw):
    """A convex function above its tangent at a rational point; the slope or the constant is off."""
    function = draw(st.sampled_from(CONVEX + CONVEX_POSITIVE))
    (symbol,) = function.free_symbols
    place = draw(fractions)
    if symbol is u:
        place = Abs(place) + 1
    slope, gap = diff(function, symbol), draw(gaps)
    tangent = _at(function, place) + _at(slope, place) * (symbol - place)
    if draw(st.booleans()):
        wrong, there = tangent + gap, place
    else:  # with slope + gap the line lies above until about 2 gap / curvature
        wrong = tangent + gap * (symbol - place)
        there = place + gap / (200 + 20 * int(abs(_at(slope.diff(symbol), place).evalf())))
    at = {symbol: place}
    return Pair(
        true("tangent", function, ">=", tangent, "convex", at=at),
        false("tangent", function, ">=", wrong, "off the tangent", at={symbol: there}),
    )


PRIMITIVES = [
    t**3,
    t * exp(t),
    exp(-(t**2)),
    sin(2 * t) * t,
    log(1 + t**2),
    atan(t / 2),
    t * sqrt(1 + t**2),
    softplus(t),
    sigmoid(2 * t),
    t**2 * log(1 + t**2),
]


@st.composite
def integrals(draw):
    """The integral of a derivative, between rational ends or to a positive symbol."""
    terms = draw(st.lists(st.tuples(nonzero, st.sampled_from(PRIMITIVES)), min_size=1, max_size=3))
    primitive = Add(*(factor * term for factor, term in terms))
    low, high = draw(fractions), draw(st.one_of(fractions, st.just(u)))
    integral = Integral(expand(diff(primitive, t)), (t, low, high))
    change = primitive.subs(t, high) - primitive.subs(t, low)
    wrong = change + draw(errors)
    return Pair(
        true("integral", integral, "==", change, "fundamental theorem", at={u: Integer(2)}),
        false("integral", integral, "==", wrong, "one constant", at={u: 2}),
    )


TELESCOPES = [
    n**2,
    n**3,
    1 / (n + 1),
    1 / (2 * n + 1),
    n * 2**n,
    n**2 / Integer(3) ** n,
    (-1) ** n * n,
    n**4,
    1 / ((n + 1) * (n + 2)),
]


@st.composite
def sums(draw):
    """A sum of differences, with a symbolic upper limit."""
    terms = draw(st.lists(st.tuples(nonzero, st.sampled_from(TELESCOPES)), min_size=1, max_size=3))
    whole = Add(*(factor * term for factor, term in terms))
    term = together(whole.subs(n, k) - whole.subs(n, k - 1))
    total = whole - whole.subs(n, 0)
    wrong = total + draw(errors) * n
    return Pair(
        true("sum", Sum(term, (k, 1, n)), "==", total, "telescoping"),
        false("sum", Sum(term, (k, 1, n)), "==", wrong, "true for the empty sum", at={n: 1}),
    )


@st.composite
def limits(draw):
    """Limits whose value is known from leading terms or from a slope."""
    rate, other = draw(nonzero), draw(nonzero)
    limit, value = draw(
        st.sampled_from(
            [
                (Limit((rate * t**2 + x * t) / (other * t**2 + 1), t, oo), rate / other),
                (Limit((exp(rate * t) - 1) / t, t, 0), rate),
                (Limit((1 + rate / t) ** (other * t), t, oo), exp(rate * other)),
                (Limit(log(1 + u * t * Abs(rate)) / t, t, 0), u * Abs(rate)),
                (
                    Limit((sin(rate * (x + t)) - sin(rate * x)) / t, t, 0),
                    rate * cos(rate * x),
                ),
                (Limit(sqrt(t**2 + rate * t + 1) - t, t, oo), rate / 2),
                (Limit(softplus(Abs(rate) * u * t) / t, t, oo), Abs(rate) * u),
                (Limit(t * sigmoid(-u * t), t, oo), Integer(0)),
            ]
        )
    )
    error = draw(st.sampled_from([ten(-4), -ten(-9), Integer(1), -ten(-2)]))
    at = {x: 1, u: 2}
    return Pair(
        true("limit", limit, "==", value, "by construction"),
        false("limit", limit, "==", value + error, "one constant", at=at),
    )


STRATEGIES = {
    "polynomial identities": polynomial_identities(),
    "sums of squares": sums_of_squares(),
    "logarithms": logarithm_identities(),
    "exponentials": exponential_identities(),
    "Jensen": jensen_inequalities(),
    "tangents": tangent_inequalities(),
    "integrals": integrals(),
    "sums": sums(),
    "limits": limits(),
}
