"""Digits with no discriminator: moment matching on pixels and on codes, beside what is simpler.

    python -m gancode.benchmarks.matching

writes `results/matching.json`, in some four minutes of one core, one thread and no GPU. A
generative moment matching network (Li, Swersky and Zemel 2015) descends the maximum mean
discrepancy between a batch of digits and a batch of samples, as images or as the codes of an
autoencoder. The learning rate of either is chosen by one run with the seed TRIED, which is not used
again. Beside them stand, for each seed, a normal density and a mixture of ten, fitted to the same
codes, and what the autoencoder makes of the digits themselves.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from sklearn.mixture import GaussianMixture
from torch import nn

import gancode
from gancode import benchmarks, kernels, metrics, networks
from gancode.benchmarks import editing
from gancode.benchmarks.digits_mlp import digits, sheet
from gancode.training.adam import adam

RESULTS = benchmarks.RESULTS / "matching.json"
SEEDS, TRIED = range(5), 10
STEPS, BATCH, SAMPLES = 700, 200, 1000
AUTOENCODER = 1000  # its steps
HIDDEN = (256, 256)
RATES = (4e-3, 1e-2)  # at the first step; it falls to nothing along half a wave
# Bandwidths in units of the root mean square distance of two points of the data.
BANDWIDTHS = (0.25, 0.5, 1.0)
NORMALS = (1, 10)  # in a mixture on the codes
SPACES = ("pixels", "codes")


def spread(points: torch.Tensor) -> float:
    """The root mean square distance of two of the points (n, d), drawn independently."""
    return (2 * points.var(0).sum()).sqrt().item()


def matched(points: torch.Tensor, rate: float, seed: int, steps: int = STEPS) -> nn.Module:
    """A generator of points (n, d) that was trained to match them, by the U-statistic of batches;
    of images between −1 and 1 it ends in tanh."""
    stream = gancode.seed(seed)
    size = points.shape[1]
    body = networks.mlp(editing.LATENT, HIDDEN, size)
    generator = nn.Sequential(body, nn.Tanh()) if size == 784 else body
    scale = spread(points)
    kernel = kernels.gaussian([scale * each for each in BANDWIDTHS])
    optimiser = adam(list(generator.parameters()), rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        x = points[torch.randint(len(points), (BATCH,), generator=stream)]
        y = generator(torch.randn(BATCH, editing.LATENT, generator=stream))
        optimiser.zero_grad()
        kernels.maximum_mean_discrepancy(x, y, kernel).backward()
        optimiser.step()
        falling.step()
    return generator.eval()


def normals(points: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """SAMPLES draws from a mixture of `count` normal densities, each with a covariance of its own,
    that is fitted to points (n, d) by expectation maximisation."""
    fitted = GaussianMixture(count, random_state=seed).fit(points.double().numpy())
    drawn = torch.from_numpy(fitted.sample(SAMPLES)[0]).float()
    return drawn[torch.randperm(SAMPLES, generator=gancode.seed(seed))]  # they come part by part


def judged(images: torch.Tensor, held_out: torch.Tensor) -> dict[str, float]:
    """Of images beside digits that nothing was trained on, on the features of the digit classifier:
    the Fréchet `distance`, less its bias; precision and recall; and the entropy of the classes that
    it names, as a number of classes."""
    features, probabilities = metrics.digit_features(images)
    real, _ = metrics.digit_features(held_out)
    distance = metrics.frechet_distance(real, features)
    shares = metrics.precision_recall(real, features)
    named = torch.bincount(probabilities.argmax(1), minlength=10) / len(images)
    found = {
        "distance": distance.value - distance.bias,
        "precision": shares.precision.value,
        "recall": shares.recall.value,
        "classes": torch.special.entr(named).sum().exp().item(),
    }
    return {name: round(value, 4) for name, value in found.items()}


class Codes:
    """An autoencoder of one seed, and the codes of the digits that it was trained on."""

    def __init__(self, seed: int, steps: int = AUTOENCODER) -> None:
        self.run, self.encoder = editing.autoencoder(seed, steps)
        self.training, self.held_out = digits()
        with torch.no_grad():
            codes = self.encoder(self.training)
        self.mean, self.deviation = codes.mean(0), codes.std(0)
        self.points = (codes - self.mean) / self.deviation

    def decoded(self, points: torch.Tensor) -> torch.Tensor:
        """Images (n, 1, 28, 28) from codes (n, LATENT), of mean 0 and deviation 1 on the digits."""
        return editing.drawn(self.run, points * self.deviation + self.mean)


def generated(codes: Codes, space: str, rate: float, seed: int, steps: int) -> torch.Tensor:
    """SAMPLES images of a network that matches moments in one of SPACES."""
    points = codes.training.flatten(1) if space == "pixels" else codes.points
    generator = matched(points, rate, seed, steps)
    with torch.no_grad():
        made = generator(torch.randn(SAMPLES, editing.LATENT, generator=gancode.seed(1000 + seed)))
    return made.reshape(-1, *editing.SHAPE) if space == "pixels" else codes.decoded(made)


def chosen(
    steps: int = STEPS, autoencoder: int = AUTOENCODER
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Of each space the rate of the least Fréchet distance, and the distances of all."""
    codes = Codes(TRIED, autoencoder)
    tried: dict[str, dict[str, float]] = {}
    for space in SPACES:
        drawn = {rate: generated(codes, space, rate, TRIED, steps) for rate in RATES}
        tried[space] = {
            f"{rate:g}": judged(x, codes.held_out)["distance"] for rate, x in drawn.items()
        }
    return {space: float(min(each, key=each.__getitem__)) for space, each in tried.items()}, tried


def made(
    codes: Codes, seed: int, best: dict[str, float], steps: int = STEPS
) -> dict[str, torch.Tensor]:
    """Images of each way to make them, by name: (SAMPLES, 1, 28, 28)."""
    order = torch.randperm(len(codes.training), generator=gancode.seed(2000 + seed))[:SAMPLES]
    found = {"digits": codes.training[order], "reconstructed": codes.decoded(codes.points[order])}
    for space in SPACES:
        found[space] = generated(codes, space, best[space], seed, steps)
    for count in NORMALS:
        name = "normal codes" if count == 1 else f"{count} normal codes"
        found[name] = codes.decoded(normals(codes.points, count, seed))
    return found


def results() -> dict:
    """The committed results: a dict of `provenance`, `rows` (one a seed and a way) and `sheets`."""
    return benchmarks.read(RESULTS)


def main(arguments: Sequence[str] | None = None) -> None:
    """Choose the learning rates, match moments with all seeds, and write the results."""
    best: dict[str, float] = {}  # filled with the first run: what the command is told comes first
    tried: dict[str, dict[str, float]] = {}

    def runs(steps: int) -> Iterator[tuple[dict, str, str]]:
        rates, distances = chosen()
        best.update(rates)
        tried.update(distances)
        for seed in SEEDS:
            codes = Codes(seed)
            for name, images in made(codes, seed, best, steps).items():
                row: dict[str, Any] = {"way": name, "seed": seed}
                yield row | judged(images, codes.held_out), name, sheet(images[:20], 20)

    benchmarks.keep(
        arguments,
        main.__doc__,
        RESULTS,
        runs,
        steps=STEPS,
        seeds=list(SEEDS),
        rates=best,
        tried=tried,
        tried_seed=TRIED,
        bandwidths=list(BANDWIDTHS),
        batch=BATCH,
        samples=SAMPLES,
        autoencoder=AUTOENCODER,
        hidden=list(HIDDEN),
        latent_dim=editing.LATENT,
    )


if __name__ == "__main__":
    main()
