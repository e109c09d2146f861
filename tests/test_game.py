"""Games: the maps of training methods, against autograd steps and against simulation."""

import time

import numpy as np
import pytest
import sympy
import torch

from gancode.calculus import Game, NotStationaryError, UnknownNameError, prove, softplus

theta, psi = sympy.symbols("theta psi", real=True)
h, g = sympy.symbols("eta gamma", positive=True)

BILINEAR = Game({theta: theta * psi, psi: -theta * psi})
DIRAC = Game({theta: -softplus(psi * theta), psi: softplus(psi * theta)})
# not zero-sum, not quadratic, and not symmetric: nothing cancels by accident
UNEVEN = Game({theta: sympy.sin(theta * psi) + theta**2 / 3, psi: -theta * psi**3 / 4 + psi**2})
OPTIONS = {
    "simultaneous": {},
    "alternating": {},
    "extragradient": {},
    "optimistic": {},
    "consensus": {"weight": sympy.Rational(1, 2)},
    "momentum": {"momentum": sympy.Rational(-1, 3)},
}


def test_field_and_eigenvalues_of_the_dirac_gan():
    assert BILINEAR.field() == sympy.Matrix([-psi, theta])
    assert set(DIRAC.eigenvalues((0, 0))) == {sympy.I / 2, -sympy.I / 2}
    # R1: Mescheder, Geiger and Nowozin 2018, with ℓ'(0)² under the root
    penalised = Game({theta: DIRAC.losses[theta], psi: DIRAC.losses[psi] + g * psi**2 / 2})
    root = sympy.sqrt(g**2 / 4 - sympy.Rational(1, 4))
    expected = {-g / 2 + root, -g / 2 - root}
    for value in penalised.eigenvalues({theta: 0, psi: 0}):
        assert any(prove(value, e).status == "proved" for e in expected)


@pytest.mark.parametrize(
    "method, radius",
    [
        ("simultaneous", sympy.sqrt(1 + h**2)),
        ("extragradient", sympy.sqrt(1 - h**2 + h**4)),
        ("consensus", sympy.sqrt((1 - h / 2) ** 2 + h**2)),
    ],
)
def test_spectral_radii_of_the_bilinear_game(method, radius):
    derived = BILINEAR.update(method, h, **OPTIONS[method]).spectral_radius((0, 0))
    assert prove(derived, radius).status == "proved"


def test_alternating_steps_turn_without_growing():
    update = BILINEAR.update("alternating", h)
    small = update.spectral_radius((0, 0)).subs(h, sympy.Rational(1, 2))
    assert sympy.simplify(small) == 1
    assert update.jacobian((0, 0)).det() == 1


@pytest.mark.parametrize("method", ["simultaneous", "extragradient", "optimistic", "consensus"])
def test_the_spectral_radius_is_the_measured_rate(method):
    step = 0.2
    update = DIRAC.update(method, sympy.Rational(1, 5), **OPTIONS[method])
    radius = float(update.spectral_radius((0, 0)))
    path = DIRAC.simulate(method, [1e-4, 0.0], step, 400, **OPTIONS[method])[:, 0]
    norms = np.linalg.norm(path, axis=1)
    # over whole turns: the norm of a spiral that is not a circle wobbles within one
    turn = 2 * round(2 * np.pi / (step / 2) / 2)
    measured = (norms[100 + 4 * turn] / norms[100]) ** (1 / (4 * turn))
    assert measured == pytest.approx(radius, abs=1e-4)


def torch_losses(values):
    x, y = values
    return (torch.sin(x * y) + x**2 / 3, -x * y**3 / 4 + y**2)


def torch_field(values):
    values = [v.detach().requires_grad_(True) for v in values]
    return [-torch.autograd.grad(torch_losses(values)[i], values[i])[0] for i in range(2)]


def torch_step(method, now, before, step):
    """One step written with autograd alone."""
    field = torch_field(now)
    if method == "simultaneous":
        return [v + step * f for v, f in zip(now, field, strict=True)]
    if method == "alternating":
        first = now[0] + step * field[0]
        return [first, now[1] + step * torch_field([first, now[1]])[1]]
    if method == "extragradient":
        ahead = torch_field([v + step * f for v, f in zip(now, field, strict=True)])
        return [v + step * f for v, f in zip(now, ahead, strict=True)]
    if method == "optimistic":
        past = torch_field(before)
        return [v + step * (2 * f - o) for v, f, o in zip(now, field, past, strict=True)]
    if method == "momentum":
        return [v + step * f - (v - o) / 3 for v, f, o in zip(now, field, before, strict=True)]
    values = [v.detach().requires_grad_(True) for v in now]
    grads = [
        torch.autograd.grad(torch_losses(values)[i], values[i], create_graph=True)[0]
        for i in range(2)
    ]
    pull = torch.autograd.grad(sum(x**2 for x in grads) / 2, values)
    return [v + step * (f - c / 2) for v, f, c in zip(now, field, pull, strict=True)]


@pytest.mark.parametrize("method", OPTIONS)
def test_update_maps_agree_with_autograd_steps(method):
    start = [0.7, -0.4]
    path = UNEVEN.simulate(method, start, 0.1, 5, **OPTIONS[method])[:, 0]
    now = before = [torch.tensor(v, dtype=torch.float64) for v in start]
    for k in range(1, 6):
        now, before = torch_step(method, now, before, 0.1), now
        assert path[k] == pytest.approx([v.item() for v in now], rel=1e-12)


def test_several_critic_steps():
    path = BILINEAR.simulate("alternating", [1.0, 0.0], 0.5, 1, repeats={psi: 3})
    assert path[1, 0].tolist() == [1.0, 1.5]


def test_a_thousand_long_trajectories_in_two_seconds():
    start = np.random.default_rng(0).normal(size=(1000, 2))
    began = time.process_time()
    path = DIRAC.simulate("simultaneous", start, 0.1, 10_000)
    assert time.process_time() - began < 2
    assert path.shape == (10_001, 1000, 2)
    assert np.array_equal(path[:, 7], DIRAC.simulate("simultaneous", start[7], 0.1, 10_000)[:, 0])


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: Game({}), ValueError, "needs a loss"),
        (lambda: Game({sympy.Symbol("z"): 1}), ValueError, "real symbol"),
        (lambda: UNEVEN.eigenvalues((1, 1)), NotStationaryError, "not zero"),
        (lambda: DIRAC.eigenvalues({theta: 0}), ValueError, "gives a value to each"),
        (lambda: DIRAC.update("adam", h), UnknownNameError, "unknown method 'adam'.*extragradient"),
        (lambda: DIRAC.update("consensus", h, weight=-1), ValueError, "must not be negative"),
        (lambda: DIRAC.update("alternating", h, repeats={psi: 0}), ValueError, "positive integers"),
        (lambda: DIRAC.simulate("simultaneous", [1, 2, 3], 0.1, 5), ValueError, "shape"),
        (lambda: DIRAC.simulate("simultaneous", [1, 2], 0.1, 0), ValueError, "positive integer"),
        (lambda: DIRAC.simulate("simultaneous", [1, 2], h, 5), ValueError, "give eta a value"),
    ],
)
def test_wrong_use(call, error, message):
    with pytest.raises(error, match=message):
        call()
