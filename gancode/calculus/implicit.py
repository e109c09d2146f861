"""Functions that an equation gives where no formula does."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mpmath
import sympy
from sympy import Abs, Dummy, Expr, Function, S, Symbol, log

from .digits import in_digits, increasing_root
from .kinks import between
from .losses import compile_numpy
from .proof import prove
from .stable import stable

if TYPE_CHECKING:
    import numpy as np


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
    def ratio(cls, x: Expr) -> Expr:
        """The inverse: the s at which this function is `x`."""
        return (-cls.second / cls.first).subs(cls.x, x)

    def fdiff(self, argindex: int = 1) -> Expr:
        slope = self.args[0] * self.first.diff(self.x) + self.second.diff(self.x)
        return (-self.first / slope).subs(self.x, self)

    def _eval_is_positive(self) -> bool | None:
        return True if self.low.is_nonnegative else None

    def _eval_evalf(self, prec: int) -> Expr | None:
        s = self.args[0].evalf(prec * 0.302 + 5)
        if not (s.is_Float or s.is_zero):
            return None
        with mpmath.workprec(prec + 15):
            return sympy.Float(self._imp_(mpmath.mpf(s)), precision=prec)

    @classmethod
    def _imp_(cls, s: Any) -> Any:
        """What `lambdify` calls."""
        if not isinstance(s, mpmath.mpf):
            import numpy as np

            return np.vectorize(lambda one: float(cls._imp_(mpmath.mpf(one))), otypes=[float])(s)
        first, second = _functions(cls)
        ends = (end._to_mpmath(mpmath.mp.prec) for end in (cls.low, cls.high))
        return increasing_root(lambda x: s * first(x) + second(x), *ends)

    @classmethod
    def at_exp(cls, logs: "np.ndarray") -> "np.ndarray":
        """The function at s = exp(logs), for an array of logarithms of any size.

        The slopes of both terms are compared by their logarithms, which neither overflow nor
        underflow. NaN where there is no value.
        """
        import numpy as np

        logs = np.asarray(logs, dtype=np.float64)
        slope = _slope_by_logarithms(cls)
        with np.errstate(all="ignore"):
            left, right = _brackets(lambda x: slope(x, logs), cls, logs.shape)
            for _ in range(80):
                middle = (left + right) / 2
                rising = slope(middle, logs) < 0
                left, right = np.where(rising, middle, left), np.where(rising, right, middle)
        return (left + right) / 2


def _slope_by_logarithms(cls: type[Implicit]) -> Callable:
    """A function of arrays x and log s with the sign of s·first + second."""
    import numpy as np

    first, second = (compile_numpy(part, [cls.x]) for part in (cls.first, cls.second))
    logs = [compile_numpy(log(Abs(part)), [cls.x]) for part in (cls.first, cls.second)]

    def slope(x: "np.ndarray", log_s: "np.ndarray") -> "np.ndarray":
        one, two = (np.broadcast_to(part(x), x.shape) for part in (first, second))
        gap = log_s + logs[0](x) - logs[1](x)  # of the two terms' sizes
        same = np.sign(one) * np.sign(two) >= 0
        return np.where(same, np.sign(one + two), np.where(one > 0, gap, -gap))

    return slope


def _brackets(
    slope: Callable, cls: type[Implicit], shape: tuple[int, ...]
) -> tuple["np.ndarray", "np.ndarray"]:
    """Two arrays of points between which the slope changes its sign; NaN where it does not."""
    import numpy as np

    low, high = float(cls.low), float(cls.high)
    start = 0.0 if low < 0 < high else float(between(cls.low, cls.high))
    place = np.full(shape, start)
    rising = slope(place) < 0
    before, found = place.copy(), np.zeros(shape, bool)
    for k in range(1100):
        far = 2.0 ** (k - 3)
        up = start + far if high == np.inf else high - (high - start) / 2 ** (k + 1)
        down = start - far if low == -np.inf else low + (start - low) / 2 ** (k + 1)
        before = np.where(found, before, place)
        place = np.where(found, place, np.where(rising, up, down))
        found |= (slope(place) < 0) != rising
        if found.all() or not np.isfinite(far):
            break
    before, place = (np.where(found, x, np.nan) for x in (before, place))
    return np.minimum(before, place), np.maximum(before, place)


@functools.lru_cache(64)
def _functions(cls: type[Implicit]) -> tuple[Callable, ...]:
    return tuple(in_digits(stable(part), [cls.x]) for part in (cls.first, cls.second))


def implicit(
    name: str, first: Expr, second: Expr, x: Symbol, low: Expr, high: Expr
) -> type[Implicit]:
    """The function of s, to be printed as `name`, at which s·first + second vanishes in `x`."""
    bound = Dummy("x", real=True)
    body = {"first": first.subs(x, bound), "second": second.subs(x, bound)}
    return type(name, (Implicit,), body | {"x": bound, "low": low, "high": high})


def inverted(expr: Expr, places: Any) -> Expr:
    """The expression with x for each implicit function of s where s is proved to be its inverse at
    x, one of the positive symbols `places`; of functions with values in (0, ∞)."""

    def inverse(function: Expr) -> Expr:
        anywhere = function.low == 0 and function.high is S.Infinity
        inside = [x for x in places if anywhere and function.has(x)]
        found = (x for x in inside if prove(function.args[0], function.ratio(x)).status == "proved")
        return next(found, function)

    return expr.replace(lambda e: isinstance(e, Implicit), inverse)
