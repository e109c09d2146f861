"""The trusted core: rules that prove, each sound by itself, in the order in which they are tried."""

from .algebra import Field
from .inequalities import Goal, decide_cells, prove_goal


def decide(left, right, relation: str, domain) -> str:
    """The name of the rule that proves `left relation right` on the domain, or an empty string."""
    if relation.startswith("<"):
        left, right, relation = right, left, relation.replace("<", ">")
    gap = left - right
    if relation != ">" and (left == right or gap == 0):
        return "identical"
    if relation == "==":
        if Field(domain.relations, decide_cells).vanishes(gap):
            return "a quotient of polynomials that vanishes"
        return ""
    return prove_goal(Goal(gap, domain, relation == ">"))
