"""The best settings known here for each kind of data: what `gancode train --data NAME` uses."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Recipe:
    """Two networks and how to train them.

    `network` and `options` are the arguments of `gancode.networks.pair`, `training` those of
    `gancode.train`. `steps` is how long where nothing else is asked for; a schedule stretches over
    whatever it is.
    """

    network: str
    latent_dim: int
    options: dict = field(default_factory=dict)
    training: dict = field(default_factory=dict)
    steps: int = 5000


_PLANE = Recipe(
    "mlp",
    latent_dim=16,
    options={"hidden": (256, 256)},
    training={
        "objective": "relativistic",
        "penalties": ["r1=1..0.01", "r2=1..0.01"],
        "lr": "1e-3..1e-5",
        "batch_size": 256,
        "betas": (0.0, 0.99),
    },
)
_DIGITS = Recipe(
    "dcgan",
    latent_dim=64,
    options={"channels": 32},
    training={"objective": "relativistic", "penalties": ["r1=1"], "lr": 1e-3, "betas": (0.0, 0.99)},
)

recipes = {
    "ring": _PLANE,
    "grid": _PLANE,
    "mnist-5k": _DIGITS,
    "mnist": _DIGITS,
    "fashion-mnist": _DIGITS,
    "folder": _DIGITS,
}
