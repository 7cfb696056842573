"""The trial of the two-layer tangent kernel: design, planted errors, verdicts."""

import dataclasses
import random

import jax
import numpy as np
import pytest
import sympy
from sympy import Eq, Symbol, symbols

from proofs_checks import verify
from proofs_checks.claims.kernels import two_layer_ntk as trial
from proofs_checks.engine import Remembering
from proofs_checks.insertion import value_of
from proofs_checks.judge import judge
from proofs_checks.lowering import lower
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from proofs_checks.two_layer_formulas import (
    COUNT,
    DUAL,
    MOVED,
    RATE,
    REGRESSION,
    START,
    STEP,
    TARGET,
    require_narrow,
    tempered,
    variance_law,
)
from proofs_checks.two_layer_networks import KernelAtInitialization, MomentsOfOneUnit
from proofs_checks.two_layer_training import WidthExponents, _drift
from theory import balls
from theory.errors import InputError
from theory.gaussian import pair_expectation, read
from theory.gaussian.evaluation import expected_value, quadrature
from theory.gaussian.expectation import A, B, C
from theory.gaussian.rows import Independence, Mean
from theory.grammar import parse
from theory.kernels.two_layer_ntk import derivation
from theory.proving.outcome import Answer

Z = Symbol("z", real=True)
THEOREM = "kernels.two_layer_ntk"


def activation(text):
    return parse(text, symbols=("z",))


def certificate(claim, seed=1, engine=None):
    with open_store(None) as store:
        return judge(claim, theorem=THEOREM, store=store, seed=seed, engine=engine)


def claim_named(name, text):
    return next(c for c in trial.claims(Profile("quick"), activation(text)) if c.name == name)


def form_named(claim, name):
    return next(form for form in claim.closed_forms if form.name == name)


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
    for name in ("mean at initialization", "variance at initialization", "moments of one unit"):
        assert certificate(claims[name]).verdict.outcome == "supported"
    for name in ("wrong fan-in scaling", "variance with a wrong fourth moment"):
        assert certificate(claims[name]).verdict.outcome == "refuted"


@pytest.mark.parametrize(
    "name", ["mean at initialization", "variance at initialization", "moments of one unit"]
)
def test_a_planted_error_of_five_percent_is_refuted_in_every_entry(name):
    claim, engine = claim_named(name, "abs(z)"), Remembering()
    points = claim.grid
    for place in range(points[0].components):
        wrong = tuple(
            dataclasses.replace(
                point,
                predicted=tuple(
                    value * (1.05 if index == place else 1) for index, value in enumerate(point.predicted)
                ),
            )
            for point in points
        )
        planted = dataclasses.replace(claim, grid=wrong)
        assert certificate(planted, engine=engine).verdict.outcome == "refuted"


@pytest.mark.parametrize(
    "text", ["max(z, 0)", "erf(z)", "gelu(z)", "sin(z)", "z**2", "abs(z)", "max(z, z/9)"]
)
def test_no_entry_is_resolved_more_coarsely_than_four_and_a_half_percent(text):
    for claim in trial.claims(Profile("quick"), activation(text))[:2]:
        for point in claim.grid:
            shares = np.asarray(point.resolution) / np.abs(point.predicted)
            assert max(shares) <= 0.045


def test_profiles_with_more_seeds_resolve_more_finely():
    quick, thorough = (trial.claims(Profile(name))[0] for name in ("quick", "thorough"))
    ratio = np.divide(quick.grid[0].resolution, thorough.grid[0].resolution)
    assert ratio == pytest.approx(np.sqrt(thorough.seeds / quick.seeds))


def test_the_grid_is_generic():
    products = [trial.inner_products(x, y) for x in trial.POINTS for y in trial.POINTS]
    norms = {point[A] for point in products}
    assert len(norms) == len(trial.POINTS)
    pairs = [trial.inner_products(trial.POINTS[i], trial.POINTS[j]) for i, j in trial.PAIRS + trial.FAR]
    assert {sympy.sign(point[C]) for point in pairs} == {1, -1}
    assert all(point[C] ** 2 < point[A] * point[B] for point in pairs)


@pytest.mark.parametrize("text", ["max(z, 0)", "erf(z)", "abs(z)", "exp(z/2)"])
def test_closed_forms_restated_predict_what_quadrature_finds(text):
    f = activation(text)
    slope = (
        sympy.diff(f, Z)
        if text in ("erf(z)", "exp(z/2)")
        else f.replace(sympy.Max, lambda *_: sympy.Heaviside(Z))
    )
    slope = sympy.sign(Z) if text == "abs(z)" else slope
    claim = claim_named("mean at initialization", text)
    form = form_named(claim, "limiting kernel")
    (point,) = form.restate(form.expression).grid
    assert point == claim.grid[0]
    for (i, j), predicted in zip(trial.mean_pairs(f), point.predicted, strict=True):
        if i != j:
            at = trial.inner_products(trial.POINTS[i], trial.POINTS[j])
            first, second = (quadrature(read(h, Z), read(h, Z), *at.values()) for h in (f, slope))
            assert predicted == pytest.approx(first + float(at[C]) * second, rel=1e-9)


def test_restated_claims_differ_in_nothing_but_the_prediction():
    for claim in trial.claims(Profile("quick")):
        for form in claim.closed_forms:
            other = form.restate(form.expression + sympy.Rational(1, 7))
            assert (other.name, other.seeds, other.comparator) == (claim.name, claim.seeds, claim.comparator)
            for before, after in zip(claim.grid, other.grid, strict=True):
                assert before.parameters == after.parameters
                assert (before.margin, before.resolution) == (after.margin, after.resolution)


def test_closed_forms_without_the_inner_product_are_refuted():
    engine = Remembering()
    mean, variance = (claim_named(f"{name} at initialization", "erf(z)") for name in ("mean", "variance"))
    kernel, law = (claim.closed_forms[0] for claim in (mean, variance))
    without = trial.tangent(activation("erf(z)")) - C * sympy.Rational(1, 2)
    assert certificate(kernel.restate(without), engine=engine).verdict.outcome == "refuted"
    mixed = Symbol("E_SD", real=True)
    assert law.expression.coeff(mixed) == 2 * C
    dropped = law.restate(law.expression.subs(mixed, 0))
    assert certificate(dropped, engine=engine).verdict.outcome == "refuted"


def test_a_formula_without_real_values_is_refused():
    for wrong in (sympy.log(C), 1 / (A - A), sympy.sqrt(-A), sympy.oo, sympy.acos(1 + A)):
        with pytest.raises(InputError):
            value_of(wrong, {A: sympy.Rational(1, 2), B: sympy.Rational(1, 3), C: sympy.Rational(-1, 4)})
    form = form_named(claim_named("mean at initialization", "max(z, 0)"), "limiting kernel")
    with pytest.raises(InputError):
        form.restate(sympy.sqrt(C))
    assert value_of(sympy.sqrt(A) * A ** sympy.Rational(3, 2), {A: sympy.Rational(1, 3)}) == sympy.Rational(
        1, 9
    )


@pytest.mark.parametrize("text", ["max(z, 0)", "exp(z**2/10)"])
def test_samplers_keep_to_the_hypotheses(text):
    for claim in trial.claims(Profile("quick"), activation(text)):
        for form in claim.closed_forms:
            for sampler in form.regimes.values():
                values = sampler(random.Random(3))
                assert form.expression.free_symbols <= set(values)
                assert np.isfinite(float(value_of(form.expression, values)))
                if {A, B, C} <= set(values):
                    assert values[C] ** 2 < values[A] * values[B]


def test_long_inputs_only_where_the_activation_has_moments():
    for text, found in (
        ("sin(z)", True),
        ("z**3*exp(-z**2)", True),
        ("exp(z)", False),
        ("exp(z**2/10)", False),
    ):
        assert tempered(activation(text)) == found
    assert trial.mean_pairs(activation("exp(z)")) == trial.PAIRS + trial.EQUAL


def test_a_constant_moment_is_not_measured():
    """The slope of abs is a sign, so that D^2 = 1."""
    forms = claim_named("moments of one unit", "abs(z)").closed_forms
    assert [form.name for form in forms] == ["E_SS", "E_SD"]


def test_training_follows_kernel_regression_and_mean_field_does_not():
    claims = {claim.name: claim for claim in trial.claims(Profile("quick"), activation("erf(z)"))}
    assert certificate(claims["training is kernel regression"]).verdict.outcome == "supported"
    assert certificate(claims["mean-field parametrization"]).verdict.outcome == "refuted"


def test_experiment_against_a_direct_sum_over_units():
    """The same statistic from its definition, in NumPy, on the same draws."""
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


def test_moments_against_a_direct_sum_over_units():
    inputs, key = ((0.6, 0.5), (0.2, -0.7)), jax.random.key(4)
    measured = MomentsOfOneUnit(activation("z**2"))(
        key, inputs=inputs, entries=(((2, 0), (0, 1)), ((1, 1), (0, 1))), units=6
    )
    u, v = np.asarray(inputs) @ np.asarray(jax.random.normal(key, (12,))).reshape(6, 2).T
    assert np.asarray(measured) == pytest.approx([np.mean(u**4 * v**4), np.mean(4 * u**3 * v**3)])


def test_mean_drift_is_taken_over_pairs_of_different_networks():
    before, after = np.random.default_rng(5).normal(size=(2, 4, 3, 3))
    after += 2 * before + 5
    moved = after - before
    pairs = [np.sum(moved[i] * moved[j]) for i in range(4) for j in range(4) if i != j]
    size = np.linalg.norm(before.mean(axis=0))
    mean, single = (float(_drift(before, after, drift)) for drift in ("mean", "root_mean_square"))
    assert mean == pytest.approx(np.sqrt(np.mean(pairs)) / size)
    assert single == pytest.approx(np.sqrt(np.mean(np.sum(moved**2, axis=(1, 2)))) / size)


def test_distance_to_kernel_regression_by_a_matrix_power():
    generator = np.random.default_rng(6)
    root, first, last = (generator.normal(size=shape) for shape in ((3, 3), (5, 2, 3), (5, 2, 3)))
    targets, kernel = np.array([0.5, -1.0, 0.2]), root @ root.T
    setting = {"targets": targets, "step_size": 0.05, "steps": 7}
    experiment = WidthExponents(activation("erf(z)"), REGRESSION)
    power = np.linalg.matrix_power(np.eye(3) - 0.05 * kernel, 7)
    regression = first + (targets - first) @ (np.eye(3) - power)
    expected = np.log(np.linalg.norm(last - regression, axis=-1)).mean(axis=-1)
    with jax.enable_x64(True):
        assert experiment._distance(first, last, kernel, setting) == pytest.approx(expected, rel=1e-9)


def test_kernel_regression_is_what_gradient_descent_on_one_weight_gives():
    start, target, rate, step = 0.3, -0.8, 0.7, 0.2
    output = start
    for _ in range(9):
        output += step * rate * (target - output)
    formula = lower(REGRESSION, (START, TARGET, RATE, STEP, COUNT))
    with jax.enable_x64(True):
        assert float(formula(start, target, rate, step, 9.0)) == pytest.approx(output, rel=1e-12)


def test_variance_against_the_law_in_simulation_free_form():
    """Var Z of one unit by quadrature over (u, v), against the sum of three expectations."""
    f, step = activation("max(z, 0)"), activation("heaviside(z)")
    i, j = trial.PAIRS[0]
    a, b, c = trial.inner_products(trial.POINTS[i], trial.POINTS[j]).values()
    square, mixed, slopes, mean = (
        quadrature(read(g, Z), read(g, Z), a, b, c) for g in (f**2, f * step, step, f)
    )
    theta = mean + float(c) * slopes
    law = square + 2 * float(c) * mixed + 3 * float(c) ** 2 * slopes - theta**2
    assert trial.variances(f, variance_law(f, 3))[0] == pytest.approx(law, rel=1e-9)


def test_certified_and_plain_quadrature_agree_outside_the_class():
    f = activation("gelu(z)") ** 2
    a, b, c = trial.inner_products(*trial.POINTS[:2]).values()
    plain = quadrature(read(f, Z), read(f, Z), a, b, c)
    assert expected_value(pair_expectation(f, f, Z), a, b, c) == pytest.approx(plain, abs=2e-7)


needs_balls = pytest.mark.skipif(not balls.available(), reason="certified values need python-flint")


def gauss_hermite(f, point):
    """E[f(u) f(v)] with 120 nodes in each of two independent normal variables; v = (c/a) u if c^2 = a b."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    a, b, c = (float(point[symbol]) for symbol in (A, B, C))
    u = np.sqrt(a) * nodes[:, None]
    v = c / a * u + np.sqrt(max(b - c**2 / a, 0.0)) * nodes
    return float(weights @ (f(u) * f(v)) @ weights / weights.sum() ** 2)


def tanh_slope(x):
    return 1 - np.tanh(x) ** 2


@needs_balls
def test_certified_predictions_are_what_gauss_and_hermite_find():
    f, slope, text = np.tanh, tanh_slope, "tanh(z)"
    (mean,) = claim_named("mean at initialization", text).grid
    points = [trial.inner_products(trial.POINTS[i], trial.POINTS[j]) for i, j in mean.parameters["pairs"]]
    kernel = [gauss_hermite(f, p) + float(p[C]) * gauss_hermite(slope, p) for p in points]
    assert mean.predicted == pytest.approx(kernel, rel=1e-7)
    (moments,) = claim_named("moments of one unit", text).grid
    entries = [
        gauss_hermite(lambda x, p=p, q=q: f(x) ** p * slope(x) ** q, points[trial.PAIRS.index(pair)])
        for (p, q), pair in moments.parameters["entries"]
    ]
    assert moments.predicted == pytest.approx(entries, rel=1e-7)
    (square, mixed, slopes), pairs = np.reshape(entries, (3, -1)), len(trial.PAIRS)
    c = np.array([float(point[C]) for point in points[:pairs]])
    law = square + 2 * c * mixed + 3 * c**2 * slopes - np.square(kernel[:pairs])
    assert claim_named("variance at initialization", text).grid[0].predicted == pytest.approx(law, rel=1e-6)


@needs_balls
def test_tanh_is_judged_as_expected():
    report = verify(THEOREM, activation="tanh(z)", profile="quick", seed=2)
    report.raise_if_unexpected()
    assert sorted(claim.verdict for claim in report.claims) == ["refuted"] * 3 + ["supported"] * 4


@needs_balls
def test_errors_of_the_kernel_law_displace_every_prediction_of_tanh():
    """By more than the resolution, so that the judge can refute them."""
    claim = claim_named("mean at initialization", "tanh(z)")
    (form,), (point,) = claim.closed_forms, claim.grid
    assert form.expression == DUAL + C * MOVED
    assert form.restate(form.expression).grid == claim.grid
    for wrong in (DUAL, C * MOVED, DUAL - C * MOVED, DUAL + MOVED):
        moved = np.abs(np.subtract(form.restate(wrong).grid[0].predicted, point.predicted))
        assert np.all(moved > np.asarray(point.resolution))


def test_wide_certified_values_are_refused():
    require_narrow((1e-5, 0.0), (0.02, 0.03))
    for radius in (1e-3, float("nan")):
        with pytest.raises(InputError, match="not small beside the resolution"):
            require_narrow((radius,), (0.02,))
