"""Behaviour at an end: expansions hold the true value on all of their neighbourhood."""

from fractions import Fraction

import mpmath
import pytest
import sympy
from flint import acb, arb, ctx, fmpq
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import (
    Abs,
    E,
    Heaviside,
    LambertW,
    Max,
    Min,
    Piecewise,
    Rational,
    S,
    Symbol,
    acosh,
    acot,
    asinh,
    atan,
    atanh,
    cos,
    cosh,
    coth,
    digamma,
    erf,
    erfc,
    exp,
    factorial,
    floor,
    gamma,
    log,
    loggamma,
    oo,
    pi,
    sin,
    sinh,
    sqrt,
    tanh,
)

from gancode.calculus.proof.constants import exactly
from gancode.calculus.proof.enclosure import Undefined, Unsure, enclose
from gancode.calculus.proof.ends import germ
from gancode.calculus.proof.scale import Beyond, Monomial, Nearer, integrable
from gancode.calculus.symbols import sigmoid, softplus

u, y = Symbol("u"), Symbol("y")
ABOVE_0, BELOW_0 = (0, "+"), (0, "-")


def place(end, T):
    """The point x of the neighbourhood's variable T, as a rational."""
    if end in (oo, -oo):
        return T if end is oo else -T
    point, side = end
    return point + (1 / T if side == "+" else -1 / T)


def exact(expr, x):
    """The real value at a point, to 50 digits, by another road. None if it has none, or 0."""
    function = sympy.lambdify(u, expr.rewrite(log) if expr.has(softplus) else expr, "mpmath")
    before = None
    for digits in (60, 300, 1000, 1300):
        with mpmath.workdps(digits):
            try:
                value = mpmath.mpmathify(function(mpmath.mpmathify(sympy.N(x, digits))))
            except (OverflowError, ZeroDivisionError, ValueError, TypeError):
                return None
            if not mpmath.isfinite(value) or mpmath.im(value):
                return None
            if before and value and abs(value / before - 1) <= mpmath.mpf(10) ** -52:
                return mpmath.re(value)
        before = value
    return None


def as_ball(value):
    return arb(mpmath.nstr(value, 60)) * arb(1, "1e-50")


def enclosed(found, T):
    """The ball in which the expansion has the function at T."""
    with ctx.workprec(300):
        T = arb(fmpq(T.p, T.q))
        L = T.log()

        def at(monomial):
            total = arb(0)
            for (g, h), e in monomial.parts:
                power = (arb(g) * L + arb(h) * L.log()).exp()
                total += e.ball * (power if g or h else L.log())
            return total.exp()

        expansion = found.expansion
        value = sum((c.ball * at(m) for m, c in expansion.terms), arb(0))
        return value + sum((rho * at(m) for m, rho in expansion.parts()), arb(0))


CHECKED = []  # the values that were compared


def check_everywhere(expr, end, found):
    """The expansion and the sign hold at points of all the neighbourhood."""
    start = S(2) ** found.exponent
    for factor in (1, Rational(101, 100), Rational(3, 2), 3, 10, 1000):
        T = start * factor
        x = place(end, T)
        value = exact(expr, x)
        if value is None:
            continue
        CHECKED.append(value)
        assert enclosed(found, T).overlaps(as_ball(value)), (expr, end, x)
        if found.sign() is not None:
            assert mpmath.sign(value) == found.sign(), (expr, end, x)


# What is known ---------------------------------------------------------------------------------

SIGNS = [
    (log((1 + u) / u) - 1 / u, oo, -1),
    ((1 + u) * log((1 + u) / u) - 1, oo, 1),
    (1 - exp(-u) - u / (1 + u), ABOVE_0, 1),
    (softplus(u) - u, oo, 1),
    (softplus(u) - u, -oo, 1),
    (log(u) - Rational(29, 2), oo, 1),
    (u * log(u), ABOVE_0, -1),
    (u * exp(-u), oo, 1),
    (tanh(u) - 1, oo, -1),
    (tanh(u) + 1, -oo, 1),
    (sqrt(u**2 + 1) - u, oo, 1),
    (sqrt(u**2 + 1) + u, -oo, 1),
    (sqrt(4 * u**2 + 3) - 2 * u, oo, 1),
    (exp(u) / u**5 - u**100, oo, 1),
    (u**u - u, oo, 1),
    (u**u - 1, ABOVE_0, -1),
    ((1 + 1 / u) ** u - E, oo, -1),
    (sin(u) - u, ABOVE_0, -1),
    (sin(u) - u, BELOW_0, 1),
    (cos(u) - 1 + u**2 / 2 - u**4 / 24, ABOVE_0, -1),
    (log(2 * u / (1 + u)) - log(2), oo, -1),
    (sigmoid(u) - 1, oo, -1),
    (sigmoid(-u) - exp(-u), oo, -1),
    (erf(u) - 1, oo, -1),
    (erfc(u) - exp(-(u**2)) / (u * sqrt(pi)), oo, -1),
    (atan(u) - pi / 2 + 1 / u, oo, 1),
    (atan(u) + pi / 2, -oo, 1),
    (acot(u), BELOW_0, -1),
    (asinh(u) - log(2 * u), oo, 1),
    (asinh(u) + log(-2 * u), -oo, -1),
    (acosh(u) - log(2 * u), oo, -1),
    (acosh(u) - sqrt(2) * sqrt(u - 1), (1, "+"), -1),
    (atanh(u) - 7, (1, "-"), 1),
    (gamma(u) - 1 / u, ABOVE_0, -1),
    (gamma(u), (-2, "+"), 1),
    (gamma(u), (-2, "-"), -1),
    (loggamma(u) - (u - S.Half) * log(u) + u - log(2 * pi) / 2 - 1 / (12 * u), oo, -1),
    (factorial(u) - 2**u, oo, 1),
    (digamma(u) - log(u), oo, -1),
    (digamma(u) + 1 / u, ABOVE_0, -1),
    (LambertW(u) - u, ABOVE_0, -1),
    (1 / (u**2 - 2), (sqrt(2), "-"), -1),
    (2 + sin(exp(u)), oo, 1),
    (Max(u, 1 / u) - 1 / u, ABOVE_0, 0),
    (Min(u, u**2) - u, oo, 0),
    (Abs(sin(u)) + u, oo, 1),
    (Piecewise((-1, u < 3), (u, True)), oo, 1),
    (Heaviside(u - 1000) - S.Half, oo, 1),
    (floor(u) - u / 2, oo, 1),
    (u**pi - u**3, oo, 1),
    (exp(-exp(u)) - exp(-u), oo, -1),
    (log(1 + exp(u)) ** 2 - u**2, oo, 1),
    (coth(u) - 1 / u, ABOVE_0, 1),
    (sinh(u) - cosh(u), oo, -1),
]


@pytest.mark.parametrize(("expr", "end", "sign"), SIGNS, ids=lambda value: str(value))
def test_the_sign_near_an_end_is_certain(expr, end, sign):
    found = germ(expr, u, end)
    assert found.sign() == sign
    if not expr.has(exp) or not expr.has(sin):  # sin(exp(u)) has too many turns for mpmath
        check_everywhere(expr, end, found)


LIMITS = [
    (u * log(u), ABOVE_0, 0),
    ((1 + 1 / u) ** u, oo, E),
    (sin(u) / u, ABOVE_0, 1),
    (sin(u) / u, oo, 0),
    (u**u, ABOVE_0, 1),
    (exp(u) / u**5, oo, oo),
    (-exp(u) / u**5, oo, -oo),
    (sqrt(u**2 + u) - u, oo, S.Half),
    ((exp(u) - 1 - u) / u**2, BELOW_0, S.Half),
    (softplus(u) / u, oo, 1),
    (u * (pi / 2 - atan(u)), oo, 1),
    (gamma(u) * sqrt(u) * exp(u) / u**u, oo, sqrt(2 * pi)),
    (log(u) / (u - 1), (1, "+"), 1),
    (exp(-exp(u)), oo, 0),
    (exp(u - exp(-u)), -oo, 0),
]


@pytest.mark.parametrize(("expr", "end", "limit"), LIMITS, ids=lambda value: str(value))
def test_limits(expr, end, limit):
    found = germ(expr, u, end).limit()
    if isinstance(found, arb):
        assert found.overlaps(as_ball(exact(limit, S.Zero)))
        assert found.rad() < arb(2) ** -40
    else:
        assert found == limit


@pytest.mark.parametrize("expr", [sin(u), floor(u) - u, u * sin(u), 2 + sin(u) / 2])
def test_what_swings_has_no_limit(expr):
    assert germ(expr, u, oo).limit() is None


def test_the_reach_is_explicit_and_may_be_astronomic():
    small, large = (germ(u ** Rational(1, n) - log(u), u, oo) for n in (10, 1000))
    assert small.sign() == large.sign() == 1
    assert 10**15 < small.reach < 10**25  # negative up to 3.4e15
    assert large.reach > S(10) ** 3000
    assert germ(u, u, -oo).reach < 0
    assert germ(1 - 10**30 * u, u, ABOVE_0).reach < Rational(1, 10**30)


def test_the_values_of_other_symbols_may_be_rational_or_balls():
    about_two = {y: arb(2, 0.5)}
    assert germ(softplus(y * u) - y * u, u, oo, about_two).sign() == 1
    assert germ(log(2 * y * u) - log(y) - log(2) - log(u + 1), u, oo, about_two).sign() == -1
    assert germ(1 / sqrt(y - u), u, (y, "-"), about_two).limit() is oo
    assert germ(y * u - 2 * u, u, oo, about_two).sign() is None  # it depends on y
    assert germ(y * u - 2 * u, u, oo, {y: 2}).sign() == 0
    both = log(exp(u) + exp(y * u)) / u
    assert [germ(both, u, oo, {y: value}).limit() for value in (1, 2)] == [1, 2]
    assert [germ(1 / (u * y + 1), u, oo, {y: value}).limit() for value in (0, 1)] == [1, 0]


def test_a_bound_holds_on_the_neighbourhood():
    found = germ(u**3 * exp(-u) * (2 + sin(u)), u, oo)
    C, monomial = found.bound()
    at_start = C * found.expansion.place.beyond.value(monomial)
    assert at_start >= as_ball(exact(u**3 * exp(-u) * (2 + sin(u)), found.reach)).lower()
    assert C < 4


@pytest.mark.parametrize(
    "expr",
    [exp(exp(u)), log(log(u)) - log(log(u)) ** 2, sympy.zeta(u) - 1, (-1) ** u, sqrt(-u), y * u],
)
def test_what_is_not_known_is_said(expr):
    with pytest.raises(Unsure):
        germ(expr, u, oo)


def test_what_has_no_values_is_said():
    with pytest.raises(Undefined):
        germ(1 / (y - 1) + u, u, oo, {y: 1})
    with pytest.raises(Unsure):
        germ(y * u, u, oo, {y: acb(1, 1)})


def test_a_point_mass_is_not_passed_over():
    found = germ(sympy.DiracDelta(u - 5), u, oo)
    assert found.sign() == 0 and found.reach > 5
    with pytest.raises(Unsure):
        germ(sympy.DiracDelta(sin(u)), u, oo)


# The scale of growth ---------------------------------------------------------------------------

small = st.fractions(Fraction(-5), Fraction(5), max_denominator=4)


def monomial(parts):
    return Monomial(
        {
            tuple(map(fmpq, key)): exactly(fmpq(e.numerator, e.denominator))
            for key, e in parts.items()
        }
    )


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(small, small, st.integers(1, 40))
def test_integrals_of_powers_and_logarithms(a, b, exponent):
    """∫ T^−a L^b dT from T0 = Γ(b + 1, (a − 1) L0) / (a − 1)^(b + 1) for a > 1."""
    found = monomial({(0, 1): -a, (0, 0): b})
    assert integrable(found) == (a > 1 or (a == 1 and b < -1))
    if a <= 1:
        return
    with mpmath.workdps(40):
        L0, gap = exponent * mpmath.log(2), mpmath.mpf(a.numerator) / a.denominator - 1
        power = mpmath.mpf(b.numerator) / b.denominator
        truth = mpmath.gammainc(power + 1, gap * L0) / gap ** (power + 1)
    try:
        ball = Beyond(exponent).integral(found)
    except Nearer:
        return
    assert ball.overlaps(as_ball(truth)) and not ball.upper() < as_ball(truth).lower()


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(small, small, st.integers(1, 6))
def test_sums_of_powers_and_logarithms(a, b, exponent):
    """Two sums differ by the terms between them."""
    found = monomial({(0, 1): -a, (0, 0): b})
    assume(integrable(found))
    start = 2**exponent
    with mpmath.workdps(40):
        terms = (
            mpmath.mpf(n) ** (-mpmath.mpf(a.numerator) / a.denominator)
            * mpmath.log(n) ** (mpmath.mpf(b.numerator) / b.denominator)
            for n in range(start, 2 * start)
        )
        between = mpmath.fsum(terms)
    try:
        ball = Beyond(exponent).sum(found) - Beyond(exponent + 1).sum(found)
    except Nearer:
        return
    assert ball.overlaps(as_ball(between))


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(small, st.integers(1, 8), st.integers(1, 9))
def test_integrals_of_what_decays_exponentially(a, c, exponent):
    found = monomial({(1, 0): Fraction(-c, 3), (0, 1): a})
    with mpmath.workdps(40):
        power, rate, start = mpmath.mpf(a.numerator) / a.denominator, mpmath.mpf(c) / 3, 2**exponent
        truth = mpmath.gammainc(power + 1, rate * start) / rate ** (power + 1)
    try:
        ball = Beyond(exponent).integral(found)
    except Nearer:
        assert exponent < 6
        return
    assert ball.overlaps(as_ball(truth)) and ball.upper() < 100 * as_ball(truth)


# What nobody chose -----------------------------------------------------------------------------

rationals = st.builds(Rational, st.integers(-6, 6), st.integers(1, 4))
UNARY = [exp, log, sqrt, softplus, tanh, atan, erf, erfc, sin, cos, asinh, gamma, loggamma, Abs]
UNARY += [floor, sympy.acos, sympy.sign, sympy.acot, sympy.sech]


def known(build):
    """Where SymPy refuses to build an expression, another is taken."""

    def attempt(*parts):
        try:
            return build(*parts)
        except ValueError:
            return u

    return attempt


def grow(parts):
    return st.one_of(
        st.builds(lambda one, two: one + two, parts, parts),
        st.builds(lambda one, two: one * two, parts, parts),
        st.builds(lambda one, two: one / two if two != 0 else one, parts, parts),
        st.builds(lambda base, r: base**r, parts, st.sampled_from([2, 3, -1, S.Half, -S(1) / 3])),
        st.builds(lambda function, part: function(part), st.sampled_from(UNARY), parts),
        st.builds(known(Max), parts, parts),
        st.builds(known(Min), parts, parts),
    )


expressions = st.recursive(st.just(u) | st.just(u) | rationals, grow, max_leaves=6)
ends = st.sampled_from([oo, -oo, ABOVE_0, BELOW_0, (1, "+"), (Rational(-1, 3), "-")])
REACHED = {"germs": 0, "signs": 0, "tried": 0}


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(expressions, ends)
def test_expansions_hold_the_value_of_random_expressions(expr, end):
    assume(expr.has(u) and not expr.has(S.NaN, S.ComplexInfinity, S.ImaginaryUnit, oo, -oo))
    REACHED["tried"] += 1
    try:
        found = germ(expr, u, end)
    except (Unsure, Undefined):
        return
    REACHED["germs"] += 1
    REACHED["signs"] += found.sign() is not None
    check_everywhere(expr, end, found)


def test_most_random_expressions_were_read():
    assert len(CHECKED) > 2 * REACHED["germs"]
    assert REACHED["germs"] > 0.5 * REACHED["tried"], REACHED
    assert REACHED["signs"] > 0.9 * REACHED["germs"], REACHED


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(expressions, ends)
def test_more_bits_never_contradict(expr, end):
    assume(expr.has(u) and not expr.has(S.NaN, S.ComplexInfinity, S.ImaginaryUnit, oo, -oo))
    limits = []
    for bits in (53, 200):
        with ctx.workprec(bits):
            try:
                limits.append(germ(expr, u, end).limit())
            except (Unsure, Undefined):
                return
    if all(isinstance(limit, arb) for limit in limits):
        assert limits[0].overlaps(limits[1])
        assert limits[1].rad() <= limits[0].rad()
    elif None not in limits:
        assert limits[0] == limits[1]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (2**u * 3 ** (1 - u) - 3, 0),
        ((2**u * 3 ** (1 - u) - 3) / u, 3 * log(Rational(2, 3))),
        ((exp(log(5) + u) - 5) / u, 5),
        ((exp(log(8) / 3 + u) - 2) / u, 2),
        ((exp(log(sympy.pi) * 2 + u) - pi**2) / u, pi**2),
        ((exp(log(Rational(3, 7)) * (1 + u) / 2) - sqrt(Rational(3, 7))) / u, None),
    ],
)
def test_an_exponential_of_a_logarithm_is_undone(function, expected):
    limit = sympy.Limit(function, u, 0)
    wanted = sympy.limit(function, u, 0) if expected is None else expected
    with ctx.workprec(128):
        found = enclose(limit, {}, 128)
        assert found.overlaps(enclose(sympy.S(wanted), {}, 128))
        assert found.rad() < 1e-30


def test_a_long_power_is_not_written_out():
    power = sympy.Mul(10**9, log(2), evaluate=False)
    limit = sympy.Limit(exp(power + u * log(2), evaluate=False), u, 0)
    assert enclose(limit, {}, 128).log().overlaps(enclose(10**9 * log(2), {}, 128))
