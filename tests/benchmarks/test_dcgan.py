"""The benchmark of the convolutional networks: its results are what its command writes."""

import itertools
import json

import pytest
import torch
from torch import nn
from tree import ROOT

from gancode.benchmarks import dcgan as benchmark
from gancode.benchmarks.digits_mlp import pictures


@pytest.fixture(scope="module")
def results():
    return benchmark.results()


def test_the_results_hold_every_way_with_every_seed(results):
    runs = [(row["way"], row["seed"]) for row in results["rows"]]
    assert sorted(runs) == sorted((way, k) for way in benchmark.WAYS for k in benchmark.SEEDS)
    for row in results["rows"]:
        assert len(row["checkerboard"]) == benchmark.STEPS // benchmark.LOOK
        assert len(row["frechet"]) == len(benchmark.JUDGED)
    made = results["provenance"]
    assert made["command"] == "python -m gancode.benchmarks.dcgan"
    assert (made["steps"], made["threads"]) == (benchmark.STEPS, 1)
    assert made["recipe_steps"] == benchmark.FRAMES[-1]


def test_both_ways_are_tuned_alike_and_the_rate_of_the_rows_is_among_theirs(results):
    tried = [(row["way"], row["lr"], row["seed"]) for row in results["rates"]]
    wanted = itertools.product(benchmark.TUNED, benchmark.RATES, benchmark.SEEDS)
    assert sorted(tried) == sorted(wanted)
    assert results["provenance"]["tuned_steps"] in benchmark.JUDGED
    at = benchmark.JUDGED.index(benchmark.TUNED_STEPS)
    of_rows = {(row["way"], row["seed"]): row["frechet"][at][0] for row in results["rows"]}
    same = [row for row in results["rates"] if row["lr"] == 1e-3]
    assert [row["frechet"] for row in same] == [of_rows[row["way"], row["seed"]] for row in same]


def test_the_recipe_has_every_frame_and_they_take_time(results):
    frames = results["recipe"]
    assert [frame["step"] for frame in frames] == list(benchmark.FRAMES)
    seconds = [frame["seconds"] for frame in frames]
    assert seconds == sorted(seconds) and seconds[0] > 0
    for frame in frames:
        images = pictures(frame["sheet"])
        assert images.shape == (benchmark.ON_A_SHEET, *benchmark.SHAPE)
        assert images.std() > 0.1 and -1 <= images.min() and images.max() <= 1
    assert benchmark.accuracy(images) >= 0.9  # a digit for each class in turn
    assert benchmark.RESULTS.stat().st_size < 500_000


def test_the_pages_say_how_long_the_recipe_took(results):
    seconds = f"{results['recipe'][-1]['seconds']:.0f} s of one "
    for page in ("index.md", "chapters/training/dcgan.ipynb"):
        assert seconds in (ROOT / page).read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("way", benchmark.WAYS)
def test_a_run_can_be_repeated_and_begins_as_in_the_file(way, results, monkeypatch):
    monkeypatch.delenv("GANCODE_SEED", raising=False)
    first, again = (benchmark.row(way, 3, steps=benchmark.LOOK) for _ in range(2))
    assert first == again
    (kept,) = [row for row in results["rows"] if (row["way"], row["seed"]) == (way, 3)]
    assert first["checkerboard"] == pytest.approx(kept["checkerboard"][:1], rel=0.05)


@pytest.mark.slow
def test_the_command_writes_what_the_file_holds(tmp_path, monkeypatch, results):
    monkeypatch.setattr(benchmark, "SEEDS", range(1))
    out = tmp_path / "results.json"
    benchmark.main(
        ["--steps", "20", "--recipe-steps", "20", "--tuned-steps", "2", "--out", str(out)]
    )
    written = json.loads(out.read_text("utf-8"))
    assert written.keys() == results.keys()
    assert written["provenance"].keys() == results["provenance"].keys()
    for name in ("rows", "rates", "recipe"):
        assert written[name][0].keys() == results[name][0].keys()
    assert [frame["step"] for frame in written["recipe"]] == [20]


def test_the_ways_differ_in_the_generators_doubling_alone():
    four, five, nearest = (benchmark.make(way) for way in benchmark.WAYS[:3])
    for gan in (four, five, nearest):
        assert gan.generator(torch.randn(2, 64)).shape == (2, *benchmark.SHAPE)
    doubled = [k for k, layer in enumerate(four.generator) if isinstance(layer, nn.ConvTranspose2d)]
    assert len(doubled) == 2
    for k, (a, b) in enumerate(zip(four.generator, five.generator, strict=True)):
        if k in doubled:
            assert (a.kernel_size, b.kernel_size) == ((4, 4), (5, 5))
            assert (a.bias is None) == (b.bias is None)
        assert repr(a) == repr(b) or k in doubled
    assert repr(four.discriminator) == repr(five.discriminator) == repr(nearest.discriminator)


def test_the_checkerboard_of_a_wave_is_found_at_its_own_point():
    sign = (-1.0) ** torch.arange(28)
    columns = sign.expand(1, 1, 28, 28)
    both = columns * sign[:, None]
    for wave in (columns, columns.mT, both):
        assert benchmark.checkerboard(0.5 * wave) == pytest.approx((0.5 * 28**2) ** 2 / 3)
    assert benchmark.checkerboard(torch.ones(3, 1, 28, 28)) == pytest.approx(0, abs=1e-6)
