"""What was asked for in a run: one record, one field an option.

`gancode.train`, the command line, the checkpoint and `settings.json` all read this one record: a
field says its default, what it means, how it is checked, how it is written down and how it is
spelled in a command. A new option is one more field.
"""

import dataclasses
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gancode import schedules
from gancode.errors import Refused, WrongType, positive_integer

if TYPE_CHECKING:
    from gancode.calculus import Objective
    from gancode.penalties import Penalty
    from gancode.training.augment import Augment
    from gancode.training.terms import Term

DECIDES, LENGTH, WATCHES = "decides", "length", "watches"  # the numbers, how many, or none of them


def _option(
    default: Any,
    meaning: str,
    check: Callable | None = None,
    plain: Callable | None = None,
    kind: str = DECIDES,
    flag: str | None = None,
    **spelling: Any,
) -> Any:
    """One option. `check` takes the name and what was given and returns what is kept; `plain` makes
    numbers and texts of that, which tell it from another. `spelling` is how a command reads it, the
    arguments of `add_argument` beside the help; an option without any is none of a command."""
    about = {"meaning": meaning, "check": check, "plain": plain, "kind": kind}
    return field(default=default, metadata=about | {"flag": flag, "spelling": spelling})


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Refused(f"{name}={value!r} must be a whole number, 0 for none")
    return value


def _positive(name: str, value: Any) -> float:
    # Plain numbers: of those of NumPy, in the state of an optimiser, no checkpoint could be read.
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise Refused(f"{name}={value!r} must be positive and finite")
    return number


# What loads torch or SymPy is imported where a value is checked: a command explains itself without.


def _seed(name: str, value: Any) -> int:
    from gancode import randomness

    randomness.streams(value)  # refuses what is no seed
    return operator.index(value)


def _rate(name: str, value: Any) -> Callable[[float], float]:
    found = schedules.schedule(name, value)
    if not any(found(progress) > 0 for progress in schedules.POINTS):
        raise Refused(f"{name}={found(0.0)} must be positive, at least somewhere in the run")
    return found


def _betas(name: str, value: Any) -> tuple[float, float]:
    try:
        found = tuple(map(float, value))
    except (TypeError, ValueError):
        found = ()
    if len(found) != 2:
        raise Refused(f"{name}={value} must be two numbers")
    if not all(0 <= beta < 1 for beta in found):
        raise Refused(f"{name}={value}: each beta must be at least 0 and below 1")
    return found


def _decay(name: str, value: Any) -> float:
    if not 0 <= value < 1:
        raise Refused(f"{name}={value} must be at least 0 and below 1")
    return float(value)


def _one_of(*choices: Any) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> Any:
        if value not in choices:
            words = [f'"{c}"' if isinstance(c, str) else str(c) for c in choices]
            raise Refused(f"{name}={value!r} must be {', '.join(words[:-1])} or {words[-1]}")
        return value

    return check


def _objective(name: str, value: Any) -> "Objective":
    from gancode.calculus import Objective, find_objective

    if isinstance(value, str):
        return find_objective(value)
    if isinstance(value, (tuple, list)) and all(isinstance(text, str) for text in value):
        return find_objective(*value)
    if not isinstance(value, Objective):
        raise WrongType(
            "the objective must be a name in gancode.calculus.catalog or an Objective, not "
            f"{type(value).__name__}"
        )
    return value


def _plain_objective(objective: "Objective") -> str | list[str]:
    """Its name in the catalogue, or its two losses as texts that can be read again."""
    from gancode.calculus import catalog

    known = catalog[objective.name] if objective.name in catalog else None
    if known is not None and objective.outputs == known.outputs:
        return objective.name
    texts = [str(loss) for loss in objective.outputs]
    for theirs, ours in [("Max(", "max("), ("Min(", "min("), ("Abs(", "abs(")]:
        texts = [text.replace(theirs, ours) for text in texts]
    return texts


def _penalties(name: str, value: Any) -> "tuple[Penalty, ...]":
    from gancode import penalties

    return tuple(penalties.parse(value))


def _constraints(name: str, value: Any) -> tuple:
    from gancode import constraints

    return tuple(constraints.parse(value))


def _augment(name: str, value: Any) -> "Augment":
    from gancode.training import augment

    return augment.parse(value)


def _terms(name: str, value: Any) -> "dict[str, Term]":
    from gancode.training import terms

    return terms.parse(name, value)


def _function(name: str, value: Any) -> Callable | None:
    if value is not None and not callable(value):
        raise WrongType(f"{name} must be a function of the run, not {type(value).__name__}")
    return value


def _functions(name: str, value: Any) -> tuple[Callable | None, ...]:
    found = [value] if callable(value) else list(value or ())
    return tuple(_function(name, each) for each in found)


def number_or_schedule(text: Any) -> Any:
    """A number where it is one, so that 1e-3 and 0.001 are the same; else the text, a schedule."""
    try:
        return float(text)
    except ValueError:
        return text


_count: dict[str, Any] = {"check": positive_integer, "type": int}
_several: dict[str, Any] = {
    "plain": lambda value: [each.text for each in value],
    "action": "append",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of `gancode.train`, checked. Raises `Refused` for what is none of these.

    A field is of one of three kinds: it decides the numbers of a run, or its length, or only what
    is seen and kept of it.
    """

    objective: Any = _option(
        "nonsaturating",
        "a name in `gancode.calculus.catalog`, the critic's loss as an expression in a and b, two "
        "expressions, the critic's and the generator's, or an `Objective`",
        _objective,
        _plain_objective,
        metavar="NAME",
    )
    penalties: Any = _option(
        (),
        'strings such as "r1=1", or `Penalty` objects such as `penalties.r1(1)` (see '
        "`gancode.penalties`): r1, r2, wgan-gp, wgan-lp, dragan and others; r1=10..0.1 falls, "
        "r1=1@16 is lazy; several add up",
        _penalties,
        flag="--penalty",
        metavar="NAME=WEIGHT",
        **_several,
    )
    constraints: Any = _option(
        (),
        "what the discriminator's weights are kept to (see `gancode.constraints`): "
        '"clip=0.01", no weight is larger, or "spectral", each layer is divided by its largest '
        "singular value",
        _constraints,
        flag="--constraint",
        metavar="NAME",
        **_several,
    )
    steps: int | None = _option(None, "how many steps of the generator", kind=LENGTH, **_count)
    seconds: float | None = _option(
        None,
        "or how long by the clock; only `steps` can be repeated exactly",
        _positive,
        kind=LENGTH,
        type=float,
    )
    batch_size: int = _option(
        64,
        "real samples a step of the discriminator, over all processes and pieces together",
        **_count,
    )
    lr: float | str | Callable[[float], float] = _option(
        2e-4,
        'the learning rate of both optimisers; a number or a schedule, such as "2e-4..2e-5" (see '
        "`gancode.schedules`), read before every step; it may begin or end at zero",
        _rate,
        schedules.plain,
        type=number_or_schedule,
    )
    betas: Sequence[float] = _option(
        (0.5, 0.999),
        "the decays of both moments of Adam",
        _betas,
        list,
        nargs=2,
        type=float,
        metavar=("β1", "β2"),
    )
    discriminator_steps: int = _option(1, "for each step of the generator", **_count)
    max_grad_norm: float | None = _option(
        None,
        "the largest gradient norm, over all weights of a player, that an optimiser is given; a "
        "longer gradient is shortened to it",
        _positive,
        type=float,
    )
    ema: float = _option(
        0.999,
        "the decay β of the averaged generator, θ̄ ← β θ̄ + (1 − β) θ, warmed up as "
        "min(β, (1 + t) / (10 + t)) after t steps; buffers are copied",
        _decay,
        type=float,
    )
    augment: Any = _option(
        None,
        "transformations that real and generated samples go through before the discriminator, and "
        "with each an image of its condition that has its height and width, such "
        'as "translation+cutout+contrast@0.5" or "…@adaptive" (see `gancode.training.augment`)',
        _augment,
        lambda value: value.text,
        metavar="NAMES@PROBABILITY",
    )
    generator_terms: Any = _option(
        None,
        'more losses of the generator: texts such as "l1=100", of l1, l1-to-condition, identity '
        "and cycle, or a dict from names to functions of what a step has seen, to modules, or to "
        "tuples of one and its weight (see `gancode.training.terms`)",
        _terms,
        lambda value: {name: term.plain() for name, term in value.items()},
        flag="--generator-term",
        metavar="NAME=WEIGHT",
        action="append",
    )
    discriminator_terms: Mapping[str, Any] = _option(
        None,
        "more losses of the discriminator, as those of the generator",
        _terms,
        lambda value: {name: term.plain() for name, term in value.items()},
    )
    seed: int = _option(0, "what all randomness comes from", _seed, type=int)
    precision: str = _option(
        "fp32",
        '"fp32", or "bf16": the networks compute in bfloat16 where torch.autocast deems it safe; '
        "weights, losses and optimisers stay in the precision they have",
        _one_of("fp32", "bf16"),
        choices=["fp32", "bf16"],
    )
    accumulate: int = _option(
        1,
        "in how many pieces a batch goes through the networks, one after the other, for less "
        "memory; their gradients add up to that of the batch, but batch normalisation sees pieces",
        metavar="PIECES",
        **_count,
    )
    compile: bool = _option(
        False,
        "run the networks through `torch.compile`; penalties, which are differentiated twice, are "
        "not. It takes a C++ compiler, and tens of seconds at the first step",
        lambda name, value: bool(value),
        action="store_true",
    )
    log_every: int = _option(100, "steps between rows of the history", metavar="STEPS", **_count)

    workers: int = _option(
        0, "processes that load samples, where the data are a Dataset", _whole, kind=WATCHES,
        type=int,
    )  # fmt: skip
    measure: Callable | None = _option(
        None,
        "called as `measure(run)` for every row of the history; returns a dict of numbers that are "
        "added to it and shown by the progress bar",
        _function,
        kind=WATCHES,
    )
    callback: Any = _option(
        None,
        "called as `callback(step, run)` after every step, with the run so far; or a list",
        _functions,
        kind=WATCHES,
    )
    progress: bool | None = _option(
        None,
        "show a progress bar on stderr; by default where that is a terminal, and where it is none "
        "write a line every half a minute, for a log",
        kind=WATCHES,
    )
    out: str | Path | None = _option(
        None,
        "a folder for checkpoints, for settings.json, for history.jsonl, one JSON line a row, and "
        "for generator.safetensors, the averaged generator, beside it of a `TwoWay` "
        "generator-back.safetensors; made where missing. A checkpoint is written every "
        "`save_every` steps and at the end. Ctrl-C ends the step, writes a checkpoint, and raises "
        "KeyboardInterrupt",
        lambda name, value: None if value is None else Path(value),
        kind=WATCHES,
    )
    resume: bool | str = _option(
        False,
        "continue the run in `out`, if one has begun there, from its newest checkpoint, or from "
        'the one before it ("previous"). The rest of the run is then, bit for bit, what it would '
        "have been without the stop, with the same arguments on the same machine; only the clock "
        "differs. `steps` or `seconds` (from its first step) may be larger than before; "
        "schedules reach over the whole of it, and a `gancode.ScheduleWarning` says which numbers "
        "jump for that",
        _one_of(True, False, "previous"),
        kind=WATCHES,
    )
    save_every: int = _option(
        1000, "steps between checkpoints", kind=WATCHES, metavar="STEPS", **_count
    )

    def __post_init__(self) -> None:
        put = partial(object.__setattr__, self)  # the class is frozen
        for each in dataclasses.fields(self):
            value, check = getattr(self, each.name), each.metadata["check"]
            if check is not None and (value is not None or each.default is not None):
                put(each.name, check(each.name, value))
        if self.steps is not None and self.seconds is not None:
            raise Refused(
                f"give exactly one of steps and seconds, not steps={self.steps} and "
                f"seconds={self.seconds}"
            )
        if self.out is None and self.resume:
            raise Refused("resume needs the folder of the run: out=…")
        both = set(self.generator_terms or ()) & set(self.discriminator_terms or ())
        if both:
            raise Refused(
                f"the term {sorted(both)[0]!r} is named twice, once for each player; each has a "
                "column of its own in the history: give them two names"
            )

    def plain(self) -> dict:
        """What decides the run and its length, as numbers, texts and lists. All that a command can
        spell can be made of it again: `Settings(**plain)`."""
        found = {}
        for each in dataclasses.fields(self):
            value, plain = getattr(self, each.name), each.metadata["plain"]
            if each.metadata["kind"] != WATCHES and value is not None:
                found[each.name] = value if plain is None else plain(value)
        return found


def difference(before: Mapping, now: Mapping) -> str | None:
    """What tells one record of a run from another, in words that name it; None where the two are
    one run. Records are dicts of what decides it: `Settings.plain()` under "training", beside it
    the data, the networks and the processes. The length may differ, the version, and where images
    are and how strictly they are read: by their content they are known."""
    names = [each.name for each in dataclasses.fields(Settings)]
    passed = [e.name for e in dataclasses.fields(Settings) if e.metadata["kind"] != DECIDES]
    defaults = Settings().plain()  # of an option that a version before had not

    def flat(record: Mapping) -> dict:
        apart = ("training", "gancode", "data", "to", "strict")
        rest = {key: value for key, value in record.items() if key not in apart}
        training = defaults | record.get("training", {})
        return rest | {key: value for key, value in training.items() if key not in passed}

    before, now = flat(before), flat(now)
    for name in sorted(before.keys() | now.keys(), key=lambda n: (n not in names, n)):
        if before.get(name) != now.get(name):
            return f"{name}={before.get(name)}, and this one has {name}={now.get(name)}"
    return None


def meanings(between: str = "\n") -> str:
    """All options in words, for a docstring."""
    lines = []
    for each in dataclasses.fields(Settings):
        lines.append(f"- {each.name} (default {each.default!r}): {each.metadata['meaning']}.")
    return between.join(lines)
