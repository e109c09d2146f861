"""Kill a run with SIGKILL at random moments, resume it each time, and compare what comes of it, bit
for bit, with a run that was never stopped.

    python tools/kill.py [--kills 50] [--steps 400] [--longest 0.5] [--seed 0]

Nearly all of the time of this small run is spent in saving, so that many kills fall within a save.
Compared is all that the last checkpoints hold, but the clock: weights, averaged weights, states of
the optimisers, place in the data, random states, history; and history.jsonl. The exit code is 1
where anything differs. Needs a system with fork (Linux, macOS).
"""

import argparse
import importlib
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import nn

import gancode
from gancode import networks
from gancode.calculus import catalog
from gancode.training import checkpoint
from gancode.training.augment import Augment, brightness
from gancode.training.folder import Folder

CLOCK = ("images_per_second", "elapsed", "interval")
SHAPE = (1, 4, 4)


class Classes(nn.Module):
    """A term with weights of its own: which condition a generated sample has."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))

    def forward(self, seen):
        return (self.layers(seen.generated) - seen.condition[0]).square().mean()


class Given(nn.Module):
    """A network of x alone that is told a vector too."""

    def __init__(self, network):
        super().__init__()
        self.network, self.layer = network, nn.Linear(2, 1)

    def forward(self, x, given):
        return self.network(x + self.layer(given).view(-1, *[1] * (x.ndim - 1)))


class Noise(nn.Module):
    """Draws from Python and NumPy, as a module of a user may; dropout draws from torch."""

    def forward(self, x):
        return x + 0.1 * (random.random() + np.random.rand())


def train(folder, steps, save_every):
    """A run that draws from every source of randomness, with a condition, a term with weights and
    an augmentation, taken up where the folder has it."""
    torch.manual_seed(0)
    generator = networks.mlp_generator(3, SHAPE, (8,))
    generator.insert(1, nn.BatchNorm1d(8))
    generator.append(Noise())
    discriminator = networks.mlp_discriminator(SHAPE, (8,), dropout=0.3)
    draws = torch.Generator().manual_seed(5)
    return gancode.train(
        gancode.GAN(Given(generator), Given(discriminator), 3, conditional=True),
        (torch.rand(10, *SHAPE, generator=draws), torch.randn(10, 2, generator=draws)),
        generator_terms={"condition": (Classes(), "1..0.1")},
        augment=Augment({"brightness": brightness}, "adaptive", images=500),
        steps=steps,
        penalties=["r1=1..0.1", "wgan-gp=1@2"],
        lr="1e-3..1e-4",
        batch_size=4,
        discriminator_steps=2,
        log_every=3,
        out=folder,
        resume=True,
        save_every=save_every,
        progress=False,
    )


def killed(folder, steps, save_every, delay=None, from_first_save=False):
    """Train in a child process, and kill it after `delay` seconds, if one is given, from its start
    or from its first save.

    Returns None where it has come to its end before, else whether it was killed within a save.
    """
    fork = multiprocessing.get_context("fork")  # the child need not import anything
    saves = fork.RawValue("i", 0)  # begun and ended: odd within a save
    child = fork.Process(target=_child, args=(folder, steps, save_every, saves))
    child.start()
    while from_first_save and child.is_alive() and not saves.value:
        time.sleep(0.001)
    child.join(delay)
    if child.is_alive():
        os.kill(child.pid, signal.SIGKILL)
    child.join()
    if child.exitcode == -signal.SIGKILL:
        return bool(saves.value % 2)
    if child.exitcode:
        sys.exit(f"the run in {folder} ended with exit code {child.exitcode}, see above")
    return None


def _child(folder, steps, save_every, saves):
    save = Folder.save

    def counted(*arguments):
        saves.value += 1
        save(*arguments)
        saves.value += 1

    Folder.save = counted
    train(folder, steps, save_every)


def differences(one, other, name=""):
    """The names of what differs in two nested states, the clock left out."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        same = one.dtype == other.dtype and torch.equal(one, other)
        return [] if same else [name]
    if type(one) is not type(other):
        return [name]
    if isinstance(one, dict):
        keys = [key for key in {**one, **other} if key not in CLOCK]
        missing = [f"{name}.{key}" for key in keys if key not in one or key not in other]
        both = [key for key in keys if key in one and key in other]
        return missing + [d for k in both for d in differences(one[k], other[k], f"{name}.{k}")]
    if isinstance(one, (list, tuple)):
        if len(one) != len(other):
            return [f"{name} (length)"]
        pairs = enumerate(zip(one, other, strict=True))
        return [d for k, pair in pairs for d in differences(*pair, f"{name}[{k}]")]
    return [] if one == other else [name]


def content(folder):
    """All that a run has left behind."""
    lines = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
    state = checkpoint.load(checkpoint.saved(folder)[-1])
    return {"checkpoint": state, "history.jsonl": [json.loads(line) for line in lines]}


def _half_written(folder):
    """What saves that were cut short have left, with its times: one name may come again."""
    return {part.name: part.stat().st_mtime_ns for part in folder.glob("*.part")}


def main(arguments=None):
    """Kill until the count is reached, in as many runs as that takes; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--kills", type=int, default=50, help="how often (default 50)")
    parser.add_argument("--steps", type=int, default=400, help="the length of a run (default 400)")
    parser.add_argument(
        "--longest", type=float, default=0.5, help="seconds before a kill, at most (default 0.5)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # a fork does not take threads along
    # What takes seconds to import and to derive is done once, not in every child.
    importlib.import_module("accelerate")
    catalog["nonsaturating"].torch()
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    moments, count, differing = random.Random(options.seed), Counter(), []
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        whole = Path(temporary) / "whole"
        killed(whole, options.steps, options.steps)
        while count["kills"] < options.kills:
            folder = Path(temporary) / f"run {count['runs']}"
            while True:
                moment = {}
                if count["kills"] < options.kills:  # one in five also while it is starting
                    delay = moments.uniform(0, options.longest)
                    moment = {"delay": delay, "from_first_save": moments.random() > 0.2}
                before = _half_written(folder)
                within = killed(folder, options.steps, moments.randint(1, 3), **moment)
                if within is None:
                    break
                left = _half_written(folder).items() - before.items()
                count.update(kills=1, within=within, parts=bool(left))
            count["runs"] += 1
            differing += differences(content(whole), content(folder), folder.name)
    print(
        f"{count['kills']} kills in {count['runs']} runs of {options.steps} steps, "
        f"{count['within']} of them within a save, and {count['parts']} left a file half written; "
        f"{time.monotonic() - start:.0f} s"
    )
    if differing:
        print("not as in the run that was never stopped:", *differing[:20], sep="\n  ")
        return 1
    print("all as in the run that was never stopped, bit for bit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
