"""Expressions typed by a user, read against a white list. Nothing is ever evaluated as Python."""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy

from ..errors import Refused, WrongType
from .symbols import a, b, sigmoid, softplus

MAX_LENGTH = 2_000
MAX_NODES = 400
MAX_EXPONENT = 64
MAX_NUMBER = 10**12


class ExpressionError(Refused):
    """The text is not an expression that may be read; the message says what may stand there."""


_OF_PROBABILITIES = (
    ". The probability D(x) of a real sample is sigmoid(a), with its logit a, and D(G(z)), that of "
    "a generated one, sigmoid(b)"
)


def _exp(t: sympy.Expr) -> sympy.Expr:
    if t.is_number and abs(t) > MAX_EXPONENT:
        raise ExpressionError(f"exp({t}) is too large; its argument may be {MAX_EXPONENT} at most")
    return sympy.exp(t)


def _derivative(expr: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr:
    if not symbol.is_Symbol:
        raise ExpressionError(f"a derivative is by a name, diff(x**2, x), not by {symbol}")
    return sympy.Derivative(expr, symbol)


FUNCTIONS = {
    "softplus": softplus,
    "sigmoid": sigmoid,
    "exp": _exp,
    "log": sympy.log,
    "ln": sympy.log,
    "sqrt": sympy.sqrt,
    "tanh": sympy.tanh,
    "abs": sympy.Abs,
    "relu": lambda t: sympy.Max(0, t),
    "max": sympy.Max,
    "min": sympy.Min,
}
IN_DERIVATIONS = FUNCTIONS | {  # where nothing is compiled
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "atan": sympy.atan,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "erf": sympy.erf,
    "diff": _derivative,
}
_ARITY = {"max": 2, "min": 2, "diff": 2}
CONSTANTS = {"pi": sympy.pi, "π": sympy.pi, "e": sympy.E}
_SIGNS = str.maketrans({"−": "-", "–": "-", "·": "*", "⋅": "*", "×": "*", "÷": "/", "⁄": "/"})
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_CRITICS = ("D", "D_real", "D_fake", "Dx", "DGz")  # what a critic's probability is called
_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def parse(
    text: str,
    symbols: Sequence[sympy.Symbol] | Mapping[str, sympy.Expr] = (a, b),
    functions: Mapping[str, Callable] = FUNCTIONS,
) -> sympy.Expr:
    """Read an expression in `symbols`, numbers, pi, e, + - * / ** and the names in `functions`.

    `symbols` may map names to what they stand for. Signs as they are printed are read too: − · × ÷
    and raised digits. Raises `ExpressionError` for anything else, before anything is computed,
    and `WrongType` for what is no text.
    """
    if not isinstance(text, str):
        raise WrongType(f"an expression is read from text, not from {text!r}")
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"the expression has {len(text):,} characters; at most {MAX_LENGTH:,} are read"
        )
    try:
        tree = ast.parse(typed(text).strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        detail = getattr(error, "msg", None) or str(error) or "nested too deeply"
        raise ExpressionError(f"{text!r} is not an expression: {detail}") from None
    nodes = sum(1 for _ in ast.walk(tree))
    if nodes > MAX_NODES:
        raise ExpressionError(f"the expression has {nodes} parts; at most {MAX_NODES} are read")
    if not isinstance(symbols, Mapping):
        symbols = {symbol.name: symbol for symbol in symbols}
    value = _read(tree.body, symbols, functions)
    if value.has(sympy.nan, sympy.zoo, sympy.oo, sympy.I):
        raise ExpressionError(f"{text!r} divides by zero, or is not real")
    return value


def typed(text: str) -> str:
    """The text as it would be typed: a² is a**(2)."""
    raised = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda run: f"**({run[0].translate(_RAISED)})", text)
    return raised.translate(_SIGNS)


def _degree(base: sympy.Expr) -> sympy.Expr:
    """The largest exponent that already stands in `base`."""
    return max([abs(power.exp) for power in base.atoms(sympy.Pow) if power.exp.is_Rational] or [1])


def _read(node: Any, symbols: Mapping, functions: Mapping) -> sympy.Expr:
    def read(part: Any) -> sympy.Expr:
        return _read(part, symbols, functions)

    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        if not abs(node.value) <= MAX_NUMBER:
            raise ExpressionError(f"the number {node.value} is too large; {MAX_NUMBER:.0e} at most")
        return sympy.Rational(str(node.value))
    if isinstance(node, ast.Name) and node.id in symbols:
        return symbols[node.id]
    if isinstance(node, ast.Name) and node.id in CONSTANTS:
        return CONSTANTS[node.id]
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](read(node.operand))
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = read(node.left), read(node.right)
        return _OPERATORS[type(node.op)](left, right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        base, exponent = read(node.left), read(node.right)
        if base == sympy.E:
            return _exp(exponent)
        if not (exponent.is_Rational and abs(exponent) <= MAX_EXPONENT):
            raise ExpressionError(
                f"the exponent in {ast.unparse(node)} must be a number of at most {MAX_EXPONENT}; "
                "for a power with a variable exponent write exp(…)"
            )
        digits = abs(exponent) * sympy.log(abs(base) + 1, 10) if base.is_number else 0
        if digits > MAX_EXPONENT or _degree(base) * abs(exponent) > MAX_EXPONENT:
            raise ExpressionError(f"{ast.unparse(node)} is too large a power")
        return base**exponent
    called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
    if (name := called.lower()) in functions:  # SymPy prints Max and Abs
        if node.keywords or len(node.args) != _ARITY.get(name, 1):
            raise ExpressionError(f"{name} takes {_ARITY.get(name, 1)} argument(s)")
        return sympy.sympify(functions[name](*map(read, node.args)))
    name = node.func if isinstance(node, ast.Call) else node
    probable = isinstance(name, ast.Name) and name.id in _CRITICS
    raise ExpressionError(
        f"{ast.unparse(node)!r} may not stand here; allowed are the symbols "
        f"{', '.join(symbols)}, numbers, pi, e, + - * / ** and {', '.join(functions)}"
        + (_OF_PROBABILITIES if probable else "")
    )
