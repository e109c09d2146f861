"""What a generator descends against the optimal critic: the two readings of an objective.

Let h(r) = L_G(t*(r)) be the generator's loss at a sample, as the optimal critic has it there. *Held
still*, the critic is a function that does not answer, as in one step of training: the mean of h is
differentiated through the samples only. *Played out*, it answers each change of the generator: the
mean of h is what is minimised. In a zero-sum game both are the same where the critic is a smooth
function of r (the envelope theorem).
"""

import sympy
from sympy import Piecewise, Symbol, log
from sympy.logic.boolalg import Boolean

from . import advice
from .convex import NotConvexError
from .deadline import attempt
from .densities import NoClosedFormError
from .divergence import Divergence, divergences
from .implicit import Implicit
from .proof import prove
from .recognition import recognised
from .rewriting import may_be_factored
from .symbols import in_logarithms, r

_SECONDS = 1.5  # for an integral, and for a name
_U = Symbol("u", positive=True)  # q/p


def force(h: sympy.Expr) -> sympy.Expr:
    """Φ(r) = −r·h′(r), with which a sample is pulled along ∇ₓ log r: h is the generator's loss at
    the optimal critic."""
    if isinstance(h, Piecewise):
        return _merged(*((force(part), where) for part, where in h.args))
    pull = -r * in_logarithms(h).diff(r)
    if pull.has(sympy.DiracDelta):
        raise NoClosedFormError("the generator's loss jumps: almost no sample is pulled")
    return pull if h.has(Implicit) else _shortest(pull)


def held_still(h: sympy.Expr) -> Divergence:
    """The divergence ∫ q·g(p/q) whose gradient is that of E_q[h] with h held still.

    The mean of p·k(q/p) changes with q as E_q[h] does if k′(u) = h(1/u), up to a constant. So
    g(r) = r·∫ from 1 to 1/r of (h(1/u) − h(1)) du, which has g″ = Φ/r² and g(1) = g′(1) = 0. That
    is proved of what SymPy finds for the integral.
    """
    if h.has(Implicit):
        raise NoClosedFormError("the critic has no closed form: g is the one with g″ = Φ/r²")
    phi = force(h)
    if phi == 0:
        raise NoClosedFormError("the force is 0: the critic pulls at almost no sample")
    if phi.has(Piecewise):
        raise NoClosedFormError("the force has several formulas: g is the one with g″ = Φ/r²")
    sign = prove(phi, 0, ">=")
    if sign.status == "refuted":
        where = "".join(f" at r = {value}" for value in sign.counterexample.values())
        raise NotConvexError(
            f"the force {phi} is negative{where}: samples there are pushed towards smaller p/q, "
            "and held still the critic leads the generator down no divergence"
        )
    slope = in_logarithms(h - h.subs(r, 1)).subs(r, 1 / _U)
    integral = _antiderivative(slope)
    if integral is None:
        raise NoClosedFormError("no closed form was found; its g is known by g″ = Φ/r²")
    g = _shortest(r * (integral - integral.subs(_U, 1)).subs(_U, 1 / r))
    claims = ((g.diff(r, 2), phi / r**2), (g.subs(r, 1), 0), (g.diff(r).subs(r, 1), 0))
    if any(prove(*claim).status != "proved" for claim in claims):
        raise NoClosedFormError(f"g = {g} was found, but not proved to have g″ = Φ/r²")
    return _named(g, sympy.S.Zero)


def played_out(h: sympy.Expr, on_real: sympy.Expr) -> Divergence:
    """The divergence in E_q[h] + E_p[on_real], two expressions in r.

    Raises `NotConvexError` where it is none.
    """
    value = in_logarithms(h + r * on_real)
    if value.has(Piecewise, Implicit):
        raise NoClosedFormError("E_q[L_G(t*)] has no single formula")
    offset = advice.simplified(value.subs(r, 1))
    slope = value.diff(r).subs(r, 1)
    try:
        return _named(_shortest(value - offset - slope * (r - 1)), offset)
    except NotConvexError as error:
        raise NotConvexError(f"E_q[L_G(t*)] is not proved a divergence: {error}") from None


def _named(f: sympy.Expr, offset: sympy.Expr) -> Divergence:
    if known := attempt(recognised, f, seconds=_SECONDS):
        name, scale = known
        return divergences[name].scaled(scale, offset)
    return Divergence(f).scaled(1, offset)


def _antiderivative(slope: sympy.Expr) -> sympy.Expr | None:
    if may_be_factored(slope):
        slope = slope.replace(log, lambda x: sympy.expand_log(log(sympy.factor(x))))
    found = attempt(_by_terms, slope, seconds=_SECONDS)
    return None if found is None or found.has(sympy.Integral, Piecewise) else found


def _by_terms(slope: sympy.Expr) -> sympy.Expr:
    """SymPy is quicker term by term; together, terms may have an integral that none has alone."""
    terms = [sympy.integrate(term, _U) for term in sympy.Add.make_args(sympy.expand(slope))]
    whole = sympy.Add(*terms)
    return sympy.integrate(advice.simplified(slope), _U) if whole.has(sympy.Integral) else whole


def _shortest(expr: sympy.Expr) -> sympy.Expr:
    if expr.is_rational_function(r):
        return sympy.factor(expr)
    expanded = sympy.expand(sympy.expand_log(expr))
    forms = (expanded, advice.simplified(expr), advice.simplified(expanded))
    return min(map(sympy.expand_log, forms), key=sympy.count_ops)


def _merged(*parts: tuple[sympy.Expr, Boolean]) -> sympy.Expr:
    values = {value for value, _ in parts}
    return values.pop() if len(values) == 1 else Piecewise(*parts)
