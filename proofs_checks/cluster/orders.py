"""What travels to a worker and back, and what a worker does with it; nothing here knows of Dask."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from proofs_checks.catalogue import find
from proofs_checks.certificate import digest_of
from proofs_checks.claim import Claim, json_value
from proofs_checks.environment import device, environment, processor
from proofs_checks.fingerprint import code_digest
from proofs_checks.measurement import InvalidMeasurement, Measurement, Stream, Values
from proofs_checks.precision import float64
from proofs_checks.profile import Profile

_MAY_DIFFER = ("device", "processor")  # last digits, never verdicts; recorded with each cell


class Subject(NamedTuple):
    """Where a worker finds the claims of a theorem.

    ``theorem`` is an id of the catalogue or the path of a file, ``parameters`` are resolved, and ``run``
    is another word in every run.
    """

    run: str
    theorem: str
    profile: str
    parameters: Mapping[str, Any]


class Order(NamedTuple):
    """One cell to be measured; ``fingerprint`` and ``environment`` are what the driver has."""

    subject: Subject
    environment: Mapping[str, Any]
    claim: str
    point: int
    fingerprint: str
    stream: Stream
    start: int
    stop: int


class Answer(NamedTuple):
    """Values (seeds, columns), or why there are none.

    ``cause`` is a fault of the cell, ``refused`` one of the worker.
    """

    values: Values | None = None
    cause: str = ""
    refused: str = ""
    seconds: float = 0.0
    device: str = ""


class Differs(RuntimeError):
    """This process would not measure what the driver asks for; the message says what differs."""


def fingerprint(claim: Claim, point: int) -> str:
    """Digest of the experiment's code, its parameters at a grid point, and the number of columns."""
    parameters = json_value("parameters", claim.grid[point].parameters)
    return digest_of([code_digest(claim.experiment), parameters, columns(claim, point)])


def columns(claim: Claim, point: int) -> int:
    """How many numbers the comparator takes from each seed at a grid point."""
    return len(claim.grid[point].targets(claim.comparator)) * claim.comparator.columns


def measure(order: Order) -> Answer:
    """Run on a worker: the values of one cell, measured as the driver would."""
    with float64():
        try:
            measurement = _prepared(order)
        except Exception as error:
            return Answer(refused=_reason(error, order.subject.theorem))
        started = time.perf_counter()
        try:
            values = measurement.run(order.stream, order.start, order.stop)
        except InvalidMeasurement as error:
            return Answer(cause=str(error), seconds=time.perf_counter() - started, device=_device(order))
        return Answer(values, seconds=time.perf_counter() - started, device=_device(order))


def _device(order: Order) -> str:
    """The device, with the processor where this is what computes and the driver has another."""
    found, host = device(), processor()
    own = order.environment["processor"] == host or not found.startswith("cpu:")
    return found if own else f"{found} ({host})"


def _reason(error: Exception, theorem: str) -> str:
    if isinstance(error, Differs):
        return str(error)
    text = f"it cannot build the claims of {theorem}: {' '.join(str(error).split())[:300]}"
    if theorem.endswith(".py"):
        text += " (a theorem of your own must lie under the same path on every worker)"
    return text


_lock = threading.Lock()  # a worker of several threads builds everything once


def _prepared(order: Order) -> Measurement:
    """The compiled program belongs to the measurement, so each is built once in a process."""
    with _lock:
        _require(json.dumps(order.environment, sort_keys=True))
        claims, measurements = _built(_Key(order.subject))
        place = (order.claim, order.point)
        if place not in measurements:
            measurements[place] = _measurement(claims, order)
        return measurements[place]


@lru_cache(maxsize=8)
def _require(expected: str) -> None:
    """Raise Differs unless this process has the environment of the driver, up to its device."""
    found = {**environment()}
    if differing := [*_differences(json.loads(expected), found)]:
        raise Differs("; ".join(differing))


def _differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    for name in expected:
        if name in _MAY_DIFFER or expected[name] == found[name]:
            continue
        if name == "versions":
            for package, version in expected[name].items():
                if found[name].get(package) != version:
                    yield f"its {package} is {found[name].get(package)}, the driver's {version}"
        elif name == "source":
            yield "its source files of provenet are not the driver's: install the same version"
        else:
            yield f"its {name} is {found[name]!r}, the driver's {expected[name]!r}"


class _Key:
    """A subject as a cache key: parameters may be anything, so the run and the theorem stand for them."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    def __hash__(self) -> int:
        return hash(self.subject[:3])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.subject[:3] == other.subject[:3]


@lru_cache(maxsize=8)
def _built(key: _Key) -> tuple[dict[str, Claim], dict[tuple[str, int], Measurement]]:
    """The claims of a theorem by name, and a place for their measurements."""
    _, theorem, profile, parameters = key.subject
    claims = find(theorem).claims(Profile(profile), parameters)  # type: ignore[arg-type]  # checked there
    return {claim.name: claim for claim in claims}, {}


def _measurement(claims: Mapping[str, Claim], order: Order) -> Measurement:
    claim = claims.get(order.claim)
    if claim is None or order.point >= len(claim.grid):
        raise Differs(f"its {order.subject.theorem} has no point {order.point} of {order.claim!r}")
    if fingerprint(claim, order.point) != order.fingerprint:
        raise Differs(
            f"its {order.subject.theorem} is not the driver's at {order.claim!r}: give every worker the same "
            "file, and start it anew where the file was changed"
        )
    parameters = claim.grid[order.point].parameters
    return Measurement(claim.experiment, parameters, columns(claim, order.point))
