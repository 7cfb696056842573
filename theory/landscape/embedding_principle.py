"""Critical points of narrow networks in wide ones: splitting a unit, adding one, and the inertia then."""

from __future__ import annotations

from functools import partial

from sympy import And, Derivative, Eq, Expr, Function, Gt, Lt, Ne, Rational, Subs, Symbol, symbols

from theory.certified_minima import fukumizu_amari
from theory.certified_minima.minimum import PRECISION, RADIUS
from theory.certified_minima.parameters import CERTIFICATE, whole_number
from theory.certified_minima.row import AtCertifiedMinimum
from theory.derivation import Derivation, Row
from theory.errors import InputError
from theory.parameters import Parameter, as_rational
from theory.proving.definition import Definition
from theory.proving.identity import Identity
from theory.statement import Hypothesis, Source, Statement

DEFAULT_POINTS, DEFAULT_STEEPNESS, DEFAULT_SHARE = 30, 6, Rational(3, 2)
POINTS, STEEPNESS = (10, 30), (4, 8)
SMALLEST_SHARE, LARGEST_SHARE = Rational(11, 10), 3

SOURCES = (
    Source(
        "K. Fukumizu, S. Amari",
        "Local minima and plateaus in hierarchical structures of multilayer perceptrons",
        2000,
    ),
    Source(
        "Y. Zhang, Z. Zhang, T. Luo, Z. J. Xu",
        "Embedding principle of loss landscape of deep neural networks",
        2021,
        identifier="arXiv:2105.14573",
    ),
)

tau, z, p, q, alpha, eta, a, delta = symbols("tau z p q alpha eta a delta", real=True)
w_bar, u = symbols("wbar u", real=True)
L_star, lambda_L, B_star = symbols("L_* lambda_L B_*", real=True)
f = Symbol("f")
sigma = Function("sigma")


def _share(value: object) -> Rational:
    number = as_rational(value)
    if not SMALLEST_SHARE <= number <= LARGEST_SHARE:
        raise InputError(
            f"{number} is not allowed: between 0 and 1 the split is a saddle, near 1 flat; give a share "
            f"from {float(SMALLEST_SHARE)} to {LARGEST_SHARE}"
        )
    return number


PARAMETERS = (
    Parameter(
        "points",
        "of the data of the certified line, an even number",
        DEFAULT_POINTS,
        whole_number(*POINTS, True),
    ),
    Parameter(
        "steepness", "s, of the second unit in the targets", DEFAULT_STEEPNESS, whole_number(*STEEPNESS)
    ),
    Parameter("share", "delta > 1 at which training starts near the line", DEFAULT_SHARE, _share),
    *CERTIFICATE,
)


def split_factor() -> Expr:
    """What multiplies B in the Hessian of the split network."""
    return delta * (1 - delta)


def statement(
    points: int = DEFAULT_POINTS,
    steepness: int = DEFAULT_STEEPNESS,
    share: Rational = DEFAULT_SHARE,
    radius: Rational = RADIUS,
    precision: int = PRECISION,
) -> Statement:
    """Networks of one hidden layer and one output; a unit (w, a) becomes (w, delta a), (w, (1 - delta) a).

    The conclusion has the second derivatives of the output of the split and of the added unit, and signs at a
    certified minimum of one tanh unit that make its splits with delta > 1 a line of spurious minima.
    """
    return Statement(
        id="landscape.embedding_principle",
        title="The embedding principle",
        summary=(
            r"A critical point of a narrow network is one of a wider one: split a unit $(w, a)$, $a \ne 0$, "
            r"into $(w, \delta a)$ and $(w, (1 - \delta) a)$. With $B = \sum \ell' a \sigma''(w^T x) x x^T$ "
            r"the inertia grows by that of $\delta (1 - \delta) B$ and one zero. Where $\sigma(0) = 0$ a "
            r"unit $(0, 0)$ can be added: the inertia grows by one negative, one positive, $d - 1$ zeros, "
            r"unless $\sigma'(0) \sum \ell' x = 0$. For one tanh unit on the targets of two $B$ is negative "
            r"and the loss positive: every $\delta$ outside $[0, 1]$ is a local minimum that is not global."
        ),
        hypotheses=(
            Hypothesis("the narrow point is critical, and the unit that is split has $a \\ne 0$", Ne(a, 0)),
            Hypothesis(
                r"where a unit is added, $\sigma(0) = 0$",
                holds=lambda values: bool(values[sigma(0)] == 0),
            ),
        ),
        conclusion=And(_split_curvature(), _added_curvature(), Gt(L_star, 0), Lt(B_star, 0)),
        regime="exact",
        sources=SOURCES,
        instance={a: Rational(1), sigma(0): Rational(0)},
    )


def derivation(
    points: int = DEFAULT_POINTS,
    steepness: int = DEFAULT_STEEPNESS,
    share: Rational = DEFAULT_SHARE,
    radius: Rational = RADIUS,
    precision: int = PRECISION,
) -> Derivation:
    """Derivatives of the output in adapted coordinates; Krawczyk's test for the narrow network."""
    rows = (*_splitting_rows(), *_added_rows(), *_line_rows(points, steepness, radius, precision))
    return Derivation(statement(points, steepness, share, radius, precision), rows, _limiting_case())


def _split(tau: Expr) -> Expr:
    """The two units, moved by tau in the coordinates of the theorem."""
    first = (delta * (a + tau * alpha) + tau * eta) * sigma(z + tau * (q + (1 - delta) * p))
    second = ((1 - delta) * (a + tau * alpha) - tau * eta) * sigma(z + tau * (q - delta * p))
    return first + second


def _at_zero(form: Expr, order: int) -> Expr:
    return Subs(Derivative(form, (tau, order)), tau, 0)


def _prime(order: int) -> Expr:
    return sigma(z).diff(z, order)


def _split_slope() -> Eq:
    return Eq(_at_zero(_split(tau), 1), alpha * sigma(z) + a * _prime(1) * q, evaluate=False)


def _split_curvature() -> Eq:
    narrow = a * _prime(2) * q**2 + 2 * alpha * _prime(1) * q
    added = split_factor() * a * _prime(2) * p**2 + 2 * eta * _prime(1) * p
    return Eq(_at_zero(_split(tau), 2), narrow + added, evaluate=False)


def _splitting_rows() -> tuple[Row, ...]:
    back = delta * (w_bar + (1 - delta) * u) + (1 - delta) * (w_bar - delta * u)
    return (
        Row(
            Eq(f, _split(tau), evaluate=False),
            r"the output of the two units at $w_1 = \bar w + (1 - \delta) u, w_2 = \bar w - \delta u, a_1 = "
            r"\delta \bar a + \eta, a_2 = (1 - \delta) \bar a - \eta$, on an example with $z = w^T x$, moved "
            r"by $\tau$: $q$ and $p$ are the moves of $\bar w^T x$ and $u^T x$",
            Definition(),
        ),
        Row(
            Eq(back, w_bar, evaluate=False),
            r"$\bar w = \delta w_1 + (1 - \delta) w_2$, $u = w_1 - w_2$: the coordinates can be inverted, so "
            "they leave the inertia as it is",
            Identity(),
        ),
        Row(
            _split_slope(),
            r"the slope is that of the narrow unit, $u$ and $\eta$ do not occur: the split point is critical "
            r"for every $\delta$. That $w$ is critical says that $a \sum \ell' \sigma' x = 0$",
            Identity(),
        ),
        Row(
            _split_curvature(),
            r"the second derivative: with $\ell'$ the first two terms are those of the narrow Hessian, "
            r"the third is $\delta (1 - \delta) u^T B u$, the last vanishes as $a \ne 0$; the slope squared, "
            r"with $\ell''$, belongs to the narrow Hessian. So $\eta$ gives one zero and $u$ the inertia of "
            r"$\delta (1 - \delta) B$",
            Identity(),
        ),
    )


def _added_curvature() -> Eq:
    slope = Subs(Derivative(sigma(z), z), z, 0)
    return Eq(_at_zero(tau * alpha * sigma(tau * p), 2), 2 * alpha * p * slope, evaluate=False)


def _added_rows() -> tuple[Row, ...]:
    return (
        Row(
            _added_curvature(),
            r"a unit $(\tau p, \tau \alpha)$ added at $(0, 0)$: no slope as $\sigma(0) = 0$, and second "
            r"derivatives between $\alpha$ and $w$ only, in all $2 \alpha c^T w$ with $c = \sigma'(0) \sum "
            r"\ell' x$",
            Identity(),
        ),
        Row(
            Eq(2 * alpha * p, (alpha + p) ** 2 / 2 - (alpha - p) ** 2 / 2, evaluate=False),
            r"so $c \ne 0$ gives one positive, one negative and $d - 1$ zeros, where $p$ is $w$ along $c$: a "
            "strict saddle",
            Identity(),
        ),
    )


def _line_rows(points: int, steepness: int, radius: Rational, precision: int) -> tuple[Row, ...]:
    method = AtCertifiedMinimum(
        partial(fukumizu_amari.minimum, points, steepness, radius, precision),
        L_star,
        lambda_L,
        ((B_star, fukumizu_amari.bending_function(points, steepness)),),
    )
    return (
        Row(
            Gt(lambda_L, 0),
            f"one tanh unit on the targets of two, at {points} points: a strict local minimum",
            method,
        ),
        Row(Gt(L_star, 0), "its loss is positive, and two units reach 0", method),
        Row(
            Lt(B_star, 0),
            r"so $\delta (1 - \delta) B$ is positive for $\delta$ outside $[0, 1]$: the split Hessian is "
            r"positive across the line of $\delta$, on which the loss is constant: spurious minima. "
            r"For $\delta$ between 0 and 1 they are strict saddles",
            method,
        ),
    )


def _limiting_case() -> Row:
    """delta = 1: the second unit has no weight of its own, and u none of the curvature."""
    narrow = a * _prime(2) * q**2 + 2 * alpha * _prime(1) * q
    return Row(
        Eq(_at_zero(_split(tau).subs(delta, 1), 2), narrow + 2 * eta * _prime(1) * p, evaluate=False),
        r"$\delta = 1$: a unit without output weight is added, and $B$ drops out",
        Identity(),
    )
