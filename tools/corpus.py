"""Put the statements of the corpus to `prove`, and count what comes of them.

    python -m tools.corpus [--kind KIND] [--name NAME] [--every N] [--jobs N] [--json FILE]

The statements run in worker processes. One that has not ended within a minute (`--limit`) is
killed, and counts as hung. Printed are: outcomes by kind and truth, the shares that matter, the
slowest statements, and every fault. The exit status is 1 where a false statement was proved or a
true one refuted.
"""

import argparse
import json
import multiprocessing
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing.connection import wait
from pathlib import Path

from gancode.calculus import prove
from tests.corpus import KINDS, Ending, Statement, endings, statements

LIMIT = 60  # seconds for one statement, by the clock on the wall
ANSWERS = ("proved", "checked", "refuted", "raised", "hung")
ENDINGS = "endings"


@dataclass(frozen=True)
class Outcome:
    """What came of one statement.

    `answer` is the status of the proof, the name of the error that was raised, "hung" or "died",
    and `said` the evidence or the message.
    """

    label: str
    answer: str
    said: str
    seconds: float

    @property
    def entry(self) -> Statement | Ending:
        return entries()[self.label]

    @property
    def column(self) -> str:
        return self.answer if self.answer in ANSWERS else "raised"

    @property
    def fault(self) -> str:
        """What is wrong with the outcome, or an empty string."""
        if isinstance(self.entry, Ending):
            ended = self.answer in self.entry.outcomes
            return "" if ended else f"{self.answer}, not {' or '.join(sorted(self.entry.outcomes))}"
        if (self.entry.truth, self.answer) in GRAVE:
            return f"{str(self.entry.truth).lower()}, but {self.answer}"
        if (self.entry.truth, self.answer) == (False, "checked"):
            return "false, but checked"
        known = ("proved", "checked", "refuted", "UndecidableError")
        return "" if self.answer in known else self.answer


GRAVE = {(False, "proved"), (True, "refuted")}


@cache
def entries() -> dict[str, Statement | Ending]:
    """All statements, by kind and name."""
    ended = {f"{ENDINGS}/{ending.name}": ending for ending in endings()}
    return {f"{one.kind}/{one.name}": one for one in statements()} | ended


def prover() -> Callable[[str], tuple[str, str]]:
    """A function that puts the statement of a label to `prove`: the answer, and what it said."""
    known = entries()

    def ask(label):
        entry = known[label]
        try:
            proof = prove(entry.lhs, entry.rhs, entry.relation, entry.assumptions)
            return proof.status, proof.evidence
        except Exception as error:  # whatever it raises is an outcome
            return type(error).__name__, str(error)

    return ask


# Worker processes --------------------------------------------------------------------------------


def _leave_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def _serve(connection, prepare) -> None:
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    answer = prepare()
    connection.send("ready")
    while True:
        try:
            label = connection.recv()
        except EOFError:
            return
        begun = time.monotonic()
        connection.send((*answer(label), time.monotonic() - begun))


class _Worker:
    """A process that answers one label at a time, and may be killed over it."""

    def __init__(self, prepare):
        context = multiprocessing.get_context("spawn")
        self.connection, far_end = context.Pipe()
        self.process = context.Process(target=_serve, args=(far_end, prepare), daemon=True)
        self.process.start()
        far_end.close()
        self.connection.recv()

    def give(self, label):
        self.label, self.begun = label, time.monotonic()
        self.connection.send(label)

    def outcome(self, limit) -> Outcome | None:
        """What came of the label, or None while it may still come to something."""
        if self.connection.poll():
            try:
                return Outcome(self.label, *self.connection.recv())
            except EOFError:
                return Outcome(self.label, "died", "the process ended", 0.0)
        seconds = time.monotonic() - self.begun
        return Outcome(self.label, "hung", "", seconds) if seconds > limit else None

    def stop(self):
        self.process.kill()
        self.process.join()
        self.connection.close()


def run(
    labels: Iterable[str],
    prepare: Callable[[], Callable[[str], tuple[str, str]]] = prover,
    jobs: int = 2,
    limit: float = LIMIT,
) -> Iterator[Outcome]:
    """What came of each label, in the order of ends.

    `prepare` is called once in each process, and returns the function that answers labels.
    """
    waiting = list(labels)[::-1]
    workers: list[_Worker] = []
    try:
        while waiting or workers:
            while waiting and len(workers) < jobs:
                workers.append(_Worker(prepare))
                workers[-1].give(waiting.pop())
            wait([worker.connection for worker in workers], timeout=0.5)
            for worker in list(workers):
                outcome = worker.outcome(limit)
                if outcome is None:
                    continue
                yield outcome
                if waiting and outcome.answer not in ("hung", "died"):
                    worker.give(waiting.pop())
                else:
                    worker.stop()
                    workers.remove(worker)
    finally:
        for worker in workers:
            worker.stop()


# What is printed ---------------------------------------------------------------------------------


def table(outcomes: list[Outcome]) -> str:
    """The outcomes by kind and truth."""
    counts: Counter = Counter()
    for outcome in outcomes:
        kind, truth = outcome.label.split("/")[0], getattr(outcome.entry, "truth", None)
        counts[kind, truth, outcome.column] += 1
        counts["all", truth, outcome.column] += truth is not None
    rows = [f"{'kind':18} {'truth':6}" + "".join(f"{answer:>9}" for answer in ANSWERS)]
    for kind in (*KINDS, ENDINGS, "all"):
        for truth, word in ((True, "true"), (False, "false"), (None, "")):
            numbers = [counts[kind, truth, answer] for answer in ANSWERS]
            if any(numbers):
                rows.append(f"{kind:18} {word:6}" + "".join(f"{n or '·':>9}" for n in numbers))
    return "\n".join(rows)


def shares(outcomes: list[Outcome]) -> str:
    """The shares by which the engine is judged."""
    judged = [outcome for outcome in outcomes if isinstance(outcome.entry, Statement)]

    def share(words, truth, answer):
        those = [outcome for outcome in judged if outcome.entry.truth is truth]
        count = sum(outcome.answer == answer for outcome in those)
        return f"{words:16} {count:4} of {len(those):4}  {count / max(len(those), 1):6.1%}"

    right = {(True, "proved"), (False, "refuted")}
    decided = sum((outcome.entry.truth, outcome.answer) in right for outcome in judged)
    lines = [
        share("false proved", False, "proved"),
        share("true refuted", True, "refuted"),
        share("false checked", False, "checked"),
        share("true proved", True, "proved"),
        f"{'decided rightly':16} {decided:4} of {len(judged):4}  "
        f"{decided / max(len(judged), 1):6.1%}",
    ]
    return "\n".join(lines)


def report(outcomes: list[Outcome]) -> str:
    """All that is printed at the end."""
    slow = sorted(outcomes, key=lambda outcome: -outcome.seconds)[:10]
    faults = sorted((o for o in outcomes if o.fault), key=lambda o: (o.fault, o.label))
    parts = [
        table(outcomes),
        shares(outcomes),
        "\n".join(["Slowest:", *(f"{o.seconds:7.1f} s  {o.label}" for o in slow)]),
        "\n".join(
            [
                f"Faults: {len(faults) or 'none'}",
                *(
                    f"  {o.fault}: {o.label}\n    {_short(o.entry)}\n    {_short(o.said)}"
                    for o in faults
                ),
            ]
        ),
    ]
    return "\n\n".join(parts)


def _short(text, width=150) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= width else line[: width - 1] + "…"


def _json(outcomes) -> str:
    rows = [asdict(o) | {"truth": getattr(o.entry, "truth", None)} for o in outcomes]
    return json.dumps(rows, indent=1, ensure_ascii=False)


def main(arguments=None) -> int:
    """Run what the arguments select; 1 where the engine said the opposite of the truth."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kind", choices=(*KINDS, ENDINGS), help="statements of this kind only")
    parser.add_argument("--name", help="statements with this in their names only")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each Nth statement only")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for one statement")
    parser.add_argument("--json", metavar="FILE", help="write all outcomes to this file")
    given = parser.parse_args(arguments)
    labels = [
        label
        for label in entries()
        if given.kind in (None, label.split("/")[0]) and (given.name or "") in label.split("/")[1]
    ]
    outcomes = []
    for outcome in run(labels[:: given.every], jobs=given.jobs, limit=given.limit):
        outcomes.append(outcome)
        if outcome.fault:
            print(f"{outcome.fault}: {outcome.label}", file=sys.stderr, flush=True)
        if given.json:  # after each one, so that nothing is lost
            Path(given.json).write_text(_json(outcomes), encoding="utf-8")
    print(report(outcomes))
    return int(any((getattr(o.entry, "truth", None), o.answer) in GRAVE for o in outcomes))


if __name__ == "__main__":
    sys.exit(main())
