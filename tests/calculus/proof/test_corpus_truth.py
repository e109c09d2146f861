"""The truth of the corpus, by an independent road: both sides of each statement by mpmath."""

import itertools
import math
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest
import sympy
from sympy import Integral, Rational, exp

from gancode.calculus.proof import RELATIONS
from tests.corpus import KINDS, endings, statements
from tests.corpus.numeric import Undefined, admitted, fails, free, has, holds, points, undefined

# Integrals over a half-line that oscillate: quadrature is no road to them.
SINC = {"dirichlet": 1, "borwein-seven": 13, "borwein-eight": 15}
ALL = [statement for statement in statements() if statement.name not in SINC]
TRUE = [statement for statement in ALL if statement.truth]
FALSE = [statement for statement in ALL if not statement.truth]


def name(statement):
    return f"{statement.kind}/{statement.name}"


def test_the_corpus_is_large_even_and_of_many_kinds():
    truths = Counter((statement.kind, statement.truth) for statement in statements())
    assert sum(truths.values()) >= 480
    assert 0.4 <= sum(truths[kind, False] for kind in KINDS) / sum(truths.values()) <= 0.6
    assert [kind for kind in KINDS if truths[kind, True] + truths[kind, False] < 20] == []
    assert [kind for kind in KINDS if min(truths[kind, True], truths[kind, False]) < 8] == []


def test_names_are_unique_and_statements_are_no_tautologies():
    assert [n for n, count in Counter(map(name, statements())).items() if count > 1] == []
    assert [n for n, count in Counter(e.name for e in endings()).items() if count > 1] == []
    assert [name(s) for s in statements() if s.lhs == s.rhs or s.relation not in RELATIONS] == []
    assert [name(s) for s in statements() if not s.why] == []


@pytest.mark.parametrize("statement", FALSE, ids=name)
def test_a_false_statement_fails_where_it_says(statement):
    missing = (free(statement) | {f for f, _ in undefined(statement)}) - set(statement.fails_at)
    assert missing == set()
    assert admitted(statement, statement.fails_at), "the point is outside of the domain"
    assert fails(statement, statement.fails_at)


@pytest.mark.parametrize("statement", TRUE, ids=name)
def test_a_true_statement_holds_where_it_is_tried(statement):
    tried = 0
    for point in points(statement, 3 if has(statement, Integral) else 6):
        try:
            assert holds(statement, point), f"it fails at {point}"
            tried += 1
        except Undefined:
            assert point and point not in statement.tried_at
    assert tried >= (1 if not free(statement) or statement.tried_at else 2)


def product_of_sincs(last):
    """∫ ∏ sin(t/k)/(t/k) over t > 0 and odd k ≤ last, over π: by the signs of 1 ± 1/3 ± 1/5 …."""
    widths = [Fraction(1, odd) for odd in range(3, last + 1, 2)]
    n = len(widths)
    total = Fraction(0)
    for signs in itertools.product((1, -1), repeat=n):
        reach = 1 + sum(sign * width for sign, width in zip(signs, widths, strict=True))
        total += math.prod(signs) * reach**n * (1 if reach > 0 else -1)
    return total / (2 ** (n + 1) * math.factorial(n) * math.prod(widths, start=Fraction(1)))


@pytest.mark.parametrize("which", SINC)
def test_the_integrals_that_oscillate(which):
    (statement,) = (s for s in statements() if s.name == which)
    share = product_of_sincs(SINC[which])
    assert statement.rhs == sympy.pi / 2
    assert (share == Fraction(1, 2)) == statement.truth
    assert abs(share - Fraction(1, 2)) < 1e-11


def test_the_judge_sees_a_wrong_label():
    """What is false is not taken for true, and the other way round."""
    by_name = {statement.name: statement for statement in ALL}
    off = 1 + Rational(1, 10**20)
    for which in ("pinsker", "normal-fourth-moment", "basel", "product-rule", "slope-of-exp"):
        statement = by_name[which]
        wrong = replace(statement, relation="==", rhs=statement.rhs * off + Rational(1, 10**9))
        tried = list(points(statement, 3))
        assert all(holds(statement, point) for point in tried)
        assert any(fails(wrong, point) and not holds(wrong, point) for point in tried)
    strict = replace(by_name["jensen-exp"], relation="<")
    assert fails(strict, strict.tried_at[0])
    narrow = replace(by_name["tiny-exponential-positive"], relation="<")
    assert fails(narrow, {}) and not fails(replace(narrow, lhs=-exp(-(10**4))), {})
