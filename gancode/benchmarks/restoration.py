"""What a loss buys when images are restored: digits under noise, with a hole, and made small.

    python -m gancode.benchmarks.restoration

writes `results/restoration.json`, in about five minutes of one core. For each of five seeds one
U-Net learns by mean squares to undo all three kinds of damage; from its weights each of METHODS
goes on for equally many steps. Digits that took no part in training are restored, and compared with
their originals, by squared error, and as a crowd with other digits that nobody has seen either.
Beside them stand what takes no training: filters, interpolation, fillings, an affine map, nearest
digits. What these leave open is chosen on a third of the digits to learn from, by the others.
"""

import copy
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

import gancode
from gancode import benchmarks, data, metrics, networks, randomness
from gancode.training.terms import Seen

SHAPE = (1, 32, 32)  # 28 pixels and a border of 2 of background: 32 can be halved five times
NOISE, HOLE, FACTOR = 1.0, slice(10, 22), 4  # black is −1, white 1; the hole is 12 × 12, grey
KEPT = (3000, 1000, 1000)  # digits to learn from, to restore, to compare with
NETWORK: dict[str, Any] = {"channels": 8, "depth": 4, "latent_dim": 4}
CRITIC_CHANNELS = 8
STEPS, BATCH, BETAS = 200, 32, (0.5, 0.999)  # so many steps of mean squares, then of a method
RATES = 2e-3, 1e-3  # of mean squares, and of the game
DECAY = 0.98  # of the averaged weights
# Of TRIED those with the least squared error, see `tried`.
RIDGE = {"noise": 1e-3, "hole": 1e-2, "small": 1e-3}
WIDTH, WINDOW = 1.0, 3
TRIED: dict[str, tuple] = {
    "ridge": (1e-3, 1e-2, 1e-1, 1.0),
    "width": (0.5, 0.75, 1.0, 1.25, 1.5, 2.0),
    "window": (3, 5, 7),
}
TELLING = 2000  # of the digits to learn from, where the rest choose
NEIGHBOURS = (1, 3, 10)
CONTRAST = {"contrast": 1.5, "contrast 2": 2.0}  # none is chosen: two of a family
SEEDS = range(5)
RESULTS = benchmarks.RESULTS / "restoration.json"


@dataclass(frozen=True)
class Method:
    """How a network goes on: by the mean of |error|^power, or, where the squared error has a
    `weight`, by the non-saturating game, with weight · the mean squared error of a pixel added to
    the generator's loss."""

    weight: float = 0.0
    power: int = 2


METHODS = {
    "L2": Method(),
    "L1": Method(power=1),
    "w = 30": Method(30.0),
    "w = 3": Method(3.0),
}


def noise(x: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Normal noise of standard deviation NOISE on every pixel."""
    return x + NOISE * torch.randn(x.shape, generator=rng)


def hole(x: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """A square in the middle of the image, grey."""
    y = x.clone()
    y[..., HOLE, HOLE] = 0
    return y


def small(x: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Means over squares of FACTOR × FACTOR pixels, each drawn as a square of that size."""
    return F.interpolate(F.avg_pool2d(x, FACTOR), scale_factor=FACTOR)


DAMAGES: dict[str, Callable] = {"noise": noise, "hole": hole, "small": small}


@functools.cache
def digits() -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    """Three sets of digits, `KEPT` of each (n, 1, 32, 32), and the labels of the second."""
    images, labels = data.mnist_5k()
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    padded = F.pad(images[order], (2, 2, 2, 2), value=-1.0)
    return padded.split(KEPT), labels[order].split(KEPT)[1]


def training_set(seed: int, x: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Each digit of x, by default all to learn from, three times, (9000, 1, 32, 32), and what
    damage has left of it."""
    x = digits()[0][0] if x is None else x
    rng = torch.Generator().manual_seed(randomness.streams(seed)[0])
    return x.repeat(len(DAMAGES), 1, 1, 1), torch.cat([f(x, rng) for f in DAMAGES.values()])


def damaged(name: str) -> torch.Tensor:
    """The digits to restore, (1000, 1, 32, 32), under one of DAMAGES; the same noise each time."""
    (_, x, _), _ = digits()
    return DAMAGES[name](x, torch.Generator().manual_seed(7))


class Critic(nn.Module):
    """The discriminator of a DCGAN that sees an image and what damage has left of it, side by
    side."""

    def __init__(self) -> None:
        super().__init__()
        self.network = networks.dcgan_discriminator((2, *SHAPE[1:]), CRITIC_CHANNELS)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.network(torch.cat([x, y], dim=1))


def squares(seen: Seen) -> torch.Tensor:
    """The mean squared error of a pixel."""
    return (seen.generated - seen.real).square().mean()


def regress(
    generator: nn.Module,
    told: tuple[torch.Tensor, torch.Tensor],
    seed: int,
    steps: int,
    lr: float,
    power: int = 2,
) -> nn.Module:
    """Train in place by the mean of |error|^power, and return a copy with averaged weights. `told`
    are images and what damage has left of them."""
    rng = torch.Generator().manual_seed(randomness.streams(seed)[1])
    adam = torch.optim.Adam(generator.parameters(), lr, BETAS)
    averaged = copy.deepcopy(generator).requires_grad_(False)
    for _ in range(steps):
        at = torch.randint(len(told[0]), (BATCH,), generator=rng)
        x, y = (each[at] for each in told)
        z = torch.randn(BATCH, NETWORK["latent_dim"], generator=rng)
        loss = (generator(z, y) - x).abs().pow(power).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        with torch.no_grad():
            for mean, weight in zip(averaged.parameters(), generator.parameters(), strict=True):
                mean.lerp_(weight, 1 - DECAY)
    return averaged


def begin(told: tuple[torch.Tensor, torch.Tensor], seed: int, steps: int = STEPS) -> nn.Module:
    """The U-Net from which all methods go on."""
    gancode.seed(seed)
    network = networks.unet(SHAPE, **NETWORK)
    regress(network, told, seed, steps, RATES[0])
    return network


def go_on(
    first: nn.Module,
    method: Method,
    told: tuple[torch.Tensor, torch.Tensor],
    seed: int,
    steps: int = STEPS,
) -> nn.Module:
    """The averaged weights of a copy of the network that is trained further by the method."""
    network = copy.deepcopy(first)
    if not method.weight:
        return regress(network, told, seed + 1000, steps, RATES[0], method.power)
    gancode.seed(seed)
    gan = gancode.GAN(network, Critic(), NETWORK["latent_dim"], conditional=True)
    terms = {"squares": (squares, method.weight)}
    options: dict[str, Any] = {"lr": RATES[1], "batch_size": BATCH, "betas": BETAS, "ema": DECAY}
    options |= {"seed": seed, "progress": False, "generator_terms": terms}
    return gancode.train(gan, told, steps=steps, **options).averaged


@torch.no_grad()
def restored(network: nn.Module, y: torch.Tensor, seed: int = 3) -> torch.Tensor:
    """What a network makes of damaged images, with one latent for each, (n, 1, 32, 32)."""
    rng = torch.Generator().manual_seed(seed)
    network.eval()
    parts = [
        network(torch.randn(len(part), NETWORK["latent_dim"], generator=rng), part)
        for part in y.split(250)
    ]
    return torch.cat(parts)


def judged(x: torch.Tensor) -> dict[str, float]:
    """Of restored digits (1000, 1, 32, 32): the mean squared error of a pixel of the 28 × 28, on
    the scale of 2 from black to white (`mse`); the Fréchet distance to others, in the features of
    the classifier of `gancode.metrics` (`frechet`); the share that it reads as what they were
    (`read`)."""
    (_, originals, _), labels = digits()
    features, probabilities = metrics.digit_features(inner(x))
    return {
        "mse": (inner(x) - inner(originals)).square().mean().item(),
        "frechet": metrics.gaussian_wasserstein(*moments(features), *_reference()) ** 2,
        "read": (probabilities.argmax(1) == labels).double().mean().item(),
    }


def moments(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and covariance of features (n, d), in double precision."""
    return features.double().mean(0), features.double().T.cov()


@functools.cache
def _reference() -> tuple[torch.Tensor, torch.Tensor]:
    (_, _, others), _ = digits()
    return moments(metrics.digit_features(others[..., 2:-2, 2:-2])[0])


def nearest(y: torch.Tensor, name: str, k: int = 1) -> torch.Tensor:
    """The mean of the k digits to learn from whose damaged copies are nearest to y."""
    (x, _, _), _ = digits()
    copies = DAMAGES[name](x, torch.Generator().manual_seed(11))
    if name == "noise":  # one noise more would only hide what is near
        copies = x
    at = torch.cdist(y.flatten(1), copies.flatten(1)).topk(k, largest=False).indices
    return x[at].mean(1)


def least_squares(
    y: torch.Tensor, name: str, ridge: float, x: torch.Tensor | None = None
) -> torch.Tensor:
    """The best affine restoration by mean squares (Wiener's), from mean and covariance of digits x,
    by default all to learn from; `ridge` is added to the variance of every pixel that is seen."""
    x = digits()[0][0] if x is None else x
    flat = x.flatten(1).double()
    seen = flat if name == "noise" else DAMAGES[name](x, torch.Generator()).flatten(1).double()
    mean, seen_mean = flat.mean(0), seen.mean(0)
    covariance = (seen - seen_mean).T @ (seen - seen_mean) / len(x)
    cross = (seen - seen_mean).T @ (flat - mean) / len(x)
    added = ridge + (NOISE**2 if name == "noise" else 0.0)
    weights = torch.linalg.solve(covariance + added * torch.eye(len(covariance)), cross)
    return (mean + (y.flatten(1).double() - seen_mean) @ weights).float().reshape(y.shape)


def smoothed(y: torch.Tensor, width: float) -> torch.Tensor:
    """Means with the weights of a normal density of standard deviation `width`, in pixels."""
    reach = math.ceil(3 * width)
    weights = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * width**2))
    weights = weights / weights.sum()
    padded = F.pad(y, [reach] * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))


def median(y: torch.Tensor, window: int) -> torch.Tensor:
    """Medians over squares of `window` × `window` pixels."""
    padded = F.pad(y, [window // 2] * 4, mode="replicate")
    squares = padded.unfold(2, window, 1).unfold(3, window, 1)
    return squares.flatten(4).median(4).values


def enlarged(y: torch.Tensor, mode: str) -> torch.Tensor:
    """A small picture interpolated, "bilinear" or "bicubic"."""
    return F.interpolate(F.avg_pool2d(y, FACTOR), scale_factor=FACTOR, mode=mode)


def mean_filled(y: torch.Tensor) -> torch.Tensor:
    """The hole as it is in the mean of the digits to learn from."""
    filled = y.clone()
    filled[..., HOLE, HOLE] = digits()[0][0].mean(0)[..., HOLE, HOLE]
    return filled


def smoothly_filled(y: torch.Tensor, order: int) -> torch.Tensor:
    """The hole filled from its border as smoothly as can be: by the least sum of squares of slopes
    (order 1: what is filled in is harmonic), or of the Laplacian (order 2: biharmonic)."""
    side = SHAPE[1]
    apart = torch.eye(side, dtype=torch.float64)[:-1] - torch.eye(side, dtype=torch.float64)[1:]
    line, one = apart.T @ apart, torch.eye(side, dtype=torch.float64)
    laplacian = torch.kron(line, one) + torch.kron(one, line)
    cost = torch.linalg.matrix_power(laplacian, order)
    inside = torch.zeros(SHAPE, dtype=torch.bool)
    inside[..., HOLE, HOLE] = True
    lost = inside.flatten()
    flat = y.flatten(1).double()
    pull = -flat[:, ~lost] @ cost[~lost][:, lost]
    flat[:, lost] = torch.linalg.solve(cost[lost][:, lost], pull.T).T
    return flat.float().reshape(y.shape)


SIMPLE: dict[str, dict[str, Callable]] = {
    "noise": {
        "Gaussian": lambda y: smoothed(y, WIDTH),
        "median": lambda y: median(y, WINDOW),
    },
    "hole": {
        "mean fill": mean_filled,
        "harmonic": lambda y: smoothly_filled(y, 1),
        "biharmonic": lambda y: smoothly_filled(y, 2),
    },
    "small": {
        "bilinear": lambda y: enlarged(y, "bilinear"),
        "bicubic": lambda y: enlarged(y, "bicubic"),
    },
}


def baselines(damage: str) -> dict[str, torch.Tensor]:
    """What is restored without training: not at all (`damaged`), by the SIMPLE ways of this kind,
    by `least_squares`, and by the `nearest` digits."""
    y = damaged(damage)
    found = {"damaged": y} | {name: way(y) for name, way in SIMPLE[damage].items()}
    found["affine"] = least_squares(y, damage, RIDGE[damage])
    return found | {f"{k} nearest": nearest(y, damage, k) for k in NEIGHBOURS}


def tried() -> dict[str, dict[str, dict[str, float]]]:
    """For each damage, and each number that its baselines leave open, the mean squared error of a
    pixel at each of the values TRIED: of the last of the digits to learn from, restored by what the
    first TELLING of them say. None of the digits that are judged is looked at."""
    told, x = digits()[0][0].split((TELLING, KEPT[0] - TELLING))

    def errors(name: str, way: Callable) -> dict[str, float]:
        left = {value: inner(way(value)) - inner(x) for value in TRIED[name]}
        return {f"{value:g}": round(e.square().mean().item(), 5) for value, e in left.items()}

    y = {name: harm(x, torch.Generator().manual_seed(13)) for name, harm in DAMAGES.items()}
    found = {
        name: {"ridge": errors("ridge", partial(least_squares, each, name, x=told))}
        for name, each in y.items()
    }
    found["noise"]["width"] = errors("width", partial(smoothed, y["noise"]))
    found["noise"]["window"] = errors("window", partial(median, y["noise"]))
    return found


def inner(x: torch.Tensor) -> torch.Tensor:
    """The 28 × 28 that are judged, from black to white."""
    return x[..., 2:-2, 2:-2].clamp(-1, 1)


def results() -> dict:
    """The committed results: a dict of `provenance` and `rows`, one a method, damage and seed; the
    seed of what is not trained is None."""
    return benchmarks.read(RESULTS)


def row(method: str, damage: str, seed: int | None, x: torch.Tensor) -> dict:
    """A row of the results, of restored digits."""
    marks = {name: round(value, 5) for name, value in judged(x).items()}
    return {"method": method, "damage": damage, "seed": seed} | marks


def runs(steps: int) -> Iterator[tuple[dict, str, str]]:
    """What is not trained; all methods with all seeds; half-way between two networks, in each
    pixel; and L2 with more contrast."""
    for damage in DAMAGES:
        for name, x in ({"original": digits()[0][1]} | baselines(damage)).items():
            yield row(name, damage, None, x), name, ""
    for seed in SEEDS:
        told = training_set(seed)
        first = begin(told, seed, steps)
        found = {name: go_on(first, method, told, seed, steps) for name, method in METHODS.items()}
        for damage in DAMAGES:
            y = damaged(damage)
            made = {name: restored(network, y) for name, network in found.items()}
            made["half-way"] = made["L2"].lerp(made["w = 30"], 0.5)
            made |= {name: (c * made["L2"]).clamp(-1, 1) for name, c in CONTRAST.items()}
            for name, x in made.items():
                yield row(name, damage, seed, x) | spread(name, found, y), name, ""


def spread(name: str, found: dict[str, nn.Module], y: torch.Tensor) -> dict[str, float]:
    """Of w = 30 the variance of a pixel of the 28 × 28 over latents, from two draws."""
    if name != "w = 30":
        return {}
    one, two = (restored(found[name], y, seed)[..., 2:-2, 2:-2] for seed in (3, 4))
    return {"spread": round((one - two).square().mean().item() / 2, 5)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all methods with all seeds and write the results."""
    benchmarks.keep(
        arguments,
        main.__doc__,
        RESULTS,
        runs,
        steps=STEPS,
        seeds=list(SEEDS),
        methods={name: asdict(method) for name, method in METHODS.items()},
        damages={"noise": NOISE, "hole": [HOLE.start, HOLE.stop], "small": FACTOR},
        digits=KEPT,
        network=NETWORK,
        critic_channels=CRITIC_CHANNELS,
        rates=RATES,
        batch_size=BATCH,
        betas=BETAS,
        ema=DECAY,
        ridge=RIDGE,
        width=WIDTH,
        window=WINDOW,
        tried=tried(),
        neighbours=NEIGHBOURS,
        contrast=CONTRAST,
    )


if __name__ == "__main__":
    main()
