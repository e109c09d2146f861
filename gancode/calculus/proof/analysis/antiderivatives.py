"""Advice: expressions that may be antiderivatives.

Nothing here is trusted: `integrals` differentiates what it is given.
"""

import math
from collections.abc import Iterator, Sequence

import sympy
from sympy import S, Wild, atan, cos, erf, exp, log, pi, polylog, sin, sqrt, tan
from sympy.core.function import AppliedUndef
from sympy.integrals.heurisch import heurisch
from sympy.integrals.manualintegrate import manualintegrate
from sympy.simplify.fu import TR8

from ...deadline import attempt
from ...rewriting import simplified
from ...symbols import in_logarithms
from .continuity import Undecided
from .regions import Region

_SECONDS = 3  # for one adviser
_CIRCULAR = (sin, cos, tan, sympy.cot, sympy.sec, sympy.csc)
_LONGEST = 150  # operations of an integrand that is worth the time


def antiderivatives(f: sympy.Expr, t: sympy.Symbol, region: Region) -> Iterator[sympy.Expr]:
    """Expressions whose derivative in `t` may be `f`, the likeliest first. Raises `Undecided`
    where the form of the answer hangs on a parameter."""
    f = _half_angles(in_logarithms(f), t)
    undecided = None
    for adviser in (_by_parts, _gaussian, _by_terms, _rational, _of_exponential, _of_half_angle):
        try:
            found = adviser(f, t, region)
        except Undecided as question:
            undecided = undecided or question
        else:
            if found is not None:
                yield found
    if undecided:
        raise undecided
    if f.count_ops() > _LONGEST or f.has(AppliedUndef):
        return
    for adviser in (heurisch, sympy.integrate, manualintegrate):
        found = attempt(adviser, f, t, seconds=_SECONDS)
        if found is not None and not found.has(sympy.Integral, S.NaN, S.ComplexInfinity):
            yield from _branches(found)


def _by_parts(f: sympy.Expr, t: sympy.Symbol, region: Region) -> sympy.Expr | None:
    """A sum of terms c·g′ with unknown functions g, and what is left of f less (c·g)′."""
    slopes = [z for z in f.atoms(sympy.Derivative) if z.variables == (t,)]
    if not slopes:
        return None
    found = S.Zero
    for slope in slopes:
        stand_in = sympy.Dummy()
        found += (
            f.xreplace({slope: stand_in}).diff(stand_in).xreplace({stand_in: slope}) * slope.expr
        )
        rest = sympy.expand(f - found.diff(t).doit())
        if not rest.has(sympy.Derivative):
            return found + sympy.integrate(rest, t)
    return None


def _branches(found: sympy.Expr) -> Iterator[sympy.Expr]:
    """Each case of a `Piecewise` is worth a trial; jumps that SymPy adds are taken away."""
    found = found.replace(sympy.floor, lambda z: S.Zero).replace(sympy.exp_polar, exp)
    cases = found.atoms(sympy.Piecewise)
    if not cases:
        yield found
        return
    one = max(cases, key=sympy.count_ops)
    for value, _ in one.args:
        yield from _branches(found.xreplace({one: value}))


def _polynomial(expr: sympy.Expr, t: sympy.Symbol) -> sympy.Poly | None:
    poly = expr.as_poly(t)
    return poly if poly is not None and not any(c.has(t) for c in poly.all_coeffs()) else None


# Exponentials of squares -----------------------------------------------------------------------


def gaussian_terms(f: sympy.Expr, t: sympy.Symbol) -> list[tuple] | None:
    """(p, α, β, γ) with f = Σ p(t)·exp(−αt² + βt + γ), p a polynomial; None where it is not so."""
    found = []
    for term in sympy.Add.make_args(sympy.expand(f, power_base=False, power_exp=False)):
        exponent, factor = S.Zero, S.One
        for part in sympy.Mul.make_args(sympy.powsimp(term)):
            if isinstance(part, exp) and part.has(t):
                exponent += part.args[0]
            else:
                factor *= part
        power, poly = _polynomial(sympy.expand(exponent), t), _polynomial(factor, t)
        if power is None or poly is None or power.degree() > 2:
            return None
        gamma, beta, alpha = (power.coeff_monomial(t**k) for k in range(3))
        found.append((poly, -alpha, beta, gamma))
    return found


def _gaussian(f: sympy.Expr, t: sympy.Symbol, region: Region) -> sympy.Expr | None:
    terms = gaussian_terms(f, t) if f.has(exp) else None
    if terms is None or not any(alpha != 0 for _, alpha, _, _ in terms):
        return None
    return sympy.Add(*(_gaussian_term(*term, t, region) for term in terms))


def _gaussian_term(
    poly: sympy.Poly,
    alpha: sympy.Expr,
    beta: sympy.Expr,
    gamma: sympy.Expr,
    t: sympy.Symbol,
    region: Region,
) -> sympy.Expr:
    """p·e^(−αt² + βt) is the derivative of q·e^(−αt² + βt) but for a multiple of the latter."""
    if alpha == 0 or region.sign(alpha) == 0:
        return _polynomial_times_exponential(poly, beta, gamma, t)
    rest, quotient = list(reversed(poly.all_coeffs())), S.Zero
    for k in range(len(rest) - 1, 0, -1):  # (t^(k−1) e^…)′ = (−2αt^k + βt^(k−1) + (k−1)t^(k−2)) e^…
        c = -rest[k] / (2 * alpha)
        quotient += c * t ** (k - 1)
        rest[k - 1] -= c * beta
        if k > 1:
            rest[k - 2] -= c * (k - 1)
    bell = exp(-alpha * t**2 + beta * t + gamma)
    root = sqrt(alpha) if region.require_sign(alpha) > 0 else sqrt(-alpha)
    integral = erf if region.sign(alpha) > 0 else sympy.erfi
    shift = -beta / (2 * alpha)
    area = sqrt(pi) / (2 * root) * exp(gamma + beta**2 / (4 * alpha)) * integral(root * (t + shift))
    return quotient * bell + rest[0] * area


def _polynomial_times_exponential(
    poly: sympy.Poly, beta: sympy.Expr, gamma: sympy.Expr, t: sympy.Symbol
) -> sympy.Expr:
    if beta == 0:
        return sympy.integrate(poly.as_expr(), t) * exp(gamma)
    total, p, sign = S.Zero, poly.as_expr(), 1
    for k in range(poly.degree() + 1):
        total += sign * p / beta ** (k + 1)
        p, sign = p.diff(t), -sign
    return total * exp(beta * t + gamma)


# Functions beyond the elementary ones ----------------------------------------------------------


def _by_terms(f: sympy.Expr, t: sympy.Symbol, region: Region) -> sympy.Expr | None:
    """A sum of terms of the table below, and powers of t."""
    total = S.Zero
    for term in sympy.Add.make_args(sympy.expand(f, log=False)):
        constant, rest = term.as_independent(t, as_Add=False)
        if (power := rest.as_poly(t)) is not None:
            total += constant * power.integrate(t).as_expr()
            continue
        rest = sympy.powsimp(rest)
        found = next((F for F in (entry(rest, t) for entry in _TABLE) if F is not None), None)
        if found is None:
            return None
        total += constant * found
    return total


def _exponential_over(f: sympy.Expr, t: sympy.Symbol) -> sympy.Expr | None:
    """e^(at)/t, and e^(at)·log t."""
    a = Wild("a", exclude=[t])
    if (match := f.match(exp(a * t) / t)) and match[a] != 0:
        return sympy.Ei(match[a] * t)
    if (match := f.match(exp(a * t) * log(t))) and match[a] != 0:
        return (exp(match[a] * t) * log(t) - sympy.Ei(match[a] * t)) / match[a]
    return log(t) if f == 1 / t else None


def _dilogarithm(f: sympy.Expr, t: sympy.Symbol) -> sympy.Expr | None:
    """log(1 + c·e^(at)), and log(1 + ct)/t."""
    if isinstance(f, log):
        inner = sympy.expand(f.args[0] - 1)
        slope = simplified(inner.diff(t) / inner) if inner.has(exp) else t
        return None if slope.has(t) or slope == 0 else -polylog(2, -inner) / slope
    logs = f.atoms(log)
    if len(logs) == 1:
        (one,) = logs
        inner = sympy.expand(one.args[0] - 1)
        if sympy.expand(f * t - one) == 0 and not sympy.expand(inner / t).has(t):
            return -polylog(2, -inner)
    return None


def _circular_over(f: sympy.Expr, t: sympy.Symbol) -> sympy.Expr | None:
    """sin(at)/tⁿ and cos(at)/tⁿ, by parts."""
    power = sympy.Mul.make_args(f)[0].as_base_exp() if f.is_Mul else None
    wave = next((z for z in f.atoms(sin, cos)), None)
    if wave is None or len(f.atoms(sin, cos)) != 1 or power is None:
        return None
    n, a = -(simplified(f / wave)).as_coeff_exponent(t)[1], wave.args[0] / t
    if not n.is_Integer or n < 1 or a.has(t) or simplified(f * t**n / wave) != 1:
        return None
    other, sign = (cos, 1) if isinstance(wave, sin) else (sin, -1)
    if n == 1:
        return (sympy.Si if isinstance(wave, sin) else sympy.Ci)(a * t)
    less = _circular_over(other(a * t) / t ** (n - 1), t)
    return (sign * a * less - wave / t ** (n - 1)) / (n - 1)


def _glasser(f: sympy.Expr, t: sympy.Symbol) -> sympy.Expr | None:
    """exp(−at² − b/t²)."""
    if not isinstance(f, exp):
        return None
    exponent = sympy.expand(f.args[0])
    a, b, c = -exponent.coeff(t, 2), -exponent.coeff(t, -2), exponent.coeff(t, 0)
    if b == 0 or sympy.expand(exponent + a * t**2 + b / t**2 - c) != 0:
        return None
    a, b = sqrt(a), sqrt(b)
    bells = exp(2 * a * b) * erf(a * t + b / t) + exp(-2 * a * b) * erf(a * t - b / t)
    return sqrt(pi) / (4 * a) * bells * exp(c)


def _wave(f: sympy.Expr, t: sympy.Symbol) -> sympy.Expr | None:
    """sin(at + b) and cos(at + b)."""
    if not isinstance(f, (sin, cos)):
        return None
    rate = f.args[0].diff(t)
    other = -cos(f.args[0]) if isinstance(f, sin) else sin(f.args[0])
    return None if rate == 0 or rate.has(t) else other / rate


_TABLE = (_wave, _exponential_over, _dilogarithm, _circular_over, _glasser)


# Rational functions ----------------------------------------------------------------------------


def _rational(f: sympy.Expr, t: sympy.Symbol, region: Region) -> sympy.Expr | None:
    if not f.is_rational_function(t):
        return None
    parts = attempt(lambda: sympy.apart(sympy.together(f), t), seconds=_SECONDS)
    if parts is None:
        return None
    total = S.Zero
    for part in sympy.Add.make_args(parts):
        found = _simple_fraction(part, t, region)
        if found is None:
            return None
        total += found
    return total


def _simple_fraction(part: sympy.Expr, t: sympy.Symbol, region: Region) -> sympy.Expr | None:
    """p/(c·qⁿ) with q of degree one or two, p of a lesser one; or a polynomial."""
    top, bottom = sympy.fraction(sympy.together(part))
    constant, factors = sympy.factor_list(bottom, t)
    factors = [(q, n) for q, n in factors if q.has(t)]
    if not factors:
        return sympy.integrate(part, t)
    (q, n), *more = factors
    p = sympy.cancel(part * q**n)
    if more or _polynomial(q, t) is None or _polynomial(p, t) is None:
        return None
    degree = sympy.degree(q, t)
    if degree == 1:
        a, p = q.coeff(t, 1), p
        if p.has(t):
            return None
        return p / a * (log(q) if n == 1 else q ** (1 - n) / (1 - n))
    if degree > 2 or sympy.degree(p, t) > 1:
        return None
    a, b = (sympy.Poly(q, t).coeff_monomial(t**k) for k in (2, 1))
    p1, p0 = (sympy.Poly(p, t).coeff_monomial(t**k) for k in (1, 0))
    slope = p1 / (2 * a)
    even = slope * (log(q) if n == 1 else q ** (1 - n) / (1 - n))
    return even + (p0 - slope * b) * _reciprocal_power(sympy.Poly(q, t), n, region)


def _reciprocal_power(q: sympy.Poly, n: int, region: Region) -> sympy.Expr:
    """∫ dt/qⁿ for q = at² + bt + c."""
    t = q.gen
    a, b, c = (q.coeff_monomial(t**k) for k in (2, 1, 0))
    gap, slope = 4 * a * c - b**2, 2 * a * t + b
    sign = region.require_sign(gap)
    if sign == 0:
        return -((2 * a) ** (2 * n)) / (a**n * 2 * a * (2 * n - 1)) * slope ** (1 - 2 * n)
    if n > 1:
        less = 2 * (2 * n - 3) * a * _reciprocal_power(q, n - 1, region)
        return (slope / q.as_expr() ** (n - 1) + less) / ((n - 1) * gap)
    root = sympy.sqrt(sympy.factor(sign * gap))
    if sign > 0:
        return 2 / root * atan(slope / root)
    return (log(slope - root) - log(slope + root)) / root


def _of_exponential(f: sympy.Expr, t: sympy.Symbol, region: Region) -> sympy.Expr | None:
    """A rational function of e^(kt), by s = e^(kt)."""
    s = sympy.Dummy("s", positive=True)
    if f.has(*_CIRCULAR):
        return None
    f = f.rewrite(exp)
    slopes = [sympy.expand(e.args[0]) for e in f.atoms(exp) if e.has(t)]
    if not slopes or any(sympy.degree(z, t) != 1 for z in slopes if z.is_polynomial(t)):
        return None
    rates = [z.coeff(t, 1) for z in slopes]
    k = _common(rates)
    if k is None:
        return None

    def power(z: sympy.Expr) -> sympy.Expr:
        z = sympy.expand(z)
        return s ** sympy.cancel(z.coeff(t, 1) / k) * exp(z.coeff(t, 0))

    inner = f.replace(exp, lambda z: power(z) if z.has(t) else exp(z))
    if inner.has(t):
        return None
    found = _rational(sympy.cancel(inner / (k * s)), s, region)
    return None if found is None else found.subs(s, exp(k * t))


def _common(rates: Sequence[sympy.Expr]) -> sympy.Expr | None:
    """What all are whole multiples of."""
    unit = rates[0]
    ratios = [sympy.cancel(rate / unit) for rate in rates]
    if not all(ratio.is_Rational for ratio in ratios):
        return None
    return unit / math.lcm(*(int(ratio.q) for ratio in ratios))


def _half_angles(f: sympy.Expr, t: sympy.Symbol) -> sympy.Expr:
    """√(1 ± cos z) by half of z, up to its sign, and products of sines and cosines as sums."""
    z = Wild("z")
    f = f.replace(sqrt(1 + cos(z)), lambda z: sqrt(2) * cos(z / 2))
    f = f.replace(sqrt(1 - cos(z)), lambda z: sqrt(2) * sin(z / 2))
    circular = any(isinstance(part.base, (sin, cos)) for part in f.atoms(sympy.Pow))
    if circular or sum(len(part.args) > 1 for part in f.atoms(sin, cos)) > 1:
        return attempt(TR8, f, seconds=_SECONDS, default=f)
    return f


def _of_half_angle(f: sympy.Expr, t: sympy.Symbol, region: Region) -> sympy.Expr | None:
    """A rational function of sine and cosine, by s = tan(kt/2)."""
    s = sympy.Dummy("s", real=True)
    f = f.rewrite(cos) if f.has(sympy.sec) else f
    f = f.replace(tan, lambda z: sin(z) / cos(z))
    angles = {z.args[0] for z in f.atoms(sin, cos) if z.has(t)}
    _, below = sympy.fraction(sympy.together(f))
    if len(angles) != 1 or not below.has(t):
        return None
    (angle,) = angles
    k = angle.diff(t)
    inner = f.subs({sin(angle): 2 * s / (1 + s**2), cos(angle): (1 - s**2) / (1 + s**2)})
    if k.has(t) or inner.has(t):
        return None
    found = _rational(sympy.cancel(inner * 2 / (k * (1 + s**2))), s, region)
    return None if found is None else found.subs(s, tan(angle / 2))
