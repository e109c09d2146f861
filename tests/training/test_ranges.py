"""The range of data beside the range of a generator."""

import math
import warnings

import pytest
import torch
from modules import Then
from torch import nn
from torch.nn.utils import parametrizations
from torch.utils.data import DataLoader, TensorDataset

import gancode
from gancode import DataRangeWarning, data, metrics, networks
from gancode.training import ranges

SHAPE = (1, 8, 8)


def ending(*layers, width=64):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, width), *layers)


RANGES = {
    "tanh": ([nn.Tanh()], (-1, 1)),
    "a function": ([Then(torch.tanh)], (-1, 1)),
    "sigmoid": ([nn.Sigmoid()], (0, 1)),
    "bytes": ([nn.Sigmoid(), Then(lambda x: 255 * x)], (0, 255)),
    "clamp": ([Then(lambda x: x.clamp(-2, 3))], (-2, 3)),
    "hardtanh": ([nn.Hardtanh(), nn.Unflatten(1, SHAPE)], (-1, 1)),
    "softmax": ([nn.Softmax(1)], (0, 1)),
    "batch norm": ([nn.BatchNorm1d(64), nn.Tanh()], (-1, 1)),
    "weight norm": ([parametrizations.weight_norm(nn.Linear(64, 64)), nn.Tanh()], (-1, 1)),
    "relu": ([nn.ReLU()], (0, math.inf)),
    "linear": ([], (-math.inf, math.inf)),
    "layer norm": ([nn.LayerNorm(64)], (-math.inf, math.inf)),
    "each twice": ([Then(lambda x: x.repeat(1, 2))], (-math.inf, math.inf)),
    "enlarged": ([nn.Unflatten(1, SHAPE), nn.Upsample(scale_factor=2)], (-math.inf, math.inf)),
    "dead": ([Then(lambda x: 0 * x)], (-math.inf, math.inf)),
    "softplus": ([nn.Softplus()], (0, math.inf)),
    "bfloat16": ([nn.Tanh(), Then(lambda x: x.bfloat16())], (-1, 1)),
}


@pytest.mark.parametrize("kind", RANGES)
def test_the_range_of_a_generator_is_found_by_trial(kind):
    layers, expected = RANGES[kind]
    generator = ending(*layers)
    before = [t.clone() for t in generator.state_dict().values()]
    found = ranges.attainable(generator, torch.randn(16, 3))
    assert found == pytest.approx(expected, abs=1e-3)
    assert all(map(torch.equal, before, generator.state_dict().values()))


@pytest.mark.parametrize("name", networks.pairs)
@pytest.mark.parametrize("classes", [None, 10])
def test_the_images_of_the_networks_here_are_from_minus_one_to_one(name, classes):
    generator, _ = networks.pair(name, 16, (1, 28, 28), classes=classes)
    labels = [] if classes is None else [torch.arange(16) % 10]
    assert ranges.attainable(generator, torch.randn(16, 16), labels) == (-1, 1)


def test_a_generator_that_takes_batches_of_one_size_has_no_range_that_is_known():
    generator = ending(nn.Tanh(), Then(lambda x: x.view(2, 64)))
    assert ranges.attainable(generator, torch.randn(16, 3)) == (-math.inf, math.inf)


UNIT = torch.rand(12, *SHAPE, generator=torch.Generator().manual_seed(0))
DIGITS = data.mnist_5k()[0][::250]
MISFITS = {
    "bytes into tanh": (255 * UNIT, [nn.Tanh()], r"between 0\.\d+ and 25\d\b.*between -1 and 1"),
    "unit into tanh": (UNIT, [nn.Tanh()], r"a part of that.*`2 \* x - 1`"),
    "unit into bytes": (UNIT, [nn.Sigmoid(), Then(lambda x: 255 * x)], "a part of that"),
    "symmetric into sigmoid": (2 * UNIT - 1, [nn.Sigmoid()], "cannot be made"),
    "normalised into tanh": ((UNIT - 0.13) / 0.31, [nn.Tanh()], "cannot be made"),
    "negative into relu": (-UNIT, [nn.ReLU()], "between 0 and inf: these cannot be made"),
}
FITS = {
    "tanh": (2 * UNIT - 1, [nn.Tanh()]),
    "sigmoid": (UNIT, [nn.Sigmoid()]),
    "bytes": (255 * UNIT, [nn.Sigmoid(), Then(lambda x: 255 * x)]),
    "linear": (255 * UNIT, []),
    "a little more": (2.01 * UNIT - 1, [nn.Tanh()]),
    "one grey": (torch.zeros(12, *SHAPE), [nn.Tanh()]),
}


def train(x, layers, **options):
    generator = ending(*layers, nn.Unflatten(1, SHAPE))
    gan = gancode.GAN(generator, networks.mlp_discriminator(SHAPE, [8]), 3)
    return gancode.train(gan, x, **({"steps": 2, "batch_size": 4} | options))


AS = {
    "tensor": lambda x: x,
    "data set": TensorDataset,
    "loader": lambda x: DataLoader(TensorDataset(x), 4),
    "list": lambda x: [*x.split(4)],
}


@pytest.mark.parametrize("form", AS)
@pytest.mark.parametrize("kind", MISFITS)
def test_data_of_another_range_are_warned_of(kind, form):
    x, layers, said = MISFITS[kind]
    with pytest.warns(DataRangeWarning, match=said) as caught:
        train(AS[form](x), layers)
    assert [one.filename for one in caught] == [__file__]


@pytest.mark.parametrize("form", AS)
@pytest.mark.parametrize("kind", FITS)
def test_data_of_the_range_are_not(kind, form):
    x, layers = FITS[kind]
    train(AS[form](x), layers)  # a warning would be an error


def test_one_value_out_of_range_anywhere_in_memory_is_seen():
    x = 2 * UNIT - 1
    x[-1, 0, 0, 0] = 7
    with pytest.warns(DataRangeWarning, match=r"between -0\.\d+ and 7, "):
        train(x, [nn.Tanh()])


def test_two_points_say_nothing_of_a_part_of_a_range():
    gan = gancode.GAN(ending(nn.Tanh(), width=2), networks.mlp_discriminator(2, [8]), 3)
    gancode.train(gan, [torch.full((4, 2), 0.5) + torch.rand(4, 2) / 9], steps=2)


def test_a_warning_changes_nothing_of_the_run():
    def weights(x):
        run = train(x, [nn.Tanh()], penalties="wgan-gp=1")
        return [*run.gan.state_dict().values()]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = weights(UNIT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "compare", lambda *arguments: None)
        assert all(map(torch.equal, seen, weights(UNIT)))


def test_digits_from_zero_to_one_are_not_what_the_classifier_knows():
    with pytest.warns(DataRangeWarning, match=r"from 0 to 1, .*`2 \* images - 1`") as caught:
        features, _ = metrics.digit_features((DIGITS + 1) / 2)
    assert caught[0].filename == __file__
    assert not torch.allclose(features, metrics.digit_features(DIGITS)[0], atol=1)
    with pytest.warns(DataRangeWarning, match="from -0.05 to 0.95, "):  # resized, say
        metrics.digit_features((DIGITS + 1) / 2 - 0.05)
