"""Speed and quality on this machine, beside loops that many have copied: `gancode bench`.

Every section is a function that returns a dict: `title`, `protocol` (what was done, in words) and
`rows`, a list of dicts of numbers and texts. Two things that are compared are timed in turns,
within one run, since the speed of a machine drifts; a ratio is the median over the turns, with the
smallest and the largest beside it. Sizes and durations are arguments.
"""

import copy
import itertools
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import gancode
from gancode import data, metrics, networks, runs
from gancode.benchmarks import objectives as every_objective
from gancode.benchmarks import provenance, reference, write
from gancode.errors import Refused
from gancode.problems import problems

SECTIONS = ("overhead", "throughput", "quality", "coverage")
_STEPS = {"mlp": 200, "dcgan": 6}  # of a turn that is timed


def bench(
    sections: Sequence[str] = SECTIONS,
    *,
    out: Path | None = None,
    options: Mapping[str, dict] | None = None,
    show: Callable[[str], Any] = print,
) -> dict[str, dict]:
    """Run sections and return {name: section}; the names are those in `SECTIONS`, "compile",
    "shared", "objectives" and "stacked-mnist".

    `options` maps the name of a section to a dict of its arguments. Every section is passed to
    `show` as a table when it is done, and `out`, a path, then holds all so far as JSON, with the
    machine, the versions and the date. Raises ValueError for an unknown section.
    """
    options = options or {}
    if unknown := sorted({*sections, *options} - _ALL.keys()):
        raise Refused(f"unknown section {', '.join(unknown)}; the choices are {', '.join(_ALL)}")
    result = {"provenance": provenance("gancode bench"), "sections": {}}
    for name in sections:
        section = _ALL[name](**options.get(name, {}))
        result["sections"][name] = section
        show(table(section))
        if out is not None:
            write(Path(out), result)
    return result["sections"]


def table(section: dict) -> str:
    """A section as text: title, protocol, and the rows under the names of their columns."""
    names = list(dict.fromkeys(name for row in section["rows"] for name in row))
    lines = [names, *([_text(row.get(name, "")) for name in names] for row in section["rows"])]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join([section["title"], section["protocol"], "", *text, ""])


def overhead(
    *,
    images: torch.Tensor | None = None,
    steps: dict[str, int] | None = None,
    turns: int = 5,
    warm_up: int = 2,
) -> dict:
    """What `gancode.train` adds to the barest loop of the same mathematics, on tensors in memory.

    `steps` maps "mlp" and "dcgan" to the steps of a turn after the first `warm_up`.
    """
    steps, rows = _STEPS | (steps or {}), []
    for (name, pair, x), r1 in itertools.product(_workloads(images), (0.0, 1.0)):
        n = steps[name] + warm_up

        def train(n: int = n, pair: Callable = pair, x: torch.Tensor = x, r1: float = r1) -> float:
            return _train_seconds(pair(), x, n, warm_up, penalties=[f"r1={r1}"] if r1 else [])

        def barest(n: int = n, pair: Callable = pair, x: torch.Tensor = x, r1: float = r1) -> float:
            return reference.barest(pair(), x, n, r1=r1, warm_up=warm_up)[1]

        times, bare = _in_turns([train, barest], turns)
        rows.append(
            {
                "workload": name,
                "penalty": "r1" if r1 else "none",
                **_ratio("train / barest", times, bare),
                "ms a step": 1000 * statistics.median(times) / steps[name],
            }
        )
    return {
        "title": "Overhead of gancode.train",
        "protocol": f"{turns} turns of {steps} steps at batch {reference.BATCH}, without set-up; "
        "1.05 is 5 % more time than the barest loop",
        "rows": rows,
    }


def compiled(
    *,
    images: torch.Tensor | None = None,
    steps: dict[str, int] | None = None,
    turns: int = 5,
    warm_up: int = 2,
) -> dict:
    """What `compile=True` saves once the networks are compiled, and how long that takes.

    `steps` as in `overhead`; the first `warm_up` of a turn compile. Takes a C++ compiler.
    """
    steps, rows = _STEPS | (steps or {}), []
    for name, pair, x in _workloads(images):
        n = steps[name] + warm_up

        def train(
            compile: bool, n: int = n, pair: Callable = pair, x: torch.Tensor = x
        ) -> tuple[float, float]:
            start = time.perf_counter()
            seconds = _train_seconds(pair(), x, n, warm_up, compile=compile)
            return seconds, time.perf_counter() - start - seconds

        fast, plain = _in_turns([partial(train, True), partial(train, False)], turns)
        (times, before), (others, _) = zip(*fast, strict=True), zip(*plain, strict=True)
        ratio = _ratio("compiled / plain", times, others)
        rows.append({"workload": name, **ratio, "first compilation, s": before[0]})
    return {
        "title": "torch.compile",
        "protocol": f"{turns} turns of {steps} steps at batch {reference.BATCH}, without set-up; "
        "0.8 is a fifth less time than without",
        "rows": rows,
    }


def throughput(
    *,
    images: torch.Tensor | None = None,
    seconds: float = 10.0,
    turns: int = 5,
    precisions: Sequence[str] = ("fp32", "bf16"),
) -> dict:
    """Real images a second: `gancode.train` against the reference loops with their loader, on
    their layers at their batch size; and as a share of a plain matrix product.

    `seconds` is the length of one turn of one loop.
    """
    images = _images(images)
    workloads: dict[str, tuple[Callable, torch.Tensor, Callable]] = {
        "gan.py": (_mlp_pair, images, reference.gan),
        "dcgan.py": (partial(_conv_pair, fused=True), _resized(images, 32), reference.dcgan),
    }
    peaks = {precision: matmul_gflops(precision) for precision in precisions}
    rows = []
    for name, (pair, x, program) in workloads.items():
        flops = flops_per_image(pair(), x.shape[1:])

        def original(program: Callable = program) -> float:
            run = program(images, seconds=seconds)
            return run.images / run.seconds

        def train(precision: str, pair: Callable = pair, x: torch.Tensor = x) -> float:
            return _train_rate(pair(), x, seconds, precision)

        loops = [original, *(lambda p=p, train=train: train(p) for p in precisions)]
        base, *rates = _in_turns(loops, turns)
        rows.append({"layers of": name, "loop": "reference", "images/s": statistics.median(base)})
        for precision, rate in zip(precisions, rates, strict=True):
            speed = statistics.median(rate)
            rows.append(
                {
                    "layers of": name,
                    "loop": f"gancode.train {precision}",
                    "images/s": speed,
                    **_ratio("/ reference", rate, base),
                    "GFLOP/s": speed * flops / 1e9,
                    "share of matmul": speed * flops / 1e9 / peaks[precision],
                }
            )
    peak = ", ".join(f"{p} {g:.0f} GFLOP/s" for p, g in peaks.items())
    return {
        "title": "Throughput",
        "protocol": f"{turns} turns of {seconds:g} s each at batch {reference.BATCH}; a matrix "
        f"product of 2048 × 2048 in this run: {peak}. Upsampling and the convolution after it are "
        "one layer in gancode.train, the same function at 4/9 of the cost. The operations are "
        "those of products and convolutions as torch counts them, two for a multiplication with "
        "its addition",
        "rows": rows,
        "matmul GFLOP/s": peaks,
    }


def quality(
    *,
    images: torch.Tensor | None = None,
    real: torch.Tensor | None = None,
    times: Sequence[float] = (60.0, 600.0),
    program_seconds: float = 60.0,
    n: int = 10_000,
) -> dict:
    """The Fréchet distance that each reference loop reaches in `program_seconds`, and that the
    recipe for MNIST reaches in each of `times`, seconds from a cold start.

    The features are those of `metrics.digit_features`, of n generated images and of the test images
    (or `real`). The images of 32 pixels are brought to 28, and a program is scored in train mode
    and in eval mode and has the better of the two.
    """
    images = _images(images)
    real = metrics.digit_features(data.mnist(train=False)[0] if real is None else real)[0]

    def distance(samples: torch.Tensor) -> metrics.FrechetDistance:
        return metrics.frechet_distance(real, metrics.digit_features(samples)[0])

    rows = []
    for name, program in reference.programs.items():
        gancode.seed(0)
        outcome = program(images, seconds=program_seconds)
        found = min((distance(outcome.sample(n, mode)) for mode in (True, False)), key=float)
        rows.append(_quality_row(name, outcome.seconds, found))
    best = min(row["Fréchet"] for row in rows)
    for seconds in times:
        run, took = _train_recipe("mnist", images, images.shape[1:], seconds)
        row = _quality_row("gancode.train", took, distance(run.sample(n)))
        rows.append({**row, "share of the best": row["Fréchet"] / best})
    rows.append(_quality_row("training images", "", distance(images[:n])))
    by_way = _resized(_resized(images[:n], 32), 28)
    rows.append(_quality_row("the same by way of 32 pixels", "", distance(by_way)))
    return {
        "title": "Quality for time",
        "protocol": f"Fréchet distance in the features of the digit classifier, {n} generated "
        f"against {len(real)} real images; lower is better",
        "rows": rows,
    }


def coverage(
    *,
    densities: Sequence[str] = ("ring", "grid"),
    seconds: float = 60.0,
    seeds: int = 5,
    n: int = 2500,
) -> dict:
    """Modes, share of high quality and reverse KL of the recipes for the toy densities, by VEEGAN's
    protocol, for each seed, and over the seeds: the smallest number of modes and the means."""
    rows = []
    for name in densities:
        density, found = getattr(data, name)(), []
        for seed in range(seeds):
            run, _ = _train_recipe(name, density, density.dim, seconds, seed)
            found.append(metrics.modes(run.sample(n), density))
            rows.append(_coverage_row(name, seed, *_coverage_numbers(found[-1])))
        modes, quality, kl = zip(*map(_coverage_numbers, found), strict=True)
        means = statistics.fmean(quality), statistics.fmean(kl)
        rows.append(_coverage_row(name, f"all {seeds}", min(modes), *means))
        rows[-1]["perfect reverse KL"] = found[0].perfect_reverse_kl
    return {
        "title": "Coverage",
        "protocol": f"{seconds:g} s each, {n} samples of the averaged generator; high quality is "
        "within 3 standard deviations of a mode (of a perfect sampler: 98.9 %)",
        "rows": rows,
    }


def shared(*, name: str = "ring", seconds: float = 10.0, turns: int = 3) -> dict:
    """Steps of `gancode train --data NAME` in some seconds beside one other busy process, against
    those without it.

    Both are the command in a process of its own, with its own threads as it chooses them.
    """
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}

    def trained() -> int:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "gancode.cli", "train", "--data", name]
            command += ["--seconds", f"{seconds:g}", "--out", folder, "--sheet-every", "0"]
            subprocess.run(command, env=clean, check=True, capture_output=True)
            return runs.load(folder).history[-1]["step"]

    def beside() -> int:
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
            try:
                return trained()
            finally:
                busy.kill()

    with_it, without = _in_turns([beside, trained], turns)
    row = {"data": name, "steps, idle": statistics.median(without)}
    row |= {"steps, shared": statistics.median(with_it), **_ratio("/ idle", with_it, without)}
    return {
        "title": "Beside another program",
        "protocol": f"{turns} turns of {seconds:g} s each of `gancode train`, with one busy "
        f"process beside it and without, on {os.cpu_count()} cores; at least 0.5 is asked for",
        "rows": [row],
    }


def objectives(*, out: Path = Path("objectives.json")) -> dict:
    """Every objective of the catalogue on ring, grid and digits, without a penalty, with R1 and
    under spectral normalisation (see `gancode.benchmarks.objectives`). Every finished part is kept
    in `out`, where a run that was stopped goes on."""
    found = every_objective.measure(out)
    return {
        "title": "Objectives",
        "protocol": f"means over {len(every_objective.SEEDS)} seeds with 95 % intervals, at the "
        "better of two rates as other seeds have it; modes (of digits: classes), high quality and "
        "Jensen–Shannon divergence after a short training, Fréchet distance on digits; seconds of "
        f"a step are relative; every run is in {out}",
        "rows": every_objective.table(found),
    }


PUBLISHED = {  # modes of 1000, reverse KL
    "DCGAN (PacGAN, table 3)": (78.9, 4.5),
    "VEEGAN": (150, 2.95),
    "RpGAN + R1 + R2": (1000, 0.078),
    "R3GAN": (1000, 0.029),
}


def stacked_mnist(
    *,
    images: torch.Tensor | None = None,
    real: torch.Tensor | None = None,
    minutes: float = 30.0,
    n: int = 26_000,
    recipe: str = "mnist",
) -> dict:
    """The modes found of the thousand of stacked MNIST, and the reverse KL to the uniform
    distribution, beside published figures.

    Three random digits are the channels of one image; the classifier behind
    `metrics.digit_features` reads them, so an image shows a number from 0 to 999 (Srivastava et al.
    2017). A mode is found where one of n images shows it, whatever its quality. `real` are images
    (the test set by default) whose stacks are the row of a perfect sampler.
    """
    stacks = Stacks(_images(images))
    perfect = Stacks(data.mnist(train=False)[0] if real is None else real)
    run, seconds = _train_recipe(recipe, stacks, (3, 28, 28), 60 * minutes)
    rows = [
        {"method": f"gancode.train, {seconds / 60:.3g} min", **stacked_modes(run.sample(n))},
        {"method": "real test digits", **stacked_modes(perfect.sample(n, gancode.seed(0)))},
    ]
    rows += [
        {"method": name, "modes": modes, "reverse KL": kl}
        for name, (modes, kl) in PUBLISHED.items()
    ]
    return {
        "title": "Stacked MNIST",
        "protocol": f"{n} samples, three digits each, read by the digit classifier; published "
        "figures rest on other classifiers, networks and training times",
        "rows": rows,
    }


class Stacks:
    """Stacked MNIST as a density to draw from: `images` is (n, 1, 28, 28), a sample three of them,
    (3, 28, 28)."""

    def __init__(self, images: torch.Tensor) -> None:
        self.images = images[:, 0]

    def sample(self, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """n stacks, shape (n, 3, 28, 28)."""
        return self.images[torch.randint(len(self.images), (n, 3), generator=generator)]

    def __repr__(self) -> str:
        return f"Stacks(of {len(self.images)} images)"


def stacked_modes(samples: torch.Tensor) -> dict:
    """How many of the numbers 0 to 999 images (n, 3, 28, 28) show, and the divergence of their
    histogram from the uniform one, KL(h ‖ 1/1000) in nats: a dict."""
    _, classes = metrics.digit_features(samples.reshape(-1, 1, 28, 28))
    digits = classes.argmax(1).reshape(-1, 3)
    share = torch.bincount(digits @ torch.tensor([100, 10, 1]), minlength=1000).double()
    share = share[share > 0] / len(samples)
    return {"modes": len(share), "reverse KL": float((share * (1000 * share).log()).sum())}


def flops_per_image(gan: gancode.GAN, shape: Sequence[int], n: int = 8) -> float:
    """The operations of one step of `gancode.train` without penalties on n samples of a shape,
    divided by n: those of products and convolutions as torch counts them, two for a multiplication
    with its addition."""
    players = gancode.Players(copy.deepcopy(gan))
    players.advance()
    batch = players.batch(torch.zeros(n, *shape))
    with FlopCounterMode(display=False) as counter:
        players.discriminator_step(batch)
        players.generator_step(batch)
    return counter.get_total_flops() / n


def matmul_gflops(precision: str = "fp32", size: int = 2048, seconds: float = 1.0) -> float:
    """The speed of a square matrix product here, the best of as many as fit into the time."""
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    a, b = torch.randn(2, size, size).to(dtype)
    best, start = math.inf, time.perf_counter()
    while (began := time.perf_counter()) < start + seconds:
        a @ b
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best / 1e9


def _workloads(images: torch.Tensor | None) -> Iterator[tuple[str, Callable, torch.Tensor]]:
    """Name, pair and images of the two that the engine is measured on."""
    images = _images(images)
    yield "mlp", _mlp_pair, images
    yield "dcgan", _conv_pair, _resized(images[:5000], 32)


def _mlp_pair() -> gancode.GAN:
    torch.manual_seed(0)
    generator, discriminator = reference.mlp_generator(), reference.mlp_discriminator()
    return gancode.GAN(generator, discriminator, reference.LATENT_DIM)


def _conv_pair(fused: bool = False) -> gancode.GAN:
    torch.manual_seed(0)
    generator, discriminator = reference.conv_generator(fused), reference.conv_discriminator()
    return gancode.GAN(generator, discriminator, reference.LATENT_DIM)


def _images(images: torch.Tensor | None) -> torch.Tensor:
    return data.mnist()[0] if images is None else images


def _resized(images: torch.Tensor, size: int) -> torch.Tensor:
    """By the same rule as in `reference.Outcome.sample`."""
    resize = partial(nn.functional.interpolate, size=size, mode="bilinear", antialias=True)
    # its weights do not quite sum to one
    return torch.cat([resize(part) for part in images.split(10_000)]).clamp(-1, 1)


def _in_turns(functions: Sequence[Callable], turns: int) -> list[tuple]:
    """The results of each function, called one after the other so many times, every other time
    backwards: so a machine that gets slower or faster favours none."""
    directions = itertools.islice(itertools.cycle((1, -1)), turns)
    rounds = [[function() for function in functions[::d]][::d] for d in directions]
    return list(zip(*rounds, strict=True))


def _ratio(name: str, times: Sequence[float], others: Sequence[float]) -> dict[str, float]:
    ratios = [a / b for a, b in zip(times, others, strict=True)]
    return {name: statistics.median(ratios), "least": min(ratios), "most": max(ratios)}


def _train_seconds(
    gan: gancode.GAN, images: torch.Tensor, steps: int, warm_up: int, **options: Any
) -> float:
    """The seconds of the steps after the warm-up, as a callback sees them."""
    times = {0: time.perf_counter()}

    def callback(step: int, run: gancode.Run) -> None:
        if step in (warm_up, steps):
            times[step] = time.perf_counter()

    options["batch_size"] = reference.BATCH
    gancode.train(gan, images, steps=steps, progress=False, callback=callback, **options)
    return times[steps] - times[warm_up]


def _train_rate(gan: gancode.GAN, images: torch.Tensor, seconds: float, precision: str) -> float:
    """Real images a second, as `seconds` of training have them, set-up not included."""
    steps = []
    options: dict[str, Any] = {} if precision == "fp32" else {"precision": precision}
    gancode.train(
        gan,
        images,
        seconds=seconds,
        batch_size=reference.BATCH,
        progress=False,
        callback=lambda step, run: steps.append(time.perf_counter()),
        **options,
    )
    # The first step is left out: it stands for the set-up too.
    seen = min(len(images), reference.BATCH) * (len(steps) - 1)
    return seen / (steps[-1] - steps[0]) if len(steps) > 1 else reference.BATCH / seconds


def _train_recipe(
    name: str, source: Any, shape: Any, seconds: float, seed: int = 0
) -> tuple[gancode.Run, float]:
    """A run of the recipe for a kind of data, whose samples have a shape, and the seconds it
    took."""
    recipe = problems[name].recipe
    gancode.seed(seed)  # for the weights
    pair = networks.pair(recipe.network, recipe.latent_dim, shape, **recipe.options)
    start = time.perf_counter()
    run = gancode.train(
        gancode.GAN(*pair, recipe.latent_dim),
        source,
        seconds=seconds,
        seed=seed,
        progress=False,
        **recipe.training,
    )
    return run, time.perf_counter() - start


def _quality_row(name: str, seconds: Any, found: metrics.FrechetDistance) -> dict:
    distance = {"Fréchet": found.value, "error": found.error, "bias": found.bias}
    return {"samples of": name, "seconds": seconds, **distance}


def _coverage_numbers(found: Any) -> tuple[int, float, float]:
    return found.covered, float(found.high_quality), float(found.reverse_kl)


def _coverage_row(density: str, seed: Any, modes: int, quality: float, kl: float) -> dict:
    row = {"density": density, "seed": seed, "modes": modes}
    return row | {"high quality %": 100 * quality, "reverse KL": kl}


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


_ALL: dict[str, Callable[..., dict]] = {
    "overhead": overhead,
    "throughput": throughput,
    "quality": quality,
    "coverage": coverage,
    "compile": compiled,
    "shared": shared,
    "objectives": objectives,
    "stacked-mnist": stacked_mnist,
}
