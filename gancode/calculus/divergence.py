"""f-divergences: D_f(p‖q) = E_q[f(p/q)], with f convex on (0, ∞) and f(1) = 0."""

import re
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy
from sympy import Abs, S, Symbol, exp, log, oo, sqrt

from ..errors import Refused
from . import advice
from .between import Ends, mean_of_ratio
from .convex import NotConvexError, conjugate, require_convex
from .densities import NoClosedFormError
from .given import given
from .implicit import Implicit
from .kinks import pieces
from .losses import compile_numpy
from .proof import prove
from .registry import Registry
from .symbols import r

if TYPE_CHECKING:
    import numpy as np

    from .objective import Objective

_Y = Symbol("y", real=True)
_L = Symbol("l", real=True)  # log r
_W = Symbol("w", real=True)  # the logarithm of a weight


@dataclass(frozen=True)
class Conjugate:
    """The Fenchel conjugate f*(y) = sup over r > 0 of (r·y − f(r)), finite on `domain`.

    Where there is no closed form, `expr` holds an `Implicit` function, the r at which the supremum
    lies: it is `numerical`, and can be evaluated to any number of digits.
    """

    expr: sympy.Expr
    domain: sympy.Set
    symbol: Symbol

    @property
    def numerical(self) -> bool:
        return self.expr.has(Implicit)

    def __call__(self, value: Any) -> sympy.Expr:
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

    `f` is an expression in `r`, convex on (0, ∞) with f(1) = 0, both proved. `scale` and `offset`
    are 1 and 0 for a divergence by itself; `Objective.divergence` uses them to tie the divergence
    to the critic's value.

    Raises `Refused` where f has other symbols or f(1) is not 0, and `NotConvexError` where f is
    not convex, or is not proved to be.
    """

    def __init__(
        self,
        f: Any,
        name: str = "",
        label: str = "D",
        swapped: bool = False,
        scale: Any = 1,
        offset: Any = 0,
    ) -> None:
        f = given(f, "f")
        if f.free_symbols - {r}:
            raise Refused(f"f must be an expression in r alone; it has {f.free_symbols - {r}} too")
        if not prove(f.subs(r, 1), 0):
            raise Refused(f"f(1) must be 0, so that D_f(p‖p) = 0; here it is {f.subs(r, 1)}")
        try:
            require_convex(f, r, S.Zero, oo)
        except NotImplementedError as error:
            raise NotConvexError(f"f = {f} was not proved to be convex: {error}") from None
        self.f, self.name = f, name
        self.label = f"{label}(q‖p)" if swapped else f"{label}(p‖q)"
        self.scale, self.offset = given(scale, "scale"), given(offset, "offset")
        self._ends = Ends(f)

    @classmethod
    def of_value(cls, f: sympy.Expr, offset: sympy.Expr, ends: tuple | None = None) -> "Divergence":
        """The divergence in a critic's value: f is a supremum of affine functions, so convex, and
        f(1) = 0. Of an f that is given both are taken on trust; `Divergence(f)` proves them.

        `ends` are f(0) and the slope of f at infinity, for an f whose limits SymPy cannot take.
        """
        self, f = cls.__new__(cls), given(f, "f")
        self.f, self.name, self.label = f, "", "D(p‖q)"
        self.scale, self.offset, self._ends = S.One, given(offset, "offset"), Ends(f, ends)
        return self

    @property
    def numerical(self) -> bool:
        """Whether f is known by numbers only, for want of a closed form."""
        return self.f.has(Implicit)

    def scaled(self, scale: Any, offset: Any) -> "Divergence":
        """The same divergence, tied to a value: scale · D_f + offset."""
        twin = copy(self)
        twin.scale, twin.offset = given(scale, "scale"), given(offset, "offset")
        return twin

    def __str__(self) -> str:
        scale = "" if self.scale == 1 else f"{_text(self.scale)}·"
        remark = " (numerical)" if self.numerical else ""
        sign, size = _signed(self._shown_offset)
        if size == 0:
            return scale + self.label + remark
        return f"{scale}{self.label} {'−' if sign < 0 else '+'} {_text(size)}{remark}"

    __repr__ = __str__

    def _latex(self) -> str:
        scale = "" if self.scale == 1 else sympy.latex(self.scale) + r"\,"
        name, arguments = self.label.rstrip(")").split("(")
        name = {"χ²": r"\chi^2", "H²": r"\mathrm{H}^2"}.get(name, rf"\mathrm{{{name}}}")
        arguments = arguments.replace("‖", r" \,\|\, ")
        sign, size = _signed(self._shown_offset)
        offset = "" if size == 0 else f" {'-' if sign < 0 else '+'} {sympy.latex(size)}"
        return rf"{scale}{name}({arguments}){offset}"

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self._latex()}$"

    @property
    def _shown_offset(self) -> sympy.Expr:
        return sympy.N(self.offset, 15) if self.offset.has(Implicit) else self.offset

    def conjugate(self) -> Conjugate:
        """The Fenchel conjugate of f, with the set on which it is finite; derived, not looked up.

        That f** = f is what `biconjugate` is for. Raises `NoClosedFormError` where the slopes of f
        have no known limits, and for an f that has no closed form itself.
        """
        if self.numerical:
            raise NoClosedFormError("f has no closed form, so neither has its conjugate")
        try:
            return Conjugate(*conjugate(self.f, r, _Y, S.Zero, oo, name="r"), _Y)
        except NotImplementedError as error:
            raise NoClosedFormError(f"no conjugate of f = {self.f} was found: {error}") from None

    def biconjugate(self) -> sympy.Expr:
        """The conjugate of the conjugate, derived from it alone: f again, since f is convex
        (the theorem of Fenchel and Moreau). Compare the two with `prove`.

        Raises `NoClosedFormError` where the conjugate has no closed form.
        """
        star = self.conjugate()
        if star.numerical:
            raise NoClosedFormError(f"the conjugate of {self.f} is known by numbers only")
        # Where f is smooth the supremum lies at its slope.
        slopes = [piece.expr.diff(r) for piece in pieces(self.f, r, S.Zero, oo)]
        ends = star.domain.inf, star.domain.sup
        try:
            expr, _ = conjugate(star.expr, _Y, r, *ends, guesses=slopes, name="y")
        except NotImplementedError as error:
            raise NoClosedFormError(f"no conjugate of {star.expr} was found: {error}") from None
        return expr

    @property
    def bound(self) -> VariationalBound:
        """The two expectations of the variational lower bound."""
        conjugate = self.conjugate()
        return VariationalBound(_Y, conjugate.expr, conjugate.domain)

    def objective(self, name: str = "", source: str = "Nowozin et al. 2016") -> "Objective":
        """The game in which a critic estimates this divergence and a generator lowers it.

        The critic's value T has an expectation under p, and f*(T) under q: `bound` says how they
        meet. T is confined to the slopes of f, f′(∞) included where f* is finite there, and the
        objective's `activation` takes the network's output v to T. Where f is smooth this is
        T = f′(exp(v)), so that the best output is the logit v = log(p/q) for every f. The losses on
        outputs are then −f′(eᵃ) + eᵇ·f′(eᵇ) − f(eᵇ) for the critic and f(eᵇ) − eᵇ·f′(eᵇ) for the
        generator. They are convex in T and need not be in v; and they grow as f′ and f* do:
        Pearson's as exp(2·v). Nguyen, Wainwright and Jordan (2010); Nowozin et al. (2016).

        `Objective.divergence` derives this divergence back from it. Raises `NoClosedFormError`
        where f or its conjugate has no closed form, and `Refused` where f is a line.
        """
        from . import duality

        return duality.objective(self, name or self.name, source)

    def between(self, first: Any, second: Any) -> sympy.Expr:
        """D_f(first‖second), times scale plus offset, in closed form.

        `first` and `second` are random variables of `sympy.stats`, both discrete (such as
        `Bernoulli` or `Poisson`) or both continuous on the real line. Mass of `first` where
        `second` has none counts with the slope of f at infinity, and mass of `second` where `first`
        has none with f(0). A sum over infinitely many outcomes that has no closed form is a number
        to 15 digits, where it can be bounded what the sum leaves out. Raises `NoClosedFormError`
        where there is no closed form.
        """
        value = mean_of_ratio(self.f, self._ends, first, second, self.label)
        value = self.scale * value + self.offset
        if value.has(Implicit):
            return value
        value = advice.simplified(value)
        # simplify turns s·log(t) into log(t**s)
        return value if value.is_number else sympy.expand_log(value)

    def numeric(self, log_p: Any, log_q: Any, grid: Any) -> float:
        """scale · D_f + offset by the trapezoidal rule, which is spectrally accurate for densities
        that are smooth and vanish at both ends of the grid.

        `log_p` and `log_q` map an array of points to log-densities; `grid` is an increasing array
        of points, shape (n,). Only logarithms of densities are divided, so tails that underflow
        do no harm. Raises `Refused` if a density does not integrate to 1 within 1e-6 on the
        grid, or if the integrand cannot be computed there.
        """
        import numpy as np

        grid = np.asarray(grid, dtype=np.float64)
        logs = [np.asarray(function(grid), dtype=np.float64) for function in (log_p, log_q)]
        for name, values in zip("pq", logs, strict=True):
            mass = np.trapezoid(np.exp(values), grid)
            if not abs(mass - 1) < 1e-6:
                raise Refused(
                    f"the density {name} integrates to {mass:.8g} over the grid, not to 1; "
                    "widen or refine the grid, or normalise the density"
                )
        at_zero, at_infinity = (float(e) for e in (self._ends.at_zero, self._ends.at_infinity))
        with np.errstate(all="ignore"):
            ratio = logs[0] - logs[1]
            small = self._weighted(logs[1], np.minimum(ratio, 0.0), 0)
            large = self._weighted(logs[0], np.maximum(ratio, 0.0), 1)
            values = np.where(ratio > 0, large, small)
            values = np.where(np.isneginf(ratio), np.exp(logs[1]) * at_zero, values)
            values = np.where(np.isposinf(ratio), np.exp(logs[0]) * at_infinity, values)
        values = np.where(np.isneginf(logs[0]) & np.isneginf(logs[1]), 0.0, values)
        if np.isnan(values).any():
            raise Refused(
                f"q·f(p/q) cannot be computed at x = {grid[np.isnan(values)][0]:g}, where f "
                "overflows and q underflows; narrow the grid"
            )
        with np.errstate(over="ignore"):  # a divergence beyond all floats is infinite
            total = float(np.trapezoid(values, grid))
        return float(self.scale) * total + float(self.offset)

    def _weighted(
        self, log_weight: "np.ndarray", log_ratio: "np.ndarray", power: int
    ) -> "np.ndarray":
        """weight·f(r)/r^power at arrays of the logarithms of both, without overflow."""
        import numpy as np

        values = np.full_like(log_ratio, np.nan)
        for piece in pieces(self.f, r, S.Zero, oo):
            # left with its kink, |r - 1|/r would be one infinity over another
            low, high = np.log([float(piece.low), float(piece.high)])
            here = (low <= log_ratio) & (log_ratio <= high)
            smooth = piece.expr / r**power
            values[here] = _smooth_weighted(log_weight[here], log_ratio[here], smooth)
        return values


def _smooth_weighted(
    log_weight: "np.ndarray", log_ratio: "np.ndarray", function: sympy.Expr
) -> "np.ndarray":
    roots = {t: Symbol(f"t{i}", real=True) for i, t in enumerate(_of_ratio(function))}
    expr = sympy.expand(function).xreplace(roots)
    expr = expr.subs({t: sympy.N(t, 17) for t in expr.atoms(Implicit)})
    expr = sympy.expand_log(expr).subs(log(r), _L).subs(r, exp(_L))
    terms = sympy.Add.make_args(sympy.expand_mul(expr))
    # exponents are added before one exponential is taken, which would overflow without the weight
    expr = sympy.Add(*(sympy.powsimp(term * exp(_W), combine="exp") for term in terms))
    arrays = [t.func.at_exp(log_ratio) for t in roots]
    return compile_numpy(expr, [_W, _L, *roots.values()])(log_weight, log_ratio, *arrays)


def _of_ratio(function: sympy.Expr) -> list[Implicit]:
    """The implicit functions of r in an expression."""
    return sorted((t for t in function.atoms(Implicit) if t.has(r)), key=str)


def _signed(expr: sympy.Expr) -> tuple[int, sympy.Expr]:
    """A sign and what follows it: a sum keeps its own signs."""
    if not expr.is_Add and expr.could_extract_minus_sign():
        return -1, -expr
    return 1, expr


def _text(expr: sympy.Expr) -> str:
    text = str(expr).replace("**", "^").replace("*", "·")
    text = re.sub(r"log\((\d+)\)(?![/^])", r"log \1", text)
    return f"({text})" if expr.is_Add else text


def alpha_divergence(order: Any) -> Divergence:
    """The α-divergence: f = (r^α − α·r − (1 − α)) / (α·(α − 1)), for a number `order` = α.

    Its limits are KL(p‖q) at α = 1 and KL(q‖p) at α = 0; α = 2 is half of Pearson's χ², α = −1
    half of Neyman's, α = ½ twice the squared Hellinger distance (Cressie and Read 1984; Amari).
    Raises `Refused` for an order that is not a real number.
    """
    order = sympy.nsimplify(order, rational=True) if isinstance(order, float) else S(order)
    if not (order.is_number and order.is_real):
        raise Refused(f"the order of an α-divergence must be a real number, not {order}")
    if order in (0, 1):
        return divergences["kl" if order == 1 else "reverse-kl"]
    f = (r**order - order * r - (1 - order)) / (order * (order - 1))
    return Divergence(f, f"alpha-{order}", f"D_{order}")


def skewed_js(weight: Any) -> Divergence:
    """The skewed Jensen–Shannon divergence w·KL(p‖m) + (1 − w)·KL(q‖m), with m = w·p + (1 − w)·q
    (Lin 1991, equation 4.1). `weight` = ½ is the symmetric one.

    Raises `Refused` for a weight that is not a number between 0 and 1.
    """
    w = sympy.nsimplify(weight, rational=True) if isinstance(weight, float) else S(weight)
    if not (w.is_number and w.is_real and 0 < w < 1):
        raise Refused(f"the weight must be a number between 0 and 1, not {weight}")
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
    {
        "kullback-leibler": "kl",
        "jensen-shannon": "js",
        "tv": "total-variation",
        "chi-squared": "pearson",
        "hellinger-squared": "squared-hellinger",
        "triangular": "le-cam",
        "symmetric-kl": "jeffreys",
    },
)
