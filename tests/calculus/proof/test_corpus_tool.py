"""`python -m tools.corpus`: what hangs or dies is stopped, and every fault is counted."""

import os
import time

from tools import corpus
from tools.corpus import Outcome


def careless():
    """A stand-in for the prover, whose labels say what to do."""

    def answer(label):
        if label == "sleep":
            time.sleep(600)
        if label == "die":
            os._exit(3)
        return "proved", f"said {label}"

    return answer


def test_what_hangs_or_dies_is_stopped_and_the_rest_goes_on():
    begun = time.monotonic()
    came = {o.label: o for o in corpus.run(["one", "sleep", "die", "two"], careless, 2, limit=1)}
    assert time.monotonic() - begun < 300
    answers = {label: outcome.answer for label, outcome in came.items()}
    assert answers == {"one": "proved", "sleep": "hung", "die": "died", "two": "proved"}
    assert came["two"].said == "said two" and came["sleep"].seconds > 1


def test_faults_and_shares_are_those_of_the_truth():
    entries = corpus.entries()
    true = next(label for label, entry in entries.items() if getattr(entry, "truth", None))
    false = next(label for label, e in entries.items() if getattr(e, "truth", None) is False)
    empty = "endings/no-number"
    faults = {
        (true, "proved"): "",
        (true, "checked"): "",
        (true, "UndecidableError"): "",
        (true, "refuted"): "true, but refuted",
        (true, "EmptyDomainError"): "EmptyDomainError",
        (true, "hung"): "hung",
        (false, "refuted"): "",
        (false, "proved"): "false, but proved",
        (false, "checked"): "false, but checked",
        (false, "NameError"): "NameError",
        (empty, "EmptyDomainError"): "",
        (empty, "proved"): "proved, not EmptyDomainError",
    }
    outcomes = [Outcome(*case, "said", 1.0) for case in faults]
    assert [outcome.fault for outcome in outcomes] == list(faults.values())
    shares = corpus.shares(outcomes).splitlines()
    assert [" ".join(line.split()) for line in shares] == [
        "false proved 1 of 4 25.0%",
        "true refuted 1 of 6 16.7%",
        "false checked 1 of 4 25.0%",
        "true proved 1 of 6 16.7%",
        "decided rightly 2 of 10 20.0%",
    ]
    rows = [line.split() for line in corpus.table(outcomes).splitlines()]
    assert ["all", "true", "1", "1", "1", "2", "1"] in rows
    assert ["endings", "1", "·", "·", "1", "·"] in rows
    assert "Faults: 7" in corpus.report(outcomes)


def test_the_exit_status_is_one_where_the_engine_said_the_opposite(monkeypatch, tmp_path, capsys):
    file = tmp_path / "outcomes.json"
    for answer, status in (("proved", 1), ("checked", 0), ("refuted", 0)):
        monkeypatch.setattr(
            corpus,
            "run",
            lambda labels, jobs, limit, a=answer: [Outcome(x, a, "", 0) for x in labels],
        )
        name = ["--kind", "limits", "--name", "decay-that-may-stop", "--json", str(file)]
        assert corpus.main(name) == status
        assert f'"answer": "{answer}"' in file.read_text()
    assert "limits/decay-that-may-stop" in capsys.readouterr().out
