"""One side of benchmarks/kernels.py: reads requests from its input, a JSON document a line, and answers."""

import json
import math
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)

DIMENSION = 64
FORMS = {"Relu": "max(0, z)", "Erf": "erf(z)", "Gelu": "z*(1 + erf(z/sqrt(2)))/2", "Sin": "sin(z)"}
WEIGHT_VARIANCE, BIAS_VARIANCE = 1.5, 0.0


@lru_cache(maxsize=64)
def own(activation: str, depth: int) -> Callable[[Any], Any]:
    """Both kernels of X with itself by provenet."""
    from proofs_checks import kernel

    form = FORMS[activation]
    return kernel(form, depth=depth, weight_variance=WEIGHT_VARIANCE, bias_variance=BIAS_VARIANCE).matrices


@lru_cache(maxsize=64)
def peer(activation: str, depth: int) -> Callable[[Any], Any]:
    """The same by neural-tangents."""
    from neural_tangents import stax

    def dense() -> Any:
        return stax.Dense(1, W_std=WEIGHT_VARIANCE**0.5, b_std=BIAS_VARIANCE**0.5 or None)

    layers = [part for _ in range(depth) for part in (dense(), getattr(stax, activation)())]
    kernel = stax.serial(*layers, dense())[2]

    def both(inputs: Any) -> Any:
        found = kernel(inputs, None, ("nngp", "ntk"))
        return found.nngp, found.ntk

    return jax.jit(both)


@lru_cache(maxsize=4)
def data(count: int) -> Any:
    """Standard normal inputs of shape (count, DIMENSION)."""
    return jax.numpy.asarray(np.random.default_rng(0).standard_normal((count, DIMENSION)))


def near_pair(angle: float, antiparallel: bool) -> np.ndarray:
    """Two vectors of the plane at about this angle from parallel or antiparallel."""
    second = np.array([math.cos(angle), math.sin(angle)])
    return np.array([[1.0, 0.0], -second if antiparallel else second])


def exact(vectors: np.ndarray) -> list[float]:
    """Ball arithmetic on the exact values of the floats."""
    from sympy import Max, Rational, S, Symbol

    from theory.deep_kernels.enclosure import enclose_deep

    x, y = ([Rational(*float(entry).as_integer_ratio()) for entry in vector] for vector in vectors)
    weight = Rational(*WEIGHT_VARIANCE.as_integer_ratio())
    a, b, c = (
        weight * sum((p * q for p, q in zip(u, v, strict=True)), S.Zero) / 2
        for u, v in ((x, x), (y, y), (x, y))
    )
    balls = enclose_deep(Max(0, Symbol("z", real=True)), 1, weight, S.Zero, a, b, c, 25)
    return [float(ball.mid()) for ball in balls]


def answer(side: Callable[[str, int], Any], request: dict[str, Any]) -> dict[str, Any]:
    """What `benchmarks.sides.Side.ask` returns."""
    if "angle" in request:
        vectors = near_pair(request["angle"], request["antiparallel"])
        if request.get("exact"):
            return {"values": exact(vectors)}
        return {"values": [float(matrix[0, 1]) for matrix in side("Relu", 1)(jax.numpy.asarray(vectors))]}
    inputs = data(request["count"])
    begun = time.perf_counter()
    jax.block_until_ready(side(request["activation"], request["depth"])(inputs))
    return {"seconds": time.perf_counter() - begun}


def main() -> None:
    """Answer until the input ends."""
    side = {"own": own, "peer": peer}[sys.argv[1]]
    for line in sys.stdin:
        print(json.dumps(answer(side, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
