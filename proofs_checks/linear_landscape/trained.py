"""Linear networks trained from small weights: where the gradient pauses, and at which loss.

Inputs are whitened first, an invertible change of the inputs that moves no critical value, so that all
directions learn at the rate of their singular value. Losses are means over the examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from sympy import Expr

from numerics.data import Data, diabetes, digits
from numerics.losses import empirical_loss, squared_loss
from numerics.networks import Network, apply, identity, initialize
from numerics.reduced_rank import compress, explained_spectrum
from numerics.training import GradientDescent, train
from proofs_checks.linear_landscape.formulas import critical_value, loss_at, minimum
from proofs_checks.linear_landscape.quantization import distance_bound, learned

# Of the weights; smaller ones would need longer runs. The singular values of digits are so close to each
# other that only tiny weights tell them apart: doubles keep their relative precision down to 1e-308.
SMALLEST_SCALE = {"random": 1e-8, "diabetes": 1e-8, "digits": 1e-140}
RELATIVE_STEP = 0.25  # of 1 / s_1; descent at a minimum is stable up to 1 / s_1
SETTLED = 30.0  # factors of e from order one to below PAUSE_OVER, with room for the constants
RECORDED_EVERY = 5
PAUSE_OVER = 1e-11  # below this gradient norm the last pause, the minimum, has been reached
NEGLIGIBLE = 1e-9  # relative singular values: above the rounding of whitening, far below any mode
MODES = 6  # of random data: more would need smaller weights than float64 can tell apart
DECAY = 0.6  # ratio of successive singular values of random data
INPUTS_OF_DIABETES = 6  # age, sex, bmi, blood pressure, s1, s2 predict s3 to s6 and the target

_UNIT = float(np.finfo(np.float64).eps) / 2

Matrix = Float[np.ndarray, "rows columns"]


@dataclass(frozen=True)
class Pause:
    """A local minimum of the gradient norm along a trajectory: its loss and the index set learned there.

    ``budget`` bounds the distance of the loss from the nearest critical value, from the gradient there.
    """

    loss: float
    chosen: tuple[int, ...]
    budget: float

    @classmethod
    def of(cls, problem: Data, loss: float, layers: Sequence[Matrix]) -> Pause:
        """That of a network (W_1, ..., W_H) with this loss."""
        targets = np.asarray(problem.targets)
        cross, (levels, _) = targets.T @ np.asarray(problem.inputs), spectrum(problem)
        chosen = learned(cross, reduce(lambda before, layer: layer @ before, layers), len(levels))
        return cls(loss, chosen, distance_bound(cross, layers, targets))


def plateau_errors(
    seed: int,
    *,
    data: str,
    widths: Sequence[int],
    scale: float,
    ranks: Sequence[int] | None = None,
    shift: int = 0,
    value: Expr | None = None,
) -> tuple[float, ...]:
    """|loss - predicted critical value| at a pause of each rank, in units of what theory grants.

    The predicted values are those of S = {}, {1}, {1, 2}, ...; granted is the budget of the pause, and
    never more than a quarter of the distance to the next critical value, so that a pause cannot be
    attributed to the wrong one. ``ranks`` are those r for which the plateau of {1, ..., r} lasts; by default
    all do, and millions say that the number of pauses is not the number of values.
    ``shift`` moves every index set, {1, ..., r} to {1 + shift, ..., r + shift}; ``value`` is a form of 2 L
    in the letters of the theorem, by default its own.
    """
    problem, found = _observed(data, seed, tuple(widths), scale)
    values = nested_values(problem, widths[1], shift, value)
    wanted = range(len(values)) if ranks is None else ranks
    if ranks is None and len(found) != len(values):
        return (float(len(found) - len(values)) * 1e6,) * len(wanted)
    quarter = np.abs(np.diff(nested_values(problem, widths[1], 0))).min() / 4
    pairs = [(values[r], [pause for pause in found if pause.chosen == tuple(range(r))]) for r in wanted]
    return tuple(
        min((float(abs(pause.loss - value) / min(pause.budget, quarter)) for pause in there), default=1e6)
        for value, there in pairs
    )


def final_error(
    seed: int, *, data: str, widths: Sequence[int], scale: float, value: tuple[int, Expr] | None = None
) -> float:
    """(last loss - predicted minimum) in units of its budget.

    ``value`` is a form of 2 L at the minimum for this number of eigenvalues, used where it is theirs.
    """
    problem, found = _observed(data, seed, tuple(widths), scale)
    last, (levels, total) = found[-1], spectrum(problem)
    count = min(widths[1], len(levels))
    form = minimum(count) if value is None or value[0] != count else value[1]
    predicted = float(loss_at(form, total, [level**2 for level in levels], range(count)))
    return (last.loss - predicted) / last.budget


def sharper(seed: int, *, data: str, widths: Sequence[int], coarse: float, fine: float) -> float:
    """1.0 if the largest plateau error is smaller from weights of scale ``fine`` than of scale ``coarse``."""
    errors = []
    for scale in (coarse, fine):
        problem, found = _observed(data, seed, tuple(widths), scale)
        errors.append(_largest_distance(nested_values(problem, widths[1], 0)[1:-1], found))
    return float(errors[1] < errors[0])


@lru_cache(maxsize=64)
def _observed(name: str, seed: int, widths: tuple[int, ...], scale: float) -> tuple[Data, list[Pause]]:
    """The data and the pauses of training on them: what does not depend on the prediction."""
    problem = training_data(name, seed, widths)
    return problem, trained_pauses(problem, widths[1], scale, seed, SMALLEST_SCALE[name])


def _largest_distance(values: Float[np.ndarray, " ranks"], pauses: list[Pause]) -> float:
    return max(min(abs(pause.loss - value) for pause in pauses) for value in values)


def training_data(name: str, seed: int, widths: Sequence[int]) -> Data:
    """``random`` (new for every seed), ``diabetes`` or ``digits``: whitened, mean loss, few rows.

    The rows are those of a QR decomposition: every linear network has the same loss on them.
    """
    return _whitened(name, *((seed, tuple(widths)) if name == "random" else (0, ())))


@lru_cache(maxsize=64)
def _whitened(name: str, seed: int, widths: tuple[int, ...]) -> Data:
    x, y = _raw(name, seed, widths)
    scaled = y / np.sqrt(len(y))
    left, scale, _ = np.linalg.svd(x, full_matrices=False)
    frame = left[:, scale > len(x) * 2 * _UNIT * scale[0]]
    inputs, targets = compress(frame, scaled)
    return Data(jnp.asarray(inputs, jnp.float64), jnp.asarray(targets, jnp.float64))


def _raw(name: str, seed: int, widths: tuple[int, ...]) -> tuple[Matrix, Matrix]:
    if name == "digits":
        found = digits("center")
        return np.asarray(found.inputs), np.asarray(found.targets)
    if name == "diabetes":
        found = diabetes()
        columns = np.concatenate([np.asarray(found.inputs), np.asarray(found.targets)], axis=1)
        return columns[:, :INPUTS_OF_DIABETES], columns[:, INPUTS_OF_DIABETES:]
    return _random_data(np.random.default_rng(seed), widths)


def _random_data(random: np.random.Generator, widths: tuple[int, ...]) -> tuple[Matrix, Matrix]:
    """Gaussian inputs; targets with singular values DECAY^k in random directions, plus orthogonal noise."""
    inputs, *_, outputs = widths
    count = 4 * (inputs + outputs)
    frame = np.linalg.qr(random.normal(size=(count, inputs)))[0]
    modes = min(inputs, outputs, MODES)
    left, right = (np.linalg.qr(random.normal(size=(size, size)))[0][:, :modes] for size in (inputs, outputs))
    noise = random.normal(size=(count, outputs)) / np.sqrt(count)
    y = frame @ (left * DECAY ** np.arange(modes)) @ right.T + noise - frame @ (frame.T @ noise)
    return frame @ random.normal(size=(inputs, inputs)), y * np.sqrt(count)


def nested_values(
    problem: Data, hidden: int, shift: int, value: Expr | None = None
) -> Float[np.ndarray, " ranks"]:
    """(|Y|^2 - the squares of s_{1 + shift}, ..., s_{r + shift}) / 2 for r = 0, ..., min(p, rho).

    ``value`` is a form of 2 L in the letters of the theorem, by default its own.
    """
    levels, total = spectrum(problem)
    squares = [level**2 for level in levels]
    form = critical_value(len(squares)) if value is None else value
    sets = [[(k + shift) % len(squares) for k in range(r)] for r in range(min(hidden, len(squares)) + 1)]
    return np.array([float(loss_at(form, total, squares, chosen)) for chosen in sets])


def spectrum(problem: Data) -> tuple[list[float], float]:
    """The singular values that can be learned, without what whitening leaves of zeros, and tr Sigma_YY."""
    found = explained_spectrum(np.asarray(problem.inputs), np.asarray(problem.targets))
    values = found.singular_values
    return [float(value) for value in values if value > NEGLIGIBLE * values[0]], found.total


def trained_pauses(problem: Data, hidden: int, scale: float, seed: int, smallest: float) -> list[Pause]:
    """Gradient descent from Gaussian weights of deviation ``scale`` / sqrt(fan-in); its pauses, in order.

    The run is long enough for weights of scale ``smallest``.
    """
    widths = (problem.inputs.shape[1], hidden, problem.targets.shape[1])
    step_size, steps = _schedule(problem, hidden, smallest)
    key = jax.random.fold_in(jax.random.key(0), seed)
    # A failed computation raises here; JAX 0.10 aborts the process when NumPy asks for its buffer.
    losses, norms, weights = _trajectory(widths, steps)(problem, key, scale, step_size)
    norms.block_until_ready()
    layers = [np.asarray(layer.weight) for layer in weights]
    return [
        Pause.of(problem, float(losses[k]), [one[k] for one in layers]) for k in pauses(np.asarray(norms))
    ]


def _schedule(problem: Data, hidden: int, smallest: float) -> tuple[float, int]:
    """Step size and number: mode r grows from ``smallest`` at the rate s_r, and settles at that of its gap.

    The same for every scale of the weights, so that all share one compiled program.
    """
    levels, _ = spectrum(problem)
    rank = min(hidden, len(levels))
    following = levels[rank] if rank < len(levels) else 0.0
    time = -np.log(smallest) / levels[rank - 1] + SETTLED / (levels[rank - 1] - following)
    step_size, block = RELATIVE_STEP / levels[0], 100 * RECORDED_EVERY
    return float(step_size), block * int(np.ceil(time / step_size / block))


@lru_cache
def _trajectory(widths: tuple[int, int, int], steps: int) -> Any:
    network = Network(widths, identity, "standard")
    loss = empirical_loss(partial(apply, network), partial(squared_loss, normalization="sum"))

    def run(data: Data, key: Any, scale: float, step_size: float) -> Any:
        start = jax.tree.map(lambda weight: scale * weight, initialize(network, key, jnp.float64))
        _, found = train(
            lambda parameters: loss(parameters, data),
            GradientDescent(step_size),
            start,
            steps,
            observe=lambda parameters: parameters,
            record_every=RECORDED_EVERY,
        )
        return (*found.diagnostics, found.observations)

    return jax.jit(run)


def pauses(norms: Float[np.ndarray, " records"]) -> list[int]:
    """Local minima of the gradient norm up to the first record where it has vanished.

    The start is one of them unless the weights shrink at first.
    """
    settled = np.flatnonzero(norms < PAUSE_OVER * max(1.0, norms.max()))
    settled = settled[settled > np.argmax(norms)]
    last = int(settled[0]) if settled.size else len(norms) - 1
    inner = [k for k in range(1, last) if norms[k] <= norms[k - 1] and norms[k] < norms[k + 1]]
    return [*([0] if norms[0] <= norms[1] else []), *inner, last]
