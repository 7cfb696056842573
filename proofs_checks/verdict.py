"""Verdict: what was decided, why, and with which error rates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from theory.errors import InputError

Outcome = Literal["supported", "refuted", "undecided", "invalid"]

# Of several outcomes the first in this order speaks for all.
PRECEDENCE: tuple[Outcome, ...] = ("refuted", "invalid", "undecided", "supported")


@dataclass(frozen=True)
class Verdict:
    """One of four outcomes, none of them truthy.

    outcome
        ``supported``: equivalence within margin + resolution was shown; ``refuted``: the prediction was
        rejected; ``undecided``: neither after all looks; ``invalid``: nothing was measured that could decide.
    cause
        One sentence for the reader.
    alpha, beta
        Declared probabilities, per check, of a false refutation and of a false support.
    """

    outcome: Outcome
    cause: str
    alpha: float
    beta: float

    def __post_init__(self) -> None:
        if self.outcome not in get_args(Outcome):
            raise InputError(f"unknown outcome {self.outcome!r}: one of {', '.join(get_args(Outcome))}")

    def __bool__(self) -> bool:
        raise TypeError("a Verdict has no truth value: compare its outcome")


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The first of ``refuted``, ``invalid``, ``undecided``, ``supported`` that occurs.

    An empty collection is refused: nothing decided is not a pass.
    """
    found = list(verdicts)
    if not found:
        raise InputError("no verdict to combine: a claim needs at least one grid point")
    leading = min(found, key=lambda verdict: PRECEDENCE.index(verdict.outcome))
    same = sum(verdict.outcome == leading.outcome for verdict in found)
    tally = f" ({same} of {len(found)} {leading.outcome})" if len(found) > 1 else ""
    return Verdict(leading.outcome, leading.cause + tally, leading.alpha, leading.beta)
