"""Measuring on several processes: the speed-up of two, and what a thousand would need.

Run ``python -m benchmarks.cluster [THEOREM [PROFILE]]`` with OMP_NUM_THREADS=1 and the extra ``cluster``.
Four tables:

1. the claims of one theorem judged in a single process, on one worker process and on two, twice each: the
   first pass compiles, the second, with other seeds, does not;
2. cells that cost nothing: how many a second pass through driver, scheduler and workers;
3. bytes of a request and of a result, and cells a second that the store commits;
4. from these figures, computed and not run: what 1,000 workers would need.

This file is a theorem, too: the one with the cells that cost nothing.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sympy import Eq, Symbol

from proofs_checks.catalogue import catalogue, find
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Mean
from proofs_checks.engine import Engine, InProcess, Request
from proofs_checks.experiment import on_host
from proofs_checks.judge import Case, judge_all
from proofs_checks.measurement import Measurement
from proofs_checks.precision import float64
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory import Derivation, Hypothesis, Source, Statement

WORKERS = 1000
CELLS = 1000
_X = Symbol("x", positive=True)


def statement() -> Statement:
    """Nothing of interest."""
    source = Source("this benchmark", "cells that cost nothing", 2026)
    hypotheses = (Hypothesis("$x > 0$", _X > 0),)
    return Statement("cluster", "Nothing", "Nothing.", hypotheses, Eq(_X, _X * 1, evaluate=False), "exact",
                     (source,), {_X: 1})  # fmt: skip


def derivation() -> Derivation:
    """None: only the claims are used here."""
    raise NotImplementedError("this theorem only has claims")


@on_host
def nothing(seed: int) -> float:
    """The seed, as a number near 1/2."""
    return seed / 2**32


def claims(profile: Profile) -> tuple[Claim, ...]:
    """One claim whose cells cost nothing."""
    return (Claim("nothing", "costs nothing", Mean(), nothing, (Point({}, 0.5),), 1),)


@contextmanager
def cluster_of(names: list[str], profile: str, **place: Any) -> Iterator[Engine]:
    """An engine on other processes."""
    from proofs_checks.cluster import connected, subjects

    chosen = [find(name) for name in names]
    settings = {theorem.id: theorem.resolve({}) for theorem in chosen}
    with connected(subjects(names, chosen, profile, settings), **place) as engine:
        assert engine is not None
        yield engine


@contextmanager
def in_process() -> Iterator[Engine]:
    """The engine of a run without options."""
    yield InProcess()


def scaling(name: str, profile: str) -> float:
    """Print the first table; returns the seconds of work per cell in the single process, compiled."""
    theorem = find(name)
    with float64():
        found = theorem.claims(Profile(profile), theorem.resolve({}))  # type: ignore[arg-type]
    print(
        f"\n{name}, {profile}: {sum(len(claim.grid) for claim in found)} grid points in {len(found)} claims"
    )
    print(f"{'engine':18} {'first pass':>10} {'compiled':>10} {'speed-up':>9} {'cells':>6}  {'load average'}")
    engines: dict[str, Callable[[], Any]] = {
        "single process": in_process,
        "1 worker": lambda: cluster_of([name], profile, workers=1),
        "2 workers": lambda: cluster_of([name], profile, workers=2),
    }
    reference = per_cell = 0.0
    for label, opened in engines.items():
        seconds = []
        with opened() as engine:
            for seed in range(2):
                with open_store() as store:
                    started = time.perf_counter()
                    certificates = judge_all(
                        [Case(theorem.id, one, seed) for one in found], store=store, engine=engine
                    )
                    seconds.append(time.perf_counter() - started)
                    cells = store.cells
        reference = reference or seconds[1]
        per_cell = per_cell or sum(one.seconds for one in certificates) / cells
        load = " ".join(f"{one:.1f}" for one in os.getloadavg())
        times = f"{seconds[0]:8.1f} s {seconds[1]:8.1f} s {reference / seconds[1]:9.2f}"
        print(f"{label:18} {times} {cells:6}  {load}")
    return per_cell


def requests(count: int) -> list[Request]:
    """Cells of the theorem in this file."""
    theorem = find(__file__)
    (claim,) = theorem.claims(Profile("quick"), {})
    measurement = Measurement(claim.experiment, {}, 1)
    return [Request(theorem.id, claim, 0, 1, 1, (0, 0), k, k + 1, measurement) for k in range(count)]


def rate(engine: Engine, count: int) -> float:
    """Cells a second, as many outstanding as the engine has room for; the first ones do not count."""
    waiting, outstanding, finished, started = requests(count + 200), 0, 0, 0.0
    while finished < count + 200:
        while waiting and outstanding < engine.capacity:
            engine.submit(waiting.pop())
            outstanding += 1
        engine.finished()
        outstanding, finished = outstanding - 1, finished + 1
        started = time.perf_counter() if finished == 200 else started
    return count / (time.perf_counter() - started)


def throughput() -> float:
    """Print the second table; returns the highest rate."""
    from distributed import LocalCluster

    print("\ncells that cost nothing, a second")
    with cluster_of([__file__], "quick", workers=2) as engine:
        print(f"{'2 workers of 1 thread: a round trip each':50} {rate(engine, CELLS):8.0f}")
    settings = {"dashboard_address": "127.0.0.1:0", "silence_logs": 50, "host": "127.0.0.1"}
    with (
        LocalCluster(n_workers=2, threads_per_worker=16, **settings) as local,
        cluster_of([__file__], "quick", scheduler=local.scheduler_address) as engine,
    ):
        best = rate(engine, CELLS)
    print(f"{'2 workers of 16 threads: driver and scheduler full':50} {best:8.0f}")
    return best


def commits(count: int = 500) -> float:
    """Cells of 64 seeds a second that the store writes to a file, each on the disk when it returns."""
    header = {"seal": "0" * 64, "point": 0, "stage": 1, "look": 1, "seeds": [0, 64], "device": "cpu:cpu"}
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "store.sqlite") as store:
        started = time.perf_counter()
        for number in range(count):
            store.put(f"{number:064x}", header, np.ones((64, 1)))
        return count / (time.perf_counter() - started)


def sizes(name: str) -> tuple[int, int]:
    """Bytes of a request and of a result of 64 seeds as Dask packs them, its own envelope not counted."""
    from distributed.protocol import serialize_bytelist

    from proofs_checks.cluster.orders import Answer, Order, Subject, fingerprint, measure
    from proofs_checks.environment import environment

    theorem = find(name)
    with float64():
        parameters = theorem.resolve({})
        claim = theorem.claims(Profile("quick"), parameters)[0]
        subject = Subject("0" * 32, name, "quick", parameters)
        order = Order(subject, environment(), claim.name, 0, fingerprint(claim, 0), (1, 2), 0, 64)
    answer = Answer(np.ones((64, 1)), "", "", 1.0, "cpu:cpu")
    packed = (serialize_bytelist((measure, order)), serialize_bytelist(answer))
    request, result = (sum(len(frame) for frame in frames) for frames in packed)
    return request, result


def plan(per_cell: float, passed: float, written: float, profile: str) -> None:
    """Print the fourth table."""
    level = Profile("thorough")
    with float64():
        found = [one for t in catalogue().values() for one in t.claims(level, t.resolve({}))]
    points = sum(len(claim.grid) for claim in found)
    least = sum(len(claim.grid) * (claim.comparator.stages if claim.control else 1) for claim in found)
    most = sum(len(claim.grid) * claim.comparator.stages * claim.comparator.looks for claim in found)
    scale = level.factor / Profile(profile).factor  # type: ignore[arg-type]
    limit = min(passed, written)
    rows = [
        ("grid points of a thorough run of the catalogue", f"{points:,}"),
        ("cells, if every claim is decided at its first look", f"{least:,}"),
        ("cells, if every look of every seed set is needed", f"{most:,}"),
        (f"seconds of a cell: {per_cell:.2f} s at {profile}, times {scale:g}", f"{per_cell * scale:.1f} s"),
        ("cells a second from 1,000 busy workers", f"{WORKERS / (per_cell * scale):.0f}"),
        ("cells a second that driver and scheduler pass", f"{passed:.0f}"),
        ("cells a second that the store commits", f"{written:.0f}"),
        ("shortest cell that keeps 1,000 workers busy", f"{WORKERS / limit:.1f} s"),
        ("workers that these grid points keep busy at once", f"{points:,}"),
    ]
    print("\n1,000 workers, computed from the figures above")
    for label, figure in rows:
        print(f"{label:60} {figure:>10}")


def main() -> None:
    """Print all tables."""
    name = sys.argv[1] if len(sys.argv) > 1 else "kernels.two_layer_ntk"
    profile = sys.argv[2] if len(sys.argv) > 2 else "standard"
    passed, written = throughput(), commits()
    request, result = sizes(name)
    print(f"\nbytes of a request: {request:,}; of a result of 64 seeds: {result:,}")
    print(f"cells that the store commits a second: {written:.0f}")
    per_cell = scaling(name, profile)
    plan(per_cell, passed, written, profile)


if __name__ == "__main__":
    main()
