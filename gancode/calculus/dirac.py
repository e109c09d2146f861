"""The Dirac-GAN: the smallest game in which training can be followed with pen and paper.

All data sit at 0, all generated samples at θ, and the critic is the line t(x) = ψ·x, which has the
gradient ψ everywhere (Mescheder, Geiger and Nowozin 2018, definition 2.1).
"""

import itertools
from collections.abc import Mapping
from typing import Any

from sympy import Expr, S

from .game import Game, require_weight
from .norms import PENALTIES as GRADIENT_PENALTIES
from .norms import on_the_line
from .registry import UnknownNameError
from .symbols import a, b, gamma, psi, theta

PENALTIES = (*GRADIENT_PENALTIES, "consensus", "instance-noise", "clipping")


def dirac_gan(critic: Expr, generator: Expr, penalty: str | Mapping | None = None) -> Game:
    """The Dirac-GAN under two losses, in `a` and `b`, and penalties; see `Objective.dirac`."""
    weights = _weights(penalty)
    noise = weights.get("instance-noise", S.Zero)
    critic, generator = (_mean(loss, noise) for loss in (critic, generator))
    # The slope is ψ at every place.
    named = [name for name in weights if name in GRADIENT_PENALTIES]
    critic += sum(weights[name] * on_the_line(name, psi) for name in named)
    clip = {psi: weights["clipping"]} if "clipping" in weights else None
    game = Game({theta: generator, psi: critic}, clip)
    return game.consensus(weights["consensus"]) if "consensus" in weights else game


def _weights(penalty: Any) -> dict[str, Expr]:
    if penalty is None:
        return {}
    pairs = penalty if isinstance(penalty, Mapping) else {penalty: gamma}
    for name in pairs:
        if name not in PENALTIES:
            raise UnknownNameError(
                f"unknown penalty {name!r}; it must be one of {', '.join(PENALTIES)}"
            )
    return {name: require_weight(name, weight) for name, weight in pairs.items()}


def _mean(loss: Expr, noise: Expr) -> Expr:
    """The mean of `loss`, with the data at ± noise and the generated samples at θ ± noise, each
    with probability ½ and independent of each other."""
    moves = {noise, -noise}
    pairs = list(itertools.product(moves, moves))
    return sum(loss.subs({a: psi * x, b: psi * (theta + y)}) for x, y in pairs) / len(pairs)
