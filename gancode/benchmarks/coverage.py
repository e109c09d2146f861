"""Which remedies keep a generator on all modes? The ring and the grid of VEEGAN, one method a row.

    python -m gancode.benchmarks.coverage             every method, a quarter of an hour on one core
    python -m gancode.benchmarks.coverage METHOD...   these; the others keep their rows

A GAN is made to collapse in two ways: its critic is too slow for its generator ("slow critic"), or
fast and so sharp that it is flat wherever a sample could go ("sharp critic"). All methods of one
cause train the same two networks for the same number of steps; only what a name says differs. The
last row, RECIPE, is `gancode.train` with `gancode.problems`. The rows go to results/coverage.json,
which the chapter on mode collapse reads.

The runs of a method (data sets and seeds) are trained side by side: each weight has a first axis
over the runs, so that one batched matrix product serves all of them. No number passes from one run
to another.
"""

import itertools
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from scipy import stats
from torch.nn.functional import leaky_relu

import gancode
from gancode import benchmarks, data, metrics, networks, randomness
from gancode.calculus import catalog
from gancode.problems import problems
from gancode.schedules import schedule

RESULTS = benchmarks.RESULTS / "coverage.json"
DATA = {"ring": 1.0, "grid": 4.0}  # and their sizes: the networks see the data divided by them
SEEDS = range(5)
QUANTITIES = ("covered", "high_quality", "reverse_kl")
SETTINGS: dict[str, Any] = {
    "hidden": 64,
    "batch_size": 128,
    "steps": 1500,
    "generator_lr": 4e-3,
    "final_lr": 0.03,  # the share of both learning rates that is left at the end
    "betas": (0.5, 0.99),
    "penalty_every": 2,  # as in `gancode.penalties`: every second step, with twice its weight
    "samples": 2500,
}
# Of the generator: the size of its latents, hidden layers, and what the latents are multiplied with
# before layers of tanh; 0 for layers of leaky ReLU. Of the discriminator, which has two hidden
# layers: how many Fourier features of the sample it sees beside the sample.
NETWORKS: dict[str, dict[str, Any]] = {
    "smooth": {"latent_dim": 16, "depth": 2, "sharpness": 0.0, "features": 0},
    "sharp": {"latent_dim": 4, "depth": 3, "sharpness": 2.0, "features": 64},
}


@dataclass(frozen=True)
class Method:
    """A way to train.

    - networks: a name in NETWORKS;
    - discriminator_lr: at the first step; that of the generator is in SETTINGS;
    - objective: a name in `gancode.calculus.catalog`;
    - penalty: the weight γ of R1 + R2, γ/2 · (E‖∇t‖² on real + the same on generated samples), a
      number or a schedule as in `gancode.schedules`; the gradient is with respect to what the
      networks see, the data divided by their size;
    - group: the discriminator is told the spread of every `group` samples (`spread`);
    - pack: the discriminator judges `pack` samples at once (`packed`);
    - unroll: the generator sees the discriminator this many plain gradient steps ahead
      (`unrolled`), each of the size unroll_lr.
    """

    networks: str = "smooth"
    discriminator_lr: float = 1e-3
    objective: str = "nonsaturating"
    penalty: float | str = 0.0
    group: int = 1
    pack: int = 1
    unroll: int = 0
    unroll_lr: float = 0.03


slow = Method
sharp = partial(Method, networks="sharp", discriminator_lr=4e-3)
methods = {
    "slow critic": slow(),
    "slow, equal speed": slow(discriminator_lr=4e-3),
    "slow, packed, 2": slow(pack=2),
    "slow, packed, 4": slow(pack=4),
    "slow, minibatch deviation": slow(group=16),
    "slow, unrolled, 5 steps": slow(unroll=5),
    "slow, paired": slow(objective="relativistic"),
    "slow, R1 + R2, 0.1": slow(penalty=0.1),
    "slow, R1 + R2, 10": slow(penalty=10),
    "sharp critic": sharp(),
    "sharp, packed, 4": sharp(pack=4),
    "sharp, minibatch deviation": sharp(group=16),
    "sharp, paired": sharp(objective="relativistic"),
    "sharp, R1 + R2, 0.001": sharp(penalty=0.001),
    "sharp, R1 + R2, 1": sharp(penalty=1),
    "sharp, R1 + R2, 1 to 0.001": sharp(penalty="1..0.001"),
    "sharp, the same, paired": sharp(penalty="1..0.001", objective="relativistic"),
}
# How much hangs on the size of the steps by which the discriminator is unrolled.
unrolling = {
    f"slow, unrolled, steps of {lr:g}": slow(unroll=5, unroll_lr=lr) for lr in (0.01, 0.1, 0.3)
}
RECIPE_STEPS = 1500
RECIPE = f"gancode train, {RECIPE_STEPS:,} steps"


leaky = partial(leaky_relu, negative_slope=0.2)


def mlp(
    weights: Sequence[torch.Tensor], x: torch.Tensor, activation: Callable = leaky
) -> torch.Tensor:
    """A stack of perceptrons: x of shape (runs, n, inputs) to (runs, n, outputs).

    `weights` alternates matrices (runs, inputs, outputs) and biases (runs, 1, outputs).
    """
    *hidden, matrix, bias = weights
    for m, b in zip(hidden[::2], hidden[1::2], strict=True):
        x = activation(torch.baddbmm(b, x, m))
    return torch.baddbmm(bias, x, matrix)


def fourier(x: torch.Tensor, frequencies: torch.Tensor) -> torch.Tensor:
    """x ↦ (x, sin(xB), cos(xB)) as in `gancode.networks.FourierFeatures`: x of shape (runs, n, d)
    and B (runs, d, k) to (runs, n, d + 2k)."""
    phase = torch.bmm(x, frequencies)
    return torch.cat([x, phase.sin(), phase.cos()], -1)


def spread(x: torch.Tensor, group: int) -> torch.Tensor:
    """The standard deviation of each sample's group, averaged over the coordinates: the minibatch
    standard deviation of Karras et al. 2018, at the input of the discriminator.

    x has shape (runs, n, d), the result (runs, n, 1). Groups are of `group` neighbours, which must
    divide n.
    """
    groups = x.unflatten(1, (-1, group))
    deviation = (groups.var(2, correction=0) + 1e-8).sqrt().mean(-1)  # finite slope at 0
    return deviation.repeat_interleave(group, 1)[..., None]


def packed(x: torch.Tensor, pack: int) -> torch.Tensor:
    """Join every `pack` neighbours into one point for the discriminator (Lin et al. 2018):
    (runs, n, d) to (runs, n / pack, pack · d)."""
    return x.reshape(len(x), -1, pack * x.shape[-1])


def unrolled(
    weights: Sequence[torch.Tensor], loss: Callable, steps: int, lr: float
) -> Sequence[torch.Tensor]:
    """The discriminator's weights after `steps` steps of gradient descent on `loss(weights)`, as a
    differentiable function of what the loss depends on (Metz et al. 2017, equation 7).

    Nothing is copied or restored: the stepped weights are new tensors, and the graph of all steps,
    second derivatives included, is kept for the generator.
    """
    for _ in range(steps):
        slopes = torch.autograd.grad(loss(weights), weights, create_graph=True)
        weights = [w - lr * slope for w, slope in zip(weights, slopes, strict=True)]
    return weights


def train(
    method: Method,
    runs: Sequence[tuple[str, int]],
    callback: Callable | None = None,
    r2: bool = True,
    **settings: Any,
) -> torch.Tensor:
    """Train one GAN for each (name of a data set, seed) in `runs`; return samples of the last
    generators, shape (runs, samples, 2).

    `settings` replace entries of SETTINGS. Without `r2` the penalty is of real samples alone:
    R1, of the same weight. `callback(step, sample, critic)` is called after each step; `sample(n)`
    draws n samples of every generator as it is, without touching the run's own draws; `critic(x)`
    is every discriminator's logits, (runs, n / pack, 1), of x (runs, n, 2).
    Each run has the streams of its seed, as `gancode.seed` mixes them.
    """
    s = SETTINGS | NETWORKS[method.networks] | settings
    densities = [getattr(data, name)() for name, _ in runs]
    size = torch.tensor([DATA[name] for name, _ in runs])[:, None, None]
    # What is looked at draws from streams of its own, so that looking changes nothing.
    seeds = [randomness.streams(seed)[-3:] for _, seed in runs]
    looks, streams, at_end = (
        [torch.Generator().manual_seed(one) for one in of_each]
        for of_each in zip(*seeds, strict=True)
    )
    G = initial_weights([s["latent_dim"], *[s["hidden"]] * s["depth"], 2], streams)
    B = 6 * stacked(torch.randn, 2, s["features"] // 2, streams)
    sees = method.pack * (2 + s["features"] + (method.group > 1))
    D = initial_weights([sees, s["hidden"], s["hidden"], 1], streams)
    optimisers = [
        torch.optim.Adam(weights, lr, s["betas"], fused=True)
        for weights, lr in ((D, method.discriminator_lr), (G, s["generator_lr"]))
    ]
    decay = [
        torch.optim.lr_scheduler.LambdaLR(adam, lambda step: s["final_lr"] ** (step / s["steps"]))
        for adam in optimisers
    ]
    objective = catalog[method.objective]
    critic_loss, generator_loss = objective.torch()
    penalty, every = schedule("penalty", method.penalty), s["penalty_every"]

    def generator(latents: torch.Tensor) -> torch.Tensor:
        if s["sharpness"]:
            return mlp(G, s["sharpness"] * latents, torch.tanh)
        return mlp(G, latents)

    def latents(n: int, streams: Sequence[torch.Generator] = streams) -> torch.Tensor:
        return stacked(torch.randn, n, s["latent_dim"], streams)

    def critic(weights: Sequence[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        seen = fourier(x, B) if s["features"] else x
        if method.group > 1:
            seen = torch.cat([seen, spread(x, method.group)], -1)
        return mlp(weights, packed(seen, method.pack))

    def loss_of(
        weights: Sequence[torch.Tensor], real: torch.Tensor, generated: torch.Tensor
    ) -> torch.Tensor:
        """Of the discriminators: the sum over the runs, so that none feels the others."""
        logits = critic(weights, torch.cat([real, generated], 1)).chunk(2, 1)
        return len(runs) * critic_loss(*logits)

    def sample(n: int, streams: Sequence[torch.Generator] = looks) -> torch.Tensor:
        with torch.no_grad():
            return size * generator(latents(n, streams))

    for step in range(1, s["steps"] + 1):
        real = torch.stack(
            [p.sample(s["batch_size"], rng) for p, rng in zip(densities, streams, strict=True)]
        )
        real = real / size
        generated = generator(latents(s["batch_size"]))
        loss = loss_of(D, real, generated.detach())
        if method.penalty and (step - 1) % every == 0:
            x = torch.cat([real, generated], 1) if r2 else real
            x = x.detach().requires_grad_(True)
            (slope,) = torch.autograd.grad(critic(D, x).sum(), x, create_graph=True)
            weight = every * penalty((step - 1) / s["steps"])
            loss = loss + weight / 2 * slope.square().sum() / s["batch_size"]
        descend(loss, D, optimisers[0])

        ahead: Sequence[torch.Tensor] = D
        if method.unroll:
            ahead = unrolled(
                D,
                partial(loss_of, real=real, generated=generated),
                method.unroll,
                method.unroll_lr,
            )
        logits = critic(ahead, torch.cat([real, generated], 1)).chunk(2, 1)
        judged = generator_loss(*logits) if objective.paired else generator_loss(logits[1])
        descend(len(runs) * judged, G, optimisers[1])
        for rate in decay:
            rate.step()
        if callback is not None:
            callback(step, sample, lambda x: critic(D, x / size))
    return sample(s["samples"], at_end)


def train_recipes(
    runs: Sequence[tuple[str, int]], steps: int = RECIPE_STEPS, samples: int = SETTINGS["samples"]
) -> torch.Tensor:
    """The same of `gancode.train` with the recipe of each data set, one run after the other."""
    found = []
    for name, seed in runs:
        recipe = problems[name].recipe
        gancode.seed(seed)
        pair = networks.pair(recipe.network, recipe.latent_dim, 2, **recipe.options)
        gan = gancode.GAN(*pair, recipe.latent_dim)
        run = gancode.train(
            gan, getattr(data, name)(), steps=steps, seed=seed, progress=False, **recipe.training
        )
        found.append(run.sample(samples, seed))
    return torch.stack(found)


def descend(
    loss: torch.Tensor, weights: Sequence[torch.Tensor], optimiser: torch.optim.Optimizer
) -> None:
    """One step of the weights, and of nothing else.

    The fused optimiser reads a slope in the order of its memory. `backward` lays it out as its
    weight is; what `torch.autograd.grad` returns may be transposed.
    """
    optimiser.zero_grad()
    loss.backward(inputs=weights)
    optimiser.step()


def stacked(
    draw: Callable, rows: int, columns: int, streams: Sequence[torch.Generator]
) -> torch.Tensor:
    return torch.stack([draw(rows, columns, generator=rng) for rng in streams])


def initial_weights(
    widths: Sequence[int], streams: Sequence[torch.Generator]
) -> list[torch.Tensor]:
    """Matrices and biases as torch.nn.Linear draws them, one of each a run."""
    weights = []
    for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
        for rows in (inputs, 1):
            draws = stacked(torch.rand, rows, outputs, streams)
            weights.append((2 * draws - 1) / math.sqrt(inputs))
    return [weight.requires_grad_() for weight in weights]


def score(samples: torch.Tensor, runs: Sequence[tuple[str, int]]) -> list[dict]:
    """The scores of VEEGAN's protocol (`gancode.metrics.modes`) of each run: a list of dicts."""
    scores = []
    for x, (name, seed) in zip(samples, runs, strict=True):
        found = metrics.modes(x, getattr(data, name)())
        scores.append(
            {
                "data": name,
                "seed": seed,
                "covered": found.covered,
                "high_quality": found.high_quality.value,
                "reverse_kl": found.reverse_kl.value,
            }
        )
    return scores


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half-width of the 95 % t-interval of at least two values."""
    x = torch.tensor(values, dtype=torch.float64)
    width = stats.t.ppf(0.975, len(x) - 1) * x.std() / math.sqrt(len(x))
    return x.mean().item(), width.item()


def settings_of(name: str) -> dict[str, Any]:
    """What the rows of a method, or of RECIPE, depend on besides the code and the machine."""
    if name == RECIPE:
        recipes = {where: asdict(problems[where].recipe) for where in DATA}
        return {
            "recipes": recipes,
            "steps": RECIPE_STEPS,
            "samples": SETTINGS["samples"],
            "seeds": list(SEEDS),
        }
    method = (methods | unrolling)[name]
    return {
        "settings": SETTINGS,
        "network": NETWORKS[method.networks],
        "method": asdict(method),
        "seeds": list(SEEDS),
    }


def main(names: Sequence[str]) -> None:
    """Run the named methods and write their rows into RESULTS, after each anew, so that a stop
    loses one method only. The provenance is kept for each method, since its rows may be older or
    younger than others. Raises `Refused` for a name that is in none of `methods` and `unrolling`,
    and not RECIPE."""
    benchmarks.settle()
    runs = [(where, seed) for where in DATA for seed in SEEDS]
    known = methods | unrolling
    kept = benchmarks.read(RESULTS) if RESULTS.exists() else {"rows": [], "provenance": {}}
    rows = {(row["method"], row["data"]): row for row in kept["rows"]}
    made = kept["provenance"]
    for name in benchmarks.named(names, [*known, RECIPE]):
        samples = train_recipes(runs) if name == RECIPE else train(known[name], runs)
        scores = score(samples, runs)
        for where in DATA:
            of_all = [one for one in scores if one["data"] == where]
            row: dict[str, Any] = {"method": name, "data": where, "runs": of_all}
            row |= {
                quantity: interval([one[quantity] for one in of_all]) for quantity in QUANTITIES
            }
            rows[name, where] = row
            means = [f"{row[quantity][0]:.3g} ± {row[quantity][1]:.2g}" for quantity in QUANTITIES]
            print(f"{name:28} {where:5}", *means, flush=True)
        made[name] = benchmarks.provenance(
            f"python -m gancode.benchmarks.coverage {name!r}", **settings_of(name)
        )
        ordered = [rows[key] for key in itertools.product([*known, RECIPE], DATA) if key in rows]
        signed = {each: made[each] for each in [*known, RECIPE] if each in made}
        benchmarks.write(RESULTS, {"rows": ordered, "provenance": signed})


if __name__ == "__main__":
    main(sys.argv[1:] or [*methods, *unrolling, RECIPE])
