"""The engine that measures on the workers of a Dask scheduler.

Each cell is given to one worker by name, as many at once as the worker has threads; the others wait here. So
it is known which cells were running when a worker died, a worker gets the cells whose programs it has
compiled, one that is refused gets none, and one that joins late starts at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import uuid4

from distributed import Client, Future, KilledWorker

from proofs_checks import signals
from proofs_checks.cluster.orders import Answer, Order, Subject, fingerprint, measure
from proofs_checks.engine import Measured, Request
from proofs_checks.measurement import InvalidMeasurement
from theory.errors import InputError, NotRun

PATIENCE = 300.0  # seconds to wait for a worker when there is none
DEATHS = 3  # of workers over one cell
_GLANCE = 1.0  # seconds between looks at who is there
_PER_THREAD = 2  # one cell measured and one at hand


@dataclass(eq=False)
class _Cell:
    """A request on its way; ``future`` is its latest attempt, on the worker at ``address``."""

    request: Request
    order: Order
    future: Future | None = None
    address: str = ""
    deaths: int = 0

    @property
    def place(self) -> tuple[str, str, int]:
        return (self.request.theorem, self.request.claim.name, self.request.point)


class _Arrival(NamedTuple):
    cell: _Cell
    future: Future
    answer: Answer | BaseException


class Cluster:
    """Measures cells on all workers that have the driver's environment, whenever they join.

    ``subjects`` are the theorems by id, ``tend`` is called about once a second, ``say`` when the run waits.
    """

    def __init__(
        self,
        client: Client,
        subjects: Mapping[str, Subject],
        environment: Mapping[str, Any],
        *,
        tend: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._client, self._subjects, self._environment = client, subjects, environment
        self._tend, self._say = tend, say
        self._waiting: list[_Cell] = []
        self._running: set[_Cell] = set()
        self._given_up: list[Measured] = []
        self._arrived: queue.SimpleQueue[_Arrival] = queue.SimpleQueue()
        self._threads: dict[str, int] = {}
        self._load: Counter[str] = Counter()
        self._homes: dict[tuple[str, str, int], str] = {}
        self._fingerprints: dict[tuple[str, str, int], str] = {}
        self._refused: dict[str, str] = {}
        self._served = False
        self._seen = self._lonely_since = 0.0
        self._address = client.scheduler.address

    @property
    def capacity(self) -> int:
        """Grows when workers join."""
        self._look_around()
        return max(1, _PER_THREAD * sum(self._usable().values()))

    @property
    def notes(self) -> tuple[str, ...]:
        """The workers that were given no cells, and why."""
        return tuple(f"the worker {address} was refused: {why}" for address, why in self._refused.items())

    def submit(self, request: Request) -> None:
        self._waiting.append(_Cell(request, self._order(request)))
        self._dispatch()

    def finished(self) -> Measured:
        while True:
            signals.check()
            self._look_around()
            if self._given_up:
                return self._given_up.pop()
            self._dispatch()
            try:
                arrival = self._arrived.get(timeout=_GLANCE / 4)
            except queue.Empty:
                continue
            if measured := self._settled(arrival):
                # The worker goes on before the judge looks at its values.
                self._dispatch()
                return measured

    def close(self) -> None:
        """Give up what is still running."""
        for cell in self._running:
            if cell.future is not None:
                _cancel(cell.future)
        self._running.clear()

    def _order(self, request: Request) -> Order:
        place = (request.theorem, request.claim.name, request.point)
        if place not in self._fingerprints:
            self._fingerprints[place] = fingerprint(request.claim, request.point)
        return Order(
            self._subjects[request.theorem],
            self._environment,
            request.claim.name,
            request.point,
            self._fingerprints[place],
            request.stream,
            request.start,
            request.stop,
        )

    def _usable(self) -> dict[str, int]:
        return {address: n for address, n in self._threads.items() if address not in self._refused}

    def _look_around(self) -> None:
        """Ask who is there; what was running on a worker that is gone waits again, first in line."""
        now = time.monotonic()
        if now - self._seen < _GLANCE:
            return
        self._tend()
        try:
            self._threads = dict(self._client.nthreads())
        except (OSError, TimeoutError, ValueError) as error:
            raise NotRun(
                f"the scheduler {self._address} is gone ({error}): what is finished is kept where a store "
                "is; start a scheduler and run the same command again"
            ) from None
        self._seen = time.monotonic()
        for cell in [cell for cell in self._running if cell.address not in self._threads]:
            if measured := self._bury(cell):
                self._given_up.append(measured)
        self._require_workers()

    def _require_workers(self) -> None:
        if self._usable():
            self._lonely_since = 0.0
        elif self._threads and not self._served:
            raise InputError(f"no worker of {self._address} can measure this run: {'; '.join(self.notes)}")
        else:
            self._lonely_since = self._lonely_since or self._seen
            self._wait_for_workers(self._seen - self._lonely_since)

    def _wait_for_workers(self, waited: float) -> None:
        if waited < PATIENCE:
            self._say(f"waiting for a worker of {self._address} ({PATIENCE - waited:.0f} s left)")
            return
        raise NotRun(
            f"there was no worker of {self._address} for {PATIENCE:.0f} s: what is finished is kept where a "
            f"store is; start workers and run the same command again{'; '.join(('', *self.notes))}"
        )

    def _dispatch(self) -> None:
        for address, threads in self._usable().items():
            while self._waiting and self._load[address] < threads:
                self._send(self._pick(address), address)

    def _pick(self, address: str) -> _Cell:
        """A cell whose program this worker has compiled, else one that no worker has, else the first."""
        here = (cell for cell in self._waiting if self._homes.get(cell.place) == address)
        new = (cell for cell in self._waiting if self._homes.get(cell.place) not in self._threads)
        cell = next(here, None) or next(new, None) or self._waiting[0]
        self._waiting.remove(cell)
        return cell

    def _send(self, cell: _Cell, address: str) -> None:
        # Pure functions, but every attempt is one of its own: Dask must not answer it from memory.
        key = f"provenet-{uuid4().hex}"
        future = self._client.submit(measure, cell.order, workers=[address], pure=False, key=key)
        cell.future, cell.address = future, address
        self._homes[cell.place] = address
        self._load[address] += 1
        self._running.add(cell)
        self._client.loop.add_callback(self._deliver, cell, future)

    async def _deliver(self, cell: _Cell, future: Future) -> None:
        """In the thread of the client: hand over what a future comes to."""
        answer: Answer | BaseException
        try:
            answer = await future
        except (Exception, asyncio.CancelledError) as error:
            answer = error
        self._arrived.put(_Arrival(cell, future, answer))

    def _settled(self, arrival: _Arrival) -> Measured | None:
        """What is to be given out; None where the cell waits again, or was given up before."""
        cell, future, answer = arrival
        if cell.future is not future:
            return None
        if isinstance(answer, KilledWorker | asyncio.CancelledError):
            return self._bury(cell)
        if isinstance(answer, BaseException):  # what answers was not our function: it could not be loaded
            answer = Answer(refused=f"{type(answer).__name__}: {' '.join(str(answer).split())[:300]}")
        if answer.refused:
            self._refuse(cell, answer.refused)
            return None
        self._leave(cell)
        self._served = True
        values = InvalidMeasurement(answer.cause) if answer.values is None else answer.values
        return Measured(cell.request, values, answer.seconds, answer.device)

    def _leave(self, cell: _Cell) -> None:
        """End this attempt: its worker has room for another cell."""
        self._running.discard(cell)
        self._load[cell.address] -= 1
        cell.future = None

    def _bury(self, cell: _Cell) -> Measured | None:
        """Its worker died: another attempt, first in line, unless there were enough of them."""
        if cell.future is not None:
            _cancel(cell.future)
        self._leave(cell)
        cell.deaths += 1
        if cell.deaths < DEATHS:
            self._waiting.insert(0, cell)
            return None
        cause = f"the workers measuring this cell died {DEATHS} times (out of memory?)"
        return Measured(cell.request, InvalidMeasurement(cause), 0.0, "")

    def _refuse(self, cell: _Cell, why: str) -> None:
        """The cell waits again, and its worker gets no other."""
        self._refused[cell.address] = why
        self._leave(cell)
        self._waiting.insert(0, cell)
        self._require_workers()


def _cancel(future: Future) -> None:
    with contextlib.suppress(Exception):  # a scheduler that is gone has nothing to cancel
        future.cancel()
