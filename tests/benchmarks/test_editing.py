"""The benchmark of inverted and edited digits: its results are what its command writes, and its
measures measure what they say."""

import json

import pytest
import torch

from gancode.benchmarks import editing


def test_the_results_hold_every_seed():
    results = editing.results()
    assert [row["seed"] for row in results["rows"]] == list(editing.SEEDS)
    made = results["provenance"]
    assert made["command"] == "python -m gancode.benchmarks.editing"
    assert (made["steps"], made["images"], made["threads"]) == (editing.STEPS, editing.COUNT, 1)
    assert all(len(row["edits"]["random"]) == editing.AWAY for row in results["rows"])
    assert editing.RESULTS.stat().st_size < 200_000


@pytest.mark.slow
def test_the_command_writes_what_the_file_holds(tmp_path, monkeypatch):
    results = editing.results()
    monkeypatch.setattr(editing, "SEEDS", range(1))
    monkeypatch.setattr(editing, "COUNT", 30)
    monkeypatch.setattr(editing, "ENCODER", {"steps": 2})
    monkeypatch.setattr(editing, "SEARCH", editing.SEARCH | {"steps": 2})
    out = tmp_path / "results.json"
    editing.main(["--steps", "2", "--out", str(out)])
    written = json.loads(out.read_text("utf-8"))
    assert written.keys() == results.keys()
    assert written["provenance"].keys() == results["provenance"].keys()
    (row,), first = written["rows"], results["rows"][0]
    assert row.keys() == first.keys()
    for part in ("residuals", "edits"):
        assert row[part].keys() == first[part].keys()
    assert row["residuals"]["nearest"]["training"] == 0


def digits(count=20):
    return editing.digits()[1][:count]


@pytest.mark.parametrize("change", [-0.2, 0.1, 0.3])
def test_a_shear_changes_the_slant_by_as_much(change):
    x = digits()
    turned = editing.slant(editing.sheared(x, change)) - editing.slant(x)
    torch.testing.assert_close(turned, torch.full((20,), change), atol=5e-3, rtol=0)


def test_the_slant_of_a_stroke_is_how_far_it_leans_to_the_right():
    stroke = -torch.ones(1, 1, 9, 9)
    for row in range(9):
        stroke[0, 0, row, 8 - row] = 1
    torch.testing.assert_close(editing.slant(stroke), torch.ones(1))
    torch.testing.assert_close(editing.slant(stroke.flip(-1)), -torch.ones(1))
    torch.testing.assert_close(editing.weight(stroke), torch.tensor([1 / 9]))


def test_a_step_along_the_slopes_of_a_line_changes_it_as_asked():
    z = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    truth = torch.tensor([1.0, -2.0, 0.5])
    found = editing.slope(z, z @ truth + 4)
    torch.testing.assert_close(found, truth)
    assert editing.step(found, 0.3) @ truth == pytest.approx(0.3)


def test_principal_components_project_and_more_of_them_are_nearer():
    training, x = editing.digits()[0][:200], digits()
    few, more = (editing.pca(training, x, count) for count in (5, 20))
    torch.testing.assert_close(editing.pca(training, few, 5), few, atol=1e-3, rtol=0)
    assert editing.residual(x, more) < editing.residual(x, few)
    assert editing.residual(training[:9], editing.nearest(training, training[:9])) == 0


def test_the_cheapest_edit_leans_as_asked_and_moves_fewer_pixels_than_the_shortest():
    gan = editing.make()
    run = editing.gancode.Run(gan, gan.generator.eval())
    torch.manual_seed(0)
    for layer in gan.generator:
        if isinstance(layer, torch.nn.Linear):
            layer.weight.data.mul_(3)
    z = torch.randn(6, editing.LATENT)
    before = editing.drawn(run, z)
    moved = []
    for cheapest in (True, False):
        after = editing.drawn(run, editing.followed(run, z, 0.01, cheapest=cheapest))
        change = editing.slant(after) - editing.slant(before)
        torch.testing.assert_close(change, torch.full((6,), 0.01), atol=1e-3, rtol=0)
        moved.append((after - before).square().flatten(1).mean(1))
    assert (moved[0] <= moved[1] * 1.01).all()
