"""What gancode is measured against, written from a description of it.

The first four are the programs that most PyTorch code on GANs descends from, with their networks,
losses, optimisers, batch size and loader. They are kept as they are, weak points included: a
transform a picture, BCE on probabilities, a fourth argument that sets eps where momentum was meant.
The last, `barest`, is what is left of `gancode.train` when all but its mathematics is taken away.
"""

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import softplus
from torch.utils.data import DataLoader, Dataset

import gancode
from gancode import networks

LATENT_DIM, BATCH = 100, 64


class Digits(Dataset):
    """Images and labels as torchvision's MNIST hands them out: each a PIL image, transformed alone.

    `images`, float (n, 1, 28, 28) in [−1, 1], are kept as bytes.
    """

    def __init__(self, images: torch.Tensor, size: int) -> None:
        from torchvision import transforms

        self.bytes = ((images[:, 0] + 1) * 127.5).round().byte()
        self.transform = transforms.Compose(
            [transforms.Resize(size), transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
        )

    def __len__(self) -> int:
        return len(self.bytes)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.bytes[index].numpy())), 0


@dataclass
class Outcome:
    """A trained generator of images of `size` pixels, the real images it saw, and the time."""

    generator: nn.Module
    size: int
    images: int
    seconds: float

    def sample(self, n: int, train: bool = True) -> torch.Tensor:
        """n images, (n, 1, 28, 28), in batches as in training; in eval mode with train=False."""
        self.generator.train(train)
        with torch.no_grad():
            batches = [
                self.generator(torch.randn(BATCH, LATENT_DIM)) for _ in range(-(-n // BATCH))
            ]
        images = torch.cat(batches)[:n]
        return nn.functional.interpolate(images, 28, mode="bilinear", antialias=True).clamp(-1, 1)


def mlp_generator() -> nn.Sequential:
    """100-128-256-512-1024-784, batch normalisation with eps 0.8 after the hidden layers 2 to 4."""
    widths = [LATENT_DIM, 128, 256, 512, 1024]
    layers = []
    for k, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
        norm = [nn.BatchNorm1d(outputs, 0.8)] if k else []
        layers += [nn.Linear(inputs, outputs), *norm, nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(1024, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28)))


def mlp_discriminator() -> nn.Sequential:
    """784-512-256-1, to logits (n, 1)."""
    hidden = [nn.Linear(784, 512), nn.LeakyReLU(0.2), nn.Linear(512, 256), nn.LeakyReLU(0.2)]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(256, 1))


def conv_generator(fused: bool = False) -> nn.Sequential:
    """A linear layer to 128 × 8 × 8, two blocks that upsample and convolve, to 32 pixels.

    Fused, it is the same function: the upsampling is done by the convolution after it.
    """

    def block(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
        doubled: tuple[nn.Module, nn.Module]
        if fused:
            doubled = nn.Identity(), networks.UpsampleConv2d(inputs, outputs)
        else:
            doubled = nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, padding=1)
        return *doubled, nn.BatchNorm2d(outputs, 0.8), nn.LeakyReLU(0.2)

    return nn.Sequential(
        nn.Linear(LATENT_DIM, 128 * 8 * 8),
        nn.Unflatten(1, (128, 8, 8)),
        nn.BatchNorm2d(128),
        *block(128, 128),
        *block(128, 64),
        nn.Conv2d(64, 1, 3, padding=1),
        nn.Tanh(),
    ).apply(_small_weights)


def conv_discriminator() -> nn.Sequential:
    """Four convolutions of stride 2 with dropout of whole channels, to logits (n, 1)."""
    layers = []
    for inputs, outputs in ((1, 16), (16, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.LeakyReLU(0.2), nn.Dropout2d(0.25)]
        if inputs > 1:
            layers.append(nn.BatchNorm2d(outputs, 0.8))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 2 * 2, 1)).apply(_small_weights)


def gan(images: torch.Tensor, **until: Any) -> Outcome:
    """The MLP program: BCE on probabilities."""
    discriminator = nn.Sequential(mlp_discriminator(), nn.Sigmoid())
    return _alternate(mlp_generator(), discriminator, nn.BCELoss(), images, 28, until)


def dcgan(images: torch.Tensor, **until: Any) -> Outcome:
    """The convolutional program: BCE on probabilities, 32 pixels."""
    discriminator = nn.Sequential(conv_discriminator(), nn.Sigmoid())
    return _alternate(conv_generator(), discriminator, nn.BCELoss(), images, 32, until)


def lsgan(images: torch.Tensor, **until: Any) -> Outcome:
    """The same convolutional networks with least squares (Mao et al. 2017)."""
    return _alternate(conv_generator(), conv_discriminator(), nn.MSELoss(), images, 32, until)


def wgan_gp(images: torch.Tensor, **until: Any) -> Outcome:
    """The MLPs as WGAN with a gradient penalty of weight 10 (Gulrajani et al. 2017), five steps of
    the critic for one of the generator."""
    generator, critic = mlp_generator(), mlp_discriminator()
    generator_adam, critic_adam = _adam(generator), _adam(critic)

    def step(k: int, real: torch.Tensor) -> Any:
        fake = generator(torch.randn(len(real), LATENT_DIM))
        weight = torch.rand(len(real), 1, 1, 1)
        between = (weight * real + (1 - weight) * fake.detach()).requires_grad_(True)
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        penalty = (slope.flatten(1).norm(2, dim=1) - 1).square().mean()
        loss = critic(fake.detach()).mean() - critic(real).mean() + 10 * penalty
        critic_adam.zero_grad()
        loss.backward()
        critic_adam.step()
        if k % 5 == 0:
            generator_adam.zero_grad()
            (-critic(generator(torch.randn(len(real), LATENT_DIM))).mean()).backward()
            generator_adam.step()
        return loss.item()

    return _loop(step, generator, images, 28, **until)


programs = {"gan.py": gan, "dcgan.py": dcgan, "lsgan.py": lsgan, "wgan_gp.py": wgan_gp}


def _alternate(
    generator: nn.Module,
    discriminator: nn.Module,
    criterion: nn.Module,
    images: torch.Tensor,
    size: int,
    until: dict,
) -> Outcome:
    """A step of the generator, then one of the discriminator on the same generated batch."""
    generator_adam, discriminator_adam = _adam(generator), _adam(discriminator)

    def step(k: int, real: torch.Tensor) -> Any:
        valid, invalid = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        generator_adam.zero_grad()
        fake = generator(torch.randn(len(real), LATENT_DIM))
        generator_loss = criterion(discriminator(fake), valid)
        generator_loss.backward()
        generator_adam.step()

        discriminator_adam.zero_grad()
        real_loss = criterion(discriminator(real), valid)
        fake_loss = criterion(discriminator(fake.detach()), invalid)
        loss = (real_loss + fake_loss) / 2
        loss.backward()
        discriminator_adam.step()
        return generator_loss.item(), loss.item()

    return _loop(step, generator, images, size, **until)


def _loop(
    step: Callable[[int, torch.Tensor], Any],
    generator: nn.Module,
    images: torch.Tensor,
    size: int,
    *,
    seconds: float | None = None,
    steps: int | None = None,
) -> Outcome:
    """Epochs over the loader, until so many seconds or steps have passed."""
    loader = DataLoader(Digits(images, size), batch_size=BATCH, shuffle=True)
    done, seen, start = 0, 0, time.perf_counter()
    while True:
        for real, _ in loader:
            step(done, real)
            done, seen = done + 1, seen + len(real)
            elapsed = time.perf_counter() - start
            if done == steps or (seconds is not None and elapsed >= seconds):
                return Outcome(generator, size, seen, elapsed)


def _adam(network: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))


def _small_weights(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)


def barest(
    gan: gancode.GAN,
    images: torch.Tensor,
    steps: int,
    *,
    r1: float = 0.0,
    warm_up: int = 0,
    seed: int = 0,
) -> tuple[nn.Module, float]:
    """The mathematics of `gancode.train(gan, images, steps=steps, seed=seed)`, with
    penalties=[f"r1={r1}"] where r1 is positive, and nothing else: no checks, no history.

    Returns the averaged generator and the seconds that the steps after the first `warm_up` took.
    """
    rng = gancode.seed(seed)
    generator, discriminator = gan.generator, gan.discriminator
    gan.train()
    averaged = copy.deepcopy(generator).eval().requires_grad_(False)
    weights = list(generator.parameters())
    generator_adam = torch.optim.Adam(weights, 2e-4, (0.5, 0.999), fused=True)
    discriminator_adam = torch.optim.Adam(
        discriminator.parameters(), 2e-4, (0.5, 0.999), fused=True
    )
    order: Iterator[torch.Tensor] = iter(())
    start = time.perf_counter()
    for step in range(1, steps + 1):
        index = next(order, None)
        if index is None:
            order = iter(torch.randperm(len(images), generator=rng).split(BATCH))
            index = next(order)
        real = images[index]
        generated = generator(torch.randn(len(real), gan.latent_dim, generator=rng))
        both = torch.cat([real, generated.detach()])
        logits_real, logits_generated = discriminator(both).chunk(2)
        loss = softplus(-logits_real).mean() + softplus(logits_generated).mean()
        if r1:
            x = real.requires_grad_(True)
            (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
            loss = loss + r1 / 2 * gradient.square().sum() / len(x)
        discriminator_adam.zero_grad()
        loss.backward()
        discriminator_adam.step()

        loss = softplus(-discriminator(generated)).mean()
        generator_adam.zero_grad()
        loss.backward(inputs=weights)
        generator_adam.step()

        decay = min(0.999, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, weight in zip(averaged.parameters(), weights, strict=True):
                mean.lerp_(weight, 1 - decay)
            for copied, buffer in zip(averaged.buffers(), generator.buffers(), strict=True):
                copied.copy_(buffer)
        if step == warm_up:
            start = time.perf_counter()
    return averaged, time.perf_counter() - start
