import io

import matplotlib
import numpy as np
import pytest
import sympy
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from PIL import Image as Picture

from gancode import data, plots


@pytest.fixture(autouse=True)
def untouched_style():
    with matplotlib.rc_context({"backend": "agg"}):
        yield
    plt.close("all")


def image_of(ax):
    """The PNG of a figure as a notebook stores it: (bytes, pixels)."""
    buffer = io.BytesIO()
    ax.figure.savefig(buffer, format="png")
    return buffer.getbuffer().nbytes, plt.imread(io.BytesIO(buffer.getvalue()))


def draw_all():
    x = torch.Generator().manual_seed(0)
    ax = plots.density(data.gaussian(), "real", (-4, 4), label="$p$")
    plots.density(data.gaussian(1.0).sample(4000, x), "generated", (-4, 4), label="$q$", ax=ax)
    plane = plots.scatter(data.ring(std=0.05).sample(2500, x), "real", label="real")
    plots.scatter(data.ring(std=0.05).sample(2500, x), "generated", label="generated", ax=plane)
    rows = [{"step": s, "discriminator_loss": 1.4 + 0.1 * np.sin(s)} for s in range(100, 9000, 100)]
    losses = plots.history(rows, {"discriminator_loss": sympy.log(4)})[0]
    for drawn in (ax, plane, losses):
        drawn.legend()
    sheet = plots.images(data.mnist_5k()[0][::50], 20, title="digits")
    return {"density": ax, "scatter": plane, "history": losses, "images": sheet}


@pytest.fixture(scope="module")
def drawn():
    with matplotlib.rc_context({"backend": "agg"}):
        return {name: (ax, *image_of(ax)) for name, ax in draw_all().items()}


@pytest.mark.parametrize("name", ["density", "scatter", "history", "images"])
def test_a_figure_is_a_small_sharp_opaque_png(drawn, name):
    _, size, pixels = drawn[name]
    assert size < 120_000
    assert pixels.shape[1] == 7 * 144
    assert (pixels[..., 3] == 1).all()
    assert (pixels[0, 0, :3] == 1).all()


def test_the_four_roles_differ_in_colour_and_in_line():
    assert set(plots.ROLES) == {"real", "generated", "theory", "measured"}
    assert len({role["color"] for role in plots.ROLES.values()}) == 4
    assert len({(role["linestyle"], role["linewidth"]) for role in plots.ROLES.values()}) == 4


def luminance(colour):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("role", plots.ROLES)
def test_each_colour_has_the_contrast_that_graphics_need_on_white(role):
    # 3:1, WCAG 2.1, success criterion 1.4.11.
    assert 1.05 / (luminance(plots.ROLES[role]["color"]) + 0.05) >= 3


def test_helpers_draw_in_the_colour_of_the_role(drawn):
    density, scatter, history = (drawn[name][0] for name in ("density", "scatter", "history"))
    (curve,) = density.lines
    assert curve.get_color() == plots.REAL
    torch.testing.assert_close(
        torch.as_tensor(curve.get_ydata()),
        data.gaussian().log_prob(torch.as_tensor(curve.get_xdata())[:, None]).exp(),
    )
    area, outline = density.patches
    assert (
        to_rgb(area.get_facecolor()) == to_rgb(outline.get_edgecolor()) == to_rgb(plots.GENERATED)
    )
    colours = [to_rgb(points.get_facecolor()[0]) for points in scatter.collections]
    assert colours == [to_rgb(plots.REAL), to_rgb(plots.GENERATED)]
    measured, theory = history.lines
    assert (measured.get_color(), theory.get_color()) == (plots.MEASURED, plots.THEORY)
    assert theory.get_ydata()[0] == pytest.approx(np.log(4))


def test_a_histogram_has_the_area_of_the_samples_in_its_span():
    ax = plots.density(torch.tensor([0.5, 1.5, 2.5, 99.0]), "generated", (0, 4))
    heights, edges, _ = ax.patches[0].get_data()
    assert (heights * np.diff(edges)).sum() == pytest.approx(3 / 4)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_puts_image_k_in_its_row_and_column(channels):
    x = torch.rand(5, channels, 4, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1
    sheet = plots.images(x, columns=3).images[0].get_array()
    assert sheet.shape == (2 * 6, 3 * 8, 3)
    tile = sheet[7:11, 9:15]  # row 1, column 1: the fifth image
    expected = (x[4].permute(1, 2, 0) / 2 + 0.5).expand(4, 6, 3)
    np.testing.assert_allclose(tile, expected, rtol=1e-6)
    assert (sheet[6:, 16:] == 1).all()  # no sixth image: white


def test_nothing_overlaps_in_the_panels_of_a_history():
    names = ["discriminator_loss", "generator_loss", "discriminator_gradient"]
    rows = [{"step": s} | dict.fromkeys(names, 0.001 * s) for s in range(1000, 20000, 1000)]
    axes = plots.history(rows, dict.fromkeys(names))
    axes[0].figure.draw_without_rendering()
    for ax in axes:
        ticks = [t.get_window_extent() for t in ax.get_xticklabels() if t.get_text()]
        inside = [t for t in ticks if ax.bbox.x0 - 40 <= (t.x0 + t.x1) / 2 <= ax.bbox.x1 + 40]
        assert all(a.x1 < b.x0 for a, b in zip(inside, inside[1:], strict=False))
    boxes = [ax.get_tightbbox() for ax in axes]
    assert all(a.x1 <= b.x0 + 1 for a, b in zip(boxes, boxes[1:], strict=False))
    titles = [ax.title.get_window_extent() for ax in axes]
    assert all(a.x1 < b.x0 for a, b in zip(titles, titles[1:], strict=False))


def test_an_animation_is_a_png_that_plays_twice_and_stops():
    fig, ax = plots.figure(height=1)
    (line,) = ax.plot([0, 1], [0, 1])
    ax.fill_between([0, 1], [0, 0], [1, 1], color="0.98")
    image = plots.animation(fig, lambda k: line.set_ydata([0, k]), 7, seconds=3.5)
    assert plt.get_fignums() == [] and "image/png" in image._repr_mimebundle_()[0]
    with Picture.open(io.BytesIO(image.data)) as frames:
        assert frames.info["default_image"] and frames.info["loop"] == 2
        assert frames.n_frames == 1 + 7  # a still, which is no part of the animation
        seen = []
        for k in range(8):
            frames.seek(k)
            assert k == 0 or frames.info["duration"] == 500
            picture = frames.convert("RGB")
            assert picture.getpixel((0, 0)) == (255, 255, 255)  # the paper is white
            seen.append(picture.tobytes())
        still, *shown = seen
        assert len(set(shown)) == 7 and still == shown[-1]


def test_open_circles_leave_the_line_below_them_to_be_seen():
    ax = plots.figure()[1]
    (line,) = ax.plot([0, 1], [0, 0], **plots.ROLES["theory"] | {"linestyle": "-"})
    (circle,) = ax.plot([0.5], [0], **plots.CIRCLES)
    pixels = image_of(ax)[1]
    column, row = ax.transData.transform([0.5, 0]).round().astype(int)
    around = pixels[-1 - row - 8 : -row + 8, column - 8 : column + 9, :3].reshape(-1, 3)
    assert abs(pixels[-1 - row, column, :3] - to_rgb(line.get_color())).max() < 0.1
    assert abs(around - to_rgb(plots.MEASURED)).max(1).min() < 0.1 and circle.get_zorder() > 1
