"""Descent from near the line of copies of a certified unit: it stays where the line is one of minima."""

from __future__ import annotations

import numpy as np
from sympy import Rational

from proofs_checks.embeddings import tanh
from theory.certified_minima import fukumizu_amari

NEARBY = 0.02
STEP = 0.6  # over the points; times the largest curvature, about 1.6 a point: 1


def residual(
    seed: int,
    *,
    points: int,
    steepness: int,
    share: float,
    radius: str,
    precision: int,
    outputs: int,
    units: int,
) -> float:
    """The loss after descent from near the split of the certified unit, less its loss, in budgets.

    The budget is what the last gradient grants with half the smallest curvature across the line, at most 1 %
    of the certified loss. Outputs but the first have targets and weights 0, and keep them; ``units`` and
    ``outputs`` are those of the compiled network.
    """
    found = fukumizu_amari.minimum(points, steepness, Rational(radius), precision)
    weight, output = found.point
    split_on_line = np.array([weight, weight, share * output, (1 - share) * output])
    data = _data(points, steepness, outputs)
    start = split_on_line + NEARBY * np.random.default_rng(seed).normal(size=4)
    _, loss, norm = tanh.descended(_two_units(start, outputs, units), *data, STEP / points)
    certified = float(found.value.mid())
    curvature = _across(_two_units(split_on_line, outputs, units), data) / 2
    sizes = np.abs(split_on_line[2:]).sum() + np.abs(data[1]).max()
    terms = np.sqrt(2 * points * certified) * sizes  # at least the sum of |f - y| (|a_1| + |a_2| + |y|)
    rounding = tanh.OPERATIONS * tanh.UNIT_ROUNDOFF * terms
    return (loss - certified) / (min(norm**2 / curvature, certified / 100) + rounding)


def _two_units(numbers: np.ndarray, outputs: int, units: int) -> tanh.Layers:
    """Two units of one input and one output, (w_1, w_2, a_1, a_2)."""
    weights, values = np.zeros((2, tanh.INPUTS)), np.zeros((2, outputs))
    weights[:, 0], values[:, 0] = numbers[:2], numbers[2:]
    return tanh.padded(weights, values, units)


def _across(layers: tanh.Layers, data: tuple[np.ndarray, np.ndarray]) -> float:
    """The smallest curvature but the one along the line, which is 0."""
    units, outputs = layers[1].shape
    offset = units * tanh.INPUTS
    part = [0, tanh.INPUTS, offset, offset + outputs]
    matrix = tanh.derivatives(layers, *data)[1][np.ix_(part, part)]
    return float(np.sort(np.abs(np.linalg.eigvalsh(matrix)))[1])


def _data(points: int, steepness: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """The data of the theory; the examples that are left over have inputs and targets 0."""
    half = np.array([float(x) for x in fukumizu_amari.places(points)])
    inputs, targets = np.zeros((tanh.EXAMPLES, tanh.INPUTS)), np.zeros((tanh.EXAMPLES, outputs))
    inputs[:points, 0] = [*half, *-half]
    targets[:points, 0] = np.tanh(inputs[:points, 0]) + np.tanh(steepness * inputs[:points, 0])
    return inputs, targets
