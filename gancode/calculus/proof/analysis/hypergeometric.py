"""Terms of sums that are a polynomial times a power."""

import sympy
from sympy import Dummy

from .continuity import defined, is_finite
from .regions import Region

_HIGHEST = 6  # degree of the polynomial


def geometric_factor(g: sympy.Expr, k: sympy.Symbol, region: Region) -> tuple | None:
    """x and a polynomial p in k with g = p(k)·xᵏ, proved; None where it is not so. Raises
    `Undecided`."""
    field = region.field
    try:
        ratio = field.form(g.subs(k, k + 1)) * field.form(g).inverse()
        quotient = sympy.cancel(field.expression(field.normal(ratio)))
    except ArithmeticError:  # too large, or zero
        return None
    above, below = sympy.fraction(sympy.together(quotient))
    if not (above.is_polynomial(k) and below.is_polynomial(k)):
        return None
    above, below = sympy.Poly(above, k), sympy.Poly(below, k)
    if above.degree() != below.degree():
        return None
    x = sympy.cancel(above.LC() / below.LC())
    z, start = Dummy("z"), region.range_in(k).low
    start = int(start) if start.is_Integer else 1
    for degree in range(_HIGHEST + 1):
        values = [(i, g.subs(k, i) / x**i) for i in range(start, start + degree + 1)]
        p = sympy.expand(sympy.interpolate(values, z).subs(z, k))
        if is_finite(p) and region.vanishes(g - p * x**k):
            return (x, p) if defined(region, x) and defined(region, p) else None
    return None
