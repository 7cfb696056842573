"""Rows of the proof: the time that descent takes to leave a saddle, and starts that never leave."""

from __future__ import annotations

from sympy import (
    Abs,
    Derivative,
    Eq,
    EulerGamma,
    Expr,
    Ge,
    Integral,
    Lt,
    Product,
    Rational,
    Subs,
    Symbol,
    erf,
    exp,
    gamma,
    log,
    oo,
    pi,
    sqrt,
    symbols,
)

from theory.derivation import Row
from theory.proving.antiderivative import Antiderivative
from theory.proving.definition import Citation
from theory.proving.identity import Identity
from theory.proving.induction import Induction
from theory.proving.nonnegativity import Nonnegativity
from theory.statement import Source

LEE = Source(
    "J. D. Lee, M. Simchowitz, M. I. Jordan and B. Recht",
    "Gradient descent only converges to minimizers",
    2016,
    identifier="arXiv:1602.04915",
)
PANAGEAS_PILIOURAS = Source(
    "I. Panageas and G. Piliouras",
    "Gradient descent only converges to minimizers: non-isolated critical points and invariant regions",
    2017,
    identifier="arXiv:1605.00405",
)
GAMMA = Source("M. Abramowitz and I. A. Stegun", "Handbook of Mathematical Functions", 1964, "Section 6.1")

eta, mu, R, s, rho, delta = symbols("eta mu R s rho delta", positive=True)
x, y, z = symbols("x y z", real=True)
k = Symbol("k", integer=True, nonnegative=True)
j = Symbol("j", integer=True)
a, b = symbols("a b", positive=True)  # kappa = a / (a + b) lies strictly between 0 and 1
kappa = a / (a + b)
growth = 1 + eta * mu


def survival() -> Expr:
    """P(T > k) = erf(R g^-k / (s sqrt(2))): the start lies within R g^-k."""
    return erf(R * growth ** (-k) / (sqrt(2) * s))


def two_steps(share: Expr = kappa) -> Expr:
    """What two steps of normalized descent multiply y by, at kappa = share."""
    return (1 + rho / share) * (1 + rho / (1 - share))


def mean_logarithm() -> Expr:
    """E ln|Z| for a standard normal Z."""
    return -(EulerGamma + log(2)) / 2


# The relations that the theorem concludes, each the relation of a row.

POWERS = Eq(Product(growth, (j, 1, k)), growth**k, evaluate=False)
SURVIVAL = Eq(
    Integral(exp(-(x**2) / (2 * s**2)) / (s * sqrt(2 * pi)), (x, -R * growth ** (-k), R * growth ** (-k))),
    survival(),
    evaluate=False,
)
_MOMENT = 2 ** (z / 2) * gamma((z + 1) / 2) / sqrt(pi)
MEAN = Eq(Subs(Derivative(_MOMENT, z), z, 0), mean_logarithm(), evaluate=False)
SQUARE = Eq(Subs(Derivative(_MOMENT, (z, 2)), z, 0), pi**2 / 8 + mean_logarithm() ** 2, evaluate=False)
TWO_STEPS = Eq(two_steps(), 1 + rho * (1 + rho) * (a + b) ** 2 / (a * b), evaluate=False)
SLOPE = Eq(delta * Derivative(log(R / (delta * s)) / log(growth), delta), -1 / log(growth), evaluate=False)
_NORM = sqrt((a * eta * mu / (rho * (a + b))) ** 2 + (mu * y) ** 2)  # of the gradient at x = kappa eta


def escape_rows() -> tuple[Row, ...]:
    """Linear descent along a negative eigenvalue -mu, from a Gaussian start."""
    return (
        Row(
            Eq(x - eta * Derivative(-mu * x**2 / 2, x), growth * x, evaluate=False),
            r"a step of descent along an eigenvalue $-\mu$ of the Hessian",
            Identity(),
        ),
        Row(
            POWERS,
            r"$k$ steps, so that $|x| < R$ is left after $T = \lceil \ln (R / |x_0|) / \ln(1 + \eta \mu) "
            r"\rceil$ "
            r"steps, and after more than $k$ of them where $|x_0| < R (1 + \eta \mu)^{-k}$",
            Induction(k, 0),
        ),
        Row(
            SURVIVAL,
            r"the probability of $T > k$ for $x_0 \sim N(0, s^2)$",
            Antiderivative(erf(x / (sqrt(2) * s)) / 2),
        ),
        *_moment_rows(),
        Row(SLOPE, r"from $\delta x_0$ the time grows with $\ln(1 / \delta)$ at this slope", Identity()),
    )


def _moment_rows() -> tuple[Row, ...]:
    """Mean and variance of the time, from the moments of ln|Z|."""
    return (
        Row(
            Eq(Integral(2 * x**z * exp(-(x**2) / 2) / sqrt(2 * pi), (x, 0, oo)), _MOMENT, evaluate=False),
            r"the moments $E|Z|^z$ of a standard normal $Z$, by $u = x^2 / 2$ in the integral of the gamma "
            r"function; "
            r"derivatives at $z = 0$ are the moments of $\ln|Z|$",
            Citation(GAMMA),
        ),
        Row(
            MEAN,
            r"the mean of $\ln|Z|$: on average $T$ is $(\ln(R / s) + (\gamma + \ln 2) / 2) / \ln(1 + \eta "
            r"\mu)$ "
            "before it is rounded up",
            Identity(),
        ),
        Row(
            SQUARE,
            r"the mean of its square, hence the variance $\pi^2 / 8$, over $\ln^2(1 + \eta \mu)$ that of $T$",
            Identity(),
        ),
    )


def slow_rows() -> tuple[Row, ...]:
    """A saddle that is not strict: f = -y^3 / 3 near 0."""
    height = symbols("y", positive=True)
    return (
        Row(
            Eq(1 / (height + eta * height**2), 1 / height - eta / (1 + eta * height), evaluate=False),
            r"where the saddle is not strict, for example along $-y^3 / 3$, a step subtracts less than "
            r"$\eta$ from "
            r"$1 / y$: leaving from $\delta$ takes more than $(1 / \delta - 1 / R) / \eta$ steps",
            Identity(),
        ),
    )


def convergence_rows() -> tuple[Row, ...]:
    """Descent with eta < 1 / L avoids strict saddles; above it may not."""
    second = symbols("f''", real=True)
    bound = symbols("L", positive=True)
    return (
        Row(
            Lt(Abs(second), bound, evaluate=False),
            r"$\eta < 1 / L$: descent is a diffeomorphism, and only a set of measure zero converges to "
            r"strict "
            "saddles, however many there are",
            Citation(PANAGEAS_PILIOURAS),
        ),
        Row(
            Eq(Integral(Rational(3, 2), (x, Rational(1, 2), 2)), 2 + Rational(1, 4), evaluate=False),
            r"an odd slope that is $-x/2$ up to $1/2$, rises by $3/2$ a unit up to 2 and is $x$ from there "
            r"on: it "
            r"is continuous, $L = 3/2$, and 0 is a strict maximum",
            Antiderivative(Rational(3, 2) * x),
        ),
        Row(
            Eq(Subs(x - eta * Derivative(x**2 / 2, x), eta, 1), 0, evaluate=False),
            r"with $\eta = 1 > 1 / L$ one step takes every $x \ge 2$ to the maximum itself: a third of "
            r"the "
            r"starts in $[-3, 3]$",
            Identity(),
        ),
    )


def normalized_rows() -> tuple[Row, ...]:
    """Normalized descent on (lambda_1 x^2 - lambda_2 y^2) / 2, rho = lambda_2 / lambda_1, mu = lambda_2."""
    step = y + eta * mu * y / _NORM
    return (
        Row(
            Eq(Subs(Derivative(step, y), y, 0), 1 + rho / kappa, evaluate=False),
            r"a step of length $\eta$ from $x = \kappa \eta$, $\kappa = a / (a + b)$, on $(\lambda_1 x^2 - "
            r"\mu "
            r"y^2) / 2$ with $\rho = \mu / \lambda_1$: what it multiplies a small $y$ by; $x$ goes to "
            r"$(\kappa - 1) "
            r"\eta$, then back",
            Identity(),
        ),
        Row(TWO_STEPS, "two steps, whatever the length", Identity()),
        Row(
            Ge(two_steps(), (1 + 2 * rho) ** 2, evaluate=False),
            r"at least $(1 + 2 \rho)^2$, which it is at $\kappa = 1/2$",
            Nonnegativity(rho * (1 + rho) * (a - b) ** 2 / (a * b)),
        ),
    )
