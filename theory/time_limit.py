"""Calls in child processes: under a time limit, or several side by side.

Calls that may never return, such as SymPy's integrate, run in one persistent child, which is killed when
the time is up and started again at the next call. A thread could not be stopped, and multiprocessing would
run the caller's script a second time unless it guards its main module.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import pickle  # only for the pipe to our own child: no file and no other process ever writes to it
import selectors
import signal
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice
from types import FrameType
from typing import Any, BinaryIO, TypeVar

from sympy.core.relational import Relational

from theory.errors import InputError

Result = TypeVar("Result")

START_SECONDS = 60.0
ORPHAN_CHECK_SECONDS = 1.0

_HEADER = struct.Struct(">Q")
_CHILD = "from theory.time_limit import serve; serve()"


class TimeLimitExceeded(RuntimeError):
    """The call did not return in the time it was given; its process was killed."""


class ChildDied(RuntimeError):
    """The child process ended without an answer, for example because memory ran out."""


def run_with_time_limit(function: Callable[..., Result], *arguments: Any, seconds: float) -> Result:
    """``function(*arguments)``, computed in the child process within ``seconds``.

    The function must be importable by name, and it, the arguments and the result must be picklable. What it
    raises is raised here. The start of the child does not count against the time. Raises TimeLimitExceeded
    when the time is up, ChildDied when the child ended without an answer, InputError for seconds <= 0 and
    for a function that the child cannot import.
    """
    if not seconds > 0:
        raise InputError(f"a time limit of {seconds} seconds: give a number > 0")
    if getattr(function, "__module__", None) == "__main__":
        raise InputError(
            f"{function!r} is defined in the main script: move it to a module that can be imported"
        )
    request = _packed((function, arguments))
    with _lock:
        child = _running_child()
        try:
            child.send(request)
            answer = child.receive(seconds)
        except BaseException:  # KeyboardInterrupt too: an answer that comes late would be taken for the next
            child.kill()
            raise
    return _value(answer)


def _value(answer: tuple[bool, Any]) -> Any:
    """What a call has returned; raises what it has raised."""
    succeeded, value = answer
    if succeeded:
        return value
    raise value


def side_by_side(
    function: Callable[..., Result], calls: Sequence[tuple[Any, ...]], processes: int
) -> Generator[tuple[int, Result | None], None, None]:
    """``function(*call)`` for all calls, in so many children that live until the last call is answered.

    Yields (index, None) when a call begins and (index, result) when it is answered. What a call raises is
    raised here, and all children are ended, as they are when the caller stops. Function, arguments and
    results as for ``run_with_time_limit``; ChildDied when a child ended without an answer.
    """
    waiting = iter(enumerate(calls))
    with contextlib.ExitStack() as children, selectors.DefaultSelector() as answers:
        for _, (index, call) in zip(range(processes), waiting, strict=False):
            child = _Child()
            children.callback(child.kill)
            child.send(_packed((function, call)))
            answers.register(child.output, selectors.EVENT_READ, (child, index))
            yield index, None
        while answers.get_map():
            for key, _ in answers.select():
                child, index = key.data
                answers.unregister(key.fileobj)
                yield index, _value(child.receive())
                for following, call in islice(waiting, 1):
                    child.send(_packed((function, call)))
                    answers.register(child.output, selectors.EVENT_READ, (child, following))
                    yield following, None


@contextlib.contextmanager
def last_resort(seconds: float) -> Iterator[None]:
    """Raise TimeLimitExceeded where the block takes longer: for what could not be sent to a child process.

    It works in the main thread, between two steps of Python, and where nobody else has set an alarm;
    elsewhere the block runs without a limit.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer") or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeLimitExceeded(f"no result within {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _Child:
    """The child process: requests go in, answers come out, each a length and that many bytes."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the parent alone, and the kill reaches grandchildren
        )
        self.ready = False

    def usable(self) -> bool:
        """Whether it runs and is ours: after a fork the child belongs to the parent process."""
        return self.owner == os.getpid() and self.process.poll() is None

    @property
    def output(self) -> int:
        """The descriptor that becomes readable with an answer."""
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def send(self, request: bytes) -> None:
        """Hand over a request, once the child has started."""
        if not self.ready:
            self._receive(time.monotonic() + START_SECONDS, "the child process did not start")
            self.ready = True
        assert self.process.stdin is not None
        try:
            _send(self.process.stdin, request)
        except BrokenPipeError:
            raise ChildDied("the child process ended between two calls") from None

    def receive(self, seconds: float | None = None) -> tuple[bool, Any]:
        """Whether the call has succeeded, and its result or what it raised. No seconds: no limit."""
        deadline = None if seconds is None else time.monotonic() + seconds
        return pickle.loads(self._receive(deadline, f"no result within {seconds or 0:g} seconds"))

    def _receive(self, deadline: float | None, message: str) -> bytes:
        (size,) = _HEADER.unpack(self._read(_HEADER.size, deadline, message))
        return self._read(size, deadline, message)

    def _read(self, size: int, deadline: float | None, message: str) -> bytes:
        descriptor, parts = self.output, bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while len(parts) < size:
                if not selector.select(None if deadline is None else max(0.0, deadline - time.monotonic())):
                    raise TimeLimitExceeded(message)
                received = os.read(descriptor, min(size - len(parts), 1 << 20))
                if not received:
                    raise ChildDied(f"the child process ended without an answer (code {self.process.wait()})")
                parts += received
        return bytes(parts)

    def kill(self) -> None:
        """End the child and whatever it started; a child of the process that forked us is left alone."""
        if self.owner == os.getpid():
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                _close(pipe)


_lock = threading.Lock()
_child: _Child | None = None


def _running_child() -> _Child:
    global _child
    if _child is None or not _child.usable():
        if _child is not None:
            _child.kill()
        _child = _Child()
    return _child


def close() -> None:
    """End the child process; the next call starts a new one."""
    global _child
    if _child is not None:
        _child.kill()
        _child = None


def _after_fork() -> None:
    # The lock may be held by a thread that does not exist in the forked process.
    global _lock
    _lock = threading.Lock()


atexit.register(close)
os.register_at_fork(after_in_child=_after_fork)


def _close(pipe: Any) -> None:
    with contextlib.suppress(OSError):  # unsent bytes for a child that is gone
        pipe.close()


class _Pickler(pickle.Pickler):
    """Packs relations as they are written: SymPy would evaluate them, and integrals in them, on arrival."""

    def reducer_override(self, value: Any) -> Any:
        return (_as_written, (type(value), *value.args)) if isinstance(value, Relational) else NotImplemented


def _as_written(kind: type[Relational], *sides: Any) -> Any:
    return kind(*sides, evaluate=False)


def _packed(value: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer).dump(value)
    return buffer.getvalue()


def _send(pipe: BinaryIO | Any, message: bytes) -> None:
    pipe.write(_HEADER.pack(len(message)) + message)
    pipe.flush()


def serve() -> None:
    """The child's loop: read a call, run it, write the result or the exception, until the pipe closes."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What the called function prints must not mix with the answers, nor may it read the requests.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    threading.Thread(target=_exit_when_orphaned, args=(os.getppid(),), daemon=True).start()
    # A parent that is killed during a call reads no answer: nobody is left to hear of it.
    with contextlib.suppress(BrokenPipeError):
        _send(answers, b"")
        while len(header := requests.read(_HEADER.size)) == _HEADER.size:
            (size,) = _HEADER.unpack(header)
            if len(request := requests.read(size)) < size:
                break
            _send(answers, _answer(request))
    close()
    os._exit(0)  # at exit the unsent bytes of an answer would be sent again, in vain and with a message


def _answer(request: bytes) -> bytes:
    try:
        function, arguments = pickle.loads(request)
        return _packed((True, function(*arguments)))
    except Exception as error:
        error.add_note("In the child process:\n" + traceback.format_exc())
        return _picklable(error)


def _picklable(error: Exception) -> bytes:
    try:
        packed = pickle.dumps((False, error))
        pickle.loads(packed)  # an exception with required arguments packs, and fails to unpack
        return packed
    except Exception:
        return pickle.dumps((False, RuntimeError("".join(traceback.format_exception(error)))))


def _exit_when_orphaned(parent: int) -> None:
    # A parent killed outright closes the pipe, which a busy main thread would not notice.
    while os.getppid() == parent:
        time.sleep(ORPHAN_CHECK_SECONDS)
    os._exit(1)
