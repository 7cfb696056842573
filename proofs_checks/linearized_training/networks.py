"""Experiments on trained networks of any depth: their linearization, kernel regression, ensembles.

Loss |f(X) - y|^2 / 2 with one output. Inputs come as one list, the training inputs first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray
from sympy import Expr

from numerics.ensembles import map_seeds
from numerics.networks import Layer, Network, Parameters, apply
from numerics.tangents import layerwise_tangent_kernel
from numerics.training import GradientDescent, train
from proofs_checks.deep_kernels.networks import Draws, network_of, parameters_of
from proofs_checks.linearized_training.formulas import COUNT, RATE, STEP
from proofs_checks.lowering import lower

Values = NDArray[np.float64]
Rows = Sequence[Sequence[float]]


class Run(NamedTuple):
    """Outputs at all inputs before and after training, and the tangent kernel (inputs, training) before."""

    first: Array
    last: Array
    kernel: Array


@dataclass(frozen=True)
class Training:
    """What all runs of one experiment share."""

    inputs: Array
    targets: Array
    step_size: float
    steps: int

    @property
    def count(self) -> int:
        """Of training inputs."""
        return int(self.targets.shape[0])

    def run(self, network: Network, parameters: Parameters, linear: bool) -> Run:
        """Gradient descent on the network, or on its linearization at these parameters."""
        # A kernel that is m times smaller wants a step m times larger for the same motion of f.
        scale = network.widths[-2] if network.parametrization == "mean_field" else 1
        outputs = partial(_outputs, network, self.inputs)
        function = partial(_linearized, outputs, parameters) if linear else outputs

        def loss(moved: Any) -> Array:
            return 0.5 * jnp.sum((function(moved)[: self.count] - self.targets) ** 2)

        final, _ = train(loss, GradientDescent(self.step_size * scale), parameters, self.steps)
        kernel = layerwise_tangent_kernel(
            network, parameters, self.inputs, self.inputs[: self.count], contraction="trace"
        )
        return Run(outputs(parameters), function(final.parameters), kernel * scale)


def _outputs(network: Network, inputs: Array, parameters: Any) -> Array:
    return jax.vmap(partial(apply, network, parameters))(inputs)[:, 0]


def _linearized(outputs: Any, start: Any, parameters: Any) -> Array:
    moved = jax.tree.map(jnp.subtract, parameters, start)
    value, slope = jax.jvp(outputs, (start,), (moved,))
    return jnp.asarray(value + slope)


@dataclass(frozen=True)
class Runs:
    """Runs of ``networks[i]`` networks of hidden width ``widths[i]``, in turn."""

    activation: Expr

    def __call__(
        self,
        key: Array,
        *,
        inputs: Rows,
        targets: Sequence[float],
        depth: int,
        widths: Sequence[int],
        networks: Sequence[int],
        weight_variance: float,
        bias_variance: float,
        step_size: float,
        steps: int,
        parametrization: str = "ntk",
        linear: bool = False,
    ) -> tuple[Run, ...]:
        shapes = [(len(inputs[0]), *(width,) * depth, 1) for width in widths]
        drawn = _draws(key, shapes, networks, bias_variance != 0)
        training = Training(jnp.asarray(inputs), jnp.asarray(targets), step_size, steps)
        found = []
        for shape, draws in zip(shapes, drawn, strict=True):
            network = network_of(self.activation, shape, weight_variance, bias_variance, parametrization)

            def one(mine: Draws, network: Network = network) -> Run:
                return training.run(network, parameters_of(network, mine), linear)

            found.append(jax.lax.map(one, draws))
        return tuple(found)


def _draws(
    key: Array, shapes: Sequence[tuple[int, ...]], counts: Sequence[int], biases: bool
) -> tuple[Draws, ...]:
    """Standard normal draws for ``counts[i]`` networks of shape ``shapes[i]``, stacked layer by layer.

    One call of threefry for all: each is compiled anew, and compiling takes longer than running.
    """
    sizes = [
        (count, fan_out, fan_in + biases)
        for shape, count in zip(shapes, counts, strict=True)
        for fan_in, fan_out in pairwise(shape)
    ]
    lengths = [prod(size) for size in sizes]
    flat = jax.random.normal(key, (sum(lengths),))
    parts = jnp.split(flat, np.cumsum(lengths)[:-1])
    arrays = iter(part.reshape(size) for part, size in zip(parts, sizes, strict=True))
    return tuple(tuple(_layer(next(arrays), biases) for _ in pairwise(shape)) for shape in shapes)


def _layer(draws: Array, biases: bool) -> Layer:
    return Layer(draws[..., :-1], draws[..., -1]) if biases else Layer(draws, None)


def regression(formula: Expr, run: Run, targets: Values, step: float, steps: int, kernel: Values) -> Values:
    """f_0 + H phi(Theta) (y - f_0(X)), phi a formula in eta, lambda and n; H is (..., inputs, training)."""
    count = len(targets)
    rates, vectors = np.linalg.eigh(kernel[..., :count, :])
    lowered = lower(formula, (STEP, RATE, COUNT))
    gains = np.asarray(lowered(np.full(rates.shape, step), rates, np.full(rates.shape, float(steps))))
    residual = targets - run.first[..., :count]
    along = gains * np.einsum("...ji,...j->...i", vectors, residual)
    return np.asarray(run.first + np.einsum("...xj,...ji,...i->...x", kernel, vectors, along))


@dataclass(frozen=True)
class LinearizedAgainstFormula:
    """The largest difference between the trained linearization and the formula, in units of rounding.

    One unit is n eps times the largest output that occurs. Takes all keys at once.
    """

    activation: Expr
    gain: Expr

    def __call__(self, keys: Array, **setting: Any) -> Values:
        (run,) = map_seeds(partial(Runs(self.activation), linear=True, **setting), keys)
        targets, steps = np.asarray(setting["targets"]), setting["steps"]
        found = regression(self.gain, run, targets, setting["step_size"], steps, np.asarray(run.kernel))
        size = np.max(np.abs(run.last), axis=-1) + np.max(np.abs(run.first), axis=-1)
        unit = steps * np.finfo(float).eps * run.first.shape[-1] * size
        return np.asarray((np.max(np.abs(run.last - found), axis=-1) / unit).max(axis=-1))


@dataclass(frozen=True)
class Distances:
    """The slope against log width of the distance of trained networks from their own linearization.

    Within a block of networks the distance is the geometric mean of |f_n - formula| over all inputs
    (``"typical"``), or the length of its mean vector (``"mean"``): units whose preactivation changes sign
    move a network by the order m^(-1/2) in the mean and by m^(-3/4) at random. The square of the mean is
    estimated by pairs of different networks, and nan where these do not resolve it. Takes all keys at once.
    """

    activation: Expr
    gain: Expr

    def __call__(self, keys: Array, *, distance: str, **setting: Any) -> Values:
        runs = map_seeds(partial(Runs(self.activation), **setting), keys)
        x = np.log(np.asarray(setting["widths"], dtype=float))
        x = x - x.mean()
        return np.asarray(x @ np.stack([self._logarithm(run, setting, distance) for run in runs]) / (x @ x))

    def _logarithm(self, run: Run, setting: Mapping[str, Any], distance: str) -> Values:
        """Of each block: (seeds, networks, inputs) to (seeds,)."""
        targets = np.asarray(setting["targets"])
        moved = run.last - regression(
            self.gain, run, targets, setting["step_size"], setting["steps"], np.asarray(run.kernel)
        )
        squares = np.sum(moved**2, axis=-1)
        if distance == "typical":
            return np.asarray(np.log(squares).mean(axis=-1) / 2)
        count = squares.shape[-1]
        pairs = (np.sum(moved.sum(axis=-2) ** 2, axis=-1) - squares.sum(axis=-1)) / (count * (count - 1))
        with np.errstate(invalid="ignore"):  # nan is the answer where the pairs do not resolve the mean
            return np.asarray(np.log(pairs) / 2)


@dataclass(frozen=True)
class LogarithmOfDistance:
    """log10 of |f_n - formula| over all inputs, mean over the networks of a block. Takes all keys at once."""

    activation: Expr
    gain: Expr

    def __call__(self, keys: Array, **setting: Any) -> Values:
        (run,) = map_seeds(partial(Runs(self.activation), **setting), keys)
        targets = np.asarray(setting["targets"])
        found = regression(
            self.gain, run, targets, setting["step_size"], setting["steps"], np.asarray(run.kernel)
        )
        return np.asarray(np.log10(np.linalg.norm(run.last - found, axis=-1)).mean(axis=-1))


@dataclass(frozen=True)
class Ensemble:
    """Mean of f_n, and of (f_n - c)^2, at the test inputs over initializations, 1/m extrapolated away.

    With ``gain`` = A the number g = f_0(X*) - A f_0(X) has mean 0 at every width, whatever the matrix A:
    f_n - g has the mean of f_n and little noise. So has (f_n - c)^2 - g^2 plus the mean of g^2 over
    ``untrained`` more networks that of (f_n - c)^2. With r(m) a mean at width m the statistic is
    2 r(2m) - r(m).
    """

    activation: Expr

    def __call__(
        self,
        key: Array,
        *,
        gain: Rows,
        center: Sequence[float],
        untrained: int,
        widths: Sequence[int],
        **setting: Any,
    ) -> Array:
        first, second = jax.random.split(key)
        small, large = (
            self._moments(run, jnp.asarray(gain), jnp.asarray(center), len(setting["targets"]))
            for run in Runs(self.activation)(first, widths=widths, **setting)
        )
        squares = self._untrained(second, jnp.asarray(gain), untrained, widths, setting)
        extrapolated = 2 * large - small
        return jnp.concatenate([extrapolated[0], extrapolated[1] + 2 * squares[1] - squares[0]])

    @staticmethod
    def _moments(run: Run, gain: Array, center: Array, count: int) -> Array:
        noise = _noise(run.first, gain, count)
        last = run.last[:, count:]
        return jnp.stack([last - noise, (last - center) ** 2 - noise**2]).mean(axis=1)

    def _untrained(
        self, key: Array, gain: Array, count: int, widths: Sequence[int], setting: Mapping[str, Any]
    ) -> list[Array]:
        """The mean of g^2 at each width."""
        inputs, found = jnp.asarray(setting["inputs"]), []
        variances = setting["weight_variance"], setting["bias_variance"]
        shapes = [(inputs.shape[1], *(width,) * setting["depth"], 1) for width in widths]
        drawn = _draws(key, shapes, (count,) * len(shapes), variances[1] != 0)
        for shape, draws in zip(shapes, drawn, strict=True):
            network = network_of(self.activation, shape, *variances)

            def one(mine: Draws, network: Network = network) -> Array:
                return _outputs(network, inputs, parameters_of(network, mine))

            first = jax.lax.map(one, draws)
            found.append((_noise(first, gain, len(setting["targets"])) ** 2).mean(axis=0))
        return found


def _noise(first: Array, gain: Array, count: int) -> Array:
    return first[:, count:] - first[:, :count] @ gain.T
