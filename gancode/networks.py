"""Generators and discriminators."""

import itertools
import math
from functools import partial

from torch import nn

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


def _as_tuple(shape):
    return (shape,) if isinstance(shape, int) else tuple(shape)
