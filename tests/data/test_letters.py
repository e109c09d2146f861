"""Letters in two typefaces: distinct, in pairs, hidden by families."""

import unicodedata

import pytest
import torch

from gancode import data
from gancode.data import letters


@pytest.fixture(scope="module")
def parts():
    return data.glyphs(size=16)


def test_pairs_are_images_of_the_same_letters(parts):
    for part in parts:
        assert part.source.shape == part.target.shape == (len(part.letters), 1, 16, 16)
        for images in (part.source, part.target):
            assert images.dtype == torch.float32
            assert images.min() == -1 and images.max() <= 1
            assert (images.flatten(1).max(1).values > -0.5).all()  # each has ink
        # A letter is nearer to itself in the other face than to most others.
        distance = torch.cdist(part.source.flatten(1), part.target.flatten(1))
        own = distance.diagonal()[:, None]
        assert (distance < own).double().mean() < 0.02


def test_no_letter_looks_like_another(parts):
    for side in (0, 1):
        looks = torch.cat([part[side] for part in parts]).flatten(1)
        assert len(looks.unique(dim=0)) == len(looks)


def test_families_are_on_one_side(parts):
    known, hidden = (
        {unicodedata.normalize("NFKD", letter)[0] for letter in part.letters} for part in parts
    )
    assert known and not known & hidden
    accented = [c for c in parts[1].letters if unicodedata.normalize("NFKD", c)[0] != c]
    assert len(accented) > 50  # so that the line above says something


def test_at_least_so_many_are_hidden_and_the_split_is_the_same_each_time(parts):
    total = sum(len(part.letters) for part in parts)
    for count in (1, 100, 300):
        known, hidden = data.glyphs(size=16, hidden=count)
        assert count <= len(hidden.letters) < count + 60
        assert len(known.letters) + len(hidden.letters) == total
    assert data.glyphs(size=16)[1].letters == parts[1].letters


def test_letters_are_whole():
    """Nothing is cut off at an edge: what fits has its ink in a larger image too."""
    face = letters._Face("serif", 16)
    for letter in ("g", "W", "Å"):
        if face.fits(letter):
            ink = torch.tensor(face.draw(letter)).double().sum() / 16**2
            finer = torch.tensor(letters._Face("serif", 64).draw(letter)).double().sum() / 64**2
            assert abs(ink / finer - 1) < 0.05
    assert not face.fits("\u0020") and not letters._Face("sans", 16).fits("ꙮ" * 9)


def test_a_face_and_itself_are_equal_and_another_is_not():
    known, _ = data.glyphs("sans", "sans", size=8)
    assert torch.equal(known.source, known.target)
    known, _ = data.glyphs("sans", "sans-bold", size=8)
    assert known.target.mean() > known.source.mean()  # more ink


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"source": "gothic"}, "there is no typeface 'gothic'; choose from sans,"),
        ({"source": []}, r"there is no typeface \[\]"),
        ({"target": "SERIF"}, "there is no typeface 'SERIF'"),
        ({"size": 7}, "size=7 must be at least 8"),
        ({"size": 1.5}, "size=1.5 must be a positive integer"),
        ({"hidden": 0}, "hidden=0 must be a positive integer"),
        ({"hidden": 10_000}, "hidden=10000 leaves no letters to train on: there are"),
    ],
)
def test_what_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        data.glyphs(**options)
