import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from proofs_checks.linear_dynamics.result import Dynamics, Plateau
from proofs_checks.plots import (
    PlotsUnavailable,
    dynamics_figure,
    exponent_figure,
    landscape_figure,
    phase_figure,
    phase_portrait,
    save_svg,
    spectrum_figure,
    svg,
    training_figure,
)
from theory.errors import InputError
from theory.linear_landscape.classes import Landscape, Spectrum
from theory.linear_landscape.formulas import Sizes

TIMES = np.linspace(0, 4, 9)
WIDTHS = np.array([64.0, 256.0, 1024.0])


def landscape(hidden=None, rank=3):
    spectrum = Spectrum.distinct(range(rank, 0, -1), 10)
    return Landscape(Sizes(rank, rank + 1, 2, rank), spectrum, hidden_widths=hidden)


def course():
    steps, losses = np.arange(0, 90, 10), 2.0 + np.exp(-TIMES)
    plateaus = (Plateau(0, 3.0, 20.0, 21.0, 22.0), Plateau(1, 2.0, None, None, None))
    curves = (losses + 0.01, losses, losses)
    return Dynamics(
        (2, 1, 1),
        5,
        1e-3,
        0.1,
        "random",
        0,
        True,
        steps,
        *curves,
        "modes",
        0.0,
        0.01,
        plateaus,
        TIMES[:1],
        (),
    )


def drawings():
    yield lambda: landscape_figure(landscape())
    yield lambda: landscape_figure(landscape((2, 3)), 7)
    yield lambda: dynamics_figure(course())
    yield lambda: phase_portrait([2.0, 1.0])
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


def test_landscape_has_a_dot_for_every_class_and_an_arrow_for_every_extension():
    axes = landscape_figure(landscape(), 2).axes[0]
    dots = np.concatenate([one.get_offsets() for one in axes.collections])
    expected = [(10 - sum(chosen)) / 4 for chosen in ((), (1,), (2,), (3,), (1, 2), (1, 3), (2, 3))]
    assert sorted(dots[:, 1]) == pytest.approx(sorted(expected))
    # Three from nothing to one eigenvalue, two from each of these; two more are the nested ones again.
    assert len(axes.texts) == 3 + 3 * 2 + 2
    indices = np.concatenate([one.get_array() for one in axes.collections])
    assert sorted(indices) == [0, 1, 2, 2, 3, 4, 6]


def test_squares_are_classes_that_are_not_strict_at_all_points():
    figure = landscape_figure(landscape((2, 3)))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["not strict at all points"]
    assert landscape_figure(landscape()).legends == []


def test_of_many_classes_the_ends_and_the_nested_ones_are_drawn():
    spectrum = Spectrum.distinct(range(30, 0, -1), 1000)
    figure = landscape_figure(Landscape(Sizes(30, 30, 30, 30), spectrum))
    assert figure.axes[0].get_title().endswith(f"of {2**30} classes")


def test_plateaus_and_half_times_are_those_given():
    axes = dynamics_figure(course()).axes[0]
    assert [line.get_ydata()[0] for line in axes.lines[:2]] == [3.0, 2.0]
    assert axes.lines[-1].get_xdata().tolist() == [21.0]
    np.testing.assert_allclose(axes.lines[3].get_ydata(), 2.01 + np.exp(-TIMES))


def test_paths_of_the_phase_portrait_solve_their_equation():
    (axes,) = phase_portrait([2.0, 1.0], [(0.01, 0.02)]).axes
    u, v = axes.lines[0].get_data()
    assert (u[0], v[0]) == pytest.approx((0.01, 0.02))
    assert (u[-1], v[-1]) == pytest.approx((2, 1), abs=1e-6)
    # Along the flow t = ln(u (s - u_0) / (u_0 (s - u))) / (2 s) is the same for both modes.
    middle = slice(1, 100)
    first = np.log(u[middle] * 1.99 / (0.01 * (2 - u[middle]))) / 4
    second = np.log(v[middle] * 0.98 / (0.02 * (1 - v[middle]))) / 2
    np.testing.assert_allclose(first, second, rtol=1e-6)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: landscape_figure(landscape(), 0), "0 examples"),
        (lambda: phase_portrait([1.0, 2.0]), "s_1 > s_2 > 0"),
        (lambda: phase_portrait([2.0]), "s_1 > s_2 > 0"),
        (lambda: phase_portrait([2.0, 1.0], [(0.0, 1.0)]), "a mode that is 0 stays 0"),
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
