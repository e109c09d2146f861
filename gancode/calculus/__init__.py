"""The calculus engine: proofs, derivations, divergences, objectives. SymPy only, no torch."""

from .catalog import catalog, find_objective
from .convex import NotConvexError
from .densities import NoClosedFormError
from .derivation import Derivation, DerivationError
from .divergence import Divergence, alpha_divergence, divergences, skewed_js
from .expression import ExpressionError, parse
from .game import Game, NotStationaryError, UpdateMap
from .lipschitz import circular_convolution_norm, lipschitz_constant, operator_norm
from .objective import Objective, ObjectiveError
from .proof import EmptyDomainError, Proof, UndecidableError, prove
from .registry import UnknownNameError
from .statements import Statements
from .symbols import a, b, gamma, p, psi, q, r, sigmoid, softplus, theta
from .transport import (
    entropic_covariance,
    entropic_transport,
    sinkhorn_divergence,
    wasserstein,
    wasserstein_dual,
)

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
    "Statements",
    "UndecidableError",
    "UnknownNameError",
    "UpdateMap",
    "a",
    "alpha_divergence",
    "b",
    "catalog",
    "circular_convolution_norm",
    "divergences",
    "entropic_covariance",
    "entropic_transport",
    "find_objective",
    "gamma",
    "lipschitz_constant",
    "operator_norm",
    "p",
    "parse",
    "prove",
    "psi",
    "q",
    "r",
    "sigmoid",
    "sinkhorn_divergence",
    "skewed_js",
    "softplus",
    "theta",
    "wasserstein",
    "wasserstein_dual",
]
