"""Runs that explain themselves: a folder that says what was trained on what.

`settings.json` holds what was asked for: data, networks, training. With it and a checkpoint beside
it the networks are built anew; no code is read from the folder.
"""

import contextlib
import copy
import dataclasses
import json
import logging
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from gancode import anomaly, data, metrics, networks, problems, samples
from gancode.constraints import parse, prepared
from gancode.data.image_pairs import names_within
from gancode.data.images import ImageFolder
from gancode.data.sources import source
from gancode.errors import Refused, positive_integer
from gancode.metrics import judge
from gancode.metrics.judge import Judge
from gancode.randomness import seed, shift
from gancode.training import checkpoint
from gancode.training.folder import SETTINGS, refuse_taken
from gancode.training.processes import Processes
from gancode.training.progress import on_a_terminal
from gancode.training.run import GAN, Run, TwoWay
from gancode.training.settings import Settings, difference
from gancode.training.train import conduct

REAL = "real.json"
_log = logging.getLogger("gancode")


class RunError(Refused):
    """A folder that holds no run, or another than was asked for; the message says which."""


def settings(
    name: str,
    *,
    to: str | None = None,
    unpaired: bool = False,
    network: str | None = None,
    conditional: bool = False,
    images: Any = None,
    training: dict | None = None,
) -> dict:
    """What a run needs: the best recipe for the data `name`, but for what is said otherwise.

    `name` is one of `gancode.problems.problems`, or the path of a folder of images. `to` is the
    path of another folder, into whose kind images are translated: pairs have one name in both, and
    `unpaired` images have none. `network` is
    the name of another pair of networks, with its own defaults; `images` are arguments of
    `gancode.data.image_folder`; `training` are options of `gancode.train`. Raises `Refused` for
    what does not fit, before any data are loaded.
    """
    known, problem = problems.find(name, to, unpaired)
    recipe = problem.recipe
    if problem.translates and network not in (None, recipe.network):
        raise Refused(f"from image to image there is the network {recipe.network}, not {network}")
    training = recipe.training | (training or {})
    if not {"steps", "seconds"} & set(training):
        training["steps"] = recipe.steps
    images = dict(images or {})
    if unknown := images.keys() - set(problem.images):
        raise Refused(
            f"{known} has no {', '.join(sorted(unknown))}; that is for a folder of images"
        )
    return {
        "problem": known,
        "data": _place(name),
        **({} if to is None else {"to": _place(to)}),
        "strict": images.pop("strict", False),
        "images": images,
        "network": network or recipe.network,
        "latent_dim": recipe.latent_dim,
        "options": recipe.options if network in (None, recipe.network) else {},
        "conditional": conditional,
        "training": training,
    }


def recipe_steps(settings: dict) -> int | None:
    """How many steps the recipe is for that a run by the clock follows; None for any other run."""
    problem = problems.problems[settings["problem"]]
    by_clock = "seconds" in settings["training"]
    own = settings["network"] == problem.recipe.network
    return problem.recipe.steps if by_clock and own else None


def begun(out: str | Path) -> bool:
    """Whether there is a run in a folder that can be continued, with its settings."""
    return bool(checkpoint.saved(out)) and (Path(out) / SETTINGS).exists()


def changed(
    settings: dict,
    name: str | None = None,
    *,
    to: str | None = None,
    unpaired: bool = False,
    network: str | None = None,
    conditional: bool = False,
    images: Any = None,
    training: dict | None = None,
) -> dict:
    """The settings of a run, from `read`, but for what is said otherwise; `name` and `to` are where
    its images are now. The arguments are those of `settings`."""
    kept = settings["training"]
    if training and {"steps", "seconds"} & training.keys():
        kept = {key: value for key, value in kept.items() if key not in ("steps", "seconds")}
    images = dict(images or {})
    strict = images.pop("strict", settings["strict"])
    where: dict[str, Any] = {}
    if name is not None or to is not None or unpaired:
        name, to = settings["data"] if name is None else name, to or settings.get("to")
        unpaired = unpaired or settings["problem"] == problems.UNPAIRED
        where = {"problem": problems.find(name, to, unpaired)[0], "data": _place(name)}
        where |= {} if to is None else {"to": _place(to)}
    return settings | where | {
        "strict": strict,
        "images": settings["images"] | images,
        "network": network or settings["network"],
        "conditional": conditional or settings["conditional"],
        "training": kept | (training or {}),
    }  # fmt: skip


def start(
    settings: dict,
    out: str | Path,
    *,
    resume: bool | str = False,
    device: Any = None,
    measure: bool = False,
    **options: Any,
) -> Run:
    """Train as the settings say, into the folder `out`; return the `Run`.

    `device` is where (by default on the CPU); with `measure` the quality is measured with every row
    of the history; `options` are those options of `gancode.train` that change nothing of what is
    computed. With `resume` the run in the folder is continued, where one has begun there, from
    wherever its images lie now. At its end the folder has two pictures, see
    `gancode.reports.finish`; at an end before the time, those of its last checkpoint.

    All arguments are refused before any data are loaded: `Refused`, as `gancode.train` raises it,
    and `RunError` for a run with other settings. What is refused leaves nothing in the folder.
    """
    from gancode import reports  # here, so that matplotlib and SymPy load only for training
    from gancode.equilibrium import equilibrium

    first = Processes().is_main  # before all else: it says which device is this process's
    out = Path(out)
    asked = Settings(**settings["training"], out=out, resume=resume, **options)
    problem = problems.problems[settings["problem"]]
    if settings["conditional"] and problem.classes is None:
        raise Refused(f"{settings['data']} has no labels to be conditional on")
    about = {key: value for key, value in settings.items() if key in _ABOUT}
    about["shape"] = list(_shape(settings, problem))
    refuse_taken(out, resume)
    if measure:
        _refuse_translating(settings)
    if problem.images:
        _refuse_within(out, *filter(None, (settings["data"], settings.get("to"))))
    if problem.translates:
        _refuse_shallow(about["shape"][1])
    seed(asked.seed)
    gan = _build(about).to(device)
    if resume and begun(out):
        now = json.loads(json.dumps(about | {"training": asked.plain()}))
        before = {key: value for key, value in read(out).items() if key in now}
        if found := difference(before, now):
            raise RunError(
                f"{out} holds a run with {found}; continue with the same, or begin in another "
                "folder"
            )
    loaded, labels = _load(settings)
    about["fingerprint"] = getattr(loaded, "fingerprint", None)
    if measure:
        judged = problem.measures(settings["data"], loaded, labels, settings["conditional"], 2500)
        asked = dataclasses.replace(asked, measure=lambda run: _numbers(judged, run))
    data = (loaded, labels) if settings["conditional"] else loaded

    def draw(run: Run) -> list[Path]:
        draws = torch.Generator().manual_seed(0)
        real = loaded.sample(problem.real, draws) if problem.real else None
        return reports.finish(run, out, equilibrium(asked.objective), real)

    try:
        run = conduct(gan, data, asked, json.loads(json.dumps(about)))
    except (KeyboardInterrupt, FloatingPointError) as stopped:
        if first and checkpoint.saved(out):
            seen = ", ".join(map(str, draw(load(out))))
            stopped.args = (f"{stopped}. Pictures of the last checkpoint: {seen}",)
        raise
    if first:
        draw(run)
    return run


_ABOUT = (
    "problem",
    "data",
    "to",
    "strict",
    "images",
    "network",
    "latent_dim",
    "options",
    "conditional",
)


def read(folder: str | Path) -> dict:
    """The settings of the run in a folder. Raises `RunError` where there are none."""
    path = Path(folder) / SETTINGS
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(
            f"{folder} holds no run of `gancode train`: {SETTINGS} cannot be read "
            f"({error.strerror})"
        ) from error
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from error
    if not isinstance(found, dict) or "source" not in found:
        raise RunError(f"{path} is not of this version of gancode, but of an older one, or of none")
    return found


def load(folder: str | Path, gan: GAN | None = None) -> Run:
    """The run in a folder, as its newest checkpoint has it: both networks, the averaged generator
    and the history.

    A run of the command line says in its settings.json which networks it has. For one that
    `gancode.train(gan, ..., out=folder)` has made give a GAN of the same networks, whose weights
    become those of the run. Of a run without pairs, `back` is the run of the generator that leads
    back. Raises `RunError` where there is no checkpoint yet, or not one of these
    networks, and `gancode.CheckpointError` for one that is damaged.
    """
    record = read(folder)
    found = checkpoint.saved(folder)
    if not found:
        raise RunError(f"{folder} has no checkpoint yet: the run has not come to its first")
    if gan is None and "network" not in record:
        raise RunError(
            f"{folder} holds a run of gancode.train on networks of its own; give them: "
            "gancode.load(folder, gan=…)"
        )
    state = checkpoint.load(found[-1])
    gan = _build(record) if gan is None else gan
    averaged = copy.deepcopy(gan.generator).eval().requires_grad_(False)
    back = None
    if isinstance(gan, TwoWay):
        there = copy.deepcopy(gan.back.generator).eval().requires_grad_(False)
        back = Run(gan.back, there, state["counters"]["history"])
    constraints = parse(record["training"].get("constraints", ()))
    try:
        with prepared(gan.critics, constraints, seed=0):
            gan.load_state_dict(state["states"]["gan"])
            averaged.load_state_dict(state["states"]["averaged"])
            if back is not None:
                back.averaged.load_state_dict(state["states"]["back_averaged"])
    except (RuntimeError, KeyError) as error:
        raise RunError(f"{found[-1]} is of other networks: {error}") from error
    counters = state["counters"]
    conditions = tuple(counters.get("conditions", ()))
    about: dict[str, Any] = {"conditions": conditions, "record": record, "back": back}
    return Run(gan, averaged, counters["history"], **about)


def translate(
    run: Run | str | Path,
    images: str | Path,
    out: str | Path,
    *,
    back: bool = False,
    device: Any = None,
    progress: bool = False,
) -> list[Path]:
    """Translate the images in a folder, and all below it, into the folder `out`, and return the
    paths that are written: those within `images`, each with the ending .png.

    `run` is a run of `gancode train --to`, or its folder. The images are read as those that it was
    trained on: the shorter side is brought to its size, and the centre cut out. With `back` the
    second generator of a run without pairs leads the other way; with `progress` a bar is shown on
    stderr. Raises `RunError` for a run that translates nothing or has no way back, and `Refused`
    for a folder `out` that is not empty or lies within `images`, for images that cannot be read,
    and for two that would have one name. Nothing is seen in `out` before all is done; where it is
    stopped midway, the same call goes on.
    """
    samples.refuse_full(out)
    _refuse_within(out, images)
    run = run if isinstance(run, Run) else load(run)
    record = run.record
    if not _translates(record):
        raise RunError(
            "this run translates no images; train one with gancode train --data A --to B"
        )
    if back and run.back is None:
        raise RunError("this run has one generator, which leads forth; --back is for --unpaired")
    found = ImageFolder(images, record["shape"][1], record["shape"][0], strict=True)
    names = [*names_within(found)]
    chosen = run.back if back and run.back is not None else run
    chosen.gan.to(device)
    chosen.averaged.to(device)
    every = 0.1 if on_a_terminal() else 30.0
    bar = tqdm(None, "images", len(found), disable=not progress, mininterval=every)
    made = 0
    of = [checkpoint.crc(chosen.averaged.state_dict()), repr(found), *names]
    with (
        bar,
        _goes_on(lambda: f"{made} of {len(found)} images"),
        samples.filled(out, _crc(of)) as beside,
    ):
        files = [beside / f"{name}.png" for name in names]
        # The same batches whatever is there already, so that every image is the same.
        for batch in torch.arange(len(found)).split(_AT_ONCE):
            if not all(files[k].exists() for k in batch):
                x = torch.stack([found[int(k)] for k in batch])
                for k, image in zip(batch, chosen.sample(len(x), conditions=x), strict=True):
                    files[k].parent.mkdir(parents=True, exist_ok=True)
                    part = files[k].with_name(".part.png")
                    samples.image(image.float().cpu().numpy()).save(part)
                    os.replace(part, files[k])
                    made = int(k) + 1
            bar.update(len(batch))
    return [Path(out) / f"{name}.png" for name in names]


@contextlib.contextmanager
def _goes_on(done: Callable[[], str], kept: bool = True) -> Iterator[None]:
    """Ctrl-C says how much was done, and how to go on."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        if stopped.args:  # which says so itself
            raise
        on = "the same command goes on" if kept else "what was done is kept only with --out"
        raise KeyboardInterrupt(f"stopped after {done()}; {on}") from stopped


def _crc(texts: Sequence[str]) -> str:
    return f"{zlib.crc32(json.dumps(texts).encode()):08x}"


def _translates(record: dict) -> bool:
    return "problem" in record and problems.problems[record["problem"]].translates


def _refuse_within(out: str | Path, *images: str | Path) -> None:
    """Refuse to write pictures into a folder of images, which would be others from then on."""
    for each in images:
        if Path(out).resolve().is_relative_to(Path(each).resolve()):
            raise Refused(
                f"{out} lies within {each}, whose images would be others from then on; give a "
                "folder outside (--out)"
            )


_AT_ONCE = 64  # images, for the memory that they take


def _refuse_translating(record: dict) -> None:
    """Refuse to measure a run from one folder of images to another."""
    if _translates(record):
        raise RunError(
            f"this run leads from the images in {record['data']} to those in {record['to']}, and "
            "of such runs nothing is measured or scored here, whatever --data says: translate "
            "images that it was not trained on (gancode translate), and compare with what is true "
            "of these"
        )


@dataclass(frozen=True)
class Score(metrics.Estimate):
    """A number measured of samples of a run, its standard error, and beside it `real`, the same of
    real data, with `against` in words: what was compared with what. It is None where there are too
    few of them."""

    real: metrics.Estimate | None
    against: str


def evaluate(
    run: Run,
    n: int | None = None,
    seed: int = 0,
    where: str | Path | None = None,
    *,
    data: Any = None,
) -> dict[str, Score]:
    """What is measured of n samples of a run, a dict: each name with its `Score`.

    `run` is a `Run`, or the folder of one. Of a mixture: its modes, the share of high quality and
    the reverse KL divergence, of 2,500 samples by default (VEEGAN's protocol). Of images, 10,000
    samples by default; of digits: Fréchet and kernel distance, precision and recall on the features
    of the digit classifier, against MNIST's test set, or the embedded digits for a run on these; of
    a conditional run also the share that the classifier takes for what was asked for. Of all else:
    the sliced transport distance to as many samples of the data, 500 at most.

    Beside each stands what real data score; a folder keeps that. `where` says where the images of
    the run are now, if they have moved. `data` are what to compare with, where the run is not of a
    problem with a name and was not trained just now. Raises `RunError` where the data are not
    found, for others than the run's, and for too few images or samples.
    """
    folder = Path(run) if not isinstance(run, Run) else None
    run = load(folder) if folder is not None else run
    record = dict(run.record)
    if data is None:
        _refuse_translating(record)
    if where is not None:
        record["data"] = _moved(record, where)
    judged, n = _judge(run, record, n, data)
    scores = judged.scores(run.sample(n, seed))
    real, against = judged.real() if folder is None else _kept(folder, record, n, judged)
    return {
        name: Score(score.value, score.error, real.get(name), against)
        for name, score in scores.items()
    }


@dataclass(frozen=True)
class Scored:
    """Files and their scores, the larger the more anomalous; and the threshold, where one was asked
    for, with what stands behind it in words."""

    files: list[Path]
    scores: list[float]
    threshold: float | None = None
    promise: str = ""

    @property
    def alarms(self) -> list[bool]:
        """Whether each score exceeds the threshold; without one, none does."""
        return [self.threshold is not None and score > self.threshold for score in self.scores]


def score(
    run: str | Path,
    where: str | Path,
    by: str = "reconstruction",
    *,
    held_out: str | Path | None = None,
    rate: float = 0.05,
    steps: int = 1000,
    seed: int = 0,
    moved: str | Path | None = None,
    progress: bool = False,
    kept: str | Path | None = None,
) -> Scored:
    """How unlike the data of a run of `gancode train` the images in the folder `where` are.

    `by` is one of `gancode.anomaly.SCORES`. An encoder is trained for the generator, `steps` steps
    on the data of the run, but for the score by the discriminator alone. `held_out` is a folder of
    normal images that the run has not seen: a further one exceeds the threshold with a probability
    of at most `rate` (`gancode.metrics.alarm_threshold`). `moved` is where the images of the run
    are now, if they have moved; with `progress` bars are shown on stderr. `kept` is a folder for
    what is done of it: where it is stopped midway, the same call goes on from there.

    Raises `Refused` for an unknown score, no steps where there is an encoder, a run on points, a
    conditional run, folders without a sound image, too few held-out images for the rate, and where
    a held-out image, as the run reads it, is among those that it was trained on; else what `load`
    and `gancode.data.image_folder` raise.
    """
    if by not in anomaly.SCORES:
        raise Refused(f"unknown score {by!r}; the choices are {', '.join(anomaly.SCORES)}")
    if by != anomaly.SCORES[0]:
        positive_integer("steps", steps)  # an encoder that has learnt nothing loses whatever it is
    record = read(run)
    _refuse_translating(record)
    if record.get("conditional"):
        raise RunError(
            f"{run} holds a conditional run, which scores images only together with their labels; "
            "train one without --conditional"
        )
    if moved is not None:
        record["data"] = _moved(record, moved)
    loaded = load(run)
    shape = record["shape"]
    if len(shape) != 3:
        raise RunError(
            f"{run} holds a run on points with {shape[0]} coordinates; images are scored by a run "
            "on images (for points: gancode.anomaly.detector)"
        )
    read_images = partial(data.image_folder, size=shape[1], channels=shape[0])
    found = read_images(where)
    normal = None if held_out is None else read_images(held_out)
    if normal is not None and normal.fingerprint == record.get("fingerprint"):
        raise Refused(
            f"the images in {held_out} are those that the run was trained on, and score too low; "
            "hold others out"
        )
    if normal is not None:
        metrics.alarm_threshold(range(len(normal)), rate)  # refused before anything is trained
    trained_on, _ = _load(record)
    if normal is not None:
        _refuse_seen(normal, trained_on)
    steps = 0 if by == anomaly.SCORES[0] else steps
    both = (loaded.averaged, loaded.gan.discriminator)
    of = [by, steps, seed, shift(), *(checkpoint.crc(each.state_dict()) for each in both)]
    of += [source(trained_on).describe(), repr(found), repr(normal)]  # with their order
    work = _Scoring(kept, [*map(str, of)], progress)
    with _goes_on(lambda: work.done, kept is not None):
        learnt = work.file(work.ENCODER) if steps else None
        made = anomaly.detector(
            loaded, trained_on, steps=steps, seed=seed, progress=progress, kept=learnt
        )
        held = None if normal is None else work.scores(work.HELD_OUT, normal, made, by)
        scores = work.scores(work.SCORES, found, made, by)
    if held is None:
        return Scored(found.files, scores)
    threshold = metrics.alarm_threshold(held, rate)
    promise = (
        f"a further normal image exceeds {threshold:.4g} with a probability of at most {rate:g}, "
        f"by {len(held)} held-out ones"
    )
    return Scored(found.files, scores, threshold, promise)


_SCORED_AT_ONCE = 500


@dataclass
class _Scoring:
    """What is done of scoring, in the folder `kept` where there is one: files whose names begin
    with a checksum of all that the scores hang on. Those of other work are removed."""

    ENCODER, HELD_OUT, SCORES = FILES = ("encoder.pt", "held-out.json", "scores.json")

    kept: str | Path | None
    of: Sequence[str]
    progress: bool
    done: str = "0 images"

    def __post_init__(self) -> None:
        self.name = _crc(self.of)
        if self.kept is not None:
            Path(self.kept).mkdir(parents=True, exist_ok=True)
            for name in self.FILES:
                for left in Path(self.kept).glob(f"{'[0-9a-f]' * 8}-{name}*"):
                    if left != self.file(name):
                        left.unlink()

    def file(self, name: str) -> Path | None:
        return None if self.kept is None else Path(self.kept, f"{self.name}-{name}")

    def scores(
        self, name: str, images: ImageFolder, detector: anomaly.Detector, by: str
    ) -> list[float]:
        """Those of all images, in the same batches whatever is kept already."""
        path, n = self.file(name), len(images)
        found = json.loads(path.read_text()) if path is not None and path.exists() else []
        every = 0.1 if on_a_terminal() else 30.0
        with tqdm(None, "images", n, initial=len(found), disable=not self.progress,
                  mininterval=every) as bar:  # fmt: skip
            while len(found) < n:
                self.done = f"{len(found)} of {n} images"
                few = range(len(found), min(len(found) + _SCORED_AT_ONCE, n))
                x = torch.stack([images[k] for k in few])
                found += detector.scores(x)[by].tolist()
                if path is not None:
                    checkpoint.write(path, json.dumps(found).encode())
                bar.update(len(few))
        return found


def _refuse_seen(held_out: ImageFolder, trained_on: Any) -> None:
    """Raise `Refused` if an image is among those trained on: the two would not be exchangeable."""

    def mark(image: torch.Tensor) -> int:
        return hash(image.numpy().tobytes())

    samples = (trained_on[k] for k in range(len(trained_on)))
    seen = {mark(each[0] if isinstance(each, tuple) else each) for each in samples}
    both = [held_out.files[k] for k in range(len(held_out)) if mark(held_out[k]) in seen]
    if both:
        raise Refused(
            f"{len(both)} of the held-out images are among those that the run was trained on, such "
            f"as {both[0]}, and score too low; hold others out"
        )


def _judge(run: Run, record: dict, n: int | None, given: Any) -> tuple[Judge, int]:
    """The judge of a run, and of how many samples."""
    if given is None and "problem" in record:
        problem = problems.problems[record["problem"]]
        n = problem.samples if n is None else n
        loaded, labels = _load(record)
        return problem.measures(record["data"], loaded, labels, record["conditional"], n), n
    given = run.source if given is None else given
    if given is None:
        raise RunError(
            "the data of this run are not known here: give what to compare with, data=…, as it was "
            "given to gancode.train"
        )
    n = 2500 if n is None else n
    return judge.fitting(source(given, run.gan.condition), n), n


def _numbers(judged: Judge, run: Run) -> dict:
    return {name: float(score) for name, score in judged.scores(run.sample(2500)).items()}


def _kept(
    folder: Path, record: dict, n: int, judged: Judge
) -> tuple[dict[str, metrics.Estimate], str]:
    """What real data score, and in words against what; kept in the folder of the run, where it can
    be written, for it takes as long as measuring the run."""
    names = ("problem", "images", "shape", "conditional", "fingerprint", "gancode")
    of = {name: record.get(name) for name in names} | {"n": n}
    path = folder / REAL
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["of"] == of:
            found = {k: metrics.Estimate(*score) for k, score in kept["scores"].items()}
            return found, kept["against"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there yet, or not readable any more
    found, against = judged.real()
    scores = {name: [score.value, score.error] for name, score in found.items()}
    with contextlib.suppress(OSError):
        content = json.dumps({"of": of, "scores": scores, "against": against}, indent=2)
        checkpoint.write(path, content.encode())
    return found, against


def _place(name: str) -> str:
    return name if name in problems.names() else os.path.abspath(name)


def _moved(record: dict, where: str | Path) -> str:
    """The path at which the images of a run are now, of a run on images in a folder."""
    if record.get("problem") != problems.FOLDER:
        raise RunError(
            f"the data of this run are {record.get('data', record.get('source'))}, which cannot "
            "have moved; --data is for a folder of images"
        )
    return os.path.abspath(where)


def _load(record: dict) -> tuple[Any, Any]:
    """The data of settings and their labels, and of a run those that it has been trained on; else
    `RunError`."""
    name, problem = record["data"], problems.problems[record["problem"]]
    if not problem.images:
        return problem.load()
    known = record.get("fingerprint")
    for place in filter(None, (name, record.get("to"))):
        if known and not Path(place).is_dir():
            raise RunError(
                f"the images of this run are not in {place}, which is no folder; {_WHERE}"
            )
    if problem.translates:
        loaded, labels = problem.load(name, record["to"], **record["images"])
    else:
        loaded, labels = problem.load(name, strict=record["strict"], **record["images"])
    if known and loaded.fingerprint != known:
        raise RunError(
            f"the images in {name} are not those of this run: {loaded.fingerprint}, and it was "
            f"trained on {known}; {_WHERE}"
        )
    return loaded, labels


_WHERE = "if they have moved, --data says where they are, and --to where those of the other kind"


def _shape(settings: dict, problem: problems.Problem) -> Sequence[int]:
    return problem.shape(**settings["images"]) if callable(problem.shape) else problem.shape


def _build(record: dict) -> GAN:
    problem = problems.problems[record["problem"]]
    if problem.translates:
        one = _translator(record)
        return one if record["problem"] == problems.PAIRED else TwoWay(one, _translator(record))
    classes = problem.classes if record["conditional"] else None
    generator, discriminator = networks.pair(
        record["network"],
        record["latent_dim"],
        tuple(record["shape"]),
        classes=classes,
        **record["options"],
    )
    return GAN(generator, discriminator, record["latent_dim"], classes)


def _refuse_shallow(size: int) -> None:
    """Refuse images that a U-Net cannot halve exactly twice, to 4 pixels or more: all would pass
    through its coarsest image. Say so where it halves them less often than others of about that
    size."""
    coarsest, whole = size, 2 ** (size - 1).bit_length()
    while coarsest % 2 == 0 and coarsest >= 8:
        coarsest //= 2
    if 4 * coarsest > size:
        below = max(size // 4 * 4, 16)
        raise Refused(
            f"--size {size}: between two folders images are halved exactly, at least twice, and "
            f"to no less than 4 pixels; give a multiple of 4, such as {below} or {below + 4}, or "
            "best a power of two, 32 or 64"
        )
    if coarsest >= 8:
        _log.info(
            f"images of {size} pixels can be halved only down to {coarsest}, so that the network "
            f"sees little of one at once; those of {whole}, down to 4"
        )


def _translator(record: dict) -> GAN:
    """From images to images of the same shape: where pairs are known, the discriminator is shown
    both of one."""
    shape, options = tuple(record["shape"]), dict(record["options"])
    depth, channels = options.pop("depth"), options["channels"]
    beside = [shape] if record["problem"] == problems.PAIRED else []
    generator = networks.unet(shape, **options)
    judge = networks.patch_discriminator(shape, *beside, channels=channels, depth=depth)
    return GAN(generator, judge, record["latent_dim"], conditional=True)
