"""One side of ``benchmarks.empirical_kernels``: a process that measures what it is asked for, line by line.

Run by path, with the interpreter of provenet or of neural-tangents: it imports only the side it is.
A request is one JSON object on a line, and so is the answer.
"""

import ctypes
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Route = Callable[[Any, Any], Any]


def provenet(request: dict[str, Any], arrays: list[np.ndarray]) -> tuple[Route, Any]:
    """The route of this package and its parameters."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from functools import partial

    from numerics.networks import Layer, Network, apply
    from numerics.tangents import empirical_tangent_kernel, layerwise_tangent_kernel

    network = Network(tuple(request["widths"]), jax.nn.relu)
    routes = {
        "layerwise": partial(layerwise_tangent_kernel, network),
        "any function": partial(empirical_tangent_kernel, partial(apply, network)),
    }
    return routes[request["route"]], tuple(Layer(jnp.asarray(array), None) for array in arrays)


def neural_tangents(request: dict[str, Any], arrays: list[np.ndarray]) -> tuple[Route, Any]:
    """The route of the peer and the same parameters in its own form."""
    import neural_tangents as nt
    from neural_tangents import stax

    layers = [layer for width in request["widths"][1:-1] for layer in (stax.Dense(width), stax.Relu())]
    _, apply, _ = stax.serial(*layers, stax.Dense(request["widths"][-1]))
    implementation, _, one_by_one = request["route"].partition(", ")
    kernel = nt.empirical_ntk_fn(
        apply,
        trace_axes=(),
        vmap_axes=0 if one_by_one else None,
        implementation=getattr(nt.NtkImplementation, implementation),
    )
    # A pair of weight and bias, here left out, then the activation's empty tuple.
    parameters = [entry for array in arrays for entry in ((jnp.asarray(array.T), None), ())][:-1]
    return (lambda theta, x: kernel(x, None, theta)), parameters


def product_shapes(widths: list[int], count: int) -> Iterator[tuple[int, int, int]]:
    """(m, k, n) of the products that no route by Gram matrices can do without.

    Forward, backward, and half of every Gram matrix (the other half by symmetry), as one product each.
    """
    rows = count * widths[-1]
    yield from ((count, into, out) for into, out in pairwise(widths[:-1]))
    yield from ((rows, out, into) for into, out in pairwise(widths[1:-1]))
    yield from ((count, width, -(-count // 2)) for width in widths[:-1])
    yield from ((rows, width, -(-rows // 2)) for width in widths[1:-1])


def products(request: dict[str, Any], arrays: list[np.ndarray]) -> tuple[Route, Any]:
    """These products alone, of random matrices."""
    generator = np.random.default_rng(0)
    shapes = product_shapes(request["widths"], arrays[0].shape[0])
    pairs = [(generator.normal(size=(m, k)), generator.normal(size=(k, n))) for m, k, n in shapes]
    return (lambda factors, x: [first @ second for first, second in factors]), pairs


def memory(field: str) -> int:
    """Bytes of ``VmRSS`` or ``VmHWM`` of this process."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"/proc/self/status has no {field}")
    return 1024 * int(found[1])


def peak_of(call: Callable[[], Any]) -> tuple[int, Any]:
    """Bytes by which one call raises the resident memory of this process at most, its result included."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = memory("VmRSS")
    result = call()
    return memory("VmHWM") - before, result


def prepare(side: str, request: dict[str, Any]) -> Callable[[], Any]:
    with np.load(request["file"], allow_pickle=False) as file:
        arrays = [file[f"arr_{index}"] for index in range(len(file.files))]
    if request["route"].startswith("products"):
        route, parameters = products(request, arrays)
        if request["route"] == "products, OpenBLAS":
            return lambda: route(parameters, arrays[0])
    else:
        make = provenet if side == "provenet" else neural_tangents
        route, parameters = make(request, arrays[1:])
    parameters, inputs = jax.tree.map(jnp.asarray, (parameters, arrays[0]))
    compiled = jax.jit(route).lower(parameters, inputs).compile()
    return lambda: jax.block_until_ready(compiled(parameters, inputs))


def main(side: str) -> None:
    jax.config.update("jax_enable_x64", True)
    programs: dict[tuple[str, str], Callable[[], Any]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        name = request["file"], request["route"]
        answer: dict[str, Any] = {"jax": jax.__version__, "seconds": [], "processor": []}
        if name not in programs:
            programs[name] = prepare(side, request)
            answer["peak"], kernel = peak_of(programs[name])
            if request["result"]:
                np.save(request["result"], np.asarray(kernel))
        for _ in range(request["calls"]):
            start = time.perf_counter(), time.process_time()
            programs[name]()
            answer["seconds"].append(time.perf_counter() - start[0])
            answer["processor"].append(time.process_time() - start[1])
        answer["resident"] = memory("VmHWM")
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
