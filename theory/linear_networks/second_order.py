"""Strict and non-strict saddles of linear networks of any depth: the rule of tightened pivots."""

from __future__ import annotations

from sympy import And, Integer, Symbol

from theory.derivation import Derivation, Row
from theory.linear_landscape import deep_counts, descent_curves
from theory.linear_landscape.deep_form import ACHOUR
from theory.linear_networks import hessian_index
from theory.linear_networks.hessian_index import DEFAULT_WIDTHS, PARAMETERS
from theory.proving.definition import CitedStatement
from theory.statement import Source, Statement

__all__ = ["PARAMETERS", "derivation", "statement"]

KAWAGUCHI = Source("K. Kawaguchi", "Deep learning without poor local minima", 2016, "", "arXiv:1605.07110")


def statement(widths: tuple[int, ...] = DEFAULT_WIDTHS) -> Statement:
    """2 L = |Y - W_H ... W_1 X|^2 at a critical point of rank r; a pivot is a pair of layers h < k.

    t is the sum over pivots of (rank W_{k-1} ... W_{h+1} - r)(rank W_{h-1} ... W_1 Sigma_XY W_H ... W_{k+1} -
    r), zero exactly where all are tightened; c is the index less inv(S). The conclusion holds for every width
    at this depth.
    """
    layers = len(widths) - 1
    return Statement(
        id="linear_networks.second_order",
        title="Strict and non-strict saddles of deep linear networks",
        summary=_summary(),
        hypotheses=hessian_index.hypotheses(layers),
        conclusion=And(deep_counts.index_relation(layers), *deep_counts.bounds(layers)),
        regime="exact",
        sources=(ACHOUR, KAWAGUCHI),
        instance=_instance(widths),
    )


def derivation(widths: tuple[int, ...] = DEFAULT_WIDTHS) -> Derivation:
    """From the index of the Hessian, by counting strings once and once for each pivot; first a curve down."""
    layers = len(widths) - 1
    cited = Row(
        deep_counts.index_relation(layers),
        "the inertia at every critical point",
        CitedStatement("linear_networks.hessian_index", {"widths": widths}),
    )
    rows = (*descent_curves.rows(), cited, *deep_counts.bound_rows(layers))
    limit = deep_counts.limiting_case(layers, deep_counts.untightened(layers))
    return Derivation(statement(widths), rows, limit)


def _instance(widths: tuple[int, ...]) -> dict[Symbol, Integer]:
    return hessian_index.instance(widths)


def _summary() -> str:
    return (
        r"A pivot, a pair of layers $h < k$, is tightened if $W_{k-1} \cdots W_{h+1}$ or $W_{h-1} \cdots W_1 "
        r"\Sigma_{XY} W_H \cdots W_{k+1}$ has the rank $r$ of $W_H \cdots W_1$. The sum over pivots of "
        r"the products of what these two ranks exceed $r$ by is positive exactly where the index exceeds "
        r"$\mathrm{inv}(S)$. So a critical point that has not chosen the largest eigenvalues is a strict "
        r"saddle; one that has chosen the $r$ largest is a strict saddle where some pivot is not tightened, "
        r"and else its Hessian has no negative eigenvalue: it is a global minimum, or a non-strict "
        r"saddle, which two layers do not have. With fewer than the largest rank chosen and idle units "
        r"silent "
        r"the loss falls at order $t^H$ along a curve: no such saddle is a local minimum."
    )
