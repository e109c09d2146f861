"""The digit programs of two tutorials, run on: text 004, which is complete, and text 001, whose
loop breaks off and is completed as the text describes it.

    python -m gancode.benchmarks.programs             all, a quarter of an hour on one core
    python -m gancode.benchmarks.programs PROGRAM...  these; the others keep their rows

Data are the 60,000 digits of MNIST that the texts load (`gancode.data.mnist`, which downloads them
where they are not); networks, losses, batches, optimisers and rates are the texts' own, and so are
64 latents where the last batch of an epoch has 32 images. What is added looks on: at some steps
2,000 samples are drawn from a random generator of their own and judged. The rows go to
`results/programs.json`, which the chapters on the two texts read.
"""

import json
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

import gancode
from gancode import benchmarks, data, metrics, networks
from gancode.benchmarks.digits_mlp import SHAPE, pictures, sheet

RESULTS = benchmarks.RESULTS / "programs.json"
SEED, LATENT, SAMPLES = 0, 100, 2000
LOOKS = sorted(k * 10**n for k in (1, 2, 3, 5, 7) for n in range(2, 5))

__all__ = ["PROGRAMS", "Program", "pictures", "results", "train"]


def literal(logits: torch.Tensor, label: int) -> torch.Tensor:
    """−log D, or −log(1 − D), of logits that ought to have the label 1, or 0: as text 004 has it,
    infinite where the sigmoid rounds to 0 or 1."""
    said = torch.sigmoid(logits)
    return -torch.log(said if label else 1 - said).mean()


def guarded(logits: torch.Tensor, label: int) -> torch.Tensor:
    """The same by `BCELoss`, as text 001 has it: each logarithm is cut off at −100."""
    return functional.binary_cross_entropy(torch.sigmoid(logits), torch.full_like(logits, label))


@dataclass(frozen=True)
class Program:
    """A program: hidden layers of both players, loss, Adam's β₁ (β₂ is 0.999, and the rate is
    0.0002), images a batch, the number of steps, and whether the generator steps on new latents or
    on those that the discriminator has seen."""

    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    loss: Callable
    beta1: float
    batch_size: int
    steps: int
    new_latents: bool


def _text_001(beta1: float) -> Program:
    return Program((256, 512, 1024), (1024, 512, 256), guarded, beta1, 128, 3000, False)


PROGRAMS = {
    "text 004": Program((256, 256), (256, 256), literal, 0.5, 64, 20_000, True),
    "text 001": _text_001(0.9),
    "text 001, β1 = 0.5": _text_001(0.5),
}


def descend(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """One step of one player."""
    optimiser.zero_grad()
    loss.backward(inputs=optimiser.param_groups[0]["params"])
    optimiser.step()


def train(
    program: Program,
    images: torch.Tensor,
    look: Callable,
    looks: Collection[int] = (),
    seed: int = SEED,
) -> None:
    """Run a program on images, shape (n, 1, 28, 28) in [−1, 1], in epochs of shuffled batches.

    `look(step, generator, history)` is called before the first step, at every step in `looks` and
    after the last, with the rows since the last look: of each step both losses and the extreme
    logits on which the logarithms of D's loss hang, the least of data and the largest of samples.
    """
    gancode.seed(seed)
    G = networks.mlp_generator(LATENT, SHAPE, program.generator)
    D = networks.mlp_discriminator(SHAPE, program.discriminator, dropout=0.3)
    G_adam, D_adam = (
        torch.optim.Adam(network.parameters(), 2e-4, (program.beta1, 0.999), fused=True)
        for network in (G, D)
    )
    step, history = 0, []
    look(0, G, [])
    while step < program.steps:
        for chosen in torch.randperm(len(images)).split(program.batch_size):
            latents = torch.randn(program.batch_size, LATENT)
            on_real, on_fake = D(images[chosen]), D(G(latents).detach())
            D_loss = program.loss(on_real, 1) + program.loss(on_fake, 0)
            descend(D_adam, D_loss)
            if program.new_latents:
                latents = torch.randn(program.batch_size, LATENT)
            G_loss = program.loss(D(G(latents)), 1)
            descend(G_adam, G_loss)
            step += 1
            extremes = on_real.min().item(), on_fake.max().item()
            history.append((D_loss.item(), G_loss.item(), *extremes))
            if step in looks or step == program.steps:
                look(step, G, history)
                history = []
            if step == program.steps:
                break


class Looks:
    """What is kept of a run: `rows`, one a look, with the corrected Fréchet distance to real test
    images and the means and extremes of what happened since the last; `sheets`, ten samples each,
    from the same latents, at the looks of one digit 1, 3 or the last."""

    def __init__(self, test: torch.Tensor, last: int) -> None:
        self.real = metrics.digit_features(test)[0]
        self.last = last
        self.rows: list[dict] = []
        self.sheets: dict[int, str] = {}

    def __call__(self, step: int, generator: nn.Module, history: Sequence[tuple]) -> None:
        latents = torch.randn(SAMPLES, LATENT, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            samples = generator(latents)
        row: dict[str, float] = {"step": step}
        if samples.isfinite().all():
            found = metrics.frechet_distance(self.real, metrics.digit_features(samples)[0])
            row |= {"frechet": round(found.value - found.bias, 3), "error": round(found.error, 3)}
        if history:
            losses, extremes = torch.tensor(history).double().split(2, 1)
            finite = losses.isfinite().all(1)
            row["not_finite"] = int((~finite).sum())
            means = losses[finite].mean(0)
            row |= {
                "discriminator_loss": round(means[0].item(), 4),
                "generator_loss": round(means[1].item(), 4),
                "least_real_logit": round(extremes[:, 0].min().item(), 2),
                "largest_generated_logit": round(extremes[:, 1].max().item(), 2),
            }
        self.rows.append(row)
        if str(step)[0] in "13" or step == self.last:
            self.sheets[step] = sheet(samples)
        print(json.dumps(row), flush=True)


def results() -> dict:
    """The committed results: `provenance`, and of each program its `rows` and its `sheets`."""
    return benchmarks.read(RESULTS)


def main(names: Sequence[str]) -> None:
    """Run the named programs and write what they did into RESULTS, after each anew. Raises
    `Refused` for a name that is not in PROGRAMS."""
    names = benchmarks.named(names, PROGRAMS)
    benchmarks.settle()
    images, test = data.mnist()[0], data.mnist(train=False)[0]
    kept = results()["programs"] if RESULTS.is_file() else {}
    for name in names:
        program = PROGRAMS[name]
        print(name, flush=True)
        seen = Looks(test, program.steps)
        train(program, images, seen, LOOKS)
        made = benchmarks.provenance(
            f"python -m gancode.benchmarks.programs {name!r}",
            seed=SEED,
            samples=SAMPLES,
            steps=program.steps,
        )
        kept[name] = {"provenance": made, "rows": seen.rows, "sheets": seen.sheets}
        ordered = {name: kept[name] for name in PROGRAMS if name in kept}
        benchmarks.write(RESULTS, {"programs": ordered})


if __name__ == "__main__":
    main(sys.argv[1:] or list(PROGRAMS))
