"""Compiled losses: exact where they should be, finite everywhere, and as fast as by hand."""

import math

import mpmath
import pytest
import sympy
import torch
from torch.nn.functional import softplus as torch_softplus
from torch.utils._python_dispatch import TorchDispatchMode

from gancode.calculus import Objective, ObjectiveError, a, b, catalog, parse, prove, softplus
from gancode.calculus.stable import expm1, log1mexp, log1p, logsoftplus
from gancode.losses import CompileError, compile, relu, sigmoid, stable

# Differences of exponentials, whose digits cancel.
_WITH_SLOPES_OF_THEIR_OWN = "kl pearson neyman squared-hellinger alpha".split()
LITERAL = [  # what a user may type, and the stable form it must become
    ("log(1 + exp(-a))", softplus(-a)),
    ("-log(1/(1 + exp(-a)))", softplus(-a)),
    ("-log(1 - 1/(1 + exp(-a)))", softplus(a)),
    ("-log(sigmoid(a))", softplus(-a)),
    ("a + softplus(-a)", softplus(a)),
    ("softplus(a) - a", softplus(-a)),
    ("1/(1 + exp(-a))", sigmoid(a)),
    ("exp(a)/(1 + exp(a))", sigmoid(a)),
    ("log(1 + tanh(a))", sympy.log(2) - softplus(-2 * a)),
    ("max(0, 1 - a)", relu(1 - a)),
    ("min(a, 3)", 3 - relu(3 - a)),
]


@pytest.mark.parametrize("text, expected", LITERAL)
def test_literal_expressions_become_stable(text, expected):
    assert stable(parse(text)) == expected


@pytest.mark.parametrize("text", [text for text, _ in LITERAL] + ["log(exp(a) + 2*exp(-a) + 3)"])
def test_the_stable_form_is_the_same_function(text):
    named = {
        sigmoid: lambda t: 1 / (1 + sympy.exp(-t)),
        relu: lambda t: sympy.Max(0, t),
    }
    form = stable(parse(text))
    for function, definition in named.items():
        form = form.replace(function, definition)
    assert prove(form, parse(text))


# The two terms of these have opposite signs, and cancel: tests/calculus/test_duality.py has each.
ESTIMATES = "kl reverse-kl pearson neyman squared-hellinger jensen-shannon alpha".split()


def exact(expr):
    function = sympy.lambdify((a, b), expr.rewrite(sympy.log), "mpmath")
    return lambda *values: float(function(*map(mpmath.mpf, values)))


@pytest.mark.parametrize("name", [name for name in catalog if name not in ESTIMATES])
def test_float32_agrees_with_exact_evaluation(name):
    objective = catalog[name]
    critic, generator = objective.torch()
    truth, fooled = map(exact, objective.outputs)
    close = {"rel": 1e-6, "abs": 1e-30}
    with mpmath.workdps(40):
        for t in torch.linspace(-50, 50, 201):
            for u in torch.tensor([-50.0, -1.5, 0.0, 0.75, 50.0]):
                pair = t[None], u[None]
                numbers = t.item(), u.item()
                assert critic(*pair).item() == pytest.approx(truth(*numbers), **close)
                seen = pair if objective.paired else pair[1:]
                assert generator(*seen).item() == pytest.approx(fooled(*numbers), **close)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", catalog)
def test_losses_and_gradients_stay_finite(name, dtype):
    objective = catalog[name]
    grows = [power.args[0] for loss in objective.outputs for power in loss.atoms(sympy.exp)]
    rates = [abs(exponent.coeff(s)) for exponent in grows for s in (a, b)]
    moderate = not rates or name == "jensen-shannon"  # there they are within logarithms
    largest = 1e4 if moderate else float(80 / max(rates))  # exp(89) does not fit in float32
    critic, generator = objective.torch()
    for size in (0.0, 1.0, 30.0, largest):
        for sign in (1, -1):
            real = torch.full((3,), sign * size, dtype=dtype, requires_grad=True)
            generated = torch.full(
                (3 if objective.paired else 2,), -sign * size, dtype=dtype, requires_grad=True
            )
            seen = (real, generated) if objective.paired else (generated,)
            loss = critic(real, generated) + generator(*seen)
            loss.backward()
            assert loss.isfinite() and loss.ndim == 0
            assert real.grad.isfinite().all() and generated.grad.isfinite().all()


def test_losses_are_means_over_batches_of_any_shape_and_size():
    critic, generator = catalog["nonsaturating"].torch()
    real, generated = torch.randn(7, 1), torch.randn(5)
    by_hand = torch_softplus(-real).mean() + torch_softplus(generated).mean()
    assert torch.equal(critic(real, generated), by_hand)
    assert torch.equal(generator(generated), torch_softplus(-generated).mean())


def test_the_compiled_loss_costs_no_more_than_one_written_by_hand():
    critic, _ = catalog["minimax"].torch()

    def by_hand(real, generated):
        return torch_softplus(-real).mean() + torch_softplus(generated).mean()

    logits = [torch.randn(4096, requires_grad=True) for _ in range(2)]

    class Operations(TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.names = []

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.names.append(func.overloadpacket.__name__)
            return func(*args, **(kwargs or {}))

    def operations(loss):
        for each in logits:
            each.grad = None
        with Operations() as seen:
            loss(*logits).backward()
        return sorted(seen.names)

    assert operations(critic) == operations(by_hand)


@pytest.mark.parametrize("function", [relu, sigmoid, expm1, log1p, log1mexp, logsoftplus])
def test_what_a_stable_form_is_made_of_can_be_written_and_has_its_slope(function):
    """As where a form that is shown is taken for a loss."""
    points = torch.tensor([0.3, 2.0, 30.0], dtype=torch.float64, requires_grad=True)
    compile(function(a), [a])(points).sum().backward()
    expected = sympy.lambdify(a, function.definition(a).diff(a), "mpmath")
    assert points.grad.tolist() == pytest.approx([expected(t) for t in points.tolist()], rel=1e-12)


def test_what_torch_cannot_do_is_refused():
    objective = Objective(softplus(-a) + sympy.gamma(b**2 + 1), -b)
    with pytest.raises(ObjectiveError, match="gamma is not among .*softplus"):
        objective.torch()


@pytest.mark.parametrize(
    "critic, message",
    [
        (-softplus(-a) - softplus(b), r"maximised; the loss is its negative, softplus\(-a\)"),
        (sympy.Min(0, a - 1) + sympy.Min(0, -1 - b), "maximised; the loss is its negative"),
        (
            sympy.log(a) + sympy.log(1 - b),
            r"maximised, of probabilities.* logits is -log\(1 - sigmoid\(b",
        ),
        (-sympy.log(a) - sympy.log(1 - b), r"write -log\(1 - sigmoid\(b\)\) - log\(sigmoid\(a\)\)"),
    ],
)
def test_a_value_and_a_probability_are_no_loss_of_logits(critic, message):
    with pytest.raises(ObjectiveError, match=message):
        Objective(critic, -b).torch()


SPELLINGS = """
(1 - sigmoid(a))**2
sigmoid(a)*(1 - sigmoid(a))
sqrt(sigmoid(a))
exp(-a)/(1 + exp(-a))**2
(1 - 1/(1 + exp(-a)))**2
1/(1 + exp(a))**3
(exp(a)/(1 + exp(a)))**2
(1 + exp(-a))**(-5/2)
2*(sqrt(1 + exp(-a)) - 1)
2*(1 - sqrt(sigmoid(a)))
(1 - sigmoid(a)**(7/10))*10/7
-(1 - sigmoid(a))**2*log(sigmoid(a))
-sigmoid(a)**2*log(1 - sigmoid(a))
sigmoid(a)*softplus(-a)
softplus(-a)**2
log(softplus(a))
log(1 + softplus(a))
softplus(a)**(3/2)
softplus(-a)/softplus(a)
exp(-2*softplus(a))*softplus(a)
softplus(-1.7*a)
log(1 + exp(12.5*a))
softplus(a + 1) - softplus(a)
log(1 + exp(a)) - log(1 + exp(-a))
log(1 + exp(a) + exp(2*a))
log(2 + exp(a) + exp(-2*a))
log(exp(a) - 1 + exp(-a))
1/(1 + exp(-a) + exp(-2*a))
exp(2*a)/(1 + exp(a))**3
1/(exp(a) + exp(-a))**2
(exp(a) - 1)**2/(exp(a) + 1)**2
-log(1 - sigmoid(a)**2)
-log(1 - 1/(exp(a) + 1)**2)
-log(sigmoid(a) + 1/100)
(sigmoid(a) - 9/10)**2
sigmoid(a)**2 + (1 - sigmoid(a))**2
sigmoid(2*a)*sigmoid(-a)
sigmoid(a) - sigmoid(a - 1)
1 - exp(-a**2/2)
(sqrt(a**2 + 4) - a)/2
(a + sqrt(a**2 + 1))/2
sqrt(1 + (a - 1)**2) - 1
log((exp(a) + exp(-a))/2)
log(1 + (a - 1)**2)
(1 - tanh(a))**2
-log(1 - tanh(a)**2)
a*sigmoid(-a)**2
a*tanh(softplus(a))
1 - exp(-exp(a))
abs(a) + log(1 + exp(-abs(a)))
max(0, 1 - a)**3
sqrt(1 + exp(a)) - exp(a/2)
exp(-a) - sqrt(1 + exp(-2*a))
sqrt(a**2 + 1) - sqrt(a**2 + 2)
sqrt(2*a**2 + 3) - sqrt(2*a**2 + 1)
1 + sqrt(1 + exp(a)) - exp(a/2)
3*(sqrt(a**4 + 1) - a**2)
sqrt(a**2 + 1) - abs(a)
(sqrt(1 + exp(a)) - exp(a/2))*sigmoid(a)
""".strip().splitlines()
PLACES = [0.25, -0.5, 30.0, -30.0, 100.0, -100.0, 1e4, -1e4]


def in_full(expr, place):
    """A function of `a` to 50 digits, whatever cancels in it."""
    lost = 15 if abs(place) <= 100 else 1.8  # digits a unit of a
    with mpmath.workdps(60 + int(lost * abs(place))):
        return mpmath.re(sympy.lambdify(a, expr, "mpmath")(mpmath.mpf(place)))


@pytest.mark.slow
@pytest.mark.parametrize("text", SPELLINGS)
def test_values_and_slopes_agree_with_fifty_digits(text):
    expr = parse(text).rewrite(sympy.log)
    loss = compile(parse(text), [a])
    slope = expr.diff(a)
    for place in PLACES:
        truths = in_full(expr, place), in_full(slope, place)
        for dtype, close in ((torch.float32, 3e-5), (torch.float64, 1e-11)):
            logits = torch.tensor([place], dtype=dtype, requires_grad=True)
            value = loss(logits)
            value.sum().backward()
            numbers = torch.finfo(dtype)
            for found, truth in zip((value, logits.grad), truths, strict=True):
                if abs(truth) > numbers.max:
                    assert found.item() == (math.inf if truth > 0 else -math.inf)
                    continue
                smallest = 2e3 * numbers.tiny if found is logits.grad else 4 * numbers.eps
                assert found.item() == pytest.approx(float(truth), rel=close, abs=smallest)


IN_PLAIN_CODE = [name for name in catalog if name not in _WITH_SLOPES_OF_THEIR_OWN]


@pytest.mark.parametrize("name", IN_PLAIN_CODE)
def test_the_source_of_a_loss_is_what_torch_returns(name):
    objective, code = catalog[name], {}
    exec(objective.torch_source(), code)
    outputs = torch.linspace(-8, 8, 33), torch.linspace(5, -11, 33)
    given = outputs if objective.paired else outputs[1:]
    for found, own, values in zip(
        (code["critic_loss"], code["generator_loss"]),
        objective.torch(),
        (outputs, given),
        strict=True,
    ):
        leaves = [value.clone().requires_grad_() for value in values]
        others = [value.clone().requires_grad_() for value in values]
        found(*leaves).backward()
        own(*others).backward()
        torch.testing.assert_close(found(*leaves), own(*others))
        for leaf, other in zip(leaves, others, strict=True):
            torch.testing.assert_close(leaf.grad, other.grad)


@pytest.mark.parametrize("name", _WITH_SLOPES_OF_THEIR_OWN)
def test_a_loss_that_plain_code_would_spoil_has_no_source(name):
    with pytest.raises(CompileError, match="needs slopes of its own"):
        catalog[name].torch_source()


def test_a_loss_that_is_not_defined_everywhere_has_no_source():
    with pytest.raises(ObjectiveError, match="no finite value"):
        Objective(parse("sqrt(a) + softplus(b)"), parse("softplus(-b)")).torch_source()
