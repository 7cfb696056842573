"""Explicit networks: layers of exact rational weights, and their values in exact or ball arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from sympy import Expr

from theory.bump_networks import jets
from theory.bump_networks.activation import RELU, STEP, Z
from theory.bump_networks.arithmetic import Ball, ball
from theory.bump_networks.jets import Jet
from theory.bump_networks.tape import compiled

Entry = tuple[int, int, Fraction]


@dataclass(frozen=True)
class Layer:
    """output = activation(W input + b), W sparse as (row, column, weight); no activation in the last layer.

    The step function has the value 1 at 0.
    """

    inputs: int
    entries: tuple[Entry, ...]
    bias: tuple[Fraction, ...]
    activation: Expr | None = None

    @property
    def outputs(self) -> int:
        """Number of rows."""
        return len(self.bias)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: rationals as strings, the activation as text in z."""
        return {
            "inputs": self.inputs,
            "outputs": self.outputs,
            "activation": "identity" if self.activation is None else str(self.activation),
            "weights": [[row, column, str(weight)] for row, column, weight in self.entries],
            "bias": [str(value) for value in self.bias],
        }


class Network(Protocol):
    """What every construction offers: explicit layers, and a cover on whose leaves its form is known."""

    @property
    def units(self) -> int: ...

    def layers(self) -> tuple[Layer, ...]: ...

    def leaves(self) -> Sequence[Any]: ...


def hidden_units(layers: Sequence[Layer]) -> int:
    """The number of activations in all hidden layers."""
    return sum(layer.outputs for layer in layers if layer.activation is not None)


def value(layers: Sequence[Layer], point: Sequence[Fraction]) -> Ball:
    """The network at a rational point: exact for ReLU and step networks, a narrow ball for smooth ones."""
    state: list[Any] = list(point)
    for layer in layers:
        sums: list[Any] = list(layer.bias)
        for row, column, weight in layer.entries:
            sums[row] = _plus(sums[row], weight, state[column])
        state = sums if layer.activation is None else [_activate(layer.activation, total) for total in sums]
    return ball(state[0])


def _plus(total: Any, weight: Fraction, number: Any) -> Any:
    if isinstance(total, Fraction) and isinstance(number, Fraction):
        return total + weight * number
    return ball(total) + ball(weight) * ball(number)


def _activate(activation: Expr, number: Any) -> Any:
    rule = _EXACT.get(activation)
    if rule is not None and isinstance(number, Fraction):
        return rule(number)
    return jets.run(compiled(activation, (Z,)), [Jet(ball(number))]).value


_EXACT: dict[Expr, Callable[[Fraction], Fraction]] = {
    RELU: lambda t: max(t, Fraction(0)),
    STEP: lambda t: Fraction(1 if t >= 0 else 0),
}
