"""From SymPy expressions to functions of tensors and arrays that do not overflow.

An expression is first brought to a `stable` form, in softplus, sigmoid and relu, for which torch
has kernels that are exact everywhere. One that already has that form compiles to those calls.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Abs, Add, Function, Mul, Pow, exp
from sympy.logic.boolalg import Boolean
from sympy.printing.lambdarepr import LambdaPrinter

from ..errors import Refused
from .given import given
from .stable import rationalised, relu, sigmoid, stable
from .symbols import softplus

__all__ = ["CompileError", "compile", "compile_numpy", "relu", "sigmoid", "stable"]


class CompileError(Refused):
    """The expression has a function with no counterpart in the library; the message names it."""


def compile(expr: Any, symbols: Sequence) -> Callable:
    """`expr` as a function of torch tensors, one for each of `symbols`, element by element.

    The tensors are of one shape and one floating-point type; half precision is computed in float32.
    Values and slopes are finite wherever they do not overflow. Raises `CompileError` for a function
    that has no torch counterpart here.
    """
    elementwise = _elementwise(given(expr, "a loss"), tuple(symbols))

    def function(*tensors: Any) -> Any:
        return elementwise(*(t.float() if t.element_size() < 4 else t for t in tensors))

    return function


def compile_numpy(expr: Any, symbols: Sequence) -> Callable:
    """`expr` as a function of NumPy arrays; see `compile`. Raises `CompileError`."""
    return _lambdify(stable(expr), symbols, _numpy_names(), "NumPy")


def torch_source(expr: Any) -> str:
    """`expr`, in symbols that stand for tensors, as PyTorch code in which F is torch.nn.functional:
    what `compile` runs. Raises `CompileError` where automatic differentiation is not as exact.

    torch itself is not needed for it.
    """
    form = stable(rationalised(given(expr, "a loss")))
    if not _differentiates_itself(form):
        raise CompileError(f"{form} needs slopes of its own, which `compile` gives it")
    return _Source({"fully_qualified_modules": False}).doprint(_with_floats(form))


def _elementwise(expr: sympy.Expr, symbols: Sequence, eager: bool = True) -> Callable:
    """`expr` as a function of tensors, with slopes that are as exact as it is.

    The chain rule would make a slope NaN where one factor of it overflows and another vanishes, so
    a slope is compiled from its own expression; those of slopes only when they are asked for.
    """
    import torch

    expr = rationalised(expr)
    form = stable(expr)
    compiled = _lambdify(form, symbols, _torch_names(), "torch")
    if form.free_symbols and _differentiates_itself(form):
        return compiled

    def value(*tensors: Any) -> Any:
        found = compiled(*tensors)
        return found if torch.is_tensor(found) else torch.full_like(tensors[0], found)

    @functools.cache
    def slope(k: int) -> Callable:
        return _elementwise(expr.diff(symbols[k]), symbols, eager=False)

    if eager:  # refuse now what cannot be compiled
        for k in range(len(symbols)):
            slope(k)

    class Elementwise(torch.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(*tensors: Any) -> Any:
            return value(*tensors)

        @staticmethod
        def setup_context(context: Any, tensors: Any, output: Any) -> None:
            context.save_for_backward(*tensors)

        @staticmethod
        def backward(context: Any, gradient: Any) -> tuple:
            return tuple(
                gradient * slope(k)(*context.saved_tensors) if needed else None
                for k, needed in enumerate(context.needs_input_grad)
            )

    return Elementwise.apply


def _differentiates_itself(form: sympy.Expr) -> bool:
    """Whether automatic differentiation is as exact as the form: not where an exponential, which
    may overflow, is multiplied with something, nor of a sigmoid, in whose slope 1 − σ cancels, nor
    of softplus less softplus."""
    if form.is_number or form.is_Symbol:
        return True
    if isinstance(form, Add):
        signs = {term.could_extract_minus_sign() for term in form.args if term.has(softplus)}
        return len(signs) < 2 and all(map(_differentiates_itself, form.args))
    if isinstance(form, Mul):
        factors = [factor for factor in form.args if not factor.is_number]
        alone = len(factors) == 1 or not form.has(exp)
        return alone and all(map(_differentiates_itself, factors))
    if isinstance(form, Pow) and form.exp.is_Integer and form.exp > 0:
        return not form.has(exp) and _differentiates_itself(form.base)
    known = isinstance(form, (softplus, relu, Abs, exp))
    return known and form.args[0].is_polynomial() and sympy.total_degree(form.args[0]) == 1


# Names and printing ----------------------------------------------------------------------------


def _lambdify(form: sympy.Expr, symbols: Sequence, names: dict, library: str) -> Callable:
    foreign = {f.func.__name__ for f in form.atoms(Function)} - {*names, "Abs", "Piecewise"}
    if foreign:
        raise CompileError(
            f"{form} cannot be computed by {library}: {', '.join(sorted(foreign))} is not among "
            f"{', '.join(sorted(set(names) - {'where', 'nan'}))}, max, min and abs"
        )
    printer = _Printer({"fully_qualified_modules": False, "allow_unknown_functions": True})
    return sympy.lambdify(symbols, _with_floats(form), modules=[names], printer=printer, cse=True)


def _with_floats(form: sympy.Expr) -> sympy.Expr:
    """Constants as numbers: a library's functions take arrays only."""
    constant = form.replace(lambda e: isinstance(e, (Function, Pow)) and e.is_number, sympy.N)
    return constant.replace(lambda e: e.is_NumberSymbol, sympy.N)


class _Printer(LambdaPrinter):
    """Cases and signs element by element."""

    def _print_Piecewise(self, expr: sympy.Expr) -> str:
        result = "nan"
        for value, condition in reversed(expr.args):
            value = repr(float(value)) if value.is_number else self._print(value)
            if condition == True:  # noqa: E712
                result = value
            else:
                result = f"where({self._print(condition)}, {value}, {result})"
        return result

    def _print_And(self, expr: Boolean) -> str:
        return " & ".join(f"({self._print(part)})" for part in expr.args)

    def _print_Or(self, expr: Boolean) -> str:
        return " | ".join(f"({self._print(part)})" for part in expr.args)

    def _print_sign(self, expr: sympy.Expr) -> str:
        return f"sign({self._print(expr.args[0])})"


class _Source(_Printer):
    """The few functions that differentiate themselves, by their places in PyTorch."""

    def _print_Function(self, expr: sympy.Expr) -> str:
        name = expr.func.__name__
        place = "F" if name in ("softplus", "relu") else "torch"
        return f"{place}.{name}({self._print(expr.args[0])})"

    _print_exp = _print_Function


@functools.cache
def _torch_names() -> dict:
    import torch
    from torch.nn.functional import softplus as plain_softplus

    # torch's own threshold, 20, shows in float64
    kernel = functools.partial(plain_softplus, threshold=40)
    ours = {"softplus": kernel, "relu": torch.relu, "sigmoid": torch.sigmoid}
    return ours | _named(torch, kernel, torch.sigmoid)


@functools.cache
def _numpy_names() -> dict:
    import numpy as np

    def kernel(x: Any) -> Any:
        return np.logaddexp(0, x)

    def expit(x: Any) -> Any:
        return np.exp(-kernel(-x))

    ours = {"softplus": kernel, "sigmoid": expit, "relu": lambda x: np.maximum(x, 0)}
    return ours | _named(np, kernel, expit)


def _named(library: Any, kernel: Callable, expit: Callable) -> dict:
    """What NumPy and torch call by the same names, and what is made of it."""
    where, log = library.where, library.log

    def log1mexp(x: Any) -> Any:  # Mächler 2012
        return where(x > 0.7, library.log1p(-library.exp(-x)), log(-library.expm1(-x)))

    def logsoftplus(x: Any) -> Any:
        small = library.exp(x) / 2  # log(log(1 + y)) = log y − y/2 + …
        return where(x < -15, x - small, log(kernel(x)))

    names = "exp expm1 log log1p sqrt tanh sin cos where sign"
    named = {name: getattr(library, name) for name in names.split()}
    inverse = {name: getattr(library, f"arc{name[1:]}") for name in ("asinh", "atan")}
    return named | inverse | {"log1mexp": log1mexp, "logsoftplus": logsoftplus, "nan": float("nan")}
