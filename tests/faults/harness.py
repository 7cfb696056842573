"""What the fault tests share: runs that are started and ended, and stores that are compared cell by cell."""

import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
THEOREM = "many_cells.py"
PATIENCE = 180.0  # seconds for a run of about three, on a machine that may be busy


def copied_code(folder: Path) -> Path:
    """A copy of the three layers and of the theorem: their digests are part of every cell's name."""
    for layer in ("theory", "numerics", "proofs_checks"):
        shutil.copytree(ROOT / layer, folder / layer, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (THEOREM, "nursery.py"):
        shutil.copy(HERE / name, folder)
    return folder


class Child:
    """One run of the command line in a forked process."""

    def __init__(self, nursery: "Nursery", identity: int, output: Path) -> None:
        self.identity, self.output, self._nursery = identity, output, nursery

    def send(self, number: signal.Signals) -> None:
        assert self._nursery.running == self.identity > 1
        os.kill(self.identity, number)

    def wait(self) -> int:
        """The exit code, or minus the number of the signal that ended it."""
        assert self._nursery.running == self.identity
        return self._nursery.ended()

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._nursery.has_answer()

    @property
    def stdout(self) -> str:
        return self.output.with_name(self.output.name + ".stdout").read_text()

    @property
    def stderr(self) -> str:
        return self.output.with_name(self.output.name + ".stderr").read_text()

    @property
    def kept(self) -> list[str]:
        """Names of the cells that were reported to be kept, line by line; the last may be cut off."""
        path = self.output.with_name(self.output.name + ".kept")
        return [line for line in path.read_text().splitlines() if len(line) == 64] if path.exists() else []


class Nursery:
    """A warm process that runs the command line in its children, one at a time."""

    def __init__(self, code: Path, folder: Path) -> None:
        self.code, self.folder, self._started = code, folder, 0
        self._received = b""
        self.running: int | None = None
        environment = {**os.environ, "PYTHONPATH": str(code), "JAX_PLATFORMS": "cpu"}
        self._process = subprocess.Popen(
            [sys.executable, str(code / "nursery.py"), str(code / THEOREM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=folder,
        )

    def start(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        ignored: Sequence[int] = (),
    ) -> Child:
        """Fork a child that runs these arguments."""
        self.end()
        self._started += 1
        output = self.folder / f"run-{self._started}"
        request = {
            "arguments": arguments,
            "environment": dict(environment or {}),
            "output": str(output),
            "ignored": list(ignored),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        self.running = self._answer("started")
        return Child(self, self.running, output)

    def ended(self) -> int:
        """Wait for the child; its exit code."""
        code = self._answer("ended")
        self.running = None
        return code

    def end(self) -> None:
        """End a child that a failed test has left behind."""
        if self.running is not None:
            os.kill(self.running, signal.SIGKILL)
            self.ended()

    def verify(self, store: Path, *options: str, **settings: Mapping[str, str]) -> Child:
        """Fork a run of the theorem on a store."""
        theorem = str(self.code / THEOREM)
        return self.start("verify", theorem, "--json", "--store", str(store), *options, **settings)

    def has_answer(self) -> bool:
        """Whether the warm process has said something that was not read yet."""
        pipe = self._process.stdout
        return bool(self._received) or bool(select.select([pipe], [], [], 0)[0])

    def _answer(self, word: str) -> int:
        """The next line of the warm process; a run that takes too long is ended, and is an error."""
        pipe = self._process.stdout
        assert pipe is not None
        while b"\n" not in self._received:
            if not select.select([pipe], [], [], PATIENCE)[0]:
                self._process.kill()
                self.running = None
                raise TimeoutError(f"no answer within {PATIENCE:g} seconds")
            received = os.read(pipe.fileno(), 4096)
            assert received, "the warm process has ended"
            self._received += received
        line, _, self._received = self._received.partition(b"\n")
        said, number = line.decode().split()
        assert said == word
        return int(number)

    def close(self) -> None:
        self.end()
        self._process.communicate(timeout=60)


Cells = dict[str, tuple[str, bytes, str]]


def rows_of(path: Path) -> list[tuple[str, str, bytes, str]]:
    """All cells of a store, read with SQLite alone from a copy, so that the store itself stays as it is."""
    copy = path.parent / "copy"
    copy.mkdir()
    try:
        for file in path.parent.glob(f"{path.name}*"):
            if not file.name.endswith("-shm") and ".damaged-" not in file.name:
                shutil.copy(file, copy)
        with closing(sqlite3.connect(copy / path.name)) as connection:
            query = "SELECT name, header, payload, digest FROM cells ORDER BY number"
            return connection.execute(query).fetchall() if _laid_out(connection) else []
    finally:
        shutil.rmtree(copy)


def _laid_out(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'cells'").fetchone())


def cells_of(path: Path) -> Cells:
    """The cells by name; a name twice is refused."""
    rows = rows_of(path)
    found = {name: (header, payload, digest) for name, header, payload, digest in rows}
    assert len(found) == len(rows), "a cell is there twice"
    return found


def without_seconds(document: object) -> object:
    """A JSON report without what a clock gives."""
    if isinstance(document, dict):
        return {name: without_seconds(value) for name, value in document.items() if name != "seconds"}
    return [without_seconds(one) for one in document] if isinstance(document, list) else document


def report_of(child: Child) -> object:
    """What a run has printed, times aside."""
    return without_seconds(json.loads(child.stdout))
