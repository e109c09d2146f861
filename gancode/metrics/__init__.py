"""Is it good? Distances between samples, and what a sample covers, each with its sampling error.

Samples and features are arrays or tensors of shape (n, d), or (n,) for d = 1; all is computed in
float64 on the CPU.
"""

from gancode.metrics.coverage import Modes, modes
from gancode.metrics.digits import DigitClassifier, digit_features
from gancode.metrics.discrepancy import (
    cramer_distance,
    energy_distance,
    maximum_mean_discrepancy,
)
from gancode.metrics.estimate import Estimate
from gancode.metrics.features import (
    FrechetDistance,
    PrecisionRecall,
    frechet_distance,
    kernel_distance,
    precision_recall,
)
from gancode.metrics.ranking import ROC, alarm_threshold, auroc, hanley_mcneil, roc_curve
from gancode.metrics.transport import (
    EntropicTransport,
    Transport,
    entropic_transport,
    gaussian_entropic_transport,
    gaussian_sinkhorn_divergence,
    gaussian_wasserstein,
    sinkhorn_divergence,
    sliced_wasserstein,
    wasserstein,
)

__all__ = [
    "ROC",
    "DigitClassifier",
    "EntropicTransport",
    "Estimate",
    "FrechetDistance",
    "Modes",
    "PrecisionRecall",
    "Transport",
    "alarm_threshold",
    "auroc",
    "cramer_distance",
    "digit_features",
    "energy_distance",
    "entropic_transport",
    "frechet_distance",
    "gaussian_entropic_transport",
    "gaussian_sinkhorn_divergence",
    "gaussian_wasserstein",
    "hanley_mcneil",
    "kernel_distance",
    "maximum_mean_discrepancy",
    "modes",
    "precision_recall",
    "roc_curve",
    "sinkhorn_divergence",
    "sliced_wasserstein",
    "wasserstein",
]
