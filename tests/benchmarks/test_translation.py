"""The benchmark of translations: its committed results are what its command writes."""

import json

import pytest
import torch

from gancode.benchmarks import translation as benchmark
from gancode.benchmarks.digits_mlp import pictures


@pytest.fixture(scope="module")
def results():
    return benchmark.results()


def test_the_results_hold_every_method_with_every_seed(results):
    runs = sorted((row["method"], row["seed"]) for row in results["rows"])
    assert runs == sorted((name, k) for name in benchmark.METHODS for k in benchmark.SEEDS)
    made = results["provenance"]
    assert made["command"] == "python -m gancode.benchmarks.translation"
    assert (made["steps"], made["size"], made["threads"]) == (benchmark.STEPS, benchmark.SIZE, 1)
    assert made["methods"].keys() == benchmark.METHODS.keys()


def test_the_results_hold_a_sheet_of_every_method(results):
    for name in benchmark.METHODS:
        images = pictures(results["sheets"][name])
        assert images.shape == (benchmark.SHOWN, *benchmark.SHAPE)
    assert benchmark.RESULTS.stat().st_size < 100_000


@pytest.mark.slow
def test_the_command_writes_what_the_file_holds(tmp_path, monkeypatch, results):
    monkeypatch.setattr(benchmark, "SEEDS", range(1))
    out = tmp_path / "results.json"
    benchmark.main(["--steps", "1", "--out", str(out)])
    written = json.loads(out.read_text("utf-8"))
    assert written.keys() == results.keys()
    assert written["provenance"].keys() == results["provenance"].keys()
    count = len(benchmark.METHODS)
    for new, old in zip(written["rows"], results["rows"][:count], strict=True):
        assert new.keys() == old.keys()


def test_a_run_can_be_repeated_and_without_pairs_two_play():
    first, second = (benchmark.fit("cycle", 1, 2) for _ in range(2))
    assert len(first) == 2 and len(benchmark.players("L1", 1)) == 1
    x = benchmark.letters()[0][:4]
    made = [benchmark.translate(turns[0].averaged, x) for turns in (first, second)]
    assert torch.equal(*made)


def test_without_pairs_no_letter_is_seen_in_both_faces():
    sans, paired, others, _ = benchmark.letters()
    same = torch.cdist(paired.flatten(1), others.flatten(1)).min()
    assert same > 0
    assert len(sans) == len(paired)


def test_what_begins_is_near_the_identity():
    torch.manual_seed(0)
    x = benchmark.letters()[0]
    assert benchmark.judged(benchmark.translate(benchmark.Redraw(), x), x)["l1"] < 0.1


@pytest.mark.parametrize("name", benchmark.METHODS)
def test_a_mute_critic_teaches_nothing_and_only_pairs_are_judged_together(name):
    method = benchmark.METHODS[name]
    critic = benchmark.critic(method)
    y, x = torch.randn(2, 3, *benchmark.SHAPE)
    y.requires_grad_()
    (slope,) = torch.autograd.grad(critic(y, x).sum(), y)
    assert (slope.abs().max() > 0) == method.adversarial
    heeds = not torch.equal(critic(y, x), critic(y, -x))
    assert heeds == (method.paired and method.adversarial)


def test_the_affine_maps_find_an_affine_truth():
    torch.manual_seed(1)
    x = torch.randn(2000, 1, 2, 2)
    B = torch.tensor([[1.5, 0.3, 0, 0], [0.3, 0.8, 0, 0], [0, 0, 1, 0], [0, 0, 0, 2.0]])
    y = (x.flatten(1) @ B + 0.5).view_as(x)  # B symmetric and positive: the shortest way
    for way in (
        benchmark.least_squares(x, y, 1e-6),
        benchmark.moments(x, y[torch.randperm(len(y))], 0.0),
    ):
        assert (benchmark.translate(way, x) - y).abs().max() < 1e-3
    assert torch.equal(benchmark.translate(benchmark.nearest(x, y), x[5:9]), y[5:9])


def test_two_numbers_find_a_shade():
    torch.manual_seed(2)
    x = torch.randn(50, 1, 4, 4)
    way = benchmark.shade(x, 0.7 * x - 0.2)
    assert (benchmark.translate(way, x) - (0.7 * x - 0.2)).abs().max() < 1e-6
    assert benchmark.translate(way, x).dtype == x.dtype


def test_the_shade_of_least_absolute_error_overlooks_what_is_far_off():
    torch.manual_seed(2)
    x = torch.randn(50, 1, 4, 4)
    y = 0.7 * x - 0.2
    y[:10] += 5
    way = benchmark.shade_absolute(x, y)
    assert (benchmark.translate(way, x) - (0.7 * x - 0.2)).abs().max() < 1e-6
    assert (benchmark.translate(benchmark.shade(x, y), x) - y).abs().mean() > 1


def test_levels_take_the_greys_of_one_heap_to_those_of_another():
    torch.manual_seed(2)
    x = torch.randn(50, 1, 4, 4)
    way = benchmark.levels(x, x[torch.randperm(50)].exp())
    assert torch.allclose(benchmark.translate(way, x), x.exp())
    two = torch.tensor([-1.0, -1, -1, 1]).view(1, 1, 2, 2)
    way = benchmark.levels(two, torch.tensor([-1.0, -1, 0, 0]).view(1, 1, 2, 2))
    assert benchmark.translate(way, two).flatten().tolist() == [-1, -1, -1, 0]


def test_marks():
    x = torch.zeros(1, 1, 2, 2)
    x[..., 0] = 1.0
    assert benchmark.judged(x, x) == {"mse": 0.0, "l1": 0.0, "edges": 1.0}
    assert benchmark.judged(x / 2, x) == {"mse": 0.125, "l1": 0.25, "edges": 0.5}
