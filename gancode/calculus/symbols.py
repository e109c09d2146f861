"""The symbols that objectives and games are written in, and the two functions of every logit."""

from typing import Any

import sympy
from sympy import Function, S, Symbol, exp, log
from sympy.core.function import ArgumentIndexError

a = Symbol("a", real=True)  # the critic's value (a logit) on a real sample
b = Symbol("b", real=True)  # the critic's value (a logit) on a generated sample
p = Symbol("p", positive=True)  # the data's density at a point
q = Symbol("q", positive=True)  # the generator's density at the same point
r = Symbol("r", positive=True)  # their ratio, r = p / q
theta = Symbol("theta", real=True)  # the generator's parameter in a game
psi = Symbol("psi", real=True)  # the critic's parameter in a game
gamma = Symbol("gamma", positive=True)  # the weight of a penalty


class softplus(Function):
    """`softplus(t) = log(1 + exp(t))`, kept as one function so that it compiles to a stable one.

    With `D = 1 / (1 + exp(-t))`: `-log(D) = softplus(-t)` and `-log(1 - D) = softplus(t)`.
    """

    nargs = 1

    @classmethod
    def eval(cls, t: sympy.Expr) -> sympy.Expr | None:
        if t.is_zero:
            return log(2)
        if t is S.Infinity:
            return S.Infinity
        if t is S.NegativeInfinity:
            return S.Zero
        return None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        if argindex != 1:
            raise ArgumentIndexError(self, argindex)
        return sigmoid(self.args[0])

    def _eval_rewrite_as_log(self, t: sympy.Expr, **hints: Any) -> sympy.Expr:
        return log(1 + exp(t))

    def _eval_evalf(self, prec: int) -> sympy.Expr:
        return self.rewrite(log)._eval_evalf(prec)

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[0].is_real else None

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        power = f"^{{{exp}}}" if exp is not None else ""
        return rf"\operatorname{{softplus}}{power}\left({printer._print(self.args[0])}\right)"


def in_logarithms(expr: sympy.Expr) -> sympy.Expr:
    """`expr` with softplus written out, for SymPy to take limits of, differentiate or integrate."""
    return expr.replace(softplus, lambda t: softplus(t).rewrite(log))


def sigmoid(t: Any) -> sympy.Expr:
    """The logistic function `1 / (1 + exp(-t))`, as a SymPy expression."""
    return 1 / (1 + exp(-t))
