"""What each choice in a small MLP program for digits is worth: one change at a time, ten seeds.

    python -m gancode.benchmarks.digits_mlp

writes `results/digits_mlp.json`. It makes 90 runs of 1,200 steps, one thread and no GPU: about 20
minutes of one core. A run can be repeated alone: `row(*fit("β1 = 0.9", seed=3))`.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

import gancode
from gancode import benchmarks, data, metrics, networks
from gancode.calculus import Objective, a, b, catalog, softplus

SHAPE = (1, 28, 28)
STEPS, BATCH, SEEDS, SAMPLES = 1200, 32, range(10), 2000
RESULTS = benchmarks.RESULTS / "digits_mlp.json"


def smoothed(real: Any, generated: Any = 0) -> Objective:
    """The non-saturating game with soft labels: the critic is asked for 1 − real on data and for
    `generated` on samples."""
    critic = (1 - real) * softplus(-a) + real * softplus(a)
    critic += (1 - generated) * softplus(b) + generated * softplus(-b)
    return Objective(critic, softplus(-b))


# Pixels in [0, 1] are shown to the critic as (pixel − centre)/spread: `pixels` = (centre, spread).
BASE: dict[str, Any] = {
    "generator": (256, 256),
    "activation": networks.leaky_relu,
    "discriminator": (256, 256),
    "dropout": 0.3,
    "pixels": (0.5, 0.5),
    "beta1": 0.5,
    "objective": catalog["nonsaturating"],
}
VARIANTS: dict[str, dict[str, Any]] = {
    "base": {},
    "second program": {
        "generator": (256, 512),
        "activation": nn.ReLU,
        "discriminator": (512, 256),
        "dropout": 0.0,
    },
    "no dropout": {"dropout": 0.0},
    "β1 = 0": {"beta1": 0.0},
    "β1 = 0.9": {"beta1": 0.9},
    "pixels in [0, 1]": {"pixels": (0.0, 1.0)},
    "pixels (0.1307, 0.3081)": {"pixels": (0.1307, 0.3081)},
    "labels 0.9 and 0": {"objective": smoothed(0.1)},
    "labels 0.9 and 0.1": {"objective": smoothed(0.1, 0.1)},
}


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """4,000 digits to train on and 1,000 held out, always the same, in [−1, 1]."""
    images, _ = data.mnist_5k()
    return parted(images)


def parted(of_digits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The images or the labels of the 5,000 digits: those to train on, and those held out."""
    order = torch.randperm(len(of_digits), generator=torch.Generator().manual_seed(0))
    return of_digits[order].split([4000, 1000])


def rescale(images: torch.Tensor, pixels: tuple[float, float]) -> torch.Tensor:
    """Images in [−1, 1] as the critic sees them."""
    centre, spread = pixels
    return ((images + 1) / 2 - centre) / spread


def restore(seen: torch.Tensor, pixels: tuple[float, float]) -> torch.Tensor:
    """The inverse of `rescale`; what is darker than black or brighter than white is cut off."""
    centre, spread = pixels
    return (2 * (centre + spread * seen) - 1).clamp(-1, 1)


def fit(name: str, seed: int, steps: int = STEPS) -> tuple[gancode.Run, torch.Tensor]:
    """Train one variant, and return its `Run` and `SAMPLES` samples, in [−1, 1]."""
    chosen = BASE | VARIANTS[name]
    gancode.seed(seed)
    gan = gancode.GAN(
        networks.mlp_generator(100, SHAPE, chosen["generator"], activation=chosen["activation"]),
        networks.mlp_discriminator(SHAPE, chosen["discriminator"], dropout=chosen["dropout"]),
        latent_dim=100,
    )
    training, _ = digits()
    run = gancode.train(
        gan,
        rescale(training, chosen["pixels"]),
        objective=chosen["objective"],
        steps=steps,
        batch_size=BATCH,
        lr=1e-3,
        betas=(chosen["beta1"], 0.999),
        seed=seed,
        progress=False,
    )
    return run, restore(run.sample(SAMPLES), chosen["pixels"])


def judged(samples: torch.Tensor) -> dict[str, float]:
    """The corrected Fréchet distance of samples to the held-out digits, and precision and recall
    of as many samples as digits."""
    _, held_out = digits()
    real, generated = (metrics.digit_features(x)[0] for x in (held_out, samples))
    distance = metrics.frechet_distance(real, generated)
    shares = metrics.precision_recall(real, generated[: len(real)])
    return {
        "frechet": round(distance.value - distance.bias, 4),
        "frechet_error": round(distance.error, 4),
        "precision": round(float(shares.precision), 4),
        "recall": round(float(shares.recall), 4),
    }


def row(run: gancode.Run, samples: torch.Tensor) -> dict[str, float]:
    """What is kept of a run: how its samples are judged, and the critic's state in the last 100
    steps."""
    critic = ("discriminator_loss", "logits_real", "logits_generated")
    return judged(samples) | {name: round(run.history[-1][name], 4) for name in critic}


def sheet(samples: torch.Tensor, count: int = 10) -> str:
    """The first `count` samples side by side, as a PNG in base64."""
    from PIL import Image

    pixels = ((samples[:count, 0] + 1) * 127.5).round().byte()
    file = io.BytesIO()
    Image.fromarray(torch.cat(list(pixels), dim=1).numpy()).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def pictures(sheet: str) -> torch.Tensor:
    """The square images of a `sheet`, as (count, 1, 28, 28), in [−1, 1]."""
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(sheet))))
    strip = torch.from_numpy(pixels / np.float32(127.5)) - 1
    return strip.reshape(len(strip), -1, len(strip)).transpose(0, 1)[:, None]


def results() -> dict:
    """The committed results: a dict of `provenance`, `rows` (one a run) and `sheets`."""
    return benchmarks.read(RESULTS)


def runs(steps: int) -> Iterator[tuple[dict, str, str]]:
    """All variants with all seeds."""
    for seed in SEEDS:
        for name in VARIANTS:
            run, samples = fit(name, seed, steps)
            yield {"variant": name, "seed": seed, **row(run, samples)}, name, sheet(samples)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all variants with all seeds and write the results."""
    benchmarks.keep(
        arguments, main.__doc__, RESULTS, runs, steps=STEPS, seeds=list(SEEDS), batch_size=BATCH
    )


if __name__ == "__main__":
    main()
