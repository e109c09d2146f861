"""Constraints on the weights of a discriminator: what keeps its slope bounded without a penalty.

A constraint acts in two places: once before the first step, on the network itself, and after every
step of the discriminator, on its weights. A new one is one more class, and its name in `NAMED`.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from gancode import networks, randomness
from gancode.errors import Refused


class Constraint:
    """What a discriminator's weights are kept to; by itself it keeps them to nothing."""

    @property
    def text(self) -> str:
        """What `parse` makes it of."""
        raise NotImplementedError

    def prepare(self, network: nn.Module) -> Callable[[], None]:
        """Make a network ready, in place, and return what makes it as it was. A network that is
        ready stays as it is. Raises `Refused`, before anything has changed, for one that cannot be
        constrained so."""
        return _nothing

    def project(self, network: nn.Module) -> None:
        """Put the weights back where they must be, after a step."""


@dataclass(frozen=True)
class Clip(Constraint):
    """Every trainable weight and bias in [−limit, limit] after each step (Arjovsky, Chintala and
    Bottou 2017, algorithm 1, with 0.01).

    Raises `Refused` for a limit that is not positive and finite.
    """

    limit: float

    def __post_init__(self) -> None:
        try:
            limit = float(self.limit)
        except (TypeError, ValueError):
            limit = math.nan
        if not 0 < limit < math.inf:
            raise Refused(
                f"clip={self.limit} must be positive and finite, the largest size of a weight, as "
                "in 'clip=0.01'"
            )
        object.__setattr__(self, "limit", limit)  # the class is frozen

    @property
    def text(self) -> str:
        return f"clip={self.limit}"

    def prepare(self, network: nn.Module) -> Callable[[], None]:
        for name, layer in network.named_modules():
            if parametrize.is_parametrized(layer) or _computes_weights_in_a_hook(layer):
                raise Refused(
                    f"the weights of the layer {name or type(layer).__name__!r} are computed from "
                    "others, as by spectral normalisation, so clipping those confines nothing; "
                    "clip a network without parametrisations"
                )
        return _nothing

    @torch.no_grad()
    def project(self, network: nn.Module) -> None:
        for weight in network.parameters():
            if weight.requires_grad:
                weight.clamp_(-self.limit, self.limit)


@dataclass(frozen=True)
class Spectral(Constraint):
    """The weight of every linear and convolutional layer divided by its largest singular value
    (Miyato et al. 2018), by `gancode.networks.spectral_norm`.

    The network's `state_dict` then has other names, and holds the vectors of the power iteration.
    """

    @property
    def text(self) -> str:
        return "spectral"

    def prepare(self, network: nn.Module) -> Callable[[], None]:
        layers = [layer for layer in network.modules() if isinstance(layer, networks.LINEAR)]
        if layers and all(map(networks.is_spectral, layers)):
            return _nothing
        orders = [list(layer._parameters) for layer in layers]
        networks.spectral_norm(network)

        def undo() -> None:
            for layer, order in zip(layers, orders, strict=True):
                parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
                for name in order:  # an optimiser counts weights by their order
                    layer._parameters[name] = layer._parameters.pop(name)

        return undo


NAMED: dict[str, type[Constraint]] = {"clip": Clip, "spectral": Spectral}


def parse(constraints: Any) -> list[Constraint]:
    """A list of `Constraint` from strings and `Constraint` objects, or from one of them.

    The strings are "clip=LIMIT", such as "clip=0.01", and "spectral". Raises `Refused` for any
    other, and for more than one: spectral normalisation divides away the size of the weights that
    clipping confines.
    """
    if isinstance(constraints, (str, Constraint)):
        constraints = [constraints]
    found = [c if isinstance(c, Constraint) else _parse_one(str(c)) for c in constraints]
    if len(found) > 1:
        raise Refused(
            f"give one constraint, not {' and '.join(each.text for each in found)}: what clipping "
            "confines is the size of the weights, which spectral normalisation divides away, and "
            "of two limits the smaller one is enough"
        )
    return found


def _parse_one(text: str) -> Constraint:
    name, equals, value = map(str.strip, text.partition("="))
    if name not in NAMED:
        raise Refused(f"unknown constraint {text!r}; they are 'clip=LIMIT' and 'spectral'")
    takes = len(dataclasses.fields(NAMED[name]))  # type: ignore[arg-type]
    if takes != bool(equals):
        form = "needs a limit, as in 'clip=0.01'" if takes else f"takes no value: {name!r}"
        raise Refused(f"constraint {text!r} {form}")
    return NAMED[name](*[value] * takes)


@contextmanager
def prepared(network: nn.Module, constraints: Sequence[Constraint], seed: int) -> Iterator[None]:
    """The network made ready for its constraints; where what stands inside fails, it is afterwards
    as it was. What is drawn for that comes from the seed alone."""
    device = next((weight.device for weight in network.parameters()), torch.device("cpu"))
    with ExitStack() as undo:
        with randomness.kept(device):
            torch.manual_seed(randomness.streams(seed)[2])
            for each in constraints:
                undo.callback(each.prepare(network))
        yield
        undo.pop_all()


def _computes_weights_in_a_hook(layer: nn.Module) -> bool:
    """As `torch.nn.utils.spectral_norm` and `weight_norm` do, older than parametrisations."""
    hooks = layer._forward_pre_hooks.values()
    return any(isinstance(hook, (SpectralNorm, WeightNorm)) for hook in hooks)


def _nothing() -> None:
    pass
