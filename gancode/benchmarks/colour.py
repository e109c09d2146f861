"""Colours for grey patches of two photographs, by networks and by tables; and colours moved from
one photograph to the other.

    python -m gancode.benchmarks.colour

writes `results/colour.json`: what needs no training, and every one of METHODS, with five seeds. The
photographs are scikit-learn's, at half their size. Each is cut into squares of BLOCK pixels, and a
seed sets a quarter of them aside to judge by; patches lie within a square, so none to learn from
shares a pixel with one that is judged.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

import gancode
from gancode import benchmarks, metrics, networks
from gancode.benchmarks.translation import square_root
from gancode.training import terms
from gancode.training.terms import Seen

# Pixels: a square, a patch, from one patch learned from to the next.
BLOCK, SIZE, STRIDE = 32, 16, 4
BINS = 32  # levels of grey of a table
CHANNELS, LATENT_DIM, STEPS, BATCH = 16, 4, 400, 32
SEEDS = range(5)
OPTIONS: dict[str, Any] = {
    "objective": "nonsaturating",
    "penalties": ["r1=0.1@4"],
    "lr": 3e-3,
    "betas": (0.5, 0.99),
    "ema": 0.98,
    "batch_size": BATCH,
}
RATES = {"": OPTIONS["lr"], "slow ": 1e-3}  # none is chosen: two of a family
LUMA = (0.299, 0.587, 0.114)  # of red, green, blue in grey (ITU-R BT.601)
RESULTS = benchmarks.RESULTS / "colour.json"


@dataclass(frozen=True)
class Method:
    """What a network learns by: the weights of the mean square and of the mean absolute error, and
    whether the critic is heard."""

    squares: float = 0.0
    l1: float = 0.0
    adversarial: bool = True


METHODS = {
    "L2": Method(squares=100.0, adversarial=False),
    "L1": Method(l1=100.0, adversarial=False),
    "cGAN": Method(),
    "cGAN + L2": Method(squares=30.0),
}


@functools.cache
def photographs() -> tuple[torch.Tensor, torch.Tensor]:
    """The two photographs of scikit-learn, (3, 192, 320) each, in [0, 1]: a house in China and a
    flower, halved by means over 2 × 2 pixels and cut to whole squares of BLOCK."""
    from sklearn.datasets import load_sample_images

    images = [torch.tensor(x).permute(2, 0, 1) / 255 for x in load_sample_images().images]
    house, flower = (F.avg_pool2d(x[None], 2)[0, :, :192, :320] for x in images)
    return house, flower


def parted(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of colours (n, 3, h, w) in [0, 1] the grey (n, 1, h, w) and what it leaves open, the chroma
    (n, 2, h, w): blue and red less grey. All in [−1, 1]; the chroma of a grey pixel is 0."""
    grey = (x * x.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)
    blue, red = (x[:, k : k + 1] - grey for k in (2, 0))
    chroma = [2 * blue / (2 - 2 * LUMA[2]), 2 * red / (2 - 2 * LUMA[0])]
    return 2 * grey - 1, torch.cat(chroma, 1)


def joined(grey: torch.Tensor, chroma: torch.Tensor) -> torch.Tensor:
    """The colours in [0, 1], clipped, of grey and chroma: the inverse of `parted`."""
    light = grey[:, 0] / 2 + 0.5
    blue = light + chroma[:, 0] * (1 - LUMA[2])
    red = light + chroma[:, 1] * (1 - LUMA[0])
    green = (light - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return torch.stack([red, green, blue], 1).clamp(0, 1)


@dataclass(frozen=True)
class Patches:
    """Grey (n, 1, SIZE, SIZE) and chroma (n, 2, SIZE, SIZE) of patches; `photograph` (n,) is 0 or
    1."""

    grey: torch.Tensor
    chroma: torch.Tensor
    photograph: torch.Tensor


def patches(seed: int) -> tuple[Patches, Patches]:
    """The patches to learn from, every STRIDE pixels and mirrored, and those to judge by, side by
    side, from other squares."""
    rng = torch.Generator().manual_seed(1000 + seed)
    known, hidden = [], []
    for x in photographs():
        squares = x.unfold(1, BLOCK, BLOCK).unfold(2, BLOCK, BLOCK)
        squares = squares.permute(1, 2, 0, 3, 4).reshape(-1, 3, BLOCK, BLOCK)
        order, judged_by = torch.randperm(len(squares), generator=rng), len(squares) // 4
        hidden.append(_windows(squares[order[:judged_by]], SIZE))
        windows = _windows(squares[order[judged_by:]], STRIDE)
        known.append(torch.cat([windows, windows.flip(-1)]))
    found = []
    for parts in (known, hidden):
        photograph = torch.cat([torch.full((len(x),), k) for k, x in enumerate(parts)])
        found.append(Patches(*parted(torch.cat(parts)), photograph))
    return found[0], found[1]


def _windows(squares: torch.Tensor, stride: int) -> torch.Tensor:
    windows = squares.unfold(2, SIZE, stride).unfold(3, SIZE, stride)
    return windows.permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, SIZE, SIZE)


class Painter(nn.Module):
    """Grey (n, 1, h, w) and latents (n, LATENT_DIM) to chroma (n, 2, h, w): three convolutions that
    see 15 × 15 pixels, and one of a single pixel. There is no normalisation over the patch, as
    U-Nets have it: it would take the patch's own brightness away."""

    def __init__(self) -> None:
        super().__init__()
        wide, layers = 1 + LATENT_DIM, []
        for step in (1, 2, 4):
            layers += [
                nn.Conv2d(wide, CHANNELS, 3, 1, step, step, padding_mode="reflect"),
                networks.leaky_relu(),
            ]
            wide = CHANNELS
        self.network = nn.Sequential(*layers, nn.Conv2d(wide, 2, 1), nn.Tanh())

    def forward(self, z: torch.Tensor, grey: torch.Tensor) -> torch.Tensor:
        planes = z[:, :, None, None].expand(-1, -1, *grey.shape[2:])
        return self.network(torch.cat([grey, planes], 1))


class Critic(nn.Module):
    """Chroma and grey side by side to one logit (n,). Neither is it normalised over the patch,
    since then it would be blind to a tint of the whole. With `mute` its logits are 0."""

    def __init__(self, mute: bool = False) -> None:
        super().__init__()
        wide, layers, self.mute = 3, [], mute
        for width in (CHANNELS, 2 * CHANNELS, 2 * CHANNELS):
            layers += [nn.Conv2d(wide, width, 4, 2, 1), networks.leaky_relu()]
            wide = width
        last = nn.Linear(wide * (SIZE // 8) ** 2, 1)
        self.network = nn.Sequential(*layers, nn.Flatten(), last, nn.Flatten(0))

    def forward(self, chroma: torch.Tensor, grey: torch.Tensor) -> torch.Tensor:
        logits = self.network(torch.cat([chroma, grey], 1))
        return 0 * logits if self.mute else logits


def squares(seen: Seen) -> torch.Tensor:
    """The mean squared error of a number of the chroma."""
    return (seen.generated - seen.real).square().mean()


def fit(
    name: str, known: Patches, seed: int, steps: int = STEPS, rate: float = OPTIONS["lr"]
) -> nn.Module:
    """Train one of METHODS, both players at the learning rate; its averaged generator."""
    method = METHODS[name]
    gancode.seed(seed)
    gan = gancode.GAN(Painter(), Critic(not method.adversarial), LATENT_DIM, conditional=True)
    weighed = {"squares": (squares, method.squares), "l1": (terms.l1, method.l1)}
    heard = {key: term for key, term in weighed.items() if term[1]}
    told = (known.chroma, known.grey)
    options = OPTIONS | {"lr": rate} | ({} if method.adversarial else {"penalties": []})
    return gancode.train(
        gan, told, steps=steps, seed=seed, progress=False, generator_terms=heard, **options
    ).averaged


def painted(network: nn.Module, grey: torch.Tensor, seed: int = 1) -> torch.Tensor:
    """The chroma that a network gives to grey patches, with one latent for each."""
    z = torch.randn(len(grey), LATENT_DIM, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return network.eval()(z, grey)


# What needs no training. -------------------------------------------------------------------------


def level(grey: torch.Tensor) -> torch.Tensor:
    """The number of the level of grey, from 0 to BINS − 1."""
    return ((grey + 1) / 2 * BINS).long().clamp(0, BINS - 1)


def by_level(known: Patches) -> list[torch.Tensor]:
    """The chroma (m, 2) of all pixels to learn from of each level; where there is none, of all."""
    chroma, levels = known.chroma.permute(0, 2, 3, 1).reshape(-1, 2), level(known.grey).flatten()
    groups = [chroma[levels == k] for k in range(BINS)]
    return [group if len(group) else chroma for group in groups]


def tables(known: Patches, grey: torch.Tensor) -> dict[str, torch.Tensor]:
    """The chroma for each pixel by its level of grey alone: the mean, the median of each number,
    and one drawn at random."""
    groups, levels = by_level(known), level(grey).flatten()
    rng = torch.Generator().manual_seed(1)
    drawn = torch.empty(len(levels), 2)
    for k, group in enumerate(groups):
        here = (levels == k).nonzero()[:, 0]
        drawn[here] = group[torch.randint(len(group), (len(here),), generator=rng)]
    made = {
        "grey's mean": torch.stack([group.mean(0) for group in groups])[levels],
        "grey's median": torch.stack([group.median(0).values for group in groups])[levels],
        "grey's sample": drawn,
    }
    n, _, h, w = grey.shape
    return {name: x.reshape(n, h, w, 2).permute(0, 3, 1, 2) for name, x in made.items()}


def baselines(known: Patches, hidden: Patches) -> dict[str, torch.Tensor]:
    """The chroma of the hidden patches without training. The photograph's mean is told which
    photograph a patch is from."""
    means = torch.stack([known.chroma[known.photograph == k].mean((0, 2, 3)) for k in (0, 1)])
    of_photograph = means[hidden.photograph][:, :, None, None].expand_as(hidden.chroma)
    near = torch.cdist(hidden.grey.flatten(1), known.grey.flatten(1)).argmin(1)
    made = {"none": torch.zeros_like(hidden.chroma), "photograph's mean": of_photograph}
    return made | tables(known, hidden.grey) | {"nearest patch": known.chroma[near]}


def cells(grey: torch.Tensor, chroma: torch.Tensor) -> torch.Tensor:
    """Of patches the means of grey and chroma over each quarter, (n, 12)."""
    return F.avg_pool2d(torch.cat([grey, chroma], 1), SIZE // 2).flatten(1).double()


def judged(chroma: torch.Tensor, hidden: Patches) -> dict[str, float]:
    """Of the chroma of hidden patches: the squared error of a pixel (`mse`) and its absolute error
    (`l1`), sums over both numbers; the mean square of the chroma as a share of the truth's
    (`energy`); and the Fréchet distance to the truth in the means over quarters (`frechet`)."""
    made, true = (moments(cells(hidden.grey, each)) for each in (chroma, hidden.chroma))
    error = chroma - hidden.chroma
    return {
        "mse": error.square().sum(1).mean().item(),
        "l1": error.abs().sum(1).mean().item(),
        "energy": (chroma.square().mean() / hidden.chroma.square().mean()).item(),
        "frechet": metrics.gaussian_wasserstein(*made, *true) ** 2,
    }


# Colours that move from one photograph to the other. ---------------------------------------------


def moments(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (d,) and covariance (d, d) of points (n, d)."""
    return x.mean(0), x.T.cov(correction=0)


def adain(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Points x (n, d) with the mean and the deviation of each coordinate of y (Huang and Belongie
    2017, equation 8; on colours, Reinhard et al. 2001)."""
    return y.mean(0) + (x - x.mean(0)) * (y.std(0, correction=0) / x.std(0, correction=0))


def monge(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Points x (n, d) with mean and covariance of y, by the affine map that moves them least in
    mean square (Dowson and Landau 1982)."""
    (m, S), (n, T) = moments(x), moments(y)
    root = square_root(S)
    inverse = torch.linalg.inv(root)
    return n + (x - m) @ (inverse @ square_root(root @ T @ root) @ inverse)


def as_colourful(chroma: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Chroma times the one number with which its mean square is that of another: the control of a
    method that is more colourful than the mean."""
    return chroma * (other.square().mean() / chroma.square().mean()).sqrt()


def results() -> dict:
    """The committed results: a dict of `provenance` and `rows`, one a method and seed."""
    return benchmarks.read(RESULTS)


def runs(steps: int) -> Iterator[tuple[dict, str, str]]:
    """All baselines, and all methods at all RATES, with all seeds."""
    for seed in SEEDS:
        known, hidden = patches(seed)
        for name, chroma in baselines(known, hidden).items():
            yield row(name, seed, judged(chroma, hidden)), "", ""
        for pace in RATES:
            yield from ((each, "", "") for each in played(pace, known, hidden, seed, steps))


def played(
    pace: str, known: Patches, hidden: Patches, seed: int, steps: int = STEPS
) -> Iterator[dict]:
    """The rows of all METHODS at one of RATES, and of the controls: L2 with the contrast of cGAN +
    L2 ("more contrast") and of cGAN ("contrast of cGAN")."""
    painted_by = {}
    for name in METHODS:
        network = fit(name, known, seed, steps, RATES[pace])
        painted_by[name], two = (painted(network, hidden.grey, k) for k in (1, 2))
        spread = (painted_by[name] - two).square().sum(1).mean().item() / 2
        yield row(pace + name, seed, judged(painted_by[name], hidden) | {"spread": spread})
    for control, game in (("more contrast", "cGAN + L2"), ("contrast of cGAN", "cGAN")):
        answer = as_colourful(painted_by["L2"], painted_by[game])
        yield row(f"{pace}L2, {control}", seed, judged(answer, hidden))


def row(name: str, seed: int, marks: dict[str, float]) -> dict:
    """A row of the results."""
    return {"method": name, "seed": seed} | {key: round(x, 5) for key, x in marks.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Colour the hidden patches by all methods with all seeds and write the results."""
    benchmarks.keep(
        arguments,
        main.__doc__,
        RESULTS,
        runs,
        steps=STEPS,
        seeds=list(SEEDS),
        methods={name: asdict(method) for name, method in METHODS.items()},
        options=OPTIONS,
        rates=RATES,
        block=BLOCK,
        size=SIZE,
        stride=STRIDE,
        bins=BINS,
        channels=CHANNELS,
        latent_dim=LATENT_DIM,
    )


if __name__ == "__main__":
    main()
