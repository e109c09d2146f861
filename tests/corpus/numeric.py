"""Both sides of a statement by mpmath: the independent road to its truth.

SymPy only holds the expressions here; it neither simplifies nor evaluates. Integrals are computed
by quadrature, derivatives by differences, limits from nearby, sums term by term.
"""

from dataclasses import dataclass
from random import Random

import sympy
from mpmath import mp
from sympy import Eq, Integer, Lambda, Rational, S
from sympy.core.function import AppliedUndef


class Undefined(ArithmeticError):
    """A side has no finite value at the point."""


# Values ------------------------------------------------------------------------------------------


def _heaviside(x, at_zero):
    return mp.mpf(1) if x > 0 else mp.mpf(0) if x < 0 else at_zero


def _arg(z):
    if z == 0:
        raise Undefined("the argument of zero")
    return mp.arg(z)


def _softplus(x):
    return mp.log1p(mp.exp(x)) if mp.re(x) < 0 else x + mp.log1p(mp.exp(-x))


def _binomial(n, k):
    if k == mp.floor(k) and k < 0:
        return mp.mpf(0)
    return mp.binomial(n, k)


FUNCTIONS = {
    "exp": mp.exp,
    "log": mp.log,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "cot": mp.cot,
    "sec": mp.sec,
    "asin": mp.asin,
    "acos": mp.acos,
    "atan": mp.atan,
    "atan2": mp.atan2,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "coth": mp.coth,
    "asinh": mp.asinh,
    "acosh": mp.acosh,
    "atanh": mp.atanh,
    "acoth": mp.acoth,
    "Abs": abs,
    "re": mp.re,
    "im": mp.im,
    "conjugate": mp.conj,
    "arg": _arg,
    "sign": mp.sign,
    "floor": mp.floor,
    "ceiling": mp.ceil,
    "Max": max,
    "Min": min,
    "Heaviside": _heaviside,
    "KroneckerDelta": lambda i, j: mp.mpf(i == j),
    "softplus": _softplus,
    "gamma": mp.gamma,
    "loggamma": mp.loggamma,
    "polygamma": lambda order, x: mp.polygamma(int(order), x),
    "zeta": mp.zeta,
    "factorial": mp.factorial,
    "binomial": _binomial,
    "harmonic": mp.harmonic,
    "fibonacci": mp.fibonacci,
    "lucas": lambda n: mp.fibonacci(n - 1) + mp.fibonacci(n + 1),
    "catalan": lambda n: mp.binomial(2 * n, n) / (n + 1),
    "bernoulli": lambda n: mp.bernoulli(int(n)),
    "beta": mp.beta,
    "lowergamma": lambda a, x: mp.gammainc(a, 0, x),
    "uppergamma": lambda a, x: mp.gammainc(a, x),
    "erf": mp.erf,
    "erfc": mp.erfc,
    "erfi": mp.erfi,
    "LambertW": mp.lambertw,
    "besselj": mp.besselj,
    "besseli": mp.besseli,
    "besselk": mp.besselk,
    "polylog": mp.polylog,
    "Si": mp.si,
    "Ei": mp.ei,
    "li": mp.li,
    "elliptic_k": mp.ellipk,
    "airyai": mp.airyai,
    "totient": lambda n: mp.mpf(int(sympy.totient(int(n)))),
    "Mod": lambda a, b: a - b * mp.floor(a / b),
}
CONSTANTS = {
    S.Pi: lambda: +mp.pi,
    S.Exp1: lambda: +mp.e,
    S.EulerGamma: lambda: +mp.euler,
    S.Catalan: lambda: +mp.catalan,
    S.ImaginaryUnit: lambda: mp.mpc(0, 1),
    S.Infinity: lambda: mp.inf,
    S.NegativeInfinity: lambda: -mp.inf,
}
ORDERS = {"<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}
KINKED = (sympy.Abs, sympy.Max, sympy.Min, sympy.sign, sympy.Piecewise, sympy.Heaviside)
KINKED += (sympy.floor, sympy.ceiling)


def value(expr, point: dict):
    """`expr` at a point, to about `mp.dps` digits; raises `Undefined` where it is not finite."""
    try:
        result = mp.mpmathify(_value(expr, point))
    except (ZeroDivisionError, ValueError, TypeError, OverflowError, mp.NoConvergence) as error:
        raise Undefined(f"{expr}: {type(error).__name__}") from error
    if not mp.isfinite(result):
        raise Undefined(f"{expr} is not finite")
    return result.real if isinstance(result, mp.mpc) and result.imag == 0 else result


def _value(expr, env):
    if expr in env:
        given = env[expr]
        return given if isinstance(given, (mp.mpf, mp.mpc)) else _value(given, {})
    if expr.is_Rational:
        return mp.mpf(int(expr.p)) / int(expr.q)
    if expr in CONSTANTS:
        return CONSTANTS[expr]()
    if expr.is_Add:
        return mp.fsum(_value(term, env) for term in expr.args)
    if expr.is_Mul:
        return mp.fprod(_value(factor, env) for factor in expr.args)
    if expr.is_Pow:
        return mp.power(_value(expr.base, env), _value(expr.exp, env))
    if isinstance(expr, AppliedUndef):
        body = env[expr.func]
        inner = dict(zip(body.variables, (_value(a, env) for a in expr.args), strict=True))
        return _value(body.expr, env | inner)
    special = SPECIAL.get(type(expr).__name__)
    if special:
        return special(expr, env)
    return FUNCTIONS[type(expr).__name__](*(_value(argument, env) for argument in expr.args))


def _holds(condition, env) -> bool:
    if condition in (S.true, S.false):
        return bool(condition)
    if isinstance(condition, sympy.And):
        return all(_holds(part, env) for part in condition.args)
    if isinstance(condition, sympy.Or):
        return any(_holds(part, env) for part in condition.args)
    left, right = (_value(side, env) for side in condition.args)
    if isinstance(condition, Eq):
        return left == right
    if isinstance(condition, sympy.Ne):
        return left != right
    return getattr(left, ORDERS[condition.rel_op])(right)


def _piecewise(expr, env):
    for branch, condition in expr.args:
        if _holds(condition, env):
            return _value(branch, env)
    raise Undefined(f"no branch of {expr}")


def _derivative(expr, env):
    variables = [variable for variable, _ in expr.variable_count]
    orders = [int(count) for _, count in expr.variable_count]

    def function(*values):
        return _value(expr.expr, env | dict(zip(variables, values, strict=True)))

    place = [_value(variable, env) for variable in variables]
    if len(place) == 1:
        return mp.diff(function, place[0], orders[0])
    return mp.diff(function, tuple(place), tuple(orders))


def _subs(expr, env):
    return _value(expr.expr, env | {v: _value(p, env) for v, p in zip(*expr.args[1:], strict=True)})


def _integral(expr, env):
    *inner, (variable, low, high) = expr.limits
    function = sympy.Integral(expr.function, *inner) if inner else expr.function
    low, high = _value(low, env), _value(high, env)
    if low == high:
        return mp.mpf(0)
    if low > high:
        return -_quadrature(function, variable, env, high, low)
    return _quadrature(function, variable, env, low, high)


def _quadrature(function, variable, env, low, high):
    def integrand(place):
        return _value(function, env | {variable: place})

    for end, other in ((low, high), (high, low)):
        near = mp.sign(other - end) * min(abs(other - end), 1) * mp.mpf(10) ** -9
        place, width = (-1 / near, abs(1 / near)) if mp.isinf(end) else (end + near, abs(near))
        if abs(integrand(place)) * width > mp.mpf(1) / 2:
            raise Undefined(f"the integral of {function} does not converge")
    total, error = mp.quad(integrand, _cuts(function, variable, env, low, high), error=True)
    if error > mp.mpf(10) ** (-mp.dps / 3) * (1 + abs(total)):
        raise Undefined(f"the integral of {function} does not converge")
    return total


def _cuts(function, variable, env, low, high) -> list:
    """The ends, every zero of what stands in a kink, and places in between."""
    inner = {place for place in map(mp.mpf, (-5, 0, 5)) if low < place < high}
    if mp.isfinite(high - low):
        inner = {(low + high) / 2}

    def onto_range(share):
        if mp.isinf(low) and mp.isinf(high):
            return mp.tan(mp.pi * (share - mp.mpf(1) / 2))
        if mp.isinf(high):
            return low + share / (1 - share)
        if mp.isinf(low):
            return high - (1 - share) / share
        return low + (high - low) * share

    grid = [onto_range(mp.mpf(i) / 120) for i in range(1, 120)]
    for switch in _switches(function, variable):
        inner |= set(_zeros(lambda place, s=switch: _value(s, env | {variable: place}), grid))
    if function.has(sympy.floor, sympy.ceiling):
        inner |= {whole for whole in map(mp.mpf, range(-20, 21)) if low < whole < high}
    return [low, *sorted(inner), high]


def _zeros(function, grid):
    """Where a function changes its sign along a grid."""
    for left, right in zip(grid, grid[1:], strict=False):
        below, above = function(left), function(right)
        if below == 0:
            yield left
        elif isinstance(below * above, mp.mpf) and below * above < 0:
            while abs(right - left) > mp.mpf(10) ** -mp.dps * (1 + abs(left)):
                middle = (left + right) / 2
                if function(middle) * below > 0:
                    left = middle
                else:
                    right = middle
            yield right


def _switches(function, variable):
    for part in function.atoms(*KINKED):
        if isinstance(part, sympy.Piecewise):
            conditions = [c for _, condition in part.args for c in condition.atoms(sympy.Rel)]
            found = [c.lhs - c.rhs for c in conditions]
        elif isinstance(part, (sympy.Max, sympy.Min)):
            found = [a - b for i, a in enumerate(part.args) for b in part.args[i + 1 :]]
        else:
            found = [part.args[0]]
        yield from (switch for switch in found if switch.has(variable))


def _sum(expr, env):
    *inner, (variable, low, high) = expr.limits
    function = expr.func(expr.function, *inner) if inner else expr.function
    low, high = _value(low, env), _value(high, env)

    def term(index):
        return _value(function, env | {variable: mp.mpf(index)})

    if isinstance(expr, sympy.Product):
        return mp.fprod(term(i) for i in range(int(low), int(high) + 1))
    if mp.isinf(high):
        terms, small = [], 0
        for index in range(int(low), int(low) + 1500):  # a sum that converges fast, term by term
            terms.append(term(index))
            small = small + 1 if abs(terms[-1]) < mp.mpf(10) ** -(mp.dps + 5) else 0
            if small > 5:
                return mp.fsum(terms)
        return mp.nsum(term, [low, mp.inf])
    if high < low - 1:  # Karr's convention
        return -mp.fsum(term(i) for i in range(int(high) + 1, int(low)))
    return mp.fsum(term(i) for i in range(int(low), int(high) + 1))


def _limit(expr, env):
    body, variable, place, side = expr.args
    digits = mp.dps
    with mp.workdps(6 * digits + 20):
        near = mp.mpf(10) ** -digits
        if place in (S.Infinity, S.NegativeInfinity):
            at = 1 / near if place is S.Infinity else -1 / near
        else:
            at = _value(place, env) + (near if str(side) != "-" else -near)
        return _value(body, env | {variable: at})


SPECIAL = {
    "Piecewise": _piecewise,
    "Derivative": _derivative,
    "Subs": _subs,
    "Integral": _integral,
    "Sum": _sum,
    "Product": _sum,
    "Limit": _limit,
}


# Comparisons -------------------------------------------------------------------------------------

# Digits to work with, one after the other, until a gap is told from zero.
LADDERS = [
    ((sympy.Integral, sympy.Limit), (15, 22, 45, 80)),
    ((sympy.Sum,), (15, 24, 45, 450, 500)),
    ((sympy.Basic,), (30, 100, 450, 11000)),
]


def has(statement, *kinds) -> bool:
    """Whether one of the sides contains an expression of these kinds."""
    return statement.lhs.has(*kinds) or statement.rhs.has(*kinds)


@dataclass
class Gap:
    """lhs − rhs at a point, by how much that moved with the last digits, and its natural size."""

    size: object
    doubt: object
    scale: object
    digits: int

    @property
    def known(self) -> bool:
        """Whether the gap is told from zero."""
        return abs(self.size) > 20 * self.doubt and self.size != 0

    @property
    def vanishes(self) -> bool:
        """Whether the gap is as small as an equality's would be."""
        return abs(self.size) <= mp.mpf(10) ** (-self.digits / 3) * self.scale

    def holds(self, relation) -> bool:
        """Whether the relation holds, an equality to a third of the digits."""
        if self.vanishes and not self.known:
            return relation in ("==", "<=", ">=")
        if relation == "==" or isinstance(self.size, mp.mpc):
            return False
        return (self.size < 0) == relation.startswith("<")


def gaps(statement, point):
    """The gap at a point, by ever more digits."""
    before = None
    for digits in next(ladder for kinds, ladder in LADDERS if has(statement, *kinds)):
        with mp.workdps(digits):
            left, right = (value(side, point) for side in (statement.lhs, statement.rhs))
            size = left - right
            if before is not None:
                yield Gap(size, abs(size - before), max(abs(left), abs(right), 1), digits)
            before = size


def fails(statement, point) -> bool:
    """Whether the relation fails at the point, seen with as many digits as that takes."""
    for gap in gaps(statement, point):
        if gap.known:
            break
    return not gap.holds(statement.relation)


def holds(statement, point) -> bool:
    """Whether the relation holds at the point; a strict one must be told from an equality."""
    for gap in gaps(statement, point):
        if gap.known or gap.holds(statement.relation):
            break
    return gap.holds(statement.relation)


# Points ------------------------------------------------------------------------------------------

WHOLE = [*range(-6, 13), 17, 25, 91, -15]
BROKEN = [Rational(i, j) for i in (-31, -7, -2, -1, 1, 2, 5, 13) for j in (2, 3, 10)]
TINY = [Rational(sign, 10**power) for sign in (1, -1) for power in (3, 7)]
SURD = [root * factor for root in (sympy.sqrt(2), sympy.pi) for factor in (1, -3, Rational(1, 5))]
PLANE = [sympy.I, Integer(-2), 1 + 2 * sympy.I, Rational(1, 3) - sympy.I, -1 - sympy.I / 7]
a1, a2 = sympy.symbols("a1 a2", real=True)
WAVES = [
    (sympy.sin(2 * a1) + a1**3 / 5 - a1 / 3 + Rational(1, 7), a1 - 2 * a2 + a1**2 * a2 / 3),
    (a1**2 / 2 - sympy.cos(a1), sympy.sin(a1 + 2 * a2) + a1),
    (1 / (2 + a1**2) + a1, a2**3 - a1 * a2),
]


def candidates(symbol, moderate) -> list:
    """Numbers that satisfy a symbol's own assumptions; where moderate, none large or tiny."""
    asked = symbol.assumptions0
    pool = [Integer(number) for number in WHOLE] + BROKEN + TINY + SURD
    if not asked.get("extended_real"):
        pool = PLANE + pool
    if moderate:
        pool = [
            number for number in pool if abs(number) <= 6 and (abs(5 * number) >= 1 or number == 0)
        ]
    return [number for number in pool if admits(symbol, number)]


def admits(symbol, number) -> bool:
    """Whether a number satisfies all assumptions of a symbol."""
    return all(getattr(number, f"is_{name}") == fact for name, fact in symbol.assumptions0.items())


def admitted(statement, point) -> bool:
    """Whether a point belongs to the domain of a statement."""
    numbers = {s: v for s, v in point.items() if isinstance(s, sympy.Symbol)}
    own = all(admits(symbol, number) for symbol, number in numbers.items())
    return own and all(relation.subs(numbers) == True for relation in statement.assumptions)  # noqa: E712


def free(statement) -> set:
    """The symbols of a statement and of its assumptions."""
    parts = (statement.lhs, statement.rhs, *statement.assumptions)
    return set().union(*(part.free_symbols for part in parts))


def undefined(statement) -> list:
    """The undefined functions of a statement, with the number of their arguments."""
    calls = {call for s in (statement.lhs, statement.rhs) for call in s.atoms(AppliedUndef)}
    return sorted({(call.func, len(call.args)) for call in calls}, key=str)


def points(statement, count):
    """Points of the domain, and particular functions; those of `tried_at` first."""
    random = Random(statement.name)
    symbols = sorted(free(statement), key=lambda symbol: symbol.name)
    pools = {symbol: candidates(symbol, has(statement, sympy.Integral)) for symbol in symbols}
    solved = [r for r in statement.assumptions if isinstance(r, Eq) and r.lhs.is_Symbol]
    functions = undefined(statement)
    given = list(statement.tried_at)
    tries = 60 * count if symbols or functions else 1
    for _ in range(tries):
        if not given and len(functions) + len(symbols) == 0:
            given = [{}]
        point = given.pop(0) if given else {s: random.choice(pools[s]) for s in symbols}
        for equation in solved:
            if equation.lhs not in point or not admitted(statement, point):
                point[equation.lhs] = equation.rhs.subs(point)
        waves = random.sample(WAVES, len(functions))
        for (function, arity), wave in zip(functions, waves, strict=True):
            if function not in point:
                body = wave[arity - 1]
                body = sympy.exp(body / 4) if function(*[a1, a2][:arity]).is_positive else body
                point[function] = Lambda((a1, a2)[:arity], body)
        if admitted(statement, point):
            yield point
            count -= 1
            if not count:
                return
