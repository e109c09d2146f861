"""`prove`: is an equality or inequality between two SymPy expressions true?

Every statement is first attacked: both sides are evaluated to 50 digits at many points of the
domain, the hard ones included, and one disagreement refutes it. What survives is then decided by a
short list of exact strategies. A statement that survives but that no strategy decides is *checked*,
not *proved*, and says so.
"""

from dataclasses import dataclass, field
from random import Random

import mpmath
import sympy
from sympy import Abs, Dummy, Integral, LambertW, Max, Min, Piecewise, Rational, S, exp, log
from sympy.core.evalf import PrecisionExhausted
from sympy.core.function import AppliedUndef, UndefinedFunction
from sympy.functions.elementary.hyperbolic import HyperbolicFunction

from ..notebook import Shown
from .domain import Domain, EmptyDomainError
from .kinks import KINKED, pieces
from .latex import MARKS, words
from .symbols import softplus

DIGITS = 50
POINTS = 160
RELATIONS = {"==": "=", "<=": r"\le", ">=": r"\ge", "<": "<", ">": ">"}
_SIMPLIFY_LIMIT = 400  # operations: beyond this `simplify` takes minutes
_EXPONENT_LIMIT = 20 * DIGITS * 2.3  # exp of it has as many digits as are used at most
_CALCULUS_LIMIT = 100  # and finding a sign longer still


class UndecidableError(ValueError):
    """Neither a strategy decides the statement nor can its sides be evaluated anywhere."""


@dataclass(frozen=True)
class Proof(Shown):
    """The outcome of `prove`. True unless refuted.

    `status` is "proved" (symbolically, by `method`), "checked" (numerically, at `points` points)
    or "refuted"; then `counterexample` maps each symbol to a value, and `lhs_value` and `rhs_value`
    are the two sides there. `assumes` says what is taken for granted beside the assumptions of the
    symbols, such as "the integrals converge".
    """

    lhs: sympy.Expr
    rhs: sympy.Expr
    relation: str
    status: str
    method: str = ""
    points: int = 0
    counterexample: dict | None = field(default=None)
    lhs_value: sympy.Expr | None = None
    rhs_value: sympy.Expr | None = None
    assumes: str = ""

    def __bool__(self) -> bool:
        return self.status != "refuted"

    @property
    def evidence(self) -> str:
        """One phrase: how the statement was decided."""
        if self.status == "refuted":
            where = ", ".join(
                f"{symbol} = {value}" for symbol, value in self.counterexample.items()
            )
            left, right = _shortest_apart(self.lhs_value, self.rhs_value)
            return f"refuted at {where or 'every point'}: left side {left}, right side {right}"
        if self.status == "proved":
            return f"proved ({self.method}){self.where}"
        return f"checked to {DIGITS} digits at {self.points} points{self.where}"

    @property
    def where(self) -> str:
        """What the statement takes for granted, to be added to its evidence."""
        return f", where {self.assumes}" if self.assumes else ""

    def __str__(self) -> str:
        return f"{self.lhs} {self.relation} {self.rhs}: {self.evidence}"

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        left, right = sympy.latex(self.lhs), sympy.latex(self.rhs)
        return (
            "$$\n\\begin{aligned}\n"
            rf"{left} &{RELATIONS[self.relation]} {right} \\[-2pt]"
            rf" &\quad{{\small {MARKS[self.status]}\ {words(self.evidence)}}}"
            "\n\\end{aligned}\n$$"
        )

    def _data(self) -> dict:
        sides, at = (sympy.latex(self.lhs), sympy.latex(self.rhs)), self.counterexample or {}
        return {
            "kind": "proof",
            "statement": f"{self.lhs} {self.relation} {self.rhs}",
            "latex": f" {RELATIONS[self.relation]} ".join(sides),
            "status": self.status,
            "rule": self.method,
            "assumes": self.assumes,
            "counterexample": {str(symbol): str(value) for symbol, value in at.items()},
        }


def prove(lhs, rhs, relation: str = "==", assumptions=()) -> Proof:
    """Decide `lhs relation rhs` for every value that the assumptions allow.

    `relation` is "==", "<=", ">=", "<" or ">". `assumptions` is a SymPy relation, or several, added
    to what the symbols themselves assume. Points at which a side is undefined (not a finite number)
    say nothing. Undefined functions, such as `Function("D")(x)`, stand for any smooth function: for
    the attack each is replaced by particular ones (with values in (0, 1) where declared positive).

    Raises `ValueError` for an unknown relation, `TypeError` for an assumption that is no relation,
    `EmptyDomainError` where no point of the domain leaves both sides defined, and
    `UndecidableError` where the sides cannot be evaluated and no exact strategy succeeds.
    """
    if relation not in RELATIONS:
        raise ValueError(f"unknown relation {relation!r}; it must be one of {', '.join(RELATIONS)}")
    lhs, rhs = (_exact(side) for side in (lhs, rhs))
    domain = Domain(lhs.free_symbols | rhs.free_symbols, assumptions)
    if relation != "==":
        for symbol, bounds in domain.bounds.items():
            if bounds is None:
                raise ValueError(
                    f"{relation} needs real symbols; declare Symbol('{symbol}', real=True)"
                )
    left, right = sides = [side.subs(domain.solved) for side in (lhs, rhs)]
    if relation in ("<", ">"):  # a sign is told from zero by its relative error, a gap is not
        left, right = left - right, S.Zero

    attack = _attack(left, right, relation, domain)
    if isinstance(attack, _Refutation):
        point = attack.point
        values = [_value(side.subs(attack.functions).doit(), point) for side in sides]
        point |= {s: value.subs(point) for s, value in domain.solved.items()}
        where = point | attack.functions
        return Proof(lhs, rhs, relation, "refuted", "", attack.points, where, *values)
    if attack == 0:
        raise EmptyDomainError(
            f"{lhs} {relation} {rhs}: no point of the domain was found at which both sides are "
            "defined, so the statement says nothing; check the assumptions of the symbols"
        )
    method = _decide(left, right, relation, domain)
    if method:
        return Proof(lhs, rhs, relation, "proved", method, attack or 0)
    if attack is None:
        raise UndecidableError(
            f"{lhs} {relation} {rhs}: no exact strategy decides it, and it cannot be evaluated "
            "numerically (an integral without a value, or a function SymPy cannot compute)"
        )
    return Proof(lhs, rhs, relation, "checked", "", attack)


def _exact(side) -> sympy.Expr:
    """A SymPy expression without floats: 0.1 means one tenth."""
    try:
        side = sympy.sympify(side, strict=True)
    except sympy.SympifyError:
        side = repr(side)
    if not isinstance(side, sympy.Expr) or side.is_Matrix:
        raise TypeError(f"prove compares SymPy expressions and numbers, not {side}")
    return sympy.nsimplify(side, rational=True) if side.has(sympy.Float) else side


def _shortest_apart(x, y) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart."""
    for digits in (6, 12, 25, DIGITS):
        shown = tuple(str(sympy.N(value, digits)) for value in (x, y))
        if shown[0] != shown[1]:
            break
    return shown


# The attack: evaluate both sides at many points ------------------------------------------------


@dataclass
class _Refutation:
    point: dict
    functions: dict  # the particular functions in place of undefined ones
    points: int


def _attack(left, right, relation, domain) -> _Refutation | int | None:
    """A refutation, or the number of points that agree, or None where nothing can be evaluated."""
    if _integrates_undefined(left) or _integrates_undefined(right):
        return None
    agreed = 0
    evaluated = False
    for functions in _instances(left, right):
        try:
            compiled = [
                _compile(side.subs(functions).doit(), domain.symbols) for side in (left, right)
            ]
        except (NotImplementedError, TypeError, ValueError):
            continue
        evaluated = True
        landmarks = (left.atoms(Rational) | right.atoms(Rational)) - {S.Half}
        for point in domain.points(POINTS, sorted(landmarks)):
            agreement = _agree(*compiled, relation, list(point.values()))
            if agreement is False:
                particular = [side.subs(functions).doit() for side in (left, right)]
                values = [_value(side, point) for side in particular]
                if None not in values and not _holds(*values, relation):
                    # Two sides may seem equal because an exponential is too small to be seen.
                    if values[0] != values[1] or _largest_power(*particular, point) < 2 * DIGITS:
                        return _Refutation(point, functions, agreed)
            agreed += agreement is True
    return agreed if evaluated else None


def _integrates_undefined(side) -> bool:
    """Whether `side` holds an integral of an undefined function: SymPy would search for its value
    for minutes, and there is none."""
    return any(integral.has(AppliedUndef) for integral in side.atoms(Integral))


def _instances(left, right):
    """Particular functions in place of the undefined ones, each as a `subs` dictionary."""
    undefined = {f.func for f in (left - right).atoms(AppliedUndef)}
    undefined |= {f for f in (left - right).atoms(UndefinedFunction)}
    if not undefined:
        yield {}
        return
    random = Random(0)
    for _ in range(2):
        functions = {}
        for function in sorted(undefined, key=str):
            arity = next(
                len(f.args) for f in (left - right).atoms(AppliedUndef) if f.func == function
            )
            xs = sympy.symbols(f"x1:{arity + 1}", real=True)
            weights = [Rational(random.randint(-9, 9) or 1, 7) for _ in range(3 * arity + 2)]
            value = weights[-1] + sum(
                weights[3 * i] * x + weights[3 * i + 1] * x**2 + weights[3 * i + 2] * sympy.sin(x)
                for i, x in enumerate(xs)
            )
            if arity > 1:  # no sum of functions of one variable each
                value += weights[-2] * sympy.Mul(*xs) + sympy.sin(sum(xs))
            positive = function(*xs).is_positive
            functions[function] = sympy.Lambda(xs, 1 / (1 + exp(-value)) if positive else value)
        yield functions


def _compile(side, symbols):
    """`side` as a function of mpmath numbers."""
    side = side.rewrite(log) if side.has(softplus) else side
    if side.has(AppliedUndef, Integral, sympy.Derivative, sympy.Subs):
        raise NotImplementedError("not a closed form")
    if side.has(S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity):
        return lambda *values: mpmath.nan
    # the second derivative of a kink: nothing but at the kink, where there is none
    delta = {"DiracDelta": lambda x, order=0: mpmath.nan if x == 0 else mpmath.mpf(0)}
    return sympy.lambdify(list(symbols), side, [delta, "mpmath"])


def _agree(left, right, relation, values) -> bool | None:
    """Whether the sides agree at a point, by plain evaluation; None where one is undefined.

    A difference that shrinks with more digits is rounding.
    """
    gaps = []
    for digits in (DIGITS + 10, 4 * DIGITS):
        with mpmath.workdps(digits):
            try:
                point = [mpmath.mpmathify(sympy.N(value, digits)) for value in values]
                x, y = (mpmath.mpmathify(side(*point)) for side in (left, right))
            except (ZeroDivisionError, ValueError, TypeError, OverflowError, MemoryError):
                return None
            if not (mpmath.isfinite(x) and mpmath.isfinite(y)):
                return None
            gaps.append(abs(x - y))
            holds = _holds(x, y, relation)
            if holds is not False:
                return holds
    return relation not in ("<", ">") and bool(gaps[1] <= gaps[0] * mpmath.mpf(10) ** -DIGITS)


def _holds(x, y, relation) -> bool | None:
    """Whether two numbers satisfy the relation to `DIGITS` digits; None if they have no order."""
    tolerance = sympy.Float(10) ** -DIGITS * max(abs(x), abs(y))
    if abs(x - y) <= tolerance:
        return relation not in ("<", ">")
    if relation == "==":
        return False
    x, y = sympy.sympify(x), sympy.sympify(y)
    if abs(sympy.im(x)) > tolerance or abs(sympy.im(y)) > tolerance:
        return None
    return bool(sympy.re(x - y) < 0) == relation.startswith("<")


def _value(side, point):
    """The value at a point with a guaranteed error, or None where that is out of reach.

    Cancellation can feign a difference (cosh(1000)**2 - sinh(1000)**2), so before a statement is
    called false its sides are evaluated once more with as many digits as it takes.
    """
    side = side.rewrite(log) if side.has(softplus) else side
    if _largest_power(side, S.Zero, point) > _EXPONENT_LIMIT:
        return None  # beside 1, exp(-10**6) would take half a million digits
    try:
        value = side.subs(point).evalf(DIGITS + 5, maxn=20 * DIGITS, strict=True)
    except (PrecisionExhausted, ValueError, TypeError, OverflowError):
        return None
    return value if value.is_number and value.is_finite else None


def _largest_power(left, right, point):
    """The largest modulus of an argument of an exponential in either side: x·log(a) in aˣ."""
    both = (left - right).rewrite(log)
    arguments = [power.args[0].subs(point) for power in both.atoms(exp, HyperbolicFunction)]
    for power in both.atoms(sympy.Pow):
        if power.exp.free_symbols:
            arguments.append(power.exp.subs(point) * sympy.N(log(power.base.subs(point))))
    return max((abs(argument) for argument in arguments), default=S.Zero)


# The decision: exact strategies ----------------------------------------------------------------


def _decide(left, right, relation, domain) -> str:
    """The name of the first strategy that proves the statement, or an empty string."""
    if relation.startswith("<"):
        left, right = right, left
    if left == right and relation not in ("<", ">"):
        return "identical"
    gap = (left - right).subs(domain.open_form())
    ends = [(left - right).subs(end) for end in domain.closed_ends()]
    strict = relation in ("<", ">")
    decide = _vanishes if relation == "==" else _positive if strict else _nonnegative
    try:
        if all(decide(end) for end in ends):
            return decide(gap)
    except (NotImplementedError, RecursionError, AttributeError, TypeError, ValueError):
        pass  # SymPy gave up; the statement stays checked
    return ""


def _vanishes(gap) -> str:
    """How `gap` is shown to be zero, or an empty string."""
    for name, strategy in _EQUALITY.items():
        result = strategy(gap)
        if result is not None and result.is_zero:
            return name
    return ""


def _plain(gap):
    """Derivatives and integrals done, our own functions and kinks written in SymPy's."""
    gap = gap.doit(integrals=not _integrates_undefined(gap))
    gap = gap.rewrite(log) if gap.has(softplus) else gap
    gap = gap.replace(Max, lambda *args: _folded(args, 1)).replace(
        Min, lambda *args: _folded(args, -1)
    )
    gap = gap.replace(LambertW, _lambert)
    gap = gap.replace(
        lambda e: e.is_Pow and e.exp.is_Rational and not e.exp.is_Integer,
        lambda e: _factored(e.base) ** e.exp,  # the root of a square
    )
    return gap.replace(Abs, lambda argument: Abs(_factored(argument)))


def _factored(expr):
    """`sympy.factor`, but for complex or long expressions, with which it takes minutes."""
    return expr if expr.has(sympy.I) or expr.count_ops() > _CALCULUS_LIMIT else sympy.factor(expr)


def _lambert(argument):
    """W(x·exp(x)) = x for positive x: W inverts just that."""
    factors = sympy.Mul.make_args(sympy.powsimp(sympy.expand(argument)))
    exponent = sum(factor.args[0] for factor in factors if isinstance(factor, exp))
    x = sympy.expand(argument / exp(exponent))
    return x if x.is_positive and sympy.expand(x - exponent) == 0 else LambertW(argument)


def _folded(args, sign):
    """Max (sign 1) or Min (sign -1) of real numbers by absolute values."""
    first, *rest = args
    if not rest:
        return first
    second = _folded(rest, sign)
    return (first + second + sign * Abs(sympy.factor(first - second))) / 2


def _by_exponential(gap):
    """With w = exp(t) > 0 for every real t: logarithms of rational functions, split into terms."""
    gap = _plain(gap).rewrite(exp)
    bases = sorted(
        {s for e in gap.atoms(exp) for s in e.args[0].free_symbols if s.is_real},
        key=lambda s: s.name,
    )
    gap = gap.subs({t: log(Dummy("w", positive=True)) for t in bases})
    gap = gap.replace(log, lambda t: sympy.expand_log(log(sympy.factor(sympy.together(t)))))
    return sympy.cancel(sympy.expand(sympy.expand_log(gap)))


def _by_cases(gap):
    """A function of one variable with kinks: it must vanish on every piece, and at every kink."""
    if not gap.has(*KINKED) or len(gap.free_symbols) != 1:
        return None
    (x,) = gap.free_symbols
    if not x.is_real:
        return None
    cut = pieces(gap.doit(), x, S.Zero if x.is_nonnegative else -S.Infinity)
    edges = [gap.subs(x, piece.low) for piece in cut if piece.low.is_finite and not x.is_positive]
    edges += [gap.subs(x, piece.high) for piece in cut if piece.high.is_finite]
    gaps = [piece.expr for piece in cut] + edges
    return S.Zero if all(_vanishes(piece) for piece in gaps) else None


def _by_integrand(gap):
    """Integrals over the same domain are added up under one sign."""
    terms: dict = {}
    for term in sympy.Add.make_args(sympy.expand(gap)):
        factor, integrals = term.as_independent(Integral)
        if not isinstance(integrals, Integral):
            return None
        if factor.has(*[limit[0] for limit in integrals.limits]):
            return None
        terms[integrals.limits] = terms.get(integrals.limits, 0) + factor * integrals.function
    return S.Zero if terms and all(_vanishes(term) for term in terms.values()) else None


def simplified(expr, limit=_SIMPLIFY_LIMIT):
    """`sympy.simplify`, or the expression as it is where that would take minutes."""
    return sympy.simplify(expr) if expr.count_ops() <= limit else expr


def _without_roots(gap):
    """With x = u**n for every positive x that stands under an n-th root."""
    roots: dict = {}
    for power in gap.atoms(sympy.Pow):
        if power.base.is_Symbol and power.base.is_positive and power.exp.is_Rational:
            roots[power.base] = sympy.ilcm(roots.get(power.base, 1), power.exp.q)
    return gap.subs({x: Dummy("u", positive=True) ** n for x, n in roots.items() if n > 1})


_EQUALITY = {
    "under one integral": _by_integrand,
    "expansion": lambda gap: sympy.expand(_plain(gap)),
    "common denominator": lambda gap: sympy.cancel(sympy.together(_plain(gap))),
    "exponentials and logarithms expanded": _by_exponential,
    "by cases": _by_cases,
    "simplification": lambda gap: simplified(_plain(gap)),
}


def _nonnegative(gap, depth=2) -> str:
    """How `gap >= 0` is shown, or an empty string."""
    gap = _plain(gap)
    if gap.count_ops() > _CALCULUS_LIMIT:
        return "sign" if gap.is_nonnegative else ""
    if _sign_known(gap):
        return "sign"
    numerator, denominator = sympy.fraction(sympy.together(gap))
    if denominator.is_positive:
        gap = numerator
    if _polynomial_keeps_sign(gap):
        return "a polynomial without a change of sign"
    if gap.has(Abs, Piecewise, sympy.sign, sympy.Heaviside, sympy.floor):
        return ""
    for x in sorted(gap.free_symbols, key=lambda s: s.name):
        method = _by_calculus(gap, x, depth)
        if method:
            return method
    return ""


def _polynomial_keeps_sign(gap) -> bool:
    """Whether a polynomial in one symbol, with rational coefficients, is never negative: it has no
    root of odd multiplicity inside its domain (Sturm), and one positive value."""
    x, *others = gap.free_symbols or [None]
    if others or not getattr(x, "is_real", False) or not gap.is_polynomial(x):
        return False
    polynomial = sympy.Poly(gap, x)
    if not polynomial.domain.is_QQ and not polynomial.domain.is_ZZ:
        return False
    low = 0 if x.is_nonnegative else None
    changes = sum(
        factor.count_roots(low, None) - (low == 0 and factor.eval(0) == 0)
        for factor, multiplicity in polynomial.sqf_list()[1]
        if multiplicity % 2
    )
    return changes == 0 and any(polynomial.eval(sample) > 0 for sample in range(1, 99))


def _positive(gap) -> str:
    """How `gap > 0` is shown, or an empty string."""
    return "sign" if any(form.is_positive for form in _forms(_plain(gap))) else ""


def _sign_known(gap) -> bool:
    """Whether SymPy sees that `gap` is not negative, in any of a few forms."""
    return any(form.is_nonnegative for form in _forms(gap))


def _forms(gap):
    """`gap` written in a few ways, one of which may show its sign."""
    yield gap
    yield sympy.factor(gap)
    yield sympy.expand(gap)
    yield _by_exponential(gap)
    yield sympy.factor(_without_roots(sympy.expand(gap)))
    yield sympy.factor(simplified(gap))


def _by_calculus(gap, x, depth) -> str:
    """Where the least value of a smooth function of `x` lies, and that it is not negative."""
    low = S.Zero if x.is_nonnegative else S.NegativeInfinity
    whole = sympy.Interval(low, S.Infinity, not x.is_nonnegative or bool(x.is_positive), True)
    if depth == 0 or sympy.calculus.util.continuous_domain(gap, x, whole) != whole:
        return ""

    def ends_well(end, side) -> bool:
        limit = sympy.limit(gap, x, end, side)
        return bool(limit.is_extended_nonnegative) or _sign_known(limit)

    slope = sympy.simplify(gap.diff(x))
    if _nonnegative(slope, depth - 1):
        return "increasing from a limit that is not negative" if ends_well(low, "+") else ""
    if _nonnegative(-slope, depth - 1):
        return "decreasing to a limit that is not negative" if ends_well(S.Infinity, "-") else ""
    convex = _sign_known(slope.diff(x))
    for minimiser in sympy.solve(slope, x):
        inside = minimiser.is_positive if low is S.Zero else minimiser.is_real
        if inside and (convex or _sign_known(slope * (x - minimiser))):
            return (
                f"least value, at {x} = {minimiser}" if _sign_known(gap.subs(x, minimiser)) else ""
            )
    if _sign_known(-slope.diff(x)) and ends_well(low, "+") and ends_well(S.Infinity, "-"):
        return "concave, with limits that are not negative"
    return ""
