"""Digits by moment matching: the file of results is what its command writes, the chapter's table is
what the file says, and the parts do what they say."""

import json
import re

import nbformat
import numpy as np
import pytest
import torch
from tree import ROOT

from gancode import Refused, kernels
from gancode.benchmarks import matching
from gancode.benchmarks.coverage import interval
from gancode.benchmarks.digits_mlp import pictures

WAYS = ["digits", "reconstructed", "pixels", "codes", "normal codes", "10 normal codes"]
MEASURES = ["distance", "precision", "recall", "classes"]


def test_the_results_hold_every_way_and_seed_and_say_how_they_were_made():
    found = matching.results()
    cells = [(row["seed"], row["way"]) for row in found["rows"]]
    assert cells == [(seed, way) for seed in matching.SEEDS for way in WAYS]
    made = {
        "command": "python -m gancode.benchmarks.matching",
        "steps": matching.STEPS,
        "autoencoder": matching.AUTOENCODER,
        "bandwidths": matching.BANDWIDTHS,
        "seeds": list(matching.SEEDS),
        "threads": 1,
    }
    assert json.loads(json.dumps(made)).items() <= found["provenance"].items()
    assert matching.TRIED not in matching.SEEDS
    tried = found["provenance"]["tried"]
    for space, rate in found["provenance"]["rates"].items():
        assert tried[space].keys() == {f"{each:g}" for each in matching.RATES}
        assert min(tried[space], key=tried[space].get) == f"{rate:g}"
    assert {name: len(pictures(each)) for name, each in found["sheets"].items()} == dict.fromkeys(
        WAYS, 20
    )
    assert matching.RESULTS.stat().st_size < 100_000


def test_the_table_of_the_chapter_is_that_of_the_file():
    notebook = nbformat.read(ROOT / "chapters/objectives/kernels.ipynb", 4)
    (text,) = (cell.source for cell in notebook.cells if "| reconstructed" in cell.source)
    printed = [
        [entry.strip() for entry in line.strip("|").split("|")]
        for line in re.findall(r"^\|.*\|$", text, re.MULTILINE)[2:]
    ]
    rows = matching.results()["rows"]
    for way, line in zip(WAYS, printed, strict=True):
        of_way = [row for row in rows if row["way"] == way]
        ends = [interval([row[name] for row in of_way]) for name in MEASURES]
        digits = (1, 2, 2, 1)
        wanted = [f"{m:.{k}f} ± {w:.{k}f}" for (m, w), k in zip(ends, digits, strict=True)]
        assert line == [way, *wanted]


@pytest.mark.slow
def test_the_command_writes_what_the_file_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(matching, "SEEDS", range(1))
    few = {"autoencoder": 2, "steps": 2}
    best, tried = matching.chosen(**few)
    monkeypatch.setattr(matching, "chosen", lambda: (best, tried))
    monkeypatch.setattr(matching, "Codes", lambda seed, steps=2, real=matching.Codes: real(seed, 2))
    out = tmp_path / "results.json"
    matching.main(["--steps", "2", "--out", str(out)])
    written, results = json.loads(out.read_text("utf-8")), matching.results()
    assert written["provenance"].keys() == results["provenance"].keys()
    assert written["sheets"].keys() == results["sheets"].keys()
    assert [row["way"] for row in written["rows"]] == WAYS
    assert written["rows"][0] == results["rows"][0]  # digits: nothing is trained
    assert [row.keys() for row in written["rows"]] == [row.keys() for row in results["rows"][:6]]


def test_nothing_is_chosen_before_the_command_is_known_to_be_sound(tmp_path, monkeypatch):
    monkeypatch.setattr(matching, "chosen", lambda: pytest.fail("it was run"))
    with pytest.raises(Refused, match="make it first"):
        matching.main(["--out", str(tmp_path / "nowhere" / "results.json")])


def test_matching_moments_brings_samples_nearer_and_on_images_stays_between_black_and_white():
    points = 3 + torch.randn(400, 5, generator=torch.Generator().manual_seed(0))
    kernel = kernels.gaussian(matching.spread(points))
    latents = torch.randn(300, matching.editing.LATENT)
    apart = []
    for steps in (1, 60):
        generator = matching.matched(points, 4e-3, 0, steps)
        with torch.no_grad():
            apart.append(kernels.maximum_mean_discrepancy(points, generator(latents), kernel))
    assert apart[1] < 0.2 * apart[0]
    images = matching.digits()[0][:300].flatten(1)
    generator = matching.matched(images, 4e-3, 0, 2)
    assert generator(100 * latents).abs().max() <= 1


def test_a_spread_is_the_root_mean_square_distance_of_two_points():
    points = torch.randn(500, 3, generator=torch.Generator().manual_seed(1))
    squares = torch.cdist(points, points).square().sum() / (500 * 499)
    assert matching.spread(points) == pytest.approx(squares.sqrt().item(), rel=1e-4)


def test_ten_normal_densities_keep_two_far_clusters_apart_and_one_does_not():
    draws = torch.randn(600, 2, generator=torch.Generator().manual_seed(2))
    draws[:300] += 20
    few, many = (matching.normals(draws, count, 0) for count in (1, 10))
    between = [((x > 5) & (x < 15)).any(1).double().mean().item() for x in (few, many)]
    assert few.shape == many.shape == (matching.SAMPLES, 2)
    assert between[0] > 0.2 and between[1] == 0
    far = (many > 10).all(1)
    assert 0.3 < far[:100].double().mean() < 0.7  # in no order


def test_what_is_judged_tells_digits_from_one_digit():
    training, held_out = matching.digits()
    real = matching.judged(training[:1000], held_out)
    one = matching.judged(training[:1].repeat(1000, 1, 1, 1), held_out)
    assert abs(real["distance"]) < 1 and real["recall"] > 0.8 and real["classes"] > 9.5
    assert one["distance"] > 50 and one["recall"] < 0.1
    assert one["classes"] == pytest.approx(1)
    assert np.isfinite(list(one.values())).all()
