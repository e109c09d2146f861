"""What a run goes by stands in its record, every constant of it: a function in words."""

import argparse
import copy
import dataclasses
import datetime
import enum
import functools
import inspect
import math
import os
import subprocess
import sys
import types
from collections import deque
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

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


class Kind(enum.Enum):
    ONE, TWO = 1, 2


@dataclasses.dataclass
class Options:
    factor: object


def reading(factor):
    return eval("lambda seen: factor * seen.generated.mean()", {"factor": factor})


def local(factor):
    class Term:
        def __call__(self, seen):
            return factor * seen.generated.mean()

    return Term()


def of_a_local_module(factor):
    class Term(nn.Module):
        def forward(self, seen):
            return factor * seen.generated.mean()

    return Term()


def of_a_class(factor):
    return type("Term", (), {"factor": factor, "__call__": lambda self, seen: self.factor})()


def cached(factor):
    return functools.cache(enclosing(factor))


MAKERS = {
    "global": reading,
    "enclosed by a local class": local,
    "enclosed by a local module": of_a_local_module,
    "of a class": of_a_class,
    "in a cache": cached,
    "in a key": lambda v: Scaled(table={str(type(v)): [v]}),
    "in a namespace": lambda v: Scaled(options=argparse.Namespace(factor=v)),
    "in a dataclass": lambda v: Scaled(options=Options(v)),
    "method of a module": lambda v: Within(v).forward,
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
          np.array([2.0, 1.0]), terms.l1, math.inf, torch.tensor([1, 2]).float().view(torch.int32),
          torch.eye(2).to_sparse(), 2 * torch.eye(2).to_sparse(), torch.empty(3, device="meta"),
          np.array(["a", "b"]), np.array(["a", "c"]), np.array([2, "x"], object),
          range(2), range(3),
          Path("a"), Path("b"), Fraction(1, 3), Decimal("0.1"), torch.float16, torch.float64,
          Kind.ONE, Kind.TWO, deque([9]), deque([8]), datetime.date(2020, 1, 1),
          types.SimpleNamespace(a=2), types.SimpleNamespace(a=3), 0.1, 0.1 + 1e-17 + 2e-17,
          torch.tensor([0.1]), torch.tensor([0.1], dtype=torch.float64), -0.0, math.nan,
          1 + 2j, b"two", slice(2), slice(3)]  # fmt: skip


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

    assert described(again).endswith("again" + described(again).rpartition("again")[2])
    assert described(again).count("again") == 1
    assert described(terms.l1) == "gancode.training.terms.l1"


def test_lambdas_and_local_functions_are_told_apart_by_their_code():
    def one(seen):
        return seen.generated.mean()

    first = one

    def one(seen):  # noqa: F811
        return -seen.generated.mean()

    several = [
        first,
        one,
        lambda seen: seen.generated.mean(),
        lambda seen: seen.generated.sum(),
        lambda seen: 2 * seen.generated.mean(),
        lambda seen: 3 * seen.generated.mean(),
        lambda seen: 1e-300 * seen.generated.mean(),
        lambda seen: seen.generated.mean() if seen in {"a", "b"} else 0,
        lambda seen: [x + 1 for x in seen.generated],
        lambda seen: [x + 2 for x in seen.generated],
        lambda seen: (lambda x: x * 2)(seen.generated.mean()),
        lambda seen: (lambda x: x * 3)(seen.generated.mean()),
        functools.partial(lambda seen: seen.generated.mean()),
    ]
    texts = [described(each) for each in several]
    assert len(set(texts)) == len(texts) - 1 and texts[2] in texts[-1]
    assert not any(" at 0x" in text for text in texts)


@pytest.mark.slow
def test_one_code_is_one_text_in_every_process():
    code = (
        "import torch\nfrom gancode.training.described import described\n"
        "weights = {'b': 2.0, 'a': torch.ones(3)}\n"
        "term = lambda seen: weights['a'] * seen.generated if seen in {'x', 'y', 'z'} else None\n"
        "print(described(term))"
    )
    texts = set()
    for hashes in ("0", "1"):
        environment = os.environ | {"PYTHONHASHSEED": hashes}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
        texts.add(done.stdout)
    assert len(texts) == 1 and b"its code=" in texts.pop()


def test_a_network_that_stands_still_within_a_term_is_told_by_its_weights():
    """It is in no checkpoint. One that learns has a state of its own somewhere, and other weights
    at every moment."""

    def judged(network):
        return lambda seen: network(seen.generated).mean()

    torch.manual_seed(0)
    one, other = (nn.Linear(3, 1) for _ in range(2))
    assert described(judged(one)) == described(judged(other))
    for how in (judged, lambda n: Scaled(network=n), lambda n: functools.partial(powered, power=n),
                lambda n: n.forward, terms.Cycle, lambda n: Scaled(networks=[n])):  # fmt: skip
        for each in (one, other):
            each.requires_grad_(True)
        learns = described(how(one))
        for each in (one, other):
            each.requires_grad_(False)
        assert described(how(one)) != described(how(other)) and described(how(one)) != learns
        assert described(how(one)) == described(how(copy.deepcopy(one)))


def test_of_what_a_function_reads_only_what_its_code_names_counts():
    """So that a run can be continued with more steps, where they stand beside a weight."""

    def of(options):
        return lambda seen: options.weight * seen.generated.mean()

    class Writer:
        def __init__(self, folder):
            self.folder, self.weight = folder, 2

    for make in (lambda **k: argparse.Namespace(**k), lambda **k: types.SimpleNamespace(**k)):
        one = described(of(make(weight=2, steps=60)))
        assert one == described(of(make(weight=2, steps=600)))
        assert one != described(of(make(weight=3, steps=60)))
    whole = [
        described((lambda given: lambda seen: powered(seen, given))(Options(v))) for v in (2, 3)
    ]
    assert whole[0] != whole[1]
    assert described(of(Writer("a"))) == described(of(Writer("b")))


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
