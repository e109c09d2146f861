"""Transformations that real and generated samples go through before the discriminator sees them.

With few data a discriminator learns them by heart. Shown transformed samples, real and generated
alike and in both steps, it cannot, and the generator does not learn to make what is transformed
(Zhao et al. 2020; Karras et al. 2020). The transformations are differentiable, twice where a
penalty asks for it. An image that is the condition of a sample is transformed with it, so that the
two of a pair still lie on one another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F

from gancode.errors import Refused, WrongType, noted
from gancode.training.described import described

TARGET = 0.6  # of the mean sign of the logits on real samples (Karras et al. 2020, section 3.1)
IMAGES = 500_000  # in which an adaptive probability can go from 0 to 1 (the same)
EVERY = 4  # steps of the discriminator between two changes of it (the same)
ADAPTIVE = "adaptive"


def _uniform(x: torch.Tensor, draws: torch.Generator | None, *shape: int) -> torch.Tensor:
    """Numbers from 0 to 1, one for each sample and what `shape` adds, for images (n, c, h, w)."""
    numbers = torch.rand((len(x), *shape), generator=draws, device="cpu")
    return numbers.to(x).reshape(len(x), *shape, *[1] * (x.ndim - 1 - len(shape)))


def translation(x: torch.Tensor, draws: torch.Generator | None) -> torch.Tensor:
    """Images moved by up to an eighth of their size; what comes in is 0, the middle of the range
    (Zhao et al. 2020)."""
    n, _, *size = x.shape
    most = [side // 8 for side in size]
    shifts = [
        torch.randint(-m, m + 1, (n, 1), generator=draws, device="cpu").to(x.device) for m in most
    ]
    padded = F.pad(x, (most[1], most[1], most[0], most[0]))
    rows, columns = (
        torch.arange(side, device=x.device) + m + shift
        for side, m, shift in zip(size, most, shifts, strict=True)
    )
    batch = torch.arange(n, device=x.device)[:, None, None]
    return padded.movedim(1, 3)[batch, rows[:, :, None], columns[:, None]].movedim(3, 1)


def cutout(x: torch.Tensor, draws: torch.Generator | None) -> torch.Tensor:
    """Images with a square of half their size, somewhere, set to 0 (DeVries and Taylor 2017)."""
    height, width = (
        (torch.arange(side, device=x.device) + 0.5 - middle.view(-1, 1) * side).abs() <= side / 4
        for side, middle in zip(x.shape[2:], (_uniform(x, draws), _uniform(x, draws)), strict=True)
    )
    inside = height[:, None, :, None] & width[:, None, None, :]
    return x.masked_fill(inside, 0.0)


def brightness(x: torch.Tensor, draws: torch.Generator | None) -> torch.Tensor:
    """All of a sample made brighter or darker, by up to 0.5 (Zhao et al. 2020)."""
    return x + (_uniform(x, draws) - 0.5)


def contrast(x: torch.Tensor, draws: torch.Generator | None) -> torch.Tensor:
    """What a sample has beside its mean, between half and one and a half times as much (the
    same)."""
    mean = x.flatten(1).mean(1).view(-1, *[1] * (x.ndim - 1))
    return mean + (x - mean) * (_uniform(x, draws) + 0.5)


def affine(x: torch.Tensor, draws: torch.Generator | None) -> torch.Tensor:
    """Images turned by up to 0.2 radians, made up to an eighth smaller or larger, and moved by up
    to an eighth of their size; what comes in is like the nearest edge. Between pixels it is linear.

    Pixels are gathered, which can be differentiated twice; `grid_sample` of older PyTorch cannot.
    """
    n, channels, height, width = x.shape
    angle, zoom, down, right = (2 * _uniform(x, draws, 4) - 1).reshape(n, 4, 1, 1).unbind(1)
    cosine, sine = torch.cos(0.2 * angle), torch.sin(0.2 * angle)
    size = 1 + zoom / 8
    rows = torch.arange(height).to(x)[:, None] - (height - 1) / 2
    columns = torch.arange(width).to(x) - (width - 1) / 2
    # Where each pixel comes from, and the upper left one of the four pixels around that place.
    row = (cosine * rows - sine * columns) * size + (height - 1) / 2 + down * height / 8
    column = (sine * rows + cosine * columns) * size + (width - 1) / 2 + right * width / 8
    row, column = row.clamp(0, height - 1), column.clamp(0, width - 1)
    above, left = (
        row.long().clamp(max=max(height - 2, 0)),
        column.long().clamp(max=max(width - 2, 0)),
    )
    below, beside = width * (height > 1), int(width > 1)  # of a single row it is the nearest
    first = (above * width + left).flatten(1)[:, None]
    u, v = (row - above)[:, None], (column - left)[:, None]

    def near(offset: int) -> torch.Tensor:
        return x.flatten(2).gather(2, (first + offset).expand(-1, channels, -1)).view_as(x)

    upper = near(0) + v * (near(beside) - near(0))
    lower = near(below) + v * (near(below + beside) - near(below))
    return upper + u * (lower - upper)


NAMED = {
    "translation": translation,
    "cutout": cutout,
    "brightness": brightness,
    "contrast": contrast,
    "affine": affine,
}
_FOR_IMAGES = (translation, cutout, affine)


@dataclass(frozen=True)
class Augment:
    """Transformations, each with a name, and the probability with which one is done to a sample.

    A transformation is a function of samples (n, ...) and of the generator that it draws from, or
    None for the global state. The probability is a number, or "adaptive": then it begins at 0 and
    follows the discriminator, up where the mean sign of its logits on real samples is above
    `target`, and down where it is below, by so much that it could go from 0 to 1 in `images`.
    """

    transformations: dict[str, Callable]
    probability: float | str = 1.0
    target: float = TARGET
    images: int = IMAGES

    def __post_init__(self) -> None:
        for name, each in self.transformations.items():
            if not callable(each):
                raise WrongType(
                    f"augment: {name!r} must be a function of samples and a random generator, not "
                    f"{type(each).__name__}"
                )
        p = self.probability
        if p != ADAPTIVE and not (isinstance(p, (int, float)) and 0 <= p <= 1):
            raise Refused(f'augment: the probability {p!r} must be from 0 to 1, or "adaptive"')

    @property
    def text(self) -> str:
        """What tells it from another; of those by name what `parse` makes it of."""
        names = [
            name if NAMED.get(name) is each else described(each)
            for name, each in self.transformations.items()
        ]
        follows = "" if (self.target, self.images) == (TARGET, IMAGES) else (
            f", {self.target} in {self.images}")  # fmt: skip
        return f"{'+'.join(names)}@{self.probability}{follows}"


def parse(given: Any) -> Augment:
    """An `Augment` from a text such as "translation+cutout@0.5" or "brightness@adaptive" (without
    a probability it is 1), or from a function.

    Raises `Refused` for what is none.
    """
    if isinstance(given, Augment):
        return given
    if callable(given):
        return Augment({getattr(given, "__name__", type(given).__name__): given})
    names, at, probability = str(given).partition("@")
    found = [name.strip() for name in names.split("+")]
    if unknown := [name for name in found if name not in NAMED]:
        raise Refused(f"unknown augmentation {unknown[0]!r}; the names are {', '.join(NAMED)}")
    try:
        p = ADAPTIVE if probability.strip() == ADAPTIVE else float(probability) if at else 1.0
    except ValueError:
        p = probability
    return Augment({name: NAMED[name] for name in found}, p)


def _state(draws: torch.Generator | None) -> torch.Tensor:
    return torch.get_rng_state() if draws is None else draws.get_state()


def _go_back(draws: torch.Generator | None, state: torch.Tensor) -> None:
    """Let the next draws be those that came after this state."""
    torch.set_rng_state(state) if draws is None else draws.set_state(state)


class Augmentation:
    """An `Augment` in a run: its probability, and what that follows; with a state to be saved."""

    def __init__(self, augment: Augment, processes: Any):
        self.augment, self.processes = augment, processes
        self.adaptive = augment.probability == ADAPTIVE
        start = 0.0 if self.adaptive else float(augment.probability)
        # On the device, so that a step need not wait for it: the probability, the sum of the signs,
        # and over how many samples and steps it goes.
        self._state = torch.tensor([start, 0.0, 0.0, 0.0], device="cpu")

    def to(self, device: Any) -> Any:
        self._state = self._state.to(device)

    @property
    def probability(self) -> torch.Tensor:
        return self._state[0]

    def __call__(
        self,
        x: torch.Tensor,
        condition: Sequence[torch.Tensor] = (),
        draws: torch.Generator | None = None,
    ) -> tuple[torch.Tensor, ...]:
        """Samples and the tensors of their condition, each transformation done to those samples
        that chance says. To an image of the condition that lies pixel on pixel with its sample, of
        the same height and width, the same is done, with the same draws; the rest of a condition
        stays as it is."""
        if x.ndim != 4 and any(t in _FOR_IMAGES for t in self.augment.transformations.values()):
            raise Refused(
                "translation, cutout and affine are for images (n, channels, height, width), not "
                f"for samples of shape {tuple(x.shape[1:])}"
            )
        given = [*condition]
        beside = [
            k
            for k, c in enumerate(given)
            if x.ndim == c.ndim == 4 and c.shape[2:] == x.shape[2:] and c.is_floating_point()
        ]
        for name, transformation in self.augment.transformations.items():
            chosen = _uniform(x, draws) < self.probability
            before = _state(draws)
            with noted(f"in the augmentation {name!r} of gancode.train"):
                x = torch.where(chosen, transformation(x, draws), x)
                for k in beside:
                    _go_back(draws, before)
                    given[k] = torch.where(chosen, transformation(given[k], draws), given[k])
        return x, *given

    @torch.no_grad()
    def follow(self, logits_real: Any, step: int) -> Any:
        """Change an adaptive probability by what the discriminator says of real samples."""
        if not self.adaptive:
            return
        signs = logits_real.detach().sign()
        self._state[1] += signs.sum()
        self._state[2] += signs.numel()
        if step % EVERY == 0:
            self.processes.average([self._state])
            above = (self._state[1] / self._state[2] - self.augment.target).sign()
            seen = self._state[2] * self.processes.world_size
            self._state[0] = (self._state[0] + above * seen / self.augment.images).clamp(0, 1)
            self._state[1:] = 0.0

    def state_dict(self) -> Any:
        return {"adaptive": self._state}

    def load_state_dict(self, state: Any) -> Any:
        self._state.copy_(state["adaptive"])
