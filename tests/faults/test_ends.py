"""Whatever ends a run early: a named outcome, an exit code, and the same report once it is continued."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from proofs_checks import database
from proofs_checks.database import StoreError
from proofs_checks.store import open_store
from tests.faults.harness import PATIENCE, cells_of, report_of


def finished(nursery, undisturbed, path, **settings):
    """Continue a run: it comes to the report of the undisturbed one."""
    child = nursery.verify(path, **settings)
    assert child.wait() == 0, child.stderr
    assert report_of(child) == undisturbed.report
    assert cells_of(path).keys() == undisturbed.cells.keys()
    return child


def once_measuring(child, cells=1):
    """Wait until some cells were reported to be kept."""
    deadline = time.monotonic() + PATIENCE
    while len(child.kept) < cells:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    return child


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("ignored", [(), (signal.SIGINT, signal.SIGTERM)], ids=["", "ignored at the start"])
def test_a_signal_ends_the_run_cleanly(nursery, undisturbed, tmp_path, number, ignored):
    path = tmp_path / "a store.sqlite"
    child = once_measuring(nursery.verify(path, ignored=ignored), cells=3)
    child.send(number)
    assert child.wait() == 128 + number
    theorem = nursery.code / "many_cells.py"
    line = (
        f"provenet: stopped by {number.name}; what is finished is kept; to continue: "
        f"provenet verify {theorem} --json --store '{path}'\n"
    )
    assert child.stderr == line
    assert child.stdout == ""
    # A clean end: the journal is folded in, and nothing of the running cell is there.
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert cells_of(path).items() <= undisturbed.cells.items()
    assert set(child.kept) <= cells_of(path).keys()
    if not ignored:
        finished(nursery, undisturbed, path)


SLOW_END = """
import time
from proofs_checks import signals
try:
    with signals.clean_end():
        try:
            print("running", flush=True)
            time.sleep(60)
        finally:
            print("ending", flush=True)
            time.sleep(60)
except signals.Interrupted:
    print("ended")
"""


def test_a_second_signal_ends_the_run_at_once(nursery):
    environment = {**os.environ, "PYTHONPATH": str(nursery.code)}
    command = [sys.executable, "-c", SLOW_END]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "ending\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=PATIENCE)[0] == ""
    assert process.returncode == -signal.SIGTERM


LOST_ON_THE_WAY = """
import os, signal
from proofs_checks import signals

class Fragile:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)  # what is raised here, Python prints and forgets

with signals.clean_end():
    Fragile()
    print("forgotten", flush=True)
    try:
        signals.check()
    except signals.Interrupted as end:
        print(end, end.exit_code)
"""


def test_a_signal_that_got_lost_is_found_at_the_next_measurement(nursery):
    environment = {**os.environ, "PYTHONPATH": str(nursery.code)}
    completed = subprocess.run(
        [sys.executable, "-c", LOST_ON_THE_WAY], env=environment, capture_output=True, text=True, check=True
    )
    assert completed.stdout == "forgotten\nstopped by SIGINT 130\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "nothing was kept (--store FILE keeps what is finished); to start again: provenet verify "),
        (("--fresh",), "what is finished is kept, but --fresh repeats it; to start again: provenet verify "),
    ],
    ids=["no store", "fresh"],
)
def test_the_line_says_what_is_left(nursery, tmp_path, options, words):
    theorem = str(nursery.code / "many_cells.py")
    store = ("--store", str(tmp_path / "store.sqlite")) if options else ()
    child = once_measuring(nursery.start("verify", theorem, *store, *options))
    child.send(signal.SIGTERM)
    assert child.wait() == 143
    assert child.stderr.startswith(f"provenet: stopped by SIGTERM; {words}")


def test_two_processes_on_one_store(nursery, undisturbed, tmp_path):
    path, theorem = tmp_path / "store.sqlite", str(nursery.code / "many_cells.py")
    command = [sys.executable, "-m", "proofs_checks", "verify", theorem, "--json", "--store", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(nursery.code), "JAX_PLATFORMS": "cpu"}
    other = subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    child = nursery.verify(path)
    assert child.wait() == 0, child.stderr
    output, errors = other.communicate(timeout=PATIENCE)
    assert (other.returncode, errors) == (0, "")
    (tmp_path / "other.stdout").write_text(output)
    for found in (child, type(child)(nursery, 0, tmp_path / "other")):
        assert report_of(found) == undisturbed.report
    assert cells_of(path).keys() == undisturbed.cells.keys()


@contextmanager
def small_disk(folder, kibibytes):
    """A file system of a given size where this user may make one; else None."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(folder)]
    made = shutil.which("mount") and subprocess.run(["mount", *options], check=False, capture_output=True)
    if not made or made.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(nursery, undisturbed, tmp_path, record_property):
    """Filled up in the midst of the run; continued after making room."""
    with small_disk(tmp_path / "disk", 120) as disk:
        record_property("faults", f"a full disk: {'a file system of 120 KiB' if disk else 'not tried here'}")
        if disk is None:
            pytest.skip("this user may not mount a file system; the limit on file sizes is tried below")
        path = disk / "store.sqlite"
        child = nursery.verify(path)
        assert child.wait() == 3
        assert re.fullmatch(
            r"provenet: not run: the store .* failed \((database or disk is full|disk I/O error)\): .*, "
            r"then run the same command again; what is finished is kept\n",
            child.stderr,
        )
        assert child.stdout == ""
        found = cells_of_moved(path, tmp_path)
        assert 0 < len(found) < len(undisturbed.cells)
        assert set(child.kept) <= found.keys()
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        finished(nursery, undisturbed, path)


def cells_of_moved(path, tmp_path):
    """The cells of a store on a full disk, where no copy fits."""
    folder = tmp_path / "moved"
    folder.mkdir()
    for file in path.parent.iterdir():
        shutil.copy(file, folder)
    return cells_of(folder / path.name)


def test_a_limit_on_the_size_of_files(nursery, undisturbed, tmp_path):
    path, theorem = tmp_path / "store.sqlite", str(nursery.code / "many_cells.py")
    with open_store(tmp_path / "empty.sqlite"):
        pass
    sizes = [file.stat().st_size for file in (tmp_path / "empty.sqlite", undisturbed.path)]
    limit, verify = sum(sizes) // 2048, f"{sys.executable} -m proofs_checks verify"
    command = f"ulimit -f {limit}; exec {verify} {theorem} --store {path}"
    environment = {**os.environ, "PYTHONPATH": str(nursery.code), "JAX_PLATFORMS": "cpu"}
    completed = subprocess.run(
        ["bash", "-c", command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert completed.returncode == 3
    assert re.match(r"provenet: not run: the store .* failed \(", completed.stderr)
    assert 0 < len(cells_of(path)) < len(undisturbed.cells)
    finished(nursery, undisturbed, path)


OPEN_AS_NOBODY = """
import os, sys
from proofs_checks.database import StoreError
from proofs_checks.store import open_store
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    open_store(sys.argv[1])
except StoreError as error:
    print(error)
"""


def test_a_store_that_may_not_be_written(undisturbed):
    """As another user where this one may do anything."""
    with TemporaryDirectory() as name:  # not below a folder that only its owner may enter
        folder = Path(name)
        path = folder / "store.sqlite"
        shutil.copy(undisturbed.path, path)
        path.chmod(0o444)
        folder.chmod(0o555)
        completed = subprocess.run(
            [sys.executable, "-c", OPEN_AS_NOBODY, str(path)], capture_output=True, text=True, check=False
        )
        folder.chmod(0o755)
    assert "make the file and its folder" in completed.stdout, completed.stderr
    assert "then run the same command again; what is finished is kept" in completed.stdout


@pytest.mark.parametrize("gone", ["removed", "moved", "replaced"])
def test_a_store_that_disappears(nursery, undisturbed, tmp_path, gone):
    path, aside = tmp_path / "store.sqlite", tmp_path / "aside.sqlite"
    child = once_measuring(nursery.verify(path))
    child.send(signal.SIGSTOP)
    for file in tmp_path.glob("store.sqlite*"):
        file.rename(file.with_name(file.name.replace("store", "aside")))
    if gone == "removed":
        shutil.copy(aside, tmp_path / "kept.sqlite")
        for file in tmp_path.glob("aside.sqlite*"):
            file.unlink()
    if gone == "replaced":
        shutil.copy(aside, path)
    child.send(signal.SIGCONT)
    assert child.wait() == 3
    assert child.stderr.startswith(
        f"provenet: not run: the store {path} was moved, removed or replaced while it was in use: "
    )
    assert child.stdout == ""
    finished(nursery, undisturbed, path)


def test_a_folder_that_disappears(nursery, undisturbed, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    child = once_measuring(nursery.verify(folder / "store.sqlite"))
    shutil.rmtree(folder)
    assert child.wait() == 3
    assert "was moved, removed or replaced" in child.stderr


def test_a_store_that_another_process_holds(tmp_path, monkeypatch):
    path = tmp_path / "store.sqlite"
    open_store(path).close()
    monkeypatch.setattr(database, "_WAIT_SECONDS", 1.5)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        with pytest.raises(StoreError, match=r"another process held it .*: wait for that, or end it"):
            open_store(path)
        assert 1 < time.monotonic() - started < 10
        holder.execute("ROLLBACK")
    open_store(path).close()


def test_waiting_for_a_lock_hears_signals(nursery, undisturbed, tmp_path):
    path = tmp_path / "store.sqlite"
    shutil.copy(undisturbed.path, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        child = nursery.verify(path)
        time.sleep(2)
        child.send(signal.SIGINT)
        started = time.monotonic()
        assert child.wait() == 130
        assert time.monotonic() - started < 10


def test_clocks_that_jump(nursery, undisturbed, tmp_path):
    """Nothing but the times that are printed depends on a clock that may be set."""
    path = tmp_path / "store.sqlite"
    child = nursery.verify(path, environment={"FAULTS_CLOCK": "jumping"})
    assert child.wait() == 0, child.stderr
    assert report_of(child) == undisturbed.report
    assert cells_of(path) == undisturbed.cells


def test_a_store_from_another_environment_is_named_beside_the_report(nursery, undisturbed, tmp_path):
    path = tmp_path / "store.sqlite"
    shutil.copy(undisturbed.path, path)
    child = nursery.verify(path, environment={"NVIDIA_TF32_OVERRIDE": "0"})
    assert child.wait() == 0
    assert report_of(child) == undisturbed.report
    count = len(undisturbed.cells)
    assert child.stderr == (
        f"provenet: the store also holds {count} cells measured with no tf32_override; they are not used\n"
    )
    assert len(cells_of(path)) == 2 * count
