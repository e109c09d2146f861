"""Adversarial training: one discriminator step, one generator step, in plain sight."""

import math
import operator
import os
import time
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn
from tqdm import tqdm

from gancode import penalties as gradient_penalties
from gancode import randomness, ranges, schedules, trial
from gancode.adam import adam
from gancode.data import Batches, batch_sizes, examine, in_memory, smallest
from gancode.folder import Folder, describe
from gancode.processes import Processes
from gancode.progress import lines, on_a_terminal
from gancode.trial import twice


class GAN(nn.Module):
    """A generator, a discriminator, and the size of the latent vectors that join them.

    The generator maps latents (n, latent_dim) to samples (n, ...), the discriminator samples to
    logits (n,) or (n, 1). Any modules that do so will serve. With `classes` both are conditional:
    they are called with a second argument, labels (n,) of int64 from 0 to classes − 1.
    """

    def __init__(self, generator, discriminator, latent_dim, classes=None):
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.latent_dim = _positive_integer("latent_dim", latent_dim)
        self.classes = None if classes is None else _positive_integer("classes", classes)

    def latents(self, n, generator=None):
        """Draw n standard normal latents, shape (n, latent_dim), where the generator's weights are.

        They are drawn on the CPU, so that a seed means the same numbers on every device.
        """
        weights = next(self.generator.parameters())
        return torch.randn(n, self.latent_dim, generator=generator, device="cpu").to(weights)


@dataclass
class Run:
    """What training has made so far.

    `gan` holds the raw weights, `averaged` the generator of their moving average, in eval mode.
    `history` has one row, a dict, for each interval of `log_every` steps, and one for the last:

    - step: steps done, from 1;
    - discriminator_loss, generator_loss, penalty: means over the interval; the discriminator's
      loss is that of the objective alone;
    - logits_real, logits_generated: mean over the last batch of the discriminator, or over the
      last piece of it (`accumulate`);
    - discriminator_gradient, generator_gradient: Euclidean norm over all weights at the last step,
      before it is clipped;
    - images_per_second: real samples seen by the discriminator, by the clock;
    - what `measure` has returned.
    """

    gan: GAN
    averaged: nn.Module
    history: list = field(default_factory=list)

    def sample(self, n, seed=0, labels=None):
        """n samples of the averaged generator, shape (n, ...); the same ones for the same seed.

        Of a conditional GAN, `labels` are the classes to draw from: one number, or a tensor (n,);
        by default the classes in turn, 0, 1, …, 0, 1, …. The global random state is left as it
        was. Raises ValueError for n that is not a positive integer, and for labels that are not of
        this GAN.
        """
        n = _positive_integer("n", n)
        labels = self._labels(n, labels)
        *_, stream = randomness.streams(seed)
        device = next(self.gan.parameters()).device
        with torch.no_grad(), randomness.kept(device):
            torch.manual_seed(stream)
            latents = self.gan.latents(n)
            # In pieces: the memory of a convolutional generator grows with its batch.
            pieces = zip(*(part.split(1000) for part in (latents, *labels)), strict=True)
            return torch.cat([self.averaged(*piece) for piece in pieces])

    def _labels(self, n, labels):
        classes = self.gan.classes
        if classes is None:
            if labels is not None:
                raise ValueError("labels are for a conditional GAN: GAN(..., classes=k)")
            return ()
        in_turn = torch.arange(n, device="cpu") % classes
        labels = in_turn if labels is None else torch.as_tensor(labels, device="cpu")
        labels = labels.expand(n) if labels.ndim == 0 else labels
        if labels.shape != (n,) or labels.is_floating_point() or labels.is_complex():
            raise ValueError(
                f"labels must be one whole number, or {n}, one a sample, not {labels.dtype} of "
                f"shape {tuple(labels.shape)}"
            )
        if labels.min() < 0 or labels.max() >= classes:
            raise ValueError(f"labels must be from 0 to {classes - 1}, not {labels.tolist()[:10]}")
        return (labels.long().to(next(self.gan.parameters()).device),)


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
    precision="fp32",
    accumulate=1,
    compile=False,
    workers=0,
    log_every=100,
    measure=None,
    callback=None,
    progress=None,
    out=None,
    resume=False,
    save_every=1000,
):
    """Train a GAN in place, in train mode, and return its `Run`.

    A step is `discriminator_steps` steps of the discriminator, then one of the generator, each
    with its own `torch.optim.Adam(weights, lr, betas, fused=True)` (see `gancode.adam`). The
    discriminator sees real and generated samples in one forward of the concatenated batch, as many
    of the one as of the other.
    The generator's step goes on with the latents of the discriminator's last one: what it generates
    is the same, and need not be computed again. A conditional GAN generates with the labels of the
    real batch.

    - data: a density, a tensor of samples (n, ...), a Dataset of them, or an iterable of batches;
      for a conditional GAN a pair of tensors, samples and labels, or batches that are such pairs
      (see `gancode.data`).
    - objective: a name in `gancode.calculus.catalog`, or an `Objective`.
    - penalties: strings such as "r1=1", or `Penalty` objects (see `gancode.penalties`).
    - steps or seconds, exactly one: how long. With seconds, the clock decides where the run ends,
      so only `steps` can be repeated exactly.
    - batch_size: real samples a step of the discriminator, over all processes and pieces together.
    - lr: of both optimisers; a number or a schedule, such as "2e-4..2e-5" (see
      `gancode.schedules`), read before every step. A schedule may begin or end at zero.
    - clip: the largest gradient norm, over all weights of a network, that an optimiser is given;
      a longer gradient is shortened to it.
    - average: the decay β of the averaged generator, θ̄ ← β θ̄ + (1 − β) θ, warmed up as
      min(β, (1 + t) / (10 + t)) after t steps; buffers are copied.
    - precision: "fp32", or "bf16": the networks compute in bfloat16 where torch.autocast deems it
      safe; weights, losses and optimisers stay in the precision they have.
    - accumulate: in how many pieces a batch goes through the networks, one after the other, for
      less memory. Their gradients add up to that of the batch; but batch normalisation sees pieces.
    - compile: run the networks through `torch.compile`; penalties, which are differentiated twice,
      are not. It takes a C++ compiler, and tens of seconds at the first step; whether it is faster
      then depends on networks and machine.
    - workers: processes that load samples, where the data are a Dataset.
    - measure: called as `measure(run)` for every row of the history; returns a dict of numbers that
      are added to it and shown by the progress bar.
    - callback: called as `callback(step, run)` after every step, with the run so far; or a list.
    - progress: show a progress bar on stderr; by default where that is a terminal, and where it is
      none write a line every half a minute, for a log.
    - out: a folder for checkpoints, for history.jsonl, one JSON line a row, and for
      generator.safetensors, the averaged generator; made where missing. A checkpoint is written
      every `save_every` steps and at the end. Ctrl-C ends the step, writes a checkpoint, and raises
      KeyboardInterrupt.
    - resume: continue the run in `out`, if one has begun there, from its newest checkpoint, or from
      the one before it ("previous"). The rest of the run is then, bit for bit, what it would have
      been without the stop, with the same arguments on the same machine; only the clock differs.
      `steps` or `seconds` (of all parts together) may be larger than before; schedules reach over
      the whole of it, and a `gancode.ScheduleWarning` says which numbers jump for that.

    The run takes place where the generator's weights are. Under `torchrun` or `accelerate launch`
    each process moves the networks to the device that Accelerate gives it, takes its share of every
    batch (the last one of an epoch is cut to equal shares), and all take the same steps with the
    mean of their gradients; buffers, such as batch normalisation's means, are averaged too. `out`
    must then be a folder that all processes see; `measure`, `callback`, the bar and the files are
    left to the first. The others wait for it, but no longer than PyTorch's time limit for a
    collective call (ten minutes on GPUs, thirty on CPUs).

    Randomness: the run begins with `rng = gancode.seed(seed)`. From `rng` it draws, in this order:
    for each discriminator step the real batch (for a tensor, one `torch.randperm` at the start of
    an epoch), as many latents, and what a penalty draws. Dropout draws from the global state, which
    differs from process to process; where there are several, penalties draw from it too.

    Before the first step copies of the networks take one, on trial, and a `DataRangeWarning` says
    where the data lie out of the range of what the generator can make.

    Raises, before anything has changed, ValueError or TypeError for arguments, data and networks
    that do not fit together and for what cannot be saved, `gancode.checkpoint.CheckpointError` for
    a checkpoint that is damaged or of another run, OSError for a folder that cannot be written; and
    FloatingPointError, naming step and quantity, as soon as a loss or a gradient is NaN or
    infinite, before it has changed a weight.
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
    accumulate = _positive_integer("accumulate", accumulate)
    log_every = _positive_integer("log_every", log_every)
    save_every = _positive_integer("save_every", save_every)
    if not (isinstance(workers, int) and workers >= 0):
        raise ValueError(f"workers={workers!r} must be a whole number, 0 for none")
    randomness.streams(seed)  # refuses what is no seed
    if measure is not None and not callable(measure):
        raise TypeError(f"measure must be a function of the run, not {type(measure).__name__}")
    lr = schedules.schedule("lr", lr)
    if not any(lr(progress) > 0 for progress in schedules.POINTS):
        raise ValueError(f"lr={lr(0.0)} must be positive, at least in a part of the run")
    # Plain numbers: of those of NumPy, in the state of an optimiser, no checkpoint could be read.
    betas = tuple(map(float, betas))
    if len(betas) != 2:
        raise ValueError(f"betas={betas} must be two numbers")
    if clip is not None:
        _positive_number("clip", clip)
    if not 0 <= average < 1:
        raise ValueError(f"average={average} must be at least 0 and below 1")
    if precision not in ("fp32", "bf16"):
        raise ValueError(f'precision={precision!r} must be "fp32" or "bf16"')
    callbacks = [callback] if callable(callback) else list(callback or ())
    generator, discriminator = gan.generator, gan.discriminator
    generator_weights = _trainable(generator, "generator")
    discriminator_weights = _trainable(discriminator, "discriminator")
    processes = Processes()
    if batch_size % processes.count:
        raise ValueError(
            f"batch_size={batch_size} is for all {processes.count} processes together, which share "
            "it equally; choose a multiple of that"
        )
    device = generator_weights[0].device
    with randomness.kept(device):
        data, examples = examine(
            data, batch_size, gan.classes, processes=processes.count, pieces=accumulate
        )
        samples, *labels = (
            part.to(device) for part in ([examples] if gan.classes is None else examples)
        )
        sizes = batch_sizes(data, batch_size)
        tried = trial.Step(critic_loss, generator_loss, objective.paired, penalties, precision)
        networks = trial.examine(
            gan,
            samples,
            labels,
            tried,
            smallest(sizes or [batch_size], processes.count, accumulate),
            _sizes(sizes, processes.count, accumulate),
        )
        if processes.first:
            whole = in_memory(data)
            ranges.compare(
                samples if whole is None else whole,
                generator,
                gan.latents(16),
                [y.repeat(16)[:16] for y in labels],
            )
    generator_adam = adam(generator_weights, float(lr(0.0)), betas)
    discriminator_adam = adam(discriminator_weights, float(lr(0.0)), betas)

    folder = Folder(
        out,
        {
            "objective": repr(objective),
            "penalties": repr(penalties),
            "data": describe(data) if out is not None else None,
            "batch_size": batch_size,
            "lr": schedules.describe(lr),
            "betas": list(betas),
            "discriminator_steps": discriminator_steps,
            "clip": None if clip is None else float(clip),
            "average": float(average),
            "seed": [operator.index(seed), os.environ.get("GANCODE_SEED", "0")],
            "precision": precision,
            "accumulate": accumulate,
            "compile": compile,
            "processes": processes.count,
            "log_every": log_every,
        },
        resume,
        processes,
    )
    averaged = trial.copied(generator, "generator").eval().requires_grad_(False)
    run = Run(gan, averaged)
    parts = {
        "gan": gan,
        "averaged": run.averaged,
        "generator_adam": generator_adam,
        "discriminator_adam": discriminator_adam,
    }
    folder.refuse_unsaved(parts)
    before = folder.find(parts)

    # All that can be refused has been: from here on the networks change.
    if processes.device is not None:
        device = processes.device
        gan.to(device)
        run.averaged.to(device)
    rng = randomness.seed(seed, rank=processes.rank)
    penalty_rng = rng if processes.count == 1 else None  # else all would draw the same points
    gan.train()
    processes.agree(gan)
    run.averaged.load_state_dict(generator.state_dict())
    part = (processes.rank, processes.count)
    real_batches = Batches(data, batch_size, rng, part=part, workers=workers)
    losses = {"discriminator_loss": [], "generator_loss": [], "penalty": []}  # of this interval
    step, images, elapsed, interval = 0, 0, 0.0, 0.0
    if before is not None:
        counters = folder.restore(before, parts, real_batches, rng, device)
        step, losses, images, elapsed, interval = (
            counters[k] for k in ("step", "losses", "images", "elapsed", "interval")
        )
        run.history[:] = counters["history"]
        followed = {"lr": lr} | {each.name: partial(each.weight_at, 1) for each in penalties}
        if processes.first and "progress" in counters:  # older checkpoints do not say
            now = min(step / steps if steps else elapsed / seconds, 1.0)
            schedules.warn_of_a_jump(followed, counters["progress"], now)

    # What is called is compiled; weights and states stay those of the networks themselves.
    G, D = (torch.compile(net) if compile else net for net in (generator, discriminator))
    precise = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")

    now = time.perf_counter()
    began, interval_began = now - elapsed, now - interval  # the parts of a run together
    done = step >= steps if steps else elapsed >= seconds
    if progress is None and not on_a_terminal():
        callbacks.insert(0, lines(f"{steps}" if steps else f"as many as {seconds:g} s allow"))
    shown = False if not processes.first else progress
    bar = tqdm(
        total=steps,
        initial=step,
        unit="step",
        disable=None if shown is None else not shown,
    )
    with bar, folder.last_good(), folder.interrupts_postponed() as interrupted:
        while not done:
            how_far, step = min(step / steps if steps else elapsed / seconds, 1.0), step + 1
            for optimiser in (generator_adam, discriminator_adam):
                optimiser.param_groups[0]["lr"] = float(lr(how_far))

            # The discriminator learns to tell real from generated ...
            for turn in range(1, discriminator_steps + 1):
                real, *labels = (part.to(device) for part in _parts(next(real_batches)))
                latents = processes.mine(gan.latents(len(real) * processes.count, rng))
                pieces = list(_pieces(accumulate, real, latents, *labels))
                reused = turn == discriminator_steps and accumulate == 1 and not networks.shared
                if len(pieces[-1][1]) < networks.fewest:  # the last is the smallest
                    raise ValueError(f"step {step}: {_SINGLE}")
                discriminator_adam.zero_grad()
                for share, x, z, *y in pieces:
                    with precise:
                        with torch.set_grad_enabled(reused):
                            generated = G(z, *y).to(x.dtype)
                        fake = generated.detach()
                        logits = D(torch.cat([x, fake]), *twice(y)).to(x.dtype)
                    logits_real, logits_generated = logits.chunk(2)
                    loss = critic_loss(logits_real, logits_generated)
                    seen = {"real batch": x, "generated batch": fake, "logits": logits}
                    value = _finite(loss, "discriminator loss", step, seen, processes)
                    losses["discriminator_loss"].append((share, value))
                    if penalties:
                        with precise:
                            penalty = gradient_penalties.gradient_penalty(
                                discriminator,
                                x,
                                fake,
                                penalties,
                                penalty_rng,
                                labels=y,
                                step=step,
                                progress=how_far,
                            )
                        value = _finite(penalty, "penalty", step, seen, processes)
                        losses["penalty"].append((share, value))
                        loss = loss + penalty
                    (share * loss).backward()
                processes.average_gradients(discriminator_weights)
                discriminator_norm = _gradient_norm(discriminator, "discriminator", step)
                if clip is not None:
                    nn.utils.clip_grad_norm_(discriminator_weights, clip)
                discriminator_adam.step()
                images += len(real) * processes.count

            # ... and the generator, with the same latents, learns to be taken for real.
            generator_adam.zero_grad()
            for share, x, z, *y in pieces:
                with precise:
                    if not reused:  # too many graphs to keep
                        generated = G(z, *y).to(x.dtype)
                    if objective.paired:  # the loss compares each with a real one
                        logits = D(torch.cat([x, generated]), *twice(y)).to(x.dtype).chunk(2)
                    else:
                        logits = [D(generated, *y).to(x.dtype)]
                loss = generator_loss(*logits)
                seen = {"generated batch": generated, "logits": logits[-1]}
                value = _finite(loss, "generator loss", step, seen, processes)
                losses["generator_loss"].append((share, value))
                # Not the discriminator's gradient: it stands still.
                (share * loss).backward(inputs=generator_weights)
            processes.average_gradients(generator_weights)
            generator_norm = _gradient_norm(generator, "generator", step)
            if clip is not None:
                nn.utils.clip_grad_norm_(generator_weights, clip)
            generator_adam.step()

            processes.average([*gan.buffers()])
            _move_average(run.averaged, generator, min(average, (1 + step) / (10 + step)))

            now = time.perf_counter()
            (elapsed,) = processes.mean(now - began)
            done = step == steps if steps else elapsed >= seconds
            if step % log_every == 0 or done:
                means = processes.mean(logits_real.mean().item(), logits_generated.mean().item())
                row = {
                    "step": step,
                    **{name: _mean(pairs) for name, pairs in losses.items()},
                    "logits_real": means[0],
                    "logits_generated": means[1],
                    "discriminator_gradient": discriminator_norm,
                    "generator_gradient": generator_norm,
                    "images_per_second": images / (now - interval_began),
                }
                if measure is not None and processes.first:
                    with randomness.kept(device):
                        row |= {name: float(value) for name, value in measure(run).items()}
                row = processes.gather(row)[0]  # the clock and the measures are the first one's
                run.history.append(row)
                folder.log(row)
                bar.set_postfix_str(_postfix(row), refresh=False)
                losses = {name: [] for name in losses}
                images, interval_began = 0, now
            bar.update()
            for call in callbacks if processes.first else ():
                call(step, run)
            (stop,) = processes.mean(interrupted())
            if out is not None and (step % save_every == 0 or done or stop):
                counters = {
                    "step": step,
                    "progress": min(step / steps if steps else elapsed / seconds, 1.0),
                    "losses": losses,
                    "images": images,
                    "elapsed": elapsed,
                    "interval": now - interval_began,
                    "history": run.history,
                }
                folder.save(step, parts, real_batches, rng, device, counters)
            if stop and not done:
                raise KeyboardInterrupt(
                    f"stopped after step {step}; resume=True (--resume) continues"
                )
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


def _sizes(sizes, processes, pieces):
    """In which sizes batches reach the networks, in words; None where nobody knows."""
    if sizes is None:
        return None
    shared = f", shared by {processes} processes" if processes > 1 else ""
    cut = f", cut into {pieces} pieces" if pieces > 1 else ""
    return f"the data come in batches of {' and '.join(map(str, sizes))}{shared}{cut}"


_SINGLE = (
    "a batch, or its last piece, is a single sample, and the networks take statistics of batches, "
    "so of two or more; let the data come in batches that leave two (a DataLoader with "
    "drop_last=True), or take networks without such layers"
)


def _trainable(module, name):
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    if not weights:
        raise ValueError(f"the {name} has no trainable weights")
    return weights


def _finite(loss, name, step, seen, processes):
    """The loss as a number, its mean over all processes; FloatingPointError where it is none."""
    (value,) = processes.mean(loss.item())
    if math.isfinite(value):
        return value
    broken = [part for part, tensor in seen.items() if not tensor.isfinite().all()]
    cause = (
        f"NaN or infinity stands first in the {broken[0]}"
        if broken
        else "the logits here are finite"
    )
    raise FloatingPointError(
        f"step {step}: the {name} is {value}; {cause}. Training stopped before this loss changed "
        "any weight; a smaller lr or a gradient penalty may help"
    )


def _parts(batch):
    """Samples alone, or samples and labels, as a tuple."""
    return batch if isinstance(batch, (tuple, list)) else (batch,)


def _pieces(count, *tensors):
    """Cut tensors of the same length into `count` pieces or fewer: (share, piece, piece, …)."""
    for pieces in zip(*(tensor.chunk(count) for tensor in tensors), strict=True):
        yield len(pieces[0]) / len(tensors[0]), *pieces


def _mean(pairs):
    """The mean of values that count for a share of a batch each; 0 where there are none."""
    if not pairs:
        return 0.0
    return math.fsum(share * value for share, value in pairs) / math.fsum(s for s, _ in pairs)


def _postfix(row):
    """What the progress bar shows of a row of the history: not the gradients, not the step."""
    shown = {k: v for k, v in row.items() if "gradient" not in k and k != "step"}
    rate = shown.pop("images_per_second")
    return ", ".join([f"{rate:.0f} images/s", *(f"{k} {v:.3g}" for k, v in shown.items())])


@torch.no_grad()
def _move_average(averaged, generator, decay):
    for mean, weight in zip(averaged.parameters(), generator.parameters(), strict=True):
        mean.lerp_(weight, 1 - decay)
    for copied, buffer in zip(averaged.buffers(), generator.buffers(), strict=True):
        copied.copy_(buffer)


def _gradient_norm(network, name, step):
    """The norm of the gradient over all weights that learn, a number; FloatingPointError, naming a
    weight, where the gradient is NaN or infinite."""
    gradients = {
        key: weight.grad
        for key, weight in network.named_parameters()
        if weight.requires_grad and weight.grad is not None
    }
    norms = [torch.linalg.vector_norm(gradient) for gradient in gradients.values()]
    norm = torch.linalg.vector_norm(torch.stack(norms)).item() if norms else 0.0
    if not math.isfinite(norm):  # of a very long one only the norm may be
        for key, gradient in gradients.items():
            if not gradient.isfinite().all():
                raise FloatingPointError(
                    f"step {step}: the gradient of the {name} is NaN or infinite, first in its "
                    f"weight {key!r}, though its loss is finite. Training stopped before this "
                    "gradient changed any weight; a root, a logarithm or a quotient at the edge of "
                    "where it has a slope is the usual cause"
                )
    return norm


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
