"""The rows of the bump theorem: what step, sigmoidal and ReLU constructions share, and what each adds."""

from theory.bump_networks.rows import symbols
from theory.bump_networks.rows.interpolation import interpolation
from theory.bump_networks.rows.sigmoids import logistic, orthants, zones
from theory.bump_networks.rows.steps import gates, mean_value, telescoping
from theory.bump_networks.rows.symbols import curvature_bound, step_bound

__all__ = [
    "curvature_bound",
    "gates",
    "interpolation",
    "logistic",
    "mean_value",
    "orthants",
    "step_bound",
    "symbols",
    "telescoping",
    "zones",
]
