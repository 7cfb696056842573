"""Two-layer ReLU networks on points of the plane: certified, and finished where the certificate fails."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import nnls

TIGHT = 1e-9  # relative; a direction that pays less than that above the decay gets no unit
ROUNDS = 300  # new units at most; 1,200 random problems with decays from 1/2 to 1/100 took 75 at most


def gap(targets: np.ndarray, outputs: np.ndarray, penalty: float, decay: float, polar: float) -> float:
    """(primal - dual) / primal, with the residual scaled to polar ``decay`` at most as Z."""
    residual = targets - outputs
    primal = float(np.sum(residual**2) / 2 + penalty)
    dual = residual * min(1.0, decay / polar)
    return (primal - float(np.sum(targets * dual) - np.sum(dual**2) / 2)) / primal


def steepest(
    inputs: Float[np.ndarray, "N 2"], residual: Float[np.ndarray, " N"]
) -> tuple[Float[np.ndarray, " 2"], float]:
    """The unit vector w with the largest |sum of residual_i max(x_i w, 0)|, and the sum: + or - the polar.

    Between two directions at which some x_i w changes sign the sum is v w with a fixed v: its largest modulus
    on the arc is |v| where v or -v points into it, else at an end.
    """
    edges = np.arctan2(inputs[:, 1], inputs[:, 0])
    turns = np.sort(np.concatenate([edges + np.pi / 2, edges - np.pi / 2]) % (2 * np.pi))
    ends = np.append(turns, turns[0] + 2 * np.pi)
    middles = (ends[:-1] + ends[1:]) / 2
    active = inputs @ _on_circle(middles).T > 0
    vectors = (active * residual[:, None]).T @ inputs
    angles = np.arctan2(vectors[:, 1], vectors[:, 0])
    turned = (angles - middles + np.pi / 2) % np.pi - np.pi / 2  # of the line of v from the middle
    inside = np.abs(turned) <= (ends[1:] - ends[:-1]) / 2
    directions = _on_circle(np.concatenate([turns, (middles + turned)[inside]]))
    sums = residual @ np.maximum(inputs @ directions.T, 0)
    best = np.argmax(np.abs(sums))
    return directions[best], float(sums[best])


def certified(
    incoming: Float[np.ndarray, "k 2"],
    outgoing: Float[np.ndarray, " k"],
    inputs: Float[np.ndarray, "N 2"],
    targets: Float[np.ndarray, " N"],
    decay: float,
) -> float:
    """The largest share of this network's loss that can be above the global minimum over all widths."""
    outputs = np.maximum(inputs @ incoming.T, 0) @ outgoing
    penalty = decay * float(np.sum(incoming**2) + np.sum(outgoing**2)) / 2
    return gap(targets, outputs, penalty, decay, abs(steepest(inputs, targets - outputs)[1]))


def finished(
    incoming: Float[np.ndarray, "k 2"],
    outgoing: Float[np.ndarray, " k"],
    inputs: Float[np.ndarray, "N 2"],
    targets: Float[np.ndarray, " N"],
    decay: float,
    *,
    rounds: int = ROUNDS,
) -> tuple[Float[np.ndarray, "m 2"], Float[np.ndarray, " m"]]:
    """The network, its units refitted in size, with up to ``rounds`` units more while the certificate fails.

    A unit that is 0 can grow in any direction. Where the polar of the residual exceeds the decay, growth in
    the direction that attains it lowers the loss: the certificate fails only where descent can go on.

    Training alone need not get there: where no unit points in a direction that pays, none turns there, and
    those that no example activates have no gradient. With a decay of 1/50 three of six trained networks
    stayed 0.5 to 3 % above the minimum, however long their training; with 1/10 all came near it, the slowest
    within 1e-4 after a time of 400.
    """
    lengths = np.linalg.norm(incoming, axis=1)
    alive = lengths * np.abs(outgoing) > 0
    directions, signs = incoming[alive] / lengths[alive][:, None], np.sign(outgoing[alive])
    for left in reversed(range(rounds + 1)):
        features = np.maximum(inputs @ directions.T, 0) * signs
        sizes = refitted(features, targets, decay)
        used = sizes > 0
        directions, signs, sizes = directions[used], signs[used], sizes[used]
        direction, slope = steepest(inputs, targets - features[:, used] @ sizes)
        if left == 0 or abs(slope) <= decay * (1 + TIGHT):
            break
        directions, signs = np.vstack([directions, direction]), np.append(signs, np.sign(slope))
    roots = np.sqrt(sizes)
    return directions * roots[:, None], signs * roots


def refitted(
    features: Float[np.ndarray, "N k"], targets: Float[np.ndarray, " N"], decay: float
) -> Float[np.ndarray, " k"]:
    """The c >= 0 that minimizes |targets - features c|^2 / 2 + decay (c_1 + ... + c_k).

    Its residual is the point nearest to the targets among those r with features^T r <= decay: distance
    programming, by nonnegative least squares.

    Source: C. L. Lawson and R. J. Hanson, Solving Least Squares Problems, 1974.
    """
    if features.shape[1] == 0:  # SciPy's routine crashes without columns
        return np.zeros(0)
    system = np.vstack([-features, features.T @ targets - decay])
    wanted = np.append(np.zeros(len(targets)), 1.0)
    multipliers, _ = nnls(system, wanted)
    found: np.ndarray = multipliers / (wanted - system @ multipliers)[-1]
    return found


def _on_circle(angles: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)
