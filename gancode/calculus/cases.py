"""Parameters by cases: where an answer hangs on a sign, each sign is a case of its own."""

from collections.abc import Callable

import sympy
from sympy import Dummy, S

from .continuity import Undecided
from .regions import Region

_DEPTH = 3
_RELATIONS = {1: sympy.Gt, -1: sympy.Lt, 0: sympy.Eq}


def by_cases(
    prove: Callable[[sympy.Expr, Region], str | None], expr, region: Region, depth: int = _DEPTH
) -> str | None:
    """`prove(expr, region)`; where it raises `Undecided`, what proves every case.

    A case is a smaller region, or an expression in which a symbol has a value of its own.
    """
    try:
        return prove(expr, region)
    except Undecided as question:
        if depth == 0:
            return None
        rules = []
        for case in cases(question.expr, expr, region) or [None]:
            rule = None if case is None else by_cases(prove, *case, depth - 1)
            if rule is None:
                return None
            rules.append(rule)
        return "by cases: " + ", ".join(dict.fromkeys(rules))


def cases(question, expr, region: Region) -> list[tuple[sympy.Expr, Region]] | None:
    """The cases of the sign of `question`, each with the expression and the region; without those
    that no point has. None where the case of zero cannot be solved for a symbol."""
    solved = _solved(question, region)
    if solved is None:
        return None
    symbol, value = solved
    found = []
    if region.real(question):
        for sign in (1, -1):
            if region.never_negative(-sign * question):
                continue
            found.append(_of_sign(question, symbol, value, sign, expr, region))
    else:
        found.append((expr, region.where(sympy.Ne(question, 0))))
    found.append(_with_value(expr, region, symbol, value))
    return [case for case in found if case is not None]


def _solved(question, region: Region) -> tuple[sympy.Symbol, sympy.Expr] | None:
    """A symbol and its value where `question`, in which it is linear, is zero."""
    for symbol in sorted(question.free_symbols, key=str):
        slope = sympy.expand(question).coeff(symbol, 1)
        rest = sympy.expand(question - slope * symbol)
        if slope != 0 and not slope.has(symbol) and not rest.has(symbol) and region.nonzero(slope):
            return symbol, sympy.cancel(-rest / slope)
    return None


def _of_sign(question, symbol, value, sign, expr, region):
    """Where the question has a sign; a bound that is a number becomes a property of the symbol."""
    above = question.subs(symbol, value + 1)
    if not value.is_Integer or not above.is_number:
        relation = _RELATIONS[sign](question, 0)
        return None if relation is S.false else (expr, region.where(relation))
    direction = sign if above > 0 else -sign
    known = {"integer": True} if symbol.is_integer else {}
    distance = Dummy(f"{symbol}", positive=True, **known)
    return _with_value(expr, region, symbol, value + direction * distance)


def _with_value(expr, region: Region, symbol, value):
    """The case in which a symbol has a value; what was known of it becomes relations."""
    relations = [relation.subs(symbol, value) for relation in region.relations]
    relations += [order(value, 0) for order in _orders(symbol)]
    if S.false in relations or not _possible(symbol, value):
        return None
    kept = tuple(relation for relation in relations if relation is not S.true)
    return expr.subs(symbol, value), Region(kept, region.decide, region.ranges)


def _orders(symbol) -> list:
    """How a symbol stands to zero by its assumptions."""
    orders = {
        sympy.Gt: symbol.is_positive,
        sympy.Lt: symbol.is_negative,
        sympy.Ge: symbol.is_nonnegative,
        sympy.Le: symbol.is_nonpositive,
    }
    return [order for order, known in orders.items() if known][:1]


def _possible(symbol, value) -> bool:
    """Whether a number agrees with the assumptions of a symbol, as far as they can be seen."""
    if not value.is_number:
        return True
    names = ("integer", "positive", "negative", "nonnegative", "nonpositive", "even", "odd", "zero")
    return not any(
        getattr(symbol, f"is_{name}") is not None
        and getattr(value, f"is_{name}") is not None
        and getattr(symbol, f"is_{name}") != getattr(value, f"is_{name}")
        for name in names
    )
