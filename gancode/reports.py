"""What is seen of a run while it trains: callbacks for `gancode.train`.

Each returns a function `callback(step, run)`; a list of them is a callback too.
"""

from pathlib import Path

from gancode import plots


def sheets(folder, *, every=1000, n=64):
    """Draw n samples of the averaged generator, the same latents each time, after steps `every`,
    2 · `every`, …: into `folder`, as step-000001000.png and so on.

    Images are laid side by side, points of the plane scattered. Raises ValueError for samples that
    are neither.
    """
    folder = Path(folder)

    def callback(step, run):
        if step % every == 0:
            folder.mkdir(parents=True, exist_ok=True)
            sheet(run.sample(n), folder / f"step-{step:09d}.png")

    return callback


def sheet(samples, path):
    """Write a picture of samples: images (n, 1 or 3, height, width) in [−1, 1], or points (n, 2).

    Raises ValueError for samples of another shape.
    """
    shape = tuple(samples.shape)
    if len(shape) == 4 and shape[1] in (1, 3):
        ax = plots.images(samples, columns=8)
    elif len(shape) == 2 and shape[1] == 2:
        ax = plots.scatter(samples, "generated")
    else:
        raise ValueError(
            f"samples of shape {shape} cannot be drawn; give images (n, 1 or 3, height, width), or "
            "points (n, 2)"
        )
    ax.figure.savefig(path)
    plots.plt.close(ax.figure)


def tensorboard(folder):
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

    def callback(step, run):
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
