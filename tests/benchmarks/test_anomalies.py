"""The benchmark of anomalies: its committed results are what its command writes, and its simple
detectors are what they are called."""

import json

import pytest
import torch

from gancode.benchmarks import anomalies as benchmark


@pytest.fixture(scope="module")
def results():
    return benchmark.results()


def test_the_results_hold_every_split_with_every_seed_and_long_runs(results):
    rows = [(row["normal"], row["seed"], row["steps"]) for row in results["rows"]]
    kinds = (*benchmark.DIGITS, benchmark.TUMOURS)
    short = [(kind, seed, benchmark.STEPS) for seed in benchmark.SEEDS for kind in kinds]
    assert rows == short + [(digit, 0, benchmark.LONG) for digit in benchmark.DIGITS]
    for row in results["rows"]:
        assert len(row["looks"]) == benchmark.LOOKS
        assert row["looks"][-1][2] == row["area"]["discriminator"]
    made = results["provenance"]
    assert (made["steps"], made["threads"]) == (benchmark.STEPS, 1)
    for kind, numbers in made["chosen"].items():
        tried = made["tried"][kind]
        assert numbers.keys() == benchmark.CHOICES.keys() == tried.keys()
        for name, number in numbers.items():
            assert tried[name][f"{number:g}"] == max(tried[name].values())


@pytest.mark.slow
def test_the_command_writes_what_the_file_holds(tmp_path, monkeypatch, results):
    monkeypatch.setattr(benchmark, "SEEDS", range(1))
    monkeypatch.setattr(benchmark, "DIGITS", (8,))
    monkeypatch.setattr(benchmark, "TRIED", (3,))
    monkeypatch.setattr(benchmark, "STEPS", 10)
    monkeypatch.setattr(benchmark, "LONG", 20)
    out = tmp_path / "results.json"
    benchmark.main(["--steps", "10", "--out", str(out)])
    written = json.loads(out.read_text("utf-8"))
    assert written["provenance"].keys() == results["provenance"].keys()
    assert [(row["normal"], row["steps"]) for row in written["rows"]] == [
        (8, 10),
        ("benign", 10),
        (8, 20),
    ]
    assert all(row.keys() == results["rows"][0].keys() for row in written["rows"])
    assert all(row["area"].keys() == results["rows"][0]["area"].keys() for row in written["rows"])


@pytest.mark.parametrize(
    ("normal", "sizes"), [(8, (400, 100, 900)), (benchmark.TUMOURS, (257, 100, 212))]
)
def test_a_split_holds_no_sample_twice(normal, sizes):
    found = benchmark.split(normal, 1)
    every = [found.train, found.normal, found.anomalous]
    assert tuple(map(len, every)) == sizes
    together = torch.cat([each.flatten(1) for each in every])
    distinct = len(together.unique(dim=0))
    assert distinct == sum(sizes)
    assert not torch.equal(found.train, benchmark.split(normal, 2).train)


def test_a_live_row_is_that_of_the_file(results):
    best = results["provenance"]["chosen"]["digits"]
    stored = next(row for row in results["rows"] if (row["normal"], row["seed"]) == (8, 0))
    for name in ("PCA", "Gaussian", "nearest neighbour", "one-class SVM"):
        area = benchmark.simple_area(name, benchmark.split(8, 0), best[name], 0)
        assert area == pytest.approx(stored["area"][name], abs=2e-3)


def test_the_simple_scores_are_what_they_are_called():
    from sklearn.decomposition import PCA  # takes two seconds

    draws = torch.Generator().manual_seed(0)
    train = torch.randn(200, 4, generator=draws) * torch.tensor([3.0, 2.0, 1.0, 0.5])
    x = torch.randn(30, 4, generator=draws)
    theirs = PCA(2).fit(train.numpy())
    again = theirs.inverse_transform(theirs.transform(x.numpy()))
    expected = (x - torch.from_numpy(again)).square().sum(1)
    torch.testing.assert_close(benchmark.pca(train, 2)(x), expected, rtol=1e-4, atol=1e-4)

    covariance = torch.cov(train.double().T)
    ridged = covariance + 0.3 * covariance.diagonal().mean() * torch.eye(4)
    away = x.double() - train.double().mean(0)
    expected = (away @ torch.linalg.inv(ridged) * away).sum(1)
    torch.testing.assert_close(benchmark.gaussian(train, 0.3)(x), expected)

    distances = (x[:, None] - train).norm(dim=2).sort(1).values
    torch.testing.assert_close(
        benchmark.neighbour(train, 2)(x), distances[:, 1], rtol=1e-4, atol=1e-4
    )
    far = benchmark.support(train, 0.1)(torch.stack([train.mean(0), train.mean(0) + 20]))
    assert far[1] > far[0]
    learned = benchmark.autoencoder(train, 3e-3, steps=100)
    assert learned(train).mean() < 0.3 * benchmark.autoencoder(train, 3e-3, steps=1)(train).mean()
