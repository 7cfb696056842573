"""Linear networks trained from small weights: where the gradient pauses, and at which loss.

Inputs are whitened first, an invertible change of the inputs that moves no critical value, so that all
directions learn at the rate of their singular value. Losses are means over the examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from sympy import Expr

from numerics.data import Data, diabetes, digits
from numerics.losses import empirical_loss, squared_loss
from numerics.networks import Network, apply, identity, initialize
from numerics.reduced_rank import ExplainedSpectrum, compress, explained_spectrum
from numerics.training import GradientDescent, train
from proofs_checks.linear_landscape.formulas import critical_value, loss_at, minimum

SMALLEST_SCALE = 1e-8  # of the weights; smaller ones would need longer runs
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
    """A local minimum of the gradient norm along a trajectory, and how far from a critical value it may be.

    ``budget`` bounds the distance of the loss from the nearest critical value, from the gradient there.
    """

    loss: float
    gradient_norm: float
    budget: float


def plateau_errors(
    seed: int, *, data: str, widths: Sequence[int], scale: float, shift: int = 0, value: Expr | None = None
) -> tuple[float, ...]:
    """|loss - predicted critical value| at each pause, in units of what theory grants.

    The predicted values are those of S = {}, {1}, {1, 2}, ...; granted is the budget of the pause, and
    never more than a quarter of the distance to the next critical value, so that a pause cannot be
    attributed to the wrong one. Millions when the number of pauses is not the number of values.
    ``shift`` moves every index set, {1, ..., r} to {1 + shift, ..., r + shift}; ``value`` is a form of 2 L
    in the letters of the theorem, by default its own.
    """
    problem, pauses = _observed(data, seed, tuple(widths), scale)
    values = nested_values(problem, widths[1], shift, value)
    if len(pauses) != len(values):
        return (float(len(pauses) - len(values)) * 1e6,) * len(values)
    quarter = np.abs(np.diff(nested_values(problem, widths[1], 0))).min() / 4
    return tuple(
        float(abs(pause.loss - value) / min(pause.budget, quarter))
        for pause, value in zip(pauses, values, strict=True)
    )


def final_error(
    seed: int, *, data: str, widths: Sequence[int], scale: float, value: tuple[int, Expr] | None = None
) -> float:
    """(last loss - predicted minimum) in units of its budget.

    ``value`` is a form of 2 L at the minimum for this number of eigenvalues, used where it is theirs.
    """
    problem, pauses = _observed(data, seed, tuple(widths), scale)
    last, squares = pauses[-1], _eigenvalues(problem)
    count = min(widths[1], len(squares))
    form = minimum(count) if value is None or value[0] != count else value[1]
    predicted = float(loss_at(form, _total(problem), squares, range(count)))
    return (last.loss - predicted) / last.budget


def sharper(seed: int, *, data: str, widths: Sequence[int], coarse: float, fine: float) -> float:
    """1.0 if the largest plateau error is smaller from weights of scale ``fine`` than of scale ``coarse``."""
    errors = []
    for scale in (coarse, fine):
        problem, pauses = _observed(data, seed, tuple(widths), scale)
        errors.append(_largest_distance(nested_values(problem, widths[1], 0)[1:-1], pauses))
    return float(errors[1] < errors[0])


@lru_cache(maxsize=64)
def _observed(name: str, seed: int, widths: tuple[int, ...], scale: float) -> tuple[Data, list[Pause]]:
    """The data and the pauses of training on them: what does not depend on the prediction."""
    problem = training_data(name, seed, widths)
    return problem, trained_pauses(problem, widths[1], scale, seed)


def _largest_distance(values: Float[np.ndarray, " ranks"], pauses: list[Pause]) -> float:
    return max(min(abs(pause.loss - value) for pause in pauses) for value in values)


def training_data(name: str, seed: int, widths: Sequence[int]) -> Data:
    """``random`` (new for every seed), ``diabetes`` or ``digits``: whitened, mean loss, few rows.

    The rows are those of a QR decomposition: every linear network has the same loss on them.
    """
    x, y = _raw(name, seed, tuple(widths))
    scaled = y / np.sqrt(len(y))
    left, scale, _ = np.linalg.svd(x, full_matrices=False)
    frame = left[:, scale > len(x) * 2 * _UNIT * scale[0]]
    inputs, targets = compress(frame, scaled)
    return Data(jnp.asarray(inputs, jnp.float64), jnp.asarray(targets, jnp.float64))


@lru_cache
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
    inputs, _, outputs = widths
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
    squares = _eigenvalues(problem)
    form, total = critical_value(len(squares)) if value is None else value, _total(problem)
    sets = [[(k + shift) % len(squares) for k in range(r)] for r in range(min(hidden, len(squares)) + 1)]
    return np.array([float(loss_at(form, total, squares, chosen)) for chosen in sets])


def _eigenvalues(problem: Data) -> list[float]:
    found = explained_spectrum(np.asarray(problem.inputs), np.asarray(problem.targets))
    return [float(level) for level in _learnable(found) ** 2]


def _total(problem: Data) -> float:
    return explained_spectrum(np.asarray(problem.inputs), np.asarray(problem.targets)).total


def _learnable(found: ExplainedSpectrum) -> Float[np.ndarray, " ranks"]:
    """Singular values but those that whitening of ill-conditioned inputs leaves in the place of zeros."""
    values = found.singular_values
    return values[values > NEGLIGIBLE * values[0]]


def trained_pauses(problem: Data, hidden: int, scale: float, seed: int) -> list[Pause]:
    """Gradient descent from Gaussian weights of deviation ``scale`` / sqrt(fan-in); its pauses, in order."""
    widths = (problem.inputs.shape[1], hidden, problem.targets.shape[1])
    step_size, steps = _schedule(problem, hidden)
    key = jax.random.fold_in(jax.random.key(0), seed)
    # A failed computation raises here; JAX 0.10 aborts the process when NumPy asks for its buffer.
    losses, norms, weights = _trajectory(widths, steps)(problem, key, scale, step_size)
    norms.block_until_ready()
    b, a = (np.asarray(layer.weight) for layer in weights)
    return [
        Pause(float(losses[k]), float(norms[k]), _budget(problem, a[k], b[k]))
        for k in _pauses(np.asarray(norms))
    ]


def _schedule(problem: Data, hidden: int) -> tuple[float, int]:
    """Step size and number: mode r grows from SMALLEST_SCALE at the rate s_r, and settles at that of its gap.

    The same for every scale of the weights, so that all share one compiled program.
    """
    found = explained_spectrum(np.asarray(problem.inputs), np.asarray(problem.targets))
    levels = _learnable(found)
    rank = min(hidden, len(levels))
    following = levels[rank] if rank < len(levels) else 0.0
    time = -np.log(SMALLEST_SCALE) / levels[rank - 1] + SETTLED / (levels[rank - 1] - following)
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


def _pauses(norms: Float[np.ndarray, " records"]) -> list[int]:
    """Local minima of the gradient norm up to the first record where it has vanished.

    The start is one of them unless the weights shrink at first.
    """
    settled = np.flatnonzero(norms < PAUSE_OVER * max(1.0, norms.max()))
    settled = settled[settled > np.argmax(norms)]
    last = int(settled[0]) if settled.size else len(norms) - 1
    inner = [k for k in range(1, last) if norms[k] <= norms[k - 1] and norms[k] < norms[k + 1]]
    return [*([0] if norms[0] <= norms[1] else []), *inner, last]


def _budget(problem: Data, a: Matrix, b: Matrix) -> float:
    """How far the loss can be from a critical value, from the gradient there, plus rounding.

    With G = W W^T, W = a b in whitened coordinates: G (Lambda - G) = tau is linear in the gradient, so G_ij =
    (tau_ij - tau_ji) / (lambda_j - lambda_i) off the diagonal, and G_ii is within 2 |tau_ii + sum_j G_ij^2| /
    lambda_i of 0 or lambda_i; 2 L is within the sum of these and 2 |tr(G_a^T a)| of a critical value.
    """
    M = np.asarray(problem.targets).T @ np.asarray(problem.inputs)
    W = a @ b
    slope_a, slope_b = (W - M) @ b.T, a.T @ (W - M)
    values, basis = np.linalg.eigh(M @ M.T)
    tau = basis.T @ (-W @ b.T @ slope_b @ M.T - W @ W.T @ a @ slope_a.T) @ basis
    present = values > len(values) * 2 * _UNIT * values[-1]
    gaps = values[None, :] - values[:, None]
    entries = np.where(gaps != 0, (tau - tau.T) / np.where(gaps == 0, 1.0, gaps), 0.0)
    defects = np.abs(np.diag(tau)) + np.sum(entries**2, axis=1)
    diagonal = np.sum(2 * defects[present] / values[present]) + np.sum(np.sqrt(defects[~present]))
    rounding = 4 * sum(problem.targets.shape) * _UNIT * float(np.sum(np.asarray(problem.targets) ** 2))
    return float(diagonal / 2 + abs(np.sum(slope_a * a)) + rounding)
