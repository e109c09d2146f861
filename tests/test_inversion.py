"""Inversion: latents that are known are found again, and what cannot be inverted is refused."""

import pytest
import torch
from torch import nn

import gancode
from gancode import Refused, inversion, networks
from gancode.errors import WrongType


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def affine(d, outputs, seed=0):
    """A GAN whose generator is z ↦ Az + b."""
    gancode.seed(seed)
    layer = nn.Linear(d, outputs)
    nn.init.normal_(layer.weight)
    return gancode.GAN(nn.Sequential(layer), nn.Linear(outputs, 1), latent_dim=d)


def bent():
    """One whose generator is not affine, from 4 latents to 12 numbers."""
    gancode.seed(0)
    layers = nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 12)
    return gancode.GAN(nn.Sequential(*layers), nn.Linear(12, 1), latent_dim=4)


# An affine generator, of which the answer is known.


def matrices(gan):
    layer = gan.generator[0]
    return layer.weight.detach(), layer.bias.detach()


@pytest.mark.parametrize("prior", [0.0, 0.5])
def test_of_an_affine_generator_the_search_finds_the_projection(prior):
    gan = affine(d=3, outputs=8)
    A, b = matrices(gan)
    x = normal(20, 8, seed=1)
    found = gancode.invert(gan, x, steps=1000, starts=1, prior=prior)
    # mean over 8 outputs of the square, and prior times the mean over 3 latents
    ridge = A.T @ A + prior * 8 / 3 * torch.eye(3)
    z = torch.linalg.solve(ridge, A.T @ (x - b).T).T
    torch.testing.assert_close(found.latents, z, atol=5e-3, rtol=5e-3)
    torch.testing.assert_close(found.samples, z @ A.T + b, atol=2e-2, rtol=2e-2)
    residuals = (x - found.samples).square().mean(1)
    torch.testing.assert_close(found.residuals, residuals)


def test_the_residual_stands_on_the_tangent_space():
    gan = affine(d=3, outputs=8)
    A, _ = matrices(gan)
    x = normal(20, 8, seed=1)
    found = gancode.invert(gan, x, steps=1000, starts=1)
    assert ((x - found.samples) @ A).abs().max() < 2e-2
    # and it is not so at any other point
    assert ((x - gan(found.latents + 0.1)) @ A).abs().max() > 0.1


@pytest.mark.parametrize("by", ["encoder", "both"])
def test_of_an_affine_generator_an_encoder_learns_the_projection(by):
    gan = affine(d=3, outputs=8)
    A, b = matrices(gan)
    linear = inversion.fit_encoder(gan, nn.Linear(8, 3), steps=800, lr=1e-2)
    z = normal(20, 3, seed=2)
    found = gancode.invert(gan, z @ A.T + b, by=by, encoder=linear, starts=1)
    torch.testing.assert_close(found.latents, z, atol=2e-2, rtol=2e-2)


def test_features_decide_what_close_means():
    """Of outputs that are not looked at the sample may be anything."""
    gan = affine(d=2, outputs=4)
    x = normal(6, 4, seed=3)
    seen = gancode.invert(gan, x, features=lambda x: x[:, :2], steps=400, starts=1)
    A, b = matrices(gan)
    z = torch.linalg.solve(A[:2], (x - b)[:, :2].T).T
    torch.testing.assert_close(seen.latents, z, atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(seen.residuals, (x - seen.samples).square().mean(1))
    assert (seen.residuals > gancode.invert(gan, x, steps=400, starts=1).residuals).all()


# One that is not affine.


def test_latents_of_a_bent_generator_are_found_again():
    gan = bent()
    z = normal(30, 4, seed=4)
    found = gancode.invert(gan, gan(z).detach(), steps=600, starts=6)
    assert (found.residuals < 1e-4).float().mean() > 0.9
    close = found.residuals < 1e-6
    torch.testing.assert_close(found.latents[close], z[close], atol=0.1, rtol=0.1)


def test_more_starts_are_never_worse_and_a_search_never_ends_behind_its_start():
    gan = bent()
    x = gan(normal(12, 4, seed=4)).detach()
    encoder = inversion.fit_encoder(gan, steps=100)
    guessed = gancode.invert(gan, x, by="encoder", encoder=encoder)
    both = gancode.invert(gan, x, by="both", encoder=encoder, starts=1, steps=1, lr=1000.0)
    assert (both.residuals <= guessed.residuals + 1e-7).all()
    longer = gancode.invert(gan, x, by="both", encoder=encoder, starts=1, steps=100)
    assert longer.residuals.mean() < 0.5 * guessed.residuals.mean()


def test_the_second_term_of_the_encoder_is_for_generators_that_are_not_injective():
    """G(z) = z² draws an image from z and from −z: their mean, 0, draws neither."""

    class Square(nn.Linear):
        def forward(self, z):
            return z.square() * self.weight.abs().sum().detach().clamp(1, 1) + 0 * self.bias

    gan = gancode.GAN(Square(1, 1), nn.Linear(1, 1), latent_dim=1)
    x = torch.linspace(0.5, 2, 8)[:, None]
    alone, asked = (
        inversion.fit_encoder(gan, hidden=(32,), pixels=pixels, steps=600) for pixels in (0.0, 10.0)
    )
    worst = [
        gancode.invert(gan, x, by="encoder", encoder=each).residuals.max()
        for each in (alone, asked)
    ]
    assert worst[0] > 1 and worst[1] < 0.1


# Conditions, runs, seeds.


def conditional(classes=3):
    gancode.seed(0)
    return gancode.GAN(*networks.pair("mlp", 2, (5,), classes=classes, hidden=(8,)), 2, classes)


def test_a_generator_of_classes_is_told_the_labels():
    gan = conditional()
    labels = torch.tensor([0, 1, 2, 2])
    z = normal(4, 2, seed=5)
    x = gan(z, labels).detach()
    right = gancode.invert(gan, x, labels=labels, steps=400, starts=6)
    wrong = gancode.invert(gan, x, labels=(labels + 1) % 3, steps=400, starts=6)
    assert right.residuals.max() < 1e-5 < wrong.residuals.max()
    one = gancode.invert(gan, x[2:], labels=2, steps=400, starts=6)
    assert one.residuals.max() < 1e-5


def test_any_other_condition_is_passed_on():
    class Sum(nn.Linear):
        def forward(self, z, y):
            return super().forward(z) + y

    gan = gancode.GAN(Sum(2, 3), nn.Linear(3, 1), latent_dim=2, conditional=True)
    z, y = normal(4, 2), normal(4, 3, seed=6)
    x = gan(z, y).detach()
    found = gancode.invert(gan, x, conditions=y, steps=400, starts=2)
    assert found.residuals.max() < 1e-5
    with pytest.raises(Refused, match="conditions=…"):
        gancode.invert(gan, x)


def test_a_run_is_inverted_by_its_averaged_generator():
    gan, other = affine(d=2, outputs=4), affine(d=2, outputs=4, seed=1)
    run = gancode.Run(gan, other.generator)
    z = normal(5, 2)
    found = gancode.invert(run, other(z).detach(), steps=400, starts=1)
    torch.testing.assert_close(found.latents, z, atol=1e-2, rtol=1e-2)


@pytest.mark.slow
def test_the_same_seed_has_the_same_result_and_nothing_else_changes():
    gan = bent()
    gan.generator.append(nn.Dropout(0.5))  # which eval mode leaves out
    x = gan.eval()(normal(4, 4, seed=7)).detach()
    gan.train()
    before = [w.clone() for w in gan.parameters()]
    state = torch.get_rng_state()
    runs = [gancode.invert(gan, x, by="both", steps=5, starts=2, seed=k) for k in (0, 0, 1)]
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(runs[0].latents, runs[1].latents)
    assert not torch.equal(runs[0].latents, runs[2].latents)
    assert all(map(torch.equal, before, gan.parameters())) and gan.generator.training
    assert all(w.grad is None and w.requires_grad for w in gan.parameters())


def test_many_images_are_searched_for_in_pieces(monkeypatch):
    gan = affine(d=3, outputs=8)
    x = normal(5, 8)
    whole = gancode.invert(gan, x, steps=50)
    monkeypatch.setattr(inversion, "AT_ONCE", 2)
    pieces = gancode.invert(gan, x, steps=50)
    torch.testing.assert_close(whole.latents, pieces.latents, atol=1e-4, rtol=1e-4)
    assert pieces.samples.shape == x.shape and pieces.residuals.shape == (5,)


def test_an_encoder_and_features_are_left_as_they_were():
    gan = affine(d=3, outputs=8)
    encoder = nn.Sequential(nn.BatchNorm1d(8), nn.Linear(8, 3)).double()
    encoder[0].eval()
    features = nn.Linear(8, 5)
    gancode.invert(gan, normal(4, 8), by="both", encoder=encoder, features=features, steps=2)
    assert encoder.training and not encoder[0].training
    assert encoder[1].weight.dtype == torch.float64
    assert all(w.grad is None for w in [*features.parameters(), *encoder.parameters()])


def test_an_encoder_is_trained_on_every_class_also_where_a_batch_has_fewer_rows():
    seen = set()

    class Noting(nn.Linear):
        def forward(self, z, y):
            seen.update(y.tolist())
            return super().forward(z)

    gan = gancode.GAN(Noting(2, 3), nn.Linear(3, 1), latent_dim=2, classes=7)
    inversion.fit_encoder(gan, batch_size=2, steps=4, hidden=(4,))
    assert seen == set(range(7))


# What is refused.

IMAGES = torch.zeros(3, 1, 4, 4)


class Broken(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :2] * torch.nan


class Twice(nn.Module):
    def forward(self, x):
        return x, x


def drawing():
    gancode.seed(0)
    return gancode.GAN(*networks.pair("mlp", 2, (1, 4, 4), hidden=(8,)), latent_dim=2)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (torch.zeros(3, 1, 5, 4), r"shape \(1, 5, 4\) and the generator's samples \(1, 4, 4\)"),
        (torch.zeros(1, 4, 4), r"shape \(4, 4\) and the generator's"),
        (torch.zeros(0, 1, 4, 4), "there is no image"),
        (torch.tensor(1.0), "there is no image"),
        (IMAGES + torch.nan, "NaN or infinite; remove"),
        (IMAGES + torch.inf, "NaN or infinite"),
        (IMAGES + 1.5, r"values from 1.5 to 1.5 and the generator makes those from -1 to 1.*bytes"),
        (IMAGES - 1.5, "bring the images to that range"),
    ],
)
def test_images_that_cannot_be_made_are_refused(images, said):
    with pytest.raises(Refused, match=said):
        gancode.invert(drawing(), images)


@pytest.mark.parametrize("images", [IMAGES.byte(), [[0.0]], None])
def test_what_is_no_tensor_of_numbers_is_of_the_wrong_type(images):
    with pytest.raises(WrongType, match="images must be a tensor of floating point numbers, not"):
        gancode.invert(drawing(), images)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"by": "luck"}, "by='luck'; the choices are search, encoder, both"),
        ({"encoder": nn.Identity()}, "ask for by='both'"),
        ({"by": "both", "encoder": nn.Flatten()}, r"the encoder makes \(3, 16\)"),
        ({"by": "both", "encoder": Twice()}, "the encoder makes tuple of the images"),
        ({"by": "both", "encoder": Broken()}, "the encoder makes latents that are NaN"),
        ({"features": lambda x: (x, x)}, r"features make tuple of 3 images; give a function"),
        ({"features": lambda x: x.mean((1, 2, 3))}, r"features make \(3,\) of 3 images"),
        ({"features": lambda x: x.mean(0)}, r"features make \(1, 4, 4\) of 3 images"),
        ({"starts": 0}, "starts=0 must be a positive integer"),
        ({"steps": 0}, "steps=0"),
        ({"lr": 0.0}, "lr=0.0"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"prior": -1.0}, "prior=-1.0"),
        ({"labels": 1}, "labels are for a conditional GAN"),
        ({"conditions": IMAGES}, "conditions are for a GAN of any condition"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, said):
    with pytest.raises(Refused, match=said):
        gancode.invert(drawing(), IMAGES, **options)


def test_what_has_no_latent_is_refused():
    with pytest.raises(WrongType, match="Linear has no latent that is known here: give a"):
        gancode.invert(nn.Linear(2, 3), IMAGES)

    class Deaf(nn.Linear):
        def forward(self, z):
            return self.bias.expand(len(z), -1)

    for generator in (Deaf(2, 3), Deaf(2, 3).requires_grad_(False)):
        gan = gancode.GAN(generator, nn.Linear(3, 1), latent_dim=2)
        with pytest.raises(Refused, match="do not depend on its latent"):
            gancode.invert(gan, torch.zeros(2, 3))


def test_a_generator_of_classes_wants_labels():
    with pytest.raises(Refused, match="give the labels of the images, labels=…"):
        gancode.invert(conditional(), torch.zeros(2, 5))
    with pytest.raises(Refused, match="labels must be from 0 to 2"):
        gancode.invert(conditional(), torch.zeros(2, 5), labels=3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 0}, "steps=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"lr": -1.0}, "lr=-1.0 must be a positive number"),
        ({"pixels": -1.0}, "pixels=-1.0"),
        ({"network": nn.Sequential(nn.Flatten(), nn.AvgPool1d(8))}, "no weights that learn"),
        ({"network": nn.Flatten()}, r"the encoder makes \(64, 16\) of images for latents"),
    ],
)
def test_an_encoder_that_cannot_be_is_refused(options, said):
    with pytest.raises(Refused, match=said):
        inversion.fit_encoder(drawing(), **options)


def test_what_is_no_encoder_is_of_the_wrong_type():
    with pytest.raises(WrongType, match="an encoder must be a torch.nn.Module, not function"):
        gancode.invert(drawing(), IMAGES, by="encoder", encoder=lambda x: x.flatten(1)[:, :2])
    with pytest.raises(WrongType, match="an encoder must be a torch.nn.Module, not int"):
        inversion.fit_encoder(drawing(), 3)


def test_an_encoder_has_no_conditions_to_learn_under_but_those_of_a_run():
    gan = gancode.GAN(nn.Linear(2, 3), nn.Linear(3, 1), latent_dim=2, conditional=True)
    with pytest.raises(Refused, match="trained under the conditions of a run"):
        inversion.fit_encoder(gan)


def test_a_generator_without_parameters_is_refused():
    gan = gancode.GAN(nn.Tanh(), nn.Linear(2, 1), latent_dim=2)
    with pytest.raises(Refused, match="the generator has no parameters"):
        gancode.invert(gan, torch.zeros(3, 2))
