"""Functions that an equation gives where no formula does."""

import functools

import mpmath
import sympy
from sympy import Dummy, Expr, Function, Lambda

from .digits import in_digits, increasing_root


class Implicit(Function):
    """The x in (low, high) at which s·first(x) + second(x), which increases with x, vanishes: a
    function of s. It has no formula; its inverse has one, s = −second(x)/first(x).

    Made by `implicit`. It is evaluated to any number of digits (`evalf`), differentiated by the
    implicit function theorem, and compiled by `lambdify`.
    """

    nargs = 1
    is_real = True
    first = second = x = low = high = None

    @classmethod
    def inverse_function(cls) -> Lambda:
        """s as a function of x."""
        return Lambda(cls.x, -cls.second / cls.first)

    def fdiff(self, argindex=1) -> Expr:
        slope = self.args[0] * self.first.diff(self.x) + self.second.diff(self.x)
        return (-self.first / slope).subs(self.x, self)

    def _eval_is_positive(self):
        return True if self.low.is_nonnegative else None

    def _eval_evalf(self, prec):
        s = self.args[0].evalf(prec * 0.302 + 5)
        if not s.is_Float:
            return None
        with mpmath.workprec(prec + 15):
            return sympy.Float(self._imp_(mpmath.mpf(s._mpf_)), precision=prec)

    @classmethod
    def _imp_(cls, s):
        """What `lambdify` calls."""
        if not isinstance(s, mpmath.mpf):
            import numpy as np

            return np.vectorize(lambda one: float(cls._imp_(mpmath.mpf(one))), otypes=[float])(s)
        first, second = _functions(cls)
        ends = (end._to_mpmath(mpmath.mp.prec) for end in (cls.low, cls.high))
        return increasing_root(lambda x: s * first(x) + second(x), *ends)


@functools.lru_cache(64)
def _functions(cls):
    return in_digits(cls.first, [cls.x]), in_digits(cls.second, [cls.x])


def implicit(name, first, second, x, low, high) -> type[Implicit]:
    """The function of s, to be printed as `name`, at which s·first + second vanishes in `x`."""
    bound = Dummy("x", real=True)
    body = {"first": first.subs(x, bound), "second": second.subs(x, bound)}
    return type(name, (Implicit,), body | {"x": bound, "low": low, "high": high})
