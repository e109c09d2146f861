"""Adversarial training: the loop around the two steps, and its record."""

import functools
import importlib.metadata
import inspect
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Concatenate, ParamSpec, cast

import torch
from tqdm import tqdm

from gancode import randomness, schedules
from gancode.constraints import prepared
from gancode.data.sources import ANY, Batches, Source, examine, smallest
from gancode.errors import Refused, noted
from gancode.training import ranges
from gancode.training.folder import Folder, refuse_taken
from gancode.training.processes import Processes
from gancode.training.progress import Pace, lines, on_a_terminal
from gancode.training.run import GAN, Run
from gancode.training.settings import Settings, meanings
from gancode.training.steps import Players
from gancode.training.trial import refuse_lazy

CONDITIONS = 64  # of the data that a run keeps to be sampled with

P = ParamSpec("P")


def _with_options(
    record: Callable[P, Settings],
) -> Callable[[Callable[[GAN, Any, Settings], Run]], Callable[Concatenate[GAN, Any, P], Run]]:
    """Give a function of a GAN, data and settings the options of the record in their place: what
    `help`, an editor and a type checker then list."""

    def decorate(
        function: Callable[[GAN, Any, Settings], Run],
    ) -> Callable[Concatenate[GAN, Any, P], Run]:
        options = inspect.signature(record).parameters
        *given, _ = inspect.signature(function).parameters.values()

        @functools.wraps(function)
        def call(gan: GAN, data: Any, *args: P.args, **kwargs: P.kwargs) -> Run:
            if unknown := kwargs.keys() - options.keys():
                name = sorted(unknown)[0]
                raise TypeError(f"train() got an unexpected keyword argument {name!r}")
            return function(gan, data, record(*args, **kwargs))

        signature = inspect.Signature([*given, *options.values()], return_annotation=Run)
        vars(call)["__signature__"] = signature
        call.__doc__ = (function.__doc__ or "").replace("(the options)", meanings("\n    "))
        return call

    return decorate


@_with_options(Settings)
def train(gan: GAN, data: Any, settings: Settings) -> Run:
    """Train a GAN in place, in train mode, and return its `Run`.

    A step is `discriminator_steps` steps of the discriminator, then one of the generator, each
    with its own `torch.optim.Adam(weights, lr, betas, fused=True)` (see `gancode.training.adam`).
    The discriminator sees real and generated samples in one forward of the concatenated batch, as
    many of one as of the other. The generator's step goes on with the latents of the
    discriminator's last one: what it generates is the same, and need not be computed again. A
    conditional GAN generates with the conditions of the real batch. The steps themselves are
    `gancode.Players.discriminator_step` and `generator_step`, for loops of one's own too.

    A discriminator may give a logit for each patch of a sample, (n, 1, h, w), as PatchGAN does
    (Isola et al. 2017). A loss is then its mean over all patches of all samples, which is not the
    loss of the mean logit; a paired objective compares patches at the same place; and a penalty is
    of the mean logit of a sample, since the slope of each patch would take a pass of its own.

    The data are a density, a tensor of samples (n, ...), a Dataset of them, or an iterable of
    batches; for a conditional GAN a tuple, samples and labels or conditions, or batches that
    are such tuples (see `gancode.data.sources`). All options are given by name; exactly one of
    `steps` and `seconds` says how long:

    (the options)

    The run takes place where the generator's weights are. Under `torchrun` or `accelerate launch`
    each process moves the networks to the device that Accelerate gives it, takes its share of every
    batch (the last one of an epoch is cut to equal shares), and all take the same steps with the
    mean of their gradients; buffers, such as batch normalisation's means, are averaged too. `out`
    must then be a folder that all processes see; `measure`, `callback`, the bar and the files are
    left to the first. The others wait for it, but no longer than PyTorch's time limit for a
    collective call (ten minutes on GPUs, thirty on CPUs).

    Randomness: the run begins with `rng = gancode.seed(seed)`. From `rng` it draws, in this order:
    for each discriminator step the real batch (for a tensor, one `torch.randperm` at the start of
    an epoch), as many latents, and what augmentations and penalties draw; then what augmentations
    draw in the generator's step. Dropout draws from the global state, which differs from process
    to process; where there are several, augmentations and penalties draw from it too.

    Before the first step copies of the networks take one, on trial, and a `DataRangeWarning` says
    where the data lie out of the range of what the generator can make.

    Raises, before anything has changed, `gancode.Refused`, a ValueError, for arguments, data and
    networks that do not fit together and for what cannot be saved; of it
    `gancode.CheckpointError` for a checkpoint that is damaged or of another run; OSError for a
    folder that cannot be written; and FloatingPointError, naming step and quantity, for a loss or a
    gradient that is NaN or infinite: on the CPU before it changes any weight, elsewhere, where
    asking at every step would cost a wait for the device, at the next row of the history or save.
    """
    return conduct(gan, data, settings)


def conduct(gan: GAN, data: Any, settings: Settings, about: dict | None = None) -> Run:
    """What `train` does; `about` is added to the record of the run, and says what `gancode.load`
    needs to build the networks anew."""
    s = settings
    if s.steps is None and s.seconds is None:
        raise Refused(f"give exactly one of steps and seconds, not {s.steps=} and {s.seconds=}")
    refuse_taken(s.out, s.resume)
    processes = Processes()
    if s.batch_size % processes.world_size:
        raise Refused(
            f"batch_size={s.batch_size} is for all {processes.world_size} processes together, "
            "which share it equally; choose a multiple of that"
        )
    refuse_lazy(gan)
    with prepared(gan.discriminator, s.constraints, s.seed):
        players = Players(gan, settings=s, processes=processes)
        with randomness.kept(players.device):
            source, conditions = _examine(gan, data, players)
        record = {
            "gancode": importlib.metadata.version("gancode"),
            "training": s.plain(),
            "source": None if s.out is None else source.describe(),
            "processes": processes.world_size,
            "GANCODE_SEED": str(randomness.shift()),
        } | (about or {})
        folder = Folder(s.out, record, s.resume, processes)
        folder.refuse_unsaved(players.stateful())
        before = folder.find(players.stateful())

    # All that can be refused has been: from here on the networks change.
    rng = randomness.seed(s.seed, rank=processes.rank)
    players.begin(processes.device, rng)
    shard = (processes.rank, processes.world_size)
    batches = Batches(source, s.batch_size, rng, shard=shard, workers=s.workers)
    run = Run(gan, players.averaged, [], players.averaged_terms, conditions, record, source)
    counters: dict = {"step": 0, "images": 0, "elapsed": 0.0, "interval": 0.0}
    if before is not None:
        counters = folder.restore(before, players, batches)
        players.step, players.losses = counters["step"], counters["losses"]
        run.history[:] = counters["history"]
        if processes.is_main:
            _warn_of_jumps(s, counters)
    _loop(run, players, batches, folder, counters)
    return run


def _loop(run: Run, players: Players, batches: Batches, folder: Folder, counters: dict) -> None:
    """All steps that are left, each with what is seen and kept of it."""
    s, processes = players.settings, players.processes
    step, images, elapsed = counters["step"], counters["images"], counters["elapsed"]
    now = time.perf_counter()
    began, interval_began = now - elapsed, now - counters["interval"]  # as if never stopped
    done = _progress(s, step, elapsed) >= 1
    callbacks = list(s.callback or ()) if processes.is_main else []
    if processes.is_main and s.progress is None and not on_a_terminal():
        callbacks.insert(0, lines(str(s.steps or f"as many as {s.seconds:g} s allow")))
    shown = s.progress if processes.is_main else False
    hidden = None if shown is None else not shown
    bar = tqdm(total=s.steps, initial=step, unit="step", disable=hidden)
    pace = Pace() if shown is not False else None
    with bar, folder.last_good(), folder.interrupts_postponed() as interrupted:
        while not done:
            players.advance(_progress(s, step, elapsed))
            step = players.step
            with noted(f"in step {step} of gancode.train"):
                # The discriminator learns to tell real from generated ...
                for turn in range(1, s.discriminator_steps + 1):
                    batch = players.batch(*_as_tuple(next(batches)))
                    players.discriminator_step(batch, keep=turn == s.discriminator_steps)
                    images += batch.size * processes.world_size
                # ... and the generator, with the same latents, learns to be taken for real.
                players.generator_step(batch)

            now = time.perf_counter()
            if pace is not None:
                pace(now)
            (elapsed,) = processes.mean(now - began)
            done = _progress(s, step, elapsed) >= 1
            if step % s.log_every == 0 or done:
                row = {"step": step, **players.row()}
                row["images_per_second"] = images / (now - interval_began)
                if s.measure is not None and processes.is_main:
                    where = f"in `measure` of gancode.train, at step {step}"
                    with randomness.kept(players.device), noted(where):
                        row |= {name: float(value) for name, value in s.measure(run).items()}
                row = processes.gather(row)[0]  # the clock and the measures are the first one's
                run.history.append(row)
                folder.log(row)
                bar.set_postfix_str(_postfix(row), refresh=False)
                images, interval_began = 0, now
            bar.update()
            for call in callbacks:
                with noted(f"in the callback of gancode.train, at step {step}"):
                    call(step, run)
            (stop,) = processes.mean(interrupted())
            if s.out is not None and (step % s.save_every == 0 or done or stop):
                players.settle()
                counters = {
                    "step": step,
                    "progress": _progress(s, step, elapsed),
                    "losses": players.losses,
                    "images": images,
                    "elapsed": elapsed,
                    "interval": now - interval_began,
                    "history": run.history,
                    "conditions": list(run.conditions),
                }
                folder.save(players, batches, counters)
            if stop and not done:
                raise KeyboardInterrupt(
                    f"stopped after step {step}; resume=True (--resume) continues"
                )


def _progress(s: Settings, step: int, elapsed: float) -> float:
    """How far a run is, from 0 to 1."""
    return min(step / s.steps if s.steps else elapsed / cast(float, s.seconds), 1.0)


def _examine(gan: GAN, data: Any, players: Players) -> tuple[Source, tuple[torch.Tensor, ...]]:
    """The source of the data, and some of its conditions, when data and networks have been tried
    together."""
    s, processes, device = players.settings, players.processes, players.device
    share = {"processes": processes.world_size, "pieces": s.accumulate}
    source, examples = examine(data, s.batch_size, gan.condition, **share)
    samples, *condition = (x.to(device) for x in _as_tuple(examples))
    sizes = source.sizes(s.batch_size)
    least = smallest(sizes or [s.batch_size], **share)
    players.examine(samples, condition, least, _sizes(sizes, **share))
    if processes.is_main:
        ranges.compare(
            samples if source.whole is None else source.whole,
            gan.generator,
            gan.latents(16),
            [c[[k % len(c) for k in range(16)]] for c in condition],
        )
    _, *conditions = _as_tuple(source.first(CONDITIONS)) if gan.condition == ANY else (None,)
    return source, tuple(conditions)


def _sizes(sizes: Sequence[int] | None, processes: int, pieces: int) -> str | None:
    """In which sizes batches reach the networks, in words; None where nobody knows."""
    if sizes is None:
        return None
    shared = f", shared by {processes} processes" if processes > 1 else ""
    cut = f", cut into {pieces} pieces" if pieces > 1 else ""
    return f"the data come in batches of {' and '.join(map(str, sizes))}{shared}{cut}"


def _warn_of_jumps(s: Settings, counters: dict) -> None:
    """Of what follows a schedule, where the run has been given another length."""
    followed = {"lr": s.lr} | {each.name: partial(each.weight_at, 1) for each in s.penalties}
    for terms in (s.generator_terms, s.discriminator_terms):
        followed |= {name: term.weight_at for name, term in (terms or {}).items()}
    now = _progress(s, counters["step"], counters["elapsed"])
    schedules.warn_of_a_jump(followed, counters["progress"], now)


def _as_tuple(batch: Any) -> tuple:
    """Samples alone, or samples and the tensors of their condition, as a tuple."""
    return batch if isinstance(batch, tuple) else (batch,)


def _postfix(row: dict) -> str:
    """What the progress bar shows of a row of the history: not the gradients, not the step."""
    shown = {k: v for k, v in row.items() if "gradient" not in k and k != "step"}
    rate = shown.pop("images_per_second")
    return ", ".join([f"{rate:.0f} images/s", *(f"{k} {v:.3g}" for k, v in shown.items())])
