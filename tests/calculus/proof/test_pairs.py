"""A true statement is not refuted and its false twin not proved, for random pairs of many kinds."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gancode.calculus import UndecidableError, prove
from tests.corpus.numeric import fails, free, holds
from tests.corpus.pairs import STRATEGIES

few = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def status(statement):
    """How `prove` decides it; an honest refusal is no fault."""
    try:
        return prove(statement.lhs, statement.rhs, statement.relation).status
    except UndecidableError:
        return "undecided"


@pytest.mark.parametrize("kind", STRATEGIES)
@settings(few, max_examples=8)
@given(st.data())
def test_the_truth_of_a_pair_is_as_constructed(kind, data):
    pair = data.draw(STRATEGIES[kind])
    point = pair.false.fails_at
    assert free(pair.false) <= set(point)
    assert fails(pair.false, point)
    assert holds(pair.true, point)


@pytest.mark.parametrize("kind", STRATEGIES)
@settings(few, max_examples=4)
@given(st.data())
def test_the_true_one_is_not_refuted_and_the_false_one_not_proved(kind, data):
    pair = data.draw(STRATEGIES[kind])
    assert status(pair.true) != "refuted"
    assert status(pair.false) != "proved"
