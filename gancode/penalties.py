"""Gradient penalties: where in sample space to look × which gradient norm to ask for.

The two choices are independent, as in LynnHo's `gradient_penalty.py`, so a new penalty is a
new combination, and a new place or a new norm is one function.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from .calculus.losses import compile
from .calculus.norms import NORMS, PENALTIES, n
from .errors import Refused, positive_integer
from .schedules import schedule, text


def _real(
    real: torch.Tensor, generated: torch.Tensor, generator: torch.Generator | None
) -> torch.Tensor:
    return real


def _generated(
    real: torch.Tensor, generated: torch.Tensor, generator: torch.Generator | None
) -> torch.Tensor:
    return generated


def _between(
    real: torch.Tensor, generated: torch.Tensor, generator: torch.Generator | None
) -> torch.Tensor:
    """One uniform point on each segment from real to generated (Gulrajani et al. 2017, section
    4)."""
    shape = (len(real),) + (1,) * (real.ndim - 1)
    return torch.lerp(
        real, generated, torch.rand(shape, generator=generator, device="cpu").to(real)
    )


def _around(
    real: torch.Tensor, generated: torch.Tensor, generator: torch.Generator | None
) -> torch.Tensor:
    """The data with normal noise of half their standard deviation (Kodali et al. 2017, whose noise
    has any size)."""
    noise = torch.randn(real.shape, generator=generator, device="cpu").to(real)
    return real + 0.5 * real.std(correction=0) * noise


@functools.cache
def _norm(name: str) -> Callable[..., torch.Tensor]:
    """One of the norms as a function of tensors of slopes."""
    return compile(NORMS[name], [n])


WHERE = {"real": _real, "generated": _generated, "between": _between, "around": _around}


@dataclass(frozen=True)
class Penalty:
    """weight · E[norm(‖∇ₓD(x)‖)] over the points x of `where`.

    `where` is "real", "generated", "between" or "around"; `norm` is "zero-centred", "one-centred"
    or "one-sided". The zero-centred norm carries the ½ of Mescheder et al. 2018, so the weight is
    their γ. The weight is a number, or a schedule over the run (see `gancode.schedules`).

    With `every` = k the penalty is taken at steps 1, k + 1, 2k + 1, … only, with k times its
    weight: the same mean at a fraction of the cost (Karras et al. 2020, section 3.1).

    Raises ValueError for an unknown choice, for a weight that is negative or not finite, and for
    an `every` that is no positive integer.
    """

    where: str
    norm: str
    weight: float | Callable[[float], float]
    every: int = 1
    _schedule: Callable[[float], float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, value, allowed in [("where", self.where, WHERE), ("norm", self.norm, NORMS)]:
            if value not in allowed:
                raise Refused(f"unknown {name} {value!r}; the choices are {', '.join(allowed)}")
        weight = schedule("the weight of a penalty", self.weight)
        object.__setattr__(self, "_schedule", weight)  # the class is frozen
        object.__setattr__(self, "every", positive_integer("every", self.every))

    def __repr__(self) -> str:
        return (
            f"Penalty(where={self.where!r}, norm={self.norm!r}, weight={text(self._schedule)}, "
            f"every={self.every})"
        )

    @property
    def name(self) -> str:
        """Its name in `gancode.calculus.norms.PENALTIES`."""
        return next(k for k, choices in PENALTIES.items() if choices == (self.where, self.norm))

    @property
    def text(self) -> str:
        """What `parse` makes it of: its name, its weight and, where that is not 1, its `every`."""
        lazy = f"@{self.every}" if self.every > 1 else ""
        return f"{self.name}={text(self._schedule)}{lazy}"

    def weight_at(self, step: int, progress: float) -> float:
        """What the mean norm is multiplied with at a step; zero where the step is left out."""
        if (step - 1) % self.every:
            return 0.0
        return self.every * self._schedule(progress)


def _named(name: str) -> Callable[..., Penalty]:
    """A penalty as a function of its weight and of `every`: r1(10, every=16)."""
    return partial(Penalty, *PENALTIES[name])


r1, r2 = _named("r1"), _named("r2")
wgan_gp, wgan_lp, dragan = _named("wgan-gp"), _named("wgan-lp"), _named("dragan")
zero_centred_between = _named("zero-centred-between")
zero_centred_around = _named("zero-centred-around")
one_centred_real = _named("one-centred-real")
one_centred_generated = _named("one-centred-generated")
one_sided_real = _named("one-sided-real")
one_sided_generated = _named("one-sided-generated")
one_sided_around = _named("one-sided-around")


def parse(penalties: Any) -> list[Penalty]:
    """A list of `Penalty` from strings and `Penalty` objects, or from one of them.

    A string is a name, "=", and a weight, which may be a schedule: "r1=1", "r1=10..0.1". What
    follows "@" is `every`: "r1=1@16". Raises ValueError for any other string.
    """
    if isinstance(penalties, (str, Penalty)):
        penalties = [penalties]
    return [p if isinstance(p, Penalty) else _parse_one(p) for p in penalties]


def _parse_one(text: str) -> Penalty:
    name, _, rest = str(text).partition("=")
    weight, lazy, every = rest.partition("@")
    name = name.strip()
    if name not in PENALTIES:
        raise Refused(f"unknown penalty {text!r}; the names are {', '.join(PENALTIES)}")
    try:
        return Penalty(*PENALTIES[name], schedule("the weight", weight), int(every) if lazy else 1)
    except ValueError as error:
        raise Refused(
            f"penalty {text!r} needs a weight, finite and not negative, as in '{name}=1'; two for "
            f"one that falls, as in '{name}=10..0.1'; and '@16' after it for every 16th step"
        ) from error


def repeated(condition: Any, times: int) -> list[torch.Tensor]:
    """The tensors of a condition for so many batches one after the other."""
    return [torch.cat([c] * times) for c in condition]


def gradient_penalty(
    discriminator: Callable,
    real: Any,
    generated: Any,
    penalties: Any,
    generator: torch.Generator | None = None,
    *,
    condition: Any = (),
    step: int = 1,
    progress: float = 0.0,
) -> torch.Tensor:
    """The sum of the penalties, a scalar that can be differentiated in the discriminator's weights.

    `real` and `generated` have shape (n, ...); the gradient is taken in x, its norm over all axes
    of one sample. The points of all penalties go through the discriminator together: one forward
    and one gradient, however many there are. `generator` draws the points of "between" and
    "around". `condition` is empty, or holds the tensors (n, ...) of a conditional GAN, such as its
    labels, which the discriminator is then given too. `step`, from 1, and `progress`, from 0 to 1,
    say where in the run this is; a penalty that is left out, or has the weight zero, costs nothing
    and draws nothing. Of a discriminator that judges patches, logits (n, 1, h, w), D(x) is the mean
    over the patches of a sample.
    """
    weights = [p.weight_at(step, progress) for p in penalties]
    active = [(p, weight) for p, weight in zip(penalties, weights, strict=True) if weight]
    if not active:
        return real.new_zeros(())
    points = [WHERE[p.where](real, generated, generator) for p, _ in active]
    x = torch.cat(points).detach().requires_grad_(True)
    logits = discriminator(x, *repeated(condition, len(active)))
    values = logits.flatten(1).mean(1) if logits.ndim > 2 else logits
    (gradient,) = torch.autograd.grad(values.sum(), x, create_graph=True)
    # vector_norm has the derivative 0 where the gradient vanishes; the root of a sum of squares
    # would have NaN there.
    norms = torch.linalg.vector_norm(gradient.flatten(1), dim=1).split(len(real))
    return sum(
        weight * _norm(p.norm)(norm).mean() for (p, weight), norm in zip(active, norms, strict=True)
    )
