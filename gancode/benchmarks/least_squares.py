"""What the choice of an objective is worth in a small MLP program for digits, at its best rate.

    python -m gancode.benchmarks.least_squares

writes `results/least_squares.json`. Of each objective, both players' learning rate is chosen from
RATES by two runs each, with the seeds TRIED; then five runs are made with it, with the seeds SEEDS,
none of which had a part in the choice. All runs have equal steps, networks and data: 90 runs of 600
steps, one thread and no GPU, about ten minutes of one core. A run can be repeated alone:
`fit("focal", 1e-3, seed=3)`.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import torch
from sympy import Rational, exp

import gancode
from gancode import benchmarks, metrics, networks
from gancode.benchmarks.digits_mlp import SAMPLES, SHAPE, digits, row, sheet
from gancode.calculus import Objective, a, b, catalog, softplus

RESULTS = benchmarks.RESULTS / "least_squares.json"
STEPS, BATCH = 600, 32
RATES, TRIED, SEEDS = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3), (10, 11), range(5)


def focal(focus: int) -> Objective:
    """The focal loss (Lin et al. 2017): −(1 − D)^focus · log D on data, mirrored on samples. The
    generator has the loss of data, as the non-saturating one has."""
    on_real = exp(-focus * softplus(a)) * softplus(-a)
    return Objective(on_real + on_real.subs(a, -b), on_real.subs(a, b))


def alpha_loss(order: int) -> Objective:
    """The α-loss (Sypherd et al. 2022) of an order α > 0, not 1: (1 − D^e)/e with e = 1 − 1/α on
    data, mirrored on samples; the generator has the loss of data."""
    power = 1 - Rational(1, order)
    on_real = (1 - exp(-power * softplus(-a))) / power
    return Objective(on_real + on_real.subs(a, -b), on_real.subs(a, b))


OBJECTIVES = {
    "non-saturating": catalog["nonsaturating"],
    "least squares 0, 1, 1": catalog["least-squares"],
    "least squares −1, 1, 1": Objective(
        catalog["least-squares-symmetric"].critic, (b - 1) ** 2 / 2
    ),
    "least squares −1, 1, 0": catalog["least-squares-symmetric"],
    "focal": focal(2),
    "α-loss": alpha_loss(2),
}


def fit(name: str, rate: float, seed: int, steps: int = STEPS) -> tuple[gancode.Run, torch.Tensor]:
    """Train with one objective, and return its `Run` and `SAMPLES` samples, in [−1, 1]."""
    gancode.seed(seed)
    gan = gancode.GAN(
        networks.mlp_generator(100, SHAPE, (256, 256)),
        networks.mlp_discriminator(SHAPE, (256, 256)),
        latent_dim=100,
    )
    training, _ = digits()
    run = gancode.train(
        gan,
        training,
        objective=OBJECTIVES[name],
        steps=steps,
        batch_size=BATCH,
        lr=rate,
        betas=(0.5, 0.999),
        seed=seed,
        progress=False,
    )
    return run, run.sample(SAMPLES)


def spread(samples: torch.Tensor) -> float:
    """The root of the total variance of samples over that of the held-out digits, in the features
    that the Fréchet distance sees: 1 for digits, less for samples that are too much alike."""
    _, held_out = digits()
    real, generated = (metrics.digit_features(x)[0] for x in (held_out, samples))
    return float((generated.var(0).sum() / real.var(0).sum()).sqrt())


def best_rate(rows: Iterable[dict], name: str) -> float:
    """The rate of least Fréchet distance in geometric mean over the seeds TRIED."""

    def score(rate: float) -> float:
        found = [
            made["frechet"]
            for made in rows
            if made["objective"] == name and made["rate"] == rate and made["seed"] in TRIED
        ]
        return math.prod(found)

    return min(RATES, key=score)


def results() -> dict:
    """The committed results: a dict of `provenance`, `rows` (one a run) and `sheets`."""
    return benchmarks.read(RESULTS)


def runs(steps: int) -> Iterator[tuple[dict, str, str]]:
    """Those in which the rates are chosen, then those at the best; a sheet is of the latter."""
    rows: list[dict] = []

    def make(name: str, rate: float, seed: int) -> tuple[dict, str, str]:
        run, samples = fit(name, rate, seed, steps)
        made = {"objective": name, "rate": rate, "seed": seed, "spread": round(spread(samples), 4)}
        rows.append(made | row(run, samples))
        return rows[-1], name, sheet(samples) if seed in SEEDS else ""

    for name, rate, seed in itertools.product(OBJECTIVES, RATES, TRIED):
        yield make(name, rate, seed)
    for seed, name in itertools.product(SEEDS, OBJECTIVES):
        yield make(name, best_rate(rows, name), seed)


def main(arguments: Sequence[str] | None = None) -> None:
    """Choose a rate for each objective, run it with all seeds, and write the results."""
    benchmarks.keep(
        arguments,
        main.__doc__,
        RESULTS,
        runs,
        steps=STEPS,
        rates=list(RATES),
        tried=list(TRIED),
        seeds=list(SEEDS),
        batch_size=BATCH,
    )


if __name__ == "__main__":
    main()
