"""The command line: `gancode train | sample | translate | evaluate | score | analyze | bench`."""

import argparse
import contextlib
import dataclasses
import json
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import shtab

from gancode.errors import Refused
from gancode.training.settings import DECIDES, LENGTH, WATCHES, Settings

_EXIT = """exit codes:
  0    done
  1    training broke down: a loss became NaN or infinite
  2    refused: an argument, the data or the folder; the message says what to do
  70   a fault of the program or the machine, such as too little memory, with its traceback
  130  interrupted; --resume continues from the last checkpoint, where there is one"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code (see `gancode --help`)."""
    # Before torch is loaded. Its threads spin while they wait for one another, and beside another
    # busy program one of them waits for a core for long: small networks are then many times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    words = sys.argv[1:] if arguments is None else arguments
    options = parser(words).parse_args(words)
    try:
        with _speaking():
            options.run(options)
    except KeyboardInterrupt as stopped:
        print(f"gancode: {str(stopped) or 'interrupted'}", file=sys.stderr)
        return 130
    except FloatingPointError as error:
        print(f"gancode: {error}", file=sys.stderr)
        return 1
    except (Refused, OSError) as error:
        print(f"gancode: {error}", file=sys.stderr)
        return 2
    except Exception:
        traceback.print_exc()
        return 70
    return 0


@contextlib.contextmanager
def _speaking() -> Iterator[None]:
    """Warnings and what is logged as one line each on stderr, in the words of a command; names of
    files that are no text are written with escapes."""

    def line(message: Any, category: Any, *place: Any) -> str:
        if issubclass(category, UserWarning):
            return f"gancode: warning: {message}\n"
        return usual(message, category, *place)

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a test may have put something else there
            stream.reconfigure(errors="backslashreplace")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("gancode: %(message)s"))
    log, usual = logging.getLogger("gancode"), warnings.formatwarning
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    warnings.formatwarning = cast(Any, line)
    try:
        yield
    finally:
        warnings.formatwarning = usual
        log.setLevel(level)
        log.removeHandler(handler)


def parser(words: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """All commands and their options. Where the `words` of a command are given, only the options
    of that command are: to list the problems to train on takes a while."""
    top = argparse.ArgumentParser(
        prog="gancode",
        description="The calculus of generative adversarial networks.",
        epilog=f"{_EXIT}\n\nA command explains itself: gancode train --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    shtab.add_argument_to(
        top, ["--print-completion"], help="print what teaches a shell to complete commands"
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, add in _COMMANDS.items():
        add(commands, words is None or name in words or "--print-completion" in words)
    return top


def _add_train(commands: Any, spelled: bool) -> None:
    command = _command(
        commands,
        "train",
        _train,
        "train a GAN",
        "Train a GAN into a folder. With --data alone, all else is the best recipe known for it.",
        """examples:
  gancode train --data ring
  gancode train --data mnist-5k --seconds 60 --out runs/digits
  gancode train --data mnist --conditional --precision bf16 --seconds 600
  gancode train --data photos/ --size 64 --objective hinge --penalty r1=1@16 --lr 2e-4..2e-5
  gancode train --data sketches/ --to photos/                 pairs of one name in both folders
  gancode train --data horses/ --to zebras/ --unpaired --generator-term cycle=10
  gancode train --resume --out runs/digits --seconds 600      go on, from 60 to 600
  torchrun --nproc-per-node 8 -m gancode.cli train --data photos/ --batch-size 512""",
    )
    if not spelled:
        return
    from gancode import problems

    add = command.add_argument
    listed = "; ".join(f"{name}: {problems.problems[name].about}" for name in problems.names())
    add("--data", help=f"{listed}; or a folder of images; with --resume where its images are now")
    add("--out", type=Path, metavar="RUN", help="the run's folder (runs/DATA)")
    add("--resume", action="store_true", help="continue the run in --out, bit for bit")
    add(
        "--previous", action="store_true", help="with --resume: from the checkpoint before the last"
    )
    length = command.add_mutually_exclusive_group()
    decides = command.add_argument_group("what is trained, where not as in the recipe")
    watches = command.add_argument_group("what is seen and kept")
    recipes = {key for each in problems.problems.values() for key in each.recipe.training}
    groups = {LENGTH: length, DECIDES: decides, WATCHES: watches}
    for each in _spelled_fields():
        about = each.metadata
        default = "" if each.name in recipes else _spelled(each.default)
        groups[about["kind"]].add_argument(
            about["flag"] or f"--{each.name.replace('_', '-')}",
            dest=each.name,
            default=None,
            help=(about["meaning"] + default).replace("%", "%%"),
            **about["spelling"],
        )
    add = decides.add_argument
    add("--generator-loss", metavar="EXPRESSION", help="the generator's, beside an expression")
    add("--network", help="mlp, dcgan or residual")
    add("--conditional", action="store_true", help="digits on demand: condition on the labels")

    group = command.add_argument_group(
        "from one folder of images to another",
        "A U-Net translates the images of --data into the kind of those in --to, and gancode "
        "translate those of any folder. Two images are a pair if they have one name but for the "
        "ending, and one size; the discriminator, of patches, sees both, and the term l1=100 asks "
        "for the partner (pix2pix). Without pairs a second GAN leads back; the term cycle=10 asks "
        "that there and back again lead to where one was, and identity=5 that what is of the other "
        "kind already stays as it is (CycleGAN). --generator-term puts others in their place, and "
        "none leaves them out.",
    )
    add = group.add_argument
    add("--to", metavar="FOLDER", help="the folder of the other kind of images; with --resume "
        "where they are now")  # fmt: skip
    add("--unpaired", action="store_true", help="there are no pairs")

    group = command.add_argument_group("a folder of images")
    add = group.add_argument
    add(
        "--size",
        type=int,
        help="pixels, 28, 32 or 64; of two folders also other multiples of 4 from 16 on (64)",
    )
    add("--channels", type=int, choices=[1, 3], help="grey or colour (3)")
    add(
        "--strict",
        action="store_true",
        default=None,
        help="refuse broken files instead of skipping them",
    )
    add = watches.add_argument
    add("--device", default="auto", help="cpu, cuda, ... (auto: a GPU where there is one, "
        "and under torchrun one for each process)")  # fmt: skip
    add("--measure", action="store_true", help="measure the quality with every row of the history")
    add("--sheet-every", type=int, default=1000, metavar="STEPS",
        help="between sheets of samples (1000); 0 for none")  # fmt: skip
    add("--tensorboard", action="store_true", help="write the history for TensorBoard as well")


def _spelled(default: Any) -> str:
    """A default, where there is one, as a command has it, in brackets."""
    words = map(str, default) if isinstance(default, tuple) else [str(default)]
    return "" if default in (None, False, ()) else f" ({' '.join(words)})"


def _train(options: argparse.Namespace) -> None:
    from gancode import problems, reports, runs
    from gancode.training.processes import Processes

    name, to = options.data, options.to
    called = "-to-".join(Path(os.path.abspath(each)).name for each in (name, to) if each)
    out = options.out or (Path("runs") / called if name else None)
    if out is None:
        raise Refused("give --data, or with --resume the run's folder: --out RUN")
    if options.previous and not options.resume:
        raise Refused("--previous goes with --resume")
    if name is None and not options.resume:
        raise Refused("give --data, or --resume for a run that has begun")
    named = {each.name: getattr(options, each.name, None) for each in _spelled_fields()}
    given = {key: value for key, value in named.items() if value is not None}
    for several in ("penalties", "generator_terms"):
        if several in given:
            given[several] = [text for text in given[several] if text != "none"]
    if options.generator_loss is not None:
        if options.objective is None:
            raise Refused("--generator-loss goes with --objective, an expression in a and b")
        given["objective"] = [options.objective, options.generator_loss]
    watched = {f.name for f in _spelled_fields() if f.metadata["kind"] == WATCHES}
    training = {key: value for key, value in given.items() if key not in watched}
    images = {name: getattr(options, name) for name in ("size", "channels", "strict")}
    asked = {
        "to": to,
        "unpaired": options.unpaired,
        "network": options.network,
        "conditional": options.conditional,
        "images": {key: value for key, value in images.items() if value is not None},
        "training": training,
    }
    if options.resume and (name is None or runs.begun(out)):  # the folder knows the rest
        settings = runs.changed(runs.read(out), name, **asked)
    else:
        settings = runs.settings(name, **asked)
    callbacks = []
    if options.sheet_every:
        callbacks.append(reports.sheets(out / "sheets", every=options.sheet_every))
    if options.tensorboard:
        callbacks.append(reports.tensorboard(out / "tensorboard"))
    if options.device == "cpu":
        os.environ["ACCELERATE_USE_CPU"] = "true"  # else a launch gives each process a GPU
    run = runs.start(
        settings,
        out,
        resume="previous" if options.previous else options.resume,
        device=_device(options.device),
        measure=options.measure,
        callback=callbacks,
        **{key: value for key, value in given.items() if key in watched},
    )
    if Processes().is_main:
        steps = run.history[-1]["step"] if run.history else 0
        done = f"{steps} steps" if run.history else "no steps"
        if (whole := runs.recipe_steps(settings)) and steps < whole / 2:
            print(
                f"gancode: {steps} steps are few: the recipe is for {whole}, which this machine "
                "does not reach in that time; give more --seconds, and --resume",
                file=sys.stderr,
            )
        pictures = f"{out / reports.SAMPLES}, {out / reports.CURVES}"
        translates = "to" in settings
        then = f"translate {out} FOLDER --out FOLDER" if translates else f"evaluate {out}"
        then += " (--back for the other way)" * (settings["problem"] == problems.UNPAIRED)
        print(f"{out}: {done}. Next: gancode {then}. Pictures: {pictures}")


def _spelled_fields() -> list[dataclasses.Field]:
    """The options of `gancode.train` that a command can spell."""
    return [each for each in dataclasses.fields(Settings) if each.metadata["spelling"]]


def _add_sample(commands: Any, spelled: bool) -> None:
    command = _command(
        commands,
        "sample",
        _sample,
        "draw samples from a run",
        "Draw samples from the averaged generator of a run. The ending of --out says into what: "
        ".npz, an archive of NumPy with the array x, float32 of shape (n, channels, height, width) "
        "in [-1, 1], or (n, d), and of a conditional run y, its labels; .npy, the array x alone; "
        ".csv, a table of points; .png, one picture; a folder, which ends in /, one .png an image.",
        """examples:
  gancode sample runs/ring -n 10000 --out samples.npz
  gancode sample runs/digits --label 7 --out sevens.png
  gancode sample runs/digits -n 1000 --out digits/""",
    )
    add = command.add_argument
    of_run: Any = add("folder", type=Path, metavar="RUN")
    of_run.complete = shtab.DIRECTORY
    add("-n", type=int, help="how many (10000; in one picture 64)")
    add("--out", default="samples.npz", help="where to, .npz, .npy, .csv, .png or FOLDER/ "
        "(samples.npz); nothing is overwritten")  # fmt: skip
    add("--label", type=int, help="of one class only (in turn)")
    add("--seed", type=int, default=0, help="what they are drawn from (0)")
    add("--sheet", type=Path, help="also a picture of the first 64")


def _sample(options: argparse.Namespace) -> None:
    import numpy as np

    from gancode import reports, runs, samples

    if options.sheet:
        if samples.ending(options.sheet) != ".png":
            raise Refused(f"a sheet is a .png, and {options.sheet} is to be none")
        if os.path.abspath(options.sheet) == os.path.abspath(options.out):
            raise Refused(f"--out and --sheet are one file, {options.sheet}; give two")
        samples.refuse_taken(options.sheet)
    picture = samples.ending(options.out) == ".png"
    samples.refuse(options.out, runs.read(options.folder).get("shape"))
    run = runs.load(options.folder)
    n = options.n if options.n is not None else 64 if picture else 10_000
    x = run.sample(n, options.seed, options.label).float().numpy()
    labels = None
    if (classes := run.gan.classes) is not None:
        labels = np.arange(n) % classes if options.label is None else np.full(n, options.label)
    samples.save(options.out, x, labels)
    if options.sheet:
        reports.sheet(x[:64], options.sheet)
    print(f"{options.out}: x {x.shape}, from {x.min():.3g} to {x.max():.3g}")


def _add_translate(commands: Any, spelled: bool) -> None:
    command = _command(
        commands,
        "translate",
        _translate,
        "translate images by a run",
        "Translate the images in a folder, and in all below it, by the averaged generator of a run "
        "of gancode train --to. They are read as those that it was trained on, the shorter side "
        "brought to its size and the centre cut out, and written under their own names, as .png. "
        "What cannot be read is refused before anything is written. What was stopped goes on "
        "by the same command.",
        """examples:
  gancode translate runs/sketches-to-photos more-sketches/ --out photos/
  gancode translate runs/horses-to-zebras zebras/ --back --out horses/""",
    )
    add = command.add_argument
    of_run: Any = add("folder", type=Path, metavar="RUN")
    images: Any = add("images", type=Path, metavar="FOLDER", help="the images")
    out: Any = add("--out", type=Path, metavar="FOLDER", required=True, help="where to, a new one")
    of_run.complete = images.complete = out.complete = shtab.DIRECTORY
    add("--back", action="store_true", help="by the second generator of a run without pairs")
    add("--device", default="auto", help="cpu, cuda, ... (auto: a GPU where there is one)")


def _translate(options: argparse.Namespace) -> None:
    from gancode import runs

    written = runs.translate(
        options.folder,
        options.images,
        options.out,
        back=options.back,
        device=_device(options.device),
        progress=True,
    )
    print(f"{options.out}: {len(written)} images")


def _add_evaluate(commands: Any, spelled: bool) -> None:
    command = _command(
        commands,
        "evaluate",
        _evaluate,
        "measure how good a run is",
        "Measure samples of a run against its data, each number with its standard error, and "
        "beside it what real data score. Mixtures: modes, high quality, reverse KL. Digits: "
        "Fréchet and kernel distance, precision, recall. All else: sliced transport.",
        """examples:
  gancode evaluate runs/ring
  gancode evaluate runs/digits --json | jq '.metrics["Fréchet distance"].value'""",
    )
    add = command.add_argument
    of_run: Any = add("folder", type=Path, metavar="RUN")
    of_run.complete = shtab.DIRECTORY
    add("-n", type=int, help="how many samples (2500 of a mixture, else 10000)")
    add("--seed", type=int, default=0, help="what they are drawn from (0)")
    add("--data", metavar="FOLDER", help="where the images of the run are now, if they have moved")
    add("--json", action="store_true", help="as JSON")


def _evaluate(options: argparse.Namespace) -> None:
    from gancode import runs

    def numbers(estimate: Any) -> dict:
        return {"value": estimate.value, "error": estimate.error}

    def text(estimate: Any) -> str:
        return str(estimate) if estimate.error else f"{estimate.value:g}"

    found = runs.evaluate(options.folder, options.n, options.seed, options.data)
    against = {score.against for score in found.values()}
    if options.json:
        scores = {
            name: numbers(score) | {"real": score.real and numbers(score.real)}
            for name, score in found.items()
        }
        report = {"run": str(options.folder), "metrics": scores, "real": ", ".join(against)}
        print(json.dumps(report, ensure_ascii=False))
        return
    for name, score in found.items():
        real = text(score.real) if score.real else "–"
        print(f"{name:20} {text(score):22} real: {real}")
    print(f"real: {', '.join(against)}")


def _add_score(commands: Any, spelled: bool) -> None:
    command = _command(
        commands,
        "score",
        _score,
        "say how unlike the data of a run images are",
        "Score the images in a folder, and in all below it, by a run that was trained on normal "
        "ones; the larger, the more anomalous. With --held-out, normal images that the run has "
        "not seen, a threshold comes with it that a further normal image exceeds with a "
        "probability of at most --rate. An encoder is trained first (Schlegl et al. 2019), but for "
        "--by discriminator. With --out, what was stopped goes on by the same command.",
        """examples:
  gancode score runs/parts camera/ --out scores.csv
  gancode score runs/parts camera/ --held-out normal/ --rate 0.01""",
    )
    add = command.add_argument
    of_run: Any = add("folder", type=Path, metavar="RUN")
    of_images: Any = add("images", type=Path, metavar="FOLDER", help="of images to score")
    of_run.complete = of_images.complete = shtab.DIRECTORY
    add("--by", default="reconstruction", help="discriminator, reconstruction, features or both "
        "(reconstruction)")  # fmt: skip
    add("--held-out", type=Path, metavar="FOLDER", help="normal images that the run has not seen")
    add("--rate", type=float, help="of false alarms, with --held-out (0.05)")
    add("--steps", type=int, default=1000, help="of the encoder (1000)")
    add("--seed", type=int, default=0, help="of the encoder (0)")
    add("--data", metavar="FOLDER", help="where the images of the run are now, if they have moved")
    add("--out", type=Path, metavar="FILE", help="write a table in the order of the names, .csv; "
        "nothing is overwritten")  # fmt: skip


def _score(options: argparse.Namespace) -> None:
    from gancode import runs, samples

    if options.rate is not None and options.held_out is None:
        raise Refused("--rate goes with --held-out, a folder of normal images to estimate it on")
    if options.out is not None:
        if options.out.suffix.lower() != ".csv":
            raise Refused(f"scores are written as a table, .csv, and {options.out} is to be none")
        samples.refuse_taken(options.out)
    with samples.unfinished(options.out) if options.out else contextlib.nullcontext() as kept:
        found = runs.score(
            options.folder,
            options.images,
            options.by,
            held_out=options.held_out,
            rate=0.05 if options.rate is None else options.rate,
            steps=options.steps,
            seed=options.seed,
            moved=options.data,
            progress=True,
            kept=kept,
        )
        rows = list(zip(found.files, found.scores, found.alarms, strict=True))
        if options.out:
            samples.refuse_taken(options.out)  # it may have come meanwhile
            samples.table(
                options.out,
                ["file", options.by, *["alarm"] * (found.threshold is not None)],
                [
                    [str(file), f"{score:.9g}", *[str(int(alarm))] * (found.threshold is not None)]
                    for file, score, alarm in rows
                ],
            )
    if options.out:
        print(f"{options.out}: {len(rows)} scores, from {min(found.scores):.4g} to "
              f"{max(found.scores):.4g}")  # fmt: skip
    else:
        for file, score, alarm in sorted(rows, key=lambda each: -each[1]):
            print(f"{score:<12.4g}{'alarm  ' if alarm else ''}{file}")
    if found.promise:
        print(f"{sum(found.alarms)} of {len(rows)} are alarms: {found.promise}")


def _add_analyze(commands: Any, spelled: bool) -> None:
    command = _command(
        commands,
        "analyze",
        _analyze,
        "print the theory of an objective",
        "Print the theory of an objective: its optimal critic, the divergence it minimises, how "
        "hard each sample pulls on the generator, and whether that pull saturates.",
        """examples:
  gancode analyze minimax
  gancode analyze "softplus(-a) + softplus(b)" --generator "softplus(-b)"
  gancode analyze "max(0, 1 - a)**2 + max(0, 1 + b)**2\"""",
    )
    command.add_argument(
        "objective",
        help="a name of the catalogue, or the critic's loss as an expression in a (its value on a "
        "real sample) and b (on a generated one)",
    )
    command.add_argument(
        "--generator",
        metavar="EXPRESSION",
        help="the generator's loss as an expression in b, or in a and b where the critic's mixes "
        "them; without it, the zero-sum one: minus the critic's loss on generated samples",
    )


def _analyze(options: argparse.Namespace) -> None:
    from gancode.calculus import find_objective

    print(find_objective(options.objective, options.generator).report())


def _add_bench(commands: Any, spelled: bool) -> None:
    command = _command(
        commands,
        "bench",
        _bench,
        "measure speed and quality on this machine",
        "Measure gancode.train on this machine, beside loops that many have copied. overhead: what "
        "the engine adds to the barest loop (3 min). throughput: images a second (4 min). "
        "quality: Fréchet distance for time on MNIST (15 min). coverage: ring and grid over five "
        "seeds (10 min). Without a section, these four. compile: what torch.compile saves (5 min). "
        "shared: the speed beside another busy program (1 min). "
        "objectives: every objective with and without a penalty on ring, grid and digits, kept in "
        "objectives.json, where a run that was stopped goes on (10 min). "
        "Leave the machine alone meanwhile.",
        """examples:
  gancode bench overhead throughput --json speed.json
  GANCODE_DATA=~/datasets gancode bench quality
  gancode bench --stacked-mnist""",
    )
    add = command.add_argument
    add("sections", nargs="*", metavar="SECTION", help="overhead, throughput, quality, coverage, "
        "compile, shared, objectives")  # fmt: skip
    add("--stacked-mnist", action="store_true", help="the 1000 modes of Stacked MNIST; 30 minutes")
    add("--json", type=Path, metavar="FILE", help="write the numbers there as well; nothing is "
        "overwritten")  # fmt: skip


def _bench(options: argparse.Namespace) -> None:
    from gancode import samples
    from gancode.benchmarks import bench

    if options.json is not None:
        samples.refuse_taken(options.json)
    sections = options.sections + ["stacked-mnist"] * options.stacked_mnist
    bench.bench(sections or bench.SECTIONS, out=options.json)


def _device(name: str) -> str:
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise Refused(f"there is no device {name!r} here; give cpu, or auto") from error
    return name


def _command(
    commands: Any, name: str, run: Callable, short: str, description: str, epilog: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=short,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    return command


_COMMANDS = {
    "train": _add_train,
    "sample": _add_sample,
    "translate": _add_translate,
    "evaluate": _add_evaluate,
    "score": _add_score,
    "analyze": _add_analyze,
    "bench": _add_bench,
}


if __name__ == "__main__":
    sys.exit(main())
