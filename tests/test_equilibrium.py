"""What losses and logits read at the optimum of the game."""

import math

import pytest

import gancode
from gancode.calculus import catalog, find_objective
from gancode.equilibrium import equilibrium

NAMES = ["discriminator_loss", "generator_loss", "logits_real", "logits_generated"]
LOG2 = math.log(2)
KNOWN = {
    "minimax": (2 * LOG2, -LOG2, 0, 0),
    "nonsaturating": (2 * LOG2, LOG2, 0, 0),
    "least-squares": (1 / 4, 1 / 8, 1 / 2, 1 / 2),
    "least-squares-symmetric": (1, 0, 0, 0),
    "exponential": (2, 1, 0, 0),
    "hinge": (2, None, None, None),  # any logit from −1 to 1 is as good
    "wasserstein": (0, None, None, None),
    "relativistic": (LOG2, LOG2, None, None),  # the difference of logits is 0
    "relativistic-hinge": (1, 1, None, None),
    "relativistic-least-squares": (1, 1, None, None),
    # estimates of divergences, which are 0; the generator's loss is −f*(f′(1)) = −f′(1)
    "kl": (0, -1, 0, 0),
    "reverse-kl": (0, 1, 0, 0),
    **dict.fromkeys(
        ("pearson", "neyman", "squared-hellinger", "jensen-shannon", "alpha"), (0, 0, 0, 0)
    ),
}


def test_every_objective_of_the_catalogue_is_among_the_known():
    assert set(KNOWN) >= set(catalog)


@pytest.mark.parametrize("name", KNOWN)
def test_the_catalogue_has_the_values_of_the_papers(name):
    found = equilibrium(catalog[name])
    assert list(found) == NAMES
    for value, expected in zip(found.values(), KNOWN[name], strict=True):
        assert value == (None if expected is None else pytest.approx(expected, abs=1e-6))


@pytest.mark.parametrize(
    ("text", "t", "loss"),
    [
        ("softplus(-1.7*a) + softplus(1.7*b)", 0.0, 2 * LOG2),
        ("2*softplus(-a) + softplus(b)", LOG2, 3 * math.log(3) - 2 * LOG2),  # σ(t) = 2/3
        ("(a - 3)**2 + (b - 1)**2", 2.0, 2.0),
        ("max(0, 1 - a)**2 + max(0, 1 + b)**2", 0.0, 2.0),
    ],
)
def test_the_logit_of_an_expression_is_where_its_loss_is_least(text, t, loss):
    found = equilibrium(find_objective(text))
    assert found["logits_real"] == found["logits_generated"] == pytest.approx(t, abs=1e-6)
    assert found["discriminator_loss"] == pytest.approx(loss, abs=1e-9)


def test_where_there_is_no_optimum_nothing_is_said():
    assert equilibrium(find_objective("softplus(-a) + b**3", "-b")) == dict.fromkeys(NAMES)


def test_a_run_of_equal_densities_reads_these_values():
    from torch import nn

    class Same(nn.Linear):
        """Makes the data: what it has learnt adds nothing."""

        def forward(self, z):
            return z + 0 * super().forward(z)

    gan = gancode.GAN(Same(1, 1), gancode.networks.mlp_discriminator(1, [8]), 1)
    run = gancode.train(
        gan, gancode.data.gaussian(), steps=400, batch_size=500, lr=1e-2, log_every=200
    )
    for name, value in equilibrium(catalog["nonsaturating"]).items():
        assert run.history[-1][name] == pytest.approx(value, abs=0.1)
