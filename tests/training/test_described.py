"""What a run goes by stands in its record, every constant of it: a function in words."""

import functools
import inspect
import math

import numpy as np
import pytest
import torch
from torch import nn

import gancode
from gancode import constraints, networks, penalties
from gancode.training import augment, terms
from gancode.training.described import described
from gancode.training.settings import Settings, difference

SHAPE = (1, 4, 4)
IMAGES = torch.randn(12, *SHAPE, generator=torch.Generator().manual_seed(5)).tanh()


def record(**options):
    return {"training": Settings(**options).plain()}


def as_generator_term(term, weight=1.0):
    return record(generator_terms={"own": (term, weight)})


# What each parameter of whatever a run is given may be: two values that train otherwise. A network
# is none of these: its weights are in the checkpoint, and the run is refused by their shapes.
TWO_VALUES = {
    (terms.FeatureMatching, "layers"): [("1",), ("1", "2"), ("2", "1")],
    (terms.AuxiliaryClassifier, "layer"): [None, "1"],
    (terms.AuxiliaryClassifier, "generated"): [True, False],
    (terms.Information, "codes"): [1, 2],
    (terms.Term, "weight"): [1.0, 2.0, "1..2", math.pi],
    (penalties.Penalty, "where"): list(penalties.WHERE),
    (penalties.Penalty, "norm"): ["zero-centred", "one-centred", "one-sided"],
    (penalties.Penalty, "weight"): [1.0, 2.0, "1..2", math.pi],
    (penalties.Penalty, "every"): [1, 2],
    (constraints.Clip, "limit"): [0.1, 0.01, math.pi],
    (augment.Augment, "transformations"): [
        {"contrast": augment.contrast},
        {"brightness": augment.brightness},
        {"own": functools.partial(augment.cutout, 3)},
        {"own": functools.partial(augment.cutout, 4)},
    ],
    (augment.Augment, "probability"): [0.5, 0.25, "adaptive"],
    (augment.Augment, "target"): [0.6, 0.5],
    (augment.Augment, "images"): [500_000, 100],
}
NETWORKS = {(terms.Cycle, "back"), *((each, "network") for each in
            (terms.AuxiliaryClassifier, terms.Information))}  # fmt: skip
NAMES = {(terms.Term, "name"), (terms.Term, "loss")}  # of the term itself, tested below


def kinds():
    """All that can be given to a run and is made with parameters, by the source itself."""
    found = {terms.Term, penalties.Penalty, augment.Augment, *constraints.NAMED.values()}
    for each in vars(terms).values():
        if inspect.isclass(each) and each.__module__ == terms.__name__ and each is not terms.Seen:
            found.add(each)
    return found


def test_every_parameter_of_whatever_a_run_is_given_is_tried_here():
    given = {
        (kind, name)
        for kind in kinds()
        for name in inspect.signature(kind).parameters
        if kind is not constraints.Spectral
    }
    assert given == TWO_VALUES.keys() | NETWORKS | NAMES


def made(kind, name, value):
    """One of a kind with this value, as options of a run."""
    network = nn.Linear(3, 2)
    rest = {
        terms.FeatureMatching: {},
        terms.AuxiliaryClassifier: {"network": network},
        terms.Information: {"network": network, "codes": 1},
        terms.Term: {"name": "own", "loss": terms.l1},
        penalties.Penalty: {"where": "between", "norm": "one-centred", "weight": 1.0},
        constraints.Clip: {},
        augment.Augment: {"transformations": {"contrast": augment.contrast}},
    }[kind]
    if kind is terms.FeatureMatching:
        return {"generator_terms": {"own": kind(*value)}}
    one = kind(**(rest | {name: value}))
    if kind in (terms.AuxiliaryClassifier,):
        return {
            "discriminator_terms": {"own": one},
            "generator_terms": {"asked": one.of_generated},
        }
    option = {
        penalties.Penalty: "penalties",
        constraints.Clip: "constraints",
        augment.Augment: "augment",
    }.get(kind, "generator_terms")
    return {option: {"own": one} if option == "generator_terms" else one}


@pytest.mark.parametrize(("kind", "name"), TWO_VALUES)
def test_every_constant_is_in_the_record(kind, name):
    values = TWO_VALUES[kind, name]
    if name in ("target", "images"):  # which an adaptive probability alone heeds
        made_of = [{"augment": augment.Augment({"c": augment.contrast}, "adaptive", **{name: v})}
                   for v in values]  # fmt: skip
    else:
        made_of = [made(kind, name, value) for value in values]
    records = [record(**each) for each in made_of]
    for k, one in enumerate(records):
        assert difference(one, record(**made_of[k])) is None
        for other in records[k + 1 :]:
            assert difference(one, other)


def test_the_part_of_a_classifier_that_the_generator_is_given_has_its_constants_too():
    one, other = (terms.AuxiliaryClassifier(nn.Linear(3, 2), layer) for layer in ("1", "2"))
    assert difference(as_generator_term(one.of_generated), as_generator_term(other.of_generated))


class Scaled:
    def __init__(self, **constants):
        vars(self).update(constants)

    def __call__(self, seen):
        return seen.generated.mean()


class Slotted:
    __slots__ = ("factor", "unset")

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, seen):
        return self.factor * seen.generated.mean()


class Within(nn.Module):
    """A module with a constant, a weight, a buffer and a layer."""

    def __init__(self, factor, inputs=2):
        super().__init__()
        self.factor, self.inner = factor, nn.Linear(inputs, 1)
        self.register_buffer("count", torch.zeros(inputs))

    def forward(self, seen):
        return self.factor * seen.generated.mean()


def enclosing(factor):
    return lambda seen: factor * seen.generated.mean()


def with_default(factor):
    def term(seen, factor=factor):
        return factor * seen.generated.mean()

    return term


def powered(seen, power, *, factor=1):
    return factor * (seen.generated**power).mean()


MAKERS = {
    "attribute": lambda v: Scaled(factor=v),
    "slot": Slotted,
    "of a module": Within,
    "method": lambda v: Scaled(factor=v).__call__,
    "enclosed": enclosing,
    "default": with_default,
    "argument of a partial": lambda v: functools.partial(powered, power=v),
    "place in a partial": lambda v: functools.partial(powered, None, v),
    "partial in a partial": lambda v: functools.partial(functools.partial(powered, power=v)),
    "enclosed function": lambda v: enclosing(functools.partial(powered, power=v)),
    "enclosed object": lambda v: enclosing(Scaled(factor=v)),
}
VALUES = [2, 3, 2.5, math.pi, True, None, "two", (2, 3), (3, 2), [2], {"a": 2}, {"a": 3},
          {2, 3}, np.float32(0.1), torch.tensor(7.0), torch.tensor([1.0, 2.0]),
          np.array([2.0, 1.0]), terms.l1, math.inf]  # fmt: skip


@pytest.mark.parametrize("how", MAKERS)
def test_constants_are_found_wherever_they_are_kept(how):
    texts = [described(MAKERS[how](value)) for value in VALUES]
    assert texts == [described(MAKERS[how](value)) for value in VALUES]
    assert len(set(texts)) == len(texts)
    assert not any(" at 0x" in text for text in texts)


def test_what_a_checkpoint_holds_is_no_constant_and_what_holds_itself_has_an_end():
    assert described(Within(2)) == described(Within(2, inputs=5))
    assert described(np.float64(0.5).__class__) == "numpy.float64"
    assert described(enclosing(np.float64(0.5))) == described(enclosing(0.5))
    one = Scaled(factor=2)
    one.itself, one.all = one, [one]
    assert described(one) == described(one).replace("itself", "") and "factor=2" in described(one)

    def again(seen):
        return again(seen)

    assert described(again).endswith("again")
    assert described(terms.l1) == "gancode.training.terms.l1"


def test_a_run_is_not_continued_with_another_constant_of_a_term(tmp_path):
    def train(**options):
        torch.manual_seed(0)
        judge = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.Tanh(), nn.Linear(5, 1))
        gan = gancode.GAN(networks.mlp_generator(3, SHAPE, [8]), judge, 3)
        return gancode.train(gan, IMAGES, batch_size=4, out=tmp_path, resume=True, **options)

    train(steps=2, generator_terms={"match": terms.FeatureMatching("1")})
    with pytest.raises(gancode.CheckpointError, match=r"layers=\('1'\).*layers=\('1', '2'\)"):
        train(steps=4, generator_terms={"match": terms.FeatureMatching("1", "2")})
    run = train(steps=4, generator_terms={"match": terms.FeatureMatching("1")})
    assert run.history[-1]["step"] == 4


def test_a_run_is_not_continued_with_another_network_of_a_term(tmp_path):
    def train(steps, width):
        torch.manual_seed(0)
        gan = gancode.GAN(*networks.pair("mlp", 3, SHAPE), 3)
        reader = nn.Sequential(nn.Flatten(), nn.Linear(16, width), nn.Linear(width, 2))
        return gancode.train(gan, IMAGES, steps=steps, batch_size=4, out=tmp_path, resume=True,
                             generator_terms={"codes": terms.Information(reader, 1)})  # fmt: skip

    train(2, 5)
    with pytest.raises(gancode.CheckpointError, match="of shape .* is in generator_terms of only"):
        train(4, 6)
