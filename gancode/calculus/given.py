"""What a user hands over as an expression."""

from typing import Any

import sympy

from ..errors import Refused, WrongType


def given(value: Any, what: str) -> sympy.Expr:
    """A SymPy expression from one, or from a number. `WrongType`, naming what it was to be, for all
    else: text, sequences, matrices, relations, functions, tensors of several numbers."""
    try:
        expr = sympy.sympify(value, strict=True)
    except Exception:  # whatever the conversion of a foreign object to a number raises
        expr = None
    if not isinstance(expr, sympy.Expr) or expr.is_Matrix:
        shown = repr(value)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}…"
        raise WrongType(f"{what} must be a SymPy expression or a number, not {shown}")
    return expr


def given_loss(value: Any, what: str) -> sympy.Expr:
    """The same of what is to be a real number; `Refused` where it certainly is none."""
    expr = given(value, what)
    if (
        expr.has(sympy.I, sympy.nan, sympy.zoo)
        or expr.is_infinite
        or expr.is_extended_real is False
    ):
        raise Refused(f"{what} must be a real number wherever it is defined; {expr} is none")
    return expr
