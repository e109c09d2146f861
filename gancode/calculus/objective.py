"""An adversarial objective, written once: two losses, and all that follows from them."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import sympy
from sympy import Add, Dummy, Float, Interval, Lambda, Piecewise, Rational, S, Symbol, exp, log, oo
from sympy.core.relational import Relational
from sympy.functions.elementary.hyperbolic import HyperbolicFunction
from sympy.logic.boolalg import Boolean

from ..errors import Refused
from . import advice, readings
from .card import Card
from .deadline import OutOfTime, attempt, within
from .digits import in_digits
from .dirac import dirac_gan
from .divergence import Divergence, divergences
from .game import Game
from .given import given, given_loss
from .implicit import Implicit, inverted
from .optimum import (
    ObjectiveError,
    Optimum,
    T,
    interval_text,
    looks_like_a_value,
    optimum,
    optimum_of_logits,
    way_out,
)
from .proof import prove
from .recognition import recognised
from .symbols import a, b, p, q, r

__all__ = ["Card", "Objective", "ObjectiveError"]

_SECONDS = 4.5  # for a card


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

    A critic whose values are confined has a `domain`, a `sympy.Interval`, and an `activation` that
    takes the network's output there: an increasing or decreasing expression in one symbol, or a
    function. The losses are losses of what the activation returns; by itself, it makes its image
    the domain. `outputs` are the same two losses as functions of the network's outputs, where a
    simpler form of them is known; that it is the same is proved.

    Raises `ObjectiveError` for expressions with other symbols, and for a domain, an activation or
    `outputs` that are none.
    """

    def __init__(
        self,
        critic: Any,
        generator: Any,
        name: str = "",
        source: str = "",
        domain: Any = None,
        activation: Any = None,
        outputs: Any = None,
    ) -> None:
        if isinstance(critic, str) or isinstance(generator, str):
            raise ObjectiveError("losses are SymPy expressions; read text with parse(text)")
        self.critic = given_loss(critic, "the critic's loss")
        self.generator = given_loss(generator, "the generator's loss")
        self.name, self.source = name, source
        self._check_symbols("critic", self.critic, {a, b})
        if not {a, b} <= self.critic.free_symbols:
            raise ObjectiveError(
                f"the critic's loss must depend on both a (its value on a real sample) and b (on a "
                f"generated one); {self.critic} does not"
            )
        real, generated, mixed = _separated(self.critic)
        self.paired = mixed != 0
        self._check_symbols("generator", self.generator, {a, b} if self.paired else {b})
        if b not in self.generator.free_symbols:
            raise ObjectiveError(
                f"the generator's loss must depend on b, the critic's value on a generated sample; "
                f"{self.generator} does not"
            )
        if not self.paired:
            self.real_loss, self.generated_loss = real, generated
        self.activation = None if activation is None else _as_function(activation)
        self.domain, self._covered = _domain(domain, self.activation)
        self.outputs = self._on_outputs(outputs)

    @classmethod
    def zero_sum(cls, critic: Any, name: str = "", source: str = "") -> "Objective":
        """The game in which the generator loses what the critic wins: it minimises -L_generated."""
        separable = cls(critic, b)
        if separable.paired:
            return cls(critic, -separable.critic, name, source)
        return cls(critic, -separable.generated_loss, name, source)

    @staticmethod
    def _check_symbols(which: str, expr: sympy.Expr, allowed: set[Symbol]) -> None:
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

    def __getstate__(self) -> dict:
        return {key: value for key, value in self.__dict__.items() if key != "_outcome"}

    # What follows from the critic's loss ------------------------------------------------------

    def _optimum(self) -> Optimum:
        if self.paired:
            raise ObjectiveError(
                f"the critic's loss {self.critic} mixes a and b: at its optimum the critic's value "
                "at one point depends on those at all others, so nothing follows from p and q at "
                "that point alone"
            )
        found, reason = self._outcome
        if found is None:
            raise ObjectiveError(reason)
        return found

    @functools.cached_property
    def _outcome(self) -> tuple[Optimum | None, str]:
        """The optimum, or why there is none: both may take a while to find."""
        try:
            known = self._covered and optimum_of_logits(*self._on_logits(), self.activation(T))
            return known or optimum(*_at_one_point(self.critic), self.domain), ""
        except ObjectiveError as error:
            return None, str(error)

    def _on_logits(self) -> tuple[sympy.Expr, sympy.Expr]:
        """Both terms of the critic's loss as functions of an output, each with its own constant."""
        real, generated = _at_one_point(self.outputs[0])
        term, _ = _at_one_point(self.critic)
        constant = term.subs(T, self.activation(0)) - real.subs(T, 0)
        return real + constant, generated - constant

    def optimal_critic(self) -> sympy.Expr:
        """The critic's value t that minimises its loss where the densities are `p` and `q`.

        Unique: the loss is convex, and flat nowhere. Where a whole interval is optimal for one
        ratio p/q (hinge, at p = q), the answer is a `Piecewise` that holds the interval as
        `AccumBounds`. Where there is no closed form, it holds a function of p/q that is known by
        its inverse and can be evaluated to any number of digits (`Implicit`).

        A paired loss ℓ(a − b) does not see a constant added to t, so its critic is one of many. It
        is t = log(p/q)/k where ℓ′(d) = e^(−k·d)·ℓ′(−d), as for the logistic loss with k = 1: then
        the first-order condition holds pair by pair. Raises `ObjectiveError` where there is none.
        """
        if self.paired:
            return self._critic_on_pairs()
        return self._in_densities(self._optimum().critic())

    def _critic_on_pairs(self) -> sympy.Expr:
        gap = Dummy("d", real=True)
        loss = _exact(self.critic).subs(a, b + gap).rewrite(log)
        slope = loss.diff(gap)
        if prove(loss.diff(b), 0).status == "proved" and prove(loss.diff(gap, 2), 0, ">="):
            ratio = advice.simplified(slope / slope.subs(gap, -gap))
            odds = advice.simplified(sympy.expand_log(log(ratio)))
            rate = advice.simplified(-odds.diff(gap))
            if rate.is_positive and prove(slope, exp(-rate * gap) * slope.subs(gap, -gap)):
                return log(p / q) / rate
        return self._in_densities(self._optimum().critic())  # says why there is none

    @staticmethod
    def _in_densities(expr: sympy.Expr) -> sympy.Expr:
        if isinstance(expr, Piecewise):
            return Piecewise(
                *((value.subs(r, p / q), _without_fraction(c)) for value, c in expr.args)
            )
        expr = expr.subs(r, p / q)
        return expr if expr.has(Implicit) else min(expr, _short(expr), key=sympy.count_ops)

    def value(self) -> sympy.Expr:
        """The critic's value at its optimum, per unit of q, as a function of `r`: convex."""
        value = self._optimum().value()
        return value if value.has(Implicit) else _short(value.rewrite(log))

    def divergence(self) -> Divergence:
        """What the generator would minimise against an optimal critic: scale · D_f(p‖q) + offset.

        A known divergence is recognised up to c·(r − 1), which integrates to zero, and the equality
        is proved; otherwise f is the value itself, shifted so that f(1) = f′(1) = 0.
        """
        value = self.value()
        if value.has(Implicit):
            return self._numerical_divergence(value)
        offset = advice.simplified(value.subs(r, 1))
        known = attempt(recognised, value - offset, seconds=_SECONDS / 3)
        if known:
            name, scale = known
            return divergences[name].scaled(scale, offset)
        slope = advice.simplified(value.diff(r).subs(r, 1))
        return Divergence.of_value(_short(value - offset - slope * (r - 1)), offset)

    def _numerical_divergence(self, value: sympy.Expr) -> Divergence:
        """The value v without a closed form: its slope is −L_real at the critic, its limit at r = 0
        the largest value of −L_generated, and its slope at infinity the largest of −L_real."""
        found = self._optimum()
        offset = value.subs(r, 1)
        slope = found.at_critic(-found.real).subs(r, 1)
        limits = found.limit(-found.generated), found.limit(-found.real, oo)
        ends = None if None in limits else (limits[0] - offset + slope, limits[1] - slope)
        return Divergence.of_value(value - offset - slope * (r - 1), offset, ends)

    # What follows from the generator's loss ---------------------------------------------------

    def generator_weight(self) -> sympy.Expr:
        """How hard a generated sample pulls on the generator, as a function of r = p/q.

        The generator's gradient is −E[w(r(x)) ∇ₓt(x)ᵀ ∂G/∂θ] with w = −L_G′(t), here taken at the
        optimal critic. Raises `ObjectiveError` where the weight depends on a critic that does not
        exist.
        """
        slope = self._pull()
        if not slope.has(T):
            return slope
        weight = self._optimum().at_critic(slope)
        if weight.has(Implicit):
            return weight
        if isinstance(weight, Piecewise):
            return Piecewise(*((advice.simplified(part), when) for part, when in weight.args))
        return advice.simplified(weight)

    def _pull(self) -> sympy.Expr:
        """−L_G′ as a function of the t of the optimum, which may be an output of the network."""
        slope = -sympy.diff(_exact(self.generator).rewrite(log), b)
        if not slope.has(a, b):
            return slope
        rising = self._optimum().rising
        if rising == T:
            return slope.subs(b, T)
        return -_exact(self.outputs[1]).subs(b, T).diff(T) / rising.diff(T)

    def force(self) -> sympy.Expr:
        """Φ(r), with which a generated sample is pulled along ∇ₓ log r at the optimal critic.

        It is the weight times dt*/d log r: the critic's slope there is Φ·∇ₓ log r over the weight.
        Raises `ObjectiveError` where there is no optimal critic.
        """
        return readings.force(self._loss_at_critic())

    def held_still(self) -> Divergence:
        """What the generator descends while the optimal critic is held still, as one step of
        training holds it: the gradient of E_q[L_G(t*)] through the samples alone is that of this
        divergence, ∫ q·g(p/q) with g″(r) = Φ(r)/r².

        Raises `ObjectiveError` where there is no optimal critic, `NotConvexError` where the force Φ
        is negative somewhere, and `NoClosedFormError` where the critic jumps, or g has no closed
        form.
        """
        return readings.held_still(self._loss_at_critic())

    def played_out(self, on_real: sympy.Expr | float | None = None) -> Divergence:
        """What the generator minimises when the critic answers each of its moves with its optimum:
        E_q[L_G(t*)] as a function of q.

        `on_real`, an expression in `a`, is added as E_p[on_real(t*)]: the generator moves it too,
        by way of the critic. By default it is what makes a zero-sum game, -L_real, where the
        generator's loss is -L_generated, and 0 otherwise. In the first case both readings are the
        same where the critic is smooth, by the envelope theorem. Raises `ObjectiveError`,
        `NotConvexError` and `NoClosedFormError` as `held_still` does.
        """
        if on_real is None and not self.paired and self._is_zero_sum:
            return self.divergence()
        on_real = _exact(given(0 if on_real is None else on_real, "on_real"))
        self._check_symbols("generator", on_real, {a})
        on_real = self._optimum().at_critic(self._of_optimum(on_real, a))
        return readings.played_out(self._loss_at_critic(), on_real)

    @functools.cached_property
    def _is_zero_sum(self) -> bool:
        both = self.generator + self.generated_loss
        return prove(both.rewrite(log).diff(b), 0).status == "proved"

    def _loss_at_critic(self) -> sympy.Expr:
        """The generator's loss at a sample, at the optimal critic, as an expression in r."""
        optimum = self._optimum()
        return optimum.at_critic(self._of_optimum(self.generator, b, self.outputs[1]))

    def _of_optimum(
        self, loss: sympy.Expr, symbol: Symbol, on_outputs: sympy.Expr | None = None
    ) -> sympy.Expr:
        """A loss of the critic's value as one of the t of the optimum, which may be an output."""
        if self._optimum().rising == T:
            return _exact(loss).subs(symbol, T)
        if on_outputs is None:
            return _exact(loss).subs(symbol, self.activation(T))
        return _exact(on_outputs).subs(symbol, T)

    def saturates(self) -> bool:
        """Whether samples that the critic is sure to be generated (r → 0) stop pulling.

        Raises `ObjectiveError` where there is no optimal critic, and where the limit is not known.
        """
        slope = self._pull()
        if not slope.has(T):
            return slope == 0
        limit = self._optimum().limit(slope)
        if limit is None:
            raise ObjectiveError(f"the limit of the weight {slope} as r → 0 is not known")
        return bool(limit == 0 or limit.has(Implicit) and abs(sympy.N(limit)) < 1e-12)

    def dirac(self, penalty: str | Mapping | None = None) -> Game:
        """The Dirac-GAN under this objective: the game of `theta`, where the generated samples are,
        and `psi`, the slope of the critic t(x) = ψ·x; all data are at 0.

        `penalty` maps names to weights, or is one name, whose weight is then the symbol `gamma`:

        - "r1", "r2": weight/2 times the squared gradient at the data, at the generated samples;
        - "wgan-gp", "dragan": weight · (‖∇ₓt‖ − 1)² between them, around the data;
        - "wgan-lp": weight · max(0, ‖∇ₓt‖ − 1)² between them; and every other name of
          `gancode.calculus.norms.PENALTIES`;
        - "consensus": `Game.consensus`;
        - "instance-noise": data and generated samples move by ± the weight with probability ½.
          Near the equilibrium all noise of this variance acts alike;
        - "clipping": the critic is put back into [−weight, weight] after each move.

        An activation is applied to the line. Mescheder, Geiger and Nowozin (2018), section 3.
        Raises `UnknownNameError` for another name, `Refused` for a negative weight, and
        `ObjectiveError` where 0 is outside the critic's domain.
        """
        if self.activation is None and not self.domain.interior.contains(0):
            raise ObjectiveError(
                f"the Dirac-GAN's critic ψ·x is 0 at the data, outside of {self.domain}; give the "
                "objective an activation"
            )
        return dirac_gan(*self.outputs, penalty)

    def torch(self) -> tuple[Callable, Callable]:
        """`(critic_loss, generator_loss)`, functions of tensors of the network's outputs.

        `critic_loss(real, generated)` and `generator_loss(generated)` take tensors of any shape and
        float dtype, and return the mean loss, a scalar. Real and generated batches may differ in
        size. Of a paired objective both are functions of `(real, generated)`, of equal size: the
        k-th of one is paired with the k-th of the other. Values and slopes are as exact as the
        dtype allows (see `gancode.calculus.losses`). Raises `ObjectiveError` for a loss that is not
        defined for every output, or has a function with no torch counterpart.
        """
        from .losses import CompileError, compile

        critic, generator = self.outputs
        self._require_defined(critic, generator)
        try:
            if self.paired:
                critic, generator = (compile(loss, (a, b)) for loss in (critic, generator))
                return (
                    lambda real, generated: critic(real, generated).mean(),
                    lambda real, generated: generator(real, generated).mean(),
                )
            on_real, on_generated, _ = _separated(critic)
            on_real, on_generated = compile(on_real, [a]), compile(on_generated, [b])
            generator = compile(generator, [b])
        except CompileError as error:
            raise ObjectiveError(str(error)) from None
        return (
            lambda real, generated: on_real(real).mean() + on_generated(generated).mean(),
            lambda generated: generator(generated).mean(),
        )

    def torch_source(self) -> str:
        """The functions that `torch` returns, as PyTorch code that needs nothing else.

        Raises `ObjectiveError` for a loss that is not defined for every output, and `CompileError`
        where automatic differentiation of plain code would lose digits.
        """
        from .losses import torch_source

        critic, generator = self.outputs
        self._require_defined(critic, generator)
        terms = [critic] if self.paired else _separated(critic)[:2]
        critic, generator = (
            " + ".join(f"({torch_source(loss)}).mean()" for loss in losses)
            for losses in (terms, [generator])
        )
        return (
            "import torch\n"
            "from torch.nn import functional as F\n\n\n"
            "def critic_loss(a, b):  # the outputs on real and on generated samples\n"
            f"    return {critic}\n\n\n"
            f"def generator_loss({'a, b' if self.paired else 'b'}):\n"
            f"    return {generator}\n"
        )

    def _on_outputs(self, given: tuple | None = None) -> tuple:
        """Both losses as functions of the network's outputs, in the form that is given."""
        losses = self.critic, self.generator
        if self.activation is not None:
            values = {a: self.activation(a), b: self.activation(b)}
            losses = tuple(loss.subs(values, simultaneous=True) for loss in losses)
        for which, loss, form in zip(("critic", "generator"), losses, given or (), strict=False):
            ratios = {a: log(p), b: log(q)}  # any number is the logarithm of a ratio
            sides = (inverted(side.subs(ratios), (p, q)) for side in (loss, form))
            if prove(*sides).status != "proved":
                raise ObjectiveError(f"{form} is not proved to be the {which}'s loss {loss}")
        return given or losses

    def _require_defined(self, critic: sympy.Expr, generator: sympy.Expr) -> None:
        if self.activation is None and self.domain != S.Reals:
            raise ObjectiveError(
                f"the critic's values are confined to {interval_text(self.domain)}: give the "
                "objective an activation, which takes the network's output there"
            )
        terms = _at_one_point(self.critic)
        if self.domain == S.Reals and not self.paired and looks_like_a_value(*terms):
            raise ObjectiveError(
                f"{self.critic}, concave in a and in b, is no loss. {way_out(*terms)}"
            )
        for name, loss in (("critic", critic), ("generator", generator)):
            value = in_digits(loss, (a, b))
            for point in (-3, -0.5, 0.5, 3):
                if mpmath.isnan(value(mpmath.mpf(point), mpmath.mpf(point))):
                    meant = "" if self.paired else way_out(*terms)
                    raise ObjectiveError(
                        f"the {name}'s loss {loss} has no finite value at {point}; a critic's "
                        f"output may be any number{f'. {meant}' if meant else ''}"
                    )

    def report(self) -> Card:
        """The theory card: all of the above, with reasons where something does not exist."""
        rows = [("critic minimises", self.critic), ("generator minimises", self.generator)]
        if self.domain != S.Reals:
            rows.append(("critic's values in", interval_text(self.domain)))
        if self.activation is not None:
            rows.append(("critic's activation", self.activation(_OUTPUT)))
            rows.append(("critic's loss of outputs", self.outputs[0]))
        divergence = functools.cache(self.divergence)
        derivations = {
            "optimal critic": self.optimal_critic,
            "value at the optimum": divergence,
            "with f(r)": lambda: divergence().f,
            "weight of a sample": self.generator_weight,
            "saturates as r → 0": self.saturates,
            "force on a sample": self.force,
            "critic held still": self.held_still,
            "game played out": self.played_out,
            "Dirac-GAN's eigenvalues": lambda: self.dirac().eigenvalues((0, 0)),
        }
        reasons = set()
        try:
            with within(_SECONDS):
                for label, derive in derivations.items():
                    try:
                        found = derive()
                        rows.append((label, found))
                        if isinstance(found, Divergence) and label != "value at the optimum":
                            rows += [] if found.name else [("with f(r)", found.f)]
                    except Refused as error:
                        reason = str(error)
                        seen = reason in reasons
                        rows.append((label, "none, for the same reason" if seen else reason))
                        reasons.add(reason)
                    if label == "optimal critic" and not self.paired and self._outcome[0]:
                        rows += self._numerical_rows()
        except OutOfTime:
            done = {label for label, _ in rows}
            late = f"not derived within {_SECONDS:g} s"
            rows += [(label, late) for label in derivations if label not in done]
        return Card(self.name or "objective", self.source, rows)

    def _numerical_rows(self) -> list[tuple]:
        """What is to be said of a critic without a closed form, or without a proof."""
        found = self._optimum()
        rows = []
        for branch in found.numerical:
            t = branch.value.func
            rows.append((f"numerical: {t(r)} inverts r =", advice.simplified(t.ratio(T), 60)))
            for x in (S.Half, S.One, S(2)):
                if branch.where.contains(x) == True:  # noqa: E712
                    rows.append((f"{t(x)} =", sympy.N(t(x), 15)))
        if found.convexity != "proved":
            rows.append(("convexity of the losses", "checked, not proved"))
        return rows


_OUTPUT = Symbol("v", real=True)  # the network's output, before the activation


def _at_one_point(critic: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """The critic's loss on real and that on generated samples, at the same value."""
    real, generated, _ = _separated(critic)
    return _exact(real).subs(a, T), _exact(generated).subs(b, T)


def _separated(loss: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr]:
    """A sum as its terms in `a`, those in `b` with the constants, and those with both."""
    for form in (loss, sympy.expand(loss)):
        rest, real = form.as_independent(a, as_Add=True)
        mixed = Add(*(term for term in Add.make_args(real) if term.has(b)))
        if mixed == 0:
            break
    return real - mixed, rest, mixed


def _exact(expr: sympy.Expr) -> sympy.Expr:
    """The expression without floats: 0.1 means one tenth."""
    return expr.xreplace({number: Rational(str(number)) for number in expr.atoms(Float)})


def _as_function(activation: Any) -> Lambda:
    if isinstance(activation, Lambda):
        return activation
    if callable(activation):
        return Lambda(_OUTPUT, activation(_OUTPUT))
    expr = _exact(given(activation, "an activation"))
    if len(expr.free_symbols) != 1:
        raise ObjectiveError(
            f"an activation is a function of one symbol, the network's output; {activation} has "
            f"{len(expr.free_symbols)}"
        )
    return Lambda(_OUTPUT, expr.subs(expr.free_symbols.pop(), _OUTPUT))


def _domain(domain: sympy.Set | None, activation: Lambda | None) -> tuple[Interval, bool]:
    """The domain, which is given or the activation's image, and whether that image is all of it but
    its ends."""
    image = S.Reals
    if activation is not None:
        value = activation(_OUTPUT)
        slope = value.rewrite(log).diff(_OUTPUT)
        if not (prove(slope, 0, ">=") or prove(slope, 0, "<=")):
            raise ObjectiveError(f"the activation {value} neither increases nor decreases")
        ends = [advice.limit(value, _OUTPUT, end) for end in (-oo, oo)]
        if None in ends:
            raise ObjectiveError(f"the limits of the activation {value} are not known")
        image = Interval.open(*sorted(map(advice.simplified, ends)))
    if domain is None:
        return image, activation is not None
    proper = isinstance(domain, Interval) and domain.inf < domain.sup
    if not (proper or domain is S.Reals):
        raise ObjectiveError(f"a domain is an interval, such as Interval.open(0, 1), not {domain}")
    domain = (
        Interval(*map(_exact, domain.args[:2]), *domain.args[2:]) if domain != S.Reals else domain
    )
    if activation is not None and not image.is_subset(domain):
        raise ObjectiveError(
            f"the activation {value} takes values in {interval_text(image)}, which is not within "
            f"the domain {interval_text(domain)}"
        )
    return domain, activation is not None and image.closure == domain.closure


def _without_fraction(condition: Boolean) -> Boolean:
    """A condition on r as one on p and q: r < 2 becomes p < 2·q."""
    return condition.replace(
        lambda e: isinstance(e, Relational),
        lambda e: e.func(*(sympy.expand(side.subs(r, p / q) * q) for side in e.args)),
    )


def _short(expr: sympy.Expr) -> sympy.Expr:
    # cosh(log(s)/2) is a root, which SymPy sees among exponentials alone.
    plain = expr.rewrite(exp) if expr.has(HyperbolicFunction) else expr
    return advice.simplified(plain, 60)
