"""Analytic kernels against neural-tangents: time, accuracy and the bandwidth floor, in one run, by turns.

    python -m benchmarks.kernels --peer PYTHON [--structured-peer PYTHON] [--only analytic|empirical]
        [--inputs 500,1000,2000]

The peer's interpreter has neural-tangents 0.6.5 with jax 0.5.3 or older; the empirical kernels need one with
jax 0.4.25 or older. NNGP and NTK together, float64, 64
inputs, K(X, X); both sides jitted, the peer with x2 = None. Each side is a process of its own and they take
turns, so that both meet the same load; medians. The floor is the time to write both matrices.
"""

import argparse
import os
import statistics
import sys
import time
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks import empirical_kernels
from benchmarks.sides import Side

WORKER = Path(__file__).with_name("kernels_worker.py")
ACTIVATIONS = ("Relu", "Erf", "Gelu", "Sin")
DEPTHS = (1, 3, 10)
TURNS = 5
GOALS = {1: 2.0, 3: 2.0, 10: 4.0}
SMALL_ANGLES = (1e-2, 1e-4, 1e-6, 1e-8)


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


def analytic(python: str | None, counts: list[int]) -> None:
    """Print the tables of time and of accuracy."""
    with ExitStack() as stack:
        own = stack.enter_context(Side(sys.executable, WORKER, "own"))
        peer = stack.enter_context(Side(python, WORKER, "peer")) if python else None
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; ms, first in s, medians of {TURNS}")
        print("  act  L     N        ms   first  /floor      peer   first   ratio")
        for count, activation, depth in product(counts, ACTIVATIONS, DEPTHS):
            print(speed(own, peer, activation, depth, count), flush=True)
        print("\nReLU, one hidden layer, no bias: relative errors")
        print("     angle             side      NNGP       NTK")
        print("\n".join(accuracy(own, peer)), flush=True)


def main() -> None:
    """Print the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="an interpreter with neural-tangents, for the analytic part")
    parser.add_argument("--structured-peer", help="one with jax 0.4.25 at most, for the empirical part")
    parser.add_argument("--inputs", default="500,1000,2000", help="numbers of inputs of the analytic part")
    parser.add_argument("--only", choices=("analytic", "empirical"))
    options = parser.parse_args()
    if options.only != "empirical":
        analytic(options.peer, [int(count) for count in options.inputs.split(",")])
    if options.only != "analytic":
        empirical_kernels.main(options.structured_peer)


if __name__ == "__main__":
    main()
