"""Trained tanh networks embedded in wider ones: same output, no slope, and the inertia that is predicted.

Gradient descent, then Newton's method to rounding. Data and weights are drawn anew where the Hessian, B or C
of the narrow network has numbers that are neither of the size of the largest curvature nor rounding: there
signs cannot be counted in float64, and most such points are minima at infinity.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from sympy import Integer, Rational, sign

from proofs_checks.embeddings import tanh
from proofs_checks.embeddings.exact import COPIED, JOINED, NARROW
from proofs_checks.insertion import value_of
from theory.embeddings import counts
from theory.embeddings.copies import d, m

DRAWS = 30  # of data and weights, until a stationary point is found at which signs can be counted
TEACHERS, NOISE = 4, 0.3
POLISHING = 12  # steps of Newton's method
CLEAR, ZERO = 1e-4, 1e-10  # of the largest curvature: what counts must be above the one or below the other


class Trained(NamedTuple):
    """A stationary network (units, inputs), (units, outputs), and its data, an example a row."""

    weights: np.ndarray
    outputs: np.ndarray
    inputs: np.ndarray
    targets: np.ndarray

    @property
    def hidden(self) -> np.ndarray:
        """tanh(w^T x), an example a row."""
        found: np.ndarray = np.tanh(self.inputs @ self.weights.T)
        return found

    @property
    def residual(self) -> np.ndarray:
        """l', the output less the targets."""
        found: np.ndarray = self.hidden @ self.outputs - self.targets
        return found

    @property
    def coupling(self) -> np.ndarray:
        """C of the last unit: sum of tanh'(w^T x) x l'^T."""
        found: np.ndarray = self.inputs.T @ ((1 - self.hidden[:, -1:] ** 2) * self.residual)
        return found

    @property
    def bending(self) -> np.ndarray:
        """B of the last unit: sum of <l', v> tanh''(w^T x) x x^T."""
        last = self.hidden[:, -1]
        factor = (self.residual @ self.outputs[-1]) * -2 * last * (1 - last**2)
        found: np.ndarray = self.inputs.T @ (factor[:, None] * self.inputs)
        return found


class Sides(NamedTuple):
    """Negative, zero and positive eigenvalues, and whether all are clear."""

    counted: tuple[int, int, int]
    clear: bool


def embedded(
    seed: int, *, outputs: int, copies: Sequence[str], total: str = "1"
) -> tuple[float, float, float, float]:
    """The largest slope and change of the output, in units of rounding, and by how much each count is off.

    The counts are of the negative, zero and positive eigenvalues gained, less the closed forms. The last unit
    is in the given copies, times ``total``, and a unit (0, 0) is added.
    """
    units = len(copies) + NARROW
    network = trained(seed, outputs, units)
    layers = _embedded(network, copies, total)
    gradient, matrix = tanh.derivatives(layers, network.inputs, network.targets)
    _, small = tanh.derivatives(_padded(network, units), network.inputs, network.targets)
    part = tanh.kept((units, outputs), NARROW)
    largest = np.abs(small).max()
    before = _sides(np.linalg.eigvalsh(small[np.ix_(part, part)]), largest).counted
    after = _sides(np.linalg.eigvalsh(matrix), largest).counted
    predicted = _predicted(network, copies, largest)
    found = [float(new - old - one) for new, old, one in zip(after, before, predicted, strict=True)]
    return _rounding(network, layers, gradient), found[0], found[1], found[2]


def _rounding(network: Trained, layers: tanh.Layers, gradient: np.ndarray) -> float:
    """The largest slope and change of the output, in units of rounding of the sums that make them."""
    weights, outputs = (np.asarray(layer) for layer in layers)
    moved = np.tanh(network.inputs @ weights.T) @ outputs - network.hidden @ network.outputs
    size = np.abs(outputs).max()
    change = np.abs(moved).max() / (len(outputs) * size)
    terms = np.abs(network.inputs).sum() * np.abs(network.residual).max() * outputs.shape[1] * (1 + size)
    return float(max(change, np.abs(gradient).max() / terms) / (tanh.OPERATIONS * tanh.UNIT_ROUNDOFF))


@lru_cache(maxsize=64)
def trained(seed: int, outputs: int, units: int) -> Trained:
    """A stationary network of two units, computed in the shape of ``units``.

    Raises ValueError if none of DRAWS trainings ends at one whose signs can be counted.
    """
    random = np.random.default_rng(seed)
    for _ in range(DRAWS):
        found = _polished(_start(random, outputs), units)
        if found is not None:
            return found
    raise ValueError(f"no training of {DRAWS} ended at a stationary point whose signs can be counted")


def _start(random: np.random.Generator, outputs: int) -> Trained:
    """Data of a teacher with noise, and random weights."""
    inputs = random.normal(size=(tanh.EXAMPLES, tanh.INPUTS))
    first, second = random.normal(size=(TEACHERS, tanh.INPUTS)), random.normal(size=(TEACHERS, outputs))
    noise = NOISE * random.normal(size=(tanh.EXAMPLES, outputs))
    weights = random.normal(size=(NARROW, tanh.INPUTS)), random.normal(size=(NARROW, outputs))
    return Trained(*weights, inputs, np.tanh(inputs @ first.T) @ second / 2 + noise)


def _polished(start: Trained, units: int) -> Trained | None:
    """Descent and Newton's method; None where the point is no clear one."""
    outputs = start.outputs.shape[1]
    part = tanh.kept((units, outputs), NARROW)
    layers, _, norm = tanh.descended(_padded(start, units), start.inputs, start.targets)
    if not np.isfinite(norm):
        return None
    found = start._replace(weights=np.asarray(layers[0])[:NARROW], outputs=np.asarray(layers[1])[:NARROW])
    for _ in range(POLISHING):
        gradient, matrix = tanh.derivatives(_padded(found, units), start.inputs, start.targets)
        small = matrix[np.ix_(part, part)]
        if not _sides(np.linalg.eigvalsh(small), np.abs(small).max()).clear:
            return None
        found = _moved(found, np.linalg.solve(small, gradient[part]))
    gradient, matrix = tanh.derivatives(_padded(found, units), start.inputs, start.targets)
    settled = np.abs(gradient).max() <= ZERO * np.abs(matrix).max()
    return found if settled and _clear(found, np.abs(matrix).max()) else None


def _moved(network: Trained, step: np.ndarray) -> Trained:
    cut = network.weights.size
    return network._replace(
        weights=network.weights - step[:cut].reshape(network.weights.shape),
        outputs=network.outputs - step[cut:].reshape(network.outputs.shape),
    )


def _clear(network: Trained, largest: float) -> bool:
    """Whether the numbers that the closed forms count are clear."""
    pull = np.linalg.svd(network.inputs.T @ network.residual)[1]
    values, kernel = _kernel(network.coupling, largest)
    bent = np.linalg.eigvalsh(kernel.T @ network.bending @ kernel)
    return all(_sides(each, largest).clear for each in (pull, values, bent))


def _kernel(coupling: np.ndarray, largest: float) -> tuple[np.ndarray, np.ndarray]:
    """Singular values of C, and a basis of the kernel of C^T."""
    left, values, _ = np.linalg.svd(coupling)
    return values, left[:, int((values > ZERO * largest).sum()) :]


def _sides(values: np.ndarray, largest: float) -> Sides:
    small, clear = np.abs(values) <= ZERO * largest, np.abs(values) >= CLEAR * largest
    counted = int((values[~small] < 0).sum()), int(small.sum()), int((values[~small] > 0).sum())
    return Sides(counted, bool(np.all(small | clear)))


def _predicted(network: Trained, copies: Sequence[str], largest: float) -> tuple[Rational, ...]:
    """What the closed forms give for the copies and the added unit."""
    signs = [int(sign(Rational(share))) for share in copies]
    values, kernel = _kernel(network.coupling, largest)
    bent = _sides(np.linalg.eigvalsh(kernel.T @ network.bending @ kernel), largest).counted
    pull = np.linalg.svd(network.inputs.T @ network.residual)[1]
    size = network.outputs.shape[1]
    copied = {
        counts.k_n: signs.count(-1),
        counts.k_0: signs.count(0),
        counts.k_p: signs.count(1),
        **dict(zip((counts.b_n, counts.b_0, counts.b_p), bent, strict=True)),
        counts.rank: _sides(values, largest).counted[2],
        m: size,
    }
    joined = {counts.added: 1, counts.coupling: _sides(pull, largest).counted[2], d: tanh.INPUTS, m: size}
    first, second = ({letter: Integer(one) for letter, one in each.items()} for each in (copied, joined))
    pairs = zip(COPIED, JOINED, strict=True)
    return tuple(value_of(each, first) + value_of(extra, second) for each, extra in pairs)


def _padded(network: Trained, units: int) -> tanh.Layers:
    return tanh.padded(network.weights, network.outputs, units)


def _embedded(network: Trained, copies: Sequence[str], total: str) -> tanh.Layers:
    """The last unit in copies, times ``total``, and one unit (0, 0)."""
    shares = np.array([float(Rational(total) * Rational(share)) for share in copies])
    weights = np.vstack([network.weights[:-1], *[network.weights[-1:]] * len(copies)])
    outputs = np.vstack([network.outputs[:-1], shares[:, None] * network.outputs[-1]])
    return tanh.padded(weights, outputs, len(copies) + NARROW)
