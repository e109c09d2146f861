"""Noise, scores and drift: two roads to one field, and what they are worth to a generator.

    python -m gancode.benchmarks.scores             all, a few minutes on one core
    python -m gancode.benchmarks.scores NAME...     these; the others keep their rows

writes `results/scores.json`. First, the slope of a critic between two mixtures on the line under
noise, estimated in three ways and compared with the exact one (`fields`). Then generators on the
ring of VEEGAN that are taught by critics, with and without noise, and by the fields of a kernel
(`METHODS`); two of them draw in four steps from noise to data (Xiao, Kreis and Vahdat 2022).

As in `gancode.benchmarks.coverage` the runs of a method are trained side by side: each weight has a
first axis over the runs, and no number passes from one run to another.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.nn.functional import softplus

import gancode
from gancode import benchmarks, data, metrics, networks, randomness
from gancode.benchmarks.coverage import (
    descend,
    fourier,
    initial_weights,
    interval,
    mlp,
    stacked,
)
from gancode.schedules import schedule

RESULTS = benchmarks.RESULTS / "scores.json"
SEEDS, TRIED = range(5), (10,)  # the last is the one by which rates are chosen

# Two mixtures, and how a critic and two denoisers learn of their difference under noise.
REAL = data.mixture([-2.0, 1.0], [0.3, 0.5], [0.3, 0.7])
MADE = data.mixture([-0.5, 2.0], [0.5, 0.4], [0.6, 0.4])
FIELD: dict[str, Any] = {
    "hidden": (32, 32),
    "batch_size": 256,
    "steps": 1000,
    "lr": 1e-2,  # falls to 0 in a straight line
    "betas": (0.9, 0.999),
    "samples": 5000,  # where the fields are compared, from both mixtures under noise
    "kernel_samples": 5000,  # of either mixture, for the mean shift
}
NOISES = (0.25, 0.5)

RATES = (3e-3, 1e-2)
GAME: dict[str, Any] = {
    "hidden": 64,
    "depth": 3,  # hidden layers of the generator, tanh; the critic has two, leaky ReLU
    "latent_dim": 4,
    "sharpness": 2.0,  # by which the generator's inputs are multiplied
    "features": 64,  # of the critic: sines and cosines of what it judges
    "batch_size": 128,
    "steps": 500,
    "final_lr": 0.1,  # the share of the rate that is left at the end
    "betas": (0.0, 0.99),
    "penalty_every": 2,
    "samples": 1000,
}


@dataclass(frozen=True)
class Method:
    """What teaches the generator: "critic", or the field of a kernel, "drift" or "witness"
    (`TEACHERS`), or "diffusion", a critic of single steps from noise to data. `noise` is the
    standard deviation of what is added before the critic looks, or the width of the kernel, and
    `penalty` the weight of R1 + R2: numbers, or schedules as in `gancode.schedules`."""

    teacher: str
    noise: float | str = 0.0
    penalty: float | str = 0.0


METHODS = {
    "GAN": Method("critic"),
    "R1 + R2": Method("critic", penalty="1..0.0005"),
    "noise": Method("critic", "0.5..0.02"),
    "drift": Method("drift", "0.5..0.02"),
    "MMD": Method("witness", "0.5..0.02"),
    "diffusion": Method("diffusion"),
    "diffusion, R1 + R2": Method("diffusion", penalty="1..0.0005"),
}
CHECKED = ("R1 + R2", "diffusion, R1 + R2")  # at the rate that was not chosen, too
KEPT = (1.0, 0.53, 0.079, 0.0034, 4e-5)  # the share of the data's variance at each level of noise


def shift(x: torch.Tensor, points: torch.Tensor, width: float) -> tuple:
    """The mean shift of x (runs, n, d) towards the kernel mean of points (runs, m, d), (runs, n,
    d), and the kernel density (runs, n, 1), up to a constant factor."""
    kernel = -torch.cdist(x, points).square() / (2 * width**2)
    return kernel.softmax(2) @ points - x, kernel.logsumexp(2, keepdim=True).exp() / len(points[0])


def drift(x: torch.Tensor, real: torch.Tensor, width: float) -> torch.Tensor:
    """Attraction to the data less attraction to the other generated samples (Deng et al. 2026, with
    a normal kernel): width² · the slope of log p/q, both smoothed."""
    return shift(x, real, width)[0] - shift(x, x, width)[0]


def witness(x: torch.Tensor, real: torch.Tensor, width: float) -> torch.Tensor:
    """The slope of the witness of the maximum mean discrepancy, p − q smoothed, up to a constant
    factor: what `drift` is without the division by the densities."""
    (to_real, p), (to_made, q) = shift(x, real, width), shift(x, x, width)
    return p * to_real - q * to_made


TEACHERS: dict[str, Callable] = {"drift": drift, "witness": witness}


def fields(noise: float, seed: int) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """Points (n, 1) from both mixtures under noise, the exact ∇log(p/q) there, and estimates of it:
    of a trained `critic`, of two trained `denoisers`, and of mean shifts of samples (`kernel`)."""
    gancode.seed(seed)
    s = FIELD
    critic = networks.mlp(1, s["hidden"], 1, activation=torch.nn.SiLU)
    denoisers = [networks.mlp(1, s["hidden"], 1, activation=torch.nn.SiLU) for _ in "pq"]
    adam = torch.optim.Adam(
        [weight for net in (critic, *denoisers) for weight in net.parameters()], s["lr"], s["betas"]
    )
    falling = torch.optim.lr_scheduler.LinearLR(adam, 1, 0, s["steps"])
    for _ in range(s["steps"]):
        clean = [source.sample(s["batch_size"]) for source in (REAL, MADE)]
        noisy = [x + noise * torch.randn_like(x) for x in clean]
        loss = softplus(-critic(noisy[0])).mean() + softplus(critic(noisy[1])).mean()
        for x, y, net in zip(clean, noisy, denoisers, strict=True):
            loss = loss + (net(y) - x).square().sum(1).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        falling.step()
    p, q = REAL.noised(noise), MADE.noised(noise)
    y = torch.cat([p.sample(s["samples"] // 2), q.sample(s["samples"] // 2)]).requires_grad_()
    (slope,) = torch.autograd.grad(critic(y).sum(), y)
    with torch.no_grad():
        to_real, to_made = (
            shift(y[None], source.sample(s["kernel_samples"])[None], noise)[0][0]
            for source in (REAL, MADE)
        )
        found = {
            "critic": slope,
            "denoisers": (denoisers[0](y) - denoisers[1](y)) / noise**2,
            "kernel": (to_real - to_made) / noise**2,
        }
        return y.detach(), p.score(y) - q.score(y), found


def errors(exact: torch.Tensor, found: dict[str, torch.Tensor]) -> dict[str, float]:
    """The root mean square error of each estimate over the root mean square of the exact field, and
    that of the critic against the denoisers (`apart`)."""

    def relative(one: torch.Tensor, other: torch.Tensor) -> float:
        return ((one - other).square().mean() / exact.square().mean()).sqrt().item()

    return {name: relative(estimate, exact) for name, estimate in found.items()} | {
        "apart": relative(found["critic"], found["denoisers"])
    }


def noised(
    x: torch.Tensor, level: torch.Tensor, normal: Callable[[int, int], torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Of data x (runs, n, 2) one level below `level`, (runs, n, 1), of 1, 2, …, and at it: each
    √KEPT · x + √(1 − KEPT) · a standard normal, the second made of the first."""
    kept = torch.tensor(KEPT)
    before, step = kept[level - 1], kept[level] / kept[level - 1]
    less = before.sqrt() * x + (1 - before).sqrt() * normal(*x.shape[1:])
    return less, step.sqrt() * less + (1 - step).sqrt() * normal(*x.shape[1:])


def posterior(
    x: torch.Tensor,
    noisy: torch.Tensor,
    level: torch.Tensor,
    normal: Callable[[int, int], torch.Tensor],
) -> torch.Tensor:
    """A draw of one level below `level`, given data x and what they have become at it, as `noised`
    makes both (Ho, Jain and Abbeel 2020, equations 6 and 7)."""
    kept = torch.tensor(KEPT)
    at, before = kept[level], kept[level - 1]
    step = at / before
    mean = before.sqrt() * (1 - step) * x + step.sqrt() * (1 - before) * noisy
    deviation = ((1 - before) * (1 - step) / (1 - at)).sqrt()
    return mean / (1 - at) + deviation * normal(*x.shape[1:])


def train(
    method: Method, rate: float, seeds: Sequence[int], steps: int = GAME["steps"]
) -> torch.Tensor:
    """Train a generator on the ring for each seed; samples of the last ones, (runs, samples, 2).

    Both players of a game have the same rate. A run's draws are those of its seed."""
    s = GAME
    streams = [torch.Generator().manual_seed(randomness.streams(seed)[-1]) for seed in seeds]
    ring = data.ring()
    levels = len(KEPT) - 1 if method.teacher == "diffusion" else 0
    told = 2 + levels if levels else 0  # both players know what is noisier, and the level
    G = initial_weights([s["latent_dim"] + told, *[s["hidden"]] * s["depth"], 2], streams)
    B = 6 * stacked(torch.randn, 2, s["features"] // 2, streams)
    D = initial_weights([2 + s["features"] + told, s["hidden"], s["hidden"], 1], streams)
    adams = [torch.optim.Adam(weights, rate, s["betas"], fused=True) for weights in (D, G)]
    falling = [
        torch.optim.lr_scheduler.LambdaLR(adam, lambda k: s["final_lr"] ** (k / steps))
        for adam in (adams[1:] if method.teacher in TEACHERS else adams)
    ]
    noise, penalty = schedule("noise", method.noise), schedule("penalty", method.penalty)

    def normal(n: int, columns: int) -> torch.Tensor:
        return stacked(torch.randn, n, columns, streams)

    def generator(n: int, *known: torch.Tensor) -> torch.Tensor:
        z = s["sharpness"] * normal(n, s["latent_dim"])
        return mlp(G, torch.cat([z, *known], 2), torch.tanh)

    def critic(x: torch.Tensor, *known: torch.Tensor) -> torch.Tensor:
        return mlp(D, torch.cat([fourier(x, B), *known], 2))

    def of_level(level: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(level[..., 0] - 1, levels).to(G[0])

    def denoised(n: int) -> torch.Tensor:
        x = normal(n, 2)
        for k in range(levels, 0, -1):
            level = torch.full((len(seeds), n, 1), k)
            x = posterior(generator(n, x, of_level(level)), x, level, normal)
        return x

    for step in range(steps):
        n, width = s["batch_size"], noise(step / steps)
        real = torch.stack([ring.sample(n, rng) for rng in streams]).to(G[0])
        known: tuple[torch.Tensor, ...] = ()
        if levels:
            drawn = [torch.randint(1, levels + 1, (n, 1), generator=rng) for rng in streams]
            level = torch.stack(drawn)
            real, noisy = noised(real, level, normal)
            known = noisy, of_level(level)
            shown = posterior(generator(n, *known), noisy, level, normal)
        else:
            made = generator(n)
        if method.teacher in TEACHERS:
            x = made.detach()
            target = x + TEACHERS[method.teacher](x, real, width)
            descend((made - target).square().sum(2).mean(1).sum(), G, adams[1])
        else:
            if not levels:
                real = real + width * normal(n, 2)
                shown = made + width * normal(n, 2)
            on_real, on_made = critic(real, *known), critic(shown.detach(), *known)
            loss = (softplus(-on_real) + softplus(on_made)).mean((1, 2)).sum()
            if method.penalty and step % s["penalty_every"] == 0:
                x = torch.cat([real, shown.detach()], 1).requires_grad_()
                twice = [torch.cat([each, each], 1) for each in known]
                (slope,) = torch.autograd.grad(critic(x, *twice).sum(), x, create_graph=True)
                weight = s["penalty_every"] * penalty(step / steps)
                loss = loss + weight / 2 * slope.square().sum() / n
            descend(loss, D, adams[0])
            descend(softplus(-critic(shown, *known)).mean((1, 2)).sum(), G, adams[1])
        for each in falling:
            each.step()
    with torch.no_grad():
        return denoised(s["samples"]) if levels else generator(s["samples"])


def judged(samples: torch.Tensor, seed: int) -> dict[str, float]:
    """Of samples (n, 2): the exact `distance` W₁ to as many data, and VEEGAN's counts."""
    ring = data.ring()
    real = ring.sample(len(samples), torch.Generator().manual_seed(seed))
    found = metrics.modes(samples, ring)
    return {
        "distance": round(metrics.wasserstein(real, samples).distance, 4),
        "covered": found.covered,
        "high_quality": round(found.high_quality.value, 4),
        "reverse_kl": round(found.reverse_kl.value, 4),
    }


def results() -> dict:
    """The committed results: `provenance`, by name; `fields`, by noise, a list of `errors`, one a
    seed; `games`, by method, its `rate`, the `tried` mean distances by rate, `rows`, one a seed,
    and for those CHECKED the rows of the `other` rate; `floor`, the distances between two samples
    of the data."""
    return benchmarks.read(RESULTS)


def settings_of(name: str) -> dict[str, Any]:
    """What the rows of a name depend on besides the code and the machine."""
    if name == "fields":
        return {"field": FIELD, "noises": NOISES, "seeds": list(SEEDS)}
    method = asdict(METHODS[name])
    of_levels = {"kept": KEPT} if method["teacher"] == "diffusion" else {}
    own = {"method": method, **of_levels, "rates": RATES, "tried": TRIED, "seeds": list(SEEDS)}
    return {"game": GAME, **own}


def main(names: Sequence[str]) -> None:
    """Choose a rate for each of the named methods and run it with all seeds; "fields" is a name
    too. The provenance is kept for each name, since its rows may be older or younger than others.
    Raises `Refused` for any other name."""
    names = benchmarks.named(names, ["fields", *METHODS])
    benchmarks.settle()
    ring = data.ring()
    found = results() if RESULTS.exists() else {"provenance": {}}
    made = found["provenance"]
    found["floor"] = [
        judged(ring.sample(GAME["samples"], torch.Generator().manual_seed(100 + seed)), seed)[
            "distance"
        ]
        for seed in SEEDS
    ]
    games = found.setdefault("games", {})
    for name in names:
        if name == "fields":
            found["fields"] = {
                str(noise): [
                    {
                        key: round(value, 4)
                        for key, value in errors(*fields(noise, seed)[1:]).items()
                    }
                    for seed in SEEDS
                ]
                for noise in NOISES
            }
            print(found["fields"], flush=True)
        else:
            games[name] = game = _game(name)
            mean, width = interval([row["distance"] for row in game["rows"]])
            print(f"{name:16} {game['rate']} {mean:.3f} ± {width:.3f}", game, flush=True)
        made[name] = benchmarks.provenance(
            f"python -m gancode.benchmarks.scores {name!r}", **settings_of(name)
        )
        found["provenance"] = {each: made[each] for each in ["fields", *METHODS] if each in made}
        found["games"] = {each: games[each] for each in METHODS if each in games}
        benchmarks.write(RESULTS, found)


def _game(name: str) -> dict:
    """A method at its best rate, that of the least mean distance over the seeds TRIED; one that is
    CHECKED at the other rate too."""

    def rows(rate: float, seeds: Sequence[int]) -> list[dict[str, float]]:
        drawn = zip(train(METHODS[name], rate, seeds), seeds, strict=True)
        return [judged(x, seed) for x, seed in drawn]

    tried = {rate: sum(row["distance"] for row in rows(rate, TRIED)) / len(TRIED) for rate in RATES}
    rate, *others = sorted(RATES, key=lambda each: tried[each])
    found: dict[str, Any] = {"rate": rate}
    found["tried"] = {str(k): round(v, 4) for k, v in tried.items()}
    found["rows"] = rows(rate, SEEDS)
    return found | ({"other": rows(others[0], SEEDS)} if name in CHECKED else {})


if __name__ == "__main__":
    main(sys.argv[1:] or ["fields", *METHODS])
