"""How much an audit does: trials of planted errors, mutants put on trial, starts of an attack."""

from __future__ import annotations

from dataclasses import dataclass

from proofs_checks.profile import Profile


@dataclass(frozen=True)
class Effort:
    """The amount of work of one profile; it changes counts, never rules.

    trials
        Trials of every planted error of a statistical claim, each on fresh seeds.
    deterministic_trials
        The same where a trial has no error rate: identities, enclosures, exhaustive bounds.
    only_with_a_goal
        Whether planted errors that nothing is demanded of are left out: such a claim stays undecided for as
        long as it may look.
    seconds
        No further trial of a claim, and no further mutant of a closed form, is begun after so long. What
        was left out is visible in the numbers of the report.
    mutants
        How many mutants of one closed form are put on trial, drawn at random where there are more.
    compiled
        How many of these are judged where each needs a compiled experiment of its own.
    points
        Points of each regime at which equivalence is decided.
    attacked, starts, steps
        Grid points of a claim that are attacked, drawn at random where there are more; starting points of an
        attack, and steps of gradient ascent from each.
    """

    trials: int
    deterministic_trials: int
    only_with_a_goal: bool
    seconds: float
    mutants: int
    compiled: int
    points: int
    attacked: int
    starts: int
    steps: int


_EFFORTS = {
    "quick": Effort(8, 1, True, 3.0, 30, 0, 6, 1, 16, 100),
    "standard": Effort(50, 2, False, 60.0, 400, 10, 12, 1000, 64, 400),
    "thorough": Effort(400, 4, False, 1200.0, 100_000, 100_000, 24, 1000, 256, 1000),
}


def effort(profile: Profile) -> Effort:
    """The work of an audit of this profile."""
    return _EFFORTS[profile.name]
