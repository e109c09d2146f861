"""What is seen of a run: its pictures."""

from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from gancode import plots, reports

ROWS = [
    {"step": k, "discriminator_loss": 1.4, "generator_loss": 0.7, "logits_real": 0.1 * k,
     "logits_generated": -0.1 * k}
    for k in (1, 2)
]  # fmt: skip
THEORY = {"discriminator_loss": 1.386294361, "generator_loss": 0.7, "logits_real": None}
THEORY["logits_generated"] = None


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are written."""
    figures = []
    real = reports.Figure.savefig

    def savefig(figure, path):
        figures.append(figure)
        real(figure, path)

    monkeypatch.setattr(reports.Figure, "savefig", savefig)
    return figures


@pytest.mark.parametrize("backend", ["tkagg", "svg", "module://nowhere"])
def test_pictures_need_no_screen_and_leave_figures_and_styles_alone(tmp_path, monkeypatch, backend):
    monkeypatch.setattr(plt, "switch_backend", lambda name: pytest.fail("a screen was asked for"))
    monkeypatch.setenv("MPLBACKEND", backend)
    styled = {key: matplotlib.rcParams[key] for key in plots.STYLE}
    open_figures = plt.get_fignums()
    reports.sheet(torch.zeros(9, 1, 8, 8), tmp_path / "a.png")
    reports.sheet(torch.zeros(9, 2), tmp_path / "b.png")
    reports.curves(ROWS, THEORY, tmp_path / "c.png")
    assert {key: matplotlib.rcParams[key] for key in plots.STYLE} == styled
    assert plt.get_fignums() == open_figures
    assert all(pixels(tmp_path / f"{name}.png").shape[1] == 1008 for name in "abc")


def test_points_are_drawn_beside_the_data(tmp_path, drawn):
    x, real = torch.randn(50, 2), torch.randn(70, 2)
    reports.sheet(x, tmp_path / "a.png", real)
    (ax,) = drawn[0].axes
    seen = {each.get_label(): np.asarray(each.get_offsets()) for each in ax.collections}
    np.testing.assert_allclose(seen["generated"], x)
    np.testing.assert_allclose(seen["real"], real)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["generated", "real"]


@pytest.mark.parametrize(("n", "columns"), [(3, 3), (64, 8), (300, 17)])
def test_a_sheet_is_as_wide_as_it_is_readable(tmp_path, n, columns):
    images = -torch.ones(n, 1, 8, 8)
    reports.sheet(images, tmp_path / "a.png")
    height, width, _ = pixels(tmp_path / "a.png").shape
    rows = -(-n // columns)
    assert height / width == pytest.approx(rows / columns, rel=0.02)


def test_losses_and_logits_stand_beside_their_values_in_theory(tmp_path, drawn):
    reports.curves(ROWS, THEORY, tmp_path / "a.png")
    axes = drawn[0].axes
    assert [ax.get_title() for ax in axes] == [name.replace("_", " ") for name in THEORY]
    for ax, (name, value) in zip(axes, THEORY.items(), strict=True):
        measured, *theory = ax.lines
        assert list(measured.get_ydata()) == [row[name] for row in ROWS]
        assert [line.get_label() for line in theory] == (
            [] if value is None else [f"theory: {value:.4f}".rstrip("0")]
        )


def test_a_single_row_can_be_seen(tmp_path):
    reports.curves(ROWS[:1], dict.fromkeys(THEORY), tmp_path / "one.png")
    reports.curves([], dict.fromkeys(THEORY), tmp_path / "none.png")
    green = [
        (np.abs(pixels(tmp_path / name) - (0, 158, 115)).sum(2) < 40).sum()
        for name in ("one.png", "none.png")
    ]
    assert green[0] > green[1] + 4 * 20


def test_a_run_ends_with_two_pictures(tmp_path):
    def run(*shape):
        return SimpleNamespace(history=ROWS, conditions=(), sample=lambda n: torch.zeros(n, *shape))

    for shape, real in (((1, 8, 8), None), ((2,), torch.zeros(100, 2))):
        for path in reports.finish(run(*shape), tmp_path, THEORY, real):
            assert pixels(path).shape[1] == 1008
            path.unlink()
