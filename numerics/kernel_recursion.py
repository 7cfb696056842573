r"""Kernels of infinitely wide, fully connected networks, in tiles that stay in cache through all layers.

From a layer's dual kernel kappa = E[s(u) s(v)] and derivative kernel kappa' = E[s'(u) s'(v)] as functions of
the covariance of the preactivations u, v at two inputs, given as plain callables,

    K^1 = sigma_b^2 + sigma_w^2 x.y/d,             K^{l+1} = sigma_b^2 + sigma_w^2 kappa(K^l),
    Theta^1 = K^1,                                 Theta^{l+1} = K^{l+1} + sigma_w^2 kappa'(K^l) Theta^l

in the ``ntk`` parametrization; in the ``standard`` one, with 1_b = 1 where there are biases and 0 otherwise,

    Theta^1 = x.y + 1_b,                           Theta^{l+1} = n_l kappa + 1_b + sigma_w^2 kappa' Theta^l.

``depth`` hidden layers and a linear readout: the results are K^{depth+1} and Theta^{depth+1}. What belongs to
one input is computed once per input. Sources: Lee et al. (2018), section 2.3; Jacot, Gabriel and Hongler
(2018), theorem 1; Sohl-Dickstein, Novak, Schoenholz and Lee (2020), section 3.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp

from numerics.devices import tile_side
from numerics.elementary import once, root
from numerics.geometry import area_matrix
from numerics.memory import OutOfMemory, free_bytes

_ASKED_ABOVE: Final = 2**27  # bytes of result from which on the free memory is looked up

# Below this squared sine of the angle, a b - c^2 is too inaccurate: its error is a few units of rounding,
# and a kernel that vanishes like the third power of the angle shall keep 13, or in float32 5, digits.
_SMALL: Final = {"float64": 0.02, "float32": 0.3}

Pair = tuple[jax.Array, jax.Array]


class Layer(NamedTuple):
    """What a layer does, as plain callables; arrays of variances have shape (n,).

    prepare: variances -> what `pair` needs of one input, a tree of arrays whose first axis has length n.
    diagonal: variances -> kappa and kappa' of equal inputs.
    pair: (trees of the row inputs, leaves (n, 1, ...), of the column inputs, (1, m, ...), covariances (n, m))
        -> kappa and kappa'.
    careful: for kernels with a kink at parallel inputs. (rows, columns, covariances, areas) -> kappa, kappa'
        and 1 - rho^2, with rho = kappa divided by its values at equal inputs; all without cancellation.
    """

    prepare: Callable[[jax.Array], Any]
    diagonal: Callable[[jax.Array], Pair]
    pair: Callable[[Any, Any, jax.Array], Pair]
    careful: Callable[[Any, Any, jax.Array, jax.Array], tuple[jax.Array, jax.Array, jax.Array]] | None = None


@dataclass(frozen=True)
class Recursion:
    """A network: ``widths`` = (n_1, ..., n_depth) selects the standard parametrization, () the ntk one."""

    layer: Layer
    depth: int
    weight_variance: float = 1.0
    bias_variance: float = 0.0
    widths: tuple[int, ...] = ()
    input_scaling: bool = True


class _Inputs(NamedTuple):
    """Inputs with a further coordinate for the bias, and what the layers do to each of them."""

    vectors: jax.Array  # (n, d), unscaled: rounding a scaled copy would turn the vectors
    features: Any  # leaves (depth, n, ...)
    variances: jax.Array  # (depth, n), of the preactivations
    roots: jax.Array  # (depth, n), of sigma_w^2 kappa
    covariance: jax.Array  # (n,), K^{depth+1} at equal inputs
    tangent: jax.Array  # (n,)


def pair(recursion: Recursion, x: jax.Array, y: jax.Array) -> Pair:
    """Both kernels of two vectors of shape (d,), as scalars."""
    rows, columns = prepared(recursion, x[None]), prepared(recursion, y[None])
    values = _tile(recursion, rows, columns, _always)
    return values[0][0, 0], values[1][0, 0]


def matrices(
    recursion: Recursion, rows: jax.Array, columns: jax.Array | None = None, tile: int | None = None
) -> Pair:
    """Both kernels of rows (n, d) with columns (m, d), of shape (n, m); with themselves if there are none.

    ``tile`` rows and columns at a time, at most; the device decides by default. Jittable and differentiable.
    Raises OutOfMemory before anything is allocated if the results do not fit.
    """
    itemsize = jnp.dtype(rows.dtype).itemsize
    count = len(rows) if columns is None else len(columns)
    require_memory(2 * len(rows) * count * itemsize)
    return _matrices(recursion, rows, columns, tile or tile_side(jax.devices()[0], itemsize))


def blocks(
    recursion: Recursion, rows: jax.Array, columns: jax.Array | None = None, size: int = 1024
) -> Iterator[tuple[slice, Pair]]:
    """The same, ``size`` rows at a time: (which rows, (K, Theta) of them, each of shape (<= size, m))."""
    others = rows if columns is None else columns
    for start in range(0, len(rows), size):
        chosen = slice(start, min(start + size, len(rows)))
        yield chosen, matrices(recursion, rows[chosen], others)


def require_memory(needed: int) -> None:
    """Raise OutOfMemory unless there are so many bytes, and a tenth more, free."""
    if needed < _ASKED_ABOVE:
        return
    free = free_bytes(jax.devices()[0])
    if 1.1 * needed > free:
        raise OutOfMemory(needed, free, "take the rows in blocks, by `blocks`, and reduce or store each")


def _tangent_gains(recursion: Recursion) -> tuple[jax.Array, float]:
    """Theta^{l+1} = gain_l kappa + offset + sigma_w^2 kappa' Theta^l."""
    if recursion.widths:
        return jnp.asarray(recursion.widths, float), float(recursion.bias_variance > 0)
    return jnp.full((recursion.depth,), recursion.weight_variance, float), recursion.bias_variance


def _first_scale(recursion: Recursion, dimension: int) -> float:
    return recursion.weight_variance / (dimension if recursion.input_scaling else 1)


def _first_tangent(recursion: Recursion, covariance: jax.Array, dimension: int) -> jax.Array:
    if not recursion.widths:
        return covariance
    inner = (covariance - recursion.bias_variance) / _first_scale(recursion, dimension)
    return inner + float(recursion.bias_variance > 0)


def prepared(recursion: Recursion, inputs: jax.Array) -> _Inputs:
    """All that belongs to one input: O(n depth) work."""
    count, dimension = inputs.shape
    scale = _first_scale(recursion, dimension)
    bias = jnp.full((count, 1), (recursion.bias_variance / scale) ** 0.5, inputs.dtype)
    vectors = jnp.concatenate([inputs, bias], axis=1) if recursion.bias_variance else inputs
    first = scale * jnp.sum(vectors * vectors, axis=1)
    gains, offset = _tangent_gains(recursion)

    def step(state: Pair, gain: jax.Array) -> Any:
        variance, tangent = state
        dual, slope = recursion.layer.diagonal(variance)
        own = recursion.weight_variance * dual
        after = gain * dual + offset + recursion.weight_variance * slope * tangent
        outputs = (recursion.layer.prepare(variance), variance, root(own))
        return (recursion.bias_variance + own, after), outputs

    start = (first, _first_tangent(recursion, first, dimension))
    last, through = jax.lax.scan(step, start, gains.astype(inputs.dtype))
    features, variances, roots = through
    return _Inputs(vectors, features, variances, roots, last[0], last[1])


@partial(jax.jit, static_argnums=(0, 3))
def _matrices(recursion: Recursion, rows: jax.Array, columns: jax.Array | None, tile: int) -> Pair:
    symmetric = columns is None
    left = prepared(recursion, rows)
    right = left if columns is None else prepared(recursion, columns)
    shape = (len(left.vectors), len(right.vectors))
    height, width = (_even(count, tile) for count in shape)
    starts = _starts(shape[0], height), _starts(shape[1], width)
    places = [(i, j) for i in starts[0] for j in starts[1] if not symmetric or i <= j]

    def add(results: Pair, place: jax.Array) -> tuple[Pair, None]:
        i, j = place[0], place[1]
        ours, theirs = _cut(left, i, height), _cut(right, j, width)
        equal = (i + jnp.arange(height))[:, None] == j + jnp.arange(width) if symmetric else None
        values = _tile(recursion, ours, theirs, partial(_if_small, equal))
        if equal is not None:
            values = _with_diagonal(equal, values, ours)
        updated = [jax.lax.dynamic_update_slice(r, v, (i, j)) for r, v in zip(results, values, strict=True)]
        if symmetric:
            updated = [
                jax.lax.dynamic_update_slice(r, v.T, (j, i)) for r, v in zip(updated, values, strict=True)
            ]
        return (updated[0], updated[1]), None

    empty = jnp.zeros(shape, left.vectors.dtype)
    return jax.lax.scan(add, (empty, empty), jnp.asarray(places))[0]


def _even(count: int, tile: int) -> int:
    """The side of as few equal tiles as cover the data, a multiple of 4 where possible."""
    side = -(-count // -(-count // tile)) if count else 1
    return min(-(-side // 4) * 4, tile, max(count, 1))


def _starts(count: int, tile: int) -> list[int]:
    """Where tiles start; the last one ends with the data, so that no tile is padded."""
    return [min(start, max(count - tile, 0)) for start in range(0, count, tile)]


def _cut(inputs: _Inputs, start: jax.Array, count: int) -> _Inputs:
    def along(axis: int) -> Callable[[jax.Array], jax.Array]:
        return lambda array: jax.lax.dynamic_slice_in_dim(array, start, count, axis)

    return _Inputs(
        along(0)(inputs.vectors),
        jax.tree.map(along(1), inputs.features),
        along(1)(inputs.variances),
        along(1)(inputs.roots),
        along(0)(inputs.covariance),
        along(0)(inputs.tangent),
    )


def _with_diagonal(equal: jax.Array, values: Pair, inputs: _Inputs) -> Pair:
    return (
        jnp.where(equal, inputs.covariance[:, None], values[0]),
        jnp.where(equal, inputs.tangent[:, None], values[1]),
    )


def _always(fast: Callable[[], Any], careful: Callable[[], Pair]) -> Pair:
    return careful()


def _if_small(equal: jax.Array | None, fast: Callable[[], Any], careful: Callable[[], Pair]) -> Pair:
    """The careful values where the fast ones report an angle near 0 or pi, except at equal inputs."""
    values, small = fast()
    needed = jnp.any(small if equal is None else small & ~equal)
    return jax.lax.cond(needed, careful, lambda: values)


def _tile(
    recursion: Recursion,
    rows: _Inputs,
    columns: _Inputs,
    choose: Callable[[Callable[[], Any], Callable[[], Pair]], Pair],
) -> Pair:
    dimension = rows.vectors.shape[1] - bool(recursion.bias_variance)
    scale = _first_scale(recursion, dimension)
    inner = scale * jnp.matmul(rows.vectors, columns.vectors.T, precision="highest")
    tangent = _first_tangent(recursion, inner, dimension)
    layers = _layers(recursion, rows, columns, inner.dtype)
    if recursion.layer.careful is None:
        c, t = _fast(recursion, layers, inner, tangent)[0]
        return once(c), once(t)
    return choose(
        lambda: _fast(recursion, layers, inner, tangent),
        lambda: _careful(
            recursion,
            layers,
            inner,
            tangent,
            scale * area_matrix(rows.vectors, columns.vectors, inner / scale),
        ),
    )


def _layers(recursion: Recursion, rows: _Inputs, columns: _Inputs, dtype: Any) -> Any:
    """Per layer: the gain of the tangent kernel, then features, variances and roots of rows and columns."""
    ours = jax.tree.map(lambda leaf: leaf[:, :, None], (rows.features, rows.variances, rows.roots))
    theirs = jax.tree.map(lambda leaf: leaf[:, None, :], (columns.features, columns.variances, columns.roots))
    return _tangent_gains(recursion)[0].astype(dtype), ours, theirs


def _fast(recursion: Recursion, layers: Any, covariance: jax.Array, tangent: jax.Array) -> tuple[Pair, Any]:
    """Both kernels, and where the first or the last layer sees an angle near 0 or pi.

    The correlation of two inputs moves monotonically through the layers, so that these two tell.
    """
    _, offset = _tangent_gains(recursion)

    def step(state: tuple[jax.Array, jax.Array, jax.Array], layer: Any) -> Any:
        c, t, _ = state
        gain, (ours, _, _), (theirs, _, _) = layer
        dual, slope = recursion.layer.pair(ours, theirs, c)
        after = gain * dual + offset + recursion.weight_variance * slope * t
        return (recursion.bias_variance + recursion.weight_variance * dual, after, c), None

    start = (covariance, tangent, covariance)
    if recursion.depth == 1:
        (c, t, last), _ = step(start, jax.tree.map(lambda leaf: leaf[0], layers))
    else:
        (c, t, last), _ = jax.lax.scan(step, start, layers)
    if recursion.layer.careful is None:
        return (c, t), None
    _, (_, a, _), (_, b, _) = layers
    bound = 1 - _SMALL[c.dtype.name]
    small = (covariance**2 > bound * (a[0] * b[0])) | (last**2 > bound * (a[-1] * b[-1]))
    return (c, t), small


def _careful(
    recursion: Recursion, layers: Any, covariance: jax.Array, tangent: jax.Array, area: jax.Array
) -> Pair:
    """The same, with the area sqrt(a b - c^2) of the next layer from terms that are all positive.

    With P = sqrt(sigma_w^2 kappa(a, a, a)), Q the same of b, and rho = sigma_w^2 kappa / (P Q):
    a' b' - c'^2 = sigma_b^2 ((P - Q)^2 + 2 P Q (1 - rho)) + (P Q)^2 (1 - rho^2).
    """
    careful = recursion.layer.careful
    assert careful is not None
    _, offset = _tangent_gains(recursion)

    def step(state: tuple[jax.Array, jax.Array, jax.Array], layer: Any) -> Any:
        c, t, surface = state
        gain, (ours, _, p), (theirs, _, q) = layer
        dual, slope, rest = careful(ours, theirs, c, surface)
        product = p * q
        rho = recursion.weight_variance * dual / jnp.where(product > 0, product, 1)
        below = jnp.where(rho > 0, rest / (1 + jnp.maximum(rho, 0)), 1 - rho)
        spread = recursion.bias_variance * ((p - q) ** 2 + 2 * product * below)
        after = gain * dual + offset + recursion.weight_variance * slope * t
        following = root(spread + product**2 * rest)
        return (recursion.bias_variance + recursion.weight_variance * dual, after, following), None

    return jax.lax.scan(step, (covariance, tangent, area), layers)[0][:2]
