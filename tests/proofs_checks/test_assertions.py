"""Assertion helpers: what passes, what fails, and in which words."""

import random

import jax
import pytest

from proofs_checks.assertions import (
    assert_bound,
    assert_claim,
    assert_distribution,
    assert_enclosure,
    assert_exponent,
    assert_identity,
    assert_mean,
    assert_ordering,
)
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Mean
from proofs_checks.experiment import on_host


@on_host
def uniform(seed, shift=0.0):
    return random.Random(seed).random() + shift


def test_true_statements_pass_and_return_their_certificates():
    assert assert_mean(uniform, 0.5, resolution=0.1).verdict.outcome == "supported"
    assert_mean(lambda key: jax.random.normal(key), 0.0, resolution=0.3)
    assert_exponent(uniform, 0.5, resolution=0.1, margin=0.01)
    assert_identity(uniform, 0.5, margin=0.5)
    assert_bound(uniform, 1.0, tightness=0.9)
    assert_distribution(uniform, lambda x: x, resolution=0.06)
    assert_ordering(on_host(lambda seed: float(seed % 7 > 0)), predicted=0.85)
    assert_enclosure(on_host(lambda seed: (0.99, 1.0)), 1.0, 1.01)
    assert_mean(uniform, 1.5, parameters={"shift": 1.0}, resolution=0.1)


def test_a_false_statement_is_refuted_with_figures_and_error_rates():
    with pytest.raises(AssertionError) as failure:
        assert_mean(uniform, 0.8, resolution=0.1, seeds=128)
    message = str(failure.value)
    assert "was refuted" in message
    assert "+-" in message
    assert "against 0.8" in message
    assert "false refutation 1e-09, false support 0.01" in message


def test_undecided_fails_in_words_of_its_own():
    with pytest.raises(AssertionError, match="undecided, which is no pass"):
        assert_mean(uniform, 0.5, resolution=0.001, seeds=32)
    with pytest.raises(AssertionError, match="vacuous"):
        assert_bound(uniform, 10.0, tightness=0.5)


def test_invalid_fails_with_its_cause():
    with pytest.raises(AssertionError, match=r"could not be measured\n.*not finite"):
        assert_mean(on_host(lambda seed: float("nan")), 0.5)
    with pytest.raises(AssertionError, match="zero variance"):
        assert_mean(on_host(lambda seed: 0.5), 0.5)


@pytest.mark.parametrize(
    "false",
    [
        lambda: assert_exponent(uniform, 0.9, seeds=128),
        lambda: assert_identity(uniform, 0.5, margin=0.1),
        lambda: assert_bound(uniform, 0.9),
        lambda: assert_distribution(uniform, lambda x: x**2),
        lambda: assert_ordering(on_host(lambda seed: float(seed % 2)), predicted=0.9, seeds=128),
        lambda: assert_enclosure(on_host(lambda seed: (0.9, 0.95)), 1.0, 1.01),
    ],
)
def test_every_helper_can_fail(false):
    with pytest.raises(AssertionError, match="was refuted"):
        false()


def test_controls_are_asserted_like_claims():
    control = Claim("no shift", "", Mean(), uniform, (Point({}, 0.8),), 128, "refuted", "the mean is 1/2")
    assert assert_claim(control).as_expected
    harmless = Claim("no change", "", Mean(), uniform, (Point({}, 0.5),), 1024, "refuted", "none")
    with pytest.raises(AssertionError, match="was supported, although it is expected to be refuted"):
        assert_claim(harmless)
