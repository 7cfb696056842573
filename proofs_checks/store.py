"""The store: designs, cells, certificates and audits in one SQLite file, each whole or not there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proofs_checks.certificate import Certificate, digest_of
from proofs_checks.database import StoreError, connect, failure, patiently, renew, transaction
from proofs_checks.documents import read_json
from proofs_checks.environment import differences
from proofs_checks.salvage import is_damage
from theory.errors import InputError

Values = NDArray[np.float64]

_FEW = 3


class Store:
    """Cells, designs, certificates and audits; several processes may share one file.

    ``notes`` names every damaged record that was met; each is measured anew and nothing else is. A record is
    verified when it is read, never all at once, so that a restart costs nothing per finished cell. Only
    before the first cell is added to a file that holds some, the file is examined as a whole: an index that
    hides a cell is damage too.
    """

    def __init__(self, path: str | Path | None = None, *, fresh: bool = False) -> None:
        self.path = None if path is None else Path(path)
        self.fresh = fresh
        self.notes: list[str] = []
        self._written: set[str] = set()
        self._connection = connect(self.path, self.notes)
        self._place = _place(self.path)
        self._examined = not self._read("SELECT 1 FROM cells LIMIT 1", ())

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def seal(self, seal: str, document: Mapping[str, Any]) -> None:
        """Record a design; it is on the disk when this returns, before the first sample."""
        text = json.dumps(document, sort_keys=True, allow_nan=False)
        self._write(("INSERT OR IGNORE INTO designs (seal, document) VALUES (?, ?)", (seal, text)))

    def designs(self) -> dict[str, dict[str, Any]]:
        """Every sealed design whose seal matches its content, by seal; others are named in ``notes``."""
        rows = self._read("SELECT seal, document FROM designs", ())
        found = {seal: _intact(text, seal) for seal, text in rows}
        self.notes += [f"design {seal[:12]} is damaged" for seal in found if found[seal] is None]
        return {seal: document for seal, document in found.items() if document is not None}

    def name_strangers(self, environment: Mapping[str, Any]) -> None:
        """Note which cells were measured in another environment: they stay, and nothing uses them."""
        others: dict[str, list[str]] = {}
        for seal, document in self.designs().items():
            then = document.get("environment")
            if isinstance(then, Mapping) and (found := differences(then, environment)):
                others.setdefault(_some(found), []).append(seal)
        counts = self._cells_by_seal() if others else {}
        for words, seals in others.items():
            count = sum(counts.get(seal, 0) for seal in seals)
            if count:
                cells = "1 cell" if count == 1 else f"{count:,} cells"
                self.notes.append(f"the store also holds {cells} measured with {words}; they are not used")

    def _cells_by_seal(self) -> dict[str, int]:
        place = "CASE WHEN json_valid(header) THEN json_extract(header, '$.seal') END"
        return dict(self._read(f"SELECT {place}, count(*) FROM cells GROUP BY 1", ()))

    def get(self, name: str) -> Values | None:
        """The values of a finished cell; None where it was not measured, is damaged, or is to be repeated."""
        if self.fresh and name not in self._written:
            return None
        query = "SELECT header, payload, digest FROM cells WHERE name = ?"
        rows = self._read(query, (name,)) or (self._read(query, (name,)) if self._mended() else [])
        if not rows:
            return None
        header, payload, digest = rows[0]
        values = _values(header, payload) if _digest(name, header, payload) == digest else None
        if values is not None:
            return values
        self.notes.append(f"cell {name[:12]} is damaged (checksum) and is measured again")
        self._write(*_retirement(name, "damaged"))
        return None

    def put(self, name: str, header: Mapping[str, Any], values: Values) -> None:
        """Add a finished cell in one transaction: ``values`` (count, columns) with a JSON header."""
        data = np.ascontiguousarray(values, dtype="<f8")
        described = {**header, "shape": data.shape, "dtype": "<f8"}
        text = json.dumps(described, sort_keys=True, allow_nan=False)
        payload = data.tobytes()
        insertion = "INSERT OR IGNORE INTO cells (name, header, payload, digest) VALUES (?, ?, ?, ?)"
        repeated = self.fresh and name not in self._written
        self._write(
            *(_retirement(name, "repeated") if repeated else ()),
            (insertion, (name, text, payload, _digest(name, text, payload))),
        )
        self._written.add(name)

    def add(self, certificate: Certificate) -> None:
        """Add a certificate; the same one is kept once."""
        document = certificate.to_dict()
        insertion = "INSERT OR IGNORE INTO certificates (seal, digest, document) VALUES (?, ?, ?)"
        text = json.dumps(document, sort_keys=True)
        self._write((insertion, (certificate.seal, document["digest"], text)))

    def certificates(self) -> Iterator[Certificate]:
        """All intact certificates, oldest first; damaged ones are named in ``notes``."""
        rows = self._read("SELECT number, document FROM certificates ORDER BY number", ())
        for number, document in rows:
            try:
                yield Certificate.from_json(document)
            except InputError as error:
                self.notes.append(f"certificate {number} is damaged: {error}")

    def add_audit(self, document: Mapping[str, Any]) -> None:
        """Add what an audit found, as JSON values; the same document is kept once."""
        text = json.dumps(document, sort_keys=True, allow_nan=False)
        insertion = "INSERT OR IGNORE INTO audits (digest, document) VALUES (?, ?)"
        self._write((insertion, (digest_of(document), text)))

    def audits(self) -> Iterator[dict[str, Any]]:
        """All intact audits, oldest first; damaged ones are named in ``notes``."""
        for number, digest, text in self._read(
            "SELECT number, digest, document FROM audits ORDER BY number", ()
        ):
            document = _intact(text, digest)
            if document is None:
                self.notes.append(f"audit {number} is damaged (checksum)")
            else:
                yield document

    def devices(self, seals: Iterable[str]) -> dict[str, int]:
        """How many cells of these designs were measured on which device."""
        wanted = [*seals]
        place = "CASE WHEN json_valid(header) THEN json_extract(header, ?) END"
        marks = ", ".join("?" * len(wanted))
        query = f"SELECT {place} AS device, count(*) FROM cells WHERE {place} IN ({marks}) GROUP BY 1"
        rows = self._read(query, ("$.device", "$.seal", *wanted))
        return {str(device): int(number) for device, number in rows if device is not None}

    @property
    def cells(self) -> int:
        """How many cells are kept."""
        return int(self._read("SELECT count(*) FROM cells", ())[0][0])

    def _read(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return self._attempt(lambda: self._connection.execute(query, values).fetchall())

    def _write(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        def write() -> list[tuple[Any, ...]]:
            with transaction(self._connection):
                for query, values in statements:
                    self._connection.execute(query, values)
            return []

        self._attempt(write)

        if self._place != _place(self.path):
            raise StoreError(
                f"the store {self.path} was moved, removed or replaced while it was in use: what was "
                "measured since then is not kept; put it back or give another file, then run the same command"
            )

    def _attempt(self, action: Callable[[], list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
        """Run; where a page of the file is damaged, salvage what is intact into a new file and run again."""
        try:
            return patiently(action)
        except sqlite3.DatabaseError as error:
            if self.path is None or not is_damage(error):
                raise failure(self.path, error) from error
        self._renew(self.path)
        return patiently(action)

    def _mended(self) -> bool:
        """Examine the file once; whether it was damaged, and what is intact was carried over."""
        if self._examined or self.path is None:
            return False
        self._examined, before = True, self._place
        if self._read("PRAGMA integrity_check(1)", ()) != [("ok",)] and before == self._place:
            self._renew(self.path)
        return before != self._place

    def _renew(self, path: Path) -> None:
        self.close()
        self._connection = renew(path, self.notes)
        self._place = _place(path)


def open_store(path: str | Path | None = None, *, fresh: bool = False) -> Store:
    """The store in this file, created where there is none; in memory without a path.

    ``fresh`` measures again what the file already holds. Raises InputError for a file that is no store of
    this version, and StoreError where it cannot be read or written.
    """
    return Store(path, fresh=fresh)


def _place(path: Path | None) -> tuple[int, int] | None:
    """Which file is at this path now."""
    try:
        found = path and path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found else None


def _some(words: tuple[str, ...]) -> str:
    """The first few, and how many more there are."""
    more = len(words) - _FEW
    return ", ".join(words[:_FEW]) + (f" and {more} more differences" if more > 0 else "")


def _retirement(name: str, reason: str) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """The statements that move a cell aside."""
    copy = (
        "INSERT INTO retired (reason, name, header, payload, digest) "
        "SELECT ?, name, header, payload, digest FROM cells WHERE name = ?"
    )
    return ((copy, (reason, name)), ("DELETE FROM cells WHERE name = ?", (name,)))


def _digest(name: str, header: Any, payload: Any) -> str:
    if not isinstance(header, str) or not isinstance(payload, bytes):
        return "damaged"
    parts = (name.encode(), header.encode(), payload)
    return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


def _intact(text: object, digest: str) -> dict[str, Any] | None:
    try:
        document = read_json(text)
    except InputError:
        return None
    return document if isinstance(document, dict) and digest_of(document) == digest else None


def _values(header: str, payload: bytes) -> Values | None:
    """The values of a cell; None where the header does not describe the payload."""
    try:
        described = read_json(header)
        rows, columns = described["shape"]
        fitting = rows * columns * 8 == len(payload) and min(rows, columns) >= 0
        kinds = {type(rows), type(columns)} == {int} and described["dtype"] == "<f8"
    except (InputError, KeyError, TypeError, ValueError):
        return None
    if not (fitting and kinds):
        return None
    return np.frombuffer(payload, dtype="<f8").reshape(rows, columns).astype(np.float64)
