"""What a gradient penalty asks of the slope of the critic, as expressions in n = ‖∇D‖.

A penalty is a place, where the slope is looked at, and a norm of it; all have a name here.
"""

from sympy import Abs, Expr, Max, Symbol

n = Symbol("n", nonnegative=True)

NORMS: dict[str, Expr] = {
    "zero-centred": n**2 / 2,  # Mescheder et al. 2018, without the weight γ
    "one-centred": (n - 1) ** 2,  # Gulrajani et al. 2017, equation 3
    "one-sided": Max(0, n - 1) ** 2,  # the same, section 4: slopes below one cost nothing
}
PENALTIES = {
    "r1": ("real", "zero-centred"),
    "r2": ("generated", "zero-centred"),
    "wgan-gp": ("between", "one-centred"),
    "wgan-lp": ("between", "one-sided"),
    "dragan": ("around", "one-centred"),
    "zero-centred-between": ("between", "zero-centred"),
    "zero-centred-around": ("around", "zero-centred"),
    "one-centred-real": ("real", "one-centred"),
    "one-centred-generated": ("generated", "one-centred"),
    "one-sided-real": ("real", "one-sided"),
    "one-sided-generated": ("generated", "one-sided"),
    "one-sided-around": ("around", "one-sided"),
}


def on_the_line(penalty: str, slope: Expr) -> Expr:
    """The norm of a penalty, by its name, where the critic is a line of a real slope, n = |slope|.

    Max(0, |s| − 1) is written as Max(0, s − 1, −s − 1), which has no kink at s = 0 to be told from
    a jump of its derivative.
    """
    _, norm = PENALTIES[penalty]
    return (
        NORMS[norm]
        .replace(
            Max, lambda *of: Max(*(each.subs(n, sign * slope) for each in of for sign in (1, -1)))
        )
        .subs(n, Abs(slope))
    )
