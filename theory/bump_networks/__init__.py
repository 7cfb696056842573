"""Explicit networks that approximate a given function, certified on the whole domain by ball arithmetic."""

from theory.bump_networks.approximate import NAMED, Approximation, approximate, built, certified, solved
from theory.bump_networks.certify import Certificate
from theory.bump_networks.network import Layer, Network, hidden_units, value
from theory.bump_networks.problem import Problem, pose

__all__ = [
    "NAMED",
    "Approximation",
    "Certificate",
    "Layer",
    "Network",
    "Problem",
    "approximate",
    "built",
    "certified",
    "hidden_units",
    "pose",
    "solved",
    "value",
]
