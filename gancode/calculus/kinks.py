"""Functions with kinks, cut into pieces that are smooth."""

from dataclasses import dataclass

import sympy
from sympy import Abs, Expr, Max, Min, Piecewise, S, Symbol, oo
from sympy.core.relational import Relational

from .deadline import attempt
from .rewriting import may_be_rewritten
from .symbols import in_logarithms

KINKED = (Max, Min, Abs, Piecewise)
_SECONDS = 2.0  # for the kinks of one part


@dataclass(frozen=True)
class Piece:
    """`expr` is the function on the open interval (low, high), and it is smooth there."""

    low: sympy.Expr
    high: sympy.Expr
    expr: sympy.Expr

    def inside(self, x: Expr) -> list:
        """The relations that confine `x` to the piece."""
        return [
            *([x > self.low] if self.low.is_finite else []),
            *([x < self.high] if self.high.is_finite else []),
        ]


def pieces(function: Expr, x: Symbol, low: Expr = -oo, high: Expr = oo) -> list[Piece]:
    """Cut `function` of `x` at its kinks (of Max, Min, Abs and Piecewise) within (low, high).

    Raises `NotImplementedError` where the kinks cannot be found.
    """
    function = _without_roots_of_squares(in_logarithms(function))
    kinks = set()
    for part in function.atoms(*KINKED):
        for crossing in _crossings(part):
            kinks |= {kink for kink in _roots(crossing, x, part) if inside(kink, low, high)}
    edges = [low, *sorted(kinks), high]
    return [
        Piece(left, right, _active(function, x, between(left, right)))
        for left, right in zip(edges, edges[1:], strict=False)
    ]


def outermost(function: Expr, x: Symbol, low: Expr, high: Expr) -> tuple:
    """The function near both ends of the interval, without kinks."""
    if not function.has(*KINKED):
        return function, function
    cut = pieces(function, x, low, high)
    return cut[0].expr, cut[-1].expr


def _without_roots_of_squares(function: Expr) -> Expr:
    """√(t² − 2·t + 1) is |t − 1|, and has a kink."""
    return function.replace(
        lambda e: e.is_Pow and e.exp.is_Rational and e.exp.q == 2 and e.base.is_polynomial(),
        lambda e: sympy.sqrt(sympy.factor(e.base)) ** (2 * e.exp),
    )


def _roots(crossing: Expr, x: Symbol, part: Expr) -> sympy.Set:
    if not crossing.has(x):
        return S.EmptySet
    short = may_be_rewritten(crossing)
    found = short and attempt(sympy.solveset, crossing, x, S.Reals, seconds=_SECONDS)
    if not (found is S.EmptySet or isinstance(found, sympy.FiniteSet)):
        raise NotImplementedError(f"the kinks of {part} cannot be found")
    return found


def _crossings(part: Expr) -> list[Expr]:
    """Expressions whose zeros are the kinks of `part`."""
    if isinstance(part, Abs):
        return [part.args[0]]
    if isinstance(part, Piecewise):
        return [c.lhs - c.rhs for _, condition in part.args for c in condition.atoms(Relational)]
    return [one - other for i, one in enumerate(part.args) for other in part.args[i + 1 :]]


def inside(value: Expr, low: Expr, high: Expr) -> bool:
    """Whether a number lies in the open interval (low, high), whose ends may be infinite."""
    return bool((value - low).is_extended_positive and (high - value).is_extended_positive)


def probes(low: Expr, high: Expr) -> list:
    """Three numbers inside the interval (low, high), whose ends may be infinite."""
    if low.is_finite and high.is_finite:
        return [low + (high - low) * sympy.Rational(k, 8) for k in (4, 1, 7)]
    if low.is_finite:
        return [low + sympy.Rational(k, 7) for k in (7, 1, 50)]
    if high.is_finite:
        return [high - sympy.Rational(k, 7) for k in (7, 1, 50)]
    return [S.Zero, S(-3), S(3)]


def between(low: Expr, high: Expr) -> Expr:
    """A number inside the interval (low, high)."""
    return probes(low, high)[0]


def _active(function: Expr, x: Symbol, point: Expr) -> Expr:
    """`function` with every kink replaced by the branch that holds at `point`."""

    def branch(part: Expr) -> Expr:
        if isinstance(part, Abs):
            return part.args[0] if part.args[0].subs(x, point) >= 0 else -part.args[0]
        if isinstance(part, Piecewise):
            return next(value for value, condition in part.args if condition.subs(x, point) == True)  # noqa: E712
        choose = max if isinstance(part, Max) else min
        return choose(part.args, key=lambda argument: argument.subs(x, point))

    return function.replace(lambda e: isinstance(e, KINKED), branch)
