"""Anomalies: one digit against the nine others, benign tumours against malignant ones, and clients
who paid against those who did not.

    python -m gancode.benchmarks.anomalies [detectors payments search]

writes `results/anomalies.json`, or anew the groups that are named. A GAN is trained on normal
samples alone and scores others (`gancode.anomaly`); simple detectors are trained on the same
samples. Each has one number that is chosen from a few (`CHOICES`), by the mean AUROC on the digits
TRIED, or on the tumours, or the payments, with a seed that is not used again: so anomalies take
part in the choice, for all of them alike. Each of DIGITS is then normal in its turn, with every
seed. `search` looks for latents (AnoGAN, Schlegl et al. 2017) with the GANs of the digits' rows.
"""

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

import gancode
from gancode import anomaly, benchmarks, data, metrics, networks

RESULTS = benchmarks.RESULTS / "anomalies.json"
SEEDS, CHOOSING = range(5), 10
DIGITS, TRIED = (0, 2, 4, 6, 8), (3, 5)
TUMOURS, PAID = "benign", "paid"  # what is normal in the other sets
THOUSAND = 1000.0  # of an amount x, in New Taiwan dollars, sign(x) log(1 + |x| / 1000) is taken
STATUSES = slice(1, 7)  # among the columns of the payments; the others are amounts
# Of a GAN; its encoder has half as many, an autoencoder as many. The long runs are of seed 0.
STEPS, LONG = 320, 1280
LOOKS = 10  # at a discriminator while it is trained
# Of a search for latents: starts and steps, and those of one that goes on for longer, of seed 0.
SEARCH, LONG_SEARCH = (2, 100), (4, 200)
PRIORS = (0.0, 0.03, 0.1, 0.3, 1.0)  # what the search is tried with; its one number
RIDGES = (1.0, 10.0, 100.0, 1000.0)  # of a classifier that is told labels
GROUPS = ("detectors", "payments", "search")  # of rows, each with a provenance of its own
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
    """Samples (n, ...) to train on, and others, normal and anomalous, to test with; `known` are
    anomalies besides, for a classifier."""

    train: torch.Tensor
    normal: torch.Tensor
    anomalous: torch.Tensor
    known: torch.Tensor | None = None


def split(normal: int | str, seed: int) -> Split:
    """Of a digit 400 to train on, and to test 100, and 100 of each other digit, as images. Of
    benign tumours 257 to train on, and to test 100, and all 212 malignant ones, as points (n, 30)
    of mean 0 and deviation 1 over the former. Of clients who paid 2,000 to train on, and to test
    1,000, and 615 who did not, as such points (n, 19); 500 more of the latter are `known`."""
    draws = torch.Generator().manual_seed(1000 + seed)
    if normal == TUMOURS:
        return _tumours(draws)
    if normal == PAID:
        return _payments(draws)
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


def _payments(draws: torch.Generator) -> Split:
    figures, missed = data.payments()
    points = figures.sign() * torch.log1p(figures.abs() / THOUSAND)
    points[:, STATUSES] = figures[:, STATUSES]
    groups = [points[missed == k] for k in (0, 1)]
    paid, unpaid = (group[torch.randperm(len(group), generator=draws)] for group in groups)
    mean, deviation = paid[:2000].mean(0), paid[:2000].std(0)
    parts = (paid[:2000], paid[2000:3000], unpaid[500:], unpaid[:500])
    return Split(*((x - mean) / deviation for x in parts))


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


def logistic(train: torch.Tensor, known: torch.Tensor, ridge: float, steps: int = 20) -> Score:
    """The logit of a logistic regression of `known` anomalies (m, d) against normal samples (n, d):
    log(a/p) up to a constant, if that is linear. `steps` of Newton's method descend the sum of the
    cross entropies plus half of `ridge` times the square norm of the slope."""
    x = torch.cat([train, known]).double()
    x = torch.cat([x, torch.ones(len(x), 1)], 1)
    label = torch.cat([torch.zeros(len(train)), torch.ones(len(known))]).double()
    penalty = torch.full((x.shape[1],), ridge).double()
    penalty[-1] = 0  # the constant goes free
    w = torch.zeros(x.shape[1]).double()
    for _ in range(steps):
        chance = torch.sigmoid(x @ w)
        slope = x.T @ (chance - label) + penalty * w
        curvature = (x.T * (chance * (1 - chance))) @ x + penalty.diag()
        w = w - torch.linalg.solve(curvature, slope)
    return lambda x: x.double() @ w[:-1] + w[-1]


def told(sets: Split, ridge: float) -> dict[str, Score]:
    """What payments can be scored by besides. The distance to the mean, which is 0: of all figures,
    of statuses and of amounts alone; the latest status; and what has met 500 anomalies."""
    assert sets.known is not None
    amounts = torch.ones(sets.train.shape[1])
    amounts[STATUSES] = 0
    return {
        "distance": lambda x: x.square().sum(1),
        "distance, statuses": lambda x: (x * (1 - amounts)).square().sum(1),
        "distance, amounts": lambda x: (x * amounts).square().sum(1),
        "latest status": lambda x: x[:, STATUSES.start],
        "logistic regression": logistic(sets.train, sets.known, ridge),
    }


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


def told_area(name: str, sets: Split, ridge: float) -> float:
    """The AUROC of one of the further scores of payments."""
    score = told(sets, ridge)[name]
    return area(score(sets.normal), score(sets.anomalous))


CLASSIFIER = "logistic regression"
Numbers = dict[str, float]


def chosen(those: Sequence[int | str]) -> tuple[Numbers, dict[str, Numbers]]:
    """The number of each detector for some kinds of normal samples, and the mean AUROC by which it
    was chosen; a GAN's is the best of its scores. For payments that of the classifier, too."""
    tried: dict[str, Numbers] = {}
    splits = [split(normal, CHOOSING) for normal in those]
    most = splits[0].train[0].numel()

    def mean_area(name: str, number: float) -> float:
        if name == "GAN":
            rows = [gan_row(sets, number, STEPS, CHOOSING)["area"] for sets in splits]
            total = max(sum(row[score] for row in rows) for score in anomaly.SCORES)
        elif name == CLASSIFIER:
            total = sum(told_area(name, sets, number) for sets in splits)
        else:
            total = sum(simple_area(name, sets, number, CHOOSING) for sets in splits)
        return round(total / len(splits), 4)

    choices = CHOICES if splits[0].known is None else CHOICES | {CLASSIFIER: RIDGES}
    for name, numbers in choices.items():
        allowed = [n for n in numbers if name != "PCA" or n < most]
        tried[name] = {f"{number:g}": mean_area(name, number) for number in allowed}
    return {name: float(max(each, key=each.__getitem__)) for name, each in tried.items()}, tried


def row(normal: int | str, seed: int, best: Numbers, steps: int = STEPS) -> dict:
    """All detectors on one split: a dict of `normal`, `seed`, `steps`, `area` by name, `looks`."""
    sets = split(normal, seed)
    simple = {name: simple_area(name, sets, best[name], seed, steps) for name in SIMPLE}
    ours = gan_row(sets, best["GAN"], steps, seed)
    areas = ours["area"] | simple
    if sets.known is not None:
        further = told(sets, best[CLASSIFIER])
        areas |= {name: area(s(sets.normal), s(sets.anomalous)) for name, s in further.items()}
    return {"normal": normal, "seed": seed, "steps": steps, "area": areas, "looks": ours["looks"]}


def search_rows(
    digit: int, seed: int, rate: float, priors: Sequence[float], *effort: tuple[int, int]
) -> Iterator[dict]:
    """For a GAN, each prior and each `effort`, starts and steps, of a search for latents: its row,
    of `normal`, `seed`, `prior`, `starts`, `steps`; `area` of what the search leaves, and of what
    the encoder and the discriminator of the same GAN say; and `residuals`, mean squares that search
    and encoder leave, of normal samples and of anomalies."""
    sets = split(digit, seed)
    run = fit(sets.train, rate, STEPS, seed)
    encoded = anomaly.detector(run, sets.train, steps=STEPS // 2, seed=seed)
    both = [encoded.scores(x) for x in (sets.normal, sets.anomalous)]
    theirs = {name: [each[name] for each in both] for name in ("reconstruction", "discriminator")}
    for prior in priors:
        for starts, steps in effort:
            settings: dict[str, Any] = {"prior": prior, "starts": starts, "steps": steps}
            found = {
                "search": [
                    gancode.invert(run, x, by="search", seed=seed, **settings).residuals
                    for x in (sets.normal, sets.anomalous)
                ]
            }
            left = {"search": found["search"], "encoder": theirs["reconstruction"]}
            yield {
                "normal": digit,
                "seed": seed,
                **settings,
                "area": {name: area(*scores) for name, scores in (found | theirs).items()},
                "residuals": {
                    name: [round(x.mean().item(), 5) for x in each] for name, each in left.items()
                },
            }


def results() -> dict:
    """The committed results: `provenance` and `rows`, both by the names in GROUPS. The provenance
    holds the numbers `chosen` and what was `tried`, of digits, tumours, payments and the search."""
    return benchmarks.read(RESULTS)


def detectors() -> tuple[dict, list[dict]]:
    """Digits and tumours: settings for the provenance, and rows."""
    digits, tried_digits = chosen(TRIED)
    tumours, tried_tumours = chosen([TUMOURS])
    rows = []
    for seed in SEEDS:
        rows += [row(normal, seed, digits, STEPS) for normal in DIGITS]
        rows.append(row(TUMOURS, seed, tumours, STEPS))
    rows += [row(digit, 0, digits, LONG) for digit in DIGITS]
    return {
        "chosen": {"digits": digits, "tumours": tumours},
        "tried": {"digits": tried_digits, "tumours": tried_tumours},
    }, rows


def payments() -> tuple[dict, list[dict]]:
    """The same of payments."""
    best, tried = chosen([PAID])
    rows = [row(PAID, seed, best, STEPS) for seed in SEEDS]
    return {"chosen": {"payments": best}, "tried": {"payments": tried}}, rows


def search() -> tuple[dict, list[dict]]:
    """The same of the search on the digits, with the GANs of the `detectors`, which must be there
    for their learning rate; the last rows are of LONG_SEARCH."""
    rate = results()["provenance"]["detectors"]["chosen"]["digits"]["GAN"]
    trial = [list(search_rows(digit, CHOOSING, rate, PRIORS, SEARCH)) for digit in TRIED]
    means = [
        round(sum(each["area"]["search"] for each in k) / len(k), 4)
        for k in zip(*trial, strict=True)
    ]
    tried = {f"{prior:g}": mean for prior, mean in zip(PRIORS, means, strict=True)}
    best = float(max(tried, key=tried.__getitem__))
    short, long = [], []
    for seed in SEEDS:
        efforts = (SEARCH, LONG_SEARCH) if seed == SEEDS[0] else (SEARCH,)
        for digit in DIGITS:
            first, *further = search_rows(digit, seed, rate, [best], *efforts)
            short.append(first)
            long += further
    return {"chosen": {"search": best}, "tried": {"search": tried}}, short + long


def main(names: Sequence[str]) -> None:
    """Choose the number of each detector, test them with all seeds, and write the named of GROUPS
    into RESULTS, after each anew. The provenance is kept for each, since its rows may be older or
    younger than others. Raises `Refused` for another name."""
    names = benchmarks.named(names, GROUPS)
    benchmarks.settle()
    parts = dict(zip(GROUPS, (detectors, payments, search), strict=True))
    for name in names:
        settings, rows = parts[name]()
        found = results() if RESULTS.exists() else {"provenance": {}, "rows": {}}
        found["provenance"][name] = benchmarks.provenance(
            f"python -m gancode.benchmarks.anomalies {name}",
            steps=STEPS,
            seeds=list(SEEDS),
            **settings,
            choosing_seed=CHOOSING,
            game=GAME,
        )
        found["rows"][name] = rows
        in_order = {key: {g: each[g] for g in GROUPS if g in each} for key, each in found.items()}
        benchmarks.write(RESULTS, in_order)


if __name__ == "__main__":
    main(sys.argv[1:] or GROUPS)
