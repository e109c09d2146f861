import math

import pytest

from gancode.schedules import Constant, Geometric, schedule


def test_schedules_meet_their_ends_and_their_middle():
    falling = schedule("lr", "10..0.1")
    assert falling == Geometric(10, 0.1)
    assert [falling(s) for s in (0, 0.5, 1)] == pytest.approx([10, 1, 0.1])
    assert schedule("lr", "0.5") == schedule("lr", 0.5) == Constant(0.5)
    own = lambda s: s  # noqa: E731
    assert schedule("lr", own) is own


@pytest.mark.parametrize(
    "value, error, message",
    [
        ("a..b", ValueError, "lr='a..b' is no number, nor two"),
        ("1..0", ValueError, "is no number, nor two"),
        ("-1", ValueError, "not negative, not -1.0 at progress 0"),
        (math.inf, ValueError, "must be finite"),
        (lambda s: 0.5 - s, ValueError, "not -0.5 at progress 1"),
        ([1], TypeError, "neither a number nor a function"),
    ],
)
def test_what_is_no_schedule_is_refused(value, error, message):
    with pytest.raises(error, match=message):
        schedule("lr", value)
