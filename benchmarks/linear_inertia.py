"""Inertia of the Hessian of a linear network at a critical point: from ranks, against the dense Hessian.

    python -m benchmarks.linear_inertia

The dense side is ``jax.hessian`` of the loss and ``eigvalsh``, compiled before it is timed. The points are
saddles of random data with the first and the third eigenvector chosen. Both sides must count the same. Where
the Hessian would not fit in memory only the ranks are timed.
"""

import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from numerics.curvature import hessian, inertia
from numerics.linear_networks import loss
from proofs_checks.linear_landscape.linear_inertia import linear_inertia

CASES = ((12, 8, 4), (24, 16, 6), (40, 20, 8), (16, 10, 10, 5), (784, 100, 10), (784, 100, 100, 10))  # widths
LARGEST_DENSE = 3000  # weights
CHOSEN, ROUNDS = (0, 2), 5


def saddle(widths: tuple[int, ...]) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Layers, inputs and targets: singular values sqrt(s) of every layer along the chosen directions."""
    random = np.random.default_rng(0)
    inputs = random.standard_normal((2 * sum(widths), widths[0]))
    targets = inputs @ random.standard_normal((widths[0], widths[-1])) + random.standard_normal(
        (len(inputs), widths[-1])
    )
    frame, scale, turn = np.linalg.svd(inputs, full_matrices=False)
    left, values, right = np.linalg.svd(targets.T @ frame, full_matrices=False)
    kept = list(CHOSEN)
    root = np.diag(values[kept] ** (1 / (len(widths) - 1)))
    frames = [np.linalg.qr(random.standard_normal((width, len(kept))))[0] for width in widths[1:-1]]
    ends = [*frames, left[:, kept]]
    first = ends[0] @ root @ right[kept] / scale @ turn
    return [first, *(b @ root @ a.T for a, b in pairwise(ends))], inputs, targets


def best(route: Callable[[], Any]) -> tuple[float, Any]:
    """The least time of some rounds after a first one, and the answer."""
    answer, seconds = route(), []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        route()
        seconds.append(time.perf_counter() - begun)
    return min(seconds), answer


def report(widths: tuple[int, ...]) -> str:
    """One line."""
    layers, inputs, targets = saddle(widths)
    weights = sum(layer.size for layer in layers)
    ours, found = best(lambda: linear_inertia(layers, inputs, targets))
    line = f"{'-'.join(map(str, widths)):<16}{weights:8d} weights   ranks {ours * 1e3:9.2f} ms"
    line += f"   index {found.inertia.negative:6d}, nullity {found.inertia.zero:6d}"
    if weights > LARGEST_DENSE:
        return line
    objective = partial(loss, inputs=jnp.asarray(inputs), targets=jnp.asarray(targets))
    # Zeros are found to the rounding of the Hessian's entries, far below every other curvature.
    dense = jax.jit(lambda moved: inertia(hessian(objective, moved), tolerance=1e-9 * np.sum(targets**2)))
    moved = tuple(map(jnp.asarray, layers))
    seconds, counted = best(lambda: jax.block_until_ready(dense(moved)))
    same = (int(counted.negative), int(counted.zero)) == (found.inertia.negative, found.inertia.zero)
    verdict = "same" if same else "DIFFERENT"
    return f"{line}   dense {seconds * 1e3:9.1f} ms   ratio {seconds / ours:7.1f}   {verdict}"


def main() -> None:
    """Print a line for each size."""
    jax.config.update("jax_enable_x64", True)
    for case in CASES:
        print(report(case), flush=True)


if __name__ == "__main__":
    main()
