"""The named objectives. A new one is one entry here."""

import logging

from sympy import Expr, Max, Rational, exp

from ..errors import WrongType
from .divergence import alpha_divergence, divergences
from .expression import MAX_EXPONENT, parse
from .objective import Objective, ObjectiveError
from .registry import Registry
from .symbols import a, b, softplus

_CROSS_ENTROPY = softplus(-a) + softplus(b)
_ON_PAIRS = "Jolicoeur-Martineau 2019, on pairs"

_ENTRIES = {
    "minimax": (_CROSS_ENTROPY, -softplus(b), "Goodfellow et al. 2014, equation 1"),
    "nonsaturating": (_CROSS_ENTROPY, softplus(-b), "Goodfellow et al. 2014, section 3"),
    "least-squares": (
        (a - 1) ** 2 / 2 + b**2 / 2,
        (b - 1) ** 2 / 2,
        "Mao et al. 2017, coding 0 and 1",
    ),
    "least-squares-symmetric": (
        (a - 1) ** 2 / 2 + (b + 1) ** 2 / 2,
        b**2 / 2,
        "Mao et al. 2017, coding -1 and 1",
    ),
    "exponential": (exp(-a) + exp(b), exp(-b), "Nowozin et al. 2016, squared Hellinger, in logits"),
    "hinge": (Max(0, 1 - a) + Max(0, 1 + b), -b, "Lim and Ye 2017; Miyato et al. 2018"),
    "relativistic": (softplus(b - a), softplus(a - b), _ON_PAIRS),
    "relativistic-hinge": (Max(0, 1 - a + b), Max(0, 1 + a - b), _ON_PAIRS),
    "relativistic-least-squares": ((a - b - 1) ** 2, (b - a - 1) ** 2, _ON_PAIRS),
    "wasserstein": (-a + b, -b, "Arjovsky, Chintala and Bottou 2017"),
}

_ESTIMATED = "kl reverse-kl pearson neyman squared-hellinger jensen-shannon".split()  # the f-GANs
_ALPHA = Rational(5, 3)

catalog = Registry(
    "objective",
    {
        name: lambda name=name, entry=entry: Objective(*entry[:2], name=name, source=entry[2])
        for name, entry in _ENTRIES.items()
    }
    | {name: lambda name=name: divergences[name].objective(name) for name in _ESTIMATED}
    | {"alpha": lambda: _alpha(_ALPHA)},
    {
        "js": "jensen-shannon",
        "lsgan": "least-squares",
        "nsgan": "nonsaturating",
        "rpgan": "relativistic",
        "rsgan": "relativistic",
        "wgan": "wasserstein",
    },
)


def _alpha(order: Expr) -> Objective:
    name = "alpha" if order == _ALPHA else f"alpha={order}"
    remark = ", as Cressie and Read 1984 advise; alpha=1/2 is another" if order == _ALPHA else ""
    source = f"Nowozin et al. 2016, α = {order}{remark}"
    return alpha_divergence(order).objective(name, source)


_WITH_MEANS = (
    "Jolicoeur-Martineau 2019; there each sample is compared with the mean of the other batch, "
    "here with one of its samples"
)
_RELATED = {  # names of what an objective alone is not: the nearest that is one, and what it lacks
    "wgan-gp": (
        "wasserstein",
        "Gulrajani et al. 2017: wasserstein, and the penalty wgan-gp=10, which is given by itself",
    ),
    "rahingegan": ("relativistic-hinge", _WITH_MEANS),
    "ralsgan": ("relativistic-least-squares", _WITH_MEANS),
}


def find_objective(text: str, generator: str | None = None) -> Objective:
    """The objective that two texts describe.

    `text` is a name of the catalogue, or another that is known for one of these, or alpha=ORDER for
    the α-divergence of an order, or the critic's loss as an expression in a and b; then `generator`
    is the generator's, or None for the zero-sum one: minus the critic's on generated samples. Where
    a name stands for more than an objective, a warning in the log says what else belongs to it.
    Raises `ObjectiveError` for an unknown name, and `ExpressionError` for what is no expression
    (see `parse`); `WrongType` for what is no text.
    """
    if not isinstance(text, str):
        raise WrongType(
            f"find_objective reads text, not {text!r}; of SymPy expressions make an "
            "Objective(critic, generator)"
        )
    name = text.strip().lower().replace("_", "-")
    family, equals, order = map(str.strip, name.partition("="))
    if name in catalog or name in _RELATED or family == "alpha":
        if generator is not None:
            raise ObjectiveError(
                f"{text!r} has a generator's loss already; one of your own goes with an expression"
            )
        if equals:
            return _alpha(_order(order))
        return catalog[name] if name in catalog else _related(name)
    if name.replace("-", "").isalpha() and name not in ("a", "b"):
        raise ObjectiveError(
            f"unknown objective {text!r}; it must be one of {', '.join(catalog)}, or an expression"
        )
    critic = parse(text)
    return Objective.zero_sum(critic) if generator is None else Objective(critic, parse(generator))


def _order(text: str) -> Expr:
    order = parse(text, symbols=())
    if not (order.is_real and abs(order) <= MAX_EXPONENT):
        raise ObjectiveError(
            f"the order in alpha=ORDER is a number from −{MAX_EXPONENT} to "
            f"{MAX_EXPONENT}, not {text}"
        )
    return order


def _related(name: str) -> Objective:
    nearest, remark = _RELATED[name]
    logging.getLogger("gancode").warning("%s: %s", name, remark)
    return Objective(*_ENTRIES[nearest][:2], name=name, source=remark)
