"""Training under `torchrun`, started by test_processes.py: `launched.py FOLDER RUN [RUN ...]`.

A run is one of RUNS; what each process has at its end is saved as FOLDER/RUN-RANK.pt.
"""

import os
import signal
import sys
from pathlib import Path

import torch
from torch import nn

import gancode
from gancode import networks
from gancode.training.augment import Augment, brightness

SHAPE = (1, 4, 4)
IMAGES = torch.randn(12, *SHAPE, generator=torch.Generator().manual_seed(5))
# What differs from process to process, and must not make the networks differ.
NOISY = {
    "network": {"batch_norm": True, "dropout": 0.3},
    "penalties": ["wgan-gp=1"],
    "out": "noisy",
    "save_every": 2,
    "steps": 8,
}
# The same with a condition, a term that has weights, and an augmentation that follows the
# discriminator.
FULL = {
    "full": True,
    "network": {"batch_norm": True, "dropout": 0.3},
    "penalties": ["wgan-gp=1"],
    "augment": Augment({"brightness": brightness}, "adaptive", images=100),
    "out": "full",
    "save_every": 2,
    "steps": 10,
}
RUNS = {
    "full": FULL,
    "killed": FULL | {"out": "killed", "kill": 5},
    "resumed": FULL | {"out": "killed", "resume": True},
    "plain": {"penalties": ["r1=1"], "steps": 6},
    "noisy": NOISY,
    "clip": {"constraints": ["clip=0.05"], "penalties": ["r1=1"], "steps": 6},
    "spectral": {"constraints": ["spectral"], "penalties": ["r1=1"], "steps": 6},
    "nan": {"steps": 6, "break_at": 3, "out": "nan"},
    "again": {"steps": 6, "out": "nan"},
    "small": {"steps": 6, "batch_size": 1},
    # The last batch of an epoch leaves one sample to each of two processes.
    "rest": {"steps": 6, "batch_size": 10, "network": {"batch_norm": True}},
}


class Given(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network, self.layer = network, nn.Linear(2, 1)

    def forward(self, x, given):
        return self.network(x + self.layer(given).view(-1, *[1] * (x.ndim - 1)))


class Reads(nn.Module):
    """A term: the condition, read from a sample."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(16, 2), nn.BatchNorm1d(2))

    def forward(self, seen):
        return (self.layers(seen.generated) - seen.condition[0]).square().mean()


def make_gan(rank, batch_norm=False, dropout=0.0):
    torch.manual_seed(rank)
    norm = nn.BatchNorm1d(8) if batch_norm else nn.Identity()
    generator = nn.Sequential(nn.Linear(3, 8), norm, nn.ReLU(), nn.Linear(8, 16))
    generator.append(nn.Unflatten(1, SHAPE))
    return gancode.GAN(generator, networks.mlp_discriminator(SHAPE, [8], dropout=dropout), 3)


def run_one(folder, rank, *, out=None, kill=None, break_at=None, network=(), full=False, **k):
    # Every process makes its own networks: training begins with those of the first.
    gan, data = make_gan(rank, **dict(network)), IMAGES
    if full:
        gan = gancode.GAN(Given(gan.generator), Given(gan.discriminator), 3, conditional=True)
        data = IMAGES, torch.randn(12, 2, generator=torch.Generator().manual_seed(6))
        k["generator_terms"] = {"reads": Reads()}
    shown = []  # what the discriminator of this process is shown

    def look(module, arguments):
        if module is not gan.discriminator:  # a copy, on trial
            return
        shown.append(arguments[0].detach().clone())
        if break_at is not None and rank == 1 and len(shown) == 2 * break_at - 1:
            return (arguments[0] * float("nan"),)

    def stop(step, run):
        if step == kill:
            os.kill(os.getpid(), signal.SIGKILL)

    gan.discriminator.register_forward_pre_hook(look)
    out = None if out is None else folder / out
    result = {}
    try:
        k = {"batch_size": 6, "log_every": 2} | k
        run = gancode.train(gan, data, callback=stop, out=out, **k)
        rows = [{k: v for k, v in row.items() if k != "images_per_second"} for row in run.history]
        result = {"averaged": run.averaged.state_dict(), "history": rows}
        result["terms"] = run.terms.state_dict()
    except (FloatingPointError, ValueError) as error:
        result["error"] = str(error)
    return result | {"gan": gan.state_dict(), "shown": shown}


if __name__ == "__main__":
    rank = int(os.environ.get("RANK", 0))
    folder, *names = sys.argv[1:]
    for name in names:
        result = run_one(Path(folder), rank, **RUNS[name])
        torch.save(result, Path(folder) / f"{name}-{rank}.pt")
