"""The mathematics of a step: the discriminator's move, then the generator's."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from gancode import randomness
from gancode.constraints import prepared
from gancode.errors import Refused
from gancode.penalties import gradient_penalty, repeated
from gancode.training import trial
from gancode.training.adam import adam
from gancode.training.augment import Augmentation
from gancode.training.processes import Processes
from gancode.training.run import GAN, Run
from gancode.training.settings import Settings
from gancode.training.terms import Seen, Term, modules, value_of

PLAYERS = ("discriminator", "generator")


@dataclass
class Batch:
    """What both steps look at: the pieces of a batch, each with its share of it, its real samples,
    latents and condition; and what the discriminator's step has generated, with its graph, where
    that is kept."""

    pieces: list[tuple]
    generated: torch.Tensor | None = None

    @property
    def size(self) -> int:
        """How many real samples it holds."""
        return sum(len(real) for _, real, *_ in self.pieces)


class Players:
    """Both networks of a GAN with their optimisers, and the averaged generator.

    For a loop of one's own; `gancode.train` has no other steps::

        players = gancode.Players(gan, objective="hinge", penalties=["r1=1"], lr=1e-3)
        for step, real in enumerate(batches):
            players.advance(step / len(batches))     # schedules follow how far the run is
            batch = players.batch(real)              # for a conditional GAN (real, condition)
            players.discriminator_step(batch)
            players.generator_step(batch)
        players.row()                                # what train would add to its history

    The options are those of `gancode.train` that decide a run, but for its length; several GANs
    may take turns in one loop. `averaged` is the generator of the moving averages, in eval mode;
    `state_dict()` and `load_state_dict()` take all that a loop needs to go on, and
    `gancode.training.checkpoint` writes it. `rng` is what latents, penalties and augmentations draw
    from, by default a generator of the option `seed`.

    What a constraint makes of the discriminator it makes at once, in place. Before its first step
    the networks take one on trial, on copies. Raises `Refused` for options and networks that do not
    fit, and FloatingPointError, naming step and quantity, for a loss that is NaN or infinite: on
    the CPU before it has changed any weight. On other devices asking costs a wait at every step;
    there it is asked for in `row` and in `state_dict`, so before anything is shown or saved.
    """

    def __init__(
        self,
        gan: GAN,
        *,
        rng: torch.Generator | None = None,
        processes: Any = None,
        settings: Settings | None = None,
        **options: Any,
    ) -> None:
        trial.refuse_lazy(gan)
        self.gan = gan
        self.settings = Settings(**options) if settings is None else settings
        self.processes = Processes() if processes is None else processes
        self.critic_loss, self.generator_loss = self.settings.objective.torch()
        self.terms = {
            "discriminator": self.settings.discriminator_terms or {},
            "generator": self.settings.generator_terms or {},
        }
        self.modules = {name: modules(self.terms[name]) for name in PLAYERS}
        memo: dict = {}
        with prepared(gan.discriminator, self.settings.constraints, self.settings.seed):
            self._named = {name: self._trainable(name) for name in PLAYERS}
            self.averaged = _at_rest(trial.copied(gan.generator, "generator", memo))
            self.averaged_terms = _at_rest(
                nn.ModuleDict(
                    {
                        name: trial.copied(module, f"term {name!r}", memo)
                        for player in PLAYERS
                        for name, module in self.modules[player].items()
                    }
                )
            )
        self.weights = {name: [*self._named[name].values()] for name in PLAYERS}
        augment = self.settings.augment
        self.augmentation = augment and Augmentation(augment, self.processes)
        self._findings: trial.Findings | None = None  # of the trial
        self.rng = torch.Generator() if rng is None else rng
        if rng is None:
            self.rng.manual_seed(randomness.streams(self.settings.seed)[3])
        self.rate = cast(Callable[[float], float], self.settings.lr)
        lr, betas = float(self.rate(0.0)), cast(tuple[float, float], self.settings.betas)
        self.optimisers = {name: adam(self.weights[name], lr, betas) for name in PLAYERS}
        self.step, self.progress = 0, 0.0
        self.norms: dict = {}
        self.logits: Sequence[torch.Tensor] = ()
        # (share, value) since the last row
        self.losses: dict[str, list] = {name: [] for name in self._columns()}
        self._unread: list[tuple] = []  # (step, column, share, loss): not yet known to be numbers
        self._begun = False

    @property
    def findings(self) -> trial.Findings:
        """What the trial has found."""
        if self._findings is None:
            raise Refused("the networks were not tried yet: begin with batch(real)")
        return self._findings

    @property
    def _at_once(self) -> bool:
        """Whether it costs nothing to look at a number now, and not with the next row."""
        return self.device.type == "cpu"

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.weights["generator"][0].device

    # The two steps ---------------------------------------------------------------------------

    def discriminator_step(self, batch: Batch, keep: bool = True) -> None:
        """The discriminator learns to tell real from generated samples: one step of Adam down its
        loss, the penalties and its terms.

        It sees both in one forward, as many of one as of the other. Then its weights are put back
        to where the constraints keep them. With `keep` what is generated stays, with its graph, for
        the generator's step.
        """
        self.optimisers["discriminator"].zero_grad()
        keep = keep and self.settings.accumulate == 1 and not self.findings.shared
        for share, x, z, *c in batch.pieces:
            generated = self._generate(z, c, x, keep)
            fake = generated.detach()
            logits = self._judge(torch.cat([x, fake]), repeated(c, 2)).chunk(2)
            seen = self._seen(x, fake, z, c, *logits)
            loss = self._note("discriminator_loss", self.critic_loss(*logits), share, seen)
            if self.settings.penalties:
                loss = loss + self._note("penalty", self._penalty(x, fake, c), share, seen)
            for term, weight in self._active("discriminator"):
                loss = loss + self._term(term, weight, share, seen)
            (share * loss).backward()
        self.logits = [each.detach() for each in logits]
        batch.generated = generated if keep else None
        if self.augmentation:
            self.augmentation.follow(logits[0], self.step)
        self._descend("discriminator")
        for constraint in self.settings.constraints:
            constraint.project(self.gan.discriminator)

    def generator_step(self, batch: Batch) -> None:
        """The generator learns to be taken for real, with the latents and the condition of the
        discriminator's step: one step of Adam down its loss and its terms; then the average moves.
        """
        self.optimisers["generator"].zero_grad()
        logits: tuple
        for share, x, z, *c in batch.pieces:
            generated = batch.generated
            if generated is None:
                generated = self._generate(z, c, x)
            if self.settings.objective.paired:  # the loss compares each with a real one
                logits = self._judge(torch.cat([x, generated]), repeated(c, 2)).chunk(2)
            else:
                logits = None, self._judge(generated, c)
            seen = self._seen(x, generated, z, c, *logits)
            taken = logits if self.settings.objective.paired else logits[1:]
            loss = self._note("generator_loss", self.generator_loss(*taken), share, seen)
            for term, weight in self._active("generator"):
                loss = loss + self._term(term, weight, share, seen)
            # Not the discriminator's gradient: it stands still.
            (share * loss).backward(inputs=self.weights["generator"])
        batch.generated = None
        self._descend("generator")
        self._move_averages()

    # Around them -----------------------------------------------------------------------------

    def advance(self, progress: float = 0.0) -> None:
        """Begin a step, at this share of the run: what follows a schedule follows."""
        self.step, self.progress = self.step + 1, progress
        for optimiser in self.optimisers.values():
            optimiser.param_groups[0]["lr"] = float(self.rate(progress))

    def batch(
        self, real: Any, *condition: torch.Tensor, latents: torch.Tensor | None = None
    ) -> Batch:
        """Real samples (n, ...) and the tensors of their condition, with n latents, by default
        fresh ones, cut into pieces (`accumulate`)."""
        real, *given = (x.to(self.device) for x in (real, *condition))
        if latents is None:
            drawn = self.gan.latents(len(real) * self.processes.world_size, self.rng)
            latents = self.processes.shard(drawn)
        if self._findings is None:
            with randomness.kept(self.device):
                self.examine(real[:2], [c[:2] for c in given])
        if not self._begun:
            self.begin()
        pieces = [*_pieces(self.settings.accumulate, real, latents, *given)]
        if len(pieces[-1][1]) < self.findings.fewest:  # the last is the smallest
            raise Refused(f"step {self.step}: {_SINGLE}")
        return Batch(pieces)

    def examine(
        self, samples: Any, condition: Sequence = (), smallest: int = 2, sizes: str | None = None
    ) -> None:
        """Take a step on copies of the networks; see `gancode.training.trial`."""
        tried = trial.Step(
            self.critic_loss,
            self.generator_loss,
            self.settings.objective.paired,
            self.settings.penalties,
            self.settings.precision,
            self.augmentation,
            self.terms,
        )
        self._findings = trial.examine(self.gan, samples, condition, tried, smallest, sizes)

    def begin(self, device: Any = None, rng: torch.Generator | None = None) -> None:
        """Move all to a device, in train mode, equal in all processes."""
        everything = [self.gan, *self.modules.values()]
        for module in [*everything, self.averaged, self.averaged_terms]:
            module.to(self.device if device is None else device)
        self.rng = self.rng if rng is None else rng
        for module in everything:
            module.train()
            self.processes.broadcast(module)
        self.averaged.load_state_dict(self.gan.generator.state_dict())
        for averaged, module in self._averaged_modules():
            averaged.load_state_dict(module.state_dict())
        # What is called is compiled; weights and states stay those of the networks themselves.
        networks = self.gan.generator, self.gan.discriminator
        self.G, self.D = (torch.compile(n) if self.settings.compile else n for n in networks)
        bf16 = self.settings.precision == "bf16"
        self.precise = torch.autocast(self.device.type, torch.bfloat16, enabled=bf16)
        if self.augmentation:
            self.augmentation.to(self.device)
        self._begun = True

    def row(self) -> dict:
        """What has been seen since the last row, as numbers; it begins anew."""
        self.settle()
        found = {name: _mean(shares) for name, shares in self.losses.items()}
        logits = self.processes.mean(*(each.mean().item() for each in self.logits))
        found |= dict(zip(("logits_real", "logits_generated"), logits, strict=True))
        for name in PLAYERS:
            norm = self.norms.get(name)
            found[f"{name}_gradient"] = float(self._gradient_norm(name) if norm is None else norm)
        if self.augmentation and self.augmentation.adaptive:
            found["augment_probability"] = float(self.augmentation.probability)
        self.losses = {name: [] for name in self.losses}
        return found

    def run(self, conditions: tuple = (), record: Any = None, source: Any = None) -> Run:
        """What training makes of these players, without a history yet."""
        about = {"conditions": conditions, "record": record or {}, "source": source}
        return Run(self.gan, self.averaged, terms=self.averaged_terms, **about)

    def stateful(self) -> dict:
        """All that has a state, by name."""
        found = {
            "gan": self.gan,
            "averaged": self.averaged,
            "generator_adam": self.optimisers["generator"],
            "discriminator_adam": self.optimisers["discriminator"],
        }
        for name in PLAYERS:
            if len(self.modules[name]):
                found[f"{name}_terms"] = self.modules[name]
        if len(self.averaged_terms):
            found["averaged_terms"] = self.averaged_terms
        return found | ({"augmentation": self.augmentation} if self.augmentation else {})

    def state_dict(self) -> dict:
        """All that a loop needs to go on from here."""
        self.settle()
        states = {name: each.state_dict() for name, each in self.stateful().items()}
        return {
            "states": states,
            "step": self.step,
            "losses": self.losses,
            "rng": self.rng.get_state(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Go to where `state_dict` was taken."""
        if not self._begun:
            self.begin()
        for name, each in self.stateful().items():
            each.load_state_dict(state["states"][name])
        self.step, self.losses = state["step"], state["losses"]
        self.rng.set_state(state["rng"])

    def settle(self, seen: Seen | None = None) -> None:
        """Read the losses that are noted; FloatingPointError for the first that is no number, of
        which `seen` helps to say where it comes from."""
        if not self._unread:
            return
        noted, self._unread = self._unread, []
        losses = [loss.detach() for *_, loss in noted]
        if len(losses) == 1:
            own = [losses[0].item()]
        else:  # together, so that the device is waited for once
            own = torch.stack([loss.to(losses[0].dtype) for loss in losses]).tolist()
        for (step, name, share, _), value in zip(noted, self.processes.mean(*own), strict=True):
            if not math.isfinite(value):
                raise FloatingPointError(_broken(step, name, value, seen))
            self.losses[name].append((share, value))

    # What they are made of -------------------------------------------------------------------

    def _generate(
        self,
        z: torch.Tensor,
        condition: Sequence[torch.Tensor],
        real: torch.Tensor,
        keep: bool = True,
    ) -> torch.Tensor:
        """Samples of the precision of real ones; without `keep` they have no graph."""
        with self.precise, torch.set_grad_enabled(keep):
            return self.G(z, *condition).to(real.dtype)

    def _judge(self, x: torch.Tensor, condition: Sequence[torch.Tensor]) -> torch.Tensor:
        """The logits of samples, augmented first, in the precision of the samples."""
        with self.precise:
            return self._discriminate(self.D, x, condition).to(x.dtype)

    def _discriminate(
        self, network: Callable, x: torch.Tensor, condition: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        if self.augmentation:
            x, *condition = self.augmentation(x, condition, self._draws)
        return network(x, *condition)

    def _penalty(
        self, x: torch.Tensor, fake: torch.Tensor, condition: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        with self.precise:
            return gradient_penalty(
                lambda points, *c: self._discriminate(self.gan.discriminator, points, c),
                x,
                fake,
                self.settings.penalties,
                self._draws,
                condition=condition,
                step=self.step,
                progress=self.progress,
            )

    @property
    def _draws(self) -> torch.Generator | None:
        """What each process draws from for itself: else all would draw the same points."""
        return self.rng if self.processes.world_size == 1 else None

    def _active(self, player: str) -> list[tuple[Term, float]]:
        """The terms of a player with their weights, but for those whose weight is zero now."""
        weights = [(term, term.weight_at(self.progress)) for term in self.terms[player].values()]
        return [(term, weight) for term, weight in weights if weight]

    def _term(self, term: Term, weight: float, share: float, seen: Seen) -> torch.Tensor:
        with self.precise:
            value = value_of(term, seen)
        return self._note(term.name, weight * value.to(seen.generated.dtype), share, seen)

    def _seen(
        self,
        real: torch.Tensor,
        generated: torch.Tensor,
        latents: torch.Tensor,
        condition: Sequence[torch.Tensor],
        logits_real: torch.Tensor | None,
        logits_generated: torch.Tensor,
    ) -> Seen:
        """What terms are shown."""
        return Seen(
            real,
            generated,
            latents,
            tuple(condition),
            logits_real,
            logits_generated,
            self.gan.generator,
            self.gan.discriminator,
        )

    def _note(self, name: str, loss: torch.Tensor, share: float, seen: Seen) -> torch.Tensor:
        """The loss, noted for the history."""
        self._unread.append((self.step, name, share, loss))
        if self._at_once:
            self.settle(seen)
        return loss

    def _descend(self, player: str) -> None:
        weights, most = self.weights[player], self.settings.max_grad_norm
        self.processes.average_gradients(weights)
        # Now, for of a layer that both have the generator's step writes the gradient anew.
        now = self._at_once or self.findings.shared
        self.norms[player] = self._gradient_norm(player) if now else None
        if most is not None:
            norm = nn.utils.clip_grad_norm_(weights, most)
            self.norms[player] = self.norms[player] if now else norm
        self.optimisers[player].step()

    def _gradient_norm(self, player: str) -> float:
        """Over all weights of a player; FloatingPointError, naming a weight, where it is NaN or
        infinite."""
        gradients = {k: w.grad for k, w in self._named[player].items() if w.grad is not None}
        norms = [torch.linalg.vector_norm(gradient) for gradient in gradients.values()]
        norm = torch.linalg.vector_norm(torch.stack(norms)).item() if norms else 0.0
        if not math.isfinite(norm):  # of a very long one only the norm may be
            for key, gradient in gradients.items():
                if not gradient.isfinite().all():
                    raise FloatingPointError(
                        f"step {self.step}: the gradient of the {player} is NaN or infinite, first "
                        f"in its weight {key!r}, though its loss is finite. {_STOPPED} gradient "
                        "changed any weight; a root, a logarithm or a quotient at the edge of "
                        "where it has a slope is the usual cause"
                    )
        return norm

    def _move_averages(self) -> None:
        self.processes.average([*self.gan.buffers(), *(b for m in self.modules.values()
                                                       for b in m.buffers())])  # fmt: skip
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        _move_average(self.averaged, self.gan.generator, decay)
        for averaged, module in self._averaged_modules():
            _move_average(averaged, module, decay)

    def _averaged_modules(self) -> list[tuple[nn.Module, nn.Module]]:
        both = [each for name in PLAYERS for each in self.modules[name].items()]
        return [(self.averaged_terms[name], module) for name, module in both]

    def _trainable(self, player: str) -> dict[str, nn.Parameter]:
        network = getattr(self.gan, player)
        found = {key: w for key, w in network.named_parameters() if w.requires_grad}
        if not found:
            raise Refused(f"the {player} has no trainable weights")
        known = {id(weight) for weight in found.values()}
        named = self.modules[player].named_parameters()
        more = {key: w for key, w in named if w.requires_grad and id(w) not in known}
        return found | {f"{key} of its terms": weight for key, weight in more.items()}

    def _columns(self) -> list[str]:
        terms = [name for player in PLAYERS for name in self.terms[player]]
        return ["discriminator_loss", "generator_loss", "penalty", *terms]


_SINGLE = (
    "a batch, or its last piece, is a single sample, and the networks take statistics of batches, "
    "so of two or more; let the data come in batches that leave two (a DataLoader with "
    "drop_last=True), or take networks without such layers"
)


def _broken(step: int, name: str, value: float, seen: Seen | None) -> str:
    """What is said of a loss that is no number."""
    what = name.replace("_", " ") if name.endswith("_loss") or name == "penalty" else f"term {name}"
    if seen is None:
        return (
            f"step {step}: the {what} is {value}. It was found when the losses were read, before "
            "anything was saved after it; a smaller lr or a gradient penalty may help"
        )
    looked = {
        "real batch": [seen.real],
        "generated batch": [seen.generated],
        "logits": [x for x in (seen.logits_real, seen.logits_generated) if x is not None],
    }
    broken = [k for k, tensors in looked.items() if not all(t.isfinite().all() for t in tensors)]
    cause = (
        f"NaN or infinity stands first in the {broken[0]}"
        if broken
        else "the logits here are finite"
    )
    return (
        f"step {step}: the {what} is {value}; {cause}. {_STOPPED} loss changed any "
        "weight; a smaller lr or a gradient penalty may help"
    )


_STOPPED = "Training stopped before this"


def _pieces(count: int, *tensors: torch.Tensor) -> Iterator[tuple]:
    """Cut tensors of the same length into `count` pieces or fewer: (share, piece, piece, …)."""
    for pieces in zip(*(tensor.chunk(count) for tensor in tensors), strict=True):
        yield len(pieces[0]) / len(tensors[0]), *pieces


def _mean(weighted: list[tuple[float, float]]) -> float:
    """The mean of values that count for a share of a batch each; 0 where there are none."""
    if not weighted:
        return 0.0
    total = math.fsum(share * value for share, value in weighted)
    return total / math.fsum(share for share, _ in weighted)


def _at_rest(module: nn.Module) -> Any:
    return module.eval().requires_grad_(False)


@torch.no_grad()
def _move_average(averaged: nn.Module, module: nn.Module, decay: float) -> None:
    for mean, weight in zip(averaged.parameters(), module.parameters(), strict=True):
        mean.lerp_(weight, 1 - decay)
    for copied, buffer in zip(averaged.buffers(), module.buffers(), strict=True):
        copied.copy_(buffer)
