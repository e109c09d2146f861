"""Two GANs that take turns, beside a loop by hand; and terms by their names."""

import itertools

import pytest
import torch
from torch import nn

import gancode
from gancode import networks
from gancode.training import terms
from gancode.training.terms import parse

SHAPE = (1, 8, 8)
ONE = torch.randn(12, *SHAPE, generator=torch.Generator().manual_seed(5)).tanh()
OTHER = ONE.flip(0).square()
OPTIONS = {"objective": "least-squares", "batch_size": 4, "lr": "1e-3..1e-4", "seed": 7}
OPTIONS |= {"penalties": ["r1=1@2"], "log_every": 3}
TERMS = ["cycle=10", "identity=5..1"]


def translator(**options):
    generator = networks.unet(SHAPE, channels=4, **options)
    judge = networks.patch_discriminator(SHAPE, channels=4, depth=1)
    return gancode.GAN(generator, judge, 1, conditional=True)


def two_way():
    torch.manual_seed(0)
    return gancode.TwoWay(translator(), translator(dropout=0.3))


def numbers(*modules):
    return [x.clone() for module in modules for x in module.state_dict().values()]


def same(one, other):
    return len(one) == len(other) and all(map(torch.equal, one, other))


def test_both_ways_are_two_players_in_a_loop_by_hand_bit_for_bit():
    whole, by_hand = two_way(), two_way()
    run = gancode.train(whole, (ONE, OTHER), steps=6, generator_terms=TERMS, **OPTIONS)
    rng = gancode.seed(7)
    own = {key: OPTIONS[key] for key in ("objective", "lr", "penalties")}

    def players(gan, other):
        mine = {"cycle": (terms.Cycle(other.generator), 10), "identity": (terms.identity, "5..1")}
        return gancode.Players(gan, rng=rng, generator_terms=mine, **own)

    forth = players(gancode.GAN(by_hand.generator, by_hand.discriminator, 1, conditional=True),
                    by_hand.back)  # fmt: skip
    back = players(by_hand.back, by_hand)
    epochs = (torch.randperm(12, generator=rng).split(4) for _ in itertools.count())
    dealt = itertools.chain.from_iterable(epochs)
    for step in range(6):
        x, c = (images[index] for index in [next(dealt)] for images in (ONE, OTHER))
        for each in (forth, back):
            each.advance(step / 6)
        batches = [(forth, forth.batch(x, c)), (back, back.batch(c, x))]
        for each, batch in batches:
            each.discriminator_step(batch)
        for each, batch in batches:
            each.generator_step(batch)
    assert same(numbers(whole, run.averaged), numbers(by_hand, forth.averaged))
    assert same(numbers(run.back.averaged), numbers(back.averaged))
    assert run.back.gan is whole.back and run.back.history is run.history
    row = run.history[-1]
    assert row["cycle"] == pytest.approx(row["back_cycle"], rel=0.2)  # two sides of nearly one loss
    assert {"identity", "back_identity", "back_discriminator_loss", "back_penalty"} <= row.keys()


def test_a_run_both_ways_is_taken_up_again_bit_for_bit_and_loaded(tmp_path):
    whole, parts, again = two_way(), two_way(), two_way()
    options = OPTIONS | {"generator_terms": TERMS, "steps": 8}
    run = gancode.train(whole, (ONE, OTHER), **options)

    def stop(step, run):
        if step == 5:
            raise InterruptedError

    saved = {"out": tmp_path, "save_every": 4}
    with pytest.raises(InterruptedError):
        gancode.train(parts, (ONE, OTHER), callback=stop, **saved, **options)
    resumed = gancode.train(again, (ONE, OTHER), resume=True, **saved, **options)
    assert same(numbers(whole, run.averaged, run.back.averaged),
                numbers(again, resumed.averaged, resumed.back.averaged))  # fmt: skip
    kept = [{k: v for k, v in row.items() if "second" not in k} for row in run.history]
    assert kept == [{k: v for k, v in r.items() if "second" not in k} for r in resumed.history]
    loaded = gancode.load(tmp_path, gan=two_way())
    assert torch.equal(loaded.sample(12, conditions=OTHER), run.sample(12, conditions=OTHER))
    there = loaded.back.sample(12, conditions=ONE)
    assert torch.equal(there, run.back.sample(12, conditions=ONE))
    assert not torch.equal(there, run.sample(12, conditions=ONE))
    with pytest.raises(gancode.Refused, match="conditions to sample with"):
        loaded.back.sample(3)
    with pytest.raises(gancode.Refused, match="is of other networks"):
        gancode.load(tmp_path, gan=translator())


def test_what_does_not_fit_two_ways_is_refused_and_both_stay_as_they_are():
    plain = gancode.GAN(networks.mlp_generator(1, SHAPE, [4]), nn.Flatten(), 1)
    with pytest.raises(gancode.Refused, match="back must take an image"):
        gancode.TwoWay(translator(), plain)
    one = translator()
    for back in (one, gancode.GAN(translator().generator, one.discriminator, 1, conditional=True)):
        with pytest.raises(gancode.Refused, match="share weights"):
            gancode.TwoWay(one, back)
    gan = two_way()
    before = numbers(gan)
    options = {"steps": 1, "batch_size": 4, "constraints": "spectral"}
    with pytest.raises(gancode.Refused, match="one image as the condition .* not 2 tensors"):
        gancode.train(gan, (ONE, (OTHER, OTHER)), **options)
    with pytest.raises(gancode.Refused, match="'code' has weights of its own"):
        code = terms.Information(nn.Linear(64, 2), 1)
        gancode.train(gan, (ONE, OTHER), generator_terms={"code": code}, **options)
    with pytest.raises(gancode.Refused, match="the discriminator's step fails|does not take"):
        gancode.train(gan, (ONE, OTHER[:, :, :4]), **options)
    assert same(numbers(gan), before)
    gancode.train(gan, (ONE, OTHER), **options)  # both are kept to it
    assert networks.is_spectral(gan.back.discriminator.network[0])


# Names.


def test_terms_by_their_names_are_those_of_the_package():
    functions = {"l1": (terms.l1, "100..1"), "l1-to-condition": (terms.l1_to_condition, 2)}
    records = []
    for given in (["l1=100..1", "l1-to-condition=2"], functions):
        run = gancode.train(
            translator(), (ONE, OTHER), steps=1, batch_size=4, generator_terms=given
        )
        assert set(run.history[0]) >= set(functions)
        records.append(run.record["training"])
    named, _ = records
    assert records[0] == records[1]
    assert named["generator_terms"]["l1"] == ["gancode.training.terms.l1", "100..1"]
    read = gancode.Settings(**named).generator_terms
    assert read["l1"].loss is terms.l1 and read["l1"].weight_at(1.0) == 1.0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("l2=1", "unknown term 'l2=1'; the names are l1, l1-to-condition, identity, cycle"),
        (["l1"], "'l1' needs a weight, finite and not negative, as in 'l1=10', or two"),
        (["l1=2..0"], "two above zero for one that changes, as in 'l1=10..1'"),
        (["l1=-1"], "needs a weight"),
        (3, 'must be texts such as "l1=100", or a dict'),
        ({"l1": ["somewhere.l1", 1.0]}, "must be a function"),
        (["l1=1", "identity=1", "l1=2"], "'l1' is asked for twice"),
    ],
)
def test_names_that_are_none_are_refused(given, said):
    with pytest.raises(gancode.Refused, match=said):
        parse("generator_terms", given)


@pytest.mark.parametrize(
    "given",
    ["l1=1", "cycle=1", {"near": terms.identity}, {"around": (terms.Cycle(nn.Identity()), 2.0)}],
)
def test_distances_of_what_is_made_are_no_terms_of_the_discriminator(given):
    with pytest.raises(gancode.Refused, match="it belongs to generator_terms"):
        gancode.Settings(discriminator_terms=given)
    assert len(gancode.Settings(generator_terms=given).generator_terms) == 1


def test_a_cycle_needs_two():
    with pytest.raises(gancode.Refused, match="'cycle' is for two GANs"):
        gancode.train(translator(), (ONE, OTHER), steps=1, batch_size=4, generator_terms="cycle=1")
