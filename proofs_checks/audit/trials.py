"""One trial of an audit: claims that differ in what they predict, judged on one measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proofs_checks.certificate import Certificate, digest_of
from proofs_checks.claim import Claim
from proofs_checks.engine import Remembering
from proofs_checks.judge import Case, judge_all
from proofs_checks.store import Store, open_store


@dataclass(frozen=True)
class Bench:
    """Where the audit of one theorem is held.

    The streams are named after ``audit of <id>``, which is the name of no theorem: they are never those of a
    verification, whatever its seed.
    """

    theorem: str
    seed: int
    inputs: Mapping[str, Any] = field(default_factory=dict)

    def trial(self, number: int) -> Trial:
        """The trial of this number; its measurements are its own."""
        words = digest_of([self.seed, number])  # audits of different seeds share no trial
        case = (f"audit of {self.theorem}", int(words[:15], 16), self.inputs)
        return Trial(*case, open_store(None), Remembering())


@dataclass(frozen=True)
class Trial:
    """Judges claims through the real judge; equal measurements are made once and kept for the trial."""

    theorem: str
    seed: int
    inputs: Mapping[str, Any]
    store: Store
    engine: Remembering

    def judge(self, claims: Sequence[Claim]) -> tuple[Certificate, ...]:
        """The certificates of these claims, in order."""
        cases = [Case(self.theorem, claim, self.seed, self.inputs) for claim in claims]
        return judge_all(cases, store=self.store, engine=self.engine)

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, *exception: object) -> None:
        self.store.close()
