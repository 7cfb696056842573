"""Eigenvalues of the tangent kernel of ReLU on the sphere S^q in R^(q+1), in closed form.

With P_k the Gegenbauer polynomial normalized to P_k(1) = 1, Funk and Hecke give for a step and for ReLU

    nu_k = r int_0^1 P_k(t) (1 - t^2)^(q/2 - 1) dt,    mu_k = r int_0^1 t P_k(t) (1 - t^2)^(q/2 - 1) dt,

r = Gamma((q+1)/2) / (sqrt(pi) Gamma(q/2)). The arc-cosine kernels E[step step] and E[ReLU ReLU] have the
eigenvalues nu_k^2 and (q+1) mu_k^2, since directions of Gaussian weights are uniform and E|w|^2 = q + 1.
"""

from __future__ import annotations

from sympy import Eq, Expr, Function, Integral, Product, Rational, Symbol, cos, gamma, legendre, pi, sin, sqrt

from theory.derivation import Row
from theory.proving import Antiderivative, Citation, Consequence, Induction
from theory.spectral.circle import ANGLE, RELU_KERNEL, primitive
from theory.statement import Source

SPHERE = Symbol("q", integer=True, positive=True)
PLACE = Symbol("j", integer=True, nonnegative=True)
FREQUENCY = 2 * PLACE + 2

NU, MU, LAMBDA, AT_ZERO = (Function(name) for name in ("nu", "mu", "lambda", "P"))

MUELLER = Source("C. Mueller", "Spherical Harmonics", 1966, "the formula of Funk and Hecke")
GEGENBAUER = Source(
    "NIST", "Digital Library of Mathematical Functions", 2024, "Sections 18.8 and 18.9", "dlmf.nist.gov/18"
)
BACH = Source(
    "F. Bach",
    "Breaking the curse of dimensionality with convex neural networks",
    2017,
    identifier="JMLR 18(19)",
)


def step_coefficient() -> Expr:
    """nu_k for k = 2 j + 1; it is 0 for even k >= 2, and nu_0 = 1/2."""
    top = (-1) ** PLACE * gamma((SPHERE + 1) / 2) * gamma(PLACE + Rational(1, 2))
    return top / (2 * pi * gamma(PLACE + SPHERE / 2 + 1))


def even_eigenvalue() -> Expr:
    """lambda_k of the tangent kernel without biases, k = 2 j + 2."""
    return step_coefficient() ** 2 * _share()


def _share() -> Expr:
    """lambda_k / nu_(k-1)^2."""
    q, k = SPHERE, FREQUENCY
    odd = (k - 1) / (k + q)
    return (q + 1) / (k + q) ** 2 + (k + (k + q - 1) * odd**2) / (2 * k + q - 1)


CONCLUSION = Eq(LAMBDA(FREQUENCY), even_eigenvalue())


def rows() -> tuple[Row, ...]:
    """From the three-term recurrence at t = 0 to every even eigenvalue."""
    steps = _step_rows()
    return (*steps, *_eigenvalue_rows(steps[-2].relation, steps[-1].relation))


def _step_rows() -> tuple[Row, ...]:
    """nu_(k-1) in closed form, and nu_(k+1) from it: the last two rows."""
    q, k, i = SPHERE, FREQUENCY, Symbol("i", integer=True, positive=True)
    factors = Product(-(2 * i - 1) / (2 * i + q - 2), (i, 1, PLACE))
    closed = (-1) ** PLACE * gamma(PLACE + Rational(1, 2)) * gamma(q / 2)
    value = Eq(factors, closed / (sqrt(pi) * gamma(PLACE + q / 2)))
    radial = gamma((q + 1) / 2) / (sqrt(pi) * gamma(q / 2))
    recurrence = Eq(AT_ZERO(2 * PLACE), factors)
    following = Eq(AT_ZERO(k), -(2 * PLACE + 1) / (2 * PLACE + q) * AT_ZERO(2 * PLACE))
    steps = tuple(Eq(NU(n), radial * AT_ZERO(n - 1) / (n + q - 1)) for n in (k - 1, k + 1))
    found = Eq(NU(k - 1), step_coefficient())
    neighbor = Eq(NU(k + 1), -(k - 1) / (k + q) * NU(k - 1))
    recurrences, radially = Citation(GEGENBAUER), (recurrence, value)
    return (
        Row(recurrence, "three-term recurrence at $t = 0$; $P(k)$ is the value there of $P_k$", recurrences),
        Row(value, "that product in closed form", Induction(PLACE, start=0)),
        Row(following, "the same recurrence, one step", recurrences),
        *(
            Row(
                one,
                r"$((1 - t^2)^{q/2} P_k')' = -k (k + q - 1) (1 - t^2)^{q/2 - 1} P_k$ and "
                r"$P_k'(0) = k P_{k-1}(0)$: the coefficient of a step",
                recurrences,
            )
            for one in steps
        ),
        Row(found, "insert the value", Consequence((steps[0], *radially))),
        Row(neighbor, "and the next one from it", Consequence((steps[1], following, steps[0]))),
    )


def _eigenvalue_rows(found: Eq, neighbor: Eq) -> tuple[Row, ...]:
    """From the coefficients of a step to those of ReLU, and to the eigenvalue."""
    q, k = SPHERE, FREQUENCY
    shared = Eq(LAMBDA(k), NU(k - 1) ** 2 * _share())
    ramp = Eq(MU(k), (k * NU(k - 1) + (k + q - 1) * NU(k + 1)) / (2 * k + q - 1))
    total = Eq(
        LAMBDA(k),
        (q + 1) * MU(k) ** 2 + (k * NU(k - 1) ** 2 + (k + q - 1) * NU(k + 1) ** 2) / (2 * k + q - 1),
    )
    return (
        Row(
            ramp,
            r"$(2 k + q - 1) t P_k = k P_{k-1} + (k + q - 1) P_{k+1}$, for $t$ times a step",
            Citation(GEGENBAUER),
        ),
        Row(
            total,
            r"eigenvalues of $E[\sigma \sigma] + t E[\sigma' \sigma']$: squares of the coefficients of ReLU "
            r"and step, and the recurrence again",
            Citation(MUELLER),
        ),
        Row(shared, "inserted", Consequence((total, ramp, neighbor))),
        Row(CONCLUSION, "the coefficient of the step inserted", Consequence((shared, found))),
    )


def two_sphere_row() -> Row:
    """S^2, k = 2, from the integral itself: 5/128."""
    half = RELU_KERNEL * legendre(2, cos(pi * ANGLE)) * pi * sin(pi * ANGLE) / 2
    known = even_eigenvalue().subs({SPHERE: 2, PLACE: 0})
    return Row(
        Eq(Integral(half, (ANGLE, 0, 1)), known, evaluate=False),
        r"$S^2$, $k = 2$, with $t = \cos \pi s$: 5/128",
        Antiderivative(primitive(half)),
    )
