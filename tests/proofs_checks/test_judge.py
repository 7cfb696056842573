"""The judge: what is fixed beforehand, what is drawn when, and each of the four outcomes."""

import math
import random
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from proofs_checks.certificate import digest_of
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Bound, Distribution, Enclosure, Identity, Mean, Ordering
from proofs_checks.design import ErrorPool
from proofs_checks.environment import environment
from proofs_checks.experiment import batched, on_host
from proofs_checks.fingerprint import code_digest
from proofs_checks.judge import judge
from proofs_checks.measurement import host_seeds, seed_range
from proofs_checks.precision import float64
from proofs_checks.store import open_store
from proofs_checks.verdict import Verdict, combine
from theory.errors import InputError


@on_host
def gauss(seed, mean=1.0, deviation=0.1):
    return random.Random(seed).gauss(mean, deviation)


def claim(experiment=gauss, *points, comparator=None, seeds=64, **options):
    grid = points or (Point({}, 1.0),)
    return Claim("a claim", "the mean is one", comparator or Mean(), experiment, grid, seeds, **options)


def trial(of, *, seed=0, theorem="tests.judge"):
    """The certificate and the events of one trial."""
    events = []
    with open_store() as store:
        return judge(of, theorem=theorem, store=store, seed=seed, progress=events.append), events


class TestOutcomes:
    def test_supported(self):
        certificate, events = trial(claim())
        assert certificate.verdict.outcome == "supported"
        assert certificate.as_expected
        assert {event.stage for event in events} == {1}

    def test_refuted_in_three_seed_sets(self):
        certificate, events = trial(claim(gauss, Point({"mean": 1.2}, 1.0)))
        assert certificate.verdict.outcome == "refuted"
        assert "too large, in 3 independent seed sets" in certificate.verdict.cause
        assert [event.stage for event in events] == [1, 2, 3]
        assert [one.stage for one in certificate.points[0].observations] == [1, 2, 3]

    @pytest.mark.parametrize("second", [1.0, 0.8])
    def test_seed_sets_that_disagree_refute_nothing(self, second):
        calls = []

        def drifting(seed):  # the first seed set, 64 calls, lies above; the second does not, or lies below
            calls.append(seed)
            mean = 1.2 if len(calls) <= 64 else second if len(calls) <= 128 else 1.0
            return random.Random(seed).gauss(mean, 0.1)

        certificate, events = trial(claim(on_host(drifting)))
        assert certificate.verdict.outcome != "refuted"
        assert {(event.stage, event.look) for event in events} >= {(1, 1), (2, 1)}
        assert all(event.stage < 3 for event in events if event.look == 1)

    def test_control_is_a_claim_that_is_refuted(self):
        control = claim(gauss, Point({"mean": 1.2}, 1.0), expected="refuted", reason="the mean is shifted")
        certificate, _ = trial(control)
        assert certificate.control
        assert certificate.as_expected

    def test_undecided_after_four_doubling_looks(self):
        certificate, events = trial(claim(gauss, Point({"deviation": 5.0}, 1.0)))
        assert certificate.verdict.outcome == "undecided"
        assert "more seeds" in certificate.verdict.cause
        assert [event.seeds for event in events] == [64, 64, 128, 256]
        assert certificate.points[0].primary[0].count == 512
        assert not certificate.as_expected

    @pytest.mark.parametrize(
        ("experiment", "cause"),
        [
            (on_host(lambda seed: float("nan")), "not finite"),
            (on_host(lambda seed: float("inf")), "not finite"),
            (on_host(lambda seed: (1.0, 2.0)), "wrong shape"),
            (on_host(lambda seed: 1.0 + 1.0j), "real numbers"),
            (on_host(lambda seed: "1.0"), "real numbers"),
            (on_host(lambda seed: [1.0] * (1 + seed % 2)), "differ in shape"),
            (on_host(lambda seed: 1.0), "zero variance"),
            (on_host(lambda seed: 1 / 0), "ZeroDivisionError: division by zero"),
            (lambda key: jnp.zeros(3), "wrong shape"),
            (lambda key: jnp.log(-jnp.ones(())), "not finite"),
            (lambda key, width: key, "TypeError"),
            (batched(lambda keys: jnp.zeros(3)), "wrong shape"),
        ],
    )
    def test_invalid_with_its_cause(self, experiment, cause):
        certificate, _ = trial(claim(experiment))
        assert certificate.verdict.outcome == "invalid"
        assert cause in certificate.verdict.cause
        assert not certificate.as_expected

    def test_out_of_memory_is_named(self):
        def greedy(key):
            raise MemoryError("8 EiB")

        def exhausted(keys):
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 123 bytes")

        for experiment in (greedy, batched(exhausted)):
            certificate, _ = trial(claim(experiment))
            assert certificate.verdict.outcome == "invalid"
            assert certificate.verdict.cause.startswith("out of memory")

    def test_a_control_that_cannot_be_measured_is_not_as_expected(self):
        control = claim(on_host(lambda seed: float("nan")), expected="refuted", reason="broken")
        assert not trial(control)[0].as_expected

    def test_interrupts_pass_through(self):
        def interrupted(seed):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            trial(claim(on_host(interrupted)))

    def test_any_refuted_point_refutes_the_claim(self):
        grid = (Point({}, 1.0), Point({"mean": 1.3}, 1.0), Point({"deviation": 5.0}, 1.0))
        certificate, _ = trial(claim(gauss, *grid))
        assert [point.verdict.outcome for point in certificate.points] == [
            "supported",
            "refuted",
            "undecided",
        ]
        assert certificate.verdict.outcome == "refuted"

    def test_deterministic_comparators_look_once(self):
        for comparator, point, experiment in (
            (Identity(), Point({}, 0.0, margin=1.0), on_host(lambda seed: 0.3)),
            (Enclosure(), Point({}, (1.0, 1.0)), on_host(lambda seed: (0.99, 1.01))),
            (Bound(exhaustive=True), Point({}, 1.0), on_host(lambda seed: 0.3)),
        ):
            certificate, events = trial(claim(experiment, point, comparator=comparator, seeds=2))
            assert certificate.verdict.outcome == "supported"
            assert len(events) == 1
            assert certificate.verdict.alpha == certificate.verdict.beta == 0.0

    def test_one_violation_disproves_a_bound(self):
        values = on_host(lambda seed: 2.0 if random.Random(seed).random() < 0.02 else 0.5)
        certificate, events = trial(claim(values, comparator=Bound(), seeds=512))
        assert certificate.verdict.outcome == "refuted"
        assert {event.stage for event in events} == {1}

    def test_sampled_comparators_support_and_refute(self):
        def draws(keys, power):
            return jax.vmap(jax.random.uniform)(keys) ** power

        def order(key, share):
            return (jax.random.uniform(key) < share).astype(jnp.float64)

        for comparator, experiment, seeds, name, true, false, predicted in (
            (Distribution(lambda x: x), batched(draws), 1024, "power", 1.0, 1.5, 0.0),
            (Ordering(0.5), order, 128, "share", 0.95, 0.5, 0.9),
            (Bound(probability=0.1), order, 256, "share", 0.1, 0.5, 0.5),
        ):
            for value, wanted in ((true, "supported"), (false, "refuted")):
                one = claim(experiment, Point({name: value}, predicted), comparator=comparator, seeds=seeds)
                assert trial(one)[0].verdict.outcome == wanted, (comparator, value)


class TestComponents:
    @staticmethod
    def pair(key, second):
        noise = 0.1 * jax.random.normal(key, (2,))
        return noise + jnp.stack([jnp.ones(()), jnp.asarray(second)])

    def test_each_component_is_a_check_of_its_own(self):
        certificate, _ = trial(claim(self.pair, Point({"second": 2.0}, (1.0, 2.0))))
        assert certificate.points[0].outcomes == ("supported", "supported")
        assert [one.component for one in certificate.points[0].primary] == [0, 1]

    def test_one_wrong_component_refutes_the_point(self):
        certificate, _ = trial(claim(self.pair, Point({"second": 2.5}, (1.0, 2.0))))
        assert certificate.points[0].outcomes[1] == "refuted"
        assert certificate.verdict.outcome == "refuted"

    def test_a_decided_component_is_not_decided_again(self):
        point = Point({"second": 2.0}, (1.0, 2.0), resolution=(0.5, 0.02))
        certificate, _ = trial(claim(self.pair, point))
        assert [one.look for one in certificate.points[0].primary] == [1, 4]
        assert certificate.points[0].primary[0].count == 64


def test_planted_error_through_the_whole_judge():
    """5 % at a resolution of 4.5 %, first look 14.5 (sd / resolution)^2."""
    deviation = 0.045 * math.sqrt(64 / 14.5)
    trials, tally = 200, {"refuted": 0, "supported": 0, "undecided": 0}
    planted = Point({"mean": 1.05, "deviation": deviation}, 1.0, resolution=0.045)
    with open_store() as store:
        for seed in range(trials):
            certificate = judge(claim(gauss, planted), theorem="planted", store=store, seed=seed)
            tally[certificate.verdict.outcome] += 1
    # Three standard errors of a frequency of 0.01 in 200 trials.
    slack = 3 * math.sqrt(0.01 * 0.99 / trials)
    assert tally["refuted"] / trials >= 0.99 - slack
    assert tally["supported"] / trials <= 0.01 + slack


class TestDesign:
    def test_the_seal_is_stored_before_the_first_sample(self):
        sealed = []
        with open_store() as store:

            def measured(seed):
                sealed.append(list(store.designs()))
                return random.Random(seed).gauss(1, 0.1)

            certificate = judge(claim(on_host(measured)), theorem="tests", store=store, seed=0)
            assert sealed[0] == [certificate.seal]
            assert digest_of(store.designs()[certificate.seal]) == certificate.seal

    @pytest.mark.parametrize(
        "other",
        [
            claim(gauss, Point({}, 1.01)),
            claim(gauss, Point({}, 1.0, resolution=0.04)),
            claim(gauss, Point({}, 1.0, margin=0.001)),
            claim(gauss, Point({"mean": 1.0}, 1.0)),
            claim(seeds=32),
            claim(on_host(lambda seed: random.Random(seed).gauss(1.0, 0.2))),
        ],
    )
    def test_every_part_of_the_design_is_under_the_seal(self, other):
        assert trial(other)[0].seal != trial(claim())[0].seal

    def test_the_same_design_has_the_same_seal_and_the_same_figures(self):
        first, second = trial(claim())[0], trial(claim())[0]
        assert first.seal == second.seal
        assert first.points == second.points

    def test_seed_and_theorem_give_other_samples(self):
        estimates = {
            trial(claim(), seed=seed, theorem=theorem)[0].points[0].primary[0].estimate
            for seed in (0, 1)
            for theorem in ("a", "b")
        }
        assert len(estimates) == 4

    def test_seed_sets_and_points_are_independent(self):
        point = Point({"mean": 1.2}, 1.0)
        certificate, _ = trial(claim(gauss, point, point))
        found = [one.estimate for judged in certificate.points for one in judged.observations]
        assert len(found) == len(set(found)) == 6

    def test_closures_are_part_of_the_code(self):
        def make(deviation):
            return lambda seed: random.Random(seed).gauss(1, deviation)

        assert code_digest(make(0.1)) == code_digest(make(0.1))
        assert code_digest(make(0.1)) != code_digest(make(0.2))
        array = np.arange(3.0)
        assert code_digest(lambda: array) != code_digest(lambda: None)
        assert code_digest(jax.jit(gauss.function)) == code_digest(jax.jit(gauss.function))
        assert code_digest(partial(gauss.function, 1)) != code_digest(partial(gauss.function, 2))

    def test_fingerprints_follow_cycles_and_ignore_addresses(self):
        class Node:
            def __init__(self, value):
                self.value, self.children = value, [self, lambda: self]

        assert code_digest(Node(1)) == code_digest(Node(1))
        assert code_digest(Node(1)) != code_digest(Node(2))

    def test_bad_seeds_are_refused(self):
        for seed in (-1, 1.5, True):
            with pytest.raises(InputError, match="seed must be an integer"):
                trial(claim(), seed=seed)

    def test_pool_allots_slots_and_refuses_more(self):
        pool = ErrorPool(slots=3)
        control = claim(gauss, expected="refuted", reason="none")
        assert pool.allocate("a", claim(gauss, Point({}, (1.0, 2.0)))) == 2
        assert pool.allocate("a", claim(gauss, Point({}, (1.0, 2.0)))) == 2
        assert pool.allocate("b", control) == 0
        assert pool.family_wise == pytest.approx(2e-9)
        with pytest.raises(InputError, match="asks for 2 error slots and 1 of 3 are left"):
            pool.allocate("b", claim(gauss, Point({}, (1.0, 2.0))))
        assert ErrorPool().slots * 1e-9 == pytest.approx(1e-6)


class TestClaims:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"parameters": {}, "predicted": float("nan")}, "finite"),
            ({"parameters": {}, "predicted": "one"}, "must be a number"),
            ({"parameters": {}, "predicted": 1.0, "margin": -1.0}, "margin must be at least 0"),
            ({"parameters": {}, "predicted": 1.0, "resolution": 0.0}, "resolution must be above 0"),
            ({"parameters": {}, "predicted": (1.0, 2.0), "margin": (0.0,) * 3}, "3 components"),
            ({"parameters": {"f": print}, "predicted": 1.0}, "parameters.*must be a finite number, a text"),
            ({"parameters": {"x": float("inf")}, "predicted": 1.0}, "parameters.*must be a finite number"),
        ],
    )
    def test_points_are_checked_on_construction(self, arguments, message):
        with pytest.raises(InputError, match=message):
            Point(**arguments)

    def test_claims_are_checked_on_construction(self):
        for options, message in (
            ({"seeds": 0}, "seeds must be a positive integer"),
            ({"expected": "refuted"}, "must give the reason"),
            ({"expected": "maybe"}, "expected must be one of"),
        ):
            with pytest.raises(InputError, match=message):
                claim(**options)
        with pytest.raises(InputError, match="at least one grid point"):
            Claim("name", "", Mean(), gauss, (), 1)
        with pytest.raises(InputError, match="claim 'a claim': margin"):
            claim(gauss, Point({}, 1.0, margin=0.04))


class TestVerdict:
    def test_nothing_truthy(self):
        with pytest.raises(TypeError, match="no truth value"):
            bool(Verdict("supported", "", 0, 0))

    def test_precedence(self):
        def outcome(*names):
            return combine(Verdict(name, name, 0, 0) for name in names).outcome

        assert outcome("supported", "undecided", "invalid", "refuted") == "refuted"
        assert outcome("supported", "undecided", "invalid") == "invalid"
        assert outcome("supported", "undecided") == "undecided"
        assert outcome("supported", "supported") == "supported"
        with pytest.raises(InputError, match="no verdict"):
            combine(())


class TestSeeds:
    def test_host_seeds_are_distinct_and_additive(self):
        seeds = host_seeds((123, 456), 0, 5000)
        assert len(set(seeds)) == 5000
        assert all(0 <= seed < 2**32 for seed in seeds)
        assert host_seeds((123, 456), 0, 10) + host_seeds((123, 456), 10, 20) == seeds[:20]

    def test_keys_of_a_range_do_not_depend_on_how_it_is_cut(self):
        def data(start, stop):
            return np.asarray(jax.random.key_data(seed_range((1, 2), start, stop)))

        whole = data(0, 600)
        assert whole.shape == (600, 2)
        assert len(np.unique(whole, axis=0)) == 600
        assert np.array_equal(whole, np.concatenate([data(0, 5), data(5, 300), data(300, 600)]))

    def test_values_are_float64_and_the_setting_is_given_back(self):
        def settings():
            return jax.config.jax_enable_x64, jax.config.jax_default_matmul_precision

        with jax.enable_x64(False):
            before = settings()
            with float64():
                assert jnp.ones(()).dtype == jnp.float64
                recorded = environment()
                assert (recorded["x64"], recorded["matmul_precision"]) == (True, "highest")
            assert settings() == before == (False, None)
