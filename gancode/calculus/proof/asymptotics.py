"""The elementary and the special functions of expansions: by Taylor's formula where their argument
tends to a finite limit, by their asymptotic series where it tends to infinity."""

from collections.abc import Callable
from math import factorial

import sympy
from flint import arb, arb_series, fmpq, fmpq_series
from sympy import S

from ..symbols import softplus
from .constants import ONE, ZERO, Constant, exactly, known_by
from .enclosure import Undefined, Unsure
from .expansion import Expansion, taylor
from .scale import CONSTANT, VARIABLE, Monomial, Nearer, compare, key_of, phi, series_of


def exp(f: Expansion) -> Expansion:
    growing, bounded = f.split()
    place = f.place
    try:
        monomial = Monomial({key_of(m): c for m, c in growing.terms})
    except Unsure:
        return _vanishing(f)

    def at(c: Constant) -> list[Constant]:
        whole = place.names.exp(c)
        return [whole * exactly(fmpq(1, factorial(k))) for k in range(place.order)]

    value = taylor(bounded, at, lambda hull, n: hull.exp() / factorial(n))
    return value * Expansion(place, {monomial: ONE})


def _vanishing(f: Expansion) -> Expansion:
    """exp(f) where f < −T², as something between 0 and exp(−T²)."""
    square = key_of(VARIABLE * VARIABLE)
    if (f + Expansion(f.place, {phi(square): ONE})).sign() != -1:
        raise Unsure("an iterated exponential")
    return Expansion(f.place, {}, [(Monomial({square: -ONE}), arb(0).union(1))])


def log(f: Expansion) -> Expansion:
    place = f.place
    if f.is_zero():
        raise Undefined("the logarithm of zero")
    if not f.terms:
        m, rho = f.rest
        if not rho > 0:
            raise Unsure("a logarithm of something whose sign is not known")
        constant, tail = ZERO, place.within(rho.log())
    else:
        m, constant, h = f.factored()
        if constant.sign() != 1:
            raise Unsure("a logarithm of a negative number")
        constant = place.names.log(constant)
        found = [0] + [fmpq((-1) ** (k + 1), k) for k in range(1, place.order)]
        tail = taylor(h, lambda _: [exactly(number) for number in found], _log_over)
    terms = {phi(key): e for key, e in m.parts}
    return Expansion(place, terms | {CONSTANT: constant}) + tail


def _log_over(hull: arb, n: int) -> arb:
    if not hull > -1:
        raise Nearer
    return (1 + hull).log() if n == 0 else (-1) ** (n + 1) / (n * (1 + hull) ** n)


def _smooth(function: Callable, at_zero: Callable | None = None) -> Callable:
    """A function that is analytic at the finite limit of its argument, by what it does to power
    series of balls, and to rational ones that begin with 0."""

    def coefficients(value: arb, n: int) -> list[arb]:
        """The first n Taylor coefficients, at all points of a ball."""
        with series_of(n + 1):
            series = function(arb_series([value, 1], n + 1))
        if series.prec < n:
            raise Unsure("a power series that is too short")
        return [series[k] for k in range(n)]

    def apply(f: Expansion) -> Expansion:
        names, n = f.place.names, f.place.order

        def at(c: Constant) -> list[Constant]:
            if not c and at_zero:
                with series_of(n):
                    series = at_zero(fmpq_series([0, 1], 1, n))
                return [exactly(series[k]) for k in range(n)]
            first, *others = coefficients(c.ball, n)
            if not first.is_finite():
                raise Unsure("a singularity")
            return [names.of((function, c), first), *(known_by(a) for a in others)]

        return taylor(f.bounded(), at, lambda hull, n: coefficients(hull, n + 1)[n])

    return apply


_asin_finite = _smooth(arb_series.asin, fmpq_series.asin)
_atan_finite = _smooth(arb_series.atan, fmpq_series.atan)
_erf_finite, _gamma_finite = _smooth(arb_series.erf), _smooth(arb_series.gamma)
_lgamma_finite = _smooth(arb_series.lgamma)
_digamma_finite = _smooth(lambda series: series.lgamma().derivative())


def _wave(function: Callable) -> Callable:
    """sin or cos."""

    def apply(f: Expansion) -> Expansion:
        try:
            bounded = f.bounded()
        except Unsure:
            return f.place.within(arb(0, 1))
        return function(bounded)

    return apply


_sin = _wave(_smooth(arb_series.sin, fmpq_series.sin))
_cos = _wave(_smooth(arb_series.cos, fmpq_series.cos))


def _grows(f: Expansion) -> int | None:
    """The sign of something that tends to ±∞; None of what does not."""
    return f.sign() if f.terms and compare(f.terms[0][0], CONSTANT) > 0 else None


def _enveloped(f: Expansion, coefficient: Callable[[int], fmpq]) -> Expansion:
    """Σ coefficient(k)·f^(−2k), an asymptotic series whose error at a real f > 0 has the sign of
    the first term left out and is no larger."""
    terms = [exactly(coefficient(k)) for k in range(f.place.order)]
    share = arb(0).union(1)
    return taylor((f * f).inverse(), lambda _: terms, lambda hull, n: coefficient(n) * share)


def _pi(f: Expansion) -> Expansion:
    return f.place.constant(f.place.names.of(S.Pi, arb.pi()))


def _atan(f: Expansion) -> Expansion:
    where = _grows(f)
    if not where:
        return _atan_finite(f)
    return _pi(f) * fmpq(where, 2) - _atan_finite(f.inverse())


def _acot(f: Expansion) -> Expansion:
    return _pi(f) * fmpq(1, 2) if f.is_zero() else _atan(f.inverse())


def _asin(f: Expansion) -> Expansion:
    limit, half = f.limit(), fmpq(1, 2)
    if limit == ONE:  # a branch point
        return _pi(f) * half - 2 * _asin_finite(((1 - f) * half).power(half))
    return -_asin(-f) if limit == -ONE else _asin_finite(f)


def _erfc(f: Expansion) -> Expansion:
    where = _grows(f)
    if not where:
        return 1 - _erf_finite(f)
    if where < 0:
        return 2 - _erfc(-f)
    # DLMF 7.12.1: exp(−f²)/(f √π) Σ (−1)^k (1/2)_k f^(−2k)
    series = _enveloped(f, lambda k: fmpq((-1) ** k * factorial(2 * k), factorial(k) * 4**k))
    return exp(-(f * f)) * f.inverse() * _pi(f).power(fmpq(-1, 2)) * series


def _erf(f: Expansion) -> Expansion:
    return 1 - _erfc(f) if _grows(f) else _erf_finite(f)


def _bernoulli(k: int) -> fmpq:
    number = sympy.bernoulli(2 * k)
    return fmpq(int(number.p), int(number.q))


def _lgamma(f: Expansion) -> Expansion:
    where = _grows(f)
    if where is None:
        return _lgamma_finite(f + 1) - log(f) if f.limit() == ZERO else _lgamma_finite(f)
    if where < 0:
        raise Unsure("loggamma of a negative number")
    # DLMF 5.11.1: (f − 1/2) log f − f + log(2π)/2 + Σ B_2k / (2k (2k − 1) f^(2k − 1))
    series = _enveloped(f, lambda k: _bernoulli(k + 1) / ((2 * k + 2) * (2 * k + 1)))
    half = fmpq(1, 2)
    return (f - half) * log(f) - f + log(_pi(f) * 2) * half + f.inverse() * series


def _gamma(f: Expansion) -> Expansion:
    if _grows(f):
        return exp(_lgamma(f))
    limit = f.limit()
    number = limit.rational if limit else None
    if limit == ZERO or (number is not None and number < 0 and number.q == 1):
        return _gamma(f + 1) * f.inverse()  # at a pole
    return _gamma_finite(f)


def digamma(f: Expansion) -> Expansion:
    if not _grows(f):
        return _digamma_finite(f + 1) - f.inverse() if f.limit() == ZERO else _digamma_finite(f)
    if f.sign() < 0:
        raise Unsure("digamma of a negative number")
    # DLMF 5.11.2: log f − 1/(2 f) − Σ B_2k / (2k f^(2k))
    over = f.inverse()
    series = _enveloped(f, lambda k: _bernoulli(k + 1) / (2 * k + 2))
    return log(f) - over * fmpq(1, 2) - over * over * series


def _sinh(f: Expansion) -> Expansion:
    grown = exp(f)
    return (grown - grown.inverse()) * fmpq(1, 2)


def _cosh(f: Expansion) -> Expansion:
    grown = exp(f)
    return (grown + grown.inverse()) * fmpq(1, 2)


def _tanh(f: Expansion) -> Expansion:
    return 1 - 2 * (exp(f * 2) + 1).inverse()


def _asinh(f: Expansion) -> Expansion:
    if _grows(f) == -1:
        return -_asinh(-f)
    return log(f + (f * f + 1).power(fmpq(1, 2)))


def _acosh(f: Expansion) -> Expansion:
    return log(f + ((f - 1) * (f + 1)).power(fmpq(1, 2)))


def _atanh(f: Expansion) -> Expansion:
    return (log(1 + f) - log(1 - f)) * fmpq(1, 2)


def _absolute(f: Expansion) -> Expansion:
    where = f.sign()
    if where is not None:
        return f * where
    m, rho = f.loosened()
    return Expansion(f.place, {}, [(m, abs(rho))])


def positive_part(f: Expansion) -> Expansion:
    where = f.sign()
    if where is not None:
        return f * max(where, 0)
    m, rho = f.loosened()
    return Expansion(f.place, {}, [(m, rho.max(0))])


def _sign(f: Expansion) -> Expansion:
    where = f.sign()
    return f.place.within(arb(0, 1)) if where is None else f.place.constant(where)


def _floor(f: Expansion) -> Expansion:
    limit = f.limit()
    below = limit.ball.mid().floor().unique_fmpz() if limit else fmpq(0)
    for whole in (below - 1, below) if limit is not None else ():
        above = f - whole
        if above.sign() in (0, 1) and (above - 1).sign() == -1:
            return f.place.constant(whole)
    return f + f.place.within(arb(-1).union(0))


def _point_mass(f: Expansion) -> Expansion:
    if not f.sign():
        raise Unsure("a point mass")
    return f * 0


FUNCTIONS = {
    sympy.exp: exp,
    sympy.log: log,
    softplus: lambda f: log(1 + exp(f)),
    sympy.Abs: _absolute,
    sympy.sign: _sign,
    sympy.floor: _floor,
    sympy.ceiling: lambda f: -_floor(-f),
    sympy.DiracDelta: _point_mass,
    sympy.re: lambda f: f,
    sympy.im: lambda f: f * 0,
    sympy.conjugate: lambda f: f,
    sympy.sin: _sin,
    sympy.cos: _cos,
    sympy.tan: lambda f: _sin(f) * _cos(f).inverse(),
    sympy.cot: lambda f: _cos(f) * _sin(f).inverse(),
    sympy.sec: lambda f: _cos(f).inverse(),
    sympy.csc: lambda f: _sin(f).inverse(),
    sympy.sinh: _sinh,
    sympy.cosh: _cosh,
    sympy.tanh: _tanh,
    sympy.coth: lambda f: _tanh(f).inverse(),
    sympy.sech: lambda f: _cosh(f).inverse(),
    sympy.csch: lambda f: _sinh(f).inverse(),
    sympy.asin: _asin,
    sympy.acos: lambda f: _pi(f) * fmpq(1, 2) - _asin(f),
    sympy.atan: _atan,
    sympy.acot: _acot,
    sympy.asinh: _asinh,
    sympy.acosh: _acosh,
    sympy.atanh: _atanh,
    sympy.gamma: _gamma,
    sympy.factorial: lambda f: _gamma(f + 1),
    sympy.loggamma: _lgamma,
    sympy.erf: _erf,
    sympy.erfc: _erfc,
    sympy.erfi: _smooth(arb_series.erfi),
    sympy.LambertW: _smooth(arb_series.lambertw),
    sympy.Ei: _smooth(arb_series.ei),
    sympy.Si: _smooth(arb_series.si),
    sympy.Shi: _smooth(arb_series.shi),
}
