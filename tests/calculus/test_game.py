"""Games: the maps of training methods, against autograd steps and against simulation."""

import time

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_expit

from gancode.calculus import (
    Game,
    NotStationaryError,
    UnknownNameError,
    catalog,
    gamma,
    prove,
    psi,
    softplus,
    theta,
)

h = sympy.Symbol("eta", positive=True)

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
    penalised = Game({theta: DIRAC.losses[theta], psi: DIRAC.losses[psi] + gamma * psi**2 / 2})
    root = sympy.sqrt(gamma**2 / 4 - sympy.Rational(1, 4))
    expected = {-gamma / 2 + root, -gamma / 2 - root}
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


def torch_field(values, losses):
    values = [v.detach().requires_grad_(True) for v in values]
    return [-torch.autograd.grad(losses(values)[i], values[i])[0] for i in range(2)]


def torch_step(method, now, before, step, losses):
    """One step written with autograd alone."""
    field = torch_field(now, losses)
    if method == "simultaneous":
        return [v + step * f for v, f in zip(now, field, strict=True)]
    if method == "alternating":
        first = now[0] + step * field[0]
        return [first, now[1] + step * torch_field([first, now[1]], losses)[1]]
    if method == "extragradient":
        ahead = torch_field([v + step * f for v, f in zip(now, field, strict=True)], losses)
        return [v + step * f for v, f in zip(now, ahead, strict=True)]
    if method == "optimistic":
        past = torch_field(before, losses)
        return [v + step * (2 * f - o) for v, f, o in zip(now, field, past, strict=True)]
    if method == "momentum":
        return [v + step * f - (v - o) / 3 for v, f, o in zip(now, field, before, strict=True)]
    values = [v.detach().requires_grad_(True) for v in now]
    grads = [
        torch.autograd.grad(losses(values)[i], values[i], create_graph=True)[0] for i in range(2)
    ]
    pull = torch.autograd.grad(sum(x**2 for x in grads) / 2, values)
    return [v + step * (f - c / 2) for v, f, c in zip(now, field, pull, strict=True)]


def agrees_with_autograd(game, method, losses, start):
    path = game.simulate(method, start, 0.1, 5, **OPTIONS[method])[:, 0]
    now = before = [torch.tensor(v, dtype=torch.float64) for v in start]
    for k in range(1, 6):
        now, before = torch_step(method, now, before, 0.1, losses), now
        assert path[k] == pytest.approx([v.item() for v in now], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("method", OPTIONS)
def test_update_maps_agree_with_autograd_steps(method):
    def losses(values):
        x, y = values
        return (torch.sin(x * y) + x**2 / 3, -x * y**3 / 4 + y**2)

    agrees_with_autograd(UNEVEN, method, losses, [0.7, -0.4])


COEFFICIENTS = st.lists(st.integers(-4, 4), min_size=6, max_size=6).filter(any)


@settings(max_examples=25, deadline=None)
@given(COEFFICIENTS, COEFFICIENTS, st.sampled_from(list(OPTIONS)))
def test_update_maps_of_random_games_agree_with_autograd_steps(first, second, method):
    terms = [theta, psi, theta * psi, theta**2, psi**2, theta * psi**2]
    losses = [
        sum(sympy.Rational(c, 8) * term for c, term in zip(cs, terms, strict=True)) + 0 * theta
        for cs in (first, second)
    ]
    compiled = [sympy.lambdify((theta, psi), loss) for loss in losses]

    def in_torch(values):  # a zero that depends on both, since autograd asks for a graph
        return [f(*values) + 0 * values[0] * values[1] for f in compiled]

    agrees_with_autograd(
        Game(dict(zip((theta, psi), losses, strict=True))), method, in_torch, [0.5, -0.3]
    )


def test_the_jacobian_is_a_potential_part_and_a_rotation():
    potential, rotation = UNEVEN.parts()
    assert sympy.simplify(potential + rotation - UNEVEN.jacobian()) == sympy.zeros(2)
    assert potential == potential.T and rotation == -rotation.T
    assert BILINEAR.parts((0, 0)) == (sympy.zeros(2), sympy.Matrix([[0, -1], [1, 0]]))


def slope(loss, argument):
    return loss.diff(argument).subs(argument, 0)


@pytest.mark.parametrize("name", ["minimax", "nonsaturating", "wasserstein", "exponential"])
@pytest.mark.parametrize(
    "penalty, damping", [("r1", 1), ("r2", 1), ({"r1": gamma, "r2": gamma}, 2)]
)
def test_gradient_penalties_damp_every_dirac_gan_alike(name, penalty, damping):
    """−γ/2 ± √(γ²/4 − ℓ′(0)²); with both penalties the weight counts twice."""
    pull = {"minimax": 0.5, "nonsaturating": 0.5, "wasserstein": 1, "exponential": 1}[name]
    weight = damping * gamma
    root = sympy.sqrt(weight**2 / 4 - sympy.nsimplify(pull) ** 2)
    derived = catalog[name].dirac(penalty).eigenvalues((0, 0))
    for expected in (-weight / 2 + root, -weight / 2 - root):
        assert any(prove(value, expected).status == "proved" for value in derived)


def test_instance_noise_damps_by_the_curvature_of_the_loss():
    sigma = sympy.Symbol("sigma", positive=True)
    noisy = catalog["minimax"].dirac({"instance-noise": sigma})
    # ℓ″(0) = 1/4 on real and on generated samples: a damping of σ²/2 in all
    assert sympy.simplify(
        noisy.jacobian((0, 0))
        - sympy.Matrix([[0, sympy.Rational(1, 2)], [-sympy.Rational(1, 2), -(sigma**2) / 2]])
    ) == sympy.zeros(2)
    assert catalog["wasserstein"].dirac({"instance-noise": sigma}).eigenvalues((0, 0)) == [
        -sympy.I,
        sympy.I,
    ]
    # the linearisation is that of Gaussian noise of the same variance: by quadrature
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()

    def gaussian_critic_loss(t, s, at=0.05):
        real = -log_expit(t * s * nodes)
        generated = -log_expit(-t * (at + s * nodes))
        return (weights * (real + generated)).sum()

    gap, s = 1e-3, 0.3
    values = [gaussian_critic_loss(t, s, 0.0) for t in (-gap, 0, gap)]
    curvature = (values[0] - 2 * values[1] + values[2]) / gap**2
    assert curvature == pytest.approx(s**2 / 2, rel=1e-4)


def test_consensus_in_the_game_is_consensus_in_the_method():
    weight = sympy.Rational(1, 3)
    game = catalog["nonsaturating"].dirac({"consensus": weight})
    plain = catalog["nonsaturating"].dirac()
    start = [[0.7, -0.2], [0.1, 0.9]]
    one = game.simulate("simultaneous", start, 0.1, 50)
    other = plain.simulate("consensus", start, 0.1, 50, weight=weight)
    assert one == pytest.approx(other, abs=1e-14)


@pytest.mark.parametrize("method", ["simultaneous", "alternating", "extragradient", "momentum"])
def test_clipping_keeps_the_critic_in_and_the_local_picture_as_it_was(method):
    clipped = catalog["wasserstein"].dirac({"clipping": sympy.Rational(1, 10)})
    plain = catalog["wasserstein"].dirac()
    path = clipped.simulate(method, [1.0, 0.0], 0.2, 200, **OPTIONS[method])
    assert abs(path[..., 1]).max() == 0.1 and abs(path[..., 0]).max() > 0.5
    maps = [game.update(method, h, **OPTIONS[method]) for game in (clipped, plain)]
    assert maps[0].jacobian((0, 0)) == maps[1].jacobian((0, 0))


def test_the_one_centred_penalty_has_no_equilibrium():
    game = catalog["wasserstein"].dirac("wgan-gp")
    with pytest.raises(NotStationaryError, match="jumps.*sign\\(psi\\)"):
        game.eigenvalues((0, 0))
    with pytest.raises(NotStationaryError, match="not zero"):
        game.eigenvalues((0, 1))
    late = (
        catalog["wasserstein"].dirac({"wgan-gp": 1}).simulate("alternating", [0.5, 0], 0.05, 20000)
    )
    assert np.linalg.norm(late[-2000:, 0], axis=1).min() > 0.01


@pytest.mark.parametrize("method", OPTIONS)
@pytest.mark.parametrize(
    "name, penalty", [("hinge", {"consensus": 0.5}), ("hinge", {"wgan-gp": 1})]
)
def test_kinks_are_simulated_with_any_method(name, penalty, method):
    game = catalog[name].dirac(penalty)
    path = game.simulate(method, [0.5, 0.3], 0.05, 50, **OPTIONS[method])
    assert np.isfinite(path).all() and not np.array_equal(path[0], path[-1])
    u, v, h = 0.5, 0.3, 0.05  # the critic's own step, by differences of its loss
    loss = sympy.lambdify((theta, psi), game.losses[psi].subs(sympy.Heaviside(psi * theta + 1), 1))
    slope = (loss(u, v + 1e-6) - loss(u, v - 1e-6)) / 2e-6
    first = game.simulate("simultaneous", [u, v], h, 1)[1, 0]
    assert first[1] == pytest.approx(v - h * slope, abs=1e-8)


@pytest.mark.parametrize("players, method", [(3, "consensus"), (4, "optimistic"), (5, "momentum")])
def test_games_of_many_players_have_eigenvalues_at_once(players, method):
    names = sympy.symbols(f"x:{players}", real=True)
    rng = np.random.default_rng(players)
    weights = rng.integers(-9, 9, (players, players)).tolist()
    losses = {
        x: sum(sympy.Rational(w, 7) * x * y for w, y in zip(row, names, strict=True))
        for x, row in zip(names, weights, strict=True)
    }
    game, origin = Game(losses), [0] * players
    began = time.process_time()
    values = game.eigenvalues(origin)
    radius = float(
        game.update(method, sympy.Rational(1, 9), **OPTIONS[method]).spectral_radius(origin)
    )
    assert time.process_time() - began < 10
    matrix = np.array(game.jacobian(origin).tolist(), dtype=float)
    np.testing.assert_allclose(
        sorted(map(complex, values), key=lambda v: (round(v.real, 9), v.imag)),
        sorted(np.linalg.eigvals(matrix), key=lambda v: (round(v.real, 9), v.imag)),
        atol=1e-12,
    )
    update = game.update(method, sympy.Rational(1, 9), **OPTIONS[method]).jacobian(origin)
    known = abs(np.linalg.eigvals(np.array(update.tolist(), dtype=float))).max()
    assert radius == pytest.approx(known, rel=1e-9)


def test_many_players_keep_formulas_where_they_are_short():
    x, y, z = sympy.symbols("x y z", real=True)
    turning = Game({x: x * y, y: -x * y, z: z**2})
    assert sorted(turning.eigenvalues((0, 0, 0)), key=str) == [-2, -sympy.I, sympy.I]


def test_a_field_that_holds_softplus_is_simulated_without_overflow():
    game = Game({theta: psi * softplus(theta), psi: -psi * softplus(theta)})
    path = game.simulate("simultaneous", (1000.0, 2.0), 0.25, 1)
    np.testing.assert_allclose(path[1], [[1000 - 0.25 * 2, 2 + 0.25 * 1000]])


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
        (lambda: DIRAC.update("consensus", h, weight=-1), ValueError, "finite and not negative"),
        (lambda: catalog["minimax"].dirac({"r1": -1}), ValueError, "r1 must be finite and not neg"),
        (lambda: catalog["minimax"].dirac("r3"), UnknownNameError, "unknown penalty 'r3'.*wgan-gp"),
        (lambda: Game({psi: psi**2}, clip={psi: -1}), ValueError, "positive number, not -1"),
        (lambda: Game({psi: psi**2}, clip={theta: 1}), ValueError, "clip names theta"),
        (lambda: DIRAC.update("alternating", h, repeats={psi: 0}), ValueError, "positive integers"),
        (lambda: DIRAC.simulate("simultaneous", [1, 2, 3], 0.1, 5), ValueError, "shape"),
        (lambda: DIRAC.simulate("simultaneous", [1, 2], 0.1, 0), ValueError, "positive integer"),
        (lambda: DIRAC.simulate("simultaneous", [1, 2], h, 5), ValueError, "give eta a value"),
    ],
)
def test_wrong_use(call, error, message):
    with pytest.raises(error, match=message):
        call()
