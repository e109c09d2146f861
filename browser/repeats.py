"""Whether an answer repeats its question, in whatever order it is written.

Both are brought into one form, in which nothing is worked out: sums and products are flat and in
order, numbers are multiplied into sums, and 0, 1 and brackets that change nothing are gone. What
cancels stays, and so do products of sums: there an answer may have to do its work. Multiplying them
out is none by itself: an answer that then has every term of the question, before anything cancels,
repeats it, unless it is the shorter of the two, as one is that puts a factor before a bracket.

A sum is a tuple of terms, each a coefficient and its factors. A factor is a base and an exponent,
which is a sum; a base is a name, or a tuple of a function's name and its arguments, where the name
"" marks a sum that is raised or multiplied as a whole.
"""

import ast
import copy
import functools
import operator
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from gancode.calculus.expression import typed

Sum = tuple[tuple[Fraction, tuple], ...]

ONE: Sum = ((Fraction(1), ()),)
LARGEST = 8  # whole powers up to this are products
MANY = 2000  # terms: a product with more is not multiplied out
UNEVALUATED = {"Derivative", "Integral", "Limit"}  # these cannot be typed


def repeated(code: str, given: dict[str, str]) -> str | None:
    """What of the question stands in an answer: a side of what is to be proved, or something that
    the code defines for it after the answer, as the code writes it.

    `given` maps the names that the reader defines in `code` to what was typed.
    """
    definitions, question = _trees(code, set(given))
    for text in given.values():
        tree = _read(text, definitions)
        within = list(_sums(_form(tree)))
        spread = [_spread(each) for each in within]
        for words, asked in question.items():
            form = _form(asked)
            if any(_holds(each, form) for each in within):
                return words
            if _operations(tree) >= _operations(asked):
                out = _spread(form)
                if any(_holds_spread(each, out) for each in spread):
                    return words
    return None


def names(code: str, given: dict[str, str]) -> set[str]:
    """The names of symbols and functions in the answers, with those that `code` defines spelled
    out; a square root is none."""
    definitions, _ = _trees(code, set(given))
    trees = (_read(text, definitions) for text in given.values())
    parts = (part for tree in trees for part in ast.walk(tree))
    return {part.id.lower() for part in parts if isinstance(part, ast.Name)} - {"sqrt"}


def questions(code: str, fields: set[str]) -> dict[str, str]:
    """What an answer would repeat, spelled out, by the words in which `code` writes it."""
    return {words: ast.unparse(tree) for words, tree in _trees(code, fields)[1].items()}


def _trees(code: str, fields: set[str]) -> tuple[dict[str, ast.expr], dict[str, ast.expr]]:
    """The formulas that the code defines, by name, and those that it asks about, by its words."""
    definitions: dict[str, ast.expr] = {}
    question: dict[str, ast.expr] = {}
    answered = False
    for step in ast.parse(code).body:
        for name, value in _assigned(step):
            answered = answered or name in fields
            meant = _Spelled(definitions).visit(copy.deepcopy(value))
            if name not in fields and _can_be_typed(meant, fields):
                definitions[name] = meant
                question |= {name: meant} if answered and _is_long(meant) else {}
        for call in ast.walk(step):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "prove":
                for side in call.args[:2]:
                    meant = _Spelled(definitions).visit(copy.deepcopy(side))
                    typable = _can_be_typed(meant, fields) and _is_long(meant)
                    question |= {ast.unparse(side): meant} if typable else {}
    return definitions, question


def _assigned(step: ast.stmt) -> list[tuple[str, ast.expr]]:
    """The names that a line gives a value, each with it."""
    match step:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return [(name, value)]
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            pairs = zip(targets, values, strict=False)
            return [(target.id, value) for target, value in pairs if isinstance(target, ast.Name)]
    return []


class _Spelled(ast.NodeTransformer):
    """Puts the definitions of names in their place."""

    def __init__(self, definitions: dict[str, ast.expr]) -> None:
        self.definitions = definitions

    def visit_Name(self, node: ast.Name) -> ast.expr:  # noqa: N802
        return copy.deepcopy(self.definitions.get(node.id, node))


def _read(text: str, definitions: dict[str, ast.expr]) -> ast.expr:
    return _Spelled(definitions).visit(ast.parse(typed(text).strip(), mode="eval").body)


def _can_be_typed(node: ast.expr, fields: set[str]) -> bool:
    """Whether it is made of names, numbers, operations and functions alone, and not of the
    answer."""
    kinds = (ast.Name, ast.Constant, ast.UnaryOp, ast.BinOp, ast.Call)
    parts = [part for part in ast.walk(node) if isinstance(part, ast.expr)]
    named = {part.id for part in parts if isinstance(part, ast.Name)}
    numbers = all(_number(part) is not None for part in parts if isinstance(part, ast.Constant))
    plain = all(isinstance(part, kinds) for part in parts)
    return plain and numbers and not named & (fields | UNEVALUATED)


def _is_long(node: ast.expr) -> bool:
    """Whether it is more than a name with a number or one operation."""
    form = _form(node)
    return _operations(node) > 1 and any(len(form) > 1 or _is_more(each) for _, each in form)


def _operations(node: ast.expr) -> int:
    """How long it is."""
    return sum(isinstance(part, (ast.BinOp, ast.Call, ast.UnaryOp)) for part in ast.walk(node))


def _is_more(factors: tuple) -> bool:
    """Whether a product has several factors, or a function or a sum."""
    return len(factors) > 1 or any(isinstance(base, tuple) for base, _ in factors)


def _number(node: ast.expr) -> Fraction | None:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return Fraction(str(node.value))
    return None


# The form ------------------------------------------------------------------------------------


def _form(node: ast.expr) -> Sum:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _scaled(_form(inner), Fraction(-1))
        case ast.UnaryOp(operand=inner):
            return _form(inner)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _sorted(_form(left) + _form(right))
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _sorted(_form(left) + _scaled(_form(right), Fraction(-1)))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _product(_form(left), _form(right))
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _product(_form(left), _power(_form(right), _whole(-1)))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_form(left), _form(right))
        case ast.Call(func=ast.Name(id="Rational"), args=[above, below]):
            return _product(_form(above), _power(_form(below), _whole(-1)))
        case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
            return _power(_form(inner), ((Fraction(1, 2), ()),))
        case ast.Call(func=ast.Name(id="exp"), args=[inner]):
            return _one(("e", _form(inner)))
        case ast.Call(func=ast.Name(id=name), args=inner):
            plain = {"ln": "log"}.get(name.lower(), name.lower())
            return _one(((plain, *map(_form, inner)), ONE))
        case ast.Name(id=name):
            return _one(({"π": "pi"}.get(name, name), ONE))
    number = _number(node)
    if number is None:
        raise ValueError(f"{ast.unparse(node)} is no formula")
    return ((number, ()),) if number else ()


def _one(factor: tuple) -> Sum:
    return ((Fraction(1), (factor,)),)


def _whole(number: int) -> Sum:
    return ((Fraction(number), ()),)


def _sorted(terms: Sum) -> Sum:
    return tuple(sorted(terms, key=lambda term: (repr(term[1]), term[0])))


def _scaled(terms: Sum, by: Fraction) -> Sum:
    return _sorted(tuple((by * number, factors) for number, factors in terms if by))


def _value(terms: Sum) -> Fraction | None:
    """The number that it is, where it is one number."""
    if not terms:
        return Fraction(0)
    return terms[0][0] if len(terms) == 1 and not terms[0][1] else None


def _term(terms: Sum) -> tuple[Fraction, tuple]:
    """As a single term; a sum becomes one base, whose first coefficient is 1."""
    if len(terms) == 1:
        return terms[0]
    return terms[0][0], ((("", _scaled(terms, 1 / terms[0][0])), ONE),)


def _product(one: Sum, other: Sum) -> Sum:
    for number, terms in ((_value(one), other), (_value(other), one)):
        if number is not None:
            return _scaled(terms, number)
    (left, these), (right, those) = _term(one), _term(other)
    return ((left * right, tuple(sorted(these + those, key=repr))),)


def _power(base: Sum, exponent: Sum) -> Sum:
    number, value = _value(exponent), _value(base)
    if number == 1:
        return base
    if number == 0 or value == 0:
        return ONE if number == 0 else ()
    if number is None or number.denominator > 1 or abs(number) > LARGEST:
        lone = base[0][1][0] if len(base) == 1 and base[0][0] == 1 and len(base[0][1]) == 1 else ()
        plain = lone and isinstance(lone[0], str) and lone[1] == ONE
        return _one((lone[0] if plain else ("", base), exponent))
    if value is not None:
        return ((value ** int(number), ()),)
    coefficient, factors = _term(base)
    sign = Fraction(1 if number > 0 else -1)
    raised = tuple((each, _scaled(power, sign)) for each, power in factors)
    repeated = sorted(raised * abs(int(number)), key=repr)
    return ((coefficient ** int(number), tuple(repeated)),)


# What stands in what -------------------------------------------------------------------------


def _sums(terms: Sum) -> Iterator[Sum]:
    """It, and every sum inside it."""
    yield terms
    for _, factors in terms:
        for base, exponent in factors:
            for inner in (exponent, *(base[1:] if isinstance(base, tuple) else ())):
                yield from _sums(inner)


def _holds(terms: Sum, asked: Sum) -> bool:
    """Whether the terms of `asked`, all of them times one number, are among `terms`."""
    if len(asked) == 1:
        return any(not Counter(asked[0][1]) - Counter(factors) for _, factors in terms)
    number, factors = asked[0]
    there = Counter(terms)
    return any(
        not Counter(_scaled(asked, each / number)) - there
        for each, same in terms
        if same == factors
    )


# Multiplied out ------------------------------------------------------------------------------

Spread = dict[tuple, tuple[Fraction, Fraction]]


def _spread(terms: Sum) -> Spread:
    """A sum multiplied out, with nothing cancelled: of each product of factors the sum of its
    positive and that of its negative coefficients. Empty where there are too many."""
    found: Spread = {}
    for number, factors in _products(terms):
        scale, product = _plain(factors)
        above, below = found.get(product, (Fraction(0), Fraction(0)))
        found[product] = above + max(number * scale, 0), below + min(number * scale, 0)
    return found


def _products(terms: Sum) -> list[tuple[Fraction, tuple]]:
    """The terms of a sum without a sum among their factors; none where there are too many."""
    found: list[tuple[Fraction, tuple]] = []
    for number, factors in terms:
        made: list[tuple[Fraction, tuple]] = [(number, ())]
        for base, exponent in factors:
            is_sum = exponent == ONE and isinstance(base, tuple) and not base[0]
            more = _products(base[1]) if is_sum else [(Fraction(1), ((base, exponent),))]
            if len(made) * len(more) > MANY:
                return []
            made = [(a * b, these + those) for a, these in made for b, those in more]
        found += made
    return found if len(found) <= MANY else []


def _plain(factors: tuple) -> tuple[Fraction, tuple]:
    """A product in one form, and a number before it: its denominators are multiplied out, and are
    one factor, but for what is common to all of its terms."""
    divided = [base for base, exponent in factors if exponent == _whole(-1)]
    below = _spread(((Fraction(1), tuple((base, ONE) for base in divided)),)) if divided else {}
    common = functools.reduce(operator.and_, map(Counter, below)) if below else Counter()
    below = {_less(key, common): both for key, both in below.items()}
    scale = sum(min(below.items(), key=repr)[1]) if below else Fraction(1)
    scale = scale or Fraction(1)
    inverse = _ordered({key: (a / scale, b / scale) for key, (a, b) in below.items()})
    product: list[tuple] = [("1/", each) for each in common.elements()]
    product += [("1/", inverse)] if any(below) else []
    for base, exponent in factors:
        if exponent != _whole(-1):
            name = base if isinstance(base, str) else (base[0], *map(_canonical, base[1:]))
            product.append((name, _canonical(exponent)))
    return 1 / scale, tuple(sorted(product, key=repr))


def _less(product: tuple, common: Counter) -> tuple:
    return tuple(sorted((Counter(product) - common).elements(), key=repr))


def _canonical(terms: Sum) -> tuple:
    return _ordered(_spread(terms))


def _ordered(spread: Spread) -> tuple:
    return tuple(sorted(spread.items(), key=repr))


def _holds_spread(terms: Spread, asked: Spread) -> bool:
    """Whether `terms` has all that `asked` has, times one number and one product of factors."""
    first = next(iter(asked), ())
    if not first:  # a number, or too long
        return False
    for product, there in terms.items():
        more = Counter(product) - Counter(first)
        if Counter(first) - Counter(product):
            continue
        beside = {tuple(sorted((Counter(key) + more).elements(), key=repr)): both
                  for key, both in asked.items()}  # fmt: skip
        ratios = {a / b for a in there for b in asked[first] if a and b}
        if any(_covers(terms, beside, ratio) for ratio in ratios):
            return True
    return False


def _covers(terms: Spread, asked: Spread, ratio: Fraction) -> bool:
    for product, both in asked.items():
        above, below = terms.get(product, (Fraction(0), Fraction(0)))
        wanted = sorted((ratio * both[0], ratio * both[1]))
        if above < wanted[1] or below > wanted[0]:
            return False
    return True
