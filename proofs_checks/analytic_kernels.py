"""Analytic kernels of infinitely wide networks as fast JAX callables: `proofs_checks.kernel`.

The closed forms of theory.gaussian (outside the class: Mehler's series) are lowered once per activation and
joined with the recursion of numerics.kernel_recursion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from sympy import Expr, Integer

from numerics import kernel_recursion
from numerics.kernel_recursion import Layer, Pair, Recursion
from proofs_checks.lowering.expressions import CACHE_SIZE
from proofs_checks.lowering.layers import closed_layer, correlated_layer, series_layer
from theory.deep_kernels.recursion import PARAMETRIZATIONS, Z, diagonal
from theory.errors import InputError, OutsideClass
from theory.gaussian import derivative_kernel, dual_kernel
from theory.gaussian.expectation import derivative
from theory.gaussian.reading import read
from theory.gaussian.special import BivariateNormalCDF
from theory.grammar import parse

MAXIMAL_DEPTH = 100_000


@dataclass(frozen=True)
class AnalyticKernel:
    """The kernels of one network architecture; see `kernel`. Everything can be jitted and differentiated."""

    recursion: Recursion
    differentiable: bool

    def nngp(self, x1: Any, x2: Any) -> jax.Array:
        """K^{depth+1} of two vectors of shape (d,), as a scalar."""
        return _pair(self.recursion, _floating(x1, 1), _floating(x2, 1))[0]

    def ntk(self, x1: Any, x2: Any) -> jax.Array:
        """Theta^{depth+1} of two vectors of shape (d,), as a scalar."""
        self._require_tangent()
        return _pair(self.recursion, _floating(x1, 1), _floating(x2, 1))[1]

    def nngp_matrix(self, x1: Any, x2: Any = None) -> jax.Array:
        """K^{depth+1} of the rows of x1 (n, d) with those of x2 (m, d), by default with themselves."""
        return self._matrices(x1, x2)[0]

    def ntk_matrix(self, x1: Any, x2: Any = None) -> jax.Array:
        """Theta^{depth+1} of shape (n, m)."""
        self._require_tangent()
        return self._matrices(x1, x2)[1]

    def matrices(self, x1: Any, x2: Any = None) -> Pair:
        """Both, in one pass. Raises OutOfMemory before allocation: then use `blocks`."""
        self._require_tangent()
        return self._matrices(x1, x2)

    def blocks(self, x1: Any, x2: Any = None, size: int = 1024) -> Iterator[tuple[slice, Pair]]:
        """(which rows, both matrices of these rows), ``size`` rows at a time."""
        self._require_tangent()
        others = None if x2 is None else _floating(x2, 2)
        return kernel_recursion.blocks(self.recursion, _floating(x1, 2), others, size)

    def _matrices(self, x1: Any, x2: Any) -> Pair:
        others = None if x2 is None else _floating(x2, 2)
        return kernel_recursion.matrices(self.recursion, _floating(x1, 2), others)

    def _require_tangent(self) -> None:
        if not self.differentiable:
            raise InputError("the activation jumps: it has no tangent kernel, only nngp")


def kernel(
    activation: Any,
    *,
    depth: int = 1,
    weight_variance: float = 1.0,
    bias_variance: float = 0.0,
    parametrization: Literal["ntk", "standard"] = "ntk",
    widths: Sequence[int] = (),
    input_scaling: bool = True,
) -> AnalyticKernel:
    """The kernels K^{depth+1} and Theta^{depth+1} of ``depth`` hidden layers and a linear readout.

    ``activation``: an expression in z, as a string of the safe grammar, a SymPy expression or a callable on
    SymPy symbols. K^1 = bias_variance + weight_variance x.y/d, without 1/d if ``input_scaling`` is False;
    further equations in numerics.kernel_recursion. The ``standard`` parametrization takes the ``widths`` of
    the hidden layers. Inputs in float32 give results in float32.

    Raises InputError for other values and where an expectation is infinite, OutsideClass for activations
    that cannot be treated.
    """
    _require_parameters(depth, weight_variance, bias_variance, parametrization, widths)
    layer, differentiable = layer_of(_expression(activation))
    recursion = Recursion(
        layer, depth, float(weight_variance), float(bias_variance), tuple(widths), bool(input_scaling)
    )
    return AnalyticKernel(recursion, differentiable)


def _require_parameters(
    depth: int, weight: float, bias: float, parametrization: str, widths: Sequence[int]
) -> None:
    if isinstance(depth, bool) or not isinstance(depth, int) or not 1 <= depth <= MAXIMAL_DEPTH:
        raise InputError(f"depth {depth!r}: give the number of hidden layers, 1 to {MAXIMAL_DEPTH}")
    if not (0 < weight < float("inf") and 0 <= bias < float("inf")):
        raise InputError(f"weight_variance {weight}, bias_variance {bias}: give finite ones, > 0 and >= 0")
    if parametrization not in PARAMETRIZATIONS:
        raise InputError(
            f"unknown parametrization {parametrization!r}: allowed are {', '.join(PARAMETRIZATIONS)}"
        )
    wanted = depth if parametrization == "standard" else 0
    if len(widths) != wanted or any(width < 1 for width in widths):
        raise InputError(
            f"widths {tuple(widths)}: the parametrization {parametrization} takes {wanted}, >= 1"
        )


@lru_cache(maxsize=CACHE_SIZE)
def layer_of(activation: Expr) -> tuple[Layer, bool]:
    """The lowered layer, and whether the activation has a derivative kernel."""
    try:
        dual = dual_kernel(activation, Z)
        function = read(activation, Z)
        differentiable = function.continuous()
        odd = not function.parity()[0].terms
        if not differentiable:  # there is only the Gaussian process
            if dual.has(BivariateNormalCDF):
                return correlated_layer(dual, Integer(0), diagonal(activation), Integer(0), odd), False
            return closed_layer(dual, Integer(0)), False
        slope = derivative_kernel(activation, Z)
        if dual.has(BivariateNormalCDF):
            own = diagonal(activation), diagonal(derivative(activation, Z))
            return correlated_layer(dual, slope, *own, odd), True
        return closed_layer(dual, slope), True
    except OutsideClass:
        return series_layer(activation), True


def _expression(activation: Any) -> Expr:
    if isinstance(activation, Expr):
        symbols = activation.free_symbols
        if len(symbols) > 1:
            raise InputError(f"{activation} contains {sorted(map(str, symbols))}: give one variable")
        return activation.xreplace(dict.fromkeys(symbols, Z))
    if isinstance(activation, str):
        return parse(activation, ("z",))
    if callable(activation):
        return _expression(activation(Z))
    raise InputError(f"{activation!r}: give an expression in z, as a string, by SymPy or as a callable")


@partial(jax.jit, static_argnums=0)
def _pair(recursion: Recursion, x1: jax.Array, x2: jax.Array) -> Pair:
    if x1.shape != x2.shape:
        raise InputError(f"inputs of the shapes {x1.shape} and {x2.shape}: give two vectors of one length")
    return kernel_recursion.pair(recursion, x1, x2)


def _floating(values: Any, rank: int) -> jax.Array:
    array = jnp.asarray(values)
    if array.ndim != rank or array.shape[-1] == 0:
        raise InputError(f"inputs of shape {array.shape}: give {'(n, d)' if rank == 2 else '(d,)'}, d >= 1")
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)
