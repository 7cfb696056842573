"""Laws at finite width: rows, false rows, predictions by other routes, the trial."""

import dataclasses
from fractions import Fraction
from itertools import product
from math import comb, prod

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from proofs_checks import verify
from proofs_checks.claims.kernels import finite_width as trial
from proofs_checks.engine import Remembering
from proofs_checks.judge import judge
from proofs_checks.profile import Profile
from proofs_checks.store import open_store
from theory.deep_kernels import width_rows as laws
from theory.deep_kernels.vertex_rows import next_vertex, solved_rows, vertex_rows
from theory.derivation import check
from theory.errors import InputError
from theory.grammar import parse
from theory.kernels.finite_width import RELU, derivation
from theory.proving.outcome import Status

QUICK = Profile("quick")
WIDTHS = (4, 3)


def activation(text):
    return parse(text, symbols=("z",))


def named(name, *arguments):
    return next(claim for claim in trial.claims(QUICK, *arguments) if claim.name == name)


def outcome(claim, seed=1, engine=None):
    with open_store(None) as store:
        return judge(
            claim, theorem="kernels.finite_width", store=store, seed=seed, engine=engine
        ).verdict.outcome


@pytest.mark.parametrize(("text", "certified"), [("max(z, 0)", 0), ("gelu(z)", 1)])
def test_the_derivation_has_no_open_row(text, certified):
    found = derivation(WIDTHS, activation(text))
    assert found.status == "derived"
    assert found.counts["certified"] == certified


def test_one_layer_is_derived_too():
    assert derivation((5,)).status == "derived"


@pytest.mark.parametrize(
    "rows", [laws.moment_rows(), laws.layer_rows(2), vertex_rows(activation("sin(z)")), solved_rows()]
)
def test_proved_rows_with_a_wrong_side_stay_open(rows):
    tried = 0
    for row in rows:
        if row.method.earns is not Status.PROVED or row.relation.rhs == 0:
            continue
        wrong = row.relation.func(row.relation.lhs, 2 * row.relation.rhs, evaluate=False)
        assert check(dataclasses.replace(row, relation=wrong)).status is Status.OPEN, row.reason
        tried += 1
    assert tried >= 4


def test_verdicts_are_as_expected():
    verify("kernels.finite_width", profile="quick", seed=5).raise_if_unexpected()


@pytest.mark.parametrize("name", ["correction of the kernel", "spread of the kernel"])
def test_other_widths_and_an_activation_that_needs_a_correction(name):
    claim = named(name, (6, 7, 4, 5), activation("sin(z)"))
    assert outcome(claim, seed=6) == "supported"


def test_second_moments_by_enumeration_of_the_gates():
    """E R^2 over all gate patterns of two layers, exactly, from the moments of chi-squares."""

    def second(n):
        moments = [Fraction(active * (active + 2), 1) for *_, active in ((*g, sum(g)) for g in _gates(n))]
        return Fraction(4, n**2) * sum(moments) / 2**n

    found = prod(second(n) for n in WIDTHS)
    assert trial.at(laws.relu_second_moment(2), WIDTHS) == pytest.approx(float(found), rel=1e-14)


def _gates(n):
    return product((0, 1), repeat=n)


def test_dead_networks_by_counting():
    alive = Fraction(1)
    for n in WIDTHS:
        alive *= Fraction(sum(any(gates) for gates in _gates(n)), 2**n)
    assert trial.at(laws.dead_probability(2), WIDTHS) == pytest.approx(float(1 - alive), rel=1e-14)


def test_logarithms_by_quadrature():
    """Mean and variance of log of a chi-square mixture from its density."""
    n = 5
    weights = [comb(n, k) / (2**n - 1) for k in range(1, n + 1)]

    def moment(power, shift):
        # substitution x = exp(s): the density has a pole at 0 for one degree of freedom
        parts = (
            quad(
                lambda s, k=k: (
                    (s + np.log(2 / n) - shift) ** power * stats.chi2.pdf(np.exp(s), k) * np.exp(s)
                ),
                -60,
                8,
                limit=200,
            )[0]
            for k in range(1, n + 1)
        )
        return sum(weight * part for weight, part in zip(weights, parts, strict=True))

    mean = moment(1, 0.0)
    assert trial.at(laws.relu_log_mean(1), (n,)) == pytest.approx(mean, rel=1e-7)
    assert trial.at(laws.relu_log_variance(1), (n,)) == pytest.approx(moment(2, mean), rel=1e-7)
    linear = quad(lambda x: np.log(x / 6) * stats.chi2.pdf(x, 6), 0, np.inf)[0]
    assert trial.at(laws.linear_log_mean(1), (6,)) == pytest.approx(linear, rel=1e-7)


@pytest.mark.parametrize(("text", "gain"), [("max(z, 0)", 5), ("z", 2), ("abs(z)", 2)])
def test_vertices_of_homogeneous_activations(text, gain):
    """The relative variance grows by a constant for each layer, on the line and off it."""
    f = activation(text)
    relative = [
        vertex / (0.8 * 0.9**layer) ** 2
        for layer, vertex in enumerate(trial.vertices(f, next_vertex(f), 3), start=1)
    ]
    assert relative == pytest.approx([gain, 2 * gain, 3 * gain])


def test_the_vertex_of_gelu_by_quadrature():
    """Its fourth power leaves the class."""
    f = activation("gelu(z)")
    density = stats.norm.pdf

    def mean(power, variance):
        def integrand(z):
            u = np.sqrt(variance) * z
            return (u * stats.norm.cdf(u)) ** power * density(z)

        return quad(integrand, -12, 12)[0]

    kernel, weight, step = 0.8, 0.9 * 0.8 / mean(2, 0.8), 1e-4
    first = weight**2 * (mean(4, kernel) - mean(2, kernel) ** 2)
    kernel = weight * mean(2, kernel)
    slope = weight * (mean(2, kernel + step) - mean(2, kernel - step)) / (2 * step)
    second = weight**2 * (mean(4, kernel) - mean(2, kernel) ** 2) + slope**2 * first
    # the central difference is off by step^2, about 1e-8
    assert trial.vertices(f, next_vertex(f), 2) == pytest.approx((first, second), rel=1e-6)


def test_an_error_of_five_percent_in_a_vertex_is_refuted():
    claim, engine = named("spread of the kernel"), Remembering()
    (point,) = claim.grid
    for place in range(2):
        values = tuple(v * (1.1 if i == place else 1) for i, v in enumerate(point.predicted))
        planted = dataclasses.replace(claim, grid=(dataclasses.replace(point, predicted=values),))
        assert outcome(planted, engine=engine) == "refuted"


def test_the_kernel_of_relu_needs_no_correction():
    assert not any("correction" in claim.name for claim in trial.claims(QUICK, WIDTHS, RELU))


@pytest.mark.parametrize("widths", ["1,4", "5,65", ",".join("3" * 9)])
def test_widths_that_are_refused(widths):
    with pytest.raises(InputError, match=r"give up to 8 widths from 2 to 64|give whole numbers"):
        verify("kernels.finite_width", widths=widths)
