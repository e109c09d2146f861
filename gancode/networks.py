"""Generators and discriminators.

Images are (channels, height, width) with values in [−1, 1]. The convolutional networks of `pairs`
take square images of 28, 32 or 64 pixels and begin or end at 7, 4 or 4 pixels, so that each stage
halves or doubles exactly. `unet` and `patch_discriminator`, from image to image, take other sizes.
"""

import inspect
import itertools
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize

from gancode.errors import Refused, positive_integer

leaky_relu = partial(nn.LeakyReLU, 0.2)


def pair(
    name: str,
    latent_dim: int,
    shape: Any,
    *,
    classes: int | None = None,
    conditioning: str = "projection",
    spectral: bool = False,
    **options: Any,
) -> tuple[nn.Module, nn.Module]:
    """A generator and a discriminator that belong together; the keys of `pairs` are the names.

    Without `classes` they are called generator(z) and discriminator(x), with z (n, latent_dim), x
    `(n, *shape)` and logits (n,). With it they are called generator(z, y) and discriminator(x, y),
    where y has the labels, int64 of shape (n,) from 0 to classes − 1. The generator appends the
    one-hot label to the latent: its first layer, a linear one, then adds a learned vector for each
    class. The discriminator does as `conditioning` says:

    - "concatenation": it appends the one-hot label to what it sees (Mirza and Osindero 2014), to
      the flattened sample where it is an MLP, else to the image, as one constant plane a class.
      Beside hundreds of pixels an MLP is slow to heed these few inputs.
    - "projection": the logit is ψ(φ(x)) + ⟨v(y), φ(x)⟩, where ψ is the last, linear layer, φ all
      before it, and v(y) a learned vector for each class (Miyato and Koyama 2018).

    `spectral` applies `spectral_norm` to the discriminator, the matrix of all v(y) included. The
    options are those of the two functions `pairs[name]`, each for whichever of them has it;
    `hidden`, the widths of an MLP, is the generator's, and the discriminator has it reversed.

    Raises ValueError for an unknown name, conditioning or option, for `classes` that is not a
    positive integer, and as those functions do; conditional networks raise it for labels of another
    shape or type, and RuntimeError for those out of range.
    """
    if name not in pairs:
        raise Refused(f"unknown network {name!r}; the choices are {', '.join(pairs)}")
    if conditioning not in ("concatenation", "projection"):
        raise Refused(
            f"unknown conditioning {conditioning!r}; the choices are concatenation, projection"
        )
    if classes is not None and (not isinstance(classes, int) or classes < 1):
        raise Refused(f"classes={classes!r} must be a positive integer, or None for no labels")
    make_generator, make_discriminator = pairs[name]
    for_generator, for_discriminator = _options(make_generator), _options(make_discriminator)
    if unknown := options.keys() - for_generator - for_discriminator:
        raise Refused(
            f"the network {name!r} has no option {', '.join(sorted(unknown))}; its options are "
            f"{', '.join(sorted(for_generator | for_discriminator))}"
        )
    generator_options = {k: v for k, v in options.items() if k in for_generator}
    discriminator_options = {k: v for k, v in options.items() if k in for_discriminator}
    if "hidden" in options:
        discriminator_options["hidden"] = _widths(options["hidden"])[::-1]

    latent_dim = positive_integer("latent_dim", latent_dim)
    generator: nn.Module = make_generator(latent_dim + (classes or 0), shape, **generator_options)
    if classes is not None:
        generator = _Concatenated(generator, classes)
    if classes is not None and conditioning == "concatenation":
        planes = name != "mlp"
        seen, *rest = _as_tuple(shape) if planes else (math.prod(_as_tuple(shape)),)
        discriminator = make_discriminator((seen + classes, *rest), **discriminator_options)
        discriminator = _Concatenated(discriminator, classes, planes)
    else:
        discriminator = make_discriminator(shape, **discriminator_options)
        if classes is not None:
            discriminator = _Projected(discriminator, classes)
    return generator, spectral_norm(discriminator) if spectral else discriminator


def mlp(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: Any = leaky_relu,
    dropout: float = 0.0,
) -> nn.Sequential:
    """A multilayer perceptron from (n, inputs) to (n, outputs), linear at its end.

    Each width in `hidden` adds a linear layer, `activation()` and, where asked for, dropout.
    """
    hidden, dropout = _widths(hidden), _share(dropout)
    layers = []
    for fan_in, fan_out in itertools.pairwise([inputs, *hidden]):
        layers += [nn.Linear(fan_in, fan_out), activation()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, nn.Linear([inputs, *hidden][-1], outputs))


def mlp_generator(
    latent_dim: int,
    shape: Any,
    hidden: Sequence[int] = (256, 512),
    *,
    activation: Any = leaky_relu,
    sharpness: float = 0.0,
    extent: float = 1.0,
) -> nn.Sequential:
    """An MLP from latents (n, latent_dim) to samples `(n, *shape)`.

    `shape` is a number of coordinates, or the shape of an image. An image has values in [−1, 1],
    so its generator ends in tanh; one of points ends linearly, and is multiplied with `extent`, the
    size of the data.

    A positive `sharpness` is for data in clusters, which ask for a map that is nearly constant on
    each part of the latent space and jumps in between: the units are tanh, which saturate, and the
    latents are multiplied with it, so that the units begin closer to saturation.
    """
    shape, latent_dim = _sizes(shape), positive_integer("latent_dim", latent_dim)
    layers = mlp(
        latent_dim, hidden, math.prod(shape), activation=nn.Tanh if sharpness else activation
    )
    if sharpness:
        layers.insert(0, _Times(sharpness))
    if len(shape) > 1:
        layers.extend([nn.Tanh(), nn.Unflatten(1, shape)])
    elif extent != 1:
        layers.append(_Times(extent))
    return layers


def mlp_discriminator(
    shape: Any,
    hidden: Sequence[int] = (512, 256),
    *,
    activation: Any = leaky_relu,
    dropout: float = 0.0,
    fourier: bool = False,
    extent: float = 1.0,
) -> nn.Sequential:
    """An MLP from samples `(n, *shape)` to logits (n,).

    With `fourier` its first hidden layer is `FourierFeatures` of that width (rounded down to even),
    made for data of size `extent`: so it tells apart what lies close together. Raises ValueError
    where there is no hidden layer to be that.
    """
    inputs, features, hidden = math.prod(_sizes(shape)), [], _widths(hidden)
    if fourier:
        if not hidden or hidden[0] < 2:
            raise Refused(
                f"fourier takes a hidden layer of width 2 or more for its features, not {hidden=}"
            )
        features = [FourierFeatures(inputs, hidden[0] // 2, extent)]
        inputs, hidden = inputs + hidden[0] // 2 * 2, hidden[1:]
    layers = mlp(inputs, hidden, 1, activation=activation, dropout=dropout)
    return nn.Sequential(nn.Flatten(), *features, *layers, nn.Flatten(0))


class FourierFeatures(nn.Module):
    """x ↦ (x/e, sin(Bx/e), cos(Bx/e)) from (n, d) to (n, d + 2·count), for data of size e.

    B, of shape (count, d), is drawn from N(0, 6²) and stays: wavelengths around e. A network
    learns the coarse part of a function long before the fine; on these features the fine is coarse
    (Tancik et al. 2020).
    """

    def __init__(self, inputs: int, count: int, extent: float = 1.0):
        super().__init__()
        self.extent = extent
        self.frequencies: torch.Tensor
        self.register_buffer("frequencies", 6 * torch.randn(count, inputs))

    def forward(self, x: torch.Tensor) -> Any:
        x = x / self.extent
        phase = F.linear(x, self.frequencies)
        return torch.cat([x, phase.sin(), phase.cos()], dim=1)


class _Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * x


def dcgan_generator(
    latent_dim: int, shape: Any, channels: int = 64, *, upsample: str = "transpose"
) -> nn.Sequential:
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
        raise Refused(f"unknown upsample {upsample!r}; the choices are {', '.join(_DOUBLE)}")
    image_channels, coarsest, stages = _pyramid(shape)
    channels = positive_integer("channels", channels)
    latent_dim = positive_integer("latent_dim", latent_dim)
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


def dcgan_discriminator(
    shape: Any,
    channels: int = 64,
    *,
    dropout: float = 0.0,
    batch_norm: bool = False,
) -> nn.Sequential:
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
    channels, dropout = positive_integer("channels", channels), _share(dropout)
    widths = [image_channels, *(channels * 2**k for k in range(stages))]
    layers: list[nn.Module] = []
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

    def __init__(self, inputs: int, outputs: int):
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

    def forward(self, x: torch.Tensor) -> Any:
        return self.shortcut(x) + 0.1 * self.residual(x)


def residual_generator(latent_dim: int, shape: Any, channels: int = 64) -> nn.Sequential:
    """A residual generator after Mescheder et al. 2018: latents (n, latent_dim) to `(n, *shape)`.

    A linear layer makes the coarsest image; then, at each size, a `ResidualBlock` and doubling by
    nearest neighbour; at the full size one more block, a convolution and tanh. The width is
    `channels` at the full size and doubles with each halving, up to 4 · channels (the authors go
    further). There is no normalisation layer, so samples do not depend on one another.

    Instead the path from latent to image begins so that it keeps the size of the signal: the first
    layer and the shortcuts have weights N(0, 1/fan-in), the last, after leaky ReLU, has
    2/(1 + 0.2²) times that variance (He et al. 2015), and biases are 0. With PyTorch's default, a
    third of 1/fan-in, the latents move a pixel by less than 0.1. Trained from there on digits under
    R1, the output bias reached the black background before the latents mattered, tanh saturated,
    and the generator was left without a gradient.

    Raises ValueError for a shape that is no image of 28, 32 or 64 pixels.
    """
    image_channels, coarsest, widths = _residual_widths(shape, channels)
    widths.reverse()
    first = nn.Linear(positive_integer("latent_dim", latent_dim), widths[0] * coarsest**2)
    layers = [first, nn.Unflatten(1, (widths[0], coarsest, coarsest))]
    for inputs, outputs in itertools.pairwise(widths):
        layers += [ResidualBlock(inputs, outputs), nn.Upsample(scale_factor=2)]
    last = nn.Conv2d(channels, image_channels, 3, padding=1)
    layers += [ResidualBlock(channels, channels), leaky_relu(), last, nn.Tanh()]

    shortcuts = [layer.shortcut for layer in layers if isinstance(layer, ResidualBlock)]
    for layer in (first, *shortcuts):
        if not isinstance(layer, nn.Identity):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    nn.init.kaiming_normal_(last.weight, 0.2)
    nn.init.zeros_(first.bias)
    nn.init.zeros_(cast(torch.Tensor, last.bias))
    return nn.Sequential(*layers)


class UpsampleConv2d(nn.Conv2d):
    """Doubling by nearest neighbour, then a convolution, 3 × 3 with padding 1, in one operation.

    Maps (n, inputs, h, w) to (n, outputs, 2h, 2w); weights and their initial values are those of
    `nn.Conv2d(inputs, outputs, 3, padding=1)`. Among the nine pixels under the kernel, only four
    differ, since each was doubled. So the two layers are one transposed convolution of stride 2,
    whose 4 × 4 kernel is the kernel smeared over 2 × 2: four products in place of nine.
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True):
        super().__init__(inputs, outputs, 3, padding=1, bias=bias)

    def forward(self, x: torch.Tensor) -> Any:
        """Up to rounding, the convolution of `F.interpolate(x, scale_factor=2)`."""
        return F.conv_transpose2d(x, self.kernel(), self.bias, 2, padding=1)

    def kernel(self) -> torch.Tensor:
        """That of the transposed convolution, (inputs, outputs, 4, 4)."""
        box = self.weight.new_ones(1, 1, 2, 2)
        kernels = F.conv2d(self.weight.reshape(-1, 1, 3, 3), box, padding=1)
        kernels = kernels.reshape(*self.weight.shape[:2], 4, 4)
        # a transposed convolution scatters: channels change places, and the kernel is turned round
        return kernels.flip(2, 3).transpose(0, 1)


def residual_discriminator(shape: Any, channels: int = 64) -> nn.Sequential:
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


class _Skip(nn.Module):
    """x ↦ (x, f(x)), side by side along the channels."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.inner(x)], dim=1)


class _Together(nn.Module):
    """A network of images (n, channels, h, w) as one of several tensors, laid on one another along
    the channels: an image as it is, a vector (n, d) as d constant planes. One of a single tensor
    passes over all that comes after it."""

    def __init__(self, network: nn.Module, shapes: Sequence[tuple[int, ...]]) -> None:
        super().__init__()
        self.network, self.shapes = network, tuple(shapes)

    def forward(self, *given: torch.Tensor) -> Any:
        given = given[:1] if len(self.shapes) == 1 else given
        found = [tuple(x.shape[1:]) for x in given]
        if found != [*self.shapes]:
            raise Refused(
                f"the network takes {_listed(self.shapes)} of each sample, and was given "
                f"{_listed(found)}"
            )
        size = next(x.shape[2:] for x in given if x.ndim == 4)
        planes = [x if x.ndim == 4 else x[:, :, None, None].expand(-1, -1, *size) for x in given]
        return self.network(torch.cat(planes, dim=1))


class UNet(nn.Module):
    """What `unet` returns: called with latents (n, latent_dim) and images (n, channels, h, w)."""

    def __init__(self, network: nn.Module, shape: tuple[int, ...], latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.network = _Together(network, [shape, (latent_dim,)] if latent_dim else [shape])

    def forward(self, z: torch.Tensor, image: torch.Tensor) -> Any:
        return self.network(image, z) if self.latent_dim else self.network(image)


def unet(
    shape_in: Sequence[int],
    shape_out: Sequence[int] | None = None,
    channels: int = 64,
    *,
    latent_dim: int = 0,
    depth: int | None = None,
    dropout: float = 0.0,
) -> nn.Module:
    """A generator from images `(n, *shape_in)` to images `(n, *shape_out)`, by default of the same
    shape: the U-Net of Isola et al. 2017 (section 3.2.1), for `GAN(conditional=True)`.

    It halves the image `depth` times and doubles it as often; what stands before each halving is
    laid beside what comes back to that size, so detail need not pass through the coarsest image. By
    default `depth` is as often as both sides can be halved exactly, and leave 4 pixels. The widths
    are `channels`, then twice as many at each halving, up to 8 · channels. Convolutions have kernel
    4 and stride 2, as in `dcgan_generator`, whose weights they begin with. Leaky ReLU of slope 0.2
    stands before those that halve, ReLU before those that double, instance normalisation after all
    but the first, the coarsest and the last, so samples do not depend on one another; tanh ends it.

    It is called as generators are, with latents and the condition. With `latent_dim` = 0 it passes
    over the latents: one image has one translation, and `GAN(…, latent_dim=1)` will do. Otherwise
    each latent is laid on the image as a constant plane, and `latent_dim` is that of the GAN; under
    a loss such as L1 it learns to heed them little (section 3.1). With `dropout` the three coarsest
    doublings drop so many of their features in training, which is the paper's noise; the averaged
    generator, in eval mode, has none of it.

    Raises ValueError for shapes that are no images of one size, and for a `depth` that the sides
    cannot be halved.
    """
    channels = positive_integer("channels", channels)
    if latent_dim != 0:
        latent_dim = positive_integer("latent_dim", latent_dim)
    dropout = _share(dropout)
    depth = None if depth is None else positive_integer("depth", depth)
    shape_in = _image("shape_in", shape_in)
    shape_out = shape_in if shape_out is None else _image("shape_out", shape_out)
    if shape_in[1:] != shape_out[1:]:
        raise Refused(
            f"{shape_in=} and {shape_out=} must agree in height and width; enlarge or reduce the "
            "images that come in first, as with F.interpolate"
        )
    possible = _halvings(shape_in[1:], least=1)
    depth = _halvings(shape_in[1:], least=4) or possible if depth is None else depth
    if not 1 <= depth <= possible:
        raise Refused(
            f"images of {shape_in[1]} × {shape_in[2]} pixels can be halved exactly {possible} "
            f"times, so not {max(depth, 1)}; pad or resize them to multiples of a power of two"
        )
    widths = [channels * min(2**k, 8) for k in range(depth)]
    inner: list[nn.Module] = []  # what lies below the level, from the coarsest up
    for k in reversed(range(1, depth)):
        wide, narrow = widths[k], widths[k - 1]
        down = nn.Conv2d(narrow, wide, 4, stride=2, padding=1)
        below = [nn.InstanceNorm2d(wide), _Skip(nn.Sequential(*inner))] if inner else []
        up = nn.ConvTranspose2d(2 * wide if inner else wide, narrow, 4, stride=2, padding=1)
        inner = [leaky_relu(), down, *below, nn.ReLU(), up, nn.InstanceNorm2d(narrow)]
        if dropout and k >= depth - 3:
            inner.append(nn.Dropout(dropout))
    first = nn.Conv2d(shape_in[0] + latent_dim, channels, 4, stride=2, padding=1)
    last_in = 2 * channels if inner else channels
    last = nn.ConvTranspose2d(last_in, shape_out[0], 4, stride=2, padding=1)
    skip = [_Skip(nn.Sequential(*inner))] if inner else []
    network = nn.Sequential(first, *skip, nn.ReLU(), last, nn.Tanh())
    return UNet(network.apply(_initialise_as_dcgan), shape_in, latent_dim)


def patch_discriminator(
    shape: Sequence[int],
    *conditions: int | Sequence[int],
    channels: int = 64,
    depth: int = 3,
) -> nn.Module:
    """The discriminator of Isola et al. 2017 (section 3.2.2) that judges patches: images
    `(n, *shape)`, and the tensors of a condition, to logits (n, 1, h, w), one a patch.

    `conditions` are the shapes of the tensors of a condition: an image of the same size is laid on
    the one that is judged, of a vector each number as a constant plane. Without any it judges
    images alone, and passes over the condition of a conditional GAN, as CycleGAN's does. The losses
    are means over patches (`gancode.train` says what else is theirs): the image is judged as a
    texture.

    `depth` layers halve the image, two more keep it, all of kernel 4; the first makes `channels`
    channels, each after it twice as many, up to 8 · channels. A logit sees a square of 16, 34 or 70
    pixels at depth 1, 2 or 3: 3 is the paper's, for 256 pixels. Leaky ReLU of slope 0.2 stands
    after each but the last, and before it instance normalisation, but after the first; so a logit
    is of its sample alone, as a penalty needs it, though means and variances of the whole image
    reach it. Weights begin as in `dcgan_generator`.

    Raises ValueError for shapes that do not go together, and for images too small for the depth.
    """
    channels, depth = positive_integer("channels", channels), positive_integer("depth", depth)
    shape = _image("shape", shape)
    shapes = [_as_tuple(each) for each in conditions]
    for each in shapes:
        if len(each) not in (1, 3) or (len(each) == 3 and each[1:] != shape[1:]):
            raise Refused(
                f"a condition must be an image of {shape[1]} × {shape[2]} pixels, as the samples "
                f"are, or a vector; its shape is {each}"
            )
    if depth < 1 or min(shape[1:]) >> depth < 3:
        raise Refused(
            f"{depth=} must be at least 1, and leave 3 pixels of {shape[1]} × {shape[2]} when "
            "they are halved so often; choose another depth, or larger images"
        )
    widths = [channels * min(2**k, 8) for k in range(depth + 1)]
    seen = shape[0] + sum(each[0] for each in shapes)
    layers = [nn.Conv2d(seen, channels, 4, stride=2, padding=1), leaky_relu()]
    for k, (inputs, outputs) in enumerate(itertools.pairwise(widths), 1):
        stride = 2 if k < depth else 1
        layers.append(nn.Conv2d(inputs, outputs, 4, stride=stride, padding=1))
        layers += [nn.InstanceNorm2d(outputs), leaky_relu()]
    layers.append(nn.Conv2d(widths[-1], 1, 4, padding=1))
    network = nn.Sequential(*layers).apply(_initialise_as_dcgan)
    return _Together(network, [shape, *shapes])


class _Concatenated(nn.Module):
    """A network of x alone, (n, d + classes) or (n, channels + classes, h, w), as one of x and y.

    The one-hot label goes to a vector as it is, to an image as constant planes, and to an image
    without `planes` once it is flattened. A learned embedding in its place would say nothing more:
    the layer that reads a one-hot label is one.
    """

    def __init__(self, network: nn.Module, classes: int, planes: bool = False) -> None:
        super().__init__()
        self.network, self.classes, self.planes = network, classes, planes

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        label = _one_hot(y, self.classes, x)
        if self.planes:
            label = label[:, :, None, None].expand(-1, -1, *x.shape[2:])
        else:
            x = x.flatten(1)
        return self.network(torch.cat([x, label], dim=1))


class _Projected(nn.Module):
    """The projection discriminator made of one that ends in a linear layer and Flatten."""

    def __init__(self, discriminator: nn.Sequential, classes: int) -> None:
        super().__init__()
        *features, linear, _ = discriminator
        self.linear = cast(nn.Linear, linear)
        self.features, self.classes = nn.Sequential(*features), classes
        # Row y is v(y). As a linear layer rather than an embedding, it is one for spectral_norm.
        self.classwise = nn.Linear(self.linear.in_features, classes, bias=False)
        nn.init.normal_(self.classwise.weight, 0, self.linear.weight.square().mean().sqrt().item())

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        features = self.features(x)
        matching = self.classwise(features) * _one_hot(y, self.classes, x)
        return self.linear(features).flatten(0) + matching.sum(1)


def spectral_norm(module: nn.Module) -> nn.Module:
    """Divide the weight of every linear and convolutional layer by its largest singular value
    (Miyato et al. 2018), in place, and return the module.

    The weight is read as a matrix with one row an output channel. Each forward in train mode makes
    one step of power iteration, whose vectors are buffers; eval mode leaves them as they are. For a
    convolution this is not the norm of the map itself: in 2D, with a stride s that divides the
    kernel k, each pixel is seen up to (k/s)² times, so the norm of the map is at most k/s.

    Raises ValueError, before anything has changed, for a module without such a layer, and for one
    where a layer has it already, is lazy, or has a weight of zero, which has no direction to keep.
    """
    layers = [(name, layer) for name, layer in module.named_modules() if isinstance(layer, LINEAR)]
    if not layers:
        raise Refused(
            f"{type(module).__name__} has no linear or convolutional layer for spectral_norm to "
            "act on; give it a module that has one"
        )
    for name, layer in layers:
        if "weight" not in layer._parameters:  # but a tensor that is computed
            raise Refused(
                f"the layer {name or type(layer).__name__!r} has a parametrised weight already; "
                "apply spectral_norm once, to a module as it was made"
            )
        if isinstance(layer.weight, nn.UninitializedParameter):
            raise Refused(
                f"the layer {name or type(layer).__name__!r} is lazy, so its weight has no shape "
                "yet; run the module once, then apply spectral_norm"
            )
        if not layer.weight.any():
            raise Refused(
                f"the weight of the layer {name or type(layer).__name__!r} is zero, and so is its "
                "largest singular value, which spectral_norm divides by; draw the weight at random"
            )
    for _, layer in layers:
        parametrizations.spectral_norm(layer)
    return module


def is_spectral(layer: nn.Module) -> bool:
    """Whether the weight of a layer is divided by its largest singular value already."""
    return parametrize.is_parametrized(layer, "weight") and any(
        isinstance(each, parametrizations._SpectralNorm)
        for each in cast(nn.ModuleDict, layer.parametrizations)["weight"].children()
    )


pairs: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "mlp": (mlp_generator, mlp_discriminator),
    "dcgan": (dcgan_generator, dcgan_discriminator),
    "residual": (residual_generator, residual_discriminator),
}

LINEAR = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)


def _options(make: Callable) -> set[str]:
    return inspect.signature(make).parameters.keys() - {"latent_dim", "shape"}


def _one_hot(y: torch.Tensor, classes: int, x: torch.Tensor) -> torch.Tensor:
    """The labels y of the samples x as (n, classes), in the type of x."""
    if y.shape != x.shape[:1] or y.dtype != torch.int64:
        raise Refused(
            f"the labels have shape {tuple(y.shape)} and type {y.dtype}; for {len(x)} samples they "
            f"must be integers from 0 to {classes - 1} of shape ({len(x)},) and type torch.int64"
        )
    return F.one_hot(y, classes).to(x.dtype)


def _transpose(inputs: int, outputs: int, bias: bool) -> list[nn.Module]:
    return [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)]


def _nearest(inputs: int, outputs: int, bias: bool) -> list[nn.Module]:
    return [UpsampleConv2d(inputs, outputs, bias=bias)]


_DOUBLE = {"transpose": _transpose, "nearest": _nearest}
_COARSEST = {28: 7, 32: 4, 64: 4}  # the size a stack of halvings ends at


def _pyramid(shape: Sequence[int]) -> tuple[int, int, int]:
    """The channels of an image, its coarsest size, and how many doublings lead from that to it."""
    shape = _as_tuple(shape)
    if len(shape) != 3 or shape[0] < 1 or shape[1] != shape[2] or shape[1] not in _COARSEST:
        raise Refused(
            f"shape={shape} must be (channels, height, width) with at least one channel and with "
            "height = width = 28, 32 or 64; resize or pad the images to one of these sizes, or use "
            "an MLP, which takes any"
        )
    channels, size, _ = shape
    return channels, _COARSEST[size], (size // _COARSEST[size]).bit_length() - 1


def _image(name: str, shape: Any) -> tuple[int, ...]:
    """The shape of an image, as a tuple."""
    found = _as_tuple(shape)
    if len(found) != 3 or not _are_sizes(found):
        raise Refused(f"{name}={found} must be (channels, height, width), each at least 1")
    return found


def _halvings(sides: Sequence[int], least: int) -> int:
    """How often all sides can be halved exactly and leave so many pixels."""
    count = 0
    while all(side % 2 ** (count + 1) == 0 and side >> (count + 1) >= least for side in sides):
        count += 1
    return count


def _listed(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(map(str, shapes)) or "nothing"


def _residual_widths(shape: Sequence[int], channels: int) -> tuple[int, int, list[int]]:
    """The channels of an image, its coarsest size, and the width at each size from its own down."""
    image_channels, coarsest, stages = _pyramid(shape)
    channels = positive_integer("channels", channels)
    return image_channels, coarsest, [channels * min(2**k, 4) for k in range(stages + 1)]


def _initialise_as_dcgan(module: nn.Module) -> None:
    """Weights as in Radford et al. 2016, section 4; scales and biases as in the authors' code."""
    if isinstance(module, (*LINEAR, nn.BatchNorm2d)):
        mean = 1.0 if isinstance(module, nn.BatchNorm2d) else 0.0
        nn.init.normal_(module.weight, mean, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _as_tuple(shape: int | Sequence[int]) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _sizes(shape: Any) -> tuple[int, ...]:
    """A shape whose sides are positive integers."""
    try:
        sides = (shape,) if hasattr(shape, "__index__") else tuple(shape)
    except TypeError:
        sides = ()
    if not sides or not _are_sizes(sides):
        raise Refused(
            f"{shape=} must be a number of coordinates or the shape of an image, (channels, "
            "height, width), each a positive integer"
        )
    return tuple(map(int, sides))


def _are_sizes(sides: Sequence[Any]) -> bool:
    return all(hasattr(side, "__index__") and side > 0 for side in sides)


def _widths(hidden: Any) -> tuple[int, ...]:
    """The widths of hidden layers, positive integers."""
    try:
        found = tuple(hidden)
    except TypeError:
        raise Refused(f"{hidden=} must be a sequence of widths, such as (256, 512)") from None
    return tuple(positive_integer("a width in hidden", width) for width in found)


def _share(dropout: Any) -> float:
    if not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
        raise Refused(f"{dropout=} must be a share, at least 0 and below 1")
    return dropout
