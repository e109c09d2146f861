"""Whatever is given in place of an expression is refused by one of our own errors, or used."""

import numpy as np
import pytest
import sympy
import torch
from sympy import Eq, I, Interval, Matrix, nan, oo, zoo

from gancode.calculus import (
    Derivation,
    Divergence,
    Game,
    Objective,
    a,
    b,
    find_objective,
    lipschitz_constant,
    prove,
    psi,
    softplus,
    theta,
)
from gancode.calculus.given import given
from gancode.errors import Refused, WrongType
from gancode.losses import compile

NO_EXPRESSIONS = {
    "None": None,
    "text": "a + b",
    "bytes": b"a",
    "a list": [a],
    "a tuple": (a, b),
    "a set": {a},
    "a dict": {a: 1},
    "a truth": True,
    "an equation": Eq(a, b),
    "a relation": a < b,
    "a function": lambda t: t,
    "a type": int,
    "a matrix": Matrix([a]),
    "an interval": Interval(0, 1),
    "a tensor": torch.ones(2),
    "an array": np.ones(2),
}
NO_LOSSES = {"nan": nan, "a float nan": float("nan"), "oo": oo, "zoo": zoo, "complex": I * b}
LOSS = softplus(-a) + softplus(b)
EXPECTING = {
    "prove": lambda value: prove(value, 1),
    "prove, right": lambda value: prove(1, value),
    "Derivation": Derivation,
    "a step": lambda value: Derivation(a).step(value, because="so"),
    "Divergence": Divergence,
    "a scale": lambda value: Divergence(sympy.Symbol("r", positive=True) - 1, scale=value),
    "lipschitz_constant": lipschitz_constant,
    "compile": lambda value: compile(value, [a, b]),
}
EXPECTING_LOSSES = {
    "critic": lambda value: Objective(value, -b),
    "generator": lambda value: Objective(LOSS, value),
    "zero-sum": Objective.zero_sum,
    "Game": lambda value: Game({theta: value, psi: psi}),
}


@pytest.mark.parametrize("what", NO_EXPRESSIONS)
@pytest.mark.parametrize("where", EXPECTING | EXPECTING_LOSSES)
def test_what_is_no_expression_is_refused(where, what):
    with pytest.raises(Refused):
        (EXPECTING | EXPECTING_LOSSES)[where](NO_EXPRESSIONS[what])


@pytest.mark.parametrize("what", NO_LOSSES)
@pytest.mark.parametrize("where", EXPECTING_LOSSES)
def test_what_is_no_real_number_is_no_loss(where, what):
    with pytest.raises(Refused):
        EXPECTING_LOSSES[where](NO_LOSSES[what])


@pytest.mark.parametrize("what", NO_EXPRESSIONS)
def test_what_is_no_other_argument_is_refused(what):
    value = NO_EXPRESSIONS[what]
    if what not in ("None", "an interval"):
        with pytest.raises(Refused):
            Objective(LOSS, -b, domain=value)
    if what not in ("a truth", "an equation", "a relation"):
        with pytest.raises(Refused):
            prove(a**2, 0, ">=", assumptions=[value])
    with pytest.raises(Refused):
        prove(a, b, value)
    if what != "a dict":
        with pytest.raises(Refused):
            Game(value)
    if what != "text":
        with pytest.raises(WrongType):
            find_objective(value)


def test_numbers_of_all_kinds_are_expressions_and_the_message_says_what_is_wrong():
    for number in (2, 0.5, np.float32(2), np.int64(3), torch.tensor(2.0), sympy.pi, a):
        assert isinstance(given(number, "it"), sympy.Expr)
    with pytest.raises(WrongType, match=r"^the critic's loss must be a SymPy expression or a num"):
        given([1] * 100, "the critic's loss")
    try:
        given([1] * 100, "it")
    except WrongType as error:
        assert len(str(error)) < 150
