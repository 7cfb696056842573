"""The pytest plugin: ``pytest --provenet`` turns every claim into a test item.

Without the flag it does nothing and imports nothing. With it, the whole catalogue is collected, or, when
files with theorems are given on the command line, those files. Seeds are fixed, so that a suite gives
the same verdicts on every run; an undecided claim fails, in words of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from proofs_checks.catalogue import Theorem
    from proofs_checks.claim import Claim

_PARTS = {"statement", "derivation", "claims"}


class Unexpected(AssertionError):
    """A derivation that is not derived, or a verdict that is not the expected one."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plugin."""
    group = parser.getgroup("provenet", "theorems on trial")
    group.addoption("--provenet", action="store_true", help="collect every claim of the catalogue as a test")
    group.addoption("--provenet-profile", default="quick", help="quick, standard or thorough")
    group.addoption("--provenet-seed", type=int, default=0, help="where the random numbers start")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a file with a theorem when it is named on the command line."""
    if not parent.config.option.provenet or file_path not in _named(parent.config):
        return None
    return TheoremFile.from_parent(parent, path=file_path) if _has_theorem(file_path) else None


def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add the catalogue, unless files with theorems were named instead."""
    if not session.config.option.provenet or any(map(_has_theorem, _named(session.config))):
        return
    from proofs_checks.catalogue import catalogue

    for theorem in catalogue().values():
        items.extend(_items(session, theorem))


def _named(config: pytest.Config) -> list[Path]:
    paths = (Path(argument.partition("::")[0]) for argument in config.args)
    return [(config.invocation_params.dir / path).resolve() for path in paths]


def _has_theorem(path: Path) -> bool:
    """Whether a file defines a theorem; it is read, not run."""
    if path.suffix != ".py" or not path.is_file():
        return False
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except SyntaxError:
        return False  # pytest's own collector reports it
    return {node.name for node in body if isinstance(node, ast.FunctionDef)} >= _PARTS


class TheoremFile(pytest.File):
    """A user's own file with a theorem."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item for the derivation, one for each claim."""
        from proofs_checks.catalogue import find

        yield from _items(self, find(str(self.path)))


def _items(parent: Any, theorem: Theorem) -> Iterator[pytest.Item]:
    from proofs_checks.precision import float64
    from proofs_checks.profile import Profile

    parameters = theorem.resolve({})
    profile = Profile(parent.config.option.provenet_profile)
    with float64():
        claims = theorem.claims(profile, parameters)
    yield DerivationItem.from_parent(
        parent, name=f"{theorem.id}::derivation", theorem=theorem, parameters=parameters
    )
    for claim in claims:
        yield ClaimItem.from_parent(parent, name=f"{theorem.id}::{claim.name}", theorem=theorem, claim=claim)


class _Item(pytest.Item):
    """An item that reports what was found in one paragraph instead of a traceback."""

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The verdict in words; anything else is an error of the theorem's code and keeps its traceback."""
        if isinstance(excinfo.value, Unexpected):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the item is from, for the report's headings."""
        return self.path, None, self.name


class DerivationItem(_Item):
    """Passes when no row of the derivation is open and none was left unrun."""

    def __init__(self, *, theorem: Theorem, parameters: dict[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.theorem, self.parameters = theorem, parameters

    def runtest(self) -> None:
        """Discharge every row."""
        derivation = self.theorem.derivation(self.parameters)
        rows = [row for row in derivation.checked if row.status in ("open", "not run")]
        if rows:
            lines = [f"  {row.status}: {row.row.reason}: {row.outcome.how}" for row in rows]
            raise Unexpected(
                "\n".join([f"the derivation of {self.theorem.id} is {derivation.status}", *lines])
            )


class ClaimItem(_Item):
    """Passes when the verdict on the claim is the expected one."""

    def __init__(self, *, theorem: Theorem, claim: Claim, **options: Any) -> None:
        super().__init__(**options)
        self.theorem, self.claim = theorem, claim

    def runtest(self) -> None:
        """Measure and judge, with fixed seeds and without a store."""
        from proofs_checks.judge import judge
        from proofs_checks.precision import float64
        from proofs_checks.report.summary import ClaimReport
        from proofs_checks.store import open_store

        with open_store(None) as store, float64():
            certificate = judge(
                self.claim, theorem=self.theorem.id, store=store, seed=self.config.option.provenet_seed
            )
        found = ClaimReport(certificate)
        if not found.as_expected:
            raise Unexpected(
                f"{self.claim.name}: expected {found.expected}, found {found.verdict}: {found.cause}\n"
                f"  {self.claim.statement}"
            )
