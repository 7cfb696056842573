"""Continuing a run costs the same for every finished cell, however many there are."""

import random
import time

from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Mean
from proofs_checks.experiment import on_host
from proofs_checks.judge import judge
from proofs_checks.store import open_store


def gauss(seed, mean):
    return random.Random(seed).gauss(mean, 1.0)


def claim(points):
    """A cell or a few for each point."""
    grid = tuple(Point({"mean": float(mean)}, float(mean), resolution=6.0) for mean in range(points))
    return Claim("means", "", Mean(), on_host(gauss), grid, 16)


def resumed(path, points):
    """Fill a store, then judge again from it: cells, seconds, and how many statements SQLite was given."""
    posed, statements, measured = claim(points), [], []
    with open_store(path) as store:
        # Filling is not what is measured here: nothing waits for the disk.
        store._connection.execute("PRAGMA synchronous = OFF")
        judge(posed, theorem="tests", store=store, seed=0)
        cells = store.cells
    started = time.perf_counter()
    with open_store(path) as store:
        store._connection.set_trace_callback(statements.append)
        judge(posed, theorem="tests", store=store, seed=0, progress=measured.append)
    seconds = time.perf_counter() - started
    assert measured == []
    return cells, seconds, len(statements)


def test_resuming_is_linear_in_the_finished_cells(tmp_path, kills, record_property):
    points = (450, 4500) if kills >= 200 else (100, 1000)  # twice as many cells, or a little more
    (few, short, queries), (many, long, more) = (resumed(tmp_path / f"{one}", one) for one in points)
    # Counted exactly: each cell more is one look-up more.
    assert more - queries == many - few
    ratio = (long / many) / (short / few)
    record_property(
        "faults",
        f"resuming {few} cells took {short:.2f} s, {many} cells {long:.2f} s "
        f"({1e3 * long / many:.2f} ms a cell, {ratio:.2f} times that of the fewer), 1 query a cell",
    )
    assert ratio < 3  # of times on a shared machine
