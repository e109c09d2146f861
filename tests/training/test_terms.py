"""The ready-made terms, each beside its equation, and in runs."""

import math

import pytest
import torch
import torch.nn.functional as F
from modules import Then
from torch import nn

import gancode
from gancode import networks
from gancode.training import terms

SHAPE = (1, 8, 8)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def seen(**given):
    """What a step has seen, of four images by default."""
    found = {"real": drawn(4, *SHAPE), "generated": drawn(4, *SHAPE, seed=1)}
    found |= {"latents": drawn(4, 3, seed=2), "condition": (drawn(4, *SHAPE, seed=3),)}
    found |= {"logits_real": None, "logits_generated": drawn(4, seed=4)}
    found |= {"generator": lambda z, c: 2 * c, "discriminator": nn.Sequential()}
    return terms.Seen(**(found | given))


def test_distances_are_means_of_absolute_differences():
    shown = seen()
    x, y, (c,) = shown.real, shown.generated, shown.condition
    assert terms.l1(shown).item() == pytest.approx((x - y).abs().sum().item() / 256)
    assert terms.l1_to_condition(shown).item() == pytest.approx((c - y).abs().sum().item() / 256)
    assert terms.identity(shown).item() == pytest.approx(x.abs().sum().item() / 256)  # of 2x − x


@pytest.mark.parametrize("term", [terms.l1, terms.l1_to_condition, terms.Cycle(lambda z, x: x)])
def test_what_has_another_shape_is_not_compared(term):
    with pytest.raises(gancode.Refused, match=r"\(4, 1, 8, 8\).*\(4, 2\).*must agree"):
        other = drawn(4, 2)
        term(seen(real=other, condition=(other,)))
    if term is not terms.l1:
        with pytest.raises(gancode.Refused, match="conditional=True"):
            term(seen(condition=()))


def test_a_cycle_goes_there_and_back_from_both_sides():
    doubling = seen(generated=2 * seen().condition[0])
    assert terms.Cycle(lambda z, x: x / 2)(doubling) == 0
    c, x = doubling.condition[0], doubling.real
    around = terms.Cycle(lambda z, image: image / 2 + z[:, :1, None, None])(doubling)
    moved = doubling.latents[:, 0].abs().mean()  # of c one shift, of x the shift doubled
    assert around.item() == pytest.approx(3 * moved.item(), rel=1e-5)
    lost = terms.Cycle(lambda z, image: torch.zeros_like(image))(doubling)
    assert lost.item() == pytest.approx((c.abs().mean() + x.abs().mean()).item())


def test_features_are_matched_in_their_means_alone():
    torch.manual_seed(0)
    judge = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.Tanh(), nn.Linear(5, 1))
    shown = seen(condition=(), discriminator=judge)
    means = [judge[:3](x).mean(0) for x in (shown.real, shown.generated)]
    firsts = [judge[:2](x).mean(0) for x in (shown.real, shown.generated)]
    wanted = (means[0] - means[1]).square().sum() + (firsts[0] - firsts[1]).square().sum()
    assert terms.FeatureMatching("1", "2")(shown).item() == pytest.approx(wanted.item(), rel=1e-5)
    shuffled = seen(condition=(), discriminator=judge, generated=shown.real.flip(0))
    assert terms.FeatureMatching("2")(shuffled).item() < 1e-12
    assert not any(layer._forward_hooks for layer in judge.modules())
    with pytest.raises(gancode.Refused, match="no layer 'fourth'; it has 0, 1, 2, 3"):
        terms.FeatureMatching("fourth")(shown)
    with pytest.raises(gancode.Refused, match="names of inner layers"):
        terms.FeatureMatching()
    judge[2] = Then(lambda x: (x, x))
    judge[3] = Then(lambda both: both[0])
    with pytest.raises(gancode.Refused, match="'2' puts out no tensor"):
        terms.FeatureMatching("2")(shown)


def test_features_are_what_a_layer_puts_out_whatever_comes_after():
    judge = nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(inplace=True), nn.Linear(5, 1))
    x = drawn(4, *SHAPE)
    (found,) = terms.inner(judge, ["1"], x)
    assert torch.equal(found, judge[:2](x)) and (found < 0).any()


def test_means_of_features_are_as_precise_as_the_samples():
    """Features near 100, whose means differ by 0.1: of eight bits nothing of that would be left."""
    judge = nn.Sequential(nn.Flatten(), Then(lambda x: x.bfloat16()))
    real = torch.linspace(99, 101, 512).view(-1, 1)
    shown = seen(condition=(), discriminator=judge, real=real, generated=real.flip(0) + 0.1)
    wanted = (real.bfloat16().float().mean() - shown.generated.bfloat16().float().mean()) ** 2
    assert wanted > 0.005
    found = terms.FeatureMatching("1")(shown)
    assert found.dtype == torch.float32 and found.item() == pytest.approx(wanted.item(), rel=1e-3)


def test_matched_features_pull_on_the_generator_and_the_real_ones_are_constants():
    torch.manual_seed(0)
    judge = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
    made, real = drawn(4, *SHAPE).requires_grad_(True), drawn(4, *SHAPE).requires_grad_(True)
    shown = seen(condition=(), discriminator=judge, generated=made * 2, real=real)
    terms.FeatureMatching("1")(shown).backward()
    assert made.grad.abs().max() > 0 and real.grad is None


def test_the_auxiliary_classifier_is_trained_with_both_and_asks_the_generator_for_its_own():
    torch.manual_seed(0)
    y = torch.tensor([0, 1, 2, 0])
    shown = seen(condition=(y,))
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    real, made = (F.cross_entropy(network(x), y).item() for x in (shown.real, shown.generated))
    assert abs(real - made) > 1e-2
    assert terms.AuxiliaryClassifier(network)(shown).item() == pytest.approx(real + made)
    alone = terms.AuxiliaryClassifier(network, generated=False)
    assert alone(shown).item() == pytest.approx(real)
    assert alone.of_generated(shown).item() == pytest.approx(made)
    with pytest.raises(gancode.Refused, match="classes=k"):
        alone(seen())
    trunk = nn.Sequential(nn.Conv2d(1, 2, 8), nn.Tanh(), nn.Flatten(), nn.Linear(2, 1))
    head = nn.Linear(2, 3)
    judge = Labelled(trunk)
    found = terms.AuxiliaryClassifier(head, "network.1")(seen(condition=(y,), discriminator=judge))
    wanted = [F.cross_entropy(head(trunk[:3](x)), y) for x in (shown.real, shown.generated)]
    assert found.item() == pytest.approx(sum(wanted).item(), rel=1e-6)
    found.backward()
    assert trunk[0].weight.grad.abs().max() > 0


class Labelled(nn.Module):
    """A discriminator that passes over the label, as AC-GAN's does."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x, y):
        return self.network(x)


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_information_is_that_of_a_gaussian_channel_where_the_posterior_is_the_true_one(noise):
    """Of x = c + σε it is ½ log(1 + 1/σ²), and c given x is N(x/(1 + σ²), σ²/(1 + σ²))."""
    n = 100_000
    codes = drawn(n, 2)
    samples = codes + noise * drawn(n, 2, seed=1)
    variance = noise**2 / (1 + noise**2)

    def posterior(shift=0.0, stretch=1.0):
        log = math.log(stretch) + math.log(variance) / 2
        return Then(lambda x: torch.cat([x / (1 + noise**2) + shift, torch.full_like(x, log)], 1))

    shown = seen(latents=torch.cat([codes, drawn(n, 1)], 1), generated=samples)
    bound = -terms.Information(posterior(), 2)(shown)
    truth = math.log(1 + noise**-2)  # of two codes
    assert bound.item() == pytest.approx(truth, abs=5 / math.sqrt(n))  # five standard errors
    for wrong in (posterior(shift=0.3), posterior(stretch=1.3), posterior(stretch=0.7)):
        assert -terms.Information(wrong, 2)(shown).item() < truth - 0.01
    blind = Then(lambda x: torch.zeros(len(x), 4))  # c is N(0, 1), whatever x is
    assert -terms.Information(blind, 2)(shown).item() == pytest.approx(0, abs=5 / math.sqrt(n))


def test_information_refuses_what_does_not_fit():
    with pytest.raises(gancode.Refused, match="codes=0"):
        terms.Information(nn.Identity(), 0)
    for codes in (2, 4):
        with pytest.raises(gancode.Refused, match=f"Information of {codes} codes .* not 3, .*64"):
            terms.Information(nn.Flatten(), codes)(seen())


# In runs.

IMAGES = drawn(12, *SHAPE, seed=5).tanh()


def translator(seed):
    torch.manual_seed(seed)
    judge = networks.patch_discriminator(SHAPE, channels=2, depth=1)
    return gancode.GAN(networks.unet(SHAPE, channels=8), Labelled(judge), 1, conditional=True)


def test_a_cycle_trains_the_own_generator_alone():
    gan, other = translator(0), translator(1)
    before = [x.clone() for x in other.state_dict().values()]
    run = gancode.train(
        gan,
        (IMAGES, -IMAGES),
        steps=2,
        batch_size=4,
        generator_terms={
            "cycle": (terms.Cycle(other.generator), 10.0),
            "identity": terms.identity,
            "near": terms.l1_to_condition,
            "features": terms.FeatureMatching("network.network.0"),
        },
    )
    assert all(map(torch.equal, before, other.state_dict().values()))
    assert len(run.terms) == 0
    row = run.history[-1]
    assert row["cycle"] > row["identity"] > 0 and row["near"] > 0 and row["features"] > 0
    told = [name for name, _ in run.record["training"]["generator_terms"].values()]
    assert told == [
        f"gancode.training.terms.{name}"
        for name in (
            "Cycle(back=gancode.networks.UNet(latent_dim=0))",
            "identity",
            "l1_to_condition",
            "FeatureMatching(layers=('network.network.0'))",
        )
    ]


def test_pairs_are_learned_from_l1():
    gan = translator(0)
    options = {"batch_size": 12, "lr": 2e-2, "steps": 150}
    gancode.train(gan, (-IMAGES, IMAGES), generator_terms={"l1": (terms.l1, 100.0)}, **options)
    made = gan.generator(torch.zeros(12, 1), IMAGES)
    assert (made + IMAGES).abs().mean() < 0.5 * IMAGES.abs().mean()


def with_modules(tmp_path, steps, **options):
    torch.manual_seed(0)
    pair = networks.pair("mlp", 3, SHAPE, classes=3, hidden=(8,))
    classifier = terms.AuxiliaryClassifier(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))
    code = terms.Information(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), 2)
    before = [x.clone() for module in (classifier, code) for x in module.parameters()]
    gan = gancode.GAN(*pair, 3, classes=3)
    run = gancode.train(
        gan,
        (IMAGES, torch.arange(12) % 3),
        steps=steps,
        batch_size=4,
        out=tmp_path,
        discriminator_terms={"classifier": classifier},
        generator_terms={"recognised": (classifier.of_generated, 0.5), "information": code},
        **options,
    )
    after = [x for module in (classifier, code) for x in module.parameters()]
    assert not any(map(torch.equal, before, after))
    return [*after, *run.terms.state_dict().values(), *gan.state_dict().values()], run


def test_terms_with_weights_train_with_their_player_and_are_taken_up_again(tmp_path):
    whole, run = with_modules(tmp_path / "whole", 6)
    assert sorted(run.terms) == ["classifier", "information"]  # not what the method belongs to
    with_modules(tmp_path / "parts", 3)
    again, _ = with_modules(tmp_path / "parts", 6, resume=True)
    assert len(whole) == len(again) and all(map(torch.equal, whole, again))
