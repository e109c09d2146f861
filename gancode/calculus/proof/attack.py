"""The attack: look for a point of the domain at which a statement certainly fails.

Nothing here proves anything. Points are taken where false statements give themselves away, and
both sides are enclosed in balls there: disjoint balls, or an order that is certain, refute.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sympy
from flint import acb, arb, ctx
from sympy import Derivative, Integral, Limit, Product, Subs, Sum
from sympy.functions.elementary.hyperbolic import HyperbolicFunction
from sympy.functions.elementary.trigonometric import TrigonometricFunction

from ..deadline import attempt
from . import summation  # noqa: F401  (registers enclosures of integrals, sums and limits)
from .definitions import defined
from .domain import Domain
from .effort import is_quick
from .enclosure import Ball, Undefined, Unsure, ball, compiled, holds, real_if_exact, real_part
from .functions import BINDERS, instances, with_functions
from .points import points_for

DIGITS = 50
POINTS = 160
_FEWEST = 6  # digits to which two sides must agree at a point for it to count
_BITS = 192  # of the first evaluation: 50 digits and some
_MORE_BITS = ((768, 60), (3072, 24), (12_288, 8))  # and for how many points that do not tell
_CONSTANT_BITS = (768, 3072, 12_288, 50_000, 200_000)  # for a statement without symbols
_COSTLY_BITS = 3072  # at most, of functions such as gamma
_SECONDS = 0.5  # for SymPy to put a point into both sides
_SHORT_SUM = 12  # terms
_SLOW_POINTS = 48  # where an evaluation is an integral or an infinite sum
_STEPS = (
    sympy.Piecewise,
    sympy.floor,
    sympy.ceiling,
    sympy.sign,
    sympy.Heaviside,
    sympy.Max,
    sympy.Min,
)
# What takes no time to thousands of digits.
_CHEAP = (sympy.exp, sympy.log, sympy.Abs, TrigonometricFunction, HyperbolicFunction, *_STEPS)


@dataclass
class Refutation:
    """A point inside the domain, with the functions taken in place of undefined ones."""

    point: dict
    functions: dict
    points: int
    left: sympy.Expr
    right: sympy.Expr


@dataclass
class Tally:
    """What was tried without success: at how many points the sides agreed, the zero function in
    place of an undefined one not counted, and to how many digits at all of them."""

    agreed: int = 0
    digits: int = DIGITS
    example: dict | None = None  # the first point at which they did
    undefined: int = 0
    unsure: int = 0


def attack(
    left: sympy.Expr,
    right: sympy.Expr,
    relation: str,
    domain: Domain,
    deadline: Callable[[], object],
    count: int = POINTS,
    accept: Callable = None,
) -> Refutation | Tally:
    """Evaluate both sides at up to `count` points, of those that `accept` takes. `deadline()` is
    true when time is out."""
    tally = Tally()
    slow = left.has(*BINDERS) or right.has(*BINDERS)
    points = points_for(left, right, domain, count)
    points = [point for point in points if accept is None or accept(point)]
    if slow:
        points = _spread(points, _SLOW_POINTS)
    for functions in instances(left, right):
        sides = (with_functions(side, functions) for side in (left, right))
        comparison = Comparison.of(*sides, relation, domain.symbols)
        if comparison is None:
            tally.unsure += len(points)
            continue
        certain, unclear = [], []  # points, and those that do not tell: [point, digits] of each
        for point in filter(comparison.bearable, points):
            if deadline():
                tally.unsure += 1
                break
            outcome = comparison.compare(point, _BITS)
            if outcome is False:
                return Refutation(point, functions, tally.agreed, *comparison.sides)
            if outcome == "undefined":
                tally.undefined += 1
            elif outcome is True:
                certain.append(point)
            else:
                unclear.append([point, outcome])
        for bits, most in comparison.levels():
            for tried in _spread(unclear, most):
                if deadline():
                    break
                outcome = comparison.compare(tried[0], bits)
                if outcome is False:
                    return Refutation(tried[0], functions, tally.agreed, *comparison.sides)
                if outcome not in (True, "undefined"):
                    tried[1] = max(tried[1], outcome)
        agreed = [digits for _, digits in unclear if digits >= _FEWEST]
        tally.unsure += len(unclear) - len(agreed)
        if agreed or certain:
            tally.example = tally.example or [*certain, *(point for point, _ in unclear)][0]
        if not functions or any(particular.expr for particular in functions.values()):
            tally.agreed += len(certain) + len(agreed)
            tally.digits = int(min([tally.digits, *agreed]))
    return tally


def fails_somewhere(
    left: sympy.Expr, right: sympy.Expr, relation: str, domain: Domain, count: int = 30
) -> bool:
    """Whether a few points refute a statement."""
    comparison = Comparison.of(left, right, relation, domain.symbols)
    points = points_for(left, right, domain, count)
    return comparison is not None and any(
        comparison.compare(point, 128) is False for point in points
    )


def _spread(items: list, count: int) -> list:
    """At most `count` of the items: the first ones, which are the hardest, and others evenly."""
    first, rest = items[: count // 2], items[count // 2 :]
    step = max(1, -(-len(rest) // (count - len(first))))
    return first + rest[::step]


class Comparison:
    """Both sides of a statement, compiled."""

    def __init__(
        self, sides: Sequence[sympy.Expr], relation: str, symbols: Sequence[sympy.Symbol]
    ) -> None:
        self.sides, self.relation, self.symbols = sides, relation, tuple(symbols)
        self.functions = [compiled(side, self.symbols) for side in sides]
        both = sides[0] - sides[1]
        self._stepped = both.has(*_STEPS, Limit)
        self._costly = any(not isinstance(f, _CHEAP) for f in both.atoms(sympy.Function))

    @classmethod
    def of(
        cls, left: sympy.Expr, right: sympy.Expr, relation: str, symbols: Sequence[sympy.Symbol]
    ) -> "Comparison | None":
        """None where a side holds something whose values are not known."""
        try:
            return cls([derived(left), derived(right)], relation, symbols)
        except (Unsure, NotImplementedError, TypeError, ValueError, AttributeError):
            return None

    def bearable(self, point: dict) -> bool:
        """Whether the values of functions such as gamma are had in no time there."""
        return not self._costly or _length(point) < 2000

    def levels(self) -> list:
        """Precisions for what does not tell at once, with the number of points that get them."""
        levels = _MORE_BITS if self.symbols else [(bits, 1) for bits in _CONSTANT_BITS]
        if any(side.has(*BINDERS) for side in self.sides):  # a sum of numbers takes some time
            plain = not self.symbols and not any(side.has(Integral) for side in self.sides)
            return levels[:2] if plain else []
        return [level for level in levels if not self._costly or level[0] <= _COSTLY_BITS]

    def values(self, point: dict, bits: int) -> list[Ball]:
        with ctx.workprec(bits):
            balls = [ball(point[symbol]) for symbol in self.symbols]
            return [function(balls) for function in self.functions]

    def compare(self, point: dict, bits: int) -> bool | str | float:
        """True or False where the balls tell; "undefined"; or to how many digits both sides are the
        same, 0 where there are no values."""
        outcome = self._outcome(lambda: self.values(point, bits))
        irrational = any(not value.is_Rational for value in point.values())
        long = _length(point) > 400 or not all(is_quick(side, point) for side in self.sides)
        told = isinstance(outcome, (bool, str))
        if told or long or not (self._stepped or irrational):
            return outcome
        # A ball around a number like 1/3 or π does not say on which side of a step it lies; SymPy
        # puts numbers into conditions exactly, and knows exp(I·π).
        exact = attempt(lambda: [side.subs(point) for side in self.sides], seconds=_SECONDS)
        if exact is None:
            return outcome
        with ctx.workprec(bits):
            finer = self._outcome(lambda: [compiled(side, ())([]) for side in exact])
        return finer if isinstance(finer, (bool, str)) else max(finer, outcome)

    def _outcome(self, evaluate: Callable) -> bool | str | float:
        try:
            left, right = evaluate()
            if self.relation != "==":
                left, right = ordered(left), ordered(right)
            told = holds(left, right, self.relation)
            return _common_digits(left, right) if told is None else told
        except Undefined:
            return "undefined"
        except (Unsure, OverflowError):
            return 0.0


def _common_digits(left: Ball, right: Ball) -> float:
    """To how many digits two balls that overlap are one number: of the larger one, or after the
    point where that is below 1."""
    gap = acb(left - right)
    width = abs(gap.real.rad()) + abs(gap.imag.rad())
    if not width.is_finite():
        return 0.0
    size = 1 + abs(acb(left)).abs_upper() + abs(acb(right)).abs_upper()
    return max(0.0, float(-(width / size).log() / arb(10).log())) if width > 0 else math.inf


def _length(point: dict) -> int:
    """The length of the longest rational number of a point."""
    lengths = (v.p.bit_length() + v.q.bit_length() for v in point.values() if v.is_Rational)
    return max(lengths, default=0)


def ordered(value: Ball) -> arb:
    """A value that has an order. A ball that may be real and may be not tells nothing."""
    value = real_if_exact(value)
    if isinstance(value, acb):
        real_part(value)  # raises `Undefined` where it certainly is not real
        raise Unsure("perhaps not real")
    return value


def derived(expr: sympy.Expr) -> sympy.Expr:
    """`expr` with its derivatives carried out, sums of a few terms written out, and some functions
    by their definitions; integrals and other sums stay as they are."""
    expr = expr.replace(
        lambda e: isinstance(e, (Derivative, Subs)), lambda e: e.doit(integrals=False)
    )
    return defined(expr).replace(_is_short, _written_out)


def _is_short(expr: sympy.Expr) -> bool:
    if not isinstance(expr, (Sum, Product)) or len(expr.limits) != 1:
        return False
    _, low, high = expr.limits[0]
    return low.is_Integer and high.is_Integer and 0 <= high - low <= _SHORT_SUM


def _written_out(expr: sympy.Expr) -> sympy.Expr:
    index, low, high = expr.limits[0]
    terms = [expr.function.subs(index, k) for k in range(int(low), int(high) + 1)]
    return sympy.Add(*terms) if isinstance(expr, Sum) else sympy.Mul(*terms)
