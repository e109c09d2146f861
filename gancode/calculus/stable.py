"""Expressions in a form that floating point evaluates as exactly as the function allows.

Written out literally, log(1 + exp(t)) is infinite in float32 from t = 89 on, 1 - 1/(1 + exp(-t))
is zero from t = 17 on, and exp(-t)/(1 + exp(-t))**2 is NaN from t = -45 on. `stable` brings an
expression to a sum of products in which neither happens, by these ideas:

- What grows or falls exponentially is kept as its logarithm, and a product adds its logarithms up
  before it takes one exponential. The logarithm of a sum is eˣ + eʸ = exp(x + softplus(y − x)).
- Where signs are mixed, the terms are first put over a common denominator and factored, so that
  what cancels is gone. What is left of a difference is eˣ − eʸ = (eˣ + eʸ)·tanh((x − y)/2).
- √(x² + c) is √c·cosh θ with x = √c·sinh θ, so a sum with such a root is one of exponentials too.
- Where squares cancel, a difference of roots is p − q = (p² − q²)/(p + q).
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import mpmath
import sympy
from sympy import (
    Abs,
    Add,
    Dummy,
    Function,
    Heaviside,
    Max,
    Min,
    Mul,
    Piecewise,
    Pow,
    S,
    asinh,
    exp,
    expand,
    log,
    sqrt,
    tanh,
)
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from .deadline import attempt
from .digits import in_digits
from .symbols import softplus

_SECONDS = 1.0  # for one question to SymPy
_PROBES = (-1000, -30, -0.001, 0.001, 30, 1000)
_LARGE = 20  # a logarithm that loses digits
_SIZE = 300  # operations of a sum that is put over a common denominator


class _Kernel(Function):
    """A function that numerical libraries compute better than by its definition."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        x = Dummy()
        return self.definition(x).diff(x).subs(x, self.args[0])

    def _eval_rewrite_as_log(self, x: sympy.Expr, **hints: Any) -> sympy.Expr:
        return self.definition(x)

    def _eval_evalf(self, prec: int) -> sympy.Expr:
        return self.definition(self.args[0])._eval_evalf(prec)


class sigmoid(_Kernel):
    """1 / (1 + exp(-x)), as one function"""

    @staticmethod
    def definition(x: sympy.Expr) -> sympy.Expr:
        return 1 / (1 + exp(-x))


class relu(_Kernel):
    """max(0, x)"""

    @staticmethod
    def definition(x: sympy.Expr) -> sympy.Expr:
        return Max(0, x)


class expm1(_Kernel):
    """exp(x) - 1, exact for small x"""

    @staticmethod
    def definition(x: sympy.Expr) -> sympy.Expr:
        return exp(x) - 1


class log1p(_Kernel):
    """log(1 + x), exact for small x"""

    @staticmethod
    def definition(x: sympy.Expr) -> sympy.Expr:
        return log(1 + x)


class log1mexp(_Kernel):
    """log(1 - exp(-x)) for positive x, exact for small x and for large"""

    @staticmethod
    def definition(x: sympy.Expr) -> sympy.Expr:
        return log(1 - exp(-x))


class logsoftplus(_Kernel):
    """log(softplus(x)), exact where softplus(x) is too small to be seen"""

    @staticmethod
    def definition(x: sympy.Expr) -> sympy.Expr:
        return log(log(1 + exp(x)))


def stable(expr: sympy.Expr) -> sympy.Expr:
    """An expression equal to `expr` whose evaluation overflows or cancels only where `expr` does.

    It is made of the functions above, softplus, and those of `expr` that are no exponentials. What
    jumps at a kink is taken to be 0 there, and its derivative to be 0 everywhere.
    """
    return _real(_prepared(sympy.sympify(expr)))


def rationalised(expr: sympy.Expr) -> sympy.Expr:
    """The expression with (p² − q²)/(p + q) in place of each p − q with roots in it that cancels,
    where nothing cancels in p² − q². Its slopes do not cancel either."""
    return expr.replace(lambda e: isinstance(e, Add) and _has_root_of_sum(e), _by_squares)


def _by_squares(total: sympy.Expr) -> sympy.Expr:
    """The whole sum, or two of its terms."""
    whole = _over_sum(total)
    if whole is not None:
        return whole
    for pair in itertools.combinations(total.args, 2):
        two = Add(*pair)
        if len(total.args) > 2 and _has_root_of_sum(two) and (other := _over_sum(two)) is not None:
            return rationalised(total - two) + other
    return total


def _over_sum(total: sympy.Expr) -> sympy.Expr | None:
    """p − q as (p² − q²)/(p + q); None where nothing cancels in it, or still does afterwards."""
    if not all(map(_sign, total.args)) or _same_sign(total) or not _cancels(total):
        return None
    above = Add(*(term for term in total.args if _sign(term) == 1))
    below = above - total
    squares = _combined(expand(expand(above**2) - expand(below**2)))
    sums = [factor for factor in Mul.make_args(squares) if isinstance(factor, Add)]
    return squares / (above + below) if all(map(_same_sign, sums)) else None


def _has_root_of_sum(expr: sympy.Expr) -> bool:
    return any(
        isinstance(power.base, Add) and power.exp.is_Rational and power.exp.q == 2
        for power in expr.atoms(Pow)
    )


def _prepared(expr: sympy.Expr) -> sympy.Expr:
    """Exponentials in place of hyperbolic functions and powers, powers in place of exponentials of
    logarithms, cases in place of jumps."""
    expr = rationalised(expr.replace(sympy.DiracDelta, lambda *_: S.Zero))
    expr = expr.replace(Heaviside, lambda x, *_: Piecewise((1, x > 0), (0, True)))
    expr = expr.replace(tanh, lambda x: (exp(2 * x) - 1) / (exp(2 * x) + 1))
    expr = expr.replace(sympy.cosh, lambda x: (exp(x) + exp(-x)) / 2)
    expr = expr.replace(sympy.sinh, lambda x: (exp(x) - exp(-x)) / 2)
    expr = expr.replace(
        lambda e: isinstance(e, Pow) and bool(e.exp.free_symbols),
        lambda e: exp(e.exp * log(e.base)),
    )
    return expr.replace(exp, lambda x: exp(expand(x.replace(softplus, lambda u: log(1 + exp(u))))))


def _real(expr: sympy.Expr) -> sympy.Expr:
    """The stable form of a prepared expression."""
    if not expr.args or expr.is_number:
        return expr
    if isinstance(expr, log):
        return _log(expr.args[0])
    if isinstance(expr, Add):
        return _sum(expr)
    if isinstance(expr, exp):
        return _exponential(_real(expr.args[0]))
    if isinstance(expr, (Mul, Pow)) and expr.has(exp, softplus):
        return _product(expr).expr()
    if isinstance(expr, Max):
        return _maximum(expr.args)
    if isinstance(expr, Min):
        return -_maximum([-argument for argument in expr.args])
    if isinstance(expr, Piecewise):
        return Piecewise(*((_real(value), _condition(when)) for value, when in expr.args))
    if isinstance(expr, softplus):
        return softplus(_real(expand(expr.args[0])))
    return expr.func(*map(_real, expr.args))


def _condition(condition: Boolean) -> Boolean:
    return condition.replace(
        lambda e: isinstance(e, Relational), lambda e: e.func(*map(_real, e.args))
    )


def _maximum(arguments: Sequence[sympy.Expr]) -> sympy.Expr:
    first, *rest = map(_real, arguments)
    if not rest:
        return first
    second = _maximum(rest)
    if first.is_number:
        first, second = second, first
    if first.has(exp) or second.has(exp):  # infinity less infinity
        return Piecewise((first, first > second), (second, True))
    return second + relu(first - second)


def _grows(expr: sympy.Expr) -> bool:
    """Whether `expr` holds exponentials."""
    return any(not power.is_number for power in expr.atoms(exp))


# Sums ------------------------------------------------------------------------------------------


def _sum(total: sympy.Expr) -> sympy.Expr:
    on_hyperbola = _on_hyperbola(total)
    if on_hyperbola is not None:
        return on_hyperbola
    total = _with_one_logarithm(total)
    if not isinstance(total, Add):
        return _real(total)
    if not _same_sign(total) and (_grows(total) or _may_cancel(total)) and _cancels(total):
        total = _combined(total)
        if not isinstance(total, Add) or (not _stays_a_sum(total) and _logarithms(total)):
            return _product(total).expr()
    return _balanced(Add(*map(_real, total.args)))


def _stays_a_sum(total: sympy.Expr) -> bool:
    """Whether there is nothing in a sum of which a logarithm need be taken."""
    return _is_moderate(total) or all(_product(term).is_plain for term in total.args)


def _may_cancel(total: sympy.Expr) -> bool:
    """Whether a sum without exponentials has fractions in it, or products with softplus."""
    fractions = any(power.exp.is_negative for power in total.atoms(Pow))
    return fractions or _curves(total)[1].has(softplus)


def _same_sign(total: sympy.Expr) -> bool:
    return {_sign(term) for term in total.args} in ({1}, {-1})


def _sign(term: sympy.Expr) -> int | None:
    return 1 if term.is_nonnegative else -1 if term.is_nonpositive else None


def _combined(total: sympy.Expr) -> sympy.Expr:
    """The sum over a common denominator, factored; as it is where that takes too long."""
    if total.count_ops() > _SIZE:
        return total
    rational, names = _with_generators(total)
    return attempt(_fraction, rational, seconds=_SECONDS, default=rational).xreplace(names)


def _fraction(expr: sympy.Expr) -> sympy.Expr:
    parts = sympy.fraction(sympy.cancel(sympy.together(expr)))
    # of two terms no factor cancels, and w² − 1 is one difference
    above, below = (p if len(Add.make_args(p)) <= 2 else sympy.factor(p) for p in parts)
    return sympy.factor_terms(above) / sympy.factor_terms(below)


def _with_generators(total: sympy.Expr) -> tuple[sympy.Expr, dict[sympy.Symbol, sympy.Expr]]:
    """The sum as a rational function: each independent exponential, and all that is neither a sum
    nor a product nor a power, replaced by a symbol. Also what the symbols stand for."""
    factors: dict = {}
    for power in total.atoms(exp):
        for term in Add.make_args(power.args[0]):
            if term.free_symbols:
                factor, rest = term.as_coeff_Mul()
                factors.setdefault(rest, []).append(abs(factor))
    units = {rest: sympy.gcd_list(found) for rest, found in factors.items()}
    symbols = {rest: Dummy("w", positive=True) for rest in units}
    names = {symbols[rest]: exp(unit * rest) for rest, unit in units.items()}
    opaque: dict = {}

    def generators(expr: sympy.Expr) -> sympy.Expr:
        if isinstance(expr, exp) and expr.free_symbols:
            parts = [t.as_coeff_Mul() if t.free_symbols else t for t in Add.make_args(expr.args[0])]
            return Mul(
                *(
                    symbols[part[1]] ** (part[0] / units[part[1]])
                    if isinstance(part, tuple)
                    else exp(part)
                    for part in parts
                )
            )
        if isinstance(expr, (Add, Mul)):
            return expr.func(*map(generators, expr.args))
        if isinstance(expr, Pow) and expr.exp.is_Rational:
            return generators(expr.base) ** expr.exp
        if expr.is_Rational or expr.is_Symbol:
            return expr
        if expr not in opaque:
            opaque[expr] = Dummy("c", real=True, positive=expr.is_positive)
            names[opaque[expr]] = expr
        return opaque[expr]

    return generators(total), names


def _logarithms(total: sympy.Expr) -> tuple[list[sympy.Expr], list[sympy.Expr]] | None:
    """The logarithms of the positive terms of a sum and of the negative ones, as two lists; None
    where the sign of a term is not known, or where signs are mixed and not all are exponentials."""
    if not all(term.is_positive or term.is_negative for term in total.args):
        return None
    positive = [_product(term) for term in total.args if term.is_positive]
    negative = [_product(-term) for term in total.args if term.is_negative]
    if positive and negative and any(term.powers for term in positive + negative):
        return None
    return [term.log() for term in positive], [term.log() for term in negative]


def _on_hyperbola(total: sympy.Expr) -> sympy.Expr | None:
    """A sum with √(quadratic in x) by the exponentials of θ = asinh x; None where it has none, or
    where other functions of x stand beside it."""
    if total.atoms(Function) or _same_sign(total):
        return None
    angle = Dummy("u", real=True)
    found = on_hyperbola(total, angle)
    if found is None:
        return None
    form, x, place, inverse = found
    return _real(form).subs(angle, inverse)


def on_hyperbola(expr: sympy.Expr, angle: sympy.Symbol) -> tuple | None:
    """An expression with the root of one quadratic a·(x − m)² + c, with a, c > 0, and no other
    quadratic, by exponentials of an angle: (the expression, x, x by the angle, the angle by x).

    Then √(a·(x − m)² + c) = √c·cosh(angle). None where there is no such root.
    """
    roots = {
        power.base
        for power in expr.atoms(Pow)
        if power.exp.is_Rational and power.exp.q == 2 and power.base.is_polynomial()
    }
    if len(roots) != 1 or len(next(iter(roots)).free_symbols) != 1:
        return None
    (root,) = roots
    (x,) = root.free_symbols
    if sympy.degree(root, x) != 2:
        return None
    a, b, c = sympy.Poly(root, x).all_coeffs()
    centre, width = -b / a / 2, sqrt(c / a - (b / a) ** 2 / 4)
    if not (a.is_positive and width.is_positive):
        return None
    cosine, sine = ((exp(angle) + sign * exp(-angle)) / 2 for sign in (1, -1))
    place = centre + width * sine
    form = expr.replace(
        lambda e: isinstance(e, Pow) and e.base == root and e.exp.q == 2,
        lambda e: (sqrt(a) * width * cosine) ** (2 * e.exp),
    )
    return form.subs(x, place), x, place, asinh((x - centre) / width)


# Products --------------------------------------------------------------------------------------


@dataclass
class _Product:
    """coefficient · exp(exponent) · Π sumᵏ · Π (exp(x) − exp(y))ᵏ · Π mixedᵏ · Π baseᵏ."""

    coefficient: sympy.Expr = S.One
    exponent: sympy.Expr = S.Zero
    sums: list = field(default_factory=list)  # (sum of positive exponentials, its logarithm, k)
    differences: list = field(default_factory=list)  # (x, y, k)
    mixed: list = field(default_factory=list)  # (sum of exponentials and other things, k)
    powers: dict = field(default_factory=dict)  # base → k, without exponentials

    def times(self, factor: sympy.Expr, power: sympy.Expr = S.One) -> "_Product":
        """Multiply by factor**power."""
        if factor.is_number:
            self.coefficient *= factor**power
        elif isinstance(factor, exp):
            self.exponent += power * _real(factor.args[0])
        elif isinstance(factor, Pow) and (power.is_integer or factor.base.is_positive):
            self.times(factor.base, power * factor.exp)
        elif isinstance(factor, Mul):
            # a root is taken of positive factors one by one, of the others together
            together = []
            for part in factor.args:
                if power.is_integer or part.is_positive:
                    self.times(part, power)
                else:
                    together.append(part)
            if together:
                self._keep(_real(Mul(*together)), power)
        elif isinstance(factor, Add) and _grows(factor):
            self._times_sum(factor, power)
        else:
            self._keep(_real(factor), power)
        return self

    def _times_sum(self, total: sympy.Expr, power: sympy.Expr) -> None:
        """Multiply by a power of a sum with exponentials."""
        if _stays_a_sum(total):
            self._keep(_sum(total), power)
            return
        total = _combined(total)
        if not isinstance(total, Add):
            self.times(total, power)
            return
        logs = _logarithms(total)
        if logs is None:
            self.mixed.append((total, power))
        elif all(logs):
            self.differences.append((*map(_log_sum, logs), power))
        else:
            sign = S.One if logs[0] else S.NegativeOne
            self.coefficient *= sign**power
            self.sums.append((sign * total, _log_sum(logs[0] or logs[1]), power))

    def _keep(self, base: sympy.Expr, power: sympy.Expr) -> None:
        """Multiply by base**power, of a base in stable form."""
        for part in Mul.make_args(base) if power.is_integer else [base]:
            if isinstance(part, exp):
                self.exponent += power * part.args[0]
            elif part.is_number:
                self.coefficient *= part**power
            else:
                part, times = part.as_base_exp() if power.is_integer else (part, S.One)
                self.powers[part] = self.powers.get(part, S.Zero) + times * power

    def expr(self) -> sympy.Expr:
        """The product in stable form."""
        for i, (total, power) in enumerate(self.mixed):
            if power == 1:
                rest = self.mixed[:i] + self.mixed[i + 1 :]
                parts = (self._copy(rest).times(term).expr() for term in total.args)
                return _balanced(Add(*parts))
        result, exponent, sums = self.coefficient, self.exponent, list(self.sums)
        for x, y, power in self.differences:
            rest = exponent + _logarithm(sums)
            ends = [_balanced(rest + end) for end in (x, y)]
            if len(self.differences) == power == 1 and S.Zero in ends:
                result *= expm1(ends[0]) if ends[1] == 0 else -expm1(ends[1])
                exponent, sums = S.Zero, []
            else:
                sums.append((exp(x) + exp(y), _log_sum([x, y]), power))
                result *= tanh(_balanced((x - y) / 2)) ** power
        to_scale = list(self.mixed)
        whole = _balanced(exponent + _logarithm(sums))
        if _exponential(whole).has(exp) and _cancels(whole, least=_LARGE):
            to_scale += [(total, power) for total, _, power in sums]
        else:
            exponent = whole
        for total, power in to_scale:
            largest, scaled = _scaled(total)
            exponent += power * largest
            result *= scaled**power
        grows = _may_grow(exponent)
        for base, power in self.powers.items():
            if isinstance(base, softplus) and (grows or not (power.is_integer and power > 0)):
                exponent += power * logsoftplus(base.args[0])
            else:
                result *= base**power
        return result * _exponential(exponent)

    def log(self, scaled: bool = False) -> sympy.Expr:
        """The logarithm of the product, which is positive. With `scaled`, sums of exponentials are
        divided by their largest terms: large logarithms lose digits where they cancel."""
        total = log(self.coefficient) + self.exponent
        total += S.Zero if scaled else _logarithm(self.sums)
        sums = [(base, power) for base, _, power in self.sums] if scaled else []
        for base, power in self.mixed + sums:
            largest, rest = _scaled(base)
            total += power * (largest + log(rest))
        for x, y, power in self.differences:
            if power.is_even or len(self.differences) > 1:
                total += power * (_log_sum([x, y]) + log(Abs(tanh(_balanced((x - y) / 2)))))
            else:
                total += power * (x + log1mexp(_balanced(x - y)))
        for base, power in self.powers.items():
            if isinstance(base, softplus):
                total += power * logsoftplus(base.args[0])
            else:
                total += power * log(base if base.is_positive or power.is_odd else Abs(base))
        return _balanced(total)

    @property
    def is_plain(self) -> bool:
        """Whether there is no exponential in it, but inside other functions."""
        return self.exponent == 0 and not (self.sums or self.differences or self.mixed)

    def _copy(self, mixed: Any) -> "_Product":
        return _Product(
            self.coefficient,
            self.exponent,
            list(self.sums),
            list(self.differences),
            list(mixed),
            dict(self.powers),
        )


def _logarithm(sums: Sequence[tuple[sympy.Expr, sympy.Expr, sympy.Expr]]) -> sympy.Expr:
    """The logarithm of a product of powers of sums, by theirs."""
    return Add(*(power * logarithm for _, logarithm, power in sums))


def _product(expr: sympy.Expr) -> _Product:
    return _Product().times(expr)


def _scaled(total: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """A sum of exponentials and other things as exp(m)·s: m, its largest exponent, and s."""
    terms = [_product(term) for term in total.args]
    largest = _real(Max(*(term.exponent + _logarithm(term.sums) for term in terms)))
    for term in terms:
        term.exponent -= largest
    return largest, Add(*(term.expr() for term in terms))


# Logarithms: sums with softplus ----------------------------------------------------------------


def _log(argument: sympy.Expr) -> sympy.Expr:
    """log(argument) in stable form."""
    if not (isinstance(argument, softplus) or _grows(argument)):
        has_one = isinstance(argument, Add) and S.One in argument.args
        return log1p(_real(argument - 1)) if has_one else log(_real(argument))
    excess = _product(argument - 1)
    if _is_moderate(argument):
        return log1p(excess.expr())
    product = _product(argument)
    total = product.log()
    if not (isinstance(total, Add) and _cancels(total)):
        return total
    if not (excess.differences or excess.mixed or excess.powers):
        if excess.coefficient.is_positive:
            return softplus(excess.log())
        excess.coefficient *= -1
        gap = -excess.log()
        if not _vanishes(gap):
            return log1mexp(gap)
    return product.log(scaled=_cancels(total, least=_LARGE))


def _with_one_logarithm(total: sympy.Expr) -> sympy.Expr:
    """A sum with its logarithms in one, where they might cancel against each other."""
    logs = {}
    for term in total.args:
        factor, function = term.as_coeff_Mul()
        if isinstance(function, softplus):
            logs[1 + exp(function.args[0])] = factor
        elif isinstance(function, log) and _grows(function):
            logs[function.args[0]] = factor
    if len({factor > 0 for factor in logs.values()}) < 2:
        return total
    unit = sympy.gcd_list([abs(factor) for factor in logs.values()])
    rest = [term for term in total.args if not isinstance(term.as_coeff_Mul()[1], (softplus, log))]
    rest += [
        term
        for term in total.args
        if isinstance(term.as_coeff_Mul()[1], log) and term.as_coeff_Mul()[1].args[0] not in logs
    ]
    return Add(*rest) + unit * log(Mul(*(base ** (k / unit) for base, k in logs.items())))


def _log_sum(logs: Sequence[sympy.Expr]) -> sympy.Expr:
    """log(exp(x₁) + exp(x₂) + …)"""
    constants = [e for e in logs if not e.free_symbols]
    logs = sorted((e for e in logs if e.free_symbols), key=sympy.default_sort_key)
    if constants:
        logs.insert(0, log(Add(*map(exp, constants))))
    first, *rest = logs
    return _balanced(first + softplus(_balanced(_log_sum(rest) - first))) if rest else first


def _balanced(total: sympy.Expr) -> sympy.Expr:
    """A sum with each softplus turned so that it does not cancel against what is linear."""
    total = _with_curves_turned(total)
    nested = [curve for curve in total.atoms(softplus) if curve.args[0].has(softplus)]
    if not nested or not _cancels(total, least=_LARGE):
        return total
    others = (total.subs(curve, curve.args[0] + softplus(-curve.args[0])) for curve in nested)
    forms = map(_with_curves_turned, others)
    return next((form for form in forms if not _cancels(form, least=_LARGE)), total)


def _with_curves_turned(total: sympy.Expr) -> sympy.Expr:
    curves, rest = _curves(total)
    return rest + Add(*itertools.starmap(_without_cancellation, curves))


def _curves(
    total: sympy.Expr,
) -> tuple[list[tuple[sympy.Expr, sympy.Expr, sympy.Expr]], sympy.Expr]:
    """A sum as triples (u, k, c), for k·u + c·softplus(u) each, and what is left of it."""
    slopes, rest = {}, S.Zero
    for term in _terms(total):
        factor, curve = term.as_independent(softplus)
        if not (isinstance(curve, softplus) and factor.is_number and curve.free_symbols):
            rest += term
            continue
        u = curve.args[0]
        if u.could_extract_minus_sign():  # softplus(−u) = softplus(u) − u
            u, rest = -u, rest + factor * u
        slopes[u] = slopes.get(u, S.Zero) + factor
    curves = []
    for u, c in slopes.items():
        number, leading = next(
            term for term in Add.make_args(u) if term.free_symbols
        ).as_coeff_Mul()
        k = S.Zero
        for term in Add.make_args(rest):
            factor, monomial = term.as_coeff_Mul()
            k += factor / number if monomial == leading else 0
        rest = Add(*_terms(rest - k * u))
        curves.append((u, k, c))
    return curves, rest


def _terms(total: sympy.Expr) -> Iterator[sympy.Expr]:
    """The terms of a sum, numbers multiplied out."""
    for term in Add.make_args(total):
        number, rest = term.as_coeff_Mul()
        yield from (number * part for part in Add.make_args(rest))


def _without_cancellation(u: sympy.Expr, k: sympy.Expr, c: sympy.Expr) -> sympy.Expr:
    """k·u + c·softplus(u), by softplus(u) = u + softplus(−u)."""
    if c != 0 and 0 <= -k / c <= 1:
        return (c + k) * softplus(u) - k * softplus(-u)
    if c > 0 and -k > c or c < 0 and k > -c:
        return (k + c) * u + c * softplus(-u)
    return k * u + c * softplus(u)


def _exponential(exponent: sympy.Expr) -> sympy.Expr:
    """exp(exponent), as a product of powers of sigmoids where it is one.

    A root of a sigmoid is none of these: it can be seen where the sigmoid itself underflows.
    """
    curves, rest = _curves(exponent)
    # exp(k·u + c·softplus(u)) = σ(u)ᵏ·σ(−u)^(−c−k)
    factors = [factor for u, k, c in curves for factor in ((u, k), (-u, -c - k))]
    if rest.free_symbols or any(power < 1 and power != 0 for _, power in factors):
        return exp(_balanced(exponent))
    return exp(rest) * Mul(*(sigmoid(u) ** power for u, power in factors))


def _may_grow(exponent: sympy.Expr) -> bool:
    """Whether exp(exponent) is large anywhere."""
    return _exponential(exponent).has(exp) and any(x > 10 for (x,) in _samples([exponent]))


# Numbers: what a form is like near and far --------------------------------------------------------


def _cancels(total: sympy.Expr, least: float = 0) -> bool:
    """Whether a sum is far smaller than its terms somewhere, the largest of them being no less than
    `least`, or infinity less infinity."""
    return any(
        max(300 * abs(sum(terms)), least) < max(map(abs, terms))
        or min(terms) < -1e30
        and max(terms) > 1e30
        for terms in _samples(Add.make_args(total))
    )


def _vanishes(expr: sympy.Expr) -> bool:
    """Whether a positive expression is too small to be seen somewhere."""
    return any(value < 1e-30 for (value,) in _samples([expr]))


def _is_moderate(expr: sympy.Expr) -> bool:
    """Whether an expression is neither large nor small nor negative anywhere."""
    return all(0.01 < value < 100 for (value,) in _samples([expr]))


def _samples(exprs: Sequence[sympy.Expr]) -> Iterator[tuple]:
    """The real values of several expressions, as a tuple for each of a few points near and far."""
    symbols = sorted(set().union(*(expr.free_symbols for expr in exprs)), key=str)
    functions = [in_digits(expr, symbols) for expr in exprs]
    for point in itertools.product(_PROBES, repeat=len(symbols)):
        with mpmath.workdps(40):
            values = [function(*map(mpmath.mpf, point)) for function in functions]
        if not any(map(mpmath.isnan, values)):
            yield tuple(values)
