"""From an f-divergence to the game whose critic estimates it.

By Fenchel's duality, D_f(p‖q) ≥ E_p[T] − E_q[f*(T)] for every T with values in the domain of f*,
with equality at T = f′(p/q) (Nguyen, Wainwright and Jordan 2010). The right side, which a critic
raises and a generator lowers, is a game (Nowozin, Cseke and Tomioka 2016).

A network's output v is any number, and T is not. Where f is smooth, T = f′(exp(v)): these are all
values that may be optimal, v = log(p/q) is the best output whatever f is, and nothing need be
inverted, since f*(f′(r)) = r·f′(r) − f(r). Where f′ jumps or stands still, T rises from one end of
its domain to the other by a softplus or a sigmoid.
"""

import sympy
from sympy import Interval, S, Symbol, exp, oo

from ..errors import Refused
from . import advice
from .convex import is_smooth
from .densities import NoClosedFormError
from .divergence import Divergence
from .implicit import implicit, inverted
from .kinks import outermost, pieces
from .objective import Objective
from .proof import prove
from .symbols import a, b, r, sigmoid, softplus

_V = Symbol("v", real=True)  # the network's output


def objective(divergence: Divergence, name: str, source: str) -> Objective:
    """The zero-sum game in the variational bound of a divergence: see `Divergence.objective`."""
    star = divergence.conjugate()
    if prove(divergence.f, divergence.f.subs(r, 2) * (r - 1)):
        raise Refused(f"f = {divergence.f} is a line: D_f is 0 for all densities")
    domain = _slopes(divergence.f, star.domain)
    cut = pieces(star.expr, star.symbol, domain.inf, domain.sup)
    conjugate = (cut[0].expr if len(cut) == 1 else star.expr).subs(star.symbol, b)
    activation, on_output = _rising(domain), None
    if is_smooth(divergence.f, r, S.Zero, oo):
        slope, on_ratio = _on_ratio(divergence.f)
        activation, on_output = slope.subs(r, exp(_V)), on_ratio.subs(r, exp(_V))
        if prove(inverted(conjugate.subs(b, slope), [r]), on_ratio).status != "proved":
            conjugate = _by_inverse(divergence.f)

    def losses(real: sympy.Expr, generated: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
        loss = divergence.scale * generated
        return loss - divergence.scale * real - sympy.expand_log(divergence.offset), -loss

    outputs = on_output and losses(activation.subs(_V, a), on_output.subs(_V, b))
    return Objective(*losses(a, conjugate), name, source, domain, activation, outputs)


def _slopes(f: sympy.Expr, domain: sympy.Set) -> Interval:
    """From f′(0) to f′(∞), with the ends that lie in the domain of f*. Below f′(0) the conjugate is
    constant, where it is finite at all, so that a smaller T only loses."""
    near = zip(outermost(f, r, S.Zero, oo), (S.Zero, oo), strict=True)
    ends = [advice.limit(part.diff(r), r, place) for part, place in near]
    if None in ends:
        raise NoClosedFormError(f"the slopes of f = {f} at 0 and at infinity are not known")
    ends = list(map(advice.simplified, ends))
    return Interval(*ends, *(domain.contains(end) != True for end in ends))  # noqa: E712


def _on_ratio(f: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """f′(r) and f*(f′(r)) of a smooth f."""
    (smooth,) = pieces(f, r, S.Zero, oo)
    slope = smooth.expr.diff(r)
    return _plain(slope), _plain(r * slope - smooth.expr)


def _by_inverse(f: sympy.Expr) -> sympy.Expr:
    """f*(b) of a smooth f, by the inverse of f′ as an implicit function."""
    place = implicit("r", S.NegativeOne, f.diff(r), r, S.Zero, oo)(b)
    return b * place - f.subs(r, place)


def _plain(expr: sympy.Expr) -> sympy.Expr:
    """The shortest form that SymPy knows of an expression in r."""
    forms = [sympy.expand(expr), advice.simplified(expr)]
    forms += [sympy.apart(expr, r)] if expr.is_rational_function(r) else []
    return min(map(sympy.expand_log, forms), key=sympy.count_ops)


def _rising(domain: Interval) -> sympy.Expr:
    """An increasing function of the output that takes all values inside the domain."""
    low, high = domain.inf, domain.sup
    if low.is_finite and high.is_finite:
        return low + (high - low) * sigmoid(_V)
    if low.is_finite:
        return low + softplus(_V)
    return high - softplus(-_V) if high.is_finite else _V
