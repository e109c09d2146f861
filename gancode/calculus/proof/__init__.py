"""The trusted core: what is printed as proved has passed through here.

A statement is attacked first, and put to the rules if it survives. What SymPy, or any other
adviser, suggests is proved before it counts. From the bottom up:

    enclosure, quadrature, summation    values as balls: functions, integrals, sums and limits
    constants, scale, expansion,        behaviour at the ends of an interval, as expansions with
    asymptotics, ends                   bounded remainders
    whole, domain                       whole numbers; the points that assumptions leave
    definitions                         functions in terms of fewer others
    forms, algebra                      identities, as quotients of polynomials in generators
    algebraic, cells                    signs of algebraic functions, cell by cell
    points, functions, attack, descent  the search for a certain counterexample
    line, inequalities                  rules for inequalities
    analysis                            rules for integrals, sums and limits
    rules                               all rules, in the order they are tried
    statement                           `prove`, which asks them
"""

from .domain import EmptyDomainError
from .statement import DIGITS, POINTS, RELATIONS, Proof, UndecidableError, prove

__all__ = [
    "DIGITS",
    "POINTS",
    "RELATIONS",
    "EmptyDomainError",
    "Proof",
    "UndecidableError",
    "prove",
]
