"""How soon a generator draws the digit that it is asked for, by what its critic does with labels.

    python -m gancode.benchmarks.conditional

writes `results/conditional.json`: four critics with three seeds each for 5,000 steps, in about ten
minutes of one core, one thread and no GPU. A run can be repeated alone: `fit("projection", 1)`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

import gancode
from gancode import benchmarks, data, metrics, networks
from gancode.benchmarks.digits_mlp import sheet

SHAPE = (1, 28, 28)
CRITICS = ("projection", "concatenation", "concatenation, loud", "without label")
STEPS, SEEDS, EVERY, SAMPLES = 5000, range(3), 500, 1000
COLUMNS = 8  # of a sheet, in each of ten rows
RESULTS = benchmarks.RESULTS / "conditional.json"


class Blind(nn.Sequential):
    """A critic that is given the label and does not look."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(x)


class Loud(nn.Module):
    """Concatenation with 28 times the one-hot label: about as long as the 784 pixels of an image,
    most of which are −1."""

    def __init__(self) -> None:
        super().__init__()
        self.network = networks.mlp_discriminator(784 + 10, (256, 128), dropout=0.4)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.network(torch.cat([x.flatten(1), 28 * F.one_hot(y, 10)], dim=1))


def make(kind: str) -> gancode.GAN:
    """An untrained conditional GAN with one of CRITICS; all else is the same for all of them."""
    way = "concatenation" if kind == "concatenation" else "projection"
    options: dict[str, Any] = {"hidden": (128, 256), "dropout": 0.4, "conditioning": way}
    generator, critic = networks.pair("mlp", 64, SHAPE, classes=10, **options)
    if kind == "concatenation, loud":
        critic = Loud()
    if kind == "without label":
        critic = Blind(networks.mlp_discriminator(SHAPE, (256, 128), dropout=0.4))
    return gancode.GAN(generator, critic, latent_dim=64, classes=10)


def labelled(kind: str, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The 5,000 digits with their labels; shuffled over the digits for the critic that does not
    look, so that the labels of a batch say nothing about its images either."""
    images, labels = data.mnist_5k()
    if kind == "without label":
        labels = labels[torch.randperm(len(labels), generator=gancode.seed(seed))]
    return images, labels


def fit(kind: str, seed: int, steps: int = STEPS) -> tuple[gancode.Run, list[float]]:
    """Train one GAN; return its `Run` and the accuracy after every EVERY steps, a list."""
    trace = []

    def watch(step: int, run: gancode.Run) -> None:
        if step % EVERY == 0:
            trace.append(accuracy(run.sample(SAMPLES)))

    told = labelled(kind, seed)
    gancode.seed(seed)
    options: dict[str, Any] = {"lr": 1e-3, "seed": seed, "progress": False, "callback": watch}
    return gancode.train(make(kind), told, steps=steps, **options), trace


def accuracy(samples: torch.Tensor) -> float:
    """The share of samples, asked for class by class in turn, that the classifier of
    `gancode.metrics` takes for the class asked for."""
    seen = metrics.digit_features(samples)[1].argmax(1)
    return (seen == torch.arange(len(samples)) % 10).double().mean().item()


def by_class(run: gancode.Run) -> torch.Tensor:
    """COLUMNS latents for each class, row by row: (10 · COLUMNS, 1, 28, 28)."""
    z = torch.randn(COLUMNS, 64, generator=torch.Generator().manual_seed(5))
    labels = torch.arange(10).repeat_interleave(COLUMNS)
    with torch.no_grad():
        return run.averaged(z.repeat(10, 1), labels)


def results() -> dict:
    """The committed results: a dict of `provenance`, `rows` (one a run) and `sheets`, of the first
    seed, by kind."""
    return benchmarks.read(RESULTS)


def runs(steps: int) -> Iterator[tuple[dict, str, str]]:
    """All critics with all seeds."""
    for seed in SEEDS:
        for kind in CRITICS:
            run, trace = fit(kind, seed, steps)
            made = {"critic": kind, "seed": seed, "accuracy": trace}
            yield made, kind, sheet(by_class(run), 10 * COLUMNS)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all critics with all seeds and write the results."""
    benchmarks.keep(
        arguments,
        main.__doc__,
        RESULTS,
        runs,
        steps=STEPS,
        seeds=list(SEEDS),
        every=EVERY,
        samples=SAMPLES,
    )


if __name__ == "__main__":
    main()
