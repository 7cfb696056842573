"""Stores from elsewhere: nothing that their schema brings along runs; no cell is used that does not fit."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from proofs_checks.claim import Claim, Point
from proofs_checks.commands import check
from proofs_checks.comparators import Identity
from proofs_checks.experiment import on_host
from proofs_checks.judge import judge
from proofs_checks.store import _digest, open_store
from tests.security.hostile_files import STORES, store
from theory.errors import InputError

FOREIGN = ("another application", "another version")


@on_host
def half(seed):
    return 0.5


CLAIM = Claim("half", "a statement", Identity(), half, (Point({}, 0.5),), 8)


def measured(path):
    """Judge the claim with this store; returns how many cells were measured, and the store's notes."""
    events = []
    with open_store(path) as kept:
        certificate = judge(CLAIM, theorem="tests", store=kept, seed=1, progress=events.append)
        assert certificate.verdict.outcome == "supported"
        return len(events), list(kept.notes)


@pytest.mark.parametrize("name", [name for name in STORES if name not in FOREIGN])
def test_run_survives_a_hostile_store(tmp_path, name):
    path = tmp_path / "x.store"
    store(path, *STORES[name])
    count, notes = measured(path)
    assert count == 1
    with closing(sqlite3.connect(path)) as connection:
        kinds = connection.execute("SELECT type, name FROM sqlite_master WHERE type != 'index'").fetchall()
    assert {name for kind, name in kinds if kind == "view"} == set()
    assert "evil" not in {name for _, name in kinds}
    strange = name not in ("no certificates", "huge document", "blob for text", "number for text")
    assert any("is damaged" in note for note in notes) is strange
    if name == "huge document":  # more than any certificate has: not even read
        with pytest.raises(InputError, match="too big"):
            check.run(path)
    else:
        assert len(check.run(path).checked) >= 1


@pytest.mark.parametrize("name", FOREIGN)
def test_store_of_somebody_else_is_refused_and_left_alone(tmp_path, name):
    path = tmp_path / "x.store"
    store(path, *STORES[name])
    before = path.read_bytes()
    with pytest.raises(InputError):
        open_store(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["x.store"]


LIES = {
    "more rows": {"shape": [10**9, 1]},
    "more rows than a word": {"shape": [10**30, 1]},
    "negative": {"shape": [-8, -1]},
    "minus one": {"shape": [-1, 1]},
    "one axis": {"shape": [8]},
    "three axes": {"shape": [2, 2, 2]},
    "fractions": {"shape": [8.0, 1.0]},
    "truth": {"shape": [True, 8]},
    "words": {"shape": "8"},
    "columns for rows": {"shape": [1, 8]},
    "objects": {"dtype": "|O"},
    "another width": {"dtype": "<f4"},
    "nothing": {"shape": None},
}


@pytest.mark.parametrize("lie", [*LIES.values(), None], ids=[*LIES, "no JSON"])
def test_cell_that_lies_about_its_shape_is_measured_again(tmp_path, lie):
    """The forger knows the digest too: it is a checksum against damage, no signature."""
    path = tmp_path / "x.store"
    assert measured(path) == (1, [])
    assert measured(path) == (0, [])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        name, header, _ = connection.execute("SELECT name, header, payload FROM cells").fetchone()
        text = "[" * 10**5 if lie is None else json.dumps({**json.loads(header), **lie})
        payload = np.full(8, 7.0).tobytes()
        connection.execute("DROP TRIGGER cells_are_final")
        changed = (text, payload, _digest(name, text, payload))
        connection.execute("UPDATE cells SET header = ?, payload = ?, digest = ?", changed)
    assert measured(path)[0] == 1
