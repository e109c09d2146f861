"""Samples as files, by the ending of a path."""

import numpy as np
import pytest
import torch
from PIL import Image

from gancode import data, samples
from gancode.cli import main
from gancode.errors import Refused

POINTS = np.array([[0.5, -1.25], [1e-7, 3.0], [2.0, 0.1]], np.float32)
COLOURS = np.linspace(-1, 1, 3 * 3 * 8 * 8, dtype=np.float32).reshape(3, 3, 8, 8)
GREYS = COLOURS[:, :1]
LABELS = np.array([2, 0, 1])


@pytest.mark.parametrize("x", [POINTS, COLOURS], ids=["points", "images"])
@pytest.mark.parametrize("labels", [None, LABELS], ids=["", "labels"])
@pytest.mark.parametrize("name", ["a.npz", "a.npy", "A.NPZ", "b.c.NPY"])
def test_arrays_come_back_as_they_were(tmp_path, x, labels, name):
    samples.save(tmp_path / name, x, labels)
    found = np.load(tmp_path / name)
    if name.lower().endswith("npy"):
        assert np.array_equal(found, x) and found.dtype == np.float32
    else:
        assert np.array_equal(found["x"], x)
        assert (labels is None and found.files == ["x"]) or np.array_equal(found["y"], labels)


@pytest.mark.parametrize("labels", [None, LABELS])
def test_points_make_a_table(tmp_path, labels):
    samples.save(tmp_path / "a.csv", POINTS, labels)
    names = (tmp_path / "a.csv").read_text().splitlines()[0].split(",")
    found = np.loadtxt(tmp_path / "a.csv", delimiter=",", skiprows=1, dtype=np.float32)
    assert names == ["x1", "x2", "y"][: 2 if labels is None else 3]
    assert np.array_equal(found[:, :2], POINTS)
    assert labels is None or np.array_equal(found[:, 2], labels)


@pytest.mark.parametrize("x", [POINTS, COLOURS, GREYS], ids=["points", "colours", "greys"])
def test_a_picture_is_one(tmp_path, x):
    samples.save(tmp_path / "a.png", x, None)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.format == "PNG" and min(picture.size) > 100


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(("x", "channels"), [(COLOURS, 3), (GREYS, 1)])
def test_a_folder_has_an_image_each_that_can_be_trained_on(tmp_path, x, channels, there):
    path = tmp_path / "images"
    if there:
        path.mkdir()
    samples.save(f"{path}" if there else f"{path}/", x)
    found = data.image_folder(path, 8, channels=channels)
    assert [file.name for file in found.files] == ["000000.png", "000001.png", "000002.png"]
    for image, expected in zip(found, x, strict=True):
        assert np.abs(image.numpy() - expected).max() <= 1 / 255


def test_images_of_classes_have_them_in_their_names(tmp_path):
    samples.save(f"{tmp_path}/new/", GREYS, LABELS)
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["000000-class-2.png", "000001-class-0.png", "000002-class-1.png"]


@pytest.mark.parametrize(
    ("name", "x", "said"),
    [
        ("a.jpg", COLOURS, r"cannot be written to .*a.jpg: give .npz .*\.npy .*\.csv .*\.png .*/"),
        ("a", POINTS, "cannot be written to .*a: give .npz"),
        ("a.npz.zip", POINTS, "cannot be written"),
        ("a.csv", COLOURS, r"a.csv is for points, and these samples have shape \(3, 8, 8\): give"),
        ("new/", POINTS, r"new/ is for images, and these samples have shape \(2,\)"),
        ("full/", COLOURS, "full is not an empty folder; give a new one"),
        ("a.png", COLOURS[:, :2], r"samples of shape \(3, 2, 8, 8\) cannot be drawn"),
        ("a.png", np.zeros((3, 4), np.float32), r"samples of shape \(3, 4\) cannot be drawn"),
    ],
)
def test_what_cannot_be_is_refused_and_writes_nothing(tmp_path, name, x, said):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=said):
        samples.save(f"{tmp_path}/{name}", x)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.csv", "a.png", "a/"])
def test_labels_are_one_a_sample_and_a_link_to_nothing_is_something(tmp_path, name):
    x = POINTS if name == "a.csv" else COLOURS
    for labels in (LABELS[:2], [0, 1, 2, 0]):
        with pytest.raises(Refused, match=f"{len(labels)} labels of 3 samples"):
            samples.save(f"{tmp_path}/{name}", x, labels)
    link = tmp_path / name.strip("/")
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(Refused, match="is there already, and nothing|is not an empty folder"):
        samples.save(f"{tmp_path}/{name}", x)
    assert [path.name for path in tmp_path.iterdir()] == [link.name] and link.is_symlink()


@pytest.mark.parametrize("name", ["a.png", "a/"])
def test_what_has_no_colour_is_no_picture(tmp_path, name):
    for value in (np.nan, np.inf):
        with pytest.raises(Refused, match="NaN or infinity, which have no colour"):
            samples.save(f"{tmp_path}/{name}", np.where(COLOURS > 0.99, value, COLOURS))
    with pytest.raises(Refused, match="samples"):
        samples.save(f"{tmp_path}/{name}", COLOURS[:, :2])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.csv", "a.png", "a/"])
def test_a_tensor_will_do(tmp_path, name):
    x = torch.tensor(POINTS if name == "a.csv" else COLOURS, requires_grad=True)
    samples.save(f"{tmp_path}/{name}", x)
    assert (tmp_path / name).exists()
    with pytest.raises(Refused, match="a single number is no samples"):
        samples.save(tmp_path / "b.npz", torch.tensor(2.0))


def test_nothing_half_is_left_where_the_disk_refuses(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(samples.checkpoint.os, "fsync", full)
    with pytest.raises(OSError, match="a.npz was not written"):
        samples.save(tmp_path / "a.npz", POINTS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.csv", "a.png"])
def test_nothing_is_overwritten(tmp_path, name):
    (tmp_path / name).write_text("before")
    with pytest.raises(Refused, match=f"{name} is there already, and nothing is overwritten"):
        samples.save(tmp_path / name, POINTS)
    assert (tmp_path / name).read_text() == "before"


def test_a_folder_stays_empty_where_its_pictures_fail_midway(tmp_path, monkeypatch):
    whole = samples.image
    seen = []

    def fails(x):
        seen.append(x)
        return whole(x) if len(seen) < 3 else 1 / 0

    monkeypatch.setattr(samples, "image", fails)
    with pytest.raises(ZeroDivisionError):
        samples.save(f"{tmp_path}/new/", COLOURS)
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("sheet", "cannot be"), ("sheet.jpg", "cannot be"), ("sheet.npz", "a sheet is a .png")],
)
def test_a_sheet_is_a_picture_by_its_ending(tmp_path, capsys, name, said):
    given = ["sample", str(tmp_path), "--out", str(tmp_path / "x.npz"), "--sheet", name]
    assert main(given) == 2
    assert said in capsys.readouterr().err and not list(tmp_path.iterdir())
