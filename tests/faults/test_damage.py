"""Damaged stores: no damaged value is ever used, and what is lost is named and measured again."""

import random
import shutil
from collections import Counter

import pytest

from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Mean
from proofs_checks.experiment import on_host
from proofs_checks.judge import judge
from proofs_checks.store import open_store
from theory.errors import InputError


def gauss(seed, mean):
    return random.Random(seed).gauss(mean, 1.0)


GRID = tuple(Point({"mean": float(mean)}, float(mean), resolution=0.3) for mean in range(1, 13))
CLAIM = Claim("means", "", Mean(), on_host(gauss), GRID, 128)
HEADER_BYTES, PAGE = 100, 4096


def run(path):
    """Judge the claim: its points, how many cells were measured, and the notes of the store."""
    events = []
    with open_store(path) as store:
        points = judge(CLAIM, theorem="tests", store=store, seed=0, progress=events.append).points
        assert list(store.certificates())[-1].points == points
        store.designs()
        return points, len(events), list(store.notes)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A finished store without a journal."""
    path = tmp_path_factory.mktemp("filled") / "store.sqlite"
    points, measured, notes = run(path)
    assert measured >= len(GRID)
    assert notes == []
    assert not path.with_name(path.name + "-wal").exists()
    return path, points, measured


@pytest.fixture(scope="module")
def killed(filled, tmp_path_factory):
    """A store as a kill leaves it at the worst moment: all cells in the journal, none in the file itself."""
    path = tmp_path_factory.mktemp("open") / "store.sqlite"
    folder = tmp_path_factory.mktemp("killed")
    with open_store(path) as store:
        store._connection.execute("PRAGMA wal_autocheckpoint = 0")
        assert judge(CLAIM, theorem="tests", store=store, seed=0).points == filled[1]
        for file in path.parent.iterdir():
            shutil.copy(file, folder)
    assert {file.name for file in folder.iterdir()} == {
        "store.sqlite",
        "store.sqlite-wal",
        "store.sqlite-shm",
    }
    return folder / path.name


@pytest.fixture
def share(kills):
    """How many files are tried: a quarter of them where kills are few."""
    return 1 if kills >= 200 else 4


def flipped(content, position, bit):
    spoilt = bytearray(content)
    spoilt[position] ^= 1 << bit
    return bytes(spoilt)


class Trial:
    """Spoils copies of a store and judges again on them; counts what came of it."""

    def __init__(self, source, points, folder):
        self.source, self.points, self.folder = source, points, folder
        self.seen = Counter()

    def judge(self, suffix, spoil):
        """Put ``spoil(content)`` in the place of one file of the store, None for none, and judge."""
        folder = self.folder / str(self.seen.total())
        shutil.copytree(self.source.parent, folder)
        path = folder / self.source.name
        file = path.with_name(path.name + suffix)
        content = spoil(file.read_bytes())
        file.unlink() if content is None else file.write_bytes(content)
        try:
            points, measured, notes = run(path)
        except InputError as refusal:
            named = "has layout" in str(refusal) and path.read_bytes() == content
            self.seen["refused" if named else "broken"] += 1
            return 0
        assert points == self.points
        assert notes or not measured, "measured again without a word"
        assert all(str(path) in note or " is damaged" in note for note in notes)
        self.seen["named" if notes else "harmless"] += 1
        self.seen["measured again"] += measured
        assert run(path)[:2] == (self.points, 0), "not mended"
        return measured

    def line(self, what):
        """The counts for the report; what was used in spite of its damage has failed an assertion."""
        assert not self.seen["broken"]
        parts = (f"{self.seen[word]} {word}" for word in ("named", "refused", "harmless"))
        again = self.seen["measured again"]
        files = sum(self.seen.values()) - again
        return f"{files} files {what}: {', '.join(parts)}, 0 used; {again} cells measured again"


@pytest.fixture
def trial(filled, tmp_path):
    return Trial(filled[0], filled[1], tmp_path)


@pytest.fixture
def trial_of_killed(filled, killed, tmp_path):
    return Trial(killed, filled[1], tmp_path)


def test_truncated(trial, share, record_property):
    generator, size = random.Random(1), trial.source.stat().st_size
    places = [1, 50, 511, 4095, 4096, size - 1, *(generator.randrange(size) for _ in range(24 // share))]
    for place in places:
        trial.judge("", lambda content, place=place: content[:place])
    record_property("faults", trial.line("truncated"))
    assert trial.seen["named"] == len(places)


def test_emptied(trial, filled):
    assert trial.judge("", lambda content: b"") == filled[2]
    assert trial.seen["named"] == 1


def test_bits_flipped_in_the_header(trial, share, record_property):
    generator = random.Random(2)
    for place in range(0, HEADER_BYTES, share):
        again = trial.judge("", lambda content, place=place: flipped(content, place, generator.randrange(8)))
        # The header is the same in all stores: nothing is lost with it.
        assert again == 0
    record_property("faults", trial.line("with a bit flipped in the header"))
    assert trial.seen["refused"] <= 4  # the number of the layout
    assert trial.seen["named"] > HEADER_BYTES / share / 2


def test_bits_flipped_anywhere(trial, share, record_property):
    generator, size = random.Random(3), trial.source.stat().st_size
    for _ in range(120 // share):
        place, bit = generator.randrange(HEADER_BYTES, size), generator.randrange(8)
        trial.judge("", lambda content, place=place, bit=bit: flipped(content, place, bit))
    record_property("faults", trial.line("with a bit flipped anywhere"))
    assert trial.seen["named"] > 40 / share
    assert trial.seen["measured again"] <= trial.seen["named"]  # one bit, one cell


def test_bits_flipped_in_the_journal(trial_of_killed, share, record_property):
    trial, generator = trial_of_killed, random.Random(4)
    size = trial.source.with_name(trial.source.name + "-wal").stat().st_size
    places = [*range(0, 56, 2 * share), *(generator.randrange(56, size) for _ in range(30 // share))]
    for place in places:
        bit = generator.randrange(8)
        trial.judge("-wal", lambda content, place=place, bit=bit: flipped(content, place, bit))
    record_property("faults", trial.line("with a bit flipped in the journal"))
    assert trial.seen["named"] == len(places)


def test_journal_truncated_emptied_or_removed(trial_of_killed, filled, record_property):
    trial = trial_of_killed
    for place in (0, 10, 32, 50, 5000, 100_001, 150_007):
        trial.judge("-wal", lambda content, place=place: content[:place])
    assert trial.judge("-wal", lambda content: None) == filled[2]
    assert trial.judge("", lambda content: b"") == filled[2]
    record_property("faults", trial.line("with a journal that breaks off or is gone"))
    assert trial.seen["named"] == 9


def test_the_index_of_the_journal_is_made_anew(trial_of_killed):
    for spoil in (lambda content: None, lambda content: b"damaged", lambda content: b""):
        assert trial_of_killed.judge("-shm", spoil) == 0
    assert trial_of_killed.seen["harmless"] == 3
