"""Reference values of the analytic kernels of neural-tangents, stored for a test that runs without it.

    /path/to/python benchmarks/peer_kernels.py tests/data/neural_tangents_kernels.json

The interpreter has neural-tangents 0.6.5 with jax 0.5.3. Every elementwise activation of its ``stax`` that
has a closed form, W_std 1.3, b_std 0.2. Hermite and ExpNormalized are layers of networks only at inputs of
variance 1: these have W_std 1, no bias, inputs with |x|^2 = d, and activations that keep the variance 1.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from neural_tangents import stax

jax.config.update("jax_enable_x64", True)

DEPTHS = (1, 2, 4)
W_STD, B_STD = 1.3, 0.2

# Ours, in z, and theirs. The constant of Sigmoid_like and those of the affine forms are exact decimals.
ACTIVATIONS: dict[str, Callable[[], Any]] = {
    "2*max(0, z) + 0.5*min(0, z)": lambda: stax.ABRelu(0.5, 2.0),
    "abs(z)": lambda: stax.Abs(),
    "1.5*cos(0.7*z + 0.3)": lambda: stax.Cos(1.5, 0.7, 0.3),
    "1.5*erf(0.7*z) + 0.3": lambda: stax.Erf(1.5, 0.7, 0.3),
    "0.5*exp(0.4*z)": lambda: stax.Exp(0.5, 0.4),
    "exp(-z^2)*sin(z)": lambda: stax.Gabor(),
    "1.5*exp(-0.7*z^2)": lambda: stax.Gaussian(1.5, -0.7),
    "z*(1 + erf(z/sqrt(2)))/2": lambda: stax.Gelu(),
    "z": lambda: stax.Identity(),
    "max(0, z) + 0.1*min(0, z)": lambda: stax.LeakyRelu(0.1),
    "z^2": lambda: stax.Monomial(2),
    "z^3": lambda: stax.Monomial(3),
    "1 + 0.5*z - 0.25*z^2 + 0.125*z^3": lambda: stax.Polynomial([1.0, 0.5, -0.25, 0.125]),
    "max(0, z)^2": lambda: stax.RectifiedMonomial(2),
    "max(0, z)": lambda: stax.Relu(),
    "sqrt(2)*sin(sqrt(2)*z + pi/4)": lambda: stax.Rbf(1.0),
    "0.5*erf(z/2.4020563531719796) + 0.5": lambda: stax.Sigmoid_like(),
    "sign(z)": lambda: stax.Sign(),
    "1.5*sin(0.7*z + 0.3)": lambda: stax.Sin(1.5, 0.7, 0.3),
}

NORMALIZED: dict[str, Callable[[], Any]] = {
    "z": lambda: stax.Hermite(1),
    "(z^2 - 1)/sqrt(2)": lambda: stax.Hermite(2),
    "(z^3 - 3*z)/sqrt(6)": lambda: stax.Hermite(3),
    "exp(z - 1)": lambda: stax.ExpNormalized(),
}


def references(
    make: Callable[[], Any], inputs: Any, depth: int, scales: tuple[float | None, ...]
) -> dict[str, Any]:
    """Both kernels of the inputs with themselves; scales = W_std, b_std."""
    parts = [part for _ in range(depth) for part in (stax.Dense(1, *scales), make())]
    kernel = stax.serial(*parts, stax.Dense(1, *scales))[2]
    found = kernel(inputs, None, ("nngp", "ntk"))
    return {"nngp": np.asarray(found.nngp).tolist(), "ntk": np.asarray(found.ntk).tolist()}


def table(activations: dict[str, Callable[[], Any]], inputs: Any, *scales: float | None) -> dict[str, Any]:
    """The references of all activations and depths."""
    return {
        form: {str(depth): references(make, jax.numpy.asarray(inputs), depth, scales) for depth in DEPTHS}
        for form, make in activations.items()
    }


def main() -> None:
    """Write the file named on the command line."""
    inputs = 0.5 * np.random.default_rng(7).standard_normal((3, 5))
    unit = inputs * (5 / np.sum(inputs**2, axis=1, keepdims=True)) ** 0.5
    document = {"W_std": W_STD, "b_std": B_STD, "inputs": inputs.tolist()}
    document["kernels"] = table(ACTIVATIONS, inputs, W_STD, B_STD)
    document |= {"unit_inputs": unit.tolist(), "unit_kernels": table(NORMALIZED, unit, 1.0, None)}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)


if __name__ == "__main__":
    main()
