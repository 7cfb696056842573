"""Linear networks trained from many scales and seeds: one batched program against loops.

    python -m benchmarks.linear_networks [--peer PYTHON]

Every route trains the same two-layer networks by full-batch descent, in float64, on the same data.
``descend_together`` trains all of them in one call; "loop of jitted runs" calls one compiled training on the
examples per scale and seed; "one vmap" is that training, mapped. PYTHON is an interpreter of an environment
with PyTorch; its loop is the usual script, a Python loop over runs and steps with autograd. Sides take
turns; ratios above 1 are in favor of ``descend_together``.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from benchmarks.sides import Side
from numerics.ensembles import seed_keys
from numerics.linear_ensembles import descend_together
from numerics.linear_networks import loss, small
from numerics.training import GradientDescent, train

CASES = ((8, 32, 4), (16, 32, 8), (32, 32, 32))  # widths
SCALES, SEEDS, STEPS = (0.01, 0.03, 0.1, 0.3), 16, 500
EXAMPLES, STEP_SIZE, ROUNDS, PEER_RUNS = 64, 1e-3, 5, 2
OURS = "descend_together"

Route = Callable[[Array], np.ndarray]


def routes(widths: tuple[int, ...]) -> dict[str, Route]:
    """Every way of training all runs in this process, jitted once here."""
    inputs = jax.random.normal(jax.random.key(1), (EXAMPLES, widths[0]))
    targets = jax.random.normal(jax.random.key(2), (EXAMPLES, widths[-1]))
    objective = partial(loss, inputs=inputs, targets=targets)

    def start(key: Array) -> tuple[Array, ...]:
        """Weights of a scale that the key chooses, too."""
        return small(key, widths, jax.random.choice(key, jnp.asarray(SCALES)))

    def run(key: Array) -> Array:
        descent = GradientDescent(STEP_SIZE)
        return jnp.asarray(
            objective(train(objective, descent, start(key), STEPS, record_every=STEPS)[0].parameters)
        )

    def together(keys: Array) -> np.ndarray:
        rows = np.asarray(inputs), np.asarray(targets)
        return np.asarray(descend_together(starts(keys), *rows, STEP_SIZE, STEPS, STEPS).losses[:, -1])

    starts, compiled, vectorized = jax.jit(jax.vmap(start)), jax.jit(run), jax.jit(jax.vmap(run))
    return {
        OURS: together,
        "one vmap": lambda keys: np.asarray(vectorized(keys)),
        "loop of jitted runs": lambda keys: np.array([float(compiled(key)) for key in keys]),
    }


def timed(route: Route, keys: Array) -> tuple[float, np.ndarray]:
    begin = time.perf_counter()
    losses = route(keys)
    return time.perf_counter() - begin, losses


def report(widths: tuple[int, ...], peer: Side | None) -> list[str]:
    """Lines of one size."""
    keys = seed_keys(0, count=len(SCALES) * SEEDS)
    named = routes(widths)
    first = {name: timed(route, keys)[1] for name, route in named.items()}
    rounds = []
    for _ in range(ROUNDS):
        seconds = {name: timed(route, keys)[0] for name, route in named.items()}
        if peer:
            answer = peer.ask(widths=widths, examples=EXAMPLES, steps=STEPS, runs=PEER_RUNS)
            seconds["PyTorch, loop"] = answer["seconds"] * len(keys) / PEER_RUNS
        rounds.append(seconds)
    best = {name: min(seconds[name] for seconds in rounds) for name in rounds[0]}
    lines = [f"widths {widths}, {len(keys)} runs of {STEPS} steps: best of {ROUNDS} rounds"]
    for name, seconds in best.items():
        line = f"  {name:<24}{seconds:8.3f} s   ratio {seconds / best[OURS]:6.2f}"
        if name in first:
            line += f"   difference {np.max(np.abs(first[name] - first[OURS])):.1e}"
        lines.append(line)
    return lines


def main() -> None:
    """Print one block of lines for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="interpreter of an environment with PyTorch")
    chosen = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    with ExitStack() as stack:
        worker = Path(__file__).with_name("pytorch_worker.py")
        peer = stack.enter_context(Side(chosen.peer, worker, "peer")) if chosen.peer else None
        for case in CASES:
            print("\n".join(report(case, peer)), flush=True)


if __name__ == "__main__":
    main()
