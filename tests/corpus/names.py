"""The symbols and functions that the statements share."""

from sympy import Function, Integer, Symbol, symbols

x, y, z, t = symbols("x y z t", real=True)
u, v, w, s = symbols("u v w s", positive=True)
p, q = symbols("p q", positive=True)
e = Symbol("e", nonnegative=True)
c, d = symbols("c d")  # complex
j, k = symbols("j k", integer=True)
m, n = symbols("m n", integer=True, nonnegative=True)

f, g, h = (Function(name, real=True) for name in "fgh")
D, E = (Function(name, positive=True) for name in "DE")


def ten(power):
    """An exact power of ten."""
    return Integer(10) ** power
