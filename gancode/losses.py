"""From expressions to torch functions that do not overflow: see `gancode.calculus.losses`."""

from .calculus.losses import CompileError, compile, relu, sigmoid, stable

__all__ = ["CompileError", "compile", "relu", "sigmoid", "stable"]
