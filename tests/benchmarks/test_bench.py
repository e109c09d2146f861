"""The benchmarks, with sizes and durations at which they say nothing but that they run."""

import dataclasses
import functools
import json
import math
import time

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import gancode
from gancode import data, networks
from gancode.benchmarks import bench, reference
from gancode.problems import Recipe

IMAGES, LABELS = data.mnist_5k()
SOME = IMAGES[::50].clone()  # 100, of all classes
FEW = IMAGES[::250].clone()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(reference, "BATCH", 8)


@pytest.fixture
def small_products(monkeypatch):
    """The peak of a matrix product, of a small one: a section only divides by it."""
    small = functools.partial(bench.matmul_gflops, size=64, seconds=0.01)
    monkeypatch.setattr(bench, "matmul_gflops", small)


@pytest.mark.parametrize("pair", [bench._mlp_pair, bench._conv_pair])
@pytest.mark.parametrize("r1", [0.0, 1.0])
def test_the_barest_loop_computes_what_train_computes(pair, r1):
    size = 28 if pair is bench._mlp_pair else 32
    images = bench._resized(FEW, size)
    gan, other = pair(), pair()
    penalties = [f"r1={r1}"] if r1 else []
    run = gancode.train(gan, images, steps=4, batch_size=8, penalties=penalties)  # 8, 8, 4, 8
    averaged, seconds = reference.barest(other, images, 4, r1=r1, warm_up=1)
    assert 0 < seconds < 60
    before = pair()
    for one, two, first in [(gan, other, before), (run.averaged, averaged, before.generator)]:
        for x, y in zip(one.state_dict().values(), two.state_dict().values(), strict=True):
            torch.testing.assert_close(x, y)
        moved = zip(one.parameters(), first.parameters(), strict=True)
        assert all(not torch.equal(x, y) for x, y in moved)


def test_the_operations_of_a_step_are_those_of_its_products():
    """With G and D those of one forward: the discriminator's step generates (G), judges real and
    generated (2 D) and goes back (4 D); the generator's judges (D) and goes back through the
    discriminator (D) and the generator (2 G). What arrives at the inputs of first layers is not
    needed, but for the generator's step through the discriminator."""
    gan = bench._mlp_pair()
    layers = [
        [2 * x.in_features * x.out_features for x in net if isinstance(x, nn.Linear)]
        for net in (gan.generator, gan.discriminator)
    ]
    (G, first_G), (D, first_D) = ((sum(each), each[0]) for each in layers)
    expected = 3 * G + 8 * D - first_G - 2 * first_D
    assert bench.flops_per_image(gan, (1, 28, 28)) == expected
    before = [w.clone() for w in gan.parameters()]
    bench.flops_per_image(gan, (1, 28, 28), n=3)
    assert all(map(torch.equal, before, gan.parameters()))


def test_the_fused_generator_is_the_same_function_at_four_ninths_of_the_cost():
    plain, fused = (bench._conv_pair(fused).generator.eval() for fused in (False, True))
    z = torch.randn(20, reference.LATENT_DIM, generator=gancode.seed(0))
    costs = []
    for generator in (plain, fused):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            generator(z)
        costs.append(counter.get_total_flops() / 20)
    torch.testing.assert_close(plain(z), fused(z))
    blocks = 2 * 9 * 128 * (128 * 16**2 + 64 * 32**2)
    assert costs[0] - costs[1] == pytest.approx(blocks * 5 / 9, rel=0.01)  # but for the kernels


def linear_widths(network):
    layers = [layer for layer in network if isinstance(layer, nn.Linear)]
    return [layers[0].in_features, *(layer.out_features for layer in layers)]


def test_the_reference_networks_are_those_described():
    generator, discriminator = reference.mlp_generator(), reference.mlp_discriminator()
    assert linear_widths(generator) == [100, 128, 256, 512, 1024, 784]
    assert linear_widths(discriminator) == [784, 512, 256, 1]
    norms = [layer for layer in generator if isinstance(layer, nn.BatchNorm1d)]
    assert [(n.num_features, n.eps, n.momentum) for n in norms] == [
        (256, 0.8, 0.1),
        (512, 0.8, 0.1),
        (1024, 0.8, 0.1),
    ]
    kinds = [type(layer).__name__ for layer in reference.conv_discriminator()]
    assert kinds[:6] == ["Conv2d", "LeakyReLU", "Dropout2d", "Conv2d", "LeakyReLU", "Dropout2d"]
    assert kinds.count("Conv2d") == 4 and kinds.count("BatchNorm2d") == 3
    for pair, size in ((bench._mlp_pair(), 28), (bench._conv_pair(), 32)):
        x = pair.generator(torch.randn(4, 100))
        assert x.shape == (4, 1, size, size) and x.abs().max() <= 1
        assert pair.discriminator(x).shape == (4, 1)


def test_the_loader_hands_out_the_images_that_it_was_given():
    found = torch.stack([image for image, _ in (reference.Digits(FEW, 28)[i] for i in range(20))])
    torch.testing.assert_close(found, FEW)
    assert reference.Digits(FEW, 32)[0][0].shape == (1, 32, 32)


@pytest.mark.parametrize("name", reference.programs)
def test_a_reference_loop_trains_for_as_long_as_it_is_told(name):
    run = reference.programs[name](FEW, steps=4)
    assert run.images == 8 + 8 + 4 + 8 and run.seconds > 0
    for train in (True, False):
        samples = run.sample(10, train)
        assert run.generator.training is train
        assert samples.shape == (10, 1, 28, 28) and samples.abs().max() <= 1
    timed = reference.programs[name](FEW, seconds=0.01)
    assert timed.images >= 8 and timed.seconds >= 0.01


def test_wgan_gp_moves_its_generator_at_every_fifth_step(monkeypatch):
    stepped = []
    monkeypatch.setattr(
        reference, "_adam", lambda network: Spy(network, stepped, len(list(network.parameters())))
    )
    reference.wgan_gp(FEW, steps=11)
    generator = len(list(reference.mlp_generator().parameters()))
    assert [k for k, n in enumerate(stepped) if n == generator] == [1, 7, 13]
    assert len(stepped) == 14


class Spy(torch.optim.Adam):
    def __init__(self, network, stepped, name):
        super().__init__(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.stepped, self.name = stepped, name

    def step(self):
        self.stepped.append(self.name)
        super().step()


def test_stacks_are_drawn_from_the_generator_alone():
    stacks = bench.Stacks(SOME)
    first = stacks.sample(5, torch.Generator().manual_seed(1))
    assert first.shape == (5, 3, 28, 28)
    assert torch.equal(first, stacks.sample(5, torch.Generator().manual_seed(1)))
    index = torch.randint(100, (5, 3), generator=torch.Generator().manual_seed(1))
    assert torch.equal(first[2, 1], SOME[index[2, 1], 0])


def test_a_stack_shows_the_number_of_its_three_digits():
    of_class = [IMAGES[500 * k + 3, 0] for k in range(10)]  # sorted by label
    stack = [torch.stack([of_class[d] for d in map(int, f"{n:03}")]) for n in range(1000)]
    everything = bench.stacked_modes(torch.stack(stack))
    assert everything == {"modes": 1000, "reverse KL": pytest.approx(0, abs=1e-9)}
    half = bench.stacked_modes(torch.stack(stack[:500]))
    assert half == {"modes": 500, "reverse KL": pytest.approx(math.log(2))}
    # 012, 012 and 210: the order of the digits counts
    three = bench.stacked_modes(torch.stack([stack[12], stack[12], stack[210]]))
    entropy = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    assert three == {"modes": 2, "reverse KL": pytest.approx(math.log(1000) - entropy)}


def test_a_ratio_is_the_median_over_the_turns():
    calls = []

    def function(name, values):
        return lambda: (calls.append(name), next(values))[1]

    found = bench._in_turns([function("a", iter([2, 9, 4])), function("b", iter([1, 1, 4]))], 3)
    assert calls == [*"abbaab"] and found == [(2, 9, 4), (1, 1, 4)]
    assert bench._ratio("a / b", *found) == {"a / b": 2, "least": 1, "most": 9}


def test_a_slower_train_shows_in_overhead_and_throughput(monkeypatch, small_products):
    real = gancode.train

    def slow(gan, images, *, callback, **options):
        def wait(step, run):
            torch.randn(1_500_000)  # a few milliseconds
            callback(step, run)

        return real(gan, images, callback=wait, **options)

    monkeypatch.setattr(gancode, "train", slow)
    section = bench.overhead(images=FEW, steps={"mlp": 8, "dcgan": 1}, turns=3, warm_up=1)
    assert [row["workload"] for row in section["rows"]] == ["mlp", "mlp", "dcgan", "dcgan"]
    assert [row["penalty"] for row in section["rows"]] == ["none", "r1"] * 2
    assert section["rows"][0]["train / barest"] > 1.3
    monkeypatch.setattr(gancode, "train", lambda *a, **k: pytest.fail("not called"))
    with pytest.raises(pytest.fail.Exception, match="not called"):
        bench.throughput(images=FEW, seconds=0.01, turns=1)


def test_what_compiling_saves_and_costs(monkeypatch):
    def slow(network):
        time.sleep(0.1)

        def forward(x):
            time.sleep(0.02)
            return network(x)

        return forward

    monkeypatch.setattr(torch, "compile", slow)
    section = bench.compiled(images=FEW, steps={"mlp": 4, "dcgan": 1}, turns=3, warm_up=1)
    mlp, dcgan = section["rows"]
    assert (mlp["workload"], dcgan["workload"]) == ("mlp", "dcgan")
    assert mlp["compiled / plain"] > 1.3 and mlp["least"] <= mlp["compiled / plain"]
    assert mlp["first compilation, s"] > 0.2


def test_throughput_compares_with_the_reference_and_the_matrix_product(small_products):
    section = bench.throughput(images=FEW, seconds=0.1, turns=2)
    rows = section["rows"]
    assert [row["layers of"] for row in rows] == ["gan.py"] * 3 + ["dcgan.py"] * 3
    assert [row["loop"] for row in rows[:3]] == [
        "reference",
        "gancode.train fp32",
        "gancode.train bf16",
    ]
    base, train = rows[0]["images/s"], rows[1]["images/s"]
    assert rows[1]["least"] <= rows[1]["/ reference"] <= rows[1]["most"]
    assert 0.1 < rows[1]["/ reference"] / (train / base) < 10
    flops = bench.flops_per_image(bench._mlp_pair(), (1, 28, 28))
    assert rows[1]["GFLOP/s"] == pytest.approx(train * flops / 1e9)
    for row, precision in ((rows[1], "fp32"), (rows[2], "bf16")):
        peak = section["matmul GFLOP/s"][precision]
        assert row["share of matmul"] == pytest.approx(row["GFLOP/s"] / peak)


def test_a_matrix_product_is_measured_in_either_precision():
    for precision in ("fp32", "bf16"):
        assert bench.matmul_gflops(precision, size=64, seconds=0.01) > 0


@pytest.fixture
def small_recipes(monkeypatch):
    recipe = Recipe("mlp", 8, {"hidden": (16,)}, {"batch_size": 8})
    for name in ("mnist", "ring"):
        problem = dataclasses.replace(bench.problems[name], recipe=recipe)
        monkeypatch.setitem(bench.problems, name, problem)


def test_quality_scores_the_programs_and_the_recipe(small_recipes):
    section = bench.quality(images=SOME, real=SOME, times=(0.05, 0.1), program_seconds=0.05, n=100)
    rows = {row["samples of"]: row for row in section["rows"]}
    assert [*rows] == [
        *reference.programs,
        "gancode.train",
        "training images",
        "the same by way of 32 pixels",
    ]
    assert (
        rows["training images"]["Fréchet"] < rows["the same by way of 32 pixels"]["Fréchet"] < 100
    )
    best = min(rows[name]["Fréchet"] for name in reference.programs)
    recipe = rows["gancode.train"]
    assert recipe["share of the best"] == pytest.approx(recipe["Fréchet"] / best)
    assert len(section["rows"]) == 8


def test_coverage_has_a_row_a_seed_and_the_worst_number_of_modes(small_recipes, monkeypatch):
    seen, real = [], bench.metrics.modes

    def modes(samples, density):
        seen.append(samples)
        return dataclasses.replace(real(samples, density), covered=[7, 5][len(seen) - 1])

    monkeypatch.setattr(bench.metrics, "modes", modes)
    section = bench.coverage(densities=("ring",), seconds=0.05, seeds=2)
    first, second, both = section["rows"]
    assert [row["seed"] for row in section["rows"]] == [0, 1, "all 2"]
    assert [row["modes"] for row in section["rows"]] == [7, 5, 5]
    assert both["reverse KL"] == pytest.approx((first["reverse KL"] + second["reverse KL"]) / 2)
    assert both["perfect reverse KL"] == pytest.approx(7 / 5000)
    assert seen[0].shape == (2500, 2) and not torch.equal(*seen)


def test_stacked_mnist_stands_beside_what_was_published(small_recipes):
    section = bench.stacked_mnist(images=SOME, real=IMAGES[::10], minutes=0.001, n=2000)
    train, real, *published = section["rows"]
    assert real["modes"] > 800 and real["reverse KL"] < 0.5 < train["reverse KL"]
    assert [row["modes"] for row in published] == [78.9, 150, 1000, 1000]


def test_the_recipe_for_digits_makes_networks_for_stacks_too():
    recipe = bench.problems["mnist"].recipe
    shape = (3, 28, 28)
    generator, critic = networks.pair(recipe.network, recipe.latent_dim, shape, **recipe.options)
    samples = generator(torch.randn(2, recipe.latent_dim))
    assert samples.shape == (2, *shape) and critic(samples).shape == (2,)


def test_a_table_is_shown_and_everything_is_written(tmp_path, monkeypatch):
    def section(value=1.0):
        rows = [{"name": "one", "value": value}, {"name": "two", "other": "long text"}]
        return {"title": "A title", "protocol": "how", "rows": rows}

    monkeypatch.setitem(bench._ALL, "overhead", section)
    monkeypatch.setitem(bench._ALL, "quality", section)
    shown, out = [], tmp_path / "bench.json"
    result = bench.bench(
        ["overhead", "quality"], out=out, options={"quality": {"value": 2 / 3}}, show=shown.append
    )
    assert shown[1] == "\n".join(
        [
            "A title",
            "how",
            "",
            "name  value   other",
            "one   0.6667",
            "two           long text",
            "",
        ]
    )
    written = json.loads(out.read_text("utf-8"))
    assert written["sections"] == result and list(result) == ["overhead", "quality"]
    assert {"gancode", "torch", "machine", "date"} <= written["provenance"].keys()


def test_what_is_done_is_written_before_the_next_begins(tmp_path, monkeypatch):
    section = {"title": "A", "protocol": "", "rows": [{"x": 1}]}
    monkeypatch.setitem(bench._ALL, "overhead", lambda: section)
    monkeypatch.setitem(bench._ALL, "quality", lambda: pytest.fail("stopped here"))
    with pytest.raises(pytest.fail.Exception):
        bench.bench(["overhead", "quality"], out=tmp_path / "x.json", show=lambda text: None)
    assert json.loads((tmp_path / "x.json").read_text())["sections"] == {"overhead": section}


@pytest.mark.parametrize("arguments", [{"sections": ["speed"]}, {"options": {"speed": {}}}])
def test_an_unknown_section_is_refused_before_any_work(arguments, monkeypatch):
    monkeypatch.setattr(bench, "_ALL", dict.fromkeys(bench._ALL, lambda: pytest.fail("worked")))
    with pytest.raises(ValueError, match="unknown section speed; the choices are overhead"):
        bench.bench(**arguments)


@pytest.mark.slow
def test_beside_a_busy_process_a_command_makes_steps_too(monkeypatch):
    began = []
    real = bench.subprocess.Popen

    class Watched(real):
        def __init__(self, command, *arguments, **options):
            began.append(command[1])
            super().__init__(command, *arguments, **options)

    monkeypatch.setattr(bench.subprocess, "Popen", Watched)
    (row,) = bench.shared(seconds=0.5, turns=1)["rows"]
    assert row["steps, idle"] > 0 and row["steps, shared"] > 0
    assert row["/ idle"] == row["steps, shared"] / row["steps, idle"]
    assert began == ["-c", "-m", "-m"]  # the busy one beside the first
