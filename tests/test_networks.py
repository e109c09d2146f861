import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

import gancode
from gancode import networks
from gancode.penalties import gradient_penalty, parse

SHAPES = [(channels, size, size) for size in (28, 32, 64) for channels in (1, 3)]
LATENT = 5


def nearest_generator(latent_dim, shape, channels):
    return networks.dcgan_generator(latent_dim, shape, channels, upsample="nearest")


def normalised_discriminator(shape, channels):
    return networks.dcgan_discriminator(shape, channels, batch_norm=True)


def dropout_discriminator(shape, channels):
    return networks.dcgan_discriminator(shape, channels, dropout=0.3)


def spectral_discriminator(shape, channels):
    return networks.spectral_norm(networks.dcgan_discriminator(shape, channels))


def spectral_residual_discriminator(shape, channels):
    return networks.spectral_norm(networks.residual_discriminator(shape, channels))


def spectral_generator(latent_dim, shape, channels):
    return networks.spectral_norm(networks.dcgan_generator(latent_dim, shape, channels))


GENERATORS = [networks.dcgan_generator, nearest_generator, networks.residual_generator]
DISCRIMINATORS = [networks.dcgan_discriminator, networks.residual_discriminator]
PAIRS = [
    (networks.dcgan_generator, networks.dcgan_discriminator),
    (nearest_generator, normalised_discriminator),
    (networks.residual_generator, networks.residual_discriminator),
    (networks.dcgan_generator, dropout_discriminator),
    (spectral_generator, spectral_discriminator),
    (networks.residual_generator, spectral_residual_discriminator),
]


def randn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def numbers(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def count(module):
    return sum(weight.numel() for weight in module.parameters())


def spectral_layers(module):
    return [layer for layer in module.modules() if parametrize.is_parametrized(layer, "weight")]


def as_matrix(layer):
    """The weight, one row an output channel."""
    transposed = isinstance(layer, nn.ConvTranspose2d)
    return (layer.weight.transpose(0, 1) if transposed else layer.weight).flatten(1)


def kinds(network):
    return [type(layer).__name__ for layer in network]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("make", GENERATORS)
def test_generators_make_images_between_minus_one_and_one(make, shape):
    gancode.seed(0)
    generator = make(LATENT, shape, 4)
    x = generator(randn(2, LATENT))
    assert x.shape == (2, *shape) and x.dtype == torch.float32
    assert not torch.equal(x[0], x[1]), "the latents play no part"
    with torch.no_grad():
        for weight in generator.parameters():
            weight *= 30  # so that only the tanh keeps the range
    x = generator(randn(2, LATENT))
    assert 0.9 < x.abs().max() <= 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("make", [*DISCRIMINATORS, normalised_discriminator])
def test_discriminators_give_one_logit_a_sample(make, shape):
    gancode.seed(0)
    for n in (1, 3):
        logits = make(shape, 4)(randn(n, *shape))
        assert logits.shape == (n,) and logits.dtype == torch.float32


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("make", DISCRIMINATORS)
def test_a_logit_sees_every_pixel_of_its_sample_and_of_no_other(make, shape):
    gancode.seed(0)
    x = randn(3, *shape).requires_grad_(True)
    (slope,) = torch.autograd.grad(make(shape, 4)(x)[1], x)
    assert (slope[1] != 0).all()
    assert (slope[[0, 2]] == 0).all()


def test_with_batch_normalisation_a_logit_depends_on_the_batch():
    gancode.seed(0)
    x = randn(3, 1, 28, 28).requires_grad_(True)
    (slope,) = torch.autograd.grad(normalised_discriminator((1, 28, 28), 4)(x)[1], x)
    assert (slope[[0, 2]] != 0).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_strides_divide_kernels_and_stages_halve_exactly(shape):
    sizes = {28: [7, 14, 28], 32: [4, 8, 16, 32], 64: [4, 8, 16, 32, 64]}[shape[1]]
    generators = [(make(LATENT, shape, 2), randn(2, LATENT), sizes) for make in GENERATORS]
    discriminators = [(make(shape, 2), randn(2, *shape), sizes[::-1]) for make in DISCRIMINATORS]
    for network, x, expected in generators + discriminators:
        for layer in network.modules():
            if hasattr(layer, "kernel_size"):
                kernel, stride = torch.tensor(layer.kernel_size), torch.tensor(layer.stride)
                assert (kernel % stride == 0).all(), layer
        seen = [x.shape[-1]] if x.ndim == 4 else []
        for layer in network:
            x = layer(x)
            if x.ndim == 4 and x.shape[-1] not in seen[-1:]:
                seen.append(x.shape[-1])
        assert seen == expected


@pytest.mark.parametrize("shape", SHAPES)
def test_dcgan_has_the_weights_its_description_counts(shape):
    channels, size, _ = shape
    coarsest = 7 if size == 28 else 4
    stages = int(math.log2(size / coarsest))
    w, top = 6, 6 * 2 ** (stages - 1)
    between = [(w * 2**k, w * 2 ** (k + 1)) for k in range(stages - 1)]  # (finer, coarser) widths
    scales = 2 * sum(w * 2**k for k in range(stages))
    for kernel, make in ((16, networks.dcgan_generator), (9, nearest_generator)):
        inside = sum(kernel * fine * coarse for fine, coarse in between)
        first, last = LATENT * top * coarsest**2, kernel * w * channels + channels
        assert count(make(LATENT, shape, w)) == first + scales + inside + last
    inside = sum(16 * fine * coarse for fine, coarse in between)
    first, last = 16 * channels * w + w, top * coarsest**2 + 1
    biases = sum(coarse for _, coarse in between)
    assert count(networks.dcgan_discriminator(shape, w)) == first + inside + biases + last
    # Batch normalisation has two numbers a channel, in place of the bias.
    assert count(normalised_discriminator(shape, w)) == first + inside + 2 * biases + last


def test_dcgan_stages_are_those_of_the_paper():
    shape = (1, 28, 28)
    normed = ["BatchNorm2d", "ReLU"]
    for make, double in (
        (networks.dcgan_generator, ["ConvTranspose2d"]),
        (nearest_generator, ["UpsampleConv2d"]),
    ):
        stages = [*normed, *double] * 2
        assert kinds(make(LATENT, shape, 2)) == ["Linear", "Unflatten", *stages, "Tanh"]
    end = ["Flatten", "Linear", "Flatten"]
    plain, dropped = ["Conv2d", "LeakyReLU"], ["Conv2d", "LeakyReLU", "Dropout"]
    normalised = ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    discriminator = networks.dcgan_discriminator(shape, 2)
    assert kinds(discriminator) == [*plain * 2, *end]
    assert discriminator[1].negative_slope == 0.2
    dropout = dropout_discriminator(shape, 2)
    assert kinds(dropout) == [*dropped * 2, *end] and dropout[2].p == 0.3
    assert kinds(normalised_discriminator(shape, 2)) == [*plain, *normalised, *end]


@pytest.mark.parametrize("size", [1, 7, 8])
def test_upsampling_and_convolution_are_one_transposed_convolution(size):
    gancode.seed(0)
    fused = networks.UpsampleConv2d(3, 5).double()
    x, g = randn(2, 3, size, size).double().requires_grad_(True), randn(2, 5, 2 * size, 2 * size)
    two = F.conv2d(F.interpolate(x, scale_factor=2), fused.weight, fused.bias, padding=1)
    torch.testing.assert_close(fused(x), two)
    inputs = [x, fused.weight, fused.bias]
    slopes = [torch.autograd.grad(y, inputs, g.double()) for y in (fused(x), two)]
    torch.testing.assert_close(*slopes)


def test_residual_widths_double_up_to_four_times_the_first_without_normalisation():
    def widths(network):
        blocks = [layer for layer in network if isinstance(layer, networks.ResidualBlock)]
        return [(b.residual[1].in_channels, b.residual[3].out_channels) for b in blocks]

    generator = networks.residual_generator(LATENT, (3, 64, 64), 6)
    discriminator = networks.residual_discriminator((3, 64, 64), 6)
    assert widths(generator) == [(24, 24), (24, 24), (24, 12), (12, 6), (6, 6)]
    assert widths(discriminator) == [(6, 6), (6, 12), (12, 24), (24, 24), (24, 24)]
    assert kinds(generator)[-4:] == ["ResidualBlock", "LeakyReLU", "Conv2d", "Tanh"]
    assert kinds(discriminator)[-4:] == ["LeakyReLU", "Flatten", "Linear", "Flatten"]
    for network in (generator, discriminator):
        assert not any("Norm" in type(layer).__name__ for layer in network.modules())


def test_a_residual_block_adds_a_tenth_of_two_convolutions():
    gancode.seed(0)
    x = randn(2, 3, 8, 8)
    for outputs in (3, 5):
        block = networks.ResidualBlock(3, outputs)
        first, second = block.residual[1], block.residual[3]
        f = second(F.leaky_relu(first(F.leaky_relu(x, 0.2)), 0.2))
        s = x if outputs == 3 else F.conv2d(x, block.shortcut.weight)
        torch.testing.assert_close(block(x), s + 0.1 * f)


@pytest.mark.parametrize("shape", SHAPES)
def test_latents_move_the_images_of_the_residual_generator_from_the_start(shape):
    # With PyTorch's initialisation they move a pixel by 0.05 to 0.11, and training dies on digits.
    gancode.seed(0)
    with torch.no_grad():
        x = networks.residual_generator(64, shape, 8)(randn(64, 64))
    assert 0.25 < x.std(dim=0).mean() < 0.8
    assert x.abs().median() < 0.9, "tanh is saturated"


@pytest.mark.parametrize("upsample", ["transpose", "nearest"])
def test_dcgan_begins_as_the_paper_says(upsample):
    gancode.seed(0)
    generator = networks.dcgan_generator(64, (3, 32, 32), upsample=upsample)
    discriminator = networks.dcgan_discriminator((3, 32, 32), batch_norm=True)
    for network, norms in ((generator, 3), (discriminator, 2)):
        layers = [layer for layer in network if hasattr(layer, "weight")]
        found = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
        assert len(found) == norms
        for layer in layers:
            mean = 1.0 if layer in found else 0.0
            n = layer.weight.numel()
            assert abs(layer.weight.mean() - mean) < 5 * 0.02 / math.sqrt(n)
            assert abs(layer.weight.std() / 0.02 - 1) < 5 / math.sqrt(2 * n)
            assert layer.bias is None or (layer.bias == 0).all()


def test_transposed_convolution_is_the_adjoint_of_the_convolution():
    x, y, w = (randn(*s).double() for s in [(2, 3, 8, 8), (2, 5, 4, 4), (5, 3, 4, 4)])
    cx, cty = F.conv2d(x, w, None, 2, 1), F.conv_transpose2d(y, w, None, 2, 1)
    torch.testing.assert_close((cx * y).sum(), (x * cty).sum())  # ⟨Cx, y⟩ = ⟨x, Cᵀy⟩


def test_a_kernel_that_its_stride_divides_covers_all_pixels_equally_often():
    generator = networks.dcgan_generator(LATENT, (1, 28, 28), 2)
    for layer in generator:
        if isinstance(layer, nn.ConvTranspose2d):
            ones = torch.ones_like(layer.weight)
            x = torch.ones(1, layer.in_channels, 7, 7)
            covered = F.conv_transpose2d(x, ones, None, layer.stride, layer.padding)
            assert len(covered[..., 1:-1, 1:-1].unique()) == 1


@pytest.mark.parametrize(("generator", "discriminator"), PAIRS)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 64, 64)])
def test_every_pair_trains_under_r1_with_two_images_a_batch(generator, discriminator, shape):
    gancode.seed(0)
    gan = gancode.GAN(generator(LATENT, shape, 4), discriminator(shape, 4), LATENT)
    before = {name: weight.detach().clone() for name, weight in gan.named_parameters()}
    images = randn(4, *shape).tanh()
    run = gancode.train(gan, images, steps=2, batch_size=2, penalties=["r1=1"], log_every=1)
    assert len(run.history) == 2
    for row in run.history:
        assert all(math.isfinite(value) for value in row.values())
        assert row["penalty"] > 0
    still = [name for name, weight in gan.named_parameters() if torch.equal(weight, before[name])]
    assert not still
    x = run.sample(3)
    assert x.shape == (3, *shape) and x.isfinite().all()


@pytest.mark.parametrize("make", [*DISCRIMINATORS, spectral_discriminator])
def test_the_slope_of_r1_in_the_weights_is_that_of_finite_differences(make):
    gancode.seed(0)
    discriminator, x = make((1, 28, 28), 2).double(), randn(2, 1, 28, 28).double()
    discriminator.eval()  # so that the power iteration stands still
    weights = list(discriminator.parameters())

    def r1():
        return gradient_penalty(discriminator, x, x, parse("r1=1"))

    # A bias may have no slope at all: it enters only through the signs of leaky ReLU.
    slopes = torch.autograd.grad(r1(), weights, materialize_grads=True, allow_unused=True)
    direction = [randn(*weight.shape).double() for weight in weights]
    predicted = sum((s * d).sum() for s, d in zip(slopes, direction, strict=True)).item()
    values, step = [], 1e-7
    for sign in (1, -2):
        with torch.no_grad():
            for weight, d in zip(weights, direction, strict=True):
                weight += sign * step * d
        values.append(r1().item())
    measured = (values[0] - values[1]) / (2 * step)
    assert measured == pytest.approx(predicted, rel=1e-4) and predicted != 0


def test_spectral_norm_makes_the_largest_singular_value_one():
    gancode.seed(0)
    network = nn.Sequential(
        networks.residual_discriminator((3, 28, 28), 4), networks.dcgan_generator(5, (3, 28, 28), 4)
    )
    linear = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    expected = sum(isinstance(layer, linear) for layer in network.modules())
    assert networks.spectral_norm(network) is network
    layers = spectral_layers(network)
    assert len(layers) == expected
    for layer in layers:
        for _ in range(300):
            weight = layer.weight  # each reading in train mode is one step of the iteration
        assert weight.shape == layer.parametrizations.weight.original.shape
        norm = torch.linalg.matrix_norm(as_matrix(layer), ord=2)
        assert norm.item() == pytest.approx(1, abs=1e-3), layer


def test_a_convolution_with_spectral_norm_stretches_at_most_by_kernel_over_stride():
    gancode.seed(0)
    # A smooth kernel, which makes the most of the overlap, and a random one.
    for weight in (torch.ones(1, 1, 4, 4), randn(6, 3, 4, 4)):
        outputs, inputs = weight.shape[:2]
        layer = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
        layer.weight.data = weight
        networks.spectral_norm(layer)
        for _ in range(100):
            layer.weight  # noqa: B018
        layer.eval()
        x = randn(1, inputs, 64, 64).abs()
        for _ in range(30):
            x = F.conv_transpose2d(layer(x), layer.weight, None, 2, 1)
            x = x / x.norm()
        stretch = layer(x).norm().item()
        assert stretch <= 2 + 1e-5
        assert stretch > (1.95 if inputs == 1 else 1)


def test_spectral_norm_survives_eval_a_copy_and_a_round_trip():
    gancode.seed(0)
    shape = (1, 28, 28)
    network, x = spectral_discriminator(shape, 4), randn(2, *shape)
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    assert len(buffers) == 2 * len(spectral_layers(network)) == 6

    network.eval()
    at_rest = network(x)
    assert torch.equal(network(x), at_rest)
    assert same(dict(network.named_buffers()), buffers), "eval moved the power iteration"
    network.train()(x)
    assert not same(dict(network.named_buffers()), buffers), "train mode did not move it"

    twin = copy.deepcopy(network)
    loaded = spectral_discriminator(shape, 4)
    loaded.load_state_dict(numbers(network))
    for other in (twin, loaded):
        assert torch.equal(other.eval()(x), network.eval()(x))
        assert torch.equal(other.train()(x), copy.deepcopy(network).train()(x))
    kept = numbers(network)
    with torch.no_grad():
        for weight in twin.parameters():
            weight.zero_().add_(1)
    twin.train()(x)
    assert same(numbers(network), kept), "a copy shares numbers with its original"


def test_spectral_norm_refuses_what_it_cannot_act_on_and_changes_nothing():
    with pytest.raises(ValueError, match="Sequential has no linear or convolutional layer"):
        networks.spectral_norm(nn.Sequential(nn.Flatten(), nn.BatchNorm2d(3)))
    network = nn.Sequential(nn.Linear(2, 2), networks.spectral_norm(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="the layer '1' has a parametrised weight already"):
        networks.spectral_norm(network)
    assert spectral_layers(network) == [network[1]]


@pytest.mark.parametrize(
    "shape", [(1, 30, 30), (1, 28, 32), (1, 16, 16), (3, 128, 128), (28, 28), (0, 28, 28), 28]
)
def test_other_shapes_are_refused(shape):
    makers = [lambda s, make=make: make(LATENT, s) for make in GENERATORS[::2]] + DISCRIMINATORS
    for make in makers:
        with pytest.raises(ValueError, match=r"shape=\(.*\) must be .* width = 28, 32 or 64"):
            make(shape)


def test_a_sharp_generator_is_tanh_units_of_scaled_latents_times_the_extent():
    gancode.seed(0)
    generator = networks.mlp_generator(LATENT, 2, (12, 10), sharpness=3.0, extent=4.0)
    first, second, last = (layer for layer in generator if isinstance(layer, nn.Linear))
    z = randn(6, LATENT)
    predicted = 4 * last(torch.tanh(second(torch.tanh(first(3 * z)))))
    torch.testing.assert_close(generator(z), predicted)
    gancode.seed(0)
    plain = networks.mlp_generator(LATENT, 2, (12, 10))
    assert kinds(plain) == ["Linear", "LeakyReLU", "Linear", "LeakyReLU", "Linear"]
    assert all(map(torch.equal, plain.parameters(), generator.parameters()))


def test_fourier_features_are_waves_about_as_long_as_the_extent():
    gancode.seed(0)
    features = networks.FourierFeatures(2, 1000, extent=4.0)
    x = randn(5, 2)
    phase = x.double() @ features.frequencies.double().T / 4
    predicted = torch.cat([x.double() / 4, phase.sin(), phase.cos()], 1)
    torch.testing.assert_close(features(x).double(), predicted, rtol=0, atol=1e-5)
    assert features.frequencies.std().item() == pytest.approx(6, rel=0.05)
    assert not list(features.parameters()) and list(numbers(features)) == ["frequencies"]


def test_fourier_features_stand_in_for_the_first_hidden_layer():
    gancode.seed(0)
    discriminator = networks.mlp_discriminator(2, (9, 7), fourier=True, extent=4.0)
    linear = [layer for layer in discriminator if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(2 + 8, 7), (7, 1)]
    gancode.seed(0)
    unscaled = networks.mlp_discriminator(2, (9, 7), fourier=True)
    x = randn(5, 2)
    assert discriminator(x).shape == (5,)
    torch.testing.assert_close(discriminator(4 * x), unscaled(x))
    for hidden in ((), (1, 7)):
        with pytest.raises(ValueError, match=r"a hidden layer of width 2 .*, not hidden=\("):
            networks.mlp_discriminator(2, hidden, fourier=True)


def test_an_unknown_way_to_double_is_refused():
    with pytest.raises(ValueError, match="'bilinear'; the choices are transpose, nearest"):
        networks.dcgan_generator(LATENT, (1, 28, 28), upsample="bilinear")


OPTIONS = {"mlp": {"hidden": (12, 10)}, "dcgan": {"channels": 4}, "residual": {"channels": 4}}
CONDITIONINGS = ["concatenation", "projection"]
CASES = [("mlp", 3), ("mlp", (3,)), ("mlp", (1, 6, 5))]
CASES += [(name, shape) for name in ("dcgan", "residual") for shape in [(1, 28, 28), (3, 32, 32)]]


def made(name, shape, **arguments):
    gancode.seed(0)
    return networks.pair(name, LATENT, shape, **OPTIONS[name], **arguments)


def sizes(shape):
    return (shape,) if isinstance(shape, int) else shape


def test_every_network_has_a_name_and_the_tests_cover_all():
    assert list(networks.pairs) == list(OPTIONS) == list(dict(CASES))


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_a_pair_without_classes_is_the_two_networks_as_they_are(name, shape):
    generator, discriminator = made(name, shape)
    gancode.seed(0)
    make_generator, make_discriminator = networks.pairs[name]
    options = OPTIONS[name]
    assert same(numbers(generator), numbers(make_generator(LATENT, shape, *options.values())))
    turned = [v[::-1] if k == "hidden" else v for k, v in options.items()]
    assert same(numbers(discriminator), numbers(make_discriminator(shape, *turned)))


def test_each_option_of_a_pair_goes_where_it_exists():
    generator, discriminator = networks.pair("mlp", 2, 3, hidden=[4, 5], dropout=0.3)
    widths = [layer.out_features for layer in generator if isinstance(layer, nn.Linear)]
    assert widths == [4, 5, 3] and "Dropout" not in kinds(generator)
    widths = [layer.out_features for layer in discriminator if isinstance(layer, nn.Linear)]
    assert widths == [5, 4, 1] and kinds(discriminator).count("Dropout") == 2
    generator, discriminator = networks.pair(
        "mlp", 2, 3, hidden=[4, 6], sharpness=2.0, fourier=True, extent=5.0
    )
    assert "Tanh" in kinds(generator) and generator[-1].factor == discriminator[1].extent == 5
    generator, discriminator = networks.pair(
        "dcgan", 2, (1, 28, 28), channels=2, upsample="nearest", batch_norm=True
    )
    assert "UpsampleConv2d" in kinds(generator) and "BatchNorm2d" in kinds(discriminator)


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@pytest.mark.parametrize(("name", "shape"), CASES)
def test_conditional_pairs_depend_on_the_label_of_each_sample_alone(
    name, shape, conditioning, spectral
):
    generator, discriminator = made(
        name, shape, classes=3, conditioning=conditioning, spectral=spectral
    )
    for network, x, result in (
        (generator.eval(), randn(4, LATENT), sizes(shape)),
        (discriminator.eval(), randn(4, *sizes(shape)), ()),
    ):
        y = torch.tensor([0, 1, 2, 2])
        before = network(x, y)
        assert before.shape == (4, *result) and before.dtype == torch.float32
        y[1] = 0
        changed = (network(x, y) != before).view(4, -1).any(dim=1)
        assert changed.tolist() == [False, True, False, False]


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_concatenation_gives_the_ordinary_network_one_hot_labels(name, shape):
    generator, discriminator = made(name, shape, classes=3, conditioning="concatenation")
    y, z, x = torch.tensor([2, 0]), randn(2, LATENT), randn(2, *sizes(shape))
    label = torch.tensor([[0.0, 0, 1], [1, 0, 0]])
    assert torch.equal(generator(z, y), generator.network(torch.cat([z, label], 1)))
    if name == "mlp":
        seen = torch.cat([x.flatten(1), label], 1)
    else:
        seen = torch.cat([x, label.repeat_interleave(shape[1] ** 2, 1).view(2, 3, *shape[1:])], 1)
    assert torch.equal(discriminator(x, y), discriminator.network(seen))


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_projection_adds_the_product_of_the_features_with_a_vector_of_the_class(name, shape):
    discriminator, ordinary = made(name, shape, classes=3)[1], made(name, shape)[1]
    weights = list(discriminator.parameters())
    vectors = weights.pop(list(numbers(discriminator)).index("classwise.weight"))
    with torch.no_grad():
        for mine, its in zip(ordinary.parameters(), weights[2:] + weights[:2], strict=True):
            mine.copy_(its)
    y, x = torch.tensor([2, 0, 2]), randn(3, *sizes(shape))
    phi = ordinary[:-2](x)
    torch.testing.assert_close(discriminator(x, y), ordinary(x) + (vectors[y] * phi).sum(1))
    assert (vectors.std() / ordinary[-2].weight.std()).item() == pytest.approx(1, rel=0.5)


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@pytest.mark.parametrize("name", OPTIONS)
def test_the_slope_of_r1_is_that_of_finite_differences_with_labels_too(name, conditioning):
    discriminator = made(name, (1, 28, 28), classes=3, conditioning=conditioning)[1].double()
    x, y = randn(2, 1, 28, 28).double(), torch.tensor([2, 0])
    weights = list(discriminator.parameters())

    def r1():
        return gradient_penalty(lambda x: discriminator(x, y), x, x, parse("r1=1"))

    slopes = torch.autograd.grad(r1(), weights, materialize_grads=True, allow_unused=True)
    predicted = sum((slope * slope).sum() for slope in slopes).item()
    values, step = [], 1e-7 / predicted**0.5
    for sign in (1, -2):
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                weight += sign * step * slope
        values.append(r1().item())
    assert (values[0] - values[1]) / (2 * step) == pytest.approx(predicted, rel=1e-4)
    assert predicted > 0


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@pytest.mark.parametrize("name", OPTIONS)
def test_spectral_norm_of_a_pair_reaches_every_layer_of_the_discriminator(name, conditioning):
    generator, discriminator = made(
        name, (1, 28, 28), classes=3, conditioning=conditioning, spectral=True
    )
    assert not spectral_layers(generator)
    linear = [
        layer for layer in discriminator.modules() if isinstance(layer, nn.Linear | nn.Conv2d)
    ]
    assert spectral_layers(discriminator) == linear
    assert discriminator(randn(2, 1, 28, 28), torch.tensor([0, 1])).isfinite().all()
    for layer in linear:
        for _ in range(300):
            layer.weight  # noqa: B018
        assert torch.linalg.matrix_norm(as_matrix(layer), ord=2).item() == pytest.approx(
            1, abs=1e-2
        )


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_conditional_pairs_survive_a_copy_and_a_round_trip(conditioning):
    z, y = randn(2, LATENT), torch.tensor([2, 0])
    networks_ = made("dcgan", (1, 28, 28), classes=3, conditioning=conditioning)
    others = networks.pair(
        "dcgan", LATENT, (1, 28, 28), classes=3, conditioning=conditioning, channels=4
    )
    for network, other, x in zip(networks_, others, (z, randn(2, 1, 28, 28)), strict=True):
        other.load_state_dict(network.state_dict())
        for twin in (other, copy.deepcopy(network)):
            assert torch.equal(twin.eval()(x, y), network.eval()(x, y))


def test_labels_that_do_not_fit_are_refused():
    for network, x in zip(made("mlp", 3, classes=4), (randn(2, LATENT), randn(2, 3)), strict=True):
        for y in (torch.tensor([1]), torch.tensor([1.0, 2.0]), torch.tensor([[1], [2]])):
            with pytest.raises(ValueError, match=r"integers from 0 to 3 of shape \(2,\)"):
                network(x, y)
        for y in (torch.tensor([0, 4]), torch.tensor([-1, 0])):
            with pytest.raises(RuntimeError, match="Class values must be"):
                network(x, y)


def test_a_pair_refuses_what_it_does_not_know():
    shape = (1, 28, 28)
    with pytest.raises(
        ValueError, match="unknown network 'vit'; the choices are mlp, dcgan, resid"
    ):
        networks.pair("vit", 2, shape)
    with pytest.raises(ValueError, match="'residual' has no option dropout, hidden; .* channels$"):
        networks.pair("residual", 2, shape, hidden=(3,), dropout=0.1)
    with pytest.raises(ValueError, match="'mlp' has no option channels; .* activation, dropout, e"):
        networks.pair("mlp", 2, shape, channels=4)
    with pytest.raises(
        ValueError, match="unknown conditioning 'sum'; the choices are concatenation"
    ):
        networks.pair("mlp", 2, shape, classes=3, conditioning="sum")
    for classes in (0, -1, 2.0, "3"):
        with pytest.raises(ValueError, match=r"classes=.* must be a positive integer"):
            networks.pair("mlp", 2, shape, classes=classes)
    for conditioning in CONDITIONINGS:
        with pytest.raises(ValueError, match=r"shape=\(1, 30, 30\) must be"):
            networks.pair("dcgan", 2, (1, 30, 30), classes=3, conditioning=conditioning)


# From image to image.


def test_the_unet_halves_and_doubles_and_keeps_detail_beside():
    generator = networks.unet((3, 64, 32), (1, 64, 32), channels=4)
    layers = [each for each in generator.modules() if isinstance(each, nn.modules.conv._ConvNd)]
    down = [(c.in_channels, c.out_channels) for c in layers if isinstance(c, nn.Conv2d)]
    up = [(c.in_channels, c.out_channels) for c in layers if isinstance(c, nn.ConvTranspose2d)]
    assert down == [(3, 4), (4, 8), (8, 16)]
    assert up == [(16, 8), (16, 4), (8, 1)]  # each but the coarsest has what stood there beside it
    assert {(c.kernel_size, c.stride, c.padding) for c in layers} == {((4, 4), (2, 2), (1, 1))}
    x = randn(2, 3, 64, 32)
    made = generator(torch.zeros(2, 1), x)
    assert made.shape == (2, 1, 64, 32) and made.abs().max() <= 1
    # without the path through the coarser images, what the first layer saw is still there
    for each in generator.modules():
        if isinstance(each, networks._Skip):
            for layer in each.inner.modules():
                if isinstance(layer, nn.ConvTranspose2d):
                    nn.init.zeros_(layer.weight)
    near, far = generator(torch.zeros(2, 1), x), generator(torch.zeros(2, 1), x.flip(3))
    assert (near - far).abs().max() > 0.01


def test_the_widths_of_the_unet_end_at_eight_times_the_first():
    convolutions = [m for m in networks.unet((1, 256, 256), channels=2).modules()
                    if isinstance(m, nn.Conv2d)]  # fmt: skip
    assert [c.out_channels for c in convolutions] == [2, 4, 8, 16, 16, 16]
    assert len([*networks.unet((1, 6, 6), channels=2).modules()]) > 1  # once, to 3 pixels


def test_latents_of_the_unet_are_planes_or_nothing():
    torch.manual_seed(0)
    x, z = randn(3, 1, 16, 16), randn(3, 2)
    deaf = networks.unet((1, 16, 16), channels=4)
    assert torch.equal(deaf(z, x), deaf(z + 1, x))
    hearing = networks.unet((1, 16, 16), channels=4, latent_dim=2)
    planes = torch.cat([x, z[:, :, None, None].expand(3, 2, 16, 16)], 1)
    assert torch.equal(hearing(z, x), hearing.network.network(planes))
    assert not torch.equal(hearing(z, x), hearing(z + 1, x))
    with pytest.raises(gancode.Refused, match=r"takes \(1, 16, 16\), \(2,\).* given .*\(3,\)"):
        hearing(randn(3, 3), x)
    alone = torch.cat([hearing(z[k : k + 1], x[k : k + 1]) for k in range(3)])
    assert torch.allclose(alone, hearing(z, x), atol=1e-6)  # of no other sample


def test_the_unet_drops_features_only_where_it_is_asked_to_and_only_in_training():
    torch.manual_seed(0)
    x, z = randn(2, 1, 16, 16), torch.zeros(2, 1)
    generator = networks.unet((1, 16, 16), channels=4, dropout=0.5)
    assert not torch.equal(generator(z, x), generator(z, x))
    assert torch.equal(generator.eval()(z, x), generator(z, x))


@pytest.mark.parametrize(("depth", "field"), [(1, 16), (2, 34), (3, 70)])
def test_a_logit_of_a_patch_sees_a_square_of_the_size_that_is_said(depth, field):
    discriminator = networks.patch_discriminator((1, 128, 128), channels=2, depth=depth).double()
    for each in [*discriminator.network]:
        if isinstance(each, nn.InstanceNorm2d):
            each.forward = lambda x: x  # its means are of the whole image
    x = randn(1, 1, 128, 128).double().requires_grad_(True)
    logits = discriminator(x)
    assert logits.shape[:2] == (1, 1)
    middle = logits.shape[2] // 2
    (slope,) = torch.autograd.grad(logits[0, 0, middle, middle], x)
    rows, columns = slope[0, 0].nonzero().T
    assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == field


def test_a_patch_discriminator_heeds_images_and_vectors_of_its_condition():
    torch.manual_seed(0)
    judge = networks.patch_discriminator((1, 28, 28), (3, 28, 28), 2, channels=4, depth=2)
    x, image, vector = randn(2, 1, 28, 28), randn(2, 3, 28, 28), randn(2, 2)
    logits = judge(x, image, vector)
    assert logits.shape == (2, 1, 5, 5)
    assert not torch.equal(logits, judge(x, image.flip(3), vector))
    assert not torch.equal(logits, judge(x, image, vector + 1))
    both = torch.cat([judge(x[:1], image[:1], vector[:1]), judge(x[1:], image[1:], vector[1:])])
    assert torch.allclose(logits, both, atol=1e-6)  # of no other sample
    assert networks.is_spectral(networks.spectral_norm(judge).network[0])


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: networks.unet((1, 28)), "shape_in=.* must be"),
        (lambda: networks.unet((1, 28, 28), (1, 14, 14)), "must agree in height and width"),
        (lambda: networks.unet((1, 28, 27)), "can be halved exactly 0 times"),
        (lambda: networks.unet((1, 28, 28), depth=3), "exactly 2 times, so not 3"),
        (lambda: networks.patch_discriminator((28, 28)), "shape=.* must be"),
        (lambda: networks.patch_discriminator((1, 28, 28), (1, 14, 14)), "28 × 28 .* or a vector"),
        (lambda: networks.patch_discriminator((1, 16, 16)), "depth=3 must .* 16 × 16"),
    ],
)
def test_networks_between_images_refuse_what_does_not_fit(make, match):
    with pytest.raises(gancode.Refused, match=match):
        make()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"channels": 0}, "channels=0 must be a positive integer"),
        ({"channels": 1.5}, "channels=1.5 must be a positive integer"),
        ({"depth": 1.5}, "depth=1.5 must be a positive integer"),
        ({"latent_dim": -1}, "latent_dim=-1 must be a positive integer"),
        ({"dropout": 1.0}, "dropout=1.0 must be a share"),
        ({"dropout": float("nan")}, "dropout=nan must be a share"),
        ({"shape": (1, 16, 16.0)}, "must be .channels, height, width., each at least 1"),
    ],
)
def test_sizes_that_no_network_of_images_has_are_refused(options, said):
    shape = options.get("shape", (1, 16, 16))
    rest = {key: value for key, value in options.items() if key != "shape"}
    with pytest.raises(gancode.Refused, match=said):
        networks.unet(shape, **rest)
    if not {"latent_dim", "dropout"} & rest.keys():
        with pytest.raises(gancode.Refused, match=said):
            networks.patch_discriminator(shape, **({"depth": 1} | rest))


@pytest.mark.parametrize(
    "options",
    [
        {"hidden": 4},
        {"hidden": (0,)},
        {"hidden": (2.5,)},
        {"hidden": "ab"},
        {"latent_dim": 0},
        {"latent_dim": "x"},
        {"shape": 0},
        {"shape": -2},
        {"shape": ()},
        {"shape": None},
        {"shape": (1, 0, 4)},
        {"shape": (2.5,)},
        {"dropout": 1},
        {"dropout": -0.1},
        {"dropout": "x"},
        {"name": "dcgan", "channels": 0},
        {"name": "dcgan", "channels": 2.5},
        {"name": "dcgan", "dropout": 2},
        {"name": "dcgan", "latent_dim": 0},
        {"name": "residual", "channels": -1},
        {"name": "residual", "latent_dim": None},
    ],
    ids=str,
)
def test_sizes_that_are_none_are_refused(options):
    given = {"name": "mlp", "latent_dim": 3, "shape": 2} | options
    if given["name"] != "mlp":
        given["shape"] = (1, 28, 28)
    (what,) = options.keys() - {"name"}
    with pytest.raises(gancode.Refused, match=what):
        networks.pair(**given)
