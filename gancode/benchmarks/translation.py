"""Letters without serifs into letters with serifs, with pairs and without, scored by hidden pairs.

    python -m gancode.benchmarks.translation

writes `results/translation.json`: every one of METHODS with five seeds, in a few minutes of one
core, one thread and no GPU. A run can be repeated alone: `fit("cycle", 0)`.

The letters are those of `gancode.data.glyphs`. The first half of the letters to train on comes in
sans, and, for what is told pairs, in serif too; what is told none sees the second half in serif,
other letters. Their order keeps families of letters together, so the halves share few.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

import gancode
from gancode import benchmarks, data, networks, randomness
from gancode.benchmarks.digits_mlp import sheet
from gancode.training import terms

SIZE, CHANNELS, BATCH = 16, 12, 16
STEPS, SEEDS = 200, range(1, 6)
SHOWN = 20  # hidden letters on a sheet
SHAPE = (1, SIZE, SIZE)
OPTIONS: dict[str, Any] = {
    "objective": "least-squares",
    "lr": 3e-3,
    "betas": (0.5, 0.99),
    "ema": 0.98,
}
RESULTS = benchmarks.RESULTS / "translation.json"


@dataclass(frozen=True)
class Method:
    """What a translation is taught by: with pairs `l1` is the weight of the distance to the truth,
    without them `cycle` and `identity` are those of the terms of these names; and whether the
    critic is heard at all (`adversarial`)."""

    paired: bool
    l1: float = 0.0
    cycle: float = 0.0
    identity: float = 0.0
    adversarial: bool = True


METHODS = {
    "L1": Method(True, l1=100.0, adversarial=False),
    "pix2pix, w = 100": Method(True, l1=100.0),
    "pix2pix, w = 1": Method(True, l1=1.0),
    "no cycle": Method(False),
    "cycle": Method(False, cycle=10.0),
    "cycle, identity": Method(False, cycle=10.0, identity=5.0),
}


class Redraw(nn.Module):
    """x ↦ tanh(2x + 3U(x)) for images x (n, 1, SIZE, SIZE) and a U-Net U with values in [−1, 1]:
    what is learned is the change, and at first there is hardly any. Latents are passed over."""

    def __init__(self) -> None:
        super().__init__()
        self.change = networks.unet(SHAPE, channels=CHANNELS)

    def forward(self, z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(2 * x + 3 * self.change(z, x))


class OfImage(nn.Module):
    """A critic of images alone, called with a condition: it does not look at it. With `mute` all
    its logits are 0, so that nobody learns from it."""

    def __init__(self, mute: bool = False) -> None:
        super().__init__()
        self.network = networks.patch_discriminator(SHAPE, channels=CHANNELS, depth=1)
        self.mute = mute

    def forward(self, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        logits = self.network(y)
        return 0 * logits if self.mute else logits


def critic(method: Method) -> nn.Module:
    """A discriminator of patches: of pairs where there are pairs, and else of images."""
    if method.paired and method.adversarial:
        return networks.patch_discriminator(SHAPE, SHAPE, channels=CHANNELS, depth=1)
    return OfImage(mute=not method.adversarial)


def letters() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, data.Glyphs]:
    """Sans letters (n, 1, SIZE, SIZE), the serif letters that belong to them, the serif letters of
    others, and the hidden pairs."""
    known, hidden = data.glyphs(size=SIZE)
    half = len(known.letters) // 2
    return known.source[:half], known.target[:half], known.target[half:], hidden


def players(name: str, seed: int) -> list[gancode.Players]:
    """The players of one of METHODS: G with its critic, and without pairs F with its own, each
    with the terms that tie it to the other."""
    method = METHODS[name]
    gancode.seed(seed)
    G, F = Redraw(), Redraw()
    ways = [(G, F)] if method.paired else [(G, F), (F, G)]
    made = []
    for forth, back in ways:
        wanted = {
            "l1": (terms.l1, method.l1),
            "cycle": (terms.Cycle(back), method.cycle),
            "identity": (terms.identity, method.identity),
        }
        active = {key: term for key, term in wanted.items() if term[1]}
        gan = gancode.GAN(forth, critic(method), latent_dim=1, conditional=True)
        made.append(gancode.Players(gan, generator_terms=active, seed=seed, **OPTIONS))
    return made


def fit(name: str, seed: int, steps: int = STEPS) -> list[gancode.Players]:
    """Train one of METHODS; with pairs one player, without two, which take turns."""
    sans, paired, others, _ = letters()
    turns = players(name, seed)
    rng = torch.Generator().manual_seed(randomness.streams(seed)[-1])
    for step in range(steps):
        chosen = torch.randint(len(sans), (BATCH,), generator=rng)
        x, y = sans[chosen], paired[chosen]
        if len(turns) == 2:
            y = others[torch.randint(len(others), (BATCH,), generator=rng)]
        for player, (real, given) in zip(turns, ((y, x), (x, y)), strict=False):
            player.advance(step / steps)
            batch = player.batch(real, given)
            player.discriminator_step(batch)
            player.generator_step(batch)
    return turns


def translate(network: Callable, x: torch.Tensor) -> torch.Tensor:
    """Letters x (n, 1, SIZE, SIZE) by a generator that passes over its latents."""
    with torch.no_grad():
        return network(x.new_zeros(len(x), 1), x)


def judged(made: torch.Tensor, truth: torch.Tensor) -> dict[str, float]:
    """Of translations beside the truth, both (n, 1, h, w): the mean square and the mean absolute
    error a pixel, on a scale from −1 to 1, and `edges`, the mean step between neighbouring pixels
    as a share of the truth's: less than 1 where letters are blurred."""
    return {
        "mse": (made - truth).square().mean().item(),
        "l1": (made - truth).abs().mean().item(),
        "edges": _edges(made) / _edges(truth),
    }


def _edges(x: torch.Tensor) -> float:
    return (x.diff(dim=-1).abs().mean() + x.diff(dim=-2).abs().mean()).item() / 2


# What needs no training. -------------------------------------------------------------------------


def least_squares(x: torch.Tensor, y: torch.Tensor, ridge: float) -> Callable:
    """The affine map from pairs (n, ...) that is best in mean square, with a `ridge` on its
    deviation from the identity: it learns the change too."""
    a, b = x.flatten(1).double(), y.flatten(1).double()
    mean_x, mean_y = a.mean(0), b.mean(0)
    u, change = a - mean_x, (b - mean_y) - (a - mean_x)
    gram = u.T @ u + ridge * torch.eye(u.shape[1], dtype=u.dtype)
    weights = torch.linalg.solve(gram, u.T @ change)

    def apply(z: Any, image: torch.Tensor) -> torch.Tensor:
        u = image.flatten(1).double() - mean_x
        return (mean_y + u + u @ weights).view_as(image).to(image.dtype)

    return apply


def shade(x: torch.Tensor, y: torch.Tensor) -> Callable:
    """u ↦ a u + b on each pixel, the two numbers best in mean square: no shape changes."""
    a, b = x.flatten().double(), y.flatten().double()
    slope = ((a - a.mean()) * (b - b.mean())).mean() / a.var(correction=0)

    def apply(z: Any, image: torch.Tensor) -> torch.Tensor:
        return (b.mean() + slope * (image.double() - a.mean())).to(image.dtype)

    return apply


def shade_absolute(x: torch.Tensor, y: torch.Tensor) -> Callable:
    """The same, best in mean absolute error among slopes that are whole hundredths: of each slope
    the best constant is a median."""
    slopes = torch.linspace(0, 2, 201, dtype=torch.float64)
    rests = [y.flatten().double() - slope * x.flatten().double() for slope in slopes]
    constants = [rest.median() for rest in rests]
    errors = [(rest - b).abs().mean() for rest, b in zip(rests, constants, strict=True)]
    k = int(torch.stack(errors).argmin())

    def apply(z: Any, image: torch.Tensor) -> torch.Tensor:
        return (slopes[k] * image.double() + constants[k]).to(image.dtype)

    return apply


def levels(x: torch.Tensor, y: torch.Tensor) -> Callable:
    """Without pairs: each pixel gets the grey that has its rank among all of y, where equal ones
    have the middle of their ranks: no shape changes."""
    a, b = (each.flatten().double().sort().values for each in (x, y))

    def apply(z: Any, image: torch.Tensor) -> torch.Tensor:
        values = image.double().contiguous()
        below, up_to = (torch.searchsorted(a, values, right=right) for right in (False, True))
        rank = (below + up_to) * len(b) // (2 * len(a))
        return b[rank.clamp(max=len(b) - 1)].to(image.dtype)

    return apply


def nearest(x: torch.Tensor, y: torch.Tensor) -> Callable:
    """The y that belongs to the nearest of x, in mean square."""

    def apply(z: Any, image: torch.Tensor) -> torch.Tensor:
        return y[torch.cdist(image.flatten(1), x.flatten(1)).argmin(1)]

    return apply


def moments(x: torch.Tensor, y: torch.Tensor, ridge: float) -> Callable:
    """Without pairs: the affine map that takes the normal law of the mean and covariance of x to
    that of y by the least mean square way, the optimal transport between the two. `ridge` is added
    to the variances of all pixels."""
    a, b = x.flatten(1).double(), y.flatten(1).double()
    eye = ridge * torch.eye(a.shape[1], dtype=a.dtype)
    S, T = a.T.cov() + eye, b.T.cov() + eye
    root = square_root(S)
    inverse = torch.linalg.inv(root)
    weights = inverse @ square_root(root @ T @ root) @ inverse

    def apply(z: Any, image: torch.Tensor) -> torch.Tensor:
        u = image.flatten(1).double() - a.mean(0)
        return (b.mean(0) + u @ weights).view_as(image).to(image.dtype)

    return apply


def square_root(matrix: torch.Tensor) -> torch.Tensor:
    """The symmetric root of a covariance (d, d)."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T


RIDGES = (0.1, 1.0, 10.0, 100.0, 1000.0)  # tried for least squares
SHRINK = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # tried for moments


def baselines() -> dict[str, torch.Tensor]:
    """Translations of the hidden letters by what is not trained. A ridge is the best of those tried
    on the last quarter of the pairs to train on, and for `moments`, which is told no pairs, too:
    that favours it."""
    sans, paired, others, hidden = letters()
    cut = 3 * len(sans) // 4

    def best(make: Callable[[float, int], Callable], tried: Sequence[float]) -> Callable:
        def error(ridge: float) -> float:
            return judged(translate(make(ridge, cut), sans[cut:]), paired[cut:])["mse"]

        return make(min(tried, key=error), len(sans))

    made = {
        "identity": lambda z, x: x,
        "median letter": lambda z, x: paired.median(0).values.expand_as(x),
        "shade": shade(sans, paired),
        "shade, absolute": shade_absolute(sans, paired),
        "levels": levels(sans, others),
        "nearest": nearest(sans, paired),
        "least squares": best(lambda r, n: least_squares(sans[:n], paired[:n], r), RIDGES),
        "moments": best(lambda r, n: moments(sans[:n], others, r), SHRINK),
    }
    return {name: translate(network, hidden.source) for name, network in made.items()}


def results() -> dict:
    """The committed results: a dict of `provenance`, `rows` (one a run) and `sheets`, of the first
    seed, by method: the first SHOWN hidden letters."""
    return benchmarks.read(RESULTS)


def runs(steps: int) -> Iterator[tuple[dict, str, str]]:
    """All methods with all seeds."""
    hidden = letters()[3]
    for seed in SEEDS:
        for name in METHODS:
            turns = fit(name, seed, steps)
            made = translate(turns[0].averaged, hidden.source)
            row = {"method": name, "seed": seed}
            row |= {key: round(value, 5) for key, value in judged(made, hidden.target).items()}
            seen = turns[0].row()
            row |= {key: round(seen[key], 4) for key in ("cycle", "identity") if key in seen}
            yield row, name, sheet(made[:SHOWN], SHOWN)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all methods with all seeds and write the results."""
    benchmarks.keep(
        arguments,
        main.__doc__,
        RESULTS,
        runs,
        steps=STEPS,
        seeds=list(SEEDS),
        size=SIZE,
        channels=CHANNELS,
        batch_size=BATCH,
        options=OPTIONS,
        methods={name: asdict(method) for name, method in METHODS.items()},
    )


if __name__ == "__main__":
    main()
