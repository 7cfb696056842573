"""What depends on the device."""

import jax
import pytest

from numerics import devices, kernel_recursion


def test_a_tile_on_a_cpu_and_its_temporaries_stay_in_the_last_cache():
    """Six temporaries in 16 MiB, a small last-level cache; float32 tiles have as many bytes, not rows."""
    cpu = jax.devices("cpu")[0]
    sides = {itemsize: devices.tile_side(cpu, itemsize) for itemsize in (4, 8)}
    for itemsize, side in sides.items():
        assert 2**17 < side * side * itemsize <= 2**24 / 6
    assert sides[4] > sides[8]


@pytest.mark.parametrize(("free", "side"), [(2**36, 4096), (2**25, 362)])
def test_a_tile_on_an_accelerator_is_large_unless_its_memory_is_short(monkeypatch, free, side):
    """128 MiB a tile, or a sixteenth of half of what is free: 2^20 bytes hold 362.04^2 numbers."""
    monkeypatch.setattr(devices, "free_bytes", lambda _: free)
    assert devices._accelerator_tile_side(jax.devices()[0], 8) == side


@pytest.mark.parametrize(
    ("count", "tile", "side"), [(1000, 202, 200), (500, 202, 168), (7, 202, 7), (7, 3, 3)]
)
def test_tiles_are_even_and_cover_the_data(count, tile, side):
    assert kernel_recursion._even(count, tile) == side
    starts = kernel_recursion._starts(count, side)
    assert {row for start in starts for row in range(start, start + side)} == set(range(count))
