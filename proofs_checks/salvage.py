"""Saving the intact rows of a damaged SQLite file."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# Extended code of "disk I/O error" when the file ends before the page does.
_SHORT_READ = 522
_LARGEST_VALUE = 2**27  # bytes of one cell, 16 million values
_SMALLEST_ROW = 64  # bytes: bounds the row numbers that a file of a given size can hold

# https://www.sqlite.org/fileformat2.html, section 1.3: magic, page size, WAL, payload fractions; then the
# format of the schema, the encoding, and the bytes that are zero.
_HEADER = {
    0: b"SQLite format 3\x00" + b"\x10\x00\x02\x02\x00\x40\x20\x20",
    44: b"\x00\x00\x00\x04",
    52: b"\x00\x00\x00\x00" + b"\x00\x00\x00\x01",
    72: bytes(20),
}

_COLUMNS = {
    "designs": ("number", "seal", "document"),
    "cells": ("number", "name", "header", "payload", "digest"),
    "certificates": ("number", "seal", "digest", "document"),
    "audits": ("number", "digest", "document"),
}


class StrangeLayout(sqlite3.DatabaseError):
    """The file has tables, views or triggers that no store has."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite found pages that are not what it wrote, or the layout is not the one of a store."""
    if isinstance(error, StrangeLayout):
        return True
    code = getattr(error, "sqlite_errorcode", 0)
    return code == _SHORT_READ or code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def has_header(beginning: bytes) -> bool:
    """Whether a file begins as every store does; a new one is not yet in the mode of a journal."""
    new = beginning[18:20] == b"\x01\x01"
    found = beginning[:18] + b"\x02\x02" + beginning[20:] if new else beginning
    return all(found[place : place + len(content)] == content for place, content in _HEADER.items())


def set_aside(path: Path) -> Path:
    """Rename a store and its journal to the first free ``NAME.damaged-N``."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        journal = path.with_name(path.name + suffix)
        if journal.exists():
            journal.rename(aside.with_name(aside.name + suffix))
    return aside


def carry_over(damaged: Path, target: sqlite3.Connection) -> int:
    """Copy every row that can still be read; checksums are verified on use. Returns their number."""
    saved = 0
    with _repaired(damaged) as source:
        for table, columns in _COLUMNS.items():
            marks = ", ".join("?" * len(columns))
            insertion = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({marks})"
            for row in _rows(source, table, columns):
                saved += target.execute(insertion, row).rowcount
    return saved


@contextmanager
def _repaired(damaged: Path) -> Iterator[Path]:
    """A copy whose header is what every store has, as far as it is the same in all of them."""
    with TemporaryDirectory(dir=damaged.parent, prefix=f"{damaged.name}-") as folder:
        copy = Path(folder) / damaged.name
        shutil.copyfile(damaged, copy)
        journal = damaged.with_name(damaged.name + "-wal")
        if journal.exists():
            shutil.copyfile(journal, copy.with_name(journal.name))
        with copy.open("r+b") as file:
            for place, content in _HEADER.items():
                if place + len(content) <= damaged.stat().st_size:
                    file.seek(place)
                    file.write(content)
        yield copy


def harden(connection: sqlite3.Connection) -> None:
    """What SQLite advises for files of unknown origin: the schema may not compute, reach out or grow."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA mmap_size = 0")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE)


def _is_plain(source: sqlite3.Connection, table: str) -> bool:
    """Whether a name stands for an ordinary table, whose columns are stored and not computed."""
    try:
        row = source.execute("SELECT type, sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        if row is not None and (row[0] != "table" or not str(row[1]).startswith("CREATE TABLE ")):
            return False
        columns = source.execute(f"PRAGMA table_xinfo({table})").fetchall()
    except sqlite3.DatabaseError:
        return True  # too damaged to tell: every row is tried
    return all(column[6] == 0 for column in columns)


def _rows(damaged: Path, table: str, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """Rows by number, each looked up on its own, so that a broken page hides no others."""
    source = sqlite3.connect(damaged, isolation_level=None)
    source.text_factory = lambda raw: raw.decode(errors="replace")
    query = f"SELECT {', '.join(columns)} FROM {table} NOT INDEXED WHERE number = ?"
    try:
        harden(source)
        # Without this SQLite refuses a truncated file as a whole.
        source.execute("PRAGMA writable_schema = ON")
        if not _is_plain(source, table):
            return
        for number in range(1, damaged.stat().st_size // _SMALLEST_ROW + 1):
            try:
                row = source.execute(query, (number,)).fetchone()
            except sqlite3.DatabaseError as error:
                if "no such table" in str(error) or "schema" in str(error):
                    return
                continue
            if row is not None and None not in row:
                yield row
    finally:
        source.close()
