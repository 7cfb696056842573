"""`provenet check`: certificates judged again from their own figures, without the code that made them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from proofs_checks.certificate import FORMAT, Certificate
from proofs_checks.database import connect_to_read
from proofs_checks.documents import LONGEST_TEXT, read_json
from proofs_checks.recheck import recheck
from proofs_checks.report.files import require_file, write_whole
from theory.errors import InputError
from theory.printing.visible import one_line

BUNDLE = "provenet certificates"
_DATABASE = b"SQLite format 3\x00"


@dataclass(frozen=True)
class Checked:
    """One certificate with what does not hold of it; ``name`` says where it was found."""

    name: str
    certificate: Certificate | None
    faults: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        found = self.certificate
        return {
            "name": self.name,
            "theorem": None if found is None else found.theorem,
            "claim": None if found is None else found.claim,
            "expected": None if found is None else found.expected,
            "verdict": None if found is None else found.verdict.outcome,
            "holds": not self.faults,
            "faults": list(self.faults),
        }

    def lines(self) -> list[str]:
        """For a terminal: one line, and one for each fault."""
        status = "does not hold" if self.faults else "holds"
        heading = f"{status}: {self.name}"
        if self.certificate is not None:
            found = self.certificate
            expected = "" if found.as_expected else f" (expected {found.expected})"
            heading = f"{status}: {found.theorem}: {found.claim}: {found.verdict.outcome}{expected}"
        return [one_line(heading), *(f"  {one_line(fault)}" for fault in self.faults)]


@dataclass(frozen=True)
class Result:
    """All certificates of one file."""

    checked: tuple[Checked, ...]

    @property
    def holds(self) -> bool:
        return not any(one.faults for one in self.checked)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {"holds": self.holds, "certificates": [one.to_dict() for one in self.checked]}

    def text(self) -> str:
        """For a terminal."""
        wrong = sum(bool(one.faults) for one in self.checked)
        count = len(self.checked)
        subject = f"{count} certificate" + ("s" if count != 1 else "")
        end = f"{wrong} of {count} do not hold" if wrong else f"{subject}: each follows from its own figures"
        return "\n".join([*(line for one in self.checked for line in one.lines()), end])


def run(source: str | PathLike[str]) -> Result:
    """Check the certificates of a JSON file or of a store again; nothing is written.

    Raises InputError for a file that is missing, too large or holds no certificate.
    """
    path = Path(source)
    require_file(path, "", ": give a certificate or a store")
    with path.open("rb") as file:
        beginning = file.read(len(_DATABASE))
    documents = list(_stored(path) if beginning == _DATABASE else _written(path))
    if not documents:
        raise InputError(f"{str(path)!r} holds no certificate")
    return Result(tuple(_check(name, document) for name, document in documents))


def write(certificates: Sequence[Certificate], output: Path) -> None:
    """Write certificates to one JSON file that ``run`` reads."""
    document = {"format": BUNDLE, "certificates": [one.to_dict() for one in certificates]}
    write_whole((json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n").encode(), output)


def _written(path: Path) -> Iterator[tuple[str, Any]]:
    if path.stat().st_size > 4 * LONGEST_TEXT:
        raise InputError(f"{str(path)!r} is too large for a certificate: at most {LONGEST_TEXT} characters")
    try:
        document = read_json(path.read_bytes().decode(), repr(str(path)))
    except UnicodeDecodeError:
        raise InputError(f"{str(path)!r} is no certificate: it is not text in UTF-8") from None
    kind = document.get("format") if isinstance(document, dict) else None
    if kind == BUNDLE and isinstance(document.get("certificates"), list):
        for number, one in enumerate(document["certificates"], 1):
            yield f"certificate {number}", one
    elif kind == FORMAT:
        yield path.name, document
    else:
        raise InputError(f"{str(path)!r} is no certificate: its format is {str(kind)[:60]!r}, not {FORMAT!r}")


def _stored(path: Path) -> Iterator[tuple[str, Any]]:
    with closing(connect_to_read(path)) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_TEXT)
        try:
            yield from (
                (f"certificate {number}", text)
                for number, text in connection.execute(
                    "SELECT number, document FROM certificates ORDER BY number"
                )
            )
        except sqlite3.DatabaseError as error:
            raise InputError(f"the store {str(path)!r} is damaged: {error}") from None


def _check(name: str, document: Any) -> Checked:
    try:
        if isinstance(document, Mapping):
            certificate = Certificate.from_dict(document)
        else:
            certificate = Certificate.from_json(document)
    except InputError as error:
        return Checked(name, None, (str(error),))
    return Checked(name, certificate, recheck(certificate))
