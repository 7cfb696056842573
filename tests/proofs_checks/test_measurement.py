"""What goes wrong while measuring is an outcome with its cause."""

import re
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from numerics.training import GradientDescent, train
from proofs_checks.experiment import batched, on_host
from proofs_checks.measurement import InvalidMeasurement, Measurement, host_seeds, seed_range
from proofs_checks.precision import float64

STREAM, SEEDS, STEPS = (3, 14), 64, 100


def cause(experiment, **parameters):
    """Why nothing can be decided by this experiment."""
    with float64(), pytest.raises(InvalidMeasurement) as refused:
        Measurement(experiment, parameters, 1).run(STREAM, 0, SEEDS)
    return str(refused.value)


def step_size(key):
    return jax.random.uniform(key, (), jnp.float64, minval=0.0, maxval=60.0)


def trained(key):
    """theta^2 after 100 steps on theta^2/2 from theta = 1: (1 - h)^200, beyond the doubles where h > 36."""
    final, _ = train(lambda theta: theta**2 / 2, GradientDescent(step_size(key)), jnp.ones(()), STEPS)
    return final.parameters**2


def first_overflow(size):
    """The first step k <= 100 with theta_k^2 beyond the doubles, in plain Python, or None."""
    theta = 1.0
    for step in range(STEPS + 1):
        if abs(theta) > sys.float_info.max**0.5:
            return step
        theta -= size * theta
    return None


def key_of(seed):
    return jax.random.key(seed, impl="threefry2x32")


def drawn_keys():
    return list(seed_range(STREAM, 0, SEEDS))


def host_keys():
    return [key_of(seed) for seed in host_seeds(STREAM, 0, SEEDS)]


@pytest.mark.parametrize(
    ("experiment", "keys"),
    [
        (trained, drawn_keys),
        (batched(jax.jit(jax.vmap(trained))), drawn_keys),
        (on_host(lambda seed: float(jax.jit(trained)(key_of(seed)))), host_keys),
    ],
    ids=["jax", "batched", "on host"],
)
def test_a_training_that_is_lost_is_named_with_its_step(experiment, keys):
    with float64():
        sizes = [step_size(key) for key in keys()]
        lost = [step for step in map(first_overflow, map(float, sizes)) if step is not None]
    assert 0 < len(lost) < SEEDS
    tally = f"{len(lost)} of 64 values are not finite (NaN or infinite)"
    assert cause(experiment) == f"{tally}, their training from step {min(lost)} on"


def test_without_a_training_there_is_no_step():
    assert cause(lambda key: jnp.log(-jnp.ones(()))) == "64 of 64 values are not finite (NaN or infinite)"


@pytest.mark.parametrize("kind", [jnp.float32, jnp.float16, jnp.bfloat16])
def test_single_precision_is_refused(kind):
    assert re.search("float", cause(lambda key: jax.random.normal(key, (), jnp.float32).astype(kind)))
    assert "float32" in cause(on_host(lambda seed: np.float32(seed)))


def test_counts_and_truths_are_exact_and_welcome():
    for experiment in (on_host(lambda seed: seed % 2 == 0), lambda key: jax.random.bits(key) % 7):
        with float64():
            assert Measurement(experiment, {}, 1).run(STREAM, 0, SEEDS).dtype == np.float64


def vast(key, count):
    return jnp.sum(jnp.sort(jax.random.normal(key, (count,))))


def greedy(seed, count):
    return float(np.ones(count).sum())


def bare(seed):
    raise MemoryError


def test_out_of_memory_is_named_with_what_is_known():
    assert re.fullmatch(r"out of memory: needs \d+\.\d GiB, \d+\.\d GiB are free", cause(vast, count=2**42))
    assert cause(on_host(greedy), count=2**47).startswith("out of memory: Unable to allocate 1.00 PiB")
    assert cause(on_host(bare)) == "out of memory: the experiment asked for more than there is"
    own = batched(lambda keys, count: np.asarray(jax.vmap(partial(vast, count=count))(keys)))
    assert cause(own, count=2**40).startswith("out of memory: ")
