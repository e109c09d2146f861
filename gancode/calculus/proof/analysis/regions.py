"""A region: where a statement is claimed, and what is certain of expressions there."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import sympy
from flint import fmpq
from sympy import Dummy, Ge, Gt, Le, Lt, Ne, S
from sympy.logic.boolalg import Boolean

from .. import forms
from ..algebra import Field
from ..whole import is_whole
from .continuity import ENTIRE, MEROMORPHIC, STEPS, Undecided
from .samples import Samples
from .signs import find_sign, ratio_of_logs


@dataclass(frozen=True)
class Range:
    """A bound variable, and the ends between which it runs."""

    variable: sympy.Symbol
    low: sympy.Expr
    high: sympy.Expr


@dataclass(frozen=True, eq=False)
class Region:
    """The points at which `relations` hold; `decide` is the decision procedure of `Field`.

    The variables of `ranges` are bound: of integrals and sums. All other symbols are parameters.
    """

    relations: tuple = ()
    decide: Callable | None = None
    ranges: tuple[Range, ...] = ()

    @cached_property
    def field(self) -> Field:
        return Field([r for r in self.relations if not isinstance(r, Ne)], self.decide)

    @cached_property
    def _known_nonzero(self) -> list:
        return [r.lhs - r.rhs for r in self.relations if isinstance(r, Ne)]

    @cached_property
    def _signs(self) -> dict:
        return {}

    @cached_property
    def samples(self) -> Samples:
        return Samples(self)

    # Smaller regions ---------------------------------------------------------------------------

    def where(self, *relations: Boolean) -> "Region":
        """The part of it in which these hold too."""
        more = tuple(relation for relation in relations if relation is not S.true)
        return Region(self.relations + more, self.decide, self.ranges)

    def along(
        self, symbol: sympy.Symbol, low: sympy.Expr, high: sympy.Expr, integer: bool = False
    ) -> tuple[sympy.Symbol, "Region"]:
        """A variable that runs from `low` to `high`, and the region with it. An integer may reach
        the ends, another variable does not."""
        above = self.sign(low) if low.is_finite is not False else None
        below = self.sign(high) if high.is_finite is not False else None
        assumptions = {"integer": True} if integer else {"real": True}
        if above == 1 or (above == 0 and not integer):
            assumptions["positive"] = True
        elif above == 0:
            assumptions["nonnegative"] = True
        elif below == -1 or (below == 0 and not integer):
            assumptions["negative"] = True
        t = Dummy(symbol.name, **assumptions)
        bounds = [(Ge if integer else Gt)(t, low)] if low.is_finite is not False else []
        bounds += [(Le if integer else Lt)(t, high)] if high.is_finite is not False else []
        relations = self.where(*bounds).relations
        return t, Region(relations, self.decide, (*self.ranges, Range(t, low, high)))

    def is_parameter(self, expr: sympy.Expr) -> bool:
        """Whether it has symbols, none of them bound."""
        return bool(expr.free_symbols) and not expr.free_symbols & {r.variable for r in self.ranges}

    def range_in(self, expr: sympy.Expr) -> Range | None:
        """That of the innermost bound variable in `expr`."""
        inner = [known for known in self.ranges if known.variable in expr.free_symbols]
        return inner[-1] if inner else None

    # What is certain ---------------------------------------------------------------------------

    def vanishes(self, expr: sympy.Expr) -> bool:
        return self.field.vanishes(expr)

    def sign(self, expr: sympy.Expr, depth: int = 0) -> int | None:
        """1, 0 or −1 where `expr` is positive, zero or negative at every point of the region at
        which it is defined; None where that is not shown. `depth` counts the questions behind."""
        known = self._signs.get(expr)
        if known is None:
            self._signs[expr] = "open"  # while it is being found
            known = find_sign(self, expr, depth)
            if known is None and depth:
                del self._signs[expr]  # from less deep, more may be seen
            else:
                self._signs[expr] = "none" if known is None else known
        return known if isinstance(known, int) else None

    def nonzero(self, expr: sympy.Expr) -> bool:
        """Whether it is zero nowhere."""
        if (sign := self.sign(expr)) is not None:
            return bool(sign)
        if any(self.vanishes(expr - n) or self.vanishes(expr + n) for n in self._known_nonzero):
            return True
        if expr.is_Mul:
            return all(map(self.nonzero, expr.args))
        if expr.is_Pow:
            return self.nonzero(expr.base)
        _, factors = self.factors(expr)
        return bool(factors) and all(base != expr and self.nonzero(base) for base, _ in factors)

    def never_negative(self, expr: sympy.Expr) -> bool:
        return self.sign(expr) in (0, 1) or self.field.certain(Ge(expr, 0, evaluate=False))

    def real(self, expr: sympy.Expr) -> bool:
        """Whether `expr` is shown to be real wherever it is defined."""
        if expr.is_Symbol or expr.is_Number or expr.is_NumberSymbol:
            return bool(expr.is_real)
        if isinstance(expr, sympy.Piecewise):
            return all(self.real(value) for value, _ in expr.args)
        if isinstance(expr, (sympy.Add, sympy.Mul, *ENTIRE, *STEPS, *MEROMORPHIC)):
            if all(map(self.real, expr.args)):
                return True
        if expr.is_Pow and self.real(expr.base) and self.real(expr.exp):
            if is_whole(expr.exp) or self.never_negative(expr.base):
                return True
        if isinstance(expr, (sympy.log, sympy.loggamma)):
            return self.sign(expr.args[0]) == 1
        if expr.has(S.ImaginaryUnit) and self._is_symmetric(expr):
            return self.vanishes(expr - expr.xreplace({S.ImaginaryUnit: -S.ImaginaryUnit}))
        try:
            return self.field.is_real(self.field.form(expr))
        except (forms.TooLargeError, ZeroDivisionError):
            return False

    def _is_symmetric(self, expr: sympy.Expr) -> bool:
        """Whether the conjugate of `expr` is `expr` with −I in place of I."""
        if expr.is_Symbol or expr.is_Number or expr.is_NumberSymbol:
            return bool(expr.is_real)
        if expr is S.ImaginaryUnit:
            return True
        whole = isinstance(expr, (sympy.Add, sympy.Mul, sympy.exp, sympy.sin, sympy.cos))
        if whole or (expr.is_Pow and expr.exp.is_Integer):
            return all(map(self._is_symmetric, expr.args))
        return not expr.has(S.ImaginaryUnit) and self.real(expr)

    def simplest(self, expr: sympy.Expr) -> sympy.Expr:
        """The shorter of `expr` and what the field makes of it, which is equal to it."""
        try:
            other = self.field.expression(self.field.form(expr))
        except (forms.TooLargeError, ZeroDivisionError):
            return expr
        return min(expr, other, key=sympy.count_ops)

    def factors(self, expr: sympy.Expr) -> tuple[fmpq, list]:
        """A number, and pairs of irreducible factors with their exponents."""
        try:
            number, powers = self.field._factors(self.field.form(expr))
        except (forms.TooLargeError, ZeroDivisionError):
            return fmpq(1), [(expr, fmpq(1))]
        return number, [(self.field.expression(forms.Form.of(b)), e) for b, e in powers]

    # What must be certain ----------------------------------------------------------------------

    def require_sign(self, expr: sympy.Expr) -> int:
        """The sign. Raises `Undecided`."""
        sign = self.sign(expr)
        if sign is None:
            raise Undecided(self.open_factor(expr))
        return sign

    def require_nonzero(self, expr: sympy.Expr) -> None:
        """Raises `Undecided`, and `ZeroDivisionError` where it is zero everywhere."""
        if self.sign(expr) == 0:
            raise ZeroDivisionError
        if not self.nonzero(expr):
            raise Undecided(self.open_factor(expr))

    def open_factor(self, expr: sympy.Expr) -> sympy.Expr:
        """A factor of `expr` of which the sign is not shown."""
        _, factors = self.factors(expr)
        open_ones = [base for base, _ in factors if not self.sign(base)]
        found = open_ones[0] if open_ones else expr
        if (ratio := ratio_of_logs(found)) is not None:
            return ratio if self.sign(ratio) is None else found
        return found.args[0] if isinstance(found, sympy.Abs) else found
