"""The catalogue as a list: what each theorem says, what its derivation is worth, how it is put on trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from proofs_checks.catalogue import Theorem, catalogue
from proofs_checks.profile import Profile


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue."""

    id: str
    title: str
    source: str
    cite: str
    status: str
    claims: int
    controls: int

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def entries(progress: Callable[[str, str, int, int], None]) -> list[Entry]:
    """Every theorem with its default parameters; the derivations are checked, so this takes seconds."""
    theorems = list(catalogue().values())
    found = []
    for position, theorem in enumerate(theorems):
        progress("catalogue", theorem.id, position, len(theorems))
        found.append(_entry(theorem))
    return found


def _entry(theorem: Theorem) -> Entry:
    parameters = theorem.resolve({})
    derivation = theorem.derivation(parameters)
    claims = theorem.claims(Profile("quick"), parameters)
    controls = sum(claim.control for claim in claims)
    statement = derivation.statement
    source = statement.sources[0]
    return Entry(
        theorem.id,
        statement.title,
        str(source),
        source.short,
        derivation.status,
        len(claims) - controls,
        controls,
    )
