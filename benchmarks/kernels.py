"""Analytic kernels against neural-tangents: time, accuracy and the bandwidth floor, in one run, by turns.

    python -m benchmarks.kernels --peer /path/to/python [--counts 500,1000,2000] [--only-analytic]

The peer's interpreter has neural-tangents 0.6.5 with jax 0.5.3 or older. NNGP and NTK together, float64, 64
inputs, K(X, X); both sides jitted, the peer with x2 = None. Each side is a process of its own and they take
turns, so that both meet the same load; medians. The floor is the time to write both matrices.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

WORKER = Path(__file__).with_name("kernels_worker.py")
ACTIVATIONS = ("Relu", "Erf", "Gelu", "Sin")
DEPTHS = (1, 3, 10)
TURNS = 5
GOALS = {1: 2.0, 3: 2.0, 10: 4.0}
SMALL_ANGLES = (1e-2, 1e-4, 1e-6, 1e-8)


class Side:
    """A worker process; ``ask`` sends one request and returns the answer."""

    def __init__(self, python: str, name: str) -> None:
        environment = {**os.environ, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._process = subprocess.Popen(
            [python, str(WORKER), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment, "PYTHONPATH": str(WORKER.parent.parent)},
            text=True,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker {self._process.args} ended: run it by hand to see why")
        return dict(json.loads(line))

    def close(self) -> None:
        """End the worker by closing its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def floor(count: int) -> float:
    """Seconds to write two matrices, the fastest of five."""
    results = np.empty((2, count, count))

    def once() -> float:
        begun = time.perf_counter()
        results.fill(1.0)
        return time.perf_counter() - begun

    return min(once() for _ in range(5))


def speed(own: Side, peer: Side | None, activation: str, depth: int, count: int) -> str:
    """One row of the table."""
    sides = [own] + ([peer] if peer else [])
    request = {"activation": activation, "depth": depth, "count": count}
    first = [side.ask(**request)["seconds"] for side in sides]
    times: list[list[float]] = [[] for _ in sides]
    for _ in range(TURNS):
        for place, side in enumerate(sides):
            times[place].append(side.ask(**request)["seconds"])
    ours, *others = (statistics.median(values) for values in times)
    row = f"{activation:>5} {depth:>3} {count:>5} {ours * 1e3:>9.1f} {first[0]:>7.2f}"
    row += f" {ours / floor(count):>7.1f}"
    if others:
        ratio = others[0] / ours
        verdict = "" if ratio >= GOALS[depth] else "  below the goal"
        row += f" {others[0] * 1e3:>9.1f} {first[1]:>7.2f} {ratio:>7.1f}{verdict}"
    return row


def accuracy(own: Side, peer: Side | None) -> list[str]:
    """Relative errors of both kernels against ball arithmetic, at inputs a small angle from parallel."""
    rows = []
    for antiparallel in (False, True):
        for angle in SMALL_ANGLES:
            request = {"angle": angle, "antiparallel": antiparallel}
            exact = own.ask(**request, exact=True)["values"]
            for name, side in (("provenet", own), ("neural-tangents", peer)):
                if side is not None:
                    found = side.ask(**request)["values"]
                    errors = [abs(f / e - 1) for f, e in zip(found, exact, strict=True)]
                    label = f"pi - {angle:.0e}" if antiparallel else f"{angle:.0e}"
                    rows.append(f"{label:>10} {name:>16} {errors[0]:>9.1e} {errors[1]:>9.1e}")
    return rows


def main() -> None:
    """Print both tables, and those of the empirical kernels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="an interpreter that has neural-tangents")
    parser.add_argument("--counts", default="500,1000,2000")
    parser.add_argument("--only-analytic", action="store_true")
    options = parser.parse_args()
    own = Side(sys.executable, "own")
    peer = Side(options.peer, "peer") if options.peer else None
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; ms, first call in s, medians of {TURNS}")
    print("  act  L     N        ms   first  /floor      peer   first   ratio")
    for count in map(int, options.counts.split(",")):
        for activation in ACTIVATIONS:
            for depth in DEPTHS:
                print(speed(own, peer, activation, depth, count), flush=True)
    print(
        "\nReLU, one hidden layer, no bias: relative errors\n     angle             side      NNGP       NTK"
    )
    print("\n".join(accuracy(own, peer)))
    own.close()
    if peer is not None:
        peer.close()
    if not options.only_analytic:
        from benchmarks import empirical_kernels

        empirical_kernels.main(options.peer)


if __name__ == "__main__":
    main()
