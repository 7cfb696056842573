"""Rows that are not proved here: definitions, hypotheses in use, and citations."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

from sympy import Basic

from theory.proving.outcome import Answer, Outcome, Status
from theory.statement import Domain, Source


@dataclass(frozen=True)
class Definition:
    """Introduces notation; nothing is claimed."""

    earns: Status = Status.DEFINED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES by fiat: a definition names something."""
        return Outcome(Answer.YES, "definition")


@dataclass(frozen=True)
class Given:
    """Recalls a hypothesis of the statement where it is used."""

    earns: Status = Status.DEFINED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES by assumption."""
        return Outcome(Answer.YES, "hypothesis")


@dataclass(frozen=True)
class Citation:
    """A named theorem of the literature, used and not proved here."""

    source: Source
    earns: Status = Status.CITED

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES on the authority of the source, which is printed."""
        return Outcome(Answer.YES, f"cited: {self.source}")


@dataclass(frozen=True)
class CitedStatement:
    """Another statement of the catalogue; what it is worth is the weakest status beneath it."""

    id: str
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def earns(self) -> Status:
        """The weakest status of the cited derivation."""
        weakest: Status = self._derivation().weakest
        return weakest

    def discharge(self, relation: Basic, domain: Domain | None) -> Outcome:
        """YES if the cited derivation has no open row."""
        weakest = self.earns
        answer = Answer.UNKNOWN if weakest in (Status.OPEN, Status.NOT_RUN) else Answer.YES
        return Outcome(answer, f"cited: {self.id}, whose weakest row is {weakest.value}")

    def _derivation(self) -> Any:
        return importlib.import_module(f"theory.{self.id}").derivation(**self.parameters)
