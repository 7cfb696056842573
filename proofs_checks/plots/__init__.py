"""Figures as SVG, by the extra ``plots``: spectra of kernels, training and theory, phases, exponents."""

from proofs_checks.plots.exponents import exponent_figure
from proofs_checks.plots.phases import phase_figure
from proofs_checks.plots.spectrum import spectrum_figure
from proofs_checks.plots.style import PlotsUnavailable, save_svg, svg
from proofs_checks.plots.training import training_figure

__all__ = [
    "PlotsUnavailable",
    "exponent_figure",
    "phase_figure",
    "save_svg",
    "spectrum_figure",
    "svg",
    "training_figure",
]
