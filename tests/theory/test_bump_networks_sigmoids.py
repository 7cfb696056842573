"""Sigmoidal activations: closed-form tails, limits, overshoot, and refusals with their reasons."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from sympy import Abs, Max, Min, atan, erf, exp, log, sign, sin, sqrt, tanh

from theory.bump_networks import approximate
from theory.bump_networks.activation import LOGISTIC, STEP, Z, sigmoid, simplest
from theory.errors import OutsideClass

pytest.importorskip("flint", reason="nothing can be certified without ball arithmetic")

# delta(T), the largest distance from the limits beyond T, by hand.
TAILS = [
    (LOGISTIC, lambda t: 1 / (1 + mpmath.exp(t))),
    (1 - 2 * LOGISTIC, lambda t: 1 / (1 + mpmath.exp(t))),
    (tanh(Z), lambda t: 1 / (1 + mpmath.exp(2 * t))),
    (atan(Z), lambda t: mpmath.mpf(1) / 2 - mpmath.atan(t) / mpmath.pi),
    (Z / sqrt(1 + Z**2), lambda t: (1 - t / mpmath.sqrt(1 + t**2)) / 2),
    (Z / (1 + Abs(Z)), lambda t: 1 / (2 * (1 + t))),
    (erf(Z), lambda t: mpmath.erfc(t) / 2),
    (Min(1, Max(0, Z)), lambda t: mpmath.mpf(0)),
    (exp(-exp(-Z)), lambda t: 1 - mpmath.exp(-mpmath.exp(-t))),
]


@pytest.mark.parametrize(
    ("activation", "tail"), TAILS, ids=lambda item: str(item) if not callable(item) else ""
)
def test_tails_match_their_closed_forms(activation, tail):
    unit = sigmoid(activation)
    for threshold in (Fraction(1), Fraction(5), Fraction(40)):
        truth = float(tail(mpmath.mpf(threshold.numerator) / threshold.denominator))
        found = float(unit.tail(threshold))
        # The limits are rationals within 2^-60 of the true ones, and the arithmetic has 160 bits.
        assert truth * (1 - 1e-12) - 1e-17 <= found <= truth * (1 + 1e-12) + 1e-17


def test_thresholds_invert_tails():
    for delta in (Fraction(1, 10), Fraction(1, 1000)):
        reached = sigmoid(LOGISTIC).threshold(delta)
        assert (
            float(np.log(float((1 - delta) / delta)))
            <= float(reached)
            <= 1.1 * float(np.log(float(1 / delta))) + 0.1
        )


def test_limits():
    assert (sigmoid(LOGISTIC).low, sigmoid(LOGISTIC).high) == (0, 1)
    assert (sigmoid(sign(Z)).low, sigmoid(sign(Z)).high) == (-1, 1)
    assert (sigmoid(STEP).low, sigmoid(STEP).high) == (0, 1)
    assert abs(float(sigmoid(atan(Z)).high) - np.pi / 2) < 1e-15
    assert simplest(Fraction(31415, 10000), Fraction(31416, 10000)) == Fraction(333, 106)
    assert simplest(Fraction(-7, 3), Fraction(-2)) == -2


def test_overshoot_and_slope():
    wild = LOGISTIC + 2 * sin(3 * Z) * exp(-(Z**2))
    points = np.linspace(-4, 4, 200_001)
    values = 1 / (1 + np.exp(-points)) + 2 * np.sin(3 * points) * np.exp(-(points**2))
    truth = max((values - 1).max(), (-values).max())
    assert truth <= float(sigmoid(wild).overshoot) <= truth + 0.1
    assert sigmoid(LOGISTIC).overshoot == 0
    assert 0.25 <= float(sigmoid(LOGISTIC).lipschitz) <= 0.26
    assert 0.5 <= float(sigmoid(Z / (1 + Abs(Z))).lipschitz) <= 0.52


def test_an_overshooting_sigmoid_still_approximates():
    from sympy import Symbol

    wild = LOGISTIC + 2 * sin(3 * Z) * exp(-(Z**2))
    found = approximate(sin(Symbol("x", real=True)), [(0, 1)], Fraction(1, 10), wild)
    assert found.certificate.upper <= Fraction(1, 10)


REFUSED = [
    (sin(Z), "keeps varying"),
    (Z * LOGISTIC, "unbounded"),
    (log(1 + exp(Z)), "unbounded"),
    (exp(-(Z**2)), "both 0"),
    (1 / Z, "both 0"),
    (log(Z), "not defined"),
    (LOGISTIC + 1 / sqrt(Abs(Z)), "unbounded near z = 0"),
    (LOGISTIC.subs(Z, 3), "expression in z"),
]


@pytest.mark.parametrize(("activation", "said"), REFUSED, ids=lambda item: str(item))
def test_other_activations_are_refused_with_the_reason(activation, said):
    with pytest.raises(OutsideClass) as refusal:
        sigmoid(activation)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
