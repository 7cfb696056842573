"""Every mutant of a closed form put on trial in its place: refuted, refused, or a survivor and why."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from proofs_checks.audit.effort import Effort
from proofs_checks.audit.slack import Displacement, Slack
from proofs_checks.audit.trials import Trial
from proofs_checks.certificate import Certificate
from proofs_checks.challenge import ClosedForm
from proofs_checks.claim import Claim
from proofs_checks.comparators import Bound
from proofs_checks.experiment import OnHost
from proofs_checks.fingerprint import code_digest
from proofs_checks.observation import Observation
from theory.equivalence import Comparison, Sample, compare, samples
from theory.errors import InputError
from theory.mutants import Mutant, mutants

KILLED_AT_LEAST = 0.99
ROUNDING = 1e-6  # in units of the resolution: a closed form evaluated along another way
BELOW, DEGENERATE, MISSED, FAILED = "below resolution", "degenerate grid", "not refuted", "restating failed"

Watch = Callable[[str], None]


@dataclass(frozen=True)
class Survivor:
    """A mutant that is not equivalent and was not refuted.

    displacement
        Its largest distance from the closed form at a grid point, in units of the resolution there.
    reason
        ``below resolution``: nowhere displaced by more than margin + resolution; ``degenerate grid``: it is,
        but at no grid point; ``not refuted``: it is at a grid point, and the judge did not refute it;
        ``restating failed``: the claim with it could not be made or measured.
    """

    operator: str
    change: str
    outcome: str
    killable: bool
    displacement: float
    reason: str
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """JSON values; an infinite displacement is None."""
        finite = self.displacement if self.displacement != inf else None
        return {**vars(self), "displacement": finite}


@dataclass(frozen=True)
class MutantsRow:
    """One closed form of one claim.

    generated, compared
        First-order mutants, and how many of them were looked at: a random choice where the effort is small.
    equivalent, unknown
        Of those compared, the ones equal to the closed form at all points tried in every regime, and the ones
        without a value in time. Neither is judged.
    judged, killable
        How many of the others were put on trial before the effort was spent, and how many of these are
        displaced by more than margin + resolution somewhere the theorem applies.
    refuted, refused, vacuous, undecided, supported, invalid
        What became of those judged. ``refused``: its prediction is no finite real number. ``vacuous``: a
        bound that even its shrunk twin survives.
    killed
        The killable ones that are refuted, refused or vacuous.
    faithful
        Whether the claim restated with the closed form itself predicts the same and is judged the same.
    """

    claim: str
    closed_form: str
    generated: int
    compared: int
    equivalent: int
    unknown: int
    judged: int
    killable: int
    killed: int
    refuted: int
    refused: int
    vacuous: int
    undecided: int
    supported: int
    invalid: int
    faithful: bool
    points: int
    survivors: tuple[Survivor, ...]

    @property
    def toothless(self) -> bool:
        """Whether the claim lets every mutant through that is a number: nothing can fail."""
        return self.judged > self.refused == self.killable and not self.refuted

    @property
    def status(self) -> str:
        """``met``, ``undecided``, ``not tried``, ``no goal`` where none is killable, or ``missed``.

        Missed: a killable mutant is supported, no grid point shows it, or the claim cannot be restated.
        """
        if not self.faithful or self.toothless:
            return "missed"
        alive = [one for one in self.survivors if one.killable]
        if any(one.outcome == "supported" or one.reason in (DEGENERATE, FAILED) for one in alive):
            return "missed"
        if self.judged == 0 and self.equivalent < self.compared:
            return "not tried"
        if self.killable == 0:
            return "no goal"
        return "met" if self.killed >= KILLED_AT_LEAST * self.killable else "undecided"

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        survivors = [one.to_dict() for one in self.survivors]
        return {**vars(self), "survivors": survivors, "status": self.status}


@dataclass(frozen=True)
class _Judged:
    """One mutant after its trial."""

    mutant: Mutant
    outcome: str
    killable: bool
    displacement: float
    reason: str
    detail: str

    @property
    def killed(self) -> bool:
        return self.outcome in ("refuted", "refused", "vacuous")

    def survivor(self) -> Survivor:
        texts = (self.mutant.operator, self.mutant.change, self.outcome)
        return Survivor(*texts, self.killable, self.displacement, self.reason, self.detail)


def mutants_of(
    claim: Claim, form: ClosedForm, trial: Trial, seed: int, effort: Effort, watch: Watch
) -> MutantsRow:
    """Put the mutants of one closed form on trial, all on the measurements of one trial.

    A mutant is *killable* where it differs by more than the claim lets through: at a grid point by more than
    margin + resolution, or at a random point of a regime, where the theorem applies too, by more than the
    same in units of the prediction (the median over the grid) or by being undefined. A killable mutant that
    survives because no grid point shows the difference is a defect of the grid. Where the prediction is part
    of the experiment, in units of its rounding error, every difference is killable. Of a bound the slack
    that it declares is let through in either direction; without declared slack there is no telling.
    """
    watch(f"{claim.name}, mutants of {form.name}")
    points = samples(form.expression, form.regimes, seed, effort.points)
    generated = mutants(form.expression)
    chosen = random.Random(f"{seed}:{form.name}").sample(generated, min(effort.mutants, len(generated)))
    compared = [(mutant, compare(points, mutant.expression)) for mutant in chosen]
    different = [pair for pair in compared if pair[1].kind in ("different", "undefined")]
    stand = _Stand(claim, form, trial, points)
    judged = tuple(_judge(stand, different, effort, watch))
    kinds = [comparison.kind for _, comparison in compared]
    return _row(stand, len(generated), kinds, judged)


def _row(stand: _Stand, generated: int, kinds: Sequence[str], judged: Sequence[_Judged]) -> MutantsRow:
    outcomes = [one.outcome for one in judged]
    names = ("refuted", "refused", "vacuous", "undecided", "supported", "invalid")
    return MutantsRow(
        claim=stand.claim.name,
        closed_form=stand.form.name,
        generated=generated,
        compared=len(kinds),
        equivalent=kinds.count("equal"),
        unknown=kinds.count("unknown"),
        judged=len(judged),
        killable=sum(one.killable for one in judged),
        killed=sum(one.killable and one.killed for one in judged),
        **{name: outcomes.count(name) for name in names},
        faithful=stand.faithful,
        points=len(stand.points),
        survivors=tuple(one.survivor() for one in judged if not one.killed),
    )


def _judge(
    stand: _Stand, chosen: Sequence[tuple[Mutant, Comparison]], effort: Effort, watch: Watch
) -> Iterator[_Judged]:
    if stand.compiles:
        chosen = chosen[: effort.compiled]
    started = time.perf_counter()
    for number, (mutant, comparison) in enumerate(chosen):
        if number and time.perf_counter() - started > effort.seconds:
            return
        watch(f"{stand.claim.name}, {stand.form.name}, mutant {number + 1} of {len(chosen)}")
        yield stand.judge(mutant, comparison)


class _Stand:
    """The closed form on trial, and what its mutants are compared with."""

    def __init__(self, claim: Claim, form: ClosedForm, trial: Trial, points: Sequence[Sample]) -> None:
        self.claim, self.form, self.trial, self.points = claim, form, trial, points
        (self.original,) = trial.judge([claim])
        self.code = code_digest((claim.experiment, claim.comparator))
        self.slack = Slack(claim)

    @property
    def compiles(self) -> bool:
        """Whether another expression makes another experiment, which JAX has to compile."""
        if isinstance(self.claim.experiment, OnHost):
            return False
        try:
            other = self.form.restate(self.form.expression * 2)
        except Exception:  # refused, or broken: the judgment of the mutants will tell
            return False
        return code_digest(other.experiment) != code_digest(self.claim.experiment)

    @property
    def faithful(self) -> bool:
        """Whether the closed form itself, put in its own place, changes nothing."""
        restated = self.form.restate(self.form.expression)
        (certificate,) = self.trial.judge([restated])
        same = certificate.verdict.outcome == self.original.verdict.outcome
        return same and self._displacement(restated, certificate).units < ROUNDING

    def judge(self, mutant: Mutant, comparison: Comparison) -> _Judged:
        """Its trial; a mutant that cannot be stated is refused, one whose statement fails is a survivor."""
        elsewhere = self.slack.exceeded_by(comparison, self.points)
        try:
            claim = self.form.restate(mutant.expression)
        except InputError as error:
            return _Judged(mutant, "refused", True, inf, "", str(error))
        except Exception as error:  # whatever a claim's own code raises is its defect, and is reported
            return _Judged(mutant, "invalid", True, 0.0, FAILED, f"{type(error).__name__}: {error}")
        (certificate,) = self.trial.judge([claim])
        outcome = _outcome(claim, certificate)
        at_grid, units = self._displacement(claim, certificate)
        reason = MISSED if at_grid else (DEGENERATE if elsewhere else BELOW)
        reason = FAILED if outcome == "invalid" else reason
        killable = at_grid or elsewhere or outcome in ("invalid", "refused")
        return _Judged(mutant, outcome, killable, units, reason, certificate.verdict.cause)

    def _displacement(self, claim: Claim, certificate: Certificate) -> Displacement:
        """How far the grid predicts otherwise, or measures where the experiment holds the prediction."""
        measured = code_digest((claim.experiment, claim.comparator)) != self.code
        beyond, largest = False, 0.0
        for before, after in zip(self.original.points, certificate.points, strict=True):
            shifts = [q - p for p, q in zip(before.predicted, after.predicted, strict=True)]
            if measured:
                found = [{one.component: _seen(one) for one in point.primary} for point in (before, after)]
                for component in found[0].keys() & found[1].keys():
                    shifts[component] += found[1][component] - found[0][component]
            for check, shift in enumerate(shifts):
                unit, reach = self.slack.at(before, check, shift)
                beyond |= abs(shift) > reach
                largest = max(largest, abs(shift) / unit if unit else (inf if shift else 0.0))
        return Displacement(beyond, largest)


def _seen(one: Observation) -> float:
    """The number that a comparator looks at first."""
    summary = one.summary
    if "above" in summary:
        return max(summary["above"], summary["below"])
    return summary.get("worst", one.estimate)


def _outcome(claim: Claim, certificate: Certificate) -> str:
    """The verdict, where an experiment that the mutant breaks counts as a refusal of the mutant."""
    outcome, cause = certificate.verdict.outcome, certificate.verdict.cause
    if outcome == "invalid" and ("raised InputError" in cause or "are not finite" in cause):
        return "refused"
    return "vacuous" if isinstance(claim.comparator, Bound) and cause.startswith("vacuous") else outcome
