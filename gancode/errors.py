"""What is refused, what is warned of, and what is said of errors that are not ours."""

import math
import operator
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_HERE = str(Path(__file__).parent)


class Refused(ValueError):
    """Input that cannot be used: an argument, data, networks or a folder.

    The message says what was given, what is allowed and what to do. It is raised only on purpose,
    and before anything has changed; its subclasses say what was refused.
    """


class WrongType(Refused, TypeError):
    """Input of a type that cannot be used."""


class DataRangeWarning(UserWarning):
    """Data lie in another range than a generator, or a classifier, is made for."""


_OURS = "gancode.train"  # stands in every note


@contextmanager
def noted(where: str) -> Iterator[None]:
    """An error inside keeps its type and traceback, with one note of which call of `gancode.train`
    it was: the innermost."""
    try:
        yield
    except (Refused, FloatingPointError):  # which say so themselves
        raise
    except Exception as error:
        if not any(_OURS in str(note) for note in getattr(error, "__notes__", ())):
            error.add_note(where)
        raise


def positive_integer(name: str, value: Any) -> int:
    """An int from anything that is one; `Refused`, naming it, for all else."""
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise Refused(f"{name}={value!r} must be a positive integer")
    return number


def finite(name: str, value: Any, *, positive: bool = False) -> float:
    """A float from a finite number that is positive, or at least not negative; `Refused`, naming
    it, for all else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, str) or not (0 <= number < math.inf) or (positive and number == 0):
        kind = "positive number" if positive else "number that is not negative"
        raise Refused(f"{name}={value!r} must be a {kind}")
    return number


def warn(message: str, category: type[Warning]) -> None:
    """Warn of what whoever called this package has given, at the line of that call."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
