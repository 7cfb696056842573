"""The complete inertia of the Hessian at every critical point of a linear network of any depth."""

from __future__ import annotations

from sympy import And, Integer, Le, Symbol

from theory.derivation import Derivation
from theory.linear_landscape import deep_blocks, deep_counts
from theory.linear_landscape.deep_blocks import r
from theory.linear_landscape.deep_counts import around, ties, width
from theory.linear_landscape.deep_form import ACHOUR
from theory.linear_landscape.second_order import inv
from theory.parameters import Parameter, layer_widths
from theory.statement import Hypothesis, Source, Statement

DEEPEST = 4  # layers: the words of the second variation grow with the depth
LARGEST_WIDTH = 16
DEFAULT_WIDTHS = (4, 3, 3, 3)

BALDI_HORNIK = Source(
    "P. Baldi and K. Hornik",
    "Neural networks and principal component analysis: learning from examples without local minima",
    1989,
    identifier="doi:10.1016/0893-6080(89)90014-2",
)


PARAMETERS = (
    Parameter(
        "widths",
        "inputs, hidden units of every layer, outputs",
        DEFAULT_WIDTHS,
        layer_widths(LARGEST_WIDTH, DEEPEST),
    ),
)


def statement(widths: tuple[int, ...] = DEFAULT_WIDTHS) -> Statement:
    """2 L = |Y - W_H ... W_1 X|^2, W_h: d_h x d_{h-1}, X: inputs x examples; no mean, nothing centered.

    The conclusion gives index and nullity in the ranks f_ab, g_ab of ``theory.linear_landscape.deep_counts``,
    the rank r of the product, inv(S) and the number of ties, for every width at this depth; the given
    widths are those of the instance.
    """
    layers = len(widths) - 1
    return Statement(
        id="linear_networks.hessian_index",
        title="Index and nullity of the Hessian of deep linear networks",
        summary=_summary(),
        hypotheses=hypotheses(layers),
        conclusion=And(deep_counts.index_relation(layers), deep_counts.nullity_relation(layers)),
        regime="exact",
        sources=(ACHOUR, BALDI_HORNIK),
        instance=instance(widths),
    )


def derivation(widths: tuple[int, ...] = DEFAULT_WIDTHS) -> Derivation:
    """From the loss to three parts of the second variation, strings on a circle, and ranks."""
    layers = len(widths) - 1
    return Derivation(
        statement(widths),
        (
            *deep_blocks.rows(layers),
            *deep_counts.letter_rows(layers),
            *deep_counts.string_rows(layers),
            *deep_counts.count_rows(layers),
        ),
        deep_counts.limiting_case(layers, deep_counts.crossings(layers)),
    )


def hypotheses(layers: int) -> tuple[Hypothesis, ...]:
    """What is assumed of data and point; ties, and Sigma_XY without full rank, are allowed."""
    rho = around(layers, 0)
    return (
        Hypothesis(r"$\Sigma_{XX} = X X^T$ is positive definite"),
        Hypothesis("the gradient in every layer is zero"),
        Hypothesis(
            r"$r$ is the rank of $W_H \cdots W_1$, at most the rank $\rho = g_{H0}$ of $\Sigma_{XY} = X Y^T$",
            relation=Le(r, rho, evaluate=False),
        ),
        Hypothesis(
            r"$\mathrm{inv}$ and $\mathrm{tie}$ count the pairs of a chosen and a larger, or an equal, "
            r"non-zero eigenvalue of $\Sigma_{YX} \Sigma_{XX}^{-1} \Sigma_{XY}$ that is not chosen",
            relation=Le(inv + ties, r * (rho - r), evaluate=False),
        ),
    )


def instance(widths: tuple[int, ...]) -> dict[Symbol, Integer]:
    """One eigenvalue chosen, the largest, and nothing else passes any layer."""
    layers = len(widths) - 1
    ranks = dict.fromkeys(deep_counts.ranks(layers), Integer(1))
    sizes = {width(node): Integer(size) for node, size in enumerate(widths)}
    rho = Integer(min(widths[0], widths[-1]))
    return {**ranks, **sizes, around(layers, 0): rho, r: Integer(1), inv: Integer(0), ties: Integer(0)}


def _summary() -> str:
    return (
        r"$f_{ab} = \mathrm{rank}(W_b \cdots W_{a+1})$ and $g_{ab} = \mathrm{rank}(W_b \cdots W_1 "
        r"\Sigma_{XY} W_H \cdots W_{a+1})$ at a critical point decide the inertia of its Hessian. The index "
        r"is $\mathrm{inv}(S)$, whatever the layers do beside the chosen directions, and a sum over pairs of "
        r"layers of products of two differences of ranks. With two layers that is $(p - r)(\rho - r)$; "
        r"where nothing but the chosen directions passes any layer, three layers or more leave "
        r"$\mathrm{inv}(S)$ alone."
    )
