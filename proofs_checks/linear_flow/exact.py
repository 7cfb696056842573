"""Steps of descent in rational arithmetic: how many entries differ from the closed form.

Gradients are differences of the loss that are exact for its degree: no formula for them is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from itertools import pairwise
from random import Random
from typing import Any, Literal

from sympy import QQ, Expr
from sympy.polys.matrices import DomainMatrix

from proofs_checks.insertion import value_of
from theory import rational_matrices as rational
from theory.linear_flow.balance import STEPPED, difference, entry, lower, upper
from theory.linear_flow.chain import decay, eta

LossName = Literal["squared", "quartic"]
LARGEST_WIDTH = 3  # each entry of each layer takes four values of the loss
# f'(0) = sum of weight times f(offset) for every polynomial f of degree 4 or less.
STENCIL = ((-2, QQ(1, 12)), (-1, QQ(-2, 3)), (1, QQ(2, 3)), (2, QQ(-1, 12)))

Layers = list[DomainMatrix]


def step_mismatches(
    seed: int,
    *,
    widths: Sequence[int],
    loss: LossName,
    step_size: str,
    decay_rate: str,
    form: Expr = STEPPED,
    signs: Sequence[int] = (1, -1),
) -> float:
    """Entries of D_h after one step that differ from the form.

    ``signs`` are those of W_{h+1}^T W_{h+1} and W_h W_h^T in D_h, of which the theorem has (1, -1).
    """
    numbers = {eta: QQ.to_sympy(_rational(step_size)), decay: QQ.to_sympy(_rational(decay_rate))}
    layers, slopes, after = _step(seed, tuple(widths), loss, step_size, decay_rate)
    wrong = 0
    for h in range(len(layers) - 1):
        D, D_after = (_compared(one, h, signs) for one in (layers, after))
        P, Q = slopes[h + 1].transpose() * slopes[h + 1], slopes[h] * slopes[h].transpose()
        for d, p, q, found in zip(*map(_entries, (D, P, Q, D_after)), strict=True):
            wrong += found != value_of(form, {**numbers, entry: d, upper: p, lower: q})
    return float(wrong)


def _compared(layers: Layers, h: int, signs: Sequence[int]) -> DomainMatrix:
    if tuple(signs) == (1, -1):
        return difference(layers[h], layers[h + 1])
    high, low = layers[h + 1], layers[h]
    return high.transpose() * high * QQ(signs[0]) + low * low.transpose() * QQ(signs[1])


@lru_cache(maxsize=64)
def _step(
    seed: int, widths: tuple[int, ...], loss: LossName, step_size: str, decay_rate: str
) -> tuple[Layers, Layers, Layers]:
    """Layers, gradients, and the layers after a step, of widths cut to LARGEST_WIDTH."""
    random, cut = Random(seed), [min(width, LARGEST_WIDTH) for width in widths]
    layers = [rational.general(random, after, before) for before, after in pairwise(cut)]
    X, Y = (rational.general(random, width, 2) for width in (cut[0], cut[-1]))

    def value(found: Layers) -> Any:
        residual = Y - reduce(lambda signal, layer: layer * signal, found, X)
        squared = sum(one * one for row in residual.to_list() for one in row) / 2
        return squared if loss == "squared" else squared**2

    slopes = [_slope(value, layers, h) for h in range(len(layers))]
    rate, shrink = _rational(step_size), _rational(decay_rate)
    after = [W * (1 - rate * shrink) - G * rate for W, G in zip(layers, slopes, strict=True)]
    return layers, slopes, after


def _slope(value: Callable[[Layers], Any], layers: Layers, h: int) -> DomainMatrix:
    """The gradient of the loss in layer h, entry by entry: its degree in one entry is at most 4."""
    rows, columns = layers[h].shape
    zero = rational.zeros(rows, columns).to_list()

    def slope(i: int, j: int) -> Any:
        total = QQ(0)
        for offset, weight in STENCIL:
            moved = [list(row) for row in zero]
            moved[i][j] = QQ(offset)
            there = layers[h] + DomainMatrix(moved, (rows, columns), QQ)
            total += weight * value([*layers[:h], there, *layers[h + 1 :]])
        return total

    entries = [[slope(i, j) for j in range(columns)] for i in range(rows)]
    return DomainMatrix(entries, (rows, columns), QQ).to_dense()


def _entries(matrix: DomainMatrix) -> list[Any]:
    return [QQ.to_sympy(one) for row in matrix.to_list() for one in row]


def _rational(text: str) -> Any:
    top, _, bottom = text.partition("/")
    return QQ(int(top), int(bottom or 1))
