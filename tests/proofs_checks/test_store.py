"""The store: what it keeps, what it refuses, damaged records. Kills and damage at large: tests/faults."""

import json
import random
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Mean
from proofs_checks.database import StoreError
from proofs_checks.experiment import on_host
from proofs_checks.judge import judge
from proofs_checks.store import open_store
from theory.errors import InputError


@on_host
def gauss(seed, mean):
    return random.Random(seed).gauss(mean, 1.0)


GRID = tuple(Point({"mean": float(mean)}, float(mean), resolution=0.02) for mean in (1, 2, 3, 4))
CLAIM = Claim("means", "", Mean(), gauss, GRID, 128)


def run(path, **options):
    """Judge the claim; returns its points, how many cells were measured, and the store's notes."""
    events = []
    with open_store(path, **options) as store:
        points = judge(CLAIM, theorem="tests", store=store, seed=0, progress=events.append).points
        return points, len(events), list(store.notes)


@pytest.fixture
def filled(tmp_path):
    path = tmp_path / "store.sqlite"
    points, measured, notes = run(path)
    assert (measured, notes) == (16, [])
    return path, points


def opened(path):
    """A connection of its own to the file, closed at the end of the block."""
    return closing(sqlite3.connect(path, isolation_level=None))


def checkpointed(path):
    """The bytes of the file with its journal folded in."""
    with opened(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return bytearray(path.read_bytes())


def test_finished_cells_are_not_repeated(filled):
    path, points = filled
    assert run(path) == (points, 0, [])


def test_fresh_measures_again_and_keeps_the_old_values(filled):
    path, points = filled
    assert run(path, fresh=True) == (points, 16, [])
    assert run(path) == (points, 0, [])
    with opened(path) as connection:
        retired = connection.execute("SELECT reason, count(*) FROM retired GROUP BY reason").fetchall()
    assert retired == [("repeated", 16)]


@pytest.mark.parametrize("column", ["payload", "header", "digest", "name"])
def test_a_flipped_bit_in_a_record_is_named_and_only_this_cell_is_measured_again(filled, column):
    path, points = filled
    with opened(path) as connection:
        connection.execute("DROP TRIGGER cells_are_final")
        name, value = connection.execute(f"SELECT name, {column} FROM cells WHERE number = 5").fetchone()
        spoilt = bytearray(value if isinstance(value, bytes) else value.encode())
        spoilt[len(spoilt) // 2] ^= 1
        kept = bytes(spoilt) if isinstance(value, bytes) else spoilt.decode()
        connection.execute(f"UPDATE cells SET {column} = ? WHERE number = 5", (kept,))
    again, measured, notes = run(path)
    assert (again, measured) == (points, 1)
    # A cell under a wrong name is not found, which is all that can be noticed of it.
    assert notes == (
        [] if column == "name" else [f"cell {name[:12]} is damaged (checksum) and is measured again"]
    )
    assert run(path) == (points, 0, [])


def clear(path):
    for other in path.parent.glob(path.name + "*"):
        other.unlink()


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_a_truncated_file_is_named_and_what_is_left_is_carried_over(filled, share):
    path, points = filled
    whole = checkpointed(path)
    clear(path)
    path.write_bytes(whole[: int(share * len(whole))])
    again, measured, notes = run(path)
    assert again == points
    assert "carried over" in notes[0]
    # Where the file breaks off within a record, that record comes over without its end.
    assert all("damaged (checksum)" in note for note in notes[1:])
    assert 0 < measured < 16 or share < 0.5
    assert path.with_name(path.name + ".damaged-1").exists()
    assert run(path) == (points, 0, [])


def test_an_emptied_file_is_named(filled):
    path, points = filled
    checkpointed(path)
    clear(path)
    path.write_bytes(b"")
    again, measured, notes = run(path)
    assert (again, measured) == (points, 16)
    assert "was empty" in notes[0]


def test_foreign_files_are_refused_and_left_alone(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but longer than a header")
    other = tmp_path / "other.sqlite"
    with opened(other) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    for path, message in (
        (text, "is no store of provenet"),
        (other, "another application"),
        (tmp_path, "must be a file"),
        (tmp_path / "missing" / "store.sqlite", "in a folder that exists"),
    ):
        before = path.read_bytes() if path.is_file() else None
        with pytest.raises(InputError, match=message):
            open_store(path)
        assert (path.read_bytes() if path.is_file() else None) == before


def test_audits_are_kept_once_and_damage_is_named(tmp_path):
    path = tmp_path / "store.sqlite"
    documents = [{"theorem": "tests", "refuted": count} for count in (3, 4)]
    with open_store(path) as store:
        for document in [*documents, documents[0]]:
            store.add_audit(document)
        assert list(store.audits()) == documents
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER audits_are_final")
        connection.execute("UPDATE audits SET document = replace(document, '3', '5') WHERE number = 1")
    connection.close()
    with open_store(path) as store:
        assert list(store.audits()) == documents[1:]
        assert store.notes == ["audit 1 is damaged (checksum)"]


def test_another_layout_is_refused(filled):
    path, _ = filled
    with opened(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="has layout 99"):
        open_store(path)


def test_records_are_append_only(filled):
    path, _ = filled
    for statement in (
        "UPDATE cells SET payload = ''",
        "UPDATE certificates SET document = ''",
        "DELETE FROM certificates",
        "UPDATE designs SET document = ''",
        "DELETE FROM designs",
    ):
        with opened(path) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)


def test_a_full_disk_is_named_and_the_run_continues_later(tmp_path):
    path = tmp_path / "store.sqlite"
    with open_store(path) as store:
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        with pytest.raises(StoreError, match="full"):
            judge(CLAIM, theorem="tests", store=store, seed=0)
    points, measured, notes = run(path)
    assert points == run(None)[0]
    assert 0 < measured < 16
    assert notes == []


def test_values_keep_every_bit():
    values = np.array([[np.nan, -0.0], [np.inf, 5e-324]])
    with open_store() as store:
        store.put("name", {}, values)
        found = store.get("name")
        assert found is not None
        assert found.tobytes() == values.tobytes()
        assert store.get("other") is None


def test_a_damaged_certificate_is_named_and_left_out(filled):
    path, _ = filled
    with opened(path) as connection:
        connection.execute("DROP TRIGGER certificates_are_final")
        (text,) = connection.execute("SELECT document FROM certificates").fetchone()
        spoilt = {**json.loads(text), "verdict": {"outcome": "refuted", "cause": "", "alpha": 0, "beta": 0}}
        connection.execute("UPDATE certificates SET document = ?", (json.dumps(spoilt),))
    with open_store(path) as store:
        assert list(store.certificates()) == []
        assert "certificate 1 is damaged" in store.notes[0]
