"""Numbers that change in the course of a run, as functions of its progress s: 0 at the first step,
near 1 at the last."""

import math
import warnings
from dataclasses import dataclass

POINTS = tuple(k / 8 for k in range(9))  # where a function of the user's is looked at


class ScheduleWarning(UserWarning):
    """A run goes on with another length, and what follows a schedule jumps."""


@dataclass(frozen=True)
class Geometric:
    """start · (end/start)^s: the same factor at every step. Both ends are positive."""

    start: float
    end: float

    def __post_init__(self):
        if not (0 < self.start < math.inf and 0 < self.end < math.inf):
            raise ValueError(
                f"a geometric schedule joins two positive numbers, not {self.start} and {self.end}"
            )

    def __call__(self, progress):
        return self.start * (self.end / self.start) ** progress


@dataclass(frozen=True)
class Cosine:
    """From start to end along half a period of a cosine, level at both ends (Loshchilov and Hutter
    2017, equation 5, without restarts)."""

    start: float
    end: float = 0.0

    def __call__(self, progress):
        return self.end + (self.start - self.end) * (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class Constant:
    """The same number throughout."""

    number: float

    def __call__(self, progress):
        return self.number


def describe(value) -> str:
    """A number or a schedule as a text that is the same in every process: a function that is none
    of those here by its values, for its own text would be an address."""
    if not callable(value) or isinstance(value, (Geometric, Cosine, Constant)):
        return repr(value)
    return f"a function with the values {', '.join(f'{float(value(s)):.9g}' for s in POINTS)}"


def warn_of_a_jump(schedules, before, now):
    """Warn, with a `ScheduleWarning`, where a run that was at progress `before` is at progress
    `now` for being given another length, and schedules, by name, differ between the two."""
    ends = {name: (value(before), value(now)) for name, value in schedules.items()}
    jumps = [
        f"{name} from {one:.3g} to {other:.3g}"
        for name, (one, other) in ends.items()
        if not math.isclose(one, other, rel_tol=0.01)
    ]
    if jumps:
        warnings.warn(
            f"the run has another length than before, of which {now:.0%} are done and not "
            f"{before:.0%}: what follows a schedule jumps, {', '.join(jumps)}. A new run of the "
            "whole length has no jump",
            ScheduleWarning,
            stacklevel=3,
        )


def schedule(name, value):
    """A schedule from a number, a text such as "10..0.1" (geometric), or a function of progress.

    `name` is what the error calls it. Raises ValueError or TypeError for what is none of these, and
    where the number is not finite or is negative at the start, in the middle or at the end.
    """
    if isinstance(value, str):
        first, dots, last = value.partition("..")
        try:
            value = Geometric(float(first), float(last)) if dots else Constant(float(first))
        except ValueError as error:
            raise ValueError(f"{name}={value!r} is no number, nor two as in '10..0.1'") from error
    elif not callable(value):
        try:
            value = Constant(float(value))
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{name}={value!r} is neither a number nor a function of progress"
            ) from error
    for progress in (0.0, 0.5, 1.0):
        number = value(progress)
        if not (math.isfinite(number) and number >= 0):
            raise ValueError(
                f"{name} must be finite and not negative, not {number} at progress {progress:g}"
            )
    return value
