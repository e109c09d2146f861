"""The digit programs of the texts: their results are whole, and they do what the texts say."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from gancode.benchmarks import programs

IMAGES = torch.linspace(-1, 1, 40 * 784).reshape(40, 1, 28, 28)


def test_the_results_hold_every_program_from_its_start_to_its_last_step():
    kept = programs.results()["programs"]
    assert list(kept) == list(programs.PROGRAMS)
    for name, program in programs.PROGRAMS.items():
        made, steps = kept[name]["provenance"], [row["step"] for row in kept[name]["rows"]]
        assert made["steps"] == program.steps == steps[-1]
        assert steps == [0, *(k for k in programs.LOOKS if k < program.steps), program.steps]
        assert (made["seed"], made["samples"]) == (programs.SEED, programs.SAMPLES)
        assert list(kept[name]["sheets"])[-1] == str(program.steps)
        for sheet in kept[name]["sheets"].values():
            assert programs.pictures(sheet).shape == (10, 1, 28, 28)
        assert all(math.isfinite(row["frechet"]) for row in kept[name]["rows"])


@pytest.mark.parametrize("loss", [programs.literal, programs.guarded])
def test_both_losses_are_that_of_the_label(loss):
    logits = torch.tensor([-2.0, 0.0, 3.0])
    for label in (0, 1):
        right = functional.softplus(-logits if label else logits).mean()
        torch.testing.assert_close(loss(logits, label), right)


def test_only_the_literal_loss_is_infinite_where_the_sigmoid_rounds():
    far = torch.tensor([20.0])
    assert programs.literal(far, 0).item() == math.inf
    assert programs.guarded(far, 0).item() == 100


def run(program, **changes):
    seen = []
    small = replace(program, generator=(8,), discriminator=(8,), batch_size=16, **changes)
    programs.train(small, IMAGES, lambda *look: seen.append(look), looks=(2,))
    return seen


@pytest.mark.parametrize("name", programs.PROGRAMS)
def test_a_run_is_looked_at_before_it_on_the_way_and_at_its_end(name):
    seen = run(programs.PROGRAMS[name], steps=7)
    assert [step for step, *_ in seen] == [0, 2, 7]
    assert [len(history) for *_, history in seen] == [0, 2, 5]
    again = run(programs.PROGRAMS[name], steps=7)
    assert [history for *_, history in seen] == [history for *_, history in again]
    D_loss, G_loss, *_ = seen[1][2][0]
    assert D_loss == pytest.approx(math.log(4), abs=0.2)
    assert G_loss == pytest.approx(math.log(2), abs=0.2)


def test_new_latents_momentum_and_loss_make_another_run():
    base = programs.PROGRAMS["text 004"]
    ends = [
        run(base, steps=7, **changes)[-1][2]
        for changes in ({}, {"new_latents": False}, {"beta1": 0.9}, {"loss": lambda t, y: t.sum()})
    ]
    assert all(one != ends[0] for one in ends[1:])


def test_what_is_not_finite_is_counted_and_left_out_of_the_means():
    test = torch.rand(100, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    seen = programs.Looks(test, last=2)
    draw = torch.nn.Sequential(
        torch.nn.Linear(100, 784), torch.nn.Tanh(), torch.nn.Unflatten(1, (1, 28, 28))
    )
    seen(2, draw, [(1.0, 2.0, -3.0, 4.0), (math.inf, 2.0, -5.0, 17.0), (3.0, 6.0, 0.0, 1.0)])
    row = seen.rows[0]
    assert row["not_finite"] == 1 and row["discriminator_loss"] == 2 and row["generator_loss"] == 4
    assert row["least_real_logit"] == -5 and row["largest_generated_logit"] == 17
    assert list(seen.sheets) == [2]
