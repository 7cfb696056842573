"""Empirical tangent kernels against neural-tangents: time and memory, in one run, by turns.

    python -m benchmarks.empirical_kernels --peer /path/to/python

The peer's interpreter has neural-tangents 0.6.5 with jax 0.4.25 (its structured derivatives break at 0.4.26).
Both sides are processes of their own, get the same parameters and data, and take turns, so that both meet
the same load. Memory is the rise of the resident set during the first call of a compiled program, with its
result.

The floor is the time of the matrix products alone that no route by Gram matrices can do without: forward,
backward, and half of every Gram matrix; by XLA, which all routes here use, and by NumPy's OpenBLAS. (Set
OMP_NUM_THREADS to the number of cores for the latter.)
"""

import argparse
import statistics
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.sides import Side

WORKER = Path(__file__).with_name("empirical_worker.py")
MEBIBYTE, GIBIBYTE = 2**20, 2**30

FASTEST = "STRUCTURED_DERIVATIVES, vmapped"
FLOORS = ("products, XLA", "products, OpenBLAS")
CONTENDERS = ("layerwise", f"peer: {FASTEST}", *FLOORS)
OTHERS = ("STRUCTURED_DERIVATIVES", "NTK_VECTOR_PRODUCTS, vmapped", "JACOBIAN_CONTRACTION, vmapped")


class Case(NamedTuple):
    """A ReLU network without biases and the number of data, with what is to be reached."""

    widths: tuple[int, ...]
    count: int
    calls: int
    turns: int
    times_faster: float
    others: tuple[str, ...]


CASES = (
    Case((64, 1024, 1), 200, 20, 8, 5.0, OTHERS),
    Case((64, 512, 512, 512, 10), 128, 2, 8, 3.0, ()),
)
LARGE = ((64, 4096, 1), (64, 4096, 4096, 1))
LARGE_COUNT, LARGE_MEMORY = 2000, 4 * GIBIBYTE


class Timing(NamedTuple):
    """Seconds of the clock, median and least, and of the processors, median; bytes of the first call."""

    median: float
    least: float
    processor: float
    peak: int


def write_inputs(widths: tuple[int, ...], count: int, folder: Path) -> str:
    """Data on the sphere of radius sqrt(inputs), and standard normal weights: the ``ntk`` parametrization."""
    generator = np.random.default_rng(0)
    data = generator.normal(size=(count, widths[0]))
    data *= np.sqrt(widths[0]) / np.linalg.norm(data, axis=1, keepdims=True)
    weights = [generator.normal(size=(out, into)) for into, out in pairwise(widths)]
    file = folder / f"{'-'.join(map(str, widths))}.npz"
    np.savez(file, data, *weights)
    return str(file)


def measure(sides: dict[str, tuple[Side, str]], file: str, case: Case, folder: Path) -> dict[str, Timing]:
    """Turns of a few calls each, all routes of this case in every turn."""
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    for turn in range(case.turns):
        for index, (name, (side, route)) in enumerate(sides.items()):
            result = str(folder / f"{index}.npy") if turn == 0 and name not in FLOORS else ""
            request = {"file": file, "widths": case.widths, "route": route, "result": result}
            if name in CONTENDERS:
                answers[name].append(side.ask(calls=case.calls, **request))
            elif turn == 0:  # the others are far behind
                answers[name].append(side.ask(calls=1, **request))
    return {name: _timing(given) for name, given in answers.items()}


def _timing(answers: list[dict[str, Any]]) -> Timing:
    seconds = [value for answer in answers for value in answer["seconds"]]
    processor = [value for answer in answers for value in answer["processor"]]
    return Timing(statistics.median(seconds), min(seconds), statistics.median(processor), answers[0]["peak"])


def _differences(count: int, folder: Path) -> list[float]:
    """Of every route from the first, in units of its largest entry."""
    reference = np.load(folder / "0.npy", allow_pickle=False)
    kernels = (np.load(folder / f"{index}.npy", allow_pickle=False) for index in range(count))
    # Where there is one output, the peer keeps its axes as well.
    return [
        float(np.max(np.abs(kernel.reshape(reference.shape) - reference)) / np.max(np.abs(reference)))
        for kernel in kernels
    ]


def _clocks(timing: Timing, first: Timing) -> str:
    return "".join(
        f"{1e3 * value:{width}.2f}{value / base:7.2f}"
        for value, base, width in zip(timing[:3], first[:3], (10, 10, 9), strict=True)
    )


def compare(case: Case, own: Side, peer: Side | None, folder: Path) -> list[str]:
    """One block of lines: every route, with its ratios to the layer-wise one."""
    sides = {"layerwise": (own, "layerwise"), "any function": (own, "any function")}
    if peer is not None:
        sides |= {f"peer: {route}": (peer, route) for route in (FASTEST, *case.others)}
    file = write_inputs(case.widths, case.count, folder)
    timings = measure(sides | {name: (own, name) for name in FLOORS}, file, case, folder)
    floors = [(name, timings.pop(name)) for name in FLOORS]
    first = timings["layerwise"]
    lines = [
        f"widths {case.widths}, {case.count} data; ratios to layerwise",
        f"  {'':<38}{'median ms':>10}{'ratio':>7}{'least ms':>10}{'ratio':>7}"
        f"{'cpu ms':>9}{'ratio':>7}{'peak MiB':>10}{'ratio':>7}  difference",
    ]
    for (name, timing), difference in zip(timings.items(), _differences(len(timings), folder), strict=True):
        size = f"{timing.peak / MEBIBYTE:10.1f}{timing.peak / first.peak:7.2f}"
        lines.append(f"  {name:<38}{_clocks(timing, first)}{size}  {difference:.1e}")
    lines += [f"  {name:<38}{_clocks(timing, first)}" for name, timing in floors]
    if peer is not None:
        best = min(timing.median for name, timing in timings.items() if name.startswith("peer"))
        lines.append(
            f"  the peer's best takes {best / first.median:.2f} times as long ({case.times_faster} aimed at)"
        )
    return lines


def large(folder: Path) -> list[str]:
    """Kernels of 2,000 data at width 4,096, each in a process of its own."""
    lines = [
        f"{LARGE_COUNT} data, resident memory of the whole process (limit {LARGE_MEMORY / GIBIBYTE:.0f} GiB)"
    ]
    for widths in LARGE:
        file = write_inputs(widths, LARGE_COUNT, folder)
        with Side(sys.executable, WORKER, "provenet") as side:
            answer = side.ask(file=file, widths=widths, route="layerwise", result="", calls=1)
        within = "within" if answer["resident"] <= LARGE_MEMORY else "ABOVE"
        size = f"{answer['resident'] / GIBIBYTE:8.2f} GiB, {within}"
        lines.append(f"  widths {widths!s:<24}{answer['seconds'][0]:8.2f} s{size}")
    return lines


def main(peer: str | None = None) -> None:
    """Print the tables; ``peer`` is the interpreter that has neural-tangents, None for this side alone."""
    print("empirical tangent kernels, float64, one run, sides by turns")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in CASES:
            with Side(sys.executable, WORKER, "provenet") as own:
                if peer is None:
                    lines = compare(case, own, None, folder)
                else:
                    with Side(peer, WORKER, "neural-tangents") as other:
                        lines = compare(case, own, other, folder)
            print("\n".join(lines), flush=True)
        print("\n".join(large(folder)), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="an interpreter with neural-tangents 0.6.5 and jax 0.4.25")
    main(parser.parse_args().peer)
