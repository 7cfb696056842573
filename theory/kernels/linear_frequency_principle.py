r"""The linear frequency principle in one dimension: cubic splines from readouts, polygons from knots."""

from __future__ import annotations

from sympy import And, Eq, Ge, Le, Rational

from theory.derivation import Derivation, Row
from theory.parameters import Parameter, positive_rational
from theory.proving import Identity
from theory.spectral.splines import (
    ENDS,
    GAP,
    HALF,
    JUMPS,
    KERNELS,
    READOUTS,
    SINES,
    WAVES,
    X,
    Y,
    kernel_rows,
    natural_rows,
    spline_rows,
    wave_rows,
)
from theory.statement import Hypothesis, Source, Statement

HALF_WIDTH = Rational(3, 2)  # not 1, at which a lost factor B would not show
PARAMETERS = (Parameter("half_width", "B, the knots are uniform on [-B, B]", "3/2", positive_rational()),)

LUO = Source(
    "T. Luo, Z. Ma, Z.-Q. J. Xu and Y. Zhang",
    "On the exact computation of linear frequency principle dynamics and its generalization",
    2020,
    identifier="arXiv:2010.08153",
)
ZHANG = Source(
    "Y. Zhang, Z.-Q. J. Xu, T. Luo and Z. Ma",
    "Explicitizing an implicit bias of the frequency principle in two-layer neural networks",
    2019,
    identifier="arXiv:1905.10264",
)


def statement(half_width: Rational = HALF_WIDTH) -> Statement:
    r"""f(x) = m^(-1/2) sum_r a_r rho(s_r (x - l_r)) with knots l_r uniform on [-B, B] and signs s_r."""
    return Statement(
        id="kernels.linear_frequency_principle",
        title="Splines from wide ReLU networks in one dimension",
        summary=(
            r"A wide network $f(x) = m^{-1/2} \sum_r a_r \rho(s_r (x - l_r))$ of ReLU units with random "
            r"knots, trained from $f = 0$, fits by $\sum_i c_i K(x, x_i)$. If the readout weights are "
            r"trained, this is a cubic spline with knots at the data and conditions at the ends that $B$ "
            r"enters; if the knots or biases are, a polygon. The kernels multiply a wave of frequency "
            r"$\omega$ by $1/(2 B \omega^4)$ and $1/(2 B \omega^2)$, up to a polynomial of the ends: low "
            r"frequencies first. Training both adds the two."
        ),
        hypotheses=(
            Hypothesis(
                r"the knots $l_r$ are uniform on $[-B, B]$, the signs $s_r = \pm 1$ are fair, $E a_r^2 = 1$, "
                "all independent"
            ),
            Hypothesis(r"$-B \leq x$ and $x + h \leq B$", And(Ge(X, -HALF), Le(X + GAP, HALF))),
            Hypothesis(
                r"$r$ and $l$ are what $K(x, y)$ is for $x > y$ and for $x < y$, as polynomials in $x$; "
                r"$T_b$ and $T_a$ are the integrals of $K_b(x, y) \sin \omega y$ and $K_a(x, y) \cos \omega "
                r"y$ over $-B < y < B$"
            ),
        ),
        conclusion=And(*KERNELS, *JUMPS, *ENDS, *WAVES, SINES),
        regime="exact",
        sources=(LUO, ZHANG),
        instance={X: -half_width / 2, GAP: 3 * half_width / 4, HALF: half_width},
    )


def derivation(half_width: Rational = HALF_WIDTH) -> Derivation:
    """Kernels, splines, ends, the natural spline, waves: for every B; measured at this one."""
    rows = (*kernel_rows(), *spline_rows(), *natural_rows(), *wave_rows())
    at_zero = Row(
        Eq(READOUTS.subs({X: 0, Y: 0}), HALF**2 / 6, evaluate=False),
        r"at $x = y = 0$ a unit is $|l|$ with probability 1/2: $E l^2 / 2 = B^2 / 6$",
        Identity(),
    )
    return Derivation(statement(half_width), rows, at_zero)
