"""Values with guaranteed bounds: SymPy expressions evaluated in ball arithmetic.

A ball is a number and a radius, and every operation of Arb (Johansson 2017, by python-flint)
returns one that holds the true result. So two sides whose balls are disjoint *are* different, and
no cancellation, underflow or lost digit can make it seem so.
"""

from collections.abc import Callable, Mapping
from functools import cmp_to_key, lru_cache
from typing import Any

import sympy
from flint import acb, arb, ctx, fmpq, fmpq_poly
from sympy import S
from sympy.logic.boolalg import Boolean, BooleanAtom

from ..symbols import softplus

Ball = arb | acb
_MAX_EXPONENT = 10_000  # of a whole power that is multiplied out


class Undefined(ArithmeticError):
    """The expression has no finite value there, for certain."""


class Unsure(ArithmeticError):
    """The balls are too wide to tell, or a function is not known here."""


def enclose(expr: sympy.Expr, point: Mapping | None = None, bits: int = 64) -> Ball:
    """A ball that holds the value of `expr` where its symbols have the values of `point`.

    The values are SymPy rationals, or balls; then the result holds all values over them. Raises
    `Undefined` and `Unsure`.
    """
    expr, symbols = sympy.sympify(expr), tuple(point or ())
    with ctx.workprec(bits):
        return compiled(expr, symbols)([ball(value) for value in (point or {}).values()])


def compiled(expr: sympy.Expr, symbols: tuple) -> Callable[[list], Ball]:
    """`expr` as a function of a list of balls, one for each of `symbols`, at the precision of the
    time of the call. It raises `Undefined` and `Unsure`."""
    function = _build(expr, symbols)
    return lambda values: require_finite(real_if_exact(function(values, False)))


def ball(number: Any) -> Ball:
    """The tightest ball around a SymPy number or a Python one, at the present precision."""
    if isinstance(number, (arb, acb)):
        return number
    number = sympy.sympify(number)
    if number.is_Rational:
        return arb(fmpq(int(number.p), int(number.q)))
    return require_finite(real_if_exact(_build(number, ())([], False)))


def real_if_exact(value: Ball) -> Ball:
    """A complex ball whose imaginary part is exactly zero, as a real one."""
    return value.real if isinstance(value, acb) and value.imag.is_zero() else value


def require_finite(value: Ball) -> Ball:
    if not value.is_finite():
        raise Unsure("the ball is not finite")
    return value


def sign(value: arb) -> int | None:
    """−1, 0 or 1; None where the ball does not tell."""
    if value > 0:
        return 1
    if value < 0:
        return -1
    return 0 if value.is_zero() else None


def contains_zero(value: Ball) -> bool:
    return value.contains(0)


# Expressions become closures `f(values, analytic)`. `analytic` is set inside of quadrature only,
# where the variable's values are complex balls: then a function must refuse complex balls on which
# it is not holomorphic. A real ball does not depend on the variable.

Evaluator = Callable[[list, bool], Ball]
BUILDERS: dict[type, Callable] = {}  # SymPy class → builder(expr, symbols) of an evaluator


def builder(*classes: type) -> Callable:
    """Register a builder of evaluators for some classes of expressions."""

    def register(function: Callable) -> Callable:
        BUILDERS.update(dict.fromkeys(classes, function))
        return function

    return register


@lru_cache(maxsize=4096)
def _build(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    for kind in type(expr).__mro__:
        if kind in BUILDERS:
            return BUILDERS[kind](expr, symbols)
    raise Unsure(f"no enclosure is known of {type(expr).__name__}")


def build(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    """The evaluator of an expression, for builders."""
    return _build(expr, symbols)


def _constant(make: Callable[[], Ball]) -> Callable:
    return lambda expr, symbols: lambda values, analytic: make()


BUILDERS |= {
    type(S.Pi): _constant(arb.pi),
    type(S.Exp1): _constant(arb.const_e),
    type(S.EulerGamma): _constant(arb.const_euler),
    type(S.Catalan): _constant(arb.const_catalan),
    type(S.GoldenRatio): _constant(lambda: (1 + arb(5).sqrt()) / 2),
    type(S.ImaginaryUnit): _constant(lambda: acb(0, 1)),
}


@builder(type(S.Infinity), type(S.NegativeInfinity), type(S.ComplexInfinity), type(S.NaN))
def _infinite(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    def evaluate(values: list, analytic: bool) -> Ball:
        raise Undefined(str(expr))

    return evaluate


@builder(sympy.Rational)
def _rational(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    number = fmpq(int(expr.p), int(expr.q))
    return lambda values, analytic: arb(number)


@builder(sympy.Float)
def _float(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    return _rational(sympy.Rational(expr), symbols)


@builder(sympy.Symbol)
def _symbol(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    if expr not in symbols:
        raise Unsure(f"{expr} has no value")
    place = symbols.index(expr)
    return lambda values, analytic: values[place]


@builder(sympy.Add)
def _add(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    terms = [build(term, symbols) for term in expr.args]
    return lambda values, analytic: sum((term(values, analytic) for term in terms), arb(0))


@builder(sympy.Mul)
def _mul(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    factors = [build(factor, symbols) for factor in expr.args]

    def evaluate(values: list, analytic: bool) -> Ball:
        product = arb(1)
        for factor in factors:
            product = product * factor(values, analytic)
        return product

    return evaluate


@builder(sympy.Pow)
def _pow(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    base, exponent = (build(part, symbols) for part in expr.args)
    if expr.exp.is_Integer and abs(expr.exp) <= _MAX_EXPONENT:
        n = int(expr.exp)
        return lambda values, analytic: whole_power(base(values, analytic), n)
    if expr.exp.is_Rational:
        p, q = int(expr.exp.p), int(expr.exp.q)
        return lambda values, analytic: _root_power(base(values, analytic), p, q, analytic)
    return lambda values, analytic: _power(
        base(values, analytic), exponent(values, analytic), analytic
    )


def whole_power(base: Ball, n: int) -> Ball:
    if n < 0:
        base, n = reciprocal(base), -n
    if n == 0:
        return arb(1)
    if isinstance(base, acb) or not contains_zero(base):
        return base**n
    # Arb's powers of a ball around zero are not finite; those of its ends bound them
    ends = [arb(0) if end == 0 else end**n for end in (base.lower(), base.upper())]
    power = ends[0].union(ends[1])
    return power.union(arb(0)) if n % 2 == 0 else power


def reciprocal(value: Ball) -> Ball:
    if contains_zero(value):
        raise Undefined("division by zero") if value.is_zero() else Unsure("division")
    return 1 / value


def _root_power(base: Ball, p: int, q: int, analytic: bool) -> Ball:
    if not analytic:
        base = real_if_exact(base)
    if isinstance(base, arb):
        where = sign(base)
        if where == 0:
            if p > 0:
                return arb(0)
            raise Undefined("zero to a negative power")
        if where is None and base.lower() >= 0 and p > 0:  # touches zero
            return whole_power(base.root(q), p)
        if where == 1:
            return whole_power(base.root(q), p)
        base = acb(base)
    root = base.sqrt(analytic=analytic) if q == 2 else base.pow(arb(fmpq(1, q)), analytic)
    return whole_power(root, p)


def _power(base: Ball, exponent: Ball, analytic: bool) -> Ball:
    exponent = real_if_exact(exponent)
    if isinstance(exponent, arb) and exponent.is_integer():
        n = int(exponent.unique_fmpz())
        if abs(n) <= _MAX_EXPONENT:
            return whole_power(base, n)
        if isinstance(base, arb) and base < 0:
            return (exponent * (-base).log()).exp() * (-1) ** (n % 2)
    if base.is_zero() and isinstance(exponent, arb):
        where = sign(exponent)
        if where == 1:
            return arb(0)
        raise Undefined("zero to a negative power") if where == -1 else Unsure("a power of zero")
    return (exponent * _log(base, analytic)).exp()


def _log(x: Ball, analytic: bool) -> Ball:
    if not analytic:
        x = real_if_exact(x)
    if isinstance(x, arb):
        where = sign(x)
        if where == 1:
            return x.log()
        if where == 0:
            raise Undefined("the logarithm of zero")
        if where is None:
            raise Unsure("a logarithm")
        x = acb(x)
    return x.log(analytic=analytic)


@builder(softplus)
def _softplus(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    argument = build(expr.args[0], symbols)

    def evaluate(values: list, analytic: bool) -> Ball:
        x = argument(values, analytic)
        if isinstance(x, acb):
            return _log(1 + x.exp(), analytic)
        return (-x).exp().log1p() + x if x > 0 else x.exp().log1p()

    return evaluate


# Functions of one argument ---------------------------------------------------------------------


def _entire(name: str) -> Callable:
    return lambda x, analytic: getattr(x, name)()


def _pole(function: Callable) -> Callable:
    """A meromorphic function: at a pole there is no value."""

    def evaluate(x: Ball, analytic: bool) -> Ball:
        value = function(x)
        if not value.is_finite():
            raise Unsure("near a pole")
        return value

    return evaluate


def _within(name: str, inside: Callable[[Ball], bool]) -> Callable:
    """A function with branch points, taken where its argument is real and certainly `inside`.

    Its conventions on the cuts differ between libraries, so nothing is said there.
    """

    def evaluate(x: Ball, analytic: bool) -> Ball:
        x = real_if_exact(x)
        if isinstance(x, acb):
            if not inside(x.real) or (analytic and not _in_disc(x, inside)):
                raise Unsure("near a branch cut")
            return getattr(x, name)()
        if not inside(x):
            raise Unsure("not within the cuts")
        return getattr(x, name)()

    return evaluate


def _in_disc(x: Ball, inside: Callable[[Ball], bool]) -> bool:
    """Whether the whole disc around a complex ball's real part that reaches its imaginary part lies
    inside: no cut of a function with real branch points meets it."""
    reach = abs(x.imag).upper()
    return inside(x.real + arb(0, 1) * reach)


def _unit(x: Ball) -> bool:
    return bool(x >= -1) and bool(x <= 1)


def _elliptic(name: str) -> Callable:
    def evaluate(x: Ball, analytic: bool) -> Ball:
        x = real_if_exact(x)
        if analytic or isinstance(x, acb) or not x < 1:
            raise Unsure(f"near the branch cut of {name}")
        return real_if_exact(getattr(acb(x), name)())

    return evaluate


def _of_complex(function: Callable) -> Callable:
    """The real part, or another function of complex numbers that is nowhere holomorphic."""

    def evaluate(x: Ball, analytic: bool) -> Ball:
        x = real_if_exact(x)
        if analytic and isinstance(x, acb):
            raise Unsure("not holomorphic")
        return function(x)

    return evaluate


def _argument(x: Ball) -> arb:
    if x == 0:
        raise Undefined("the argument of zero")
    if contains_zero(x):
        raise Unsure("the argument of what may be zero")
    return acb(x).arg()


def _absolute(x: Ball, analytic: bool) -> Ball:
    if analytic and isinstance(x, acb):
        return x.real_abs(analytic=True)
    return abs(real_if_exact(x))


def _step(x: Ball, at_zero: Any, below: Any, above: Any) -> arb:
    x = real_if_exact(x)
    if isinstance(x, acb):
        raise Unsure("the order of complex numbers")
    where = sign(x)
    if where is None:
        return below.union(above).union(at_zero)
    return (below, at_zero, above)[where + 1]


def _sign(x: Ball, analytic: bool) -> Ball:
    if analytic and isinstance(x, acb):
        return x.real_sgn(analytic=True)
    x = real_if_exact(x)
    return x * reciprocal(abs(x)) if isinstance(x, acb) else _step(x, arb(0), arb(-1), arb(1))


def _whole(name: str) -> Callable:
    def evaluate(x: Ball, analytic: bool) -> Ball:
        x = real_if_exact(x)
        if isinstance(x, acb):
            value = getattr(x.real, name)()
            if not analytic or not value.is_exact():  # constant about the real line, or a step
                raise Unsure("the order of complex numbers")
            return value
        return getattr(x, name)()

    return evaluate


def _heaviside(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    argument = build(expr.args[0], symbols)
    at_zero = build(expr.args[1], symbols) if len(expr.args) > 1 else lambda v, c: arb(1) / 2

    def evaluate(values: list, analytic: bool) -> Ball:
        x = argument(values, analytic)
        if analytic and isinstance(x, acb):
            return x.real_heaviside(analytic=True)
        return _step(x, at_zero(values, analytic), arb(0), arb(1))

    return evaluate


def _delta(x: Ball, analytic: bool) -> arb:
    if not contains_zero(x):
        return arb(0)
    raise Undefined("a point mass") if x.is_zero() else Unsure("a point mass")


def _atan(x: Ball, analytic: bool) -> Ball:
    x = real_if_exact(x)
    if isinstance(x, acb) and not abs(x.imag) < 1:  # the cuts lie on the imaginary axis
        raise Unsure("near a branch cut")
    return x.atan()


def _acot(x: Ball, analytic: bool) -> Ball:
    return arb.pi() / 2 if x.is_zero() else _atan(reciprocal(x), analytic)


def _asinh(x: Ball, analytic: bool) -> Ball:
    x = real_if_exact(x)
    if isinstance(x, acb) and not abs(x.imag) < 1:
        raise Unsure("near a branch cut")
    return x.asinh()


def _above(name: str, bound: Callable[[], arb]) -> Callable:
    return _within(name, lambda x: bool(x > bound()))


def _acosh(x: Ball, analytic: bool) -> Ball:
    if analytic or bool(x.real > 1):
        return _above("acosh", lambda: arb(1))(x, analytic)
    x = acb(x)
    return real_if_exact((x + (x - 1).sqrt() * (x + 1).sqrt()).log())


FUNCTIONS = {
    sympy.exp: _entire("exp"),
    sympy.log: _log,
    sympy.Abs: _absolute,
    sympy.sign: _sign,
    sympy.floor: _whole("floor"),
    sympy.ceiling: _whole("ceil"),
    sympy.DiracDelta: _delta,
    sympy.arg: _of_complex(_argument),
    sympy.re: _of_complex(lambda x: x.real),
    sympy.im: _of_complex(lambda x: x.imag),
    sympy.conjugate: _of_complex(lambda x: x.conjugate() if isinstance(x, acb) else x),
    sympy.sin: _entire("sin"),
    sympy.cos: _entire("cos"),
    sympy.tan: _pole(lambda x: x.tan()),
    sympy.cot: _pole(lambda x: x.cot()),
    sympy.sec: _pole(lambda x: x.sec()),
    sympy.csc: _pole(lambda x: x.csc()),
    sympy.sinh: _entire("sinh"),
    sympy.cosh: _entire("cosh"),
    sympy.tanh: _pole(lambda x: x.tanh()),
    sympy.coth: _pole(lambda x: x.coth()),
    sympy.sech: _pole(lambda x: x.sech()),
    sympy.csch: _pole(lambda x: x.csch()),
    sympy.asin: _within("asin", _unit),
    sympy.acos: _within("acos", _unit),
    sympy.atan: _atan,
    sympy.acot: _acot,
    sympy.asinh: _asinh,
    sympy.acosh: _acosh,
    sympy.atanh: _within("atanh", lambda x: bool(x > -1) and bool(x < 1)),
    sympy.gamma: _pole(lambda x: x.gamma()),
    sympy.factorial: _pole(lambda x: (x + 1).gamma()),
    sympy.loggamma: _above("lgamma", lambda: arb(0)),
    sympy.digamma: _pole(lambda x: x.digamma()),
    sympy.harmonic: _pole(lambda x: (x + 1).digamma() + arb.const_euler()),
    sympy.zeta: _pole(lambda x: x.zeta()),
    sympy.erf: _entire("erf"),
    sympy.erfc: _entire("erfc"),
    sympy.erfi: _entire("erfi"),
    sympy.Ei: _above("ei", lambda: arb(0)),
    sympy.Si: _entire("si"),
    sympy.Ci: _above("ci", lambda: arb(0)),
    sympy.Shi: _entire("shi"),
    sympy.Chi: _above("chi", lambda: arb(0)),
    sympy.li: _above("li", lambda: arb(1)),
    sympy.elliptic_k: _elliptic("elliptic_k"),
    sympy.elliptic_e: _elliptic("elliptic_e"),
}


def _unary(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    if len(expr.args) != 1:
        raise Unsure(f"no enclosure is known of {expr.func} with {len(expr.args)} arguments")
    function, argument = FUNCTIONS[expr.func], build(expr.args[0], symbols)
    return lambda values, analytic: function(argument(values, analytic), analytic)


BUILDERS |= dict.fromkeys(FUNCTIONS, _unary)
BUILDERS[sympy.Heaviside] = _heaviside


# Functions of several arguments ----------------------------------------------------------------


def _several(function: Callable) -> Callable:
    def build_several(expr: sympy.Expr, symbols: tuple) -> Evaluator:
        arguments = [build(argument, symbols) for argument in expr.args]
        return lambda values, analytic: function(
            *(argument(values, analytic) for argument in arguments), analytic=analytic
        )

    return build_several


def _extreme(pick: str) -> Callable:
    def fold(*arguments: Ball, analytic: bool) -> Ball:
        analytic = analytic and any(isinstance(argument, acb) for argument in arguments)
        if analytic:
            arguments = [acb(argument) for argument in arguments]
        else:
            arguments = [real_if_exact(argument) for argument in arguments]
            if any(isinstance(argument, acb) for argument in arguments):
                raise Unsure("the order of complex numbers")
        best = arguments[0]
        for argument in arguments[1:]:
            if analytic:
                best = getattr(best, f"real_{pick}")(argument, analytic=True)
            else:
                best = getattr(best, pick)(argument)
        return best

    return fold


def _whole_number(x: Ball) -> int | None:
    x = real_if_exact(x)
    return int(x.unique_fmpz()) if isinstance(x, arb) and x.is_integer() else None


def _binomial(n: Ball, k: Ball, analytic: bool) -> Ball:
    whole, over = _whole_number(k), _whole_number(n)
    if over is not None and over >= 0 and whole is not None and not 0 <= whole <= over:
        return arb(0)
    if over is not None and over < 0:
        raise Unsure("a binomial coefficient of a negative number")
    if whole is not None and 0 <= whole <= _MAX_EXPONENT and isinstance(n, arb):
        return n.bin(whole)
    return (n + 1).gamma() * (k + 1).rgamma() * (n - k + 1).rgamma()


def _polygamma(order: Ball, x: Ball, analytic: bool) -> Ball:
    if _whole_number(order) == 0:
        return FUNCTIONS[sympy.digamma](x, analytic)
    return real_if_exact(acb(x).polygamma(acb(order)))


def _lambertw(x: Ball, branch: Ball | None = None, *, analytic: bool) -> Ball:
    number = 0 if branch is None else _whole_number(branch)
    x = real_if_exact(x)
    edge = -(arb(-1).exp())
    place = x.real if isinstance(x, acb) else x
    if number not in (0, -1) or not place > edge or (number == -1 and not place < 0):
        raise Unsure("near a branch point of LambertW")
    if isinstance(x, acb) and not _in_disc(x, lambda y: bool(y > edge) and (not number or y < 0)):
        raise Unsure("near a branch cut of LambertW")
    return x.lambertw(number)


def _with_order(name: str, entire: Callable = lambda order: False) -> Callable:
    """A function of an order and an argument, for most orders with a cut on the negative axis."""

    def evaluate(order: Ball, x: Ball, analytic: bool) -> Ball:
        if isinstance(order, acb) or isinstance(x, acb):
            order, x = acb(order), acb(x)
            if analytic and not entire(order) and not x.real > 0:
                raise Unsure("near a branch cut")
        return getattr(x, name)(order)

    return evaluate


_gamma_series, _gamma_upper = _with_order("gamma_lower"), _with_order("gamma_upper")


def _gamma_lower(order: Ball, x: Ball, analytic: bool) -> Ball:
    # Its series has as many terms as x is large, unless the order is larger.
    if abs(x).lower() > 1000 and abs(order).upper() < 1.1 * abs(x).lower():
        return order.gamma() - _gamma_upper(order, x, analytic)
    return _gamma_series(order, x, analytic)


def _bessel(name: str) -> Callable:
    return _with_order(name, lambda order: _whole_number(order) is not None)


def _polylog(order: Ball, x: Ball, analytic: bool) -> Ball:
    x = real_if_exact(x)
    if analytic or isinstance(x, acb) or not x < 1:
        raise Unsure("near the branch cut of polylog")
    return real_if_exact(acb(x).polylog(acb(order)))


def _on_the_positive(name: str) -> Callable:
    """A function of an order and an argument that is taken for positive arguments alone."""

    def evaluate(order: Ball, x: Ball, analytic: bool) -> Ball:
        x = real_if_exact(x)
        if analytic or isinstance(x, acb) or not x > 0:
            raise Unsure(f"{name} of what may not be positive")
        return real_if_exact(getattr(acb(x), name)(acb(order)))

    return evaluate


BUILDERS |= {
    sympy.Max: _several(_extreme("max")),
    sympy.Min: _several(_extreme("min")),
    sympy.binomial: _several(_binomial),
    sympy.polygamma: _several(_polygamma),
    sympy.LambertW: _several(_lambertw),
    sympy.beta: _several(lambda x, y, analytic: x.gamma() * y.gamma() * (x + y).rgamma()),
    sympy.besselj: _several(_bessel("bessel_j")),
    sympy.besseli: _several(_bessel("bessel_i")),
    sympy.lowergamma: _several(_gamma_lower),
    sympy.uppergamma: _several(_gamma_upper),
    sympy.besselk: _several(_on_the_positive("bessel_k")),
    sympy.bessely: _several(_on_the_positive("bessel_y")),
    sympy.expint: _several(_on_the_positive("expint")),
    sympy.polylog: _several(_polylog),
}


@builder(sympy.CRootOf)
def _root_of(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    """A real root of a polynomial with rational coefficients; SymPy counts them from the left."""
    if not expr.is_real:
        raise Unsure("a complex root")
    coefficients = [fmpq(int(c.p), int(c.q)) for c in reversed(expr.poly.all_coeffs())]

    def evaluate(values: list, analytic: bool) -> Ball:
        roots = fmpq_poly(coefficients).numer().complex_roots()
        real = [root.real for root, _ in roots if root.imag.is_zero()]
        order = cmp_to_key(lambda one, other: -1 if one.mid() < other.mid() else 1)
        return sorted(real, key=order)[expr.index]

    return evaluate


@builder(sympy.Piecewise)
def _piecewise(expr: sympy.Expr, symbols: tuple) -> Evaluator:
    branches = [(build(value, symbols), condition(c, symbols)) for value, c in expr.args]

    def evaluate(values: list, analytic: bool) -> Ball:
        found = []
        for value, holds in branches:
            truth = holds(values)
            if truth is False:
                continue
            if truth is None and analytic:
                raise Unsure("a case")
            found.append(value(values, analytic))
            if truth:
                break
        else:
            raise Undefined("no case holds") if not found else Unsure("a case")
        result = found[0]
        for other in found[1:]:
            if isinstance(result, acb) or isinstance(other, acb):
                result, other = acb(result), acb(other)
            result = result.union(other)
        return result

    return evaluate


_INFINITE = (S.Infinity, S.NegativeInfinity)


def condition(relation: Boolean, symbols: tuple) -> Callable[[list], bool | None]:
    """A relation, or a combination of some, as a function of a list of balls: None where they do
    not tell."""
    if isinstance(relation, BooleanAtom):
        truth = bool(relation)
        return lambda values: truth
    if isinstance(relation, (sympy.And, sympy.Or)):
        parts = [condition(part, symbols) for part in relation.args]
        decisive = isinstance(relation, sympy.Or)

        def combine(values: list) -> bool | None:
            truths = [part(values) for part in parts]
            return decisive if decisive in truths else None if None in truths else not decisive

        return combine
    if isinstance(relation, sympy.Not):
        part = condition(relation.args[0], symbols)
        return lambda values: None if (truth := part(values)) is None else not truth
    if not isinstance(relation, sympy.core.relational.Relational):
        if isinstance(relation, Boolean):
            raise Unsure(f"the condition {relation}")
        raise TypeError(f"{relation!r} is not a condition")
    if set(_INFINITE) & set(relation.args):  # a finite side stands where 0 does
        sides = (side if side in _INFINITE else S.Zero for side in relation.args)
        return condition(relation.func(*sides), ())
    gap = build(relation.lhs, symbols), build(relation.rhs, symbols)
    operator = relation.rel_op

    def compare(values: list) -> bool | None:
        left, right = (real_if_exact(side(values, False)) for side in gap)
        if isinstance(left, acb) or isinstance(right, acb):
            left, right = real_part(left), real_part(right)
        return holds(left, right, operator)

    return compare


def real_part(value: Ball) -> arb:
    """The real part of a ball whose imaginary part may be zero. Raises `Undefined` where it is not:
    there is no order then."""
    if isinstance(value, arb):
        return value
    if not contains_zero(value.imag):
        raise Undefined("the order of complex numbers")
    return value.real


def holds(left: Ball, right: Ball, relation: str) -> bool | None:
    """Whether two values stand in a relation: ==, !=, <, <=, > or >=. None where the balls do not
    tell."""
    if relation in ("==", "!="):
        gap = left - right
        equal = False if not contains_zero(gap) else True if gap.is_zero() else None
        return equal if relation == "==" or equal is None else not equal
    where = sign(left - right)
    if where is None and relation in ("<=", ">="):
        gap = left - right if relation == ">=" else right - left
        return True if gap >= 0 else None
    if where is None:
        gap = left - right if relation == ">" else right - left
        return False if gap <= 0 else None
    return {"<": where < 0, "<=": where <= 0, ">": where > 0, ">=": where >= 0}[relation]
