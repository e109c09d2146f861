"""Values of sums and products over whole numbers, proved by telescoping.

T(k + 1) − T(k) = f(k) for every k from a to b, where T is defined up to b + 1, gives the sum from a
to b as T(b + 1) − T(a), and its limit where b = ∞. Sums are taken over a ≤ k ≤ b; where b < a − 1
nothing is proved, since conventions differ.
"""

from collections.abc import Iterator

import sympy
from sympy import Dummy, Product, S, Sum, cos, exp, sin
from sympy.concrete.gosper import gosper_term

from ...deadline import attempt
from ..whole import is_whole
from .continuity import analytic, is_finite
from .integrals import DivergesError
from .limits import limit_of
from .pascal import binomial_theorem, vandermonde
from .regions import Region
from .series import known_series

_SECONDS = 1.5  # for one adviser
_MOST_TERMS = 40  # that are written out


def summation(atom: Sum, region: Region) -> tuple[sympy.Expr, str] | None:
    """The value of a sum over one variable. Raises `Undecided`, and `DivergesError` where it has no
    value at any point of the region."""
    f, ((k, low, high),) = atom.function, atom.limits
    if not is_finite(f) or not _are_whole(low, high):
        return None
    if (terms := written_out(f, k, low, high)) is not None:
        return sympy.Add(*terms), "term by term"
    if not high.is_infinite and not region.never_negative(high - low + 1):
        return _below(f, k, low, high, region)
    ways = (binomial_theorem, vandermonde, known_series if high.is_infinite else None, _telescoped)
    for way in filter(None, ways):
        if (found := way(f, k, low, high, region)) is not None:
            return found
    if high.is_infinite:
        _require_vanishing_terms(f, k, low, region)
    return None


def _require_vanishing_terms(
    f: sympy.Expr, k: sympy.Symbol, low: sympy.Expr, region: Region
) -> None:
    """Raise `DivergesError` where the squares of real terms have a limit that is not zero."""
    here, inside = region.along(k, low, S.Infinity, integer=True)
    square = sympy.expand_power_base(sympy.expand(f.xreplace({k: here}) ** 2))
    found = limit_of(square, here, S.Infinity, region) if inside.real(square) else None
    if found is not None and region.sign(found[0]) == 1:
        raise DivergesError


def _are_whole(low: sympy.Expr, high: sympy.Expr) -> bool:
    return is_whole(low) and (high is S.Infinity or is_whole(high))


def written_out(f: sympy.Expr, k: sympy.Symbol, low: sympy.Expr, high: sympy.Expr) -> list | None:
    """The terms, where there is a small number of them; None otherwise."""
    count = sympy.expand(high - low) if not high.is_infinite else high
    if not count.is_Integer or not -1 <= count < _MOST_TERMS:
        return None
    return [f.subs(k, low + step) for step in range(int(count) + 1)]


def _below(
    f: sympy.Expr, k: sympy.Symbol, low: sympy.Expr, high: sympy.Expr, region: Region
) -> tuple[sympy.Expr, str] | None:
    """Where high < low − 1: some take that for zero, others for less the terms between. It is zero
    in either case where these terms are zero."""
    between = written_out(f, k, high + 1, low - 1)
    if between is None or not all(map(region.vanishes, between)):
        return None
    return S.Zero, "no terms"


# Telescoping -----------------------------------------------------------------------------------


def _telescoped(
    f: sympy.Expr, k: sympy.Symbol, low: sympy.Expr, high: sympy.Expr, region: Region
) -> tuple[sympy.Expr, str] | None:
    here, inside = region.along(k, low, high, integer=True)
    _, beyond = region.along(k, low, high + 1, integer=True)
    f = f.xreplace({k: here})
    for T in _telescopes(f, here):
        if not is_finite(T) or not inside.samples.may_vanish(T.subs(here, here + 1) - T - f):
            continue
        if not inside.vanishes(T.subs(here, here + 1) - T - f):
            continue
        last = beyond.ranges[-1].variable
        if not analytic(beyond, T.xreplace({here: last}), last):
            continue
        if high.is_finite is not False:
            return T.subs(here, high + 1) - T.subs(here, low), "a telescoping sum"
        found = limit_of(T, here, high, region)
        if found is None:
            return None
        if found[0].is_infinite:
            raise DivergesError
        return found[0] - T.subs(here, low), "the limit of a telescoping sum"
    return None


def _telescopes(f: sympy.Expr, k: sympy.Symbol) -> Iterator[sympy.Expr]:
    """Advice: T with T(k + 1) − T(k) = f(k)."""
    if not f.has(k):
        yield k * f
        return
    waves = [z for z in f.atoms(sin, cos) if z.has(k)]
    if len(waves) == 1 and not (f / waves[0]).has(k):
        yield f / waves[0] * _telescoped_wave(waves[0], k)
    if (harmonic := _telescoped_fractions(f, k)) is not None:
        yield harmonic
    powers = {}
    for z in f.atoms(exp):
        if (rate := z.args[0].diff(k)) != 0 and not rate.has(k):
            base = powers.setdefault(rate, Dummy("z", positive=True))
            f = f.xreplace({z: base**k * exp(z.args[0].subs(k, 0))})
    back = {base: exp(rate) for rate, base in powers.items()}
    term = attempt(gosper_term, f, k, seconds=_SECONDS)
    if term is not None:
        yield (f * term).xreplace(back)
    last = Dummy("m", integer=True, positive=True)
    found = attempt(lambda: Sum(f, (k, 1, last)).doit(), seconds=_SECONDS)
    if found is not None and not found.has(Sum):
        for case in found.atoms(sympy.Piecewise):
            found = found.xreplace({case: case.args[-1].expr})
        yield found.subs(last, k - 1).xreplace(back)


def _telescoped_fractions(f: sympy.Expr, k: sympy.Symbol) -> sympy.Expr | None:
    """Σ c/(k + a) by digamma functions: ψ(z + 1) − ψ(z) = 1/z."""
    if not f.is_rational_function(k):
        return None
    parts = attempt(lambda: sympy.apart(sympy.together(f), k), seconds=_SECONDS)
    total = S.Zero
    for part in sympy.Add.make_args(S.NaN if parts is None else parts):
        above, below = sympy.fraction(sympy.together(part))
        slope = below.diff(k)
        if above.has(k) or slope == 0 or slope.has(k):
            return None
        total += above / slope * sympy.digamma(sympy.cancel(below / slope))
    return total


def _telescoped_wave(wave: sympy.Expr, k: sympy.Symbol) -> sympy.Expr:
    angle = wave.args[0]
    rate = angle.diff(k)
    other = {sin: -cos(angle - rate / 2), cos: sin(angle - rate / 2)}[wave.func]
    return other / (2 * sin(rate / 2))


# Products --------------------------------------------------------------------------------------


def product(atom: Product, region: Region) -> tuple[sympy.Expr, str] | None:
    """The value of a product over one variable."""
    f, ((k, low, high),) = atom.function, atom.limits
    if not is_finite(f) or not _are_whole(low, high):
        return None
    if (factors := written_out(f, k, low, high)) is not None:
        return sympy.Mul(*factors), "factor by factor"
    if high.is_infinite or not region.never_negative(high - low + 1):
        return None
    last, inside = region.along(k, low - 1, high, integer=True)
    value = attempt(
        lambda: Product(f, (k, low, last)).doit().rewrite(sympy.gamma), seconds=_SECONDS
    )
    if value is None or value.has(Product) or not is_finite(value):
        return None
    step = value.subs(last, last + 1) - value * f.subs(k, last + 1)
    if not inside.vanishes(step) or not analytic(inside, value, last):
        return None
    if not region.vanishes(value.subs(last, low - 1) - 1):
        return None
    return value.subs(last, high), "induction"
