"""Data to train on: densities known exactly, digits, and images in one folder or in two."""

from gancode.data.densities import GaussianMixture, gaussian, grid, mixture, ring
from gancode.data.image_pairs import paired_images, unpaired_images
from gancode.data.images import fashion_mnist, image_folder, mnist, mnist_5k

__all__ = [
    "GaussianMixture",
    "fashion_mnist",
    "image_folder",
    "gaussian",
    "grid",
    "mixture",
    "mnist",
    "mnist_5k",
    "paired_images",
    "ring",
    "unpaired_images",
]
