"""The journal of a store, checked before SQLite reads it: SQLite skips what is damaged without a word."""

from __future__ import annotations

import struct
import time
from pathlib import Path

# https://www.sqlite.org/fileformat2.html, section 4: a header, then frames of one page each.
_HEADER, _FRAME = struct.Struct(">8I"), struct.Struct(">6I")
_MAGIC = 0x377F0682  # with little-endian checksums; the last bit says big-endian
_MODULUS = 1 << 32
# https://www.sqlite.org/walformat.html, section 2.1: version, size of a page, number of valid frames.
_INDEX, _INDEX_VERSION = struct.Struct("=I10xHI"), 3007000
_SETTLED_SECONDS = 0.2  # a process that is writing has finished its frame by then


def damage(path: Path) -> str | None:
    """What is wrong with the journal of the store at ``path``; None where nothing is.

    A journal is there after a kill and while another process writes; after a clean end there is none.
    """
    journal = path.with_name(path.name + "-wal")
    if not journal.exists():
        index = path.with_name(path.name + "-shm")
        return "is missing" if index.exists() and path.exists() else None
    found = _read_damage(journal)
    if found:
        before = journal.read_bytes() if journal.exists() else b""
        time.sleep(_SETTLED_SECONDS)
        if not journal.exists() or journal.read_bytes() != before:
            return None  # it is being written; whoever opens it next sees what is left of it
    return found


def _read_damage(journal: Path) -> str | None:
    content, page, counted = journal.read_bytes(), *_counted(journal)
    if len(content) < (_HEADER.size + counted * (_FRAME.size + page) if counted else 0):
        return "breaks off"
    if not content:
        return None
    if len(content) < _HEADER.size:
        return "breaks off in its header"
    magic, _, page, _, *salt, first, second = _HEADER.unpack_from(content)
    order = ">" if magic & 1 else "<"
    sums = _checksum(content[: _HEADER.size - 8], order, (0, 0))
    if magic & ~1 != _MAGIC or sums != (first, second):
        return "has a damaged header"
    return _frame_damage(content, page, tuple(salt), order, sums)


def _counted(journal: Path) -> tuple[int, int]:
    """The size of a page and the number of records, as the index beside the journal has them."""
    index = journal.with_name(journal.name.removesuffix("-wal") + "-shm")
    content = index.read_bytes() if index.exists() else b""
    if len(content) < _INDEX.size:
        return 0, 0
    version, page, counted = _INDEX.unpack_from(content)
    return (page, counted) if version == _INDEX_VERSION else (0, 0)


def _frame_damage(
    content: bytes, page: int, salt: tuple[int, ...], order: str, sums: tuple[int, int]
) -> str | None:
    """The first frame of this generation that is not what was written; frames of older ones follow."""
    size, intact = _FRAME.size + page, True
    for start in range(_HEADER.size, len(content), size):
        frame = content[start : start + size]
        if len(frame) < size:
            return "breaks off in a record" if intact else None
        *_, first_salt, second_salt, first, second = _FRAME.unpack_from(frame)
        if (first_salt, second_salt) != salt:
            intact = False
            continue
        if not intact:
            return "has a damaged record"  # a frame of this generation behind one that is none
        sums = _checksum(frame[:8] + frame[_FRAME.size :], order, sums)
        if sums != (first, second):
            return "has a damaged record"
    return None


def _checksum(data: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    """s0 += x_i + s1, s1 += x_(i+1) + s0, over 32-bit words in pairs."""
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) % _MODULUS
        second = (second + odd + first) % _MODULUS
    return first, second
