"""Training dynamics: matrix rows and their false neighbors, formulas by other routes, verdicts."""

from random import Random

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm
from sympy import Identity, Rational

from numerics.ensembles import map_seeds, seed_keys
from numerics.gaussian_process import KernelMatrices, predict
from proofs_checks import verify
from proofs_checks.claims.kernels import training_dynamics as trial
from proofs_checks.linearized_training.formulas import COUNT, GAIN, RATE, STEP, law
from proofs_checks.linearized_training.networks import Distances, Run, Runs, regression
from proofs_checks.profile import Profile
from theory.derivation import Row, check
from theory.errors import InputError
from theory.grammar import parse
from theory.kernels.training_dynamics import derivation
from theory.linearized_training import rows as w
from theory.proving import Status
from theory.proving.matrix_words import MatrixWords
from theory.proving.words.evaluation import holds_at

SETTING = trial.Setting(trial.RELU, 2, Rational(1), Rational(0))


def activation(text):
    return parse(text, symbols=("z",))


@pytest.mark.parametrize("text", ["max(z, 0)", "erf(z)", "tanh(z)"])
def test_it_is_derived(text):
    assert derivation(activation(text), 2, Rational(2), Rational(1, 4)).status == "derived"


@pytest.mark.parametrize(
    "wrong",
    [
        w.equation(w.F_next, w.f_0 + (Identity(w.N) - w.P) * (w.y - w.f_0)),
        w.equation(w.F_next, w.f_0 + (Identity(w.N) + w.P_next) * (w.y - w.f_0)),
        w.equation(w.F_next, w.f_0 + (Identity(w.N) - w.P_next) * w.y),
    ],
)
def test_a_wrong_step_stays_open(wrong):
    method = MatrixWords(w.instance, (w.POWER, w.COMMUTES, w.HYPOTHESES[0], w.DYNAMICS[0]), (w.K,))
    assert check(Row(wrong, "wrong", method)).status is Status.OPEN


def test_without_commuting_the_prediction_stays_open():
    rules = (w.POWER, *w.HYPOTHESES, w.DYNAMICS[1])
    assert check(Row(w.PREDICTED, "", MatrixWords(w.instance, rules, (w.K,)))).status is Status.OPEN


def test_a_wrong_covariance_stays_open():
    wrong = w.equation(w.S, w.C_TT + w.A * w.C_XX * w.A.T - w.A * w.C_TX.T)
    method = MatrixWords(w.instance, (w.LAW,), (w.C_XX, w.C_TT))
    assert check(Row(wrong, "wrong", method)).status is Status.OPEN


def test_instances_satisfy_every_rule():
    rules = (*w.KERNELS, w.MOVE, w.POWER, w.COMMUTES, *w.HYPOTHESES, *w.DYNAMICS, w.LAW)
    for seed in range(5):
        instance = w.instance(Random(seed))
        assert all(holds_at(rule, instance) for rule in rules)


def test_the_law_against_the_instrument_for_predictions():
    process, tangent = trial.limits(SETTING)
    count, step = len(trial.TARGETS), trial.step_size(SETTING)
    found = trial.prediction(SETTING)
    blocks = [
        KernelMatrices(*map(jnp.asarray, (m[:count, :count], m[count:, :count], m[count:, count:])))
        for m in (process, tangent)
    ]
    expected = predict(
        jnp.asarray(trial.TARGETS), nngp=blocks[0], ntk=blocks[1], time=float(trial.STEPS), steps_of=step
    )
    assert found.mean == pytest.approx(np.asarray(expected.mean), abs=1e-12)
    assert found.variance == pytest.approx(np.diagonal(expected.covariance), abs=1e-12)


def test_the_gain_tends_to_the_flow_for_small_steps():
    kernel = trial.limits(SETTING).tangent
    count, steps = len(trial.TARGETS), 4096
    flow = (
        kernel[count:, :count]
        @ np.linalg.inv(kernel[:count, :count])
        @ (np.eye(count) - expm(-kernel[:count, :count] * 2.0))
    )
    found = law(GAIN, kernel, kernel, trial.TARGETS, 2.0 / steps, steps)
    assert found.gain == pytest.approx(flow, rel=2e-3)


def test_regression_of_one_network_by_iteration():
    setting = SETTING.parameters((8,), (2,))
    (run,) = map_seeds(lambda key: Runs(trial.RELU)(key, **setting), seed_keys(5, count=1))
    kernel, targets, step = run.kernel[0, 1], np.asarray(trial.TARGETS), setting["step_size"]
    values = run.first[0, 1]
    for _ in range(trial.STEPS):
        values = values + step * kernel @ (targets - values[: len(targets)])
    found = regression(GAIN, run, targets, step, trial.STEPS, run.kernel)
    assert found[0, 1] == pytest.approx(values, rel=1e-12)


def test_the_mean_distance_is_estimated_by_pairs():
    moved = np.asarray([[[3.0, 0, 0, 0, 0, 1], [2.0, 5, 0, 0, 0, 4]]])  # one block, two networks: <a, b> = 10
    runs = Run(np.zeros_like(moved), moved, np.tile(np.eye(6, 4), (1, 2, 1, 1)))
    setting = {"targets": np.zeros(4), "step_size": 0.1, "steps": 3}
    found = {
        name: Distances(trial.RELU, GAIN)._logarithm(runs, setting, name) for name in ("mean", "typical")
    }
    assert found["mean"] == pytest.approx([np.log(10) / 2])
    assert found["typical"] == pytest.approx([np.log(10 * 45) / 4])


def test_a_formula_without_values_is_refused():
    claim = next(one for one in trial.claims(Profile("quick")) if one.name == "linearized network")
    (form,) = claim.closed_forms
    with pytest.raises(InputError, match="no finite real number"):
        form.restate(1 / (RATE - RATE))


def test_the_closed_form_restated_predicts_the_same():
    claim = next(one for one in trial.claims(Profile("quick")) if one.name.startswith("ensemble"))
    (form,) = claim.closed_forms
    assert form.restate(GAIN).grid == claim.grid
    other = form.restate((1 - (1 - STEP * RATE) ** (COUNT - 1)) / RATE)
    assert other.grid[0].predicted[0] != pytest.approx(claim.grid[0].predicted[0], rel=1e-3)


def test_it_is_judged_as_expected():
    verify("kernels.training_dynamics", profile="quick", seed=1).raise_if_unexpected()


def test_one_layer_without_closed_form_with_biases_is_judged_as_expected():
    verify(
        "kernels.training_dynamics",
        activation="tanh(z)",
        depth=1,
        weight_variance=2,
        bias_variance="1/4",
        profile="quick",
        seed=1,
    ).raise_if_unexpected()
