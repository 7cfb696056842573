"""Plateaus of a loss curve: their levels, and when the curve is halfway from one to the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from proofs_checks.linear_dynamics.moments import Modes, Moments
from proofs_checks.linear_dynamics.result import Plateau

Curve = Float[np.ndarray, " records"]


def plateaus(
    widths: Sequence[int],
    step_size: float,
    found: Moments,
    directions: Modes | None,
    steps: Int[np.ndarray, " records"],
    predicted: Curve,
    trained: Curve,
) -> tuple[Plateau, ...]:
    """A plateau for every number of modes that the widths allow.

    Where the moments commute the modes are learned in the order of their rates; otherwise the levels are
    those of least squares of growing rank, where training from vanishing weights pauses.
    """
    gains = _whitened_gains(found) if directions is None else directions.gains
    count = min(*widths, len(gains))
    levels = found.total - np.concatenate([[0.0], np.cumsum(gains[:count])])
    rates = directions.rates if directions is not None and len(widths) == 3 else None
    result = []
    for rank, level in enumerate(levels):
        last = rank == count
        middle = None if last else (level + levels[rank + 1]) / 2
        half = None if middle is None else crossing(steps, predicted, middle)
        rate = None if last or rates is None else float(rates[rank])
        discrete = None if half is None or rate is None else half * discrete_ratio(step_size, rate)
        measured = None if middle is None else crossing(steps, trained, middle)
        result.append(Plateau(rank, float(level), half, discrete, measured))
    return tuple(result)


def discrete_ratio(step_size: float, rate: float) -> float:
    """s / (ln(1 + eta s) / eta): how much longer descent takes to grow than the flow."""
    return float(step_size * rate / np.log1p(step_size * rate))


def crossing(steps: Int[np.ndarray, " records"], losses: Curve, level: float) -> float | None:
    """The step at which the curve first falls to the level, between records by a straight line."""
    below = losses <= level
    if not below.any() or below[0]:
        return None
    after = int(np.argmax(below))
    share = (losses[after - 1] - level) / (losses[after - 1] - losses[after])
    return float(steps[after - 1] + share * (steps[after] - steps[after - 1]))


def _whitened_gains(found: Moments) -> Float[np.ndarray, " modes"]:
    values = np.linalg.svd(found.cross / np.sqrt(found.variances), compute_uv=False)
    return np.asarray(values**2 / 2)
