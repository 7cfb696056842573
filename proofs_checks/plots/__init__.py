"""Figures as SVG, by the extra ``plots``: kernels, training and theory, phases, exponents, landscapes."""

from proofs_checks.plots.dynamics import dynamics_figure, phase_portrait
from proofs_checks.plots.exponents import exponent_figure
from proofs_checks.plots.landscape import landscape_figure
from proofs_checks.plots.phases import phase_figure
from proofs_checks.plots.spectrum import spectrum_figure
from proofs_checks.plots.style import PlotsUnavailable, save_svg, svg
from proofs_checks.plots.training import training_figure

__all__ = [
    "PlotsUnavailable",
    "dynamics_figure",
    "exponent_figure",
    "landscape_figure",
    "phase_figure",
    "phase_portrait",
    "save_svg",
    "spectrum_figure",
    "svg",
    "training_figure",
]
