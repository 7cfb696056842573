"""Floats void a proof: SymPy rounds them while it simplifies, and differences of 1e-17 become 0."""

from __future__ import annotations

from typing import Any

from sympy import Basic, Float

ROUNDED = "a binary float is rounded while it is simplified: write a rational number"


def rounded(*parts: Any) -> bool:
    """Whether a part of a relation, or of what is to prove it, contains a float; None is nothing."""
    return any(isinstance(part, float) or (isinstance(part, Basic) and part.has(Float)) for part in parts)
