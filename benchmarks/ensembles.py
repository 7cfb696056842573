"""An ensemble of trainings by ``map_seeds`` against a Python loop over seeds and against one ``vmap``.

    python -m benchmarks.ensembles

All routes run the same training, in float64, in one process. "Loop, jitted once" calls one compiled
training per seed; "loop, step by step" is the usual script: a Python loop over seeds and steps around a
jitted update. Compilation is reported apart. Ratios above 1 are in favor of ``map_seeds``.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from numerics.data import gaussian_teacher
from numerics.ensembles import map_seeds, seed_keys
from numerics.losses import empirical_loss
from numerics.networks import Network, apply, initialize
from numerics.training import GradientDescent, train

CASES = ((16, 256, 300), (256, 64, 300), (1024, 32, 200))  # width, seeds, steps
DATA, DIMENSION, STEP_SIZE = 16, 8, 0.5
ROUNDS = 5


class Training:
    """One training of a two-layer network: final loss as a function of the key."""

    def __init__(self, width: int, steps: int) -> None:
        data = gaussian_teacher(jax.random.key(0), lambda x: jnp.sin(x[:1]), DATA, DIMENSION)
        self.network = Network((DIMENSION, width, 1), jnp.tanh)
        self.loss = partial(empirical_loss(partial(apply, self.network)), data=data)
        self.steps = steps

    def whole(self, key: Array) -> Array:
        parameters = initialize(self.network, key)
        final, _ = train(
            self.loss, GradientDescent(STEP_SIZE), parameters, self.steps, record_every=self.steps
        )
        return self.loss(final.parameters)

    def update(self, parameters: Any) -> Any:
        gradient = jax.grad(self.loss)(parameters)
        return jax.tree.map(lambda value, slope: value - STEP_SIZE * slope, parameters, gradient)


def routes(training: Training) -> dict[str, Callable[[Array], np.ndarray]]:
    """Every way of training all seeds, jitted once here."""
    whole = training.whole
    compiled, vectorized = jax.jit(whole), jax.jit(jax.vmap(whole))
    start = jax.jit(partial(initialize, training.network))
    update, loss = jax.jit(training.update), jax.jit(training.loss)

    def step_by_step(keys: Array) -> np.ndarray:
        losses = []
        for key in keys:
            parameters = start(key)
            for _ in range(training.steps):
                parameters = update(parameters)
            losses.append(float(loss(parameters)))
        return np.array(losses)

    return {
        "map_seeds": partial(map_seeds, whole),
        "loop, jitted once": lambda keys: np.array([float(compiled(key)) for key in keys]),
        "loop, step by step": step_by_step,
        "one vmap": lambda keys: np.asarray(vectorized(keys)),
    }


def timed(route: Callable[[Array], np.ndarray], keys: Array) -> tuple[float, np.ndarray]:
    begin = time.perf_counter()
    losses = route(keys)
    return time.perf_counter() - begin, losses


def report(width: int, count: int, steps: int) -> list[str]:
    keys = seed_keys(0, count=count)
    named = routes(Training(width, steps))
    first = {name: timed(route, keys) for name, route in named.items()}
    # Routes take turns, so that a busy moment of the machine does not fall on one of them.
    rounds = [{name: timed(route, keys)[0] for name, route in named.items()} for _ in range(ROUNDS)]
    best = {name: min(seconds[name] for seconds in rounds) for name in named}
    lines = [f"width {width}, {count} seeds, {steps} steps: best of {ROUNDS} rounds"]
    for name, (compiling, losses) in first.items():
        difference = np.max(np.abs(losses - first["map_seeds"][1]))
        lines.append(
            f"  {name:<20}{best[name]:8.3f} s   first call {compiling - best[name]:+6.2f} s"
            f"   ratio {best[name] / best['map_seeds']:6.2f}   difference {difference:.1e}"
        )
    return lines


def main() -> None:
    """Print one block of lines for each size."""
    jax.config.update("jax_enable_x64", True)
    devices = jax.devices()
    print(f"ensembles of trainings, float64, {len(devices)} x {devices[0].device_kind}")
    for case in CASES:
        print("\n".join(report(*case)), flush=True)


if __name__ == "__main__":
    main()
