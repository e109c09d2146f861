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


def test_what_baselines_leave_open_is_the_best_of_what_was_tried(results):
    tried = results["provenance"]["tried"]
    chosen = {name: {"ridge": ridge} for name, ridge in benchmark.RIDGE.items()}
    chosen["noise"] |= {"width": benchmark.WIDTH, "window": benchmark.WINDOW}
    for damage, found in tried.items():
        best = {name: float(min(errors, key=errors.get)) for name, errors in found.items()}
        assert best == chosen[damage]
        assert all({*map(float, errors)} == {*benchmark.TRIED[name]}
                   for name, errors in found.items())  # fmt: skip


def test_what_is_chosen_is_chosen_without_the_digits_that_are_judged(monkeypatch):
    (x, _, _), labels = benchmark.digits()
    nothing = torch.full((1000, *benchmark.SHAPE), torch.nan)
    monkeypatch.setattr(benchmark, "digits", lambda: ((x, nothing, nothing), labels))
    monkeypatch.setattr(benchmark, "TRIED", {k: v[:1] for k, v in benchmark.TRIED.items()})
    written = benchmark.results()["provenance"]["tried"]
    for damage, found in benchmark.tried().items():
        for name, errors in found.items():
            for value, error in errors.items():
                assert error == pytest.approx(written[damage][name][value], rel=1e-3)


def test_filters_are_what_they_are_called():
    flat = torch.full((1, *benchmark.SHAPE), 0.25)
    dot = flat.clone()
    dot[..., 16, 16] = 9.0
    torch.testing.assert_close(benchmark.smoothed(flat, 1.0), flat)
    torch.testing.assert_close(benchmark.median(dot, 3), flat)
    around = benchmark.smoothed(dot, 1.0)[0, 0] - 0.25
    assert around.sum().item() == pytest.approx(8.75, rel=1e-4)
    rows = torch.arange(32.0) - 16
    assert (around.sum(1) @ rows**2 / 8.75).item() == pytest.approx(1.0, rel=0.03)  # the variance


def test_what_is_smooth_around_the_hole_is_filled_in_as_it_was():
    u, v = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    plane = (0.02 * u - 0.03 * v)[None, None]
    saddle = plane + 0.001 * (u * u - v * v)
    cubic = plane + 0.0001 * (u**3 - 2 * u * v**2)
    for x, orders in ((plane, (1, 2)), (saddle, (1, 2)), (cubic, (2,))):
        for order in orders:
            y = benchmark.smoothly_filled(benchmark.hole(x, None), order)
            torch.testing.assert_close(y, x, rtol=1e-3, atol=1e-3)
    wrong = benchmark.smoothly_filled(benchmark.hole(cubic, None), 1)
    assert (wrong - cubic).abs().max() > 0.01


def test_what_is_interpolated_is_the_small_picture():
    (x, _, _), _ = benchmark.digits()
    y = benchmark.small(x[:20], None)
    for mode in ("bilinear", "bicubic"):
        assert torch.nn.functional.mse_loss(benchmark.enlarged(y, mode), y) < 0.1
    flat = torch.full((1, *benchmark.SHAPE), 0.25)
    torch.testing.assert_close(benchmark.enlarged(flat, "bicubic"), flat)
    filled = benchmark.mean_filled(benchmark.hole(x[:20], None))
    assert torch.equal(filled[0, 0, 10:22, 10:22], x.mean(0)[0, 10:22, 10:22])
    assert torch.equal(filled[..., :10, :], x[:20, :, :10])


def test_a_median_of_pixels_is_what_absolute_errors_learn():
    x = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0]).view(5, 1, 1, 1)

    class Grey(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.grey = torch.nn.Parameter(torch.zeros(()))

        def forward(self, z, y):
            return self.grey.expand(len(y), 1, 1, 1)

    answers = {}
    for power in (1, 2):
        network = Grey()
        benchmark.regress(network, (x, x), 0, 300, 0.02, power)
        answers[power] = network.grey.item()
    assert answers[1] > 0.8 and abs(answers[2] - 0.2) < 0.15


def test_the_results_hold_every_method_with_every_damage_and_seed(results):
    methods = [*benchmark.METHODS, "half-way", *benchmark.CONTRAST]
    found = {(row["method"], row["damage"], row["seed"]) for row in results["rows"]}
    alone = ["original", "damaged", "affine", *(f"{k} nearest" for k in benchmark.NEIGHBOURS)]
    wanted = {(m, d, k) for m in methods for d in benchmark.DAMAGES for k in benchmark.SEEDS}
    simple = {(name, d, None) for d, ways in benchmark.SIMPLE.items() for name in ways}
    assert found == wanted | simple | {(m, d, None) for m in alone for d in benchmark.DAMAGES}
    assert len(results["rows"]) == len(found)
    made = results["provenance"]
    assert made["command"] == "python -m gancode.benchmarks.restoration"
    assert (made["steps"], made["threads"]) == (benchmark.STEPS, 1)


@pytest.mark.slow
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
