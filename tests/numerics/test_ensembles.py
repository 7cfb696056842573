import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from numerics import ensembles
from numerics.ensembles import map_seeds, seed_keys
from numerics.memory import OutOfMemory


def experiment(key, size=3, scale=1.0):
    matrix = jax.random.normal(key, (size, size))
    return {"eigenvalues": scale * jnp.linalg.eigvalsh(matrix + matrix.T), "trace": jnp.trace(matrix)}


def loop(function, keys):
    results = [jax.jit(function)(key) for key in keys]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *results)


def assert_equal(first, second, tolerance=0.0):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=0, atol=tolerance), first, second)


def test_map_vs_a_python_loop():
    keys = seed_keys(0, count=7)
    # The compiler may fuse the same program differently in another loop: roundings of numbers of order one.
    assert_equal(map_seeds(experiment, keys), loop(experiment, keys), tolerance=1e-14)


@pytest.mark.parametrize("chunk", [2, 3, 5, 64])
def test_chunks_that_do_not_divide_the_count(chunk):
    keys = seed_keys(0, count=7)
    assert_equal(map_seeds(experiment, keys, chunk=chunk), map_seeds(experiment, keys), tolerance=1e-14)


def test_one_at_a_time_the_other_seeds_do_not_matter():
    keys = seed_keys(0, count=20)
    whole = map_seeds(experiment, keys)
    parts = [map_seeds(experiment, keys[:3]), map_seeds(experiment, keys[3:])]
    assert_equal(whole, jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts))


def test_more_seeds_than_one_call_holds(monkeypatch):
    keys = seed_keys(0, count=23)
    expected = map_seeds(experiment, keys)
    monkeypatch.setattr(ensembles, "_MOST_KEYS", 4)
    assert_equal(map_seeds(experiment, keys), expected)


def test_large_results_make_short_calls(monkeypatch):
    recipe = ensembles._Cached(partial(experiment, size=5))
    monkeypatch.setattr(ensembles, "_BUFFER_BYTES", 6 * 8 * 10)  # five eigenvalues and a trace, ten times
    assert ensembles._capacity(recipe, 1) == 10
    assert ensembles._capacity(recipe, 4) == 8


def test_more_seeds_compile_nothing():
    traces = []

    def traced(key):
        traces.append(None)
        return jax.random.normal(key)

    for count in (3, 5, 40):
        map_seeds(traced, seed_keys(1, count=count))
    assert len(traces) == 1


def test_equal_partials_compile_once_and_different_ones_are_told_apart():
    traces = []

    def traced(key, factor):
        traces.append(factor)
        return factor * jax.random.normal(key)

    keys = seed_keys(1, count=2)
    single = map_seeds(partial(traced, factor=1.0), keys)
    np.testing.assert_array_equal(map_seeds(partial(traced, factor=1.0), keys), single)
    assert traces == [1.0]
    np.testing.assert_array_equal(map_seeds(partial(traced, factor=2.0), keys), 2 * single)
    map_seeds(partial(traced, factor=1), keys)  # equal to 1.0, yet another program
    assert traces == [1.0, 2.0, 1]


def test_precision_is_part_of_the_program():
    keys = seed_keys(1, count=2)
    assert map_seeds(experiment, keys)["trace"].dtype == np.float64
    with jax.enable_x64(False):
        assert map_seeds(experiment, seed_keys(1, count=2))["trace"].dtype == np.float32


@pytest.fixture
def accelerator(monkeypatch):
    """The other side of the switch, on this machine's CPU."""
    monkeypatch.setattr(ensembles, "maps_one_by_one", lambda device: False)
    monkeypatch.setattr(ensembles, "available_bytes", lambda device: 10_000)


def test_side_by_side_vs_one_at_a_time(accelerator):
    keys = seed_keys(0, count=11)
    assert_equal(map_seeds(experiment, keys), loop(experiment, keys), tolerance=1e-14)


@pytest.mark.parametrize(("count", "batch"), [(1, 1), (3, 4), (4, 4), (9, 16), (10_000, 64)])
def test_batches_are_powers_of_two_that_fit(accelerator, monkeypatch, count, batch):
    monkeypatch.setattr(ensembles, "bytes_per_seed", lambda recipe: 100)  # 100 fit, 64 is the power below
    recipe = ensembles._Cached(experiment)
    assert ensembles._batch_size(recipe, tuple(jax.local_devices()[:1]), count) == batch


def test_predicted_bytes_cover_the_arrays_of_a_seed():
    def large(key):
        return jnp.sum(jnp.sort(jax.random.normal(key, (1000, 100))))

    predicted = ensembles.bytes_per_seed(ensembles._Cached(large))
    # One float64 array at least; a handful at most.
    assert 800_000 <= predicted <= 8_000_000


def sorting(key, count):
    return jnp.sum(jnp.sort(jax.random.normal(key, (count,))))


def test_what_cannot_fit_is_refused_before_it_is_launched(monkeypatch):
    def launched(*arguments):
        raise AssertionError("launched")

    monkeypatch.setattr(ensembles, "_mapped", launched)
    with pytest.raises(OutOfMemory, match=r"^needs \d{5}\.\d GiB, \d+\.\d GiB are free$") as refused:
        map_seeds(partial(sorting, count=2**42), seed_keys(0, count=4))
    assert refused.value.needed >= 8 * 2**42  # one float64 array at least


def test_batches_are_halved_until_the_prediction_fits(accelerator, monkeypatch):
    monkeypatch.setattr(ensembles, "available_bytes", lambda device: 2**60)
    recipe = ensembles._Cached(partial(sorting, count=2**20))  # 8 MiB an array
    devices = tuple(jax.local_devices()[:1])
    wanted = ensembles._Plan(16, 1024)
    assert ensembles._fitted(recipe, devices, wanted) == wanted
    needs = [ensembles._bytes_needed(recipe, devices, batch, 1024) for batch in (16, 8, 4)]
    assert needs[0] > needs[1] > needs[2] >= 4 * 8 * 2**20
    monkeypatch.setattr(ensembles, "free_bytes", lambda device: needs[2])
    assert ensembles._fitted(recipe, devices, wanted) == (4, 1024)
    assert ensembles._Plan(5, 15).halved() == (2, 14)  # whole batches
    assert ensembles._Plan(1, 5).halved() == (1, 2)
    assert ensembles._Plan(1, 1).halved() is None


def test_a_device_that_runs_out_of_memory_is_asked_for_less(accelerator, monkeypatch):
    keys, asked, mapped = seed_keys(0, count=11), [], ensembles._mapped
    expected = map_seeds(experiment, keys, chunk=1)

    def scarce(program, keys, devices, capacity):
        asked.append(capacity)
        if len(asked) < 4:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 3 bytes")
        return mapped(program, keys, devices, capacity)

    monkeypatch.setattr(ensembles, "_mapped", scarce)
    # 4 side by side, 2, one, and one in calls of half the length.
    assert_equal(map_seeds(experiment, keys, chunk=4), expected, tolerance=1e-14)
    assert asked == [1024, 1024, 1024, 512]


def test_a_key_that_runs_out_of_memory_all_the_same_is_named(monkeypatch):
    monkeypatch.setattr(ensembles, "free_bytes", lambda device: 2**70)  # a prediction that errs
    with pytest.raises(OutOfMemory, match="needs"):
        map_seeds(partial(sorting, count=2**42), seed_keys(0, count=2))


def test_other_errors_of_the_device_pass_through(monkeypatch):
    def broken(*arguments):
        raise jax.errors.JaxRuntimeError("INTERNAL: broken")

    monkeypatch.setattr(ensembles, "_mapped", broken)
    with pytest.raises(jax.errors.JaxRuntimeError, match="broken"):
        map_seeds(experiment, seed_keys(0, count=2))


SHARDED = """
import jax, numpy as np
from tests.numerics.test_ensembles import experiment
from numerics.ensembles import map_seeds, seed_keys
assert len(jax.devices()) == 3
for name, count, chunk in (("a", 1, None), ("b", 7, None), ("c", 11, 2)):
    for leaf, values in map_seeds(experiment, seed_keys(0, count=count), chunk=chunk).items():
        print(name, leaf, *(value.hex() for value in np.ravel(values).tolist()))
"""


def test_sharded_over_three_devices_vs_one(monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "3")
    run = subprocess.run([sys.executable, "-c", SHARDED], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    lines = {tuple(words[:2]): words[2:] for words in map(str.split, run.stdout.splitlines())}
    for name, count in (("a", 1), ("b", 7), ("c", 11)):
        for leaf, values in map_seeds(experiment, seed_keys(0, count=count)).items():
            sharded = [float.fromhex(word) for word in lines[name, leaf]]
            # Sharded programs agree to rounding, not bit by bit.
            np.testing.assert_allclose(sharded, np.ravel(values), rtol=0, atol=1e-14)


def test_seed_keys_vs_folding_by_hand():
    stream = jax.random.fold_in(jax.random.fold_in(jax.random.key(5, impl="threefry2x32"), 1), 2)
    expected = [jax.random.key_data(jax.random.fold_in(stream, index)) for index in (3, 4, 5)]
    keys = seed_keys(5, 1, 2, start=3, count=3)
    np.testing.assert_array_equal(jax.random.key_data(keys), np.stack(expected))


def test_streams_do_not_meet():
    streams = [
        seed_keys(0, count=50),
        seed_keys(1, count=50),
        seed_keys(0, 1, count=50),
        seed_keys(0, 0, 1, count=50),
    ]
    data = np.concatenate([jax.random.key_data(stream) for stream in streams])
    assert len(np.unique(data, axis=0)) == 200


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: seed_keys(-1, count=2), r"seed -1.*2\*\*32"),
        (lambda: seed_keys(2**32, count=2), r"seed 4294967296"),
        (lambda: map_seeds(experiment, seed_keys(0, count=2), chunk=0), "chunk is 0"),
        (lambda: map_seeds(experiment, seed_keys(0, count=0)), "no keys"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
