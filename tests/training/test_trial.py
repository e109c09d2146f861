"""What users' networks are found to be before the first step, and what becomes of them."""

import copy
import math
import re
import threading
import warnings

import pytest
import torch
import torch.nn.functional as F
from modules import Then
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils import parametrizations
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler, TensorDataset

import gancode
from gancode import networks
from gancode.calculus import Objective, a, b, catalog, softplus
from gancode.penalties import parse
from gancode.training import checkpoint, trial

SHAPE = (1, 4, 4)
IMAGES = torch.randn(12, *SHAPE, generator=torch.Generator().manual_seed(5)).tanh()


def generator(*layers):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(3, 8), *layers, nn.ReLU(), nn.Linear(8, 16), nn.Tanh(), nn.Unflatten(1, SHAPE)
    )


def discriminator(*layers, end=()):
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(16, 8), *layers, nn.LeakyReLU(0.2), nn.Linear(8, 1), *end
    )


def train(G=None, D=None, data=IMAGES, **options):
    gan = gancode.GAN(G or generator(), D or discriminator(), 3)
    return gancode.train(gan, data, **({"steps": 4, "batch_size": 4} | options))


def numbers(module):
    return [tensor.clone() for tensor in module.state_dict().values()]


def same(one, other):
    return all(map(torch.equal, one, other))


# Saving.


def in_channels_last(network):
    return network.to(memory_format=torch.channels_last)


def with_a_transposed_weight(network):
    network[0].weight = nn.Parameter(network[0].weight.detach().t().contiguous().t())
    return network


def convolutional():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(3, 64),
        nn.Unflatten(1, (4, 4, 4)),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 1, 3, padding=1),
    )


@pytest.mark.parametrize(
    "lay", [in_channels_last, with_a_transposed_weight, lambda net: net.to(torch.float64)]
)
def test_however_weights_lie_in_memory_a_run_is_saved_and_taken_up_again(tmp_path, lay):
    data = IMAGES.to(next(lay(convolutional()).parameters()).dtype)

    def run(out, steps, **options):
        D = discriminator().to(data.dtype)
        G = lay(convolutional())
        return train(G, D, data, steps=steps, out=out, save_every=2, lr=1e-3, **options)

    whole = run(tmp_path / "whole", 6)
    run(tmp_path / "parts", 2)
    parts = run(tmp_path / "parts", 6, resume=True)
    assert same(numbers(whole.averaged), numbers(parts.averaged))
    saved = load_file(tmp_path / "parts" / "generator.safetensors")
    assert all(torch.equal(saved[k], v) for k, v in whole.averaged.state_dict().items())


def in_a_slice(weight):
    return nn.Parameter(torch.full((8, 10), 7.0).index_copy(1, torch.arange(2, 5), weight)[:, 2:5])


def every_second_row(weight):
    return nn.Parameter(torch.stack([weight, weight.new_full((8, 3), 7.0)], 1).flatten(0, 1)[::2])


def transposed(weight):
    return nn.Parameter(weight.t().contiguous().t())


@pytest.mark.parametrize("lay", [in_a_slice, every_second_row, transposed])
def test_weights_with_gaps_between_them_learn_as_they_would_without(tmp_path, lay):
    plain, odd = generator(), generator()
    odd[0].weight = lay(odd[0].weight.detach())
    options = {"steps": 6, "lr": 1e-2, "penalties": "r1=1"}
    train(plain, **options)
    run = train(odd, out=tmp_path, save_every=3, **options)
    for one, other in zip(numbers(plain), numbers(odd), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)  # a step is a thousand times that
    checkpoint.saved(tmp_path)[-1].unlink()
    again = generator()
    again[0].weight = lay(again[0].weight.detach())
    assert same(
        numbers(run.averaged),
        numbers(train(again, out=tmp_path, save_every=3, resume=True, **options).averaged),
    )


def test_numbers_beside_a_weight_stay_as_they_are():
    G, whole = generator(), torch.full((8, 10), 7.0)
    whole[:, 2:5] = G[0].weight.detach()
    G[0].weight = nn.Parameter(whole[:, 2:5])
    train(G, lr=1e-2)
    assert (whole[:, :2] == 7).all() and (whole[:, 5:] == 7).all()
    assert torch.equal(whole[:, 2:5], G[0].weight)


def test_a_weight_whose_numbers_lie_in_one_place_is_refused():
    G = generator()
    G[0].weight = nn.Parameter(torch.randn(8, 1).expand(8, 3))
    with pytest.raises(ValueError, match=r"of shape \(8, 3\) has several of its numbers in one"):
        train(G)


def test_networks_in_channels_last_learn_as_they_would_otherwise():
    def run(lay):
        torch.manual_seed(1)
        D = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 1))
        return train(lay(convolutional()), lay(D), penalties="r1=1", lr=1e-3, steps=6)

    for one, other in zip(*(numbers(run(lay).gan) for lay in (in_channels_last, lambda net: net)),
                          strict=True):  # fmt: skip
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


class WithState(nn.Module):
    """Keeps more than tensors in its state."""

    def __init__(self, state):
        super().__init__()
        self.state = state

    def get_extra_state(self):
        return self.state

    def set_extra_state(self, state):
        self.state = state

    def forward(self, x):
        return x


class Custom:
    pass


@pytest.mark.parametrize(
    ("G", "D", "said"),
    [
        (generator(WithState({"seen": 3})), None, "'1._extra_state' in the state of averaged"),
        (None, discriminator(WithState(Custom())), "'discriminator.2._extra_state' .* of gan"),
    ],
)
def test_a_state_that_cannot_be_saved_is_refused_before_the_first_step(tmp_path, G, D, said):
    G, D = G or generator(), D or discriminator()
    before = numbers(G[0]), numbers(D[1])
    with pytest.raises(ValueError, match=f"{said} cannot be saved, a (dict|Custom): .*tensors"):
        train(G, D, out=tmp_path)
    assert same(numbers(G[0]), before[0]) and same(numbers(D[1]), before[1])
    assert not checkpoint.saved(tmp_path)
    train(G, D)  # where nothing is saved nothing is in the way


def test_a_state_of_numbers_is_saved_with_the_discriminator(tmp_path):
    train(None, discriminator(WithState({"seen": 3, "names": ["a"]})), out=tmp_path)
    assert checkpoint.saved(tmp_path)


# Copies.


class Keeps(nn.Module):
    """Keeps what it has seen."""

    def __init__(self, how=lambda x: x):
        super().__init__()
        self.how, self.seen = how, None

    def forward(self, x):
        self.seen = self.how(x)
        return x


def used(network, *shape):
    network(torch.randn(*shape))
    return network


HOOKED = {
    "hooked weight norm": lambda: generator(nn.utils.weight_norm(nn.Linear(8, 8))),
    "hooked spectral norm": lambda: generator(nn.utils.spectral_norm(nn.Linear(8, 8))),
    "weight norm": lambda: generator(parametrizations.weight_norm(nn.Linear(8, 8))),
    "activation": lambda: generator(Keeps()),
    "activations in a list": lambda: generator(Keeps(lambda x: [{"x": (x, x + 1)}])),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
@pytest.mark.parametrize("kind", HOOKED)
def test_what_a_layer_keeps_of_a_forward_does_not_stop_a_run(tmp_path, kind):
    def run(out, steps, **options):
        torch.manual_seed(0)
        G = used(HOOKED[kind](), 2, 3)
        D = used(nn.utils.spectral_norm(nn.Linear(16, 8)), 2, 16)
        D = nn.Sequential(nn.Flatten(), D, nn.Linear(8, 1))
        return train(G, D, steps=steps, out=out, penalties="r1=1", lr=1e-3, **options)

    whole = run(tmp_path / "whole", 6)
    run(tmp_path / "parts", 2)
    parts = run(tmp_path / "parts", 6, resume=True)
    assert torch.equal(whole.sample(5), parts.sample(5))
    assert not torch.equal(whole.sample(5), whole.gan.generator.eval()(whole.gan.latents(5)))


def test_a_copy_shares_nothing_with_what_was_copied():
    G = used(generator(Keeps()), 2, 3)
    twin = trial.copied(G, "generator")
    places = [{t.data_ptr() for t in [*net.parameters(), net[1].seen]} for net in (G, twin)]
    assert not places[0] & places[1]
    assert torch.equal(twin[1].seen, G[1].seen) and twin[1].seen.grad_fn is None
    assert G[1].seen.grad_fn is not None


class Holds(nn.Module):
    def __init__(self, thing):
        super().__init__()
        self.thing = thing

    def forward(self, x):
        return x


@pytest.mark.parametrize("name", ["generator", "discriminator"])
@pytest.mark.parametrize("kind", ["lock", "file", "stream"])
def test_what_cannot_be_copied_is_named_with_its_layer(tmp_path, kind, name):
    with (tmp_path / "log").open("w") as file:
        thing = {"lock": threading.Lock(), "file": file, "stream": (n for n in range(3))}[kind]
        layer = Holds({"deep": [thing]})
        pair = (generator(layer), None) if name == "generator" else (None, discriminator(layer))
        place = 1 if name == "generator" else 2
        said = f"copy of the {name}, and 'thing' in its layer '{place}' .Holds. has none: .*state__"
        with pytest.raises(ValueError, match=said):
            train(*pair)


class Late(nn.Module):
    """Makes its weights in its first forward."""

    def __init__(self):
        super().__init__()
        self.layer = None

    def forward(self, x):
        self.layer = self.layer or nn.Linear(x.shape[1], x.shape[1])
        return self.layer(x)


class Itself(nn.Linear):
    def __deepcopy__(self, memo):
        return self


@pytest.mark.filterwarnings("ignore:.torch.jit")
@pytest.mark.parametrize("name", ["generator", "discriminator"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda net: net.append(Itself(1, 1)), "a copy has the same weight '.*leave __deepcopy__"),
        (torch.jit.script, "RecursiveScriptModule.? is of TorchScript, of which there is no copy"),
        (lambda net: nn.Sequential(torch.jit.script(net)), "layer '0.* is of TorchScript"),
        (lambda net: nn.Sequential(net[0], Late(), *net[1:]), "makes weights when .*1.layer.bias"),
    ],
)
def test_copies_that_would_not_learn_are_refused(tmp_path, change, said, name):
    if name == "generator":
        made = change(nn.Sequential(*generator()[:-1]))
        pair = nn.Sequential(made, nn.Unflatten(1, SHAPE)), discriminator()
    else:
        pair = generator(), change(discriminator())
    before = [numbers(net) for net in pair]
    with pytest.raises(ValueError, match=f"the {name}.*") as refused:
        train(*pair, out=tmp_path / "run")
    assert re.search(said, str(refused.value)) and not (tmp_path / "run").exists()
    assert all(same(one, numbers(net)) for one, net in zip(before, pair, strict=True))


def test_a_frozen_part_of_torchscript_is_taken():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frozen = torch.jit.script(nn.Linear(3, 3).requires_grad_(False))
    train(nn.Sequential(frozen, *generator()), steps=1)


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_a_buffer_whose_numbers_lie_in_one_place_is_refused_in_one_line(tmp_path, name):
    pair = {"generator": generator(), "discriminator": discriminator()}
    pair[name].register_buffer("mask", torch.ones(4).expand(3, 4))
    with pytest.raises(ValueError, match=f"the state of the {name} cannot be .*mask") as refused:
        train(*pair.values(), out=tmp_path / "run")
    assert "\n" not in str(refused.value) and not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_lazy_layers_are_refused_until_they_have_weights(name):
    torch.manual_seed(0)
    G, D = generator(), discriminator()
    lazy = nn.Sequential(nn.Identity(), nn.LazyLinear(8))
    if name == "generator":
        G[0] = lazy
    else:
        D[1] = lazy
    place = "0.1" if name == "generator" else "1.1"
    said = f"{name}'s layer '{place}' .LazyLinear. is lazy.*call the {name} once before"
    with pytest.raises(ValueError, match=said):
        train(G, D)
    (G if name == "generator" else D)(torch.zeros(2, 3) if name == "generator" else IMAGES)
    train(G, D)


# Layers that both networks have.


class Sharing(nn.Module):
    """Applies a layer of another network without registering it."""

    def __init__(self, layer):
        super().__init__()
        self.layer = [layer]

    def forward(self, x):
        return self.layer[0](x)


def sharing(how):
    torch.manual_seed(0)
    layer = nn.Linear(4, 4)
    theirs = layer
    if how == "a list":
        theirs = Sharing(layer)
    elif how == "a closure":
        theirs = Then(lambda x: layer(x))
    elif how == "memory":
        theirs = nn.Linear(4, 4)
        theirs.weight = nn.Parameter(layer.weight.data)
        theirs.bias = nn.Parameter(layer.bias.data)
    G = nn.Sequential(nn.Linear(3, 4), theirs, nn.Linear(4, 2))
    D = nn.Sequential(nn.Linear(2, 4), layer, nn.Linear(4, 1))
    return gancode.GAN(G, D, 3)


def steps_by_hand(gan, x, steps):
    """The two steps of a GAN, each with gradients at the weights as they are then."""
    rng = gancode.seed(0)
    players = [gan.discriminator, gan.generator]
    adams = [torch.optim.Adam(m.parameters(), 1e-2, (0.5, 0.999), fused=True) for m in players]
    norms = []
    for _ in range(steps):
        real = x[torch.randperm(len(x), generator=rng)]
        z = torch.randn(len(real), 3, generator=rng)
        fake = gan.generator(z).detach()
        on_real, on_fake = gan.discriminator(torch.cat([real, fake])).chunk(2)
        losses = [
            lambda a=on_real, b=on_fake: F.softplus(-a).mean() + F.softplus(b).mean(),
            lambda z=z: F.softplus(-gan.discriminator(gan.generator(z))).mean(),
        ]
        for player, adam, loss in zip(players, adams, losses, strict=True):
            weights = list(player.parameters())
            for weight, slope in zip(weights, torch.autograd.grad(loss(), weights), strict=True):
                weight.grad = slope
            norms.append(torch.stack([w.grad.norm() for w in weights]).norm().item())
            adam.step()
    return norms


@pytest.mark.parametrize("how", ["a module", "a list", "a closure", "memory"])
def test_a_layer_of_both_networks_has_the_gradients_of_its_moment(how):
    x = torch.randn(8, 2, generator=torch.Generator().manual_seed(1))
    expected, gan = sharing(how), sharing(how)
    norms = steps_by_hand(expected, x, 3)
    run = gancode.train(gan, x, steps=3, batch_size=8, lr=1e-2, log_every=1)
    for one, other in zip(numbers(gan), numbers(expected), strict=True):
        # Adam divides by the size of a gradient, so that a wrong one would show as a whole step.
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
    names = ("discriminator_gradient", "generator_gradient")
    logged = [row[name] for row in run.history for name in names]
    assert logged == pytest.approx(norms, rel=1e-5)


def test_a_layer_of_both_that_learns_in_neither_costs_no_second_forward():
    gan = sharing("a module")
    gan.generator[1].requires_grad_(False)
    calls = []
    gan.generator.register_forward_hook(lambda net, *_: calls.append(net is gan.generator))
    gancode.train(gan, torch.zeros(8, 2), steps=3, batch_size=8)
    assert sum(calls) == 3
    calls.clear()
    gan.generator[1].requires_grad_(True)
    gancode.train(gan, torch.zeros(8, 2), steps=3, batch_size=8)
    assert sum(calls) == 6


# What networks take and return.


class InPlace(nn.Module):
    def forward(self, x):
        return x.mul_(0.5).flatten(1)


def with_a_compiled_forward():
    D = discriminator()
    D.forward = torch.compile(D.forward, backend="eager")
    return D


ODD = {
    "logits that know nothing of the samples": (
        {"D": nn.Sequential(Then(torch.zeros_like), *discriminator())},
        "the generator gets no gradient, .* leave them out",
    ),
    "samples that the discriminator detaches": (
        {"D": nn.Sequential(Then(torch.detach), *discriminator()), "penalties": "r1=1"},
        "the generator gets no gradient, .* does it detach them",
    ),
    "a forward that is compiled": (
        {"D": with_a_compiled_forward(), "penalties": "r1=1"},
        "the discriminator is compiled, and penalties",
    ),
    "tuple of a discriminator": (
        {"D": discriminator(end=[Then(lambda t: (t, t))])},
        "the discriminator returns a tuple; it must return one tensor: return that alone, or wrap",
    ),
    "dict of a discriminator": (
        {"D": discriminator(end=[Then(lambda t: {"logits": t})])},
        "the discriminator returns a dict; it must return one tensor",
    ),
    "tuple of a generator": (
        {"G": nn.Sequential(*generator(), Then(lambda x: (x, 0)))},
        "the generator returns a tuple; it must return one tensor",
    ),
    "(n, 1, 1)": (
        {"D": discriminator(end=[nn.Unflatten(1, (1, 1))])},
        r"shape \(4, 1, 1\); it must .* shape \(4,\) or \(4, 1\): let it end in nn.Flatten\(0\)",
    ),
    "two logits a patch": (
        {"D": nn.Conv2d(1, 2, 3)},
        r"shape \(4, 2, 2, 2\); it must return one logit a sample, .*, or a patch, \(4, 1, h, w\)$",
    ),
    "features in place of a logit": (
        {"D": nn.Sequential(nn.Flatten(), nn.Linear(16, 3))},
        r"shape \(4, 3\); it must return one logit a sample",
    ),
    "in place, with a penalty": (
        {
            "G": nn.Sequential(*generator()[:-2], nn.Unflatten(1, SHAPE)),
            "D": nn.Sequential(nn.LeakyReLU(0.2, inplace=True), *discriminator()),
            "penalties": "r1=1",
        },
        "penalties cannot be taken of the discriminator: .*changes its input in place; give its "
        "first layer inplace=False",
    ),
    "in place in a module of one's own": (
        {"D": nn.Sequential(InPlace(), nn.Linear(16, 1)), "penalties": "wgan-gp=1..0.1@8"},
        "the generator's step fails: the discriminator changes its input in place",
    ),
    "in place, without one": (
        {"D": nn.Sequential(nn.ReLU(inplace=True), *discriminator())},
        "the generator's step fails: the discriminator changes its input in place",
    ),
    "compiled, with a penalty": (
        {"D": torch.compile(discriminator(), backend="aot_eager"), "penalties": "r1=1"},
        "discriminator is compiled, and penalties differentiate it twice.*compile=True",
    ),
    "no second derivative": (
        {"D": discriminator(Then(lambda x: Once.apply(x))), "penalties": "r1=1"},
        "penalties cannot be taken of the discriminator: ",
    ),
    "detached samples": (
        {"G": nn.Sequential(*generator(), Then(torch.detach))},
        "what the generator makes does not depend on its weights: does it detach it",
    ),
    "detached logits": (
        {"D": discriminator(end=[Then(torch.detach)])},
        "the discriminator's logits do not depend on its weights",
    ),
    "saved for backward, then changed": (
        {"G": nn.Sequential(*generator()[:-1], Then(lambda x: x + x.mul_(2)), generator()[-1])},
        "the generator's step fails: .*in-?place",
    ),
}


class Once(torch.autograd.Function):
    """The identity, differentiable once."""

    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, slope):
        return slope


@pytest.mark.parametrize("kind", ODD)
def test_odd_networks_are_one_sentence_before_the_first_step(tmp_path, kind):
    options, said = ODD[kind]
    options = {"G": generator(), "D": discriminator()} | options
    before = numbers(options["G"]), numbers(options["D"])
    with pytest.raises((ValueError, TypeError), match=said) as refused:
        train(out=tmp_path / "run", **options)
    assert same(numbers(options["G"]), before[0]) and same(numbers(options["D"]), before[1])
    assert "\n" not in str(refused.value) and not (tmp_path / "run").exists()


def test_a_penalty_that_begins_with_weight_zero_is_tried_too():
    D = nn.Sequential(nn.LeakyReLU(0.2, inplace=True), *discriminator())
    later = gancode.penalties.Penalty("real", "zero-centred", lambda s: float(s > 0.5), every=2)
    with pytest.raises(ValueError, match="changes its input in place"):
        train(None, D, penalties=[later])


@pytest.mark.filterwarnings("ignore")  # of the compiler
def test_compiled_networks_without_a_penalty_train_as_they_are():
    plain = train()
    compiled = train(
        *(torch.compile(net, backend="eager") for net in (generator(), discriminator()))
    )
    for one, other in zip(numbers(plain.averaged), numbers(compiled.averaged), strict=True):
        torch.testing.assert_close(one, other)


def test_a_lack_of_memory_is_not_taken_for_a_network_that_does_not_fit():
    def too_much(x):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.cuda.OutOfMemoryError):
        train(generator(Then(too_much)))


def test_a_trial_leaves_networks_and_random_states_alone():
    gan = gancode.GAN(generator(nn.BatchNorm1d(8)), discriminator(nn.Dropout(0.3)), 3)
    before, hidden = numbers(gan), copy.deepcopy(vars(gan.generator[1]))
    step = trial.Step(*catalog["relativistic"].torch(), True, parse(["r1=1", "wgan-gp=1"]), "bf16")
    found = trial.examine(gan, IMAGES[:2], [], step)
    assert found == trial.Findings(shared=False, fewest=2)
    assert same(numbers(gan), before) and all(w.grad is None for w in gan.parameters())
    assert vars(gan.generator[1]).keys() == hidden.keys()


GLOBAL = nn.BatchNorm1d(16)


class Counting(nn.Module):
    """A term with a statistic, a weight, and a number beside them."""

    def __init__(self):
        super().__init__()
        self.norm, self.calls = nn.BatchNorm1d(16), 0

    def forward(self, seen):
        self.calls += 1
        return self.norm(seen.generated.flatten(1)).square().mean()


class Holding:
    """An object that is no module, and has one."""

    def __init__(self):
        self.norm = nn.BatchNorm1d(16)

    def __call__(self, seen):
        return self.norm(seen.generated.flatten(1)).square().mean()


@pytest.mark.parametrize("kind", ["module", "method", "object", "enclosed", "global"])
def test_a_trial_leaves_the_modules_of_terms_alone(kind):
    counting, holding, norm = Counting(), Holding(), nn.BatchNorm1d(16)
    losses = {
        "module": (counting, counting),
        "method": (counting.forward, counting),
        "object": (holding, holding.norm),
        "enclosed": (lambda seen: norm(seen.generated.flatten(1)).square().mean(), norm),
        "global": (lambda seen: GLOBAL(seen.generated.flatten(1)).square().mean(), GLOBAL),
    }
    loss, module = losses[kind]
    gan = gancode.GAN(generator(), discriminator(), 3)
    next(module.parameters()).grad = torch.ones(len(next(module.parameters())))
    before = numbers(module)
    term = {"own": trial.Term("own", loss)}
    for player in ("generator", "discriminator"):
        step = trial.Step(*catalog["hinge"].torch(), False, [], "bf16", terms={player: term})
        trial.examine(gan, IMAGES[:2], [], step)
    assert same(numbers(module), before) and counting.calls == 0
    first, *rest = module.parameters()
    assert first.grad.eq(1).all() and all(weight.grad is None for weight in rest)
    assert not torch.nn.modules.module._global_forward_pre_hooks


# Batches of a single sample.

BN = {"G": lambda: generator(nn.BatchNorm1d(8)), "D": lambda: discriminator(nn.BatchNorm1d(8))}
SINGLE = {  # of 9 samples
    "tensor": (lambda x: x, {}, "batches of 4 and 1"),
    "data set": (lambda x: TensorDataset(x), {}, "batches of 4 and 1"),
    "loader": (lambda x: DataLoader(TensorDataset(x), 4), {}, "batches of 4 and 1"),
    "shuffled loader": (lambda x: DataLoader(TensorDataset(x), 8, shuffle=True), {}, "of 8 and 1"),
    "own batches": (
        lambda x: DataLoader(
            TensorDataset(x), batch_sampler=BatchSampler(SequentialSampler(x), 2, False)
        ),
        {},
        "batches of 2 and 1",
    ),
    "list": (lambda x: [x[:4], x[4:5], x[5:]], {}, "batches of 4 and 1"),
    "pieces": (lambda x: x[:8], {"accumulate": 4}, "batches of 4, cut into 4 pieces"),
    "batches of one": (lambda x: x, {"batch_size": 1}, "batches of 1"),
}


@pytest.mark.parametrize("who", BN)
@pytest.mark.parametrize("kind", SINGLE)
def test_a_single_sample_is_refused_with_its_cause_before_the_run(tmp_path, kind, who):
    make, options, cause = SINGLE[kind]
    layer = "generator's layer '1'" if who == "G" else "discriminator's layer '2'"
    said = f"take two samples and not one alone, as the {layer} .BatchNorm1d..*{cause}.*: choose"
    with pytest.raises(ValueError, match=said):
        train(**{who: BN[who]()}, data=make(IMAGES[:9]), out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("who", BN)
def test_a_loader_that_drops_the_last_batch_trains(who):
    train(**{who: BN[who]()}, data=DataLoader(TensorDataset(IMAGES[:9]), 4, drop_last=True))


class Stream:
    """Batches of which nobody knows the sizes."""

    def __init__(self, *sizes):
        self.sizes = sizes

    def __iter__(self):
        return iter(IMAGES.split(self.sizes))


@pytest.mark.parametrize("who", BN)
def test_a_single_sample_that_nobody_could_know_of_is_refused_when_it_comes(who):
    with pytest.raises(ValueError, match="^step 3: .*single sample.*drop_last=True"):
        train(**{who: BN[who]()}, data=Stream(4, 4, 1, 3))
    with pytest.raises(ValueError, match="the first batch has one"):
        train(**{who: BN[who]()}, data=Stream(1, 4, 7))


def test_networks_that_mind_no_single_sample_are_given_it():
    assert train(data=Stream(4, 1, 4, 3)).history[-1]["step"] == 4
    assert train(data=IMAGES[:9]).history[-1]["step"] == 4


class Spread(nn.Module):
    """Divides by the standard deviation of a batch, which one sample has not."""

    def forward(self, x):
        return x * ((x - x.mean(0)).square().sum(0) / (torch.zeros(()) + len(x) - 1)).sqrt()


def test_a_single_sample_that_makes_nan_is_refused_like_one_that_raises():
    with pytest.raises(
        ValueError, match="they return NaN.*two samples and not one alone, and .* 4 and 1"
    ):
        train(generator(Spread()), data=IMAGES[:9])


def test_nan_of_a_single_sample_in_the_generators_step_is_found_too():
    with pytest.raises(ValueError, match="they return NaN.*and the data come in .* 4 and 1"):
        train(D=discriminator(Spread()), data=IMAGES[:9])  # which sees two in its own


def test_many_batches_are_spoken_of_by_their_sizes():
    batches = [*IMAGES[:40].split(4), IMAGES[:1]]
    with pytest.raises(ValueError, match="come in batches of 4 and 1: choose"):
        train(generator(nn.BatchNorm1d(8)), data=batches)


# Gradients.


class Kink(nn.Module):
    """√|x|, which is finite at 0 and has no slope there."""

    def forward(self, x):
        return (x - x.detach()).abs().sqrt() + x


@pytest.mark.parametrize("options", [{}, {"max_grad_norm": 1.0}, {"accumulate": 2}])
@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_a_gradient_that_is_not_finite_changes_no_weight(tmp_path, name, options):
    pair = generator(Kink()), discriminator()
    if name == "discriminator":
        pair = generator(), discriminator(Kink())
    before = numbers(pair[0]), numbers(pair[1])
    said = f"step 1: the gradient of the {name} is NaN or infinite, first in its weight '[01].weig"
    with pytest.raises(FloatingPointError, match=f"{said}.*There is no checkpoint yet"):
        train(*pair, out=tmp_path / "run", **options)
    assert same(numbers(pair[0]), before[0])
    assert same(numbers(pair[1]), before[1]) == (name == "discriminator")  # which comes first


def test_a_gradient_too_long_for_its_norm_is_finite():
    run = train(objective=Objective(1e25 * softplus(-a) + 1e25 * softplus(b), softplus(-b)))
    assert run.history[-1]["discriminator_gradient"] == math.inf
    assert all(w.isfinite().all() for w in numbers(run.gan))


class InFours(nn.Module):
    """Compares samples in groups of four, and takes no other number of them."""

    def forward(self, x):
        groups = x.view(4, -1, *x.shape[1:])
        return x + groups.std(0, keepdim=True).expand_as(groups).reshape_as(x)


def test_networks_that_take_groups_are_given_whole_batches():
    assert train(None, discriminator(InFours())).history[-1]["step"] == 4
    with pytest.raises(ValueError, match=r"invalid for input of size"):
        train(None, discriminator(InFours()), data=IMAGES[:10])  # the last batch has two


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(16, dtype=torch.cfloat))

    def forward(self, x):
        return (torch.fft.fft(x.flatten(1)) * self.weight).real.sum(1)


def test_complex_weights_learn():
    D = Complex()
    train(None, D)
    assert (D.weight.detach() - 1).abs().min() > 0


def test_gradients_that_the_optimiser_does_not_take_are_refused_before_the_first_step():
    class Lookup(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(3, 16, sparse=True)

        def forward(self, x):
            return (self.table(torch.zeros(len(x), dtype=torch.int64)) * x.flatten(1)).sum(1)

    with pytest.raises(ValueError, match="the optimiser's step fails: Adam does not .* sparse"):
        train(None, Lookup())


def test_networks_of_the_package_pass_the_trial():
    for name in networks.pairs:  # batch normalisation of 49 pixels or more minds no single sample
        pair = networks.pair(name, 4, (1, 28, 28), classes=3, spectral=True)
        gan = gancode.GAN(*pair, 4, classes=3)
        step = trial.Step(*catalog["hinge"].torch(), False, parse("wgan-gp=1"), "fp32")
        found = trial.examine(gan, torch.zeros(2, 1, 28, 28), [torch.tensor([0, 2])], step)
        assert found == trial.Findings(shared=False, fewest=1)
