"""f-divergences: D_f(p‖q) = E_q[f(p/q)], with f convex on (0, ∞) and f(1) = 0."""

from copy import copy
from dataclasses import dataclass

import sympy
from sympy import Abs, S, Symbol, exp, log, oo, sqrt

from .convex import conjugate, require_convex
from .densities import Density, Integrals, NoClosedFormError, X, certain
from .kinks import between, pieces
from .proof import prove
from .registry import Registry
from .symbols import r

_Y = Symbol("y", real=True)
_L = Symbol("l", real=True)  # log r


@dataclass(frozen=True)
class Conjugate:
    """The Fenchel conjugate f*(y) = sup over r > 0 of (r·y − f(r)), finite on `domain`."""

    expr: sympy.Expr
    domain: sympy.Set
    symbol: Symbol

    def __call__(self, value):
        return self.expr.subs(self.symbol, value)


@dataclass(frozen=True)
class VariationalBound:
    """D_f(p‖q) ≥ E_p[`real`] − E_q[`generated`] for any function y(x) with values in `domain`.

    Nguyen, Wainwright and Jordan (2010); Nowozin, Cseke and Tomioka (2016), equation 4.
    """

    real: sympy.Expr
    generated: sympy.Expr
    domain: sympy.Set


class Divergence:
    """scale · D_f(p‖q) + offset.

    `f` is an expression in `r`, convex on (0, ∞) with f(1) = 0, both checked. `scale` and `offset`
    are 1 and 0 for a divergence by itself; `Objective.divergence` uses them to tie the divergence
    to the critic's value.

    Raises `ValueError` where f has other symbols or f(1) is not 0, and `NotConvexError`.
    """

    def __init__(self, f, name: str = "", label: str = "D", swapped=False, scale=1, offset=0):
        f = sympy.sympify(f, strict=True)
        if f.free_symbols - {r}:
            raise ValueError(
                f"f must be an expression in r alone; it has {f.free_symbols - {r}} too"
            )
        if not prove(f.subs(r, 1), 0):
            raise ValueError(f"f(1) must be 0, so that D_f(p‖p) = 0; here it is {f.subs(r, 1)}")
        require_convex(f, r, S.Zero, oo)
        self.f, self.name = f, name
        self.label = f"{label}(q‖p)" if swapped else f"{label}(p‖q)"
        self.scale, self.offset = sympy.sympify(scale), sympy.sympify(offset)

    @classmethod
    def of_value(cls, f, offset) -> "Divergence":
        """The divergence in a critic's value: f is a supremum of affine functions, so convex."""
        self = cls.__new__(cls)
        self.f, self.name, self.label = f, "", "D(p‖q)"
        self.scale, self.offset = S.One, offset
        return self

    def scaled(self, scale, offset) -> "Divergence":
        """The same divergence, tied to a value: scale · D_f + offset."""
        twin = copy(self)
        twin.scale, twin.offset = sympy.sympify(scale), sympy.sympify(offset)
        return twin

    def __str__(self) -> str:
        scale = "" if self.scale == 1 else f"{_text(self.scale)}·"
        if self.offset == 0:
            return scale + self.label
        sign, size = _signed(self.offset)
        return f"{scale}{self.label} {'−' if sign < 0 else '+'} {_text(size)}"

    __repr__ = __str__

    def _latex(self) -> str:
        scale = "" if self.scale == 1 else sympy.latex(self.scale) + r"\,"
        name, arguments = self.label.rstrip(")").split("(")
        name = {"χ²": r"\chi^2", "H²": r"\mathrm{H}^2"}.get(name, rf"\mathrm{{{name}}}")
        arguments = arguments.replace("‖", r" \,\|\, ")
        sign, size = _signed(self.offset)
        offset = "" if size == 0 else f" {'-' if sign < 0 else '+'} {sympy.latex(size)}"
        return rf"{scale}{name}({arguments}){offset}"

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self._latex()}$"

    def conjugate(self) -> Conjugate:
        """The Fenchel conjugate of f, with the set on which it is finite; derived, not looked up.

        That f** = f is what `biconjugate` is for.
        """
        return Conjugate(*conjugate(self.f, r, _Y, S.Zero, oo, name="r"), _Y)

    def biconjugate(self) -> sympy.Expr:
        """The conjugate of the conjugate, derived from it alone: f again, since f is convex
        (the theorem of Fenchel and Moreau). Compare the two with `prove`."""
        star = self.conjugate()
        # Where f is smooth the supremum lies at its slope.
        slopes = [piece.expr.diff(r) for piece in pieces(self.f, r, S.Zero, oo)]
        ends = star.domain.inf, star.domain.sup
        expr, _ = conjugate(star.expr, _Y, r, *ends, guesses=slopes, name="y")
        return expr

    @property
    def bound(self) -> VariationalBound:
        """The two expectations of the variational lower bound."""
        conjugate = self.conjugate()
        return VariationalBound(_Y, conjugate.expr, conjugate.domain)

    def between(self, first, second) -> sympy.Expr:
        """D_f(first‖second), times scale plus offset, in closed form.

        `first` and `second` are random variables of `sympy.stats`, both finite (such as
        `Bernoulli`) or both continuous on the real line. Mass of `first` where `second` has none
        counts with the slope of f at infinity, and mass of `second` where `first` has none with
        f(0). Raises `NoClosedFormError` where there is no closed form.
        """
        import sympy.stats  # here: whoever made the variables has loaded it already

        for variable in (first, second):
            if not hasattr(variable, "pspace"):
                raise TypeError(f"between takes random variables of sympy.stats, not {variable!r}")
        kinds = {bool(variable.pspace.is_Finite) for variable in (first, second)}
        if kinds == {True, False}:
            raise TypeError("one distribution is discrete and the other continuous")
        divide = self._sum if kinds == {True} else self._integral
        value = sympy.simplify(self.scale * divide(first, second) + self.offset)
        # simplify turns s·log(t) into log(t**s)
        return value if value.is_number else sympy.expand_log(value)

    def _sum(self, first, second):
        mass = [sympy.stats.density(variable).dict for variable in (first, second)]
        outcomes = set(mass[0]) | set(mass[1])
        return sum(
            self._term(mass[0].get(x, S.Zero), mass[1].get(x, S.Zero))
            for x in sorted(outcomes, key=sympy.default_sort_key)
        )

    def _term(self, weight, other):
        """q·f(p/q), continued to p = 0 and to q = 0."""
        if weight == 0:
            return other * self._at_zero() if other != 0 else S.Zero
        if other == 0:
            return weight * self._at_infinity()
        return other * self.f.subs(r, weight / other)

    def _at_zero(self):
        """f(0): what mass of q costs where p has none."""
        return sympy.limit(self.f, r, 0, "+")

    def _at_infinity(self):
        """The slope of f at infinity: what mass of p costs where q has none."""
        return sympy.limit(self.f / r, r, oo)

    def _integral(self, first, second):
        p, q = Density.of(first), Density.of(second)
        both = p.support & q.support
        if not isinstance(both, (sympy.Interval, sympy.FiniteSet, type(S.EmptySet))):
            raise NoClosedFormError(f"whether {p.support} and {q.support} overlap is not known")
        total = Integrals()
        for density, cost in ((p, self._at_infinity), (q, self._at_zero)):
            alone = density.support - both
            for part in alone.args if isinstance(alone, sympy.Union) else [alone]:
                if part is not S.EmptySet:
                    total.add(cost(), 0, density.log, sympy.Interval(part.inf, part.sup))
        if isinstance(both, sympy.Interval):
            ratio = sympy.expand(p.log - q.log)
            for f, part in self._pieces_on(ratio, both):
                if not _add_terms(total, f, ratio, q.log, part):
                    raise NoClosedFormError(
                        f"no closed form of {self.label} between {first.pspace.distribution} and "
                        f"{second.pspace.distribution}; use .numeric(log_p, log_q, grid)"
                    )
        return total.value()

    def _pieces_on(self, ratio, region):
        """Smooth pieces of f, each with the interval of `region` on which exp(`ratio`) lies in it:
        the densities are equal up to a kink of f at the edges."""
        cut = pieces(self.f, r, S.Zero, oo)
        if len(cut) == 1:
            return [(self.f, region)]
        crossings = set()
        if ratio.has(X):
            for piece in cut[1:]:
                roots = sympy.solve(ratio - log(piece.low), X)
                crossings |= {x for x in roots if certain(_lies_in(x, region), x)}
        if len(crossings) > 1 and not all(x.is_number for x in crossings):
            raise NoClosedFormError(f"the order of {crossings} is not known")
        edges = [region.inf, *sorted(crossings), region.sup]
        found = []
        for low, high in zip(edges, edges[1:], strict=False):
            value = exp(ratio.subs(X, between(low, high)))
            holds = [certain((value >= c.low) & (value <= c.high), value) for c in cut]
            found.append((cut[holds.index(True)].expr, sympy.Interval(low, high)))
        return found

    def numeric(self, log_p, log_q, grid) -> float:
        """scale · D_f + offset by the trapezoidal rule, which is spectrally accurate for densities
        that are smooth and vanish at both ends of the grid.

        `log_p` and `log_q` map an array of points to log-densities; `grid` is an increasing array
        of points, shape (n,). Only logarithms of densities are divided, so tails that underflow
        do no harm. Raises `ValueError` if a density does not integrate to 1 within 1e-6 on the
        grid, or if the integrand cannot be computed there.
        """
        import numpy as np

        grid = np.asarray(grid, dtype=np.float64)
        logs = [np.asarray(function(grid), dtype=np.float64) for function in (log_p, log_q)]
        for name, values in zip("pq", logs, strict=True):
            mass = np.trapezoid(np.exp(values), grid)
            if not abs(mass - 1) < 1e-6:
                raise ValueError(
                    f"the density {name} integrates to {mass:.8g} over the grid, not to 1; "
                    "widen or refine the grid, or normalise the density"
                )
        low, high = self._stable()
        at_zero, at_infinity = float(self._at_zero()), float(self._at_infinity())
        with np.errstate(all="ignore"):
            ratio = logs[0] - logs[1]
            small = np.exp(logs[1]) * low(np.minimum(ratio, 0.0))
            large = np.exp(logs[0]) * high(np.maximum(ratio, 0.0))
            values = np.where(ratio > 0, large, small)
            values = np.where(np.isneginf(ratio), np.exp(logs[1]) * at_zero, values)
            values = np.where(np.isposinf(ratio), np.exp(logs[0]) * at_infinity, values)
        values = np.where(np.isneginf(logs[0]) & np.isneginf(logs[1]), 0.0, values)
        if np.isnan(values).any():
            raise ValueError(
                f"q·f(p/q) cannot be computed at x = {grid[np.isnan(values)][0]:g}, where f "
                "overflows and q underflows; narrow the grid"
            )
        return float(self.scale) * float(np.trapezoid(values, grid)) + float(self.offset)

    def _stable(self):
        """f(r) as a function of l = log r for l ≤ 0, and f(r)/r for l ≥ 0, without overflow."""
        inverse = sympy.expand_log(sympy.expand(sympy.simplify(r * self.f.subs(r, 1 / r))))
        pair = []
        for expression, sign in ((sympy.expand_log(self.f), 1), (inverse, -1)):
            expression = expression.subs(log(r), sign * _L).subs(r, exp(sign * _L))
            pair.append(sympy.lambdify(_L, expression, "numpy"))
        return pair


def _add_terms(total, f, ratio, log_q, region) -> bool:
    """Add ∫ q·f(exp(`ratio`)), term by term; False where f is no sum of terms r^α·(log r)ⁿ."""
    if not ratio.has(X):
        total.add(f.subs(r, exp(ratio)), 0, log_q, region)
        return True
    for term in sympy.Add.make_args(sympy.expand(sympy.expand_log(sympy.expand(f), force=True))):
        factor, powers = term.as_independent(r)
        powers = powers.as_powers_dict()
        order, times = powers.pop(r, S.Zero), powers.pop(log(r), S.Zero)
        if set(powers) - {S.One} or not times.is_Integer or times < 0:
            return False
        total.add(factor, times, sympy.expand(log_q + order * ratio), region, base=ratio)
    return True


def _lies_in(x, region):
    if not x.is_real:
        return S.false if x.is_real is False else None
    return sympy.And(x > region.inf, x < region.sup)


def _signed(expr):
    """A sign and what follows it: a sum keeps its own signs."""
    if not expr.is_Add and expr.could_extract_minus_sign():
        return -1, -expr
    return 1, expr


def _text(expr) -> str:
    text = str(expr).replace("**", "^").replace("*", "·")
    text = text.replace("log(2)", "log 2").replace("log(4)", "log 4")
    return f"({text})" if expr.is_Add else text


def alpha_divergence(order) -> Divergence:
    """The α-divergence: f = (r^α − α·r − (1 − α)) / (α·(α − 1)), for a number `order` = α.

    Its limits are KL(p‖q) at α = 1 and KL(q‖p) at α = 0; α = 2 is half of Pearson's χ², α = −1
    half of Neyman's, α = ½ twice the squared Hellinger distance (Cressie and Read 1984; Amari).
    Raises `ValueError` for an order that is not a real number.
    """
    order = sympy.nsimplify(order, rational=True) if isinstance(order, float) else S(order)
    if not (order.is_number and order.is_real):
        raise ValueError(f"the order of an α-divergence must be a real number, not {order}")
    if order in (0, 1):
        return divergences["kl" if order == 1 else "reverse-kl"]
    f = (r**order - order * r - (1 - order)) / (order * (order - 1))
    return Divergence(f, f"alpha-{order}", f"D_{order}")


def skewed_js(weight) -> Divergence:
    """The skewed Jensen–Shannon divergence w·KL(p‖m) + (1 − w)·KL(q‖m), with m = w·p + (1 − w)·q
    (Lin 1991, equation 4.1). `weight` = ½ is the symmetric one.

    Raises `ValueError` for a weight that is not a number between 0 and 1.
    """
    w = sympy.nsimplify(weight, rational=True) if isinstance(weight, float) else S(weight)
    if not (w.is_number and w.is_real and 0 < w < 1):
        raise ValueError(f"the weight must be a number between 0 and 1, not {weight}")
    f = w * r * log(r) - (w * r + 1 - w) * log(w * r + 1 - w)
    return Divergence(f, f"js-{w}", f"JS_{w}")


_NAMED = {
    "kl": (r * log(r), "KL"),
    "reverse-kl": (-log(r), "KL", True),
    "js": ((r * log(r) - (r + 1) * log((r + 1) / 2)) / 2, "JS"),
    "total-variation": (Abs(r - 1) / 2, "TV"),
    "pearson": ((r - 1) ** 2, "χ²"),
    "neyman": ((r - 1) ** 2 / r, "χ²", True),
    "squared-hellinger": ((sqrt(r) - 1) ** 2, "H²"),
    "le-cam": ((r - 1) ** 2 / (2 * (r + 1)), "LC"),
    "jeffreys": ((r - 1) * log(r), "J"),
}

divergences = Registry(
    "divergence",
    {
        name: lambda name=name, entry=entry: Divergence(entry[0], name, *entry[1:])
        for name, entry in _NAMED.items()
    },
)
