"""Parameters by cases: where an answer hangs on a sign, each sign is a case of its own."""

from dataclasses import dataclass

import sympy
from sympy import Dummy, S
from sympy.logic.boolalg import Boolean

from .regions import Region

_ORDERS = {1: sympy.Gt, -1: sympy.Lt, 0: sympy.Eq}


@dataclass(frozen=True)
class Case:
    """Where `condition` holds: the expression and the region there, with other symbols where that
    says more; `back` are their values in the symbols before."""

    condition: sympy.Basic
    expr: sympy.Expr
    region: Region
    back: dict


def cases(question: sympy.Expr, expr: sympy.Expr, region: Region) -> list[Case] | None:
    """The cases of the sign of `question`, without those that no point has. None where the case of
    zero cannot be solved for a symbol."""
    solved = _solved(question, region)
    if solved is None:
        return None
    found = [_where_zero(question, *solved, expr, region)]
    if region.real(question):
        for sign in (1, -1):
            if not region.never_negative(-sign * question):
                found.append(_where_sign(question, *solved, sign, expr, region))
    else:
        apart = sympy.Ne(question, 0)
        found.append(Case(apart, expr, region.where(apart), {}))
    return [case for case in found if case is not None]


def _solved(question: sympy.Expr, region: Region) -> tuple[sympy.Symbol, sympy.Expr] | None:
    """A symbol and its value where `question`, in which it is linear, is zero."""
    for symbol in sorted(question.free_symbols, key=str):
        slope = sympy.expand(question).coeff(symbol, 1)
        rest = sympy.expand(question - slope * symbol)
        if slope != 0 and not slope.has(symbol) and not rest.has(symbol) and region.nonzero(slope):
            return symbol, sympy.cancel(-rest / slope)
    return None


def _where_zero(
    question: sympy.Expr, symbol: sympy.Symbol, value: sympy.Expr, expr: sympy.Expr, region: Region
) -> Case | None:
    if not _possible(symbol, value):
        return None
    return _with_value(sympy.Eq(question, 0), expr, region, symbol, value, {})


def _where_sign(
    question: sympy.Expr,
    symbol: sympy.Symbol,
    value: sympy.Expr,
    sign: int,
    expr: sympy.Expr,
    region: Region,
) -> Case | None:
    """A bound that is a whole number becomes a property of the symbol."""
    condition = _ORDERS[sign](question, 0)
    if condition is S.false:
        return None
    above = question.subs(symbol, value + 1)
    if not value.is_Integer or not above.is_number:
        return Case(condition, expr, region.where(condition), {})
    direction = sign if above > 0 else -sign
    known = {"integer": True} if symbol.is_integer else {}
    distance = Dummy(f"{symbol}", positive=True, **known)
    back = {distance: direction * (symbol - value)}
    return _with_value(condition, expr, region, symbol, value + direction * distance, back)


def _with_value(
    condition: Boolean,
    expr: sympy.Expr,
    region: Region,
    symbol: sympy.Symbol,
    value: sympy.Expr,
    back: sympy.Expr,
) -> Case | None:
    """The case in which a symbol has a value; what was known of it becomes relations."""
    relations = [relation.subs(symbol, value) for relation in region.relations]
    relations += [order(value, 0) for order in _orders(symbol)]
    if S.false in relations:
        return None
    kept = tuple(relation for relation in relations if relation is not S.true)
    return Case(condition, expr.subs(symbol, value), Region(kept, region.decide), back)


def _orders(symbol: sympy.Symbol) -> list:
    """How a symbol stands to zero by its assumptions."""
    orders = {
        sympy.Gt: symbol.is_positive,
        sympy.Lt: symbol.is_negative,
        sympy.Ge: symbol.is_nonnegative,
        sympy.Le: symbol.is_nonpositive,
    }
    return [order for order, known in orders.items() if known][:1]


def _possible(symbol: sympy.Symbol, value: sympy.Expr) -> bool:
    """Whether a number agrees with the assumptions of a symbol, as far as they can be seen."""
    names = ("integer", "positive", "negative", "nonnegative", "nonpositive", "even", "odd", "zero")
    pairs = [(getattr(symbol, f"is_{n}"), getattr(value, f"is_{n}")) for n in names]
    return not value.is_number or not any(
        None not in (known, found) and known != found for known, found in pairs
    )
