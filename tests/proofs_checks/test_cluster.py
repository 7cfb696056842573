"""Cells measured by several processes: the same verdicts, whoever dies, joins late or does not fit."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import proofs_checks.cluster as cluster
from proofs_checks import cli, verify
from proofs_checks.cluster import engine
from proofs_checks.store import open_store
from theory.errors import InputError, NotRun

psutil = pytest.importorskip("psutil")
distributed = pytest.importorskip("distributed")

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 240.0  # to wait for a process on a busy machine

THEOREM = '''
"""Theorem of a user's own: the second moment of a rectified normal variable."""
import os, random, time
import jax
import jax.numpy as jnp
from sympy import Eq, Rational, cos, sin, symbols
from proofs_checks import Claim, Mean, Point, on_host
from theory import Derivation, Hypothesis, Row, Source, Statement
from theory.proving import Identity

s = symbols("s", positive=True)

def statement():
    return Statement("half", "Rectified moment", "Half survives.", (Hypothesis("$s > 0$", s > 0),),
                     Eq(s * (s + 2) / 2 - s, s**2 / 2), "exact",
                     (Source("A. Author", "A title", 2000),), {{s: 1}})

def derivation():
    unit = Row(Eq((cos(s) ** 2 + sin(s) ** 2) / 2, Rational(1, 2)), "$s = 1$", Identity())
    return Derivation(statement(), (Row(statement().conclusion, "by algebra", Identity()),), unit)

def moment(key, scale):
    return jnp.maximum(scale * jax.random.normal(key, (64,)), 0.0) ** 2 @ jnp.ones(64) / 64

@on_host
def slow(seed, mean):
    if mean == 13.0:
        os._exit(1)
    time.sleep({pause})
    return random.Random(seed).gauss(mean, 1.0)

def claims(profile):
    points = tuple(Point({{"scale": scale}}, 0.5 * scale**2) for scale in (0.5, 2.0))
    means = tuple(Point({{"mean": mean}}, mean, resolution=0.5) for mean in {means})
    wrong = tuple(Point({{"mean": mean}}, mean + 1.0, resolution=0.5) for mean in {means}[:2])
    return (Claim("moment", "half", Mean(), moment, points, 256),
            Claim("slow", "the mean", Mean(), slow, means, 64),
            Claim("off by one", "not the mean", Mean(), slow, wrong, 64, "refuted", "the mean is displaced"))
'''


def write(folder, pause=0.003, means=(1.0, 2.0, 3.0, 4.0)):
    path = folder / "half.py"
    path.write_text(THEOREM.format(pause=pause, means=means))
    return str(path)


@pytest.fixture(scope="module")
def theorem(tmp_path_factory):
    return write(tmp_path_factory.mktemp("theorem"))


def cells(path):
    """Every cell by name: its bytes, and the device that its header names."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, payload, header FROM cells").fetchall()
        assert connection.execute("SELECT count(*) FROM retired").fetchone() == (0,)
    return {name: payload for name, payload, _ in rows}, [json.loads(row[2])["device"] for row in rows]


def certificates(report):
    return [replace(claim.certificate, seconds=0) for claim in report.claims]


@pytest.fixture(scope="module")
def alone(theorem, tmp_path_factory):
    """The run in a single process: certificates and cells."""
    store = tmp_path_factory.mktemp("alone") / "store.sqlite"
    report = verify(theorem, store=store)
    assert [claim.verdict for claim in report.claims] == ["supported", "supported", "refuted"]
    return certificates(report), cells(store)[0]


class Stop(Exception):
    """Ends a run from outside."""


def once(number, action):
    """A progress that acts at the given number of measurements."""
    met = []

    def progress(theorem, doing, finished, steps):
        met.append(doing)
        if len(met) == number:
            action()

    return progress


def stop():
    raise Stop


def workers_of(process):
    return [one for one in process.children() if "proofs_checks.cluster.process" in one.cmdline()]


def wait_for(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_worker_killed_in_a_resumed_run_changes_nothing(theorem, alone, tmp_path):
    store, killed = tmp_path / "store.sqlite", []
    with pytest.raises(Stop):
        verify(theorem, store=store, progress=once(5, stop))
    measured = cells(store)[0]

    def kill():
        (first, _) = workers_of(psutil.Process())
        first.send_signal(signal.SIGKILL)
        killed.append(first)

    report = verify(theorem, store=store, workers=2, progress=once(5, kill))
    assert killed
    assert not workers_of(psutil.Process())
    assert 0 < len(measured) < len(alone[1])
    assert (certificates(report), cells(store)[0]) == alone
    assert report.notes == ()


def test_an_interrupt_ends_the_workers_and_a_single_process_continues(theorem, alone, tmp_path):
    store = tmp_path / "store.sqlite"
    command = [
        sys.executable,
        "-m",
        "proofs_checks",
        "verify",
        theorem,
        "--workers",
        "1",
        "--store",
        str(store),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: store.exists() and store.stat().st_size)
    with open_store(store) as kept:
        wait_for(lambda: kept.cells >= 3)
    workers = workers_of(psutil.Process(process.pid))
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=SECONDS)
    assert (process.returncode, output) == (130, "")
    assert errors.startswith("provenet: stopped by SIGINT; what is finished is kept; to continue:")
    assert errors.count("\n") == 1
    assert len(workers) == 1
    assert psutil.wait_procs(workers, timeout=5)[1] == []
    measured = cells(store)[0]
    report = verify(theorem, store=store)
    assert 3 <= len(measured) < len(alone[1])
    assert (certificates(report), cells(store)[0]) == alone


@contextmanager
def scheduler():
    with distributed.LocalCluster(
        n_workers=0, processes=True, dashboard_address="127.0.0.1:0", host="127.0.0.1", silence_logs=50
    ) as found:
        yield found


@contextmanager
def worker(address, folder, name, patch="pass", **variables):
    """A worker process of the user's own, changed by a line of code or by environment variables."""
    code = f"from proofs_checks.cluster import orders, process; {patch}; process.main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, address, str(folder), name],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **variables, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def test_late_unlike_and_unfit_workers(theorem, alone, tmp_path):
    store = tmp_path / "store.sqlite"
    unlike = "orders.device = lambda: 'gpu:simulated'"
    with scheduler() as found:
        address, known = found.scheduler_address, found.scheduler.workers
        late = worker(address, tmp_path, "late")

        def join():
            late.__enter__()
            wait_for(lambda: len(known) == 3)

        with (
            worker(address, tmp_path, "unlike", unlike),
            worker(address, tmp_path, "unfit", XLA_FLAGS="--xla_cpu_enable_fast_min_max=true"),
        ):
            wait_for(lambda: len(known) == 2)
            try:
                report = verify(theorem, store=store, scheduler=address, progress=once(4, join))
            finally:
                late.__exit__(None, None, None)
    found_cells, devices = cells(store)
    assert (certificates(report), found_cells) == alone
    refused, spread = report.notes
    assert "was refused: its xla_flags is '--xla_cpu_enable_fast_min_max=true', the driver's ''" in refused
    assert set(devices) == {"cpu:cpu", "gpu:simulated"}
    few, many = sorted(set(devices), key=lambda device: (devices.count(device), device))
    assert spread == f"{devices.count(few)} cells were measured on {few}, the others on {many}"
    resumed = verify(theorem, store=store)
    assert resumed.notes == (spread,)


def test_a_cell_that_kills_its_workers_is_invalid(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "DEATHS", 2)
    report = verify(write(tmp_path, means=(13.0, 1.0)), workers=1)
    moment, slow = (claim.certificate for claim in report.claims[:2])
    assert moment.verdict.outcome == "supported"
    # What waited beside it is not blamed.
    assert [point.verdict.outcome for point in slow.points] == ["invalid", "supported"]
    assert slow.points[0].verdict.cause == "the workers measuring this cell died 2 times (out of memory?)"


def test_without_a_worker_the_run_ends_in_words(theorem, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "PATIENCE", 1.5)
    said = []
    with scheduler() as found, pytest.raises(NotRun, match=r"no worker .* run the same command again"):
        verify(theorem, scheduler=found.scheduler_address, progress=lambda *step: said.append(step[1]))
    assert any(text.startswith("waiting for a worker of tcp://") for text in said)


def test_without_its_scheduler_the_run_ends_in_words(theorem):
    with scheduler() as found:

        def progress(theorem, doing, finished, steps):
            if doing.startswith("waiting"):
                found.close()

        with pytest.raises(NotRun, match=r"the scheduler tcp://\S* is gone .* run the same command again"):
            verify(theorem, scheduler=found.scheduler_address, progress=progress)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheduler": "tcp://127.0.0.1:1"}, "no Dask scheduler answers at 'tcp://127.0.0.1:1'"),
        ({"scheduler": "nonsense://x"}, "no Dask scheduler answers at 'nonsense://x'"),
        ({"workers": 0}, "0 workers: this machine has"),
        ({"workers": 10_000}, "10000 workers: this machine has"),
        ({"workers": 1, "scheduler": "tcp://127.0.0.1:1"}, "give one of the two"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(theorem, tmp_path, monkeypatch, options, message):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    store, started = tmp_path / "store.sqlite", time.monotonic()
    with pytest.raises(InputError, match=message):
        verify(theorem, store=store, **options)
    assert not store.exists()
    assert time.monotonic() - started < 10


def test_the_extra_is_named_where_it_is_missing(theorem, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setattr(sys, "argv", ["provenet", "verify", theorem, "--workers", "1"])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 2
    assert 'pip install "provenet[cluster]"' in capsys.readouterr().err


TWO_DEVICES = """
import json, sys, jax
from proofs_checks import verify
report = verify(sys.argv[1])
first = report.claims[0].certificate
print(json.dumps({
    "verdicts": [claim.verdict for claim in report.claims],
    "estimates": [claim.worst.estimate for claim in report.claims],
    "devices": len(jax.devices()),
    "flags": first.design["environment"]["xla_flags"],
    "dask": sorted({"dask", "distributed"} & set(sys.modules)),
}))
"""


def test_two_devices_of_one_machine_give_equal_verdicts(theorem, alone):
    flags = "--xla_force_host_platform_device_count=2"
    found = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, theorem],
        env={**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    document = json.loads(found.stdout)
    one = [certificate.verdict.outcome for certificate in alone[0]]
    assert (document["devices"], document["verdicts"], document["flags"]) == (2, one, flags)
    assert document["dask"] == []
