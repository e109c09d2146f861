"""Identities: every expression as a quotient of polynomials in independent generators.

Sums, products and quotients are rational operations. Whatever else stands in an expression becomes
a *generator*, written so that what is equal looks equal: an exponential of a sum is a product of
exponentials of its terms, a logarithm or a root of a product is split where its factors are shown
to be positive, circular functions are exponentials of I, factorials differ from each other by
factors. If the numerator of a difference vanishes then, with the generators taken as independent,
the two sides are equal wherever both are defined, whatever the generators may be.

The translation is sound by itself: each rule holds at every point at which both of its sides are
defined, and one that needs a sign asks `Signs`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy
from flint import arb, ctx, fmpq, fmpz
from sympy import Dummy, S
from sympy.core.function import AppliedUndef
from sympy.logic.boolalg import Boolean

from ..symbols import softplus
from . import forms
from .enclosure import enclose
from .forms import ONE, Form, Monomial, Poly
from .whole import is_never_whole

HALF = Fraction(1, 2)
_LARGE_NUMBER = 100  # bits: larger ones are not split into primes


@dataclass
class Generator:
    """What a generator stands for, as a SymPy expression, and what is known of it."""

    expr: sympy.Expr
    positive: bool = False
    nonnegative: bool = False
    real: bool = False
    integer: bool = False
    # the `degree`-th power of it is `value`: then only smaller powers of it are kept
    degree: int = 0
    value: Form | None = None
    exponential: bool = False  # its power to c is exp(c·argument)
    log: Form | None = None  # its logarithm, where that is real
    symbol: sympy.Symbol | None = None  # what stands for it where it is taken as independent


class Field:
    """Expressions on a domain, as quotients in generators that are found on the way.

    `relations` are assumptions: SymPy relations between expressions. `decide`, where given, is a
    decision procedure `decide(expr, relations, relation)` for algebraic expressions, which is asked
    for signs that do not show in the coefficients.
    """

    def __init__(self, relations: Sequence[Boolean] = (), decide: Callable | None = None) -> None:
        self.generators: list[Generator] = []
        self._index: dict = {}
        self._forms: dict = {}
        self._signs: dict = {}
        self._decide = decide
        self._raw_relations = tuple(relations)
        self._relations: list | None = None

    # Questions ---------------------------------------------------------------------------------

    def vanishes(self, expr: sympy.Expr) -> bool:
        """Whether `expr` is zero wherever it is defined. False means: not shown."""
        try:
            return self.is_zero(self.form(expr))
        except (forms.TooLargeError, ZeroDivisionError, RecursionError):
            return False

    def is_zero(self, form: Form) -> bool:
        return not self.normal(form).num

    def normal(self, form: Form) -> Form:
        """A quotient with the relations between the generators used up."""
        for index in range(len(self.generators) - 1, -1, -1):
            degree = self.generators[index].degree
            if degree and any(
                i == index and not 0 <= exponent < degree
                for poly in (form.num, form.den)
                for monomial in poly
                for i, exponent in monomial
            ):
                form = self._lowered(form.num, index) * self._lowered(form.den, index).inverse()
        return form

    def _lowered(self, poly: Poly, index: int) -> Form:
        """A polynomial with only those powers of a generator that are below its degree."""
        known = self.generators[index]
        parts: dict[int, Poly] = {}  # by the power of `value`
        for monomial, coefficient in poly.items():
            count = int(dict(monomial).get(index, Fraction(0)) // known.degree)
            less = ((index, Fraction(-count * known.degree)),) if count else ONE
            parts.setdefault(count, {})[forms.times(monomial, less)] = coefficient
        total = Form.of({})
        for count, part in parts.items():
            total = total + Form.of(part) * known.value**count
        return total

    # Signs -------------------------------------------------------------------------------------

    def sign(self, poly: Poly) -> int | None:
        """1 where a polynomial is shown to be never negative, −1 where never positive, else None.

        What is zero counts with either: where a factor of a logarithm or of a root's base is zero,
        the whole says nothing or is zero.
        """
        key = forms.frozen(poly)
        if key not in self._signs:
            self._signs[key] = None  # for a question that leads back to itself
            self._signs[key] = (
                self._coefficient_sign(poly) or self._factor_sign(poly) or self._decided_sign(poly)
            )
        return self._signs[key]

    def _factor_sign(self, poly: Poly) -> int | None:
        """The sign of a product, from those of its factors; even powers have none."""
        number, monomial, factors = forms.factored(poly)
        if not self.is_real_poly(poly) or not factors:
            return None
        sign = self._term_sign(monomial, number)
        if len(factors) == 1 and not monomial and factors[0][1] == 1:
            return None  # it is its only factor
        for factor, multiplicity in factors:
            if multiplicity % 2 and sign is not None:
                known = self.sign(factor)
                sign = None if known is None else sign * known
        return sign

    def _coefficient_sign(self, poly: Poly) -> int | None:
        signs = {self._term_sign(monomial, c) for monomial, c in poly.items()}
        return signs.pop() if len(signs) == 1 else None

    def _term_sign(self, monomial: Monomial, coefficient: fmpq) -> int | None:
        for index, exponent in monomial:
            known = self.generators[index]
            even = known.real and exponent.denominator == 1 and exponent.numerator % 2 == 0
            if not (known.positive or known.nonnegative or even):
                return None
        return 1 if coefficient > 0 else -1

    def _decided_sign(self, poly: Poly) -> int | None:
        if self._decide is None or not self.is_real_poly(poly) or len(poly) > 30:
            return None
        expr = self.independent(Form.of(poly))
        relations = self.relations()
        for sign in (1, -1):
            if self._decide(sign * expr, relations, ">="):
                return sign
        return None

    def form_sign(self, form: Form) -> int | None:
        above, below = self.sign(form.num), self.sign(form.den)
        return None if above is None or below is None else above * below

    def is_real_poly(self, poly: Poly) -> bool:
        return all(self._real_power(i, e) for monomial in poly for i, e in monomial)

    def _real_power(self, index: int, exponent: Fraction) -> bool:
        known = self.generators[index]
        return known.positive or known.nonnegative or (known.real and exponent.denominator == 1)

    def is_real(self, form: Form) -> bool:
        return self.is_real_poly(form.num) and self.is_real_poly(form.den)

    # Back to SymPy -----------------------------------------------------------------------------

    def independent(self, form: Form) -> sympy.Expr:
        """A quotient as an expression in symbols that stand for the generators."""
        return self._written(form, self._stand_in)

    def expression(self, form: Form) -> sympy.Expr:
        """A quotient as an expression in what the generators stand for."""
        return self._written(form, lambda index: self.generators[index].expr)

    def _stand_in(self, index: int) -> sympy.Expr:
        known = self.generators[index]
        if known.degree == 1:
            return self.independent(known.value)
        if known.symbol is None:
            assumptions = {"real": known.real} if known.real else {}
            if known.positive:
                assumptions = {"positive": True}
            elif known.nonnegative:
                assumptions = {"nonnegative": True}
            known.symbol = Dummy(f"g{index}", **assumptions)
        return known.symbol

    def _written(self, form: Form, meaning: Callable[[int], sympy.Expr]) -> sympy.Expr:
        def poly(terms: Poly) -> sympy.Expr:
            return sympy.Add(
                *(
                    sympy.Rational(int(c.p), int(c.q))
                    * sympy.Mul(*(meaning(i) ** sympy.Rational(e) for i, e in monomial))
                    for monomial, c in terms.items()
                )
            )

        return poly(form.num) / poly(form.den)

    def relations(self) -> list:
        """The assumptions, written in symbols that stand for the generators."""
        if self._relations is None:
            self._relations = []
            found = []
            for relation in self._raw_relations:
                try:
                    gap = self.form(relation.lhs - relation.rhs)
                except (forms.TooLargeError, ZeroDivisionError):
                    continue
                if self.is_real(gap):
                    found.append(relation.func(self.independent(gap), 0))
            self._relations = [relation for relation in found if relation != True]  # noqa: E712
        return self._relations

    # Generators --------------------------------------------------------------------------------

    def _generator(self, key: Any, make: Callable[[], Generator]) -> int:
        if key not in self._index:
            known = make()  # may find others first
            self._index[key] = len(self.generators)
            self.generators.append(known)
        return self._index[key]

    def _opaque(self, key: Any, expr: sympy.Expr, **known: bool) -> Form:
        """A generator of which nothing is known but what its SymPy expression says of itself."""
        for name in ("positive", "nonnegative", "real", "integer"):
            if getattr(expr, f"is_{name}"):
                known.setdefault(name, True)
        index = self._generator(key, lambda: Generator(expr, **known))
        return Form.of(forms.generator(index))

    def _prime(self, prime: int) -> int:
        """√2 and its like: powers of primes with rational exponents."""
        return self._generator(
            ("prime", prime),
            lambda: Generator(
                sympy.Integer(prime), True, True, True, True, 1, Form.of(forms.constant(prime))
            ),
        )

    def _minus_one(self) -> int:
        """Powers of −1 with rational exponents; that with ½ is I."""
        return self._generator(
            "minus one",
            lambda: Generator(
                sympy.Integer(-1), degree=1, value=Form.of(forms.constant(-1)), integer=True
            ),
        )

    def _base(self, poly: Poly) -> int:
        """Powers, with rational exponents, of a polynomial that is no product."""
        (monomial, coefficient), *more = poly.items()
        if not more and coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1:
            return monomial[0][0]

        def make() -> Generator:
            positive = self.sign(poly) == 1
            expr = self.expression(Form.of(poly))
            return Generator(expr, False, positive, positive, False, 1, Form.of(poly))

        return self._generator(("base", forms.frozen(poly)), make)

    # Expressions -------------------------------------------------------------------------------

    def form(self, expr: sympy.Expr) -> Form:
        """`expr` as a quotient. Raises `ZeroDivisionError` where it divides by zero everywhere, and
        `forms.TooLargeError`."""
        if expr not in self._forms:
            self._forms[expr] = self.normal(self._translate(expr))
        return self._forms[expr]

    def _translate(self, expr: sympy.Expr) -> Form:
        if expr.is_Rational:
            return Form.of(forms.constant(fmpq(int(expr.p), int(expr.q))))
        if expr.is_Symbol:
            return self._opaque(expr, expr)
        if expr.is_Add or expr.is_Mul:
            total, *rest = (self.form(argument) for argument in expr.args)
            for other in rest:
                total = total + other if expr.is_Add else total * other
            return total
        if expr.is_Pow:
            return self._power(expr)
        if expr is S.ImaginaryUnit:
            return Form.of(forms.generator(self._minus_one(), HALF))
        if expr is S.Exp1:
            return self.exponential(self.form(S.One))
        for kind in type(expr).__mro__:
            if kind in _TRANSLATIONS:
                return _TRANSLATIONS[kind](self, expr)
        return self._function(expr)

    def _function(self, expr: sympy.Expr) -> Form:
        """Any other function: equal where its arguments are."""
        if expr.has(S.NaN, S.ComplexInfinity) or not expr.args:
            return self._opaque(expr, expr)
        if isinstance(expr, (sympy.Function, AppliedUndef)):
            key = expr.func, *(self.form(argument).key for argument in expr.args)
            return self._opaque(key, expr)
        return self._opaque(expr, expr)

    def _power(self, expr: sympy.Expr) -> Form:
        exponent = expr.exp
        if exponent.is_Integer:
            return self.form(expr.base) ** int(exponent)
        if exponent.is_Rational:
            return self.root(self.form(expr.base), Fraction(int(exponent.p), int(exponent.q)))
        base, power = self.form(expr.base), self.form(exponent)
        if (logarithm := self._certain_logarithm(base)) is not None:
            return self.exponential(power * logarithm)
        return self._formal_power(expr, base, power)

    def _formal_power(self, expr: sympy.Expr, base: Form, exponent: Form) -> Form:
        """base^(m + n) = base^m · base^n, for whole m and n, or whole multiples of one exponent.

        Whole powers of a product are products of powers.
        """
        result = Form.of(forms.constant(1))
        whole, rest = exponent.division()
        if rest or not base.num or not all(self._is_whole_term(*term) for term in whole.items()):
            return self._opaque((sympy.Pow, base.key, exponent.key), expr)
        number, powers = self._factors(base)
        if all(e.denominator == 1 for _, e in powers) and (number, len(powers)) != (1, 1):
            for poly, e in powers:
                times = Form.of(forms.constant(fmpq(e.numerator)))
                result = result * self._whole_power(Form.of(poly), exponent * times)
            return result * self._power_of_number(number, exponent)
        return self._whole_power(base, exponent)

    def _is_whole_term(self, monomial: Monomial, coefficient: fmpq) -> bool:
        return coefficient.q == 1 and all(self.generators[i].integer and e > 0 for i, e in monomial)

    def _power_of_number(self, number: fmpq, exponent: Form) -> Form:
        size = self.exponential(exponent * self.logarithm(Form.of(forms.constant(abs(number)))))
        if number > 0:
            return size
        return size * self._whole_power(Form.of(forms.constant(-1)), exponent)

    def _whole_power(self, base: Form, exponent: Form) -> Form:
        """A power of what is no product, to a polynomial in whole numbers."""
        if (logarithm := self._certain_logarithm(base)) is not None:
            return self.exponential(exponent * logarithm)
        result = Form.of(forms.constant(1))
        minus_one = base.as_number() == -1
        for monomial, coefficient in exponent.division()[0].items():
            count = int(coefficient.p)
            if monomial == ONE:
                result = result * base**count
                continue
            meaning = self.expression(Form.of({monomial: fmpq(1)}))
            index = self._generator(
                ("power", base.key, monomial),
                lambda m=meaning: Generator(
                    self.expression(base) ** m,
                    real=self.is_real(base),
                    degree=2 if minus_one else 0,
                    value=Form.of(forms.constant(1)) if minus_one else None,
                ),
            )
            result = result * Form.of(forms.generator(index, count))
        return result

    # Factors -----------------------------------------------------------------------------------

    def _factors(self, form: Form) -> tuple[fmpq, list[tuple[Poly, Fraction]]]:
        """A number, and the polynomials that are no products whose powers make up a quotient."""
        number, powers = fmpq(1), []
        for poly, side in ((form.num, 1), (form.den, -1)):
            factor, monomial, found = forms.factored(poly)
            number = number * factor**side
            powers += [({((i, Fraction(1)),): fmpq(1)}, e * side) for i, e in monomial]
            powers += [(base, Fraction(m * side)) for base, m in found]
        return number, powers

    def _split(self, form: Form) -> tuple[fmpq, list[tuple[Poly, Fraction]], Form | None]:
        """A quotient as number · Π baseᵉ · rest, with all bases shown to be never negative.

        `number` is positive. An even power of a real base is one of its absolute value. The rest is
        what has no sign that is known; None where there is none.
        """
        number, powers = self._factors(form)
        bases, rest = [], Form.of(forms.constant(1))
        for base, exponent in powers:
            sign = self.sign(base)
            if sign == -1:
                base = forms.scale(base, fmpq(-1))
                if exponent.denominator == 1 and exponent.numerator % 2:
                    number = -number
            if sign is not None:
                bases.append((base, exponent))
            elif exponent.denominator == 1 and exponent.numerator % 2 == 0 and self._real(base):
                bases.append((self.absolute(Form.of(base)).num, exponent))
            elif exponent.denominator == 1:
                rest = rest * Form.of(base) ** int(exponent)
            else:  # a fractional power of unknown sign stays as it is
                rest = rest * Form.of({((self._base(base), exponent),): fmpq(1)})
        if number < 0:
            number, rest = -number, -rest
        return number, bases, None if rest.as_number() == 1 else rest

    def _real(self, poly: Poly) -> bool:
        return self.is_real_poly(poly)

    def _primes(self, number: fmpq) -> list[tuple[int, int]]:
        found = []
        if max(int(number.p).bit_length(), int(number.q).bit_length()) > _LARGE_NUMBER:
            raise forms.TooLargeError
        for part, side in ((number.p, 1), (number.q, -1)):
            for prime, multiplicity in fmpz(int(part)).factor():
                found.append((int(prime), side * int(multiplicity)))
        return found

    def root(self, form: Form, exponent: Fraction) -> Form:
        """A rational power, by its principal value."""
        form = self.normal(form)
        if not form.num:
            if exponent < 0:
                raise ZeroDivisionError
            return form
        if exponent.denominator == 1:
            return form ** int(exponent)
        number, bases, rest = self._split(form)
        monomial: Monomial = ONE
        for prime, power in self._primes(number):
            monomial = forms.times(monomial, ((self._prime(prime), power * exponent),))
        for base, power in bases:
            monomial = forms.times(monomial, ((self._base(base), power * exponent),))
        if rest is not None:
            if rest.as_number() == -1:
                monomial = forms.times(monomial, ((self._minus_one(), exponent),))
            elif (index := self._principal(rest)) is not None:
                monomial = forms.times(monomial, ((index, exponent),))
            else:
                monomial = forms.times(monomial, ((self._rest(rest), exponent),))
        return Form.of({monomial: fmpq(1)})

    def _principal(self, form: Form) -> int | None:
        """The index of the generator that a quotient is, if its rational powers are principal
        values. Those of exp(I·t) are not: they stand for exp(I·t·c)."""
        (monomial, coefficient), *more = form.num.items()
        if more or coefficient != 1 or len(monomial) != 1 or not form.is_polynomial:
            return None
        (index, exponent), *_ = monomial
        return index if exponent == 1 and not self.generators[index].exponential else None

    def _rest(self, rest: Form) -> int:
        """Principal powers of a quotient whose sign is not known."""
        return self._generator(
            ("rest", rest.key),
            lambda: Generator(self.expression(rest), degree=1, value=rest),
        )

    def logarithm(self, form: Form) -> Form:
        """The principal logarithm, split where signs are known."""
        form = self.normal(form)
        if not form.num:
            raise ZeroDivisionError
        number, bases, rest = self._split(form)
        total = Form.of({})
        for prime, power in self._primes(number):
            total = total + self._log_of(forms.generator(self._prime(prime)), Fraction(power))
        for base, power in bases:
            total = total + self._log_of(base, power)
        if rest is not None and rest.as_number() == -1:
            total = total + self.form(S.ImaginaryUnit * S.Pi)
        elif rest is not None:
            expr = sympy.log(self.expression(rest), evaluate=False)
            total = total + self._opaque(("log", rest.key), expr)
        return total

    def _certain_logarithm(self, form: Form) -> Form | None:
        """The logarithm of what is shown to be never negative."""
        if not form.num:
            return None
        *_, rest = self._split(form)
        return self.logarithm(form) if rest is None else None

    def _log_of(self, base: Poly, power: Fraction) -> Form:
        times = Form.of(forms.constant(fmpq(power.numerator, power.denominator)))
        (monomial, coefficient), *more = base.items()
        if not more and coefficient == 1 and len(monomial) == 1:
            known = self.generators[monomial[0][0]]
            if known.log is not None:
                return times * known.log
        above = self.sign(forms.add(base, forms.constant(-1)))
        if above == -1:  # the logarithm of the inverse, which is not negative
            times, base_form = -times, Form.of(base).inverse()
        else:
            base_form = Form.of(base)
        expr = sympy.log(self.expression(base_form), evaluate=False)
        return times * self._opaque(
            ("log", forms.frozen(base)), expr, real=True, nonnegative=above is not None
        )

    def exponential(self, form: Form) -> Form:
        """exp of a sum is the product of the exponentials of its terms."""
        form = self.normal(form)
        whole, rest = form.division()
        result = Form.of(forms.constant(1))
        for monomial, coefficient in whole.items():
            result = result * self._exp_term(Form.of({monomial: fmpq(1)}), coefficient)
        for monomial, coefficient in rest.items():
            term = Form({monomial: fmpq(1)}, form.den)
            result = result * self._exp_term(term, coefficient)
        return result

    def _exp_term(self, term: Form, coefficient: fmpq) -> Form:
        exponent = Fraction(int(coefficient.p), int(coefficient.q))
        if (base := self._base_of_log(term)) is not None:
            return self.root(base, exponent)
        if (angle := self._angle(term)) is not None and angle.as_number() == 1:
            # exp(I·π·c) is a power of −1
            return Form.of(forms.generator(self._minus_one(), exponent))
        if angle is not None and exponent.denominator == 1 and self._is_whole(angle):
            return self._formal_power(None, self.form(S.NegativeOne), angle) ** int(exponent)
        real = self.is_real(term)

        def make() -> Generator:
            expr = sympy.exp(self.expression(term), evaluate=False)
            return Generator(expr, real, real, real, exponential=True, log=term if real else None)

        return Form.of(forms.generator(self._generator(("exp", *term.key), make), exponent))

    def _base_of_log(self, term: Form) -> Form | None:
        """f where a term is log f."""
        if not term.is_polynomial or len(term.num) != 1:
            return None
        ((monomial, _),) = term.num.items()
        if len(monomial) != 1 or monomial[0][1] != 1:
            return None
        expr = self.generators[monomial[0][0]].expr
        return self.form(expr.args[0]) if isinstance(expr, sympy.log) else None

    def _is_whole(self, form: Form) -> bool:
        """Whether a quotient is a product of generators that are whole numbers."""
        (monomial, coefficient), *more = form.num.items()
        return (
            not more
            and form.is_polynomial
            and coefficient == 1
            and all(self.generators[i].integer and e > 0 for i, e in monomial)
        )

    def _angle(self, term: Form) -> Form | None:
        """c where a term is I·π·c."""
        pi = self._index.get(S.Pi)
        if pi is None or "minus one" not in self._index:
            return None
        unit = Form.of({tuple(sorted([(pi, Fraction(1)), (self._minus_one(), HALF)])): fmpq(1)})
        return term * unit.inverse()

    def absolute(self, form: Form) -> Form:
        """The absolute value of a real quotient: a product of those of its factors."""
        form = self.normal(form)
        if not form.num:
            return form
        if not self.is_real(form):
            parts = self.complex_parts(form)
            if parts is None:
                return self._opaque((sympy.Abs, form.key), sympy.Abs(self.expression(form)))
            return self.root(parts[0] * parts[0] + parts[1] * parts[1], HALF)
        number, powers = self._factors(form)
        result = Form.of(forms.constant(abs(number)))
        for base, exponent in powers:
            result = result * self.root(self._absolute_base(base), exponent)
        return result

    def complex_parts(self, form: Form) -> tuple[Form, Form] | None:
        """Real and imaginary part of a quotient of real generators and I; None for others."""
        form = self.normal(form)
        sides = [self._complex_parts(poly) for poly in (form.num, form.den)]
        if None in sides:
            return None
        (a, b), (c, d) = sides  # (a + bI)/(c + dI)
        below = (c * c + d * d).inverse()
        return (a * c + b * d) * below, (b * c - a * d) * below

    def _complex_parts(self, poly: Poly) -> tuple[Form, Form] | None:
        minus_one = self._index.get("minus one")
        real, imaginary = {}, {}
        for monomial, coefficient in poly.items():
            powers = dict(monomial)
            turn = powers.pop(minus_one, Fraction(0))
            rest = tuple(sorted(powers.items()))
            if turn not in (0, HALF) or not self.is_real_poly({rest: coefficient}):
                return None
            (imaginary if turn else real)[rest] = coefficient
        return Form.of(real), Form.of(imaginary)

    def _part(self, expr: sympy.Expr, which: int) -> Form:
        parts = self.complex_parts(self.form(expr.args[0]))
        return self._function(expr) if parts is None else parts[which]

    def _conjugate(self, expr: sympy.Expr) -> Form:
        parts = self.complex_parts(self.form(expr.args[0]))
        if parts is None:
            return self._function(expr)
        return parts[0] - parts[1] * self.form(S.ImaginaryUnit)

    def _absolute_base(self, base: Poly) -> Form:
        sign = self.sign(base)
        if sign is not None:
            return Form.of(forms.scale(base, fmpq(sign)))
        square = Form.of(forms.multiply(base, base))
        index = self._generator(
            ("abs", forms.frozen(base)),
            lambda: Generator(
                sympy.Abs(self.expression(Form.of(base))),
                nonnegative=True,
                real=True,
                degree=2,
                value=square,
            ),
        )
        return Form.of(forms.generator(index))

    # Functions ---------------------------------------------------------------------------------

    def strictly_positive(self, poly: Poly) -> bool:
        """Whether no coefficient is negative and one term is positive."""
        return self._coefficient_sign(poly) == 1 and any(
            all(self.generators[index].positive for index, _ in monomial) for monomial in poly
        )

    def _anchored(self, form: Form) -> tuple[Form, int] | None:
        """A quotient as a base that is shown to be positive plus a whole number: the same base for
        all that differ by whole numbers."""
        if form.den != forms.constant(1):
            return None
        number = form.num.get(ONE, fmpq(0))
        shift = int(number.p) // int(number.q)
        for is_positive in (lambda base: self.strictly_positive(base.num), self.strict):
            for start in range(-6, 7):
                base = form + Form.of(forms.constant(start - shift))
                if is_positive(base):
                    return (base, shift - start) if abs(shift - start) <= 60 else None
        return None

    def gamma(self, form: Form, expr: sympy.Expr) -> Form:
        anchored = self._anchored(form)
        if anchored is None:
            return self._opaque((sympy.gamma, form.key), expr)
        base, steps = anchored
        result = self._opaque((sympy.gamma, base.key), sympy.gamma(self.expression(base)))
        for step in range(steps):
            result = result * (base + Form.of(forms.constant(step)))
        for step in range(1, 1 - steps):
            result = result * (base + Form.of(forms.constant(-step))).inverse()
        return result

    def digamma(self, form: Form, expr: sympy.Expr) -> Form:
        anchored = self._anchored(form)
        if anchored is None:
            return self._opaque((sympy.digamma, form.key), expr, real=self.is_real(form))
        base, steps = anchored
        meaning = sympy.digamma(self.expression(base))
        result = self._opaque((sympy.digamma, base.key), meaning, real=True)
        for step in range(steps):
            result = result + (base + Form.of(forms.constant(step))).inverse()
        for step in range(1, 1 - steps):
            result = result - (base + Form.of(forms.constant(-step))).inverse()
        return result

    def binomial(self, expr: sympy.Expr) -> Form:
        n, k = expr.args
        if k.is_Integer and 0 <= k <= 30:
            result = Form.of(forms.constant(fmpq(1, int(sympy.factorial(k)))))
            for step in range(int(k)):
                result = result * self.form(n - step)
            return result
        parts = [self.form(part + 1) for part in (k, n - k)]
        if not all(self._anchored(part) and self.strict(part) for part in parts):
            return self._binomial_from_left(self.form(n), self.form(k), expr)
        below = [self.gamma(part, None) for part in parts]
        return self.gamma(self.form(n + 1), None) * (below[0] * below[1]).inverse()

    def _binomial_from_left(self, n: Form, k: Form, expr: sympy.Expr) -> Form:
        """C(n, k + 1) = C(n, k)·(n − k)/(k + 1), from the least k that is not negative."""
        one = self.form(S.One)
        base, steps = self._anchored(k + one) or (None, 0)
        if base is None or steps <= 0:
            return self._opaque((sympy.binomial, n.key, k.key), expr)
        start = base - one
        meaning = sympy.binomial(self.expression(n), self.expression(start))
        result = self._opaque((sympy.binomial, n.key, start.key), meaning)
        for step in range(steps):
            shift = Form.of(forms.constant(step))
            result = result * (n - start - shift) * (base + shift).inverse()
        return result

    def floor(self, form: Form) -> Form:
        """The part that is certainly whole comes out."""
        whole, rest = {}, {}
        for monomial, coefficient in form.division()[0].items() if form.is_polynomial else ():
            known = all(self.generators[i].integer and e > 0 for i, e in monomial)
            into = whole if known and coefficient.q == 1 else rest
            into[monomial] = coefficient
        if not form.is_polynomial:
            rest = form.num
        if form.is_polynomial and set(rest) <= {ONE}:
            number = rest.get(ONE, fmpq(0))
            return Form.of(forms.add(whole, forms.constant(int(number.p) // int(number.q))))
        if form.is_polynomial and ONE in rest:  # x + 3/2 becomes x + 1/2
            number = rest[ONE]
            step = forms.constant(int(number.p) // int(number.q))
            whole, rest = forms.add(whole, step), forms.add(rest, forms.scale(step, fmpq(-1)))
        left = Form(rest, form.den)
        expr = self.expression(left)
        if is_never_whole(expr) and expr.could_extract_minus_sign():
            left, sign = -left, -1
            whole = forms.add(whole, forms.constant(-1))
        else:
            sign = 1
        opaque = self._opaque((sympy.floor, left.key), sympy.floor(self.expression(left)))
        return Form.of(whole) + (opaque if sign == 1 else -opaque)

    def odd(self, kind: Any, form: Form) -> Form:
        """An odd function: one sign of the argument is enough."""
        flip = self.expression(form).could_extract_minus_sign()
        form = -form if flip else form
        result = self._odd_part(kind, form)
        return -result if flip else result

    def _odd_part(self, kind: Any, form: Form) -> Form:
        expr = self.expression(form)
        if kind is sympy.asin and self.strict(self.form(S.One) - form * form):
            return self.form(sympy.atan(expr / sympy.sqrt(1 - expr**2)))
        if kind is sympy.atan and self.strict(form):  # of z and 1/z, one is enough
            inverse = self.expression(form.inverse())
            if sympy.default_sort_key(inverse) < sympy.default_sort_key(expr):
                half = Form.of(forms.constant(fmpq(1, 2))) * self.form(S.Pi)
                return half - self.form(sympy.atan(inverse))
        value = kind(expr)
        if not isinstance(value, kind):  # a number that SymPy knows
            return self.form(value)
        return self._opaque((kind, form.key), value, real=self.is_real(form))

    def lambert(self, form: Form, expr: sympy.Expr) -> Form:
        """W(x·exp(x)) = x for x ≥ −1: W inverts just that."""
        _, powers = self._factors(form)
        exponent = Form.of({})
        for base, power in powers:
            (monomial, coefficient), *more = base.items()
            if not more and coefficient == 1 and len(monomial) == 1:
                known = self.generators[monomial[0][0]].log
                if known is not None:
                    scale = fmpq(power.numerator, power.denominator)
                    exponent = exponent + known * Form.of(forms.constant(scale))
        rest = form * self.exponential(exponent).inverse()
        if self.is_zero(rest - exponent) and self.sign((rest + self.form(S.One)).num) == 1:
            return rest
        real = self.sign(form.num) == 1 == self.sign(form.den)
        return self._opaque((sympy.LambertW, form.key), expr, nonnegative=real, real=real)

    def piecewise(self, expr: sympy.Expr) -> Form:
        for value, condition in expr.args:
            truth = self.truth(condition)
            if truth is None:
                return self._opaque(expr, expr)
            if truth:
                return self.form(value)
        return self._opaque(expr, expr)

    def truth(self, condition: Boolean) -> bool | None:
        """Whether a condition is shown to hold, or to fail, on the whole domain."""
        if condition in (S.true, S.false):
            return bool(condition)
        if isinstance(condition, (sympy.And, sympy.Or)):
            truths = [self.truth(part) for part in condition.args]
            decisive = isinstance(condition, sympy.Or)
            return decisive if decisive in truths else None if None in truths else not decisive
        if isinstance(condition, sympy.Not):
            truth = self.truth(condition.args[0])
            return None if truth is None else not truth
        if not isinstance(condition, sympy.core.relational.Relational):
            return None
        gap = self.form(condition.lhs - condition.rhs)
        if condition.rel_op in ("==", "!="):
            if self.is_zero(gap):
                return condition.rel_op == "=="
            apart = self.strict(gap) or self.strict(-gap)
            return condition.rel_op == "!=" if apart else None
        if condition.rel_op in ("<", "<="):
            gap = -gap
        if condition.rel_op in (">=", "<="):
            return True if self.form_sign(gap) == 1 else False if self.strict(-gap) else None
        return True if self.strict(gap) else False if self.form_sign(gap) == -1 else None

    def certain(self, condition: Boolean) -> bool:
        """Whether a condition is shown to hold on the whole domain."""
        try:
            return self.truth(condition) is True
        except (forms.TooLargeError, ZeroDivisionError):
            return False

    def positive(self, form: Form) -> bool:
        """Whether the terms of a quotient show that it is positive wherever it is defined."""
        for sign in (1, -1):
            num, den = (forms.scale(poly, fmpq(sign)) for poly in (form.num, form.den))
            if self.strictly_positive(num) and self._coefficient_sign(den) == 1:
                return True
        return False

    def constants(self) -> list:
        """Bounds of the stand-ins for numbers, such as π."""
        found = []
        for known in self.generators:
            if known.symbol is not None and known.expr.is_number:
                with ctx.workprec(64):
                    value = enclose(known.expr)
                if isinstance(value, arb):
                    found += [known.symbol > _rational(value.lower())]
                    found += [known.symbol < _rational(value.upper())]
        return found

    def strict(self, form: Form) -> bool:
        """Whether a quotient is shown to be positive wherever it is defined."""
        if not self.is_real(form):
            return False
        if self.positive(form):
            return True
        if self._decide is None or self.generators and len(form.num) + len(form.den) > 30:
            return False
        return bool(self._decide(self.independent(form), self.relations(), ">"))


def _rational(value: arb) -> sympy.Rational:
    mantissa, exponent = value.man_exp()
    return sympy.Rational(int(mantissa)) * sympy.Rational(2) ** int(exponent)


def _argument(function: Callable) -> Callable:
    return lambda field, expr: function(field, field.form(expr.args[0]), expr)


def _rewritten(make: Callable) -> Callable:
    return lambda field, expr: field.form(make(*expr.args))


def _maximum(sign: int) -> Callable:
    def fold(field: Field, expr: sympy.Expr) -> Form:
        total, *rest = (field.form(argument) for argument in expr.args)
        for other in rest:
            gap = field.absolute(total - other)
            both = total + other + (gap if sign > 0 else -gap)
            total = both * Form.of(forms.constant(fmpq(1, 2)))
        return total

    return fold


def _circular(expr: sympy.Expr) -> sympy.Expr:
    """A circular function by exponentials of I times its argument."""
    argument = sympy.I * expr.args[0]
    up, down = sympy.exp(argument, evaluate=False), sympy.exp(-argument, evaluate=False)
    sine, cosine = -sympy.I * (up - down) / 2, (up + down) / 2
    return {
        sympy.sin: lambda: sine,
        sympy.cos: lambda: cosine,
        sympy.tan: lambda: sine / cosine,
        sympy.cot: lambda: cosine / sine,
        sympy.sec: lambda: 1 / cosine,
        sympy.csc: lambda: 1 / sine,
    }[type(expr)]()


def _exp(t: sympy.Expr) -> sympy.Expr:
    return sympy.exp(t, evaluate=False)


def _integral(field: Field, expr: sympy.Expr) -> Form:
    """Constant factors come out, and bound variables are named in order."""
    canonical = expr.xreplace(expr.canonical_variables)
    bound = [limit[0] for limit in canonical.limits]
    factor, rest = canonical.function.as_independent(*bound, as_Add=False)
    kind = type(canonical)
    if factor.free_symbols & set(bound):
        factor, rest = S.One, canonical.function
    opaque = kind(rest, *canonical.limits)
    return field.form(factor) * field._opaque(opaque, opaque)


_TRANSLATIONS = {
    sympy.exp: lambda field, expr: field.exponential(field.form(expr.args[0])),
    sympy.log: _argument(lambda field, form, expr: field.logarithm(form)),
    softplus: _rewritten(lambda t: sympy.log(1 + _exp(t), evaluate=False)),
    sympy.sinh: _rewritten(lambda t: (_exp(t) - _exp(-t)) / 2),
    sympy.cosh: _rewritten(lambda t: (_exp(t) + _exp(-t)) / 2),
    sympy.tanh: _rewritten(lambda t: (_exp(2 * t) - 1) / (_exp(2 * t) + 1)),
    sympy.coth: _rewritten(lambda t: (_exp(2 * t) + 1) / (_exp(2 * t) - 1)),
    sympy.sech: _rewritten(lambda t: 2 / (_exp(t) + _exp(-t))),
    sympy.csch: _rewritten(lambda t: 2 / (_exp(t) - _exp(-t))),
    sympy.asinh: _rewritten(lambda z: sympy.log(z + sympy.sqrt(z**2 + 1))),
    sympy.acosh: _rewritten(lambda z: sympy.log(z + sympy.sqrt(z - 1) * sympy.sqrt(z + 1))),
    sympy.atanh: _rewritten(lambda z: (sympy.log(1 + z) - sympy.log(1 - z)) / 2),
    sympy.acos: _rewritten(lambda z: sympy.pi / 2 - sympy.asin(z)),
    # acot 0 is π/2, where atan(1/0) is nothing
    sympy.acot: lambda field, expr: (
        field.form(sympy.atan(1 / expr.args[0]))
        if field.truth(sympy.Ne(expr.args[0], 0, evaluate=False))
        else field._function(expr)
    ),
    sympy.erfc: _rewritten(lambda z: 1 - sympy.erf(z)),
    sympy.factorial: _rewritten(lambda n: sympy.gamma(n + 1, evaluate=False)),
    sympy.ceiling: _rewritten(lambda z: -sympy.floor(-z, evaluate=False)),
    sympy.lowergamma: _rewritten(lambda s, x: sympy.gamma(s) - sympy.uppergamma(s, x)),
    sympy.beta: _rewritten(lambda x, y: sympy.gamma(x) * sympy.gamma(y) / sympy.gamma(x + y)),
    **dict.fromkeys(
        (sympy.sin, sympy.cos, sympy.tan, sympy.cot, sympy.sec, sympy.csc),
        lambda field, expr: field.form(_circular(expr)),
    ),
    **{
        kind: _argument(lambda field, form, expr, kind=kind: field.odd(kind, form))
        for kind in (sympy.atan, sympy.asin, sympy.erf, sympy.erfi, sympy.Si, sympy.Shi)
    },
    sympy.re: lambda field, expr: field._part(expr, 0),
    sympy.im: lambda field, expr: field._part(expr, 1),
    sympy.conjugate: lambda field, expr: field._conjugate(expr),
    sympy.Abs: _argument(lambda field, form, expr: field.absolute(form)),
    sympy.Max: _maximum(1),
    sympy.Min: _maximum(-1),
    sympy.gamma: _argument(lambda field, form, expr: field.gamma(form, expr)),
    sympy.polygamma: lambda field, expr: (
        field.digamma(field.form(expr.args[1]), expr)
        if expr.args[0] == 0
        else field._function(expr)
    ),
    sympy.harmonic: lambda field, expr: (
        field.form(sympy.polygamma(0, expr.args[0] + 1, evaluate=False) + S.EulerGamma)
        if len(expr.args) == 1
        else field._function(expr)
    ),
    sympy.polylog: lambda field, expr: (
        field.form(-sympy.log(1 - expr.args[1])) if expr.args[0] == 1 else field._function(expr)
    ),
    sympy.floor: _argument(lambda field, form, expr: field.floor(form)),
    sympy.binomial: lambda field, expr: field.binomial(expr),
    sympy.LambertW: lambda field, expr: (
        field.lambert(field.form(expr.args[0]), expr)
        if len(expr.args) == 1
        else field._function(expr)
    ),
    sympy.Piecewise: lambda field, expr: field.piecewise(expr),
    sympy.Integral: _integral,
    sympy.Sum: _integral,
}
