"""Time to derive and to prove E[s(u) s(v)], activation by activation, and means of other products.

Seconds of the processor, which other programs on the machine hardly change, and by the clock in brackets.

Run: python -m benchmarks.gaussian_engine
"""

from __future__ import annotations

import time
from functools import partial
from typing import NamedTuple

from sympy import Eq, Expr, Heaviside, Max, Symbol, erf, exp, sin

from theory.gaussian import PriceEquation, expectation_of
from theory.grammar import parse

Z = Symbol("z", real=True)

ACTIVATIONS = {
    "step": "heaviside(z)",
    "sign": "sign(z)",
    "ReLU": "max(z, 0)",
    "ReLU^2": "max(z, 0)**2",
    "ReLU^3": "max(z, 0)**3",
    "ReLU^5": "max(z, 0)**5",
    "ReLU^4": "max(z, 0)**4",
    "ABReLU(1/3, 2)": "2*max(z, 0) + min(z, 0)/3",
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
    "cosh": "cosh(z)",
    "ReLU Gaussian": "max(z, 0)*exp(-z**2/2)",
    "z^2 step Gaussian": "z**2*heaviside(z)*exp(-z**2/2)",
    "step exp": "heaviside(z)*exp(z)",
    "z erf": "z*erf(z)",
    "z^3 erf": "z**3*erf(z)",
    "Gaussian erf": "erf(z)*exp(-z**2/2)",
    "cos Gaussian z^2": "z**2*cos(z)*exp(-z**2)",
    "shifted ReLU^3": "max(z - 1, 0)**3",
    "hardswish": "z*min(max(z + 3, 0), 6)/6",
    "ReLU + z Gaussian": "max(z, 0) + z*exp(-z**2/2)",
    "||z| - 1|": "abs(abs(z) - 1)",
    "ReLU + sin": "max(z, 0) + sin(z)",
    "exp(-|z|)": "exp(-abs(z))",
    "SELU": "selu(z)",
    "sin + cos": "sin(z) + cos(z)",
    "shifted sin": "2*sin(3*z + 1/2)",
    "erf(2 z + 1)": "erf(2*z + 1)",
    "CELU": "max(z, 0) + 2*(exp(min(z, 0)/2) - 1)",
    "ReLU6": "min(max(z, 0), 6)",
    "He_5": "z**5 - 10*z**3 + 15*z",
    "z^3 step": "z**3*heaviside(z)",
    "Gaussian(z - 1)": "exp(-(z - 1)**2)",
    "ReLU^2 step Gaussian": "max(z, 0)**2*exp(-z**2)",
    "hard sigmoid": "min(max(z/6 + 1/2, 0), 1)",
    "hard shrink": "z*heaviside(abs(z) - 1/2)",
    "soft shrink": "z - max(-1/2, min(1/2, z))",
}


STEP, RELU, GAUSSIAN = Heaviside(Z), Max(Z, 0), exp(-(Z**2) / 2)
SEVERAL_POINTS = {
    "ReLU, erf": (RELU, erf(Z)),
    "ReLU^3, ReLU^2": (RELU**3, RELU**2),
    "three steps": (STEP,) * 3,
    "three ReLU": (RELU,) * 3,
    "ReLU, ReLU, z^2": (RELU, RELU, Z**2),
    "three Gaussians": (GAUSSIAN,) * 3,
    "step, step, z, z": (STEP, STEP, Z, Z),
    "four Gaussians": (GAUSSIAN,) * 4,
    "four sines": (sin(Z),) * 4,
}


class Seconds(NamedTuple):
    """Time spent, of the processor and by the clock."""

    processor: float
    clock: float

    @classmethod
    def now(cls) -> Seconds:
        """The readings of both clocks."""
        return cls(time.process_time(), time.perf_counter())

    def since(self, start: Seconds) -> Seconds:
        """From ``start`` to here."""
        return Seconds(self.processor - start.processor, self.clock - start.clock)

    def __str__(self) -> str:
        return f"{self.processor:7.2f}s ({self.clock:6.2f}s)"


def measure_points(functions: tuple[Expr, ...]) -> tuple[Seconds, Seconds, str, int]:
    """The same as `measure` for the mean of a product of functions at as many points."""
    mean = expectation_of(functions, Z)
    start = Seconds.now()
    closed = mean.doit()
    derived = Seconds.now()
    outcome = PriceEquation().discharge(Eq(mean, closed, evaluate=False), None)
    return derived.since(start), Seconds.now().since(derived), outcome.answer.value, outcome.points


def measure(text: str) -> tuple[Seconds, Seconds, str, int]:
    """Time to derive and to prove, the answer, and the points of the second lock."""
    activation = parse(text, symbols=("z",))
    return measure_points((activation, activation))


def main() -> None:
    """Print the table."""
    print(f"{'activation':17s} {'derive':>18s} {'prove':>18s}  proved  points of the second lock")
    rows = [(name, partial(measure, text)) for name, text in ACTIVATIONS.items()]
    rows += [(name, partial(measure_points, functions)) for name, functions in SEVERAL_POINTS.items()]
    for name, run in rows:
        derived, proved, answer, points = run()
        print(f"{name:17s} {derived} {proved}  {answer:6s}  {points}", flush=True)


if __name__ == "__main__":
    main()
