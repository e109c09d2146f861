"""SymPy's advice, with a limit in size and time.

Simplifying, solving and taking limits may need minutes, or fail in ways of their own. An objective
or a divergence gets from here what SymPy has at hand, and does without it otherwise; whatever is
claimed on its ground is proved first.
"""

import sympy
from sympy import Dummy, S

from .deadline import attempt
from .implicit import Implicit
from .rewriting import may_be_rewritten
from .rewriting import simplified as _simplified
from .symbols import in_logarithms

SECONDS = 2.0  # for one question


def simplified(expr: sympy.Expr, size: int = 400, seconds: float = SECONDS) -> sympy.Expr:
    """`sympy.simplify`; the expression as it is where it has more than `size` operations, or where
    simplifying it fails or takes too long, or would write out powers with long exponents."""
    if expr.count_ops() > size:
        return expr
    return attempt(_simplified, expr, seconds=seconds, default=expr)


def simplified_on(expr: sympy.Expr, symbol: sympy.Symbol, where: sympy.Interval) -> sympy.Expr:
    """`expr` simplified with the knowledge that `symbol` lies in the interval `where`.

    The distance from either finite end is a positive number, and SymPy simplifies with that.
    """
    u = Dummy("u", positive=True)
    forms = [(low + u, symbol - low) for low in [where.inf] if low.is_finite]
    forms += [(high - u, high - symbol) for high in [where.sup] if high.is_finite]
    if not forms or symbol.is_positive and where.inf == 0 and not where.sup.is_finite:
        return simplified(expr)
    found = [simplified(simplified(expr.subs(symbol, form)).subs(u, back)) for form, back in forms]
    return min(found, key=lambda result: result.count_ops())


def roots(expr: sympy.Expr, x: sympy.Symbol, seconds: float = SECONDS) -> list:
    """Candidates for the roots of `expr` in `x`, without the formulas of Cardano and Ferrari, which
    nobody can read or simplify; none where SymPy has none in time, or would write out powers with
    long exponents."""
    if expr.count_ops() > 200 or not may_be_rewritten(expr):
        return []
    found = attempt(
        lambda: sympy.solve(expr, x, cubics=False, quartics=False), seconds=seconds, default=[]
    )
    return [root for root in found if isinstance(root, sympy.Expr)]


def limit(
    expr: sympy.Expr, x: sympy.Symbol, point: sympy.Expr, side: str = "+", seconds: float = SECONDS
) -> sympy.Expr | None:
    """The limit of `expr` at `point` (+, - or the default for infinities), a number that may be
    infinite; None where SymPy has none in time, or one that is no number."""
    if point is S.Infinity or point is S.NegativeInfinity:
        side = "-" if point is S.Infinity else "+"
    if not expr.has(x):
        return expr
    if expr.has(Implicit):
        return None
    found = attempt(sympy.limit, in_logarithms(expr), x, point, side, seconds=seconds)
    if found is None or not isinstance(found, sympy.Expr) or found.has(S.NaN, sympy.AccumBounds):
        return None
    if found.has(sympy.Limit) or found is S.ComplexInfinity:
        return None
    return found
