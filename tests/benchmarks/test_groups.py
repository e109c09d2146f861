"""Results that are measured group by group: each says how it was made, whenever that was."""

import json

import pytest
import torch

from gancode import benchmarks
from gancode.benchmarks import coverage, scores, transport

GROUPS = {
    coverage: [*coverage.methods, *coverage.unrolling, coverage.RECIPE],
    scores: ["fields", *scores.METHODS],
    transport: list(transport.CRITICS | transport.VARIED | transport.GAMES),
}


@pytest.mark.parametrize("module", GROUPS, ids=lambda module: module.__name__)
def test_every_group_says_how_it_was_made_and_none_was_made_otherwise(module):
    made = benchmarks.read(module.RESULTS)["provenance"]
    assert list(made) == GROUPS[module]
    for name, found in made.items():
        settings = json.loads(json.dumps(module.settings_of(name)))
        assert settings.items() <= found.items(), name
        assert found["command"] == f"python -m {module.__name__} {name!r}"
        assert found["threads"] == 1 and found["date"]


@pytest.mark.parametrize(
    ("module", "name", "replaced"),
    [
        (coverage, "slow critic", {"train": lambda method, runs: torch.zeros(len(runs), 200, 2)}),
        (scores, "drift", {"train": lambda method, rate, seeds: torch.zeros(len(seeds), 200, 2)}),
        (transport, "plain loss", {"played": None, "floor": lambda seed: 0.0}),
    ],
    ids=["coverage", "scores", "transport"],
)
def test_what_is_not_measured_anew_keeps_its_rows_and_its_provenance(
    module, name, replaced, monkeypatch, tmp_path
):
    class Run:
        history = [{"distance": 0.0, "estimate": 0.0}]

    old = benchmarks.read(module.RESULTS)
    for signed in old["provenance"].values():
        signed["date"] = "1999-12-31"
    path = tmp_path / "results.json"
    benchmarks.write(path, old)
    monkeypatch.setattr(module, "RESULTS", path)
    for function, stub in replaced.items():
        monkeypatch.setattr(module, function, stub or (lambda *_, **__: Run))
    module.main([name])
    new = benchmarks.read(path)
    assert list(new["provenance"]) == list(old["provenance"])
    changed = [
        each for each in new["provenance"] if new["provenance"][each] != old["provenance"][each]
    ]
    assert changed == [name]
    assert new["provenance"][name]["date"] > "2000"
    assert new != old | {"provenance": new["provenance"]}  # this one was measured anew
