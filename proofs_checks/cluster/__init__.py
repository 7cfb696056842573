"""Cells measured by other processes and machines, through Dask (the extra ``cluster``).

Only the driver, which judges, writes the store. Importing this package imports nothing of Dask.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from theory.errors import InputError

if TYPE_CHECKING:
    from proofs_checks.catalogue import Theorem
    from proofs_checks.cluster.engine import Cluster
    from proofs_checks.cluster.orders import Subject

CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 2.0


def subjects(
    names: Sequence[str], theorems: Sequence[Theorem], profile: str, settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Subject]:
    """Where workers find these theorems, by id: under the ids or the paths that they were named by."""
    from proofs_checks.cluster.orders import Subject

    run = uuid4().hex
    places = [str(Path(name).resolve()) if name.endswith(".py") else name for name in names]
    return {
        theorem.id: Subject(run, place, profile, settings[theorem.id])
        for place, theorem in zip(places, theorems, strict=True)
    }


@contextmanager
def connected(
    places: Mapping[str, Subject],
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[Cluster | None]:
    """An engine on ``workers`` processes of this machine, or on the workers of the scheduler at an address.

    None where neither is asked for: the run measures in its own process. ``places`` are the theorems by id;
    ``say`` is told when the run waits for workers. Raises InputError for options that do not go together
    and where the scheduler does not answer within seconds.
    """
    if workers is None and scheduler is None:
        yield None
        return
    _require(workers, scheduler)
    with _silence(), contextlib.ExitStack() as stack:
        if scheduler is not None:
            yield stack.enter_context(_engine(scheduler, places, say=say))
            return
        assert workers is not None
        address = stack.enter_context(_own_scheduler())
        local = stack.enter_context(_processes(address, workers))
        yield stack.enter_context(_engine(address, places, say=say, tend=local.tend))


def _require(workers: int | None, scheduler: str | None) -> None:
    """Raise InputError for options that exclude each other, are out of bounds, or need the extra."""
    if workers is not None and scheduler is not None:
        raise InputError("workers of this machine or a scheduler: give one of the two")
    try:
        importlib.import_module("distributed")
    except ImportError:
        raise InputError(
            'measuring in several processes needs Dask: pip install "provenet[cluster]"'
        ) from None
    if workers is not None:
        from proofs_checks.cluster.local import require_count

        require_count(workers)


@contextmanager
def _engine(address: str, places: Mapping[str, Subject], **calls: Callable[..., None]) -> Iterator[Cluster]:
    from distributed import Client

    from proofs_checks.cluster.engine import Cluster
    from proofs_checks.environment import environment
    from proofs_checks.precision import float64

    try:
        # A pair of versions that does not fit is found out by each worker itself.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="provenet")
    except (OSError, TimeoutError, ValueError, ImportError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"no Dask scheduler answers at {address!r}: {reason}") from None
    try:
        with float64():
            engine = Cluster(client, places, environment(), **calls)
        with contextlib.closing(engine):
            yield engine
    finally:
        client.close(timeout=_CLOSE_SECONDS)


@contextmanager
def _own_scheduler() -> Iterator[str]:
    from distributed import LocalCluster

    pages = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}  # port 8787 may be somebody else's
    cluster = LocalCluster(
        n_workers=0, processes=True, host="127.0.0.1", silence_logs=False, scheduler_kwargs=pages
    )
    try:
        yield cluster.scheduler_address
    finally:
        cluster.close(timeout=_CLOSE_SECONDS)


@contextmanager
def _processes(address: str, workers: int) -> Iterator[Any]:
    import jax

    from proofs_checks.cluster.local import LocalWorkers

    with contextlib.closing(LocalWorkers(address, workers, jax.devices()[0].platform)) as local:
        yield local


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing of Dask's on stderr: what matters reaches the user as our own errors and notes."""
    importlib.import_module("distributed")  # which sets up its loggers
    found = {
        logger: logger.level
        for name, logger in logging.root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger) and name.split(".")[0] in ("distributed", "tornado", "asyncio")
    }
    try:
        for logger in found:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for logger, level in found.items():
            logger.setLevel(level)
