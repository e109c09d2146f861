"""What each stabilising measure on the list of text 001 does to one small game, put in alone.

    python -m gancode.benchmarks.measures

writes `results/measures.json`: 96 games of each, two minutes of one core. The game: three clusters
on the line, two layers of 32 units for each player, and Adam with its default momentum of 0.9.
Games of one measure are played side by side: each weight has a first axis over them, and no number
passes from one to another.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sympy import Rational

import gancode
from gancode import benchmarks, data
from gancode.benchmarks.digits_mlp import smoothed
from gancode.calculus import Objective, catalog

RESULTS = benchmarks.RESULTS / "measures.json"
CLUSTERS = data.mixture([-2.0, 0.5, 2.0], [0.2, 0.3, 0.2], [0.3, 0.4, 0.3])
SETTINGS: dict[str, Any] = {
    "width": 32,
    "latent_dim": 4,
    "batch_size": 64,
    "rate": 2e-3,
    "steps": 400,
}
SAMPLES = 512
GAMES, SEED = 96, 2

_plain, _wasserstein = catalog["nonsaturating"], catalog["wasserstein"]
NOTHING = "nothing"
MEASURES = {
    NOTHING: {},
    "least squares": {"objective": catalog["least-squares"]},
    "residual networks": {"residual": True},
    "labels 0.9 and 0": {"objective": smoothed(Rational(1, 10))},
    "gradients clipped": {"longest": 0.1},
    "layer normalisation": {"normalised": True},
    "Wasserstein loss alone": {"objective": _wasserstein},
    "… gradients clipped": {"objective": _wasserstein, "longest": 0.1},
    "… weights clipped": {"objective": _wasserstein, "box": 0.1},
    "… and 5 critic steps, no momentum": {
        "objective": _wasserstein,
        "box": 0.1,
        "rounds": 5,
        "momentum": 0.0,
    },
    "plain loss with these two": {"rounds": 5, "momentum": 0.0},
    "momentum 0.5 (not on the list)": {"momentum": 0.5},
}


def _network(inputs: int, games: int) -> list[torch.Tensor]:
    """Matrices, then biases, of three layers."""
    width = SETTINGS["width"]
    sizes = ((inputs, width), (width, width), (width, 1))
    parameters = [(torch.rand(games, n, m) * 2 - 1) / n**0.5 for n, m in sizes]
    parameters += [torch.zeros(games, 1, m) for _, m in sizes]
    return [values.requires_grad_() for values in parameters]


def _output(
    parameters: Sequence[torch.Tensor],
    x: torch.Tensor,
    normalised: bool = False,
    residual: bool = False,
) -> torch.Tensor:
    for k in (0, 1):
        y = torch.baddbmm(parameters[k + 3], x, parameters[k])
        y = F.leaky_relu(F.layer_norm(y, y.shape[-1:]) if normalised else y, 0.2)
        x = x + y if residual and k == 1 else y
    return torch.baddbmm(parameters[5], x, parameters[2])


def _clipped(slopes: Sequence[torch.Tensor], longest: float) -> list[torch.Tensor]:
    """Each game's gradient, cut down to this length."""
    squares = [slope.square().sum((1, 2), keepdim=True) for slope in slopes]
    factor = (longest / sum(squares, torch.zeros(())).sqrt()).clamp(max=1)
    return [slope * factor for slope in slopes]


def play(
    games: int = 8,
    seed: int = SEED,
    *,
    objective: Objective = _plain,
    normalised: bool = False,
    residual: bool = False,
    longest: float = math.inf,
    box: float = math.inf,
    rounds: int = 1,
    momentum: float = 0.9,
) -> torch.Tensor:
    """Play so many games with the given measures, and return of each the Wasserstein distance of
    512 samples to as many data, averaged over 20 looks in the second half: a tensor (games,).

    - normalised, residual: layer normalisation in the critic, a shortcut in both networks;
    - longest: no gradient of a player is longer; box: no weight of the critic leaves [−box, box];
    - rounds: steps of the critic for one of the generator; momentum: Adam's β₁, with β₂ = 0.99.
    """
    rng = gancode.seed(seed)
    steps, n, latent_dim = (SETTINGS[key] for key in ("steps", "batch_size", "latent_dim"))
    losses = objective.torch()
    critic, generator = _network(1, games), _network(latent_dim, games)
    adams = [
        torch.optim.Adam(player, SETTINGS["rate"], (momentum, 0.99), fused=True)
        for player in (critic, generator)
    ]

    def judged(x: torch.Tensor) -> torch.Tensor:
        return _output(critic, x, normalised, residual)

    def generated(count: int) -> torch.Tensor:
        latents = torch.randn(games, count, latent_dim, generator=rng)
        return _output(generator, latents, residual=residual)

    def descend(
        loss: torch.Tensor,
        player: Sequence[torch.Tensor],
        adam: torch.optim.Optimizer,
        box: float = math.inf,
    ) -> None:
        slopes = torch.autograd.grad(games * loss, player)  # `loss` is a mean over the games
        for values, slope in zip(player, _clipped(slopes, longest), strict=True):
            values.grad = slope.contiguous()  # the fused optimiser reads memory in its order
        adam.step()
        for values in player:
            values.data.clamp_(-box, box)

    distances = []
    for step in range(steps):
        for _ in range(rounds):
            fake = generated(n).detach()
            real = CLUSTERS.sample(n * games, rng).float().view(games, n, 1)
            logits = judged(torch.cat([real, fake], 1)).split(n, 1)
            descend(losses[0](*logits), critic, adams[0], box)
        descend(losses[1](judged(generated(n))), generator, adams[1])
        if step >= steps / 2 and step % 10 == 0:
            samples = generated(SAMPLES)[..., 0].detach()
            points = CLUSTERS.sample(SAMPLES, rng)[:, 0]
            distances.append((samples.sort(1)[0] - points.sort()[0]).abs().mean(1))
    return torch.stack(distances).mean(0)


def ratio(distances: Sequence[float], base: Sequence[float]) -> tuple[float, float]:
    """How many times the distances of `base` these are, in geometric mean, and the standard error
    of its logarithm: two floats."""
    one, other = (np.log(np.asarray(x)) for x in (distances, base))
    error = (one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other)) ** 0.5
    return float(np.exp(one.mean() - other.mean())), float(error)


def results() -> dict:
    """The committed results: `provenance`, and of each measure its `distances`, one a game."""
    return benchmarks.read(RESULTS)


def main() -> None:
    """Play all games and write their distances into RESULTS."""
    benchmarks.settle()
    distances = {}
    for name, chosen in MEASURES.items():
        found = play(GAMES, **chosen)
        distances[name] = [round(x, 4) for x in found.tolist()]
        value, error = ratio(distances[name], distances[NOTHING])
        print(f"{name:36} {value:.3f}, error of its logarithm {error:.3f}", flush=True)
    made = benchmarks.provenance(
        "python -m gancode.benchmarks.measures",
        settings=SETTINGS,
        samples=SAMPLES,
        games=GAMES,
        seed=SEED,
    )
    benchmarks.write(RESULTS, {"provenance": made, "distances": distances})


if __name__ == "__main__":
    main()
