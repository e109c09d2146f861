"""The frame that benchmarks of single runs share."""

import json

import pytest

from gancode import Refused, benchmarks
from gancode.benchmarks import anomalies, coverage, programs, scores, transport


def test_a_benchmark_keeps_its_rows_the_first_sheet_of_each_kind_and_how_it_was_made(
    tmp_path, capsys
):
    def runs(steps):
        for k, (name, sheet) in enumerate([("α", ""), ("α", "one"), ("α", "two"), ("b", "three")]):
            yield {"kind": name, "run": k, "steps": steps}, name, sheet

    def keep(*words):
        benchmarks.keep(words, "What it does.", default, runs, steps=7, seeds=[0])

    default, told = tmp_path / "known.json", tmp_path / "told.json"
    keep("--out", str(told), "--steps", "3")
    assert not default.exists()
    found = json.loads(told.read_text("utf-8"))
    assert [row["run"] for row in found["rows"]] == [0, 1, 2, 3]
    assert found["sheets"] == {"α": "one", "b": "three"}
    made = found["provenance"]
    assert made["command"] == "python -m gancode.benchmarks.known"
    assert (made["steps"], made["seeds"], made["threads"]) == (3, [0], 1)
    assert capsys.readouterr().out.splitlines()[1] == '{"kind": "α", "run": 1, "steps": 3}'
    keep()
    assert benchmarks.read(default)["rows"][0]["steps"] == 7


@pytest.mark.parametrize("module", [anomalies, coverage, programs, scores, transport])
def test_an_unknown_group_is_refused_before_the_first_is_measured(module, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "RESULTS", tmp_path / "none.json")
    with pytest.raises(Refused, match=r"unknown 'nobody'; the names are \w"):
        module.main(["nobody"])
    assert not list(tmp_path.iterdir())
