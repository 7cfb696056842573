"""Where cells are measured: in this process, or from memory where the same was measured before."""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from proofs_checks.claim import Claim, json_value
from proofs_checks.environment import device
from proofs_checks.fingerprint import code_digest
from proofs_checks.measurement import InvalidMeasurement, Measurement, Values


@dataclass(frozen=True)
class Request:
    """One cell to be measured: seeds ``start``, ..., ``stop - 1`` of a stream at one grid point of a claim.

    ``measurement`` runs it in this process; any other process finds the claim by the name of its theorem.
    """

    theorem: str
    claim: Claim
    point: int
    stage: int
    look: int
    stream: tuple[int, int]
    start: int
    stop: int
    measurement: Measurement = field(repr=False, compare=False)


class Measured(NamedTuple):
    """What came of a request, the very object submitted: values (seeds, columns), or why there are none."""

    request: Request
    values: Values | InvalidMeasurement
    seconds: float
    device: str


class Engine(Protocol):
    """Measures requests, in any order and any number at once: a cell depends on its request alone."""

    @property
    def capacity(self) -> int:
        """How many requests are worth submitting before one is finished."""
        ...

    def submit(self, request: Request) -> None:
        """Take a request; returns at once."""
        ...

    def finished(self) -> Measured:
        """Wait for a request that is finished; it is given out once."""
        ...


class InProcess:
    """Measures in the calling process, one request after the other."""

    capacity = 1

    def __init__(self) -> None:
        self._queue: deque[Request] = deque()

    def submit(self, request: Request) -> None:
        self._queue.append(request)

    def finished(self) -> Measured:
        request = self._queue.popleft()
        started = time.perf_counter()
        values: Values | InvalidMeasurement
        try:
            values = request.measurement.run(request.stream, request.start, request.stop)
        except InvalidMeasurement as error:
            values = error
        return Measured(request, values, time.perf_counter() - started, device())


class Remembering:
    """Measures once what several claims ask for that differ in nothing but their predictions.

    Two requests are the same when experiment (its code), parameters, stream and seeds are.
    """

    capacity = 1

    def __init__(self, engine: Engine | None = None) -> None:
        self._engine = engine or InProcess()
        self._known: dict[str, Measured] = {}
        self._queue: deque[Request] = deque()

    def submit(self, request: Request) -> None:
        self._queue.append(request)

    def finished(self) -> Measured:
        request = self._queue.popleft()
        name = _content(request)
        if name not in self._known:
            self._engine.submit(request)
            self._known[name] = self._engine.finished()
            return self._known[name]
        return self._known[name]._replace(request=request, seconds=0.0)


def _content(request: Request) -> str:
    """Everything that the values depend on, within one process."""
    parameters = json_value("parameters", request.claim.grid[request.point].parameters)
    parts = (code_digest(request.claim.experiment), parameters, *request.stream, request.start, request.stop)
    return json.dumps(parts, sort_keys=True)
