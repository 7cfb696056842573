import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from proofs_checks.plots import (
    PlotsUnavailable,
    exponent_figure,
    phase_figure,
    save_svg,
    spectrum_figure,
    svg,
    training_figure,
)
from theory.errors import InputError

TIMES = np.linspace(0, 4, 9)
WIDTHS = np.array([64.0, 256.0, 1024.0])


def drawings():
    decay = np.exp(-TIMES)
    yield lambda: spectrum_figure({"NNGP": np.eye(3), "NTK": np.ones((3, 3))}, {"NTK": [1.0, 0.0]})
    yield lambda: training_figure(
        TIMES,
        {"width 64": decay},
        decay,
        outputs={"width 64": decay},
        predicted_output=decay,
        deviation=decay,
    )
    yield lambda: exponent_figure(WIDTHS, {"tanh": (1 / WIDTHS, 0.1 / WIDTHS)}, {"tanh": -1.0})
    yield lambda: phase_figure("tanh(z)", points=9)


@pytest.mark.parametrize("draw", list(drawings()))
def test_a_drawing_is_the_same_bytes_on_repetition(draw):
    figure = draw()
    first = svg(figure)
    assert ElementTree.fromstring(first).tag.endswith("svg")
    assert first == svg(figure) == svg(draw())
    assert "matplotlib.pyplot" not in sys.modules


def test_spectrum_draws_the_eigenvalues_and_leaves_out_rounding():
    vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    kernel = vectors @ np.diag([8.0, 4.0, 1.0, 0.0]) @ vectors.T
    (axes,) = spectrum_figure({"NTK": kernel}, {"NTK": [0.25, 2.0, 1.0]}).axes
    drawn = [line.get_ydata() for line in axes.lines]
    np.testing.assert_allclose(drawn[0], [2.0, 1.0, 0.25], rtol=1e-12)
    np.testing.assert_allclose(drawn[1], [2.0, 1.0, 0.25])


def test_phases_without_a_finite_variance_are_drawn_too():
    figure = phase_figure("max(z, 0)", weight_variances=(2.5, 3.0), points=5)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[0] == "variance unbounded"
    assert not any("chi" in name for name in names)


def test_lines_of_exponents_have_the_slope_of_theory():
    (axes,) = exponent_figure(WIDTHS, {"drift": (5 * WIDTHS**-0.5, 0 * WIDTHS)}, {"drift": -0.5}).axes
    line = axes.lines[0].get_ydata()
    np.testing.assert_allclose(line, 5 * WIDTHS**-0.5, rtol=1e-12)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: spectrum_figure({}), "no kernel matrix"),
        (lambda: spectrum_figure({"NTK": np.ones((2, 3))}), "square"),
        (lambda: spectrum_figure({"NTK": [[1.0, 2.0], [0.0, 1.0]]}), "not symmetric"),
        (lambda: spectrum_figure({"NTK": [[np.nan]]}), "not finite"),
        (lambda: training_figure(TIMES, {"a": TIMES[:3]}, TIMES), "9 values"),
        (lambda: training_figure(TIMES, {"a": TIMES}, TIMES, outputs={"a": TIMES}), "predicted_output"),
        (lambda: exponent_figure(WIDTHS, {"a": (-WIDTHS, WIDTHS)}), "mean > 0"),
        (lambda: phase_figure("tanh(y)"), "y"),
        (lambda: phase_figure("tanh(z)", weight_variances=(0.0, 1.0)), "weight_variances"),
        (lambda: phase_figure("tanh(z)", bias_variances=(1.0, 0.5)), "bias_variances"),
    ],
)
def test_input_that_cannot_be_drawn(draw, message):
    with pytest.raises(InputError, match=message):
        draw()


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(PlotsUnavailable, match=r'pip install "provenet\[plots\]"'):
        spectrum_figure({"NTK": np.eye(2)})


def test_a_saved_figure_is_whole(tmp_path):
    figure = spectrum_figure({"NTK": np.eye(2)})
    save_svg(figure, tmp_path / "spectrum.svg")
    assert (tmp_path / "spectrum.svg").read_bytes() == svg(figure)
    with pytest.raises(InputError):
        save_svg(figure, tmp_path / "nowhere" / "spectrum.svg")
