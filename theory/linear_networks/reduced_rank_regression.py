"""The global minimum of a linear network is reduced-rank regression, and how far from it any network is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from sympy import And, Expr, Ge, Integer, Rational, Symbol, Trace, symbols

from theory.derivation import Derivation, Row
from theory.linear_landscape import letters as w
from theory.linear_landscape.letters import equation
from theory.linear_landscape.minimum import IZENMAN
from theory.linear_minima import regression_rows as rows
from theory.parameters import Parameter, layer_widths
from theory.proving.consequence import Consequence
from theory.proving.definition import Definition
from theory.proving.identity import Identity
from theory.statement import Domain, Hypothesis, Source, Statement

LARGEST_WIDTH, LARGEST_DEPTH = 12, 5  # deeper networks need longer training than a measurement may take
DEFAULT_WIDTHS = (5, 2, 4)

ECKART_YOUNG = Source(
    "C. Eckart and G. Young",
    "The approximation of one matrix by another of lower rank",
    1936,
    identifier="doi:10.1007/BF02288367",
)

STRICT = Source(
    "J. D. Lee, M. Simchowitz, M. I. Jordan and B. Recht",
    "Gradient descent only converges to minimizers",
    2016,
    identifier="arXiv:1602.04915",
)

TOTAL = Symbol("T", positive=True)
DISTANCE = Symbol("delta", nonnegative=True)
L, L_MIN = symbols("L L_min")


PARAMETERS = (
    Parameter(
        "widths",
        "inputs, hidden units of each layer, outputs",
        DEFAULT_WIDTHS,
        layer_widths(LARGEST_WIDTH, LARGEST_DEPTH),
    ),
)


def rank(widths: tuple[int, ...]) -> int:
    """k, the largest rank of a product that Sigma_YX of full rank can use."""
    return min(widths)


def eigenvalues(widths: tuple[int, ...]) -> tuple[Symbol, ...]:
    """lambda_1 >= lambda_2 >= ... > 0 of Sigma."""
    return symbols(f"lambda_1:{min(widths[0], widths[-1]) + 1}", positive=True)


def shares(widths: tuple[int, ...]) -> tuple[Symbol, ...]:
    """pi_i: the squared length of eigenvector i, projected on the columns of the product."""
    return symbols(f"pi_1:{min(widths[0], widths[-1]) + 1}", nonnegative=True)


def minimum(widths: tuple[int, ...]) -> Expr:
    """2 L at the global minimum: T less the k largest eigenvalues."""
    return TOTAL - sum(eigenvalues(widths)[: rank(widths)])


def excess(widths: tuple[int, ...]) -> Expr:
    """2 (L - minimum) of any network, a sum of terms none of which is negative."""
    return rows.missed(eigenvalues(widths), shares(widths), rank(widths)) + DISTANCE


def statement(widths: tuple[int, ...] = DEFAULT_WIDTHS) -> Statement:
    """L(W_1, ..., W_H) = |Y - W_H ... W_1 X|^2 / 2, X: inputs x examples, summed over the examples.

    The conclusion gives 2 L of every network as the minimum plus terms that are not negative, and the
    minimum.
    """
    levels = eigenvalues(widths)
    decreasing = [Ge(high, low) for high, low in pairwise(levels)]
    return Statement(
        id="linear_networks.reduced_rank_regression",
        title="Linear networks and reduced-rank regression",
        summary=(
            r"$2 L = \|Y - W_H \cdots W_1 X\|^2$, $k$ the least width. The minimum is that of reduced-rank "
            r"regression, $W = U_k U_k^T \Sigma_{YX} \Sigma_{XX}^{-1}$ with the first $k$ eigenvectors of "
            r"$\Sigma = \Sigma_{YX} \Sigma_{XX}^{-1} \Sigma_{YX}^T$, unweighted. Any network exceeds it by "
            r"what its columns miss of them ($\pi_i$ is the share of eigenvector $i$ inside the column "
            r"space) and by $\delta$, the squared distance of $W X$ from the best that this column space "
            r"allows. With $\lambda_k = \lambda_{k + 1}$ many products have the same loss. In two layers all "
            r"critical points but the minima are strict saddles: descent avoids them from almost every start."
        ),
        hypotheses=(
            Hypothesis(r"$\Sigma_{XX} = X X^T$ is positive definite and $\Sigma_{YX}$ has full rank"),
            Hypothesis(
                r"$\lambda_1 \ge \lambda_2 \ge \dots > 0$ are the eigenvalues of $\Sigma$, ties allowed",
                relation=And(*decreasing) if decreasing else None,
            ),
        ),
        conclusion=And(*_parts(widths)),
        regime="exact",
        sources=(IZENMAN, ECKART_YOUNG, STRICT),
        instance={level: Integer(len(levels) - k) for k, level in enumerate(levels)},
        domain=_domain(widths),
    )


def derivation(widths: tuple[int, ...] = DEFAULT_WIDTHS) -> Derivation:
    """Complete the square, project, and compare the shares with the best."""
    return Derivation(
        statement(widths),
        (
            *rows.excess_rows(),
            rows.bound_row(eigenvalues(widths), shares(widths), rank(widths)),
            rows.attained_row(),
            rows.tie_row(),
            rows.ONLY_STRICT_SADDLES,
            *_concluding_rows(widths),
        ),
        _limiting_case(),
    )


def _parts(widths: tuple[int, ...]) -> tuple[Any, ...]:
    return (
        equation(2 * L, minimum(widths) + excess(widths)),
        equation(2 * L_MIN, minimum(widths)),
    )


def _concluding_rows(widths: tuple[int, ...]) -> tuple[Row, ...]:
    levels, parts = eigenvalues(widths), shares(widths)
    square = rows.SQUARE.relation
    taken = sum(level * share for level, share in zip(levels, parts, strict=True))
    attained = rows.attained_row().relation
    names = (
        Row(equation(2 * L, square.lhs), "the loss, $W = W_H \\cdots W_1$", Definition()),
        Row(equation(rows.CAPTURED, taken), r"$\lambda_i$ beyond the rank of $\Sigma$ are 0", Definition()),
        Row(equation(rows.DISTANCE, DISTANCE), "the distance within the column space", Definition()),
        Row(equation(2 * L_MIN, attained.lhs), "the loss of the product that attains it", Definition()),
        Row(equation(Trace(w.S_YY), TOTAL), "the squares of all targets", Definition()),
        Row(equation(Trace(w.Lambda_S), sum(levels[: rank(widths)])), "$S = \\{1, ..., k\\}$", Definition()),
    )
    loss, captured, distance, least, total, chosen = (row.relation for row in names)
    everywhere, best = _parts(widths)
    return (
        *names,
        Row(
            everywhere,
            "insert, and replace what is captured by what is missed",
            Consequence(
                (loss, square, rows.IN_WHITENED, rows.PROJECTED, rows.SEEN, captured, distance, total)
            ),
        ),
        Row(best, "insert the first $k$ eigenvectors", Consequence((least, attained, total, chosen))),
    )


def _domain(widths: tuple[int, ...]) -> Domain:
    """Eigenvalues in disjoint boxes, decreasing; any shares."""
    levels, parts = eigenvalues(widths), shares(widths)
    count = len(levels)
    boxes = {
        level: (Rational(2 * (count - k) - 1), Rational(2 * (count - k))) for k, level in enumerate(levels)
    }
    return Domain(
        {**boxes, **{one: (0, 1) for one in parts}, TOTAL: (2 * count**2, 3 * count**2), DISTANCE: (0, 1)}
    )


def _limiting_case() -> Row:
    """One input, hidden unit and output: k = 1, and nothing is missed once the share is 1."""
    level, share = eigenvalues((1, 1, 1))[0], shares((1, 1, 1))[0]
    return Row(
        equation(minimum((1, 1, 1)) + excess((1, 1, 1)), TOTAL - share * level + DISTANCE),
        r"one input and output: $2 L = T - \lambda_1 + \delta$ where $W \ne 0$, $\pi_1 = 1$",
        Identity(),
    )
