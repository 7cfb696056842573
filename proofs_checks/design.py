"""The design of one trial: everything that is fixed, hashed and stored before the first sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from proofs_checks.certificate import digest_of
from proofs_checks.claim import Claim, json_value
from proofs_checks.comparators.protocol import Levels, Target
from proofs_checks.experiment import Batched, OnHost, name_of
from proofs_checks.fingerprint import code_digest
from theory.errors import InputError

GROWTH = 2  # seeds double at each look


@dataclass(frozen=True)
class Design:
    """A claim with its error rates, seeds, environment and code, under a seal.

    ``seal`` is the SHA-256 of ``document``. The random streams depend on ``seed`` and on the names of
    theorem, claim and grid point only, so that a run can be repeated; the measured cells belong to the seal,
    so that nothing measured under another design is ever used.
    """

    claim: Claim
    theorem: str
    seed: int
    levels: Levels
    targets: tuple[tuple[Target, ...], ...]
    document: Mapping[str, Any]
    seal: str

    def seeds_at(self, look: int) -> tuple[int, int]:
        """The half-open range of seed indices that ``look`` adds to a seed set."""
        stop = self.claim.seeds * GROWTH ** (look - 1)
        return (0 if look == 1 else stop // GROWTH, stop)

    def cell(self, point: int, stage: int, look: int) -> str:
        """The name of one cell: a hash of everything that its values depend on."""
        return digest_of({"seal": self.seal, "point": point, "stage": stage, "look": look})

    def stream(self, point: int, stage: int) -> tuple[int, int]:
        """Two 32-bit words that name the random stream of one seed set."""
        parameters = json_value("parameters", self.claim.grid[point].parameters)
        name = [self.seed, self.theorem, self.claim.name, point, parameters, stage]
        words = bytes.fromhex(digest_of(name))
        return int.from_bytes(words[:4], "big"), int.from_bytes(words[4:8], "big")


def design(
    claim: Claim,
    theorem: str,
    seed: int,
    environment: Mapping[str, Any],
    inputs: Mapping[str, Any] | None = None,
) -> Design:
    """Fix the levels, targets, seeds, versions and code of one trial and seal them."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"the seed must be an integer of at least 0, got {seed!r}")
    levels = Levels(looks=claim.comparator.looks, stages=claim.comparator.stages)
    targets = tuple(point.targets(claim.comparator) for point in claim.grid)
    document = {
        "theorem": theorem,
        "claim": claim.name,
        "statement": claim.statement,
        "expected": claim.expected,
        "reason": claim.reason,
        "comparator": {**claim.comparator.describe(), "code": code_digest(claim.comparator)},
        "experiment": {
            "name": name_of(claim.experiment),
            "kind": _kind(claim),
            "code": code_digest(claim.experiment),
        },
        "grid": [
            {
                "parameters": json_value("parameters", point.parameters),
                "checks": [vars(target) for target in goals],
            }
            for point, goals in zip(claim.grid, targets, strict=True)
        ],
        "seeds": {"first_look": claim.seeds, "growth": GROWTH, "seed": seed},
        "levels": {**vars(levels), "stage": levels.stage_level, "support": levels.support_level},
        "environment": json_value("environment", environment),
        "inputs": {name: _text(value) for name, value in (inputs or {}).items()},
    }
    return Design(claim, theorem, seed, levels, targets, document, digest_of(document))


def _kind(claim: Claim) -> str:
    if isinstance(claim.experiment, OnHost):
        return "on_host"
    return "batched" if isinstance(claim.experiment, Batched) else "jax"


def _text(value: Any) -> Any:
    """JSON values as they are, anything else as its text."""
    try:
        return json_value("input", value)
    except InputError:
        return str(value)


@dataclass
class ErrorPool:
    """A fixed number of error slots, one for each check of a run.

    Each check is tested at the same level whatever the others are, so 1000 slots of 1e-9 bound the
    probability of any false refutation in a run by 1e-6, and a new check changes the level of none.
    Controls take no slot: their null hypothesis is false.
    """

    slots: int = 1000
    taken: dict[str, int] = field(default_factory=dict)

    def allocate(self, theorem: str, claim: Claim) -> int:
        """Take the slots of a claim, once per name; raises InputError when the pool is exhausted."""
        name = f"{theorem}: {claim.name}"
        wanted = 0 if claim.control else claim.checks
        used = sum(self.taken.values()) - self.taken.get(name, 0)
        if used + wanted > self.slots:
            raise InputError(
                f"{name} asks for {wanted} error slots and {self.slots - used} of {self.slots} are left: "
                "drop grid points or components"
            )
        self.taken[name] = wanted
        return wanted

    @property
    def family_wise(self) -> float:
        """Upper bound of the probability that any of the checks taken so far is refuted falsely."""
        return sum(self.taken.values()) * Levels().alpha
