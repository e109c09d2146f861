"""How far a run is, in lines for a log: where stderr is no terminal a progress bar has no place."""

import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any


def on_a_terminal() -> bool:
    """Whether stderr is a terminal."""
    return getattr(sys.stderr, "isatty", bool)()


def lines(end: str, every: float = 30.0) -> Callable[[int, Any], None]:
    """A callback for `gancode.train` that writes a line on stderr at least once in `every` seconds,
    as long as a step takes no longer. `end` says in words where the run ends."""
    began = last = before = time.monotonic()

    def callback(step: int, run: Any) -> None:
        nonlocal last, before
        now = time.monotonic()
        took, before = now - before, now
        if now + took - last < every:  # the next step will be in time
            return
        last = now
        row = run.history[-1] if run.history else {}
        numbers = [f"{name} {value:.3g}" for name, value in row.items() if name != "step"]
        seen = f"; at step {row['step']}: {', '.join(numbers)}" if row else ""
        print(f"step {step} of {end}, after {now - began:.0f} s{seen}", file=sys.stderr, flush=True)

    return callback


class Pace:
    """Says once, on stderr, when steps have come to take many times longer than at the start.

    It is told the time after each step. What is compared are the medians of `few` steps, so that a
    save or a sheet now and then counts for nothing; the first step stands for the set-up.
    """

    def __init__(self, few: int = 20, times: float = 5.0) -> None:
        self.few, self.step = few, 0
        self.times: float | None = times
        self.before: float | None = None
        self.start: float | None = None
        self.took: deque[float] = deque(maxlen=few)

    def __call__(self, now: float) -> None:
        self.step += 1
        if self.before is not None and self.step > 2:
            self.took.append(now - self.before)
        self.before = now
        if self.times is None or len(self.took) < self.few or self.step % self.few:
            return
        median = statistics.median(self.took)
        if self.start is None:
            self.start = median
        elif median > self.times * self.start:
            self.times = None  # it has been said
            print(
                f"gancode: a step takes {median / self.start:.0f} times as long as at the start "
                f"({median:.2g} s, and {self.start:.2g} s then): is another program busy, or "
                "memory short? OMP_WAIT_POLICY=PASSIVE, set before Python starts, helps beside one",
                file=sys.stderr,
                flush=True,
            )
