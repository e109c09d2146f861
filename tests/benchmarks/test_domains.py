"""The benchmark of domains: its committed results are what its command writes, no run breaks the
lower bound, and its parts are what they are called."""

import json

import pytest
import torch

from gancode.benchmarks import domains as benchmark
from gancode.errors import Refused


@pytest.fixture(scope="module")
def results():
    return benchmark.results()


def test_the_results_hold_every_run_with_every_seed(results):
    runs = [
        (each["seed"], each["setting"], each["method"], each["weight"]) for each in results["rows"]
    ]
    assert runs == [(seed, *run) for seed in benchmark.SEEDS for run in benchmark.plan()]
    made = results["provenance"]
    assert (made["steps"], made["rate"], made["threads"]) == (benchmark.STEPS, benchmark.RATE, 1)


def test_no_run_breaks_the_lower_bound(results):
    for each in results["rows"]:
        errors = 2 - each["source"] - each["target"]
        assert errors >= each["labels"] - each["predictions"] - 3e-4


@pytest.mark.slow
def test_the_command_writes_what_the_file_holds(tmp_path, monkeypatch, results):
    monkeypatch.setattr(benchmark, "SEEDS", range(1))
    out = tmp_path / "results.json"
    benchmark.main(["--steps", "1", "--out", str(out)])
    written = json.loads(out.read_text("utf-8"))
    assert written["provenance"].keys() == results["provenance"].keys()
    count = len([*benchmark.plan()])
    for new, old in zip(written["rows"], results["rows"][:count], strict=True):
        assert new.keys() == old.keys()
        assert (new["setting"], new["labels"]) == (old["setting"], old["labels"])


def test_a_run_can_be_repeated_and_the_target_counts():
    source, target = benchmark.domains(benchmark.PLAIN, 0)
    first, second = (benchmark.reversal(source, target, 0.3, 1, 3) for _ in range(2))
    assert torch.equal(first.features(target.test), second.features(target.test))
    other = benchmark.reversal(source, source, 0.3, 1, 3)
    assert not torch.equal(first.features(target.test), other.features(target.test))


def test_no_image_is_in_training_and_test_and_classes_are_removed():
    for setting, sizes in ((benchmark.PLAIN, (1198, 599)), (benchmark.REMOVED, (600, 301))):
        _, target = benchmark.domains(setting, 3)
        assert (len(target.train), len(target.test)) == sizes
        apart = torch.cdist(target.test.flatten(1), target.train.flatten(1))
        assert apart.min() > 0
    assert target.answers.max() == benchmark.KEPT - 1


def test_a_box_holds_the_digit():
    image = -torch.ones(1, 1, 28, 28)
    image[..., 5:9, 20:24] = 1.0
    assert torch.equal(benchmark.in_box(image), torch.ones(1, 1, 8, 8))


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (
            torch.cat([torch.ones(2, 1, 4, 4), -torch.ones(1, 1, 4, 4)]),
            "1 of 3 .* number 2",
        ),
        (torch.full((1, 1, 4, 4), torch.nan), "1 of 1 images have no pixel above 0"),
        (torch.ones(0, 1, 4, 4), r"shape \(0, 1, 4, 4\) have no boxes here; give"),
        (torch.ones(1, 4, 4), r"give \(n, 1, h, w\), n > 0"),
        (torch.ones(1, 3, 4, 4), r"give \(n, 1, h, w\), n > 0"),
    ],
)
def test_images_without_a_box_are_refused(images, said):
    with pytest.raises(Refused, match=said):
        benchmark.in_box(images)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (torch.zeros(0, dtype=torch.int64), r"shape \(0,\) .* give whole numbers \(n,\), n > 0"),
        (torch.zeros(3), "type torch.float32 have no shares"),
        (torch.zeros(3, 2, dtype=torch.int64), r"shape \(3, 2\)"),
        (torch.tensor([0, 10]), "labels from 0 to 10 are not of ten classes; give 0 to 9"),
        (torch.tensor([0, -1]), "labels from -1 to 0 are not of ten classes"),
    ],
)
def test_labels_without_shares_are_refused(labels, said):
    for call in (lambda: benchmark.shares(labels), lambda: benchmark.apart(FINE, labels)):
        with pytest.raises(Refused, match=said):
            call()


FINE = torch.tensor([0, 9])


def test_distances():
    few = torch.tensor([0, 0, 1, 1])
    assert benchmark.apart(few, few) == 0
    assert benchmark.apart(few, few + 2) == 1
    assert benchmark.apart(few, torch.tensor([0, 1, 1, 1])) == pytest.approx(0.25)
    x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    turned = x @ torch.linalg.qr(torch.eye(3) + 0.5)[0]
    assert benchmark.covariances(x, x + 3) < 1e-8
    assert benchmark.covariances(x, 2 * x) > 1
    assert benchmark.covariances(turned, x).item() > 0


def test_the_average_is_that_of_players():
    mean, weight = [torch.zeros(1)], [torch.ones(1)]
    benchmark._follow(mean, weight, torch.tensor(1))
    assert mean[0].item() == pytest.approx(1 - 2 / 11)
    benchmark._follow(mean, weight, torch.tensor(10_000))
    assert mean[0].item() == pytest.approx(1 - 0.99 * 2 / 11)


def test_the_probe_finds_a_linear_truth_and_tells_what_differs():
    draws = torch.Generator().manual_seed(1)
    x = torch.randn(400, 5, generator=draws)
    y = x @ torch.randn(5, 2, generator=draws) + 1
    assert (benchmark.ridge(x, y)(x) - y).abs().max() < 0.2
    source, target = benchmark.domains(benchmark.PLAIN, 0)
    untrained = benchmark.supervised(source, 0, 1)
    assert benchmark.telling(untrained, source, target) > 0.5
    assert benchmark.telling(untrained, source, source) < 0.1


def test_unknown_names_and_negative_weights_are_refused():
    with pytest.raises(Refused, match="unknown setting 'turned'; the choices are as they are"):
        benchmark.domains("turned", 0)
    both = benchmark.domains(benchmark.PLAIN, 0)
    with pytest.raises(Refused, match="unknown method 'reversl'"):
        benchmark.fit("reversl", *both, 1.0, 0, 1)
    with pytest.raises(Refused, match="must not be negative"):
        benchmark.fit(benchmark.REVERSAL, *both, -1.0, 0, 1)
