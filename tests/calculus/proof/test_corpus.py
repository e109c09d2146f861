"""`prove` on a part of the corpus, of every kind: nothing false is proved, nothing true refuted.

All of it, with the shares decided: `python -m tools.corpus`.
"""

from collections import Counter

import pytest

from gancode.calculus import UndecidableError, prove
from tests.corpus import KINDS, endings, statements
from tools.corpus import GRAVE

EVERY = 9
SAMPLE = statements()[::EVERY]
QUICK = ("no-number", "cycle", "text", "matrix", "pole-inside", "oscillates", "tower")


def name(statement):
    return f"{statement.kind}/{statement.name}"


def test_the_sample_has_every_kind_and_both_truths():
    found = Counter((statement.kind, statement.truth) for statement in SAMPLE)
    assert [kind for kind in KINDS if not (found[kind, True] and found[kind, False])] == []


@pytest.mark.parametrize("statement", SAMPLE, ids=name)
def test_what_is_false_is_not_proved_and_what_is_true_not_refuted(statement):
    try:
        proof = prove(statement.lhs, statement.rhs, statement.relation, statement.assumptions)
    except UndecidableError:
        return
    assert (statement.truth, proof.status) not in GRAVE, proof


@pytest.mark.parametrize("name", QUICK)
def test_what_says_nothing_ends_as_it_should(name):
    (ending,) = (ending for ending in endings() if ending.name == name)
    try:
        outcome = prove(ending.lhs, ending.rhs, ending.relation, ending.assumptions).status
    except Exception as error:  # each of them is named in the entry
        outcome = type(error).__name__
    assert outcome in ending.outcomes
