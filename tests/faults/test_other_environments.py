"""A store that was written elsewhere or otherwise: none of its cells is used, and the report says so."""

import random
from contextlib import nullcontext

import jax
import pytest

from proofs_checks import environment
from proofs_checks.claim import Claim, Point
from proofs_checks.comparators import Mean
from proofs_checks.experiment import on_host
from proofs_checks.judge import judge
from proofs_checks.precision import float64
from proofs_checks.store import open_store

CELLS = 3


def gauss(seed, mean):
    return random.Random(seed).gauss(mean, 1.0)


GRID = tuple(Point({"mean": float(mean)}, float(mean), resolution=1.0) for mean in range(CELLS))
CLAIM = Claim("means", "", Mean(), on_host(gauss), GRID, 64)


def run(path):
    """How many cells were measured, and what the store notes at the end of a run."""
    events = []
    with open_store(path) as store:
        judge(CLAIM, theorem="tests", store=store, seed=0, progress=events.append)
        with float64():
            store.name_strangers(environment.environment())
        return len(events), store.notes


@pytest.fixture
def path(tmp_path):
    assert run(tmp_path / "store.sqlite") == (CELLS, [])
    return tmp_path / "store.sqlite"


def patched(name, value):
    """A change by hand of what this machine cannot have another one of."""

    def change(monkeypatch):
        monkeypatch.setattr(environment, name, lambda: value)
        return nullcontext()

    return change


def variable(name, value):
    def change(monkeypatch):
        monkeypatch.setenv(name, value)
        return nullcontext()

    return change


ELSEWHERE = {
    "version of jax": patched("_versions", {**environment._versions(), "jax": "0.9.0"}),
    "version of python": patched("_versions", {**environment._versions(), "python": "3.13.0"}),
    "code of provenet": patched("source_digest", "0" * 64),
    "device": patched("device", "gpu:NVIDIA H100"),
    "processor": patched("processor", "aarch64"),
    "random keys of one's own": lambda monkeypatch: jax.default_prng_impl("rbg"),
    "partitioned random numbers": lambda monkeypatch: jax.threefry_partitionable(False),
    "promotion of types": lambda monkeypatch: jax.numpy_dtype_promotion("standard"),
    "no compiler": lambda monkeypatch: jax.disable_jit(),
    "flags of XLA": variable("XLA_FLAGS", "--xla_cpu_enable_fast_math=false"),
    "TF32": variable("NVIDIA_TF32_OVERRIDE", "1"),
}


@pytest.mark.parametrize("change", ELSEWHERE.values(), ids=ELSEWHERE)
def test_no_cell_of_another_environment_is_used(path, monkeypatch, change):
    with change(monkeypatch):
        measured, notes = run(path)
        assert measured == CELLS
        assert len(notes) == 1
        assert notes[0].startswith("the store also holds 3 cells measured with ")
        assert run(path) == (0, notes)
    monkeypatch.undo()
    # Back home, the first cells are as good as before.
    measured, notes = run(path)
    assert measured == 0
    assert notes[0].startswith("the store also holds 3 cells measured with ")


@pytest.mark.parametrize(
    "change",
    [
        lambda: jax.enable_x64(False),
        lambda: jax.default_matmul_precision("bfloat16"),
        lambda: jax.default_matmul_precision("tensorfloat32"),
    ],
    ids=["single precision", "bfloat16", "tensorfloat32"],
)
def test_the_precision_is_the_same_whatever_the_user_has_set(path, change):
    with change():
        assert run(path) == (0, [])


@pytest.mark.parametrize("setting", ["x64", "matmul_precision"])
def test_the_precision_belongs_to_the_environment_all_the_same(setting):
    with float64():
        inside = environment.environment()
    with jax.enable_x64(False), jax.default_matmul_precision("bfloat16"):
        assert environment.environment()[setting] != inside[setting]


def test_the_note_names_what_was_different():
    now = {"versions": {"jax": "0.10.2", "numpy": "2.4"}, "source": "a", "x64": True, "device": "cpu:cpu"}
    then = {"versions": {"jax": "0.9", "numpy": "2.4"}, "source": "b", "x64": False, "device": "gpu:H100"}
    assert environment.differences(then, now) == (
        "jax 0.9",
        "other source code",
        "x64 False",
        "device gpu:H100",
    )
    assert environment.differences(now, now) == ()
    assert environment.differences({}, {"processor": "x86"}) == ("processor unknown",)
    assert environment.differences({"xla_flags": ""}, {"xla_flags": "-O0"}) == ("no xla_flags",)
