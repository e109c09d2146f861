"""Which remedies keep a generator on all modes? The ring and the grid of VEEGAN, one method a row.

    python -m gancode.benchmarks.coverage             every method, about five minutes on one core
    python -m gancode.benchmarks.coverage METHOD...   these; the others keep their rows

Every method trains the same two networks for the same number of steps; only what its name says
differs. The rows go to results/coverage.json, which the chapter on mode collapse reads.

The runs of a method (data sets and seeds) are trained side by side: each weight has a first axis
over the runs, so that one batched matrix product serves all of them. No number passes from one run
to another.
"""

import itertools
import json
import math
import os
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from scipy import stats

from gancode import data, metrics
from gancode.benchmarks import provenance
from gancode.calculus import catalog

RESULTS = Path(__file__).with_name("results") / "coverage.json"
DATA = ("ring", "grid")
SEEDS = range(5)
QUANTITIES = ("covered", "high_quality", "reverse_kl")
SETTINGS = {
    "latent_dim": 16,
    "hidden": 64,
    "batch_size": 128,
    "steps": 1500,
    "generator_lr": 4e-3,
    "final_lr": 0.01,  # the share of both learning rates that is left at the end
    "betas": (0.5, 0.99),
    "unrolled_lr": 0.3,  # of the plain gradient steps by which the discriminator is unrolled
    "samples": 2500,
}

# What papers report, each on its own networks and training: modes covered, share of high quality in
# per cent, reverse KL (none), on the ring, then on the grid.
PUBLISHED = {
    "GAN (VEEGAN, table 1)": (1, 99.3, "–", 3.3, 0.5, "–"),
    "unrolled (VEEGAN, table 1)": (7.6, 35.6, "–", 23.6, 16, "–"),
    "VEEGAN (VEEGAN, table 1)": (8, 52.9, "–", 24.6, 40, "–"),
    "GAN (PacGAN, table 1)": (6.3, 98.2, "–", 17.3, 94.8, "–"),
    "packed, 2 (PacGAN, table 1)": (7.9, 95.6, "–", 23.8, 91.3, "–"),
    "packed, 4 (PacGAN, table 1)": (7.8, 95.9, "–", 24.8, 93.6, "–"),
}


@dataclass(frozen=True)
class Method:
    """What a method changes in the plain GAN, whose generator is four times as fast as its
    discriminator.

    - discriminator_lr: at the first step; that of the generator is in SETTINGS;
    - objective: a name in `gancode.calculus.catalog`;
    - penalty: the weight γ of R1 + R2, γ/2 · (E‖∇t‖² on real + the same on generated samples);
    - group: the discriminator is told the spread of every `group` samples (`spread`);
    - pack: the discriminator judges `pack` samples at once (`packed`);
    - unroll: the generator sees the discriminator this many gradient steps ahead (`unrolled`).
    """

    discriminator_lr: float = 1e-3
    objective: str = "nonsaturating"
    penalty: float = 0.0
    group: int = 1
    pack: int = 1
    unroll: int = 0


methods = {
    "plain": Method(),
    "equal speed": Method(discriminator_lr=4e-3),
    "packed, 2": Method(pack=2),
    "packed, 4": Method(pack=4),
    "minibatch deviation": Method(group=16),
    "unrolled, 5 steps": Method(unroll=5),
    "paired": Method(objective="relativistic"),
    "R1 + R2, 0.1": Method(penalty=0.1),
    "R1 + R2, 10": Method(penalty=10.0),
    "paired, R1 + R2, 10": Method(objective="relativistic", penalty=10.0),
}


def mlp(weights, x):
    """A stack of perceptrons: x of shape (runs, n, inputs) to (runs, n, outputs).

    `weights` alternates matrices (runs, inputs, outputs) and biases (runs, 1, outputs).
    """
    *hidden, matrix, bias = weights
    for m, b in zip(hidden[::2], hidden[1::2], strict=True):
        x = torch.nn.functional.leaky_relu(torch.baddbmm(b, x, m), 0.2)
    return torch.baddbmm(bias, x, matrix)


def spread(x, group):
    """Append to each sample the standard deviation of its group, averaged over the coordinates: the
    minibatch standard deviation of Karras et al. 2018, at the input of the discriminator.

    x has shape (runs, n, d), the result (runs, n, d + 1). Groups are of `group` neighbours, which
    must divide n.
    """
    groups = x.unflatten(1, (-1, group))
    deviation = (groups.var(2, correction=0) + 1e-8).sqrt().mean(-1)  # finite slope at 0
    return torch.cat([x, deviation.repeat_interleave(group, 1)[..., None]], -1)


def packed(x, pack):
    """Join every `pack` neighbours into one point for the discriminator (Lin et al. 2018):
    (runs, n, d) to (runs, n / pack, pack · d)."""
    return x.reshape(len(x), -1, pack * x.shape[-1])


def unrolled(weights, loss, steps, lr):
    """The discriminator's weights after `steps` steps of gradient descent on `loss(weights)`, as a
    differentiable function of what the loss depends on (Metz et al. 2017, equation 7).

    Nothing is copied or restored: the stepped weights are new tensors, and the graph of all steps,
    second derivatives included, is kept for the generator.
    """
    for _ in range(steps):
        slopes = torch.autograd.grad(loss(weights), weights, create_graph=True)
        weights = [w - lr * slope for w, slope in zip(weights, slopes, strict=True)]
    return weights


def train(method, runs, callback=None, **settings):
    """Train one GAN for each (name of a data set, seed) in `runs`; return samples of the last
    generators, shape (runs, samples, 2).

    `settings` replace entries of SETTINGS. `callback(step, sample)` is called after each step;
    `sample(n)` draws n samples of every generator as it is, without touching the run's own draws.
    A seed is that of a `torch.Generator`, shifted by GANCODE_SEED as in `gancode.seed`.
    """
    s = SETTINGS | settings
    densities = [getattr(data, name)() for name, _ in runs]
    streams = [torch.Generator().manual_seed(_shifted(seed)) for _, seed in runs]
    # What is looked at draws from streams of its own, so that looking changes nothing.
    looks, at_end = (
        [torch.Generator().manual_seed(_shifted(seed) + k) for _, seed in runs] for k in (2, 1)
    )
    sees = method.pack * (2 + (method.group > 1))
    G = _weights([s["latent_dim"], s["hidden"], s["hidden"], 2], streams)
    D = _weights([sees, s["hidden"], s["hidden"], 1], streams)
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

    def latents(n, streams=streams):
        return torch.stack([torch.randn(n, s["latent_dim"], generator=rng) for rng in streams])

    def critic(weights, x):
        x = spread(x, method.group) if method.group > 1 else x
        return mlp(weights, packed(x, method.pack))

    def loss_of(weights, real, generated):
        """Of the discriminators: the sum over the runs, so that none feels the others."""
        logits = critic(weights, torch.cat([real, generated], 1)).chunk(2, 1)
        return len(runs) * critic_loss(*logits)

    def sample(n, streams=looks):
        with torch.no_grad():
            return mlp(G, latents(n, streams))

    for step in range(1, s["steps"] + 1):
        real = torch.stack(
            [p.sample(s["batch_size"], rng) for p, rng in zip(densities, streams, strict=True)]
        )
        generated = mlp(G, latents(s["batch_size"]))
        loss = loss_of(D, real, generated.detach())
        if method.penalty:
            x = torch.cat([real, generated], 1).detach().requires_grad_(True)
            (slope,) = torch.autograd.grad(critic(D, x).sum(), x, create_graph=True)
            loss = loss + method.penalty / 2 * slope.square().sum() / s["batch_size"]
        _descend(loss, D, optimisers[0])

        ahead = D
        if method.unroll:
            ahead = unrolled(
                D, partial(loss_of, real=real, generated=generated), method.unroll, s["unrolled_lr"]
            )
        logits = critic(ahead, torch.cat([real, generated], 1)).chunk(2, 1)
        judged = generator_loss(*logits) if objective.paired else generator_loss(logits[1])
        _descend(len(runs) * judged, G, optimisers[1])
        for schedule in decay:
            schedule.step()
        if callback is not None:
            callback(step, sample)
    return sample(s["samples"], at_end)


def _descend(loss, weights, optimiser):
    """One step of the weights, and of nothing else."""
    for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        weight.grad = slope
    optimiser.step()


def _weights(widths, streams):
    """Matrices and biases as torch.nn.Linear draws them, one of each a run."""
    weights = []
    for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
        for rows in (inputs, 1):
            draws = [torch.rand(rows, outputs, generator=rng) for rng in streams]
            weights.append((2 * torch.stack(draws) - 1) / math.sqrt(inputs))
    return [weight.requires_grad_() for weight in weights]


def _shifted(seed):
    return 1_000_003 * int(os.environ.get("GANCODE_SEED", "0")) + 1000 * seed


def score(samples, runs):
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


def interval(values):
    """Mean and half-width of the 95 % t-interval of at least two values."""
    x = torch.tensor(values, dtype=torch.float64)
    width = stats.t.ppf(0.975, len(x) - 1) * x.std() / math.sqrt(len(x))
    return x.mean().item(), width.item()


def main(names):
    """Run the named methods and write their rows into RESULTS, after each anew, so that a stop
    loses one method only. Raises KeyError for a name that is not in `methods`."""
    os.environ["GANCODE_SEED"] = "0"  # these rows are of SEEDS, whatever the shell says
    torch.set_num_threads(1)
    runs = [(where, seed) for where in DATA for seed in SEEDS]
    made = provenance(
        "python -m gancode.benchmarks.coverage",
        settings=SETTINGS,
        methods={name: asdict(method) for name, method in methods.items()},
        seeds=list(SEEDS),
    )
    kept = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if RESULTS.exists() else []
    rows = {(row["method"], row["data"]): row for row in kept}
    for name in names:
        scores = score(train(methods[name], runs), runs)
        for where in DATA:
            of_all = [one for one in scores if one["data"] == where]
            row = {"method": name, "data": where, "runs": of_all}
            row |= {
                quantity: interval([one[quantity] for one in of_all]) for quantity in QUANTITIES
            }
            rows[name, where] = row
            means = [f"{row[quantity][0]:.3g} ± {row[quantity][1]:.2g}" for quantity in QUANTITIES]
            print(f"{name:28} {where:5}", *means, flush=True)
        ordered = [rows[key] for key in itertools.product(methods, DATA) if key in rows]
        results = {"rows": ordered, "provenance": made}
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] or methods)
