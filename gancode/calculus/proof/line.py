"""A function of one real variable that is never negative on an interval: shown by balls.

Near an end that is open or infinite the sign comes from an expansion (`ends`). Near a zero in the
interior it comes from Taylor's theorem: where f and its first m − 1 derivatives vanish at c, which
is shown exactly, and the m-th, m even, is positive on a ball around c, f is not negative there. The
rest is cut into balls until f is positive on each.
"""

from collections.abc import Callable, Iterator
from typing import Any

import sympy
from flint import acb, arb, ctx, fmpq
from sympy import Interval, Rational, S

from ..deadline import attempt, check
from ..kinks import KINKED, Piece, pieces
from ..rewriting import solutions
from .effort import is_quick, put_in
from .enclosure import Undefined, Unsure, compiled, contains_zero, enclose, real_if_exact
from .ends import germ

_BITS = 160
_BUDGET = 6000  # balls
_SMALLEST = 30  # halvings of an interval of size 1 before a zero is suspected inside
_ORDERS = 8  # of a zero
_LIKELY = [S.Zero, S.One, -S.One, S.Half, S(2)]


class _Stuck(Exception):
    """The sign could not be shown."""


def positive_on_line(
    expr: sympy.Expr, x: sympy.Symbol, where: Interval, strict: bool, make_field: Callable
) -> bool:
    """Whether expr ≥ 0, or expr > 0 where strict, is shown for all x of an interval at which it is
    defined and real. `make_field()` is a `Field` that decides exact zeros."""
    try:
        _Proof(x, strict, make_field).on(expr, where)
    except (_Stuck, Unsure, NotImplementedError, RecursionError):
        return False
    return True


class _Proof:
    def __init__(self, x: sympy.Symbol, strict: bool, make_field: Callable) -> None:
        self.x, self.strict, self.make_field = x, strict, make_field
        self.left = _BUDGET

    def on(self, expr: sympy.Expr, where: Interval) -> None:
        for part in self._smooth_pieces(expr, where):
            self._on_piece(*part)

    # Kinks -------------------------------------------------------------------------------------

    def _smooth_pieces(
        self, expr: sympy.Expr, where: Interval
    ) -> list[tuple[sympy.Expr, Interval]]:
        """(function, interval) pairs that make up the whole, the functions without kinks."""
        if not expr.has(*KINKED):
            return [(expr, where)]
        cut = attempt(pieces, expr, self.x, where.inf, where.sup, seconds=2)
        if not cut:
            return [(expr, where)]  # balls know kinks too, as long as the gap is positive there
        for piece in cut:
            self._verify_branch(expr, piece)
        for piece in cut[1:]:  # the kinks themselves
            self._at(expr, piece.low)
        found = []
        for piece in cut:
            first, last = piece.low == where.inf, piece.high == where.sup
            ends = (where.left_open if first else True), (where.right_open if last else True)
            if first and not ends[0]:
                self._at(expr, where.inf)
            if last and not ends[1]:
                self._at(expr, where.sup)
            found.append((piece.expr, Interval.open(piece.low, piece.high)))
        return found

    def _verify_branch(self, expr: sympy.Expr, piece: Piece) -> None:
        """Show that the function without kinks is the right one on a piece: wherever a kinked part
        chooses between two expressions, their difference keeps its sign."""
        inside = Interval.open(piece.low, piece.high)
        probe = sympy.nsimplify(_between(piece.low, piece.high), rational=True)
        for part in expr.atoms(*KINKED):
            if any(argument.has(*KINKED) for argument in part.args):
                raise _Stuck("a kink within a kink")
            for crossing in _differences(part):
                if not crossing.has(self.x):
                    continue
                sign = _sign_at(crossing, self.x, probe)
                if sign == 0 or not positive_on_line(
                    sign * crossing, self.x, inside, False, self.make_field
                ):
                    raise _Stuck("a branch is not shown")

    def _at(self, expr: sympy.Expr, place: sympy.Expr) -> None:
        """The statement at one point."""
        here = {self.x: place}
        value, point = (expr.subs(here), {}) if is_quick(expr, here) else (expr, here)
        for bits in (_BITS, 1024):
            try:
                ball = real_if_exact(enclose(value, point, bits))
            except Undefined:
                return
            except Unsure:
                continue
            if isinstance(ball, acb):
                return
            if ball > 0:
                return
            if ball < 0:
                raise _Stuck("negative at a point")
        if self.strict or point or not self.make_field().vanishes(value):
            raise _Stuck("not decided at a point")

    # A smooth piece ----------------------------------------------------------------------------

    def _on_piece(self, expr: sympy.Expr, where: Interval) -> None:
        self.expr, self._derivatives = expr, {}
        if where.inf == where.sup:
            return self._at(expr, where.inf)
        with ctx.workprec(_BITS):
            if not expr.has(self.x):
                return self._at(expr, where.inf if where.inf.is_finite else S.Zero)
            if where.inf.is_finite and not where.left_open:
                self._at(expr, where.inf)
            if where.sup.is_finite and not where.right_open:
                self._at(expr, where.sup)
            low, high = self._end(where.inf, "+"), self._end(where.sup, "-")
            if low < high:
                self._cover(low, high)

    def _end(self, end: Any, side: str) -> Rational:
        """A point up to which, from the end, the sign is shown."""
        inward = 1 if side == "+" else -1
        if end.is_finite:
            for size in (Rational(1, 2**10), Rational(1, 2**40)):
                start = ball_around(end)
                near = start.union(start + inward * _arb(size))
                if self._positive(near):
                    return _rational(near.upper() if inward > 0 else near.lower())
            try:
                if (point := self._from_zero(end, inward)) is not None:
                    return point
            except (Unsure, _Stuck):
                pass  # it is not smooth there
        germ_there = germ(self.expr, self.x, (end, side) if end.is_finite else end)
        if germ_there.sign() != 1:
            if not (germ_there.sign() == 0 and not self.strict):
                raise _Stuck("the sign at an end")
        if not end.is_finite:
            return germ_there.reach
        return _rational((ball_around(end) + inward * _arb(germ_there.reach)).mid())

    def _function(self, order: int = 0) -> Callable:
        if order not in self._derivatives:
            expr = self.expr if order == 0 else sympy.diff(self.expr, self.x, order)
            self._derivatives[order] = compiled(expr, (self.x,))
        return self._derivatives[order]

    def _value(self, ball: arb, order: int = 0) -> arb | None:
        """A ball of the function's real values; None where it certainly has none. Raises
        `Unsure`."""
        self.left -= 1
        if self.left < 0:
            raise _Stuck("too much work")
        try:
            value = self._function(order)([ball])
        except Undefined:
            return None
        if isinstance(value, acb):
            return value.real if contains_zero(value.imag) else None
        return value

    def _accepts(self, value: arb | None) -> bool:
        return value is None or bool(value > 0) or (not self.strict and bool(value >= 0))

    def _positive(self, ball: arb) -> bool:
        try:
            if self._accepts(self._value(ball)):
                return True
            middle = ball.mid()
            slope = self._value(ball, 1)
            value = self._value(middle)
            if slope is None or value is None:
                return False
            return self._accepts(value + slope * (ball - middle))
        except Unsure:
            return False

    def _cover(self, low: Rational, high: Rational) -> None:
        """Show the sign on [low, high]."""
        todo = [(low, high)]
        for place in _LIKELY:  # zeros that need not be searched for
            if low < place < high and self._is_zero(place):
                todo = _without(todo, *self._around(place))
        while todo:
            check()
            low, high = todo.pop()
            if self._positive(_ball_between(low, high)):
                continue
            if self._negative_at((low + high) / 2):
                raise _Stuck("negative")
            if high - low < Rational(1, 2**_SMALLEST) * max(1, abs(low)):
                place = self._exact_zero((low + high) / 2)
                todo = _without([*todo, (low, high)], *self._around(place))
                continue
            middle = _middle(low, high)
            todo += [(middle, high), (low, middle)]

    def _negative_at(self, place: Rational) -> bool:
        try:
            value = self._value(_arb(place))
        except Unsure:
            return False
        return value is not None and bool(value < 0)

    def _is_zero(self, place: sympy.Expr) -> bool:
        """Whether the function vanishes at a point, exactly."""
        try:
            value = self._value(ball_around(place))
        except Unsure:
            return False
        if value is None or not contains_zero(value):
            return False
        return self.make_field().vanishes(put_in(self.expr, {self.x: place}))

    def _around(self, place: sympy.Expr) -> tuple[Rational, Rational]:
        """An interval around a zero with the sign shown there: the zero is of even order."""
        if self.strict:
            raise _Stuck("a zero")
        order = self._order_of_zero(place)
        if order % 2:
            raise _Stuck("the sign changes")
        around = self._of_one_sign(order, lambda size: ball_around(place) + arb(0, 1) * size)
        return _rational(around.lower()), _rational(around.upper())

    def _order_of_zero(self, place: sympy.Expr) -> int:
        field = self.make_field()
        for order in range(1, _ORDERS + 1):
            slope = sympy.diff(self.expr, self.x, order)
            if not field.vanishes(put_in(slope, {self.x: place})):
                return order
        raise _Stuck("a zero of high order")

    def _of_one_sign(self, order: int, ball_of_size: Callable, sign: int = 1) -> arb:
        """A ball on which a derivative has a sign."""
        size = arb(1)
        for _ in range(60):
            ball = ball_of_size(size)
            try:
                value = self._value(ball, order)
            except Unsure:
                value = arb(0)
            if value is not None and sign * value > 0:
                return ball
            size = size / 2
        raise _Stuck("a flat zero")

    def _from_zero(self, end: Any, inward: int) -> Rational | None:
        """As `_end`, where the function is smooth at an end that is one of its zeros."""
        if not self._is_zero(end):
            return None
        order = self._order_of_zero(end)
        start = ball_around(end)
        try:
            ball = self._of_one_sign(
                order, lambda size: start.union(start + inward * size), inward**order
            )
        except _Stuck:
            return None
        return _rational(ball.upper() if inward > 0 else ball.lower())

    def _exact_zero(self, near: Rational) -> sympy.Expr:
        """The zero itself, as an exact number that is shown to be one."""
        guess = self._newton(near)
        value = self._value(guess)
        if value is None or not abs(value) < arb(1) / 2**40:
            raise _Stuck("no zero")
        field = self.make_field()
        for candidate in self._candidates(guess):
            try:
                gap = abs(ball_around(candidate) - guess)
            except (Unsure, Undefined):
                continue
            if gap < arb(1) / 2**12 and field.vanishes(put_in(self.expr, {self.x: candidate})):
                return candidate
        raise _Stuck("no exact zero is known")

    def _candidates(self, guess: arb) -> Iterator[sympy.Expr]:
        yield _rational(guess).limit_denominator(10**6)
        yield from solutions(self.expr.diff(self.x), self.x, 1)
        yield from solutions(self.expr, self.x, 1)
        number = sympy.Float(str(guess.mid().str(40, radius=False)), 40)
        known = [sympy.log(2), sympy.pi, sympy.E, sympy.sqrt(2), sympy.sqrt(3)]
        for constants in ([], *([c] for c in known)):
            found = attempt(sympy.nsimplify, number, constants, seconds=1)
            if found is not None:
                yield found

    def _newton(self, near: Rational) -> arb:
        """Where the slope vanishes near a point, to many digits."""
        place = _arb(near)
        for _ in range(12):
            try:
                slope, bend = self._value(place, 1), self._value(place, 2)
            except Unsure:
                break
            if slope is None or bend is None or contains_zero(bend):
                break
            place = (place - slope / bend).mid()
        return place


def _without(pieces_: list, low: Rational, high: Rational) -> list:
    """Intervals with the inside of another one cut out."""
    return [
        (start, end)
        for one, other in pieces_
        for start, end in ((one, min(other, low)), (max(one, high), other))
        if start < end
    ]


def _differences(part: sympy.Expr) -> list:
    from .points import crossings

    return crossings(part)


def _sign_at(expr: sympy.Expr, x: sympy.Symbol, place: sympy.Expr) -> int:
    for bits in (_BITS, 1024):
        try:
            value = real_if_exact(enclose(expr, {x: place}, bits))
        except (Unsure, Undefined):
            continue
        if isinstance(value, arb) and not contains_zero(value):
            return 1 if value > 0 else -1
    return 0


def _between(low: sympy.Expr, high: sympy.Expr) -> sympy.Expr:
    if low.is_finite and high.is_finite:
        return sympy.N((low + high) / 2, 30)
    if low.is_finite:
        return sympy.N(low + 1, 30)
    return sympy.N(high - 1, 30) if high.is_finite else S.Zero


def _middle(low: Rational, high: Rational) -> Rational:
    """The middle of an interval; far from zero, by its logarithm."""
    if low < -1 and high > 1:
        return S.Zero
    if low > 0 and high > 4 * low:
        return Rational(2) ** ((_log2(low) + _log2(high)) // 2) if high > 16 * low else 2 * low
    if high < 0 and low < 4 * high:
        return -_middle(-high, -low)
    return (low + high) / 2


def _log2(number: Rational) -> int:
    return int(number.p).bit_length() - int(number.q).bit_length()


def ball_around(number: sympy.Expr) -> arb:
    return real_if_exact(enclose(number, {}, ctx.prec))


def _ball_between(low: Rational, high: Rational) -> arb:
    return _arb(low).union(_arb(high))


def _arb(number: Rational) -> arb:
    return arb(fmpq(int(number.p), int(number.q)))


def _rational(number: arb) -> Rational:
    mantissa, exponent = number.mid().man_exp()
    return Rational(int(mantissa)) * Rational(2) ** int(exponent)
