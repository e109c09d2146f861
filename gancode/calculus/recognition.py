"""Which named divergence an expression is, up to its scale: guessed from numbers, then proved."""

import mpmath
import sympy
from sympy import S

from . import advice
from .digits import in_digits
from .divergence import divergences
from .proof import prove
from .symbols import r


def recognised(value: sympy.Expr) -> tuple[str, sympy.Expr] | None:
    """The name of a known divergence and s > 0, where `value` = s·f + c·(r − 1) for some c, which
    integrates to zero; None where no such name is proved."""
    for name in divergences:
        f = divergences[name].f
        if _are_alike(value, f) and (scale := _match(value, f)) is not None:
            return name, scale
    return None


def _match(value: sympy.Expr, f: sympy.Expr) -> sympy.Expr | None:
    """s > 0 with value = s·f + c·(r − 1) for some c, proved; or None."""
    scale, slope = sympy.symbols("s c")
    equations = [(value - scale * f - slope * (r - 1)).subs(r, x) for x in (S(2), S.Half)]
    solution = sympy.linsolve(equations, scale, slope)
    if len(solution) != 1:
        return None
    found, _ = next(iter(solution))
    if found.free_symbols or not found.is_positive:
        return None
    for s in (_fraction_near(found), advice.simplified(found)):
        c = advice.simplified((value - s * f).subs(r, 2))
        if prove(value, s * f + c * (r - 1)).status == "proved":
            return s
    return None


def _are_alike(value: sympy.Expr, f: sympy.Expr) -> bool:
    """Whether value = s·f + c·(r − 1) for some numbers s and c, as far as four points tell."""
    with mpmath.workdps(30):
        functions = [in_digits(expr, [r]) for expr in (value, f, r - 1)]
        rows = [[g(x) for g in functions] for x in map(mpmath.mpf, (2, 0.5, 3, 0.2))]
        if any(map(mpmath.isnan, sum(rows, []))):
            return False
        one, two, *others = rows
        normal = [
            one[i - 2] * two[i - 1] - one[i - 1] * two[i - 2] for i in range(3)
        ]  # to the plane of the first two rows, in which the others must lie
        return all(abs(mpmath.fdot(normal, row)) < mpmath.mpf(10) ** -20 for row in others)


def _fraction_near(number: sympy.Expr) -> sympy.Expr:
    """The simplest fraction within 15 digits of a number."""
    return sympy.nsimplify(sympy.N(number, 30), rational=True, tolerance=1e-15)
