"""No row of a verdict compares a thing with itself, where the code of the notebook shows it."""

import re

import nbformat
import pytest
from sides import findings
from tree import ROOT

CONSTANT, OUTCOME = "what is measured is a constant", "it is a proof, and no measurement"
ENGINE = "both sides come from a Game"


def code(path):
    """The code of a notebook, without what is not Python."""
    cells = nbformat.read(path, as_version=4).cells
    source = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return re.sub(r"^(\s*)%.*$", r"\1pass", source, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "chapters").glob("*/*.ipynb")), ids=lambda p: p.stem
)
def test_no_row_of_the_book_compares_a_thing_with_itself(path):
    found = [(finding.quantity, finding.why) for finding in findings(code(path))]
    assert found == []


START = """\
from math import log, prod
import numpy as np
from sympy import Rational, sqrt
from gancode import Verdict, data
from gancode.calculus import Game, prove, psi, theta
verdict = Verdict()
near, equal = verdict.near, verdict.equal
game = Game({theta: theta * psi, psi: -theta * psi})
"""


def why(lines):
    return [finding.why for finding in findings(START + lines)]


@pytest.mark.parametrize(
    "lines",
    [
        "near('x', 5, 2014 - 2009, 0, because='theorem')",
        "near('x', log(4), 2 * log(2), 0, because='theorem')",
        "first = 'one, two'.split(',')\nequal('x', 2, len(first), because='theorem')",
        "row = 'x', 7, 60_000 % 128\nverdict.at_most(*row, because='theorem')",
        "for k, x in ((1, 2), (3, 4)):\n    y = x + k\n    near('x', k, y, 9, because='theorem')",
        "def f(x):\n    return x + 1\nnear('x', 2, f(1), 0, because='theorem')",
        "test = near if 1 else equal\ntest('x', 2, float(prod([1, 2])), because='theorem')",
        "if True:\n    near('x', 2, sum(k for k in range(3)), 0, because='theorem')",
        "near('x', log(4), float(np.log(4)), 0, because='rounding')",
        "near('x', np.sqrt(2) / 2, np.cos(np.pi / 4), 0, because='rounding')",
        "near('x', 0.5, float(Rational(1, 2) * sqrt(1)), 0, because='rounding')",
        "found = np.mean([1])\nfound = 3\nnear('x', 2, found, 0, because='theorem')",
    ],
)
def test_a_measured_side_that_is_a_constant_is_found(lines):
    assert why(lines) == [CONSTANT]


@pytest.mark.parametrize(
    "lines",
    [
        "x = np.mean([1, 2])\nnear('x', x, x, 0, because='theorem')",
        "x = np.mean([1, 2])\ny = x\nnear('x', Measured(x), float(y), 0, because='theorem')",
        "near('x', np.tan(1), np.tan(1).item(), 0, because='theorem')",
        "a, b = np.tan(1), np.tan(1)\nnear('x', a, round(b, 3), 0, because='theorem')",
        "for x, y in zip(np.eye(2), np.eye(2)):\n    near('x', x, y, 0, because='theorem')",
    ],
)
def test_two_sides_that_are_the_same_are_found(lines):
    assert why(lines) == ["both sides are the same"]


def test_a_measured_side_that_is_made_from_the_prediction_is_found():
    assert why(
        "exact = np.tan(1)\nfound = exact + 0 * exact\n"
        "near('x', Measured(exact), found, 0, because='theorem')"
    ) == ["what is measured is made from the prediction"]


@pytest.mark.parametrize(
    "lines",
    [
        "proof = prove(theta, psi)\nequal('x', 'refuted', proof.status, because='theorem')",
        "said = str(prove(theta, theta).evidence)\nequal('x', 'p', said, because='theorem')",
    ],
)
def test_a_proof_that_is_called_a_measurement_is_found(lines):
    assert why(lines) == [OUTCOME]


@pytest.mark.parametrize(
    "lines",
    [
        "rho = game.update('alternating', 0.1).spectral_radius((0, 0))\n"
        "path = game.simulate('alternating', (1, 1), 0.1, 9)\n"
        "near('x', rho, path[-1] / path[-2], 1e-3, because='rounding')",
        "def factor(game):\n    return game.simulate('alternating', (1, 1), 0.1, 9)[-1]\n"
        "for name, play in {'one': game}.items():\n"
        "    rho = play.update(name, 0.1).spectral_radius((0, 0))\n"
        "    near(name, rho, abs(factor(play)).max(), 1e-3, because='rounding')",
    ],
)
def test_an_engine_that_is_compared_with_itself_is_found(lines):
    assert why(lines) == [ENGINE]


@pytest.mark.parametrize(
    "lines",
    [
        # A prediction by hand, and a run.
        "path = game.simulate('alternating', (1, 1), 0.1, 9)\n"
        "near('x', sqrt(2), np.hypot(*path[0]), 1e-3, because='rounding')",
        "near('x', Rational(1, 2), np.random.rand(9).mean(), 0.9, because='observed before')",
        # A difference that ought to vanish holds the exact value; the prediction is 0.
        "exact = np.log(4)\n"
        "near('x', 0, abs(np.linspace(0, 4, 9).max() - exact), 9, because='rounding')",
        # The columns of a table are apart: each row has a prediction and a run.
        "sizes = np.ones(3)\nfor name, known, k in (('a', 1, 0), ('b', 1, 1)):\n"
        "    near(name, known, sizes[k], 0, because='theorem')",
        "rho = game.update('simultaneous', 0.1).spectral_radius((0, 0))\n"
        "for row, known, found in (('a', rho, np.ones(1)), ('b', rho, np.ones(2))):\n"
        "    near(row, known, found.max(), 0, because='theorem')",
        # What grows in a loop, or in a function that somebody calls back, is computed.
        "total = 0\nfor k in range(3):\n    total += k\nnear('x', 3, total, 0, because='theorem')",
        "seen = []\nfor k in range(3):\n    seen.append(k)\nequal('x', 3, seen, because='theorem')",
        "def watch(step):\n    rows[step] = step\nrows = {}\ndata.play(watch)\n"
        "equal('x', 3, len(rows), because='theorem')",
        # The last binding before the row counts.
        "found = 3\nfound = np.mean([1])\nnear('x', 2, found, 0, because='theorem')\nfound = 2",
        # A word that happens to be called so is no row.
        "chain.step(3, because='theorem')",
    ],
)
def test_two_roads_are_let_pass(lines):
    assert why(lines) == []


def test_a_row_whose_sides_are_hidden_is_an_error():
    with pytest.raises(ValueError, match=r"line 9: the sides of near\(\*made\(\)"):
        findings(START + "near(*made(), because='theorem')")


def test_the_line_and_the_quantity_are_named():
    (finding,) = findings(START + "\nnear(f'{1} and more', 1, 1, 0, because='theorem')")
    assert (finding.line, finding.quantity) == (10, "f'{1} and more'")
