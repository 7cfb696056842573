r"""One tanh unit that fits a sum of two: $L(w, a) = \frac{1}{2} \sum_i (a \tanh(w x_i) - y_i)^2$.

The targets $y = \tanh x + \tanh s x$ at an even number of equispaced points of $[-2, 2]$ are those of two
units, which have loss 0. The points come in pairs $\pm x$, which contribute alike.
"""

from __future__ import annotations

from functools import lru_cache

from sympy import Expr, Rational, Symbol, symbols, tanh

from theory.balls import BallFunction, ball, flint, lower_function
from theory.certified_minima.functions import summed
from theory.certified_minima.minimum import PRECISION, RADIUS, CertifiedMinimum, certify

HALF_WIDTH = 2
START = (Rational("2.4"), Rational("1.86"))  # near the minimum for 30 points and the steepness 6

w, a = WEIGHTS = symbols("w a", real=True)
x = Symbol("x", real=True)


def places(points: int) -> list[Rational]:
    """The positive half of the points."""
    return [Rational(HALF_WIDTH * (2 * i + 1), points - 1) for i in range(points // 2)]


def target(x: Expr, steepness: int) -> Expr:
    """tanh x + tanh s x."""
    return tanh(x) + tanh(steepness * x)


def loss_term(steepness: int) -> Expr:
    """(a tanh w x - y)^2, for both of a pair x and -x of points."""
    return (a * tanh(w * x) - target(x, steepness)) ** 2


def bending_term(steepness: int) -> Expr:
    """l' a tanh''(w x) x^2, twice."""
    output = tanh(w * x)
    return 2 * (a * output - target(x, steepness)) * a * -2 * output * (1 - output**2) * x**2


@lru_cache
def minimum(
    points: int, steepness: int, radius: Rational = RADIUS, precision: int = PRECISION
) -> CertifiedMinimum:
    """The certified minimum of one unit. Raises NotCertified where there is none near the start."""
    return certify(summed(loss_term(steepness), WEIGHTS, x, places(points)), START, radius, precision)


def bending_function(points: int, steepness: int) -> BallFunction:
    """B = sum of l' a tanh''(w x) x^2, in balls."""
    term = lower_function(bending_term(steepness), (*WEIGHTS, x))
    return lambda point: sum((term([*point, ball(place)]) for place in places(points)), flint.arb())
