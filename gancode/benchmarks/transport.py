"""Critics of slope 1: how well six of them point the way, and the games that four of them play.

    python -m gancode.benchmarks.transport            all, about forty minutes on one core
    python -m gancode.benchmarks.transport NAME...    these; the others keep their rows

writes `results/transport.json`. First, critics trained on pairs of distributions whose W₁, and the
direction in which each sample should go, are known exactly (`Funnels`, of the kind of Korotin,
Kolesov and Burnaev 2022); some also with another constant. Then generators trained against them on
one mixture in the plane, by `gancode.train`, beside one that plays by the non-saturating loss.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

import gancode
from gancode import benchmarks, constraints, data, metrics, networks, penalties, randomness
from gancode.benchmarks.coverage import interval
from gancode.training.run import Run

RESULTS = benchmarks.RESULTS / "transport.json"
SEEDS = range(5)
DIMENSIONS = (2, 16, 128)
FUNNELS: dict[str, Any] = {  # a pair, and how a critic is trained on it
    "funnels": 4,
    "half_width": 2.5,  # data and centres are uniform on a cube of twice this side
    "offset": 0.1,  # standard deviation of the b
    "furthest": 0.5,  # a point slides by a uniform share of its way, up to this one
    "hidden": (128, 128),
    "batch_size": 256,
    "steps": 1000,
    "lr": 2e-3,  # falls to 0 in a straight line
    "betas": (0.9, 0.999),
    "samples": 10_000,
}
GAME: dict[str, Any] = {  # options of `gancode.train`, but for the networks
    "steps": 1500,
    "discriminator_steps": 5,
    "batch_size": 128,
    "lr": "1e-3..1e-4",
    "betas": (0.0, 0.9),
}
NETWORKS: dict[str, Any] = {"latent_dim": 2, "hidden": (64, 64)}
SAMPLES = 1000  # for the exact W₁
MIXTURE = data.mixture([[-2.0, 0.0], [2.0, 0.0], [0.0, 2.5]], 0.3, [0.5, 0.3, 0.2])


class MaxMin(nn.Module):
    """GroupSort in pairs (Anil, Lucas and Grosse 2019): from (n, 2k), the k larger entries, then
    the k smaller ones."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one, other = x.chunk(2, dim=1)
        return torch.cat([torch.maximum(one, other), torch.minimum(one, other)], dim=1)


# What each critic is kept Lipschitz by; units that are not named are ReLU's.
CRITICS: dict[str, dict[str, Any]] = {
    "clip": {"constraints": "clip=0.1"},
    "penalty": {"penalties": "wgan-gp=10"},
    "penalty, 1": {"penalties": "wgan-gp=1"},
    "one-sided": {"penalties": "wgan-lp=10"},
    "ReLU": {"constraints": "spectral"},
    "MaxMin": {"constraints": "spectral", "activation": MaxMin},
}
# One constant of a critic changed, in d dimensions.
VARIED: dict[str, dict[str, Any]] = {
    **{f"clip={most}": {"d": 16, "constraints": f"clip={most}"} for most in (0.01, 0.03, 0.3)},
    "penalty, longer": {"d": 2, "penalties": "wgan-gp=10", "steps": 3000},
}
GAMES: dict[str, dict[str, Any]] = {
    **{
        name: {"objective": "wasserstein", **CRITICS[name]}
        for name in ("clip", "penalty", "one-sided", "ReLU")
    },
    "plain loss": {"objective": "nonsaturating", "discriminator_steps": 1},
}


class Funnels(nn.Module):
    """u(x) = minₙ(‖x − aₙ‖ + bₙ) for x of shape (n, d), and the pair of distributions whose best
    critic it is: data uniform on a cube, and samples that have slid towards the active aₙ.

    A slide by τ lowers u by τ, and nothing of slope 1 falls faster: so W₁ = E τ.
    """

    def __init__(self, d: int):
        super().__init__()
        n, self.half_width = FUNNELS["funnels"], FUNNELS["half_width"]
        self.centres = self._uniform(n, d)
        self.offsets = FUNNELS["offset"] * torch.randn(n)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (torch.cdist(x, self.centres) + self.offsets).min(1).values

    def transported(self, n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Data and where they slide, both (n, d), and the lengths τ, (n,): a best transport."""
        x = self._uniform(n, self.centres.shape[1])
        way = self.centres[(torch.cdist(x, self.centres) + self.offsets).argmin(1)] - x
        slide = FUNNELS["furthest"] * torch.rand(n, 1) * way
        return x, x + slide, slide.norm(dim=1)

    def _uniform(self, n: int, d: int) -> torch.Tensor:
        return self.half_width * (2 * torch.rand(n, d) - 1)


def slope(critic: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The gradient of a critic in its input, at each x of shape (n, d): (n, d)."""
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(critic(x).sum(), x)[0]


def fit(name: str, d: int, seed: int) -> dict[str, float]:
    """A critic of CRITICS or VARIED trained on a pair of `Funnels` in d dimensions, which hangs on
    the seed and d alone: the mean `cosine` of its slope with the true one at generated samples, its
    `estimate` of W₁, the mean `length` of its slope, and `exact`, the mean of τ; all on fresh
    samples."""
    gancode.seed(seed)
    funnels = Funnels(d)
    kept = dict((CRITICS | VARIED)[name])
    critic = networks.mlp(d, FUNNELS["hidden"], 1, activation=kept.pop("activation", nn.ReLU))
    paid = penalties.parse(kept.get("penalties", ()))
    held = constraints.parse(kept.get("constraints", ()))
    for each in held:
        each.prepare(critic)
    steps, n = kept.get("steps", FUNNELS["steps"]), FUNNELS["batch_size"]
    adam = torch.optim.Adam(critic.parameters(), FUNNELS["lr"], FUNNELS["betas"])
    falling = torch.optim.lr_scheduler.LinearLR(adam, 1, 0, steps)
    for _ in range(steps):
        (real, *_), (_, generated, _) = funnels.transported(n), funnels.transported(n)
        loss = critic(generated).mean() - critic(real).mean()
        loss = loss + penalties.gradient_penalty(critic, real, generated, paid)
        adam.zero_grad()
        loss.backward()
        adam.step()
        for each in held:
            each.project(critic)
        falling.step()
    critic.eval()
    real, generated, lengths = funnels.transported(FUNNELS["samples"])
    found, true = slope(critic, generated), slope(funnels, generated)
    return {
        "cosine": torch.cosine_similarity(found, true).mean().item(),
        "estimate": (critic(real) - critic(generated)).mean().item(),
        "length": found.norm(dim=1).mean().item(),
        "exact": lengths.mean().item(),
    }


def played(name: str, seed: int, steps: int = GAME["steps"], log_every: int = 50) -> Run:
    """A game of GAMES on MIXTURE. A row of its history has the `estimate` of the critic and the
    exact `distance` W₁, both of fresh samples, as many of either kind."""
    rng = _apart(seed)
    gan = gancode.GAN(
        networks.mlp_generator(NETWORKS["latent_dim"], 2, NETWORKS["hidden"]),
        networks.mlp_discriminator(2, NETWORKS["hidden"], activation=nn.ReLU),
        latent_dim=NETWORKS["latent_dim"],
    )

    @torch.no_grad()
    def measure(run: Run) -> dict[str, float]:
        z = torch.randn(SAMPLES, NETWORKS["latent_dim"], generator=rng)
        real, made = MIXTURE.sample(SAMPLES, rng), run.gan.generator(z)
        critic = run.gan.discriminator.eval()
        gap = critic(real).mean() - critic(made).mean()
        critic.train()
        return {
            "estimate": gap.item(),
            "distance": metrics.wasserstein(real, made).distance,
        }

    options = GAME | GAMES[name] | {"steps": steps, "log_every": log_every}
    return gancode.train(gan, MIXTURE, **options, seed=seed, measure=measure, progress=False)


def floor(seed: int) -> float:
    """W₁ between two samples of the data, of the size of those that are judged."""
    rng = _apart(seed)
    one, other = (MIXTURE.sample(SAMPLES, rng) for _ in "xy")
    return metrics.wasserstein(one, other).distance


def results() -> dict:
    """The committed results: `provenance`, by name; `critics`, a list of `fit`, one a seed, by
    dimension and name; `varied`, by name; `games`, by name, with the last `distance` and `estimate`
    of each seed; `floor`."""
    return benchmarks.read(RESULTS)


def settings_of(name: str) -> dict[str, Any]:
    """What the rows of a name depend on besides the code and the machine."""
    found: dict[str, Any] = {"seeds": list(SEEDS)}
    if name in CRITICS | VARIED:
        found |= {"funnels": FUNNELS, "critic": _said((CRITICS | VARIED)[name])}
    if name in GAMES:
        found |= {"game": GAME | _said(GAMES[name]), "networks": NETWORKS, "samples": SAMPLES}
    return found


def main(names: Sequence[str]) -> None:
    """Train the named critics and play the named games, five of each, and write their rows into
    RESULTS, after each anew. The provenance is kept for each name, since its rows may be older or
    younger than others. Raises `Refused` for a name that is in none of CRITICS, VARIED, GAMES."""
    names = benchmarks.named(names, CRITICS | VARIED | GAMES)
    benchmarks.settle()
    kept = results() if RESULTS.exists() else {}
    critics, varied, games, made = (
        kept.get(part, {}) for part in ("critics", "varied", "games", "provenance")
    )
    apart = [round(floor(seed), 4) for seed in SEEDS]
    for name in names:
        for d in DIMENSIONS if name in CRITICS else ():
            rows = [_rounded(fit(name, d, seed)) for seed in SEEDS]
            critics[str(d)] = _in_order(critics.get(str(d), {}) | {name: rows}, CRITICS)
            _say(name, d, "cosine", rows)
        if name in VARIED:
            rows = [_rounded(fit(name, VARIED[name]["d"], seed)) for seed in SEEDS]
            varied = _in_order(varied | {name: rows}, VARIED)
            _say(name, VARIED[name]["d"], "cosine", rows)
        if name in GAMES:
            ends = [played(name, seed, log_every=GAME["steps"]).history[-1] for seed in SEEDS]
            rows = [_rounded({key: end[key] for key in ("distance", "estimate")}) for end in ends]
            games = _in_order(games | {name: rows}, GAMES)
            _say(name, "game", "distance", rows)
        made[name] = benchmarks.provenance(
            f"python -m gancode.benchmarks.transport {name!r}", **settings_of(name)
        )
        found = {"critics": critics, "varied": varied, "games": games, "floor": apart}
        signed = _in_order(made, CRITICS | VARIED | GAMES)
        benchmarks.write(RESULTS, {"provenance": signed} | found)


def _apart(seed: int) -> torch.Generator:
    """Seed all, and return a stream of its own: that of `gancode.seed` is the run's."""
    return torch.Generator().manual_seed(randomness.drawn_seed(gancode.seed(seed)))


def _say(name: str, where: Any, quantity: str, rows: Sequence[dict[str, float]]) -> None:
    mean, width = interval([row[quantity] for row in rows])
    print(f"{where:>4} {name:20} {quantity} {mean:.3f} ± {width:.3f}", flush=True)


def _in_order(rows: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: rows[name] for name in names if name in rows}


def _rounded(row: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in row.items()}


def _said(kept: dict[str, Any]) -> dict[str, Any]:
    return {key: getattr(value, "__name__", value) for key, value in kept.items()}


if __name__ == "__main__":
    main(sys.argv[1:] or list(CRITICS | VARIED | GAMES))
