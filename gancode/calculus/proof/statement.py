"""`prove`: is an equality or inequality between two SymPy expressions true?

Every statement is first attacked: both sides are enclosed in balls at many points of the domain,
the hard ones included, and one certain disagreement refutes it. What survives is put to the rules
of the trusted core, each of which is sound by itself. A statement that survives but that no rule
decides is *checked*, not *proved*, and says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy
from flint import acb
from sympy import Integral, S

from ...errors import Refused
from ...notebook import Shown, powers
from ..deadline import attempt, worked
from ..given import given
from ..latex import MARKS, words
from . import rules
from .attack import DIGITS, POINTS, Refutation, attack, derived
from .descent import descend
from .domain import Domain, EmptyDomainError
from .effort import is_quick
from .enclosure import Ball, Undefined, Unsure, enclose
from .functions import Jets, bound, free_jets, require_smooth

RELATIONS = {"==": "=", "<=": r"\le", ">=": r"\ge", "<": "<", ">": ">"}
SECONDS = 20.0
# What a rule takes for granted, and leaves to the reader.
ASSUMED = {"under one integral": "the integrals converge", "under one sum": "the sums converge"}
_SHOWN_BITS = 40  # of a value that is shown
_POINTS_OF_PROVED = 40  # looked at all the same, to see that the statement says something


class UndecidableError(Refused):
    """No rule decides the statement, and its sides cannot be evaluated anywhere."""


@dataclass(frozen=True)
class Proof(Shown):
    """The outcome of `prove`. True unless refuted.

    `status` is "proved" (by the rules that `method` names), "checked" (numerically, at `points`
    points, to at least `digits` digits at each) or "refuted"; then `counterexample` maps each
    symbol to a value, and `lhs_value` and `rhs_value` are the two sides there. `assumes` says what
    is taken for granted beside the assumptions of the symbols, such as "the integrals converge".
    """

    lhs: sympy.Expr
    rhs: sympy.Expr
    relation: str
    status: str
    method: str = ""
    points: int = 0
    counterexample: dict | None = field(default=None)
    lhs_value: sympy.Expr | None = None
    rhs_value: sympy.Expr | None = None
    assumes: str = ""
    digits: int = DIGITS

    def __bool__(self) -> bool:
        return self.status != "refuted"

    @property
    def evidence(self) -> str:
        """One phrase: how the statement was decided."""
        if self.status == "refuted":
            where = ", ".join(
                f"{symbol} = {_short(value)}" for symbol, value in self.counterexample.items()
            )
            sides = _apart(self.lhs_value, self.rhs_value)
            return f"refuted at {where or 'every point'}: {sides}"
        if self.status == "proved":
            return f"proved ({self.method}){self.where}"
        points = "1 point" if self.points == 1 else f"{self.points} points"
        return f"checked to {self.digits} digits at {points}{self.where}"

    @property
    def where(self) -> str:
        """What the statement takes for granted, to be added to its evidence."""
        return f", where {self.assumes}" if self.assumes else ""

    def __str__(self) -> str:
        return f"{self.lhs} {self.relation} {self.rhs}: {powers(self.evidence)}"

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        left, right = sympy.latex(self.lhs), sympy.latex(self.rhs)
        return (
            "$$\n\\begin{aligned}\n"
            rf"{left} &{RELATIONS[self.relation]} {right} \\[-2pt]"
            rf" &\quad{{\small {MARKS[self.status]}\ {words(powers(self.evidence))}}}"
            "\n\\end{aligned}\n$$"
        )

    def _data(self) -> dict:
        sides, at = (sympy.latex(self.lhs), sympy.latex(self.rhs)), self.counterexample or {}
        return {
            "kind": "proof",
            "statement": f"{self.lhs} {self.relation} {self.rhs}",
            "latex": f" {RELATIONS[self.relation]} ".join(sides),
            "status": self.status,
            "rule": self.method,
            "assumes": self.assumes,
            "counterexample": {str(symbol): _short(value) for symbol, value in at.items()},
        }


def prove(
    lhs: Any, rhs: Any, relation: str = "==", assumptions: Any = (), seconds: float = SECONDS
) -> Proof:
    """Decide `lhs relation rhs` for every value that the assumptions allow.

    `relation` is "==", "<=", ">=", "<" or ">". `assumptions` is a SymPy relation, or several, added
    to what the symbols themselves assume. Points at which a side is undefined (not a finite number)
    say nothing. Undefined functions, such as `Function("D")(x)`, stand for any smooth function,
    real, whose values have the sign that is declared. After `seconds` of work no more is
    tried.

    Raises `Refused` for an unknown relation and for a function declared to be no smooth real one
    (integer, complex, …), `WrongType` for an assumption that is no relation,
    `EmptyDomainError` where no point of the domain leaves both sides defined, and
    `UndecidableError` where the sides cannot be evaluated and no rule decides.
    """
    if not isinstance(relation, str) or relation not in RELATIONS:
        raise Refused(f"unknown relation {relation!r}; it must be one of {', '.join(RELATIONS)}")
    lhs, rhs = (_exact(side) for side in (lhs, rhs))
    require_smooth(lhs)
    require_smooth(rhs)
    domain = Domain(lhs.free_symbols | rhs.free_symbols, assumptions)
    if relation != "==":
        for symbol, bounds in domain.bounds.items():
            if bounds is None:
                raise Refused(
                    f"{relation} needs real symbols; declare Symbol('{symbol}', real=True)"
                )
    left, right = (derived(side.subs(domain.solved)) for side in (lhs, rhs))
    return _Case(lhs, rhs, relation, domain, worked() + seconds).decided(left, right)


class _Case:
    """One statement on its way to a `Proof`."""

    def __init__(
        self, lhs: sympy.Expr, rhs: sympy.Expr, relation: str, domain: Domain, end: float
    ) -> None:
        self.lhs, self.rhs, self.relation, self.domain, self.end = lhs, rhs, relation, domain, end

    def late(self) -> bool:
        return worked() > self.end

    def decided(self, left: sympy.Expr, right: sympy.Expr) -> Proof:
        method = self._in_time(lambda: rules.decide(left, right, self.relation, self.domain, True))
        jets = Jets([left, right], self.domain.relations)
        if not (bound(left) or bound(right)):  # functions by numbers in their place
            jets = free_jets([left, right], self.domain.relations)
        whole = Domain([*self.domain.symbols, *jets.names], jets.relations)
        count = _POINTS_OF_PROVED if method else POINTS
        share = worked() + (self.end - worked()) / 3
        tried = attack(
            *jets.sides,
            self.relation,
            whole,
            lambda: worked() > share,
            count,
            jets.distinct,
        )
        if isinstance(tried, Refutation):
            return self._refuted(tried, jets)
        if tried.agreed == tried.unsure == 0:
            raise EmptyDomainError(
                f"{self._text}: no point of the domain was found at which both sides are defined, "
                "so the statement says nothing; check the assumptions of the symbols"
            )
        if not method:
            lowest = descend(*jets.sides, self.relation, whole, self.late, jets.distinct)
            if isinstance(lowest, Refutation):
                return self._refuted(lowest, jets)
            free = set().union(*(side.free_symbols for side in jets.sides))
            needed = Domain(free, jets.relations)
            method = self._in_time(
                lambda: rules.decide_by_parts(*jets.sides, self.relation, needed)
            )
        if method:
            assumes = " and ".join(words for rule, words in ASSUMED.items() if rule in method)
            return Proof(
                self.lhs, self.rhs, self.relation, "proved", method, tried.agreed, assumes=assumes
            )
        if tried.example is not None and self._never_apart(*jets.sides, jets):
            same = jets.sides[:1] * 2
            return self._refuted(Refutation(tried.example, {}, tried.agreed, *same), jets)
        if tried.agreed == 0:
            raise UndecidableError(
                f"{self._text}: no rule decides it, and it cannot be evaluated to a few digits (an "
                "integral or a sum without close bounds for its value, or a function that is not "
                "known)"
            )
        return Proof(
            self.lhs, self.rhs, self.relation, "checked", "", tried.agreed, digits=tried.digits
        )

    @property
    def _text(self) -> str:
        return f"{self.lhs} {self.relation} {self.rhs}"

    def _in_time(self, ask: Callable[[], object]) -> str:
        return attempt(ask, seconds=max(0.1, self.end - worked()), default="")

    def _never_apart(self, left: sympy.Expr, right: sympy.Expr, jets: Jets) -> bool:
        """Whether a strict inequality fails since the sides are proved to be equal."""
        if self.relation not in ("<", ">"):
            return False
        domain = Domain(left.free_symbols | right.free_symbols, jets.relations)
        return bool(self._in_time(lambda: rules.decide_by_parts(left, right, "==", domain)))

    def _refuted(self, found: Refutation, jets: Jets) -> Proof:
        values = _values((found.left, found.right), found.point)
        point = found.point | {s: v.subs(found.point) for s, v in self.domain.solved.items()}
        where = jets.named(point) | found.functions
        return Proof(self.lhs, self.rhs, self.relation, "refuted", "", found.points, where, *values)


def _exact(side: sympy.Expr) -> sympy.Expr:
    """A SymPy expression without floats: 0.1 means one tenth."""
    side = given(side, "a side of a statement")
    return sympy.nsimplify(side, rational=True) if side.has(sympy.Float) else side


def _values(sides: Sequence[sympy.Expr], point: dict) -> list:
    """Both sides at a point, to as many digits as are certain there: 50 at least, and enough to
    tell them apart, where that takes no time. Integrals are as precise as the attack had them."""
    slow = any(side.has(Integral) for side in sides)
    known: list = [None, None]
    for bits in (192,) if slow else (256, 1024, 4096, 16_384):
        for i, side in enumerate(sides):
            try:
                known[i] = enclose(side, point, bits)
            except (Undefined, Unsure):
                continue
        if None not in known and all(map(_is_exact, known)) and _are_apart(*known):
            break
    return [_shown(side, point, value) for side, value in zip(sides, known, strict=True)]


def _are_apart(one: Ball, other: Ball) -> bool:
    return not acb(one).overlaps(acb(other))


def _is_exact(value: Ball) -> bool:
    return value.rel_accuracy_bits() >= 3.4 * DIGITS or value.is_zero()


def _shown(side: sympy.Expr, point: dict, value: Ball | None) -> sympy.Expr:
    if not is_quick(side, point):
        return side if value is None else _number(value)
    if value is None or not _is_exact(value):  # a ball over both sides of a step, say
        exact = sympy.sympify(side).subs(point)
        if value is None or exact == 0:
            return exact
        rounded = _rounded(exact, 15)
        # SymPy gives what it cannot tell from zero the precision 1.
        told = rounded != exact and all(x._prec > 1 for x in rounded.atoms(sympy.Float))
        if told and value.rel_accuracy_bits() < _SHOWN_BITS:
            return exact
    return _number(value)


def _number(value: Ball) -> sympy.Expr:
    if isinstance(value, acb):
        return _number(value.real) + S.ImaginaryUnit * _number(value.imag)
    middle = value.mid()
    if middle == 0:
        return S.Zero
    mantissa, exponent = middle.man_exp()
    return sympy.Float((int(mantissa), int(exponent)), max(DIGITS, middle.bits() // 3))


def _rounded(value: sympy.Expr, digits: int) -> sympy.Expr:
    """A number to so many digits; as it is where SymPy fails to find them."""
    return attempt(sympy.N, value, digits, seconds=1, default=value)


def _short(value: sympy.Expr) -> str:
    """A value as text of bearable length."""
    if value.is_Rational and max(value.p.bit_length(), value.q.bit_length()) > 120:
        return str(_rounded(value, 15))
    text = str(value)
    return text if len(text) <= 40 or value.free_symbols else str(_rounded(value, 15))


def _apart(x: sympy.Expr, y: sympy.Expr) -> str:
    """Two numbers with as many digits as it takes to tell them apart; or how far they are apart."""
    if x == y:
        return f"both sides are {_rounded(x, 6)}"
    for digits in (6, 12, 25):
        left, right = (str(_rounded(value, digits)) for value in (x, y))
        if left != right:
            return f"left side {left}, right side {right}"
    gap = _rounded(sympy.Abs(x - y), 3)
    return f"left side {_rounded(x, 6)}, right side {_rounded(y, 6)}, {gap} apart"


__all__ = ["DIGITS", "POINTS", "Proof", "UndecidableError", "prove"]
