"""The benchmark of colours: grey and chroma are the colour, its patches are parted, and what moves
colours gives them the moments that it promises."""

import torch

from gancode.benchmarks import colour as benchmark


def test_grey_and_chroma_are_the_colour():
    x = torch.stack(benchmark.photographs())
    grey, chroma = benchmark.parted(x)
    torch.testing.assert_close(benchmark.joined(grey, chroma), x)
    assert benchmark.parted(torch.full((1, 3, 2, 2), 0.3))[1].abs().max() < 1e-6


def test_no_patch_to_learn_from_is_judged():
    known, hidden = benchmark.patches(0)
    assert len(hidden.grey) == 120
    near = torch.cdist(hidden.grey.flatten(1), known.grey.flatten(1)).min()
    assert near > 1e-3


def test_a_sample_costs_twice_the_square_of_the_mean_of_its_level():
    known, _ = benchmark.patches(0)
    made = benchmark.tables(known, known.grey)
    errors = {name: (x - known.chroma).square().mean() for name, x in made.items()}
    torch.testing.assert_close(
        errors["grey's sample"], 2 * errors["grey's mean"], rtol=0.02, atol=0
    )


def test_moved_colours_have_the_moments_of_the_others():
    x, y = (image.flatten(1).T.double() for image in benchmark.photographs())
    wanted = benchmark.moments(y)
    for mean, covariance in (
        benchmark.moments(f(x, y)) for f in (benchmark.adain, benchmark.monge)
    ):
        torch.testing.assert_close(mean, wanted[0])
        torch.testing.assert_close(covariance.diagonal(), wanted[1].diagonal())
    torch.testing.assert_close(benchmark.moments(benchmark.monge(x, y))[1], wanted[1])


def test_more_contrast_has_the_energy_of_another():
    _, hidden = benchmark.patches(0)
    made = benchmark.as_colourful(hidden.chroma, torch.full_like(hidden.chroma, 0.5))
    torch.testing.assert_close(made.square().mean(), torch.tensor(0.25))
    ratio = (made / hidden.chroma)[hidden.chroma.abs() > 0.01]
    torch.testing.assert_close(ratio, ratio[0].expand_as(ratio), rtol=1e-4, atol=0)


def test_the_rate_is_that_of_the_pace():
    known, hidden = benchmark.patches(0)
    rows = {pace: [*benchmark.played(pace, known, hidden, 0, steps=2)] for pace in benchmark.RATES}
    assert [row["method"].removeprefix("slow ") for row in rows["slow "]] == [
        row["method"] for row in rows[""]
    ]
    assert all(a["mse"] != b["mse"] for a, b in zip(*rows.values(), strict=True))
    for control, game in ((4, 3), (5, 2)):
        assert rows[""][control]["energy"] == rows[""][game]["energy"]


def test_the_results_hold_every_method_with_every_seed():
    found = benchmark.results()
    known, hidden = benchmark.patches(0)
    played = [*benchmark.METHODS, "L2, more contrast", "L2, contrast of cGAN"]
    names = [*benchmark.baselines(known, hidden)]
    names += [pace + name for pace in benchmark.RATES for name in played]
    runs = [(row["seed"], row["method"]) for row in found["rows"]]
    assert runs == [(seed, name) for seed in benchmark.SEEDS for name in names]
    assert (found["provenance"]["steps"], found["provenance"]["threads"]) == (benchmark.STEPS, 1)
    for row in found["rows"]:
        if row["method"] == "none" and row["seed"] == 0:
            again = benchmark.judged(0 * hidden.chroma, hidden)
            assert {key: round(value, 5) for key, value in again.items()} == {
                key: row[key] for key in again
            }
