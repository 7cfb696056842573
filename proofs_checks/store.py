"""The store: sealed designs, measured cells and certificates in one SQLite file, each whole or not there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proofs_checks.certificate import Certificate, digest_of
from proofs_checks.salvage import carry_over, is_damage, set_aside
from theory.errors import InputError

APPLICATION = 0x70726F76  # "prov"
SCHEMA = 1
_HEADER = b"SQLite format 3\x00"
_WAIT_SECONDS = 60.0  # for another process that is writing

# Rows are only ever added. A damaged or repeated cell moves to `retired`, where it stays readable.
_TABLES = (
    "CREATE TABLE designs (number INTEGER PRIMARY KEY, seal TEXT UNIQUE NOT NULL, document TEXT NOT NULL)",
    """CREATE TABLE cells (number INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, header TEXT NOT NULL,
       payload BLOB NOT NULL, digest TEXT NOT NULL)""",
    """CREATE TABLE certificates (number INTEGER PRIMARY KEY, seal TEXT NOT NULL, digest TEXT UNIQUE NOT NULL,
       document TEXT NOT NULL)""",
    """CREATE TABLE retired (number INTEGER PRIMARY KEY, reason TEXT NOT NULL, name TEXT, header TEXT,
       payload BLOB, digest TEXT)""",
    *(
        f"CREATE TRIGGER {table}_are_final BEFORE UPDATE ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
        for table in ("designs", "cells", "certificates", "retired")
    ),
    *(
        f"CREATE TRIGGER {table}_stay BEFORE DELETE ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
        for table in ("designs", "certificates", "retired")
    ),
)

Values = NDArray[np.float64]


class StoreError(InputError):
    """The store cannot be read or written: a full disk, missing permission, a lock that is not released."""


class Store:
    """Cells, designs and certificates; several processes may share one file.

    ``notes`` names every damaged record that was met; each is measured anew and nothing else is. A record is
    verified when it is read, never all at once, so that a restart costs nothing per finished cell.
    """

    def __init__(self, path: str | Path | None = None, *, fresh: bool = False) -> None:
        self.path = None if path is None else Path(path)
        self.fresh = fresh
        self.notes: list[str] = []
        self._written: set[str] = set()
        self._connection = _connect(self.path, self.notes)

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
        """Every sealed design whose seal matches its content, by seal."""
        rows = self._read("SELECT seal, document FROM designs", ())
        found = {seal: json.loads(text) for seal, text in rows}
        return {seal: document for seal, document in found.items() if digest_of(document) == seal}

    def get(self, name: str) -> Values | None:
        """The values of a finished cell; None where it was not measured, is damaged, or is to be repeated."""
        if self.fresh and name not in self._written:
            return None
        rows = self._read("SELECT header, payload, digest FROM cells WHERE name = ?", (name,))
        if not rows:
            return None
        header, payload, digest = rows[0]
        if _digest(name, header, payload) == digest:
            return _values(header, payload)
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

    @property
    def cells(self) -> int:
        """How many cells are kept."""
        return int(self._read("SELECT count(*) FROM cells", ())[0][0])

    def _read(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return self._attempt(lambda: self._connection.execute(query, values).fetchall())

    def _write(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        def write() -> list[tuple[Any, ...]]:
            with _transaction(self._connection):
                for query, values in statements:
                    self._connection.execute(query, values)
            return []

        self._attempt(write)

    def _attempt(self, action: Callable[[], list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
        """Run; where a page of the file is damaged, salvage what is intact into a new file and run again."""
        try:
            return action()
        except sqlite3.DatabaseError as error:
            if self.path is None or not is_damage(error):
                raise StoreError(f"the store {self.path or 'in memory'} failed: {error}") from error
        self.close()
        self._connection = _renew(self.path, self.notes)
        return action()


def open_store(path: str | Path | None = None, *, fresh: bool = False) -> Store:
    """The store in this file, created where there is none; in memory without a path.

    ``fresh`` measures again what the file already holds. Raises InputError for a file that is no store of
    this version, and StoreError where it cannot be read or written.
    """
    return Store(path, fresh=fresh)


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


def _values(header: str, payload: bytes) -> Values:
    return np.frombuffer(payload, dtype="<f8").reshape(json.loads(header)["shape"]).astype(np.float64)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _connect(path: Path | None, notes: list[str]) -> sqlite3.Connection:
    if path is None:
        return _prepare(sqlite3.connect(":memory:", isolation_level=None), path)
    _check_file(path, notes)
    try:
        return _prepare(sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None), path)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise StoreError(f"the store {path} cannot be opened: {error}") from error
    return _renew(path, notes)


def _check_file(path: Path, notes: list[str]) -> None:
    """Refuse what is no store before SQLite touches it."""
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise InputError(f"the store {path} must be a file in a folder that exists")
    if not path.exists():
        return
    try:
        with path.open("rb") as file:
            beginning = file.read(len(_HEADER))
    except OSError as error:
        raise StoreError(f"the store {path} cannot be read: {error}") from error
    if not beginning:
        notes.append(f"the store {path} was empty: everything is measured")
    elif beginning != _HEADER:
        raise InputError(
            f"{path} is no store of provenet, or its first bytes are damaged: give another file, or remove it"
        )


def _prepare(connection: sqlite3.Connection, path: Path | None) -> sqlite3.Connection:
    """Check whose file it is, and lay out a new one; the connection is closed where that fails."""
    # A flipped bit in a text must reach the checksum, not fail on the way to it.
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    try:
        connection.execute(f"PRAGMA busy_timeout = {1000 * _WAIT_SECONDS:.0f}")
        _check_owner(connection, path)
        if path is not None and connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = WAL")
        # FULL: a commit is on the disk when it returns, so that even a power cut loses only the running cell.
        connection.execute("PRAGMA synchronous = FULL")
        with _transaction(connection):
            if not _owner(connection):  # another process may have been faster
                _lay_out(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _owner(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


def _check_owner(connection: sqlite3.Connection, path: Path | None) -> None:
    owner = _owner(connection)
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != APPLICATION and (owner or tables):
        raise InputError(f"{path} is a database of another application: give another file for the store")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if owner == APPLICATION and version != SCHEMA:
        raise InputError(
            f"the store {path} has layout {version}, this version of provenet writes layout {SCHEMA}: "
            "give another file"
        )


def _lay_out(connection: sqlite3.Connection) -> None:
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA}")
    connection.execute(f"PRAGMA application_id = {APPLICATION}")


def _renew(path: Path, notes: list[str]) -> sqlite3.Connection:
    """Move a damaged file aside and carry its intact rows over into a new one."""
    aside = set_aside(path)
    connection = _prepare(sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None), path)
    with _transaction(connection):
        saved = carry_over(aside, connection)
    notes.append(
        f"the store {path} is damaged: {saved} intact records were carried over, the damaged file is kept "
        f"as {aside.name}, and what is missing is measured again"
    )
    return connection
