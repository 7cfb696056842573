"""Runs that are killed at random moments: nothing torn, lost or there twice, and no work but one cell's."""

import json
import os
import random
import signal
import time
from collections import Counter
from itertools import count
from pathlib import Path

from tests.faults.harness import PATIENCE, cells_of, report_of


class Tally(Counter):
    """Counts what was seen, for the line at the end of the report."""

    def line(self):
        return (
            f"{self['kills']} kills ({self['measuring']} while measuring; {self['stores']} stores): "
            f"{self['torn']} torn, {self['lost']} lost, {self['duplicated']} duplicated, "
            f"at most {self['repeated']} cell repeated"
        )


WORKERS = 2


def test_kills_at_random_moments(nursery, undisturbed, kills, tmp_path, record_property):
    moments, tally = random.Random(20), Tally()
    for number in count(1):
        if tally["kills"] == kills:
            break
        folder = tmp_path / str(number)
        folder.mkdir()
        tally["stores"] += 1
        survive(folder, nursery, undisturbed, moments, tally, kills)
    record_property("faults", tally.line())
    assert (tally["torn"], tally["lost"], tally["duplicated"]) == (0, 0, 0)
    assert 0 < tally["measuring"] < tally["kills"]
    assert tally["repeated"] <= 1


def survive(folder, nursery, undisturbed, moments, tally, kills):
    """Kill the runs on one store until one of them comes to its end, then compare everything."""
    path, calls, reported = folder / "store.sqlite", folder / "calls", set()
    while True:
        calls.unlink(missing_ok=True)
        child = nursery.verify(path, environment={"FAULTS_CALLS": str(calls)})
        if tally["kills"] < kills:
            wait(child, calls, moments)
            child.send(signal.SIGKILL)
        code = child.wait()
        reported |= set(child.kept)
        begun = {undisturbed.owner[seed] for seed in seeds_in(calls)}
        found = inspect(tally, path, reported, undisturbed)
        if code == 0:
            break
        assert code == -signal.SIGKILL, child.stderr
        tally["kills"] += 1
        tally["measuring"] += bool(begun)
        tally["repeated"] = max(tally["repeated"], len(begun - found.keys()))
        # At most the cell that was being committed is there without having been reported.
        assert len(found) - len(reported) <= tally["kills"]
    assert found.keys() == undisturbed.cells.keys()
    assert report_of(child) == undisturbed.report


def test_kills_of_workers_and_of_their_driver(nursery, undisturbed, kills, tmp_path, record_property):
    """The driver alone writes the store: a dead worker costs it a cell, a dead driver each worker one."""
    wanted, moments, tally = max(2, kills // 10), random.Random(21), Tally()
    path, calls, reported = tmp_path / "store.sqlite", tmp_path / "calls", set()
    tally["stores"] += 1
    while True:
        calls.unlink(missing_ok=True)
        settings = {"FAULTS_CALLS": str(calls)}
        child = nursery.verify(path, "--workers", str(WORKERS), environment=settings)
        spared = tally["kills"] >= wanted
        if not spared:
            tally["workers"] += kill_one_of(wait(child, calls, moments), moments)
            time.sleep(moments.uniform(0.0, 0.5))
            child.send(signal.SIGKILL)
        code = child.wait()
        reported |= set(child.kept)
        begun = {undisturbed.owner[seed] for seed in seeds_in(calls)}
        found = inspect(tally, path, reported, undisturbed)
        tally["repeated"] = max(tally["repeated"], len(begun - found.keys()))
        if code == 0:
            break
        assert code == -signal.SIGKILL, child.stderr
        tally["kills"] += 1
        tally["measuring"] += bool(begun)
    assert found.keys() == undisturbed.cells.keys()
    assert report_of(child) == undisturbed.report
    record_property("faults", f"{WORKERS} workers, {tally['workers']} of them killed, and {tally.line()}")
    assert (tally["torn"], tally["lost"], tally["duplicated"]) == (0, 0, 0)
    assert tally["repeated"] <= WORKERS + 1  # and the one that a killed worker had


def kill_one_of(child, moments):
    """Kill a worker process of this driver, if it has one by now."""
    processes = [status.parent for status in Path("/proc").glob("[0-9]*/status")]
    own = [one.name for one in processes if is_worker_of(child.identity, one)]
    if own:
        os.kill(int(moments.choice(sorted(own))), signal.SIGKILL)
    return bool(own)


def is_worker_of(driver, process):
    try:
        parent = f"PPid:\t{driver}\n" in (process / "status").read_text()
        return parent and b"proofs_checks.cluster.process" in (process / "cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return False


def wait(child, calls, moments):
    """Wait until some random moment: in one run of four from its start, else from its first measurement."""
    deadline = time.monotonic() + PATIENCE
    if moments.random() > 0.25:
        while not calls.exists() and not child.over and time.monotonic() < deadline:
            time.sleep(0.001)
    time.sleep(moments.uniform(0.0, 0.6))
    return child


def seeds_in(calls):
    """The seeds that were called; a line that a kill cut off is none."""
    return calls.read_text().rpartition("\n")[0].split() if calls.exists() else []


def place_of(header):
    """What a cell stands for, whatever its name."""
    described = json.loads(header)
    return tuple(described[part] for part in ("seal", "point", "stage", "look"))


def inspect(tally, path, reported, undisturbed):
    """Compare a store with the undisturbed one, cell by cell."""
    found = cells_of(path) if path.exists() else {}
    places = {place_of(header) for header, _, _ in found.values()}
    tally["duplicated"] += len(found) - len(places)
    tally["torn"] += sum(undisturbed.cells.get(name) != cell for name, cell in found.items())
    tally["lost"] += len(reported - found.keys())
    return found
