"""Claims whose tolerance is so wide that nothing need fail, told from their numbers alone."""

from __future__ import annotations

from collections.abc import Iterator

from proofs_checks.claim import Claim
from proofs_checks.comparators import Enclosure, Exponent, Mean


def toothless(claim: Claim) -> Iterator[str]:
    """A sentence for each check that may support a prediction of 0, or one of the other sign."""
    if not isinstance(claim.comparator, Mean | Exponent | Enclosure):
        return  # the tolerance of the others is a probability or a rounding error
    for index, point in enumerate(claim.grid, start=1):
        for component, target in enumerate(point.targets(claim.comparator), start=1):
            tolerance = target.margin + target.resolution
            if tolerance >= abs(target.predicted) > 0:
                yield (
                    f"{claim.name}, point {index}, component {component}: nothing need fail: margin + "
                    f"resolution ({tolerance:.3g}) is not below the prediction ({target.predicted:.3g}), "
                    "so that 0 may pass"
                )
