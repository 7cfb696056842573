"""The loss landscape of two-layer linear networks: classes of critical points and exact instances."""

from theory.linear_landscape.classes import CriticalClass, Landscape, Spectrum
from theory.linear_landscape.instances import CriticalPoint, RationalProblem

__all__ = ["CriticalClass", "CriticalPoint", "Landscape", "RationalProblem", "Spectrum"]
