"""An explicit network for a user's own function, with a certificate of its error on the whole box."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import Any

import sympy
from sympy import srepr

from theory.approximation.bumps import PARAMETERS, read_activation, statement
from theory.bump_networks import Approximation, Layer, hidden_units, pose, solved
from theory.bump_networks.arithmetic import PRECISION, rational
from theory.bump_networks.problem import COORDINATES
from theory.errors import InputError
from theory.grammar import parse, parse_interval
from theory.parameters import resolve
from theory.statement import Statement

FORMAT = "provenet.network/1"
_DIGITS = 6


@dataclass(frozen=True)
class Result:
    """An approximation, ready to print and to write."""

    approximation: Approximation
    statement: Statement
    layers: tuple[Layer, ...]
    seconds: float

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return hidden_units(self.layers)

    @property
    def holds(self) -> bool:
        """Whether the certified error is at most epsilon."""
        return self.approximation.certificate.holds(self.approximation.problem.epsilon) is True

    def certificate(self) -> dict[str, Any]:
        """The certified two-sided statement: bounds as exact rational strings, and as decimals to read."""
        problem, found = self.approximation.problem, self.approximation.certificate
        return {
            "function": str(problem.function),
            "function_sha256": hashlib.sha256(srepr(problem.function).encode()).hexdigest(),
            "variables": [str(variable) for variable in problem.variables],
            "box": [[str(low), str(high)] for low, high in problem.box],
            "epsilon": str(problem.epsilon),
            "holds": self.holds,
            "upper": None if found.upper is None else str(found.upper),
            "lower": str(found.lower),
            "witness": [str(coordinate) for coordinate in found.witness],
            "upper_decimal": None if found.upper is None else float(found.upper),
            "lower_decimal": float(found.lower),
            "a_priori": str(self.approximation.construction.bound),
            "leaves": found.leaves,
            "precision_bits": PRECISION,
            "versions": {name: _version(name) for name in ("provenet", "sympy", "python-flint")},
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without the weights."""
        construction = self.approximation.construction
        return {
            **self.certificate(),
            "activation": str(self.approximation.activation),
            "bound": str(self.statement.conclusion),
            "rule": construction.rule,
            "cells": list(construction.cells),
            "widths": [str(width) for width in construction.widths],
            "units": self.units,
            "depth": len(self.layers),
            "seconds": self.seconds,
        }

    def network_document(self) -> dict[str, Any]:
        """What ``-o`` writes: exact weights of every layer, and the certificate beside them."""
        return {
            "format": FORMAT,
            "activation": str(self.approximation.activation),
            "units": self.units,
            "conventions": "output = activation(weights input + bias), weights as [row, column, value]; "
            "the step function Heaviside(z) has the value 1 at z = 0",
            "layers": [layer.to_dict() for layer in self.layers],
            "certificate": self.certificate(),
        }

    def text(self) -> str:
        """A summary for the terminal."""
        problem, construction = self.approximation.problem, self.approximation.construction
        found = self.approximation.certificate
        box = " x ".join(f"[{low}, {high}]" for low, high in problem.box)
        place = ", ".join(
            f"{variable} = {float(value):.{_DIGITS}g}"
            for variable, value in zip(problem.variables, found.witness, strict=True)
        )
        upper = "not certified" if found.upper is None else _decimal(found.upper, up=True)
        lines = [
            f"{problem.function} on {box}, epsilon = {problem.epsilon}",
            f"  network      {self.units} units of {self.approximation.activation} in "
            f"{len(self.layers) - 1} hidden "
            f"layer(s), {' x '.join(map(str, construction.cells))} cells",
            f"  bound        {self.statement.conclusion.rhs} = {_decimal(construction.bound, up=True)} "
            f"(rule: {construction.rule})",
            f"  certified    {_decimal(found.lower, up=False)} <= sup |f - N| <= {upper} on the whole box",
            f"  witness      {place}",
            f"  cover        {found.leaves} leaves, ball arithmetic at {PRECISION} bits, "
            f"{self.seconds:.2f} s",
            "  verdict      "
            f"{'the error is at most epsilon' if self.holds else 'NOT certified to be at most epsilon'}",
        ]
        return "\n".join(lines) + "\n"


def run(function: str, on: Sequence[str], epsilon: str, activation: str = "relu") -> Result:
    """Build and certify a network for text as a user types it.

    Raises InputError in one line for whatever cannot be done, a missing python-flint included.
    """
    start = perf_counter()
    if not 1 <= len(on) <= len(COORDINATES):
        raise InputError(
            f"{len(on)} intervals: give --on LO,HI once for each of 1 to {len(COORDINATES)} variables"
        )
    box = tuple(parse_interval(part) for part in on)
    expression = parse(function, symbols=COORDINATES[: len(on)])
    given = resolve(
        PARAMETERS, {"function": expression, "box": box, "epsilon": epsilon, "activation": activation}
    )
    found = solved(pose(expression, box, given["epsilon"]), read_activation(activation))
    return Result(found, statement(**given), found.network.layers(), perf_counter() - start)


def _decimal(value: Fraction, up: bool) -> str:
    """A decimal of a few digits on the safe side of ``value``."""
    if value == 0:
        return "0"
    exponent = sympy.floor(sympy.log(abs(rational(value)), 10)) - _DIGITS + 1
    scale = Fraction(10) ** int(exponent)
    steps = -((-value / scale).__floor__()) if up else (value / scale).__floor__()
    return f"{float(steps * scale):.{_DIGITS}g}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
