"""Algebra that never returns: the row is open, and says that the time was up."""

import signal
import threading
import time

import pytest
import sympy
from sympy import Eq, Symbol

from theory import derivation
from theory.derivation import Row, Status, check
from theory.proving import normal_form
from theory.proving.identity import Identity
from theory.time_limit import TimeLimitExceeded, last_resort

x = Symbol("x", positive=True)


class Endless:
    """A way of proving that never comes to an end, in pure Python like most of SymPy."""

    earns = Status.PROVED

    def discharge(self, relation, domain):
        while True:
            sympy.expand((x + 1) ** 3)


def test_a_row_that_hangs_is_open(monkeypatch):
    monkeypatch.setattr(derivation, "ROW_SECONDS", 0.3)
    started = time.monotonic()
    checked = check(Row(Eq(x, x + 1, evaluate=False), "never", Endless()))
    assert (checked.status, checked.outcome.how) == (Status.OPEN, "no result within 0.3 seconds")
    assert time.monotonic() - started < 5


def endless(expression):
    while True:
        time.sleep(1)


def test_a_simplification_that_hangs_is_killed_and_named(monkeypatch):
    monkeypatch.setattr(normal_form, "SIMPLIFY_SECONDS", 0.3)
    monkeypatch.setattr(sympy, "simplify", endless)
    checked = check(Row(Eq(sympy.besselj(1, x), sympy.besselj(2, x)), "never", Identity()))
    assert checked.status is Status.OPEN
    assert "simplify exceeded 0.3 s" in checked.outcome.how


def test_the_alarm_is_gone_afterwards():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TimeLimitExceeded), last_resort(0.05):
        time.sleep(5)
    with last_resort(5):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 4
        with last_resort(0.001):  # whoever came first keeps the alarm
            time.sleep(0.01)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) is before


def test_other_threads_run_without_a_limit():
    seen = []

    def work():
        with last_resort(0.001):
            time.sleep(0.02)
        seen.append("finished")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["finished"]
