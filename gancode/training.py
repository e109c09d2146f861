"""Adversarial training: one discriminator step, one generator step, in plain sight."""

import copy
import math
import operator
import os
import random
import time
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from gancode import penalties as gradient_penalties
from gancode.data import Batches, examine
from gancode.folder import Folder, describe
from gancode.schedules import schedule


def seed(k):
    """Seed Python, NumPy and torch, and return a torch.Generator for data and latents.

    All four streams, and that of `Run.sample`, are independent of one another. The integer in the
    environment variable GANCODE_SEED (default 0) shifts every seed: the streams are those of the
    pair (k, GANCODE_SEED), mixed by NumPy's SeedSequence, so no two pairs meet. Raises ValueError
    for a seed that is not a non-negative integer.
    """
    python, numpy, global_torch, generator, _ = _streams(k)
    random.seed(python)
    np.random.seed(numpy)
    torch.manual_seed(global_torch)
    return torch.Generator().manual_seed(generator)


_seed = seed  # for `train`, whose argument has the same name


class GAN(nn.Module):
    """A generator, a discriminator, and the size of the latent vectors that join them.

    The generator maps latents (n, latent_dim) to samples (n, ...), the discriminator samples to
    logits (n,) or (n, 1). Any modules that do so will serve.
    """

    def __init__(self, generator, discriminator, latent_dim):
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.latent_dim = _positive_integer("latent_dim", latent_dim)

    def latents(self, n, generator=None):
        """Draw n standard normal latents, shape (n, latent_dim), where the generator's weights are.

        They are drawn on the CPU, so that a seed means the same numbers on every device.
        """
        weights = next(self.generator.parameters())
        return torch.randn(n, self.latent_dim, generator=generator).to(weights)


@dataclass
class Run:
    """What training has made so far.

    `gan` holds the raw weights, `averaged` the generator of their moving average, in eval mode.
    `history` has one row, a dict, for each interval of `log_every` steps, and one for the last:

    - step: steps done, from 1;
    - discriminator_loss, generator_loss, penalty: means over the interval; the discriminator's
      loss is that of the objective alone;
    - logits_real, logits_generated: mean over the last batch of the discriminator;
    - discriminator_gradient, generator_gradient: Euclidean norm over all weights at the last step,
      before it is clipped;
    - images_per_second: real samples seen by the discriminator, by the clock.
    """

    gan: GAN
    averaged: nn.Module
    history: list = field(default_factory=list)

    def sample(self, n, seed=0):
        """n samples of the averaged generator, shape (n, ...); the same ones for the same seed.

        The global random state is left as it was. Raises ValueError for n that is not a positive
        integer.
        """
        n = _positive_integer("n", n)
        *_, stream = _streams(seed)
        device = next(self.gan.parameters()).device
        with torch.no_grad(), _random_state_kept(device):
            torch.manual_seed(stream)
            # In pieces: the memory of a convolutional generator grows with its batch.
            return torch.cat([self.averaged(z) for z in self.gan.latents(n).split(1000)])


def train(
    gan,
    data,
    *,
    objective="nonsaturating",
    penalties=(),
    steps=None,
    seconds=None,
    batch_size=64,
    lr=2e-4,
    betas=(0.5, 0.999),
    discriminator_steps=1,
    clip=None,
    average=0.999,
    seed=0,
    log_every=100,
    callback=None,
    progress=None,
    out=None,
    resume=False,
    save_every=1000,
):
    """Train a GAN in place, in train mode, and return its `Run`.

    A step is `discriminator_steps` steps of the discriminator, then one of the generator, each
    with its own `torch.optim.Adam(weights, lr, betas, fused=True)`. The discriminator sees real and
    generated samples in one forward of the concatenated batch, as many of the one as of the other;
    the latents of each step are fresh.

    - data: a density, a tensor of samples (n, ...), or an iterable of batches (see `gancode.data`).
    - objective: a name in `gancode.calculus.catalog`, or an `Objective`.
    - penalties: strings such as "r1=1", or `Penalty` objects (see `gancode.penalties`).
    - steps or seconds, exactly one: how long. With seconds, the clock decides where the run ends,
      so only `steps` can be repeated exactly.
    - lr: of both optimisers; a number or a schedule, such as "2e-4..2e-5" (see
      `gancode.schedules`), read before every step.
    - clip: the largest gradient norm, over all weights of a network, that an optimiser is given;
      a longer gradient is shortened to it.
    - average: the decay β of the averaged generator, θ̄ ← β θ̄ + (1 − β) θ, warmed up as
      min(β, (1 + t) / (10 + t)) after t steps; buffers are copied.
    - callback: called as `callback(step, run)` after every step, with the run so far.
    - progress: show a progress bar on stderr; by default only where that is a terminal.
    - out: a folder for checkpoints and for history.jsonl, one JSON line a row; made where missing.
      A checkpoint is written every `save_every` steps and at the end. Ctrl-C ends the step, writes
      a checkpoint, and raises KeyboardInterrupt.
    - resume: continue the run in `out`, if one has begun there, from its newest checkpoint, or from
      the one before it ("previous"). The rest of the run is then, bit for bit, what it would have
      been without the stop, with the same arguments on the same machine; only the clock differs.
      `steps` or `seconds` (of all parts together) may be larger than before.

    Randomness: the run begins with `rng = gancode.seed(seed)`. From `rng` it draws, in this order:
    for each discriminator step the real batch (for a tensor, one `torch.randperm` at the start of
    an epoch), the latents, and what a penalty draws; then the latents of the generator step, as
    many as the last real batch had. Dropout draws from the global state.

    Raises, before anything has changed, ValueError or TypeError for arguments that do not fit
    together, `gancode.checkpoint.CheckpointError` for a checkpoint that is damaged or of another
    run; and FloatingPointError, naming step and quantity, as soon as a loss is NaN or infinite.
    """
    objective = _objective(objective)
    critic_loss, generator_loss = objective.torch()
    penalties = gradient_penalties.parse(penalties)
    if (steps is None) == (seconds is None):
        raise ValueError(f"give exactly one of steps and seconds, not {steps=} and {seconds=}")
    if steps is not None:
        steps = _positive_integer("steps", steps)
    else:
        _positive_number("seconds", seconds)
    batch_size = _positive_integer("batch_size", batch_size)
    discriminator_steps = _positive_integer("discriminator_steps", discriminator_steps)
    log_every = _positive_integer("log_every", log_every)
    save_every = _positive_integer("save_every", save_every)
    lr = schedule("lr", lr)
    _positive_number("lr", lr(0.0))
    if clip is not None:
        _positive_number("clip", clip)
    if not 0 <= average < 1:
        raise ValueError(f"average={average} must be at least 0 and below 1")
    generator, discriminator = gan.generator, gan.discriminator
    generator_weights = _trainable(generator, "generator")
    discriminator_weights = _trainable(discriminator, "discriminator")
    device = generator_weights[0].device
    with _random_state_kept(device):
        data, samples = examine(data, batch_size)
        _check_fit(gan, samples.to(device))
    folder = Folder(
        out,
        {
            "objective": repr(objective),
            "penalties": repr(penalties),
            "data": describe(data),
            "batch_size": batch_size,
            "lr": repr(lr),
            "betas": list(betas),
            "discriminator_steps": discriminator_steps,
            "clip": clip,
            "average": average,
            "seed": [seed, os.environ.get("GANCODE_SEED", "0")],
            "log_every": log_every,
        },
        resume,
    )
    # Fused: one kernel for all weights, up to a third more steps a second on small networks.
    generator_adam = torch.optim.Adam(generator_weights, lr(0.0), betas, fused=True)
    discriminator_adam = torch.optim.Adam(discriminator_weights, lr(0.0), betas, fused=True)

    rng = _seed(seed)
    gan.train()
    run = Run(gan, copy.deepcopy(generator).eval().requires_grad_(False))
    real_batches = Batches(data, batch_size, rng)
    losses = {"discriminator_loss": [], "generator_loss": [], "penalty": []}  # of this interval
    step, images, elapsed = 0, 0, 0.0
    parts = {
        "gan": gan,
        "averaged": run.averaged,
        "generator_adam": generator_adam,
        "discriminator_adam": discriminator_adam,
        "data": real_batches,
    }
    if counters := folder.restore(parts, rng):
        step, losses, images, elapsed = (
            counters[k] for k in ("step", "losses", "images", "elapsed")
        )
        run.history[:] = counters["history"]
    began = interval_began = time.perf_counter()
    began -= elapsed  # the parts of a run together
    done = step >= steps if steps else elapsed >= seconds
    bar = tqdm(
        total=steps,
        initial=step,
        unit="step",
        disable=None if progress is None else not progress,
    )
    with bar, folder.last_good(), folder.interrupts_postponed() as interrupted:
        while not done:
            how_far = step / steps if steps else (time.perf_counter() - began) / seconds
            how_far, step = min(how_far, 1.0), step + 1
            for adam in (generator_adam, discriminator_adam):
                adam.param_groups[0]["lr"] = lr(how_far)

            # The discriminator learns to tell real from generated ...
            for _ in range(discriminator_steps):
                real = next(real_batches).to(device)
                with torch.no_grad():
                    generated = generator(gan.latents(len(real), rng))
                logits = discriminator(torch.cat([real, generated]))
                logits_real, logits_generated = logits.chunk(2)
                loss = critic_loss(logits_real, logits_generated)
                seen = {"real batch": real, "generated batch": generated, "logits": logits}
                losses["discriminator_loss"].append(_finite(loss, "discriminator loss", step, seen))
                if penalties:
                    penalty = gradient_penalties.gradient_penalty(
                        discriminator,
                        real,
                        generated,
                        penalties,
                        rng,
                        step=step,
                        progress=how_far,
                    )
                    losses["penalty"].append(_finite(penalty, "penalty", step, seen))
                    loss = loss + penalty
                discriminator_adam.zero_grad()
                loss.backward()
                if clip is not None:
                    discriminator_norm = nn.utils.clip_grad_norm_(discriminator_weights, clip)
                discriminator_adam.step()
                images += len(real)

            # ... and the generator learns to be taken for real.
            generated = generator(gan.latents(len(real), rng))
            if objective.paired:  # the loss compares each with a real one
                logits = discriminator(torch.cat([real, generated]))
                loss = generator_loss(*logits.chunk(2))
            else:
                logits = discriminator(generated)
                loss = generator_loss(logits)
            seen = {"generated batch": generated, "logits": logits}
            losses["generator_loss"].append(_finite(loss, "generator loss", step, seen))
            generator_adam.zero_grad()
            loss.backward(inputs=generator_weights)  # and not the discriminator's: it stands still
            if clip is not None:
                generator_norm = nn.utils.clip_grad_norm_(generator_weights, clip)
            generator_adam.step()

            _move_average(run.averaged, generator, min(average, (1 + step) / (10 + step)))

            now = time.perf_counter()
            done = step == steps if steps else now - began >= seconds
            if step % log_every == 0 or done:
                if clip is None:
                    discriminator_norm = _gradient_norm(discriminator_weights)
                    generator_norm = _gradient_norm(generator_weights)
                row = {
                    "step": step,
                    **{name: fmean(values) if values else 0.0 for name, values in losses.items()},
                    "logits_real": logits_real.mean().item(),
                    "logits_generated": logits_generated.mean().item(),
                    "discriminator_gradient": float(discriminator_norm),
                    "generator_gradient": float(generator_norm),
                    "images_per_second": images / (now - interval_began),
                }
                run.history.append(row)
                folder.log(row)
                bar.set_postfix_str(f"{row['images_per_second']:.0f} images/s", refresh=False)
                losses = {name: [] for name in losses}
                images, interval_began = 0, now
            bar.update()
            if callback is not None:
                callback(step, run)
            if out is not None and (step % save_every == 0 or done or interrupted()):
                counters = {
                    "step": step,
                    "losses": losses,
                    "images": images,
                    "history": run.history,
                }
                folder.save(step, parts, rng, counters | {"elapsed": now - began})
            if interrupted():
                raise KeyboardInterrupt(f"stopped after step {step}; resume=True continues")
    return run


def _objective(objective):
    if isinstance(objective, str):
        from gancode.calculus import catalog  # here, so that SymPy loads only for training

        objective = catalog[objective]
    if not hasattr(objective, "torch"):
        raise TypeError(
            f"the objective must be a name in gancode.calculus.catalog or an Objective, "
            f"not {type(objective).__name__}"
        )
    return objective


def _check_fit(gan, samples):
    """Run one small batch through a copy, so that nothing of the original moves."""
    trial = copy.deepcopy(gan).train()
    n = len(samples)
    with torch.no_grad():
        latents = trial.latents(n)
        try:
            generated = trial.generator(latents)
        except Exception as error:
            raise ValueError(
                f"the generator does not take latents of shape {tuple(latents.shape)} "
                f"(latent_dim={gan.latent_dim}): {error}"
            ) from error
        if generated.shape != samples.shape or generated.dtype != samples.dtype:
            raise ValueError(
                f"the generator makes samples of shape {tuple(generated.shape[1:])} and type "
                f"{generated.dtype}, but the data have {tuple(samples.shape[1:])} and "
                f"{samples.dtype}; the two must agree"
            )
        try:
            logits = trial.discriminator(torch.cat([samples, generated]))
        except Exception as error:
            raise ValueError(
                "the discriminator does not take what the generator makes, samples of shape "
                f"{tuple(samples.shape[1:])}: {error}"
            ) from error
    if logits.shape not in [(2 * n,), (2 * n, 1)]:
        raise ValueError(
            f"for {2 * n} samples the discriminator returns shape {tuple(logits.shape)}; it must "
            f"return one logit a sample, shape {(2 * n,)} or {(2 * n, 1)}"
        )


def _trainable(module, name):
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    if not weights:
        raise ValueError(f"the {name} has no trainable weights")
    return weights


def _finite(loss, name, step, seen):
    """The loss as a number; FloatingPointError where it is none."""
    value = loss.item()
    if math.isfinite(value):
        return value
    broken = [part for part, tensor in seen.items() if not tensor.isfinite().all()]
    cause = (
        f"NaN or infinity stands first in the {broken[0]}" if broken else "the logits are finite"
    )
    raise FloatingPointError(
        f"step {step}: the {name} is {value}; {cause}. Training stopped before this loss changed "
        "any weight; a smaller lr or a gradient penalty may help"
    )


@torch.no_grad()
def _move_average(averaged, generator, decay):
    for mean, weight in zip(averaged.parameters(), generator.parameters(), strict=True):
        mean.lerp_(weight, 1 - decay)
    for copied, buffer in zip(averaged.buffers(), generator.buffers(), strict=True):
        copied.copy_(buffer)


def _gradient_norm(weights):
    norms = [torch.linalg.vector_norm(w.grad) for w in weights if w.grad is not None]
    return torch.linalg.vector_norm(torch.stack(norms))


def _random_state_kept(device):
    """A context that leaves the global random state of torch as it found it."""
    return torch.random.fork_rng([device] if device.type == "cuda" else [])


def _streams(k):
    """Five 32-bit seeds, a function of k and GANCODE_SEED."""
    shift = os.environ.get("GANCODE_SEED", "0")
    if not shift.isdecimal() or int(shift) >= 2**32:
        raise ValueError(f"GANCODE_SEED={shift!r} must be an integer from 0 to 2³² − 1")
    try:
        k = operator.index(k)
    except TypeError:
        k = -1
    if not 0 <= k < 2**32:
        raise ValueError(f"a seed must be an integer from 0 to 2³² − 1, not {k!r}")
    return np.random.SeedSequence((k, int(shift))).generate_state(5).tolist()


def _positive_integer(name, value):
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"{name}={value!r} must be a positive integer")
    return number


def _positive_number(name, value):
    if not 0 < value < math.inf:
        raise ValueError(f"{name}={value!r} must be positive and finite")
