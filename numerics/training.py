"""Training as init/step over an immutable state, inside ``lax.scan``.

    theta_{t+1} = theta_t + update(gradient of L at theta_t)

An optimizer holds its static choices; ``init`` makes a state and ``step`` returns the next state with its
diagnostics beside it. ``train`` knows nothing but these two functions, so a user's own optimizer is any
object that has them.

A training that leaves the finite numbers costs nothing to notice, since its results are not finite either;
``divergences`` finds the step by running it once more.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax
from jaxtyping import Float, Int, Key, PyTree

from numerics.data import Data

_report: ContextVar[Callable[[Array], None] | None] = ContextVar("report", default=None)

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
    it over seeds with ``numerics.ensembles.map_seeds``. Within ``divergences`` the first step that is not
    finite is reported as well. Raises ValueError unless ``record_every`` divides ``steps``.
    """
    if steps < 0 or record_every < 1 or steps % record_every:
        raise ValueError(f"steps is {steps} and record_every {record_every}; steps must be a multiple of it")

    def single(state: State, _: None) -> tuple[State, Diagnostics]:
        return optimizer.step(loss, state)

    def block(state: State, _: None) -> tuple[State, tuple[Diagnostics, PyTree]]:
        observation = None if observe is None else observe(state.parameters)
        after, diagnostics = lax.scan(single, state, length=record_every)
        return after, (jax.tree.map(lambda values: values[0], diagnostics), observation)

    if (report := _report.get()) is not None:
        jax.debug.callback(report, first_not_finite(loss, optimizer, parameters, steps))
    records = steps // record_every
    final, (diagnostics, observations) = lax.scan(block, optimizer.init(parameters), length=records)
    iterations = record_every * jnp.arange(records)
    return final, Trajectory(iterations, diagnostics, observations)


def first_not_finite(loss: Loss, optimizer: Optimizer, parameters: PyTree, steps: int) -> Int[Array, ""]:
    """The first iteration whose loss or gradient norm is NaN or infinite; -1 if there is none.

    ``steps`` if only the final parameters are not finite.
    """

    def single(carried: tuple[State, Array], _: None) -> tuple[tuple[State, Array], None]:
        state, first = carried
        after, diagnostics = optimizer.step(loss, state)
        lost = ~jnp.all(jnp.isfinite(jnp.stack(jnp.broadcast_arrays(*diagnostics))))
        return (after, jnp.where((first < 0) & lost, state.iteration, first)), None

    start = (optimizer.init(parameters), jnp.full((), -1, jnp.int32))
    (final, first), _ = lax.scan(single, start, length=steps)
    ended = jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(final.parameters)])
    return jnp.where((first < 0) & ~jnp.all(ended), jnp.int32(steps), first)


@contextmanager
def divergences() -> Iterator[list[int]]:
    """The first step of every training within the block that is not finite, filled in when the block ends.

    Every compiled program is forgotten before and after: what is traced inside carries a report to the host
    and must not be used outside, nor a program without it inside.
    """
    found: list[int] = []
    _forget_programs()
    token = _report.set(lambda first: found.append(int(first)))
    try:
        yield found
        jax.effects_barrier()  # type: ignore[no-untyped-call]
    finally:
        _report.reset(token)
        _forget_programs()
    found[:] = [first for first in found if first >= 0]


def _forget_programs() -> None:
    jax.clear_caches()  # type: ignore[no-untyped-call]


def _descended(state: State, gradient: PyTree, step_size: float | Array) -> State:
    moved = jax.tree.map(lambda value, slope: value - step_size * slope, state.parameters, gradient)
    return State(moved, state.memory, state.iteration + 1)


def _diagnostics(value: Array, gradient: PyTree) -> Diagnostics:
    return Diagnostics(value, optax.tree.norm(gradient))
