"""Standard normal draws for many experiments from one compiled program.

Threefry costs more to compile than most of what is made of its draws, and every program that contains it
pays anew. Here it has a program of its own, and the draws are data of those that follow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

CHUNK = 16  # keys of one call: any number of seeds is served by one program
BLOCK = 4096  # draws of one key in one call: so is any number of draws

Program = Callable[..., jax.Array]


def in_chunks(program: Program, keys: jax.Array, size: int, *data: Any) -> Any:
    """program((CHUNK, size) draws, *data) over all keys, the last chunk filled up with spare ones.

    Returns the arrays that the program returns, as NumPy arrays with one row for each key.
    """
    words, arrays = np.asarray(jax.random.key_data(keys)), [jnp.asarray(one, float) for one in data]
    places = np.arange(-(-len(words) // CHUNK) * CHUNK).reshape(-1, CHUNK) % len(words)
    found = [jax.tree.map(np.asarray, program(normal_rows(words[rows], size), *arrays)) for rows in places]
    return jax.tree.map(lambda *parts: np.concatenate(parts)[: len(words)], *found)


def normal_rows(words: NDArray[np.uint32], size: int) -> NDArray[np.float64]:
    """Independent N(0, 1), shape (CHUNK, size); ``words`` are the (CHUNK, 2) words of threefry keys.

    The second word is displaced by the number of the block: threefry asks of its keys that they be distinct,
    which those of random seeds remain but for 2^-64.
    """
    steps = np.arange(-(-size // BLOCK), dtype=np.uint32)
    keys = [np.stack([words[:, 0], words[:, 1] ^ step], axis=1) for step in steps]
    return np.concatenate([np.asarray(_block(jnp.asarray(key))) for key in keys], axis=1)[:, :size]


@jax.jit
def _block(words: jax.Array) -> jax.Array:
    keys = jax.random.wrap_key_data(words, impl="threefry2x32")
    return jax.lax.map(lambda key: jax.random.normal(key, (BLOCK,), float), keys)


def over_draws(one: Callable[..., Any]) -> Program:
    """The jitted program that maps ``one(draws, *data)`` over the rows of draws, one after the other."""
    return jax.jit(lambda draws, *data: jax.lax.map(lambda row: one(row, *data), draws))
