"""The benchmark of anomalies: its committed results are what its command writes, and its simple
detectors are what they are called."""

import json

import pytest
import torch

import gancode
from gancode.benchmarks import anomalies as benchmark


@pytest.fixture(scope="module")
def results():
    return benchmark.results()


def test_the_results_hold_every_split_with_every_seed_and_long_runs(results):
    rows = results["rows"]
    assert tuple(rows) == tuple(results["provenance"]) == benchmark.GROUPS
    kinds = (*benchmark.DIGITS, benchmark.TUMOURS)
    short = [(kind, seed, benchmark.STEPS) for seed in benchmark.SEEDS for kind in kinds]
    told = [(row["normal"], row["seed"], row["steps"]) for row in rows["detectors"]]
    assert told == short + [(digit, 0, benchmark.LONG) for digit in benchmark.DIGITS]
    told = [(row["normal"], row["seed"], row["steps"]) for row in rows["payments"]]
    assert told == [(benchmark.PAID, seed, benchmark.STEPS) for seed in benchmark.SEEDS]
    for row in (*rows["detectors"], *rows["payments"]):
        assert len(row["looks"]) == benchmark.LOOKS
        assert row["looks"][-1][2] == row["area"]["discriminator"]
    for made in results["provenance"].values():
        assert (made["steps"], made["threads"]) == (benchmark.STEPS, 1)
    chosen = {
        kind: (made["chosen"][kind], made["tried"][kind])
        for group in ("detectors", "payments")
        for made in [results["provenance"][group]]
        for kind in made["chosen"]
    }
    assert chosen.keys() == {"digits", "tumours", "payments"}
    for kind, (numbers, tried) in chosen.items():
        further = {benchmark.CLASSIFIER} if kind == "payments" else set()
        assert numbers.keys() == benchmark.CHOICES.keys() | further == tried.keys()
        for name, number in numbers.items():
            assert tried[name][f"{number:g}"] == max(tried[name].values())


def test_the_search_was_in_the_same_gans(results):
    """Each row of the search has a GAN of its own training: that of the detectors' row."""
    rows = results["rows"]["search"]
    told = [(row["normal"], row["seed"], (row["starts"], row["steps"])) for row in rows]
    digits = benchmark.DIGITS
    short = [(digit, seed, benchmark.SEARCH) for seed in benchmark.SEEDS for digit in digits]
    assert told == short + [(digit, 0, benchmark.LONG_SEARCH) for digit in digits]
    known = {
        (row["normal"], row["seed"]): row["area"]
        for row in results["rows"]["detectors"]
        if row["steps"] == benchmark.STEPS
    }
    made = results["provenance"]["search"]
    tried = made["tried"]["search"]
    assert tried[f"{made['chosen']['search']:g}"] == max(tried.values())
    for row in rows:
        assert row["prior"] == made["chosen"]["search"]
        for name in ("reconstruction", "discriminator"):
            of_then = known[row["normal"], row["seed"]][name]
            assert row["area"][name] == pytest.approx(of_then, abs=1e-3)


@pytest.mark.slow
def test_the_command_writes_what_the_file_holds(tmp_path, monkeypatch, results):
    out = tmp_path / "results.json"
    small = {
        "RESULTS": out,
        "SEEDS": range(1),
        "DIGITS": (8,),
        "TRIED": (3,),
        "STEPS": 10,
        "LONG": 20,
        "SEARCH": (1, 2),
        "LONG_SEARCH": (2, 3),
    }
    for name, value in small.items():
        monkeypatch.setattr(benchmark, name, value)
    benchmark.main(benchmark.GROUPS)
    written = json.loads(out.read_text("utf-8"))
    assert written["rows"].keys() == results["rows"].keys()
    for group, made in results["provenance"].items():
        assert written["provenance"][group].keys() == made.keys()
        first = results["rows"][group][0]
        for row in written["rows"][group]:
            assert row.keys() == first.keys()
            assert row["area"].keys() == first["area"].keys()
    assert [(row["normal"], row["steps"]) for row in written["rows"]["detectors"]] == [
        (8, 10),
        ("benign", 10),
        (8, 20),
    ]
    # One group anew leaves the others as they are.
    before = written["rows"]["detectors"], written["provenance"]["search"]
    benchmark.main(["payments"])
    written = json.loads(out.read_text("utf-8"))
    assert (written["rows"]["detectors"], written["provenance"]["search"]) == before
    assert tuple(written["rows"]) == benchmark.GROUPS
    with pytest.raises(gancode.Refused, match="the names are detectors"):
        benchmark.main(["tumours"])


@pytest.mark.parametrize(
    ("normal", "sizes"), [(8, (400, 100, 900)), (benchmark.TUMOURS, (257, 100, 212))]
)
def test_a_split_holds_no_sample_twice(normal, sizes):
    found = benchmark.split(normal, 1)
    assert found.known is None
    every = [found.train, found.normal, found.anomalous]
    assert tuple(map(len, every)) == sizes
    together = torch.cat([each.flatten(1) for each in every])
    distinct = len(together.unique(dim=0))
    assert distinct == sum(sizes)
    assert not torch.equal(found.train, benchmark.split(normal, 2).train)


def test_a_split_of_payments_deals_each_account_once(monkeypatch):
    """Some accounts have the same figures as others, so they are given a mark to know them by."""
    figures, missed = benchmark.data.payments()
    figures[:, 1] = torch.arange(len(figures))  # a status, which no logarithm is taken of
    monkeypatch.setattr(benchmark.data, "payments", lambda: (figures, missed))
    found = benchmark.split(benchmark.PAID, 1)
    parts = [found.train, found.normal, found.anomalous, found.known]
    assert tuple(map(len, parts)) == (2000, 1000, 615, 500)
    marks = torch.cat([part[:, 1] for part in parts])
    assert len(marks.unique()) == 4115
    torch.testing.assert_close(found.train.mean(0), torch.zeros(19), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.train.std(0), torch.ones(19))
    assert not torch.equal(found.train, benchmark.split(benchmark.PAID, 2).train)


def test_no_account_that_was_missed_is_among_the_normal_ones(monkeypatch):
    figures, missed = benchmark.data.payments()
    figures[:, 1] = missed
    monkeypatch.setattr(benchmark.data, "payments", lambda: (figures, missed))
    found = benchmark._payments(torch.Generator().manual_seed(0))
    # The deviation of a constant is 0, so what is not the constant is infinite.
    assert found.train[:, 1].isnan().all() and found.normal[:, 1].isnan().all()
    assert found.anomalous[:, 1].isinf().all() and found.known[:, 1].isinf().all()


def test_the_classifier_is_a_logistic_regression():
    from sklearn.linear_model import LogisticRegression  # takes two seconds

    draws = torch.Generator().manual_seed(0)
    train, known = torch.randn(300, 3, generator=draws), torch.randn(80, 3, generator=draws) + 1
    x = torch.randn(20, 3, generator=draws)
    both, labels = torch.cat([train, known]), [0] * 300 + [1] * 80
    theirs = LogisticRegression(C=1 / 10, tol=1e-10, max_iter=1000).fit(both.numpy(), labels)
    expected = torch.from_numpy(theirs.decision_function(x.numpy()))
    torch.testing.assert_close(
        benchmark.logistic(train, known, 10.0)(x), expected.double(), rtol=1e-5, atol=1e-5
    )


def test_what_payments_are_scored_by_besides(results):
    sets = benchmark.split(benchmark.PAID, 0)
    scores = benchmark.told(sets, 100.0)
    x = sets.normal
    statuses, amounts = (scores[f"distance, {name}"](x) for name in ("statuses", "amounts"))
    torch.testing.assert_close(statuses + amounts, scores["distance"](x))
    torch.testing.assert_close(statuses, x[:, 1:7].square().sum(1))
    assert torch.equal(scores["latest status"](x), x[:, 1])
    stored = results["rows"]["payments"][0]["area"]
    assert results["provenance"]["payments"]["chosen"]["payments"][benchmark.CLASSIFIER] == 100
    for name in scores:
        assert benchmark.told_area(name, sets, 100.0) == pytest.approx(stored[name], abs=2e-3)


def test_a_live_row_is_that_of_the_file(results):
    best = results["provenance"]["detectors"]["chosen"]["digits"]
    rows = results["rows"]["detectors"]
    stored = next(row for row in rows if (row["normal"], row["seed"]) == (8, 0))
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
