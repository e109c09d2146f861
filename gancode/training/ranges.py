"""The range of the data beside that of what a generator can make."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from gancode.errors import DataRangeWarning, warn
from gancode.training.trial import copied

_ENOUGH = 64  # numbers: of fewer one cannot say that they leave a part of a range empty
_BYTES = "; for bytes `x / 127.5 - 1`, for what is from 0 to 1 `2 * x - 1`"


def compare(
    samples: torch.Tensor,
    generator: nn.Module,
    latents: torch.Tensor,
    condition: Sequence[torch.Tensor] = (),
) -> None:
    """Warn, with a `DataRangeWarning`, of samples that lie out of the range of what a generator can
    make, or in a part of it that looks like another scale.

    `latents` and the tensors of `condition` are a batch for the generator, which stays as it is.
    """
    low, high = samples.min().item(), samples.max().item()
    least, most = attainable(generator, latents, condition)
    width = most - least
    margin = 0.01 * min(width, high - low)
    if low < least - margin or high > most + margin:
        problem = "these cannot be made"
    elif samples.numel() < _ENOUGH or not low < high or not math.isfinite(width):
        return
    elif low >= (least + most) / 2 or high - low < 0.1 * width:
        problem = "a part of that, as if of another scale"
    else:
        return
    warn(
        f"the data lie between {low:.4g} and {high:.4g}, and what the generator makes between "
        f"{least:.4g} and {most:.4g}: {problem}. Bring the data to its range"
        f"{_BYTES if (least, most) == (-1, 1) else ''}",
        DataRangeWarning,
    )


def attainable(
    generator: nn.Module, latents: torch.Tensor, condition: Sequence[torch.Tensor] = ()
) -> Any:
    """The least and the greatest value that a generator can make; ∓∞ where there is no end, or
    where none is found.

    Weights and latents made large drive a last layer such as tanh to its ends, and there it stays
    when they are made larger still, on a copy.
    """
    ends = zip(
        *(_ends(generator, factor, latents, condition) for factor in (30.0, 300.0)), strict=True
    )
    low, high = (
        one if math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6) else None for one, other in ends
    )
    if low is not None and high is not None and low >= high:  # a dead one shows no range
        low = high = None
    return -math.inf if low is None else low, math.inf if high is None else high


@torch.no_grad()
def _ends(
    generator: nn.Module, factor: float, latents: torch.Tensor, condition: Sequence[torch.Tensor]
) -> Any:
    """The least and the greatest of what a copy makes, each NaN unless several numbers are it."""
    loud = copied(generator, "generator").train()
    for weight in loud.parameters():
        weight.mul_(factor)
    try:
        made = loud(factor * latents, *condition).float()
    except Exception:  # it may take other sizes of batches only
        return math.nan, math.nan
    ends = made.min(), made.max()
    near = 1e-4 * made.abs().max()
    return [end.item() if ((made - end).abs() <= near).sum() > 1 else math.nan for end in ends]
