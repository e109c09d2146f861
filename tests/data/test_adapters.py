"""Data of other libraries, and what training makes of them."""

import random
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from torch import distributions as dist
from torch import nn
from torch.utils.data import Dataset

import gancode
from gancode.data import adapters, sources
from gancode.training.checkpoint import CheckpointError

POINTS = np.random.default_rng(0).normal([1.0, -2.0], [0.5, 2.0], size=(400, 2))


def generator(k=0):
    return torch.Generator().manual_seed(k)


DENSITIES = {  # and the shape, mean and standard deviation of a sample
    "scalar": (lambda: dist.Normal(3.0, 0.5), (1,), 3.0, 0.5),
    "batch": (lambda: dist.Normal(torch.tensor([1.0, -1.0]), 2.0), (2,), [1.0, -1.0], 2.0),
    "event": (lambda: dist.MultivariateNormal(torch.ones(3), 4 * torch.eye(3)), (3,), 1.0, 2.0),
    "matrix": (lambda: dist.Uniform(torch.zeros(2, 3), 1.0), (2, 3), 0.5, 12**-0.5),
    "mixture": (
        lambda: dist.MixtureSameFamily(
            dist.Categorical(torch.ones(2)), dist.Normal(torch.tensor([-2.0, 2.0]), 0.1)
        ),
        (1,),
        0.0,
        2.0,
    ),
    "transformed": (
        lambda: dist.TransformedDistribution(
            dist.Normal(torch.zeros(2), 1.0), dist.AffineTransform(5.0, 2.0)
        ),
        (2,),
        5.0,
        2.0,
    ),
    "learnable": (lambda: dist.Normal(nn.Parameter(torch.zeros(2)), 1.0), (2,), 0.0, 1.0),
    "scikit-learn": (
        lambda: KernelDensity(bandwidth=0.01).fit(POINTS),
        (2,),
        POINTS.mean(0),
        POINTS.std(0),
    ),
}


@pytest.mark.parametrize("kind", DENSITIES)
def test_a_distribution_of_another_library_is_a_density(kind):
    make, shape, mean, std = DENSITIES[kind]
    density = adapters.adapt(make())
    states = torch.get_rng_state(), np.random.get_state()[1].tolist()
    x = density.sample(20_000, generator())
    assert x.shape == (20_000, *shape) and x.dtype == torch.float32 and not x.requires_grad
    mean, std = (torch.as_tensor(value).float().expand(shape) for value in (mean, std))
    # Five standard errors of a mean, and of a standard deviation at any of these kurtoses.
    assert ((x.mean(0) - mean).abs() < 5 * std / 20_000**0.5).all()
    assert ((x.std(0) / std - 1).abs() < 5 / 20_000**0.5).all()
    assert torch.equal(x, density.sample(20_000, generator()))
    assert not torch.equal(x, density.sample(20_000, generator(1)))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.random.get_state()[1].tolist() == states[1]


@pytest.mark.parametrize("kind", ["scalar", "batch", "event", "scikit-learn"])
def test_one_trains_on_it_and_goes_on_with_the_same_alone(tmp_path, kind):
    make, (dim,), *_ = DENSITIES[kind]

    def run(source, out, steps, **options):
        torch.manual_seed(0)
        gan = gancode.GAN(nn.Linear(2, dim), nn.Linear(dim, 1), 2)
        return gancode.train(gan, source, steps=steps, out=out, **options)

    whole = run(make(), tmp_path / "whole", 6)
    run(make(), tmp_path / "parts", 3)
    parts = run(make(), tmp_path / "parts", 6, resume=True)
    assert torch.equal(whole.sample(9), parts.sample(9))
    others = {
        "scalar": dist.Normal(3.1, 0.5),
        "batch": dist.Normal(torch.tensor([1.0, -1.1]), 2.0),
        "event": dist.MultivariateNormal(torch.ones(3), 5 * torch.eye(3)),
        "scikit-learn": KernelDensity(bandwidth=0.01).fit(POINTS + 1),
    }
    with pytest.raises(CheckpointError, match="with source=.* crc .* source=.* crc"):
        run(others[kind], tmp_path / "parts", 9, resume=True)


def test_what_a_distribution_has_looked_up_makes_no_other_of_it():
    fresh, used = (dist.MultivariateNormal(torch.zeros(2), torch.eye(2)) for _ in range(2))
    used.precision_matrix  # noqa: B018  it is kept once it has been looked at
    one, other = (sources.source(data) for data in (fresh, used))
    assert one.describe() == other.describe()


class Model(nn.Module):
    """As of a library for flows."""

    def sample(self, n):
        return torch.zeros(n, 2)


class Wrong:
    def __init__(self, made):
        self.made = made

    def sample(self, n, generator=None):
        return self.made


SAMPLES = [
    (pd.DataFrame(POINTS), r"type DataFrame .*of a table torch.tensor\(table.to_numpy\(\)"),
    (pd.Series(POINTS[:, 0]), "type Series .*of a table torch.tensor"),
    (GaussianMixture(2).fit(POINTS), "type GaussianMixture .*raises TypeError"),
    (KernelDensity(), "a KernelDensity, cannot be sampled: .*not fitted"),
    (KernelDensity(kernel="linear").fit(POINTS), "a KernelDensity, cannot be sampled"),
    (random.Random(0), "type Random have a method sample, but not that of a density"),
    (Model(), "type Model have a method sample.*raises TypeError.*or an object whose method does"),
    (Wrong(np.zeros((2, 2))), r"returns ndarray of shape \(2, 2\)"),
    (
        Wrong(torch.zeros(3, 2)),
        r"must return a tensor of 2 samples, and it returns Tensor.*\(3, 2\)",
    ),
    (Wrong(torch.tensor(1.0)), r"returns Tensor of shape \(\)"),
    (Wrong((torch.zeros(2, 2), 0)), "returns tuple"),
    (Wrong(None), "returns NoneType"),
    (SimpleNamespace(sample=3), "raises TypeError"),
    (dist.Categorical(torch.ones(3)), "the data are torch.int64; convert"),
]


@pytest.mark.parametrize(("source", "said"), SAMPLES, ids=[said[:30] for _, said in SAMPLES])
def test_what_has_a_method_sample_and_is_no_density_is_one_sentence(source, said):
    with pytest.raises(TypeError, match=said) as refused:
        sources.examine(source, 4)
    assert "\n" not in str(refused.value)


def test_a_data_set_may_have_a_method_of_that_name():
    class Items(Dataset):
        def __len__(self):
            return 5

        def __getitem__(self, index):
            return torch.full((2,), float(index))

        def sample(self):
            return self[0]

    examined, first = sources.examine(Items(), 4)
    assert torch.equal(first, torch.tensor([[0.0, 0.0]]))  # the last batch of an epoch has one
    assert next(sources.Batches(examined, 4, generator())).shape == (4, 2)


X, Y = torch.randn(12, 2), torch.arange(12) % 3
LABELS = {
    "tensor": Y,
    "array": Y.numpy(),
    "int32": Y.numpy().astype(np.int32),
    "bytes": Y.numpy().astype(np.uint8),
    "column": pd.Series(Y.numpy()),
    "list": Y.tolist(),
    "list of NumPy's": list(Y.numpy()),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("together", [tuple, list])
def test_labels_of_any_kind_make_a_pair(kind, together):
    examined, _ = sources.examine(together([X, LABELS[kind]]), 4, 3)
    (found,) = examined.given
    assert found.dtype == torch.int64
    assert torch.equal(examined.samples, X) and torch.equal(found, Y)


@pytest.mark.parametrize("kind", sorted(set(LABELS) - {"tensor"}))
def test_labels_of_any_kind_stand_in_batches(kind):
    batches = [(X[:4], LABELS[kind][:4]), (X[4:], LABELS[kind][4:])]
    stream = sources.Batches(sources.examine(batches, 4, 3)[0], 4, generator())
    labels = [next(stream)[1] for _ in range(2)]
    assert torch.equal(torch.cat(labels), Y) and labels[0].dtype == torch.int64


def test_two_batches_are_no_pair():
    for batches in ([X[:4], X[4:]], [X[:4], (X[4:], Y[4:])], [X[:4], [X[4:]]]):
        stream = sources.Batches(sources.examine(batches, 4)[0], 4, generator())
        assert [len(next(stream)) for _ in range(3)] == [4, 8, 4]


@pytest.mark.parametrize(
    ("labels", "error", "said"),
    [
        (Y.numpy()[:9], ValueError, r"one label a sample: \(12,\) and not \(9,\)"),
        (Y.numpy() + 1, ValueError, "from 0 to 2, not from 1 to 3"),
        (Y.numpy()[:, None], ValueError, "one label a sample"),
        (Y.numpy() / 2, TypeError, "not understood .*, ndarray of .*; .* these integers"),
        (["cat"] * 12, TypeError, "tuple are not understood .*, list.; .* these integers"),
    ],
)
def test_labels_that_are_none_are_refused(labels, error, said):
    with pytest.raises(error, match=said):
        sources.examine((X, labels), 4, 3)


def test_a_gan_without_classes_is_told_of_labels_of_any_kind():
    for together in ((X, Y.numpy()), [X, Y], (X, Y.tolist())):
        with pytest.raises(TypeError, match=r"samples with conditions.*classes=10"):
            sources.examine(together, 4)
