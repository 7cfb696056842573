"""Deep linear networks trained by JAX, with every record that the conservation laws speak of.

One program serves all claims of given widths: the loss, the update rule and its faults are numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from scipy.special import expit

from numerics import linear_networks
from numerics.training import Diagnostics, Loss, State, train

EXAMPLES = 16
STEPS = 257  # 256 and the record after them
SECOND_DECAY = 0.9  # of the mean square in an adaptive rule
SAFE = 1e-8  # added to its root
OBSERVED = 0.6  # of the entries of a matrix that is to be completed, on average
LEAST = 0.3  # singular value of balanced products, beside exact zeros
UNIT = float(np.finfo(np.float64).eps) / 2

Matrix = Float[np.ndarray, "rows columns"]
Layers = tuple[Matrix, ...]


class Setting(NamedTuple):
    """What distinguishes the runs of one program.

    logistic
        1 for the logistic loss of the signs of the targets, 0 for the squared loss.
    decay
        lambda of every layer; the theorem assumes that they are equal.
    momentum, adaptive, curved
        Faults: heavy ball; 1 for Adam's rule, with the momentum as its first rate; 1 for tanh units.
    """

    step_size: Any
    decay: Any
    logistic: Any = 0.0
    momentum: Any = 0.0
    adaptive: Any = 0.0
    curved: Any = 0.0


class Task(NamedTuple):
    """Inputs and targets, one row an example, and the weight of every target in the loss."""

    inputs: Any
    targets: Any
    weights: Any


class Start(NamedTuple):
    """What to start from: random layers, or balanced ones of known singular values; and what to learn.

    stretch
        A fault: the first layer is multiplied by this and the last divided, which keeps the product.
    rank
        Of balanced layers; 0 for as much as fits.
    idle
        A fault: the size of what all layers but the last send where the next layer of the product's rank does
        not look, so that the product stays what it is.
    completion
        The task is to complete a matrix of which some entries are seen, instead of regression.
    """

    balanced: bool
    stretch: float = 1.0
    rank: int = 0
    idle: float = 0.0
    completion: bool = False


FREE, BALANCED = Start(False), Start(True)


class Record(NamedTuple):
    """Layers and gradients before every step, stacked along the first axis; the task."""

    layers: tuple[Float[np.ndarray, "steps _ _"], ...]
    slopes: tuple[Float[np.ndarray, "steps _ _"], ...]
    task: Task


@dataclass(frozen=True)
class Rule:
    """Descent with weight decay, heavy ball or Adam: which of them is decided by numbers."""

    setting: Setting

    def init(self, parameters: Any) -> State:
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        return State(parameters, (zeros, zeros), jnp.zeros((), jnp.int32))

    def step(self, loss: Loss, state: State) -> tuple[State, Diagnostics]:
        value, slopes = jax.value_and_grad(loss)(state.parameters)
        first, second = state.memory
        momentum, count = self.setting.momentum, (state.iteration + 1).astype(float)
        first = jax.tree.map(lambda held, slope: momentum * held + slope, first, slopes)
        second = jax.tree.map(
            lambda held, slope: SECOND_DECAY * held + (1 - SECOND_DECAY) * slope**2, second, slopes
        )
        means = (1 - momentum) / (1 - momentum**count), 1 / (1 - SECOND_DECAY**count)
        after = [
            self._moved(layer, decay, m, means[0] * m / (jnp.sqrt(means[1] * v) + SAFE))
            for layer, decay, m, v in zip(state.parameters, self.setting.decay, first, second, strict=True)
        ]
        norm = jnp.sqrt(sum(jnp.sum(slope**2) for slope in slopes))
        return State(tuple(after), (first, second), state.iteration + 1), Diagnostics(value, norm)

    def _moved(self, layer: Array, decay: Array, plain: Array, adapted: Array) -> Array:
        direction = plain + self.setting.adaptive * (adapted - plain)
        return layer - self.setting.step_size * (direction + decay * layer)


@lru_cache(maxsize=64)
def record(seed: int, widths: tuple[int, ...], setting: Setting, start: Start = FREE) -> Record:
    """Training on random data from layers of this kind; ``setting`` is what one compiled program is given."""
    layers, task = problem(np.random.default_rng(seed), widths, start)
    numbers = jax.tree.map(jnp.float64, setting)
    found, slopes = _program(widths)(tuple(map(jnp.asarray, layers)), Task(*map(jnp.asarray, task)), numbers)
    return Record(tuple(map(np.asarray, found)), tuple(map(np.asarray, slopes)), task)


def problem(random: np.random.Generator, widths: Sequence[int], start: Start = FREE) -> tuple[Layers, Task]:
    """Random layers and a task, all of known size.

    The largest singular value of a random layer is uniform between 1/2 and 1: one step size suits every shape
    and depth. The product of balanced layers has singular values between LEAST and 1.
    """
    layers = _balanced(random, widths, start) if start.balanced else _gaussian(random, widths)
    layers = (layers[0] * start.stretch, *layers[1:-1], layers[-1] / start.stretch)
    return layers, _completion(random, widths) if start.completion else _regression(random, widths)


def _regression(random: np.random.Generator, widths: Sequence[int]) -> Task:
    """A linear teacher with noise; the largest singular values of teacher, noise and inputs are 1."""
    inputs = _normalized(random, EXAMPLES, widths[0])
    teacher = _normalized(random, widths[0], widths[-1])
    targets = inputs @ teacher + _normalized(random, EXAMPLES, widths[-1])
    return Task(inputs, targets, np.ones_like(targets))


def _completion(random: np.random.Generator, widths: Sequence[int]) -> Task:
    """A matrix of full rank and norm 1: the inputs are unit vectors, and the entries seen have a weight.

    Rows of zeros fill up to EXAMPLES, so that regression and completion share one compiled program.
    """
    rows = max(EXAMPLES, widths[0])
    targets = np.zeros((rows, widths[-1]))
    targets[: widths[0]] = _normalized(random, widths[0], widths[-1])
    weights = (random.uniform(size=targets.shape) < OBSERVED).astype(float)
    weights[0, 0] = 1.0  # one entry at least is seen
    return Task(np.eye(rows, widths[0]), targets, weights)


def _gaussian(random: np.random.Generator, widths: Sequence[int]) -> Layers:
    return tuple(random.uniform(0.5, 1) * _normalized(random, b, a) for a, b in pairwise(widths))


def _balanced(random: np.random.Generator, widths: Sequence[int], start: Start) -> Layers:
    """R_h diag(s)^{1/H} R_{h-1}^T with random R_h of orthonormal columns.

    The singular values of the product are one in each equal part of [LEAST, 1], clear of each other.
    """
    rank = start.rank or min(widths)
    parts = (np.arange(rank) + random.uniform(0.25, 0.75, rank)) / rank
    root = (1 - (1 - LEAST) * parts) ** (1 / (len(widths) - 1))
    frames = [np.linalg.qr(random.normal(size=(width, rank)))[0] for width in widths]
    *layers, last = (high * root @ low.T for low, high in pairwise(frames))
    drawn = [start.idle * _normalized(random, *layer.shape) for layer in layers]
    unseen = [one - frame @ frame.T @ one for one, frame in zip(drawn, frames[1:-1], strict=True)]
    return (*(layer + one for layer, one in zip(layers, unseen, strict=True)), last)


def product_gradient(
    W: Float[np.ndarray, "*stack outputs inputs"], task: Task, logistic: bool
) -> Float[np.ndarray, "*stack outputs inputs"]:
    """The gradient of either loss at the product, or a stack of products, by its formula."""
    outputs = task.inputs @ np.swapaxes(W, -1, -2)
    if not logistic:
        return np.asarray(np.swapaxes(task.weights * (outputs - task.targets), -1, -2) @ task.inputs)
    signs = np.sign(task.targets)
    slopes = -task.weights * signs * expit(-signs * outputs) * task.targets.size**-0.5
    return np.asarray(np.swapaxes(slopes, -1, -2) @ task.inputs)


def _normalized(random: np.random.Generator, rows: int, columns: int) -> Matrix:
    drawn = random.normal(size=(rows, columns))
    return drawn / np.linalg.norm(drawn, ord=2)


@lru_cache
def _program(widths: tuple[int, ...]) -> Any:
    def run(layers: Any, task: Task, setting: Setting) -> Any:
        def loss(parameters: Any) -> Array:
            return _loss(parameters, task, setting)

        def observe(parameters: Any) -> Any:
            return parameters, jax.grad(loss)(parameters)

        return train(loss, Rule(setting), layers, STEPS, observe=observe)[1].observations

    return jax.jit(run)


def _loss(layers: Sequence[Array], task: Task, setting: Setting) -> Array:
    """Squared or logistic loss of the network, whose hidden units are linear unless ``curved``.

    The logistic loss is divided by the root of the number of its terms: its slope in the outputs has norm at
    most 1.
    """
    signal = task.inputs
    for layer in layers[:-1]:
        signal = linear_networks.multiply(signal, layer.T)
        signal = signal + setting.curved * (jnp.tanh(signal) - signal)
    outputs = linear_networks.multiply(signal, layers[-1].T)
    squared = jnp.sum(task.weights * (task.targets - outputs) ** 2) / 2
    logistic = jnp.sum(task.weights * jax.nn.softplus(-jnp.sign(task.targets) * outputs))
    return squared + setting.logistic * (logistic * task.targets.size**-0.5 - squared)


def rounding(found: Record, setting: Setting) -> Float[np.ndarray, " steps"]:
    """What rounding may do to an entry of D_h within one step, from the norms of all that is multiplied.

    The error of a sum of n products is at most gamma_n times that of the absolute values; operations counts
    the longest chain of them in the step, twice for gradient and differences, and both losses.
    """
    norms = [np.sqrt(np.sum(stack**2, axis=(1, 2))) for stack in found.layers]
    inputs, targets = (float(np.linalg.norm(matrix)) for matrix in found.task[:2])
    through = np.prod(norms, axis=0)
    residual = through * inputs + targets + 1  # the last for the logistic loss
    slopes = sum((residual * inputs) * through / norm for norm in norms)
    squares = sum(norm**2 for norm in norms)
    sizes = sum(stack.shape[2] for stack in found.layers) + found.layers[-1].shape[1] + len(found.task.inputs)
    return 4 * sizes * UNIT * (squares + sum(norms) * float(setting.step_size) * slopes)


def differences(stacks: Sequence[Any]) -> Float[np.ndarray, "steps entries"]:
    """All entries of M_{h+1}^T M_{h+1} - M_h M_h^T, h = 1, ..., H - 1, side by side for every step."""
    found = [np.swapaxes(high, 1, 2) @ high - low @ np.swapaxes(low, 1, 2) for low, high in pairwise(stacks)]
    return np.concatenate([one.reshape(len(one), -1) for one in found], axis=1)


def second_moments(stacks: Sequence[Any]) -> tuple[Any, Any]:
    """All entries of M_{h+1}^T M_{h+1}, and all of M_h M_h^T, likewise."""
    upper = [np.swapaxes(high, 1, 2) @ high for high in stacks[1:]]
    lower = [low @ np.swapaxes(low, 1, 2) for low in stacks[:-1]]
    joined = [[one.reshape(len(one), -1) for one in side] for side in (upper, lower)]
    return np.concatenate(joined[0], axis=1), np.concatenate(joined[1], axis=1)
