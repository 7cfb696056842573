"""Planted errors: how often the judge refutes a claim whose prediction was displaced, and the true one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proofs_checks.audit.displacements import Check, Displacement, displacements, relative_resolution
from proofs_checks.audit.effort import Effort
from proofs_checks.audit.trials import Bench, Trial
from proofs_checks.certificate import Certificate
from proofs_checks.claim import Claim
from proofs_checks.comparators.binomial import upper_limit
from theory.errors import InputError

REFUTED_AT_LEAST = 0.99
SUPPORTED_AT_MOST = 0.01
LIMIT_LEVEL = 0.05  # of the Clopper-Pearson limits that the report prints
TRUE = "none: the true claim"
OUTCOMES = ("refuted", "undecided", "supported", "invalid")

Watch = Callable[[str], None]


@dataclass(frozen=True)
class PlantedRow:
    """One planted error of one claim: what the judge made of it in so many trials.

    error
        What was planted; ``TRUE`` for the claim as it stands.
    resolution
        (margin + resolution) / |prediction|, the largest of the displaced checks; None without a scale.
    goal
        Whether a refutation is demanded; of the true claim, that it is not refuted.
    trials, checks
        Trials, and displaced checks of each: the counts add up to their product.
    weakest, likeliest
        The check refuted least often, and how often the check most often supported is.
    note
        Why no goal is set.
    """

    claim: str
    comparator: str
    error: str
    resolution: float | None
    goal: bool
    trials: int
    checks: int
    refuted: int
    undecided: int
    supported: int
    invalid: int
    weakest: int
    likeliest: int
    note: str = ""

    @property
    def true(self) -> bool:
        """Whether nothing was planted."""
        return self.error == TRUE

    @property
    def status(self) -> str:
        """``met``, ``missed`` (what must not happen did), ``undecided``, or ``no goal``."""
        if self.true:
            if self.refuted:
                return "missed"
            return "met" if self.supported else "undecided"
        if not self.goal:
            return "no goal"
        if self.likeliest > SUPPORTED_AT_MOST * self.trials:
            return "missed"
        return "met" if self.weakest >= REFUTED_AT_LEAST * self.trials else "undecided"

    @property
    def limit(self) -> float:
        """Upper 95 % limit (Clopper-Pearson) of the probability that the weakest check is not refuted."""
        return upper_limit(self.trials - self.weakest, self.trials, LIMIT_LEVEL)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**vars(self), "status": self.status, "not_refuted_at_most": self.limit}


@dataclass(frozen=True)
class Undisplaced:
    """Where no error is planted, and why: nothing can be displaced, or nothing could be demanded."""

    claim: str
    comparator: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return dict(vars(self))


@dataclass
class _Tally:
    """Outcomes of one planted error, check by check."""

    displacement: Displacement | None
    goal: bool
    checks: dict[Check | None, Counter[str]] = field(default_factory=dict)

    def count(self, check: Check | None, outcome: str) -> None:
        self.checks.setdefault(check, Counter())[outcome] += 1


def planted_errors(
    claim: Claim, bench: Bench, first: Trial, effort: Effort, watch: Watch
) -> tuple[PlantedRow | Undisplaced, ...]:
    """The table of one claim: the true claim, then every planted error.

    Each trial has its own seeds, and all claims of a trial are judged on the same measurements; ``first`` is
    trial 0 of the bench. Trials end when the effort is spent.
    """
    found = displacements(claim)
    if isinstance(found, str):
        return (Undisplaced(claim.name, claim.comparator.name, found),)
    left: tuple[Undisplaced, ...] = ()
    if effort.only_with_a_goal:
        notes = dict.fromkeys(one.note for one in found if not one.graded)
        left = tuple(Undisplaced(claim.name, claim.comparator.name, note) for note in notes)
        found = tuple(one for one in found if one.graded)
    tallies: dict[tuple[str, bool], _Tally] = {}
    trials = 0
    for trial in _trials(claim, bench, first, effort, watch):
        _one_trial(trial, claim, found, tallies)
        trials += 1
    return (*(_row(claim, *key, tally, trials) for key, tally in tallies.items()), *left)


def _trials(claim: Claim, bench: Bench, first: Trial, effort: Effort, watch: Watch) -> Iterator[Trial]:
    deterministic = claim.comparator.looks == 1
    wanted = effort.deterministic_trials if deterministic else effort.trials
    watch(f"{claim.name}, planted errors, trial 1 of {wanted}")
    started = time.perf_counter()
    yield first
    for number in range(1, wanted):
        if time.perf_counter() - started > effort.seconds:
            return
        watch(f"{claim.name}, planted errors, trial {number + 1} of {wanted}")
        with bench.trial(number) as trial:
            yield trial


def _one_trial(
    trial: Trial, claim: Claim, found: Sequence[Displacement], tallies: dict[tuple[str, bool], _Tally]
) -> None:
    stated: list[tuple[Displacement, Claim]] = []
    for displacement in found:
        try:
            stated.append((displacement, displacement.state()))
        except InputError:  # the false prediction is no number: refused before anything was measured
            _tally(tallies, displacement, displacement.demanded).count(None, "refuted")
    certificates = trial.judge([claim, *(false for _, false in stated)])
    true = tallies.setdefault((TRUE, True), _Tally(None, True))
    for check, outcome in _outcomes(certificates[0]).items():
        true.count(check, outcome)
    for (displacement, _), certificate in zip(stated, certificates[1:], strict=True):
        _count(tallies, displacement, certificate)


def _tally(tallies: dict[tuple[str, bool], _Tally], displacement: Displacement, goal: bool) -> _Tally:
    return tallies.setdefault((displacement.error, goal), _Tally(displacement, goal))


def _count(
    tallies: dict[tuple[str, bool], _Tally], displacement: Displacement, certificate: Certificate
) -> None:
    if not displacement.goals:
        tally = _tally(tallies, displacement, displacement.demanded)
        tally.count(None, certificate.verdict.outcome)
        return
    outcomes = _outcomes(certificate)
    for check, goal in displacement.goals.items():
        _tally(tallies, displacement, goal).count(check, outcomes[check])


def _outcomes(certificate: Certificate) -> Mapping[Check, str]:
    return {
        (index, component): outcome
        for index, point in enumerate(certificate.points)
        for component, outcome in enumerate(point.outcomes)
    }


def _row(claim: Claim, error: str, goal: bool, tally: _Tally, trials: int) -> PlantedRow:
    total: Counter[str] = sum(tally.checks.values(), Counter())
    displacement = tally.displacement
    return PlantedRow(
        claim=claim.name,
        comparator=claim.comparator.name,
        error=error,
        resolution=_resolution(claim, tally.checks),
        goal=goal,
        trials=trials,
        checks=len(tally.checks),
        **{outcome: total[outcome] for outcome in OUTCOMES},
        weakest=min(one["refuted"] for one in tally.checks.values()),
        likeliest=max(one["supported"] for one in tally.checks.values()),
        note=displacement.note if displacement is not None and not goal else "",
    )


def _resolution(claim: Claim, checks: Mapping[Check | None, Any]) -> float | None:
    """The coarsest of these checks; None where a prediction is 0."""
    targets = [point.targets(claim.comparator) for point in claim.grid]
    if claim.comparator.name not in ("mean", "exponent", "enclosure"):
        return None  # a probability or a rounding error
    chosen = [targets[check[0]][check[1]] for check in checks if check is not None]
    found = max(map(relative_resolution, chosen or [one for goal in targets for one in goal]))
    return found if found != float("inf") else None
