"""Initial condensation: multiplicities, the exact count of directions, verdicts, a planted error."""

import dataclasses
import math

import pytest
from sympy import Rational, Symbol

from proofs_checks.claims.kernels import condensation as trial
from proofs_checks.judge import judge
from proofs_checks.profile import Profile
from proofs_checks.random_layers.condensing import critical_directions
from proofs_checks.store import open_store
from theory.errors import InputError
from theory.grammar import parse
from theory.kernels.condensation import CHANGE, DECAY, derivation, error_exponent, multiplicity

Z = Symbol("z", real=True)


def activation(text):
    return parse(text, symbols=("z",))


def certificate(claim, seed=1):
    with open_store(None) as store:
        return judge(claim, theorem="kernels.condensation", store=store, seed=seed)


@pytest.mark.parametrize("text", ["tanh(z)", "cos(z) - 1", "z*tanh(z)**2"])
def test_it_is_derived(text):
    found = derivation(activation(text))
    assert found.status == "derived"
    assert found.concludes


@pytest.mark.parametrize(
    ("text", "expected"),
    [("tanh(z)", 1), ("z*tanh(z)", 2), ("cos(z) - 1", 2), ("z**2*tanh(z)", 3), ("gelu(z)", 1)],
)
def test_multiplicities_that_can_be_read_off(text, expected):
    assert multiplicity(activation(text)) == expected


def test_the_error_is_of_first_order_where_there_is_a_square_in_the_series():
    assert error_exponent(activation("tanh(z)")) == 2
    assert error_exponent(activation("tanh(z) + z**2")) == 1


def test_the_error_for_multiplicity_2_is_that_of_the_next_term_or_of_what_is_learned():
    assert error_exponent(activation("z**2 + z**3")) == 1
    assert error_exponent(activation("cos(z) - 1")) == 2
    assert error_exponent(activation("z**2")) == 3  # f is of order eps^3


def test_phases_that_can_be_read_off():
    assert CHANGE.subs(DECAY, Rational(1, 2)) == Rational(-1, 2)
    assert CHANGE.subs(DECAY, 2) == Rational(1, 2)


@pytest.mark.parametrize("text", ["max(z, 0)", "cos(z)", "z**7"])
def test_activations_without_a_multiplicity_are_refused(text):
    with pytest.raises(InputError):
        multiplicity(activation(text))


def test_directions_against_sign_changes_on_a_fine_grid():
    """The derivative in the angle changes sign at every simple critical direction."""
    import random

    for seed in range(20):
        rng = random.Random(seed)

        def entry(rng=rng):
            return rng.choice((-1, 1)) * rng.randint(1, 9)

        data = [(entry(), entry(), entry()) for _ in range(7)]

        def slope(phi, data=data):
            c, s = math.cos(phi), math.sin(phi)
            return sum(y * (u * c + v * s) ** 2 * (v * c - u * s) for y, u, v in data)

        values = [slope(2 * math.pi * (k + 0.5) / 20_000) for k in range(20_000)]
        changes = sum(a * b < 0 for a, b in zip(values, values[1:] + values[:1], strict=True))
        assert critical_directions(seed, order=3, samples=7) == changes


@pytest.mark.parametrize("text", ["tanh(z)", "cos(z) - 1"])
def test_it_is_judged_as_expected(text):
    for claim in trial.claims(Profile("quick"), activation(text)):
        assert certificate(claim).verdict.outcome == claim.expected, claim.name


def test_a_law_with_another_growth_is_refuted():
    claim = trial.claims(Profile("quick"))[0]
    form = claim.closed_forms[0]
    wrong = form.restate(form.expression.subs(trial.RATE, trial.RATE * 21 / 20))
    assert certificate(dataclasses.replace(wrong, name="planted")).verdict.outcome == "refuted"
