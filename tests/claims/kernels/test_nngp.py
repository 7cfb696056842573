"""The Gaussian process of wide networks: derivation, predictions, experiments, verdicts."""

from dataclasses import replace
from math import asin, pi, sqrt

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sympy import Integer, Max, Rational, erf, exp, sign, tanh

from numerics.networks import preactivations
from proofs_checks import derive, verify
from proofs_checks.claims.kernels import nngp as trial
from proofs_checks.deep_kernels.draws import BLOCK, CHUNK, normal_rows
from proofs_checks.deep_kernels.formulas import Architecture, kernels
from proofs_checks.deep_kernels.networks import (
    ExtrapolatedKernel,
    FluctuationExponent,
    LayerRatios,
    draws_of,
    halved,
    kernel_of,
    network_of,
    normals,
    parameters_of,
)
from proofs_checks.deep_kernels.series import SERIES_MARGIN, LayerSeries, require_certified
from proofs_checks.deep_kernels.trials import EQUAL, INPUTS, PAIRS, floats
from proofs_checks.judge import judge
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory.certified_expectations.rows import CertifiedQuadrature
from theory.deep_kernels.enclosure import Recursion
from theory.deep_kernels.expectations import DeepKernel, deep_ball
from theory.deep_kernels.layers import affine_covariance, affine_variance
from theory.deep_kernels.recursion import Z
from theory.derivation import check
from theory.errors import InputError
from theory.gaussian.expectation import A, C
from theory.proving.outcome import Status

RELU = Max(Z, 0)
QUICK = Profile("quick")
BIASED = {"weight_variance": Rational(3, 2), "bias_variance": Rational(1, 10)}
X = np.asarray(floats(INPUTS))


def claim_named(name, *arguments, **parameters):
    return next(c for c in trial.claims(QUICK, *arguments, **parameters) if c.name == name)


def outcome(claim, seed=1):
    with open_store(None) as store:
        return judge(claim, theorem="kernels.nngp", store=store, seed=seed).verdict.outcome


@pytest.mark.parametrize("activation", ["max(z, 0)", "sign(z)"])
def test_the_derivation_shows_its_conclusion(activation):
    assert derive("kernels.nngp", activation=activation).status == "derived"


def test_it_is_judged_as_expected():
    verify("kernels.nngp", profile="quick", seed=1).raise_if_unexpected()


@pytest.mark.parametrize("name", ["layer by layer", "infinite width", "infinite width of other weights"])
def test_three_layers_of_erf_with_biases(name):
    claim = claim_named(name, erf(Z), depth=3, **BIASED)
    assert outcome(claim) == claim.expected


def test_the_controls_of_the_limit_are_wrong_where_no_layer_changes_the_covariance():
    """In linear networks with sigma_w = 1 a layer more or less does not show; other weights do."""
    right, wrong = (claim_named(name, Z) for name in ("infinite width", "infinite width of other weights"))
    shift = np.abs(np.subtract(wrong.grid[0].predicted, right.grid[0].predicted))
    assert np.all(shift > 5 * np.asarray(right.grid[0].resolution))


def test_the_recursion_in_plain_numbers():
    """Williams (1998), equation 11: E[erf erf] = 2/pi asin(2c/sqrt((1 + 2a)(1 + 2b)))."""
    weight, bias = 1.5, 0.1
    covariance = bias + weight * X @ X.T / 3
    for _ in range(3):
        root = np.sqrt(1 + 2 * np.diagonal(covariance))
        covariance = bias + weight * 2 / pi * np.vectorize(asin)(2 * covariance / np.outer(root, root))
    network = Architecture(3, 5, *BIASED.values())
    for pair in PAIRS:
        found = kernels(trial.maps_of(erf(Z), network), INPUTS, pair, network)
        assert float(found.mixed) == pytest.approx(covariance[pair], rel=1e-13)


def test_draws_have_the_scales_of_the_network():
    """The covariance of the outputs given the hidden layers, from the definition."""
    network = network_of(erf(Z), (3, 4, 5, 1), 1.5, 0.1, "standard")
    flat = np.random.default_rng(2).normal(size=draws_of(1, network.widths, biases=True))
    (draws,) = normals(jnp.asarray(flat), 1, network.widths, biases=True)
    one = jax.tree.map(lambda part: part[0], draws)
    (first, second, _) = parameters_of(network, one)
    assert np.asarray(first.weight) == pytest.approx(np.sqrt(1.5 / 3) * np.asarray(one[0].weight))
    assert np.asarray(second.bias) == pytest.approx(np.sqrt(0.1) * np.asarray(one[1].bias))
    hidden = np.stack([preactivations(network, parameters_of(network, one), jnp.asarray(x))[1] for x in X])
    signals = np.vectorize(lambda z: float(erf(z)))(hidden)
    expected = 0.1 + 1.5 * signals @ signals.T / 5
    assert np.asarray(kernel_of("covariance", network, jnp.asarray(X), one)) == pytest.approx(
        expected, rel=1e-6
    )


def test_draws_are_independent_standard_normals():
    """Blocks of a key, and keys, that share draws would be correlated; the law by Kolmogorov-Smirnov."""
    words = np.asarray(jax.random.key_data(jax.random.split(jax.random.key(6), CHUNK)))
    draws = normal_rows(words, 2 * BLOCK + 5)
    assert draws.shape == (CHUNK, 2 * BLOCK + 5)
    rows = np.concatenate([draws[:, :BLOCK], draws[:, BLOCK : 2 * BLOCK]])
    correlations = np.corrcoef(rows)[np.triu_indices(2 * CHUNK, 1)]
    # 496 of them, each of deviation 1/64: 6 deviations happen once in 10^6 times
    assert np.max(np.abs(correlations)) < 6 / np.sqrt(BLOCK)
    assert stats.kstest(draws.ravel(), "norm").pvalue > 1e-6
    assert np.array_equal(normal_rows(words, 7), draws[:, :7])


def test_halves_share_no_neuron():
    flat = np.random.default_rng(3).normal(size=draws_of(2, (3, 6, 8, 1), biases=True))
    (draws,) = normals(jnp.asarray(flat), 2, (3, 6, 8, 1), biases=True)
    parts = halved(draws)
    assert [layer.weight.shape for layer in parts] == [(4, 3, 3), (4, 4, 3), (4, 1, 4)]
    assert [layer.bias.shape for layer in parts] == [(4, 3), (4, 4), (4, 1)]
    second = np.asarray(draws[1].weight)
    assert np.array_equal(parts[1].weight[1], second[1, :4, :3])
    assert np.array_equal(parts[1].weight[3], second[1, 4:, 3:])
    assert np.array_equal(parts[1].bias[2], draws[1].bias[0, 4:])


def test_the_extrapolation_of_a_linear_network_of_one_layer_is_its_covariance():
    """K_{2n} is the mean of the two K_n there, so that 2 K_{2n} - K_n is K_{2n}."""
    setting = {"inputs": floats(INPUTS), "pairs": PAIRS, "depth": 1, "width": 4, "networks": 3}
    setting |= {"weight_variance": 1.0, "bias_variance": 0.0, "parametrization": "ntk"}
    keys = jax.random.split(jax.random.key(4), 2)
    found = ExtrapolatedKernel(Z, "covariance")(keys, weights=(1.0, 1.0), **setting)[0]
    network = network_of(Z, (3, 8, 1), 1.0, 0.0)
    size = draws_of(3, network.widths, biases=False)
    flat = normal_rows(np.asarray(jax.random.key_data(keys))[np.arange(CHUNK) % 2], size)[0]
    (draws,) = normals(jnp.asarray(flat), 3, network.widths, biases=False)
    whole = jax.vmap(lambda one: kernel_of("covariance", network, jnp.asarray(X), one))(draws).mean(axis=0)
    assert np.asarray(found) == pytest.approx([float(whole[pair]) for pair in PAIRS], rel=1e-6)


def test_ratios_of_singular_covariances_count_as_one():
    ratios = LayerRatios(Z, C, A)
    before = np.zeros((1, 1, 1, 2, 2))
    assert ratios._ratio(before, before, 0, 1).tolist() == [[[1.0]]]


def test_the_exponent_from_its_definition():
    kernels_ = np.random.default_rng(5).lognormal(size=(2, 6, 3, 3))
    kernels_ = kernels_ + np.swapaxes(kernels_, -1, -2)
    norms = np.sqrt(np.diagonal(kernels_[1].mean(axis=0)))
    relative = kernels_[1] / np.outer(norms, norms)
    expected = np.log(sum(relative[:, i, j].var(ddof=1) for i in range(3) for j in range(3)))
    found = FluctuationExponent(RELU, "covariance")._logarithm(kernels_, 0.0)
    assert found[1] == pytest.approx(expected)


def test_where_the_map_is_affine():
    assert affine_variance(RELU)
    assert affine_variance(abs(Z))
    assert not affine_variance(erf(Z))
    assert affine_covariance(Z)
    assert not affine_covariance(RELU)
    assert affine_variance(sign(Z))


def test_what_is_not_random_is_not_measured():
    pairs = claim_named("layer by layer", sign(Z)).grid[0].parameters["pairs"]
    assert not set(pairs) & set(EQUAL)
    assert all(claim.name != "affine layers" for claim in trial.claims(QUICK, sign(Z)))


def test_the_grid_is_generic():
    gram = X @ X.T / 3
    norms = np.diagonal(gram)
    assert len(set(norms)) == 3
    assert max(norms) < 1
    correlations = [gram[i, j] / sqrt(gram[i, i] * gram[j, j]) for i, j in PAIRS if i != j]
    assert min(correlations) < -0.5
    assert max(correlations) > 0.5


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": "z**2"}, "grows faster than linearly"),
        ({"activation": "exp(z)"}, "grows faster than linearly"),
        ({"activation": "z**2*tanh(z)"}, "not shown to grow at most linearly"),
        ({"activation": "exp(z**2/6)", "depth": 1}, "no fourth moment under N\\(0, 1\\)"),
        ({"activation": "exp(z**2/4)"}, "not square integrable|infinite"),
        ({"weight_variance": 0}, "not positive"),
        ({"bias_variance": -1}, "give a variance >= 0"),
        ({"depth": 0}, "whole numbers from 1 to 8"),
        ({"depth": 9}, "whole numbers from 1 to 8"),
    ],
)
def test_refusals(parameters, message):
    with pytest.raises(InputError, match=message):
        derive("kernels.nngp", **parameters)


@pytest.fixture(scope="module")
def outside():
    """The derivation without closed forms."""
    return derive("kernels.nngp", activation="tanh(z)")


def test_without_closed_form_values_are_certified_and_the_law_is_not(outside):
    statuses = {checked.status for checked in outside.checked}
    assert outside.status == "derived"
    assert outside.weakest == "cited"
    assert {Status.PROVED, Status.CERTIFIED} <= statuses
    for checked in outside.checked:
        quadrature = isinstance(checked.row.method, CertifiedQuadrature)
        assert quadrature == (checked.status is Status.CERTIFIED)


def test_a_wrong_value_through_depth_stays_open(outside):
    (row,) = (one.row for one in outside.checked if one.row.relation.atoms(DeepKernel))
    doubled = row.relation.xreplace({kernel: 2 * kernel for kernel in row.relation.atoms(DeepKernel)})
    assert check(replace(row, relation=doubled)).status is Status.OPEN


def test_predictions_without_closed_form_by_quadrature():
    """The recursion with Gauss-Hermite sums in NumPy."""
    x, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()

    def layer(a, b, c):
        rho = c / sqrt(a * b)
        v = sqrt(b) * (rho * x[:, None] + sqrt(1 - rho**2) * x)
        return float(weights @ (np.tanh(sqrt(a) * x)[:, None] * np.tanh(v)) @ weights)

    (point,) = claim_named("infinite width", tanh(Z), 2, **BIASED).grid
    for place, (i, j) in enumerate(PAIRS):
        a, b, c = (0.1 + 1.5 * X[p] @ X[q] / 3 for p, q in ((i, i), (j, j), (i, j)))
        for _ in range(2):
            a, b, c = (0.1 + 1.5 * layer(*entries) for entries in ((a, a, a), (b, b, b), (a, b, c)))
        assert point.predicted[place] == pytest.approx(c, rel=1e-7)


@pytest.mark.parametrize("name", ["layer by layer", "wrong weight variance"])
def test_layers_of_sigmoid_units(name):
    claim = claim_named(name, 1 / (1 + exp(-Z)), 2, **BIASED)
    assert claim.grid[0].margin == SERIES_MARGIN
    assert outcome(claim) == claim.expected


def test_a_series_that_is_too_coarse_is_refused():
    """A kink: what 256 terms cut off falls like 256^(-3/2), and at correlation 1 all of it counts."""
    variances = np.ones((2, 1, 1, 2))
    series = LayerSeries(abs(tanh(Z)), variances, 1.0)
    with pytest.raises(InputError, match="may move a mean ratio"):
        series.require_small(0, 1, 0.9999 * variances[..., 0], variances[..., 0])


def test_a_prediction_that_misses_its_ball_is_refused():
    ball = deep_ball(tanh(Z), Recursion(1), (Rational(1),) * 3, tangent=False)
    with pytest.raises(InputError, match="not small beside the resolution"):
        require_certified(float(ball.mid()) + 1e-4, ball, 0.03)
    require_certified(float(ball.mid()) + 1e-6, ball, 0.03)


def test_one_hidden_layer_takes_what_has_a_fourth_moment():
    assert {claim.name for claim in trial.claims(QUICK, Z**2, 1)} >= {"one hidden layer", "fourth cumulant"}
    assert (
        derive("kernels.nngp", activation=exp(Z / 2), depth=1, weight_variance=Integer(1)).status == "derived"
    )
