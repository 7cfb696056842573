"""Checking a certificate again, from its own figures: no experiment is run and no theorem is imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from proofs_checks.documents import LARGEST_COUNT
from proofs_checks.observation import Observation
from proofs_checks.verdict import Verdict, combine
from theory.errors import InputError

_REPEATED = ("theorem", "claim", "statement", "expected", "reason")
_UNUSABLE = (KeyError, TypeError, AttributeError, ValueError, ArithmeticError)
_RATES = ("alpha", "nominal_alpha", "beta")
_MOST_VALUES = 10**6  # of exact tests between laws, which take up to 3 microseconds a value


def recheck(certificate: Certificate) -> tuple[str, ...]:
    """What does not hold: nothing for a sound certificate.

    The seal must be the hash of the design, what the certificate says of itself what the design says, its
    error rates at most those that a judge declares, the figures of every grid point those of the design,
    and every outcome must follow from the recorded summaries at the recorded levels.

    A certificate that somebody invented from beginning to end can be consistent with itself: that the
    figures were measured, only measuring again can show.
    """
    with np.errstate(all="ignore"):
        return tuple(_faults(certificate))


def _faults(certificate: Certificate) -> Iterator[str]:
    design = certificate.design
    if digest_of(design) != certificate.seal:
        yield "the seal is not the hash of the design"
    try:
        comparator, levels, seeds = _comparator(design), _levels(design), _Seeds(design)
        grid = [(dict(point["parameters"]), _targets(point)) for point in design["grid"]]
        yield from _headings(certificate, comparator, levels, seeds)
    except InputError as error:
        yield f"the design is not one that a judge accepts: {error}"
        return
    except _UNUSABLE as error:
        yield f"the design lacks or misuses a field: {error}"
        return
    if len(grid) != len(certificate.points):
        yield f"{len(certificate.points)} points were judged, the design has {len(grid)}"
        return
    for index, (point, designed) in enumerate(zip(certificate.points, grid, strict=True)):
        yield from (f"point {index}: {fault}" for fault in _point(point, designed, comparator, levels, seeds))
    if (
        not certificate.points
        or combine(point.verdict for point in certificate.points) != certificate.verdict
    ):
        yield "the verdict is not that of its points"


def _headings(
    certificate: Certificate, comparator: Comparator, levels: Levels, seeds: _Seeds
) -> Iterator[str]:
    """What the certificate says twice, and the rates it was judged at."""
    design = certificate.design
    for name in _REPEATED:
        if design[name] != getattr(certificate, name):
            yield f"its {name} is not that of the sealed design"
    if certificate.comparator != comparator.name or certificate.seed != seeds.seed:
        yield "its comparator or seed is not that of the sealed design"
    values = sum(one.count for point in certificate.points for one in point.observations)
    if isinstance(comparator, Distribution) and values > _MOST_VALUES:
        raise InputError(f"{values} values, at most {_MOST_VALUES} are compared with a law again")
    declared = Levels(looks=comparator.looks, stages=comparator.stages)
    if any(not 0 < getattr(levels, rate) <= getattr(declared, rate) for rate in _RATES):
        yield "its error rates are above those that a judge declares"
    if (levels.looks, levels.stages) != (declared.looks, declared.stages):
        yield f"its looks and seed sets are not those of {comparator.name}"


class _Seeds:
    """How many seeds each look has, by design."""

    def __init__(self, design: Mapping[str, Any]) -> None:
        self.first, self.growth, self.seed = (
            int(design["seeds"][name]) for name in ("first_look", "growth", "seed")
        )
        if not (1 <= self.first <= LARGEST_COUNT and 1 <= self.growth <= 16):
            raise InputError(f"{self.first} seeds growing {self.growth}-fold")

    def at(self, look: int) -> int:
        return self.first * self.growth ** (look - 1)


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
    alpha, nominal_alpha, beta = (float(design["levels"][name]) for name in _RATES)
    looks, stages = (int(design["levels"][name]) for name in ("looks", "stages"))
    return Levels(alpha, nominal_alpha, beta, looks, stages)


def _targets(designed: Mapping[str, Any]) -> list[Target]:
    def target(check: Mapping[str, Any]) -> Target:
        predicted, margin, resolution = (float(check[name]) for name in ("predicted", "margin", "resolution"))
        return Target(
            predicted, margin, resolution, None if check["upper"] is None else float(check["upper"])
        )

    return [target(check) for check in designed["checks"]]


def _point(
    point: JudgedPoint,
    designed: tuple[Mapping[str, Any], list[Target]],
    comparator: Comparator,
    levels: Levels,
    seeds: _Seeds,
) -> Iterator[str]:
    parameters, targets = designed
    fields = zip(point.predicted, point.margin, point.resolution, point.upper, strict=True)
    if [Target(*numbers) for numbers in fields] != targets or dict(point.parameters) != parameters:
        yield "its figures are not those of the sealed design"
        return
    if len(point.outcomes) != len(targets) or not targets:
        yield f"{len(point.outcomes)} outcomes for {len(targets)} checks"
        return
    for check, (outcome, target) in enumerate(zip(point.outcomes, targets, strict=True)):
        observed = [one for one in point.observations if one.component == check]
        if not all(_drawn(one, seeds, levels) for one in observed):
            yield f"check {check}: its seeds are not those of the sealed design"
        elif outcome != "invalid" and not _follows(outcome, observed, target, comparator, levels):
            yield f"check {check}: {outcome} does not follow from its figures"
    if _combined(point.outcomes) != point.verdict.outcome:
        yield "its verdict is not that of its checks"


def _drawn(observed: Observation, seeds: _Seeds, levels: Levels) -> bool:
    """Whether an observation stands on the seeds that its look has."""
    if not 1 <= observed.look <= levels.looks:
        return False
    count = seeds.at(observed.look)
    return observed.count == count == observed.summary.get("count", count) and observed.seeds == (0, count)


def _combined(outcomes: tuple[Any, ...]) -> str:
    return combine(Verdict(outcome, "", 0.0, 0.0) for outcome in outcomes).outcome


def _follows(
    outcome: str, observed: list[Observation], target: Target, comparator: Comparator, levels: Levels
) -> bool:
    """Whether the rules of the judge give this outcome for these summaries."""
    if not observed or [one.stage for one in observed] != list(range(1, len(observed) + 1)):
        return False
    try:
        signs = [comparator.rejects(one.summary, target, levels) for one in observed]
        supported = comparator.supports(observed[0].summary, target, levels)
    except _UNUSABLE:
        return False
    refuted = len(signs) == levels.stages and signs[0] != 0 and len(set(signs)) == 1
    if refuted or outcome == "refuted":
        return refuted and outcome == "refuted"
    return supported == (outcome == "supported")
