"""The games in the pages, played in Chromium: their numbers are the package's."""

import itertools
import math

import numpy as np
import pytest
import torch
from playwright.sync_api import sync_playwright
from sympy import Rational

from gancode.calculus import catalog
from gancode.penalties import gradient_penalty, parse
from tools import chromium, games

KEYS = list(itertools.product(games.OBJECTIVES, games.REMEDIES, games.METHODS))
# At a step of 1/10 optimistic steps of least squares are chaotic under WGAN-GP: they multiply a
# rounding by ten powers of ten.
START, STEP, WEIGHT = [1.1, 0.63], Rational(1, 20), Rational(1, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a page for each game, and nothing else in it."""
    folder = tmp_path_factory.mktemp("games")
    games.alone(folder)
    return folder


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find())
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, folder):
    """A function that opens the page of a game, which must load without errors, from the disk."""
    contexts, wrong = [], []

    def open_page(kind, **options):
        contexts.append(
            browser.new_context(**{"viewport": {"width": 780, "height": 900}} | options)
        )
        page = contexts[-1].new_page()
        page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith("file:") or wrong.append(asked.url))
        page.goto((folder / f"game-{kind}.html").as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


# The small games ----------------------------------------------------------------------------------


def played(page, expression):
    """What an expression in `choice` is for every choice of objective, penalty and method."""
    return page.evaluate(
        f"""([keys, step, weight, start]) => keys.map(([objective, remedy, method]) => {{
            const choice = {{objective, remedy, method, step, weight}};
            return {expression};
        }})""",
        [KEYS, float(STEP), float(WEIGHT), START],
    )


def test_every_map_goes_where_the_package_goes(opened):
    ends = played(opened("methods"), "games.path(choice, start, 200)")
    assert len(ends) == len(KEYS) == 252
    far = []
    for (objective, remedy, name), path in zip(KEYS, ends, strict=True):
        method, options = games.METHODS[name]
        game = games.game(objective, remedy, WEIGHT)
        expected = game.simulate(method, START, STEP, 200, **options)[:, 0]
        assert np.isfinite(expected).all() and len(path) == 201
        off = np.abs(np.array(path) - expected).max() / max(1, np.abs(expected).max())
        if off > 1e-10:
            far.append((objective, remedy, name, off))
    assert far == []


def test_the_spectral_radius_is_that_of_the_map_near_the_equilibrium(opened):
    page = opened("methods")
    predicted = played(page, "games.spectralRadius(choice)")
    jacobians = played(  # by differences; what a method remembers moves by itself
        page,
        """(() => {
            const map = games.MAPS[games.key(choice)], size = map.length - 2, h = 1e-5;
            const at = k => map(...Array.from({length: size}, (_, j) => j === k ? h : 0),
                step, weight);
            return Array.from({length: size}, (_, k) => at(k).map(value => value / h));
        })()""",
    )
    for key, radius, columns in zip(KEYS, predicted, jacobians, strict=True):
        if key[1] == "wgan-gp":
            assert radius is None  # the field jumps
        else:
            found = np.abs(np.linalg.eigvals(np.array(columns))).max()
            assert radius == pytest.approx(found, abs=2e-4), key


@pytest.mark.parametrize(
    ("objective", "remedy"), [("nonsaturating", "none"), ("wasserstein", "r1")]
)
def test_the_spectral_radius_is_the_one_that_the_engine_derives(opened, objective, remedy):
    found = dict(zip(KEYS, played(opened("methods"), "games.spectralRadius(choice)"), strict=True))
    for name, (method, options) in games.METHODS.items():
        update = games.game(objective, remedy, WEIGHT).update(method, STEP, **options)
        derived = float(update.spectral_radius((0, 0)))
        assert found[objective, remedy, name] == pytest.approx(derived, abs=1e-9), name


def test_the_boundary_of_stability_is_where_theory_has_it(opened):
    largest = """([objective, remedy, method, weight]) =>
        games.largestStep({objective, remedy, method, weight})"""
    page = opened("penalties")
    for choice, step in {
        ("minimax", "none", "simultaneous", 1): 0,
        ("minimax", "none", "alternating", 1): 4,
        ("minimax", "none", "3 critic steps", 1): 4 / math.sqrt(3),
        ("minimax", "none", "extragradient", 1): 2,
        ("minimax", "none", "optimistic", 1): 2 / math.sqrt(3),
        ("minimax", "consensus", "simultaneous", 1): 8 / 5,
        ("nonsaturating", "r1", "simultaneous", 0.5): 2,
        ("nonsaturating", "r1", "simultaneous", 2): 2 / (1 + math.sqrt(3) / 2),
        ("wasserstein", "instance-noise", "simultaneous", 2): 0,
    }.items():
        assert page.evaluate(largest, list(choice)) == pytest.approx(step, abs=1e-6), choice


def test_the_measured_factor_is_the_predicted_one_from_close_by(opened):
    page = opened("penalties")
    readout = page.locator(".game-readout")
    page.get_by_label("from close by").check()
    text = readout.inner_text()
    predicted, measured = (float(text.split(word)[1][:6]) for word in ("ρ = ", "Measured: "))
    assert predicted == pytest.approx(0.9341, abs=1e-4)
    assert measured == pytest.approx(predicted, abs=2e-3)
    page.get_by_label("Penalty").select_option("wgan-gp")
    assert "Predicted: nothing" in readout.inner_text()


def test_a_small_game_is_paused_stepped_replayed_and_moved_by_keys(opened):
    page = opened("methods")
    readout = page.locator(".game-readout")
    press = lambda name: page.get_by_role("button", name=name, exact=True).click()  # noqa: E731
    assert "of 400 steps" in readout.inner_text()
    press("From the start")
    assert "too few steps" in readout.inner_text()
    for _ in range(20):
        press("Step")
    assert "of 20 steps" in readout.inner_text()
    press("Play")
    page.wait_for_function("!document.querySelector('.game-readout').textContent.includes(' 20 ')")
    press("Pause")
    now = readout.inner_text()
    page.wait_for_timeout(200)
    assert readout.inner_text() == now
    drawn = "() => document.querySelector('canvas').toDataURL()"
    for picture in page.locator("canvas").all():  # the start; the step
        before = page.evaluate(drawn)
        picture.press("ArrowRight")
        assert page.evaluate(drawn) != before


def test_a_finger_drags_the_mark_and_elsewhere_it_scrolls_or_taps(opened):
    """Of the chart of steps and weights; 390 pixels, of which it takes nearly all."""
    page = opened("methods", has_touch=True, viewport={"width": 390, "height": 700})
    step, chart = page.get_by_label("Step η"), page.locator("canvas").nth(1)
    touched = page.context.new_cdp_session(page)

    def value():
        return float(page.locator("label", has=step).locator(".game-value").inner_text())

    def box():
        chart.scroll_into_view_if_needed()
        return chart.evaluate("canvas => canvas.getBoundingClientRect().toJSON()")

    def swipe(x, y, dx, dy):
        points = [{"x": x + dx * k / 10, "y": y + dy * k / 10} for k in range(11)]
        for kind, point in zip(["touchStart", *["touchMove"] * 10], points, strict=True):
            touched.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
            page.wait_for_timeout(20)
        touched.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    at, before, scrolled = box(), value(), page.evaluate("scrollY")
    wide = at["width"] - 34  # without the axis
    x = at["x"] + 34 + wide * before / 4
    y = at["y"] + at["height"] - 30  # the mark: no penalty, so a weight of nearly none
    weight = float(page.locator("label", has=page.get_by_label("Weight")).locator(
        ".game-value").inner_text())  # fmt: skip
    y -= (at["height"] - 30) * weight / 4
    swipe(x, y, 80, 0)
    assert value() == pytest.approx(before + 4 * 80 / wide, abs=0.05)
    assert page.evaluate("scrollY") == scrolled

    at, before = box(), value()
    swipe(at["x"] + at["width"] - 20, at["y"] + 100, 0, 90 if scrolled else -90)
    page.wait_for_function("before => scrollY !== before", arg=scrolled)
    assert value() == before

    at = box()
    page.touchscreen.tap(at["x"] + 34 + wide / 2, at["y"] + 60)
    assert value() == pytest.approx(2, abs=0.05)


def test_every_control_has_a_name(opened):
    for kind in ("methods", "gan"):
        page = opened(kind)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        nameless = page.evaluate("""() => {
            const named = each => each.type === "checkbox" ? each.labels[0].textContent.trim()
                : each.ariaLabel || each.tagName === "BUTTON" && each.textContent.trim();
            return [...document.querySelectorAll("canvas, select, input, button")]
                .filter(each => !named(each)).map(each => each.outerHTML);
        }""")
        assert nameless == []


@pytest.mark.parametrize("kind", ["methods", "penalties", "gan"])
def test_without_a_script_and_in_print_the_still_picture_stands(opened, kind):
    still = opened(kind, java_script_enabled=False).locator(f"img.game-{kind}")
    assert still.is_visible() and still.evaluate("image => image.naturalWidth") > 600
    page = opened(kind)
    assert not page.locator("figure > img").is_visible() and page.locator(".game-box").is_visible()
    page.emulate_media(media="print")
    assert page.locator("figure > img").is_visible() and not page.locator(".game-box").is_visible()


def test_who_wants_little_motion_sees_a_picture_a_second(opened):
    count = """() => new Promise(done => {
        const picture = document.querySelector("canvas");
        let seen = 0, last = picture.toDataURL();
        const look = () => { const now = picture.toDataURL(); seen += now !== last; last = now; };
        const timer = setInterval(look, 20);
        document.querySelectorAll(".game-buttons button")[0].click();
        setTimeout(() => { clearInterval(timer); done(seen); }, 1500);
    })"""
    assert opened("methods", reduced_motion="reduce").evaluate(count) <= 3
    assert opened("methods").evaluate(count) > 3


# The GAN in the page ------------------------------------------------------------------------------


def matrices(state):
    """The weights of a perceptron in the page, as tensors that want gradients: matrices and
    biases."""
    for n, m, W, b in state:
        yield torch.tensor(W, dtype=torch.float64).reshape(n, m).requires_grad_()
        yield torch.tensor(b, dtype=torch.float64).requires_grad_()


def perceptron(weights, x, activation):
    *hidden, W, b = weights
    for matrix, bias in zip(hidden[::2], hidden[1::2], strict=True):
        x = activation(x @ matrix + bias)
    return x @ W + b


GRADIENTS = """([settings, weight]) => {
    const gan = new games.Gan({...settings, batch: 16, hidden: 12});
    const plain = net => net.layers.map(({n, m, W, b}) =>
        [n, m, Array.from(W.values), Array.from(b.values)]);
    const slopes = net => net.tensors().map(({gradient}) => Array.from(gradient));
    const real = games.sample(gan.data, 16, gan.random), z = gan.random.normals(32);
    const made = gan.make(z), [before, after] = [plain(gan.D), plain(gan.G)];
    const found = {
        G: after, D: before, B: gan.features ? Array.from(gan.features.B) : [],
        z: Array.from(z), real: Array.from(real),
        critic: gan.criticGradients(real, made.at(-1), weight), ofD: slopes(gan.D),
        generator: gan.generatorGradients(made, real), ofG: slopes(gan.G),
        forces: Array.from(gan.forces(made.at(-1))),
    };
    return found;
}"""
SHARP = {"features": 8, "sharpness": 2}
TRAINED = [
    *((name, {}, []) for name in catalog),
    ("nonsaturating", {}, ["r1", "r2"]),
    ("minimax", SHARP, ["r1", "r2"]),
    ("relativistic", SHARP, ["one-centred-real", "one-sided-generated"]),
    ("wasserstein", {"line": True}, ["one-centred-generated", "r1"]),
    ("hinge", {}, ["one-sided-real", "one-centred-generated"]),
]


@pytest.mark.parametrize(("name", "networks", "penalties"), TRAINED)
def test_gradients_are_those_of_pytorch(gan_page, name, networks, penalties):
    settings = {"objective": name, "penalties": penalties, **networks}
    found = gan_page.evaluate(GRADIENTS, [settings, 3])
    G, D = (list(matrices(found[net])) for net in "GD")
    z, real = (
        torch.tensor(found[key], dtype=torch.float64).reshape(16, 2) for key in ("z", "real")
    )
    B = torch.tensor(found["B"], dtype=torch.float64).reshape(2, -1)

    def leaky(x):
        return torch.nn.functional.leaky_relu(x, 0.2)

    def critic(x):
        seen = torch.cat([x, (x @ B).sin(), (x @ B).cos()], 1) if found["B"] else x
        return perceptron(D, seen, leaky)

    scale = networks.get("sharpness", 1)
    generated = perceptron(G, scale * z, torch.tanh if "sharpness" in networks else leaky)
    objective = catalog[name]
    critic_loss, generator_loss = objective.torch()
    of_critic = critic_loss(critic(real), critic(generated.detach()))
    weighted = parse([f"{penalty}=3" for penalty in penalties])
    if penalties:
        of_critic = of_critic + gradient_penalty(critic, real, generated.detach(), weighted)
    logits = critic(generated)
    judged = [critic(real), logits] if objective.paired else [logits]
    of_generator = generator_loss(*judged)

    assert found["critic"] == pytest.approx(of_critic.item(), rel=1e-5)
    assert found["generator"] == pytest.approx(of_generator.item(), rel=1e-5)
    for loss, weights, key in ((of_critic, D, "ofD"), (of_generator, G, "ofG")):
        slopes = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
        for slope, ours in zip(slopes, found[key], strict=True):
            theirs = np.zeros(len(ours)) if slope is None else slope.flatten().numpy()
            assert np.abs(theirs - ours).max() <= 1e-5 * max(np.abs(theirs).max(), 1e-9), key


@pytest.fixture(scope="module")
def gan_page(browser, folder):
    page = browser.new_page()
    page.goto((folder / "game-gan.html").as_uri())
    yield page
    page.close()


RUN = """([preset, settings]) => {
    const gan = new games.Gan({...games.PRESETS[preset][1], ...settings});
    const sizes = x => Array.from({length: x.length / 2}, (_, k) => Math.hypot(x[2*k], x[2*k + 1]));
    const z = gan.latents(1000), pulls = [], shares = [], centres = [];
    const look = () => {
        const x = gan.generate(z), pull = sizes(gan.forces(x)).sort((a, b) => a - b);
        pulls.push(pull[500]);
        if (gan.data.means.length > 1) shares.push(Math.max(...games.coverage(gan.data, x).shares));
        const mean = d => x.filter((_, k) => k % 2 === d).reduce((sum, v) => sum + v, 0) / 1000;
        centres.push([mean(0), mean(1)]);
    };
    while (!gan.ended) {
        gan.advance();
        if (gan.step % 25 === 0) look();
    }
    const samples = gan.generate(gan.latents(2500));
    const {covered, good} = games.coverage(gan.data, samples);
    return {covered, good, pulls, shares, centres, samples: Array.from(samples.slice(0, 100))};
}"""


def run(page, preset, **settings):
    return page.evaluate(RUN, [preset, settings])


def test_the_ring_is_covered_unless_its_critic_is_slow(gan_page):
    ring, slow = run(gan_page, "ring"), run(gan_page, "slow", steps=500)
    assert ring["covered"] == 8
    assert slow["covered"] < 4
    late = slow["shares"][len(slow["shares"]) // 4 :]
    assert np.median(late) > 0.7 > 0.3 > np.median(ring["shares"][-20:])  # at the fullest mode
    turned = np.unwrap([math.atan2(y, x) for x, y in slow["centres"]])
    assert np.ptp(turned) > 2 * math.pi  # and round the ring


def test_a_sharp_critic_loses_modes_and_a_penalty_that_decays_does_not(gan_page):
    sharp, decaying = (run(gan_page, preset, steps=500) for preset in ("sharp", "decaying"))
    assert sharp["covered"] < 4 and sharp["good"] < 0.05
    assert decaying["covered"] == 8 and decaying["good"] > 0.2


def test_a_line_turns_in_circles_and_comes_to_rest_with_r1(gan_page):
    spans = {}
    for preset in ("circles", "rest"):
        late = np.array(run(gan_page, preset)["centres"][-8:])
        spans[preset] = np.ptp(late[:, 0])
        assert np.abs(late.mean(0) - [0.6, 0]).max() < 0.15  # around the data
    assert spans["circles"] > 0.4 > 0.1 > spans["rest"]


def test_a_sure_critic_starves_minimax_only(gan_page):
    starved, pulled = (run(gan_page, preset)["pulls"][-3:] for preset in ("saturation", "pulling"))
    assert max(starved) < 0.1 < min(pulled)
    assert np.median(starved) < np.median(pulled) / 100


def test_a_seed_gives_the_same_samples_each_time(gan_page):
    first, again, other = (
        run(gan_page, "decaying", steps=20, seed=seed)["samples"] for seed in (5, 5, 6)
    )
    assert first == again != other


def test_the_weight_of_a_penalty_and_the_rates_decay(gan_page):
    asked = """() => {
        const gan = new games.Gan({...games.PRESETS.decaying[1], steps: 4, batch: 4}), found = [];
        gan.criticGradients = (real, generated, weight) => found.push(weight);
        gan.D.adam = rate => found.push(rate);
        while (!gan.ended) gan.advance();
        return found;
    }"""
    rates = [4e-3 * 0.03 ** (k / 4) for k in range(4)]
    weights = [2, 0, 2 * 1e-3**0.5, 0]
    expected = [value for pair in zip(weights, rates, strict=True) for value in pair]
    assert gan_page.evaluate(asked) == pytest.approx(expected)


def test_the_gan_is_played_with_data_of_ones_own(opened):
    page = opened("gan")
    readout = page.locator(".game-readout")
    for _ in range(3):
        page.get_by_role("button", name="Step", exact=True).click()
    assert readout.inner_text().startswith("Step 3.")
    page.get_by_text("All settings").click()
    page.get_by_label("Data", exact=True).select_option("drawn")
    page.locator("canvas").first.click(position={"x": 100, "y": 100})
    page.locator("canvas").first.press("ArrowRight")
    page.locator("canvas").first.press("Enter")
    assert "2 points drawn" in readout.inner_text()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "parseInt(document.querySelector('.game-readout').textContent.slice(5)) > 20"
    )
    page.get_by_role("button", name="Pause").click()
    assert page.get_by_label("Begin with").input_value() == ""
    page.get_by_label("Begin with").select_option("sharp")
    assert page.get_by_label("Critic", exact=True).input_value() == "sharp"
    assert readout.inner_text().startswith("Step 0.")
