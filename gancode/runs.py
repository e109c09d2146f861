"""Runs that explain themselves: a folder that says what was trained on what.

`settings.json` holds what was asked for: data, networks, training. With it and the weights beside
it the generator is built anew; no code is read from the folder.
"""

import importlib.metadata
import json
import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch.utils.data import TensorDataset

from gancode import checkpoint, data, metrics, networks
from gancode.folder import HISTORY, WEIGHTS
from gancode.processes import Processes
from gancode.randomness import seed
from gancode.recipes import recipes
from gancode.training import GAN, Run, train

SETTINGS = "settings.json"
_DENSITIES = {"ring": data.ring, "grid": data.grid}
_IMAGES = {"mnist-5k": data.mnist_5k, "mnist": data.mnist, "fashion-mnist": data.fashion_mnist}
NAMES = [*_DENSITIES, *_IMAGES]
_IN_MEMORY = 2**30  # bytes that the images of a folder may take there


class RunError(ValueError):
    """A folder that holds no run, or another than was asked for; the message says which."""


def settings(name, *, network=None, conditional=False, images=None, training=None):
    """What a run needs: the best recipe for the data `name`, but for what is said otherwise.

    `name` is one of NAMES, or the path of a folder of images. `network` is the name of another pair
    of networks, with its own defaults; `images` are arguments of `gancode.data.folder`; `training`
    are arguments of `gancode.train`, and `generator_loss` where the objective is an expression.
    """
    recipe = recipes[name if name in NAMES else "folder"]
    training = recipe.training | (training or {})
    if not {"steps", "seconds"} & set(training):
        training["steps"] = recipe.steps
    return {
        "data": name if name in NAMES else os.path.abspath(name),
        "images": images or {},
        "network": network or recipe.network,
        "latent_dim": recipe.latent_dim,
        "options": recipe.options if network in (None, recipe.network) else {},
        "conditional": conditional,
        "training": training,
    }


def start(settings, out, *, resume=False, device=None, **options):
    """Train as the settings say, into the folder `out`; return the `Run`.

    `device` is where (by default on the CPU); `options` are those arguments of `gancode.train` that
    change nothing of what is computed. With `resume` the run in the folder is continued, where one
    has begun there. Raises as `gancode.train` does, and `RunError` for a run with other settings;
    what is refused leaves nothing in the folder.
    """
    from gancode.calculus import find_objective  # here, so that SymPy loads only for training

    Processes()  # first: it says which device is this process's
    out = Path(out)
    training = dict(settings["training"])
    loss = find_objective(training.pop("objective"), training.pop("generator_loss", None))
    source, labels = load_data(settings["data"], **settings["images"])
    shape = list(data.examine(source, 1)[1].shape[1:])
    if settings["conditional"]:
        if labels is None:
            raise ValueError(f"{settings['data']} has no labels to be conditional on")
        source = (source, labels)
    described = settings | {"shape": shape, "gancode": importlib.metadata.version("gancode")}
    seed(training.get("seed", 0))
    gan = _build(described).to(device)
    if resume and checkpoint.saved(out) and (out / SETTINGS).exists():
        _check_same(read(out), described, out)

    content = json.dumps(described, indent=2).encode()

    def write_settings(step, run):
        if step == 1:  # nothing has been refused, and nothing saved
            checkpoint.write(out / SETTINGS, content)

    callback = options.pop("callback", None) or ()
    options["callback"] = [write_settings, *([callback] if callable(callback) else callback)]
    return train(gan, source, objective=loss, out=out, resume=resume, **training, **options)


def read(folder) -> dict:
    """The settings of the run in a folder. Raises `RunError` where there are none."""
    path = Path(folder) / SETTINGS
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(
            f"{folder} holds no run of `gancode train`: {SETTINGS} cannot be read "
            f"({error.strerror})"
        ) from error
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from error


def load(folder) -> Run:
    """The run in a folder, for sampling: its averaged generator and its history.

    The discriminator is not among what is read. Raises `RunError` where there is no generator yet,
    or not one of the networks in the settings, and for a history that is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    described, path = read(folder), Path(folder) / WEIGHTS
    if not path.exists():
        raise RunError(
            f"{folder} has no {WEIGHTS} yet: the run has not come to its first checkpoint"
        )
    averaged = _build(described).generator
    try:
        averaged.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise RunError(f"{path} is damaged, or of other networks: {error}") from error
    averaged.eval().requires_grad_(False)
    gan = GAN(averaged, None, described["latent_dim"], _classes(described))
    return Run(gan, averaged, _history(Path(folder) / HISTORY))


def _history(path):
    """The rows of a history, none where there is no file; half a row at its end, as a run that was
    killed leaves it, is passed over."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            if number < len(lines):
                raise RunError(f"{path} is damaged in line {number}: {error}") from error
    return rows


def evaluate(folder, n=None, seed=0) -> dict:
    """What is measured of n samples of a run, a dict: each name with its `Estimate`.

    Of a mixture: its modes, the share of high quality and the reverse KL divergence, of 2,500
    samples by default (VEEGAN's protocol). Of images, 10,000 samples by default; of digits: Fréchet
    and kernel distance, precision and recall on the features of the digit classifier, against
    MNIST's test set, or the embedded digits for a run on these; of a conditional run also the share
    that the classifier takes for what was asked for. Of all else: the sliced transport distance to
    as many samples of the data, 500 at most.
    """
    described, run = read(folder), load(folder)
    if n is None:
        n = 2500 if described["data"] in _DENSITIES else 10_000
    return _judge(described)(run.sample(n, seed))


def measure(settings):
    """A function for `gancode.train(measure=...)`: the numbers of `evaluate`, of 2,500 samples."""
    judge = _judge(settings)
    return lambda run: {name: float(estimate) for name, estimate in judge(run.sample(2500)).items()}


def _judge(described):
    """A function from samples to a dict of names and estimates."""
    name = described["data"]
    source, _ = load_data(name, **described["images"])

    def mixture(samples):
        modes = metrics.modes(samples, source)
        return {
            "modes": metrics.Estimate(float(modes.covered), 0.0),
            "high quality": modes.high_quality,
            "reverse KL": modes.reverse_kl,
        }

    def digits(samples):
        features, probabilities = metrics.digit_features(samples.clamp(-1, 1))
        few = 5000  # of each: precision and recall compare all pairs
        shares = metrics.precision_recall(real_features[:few], features[:few])
        found = {
            "Fréchet distance": metrics.frechet(real_features, features),
            "kernel distance": metrics.kernel(real_features, features),
            "precision": shares.precision,
            "recall": shares.recall,
        }
        if described["conditional"]:
            asked = torch.arange(len(samples), device="cpu") % 10
            hits = (probabilities.argmax(dim=1) == asked).double()
            found["class as asked"] = metrics.Estimate(
                hits.mean().item(), (hits.std() / len(hits) ** 0.5).item()
            )
        return found

    def others(samples):
        few = min(len(samples), len(source), 500)
        real = next(data.Batches(source, few, torch.Generator().manual_seed(0)))
        distance = metrics.sliced_wasserstein(real.flatten(1), samples[:few].flatten(1))
        return {"sliced transport": distance}

    if name in _DENSITIES:
        return mixture
    if name not in ("mnist", "mnist-5k"):
        return others
    real_features, _ = metrics.digit_features(data.mnist(False)[0] if name == "mnist" else source)
    return digits


def load_data(name, **images):
    """(samples, labels) of a name in NAMES or of a folder of images; labels may be None.

    `images` are arguments of `gancode.data.folder`. Those of a folder are decoded once and kept in
    memory where they take at most 1 GiB there. Raises ValueError for what is neither.
    """
    if name in _DENSITIES:
        return _DENSITIES[name](), None
    if name in _IMAGES:
        return _IMAGES[name]()
    if not Path(name).is_dir():
        raise ValueError(
            f"{name!r} is no data: give {', '.join(NAMES)}, or a folder of images that exists"
        )
    found = data.folder(name, **images)
    shape = (len(found), found.channels, found.size, found.size)
    if 4 * math.prod(shape) > _IN_MEMORY:
        return found, None
    decoded = torch.empty(shape, device="cpu")
    with ThreadPoolExecutor() as pool:  # decoding lets other threads run
        for k, image in enumerate(pool.map(found.__getitem__, range(len(found)))):
            decoded[k] = image
    return TensorDataset(decoded), None  # a data set still: it draws what the folder draws


def _build(described):
    generator, discriminator = networks.pair(
        described["network"],
        described["latent_dim"],
        tuple(described["shape"]),
        classes=_classes(described),
        **described["options"],
    )
    return GAN(generator, discriminator, described["latent_dim"], _classes(described))


def _classes(described):
    return 10 if described["conditional"] else None


def _check_same(before, now, out):
    """Only the length of a run may change."""

    def flat(described):
        rest = {k: v for k, v in described.items() if k not in ("training", "gancode")}
        # `strict` says what to do with broken files, and nothing of those that are trained on.
        rest["images"] = {k: v for k, v in described["images"].items() if k != "strict"}
        training = described["training"].items()
        return rest | {k: v for k, v in training if k not in ("steps", "seconds")}

    before, now = flat(before), flat(json.loads(json.dumps(now)))
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            raise RunError(
                f"{out} holds a run with {name}={before.get(name)}, and this one has "
                f"{name}={now.get(name)}; continue with the same, or begin in another folder"
            )
