"""Formulas for the root of s·first(x) + second(x), as a function of s.

SymPy solves. What it finds is tried at a few points, and then proved to be a root.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sympy
from sympy import Add, Dummy, LambertW, Mul, S, exp, log
from sympy.functions.elementary.hyperbolic import HyperbolicFunction

from . import advice
from .deadline import attempt
from .kinks import inside, probes
from .proof import prove
from .rewriting import may_be_factored
from .stable import on_hyperbola, stable

_DEGREE = 6  # of an equation in an exponential that is tried to be solved


def formula(
    sloped: Any,
    x: sympy.Symbol,
    s: sympy.Symbol,
    valid: sympy.Set,
    guesses: Sequence[sympy.Expr] = (),
) -> sympy.Expr | None:
    """The root in `x` of the increasing slope of a piece, inside it, for `s` in the set `valid`; or
    None. `sloped` has the `piece`, its `slope`, and the `first` and `second` of which that is made.
    `guesses` are tried first.
    """
    where = [valid.as_relational(s)] if valid != S.Reals else []
    numerator = sympy.numer(sympy.together(sloped.slope))  # the slope is finite inside the piece
    found = (attempt(_list, way, sloped, x, s, seconds=advice.SECONDS, default=[]) for way in _WAYS)
    guessed = ((guess, None) for guess in guesses)
    for root, gap in itertools.chain(guessed, itertools.chain.from_iterable(found)):
        values = [root.subs(s, probe) for probe in probes(valid.inf, valid.sup)]
        if not all(v.is_real and inside(v, sloped.piece.low, sloped.piece.high) for v in values):
            continue
        root = advice.simplified(root)
        gap = numerator.subs(x, root) if gap is None else gap
        if prove(_with_lambert(gap), 0, assumptions=where):
            return root
    return None


def _list(way: Callable, *args: Any) -> list:
    return list(way(*args))


def _with_lambert(expr: sympy.Expr) -> sympy.Expr:
    """exp(c·W(z)) = (z/W(z))ᶜ."""

    def without(exponent: sympy.Expr) -> sympy.Expr:
        factors = []
        for term in Add.make_args(exponent):
            c, function = term.as_coeff_Mul()
            is_w = isinstance(function, LambertW)
            factors.append((function.args[0] / function) ** c if is_w else exp(term))
        return Mul(*factors)

    return expr.replace(exp, without)


# Ways to find a root. Each gives candidates, and with each what must vanish for it to be a root, or
# None, where that is the slope itself.


def _roots_by_logarithm(sloped: Any, x: sympy.Symbol, s: sympy.Symbol) -> Iterator[tuple]:
    """Roots of log(−second/first) = log s where the left side is linear in x."""
    if s.is_positive:
        form = stable(log(-sloped.second / sloped.first))
        if form.is_polynomial(x) and sympy.degree(form, x) == 1:
            yield from ((root, None) for root in advice.roots(form - log(s), x))


def _power_roots(sloped: Any, x: sympy.Symbol, s: sympy.Symbol) -> Iterator[tuple]:
    """Roots of c·g(x)ⁿ = s, with g rational: those of g(x) = ±(s/c)^(1/n)."""
    ratio = -sloped.second / sloped.first
    ratio = sympy.factor(ratio) if may_be_factored(ratio) else ratio
    if not (s.is_positive and ratio.is_rational_function(x)):
        return
    c, rest = ratio.as_independent(x)
    powers = rest.as_powers_dict()
    n = sympy.gcd_list(list(powers.values()))
    if n.is_Integer and n > 1:
        g = Mul(*(base ** (power / n) for base, power in powers.items()))
        for sign in (1, -1):
            roots = advice.roots(g - sign * (s / abs(c)) ** (1 / n), x)
            yield from ((root, None) for root in roots)


def _root_of_one_power(sloped: Any, x: sympy.Symbol, s: sympy.Symbol) -> Iterator[tuple]:
    """The root of c·g(x)^k + rest, where the rest is free of x, and g is linear."""
    rest, power = sloped.slope.as_independent(x, as_Add=True)
    if not power.as_independent(x)[1].is_Pow:
        rest, power = sympy.expand(sloped.slope).as_independent(x, as_Add=True)
    c, power = power.as_independent(x)
    if power.is_Pow and power.base.is_polynomial(x) and sympy.degree(power.base, x) == 1:
        roots = advice.roots(power.base - (-rest / c) ** (1 / power.exp), x)
        yield from ((root, None) for root in roots)


def _exponential_roots(sloped: Any, x: sympy.Symbol, s: sympy.Symbol) -> Iterator[tuple]:
    """Roots by w = exp(k·x), where the slope is rational in w, of a low degree."""
    slope = sloped.slope.rewrite(exp) if sloped.slope.has(HyperbolicFunction) else sloped.slope
    yield from ((log(w) / unit, gap) for w, unit, gap in _exponentials(slope, x))


def _exponentials(
    slope: sympy.Expr, x: sympy.Symbol
) -> Iterator[tuple[sympy.Expr, sympy.Expr, sympy.Expr]]:
    """The roots in w = exp(unit·x) of a slope, each with its unit and what must vanish."""
    factors = [power.args[0].coeff(x) for power in slope.atoms(exp) if power.has(x)]
    unit = _common_unit(factors)
    if unit is None or slope.has(log) or max(map(abs, factors)) > _DEGREE * unit:
        return
    w = Dummy("w", positive=True)
    numerator = sympy.numer(sympy.together(advice.simplified(slope.subs(x, log(w) / unit))))
    if not numerator.has(log):
        yield from ((root, unit, numerator.subs(w, root)) for root in advice.roots(numerator, w))


def _common_unit(factors: Sequence[sympy.Expr]) -> sympy.Expr | None:
    """The largest number of which all factors are whole multiples, or None."""
    if not factors or S.Zero in factors:
        return None
    ratios = [factor / factors[0] for factor in factors]
    if not all(ratio.is_Rational for ratio in ratios):
        return None
    return abs(factors[0] * sympy.gcd_list(ratios))


def _hyperbolic_roots(sloped: Any, x: sympy.Symbol, s: sympy.Symbol) -> Iterator[tuple]:
    """Roots by x = sinh(angle), where the slope has the root of a quadratic in x."""
    angle = Dummy("u", real=True)
    found = on_hyperbola(sloped.slope, angle)
    if found is not None and found[1] == x:
        form, _, place, _ = found
        for w, unit, gap in _exponentials(form, angle):
            yield place.subs(angle, log(w) / unit), gap


def _logarithmic_roots(sloped: Any, x: sympy.Symbol, s: sympy.Symbol) -> Iterator[tuple]:
    """Roots of c·log g(x) + rest, where the rest is free of x: those of g(x) = exp(−rest/c)."""
    total = sympy.expand_log(sympy.expand(sloped.slope), force=True)
    rest, logs = total.as_independent(x, as_Add=True)
    terms = [term.as_independent(x) for term in Add.make_args(sympy.expand(logs))]
    if not all(isinstance(function, log) for _, function in terms):
        return
    unit = terms[0][0]
    powers = [factor / unit for factor, _ in terms]
    if all(power.is_Integer for power in powers):
        bases = [function.args[0] for _, function in terms]
        g = Mul(*(base**power for base, power in zip(bases, powers, strict=True)))
        roots = advice.roots(sympy.numer(sympy.together(g - exp(-rest / unit))), x)
        yield from ((root, None) for root in roots)


def _solved(sloped: Any, x: sympy.Symbol, s: sympy.Symbol) -> Iterator[tuple]:
    """What SymPy finds of an algebraic equation, of one with two logarithms, or, with W, of one
    with one exponential."""
    exponentials = {e for e in sloped.slope.atoms(exp, HyperbolicFunction) if e.has(x)}
    logarithms = {e for e in sloped.slope.atoms(log) if e.has(x)}
    if 2 * len(exponentials) + len(logarithms) <= 2:
        yield from ((root, None) for root in advice.roots(sloped.slope, x))


_WAYS = (
    _roots_by_logarithm,
    _power_roots,
    _root_of_one_power,
    _exponential_roots,
    _hyperbolic_roots,
    _logarithmic_roots,
    _solved,
)
