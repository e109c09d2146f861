"""Inversion: the latent whose sample comes closest to an image, by search, by an encoder, by both.

A generator draws, and does not say what it would draw a given image from. Search descends from
random latents to one whose sample is close; an encoder is a network that has learned from pairs
(G(z), z) to guess it; and a search that begins at the guess has the advantages of both
(Zhu et al. 2016, Generative visual manipulation on the natural image manifold, section 3).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from gancode import networks, randomness
from gancode.data.sources import ANY
from gancode.errors import Refused, WrongType, finite, positive_integer
from gancode.training import ranges
from gancode.training.adam import adam
from gancode.training.progress import on_a_terminal
from gancode.training.run import GAN, Run
from gancode.training.trial import copied

WAYS = ("search", "encoder", "both")
AT_ONCE = 500  # images that are searched for side by side


@dataclass(frozen=True)
class Inversion:
    """What `invert` has found for n images.

    `latents` has shape (n, latent_dim), `samples`, what the generator draws from them, the shape of
    the images, and `residuals`, shape (n,), is the mean square over all coordinates of the image
    less its sample, also where the search compared features.
    """

    latents: torch.Tensor
    samples: torch.Tensor
    residuals: torch.Tensor


def invert(
    run: Run | GAN,
    images: torch.Tensor,
    *,
    by: str = "search",
    labels: Any = None,
    conditions: Any = None,
    encoder: nn.Module | None = None,
    starts: int = 4,
    steps: int = 200,
    lr: float = 0.1,
    prior: float = 0.0,
    features: Callable[[torch.Tensor], torch.Tensor] | None = None,
    seed: int = 0,
) -> Inversion:
    """For each of the images (n, ...) the latent z whose sample comes closest, by one of WAYS.

    - "search": Adam descends mean‖φ(G(z)) − φ(x)‖² + prior · mean z² from `starts` standard normal
      latents, for `steps` steps at a rate that falls from `lr` to 0 along a cosine, and the best
      point of all paths is kept. Means are over coordinates; φ is `features`, any function of
      images with a gradient and one tensor (n, ...) for its result, such as a network, or the
      pixels themselves. The prior is minus the logarithm of the density of z, up to scale: large
      latents are where the generator was never trained.
    - "encoder": z is what `encoder` makes of the image, a module from (n, ...) to (n, latent_dim),
      of which a copy in eval mode is asked; by default the one that `fit_encoder` trains with the
      same seed.
    - "both": the search, with the encoder's latent for its first start. So with as many starts as
      one it is the search from there.

    The search is not convex: other starts may end elsewhere, and none need be the closest sample.
    A generator of classes is told the `labels` of the images, one number or (n,), and one of any
    other condition the `conditions`. Of a `Run` it is the averaged generator, of a GAN the raw one,
    in eval mode, and neither is changed. The same seed has the same result; the global random state
    is left as it was.

    Raises `Refused` for images of another shape, with NaN or outside of what the generator can
    make, for what has no latent, for conditions that are missing, and for settings out of range.
    """
    given, generator = _known(run)
    images = _images(images)
    condition = _conditions(given, len(images), labels, conditions)
    device = next(given.gan.parameters()).device
    with randomness.kept(device):
        _check(given.gan, generator, images, condition)
        _check_settings(by, encoder, lr, prior)
        starts, steps = positive_integer("starts", starts), positive_integer("steps", steps)
        *_, stream = randomness.streams(seed)
        torch.manual_seed(stream)
        images = images.to(next(generator.parameters()))
        first = torch.randn(len(images), starts, given.gan.latent_dim, device="cpu").to(images)
        if by != "search":
            encoder = fit_encoder(run, seed=seed) if encoder is None else encoder
            first[:, 0] = _guessed(encoder, images, given.gan.latent_dim)
        found = []
        pieces = (x.split(AT_ONCE) for x in (images, first, *condition))
        for x, z, *y in zip(*pieces, strict=True):
            if by == "encoder":
                found.append(z[:, 0])
            else:
                found.append(_search(generator, x, z, y, steps, lr, prior, features or _pixels))
        latents = torch.cat(found)
        with torch.no_grad():
            drawn = zip(*(x.split(AT_ONCE) for x in (latents, *condition)), strict=True)
            samples = torch.cat([generator(*piece) for piece in drawn])
    return Inversion(latents, samples, (samples - images).square().flatten(1).mean(1))


def fit_encoder(
    run: Run | GAN,
    network: nn.Module | None = None,
    *,
    hidden: Sequence[int] = (256, 256),
    steps: int = 1000,
    batch_size: int = 64,
    lr: float = 1e-3,
    pixels: float = 1.0,
    seed: int = 0,
) -> nn.Module:
    """A network from images to latents, trained on pairs (G(z), z) that the generator draws: no
    image is needed. It is returned in eval mode.

    It minimises mean (E(G(z)) − z)² + pixels · mean (G(E(G(z))) − G(z))² by Adam, at a rate that
    falls along a cosine. The first term alone leads to the mean of all z that draw an image; where
    these are several, the mean need not be one of them, and the second term asks for one that is.
    `network` is an untrained module from (n, ...) to (n, latent_dim), by default an MLP with the
    widths `hidden`. A conditional generator draws under its conditions in turn; the encoder sees
    the image alone. Raises `Refused` as `invert` does.
    """
    given, generator = _known(run)
    steps, batch_size = positive_integer("steps", steps), positive_integer("batch_size", batch_size)
    lr, pixels = finite("lr", lr, positive=True), finite("pixels", pixels)
    if given.gan.condition == ANY and not given.conditions:
        raise Refused(
            "an encoder is trained under the conditions of a run, and a GAN alone has none: give "
            "the Run, or an encoder of your own"
        )
    every = max(batch_size, given.gan.classes or 0, *map(len, given.conditions))
    pool = given._condition(every, None, None)
    device = next(given.gan.parameters()).device
    *_, stream = randomness.streams(seed)
    with randomness.kept(device):
        torch.manual_seed(stream)
        pool = [c.to(device) for c in pool]
        sample = generator(given.gan.latents(batch_size), *(c[:batch_size] for c in pool))
        if network is None:
            entries = sample[0].numel()
            perceptron = networks.mlp(entries, hidden, given.gan.latent_dim)
            network = nn.Sequential(nn.Flatten(), perceptron).to(sample)
        _module(network)
        with torch.no_grad():
            shape = _shape(network(sample))
        if shape != (batch_size, given.gan.latent_dim):
            raise Refused(
                f"the encoder makes {shape} of images for latents "
                f"{(batch_size, given.gan.latent_dim)}; give one whose last layer has that width"
            )
        encoder = network.train()

        def loss(step: int) -> torch.Tensor:
            turn = (step * batch_size + torch.arange(batch_size, device=device)) % every
            condition = [c[turn] for c in pool]
            z = given.gan.latents(batch_size)
            x = generator(z, *condition)
            guess = encoder(x)
            missed = (guess - z).square().mean()
            if not pixels:
                return missed
            return missed + pixels * (generator(guess, *condition) - x).square().mean()

        return _descended(encoder, loss, steps=steps, lr=lr, falling=True)


def _descended(
    encoder: nn.Module,
    loss: Callable[[int], torch.Tensor],
    *,
    steps: int,
    lr: float,
    falling: bool = False,
    progress: bool = False,
    kept: Any = None,
) -> nn.Module:
    """An encoder, in eval mode, that has taken `steps` steps of Adam down the `loss`, a function of
    the step, from 0. The rate is `lr`, or `falling` from there to 0 along a cosine. With `progress`
    a bar is shown on stderr. FloatingPointError where the loss is NaN or infinite. What is `kept`
    says where an earlier call has stopped, by `begin`, and is told of every step, by `after`.
    """
    weights = [each for each in encoder.parameters() if each.requires_grad]
    if not weights:
        raise Refused("the encoder has no weights that learn; give one that has")
    optimiser = adam(weights, lr)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps) if falling else None
    every = 0.1 if on_a_terminal() else 30.0
    begun = 0 if kept is None else kept.begin(encoder, optimiser)
    bar = {"initial": begun, "total": steps, "disable": not progress, "mininterval": every}
    for step in tqdm(range(begun, steps), "encoder", **bar):
        value = loss(step)
        if not torch.isfinite(value):
            raise FloatingPointError(f"step {step + 1}: the encoder's loss is {value.item()}")
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        if rate is not None:
            rate.step()
        if kept is not None:
            kept.after(step + 1, encoder, optimiser)
    return encoder.eval()


def _search(
    generator: nn.Module,
    images: torch.Tensor,
    first: torch.Tensor,
    condition: Sequence[torch.Tensor],
    steps: int,
    lr: float,
    prior: float,
    features: Callable,
) -> torch.Tensor:
    """The best latents (n, d) on the paths that begin at `first`, (n, starts, d)."""
    n, starts, d = first.shape
    with torch.no_grad():
        target = features(images)
        if not torch.is_tensor(target) or target.ndim < 2 or len(target) != n:
            raise Refused(
                f"features make {_shape(target)} of {n} images; give a function whose result is "
                f"one tensor ({n}, ...)"
            )
        target = target.repeat_interleave(starts, 0)
    given = [y.repeat_interleave(starts, 0) for y in condition]
    z = first.reshape(n * starts, d).clone().requires_grad_()
    best, least = z.detach().clone(), torch.full((n * starts,), math.inf).to(z)
    optimiser = adam([z], lr)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps + 1):  # the last one looks, and does not step
        with torch.enable_grad():
            apart = (features(generator(z, *given)) - target).square().flatten(1).mean(1)
            loss = apart + prior * z.square().mean(1)
            if step < steps:
                optimiser.zero_grad()
                loss.sum().backward(inputs=[z])  # and none of the weights of a network of features
        better = loss.detach() < least
        least = torch.where(better, loss.detach(), least)
        best = torch.where(better[:, None], z.detach(), best)
        if step < steps:
            optimiser.step()
            falling.step()
    chosen = least.reshape(n, starts).argmin(1)
    return best.reshape(n, starts, d)[torch.arange(n, device=z.device), chosen]


def _shape(made: Any) -> Any:
    return tuple(made.shape) if torch.is_tensor(made) else type(made).__name__


def _module(encoder: Any) -> None:
    if not isinstance(encoder, nn.Module):
        raise WrongType(f"an encoder must be a torch.nn.Module, not {type(encoder).__name__}")


def _pixels(x: torch.Tensor) -> torch.Tensor:
    return x


def _known(run: Any) -> tuple[Run, nn.Module]:
    """A run, and a copy of its generator that is frozen and in eval mode."""
    if isinstance(run, GAN):
        run = Run(run, run.generator)
    if not isinstance(run, Run):
        raise WrongType(
            f"{type(run).__name__} has no latent that is known here: give a gancode.Run or a "
            "gancode.GAN(generator, discriminator, latent_dim)"
        )
    if not any(True for _ in run.averaged.parameters()):
        raise Refused("the generator has no parameters: it takes one that could be trained")
    return run, copied(run.averaged, "generator").eval().requires_grad_(False)


def _images(images: Any) -> torch.Tensor:
    if not torch.is_tensor(images) or not images.is_floating_point():
        kind = images.dtype if torch.is_tensor(images) else type(images).__name__
        raise WrongType(
            f"images must be a tensor of floating point numbers, not {kind}; for bytes "
            "`torch.as_tensor(x) / 127.5 - 1`"
        )
    if not images.ndim or not len(images):
        raise Refused(f"there is no image to invert: the shape is {tuple(images.shape)}")
    if not images.isfinite().all():
        raise Refused("images have values that are NaN or infinite; remove them")
    return images.detach()


def _conditions(run: Run, n: int, labels: Any, conditions: Any) -> Sequence[torch.Tensor]:
    if run.gan.classes is not None and labels is None:
        raise Refused("the generator draws by class: give the labels of the images, labels=…")
    if run.gan.condition == ANY and conditions is None:
        raise Refused(
            "the generator draws under a condition: give those of the images, conditions=…"
        )
    device = next(run.gan.parameters()).device
    return [c.to(device) for c in run._condition(n, labels, conditions)]


def _check(
    gan: GAN, generator: nn.Module, images: torch.Tensor, condition: Sequence[torch.Tensor]
) -> None:
    """Refuse images that the generator cannot make, and a generator that hears no latent."""
    few = [c[:16] for c in condition]
    z = gan.latents(min(16, len(images)), torch.Generator().manual_seed(0)).requires_grad_()
    with torch.enable_grad():
        made = generator(z, *few)
        if made.shape[1:] != images.shape[1:]:
            raise Refused(
                f"images have shape {tuple(images.shape[1:])} and the generator's samples "
                f"{tuple(made.shape[1:])}; bring the images to that"
            )
        slope = None
        if made.requires_grad:
            (slope,) = torch.autograd.grad(made.sum(), z, allow_unused=True)
    if slope is None:
        raise Refused(
            "the generator's samples do not depend on its latent, so there is none to find: it "
            "takes a generator that draws from z"
        )
    low, high = ranges.attainable(generator, z.detach(), few)
    margin = 0.01 * (high - low) if math.isfinite(high - low) else 0.0
    if images.min() < low - margin or images.max() > high + margin:
        scaled = "; for bytes `x / 127.5 - 1`" if (low, high) == (-1, 1) else ""
        raise Refused(
            f"images have values from {images.min():.4g} to {images.max():.4g} and the generator "
            f"makes those from {low:.4g} to {high:.4g}; bring the images to that range{scaled}"
        )


def _check_settings(by: str, encoder: Any, lr: float, prior: float) -> None:
    if by not in WAYS:
        raise Refused(f"unknown way by={by!r}; the choices are {', '.join(WAYS)}")
    if encoder is not None and by == "search":
        raise Refused("the search uses no encoder: ask for by='both', or leave the encoder out")
    finite("lr", lr, positive=True)
    finite("prior", prior)


@torch.no_grad()
def _guessed(encoder: nn.Module, images: torch.Tensor, latent_dim: int) -> torch.Tensor:
    _module(encoder)
    encoder = copied(encoder, "encoder").eval().to(images)
    guess = [encoder(x) for x in images.split(AT_ONCE)]
    shape = _shape(torch.cat(guess) if all(map(torch.is_tensor, guess)) else guess[0])
    if shape != (len(images), latent_dim):
        raise Refused(
            f"the encoder makes {shape} of the images, and the latents have shape "
            f"{(len(images), latent_dim)}; give one that was made for this generator"
        )
    latents = torch.cat(guess)
    if not latents.isfinite().all():
        raise Refused("the encoder makes latents that are NaN or infinite; train it again")
    return latents
