"""The scale of growth: monomials in a variable T that tends to infinity.

With L = log T, a monomial is exp(Σ e·φ) over a few of the functions

    φ of (g, h) = T^g L^h  for (g, h) above (0, 0) in lexicographic order,    φ of (0, 0) = log L,

so T^a, L^b, exp(c T), exp(c T^2 L) and their products are monomials. They are ordered by growth:
the largest (g, h) decides. The comparison is certain, or `Unsure` is raised.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from math import factorial

from flint import arb, arb_series, ctx, fmpq

from .constants import ONE, ZERO, Constant, exactly
from .enclosure import Unsure

_MOST_LOGARITHMS = 40  # the power of L up to which integrals and sums are exact


class Nearer(ArithmeticError):
    """A bound fails on this neighbourhood; it may hold on a smaller one."""


class Monomial:
    """exp(Σ e·φ): `parts` are pairs of (g, h) and e ≠ 0, the fastest φ first."""

    def __init__(self, parts: dict[tuple[fmpq, fmpq], Constant]):
        kept = [(key, e) for key, e in parts.items() if e]
        self.parts = tuple(sorted(kept, key=lambda part: part[0], reverse=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Monomial) and self.parts == other.parts

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self.parts)

    def __mul__(self, other: "Monomial") -> "Monomial":
        if not self.parts:
            return other
        parts = dict(self.parts)
        for key, e in other.parts:
            parts[key] = parts[key] + e if key in parts else e
        return Monomial(parts)

    def logarithms(self) -> fmpq | None:
        """The b of which the monomial is L^b, where it is a rational number."""
        if any(key != LOG_LOG for key, _ in self.parts):
            return None
        return self.parts[0][1].rational if self.parts else fmpq(0)

    def __pow__(self, exponent: Constant) -> "Monomial":
        return Monomial({key: e * exponent for key, e in self.parts})

    def __truediv__(self, other: "Monomial") -> "Monomial":
        return self * Monomial({key: -e for key, e in other.parts})


CONSTANT = Monomial({})
LOG = (fmpq(0), fmpq(1))  # the φ that is L
LOG_LOG = (fmpq(0), fmpq(0))
VARIABLE = Monomial({LOG: ONE})  # T


def phi(key: tuple[fmpq, fmpq]) -> Monomial:
    """The function φ of a key as a monomial. There is none for log L."""
    if key == LOG_LOG:
        raise Unsure("an iterated logarithm")
    g, h = key
    return Monomial({LOG: exactly(g), LOG_LOG: exactly(h)})


def key_of(monomial: Monomial) -> tuple[fmpq, fmpq]:
    """The (g, h) whose φ the monomial is."""
    parts = dict(monomial.parts)
    g, h = (parts.pop(key, ZERO).rational for key in (LOG, LOG_LOG))
    if parts or g is None or h is None:
        raise Unsure("the exponential of something that grows faster than a power")
    return g, h


def compare(one: Monomial, other: Monomial) -> int:
    """−1, 0 or 1: the first grows more slowly than the other, is equal to it, or grows faster."""
    for a, b in zip(one.parts, other.parts, strict=False):
        if a[0] != b[0]:
            return _certain(a[1].sign()) if a[0] > b[0] else -_certain(b[1].sign())
        if a[1] != b[1]:
            return _certain((a[1] - b[1]).sign())
    n = min(len(one.parts), len(other.parts))
    if len(one.parts) > n:
        return _certain(one.parts[n][1].sign())
    return -_certain(other.parts[n][1].sign()) if len(other.parts) > n else 0


def _certain(where: int | None) -> int:
    if not where:
        raise Unsure("which grows faster")
    return where


def integrable(monomial: Monomial) -> bool:
    """Whether the integral up to T = ∞ is finite: that of exp(w(L)) dL, where w is the exponent of
    T times the monomial, is if w → −∞ like a power of L or faster, or like −c log L with c > 1."""
    parts = (monomial * VARIABLE).parts
    if not parts:
        return False
    (key, e), *_ = parts
    if key == LOG_LOG:
        e = e + ONE
        return bool(e) and _certain(e.sign()) < 0
    return _certain(e.sign()) < 0


# Bounds ----------------------------------------------------------------------------------------


class Beyond:
    """The half-line T ≥ T0 = 2^exponent, for a whole exponent ≥ 1."""

    def __init__(self, exponent: int):
        self.exponent = exponent
        self.log = exponent * arb(2).log()
        self._powers = {}
        self._suprema = {}

    def power(self, key: tuple[fmpq, fmpq]) -> arb:
        """T0^g L0^h."""
        if key not in self._powers:
            g, h = key
            self._powers[key] = (arb(g) * self.log + arb(h) * self.log.log()).exp()
        return self._powers[key]

    def value(self, monomial: Monomial) -> arb:
        """The monomial at T0."""
        total = arb(0)
        for key, e in monomial.parts:
            total += e.ball * (self.log.log() if key == LOG_LOG else self.power(key))
        return total.exp()

    def decay(self, monomial: Monomial) -> arb:
        """A κ ≥ 0 with T·(log m)′ ≤ −κ on the half-line, so that m(T) ≤ m(T0)·(T/T0)^(−κ) there.

        T·(log m)′ is a sum of d·T^g L^h. Its largest term has d < 0, or else there is no bound.
        Each term with d > 0 is a share of it that decreases with T: the shares at T0 bound them.
        """
        slopes = {}
        for (g, h), e in monomial.parts:
            for key, d in (((g, h), g), ((g, h - 1), h if g or h else fmpq(1))):
                if d:
                    slopes[key] = slopes.get(key, ZERO) + e * exactly(d)
        slopes = {key: d for key, d in slopes.items() if d}
        lead = max(slopes)
        share = slopes.pop(lead).ball
        if not share < 0:
            raise Unsure("no decay")
        for key, d in slopes.items():
            if d.ball <= 0:
                continue
            ratio = (key[0] - lead[0], key[1] - lead[1])
            if not arb(ratio[1]) <= arb(-ratio[0]) * self.log:  # it may still increase
                raise Nearer
            share += arb(d.ball.upper()) * self.power(ratio)
        if not share <= 0:
            raise Nearer
        grows = lead[0] > 0 or (lead[0] == 0 and lead[1] >= 0)
        if grows and not arb(lead[0]) * self.log + arb(lead[1]) >= 0:
            raise Nearer
        return -share * self.power(lead) if grows else arb(0)

    def range(self, monomial: Monomial) -> arb:
        """A ball that holds the monomial on all of the half-line; it is 1, or decays."""
        if not monomial.parts:
            return arb(1)
        if monomial not in self._suprema:
            self.decay(monomial)
            self._suprema[monomial] = _up_to(self.value(monomial))
        return self._suprema[monomial]

    def integral(self, monomial: Monomial) -> arb:
        """The integral of the monomial from T0 to infinity, which is finite."""
        found = _power_and_logarithms(monomial)
        if found:  # ∫ T^−a L^b dT by parts: T^(1−a) Σ b!/(b−j)! L^(b−j) / (a−1)^(j+1)
            (a, b), total = found, arb(0)
            for j in range(b + 1):
                share = fmpq(factorial(b), factorial(b - j)) / (a - 1) ** (j + 1)
                total += arb(share) * self.log ** (b - j)
            return total * self.power((1 - a, fmpq(0)))
        b = (monomial * VARIABLE).logarithms()
        if b is not None and b < -1:  # ∫ L^b / T dT
            return self.power((fmpq(0), b + 1)) / arb(-b - 1)
        kappa = self.decay(monomial)  # ∫ m ≤ m(T0) ∫ (T/T0)^−κ dT
        if not kappa > 1:
            raise Nearer
        return _up_to(self.value(monomial) * self.power((fmpq(1), fmpq(0))) / (kappa - 1))

    def sum(self, monomial: Monomial) -> arb:
        """The sum of the monomial over the whole numbers from T0, where the integral is finite."""
        found = _power_and_logarithms(monomial)
        if found:  # a derivative of Hurwitz's ζ(a, T0) = Σ k^−a
            a, b = found
            with series_of(b + 1):
                zeta = arb_series([arb(a), 1], b + 1).zeta(arb(2) ** self.exponent)
            return zeta[b] * factorial(b) * (-1) ** b
        self.decay(monomial)  # so the sum exceeds the integral by no more than the first term
        return self.integral(monomial) + _up_to(self.value(monomial))


@contextmanager
def series_of(length: int) -> Iterator[None]:
    """Power series have at least so many terms inside."""
    before, ctx.cap = ctx.cap, max(ctx.cap, length)
    try:
        yield
    finally:
        ctx.cap = before


def _up_to(value: arb) -> arb:
    """A ball that holds [0, value]."""
    if not value.is_finite():
        raise Nearer
    return value.union(0)


def _power_and_logarithms(monomial: Monomial) -> tuple[fmpq, int] | None:
    """(a, b) where the monomial is T^−a L^b with a rational and a whole b ≥ 0."""
    parts = dict(monomial.parts)
    a, b = (parts.pop(key, ZERO).rational for key in (LOG, LOG_LOG))
    if parts or a is None or b is None or b.q != 1 or not 0 <= b <= _MOST_LOGARITHMS or not -a > 1:
        return None
    return -a, int(b.p)
