"""The benchmark of augmentation: its committed results are what its command writes, no image is in
training and test, and its parts are what they are called."""

import json

import pytest
import torch

import gancode
from gancode.benchmarks import augmentation as benchmark


@pytest.fixture(scope="module")
def results():
    return benchmark.results()


MEASURED = ("trace", "accuracy", "shares", "compass")


def keys(row):
    return {key: value for key, value in row.items() if key not in MEASURED}


@pytest.mark.slow
def test_the_command_writes_what_the_file_holds(tmp_path, monkeypatch, results):
    monkeypatch.setattr(benchmark, "SEEDS", range(1))
    monkeypatch.setattr(benchmark, "LOOK", 1)
    monkeypatch.setattr(benchmark, "EVERY", 3)
    out = tmp_path / "results.json"
    benchmark.main(["--steps", "1", "--out", str(out)])
    written = json.loads(out.read_text("utf-8"))
    made = results["provenance"]
    assert written["provenance"].keys() == made.keys()
    assert (made["steps"], made["threads"]) == (benchmark.STEPS, 1)
    assert made["seeds"] == [0, 1, 2, 3, 4]
    of_one = [keys(row) for row in results["rows"] if row["seed"] == 0]
    assert [keys(row) for row in written["rows"]] == of_one
    assert written["sheets"].keys() == results["sheets"].keys()
    for seed in (1, 2, 3, 4):
        assert [keys(row) | {"seed": 0} for row in results["rows"] if row["seed"] == seed] == of_one


def test_every_part_has_as_many_of_each_class_and_none_is_in_two():
    parts = benchmark.split(3)
    for (images, labels), count in ((parts.few, 20), (parts.known, 300), (parts.test, 200)):
        assert images.shape == (10 * count, 1, 28, 28)
        assert torch.equal(labels.bincount(), torch.full((10,), count))
    tests = {each.numpy().tobytes() for each in parts.test[0]}
    known = {each.numpy().tobytes() for each in parts.known[0]}
    assert not tests & known
    assert {each.numpy().tobytes() for each in parts.few[0]} <= known


def test_moved_images_are_near_and_not_the_same():
    x = benchmark.split(0).few[0][:50]
    first, second = (benchmark.moved(x, gancode.seed(k)) for k in (1, 2))
    assert first.shape == x.shape
    assert -1 <= first.min() and first.max() <= 1.0001
    assert not torch.equal(first, second)
    ink = (x + 1).sum((1, 2, 3))
    assert torch.allclose((first + 1).sum((1, 2, 3)) / ink, torch.ones(50), atol=0.35)


def test_a_turn_is_one_of_four_and_all_are_drawn():
    x = benchmark.split(0).few[0][:1].expand(400, -1, -1, -1)
    turned = benchmark.turn(x, gancode.seed(1))
    ways = torch.stack([x[0].rot90(k, (1, 2)) for k in range(4)])
    seen = [int((ways == each).flatten(1).all(1).nonzero()) for each in turned]
    assert all(seen.count(k) > 60 for k in range(4))


def test_one_class_more_is_the_critic_of_the_theorem():
    critic = benchmark.OneMore()
    x = benchmark.split(0).few[0][:5]
    logits = critic.network(x)
    with_one_more = torch.cat([logits, torch.zeros(5, 1)], 1).softmax(1)
    assert torch.allclose(critic(x).sigmoid(), 1 - with_one_more[:, -1], atol=1e-6)


@pytest.mark.slow
def test_diets_are_what_they_are_called():
    parts = benchmark.split(0)
    few = {each.numpy().tobytes() for each in parts.few[0]}
    x, labels = benchmark.source(benchmark.REAL, parts, None, gancode.seed(1))(40)
    assert all(each.numpy().tobytes() in few for each in x)
    assert labels.shape == (40,)
    moved, _ = benchmark.source(benchmark.MOVED, parts, None, gancode.seed(1))(40)
    assert not any(each.numpy().tobytes() in few for each in moved)
    run, _ = benchmark.fit("as they are", 0, steps=2)
    made, _ = benchmark.source("samples", parts, run, gancode.seed(1))(40)
    assert not any(each.numpy().tobytes() in few for each in made)
    both, _ = benchmark.source("images and samples", parts, run, gancode.seed(1))(40)
    assert [each.numpy().tobytes() in few for each in both] == [True] * 20 + [False] * 20
