"""Worker processes on this machine: started, replaced when they die, ended with the run."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import NamedTuple

from theory.errors import InputError, NotRun

_FAILED_STARTS = 3  # for each worker, over the whole run
_PER_CORE = 2


class _Process(NamedTuple):
    name: str
    process: subprocess.Popen[bytes]


def require_count(workers: int) -> None:
    """Raise InputError for a number of processes that this machine should not run."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    whole = isinstance(workers, int) and not isinstance(workers, bool)
    if not whole or not 1 <= workers <= _PER_CORE * cores:
        raise InputError(
            f"{workers!r} workers: this machine has {cores} cores, give a whole number from 1 to "
            f"{_PER_CORE * cores}; the workers of other machines join through a scheduler (--scheduler)"
        )


class LocalWorkers:
    """``workers`` processes of one thread each, connected to the scheduler at ``address``."""

    def __init__(self, address: str, workers: int, platform: str) -> None:
        self._address = address
        self._environment = _environment(platform)
        self._folder = tempfile.TemporaryDirectory(prefix="provenet-", ignore_cleanup_errors=True)
        self._numbers = count()
        self._failures_left = _FAILED_STARTS * workers
        self._processes: list[_Process] = []
        try:
            self._processes += [self._start() for _ in range(workers)]
        except BaseException:
            self.close()
            raise

    def tend(self) -> None:
        """Replace the processes that have died. Raises NotRun where they do not even start."""
        for index, (name, process) in enumerate(self._processes):
            if process.poll() is None:
                continue
            if not self._path(name, "ready").exists():
                self._failures_left -= 1
            if self._failures_left < 0:
                said = self._path(name, "err").read_text(errors="replace").strip().splitlines()[-1:]
                raise NotRun(f"the worker processes do not start: {said[0] if said else process.returncode}")
            _reap(process)
            self._processes[index] = self._start()

    def close(self) -> None:
        """End all processes; they hold nothing that is worth waiting for."""
        for _, process in self._processes:
            process.kill()
        for _, process in self._processes:
            _reap(process)
        self._folder.cleanup()

    def _path(self, name: str, suffix: str) -> Path:
        return Path(self._folder.name) / f"{name}.{suffix}"

    def _start(self) -> _Process:
        name = f"worker-{next(self._numbers)}"
        module = ("-P", "-m", "proofs_checks.cluster.process")
        with self._path(name, "err").open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, *module, self._address, self._folder.name, name],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=self._environment,
                start_new_session=True,  # Ctrl-C reaches the driver alone, which ends the workers
            )
        return _Process(name, process)


def _reap(process: subprocess.Popen[bytes]) -> None:
    process.wait()
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()


def _environment(platform: str) -> dict[str, str]:
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {
        **os.environ,
        **one_thread,
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
        "JAX_PLATFORMS": platform,
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # several processes share the accelerator
        "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    }
