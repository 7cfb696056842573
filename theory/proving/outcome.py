"""What a method of proof answers: yes, no, or not decided, and how it came to know."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sympy import Basic

    from theory.statement import Domain


class Answer(Enum):
    """Three values; undecided is never mapped to yes, so there is no truth value."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "undecided"

    def __bool__(self) -> bool:
        raise TypeError("an Answer is three-valued: compare with Answer.YES, Answer.NO or Answer.UNKNOWN")


class Status(StrEnum):
    """What a row of a derivation has earned."""

    PROVED = "proved"
    CERTIFIED = "certified"
    CITED = "cited"
    DEFINED = "defined"
    OPEN = "open"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Outcome:
    """The answer of one method, with the sentence a reader needs to judge it.

    answer
        Whether the relation was established, refuted, or left undecided.
    how
        One sentence, for example ``the difference has the rational normal form 0``.
    points
        How many points of the second lock (an independent evaluation, by ball arithmetic or in exact
        rationals) agreed with the relation.
    """

    answer: Answer
    how: str
    points: int = 0


class Method(Protocol):
    """A way to discharge a row; ``earns`` is the status that a yes is worth."""

    @property
    def earns(self) -> Status: ...

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome: ...
