"""Values of sums and products over whole numbers, proved by telescoping.

T(k + 1) − T(k) = f(k) for every k from a to b, where T is defined up to b + 1, gives the sum from a
to b as T(b + 1) − T(a), and its limit where b = ∞. Sums are taken over a ≤ k ≤ b; where b < a − 1
nothing is proved, since conventions differ.
"""

from collections.abc import Iterator

import sympy
from sympy import Dummy, Product, S, Sum, binomial, cos, exp, sin
from sympy.concrete.gosper import gosper_term

from .continuity import analytic, is_finite
from .deadline import attempt
from .hypergeometric import geometric_factor
from .integrals import DivergesError
from .limits import limit_of
from .regions import Region
from .series import known_series

_SECONDS = 1.5  # for one adviser
_MOST_TERMS = 40  # that are written out
_HIGHEST = 6  # power of k beside a binomial coefficient


def summation(atom: Sum, region: Region) -> tuple[sympy.Expr, str] | None:
    """The value of a sum over one variable. Raises `Undecided`, and `DivergesError` where it has no
    value at any point of the region."""
    f, ((k, low, high),) = atom.function, atom.limits
    if not is_finite(f) or not _are_whole(low, high):
        return None
    if (terms := written_out(f, k, low, high)) is not None:
        return sympy.Add(*terms), "term by term"
    if not high.is_infinite and not region.never_negative(high - low + 1):
        return None
    ways = (known_series, _telescoped) if high.is_infinite else (_binomial_theorem, _telescoped)
    for way in ways:
        if (found := way(f, k, low, high, region)) is not None:
            return found
    return None


def _are_whole(low, high) -> bool:
    return bool(low.is_integer) and bool(high.is_integer or high is S.Infinity)


def written_out(f, k, low, high) -> list | None:
    """The terms, where there is a small number of them; None otherwise."""
    count = sympy.expand(high - low) if not high.is_infinite else high
    if not count.is_Integer or not -1 <= count < _MOST_TERMS:
        return None
    return [f.subs(k, low + step) for step in range(int(count) + 1)]


# Telescoping -----------------------------------------------------------------------------------


def _telescoped(f, k, low, high, region: Region):
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


def _telescopes(f, k) -> Iterator[sympy.Expr]:
    """Advice: T with T(k + 1) − T(k) = f(k)."""
    if not f.has(k):
        yield k * f
        return
    waves = [z for z in f.atoms(sin, cos) if z.has(k)]
    if len(waves) == 1 and not (f / waves[0]).has(k):
        yield f / waves[0] * _telescoped_wave(waves[0], k)
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


def _telescoped_wave(wave, k):
    angle = wave.args[0]
    rate = angle.diff(k)
    other = {sin: -cos(angle - rate / 2), cos: sin(angle - rate / 2)}[wave.func]
    return other / (2 * sin(rate / 2))


# Rows of Pascal's triangle ---------------------------------------------------------------------


def _binomial_theorem(f, k, low, high, region: Region):
    """Σ C(n, k)·k(k−1)…(k−j+1)·xᵏ = n(n−1)…(n−j+1)·xʲ·(1 + x)ⁿ⁻ʲ, over 0 ≤ k ≤ n."""
    rows = [z for z in f.atoms(binomial) if z.args[1] == k and not z.args[0].has(k)]
    if len(rows) != 1 or not low.is_Integer or not 0 <= low <= _HIGHEST:
        return None
    n = rows[0].args[0]
    if not n.is_integer or not region.never_negative(n) or not region.never_negative(high - n):
        return None
    here, inside = region.along(k, S.Zero, n, integer=True)
    found = geometric_factor((f / rows[0]).xreplace({k: here}), here, inside)
    if found is None:
        return None
    x, p = found
    total, rest = S.Zero, sympy.Poly(p, here)
    for j in range(rest.degree(), -1, -1):  # p in falling powers of k
        c, falling = rest.coeff_monomial(here**j), sympy.ff(here, j)
        rest = rest - sympy.Poly(sympy.expand_func(falling), here) * c
        if c != 0:
            total += c * _falling_row(n, j, x, region)
    term = rows[0].xreplace({k: here}) * p * x**here
    first = [term.subs(here, step) for step in range(int(low))]
    return total - sympy.Add(*first), "the binomial theorem"


def _falling_row(n, j: int, x, region: Region):
    head = sympy.Mul(*(n - step for step in range(j))) * x**j
    if region.sign(1 + x) == 0:
        return head * sympy.Piecewise((S.One, sympy.Eq(n, j)), (S.Zero, True))
    if not region.never_negative(n - j):
        region.require_nonzero(1 + x)
    return head * (1 + x) ** (n - j)


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
    value = attempt(lambda: Product(f, (k, low, last)).doit(), seconds=_SECONDS)
    if value is None or value.has(Product) or not is_finite(value):
        return None
    step = value.subs(last, last + 1) - value * f.subs(k, last + 1)
    if not inside.vanishes(step) or not analytic(inside, value, last):
        return None
    if not region.vanishes(value.subs(last, low - 1) - 1):
        return None
    return value.subs(last, high), "induction"
