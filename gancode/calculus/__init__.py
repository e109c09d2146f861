"""The calculus engine: proofs, derivations, divergences, objectives. SymPy only, no torch."""

from .catalog import catalog
from .convex import NotConvexError
from .derivation import Derivation, DerivationError
from .divergence import Divergence, NoClosedFormError, divergences
from .domain import EmptyDomainError
from .expression import ExpressionError, parse
from .game import Game, NotStationaryError, UpdateMap
from .objective import Objective, ObjectiveError
from .proof import Proof, UndecidableError, prove
from .registry import UnknownNameError
from .symbols import a, b, p, q, r, sigmoid, softplus

__all__ = [
    "Derivation",
    "DerivationError",
    "Divergence",
    "EmptyDomainError",
    "ExpressionError",
    "Game",
    "NoClosedFormError",
    "NotConvexError",
    "NotStationaryError",
    "Objective",
    "ObjectiveError",
    "Proof",
    "UndecidableError",
    "UnknownNameError",
    "UpdateMap",
    "a",
    "b",
    "catalog",
    "divergences",
    "p",
    "parse",
    "prove",
    "q",
    "r",
    "sigmoid",
    "softplus",
]
