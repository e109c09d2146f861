"""A derivation: a chain of expressions, each step proved as it is written."""

from typing import Any

import sympy

from ..errors import Refused
from ..notebook import Shown
from .given import given
from .latex import MARKS, words
from .proof import RELATIONS, Proof, prove

_TEXT = {"==": "=", "<=": "≤", ">=": "≥"}


class DerivationError(Refused):
    """A step of a derivation is false; `.proof` holds the counterexample."""

    def __init__(self, message: str, proof: Proof):
        super().__init__(message)
        self.proof = proof


class Derivation(Shown):
    """A chain `start = … ≤ … = result`, every link of which has been put to `prove`.

    `assumptions` hold for every step. A refuted step raises `DerivationError` and leaves the chain
    as it was. In a notebook the chain draws itself, with the reason and the status of each step.
    """

    def __init__(self, start: Any, name: str = "", assumptions: Any = ()) -> None:
        self.name = name
        self.start = given(start, "the start of a derivation")
        self.assumptions = assumptions
        self.steps: list[tuple[Proof, sympy.Expr, str]] = []

    @property
    def result(self) -> sympy.Expr:
        """The last expression of the chain."""
        return self.steps[-1][1] if self.steps else self.start

    @property
    def relation(self) -> str:
        """How the start stands to the result: "==", "<=" or ">="."""
        bounds = {proof.relation for proof, _, _ in self.steps} - {"=="}
        return bounds.pop() if bounds else "=="

    def step(self, expr: Any, because: str) -> "Derivation":
        """Add an equality. Raises `DerivationError` with a counterexample if it is false."""
        return self._extend("==", expr, because)

    def bound(self, relation: str, expr: Any, because: str) -> "Derivation":
        """Add an inequality, "<=" or ">=". All those of one chain must point the same way."""
        if relation not in ("<=", ">="):
            raise Refused(f"a bound is '<=' or '>=', not {relation!r}; for an equality use .step")
        if self.relation not in ("==", relation):
            raise Refused(
                f"{self._title} already has a bound {self.relation}; with {relation} as well, the "
                "ends of the chain could not be compared. Start a second derivation"
            )
        return self._extend(relation, expr, because)

    def _extend(self, relation: str, expr: Any, because: str) -> "Derivation":
        if not because:
            raise Refused("give the reason for the step: because='…'")
        expr = given(expr, "a step of a derivation")
        proof = prove(self.result, expr, relation, self.assumptions)
        if not proof:
            raise DerivationError(
                f"step {len(self.steps) + 1} of {self._title} ({because}) is false: "
                f"{proof.lhs} {relation} {proof.rhs} is {proof.evidence}",
                proof,
            )
        self.steps.append((proof, expr, because))
        return self

    @property
    def _title(self) -> str:
        return f"the derivation {self.name!r}" if self.name else "the derivation"

    def __str__(self) -> str:
        lines = [self.name] if self.name else []
        lines.append(f"    {self.start}")
        for proof, expr, because in self.steps:
            said = f"{because}: {proof.status}{proof.where}"
            lines.append(f"  {_TEXT[proof.relation]} {expr}    [{said}]")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        rows = [rf"& {sympy.latex(self.start)}"]
        for proof, expr, because in self.steps:
            said = words(f"{proof.status}{proof.where}: {because}")
            reason = rf"\quad{{\small {MARKS[proof.status]}\ {said}}}"
            rows.append(rf"{RELATIONS[proof.relation]}\;& {sympy.latex(expr)} \\[-2pt] &{reason}")
        return "$$\n\\begin{aligned}\n" + " \\\\[6pt]\n".join(rows) + "\n\\end{aligned}\n$$"

    def _data(self) -> dict:
        steps = [{**proof._data(), "because": because} for proof, _, because in self.steps]
        start = {"start": str(self.start), "latex": sympy.latex(self.start)}
        return {"kind": "derivation", "name": self.name, **start, "steps": steps}
