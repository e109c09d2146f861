"""Gradient penalties: where in sample space to look × which gradient norm to ask for.

The two choices are independent, as in LynnHo's `gradient_penalty.py`, so a new penalty is a new
pair, and a new place or a new norm is one function.
"""

import math
from dataclasses import dataclass

import torch


def _real(real, generated, generator):
    return real


def _generated(real, generated, generator):
    return generated


def _between(real, generated, generator):
    """One uniform point on the segment of each pair (Gulrajani et al. 2017, section 4)."""
    shape = (len(real),) + (1,) * (real.ndim - 1)
    return torch.lerp(real, generated, torch.rand(shape, generator=generator).to(real))


def _zero_centred(norm):
    """½‖∇D‖², the regulariser of Mescheder et al. 2018 without its weight γ."""
    return norm.square() / 2


def _one_centred(norm):
    """(‖∇D‖ − 1)², as in WGAN-GP (Gulrajani et al. 2017, equation 3)."""
    return (norm - 1).square()


WHERE = {"real": _real, "generated": _generated, "between": _between}
NORM = {"zero-centred": _zero_centred, "one-centred": _one_centred}
NAMED = {
    "r1": ("real", "zero-centred"),
    "r2": ("generated", "zero-centred"),
    "wgan-gp": ("between", "one-centred"),
}


@dataclass(frozen=True)
class Penalty:
    """weight · E[norm(‖∇ₓD(x)‖)] over the points x of `where`.

    `where` is "real", "generated" or "between"; `norm` is "zero-centred" or "one-centred". The
    zero-centred norm carries the ½ of Mescheder et al. 2018, so the weight is their γ. Raises
    ValueError for an unknown choice and for a weight that is negative or not finite.
    """

    where: str
    norm: str
    weight: float

    def __post_init__(self):
        for field, value, allowed in [("where", self.where, WHERE), ("norm", self.norm, NORM)]:
            if value not in allowed:
                raise ValueError(f"unknown {field} {value!r}; the choices are {', '.join(allowed)}")
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ValueError(
                f"the weight of a penalty must be finite and not negative, not {self.weight}"
            )


def parse(penalties):
    """A list of `Penalty` from strings such as "r1=1" and `Penalty` objects, or from one of them.

    Raises ValueError for a string that is not a known name, "=", and a weight.
    """
    if isinstance(penalties, (str, Penalty)):
        penalties = [penalties]
    return [p if isinstance(p, Penalty) else _parse_one(p) for p in penalties]


def _parse_one(text):
    name, equals, weight = str(text).partition("=")
    name = name.strip()
    if name not in NAMED:
        raise ValueError(f"unknown penalty {text!r}; the names are {', '.join(NAMED)}")
    try:
        return Penalty(*NAMED[name], weight=float(weight))
    except ValueError as error:
        raise ValueError(
            f"penalty {text!r} needs a weight, finite and not negative, as in '{name}=1'"
        ) from error


def gradient_penalty(discriminator, real, generated, penalties, generator=None):
    """The sum of the penalties, a scalar that can be differentiated in the discriminator's weights.

    `real` and `generated` have shape (n, ...); the gradient is taken in x, its norm over all axes
    of one sample. The points of all penalties go through the discriminator together: one forward
    and one gradient, however many there are. `generator` draws the points of "between".
    """
    points = [WHERE[p.where](real, generated, generator) for p in penalties]
    x = torch.cat(points).detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    # vector_norm has the derivative 0 where the gradient vanishes; the root of a sum of squares
    # would have NaN there.
    norms = torch.linalg.vector_norm(gradient.flatten(1), dim=1).split(len(real))
    return sum(p.weight * NORM[p.norm](n).mean() for p, n in zip(penalties, norms, strict=True))
