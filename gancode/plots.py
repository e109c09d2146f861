"""The book's figures: one palette, one style, four roles.

What is real, generated, predicted by theory, or measured has one colour and one line style in every
figure: draw with `ax.plot(x, y, **ROLES["theory"])`. Colours are those of Okabe and Ito, which
colour-blind readers can tell apart; in print without colour the lines still differ: thick, dashed,
dotted, thin. Open a figure with `figure` and pass its axes to a helper, or let the helper open one;
each helper returns the axes it drew on.
"""

from collections.abc import Callable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

REAL, GENERATED, THEORY, MEASURED = "#0072B2", "#D55E00", "#000000", "#009E73"

ROLES = {
    "real": {"color": REAL, "linestyle": "-", "linewidth": 2.4},
    "generated": {"color": GENERATED, "linestyle": (0, (4, 1.5)), "linewidth": 1.8},
    "theory": {"color": THEORY, "linestyle": (0, (1, 1.5)), "linewidth": 1.8},
    "measured": {"color": MEASURED, "linestyle": "-", "linewidth": 1.2},
}
# What is measured where it lies on theory: drawn over the line, it leaves the line to be seen.
CIRCLES = {
    "color": MEASURED,
    "linestyle": "",
    "marker": "o",
    "fillstyle": "none",
    "markersize": 4,
    "markeredgewidth": 0.8,
}
_MARKERS = {
    "real": {"marker": "o", "s": 3, "linewidths": 0, "color": REAL},
    "generated": {"marker": "x", "s": 4, "linewidths": 0.5, "color": GENERATED},
}

# White and opaque, so that a figure reads the same on a light and on a dark page. At 7 inches and
# 144 dots an inch it is 1008 pixels wide: sharp in a column of 700.
STYLE: Any = {
    "figure.dpi": 144,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "axes.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "font.size": 10,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
    "legend.edgecolor": "none",
    "legend.framealpha": 0.8,
    "legend.fontsize": 9,
    "legend.markerscale": 3,
}


def figure(rows: Any = 1, columns: Any = 1, height: float = 3.2, **options: Any) -> Any:
    """Open a figure as wide as the book's column: (figure, axes), as from `plt.subplots`.

    `height` is in inches. The book's style is set for matplotlib as a whole, so that what a chapter
    adds to the figure follows it too.
    """
    plt.rcParams.update(STYLE)
    return plt.subplots(rows, columns, figsize=(7, height), **options)


def density(
    source: Any, role: str, span: tuple[float, float], *, label: str | None = None, ax: Any = None
) -> Any:
    """A density on the line, over `span` = (low, high).

    `source` is a density with `log_prob`, drawn as a curve, or samples of shape (n,) or (n, 1),
    drawn as a histogram with the area of the share of them in the span.
    """
    ax = ax or figure()[1]
    if hasattr(source, "log_prob"):
        import torch

        x = torch.linspace(*span, 512, dtype=torch.float64, device="cpu")
        ax.plot(x, source.log_prob(x[:, None]).exp(), label=label, **ROLES[role])
    else:
        samples = _array(source).ravel()
        heights, edges = np.histogram(samples, bins=80, range=span)
        heights = heights / (len(samples) * (edges[1] - edges[0]))
        ax.stairs(heights, edges, fill=True, alpha=0.25, color=ROLES[role]["color"])
        ax.stairs(heights, edges, label=label, **(ROLES[role] | {"linewidth": 1}))
    ax.set(xlim=span, xlabel="$x$", ylabel="density")
    ax.set_ylim(bottom=0, auto=True)  # a taller density may follow on the same axes
    return ax


def scatter(samples: Any, role: str, *, label: str | None = None, ax: Any = None) -> Any:
    """Real or generated samples in the plane, shape (n, 2)."""
    ax = ax or figure(height=4.5)[1]
    x, y = _array(samples).T
    ax.scatter(x, y, label=label, **_MARKERS[role])
    ax.set_aspect("equal")
    return ax


def images(x: Any, columns: Any = 10, *, title: str | None = None, ax: Any = None) -> Any:
    """A sheet of images, shape (n, channels, height, width) in [−1, 1], in rows of `columns`."""
    import torch  # here: only pictures take it
    from torchvision.utils import make_grid

    x = torch.as_tensor(_array(x)).clamp(-1, 1)
    sheet = make_grid(x, min(columns, len(x)), padding=2, pad_value=1.0)[:, 1:-1, 1:-1]
    sheet = sheet.permute(1, 2, 0).numpy()  # in white frames
    ax = ax or figure(height=7 * sheet.shape[0] / sheet.shape[1] + 0.3 * bool(title))[1]
    ax.imshow(sheet / 2 + 0.5)
    ax.set_axis_off()
    ax.set_title(title)
    return ax


def history(rows: Any, theory: Mapping[str, Any], *, axes: Any = None) -> Any:
    """Columns of a run's history over its steps, each beside the value that theory gives it.

    `theory` maps the name of a column to its value, a number or a SymPy expression, or to None
    where there is none; each has a panel of its own.
    """
    if axes is None:
        axes = figure(1, len(theory), height=2.8)[1]
    axes = np.atleast_1d(axes).ravel()
    steps = [row["step"] for row in rows]
    for ax, (name, value) in zip(axes, theory.items(), strict=True):
        alone = {"marker": "o"} if len(rows) == 1 else {}  # a line would not show
        values = [row[name] for row in rows]
        ax.plot(steps, values, label="measured", **ROLES["measured"], **alone)
        if value is not None:
            ax.axhline(float(value), label=f"theory: {value}", **ROLES["theory"])
        ax.set(xlabel="step", title=name.replace("_", " "))
        ax.legend()
    return axes


def animation(fig: Any, draw: Callable, frames: Any, *, seconds: float = 5.0) -> Any:
    """An animated PNG: `draw(k)` changes the artists of `fig` for frame k = 0, 1, …, frames − 1.

    It plays twice and stops on the last frame, so that nobody has to read beside something that
    moves. The last frame is also the still that shows where animated PNGs are unknown, so it should
    tell the whole. End a notebook's cell in it.
    """
    from io import BytesIO

    from IPython.display import Image
    from PIL import Image as Picture

    pictures = []
    for k in range(frames):
        draw(k)
        fig.canvas.draw()
        pictures.append(np.asarray(fig.canvas.buffer_rgba())[..., :3].copy())
    plt.close(fig)
    # One palette for all frames: then each frame is stored as what changed since the one before.
    # White is a colour of its own in it, or the paper would take on that of what is pale.
    palette = Picture.fromarray(pictures[-1]).quantize(31)
    colours = (palette.getpalette() or [])[: 3 * 31]
    palette.putpalette([*colours, 255, 255, 255])
    stored = []
    for pixels in pictures:
        paper = Picture.fromarray(255 * (pixels == 255).all(axis=2).astype(np.uint8))
        stored.append(
            Picture.fromarray(pixels).quantize(palette=palette, dither=Picture.Dither.NONE)
        )
        stored[-1].paste(len(colours) // 3, mask=paper)
    file = BytesIO()
    stored[-1].save(
        file,
        "PNG",
        save_all=True,
        default_image=True,
        append_images=stored,
        duration=1000 * seconds / frames,
        loop=2,
    )
    return Image(file.getvalue(), format="png")


def _array(x: Any) -> np.ndarray:
    """A NumPy array from a tensor on any device, or from anything that NumPy takes."""
    # By way of float64: NumPy knows no bfloat16.
    return x.detach().cpu().double().numpy() if hasattr(x, "detach") else np.asarray(x)
