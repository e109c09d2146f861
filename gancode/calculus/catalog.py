"""The named objectives. A new one is one entry here."""

from sympy import Max, exp

from .expression import parse
from .objective import Objective, ObjectiveError
from .registry import Registry
from .symbols import a, b, softplus

_CROSS_ENTROPY = softplus(-a) + softplus(b)

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
    "relativistic": (softplus(b - a), softplus(a - b), "Jolicoeur-Martineau 2019, on pairs"),
    "wasserstein": (-a + b, -b, "Arjovsky, Chintala and Bottou 2017"),
}

catalog = Registry(
    "objective",
    {
        name: lambda name=name, entry=entry: Objective(*entry[:2], name=name, source=entry[2])
        for name, entry in _ENTRIES.items()
    },
)


def find_objective(text, generator=None) -> Objective:
    """The objective that two texts describe.

    `text` is a name of the catalogue, or the critic's loss as an expression in a and b; then
    `generator` is the generator's, or None for the zero-sum one: minus the critic's on generated
    samples. Raises `ObjectiveError` for an unknown name, and `ExpressionError` for what is no
    expression (see `parse`).
    """
    if text in catalog:
        if generator is not None:
            raise ObjectiveError(
                f"{text!r} has a generator's loss already; one of your own goes with an expression"
            )
        return catalog[text]
    if text.replace("-", "").isalpha() and text not in ("a", "b"):
        raise ObjectiveError(
            f"unknown objective {text!r}; it must be one of {', '.join(catalog)}, or an expression"
        )
    critic = parse(text)
    return Objective.zero_sum(critic) if generator is None else Objective(critic, parse(generator))
