"""One hidden unit, its tangent kernel, and the laws of the mean and the variance over units."""

from __future__ import annotations

from sympy import Eq, Function, Lt, Max, Rational, Symbol, symbols

from theory.gaussian.expectation import A, B, C
from theory.gaussian.rows import Mean
from theory.statement import Domain

Z = Symbol("z", real=True)
RELU = Max(Z, 0)

THETA, WIDTH, VARIANCE, FOURTH = (
    Function("Theta")(A, B, C),
    Symbol("m", integer=True, positive=True),
    Symbol("V_m", real=True),
    Symbol("mu4", positive=True),
)
# One unit: S = s(u) s(v) and D = s'(u) s'(v) from the input weights, the readout weight, and its kernel Z.
S, D, READOUT, Z_UNIT = symbols("S D alpha Z", real=True)
UNIT = Eq(Z_UNIT, S + READOUT**2 * C * D)
LIMIT = Eq(THETA, Mean(Z_UNIT))
SECOND, FOURTH_MOMENT = Eq(Mean(READOUT**2), 1), Eq(Mean(READOUT**4), FOURTH)
# The mean of Z_UNIT over the readout weight, which is independent of the input weights.
UNIT_MEAN = Eq(Mean(UNIT.rhs), Mean(S) + C * Mean(READOUT**2) * Mean(D))
LAW = Eq(
    WIDTH * VARIANCE, Mean(S**2) + 2 * C * Mean(S * D) + FOURTH * C**2 * Mean(D**2) - THETA**2, evaluate=False
)
INSTANCE = {A: Rational(9, 10), B: Rational(7, 10), C: Rational(1, 5)}
DOMAIN = Domain(
    {
        A: (Rational(1, 5), Rational(9, 10)),
        B: (Rational(1, 5), Rational(9, 10)),
        C: (Rational(-9, 10), Rational(9, 10)),
    },
    (Lt(C**2, A * B),),
)
