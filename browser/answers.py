"""What the page asks of the engine, and what it is told: a request and an answer, both JSON.

A request has a `kind`, and the texts that a reader has typed. They are read against a white list
(`gancode.calculus.parse`). An answer that is refused holds the sentence that says why.
"""

import ast
import json
import logging
import math
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any

import mpmath
import repeats
import sympy
from sympy import Symbol
from sympy.core.function import AppliedUndef

from gancode.calculus import Objective, Proof, find_objective, parse, prove, r
from gancode.calculus.deadline import OutOfTime
from gancode.calculus.digits import in_digits
from gancode.calculus.expression import CONSTANTS, IN_DERIVATIONS, ExpressionError
from gancode.calculus.losses import CompileError
from gancode.errors import Refused
from gancode.notebook import MIME, powers

PATIENCE = 120  # seconds for one proof; a reader can cancel it
CURVES = {"weight": "weight of a sample", "force": "force on a sample"}  # rows of a card
RATIOS = [10 ** (k / 20) for k in range(-40, 41)]  # where curves are drawn, from 1/100 to 100


def answer(request: str) -> str:
    """The answer to a request. It never raises: what goes wrong is said in the answer."""
    try:
        asked = json.loads(request)
        found = KINDS[asked.pop("kind")](**asked)
    except Refused as error:
        found = {"refused": str(error)}
    except (OutOfTime, RecursionError, MemoryError) as error:
        found = {"refused": f"this is too much for the engine in the page ({type(error).__name__})"}
    except Exception as error:
        found = {"refused": f"the engine failed: {type(error).__name__}: {error}"}
    return json.dumps(found)


# A card --------------------------------------------------------------------------------------


def card(critic: str, generator: str) -> dict:
    """The theory of an objective, as `gancode analyze` prints it, with its curves and its code."""
    with _notes() as notes:
        objective = find_objective(critic, generator.strip() or None)
    found = objective.report()
    return {
        "text": str(found),
        "name": found.name,
        "source": found.source,
        "rows": found.lines(),
        "notes": notes,
        "ratios": RATIOS,
        "curves": {name: _curve(dict(found.rows).get(label)) for name, label in CURVES.items()},
        "losses": _losses(objective),
        "code": _code(objective, critic, generator),
        "train": _command(critic, generator),
    }


@contextmanager
def _notes() -> Iterator[list]:
    """What is logged meanwhile."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    log = logging.getLogger("gancode")
    log.addHandler(handler)
    try:
        yield lines
    finally:
        log.removeHandler(handler)


def _curve(derived: Any) -> list:
    """The values at `RATIOS`, None where there is no number; empty where there are none at all."""
    if not isinstance(derived, sympy.Expr):  # words, which say why
        return []
    try:
        value = in_digits(derived, [r])
        with mpmath.workprec(53):
            found = [float(value(mpmath.mpf(ratio))) for ratio in RATIOS]
    except (NameError, ArithmeticError):  # an interval of values, or too large ones
        return []
    shown = [number if math.isfinite(number) else None for number in found]
    return shown if any(number is not None for number in shown) else []


def _losses(objective: Objective) -> list:
    """Both losses as texts that can be typed; none where the critic's values are confined."""
    if objective.activation is not None:
        return []
    return [str(objective.critic), str(objective.generator)]


def _code(objective: Objective, critic: str, generator: str) -> str:
    try:
        return objective.torch_source()
    except CompileError:  # plain code would lose digits
        texts = ", ".join(repr(text) for text in (critic, generator) if text.strip())
        return (
            "from gancode.calculus import find_objective\n\n"
            f"critic_loss, generator_loss = find_objective({texts}).torch()\n"
        )
    except Refused as refused:
        return f"# {refused}\n"


def _command(critic: str, generator: str) -> str:
    options = {"objective": critic, "generator-loss": generator.strip()}
    given = (f"--{name}={shlex.quote(text)}" for name, text in options.items() if text)
    return " ".join(["gancode train --data ring", *given])


# A line of a derivation ----------------------------------------------------------------------


def derivation(left: str, right: str, relation: str, assumptions: str) -> dict:
    """Whether `left relation right` holds under the assumptions.

    These stand with commas between them: relations, such as 0 < D < 1, and n whole. `p`, `q` and
    `r` are positive; every other name is a real number, a positive one where a relation says so.
    """
    whole = set(WHOLE.findall(assumptions))
    lines = [text for text in WHOLE.sub("", assumptions).split(",") if text.strip()]
    chains = [_chain(text) for text in lines]
    terms = [left, right, *(side for chain in chains for side, _ in chain)]
    positive = {"p", "q", "r"} | {name for chain in chains for name in _positive(chain)}
    symbols = {
        name: Symbol(name, **_assumed(name in whole, name in positive))
        for name in sorted(set().union(*map(_names, terms)) | whole)
    }
    sides = (parse(side, symbols, IN_DERIVATIONS) for side in (left, right))
    relations = [
        RELATIONS[sign](parse(one, symbols, IN_DERIVATIONS), parse(other, symbols, IN_DERIVATIONS))
        for chain in chains
        for (one, sign), (other, _) in pairwise(chain)
    ]
    if sympy.false in relations:
        raise ExpressionError(f"no numbers satisfy {assumptions}")
    known = [relation for relation in relations if relation != sympy.true]
    return proved(prove(*sides, relation, known, seconds=PATIENCE))


WHOLE = re.compile(r"\b([^\W\d]\w*)\s+whole\b")
RELATIONS = {"<": sympy.Lt, "<=": sympy.Le, ">": sympy.Gt, ">=": sympy.Ge, "==": sympy.Eq}
SIGNS = re.compile(r"(<=|>=|==|<|>|≤|≥|=)")


def _chain(text: str) -> list[tuple[str, str]]:
    """A chain of relations as its sides, each with the sign that follows it."""
    *pieces, end = SIGNS.split(text)
    if not pieces:
        raise ExpressionError(
            f"{text.strip()!r} is no assumption; write relations with commas between them, such as "
            "0 < D < 1, n > 0, or n whole"
        )
    plain = {"≤": "<=", "≥": ">=", "=": "=="}
    signs = [plain.get(sign, sign) for sign in pieces[1::2]]
    return [*zip(pieces[::2], signs, strict=True), (end, "")]


def _positive(chain: list) -> Iterator[str]:
    """The names that are greater than a number that is not negative."""
    for (one, sign), (other, _) in pairwise(chain):
        small, large = (one, other) if sign == "<" else (other, one)
        with suppress(ExpressionError):
            if sign in ("<", ">") and large.strip().isidentifier() and parse(small, ()) >= 0:
                yield large.strip()


def _assumed(whole: bool, positive: bool) -> dict:
    kind = {"integer": True} if whole else {"real": True}
    return kind | ({"positive": True} if positive else {})


def _names(text: str) -> set[str]:
    """The names in an expression that are neither functions nor constants."""
    return set(NAME.findall(text)) - set(IN_DERIVATIONS) - set(CONSTANTS)


NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")


def proved(proof: Proof) -> dict:
    """What became of a statement, for the page to show."""
    data = proof._repr_mimebundle_()[MIME]
    return {
        "text": str(proof),
        "status": proof.status,
        "evidence": powers(proof.evidence),
        "latex": data["latex"],
        "counterexample": list(data["counterexample"].items()),
    }


# An exercise ---------------------------------------------------------------------------------


def exercise(
    code: str, given: dict[str, str], shown: bool = False, without: Sequence[str] = ()
) -> dict:
    """What `prove` says of an answer, where the exercise's own code asks it.

    `given` maps the names that the reader defines to what was typed: an expression in the names
    that the code has defined before. The outcome that decides is the one to show: the first that is
    refuted, or else the first that is only checked, or the last. Where the code is `shown` to the
    reader, an answer that is proved and holds what the code asks for, in any order, is told that it
    repeats the question; one that holds a name of `without`, that the question is to get rid of it.
    """
    names: dict = {}
    exec(PRELUDE, names)
    usual, outcomes = set(names), []

    def judge(*sides, **options):
        outcomes.append(prove(*sides, **{"seconds": PATIENCE, **options}))
        return outcomes[-1]

    for step in ast.parse(code).body:
        name = step.targets[0].id if _is_field(step, given) else None
        if name is not None:
            known = set(names) - usual | set(NAME.findall(code))
            symbols = {key: names[key] for key in known if isinstance(names.get(key), sympy.Expr)}
            names[name] = parse(given[name], symbols, _functions(symbols))
        else:
            names |= {"prove": judge, "print": lambda *_: None}
            exec(compile(ast.Module([step], []), "<exercise>", "exec"), names)
    order = ("proved", "checked", "refuted")
    found = max(reversed(outcomes), key=lambda proof: order.index(proof.status))
    if shown and found.status == "proved" and (again := repeats.repeated(code, given)):
        raise Refused(
            f"true, but {again} is what is asked, so this repeats the question; work it out, and "
            "give what comes of it"
        )
    if found.status == "proved" and (kept := sorted(repeats.names(code, given) & set(without))):
        raise Refused(f"true, but the answer that is asked for is without {' and '.join(kept)}")
    return proved(found)


def _functions(symbols: dict) -> dict:
    """Those of an answer: a derivative only of a function that has no formula, or it would be left
    to the engine."""
    unknown = {name for name, value in symbols.items() if isinstance(value, AppliedUndef)}
    found = {name: each for name, each in IN_DERIVATIONS.items() if name != "diff" or unknown}
    if unknown:

        def slope(of: sympy.Expr, by: sympy.Symbol) -> sympy.Expr:
            if not isinstance(of, AppliedUndef):
                raise ExpressionError(
                    f"a derivative that may stand here is one of {' or '.join(sorted(unknown))} "
                    f"itself, and not of {of}; take that one"
                )
            return IN_DERIVATIONS["diff"](of, by)

        found["diff"] = slope
    return found


def _is_field(step: ast.stmt, given: dict) -> bool:
    """Whether a line of code is one that the reader's answer takes the place of."""
    return (
        isinstance(step, ast.Assign)
        and isinstance(step.targets[0], ast.Name)
        and step.targets[0].id in given
    )


# What the chapters import, too.
PRELUDE = """
from sympy import (
    Abs, Derivative, Function, I, Integral, Limit, Matrix, Max, Min, Rational, Symbol, cos, diff,
    erf, exp, eye, log, oo, pi, simplify, sin, sqrt, symbols, tanh
)
from sympy.stats import Bernoulli
from gancode.calculus import *
"""

KINDS = {"card": card, "derivation": derivation, "exercise": exercise}
