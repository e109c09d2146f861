"""Two players that take turns: what `Players` is for one GAN, for both of a `TwoWay`."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from gancode.errors import Refused
from gancode.training.run import GAN, Run, TwoWay
from gancode.training.settings import Settings
from gancode.training.steps import Batch, Players
from gancode.training.terms import Cycle, modules

BACK = "back_"  # begins the names of what belongs to the player that goes back


@dataclass
class BothBatches:
    """The batch of each player: the samples of one are the condition of the other."""

    forth: Batch
    back: Batch

    @property
    def size(self) -> int:
        return self.forth.size


class Turns:
    """The players of a `TwoWay`, with one random stream and one set of options."""

    def __init__(self, gan: TwoWay, *, settings: Settings, processes: Any) -> None:
        self.gan, self.settings, self.processes = gan, settings, processes
        for name in ("generator_terms", "discriminator_terms"):
            if weighty := modules(getattr(settings, name)):
                raise Refused(
                    f"the term {next(iter(weighty))!r} has weights of its own, and of a TwoWay "
                    "there are two players, with which it cannot train at once; give functions"
                )
        self.forth, self.back = (
            Players(one, settings=_with_cycle(settings, other.generator), processes=processes)
            for one, other in ((gan, gan.back), (gan.back, gan))
        )

    # The two steps ---------------------------------------------------------------------------

    def discriminator_step(self, batch: BothBatches, keep: bool = True) -> None:
        self.forth.discriminator_step(batch.forth, keep)
        self.back.discriminator_step(batch.back, keep)

    def generator_step(self, batch: BothBatches) -> None:
        self.forth.generator_step(batch.forth)
        self.back.generator_step(batch.back)

    # Around them -----------------------------------------------------------------------------

    def advance(self, progress: float = 0.0) -> None:
        self.forth.advance(progress)
        self.back.advance(progress)

    def batch(self, real: torch.Tensor, *given: torch.Tensor) -> BothBatches:
        (condition,) = _one(given)
        return BothBatches(self.forth.batch(real, condition), self.back.batch(condition, real))

    def examine(
        self, samples: Any, condition: Sequence = (), smallest: int = 2, sizes: str | None = None
    ) -> None:
        (given,) = _one(condition)
        self.forth.examine(samples, [given], smallest, sizes)
        self.back.examine(given, [samples], smallest, sizes)

    def begin(self, device: Any = None, rng: torch.Generator | None = None) -> None:
        self.forth.begin(device, rng)
        self.back.begin(device, self.forth.rng)

    def run(self, conditions: tuple = (), record: Any = None, source: Any = None) -> Run:
        run, back = self.forth.run(conditions, record, source), self.back.run()
        back.history = run.history
        run.back = back
        return run

    def row(self) -> dict:
        return self.forth.row() | _renamed(self.back.row())

    def settle(self) -> None:
        self.forth.settle()
        self.back.settle()

    def stateful(self) -> dict:
        back = self.back.stateful()
        del back["gan"]  # it is in that of the other
        return self.forth.stateful() | _renamed(back)

    @property
    def device(self) -> torch.device:
        return self.forth.device

    @property
    def rng(self) -> torch.Generator:
        return self.forth.rng

    @property
    def step(self) -> int:
        return self.forth.step

    @step.setter
    def step(self, step: int) -> None:
        self.forth.step = self.back.step = step

    @property
    def losses(self) -> dict[str, list]:
        return self.forth.losses | _renamed(self.back.losses)

    @losses.setter
    def losses(self, losses: dict[str, list]) -> None:
        self.forth.losses = {name: losses[name] for name in self.forth.losses}
        self.back.losses = {name: losses[BACK + name] for name in self.back.losses}


def players_of(gan: GAN, **options: Any) -> Any:
    """The players of a GAN: one, or of a `TwoWay` both."""
    return Turns(gan, **options) if isinstance(gan, TwoWay) else Players(gan, **options)


def _with_cycle(settings: Settings, generator: Any) -> Settings:
    """The settings of one player, whose cycle goes through the generator of the other."""
    terms = {
        name: dataclasses.replace(term, loss=Cycle(generator)) if term.loss is Cycle else term
        for name, term in (settings.generator_terms or {}).items()
    }
    return dataclasses.replace(settings, generator_terms=terms or None)


def _one(condition: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
    if len(condition) != 1:
        raise Refused(
            f"a TwoWay takes one image as the condition of another, not {len(condition)} tensors"
        )
    return condition


def _renamed(found: dict) -> dict:
    return {BACK + name: value for name, value in found.items()}
