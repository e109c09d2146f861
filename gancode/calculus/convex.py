"""Convex functions of one variable: their pieces, and where they are least.

Two questions of this book are one. The optimal critic minimises `p·L_real(t) + q·L_generated(t)`
over `t`; the Fenchel conjugate of `f` at `y` minimises `f(r) - y·r` over `r`. Both minimise
`s·A(x) + B(x)` over `x`, for every value of a parameter `s`, and both functions may have kinks.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sympy
from sympy import AccumBounds, Expr, Interval, LambertW, Piecewise, Pow, S, Symbol, exp, log, oo
from sympy.core.relational import Relational

from ..errors import Refused
from . import advice
from .curvature import is_convex
from .deadline import attempt
from .implicit import Implicit, implicit
from .kinks import Piece, between, outermost, pieces, probes
from .proof import Proof, prove
from .roots import formula

_SECONDS = 8.0  # for the closed form of a conjugate
_SMOOTH = (  # besides powers: functions without a jump, kink or pole on the real line
    *(exp, sympy.sinh, sympy.cosh, sympy.tanh, sympy.asinh, sympy.atan, sympy.erf, sympy.erfc),
    *(sympy.sin, sympy.cos),
)


class NotConvexError(Refused):
    """The function is not convex, or was not proved to be; the message says where or why."""


@dataclass(frozen=True)
class Branch:
    """`value` minimises for every s in `where`: an expression in s, which may hold an `Implicit`
    function, or an `AccumBounds` where a whole interval minimises."""

    value: sympy.Expr
    where: sympy.Set
    piece: Piece | None = None  # in which the value lies, unless at a kink


# Is it convex? ---------------------------------------------------------------------------------


def convexity(function: Expr, x: Symbol, low: Expr = -oo, high: Expr = oo) -> str:
    """How it is known that `function` is convex on (low, high): "proved", or only "checked".

    Raises `NotConvexError`, with a place, where it is not, and `NotImplementedError` where its
    kinks cannot be found.
    """
    if is_convex(function, x, low, high):
        return "proved"
    parts = pieces(function, x, low, high)
    proofs = []
    for piece in parts:
        proofs += _defined(piece, x, function)
        proof = prove(piece.expr.diff(x, 2), 0, ">=", piece.inside(x))
        if not proof:
            place = proof.counterexample.get(x, between(piece.low, piece.high))
            raise NotConvexError(
                f"{function} is not convex: at {x} = {place} its second derivative is "
                f"{sympy.N(proof.lhs_value, 6)}"
            )
        proofs.append(proof)
    for left, right in itertools.pairwise(parts):
        kink = left.high
        meet = [prove(side.expr.subs(x, kink), function.subs(x, kink)) for side in (left, right)]
        if not all(meet):
            raise NotConvexError(f"{function} is not convex: it jumps at {x} = {kink}")
        turn = prove(left.expr.diff(x).subs(x, kink), right.expr.diff(x).subs(x, kink), "<=")
        if not turn:
            raise NotConvexError(f"{function} is not convex: its slope falls at {x} = {kink}")
        proofs += [*meet, turn]
    return "proved" if all(proof.status == "proved" for proof in proofs) else "checked"


def require_convex(function: Expr, x: Symbol, low: Expr = -oo, high: Expr = oo) -> None:
    """Raise `NotConvexError` unless `function` is proved to be convex on (low, high)."""
    if convexity(function, x, low, high) != "proved":
        raise NotConvexError(
            f"{function} may be convex, but that was only checked at many points, not proved"
        )


def _defined(piece: Piece, x: Symbol, function: Expr) -> Iterator[Proof]:
    """Proofs that the function is real, finite and smooth inside the piece: second derivatives say
    nothing of poles and jumps."""
    for point in probes(piece.low, piece.high):
        if not sympy.N(piece.expr.subs(x, point)).is_real:
            raise NotConvexError(f"{function} has no real value at {x} = {point}")
    for part in piece.expr.atoms(Pow, sympy.Function):
        if part.is_number or isinstance(part, _SMOOTH):
            continue
        if isinstance(part, Pow) and part.exp.is_Integer and part.exp > 0:
            continue
        if isinstance(part, (Pow, log)) and part.args[0].is_positive:
            continue
        if not isinstance(part, (Pow, log, LambertW)):
            raise NotConvexError(f"{function} is not known to be convex: {part} may jump")
        pole = part.is_Pow and part.exp.is_Integer
        proof = prove(part.args[0] ** (2 if pole else 1), 0, ">", piece.inside(x))
        if not proof:
            place = proof.counterexample.get(x, between(piece.low, piece.high))
            raise NotConvexError(f"{function} has no real value at {x} = {place}")
        yield proof


def is_smooth(function: Expr, x: Symbol, low: Expr = -oo, high: Expr = oo) -> bool:
    """Whether `function` is proved to have no kink, jump or pole in (low, high)."""
    try:
        (piece,) = pieces(function, x, low, high)
        return all(proof.status == "proved" for proof in _defined(piece, x, function))
    except (NotConvexError, NotImplementedError, ValueError):  # no, unknown, and more than a piece
        return False


# Where is it least? ----------------------------------------------------------------------------


def minimisers(
    first: Expr,
    second: Expr,
    x: Symbol,
    s: Symbol,
    low: Expr = -oo,
    high: Expr = oo,
    *,
    closed: tuple[bool, bool] = (False, False),
    guesses: Sequence[Expr] = (),
    name: str,
    seconds: float,
) -> list[Branch]:
    """Where `s·first + second`, convex in `x` on (low, high), is least, for every value of `s`.

    Values of `s` in no branch have no minimiser. `closed` says which ends belong to the interval.
    `guesses` are expressions in `s` that may be minimisers; they are tried before the first-order
    condition is solved. Where that finds no formula in so many `seconds`, the minimiser is an
    `Implicit` function called `name`. Raises `NotImplementedError` where a slope has no known
    limit.
    """
    parameters = Interval.open(0, oo) if s.is_positive else S.Reals
    parts = [_Sloped.of(piece, x, s) for piece in pieces(s * first + second, x, low, high)]
    if len(parts) == 1:
        for guess in guesses:  # a stationary point of a convex function needs no limits
            if prove(parts[0].slope.subs(x, guess), 0).status == "proved":
                return [Branch(guess, parameters, parts[0].piece)]
    found = []
    for part in parts:
        if part.is_affine(x):
            level = part.level(s) & parameters
            if level is not S.EmptySet:
                flat = AccumBounds(part.piece.low, part.piece.high)
                found.append(Branch(flat, level, part.piece))
            continue
        start, end = part.ends(x)
        rising = _where(start, "<", parameters) & _where(end, ">", parameters)
        if rising is not S.EmptySet:
            root = attempt(formula, part, x, s, rising, guesses, seconds=seconds)
            if root is None:
                piece = part.piece
                root = implicit(name, part.first, part.second, x, piece.low, piece.high)(s)
            found.append(Branch(root, rising, part.piece))
    for left, right in itertools.pairwise(parts):
        kink = left.piece.high
        before, after = left.at(x, kink, "-"), right.at(x, kink, "+")
        least = _where(before, "<=", parameters) & _where(after, ">=", parameters)
        if least is not S.EmptySet and not _joined(found, kink, least, s):
            found.append(Branch(kink, least))
    for end, part, side, relation, belongs in (
        (low, parts[0], "+", ">=", closed[0]),
        (high, parts[-1], "-", "<=", closed[1]),
    ):
        beyond = _where(part.at(x, end, side), relation, parameters) if belongs else S.EmptySet
        if beyond is not S.EmptySet:
            found.append(Branch(end, beyond))
    return found


def _joined(found: list[Branch], kink: Expr, least: sympy.Set, s: Symbol) -> bool:
    """Whether a formula for another piece holds at the kink too, where it is least for only one s;
    then that s is added to it."""
    if not isinstance(least, sympy.FiniteSet) or len(least) != 1:
        return False
    (only,) = least
    for i, branch in enumerate(found):
        formula = not isinstance(branch.value, (AccumBounds, Implicit))
        ends = only in (branch.where.inf, branch.where.sup)
        if formula and ends and advice.simplified(branch.value.subs(s, only) - kink) == 0:
            found[i] = Branch(branch.value, branch.where | least, branch.piece)
            return True
    return False


@dataclass(frozen=True)
class _Sloped:
    """A piece of s·first + second with its slopes: s·`first` + `second`."""

    piece: Piece
    slope: sympy.Expr
    first: sympy.Expr
    second: sympy.Expr

    @classmethod
    def of(cls, piece: Piece, x: Symbol, s: Symbol) -> "_Sloped":
        slope = piece.expr.diff(x)
        return cls(piece, slope, slope.diff(s), slope.subs(s, 0))

    def is_affine(self, x: Symbol) -> bool:
        """Whether the slope is the same on the whole piece."""
        bends = [part.diff(x) for part in (self.first, self.second)]
        place = probes(self.piece.low, self.piece.high)[1]
        if any(abs(sympy.N(bend.subs(x, place))) > 1e-9 for bend in bends):
            return False
        return all(advice.simplified(bend) == 0 for bend in bends)

    def level(self, s: Symbol) -> sympy.Set:
        """The values of s at which a constant slope vanishes."""
        first, second = (advice.simplified(part) for part in (self.first, self.second))
        if first == 0:
            return S.Reals if second == 0 else S.EmptySet
        return sympy.FiniteSet(advice.simplified(-second / first))

    def at(self, x: Symbol, place: Expr, side: str) -> tuple:
        """The one-sided limits of both slopes at a place."""
        found = tuple(advice.limit(part, x, place, side) for part in (self.first, self.second))
        if None in found:
            raise NotImplementedError(
                f"the slope of {self.piece.expr} has no known limit at {x} = {place}"
            )
        return found

    def ends(self, x: Symbol) -> tuple:
        return self.at(x, self.piece.low, "+"), self.at(x, self.piece.high, "-")


def _where(slopes: Sequence[Expr], relation: str, parameters: sympy.Set) -> sympy.Set:
    """The parameters s at which s·a + b stands in `relation` to 0, for numbers a and b, which may
    be infinite, though not of both signs, and then s is positive."""
    a, b = slopes
    infinite = [part for part in slopes if not part.is_finite]
    if infinite or a == 0:
        sign = infinite[0] if infinite else b
        holds = sympy.sympify(Relational(sign, 0, relation))
        return parameters if holds == True else S.EmptySet  # noqa: E712
    border = advice.simplified(-b / a)
    strict = relation in ("<", ">")
    if (relation[0] == "<") == bool(a.is_positive):
        return parameters & Interval(-oo, border, True, strict)
    return parameters & Interval(border, oo, strict, True)


def conjugate(
    function: Expr,
    x: Symbol,
    y: Symbol,
    low: Expr = -oo,
    high: Expr = oo,
    guesses: Sequence[Expr] = (),
    *,
    name: str,
) -> tuple:
    """The Fenchel conjugate sup over x in (low, high) of (x·y − function), convex in `x`, and the
    set of `y` on which it is finite.

    Where the function is finite at a finite end, that end is where the supremum lies for all y
    beyond its slope there. `guesses` and `name` as for `minimisers`.
    """
    near = zip((low, high), outermost(function, x, low, high), "+-", strict=True)
    ends = {end: advice.limit(expr, x, end, side) for end, expr, side in near}
    closed = [bool(end.is_finite and ends[end] is not None and ends[end].is_finite) for end in ends]
    options = {"closed": closed, "guesses": guesses, "name": name, "seconds": _SECONDS}
    found = minimisers(-x, function, x, y, low, high, **options)
    domain = sympy.Union(*(branch.where for branch in found))
    branches = []
    for branch in found:
        if isinstance(branch.value, AccumBounds):  # linear there: one end serves as well
            continue
        if branch.value in ends:
            value = branch.value * y - ends[branch.value]
        else:
            smooth = branch.piece.expr.subs(y, 0) if branch.piece else function
            value = y * branch.value - smooth.subs(x, branch.value)
            value = advice.simplified_on(value, y, branch.where)
        branches.append((value, branch.where))
    for end in _finite_ends(branches, y, domain):
        domain |= sympy.FiniteSet(end)
    *first, (last, _) = [(value, where.as_relational(y)) for value, where in branches]
    # outside the domain nothing is said, so the last needs no condition
    return Piecewise(*first, (last, True)), domain


def _finite_ends(
    branches: list[tuple[Expr, sympy.Set]], y: Symbol, domain: sympy.Set
) -> Iterator[Expr]:
    """The open ends of the domain at which a conjugate, which is continuous up to them, is finite.
    Each is put into its branch, or into one of its own where a formula cannot be evaluated there.
    """
    for end, side in ((domain.inf, "+"), (domain.sup, "-")):
        k = next((k for k, (_, where) in enumerate(branches) if end in where.boundary), None)
        if not end.is_finite or domain.contains(end) == True or k is None:  # noqa: E712
            continue
        value, where = branches[k]
        limit = advice.limit(value, y, end, side)
        if limit is None or not limit.is_finite:
            continue
        if advice.simplified(value.subs(y, end) - limit) == 0:
            branches[k] = value, where | sympy.FiniteSet(end)
        else:
            branches.insert(0, (limit, sympy.FiniteSet(end)))
        yield end
