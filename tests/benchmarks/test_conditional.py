"""The benchmark of conditional critics: its committed results are what its command writes."""

import json

import pytest
import torch

from gancode import data
from gancode.benchmarks import conditional as benchmark
from gancode.benchmarks.digits_mlp import pictures


@pytest.fixture(scope="module")
def results():
    return benchmark.results()


def test_the_results_hold_every_critic_with_every_seed(results):
    runs = [(row["critic"], row["seed"]) for row in results["rows"]]
    assert sorted(runs) == sorted((kind, k) for kind in benchmark.CRITICS for k in benchmark.SEEDS)
    for row in results["rows"]:
        assert len(row["accuracy"]) == benchmark.STEPS // benchmark.EVERY
        counts = benchmark.SAMPLES * torch.tensor(row["accuracy"], dtype=torch.float64)
        torch.testing.assert_close(counts, counts.round())
    made = results["provenance"]
    assert made["command"] == "python -m gancode.benchmarks.conditional"
    assert (made["steps"], made["every"]) == (benchmark.STEPS, benchmark.EVERY)
    assert (made["samples"], made["threads"]) == (benchmark.SAMPLES, 1)


def test_the_results_hold_a_sheet_of_every_critic(results):
    assert set(results["sheets"]) == set(benchmark.CRITICS)
    for sheet in results["sheets"].values():
        assert pictures(sheet).shape == (10 * benchmark.COLUMNS, *benchmark.SHAPE)
    assert benchmark.RESULTS.stat().st_size < 500_000


@pytest.mark.slow
def test_the_command_writes_what_the_file_holds(tmp_path, monkeypatch, results):
    monkeypatch.setattr(benchmark, "SEEDS", range(1))
    monkeypatch.setattr(benchmark, "EVERY", 2)
    out = tmp_path / "results.json"
    benchmark.main(["--steps", "2", "--out", str(out)])
    written = json.loads(out.read_text("utf-8"))
    assert written.keys() == results.keys()
    assert written["provenance"].keys() == results["provenance"].keys()
    assert [row["critic"] for row in written["rows"]] == list(benchmark.CRITICS)
    assert all(row.keys() == results["rows"][0].keys() for row in written["rows"])


def test_a_run_can_be_repeated(monkeypatch):
    monkeypatch.setattr(benchmark, "EVERY", 2)
    (first, trace), (second, again) = (benchmark.fit("concatenation", 1, 2) for _ in range(2))
    assert trace == again and len(trace) == 1
    assert torch.equal(benchmark.by_class(first), benchmark.by_class(second))


@pytest.mark.parametrize("kind", benchmark.CRITICS)
def test_only_the_blind_critic_does_not_hear_the_label(kind):
    gan = benchmark.make(kind).eval()
    x, _ = data.mnist_5k()
    logits = [gan.discriminator(x[:5], torch.full((5,), label)) for label in (0, 7)]
    assert torch.equal(*logits) == (kind == "without label")


def test_labels_are_shuffled_for_the_blind_critic_alone():
    _, labels = data.mnist_5k()
    for kind in benchmark.CRITICS:
        _, told = benchmark.labelled(kind, 0)
        assert torch.equal(told, labels) == (kind != "without label")
        assert torch.equal(told.bincount(), labels.bincount())


def test_accuracy_counts_what_was_asked_for_in_turn():
    images, labels = data.mnist_5k()
    in_turn = torch.cat([images[labels == k][:20] for k in range(10)])
    in_turn = in_turn.reshape(10, 20, *benchmark.SHAPE).transpose(0, 1).flatten(0, 1)
    assert benchmark.accuracy(in_turn) > 0.97
    assert benchmark.accuracy(in_turn.roll(1, 0)) < 0.03
