"""Worker processes that take turns: each has an interpreter of its own and answers JSON requests."""

import json
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any


class Side:
    """A worker process, ended with its context; ``ask`` sends one request and returns the answer."""

    def __init__(self, python: str, worker: Path, name: str) -> None:
        environment = {**os.environ, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._process = subprocess.Popen(
            [python, str(worker), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment, "PYTHONPATH": str(worker.parent.parent)},
            text=True,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        pipes = self._process.stdin, self._process.stdout
        assert pipes[0] is not None
        assert pipes[1] is not None
        print(json.dumps(request), file=pipes[0], flush=True)
        line = pipes[1].readline()
        if not line:
            raise RuntimeError(f"the process {self._process.args} ended: run it by hand to see why")
        return dict(json.loads(line))

    def __enter__(self) -> "Side":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
