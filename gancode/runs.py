"""Runs that explain themselves: a folder that says what was trained on what.

`settings.json` holds what was asked for: data, networks, training. With it and the weights beside
it the generator is built anew; no code is read from the folder.
"""

import contextlib
import functools
import importlib.metadata
import json
import logging
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.data import TensorDataset

from gancode import checkpoint, data, metrics, networks
from gancode.folder import HISTORY, WEIGHTS
from gancode.processes import Processes
from gancode.randomness import seed
from gancode.recipes import recipes
from gancode.training import GAN, Run, train

SETTINGS, REAL = "settings.json", "real.json"
_log = logging.getLogger("gancode")
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
        "data": _data(name),
        "images": images or {},
        "network": network or recipe.network,
        "latent_dim": recipe.latent_dim,
        "options": recipe.options if network in (None, recipe.network) else {},
        "conditional": conditional,
        "training": training,
    }


def begun(out) -> bool:
    """Whether there is a run in a folder that can be continued, with its settings."""
    return bool(checkpoint.saved(out)) and (Path(out) / SETTINGS).exists()


def changed(settings, name=None, *, network=None, conditional=False, images=None, training=None):
    """The settings of a run, from `read`, but for what is said otherwise; `name` is where its
    images are now. The arguments are those of `settings`."""
    kept = settings["training"]
    if training and {"steps", "seconds"} & training.keys():
        kept = {key: value for key, value in kept.items() if key not in ("steps", "seconds")}
    return settings | {
        "data": settings["data"] if name is None else _data(name),
        "images": settings["images"] | (images or {}),
        "network": network or settings["network"],
        "conditional": conditional or settings["conditional"],
        "training": kept | (training or {}),
    }


def start(settings, out, *, resume=False, device=None, **options):
    """Train as the settings say, into the folder `out`; return the `Run`.

    `device` is where (by default on the CPU); `options` are those arguments of `gancode.train` that
    change nothing of what is computed. With `resume` the run in the folder is continued, where one
    has begun there, from wherever its images lie now. At its end the folder has two pictures, see
    `gancode.reports.finish`. Raises as `gancode.train` does, and `RunError` for a run with other
    settings; what is refused leaves nothing in the folder.
    """
    from gancode import reports  # here, so that matplotlib and SymPy load only for training
    from gancode.calculus import find_objective
    from gancode.equilibrium import equilibrium

    first = Processes().first  # before all else: it says which device is this process's
    out = Path(out)
    training = dict(settings["training"])
    loss = find_objective(training.pop("objective"), training.pop("generator_loss", None))
    source, labels = _load_known(settings)
    shape = list(data.examine(source, 1)[1].shape[1:])
    density = settings["data"] in _DENSITIES
    real = source.sample(2500, torch.Generator().manual_seed(0)) if density else None
    if settings["conditional"]:
        if labels is None:
            raise ValueError(f"{settings['data']} has no labels to be conditional on")
        source = (source, labels)
    described = settings | {
        "shape": shape,
        "fingerprint": getattr(source, "fingerprint", None),
        "gancode": importlib.metadata.version("gancode"),
    }
    seed(training.get("seed", 0))
    gan = _build(described).to(device)
    if resume and begun(out):
        _check_same(read(out), described, out)

    content = json.dumps(described, indent=2).encode()
    unwritten = [content]  # until nothing has been refused

    def write_settings(step=None, run=None):
        if unwritten:
            checkpoint.write(out / SETTINGS, unwritten.pop())

    callback = options.pop("callback", None) or ()
    options["callback"] = [write_settings, *([callback] if callable(callback) else callback)]
    run = train(gan, source, objective=loss, out=out, resume=resume, **training, **options)
    if first:
        reports.finish(run, out, equilibrium(loss), real)
        write_settings()  # where there was no step left
    return run


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
    from safetensors.torch import load as weights_of

    described, path = read(folder), Path(folder) / WEIGHTS
    if not path.exists():
        raise RunError(
            f"{folder} has no {WEIGHTS} yet: the run has not come to its first checkpoint"
        )
    averaged = _build(described).generator
    try:
        averaged.load_state_dict(weights_of(path.read_bytes()))  # its own reader wants UTF-8 names
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


@dataclass(frozen=True)
class Score(metrics.Estimate):
    """A number measured of samples of a run, its standard error, and beside it `real`, the same of
    real data, with `against` in words: what was compared with what. It is None where there are too
    few of them."""

    real: metrics.Estimate | None
    against: str


def evaluate(folder, n=None, seed=0, where=None) -> dict:
    """What is measured of n samples of a run, a dict: each name with its `Score`.

    Of a mixture: its modes, the share of high quality and the reverse KL divergence, of 2,500
    samples by default (VEEGAN's protocol). Of images, 10,000 samples by default; of digits: Fréchet
    and kernel distance, precision and recall on the features of the digit classifier, against
    MNIST's test set, or the embedded digits for a run on these; of a conditional run also the share
    that the classifier takes for what was asked for. Of all else: the sliced transport distance to
    as many samples of the data, 500 at most.

    Beside each stands what real data score; the folder keeps that. `where` says where the images of
    the run are now, if they have moved. Raises `RunError` where they are not found, for others than
    the run's, and for too few images or samples.
    """
    described, run = read(folder), load(folder)
    if where is not None:
        described["data"] = _moved(described, where)
    if n is None:
        n = 2500 if described["data"] in _DENSITIES else 10_000
    judge = _judge(described, n)
    scores = judge.scores(run.sample(n, seed))
    real, against = _kept(Path(folder), described, n, judge)
    return {
        name: Score(score.value, score.error, real.get(name), against)
        for name, score in scores.items()
    }


def measure(settings):
    """A function for `gancode.train(measure=...)`: the numbers of `evaluate`, of 2,500 samples."""
    judge = _judge(settings, 2500)
    return lambda run: {k: float(score) for k, score in judge.scores(run.sample(2500)).items()}


@dataclass(frozen=True)
class _Judge:
    """How samples are measured: `scores`, from samples to a dict of names and estimates, and
    `real`, which does the same for real data and says in words what it has compared."""

    scores: Callable
    real: Callable


def _judge(described, n):
    """The judge of n samples of a run."""
    name = described["data"]
    source, labels = _load_known(described)
    if name in _DENSITIES:
        return _of_mixture(source, n)
    if name in ("mnist", "mnist-5k"):
        return _of_digits(name, source, labels, described["conditional"], n)
    return _of_images(name, source, n)


def _of_mixture(density, n):
    def scores(samples):
        modes = metrics.modes(samples, density)
        return {
            "modes": metrics.Estimate(float(modes.covered), 0.0),
            "high quality": modes.high_quality,
            "reverse KL": modes.reverse_kl,
        }

    def real():
        return scores(density.sample(n, torch.Generator().manual_seed(1))), f"{n} real samples"

    return _Judge(scores, real)


def _of_digits(name, source, labels, conditional, n):
    if n <= 64:
        raise RunError(
            f"{n} samples are too few for a Fréchet distance of 64 features; give at least 65 "
            "(-n), better ten times as many"
        )
    reference = data.mnist(False)[0] if name == "mnist" else source
    features_of = functools.cache(lambda: metrics.digit_features(reference)[0])

    def compare(real, features, probabilities, asked):
        few = 5000  # of each: precision and recall compare all pairs
        shares = metrics.precision_recall(real[:few], features[:few])
        found = {
            "Fréchet distance": metrics.frechet(real, features),
            "kernel distance": metrics.kernel(real, features),
            "precision": shares.precision,
            "recall": shares.recall,
        }
        if conditional:
            hits = (probabilities.argmax(dim=1) == asked).double()
            error = (hits.std() / len(hits) ** 0.5).item()
            found["class as asked"] = metrics.Estimate(hits.mean().item(), error)
        return found

    def scores(samples):
        asked = torch.arange(len(samples), device="cpu") % 10
        return compare(features_of(), *metrics.digit_features(samples.clamp(-1, 1)), asked)

    def real():
        order = torch.randperm(len(source), generator=torch.Generator().manual_seed(0))
        if name == "mnist":
            chosen, others, words = order[:n], features_of(), "test images"
        else:  # there are no others than those of the training
            half = len(order) // 2
            chosen, others, words = order[:half][:n], features_of()[order[half:]], "others"
        found = compare(others, *metrics.digit_features(source[chosen]), labels[chosen])
        return found, f"{len(chosen)} real images, against {len(others)} {words}"

    return _Judge(scores, real)


def _of_images(name, source, n):
    least = 25  # of a standard error, see gancode.metrics
    if n < least:
        raise RunError(f"{n} samples are too few for a standard error; give at least {least} (-n)")
    if len(source) < least:
        raise RunError(
            f"{name} holds {len(source)} images, too few to measure a distance to them with its "
            f"standard error: that takes at least {least}"
        )
    few = min(n, len(source), 500)

    def drawn(n):
        stream = data.Batches(source, n, torch.Generator().manual_seed(0))
        return next(stream).flatten(1)

    def scores(samples):
        return {
            "sliced transport": metrics.sliced_wasserstein(drawn(few), samples[:few].flatten(1))
        }

    def real():
        half = min(few, len(source) // 2)
        if half < least:
            return {}, f"{name} has too few images to compare one half with the other"
        one, other = drawn(2 * half).split(half)
        found = {"sliced transport": metrics.sliced_wasserstein(one, other)}
        return found, f"{half} real images, against {half} others"

    return _Judge(scores, real)


def _kept(folder, described, n, judge):
    """What real data score, and in words against what; kept in the folder of the run, where it can
    be written, for it takes as long as measuring the run."""
    names = ("data", "images", "shape", "conditional", "fingerprint", "gancode")
    of = {name: described.get(name) for name in names} | {"n": n}
    if described.get("fingerprint"):
        del of["data"]  # wherever they lie
    path = folder / REAL
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["of"] == of:
            return {k: metrics.Estimate(*pair) for k, pair in kept["scores"].items()}, kept[
                "against"
            ]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there yet, or not readable any more
    found, against = judge.real()
    scores = {name: [score.value, score.error] for name, score in found.items()}
    with contextlib.suppress(OSError):
        content = json.dumps({"of": of, "scores": scores, "against": against}, indent=2)
        checkpoint.write(path, content.encode())
    return found, against


def _data(name):
    return name if name in NAMES else os.path.abspath(name)


def _moved(described, where):
    """The path at which the images of a run are now, of a run on images in a folder."""
    if described["data"] in NAMES:
        raise RunError(
            f"the data of this run are {described['data']}, which cannot have moved; --data is for "
            "a folder of images"
        )
    return os.path.abspath(where)


def _load_known(described):
    """The data of settings, and of a run those that it has been trained on; else `RunError`."""
    name = described["data"]
    begun = "shape" in described  # these are the settings of a run
    if begun and name not in NAMES and not Path(name).is_dir():
        raise RunError(f"the images of this run are not in {name}, which is no folder; {_WHERE}")
    source, labels = load_data(name, **described["images"])
    known = described.get("fingerprint")  # that of older runs is not
    if known and source.fingerprint != known:
        raise RunError(
            f"the images in {name} are not those of this run: {source.fingerprint}, and it was "
            f"trained on {known}; {_WHERE}"
        )
    return source, labels


_WHERE = "if they have moved, --data says where they are"


def load_data(name, **images):
    """(samples, labels) of a name in NAMES or of a folder of images; labels may be None.

    `images` are arguments of `gancode.data.folder`. Those of a folder are decoded once and kept in
    memory where they take at most 1 GiB there; they have its attribute `fingerprint`. Raises
    ValueError for what is neither.
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
    if found.left_out:
        _log.info("%s", found.summary())
    shape = (len(found), found.channels, found.size, found.size)
    if 4 * math.prod(shape) > _IN_MEMORY:
        return found, None
    decoded = torch.empty(shape, device="cpu")
    with ThreadPoolExecutor() as pool:  # decoding lets other threads run
        for k, image in enumerate(pool.map(found.__getitem__, range(len(found)))):
            decoded[k] = image
    in_memory = TensorDataset(decoded)  # a data set still: it draws what the folder draws
    in_memory.fingerprint = found.fingerprint
    return in_memory, None


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
    """Only the length of a run may change, and where its images are."""

    def flat(described):
        rest = {k: v for k, v in described.items() if k not in ("training", "gancode")}
        # `strict` says what to do with broken files, and nothing of those that are trained on.
        rest["images"] = {k: v for k, v in described["images"].items() if k != "strict"}
        if described["data"] not in NAMES:  # by content they are known, and not by their path
            rest["data"] = "a folder of images"
        training = described["training"].items()
        return rest | {k: v for k, v in training if k not in ("steps", "seconds")}

    before, now = flat(before), flat(json.loads(json.dumps(now)))
    before.setdefault("fingerprint", now["fingerprint"])  # older runs have none
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            raise RunError(
                f"{out} holds a run with {name}={before.get(name)}, and this one has "
                f"{name}={now.get(name)}; continue with the same, or begin in another folder"
            )
