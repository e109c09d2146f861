"""Few images of each digit: what a GAN's samples, and what moving the images, are worth.

    python -m gancode.benchmarks.augmentation

writes `results/augmentation.json`, in some minutes of one core, one thread and no GPU. Its rows are
of four kinds, each with five seeds:

- "little data": a conditional GAN on 20 images a class, as they are, moved before its critic sees
  them, or on all 300 a class, judged as it trains;
- "classifier": a network that learns from these 20 a class, from samples of the GANs, or from both,
  each with and without moving the images;
- "few labels": the same network as the critic of a GAN, with a class more for what is generated,
  that sees the other images without their labels;
- "turns": a GAN whose critic sees its images turned, and how many of its digits stand upright.
"""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

import gancode
from gancode import benchmarks, data, metrics, networks
from gancode.benchmarks.digits_mlp import sheet
from gancode.training.augment import Augment

RESULTS = benchmarks.RESULTS / "augmentation.json"
SEEDS = range(5)
SHAPE, LATENT, BATCH = (1, 28, 28), 32, 64
FEW, KNOWN, CLASS = 20, 300, 500  # of a class: with labels, to train on at all, in the data
GAN_STEPS, EVERY = 1500, 500
STEPS, LOOK = 500, 250  # of a classifier, and after how many of them it is tested
RATES = (1e-3, 3e-3)  # of a classifier
ASYMMETRIC = (2, 3, 4, 5, 7)  # digits whose turns can be told apart
TURNED = (0.0, 0.5, 1.0)  # probabilities of a turn
GANS = {"as they are": (FEW, None), "moved": (FEW, "translation"), "300 a class": (KNOWN, None)}
REAL, MOVED = "images", "images, moved"
ARMS = (REAL, MOVED, "samples", "images and samples", "both, moved")
OPTIONS: dict[str, Any] = {
    "lr": 5e-4,
    "betas": (0.0, 0.99),
    "penalties": "r1=0.05",
    "ema": 0.99,
    "batch_size": BATCH,
    "progress": False,
}
Labelled = tuple[torch.Tensor, torch.Tensor]
Source = Callable[[int], Labelled]


@dataclass(frozen=True)
class Split:
    """Images (n, 1, 28, 28) in [−1, 1] with labels: `few` have labels, `known` are those and others
    to train on, `test` is for tests only. Each has as many of every class."""

    few: Labelled
    known: Labelled
    test: Labelled


@functools.cache
def split(seed: int) -> Split:
    """Which images are which; the seed decides."""
    images, labels = data.mnist_5k()
    rng = torch.Generator().manual_seed(seed)
    order = [(labels == k).nonzero()[:, 0][torch.randperm(CLASS, generator=rng)] for k in range(10)]

    def part(begin: int, end: int) -> Labelled:
        index = torch.cat([of_class[begin:end] for of_class in order])
        return images[index], labels[index]

    return Split(part(0, FEW), part(0, KNOWN), part(KNOWN, CLASS))


def moved(x: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Images (n, 1, h, w) turned by up to 0.2 radians, up to 12 % larger or smaller, and moved by
    up to a fourteenth of their size, each by chance; what comes in is black."""
    angle, zoom, right, down = (2 * torch.rand(4, len(x), generator=rng) - 1).unbind()
    size, cosine, sine = 1 + 0.12 * zoom, torch.cos(0.2 * angle), torch.sin(0.2 * angle)
    rows = [[size * cosine, -size * sine, right / 7], [size * sine, size * cosine, down / 7]]
    maps = torch.stack([torch.stack(row, 1) for row in rows], 1)
    grid = F.affine_grid(maps, list(x.shape), align_corners=False)
    return F.grid_sample(x + 1, grid, align_corners=False) - 1


# GANs of few images. -----------------------------------------------------------------------------


def fit(name: str, seed: int, steps: int = GAN_STEPS) -> tuple[gancode.Run, list[dict]]:
    """Train one of GANS; return its run, and after every EVERY steps the `frechet` distance of
    samples to the test images, and the `gap`: by how much larger the critic's mean logit is on
    the images that it trains on than on the test images."""
    count, augment = GANS[name]
    parts = split(seed)
    told = parts.few if count == FEW else parts.known
    trace = []

    def watch(step: int, run: gancode.Run) -> None:
        if step % EVERY == 0:
            trace.append({"frechet": distance(run, parts.test), "gap": gap(run, told, parts.test)})

    gancode.seed(seed)
    pair = networks.pair("mlp", LATENT, SHAPE, classes=10, hidden=(128, 256))
    gan = gancode.GAN(*pair, latent_dim=LATENT, classes=10)
    run = gancode.train(
        gan, told, steps=steps, seed=seed, augment=augment, callback=watch, **OPTIONS
    )
    return run, trace


def distance(run: gancode.Run, test: Labelled) -> float:
    """The corrected Fréchet distance of as many samples as test images to these."""
    real, made = (metrics.digit_features(x)[0] for x in (test[0], run.sample(len(test[0]))))
    found = metrics.frechet_distance(real, made)
    return round(found.value - found.bias, 3)


@torch.no_grad()
def gap(run: gancode.Run, told: Labelled, test: Labelled) -> float:
    """The critic's mean logit on what it trains on, less that on test images."""
    judge: Any = run.gan.discriminator
    return round((judge(*told).mean() - judge(*test).mean()).item(), 3)


# Classifiers. ------------------------------------------------------------------------------------


def reader(classes: int = 10) -> nn.Sequential:
    """The network of every classifier here: images (n, 1, 28, 28) to logits (n, classes)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, 2, 2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 5, 2, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 49, classes),
    )


def learn(network: nn.Module, source: Source, rate: float, steps: int) -> Iterator[int]:
    """Cross-entropy on batches of a source, by Adam; stops after every LOOK steps and says how many
    there have been."""
    adam = torch.optim.Adam(network.parameters(), rate)
    for step in range(1, steps + 1):
        x, y = source(BATCH)
        loss = F.cross_entropy(network(x), y)
        adam.zero_grad()
        loss.backward()
        adam.step()
        if step % LOOK == 0:
            yield step


@torch.no_grad()
def accuracy(network: nn.Module, test: Labelled) -> float:
    """The share of test images that are read as what they are."""
    return round((network(test[0]).argmax(1) == test[1]).double().mean().item(), 4)


def source(arm: str, pool: Split, run: gancode.Run | None, rng: torch.Generator) -> Source:
    """Where the batches of one of ARMS come from."""

    def images(n: int) -> Labelled:
        index = torch.randint(len(pool.few[1]), (n,), generator=rng)
        return pool.few[0][index], pool.few[1][index]

    @torch.no_grad()
    def samples(n: int) -> Labelled:
        assert run is not None
        labels = torch.randint(10, (n,), generator=rng)
        averaged: Any = run.averaged
        return averaged(torch.randn(n, LATENT, generator=rng), labels), labels

    def both(n: int) -> Labelled:
        ours, made = images(n // 2), samples(n - n // 2)
        return torch.cat([ours[0], made[0]]), torch.cat([ours[1], made[1]])

    plain = {"images": images, "samples": samples}.get(arm.split(",")[0], both)
    if not arm.endswith("moved"):
        return plain

    def after(n: int) -> Labelled:
        x, labels = plain(n)
        return moved(x, rng), labels

    return after


def read(
    arm: str, rate: float, seed: int, run: gancode.Run | None = None, steps: int = STEPS
) -> list[float]:
    """Train a classifier; its accuracies after every LOOK steps."""
    parts, rng = split(seed), gancode.seed(seed)
    network = reader()
    batches = source(arm, parts, run, rng)
    return [accuracy(network, parts.test) for _ in learn(network, batches, rate, steps)]


# Few labels: K + 1 classes. ----------------------------------------------------------------------


class OneMore(nn.Module):
    """A classifier of K classes as a critic: its logit t = log Σ exp lₖ is that of "one of the K"
    against one class more, "generated", whose own logit is 0 (Salimans et al. 2016, section 5)."""

    def __init__(self) -> None:
        super().__init__()
        self.network = reader()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x).logsumexp(1)


class Labels:
    """A term of the discriminator: the cross-entropy of a batch of images with labels."""

    def __init__(self, batches: Source) -> None:
        self.batches = batches

    def __call__(self, seen: Any) -> torch.Tensor:
        x, y = self.batches(BATCH)
        return F.cross_entropy(seen.discriminator.network(x), y)


def one_more(arm: str, seed: int, steps: int = STEPS) -> list[float]:
    """Train a GAN on all known images without labels, whose critic learns the few labels too;
    the critic's accuracies as a classifier after every LOOK steps."""
    parts, rng = split(seed), gancode.seed(seed)
    trace = []

    def watch(step: int, run: gancode.Run) -> None:
        if step % LOOK == 0:
            judge: Any = run.gan.discriminator
            trace.append(accuracy(judge.network, parts.test))

    critic = OneMore()
    gan = gancode.GAN(networks.mlp_generator(LATENT, SHAPE, (128, 256)), critic, LATENT)
    gancode.train(
        gan,
        parts.known[0],
        steps=steps,
        seed=seed,
        discriminator_terms={"labels": (Labels(source(arm, parts, None, rng)), 1.0)},
        callback=watch,
        **OPTIONS | {"lr": 1e-3, "penalties": ()},
    )
    return trace


# Turns. ------------------------------------------------------------------------------------------


def turn(x: torch.Tensor, rng: torch.Generator | None) -> torch.Tensor:
    """Images (n, c, h, h), each turned by 0, 1, 2 or 3 quarters, all equally likely."""
    quarters = torch.randint(4, (len(x),), generator=rng)
    return turned(x, quarters)


def turned(x: torch.Tensor, quarters: torch.Tensor) -> torch.Tensor:
    """Images turned by so many quarters (n,)."""
    ways = torch.stack([x.rot90(k, (2, 3)) for k in range(4)])
    return ways[quarters, torch.arange(len(x))]


def upright(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The digits of ASYMMETRIC, to train on and to test with."""
    parts = split(seed)
    ours, others = (
        images[torch.isin(labels, torch.tensor(ASYMMETRIC))]
        for images, labels in (parts.known, parts.test)
    )
    return ours, others


@functools.cache
def compass(seed: int) -> tuple[nn.Module, float]:
    """A classifier that says by how many quarters a digit is turned, and its accuracy on test
    images."""
    ours, others = upright(seed)
    rng = gancode.seed(seed)

    def batches(n: int) -> Labelled:
        quarters = torch.randint(4, (n,), generator=rng)
        return turned(ours[torch.randint(len(ours), (n,), generator=rng)], quarters), quarters

    network = reader(4)
    for _ in learn(network, batches, 1e-3, 2 * LOOK):
        pass
    quarters = torch.arange(len(others)) % 4
    return network, accuracy(network, (turned(others, quarters), quarters))


def drawn_turned(probability: float, seed: int, steps: int = STEPS) -> tuple[dict, torch.Tensor]:
    """Train a GAN whose critic sees its images turned with this probability: the share of its
    samples that stand upright, and samples."""
    ours, _ = upright(seed)
    network, right = compass(seed)
    gancode.seed(seed)
    gan = gancode.GAN(*networks.pair("mlp", LATENT, SHAPE, hidden=(128, 256)), LATENT)
    augment = Augment({"turn": turn}, probability) if probability else None
    run = gancode.train(gan, ours, steps=steps, seed=seed, augment=augment, **OPTIONS)
    samples = run.sample(1000)
    with torch.no_grad():
        seen = network(samples).argmax(1)
    shares = [round((seen == k).double().mean().item(), 4) for k in range(4)]
    return {"shares": shares, "compass": right}, samples


# All of them. ------------------------------------------------------------------------------------


def results() -> dict:
    """The committed results: `provenance`, `rows` (one a run), and `sheets` of samples."""
    return benchmarks.read(RESULTS)


def runs(steps: int) -> Iterator[tuple[dict, str, str]]:
    """All runs of all seeds; a GAN takes three times as many steps as a classifier."""
    for seed in SEEDS:
        trained = {}
        for name in GANS:
            run, trace = fit(name, seed, 3 * steps)
            trained[name] = run
            made = {"part": "little data", "gan": name, "seed": seed, "trace": trace}
            yield made, name, sheet(run.sample(20), 20)
        for arm, rate in itertools.product(ARMS, RATES):
            for name in ("",) if arm in (REAL, MOVED) else ("as they are", "moved"):
                found = read(arm, rate, seed, trained.get(name), steps)
                row = {"part": "classifier", "arm": arm, "gan": name, "rate": rate}
                yield row | {"seed": seed, "accuracy": found}, "", ""
        for arm in (REAL, MOVED):
            found = one_more(arm, seed, steps)
            yield {"part": "few labels", "arm": arm, "seed": seed, "accuracy": found}, "", ""
        for probability in TURNED:
            made, samples = drawn_turned(probability, seed, steps)
            name = f"turned, {probability:g}"
            row = {"part": "turns", "probability": probability, "seed": seed} | made
            yield row, name, sheet(samples, 20)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train everything with every seed, and write the results."""
    benchmarks.keep(
        arguments,
        main.__doc__,
        RESULTS,
        runs,
        steps=STEPS,
        seeds=list(SEEDS),
        few=FEW,
        known=KNOWN,
        rates=RATES,
        options=OPTIONS,
    )


if __name__ == "__main__":
    main()
