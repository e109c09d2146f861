"""Lipschitz constants and operator norms as expressions, where they are small enough to be read.

All norms are Euclidean. A linear map is Lipschitz with its largest singular value, a function of
one number with the supremum of its slope. `gancode.lipschitz` has the same of networks, in numbers.
"""

import itertools
from collections.abc import Iterable
from typing import Any

import sympy
from sympy import Abs, Expr, Matrix, Max, Rational, S, Symbol, cos, log, oo, pi, sqrt

from ..errors import Refused
from . import advice
from .convex import is_smooth
from .given import given
from .kinks import Piece, pieces
from .proof import prove


def operator_norm(matrix: Any) -> Expr:
    """The largest singular value of a real matrix.

    In closed form where its smaller side is one or two, or where its rows, or its columns, are
    orthogonal; of rational numbers the root of an algebraic number at any size. Raises `Refused`
    for entries that are not known to be real and finite, and for a larger matrix of symbols.
    """
    matrix = Matrix(matrix)
    if not matrix.rows or not matrix.cols:
        raise Refused(f"a matrix of shape {matrix.shape} has no norm: it has no entries")
    _require_real(matrix)
    matrix = matrix.applyfunc(lambda entry: Rational(entry) if entry.is_Float else entry)
    grams = [(matrix * matrix.T).applyfunc(sympy.expand) for matrix in (matrix, matrix.T)]
    for gram in grams:
        if gram.is_diagonal():
            return sqrt(Max(*gram.diagonal()))
    gram = min(grams, key=lambda gram: gram.rows)
    if gram.rows == 2:
        mean, half = (gram[0, 0] + gram[1, 1]) / 2, (gram[0, 0] - gram[1, 1]) / 2
        return sqrt(mean + sqrt(sympy.expand(half**2 + gram[0, 1] ** 2)))
    if all(entry.is_Rational for entry in gram):
        x = sympy.Dummy("x")
        return sqrt(sympy.real_roots(gram.charpoly(x).as_expr(), x)[-1])
    raise Refused(
        f"the largest singular value of a matrix of symbols of shape {matrix.shape} has no short "
        "closed form; put numbers in, or take gancode.lipschitz.upper_bound of nn.Linear"
    )


def circular_convolution_norm(kernel: Any, size: int | tuple[int, ...] | list[int]) -> Expr:
    """The norm of the convolution of one channel with a kernel on a circle of `size` places, or on
    a torus where kernel and size have more axes.

    The Fourier transform makes it diagonal, so the norm is the largest modulus of
    ŵ(θ) = Σⱼ wⱼ e^(−iθj) over θ = 2πk/size (Sedghi, Gupta and Long 2019; of one channel). The mean
    of the squared moduli is Σ wⱼ² by Parseval, and each is at most K·Σ wⱼ² by Cauchy and Schwarz:
    ‖w‖₂ ≤ norm ≤ √K·‖w‖₂ for K weights. Raises `Refused` for a kernel that is empty, not real, or
    larger than the circle.
    """
    weights = sympy.Array(kernel)
    sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,) * weights.rank()
    if not len(weights) or len(sizes) != weights.rank():
        raise Refused(
            f"a kernel with the axes {weights.shape} needs a size for each of them, not {size!r}"
        )
    for width, places in zip(weights.shape, sizes, strict=True):
        if not (isinstance(places, int) and places >= width):
            raise Refused(
                f"a kernel of {width} places does not fit on a circle of {places!r}: its ends "
                "would lie on one another; give a size that is a whole number, at least the kernel"
            )
    _require_real(weights.reshape(len(weights)))
    at = list(itertools.product(*map(range, weights.shape)))

    def squared(frequency: Any) -> Expr:  # |ŵ|², as the transform of the autocorrelation
        total = sum(weights[j] ** 2 for j in at)
        for one, other in itertools.combinations(at, 2):
            turns = sum(
                Rational(k * (i - j), n)
                for k, i, j, n in zip(frequency, one, other, sizes, strict=True)
            )
            total += 2 * weights[one] * weights[other] * cos(2 * pi * turns)
        return sympy.expand(total)

    frequencies = itertools.product(*map(range, sizes))
    # −θ has the same modulus as θ.
    half = {min(f, tuple(-k % n for k, n in zip(f, sizes, strict=True))) for f in frequencies}
    return sqrt(Max(*map(squared, sorted(half))))


def _require_real(entries: Iterable[Expr]) -> None:
    for entry in entries:
        if not (entry.is_real and entry.is_finite):
            raise Refused(
                f"the entry {entry} is not known to be real and finite; declare its symbols, as in "
                "Symbol('w', real=True)"
            )


def lipschitz_constant(function: Expr | float, symbol: Symbol | None = None) -> Expr:
    """The Lipschitz constant of a function of one real symbol: the supremum of the size of its
    slope, which may be infinite.

    That the slope lies between −L and L on every piece is proved; L is reached at a point, or is a
    limit of the slope. Raises `Refused` for a function that is not known to be continuous, and
    smooth between finitely many kinks, and where the supremum was not found.
    """
    function = given(function, "a function")
    symbols = function.free_symbols if symbol is None else {symbol}
    if len(symbols) != 1 or not next(iter(symbols)).is_real:
        raise Refused(
            f"{function} must be a function of one real symbol; say which one: "
            "lipschitz_constant(f, x)"
        )
    (x,) = symbols
    if x not in function.free_symbols:
        return S.Zero
    try:
        parts = pieces(function, x)
    except (NotImplementedError, TypeError, StopIteration) as error:  # on other symbols; gaps
        raise Refused(f"the kinks of {function} are not known: {error}") from error
    for one, other in itertools.pairwise(parts):
        at = one.high  # the value there may be one by itself
        sides = (part.expr.subs(x, at) for part in (one, other))
        if any(prove(side, function.subs(x, at)).status != "proved" for side in sides):
            raise Refused(f"{function} is not known to be continuous at {one.high}; it may jump")
    return Max(*(_steepest(piece, x, function) for piece in parts))


def _steepest(piece: Piece, x: Symbol, function: Expr) -> Expr:
    """The supremum of |f′| on a piece."""
    if not is_smooth(piece.expr, x, piece.low, piece.high):
        raise Refused(f"{function} is not known to be smooth between {piece.low} and {piece.high}")
    slope = piece.expr.rewrite(log).diff(x)
    if not slope.has(x):
        return Abs(slope)
    ends = [advice.limit(slope, x, piece.low, "+"), advice.limit(slope, x, piece.high, "-")]
    if any(end in (oo, -oo) for end in ends):
        return oo
    within = piece.inside(x)
    turns = [root for root in advice.roots(slope.diff(x), x) if root.is_real]
    turns = [root for root in turns if all(bool(each.subs(x, root)) for each in within)]
    found = [end for end in ends if end is not None] + [slope.subs(x, root) for root in turns]
    for value in sorted({Abs(advice.simplified(v)) for v in found}, key=sympy.N, reverse=True):
        bounds = (value, "<="), (-value, ">=")
        if all(prove(slope, *bound, within).status == "proved" for bound in bounds):
            return value
    raise Refused(
        f"the largest slope of {function} was not found, or not proved; prove a bound of it with "
        "prove(f.diff(x), bound, '<=')"
    )
