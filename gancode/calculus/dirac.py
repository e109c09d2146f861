"""The Dirac-GAN: the smallest game in which training can be followed with pen and paper.

All data sit at 0, all generated samples at θ, and the critic is the line t(x) = ψ·x, which has the
gradient ψ everywhere (Mescheder, Geiger and Nowozin 2018, definition 2.1).
"""

from collections.abc import Mapping

from sympy import Abs, Expr, Rational, S

from .game import Game, require_weight
from .registry import UnknownNameError
from .symbols import a, b, gamma, psi, theta

# What each gradient penalty adds to the critic's loss, before its weight.
_ON_CRITIC = {
    "r1": psi**2 / 2,  # at the data
    "r2": psi**2 / 2,  # at the generated samples
    "wgan-gp": (Abs(psi) - 1) ** 2,  # between them
}
PENALTIES = (*_ON_CRITIC, "consensus", "instance-noise", "clipping")


def dirac_gan(objective, penalty: str | Mapping | None = None) -> Game:
    """The Dirac-GAN under an objective and its penalties; see `Objective.dirac`."""
    weights = _weights(penalty)
    noise = weights.get("instance-noise", S.Zero)
    critic = _mean(objective.real_loss, a, S.Zero, noise)
    critic += _mean(objective.generated_loss, b, theta, noise)
    critic += sum(weights[name] * term for name, term in _ON_CRITIC.items() if name in weights)
    generator = _mean(objective.generator, b, theta, noise)
    clip = {psi: weights["clipping"]} if "clipping" in weights else None
    game = Game({theta: generator, psi: critic}, clip)
    return game.consensus(weights["consensus"]) if "consensus" in weights else game


def _weights(penalty) -> dict[str, Expr]:
    if penalty is None:
        return {}
    pairs = penalty if isinstance(penalty, Mapping) else {penalty: gamma}
    for name in pairs:
        if name not in PENALTIES:
            raise UnknownNameError(
                f"unknown penalty {name!r}; it must be one of {', '.join(PENALTIES)}"
            )
    return {name: require_weight(name, weight) for name, weight in pairs.items()}


def _mean(loss, argument, x, noise) -> Expr:
    """The mean of `loss` at the critic's value on x ± noise, each with probability ½."""
    values = {psi * (x + noise), psi * (x - noise)}
    return sum(loss.subs(argument, value) for value in values) * Rational(1, len(values))
