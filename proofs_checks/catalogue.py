"""The catalogue: every theorem found at its path, by entry point, or in a file of the user's own."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from proofs_checks.report.files import require_file
from theory.errors import InputError
from theory.grammar.sizes import shown
from theory.suggestions import suggest

if TYPE_CHECKING:
    from proofs_checks.claim import Claim
    from proofs_checks.profile import Profile
    from theory.derivation import Derivation
    from theory.parameters import Parameter
    from theory.statement import Statement

ENTRY_POINTS = "provenet.theorems"
_CLAIMS = Path(__file__).parent / "claims"


@dataclass(frozen=True)
class Theorem:
    """One theorem: the names of the modules that state it and put it on trial, imported when needed.

    For the catalogue's own theorems these are ``theory.<id>`` and ``proofs_checks.claims.<id>``; a user's
    theorem has one module for both.
    """

    id: str
    blackboard: str
    trial: str

    @property
    def stated(self) -> ModuleType:
        """The module with ``statement``, ``derivation`` and perhaps ``PARAMETERS``; never imports JAX."""
        return importlib.import_module(self.blackboard)

    def resolve(self, given: Mapping[str, object]) -> dict[str, Any]:
        """The values of all parameters. Raises InputError for unknown names and refused values."""
        from theory.parameters import resolve

        return resolve(self.parameters, given)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What a user may set."""
        return tuple(getattr(self.stated, "PARAMETERS", ()))

    def statement(self, parameters: Mapping[str, Any]) -> Statement:
        """The statement for these parameters."""
        statement: Statement = self.stated.statement(**parameters)
        return statement

    def derivation(self, parameters: Mapping[str, Any]) -> Derivation:
        """The derivation for these parameters, its rows not yet discharged."""
        derivation: Derivation = self.stated.derivation(**parameters)
        return derivation

    def claims(self, profile: Profile, parameters: Mapping[str, Any]) -> tuple[Claim, ...]:
        """The claims and controls for these parameters; names must differ."""
        claims: tuple[Claim, ...] = importlib.import_module(self.trial).claims(profile, **parameters)
        names = [claim.name for claim in claims]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.id}: two claims have one name: {sorted(names)}")
        return claims


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Theorem]:
    """Every theorem by its id, sorted: those of this package, then those that packages announce.

    Raises InputError when two have one id.
    """
    found = [*_own(), *_announced()]
    theorems = {theorem.id: theorem for theorem in found}
    if len(theorems) < len(found):
        names = [theorem.id for theorem in found]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InputError(f"two theorems have one id: {', '.join(twice)}; remove or rename one")
    return dict(sorted(theorems.items()))


def _own() -> list[Theorem]:
    files = sorted(_CLAIMS.glob("*/*.py"))
    ids = [f"{file.parent.name}.{file.stem}" for file in files if file.stem != "__init__"]
    return [Theorem(id, f"theory.{id}", f"proofs_checks.claims.{id}") for id in ids]


def _announced() -> list[Theorem]:
    entries = importlib.metadata.entry_points(group=ENTRY_POINTS)
    return [Theorem(entry.name, entry.value, entry.value) for entry in sorted(entries)]


def find(name: str) -> Theorem:
    """The theorem with this id, or in this file. Raises InputError, naming the nearest ids."""
    if name.endswith(".py"):
        return _from_file(Path(name))
    known = catalogue()
    if name not in known:
        raise InputError(f"unknown theorem {shown(name)}: {suggest(name, known)}")
    return known[name]


def _from_file(path: Path) -> Theorem:
    """The theorem in a file of the user's own: it runs as the user's code, like any script."""
    require_file(path, "", ": give the path of a Python file with a theorem")
    resolved = path.resolve()
    digest = hashlib.sha256(str(resolved).encode()).hexdigest()[:12]
    name = f"provenet_theorem_{resolved.stem}_{digest}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, resolved)
        assert spec is not None  # a path that ends in .py always has a loader
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except SyntaxError as error:
            del sys.modules[name]
            raise InputError(f"{path} is not Python: line {error.lineno}: {error.msg}") from None
    missing = [part for part in ("statement", "derivation", "claims") if not hasattr(sys.modules[name], part)]
    if missing:
        raise InputError(
            f"{path} defines no {', '.join(missing)}: a theorem has statement, derivation, claims"
        )
    return Theorem(resolved.stem, name, name)
