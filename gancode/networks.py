"""Generators and discriminators.

Images are (channels, height, width) with values in [−1, 1]. The convolutional networks take square
images of 28, 32 or 64 pixels and begin or end at 7, 4 or 4 pixels, so that each stage halves or
doubles exactly.
"""

import itertools
import math
from functools import partial

from torch import nn
from torch.nn.utils import parametrizations, parametrize

leaky_relu = partial(nn.LeakyReLU, 0.2)


def mlp(inputs, hidden, outputs, *, activation=leaky_relu, dropout=0.0):
    """A multilayer perceptron from (n, inputs) to (n, outputs), linear at its end.

    Each width in `hidden` adds a linear layer, `activation()` and, where asked for, dropout.
    """
    layers = []
    for fan_in, fan_out in itertools.pairwise([inputs, *hidden]):
        layers += [nn.Linear(fan_in, fan_out), activation()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear([inputs, *hidden][-1], outputs))


def mlp_generator(latent_dim, shape, hidden=(256, 512), *, activation=leaky_relu):
    """An MLP from latents (n, latent_dim) to samples `(n, *shape)`.

    `shape` is a number of coordinates, or the shape of an image. An image has values in [−1, 1],
    so its generator ends in tanh; one of points ends linearly.
    """
    shape = _as_tuple(shape)
    layers = mlp(latent_dim, hidden, math.prod(shape), activation=activation)
    if len(shape) > 1:
        layers.extend([nn.Tanh(), nn.Unflatten(1, shape)])
    return layers


def mlp_discriminator(shape, hidden=(512, 256), *, activation=leaky_relu, dropout=0.0):
    """An MLP from samples `(n, *shape)` to logits (n,)."""
    inputs = math.prod(_as_tuple(shape))
    layers = mlp(inputs, hidden, 1, activation=activation, dropout=dropout)
    return nn.Sequential(nn.Flatten(), *layers, nn.Flatten(0))


def dcgan_generator(latent_dim, shape, channels=64, *, upsample="transpose"):
    """The convolutional generator of Radford et al. 2016: latents (n, latent_dim) to `(n, *shape)`.

    A linear layer makes the coarsest image, 7 × 7 for 28 pixels and 4 × 4 for 32 and 64, and each
    stage after it doubles the size and halves the width, down to `channels` before the last. Batch
    normalisation and ReLU stand before every stage; the last ends in tanh.

    `upsample` is "transpose", a transposed convolution of kernel 4 and stride 2, or "nearest",
    which repeats each pixel and convolves with kernel 3. The paper's kernel is 5: its stride does
    not divide it, so neighbouring pixels are covered unequally often and a checkerboard shows. With
    4 all are covered equally often, but for the border; a kernel can still learn a checkerboard,
    and "nearest" makes that harder (Odena et al. 2016).

    Weights begin as N(0, 0.02²), biases at 0 and batch normalisation's scales as N(1, 0.02²).
    Raises ValueError for an unknown `upsample`, and for a shape that is no image of 28, 32 or 64
    pixels.
    """
    if upsample not in _DOUBLE:
        raise ValueError(f"unknown upsample {upsample!r}; the choices are {', '.join(_DOUBLE)}")
    image_channels, coarsest, stages = _pyramid(shape)
    widths = [channels * 2**k for k in reversed(range(stages))]
    # Batch normalisation would subtract a bias again, so only the last stage has one.
    layers = [
        nn.Linear(latent_dim, widths[0] * coarsest**2, bias=False),
        nn.Unflatten(1, (widths[0], coarsest, coarsest)),
    ]
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.BatchNorm2d(inputs), nn.ReLU(), *_DOUBLE[upsample](inputs, outputs, False)]
    layers += [nn.BatchNorm2d(channels), nn.ReLU()]
    layers += [*_DOUBLE[upsample](channels, image_channels, True), nn.Tanh()]
    return nn.Sequential(*layers).apply(_initialise_as_dcgan)


def dcgan_discriminator(shape, channels=64, *, dropout=0.0, batch_norm=False):
    """The convolutional discriminator of Radford et al. 2016: samples `(n, *shape)` to logits (n,).

    Each stage halves the size with a convolution of kernel 4 and stride 2, then leaky ReLU of slope
    0.2, then dropout where asked for; the first makes `channels` channels, each other doubles them.
    A linear layer reads the logit off the coarsest image, 7 × 7 for 28 pixels, 4 × 4 for 32 and 64.

    The paper has batch normalisation after every convolution but the first; here it is off unless
    asked for. With it a logit depends on the whole batch, and a gradient penalty, which asks for
    the slope of D at each sample alone, measures something else (Gulrajani et al. 2017, section 4).

    Weights begin as in `dcgan_generator`. Raises ValueError for a shape that is no image of 28, 32
    or 64 pixels.
    """
    image_channels, coarsest, stages = _pyramid(shape)
    widths = [image_channels, *(channels * 2**k for k in range(stages))]
    layers = []
    for k, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        normalised = batch_norm and k > 0
        layers.append(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=not normalised))
        if normalised:
            layers.append(nn.BatchNorm2d(outputs))
        layers.append(leaky_relu())
        if dropout:
            layers.append(nn.Dropout(dropout))
    layers += [nn.Flatten(), nn.Linear(widths[-1] * coarsest**2, 1), nn.Flatten(0)]
    return nn.Sequential(*layers).apply(_initialise_as_dcgan)


class ResidualBlock(nn.Module):
    """x ↦ s(x) + 0.1 · f(x) from (n, inputs, h, w) to (n, outputs, h, w), as in the code of
    Mescheder et al. 2018.

    f is leaky ReLU and a 3 × 3 convolution, twice; s is the identity, or a 1 × 1 convolution where
    the widths differ. The factor 0.1 lets a deep stack begin near s, so it needs no normalisation.
    """

    def __init__(self, inputs, outputs):
        super().__init__()
        hidden = min(inputs, outputs)
        self.shortcut = (
            nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)
        )
        self.residual = nn.Sequential(
            leaky_relu(),
            nn.Conv2d(inputs, hidden, 3, padding=1),
            leaky_relu(),
            nn.Conv2d(hidden, outputs, 3, padding=1),
        )

    def forward(self, x):
        return self.shortcut(x) + 0.1 * self.residual(x)


def residual_generator(latent_dim, shape, channels=64):
    """A residual generator after Mescheder et al. 2018: latents (n, latent_dim) to `(n, *shape)`.

    A linear layer makes the coarsest image; then, at each size, a `ResidualBlock` and doubling by
    nearest neighbour; at the full size one more block, a convolution and tanh. The width is
    `channels` at the full size and doubles with each halving, up to 4 · channels (the authors go
    further). There is no normalisation layer, so samples do not depend on one another.

    Raises ValueError for a shape that is no image of 28, 32 or 64 pixels.
    """
    image_channels, coarsest, widths = _residual_widths(shape, channels)
    widths.reverse()
    layers = [
        nn.Linear(latent_dim, widths[0] * coarsest**2),
        nn.Unflatten(1, (widths[0], coarsest, coarsest)),
    ]
    for inputs, outputs in itertools.pairwise(widths):
        layers += [ResidualBlock(inputs, outputs), nn.Upsample(scale_factor=2)]
    layers += [ResidualBlock(channels, channels), leaky_relu()]
    layers += [nn.Conv2d(channels, image_channels, 3, padding=1), nn.Tanh()]
    return nn.Sequential(*layers)


def residual_discriminator(shape, channels=64):
    """A residual discriminator after Mescheder et al. 2018: samples `(n, *shape)` to logits (n,).

    The mirror of `residual_generator`: a convolution and a `ResidualBlock` at the full size; then,
    at each size, the mean over 2 × 2 pixels and a block; at the coarsest a linear layer. (The
    authors average over 3 × 3, which their stride of 2 does not divide.) There is no normalisation
    layer, so every logit is of its sample alone, as a gradient penalty needs it.

    Raises ValueError for a shape that is no image of 28, 32 or 64 pixels.
    """
    image_channels, coarsest, widths = _residual_widths(shape, channels)
    layers = [nn.Conv2d(image_channels, channels, 3, padding=1), ResidualBlock(channels, channels)]
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.AvgPool2d(2), ResidualBlock(inputs, outputs)]
    layers += [leaky_relu(), nn.Flatten(), nn.Linear(widths[-1] * coarsest**2, 1), nn.Flatten(0)]
    return nn.Sequential(*layers)


def spectral_norm(module):
    """Divide the weight of every linear and convolutional layer by its largest singular value
    (Miyato et al. 2018), in place, and return the module.

    The weight is read as a matrix with one row an output channel. Each forward in train mode makes
    one step of power iteration, whose vectors are buffers; eval mode leaves them as they are. For a
    convolution this is not the norm of the map itself: in 2D, with a stride s that divides the
    kernel k, each pixel is seen up to (k/s)² times, so the norm of the map is at most k/s.

    Raises ValueError, before anything has changed, for a module without such a layer, and for one
    where a layer has it already.
    """
    layers = [(name, layer) for name, layer in module.named_modules() if isinstance(layer, _LINEAR)]
    if not layers:
        raise ValueError(
            f"{type(module).__name__} has no linear or convolutional layer for spectral_norm to "
            "act on; give it a module that has one"
        )
    for name, layer in layers:
        if parametrize.is_parametrized(layer, "weight"):
            raise ValueError(
                f"the layer {name or type(layer).__name__!r} has a parametrised weight already; "
                "apply spectral_norm once, to a module as it was made"
            )
    for _, layer in layers:
        parametrizations.spectral_norm(layer)
    return module


_LINEAR = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)


def _transpose(inputs, outputs, bias):
    return [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)]


def _nearest(inputs, outputs, bias):
    return [nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)]


_DOUBLE = {"transpose": _transpose, "nearest": _nearest}
_COARSEST = {28: 7, 32: 4, 64: 4}  # the size a stack of halvings ends at


def _pyramid(shape):
    """The channels of an image, its coarsest size, and how many doublings lead from that to it."""
    shape = _as_tuple(shape)
    if len(shape) != 3 or shape[0] < 1 or shape[1] != shape[2] or shape[1] not in _COARSEST:
        raise ValueError(
            f"shape={shape} must be (channels, height, width) with at least one channel and with "
            "height = width = 28, 32 or 64; resize or pad the images to one of these sizes, or use "
            "an MLP, which takes any"
        )
    channels, size, _ = shape
    return channels, _COARSEST[size], (size // _COARSEST[size]).bit_length() - 1


def _residual_widths(shape, channels):
    """The channels of an image, its coarsest size, and the width at each size from its own down."""
    image_channels, coarsest, stages = _pyramid(shape)
    return image_channels, coarsest, [channels * min(2**k, 4) for k in range(stages + 1)]


def _initialise_as_dcgan(module):
    """Weights as in Radford et al. 2016, section 4; scales and biases as in the authors' code."""
    if isinstance(module, (*_LINEAR, nn.BatchNorm2d)):
        mean = 1.0 if isinstance(module, nn.BatchNorm2d) else 0.0
        nn.init.normal_(module.weight, mean, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _as_tuple(shape):
    return (shape,) if isinstance(shape, int) else tuple(shape)
