"""Anomalies: one digit against the nine others, and benign tumours against malignant ones.

    python -m gancode.benchmarks.anomalies

writes `results/anomalies.json`. A GAN is trained on normal samples alone and scores others
(`gancode.anomaly`); simple detectors are trained on the same samples. Each has one number that is
chosen from a few (`CHOICES`), by the mean AUROC on the digits TRIED, or on the tumours, with a seed
that is not used again: so anomalies take part in the choice, for all of them alike. Each of DIGITS
is then normal in its turn, with every seed.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

import gancode
from gancode import anomaly, benchmarks, data, metrics, networks

RESULTS = benchmarks.RESULTS / "anomalies.json"
SEEDS, CHOOSING = range(5), 10
DIGITS, TRIED = (0, 2, 4, 6, 8), (3, 5)
TUMOURS = "benign"  # what is normal in the other set
# Of a GAN; its encoder has half as many, an autoencoder as many. The long runs are of seed 0.
STEPS, LONG = 320, 1280
LOOKS = 10  # at a discriminator while it is trained
GAME: dict[str, Any] = {
    "hidden": (256, 256),
    "latent_dim": 16,
    "objective": "nonsaturating",
    "penalties": ["r1=0.1@4"],
    "betas": (0.0, 0.99),
    "ema": 0.99,
    "batch_size": 64,
}


@dataclass(frozen=True)
class Split:
    """Samples (n, ...) to train on, and others, normal and anomalous, to test with."""

    train: torch.Tensor
    normal: torch.Tensor
    anomalous: torch.Tensor


def split(normal: int | str, seed: int) -> Split:
    """Of a digit 400 to train on, and to test 100, and 100 of each other digit, as images. Of
    benign tumours 257 to train on, and to test 100, and all 212 malignant ones, as points (n, 30)
    of mean 0 and deviation 1 over the former."""
    draws = torch.Generator().manual_seed(1000 + seed)
    if normal == TUMOURS:
        return _tumours(draws)
    images, labels = data.mnist_5k()
    groups = [images[labels == k] for k in range(10)]
    groups = [group[torch.randperm(500, generator=draws)] for group in groups]
    others = [group[400:] for k, group in enumerate(groups) if k != normal]
    own = groups[int(normal)]
    return Split(own[:400], own[400:], torch.cat(others))


def _tumours(draws: torch.Generator) -> Split:
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer()
    points = torch.tensor(table.data, dtype=torch.float32)
    benign, malignant = (points[torch.from_numpy(table.target) == k] for k in (1, 0))
    benign = benign[torch.randperm(len(benign), generator=draws)]
    mean, deviation = benign[:-100].mean(0), benign[:-100].std(0)
    scaled = [(x - mean) / deviation for x in (benign[:-100], benign[-100:], malignant)]
    return Split(*scaled)


# Each function is given samples (n, ...) and a number, and returns a function from other samples to
# their scores (m,), the larger the more anomalous.
Score = Callable[[torch.Tensor], torch.Tensor]


def pca(train: torch.Tensor, components: float) -> Score:
    """The square distance to the plane of the first principal components through the mean."""
    mean = train.flatten(1).mean(0)
    *_, axes = torch.linalg.svd(train.flatten(1) - mean, full_matrices=False)
    kept = axes[: int(components)]

    def score(x: torch.Tensor) -> torch.Tensor:
        away = x.flatten(1) - mean
        return (away - away @ kept.T @ kept).square().sum(1)

    return score


def gaussian(train: torch.Tensor, ridge: float) -> Score:
    """The square Mahalanobis distance to the mean, after `ridge` times the mean variance was added
    to all variances."""
    points = train.flatten(1).double()
    mean, covariance = points.mean(0), torch.cov(points.T)
    floor = ridge * covariance.diagonal().mean() * torch.eye(len(covariance))
    root = torch.linalg.cholesky(covariance + floor)

    def score(x: torch.Tensor) -> torch.Tensor:
        away = (x.flatten(1).double() - mean).T
        return torch.linalg.solve_triangular(root, away, upper=False).square().sum(0)

    return score


def neighbour(train: torch.Tensor, which: float) -> Score:
    """The distance to the nearest training sample, or to the second, third, ..."""

    def score(x: torch.Tensor) -> torch.Tensor:
        return torch.cdist(x.flatten(1), train.flatten(1)).kthvalue(int(which)).values

    return score


def support(train: torch.Tensor, share: float) -> Score:
    """A one-class support vector machine with a Gaussian kernel, whose ν is the `share` of training
    samples that may lie outside (Schölkopf et al. 2001)."""
    from sklearn.svm import OneClassSVM

    machine = OneClassSVM(nu=share, gamma="scale").fit(train.flatten(1).numpy())
    return lambda x: torch.from_numpy(-machine.decision_function(x.flatten(1).numpy()))


def autoencoder(train: torch.Tensor, rate: float, steps: int = STEPS, seed: int = 0) -> Score:
    """The square error of an encoder and a decoder that are those of the GAN, trained on it."""
    shape, s = tuple(train.shape[1:]), GAME
    draws = gancode.seed(seed)
    encoder = networks.mlp(math.prod(shape), s["hidden"][:1], s["latent_dim"])
    decoder = networks.mlp_generator(s["latent_dim"], shape, s["hidden"])

    def score(x: torch.Tensor) -> torch.Tensor:
        return (decoder(encoder(x.flatten(1))) - x).flatten(1).square().mean(1)

    adam = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], rate)
    for _ in range(steps):
        x = train[torch.randint(len(train), (s["batch_size"],), generator=draws)]
        adam.zero_grad()
        score(x).mean().backward()
        adam.step()
    return torch.no_grad()(score)


SIMPLE: dict[str, Callable[..., Score]] = {
    "PCA": pca,
    "Gaussian": gaussian,
    "nearest neighbour": neighbour,
    "one-class SVM": support,
    "autoencoder": autoencoder,
}
CHOICES: dict[str, Sequence[float]] = {
    "PCA": (2, 4, 8, 16, 32, 64),  # fewer than there are coordinates
    "Gaussian": (0.03, 0.1, 0.3, 1.0, 3.0),
    "nearest neighbour": (1, 2, 4),
    "one-class SVM": (0.01, 0.1, 0.5),
    "autoencoder": (1e-3, 3e-3),  # its learning rate
    "GAN": (5e-4, 1e-3),  # those of both players
}


def fit(
    train: torch.Tensor, rate: float, steps: int = STEPS, seed: int = 0, look: Any = None
) -> gancode.Run:
    """A GAN on normal samples (n, ...). `look` is a callback of `gancode.train`."""
    shape, s = tuple(train.shape[1:]), dict(GAME)
    hidden, latent_dim = s.pop("hidden"), s.pop("latent_dim")
    gancode.seed(seed)
    gan = gancode.GAN(
        networks.mlp_generator(latent_dim, shape, hidden),
        networks.mlp_discriminator(shape, hidden[::-1]),
        latent_dim,
    )
    return gancode.train(
        gan, train, steps=steps, lr=rate, seed=seed, progress=False, callback=look, **s
    )


def looks(sets: Split, steps: int = STEPS) -> tuple[Any, list[list[float]]]:
    """A callback that looks LOOKS times at the discriminator as a detector, and the list that it
    fills: of each look the AUROC on one half of the test samples, on the other, and on all."""
    found: list[list[float]] = []

    def look(step: int, run: gancode.Run) -> None:
        if step % (steps // LOOKS):
            return
        with torch.no_grad():
            scores = [-run.gan.discriminator(x) for x in (sets.normal, sets.anomalous)]
        halves = [[each[k::2] for each in scores] for k in (0, 1)]
        found.append([area(*each) for each in (*halves, scores)])

    return look, found


def area(normal: torch.Tensor, anomalous: torch.Tensor) -> float:
    """The AUROC of two samples of scores, to four digits."""
    return round(metrics.auroc(normal, anomalous).value, 4)


def gan_row(sets: Split, rate: float, steps: int, seed: int) -> dict:
    """Train GAN and encoder; the AUROC of each of their scores, and the looks on the way."""
    look, seen = looks(sets, steps)
    run = fit(sets.train, rate, steps, seed, look)
    found = anomaly.detector(run, sets.train, steps=steps // 2, seed=seed)
    normal, anomalous = found.scores(sets.normal), found.scores(sets.anomalous)
    return {"area": {name: area(normal[name], anomalous[name]) for name in normal}, "looks": seen}


def simple_area(name: str, sets: Split, number: float, seed: int, steps: int = STEPS) -> float:
    """The AUROC of a simple detector; `steps` and `seed` are an autoencoder's."""
    given = {"steps": steps, "seed": seed} if name == "autoencoder" else {}
    score = SIMPLE[name](sets.train, number, **given)
    return area(score(sets.normal), score(sets.anomalous))


Numbers = dict[str, float]


def chosen(those: Sequence[int | str]) -> tuple[Numbers, dict[str, Numbers]]:
    """The number of each detector for some kinds of normal samples, and the mean AUROC by which it
    was chosen; a GAN's is the best of its scores."""
    tried: dict[str, Numbers] = {}
    splits = [split(normal, CHOOSING) for normal in those]
    most = splits[0].train[0].numel()

    def mean_area(name: str, number: float) -> float:
        if name == "GAN":
            rows = [gan_row(sets, number, STEPS, CHOOSING)["area"] for sets in splits]
            total = max(sum(row[score] for row in rows) for score in anomaly.SCORES)
        else:
            total = sum(simple_area(name, sets, number, CHOOSING) for sets in splits)
        return round(total / len(splits), 4)

    for name, numbers in CHOICES.items():
        allowed = [n for n in numbers if name != "PCA" or n < most]
        tried[name] = {f"{number:g}": mean_area(name, number) for number in allowed}
    return {name: float(max(each, key=each.__getitem__)) for name, each in tried.items()}, tried


def row(normal: int | str, seed: int, best: Numbers, steps: int = STEPS) -> dict:
    """All detectors on one split: a dict of `normal`, `seed`, `steps`, `area` by name, `looks`."""
    sets = split(normal, seed)
    simple = {name: simple_area(name, sets, best[name], seed, steps) for name in SIMPLE}
    ours = gan_row(sets, best["GAN"], steps, seed)
    areas = ours["area"] | simple
    return {"normal": normal, "seed": seed, "steps": steps, "area": areas, "looks": ours["looks"]}


def results() -> dict:
    """The committed results: `provenance`, with the numbers `chosen` and what was `tried`, of
    digits and tumours, and `rows`."""
    return benchmarks.read(RESULTS)


def main(arguments: Sequence[str] | None = None) -> None:
    """Choose the number of each detector, test them with all seeds, and write the results."""
    benchmarks.settle()
    digits, tried_digits = chosen(TRIED)
    tumours, tried_tumours = chosen([TUMOURS])

    def runs(steps: int) -> Iterator[tuple[dict, str, str]]:
        for seed in SEEDS:
            for normal in DIGITS:
                yield row(normal, seed, digits, steps), "", ""
            yield row(TUMOURS, seed, tumours, steps), "", ""
        for digit in DIGITS:
            yield row(digit, 0, digits, LONG * steps // STEPS), "", ""

    benchmarks.keep(
        arguments,
        main.__doc__,
        RESULTS,
        runs,
        steps=STEPS,
        seeds=list(SEEDS),
        chosen={"digits": digits, "tumours": tumours},
        tried={"digits": tried_digits, "tumours": tried_tumours},
        choosing_seed=CHOOSING,
        game=GAME,
    )


if __name__ == "__main__":
    main()
