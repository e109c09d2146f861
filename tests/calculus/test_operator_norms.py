"""Operator norms and Lipschitz constants in closed form, beside numbers."""

import itertools

import numpy as np
import pytest
import sympy
from sympy import Abs, Matrix, Max, Min, Piecewise, Rational, Symbol, exp, log, oo, pi, sqrt, tanh

from gancode import Refused
from gancode.calculus import prove, sigmoid, softplus
from gancode.calculus.lipschitz import (
    circular_convolution_norm,
    lipschitz_constant,
    operator_norm,
)

x, y = sympy.symbols("x y", real=True)
w = sympy.symbols("w:9", real=True)

MATRICES = {
    "two by two": Matrix(2, 2, w[:4]),
    "two by three": Matrix(2, 3, w[:6]),
    "three by two": Matrix(3, 2, w[:6]),
    "row": Matrix(1, 4, w[:4]),
    "column": Matrix(4, 1, w[:4]),
    "one": Matrix([[w[0]]]),
    "diagonal": sympy.diag(*w[:4]),
    "orthogonal rows": Matrix([[w[0], -w[1], 0], [w[1], w[0], 0], [0, 0, w[2]]]),
    "repeated": Matrix([[w[0], w[0]], [w[0], w[0]]]),
}


@pytest.mark.parametrize("name", MATRICES)
def test_the_closed_form_is_the_largest_singular_value(name):
    matrix = MATRICES[name]
    norm = operator_norm(matrix)
    numbers = np.random.default_rng(0)
    for values in (*numbers.normal(size=(5, 9)), np.ones(9), np.zeros(9), np.arange(9) - 4):
        at = dict(zip(w, map(Rational, map(float, values)), strict=True))
        dense = np.array(matrix.subs(at).tolist(), dtype=float)
        assert float(norm.subs(at)) == pytest.approx(np.linalg.norm(dense, 2), abs=1e-12)


def test_a_rotation_has_norm_one_and_a_shear_what_its_formula_says():
    c, s = sympy.cos(x), sympy.sin(x)
    assert prove(operator_norm([[c, -s], [s, c]]), 1).status == "proved"
    shear = operator_norm([[1, w[0]], [0, 1]])
    assert prove(shear, (Abs(w[0]) + sqrt(w[0] ** 2 + 4)) / 2)


def test_numbers_of_any_size_are_roots_of_algebraic_numbers():
    matrix = Matrix(4, 5, [((7 * k) % 11) - 5 for k in range(20)])
    norm = operator_norm(matrix)
    dense = np.array(matrix.tolist(), dtype=float)
    assert norm.is_algebraic and float(norm) == pytest.approx(np.linalg.norm(dense, 2), rel=1e-12)
    assert operator_norm([[0.5, 0], [0.25, 1]]) == operator_norm(
        [[Rational(1, 2), 0], [Rational(1, 4), 1]]
    )


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ([[1, oo]], "not known to be real and finite"),
        ([[sympy.nan]], "not known to be real and finite"),
        ([[1, sympy.I]], "not known to be real and finite"),
        ([[Symbol("z"), 1]], "declare its symbols"),
        (Matrix(3, 3, w), "no short closed form"),
        (Matrix(0, 2, []), "no entries"),
    ],
)
def test_a_matrix_without_a_norm_here_is_refused(matrix, said):
    with pytest.raises(Refused, match=said):
        operator_norm(matrix)


# Convolutions ----------------------------------------------------------------------------------


def circulant(kernel, sizes):
    """The dense matrix of a circular convolution."""
    kernel = np.asarray(kernel, dtype=float)
    places = list(itertools.product(*map(range, sizes)))
    matrix = np.zeros((len(places),) * 2)
    for row, place in enumerate(places):
        for at in itertools.product(*map(range, kernel.shape)):
            seen = tuple((p + k) % n for p, k, n in zip(place, at, sizes, strict=True))
            matrix[row, places.index(seen)] += kernel[at]
    return matrix


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "sizes"),
    [((1,), (3,)), ((2,), (5,)), ((3,), (3,)), ((3,), (8,)), ((2, 2), (3, 4)), ((3, 1), (4, 2))],
)
def test_a_convolution_on_a_circle_is_diagonal_in_frequencies(shape, sizes):
    count = int(np.prod(shape))
    kernel = sympy.Array(w[:count], shape)
    norm = circular_convolution_norm(kernel.tolist(), sizes)
    numbers = np.random.default_rng(1)
    for values in numbers.normal(size=(4, count)):
        at = dict(zip(w, map(float, values), strict=False))
        dense = circulant(values.reshape(shape), sizes)
        assert float(norm.subs(at)) == pytest.approx(np.linalg.norm(dense, 2), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "size"), [(2, 3), (3, 4), (3, 6)])
def test_the_norm_lies_between_that_of_the_weights_and_root_k_times_it(width, size):
    """By Parseval and by Cauchy and Schwarz: |ŵ|² has the mean Σ w², and is at most K·Σ w²."""
    weights = sum(each**2 for each in w[:width])
    squared = circular_convolution_norm(w[:width], size) ** 2
    for each in squared.args:
        assert prove(each, width * weights, "<=").status == "proved"
    frequencies = [2 * pi * k / size for k in range(size)]
    mean = sum(
        sum(a * b * sympy.cos(t * (i - j)) for i, a in enumerate(w[:width])
            for j, b in enumerate(w[:width])) for t in frequencies
    ) / size  # fmt: skip
    assert prove(mean, weights).status == "proved"


@pytest.mark.parametrize(
    ("kernel", "size", "said"),
    [
        ([1, 2, 3], 2, "does not fit on a circle of 2"),
        ([1, 2, 3], 3.5, "does not fit on a circle of 3.5"),
        ([[1, 2], [3, 4]], (2,), "needs a size for each"),
        ([], 3, "needs a size for each"),
        ([1, oo], 3, "real and finite"),
    ],
)
def test_a_convolution_without_a_norm_is_refused(kernel, size, said):
    with pytest.raises(Refused, match=said):
        circular_convolution_norm(kernel, size)


# Functions of one number -----------------------------------------------------------------------

CONSTANTS = [
    (softplus(x), 1),
    (-softplus(-x), 1),
    (sigmoid(x), Rational(1, 4)),
    (tanh(x), 1),
    (x * (1 + sympy.erf(x / sqrt(2))) / 2, (1 + sympy.erf(1)) / 2 + exp(-1) / sqrt(pi)),  # GELU
    (Max(x, x / 5), 1),
    (Max(x, 3 * x), 3),
    (Max(0, x), 1),
    (Abs(2 * x - 1), 2),
    (Min(Max(x, -1), 1), 1),
    (Min(Max(x / 6 + Rational(1, 2), 0), 1), Rational(1, 6)),
    (Piecewise((2 * (exp(x) - 1), x < 0), (x, True)), 2),  # ELU of α = 2
    (Piecewise((exp(x) - 1, x < 0), (x, True)), 1),
    (x - tanh(x), 1),
    (log(1 + x**2), 1),
    (sqrt(1 + x**2), 1),
    (x**2, oo),
    (exp(x), oo),
    (sqrt(Abs(x)), oo),
    (3 - x / 7, Rational(1, 7)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("function", "constant"), CONSTANTS)
def test_the_lipschitz_constant_is_the_supremum_of_the_slope(function, constant):
    found = lipschitz_constant(function)
    assert found == constant or prove(found, constant).status == "proved"
    if constant != oo:
        f = sympy.lambdify(x, function.rewrite(log), ["scipy", "numpy"])
        points = np.linspace(-30, 30, 60_001)
        slopes = np.abs(np.diff(f(points)) / np.diff(points))
        assert float(constant) * (1 - 1e-3) <= slopes.max() <= float(constant) * (1 + 1e-9)


def test_the_constant_in_one_symbol_of_several():
    scale = Symbol("scale", positive=True)
    assert lipschitz_constant(scale * x, x) == scale
    assert lipschitz_constant(scale, x) == 0


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (Piecewise((0, x < 0), (1, True)), "not known to be continuous at 0"),
        (1 / x, "not known to be smooth"),
        (log(x), "not known to be smooth"),
        (x * y, "one real symbol"),
        (Symbol("z"), "one real symbol"),
        (x / (1 + exp(-x)), "was not found, or not proved"),  # where its slope turns has no form
        (Max(x, Symbol("alpha", positive=True) * x), "one real symbol"),
    ],
)
def test_a_function_without_a_known_constant_is_refused(function, said):
    with pytest.raises(Refused, match=said):
        lipschitz_constant(function)


@pytest.mark.parametrize("value", [5, -1])
@pytest.mark.parametrize("where", [0, 2, Rational(1, 3)])
def test_a_jump_at_a_single_point_has_no_lipschitz_constant(where, value):
    equal, other = sympy.Eq(x, where), sympy.Ne(x, where)
    for function in (Piecewise((value, equal), (x, True)), Piecewise((x, other), (value, True))):
        with pytest.raises(Refused, match=f"not known to be continuous at {where}"):
            lipschitz_constant(function)
    assert lipschitz_constant(Piecewise((where, equal), (x, True))) == 1


def test_a_function_with_a_gap_is_refused():
    with pytest.raises(Refused, match="kinks"):
        lipschitz_constant(Piecewise((x, x < 0), (2 * x, x > 1)))


def test_the_slope_of_silu_is_below_the_number_that_networks_are_given():
    from torch import nn

    from gancode.lipschitz import SLOPES

    slope = (x * sigmoid(x)).diff(x)
    bound = Rational(str(SLOPES[nn.SiLU](None)))
    assert prove(slope, bound, "<=")
    assert prove(slope, bound - Rational(1, 10**7), "<=").status == "refuted"


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3])
def test_the_jacobian_of_normalisation_is_below_that_at_a_constant(n):
    """(P − yyᵀ/(n s²))/s with y = Px: along y its eigenvalue is ε/s³, across it 1/s."""
    eps = Symbol("epsilon", positive=True)
    v = sympy.symbols(f"v:{n}", real=True)
    y = [each - sum(v) / n for each in v]
    s = sqrt(sum(each**2 for each in y) / n + eps)
    jacobian = Matrix(n, n, lambda i, j: (y[i] / s).diff(v[j]))
    along = jacobian * Matrix(y)
    for i in range(n):
        assert prove(along[i], eps / s**3 * y[i]).status == "proved"
    if n == 3:  # the direction across y and 1
        across = Matrix(y).cross(Matrix([1, 1, 1]))
        for got, each in zip(jacobian * across, across, strict=True):
            assert prove(got, each / s).status == "proved"
    for each in jacobian * Matrix([1] * n):
        assert prove(each, 0).status == "proved"
