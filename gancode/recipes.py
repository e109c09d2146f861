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


# What all of them share. With momentum (β₁ = 0.5) the digits were worse, see below.
_SHARED = {"objective": "relativistic", "betas": (0.0, 0.99)}

# Mixtures with far, narrow modes. The high quality below is in % of 20,000 samples, of seed 0 in
# short runs of 1,500 or 2,500 steps. Ring: 39 with leaky ReLU in the generator, 90 with tanh units
# (`sharpness`): it must jump between modes. Grid: 17 without Fourier features and extent, 69 with
# both (and a larger first penalty), 82 with a latent of 4 in place of 16, or, with 16, with a
# learning rate that ends at 3e-4 in place of 1e-4.
# With 5,000 steps: 25 modes, 92 to 94 %, reverse KL 0.006 to 0.017 (seeds 0 to 2).
_GRID = Recipe(
    "mlp",
    latent_dim=4,
    options={"hidden": (128, 128, 128), "sharpness": 2.0, "fourier": True, "extent": 4.0},
    training=_SHARED
    | {"penalties": ["r1=10..0.001@2", "r2=10..0.001@2"], "lr": "3e-3..3e-4", "batch_size": 256},
)
# With 7,000 steps: 8 modes, 96.0 to 97.6 %, reverse KL 0.001 to 0.006 (seeds 0 to 4). The rate at
# the end matters: at 5e-4 two of five runs of a minute were thrown off the modes shortly before
# they ended, when the penalty is weak; at 2e-4 none was, but they ended at 96.1 to 97.4 %.
_RING = Recipe(
    "mlp",
    latent_dim=4,
    options={"hidden": (128, 128, 128), "sharpness": 2.0, "fourier": True},
    training=_SHARED
    | {"penalties": ["r1=1..0.0005@2", "r2=1..0.0005@2"], "lr": "2e-3..3e-4", "batch_size": 256},
)
# In 40 CPU seconds of one core, seed 0, the Fréchet distance of 10,000 samples to MNIST's test set
# was 6.5. At lr=1e-3 and r1=1@4 it was 10.5, and from there 14.0 with 32 channels, 17.4 with
# β₁ = 0.5, 24.5 with an MLP. (As many real training images: 0.10; uniform noise: 188.)
_DIGITS = Recipe(
    "dcgan",
    latent_dim=64,
    options={"channels": 16},
    training=_SHARED | {"penalties": ["r1=0.3@8"], "lr": "6e-3..3e-4"},
)
# A cautious start for images that nobody here has seen; not tuned.
_PHOTOGRAPHS = Recipe(
    "dcgan",
    latent_dim=128,
    options={"channels": 32},
    training=_SHARED | {"penalties": ["r1=1@4"], "lr": "1e-3..1e-4"},
)

recipes = {
    "ring": _RING,
    "grid": _GRID,
    "mnist-5k": _DIGITS,
    "mnist": _DIGITS,
    "fashion-mnist": _DIGITS,
    "folder": _PHOTOGRAPHS,
}
