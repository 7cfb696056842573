"""Starts provenet again and again without importing it anew: one warm process that forks.

Reads requests, a JSON line each: the arguments of the command line and where to write. Answers with
"started", the process id of the child, then with "ended", its exit code. A child logs the name of every
cell that the store has reported to be kept.
"""

import json
import os
import signal
import sys
import time
import warnings

from proofs_checks import cli, environment, run, store


def log_what_is_kept(path):
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    put = store.Store.put

    def logged(self, name, header, values):
        put(self, name, header, values)
        os.write(descriptor, f"{name}\n".encode())

    store.Store.put = logged


def let_clocks_jump():
    """The clock of the day goes back and forth by years, a century at each look."""
    looks = iter(range(10**9))

    def jumping():
        look = next(looks)
        return 3.2e9 * (-1) ** look * (look % 7)

    time.time = jumping
    time.time_ns = lambda: int(1e9 * jumping())


def child(request):
    signal.alarm(240)  # whatever becomes of the tests, no run is left behind
    os.environ.update(request["environment"])
    if "FAULTS_CLOCK" in os.environ:
        let_clocks_jump()
    for number, name in ((1, "stdout"), (2, "stderr")):
        target = os.open(f"{request['output']}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(target, number)
    for number in request["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    log_what_is_kept(f"{request['output']}.kept")
    sys.argv = ["provenet", *request["arguments"]]
    cli.main()


def main():
    # Our only thread is this one; JAX warns of forks because it starts its own later, in the children.
    warnings.simplefilter("ignore")
    run.derive(sys.argv[1])
    environment.source_digest()
    identity = 0
    for line in sys.stdin:
        request = json.loads(line)
        if identity:
            os.waitpid(identity, 0)
        identity = os.fork()
        if identity == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            child(request)
            os._exit(99)  # the command line always exits
        print(f"started {identity}", flush=True)
        # Not yet reaped: until it has read the answer, the test may send signals to this process id.
        ended = os.waitid(os.P_PID, identity, os.WEXITED | os.WNOWAIT)
        exited = ended.si_code == os.CLD_EXITED
        print(f"ended {ended.si_status if exited else -ended.si_status}", flush=True)


if __name__ == "__main__":
    main()
