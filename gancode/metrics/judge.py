"""How samples of a run are measured: a mixture by its modes, digits by what a classifier sees, all
else by optimal transport, and real data beside them in the same way."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from gancode.data import GaussianMixture
from gancode.data.sources import Batches, Source, source
from gancode.errors import Refused
from gancode.metrics.coverage import modes
from gancode.metrics.digits import digit_features
from gancode.metrics.estimate import FEWEST, Estimate
from gancode.metrics.features import frechet_distance, kernel_distance, precision_recall
from gancode.metrics.transport import sliced_wasserstein


@dataclass(frozen=True)
class Judge:
    """`scores` takes samples (n, ...) to a dict of names and estimates; `real` does the same for
    real data, and says in words what it has compared."""

    scores: Callable[[torch.Tensor], dict[str, Estimate]]
    real: Callable[[], tuple[dict[str, Estimate], str]]


def of_mixture(name: str, density: Any, labels: Any, conditional: bool, n: int) -> Judge:
    """Modes, the share of high quality and the reverse KL divergence (VEEGAN's protocol)."""

    def scores(samples: torch.Tensor) -> dict[str, Estimate]:
        found = modes(samples, density)
        return {
            "modes": Estimate(float(found.covered), 0.0),
            "high quality": found.high_quality,
            "reverse KL": found.reverse_kl,
        }

    def real() -> tuple[dict[str, Estimate], str]:
        return scores(density.sample(n, torch.Generator().manual_seed(1))), f"{n} real samples"

    return Judge(scores, real)


def of_digits(
    name: str, images: Any, labels: Any, conditional: bool, n: int, test: Callable | None = None
) -> Judge:
    """Fréchet and kernel distance, precision and recall on the features of the digit classifier;
    where the labels are a condition also the share that it takes for what was asked for.

    `test` returns other images to compare with; without it one half of those trained on stands for
    real samples, and the other for others.
    """
    if n <= 64:
        raise Refused(
            f"{n} samples are too few for a Fréchet distance of 64 features; give at least 65 "
            "(-n), better ten times as many"
        )
    features_of = functools.cache(lambda: digit_features(images if test is None else test())[0])

    def compare(
        real: torch.Tensor, features: torch.Tensor, probabilities: torch.Tensor, asked: Any
    ) -> dict[str, Estimate]:
        few = 5000  # of each: precision and recall compare all pairs
        shares = precision_recall(real[:few], features[:few])
        found = {
            "Fréchet distance": frechet_distance(real, features),
            "kernel distance": kernel_distance(real, features),
            "precision": shares.precision,
            "recall": shares.recall,
        }
        if conditional:
            hits = (probabilities.argmax(dim=1) == asked).double()
            error = (hits.std() / len(hits) ** 0.5).item()
            found["class as asked"] = Estimate(hits.mean().item(), error)
        return found

    def scores(samples: torch.Tensor) -> dict[str, Estimate]:
        asked = torch.arange(len(samples), device="cpu") % 10
        return compare(features_of(), *digit_features(samples.clamp(-1, 1)), asked)

    def real() -> tuple[dict[str, Estimate], str]:
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
        if test is not None:
            chosen, others, words = order[:n], features_of(), "test images"
        else:
            half = len(order) // 2
            chosen, others, words = order[:half][:n], features_of()[order[half:]], "others"
        found = compare(others, *digit_features(images[chosen]), labels[chosen])
        return found, f"{len(chosen)} real images, against {len(others)} {words}"

    return Judge(scores, real)


def of_any(name: str, data: Any, labels: Any, conditional: bool, n: int) -> Judge:
    """The sliced transport distance to as many samples of the data, 500 at most."""
    if n < FEWEST:
        raise Refused(f"{n} samples are too few for a standard error; give at least {FEWEST} (-n)")
    found = source(data)
    count = len(found) if hasattr(found, "__len__") else math.inf
    if count < FEWEST:
        raise Refused(
            f"{name} holds {count} images, too few to measure a distance to them with its standard "
            f"error: that takes at least {FEWEST}"
        )
    few = int(min(n, count, 500))

    def drawn(n: int) -> torch.Tensor:
        stream = Batches(found, n, torch.Generator().manual_seed(0))
        batches: list[torch.Tensor] = []
        while sum(map(len, batches)) < n:  # an iterable has batches of its own sizes
            batch = next(stream)
            batches.append(batch[0] if isinstance(batch, tuple) else batch)
        return torch.cat(batches)[:n].flatten(1)

    def scores(samples: torch.Tensor) -> dict[str, Estimate]:
        return {"sliced transport": sliced_wasserstein(drawn(few), samples[:few].flatten(1))}

    def real() -> tuple[dict[str, Estimate], str]:
        half = few if count == math.inf else min(few, int(count) // 2)
        if half < FEWEST:
            return {}, f"{name} has too few images to compare one half with the other"
        one, other = drawn(2 * half).split(half)
        return {"sliced transport": sliced_wasserstein(one, other)}, (
            f"{half} real images, against {half} others"
        )

    return Judge(scores, real)


def fitting(found: Source, n: int) -> Judge:
    """The judge for a source that is no problem with a name."""
    density = getattr(found, "density", None)
    if isinstance(density, GaussianMixture):
        return of_mixture("the mixture", density, None, False, n)
    return of_any("the data set", found, None, False, n)
