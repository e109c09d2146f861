"""The command line: `gancode train | sample | evaluate | analyze | bench`."""

import argparse
import contextlib
import json
import logging
import os
import re
import sys
import traceback
import warnings
from pathlib import Path

import shtab

_EXIT = """exit codes:
  0    done
  1    training broke down: a loss became NaN or infinite
  2    refused: an argument, the data or the folder; the message says what to do
  70   a fault of the program or the machine, such as too little memory, with its traceback
  130  interrupted; --resume continues from the last checkpoint, where there is one"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code (see `gancode --help`)."""
    # A leading space keeps argparse from taking an expression such as -a+b for an option.
    words = sys.argv[1:] if arguments is None else arguments
    words = [f" {word}" if re.match(r"-(?!-|h$|n\d*$)", word) else word for word in words]
    options = parser().parse_args(words)
    try:
        with _speaking():
            options.run(options)
    except KeyboardInterrupt as stopped:
        print(f"gancode: {str(stopped) or 'interrupted'}", file=sys.stderr)
        return 130
    except FloatingPointError as error:
        print(f"gancode: {error}", file=sys.stderr)
        return 1
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"gancode: {error}", file=sys.stderr)
        return 2
    except Exception:
        traceback.print_exc()
        return 70
    return 0


@contextlib.contextmanager
def _speaking():
    """Warnings and what is logged as one line each on stderr, in the words of a command; names of
    files that are no text are written with escapes."""

    def line(message, category, *place):
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
    warnings.formatwarning = line
    try:
        yield
    finally:
        warnings.formatwarning = usual
        log.setLevel(level)
        log.removeHandler(handler)


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
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
    for add in (_add_train, _add_sample, _add_evaluate, _add_analyze, _add_bench):
        add(commands)
    return top


def _add_train(commands):
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
  gancode train --resume --out runs/digits --seconds 600      go on, from 60 to 600
  torchrun --nproc-per-node 8 -m gancode.cli train --data photos/ --batch-size 512""",
    )
    add = command.add_argument
    add("--data", help="ring, grid, mnist-5k, mnist, fashion-mnist, or a folder of images; with "
        "--resume where its images are now")  # fmt: skip
    add("--out", type=Path, metavar="RUN", help="the run's folder (runs/DATA)")
    add("--resume", action="store_true", help="continue the run in --out, bit for bit")
    add(
        "--previous", action="store_true", help="with --resume: from the checkpoint before the last"
    )
    length = command.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="how many steps of the generator")
    length.add_argument("--seconds", type=float, help="or how long by the clock")

    group = command.add_argument_group("what is trained, where not as in the recipe")
    add = group.add_argument
    add("--objective", help="a name of the catalogue, or the critic's loss in a and b")
    add("--generator-loss", metavar="EXPRESSION", help="the generator's, beside an expression")
    add("--penalty", action="append", metavar="NAME=WEIGHT", help="r1, r2, wgan-gp, wgan-lp, "
        "dragan; r1=10..0.1 falls, r1=1@16 is lazy; several add up; none for none")  # fmt: skip
    add("--network", help="mlp, dcgan or residual")
    add("--conditional", action="store_true", help="digits on demand: condition on the labels")
    add("--batch-size", type=int, help="over all processes together")
    add("--lr", type=_number, help="a learning rate, or a schedule such as 1e-3..1e-5")
    add("--discriminator-steps", type=int, help="for each step of the generator")
    add("--clip", type=float, help="the largest norm of a gradient")
    add("--seed", type=int, help="what all randomness comes from (0)")
    add("--precision", choices=["fp32", "bf16"])
    add("--accumulate", type=int, metavar="PIECES", help="a batch in so many pieces: less memory")
    add("--compile", action="store_true", default=None, help="run the networks by torch.compile")

    group = command.add_argument_group("a folder of images")
    add = group.add_argument
    add("--size", type=int, help="pixels, 28, 32 or 64 (64)")
    add("--channels", type=int, choices=[1, 3], help="grey or colour (3)")
    add("--strict", action="store_true", help="refuse broken files instead of skipping them")
    add("--workers", type=int, default=0, help="processes that load images, where all take more "
        "than 1 GiB (0)")  # fmt: skip

    group = command.add_argument_group("what is seen and kept")
    add = group.add_argument
    add("--device", default="auto", help="cpu, cuda, ... (auto: a GPU where there is one, "
        "and under torchrun one for each process)")  # fmt: skip
    add("--measure", action="store_true", help="measure the quality with every row of the history")
    add("--log-every", type=int, metavar="STEPS", help="between rows of the history (100)")
    add("--save-every", type=int, default=1000, metavar="STEPS", help="between checkpoints (1000)")
    add("--sheet-every", type=int, default=1000, metavar="STEPS",
        help="between sheets of samples (1000); 0 for none")  # fmt: skip
    add("--tensorboard", action="store_true", help="write the history for TensorBoard as well")


def _train(options):
    from gancode import reports, runs
    from gancode.processes import Processes

    name = options.data
    out = options.out or (Path("runs") / Path(os.path.abspath(name)).name if name else None)
    if out is None:
        raise ValueError("give --data, or with --resume the run's folder: --out RUN")
    if options.previous and not options.resume:
        raise ValueError("--previous goes with --resume")
    named = {
        "objective": options.objective,
        "generator_loss": options.generator_loss,
        "penalties": [p for p in options.penalty if p != "none"] if options.penalty else None,
        "batch_size": options.batch_size,
        "lr": options.lr,
        "discriminator_steps": options.discriminator_steps,
        "clip": options.clip,
        "seed": options.seed,
        "precision": options.precision,
        "accumulate": options.accumulate,
        "compile": options.compile,
        "log_every": options.log_every,
        "steps": options.steps,
        "seconds": options.seconds,
    }
    training = {key: value for key, value in named.items() if value is not None}
    images = {"size": options.size, "channels": options.channels, "strict": options.strict or None}
    images = {key: value for key, value in images.items() if value is not None}
    if name is None and not options.resume:
        raise ValueError("give --data, or --resume for a run that has begun")
    if options.resume and (name is None or runs.begun(out)):  # the folder knows the rest
        settings = runs.changed(
            runs.read(out),
            name,
            network=options.network,
            conditional=options.conditional,
            images=images,
            training=training,
        )
    else:
        settings = runs.settings(
            name,
            network=options.network,
            conditional=options.conditional,
            images=images,
            training=training,
        )
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
        measure=runs.measure(settings) if options.measure else None,
        callback=callbacks,
        save_every=options.save_every,
        workers=options.workers,
    )
    if Processes().first:
        done = f"{run.history[-1]['step']} steps" if run.history else "no steps"
        pictures = f"{out / reports.SAMPLES}, {out / reports.CURVES}"
        print(f"{out}: {done}. Next: gancode evaluate {out}. Pictures: {pictures}")


def _add_sample(commands):
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
    add("folder", type=Path, metavar="RUN").complete = shtab.DIRECTORY
    add("-n", type=int, help="how many (10000; in one picture 64)")
    add("--out", default="samples.npz", help="where to, .npz, .npy, .csv, .png or FOLDER/ "
        "(samples.npz)")  # fmt: skip
    add("--label", type=int, help="of one class only (in turn)")
    add("--seed", type=int, default=0, help="what they are drawn from (0)")
    add("--sheet", type=Path, help="also a picture of the first 64")


def _sample(options):
    import numpy as np

    from gancode import reports, runs, samples

    if options.sheet and samples.ending(options.sheet) != ".png":
        raise ValueError(f"a sheet is a .png, and {options.sheet} is to be none")
    picture = samples.ending(options.out) == ".png"
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


def _add_evaluate(commands):
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
    add("folder", type=Path, metavar="RUN").complete = shtab.DIRECTORY
    add("-n", type=int, help="how many samples (2500 of a mixture, else 10000)")
    add("--seed", type=int, default=0, help="what they are drawn from (0)")
    add("--data", metavar="FOLDER", help="where the images of the run are now, if they have moved")
    add("--json", action="store_true", help="as JSON")


def _evaluate(options):
    from gancode import runs

    def numbers(estimate):
        return {"value": estimate.value, "error": estimate.error}

    def text(estimate):
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


def _add_analyze(commands):
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


def _analyze(options):
    from gancode.calculus import find_objective

    print(find_objective(options.objective, options.generator).report())


def _add_bench(commands):
    command = _command(
        commands,
        "bench",
        _bench,
        "measure speed and quality on this machine",
        "Measure gancode.train on this machine, beside loops that many have copied. overhead: what "
        "the engine adds to the barest loop (3 min). throughput: images a second (4 min). "
        "quality: Fréchet distance for time on MNIST (15 min). coverage: ring and grid over five "
        "seeds (10 min). Without a section, these four. compile: what torch.compile saves (5 min). "
        "Leave the machine alone meanwhile.",
        """examples:
  gancode bench overhead throughput --json speed.json
  GANCODE_DATA=~/datasets gancode bench quality
  gancode bench --stacked-mnist""",
    )
    add = command.add_argument
    add("sections", nargs="*", metavar="SECTION", help="overhead, throughput, quality, coverage, "
        "compile")  # fmt: skip
    add("--stacked-mnist", action="store_true", help="the 1000 modes of Stacked MNIST; 30 minutes")
    add("--json", type=Path, metavar="FILE", help="write the numbers there as well")


def _bench(options):
    from gancode.benchmarks import bench

    sections = options.sections + ["stacked-mnist"] * options.stacked_mnist
    bench.bench(sections or bench.SECTIONS, out=options.json)


def _number(text):
    """A number where it is one, so that 1e-3 and 0.001 are the same; else the text, a schedule."""
    try:
        return float(text)
    except ValueError:
        return text


def _device(name):
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"there is no device {name!r} here; give cpu, or auto") from error
    return name


def _command(commands, name, run, short, description, epilog):
    command = commands.add_parser(
        name,
        help=short,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    return command


if __name__ == "__main__":
    sys.exit(main())
