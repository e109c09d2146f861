"""Data to train on: densities known exactly, digits, letters, payments, images in folders."""

from gancode.data.accounts import payments
from gancode.data.densities import GaussianMixture, gaussian, grid, mixture, ring
from gancode.data.image_pairs import paired_images, unpaired_images
from gancode.data.images import fashion_mnist, image_folder, mnist, mnist_5k
from gancode.data.letters import Glyphs, glyphs

__all__ = [
    "GaussianMixture",
    "Glyphs",
    "fashion_mnist",
    "image_folder",
    "gaussian",
    "glyphs",
    "grid",
    "mixture",
    "mnist",
    "mnist_5k",
    "paired_images",
    "payments",
    "ring",
    "unpaired_images",
]
