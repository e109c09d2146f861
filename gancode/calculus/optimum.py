"""The critic that minimises its loss at every density ratio, and what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy
from sympy import AccumBounds, Function, Interval, Piecewise, S, Symbol, log, oo

from ..errors import Refused
from . import advice
from .convex import Branch, NotConvexError, convexity, is_smooth, minimisers
from .deadline import attempt
from .implicit import Implicit, implicit
from .proof import prove
from .symbols import a, b, r, sigmoid

_SECONDS = 2.5  # for the closed form of a critic
T = Symbol("t", real=True)  # the critic's value at one point, the same for both terms


class ObjectiveError(Refused):
    """Something could not be derived from the objective; the message says what and why."""


@dataclass(frozen=True)
class Optimum:
    """The minimisers t of r·`real` + `generated` for every r > 0, two convex functions of the
    critic's value `rising`: of t, or of an increasing function of it.

    `branches` are in the order of r. `convexity` says how it is known: "proved" or "checked".
    """

    real: sympy.Expr
    generated: sympy.Expr
    branches: tuple[Branch, ...]
    convexity: str
    rising: sympy.Expr = T

    @property
    def numerical(self) -> list[Branch]:
        """Those branches that have no formula."""
        return [b for b in self.branches if isinstance(b.value, Implicit)]

    def critic(self) -> sympy.Expr:
        """The critic's value at the minimiser, an expression in r; an `AccumBounds` where a whole
        interval minimises."""
        return _cases([(self.rising.subs(T, b.value), b.where) for b in self.branches])

    def value(self) -> sympy.Expr:
        """Minus the least loss, an expression in r."""
        loss = r * self.real + self.generated
        smooth = [(b, b.piece.expr if b.piece else loss) for b in self._unique]
        return _cases([(-expr.subs(T, b.value), b.where) for b, expr in smooth])

    def at_critic(self, function: sympy.Expr) -> sympy.Expr:
        """`function`, an expression in t, at the minimiser wherever there is only one."""
        return _cases([(function.subs(T, b.value), b.where) for b in self._unique])

    @property
    def _unique(self) -> list[Branch]:
        return [b for b in self.branches if not isinstance(b.value, AccumBounds)]

    def limit(self, function: sympy.Expr, at: sympy.Expr = S.Zero) -> sympy.Expr | None:
        """The limit of `function`, an expression in t, as r goes to 0 or to infinity (`at`); None
        where it is not known."""
        value = self.branches[0 if at == 0 else -1].value
        if isinstance(value, Implicit):
            return _limit_at(function, value.func, at)
        return advice.limit(function.subs(T, value), r, at)


def optimum(real: sympy.Expr, generated: sympy.Expr, domain: sympy.Set = S.Reals) -> Optimum:
    """The optimum of the critic's loss r·`real` + `generated`, expressions in t, on `domain`.

    Raises `ObjectiveError` where the two are not convex, or where there is no minimiser for some r,
    or more than one for all r.
    """
    low, high = domain.inf, domain.sup
    try:
        known = {convexity(part, T, low, high) for part in (real, generated)}
        proved = known == {"proved"}
        closed = (not domain.left_open, not domain.right_open)
        seconds = _SECONDS if proved else 0  # of what is only checked no formula is claimed
        found = minimisers(
            real, generated, T, r, low, high, closed=closed, name="t", seconds=seconds
        )
    except NotConvexError as error:
        where = "for all real t" if domain == S.Reals else f"for t in {interval_text(domain)}"
        raise ObjectiveError(
            "no optimal critic was derived: the critic's loss on real and that on generated "
            f"samples must be convex functions of its value t, {where}. {error}"
            + (f". {meant}" if domain == S.Reals and (meant := way_out(real, generated)) else "")
        ) from None
    except (NotImplementedError, ArithmeticError, TypeError, ValueError) as error:
        raise ObjectiveError(f"the optimal critic was not derived: {error}") from error
    _require_one_for_each_ratio(found)
    found.sort(key=lambda branch: (branch.where.inf, branch.where.sup))
    return Optimum(real, generated, tuple(found), "proved" if proved else "checked")


def optimum_of_logits(
    real: sympy.Expr, generated: sympy.Expr, rising: sympy.Expr
) -> Optimum | None:
    """The optimum at the logit t = log r, where that is proved to be the only one: `real` and
    `generated` are expressions in t, convex in `rising`. None where that is not proved.

    The slope of a loss in the critic's value is that in t over that of `rising`.
    """
    if not all(is_smooth(part, T) for part in (real, generated, rising)):
        return None
    rise = rising.diff(T).subs(T, log(r))
    claims = [(rise, 0, ">=")]
    slopes = []
    for loss, relation in ((real, ">="), (generated, ">")):
        slope = loss.diff(T).subs(T, log(r)) / rise
        slopes.append(advice.simplified(slope))
        claims += [(slope, slopes[-1]), (slopes[-1].diff(r), 0, relation)]
    claims.append((r * slopes[0] + slopes[1], 0))
    if any(prove(*claim).status != "proved" for claim in claims):
        return None
    branch = Branch(log(r), Interval.open(0, oo))
    return Optimum(real, generated, (branch,), "proved", rising)


def _require_one_for_each_ratio(found: Sequence[Branch]) -> None:
    for branch in found:
        if isinstance(branch.value, AccumBounds) and not isinstance(branch.where, sympy.FiniteSet):
            flat = interval_text(Interval(branch.value.min, branch.value.max))
            raise ObjectiveError(
                f"the critic's loss is flat: for all densities every t in {flat} is optimal, so "
                "the optimal critic is not unique and tells real from generated nowhere"
            )
    missing = Interval.open(0, oo) - sympy.Union(*(branch.where for branch in found))
    if missing is not S.EmptySet:
        parts = missing.args if isinstance(missing, sympy.Union) else [missing]
        raise ObjectiveError(
            "there is no optimal critic: for density ratios r = p/q in "
            f"{' and '.join(map(interval_text, parts))} its value has no maximum: it has no bound, "
            "or is only approached. Constrain the critic: -a + b with a critic that is 1-Lipschitz "
            "gives the Wasserstein distance"
        )


def _cases(pairs: Sequence[tuple[sympy.Expr, sympy.Set]]) -> sympy.Expr:
    """Expressions and the sets of r where each holds, as one expression: cases in order of r."""
    points = sympy.Union(*(where for _, where in pairs if isinstance(where, sympy.FiniteSet)))
    if len(pairs) == 1:
        return pairs[0][0]
    cases = [
        (value, where if isinstance(where, sympy.FiniteSet) else where - points)
        for value, where in pairs
    ]
    cases.sort(key=lambda case: (case[1].inf, case[1].sup))
    branches = [(value, where.as_relational(r)) for value, where in cases]
    return Piecewise(*branches[:-1], (branches[-1][0], True))


def _limit_at(function: sympy.Expr, critic: type[Implicit], at: sympy.Expr) -> sympy.Expr | None:
    """The limit of `function`, an expression in t, at t = critic(r): there t goes to the least
    point of the one loss that is left, at r = 0 that on generated samples."""
    slope, other = (critic.second, critic.first) if at == 0 else (critic.first, critic.second)
    ends = [
        advice.limit(slope, critic.x, end, side)
        for end, side in ((critic.low, "+"), (critic.high, "-"))
    ]
    if None in ends:
        return None
    if ends[0] < 0 < ends[1]:
        alone = implicit(critic.__name__, other, slope, critic.x, critic.low, critic.high)
        return function.subs(T, alone(S.Zero))
    return advice.limit(function, T, *((critic.low, "+") if ends[0] >= 0 else (critic.high, "-")))


def interval_text(interval: sympy.Interval) -> str:
    left = "[" if interval.inf.is_finite and not interval.left_open else "("
    right = "]" if interval.sup.is_finite and not interval.right_open else ")"
    return f"{left}{interval.inf}, {interval.sup}{right}".replace("oo", "∞")


# What may have been meant ----------------------------------------------------------------------


def looks_like_a_value(real: sympy.Expr, generated: sympy.Expr) -> bool:
    """Whether two terms in t, not both convex, are proved to be concave: then they are what a
    critic maximises, not its loss."""
    return not _convex(real, generated) and _convex(-real, -generated)


def way_out(real: sympy.Expr, generated: sympy.Expr) -> str:
    """What may have been meant by two terms in t that are not convex, as a sentence; or nothing."""
    loss = real.subs(T, a) + generated.subs(T, b)
    if _convex(-real, -generated):
        return f"This looks like a value, which is maximised; the loss is its negative, {-loss}"
    chance = Function("sigmoid")
    named = loss.subs({a: chance(a), b: chance(b)})
    probable = [part.subs(T, sigmoid(T)) for part in (real, generated)]
    if _convex(*probable):
        return f"If a and b are meant as probabilities D(x), write {named}, in logits"
    if _convex(*(-part for part in probable)):
        return (
            "This looks like a value, which is maximised, of probabilities D(x); the loss in "
            f"logits is {-named}"
        )
    odds = [part.subs(T, log(T / (1 - T))) for part in (real, generated)]
    if _convex(*map(advice.simplified, odds), domain=Interval.open(0, 1)):
        return (
            "In the probability D = sigmoid(t) they are convex: write them in D, with "
            "domain=Interval.open(0, 1) and activation=sigmoid(a)"
        )
    return ""


def _convex(*parts: sympy.Expr, domain: sympy.Set = S.Reals) -> bool:
    return all(
        attempt(convexity, part, T, domain.inf, domain.sup, seconds=1) == "proved" for part in parts
    )
