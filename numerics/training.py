"""Training as init/step over an immutable state, inside ``lax.scan``.

    theta_{t+1} = theta_t + update(gradient of L at theta_t)

An optimizer holds its static choices; ``init`` makes a state and ``step`` returns the next state with its
diagnostics beside it. ``train`` knows nothing but these two functions, so a user's own optimizer is any
object that has them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax
from jaxtyping import Float, Int, Key, PyTree

from numerics.data import Data

Loss = Callable[..., Array]  # loss(parameters), or loss(parameters, batch) where there are batches


class State(NamedTuple):
    """Parameters, whatever else the optimizer carries, and the number of steps taken."""

    parameters: PyTree
    memory: PyTree
    iteration: Int[Array, ""]


class Diagnostics(NamedTuple):
    """Loss and Euclidean gradient norm at the parameters *before* the step (of its batch, if any)."""

    loss: Float[Array, "..."]
    gradient_norm: Float[Array, "..."]


@runtime_checkable
class Optimizer(Protocol):
    """What ``train`` needs."""

    def init(self, parameters: PyTree) -> State: ...

    def step(self, loss: Loss, state: State) -> tuple[State, Diagnostics]: ...


@dataclass(frozen=True)
class Batches:
    """Minibatches: ``size`` rows, uniform and independent in every iteration.

    Rows are drawn with replacement by default (gradient noise covariance Sigma / size), or without within
    a batch (Sigma / size times (n - size) / (n - 1)). A batch is a function of ``key`` and the iteration.
    """

    data: Data
    size: int
    key: Key[Array, ""]
    replacement: bool = True

    def draw(self, iteration: Int[Array, ""]) -> Data:
        """The batch of this iteration."""
        count = self.data.inputs.shape[0]
        key = jax.random.fold_in(self.key, iteration)
        rows = jax.random.choice(key, count, (self.size,), replace=self.replacement)
        return Data(self.data.inputs[rows], self.data.targets[rows])


@dataclass(frozen=True)
class GradientDescent:
    """Full-batch gradient descent, theta - step_size * gradient, on loss(parameters)."""

    step_size: float | Array

    def init(self, parameters: PyTree) -> State:
        return State(parameters, (), jnp.zeros((), jnp.int32))

    def step(self, loss: Loss, state: State) -> tuple[State, Diagnostics]:
        value, gradient = jax.value_and_grad(loss)(state.parameters)
        return _descended(state, gradient, self.step_size), _diagnostics(value, gradient)


@dataclass(frozen=True)
class StochasticGradientDescent:
    """Gradient descent on loss(parameters, batch) with a fresh batch at every step."""

    step_size: float | Array
    batches: Batches

    def init(self, parameters: PyTree) -> State:
        return State(parameters, (), jnp.zeros((), jnp.int32))

    def step(self, loss: Loss, state: State) -> tuple[State, Diagnostics]:
        batch = self.batches.draw(state.iteration)
        value, gradient = jax.value_and_grad(loss)(state.parameters, batch)
        return _descended(state, gradient, self.step_size), _diagnostics(value, gradient)


@dataclass(frozen=True)
class Optax:
    """Any optax transformation, ``Optax(optax.adam(1e-3))``; full batch unless ``batches`` are given."""

    transformation: optax.GradientTransformation
    batches: Batches | None = None

    def init(self, parameters: PyTree) -> State:
        return State(parameters, self.transformation.init(parameters), jnp.zeros((), jnp.int32))

    def step(self, loss: Loss, state: State) -> tuple[State, Diagnostics]:
        batch = () if self.batches is None else (self.batches.draw(state.iteration),)
        value, gradient = jax.value_and_grad(loss)(state.parameters, *batch)
        with jax.numpy_dtype_promotion("standard"):  # optax mixes its integer count into floats
            updates, memory = self.transformation.update(gradient, state.memory, state.parameters)
            parameters = optax.apply_updates(state.parameters, updates)
        return State(parameters, memory, state.iteration + 1), _diagnostics(value, gradient)


class Trajectory(NamedTuple):
    """Records of a run, each taken before the step of that iteration; the final state is not among them."""

    iterations: Int[Array, " records"]
    diagnostics: Diagnostics
    observations: PyTree


def train(
    loss: Loss,
    optimizer: Optimizer,
    parameters: PyTree,
    steps: int,
    *,
    observe: Callable[[Any], PyTree] | None = None,
    record_every: int = 1,
) -> tuple[State, Trajectory]:
    """The state after ``steps`` steps, and a record of iterations 0, r, 2r, ... below ``steps``.

    ``observe(parameters)`` is any function of the parameters whose values are stacked in
    ``trajectory.observations``; loss and gradient norm are recorded in any case. Pure and traceable: map
    it over seeds with ``numerics.ensembles.map_seeds``. Raises ValueError unless ``record_every`` divides
    ``steps``.
    """
    if steps < 0 or record_every < 1 or steps % record_every:
        raise ValueError(f"steps is {steps} and record_every {record_every}; steps must be a multiple of it")

    def single(state: State, _: None) -> tuple[State, Diagnostics]:
        return optimizer.step(loss, state)

    def block(state: State, _: None) -> tuple[State, tuple[Diagnostics, PyTree]]:
        observation = None if observe is None else observe(state.parameters)
        after, diagnostics = lax.scan(single, state, length=record_every)
        return after, (jax.tree.map(lambda values: values[0], diagnostics), observation)

    records = steps // record_every
    final, (diagnostics, observations) = lax.scan(block, optimizer.init(parameters), length=records)
    iterations = record_every * jnp.arange(records)
    return final, Trajectory(iterations, diagnostics, observations)


def _descended(state: State, gradient: PyTree, step_size: float | Array) -> State:
    moved = jax.tree.map(lambda value, slope: value - step_size * slope, state.parameters, gradient)
    return State(moved, state.memory, state.iteration + 1)


def _diagnostics(value: Array, gradient: PyTree) -> Diagnostics:
    return Diagnostics(value, optax.tree.norm(gradient))
