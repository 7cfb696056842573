"""Checking a certificate again, from its own figures: no experiment is run and no theorem is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from proofs_checks.certificate import Certificate, JudgedPoint, digest_of
from proofs_checks.comparators import (
    Bound,
    Comparator,
    Distribution,
    Enclosure,
    Exponent,
    Identity,
    Mean,
    Ordering,
)
from proofs_checks.comparators.protocol import Levels, Target
from proofs_checks.observation import Observation
from proofs_checks.verdict import Verdict, combine
from theory.errors import InputError


def recheck(certificate: Certificate) -> tuple[str, ...]:
    """What does not hold: nothing for a sound certificate.

    The seal must be the hash of the design, the figures of every grid point those of the design, and every
    outcome must follow from the recorded summaries at the recorded levels.
    """
    faults = []
    if digest_of(certificate.design) != certificate.seal:
        faults.append("the seal is not the hash of the design")
    try:
        comparator, levels = _comparator(certificate.design), _levels(certificate.design)
        grid = certificate.design["grid"]
    except (KeyError, TypeError, AttributeError) as error:
        return (*faults, f"the design lacks or misuses a field: {error}")
    except InputError as error:
        return (*faults, f"the design is not one that a judge accepts: {error}")
    if len(grid) != len(certificate.points):
        return (*faults, f"{len(certificate.points)} points were judged, the design has {len(grid)}")
    for index, (point, designed) in enumerate(zip(certificate.points, grid, strict=True)):
        faults += [f"point {index}: {fault}" for fault in _point(point, designed, comparator, levels)]
    if combine(point.verdict for point in certificate.points) != certificate.verdict:
        faults.append("the verdict is not that of its points")
    return tuple(faults)


def _comparator(design: Mapping[str, Any]) -> Comparator:
    options = {name: value for name, value in design["comparator"].items() if name not in ("name", "code")}
    kinds: dict[str, Any] = {
        kind.name: kind for kind in (Bound, Distribution, Enclosure, Exponent, Identity, Mean, Ordering)
    }
    name = design["comparator"]["name"]
    if name not in kinds:
        raise InputError(f"unknown comparator {name!r}: one of {', '.join(sorted(kinds))}")
    if name == Distribution.name:
        options = {"cdf": np.asarray}  # the recorded distances stand for it
    found: Comparator = kinds[name](**options)
    return found


def _levels(design: Mapping[str, Any]) -> Levels:
    names = ("alpha", "nominal_alpha", "beta", "looks", "stages")
    return Levels(**{name: design["levels"][name] for name in names})


def _point(
    point: JudgedPoint, designed: Mapping[str, Any], comparator: Comparator, levels: Levels
) -> list[str]:
    targets = [Target(**check) for check in designed["checks"]]
    fields = zip(point.predicted, point.margin, point.resolution, point.upper, strict=True)
    if [Target(*numbers) for numbers in fields] != targets or point.parameters != designed["parameters"]:
        return ["its figures are not those of the sealed design"]
    if len(point.outcomes) != len(targets):
        return [f"{len(point.outcomes)} outcomes for {len(targets)} checks"]
    faults = []
    for check, (outcome, target) in enumerate(zip(point.outcomes, targets, strict=True)):
        observed = [one for one in point.observations if one.component == check]
        if outcome != "invalid" and not _follows(outcome, observed, target, comparator, levels):
            faults.append(f"check {check}: {outcome} does not follow from its figures")
    if _combined(point.outcomes) != point.verdict.outcome:
        faults.append("its verdict is not that of its checks")
    return faults


def _combined(outcomes: tuple[Any, ...]) -> str:
    return combine(Verdict(outcome, "", 0.0, 0.0) for outcome in outcomes).outcome


def _follows(
    outcome: str, observed: list[Observation], target: Target, comparator: Comparator, levels: Levels
) -> bool:
    """Whether the rules of the judge give this outcome for these summaries."""
    if not observed or [one.stage for one in observed] != list(range(1, len(observed) + 1)):
        return False
    signs = [comparator.rejects(one.summary, target, levels) for one in observed]
    refuted = len(signs) == levels.stages and signs[0] != 0 and len(set(signs)) == 1
    if refuted or outcome == "refuted":
        return refuted and outcome == "refuted"
    return comparator.supports(observed[0].summary, target, levels) == (outcome == "supported")
