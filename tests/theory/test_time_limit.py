"""Calls under a time limit: cut off when they hang, and none left behind."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import sympy
from sympy import Symbol, exp, sin

from theory import time_limit
from theory.errors import InputError
from theory.time_limit import ChildDied, TimeLimitExceeded, run_with_time_limit, side_by_side

x = Symbol("x")


def run_script(source: str, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", textwrap.dedent(source), *options]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


def alive(process: int) -> bool:
    """Whether a process runs: a zombie has ended, whoever has yet to read its code."""
    try:
        with open(f"/proc/{process}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_within(process: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(process)


def test_result_and_symbols_survive_the_pipe():
    real = Symbol("a", real=True)
    assert run_with_time_limit(sympy.diff, real * sin(x), x, seconds=30) == real * sympy.cos(x)


def echoed(value):
    return value


def test_relations_arrive_as_they_were_written():
    integral = sympy.Integral(sin(x), (x, 0, 1))
    for relation in (sympy.Eq(integral, integral, evaluate=False), sympy.Lt(1, 0, evaluate=False)):
        arrived = run_with_time_limit(echoed, relation, seconds=30)
        assert (type(arrived), arrived.args) == (type(relation), relation.args)


def test_hanging_integral_is_cut_off_and_the_next_call_works():
    a, b, c = sympy.symbols("a b c", positive=True)
    density = exp(-(a * x**2 + c * x * Symbol("y", real=True)) / b) * sympy.Max(0, x) * sympy.erf(x * c)
    run_with_time_limit(abs, -1, seconds=30)  # the start of the child does not count
    first_child = run_with_time_limit(os.getpid, seconds=30)
    start = time.monotonic()
    with pytest.raises(TimeLimitExceeded, match=r"no result within 0\.5 seconds"):
        run_with_time_limit(sympy.integrate, density, (x, -sympy.oo, sympy.oo), seconds=0.5)
    assert time.monotonic() - start < 2.0  # the limit, the kill, and a busy machine
    assert gone_within(first_child, 2.0)
    assert run_with_time_limit(sympy.integrate, x, x, seconds=30) == x**2 / 2


def test_one_child_serves_many_calls():
    assert len({run_with_time_limit(os.getpid, seconds=30) for _ in range(5)}) == 1


def test_exceptions_come_through_with_the_childs_traceback():
    with pytest.raises(ZeroDivisionError) as caught:
        run_with_time_limit(divmod, 1, 0, seconds=30)
    assert any("In the child process" in note for note in caught.value.__notes__)


def test_large_arguments_and_results():
    data = bytes(range(256)) * 40_000  # 10 MB: far more than a pipe holds
    assert run_with_time_limit(bytes.upper, data, seconds=30) == data.upper()


def test_what_the_function_prints_does_not_reach_the_answers():
    assert run_with_time_limit(print, "\0" * 100, seconds=30) is None
    assert run_with_time_limit(max, 1, 2, seconds=30) == 2


def test_child_that_dies_is_reported_and_replaced():
    with pytest.raises(ChildDied, match="code 3"):
        run_with_time_limit(os._exit, 3, seconds=30)
    assert run_with_time_limit(abs, -2, seconds=30) == 2


def test_child_killed_between_calls_is_replaced():
    os.kill(run_with_time_limit(os.getpid, seconds=30), signal.SIGKILL)
    time.sleep(0.2)
    assert run_with_time_limit(abs, -3, seconds=30) == 3


def test_close_leaves_no_process():
    child = run_with_time_limit(os.getpid, seconds=30)
    time_limit.close()
    assert not alive(child)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_senseless_limits_are_refused(seconds):
    with pytest.raises(InputError, match="give a number > 0"):
        run_with_time_limit(abs, 1, seconds=seconds)


def test_function_of_the_main_script_is_refused_and_no_guard_is_needed():
    finished = run_script("""
        from theory.time_limit import run_with_time_limit
        print("once", run_with_time_limit(abs, -4, seconds=30))
        def mine(): pass
        run_with_time_limit(mine, seconds=30)
    """)
    assert finished.stdout == "once 4\n"
    assert "InputError" in finished.stderr
    assert "move it to a module" in finished.stderr


def test_forked_process_gets_a_child_of_its_own():
    finished = run_script("""
        import os
        from theory.time_limit import run_with_time_limit
        mine = run_with_time_limit(os.getpid, seconds=30)
        if os.fork() == 0:
            other = run_with_time_limit(os.getpid, seconds=30)
            os._exit(0 if other != mine else 1)
        print(os.waitstatus_to_exitcode(os.wait()[1]), run_with_time_limit(os.getpid, seconds=30) == mine)
    """)
    assert finished.stdout == "0 True\n", finished.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_orphan_when_the_parent_is_interrupted_or_killed(how):
    source = """
        import os, signal, time
        # A job in the background starts with SIGINT ignored, and Python then keeps it so.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from theory.time_limit import run_with_time_limit
        print(run_with_time_limit(os.getpid, seconds=30), flush=True)
        run_with_time_limit(time.sleep, 50, seconds=50)
    """
    command = [sys.executable, "-c", textwrap.dedent(source)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as parent:
        child = int(parent.stdout.readline())
        time.sleep(0.2)
        parent.send_signal(how)
        parent.wait(timeout=10)
    # The killed parent cannot act: its child looks once a second.
    assert gone_within(child, 5.0)


def test_calls_side_by_side_are_all_answered_by_few_children():
    found = list(side_by_side(echoed, [(value,) for value in "abcd"], 2))
    assert sorted(index for index, value in found if value is None) == [0, 1, 2, 3]  # as they begin
    assert dict(found[-1:] + [one for one in found if one[1]]) == dict(enumerate("abcd"))
    children = {value for _, value in side_by_side(process_after, [(0.2,)] * 4, 2) if value}
    assert len(children) == 2
    assert all(gone_within(child, 2.0) for child in children)


def process_after(seconds):
    time.sleep(seconds)
    return os.getpid()


def test_a_slow_call_does_not_hold_up_the_others():
    answered = [index for index, value in side_by_side(process_after, [(3,), (0,), (0,), (0,)], 2) if value]
    assert answered == [1, 2, 3, 0]


def test_a_call_side_by_side_that_raises_ends_the_others():
    started = time.monotonic()
    with pytest.raises(TypeError):
        list(side_by_side(time.sleep, [("long",), (50,)], 2))
    assert time.monotonic() - started < 20  # two children have started on a busy machine, none has slept
    with pytest.raises(ChildDied, match="code 3"):
        list(side_by_side(os._exit, [(3,)], 2))


def test_a_child_whose_parent_is_killed_says_nothing():
    source = """
        import os, time
        from theory.time_limit import run_with_time_limit
        print(run_with_time_limit(os.getpid, seconds=30), flush=True)
        run_with_time_limit(time.sleep, 0.5, seconds=50)  # less than the child takes to look for its parent
    """
    command = [sys.executable, "-c", textwrap.dedent(source)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as parent:
        child = int(parent.stdout.readline())
        time.sleep(0.2)
        parent.kill()
        assert gone_within(child, 5.0)
        assert parent.stderr.read() == ""
