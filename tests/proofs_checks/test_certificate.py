"""Certificates: immutable, the same after a round trip, and checked again from their own figures."""

import dataclasses
import json
import random

import pytest

from proofs_checks.certificate import Certificate, digest_of
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Bound, Distribution, Enclosure, Exponent, Identity, Mean, Ordering
from proofs_checks.experiment import on_host
from proofs_checks.judge import judge
from proofs_checks.recheck import recheck
from proofs_checks.store import open_store
from theory.errors import InputError


@on_host
def uniform(seed, shift=0.0):
    return random.Random(seed).random() + shift


@on_host
def pair(seed, shift=0.0):
    return 0.5 + shift, 0.5 + shift


@on_host
def above(seed, shift):
    return float(random.Random(seed).random() > shift)


def clipped(values):
    return values.clip(0, 1)


def certified(comparator, predicted, *, shift=0.0, experiment=uniform, seeds=256, **options):
    grid = (Point({"shift": shift}, predicted, **options),)
    one = Claim("a claim", "a statement", comparator, experiment, grid, seeds)
    with open_store() as store:
        return judge(one, theorem="tests", store=store, seed=5, inputs={"depth": 2})


CASES = {
    "mean": lambda shift: certified(Mean(), 0.5, shift=shift),
    "exponent": lambda shift: certified(Exponent(), 0.5, shift=shift),
    "bound": lambda shift: certified(Bound(tightness=0.5), 1.0, shift=shift),
    "rare": lambda shift: certified(Bound(probability=0.3), 0.7, shift=shift, resolution=0.2),
    "distribution": lambda shift: certified(Distribution(clipped), 0.0, shift=shift, seeds=2048),
    "identity": lambda shift: certified(Identity(), 0.5, shift=shift, margin=0.5),
    "enclosure": lambda shift: certified(Enclosure(), (0.5, 0.5), shift=shift, experiment=pair),
    "ordering": lambda shift: certified(Ordering(0.5), 0.9, shift=shift, experiment=above),
}


@pytest.mark.parametrize(
    ("name", "outcome"), [(name, one) for name in CASES for one in ("supported", "refuted")]
)
def test_every_comparator_survives_a_round_trip_and_a_second_check(name, outcome):
    certificate = CASES[name](0.0 if outcome == "supported" else 0.6)
    assert certificate.verdict.outcome == outcome
    again = Certificate.from_json(certificate.to_json())
    assert again == Certificate.from_dict(certificate.to_dict())
    assert again.to_json() == certificate.to_json()
    assert again.verdict == certificate.verdict
    assert again.seeds == certificate.seeds > 0
    assert recheck(again) == recheck(certificate) == ()


@pytest.fixture(scope="module")
def certificate():
    return CASES["mean"](0.0)


def test_contains_what_a_second_check_needs(certificate):
    document = json.loads(certificate.to_json())
    assert document["seal"] == digest_of(document["design"])
    assert document["design"]["levels"]["alpha"] == 1e-9
    assert document["design"]["inputs"] == {"depth": 2}
    assert document["design"]["environment"]["x64"] is True
    assert {"jax", "numpy", "python"} <= set(document["design"]["environment"]["versions"])
    observation = document["points"][0]["observations"][0]
    assert observation["seeds"] == [0, observation["count"]]
    assert abs(observation["estimate"] - 0.5) < 5 * observation["standard_error"]


def test_immutable(certificate):
    with pytest.raises(dataclasses.FrozenInstanceError):
        certificate.seed = 1


def test_changed_documents_are_refused(certificate):
    document = certificate.to_dict()
    document["verdict"]["outcome"] = "refuted"
    with pytest.raises(InputError, match="was changed"):
        Certificate.from_dict(document)
    for text, message in (
        ("[]", "JSON object"),
        ("{", "JSON document"),
        ("{}", "not a provenet certificate"),
    ):
        with pytest.raises(InputError, match=message):
            Certificate.from_json(text)
    body = {"format": "provenet certificate", "version": 1, "points": []}
    with pytest.raises(InputError, match="lacks or misuses a field"):
        Certificate.from_dict({**body, "digest": digest_of(body)})


def replaced(certificate, **changes):
    (point,) = certificate.points
    return dataclasses.replace(certificate, points=(dataclasses.replace(point, **changes),))


def test_forged_outcomes_do_not_follow_from_the_figures(certificate):
    refuted = CASES["mean"](0.6)
    forged = dataclasses.replace(certificate.verdict, outcome="refuted")
    (point,) = certificate.points
    (observation,) = point.observations
    poorer = dataclasses.replace(observation, summary={**observation.summary, "deviation": 99.0})
    for fake, fault in (
        (replaced(certificate, outcomes=("refuted",), verdict=forged), "refuted does not follow"),
        (replaced(certificate, outcomes=("undecided",)), "undecided does not follow"),
        (replaced(certificate, verdict=forged), "its verdict is not that of its checks"),
        (replaced(certificate, predicted=(0.6,)), "not those of the sealed design"),
        (replaced(certificate, observations=(poorer,)), "supported does not follow"),
        (replaced(certificate, observations=()), "supported does not follow"),
        (replaced(refuted, observations=refuted.points[0].observations[:2]), "refuted does not follow"),
        (dataclasses.replace(certificate, seal="0" * 64), "the seal is not the hash"),
        (dataclasses.replace(certificate, points=()), "0 points were judged"),
        (dataclasses.replace(certificate, verdict=forged), "not that of its points"),
    ):
        assert any(fault in found for found in recheck(fake)), fault


def test_invalid_measurements_are_certified_too():
    certificate = certified(Mean(), 0.5, experiment=on_host(lambda seed, shift: float("nan")))
    assert certificate.verdict.outcome == "invalid"
    assert certificate.points[0].primary == ()
    assert Certificate.from_json(certificate.to_json()) == certificate
    assert recheck(certificate) == ()
