"""Rows discharged one by one, in bounded time."""

from __future__ import annotations

from dataclasses import dataclass

from theory.derivation import Row, check
from theory.proving.outcome import Status
from theory.statement import Domain
from theory.time_limit import ChildDied, TimeLimitExceeded, run_with_time_limit

EARNED = (Status.PROVED, Status.CERTIFIED)


@dataclass(frozen=True)
class Discharged:
    """What checking a row came to: whether it was proved or certified, and how."""

    earned: bool
    how: str


class Bench:
    """Discharges rows in the child process, within ``seconds`` each.

    A row that the child cannot import, from a user's own file, is discharged here and has no time limit.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def discharge(self, row: Row, domain: Domain | None) -> Discharged:
        """Check the row; one that takes too long is not proved."""
        try:
            return run_with_time_limit(discharged, row, domain, seconds=self.seconds)
        except TimeLimitExceeded:
            return Discharged(False, f"not proved within {self.seconds:g} s")
        except ChildDied:
            return Discharged(False, "the process that checked it ended")
        except Exception:  # whatever goes wrong on the way to the child: packing, importing
            return discharged(row, domain)


def discharged(row: Row, domain: Domain | None) -> Discharged:
    """The outcome of one row; runs in the child process."""
    found = check(row, domain)
    return Discharged(found.status in EARNED, found.outcome.how)
