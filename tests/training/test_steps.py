"""The two steps by themselves: in loops of one's own, with conditions, terms and augmentations."""

import ast
import inspect
import itertools
import math
import textwrap

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

import gancode
from gancode import networks, penalties
from gancode.calculus import Game, catalog, gamma, psi, theta
from gancode.calculus.norms import NORMS, PENALTIES, n
from gancode.training import augment, checkpoint, steps, train
from gancode.training.terms import Seen

SHAPE = (1, 8, 8)
IMAGES = torch.randn(12, *SHAPE, generator=torch.Generator().manual_seed(5)).tanh()


def make_gan(seed=0):
    torch.manual_seed(seed)
    generator = networks.mlp_generator(3, SHAPE, [8])
    generator.insert(1, nn.BatchNorm1d(8))
    return gancode.GAN(generator, networks.mlp_discriminator(SHAPE, [8], dropout=0.3), 3)


def numbers(*modules):
    return [x.clone() for module in modules for x in module.state_dict().values()]


def same(one, other):
    return len(one) == len(other) and all(map(torch.equal, one, other))


# How they read.


def deepest(node, depth=0):
    """How deep the statements of a function are nested."""
    nested = (ast.For, ast.While, ast.If, ast.With, ast.Try)
    below = [deepest(each, depth + isinstance(node, nested)) for each in ast.iter_child_nodes(node)]
    return max([depth + isinstance(node, nested), *below])


@pytest.mark.parametrize("step", ["discriminator_step", "generator_step"])
def test_a_step_can_be_laid_beside_the_paper(step):
    source = textwrap.dedent(inspect.getsource(getattr(gancode.Players, step)))
    assert len(source.splitlines()) <= 30
    assert 1 + deepest(ast.parse(source).body[0]) <= 3


def test_the_loop_and_its_record_are_at_most_110_lines():
    functions = train.conduct, train._loop
    assert sum(len(inspect.getsource(each).splitlines()) for each in functions) <= 110


# Loops of one's own.


def test_a_loop_of_ones_own_is_train_bit_for_bit():
    options = {"penalties": ["r1=1..0.1", "wgan-gp=1@2"], "lr": "1e-3..1e-4"}
    whole, gan = make_gan(), make_gan()
    run = gancode.train(whole, IMAGES, steps=6, batch_size=4, seed=7, log_every=6, **options)
    rng = gancode.seed(7)
    players = gancode.Players(gan, rng=rng, **options)
    epochs = (torch.randperm(12, generator=rng).split(4) for _ in itertools.count())
    batches = itertools.chain.from_iterable(epochs)
    for k in range(6):
        players.advance(k / 6)
        batch = players.batch(IMAGES[next(batches)])
        players.discriminator_step(batch)
        players.generator_step(batch)
    assert same(numbers(gan, players.averaged), numbers(whole, run.averaged))
    row = {key: value for key, value in run.history[0].items() if key in players.losses}
    assert row.items() <= players.row().items() and len(row) == 3


def two_pairs():
    """Two generators and two critics that take turns, as in CycleGAN: each generator is the
    condition's translator, and each has a term that goes through the other."""
    gans = [Translating(make_gan(k)) for k in range(2)]

    def around(k):
        def cycle(seen):
            back = gans[1 - k].generator(seen.latents, seen.generated)
            return (back - seen.condition[0]).abs().mean()

        return {"cycle": (cycle, 10.0)}

    return [
        gancode.Players(gan, objective="least-squares", lr=1e-3, seed=k, generator_terms=around(k))
        for k, gan in enumerate(gans)
    ]


class Translating(gancode.GAN):
    """Networks that get an image as their condition."""

    def __init__(self, gan):
        class Generator(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Conv2d(1, 1, 3, padding=1)

            def forward(self, z, image):
                return (self.layer(image) + z.mean(1).view(-1, 1, 1, 1)).tanh()

        class Discriminator(nn.Module):
            def __init__(self):
                super().__init__()
                self.network = networks.mlp_discriminator((2, 8, 8), [8])

            def forward(self, x, image):
                return self.network(torch.cat([x, image], 1))

        super().__init__(Generator(), Discriminator(), 3, conditional=True)


def turns(players, times):
    for k in range(times):
        left, right = IMAGES[(k % 3) * 4 :][:2], IMAGES[(k % 3) * 4 + 2 :][:2]
        for one, (real, given) in zip(players, [(left, right), (right, left)], strict=True):
            one.advance(k / 6)
            batch = one.batch(real, given)
            one.discriminator_step(batch)
            one.generator_step(batch)


def test_two_pairs_in_one_loop_are_saved_and_go_on(tmp_path):
    whole = two_pairs()
    turns(whole, 6)
    parts = two_pairs()
    turns(parts, 3)
    checkpoint.save(tmp_path, 3, {str(k): p.state_dict() for k, p in enumerate(parts)})
    state = checkpoint.load(checkpoint.saved(tmp_path)[-1])
    again = two_pairs()
    for k, players in enumerate(again):
        players.load_state_dict(state[str(k)])
    for k in range(3, 6):
        for one, other in zip(again, (0, 1), strict=True):
            pair = IMAGES[(k % 3) * 4 :][:2], IMAGES[(k % 3) * 4 + 2 :][:2]
            one.advance(k / 6)
            batch = one.batch(pair[other], pair[1 - other])
            one.discriminator_step(batch)
            one.generator_step(batch)
    for one, other in zip(whole, again, strict=True):
        assert same(numbers(one.gan, one.averaged), numbers(other.gan, other.averaged))
        assert one.row() == other.row()
        assert one.step == other.step == 6


def test_a_loop_of_ones_own_has_the_same_checks():
    gan = gancode.GAN(networks.mlp_generator(3, SHAPE, [8]), nn.Sequential(nn.Flatten()), 3)
    with pytest.raises(gancode.Refused, match="discriminator has no trainable weights"):
        gancode.Players(gan)
    with pytest.raises(gancode.Refused, match="ema=2 must be"):
        gancode.Players(make_gan(), ema=2)
    with pytest.raises(gancode.Refused, match="the two must agree"):
        gancode.Players(make_gan()).batch(IMAGES[:, :, :4])
    players = gancode.Players(make_gan())
    players.examine(IMAGES[:2])
    players.advance()
    batch = players.batch(torch.full_like(IMAGES, math.nan))
    before = numbers(players.gan.discriminator[1])
    with pytest.raises(FloatingPointError, match="step 1: the discriminator loss is nan; .* real"):
        players.discriminator_step(batch)
    assert same(numbers(players.gan.discriminator[1]), before)


# Waiting for a device.


class Reads(TorchDispatchMode):
    """Counts what waits for a device: a number that is read from a tensor."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func in (
            torch.ops.aten._local_scalar_dense.default,
            torch.ops.aten.is_nonzero.default,
        )
        return func(*args, **(kwargs or {}))


def reads(monkeypatch, steps_, **options):
    monkeypatch.setattr(steps.Players, "_at_once", False)  # as on a GPU
    gan = make_gan()
    began = []
    with Reads() as seen:
        gancode.train(
            gan,
            IMAGES,
            steps=steps_,
            batch_size=4,
            log_every=steps_,
            callback=lambda step, run: began.append(seen.count),
            **options,
        )
    return began[-2] - began[0]  # between the first step and the row


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"penalties": ["r1=1", "dragan=1"], "max_grad_norm": 1.0},
        {"objective": "relativistic", "accumulate": 2, "discriminator_steps": 2},
        {"augment": "translation+cutout+brightness+contrast@adaptive"},
        {"generator_terms": {"far": lambda seen: seen.generated.square().mean()}},
    ],
)
def test_between_two_rows_nothing_waits_for_the_device(monkeypatch, options):
    assert reads(monkeypatch, 12, **options) == 0


def test_what_is_read_late_is_the_same(monkeypatch):
    options = {"steps": 9, "batch_size": 4, "log_every": 4, "penalties": "r1=1"}
    gan, late = make_gan(), make_gan()
    run = gancode.train(gan, IMAGES, **options)
    monkeypatch.setattr(steps.Players, "_at_once", False)
    other = gancode.train(late, IMAGES, **options)
    assert same(numbers(gan, run.averaged), numbers(late, other.averaged))
    for one, two in zip(run.history, other.history, strict=True):
        one, two = ({k: v for k, v in row.items() if "images" not in k} for row in (one, two))
        assert one == two


def test_a_nan_that_is_read_late_is_named_with_its_step_and_never_saved(monkeypatch, tmp_path):
    monkeypatch.setattr(steps.Players, "_at_once", False)
    gan = make_gan()

    def breaks(module, arguments, output):
        breaks.calls += module is gan.generator
        return output * float("nan") if breaks.calls > 10 else output

    breaks.calls = 0
    gan.generator.register_forward_hook(breaks)
    with pytest.raises(FloatingPointError, match="^step 11: the discriminator loss is nan. It was"):
        gancode.train(gan, IMAGES, steps=40, batch_size=4, out=tmp_path, save_every=8, log_every=40)
    assert [path.name for path in checkpoint.saved(tmp_path)] == ["checkpoint-000000008.pt"]


# Conditions of any kind.


class Given(nn.Module):
    """A network that adds what it makes of each tensor of the condition."""

    def __init__(self, network, *widths):
        super().__init__()
        self.network = network
        self.layers = nn.ModuleList(nn.Linear(width, 1) for width in widths)

    def forward(self, x, *given):
        said = sum(layer(c.flatten(1)) for layer, c in zip(self.layers, given, strict=True))
        return self.network(x + said.view(-1, *[1] * (x.ndim - 1)))


CONDITIONS = {
    "image": (torch.randn(12, 1, 4, 4),),
    "vector": (torch.randn(12, 5),),
    "sequence": (torch.randn(12, 7, 2),),
    "several": (torch.randn(12, 5), torch.randn(12, 1, 4, 4)),
}


def conditional(kind):
    widths = [c[0].numel() for c in CONDITIONS[kind]]
    gan = make_gan()
    return gancode.GAN(
        Given(gan.generator, *widths), Given(gan.discriminator, *widths), 3, conditional=True
    )


def pairs(kind, form):
    given = CONDITIONS[kind] if len(CONDITIONS[kind]) > 1 else CONDITIONS[kind][0]
    several = isinstance(given, tuple)
    if form == "tensors":
        return IMAGES, given
    items = [(IMAGES[k], tuple(c[k] for c in given) if several else given[k]) for k in range(12)]
    if form == "data set":
        return Items(items)
    batches = [
        (IMAGES[k : k + 4], tuple(c[k : k + 4] for c in CONDITIONS[kind])) for k in (0, 4, 8)
    ]
    return [(x, c if several else c[0]) for x, c in batches]


class Items(torch.utils.data.Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


OPTIONS = {"steps": 6, "batch_size": 4, "log_every": 3, "penalties": ["r1=1", "wgan-gp=1"]}
OPTIONS |= {"objective": "relativistic", "accumulate": 2}


@pytest.mark.slow
@pytest.mark.parametrize("form", ["tensors", "data set", "list"])
@pytest.mark.parametrize("kind", CONDITIONS)
def test_a_condition_of_any_kind_goes_where_labels_go_and_is_taken_up_again(tmp_path, kind, form):
    told = []
    gan = conditional(kind)

    def hook(module, arguments):
        if module in (gan.generator, gan.discriminator):
            told.append(arguments)

    of = {tuple(x.flatten().tolist()): k for k, x in enumerate(IMAGES)}
    gan.discriminator.register_forward_pre_hook(hook)
    run = gancode.train(gan, pairs(kind, form), **OPTIONS)
    for x, *given in told:  # each real sample with its own condition, twice over or for each point
        found = [of.get(tuple(image.flatten().tolist())) for image in x]
        assert any(k is not None for k in found) or len(x) == 4
        for c, whole in zip(given, CONDITIONS[kind], strict=True):
            assert c.shape == (len(x), *whole.shape[1:])
            for row, k in zip(c, found, strict=True):
                assert k is None or torch.equal(row, whole[k])
    half = {"save_every": 3, "out": tmp_path}

    def stop(step, run):
        if step == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        gancode.train(conditional(kind), pairs(kind, form), callback=stop, **half, **OPTIONS)
    again = conditional(kind)
    resumed = gancode.train(again, pairs(kind, form), resume=True, **half, **OPTIONS)
    assert same(numbers(gan, run.averaged), numbers(again, resumed.averaged))
    loaded = gancode.load(tmp_path, gan=conditional(kind))
    assert torch.equal(loaded.sample(70), run.sample(70))


def test_samples_have_the_conditions_asked_for_or_those_of_the_data_in_turn():
    run = gancode.train(conditional("several"), pairs("several", "tensors"), **OPTIONS)
    whole = CONDITIONS["several"]
    in_turn = tuple(torch.cat([c, c])[:20] for c in whole)
    assert torch.equal(run.sample(20), run.sample(20, conditions=in_turn))
    other = tuple(c.flip(0) for c in whole)
    assert not torch.equal(run.sample(12), run.sample(12, conditions=other))
    for wrong in (whole[0], (whole[0][:5], whole[1][:5]), whole[::-1], None, 3):
        if wrong is not None:
            with pytest.raises(gancode.Refused, match="one entry for each of the 12 samples"):
                run.sample(12, conditions=wrong)
    with pytest.raises(gancode.Refused, match="labels are for a conditional GAN with classes"):
        run.sample(12, labels=3)
    plain = gancode.train(make_gan(), IMAGES, steps=1, batch_size=4)
    with pytest.raises(gancode.Refused, match="conditional=True"):
        plain.sample(12, conditions=whole)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (IMAGES, "a conditional GAN needs conditions, and the data, a tensor, have none"),
        ((IMAGES, torch.randn(9, 5)), r"one condition a sample: \(12,\) and not \(9, 5\)"),
        ((IMAGES, torch.full((12, 5), math.nan)), "conditions contain NaN or infinity"),
        ([(IMAGES, "text")], "must be a tensor or a tuple of tensors, not str"),
        ([IMAGES], r"a tuple \(samples, condition\)"),
        ([(IMAGES, ())], "must be a tensor or a tuple of tensors, not nothing"),
        (TensorDataset(IMAGES), r"must be a tuple \(sample, condition\)"),
        ((IMAGES, torch.randn(12, 4)), "generator does not take .* with a condition of shape"),
    ],
)
def test_conditions_that_are_none_are_refused(data, said):
    gan = conditional("vector")
    before = numbers(gan)
    with pytest.raises(gancode.Refused, match=said):
        gancode.train(gan, data, steps=2, batch_size=4)
    assert same(numbers(gan), before)


def test_a_gan_generates_when_it_is_called():
    gan = make_gan().eval()
    z = gan.latents(5)
    assert torch.equal(gan(z), gan.generator(z))
    gan = conditional("several").eval()
    given = [c[:5] for c in CONDITIONS["several"]]
    assert torch.equal(gan(z, *given), gan.generator(z, *given))


# Terms.


def test_an_l1_term_is_that_of_pix2pix():
    data = pairs("image", "tensors")
    seen = []

    def l1(shown):
        assert isinstance(shown, Seen) and shown.latents.shape == (len(shown.real), 3)
        seen.append(shown)
        return (shown.generated - shown.real).abs().mean()

    gan = conditional("image")
    options = {"steps": 1, "batch_size": 12, "lr": 1e-3, "seed": 3}
    run = gancode.train(gan, data, generator_terms={"l1": (l1, 100.0)}, **options)
    shown = seen[-1]
    assert shown.logits_real is None and shown.generator is gan.generator
    assert torch.equal(shown.condition[0], data[1][[(IMAGES == x).flatten(1).all(1).nonzero().item()
                                                    for x in shown.real]])  # fmt: skip
    assert run.history[0]["l1"] == pytest.approx(100 * l1(shown).item(), rel=1e-6)
    plain = conditional("image")
    without = gancode.train(plain, data, **options)
    assert not same(numbers(plain.generator), numbers(gan.generator))
    assert same(numbers(plain.discriminator), numbers(gan.discriminator))
    assert "l1" not in without.history[0]


def test_a_term_moves_the_weights_as_its_gradient_says():
    """The first step of Adam without momentum is the sign of the gradient: that of a term which
    outweighs the loss by far."""
    torch.manual_seed(0)
    gan = gancode.GAN(nn.Linear(3, 2), networks.mlp_discriminator(2, [4]), 3)
    before, target = gan.generator.bias.detach().clone(), torch.tensor([[50.0, -50.0]])
    options = {"steps": 1, "batch_size": 8, "lr": 1e-2, "betas": (0.0, 0.5)}

    def far(seen):
        return (seen.generated - target).square().mean()

    gancode.train(gan, torch.randn(8, 2), generator_terms={"far": (far, 1e4)}, **options)
    moved = gan.generator.bias.detach() - before
    torch.testing.assert_close(moved, torch.tensor([1e-2, -1e-2]), rtol=1e-3, atol=0)


class Code(nn.Module):
    """InfoGAN's recogniser: which of the first latents made this sample."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.BatchNorm1d(4))

    def forward(self, seen):
        return (self.layers(seen.generated)[:, 0] - seen.latents[:, 0]).square().mean()


class Classes(nn.Module):
    """AC-GAN's classifier, which learns from real samples."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))

    def forward(self, seen):
        return F.cross_entropy(self.layers(seen.real), seen.condition[0])


def with_modules(out=None, steps=8, stop=None, **more):
    torch.manual_seed(1)
    code, classes = Code(), Classes()
    torch.manual_seed(2)
    pair = networks.pair("mlp", 3, SHAPE, classes=3, hidden=(8,))
    gan = gancode.GAN(*pair, 3, classes=3)

    def asked(seen):
        return F.cross_entropy(classes.layers(seen.generated), seen.condition[0])

    def callback(step, run):
        if step == stop:
            raise InterruptedError

    run = gancode.train(
        gan,
        (IMAGES, torch.arange(12) % 3),
        steps=steps,
        batch_size=4,
        log_every=2,
        lr=1e-2,
        out=out,
        save_every=3,
        callback=callback,
        augment="translation+brightness@adaptive",
        generator_terms={"code": (code, "1..0.5"), "class": asked},
        discriminator_terms={"real class": classes},
        **more,
    )
    return run, code, classes


def test_modules_learn_with_their_player_are_averaged_saved_and_resumed(tmp_path):
    run, code, classes = with_modules()
    torch.manual_seed(1)
    fresh = Code(), Classes()
    for module, old in zip((code, classes), fresh, strict=True):
        pairs = zip(module.parameters(), old.parameters(), strict=True)
        assert not any(torch.equal(*pair) for pair in pairs)
    assert {"code", "class", "real class", "augment_probability"} <= run.history[0].keys()
    assert [*run.history[0]][-1] == "images_per_second"
    averaged = run.terms
    assert not same(numbers(averaged["code"]), numbers(code))
    assert torch.equal(averaged["code"].layers[2].running_mean, code.layers[2].running_mean)
    with pytest.raises(InterruptedError):
        with_modules(tmp_path, stop=5)
    again, code_again, classes_again = with_modules(tmp_path, resume=True)
    assert same(
        numbers(run.gan, run.averaged, run.terms, code, classes),
        numbers(again.gan, again.averaged, again.terms, code_again, classes_again),
    )
    for one, other in zip(run.history, again.history, strict=True):
        one, other = ({k: v for k, v in r.items() if "images" not in k} for r in (one, other))
        assert one == other


def test_a_term_of_weight_zero_is_not_asked_for():
    asked = []

    def term(seen):
        asked.append(seen)
        return seen.generated.mean()

    rising = lambda s: float(s >= 0.5)  # noqa: E731
    run = gancode.train(make_gan(), IMAGES, steps=4, batch_size=4, log_every=1,
                        generator_terms={"late": (term, rising)})  # fmt: skip
    assert len(asked) == 1 + 2  # on trial, and in the last two steps
    assert [bool(row["late"]) for row in run.history] == [False, False, True, True]


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_term_that_is_nan_is_named(player):
    calls = []

    def term(seen):
        calls.append(1)
        return seen.generated.mean() * (math.nan if len(calls) > 3 else 1)

    with pytest.raises(FloatingPointError, match="step 3: the term odd is nan; the logits here"):
        gancode.train(
            make_gan(), IMAGES, steps=9, batch_size=4, **{f"{player}_terms": {"odd": term}}
        )


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ([1], "or a dict from names to functions"),
        ({"far": 3}, "'far' must be a function of what a step has seen"),
        ({"penalty": len}, "'penalty' is no name for a term"),
        ({3: len}, "3 is no name for a term"),
        ({"a.b": len}, "'a.b' is no name for a term; give a text without dots"),
        ({"": len}, "'' is no name for a term"),
        ({"items": nn.Identity()}, "'items' is no name for a term"),
        ({"far": (len, -1)}, "weight of the term 'far' must be finite and not negative"),
        ({"far": lambda seen: 3.0}, "the term 'far' must return a scalar tensor.* not a float"),
        ({"far": lambda seen: seen.generated}, r"not a Tensor of shape \(2, 1, 8, 8\)"),
    ],
)
def test_terms_that_are_none_are_refused_before_the_first_step(terms, said):
    gan = make_gan()
    before = numbers(gan)
    with pytest.raises(gancode.Refused, match=said):
        gancode.train(gan, IMAGES, steps=2, batch_size=4, generator_terms=terms)
    assert same(numbers(gan), before)
    with pytest.raises(gancode.Refused, match="'far' is named twice"):
        gancode.Settings(generator_terms={"far": len}, discriminator_terms={"far": len})


def test_an_error_of_ones_own_keeps_its_type_and_says_whose_it_is():
    def term(seen):
        return {}["lost"]

    def callback(step, run):
        raise LookupError("mine")

    def measure(run):
        return {"x": [][0]}

    for options, error, note in [
        ({"generator_terms": {"odd": term}}, KeyError, "in the term 'odd' of gancode.train"),
        ({"callback": callback}, LookupError, "in the callback of gancode.train, at step 1"),
        (
            {"measure": lambda run: {"x": [][0]}},
            IndexError,
            "in `measure` of gancode.train, at step 2",
        ),
    ]:
        with pytest.raises(error) as raised:
            gancode.train(make_gan(), IMAGES, steps=2, batch_size=4, **options)
        assert raised.value.__notes__ == [note]


@pytest.mark.parametrize(
    ("place", "note"),
    [
        ("term", "in the term 'odd' of gancode.train"),
        ("augmentation", "in the augmentation 'turned' of gancode.train"),
        ("network", "in step 1 of gancode.train"),
    ],
)
def test_an_error_in_a_step_has_one_note(place, note):
    gan, calls = make_gan(), []

    def fail(where, in_the_run):  # and not on trial, where copies are called
        if where == place and in_the_run:
            raise UnicodeError("mine")

    def odd(seen):
        fail("term", seen.discriminator is gan.discriminator)
        return seen.generated.mean()

    def turned(x, draws):
        calls.append(x)
        fail("augmentation", len(calls) > 4)
        return x

    def look(module, _):
        fail("network", module is gan.discriminator)

    gan.discriminator.register_forward_pre_hook(look)
    options = {"steps": 9, "generator_terms": {"odd": odd}, "augment": turned}
    with pytest.raises(UnicodeError, match="mine") as raised:
        gancode.train(gan, IMAGES, batch_size=4, **options)
    assert raised.value.__notes__ == [note]


# Augmentations.


def test_both_kinds_of_samples_are_augmented_in_both_steps_and_in_penalties():
    shown = []

    def marked(x, draws):
        shown.append(len(x))
        return x + 100.0

    gan, inputs = make_gan(), []
    gan.discriminator.register_forward_pre_hook(
        lambda module, a: inputs.append(a[0]) if module is gan.discriminator else None
    )
    gancode.train(gan, IMAGES, steps=2, batch_size=4, augment=marked, penalties="r1=1")
    assert all((x > 50).all() for x in inputs)
    assert [len(x) for x in inputs] == [8, 4, 4] * 2
    assert not (gan.generator.eval()(gan.latents(4)) > 50).any()


@pytest.mark.parametrize("name", augment.NAMED)
def test_a_transformation_is_differentiable_twice_and_draws_from_its_generator(name):
    x = torch.randn(5, 2, 16, 16, dtype=torch.float64, requires_grad=True)
    one, other = (augment.NAMED[name](x, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, other) and one.shape == x.shape and not torch.equal(one, x)
    (slope,) = torch.autograd.grad(one.square().sum(), x, create_graph=True)
    assert torch.autograd.grad(slope.square().sum(), x)[0].isfinite().all()


def test_translations_move_by_an_eighth_at_most_and_fill_with_zero():
    x = torch.arange(1, 257, dtype=torch.float32).view(1, 1, 16, 16).expand(500, -1, -1, -1)
    moved = augment.translation(x, torch.Generator().manual_seed(0))
    seen = set()
    for one in moved[:, 0]:
        inside = one[2:-2, 2:-2] - x[0, 0, 2:-2, 2:-2]
        (shift,) = inside.unique().tolist()  # the same for all that stayed inside
        seen.add(shift)
        assert set(one.unique().tolist()) <= {0.0, *range(1, 257)}
    assert seen == {16.0 * rows + columns for rows in range(-2, 3) for columns in range(-2, 3)}


def test_a_cutout_is_a_square_of_half_the_size():
    cut = augment.cutout(torch.ones(300, 1, 16, 16), torch.Generator().manual_seed(0)) == 0
    rows, columns = cut.any(3).sum(2), cut.any(2).sum(2)
    assert torch.equal(cut.sum((1, 2, 3)), (rows * columns).flatten())
    assert rows.max() == columns.max() == 8 and rows.min() >= 4


def test_an_affine_map_turns_zooms_and_moves_by_as_much_as_it_says():
    """An image that is its own coordinates shows where each pixel came from."""
    side, middle = 16, slice(6, 10)  # these pixels come from inside
    here = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    rows, columns = torch.meshgrid(here, here, indexing="ij")
    x = torch.stack([rows, columns]).expand(2000, -1, -1, -1)
    shown = augment.affine(x, torch.Generator().manual_seed(0))
    inside = shown[:, :, middle, middle]
    (down, cross), (other, right) = (
        (inside[:, k].diff(dim=1).mean((1, 2)), inside[:, k].diff(dim=2).mean((1, 2)))
        for k in (0, 1)
    )
    torch.testing.assert_close(down, right)  # a turn and one size for both directions
    torch.testing.assert_close(cross, -other)
    size, angle = torch.hypot(down, other), torch.atan2(other, down)
    for found, least, most in (
        (size, 0.875, 1.125),
        (angle, -0.2, 0.2),
        (inside[:, 0].mean((1, 2)), -2.0, 2.0),
        (inside[:, 1].mean((1, 2)), -2.0, 2.0),
    ):
        reach = 0.01 * (most - least)  # of 2000 draws some come so close to an end
        assert least <= found.min() < least + reach and most - reach < found.max() <= most


def test_an_affine_map_of_a_single_row_column_or_pixel_stays_within_it():
    draws = torch.Generator().manual_seed(0)
    for size in ((1, 1), (1, 7), (7, 1)):
        x = torch.randn(5, 2, *size, generator=draws, requires_grad=True)
        shown = augment.affine(x, draws)
        low, high = x.flatten(2).aminmax(dim=2)
        assert shown.shape == x.shape and size != (1, 1) or torch.equal(shown, x)
        assert (shown.flatten(2) >= low[..., None] - 1e-6).all()
        assert (shown.flatten(2) <= high[..., None] + 1e-6).all()
        shown.sum().backward()


def test_an_affine_map_is_what_grid_sample_makes_of_the_same_draws():
    x = torch.randn(6, 3, 12, 20, dtype=torch.float64)
    numbers = 2 * torch.rand((6, 4), generator=torch.Generator().manual_seed(3)).double() - 1
    angle, zoom, down, right = numbers.unbind(1)
    cosine, sine, size = torch.cos(angle / 5), torch.sin(angle / 5), 1 + zoom / 8
    # `grid_sample` counts from the middle, in halves of a side.
    aspect = 12 / 20
    maps = torch.stack(
        [cosine * size, sine * size * aspect, right / 4,
         -sine * size / aspect, cosine * size, down / 4], 1).view(6, 2, 3)  # fmt: skip
    grid = F.affine_grid(maps, [6, 3, 12, 20], align_corners=False)
    wanted = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    shown = augment.affine(x, torch.Generator().manual_seed(3))
    torch.testing.assert_close(shown, wanted)


def test_a_probability_is_how_often():
    of = augment.Augmentation(augment.parse("brightness@0.25"), None)
    x = torch.zeros(20_000, 1)
    (shown,) = of(x, draws=torch.Generator().manual_seed(0))
    changed = (shown != 0).double().mean().item()
    assert abs(changed - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 20_000)


@pytest.mark.parametrize("draws", [torch.Generator().manual_seed(3), None])
def test_an_image_of_the_condition_moves_with_its_sample_and_nothing_else_of_it_does(draws):
    of = augment.Augmentation(augment.parse("translation+cutout+brightness@0.5"), None)
    x = torch.randn(40, 1, 16, 16)
    others = torch.randn(40, 3), torch.randn(40, 1, 8, 8), torch.arange(40)
    moved, beside, *rest = of(x, [x.expand(-1, 2, -1, -1), *others], draws)
    assert torch.equal(beside, moved.expand(-1, 2, -1, -1))
    assert 0 < sum(map(torch.equal, moved, x)) < 30  # some of them stay as they are
    assert all(map(torch.equal, rest, others))


def test_the_discriminator_sees_pairs_moved_alike_in_both_steps_and_in_penalties():
    torch.manual_seed(0)
    judge = networks.patch_discriminator((1, 8, 8), (1, 8, 8), channels=2, depth=1)
    gan, looks = gancode.GAN(networks.unet((1, 8, 8), channels=2), judge, 1, conditional=True), []
    images = torch.randn(8, 1, 8, 8).tanh()
    gan.discriminator.register_forward_pre_hook(
        lambda module, a: looks.append(a) if module is gan.discriminator else None
    )
    options = {"augment": "translation", "penalties": "r1=1", "batch_size": 8}
    gancode.train(gan, (images, images), steps=1, **options)
    assert len(looks) == 3
    for x, c in looks[:2]:  # in the discriminator's step, where real ones come first, and of r1
        assert torch.equal(x[:8], c[:8])
    for _, c in looks:
        assert not all(any(torch.equal(one, image) for image in images) for one in c)


class Alone:
    world_size = 1

    @staticmethod
    def average(tensors):
        pass


@pytest.mark.parametrize(("logit", "ends"), [(1.0, 0.4), (-1.0, 0.0)])
def test_an_adaptive_probability_follows_the_sign_of_the_logits(logit, ends):
    of = augment.Augmentation(augment.Augment({}, "adaptive", images=1000), Alone)
    seen = [float(of.probability)]
    for step in range(1, 9):
        of.follow(torch.full((50,), logit), step)
        seen.append(float(of.probability))
    assert seen[:4] == [0.0] * 4 and seen[-1] == pytest.approx(ends)
    if logit > 0:  # 200 images of 1000 at every fourth step
        assert seen[4:8] == pytest.approx([0.2] * 4)
    mixed = torch.tensor([1.0] * 79 + [-1.0] * 21)  # a mean sign of 0.58, below the target
    for step in range(9, 13):
        of.follow(mixed, step)
    assert float(of.probability) == pytest.approx(max(0.0, ends - 0.4))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mirror", "unknown augmentation 'mirror'; the names are translation, cutout"),
        ("cutout@2", "probability 2.0 must be from 0 to 1"),
        ("cutout@often", "probability 'often' must be from 0 to 1"),
    ],
)
def test_augmentations_that_are_none_are_refused(given, said):
    with pytest.raises(gancode.Refused, match=said):
        gancode.Settings(augment=given)
    with pytest.raises(gancode.Refused, match="'odd' must be a function of samples"):
        augment.Augment({"odd": 3})


def test_what_is_for_images_is_refused_for_points():
    gan = gancode.GAN(*networks.pair("mlp", 3, 2, hidden=(8,)), 3)
    with pytest.raises(gancode.Refused, match="translation, cutout and affine are for images"):
        gancode.train(gan, gancode.data.ring(), steps=2, augment="cutout")
    gancode.train(gan, gancode.data.ring(), steps=2, augment="brightness@0.5")


# Penalties by name.


@pytest.mark.parametrize("name", PENALTIES)
def test_every_penalty_is_a_function_beside_its_string(name):
    make = getattr(penalties, name.replace("-", "_"))
    (one,), other = penalties.parse(f"{name}=10@16"), make(10, every=np.int64(16))
    assert (one.where, one.norm, one.text) == (other.where, other.norm, f"{name}=10@16")
    assert len(PENALTIES) == len(penalties.WHERE) * len(NORMS) == 12


class Sine(nn.Module):
    """D(x) = sin(x₁) + 2 x₂, whose slope at x is (cos x₁, 2)."""

    def forward(self, x):
        return x[:, 0].sin() + 2 * x[:, 1]


@pytest.mark.parametrize("name", PENALTIES)
def test_the_value_of_every_penalty_is_its_expression_at_the_slopes(name):
    where, norm = PENALTIES[name]
    real, generated = torch.randn(2, 50, 2, dtype=torch.float64, generator=torch.Generator())
    draws = torch.Generator().manual_seed(1)
    points = penalties.WHERE[where](real, generated, draws)
    slopes = (points[:, 0].cos().square() + 4).sqrt()
    expected = sum(float(NORMS[norm].subs(n, slope.item())) for slope in slopes) / 50
    draws.manual_seed(1)
    made = penalties.parse(f"{name}=3")
    found = penalties.gradient_penalty(Sine(), real, generated, made, draws)
    assert found.item() == pytest.approx(3 * expected, rel=1e-12)


def test_every_penalty_has_its_place_on_the_dirac_line():
    """There the slope is ψ everywhere: what matters is the norm alone."""
    plain = catalog["nonsaturating"].dirac()
    for name, (_, norm) in PENALTIES.items():
        game = catalog["nonsaturating"].dirac(name)
        added = game.losses[psi] - plain.losses[psi]
        for slope in (-3, -0.5, 0, 0.5, 3):
            value = gamma * NORMS[norm].subs(n, abs(slope))
            assert (added.subs(psi, slope) - value).simplify() == 0
    # A one-sided penalty asks nothing of small slopes, so nothing is damped there; a one-centred
    # one jumps there, and has no equilibrium.
    assert catalog["nonsaturating"].dirac("wgan-lp").eigenvalues((0, 0)) == plain.eigenvalues(
        (0, 0)
    )
    with pytest.raises(gancode.Refused, match="the field jumps"):
        catalog["nonsaturating"].dirac("dragan").eigenvalues((0, 0))
    assert isinstance(plain, Game) and set(plain.losses) == {theta, psi}


def test_a_loader_of_ones_own_is_dealt_to_the_steps():
    players = gancode.Players(make_gan())
    for (real,) in DataLoader(TensorDataset(IMAGES), 4):
        players.advance()
        batch = players.batch(real)
        players.discriminator_step(batch)
        players.generator_step(batch)
    assert players.step == 3 and players.row()["discriminator_loss"] > 0
    assert not {id(w) for w in players.averaged.parameters()} & {
        id(w) for w in players.gan.parameters()
    }


# A logit for each patch.


class Judged(nn.Module):
    """Patches of 4 × 4 pixels, each with a logit, of an image and its condition."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(2, 1, 4, stride=4)

    def forward(self, x, image):
        return self.layer(torch.cat([x, image], 1)) ** 3  # as far from linear as a loss


def judged(objective, **options):
    """The first row of a run that judges patches, and the logits of its first batch."""
    gan = Translating(make_gan())
    gan.discriminator = Judged()
    players = gancode.Players(gan, objective=objective, **options)
    players.advance()
    batch = players.batch(IMAGES[:6], -IMAGES[:6])
    ((_, x, z, c),) = batch.pieces
    fake = gan.generator(z, c).detach()
    logits = [gan.discriminator(each, c).detach() for each in (x, fake)]
    inputs = x.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(gan.discriminator(inputs, c).mean((1, 2, 3)).sum(), inputs)
    players.discriminator_step(batch)
    players.generator_step(batch)
    return players.row(), logits, slope.detach()


def test_the_loss_of_patches_is_their_mean_and_not_that_of_the_mean_logit():
    row, (real, fake), slope = judged("nonsaturating", penalties=["r1=2"])
    assert real.shape == (6, 1, 2, 2)
    loss = F.softplus(-real).mean() + F.softplus(fake).mean()
    of_means = F.softplus(-real.mean((1, 2, 3))).mean() + F.softplus(fake.mean((1, 2, 3))).mean()
    assert row["discriminator_loss"] == pytest.approx(loss.item(), rel=1e-6)
    assert abs(loss - of_means) > 1e-3 * loss
    assert row["penalty"] == pytest.approx(slope.square().sum((1, 2, 3)).mean().item(), rel=1e-5)


def test_a_paired_objective_compares_patches_at_the_same_place():
    row, (real, fake), _ = judged("relativistic")
    assert row["discriminator_loss"] == pytest.approx(F.softplus(fake - real).mean().item())
    turned = F.softplus(fake.flip(3) - real).mean().item()
    assert row["discriminator_loss"] != pytest.approx(turned, rel=1e-5)


def test_patches_in_pieces_are_the_whole_batch():
    gans = [Translating(make_gan()) for _ in range(2)]
    for gan in gans:
        gan.discriminator = Judged()
        gan.generator.load_state_dict(gans[0].generator.state_dict())
        gan.discriminator.load_state_dict(gans[0].discriminator.state_dict())
    for gan, pieces in zip(gans, (1, 3), strict=True):
        data = IMAGES, -IMAGES
        gancode.train(gan, data, steps=2, batch_size=6, accumulate=pieces, penalties=["r1=1"])
    for one, many in zip(numbers(gans[0]), numbers(gans[1]), strict=True):
        assert torch.allclose(one, many, atol=1e-6)
