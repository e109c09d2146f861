"""Equalities about integrals, sums, products and limits, proved.

What SymPy says of them is advice. Each rule here is a theorem whose hypotheses are shown:

    regions, samples, signs, continuity    what is certain of expressions with parameters
    cases, constancy                       parameters by cases; what is constant in one
    growth, expansion, special, limits     limits
    antiderivatives, definite, integrals   integrals, by the fundamental theorem and by Euler's
    linearity                              integrals under one sign
    hypergeometric, pascal, series, sums   sums and products
    induction                              statements for all whole numbers
    evaluation                             `closed_form` and `vanishes`, which ask the others
"""

from .evaluation import closed_form, vanishes
from .limits import limit_of
from .regions import Region

__all__ = ["Region", "closed_form", "limit_of", "vanishes"]
