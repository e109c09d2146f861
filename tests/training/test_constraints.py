"""What a discriminator's weights are kept to, in training and after it."""

import copy
import json
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import gancode
from gancode import constraints, networks, runs
from gancode.cli import main
from gancode.constraints import Clip, Spectral, parse
from gancode.training.settings import Settings

SHAPE = (1, 4, 4)
IMAGES = torch.randn(12, *SHAPE, generator=torch.Generator().manual_seed(5)).tanh()
KINDS = ["clip=0.03", "spectral"]


def critic():
    """Layers of both kinds."""
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(48, 1)
    ).append(nn.Flatten(0))


def make_gan(seed=0):
    torch.manual_seed(seed)
    return gancode.GAN(networks.mlp_generator(3, SHAPE, [8]), critic(), 3)


def train(kind, gan=None, **options):
    options = {"steps": 20, "batch_size": 4, "lr": 1e-2, "log_every": 5} | options
    return gancode.train(gan or make_gan(), IMAGES, constraints=kind, **options)


def largest(discriminator):
    return max(weight.abs().max().item() for weight in discriminator.parameters())


def is_linear(module):
    return isinstance(module, networks.LINEAR)


def norms(discriminator):
    """Of each layer, its weight as a matrix with one row an output channel."""
    matrices = [layer.weight for layer in filter(is_linear, discriminator.eval().modules())]
    return [torch.linalg.matrix_norm(w.double().flatten(1), 2).item() for w in matrices]


def same(one, other):
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_clipping_keeps_every_weight_in_the_box_at_every_step():
    seen = []
    run = train("clip=0.03", callback=lambda step, run: seen.append(largest(run.gan.discriminator)))
    assert len(seen) == 20 and all(size == pytest.approx(0.03, rel=1e-6) for size in seen)
    assert largest(train((), steps=20).gan.discriminator) > 0.1
    assert largest(run.gan.generator) > 0.1  # which is not clipped


def test_clipping_leaves_alone_what_is_not_trained():
    gan = make_gan()
    gan.discriminator[0].requires_grad_(False)
    before = gan.discriminator[0].weight.clone()
    train(Clip(0.01), gan)
    assert torch.equal(gan.discriminator[0].weight, before)
    assert gan.discriminator[3].weight.abs().max() <= 0.01


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_spectral_normalisation_keeps_every_layer_at_norm_one(precision):
    found, options = [], {"precision": precision, "lr": 1e-3}
    run = train(
        "spectral",
        **options,
        callback=lambda step, run: found.append(norms(copy.deepcopy(run.gan.discriminator))),
    )
    # The vectors are those of the forward before the last step; what that step of 10⁻³ a weight
    # turns the first singular vectors by enters squared.
    assert len(found) == 20
    for each in found:
        assert each == pytest.approx([1.0, 1.0], abs=1e-4)
    free = norms(train((), **options).gan.discriminator)
    assert all(abs(norm - 1) > 0.1 for norm in free)
    assert run.history[-1]["discriminator_loss"] > 0


def test_eval_mode_moves_no_vector_of_the_power_iteration_and_train_mode_does():
    run = train("spectral")
    D = run.gan.discriminator.eval()
    before = {name: buffer.clone() for name, buffer in D.named_buffers()}
    assert len(before) == 4
    assert torch.equal(D(IMAGES), D(IMAGES))
    assert all(torch.equal(buffer, before[name]) for name, buffer in D.named_buffers())
    D.train()(IMAGES)
    assert not all(torch.equal(buffer, before[name]) for name, buffer in D.named_buffers())


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_is_all_that_decides_a_run(kind):
    one = train(kind, seed=3)
    torch.manual_seed(99)
    gan = make_gan()
    torch.manual_seed(98)  # when it begins the global state is another
    assert same(one.gan, train(kind, gan, seed=3).gan)


def test_making_a_network_ready_draws_nothing_from_the_global_state():
    network = critic()
    before = torch.get_rng_state()
    with constraints.prepared(network, [Spectral()], 0):
        assert torch.equal(before, torch.get_rng_state())


class Stop(Exception):
    pass


def stop(step, run):
    if step == 7:
        raise Stop


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_was_stopped_goes_on_bit_for_bit(tmp_path, kind, used):
    options = {"penalties": ["r1=1"], "discriminator_steps": 2}
    whole = train(kind, **options)
    gan = make_gan()
    with pytest.raises(Stop):
        train(kind, gan, out=tmp_path, save_every=1, callback=stop, **options)
    again = train(kind, gan if used else make_gan(), out=tmp_path, resume=True, **options)
    assert same(whole.gan, again.gan) and same(whole.averaged, again.averaged)
    record = json.loads((tmp_path / "settings.json").read_text())
    assert record["training"]["constraints"] == [kind]
    for networks_ in (make_gan(1), again.gan):  # ready for it or not
        loaded = gancode.load(tmp_path, gan=networks_)
        assert same(loaded.gan, whole.gan)
    with pytest.raises(gancode.CheckpointError, match="constraints="):
        train((), out=tmp_path, resume=True, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_of_ones_own_has_them_too(kind):
    gan, other = make_gan(), make_gan()
    run = train(kind, other, steps=3)
    players = gancode.Players(gan, constraints=kind, lr=1e-2)
    for step in range(3):
        players.advance(step / 3)
        batch = players.batch(IMAGES[:4])
        players.discriminator_step(batch)
        players.generator_step(batch)
    assert gan.state_dict().keys() == run.gan.state_dict().keys()
    if kind != "spectral":
        assert largest(gan.discriminator) <= 0.03 * (1 + 1e-6)
    else:
        assert all(norm <= 1.05 for norm in norms(gan.discriminator))


REFUSED = {  # as late as can be
    "shape": (lambda gan: setattr(gan, "discriminator", gan.discriminator[:3]), "one logit"),
    "frozen": (lambda gan: gan.generator.requires_grad_(False), "no trainable weights"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_leaves_the_discriminator_as_it_was(kind, name):
    gan = make_gan()
    spoil, said = REFUSED[name]
    spoil(gan)
    weights = list(gan.discriminator.named_parameters())
    types = [type(layer) for layer in gan.discriminator]
    with pytest.raises(gancode.Refused, match=said):
        train(kind, gan, steps=1)
    after = list(gan.discriminator.named_parameters())
    assert [name for name, _ in after] == [name for name, _ in weights]
    assert all(one is other for (_, one), (_, other) in zip(weights, after, strict=True))
    assert [type(layer) for layer in gan.discriminator] == types


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("clip", "needs a limit, as in 'clip=0.01'"),
        ("clip=", "clip= must be positive and finite"),
        ("clip=0", "clip=0 must be positive and finite"),
        ("clip=-1", "positive and finite"),
        ("clip=nan", "positive and finite"),
        ("clip=inf", "positive and finite"),
        ("clip=small", "positive and finite"),
        ("spectral=1", "takes no value"),
        ("lipschitz", "unknown constraint 'lipschitz'.*'clip=LIMIT' and 'spectral'"),
        (["clip=0.1", "spectral"], "give one constraint, not clip=0.1 and spectral"),
        (["clip=0.1", "clip=0.2"], "give one constraint"),
    ],
)
def test_what_is_no_constraint_is_refused(given, said):
    with pytest.raises(gancode.Refused, match=said):
        parse(given)
    with pytest.raises(gancode.Refused, match=said):
        Settings(constraints=given)


def zero(layer):
    nn.init.zeros_(layer.weight)
    return layer


def old_weight_norm(layer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.utils.weight_norm(layer)


@pytest.mark.parametrize(
    ("kind", "layers", "said"),
    [
        ("clip=1", [parametrizations.spectral_norm(nn.Linear(16, 1))], "computed from others"),
        ("clip=1", [parametrizations.weight_norm(nn.Linear(16, 1))], "computed from others"),
        ("clip=1", [nn.utils.spectral_norm(nn.Linear(16, 1))], "computed from others"),
        ("clip=1", [nn.Sequential(old_weight_norm(nn.Linear(16, 1)))], "computed from others"),
        ("spectral", [nn.utils.spectral_norm(nn.Linear(16, 1))], "parametrised weight"),
        ("spectral", [old_weight_norm(nn.Linear(16, 1))], "parametrised weight"),
        ("spectral", [nn.Linear(16, 4), zero(nn.Linear(4, 1))], "layer '2' is zero"),
        ("spectral", [zero(nn.Linear(16, 4)), nn.Linear(4, 1)], "layer '1' is zero"),
        ("spectral", [parametrizations.weight_norm(nn.Linear(16, 1))], "parametrised weight"),
        (
            "spectral",
            [parametrizations.spectral_norm(nn.Linear(16, 4)), nn.Linear(4, 1)],
            "parametrised weight",
        ),
        ("spectral", [nn.Bilinear(16, 16, 1)], "no linear or convolutional layer"),
        ("spectral", [nn.LazyLinear(1)], "is lazy"),
    ],
)
def test_a_network_that_cannot_be_constrained_so_is_refused(kind, layers, said):
    gan = make_gan()
    gan.discriminator = nn.Sequential(nn.Flatten(), *layers, nn.Flatten(0))
    with pytest.raises(gancode.Refused, match=said):
        train(kind, gan, steps=1)


@pytest.mark.parametrize(
    "last",
    [
        lambda: nn.LazyLinear(1),
        lambda: nn.LazyConv2d(1, 3),
        lambda: zero(nn.Linear(4, 1)),
        lambda: zero(nn.Conv2d(4, 1, 3)),
    ],
)
@pytest.mark.parametrize("prepare", [Spectral().prepare, networks.spectral_norm])
def test_a_layer_that_cannot_be_normalised_is_refused_before_another_is(prepare, last):
    first = nn.Linear(16, 4)
    network = nn.Sequential(first, nn.Sequential(last()))
    with pytest.raises(gancode.Refused, match="is lazy|is zero"):
        prepare(network)
    assert type(network[0]) is nn.Linear and isinstance(first.weight, nn.Parameter)
    assert list(network.state_dict())[:2] == ["0.weight", "0.bias"]


def test_a_network_that_is_normalised_already_is_not_normalised_twice():
    gan = make_gan()
    networks.spectral_norm(gan.discriminator)
    names = list(gan.state_dict())
    run = train("spectral", gan, steps=2)
    assert list(run.gan.state_dict()) == names


@pytest.mark.parametrize("kind", [*KINDS, "clip=1e-05"])
def test_they_are_written_down_and_read_again(kind):
    plain = Settings(constraints=kind).plain()["constraints"]
    assert plain == [kind] == Settings(constraints=plain).plain()["constraints"]
    assert parse(parse(kind)) == parse(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_line_has_them(tmp_path, kind, capsys):
    words = ["train", "--data", "ring", "--constraint", kind, "--penalty", "none", "--out"]
    assert main([*words, str(tmp_path / "a"), "--steps", "6", "--sheet-every", "0"]) == 0
    D = runs.load(tmp_path / "a").gan.discriminator
    if kind == "spectral":
        assert all(map(networks.is_spectral, filter(is_linear, D.modules())))
    else:
        assert largest(D) <= 0.03 * (1 + 1e-6)
    resume = ["train", "--resume", "--out", str(tmp_path / "a"), "--steps", "6"]
    assert main([*resume, "--sheet-every", "0"]) == 0
    assert main(["sample", str(tmp_path / "a"), "-n", "5", "--out", str(tmp_path / "x.npz")]) == 0
    assert main([*words, str(tmp_path / "b"), "--constraint", "clip=1"]) == 2
    assert "give one constraint" in capsys.readouterr().err
