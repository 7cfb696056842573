"""The file of the store: whose it is, how it is laid out, opened, and renewed when it is damaged."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from proofs_checks import journal
from proofs_checks.salvage import StrangeLayout, carry_over, harden, has_header, is_damage, set_aside
from theory.errors import InputError, NotRun

APPLICATION = 0x70726F76  # "prov"
SCHEMA = 2
_MAGIC = b"SQLite format 3\x00"
_SMALLEST_FILE = 512
_OWNER_AT = 68  # where the header has the application
_WAIT_SECONDS = 60.0  # for another process that is writing
_SLICE_SECONDS = 1.0  # of waiting inside SQLite, where no signal is heard

Result = TypeVar("Result")

# What to do about a failure, by SQLite's code; the first is the one that grows with the run.
_ADVICE = {
    sqlite3.SQLITE_FULL: "free some space",
    sqlite3.SQLITE_IOERR: "look whether the disk is full, limited or failing",
    sqlite3.SQLITE_BUSY: f"another process held it for {_WAIT_SECONDS:.0f} s: wait for that, or end it",
    sqlite3.SQLITE_READONLY: "make the file and its folder writable",
    sqlite3.SQLITE_CANTOPEN: "make the file and its folder readable and writable",
}

# Rows are only ever added. A damaged or repeated cell moves to `retired`, where it stays readable.
_TABLES = (
    "CREATE TABLE designs (number INTEGER PRIMARY KEY, seal TEXT UNIQUE NOT NULL, document TEXT NOT NULL)",
    """CREATE TABLE cells (number INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, header TEXT NOT NULL,
       payload BLOB NOT NULL, digest TEXT NOT NULL)""",
    """CREATE TABLE certificates (number INTEGER PRIMARY KEY, seal TEXT NOT NULL, digest TEXT UNIQUE NOT NULL,
       document TEXT NOT NULL)""",
    "CREATE TABLE audits (number INTEGER PRIMARY KEY, digest TEXT UNIQUE NOT NULL, document TEXT NOT NULL)",
    """CREATE TABLE retired (number INTEGER PRIMARY KEY, reason TEXT NOT NULL, name TEXT, header TEXT,
       payload BLOB, digest TEXT)""",
    *(
        f"CREATE TRIGGER {table}_are_final BEFORE UPDATE ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
        for table in ("designs", "cells", "certificates", "audits", "retired")
    ),
    *(
        f"CREATE TRIGGER {table}_stay BEFORE DELETE ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
        for table in ("designs", "certificates", "audits", "retired")
    ),
)


class StoreError(NotRun):
    """The store cannot be read or written: a full disk, missing permission, a lock that is not released."""


def failure(path: Path | None, error: sqlite3.Error) -> StoreError:
    """What SQLite could not do, named, with what helps; whatever was committed before is kept."""
    advice = _ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "see what keeps it from working")
    return StoreError(
        f"the store {path or 'in memory'} failed ({error}): {advice}, then run the same command again; "
        "what is finished is kept"
    )


def patiently(action: Callable[[], Result]) -> Result:
    """Run, again and again while another process holds a lock, for a minute at most."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            held = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not held or time.monotonic() > deadline:
                raise


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements of the block, or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def connect(path: Path | None, notes: list[str]) -> sqlite3.Connection:
    """Open or create the file; in memory without a path. What was found damaged is added to ``notes``."""
    if path is None:
        return _prepare(sqlite3.connect(":memory:", isolation_level=None), path)
    if _is_spoilt(path, notes):
        return renew(path, notes)
    torn = journal.damage(path)
    if torn:
        notes.append(f"the journal of the store {path} {torn}: what it alone held is measured again")
    try:
        connection = patiently(lambda: _opened(path))
        if not torn or is_sound(connection):
            return connection
        connection.close()
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise failure(path, error) from error
    return renew(path, notes)


def is_sound(connection: sqlite3.Connection) -> bool:
    """Whether pages and indices agree with one another; reads the whole file."""
    return bool(connection.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")


def _opened(path: Path) -> sqlite3.Connection:
    return _prepare(sqlite3.connect(path, timeout=_SLICE_SECONDS, isolation_level=None), path)


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a store without changing anything in its folder. Raises InputError for what is no intact store."""
    if _is_spoilt(path, []):
        raise InputError(f"the store {path} is damaged: its header is not the one of a store")
    # Without a journal nothing but the file itself has to be read, and SQLite need not create one.
    journal = path.with_name(path.name + "-wal")
    quiet = "" if journal.exists() and journal.stat().st_size else "&immutable=1"
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro{quiet}", uri=True, isolation_level=None)
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    try:
        harden(connection)
        _check_owner(connection, path)
        if _owner(connection) != APPLICATION:
            raise InputError(f"{path} is an empty database: it holds no certificate")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise InputError(f"the store {path} is damaged: {error}") from None
    except BaseException:
        connection.close()
        raise
    return connection


def renew(path: Path, notes: list[str]) -> sqlite3.Connection:
    """Move a damaged file aside and carry its intact rows over into a new one."""
    aside = set_aside(path)
    connection = _opened(path)
    with transaction(connection):
        saved = carry_over(aside, connection)
    notes.append(
        f"the store {path} is damaged: {saved} intact records were carried over, the damaged file is kept "
        f"as {aside.name}, and what is missing is measured again"
    )
    return connection


def _is_spoilt(path: Path, notes: list[str]) -> bool:
    """Whether the header of our own file is damaged; refuses what is no store before SQLite touches it."""
    try:
        placed = not path.is_dir() and path.resolve().parent.is_dir()
    except (OSError, ValueError):  # a name that is too long for a name
        placed = False
    if not placed:
        raise InputError(f"the store {path} must be a file in a folder that exists")
    if not path.exists():
        return False
    try:
        with path.open("rb") as file:
            beginning = file.read(_SMALLEST_FILE)
    except OSError as error:
        raise StoreError(f"the store {path} cannot be read: {error}") from error
    if len(beginning) < _SMALLEST_FILE and beginning[: len(_MAGIC)] == _MAGIC[: len(beginning)]:
        # SQLite takes so short a file for a new one.
        notes.append(f"the store {path} was empty: everything is measured")
        return False
    ours = beginning[_OWNER_AT : _OWNER_AT + 4] == APPLICATION.to_bytes(4, "big")
    if not (ours or beginning.startswith(_MAGIC)):
        raise InputError(
            f"{path} is no store of provenet, or its first bytes are damaged: give another file, or remove it"
        )
    return ours and not (has_header(beginning) and _is_whole(path, beginning))


def _is_whole(path: Path, beginning: bytes) -> bool:
    """Whether the file has all its pages; after a kill some may be in the journal alone."""
    journal_left = path.with_name(path.name + "-wal").exists()
    pages, page = (int.from_bytes(beginning[at : at + size], "big") for at, size in ((28, 4), (16, 2)))
    return journal_left or path.stat().st_size >= pages * page


def _prepare(connection: sqlite3.Connection, path: Path | None) -> sqlite3.Connection:
    """Check whose file it is, and lay out a new one; the connection is closed where that fails."""
    # A flipped bit in a text must reach the checksum, not fail on the way to it.
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    try:
        harden(connection)
        _check_owner(connection, path)
        if path is not None and connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = WAL")
        # FULL: a commit is on the disk when it returns, so that even a power cut loses only the running cell.
        connection.execute("PRAGMA synchronous = FULL")
        # Every commit goes on into the file itself: a journal that is lost or damaged costs one record.
        connection.execute("PRAGMA wal_autocheckpoint = 1")
        with transaction(connection):
            if not _owner(connection):  # another process may have been faster
                _lay_out(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _owner(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


def _check_owner(connection: sqlite3.Connection, path: Path | None) -> None:
    """Refuse other applications and layouts; raise StrangeLayout for a store whose layout is damaged."""
    owner = _owner(connection)
    rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    found, tables = {row[0] for row in rows}, {one for one in _TABLES if "CREATE TABLE" in one}
    if owner != APPLICATION and (owner or found):
        if tables <= found:
            raise StrangeLayout("its tables are those of a store, its owner is not")
        raise InputError(f"{path} is a database of another application: give another file for the store")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if owner == APPLICATION and version != SCHEMA:
        raise InputError(
            f"the store {path} has layout {version}, this version of provenet writes layout {SCHEMA}: "
            "give another file"
        )
    if owner == APPLICATION and not tables <= found <= set(_TABLES):
        # A trigger or a view of somebody else's would run inside our own statements.
        raise StrangeLayout("its layout is not the one of a store")


def _lay_out(connection: sqlite3.Connection) -> None:
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA}")
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
