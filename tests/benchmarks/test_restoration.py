"""The benchmark of restorations: its digits are parted, its baselines are what they are called, and
its committed results are what its command writes."""

import json

import pytest
import torch

from gancode.benchmarks import restoration as benchmark


@pytest.fixture(scope="module")
def results():
    return benchmark.results()


def test_no_digit_is_both_learnt_from_and_judged_on():
    (learnt, restored, others), labels = benchmark.digits()
    assert [len(x) for x in (learnt, restored, others)] == [*benchmark.KEPT]
    rows = torch.cat([learnt, restored, others]).flatten(1)
    assert len(rows.unique(dim=0)) == len(rows)  # so the sets have none in common
    assert len(labels) == benchmark.KEPT[1]
    assert learnt[..., :2, :].eq(-1).all() and learnt.shape[1:] == benchmark.SHAPE


def test_damage_is_what_it_is_called():
    (x, _, _), _ = benchmark.digits()
    rng = torch.Generator().manual_seed(0)
    noise = benchmark.noise(x, rng) - x
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - benchmark.NOISE) < 0.01
    left = benchmark.hole(x, rng)
    changed = (left != x).any(0)[0].nonzero()
    assert changed.min() >= benchmark.HOLE.start and changed.max() < benchmark.HOLE.stop
    assert left[..., benchmark.HOLE, benchmark.HOLE].eq(0).all()
    small = benchmark.small(x, rng)
    torch.testing.assert_close(small[:, :, 5, 7], x[:, :, 4:8, 4:8].mean((2, 3)))


def test_the_nearest_neighbour_of_a_digit_that_was_learnt_from_is_itself():
    (x, _, _), _ = benchmark.digits()
    assert torch.equal(benchmark.nearest(benchmark.small(x[:20], None), "small"), x[:20])


def test_least_squares_leave_an_error_that_is_orthogonal_to_what_was_seen():
    (x, _, _), _ = benchmark.digits()
    y = benchmark.small(x, None)
    error = (benchmark.least_squares(y, "small", 1e-9) - x).flatten(1).double()
    seen = (y - y.mean(0)).flatten(1).double()
    assert (error.T @ seen / len(x)).abs().max() < 1e-4
    assert error.mean(0).abs().max() < 1e-4
    assert error.square().mean() < 0.9 * (y - x).square().mean()


def test_the_results_hold_every_method_with_every_damage_and_seed(results):
    methods = [*benchmark.METHODS, "half-way", "contrast"]
    found = {(row["method"], row["damage"], row["seed"]) for row in results["rows"]}
    alone = ["original", "affine", *(f"{k} nearest" for k in benchmark.NEIGHBOURS)]
    wanted = {(m, d, k) for m in methods for d in benchmark.DAMAGES for k in benchmark.SEEDS}
    assert found == wanted | {(m, d, None) for m in alone for d in benchmark.DAMAGES}
    assert len(results["rows"]) == len(found)
    made = results["provenance"]
    assert made["command"] == "python -m gancode.benchmarks.restoration"
    assert (made["steps"], made["threads"]) == (benchmark.STEPS, 1)


def test_the_command_writes_what_the_file_holds(tmp_path, monkeypatch, results):
    monkeypatch.setattr(benchmark, "SEEDS", range(1))
    out = tmp_path / "results.json"
    benchmark.main(["--steps", "2", "--out", str(out)])
    written = json.loads(out.read_text("utf-8"))
    assert written.keys() == results.keys()
    assert written["provenance"].keys() == results["provenance"].keys()
    wanted = [row.keys() for row in results["rows"] if row["seed"] in (None, 0)]
    assert [row.keys() for row in written["rows"]] == wanted


def test_a_method_starts_from_a_copy_and_can_be_repeated():
    told = benchmark.training_set(0)
    first = benchmark.begin(told, 0, 1)
    before = [weight.clone() for weight in first.parameters()]
    for method in (benchmark.METHODS["L2"], benchmark.METHODS["w = 30"]):
        one, two = (benchmark.go_on(first, method, told, 0, 2) for _ in range(2))
        y = benchmark.damaged("hole")[:3]
        assert torch.equal(benchmark.restored(one, y), benchmark.restored(two, y))
    assert all(map(torch.equal, before, first.parameters()))
