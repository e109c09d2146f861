"""Numbers that change in the course of a run, as functions of its progress s: 0 at the first step,
near 1 at the last."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gancode.errors import Refused, WrongType, warn

POINTS = tuple(k / 8 for k in range(9))  # where a function of the user's is looked at


class ScheduleWarning(UserWarning):
    """A run goes on with another length, and what follows a schedule jumps."""


@dataclass(frozen=True)
class Geometric:
    """start · (end/start)^s: the same factor at every step. Both ends are positive."""

    start: float
    end: float

    def __post_init__(self) -> None:
        if not (0 < self.start < math.inf and 0 < self.end < math.inf):
            raise Refused(
                f"a geometric schedule joins two positive numbers, not {self.start} and {self.end}"
            )

    def __call__(self, progress: float) -> Any:
        return self.start * (self.end / self.start) ** progress


@dataclass(frozen=True)
class Constant:
    """The same number throughout."""

    number: float

    def __call__(self, progress: float) -> Any:
        return self.number


def plain(value: Any) -> Any:
    """A schedule as the number or the text that `schedule` makes it of, which is the same in every
    process; a function that is none of those here by its values, for its own text would be an
    address."""
    if isinstance(value, Constant):
        return value.number
    if isinstance(value, Geometric):
        return f"{_shortest(value.start)}..{_shortest(value.end)}"
    return f"a function with the values {', '.join(f'{float(value(s)):.9g}' for s in POINTS)}"


def text(value: Any) -> str:
    """The same as a text in any case."""
    found = plain(value)
    return found if isinstance(found, str) else _shortest(found)


def _shortest(number: float) -> str:
    return repr(float(number)).removesuffix(".0")


def warn_of_a_jump(
    schedules: Mapping[str, Callable[[float], float]], before: float, now: float
) -> None:
    """Warn, with a `ScheduleWarning`, where a run that was at progress `before` is at progress
    `now` for being given another length, and schedules, by name, differ between the two."""
    ends = {name: (value(before), value(now)) for name, value in schedules.items()}
    jumps = [
        f"{name} from {one:.3g} to {other:.3g}"
        for name, (one, other) in ends.items()
        if not math.isclose(one, other, rel_tol=0.01)
    ]
    if jumps:
        warn(
            f"the run has another length than before, of which {now:.0%} are done and not "
            f"{before:.0%}: what follows a schedule jumps, {', '.join(jumps)}. A new run of the "
            "whole length has no jump",
            ScheduleWarning,
        )


def schedule(name: str, value: Any) -> Callable[[float], float]:
    """A schedule from a number, a text such as "10..0.1" (geometric), or a function of progress.

    `name` is what the error calls it. Raises ValueError or TypeError for what is none of these, and
    where the number is not finite or is negative at the start, in the middle or at the end.
    """
    if isinstance(value, str):
        first, dots, last = value.partition("..")
        try:
            value = Geometric(float(first), float(last)) if dots else Constant(float(first))
        except ValueError as error:
            raise Refused(f"{name}={value!r} is no number, nor two as in '10..0.1'") from error
    elif not callable(value):
        try:
            value = Constant(float(value))
        except (TypeError, ValueError) as error:
            raise WrongType(
                f"{name}={value!r} is neither a number nor a function of progress"
            ) from error
    for progress in (0.0, 0.5, 1.0):
        number = value(progress)
        if not (math.isfinite(number) and number >= 0):
            raise Refused(
                f"{name} must be finite and not negative, not {number} at progress {progress:g}"
            )
    return value
