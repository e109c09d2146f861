"""Integrals whose value is a theorem, though no elementary function is their antiderivative.

Euler's integrals of the first and second kind, and the moments of Gauss's bell with a complex
exponent (DLMF 5.2.1, 5.9.1, 5.12.1, 7.7.3). The integrand is recognised by its logarithmic
derivative: t·f′ = q·f, for an analytic f, determines it up to a factor.
"""

from collections.abc import Callable
from typing import Any

import sympy
from sympy import S, cos, cosh, exp, gamma, pi, sin, sinh, sqrt

from .antiderivatives import gaussian_terms
from .continuity import analytic
from .regions import Region


def known_integral(piece: Any, region: Region) -> tuple[sympy.Expr, str] | None:
    """The value of an integral over (0, 1), (0, ∞) or (−∞, ∞), and the name of the theorem. Raises
    `Undecided`. `piece` is one of `integrals`, without kinks."""
    ends = piece.low, piece.high
    here, inside = piece.inside(region)
    for theorem in _THEOREMS.get(ends, ()):
        found = theorem(here.f, here.t, inside, region)
        if found is not None:
            return found
    return None


def _gauss(
    f: sympy.Expr, t: sympy.Symbol, inside: Region, region: Region, half: bool = False
) -> tuple[sympy.Expr, str] | None:
    """∫ Σ p·exp(−αt² + βt + γ) dt over the line, or half of that for an even integrand."""
    if not f.has(exp):
        return None
    circular = [z for z in f.atoms(sin, cos, sinh, cosh) if z.has(t)]
    terms = gaussian_terms(f.xreplace({z: z.rewrite(exp) for z in circular}), t)
    if terms is None or any(region.require_sign(alpha) != 1 for _, alpha, _, _ in terms):
        return None
    whole = sympy.Add(*(p.as_expr() * exp(-a * t**2 + b * t + c) for p, a, b, c in terms))
    if not inside.vanishes(f - whole):
        return None
    if half:
        z = sympy.Dummy("z", real=True)
        if not region.vanishes(whole.subs(t, z) - whole.subs(t, -z)):
            return None
    total = sympy.Add(*(_moment(*term) for term in terms))
    return (total / 2 if half else total), "moments of a Gaussian"


def _moment(p: sympy.Poly, alpha: sympy.Expr, beta: sympy.Expr, shift: sympy.Expr) -> sympy.Expr:
    moments = [sqrt(pi / alpha) * exp(beta**2 / (4 * alpha) + shift)]
    for k in range(1, p.degree() + 1):
        before = moments[k - 2] * (k - 1) if k > 1 else S.Zero
        moments.append((beta * moments[k - 1] + before) / (2 * alpha))
    return sympy.Add(*(c * m for c, m in zip(reversed(p.all_coeffs()), moments, strict=True)))


def _half_gauss(
    f: sympy.Expr, t: sympy.Symbol, inside: Region, region: Region
) -> tuple[sympy.Expr, str] | None:
    return _gauss(f, t, inside, region, half=True)


def _log_derivative(
    f: sympy.Expr, t: sympy.Symbol, inside: Region, factor: sympy.Expr
) -> sympy.Expr | None:
    """q with factor·f′ = q·f, for an f that is analytic on the range."""
    if f.has(sin, cos, sympy.Integral, sympy.Sum) or not analytic(inside, f, t):
        return None
    field, slope = inside.field, f.diff(t) * factor
    try:
        quotient = sympy.expand(field.expression(field.form(slope / f)))
    except ArithmeticError:  # too large, or zero
        return None
    return quotient if inside.vanishes(slope - quotient * f) else None


def _second_euler(
    f: sympy.Expr, t: sympy.Symbol, inside: Region, region: Region
) -> tuple[sympy.Expr, str] | None:
    """∫₀^∞ C·t^p·exp(−λt^k) dt = C·Γ(s)/(k·λ^s), s = (p + 1)/k; with a factor log t, its
    derivative in p."""
    logs = f.has(sympy.log(t))
    quotient = _log_derivative(f / sympy.log(t) if logs else f, t, inside, t)
    if quotient is None:
        return None
    p, rest = quotient.as_independent(t, as_Add=True)
    slope, power = rest.as_coeff_exponent(t)
    if rest == 0 or slope.has(t) or power.has(t) or region.require_sign(power) != 1:
        return None
    rate, s = -slope / power, (p + 1) / power
    constant = (f / sympy.log(t) if logs else f).subs(t, 1) * exp(rate)
    if region.require_sign(rate) != 1 or region.require_sign(s) != 1:
        return None
    value = constant * gamma(s) / (power * rate**s)
    if logs:
        value *= (sympy.digamma(s) - sympy.log(rate)) / power
    return value, "Euler's gamma function"


def _first_euler(
    f: sympy.Expr, t: sympy.Symbol, inside: Region, region: Region
) -> tuple[sympy.Expr, str] | None:
    """∫₀¹ C·t^(a−1)·(1 − t)^(b−1) dt = C·Γ(a)Γ(b)/Γ(a + b)."""
    quotient = _log_derivative(f, t, inside, t * (1 - t))
    if quotient is None or quotient.diff(t, 2) != 0:
        return None
    a, b = 1 + quotient.subs(t, 0), 1 - quotient.subs(t, 1)
    if region.require_sign(a) != 1 or region.require_sign(b) != 1:
        return None
    constant = f.subs(t, S.Half) * 2 ** (a + b - 2)
    return constant * gamma(a) * gamma(b) / gamma(a + b), "Euler's beta function"


_THEOREMS: dict[tuple, tuple[Callable, ...]] = {
    (-S.Infinity, S.Infinity): (_gauss,),
    (S.Zero, S.Infinity): (_half_gauss, _second_euler),
    (S.Zero, S.One): (_first_euler,),
}
