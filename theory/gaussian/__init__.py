"""Gaussian expectations of activations in closed form: derived, proved, and enclosed in ball arithmetic."""

from theory.gaussian.expectation import (
    GaussianExpectation,
    derivative,
    derivative_kernel,
    dual_activation,
    dual_kernel,
    expectation_of,
    heaviside_form,
    pair_expectation,
    require_closed_form,
    single_expectation,
    tangent_kernel,
)
from theory.gaussian.price import PriceEquation
from theory.gaussian.reading import read

__all__ = [
    "GaussianExpectation",
    "PriceEquation",
    "derivative",
    "derivative_kernel",
    "dual_activation",
    "dual_kernel",
    "expectation_of",
    "heaviside_form",
    "pair_expectation",
    "read",
    "require_closed_form",
    "single_expectation",
    "tangent_kernel",
]
