"""Convex functions of one variable: their pieces, and where they are least.

Two questions of this book are one. The optimal critic minimises `p·L_real(t) + q·L_generated(t)`
over `t`; the Fenchel conjugate of `f` at `y` minimises `f(r) - y·r` over `r`. Both minimise
`s·A(x) + B(x)` over `x`, for every value of a parameter `s`, and both functions may have kinks.
"""

import itertools

import sympy
from sympy import AccumBounds, Dummy, Interval, Piecewise, S, exp, log, oo
from sympy.core.relational import Relational

from .domain import simplify_on
from .kinks import between, inside, pieces, probes
from .proof import prove


class NotConvexError(ValueError):
    """The function is not convex (or not continuous); the message gives a place."""


def require_convex(function, x, low=-oo, high=oo) -> None:
    """Raise `NotConvexError`, with a place, unless `function` is convex on (low, high)."""
    parts = pieces(function, x, low, high)
    for piece in parts:
        for point in probes(piece.low, piece.high):
            if not piece.expr.subs(x, point).is_real:
                raise NotConvexError(f"{function} has no real value at {x} = {point}")
        proof = prove(piece.expr.diff(x, 2), 0, ">=", piece.inside(x))
        if not proof:
            place = proof.counterexample.get(x, between(piece.low, piece.high))
            raise NotConvexError(
                f"{function} is not convex: at {x} = {place} its second derivative is "
                f"{sympy.N(proof.lhs_value, 6)}"
            )
    for left, right in zip(parts, parts[1:], strict=False):
        kink = left.high
        if not prove(left.expr.subs(x, kink), right.expr.subs(x, kink)):
            raise NotConvexError(f"{function} is not convex: it jumps at {x} = {kink}")
        if not prove(left.expr.diff(x).subs(x, kink), right.expr.diff(x).subs(x, kink), "<="):
            raise NotConvexError(f"{function} is not convex: its slope falls at {x} = {kink}")


def minimisers(
    first, second, x, s, low=-oo, high=oo, guesses=()
) -> list[tuple[sympy.Expr, sympy.Set]]:
    """Where `s·first + second`, convex in `x` on (low, high), is least, for every value of `s`.

    Returns pairs of a minimiser (an expression in `s`; an `AccumBounds` where a whole interval
    minimises) and the set of `s` for which it is one. Values of `s` in no set have no minimiser
    inside (low, high). `guesses` are expressions in `s` that may be minimisers; they are tried
    before the first-order condition is solved. Raises `NotImplementedError` where SymPy cannot
    solve it.
    """
    parameters = Interval.open(0, oo) if s.is_positive else S.Reals
    parts = pieces(s * first + second, x, low, high)
    slopes = [piece.expr.diff(x) for piece in parts]
    if len(parts) == 1:
        for guess in guesses:  # a stationary point of a convex function needs no limits
            if prove(slopes[0].subs(x, guess), 0).status == "proved":
                return [(guess, parameters)]
    found = []
    for piece, slope in zip(parts, slopes, strict=True):
        start, end = (_edge(slope, x, edge) for edge in ((piece.low, "+"), (piece.high, "-")))
        if not slope.has(x) or sympy.simplify(slope.diff(x)) == 0:
            level = sympy.FiniteSet(*sympy.solve(sympy.simplify(slope), s)) & parameters
            if level is not S.EmptySet:
                found.append((AccumBounds(piece.low, piece.high), level))
            continue
        rising = _where(start, s, "<", parameters) & _where(end, s, ">", parameters)
        if rising is not S.EmptySet:
            found.append((_root(slope, x, s, piece, rising, guesses), rising))
    for left, right, piece in zip(slopes, slopes[1:], parts, strict=False):
        kink = piece.high
        least = _where(left.subs(x, kink), s, "<=", parameters) & _where(
            right.subs(x, kink), s, ">=", parameters
        )
        if least is not S.EmptySet:
            found.append((kink, least))
    return found


def conjugate(function, x, y, low=-oo, high=oo, guesses=()) -> tuple[sympy.Expr, sympy.Set]:
    """The Fenchel conjugate sup over x in (low, high) of (x·y − function), convex in `x`, and the
    set of `y` on which it is finite.

    Where the function's slope is finite at a finite end, that end is where the supremum lies for
    all y beyond the slope. `guesses` as for `minimisers`.
    """
    branches, domain = [], S.EmptySet
    for least, where in minimisers(-x, function, x, y, low, high, guesses):
        domain = domain | where
        if isinstance(least, AccumBounds):  # linear there: one end serves as well
            continue
        value = simplify_on(y * least - function.subs(x, least), y, where)
        branches.append((value, where.as_relational(y)))
    for end, side, beyond in ((low, "+", Interval(-oo, 0)), (high, "-", Interval(0, oo))):
        if not end.is_finite:
            continue
        value = sympy.limit(function, x, end, side)
        slope = sympy.limit(function.diff(x).rewrite(Piecewise), x, end, side)
        if value.is_finite and slope.is_finite:
            where = Interval(beyond.inf + slope, beyond.sup + slope)
            domain = domain | where
            branches.append((end * y - value, where.as_relational(y)))
    last, _ = branches.pop()  # outside the domain nothing is said, so the last needs no condition
    return Piecewise(*branches, (last, True)), domain


def _edge(slope, x, edge):
    return sympy.limit(slope, x, *edge)


def _where(value, s, relation, parameters) -> sympy.Set:
    """The parameters at which `value` (affine in `s`, or infinite) stands in `relation` to 0."""
    statement = Relational(sympy.simplify(value), 0, relation)
    if statement in (sympy.true, sympy.false):
        return parameters if statement == True else S.EmptySet  # noqa: E712
    return parameters & statement.as_set()


def _root(slope, x, s, piece, valid, guesses):
    """The root of `slope` in `x` within the piece, for `s` in `valid`; proved to be one."""
    ways = (_exponential_roots, _logarithmic_roots, _solve)
    for root in itertools.chain(guesses, *(way(slope, x) for way in ways)):
        values = [root.subs(s, probe) for probe in probes(valid.inf, valid.sup)]
        if not all(v.is_real and inside(v, piece.low, piece.high) for v in values):
            continue
        root = sympy.simplify(root)
        where = [valid.as_relational(s)] if valid != S.Reals else []
        if prove(slope.subs(x, root), 0, assumptions=where):
            return root
    raise NotImplementedError(
        f"SymPy finds no closed form for the {x} at which {sympy.simplify(slope)} vanishes"
    )


def _exponential_roots(slope, x):
    """Roots by w = exp(x): exact where the slope is rational in w."""
    if slope.has(exp):
        w = Dummy("w", positive=True)
        numerator = sympy.numer(sympy.together(sympy.simplify(slope.subs(x, log(w)))))
        if not numerator.has(log):
            yield from (log(root) for root in _solve(numerator, w))


def _logarithmic_roots(slope, x):
    """Roots of c·log g(x) + rest, where the rest is free of x: those of g(x) = exp(−rest/c)."""
    rest, logs = sympy.expand_log(sympy.expand(slope), force=True).as_independent(x, as_Add=True)
    terms = [term.as_independent(x) for term in sympy.Add.make_args(sympy.expand(logs))]
    if not all(isinstance(function, log) for _, function in terms):
        return
    unit = terms[0][0]
    powers = [factor / unit for factor, _ in terms]
    if all(power.is_Integer for power in powers):
        bases = [function.args[0] for _, function in terms]
        g = sympy.Mul(*(base**power for base, power in zip(bases, powers, strict=True)))
        yield from _solve(sympy.numer(sympy.together(g - exp(-rest / unit))), x)


def _solve(expression, x):
    """Roots without the formulas of Cardano and Ferrari, which nobody can read or simplify."""
    try:
        yield from sympy.solve(expression, x, cubics=False, quartics=False)
    except (NotImplementedError, sympy.PolynomialError):
        return
