"""Train the classifier behind `gancode.metrics.digit_features`, and write its weights.

    GANCODE_DATA=FOLDER python tools/digit_features.py

FOLDER holds MNIST as torchvision keeps it; it is only read. Writes
`gancode/features/digits.safetensors`: the weights in float16, and in the metadata what made them.
It takes a minute or two on two cores. Another machine may round otherwise, so the file is
committed; a new one makes all the distances measured before incomparable.
"""

import json
import os
import platform
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import torch
from safetensors.torch import save
from torch.nn.functional import cross_entropy, pad

import gancode
from gancode.metrics import DigitClassifier

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "gancode" / "features" / "digits.safetensors"
COMMAND = "GANCODE_DATA=FOLDER python tools/digit_features.py"
LEAST_ACCURACY = 0.99
MOST_BYTES = 500_000
SEED, EPOCHS, BATCH, RATE = 0, 2, 128, 4e-3


def mnist(folder):
    """The images, float32 of shape (n, 1, 28, 28) in [−1, 1], and labels of both parts of MNIST."""
    from torchvision.datasets import MNIST

    # torchvision unpacks beside the archives, and those may be read-only.
    with tempfile.TemporaryDirectory() as copy:
        target = Path(copy) / "MNIST" / "raw"
        target.mkdir(parents=True)
        for archive in (Path(folder) / "MNIST" / "raw").glob("*.gz"):
            shutil.copyfile(archive, target / archive.name)
        parts = [MNIST(copy, train=train, download=True) for train in (True, False)]
    return [(part.data[:, None].float() / 127.5 - 1, part.targets) for part in parts]


def shifted(images, generator, most=2):
    """Each image moved by up to so many pixels either way, with background where it came from."""
    n, _, height, width = images.shape
    canvas = pad(images, [most] * 4, value=-1.0)
    down, right = torch.randint(2 * most + 1, (2, n), generator=generator)
    rows = (down[:, None] + torch.arange(height))[:, :, None]
    columns = (right[:, None] + torch.arange(width))[:, None, :]
    return canvas[torch.arange(n)[:, None, None], 0, rows, columns][:, None]


def trained(images, labels, epochs=EPOCHS):
    """The classifier, with the normalisation of its layers that of the images as they are."""
    generator = gancode.seed(SEED)
    # Channels last halves the time of a convolution on a CPU.
    network = DigitClassifier().to(memory_format=torch.channels_last)
    batches = -(-len(images) // BATCH)
    adam = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, total_steps=epochs * batches)
    for epoch in range(epochs):
        total = 0.0
        for index in torch.randperm(len(images), generator=generator).split(BATCH):
            _, logits = network(shifted(images[index], generator))
            loss = cross_entropy(logits, labels[index], label_smoothing=0.05)
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
            total += loss.item() * len(index)
        print(f"epoch {epoch + 1}: loss {total / len(images):.4f}", flush=True)
    _normalise(network, images)
    return network.eval()


@torch.no_grad()
def _normalise(network, images):
    for layer in network.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            layer.reset_running_stats()
            layer.momentum = None  # the plain mean over all the batches
    network.train()
    for batch in images.split(1000):
        network(batch)


@torch.no_grad()
def accuracy(network, images, labels):
    """The share of images whose largest logit is that of their label."""
    logits = torch.cat([network(batch)[1] for batch in images.split(1000)])
    return (logits.argmax(1) == labels).double().mean().item()


def main():
    """Train, test what was rounded for storage, and write it."""
    if "GANCODE_DATA" not in os.environ:
        sys.exit(f"the environment variable GANCODE_DATA must name the folder of MNIST: {COMMAND}")
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(2)  # the order of a sum depends on it
    train, test = mnist(os.environ["GANCODE_DATA"])
    network = trained(*train)
    weights = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(weights)  # rounded: what readers will have
    measured = accuracy(network, *test)
    print(f"test accuracy {measured:.4f}")
    if measured < LEAST_ACCURACY:
        sys.exit(f"the test accuracy must be at least {LEAST_ACCURACY}; nothing was written")
    content = save(
        weights,
        metadata={
            "content": "weights of gancode.metrics.DigitClassifier",
            "command": COMMAND,
            "data": f"MNIST, trained on {len(train[0])} images and tested on {len(test[0])} others",
            "test_accuracy": f"{measured:.4f}",
            "seed": str(SEED),
            "epochs": str(EPOCHS),
            "versions": json.dumps(
                {"python": platform.python_version(), "torch": torch.__version__}
            ),
            "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
            "date": datetime.now(UTC).date().isoformat(),
        },
    )
    if len(content) > MOST_BYTES:
        sys.exit(f"the file would have {len(content)} bytes, more than {MOST_BYTES}")
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_bytes(content)
    print(f"{len(content)} bytes written to {FILE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
