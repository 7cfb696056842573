"""One function of one key, mapped over seeds: jitted once, in batches that fit, on every device of JAX.

Each device runs the same program over its share of the keys: a loop over batches of ``b`` keys, with one
key at a time where that is fastest (CPU) and ``b`` side by side where it is not (see
``numerics.devices``). The number of keys is data of the program, not part of its shape, so a second call
with more keys compiles nothing.

Memory is a prediction before it is a failure: a program that the compiler reports to need more than is free
is not launched but halved, first in the keys side by side, then in the keys of one call. So is one that the
device refuses all the same. ``OutOfMemory`` is raised when a single key does not fit.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Int, Key, PyTree

from numerics.devices import available_bytes, maps_one_by_one
from numerics.memory import OutOfMemory, free_bytes

Experiment = Callable[[Array], Any]

_AXIS: Final = "seeds"
_MOST_KEYS: Final = 1024  # keys of one call on one device; a bound on what an interrupt has to wait for
_BUFFER_BYTES: Final = 2**27  # results of one call on one device
_SMALL_BYTES: Final = 2**26  # asking what is free takes longer than a program of this size
_UNKNOWN_BYTES: Final = 2**28  # assumed need of a key where the compiler does not report it


def seed_keys(seed: int, *path: int, count: int, start: int = 0) -> Key[Array, " count"]:
    """Keys ``start``, ..., ``start + count - 1`` of the stream named by ``seed`` and ``path``.

    key_i = fold_in(fold_in(... fold_in(key(seed), path_1) ..., path_k), i), threefry: any part of a stream
    can be drawn again on its own, ``seed_keys(seed, stage, look, start=16, count=16)``. All integers
    must lie in [0, 2**32); raises ValueError otherwise.
    """
    if not all(0 <= number < 2**32 for number in (seed, *path, start, start + count)):
        raise ValueError(f"seed {seed}, path {path}, start {start}: integers in [0, 2**32) are allowed")
    stream = jax.random.key(jnp.uint32(seed), impl="threefry2x32")
    for number in path:
        stream = jax.random.fold_in(stream, jnp.uint32(number))
    return _folded_range(stream, jnp.uint32(start), count)


def map_seeds(
    function: Experiment, keys: Key[Array, " count"], *, chunk: int | None = None
) -> PyTree[np.ndarray]:
    """function(keys[i]) for every i, stacked along a first axis, as NumPy arrays on the host.

    ``chunk`` is the number of keys computed side by side on a device; by default 1 on a CPU and
    elsewhere as many as half of the free memory holds, predicted from the compiled program of one key.
    The order of the results is that of the keys. One key at a time, the results do not depend on how many
    others there are; side by side, and on several devices, they agree to rounding.

    Compiled once per function *object* (or per equal ``functools.partial`` with hashable arguments), chunk
    and set of devices: pass the same object again rather than a new lambda.

    Raises OutOfMemory, before anything is launched, where one key alone needs more than is free.
    """
    if keys.shape[0] == 0:
        raise ValueError("there are no keys to map over; give at least one (seed_keys with count >= 1)")
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk is {chunk}; give an integer >= 1, or None to choose by device and memory")
    devices = tuple(jax.local_devices())
    recipe = _Cached(function)
    batch = chunk or _batch_size(recipe, devices, keys.shape[0])
    plan = _fitted(recipe, devices, _Plan(batch, _capacity(recipe, batch)))
    while True:
        try:
            return _mapped(_program(recipe, devices, *plan), keys, len(devices), plan.capacity)
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            smaller = plan.halved()
            if smaller is None:
                alone = _bytes_needed(recipe, devices, 1, 1)
                raise OutOfMemory(alone, free_bytes(devices[0])) from error
            plan = smaller


@partial(jax.jit, static_argnames="count")
def _folded_range(stream: Array, start: Array, count: int) -> Array:
    return jax.vmap(lambda offset: jax.random.fold_in(stream, start + offset))(
        jnp.arange(count, dtype=jnp.uint32)
    )


class _Plan(NamedTuple):
    """Keys computed side by side, and keys of one call, on one device."""

    batch: int
    capacity: int

    def halved(self) -> "_Plan | None":
        """Half of the batch, or of the call where the batch is one key; None where both are."""
        if self.batch > 1:
            half = self.batch // 2
            return _Plan(half, self.capacity // half * half)
        return _Plan(1, self.capacity // 2) if self.capacity > 1 else None


class _Cached:
    """A function as a cache key: partials compare by what they hold, other functions by identity."""

    def __init__(self, function: Experiment) -> None:
        self.jitted = jax.jit(function)
        self.identity = _identity(function)

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Cached) and self.identity == other.identity


def _identity(function: Any) -> Any:
    precision = jax.numpy.zeros(()).dtype  # the same function is another program in double precision
    if isinstance(function, partial):
        arguments = (function.args, tuple(sorted(function.keywords.items())))
        try:
            hash(arguments)
        except TypeError:  # a list or an array among the arguments
            return (function, precision)
        return (function.func, arguments, repr(arguments), precision)  # repr tells 1 from 1.0 and True
    return (function, precision)


def _one_key() -> jax.ShapeDtypeStruct:
    return jax.eval_shape(lambda: jax.random.key(0, impl="threefry2x32"))


@lru_cache(maxsize=256)
def _result_shapes(recipe: _Cached) -> PyTree:
    return jax.eval_shape(recipe.jitted, _one_key())


@lru_cache(maxsize=256)
def bytes_per_seed(recipe: _Cached) -> int:
    """Predicted peak of one key, temporaries and results, as the compiler reports it."""
    analysis = recipe.jitted.lower(_one_key()).compile().memory_analysis()
    if analysis is None:  # a backend that does not report
        return _UNKNOWN_BYTES
    return max(1, analysis.temp_size_in_bytes + analysis.output_size_in_bytes)


def _batch_size(recipe: _Cached, devices: tuple[jax.Device, ...], count: int) -> int:
    if maps_one_by_one(devices[0]):
        return 1
    share = -(-count // len(devices))
    # Powers of two: a handful of programs serve every number of seeds.
    wanted = 1 << max(share - 1, 0).bit_length()
    affordable = max(1, available_bytes(devices[0]) // bytes_per_seed(recipe))
    return min(wanted, _MOST_KEYS, 1 << (affordable.bit_length() - 1))


def _fitted(recipe: _Cached, devices: tuple[jax.Device, ...], plan: _Plan) -> _Plan:
    """This plan, or the first of its halves that fits into what is free now."""
    while (needed := _bytes_needed(recipe, devices, *plan)) > _SMALL_BYTES:
        free = free_bytes(devices[0])
        if needed <= free:
            break
        smaller, alone = plan.halved(), _bytes_needed(recipe, devices, 1, 1)
        if smaller is None or alone > free:
            raise OutOfMemory(alone, free)
        plan = smaller
    return plan


@lru_cache(maxsize=256)
def _bytes_needed(recipe: _Cached, devices: tuple[jax.Device, ...], batch: int, capacity: int) -> int:
    """Predicted peak of one call on one device; 0 where the compiler does not report it.

    The compiled program is kept by JAX: the call itself compiles nothing.
    """
    slots = len(devices) * capacity
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0, impl="threefry2x32"), slots))
    counts = jax.eval_shape(lambda: jnp.zeros(len(devices), jnp.int32))
    program: Any = _program(recipe, devices, batch, capacity)
    analysis = program.lower(keys, counts).compile().memory_analysis()
    if analysis is None:
        return 0
    parts = (analysis.argument_size_in_bytes, analysis.output_size_in_bytes, analysis.temp_size_in_bytes)
    return sum(parts) - analysis.alias_size_in_bytes


def _capacity(recipe: _Cached, batch: int) -> int:
    """Keys of one call on one device: a multiple of the batch, bounded by count and by result bytes."""
    shapes = jax.tree.leaves(_result_shapes(recipe))
    result_bytes = sum(shape.size * shape.dtype.itemsize for shape in shapes)
    keys = min(_MOST_KEYS, _BUFFER_BYTES // max(result_bytes, 1))
    return max(1, keys // batch) * batch


@lru_cache(maxsize=64)
def _program(
    recipe: _Cached, devices: tuple[jax.Device, ...], batch: int, capacity: int
) -> Callable[[Array, np.ndarray], PyTree]:
    """(devices * capacity) keys and the (devices,) numbers of those that count -> results."""

    def on_one_device(keys: Array, count: Array) -> PyTree:
        def next_batch(index: Array, results: PyTree) -> PyTree:
            start = index * batch
            values = _evaluate(recipe.jitted, lax.dynamic_slice_in_dim(keys, start, batch))
            write = partial(lax.dynamic_update_slice_in_dim, start_index=start, axis=0)
            return jax.tree.map(write, results, values)

        empty = jax.tree.map(
            lambda shape: jnp.zeros((capacity, *shape.shape), shape.dtype), _result_shapes(recipe)
        )
        return lax.fori_loop(0, -(-count[0] // batch), next_batch, empty)

    if len(devices) == 1:
        return jax.jit(on_one_device)
    sharded = PartitionSpec(_AXIS)  # type: ignore[no-untyped-call]  # JAX leaves this constructor untyped
    # Nothing is exchanged between devices, so there is no replication to check.
    return jax.jit(
        jax.shard_map(
            on_one_device,
            mesh=Mesh(np.array(devices), (_AXIS,)),
            in_specs=(sharded, sharded),
            out_specs=sharded,
            check_vma=False,
        )
    )


def _mapped(
    program: Callable[[Array, np.ndarray], PyTree],
    keys: Key[Array, " count"],
    devices: int,
    capacity: int,
) -> PyTree[np.ndarray]:
    parts = [
        _collect(program(part_keys, counts), counts) for part_keys, counts in _shares(keys, devices, capacity)
    ]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def _evaluate(function: Experiment, keys: Array) -> PyTree:
    if keys.shape[0] > 1:
        return jax.vmap(function)(keys)
    return jax.tree.map(lambda value: value[None], function(keys[0]))


def _shares(
    keys: Array, devices: int, capacity: int
) -> Iterator[tuple[Key[Array, " slots"], Int[np.ndarray, " devices"]]]:
    """Keys in calls of equal shape, spread evenly over the devices; spare slots repeat a key."""
    data = np.asarray(jax.random.key_data(keys))
    for start in range(0, len(data), devices * capacity):
        part = data[start : start + devices * capacity]
        share = -(-len(part) // devices)
        counts = np.clip(len(part) - share * np.arange(devices), 0, share).astype(np.int32)
        slots = share * np.arange(devices)[:, None] + np.arange(capacity)
        padded = part[np.minimum(slots, len(part) - 1).ravel()]
        yield jax.random.wrap_key_data(jnp.asarray(padded), impl="threefry2x32"), counts


def _collect(results: PyTree, counts: Int[np.ndarray, " devices"]) -> PyTree[np.ndarray]:
    def without_spares(leaf: Array) -> np.ndarray:
        # A failed computation raises here; converted at once it would abort the process.
        leaf.block_until_ready()
        shares = np.asarray(leaf).reshape(len(counts), -1, *leaf.shape[1:])
        return np.concatenate([share[:count] for share, count in zip(shares, counts, strict=True)])

    return jax.tree.map(without_spares, results)
