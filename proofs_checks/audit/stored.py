"""Audits in a store: what is kept of one, and the latest of a theorem whose code is still the same."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofs_checks.catalogue import Theorem
from proofs_checks.environment import source_digest

if TYPE_CHECKING:
    from proofs_checks.audit.summary import TheoremAudit
    from proofs_checks.store import Store


def audited_source(theorem: Theorem) -> str:
    """A digest of the three layers and of the files of the theorem, which may be a user's."""
    digest = sha256(source_digest().encode())
    for name in (theorem.blackboard, theorem.trial):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is not None:
            digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def keep(store: Store, found: TheoremAudit, inputs: Mapping[str, Any], profile: str, seed: int) -> None:
    """Add the audit of one theorem to the store."""
    from proofs_checks.audit.summary import finite

    settings = {"profile": profile, "seed": seed, "inputs": _texts(inputs)}
    store.add_audit(finite({**found.to_dict(), **settings}))


def latest(store: Store, theorem: Theorem, inputs: Mapping[str, Any]) -> str | None:
    """The line of the latest audit of this theorem, its code and parameters being the same; None without."""
    wanted = {"id": theorem.id, "source": audited_source(theorem), "inputs": _texts(inputs)}
    found = [one for one in store.audits() if all(one.get(name) == value for name, value in wanted.items())]
    return f"{found[-1]['line']} ({found[-1]['profile']} profile)" if found else None


def _texts(inputs: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in inputs.items()}
