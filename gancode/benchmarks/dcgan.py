"""What convolutions draw in longer runs than those of a chapter.

    python -m gancode.benchmarks.dcgan

writes `results/dcgan.json`, in about a quarter of an hour of one core, one thread and no GPU:

- `rows`: three convolutional GANs that differ in how the generator doubles an image, and a
  multilayer perceptron, 800 steps and five seeds each;
- `rates`: the one that repeats pixels and the perceptron at other learning rates, 200 steps each;
- `recipe`: the recipe for digits of `gancode.problems`, told the labels, at some steps on the way.

All are trained on 4,000 digits and judged by 1,000 others. A run can be repeated alone:
`row("kernel 5", seed=3)`.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import torch
from torch import nn

import gancode
from gancode import benchmarks, data, networks
from gancode.benchmarks.conditional import accuracy
from gancode.benchmarks.digits_mlp import SAMPLES, SHAPE, digits, judged, parted, sheet
from gancode.problems import problems

WAYS = ("kernel 4", "kernel 5", "nearest", "perceptron")
STEPS, SEEDS, LOOK, JUDGED = 800, range(5), 20, (60, 200, 800)
RATES, TUNED, TUNED_STEPS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064), WAYS[2:], 200
FRAMES = (20, 50, 100, 150, 200, 300, 400, 500, 700, 1000, 1300, 1600, 2000, 2500, 3000)
ON_A_SHEET = 40  # four rows from 0 to 9
NYQUIST = ((0, 14), (14, 0), (14, 14))  # alternating along the columns, the rows, both
RESULTS = benchmarks.RESULTS / "dcgan.json"


def make(way: str, seed: int = 0) -> gancode.GAN:
    """An untrained GAN whose generator doubles images in one of WAYS, or has no convolutions.

    Kernel 5 is the paper's, with stride 2, padding 2 and output_padding 1.
    """
    gancode.seed(seed)
    generator: Any  # its layers can be changed
    critic: nn.Module
    if way == "perceptron":
        generator = networks.mlp_generator(64, SHAPE, hidden=(256, 256))
        critic = networks.mlp_discriminator(SHAPE, hidden=(256, 128), dropout=0.4)
        return gancode.GAN(generator, critic, latent_dim=64)
    how = "nearest" if way == "nearest" else "transpose"
    generator, critic = networks.pair("dcgan", 64, SHAPE, channels=8, upsample=how)
    for k, layer in enumerate(generator):
        if way == "kernel 5" and isinstance(layer, nn.ConvTranspose2d):
            generator[k] = _with_kernel_5(layer)
    return gancode.GAN(generator, critic, latent_dim=64)


def _with_kernel_5(layer: nn.ConvTranspose2d) -> nn.ConvTranspose2d:
    larger = nn.ConvTranspose2d(
        layer.in_channels, layer.out_channels, 5, 2, 2, 1, bias=layer.bias is not None
    )
    nn.init.normal_(larger.weight, 0, 0.02)
    if larger.bias is not None:
        nn.init.zeros_(larger.bias)
    return larger


def fit(
    way: str, seed: int, steps: int, callback: Callable | None = None, lr: float = 1e-3
) -> gancode.Run:
    """Train one GAN on the 4,000 digits, and return its `Run`."""
    training, _ = digits()
    options: dict[str, Any] = {"lr": lr, "seed": seed, "progress": False, "callback": callback}
    return gancode.train(make(way, seed), training, steps=steps, **options)


def checkerboard(images: torch.Tensor) -> float:
    """The mean power of images (n, 1, 28, 28) at the three Nyquist points."""
    power = torch.fft.fft2(images.detach()[:, 0]).abs().square().mean(0)
    return sum(power[at].item() for at in NYQUIST) / len(NYQUIST)


def row(way: str, seed: int, steps: int = STEPS) -> dict:
    """What is kept of a run: the checkerboard of 200 samples over that of the digits, every LOOK
    steps; the Fréchet distance and its standard error, at the steps JUDGED."""
    training, _ = digits()
    of_digits = checkerboard(training)
    trace, distances = [], []

    def watch(step: int, run: gancode.Run) -> None:
        if step % LOOK == 0:
            trace.append(round(checkerboard(run.sample(200, seed=1)) / of_digits, 4))
        if step in JUDGED:
            found = judged(run.sample(SAMPLES))
            distances.append([found["frechet"], found["frechet_error"]])

    fit(way, seed, steps, watch)
    return {"way": way, "seed": seed, "checkerboard": trace, "frechet": distances}


def rate(way: str, lr: float, seed: int, steps: int = TUNED_STEPS) -> dict:
    """The Fréchet distance of one way after some steps at a learning rate."""
    found = judged(fit(way, seed, steps, lr=lr).sample(SAMPLES))
    return {"way": way, "lr": lr, "seed": seed, "frechet": found["frechet"]}


def recipe(steps: int = FRAMES[-1], seed: int = 0) -> list[dict]:
    """The recipe for digits on its way, conditional on the class: `gancode train --data mnist-5k
    --conditional`, on the 4,000 digits.

    For each of FRAMES up to `steps` a dict of the step, the seconds of processor time that training
    has taken, a `sheet` of the same ON_A_SHEET latents with the classes in turn, how SAMPLES
    samples are judged, and their `accuracy`.
    """
    plan = problems["mnist-5k"].recipe
    gancode.seed(seed)
    pair = networks.pair(plan.network, plan.latent_dim, SHAPE, classes=10, **plan.options)
    gan = gancode.GAN(*pair, latent_dim=plan.latent_dim, classes=10)
    training, _ = zip(*map(parted, data.mnist_5k()), strict=True)
    found = []
    spent, begun = 0.0, time.process_time()

    def watch(step: int, run: gancode.Run) -> None:
        nonlocal spent, begun
        spent += time.process_time() - begun
        if step in FRAMES:
            samples = run.sample(SAMPLES)
            drawn = sheet(run.sample(ON_A_SHEET, seed=3), ON_A_SHEET)
            now = {"step": step, "seconds": round(spent, 1), "sheet": drawn}
            found.append(now | judged(samples) | {"accuracy": round(accuracy(samples), 4)})
        begun = time.process_time()

    options = plan.training | {"seed": seed, "progress": False, "callback": watch}
    gancode.train(gan, training, steps=steps, **options)
    return found


def results() -> dict:
    """The committed results: a dict of `provenance`, `rows`, `rates` (one a run) and `recipe`."""
    return benchmarks.read(RESULTS)


def tuned() -> dict[str, tuple[float, list[float]]]:
    """For each way of TUNED its best rate, that of the least median, and its distances there."""
    found: dict[str, dict[float, list]] = {way: {lr: [] for lr in RATES} for way in TUNED}
    for one in results()["rates"]:
        found[one["way"]][one["lr"]].append(one["frechet"])
    return {way: min(at.items(), key=lambda item: median(item[1])) for way, at in found.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the recipe, all ways and all rates with all seeds, and write the results."""
    steps = {"steps": STEPS, "tuned_steps": TUNED_STEPS, "recipe_steps": FRAMES[-1]}
    options = benchmarks.options(arguments, main.__doc__, RESULTS, **steps)
    benchmarks.settle()
    of_recipe = recipe(options.recipe_steps)
    for one in of_recipe:
        print({key: value for key, value in one.items() if key != "sheet"}, flush=True)
    rows = []
    for seed in SEEDS:
        for way in WAYS:
            rows.append(row(way, seed, options.steps))
            print(way, seed, rows[-1]["frechet"], flush=True)
    rates = []
    for way, lr, seed in itertools.product(TUNED, RATES, SEEDS):
        rates.append(rate(way, lr, seed, options.tuned_steps))
        print(rates[-1], flush=True)
    made = benchmarks.provenance(
        "python -m gancode.benchmarks.dcgan",
        seeds=list(SEEDS),
        steps=options.steps,
        tuned_steps=options.tuned_steps,
        recipe_steps=options.recipe_steps,
        recipe_seed=0,
    )
    results = {"provenance": made, "rows": rows, "rates": rates, "recipe": of_recipe}
    benchmarks.write(options.out, results)


if __name__ == "__main__":
    main()
