"""How far a run is, in lines for a log: where stderr is no terminal a progress bar has no place."""

import sys
import time


def on_a_terminal() -> bool:
    """Whether stderr is a terminal."""
    return getattr(sys.stderr, "isatty", bool)()


def lines(end, every=30.0):
    """A callback for `gancode.train` that writes a line on stderr at least once in `every` seconds,
    as long as a step takes no longer. `end` says in words where the run ends."""
    began = last = before = time.monotonic()

    def callback(step, run):
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
