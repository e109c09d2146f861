"""Every objective of the catalogue on ring, grid and digits, alone, with R1, and with a critic
under spectral normalisation.

    gancode bench objectives

trains 1,377 small GANs in about ten minutes of one idle core, one thread and no GPU, and
`python -m gancode.benchmarks.objectives` writes them into `results/objectives.json`. In each of the
17 · 3 · 3 cells the learning rate of both players is the better of two, by two runs each with the
seeds TRIED; then five runs are made at it, with the seeds SEEDS, none of which had a part in the
choice. All that they have in common is in SETTINGS.

Runs of equal shape are trained side by side: each weight has a first axis over the runs, so that
one batched matrix product serves all of them, and no number passes from one to another. Each is a
run of `gancode.train`, and can be repeated alone: `fit("hinge", "ring", "R1", 1.2e-2, seed=3)`.
"""

import copy
import functools
import itertools
import json
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

import gancode
from gancode import benchmarks, constraints, data, metrics, networks, randomness
from gancode.benchmarks.coverage import interval, mlp
from gancode.benchmarks.digits_mlp import SHAPE, digits, sheet
from gancode.calculus import catalog
from gancode.data.sources import Batches
from gancode.errors import Refused
from gancode.schedules import schedule
from gancode.training.adam import adam

RESULTS = benchmarks.RESULTS / "objectives.json"
OBJECTIVES = tuple(catalog)
REGULARISATIONS = ("none", "R1", "spectral")
TRIED, SEEDS = (10, 11), range(5)
KEY = ("data", "objective", "regularisation")  # of a cell
SCORES = {  # what is kept of a run, and its heading
    "covered": "modes",
    "high_quality": "high quality",
    "divergence": "JS, nats",
    "frechet": "Fréchet",
}
TURNS, TIMED, WARM_UP = 3, 30, 5  # turns, and steps of each, in which seconds are counted
END = 0.1  # the share of the learning rate that is left at the end
NOISE = 0.05  # the standard deviation of what is added to both sides of a divergence
PICTURES = 6  # digits of a sheet
BOUND = 1000.0  # a critic whose outputs are larger than this, in the mean, has diverged


@dataclass(frozen=True)
class Setting:
    """What all objectives have in common on some data: the widths of both networks, the learning
    rates that are tried, the training, the weight of R1, which is taken every second step with
    twice its weight, and how many samples are judged."""

    hidden: tuple[int, ...]
    latent_dim: int
    sharpness: float
    rates: tuple[float, float]
    batch_size: int
    steps: int
    r1: float
    samples: int
    betas: tuple[float, float] = (0.5, 0.99)


SETTINGS = {
    "ring": Setting((32, 32), 4, 2.0, (4e-3, 1.2e-2), 64, 1000, 0.1, 2500),
    "grid": Setting((32, 32), 4, 2.0, (4e-3, 1.2e-2), 64, 1000, 0.1, 2500),
    "digits": Setting((64, 64), 32, 0.0, (2e-3, 6e-3), 32, 300, 1.0, 500),
}


@functools.cache
def source(where: str) -> Any:
    """The data. Ring and grid have the modes of VEEGAN's (Srivastava et al. 2017) in [−1, 1]², with
    a standard deviation of 0.05, so that so short a run can be expected to find them."""
    if where == "ring":
        return data.ring(std=0.05)
    if where == "grid":
        return data.grid(spacing=0.5, std=0.05)
    return digits()[0]


def make(where: str, seed: int) -> gancode.GAN:
    """The networks with which a run begins."""
    gancode.seed(seed)
    s, shape = SETTINGS[where], SHAPE if where == "digits" else 2
    return gancode.GAN(
        networks.mlp_generator(s.latent_dim, shape, s.hidden, sharpness=s.sharpness),
        networks.mlp_discriminator(shape, s.hidden[::-1]),
        s.latent_dim,
    )


def options(where: str, regularisation: str) -> dict[str, Any]:
    """Those of `gancode.train` in which regularisations differ."""
    return {
        "none": {},
        "R1": {"penalties": f"r1={SETTINGS[where].r1}@2"},
        "spectral": {"constraints": "spectral"},
    }[regularisation]


def fit(
    name: str,
    where: str,
    regularisation: str,
    rate: float,
    seed: int,
    steps: int | None = None,
    callback: Callable | None = None,
) -> gancode.Run:
    """Train one GAN, alone. `callback` is as in `gancode.train`. Raises FloatingPointError where a
    number is not finite."""
    s = SETTINGS[where]
    return gancode.train(
        make(where, seed),
        source(where),
        objective=name,
        steps=s.steps if steps is None else steps,
        batch_size=s.batch_size,
        lr=f"{rate}..{END * rate}",
        betas=s.betas,
        ema=0.0,
        seed=seed,
        progress=False,
        callback=callback,
        **options(where, regularisation),
    )


@dataclass
class Outcome:
    """How a run ended: `SETTINGS[…].samples` samples of its generator, the last that was finite;
    the step in which a number was not, or None; and the largest size that its critic's outputs have
    had, in the mean over a batch."""

    samples: torch.Tensor
    broken: int | None
    outputs: float


def side_by_side(
    names: Sequence[str],
    seeds: Sequence[int],
    where: str,
    regularisation: str,
    rate: float,
    steps: int | None = None,
) -> dict[tuple[str, int], Outcome]:
    """What `fit` does, for each objective with each seed, at once: {(name, seed): outcome}. Where
    `fit` would raise, the run's last finite generator is kept."""
    s, runs = SETTINGS[where], list(itertools.product(names, seeds))
    steps, shape = s.steps if steps is None else steps, (len(names), len(seeds), -1)
    gans, rngs = [make(where, k) for k in seeds], [gancode.seed(k) for k in seeds]
    constrained = _constrained(gans, seeds, regularisation, len(names))
    G, D = (
        _stacked([getattr(gan, player) for gan in gans], len(names))
        for player in ("generator", "discriminator")
    )
    adams = [adam(weights, rate, s.betas) for weights in (D, G)]
    falling = schedule("rate", f"{rate}..{END * rate}")
    losses = [_losses(name) for name in names]
    batches = [Batches(source(where), s.batch_size, rng) for rng in rngs]
    broken: dict[int, tuple[int, list[torch.Tensor]]] = {}
    outputs = torch.zeros(len(runs))

    def drawn(of_each: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.stack(list(of_each)).flatten(2).repeat(len(names), 1, 1)

    def generated(z: torch.Tensor) -> torch.Tensor:
        if where == "digits":
            return mlp(G, z).tanh()
        return mlp(G, s.sharpness * z, torch.tanh)

    def descend(loss: torch.Tensor, weights: list, optimiser: Any, step: int) -> None:
        """A step of one player; of runs whose slopes are not finite the generators are kept."""
        slopes = torch.autograd.grad(loss, weights)
        finite = torch.stack([slope.flatten(1).sum(1) for slope in slopes]).isfinite().all(0)
        for k in (~finite).nonzero()[:, 0].tolist():
            broken.setdefault(k, (step, [w[k].detach().clone() for w in G]))
        for weight, slope in zip(weights, slopes, strict=True):
            weight.grad = slope.contiguous()  # the fused optimiser reads memory in its order
        optimiser.step()

    for step in range(1, steps + 1):
        for each in adams:
            each.param_groups[0]["lr"] = falling((step - 1) / steps)
        real = drawn([next(each) for each in batches])
        n = real.shape[1]
        fake = generated(drawn([torch.randn(n, s.latent_dim, generator=rng) for rng in rngs]))
        # The sums over the runs of their losses, so that none feels the others.
        logits = mlp(constrained(D), torch.cat([real, fake.detach()], 1))[..., 0]
        on_real, on_fake = (part.reshape(shape) for part in logits.split(n, 1))
        loss = sum(f(x, y) for (_, f, _), x, y in zip(losses, on_real, on_fake, strict=True))
        if regularisation == "R1" and (step - 1) % 2 == 0:
            x = real.clone().requires_grad_(True)
            (slope,) = torch.autograd.grad(mlp(D, x).sum(), x, create_graph=True)
            loss = loss + s.r1 * slope.square().sum() / n / len(seeds)
        descend(len(seeds) * loss, D, adams[0], step)
        sizes = logits.detach().abs().mean(1)
        outputs = outputs.maximum(sizes.nan_to_num(0, posinf=0))
        now = constrained(D)
        on_fake = mlp(now, fake).reshape(shape)
        with torch.no_grad():
            on_real = mlp(now, real).reshape(shape)
        loss = sum(
            f(x, y) if paired else f(y)
            for (paired, _, f), x, y in zip(losses, on_real, on_fake, strict=True)
        )
        descend(len(seeds) * loss, G, adams[1], step)
    for k, (_, weights) in broken.items():
        for w, last in zip(G, weights, strict=True):
            w.data[k] = last
    latents = [gan.latents(s.samples, _at_end(k)) for gan, k in zip(gans, seeds, strict=True)]
    with torch.no_grad():
        samples = generated(drawn(latents))
    samples = samples.unflatten(2, SHAPE) if where == "digits" else samples
    return {
        run: Outcome(samples[k], broken[k][0] if k in broken else None, outputs[k].item())
        for k, run in enumerate(runs)
    }


@functools.cache
def _losses(name: str) -> tuple[bool, Callable, Callable]:
    """Whether an objective is one of pairs, and both of its losses."""
    return catalog[name].paired, *catalog[name].torch()


def _at_end(seed: int) -> torch.Generator:
    """What `Run.sample` draws from."""
    return torch.Generator().manual_seed(randomness.streams(seed)[-1])


def _linear(network: nn.Module) -> list[nn.Linear]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Linear)]


def _stacked(networks: Sequence[nn.Module], times: int) -> list[torch.Tensor]:
    """The weights of equal perceptrons, each so many times, as `mlp` takes them."""
    layers = zip(*map(_linear, networks), strict=True)
    pairs = [
        (torch.stack([one.weight.T for one in each]), torch.stack([one.bias[None] for one in each]))
        for each in layers
    ]
    return [
        w.detach().repeat(times, 1, 1).requires_grad_()
        for w in itertools.chain.from_iterable(pairs)
    ]


def _constrained(
    gans: Sequence[gancode.GAN], seeds: Sequence[int], regularisation: str, times: int
) -> Callable[[list[torch.Tensor]], list[torch.Tensor]]:
    """A function from the discriminators' weights to those that they compute with; each call under
    spectral normalisation is a step of power iteration, as each forward of a network is."""
    if regularisation != "spectral":
        return lambda weights: weights
    copies = [copy.deepcopy(gan.discriminator) for gan in gans]
    for network, seed in zip(copies, seeds, strict=True):
        with constraints.prepared(network, constraints.parse("spectral"), seed):
            pass
    vectors = [
        torch.stack([layer.parametrizations.weight[0]._v for layer in each]).repeat(times, 1)[
            :, None
        ]
        for each in zip(*map(_linear, copies), strict=True)
    ]

    def constrained(weights: list[torch.Tensor]) -> list[torch.Tensor]:
        found = list(weights)
        for k, v in enumerate(vectors):
            matrix = weights[2 * k]  # (runs, inputs, outputs)
            with torch.no_grad():
                u = F.normalize(v @ matrix, dim=2)
                vectors[k] = v = F.normalize(u @ matrix.mT, dim=2)
            found[2 * k] = matrix / ((v @ matrix) * u).sum(2, keepdim=True)
        return found

    return constrained


# What is kept of a run -------------------------------------------------------------------------


def score(samples: torch.Tensor, where: str) -> dict[str, float]:
    """Of ring and grid the modes covered and the share of samples of high quality, as in
    `gancode.metrics.modes`, and the `divergence`; of digits the corrected Fréchet distance to those
    held out, and how many of the ten digits at least a hundredth of the samples are read as."""
    if where == "digits":
        features, classes = metrics.digit_features(samples)
        distance = metrics.frechet_distance(_held_out(), features)
        read = classes.argmax(1).bincount(minlength=10)
        return {
            "covered": int((read >= len(samples) / 100).sum()),
            "frechet": round(distance.value - distance.bias, 3),
        }
    found = metrics.modes(samples, source(where))
    return {
        "covered": found.covered,
        "high_quality": round(float(found.high_quality), 4),
        "divergence": round(divergence(samples, source(where)), 5),
    }


@functools.cache
def _held_out() -> torch.Tensor:
    return metrics.digit_features(digits()[1])[0]


def divergence(samples: torch.Tensor, density: data.GaussianMixture, noise: float = NOISE) -> float:
    """The Jensen–Shannon divergence, in nats, of a mixture in the plane from points (n, 2), both
    smoothed with Gaussian noise of this standard deviation, by quadrature.

    The sum over a square grid of half the noise is as good as exact for functions so smooth. The
    grid reaches 20 times the noise beyond the modes; what is made still farther off counts with
    ½ log 2, as nothing of the data is there. Even a perfect sampler of n points does not reach 0.
    Raises `Refused` for other points, for none, for some that are not finite, and for noise that is
    not positive.
    """
    if samples.ndim != 2 or samples.shape[1] != 2 or not len(samples):
        raise Refused(f"samples must have shape (n, 2) with n ≥ 1, not {tuple(samples.shape)}")
    if not samples.isfinite().all():
        raise Refused("samples that are not finite have no divergence; take the last that were")
    if not noise > 0:
        raise Refused(f"noise must be a standard deviation above 0, not {noise}")
    x = samples.double()
    reach = float(density.means.abs().max()) + 20 * noise
    axis = torch.arange(-reach, reach, noise / 2, dtype=torch.float64)
    kernels = [torch.exp(-((x[:, k, None] - axis) ** 2) / (2 * noise**2)) for k in (0, 1)]
    q = kernels[0].T @ kernels[1] / (2 * math.pi * noise**2 * len(x))
    wide = data.mixture(density.means, (density.stds**2 + noise**2).sqrt(), density.weights)
    p = wide.log_prob(torch.cartesian_prod(axis, axis)).exp().reshape(q.shape)
    middle = ((p + q) / 2).clamp_min(1e-300)
    integrand = torch.xlogy(p, p / middle) + torch.xlogy(q, q / middle)
    cell = (noise / 2) ** 2
    outside = 1 - float(q.sum()) * cell
    return float(integrand.sum()) * cell / 2 + outside * math.log(2) / 2


def diverged(row: dict) -> bool:
    """Whether a number of the run was not finite, or its critic's outputs left ±BOUND."""
    return row["broken"] is not None or row["outputs"] > BOUND


def best_rate(rows: Iterable[dict], name: str, where: str, regularisation: str) -> float:
    """The rate with which fewer of the runs with the seeds TRIED diverged; where that is no choice,
    the one of the least Fréchet distance or divergence, in the mean over these seeds."""
    cell = {"objective": name, "data": where, "regularisation": regularisation}
    of_cell = [row for row in rows if row["seed"] in TRIED and cell.items() <= row.items()]
    least = "frechet" if where == "digits" else "divergence"

    def order(rate: float) -> tuple[int, float]:
        tried = [row for row in of_cell if row["rate"] == rate]
        return sum(map(diverged, tried)), sum(row[least] for row in tried)

    return min(SETTINGS[where].rates, key=order)


# All of them -----------------------------------------------------------------------------------


def plan(rows: Sequence[dict]) -> Iterator[tuple[str, str, float, list[str], Sequence[int]]]:
    """What is to be trained side by side, in turn: data, regularisation, rate, objectives and
    seeds. The choice of a rate reads `rows`, to which what was trained before has been added."""
    for where, regularisation in itertools.product(SETTINGS, REGULARISATIONS):
        rates = SETTINGS[where].rates
        for rate in rates:
            yield where, regularisation, rate, list(OBJECTIVES), TRIED
        chosen = {name: best_rate(rows, name, where, regularisation) for name in OBJECTIVES}
        for rate in rates:
            names = [name for name in OBJECTIVES if chosen[name] == rate]
            yield where, regularisation, rate, names, SEEDS


def measure(out: Path = RESULTS, show: Callable[[str], Any] = print) -> dict:
    """Make all runs and return them as `results` does. What is trained side by side is written to
    `out` when it is done, and what is there already is not made again.

    Raises `Refused` where `out` holds runs that were made otherwise.
    """
    benchmarks.settle()
    made = benchmarks.provenance(
        "python -m gancode.benchmarks.objectives",
        settings={where: asdict(each) for where, each in SETTINGS.items()},
        regularisations={
            each: {where: options(where, each) for where in SETTINGS} for each in REGULARISATIONS
        },
        tried=list(TRIED),
        seeds=list(SEEDS),
        end=END,
        noise=NOISE,
        bound=BOUND,
    )
    found = _begun(out, made)
    rows, count = found["rows"], len(OBJECTIVES) * len(REGULARISATIONS) * len(SETTINGS)
    total = count * (2 * len(TRIED) + len(SEEDS))
    for where, regularisation, rate, names, seeds in plan(rows):
        cell = {"data": where, "regularisation": regularisation, "rate": rate}
        there = {(row["objective"], row["seed"]) for row in rows if cell.items() <= row.items()}
        left = [name for name in names if not there >= {(name, seed) for seed in seeds}]
        if not left:
            continue
        began = time.process_time()
        ends = side_by_side(left, seeds, where, regularisation, rate)
        for (name, seed), end in ends.items():
            rows.append({"objective": name, **cell, "seed": seed, **_kept(end, where)})
            if where == "digits" and seed == SEEDS[0]:
                found["sheets"][f"{name}, {regularisation}"] = sheet(end.samples, PICTURES)
        benchmarks.write(out, found)
        spent = time.process_time() - began
        show(
            f"{len(rows):,} of {total:,} runs: {where}, {regularisation}, rate {rate:g}, "
            f"{len(ends)} more in {spent:.1f} s of processor time"
        )
    if not found["seconds"]:
        found["seconds"] = seconds()
        benchmarks.write(out, found)
    return found


def seconds() -> list[dict]:
    """What a step of `gancode.train` on the ring costs: for each objective and regularisation its
    processor time over that of the non-saturating game without a penalty, the median over the
    turns, in each of which all take place."""
    cells = list(itertools.product(OBJECTIVES, REGULARISATIONS))
    found: dict[tuple, list[float]] = {cell: [] for cell in cells}

    def time_of(name: str, regularisation: str) -> float:
        times = {}

        def look(step: int, run: gancode.Run) -> None:
            times[step] = time.process_time()

        fit(
            name,
            "ring",
            regularisation,
            SETTINGS["ring"].rates[0],
            SEEDS[0],
            TIMED + WARM_UP,
            callback=look,
        )
        return times[TIMED + WARM_UP] - times[WARM_UP]

    for _ in range(TURNS):
        base = time_of("nonsaturating", "none")
        for cell in cells:
            found[cell].append(time_of(*cell) / base)
    return [
        {"objective": name, "regularisation": each, "seconds": round(statistics.median(times), 3)}
        for (name, each), times in found.items()
    ]


def cells(rows: Sequence[dict]) -> list[dict]:
    """Of each cell that has all its runs: `data`, `objective`, `regularisation`, the `rate` that
    was chosen, of every score the mean and the half-width of its 95 % interval over the seeds, a
    tuple, and the share of runs that `diverged`."""
    found: dict[tuple, list[dict]] = {}
    for row in rows:
        if row["seed"] in SEEDS:
            found.setdefault(tuple(row[key] for key in KEY), []).append(row)
    return [
        dict(zip(KEY, cell, strict=True))
        | {"rate": runs[0]["rate"]}
        | {key: interval([run[key] for run in runs]) for key in SCORES if key in runs[0]}
        | {"diverged": sum(map(diverged, runs)) / len(runs)}
        for cell, runs in found.items()
        if len(runs) == len(SEEDS)
    ]


def table(found: dict) -> list[dict]:
    """The results as rows of text and numbers, for `gancode bench`."""
    cost = {tuple(row[key] for key in KEY[1:]): row["seconds"] for row in found["seconds"]}

    def text(cell: dict, key: str) -> str:
        return "{:.3g} ± {:.2g}".format(*cell[key]) if key in cell else ""

    return [
        {key: cell[key] for key in KEY}
        | {"rate": cell["rate"]}
        | {heading: text(cell, key) for key, heading in SCORES.items()}
        | {"diverged %": 100 * cell["diverged"]}
        | {"seconds": cost[cell["objective"], cell["regularisation"]]}
        for cell in cells(found["rows"])
    ]


def _kept(end: Outcome, where: str) -> dict:
    return score(end.samples, where) | {"broken": end.broken, "outputs": round(end.outputs, 3)}


def _begun(out: Path, made: dict) -> dict:
    """What is at `out`, or nothing yet; refused where the runs there were made otherwise."""
    made = json.loads(json.dumps(made))  # as it will be read again
    if not out.exists():
        return {"provenance": made, "rows": [], "seconds": [], "sheets": {}}
    found = benchmarks.read(out)
    places = ("cores", "machine", "date")
    other = [key for key in made if key not in places and found["provenance"].get(key) != made[key]]
    if other:
        raise Refused(
            f"{out} holds runs that were made with other {' and '.join(other)}; give another file, "
            "or remove this one to begin anew"
        )
    return found


def results() -> dict:
    """The committed results: `provenance`; `rows`, one a run; `seconds`, one for each objective
    and regularisation; `sheets` of the digits of the first seed, by objective and
    regularisation."""
    return benchmarks.read(RESULTS)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make all runs that the file of results does not have."""
    measure(benchmarks.options(arguments, main.__doc__, RESULTS).out, partial(print, flush=True))


if __name__ == "__main__":
    main()
