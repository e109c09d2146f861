"""The two readings of an objective: its critic held still, and the game played out."""

import math
import time

import numpy as np
import pytest
import sympy
from sympy import Piecewise, Rational, exp, log, sqrt

from gancode.calculus import (
    NoClosedFormError,
    NotConvexError,
    Objective,
    ObjectiveError,
    a,
    b,
    catalog,
    divergences,
    p,
    prove,
    q,
    r,
    softplus,
)

HELD_STILL = {  # the force, and g up to c·(r − 1), by hand
    "minimax": (r / (1 + r), r * log(r) - (1 + r) * log((1 + r) / 2)),
    "nonsaturating": (1 / (1 + r), (1 + r) * log((1 + r) / 2) - (1 + r) * log(r)),  # 2 KL(m‖p)
    "exponential": (1 / (2 * sqrt(r)), 2 / (3 * sqrt(r)) + r / 3 - 1),
    "least-squares": (r / (1 + r) ** 3, None),
    "kl": (r, r * log(r)),
    "reverse-kl": (1, -log(r)),
    "neyman": (2 / r, (r - 1) ** 2 / r),
}


@pytest.mark.parametrize("name", HELD_STILL)
def test_a_critic_held_still_leads_down_a_divergence(name):
    pull, known = HELD_STILL[name]
    force, found = catalog[name].force(), catalog[name].held_still()
    assert prove(force, pull).status == "proved"
    g = found.scale * found.f
    assert prove(g.diff(r, 2), force / r**2).status == "proved"
    if known is not None:
        line = (g - known).subs(r, 2) * (r - 1)
        assert prove(g, known + line).status == "proved"


@pytest.mark.parametrize("name", HELD_STILL)
def test_its_gradient_is_that_of_the_samples(name):
    """For a Gaussian generator, by quadrature: the divergence over x, the loss over z."""
    objective = catalog[name]
    found = objective.held_still()
    g = sympy.lambdify(r, found.scale * found.f, "numpy")
    h = sympy.lambdify(r, loss_at_critic(objective), "numpy")
    grid = np.linspace(-14, 14, 4001)
    normal = np.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi)
    mean, width, step = 0.7, 0.8, 1e-5

    def log_q(x, m):
        return -((x - m) ** 2) / (2 * width**2) - math.log(width)

    def divergence(m):
        q_here = np.exp(log_q(grid, m)) / math.sqrt(2 * math.pi)
        return np.trapezoid(q_here * g(np.exp(-(grid**2) / 2 - log_q(grid, m))), grid)

    def loss(m):  # the critic is that of `mean`, whatever the samples do
        x = m + width * grid
        return np.trapezoid(normal * h(np.exp(-(x**2) / 2 - log_q(x, mean))), grid)

    slopes = [(f(mean + step) - f(mean - step)) / (2 * step) for f in (divergence, loss)]
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-6)


def loss_at_critic(objective):
    """The generator's loss at the optimal critic, from the public pieces."""
    critic = objective.optimal_critic().subs({p: r, q: 1})
    return objective.generator.subs(b, critic).rewrite(log)


ZERO_SUM = [name for name in catalog if name in divergences or name in ("minimax", "alpha")]


@pytest.mark.parametrize("name", [*ZERO_SUM, "jensen-shannon"])
def test_both_readings_of_a_zero_sum_game_are_one(name):
    """The envelope theorem."""
    still, out = catalog[name].held_still(), catalog[name].played_out()
    gap = still.scale * still.f - out.scale * out.f
    assert prove(gap, gap.subs(r, 2) * (r - 1)).status == "proved"
    assert out.offset == catalog[name].divergence().offset


def test_a_game_played_out_is_another_one_than_its_steps():
    nonsaturating = catalog["nonsaturating"].played_out()
    assert nonsaturating.offset == log(2)
    gap = nonsaturating.f - (log(1 + 1 / r) - log(2))
    assert prove(gap, gap.subs(r, 2) * (r - 1)).status == "proved"
    # Mao et al. 2017, equations 7 to 9: with both terms, the coding −1, 1, 0 minimises Le Cam's
    coded = catalog["least-squares-symmetric"]
    assert str(coded.played_out(on_real=a**2 / 2)) == "LC(p‖q)"
    with pytest.raises(NotConvexError, match=r"E_q\[L_G\(t\*\)\] is not proved a divergence"):
        coded.played_out()
    with pytest.raises(ObjectiveError, match="contains b"):
        coded.played_out(on_real=b)


@pytest.mark.parametrize(
    ("name", "method", "error", "reason"),
    [
        ("hinge", "held_still", NoClosedFormError, "the force is 0"),
        ("hinge", "played_out", NoClosedFormError, "no single formula"),
        ("least-squares-symmetric", "held_still", NotConvexError, r"is negative at r = "),
        ("wasserstein", "held_still", ObjectiveError, "no optimal critic"),
        ("wasserstein", "played_out", ObjectiveError, "no optimal critic"),
        ("relativistic", "force", ObjectiveError, "mixes a and b"),
        ("relativistic", "played_out", ObjectiveError, "mixes a and b"),
    ],
)
def test_what_descends_no_divergence_says_why(name, method, error, reason):
    with pytest.raises(error, match=reason):
        getattr(catalog[name], method)()


def test_a_critic_of_several_formulas_is_not_said_to_stand_still():
    terms = (
        Piecewise((u**2 / 2, sympy.Abs(u) < 1), (sympy.Abs(u) - Rational(1, 2), True))
        for u in (a - 1, b + 1)
    )
    huber = Objective(sum(terms), -b)
    with pytest.raises(NoClosedFormError, match="several formulas"):
        huber.held_still()


CROSS_ENTROPY = softplus(-a) + softplus(b)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("generator", "row", "says"),
    [
        (b, "critic held still", "the force -1 is negative: samples"),
        (exp(-exp(b)), "game played out", ""),
        (-sympy.floor(b), "critic held still", ""),
        (-sympy.sign(b), "force on a sample", "the generator's loss jumps"),
        (-b - sympy.sin(b) / 2, "game played out", "not proved a divergence"),
        (Piecewise((0, b > 0), (-b, True)), "critic held still", "several formulas"),
    ],
)
def test_a_card_survives_any_generator(generator, row, says):
    card = str(Objective(CROSS_ENTROPY, generator).report())
    (line,) = (line for line in card.splitlines() if row in line)
    assert says in line and "Dirac-GAN" in card


def test_a_divergence_by_an_inverse_function_is_one():
    found = Objective(CROSS_ENTROPY, -sympy.atan(b)).played_out()
    assert not found.f.has(sympy.I) and prove(found.f.diff(r, 2), 0, ">=").status != "refuted"


def test_an_offset_is_read_as_it_is_meant():
    squared = Objective(exp(-a) + exp(b), softplus(-b) ** 2).played_out()
    assert str(squared).endswith("+ log(2)^2")
    third = Objective(exp(-2 * a) + exp(b), -b).divergence()
    assert "log 2/3" not in str(third)


def test_numbers_that_are_almost_a_known_divergence_take_no_time():
    """1/π is a fraction to 15 digits, whose numerator SymPy would put into an exponent."""
    scaled = Objective(softplus(-sympy.pi * a) + softplus(sympy.pi * b), -b)
    began = time.process_time()
    assert str(scaled.held_still()) == "1/pi·KL(q‖p)"
    assert time.process_time() - began < 5


def test_a_critic_known_by_numbers_has_a_force_by_numbers():
    two_rates = Objective(softplus(-a) + softplus(2 * b), -b)
    with pytest.raises(NoClosedFormError):
        two_rates.held_still()
    # Φ = dt*/dlog r, by a difference of the critic
    critic = two_rates.optimal_critic().subs(q, 1)
    step = Rational(1, 10**6)
    there = [sympy.N(critic.subs(p, Rational(7, 10) * (1 + k * step)), 30) for k in (-1, 1)]
    slope = (there[1] - there[0]) / (2 * step)
    assert float(sympy.N(two_rates.force().subs(r, Rational(7, 10)))) == pytest.approx(
        float(slope), rel=1e-6
    )
