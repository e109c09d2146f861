"""Several proofs at once, each under the words that it decides."""

import html
from collections.abc import Mapping

from ..errors import Refused, WrongType
from ..notebook import Shown, powers, prose
from .proof import Proof

_MARKS = {"proved": "✓", "checked": "≈", "refuted": "✗"}


class Statements(Shown):
    """Statements in words, and how each was decided: `Statements({"log r is concave": proof})`.

    In a notebook they draw themselves as a list, with mark and evidence; they print as text. Words
    may hold LaTeX between dollar signs. Raises `Refused` for a statement without words and
    TypeError for one without a proof.
    """

    def __init__(self, proofs: Mapping[str, Proof], name: str = ""):
        for words, proof in proofs.items():
            if not words:
                raise Refused("a statement needs words, not ''")
            if not isinstance(proof, Proof):
                raise WrongType(f"{words!r} needs a proof, as prove(...) returns, not {proof!r}")
        self.proofs = dict(proofs)
        self.name = name

    def __str__(self) -> str:
        lines = [
            f"{_MARKS[proof.status]} {words}\n    {powers(proof.evidence)}"
            for words, proof in self.proofs.items()
        ]
        return "\n".join([self.name, *lines] if self.name else lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        items = "".join(
            f"<li>{_MARKS[proof.status]} {prose(words)}"
            f"<br><small>{html.escape(powers(proof.evidence))}</small></li>"
            for words, proof in self.proofs.items()
        )
        name = f"<p>{prose(self.name)}</p>" if self.name else ""
        return (
            f'<div class="statements">{name}'
            f'<ul style="list-style: none; padding-left: 0">{items}</ul></div>'
        )

    def _data(self) -> dict:
        proofs = [{**proof._data(), "name": words} for words, proof in self.proofs.items()]
        return {"kind": "statements", "name": self.name, "statements": proofs}
