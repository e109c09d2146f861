"""The maximum mean discrepancy and the energy distance of normal variables, in closed form.

Of a kernel of differences only the law of a difference matters: x − y is normal, and the mean of
the kernel is an integral over one normal variable. `gancode.metrics` estimates the same of samples.
"""

from collections.abc import Callable

from sympy import Expr, S, binomial, erf, erfc, exp, factorial, pi, sqrt

from ..errors import Refused, positive_integer
from . import advice
from .densities import normal_law
from .given import given

_Law = tuple[Expr, Expr]  # mean and variance
_HIGHEST = 100  # degree of a polynomial kernel


def maximum_mean_discrepancy(
    first: Expr,
    second: Expr,
    kernel: str = "gaussian",
    *,
    bandwidth: Expr | float = 1,
    degree: int = 3,
    offset: Expr | float = 1,
) -> Expr:
    """The squared maximum mean discrepancy of two normal variables of `sympy.stats`.

    `kernel` is "gaussian", exp(−(x − y)²/(2ℓ²)), or "laplace", exp(−d/ℓ) of the distance d, with
    the `bandwidth` ℓ; or "polynomial", (x·y + offset)^degree, which sees the moments up to its
    degree: its discrepancy is Σₖ C(degree, k) offset^(degree − k) · (difference of k-th moments)².
    Raises `NoClosedFormError` for other variables, and `Refused` for another kernel, and for one
    that is not positive: a bandwidth that is not above zero, a negative offset, a degree that is no
    positive integer or above 100.
    """
    one, other = normal_law(first), normal_law(second)
    if kernel == "polynomial":
        return _of_moments(one, other, degree, given(offset, "offset"))
    if kernel not in _MEANS:
        raise Refused(f"unknown kernel {kernel!r}; they are {', '.join([*_MEANS, 'polynomial'])}")
    scale = given(bandwidth, "the bandwidth")
    if not scale.is_positive:
        raise Refused(
            f"the bandwidth {scale} is not known to be positive, and of another the kernel is not; "
            "declare its symbols, as in Symbol('ell', positive=True)"
        )
    return _of_differences(lambda mean, variance: _MEANS[kernel](mean, variance, scale), one, other)


def energy_distance(first: Expr, second: Expr) -> Expr:
    """2 E‖x − y‖ − E‖x − x′‖ − E‖y − y′‖ of two normal variables of `sympy.stats`: twice Cramér's
    distance, the integral of (F − G)². Raises `NoClosedFormError` for other variables."""
    return _of_differences(lambda *law: -_mean_size(*law), normal_law(first), normal_law(second))


def _of_differences(mean_of: Callable[[Expr, Expr], Expr], one: _Law, other: _Law) -> Expr:
    """With the mean of κ(z) over normal z: E κ(x − x′) + E κ(y − y′) − 2 E κ(x − y)."""
    within = sum(mean_of(S.Zero, 2 * variance) for _, variance in (one, other))
    return within - 2 * mean_of(one[0] - other[0], one[1] + other[1])


def _gaussian(mean: Expr, variance: Expr, scale: Expr) -> Expr:
    total = scale**2 + variance
    return scale / sqrt(total) * exp(-(mean**2) / (2 * total))


def _laplace(mean: Expr, variance: Expr, scale: Expr) -> Expr:
    """Each side of zero is a normal integral with its exponent completed to a square."""
    deviation = sqrt(variance)
    sides = [
        exp(sign * mean / scale) * erfc((deviation / scale + sign * mean / deviation) / sqrt(2))
        for sign in (1, -1)
    ]
    return exp(variance / (2 * scale**2)) * sum(sides) / 2


_MEANS = {"gaussian": _gaussian, "laplace": _laplace}


def _mean_size(mean: Expr, variance: Expr) -> Expr:
    """E|z|, of a folded normal variable."""
    folded = sqrt(2 * variance / pi) * exp(-(mean**2) / (2 * variance))
    return folded + mean * erf(mean / sqrt(2 * variance))


def _of_moments(one: _Law, other: _Law, degree: int, offset: Expr) -> Expr:
    if positive_integer("degree", degree) > _HIGHEST:
        raise Refused(f"degree={degree} must be {_HIGHEST} at most: its expression is very long")
    if not offset.is_nonnegative:
        raise Refused(
            f"the offset {offset} is not known to be at least zero, and with a negative one the "
            "kernel is not positive"
        )

    def moment(law: _Law, k: int) -> Expr:  # E (μ + σz)ᵏ, by E z²ʲ = (2j)! / (2ʲ j!)
        mean, variance = law
        return sum(
            factorial(k) / (factorial(k - 2 * j) * factorial(j)) * mean ** (k - 2 * j)
            * (variance / 2) ** j
            for j in range(k // 2 + 1)
        )  # fmt: skip

    terms = [
        binomial(degree, k) * offset ** (degree - k) * (moment(one, k) - moment(other, k)) ** 2
        for k in range(1, degree + 1)
    ]
    return advice.simplified(sum(terms))
