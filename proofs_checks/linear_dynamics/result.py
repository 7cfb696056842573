"""What a prediction of training holds: the curves, their errors, plateaus and half-times; text and JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

# How the predicted curve was computed.
Method = Literal["riccati", "modes", "integrated"]

LISTED = 11  # records of the curves in the text

METHODS = {
    "riccati": "the exact matrix solution (Riccati) from the initial weights",
    "modes": "the exact solution of every mode from its effective seed",
    "integrated": "no closed form applies: the gradient flow itself, integrated numerically",
}


@dataclass(frozen=True)
class Plateau:
    """One level of the loss, and when training leaves it.

    rank, loss
        How many of the largest modes have been learned, and the loss of exactly these.
    half_time
        When the predicted loss is halfway from this level to the next; None where it does not come to that
        within the steps asked for, and at the last level.
    half_time_discrete
        The same for descent instead of flow: with the growth rate ln(1 + eta s) / eta instead of s.
    half_time_trained
        The same for the trained network.

    All times are numbers of steps.
    """

    rank: int
    loss: float
    half_time: float | None
    half_time_discrete: float | None
    half_time_trained: float | None


@dataclass(frozen=True)
class Dynamics:
    """The course of training of a linear network on given data, predicted and measured.

    widths, examples, scale, step_size, initialization, seed, whitened
        The run: L = |Y - X W^T|^2 / 2, summed over the examples, gradient descent on all layers.
    steps
        Where the curves are recorded; the time of the flow is step_size * steps.
    trained, flow, predicted
        Losses of gradient descent, of the integrated gradient flow, and of the closed form.
    method, prediction_error
        How ``predicted`` was computed, and its largest distance from ``flow`` in units of the first loss.
    discretization_error
        The largest distance of ``trained`` from ``flow`` in the same unit.
    plateaus
        Levels of the loss with 0, 1, ... modes learned.
    rates
        Growth rates s_i of the modes from small weights: singular values of Y^T X.
    notes
        Which hypotheses fail for this run, and what is still true.
    """

    widths: tuple[int, ...]
    examples: int
    scale: float
    step_size: float
    initialization: str
    seed: int
    whitened: bool
    steps: Int[np.ndarray, " records"]
    trained: Float[np.ndarray, " records"]
    flow: Float[np.ndarray, " records"]
    predicted: Float[np.ndarray, " records"]
    method: Method
    prediction_error: float
    discretization_error: float
    plateaus: tuple[Plateau, ...]
    rates: Float[np.ndarray, " modes"]
    notes: tuple[str, ...]

    @property
    def times(self) -> Float[np.ndarray, " records"]:
        """The time of the flow at every record."""
        return self.step_size * self.steps

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "widths": list(self.widths),
            "examples": self.examples,
            "scale": self.scale,
            "step_size": self.step_size,
            "initialization": self.initialization,
            "seed": self.seed,
            "whitened": self.whitened,
            "method": self.method,
            "prediction": METHODS[self.method],
            "prediction_error": self.prediction_error,
            "discretization_error": self.discretization_error,
            "arithmetic": "float64",
            "rates": [float(rate) for rate in self.rates],
            "plateaus": [vars(plateau) for plateau in self.plateaus],
            "steps": [int(step) for step in self.steps],
            "trained": [float(loss) for loss in self.trained],
            "flow": [float(loss) for loss in self.flow],
            "predicted": [float(loss) for loss in self.predicted],
            "notes": list(self.notes),
        }

    def text(self) -> str:
        """Plateaus, half-times and errors, for the terminal."""
        widths = "-".join(map(str, self.widths))
        lines = [
            f"Training of a linear network {widths} on {self.examples} examples"
            + (", whitened" if self.whitened else ""),
            f"L = |Y - X W^T|^2 / 2, summed over the examples; {self.initialization} weights of scale "
            f"{self.scale:g} (seed {self.seed}), {int(self.steps[-1])} steps of size {self.step_size:.6g}",
            "",
            f"predicted: {METHODS[self.method]}",
            "modes learned           loss  half-time: flow    descent    trained",
            *map(_line, self.plateaus),
            "half-times are the steps at which the loss is halfway to the next level; descent corrects for "
            "the step size",
            "",
            f"{'step':>10} {'predicted':>14} {'trained':>14}",
            *(
                f"{self.steps[k]:10d} {self.predicted[k]:14.8g} {self.trained[k]:14.8g}"
                for k in np.unique(np.linspace(0, len(self.steps) - 1, LISTED).astype(int))
            ),
            "",
            "errors, in units of the first loss: "
            + ("" if self.method == "integrated" else f"prediction {self.prediction_error:.1e}, ")
            + f"descent {self.discretization_error:.1e}, both against the flow integrated to 1e-9; float64",
            *(f"note: {note}" for note in self.notes),
        ]
        return "\n".join(lines)


def _line(plateau: Plateau) -> str:
    times = (plateau.half_time, plateau.half_time_discrete, plateau.half_time_trained)
    shown = ["-" if time is None else f"{time:.1f}" for time in times]
    return f"{plateau.rank:13d} {plateau.loss:14.8g} {shown[0]:>16} {shown[1]:>10} {shown[2]:>10}"
