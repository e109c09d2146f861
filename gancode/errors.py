"""What is refused, and what is warned of."""

import sys
import warnings
from pathlib import Path

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


def warn(message: str, category: type[Warning]) -> None:
    """Warn of what whoever called this package has given, at the line of that call."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
