"""Norms of layers beside dense matrices, and bounds of networks beside the slopes they have."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import gancode
from gancode import lipschitz, networks
from gancode.lipschitz import SLOPES, bounds, lower_bound, upper_bound

ROUNDING = 1e-7  # rounding is added to a norm: for these sizes far less


def dense(layer, shape):
    """The matrix of an affine layer, from what it does to a basis, in float64."""
    layer = copy.deepcopy(layer).double().eval()
    basis = torch.eye(math.prod(shape), dtype=torch.double).reshape(-1, *shape)
    with torch.no_grad():
        return (layer(basis) - layer(torch.zeros_like(basis))).flatten(1).T


def norm_of(layer, shape):
    return torch.linalg.matrix_norm(dense(layer, shape), 2).item()


def check(layer, shape, exact):
    (row,) = upper_bound(layer.eval(), shape).layers
    true = norm_of(layer, shape)
    assert row.norm.exact == exact
    if exact:
        assert row.norm.value == pytest.approx(true, rel=ROUNDING, abs=1e-12)
    assert true <= row.norm.value * (1 + 1e-12) + 1e-12
    return row.norm.value / true if true else 1.0


def circular(*channels, kernel, padding, **options):
    dims = len(kernel)
    made = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1]
    return made(*channels, kernel, padding=padding, padding_mode="circular", **options)


EXACT = {
    "linear": (lambda: nn.Linear(7, 4), (7,)),
    "linear, wide": (lambda: nn.Linear(3, 9, bias=False), (3,)),
    "linear on the last axis": (lambda: nn.Linear(5, 4), (3, 5)),
    "circle": (lambda: circular(2, 3, kernel=(3,), padding=1), (2, 8)),
    "torus": (lambda: circular(2, 3, kernel=(3, 3), padding=1), (2, 6, 5)),
    "torus, 5 by 3": (lambda: circular(3, 2, kernel=(5, 3), padding=(2, 1)), (3, 6, 7)),
    "solid": (lambda: circular(1, 2, kernel=(3, 3, 3), padding=1), (1, 3, 4, 5)),
    "dilated": (lambda: circular(2, 2, kernel=(3,), padding=2, dilation=2), (2, 9)),
    "stride": (lambda: circular(2, 3, kernel=(3, 3), padding=1, stride=2), (2, 6, 4)),
    "stride of one axis": (
        lambda: circular(2, 2, kernel=(3, 3), padding=1, stride=(1, 3)),
        (2, 5, 6),
    ),
    "kernel 4, stride 2": (lambda: circular(1, 4, kernel=(4, 4), padding=1, stride=2), (1, 8, 8)),
    "groups": (lambda: circular(4, 6, kernel=(3, 3), padding=1, groups=2), (4, 5, 5)),
    "depthwise": (lambda: circular(4, 4, kernel=(3,), padding=1, groups=4), (4, 7)),
    "pixelwise": (lambda: nn.Conv2d(3, 5, 1), (3, 4, 4)),
    "pixelwise, stride 2": (lambda: nn.Conv2d(3, 5, 1, stride=2), (3, 5, 5)),
    "same": (lambda: circular(2, 2, kernel=(4,), padding="same"), (2, 7)),
    "average pooling": (lambda: nn.AvgPool2d(2), (2, 6, 6)),
    "average pooling that overlaps": (lambda: nn.AvgPool2d(3, 2, 1), (1, 7, 6)),
    "average pooling, ceiling": (lambda: nn.AvgPool2d(3, 2, ceil_mode=True), (1, 6, 7)),
    "average pooling without what is padded": (
        lambda: nn.AvgPool2d((3, 2), 2, 1, count_include_pad=False),
        (1, 6, 7),
    ),
    "average pooling in 1D": (lambda: nn.AvgPool1d(3, 1), (2, 7)),
    "adaptive": (lambda: nn.AdaptiveAvgPool2d((2, 3)), (2, 7, 5)),
    "global": (lambda: nn.AdaptiveAvgPool2d(1), (2, 4, 5)),
    "doubling": (lambda: nn.Upsample(scale_factor=2), (2, 3, 4)),
    "bilinear": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), (1, 3, 4)),
    "to a size": (lambda: nn.Upsample(size=(5, 7), mode="nearest"), (1, 3, 4)),
    "reflection": (lambda: nn.ReflectionPad2d((1, 2, 0, 1)), (2, 4, 4)),
    "replication": (lambda: nn.ReplicationPad2d(2), (1, 3, 3)),
    "circular padding": (lambda: nn.CircularPad2d(1), (1, 3, 3)),
    "zeros": (lambda: nn.ZeroPad2d(1), (1, 3, 3)),
    "pixel shuffle": (lambda: nn.PixelShuffle(2), (4, 3, 3)),
    "scale computed again": (
        lambda: nn.Upsample(scale_factor=1.6, mode="bilinear", recompute_scale_factor=True),
        (1, 4, 6),
    ),
    "scale computed again, nearest": (
        lambda: nn.Upsample(scale_factor=(1.7, 2.6), recompute_scale_factor=True),
        (1, 3, 7),
    ),
    "batch normalisation": (
        lambda: spoilt(nn.BatchNorm2d(3)),
        (3, 2, 2),
    ),
    "times": (lambda: networks._Times(-2.5), (3,)),
}
BOUNDED = {  # with how far above it may be
    "zeros around": (lambda: nn.Conv2d(2, 3, 3, padding=1), (2, 6, 6), 1.3),
    "no padding": (lambda: nn.Conv2d(2, 3, 3), (2, 6, 6), 1.6),
    "1D": (lambda: nn.Conv1d(2, 3, 4, stride=3, padding=2), (2, 11), 1.6),
    "stride": (lambda: nn.Conv2d(3, 4, 4, stride=2, padding=1), (3, 8, 8), 1.3),
    "stride, odd": (lambda: nn.Conv2d(3, 4, 4, stride=2, padding=1), (3, 7, 9), 1.5),
    "more padding than kernel": (lambda: nn.Conv2d(1, 2, 3, padding=5, stride=2), (1, 5, 4), 1.6),
    "kernel of more than the size": (lambda: nn.Conv2d(1, 2, 5, padding=2), (1, 3, 3), 3.0),
    "dilated": (lambda: nn.Conv2d(2, 2, 3, padding=2, dilation=2), (2, 7, 7), 1.8),
    "grouped": (lambda: nn.Conv2d(4, 4, 3, padding=1, groups=2), (4, 5, 5), 1.5),
    "same, even": (lambda: nn.Conv2d(2, 2, 4, padding="same"), (2, 5, 5), 1.6),
    "pixelwise with padding": (lambda: nn.Conv2d(2, 2, 1, padding=1), (2, 3, 3), 1 + 1e-9),
    "reflected": (lambda: nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), (2, 6, 6), 4.0),
    "replicated": (lambda: nn.Conv1d(2, 2, 5, padding=2, padding_mode="replicate"), (2, 6), 3.0),
    "circle, too little padding": (lambda: circular(2, 2, kernel=(5,), padding=1), (2, 8), 2.0),
    "circle, too much padding": (lambda: circular(2, 2, kernel=(3,), padding=4), (2, 6), 2.0),
    "circle, stride that does not divide": (
        lambda: circular(2, 2, kernel=(3,), padding=1, stride=2),
        (2, 7),
        2.5,
    ),
    "transposed": (lambda: nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1), (3, 4, 4), 1.4),
    "transposed, odd": (
        lambda: nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1),
        (2, 3, 4),
        1.6,
    ),
    "transposed, groups": (lambda: nn.ConvTranspose1d(4, 6, 3, groups=2, dilation=2), (4, 5), 1.6),
    "doubling convolution": (lambda: networks.UpsampleConv2d(2, 3), (2, 4, 4), 1.4),
}


def spoilt(layer):
    """Batch normalisation with statistics, and weights of both signs."""
    layer.running_mean.normal_()
    layer.running_var.uniform_(0.01, 2)
    nn.init.normal_(layer.weight)
    return layer


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", EXACT)
def test_a_norm_that_is_exact_is_that_of_the_dense_matrix(name, seed):
    torch.manual_seed(seed)
    make, shape = EXACT[name]
    check(make(), shape, exact=True)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", BOUNDED)
def test_a_norm_that_is_a_bound_is_above_that_of_the_dense_matrix(name, seed):
    torch.manual_seed(seed)
    make, shape, far = BOUNDED[name]
    assert check(make(), shape, exact=False) <= far


def test_every_convolution_is_bounded():
    """All small options together, where torch takes them."""
    torch.manual_seed(0)
    modes = ["zeros", "circular", "reflect", "replicate"]
    count = 0
    for mode, kernel, stride, padding, dilation, size in itertools.product(
        modes, (1, 2, 3, 4), (1, 2, 3), (0, 1, 3), (1, 2), (4, 5, 6)
    ):
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        layer = nn.Conv1d(2, 3, kernel, padding_mode=mode, **options)
        try:
            true = norm_of(layer, (2, size))
        except RuntimeError:  # it takes no such size
            continue
        try:
            found = upper_bound(layer, (2, size)).layers[0].norm
        except gancode.Refused as error:
            assert mode == "circular" and "on a circle" in str(error)
            continue
        count += 1
        assert true <= found.value * (1 + 1e-12)
        assert not found.exact or found.value == pytest.approx(true, rel=ROUNDING)
    assert count > 400
    for kernel, stride, padding, dilation, extra in itertools.product(
        (1, 2, 3), (1, 2, 3), (0, 1), (1, 2), (0, 1)
    ):
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        try:
            layer = nn.ConvTranspose1d(2, 3, kernel, output_padding=extra, **options)
            true = norm_of(layer, (2, 4))
        except (RuntimeError, ValueError):
            continue
        assert true <= upper_bound(layer, (2, 4)).value * (1 + 1e-12)


def test_one_channel_on_a_circle_lies_between_the_norm_of_the_weights_and_root_k_times_it():
    torch.manual_seed(0)
    for width in (1, 3, 5):
        conv = circular(1, 1, kernel=(width,), padding=width // 2)
        weights = torch.linalg.vector_norm(conv.weight).item()
        value = upper_bound(conv, (1, 11)).value
        assert weights * (1 - 1e-9) <= value <= math.sqrt(width) * weights * (1 + 1e-9)
    nn.init.ones_(conv.weight)  # all in phase at the frequency zero
    assert upper_bound(conv, (1, 11)).value == pytest.approx(5, rel=ROUNDING)
    with torch.no_grad():
        conv.weight[..., 1:] = 0  # a shift
    assert upper_bound(conv, (1, 11)).value == pytest.approx(1, rel=ROUNDING)


def test_spectral_normalisation_of_a_convolution_leaves_less_than_the_stride_says():
    """The bound in the docstring of `networks.spectral_norm`: k/s for a stride that divides k."""
    torch.manual_seed(0)
    layer = networks.spectral_norm(nn.Conv2d(3, 8, 4, stride=2, padding=1)).eval()
    found = upper_bound(layer, (3, 8, 8))
    assert 0.5 < found.value < 2 * 1.01
    assert found.layers[0].kind == "Conv2d"
    assert found.value >= norm_of(layer, (3, 8, 8))


# Units and normalisation -----------------------------------------------------------------------

UNITS = {
    nn.LeakyReLU: [nn.LeakyReLU(0.2), nn.LeakyReLU(1.5), nn.LeakyReLU(-2.0)],
    nn.ELU: [nn.ELU(), nn.ELU(2.0)],
    nn.CELU: [nn.CELU(2.0)],
    nn.PReLU: [nn.PReLU(3, init=0.3), nn.PReLU(1, init=-1.7)],
    nn.Softplus: [nn.Softplus(), nn.Softplus(beta=5.0)],
    nn.Hardtanh: [nn.Hardtanh(-2.0, 1.0)],
}


@pytest.mark.parametrize("kind", SLOPES)
def test_the_slope_of_a_unit_is_reached_and_not_passed(kind):
    x = torch.linspace(-12, 12, 600_003, dtype=torch.double)  # between all kinks
    for unit in UNITS.get(kind, [kind()] if kind not in UNITS else []):
        unit = unit.double()
        shaped = x[:, None].repeat(1, 3).requires_grad_(True)
        (slope,) = torch.autograd.grad(unit(shaped).sum(), shaped)
        (row,) = upper_bound(unit, (3,)).layers
        assert slope.abs().max().item() == pytest.approx(row.norm.value, rel=2e-4)
        assert slope.abs().max().item() <= row.norm.value * (1 + 1e-9)


def random_scale(layer):
    if layer.weight is not None:
        nn.init.normal_(layer.weight)
    return layer


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: nn.LayerNorm(5, eps=0.1, elementwise_affine=False), (5,)),
        (lambda: nn.LayerNorm(2, eps=0.1), (2,)),
        (lambda: random_scale(nn.LayerNorm(5, eps=0.1)), (5,)),
        (lambda: random_scale(nn.LayerNorm((2, 3), eps=0.01)), (4, 2, 3)),
        (lambda: nn.LayerNorm(1), (1,)),
        (lambda: random_scale(nn.GroupNorm(2, 4, eps=0.1)), (4, 2, 2)),
        (lambda: random_scale(nn.GroupNorm(2, 4, eps=0.1)), (4,)),
        (lambda: random_scale(nn.InstanceNorm2d(3, eps=0.1, affine=True)), (3, 2, 2)),
    ],
)
def test_normalisation_is_steepest_where_all_entries_are_equal(make, shape):
    torch.manual_seed(0)
    layer = make().double()
    (row,) = upper_bound(layer, shape).layers

    def steepness(x):
        jacobian = torch.autograd.functional.jacobian(lambda x: layer(x[None])[0], x)
        size = math.prod(shape)
        return torch.linalg.matrix_norm(jacobian.reshape(size, size), 2).item()

    at_constant = steepness(torch.full(shape, 0.7, dtype=torch.double))
    assert at_constant <= row.norm.value * (1 + 1e-9)
    assert not row.norm.exact or at_constant == pytest.approx(row.norm.value, rel=1e-9, abs=1e-9)
    for scale in (0.01, 0.3, 3.0):
        assert steepness(scale * torch.randn(shape).double()) <= at_constant * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize(
    ("layer", "shape", "value"),
    [
        (nn.MaxPool2d(2), (1, 4, 4), 1.0),
        (nn.MaxPool2d(3, 2, 1), (1, 7, 7), 2.0),
        (nn.MaxPool1d(3, 1), (1, 7), math.sqrt(3)),
        (nn.MaxPool1d(2, 1, dilation=2), (1, 7), math.sqrt(2)),
    ],
)
def test_max_pooling_is_bounded_by_the_windows_that_share_an_entry(layer, shape, value):
    (row,) = upper_bound(layer, shape).layers
    assert row.norm.value == pytest.approx(value)
    peak = torch.zeros(1, *shape)  # one entry above all others is the largest of all its windows
    peak[(0, 0, *(size // 2 for size in shape[1:]))] = 1
    reached = torch.linalg.vector_norm(layer(peak) - layer(torch.zeros_like(peak))).item()
    assert reached <= value + 1e-6
    assert reached == pytest.approx(value, abs=1e-6) or layer.stride != 1


# Networks --------------------------------------------------------------------------------------


def residual():
    return networks.residual_discriminator((1, 28, 28), 4)


NETWORKS = {
    "perceptron": (lambda: networks.mlp_discriminator(3, [16, 16]), (3,)),
    "tanh": (lambda: networks.mlp(3, [8, 8], 5, activation=nn.Tanh), (3,)),
    "fourier": (lambda: networks.mlp_discriminator(2, [16, 8], fourier=True, extent=2.0), (2,)),
    "generator": (lambda: networks.mlp_generator(4, (1, 4, 4), [8], sharpness=2.0), (4,)),
    "dcgan": (lambda: networks.dcgan_discriminator((1, 28, 28), 4), (1, 28, 28)),
    "dcgan's generator": (lambda: networks.dcgan_generator(6, (1, 28, 28), 2), (6,)),
    "nearest": (lambda: networks.dcgan_generator(6, (1, 28, 28), 2, upsample="nearest"), (6,)),
    "residual": (residual, (1, 28, 28)),
    "residual generator": (lambda: networks.residual_generator(6, (1, 28, 28), 2), (6,)),
    "spectral": (lambda: networks.spectral_norm(networks.mlp_discriminator(3, [8, 8])), (3,)),
    "weights in other terms": (
        lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 8)), nn.Tanh()),
        (3,),
    ),
    "layer normalised": (
        lambda: nn.Sequential(nn.Linear(3, 8), nn.LayerNorm(8, eps=0.1), nn.Linear(8, 1)),
        (3,),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_no_slope_of_a_network_is_above_its_bound(name):
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    network = make().eval()
    found = upper_bound(network, shape)
    assert found.value == pytest.approx(math.prod(row.norm.value for row in found.layers))
    net = copy.deepcopy(network).double().eval()
    steepest = 0.0
    for scale in (0.05, 1.0, 4.0):
        x = scale * torch.randn(4, *shape, dtype=torch.double)
        for point in x:
            jacobian = torch.autograd.functional.jacobian(lambda x: net(x[None])[0], point)
            matrix = jacobian.reshape(-1, math.prod(shape))
            steepest = max(steepest, torch.linalg.matrix_norm(matrix, 2).item())
    assert 0 < steepest <= found.value * (1 + 1e-9)
    searched = bounds(network, torch.randn(4, *shape), steps=30)
    assert steepest / 10 < searched.lower.value <= found.value * (1 + 1e-9)
    assert searched.gap >= 1 - 1e-9


@pytest.mark.parametrize("conditioning", ["projection", "concatenation"])
@pytest.mark.parametrize("name", ["mlp", "dcgan", "residual"])
def test_a_conditional_network_is_bounded_for_every_label(name, conditioning):
    torch.manual_seed(0)
    shape = (1, 28, 28)
    options = {"classes": 3, "conditioning": conditioning}
    G, D = networks.pair(name, 4, shape, **options, **({} if name == "mlp" else {"channels": 2}))
    for network, of in ((D.eval(), shape), (G.eval(), (4,))):
        points, labels = torch.randn(3, *of), torch.arange(3)
        found = bounds(network, points, condition=[labels], steps=5)
        assert 0 < found.lower.value <= found.upper.value


def test_layers_with_parts_add_and_multiply_what_their_parts_have():
    torch.manual_seed(0)
    block = networks.ResidualBlock(2, 3)
    parts = [upper_bound(part, (2, 5, 5)).value for part in (block.shortcut, block.residual)]
    assert upper_bound(block, (2, 5, 5)).value == pytest.approx(parts[0] + 0.1 * parts[1])

    features = networks.FourierFeatures(2, 8, 3.0)
    x = torch.randn(2)
    jacobian = torch.autograd.functional.jacobian(lambda x: features(x[None])[0], x)
    steep = torch.linalg.matrix_norm(jacobian, 2).item()  # the same everywhere
    assert upper_bound(features, (2,)).value == pytest.approx(steep, rel=1e-5)

    linear = nn.Sequential(nn.Flatten(), nn.Linear(3, 1), nn.Flatten(0))
    judge = networks._Projected(linear, 4)
    slopes = []
    for label in range(4):
        x = torch.randn(1, 3, requires_grad=True)
        (slope,) = torch.autograd.grad(judge(x, torch.tensor([label])), x)
        slopes.append(slope.norm().item())
    assert upper_bound(judge, (3,)).value == pytest.approx(max(slopes), rel=1e-5)
    assert max(slopes) > 1.05 * min(slopes)


def test_a_linear_network_has_no_gap():
    torch.manual_seed(0)
    network = nn.Linear(5, 3)
    found = bounds(network, torch.randn(2, 5), steps=300)
    assert found.gap == pytest.approx(1, abs=1e-3)


def test_the_search_finds_the_steep_place():
    class Steep(nn.Module):  # slope 1 almost everywhere, 10 near x₁ = 2
        def forward(self, x):
            return x[:, :1] + 9 * ((x[:, :1] - 2) / 0.5).tanh() * 0.5

    points = torch.zeros(8, 2) + torch.linspace(-1, 3, 8)[:, None]
    assert lower_bound(Steep(), points).value == pytest.approx(10, rel=0.01)


def test_the_pair_that_is_returned_has_the_slope():
    torch.manual_seed(0)
    network = networks.mlp_discriminator(3, [16])
    found = lower_bound(network, torch.randn(4, 3))
    f = copy.deepcopy(network).double().eval()
    gap = (f(found.x[None]) - f(found.y[None])).abs().item()
    assert gap / torch.linalg.vector_norm(found.x - found.y).item() == pytest.approx(found.value)
    again = lower_bound(network, torch.randn(4, 3, generator=torch.Generator().manual_seed(0)))
    assert found.value == pytest.approx(again.value, rel=0.5)


def test_a_kink_is_not_taken_for_a_slope():
    """f is zero everywhere; at zero autograd says −1."""

    class Zero(nn.Module):
        def forward(self, x):
            return x.relu() - (-x).relu() - x

    assert lower_bound(Zero(), torch.zeros(3, 2)).value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda inplace: nn.Hardsigmoid(inplace=inplace),
        lambda inplace: nn.LeakyReLU(0.2, inplace=inplace),
        lambda inplace: nn.ReLU6(inplace=inplace),
        lambda inplace: nn.Sequential(nn.Flatten(), nn.SiLU(inplace=inplace), nn.Linear(3, 2)),
    ],
)
def test_a_layer_that_works_in_place_is_as_steep_as_one_that_does_not(make):
    points = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    found = []
    for inplace in (False, True):
        torch.manual_seed(0)
        network = make(inplace)
        found.append(bounds(network, points, steps=20))
        assert found[-1].gap >= 1
    assert found[0].lower.value == found[1].lower.value > 0


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def shifted(*shifts, slope=1.0):
    """x and then some shifts in turn: as steep as x · slope."""
    layers = [nn.Linear(2, 2, bias=False).double(), *(nn.Linear(2, 2).double() for _ in shifts)]
    for layer, shift in zip(layers, [0, *shifts], strict=True):
        nn.init.eye_(layer.weight)
        if layer.bias is not None:
            nn.init.constant_(layer.bias, shift)
    layers[-1].weight.data *= slope
    return nn.Sequential(*layers)


CANCELLING = {
    "one shift": (lambda: shifted(1e12), 1.0),
    "a larger one": (lambda: shifted(1e15), 1.0),
    "there and back": (lambda: shifted(1e12, -1e12), 1.0),
    "there, back and stretched": (lambda: shifted(1e13, -1e13 / 1024, slope=1 / 1024), 1 / 1024),
    "in one operation": (lambda: Lambda(lambda x: x + 1e12 - 1e12), 1.0),
    "by a factor": (lambda: Lambda(lambda x: 1e14 * (x + 1) - 1e14 * (x + 1) + x), 1.0),
    "in float32": (lambda: Lambda(lambda x: ((x.float() + 1e4) - 1e4).double()), 1.0),
    "to float32": (lambda: Lambda(lambda x: x.float() + 1e4), 1.0),
    "in place": (lambda: Lambda(lambda x: x.add_(1e12).sub_(1e12)), 1.0),
    "none at all": (lambda: Lambda(lambda x: (x + 1e12) * 0 + 1e12), 0.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CANCELLING)
def test_rounding_is_not_taken_for_a_slope(name, seed):
    torch.manual_seed(seed)
    make, slope = CANCELLING[name]
    for points in (torch.randn(16, 2), 1e-3 * torch.randn(16, 2)):
        assert lower_bound(make(), points, seed=seed).value <= slope


def test_a_shift_that_rounding_leaves_alone_costs_nothing():
    found = lower_bound(shifted(3.0), torch.randn(4, 2)).value
    assert 1 - 1e-7 < found <= 1


def test_a_network_is_left_as_it_was():
    torch.manual_seed(0)
    network = networks.spectral_norm(networks.mlp_discriminator(3, [8]))  # in train mode
    before = copy.deepcopy(network.state_dict())
    bounds(network, torch.randn(2, 3), steps=3)
    assert network.training and all(
        torch.equal(v, before[k]) for k, v in network.state_dict().items()
    )
    assert next(network.parameters()).dtype == torch.float32


# What is refused -------------------------------------------------------------------------------


class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x):
        return x + self.inner(x)


class Narrow(nn.Linear):
    """A subclass that does something else."""

    def forward(self, x):
        return 100 * super().forward(x)


def hooked():
    layer = nn.Linear(4, 4)
    layer.register_forward_hook(lambda module, given, found: 2 * found)
    return layer


def broken(value):
    layer = nn.Linear(4, 4)
    with torch.no_grad():
        layer.weight[1, 2] = value
    return nn.Sequential(layer)


def untracked(layer):
    return nn.Sequential(layer).eval()


REFUSED = {
    "no space": (lambda: nn.Conv2d(4, 2, 3), (4,), "needs samples of 3 axes.*depends on their"),
    "channels": (
        lambda: nn.Conv2d(4, 2, 3),
        (3, 5, 5),
        "Conv2d does not take samples of shape .*to have 4 channels",
    ),
    "kernel": (lambda: nn.Conv2d(4, 2, 5), (4, 3, 3), "Kernel size can't be greater"),
    "dilated kernel": (
        lambda: nn.Conv1d(4, 2, 3, dilation=3),
        (4, 6),
        "Kernel size can't be greater",
    ),
    "circle": (
        lambda: circular(4, 2, kernel=(5, 5), padding=2),
        (4, 3, 3),
        "spans 5 places does not fit 3 on a circle",
    ),
    "transposed": (lambda: nn.ConvTranspose2d(4, 2, 3), (4,), "needs samples of 3 axes"),
    "doubling": (lambda: networks.UpsampleConv2d(4, 2), (4,), "needs samples of 3 axes"),
    "nan": (lambda: broken(math.nan), (4,), "'0.weight' holds NaN or infinity"),
    "infinity": (lambda: broken(math.inf), (4,), "'0.weight' holds NaN or infinity"),
    "width": (lambda: nn.Linear(4, 2), (5,), "does not take samples of shape .*multiplied"),
    "size": (lambda: nn.Linear(4, 2), (0,), "positive whole numbers"),
    "shape": (lambda: nn.Sequential(nn.Unflatten(1, (2, 2)), nn.ReLU()), (5,), "does not take"),
    "unknown": (lambda: nn.Sequential(Mine()), (4,), r"the layer '0', a Mine; .*rules={Mine:"),
    "unknown whole": (Mine, (4,), r"no rule for the network, a Mine"),
    "subclass": (lambda: Narrow(4, 4), (4,), "a Narrow"),
    "hooks": (hooked, (4,), "has hooks"),
    "batch norm": (lambda: nn.Sequential(nn.BatchNorm1d(4)), (4,), "'0'.*is in train mode"),
    "dropout": (lambda: nn.Sequential(nn.Dropout(0.5)), (4,), "'0'.*is in train mode"),
    "batch statistics": (
        lambda: untracked(nn.BatchNorm1d(4, track_running_stats=False)),
        (4,),
        "statistics of each batch",
    ),
    "divisor": (lambda: nn.AvgPool2d(2, divisor_override=3), (1, 4, 4), "divisor_override"),
    "bicubic": (lambda: nn.Upsample(scale_factor=2, mode="bicubic"), (1, 4, 4), "'bicubic'"),
    "approximate": (lambda: nn.GELU(approximate="tanh"), (4,), "approximate"),
    "layer norm": (lambda: nn.LayerNorm(4), (5,), "does not take"),
    "brace": (Mine, (4,), "rules={Mine: bound}, a number"),
    "product": (lambda: nn.Bilinear(4, 4, 1), (4,), "a Bilinear"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_bound_is_refused_with_its_reason(name):
    make, shape, said = REFUSED[name]
    with pytest.raises(gancode.Refused, match=said):
        upper_bound(make(), shape)


def test_a_rule_of_ones_own():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 4), Mine(), nn.Linear(4, 1))

    def rule(layer, shape):
        assert not layer.training and layer.inner.weight.dtype == torch.double and shape == (4,)
        return 1 + upper_bound(layer.inner, shape).value

    found = upper_bound(network, 4, {Mine: rule})
    assert [row.name for row in found.layers] == ["0", "1", "2"]
    assert bounds(network, torch.randn(3, 4), rules={Mine: rule}, steps=5).gap >= 1
    assert upper_bound(network, 4, {Mine: 7}).value == pytest.approx(
        found.value * 7 / found.layers[1].norm.value
    )
    for bad in (-1.0, math.inf, math.nan):
        with pytest.raises(gancode.Refused, match="no bound of a norm"):
            upper_bound(network, 4, {Mine: bad})


NOT_ONE_SAMPLE = [
    *((nn.MaxPool2d(3, 1), shape) for shape in [(8, 8), (8,), (1, 1, 8, 8)]),
    (nn.MaxPool1d(2), (8,)),
    (nn.MaxPool3d(2), (4, 4, 4)),
    (nn.AvgPool2d(2), (4, 4)),
    (nn.AvgPool2d(2), (3,)),
    (nn.AvgPool1d(3, 1), (2, 2)),
    (nn.AvgPool3d(2), (4, 4, 4)),
    (nn.AdaptiveAvgPool2d(2), (4, 4)),
    (nn.AdaptiveAvgPool1d(2), (2, 4, 4)),
    (nn.AdaptiveAvgPool1d(2), (4,)),
    (nn.InstanceNorm1d(3), (5,)),
    (nn.InstanceNorm2d(3), (3, 5)),
    (nn.BatchNorm2d(3), (5, 4, 4)),
    (nn.BatchNorm2d(3), (3,)),
    (nn.BatchNorm3d(3), (3, 4, 4)),
    (nn.BatchNorm1d(3), (3, 4, 4)),
    (nn.BatchNorm1d(3), (4,)),
    (nn.GroupNorm(2, 4), (6, 3)),
    (nn.LayerNorm((2, 3)), (3,)),
    (nn.Upsample(scale_factor=2), (3,)),
    (nn.Upsample(scale_factor=0.1), (1, 3, 3)),
    (nn.Upsample(size=(4,)), (1, 3, 3)),
    (nn.UpsamplingBilinear2d(scale_factor=2), (3, 3)),
    (nn.PixelShuffle(2), (3, 2, 2)),
    (nn.PixelUnshuffle(2), (4, 4)),
    (nn.PReLU(3), (5, 2)),
    (nn.Conv1d(2, 2, 3, padding=4, padding_mode="reflect"), (2, 4)),
    (nn.Conv1d(2, 2, 3, padding=5, padding_mode="circular"), (2, 4)),
    (nn.Conv2d(2, 2, 3), (4, 4)),
    (nn.ConvTranspose1d(2, 2, 3), (3, 5)),
    (nn.ReflectionPad1d(4), (2, 4)),
    (nn.ReflectionPad2d(1), (4, 4)),
    (nn.ReplicationPad1d(1), (4,)),
    (nn.CircularPad1d(5), (2, 4)),
    (nn.CircularPad2d(1), (4, 4)),
    (nn.ZeroPad2d(1), (4,)),
    (nn.ConstantPad1d(1, 2.0), (4,)),
    (nn.Flatten(0), (3,)),
    (nn.Linear(2, 2), ()),
    (networks.FourierFeatures(3, 2), (4,)),
]


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    ("layer", "shape"), NOT_ONE_SAMPLE, ids=lambda each: str(each).replace("\n", "")
)
def test_a_shape_that_is_not_one_sample_of_a_layer_is_refused(layer, shape, inside):
    with pytest.raises(gancode.Refused, match="not of shape|does not take"):
        upper_bound((nn.Sequential(layer) if inside else layer).eval(), shape)


def with_values(layer, **values):
    for name, value in values.items():
        getattr(layer, name).data.fill_(value)
    return layer.eval()


NO_NUMBER = {
    "spectral": lambda: parametrizations.spectral_norm(with_values(nn.Linear(4, 4), weight=0)),
    "weight norm": lambda: parametrizations.weight_norm(with_values(nn.Linear(4, 4), weight=0)),
    "inner": lambda: nn.Sequential(
        nn.Sequential(parametrizations.weight_norm(with_values(nn.Linear(4, 4), weight=0)))
    ),
    "negative variance": lambda: with_values(nn.BatchNorm1d(4), running_var=-1),
    "no variance": lambda: with_values(nn.BatchNorm1d(4, eps=0), running_var=0),
    "layer norm": lambda: nn.LayerNorm(4, eps=0),
    "group norm": lambda: nn.GroupNorm(2, 4, eps=0),
    "group norm of single entries": lambda: nn.GroupNorm(4, 4, eps=0),
    "negative eps": lambda: nn.LayerNorm(4, eps=-1e-3),
    "too large": lambda: nn.Sequential(
        *(with_values(nn.Linear(4, 4).double(), weight=1e160) for _ in "ab")
    ),
    "slope": lambda: nn.LeakyReLU(math.nan),
    "exponential unit": lambda: nn.ELU(math.nan),
    "infinite": lambda: nn.LeakyReLU(math.inf),
    "celu": lambda: nn.CELU(-1.0),
    "softplus": lambda: nn.Softplus(threshold=1.0),
    "softplus at zero": lambda: nn.Softplus(threshold=0),
    "softplus below": lambda: nn.Softplus(threshold=-3.0),
    "softplus, steep": lambda: nn.Softplus(beta=50.0, threshold=5.0),
    "softplus of no beta": lambda: nn.Softplus(beta=0),
    "times": lambda: networks._Times(math.inf),
}


@pytest.mark.parametrize("name", NO_NUMBER)
def test_what_is_no_number_is_not_handed_out_as_a_bound(name):
    with pytest.raises(gancode.Refused):
        upper_bound(NO_NUMBER[name](), (4,))


@pytest.mark.parametrize("size", [1e160, 1e-170, 1e300, 1e-310])
def test_weights_of_any_size_have_their_norm(size):
    torch.manual_seed(0)
    layers = {
        (4,): nn.Linear(4, 3),
        (2, 5): nn.Conv1d(2, 3, 3, padding=1, padding_mode="circular"),
        (2, 6): nn.ConvTranspose1d(2, 3, 3),
    }
    for shape, layer in layers.items():
        known = upper_bound(layer, shape).value
        layer.double().weight.data *= size
        assert upper_bound(layer, shape).value / size == pytest.approx(known, rel=1e-3)
    judge = networks._Projected(nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)), 3).double()
    known = upper_bound(judge, (4,)).value
    for part in (judge.linear, judge.classwise):
        part.weight.data *= size
    assert upper_bound(judge, (4,)).value / size == pytest.approx(known, rel=1e-3)
    features = networks.FourierFeatures(2, 3).double()
    features.frequencies *= 1e160
    assert 1e160 < upper_bound(features, (2,)).value < 1e163
    small = nn.Sequential(*(with_values(nn.Linear(1, 1).double(), weight=1e-170) for _ in "ab"))
    assert 0 < upper_bound(small, (1,)).value < 1e-300  # the product itself is no number
    small.append(with_values(nn.Linear(1, 1).double(), weight=1e250))
    assert upper_bound(small, (1,)).value == pytest.approx(1e-90)


@pytest.mark.parametrize("times", [2, 3])
def test_a_layer_counts_as_often_as_it_is_there(times):
    torch.manual_seed(0)
    one, unit = nn.Linear(2, 2), nn.LeakyReLU(3.0)
    single = upper_bound(one, 2).value
    found = upper_bound(nn.Sequential(*[one] * times), 2)
    assert found.value == pytest.approx(single**times)
    assert [row.name for row in found.layers] == [str(k) for k in range(times)]
    inner = nn.Sequential(one, unit)
    found = upper_bound(nn.Sequential(inner, *[inner, unit] * (times - 1)), 2)
    assert found.value == pytest.approx(single**times * 3 ** (2 * times - 1))
    block = networks.ResidualBlock(1, 1)
    block.residual = nn.Sequential(*[unit] * times)
    assert upper_bound(block, (1, 2, 2)).value == pytest.approx(1 + 0.1 * 3**times)


def test_the_frequencies_of_a_large_image_are_taken_some_at_a_time(monkeypatch):
    torch.manual_seed(0)
    layers = [
        (circular(3, 4, kernel=(3, 3), padding=1, stride=2), (3, 12, 10)),
        (nn.Conv3d(2, 4, 3, groups=2), (2, 5, 4, 6)),
        (nn.ConvTranspose2d(2, 3, 4, stride=2), (2, 5, 6)),
    ]
    whole = [upper_bound(layer, shape).value for layer, shape in layers]
    sizes = []
    norm = lipschitz._largest_singular_value

    def watched(matrices):
        sizes.append(matrices.numel())
        return norm(matrices)

    monkeypatch.setattr(lipschitz, "_largest_singular_value", watched)
    monkeypatch.setattr(lipschitz, "_ENTRIES", 300)
    assert [upper_bound(*each).value for each in layers] == pytest.approx(whole, rel=1e-12)
    assert max(sizes) <= 300 and len(sizes) > 10


def test_sizes_may_be_numbers_of_numpy():
    torch.manual_seed(0)
    layer = nn.Linear(4, 2)
    for shape in (np.int64(4), (np.int64(4),), np.array([4]), torch.Size([4]), torch.tensor([4])):
        assert upper_bound(layer, shape).value == upper_bound(layer, 4).value
    for shape in (4.0, (4.5,), "4", None, (-4,), ((4,),)):
        with pytest.raises(gancode.Refused, match="positive whole numbers"):
            upper_bound(layer, shape)


@pytest.mark.parametrize("points", [[[1.0]], torch.zeros(3), torch.zeros(0, 2)])
def test_points_that_are_none_are_refused(points):
    with pytest.raises(gancode.Refused, match="points must be a tensor"):
        lower_bound(nn.Linear(1, 1), points)
    with pytest.raises(gancode.Refused, match="NaN or infinity"):
        lower_bound(nn.Linear(1, 1), torch.full((2, 1), math.nan))


@pytest.mark.parametrize(
    ("network", "options", "said"),
    [
        (lambda: broken(math.nan), {}, "'0.weight' holds NaN"),
        (NO_NUMBER["spectral"], {}, "'weight' holds NaN"),
        (NO_NUMBER["inner"], {}, "'0.0.weight' holds NaN"),
        (lambda: nn.Linear(5, 1), {}, "does not take points of shape"),
        (lambda: nn.Conv2d(1, 1, 3), {}, "does not take points of shape"),
        (lambda: nn.Linear(4, 1), {"steps": -1}, "steps=-1"),
        (lambda: nn.Linear(4, 1), {"steps": 2.5}, "steps=2.5"),
        (lambda: Lambda(lambda x: x > 0), {}, "has no slope"),
    ],
)
def test_what_has_no_slope_is_refused_with_its_reason(network, options, said):
    with pytest.raises(gancode.Refused, match=said):
        lower_bound(network(), torch.randn(3, 4), **options)
    assert lower_bound(nn.Linear(4, 1), torch.randn(3, 4), steps=0).value > 0


def test_bounds_show_themselves():
    torch.manual_seed(0)
    found = bounds(networks.mlp_discriminator(3, [8]), torch.randn(2, 3), steps=3)
    text, table = str(found), found._repr_html_()
    for name in ("Flatten", "Linear", "LeakyReLU"):
        assert name in text and name in table
    assert f"≤ ⟨{found.upper.value:.4g}⟩" in text and f"≥ ⟨{found.lower.value:.4g}⟩" in text
    assert f'<span class="measured">{found.gap:.4g}</span>' in table
    assert float(found.upper) == found.upper.value and float(found.lower) == found.lower.value
    assert lipschitz.Bounds(lower_bound(nn.Flatten(), torch.zeros(2, 3)), found.upper)
