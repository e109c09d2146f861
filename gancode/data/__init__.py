"""Data to train on: densities known exactly, digits, and folders of images."""

from gancode.data.densities import GaussianMixture, gaussian, grid, mixture, ring
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
    "ring",
]
