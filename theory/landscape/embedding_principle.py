"""Critical points of narrow networks in wide ones: embeddings, copies of units, and the inertia."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from sympy import And, Gt, Integer, Lt, Rational, Symbol, symbols

from theory.certified_minima import fukumizu_amari
from theory.certified_minima.minimum import PRECISION, RADIUS
from theory.certified_minima.parameters import CERTIFICATE, whole_number
from theory.certified_minima.row import AtCertifiedMinimum
from theory.derivation import Derivation, Row
from theory.embeddings import affine, counts
from theory.embeddings import copies as copying
from theory.embeddings.copies import m
from theory.errors import InputError
from theory.linear_landscape.letters import equation
from theory.parameters import Parameter, as_rational
from theory.proving.identity import Identity
from theory.statement import Hypothesis, Source, Statement

DEFAULT_OUTPUTS, DEFAULT_COPIES = 2, (Integer(2), Rational(-3, 2), Rational(1, 2))
LARGEST_OUTPUTS, MOST_COPIES, LARGEST_WEIGHT = 3, 4, 10
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
        "K. Fukumizu, S. Yamaguchi, Y. Mototake, M. Tanaka",
        "Semi-flat minima and saddle points by embedding neural networks to overparameterization",
        2019,
    ),
    Source(
        "Y. Zhang, Z. Zhang, T. Luo, Z. J. Xu",
        "Embedding principle of loss landscape of deep neural networks",
        2021,
        identifier="arXiv:2105.14573",
    ),
    Source(
        "B. Simsek, F. Ged, A. Jacot, F. Spadaro, C. Hongler, W. Gerstner, J. Brea",
        "Geometry of the loss landscape in overparameterized neural networks: symmetries and invariances",
        2021,
        identifier="arXiv:2105.12221",
    ),
    Source(
        "Y. Zhang, Y. Li, Z. Zhang, T. Luo, Z. J. Xu",
        "Embedding principle: a hierarchical structure of loss landscape of deep neural networks",
        2022,
        identifier="arXiv:2111.15527",
    ),
)

L_star, lambda_L, B_star = symbols("L_* lambda_L B_*", real=True)
delta, value_at_0 = symbols("delta sigma(0)", real=True)


def _share(value: object) -> Rational:
    number = as_rational(value)
    if not SMALLEST_SHARE <= number <= LARGEST_SHARE:
        raise InputError(
            f"{number} is not allowed: between 0 and 1 the split is a saddle, near 1 flat; give a share "
            f"from {float(SMALLEST_SHARE)} to {LARGEST_SHARE}"
        )
    return number


def _copies(value: object) -> tuple[Rational, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, Iterable):
        raise InputError(f"{value!r} is not allowed: give the weights of the copies, such as 2,-3/2,1/2")
    found = tuple(as_rational(part) for part in parts)
    if not 2 <= len(found) <= MOST_COPIES or sum(found) != 1:
        raise InputError(
            f"{', '.join(map(str, found))} is not allowed: give 2 to {MOST_COPIES} weights of sum 1"
        )
    if max(map(abs, found)) > LARGEST_WEIGHT:
        raise InputError(
            f"{max(found, key=abs)} is not allowed: give weights from -{LARGEST_WEIGHT} to {LARGEST_WEIGHT}"
        )
    return found


PARAMETERS = (
    Parameter(
        "outputs", "m, of the networks that are embedded", DEFAULT_OUTPUTS, whole_number(1, LARGEST_OUTPUTS)
    ),
    Parameter("copies", "alpha_1, ..., alpha_k of one unit, of sum 1", DEFAULT_COPIES, _copies),
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


def statement(
    outputs: int = DEFAULT_OUTPUTS,
    copies: tuple[Rational, ...] = DEFAULT_COPIES,
    points: int = DEFAULT_POINTS,
    steepness: int = DEFAULT_STEEPNESS,
    share: Rational = DEFAULT_SHARE,
    radius: Rational = RADIUS,
    precision: int = PRECISION,
) -> Statement:
    """Networks of one hidden layer and m outputs; copies of a unit (w, v) are (w, alpha_i v), sum alpha = 1.

    The conclusion has the congruence of any embedding that carries the gradient, for every number of
    weights; the eigenvalues that copies, and added units (0, 0), bring; and signs at a certified minimum of
    one tanh unit that make its splits with delta > 1 a line of spurious minima.
    """
    return Statement(
        id="landscape.embedding_principle",
        title="The embedding principle",
        summary=_summary(),
        hypotheses=_hypotheses(copies),
        conclusion=And(affine.congruence(), *counts.copied(), *counts.joined(), Gt(L_star, 0), Lt(B_star, 0)),
        regime="exact",
        sources=SOURCES,
        instance={
            **dict(zip(_weights(copies), copies, strict=True)),
            value_at_0: Integer(0),
            m: Integer(outputs),
        },
    )


def derivation(
    outputs: int = DEFAULT_OUTPUTS,
    copies: tuple[Rational, ...] = DEFAULT_COPIES,
    points: int = DEFAULT_POINTS,
    steepness: int = DEFAULT_STEEPNESS,
    share: Rational = DEFAULT_SHARE,
    radius: Rational = RADIUS,
    precision: int = PRECISION,
) -> Derivation:
    """Any compatible embedding, copies of a unit, added units; Krawczyk's test for one tanh unit."""
    rows = (
        *affine.rows(),
        *copying.rows(),
        *counts.rows(),
        *counts.added_rows(),
        *_line_rows(points, steepness, radius, precision),
    )
    return Derivation(
        statement(outputs, copies, points, steepness, share, radius, precision), rows, _limiting_case()
    )


def _weights(copies: tuple[Rational, ...]) -> tuple[Symbol, ...]:
    found: tuple[Symbol, ...] = symbols(f"alpha_1:{len(copies) + 1}", real=True)
    return found


def _hypotheses(copies: tuple[Rational, ...]) -> tuple[Hypothesis, ...]:
    return (
        Hypothesis(r"the loss depends on the outputs alone and is, as $\sigma$, twice differentiable"),
        Hypothesis(
            r"an affine embedding $\theta \mapsto T \theta + t$ keeps the loss, and $\nabla L_{wide}(T "
            r"\theta + t) = A \nabla L_{narrow}(\theta)$ for all $\theta$, as copies of units do"
        ),
        Hypothesis("the weights of the copies have sum 1", equation(sum(_weights(copies)), Integer(1))),
        Hypothesis(
            "$k_-$, $k_0$, $k_+$ of these weights are negative, zero, positive; $r$ is the rank of $C$, "
            "and $(b_-, b_0, b_+)$ the inertia of $B$ on the kernel of $C^T$"
        ),
        Hypothesis(r"$u$ units $(0, 0)$ are added, and $\sigma'(0) \sum x \ell'^T$ has rank $c$"),
        Hypothesis(
            r"where a unit is added, $\sigma(0) = 0$",
            holds=lambda values: bool(values[value_at_0] == 0),
        ),
    )


def _summary() -> str:
    return (
        "A critical point of a narrow network is one of a wider one: a unit $(w, v)$ becomes $k$ copies "
        r"$(w, \alpha_i v)$ with $\sum \alpha_i = 1$. Let $C = \sum \sigma' x \ell'^T$ have rank $r$ and $B "
        r"= \sum \langle \ell', v \rangle \sigma'' x x^T$ inertia $(b_-, b_0, b_+)$ on the kernel of $C^T$. "
        "With $k_-$ negative and $k_+$ positive weights the Hessian gains $(k - 1) r + (k_+ - 1) b_- + k_- "
        "b_+$ negative eigenvalues, at any weights, whatever the narrow Hessian is. One output: $r = 0$ at "
        r"a critical point with $v \ne 0$, two copies bring $\delta (1 - \delta) B$ and a zero. More "
        "outputs: unless $C = 0$, all copies are strict saddles. A further unit $(0, 0)$ makes a saddle, "
        r"unless $\sigma'(0) \sum x \ell'^T = 0$. For one tanh unit on the targets of two $B$ is negative: "
        r"every $\delta$ outside $[0, 1]$ is a local minimum that is not global."
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
            r"positive across the line of $\delta$, on which the loss is constant: spurious minima. For "
            r"$\delta$ between 0 and 1 they are strict saddles",
            method,
        ),
    )


def _limiting_case() -> Row:
    """Two copies: T = (1 - delta, -delta) is orthogonal to alpha = (delta, 1 - delta)."""
    found = delta * (1 - delta) ** 2 + (1 - delta) * delta**2
    return Row(
        equation(found, delta * (1 - delta)),
        r"two copies of weights $\delta$ and $1 - \delta$: $a = R^T D R$ with $R = (1 - \delta, -\delta)^T$ "
        "is the known factor of $B$",
        Identity(),
    )
