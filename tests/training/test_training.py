import copy
import itertools
import math
import random
import time
from statistics import fmean

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import gancode
from gancode import data, networks
from gancode.data import sources
from gancode.penalties import Penalty, gradient_penalty, parse
from gancode.training.processes import Processes

SHAPE = (1, 4, 4)
META = {"rank": 0, "world_size": 1, "device": torch.device("meta")}


def make_gan():
    """Small networks with all that makes exactness hard: batch statistics and dropout."""
    torch.manual_seed(0)
    generator = nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 16), nn.Unflatten(1, SHAPE)
    )
    return gancode.GAN(generator, networks.mlp_discriminator(SHAPE, [8], dropout=0.3), 3)


def make_images(n=10):
    return torch.randn(n, *SHAPE, generator=torch.Generator().manual_seed(5))


def numbers(module):
    return [tensor.clone() for tensor in module.state_dict().values()]


def same(left, right):
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def shorten(network, limit):
    weights = [w for w in network.parameters() if w.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([w.grad.norm() for w in weights]))
    for weight in weights if limit < math.inf else []:
        weight.grad *= (limit / (norm + 1e-6)).clamp(max=1.0)


def by_hand(
    gan,
    x,
    steps,
    batch_size,
    *,
    discriminator_steps=1,
    wgan_gp=0.0,
    ema=0.999,
    lr=lambda s: 2e-4,
    max_grad_norm=math.inf,
):
    """The loop of `gancode.train`, written out for the non-saturating loss."""
    rng = gancode.seed(7)
    G, D = gan.generator.train(), gan.discriminator.train()
    adam_g = torch.optim.Adam(G.parameters(), 2e-4, (0.5, 0.999), fused=True)
    adam_d = torch.optim.Adam(D.parameters(), 2e-4, (0.5, 0.999), fused=True)
    mean = copy.deepcopy(G).eval()
    epochs = (torch.randperm(len(x), generator=rng).split(batch_size) for _ in itertools.count())
    indices = itertools.chain.from_iterable(epochs)
    for step in range(1, steps + 1):
        for adam in (adam_g, adam_d):
            adam.param_groups[0]["lr"] = lr((step - 1) / steps)
        for _ in range(discriminator_steps):
            real = x[next(indices)]
            generated = G(torch.randn(len(real), gan.latent_dim, generator=rng))
            fake = generated.detach()
            on_real, on_fake = D(torch.cat([real, fake])).chunk(2)
            loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
            if wgan_gp:
                at = torch.lerp(real, fake, torch.rand(len(real), 1, 1, 1, generator=rng))
                at.requires_grad_(True)
                (slope,) = torch.autograd.grad(D(at).sum(), at, create_graph=True)
                norm = torch.linalg.vector_norm(slope.flatten(1), dim=1)
                loss = loss + wgan_gp * (norm - 1).square().mean()
            adam_d.zero_grad()
            loss.backward()
            shorten(D, max_grad_norm)
            adam_d.step()
        loss = F.softplus(-D(generated)).mean()
        adam_g.zero_grad()
        loss.backward()
        shorten(G, max_grad_norm)
        adam_g.step()
        with torch.no_grad():
            decay = min(ema, (1 + step) / (10 + step))
            for m, w in zip(mean.parameters(), G.parameters(), strict=True):
                m.lerp_(w, 1 - decay)
            for m, b in zip(mean.buffers(), G.buffers(), strict=True):
                m.copy_(b)
    return mean


@pytest.mark.parametrize(
    ("by_hand_options", "options"),
    [
        ({}, {}),
        (
            {"discriminator_steps": 2, "wgan_gp": 10.0, "ema": 0.5},
            {"discriminator_steps": 2, "penalties": "wgan-gp=10", "ema": 0.5},
        ),
        (
            {"lr": lambda s: 1e-3 * (1e-2) ** s, "max_grad_norm": 0.05},
            {"lr": "1e-3..1e-5", "max_grad_norm": 0.05},
        ),
        ({"lr": lambda s: 1e-3 * s}, {"lr": lambda s: 1e-3 * s}),  # a warm-up from zero
    ],
)
def test_train_is_the_loop_written_by_hand_bit_for_bit(by_hand_options, options):
    x = make_images()  # 10 images in batches of 4: the last batch of an epoch has 2
    expected, gan = make_gan(), make_gan()
    mean = by_hand(expected, x, 11, 4, **by_hand_options)
    run = gancode.train(gan, x, steps=11, batch_size=4, seed=7, log_every=3, **options)
    assert same(numbers(gan), numbers(expected))
    assert same(numbers(run.averaged), numbers(mean))
    assert run.gan is gan
    assert not same(numbers(run.averaged), numbers(gan.generator))


def test_a_loss_on_pairs_meets_each_generated_sample_with_a_real_one():
    x, gan = make_images(4), make_gan()
    expected = copy.deepcopy(gan)
    gancode.train(gan, x, objective="relativistic", steps=2, batch_size=4, seed=7)
    rng = gancode.seed(7)
    G, D = expected.generator.train(), expected.discriminator.train()
    adams = [torch.optim.Adam(m.parameters(), 2e-4, (0.5, 0.999), fused=True) for m in (D, G)]
    for _ in range(2):
        real = x[torch.randperm(4, generator=rng)]
        generated = G(torch.randn(4, gan.latent_dim, generator=rng))
        for player, adam in zip("DG", adams, strict=True):
            fake = generated.detach() if player == "D" else generated
            on_real, on_fake = D(torch.cat([real, fake])).chunk(2)
            gap = on_fake - on_real if player == "D" else on_real - on_fake
            adam.zero_grad()
            F.softplus(gap).mean().backward()
            adam.step()
    assert same(numbers(gan), numbers(expected))


def trained(seed=0, **options):
    gan = make_gan()
    gancode.train(gan, make_images(), steps=3, batch_size=4, seed=seed, **options)
    return numbers(gan)


def test_a_seed_decides_everything_and_the_environment_shifts_it(monkeypatch):
    monkeypatch.delenv("GANCODE_SEED", raising=False)
    first, second = trained(seed=0), trained(seed=1)
    assert same(first, trained(seed=0))
    assert same(first, trained(seed=0, log_every=1, callback=lambda step, run: run.sample(3)))
    assert not same(first, second)
    monkeypatch.setenv("GANCODE_SEED", "1")
    assert same(trained(seed=0), trained(seed=0))
    unshifted_and_shifted = [first, second, trained(seed=0), trained(seed=1)]
    assert not any(same(*pair) for pair in itertools.combinations(unshifted_and_shifted, 2))


def test_seed_sets_every_source_of_randomness():
    def draw(k):
        rng = gancode.seed(k)
        return [
            random.random(),
            np.random.rand(),
            torch.rand(()).item(),
            torch.rand((), generator=rng).item(),
        ]

    assert draw(3) == draw(3)
    assert len({*draw(3), *draw(4)}) == 8  # no two streams alike


@pytest.mark.parametrize(("variable", "k"), [("0", -1), ("0", 1.5), ("0", 2**32), ("one", 0)])
def test_what_is_not_a_seed_is_refused(monkeypatch, variable, k):
    monkeypatch.setenv("GANCODE_SEED", variable)
    with pytest.raises(ValueError, match="integer from 0 to 2³² − 1"):
        gancode.seed(k)


def test_history_has_a_row_an_interval_and_means_of_the_losses():
    def run(log_every):
        options = {"steps": 7, "batch_size": 4, "penalties": ["r1=1", "r2=2"]}
        return gancode.train(make_gan(), make_images(), log_every=log_every, **options).history

    every, third = run(1), run(3)
    assert [row["step"] for row in third] == [3, 6, 7]
    for i, row in enumerate(third):
        steps = every[3 * i : 3 * i + 3]
        for name in ("discriminator_loss", "generator_loss", "penalty"):
            assert row[name] == pytest.approx(fmean(step[name] for step in steps))
            assert row[name] > 0
        for name in ("logits_real", "logits_generated", "generator_gradient"):
            assert row[name] == steps[-1][name]
        assert row["discriminator_gradient"] > 0 and row["images_per_second"] > 0


def test_logged_logits_and_gradient_norms_are_those_of_the_step():
    torch.manual_seed(0)
    gan = gancode.GAN(nn.Linear(1, 2), networks.mlp_discriminator(2, [4]), 1)
    before = copy.deepcopy(gan)
    x = torch.randn(4, 2)
    run = gancode.train(gan, [x], steps=1)
    rng = gancode.seed(0)
    on_real = before.discriminator(x)
    on_fake = before.discriminator(before.generator(torch.randn(4, 1, generator=rng)).detach())
    loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
    slopes = torch.autograd.grad(loss, before.discriminator.parameters())
    (row,) = run.history
    assert row["logits_real"] == pytest.approx(on_real.mean().item(), rel=1e-5)
    assert row["logits_generated"] == pytest.approx(on_fake.mean().item(), rel=1e-5)
    norm = math.sqrt(sum(slope.square().sum().item() for slope in slopes))
    assert row["discriminator_gradient"] == pytest.approx(norm, rel=1e-5)


def test_samples_are_the_averaged_generators_and_leave_the_random_state_alone():
    run = gancode.train(make_gan(), make_images(), steps=3, batch_size=4)
    state, before = torch.get_rng_state(), numbers(run.averaged)
    x = run.sample(1200)
    assert x.shape == (1200, *SHAPE) and not x.requires_grad
    assert torch.equal(torch.get_rng_state(), state)
    assert same(numbers(run.averaged), before), "batch statistics moved while sampling"
    assert torch.equal(run.sample(1200, seed=0), x)
    assert not torch.equal(run.sample(1200, seed=1), x)
    run.gan.generator[0].weight.data.zero_()  # the raw weights play no part
    assert torch.equal(run.sample(1200), x)


def test_seconds_end_a_run_in_time(monkeypatch):
    clock = itertools.count()  # a second between any two looks at it, of which a step takes one
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    run = gancode.train(make_gan(), make_images(), seconds=6.5, batch_size=4, log_every=3)
    assert [row["step"] for row in run.history] == [3, 6, 7]
    assert [row["images_per_second"] for row in run.history] == [10 / 3, 10 / 3, 4 / 1]


def test_progress_bar_only_on_request_or_on_a_terminal(capsys):
    gancode.train(make_gan(), make_images(), steps=2, batch_size=4)
    assert capsys.readouterr().err == ""
    gancode.train(make_gan(), make_images(), steps=2, batch_size=4, progress=True)
    assert "images/s" in capsys.readouterr().err


def test_training_finds_the_data():
    gancode.seed(0)
    generator, discriminator = (
        networks.mlp_generator(2, 1, [32]),
        networks.mlp_discriminator(1, [32]),
    )
    gan = gancode.GAN(generator, discriminator, 2)
    run = gancode.train(gan, data.gaussian(3.0, 0.5), steps=600, lr=1e-3, penalties="r1=1")
    x = run.sample(5000)
    assert x.mean().item() == pytest.approx(3.0, abs=0.3)
    assert x.std().item() == pytest.approx(0.5, abs=0.3)


class Breaks(nn.Linear):
    """A generator that returns NaN from its `at`-th call in training on."""

    def __init__(self, at):
        super().__init__(1, 2)
        self.at, self.calls = at, 0

    def forward(self, z):
        self.calls += 1
        return super().forward(z) * (math.nan if self.calls >= self.at else 1)


@pytest.mark.parametrize(
    ("call", "loss", "accumulate"),
    [(50, "discriminator loss", 1), (199, "generator loss", 2)],  # calls: 1 a step, or 2 + 2
)
def test_a_loss_that_is_not_finite_stops_the_run_at_its_step(call, loss, accumulate):
    gan = gancode.GAN(Breaks(call), networks.mlp_discriminator(2, [4]), 1)
    message = f"^step 50: the {loss} is nan; NaN or infinity stands first in the generated batch"
    with pytest.raises(FloatingPointError, match=message):
        gancode.train(gan, data.ring(), steps=60, accumulate=accumulate)
    assert all(tensor.isfinite().all() for tensor in numbers(gan))


def test_a_later_batch_with_infinity_stops_the_run():
    gan = gancode.GAN(nn.Linear(1, 2), networks.mlp_discriminator(2, [4]), 1)
    with pytest.raises(FloatingPointError, match="step 2: .* in the real batch"):
        gancode.train(gan, [torch.zeros(2, 2), torch.full((2, 2), math.inf)], steps=5)


def mlp_gan(generator=None, discriminator=None):
    generator = generator or networks.mlp_generator(3, SHAPE, [8])
    return gancode.GAN(generator, discriminator or networks.mlp_discriminator(SHAPE, [8]), 3)


class Conditional(nn.Module):
    """Any network with a learned shift of its input for each of three classes."""

    def __init__(self, network, shape):
        super().__init__()
        self.network, self.shifts = network, nn.Parameter(torch.randn(3, *shape))

    def forward(self, x, labels):
        return self.network(x + self.shifts[labels])


def conditional_gan():
    gan = make_gan()
    return gancode.GAN(
        Conditional(gan.generator, [3]), Conditional(gan.discriminator, SHAPE), 3, classes=3
    )


class Then(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


BAD = [
    ({"objective": "mimimax"}, "mimimax.*nonsaturating"),
    ({"objective": 3}, "name in gancode.calculus.catalog or an Objective, not int"),
    ({"penalties": "r3=1"}, "unknown penalty 'r3=1'; the names are r1, r2, wgan-gp"),
    ({"penalties": ["r1"]}, "'r1' needs a weight"),
    ({"penalties": ["r1=-1"]}, "needs a weight, finite and not negative"),
    ({"penalties": ["r1=1@x"]}, "'@16' after it for every 16th step"),
    ({"lr": "1e-3..0"}, "joins two positive numbers|is no number"),
    ({"lr": [1e-3]}, "neither a number nor a function of progress"),
    ({"max_grad_norm": 0}, "max_grad_norm=0 must be positive"),
    ({"steps": None}, "exactly one of steps and seconds"),
    ({"seconds": 1.0}, "exactly one of steps and seconds"),
    ({"steps": 0}, "steps=0 must be a positive integer"),
    ({"steps": -5}, "steps=-5 must be a positive integer"),
    ({"steps": 1.5}, "steps=1.5 must be a positive integer"),
    ({"steps": None, "seconds": -1}, "seconds=-1 must be positive"),
    ({"batch_size": 0}, "batch_size=0 must be"),
    ({"batch_size": 11}, "batch_size=11 is larger than the data set, which has 10"),
    ({"lr": 0}, "lr=0.0 must be positive, at least somewhere in the run"),
    ({"lr": lambda s: 0 * s}, "lr=0.0 must be positive, at least somewhere in the run"),
    ({"lr": math.nan}, "lr must be finite and not negative, not nan"),
    ({"betas": (0.5, 1.0)}, "beta"),
    ({"betas": (0.5,)}, "betas=.0.5,. must be two numbers"),
    ({"ema": 1.0}, "ema=1.0 must be"),
    ({"discriminator_steps": 0}, "discriminator_steps=0"),
    ({"log_every": 0}, "log_every=0"),
    ({"seed": -1}, "seed must be an integer"),
    ({"data": torch.empty(0, *SHAPE)}, "empty"),
    ({"data": torch.full((10, *SHAPE), math.nan)}, "NaN"),
    ({"data": torch.zeros(10, 4, 4)}, r"makes samples of shape \(1, 4, 4\).*data have \(4, 4\)"),
    ({"data": torch.zeros(10, *SHAPE).double()}, "float32, but the data have .* torch.float64"),
    (
        {"data": DataLoader(TensorDataset(torch.zeros(10, 5)), batch_size=4, shuffle=True)},
        r"the data have \(5,\)",
    ),
    (
        {"gan": mlp_gan(discriminator=networks.mlp_discriminator(5))},
        r"discriminator does not take what the generator makes, samples of shape \(1, 4, 4\)",
    ),
    (
        {"gan": mlp_gan(discriminator=nn.Sequential(nn.Flatten(), nn.Linear(16, 2)))},
        r"returns shape \(4, 2\).*shape \(4,\) or \(4, 1\)",
    ),
    (
        {"gan": mlp_gan(discriminator=nn.Sequential(nn.Flatten(0), nn.Linear(64, 1)))},
        r"for 4 samples the discriminator returns shape \(1,\)",
    ),
    (
        {"gan": mlp_gan(generator=networks.mlp_generator(4, SHAPE))},
        r"generator does not take latents of shape \(2, 3\) \(latent_dim=3\)",
    ),
    ({"gan": mlp_gan(generator=nn.Identity())}, "the generator has no trainable weights"),
    (
        {
            "gan": mlp_gan(
                networks.mlp_discriminator(SHAPE, [8]), networks.mlp_generator(3, SHAPE, [8])
            )
        },
        r"generator does not take latents of shape \(2, 3\)",  # the two are swapped
    ),
    *(
        ({"gan": mlp_gan(discriminator=nn.Sequential(nn.Flatten(), nn.Linear(16, 1), *end))}, text)
        for end, text in [
            ([nn.Sigmoid()], "returns probabilities"),
            ([nn.Sigmoid(), nn.Flatten(0)], "leave the sigmoid out"),
            *(
                ([nn.Linear(1, 2), nn.Sigmoid(), Then(end)], "leave the sigmoid out")
                for end in (
                    lambda p: p[:, :1],
                    lambda p: p[:, 0].double(),
                    lambda p: p[:, 0].clamp(1e-6, 1 - 1e-6),
                    lambda p: p.unsqueeze(0).permute(1, 0, 2)[..., 0],
                )
            ),
        ]
    ),
    ({"precision": "fp16"}, 'precision=.fp16. must be "fp32" or "bf16"'),
    ({"accumulate": 0}, "accumulate=0 must be"),
    ({"data": (torch.zeros(10, *SHAPE), torch.zeros(10))}, "GAN.*classes=10"),
    ({"gan": conditional_gan()}, "a GAN with classes needs labels"),
    (
        {"gan": conditional_gan(), "data": (torch.zeros(10, *SHAPE), torch.full((10,), 3))},
        "from 0 to 2",
    ),
    # The last batch of an epoch would be a single sample, which has no batch statistics.
    ({"gan": make_gan(), "batch_size": 3}, r"latents of shape \(1, 3\)"),
    # Nor has the last piece of a batch that is one: 2, 2 and 1.
    ({"gan": make_gan(), "batch_size": 5, "accumulate": 3}, r"latents of shape \(1, 3\)"),
]


@pytest.mark.parametrize(("bad", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_bad_input_is_one_clear_error_before_anything_changes(bad, message):
    given = {"gan": make_gan(), "data": make_images(), "steps": 2, "batch_size": 4} | bad
    gan, x = given.pop("gan"), given.pop("data")
    weights, state, shared = numbers(gan), torch.get_rng_state(), np.random.get_state()[1]
    with pytest.raises((ValueError, TypeError), match=message):
        gancode.train(gan, x, **given)
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == shared).all()
    assert same(numbers(gan), weights)


@pytest.mark.parametrize("slope", [1e-3, -1e-3])
def test_small_logits_of_a_normalised_critic_are_no_probabilities(slope):
    """Thirty times its bias is 0.3, whatever its weights are multiplied with."""
    critic = nn.Sequential(nn.Flatten(), Scaled(slope), nn.Linear(16, 1), nn.Flatten(0))
    nn.init.constant_(critic[2].bias, 0.01)
    options = {"steps": 1, "batch_size": 4, "constraints": "spectral"}
    gancode.train(mlp_gan(discriminator=critic), make_images().clamp(-1, 1), **options)


class Scaled(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


@pytest.mark.parametrize("kind", [lambda n: make_images(n), lambda n: make_images(n).split(n)])
@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_the_trial_is_as_small_as_the_smallest_piece(kind, processes, pieces):
    for n, size in [(12, 6), (12, 12), (10, 6), (8, 6), (18, 15)]:
        x = list(kind(n)) if isinstance(kind(n), tuple) else kind(n)
        _, first = sources.examine(x, size, processes=processes, pieces=pieces)
        rng = torch.Generator().manual_seed(0)
        stream = sources.Batches(x, size, rng, shard=(0, processes))
        parts = [len(part) for _ in range(4) for part in next(stream).chunk(pieces)]
        assert len(first) == min(2, *parts)


def test_networks_go_to_the_device_of_their_process_when_nothing_is_left_to_refuse(monkeypatch):
    monkeypatch.setattr(Processes, "__init__", lambda self: vars(self).update(META))
    gan = make_gan()
    with pytest.raises(ValueError, match="the data have"):
        gancode.train(gan, torch.zeros(10, 5), steps=2, batch_size=4)
    assert {weight.device.type for weight in gan.parameters()} == {"cpu"}
    with pytest.raises(Exception, match="meta"):  # where nothing can be computed
        gancode.train(gan, make_images(), steps=2, batch_size=4)
    assert {weight.device.type for weight in gan.parameters()} == {"meta"}


def test_a_latent_dimension_must_be_positive():
    with pytest.raises(ValueError, match="latent_dim=0 must be a positive integer"):
        gancode.GAN(nn.Linear(1, 1), nn.Linear(1, 1), 0)


class Quadratic(nn.Module):
    """D(x) = ½ w‖x‖², whose gradient is w x."""

    def __init__(self, w):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))

    def forward(self, x):
        return self.w * x.flatten(1).square().sum(1) / 2


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4)])
def test_penalties_have_their_closed_forms_for_any_rank(shape):
    rng = torch.Generator().manual_seed(0)
    real, generated = torch.randn(2, 6, *shape, generator=rng)
    critic = Quadratic(1.7)
    r1 = gradient_penalty(critic, real, generated, parse("r1=3"))
    squared = real.flatten(1).square().sum(1)
    torch.testing.assert_close(r1, 3 / 2 * 1.7**2 * squared.mean())
    # γ/2 E‖w x‖² has the derivative γ w E‖x‖² in the weight.
    torch.testing.assert_close(*torch.autograd.grad(r1, critic.w), 3 * 1.7 * squared.mean())
    one = gradient_penalty(critic, real, generated, [Penalty("generated", "one-centred", 2.0)])
    norm = 1.7 * generated.flatten(1).norm(dim=1)
    torch.testing.assert_close(one, 2 * (norm - 1).square().mean())
    both = gradient_penalty(critic, real, generated, parse(["r1=3", "r2=0.5"]))
    r2 = 0.5 / 2 * 1.7**2 * generated.flatten(1).square().sum(1).mean()
    torch.testing.assert_close(both, r1 + r2)


def test_wgan_gp_looks_at_one_uniform_point_of_each_segment():
    seen = []

    class Watch(Quadratic):
        def forward(self, x):
            seen.append(x)
            return super().forward(x)

    real, generated = torch.zeros(4000, 2, 1), torch.tensor([[2.0], [4.0]]).expand(4000, 2, 1)
    rng = torch.Generator().manual_seed(0)
    gradient_penalty(Watch(1.0), real, generated, parse("wgan-gp=10"), rng)
    (x,) = seen
    t = x[:, 0, 0] / 2
    torch.testing.assert_close(x[:, 1, 0], 4 * t)  # one weight for all coordinates of a sample
    assert t.min() >= 0 and t.max() <= 1
    assert abs(t.mean() - 0.5) < 5 / math.sqrt(12 * 4000)
    assert abs(t.var() - 1 / 12) < 0.01


def test_one_sided_penalties_leave_small_slopes_alone():
    critic, real = Quadratic(1.0), torch.tensor([[0.5, 0.0], [3.0, 0.0]])
    penalty = gradient_penalty(critic, real, real, [Penalty("real", "one-sided", 2.0)])
    assert penalty.item() == 2 * (3 - 1) ** 2 / 2


def test_around_the_data_means_half_a_standard_deviation_away():
    seen = []

    class Watch(Quadratic):
        def forward(self, x):
            seen.append(x)
            return super().forward(x)

    real = 3 * torch.randn(20000, 2, generator=torch.Generator().manual_seed(1))
    rng = torch.Generator().manual_seed(0)
    gradient_penalty(Watch(1.0), real, real, parse("dragan=1"), rng)
    noise = seen[0] - real
    assert abs(noise.std() / (0.5 * real.std()) - 1) < 5 / math.sqrt(2 * noise.numel())
    assert abs((noise * real).mean()) < 5 * 1.5 * 3 / math.sqrt(noise.numel())


def test_a_lazy_penalty_has_the_same_mean_and_costs_nothing_in_between():
    critic, real = Quadratic(1.7), torch.ones(4, 2)
    always, lazy = parse("r1=3"), parse("r1=3@4")
    whole = gradient_penalty(critic, real, real, always)
    values = [gradient_penalty(critic, real, real, lazy, step=k) for k in range(1, 9)]
    assert [bool(value) for value in values] == [True, False, False, False] * 2
    torch.testing.assert_close(sum(values) / 8, whole)
    rng = torch.Generator().manual_seed(0)
    state = rng.get_state()
    gradient_penalty(critic, real, real, parse("wgan-gp=1@4"), rng, step=2)
    assert torch.equal(rng.get_state(), state)  # what is left out draws nothing


def test_a_weight_may_follow_a_schedule():
    critic, real = Quadratic(1.7), torch.ones(4, 2)
    one = gradient_penalty(critic, real, real, parse("r1=1"))
    for progress, weight in ((0.0, 10), (0.5, 1), (1.0, 0.1)):
        value = gradient_penalty(critic, real, real, parse("r1=10..0.1"), progress=progress)
        torch.testing.assert_close(value, weight * one)
    gan, seen = make_gan(), []
    penalty = Penalty("real", "zero-centred", lambda s: seen.append(s) or s)
    gancode.train(gan, make_images(), steps=4, batch_size=4, penalties=[penalty])
    assert seen[-4:] == [0.0, 0.25, 0.5, 0.75]


def test_a_flat_critic_has_a_finite_penalty_gradient():
    critic = Quadratic(0.0)
    real = torch.ones(4, 2)
    penalty = gradient_penalty(critic, real, real, parse(["r1=1", "wgan-gp=1"]))
    assert penalty.item() == 1
    (slope,) = torch.autograd.grad(penalty, critic.w)
    assert slope.isfinite()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere", "one-centred", 1.0), "unknown where 'nowhere'; the choices are real, gen"),
        (("real", "two", 1.0), "unknown norm 'two'; the choices are zero-centred, one-centred"),
        (("real", "one-centred", -1.0), "not negative, not -1.0"),
        (("real", "one-centred", math.inf), "finite"),
        (("real", "one-centred", lambda s: 0.5 - s), "not negative, not -0.5 at progress 1"),
        (("real", "one-centred", 1.0, 0), "every=0 must be a positive integer"),
    ],
)
def test_a_penalty_that_is_none_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Penalty(*arguments)


def test_networks_map_latents_to_samples_and_samples_to_logits():
    gancode.seed(0)
    images = networks.mlp_generator(5, (3, 8, 8))(10 * torch.randn(7, 5))
    assert images.shape == (7, 3, 8, 8) and images.abs().max() <= 1
    points = networks.mlp_generator(5, 2, [4])(1000 * torch.randn(7, 5))
    assert points.shape == (7, 2) and points.abs().max() > 1
    discriminator = networks.mlp_discriminator((3, 8, 8), [6, 5], activation=nn.ReLU, dropout=0.5)
    assert discriminator(images).shape == (7,)
    kinds = [type(layer).__name__ for layer in discriminator]
    assert kinds == ["Flatten", *["Linear", "ReLU", "Dropout"] * 2, "Linear", "Flatten"]


def test_a_conditional_gan_generates_with_the_labels_of_the_real_batch():
    x, y = make_images(6), torch.tensor([0, 1, 2, 2, 1, 0])
    pairs = {tuple(image.flatten().tolist()): k for image, k in zip(x, y, strict=True)}
    gan = conditional_gan()
    told = {"generator": [], "discriminator": []}

    def listen(name):
        def hook(module, arguments):
            if module is getattr(gan, name):  # and no copy of it, on trial
                told[name].append(tuple(a.clone() for a in arguments))

        return hook

    gan.generator.register_forward_pre_hook(listen("generator"))
    gan.discriminator.register_forward_pre_hook(listen("discriminator"))
    options = {"objective": "relativistic", "penalties": ["r1=1", "r2=1"], "batch_size": 3}
    gancode.train(gan, (x, y), steps=2, **options)
    made, judged = told["generator"], told["discriminator"]
    assert len(made) == 2 and len(judged) == 6
    for step in range(2):
        of_loss, of_penalty, of_generator = judged[3 * step : 3 * step + 3]
        labels = torch.stack([pairs[tuple(image.flatten().tolist())] for image in of_loss[0][:3]])
        for _, seen in (of_loss, of_penalty, of_generator):
            assert torch.equal(seen, labels.repeat(2))
        assert torch.equal(made[step][1], labels)


def test_samples_of_a_class_or_of_all_in_turn():
    x, y = make_images(6), torch.arange(6) % 3
    run = gancode.train(conditional_gan(), (x, y), steps=1, batch_size=6)
    in_turn = run.sample(7)
    for label in range(3):
        of_label = run.sample(7, labels=label)
        assert torch.equal(of_label, run.sample(7, labels=torch.full((7,), label)))
        assert torch.equal(of_label[label::3], in_turn[label::3])
    assert not torch.equal(run.sample(7, labels=0), run.sample(7, labels=1))
    for labels, message in [(3, "from 0 to 2"), (0.5, "whole number"), ([0, 1], "7, one a sample")]:
        with pytest.raises(ValueError, match=message):
            run.sample(7, labels=labels)
    with pytest.raises(ValueError, match="labels are for a conditional GAN"):
        gancode.train(make_gan(), x, steps=1, batch_size=6).sample(2, labels=0)


@pytest.mark.parametrize("batch_size", [4, 5])  # 5: pieces of 2, 2 and 1
def test_a_batch_in_pieces_has_the_gradient_of_the_batch(batch_size):
    def trained(**options):
        torch.manual_seed(0)
        gan = mlp_gan()
        options = {"batch_size": batch_size, "penalties": "r1=1", "log_every": 3} | options
        run = gancode.train(gan, make_images().tanh(), steps=6, **options)
        return numbers(gan), run.history

    (whole, rows), (pieces, rows_of_pieces) = trained(), trained(accumulate=3)
    for one, other in zip(whole, pieces, strict=True):
        # Six steps of Adam at lr = 2e-4; what differs is rounding, far less than a step.
        torch.testing.assert_close(one, other, rtol=0, atol=2e-6)
    for one, other in zip(rows, rows_of_pieces, strict=True):
        names = ("discriminator_loss", "generator_loss", "penalty", "discriminator_gradient")
        assert [one[name] for name in names] == pytest.approx([other[name] for name in names], 1e-3)


def test_bf16_computes_in_bf16_and_keeps_weights_and_losses_as_they_are():
    gan, seen = mlp_gan(), set()
    for network in (gan.generator, gan.discriminator):
        linear = next(layer for layer in network if isinstance(layer, nn.Linear))
        linear.register_forward_hook(lambda module, arguments, output: seen.add(output.dtype))
    x = make_images().tanh()
    run = gancode.train(gan, x, steps=5, batch_size=5, penalties="r1=1", precision="bf16")
    assert seen == {torch.bfloat16, torch.float32}  # the trial before the run is in both
    assert {weight.dtype for weight in gan.parameters()} == {torch.float32}
    full = gancode.train(mlp_gan(), x, steps=5, batch_size=5, penalties="r1=1")
    for name in ("discriminator_loss", "generator_loss"):
        # bf16 has 8 bits, so a logit of size 1 is off by about 1/256; other weights do the rest.
        assert run.history[0][name] == pytest.approx(full.history[0][name], abs=0.1)
        assert run.history[0][name] != full.history[0][name]


def test_compiled_networks_train_as_they_are(monkeypatch):
    compiled = []

    def fake(module):  # a compiler takes half a minute; that one is asked, and for what, is tested
        compiled.append(module)
        return lambda *arguments: module(*arguments)

    monkeypatch.setattr(torch, "compile", fake)
    gan, plain = make_gan(), make_gan()
    gancode.train(gan, make_images(), steps=3, batch_size=5, penalties="r1=1", compile=True)
    assert compiled == [gan.generator, gan.discriminator]
    gancode.train(plain, make_images(), steps=3, batch_size=5, penalties="r1=1")
    assert same(numbers(gan), numbers(plain))


def test_what_is_measured_stands_in_the_history_and_changes_nothing():
    def measure(run):
        torch.rand(3)  # from the global state, as dropout draws
        return {"spread": run.sample(5).std().item()}

    gan, plain, steps = make_gan(), make_gan(), []
    run = gancode.train(
        gan,
        make_images(),
        steps=6,
        batch_size=5,
        log_every=2,
        measure=measure,
        callback=[lambda step, run: steps.append(step), lambda step, run: steps.append(-step)],
    )
    gancode.train(plain, make_images(), steps=6, batch_size=5, log_every=2)
    assert same(numbers(gan), numbers(plain))
    assert all(row["spread"] > 0 for row in run.history) and len(run.history) == 3
    assert steps == [1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6]


def test_a_generator_that_breaks_at_step_50_stops_the_run_there():
    gan = mlp_gan()

    def breaks(module, arguments, output):
        breaks.calls += module is gan.generator  # and no copy of it, on trial
        return output * float("nan") if breaks.calls > 49 else output

    breaks.calls = 0
    gan.generator.register_forward_hook(breaks)
    with pytest.raises(FloatingPointError, match="step 50: .* first in the generated batch"):
        gancode.train(gan, make_images().tanh(), steps=80, batch_size=5)


def test_a_run_is_the_same_whatever_the_default_device_is():
    def run():
        run = gancode.train(gan, x, steps=5, batch_size=4, penalties=["wgan-gp=1", "dragan=1"])
        samples = [run.sample(7), run.sample(7, seed=1)]
        return numbers(gan), numbers(run.averaged), samples

    x, gan = make_images(), make_gan()
    expected = run()
    gan = make_gan()
    with torch.device("meta"):  # where nothing can be computed
        found = run()
    assert all(map(same, found, expected))


def test_conditional_samples_are_the_same_whatever_the_default_device_is():
    x, y = make_images(6), torch.arange(6) % 3
    run = gancode.train(conditional_gan(), (x, y), steps=1, batch_size=6)
    expected = run.sample(5), run.sample(5, labels=2)
    with torch.device("meta"):
        assert torch.equal(run.sample(5), expected[0])
        assert torch.equal(run.sample(5, labels=2), expected[1])
