"""Divergences as games: losses from f, their critic, and the divergence derived back from them."""

import functools
import math
import time

import mpmath
import numpy as np
import pytest
import sympy
import torch
from scipy.stats import norm
from sympy import Abs, Interval, Max, Rational, S, exp, log, oo, sqrt

import gancode
from gancode.calculus import (
    Divergence,
    NoClosedFormError,
    NotConvexError,
    Objective,
    ObjectiveError,
    a,
    alpha_divergence,
    b,
    catalog,
    divergences,
    find_objective,
    p,
    prove,
    q,
    r,
    skewed_js,
    softplus,
)
from gancode.calculus.expression import ExpressionError
from gancode.cli import main
from gancode.errors import Refused
from gancode.losses import compile
from gancode.training.settings import Settings

FAMILY = "kl reverse-kl pearson neyman squared-hellinger jensen-shannon alpha".split()
OWN = {
    "exponential": exp(r - 1) - 1,
    "with a kink": Abs(r - 1) + (r - 1) ** 2,
    "without a closed conjugate": r * log(r) + (r - 1) ** 4,
    "Jensen's K": r * log(2 * r / (r + 1)),
    "hockey-stick": Max(0, r - Rational(3, 2)),
    "flat at 1": (r - 1) ** 4,
    "bounded on both sides": sqrt(1 + (r - 1) ** 2) - 1,
}
OTHER = {
    "alpha 5/3": lambda: alpha_divergence(Rational(5, 3)),
    "alpha -2": lambda: alpha_divergence(-2),
    "js 1/4": lambda: skewed_js(Rational(1, 4)),
}
MEMBERS = [*divergences, *OWN, *OTHER]
SMOOTH = [
    name for name in MEMBERS if name not in ("total-variation", "with a kink", "hockey-stick")
]


@functools.cache
def member(name):
    """Made when a test asks for it: that f is convex takes time to prove."""
    if name in OWN:
        return Divergence(OWN[name])
    return OTHER[name]() if name in OTHER else divergences[name]


@functools.cache
def game(name):
    return member(name).objective()


@pytest.mark.parametrize("name", MEMBERS)
def test_the_divergence_of_the_objective_of_a_divergence_is_that_divergence(name):
    divergence = member(name).scaled(3, -log(4))
    objective = divergence.objective()
    back = objective.divergence()
    assert back.offset == -log(4) or prove(back.offset, -log(4))
    assert back.scale == 3 or divergence.name not in divergences
    assert back.name == divergence.name or divergence.name not in divergences
    # f is determined up to c·(r − 1), which integrates to nothing
    value, f = back.scale * back.f + back.offset, 3 * divergence.f - log(4)
    slope = (value - f).subs(r, 2)
    assert prove(value, f + slope * (r - 1)).status == "proved"
    if divergence.name in divergences:
        assert prove(back.f, divergence.f).status == "proved"


@pytest.mark.parametrize("name", MEMBERS)
def test_the_value_at_the_optimal_critic_is_f(name):
    assert prove(game(name).value(), member(name).f).status == "proved"
    assert "checked" not in str(game(name).report())


@pytest.mark.parametrize("name", SMOOTH)
def test_the_best_output_is_the_logit_and_the_pull_is_the_ratio(name):
    objective, slope = game(name), member(name).f.diff(r)
    critic = objective.optimal_critic()
    assert prove(critic.subs({p: r, q: 1}), slope).status == "proved"
    assert prove(objective.activation(log(r)), slope).status == "proved"
    assert prove(objective.generator_weight(), r).status == "proved"
    assert objective.saturates()


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("kl", S.Reals),
        ("reverse-kl", Interval.open(-oo, 0)),
        ("jensen-shannon", Interval.open(-oo, log(2) / 2)),
        ("pearson", Interval(-2, oo)),
        ("neyman", Interval(-oo, 1)),  # f*(f′(∞)) = 2 is finite
        ("squared-hellinger", Interval.open(-oo, 1)),
        ("le-cam", Interval(Rational(-3, 2), Rational(1, 2))),  # f*(½) = 3/2
        ("total-variation", Interval(Rational(-1, 2), Rational(1, 2))),
        ("jeffreys", S.Reals),
    ],
)
def test_the_critic_has_the_values_of_the_slopes_of_f(name, domain):
    objective = divergences[name].objective()
    assert objective.domain == domain
    outputs = np.linspace(-600, 600, 101) / 10
    values = sympy.lambdify(a, objective.activation(a).rewrite(log), "numpy")(outputs)
    assert (np.diff(values) >= 0).all()
    for value, end in ((values[0], domain.inf), (values[-1], domain.sup)):
        assert value == pytest.approx(float(end), abs=1e-9) or end.is_infinite and abs(value) > 20


@pytest.mark.parametrize("name", ["le-cam", "neyman", "total-variation", "squared-hellinger", "js"])
def test_the_domain_of_a_conjugate_has_the_ends_at_which_it_is_finite(name):
    star = divergences[name].conjugate()
    end = star.domain.sup
    f = sympy.lambdify(r, divergences[name].f, "numpy")
    before, later = (float(end) * x - float(f(x)) for x in (1e5, 1e8))  # towards the supremum
    finite = later - before < 0.1
    assert bool(star.domain.contains(end)) == finite
    if finite:
        assert float(star(end)) == pytest.approx(later, abs=1e-4)


def test_a_conjugate_has_its_limit_where_its_formula_has_no_value():
    f = r + exp(-r) - 1 - exp(-1)
    star = Divergence(f).conjugate()  # it has (1 − y)·log(1 − y)
    assert star.domain == Interval(-oo, 1)
    assert prove(star(S.One), 1 + exp(-1)).status == "proved"
    assert prove(Divergence(f).biconjugate(), f).status == "proved"


@pytest.mark.parametrize("name", ["pearson", "reverse-kl", "with a kink", "le-cam"])
def test_every_critic_estimates_from_below_and_the_best_one_exactly(name):
    divergence = member(name)
    objective = divergence.objective()
    critic_loss, _ = objective.outputs
    real, generated = (
        sympy.lambdify(s, e.rewrite(log), "numpy")
        for s, e in (
            (a, critic_loss.as_independent(a, as_Add=True)[1]),
            (b, critic_loss.as_independent(a, as_Add=True)[0]),
        )
    )
    x = np.linspace(-12, 12, 4001)
    log_p, log_q = norm.logpdf(x, 0.3, 1), norm.logpdf(x, 0, 1.2)
    exact = divergence.numeric(lambda _: log_p, lambda _: log_q, x)

    def estimate(output):
        each = np.exp(log_p) * real(output) + np.exp(log_q) * generated(output)
        return -np.trapezoid(each, x)

    for output in (0 * x, np.tanh(x), (log_p - log_q) / 2, log_p - log_q + 0.1):
        assert estimate(output) < exact + 1e-9
    if name in SMOOTH:
        assert estimate(log_p - log_q) == pytest.approx(exact, rel=1e-9)


def test_two_objectives_of_the_literature_come_from_their_divergences():
    found = catalog["minimax"].divergence().objective()
    (ours, _), (theirs, _) = found.outputs, catalog["minimax"].outputs
    assert prove(ours, theirs).status == "proved"
    hellinger = divergences["squared-hellinger"].objective().outputs[0]
    twice = {a: 2 * a, b: 2 * b}  # the critic's output is half a logit there
    assert prove(hellinger.subs(twice) + 2, catalog["exponential"].critic).status == "proved"


# The catalogue -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILY)
def test_the_family_is_in_the_catalogue(name):
    assert name in list(catalog) and catalog[name].name == name
    card = str(catalog[name].report())
    assert name in card and "Nowozin" in card and "critic's activation" in card
    assert "numerical" not in card and "not derived" not in card


PLACES = (0.25, -0.5, 5.0, -5.0, 30.0, -30.0, 100.0, -100.0, 1e4, -1e4)


def in_full(expr, symbol):
    """The values at PLACES to 50 digits, whatever cancels."""
    function, values = sympy.lambdify(symbol, expr, "mpmath"), {}
    for place in PLACES:
        with mpmath.workdps(60 + int(4 * abs(place))):
            values[place] = mpmath.mpmathify(function(mpmath.mpf(place)))
    return values


@pytest.mark.parametrize("name", [*FAMILY, "le-cam", "jeffreys", "total-variation", "js 1/4"])
def test_losses_and_slopes_are_exact_or_beyond_the_type(name):
    objective = catalog[name] if name in catalog else game(name)
    critic, generator = objective.outputs
    rest, real = critic.as_independent(a, as_Add=True)
    for symbol, loss in ((a, real), (b, rest), (b, generator)):
        compiled = compile(loss, [symbol])
        plain = loss.rewrite(log)
        truths = [in_full(each, symbol) for each in (plain, plain.diff(symbol))]
        for dtype, close in ((torch.float32, 3e-5), (torch.float64, 1e-11)):
            numbers = torch.finfo(dtype)
            for place in PLACES:
                output = torch.tensor([place], dtype=dtype, requires_grad=True)
                value = compiled(output)
                value.sum().backward()
                for found, truth in zip((value, output.grad), truths, strict=True):
                    exact = truth[place]
                    if abs(exact) > numbers.max:
                        assert found.item() == (math.inf if exact > 0 else -math.inf)
                        continue
                    smallest = 2e3 * numbers.tiny if found is output.grad else 4 * numbers.eps
                    assert found.item() == pytest.approx(float(exact), rel=close, abs=smallest)


def test_an_alpha_of_any_order_is_found_by_its_name():
    assert str(find_objective("alpha=2").divergence()) == "1/2·χ²(p‖q)"
    assert str(find_objective("ALPHA=1").divergence()) == "KL(p‖q)"
    found = find_objective("alpha = 1/3")
    assert found.name == "alpha=1/3" and "α = 1/3" in found.source
    assert prove(found.value(), alpha_divergence(Rational(1, 3)).f).status == "proved"
    assert find_objective("alpha=5/3").outputs == catalog["alpha"].outputs
    assert find_objective("js").name == "jensen-shannon"


@pytest.mark.parametrize("text", ["alpha=", "alpha=b", "alpha=1000", "alpha=-65", "alpha=sqrt(-1)"])
def test_an_order_that_is_none_is_refused(text):
    with pytest.raises((ObjectiveError, ExpressionError), match="order|expression|may not|real"):
        find_objective(text)
    with pytest.raises(ObjectiveError, match="has a generator's loss already"):
        find_objective("alpha=2", "-b")


@pytest.mark.parametrize("objective", ["kl", "alpha=1/3", "le-cam"])
def test_settings_keep_the_losses_that_are_trained(objective):
    named = objective in divergences and objective not in catalog
    settings = Settings(objective=member(objective).objective() if named else objective)
    again = Settings(objective=settings.plain()["objective"]).objective
    ours = settings.objective.outputs
    assert all(prove(*pair).status == "proved" for pair in zip(again.outputs, ours, strict=True))


@pytest.mark.parametrize("name", ["jensen-shannon", "alpha=1/2"])
def test_members_are_analysed_and_trained_by_the_command_line(name, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["analyze", name]) == 0
    assert "value at the optimum" in capsys.readouterr().out
    run = ["train", "--data", "ring", "--steps", "50", "--out", "run", "--objective", name]
    assert main([*run, "--batch-size", "64", "--penalty", "r1=1"]) == 0
    history = gancode.load("run").history
    for column in ("discriminator_loss", "generator_loss"):
        assert math.isfinite(history[-1][column])


@pytest.mark.parametrize("name", ["jeffreys", "without a closed conjugate", "flat at 1"])
def test_cards_that_need_an_inverse_take_less_than_five_seconds(name):
    def card():
        sympy.core.cache.clear_cache()
        began = time.process_time()
        text = str(member(name).objective().report())
        assert "not derived" not in text
        return time.process_time() - began

    assert any(card() < 5 for _ in range(2))


# What is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Divergence(sympy.sin(r - 1)).objective(), NotConvexError, "not convex"),
        (lambda: Divergence(r * log(r) + 1).objective(), Refused, r"f\(1\) must be 0"),
        (lambda: Divergence(2 * (r - 1)).objective(), Refused, "a line: D_f is 0"),
        (
            lambda: Objective(a**4 - a + b**4 + b, -b).divergence().objective(),
            NoClosedFormError,
            "f has no closed form",
        ),
        (
            lambda: Objective(-a + exp(b), -b, activation=2 * a, outputs=(exp(2 * b) - a, -2 * b)),
            ObjectiveError,
            "not proved to be the critic's loss",
        ),
        (
            lambda: Objective(-a + exp(b), -b, activation=a + 1, outputs=(exp(b + 1) - a - 1, -b)),
            ObjectiveError,
            "not proved to be the generator's loss",
        ),
    ],
)
def test_what_is_no_divergence_and_what_is_no_form_of_a_loss_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("critic", "activation", "ratio"),
    [
        (-a + b**2 / 2 + Max(0, b - 1), softplus(a) - 5, Rational(5, 4)),
        (-a + exp(b), a / 3, Rational(7, 2)),
    ],
)
def test_an_activation_changes_the_outputs_and_not_the_theory(critic, activation, ratio):
    plain = Objective(critic, -b, domain=None)
    confined = Objective(critic, -b, domain=S.Reals, activation=activation)
    one, other = (each.optimal_critic().subs({p: ratio, q: 1}) for each in (plain, confined))
    assert one == other or prove(one, other).status == "proved"


@pytest.mark.parametrize("critic", [a - b**2 / 2, 1 / a + log(b)])
def test_a_stationary_logit_is_no_optimum_of_losses_that_are_not_convex(critic):
    # r·L_real + L_generated is stationary at T = r, of the first loss where it is largest
    objective = Objective(critic, -b, domain=Interval.open(0, oo), activation=exp(a))
    with pytest.raises(ObjectiveError, match="must be convex"):
        objective.optimal_critic()


def test_an_activation_that_leaves_values_out_proves_nothing_of_them():
    objective = Objective(-a + exp(b), -b, domain=S.Reals, activation=softplus(a) - 1)
    assert not objective._covered and objective.optimal_critic() == log(p / q)
