"""The discrepancy on tensors: the estimates of the metrics, with gradients that are right."""

import math

import pytest
import torch

from gancode import Refused, kernels, metrics
from gancode.metrics.discrepancy import Gaussian

torch.manual_seed(0)
X, Y = torch.randn(60, 3, dtype=torch.double), 0.4 + 1.3 * torch.randn(50, 3, dtype=torch.double)


@pytest.mark.parametrize("biased", [False, True])
def test_it_is_what_the_metrics_estimate(biased):
    found = kernels.maximum_mean_discrepancy(X, Y, kernels.gaussian(0.7), biased)
    known = metrics.maximum_mean_discrepancy(X, Y, Gaussian(0.7), biased).value
    assert found.item() == pytest.approx(known, rel=1e-9)
    found = kernels.maximum_mean_discrepancy(X, Y, kernels.distance, biased)
    assert found.item() == pytest.approx(metrics.energy_distance(X, Y, biased).value, rel=1e-9)


def test_several_bandwidths_are_the_mean_of_each():
    several = kernels.gaussian([0.3, 2])(X, Y)
    assert torch.allclose(several, (kernels.gaussian(0.3)(X, Y) + kernels.gaussian(2)(X, Y)) / 2)


def test_the_gap_of_the_witness_is_the_discrepancy():
    kernel = kernels.gaussian(0.9)
    gap = [kernels.witness(at, X, Y, kernel).mean() for at in (X, Y)]
    found = kernels.maximum_mean_discrepancy(X, Y, kernel, biased=True)
    assert (gap[0] - gap[1]).item() == pytest.approx(found.item(), rel=1e-9)


@pytest.mark.parametrize("kernel", [kernels.gaussian([0.5, 2]), kernels.distance])
def test_the_generator_gets_the_slope_of_the_witness(kernel):
    """Per sample −2/m ∇w, with the pairs of a sample with itself, which have slope 0."""
    y = Y.clone().requires_grad_()
    kernels.maximum_mean_discrepancy(X, y, kernel, biased=True).backward()
    at = Y.clone().requires_grad_()
    kernels.witness(at, X, Y, kernel).sum().backward()
    assert y.grad.isfinite().all()
    assert torch.allclose(y.grad, -2 / len(Y) * at.grad)


@pytest.mark.slow
@pytest.mark.parametrize(("biased", "bias"), [(False, 0.0), (True, 2 / (8 * math.sqrt(27)))])
def test_only_the_biased_loss_draws_samples_together(biased, bias):
    """The mean slope in the standard deviation at the truth: 2ℓ/(n(ℓ² + 2)^{3/2}), or none."""
    scale, kernel, slopes = torch.ones((), requires_grad=True), kernels.gaussian(1.0), []
    for x, z in torch.randn(3000, 2, 8, 1):
        loss = kernels.maximum_mean_discrepancy(x, scale * z, kernel, biased)
        slopes.append(torch.autograd.grad(loss, scale)[0])
    slopes = torch.stack(slopes)
    error = slopes.std().item() / math.sqrt(len(slopes))
    assert slopes.mean().item() == pytest.approx(bias, abs=4 * error)
    assert error < 0.01  # or both would pass


@pytest.mark.parametrize("kernel", [kernels.gaussian(1.0), kernels.distance])
def test_far_from_zero_distances_do_not_cancel(kernel):
    x, y = X.float() + 4096, Y.float() + 4096
    found = kernels.maximum_mean_discrepancy(x, y, kernel)
    known = kernels.maximum_mean_discrepancy(x.double(), y.double(), kernel)
    assert found.item() == pytest.approx(known.item(), rel=1e-4)
    found = kernels.witness(x, x, y, kernel)
    assert torch.allclose(
        found.double(), kernels.witness(x.double(), x.double(), y.double(), kernel), atol=1e-5
    )


@pytest.mark.parametrize("kernel", [kernels.gaussian(0.7), kernels.distance])
@pytest.mark.parametrize("biased", [False, True])
def test_gradients_are_those_of_differences(kernel, biased):
    small = (X[:5].clone().requires_grad_(), Y[:4].clone().requires_grad_())
    assert torch.autograd.gradcheck(
        lambda x, y: kernels.maximum_mean_discrepancy(x, y, kernel, biased), small
    )


def test_bandwidths_of_any_size_and_type():
    assert kernels.gaussian(1e200)(X, Y).min() == 1
    assert kernels.gaussian(1e-30)(X.float(), Y.float()).max() == 0
    assert kernels.gaussian(1e-30)(0 * X.float(), 0 * Y.float()).min() == 1
    assert torch.equal(kernels.gaussian(torch.tensor([0.5]))(X, Y), kernels.gaussian(0.5)(X, Y))
    one, other = torch.tensor(0.5).numpy()[()], torch.tensor([0.5])  # NumPy's float32 is no float
    assert torch.equal(kernels.gaussian(one)(X, Y), kernels.gaussian(other)(X, Y))


@pytest.mark.parametrize("bandwidths", [0, -1.0, math.inf, math.nan, [], [1.0, 0.0]])
def test_a_bandwidth_that_is_none_is_refused(bandwidths):
    with pytest.raises(Refused, match="must be positive and finite"):
        kernels.gaussian(bandwidths)


@pytest.mark.parametrize("y", [Y[:1], Y[:, :2], Y[:, 0], Y[None], Y.float(), Y.long()])
def test_batches_that_do_not_fit_are_refused(y):
    for pair in ((X, y), (y, X)):
        with pytest.raises(Refused, match=r"shapes \(n, d\) and \(m, d\)"):
            kernels.maximum_mean_discrepancy(*pair, kernels.gaussian(1.0))


@pytest.mark.parametrize("bad", [Y[:0], Y[:, :2], Y[:, 0], Y.float()])
@pytest.mark.parametrize("place", range(3))
def test_a_witness_of_what_does_not_fit_is_refused(place, bad):
    given = [X, X, Y]
    given[place] = bad
    with pytest.raises(Refused, match="at least 1"):
        kernels.witness(*given, kernels.gaussian(1.0))
    assert kernels.witness(X, X[:1], Y[:1], kernels.gaussian(1.0)).shape == (60,)
