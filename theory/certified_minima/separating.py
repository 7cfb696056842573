"""A tanh unit that does not separate at its global minimum, and targets with which it cannot happen.

The examples are x = 0 twice with the target -1/2, x = 1 with 1/2 and x = 5 twice with 1/2: separable.
Source: M. Brady, R. Raghavan and J. Slawny 1989; the numbers are computed here.
"""

from __future__ import annotations

from functools import lru_cache, partial

from sympy import Derivative, Eq, Expr, Gt, Lt, Rational, Subs, exp, symbols, tanh

from theory.certified_minima.functions import of_expression
from theory.certified_minima.minimum import CertifiedMinimum, certify
from theory.certified_minima.row import AtCertifiedMinimum
from theory.derivation import Row
from theory.proving.enclosure import Enclosure
from theory.proving.identity import Identity
from theory.proving.nonnegativity import Nonnegativity
from theory.statement import Domain

EXAMPLES = ((0, Rational(-1, 2), 2), (1, Rational(1, 2), 1), (5, Rational(1, 2), 2))  # input, target, repeats
START = (Rational("0.187"), Rational("-0.261"))
BOUND = Rational(47, 100)  # between the global minimum and the least loss of weights that separate

w, b, tau, z = symbols("w b tau z", real=True)
p, q, y, margin = symbols("p q y m", positive=True)
P, Q = symbols("P Q", nonnegative=True)
C_star, lambda_C, output = symbols("C_* lambda_C f_1", real=True)


def loss(slope: Expr, offset: Expr) -> Expr:
    """sum of (tanh(w x + b) - t)^2."""
    return sum(
        (count * (tanh(slope * x + offset) - target) ** 2 for x, target, count in EXAMPLES), Rational(0)
    )


@lru_cache
def minimum(radius: Rational, precision: int) -> CertifiedMinimum:
    """The certified local minimum, in (w, b)."""
    return certify(of_expression(loss(w, b), (w, b)), START, radius, precision)


def rows(radius: Rational, precision: int) -> tuple[Row, ...]:
    """A minimum that errs, a bound for all weights that do not, and why targets of +-1 exclude both."""
    return (*_global_rows(radius, precision), *_asymptotic_rows())


def _global_rows(radius: Rational, precision: int) -> tuple[Row, ...]:
    find = partial(minimum, radius, precision)
    method = AtCertifiedMinimum(find, C_star, lambda_C, ((output, lambda box: (box[0] + box[1]).tanh()),))
    unit_square = Domain({P: (0, 1), Q: (0, 1)})
    separated = 2 * (P - Rational(1, 2)) ** 2 + (Q - Rational(1, 2)) ** 2
    return (
        Row(
            Lt(C_star, BOUND),
            "the loss at a strict local minimum of a tanh unit on the five examples",
            method,
        ),
        Row(Lt(output, 0), r"where its output at $x = 1$ is wrong: the target is $+1/2$", method),
        Row(
            Eq(tanh(5 * q + 4 * p), _fraction(tanh(p), tanh(q)), evaluate=False),
            r"weights that separate have $b = -p$ and $w + b = q$ with $p, q \ge 0$, and $5 w + b = 5 q + "
            r"4 p$",
            Identity(),
        ),
        Row(
            Eq(_fraction(P, Q), _third(P, Q), evaluate=False),
            r"the output there in $P = \tanh p$ and $Q = \tanh q$, divided out so that each stands once",
            Identity(),
        ),
        Row(
            Gt(separated + 2 * (_third(P, Q) - Rational(1, 2)) ** 2, BOUND),
            r"their loss, in $P$ and $Q$, is above that of the minimum: no global minimum "
            "separates",
            Enclosure(),
            unit_square,
        ),
    )


def _fraction(first: Expr, second: Expr) -> Expr:
    """tanh(5 q + 4 p) for first = tanh p and second = tanh q."""
    above, below = (1 + second) ** 5 * (1 + first) ** 4, (1 - second) ** 5 * (1 - first) ** 4
    return (above - below) / (above + below)


def _third(first: Expr, second: Expr) -> Expr:
    """The same with every letter once, so that balls stay small."""
    return 2 / (1 + (2 / (1 + second) - 1) ** 5 * (2 / (1 + first) - 1) ** 4) - 1


def _asymptotic_rows() -> tuple[Row, ...]:
    slope = -2 * margin * (1 - tanh(z)) * (1 - tanh(z) ** 2)
    along = (tanh(z + tau * margin) - 1) ** 2
    return (
        Row(
            Eq(Subs(Derivative(along, tau), tau, 0), slope, evaluate=False),
            r"with the target $+1$ (and by symmetry $-1$) the loss of an example of margin $m = t \theta^T "
            r"x$ "
            r"changes at this rate along weights $\theta$ that separate, wherever its response $z$ is",
            Identity(),
        ),
        Row(
            Eq(
                (1 - tanh(z)) * (1 - tanh(z) ** 2),
                8 * exp(2 * z) / (1 + exp(2 * z)) ** 3,
                evaluate=False,
            ),
            "its last two factors",
            Identity(),
        ),
        Row(
            Lt(-16 * margin * y / (1 + y) ** 3, 0, evaluate=False),
            r"with $y = e^{2 z} > 0$ the rate is negative for every example: there is no critical point, "
            r"so that "
            "only interior targets let the unit fail",
            Nonnegativity(16 * margin * y / (1 + y) ** 3),
        ),
    )
