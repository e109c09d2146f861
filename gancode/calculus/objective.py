"""An adversarial objective, written once: two losses, and all that follows from them."""

import functools
from dataclasses import dataclass

import sympy
from sympy import AccumBounds, Dummy, Piecewise, S, Symbol, exp, log, oo
from sympy.core.relational import Relational

from .convex import NotConvexError, minimisers, require_convex
from .dirac import dirac_gan
from .divergence import Divergence, divergences
from .game import Game
from .kinks import KINKED
from .latex import words
from .proof import prove
from .symbols import a, b, p, q, r

_T = Symbol("t", real=True)  # the critic's value at one point, the same for both terms


class ObjectiveError(ValueError):
    """Something could not be derived from the objective; the message says what and why."""


class Objective:
    """A critic's loss and a generator's loss, both to be minimised.

    `critic` is a SymPy expression in `a` and `b`, the critic's values (logits) on a real and on a
    generated sample. The value that the critic maximises is minus its loss, averaged over the data
    and the generator.

    Most losses are L_real(a) + L_generated(b), with a `generator` in `b`; `real_loss` and
    `generated_loss` are the two terms. A loss that mixes `a` and `b` is `paired`: it is averaged
    over pairs of a real and a generated sample, and the generator's loss may hold both as well
    (Jolicoeur-Martineau 2019). Of such an objective there is no theory point by point, since every
    critic's value meets every other.

    Raises `ObjectiveError` for expressions with other symbols.
    """

    def __init__(self, critic, generator, name: str = "", source: str = ""):
        if isinstance(critic, str) or isinstance(generator, str):
            raise ObjectiveError("losses are SymPy expressions; read text with parse(text)")
        self.critic, self.generator = map(sympy.sympify, (critic, generator))
        self.name, self.source = name, source
        self._check_symbols("critic", self.critic, {a, b})
        if not {a, b} <= self.critic.free_symbols:
            raise ObjectiveError(
                f"the critic's loss must depend on both a (its value on a real sample) and b (on a "
                f"generated one); {self.critic} does not"
            )
        constant, rest = sympy.expand(self.critic).as_independent(a, b, as_Add=True)
        generated, real = rest.as_independent(a, as_Add=True)
        self.paired = real.has(b)
        self._check_symbols("generator", self.generator, {a, b} if self.paired else {b})
        if b not in self.generator.free_symbols:
            raise ObjectiveError(
                f"the generator's loss must depend on b, the critic's value on a generated sample; "
                f"{self.generator} does not"
            )
        if not self.paired:
            self.real_loss, self.generated_loss = real, generated + constant
            self._real, self._generated = real.subs(a, _T), self.generated_loss.subs(b, _T)
        self._solution = None

    @classmethod
    def zero_sum(cls, critic, name: str = "", source: str = "") -> "Objective":
        """The game in which the generator loses what the critic wins: it minimises -L_generated."""
        separable = cls(critic, b)
        if separable.paired:
            return cls(critic, -separable.critic, name, source)
        return cls(critic, -separable.generated_loss, name, source)

    @staticmethod
    def _check_symbols(which, expr, allowed):
        foreign = expr.free_symbols - allowed
        if foreign:
            raise ObjectiveError(
                f"the {which}'s loss {expr} contains {', '.join(sorted(map(str, foreign)))}; the "
                f"symbols allowed are {' and '.join(sorted(map(str, allowed)))} "
                "from gancode.calculus (real: Symbol('a') without assumptions is another symbol)"
            )

    def __repr__(self) -> str:
        name = f"{self.name}: " if self.name else ""
        return f"<Objective {name}critic {self.critic}, generator {self.generator}>"

    # What follows from the critic's loss ------------------------------------------------------

    def _minimisers(self) -> list:
        """Pairs (critic's value, set of r): the minimisers of r·L_real(t) + L_generated(t)."""
        if self._solution is not None:
            return self._solution
        if self.paired:
            raise ObjectiveError(
                f"the critic's loss {self.critic} mixes a and b: at its optimum the critic's value "
                "at one point depends on those at all others, so nothing follows from p and q at "
                "that point alone"
            )
        try:
            require_convex(self._real, _T)
            require_convex(self._generated, _T)
            found = minimisers(self._real, self._generated, _T, r)
        except NotConvexError as error:
            raise ObjectiveError(
                "no optimal critic was derived: the critic's loss on real and that on generated "
                f"samples must be convex functions of its value t, for all real t. {error}"
            ) from None
        except (NotImplementedError, ArithmeticError, TypeError, ValueError) as error:
            raise ObjectiveError(f"the optimal critic was not derived: {error}") from error
        covered = sympy.Union(*(where for _, where in found)) if found else S.EmptySet
        missing = sympy.Interval.open(0, oo) - covered
        if missing is not S.EmptySet:
            raise ObjectiveError(
                "there is no optimal critic: for density ratios r = p/q in "
                f"{_set_text(missing)} its value has no maximum: it has no bound, or is only "
                "approached. Constrain the critic: -a + b with a critic that is 1-Lipschitz gives "
                "the Wasserstein distance"
            )
        for value, where in found:
            if not isinstance(value, AccumBounds) and value.has(r):
                self._prove_second_order(value, where)
        self._solution = found
        return found

    def _single_valued(self) -> list:
        """The minimisers without those single ratios at which a whole interval is optimal."""
        return [pair for pair in self._minimisers() if not isinstance(pair[0], AccumBounds)]

    def _prove_second_order(self, value, where):
        """The second derivative at the critic is positive, so the minimiser of the convex loss is
        the only one. Kinks need no such proof: there the slope changes sign."""
        loss = (r * self._real + self._generated).rewrite(log)
        if loss.has(*KINKED):
            return
        curvature = loss.diff(_T, 2).subs(_T, value)
        if not prove(curvature, 0, ">", where.as_relational(r)):
            raise ObjectiveError(
                f"the critic's loss is flat at its minimum t = {value}: more than one is optimal"
            )

    def optimal_critic(self) -> sympy.Expr:
        """The critic's value t that minimises its loss where the densities are `p` and `q`.

        Unique: the loss is proved convex, with positive curvature at the minimum. Where a whole
        interval is optimal for one ratio p/q (hinge, at p = q), the answer is a `Piecewise` that
        holds the interval as `AccumBounds`.

        A paired loss ℓ(a − b) does not see a constant added to t, so its critic is one of many. It
        is t = log(p/q)/k where ℓ′(d) = e^(−k·d)·ℓ′(−d), as for the logistic loss with k = 1: then
        the first-order condition holds pair by pair. Raises `ObjectiveError` where there is none.
        """
        if self.paired:
            return self._critic_on_pairs()
        return self._in_densities(self._critic_in_ratio())

    def _critic_on_pairs(self):
        gap = Dummy("d", real=True)
        loss = self.critic.subs(a, b + gap).rewrite(log)
        slope = loss.diff(gap)
        if prove(loss.diff(b), 0).status == "proved" and prove(loss.diff(gap, 2), 0, ">="):
            odds = sympy.simplify(sympy.expand_log(log(simplified(slope / slope.subs(gap, -gap)))))
            rate = sympy.simplify(-odds.diff(gap))
            if rate.is_positive and prove(slope, exp(-rate * gap) * slope.subs(gap, -gap)):
                return log(p / q) / rate
        return self._in_densities(self._critic_in_ratio())  # says why there is none

    def _critic_in_ratio(self):
        return _cases(self._minimisers())

    @staticmethod
    def _in_densities(expr):
        if isinstance(expr, Piecewise):
            return Piecewise(
                *((value.subs(r, p / q), _without_fraction(c)) for value, c in expr.args)
            )
        expr = expr.subs(r, p / q)
        return min(expr, simplified(expr, 60), key=sympy.count_ops)

    def value(self) -> sympy.Expr:
        """The critic's value at its optimum, per unit of q, as a function of `r`: convex."""
        minimisers = self._single_valued()
        loss = r * self._real + self._generated
        cases = [(-loss.subs(_T, value).rewrite(log), where) for value, where in minimisers]
        return simplified(_cases(cases), 60)

    def divergence(self) -> Divergence:
        """What the generator would minimise against an optimal critic: scale · D_f(p‖q) + offset.

        A known divergence is recognised up to c·(r − 1), which integrates to zero, and the equality
        is proved; otherwise f is the value itself, shifted so that f(1) = f′(1) = 0.
        """
        value = self.value()
        offset = simplified(value.subs(r, 1))
        for name in divergences:
            match = self._match(value - offset, divergences[name].f)
            if match is not None:
                return divergences[name].scaled(match, offset)
        slope = simplified(value.diff(r).subs(r, 1))
        f = simplified(value - offset - slope * (r - 1), 60)
        return Divergence.of_value(f, offset)

    @staticmethod
    def _match(value, f):
        """s > 0 with value = s·f + c·(r − 1) for some c, proved; or None."""
        scale, slope = sympy.symbols("s c")
        equations = [
            (value - scale * f - slope * (r - 1)).subs(r, x) for x in (2, sympy.Rational(1, 2))
        ]
        solution = sympy.linsolve(equations, scale, slope)
        if len(solution) != 1:
            return None
        s, c = map(sympy.simplify, next(iter(solution)))
        if s.free_symbols or not s.is_positive:
            return None
        return s if prove(value, s * f + c * (r - 1)).status == "proved" else None

    # What follows from the generator's loss ---------------------------------------------------

    def generator_weight(self) -> sympy.Expr:
        """How hard a generated sample pulls on the generator, as a function of r = p/q.

        The generator's gradient is −E[w(r(x)) ∇ₓt(x)ᵀ ∂G/∂θ] with w = −L_G′(t), here taken at the
        optimal critic. Raises `ObjectiveError` where the weight depends on a critic that does not
        exist.
        """
        slope = -sympy.diff(self.generator.rewrite(log), b)
        if not slope.has(a, b):
            return slope
        return _cases(
            [(simplified(slope.subs(b, value)), where) for value, where in self._single_valued()]
        )

    def saturates(self) -> bool:
        """Whether samples that the critic is sure to be generated (r → 0) stop pulling."""
        weight = self.generator_weight()
        if isinstance(weight, Piecewise):
            weight = weight.args[0][0]  # the cases are in the order of r
        return bool(sympy.limit(weight, r, 0, "+") == 0)

    def dirac(self, penalty=None) -> Game:
        """The Dirac-GAN under this objective: the game of `theta`, where the generated samples are,
        and `psi`, the slope of the critic t(x) = ψ·x; all data are at 0.

        `penalty` maps names to weights, or is one name, whose weight is then the symbol `gamma`:

        - "r1", "r2": weight/2 times the squared gradient at the data, at the generated samples;
        - "wgan-gp": weight · (‖∇ₓt‖ − 1)² between them;
        - "consensus": `Game.consensus`;
        - "instance-noise": data and generated samples move by ± the weight with probability ½.
          Near the equilibrium all noise of this variance acts alike;
        - "clipping": the critic is put back into [−weight, weight] after each move.

        Mescheder, Geiger and Nowozin (2018), section 3. Raises `UnknownNameError` for another name
        and `ValueError` for a negative weight.
        """
        return dirac_gan(self, penalty)

    def torch(self):
        """`(critic_loss, generator_loss)`: torch functions of logits; see `gancode.losses`."""
        from ..losses import compile_objective

        return compile_objective(self)

    def report(self) -> "Card":
        """The theory card: all of the above, with reasons where something does not exist."""
        rows = [("critic minimises", self.critic), ("generator minimises", self.generator)]
        reasons = set()
        divergence = functools.cache(self.divergence)
        for label, derive in (
            ("optimal critic", self.optimal_critic),
            ("value at the optimum", divergence),
            ("with f(r)", lambda: divergence().f),
            ("weight of a sample", self.generator_weight),
            ("saturates as r → 0", self.saturates),
            ("Dirac-GAN's eigenvalues", lambda: self.dirac().eigenvalues((0, 0))),
        ):
            try:
                rows.append((label, derive()))
            except (ObjectiveError, NotConvexError) as error:
                reason = str(error)
                rows.append((label, "none, for the same reason" if reason in reasons else reason))
                reasons.add(reason)
        return Card(self.name or "objective", self.source, rows)


def _cases(pairs) -> sympy.Expr:
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


def _without_fraction(condition):
    """A condition on r as one on p and q: r < 2 becomes p < 2·q."""
    return condition.replace(
        lambda e: isinstance(e, Relational),
        lambda e: e.func(*(sympy.expand(side.subs(r, p / q) * q) for side in e.args)),
    )


def _set_text(region) -> str:
    parts = region.args if isinstance(region, sympy.Union) else [region]
    return " and ".join(f"({part.inf}, {part.sup})" for part in parts).replace("oo", "∞")


@dataclass(frozen=True)
class Card:
    """The theory of one objective as rows of a label and an expression, a sentence or a flag."""

    name: str
    source: str
    rows: list

    def __str__(self) -> str:
        width = max(len(label) for label, _ in self.rows)
        lines = [self.name + (f"  ({self.source})" if self.source else "")]
        lines += [f"  {label:<{width}}  {_plain(value)}" for label, value in self.rows]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        rows = [rf"{words(self.name)} & {words(self.source)}"]
        rows += [rf"{words(label)} & {_latex(value)}" for label, value in self.rows]
        body = " \\\\[4pt]\n".join(rows)
        return "$$\n\\begin{array}{ll}\n" + body + "\n\\end{array}\n$$"


def _plain(value) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _latex(value) -> str:
    if isinstance(value, (bool, str)):
        return words(_plain(value))
    if isinstance(value, list):
        return r",\ ".join(map(sympy.latex, value))
    return value._latex() if isinstance(value, Divergence) else sympy.latex(value)


def simplified(expr, limit=400):
    return sympy.simplify(expr) if expr.count_ops() <= limit else expr
