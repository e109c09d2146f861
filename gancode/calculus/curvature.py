"""Convexity that can be read off an expression, by the rules of composition.

Sums, maxima and positive multiples of convex functions are convex, and so are increasing convex
functions of them (Boyd and Vandenberghe 2004, section 3.2). What the rules say is proved; of many
convex functions they say nothing.
"""

from collections.abc import Iterable

import sympy
from sympy import Abs, Add, Expr, Max, Min, Mul, Pow, Symbol, exp, log

from .rewriting import simplified
from .symbols import softplus


def is_convex(expr: Expr, x: Symbol, low: Expr, high: Expr) -> bool:
    """Whether the rules show that `expr` is finite and convex in `x` on (low, high)."""
    return _Rules(x, low, high).bend(expr) in (0, 1)


class _Rules:
    """`bend` is 1 for convex, -1 for concave, 0 for affine, and None for what is not known."""

    def __init__(self, x: Symbol, low: Expr, high: Expr) -> None:
        self.x, self.low, self.high = x, low, high

    def bend(self, expr: Expr) -> int | None:
        if not expr.has(self.x) or expr == self.x:
            return 0
        if isinstance(expr, Add):
            return self._common(map(self.bend, expr.args))
        if isinstance(expr, Mul):
            return self._multiple(*expr.as_independent(self.x))
        if isinstance(expr, (Max, Min)):
            sign = 1 if isinstance(expr, Max) else -1
            return sign if self._common([sign, *map(self.bend, expr.args)]) == sign else None
        if isinstance(expr, Abs):
            return 1 if self.bend(expr.args[0]) == 0 else None
        if isinstance(expr, Pow):
            return self._power(expr.base, expr.exp)
        if isinstance(expr, log):
            return self._logarithm(expr.args[0])
        if isinstance(expr, (exp, softplus)):
            return 1 if self.bend(expr.args[0]) in (0, 1) else None
        if isinstance(expr, sympy.cosh):
            return 1 if self.bend(expr.args[0]) == 0 else None
        return None

    @staticmethod
    def _common(bends: Iterable[int | None]) -> int | None:
        """The bend of a sum: what all that are not affine share."""
        bends = set(bends) - {0}
        return bends.pop() if len(bends) == 1 else None if bends else 0

    def _multiple(self, factor: Expr, rest: Expr) -> int | None:
        bend = None if isinstance(rest, Mul) else self.bend(rest)
        if bend is None or not factor.is_real:
            return None
        return bend if factor.is_nonnegative else -bend if factor.is_negative else None

    def _power(self, base: Expr, power: Expr) -> int | None:
        if not power.is_real or power.has(self.x):
            return None
        bend = self.bend(base)
        if bend == 0 and power.is_even and power.is_positive:
            return 1
        if self._is_square_of_norm(base) and 2 * power >= 1:
            return 1
        if power >= 1 and bend in (0, 1) and base.is_nonnegative:
            return 1
        if not self._is_positive(base, bend):
            return None
        if power >= 1:
            return 1 if bend in (0, 1) else None
        if power > 0:
            return -1 if bend in (0, -1) else None
        return 1 if bend in (0, -1) else None

    def _is_square_of_norm(self, base: Expr) -> bool:
        """A quadratic without two roots: a·(x − m)² + c with a > 0 and c ≥ 0."""
        if not base.is_polynomial(self.x) or sympy.degree(base, self.x) != 2:
            return False
        a, b, c = sympy.Poly(base, self.x).all_coeffs()
        return bool(a.is_positive and simplified(4 * a * c - b**2).is_nonnegative)

    def _is_positive(self, base: Expr, bend: int | None) -> bool:
        if base.is_positive:
            return True
        if bend != 0 or not base.is_polynomial(self.x) or sympy.degree(base, self.x) != 1:
            return False
        return all(
            bool(base.subs(self.x, end).is_extended_nonnegative) for end in (self.low, self.high)
        )

    def _logarithm(self, argument: Expr) -> int | None:
        if self._is_log_convex(argument):
            return 1
        bend = self.bend(argument)
        return -1 if bend in (0, -1) and self._is_positive(argument, bend) else None

    def _is_log_convex(self, expr: Expr) -> bool:
        """Whether log(expr) is convex: a sum of positive multiples of exponentials of such."""
        if isinstance(expr, Add):
            return all(map(self._is_log_convex, expr.args))
        if not expr.has(self.x):
            return bool(expr.is_positive)
        if isinstance(expr, Mul):
            return all(map(self._is_log_convex, expr.args))
        if isinstance(expr, Pow) and expr.exp.is_positive:
            return self._is_log_convex(expr.base)
        if isinstance(expr, sympy.cosh):
            return self.bend(expr.args[0]) == 0
        return isinstance(expr, exp) and self.bend(expr.args[0]) in (0, 1)
