"""Where a trained linear network is in the landscape of its data: the critical point it is near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float

from numerics import linear_networks
from numerics.linear_second_derivatives import (
    Layers,
    Problem,
    flat,
    gradient,
    newton,
    second_variation,
    silent_point,
    steepest_descent_direction,
)
from numerics.moments import Moments, moments
from proofs_checks.data_landscape.spectrum import DataSpectrum
from proofs_checks.linear_landscape.linear_inertia import linear_inertia

if TYPE_CHECKING:
    from theory.linear_landscape.classes import CriticalClass, Landscape

CONVERGED = 1e-9  # of the gradient, relative to |Sigma_YX| in whitened inputs: classes differ by far more
Method = Literal["Newton's method", "projection"]
Matrix = Float[np.ndarray, "_ _"]


@dataclass(frozen=True)
class Exit:
    """How a saddle is left.

    curvature
        The most negative eigenvalue of the Hessian: gradient flow moves away like e^(-curvature t).
    direction
        Its eigenvector of norm 1, in the shape of the layers.
    mode
        Which eigenvalue, from 1, the network learns along it.
    """

    curvature: float
    direction: Layers
    mode: int


@dataclass(frozen=True)
class Location:
    """A network and the critical point next to it.

    loss, gradient
        Of the network itself: the loss, and the norm of its gradient.
    imbalance
        The largest |W_{h+1}^T W_{h+1} - W_h W_h^T|, and the same relative to the largest |W_h|^2.
    point, method, distance
        The critical point found, how, and |theta - theta*|, also relative to |theta| (None at the origin).
    output_distance
        |X (W - W*)^T| / |Y|, which weighs directions of the inputs by how much there is of them.
    nearest
        Its class: the loss that theory predicts there, its kind and its index or least index.
    point_loss
        The loss computed at the point.
    index, nullity, doubtful
        The inertia of the Hessian at this very point, from ranks; doubtful where a rank is unclear.
    strict
        Whether the Hessian has a negative direction there.
    exit
        None where it has none.
    """

    loss: float
    gradient: float
    imbalance: tuple[float, float]
    point: Layers
    method: Method
    distance: tuple[float, float | None]
    output_distance: float
    nearest: CriticalClass
    point_loss: float
    index: int
    nullity: int
    doubtful: bool
    exit: Exit | None

    @property
    def strict(self) -> bool:
        """Whether the Hessian at the point has a negative direction."""
        return self.index > 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON; the point and the direction are left out."""
        return {
            "loss": self.loss,
            "gradient": self.gradient,
            "imbalance": self.imbalance[0],
            "relative_imbalance": self.imbalance[1],
            "method": self.method,
            "distance": self.distance[0],
            "relative_distance": self.distance[1],
            "output_distance": self.output_distance,
            "rank": self.nearest.rank,
            "predicted_loss": float(self.nearest.loss),
            "point_loss": self.point_loss,
            "kind": self.nearest.kind,
            "index": self.index,
            "nullity": self.nullity,
            "doubtful": self.doubtful,
            "exit": None if self.exit is None else {"curvature": self.exit.curvature, "mode": self.exit.mode},
        }

    def lines(self) -> list[str]:
        """For the terminal."""
        relative = "" if self.distance[1] is None else f", {self.distance[1]:.2g} of the weights' norm"
        doubt = ", counted where a rank is unclear" if self.doubtful else ""
        lines = [
            f"the network: loss {self.loss:.10g}, gradient {self.gradient:.3g}, imbalance "
            f"{self.imbalance[0]:.2g} ({self.imbalance[1]:.2g} of the largest layer)",
            f"the nearest critical point found, by {self.method}: rank {self.nearest.rank}, "
            f"{self.nearest.kind}",
            f"its distance: {self.distance[0]:.3g}{relative}; the outputs differ by "
            f"{self.output_distance:.2g} of the targets",
            f"there: predicted loss {float(self.nearest.loss):.10g}, computed {self.point_loss:.10g}, index "
            f"{self.index}, nullity {self.nullity}{doubt}",
        ]
        return [*lines, self._exit()]

    def _exit(self) -> str:
        if self.exit is not None:
            return (
                f"exit: curvature {self.exit.curvature:.6g}, towards eigenvalue {self.exit.mode}; under "
                f"gradient flow the distance grows e-fold in a time of {-1 / self.exit.curvature:.3g}"
            )
        if self.nearest.kind == "global minimum":
            return "exit: none, it is a global minimum"
        return "exit: none of second order, the Hessian has no negative direction: a saddle of higher order"


def locate(
    layers: Sequence[Matrix], inputs: Matrix, targets: Matrix, spectrum: DataSpectrum, landscape: Landscape
) -> Location:
    """The critical point next to these layers, which are taken as they are: no balancing."""
    given = tuple(np.asarray(layer, dtype=np.float64) for layer in layers)
    sums = moments(inputs, targets)
    plain = Problem(sums.inputs, sums.cross.T)
    white = _Whitening.of(sums, spectrum.input_rank, given[0])
    start = (given[0] @ white.forward, *given[1:])
    point, method, chosen = _critical_point(start, white, spectrum)
    nearest = landscape.at(_choice(chosen, spectrum))
    first = given[0] + (point[0] - start[0]) @ white.backward
    original = (first, *point[1:])
    index, nullity, doubtful = _inertia(point, white, nearest, landscape)
    norm = float(np.linalg.norm(flat(given)))
    distance = float(np.linalg.norm(flat(original) - flat(given)))
    return Location(
        float(linear_networks.loss(given, inputs, targets)),
        float(np.linalg.norm(flat(gradient(plain, given)))),
        _imbalance(given),
        original,
        method,
        (distance, distance / norm if norm else None),
        white.scale * _output_distance(point, start, sums.total),
        nearest,
        float(linear_networks.loss(original, inputs, targets)),
        index,
        nullity,
        doubtful,
        _exit(plain, original, white, chosen) if index else None,
    )


def _inertia(
    point: Layers, white: _Whitening, nearest: CriticalClass, landscape: Landscape
) -> tuple[int, int, bool]:
    """Index and nullity from ranks, and whether they are in doubt.

    In inputs that neither the data nor the first layer use, the Hessian is A_1^T A_1 for each of them, with
    A_1 = W_H ... W_2. With two layers the index of the class is that of every point.
    """
    found = linear_inertia(point, np.eye(white.target.shape[1]), white.target.T)
    hidden, rank = len(point[0]), int(found.ranks.forward[1, len(point)])
    index = nearest.index if landscape.layers == 2 else found.inertia.negative
    agrees = index == found.inertia.negative and index >= nearest.index
    nullity = found.inertia.zero + white.unused * (hidden - rank) + hidden * landscape.idle_inputs
    return index, nullity, found.ranks.doubtful or not agrees


@dataclass(frozen=True)
class _Whitening:
    """W_1 F / c belongs to whitened inputs, F = V diag(sigma) Q, c F^-1 leads back, and the target is M / c.

    M = Y^T X V diag(1 / sigma) Q. The mean c of sigma keeps the first layer about as large as it is: by
    itself whitening would unbalance the layers by the root of the number of examples.

    Q has orthonormal columns that span the rows of M and of W_1 before: gradients and second derivatives
    never leave them. ``unused`` is how many dimensions are left out.
    """

    forward: Matrix
    backward: Matrix
    target: Matrix
    left: Matrix
    values: Float[np.ndarray, " s"]
    right: Matrix
    scale: float
    unused: int

    @classmethod
    def of(cls, sums: Moments, rank: int, first: Matrix) -> _Whitening:
        squares, vectors = np.linalg.eigh(sums.inputs)
        largest = slice(len(squares) - rank, None)
        scale, vectors = np.sqrt(np.maximum(squares[largest], 0.0)), vectors[:, largest]
        used = np.concatenate([(sums.cross.T @ vectors / scale).T, (first @ vectors * scale).T], axis=1)
        frame = np.linalg.qr(used)[0] if used.shape[1] < rank else np.eye(rank)
        mean = float(scale.mean()) if rank else 1.0
        forward, backward = (vectors * scale) @ frame / mean, mean * frame.T @ (vectors / scale).T
        target = sums.cross.T @ backward.T / mean**2
        left, values, right = np.linalg.svd(target, full_matrices=False)
        return cls(forward, backward, target, left, values, right.T, mean, rank - frame.shape[1])


def _critical_point(
    start: Layers, white: _Whitening, spectrum: DataSpectrum
) -> tuple[Layers, Method, Float[np.ndarray, " chosen"]]:
    """The nearer of two: where Newton's method leads, and the projection on what is learned already."""
    problem = Problem(None, white.target)
    tolerance = CONVERGED * float(np.linalg.norm(white.target))
    candidates: list[tuple[Layers, Method]] = [(_projection(start, white, spectrum.rank), "projection")]
    searched = newton(problem, start, tolerance)
    searched = searched._replace(layers=_without_residues(searched.layers))
    if searched.converged and _is_quantized(searched.layers, white, spectrum.rank):
        candidates.append((searched.layers, "Newton's method"))
    nearest = min(candidates, key=lambda one: float(np.linalg.norm(flat(one[0]) - flat(start))))
    return *nearest, _shares(nearest[0], white, spectrum.rank)


def _without_residues(layers: Layers) -> Layers:
    """Layers that only the tolerance of the search keeps from zero are zero: their ranks would be noise."""
    norms = [float(np.linalg.norm(layer)) for layer in layers]
    least = CONVERGED**0.5 * max(norms)
    return tuple(layer if norm > least else 0 * layer for layer, norm in zip(layers, norms, strict=True))


def _projection(start: Layers, white: _Whitening, rank: int) -> Layers:
    """The silent point of the modes more than half learned; the origin if they collapse on the way."""
    product = linear_networks.product(start)
    amplitudes = np.sum((white.left.T @ product) * white.right.T, axis=1)[:rank] / white.values[:rank]
    learned = np.flatnonzero(amplitudes > 0.5)[: min(map(len, start))]
    try:
        return silent_point(start, white.left[:, learned], white.values[learned], white.right[:, learned])
    except np.linalg.LinAlgError:
        return tuple(np.zeros_like(layer) for layer in start)


def _shares(layers: Layers, white: _Whitening, rank: int) -> Float[np.ndarray, " s"]:
    """|u_i^T W|^2 / lambda_i, which is 1 or 0 at a critical point without ties."""
    learned = white.left[:, :rank].T @ linear_networks.product(layers)
    return np.asarray(np.sum(learned**2, axis=1) / white.values[:rank] ** 2)


def _is_quantized(layers: Layers, white: _Whitening, rank: int) -> bool:
    # A small gradient may be no sign of a critical point nearby; products of critical points are known.
    total = _shares(layers, white, rank).sum()
    return bool(abs(total - round(float(total))) < 1e-3)


def _choice(shares: Float[np.ndarray, " s"], spectrum: DataSpectrum) -> tuple[int, ...]:
    """How many directions of each group of eigenvalues are learned."""
    starts = np.concatenate([[0], np.cumsum(spectrum.multiplicities)]).astype(int)
    return tuple(round(float(shares[a:b].sum())) for a, b in pairwise(starts))


def _output_distance(point: Layers, start: Layers, total: float) -> float:
    moved = linear_networks.product(point) - linear_networks.product(start)
    return float(np.linalg.norm(moved)) / total**0.5 if total else 0.0


def _imbalance(layers: Layers) -> tuple[float, float]:
    largest = max(float(np.linalg.norm(one)) for one in linear_networks.imbalances(layers))
    scale = max(float(np.linalg.norm(layer)) for layer in layers) ** 2
    return largest, largest / scale if scale else 0.0


def _exit(problem: Problem, point: Layers, white: _Whitening, shares: Float[np.ndarray, " s"]) -> Exit:
    curvature, direction = steepest_descent_direction(problem, point)
    bent = second_variation(point, direction) @ white.forward
    gains = (np.sum((white.left.T @ bent) * white.right.T, axis=1) * white.values)[: len(shares)]
    gains[shares > 0.5] = -np.inf
    return Exit(curvature, direction, int(np.argmax(gains)) + 1)
