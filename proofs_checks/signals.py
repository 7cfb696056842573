"""A clean end on SIGINT and SIGTERM: what is being written is finished or undone, then one line says more."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """The run was asked to end. No ``KeyboardInterrupt``, which libraries catch on the way."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


_received: list[int] = []


@contextmanager
def clean_end() -> Iterator[None]:
    """Within, the first signal raises ``Interrupted`` and a second one ends the process at once.

    Also where SIGINT starts out ignored, as in the background jobs of a script: who sends it wants an end.
    """
    before = {number: signal.signal(number, _end) for number in _SIGNALS}
    try:
        yield
    finally:
        if not _received:
            for number, handler in before.items():
                signal.signal(number, handler)


def check() -> None:
    """Raise what a signal has raised before: one that arrives in a finalizer or a callback of C is lost."""
    if _received:
        raise Interrupted(_received[0])


def _end(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_DFL)
    raise Interrupted(number)


def how_to_continue(arguments: Sequence[str]) -> str:
    """What is left of a run with these arguments, and the command that goes on from there."""
    command = shlex.join(["provenet", *arguments])
    if not any(word == "--store" or word.startswith("--store=") for word in arguments):
        return f"nothing was kept (--store FILE keeps what is finished); to start again: {command}"
    if "--fresh" in arguments:
        return f"what is finished is kept, but --fresh repeats it; to start again: {command}"
    return f"what is finished is kept; to continue: {command}"
