"""Which closed form applies to a run, and the losses that it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from numerics.matrix_riccati import riccati_factors
from proofs_checks.linear_dynamics.modes import effective_seeds, mode_curve
from proofs_checks.linear_dynamics.moments import TOLERANCE, Matrix, Modes, Moments
from proofs_checks.linear_dynamics.result import Method

Curve = Float[np.ndarray, " times"]

NOT_COMMUTING = (
    "the inputs are not white and X^T X does not commute with X^T Y Y^T X: no closed form of the course "
    "is known, so the predicted curve is the gradient flow, integrated numerically. Still true: the levels "
    "of the plateaus are critical values (least squares of rank 0, 1, ...), and two small layers grow at "
    "first like e^{s t} with s the singular values of Y^T X. With whitened inputs the course is known."
)
NOT_ALIGNED = (
    "three layers or more whose weights are not aligned with the data: no closed form of the course is "
    "known, so the predicted curve is the gradient flow, integrated numerically. Aligned layers have one."
)
FALLING = (
    "aligned layers so large that a mode starts beyond its end: the closed form is that of a rise, so the "
    "predicted curve is the gradient flow, integrated numerically. A smaller scale has a closed form."
)
SEEDS = (
    "colored inputs that commute with the targets: every mode follows its own logistic curve from an "
    "effective seed, in the limit of small weights; the error stated is against the integrated flow."
)


class Prediction(NamedTuple):
    """``losses`` is None where no closed form applies."""

    method: Method
    losses: Curve | None
    notes: tuple[str, ...]


def predicted(
    initialization: str, found: Moments, directions: Modes | None, layers: Sequence[Matrix], times: Curve
) -> Prediction:
    """The losses along the flow in closed form, where there is one."""
    if directions is None:
        return Prediction("integrated", None, (NOT_COMMUTING,))
    if found.white and len(layers) == 2:
        return _riccati(found, layers, times)
    if initialization == "aligned":
        return _aligned(found, directions, layers, times)
    if len(layers) == 2:
        seeds = effective_seeds(layers, found.basis, directions)
        return Prediction("modes", _by_modes(found, directions, seeds, 2, times), (SEEDS,))
    return Prediction("integrated", None, (NOT_ALIGNED,))


def _aligned(found: Moments, directions: Modes, layers: Sequence[Matrix], times: Curve) -> Prediction:
    start = np.diagonal(directions.left.T @ _product(found, layers) @ directions.right).copy()
    start[min(len(layers[0]), *(len(layer) for layer in layers)) :] = (
        0.0  # rounding, of modes that do not fit
    )
    ends = directions.rates / directions.variances
    if len(layers) > 2 and (start >= ends).any():
        return Prediction("integrated", None, (FALLING,))
    return Prediction("modes", _by_modes(found, directions, start, len(layers), times), ())


def _product(found: Moments, layers: Sequence[Matrix]) -> Matrix:
    result = layers[0] @ found.basis
    for layer in layers[1:]:
        result = layer @ result
    return result


def _by_modes(found: Moments, directions: Modes, seeds: Curve, depth: int, times: Curve) -> Curve:
    ends = directions.rates / directions.variances
    losses = np.full(times.shape, found.residual + float(directions.gains.sum()))
    for mode, seed in enumerate(seeds):
        if seed == 0:  # it is not represented, and stays where it is
            continue
        rate, variance, end = directions.rates[mode], directions.variances[mode], ends[mode]
        u = mode_curve(times, depth, rate, variance, float(seed))
        losses += variance / 2 * ((u - end) ** 2 - end**2)
    return losses


def _riccati(found: Moments, layers: Sequence[Matrix], times: Curve) -> Prediction:
    """Two layers with X^T X = mu I on its range: sqrt(mu) Q satisfies Riccati's equation."""
    variance = float(found.variances.mean())
    first, second = layers[0] @ found.basis, layers[1]
    imbalance = second.T @ second - first @ first.T
    level = float(np.trace(imbalance)) / len(imbalance)
    size = float(np.linalg.norm(first) ** 2 + np.linalg.norm(second) ** 2)
    spread = float(np.linalg.norm(imbalance - level * np.eye(len(imbalance)), 2))
    notes: tuple[str, ...] = ()
    if spread > TOLERANCE * size:
        # The closed form with lambda = 0 is near for small weights only; with another lambda it is no nearer.
        level = 0.0
        notes = (_unbalanced(imbalance),)
    outputs, inputs = found.cross.shape
    half = variance * level / 2
    generator = np.block([[-half * np.eye(inputs), found.cross.T], [found.cross, half * np.eye(outputs)]])
    factors = riccati_factors(generator, np.sqrt(variance) * np.concatenate([first.T, second]), times)
    products = factors[:, inputs:] @ factors[:, :inputs].transpose(0, 2, 1) / variance
    return Prediction("riccati", found.losses(products), notes)


def _unbalanced(imbalance: Matrix) -> str:
    return (
        "the initial weights are not balanced, |W_2^T W_2 - W_1 W_1^T| = "
        f"{np.linalg.norm(imbalance, 2):.2g}: the matrix solution is that of balanced weights with the same "
        "Q_0, exact in the limit of small weights; the error stated is against the integrated flow."
    )
