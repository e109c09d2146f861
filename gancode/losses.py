"""From an objective's SymPy expressions to torch functions that do not overflow.

Written out literally, log(1 + exp(t)) is infinite in float32 from t = 89 on, and its gradient is
NaN. The expressions are therefore first brought to a form in softplus, sigmoid and relu, for which
torch has stable kernels, and then compiled. An expression that already has that form compiles to
exactly those calls.
"""

from collections.abc import Callable

import sympy
from sympy import Add, Function, Max, Min, Mul, Pow, exp, log

from .calculus import Objective, ObjectiveError
from .calculus.symbols import a, b, softplus


class relu(Function):
    """max(0, x)"""


class sigmoid(Function):
    """1 / (1 + exp(-x)), as one function"""


def compile_objective(objective: Objective) -> tuple[Callable, Callable]:
    """`(critic_loss, generator_loss)` of an objective.

    `critic_loss(real, generated)` and `generator_loss(generated)` take tensors of logits of any
    shape and float dtype, and return the mean loss, a scalar. Real and generated batches may differ
    in size. Of a paired objective both are functions of `(real, generated)`, of equal size: the
    k-th of one is paired with the k-th of the other. Raises `ObjectiveError` for a function that
    has no torch counterpart here.
    """
    if objective.paired:
        critic, generator = (
            _compile(expr, (a, b)) for expr in (objective.critic, objective.generator)
        )
        return (
            lambda real, generated: critic(real, generated).mean(),
            lambda real, generated: generator(real, generated).mean(),
        )
    real, generated, generator = (
        _compile(expr, symbol)
        for expr, symbol in (
            (objective.real_loss, a),
            (objective.generated_loss, b),
            (objective.generator, b),
        )
    )

    def critic_loss(logits_real, logits_generated):
        return real(logits_real).mean() + generated(logits_generated).mean()

    def generator_loss(logits_generated):
        return generator(logits_generated).mean()

    return critic_loss, generator_loss


def _compile(expr, symbols) -> Callable:
    import torch
    from torch.nn.functional import softplus as torch_softplus

    names = {
        "softplus": torch_softplus,
        "sigmoid": torch.sigmoid,
        "relu": torch.relu,
        "exp": torch.exp,
        "log": torch.log,
        "tanh": torch.tanh,
        "sqrt": torch.sqrt,
    }
    expr = stable(expr)
    foreign = {f.func.__name__ for f in expr.atoms(Function)} - {*names, "Abs"}
    if foreign:
        raise ObjectiveError(
            f"{expr} cannot be compiled for torch: {', '.join(sorted(foreign))} is not among "
            f"{', '.join(names)}, max, min and abs"
        )
    constants = [e for e in expr.atoms(Function, Pow) if e.is_number]
    return sympy.lambdify(symbols, expr.subs({c: c.evalf(17) for c in constants}), modules=[names])


def stable(expr) -> sympy.Expr:
    """`expr` in terms of softplus, sigmoid and relu wherever the literal form would overflow."""
    expr = expr.replace(log, lambda argument: _stable_log(argument))
    expr = expr.replace(Max, lambda *arguments: _maximum(arguments))
    expr = expr.replace(Min, lambda *arguments: -_maximum([-x for x in arguments]))
    expr = expr.replace(lambda e: isinstance(e, Pow) and e.exp == -1, _stable_reciprocal)
    expr = expr.replace(lambda e: isinstance(e, Mul) and e.has(sigmoid), _absorb_exponential)
    return expr.replace(lambda e: isinstance(e, Add) and e.has(softplus), _absorb_linear)


def _maximum(arguments):
    first, *rest = arguments
    if not rest:
        return first
    second = _maximum(rest)
    if first.is_number:
        first, second = second, first
    return second + relu(first - second)


def _stable_log(argument):
    """log of a quotient of sums of positive multiples of exponentials, by softplus."""
    if not argument.has(exp, sympy.tanh):
        return log(argument)
    numerator, denominator = sympy.fraction(sympy.cancel(sympy.together(argument.rewrite(exp))))
    if numerator.could_extract_minus_sign() and denominator.could_extract_minus_sign():
        numerator, denominator = -numerator, -denominator
    parts = [_log_sum(sympy.expand(part)) for part in (numerator, denominator)]
    return log(argument) if None in parts else parts[0] - parts[1]


def _log_sum(total):
    """log(c₁·exp(u₁) + c₂·exp(u₂) + …) with cᵢ > 0; None for anything else."""
    exponents = []
    for term in Add.make_args(total):
        factor, power = term.as_independent(exp)
        exponent = sympy.powsimp(power).args[0] if power != 1 else sympy.S.Zero
        if not factor.is_positive or factor.free_symbols or exp(exponent) != sympy.powsimp(power):
            return None
        exponents.append(exponent + log(factor))
    first, *rest = sorted(
        exponents, key=lambda e: (bool(e.free_symbols), sympy.default_sort_key(e))
    )
    for exponent in rest:  # log(exp(x) + exp(y)) = x + softplus(y - x)
        first = first + softplus(sympy.expand(exponent - first))
    return first


def _stable_reciprocal(power):
    logarithm = _log_sum(sympy.expand(power.base)) if power.base.has(exp) else None
    if logarithm is None or not logarithm.has(softplus):
        return power
    rest, curve = logarithm.as_independent(softplus, as_Add=True)
    if not isinstance(curve, softplus):
        return power
    return exp(-rest) * sigmoid(-curve.args[0])


def _absorb_exponential(product):
    """exp(u)·sigmoid(−u) = sigmoid(u)."""
    for s in product.atoms(sigmoid):
        power = exp(-s.args[0])
        if power in product.args and s in product.args:
            return product / (power * s) * sigmoid(-s.args[0])
    return product


def _absorb_linear(total):
    """c·softplus(u) − c·u = c·softplus(−u): for large u the left side cancels."""
    linear = Add(*(term for term in total.args if not term.has(softplus)))
    curves = []
    for term in (term for term in total.args if term.has(softplus)):
        factor, curve = term.as_independent(softplus)
        if isinstance(curve, softplus):
            without = sympy.expand(linear + factor * curve.args[0])
            if len(Add.make_args(without)) < len(Add.make_args(linear)) or without == 0 != linear:
                linear, term = without, factor * softplus(-curve.args[0])
        curves.append(term)
    return linear + Add(*curves)
