"""``dynamics``: every kind of prediction by another route, plateaus, the command, and bad input."""

import json

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from typer.testing import CliRunner

from proofs_checks import dynamics
from proofs_checks.cli import app
from proofs_checks.linear_dynamics.modes import mode_curve, rise_time
from theory.errors import InputError

RANDOM = np.random.default_rng(0)
FRAME = np.linalg.qr(RANDOM.normal(size=(20, 4)))[0]
TURN = np.linalg.qr(RANDOM.normal(size=(4, 4)))[0]
OUT = np.linalg.qr(RANDOM.normal(size=(3, 3)))[0]
RATES, VARIANCES = np.array([4.0, 2.0, 1.0]), np.array([1.5, 0.8, 0.6, 1.1])
NOISE = 0.1 * RANDOM.normal(size=(20, 3))
NOISE -= FRAME @ (FRAME.T @ NOISE)


def commuting(variances):
    """X^T X = V diag(variances) V^T and Y^T X = U diag(RATES) V^T."""
    x = FRAME * np.sqrt(variances) @ TURN.T
    explained = (FRAME / np.sqrt(variances))[:, :3] * RATES @ OUT.T
    return x, explained + NOISE


WHITE, COLORED = commuting(np.ones(4)), commuting(VARIANCES)
GENERIC = RANDOM.normal(size=(20, 4)), RANDOM.normal(size=(20, 3))


@pytest.mark.parametrize(
    ("data", "widths", "options", "method", "allowed"),
    [
        # Balanced and aligned: exact, so what is left is the error of the integrated flow. Random: |D| t.
        (WHITE, (4, 3, 3), {"initialization": "balanced"}, "riccati", 1e-7),
        (WHITE, (4, 3, 3), {"initialization": "aligned"}, "riccati", 1e-7),
        (WHITE, (4, 3, 3), {}, "riccati", 1e-4),
        (COLORED, (4, 3, 3), {"initialization": "aligned"}, "modes", 1e-7),
        (COLORED, (4, 3, 3), {}, "modes", 1e-2),
        (COLORED, (4, 3, 3, 3), {"initialization": "aligned", "scale": 0.2}, "modes", 1e-7),
        (GENERIC, (4, 3, 3), {}, "integrated", 0.0),
        (WHITE, (4, 3, 3, 3), {"scale": 0.3}, "integrated", 0.0),
        (GENERIC, (4, 3, 3), {"whiten": True, "initialization": "balanced"}, "riccati", 1e-7),
    ],
)
def test_prediction_vs_integrated_flow(data, widths, options, method, allowed):
    found = dynamics(data, widths, **{"scale": 1e-3, "steps": 1500, **options})
    assert found.method == method
    assert found.prediction_error <= allowed
    # Something was learned, else the comparison would say nothing.
    assert found.flow[-1] < 0.9 * found.flow[0]


def test_the_distance_of_descent_is_of_first_order_in_the_step():
    coarse = dynamics(GENERIC, (4, 3, 3), 0.5, 1500, initialization="balanced")
    step = coarse.step_size
    fine = dynamics(GENERIC, (4, 3, 3), 0.5, 1500, initialization="balanced", step_size=step / 4)
    # Both have passed the fastest part, where the distance is largest.
    assert coarse.discretization_error / fine.discretization_error == pytest.approx(4, rel=0.1)


def test_levels_are_those_of_truncated_least_squares():
    x, y = GENERIC
    fit = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    left, values, right = np.linalg.svd(fit, full_matrices=False)
    expected = [np.sum((y - left[:, :r] * values[:r] @ right[:r]) ** 2) / 2 for r in range(4)]
    found = [plateau.loss for plateau in dynamics(GENERIC, (4, 3, 3), 1e-3, 1500).plateaus]
    assert found == pytest.approx(expected, rel=1e-12)


def test_half_times_of_descent_are_predicted_better_than_those_of_the_flow():
    found = dynamics(WHITE, (4, 3, 3), 1e-5, 3000, initialization="aligned")
    for plateau in found.plateaus[:-1]:
        flow = abs(plateau.half_time - plateau.half_time_trained)
        assert abs(plateau.half_time_discrete - plateau.half_time_trained) < flow / 3
    # ln(s / u_0 - 1) / (2 s) with u_0 = scale^2, and earlier since (1 - u / s)^2 is 1/2 at 1 - 2^(-1/2); the
    # other modes hardly move. Records lie 15 steps apart.
    share = 1 - 2**-0.5
    first = (np.log(RATES[0] * 1e10 - 1) + np.log(share / (1 - share))) / (2 * RATES[0]) / found.step_size
    assert found.plateaus[0].half_time == pytest.approx(first, abs=15)


def test_plateaus_that_are_not_left_have_no_half_time():
    plateaus = dynamics(WHITE, (4, 3, 3), 1e-30, 1500).plateaus
    assert all(plateau.half_time is plateau.half_time_trained is None for plateau in plateaus)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 7])
def test_rise_time_vs_quadrature(depth):
    low, high = np.array(0.02), np.array(1.1)

    def pace(u):
        return 1 / (depth * u ** (2 - 2 / depth) * (2.0 - 1.5 * u))

    expected = quad(pace, float(low), float(high), epsabs=1e-12, limit=200)[0]
    assert rise_time(high, depth, 2.0, 1.5) - rise_time(low, depth, 2.0, 1.5) == pytest.approx(expected)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_curve_of_a_mode_vs_an_integrator(depth):
    times = np.array([0.0, 0.5, 1.5, 6.0])
    solved = solve_ivp(
        lambda _, u: depth * u ** (2 - 2 / depth) * (2.0 - 1.5 * u),
        (0, 6),
        [0.1],
        t_eval=times,
        rtol=1e-11,
        atol=1e-13,
        method="DOP853",
    )
    np.testing.assert_allclose(mode_curve(times, depth, 2.0, 1.5, 0.1), solved.y[0], rtol=1e-8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": (5, 3, 3)}, "input width is 5"),
        ({"widths": (4, 3)}, "one hidden width or more"),
        ({"widths": (4, 400_000, 3)}, "at most 1000000"),
        ({"scale": 0}, "scale 0 is not allowed"),
        ({"scale": -1.0}, "scale -1 is not allowed"),
        ({"steps": 0}, "from 1 to 1000000"),
        ({"steps": 10**7}, "from 1 to 1000000"),
        ({"step_size": 100.0}, "diverges"),
        ({"seed": -1}, "seed must be"),
        ({"initialization": "tiny"}, "choose random, balanced, aligned"),
        ({"data": (GENERIC[0], GENERIC[1][:5])}, "rows"),
        ({"data": (GENERIC[0][:, 0], GENERIC[1])}, "two dimensions"),
        ({"data": (GENERIC[0] * np.nan, GENERIC[1])}, "NaN"),
        ({"data": (GENERIC[0] * 1j, GENERIC[1])}, "real numbers"),
        ({"data": (0 * GENERIC[0], GENERIC[1])}, "nothing to learn"),
        ({"data": (FRAME, NOISE)}, "explain nothing"),
        ({"data": GENERIC[0]}, "two matrices"),
        ({"initialization": "aligned"}, "does not commute"),
    ],
)
def test_bad_input_is_refused(change, message):
    given = {"data": GENERIC, "widths": (4, 3, 3), "scale": 1e-2, "steps": 1500, **change}
    with pytest.raises(InputError, match=message):
        dynamics(given.pop("data"), given.pop("widths"), given.pop("scale"), given.pop("steps"), **given)


def test_fewer_examples_than_inputs_and_constant_columns_are_learned():
    x = np.concatenate([GENERIC[0][:3], np.ones((3, 1)), GENERIC[0][:3, :1]], axis=1)
    found = dynamics((x, GENERIC[1][:3]), (6, 3, 3), 1e-2, 1000, whiten=True, initialization="balanced")
    # Three examples and six inputs: the fit is perfect, and the null space of X plays no part.
    assert found.plateaus[-1].loss == pytest.approx(0, abs=1e-12)
    assert found.prediction_error < 1e-7


def test_command_prints_text_and_json(tmp_path):
    np.save(tmp_path / "X.npy", WHITE[0])
    np.save(tmp_path / "Y.npy", WHITE[1])
    files = [str(tmp_path / name) for name in ("X.npy", "Y.npy")]
    arguments = ["dynamics", "--data", *files, "--widths", "4,3,3", "--scale", "1e-3", "--steps", "1500"]
    text = CliRunner().invoke(app, arguments).output
    assert "the exact matrix solution (Riccati)" in text
    assert "modes learned" in text
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    direct = dynamics(WHITE, (4, 3, 3), 1e-3, 1500)
    assert found["trained"] == pytest.approx(list(direct.trained))
    assert found["plateaus"][0]["half_time"] == pytest.approx(direct.plateaus[0].half_time)
