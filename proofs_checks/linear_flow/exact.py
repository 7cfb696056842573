"""Steps of descent in rational arithmetic: how many entries differ from the closed form.

Gradients are differences of the loss that are exact for its degree: no formula for them is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from itertools import pairwise
from math import comb
from operator import add
from random import Random
from typing import Any, Literal

from sympy import QQ, Expr
from sympy.polys.matrices import DomainMatrix

from proofs_checks.insertion import value_of
from theory import rational_matrices as rational
from theory.linear_flow.balance import STEPPED, difference, entry, lower, upper
from theory.linear_flow.balanced import a, b, balanced_layers, gain
from theory.linear_flow.chain import decay, eta
from theory.linear_flow.singular_values import sigma, slope, velocity

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


def gain_mismatches(
    seed: int, *, widths: Sequence[int], loss: LossName, form: Expr | None = None, stretch: str = "1"
) -> float:
    """Entries of the product's velocity, in its singular bases, that differ from the form times the gradient.

    ``stretch`` multiplies the first layer and divides the last: where it is not 1 they are not balanced.
    """
    depth = len(widths) - 1
    inserted = gain(depth) if form is None else form
    rotated, slope, roots = _velocity(seed, tuple(widths), loss, stretch)
    wrong = 0
    for r, (rates, slopes) in enumerate(zip(rotated, slope, strict=True)):
        for q, (rate, one) in enumerate(zip(rates, slopes, strict=True)):
            wrong += rate != -value_of(inserted, {a: roots[r], b: roots[q]}) * one
    return float(wrong)


def singular_mismatches(
    seed: int, *, widths: Sequence[int], loss: LossName, form: Expr | None = None, stretch: str = "1"
) -> float:
    """Singular values of the product, of random signs, whose velocity differs from the form."""
    depth = len(widths) - 1
    inserted = velocity(depth) if form is None else form
    rotated, slopes, roots = _velocity(seed, tuple(widths), loss, stretch)
    signs, wrong = Random(seed), 0
    for r in range(min(len(rotated), len(rotated[0]))):
        sign = signs.choice((1, -1))
        values = {sigma: sign * roots[r] ** depth, slope: sign * slopes[r][r]}
        wrong += sign * rotated[r][r] != value_of(inserted, values)
    return float(wrong)


@lru_cache(maxsize=64)
def _velocity(seed: int, widths: tuple[int, ...], loss: LossName, stretch: str) -> tuple[Any, Any, list[Any]]:
    """The product's velocity and gradient in rational singular bases, and the roots of singular values.

    The velocity is the derivative at step size 0 of the product after a step of descent, a polynomial whose
    degree is the number of layers: forward differences give it exactly.
    """
    random, cut = Random(seed), [min(width, LARGEST_WIDTH) for width in widths]
    depth, factor = len(cut) - 1, _rational(stretch)
    frames = [rational.orthogonal(random, width) for width in cut]
    values = [QQ(random.randint(1, 5), random.randint(1, 3)) for _ in range(min(cut))]
    layers = balanced_layers(frames, values)
    layers = [layers[0] * factor, *layers[1:-1], layers[-1] * (1 / factor)]
    value = _loss(random, cut, loss)
    slopes = [_slope(value, layers, h) for h in range(depth)]

    def after(step: int) -> DomainMatrix:
        return _product([W - G * QQ(step) for W, G in zip(layers, slopes, strict=True)])

    weights = {step: QQ((-1) ** (step + 1) * comb(depth, step), step) for step in range(1, depth + 1)}
    rate = reduce(add, ((after(step) - after(0)) * weight for step, weight in weights.items()))
    gradient = _slope(value, [_product(layers)], 0)
    turned = [frames[-1].transpose() * one * frames[0] for one in (rate, gradient)]
    found = [[[QQ.to_sympy(x) for x in row] for row in one.to_list()] for one in turned]
    padded = [QQ.to_sympy(one) for one in [*values, *[QQ(0)] * LARGEST_WIDTH]]
    return found[0], found[1], padded


@lru_cache(maxsize=64)
def _step(
    seed: int, widths: tuple[int, ...], loss: LossName, step_size: str, decay_rate: str
) -> tuple[Layers, Layers, Layers]:
    """Layers, gradients, and the layers after a step, of widths cut to LARGEST_WIDTH."""
    random, cut = Random(seed), [min(width, LARGEST_WIDTH) for width in widths]
    layers = [rational.of_full_rank(random, after, before) for before, after in pairwise(cut)]
    value = _loss(random, cut, loss)
    slopes = [_slope(value, layers, h) for h in range(len(layers))]
    rate, shrink = _rational(step_size), _rational(decay_rate)
    after = [W * (1 - rate * shrink) - G * rate for W, G in zip(layers, slopes, strict=True)]
    return layers, slopes, after


def _loss(random: Random, widths: Sequence[int], name: LossName) -> Callable[[Layers], Any]:
    """|Y - W X|^2 / 2 for two random examples, or its square."""
    X, Y = (rational.of_full_rank(random, width, 2) for width in (widths[0], widths[-1]))

    def value(layers: Layers) -> Any:
        residual = Y - _product(layers) * X
        squared = sum(one * one for row in residual.to_list() for one in row) / 2
        return squared if name == "squared" else squared**2

    return value


def _product(layers: Layers) -> DomainMatrix:
    return reduce(lambda below, layer: layer * below, layers)


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
