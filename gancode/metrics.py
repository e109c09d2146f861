"""Is it good? Distances between samples, and what a sample covers, each with its sampling error.

Samples and features are arrays or tensors of shape (n, d), or (n,) for d = 1; all is computed in
float64 on the CPU. Optimal transport is POT's; this module fixes what goes in and what comes out.
"""

import functools
import importlib.resources
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from gancode.ranges import DataRangeWarning

_GROUPS = 25  # of a jackknife: its standard error is itself known to about 1/√48 = 14 %
_FEWEST = 25  # points: the deviation of so many is known as well as that
_BLOCK = 2**22  # distances held at once: 32 MiB


@dataclass(frozen=True)
class Estimate:
    """A number measured on samples, and its standard error; `float()` gives the number."""

    value: float
    error: float

    def __float__(self):
        return self.value

    def __str__(self):
        return f"{self.value:.4g} ± {self.error:.2g}"


@dataclass(frozen=True)
class Modes:
    """What samples cover of a mixture: `covered` of `total` modes, the share of the samples of
    high quality, and the reverse KL divergence in nats beside `perfect_reverse_kl`, the one that
    a perfect sampler of as many samples has on average."""

    covered: int
    total: int
    high_quality: Estimate
    reverse_kl: Estimate
    perfect_reverse_kl: float


@dataclass(frozen=True)
class PrecisionRecall:
    """The share of generated samples that look real, and of real ones that could be generated."""

    precision: Estimate
    recall: Estimate


@dataclass(frozen=True)
class FrechetDistance(Estimate):
    """A squared distance, its standard error, and its `bias`: `value − bias` is corrected."""

    bias: float


@dataclass(frozen=True)
class Transport:
    """The cheapest way to move weights onto weights.

    `distance` is the Wasserstein distance, the root of order k of the cost, and `error` its
    standard error. `plan`, shape (n, m), says how much of each point goes to each; its row and
    column sums are the weights. `potentials` are the two dual functions u (n,) and v (m,) with
    u[i] + v[j] ≤ ‖x[i] − y[j]‖ᵏ, whose weighted sums add up to the cost: the proof that no plan is
    cheaper.
    """

    distance: float
    error: float
    plan: np.ndarray
    potentials: tuple[np.ndarray, np.ndarray]


def wasserstein(x, y, order: int = 1, weights=(None, None)) -> Transport:
    """The exact Wasserstein distance of an order between two sets of points, by linear programming.

    `x` and `y` are arrays or tensors of shapes (n, d) and (m, d), or (n,) and (m,) on the line.
    `weights` holds for each None where its points are a sample, all of equal weight, and where they
    are the distribution itself their weights, non-negative with sum 1.

    The standard error is that of the samples; a distribution adds none. That of the cost is
    √(Var u/n + Var v/m) with the dual potentials u and v (del Barrio and Loubes 2019 for order 2;
    del Barrio, González-Sanz and Loubes 2024 above 1), and that of its root follows by the delta
    method. It takes the potentials for unique, as they are at orders above 1 between densities of
    connected support. At order 1 they need not be, nor between modes far apart, and where the two
    distributions are the same nothing is left to first order: there it is an upper one (by the
    inequality of Efron and Stein), for normal points and for rings of modes by 1.1 to 1.6 times. Of
    25 points it is too small, by a tenth at order 2 and a fifth at 3. It does not know of the bias:
    the distance of samples is too high, the more so the fewer they are and the more coordinates
    they have, and never zero between two samples of one density. Compare only distances of equal n
    and m.

    Costs memory of n·m numbers and time of about their product times its logarithm. Raises
    ValueError for points that do not match or are not finite, for samples of fewer than 25, and for
    weights that are no distribution.
    """
    x, y = _pair("x", x, "y", y)
    if not order > 0:
        raise ValueError(f"the order must be positive, not {order}")
    masses = [_weights(*pair) for pair in zip("xy", weights, (x, y), strict=True)]
    for name, points, given in zip("xy", (x, y), weights, strict=True):
        if given is None:
            _enough(name, points)
    cost = np.empty((len(x), len(y)))
    rows = max(1, _BLOCK // max(1, y.size))
    for k in range(0, len(x), rows):  # a difference has d numbers for each of the cost
        cost[k : k + rows] = np.linalg.norm(x[k : k + rows, None] - y[None], axis=2) ** order
    plan, log = _pot().emd(*masses, cost, log=True, numItermax=10_000_000)
    if log["warning"]:
        raise RuntimeError(f"the linear program was not solved: {log['warning']}")
    total, potentials = max(float(log["cost"]), 0.0), (log["u"], log["v"])
    samples = [u for u, given in zip(potentials, weights, strict=True) if given is None]
    error = _root_error(total, order, sum(map(_mean_variance, samples)))
    return Transport(total ** (1 / order), error, plan, potentials)


def sliced_wasserstein(x, y, order: int = 2, projections: int = 200, seed: int = 0) -> Estimate:
    """The sliced Wasserstein distance of an order between two sets of points: the root of order k
    of the mean, over directions θ, of Wₖᵏ between the points projected on θ (Bonneel et al. 2015).

    The directions are uniform on the sphere and drawn from `seed`. The standard error is that of
    the directions and of the points, whose part is that of `wasserstein` with the mean of the
    potentials over the directions (Rodríguez-Vítores, del Barrio and Loubes 2025); where the two
    distributions are the same it is too large, by up to 1.5 times. The distance is too high here as
    well, but by a part that more coordinates do not make larger. Shapes are (n, d) and (m, d).
    Raises ValueError for points that do not match or are not finite, for fewer than 25, for fewer
    than 2 projections, and for an order below 1.
    """
    x, y = _pair("x", x, "y", y)
    if not order >= 1:
        raise ValueError(f"the order must be at least 1, not {order}")
    _enough("x", x)
    _enough("y", y)
    if projections < 2:
        raise ValueError(f"a standard error takes at least 2 projections, not {projections}")
    value, log = _pot().sliced_wasserstein_distance(
        x, y, n_projections=projections, p=order, seed=seed, log=True
    )
    costs, lines = log["projected_emds"], [points @ log["projections"] for points in (x, y)]
    variance = _mean_variance(costs)
    for pair in (lines, lines[::-1]):
        potentials = _line_potentials(*pair, order)
        # What a point adds in a direction, beside what it adds in all, is in the costs already.
        twice = potentials.var(axis=1, ddof=1).mean() / projections
        variance += max(potentials.mean(1).var(ddof=1) - twice, 0) / len(potentials)
    return Estimate(float(value), _root_error(costs.mean(), order, variance))


def gaussian_wasserstein(mean, covariance, other_mean, other_covariance) -> float:
    """W₂ between two normal distributions; its square is the Fréchet distance
    ‖m − m′‖² + tr(S + S′ − 2·(S^½ S′ S^½)^½) (Dowson and Landau 1982).

    Means have shape (d,), covariances (d, d), symmetric and positive semidefinite. Raises
    ValueError where they do not match or are not.
    """
    means = [_points("a mean", m)[:, 0] for m in (mean, other_mean)]
    covariances = [np.atleast_2d(_numbers(c)[0]) for c in (covariance, other_covariance)]
    for m, c in zip(means, covariances, strict=True):
        if c.shape != (len(m), len(m)) or len(m) != len(means[0]):
            raise ValueError(
                f"means of shape (d,) go with covariances of shape (d, d), not {m.shape} with "
                f"{c.shape}"
            )
        if not np.allclose(c, c.T) or np.linalg.eigvalsh(c)[0] < -1e-10 * np.abs(c).max():
            raise ValueError("a covariance must be symmetric and positive semidefinite")
    squared_shift = np.sum((means[0] - means[1]) ** 2)
    # ‖A^½ B^½‖₊ is the trace of the root: its singular values need no root of a product.
    roots = [_root(c) for c in covariances]
    overlap = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    squared = squared_shift + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * overlap
    return float(np.sqrt(max(squared, 0.0)))


def frechet(real_features, generated_features) -> FrechetDistance:
    """The Fréchet distance of features (Heusel et al. 2017): W₂² between the normal distributions
    of their means and (unbiased) covariances. By custom it is the *squared* distance.

    Shapes are (n, d) and (m, d). The estimate is too high by a term of order 1/n + 1/m, which can
    exceed the distance itself: compare only values of equal n and m, or corrected ones. Standard
    error and bias are those of a jackknife that leaves out one of 25 groups of each sample. Raises
    ValueError for fewer than 50 samples, and for no more samples than coordinates, whose covariance
    is singular.
    """
    features = _feature_pair(real_features, generated_features)
    for name, x in features.items():
        if len(x) <= x.shape[1]:
            raise ValueError(
                f"{len(x)} {name} in {x.shape[1]} dimensions have a singular covariance; give "
                f"more than {x.shape[1]}, better ten times as many"
            )
    moments = [_Moments.of(x) for x in features.values()]

    def distance(x, y):
        return gaussian_wasserstein(*x.gaussian(), *y.gaussian()) ** 2

    totals = [sum(groups[1:], groups[0]) for groups in moments]
    value = distance(*totals)
    left_out = [
        [distance(totals[0] - group, totals[1]) for group in moments[0]],
        [distance(totals[0], totals[1] - group) for group in moments[1]],
    ]
    bias = sum((_GROUPS - 1) * (np.mean(values) - value) for values in left_out)
    return FrechetDistance(value, _jackknife_error(left_out), float(bias))


def kernel(real_features, generated_features) -> Estimate:
    """The squared maximum mean discrepancy of features under the kernel (x·y/d + 1)³, the kernel
    distance of Bińkowski et al. (2018).

    Shapes are (n, d) and (m, d). The estimate is unbiased, so it may be negative; it uses all pairs
    of samples, not subsets of them. Its standard error is that of a jackknife that leaves out one
    of 25 groups of each sample, which is too large, by about √2, where the two distributions are
    the same. Costs time of (n + m)²·d. Raises ValueError for fewer than 50 samples.
    """
    x, y = (
        _groups(features) for features in _feature_pair(real_features, generated_features).values()
    )
    sizes_x, sizes_y = (np.array([len(group) for group in groups]) for groups in (x, y))
    n, m = sizes_x.sum(), sizes_y.sum()
    within_x, within_y, between = _kernel_sums(x, x), _kernel_sums(y, y), _kernel_sums(x, y)

    def discrepancy(xx, yy, xy, n, m):
        return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)

    xx, yy, xy = within_x.sum(), within_y.sum(), between.sum()
    without_x = xx - 2 * within_x.sum(1) + within_x.diagonal()
    without_y = yy - 2 * within_y.sum(1) + within_y.diagonal()
    left_out = [
        discrepancy(without_x, yy, xy - between.sum(1), n - sizes_x, m),
        discrepancy(xx, without_y, xy - between.sum(0), n, m - sizes_y),
    ]
    return Estimate(float(discrepancy(xx, yy, xy, n, m)), _jackknife_error(left_out))


def modes(samples, mixture) -> Modes:
    """How many modes of a `gancode.data.GaussianMixture` samples cover, and how well, by the
    protocol of VEEGAN (Srivastava et al. 2017, with 2,500 samples).

    A sample belongs to its nearest mode, in standard deviations of that mode. It is of high quality
    within 3 of them, where a perfect sampler has a share P(χ_d ≤ 3) of its samples: 98.9 % in two
    dimensions. A mode is covered by one sample of high quality. The reverse KL divergence is
    KL(h ‖ w) in nats between the histogram h of *all* samples over the modes, whatever their
    quality, and the weights w of the mixture; a mode without samples adds nothing. Even a perfect
    sampler of n samples has (k − 1)/(2n) on average over k modes. Its standard error is that of the
    first two orders in h. Modes that overlap share samples that none of them made: the protocol is
    for modes that are far apart. A mode of weight zero is none.

    `samples` has shape (n, d). Raises ValueError for another dimension than the mixture's, for
    samples that are not finite, and for so few that the rarest mode can expect less than 5.
    """
    x = _points("the samples", samples)
    real = mixture.weights > 0
    means, stds, weights = (t[real].numpy() for t in (mixture.means, mixture.stds, mixture.weights))
    if x.shape[1] != means.shape[1]:
        raise ValueError(
            f"the samples have {x.shape[1]} coordinates and the mixture has {means.shape[1]}"
        )
    n, k = len(x), len(weights)
    needed = int(np.ceil(5 / weights.min() - 1e-6))
    if n < needed:
        raise ValueError(
            f"{n} samples are too few for {k} modes: a perfect sampler would miss some by chance; "
            f"give at least {needed}, so that the rarest expects 5"
        )
    blocks = (distances / stds for distances in _distance_blocks(x, means))
    nearest = [(block.argmin(1), block.min(1)) for block in blocks]
    mode, deviation = (np.concatenate(parts) for parts in zip(*nearest, strict=True))
    good = deviation <= 3

    share = np.bincount(mode, minlength=k) / n
    found = share > 0
    log_ratio = np.log(share[found] / weights[found])
    divergence = share[found] @ log_ratio
    # The variance to second order in h − E h. The plug-in of the first order is too large by twice
    # the second, which is all there is where h = w: 2n·KL is then χ² of k − 1.
    second = (found.sum() - 1) / (2 * n**2)
    first = share[found] @ (log_ratio - divergence) ** 2 / n - 2 * second
    return Modes(
        covered=len(np.unique(mode[good])),
        total=k,
        high_quality=_share(good),
        reverse_kl=Estimate(float(divergence), float(np.sqrt(max(first, 0) + second))),
        perfect_reverse_kl=(k - 1) / (2 * n),
    )


def precision_recall(real, generated, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall (Kynkäänniemi et al. 2019).

    The manifold of a set of points is the union of the balls around each that reach to its k-th
    nearest neighbour in the set; precision is the share of generated points in the manifold of the
    real ones, recall the share of real points in that of the generated. Shapes are (n, d) and
    (m, d), of features rather than pixels. Both depend on n, m and k: compare only equal ones. The
    standard errors are binomial, for the manifolds as they are; between fresh sets the deviations
    are larger, for normal points 1.2 to 1.7 times. Neighbours are exact; memory is bounded, time is
    (n + m)²·d. Raises ValueError unless both sets have more than k ≥ 1 points, and at least 25.
    """
    real, generated = _pair("real", real, "generated", generated)
    for name, points in (("real", real), ("generated", generated)):
        _enough(name, points)
        if not 1 <= k < len(points):
            raise ValueError(
                f"{name} has {len(points)} points, too few for the neighbour number k={k}; k must "
                "be at least 1 and less than the number of points"
            )
    return PrecisionRecall(
        precision=_share(_inside_manifold(generated, real, k)),
        recall=_share(_inside_manifold(real, generated, k)),
    )


class DigitClassifier(nn.Module):
    """The network behind `digit_features`: images (n, 1, 28, 28) to features (n, 64) and logits
    (n, 10). `tools/digit_features.py` trains it.

    The features come out of a batch normalisation, so that each has mean 0 and variance 1 over
    MNIST's training set: a Fréchet distance between them is in units of these variances.
    """

    def __init__(self):
        super().__init__()

        def convolution(inputs, outputs, size, stride=1):
            layer = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
            return layer, nn.BatchNorm2d(outputs), nn.ReLU()

        self.features = nn.Sequential(
            *convolution(1, 32, 5, stride=2),
            *convolution(32, 64, 3),
            nn.MaxPool2d(2),
            *convolution(64, 64, 3),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * 3 * 3, 64, bias=False),
            nn.BatchNorm1d(64, affine=False),
        )
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(64, 10))

    def forward(self, images):
        """Images, shape (n, 1, 28, 28), to features, shape (n, 64), and logits, shape (n, 10)."""
        features = self.features(images)
        return features, self.head(features)


def digit_features(images):
    """What one fixed classifier sees in images of digits: features, shape (n, 64), and the
    probabilities of the classes 0 to 9, shape (n, 10), both float32.

    `images` has shape (n, 1, 28, 28) or (n, 28, 28) and values in [−1, 1], −1 the background. Its
    weights, the data they come from and their accuracy stand in `features/digits.safetensors`.
    Numbers from it compare with those of the same file alone. Raises ValueError for another shape,
    for values outside the range, and for NaN; a `gancode.DataRangeWarning` is for images without
    any value below 0, which look like digits from 0 to 1.
    """
    images = torch.as_tensor(images).detach().to("cpu", torch.float32)
    images = images[:, None] if images.ndim == 3 else images
    if images.shape[1:] != (1, 28, 28) or not len(images):
        raise ValueError(
            f"images must have shape (n, 1, 28, 28) or (n, 28, 28), n > 0, not "
            f"{tuple(images.shape)}"
        )
    if not (images.abs() <= 1).all():  # so written, NaN fails as well
        raise ValueError(
            f"images must have values in [−1, 1], not from {images.min():.3g} to "
            f"{images.max():.3g}; for bytes `images / 127.5 - 1`, for an open end `.clamp(-1, 1)`"
        )
    low, high = images.min().item(), images.max().item()
    if -0.1 * high <= low < high:  # a resized image overshoots
        warnings.warn(
            f"the images have values from {low:.3g} to {high:.3g}, and the classifier takes −1 for "
            "the background; if it is 0 here, give `2 * images - 1`",
            DataRangeWarning,
            stacklevel=2,
        )
    network = _digit_classifier()
    parts = [network(batch) for batch in images.split(500)]
    features, logits = (torch.cat(part) for part in zip(*parts, strict=True))
    return features, logits.softmax(dim=1)


@functools.cache
def _digit_classifier():
    from safetensors.torch import load

    path = importlib.resources.files("gancode") / "features" / "digits.safetensors"
    weights = load(path.read_bytes())
    with torch.device("meta"):  # drawing weights would move the global random state
        network = DigitClassifier()
    network.load_state_dict(
        {name: w.float() if w.is_floating_point() else w for name, w in weights.items()},
        assign=True,
    )
    return network.eval().requires_grad_(False)


@dataclass(frozen=True)
class _Moments:
    """Σ (1, x)(1, x)ᵀ about an origin: the moments of a set are the sums of those of its parts."""

    origin: np.ndarray
    sums: np.ndarray

    @classmethod
    def of(cls, points):
        """Those of each group of the points."""
        # About the median a set that has collapsed to one point has moments of exactly zero, and
        # no other loses digits.
        origin = np.median(points, axis=0)
        rows = (np.column_stack([np.ones(len(x)), x]) for x in _groups(points - origin))
        return [cls(origin, row.T @ row) for row in rows]

    def __add__(self, other):
        return _Moments(self.origin, self.sums + other.sums)

    def __sub__(self, other):
        return _Moments(self.origin, self.sums - other.sums)

    def gaussian(self):
        """Mean and unbiased covariance."""
        n, mean = self.sums[0, 0], self.sums[0, 1:] / self.sums[0, 0]
        covariance = (self.sums[1:, 1:] - n * np.outer(mean, mean)) / (n - 1)
        return self.origin + mean, covariance


def _groups(points):
    """The points in groups of nearly equal size, at random: they may come sorted."""
    order = np.random.default_rng(0).permutation(len(points))
    return np.array_split(points[order], _GROUPS)


def _jackknife_error(left_out):
    """The standard error from the values with one group of either sample left out."""
    return float(np.sqrt(sum((_GROUPS - 1) * np.var(values) for values in left_out)))


def _mean_variance(values):
    """The variance of the mean of independent values."""
    return values.var(ddof=1) / len(values)


def _root_error(cost, order, variance):
    """The standard error of cost^(1/order) from the variance of the cost."""
    # By the delta method; where nothing is to be moved the potentials are constant.
    return float(cost ** (1 / order - 1) / order * np.sqrt(variance)) if cost > 0 else 0.0


def _line_potentials(x, y, order):
    """The dual potential, shape (n, k), of the points in each column of x, shape (n, k), moved onto
    those of y, shape (m, k), with mean 0 in each."""
    ranks, y = x.argsort(axis=0), np.sort(y, axis=0)
    x = np.take_along_axis(x, ranks, axis=0)
    # In order is cheapest: what lies beside the level i/n of x goes to the same point of y, and
    # the potential grows between the two by as much as the cost.
    beside = y[np.arange(1, len(x)) * len(y) // len(x)]
    growth = np.abs(x[1:] - beside) ** order - np.abs(x[:-1] - beside) ** order
    potential = np.zeros_like(x)
    np.put_along_axis(potential, ranks[1:], growth.cumsum(axis=0), axis=0)
    return potential - potential.mean(axis=0)


def _kernel_sums(x, y):
    """The sums of the kernel over the pairs of two groups, without those of a point and itself."""

    def block(a, b):
        root = a @ b.T / a.shape[1] + 1
        cube = root * root * root  # NumPy's power is many times slower
        return cube.sum() - (cube.trace() if a is b else 0)

    return np.array([[block(a, b) for b in y] for a in x])


def _inside_manifold(points, others, k):
    """Which points lie in the manifold of the others, as booleans."""
    # The nearest neighbour of a point in its own set is the point itself, the (k + 1)-th the k-th.
    radii = np.concatenate([np.partition(d, k)[:, k] for d in _distance_blocks(others, others)])
    return np.concatenate([(d <= radii).any(1) for d in _distance_blocks(points, others)])


def _distance_blocks(x, y):
    """The Euclidean distances from x to y, a few rows at a time."""
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    for rows in x.split(max(1, _BLOCK // len(y))):
        # The matrix product that is the default puts a point at 1e-7 from itself.
        yield torch.cdist(rows, y, compute_mode="donot_use_mm_for_euclid_dist").numpy()


def _share(hits):
    """The share of true values. The standard error is that of one hit and one miss more, so that
    it does not vanish where there are none of either."""
    n, smoothed = len(hits), (hits.sum() + 1) / (len(hits) + 2)
    return Estimate(float(hits.mean()), float(np.sqrt(smoothed * (1 - smoothed) / n)))


def _root(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(values.clip(0)) @ vectors.T


def _feature_pair(real, generated):
    names = "real features", "generated features"
    pair = dict(zip(names, _pair(names[0], real, names[1], generated), strict=True))
    for name, x in pair.items():
        if len(x) < 2 * _GROUPS:
            raise ValueError(
                f"{len(x)} {name} are too few for a standard error; give at least {2 * _GROUPS}"
            )
    return pair


def _enough(name, points):
    if len(points) < _FEWEST:
        raise ValueError(
            f"{name} has {len(points)} points, too few for a standard error; give at least "
            f"{_FEWEST}"
        )


def _pair(name, points, other_name, others):
    x, y = _points(name, points), _points(other_name, others)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"{name} has {x.shape[1]} coordinates and {other_name} has {y.shape[1]}")
    return x, y


def _points(name, points):
    points, _ = _numbers(points)
    points = points[:, None] if points.ndim == 1 else points
    if points.ndim != 2 or not len(points):
        raise ValueError(f"{name} must have shape (n, d) or (n,), n > 0, not {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError(f"{name} holds numbers that are not finite")
    return points


def _numbers(values):
    """An array of float64, and the relative rounding of the numbers in the type they came in."""
    if isinstance(values, torch.Tensor):
        rounding = torch.finfo(values.dtype).eps if values.is_floating_point() else 0.0
        return values.detach().cpu().double().numpy(), rounding  # NumPy knows no bfloat16
    values = np.asarray(values)
    rounding = np.finfo(values.dtype).eps if values.dtype.kind == "f" else 0.0
    return values.astype(np.float64), float(rounding)


def _weights(name, weights, points):
    if weights is None:
        return np.full(len(points), 1 / len(points))
    weights, rounding = _numbers(weights)
    # Each is rounded, and so was what they were divided by.
    tolerance = max(1e-6, min(8 * rounding, 0.01))  # in float32 they may have been before
    total = weights.sum()
    if (
        weights.shape != (len(points),)
        or not (weights >= 0).all()
        or not abs(total - 1) <= tolerance
    ):
        raise ValueError(
            f"the weights of {name} must be {len(points)} numbers, none negative, with sum 1, not "
            f"{weights.shape} numbers with sum {total:.9g}"
        )
    return weights if abs(total - 1) <= 1e-9 else weights / total


@functools.cache
def _pot():
    """POT. Some of its docstrings hold escapes that Python warns about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        import ot
    return ot
