"""What can be trained by its name: data, classes, the best recipe known here, and measures.

A new problem is one more entry of `problems`; the command line, the benchmarks and the pages that
list them read it.
"""

import logging
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import TensorDataset

from gancode import data
from gancode.errors import Refused
from gancode.metrics import judge

IN_MEMORY = 2**30  # bytes that the images of a folder may take there
_log = logging.getLogger("gancode")


@dataclass(frozen=True)
class Recipe:
    """Two networks and how to train them.

    `network` and `options` are the arguments of `gancode.networks.pair`, or for the network "unet"
    `channels` and `dropout` of `gancode.networks.unet` and `depth`, that of the discriminator of
    patches. `training` are arguments of `gancode.train`. `steps` is how long where nothing else is
    asked for; a schedule stretches over whatever it is.
    """

    network: str
    latent_dim: int
    options: dict = field(default_factory=dict)
    training: dict = field(default_factory=dict)
    steps: int = 5000


@dataclass(frozen=True)
class Problem:
    """Data with a name, and what goes with them.

    - about: what they are, in a few words.
    - load: returns the data and their labels, or None for these; of a folder it takes the path, and
      the `images` by name.
    - shape: of a sample; a function of the `images`, where there are such.
    - recipe: how to train on them.
    - measures: a function of the name, the data, the labels, whether these are a condition, and the
      number of samples, that returns a `gancode.metrics.judge.Judge`.
    - samples: how many are measured where nothing else is asked for.
    - classes: how many the labels have.
    - real: how many real points are drawn beside the samples of a run, at its end.
    - images: the names of the options that say how a folder is read.
    - translates: whether there are two folders, and the images of the first are the condition of
      those of the second; `load` then takes both paths.
    """

    about: str
    load: Callable
    shape: Callable[..., tuple] | tuple
    recipe: Recipe
    measures: Callable[..., judge.Judge] = judge.of_any
    samples: int = 10_000
    classes: int | None = None
    real: int = 0
    images: tuple[str, ...] = ()
    translates: bool = False


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


# After Isola et al. 2017 (L1 with weight 100) and Zhu et al. 2017 (least squares, cycle 10 and
# identity 5), with half their width, patches of 34 pixels for images of 64, and larger batches; not
# tuned.
_TRANSLATION = partial(Recipe, "unet", latent_dim=1, options={"channels": 32, "depth": 2})
_MOMENTUM = {"betas": (0.5, 0.999), "lr": 2e-4, "batch_size": 8}
_PAIRED = _TRANSLATION(
    training=_MOMENTUM | {"objective": "nonsaturating", "generator_terms": ["l1=100"]}
)
_UNPAIRED = _TRANSLATION(
    training=_MOMENTUM
    | {"objective": "least-squares", "generator_terms": ["cycle=10", "identity=5"]}
)


def _image_folder(path: Path, **images: Any) -> tuple[Any, None]:
    """The images of a folder, decoded once and kept in memory where they take at most IN_MEMORY
    there; they have its attribute `fingerprint`."""
    _refuse_no_folder(path)
    found = data.image_folder(path, **images)
    _tell(found)
    decoded = _decoded(found)
    if decoded is None:
        return found, None
    # A data set still: it draws what that from the disk draws.
    return _known(TensorDataset(*decoded), found.fingerprint), None


def _paired(path: Path, to: Path, **images: Any) -> tuple[Any, None]:
    """The images of two folders in pairs, as `_image_folder` has those of one."""
    _refuse_no_folder(path, to)
    _refuse_overlap(path, to)
    found = data.paired_images(path, to, **images)
    _tell(found.given, found.wanted)
    decoded = _decoded(found.wanted, found.given)
    if decoded is None:
        return found, None
    given, wanted = (torch.tensor(at, device="cpu") for at in zip(*found.places, strict=True))
    in_pairs = TensorDataset(decoded[0][wanted], decoded[1][given])
    return _known(in_pairs, found.fingerprint), None


def _unpaired(path: Path, to: Path, **images: Any) -> tuple[Any, None]:
    """The images of two folders without pairs, as `_image_folder` has those of one."""
    _refuse_no_folder(path, to)
    _refuse_overlap(path, to)
    found = data.unpaired_images(path, to, **images)
    _tell(found.given, found.wanted)
    decoded = _decoded(found.given, found.wanted)
    return found if decoded is None else found.of(*decoded), None


def _refuse_no_folder(*paths: Path) -> None:
    for path in paths:
        if not Path(path).is_dir():
            one = f"no data: give {', '.join(names())}, or a folder of images that exists"
            two = "no folder: --data and --to are two folders of images that exist"
            raise Refused(f"{str(path)!r} is {one if len(paths) == 1 else two}")


def _refuse_overlap(path: Path, to: Path) -> None:
    one, other = (Path(each).resolve() for each in (path, to))
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise Refused(
            f"{path} and {to} {'are one folder' if one == other else 'lie within one another'}, so "
            "that images of one kind would be read as those of the other; give each kind a folder "
            "of its own"
        )


def _tell(*folders: Any) -> None:
    """What is left out of folders, in a line each."""
    for found in folders:
        if found.left_out:
            _log.info("%s", found.summary())


def _decoded(*folders: Any) -> list[torch.Tensor] | None:
    """The images of folders as tensors, or None where together they take more than IN_MEMORY."""
    shapes = [(len(each), each.channels, each.size, each.size) for each in folders]
    if 4 * sum(map(math.prod, shapes)) > IN_MEMORY:
        return None
    found = [torch.empty(shape, device="cpu") for shape in shapes]
    with ThreadPoolExecutor() as pool:  # decoding lets other threads run
        for images, folder in zip(found, folders, strict=True):
            for k, image in enumerate(pool.map(folder.__getitem__, range(len(folder)))):
                images[k] = image
    return found


def _known(images: Any, fingerprint: str) -> Any:
    images.fingerprint = fingerprint
    return images


FOLDER, PAIRED, UNPAIRED = "folder", "paired", "unpaired"
_digits = partial(Problem, shape=(1, 28, 28), recipe=_DIGITS, classes=10)
_translation = partial(
    Problem,
    shape=lambda size=64, channels=3: (channels, size, size),
    images=("size", "channels"),
    translates=True,
)
_mixture = partial(Problem, shape=(2,), measures=judge.of_mixture, samples=2500, real=2500)

problems: dict[str, Problem] = {
    "ring": _mixture("8 modes on a circle", lambda: (data.ring(), None), recipe=_RING),
    "grid": _mixture("25 modes on a square grid", lambda: (data.grid(), None), recipe=_GRID),
    "mnist-5k": _digits(
        "5,000 handwritten digits, which need no download",
        data.mnist_5k,
        measures=judge.of_digits,
    ),
    "mnist": _digits(
        "60,000 handwritten digits",
        data.mnist,
        measures=partial(judge.of_digits, test=lambda: data.mnist(False)[0]),
    ),
    "fashion-mnist": _digits("60,000 pictures of clothing", data.fashion_mnist),
    FOLDER: Problem(
        "the images in a folder and in all below it",
        _image_folder,
        shape=lambda size=64, channels=3, strict=False: (channels, size, size),
        recipe=_PHOTOGRAPHS,
        images=("size", "channels", "strict"),
    ),
    PAIRED: _translation(
        "images in two folders, in pairs by their names",
        _paired,
        recipe=_PAIRED,
    ),
    UNPAIRED: _translation(
        "images in two folders, without pairs",
        _unpaired,
        recipe=_UNPAIRED,
    ),
}


def names() -> list[str]:
    """Of those that need no folder."""
    return [name for name, problem in problems.items() if not problem.images]


def find(name: str, to: str | None = None, unpaired: bool = False) -> tuple[str, Problem]:
    """The problem of a name, or of the path of a folder, or of two folders, with its name.

    Raises `Refused` where only one of two is a folder, and for `unpaired` without a second one.
    """
    if to is None and unpaired:
        raise Refused(f"unpaired images take two folders, and there is only {name}; give --to")
    if to is not None and (taken := [each for each in (name, to) if each in names()]):
        raise Refused(f"--to leads from one folder of images to another, and {taken[0]} is none")
    known = name if name in names() else FOLDER
    if to is not None:
        known = UNPAIRED if unpaired else PAIRED
    return known, problems[known]
