"""Time to derive and to prove E[s(u) s(v)], activation by activation.

Run: python -m benchmarks.gaussian_engine
"""

from __future__ import annotations

import time

from sympy import Eq, Symbol

from theory.gaussian import PriceEquation, dual_kernel, pair_expectation
from theory.grammar import parse

Z = Symbol("z", real=True)

ACTIVATIONS = {
    "step": "heaviside(z)",
    "sign": "sign(z)",
    "ReLU": "max(z, 0)",
    "ReLU^2": "max(z, 0)**2",
    "ReLU^3": "max(z, 0)**3",
    "ReLU^5": "max(z, 0)**5",
    "leaky ReLU": "max(z, z/10)",
    "abs": "abs(z)",
    "shifted ReLU": "max(z + 1/2, 0)",
    "hardtanh": "max(-1, min(1, z))",
    "ELU": "elu(z)",
    "erf": "erf(z)",
    "erf(z/sqrt 2)": "erf(z/sqrt(2))",
    "GELU": "gelu(z)",
    "sin": "sin(z)",
    "cos": "cos(z)",
    "z sin z": "z*sin(z)",
    "snake": "z + sin(z)**2",
    "Gabor": "cos(3*z)*exp(-z**2/2)",
    "Gaussian": "exp(-z**2/2)",
    "z Gaussian": "z*exp(-z**2/2)",
    "exp": "exp(z)",
    "sinh": "sinh(z)",
    "He_3": "z**3 - 3*z",
    "z^4 + z": "z**4 + z",
}


def measure(text: str) -> tuple[float, float, str, int]:
    """Seconds to derive and to prove, the answer, and the points of the second lock."""
    activation = parse(text, symbols=("z",))
    start = time.perf_counter()
    closed = dual_kernel(activation, Z)
    derived = time.perf_counter()
    relation = Eq(pair_expectation(activation, activation, Z), closed, evaluate=False)
    outcome = PriceEquation().discharge(relation, None)
    return derived - start, time.perf_counter() - derived, outcome.answer.value, outcome.points


def main() -> None:
    """Print the table."""
    print(f"{'activation':15s} {'derive':>8s} {'prove':>8s}  proved  points of the second lock")
    for name, text in ACTIVATIONS.items():
        derived, proved, answer, points = measure(text)
        print(f"{name:15s} {derived:7.2f}s {proved:7.2f}s  {answer:6s}  {points}", flush=True)


if __name__ == "__main__":
    main()
