"""What depends on the device: the precision of products, and how many seeds are computed at once.

On a CPU seeds run one after the other: the arrays of a single seed stay in the cache, and a seed's result
does not depend on its neighbors. (Programs so small that their overhead dominates, below about 0.1 ms a
seed, gain a factor of 2 to 4 from an explicit ``chunk`` of 16.) A GPU wants as many seeds side by side as
its memory holds.
"""

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
