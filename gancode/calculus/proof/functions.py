"""Statements about any function: its values and derivatives at a point are free.

A smooth function may take any value at a point, and have any derivatives there, whatever it does
at other points. So a statement in f(x), f′(x), f(g(x)), … holds for all functions if it holds for
all numbers in their place; and numbers for which it fails are those of some function, as long as
the points are different ones.
"""

from dataclasses import dataclass, field

from flint import ctx
from sympy import Derivative, Dummy, Integral, Limit, Product, Subs, Sum
from sympy.core.function import AppliedUndef

from .enclosure import ball, compiled, contains_zero

BINDERS = (Integral, Sum, Limit, Product)
_SIGNS = ("positive", "negative", "nonnegative", "nonpositive")


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


def bound(expr) -> bool:
    """Whether an undefined function stands under an integral, a sum or a limit."""
    return any(part.has(AppliedUndef) for part in expr.atoms(*BINDERS))


def free_jets(sides, relations) -> Jets:
    """The sides and relations with free numbers for the values of undefined functions. Their
    derivatives are to be carried out already."""
    symbols: dict = {}
    jets = Jets([], [])
    places: dict = {}

    def stand_in(atom):
        if atom not in symbols:
            applied = atom if isinstance(atom, AppliedUndef) else _function_of(atom)
            sign = next((sign for sign in _SIGNS if getattr(atom, f"is_{sign}")), "real")
            symbols[atom] = Dummy(str(atom), **{sign if atom is applied else "real": True})
            jets.names[symbols[atom]] = atom
            if applied is None:
                jets.known = False
            else:
                places.setdefault((applied.func, applied.args))
        return symbols[atom]

    def replaced(expr):
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


def _function_of(atom):
    """The applied function that a derivative is one of; at a point, for one that is substituted."""
    if isinstance(atom, Subs):
        inner = _function_of(atom.expr)
        return inner and inner.subs(dict(zip(atom.variables, atom.point, strict=True)))
    found = atom.expr if isinstance(atom, Derivative) else None
    return found if isinstance(found, AppliedUndef) else None
