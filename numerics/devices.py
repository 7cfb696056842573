"""What depends on the device: the precision of products, how many seeds and how large a tile at once.

On a CPU seeds run one after the other: the arrays of a single seed stay in the cache, and a seed's result
does not depend on its neighbors. (Programs so small that their overhead dominates, below about 0.1 ms a
seed, gain a factor of 2 to 4 from an explicit ``chunk`` of 16.) A GPU wants as many seeds side by side as
its memory holds.
"""

import math
from typing import Final

import jax
from jax import lax

from numerics.memory import free_bytes

# Accelerators multiply float32 matrices in reduced precision by default (relative error near 1e-3).
PRECISION: Final = lax.Precision.HIGHEST


def available_bytes(device: jax.Device) -> int:
    """Bytes that a computation may plan with on this device: half of what is free.

    The other half is left to compiler temporaries, which differ between a single and a batched program,
    and to other arrays of the caller.
    """
    return free_bytes(device) // 2


def maps_one_by_one(device: jax.Device) -> bool:
    """The switch: on a CPU seeds run one after the other, elsewhere in vectorized batches."""
    return device.platform == "cpu"


# Of a tile: on a CPU its six or so temporaries then stay in the last cache (tiles half as wide cost a fifth
# more with one layer, where writing dominates, and gain nothing with ten), on an accelerator it is large
# enough that launching kernels costs nothing.
_TILE_BYTES: Final = {"cpu": 1280 * 1024, "other": 128 * 1024**2}
_TEMPORARIES: Final = 16  # arrays of the size of a tile that are alive at once, at most


def tile_side(device: jax.Device, itemsize: int) -> int:
    """Rows and columns of the tiles in which a large matrix is computed elementwise on this device.

    On an accelerator with little free memory less, so that the temporaries fit in half of what is free.
    """
    if device.platform == "cpu":
        return math.isqrt(_TILE_BYTES["cpu"] // itemsize)
    return _accelerator_tile_side(device, itemsize)


def _accelerator_tile_side(device: jax.Device, itemsize: int) -> int:
    bounded = min(_TILE_BYTES["other"], available_bytes(device) // _TEMPORARIES)
    return max(math.isqrt(bounded // itemsize), 1)
