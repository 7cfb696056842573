"""Assertions for a user's own experiments under pytest, with the judge's error rates.

Each helper puts one claim on trial, in memory, and raises AssertionError unless it is supported. A true claim
is refuted with probability at most 1e-9 per check, a false one (off by margin + resolution or more) passes
with probability at most 1e-2; undecided is a failure of its own kind: take more seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proofs_checks.certificate import Certificate
from proofs_checks.claim import Claim, Number, Point
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
from proofs_checks.experiment import Experiment, name_of

_WORDS = {
    "refuted": "was refuted",
    "undecided": "is undecided, which is no pass: the values neither support nor refute it",
    "invalid": "could not be measured",
    "supported": "was supported, although it is expected to be refuted",
}


def assert_claim(claim: Claim, *, seed: int = 0) -> Certificate:
    """Judge a claim; raise AssertionError unless the verdict is the expected one. Returns the certificate."""
    from proofs_checks.judge import judge
    from proofs_checks.store import open_store

    with open_store() as store:
        certificate = judge(claim, theorem="assertion", store=store, seed=seed)
    if not certificate.as_expected:
        raise AssertionError(failure(certificate))
    return certificate


def failure(certificate: Certificate) -> str:
    """Why a certificate is not as expected, in a few lines."""
    verdict = certificate.verdict
    lines = [f"{certificate.claim} {_WORDS[verdict.outcome]}", f"  {verdict.cause}"]
    lines.append(
        f"  {certificate.seeds} seeds from seed {certificate.seed}; error rates per check: "
        f"false refutation {verdict.alpha:g}, false support {verdict.beta:g}"
    )
    return "\n".join(lines)


def assert_mean(
    experiment: Experiment,
    predicted: Number,
    *,
    resolution: Number | None = None,
    margin: Number = 0.0,
    parameters: Mapping[str, Any] | None = None,
    seeds: int = 64,
    seed: int = 0,
) -> Certificate:
    """abs(E[value] - predicted) <= margin, with everything off by margin + resolution or more excluded."""
    point = Point(parameters or {}, predicted, margin, resolution)
    return _assert(Mean(), experiment, point, seeds, seed)


def assert_exponent(
    experiment: Experiment,
    predicted: Number,
    *,
    resolution: Number | None = None,
    margin: Number = 0.0,
    parameters: Mapping[str, Any] | None = None,
    seeds: int = 64,
    seed: int = 0,
) -> Certificate:
    """As ``assert_mean``, for slopes fitted within one block; the margin is the finite-size term."""
    point = Point(parameters or {}, predicted, margin, resolution)
    return _assert(Exponent(), experiment, point, seeds, seed)


def assert_identity(
    experiment: Experiment,
    predicted: Number = 0.0,
    *,
    margin: Number,
    parameters: Mapping[str, Any] | None = None,
    seeds: int = 8,
    seed: int = 0,
) -> Certificate:
    """abs(value - predicted) <= margin for every seed; the margin is the budget of rounding errors."""
    return _assert(Identity(), experiment, Point(parameters or {}, predicted, margin), seeds, seed)


def assert_enclosure(
    experiment: Experiment,
    lower: float,
    upper: float,
    *,
    resolution: float | None = None,
    parameters: Mapping[str, Any] | None = None,
    seeds: int = 1,
    seed: int = 0,
) -> Certificate:
    """The measured (lower, upper) meets this interval, and their union is narrower than the resolution."""
    point = Point(parameters or {}, (lower, upper), resolution=resolution)
    return _assert(Enclosure(), experiment, point, seeds, seed)


def assert_bound(
    experiment: Experiment,
    bound: Number,
    *,
    probability: float = 0.0,
    resolution: Number | None = None,
    margin: Number = 0.0,
    tightness: float | None = None,
    exhaustive: bool = False,
    parameters: Mapping[str, Any] | None = None,
    seeds: int = 64,
    seed: int = 0,
) -> Certificate:
    """P(value > bound + margin) <= probability; see ``Bound`` for the twin and for exhaustive values."""
    point = Point(parameters or {}, bound, margin, resolution)
    return _assert(Bound(probability, tightness, exhaustive), experiment, point, seeds, seed)


def assert_distribution(
    experiment: Experiment,
    cdf: Callable[..., Any],
    *,
    resolution: float | None = None,
    margin: float = 0.0,
    parameters: Mapping[str, Any] | None = None,
    seeds: int = 1024,
    seed: int = 0,
) -> Certificate:
    """The values follow the law with this continuous distribution function, up to margin in sup distance."""
    point = Point(parameters or {}, 0.0, margin, resolution)
    return _assert(Distribution(cdf), experiment, point, seeds, seed)


def assert_ordering(
    experiment: Experiment,
    *,
    probability: float = 0.5,
    predicted: float = 1.0,
    resolution: float | None = None,
    parameters: Mapping[str, Any] | None = None,
    seeds: int = 32,
    seed: int = 0,
) -> Certificate:
    """P(value = 1) > probability, where theory claims at least probability + resolution."""
    point = Point(parameters or {}, predicted, resolution=resolution)
    return _assert(Ordering(probability), experiment, point, seeds, seed)


def _assert(
    comparator: Comparator, experiment: Experiment, point: Point, seeds: int, seed: int
) -> Certificate:
    name = f"{comparator.name} of {name_of(experiment)}"
    return assert_claim(Claim(name, "", comparator, experiment, (point,), seeds), seed=seed)
