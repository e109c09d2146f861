"""What the losses of an objective read at the optimum of the game, where p = q."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar

_LOGITS = np.linspace(-40.0, 40.0, 801)


def equilibrium(objective: Any) -> dict:
    """The columns of a run's history there: discriminator_loss, generator_loss, logits_real and
    logits_generated, each a number, or None where the objective leaves it open.

    Where p = q the best critic has one value t at real and at generated samples alike, the one at
    which its loss on both together is least. Where many are (hinge, Wasserstein, losses on pairs)
    the logits are open, and the generator's loss too unless it is the same for all of them. Found
    numerically, among logits from −40 to 40.
    """
    critic_loss, generator_loss = objective.torch()

    def at(loss: Callable, arguments: int) -> Callable[[float], float]:
        return lambda t: loss(*[torch.tensor([t], dtype=torch.float64)] * arguments).item()

    critic, generator = at(critic_loss, 2), at(generator_loss, 2 if objective.paired else 1)
    losses = np.array([critic(t) for t in _LOGITS])
    names = ("discriminator_loss", "generator_loss", "logits_real", "logits_generated")
    if not np.isfinite(losses).any():
        return dict.fromkeys(names)
    best = np.nanargmin(losses)
    least = _LOGITS[losses <= losses[best] + 1e-9 * (1 + abs(losses[best]))]
    if len(least) > 1:
        values = [generator(t) for t in least]
        return {
            "discriminator_loss": float(losses[best]),
            "generator_loss": values[0] if np.ptp(values) < 1e-9 else None,
            "logits_real": None,
            "logits_generated": None,
        }
    if best in (0, len(_LOGITS) - 1):  # it falls on: there is no least
        return dict.fromkeys(names)
    around = _LOGITS[best - 1], _LOGITS[best + 1]
    t = float(minimize_scalar(critic, bounds=around, method="bounded", options={"xatol": 1e-9}).x)
    return dict(zip(names, (critic(t), generator(t), t, t), strict=True))
