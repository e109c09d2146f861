"""Statements by which `gancode.calculus.prove` is judged, each with its truth and the reason.

A statement is about every point of its domain at which both sides are defined (finite numbers);
roots, logarithms and powers are principal values, and a symbol without `real` is complex. About
half of the statements are false, and close to true. Nothing here was learnt from `prove`:
`test_corpus_truth.py` evaluates both sides by mpmath, the false ones where they fail.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module

from sympy import Expr, sympify

KINDS = (
    "rational",
    "polynomials",
    "exponentials",
    "trigonometry",
    "complex_numbers",
    "kinks",
    "saturation",
    "one_symbol",
    "several_symbols",
    "integrals",
    "integral_bounds",
    "sums",
    "limits",
    "derivatives",
    "unknown_functions",
    "special_functions",
    "domains",
    "adversarial",
)


@dataclass(frozen=True, eq=False)
class Statement:
    """`lhs relation rhs` under `assumptions`, its truth, and why.

    A false one fails at `fails_at`, which maps each symbol to an exact number and each undefined
    function to a `Lambda`. `tried_at` are such points of the domain of a true one: the tight ones,
    and those that a random choice would hardly find.
    """

    kind: str
    name: str
    lhs: Expr
    rhs: Expr
    relation: str
    assumptions: tuple
    truth: bool
    why: str
    fails_at: dict | None = None
    tried_at: tuple = ()

    def __str__(self) -> str:
        given = f" where {', '.join(map(str, self.assumptions))}" if self.assumptions else ""
        return f"{self.lhs} {self.relation} {self.rhs}{given}"


@dataclass(frozen=True, eq=False)
class Ending:
    """A statement that says nothing, is malformed, or is beyond what is known: `prove` must end
    with one of `outcomes`, which are statuses and names of errors."""

    name: str
    lhs: object
    rhs: object
    relation: str
    assumptions: tuple
    outcomes: frozenset
    why: str


def of_kind(kind: str) -> tuple[Callable[..., Statement], Callable[..., Statement]]:
    """The two functions by which a file writes its true and its false statements."""
    return partial(_true, kind), partial(_false, kind)


def _true(kind, name, lhs, relation, rhs, why, assumptions=(), at=()) -> Statement:
    sides = sympify(lhs), sympify(rhs)
    at = tuple(_exact(point) for point in _several(at))
    return Statement(kind, name, *sides, relation, _several(assumptions), True, why, tried_at=at)


def _false(kind, name, lhs, relation, rhs, why, assumptions=(), *, at) -> Statement:
    sides = sympify(lhs), sympify(rhs)
    return Statement(kind, name, *sides, relation, _several(assumptions), False, why, _exact(at))


def _exact(point: dict) -> dict:
    return {thing: sympify(value) for thing, value in point.items()}


def _several(assumptions) -> tuple:
    return tuple(assumptions) if isinstance(assumptions, (list, tuple)) else (assumptions,)


@cache
def statements() -> tuple[Statement, ...]:
    """All of them, kind by kind."""
    files = (import_module(f"{__name__}.{kind}") for kind in KINDS)
    return tuple(statement for file in files for statement in file.STATEMENTS)


@cache
def endings() -> tuple[Ending, ...]:
    """The statements that are neither true nor false."""
    return import_module(f"{__name__}.endings").ENDINGS
