"""A generator with its discriminator, and what training makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from gancode import randomness
from gancode.data.sources import ANY, Source
from gancode.errors import Refused, positive_integer


class GAN(nn.Module):
    """A generator, a discriminator, and the size of the latent vectors that join them.

    The generator maps latents (n, latent_dim) to samples (n, ...), the discriminator samples to
    logits (n,) or (n, 1), or to one a patch, (n, 1, h, w). Any modules that do so will serve. With
    `classes` both are conditional: they are called with a second argument, labels (n,) of int64
    from 0 to classes − 1. With `conditional=True` they are called with the condition, whatever it
    is: a tensor (n, ...) as their second argument, such as an image, a vector or a sequence; the
    tensors of a tuple as their second, third and so on.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent_dim: int,
        classes: int | None = None,
        *,
        conditional: bool = False,
    ):
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.latent_dim = positive_integer("latent_dim", latent_dim)
        self.classes = None if classes is None else positive_integer("classes", classes)
        self.condition = ANY if conditional and classes is None else self.classes

    @property
    def critics(self) -> nn.Module:
        """All that is kept to the constraints."""
        return self.discriminator

    def forward(self, z: torch.Tensor, *condition: torch.Tensor) -> torch.Tensor:
        """Generate samples (n, ...) from latents (n, latent_dim), and from the condition, if the
        networks have one."""
        return self.generator(z, *condition)

    def latents(self, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """Draw n standard normal latents, shape (n, latent_dim), where the generator's weights are.

        They are drawn on the CPU, so that a seed means the same numbers on every device.
        """
        weights = next(self.generator.parameters())
        return torch.randn(n, self.latent_dim, generator=generator, device="cpu").to(weights)


class TwoWay(GAN):
    """Two conditional GANs between two kinds of image, one forth and one back (Zhu et al. 2017).

    It is the GAN that goes forth, from images of one kind, its condition, to samples of the other;
    `back` is the one that makes conditions of samples. `gancode.train` gives both players a turn in
    every step, on the same images; in which pairs these come says nothing where no discriminator
    heeds the condition. The options are those of both; the term "cycle" gives each generator the
    other. Columns of the history that are of `back` begin with `back_`. Zhu et al. show their
    discriminators some of the last 50 images made; here they see those that are made now.
    """

    def __init__(self, forth: GAN, back: GAN) -> None:
        for name, gan in (("forth", forth), ("back", back)):
            if gan.condition != ANY:
                raise Refused(f"{name} must take an image: GAN(…, conditional=True)")
        super().__init__(forth.generator, forth.discriminator, forth.latent_dim, conditional=True)
        self.back = back

    @property
    def critics(self) -> nn.Module:
        return nn.ModuleList([self.discriminator, self.back.discriminator])


@dataclass
class Run:
    """What training has made so far.

    `gan` holds the raw weights, `averaged` the generator of their moving average, in eval mode.
    `history` has one row, a dict, for each interval of `log_every` steps, and one for the last:

    - step: steps done, from 1;
    - discriminator_loss, generator_loss, penalty, and each term by its name: means over the
      interval; the discriminator's and the generator's loss are those of the objective alone;
    - logits_real, logits_generated: mean over the last batch of the discriminator, or over the
      last piece of it (`accumulate`);
    - discriminator_gradient, generator_gradient: Euclidean norm over all weights of a player at the
      last step, before it is clipped;
    - augment_probability: where it is adaptive;
    - images_per_second: real samples that the discriminator has seen, by the clock;
    - what `measure` has returned.

    `terms` holds the averaged modules of the terms that have weights, by their names. `conditions`
    are some of those in the data, which samples have in turn where no others are asked for.
    `record` says what was asked for, as settings.json does; `source` is what it was trained on, in
    this process. Of a `TwoWay`, `back` is the run of the GAN that goes back.
    """

    gan: GAN
    averaged: nn.Module
    history: list[dict] = field(default_factory=list)
    terms: nn.ModuleDict = field(default_factory=nn.ModuleDict)
    conditions: tuple = ()
    record: dict = field(default_factory=dict)
    source: Source | None = None
    back: "Run | None" = None

    def sample(
        self, n: int, seed: int = 0, labels: Any = None, conditions: Any = None
    ) -> torch.Tensor:
        """n samples of the averaged generator, shape (n, ...); the same ones for the same seed.

        Of a GAN with classes, `labels` are those to draw from: one number, or a tensor (n,); by
        default the classes in turn, 0, 1, …, 0, 1, …. Of any other conditional GAN, `conditions` is
        a tensor (n, ...), or a tuple of them; by default some of the data in turn. The global
        random state is left as it was. Raises `Refused` for n that is not a positive integer, and
        for conditions that are not of this GAN.
        """
        n = positive_integer("n", n)
        condition = self._condition(n, labels, conditions)
        *_, stream = randomness.streams(seed)
        device = next(self.gan.parameters()).device
        with torch.no_grad(), randomness.kept(device):
            torch.manual_seed(stream)
            latents = self.gan.latents(n)
            # In pieces: the memory of a convolutional generator grows with its batch.
            given = (latents, *(c.to(device) for c in condition))
            pieces = zip(*(x.split(1000) for x in given), strict=True)
            return torch.cat([self.averaged(*piece) for piece in pieces])

    def _condition(self, n: int, labels: Any, conditions: Any) -> Sequence[torch.Tensor]:
        if labels is not None and self.gan.classes is None:
            raise Refused("labels are for a conditional GAN with classes: GAN(..., classes=k)")
        if conditions is not None and self.gan.condition != ANY:
            raise Refused("conditions are for a GAN of any condition: GAN(..., conditional=True)")
        if self.gan.classes is not None:
            return (self._labels(n, labels, self.gan.classes),)
        if self.gan.condition is None:
            return ()
        if conditions is None:
            conditions = in_turn(n, self.conditions)
        found = conditions if isinstance(conditions, (tuple, list)) else (conditions,)
        shapes = [tuple(c.shape[1:]) for c in self.conditions]
        given = [torch.is_tensor(c) and c.shape[:1] == (n,) for c in found]
        if not all(given) or (shapes and [tuple(c.shape[1:]) for c in found] != shapes):
            wanted = ", ".join(str((n, *shape)) for shape in shapes) or f"({n}, ...)"
            raise Refused(
                f"conditions must have one entry for each of the {n} samples, shape {wanted}, not "
                f"{', '.join(str(tuple(getattr(c, 'shape', ()))) for c in found)}"
            )
        return found

    def _labels(self, n: int, labels: Any, classes: int) -> torch.Tensor:
        each = torch.arange(n, device="cpu") % classes
        labels = each if labels is None else torch.as_tensor(labels, device="cpu")
        labels = labels.expand(n) if labels.ndim == 0 else labels
        if labels.shape != (n,) or labels.is_floating_point() or labels.is_complex():
            raise Refused(
                f"labels must be one whole number, or {n}, one a sample, not {labels.dtype} of "
                f"shape {tuple(labels.shape)}"
            )
        if labels.min() < 0 or labels.max() >= classes:
            raise Refused(f"labels must be from 0 to {classes - 1}, not {labels.tolist()[:10]}")
        return labels.long()


def in_turn(n: int, conditions: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """The first n of some conditions, again and again."""
    if not conditions:
        raise Refused("give the conditions to sample with: conditions=…")
    return tuple(c[torch.arange(n, device="cpu") % len(c)] for c in conditions)
