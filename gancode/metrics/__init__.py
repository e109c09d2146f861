"""Is it good? Distances between samples, and what a sample covers, each with its sampling error.

Samples and features are arrays or tensors of shape (n, d), or (n,) for d = 1; all is computed in
float64 on the CPU.
"""

from gancode.metrics.coverage import Modes, modes
from gancode.metrics.digits import DigitClassifier, digit_features
from gancode.metrics.estimate import Estimate
from gancode.metrics.features import (
    FrechetDistance,
    PrecisionRecall,
    frechet_distance,
    kernel_distance,
    precision_recall,
)
from gancode.metrics.transport import (
    Transport,
    gaussian_wasserstein,
    sliced_wasserstein,
    wasserstein,
)

__all__ = [
    "DigitClassifier",
    "Estimate",
    "FrechetDistance",
    "Modes",
    "PrecisionRecall",
    "Transport",
    "digit_features",
    "frechet_distance",
    "gaussian_wasserstein",
    "kernel_distance",
    "modes",
    "precision_recall",
    "sliced_wasserstein",
    "wasserstein",
]
