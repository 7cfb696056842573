"""The trial of the two-layer tangent kernel: design, planted errors, verdicts."""

import dataclasses

import numpy as np
import pytest
from sympy import Eq, Symbol, symbols

from proofs_checks.claims.kernels import two_layer_ntk as trial
from proofs_checks.commands.kernel import run
from proofs_checks.judge import judge
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from proofs_checks.two_layer_networks import KernelAtInitialization
from theory.errors import InputError
from theory.gaussian import pair_expectation, read
from theory.gaussian.evaluation import expected_value, quadrature
from theory.gaussian.rows import Independence, Mean
from theory.grammar import parse
from theory.kernels.two_layer_ntk import derivation
from theory.proving.outcome import Answer

Z = Symbol("z", real=True)
THEOREM = "kernels.two_layer_ntk"


def activation(text):
    return parse(text, symbols=("z",))


def certificate(claim, seed=1):
    with open_store(None) as store:
        return judge(claim, theorem=THEOREM, store=store, seed=seed)


@pytest.mark.parametrize("text", ["max(z, 0)", "sin(z)"])
def test_the_derivation_shows_its_conclusion(text):
    found = derivation(activation(text))
    assert found.concludes
    assert found.status == "derived"


def test_means_over_independent_groups():
    s, t, w, k = symbols("s t w k", real=True)
    rule = Independence(((s, t), (w,)))
    assert rule.discharge(
        Eq(Mean((s + k * w) ** 2), Mean(s**2) + 2 * k * Mean(s) * Mean(w)), None
    ).answer is (Answer.NO)
    split = Mean(s**2) + 2 * k * Mean(s) * Mean(w) + k**2 * Mean(w**2)
    assert rule.discharge(Eq(Mean((s + k * w) ** 2), split), None).answer is Answer.YES
    assert rule.discharge(Eq(Mean(s * t), Mean(s) * Mean(t)), None).answer is Answer.NO


@pytest.mark.parametrize("text", ["max(z, 0)", "gelu(z)"])
def test_mean_variance_and_their_controls(text):
    claims = {claim.name: claim for claim in trial.claims(Profile("quick"), activation(text))}
    for name in ("mean at initialization", "variance at initialization"):
        assert certificate(claims[name]).verdict.outcome == "supported"
    for name in ("wrong fan-in scaling", "variance with a wrong fourth moment"):
        assert certificate(claims[name]).verdict.outcome == "refuted"


@pytest.mark.parametrize("name", ["mean at initialization", "variance at initialization"])
def test_a_planted_error_of_five_percent_is_refuted(name):
    claim = next(c for c in trial.claims(Profile("quick"), activation("abs(z)")) if c.name == name)
    point = claim.grid[0]
    wrong = dataclasses.replace(
        point,
        predicted=tuple(1.05 * value for value in point.predicted),
        resolution=tuple(0.045 * abs(value) for value in point.predicted),
    )
    assert (
        certificate(dataclasses.replace(claim, grid=(wrong,), seeds=4 * claim.seeds)).verdict.outcome
        == "refuted"
    )


def test_training_follows_kernel_regression_and_mean_field_does_not():
    claims = {claim.name: claim for claim in trial.claims(Profile("quick"), activation("erf(z)"))}
    assert certificate(claims["training is kernel regression"]).verdict.outcome == "supported"
    assert certificate(claims["mean-field parametrization"]).verdict.outcome == "refuted"


def test_experiment_against_a_direct_sum_over_units():
    """The same statistic from its definition, in NumPy, on the same draws."""
    import jax

    inputs, pairs = ((0.6, 0.5), (0.2, -0.7)), ((0, 1),)
    key = jax.random.key(3)
    experiment = KernelAtInitialization(activation("max(z, 0)"))
    measured = experiment(
        key, inputs=inputs, pairs=pairs, centers=(0.1,), width=5, networks=2, statistic="mean"
    )
    draws = np.asarray(jax.random.normal(key, (30,))).reshape(2, 5, 3)
    x, y = np.asarray(inputs)
    u, v, readout = draws[..., :2] @ x, draws[..., :2] @ y, draws[..., 2]
    units = np.maximum(u, 0) * np.maximum(v, 0) + readout**2 * (u > 0) * (v > 0) * (x @ y)
    assert float(measured[0]) == pytest.approx(units.mean(), rel=1e-12)


def test_variance_against_the_law_in_simulation_free_form():
    """Var Z of one unit by quadrature over (u, v), against the sum of three expectations."""
    f = activation("max(z, 0)")
    (i, j), *_ = trial.PAIRS
    a, b, c = trial._inner(i, i), trial._inner(j, j), trial._inner(i, j)
    powers = [quadrature(read(g, Z), read(g, Z), a, b, c) for g in (f**2, f * activation("heaviside(z)"))]
    step = quadrature(read(activation("heaviside(z)"), Z), read(activation("heaviside(z)"), Z), a, b, c)
    theta = quadrature(read(f, Z), read(f, Z), a, b, c) + float(c) * step
    law = powers[0] + 2 * float(c) * powers[1] + 3 * float(c) ** 2 * step - theta**2
    assert trial.variances(f, 3)[0] == pytest.approx(law, rel=1e-9)


def test_certified_and_plain_quadrature_agree_outside_the_class():
    f = activation("gelu(z)") ** 2
    a, b, c = trial._inner(0, 0), trial._inner(1, 1), trial._inner(0, 1)
    plain = quadrature(read(f, Z), read(f, Z), a, b, c)
    assert expected_value(pair_expectation(f, f, Z), a, b, c) == pytest.approx(plain, abs=2e-7)


def test_kernel_command():
    result = run("max(z, 0)", at="1,1,1/2", digits=25)
    values = dict(result.values)
    # pi/3 between the inputs: (sqrt(3)/2 + (2 pi/3)/2)/(2 pi)
    assert values["E[s(u) s(v)]"].startswith("[0.30449889")
    assert "certified at a = 1" in result.text()
    assert result.latex().startswith("\\begin{align*}")
    assert result.to_dict()["at"] == ["1", "1", "1/2"]
    assert run("sign(z)").tangent is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("max(z, 0)", "1,1,2"), "not positive definite \\(smallest eigenvalue -1\\)"),
        (("max(z, 0)", "1,1"), "give A,B,C"),
        (("max(z, 0)", "0,1,0"), "not positive definite"),
        (("z*w",), "unknown name w"),
        (("exp(z**2/6)", "4,4,1/2"), "expectation is infinite"),
        (("max(z, 0)", "1,1,0", 0), "give a number from 1 to 1000"),
        (("1/z",), "not a positive integer"),
    ],
)
def test_kernel_command_refuses(arguments, message):
    with pytest.raises(InputError, match=message):
        run(*arguments)
