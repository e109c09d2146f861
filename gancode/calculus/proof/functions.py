"""Statements about any function: its values and derivatives at a point are free.

A smooth function may take any value at a point, and have any derivatives there, whatever it does
at other points. So a statement in f(x), f′(x), f(g(x)), … holds for all functions if it holds for
all numbers in their place; and numbers for which it fails are those of some function, as long as
the points are different ones. Under an integral, a sum or a limit it is the whole function that
counts; particular ones refute there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import sympy
from flint import ctx
from sympy import Derivative, Dummy, Integral, Limit, Product, Rational, S, Subs, Sum
from sympy.core.function import AppliedUndef, UndefinedFunction
from sympy.logic.boolalg import Boolean

from ...errors import Refused
from .enclosure import ball, compiled, contains_zero

BINDERS = (Integral, Sum, Limit, Product)
_SIGNS = ("positive", "negative", "nonnegative", "nonpositive", "nonzero")
_OTHER = (
    "zero imaginary integer noninteger even odd prime composite rational irrational algebraic "
    "transcendental infinite"
).split()  # what no sign says, and most smooth real functions are not
_TAILS = (Rational(5, 2), Rational(7, 3000), S(10) ** 6)  # limits of functions that have one


@dataclass
class Jets:
    """Expressions with a symbol in place of each value and derivative of an undefined function."""

    sides: list
    relations: list
    names: dict = field(default_factory=dict)  # symbol → what it stands for
    places: list = field(default_factory=list)  # (function, arguments), with symbols in place too
    known: bool = True  # whether all of them are

    def distinct(self, point: dict) -> bool:
        """Whether the same function is never asked about the same point twice."""
        if not self.known:
            return False
        with ctx.workprec(128):
            symbols = tuple(point)
            balls = [ball(value) for value in point.values()]
            asked: list = []
            for function, arguments in self.places:
                try:
                    here = [compiled(argument, symbols)(balls) for argument in arguments]
                except ArithmeticError:
                    return False
                for other, there in asked:
                    if other == function and all(
                        contains_zero(x - y) for x, y in zip(here, there, strict=True)
                    ):
                        return False
                asked.append((function, here))
        return True

    def named(self, point: dict) -> dict:
        """A point with the functions' values under their own names; what depends on x after x."""
        plain = {s: value for s, value in point.items() if s not in self.names}
        return plain | {self.names[s]: v for s, v in point.items() if s in self.names}


def sign_of(applied: sympy.Expr) -> dict:
    """What is assumed of the sign of a function's values, as assumptions of a symbol."""
    return {sign: True for sign in _SIGNS if getattr(applied, f"is_{sign}")}


def require_smooth(expr: sympy.Expr) -> None:
    """Raise `Refused` where a function is declared to be what smooth real ones are not."""
    for applied in sorted(expr.atoms(AppliedUndef), key=str):
        other = [trait for trait in _OTHER if getattr(applied, f"is_{trait}")]
        if not applied.is_real and applied.is_complex:
            other.append("complex")
        if other:
            raise Refused(
                f"{applied} is declared {', '.join(other)}; a function without a formula stands "
                f"for any smooth real one, and may be declared real or {', '.join(_SIGNS)}"
            )


def bound(expr: sympy.Expr) -> bool:
    """Whether an undefined function stands under an integral, a sum or a limit."""
    return any(part.has(AppliedUndef) for part in expr.atoms(*BINDERS))


def free_jets(sides: Sequence[sympy.Expr], relations: Sequence[Boolean]) -> Jets:
    """The sides and relations with free numbers for the values of undefined functions. Their
    derivatives are to be carried out already."""
    symbols: dict = {}
    jets = Jets([], [])
    places: dict = {}

    def stand_in(atom: sympy.Expr) -> sympy.Expr:
        if atom not in symbols:
            applied = atom if isinstance(atom, AppliedUndef) else _function_of(atom)
            signs = sign_of(atom) if atom is applied else {}
            symbols[atom] = Dummy(str(atom), real=True, **signs)
            jets.names[symbols[atom]] = atom
            if applied is None:
                jets.known = False
            else:
                places.setdefault((applied.func, applied.args))
        return symbols[atom]

    def replaced(expr: sympy.Expr) -> sympy.Expr:
        if isinstance(expr, (AppliedUndef, Derivative, Subs)):
            return stand_in(expr)
        if not expr.args or not expr.has(AppliedUndef):
            return expr
        return expr.func(*map(replaced, expr.args))

    jets.sides = [replaced(side) for side in sides]
    jets.relations = [replaced(relation) for relation in relations]
    done = 0
    while done < len(places):  # arguments hold functions too
        function, arguments = list(places)[done]
        jets.places.append((function, tuple(map(replaced, arguments))))
        done += 1
    return jets


def _function_of(atom: sympy.Expr) -> sympy.Expr | None:
    """The applied function that a derivative is one of; at a point, for one that is substituted."""
    if isinstance(atom, Subs):
        inner = _function_of(atom.expr)
        return inner and inner.subs(dict(zip(atom.variables, atom.point, strict=True)))
    found = atom.expr if isinstance(atom, Derivative) else None
    return found if isinstance(found, AppliedUndef) else None


def instances(left: sympy.Expr, right: sympy.Expr) -> Iterator[dict]:
    """Particular functions in place of the undefined ones of both sides, by function: smooth ones
    with integrals over the whole space; one for all of them, since many bounds are reached where
    two functions are the same; where there are limits, also ones that tend to a number; and zero.
    """
    both = left - right
    applied = both.atoms(AppliedUndef)
    undefined = sorted({f.func for f in applied} | both.atoms(UndefinedFunction), key=str)
    if not undefined:
        yield {}
        return
    arities = {f.func: len(f.args) for f in applied}

    def instance(size: int, tail: sympy.Expr, random: Callable[[], Random], sign: dict) -> dict:
        functions = {}
        for function in undefined:
            xs = sympy.symbols(f"x1:{arities.get(function, 1) + 1}", real=True)
            signs = sign_of(function(*xs)) or sign
            functions[function] = sympy.Lambda(xs, _particular(xs, random(), signs, size, tail))
        return functions

    shapes = [(1, 0), (1, 0), (100, 0)]  # how high, and towards which number
    shapes += [(1, tail) for tail in _TAILS] if both.has(Limit) else []
    random = Random(0)
    for size, tail in (*shapes, (1, None)):
        yield instance(size, tail, lambda: random, {})
    if len(undefined) > 1:
        yield instance(1, 0, lambda: Random(0), {"positive": True})


def with_functions(expr: sympy.Expr, functions: dict) -> sympy.Expr:
    """`expr` with particular functions in place of undefined ones."""
    for function, particular in functions.items():
        expr = expr.replace(function, particular)
    return expr


def _particular(
    xs: Sequence[sympy.Expr], random: Random, signs: dict, size: int, tail: sympy.Expr
) -> sympy.Expr:
    """A smooth function of `xs` whose values have a sign, about `size` high. It falls off fast
    towards `tail`, of either sign; None means the zero function, where the sign allows it."""
    centre = [Rational(random.randint(-4, 4), 4) for _ in xs]
    wide = Rational(random.randint(1, 4), 2)
    height = size * Rational(random.randint(1, 9), random.randint(1, 9)) * random.choice((1, -1))
    if "positive" in signs or "nonnegative" in signs:
        height = abs(height)
    elif "negative" in signs or "nonpositive" in signs:
        height = -abs(height)
    if tail is None:
        if not {"positive", "negative", "nonzero"} & signs.keys():
            return S.Zero
        tail = 0
    slope = sum(xs) / random.randint(2, 5)
    shape = 1 + (slope**2 if signs else slope)
    square = sum((x - c) ** 2 for x, c in zip(xs, centre, strict=True))
    return sympy.sign(height) * tail + height * shape * sympy.exp(-wide * square)
