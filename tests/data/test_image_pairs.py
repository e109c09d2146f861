"""Images of two kinds from two folders, with pairs and without."""

import re
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

import gancode
from gancode import data
from gancode.data import sources
from gancode.data.sources import ANY


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def grey(path, value, size=(4, 4), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path, **options)


def folders(tmp_path, given=("b/2", "1", "10"), wanted=("1", "10", "b/2")):
    """Grey images whose value says in which folder, and which of it, they are."""
    for k, name in enumerate(given):
        grey(tmp_path / "given" / f"{name}.png", 10 + k)
    for k, name in enumerate(wanted):
        grey(tmp_path / "wanted" / f"{name}.bmp", 100 + k)
    return tmp_path / "given", tmp_path / "wanted"


def values(item):
    return [round(127.5 * (x.unique().item() + 1)) for x in item]


def test_images_of_one_name_are_a_pair_whatever_their_endings(tmp_path):
    found = data.paired_images(*folders(tmp_path), size=4, channels=1)
    assert found.names == ["1", "10", "b/2"]
    assert [values(item) for item in found] == [[100, 11], [101, 12], [102, 10]]
    assert found[0][0].shape == (1, 4, 4)
    back = data.paired_images(tmp_path / "wanted", tmp_path / "given", 4, channels=1)
    assert [values(item)[::-1] for item in back] == [values(item) for item in found]


def test_one_sign_and_a_letter_with_an_accent_are_one_name(tmp_path):
    one, two = "\u00e9", "e\u0301"  # as Windows and as macOS write it
    assert data.paired_images(*folders(tmp_path, [one], [two]), 4).names == [one]
    grey(tmp_path / "given" / f"{two}.png", 0)
    with pytest.raises(gancode.Refused, match="two images of one name"):
        data.paired_images(tmp_path / "given", tmp_path / "wanted", 4)


def test_a_pair_is_known_by_its_contents_wherever_it_lies(tmp_path):
    here = data.paired_images(*folders(tmp_path), 4)
    names = {"given": ("x", "y", "z"), "wanted": ("y", "z", "x")}  # other names, the same pairs
    there = data.paired_images(*folders(tmp_path / "moved", **names), 4)
    assert there.fingerprint == here.fingerprint and repr(there) != repr(here)
    swapped = {"given": ("x", "y", "z"), "wanted": ("z", "y", "x")}
    other = data.paired_images(*folders(tmp_path / "swapped", **swapped), 4)
    assert other.fingerprint != here.fingerprint
    back = data.paired_images(tmp_path / "wanted", tmp_path / "given", 4)
    assert back.fingerprint != here.fingerprint


def test_what_is_no_pair_is_refused_with_a_list(tmp_path):
    given, wanted = folders(tmp_path, [*"abcdefgh"], [*"gh", "i"])
    said = "6 of 8 in .*given (a, b, c, d, e, 1 more), and 1 of 3 in .*wanted (i); give each pair"
    with pytest.raises(gancode.Refused, match=re.escape(said).replace(r"\.\*", ".*")):
        data.paired_images(given, wanted)
    given, wanted = folders(tmp_path / "sizes")
    grey(given / "10.png", 0, (4, 5))
    with pytest.raises(gancode.Refused, match=r"1 of 3 pairs .* 10 \(4 × 5 and 4 × 4\); bring"):
        data.paired_images(given, wanted)
    given, wanted = folders(tmp_path / "twice")
    grey(given / "10.bmp", 0)
    with pytest.raises(gancode.Refused, match=r"two images of one name, 10.bmp and 10.png"):
        data.paired_images(given, wanted)
    for read in (data.paired_images, data.unpaired_images):
        given, wanted = folders(tmp_path / read.__name__)
        (wanted / "10.bmp").write_bytes(b"no picture")
        with pytest.raises(gancode.Refused, match=r"1 of 3 images .*wanted are broken; .* 10.bmp"):
            read(given, wanted)
        with pytest.raises(FileNotFoundError, match="nothing is no folder"):
            read(given, tmp_path / "nothing")


def test_sizes_are_those_of_upright_images(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    grey(tmp_path / "given/a.jpg", 10, (4, 6), exif=turned)
    grey(tmp_path / "wanted/a.png", 20, (6, 4))
    assert len(data.paired_images(tmp_path / "given", tmp_path / "wanted", 4)) == 1


def test_pairs_are_samples_with_conditions_for_a_run(tmp_path):
    found = sources.source(data.paired_images(*folders(tmp_path), 4, channels=1), ANY)
    samples, condition = found.first(2)
    assert values([samples[0], condition[0]]) == [100, 11] and len(samples) == 2
    assert "PairedImages(3 pairs of shape (1, 4, 4)" in found.describe()


@pytest.mark.parametrize(("given", "wanted"), [(2, 5), (5, 2), (3, 3)])
def test_without_pairs_the_larger_folder_comes_whole_and_the_other_by_chance(
    tmp_path, given, wanted
):
    both = folders(tmp_path, map(str, range(given)), map(str, range(wanted)))
    found = data.unpaired_images(*both, 4, channels=1)
    assert len(found) == max(given, wanted)
    torch.manual_seed(0)
    seen = [tuple(values(found[k])) for _ in range(40) for k in range(len(found))]
    samples, conditions = (Counter(column) for column in zip(*seen, strict=True))
    assert set(samples) == {100 + k for k in range(wanted)}
    assert set(conditions) == {10 + k for k in range(given)}
    whole, drawn = (samples, conditions) if wanted >= given else (conditions, samples)
    assert set(whole.values()) == {40} and len(set(drawn.values())) > 1
    with pytest.raises(IndexError):
        found[len(found)]


def test_in_memory_the_same_are_drawn(tmp_path):
    found = data.unpaired_images(*folders(tmp_path, "ab", "cdefg"), 4, channels=1)
    tensors = [torch.stack([*images]) for images in (found.given, found.wanted)]
    there = found.of(*tensors)
    assert there.fingerprint == found.fingerprint
    dealt = []
    for images in (found, there):
        stream = sources.Batches(
            sources.source(images, ANY), 2, torch.Generator().manual_seed(3), workers=0
        )
        dealt.append([next(stream) for _ in range(7)])
    for one, other in zip(*dealt, strict=True):
        assert all(map(torch.equal, one, other))
    described = [sources.source(images, ANY).describe() for images in (found, there)]
    assert described[0] == described[1] and "UnpairedImages(ImageFolder(2 images" in described[0]


def test_colours_and_sizes_are_as_of_one_folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    for name in ("given", "wanted"):
        (tmp_path / name).mkdir()
        Image.fromarray(pixels if name == "given" else 255 - pixels).save(tmp_path / name / "a.png")
    wanted, given = data.paired_images(tmp_path / "given", tmp_path / "wanted", 6)[0]
    assert torch.equal(given, data.image_folder(tmp_path / "given", 6)[0])
    assert torch.allclose(wanted, -given, atol=1e-6)  # the same pixels are cut out of both
