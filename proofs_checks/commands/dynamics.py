"""The command ``dynamics``: the course of training on a user's data, predicted and measured."""

from __future__ import annotations

from os import PathLike

import numpy as np

from proofs_checks.linear_dynamics.course import Initialization, dynamics
from proofs_checks.linear_dynamics.result import Dynamics
from theory.errors import InputError

Source = str | PathLike[str] | np.ndarray


def run(
    inputs: Source,
    targets: Source,
    widths: str,
    scale: str,
    steps: str,
    *,
    step_size: str | None = None,
    seed: int = 0,
    initialization: Initialization = "random",
    whiten: bool = False,
) -> Dynamics:
    """As ``dynamics``, from the texts of a command line. Raises InputError."""
    return dynamics(
        (inputs, targets),
        widths,
        _number("scale", scale),
        _whole(steps),
        step_size=None if step_size is None else _number("step size", step_size),
        seed=seed,
        initialization=initialization,
        whiten=whiten,
    )


def _number(name: str, text: str) -> float:
    from theory.parameters import as_rational

    try:
        return float(as_rational(text))
    except OverflowError:
        raise InputError(f"the {name} {text[:40]!r} is too large: give for example 0.001") from None


def _whole(text: str) -> int:
    from theory.parameters import positive_integer

    return int(positive_integer()(text))
