"""How unlike its training data a sample is, by a trained GAN.

The discriminator's logit, and what is lost on the way through the latent space: an encoder is
trained to invert the generator on normal data, as in f-AnoGAN (Schlegl et al. 2019). All scores are
the larger the more anomalous.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gancode import networks, randomness
from gancode.data.sources import Batches, source
from gancode.errors import Refused, WrongType, finite, positive_integer
from gancode.inversion import _descended
from gancode.training import checkpoint
from gancode.training.run import Run

KEPT_EVERY = 100  # steps of an encoder
SCORES = ("discriminator", "reconstruction", "features", "both")


class Inner(nn.Module):
    """A discriminator that tells what its last linear or convolutional layer reads, too: samples
    (n, ...) to features (n, k) and logits (n,). It is a copy, in eval mode, whose weights stand
    still. Raises `Refused` for one without such a layer."""

    def __init__(self, discriminator: nn.Module) -> None:
        super().__init__()
        self.discriminator = _at_rest(discriminator)
        if not any(isinstance(each, networks.LINEAR) for each in self.discriminator.modules()):
            raise Refused(
                f"{type(discriminator).__name__} has no linear or convolutional layer whose input "
                "could serve as features; give a discriminator that has one"
            )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of each sample, independently of the others."""
        read: list[torch.Tensor] = []
        hooks = [
            each.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
            for each in self.discriminator.modules()
            if isinstance(each, networks.LINEAR)
        ]
        try:
            logits = self.discriminator(x)
        finally:
            for hook in hooks:
                hook.remove()
        return read[-1].flatten(1), logits.reshape(len(x))


@dataclass(frozen=True)
class Detector:
    """What scores samples of one `shape`: a generator, an encoder that inverts it on normal data,
    and a discriminator's features. `weight` is that of the features in the score `both`, κ of
    Schlegl et al. 2019."""

    generator: nn.Module
    encoder: nn.Module
    inner: Inner
    shape: tuple[int, ...]
    weight: float = 1.0

    def reconstruct(self, x: torch.Tensor) -> torch.Tensor:
        """G(E(x)), of the shape (n, ...) of x."""
        return self.generator(self.encoder(x.flatten(1)))

    def losses(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of each sample (n, ...) the mean square of x − G(E(x)) over its coordinates, that of
        its features less those of G(E(x)), and its logit: three tensors (n,), with their graph."""
        again = self.reconstruct(x)
        features, logits = self.inner(x)
        missed = features - self.inner(again)[0]
        return _mean_square(x - again), _mean_square(missed), logits

    def scores(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """A dict from the names in `SCORES` to the scores (n,) of samples (n, ...): minus the
        logit; what reconstruction loses of a sample, and of its features; their weighted sum.
        Raises `Refused` for samples of another shape than the run's, or not finite."""
        if not torch.is_tensor(x):
            raise WrongType(f"samples must be a tensor (n, ...), not {type(x).__name__}")
        _refuse_whole(x)
        if not len(x) or tuple(x.shape[1:]) != self.shape:
            wanted = ", ".join(map(str, ("n", *self.shape)))
            raise Refused(f"samples must have shape ({wanted}), n > 0, not {tuple(x.shape)}")
        if not torch.isfinite(x).all():
            raise Refused("the samples hold numbers that are not finite")
        weights = next(self.generator.parameters())
        with torch.no_grad():
            found = [self.losses(batch.to(weights)) for batch in x.split(500)]
        lost, missed, logits = (torch.cat(each).cpu() for each in zip(*found, strict=True))
        return dict(zip(SCORES, (-logits, lost, missed, lost + self.weight * missed), strict=True))


def detector(
    run: Run,
    normal: Any,
    *,
    steps: int = 1000,
    batch_size: int = 64,
    lr: float = 1e-3,
    hidden: Sequence[int] = (256,),
    weight: float = 1.0,
    seed: int = 0,
    progress: bool = False,
    kept: str | Path | None = None,
) -> Detector:
    """Train an encoder for the averaged generator of a run on `normal` data; return the `Detector`.

    The encoder E is an MLP with layers of the widths in `hidden`. `steps` steps of Adam at the rate
    `lr` lower the mean of ‖x − G(E(x))‖²/d + weight · ‖φ(x) − φ(G(E(x)))‖²/k over batches of the
    data, where φ(x), of k coordinates, is what the last layer of the discriminator reads, and d is
    the size of x: the encoder "izi_f" of Schlegl et al. 2019. Networks and run stay as they are.
    The data are anything that `gancode.train` takes; those of the run will do. Calls of one `seed`
    give the same encoder. With 0 steps it stays as it was drawn, which does for the score by the
    discriminator. With `progress` a bar is shown on stderr. `kept` is a file in which the
    encoder is kept as it trains: where it is there already, the same call goes on from it and comes
    to the same encoder, bit for bit, and one that asks for more steps goes on to those.

    Raises `Refused` for a conditional run, for a discriminator without a layer to read, for data of
    another shape than its samples, and where `kept` holds anything else; FloatingPointError where
    the loss is NaN or infinite.
    """
    if not isinstance(run, Run):
        raise WrongType(
            f"a {type(run).__name__} scores nothing; give a gancode.Run, as gancode.train makes it"
        )
    gan = run.gan
    if gan.condition is not None:
        raise Refused(
            "a conditional GAN scores samples only together with their condition; give a run "
            "without one"
        )
    if steps != 0:
        positive_integer("steps", steps)
    lr, weight = finite("lr", lr, positive=True), finite("weight", weight)
    device = next(run.averaged.parameters()).device
    rng = randomness.seed(seed)
    generator, inner = _at_rest(run.averaged), Inner(gan.discriminator)
    with torch.no_grad():
        shape = tuple(generator(gan.latents(1, rng)).shape[1:])
    encoder = networks.mlp(torch.Size(shape).numel(), hidden, gan.latent_dim).to(device)
    made = Detector(generator, encoder, inner, shape, weight)
    normal = source(normal)
    normal.check(1)  # a batch may be larger than the data are
    batches = Batches(normal, positive_integer("batch_size", batch_size), rng)

    def loss(step: int) -> torch.Tensor:
        batch = next(batches)
        x = (batch[0] if isinstance(batch, tuple) else batch).to(device)
        if tuple(x.shape[1:]) != shape:
            raise Refused(
                f"normal has samples of shape {tuple(x.shape[1:])}, and the run makes {shape}; "
                "give data of its kind"
            )
        _refuse_whole(x)
        x = x.to(next(encoder.parameters()))
        lost, missed, _ = made.losses(x)
        return (lost + weight * missed).mean()

    of = [batches.source.describe(), batch_size, lr, list(hidden), weight, seed, randomness.shift()]
    of += [checkpoint.crc(each.state_dict()) for each in (generator, inner)]
    keep = None if kept is None else _Kept(Path(kept), repr(of), batches, rng, device, steps)
    _descended(encoder, loss, steps=steps, lr=lr, progress=progress, kept=keep)
    encoder.requires_grad_(False)
    return made


@dataclass(frozen=True)
class _Kept:
    """An encoder that trains, its optimiser and all that is drawn, in a file."""

    path: Path
    of: str  # all that it hangs on, but for the number of steps
    batches: Batches
    rng: torch.Generator
    device: torch.device
    steps: int

    def begin(self, encoder: nn.Module, optimiser: torch.optim.Optimizer) -> int:
        """Bring all to where the file says; the steps that were taken, 0 without a file."""
        if not self.path.exists():
            return 0
        try:
            state = checkpoint.loads(self.path.read_bytes())
            mine = state["of"] == self.of and state["step"] <= self.steps
        except Exception:  # of many types: it may be any file
            mine = False
        if not mine:
            raise Refused(
                f"{self.path} holds no encoder for this run, these data and settings with at most "
                f"{self.steps} steps; give another file, or remove it"
            )
        encoder.load_state_dict(state["encoder"])
        optimiser.load_state_dict(state["optimiser"])
        self.batches.load_state_dict(state["batches"])
        randomness.set_states(state["random"], self.rng, self.device)
        return state["step"]

    def after(self, step: int, encoder: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Write the file every KEPT_EVERY steps, and after the last one."""
        if step % KEPT_EVERY and step < self.steps:
            return
        state = {
            "of": self.of,
            "step": step,
            "encoder": encoder.state_dict(),
            "optimiser": optimiser.state_dict(),
            "batches": self.batches.state_dict(),
            "random": randomness.states(self.rng, self.device),
        }
        checkpoint.write(self.path, checkpoint.dumps(state))


def _refuse_whole(x: torch.Tensor) -> None:
    if not x.is_floating_point():
        raise WrongType(
            f"samples are {x.dtype}; bring them to the type and the range of the run's data, for "
            "bytes `x / 127.5 - 1`"
        )


def _mean_square(x: torch.Tensor) -> torch.Tensor:
    return x.flatten(1).square().mean(1)


def _at_rest(module: nn.Module) -> nn.Module:
    return copy.deepcopy(module).eval().requires_grad_(False)
