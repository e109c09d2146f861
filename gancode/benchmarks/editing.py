"""Digits inverted and edited: three ways beside simple baselines, on digits that no network saw.

    python -m gancode.benchmarks.editing

writes `results/editing.json`: five seeds, each of which trains a GAN, an autoencoder with the same
decoder and an encoder, in about four minutes of one core, one thread and no GPU. The row of a seed
can be made alone: `row(fit(0), 0)`.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.func import jacfwd, vmap
from torch.nn import functional as F

import gancode
from gancode import benchmarks, data, inversion, metrics, networks
from gancode.benchmarks.digits_mlp import digits, parted, sheet
from gancode.training.adam import adam

SHAPE, LATENT = (1, 28, 28), 10
STEPS, SEEDS, COUNT, SAMPLES = 2000, range(5), 100, 5000
TRAINING: dict[str, Any] = {
    "objective": "nonsaturating",
    "batch_size": 64,
    "lr": 1e-3,
    "betas": (0.5, 0.99),
    "progress": False,
}
SEARCH: dict[str, Any] = {"starts": 3, "steps": 200, "lr": 0.2, "prior": 0.02}
ENCODER: dict[str, Any] = {"steps": 1000, "pixels": 10.0}
TURN, INK = 0.2, 0.02  # what an edit asks for: a slope of the strokes, a share of the paper
AWAY = 20  # random directions
RESULTS = benchmarks.RESULTS / "editing.json"


def make() -> gancode.GAN:
    """An untrained pair of perceptrons; the generator is smooth, so that it has tangents."""
    generator = networks.mlp_generator(LATENT, SHAPE, (256, 256), activation=nn.SiLU)
    critic = networks.mlp_discriminator(SHAPE, (256, 256), dropout=0.3)
    return gancode.GAN(generator, critic, LATENT)


def fit(seed: int, steps: int = STEPS) -> gancode.Run:
    """A GAN trained on 4,000 digits."""
    gancode.seed(seed)
    return gancode.train(make(), digits()[0], steps=steps, seed=seed, **TRAINING)


def autoencoder(seed: int, steps: int = STEPS) -> tuple[gancode.Run, nn.Module]:
    """The control: a decoder of the same form and an encoder, trained to repeat the same digits;
    no prior, and no critic."""
    stream = gancode.seed(seed)
    training, _ = digits()
    gan = make()
    encoder = nn.Sequential(nn.Flatten(), networks.mlp(784, (256, 256), LATENT))
    optimiser = adam([*gan.generator.parameters(), *encoder.parameters()], 1e-3)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        x = training[torch.randint(len(training), (64,), generator=stream)]
        loss = (gan(encoder(x)) - x).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        falling.step()
    return gancode.Run(gan, gan.generator.eval()), encoder.eval()


def slant(images: torch.Tensor) -> torch.Tensor:
    """How far strokes lean to the right, in columns a row: minus the covariance of column and row
    over the variance of the row, of the ink of images (n, 1, h, w); shape (n,)."""
    ink = (images[:, 0] + 1) / 2
    ink = ink / ink.sum((1, 2), keepdim=True)
    rows = torch.arange(ink.shape[1]).to(ink)[:, None]
    columns = torch.arange(ink.shape[2]).to(ink)[None]
    down = rows - (ink * rows).sum((1, 2), keepdim=True)
    right = columns - (ink * columns).sum((1, 2), keepdim=True)
    return -(ink * down * right).sum((1, 2)) / (ink * down**2).sum((1, 2))


def weight(images: torch.Tensor) -> torch.Tensor:
    """The share of the paper that is ink, shape (n,)."""
    return (images.mean((1, 2, 3)) + 1) / 2


def slope(z: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The slopes (d,) of the least squares line through values (n,) at latents z (n, d)."""
    ones = torch.ones(len(z), 1).to(z)
    return torch.linalg.lstsq(torch.cat([z, ones], 1), values[:, None]).solution[:-1, 0]


def step(slopes: torch.Tensor, change: float) -> torch.Tensor:
    """The shortest step (d,) by which a line with these slopes changes so much."""
    return change * slopes / slopes.square().sum()


def sheared(images: torch.Tensor, change: float) -> torch.Tensor:
    """Each row moved so far to the right as it lies above the middle, times `change`."""
    theta = torch.tensor([[1.0, change, 0.0], [0.0, 1.0, 0.0]]).expand(len(images), 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images + 1, grid, align_corners=False) - 1


def thickened(images: torch.Tensor, share: float) -> torch.Tensor:
    """A share of the way to the brightest of 3 × 3 pixels, at each pixel."""
    return (1 - share) * images + share * F.max_pool2d(images, 3, stride=1, padding=1)


def pca(training: torch.Tensor, images: torch.Tensor, count: int = LATENT) -> torch.Tensor:
    """Images as the first principal components of the training images draw them: the best affine
    map of so few numbers, on these."""
    flat = training.flatten(1)
    mean = flat.mean(0)
    _, axes = torch.linalg.eigh((flat - mean).T @ (flat - mean))
    axes = axes[:, -count:]
    return ((images.flatten(1) - mean) @ axes @ axes.T + mean).reshape(images.shape)


def nearest(training: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """The training image that is nearest to each image."""
    return training[torch.cdist(images.flatten(1), training.flatten(1)).argmin(1)]


def chosen() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """COUNT images with labels, of those held out and of those to train on."""
    labels = parted(data.mnist_5k()[1])
    names = ("training", "held out")
    return {
        name: (x[:COUNT], y[:COUNT]) for name, x, y in zip(names, digits(), labels, strict=True)
    }


def inversions(run: gancode.Run, seed: int, images: torch.Tensor) -> dict[str, Any]:
    """By each of three ways, an `Inversion` of the images."""
    encoder = inversion.fit_encoder(run, seed=seed, **ENCODER)
    return {
        "search": gancode.invert(run, images, seed=seed, **SEARCH),
        "encoder": gancode.invert(run, images, by="encoder", encoder=encoder),
        "both": gancode.invert(
            run, images, by="both", encoder=encoder, seed=seed, **SEARCH | {"starts": 1}
        ),
    }


def residual(images: torch.Tensor, drawn: torch.Tensor) -> float:
    """The mean square of a pixel's error, where black is −1 and white is 1."""
    return (images - drawn).square().mean().item()


def drawn(run: gancode.Run, z: torch.Tensor) -> torch.Tensor:
    """What the averaged generator draws from latents z."""
    with torch.no_grad():
        return run.averaged(z)


def jacobians(run: gancode.Run, z: torch.Tensor) -> torch.Tensor:
    """The Jacobian matrix of the averaged generator at each latent, (n, pixels, d)."""
    return _derivatives(lambda one: run.averaged(one[None]).flatten(), z)


def gradients(run: gancode.Run, z: torch.Tensor, measure: Callable = slant) -> torch.Tensor:
    """The gradient in z of what is measured of the sample, at each latent, (n, d)."""
    return _derivatives(lambda one: measure(run.averaged(one[None]))[0], z)


def _derivatives(function: Callable, z: torch.Tensor) -> torch.Tensor:
    """Those of a function of one latent, by forward mode, at each of z."""
    with warnings.catch_warnings():  # torch warns of its own use of TorchScript
        warnings.filterwarnings("ignore", "`torch.jit", FutureWarning)
        return vmap(jacfwd(function))(z)


def followed(
    run: gancode.Run, z: torch.Tensor, change: float, *, cheapest: bool, pieces: int = 10
) -> torch.Tensor:
    """Latents whose samples lean more by about `change`: at each piece of the way the shortest step
    in z, or the cheapest, that which changes the fewest pixels by the metric JᵀJ."""
    with torch.no_grad():
        for _ in range(pieces):
            g = gradients(run, z)
            v = g
            if cheapest:
                J = jacobians(run, z)
                v = torch.linalg.solve(J.transpose(1, 2) @ J, g[..., None])[..., 0]
            z = z + change / pieces * v / (g * v).sum(1, keepdim=True)
    return z


def judged(before: torch.Tensor, after: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """What an edit has done: the mean changes of slant and of weight, the share of digits whose
    class the classifier names as it stands in the labels, and the mean square change of a pixel."""
    seen = metrics.digit_features(after.clamp(-1, 1))[1].argmax(1)
    found = {
        "slant": (slant(after) - slant(before)).mean(),
        "weight": (weight(after) - weight(before)).mean(),
        "class": (seen == labels).double().mean(),
        "moved": (after - before).square().mean(),
    }
    return {name: round(value.item(), 5) for name, value in found.items()}


def edits(run: gancode.Run, seed: int, z: torch.Tensor) -> dict[str, Any]:
    """Edits of the held-out digits that the latents z draw, and of the digits themselves; of the
    random directions, as long as the step of "line", one row each."""
    x, labels = chosen()["held out"]
    stream = gancode.seed(seed)
    latents = torch.randn(SAMPLES, LATENT, generator=stream)
    samples, start = drawn(run, latents), drawn(run, z)
    turn = step(slope(latents, slant(samples)), TURN)
    ink = step(slope(latents, weight(samples)), INK)
    away = torch.randn(AWAY, LATENT, generator=stream)
    away = away / away.norm(dim=1, keepdim=True) * turn.norm()
    share = INK / (weight(thickened(x, 1.0)) - weight(x)).mean().item()
    made = {
        "inverted": (start, start),
        "line": (start, drawn(run, z + turn)),
        "gradient": (start, drawn(run, followed(run, z, TURN, cheapest=False))),
        "cheapest": (start, drawn(run, followed(run, z, TURN, cheapest=True))),
        "sheared sample": (start, sheared(start, TURN)),
        "weight": (start, drawn(run, z + ink)),
        "digit": (x, x),
        "shear": (x, sheared(x, TURN)),
        "thicken": (x, thickened(x, share)),
    }
    rows: dict[str, Any] = {name: judged(*pair, labels) for name, pair in made.items()}
    rows["random"] = [judged(start, drawn(run, z + each), labels) for each in away]
    return rows | {"length": round(turn.norm().item(), 4)}


def row(run: gancode.Run, seed: int, steps: int = STEPS) -> dict[str, Any]:
    """All that is measured of one seed: residuals of training and of held-out digits, by way and by
    baseline; the edits; and how good the samples are."""
    training, held_out = digits()
    of = chosen()
    x = torch.cat([images for images, _ in of.values()])
    found = inversions(run, seed, x)
    made = {name: each.samples for name, each in found.items()}
    decoder, encoder = autoencoder(seed, steps)
    options = {"by": "both", "encoder": encoder, "seed": seed, **SEARCH, "starts": 1, "prior": 0.0}
    made["autoencoder"] = gancode.invert(decoder, x, **options).samples
    gancode.seed(seed)
    blank = gancode.invert(make(), x, seed=seed, **SEARCH | {"starts": 1})
    made["untrained"] = blank.samples
    made["PCA"] = pca(training, x)
    made["nearest"] = nearest(training, x)
    features = (metrics.digit_features(each)[0] for each in (held_out, run.sample(2000)))
    distance = metrics.frechet_distance(*features)
    parts = {name: (slice(k * COUNT, (k + 1) * COUNT)) for k, name in enumerate(of)}
    return {
        "residuals": {
            name: {part: round(residual(x[at], y[at]), 5) for part, at in parts.items()}
            for name, y in made.items()
        },
        "edits": edits(run, seed, found["both"].latents[COUNT:]),
        "frechet": round(distance.value - distance.bias, 3),
    }


def results() -> dict:
    """The committed results: a dict of `provenance`, `rows` (one a seed) and `sheets`."""
    return benchmarks.read(RESULTS)


def runs(steps: int) -> Iterator[tuple[dict, str, str]]:
    """All seeds."""
    for seed in SEEDS:
        run = fit(seed, steps)
        yield {"seed": seed, **row(run, seed, steps)}, "samples", sheet(run.sample(40), 40)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, invert and edit with all seeds and write the results."""
    benchmarks.keep(
        arguments,
        main.__doc__,
        RESULTS,
        runs,
        steps=STEPS,
        seeds=list(SEEDS),
        latent_dim=LATENT,
        images=COUNT,
        search=SEARCH,
        encoder=ENCODER,
        asked={"slant": TURN, "weight": INK},
        directions=AWAY,
    )


if __name__ == "__main__":
    main()
