"""What one fixed classifier sees in images of digits."""

import functools
import importlib.resources
import warnings
from typing import Any

import torch
from torch import nn

from gancode.errors import DataRangeWarning, Refused


class DigitClassifier(nn.Module):
    """The network behind `digit_features`: images (n, 1, 28, 28) to features (n, 64) and logits
    (n, 10). `tools/digit_features.py` trains it.

    The features come out of a batch normalisation, so that each has mean 0 and variance 1 over
    MNIST's training set: a Fréchet distance between them is in units of these variances.
    """

    def __init__(self) -> None:
        super().__init__()

        def convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> Any:
            layer = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
            return layer, nn.BatchNorm2d(outputs), nn.ReLU()

        self.features = nn.Sequential(
            *convolution(1, 32, 5, stride=2),
            *convolution(32, 64, 3),
            nn.MaxPool2d(2),
            *convolution(64, 64, 3),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * 3 * 3, 64, bias=False),
            nn.BatchNorm1d(64, affine=False),
        )
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(64, 10))

    def forward(self, images: Any) -> Any:
        """Images, shape (n, 1, 28, 28), to features, shape (n, 64), and logits, shape (n, 10)."""
        features = self.features(images)
        return features, self.head(features)


def digit_features(images: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """What one fixed classifier sees in images of digits: features, shape (n, 64), and the
    probabilities of the classes 0 to 9, shape (n, 10), both float32.

    `images` has shape (n, 1, 28, 28) or (n, 28, 28) and values in [−1, 1], −1 the background. Its
    weights, the data they come from and their accuracy stand in `features/digits.safetensors`.
    Numbers from it compare with those of the same file alone. Raises ValueError for another shape,
    for values outside the range, and for NaN; a `gancode.DataRangeWarning` is for images without
    any value below 0, which look like digits from 0 to 1.
    """
    images = torch.as_tensor(images).detach().to("cpu", torch.float32)
    images = images[:, None] if images.ndim == 3 else images
    if images.shape[1:] != (1, 28, 28) or not len(images):
        raise Refused(
            f"images must have shape (n, 1, 28, 28) or (n, 28, 28), n > 0, not "
            f"{tuple(images.shape)}"
        )
    if not (images.abs() <= 1).all():  # so written, NaN fails as well
        raise Refused(
            f"images must have values in [−1, 1], not from {images.min():.3g} to "
            f"{images.max():.3g}; for bytes `images / 127.5 - 1`, for an open end `.clamp(-1, 1)`"
        )
    low, high = images.min().item(), images.max().item()
    if -0.1 * high <= low < high:  # a resized image overshoots
        warnings.warn(
            f"the images have values from {low:.3g} to {high:.3g}, and the classifier takes −1 for "
            "the background; if it is 0 here, give `2 * images - 1`",
            DataRangeWarning,
            stacklevel=2,
        )
    network = _digit_classifier()
    parts = [network(batch) for batch in images.split(500)]
    features, logits = (torch.cat(part) for part in zip(*parts, strict=True))
    return features, logits.softmax(dim=1)


@functools.cache
def _digit_classifier() -> DigitClassifier:
    from safetensors.torch import load

    path = importlib.resources.files("gancode") / "features" / "digits.safetensors"
    weights = load(path.read_bytes())
    with torch.device("meta"):  # drawing weights would move the global random state
        network = DigitClassifier()
    network.load_state_dict(
        {name: w.float() if w.is_floating_point() else w for name, w in weights.items()},
        assign=True,
    )
    return network.eval().requires_grad_(False)
