"""More losses than the objective's: named functions of what a step has seen, or modules.

A function takes a `Seen` and returns a scalar tensor, which is added to the loss of its player. A
module does the same; where it has weights of its own they train with that player, and a moving
average of them is kept. Ready-made here are those that papers share::

    from gancode.training import terms               # pix2pix (Isola et al. 2017)

    gancode.train(gan, (targets, inputs), generator_terms={"l1": (terms.l1, 100.0)}, ...)

Those that need nothing else have a name, so that a command can ask for them too: `NAMED`; the same
run is `generator_terms=["l1=100"]`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from gancode.errors import Refused, WrongType, noted, positive_integer
from gancode.schedules import plain, schedule
from gancode.training.described import described

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


# Ready-made. Distances are means over all numbers of all samples, so a weight means the same for
# every size of image.


def l1(seen: Seen) -> torch.Tensor:
    """E‖x − G(z, c)‖₁, to the real sample of the same condition (Isola et al. 2017, equation 3).

    It asks for pairs: data in which x belongs to c.
    """
    return _distance("l1", seen.generated, "real samples", seen.real)


def l1_to_condition(seen: Seen) -> torch.Tensor:
    """E‖c − G(z, c)‖₁, to the condition itself, an image of the shape of a sample: what is changed
    is kept small, as in the self-regularisation of Shrivastava et al. 2017 (section 2.1)."""
    return _distance("l1_to_condition", seen.generated, "conditions", _image_of(seen))


def identity(seen: Seen) -> torch.Tensor:
    """E‖x − G(z, x)‖₁: what is of the other kind already stays as it is (Taigman et al. 2017; Zhu
    et al. 2017, section 5.2). Real samples must have the shape of a condition."""
    made = seen.generator(seen.latents, seen.real).to(seen.real.dtype)
    return _distance("identity", made, "real samples", seen.real)


@dataclass(frozen=True)
class Cycle:
    """E‖c − F(z, G(z, c))‖₁ + E‖x − G(z, F(z, x))‖₁ for a generator `back`, F, of the other
    direction: there and back again, from both sides (Zhu et al. 2017, equation 2).

    The weights of F are not this player's: they stand still. Two players that take turns, each with
    the generator of the other, descend the two-sided loss together. F gets the latents of G.
    """

    back: Callable

    def __call__(self, seen: Seen) -> torch.Tensor:
        given = _image_of(seen)
        there_and_back = self.back(seen.latents, seen.generated).to(given.dtype)
        other = self.back(seen.latents, seen.real).to(given.dtype)
        back_and_there = seen.generator(seen.latents, other).to(given.dtype)
        forth = _distance("Cycle", there_and_back, "conditions", given)
        return forth + _distance("Cycle", back_and_there, "real samples", seen.real)


class FeatureMatching:
    """Σ ‖E f(x) − E f(G(z))‖² over inner layers f of the discriminator, by the names that
    `named_modules` has for them (Salimans et al. 2016, section 3.1): a term of the generator.

    The means are over the batch, the square is summed over all features of a layer. Beside it the
    objective may be left out, as in the paper: its discriminator learns as before.
    """

    def __init__(self, *layers: str) -> None:
        if not layers:
            raise Refused(
                "FeatureMatching takes the names of inner layers of the discriminator, as its "
                "named_modules() has them"
            )
        self.layers = layers

    def __call__(self, seen: Seen) -> torch.Tensor:
        judge = seen.discriminator
        with torch.no_grad():
            real = inner(judge, self.layers, seen.real, *seen.condition)
        made = inner(judge, self.layers, seen.generated, *seen.condition)
        zero = seen.generated.new_zeros(
            ()
        )  # its precision is that of the means: their gap is small
        gaps = [x.to(zero).mean(0) - y.to(zero).mean(0) for x, y in zip(real, made, strict=True)]
        return sum((gap.square().sum() for gap in gaps), zero)


class AuxiliaryClassifier(nn.Module):
    """The classifier of AC-GAN (Odena et al. 2017, equation 3), of a GAN with classes: a term of
    the discriminator, −E log P(y | x) − E log P(y | G(z, y)), which trains it, and by its method
    `of_generated` one of the generator, the second of the two alone::

        classifier = terms.AuxiliaryClassifier(network)
        gancode.train(
            gan,
            (images, labels),
            discriminator_terms={"classifier": classifier},
            generator_terms={"recognised": classifier.of_generated},
            ...
        )

    `network` maps samples to logits (n, classes). With `layer`, the name of an inner layer of the
    discriminator, it maps what that layer puts out, flattened, and both learn the layers before it,
    as in the paper; of these none may have been shown the label. With `generated=False` the
    classifier learns from real samples alone.
    """

    def __init__(
        self, network: nn.Module, layer: str | None = None, *, generated: bool = True
    ) -> None:
        super().__init__()
        self.network, self.layer, self.generated = network, layer, generated

    def forward(self, seen: Seen) -> torch.Tensor:
        """The loss of the classifier, in nats: a scalar."""
        loss = self._entropy(seen, seen.real)
        return loss + self._entropy(seen, seen.generated) if self.generated else loss

    def of_generated(self, seen: Seen) -> torch.Tensor:
        """−E log P(y | G(z, y)), for the generator; the classifier stands still."""
        return self._entropy(seen, seen.generated)

    def _entropy(self, seen: Seen, x: torch.Tensor) -> torch.Tensor:
        if len(seen.condition) != 1 or seen.condition[0].dtype != torch.int64:
            raise Refused("an AuxiliaryClassifier is for a GAN with classes: GAN(…, classes=k)")
        if self.layer is not None:
            (x,) = inner(seen.discriminator, [self.layer], x, *seen.condition)
            x = x.flatten(1)
        return F.cross_entropy(self.network(x), seen.condition[0])


class Information(nn.Module):
    """−(E log Q(c | G(z)) + H(c)), minus a lower bound on the mutual information, in nats, of the
    samples with the first `codes` latents c (Chen et al. 2016, equations 4 and 5): a term of the
    generator, with which its network trains.

    The codes are standard normal, as all latents are, so H(c) = ½ · codes · log(2πe). Q is normal
    in each code: `network` maps samples to (n, 2 · codes), the means and then the logarithms of the
    standard deviations. The bound is the information itself where Q is the true posterior.
    """

    def __init__(self, network: nn.Module, codes: int) -> None:
        super().__init__()
        self.network, self.codes = network, positive_integer("codes", codes)

    def forward(self, seen: Seen) -> torch.Tensor:
        """Minus the bound, in nats: a scalar."""
        codes = seen.latents[:, : self.codes]
        found = self.network(seen.generated)
        wanted = len(codes), 2 * self.codes
        if found.shape != wanted or codes.shape[1] < self.codes:
            raise Refused(
                f"Information of {self.codes} codes takes as many latents or more, not "
                f"{seen.latents.shape[1]}, and a network that returns {wanted}, not "
                f"{tuple(found.shape)}"
            )
        means, logs = found.chunk(2, dim=1)
        surprise = ((codes - means) / logs.exp()).square() / 2 + logs + math.log(2 * math.pi) / 2
        return surprise.sum(1).mean() - self.codes * math.log(2 * math.pi * math.e) / 2


NAMED: dict[str, Callable] = {
    "l1": l1,
    "l1-to-condition": l1_to_condition,
    "identity": identity,
    "cycle": Cycle,  # of a `TwoWay`, in which each generator gets the other
}


def inner(
    network: Any, layers: Sequence[str], x: torch.Tensor, *condition: torch.Tensor
) -> list[torch.Tensor]:
    """What layers of a network, by their names in `named_modules`, put out when it is called with
    samples and the tensors of a condition. Raises `Refused` for a name that it has not, and for a
    layer that returns no tensor or is not reached."""
    known = dict(network.named_modules())
    if unknown := [name for name in layers if name not in known]:
        raise Refused(
            f"the network has no layer {unknown[0]!r}; it has {', '.join(filter(None, known))}"
        )
    found: dict[str, torch.Tensor] = {}

    def keep(name: str, out: Any) -> None:
        # A copy: the layer after it may change it in place.
        found[name] = out.clone() if torch.is_tensor(out) else out

    hooks = [
        known[name].register_forward_hook(lambda _, __, out, name=name: keep(name, out))
        for name in layers
    ]
    try:
        network(x, *condition)
    finally:
        for hook in hooks:
            hook.remove()
    if silent := [name for name in layers if not torch.is_tensor(found.get(name))]:
        raise Refused(f"the layer {silent[0]!r} puts out no tensor when the network is called")
    return [found[name] for name in layers]


def _image_of(seen: Seen) -> torch.Tensor:
    if not seen.condition:
        raise Refused("this term is for a conditional GAN: GAN(…, conditional=True)")
    return seen.condition[0]


def _distance(term: str, made: torch.Tensor, of: str, wanted: torch.Tensor) -> torch.Tensor:
    """The mean of |made − wanted|, both of one shape."""
    if made.shape != wanted.shape:
        raise Refused(
            f"{term} compares what is made, of shape {tuple(made.shape)}, with {of} of shape "
            f"{tuple(wanted.shape)}; the two must agree"
        )
    return (made - wanted).abs().mean()


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
        return [described(self.loss), plain(self._schedule)]


def parse(name: str, given: Any) -> dict[str, Term]:
    """Terms by their names, from a dict of functions, modules, tuples of one and its weight, or
    `Term` objects; or from texts such as "l1=100", a name of `NAMED` and a weight.

    `name` is what the error calls them. Raises `Refused` for what is none, and for a name that is
    another column of the history.
    """
    if isinstance(given, str):
        given = [given]
    if isinstance(given, (list, tuple)) and all(isinstance(text, str) for text in given):
        spelled = [_spelled(name, text) for text in given]
        names = [term for term, _ in spelled]
        if twice := [term for term in names if names.count(term) > 1]:
            raise Refused(f"{name}: {twice[0]!r} is asked for twice; give it one weight")
        given = dict(spelled)
    if not isinstance(given, Mapping):
        raise WrongType(
            f'{name} must be texts such as "l1=100", or a dict from names to functions, modules, '
            f"or tuples of one and its weight, not {type(given).__name__}"
        )
    found = {}
    for term, value in given.items():
        if isinstance(value, Term):
            value = value.loss, value.weight
        loss, weight = value if isinstance(value, (tuple, list)) and len(value) == 2 else (value, 1)
        loss = _KEPT.get(loss, loss) if isinstance(loss, str) else loss
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
        if name == "discriminator_terms" and (loss in _KEPT.values() or isinstance(loss, Cycle)):
            raise Refused(
                f"{name}: {term!r} is a distance of what the generator makes, which nothing that "
                "the discriminator learns would change; it belongs to generator_terms"
            )
        found[term] = Term(term, loss, weight)
    return found


def _spelled(name: str, text: str) -> tuple[str, tuple[Callable, str]]:
    """A term by its name, from a text."""
    term, _, weight = text.partition("=")
    if term.strip() not in NAMED:
        raise Refused(f"{name}: unknown term {text!r}; the names are {', '.join(NAMED)}")
    try:
        schedule("the weight", weight)
    except ValueError as error:
        raise Refused(
            f"{name}: the term {text!r} needs a weight, finite and not negative, as in "
            f"'{term.strip()}=10', or two above zero for one that changes, as in "
            f"'{term.strip()}=10..1'"
        ) from error
    return term.strip(), (NAMED[term.strip()], weight)


_KEPT = {described(loss): loss for loss in NAMED.values()}  # so that a record can be read again


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
    if term.loss is Cycle:
        raise Refused(
            f"the term {term.name!r} is for two GANs, a gancode.TwoWay (gancode train --unpaired); "
            "to one give the generator that leads back: gancode.training.terms.Cycle(generator)"
        )
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
