"""What is seen of a run: callbacks for `gancode.train` while it trains, and pictures at its end.

A callback is a function `callback(step, run)`; a list of them is one too. Pictures are drawn into
files alone, so no screen is needed.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import torch
from matplotlib.figure import Figure

from gancode import plots
from gancode.errors import Refused
from gancode.training.run import Run, in_turn

SAMPLES, CURVES = "samples.png", "history.png"
ROW = 8  # images beside one another


def sheets(folder: str | Path, *, every: int = 1000, n: int = 64) -> Callable:
    """Draw n samples of the averaged generator, the same latents each time, after steps `every`,
    2 · `every`, …: into `folder`, as step-000001000.png and so on.

    Images are laid side by side, points of the plane scattered (see `shown`). Raises ValueError for
    samples that are neither.
    """
    folder = Path(folder)

    def callback(step: int, run: Run) -> None:
        if step % every == 0:
            folder.mkdir(parents=True, exist_ok=True)
            sheet(shown(run, n), folder / f"step-{step:09d}.png")

    return callback


def shown(run: Run, n: int) -> torch.Tensor:
    """n samples of a run for a sheet; of one whose condition is an image, half as many in rows of
    eight, each below the row of its conditions."""
    given = run.conditions[:1]
    samples = run.sample(n if not given or given[0].ndim != 4 else n // 2)
    if not given or given[0].shape[1:] != samples.shape[1:]:
        return samples
    (conditions,) = in_turn(len(samples), given)
    rows = zip(conditions.split(ROW), samples.cpu().split(ROW), strict=True)
    return torch.cat([row for both in rows for row in both])


def sheet(samples: Any, path: str | Path, real: Any = None) -> None:
    """Write a picture of samples: images (n, 1 or 3, height, width) in [−1, 1], or points (n, 2),
    these beside `real` ones where there are some.

    Raises ValueError for samples of another shape.
    """
    shape = tuple(samples.shape)
    if len(shape) == 4 and shape[1] in (1, 3):
        columns = max(ROW, math.isqrt(shape[0]))
        with _page(path) as (figure, ax):
            plots.images(samples, columns, ax=ax)
            height, width = ax.images[0].get_array().shape[:2]
            figure.set_size_inches(7, 7 * height / width)
    elif len(shape) == 2 and shape[1] == 2:
        with _page(path) as (_, ax):
            plots.scatter(samples, "generated", label="generated", ax=ax)
            if real is not None:  # above, for their modes may be narrow
                plots.scatter(real, "real", label="real", ax=ax)
            ax.legend()
    else:
        raise Refused(
            f"samples of shape {shape} cannot be drawn; give images (n, 1 or 3, height, width), or "
            "points (n, 2)"
        )


def curves(rows: Any, theory: Mapping[str, Any], path: str | Path) -> None:
    """Write a picture of columns of a run's history, each beside the value that `theory`, a dict,
    has for it: a number, or None."""
    shown = {name: value if value is None else round(value, 4) for name, value in theory.items()}
    with _page(path, 2, 2, height=5.0) as (_, axes):
        plots.history(rows, shown, axes=axes)


def finish(run: Run, out: str | Path, theory: Mapping[str, Any], real: Any = None) -> list[Path]:
    """Draw what a run has come to into its folder: SAMPLES, a sheet or points beside `real` ones,
    and CURVES, its losses and logits beside their values in theory. Returns the two paths."""
    out = Path(out)
    points = real is not None
    sheet(shown(run, len(real) if points else 64), out / SAMPLES, real)
    curves(run.history, theory, out / CURVES)
    return [out / SAMPLES, out / CURVES]


@contextlib.contextmanager
def _page(
    path: str | Path, rows: int = 1, columns: int = 1, height: float = 4.5
) -> Iterator[tuple[Figure, Any]]:
    """A figure and its axes, which are written to a path and shown nowhere."""
    with matplotlib.rc_context(plots.STYLE):
        figure = Figure(figsize=(7, height))
        yield figure, figure.subplots(rows, columns)
        figure.savefig(path)


def tensorboard(folder: str | Path) -> Callable:
    """Write each row of the history for TensorBoard, which draws it: `tensorboard --logdir FOLDER`.

    Raises ImportError, saying how to install it, where the package is missing.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "TensorBoard is not installed; `pip install gancode[tensorboard]` adds it"
        ) from error
    writer, written = None, 0

    def callback(step: int, run: Run) -> None:
        nonlocal writer, written
        if writer is None:
            # Of a run that is taken up again, rows after its checkpoint are there already: hide
            # them, and write the history anew.
            writer = SummaryWriter(str(folder), purge_step=0)
        for row in run.history[written:]:
            for name, value in row.items():
                if name != "step":
                    writer.add_scalar(name, value, row["step"])
            writer.flush()
        written = len(run.history)

    return callback
