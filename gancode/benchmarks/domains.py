"""Another domain: a classifier of MNIST's digits reads scikit-learn's, without labels there.

    python -m gancode.benchmarks.domains

writes `results/domains.json`. Features are made alike in both domains by a game, the reversed
gradient of Ganin et al. 2016, in which the feature extractor is the generator; by a distance of
covariances without a game (Sun & Saenko 2016); or not at all. Three settings: digits as they are,
digits scaled to their bounding boxes, and these where the target has only the digits 0 to 4. No
label of the target is trained on, but for the ceiling; all weights that were tried are in the file.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

import gancode
from gancode import benchmarks, data, networks
from gancode.calculus import Objective, a, b, softplus
from gancode.errors import Refused, positive_integer

RESULTS = benchmarks.RESULTS / "domains.json"
SEEDS = range(5)
STEPS, BATCH, RATE, AVERAGE, FEATURES = 600, 64, 1e-3, 0.99, 64
PLAIN, BOXED, REMOVED = "as they are", "boxes", "classes removed"
SETTINGS = (PLAIN, BOXED, REMOVED)
KEPT = 5  # classes of the target where the others are removed
SOURCE, REVERSAL, COVARIANCE, CEILING = "source", "reversal", "covariances", "target's labels"
WEIGHTS = {REVERSAL: (0.1, 0.3, 1.0), COVARIANCE: (0.01, 0.1, 1.0)}


@dataclass(frozen=True)
class Domain:
    """Images (n, 1, 8, 8) in [−1, 1] with labels (n,): to train on, and others to test with."""

    train: torch.Tensor
    labels: torch.Tensor
    test: torch.Tensor
    answers: torch.Tensor


@dataclass(frozen=True)
class Fitted:
    """Features (n, FEATURES) of images, and their classifier (logits of 10 classes)."""

    features: nn.Module
    classifier: nn.Module

    @torch.no_grad()
    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """The predicted classes (n,) of images (n, 1, 8, 8)."""
        return self.classifier(self.features(images)).argmax(1)


def in_box(images: torch.Tensor, size: int = 8) -> torch.Tensor:
    """Each image (1, h, w) cut to the smallest box that holds its pixels above 0, and scaled to
    (1, size, size): enlarged bilinearly to four times that, then averaged. Raises `Refused` for
    images of another kind, and for one that is blank: it has no box."""
    if images.ndim != 4 or images.shape[1] != 1 or not len(images):
        raise Refused(
            f"images of shape {tuple(images.shape)} have no boxes here; give (n, 1, h, w), n > 0"
        )
    if blank := (~(images > 0).flatten(1).any(1)).nonzero().flatten().tolist():
        raise Refused(
            f"{len(blank)} of {len(images)} images have no pixel above 0, such as number "
            f"{blank[0]}, and so no box that holds any; leave them out"
        )
    positive_integer("size", size)
    found = []
    for image in images:
        rows, columns = ((image[0] > 0).any(k).nonzero().flatten() for k in (1, 0))
        cut = image[None, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        found.append(F.interpolate(cut, (4 * size, 4 * size), mode="bilinear"))
    return F.avg_pool2d(torch.cat(found), 4)


@functools.cache
def images(boxes: bool) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
    """All images (n, 1, 8, 8) and labels of both domains: the middle of MNIST's digits, and
    scikit-learn's, as they are or scaled to their bounding boxes."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    ours, labels = data.mnist_5k()
    theirs = torch.tensor(bunch.images, dtype=torch.float32)[:, None] / 8 - 1
    answers = torch.tensor(bunch.target, dtype=torch.int64)
    if boxes:
        large = F.interpolate(theirs, (32, 32), mode="bilinear")
        return (in_box(ours), labels), (in_box(large), answers)
    inner = F.adaptive_avg_pool2d(ours[:, :, 4:24, 4:24], 8)
    return (inner, labels), (theirs, answers)


def domains(setting: str, seed: int) -> tuple[Domain, Domain]:
    """The source, 4,000 images to train on and 1,000 to test with, and the target, two thirds and
    one third; the split is the seed's. Raises `Refused` for a setting not in SETTINGS."""
    if setting not in SETTINGS:
        raise Refused(f"unknown setting {setting!r}; the choices are {', '.join(SETTINGS)}")
    source, target = images(setting != PLAIN)
    if setting == REMOVED:
        kept = target[1] < KEPT
        target = target[0][kept], target[1][kept]
    rng = torch.Generator().manual_seed(1000 + seed)
    return _split(*source, 4000, rng), _split(*target, 2 * len(target[1]) // 3, rng)


def _split(x: torch.Tensor, y: torch.Tensor, n: int, rng: torch.Generator) -> Domain:
    order = torch.randperm(len(x), generator=rng)
    return Domain(x[order[:n]], y[order[:n]], x[order[n:]], y[order[n:]])


class Reader(nn.Module):
    """The feature extractor, as a generator of features: its latents are images (n, 1, 8, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(512, FEATURES),
            nn.ReLU(),
        )

    def forward(self, _: Any, images: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        return self.network(images)


class Critic(nn.Module):
    """A logit (n, 1) of features: large for those of the source."""

    def __init__(self) -> None:
        super().__init__()
        self.network = networks.mlp_discriminator(FEATURES, (64,))

    def forward(self, features: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        return self.network(features)


class Task(nn.Module):
    """A term of the generator: the classifier's cross-entropy on the source, and `weight` times the
    source's half of the domain game, E log σ(t(f(x)))."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.classifier, self.weight = nn.Linear(FEATURES, 10), weight

    def forward(self, seen: Any) -> torch.Tensor:
        _, x, labels = seen.condition
        features = seen.generator(seen.latents, x)
        loss = F.cross_entropy(self.classifier(features), labels)
        return loss - self.weight * F.softplus(-seen.discriminator(features)).mean()


def reversal(source: Domain, target: Domain, weight: float, seed: int, steps: int) -> Fitted:
    """Features by the game of Ganin et al. 2016 (equation 8 there; its λ is `weight`): the critic
    ascends V, the features and the classifier descend cross-entropy + weight · V. The players
    take turns, where the reversed gradient moves both at once."""
    rng = gancode.seed(seed)
    reader, task = Reader(), Task(weight)
    gan = gancode.GAN(reader, Critic(), latent_dim=1, conditional=True)
    game = Objective(softplus(-a) + softplus(b), -weight * softplus(b))
    players = gancode.Players(
        gan,
        objective=game,
        generator_terms={"task": task},
        lr=RATE,
        betas=(0.9, 0.999),
        ema=AVERAGE,
    )
    for step in range(steps):
        players.advance(step / steps)
        x, labels = _drawn(rng, source.train, source.labels)
        (images,) = _drawn(rng, target.train)
        with torch.no_grad():
            features = reader(None, x)  # what is "real" moves with the generator
        batch = players.batch(features, images, x, labels)
        players.discriminator_step(batch)
        players.generator_step(batch)
    averaged: Any = players.averaged
    terms: Any = players.averaged_terms["task"]
    return Fitted(averaged.network, terms.classifier)


def supervised(
    source: Domain,
    seed: int,
    steps: int,
    target: Domain | None = None,
    weight: float = 0.0,
) -> Fitted:
    """The same networks, rate and average without a game: cross-entropy on the source's labels, and
    with a target `weight` times the distance of covariances."""
    rng = gancode.seed(seed)
    features, classifier = Reader().network, nn.Linear(FEATURES, 10)
    both = nn.ModuleList([features, classifier])
    averaged = torch.optim.swa_utils.AveragedModel(both, multi_avg_fn=_follow)
    adam = torch.optim.Adam(both.parameters(), RATE)
    for _ in range(steps):
        x, labels = _drawn(rng, source.train, source.labels)
        h = features(x)
        loss = F.cross_entropy(classifier(h), labels)
        if target is not None:
            (images,) = _drawn(rng, target.train)
            loss = loss + weight * covariances(h, features(images))
        adam.zero_grad()
        loss.backward()
        adam.step()
        averaged.update_parameters(both)
    fitted: Any = averaged.module
    return Fitted(*fitted)


@torch.no_grad()
def _follow(averaged: Any, current: Any, count: Any) -> None:
    """The moving average that `gancode.Players` keeps: at first it is quicker."""
    decay = min(AVERAGE, (1 + float(count)) / (10 + float(count)))
    for mean, weight in zip(averaged, current, strict=True):
        mean.lerp_(weight, 1 - decay)


def covariances(h: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """‖cov h − cov h′‖², the sum over all entries (Sun & Saenko 2016, equation 1, without its
    factor) of features (n, d) of two domains."""
    return (torch.cov(h.T) - torch.cov(other.T)).square().sum()


def _drawn(rng: torch.Generator, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    index = torch.randint(len(tensors[0]), (BATCH,), generator=rng)
    return tuple(each[index] for each in tensors)


def shares(labels: torch.Tensor) -> torch.Tensor:
    """The share of each of the ten classes, in labels (n,) from 0 to 9. Raises `Refused` for
    others, and for none."""
    if labels.ndim != 1 or not len(labels) or labels.is_floating_point():
        raise Refused(
            f"labels of shape {tuple(labels.shape)} and type {labels.dtype} have no shares; give "
            "whole numbers (n,), n > 0"
        )
    if labels.min() < 0 or labels.max() > 9:
        raise Refused(
            f"labels from {labels.min()} to {labels.max()} are not of ten classes; give 0 to 9"
        )
    return torch.bincount(labels, minlength=10).double() / len(labels)


def apart(labels: torch.Tensor, others: torch.Tensor) -> float:
    """The total variation of two samples of classes: half the sum of differences of shares."""
    return (shares(labels) - shares(others)).abs().sum().item() / 2


def ridge(x: torch.Tensor, y: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """The least squares map from points (n, d) with a 1 to y (n, k), with a ridge of a hundredth of
    the mean square."""

    def lifted(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x.flatten(1), x.new_ones(len(x), 1)], 1).double()

    A = lifted(x)
    gram = A.T @ A / len(A)
    floor = 0.01 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    weights = torch.linalg.solve(gram + floor, A.T @ y.double() / len(A))
    return lambda x: lifted(x) @ weights


@torch.no_grad()
def telling(found: Fitted, source: Domain, target: Domain) -> float:
    """How well a linear probe of the features tells the domains apart on test images: the share of
    the source that it gives to the source, less that of the target; a lower bound, up to the error
    of sampling, of their total variation, and half the proxy distance of Ben-David et al. 2007."""
    h, g, tested, others = (
        found.features(x) for x in (source.train, target.train, source.test, target.test)
    )
    n = min(len(h), len(g))
    sign = torch.cat([torch.ones(n, 1), -torch.ones(n, 1)])
    probe = ridge(torch.cat([h[:n], g[:n]]), sign)
    told = [(probe(x) > 0).double().mean().item() for x in (tested, others)]
    return max(told[0] - told[1], 0.0)


@torch.no_grad()
def there_and_back(found: Fitted, source: Domain, target: Domain) -> float:
    """The accuracy on the source's test images of a linear classifier of pixels that learned from
    the target's images with the classes predicted for them; it asks for no label of the target."""
    classes = F.one_hot(found(target.train), 10)
    back = ridge(target.train, classes)
    return (back(source.test).argmax(1) == source.answers).double().mean().item()


def row(setting: str, method: str, weight: float, seed: int, steps: int = STEPS) -> dict:
    """One run: accuracies on both tests, the total variation of the true and of the predicted
    classes there, and what can be known without the target's labels."""
    source, target = domains(setting, seed)
    found = fit(method, source, target, weight, seed, steps)
    return {"setting": setting, "method": method, "weight": weight, "seed": seed} | marks(
        found, source, target
    )


def fit(
    method: str, source: Domain, target: Domain, weight: float, seed: int, steps: int = STEPS
) -> Fitted:
    """Features and classifier by the name of a method; `weight` is that of what makes them alike.
    Raises `Refused` for another name and for a weight below 0."""
    if method not in (known := (SOURCE, *WEIGHTS, CEILING)):
        raise Refused(f"unknown method {method!r}; the choices are {', '.join(known)}")
    if not weight >= 0:
        raise Refused(f"weight={weight!r} must not be negative: the features would be driven apart")
    if method == REVERSAL:
        return reversal(source, target, weight, seed, steps)
    if method == COVARIANCE:
        return supervised(source, seed, steps, target, weight)
    return supervised(target if method == CEILING else source, seed, steps)


def marks(found: Fitted, source: Domain, target: Domain) -> dict[str, float]:
    """What `row` says of a run, to four digits."""
    ours, theirs = found(source.test), found(target.test)
    numbers = {
        "source": (ours == source.answers).double().mean().item(),
        "target": (theirs == target.answers).double().mean().item(),
        "labels": apart(source.answers, target.answers),
        "predictions": apart(ours, theirs),
        "telling": telling(found, source, target),
        "back": there_and_back(found, source, target),
    }
    return {name: round(number, 4) for name, number in numbers.items()}


def results() -> dict:
    """The committed results: `provenance` and `rows`."""
    return benchmarks.read(RESULTS)


def plan() -> Iterator[tuple[str, str, float]]:
    """Every setting, method and weight of a seed."""
    for setting in SETTINGS:
        yield setting, SOURCE, 0.0
        for method, weights in WEIGHTS.items():
            for weight in weights:
                yield setting, method, weight
    yield BOXED, CEILING, 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Train every method in every setting with every seed, and write the results."""

    def runs(steps: int) -> Iterator[tuple[dict, str, str]]:
        for seed in SEEDS:
            for setting, method, weight in plan():
                yield row(setting, method, weight, seed, steps), "", ""

    benchmarks.keep(
        arguments,
        main.__doc__,
        RESULTS,
        runs,
        steps=STEPS,
        seeds=list(SEEDS),
        batch=BATCH,
        rate=RATE,
        average=AVERAGE,
        features=FEATURES,
        weights=WEIGHTS,
        kept=KEPT,
    )


if __name__ == "__main__":
    main()
