"""`prove` and `Derivation`: what is true is proved, what is false is refuted where it fails."""

import pytest
import sympy
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Abs, Eq, Function, Integral, Limit, Max, Rational, Symbol, exp, log, oo, sqrt, zoo

from gancode import Refused
from gancode.calculus import (
    Derivation,
    DerivationError,
    EmptyDomainError,
    Proof,
    UndecidableError,
    p,
    prove,
    q,
    sigmoid,
    softplus,
)
from gancode.calculus.proof.attack import Comparison, attack, derived
from gancode.calculus.proof.domain import Domain
from gancode.calculus.proof.rules import decide_by_parts

x, y, t = sympy.symbols("x y t", real=True)
u = Symbol("u", positive=True)
n = Symbol("n", integer=True)
z = Symbol("z")
D, g = Function("D", positive=True), Function("g")

TRUE = [
    (log(p * q), log(p) + log(q), "=="),
    (softplus(t) - t, softplus(-t), "=="),
    (-log(sigmoid(t)), softplus(-t), "=="),
    (sympy.diff(softplus(t), t), sigmoid(t), "=="),
    (sigmoid(log(p / q)), p / (p + q), "=="),
    (sympy.cosh(x) ** 2 - sympy.sinh(x) ** 2, 1, "=="),
    (Max(x, y), (x + y + Abs(x - y)) / 2, "=="),
    (0.1 * x, x / 10, "=="),
    (sympy.gamma(n + 1), sympy.factorial(n), "=="),
    (log(u), u - 1, "<="),
    (exp(x), 1 + x, ">="),
    (x * y, (x**2 + y**2) / 2, "<="),
    (sqrt(p * q), (p + q) / 2, "<="),
    (p * log(p / q), p - q, ">="),
    (u * log(u) - (1 + u) * log((1 + u) / 2), (1 + u) * log(2), "<="),
    (1 - exp(-u), u / (1 + u), ">="),
    (p / (p + q), 1, "<"),
    (exp(t), 0, ">"),
    (1 + exp(-(t**2)), 1, ">"),
    (sympy.diff(log(1 - D(g(x))), x), -sympy.diff(D(g(x)), x) / (1 - D(g(x))), "=="),
    (Integral(D(x) * g(x), x) + 2 * Integral(g(x), x), Integral(g(x) * (D(x) + 2), x), "=="),
]

# Each of these holds on most of its domain, or nearly holds.
FALSE = [
    (sqrt(x**2), x, "=="),
    (sqrt(z**2), z, "=="),
    (log(x * y), log(x) + log(y), "=="),
    (sqrt(x * y), sqrt(x) * sqrt(y), "=="),
    (Abs(x - 3), x - 3, "=="),
    (Max(x, 10**5), 10**5, "=="),
    (sympy.Piecewise((0, x < 10**8), (1, True)), 0, "=="),
    (exp(2 * x), exp(x) ** 2 + Rational(1, 10**30), "=="),
    (sympy.floor(x), sympy.ceiling(x) - 1, "=="),
    (log(u), u - 1 - Rational(1, 10**9), "<="),
    (u**2, u, ">="),
    (x**2, 0, ">"),
    (x, y, "<"),
    (sympy.diff(log(1 - D(x)), x), -sympy.diff(D(x), x), "=="),
]


@pytest.mark.parametrize("lhs, rhs, relation", TRUE, ids=str)
def test_true_statements_are_proved(lhs, rhs, relation):
    assert prove(lhs, rhs, relation).status == "proved"


@pytest.mark.parametrize("lhs, rhs, relation", FALSE, ids=str)
def test_false_statements_are_refuted_by_a_point_where_they_fail(lhs, rhs, relation):
    proof = prove(lhs, rhs, relation)
    assert proof.status == "refuted" and not proof
    at = proof.counterexample
    left, right = (sympy.sympify(s).subs(at).doit().evalf(60) for s in (proof.lhs, proof.rhs))
    assert abs(left - proof.lhs_value) < 1e-15 * (1 + abs(left))
    assert abs(right - proof.rhs_value) < 1e-15 * (1 + abs(right))
    holds = {"==": left == right}
    if relation != "==":
        holds = {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}
    assert not holds[relation]
    assert str(next(iter(at))) in str(proof)


@pytest.mark.parametrize("lhs, rhs, relation", FALSE, ids=str)
def test_no_strategy_proves_what_is_false(lhs, rhs, relation):
    """The exact strategies are sound by themselves, without the attack that comes before them."""
    lhs, rhs = derived(lhs), derived(sympy.sympify(rhs))
    domain = Domain(lhs.free_symbols | rhs.free_symbols)
    assert decide_by_parts(lhs, rhs, relation, domain) == ""


def test_no_strategy_forgets_the_end_of_a_closed_interval():
    kink = sympy.Piecewise((0, x < 1), (1, True))
    assert decide_by_parts(kink, sympy.S.Zero, "==", Domain({x}, [x >= 0, x < 1])) != ""
    assert decide_by_parts(kink, sympy.S.Zero, "==", Domain({x}, [x >= 0, x <= 1])) == ""


@pytest.mark.slow
def test_what_no_strategy_decides_is_checked_and_says_so():
    proof = prove(sympy.sin(x) + sympy.cos(sqrt(2) * x), -2, ">")  # or √2 would be rational
    assert proof.status == "checked" and proof.points >= 100
    assert "50 digits" in str(proof)


@pytest.mark.parametrize("value", [Rational(3, 5), Rational(10000095, 10**7), 1])
def test_balls_too_wide_to_tell_are_no_agreement(value):
    with pytest.raises(UndecidableError, match="to a few digits"):
        prove(Integral(sympy.sin(exp(x)), (x, 0, 12)), value, seconds=5)


@pytest.mark.parametrize(("exponent", "digits"), [(-30, 30), (-5, None)])
def test_a_check_says_to_how_many_digits(monkeypatch, exponent, digits):
    balls = [arb(1, arb(10) ** exponent), arb(1)]
    monkeypatch.setattr(Comparison, "values", lambda self, point, bits: balls)
    tried = attack(sympy.sin(x), sympy.cos(x), "==", Domain({x}), lambda: False)
    if digits is None:
        assert tried.agreed == 0 and tried.unsure > 0
    else:
        assert tried.agreed > 0 and tried.digits == digits


def test_the_digits_of_a_check_stand_in_its_evidence():
    proof = Proof(x, y, "==", "checked", points=9, digits=17)
    assert proof.evidence == "checked to 17 digits at 9 points"
    assert prove(Integral(log(sympy.gamma(x)), (x, 0, 1)), log(2 * sympy.pi) / 2).evidence == (
        "checked to 50 digits at 1 point"
    )


def test_the_zero_function_alone_is_no_evidence():
    f = Function("f", real=True)
    mass = Integral(sympy.DiracDelta(x - y) * f(x), (x, 0, 1))
    for value in (0, 2 * f(y)):
        with pytest.raises(UndecidableError):
            prove(mass, value)


@pytest.mark.parametrize("sign", [{"positive": True}, {"negative": True}])
def test_bounds_that_are_reached_where_two_functions_are_the_same(sign):
    """Cauchy and Schwarz's, a little too good."""
    f, h = Function("f", real=True), Function("h", **sign)
    squares = (Integral(function(x) ** 2, (x, 0, 1)) for function in (f, h))
    bound = sympy.Mul(*squares) * Rational(999, 1000)
    assert prove(Integral(f(x) * h(x), (x, 0, 1)) ** 2, bound, "<=").status == "refuted"


@pytest.mark.parametrize("relation", ["==", ">="])
def test_where_sympy_cannot_evaluate_a_side_the_ball_is_shown(relation):
    m = Symbol("m", integer=True, nonnegative=True)
    proof = prove(Integral(sympy.floor(x), (x, 0, m)), m**2 / 2, relation)
    assert proof.status == "refuted" and "right side 0.5" in proof.evidence


def test_assumptions_decide():
    assert prove(Abs(x - 1), 1 - x).status == "refuted"
    assert prove(Abs(x - 1), 1 - x, assumptions=x <= 1).status == "proved"
    assert prove(x**2, x, "<=").status == "refuted"
    assert prove(x**2, x, "<=", [x >= 0, x <= 1]).status == "proved"
    assert prove(x**2, x, "<=", [x >= 0, x <= Rational(101, 100)]).status == "refuted"
    assert prove(p + q, 1, assumptions=Eq(q, 1 - p)).status == "proved"
    # the end of a closed interval belongs to it
    kink = sympy.Piecewise((0, x < 1), (1, True))
    assert prove(kink, 0, assumptions=[x >= 0, x < 1]).status == "proved"
    assert prove(kink, 0, assumptions=[x >= 0, x <= 1]).counterexample == {x: 1}


def test_what_an_equation_determines_keeps_its_own_assumptions():
    # q = 1 - p is positive, so p < 1 and the logarithm is negative
    assert prove(log(p), 0, "<=", Eq(q, 1 - p)).status == "proved"
    assert prove(log(p), 0, "<=").status == "refuted"


def test_undefined_points_are_no_counterexamples():
    assert prove(sympy.sin(x) / x * x, sympy.sin(x))
    assert prove(x**2 * (1 / x), x)


def test_statements_about_nothing_are_errors():
    with pytest.raises(EmptyDomainError, match="both sides are defined"):
        prove(zoo * x, zoo * x)
    with pytest.raises(EmptyDomainError, match="no value for x"):
        prove(x, 1, assumptions=[x > 1, x < 0])
    with pytest.raises(EmptyDomainError, match="contradict"):
        prove(p, 1, assumptions=p < 0)


def test_cancellation_is_not_mistaken_for_a_difference():
    # At x = 1000 both squares have 868 digits before the point.
    assert prove(sympy.cosh(x) ** 2, sympy.sinh(x) ** 2 + 1)


def test_huge_exponents_do_not_stall_it():
    # The products reach 1e9 at the hard points, where 1 - D and 1 cannot be told apart.
    first, second, third, fourth = sympy.symbols("w1:5", real=True)
    real, generated = first + second * x, first + second * (third + fourth * t)
    slope = sympy.diff(-softplus(-real) - softplus(generated), first)
    assert prove(slope, 1 - sigmoid(real) - sigmoid(generated)).status == "proved"


def test_what_cannot_be_decided_raises():
    with pytest.raises(UndecidableError, match="cannot be evaluated"):
        prove(sympy.mathieuc(x, y, t), sympy.mathieuc(y, x, t))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: prove(x, y, "!="), "must be one of"),
        (lambda: prove(z, 1, "<="), "needs real symbols"),
        (lambda: prove(x, 1, assumptions=x), "must be a relation"),
        (lambda: prove(sympy.S.true, 1), "must be a SymPy expression"),
        (lambda: prove("x", 1), "must be a SymPy expression or a number, not 'x'"),
        (lambda: prove(sympy.Matrix([1]), 1), "must be a SymPy expression"),
    ],
)
def test_wrong_use(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_undefined_functions_of_two_variables_are_not_taken_for_sums():
    value = Function("V", real=True)(x, y)
    assert prove(value.diff(x, y), -value.diff(x, y)).status == "refuted"
    assert prove(value.diff(x, y), value.diff(y, x)).status == "proved"


@pytest.mark.parametrize("step", [sqrt(2), sympy.pi, sympy.cbrt(5)])
def test_the_values_at_a_single_point_are_those_of_the_point(step):
    """A ball around π does not tell whether x = π; SymPy does."""
    found = prove(sympy.Piecewise((-5, Eq(x, step)), ((x - 1) ** 2, True)), 0, ">=")
    assert found.counterexample == {x: step} and (found.lhs_value, found.rhs_value) == (-5, 0)


def test_a_value_that_nobody_can_tell_from_zero_is_shown_as_zero():
    slope = -sigmoid(x) * (1 - sigmoid(x))
    found = prove(slope, slope + 1, assumptions=Eq(x, sympy.Integer(10) ** 300))
    assert found.lhs_value == 0
    assert "left side 0, right side 1.0" in found.evidence


SIGNS = {
    "positive": {"<=": False, ">=": True, "square > 0": True},
    "nonnegative": {"<=": False, ">=": True, "square > 0": False},
    "negative": {"<=": True, ">=": False, "square > 0": True},
    "nonpositive": {"<=": True, ">=": False, "square > 0": False},
    "nonzero": {"<=": False, ">=": False, "square > 0": True},
    "real": {"<=": False, ">=": False, "square > 0": False},
}


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    "whole",
    [lambda f: f(x), lambda f: Integral(f(t), (t, 0, 1)), lambda f: Limit(f(t), t, oo)],
    ids=["value", "integral", "limit"],
)
def test_functions_keep_the_sign_that_is_declared(sign, whole):
    f = Function("f", **{sign: True})
    for relation in ("<=", ">="):
        outcome = prove(whole(f), 0, relation).status
        assert (outcome != "refuted") == SIGNS[sign][relation], relation
    # A limit of positive values may be 0, which no family of functions shows.
    if not isinstance(whole(f), Limit) or not SIGNS[sign]["square > 0"]:
        square = prove(whole(lambda place: f(place) ** 2), 0, ">").status
        assert (square != "refuted") == SIGNS[sign]["square > 0"]


@pytest.mark.parametrize("bound", [1, 3, 1000])
def test_functions_may_tend_to_any_number(bound):
    for f in (Function("f"), D):
        assert prove(Limit(f(t), t, oo), bound, "<=").status == "refuted"
        assert prove(Limit(t * f(t) / (1 + t), t, oo), bound, "<=").status == "refuted"
    assert prove(Integral(D(t), (t, 0, 1)), min(bound, 3), "<=").status == "refuted"
    assert prove(Limit(D(t), t, -oo), Rational(1, 100), ">=").status == "refuted"


@pytest.mark.parametrize("trait", ["complex", "imaginary", "integer", "prime", "irrational"])
def test_functions_that_are_not_smooth_real_ones_are_refused(trait):
    f = Function("f", **{trait: True})
    for side in (f(x) ** 2, Integral(f(t) ** 2, (t, 0, 1)), f(x).diff(x) ** 2):
        with pytest.raises(Refused, match=rf"f\(.\) is declared .*{trait}.*may be declared real"):
            prove(side, 0, ">=")


def test_an_equation_is_solved_for_the_side_that_is_one_symbol():
    k = Symbol("k", real=True)
    deep = sympy.tanh(x * sympy.tanh(y * sympy.tanh(t) + 1) + 2)
    assert Domain([k, x, y, t], Eq(k, deep)).solved == {k: deep}
    assert prove(k**2, deep**2, assumptions=Eq(deep, k)).status == "proved"


def test_powers_with_symbols_in_the_exponent_are_not_computed_exactly():
    s, w = sympy.symbols("s w", positive=True)
    power = log(s ** (2 * w**2)) - 2 * w**2 * log(s)  # at 10**6: two billion digits
    assert prove(power, 0).status == "proved"
    assert prove(power + w, w + 1).status == "refuted"


def test_the_root_of_a_square_and_the_inverse_of_x_exp_x():
    assert prove(sqrt(u**2 + 2 * u + 1), u + 1).status == "proved"
    assert prove(sympy.LambertW(exp(1 / u) / u), 1 / u).status == "proved"
    assert prove(sympy.LambertW(exp(1 / u) / u), u).status == "refuted"


def test_the_second_derivative_of_a_kink_is_no_obstacle():
    bent = -log(Abs(y - x))
    assert prove(bent.diff(x, 2), bent.diff(x) ** 2)
    assert prove(bent.diff(x, 2), 2 * bent.diff(x) ** 2).status == "refuted"


def test_a_strict_inequality_is_not_refuted_by_an_exponential_too_small_to_see():
    assert prove(-softplus(x), 0, "<").status == "proved"
    assert prove(-softplus(x * y) - log(2), -log(2), "<").status == "proved"
    assert prove(exp(x), 0, ">").status == "proved"
    assert prove(x**2, 0, ">").counterexample == {x: 0}
    assert prove(sympy.sin(x) ** 2 + sympy.cos(x) ** 2, 1, ">").status == "refuted"


@pytest.mark.parametrize(
    "polynomial, status",
    [
        (x**4 - x**2 + 1, "proved"),
        ((x**2 - 2) ** 2 * (x**2 + x + 1), "proved"),  # touches zero, irrational roots
        (x**4 - x**2 + Rational(1, 5), "refuted"),
        (x**3, "refuted"),
        (u**3 - 2 * u**2 + 2 * u, "proved"),  # a root at the edge of the domain
        (u**3 - 3 * u**2 + 2 * u, "refuted"),
        (-(x**2) - 1, "refuted"),
    ],
)
def test_polynomials_of_one_symbol_are_decided(polynomial, status):
    assert prove(polynomial, 0, ">=").status == status


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(-5, 5), min_size=2, max_size=4),
    st.lists(st.integers(-5, 5), min_size=1, max_size=3),
    st.integers(1, 6),
)
def test_random_identities_and_their_false_neighbours(first, second, error):
    """A product expanded is an identity; with one coefficient changed it is not."""
    a_x = sum(c * x**i for i, c in enumerate(first))
    b_x = sum(c * exp(i * x) for i, c in enumerate(second))
    product = sympy.expand(a_x * b_x)
    assert prove(a_x * b_x, product).status == "proved"
    false = prove(a_x * b_x, product + Rational(error, 10**12) * exp(x))
    assert false.status == "refuted"
    gap = (false.lhs - false.rhs).subs(false.counterexample).evalf(50)
    assert abs(gap) > 0


def test_derivation_proves_each_step_and_keeps_the_chain():
    chain = Derivation(p * log(p / (p + q)) + q * log(q / (p + q)), name="V at its maximum")
    chain.step(p * log(p) + q * log(q) - (p + q) * log(p + q), "split the logarithms")
    chain.bound(">=", -(p + q) * log(2), "convexity of x log x")
    assert chain.relation == ">=" and chain.result == -(p + q) * log(2)
    assert prove(chain.start, chain.result, chain.relation)
    text, latex = str(chain), chain._repr_latex_()
    assert "split the logarithms: proved" in text and "≥" in text
    assert r"\begin{aligned}" in latex and r"\ge" in latex and "split the logarithms" in latex


def test_a_false_step_raises_and_changes_nothing():
    chain = Derivation(sqrt(x**2), name="a root").step(Abs(x), "definition")
    with pytest.raises(DerivationError, match=r"step 2 of the derivation 'a root'.*x = -") as info:
        chain.step(x, "the root undoes the square")
    assert info.value.proof.counterexample[x] < 0
    assert chain.result == Abs(x) and len(chain.steps) == 1
    with pytest.raises(ValueError, match="Start a second derivation"):
        chain.bound(">=", x, "x ≤ |x|").bound("<=", x**2 + 1, "a square")
    with pytest.raises(ValueError, match="reason"):
        chain.step(Abs(x), "")


def test_a_refutation_says_how_far_the_sides_are_apart():
    x = Symbol("x", real=True)
    assert "1.38E-87 apart" in prove(softplus(x), x, "==", x > 200).evidence
    assert "5.15E-869 apart" in prove(sympy.tanh(1000), 1).evidence
    assert "left side 0," in prove((x - sympy.sqrt(2)) ** 2, Rational(1, 10**15), ">=").evidence
    assert "both sides are 0" in prove(x, x, "<").evidence


@pytest.mark.slow
def test_a_strict_inequality_between_equal_sides_is_refuted():
    t, c = Symbol("t", real=True), Symbol("c", positive=True)
    integral = sympy.Integral(sympy.exp(-c * t), (t, 0, sympy.oo))
    assert prove(integral, 1 / c, "<").status == "refuted"
    assert prove(integral, 1 / c, "<=").status == "proved"


u1, u2 = sympy.symbols("u1 u2", real=True, nonzero=True)
broken = Symbol("broken", noninteger=True, positive=True)
rough, rougher = sympy.symbols("rough rougher", irrational=True)
first_prime, other_prime = sympy.symbols("p1 p2", prime=True)
whole, count = sympy.symbols("whole count", integer=True, positive=True)


def arms(s):
    """π/2 on one side of 0, and −π/2 on the other, with the derivative zero on both."""
    return sympy.atan(s) + sympy.atan(1 / s)


@pytest.mark.parametrize(
    "lhs, rhs, relation",
    [
        (arms(u1), sympy.pi / 2, "=="),
        (arms(rough), sympy.pi / 2, "=="),
        (arms(broken - 1), sympy.pi / 2, "=="),
        (arms(u1) * sympy.exp(arms(u1)), sympy.pi / 2 * sympy.exp(sympy.pi / 2), "=="),
        (sympy.atan(u1 / u2) + sympy.atan(u2 / u1), sympy.pi / 2, "=="),
        (arms(u1), sympy.pi / 2, ">="),
        (u1 + 1 / u1, 2, ">="),
        (broken / (broken - 1), 1, ">"),
        ((u1 - u2) ** 2, 0, ">"),
        (sympy.cosh(u1 - u2), 1, ">"),
        ((rough - rougher) ** 2, 0, ">"),
        ((first_prime - other_prime) ** 2, 0, ">"),
        ((whole - count) * (whole - 2 * count), 0, ">="),
        (whole**2, whole * count, ">="),
    ],
)
def test_no_rule_takes_what_a_symbol_leaves_out_for_an_interval(lhs, rhs, relation):
    """SymPy knows that a nonzero u has no pole in 1/u; that u skips a number makes two branches,
    and u − v need not skip it. The rules alone, without the points that refute."""
    lhs, rhs = sympy.sympify(lhs), sympy.sympify(rhs)
    domain = Domain(lhs.free_symbols | rhs.free_symbols)
    assert not decide_by_parts(lhs, rhs, relation, domain)


def test_a_branch_that_cannot_be_evaluated_is_not_overlooked():
    far = sympy.sin(exp(exp(-20 * arms(u1))))
    assert prove(far, sympy.sin(exp(exp(-10 * sympy.pi)))).status != "proved"
    apart = (u1 - u2) ** 2
    assert prove(apart * exp(exp(exp(20 - apart))), 0, ">").status != "proved"


def test_what_a_symbol_leaves_out_at_an_end_does_not_matter():
    assert decide_by_parts(arms(u), sympy.pi / 2, "==", Domain({u}))
    assert decide_by_parts(arms(u1), sympy.pi / 2, "==", Domain({u1}, [u1 > 0]))
    assert decide_by_parts(arms(u1), -sympy.pi / 2, "==", Domain({u1}, [u1 < 0]))
