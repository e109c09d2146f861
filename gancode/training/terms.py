"""More losses than the objective's: named functions of what a step has seen, or modules.

A function takes a `Seen` and returns a scalar tensor, which is added to the loss of its player. A
module does the same; where it has weights of its own they train with that player, and a moving
average of them is kept::

    def l1(seen):                                    # pix2pix (Isola et al. 2017)
        return (seen.generated - seen.real).abs().mean()

    gancode.train(gan, (targets, inputs), generator_terms={"l1": (l1, 100.0)}, ...)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from gancode.errors import Refused, WrongType, noted
from gancode.schedules import plain, schedule

COLUMNS = (
    "step",
    "discriminator_loss",
    "generator_loss",
    "penalty",
    "logits_real",
    "logits_generated",
    "discriminator_gradient",
    "generator_gradient",
    "augment_probability",
    "images_per_second",
)


@dataclass(frozen=True)
class Seen:
    """What a step has seen of a batch, or of a piece of it (`accumulate`).

    `real` and `generated` are samples (n, ...), in the discriminator's step without the graph that
    leads to the generator; `latents` is (n, latent_dim), and `condition` holds the tensors of the
    condition, none where there is none. `logits_real` and `logits_generated` have one entry for
    each sample, or for each of its patches; the generator's step looks at real ones only where the
    objective is paired, and else `logits_real` is None. Then the two networks.
    """

    real: torch.Tensor
    generated: torch.Tensor
    latents: torch.Tensor
    condition: tuple
    logits_real: torch.Tensor | None
    logits_generated: torch.Tensor
    generator: Callable
    discriminator: Callable


@dataclass(frozen=True)
class Term:
    """weight · loss(seen), by a name that is its column in the history."""

    name: str
    loss: Callable[[Seen], torch.Tensor]
    weight: float | str | Callable[[float], float] = 1.0
    _schedule: Callable[[float], float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        weight = schedule(f"the weight of the term {self.name!r}", self.weight)
        object.__setattr__(self, "_schedule", weight)  # the class is frozen

    def weight_at(self, progress: float) -> float:
        return self._schedule(progress)

    def plain(self) -> list:
        """The loss and its weight as texts that are the same in every process."""
        named = self.loss if hasattr(self.loss, "__qualname__") else type(self.loss)
        return [f"{named.__module__}.{named.__qualname__}", plain(self._schedule)]


def parse(name: str, given: Any) -> dict[str, Term]:
    """Terms by their names, from a dict of functions, modules, tuples of one and its weight, or
    `Term` objects.

    `name` is what the error calls them. Raises `Refused` for what is none, and for a name that is
    another column of the history.
    """
    if not isinstance(given, Mapping):
        raise WrongType(
            f"{name} must be a dict from names to functions, modules, or tuples of one and "
            f"its weight, not {type(given).__name__}"
        )
    found = {}
    for term, value in given.items():
        if isinstance(value, Term):
            value = value.loss, value.weight
        loss, weight = value if isinstance(value, (tuple, list)) and len(value) == 2 else (value, 1)
        if not _is_name(term):
            raise Refused(
                f"{name}: {term!r} is no name for a term; give a text without dots that is no "
                "other column of the history"
            )
        if not callable(loss):
            raise WrongType(
                f"{name}: {term!r} must be a function of what a step has seen, a module, or a "
                f"tuple of one and its weight, not {type(loss).__name__}"
            )
        found[term] = Term(term, loss, weight)
    return found


def _is_name(term: Any) -> bool:
    """Whether it can be a column of the history, and the name of a module."""
    if not isinstance(term, str) or term in COLUMNS:
        return False
    try:
        nn.ModuleDict({term: nn.Identity()})
    except KeyError:
        return False
    return True


def value_of(term: Any, seen: Any) -> torch.Tensor:
    """What a term returns, checked. An error of its own keeps its type, with a note of whose it
    is; `Refused` for what is no scalar tensor."""
    with noted(f"in the term {term.name!r} of gancode.train"):
        value = term.loss(seen)
    if not torch.is_tensor(value) or value.ndim:
        shape = f" of shape {tuple(value.shape)}" if torch.is_tensor(value) else ""
        raise WrongType(
            f"the term {term.name!r} must return a scalar tensor, its mean over the batch, not a "
            f"{type(value).__name__}{shape}"
        )
    return value


def modules(terms: Any) -> nn.ModuleDict:
    """Those of the terms that have weights of their own."""
    return nn.ModuleDict(
        {
            name: term.loss
            for name, term in (terms or {}).items()
            if isinstance(term.loss, nn.Module)
        }
    )
