"""Spectral bias: eigenvalues by other routes, silent modes, verdicts."""

from math import pi

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import eval_legendre
from sympy import Eq, Gt, Integer, Lt, Rational, Symbol

from proofs_checks import derive, verify
from proofs_checks.claims.kernels import spectral_bias as trial
from proofs_checks.profile import Profile
from proofs_checks.spectral.formulas import on_grid, on_icosahedron
from proofs_checks.spectral.modes import harmonics, icosahedron, zonal_rule
from theory.derivation import Row, check
from theory.grammar import parse
from theory.kernels.spectral_bias import derivation, profile
from theory.proving import Antiderivative, Status
from theory.spectral import circle, sphere
from theory.spectral.quadrature import EigenvalueEnclosure, enclose_by_series, enclose_eigenvalue
from theory.spectral.training import odd_slope

Z = Symbol("z", real=True)


def activation(text):
    return parse(text, symbols=("z",))


def arc_cosine(angle):
    """The tangent kernel of ReLU by its published form, with the angle as the variable."""
    return (np.sin(angle) + 2 * (pi - angle) * np.cos(angle)) / (2 * pi)


@pytest.mark.parametrize("text", ["max(z, 0)", "gelu(z)", "erf(z)"])
def test_it_is_derived(text):
    assert derivation(activation(text)).status == "derived"


@pytest.mark.parametrize("frequency", range(8))
def test_every_eigenvalue_against_quadrature(frequency):
    plain, _ = quad(lambda t: arc_cosine(t) * np.cos(frequency * t) / pi, 0, pi)
    biased, _ = quad(lambda t: (arc_cosine(t) + (pi - t) / (2 * pi)) * np.cos(frequency * t) / pi, 0, pi)
    place = min(frequency, 2 + frequency % 2)
    found = circle.EIGENVALUES[place]
    here = {circle.HALF: frequency // 2}
    assert float(found.plain.subs(here)) == pytest.approx(plain, abs=1e-10)
    assert float(found.biased.subs(here)) == pytest.approx(biased, abs=1e-10)


def test_published_values_on_the_two_sphere():
    known = [Rational(5, 128), Rational(1, 384), Rational(23, 32768)]
    found = [sphere.even_eigenvalue().subs({sphere.SPHERE: 2, sphere.PLACE: j}) for j in range(3)]
    assert found == known


def test_the_sphere_in_two_dimensions_is_the_circle():
    for j in range(4):
        found = sphere.even_eigenvalue().subs({sphere.SPHERE: 1, sphere.PLACE: j})
        assert float(found - circle.EVEN.subs(circle.HALF, j + 1)) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("wrong", [circle.EVEN + 1, circle.EVEN * 2, circle.EVEN / circle.HALF])
def test_a_wrong_eigenvalue_stays_open(wrong):
    integral = circle.coefficient(circle.RELU_KERNEL, 2 * circle.HALF)
    row = Row(Eq(integral, wrong), "wrong", Antiderivative(circle.primitive(integral.function)))
    assert check(row).status is Status.OPEN


def test_certified_eigenvalues_by_two_routes_and_against_quadrature():
    for text in ("gelu(z)", "sin(z)", "abs(z)"):
        kernel = profile(activation(text))
        for k in range(5):
            first, second = enclose_eigenvalue(kernel, k), enclose_by_series(activation(text), Z, k)
            assert first.overlaps(second)
            values = on_grid(kernel, 64, (k,))
            assert float(first.mid()) == pytest.approx(values[0], abs=2e-3)


def test_an_enclosure_contradicts_wrong_bounds_and_foreign_integrals():
    erf = activation("erf(z)")
    integral = circle.coefficient(profile(erf), Integer(1))
    method = EigenvalueEnclosure(erf, Z, 1)
    true, wrong = (relation(integral, Rational(1, 2), evaluate=False) for relation in (Lt, Gt))
    assert check(Row(true, "", method)).status is Status.CERTIFIED
    assert check(Row(wrong, "", method)).status is Status.OPEN
    foreign = Gt(
        circle.coefficient(profile(activation("sin(z)")), Integer(1)), Rational(2, 5), evaluate=False
    )
    assert check(Row(foreign, "", method)).status is Status.OPEN


@pytest.mark.parametrize(
    ("text", "slope"), [("max(z, 0)", 1), ("gelu(z)", 1), ("abs(z)", 0), ("max(z, z/9)", Rational(10, 9))]
)
def test_activations_with_a_linear_odd_part(text, slope):
    assert odd_slope(activation(text), Z) == slope


def test_others_speak_in_every_mode():
    assert odd_slope(activation("erf(z)"), Z) is None
    names = {claim.name for claim in trial.claims(Profile("quick"), activation("erf(z)"))}
    assert "odd modes are never learnt" not in names


def test_the_zonal_rule_is_orthogonal():
    places, weights = zonal_rule(2, 12)
    table = harmonics(2, range(6), places)
    assert (table * weights) @ table.T == pytest.approx(np.diag(1 / (2 * np.arange(6) + 1)), abs=1e-13)
    assert table[3] == pytest.approx(eval_legendre(3, places))


@pytest.mark.parametrize("degree", range(4))
def test_harmonics_are_eigenvectors_on_the_icosahedron(degree):
    """Against numerical eigenvalues of the whole kernel matrix with biases."""
    places = icosahedron()
    angles = np.arccos(np.clip(places @ places.T, -1, 1))
    matrix = (arc_cosine(angles) + (pi - angles) / (2 * pi)) / 12
    (found,) = on_icosahedron(circle.RELU_KERNEL + circle.BIAS_KERNEL, (degree,))
    zonal = eval_legendre(degree, places[:, 2])
    # arccos near 1 turns rounding into its square root
    assert matrix @ zonal == pytest.approx(found * zonal, abs=1e-8)
    assert np.sum(np.isclose(np.linalg.eigvalsh(matrix), found, atol=1e-7)) == (1, 3, 5, 3)[degree]


def test_all_low_modes_are_trained_and_measured():
    claim = next(one for one in trial.claims(Profile("quick")) if one.name == "decay of modes in training")
    kept = [point.parameters["frequencies"] for point in claim.grid]
    assert kept == [(0, 1, 2, 4, 6), (0, 1, 2, 3, 4, 5, 6), (0, 1, 2), (0, 1, 2, 3)]


@pytest.mark.parametrize("name", ["modes of the kernel", "odd modes with biases", "modes on spheres"])
def test_formulas_restated_predict_what_they_predicted(name):
    claim = next(one for one in trial.claims(Profile("quick")) if one.name == name)
    for form in claim.closed_forms:
        for before, after in zip(claim.grid, form.restate(form.expression).grid, strict=True):
            assert after.predicted == pytest.approx(before.predicted, rel=1e-9)
            assert after.resolution == before.resolution


def test_it_is_judged_as_expected():
    verify("kernels.spectral_bias", profile="quick", seed=1).raise_if_unexpected()


def test_another_activation_is_judged_as_expected():
    verify("kernels.spectral_bias", activation="gelu(z)", profile="quick", seed=1).raise_if_unexpected()


def test_the_document_names_every_eigenvalue():
    text = derive("kernels.spectral_bias").text()
    assert "Every even frequency, without biases" in text
    assert "Funk and Hecke" in text
