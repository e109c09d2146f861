"""f-divergences: D_f(p‖q) = E_q[f(p/q)], with f convex on (0, ∞) and f(1) = 0."""

from copy import copy
from dataclasses import dataclass

import sympy
from sympy import Abs, AccumBounds, Piecewise, S, Symbol, exp, log, oo, sqrt

from .convex import minimisers, require_convex
from .domain import simplify_on
from .proof import prove
from .registry import Registry
from .symbols import r

_Y = Symbol("y", real=True)
_L = Symbol("l", real=True)  # log r


class NoClosedFormError(ValueError):
    """No closed form was found; `Divergence.numeric` gives the number."""


@dataclass(frozen=True)
class Conjugate:
    """The Fenchel conjugate f*(y) = sup over r > 0 of (r·y − f(r)), finite on `domain`."""

    expr: sympy.Expr
    symbol: Symbol
    domain: sympy.Set

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

        For y at or below the slope of f at 0 the supremum is reached at r = 0 and is −f(0).
        """
        branches = []
        domain = S.EmptySet
        for least, where in minimisers(-r, self.f, r, _Y, S.Zero, oo):
            domain = domain | where
            if isinstance(least, AccumBounds):  # linear there: one end serves as well
                continue
            value = simplify_on(_Y * least - self.f.subs(r, least), _Y, where)
            branches.append((value, where.as_relational(_Y)))
        at_zero = self._at_zero()
        slope = sympy.limit(self.f.diff(r).rewrite(Piecewise), r, 0, "+")
        if at_zero.is_finite and slope.is_finite:
            domain = domain | sympy.Interval(-oo, slope)
            branches.append((-at_zero, _Y <= slope))
        last = branches.pop()[
            0
        ]  # outside the domain nothing is said, so the last needs no condition
        return Conjugate(Piecewise(*branches, (last, True)), _Y, domain)

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
        return sympy.simplify(self.scale * divide(first, second) + self.offset)

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
        x = Symbol("x", real=True)
        sets = [variable.pspace.domain.set for variable in (first, second)]
        densities = [sympy.stats.density(variable)(x) for variable in (first, second)]
        densities = [
            d.args[0][0] if isinstance(d, Piecewise) else d for d in densities
        ]  # the branch on the support
        total = S.Zero
        for region, weight, other in (
            (sets[0] & sets[1], *densities),
            (sets[0] - sets[1], densities[0], S.Zero),
            (sets[1] - sets[0], S.Zero, densities[1]),
        ):
            if region is S.EmptySet or region.measure == 0:
                continue
            if self._term(weight, other).has(oo):
                return oo
            integrand = sympy.expand(
                sympy.expand_log(sympy.simplify(self._term(weight, other)), force=True)
            )
            if any(part.has(x) for part in integrand.atoms(log)) or integrand is S.NaN:
                raise NoClosedFormError(self._no_closed_form(first, second))
            parts = region.args if isinstance(region, sympy.Union) else [region]
            for part in parts:
                total += sympy.integrate(integrand, (x, part.inf, part.sup))
        if total.has(sympy.Integral):
            raise NoClosedFormError(self._no_closed_form(first, second))
        return total.rewrite(sympy.erf)

    def _no_closed_form(self, first, second) -> str:
        return (
            f"no closed form of {self.label} between {first.pspace.distribution} and "
            f"{second.pspace.distribution}; use .numeric(log_p, log_q, grid)"
        )

    def numeric(self, log_p, log_q, grid) -> float:
        """scale · D_f + offset by the trapezoidal rule, which is spectrally accurate for densities
        that are smooth and vanish at both ends of the grid.

        `log_p` and `log_q` map an array of points to log-densities; `grid` is an increasing array
        of points, shape (n,). Only logarithms of densities are divided, so tails that underflow
        do no harm. Raises `ValueError` if a density does not integrate to 1 within 1e-6 on the
        grid.
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
        return float(self.scale) * float(np.trapezoid(values, grid)) + float(self.offset)

    def _stable(self):
        """f(r) as a function of l = log r for l ≤ 0, and f(r)/r for l ≥ 0, without overflow."""
        inverse = sympy.expand_log(sympy.expand(sympy.simplify(r * self.f.subs(r, 1 / r))))
        pair = []
        for expression, sign in ((sympy.expand_log(self.f), 1), (inverse, -1)):
            expression = expression.subs(log(r), sign * _L).subs(r, exp(sign * _L))
            pair.append(sympy.lambdify(_L, expression, "numpy"))
        return pair


def _signed(expr):
    """A sign and what follows it: a sum keeps its own signs."""
    if not expr.is_Add and expr.could_extract_minus_sign():
        return -1, -expr
    return 1, expr


def _text(expr) -> str:
    text = str(expr).replace("**", "^").replace("*", "·")
    text = text.replace("log(2)", "log 2").replace("log(4)", "log 4")
    return f"({text})" if expr.is_Add else text


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
