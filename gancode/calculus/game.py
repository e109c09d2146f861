"""Differentiable games: several players, each descending a loss of its own.

The loss of a player depends on all parameters, but its gradient step moves only its own. The field
of these steps is not the gradient of anything, so a game can turn in circles where an optimisation
would settle. Everything here is derived from the losses: the field, its Jacobian, and the map of
every training method.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mpmath
import sympy
from sympy import Dummy, Expr, Matrix, Symbol

from ..errors import Refused
from .deadline import attempt
from .given import given, given_loss
from .registry import UnknownNameError
from .rewriting import simplified

if TYPE_CHECKING:
    import numpy as np

_SECONDS = 3.0  # for the formulas of eigenvalues


class NotStationaryError(Refused):
    """The point is not an equilibrium: the field does not vanish there."""


def require_weight(name: str, weight: Any) -> Expr:
    """A penalty's weight as an expression. Raises `Refused` where it is negative or infinite."""
    weight = given(weight, f"the weight of {name}")
    if weight.is_negative or weight.is_finite is False:
        raise Refused(
            f"the weight of {name} must be finite and not negative, not {weight}: with a negative "
            "one it would reward what it is there to punish"
        )
    return weight


class Game:
    """Players (real symbols) and the loss that each one minimises, in the order of play.

    `clip={player: c}` confines a player to [-c, c]: after each of its moves it is put back to the
    nearest point there. Raises `Refused` for fewer than one player, for players that are not
    real symbols, and for a clip that is not positive. Other symbols are parameters.
    """

    def __init__(self, losses: Mapping[Symbol, Expr], clip: Mapping[Symbol, Expr] | None = None):
        if not isinstance(losses, Mapping) or not losses:
            raise Refused("a game needs a loss for each of its players: Game({theta: loss, …})")
        for player in losses:
            if not (isinstance(player, Symbol) and player.is_real):
                raise Refused(f"a player must be a real symbol, not {player!r}")
        self.losses = {
            player: given_loss(loss, f"the loss of {player}") for player, loss in losses.items()
        }
        limits = (clip or {}).items()
        self.clip = {player: given(limit, f"clip[{player}]") for player, limit in limits}
        for player, limit in self.clip.items():
            if player not in self.losses:
                raise Refused(f"clip names {player}, which is not one of {self.players}")
            if not limit.is_positive:
                raise Refused(f"clip[{player}] must be a positive number, not {limit}")

    @property
    def players(self) -> tuple[Symbol, ...]:
        """The parameters that are moved, in the order of play."""
        return tuple(self.losses)

    def __repr__(self) -> str:
        losses = ", ".join(f"{player}: {loss}" for player, loss in self.losses.items())
        return f"<Game {losses}>"

    def field(self) -> Matrix:
        """The direction of simultaneous gradient descent: minus each player's own gradient."""
        return Matrix([-loss.diff(player) for player, loss in self.losses.items()])

    def jacobian(self, at: Any = None) -> Matrix:
        """The Jacobian of the field; at a point, which must then be stationary.

        `at` maps players to values, or is a sequence in their order. Raises `NotStationaryError`.
        """
        field = self.field()
        if at is None:
            return field.jacobian(self.players)
        point = self._point(at)
        at_point = field.subs(point).applyfunc(simplified)
        if any(component != 0 for component in at_point):
            raise NotStationaryError(
                f"the field at {point} is {list(at_point)}, not zero: the eigenvalues of its "
                "Jacobian say nothing about convergence there. Give an equilibrium"
            )
        for kink in field.atoms(sympy.sign, sympy.Heaviside):
            if kink.args[0].subs(point) == 0:
                raise NotStationaryError(
                    f"the field jumps at {point}: it holds {kink}, so there is no Jacobian, and "
                    "the point is an equilibrium only by the convention for the kink's slope"
                )
        return field.jacobian(self.players).subs(point).applyfunc(simplified)

    def eigenvalues(self, at: Any) -> list[Expr]:
        """Eigenvalues of the Jacobian at an equilibrium, each as often as its multiplicity.

        In continuous time the equilibrium attracts if all real parts are negative; imaginary parts
        are rotation. Formulas for one or two players, and for more where they are short or hold
        symbols; numbers to 15 digits beyond. Raises `NotStationaryError`, and `ValueError` where
        there are symbols and no formulas are found in time.
        """
        return _eigenvalues(self.jacobian(at))

    def parts(self, at: Any = None) -> tuple[Matrix, Matrix]:
        """The Jacobian of the field as a sum: its symmetric part and its antisymmetric part.

        The first is the part that is the gradient of a potential: it attracts or repels. The second
        turns and changes no distance (Balduzzi et al. 2018). `at` as for `jacobian`.
        """
        jacobian = self.jacobian(at)
        return (jacobian + jacobian.T) / 2, (jacobian - jacobian.T) / 2

    def consensus(self, weight: Any) -> "Game":
        """The game in which every player also pays `weight` times half the squared norm of the
        field, so that all agree to slow down (Mescheder, Nowozin and Geiger 2017).

        Raises `Refused` for a negative weight.
        """
        field = self.field()
        cost = require_weight("consensus", weight) * field.dot(field) / 2
        return Game({player: loss + cost for player, loss in self.losses.items()}, self.clip)

    def update(self, method: str, step: Any, **options: Any) -> "UpdateMap":
        """One step of a training method as a map, derived from the losses; `step` may be a symbol.

        Methods and their options:

        - "simultaneous": every player descends its loss at the old point.
        - "alternating": one after the other, each seeing the moves before its own;
          `repeats={player: n}` lets a player move n times in its turn.
        - "extragradient": descend along the field at the point that a plain step would reach
          (Korpelevich 1976).
        - "optimistic": descend along twice the field less the previous one (Popov 1980; Daskalakis
          et al. 2018). The map acts on pairs of points.
        - "consensus": simultaneous, in the game `consensus(weight)`.
        - "momentum": heavy ball, simultaneous, with `momentum` of either sign. The map acts on
          pairs of points.

        Raises `UnknownNameError` for another name and `TypeError` for an option it does not take.
        """
        if method not in _METHODS:
            raise UnknownNameError(
                f"unknown method {method!r}; it must be one of {', '.join(_METHODS)}"
            )
        return _METHODS[method](self, given(step, "a step"), **options)

    def simulate(
        self, method: str, start: Any, step: float, steps: int, **options: Any
    ) -> "np.ndarray":
        """Trajectories of a method, shape (steps + 1, n, players), from `start`, shape (n, players)
        or (players,).

        All n starting points move together. Raises `Refused` for a shape that does not fit, and
        for losses with parameters that have no value.
        """
        return self.update(method, step, **options).iterate(start, steps)

    def _clipped(self, player: Symbol, value: Expr) -> Expr:
        """Where a move to `value` ends."""
        limit = self.clip.get(player)
        return value if limit is None else sympy.Max(-limit, sympy.Min(limit, value))

    def _point(self, at: Any) -> dict:
        if not isinstance(at, Mapping):
            at = dict(zip(self.players, at, strict=True))
        if set(at) != set(self.players):
            raise Refused(f"a point gives a value to each of {self.players}, not to {set(at)}")
        return dict(at)


@dataclass(frozen=True)
class UpdateMap:
    """A training method as a map of its state to its next state.

    `state` holds the players, followed by what the method remembers (the previous point of
    "optimistic" and "momentum"); `image` is the next state, an expression in it.
    """

    game: Game
    method: str
    state: tuple[Symbol, ...]
    image: Matrix

    def jacobian(self, at: Any) -> Matrix:
        """The Jacobian of the map at an equilibrium. Raises `NotStationaryError`."""
        point = self.game._point(at)
        self.game.jacobian(point)  # refuses what is not an equilibrium
        players = self.game.players
        point |= {
            memory: point[players[i % len(players)]]
            for i, memory in enumerate(self.state[len(players) :])
        }
        return self.image.jacobian(self.state).subs(point).applyfunc(simplified)

    def eigenvalues(self, at: Any) -> list[Expr]:
        """Eigenvalues of the map's Jacobian at an equilibrium."""
        return _eigenvalues(self.jacobian(at))

    def spectral_radius(self, at: Any) -> Expr:
        """The largest modulus of an eigenvalue: the factor by which a small error changes a step.

        Below 1 the method converges near the equilibrium, above 1 it leaves it.
        """
        values = self.eigenvalues(at)
        if all(value.is_number for value in values):
            return sympy.Abs(max(values, key=lambda v: abs(sympy.N(v))), evaluate=False)
        if len(self.state) > 2:  # roots of cubics and quartics: true, and beyond simplifying
            plain = sympy.Max(*(sympy.Abs(v, evaluate=False) for v in values), evaluate=False)
            return attempt(
                lambda: sympy.Max(*map(sympy.Abs, values)), seconds=_SECONDS, default=plain
            )
        return simplified(sympy.Max(*(simplified(sympy.Abs(v)) for v in set(values))))

    def iterate(self, start: Any, steps: int) -> "np.ndarray":
        """Follow the map from `start`; see `Game.simulate`."""
        import numpy as np

        players = len(self.game.players)
        start = np.asarray(start, dtype=np.float64)
        if start.shape[-1:] != (players,) or start.ndim > 2:
            raise Refused(
                f"start must have shape (n, {players}) or ({players},), not {start.shape}"
            )
        if not (isinstance(steps, int) and steps > 0):
            raise Refused(f"steps must be a positive integer, not {steps!r}")
        free = self.image.free_symbols - set(self.state)
        if free:
            raise Refused(f"give {', '.join(sorted(map(str, free)))} a value before simulating")
        names = [{"softplus": lambda t: np.logaddexp(0, t)}, "numpy"]
        image = self.image.replace(sympy.DiracDelta, lambda *_: sympy.S.Zero)  # a jump's slope
        image = sympy.lambdify(self.state, list(image), names, cse=True)
        state = [*np.atleast_2d(start).T.copy()] * (len(self.state) // players)
        path = np.empty((steps + 1, players, state[0].size))
        path[0] = state[:players]
        for k in range(1, steps + 1):
            state = image(*state)
            path[k] = state[:players]
        return path.transpose(0, 2, 1)


# The methods, each derived from the field ------------------------------------------------------


def _simultaneous(game: Game, step: Expr) -> UpdateMap:
    return UpdateMap(game, "simultaneous", game.players, _descend(game, step))


def _descend(
    game: Game, step: Expr, along: Matrix | None = None, drift: Matrix | None = None
) -> Matrix:
    """A step from the present point along the field, or another direction, plus a drift."""
    move = step * (game.field() if along is None else along)
    goal = Matrix(game.players) + move + (sympy.zeros(*move.shape) if drift is None else drift)
    return Matrix([game._clipped(*pair) for pair in zip(game.players, goal, strict=True)])


def _alternating(game: Game, step: Expr, repeats: Mapping[Symbol, int] | None = None) -> UpdateMap:
    repeats = repeats or {}
    strangers = set(repeats) - set(game.players)
    if strangers or any(not (isinstance(n, int) and n > 0) for n in repeats.values()):
        raise Refused(f"repeats maps players to positive integers, not {repeats}")
    now = {player: player for player in game.players}
    for player, loss in game.losses.items():
        slope = loss.diff(player)
        for _ in range(repeats.get(player, 1)):
            move = -step * slope.subs(now, simultaneous=True)
            now[player] = game._clipped(player, now[player] + move)
    return UpdateMap(game, "alternating", game.players, Matrix(list(now.values())))


def _extragradient(game: Game, step: Expr) -> UpdateMap:
    ahead = dict(zip(game.players, _descend(game, step), strict=True))
    field = game.field().subs(ahead, simultaneous=True)
    return UpdateMap(game, "extragradient", game.players, _descend(game, step, field))


def _memory(game: Game) -> tuple[Dummy, ...]:
    return tuple(Dummy(f"{player.name}_before", real=True) for player in game.players)


def _optimistic(game: Game, step: Expr) -> UpdateMap:
    before = _memory(game)
    past = game.field().subs(dict(zip(game.players, before, strict=True)), simultaneous=True)
    image = _descend(game, step, 2 * game.field() - past)
    return UpdateMap(
        game, "optimistic", game.players + before, image.col_join(Matrix(game.players))
    )


def _consensus(game: Game, step: Expr, weight: Expr) -> UpdateMap:
    return UpdateMap(game, "consensus", game.players, _descend(game.consensus(weight), step))


def _momentum(game: Game, step: Expr, momentum: Expr) -> UpdateMap:
    before = _memory(game)
    image = _descend(game, step, drift=momentum * (Matrix(game.players) - Matrix(before)))
    return UpdateMap(game, "momentum", game.players + before, image.col_join(Matrix(game.players)))


_METHODS = {
    "simultaneous": _simultaneous,
    "alternating": _alternating,
    "extragradient": _extragradient,
    "optimistic": _optimistic,
    "consensus": _consensus,
    "momentum": _momentum,
}


def _eigenvalues(matrix: Matrix) -> list[Expr]:
    """Eigenvalues as formulas where the matrix has two rows or symbols, and where factors of degree
    two give them; otherwise as numbers to 15 digits."""
    if matrix.rows > 2 and not matrix.free_symbols and not _has_short_formulas(matrix):
        with mpmath.workdps(60):
            values, _ = mpmath.eig(mpmath.matrix(matrix.evalf(60).tolist()))
            return [sympy.N(sympy.sympify(mpmath.chop(v, 1e-20)), 15) for v in values]
    found = attempt(_formulas, matrix, seconds=_SECONDS)
    if found is None:
        raise Refused(
            f"no formulas of the {matrix.rows} eigenvalues were found within {_SECONDS:g} s; give "
            f"{', '.join(sorted(map(str, matrix.free_symbols)))} values for numbers"
        )
    return found


def _formulas(matrix: Matrix) -> list[Expr]:
    tidy = simplified if matrix.rows <= 2 else sympy.radsimp
    return [tidy(value) for value, times in matrix.eigenvals().items() for _ in range(times)]


def _has_short_formulas(matrix: Matrix) -> bool:
    if not all(entry.is_Rational for entry in matrix):
        return False
    _, factors = sympy.factor_list(matrix.charpoly().as_expr())
    return all(sympy.degree(factor) <= 2 for factor, _ in factors)
