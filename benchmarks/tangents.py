"""Empirical tangent kernels against the naive contraction of Jacobians: time and memory, in one run.

    python -m benchmarks.tangents

Each route is one jitted program; times are medians of repeated calls, memory is what the compiler plans
for temporaries. Ratios above 1 are in favor of the route.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from numerics.data import sphere
from numerics.networks import Network, Parameters, apply, initialize, parameter_count
from numerics.tangents import empirical_tangent_kernel, layerwise_tangent_kernel

CASES = (
    (Network((64, 1024, 1), jax.nn.relu), 200),
    (Network((64, 512, 512, 1), jnp.tanh), 64),
    (Network((64, 256, 256, 256, 10), jnp.tanh), 32),
)
REPEATS = 5


def naive_tangent_kernel(network: Network, parameters: Parameters, inputs: Array) -> Array:
    """The definition: every Jacobian at once, then one contraction."""
    jacobian = jax.vmap(jax.jacobian(partial(apply, network)), in_axes=(None, 0))(parameters, inputs)
    rows = [leaf.reshape(*leaf.shape[:2], -1) for leaf in jax.tree.leaves(jacobian)]
    return sum(jnp.einsum("iap,jbp->ijab", row, row) for row in rows)


def routes(network: Network) -> dict[str, Callable[[Parameters, Array], Array]]:
    return {
        "naive Jacobian": partial(naive_tangent_kernel, network),
        "implicit": partial(empirical_tangent_kernel, partial(apply, network)),
        "layerwise": partial(layerwise_tangent_kernel, network),
    }


def measure(function: Callable[..., Array], *arguments: object) -> tuple[float, int, Array]:
    """Median seconds of a call, planned temporary bytes, and the result."""
    compiled = jax.jit(function).lower(*arguments).compile()
    result = jax.block_until_ready(compiled(*arguments))
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), compiled.memory_analysis().temp_size_in_bytes, result


def report(network: Network, count: int) -> list[str]:
    parameters = initialize(network, jax.random.key(0))
    inputs = sphere(jax.random.key(1), count, network.widths[0])
    lines = [f"widths {network.widths}, {count} data, {parameter_count(network):,} parameters"]
    reference = None
    for name, route in routes(network).items():
        seconds, memory, kernel = measure(route, parameters, inputs)
        reference = reference or (seconds, memory, kernel)
        error = float(jnp.max(jnp.abs(kernel - reference[2])) / jnp.max(jnp.abs(reference[2])))
        lines.append(
            f"  {name:<16}{1e3 * seconds:10.1f} ms {memory / 2**20:9.1f} MiB"
            f"   time ratio {reference[0] / seconds:7.1f}   memory ratio {reference[1] / memory:7.1f}"
            f"   difference {error:.1e}"
        )
    return lines


def main() -> None:
    """Print one block of lines for each network."""
    jax.config.update("jax_enable_x64", True)
    print(f"empirical tangent kernels, float64, {jax.devices()[0].device_kind}")
    for network, count in CASES:
        print("\n".join(report(network, count)), flush=True)


if __name__ == "__main__":
    main()
