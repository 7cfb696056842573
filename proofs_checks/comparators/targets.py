"""From the numbers of a grid point to the checks of a comparator, with the refusals they share."""

from __future__ import annotations

from proofs_checks.comparators.protocol import Target
from theory.errors import InputError

RELATIVE_RESOLUTION = 0.05
# A margin near the resolution would widen what is supported: delta + rho is what a pass excludes.
LARGEST_MARGIN = 0.25


def relative_targets(
    predicted: tuple[float, ...],
    margin: tuple[float, ...],
    resolution: tuple[float, ...] | None,
    largest_margin: float,
) -> tuple[Target, ...]:
    """Targets whose resolution defaults to 5 % of the prediction; margin at most ``largest_margin`` of it."""
    resolutions = resolution or tuple(RELATIVE_RESOLUTION * abs(value) for value in predicted)
    for value, delta, rho in zip(predicted, margin, resolutions, strict=True):
        if rho == 0.0:
            raise InputError(f"a prediction of {value!r} has no relative scale: give the point a resolution")
        if delta > largest_margin * rho:
            raise InputError(
                f"margin {delta:.6g} is above {largest_margin:g} of the resolution {rho:.6g}: use the exact "
                "finite-size formula, a larger size, or declare a coarser resolution"
            )
    return tuple(map(Target, predicted, margin, resolutions))


def probability_targets(
    predicted: tuple[float, ...],
    margin: tuple[float, ...],
    resolution: tuple[float, ...] | None,
) -> tuple[Target, ...]:
    """Targets whose resolution is a probability (or a distance between distributions), by default 5 %."""
    resolutions = resolution or (RELATIVE_RESOLUTION,) * len(predicted)
    for rho in resolutions:
        if rho >= 1.0:
            raise InputError(f"the resolution is a probability here and must be below 1, got {rho!r}")
    return tuple(map(Target, predicted, margin, resolutions))
