"""Gradient flow, d theta / dt = - gradient of L(theta), to a stated tolerance."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, PyTree

Solver = Literal["explicit", "implicit"]
_SOLVERS = {"explicit": diffrax.Dopri8, "implicit": diffrax.Kvaerno5}


class Flow(NamedTuple):
    """Parameters along the flow, stacked at ``times``; infinite from where the solver gave up on.

    ``steps`` counts the steps that the solver tried, the rejected ones among them.
    """

    times: Float[Array, " times"]
    parameters: PyTree
    completed: Bool[Array, ""]
    steps: Int[Array, ""]


def gradient_flow(
    loss: Callable[[Any], Array],
    parameters: PyTree,
    times: Float[Array, " times"],
    *,
    relative_tolerance: float = 1e-8,
    absolute_tolerance: float = 1e-10,
    solver: Solver = "explicit",
    maximum_steps: int = 100_000,
) -> Flow:
    """theta(t) at increasing ``times`` >= 0, with theta(0) = ``parameters``.

    The adaptive solver keeps its local error estimate below absolute + relative * |theta| at every step;
    ``explicit`` is Dormand-Prince 8(7), ``implicit`` (for stiff losses) Kvaerno 5(4). Whether the last
    time was reached is a value, not an exception, so that the flow may be mapped over seeds.

    Explicit steps stay bound to the largest curvature, also on plateaus. Implicit ones cross in few steps
    those that last a power of 1 / |theta(0)|; record them at ``logarithmic_times``. Raises ValueError
    when the tolerance is beyond the floating-point type of the parameters.
    """
    finest = 10 * max(float(np.finfo(leaf.dtype).eps) for leaf in jax.tree.leaves(parameters))
    if relative_tolerance < finest:
        message = f"relative_tolerance is {relative_tolerance}; these parameters allow {finest:.1e} or more"
        raise ValueError(f"{message}: use float64 (jax_enable_x64) or a larger tolerance")

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(_velocity),
        _SOLVERS[solver](),
        t0=0.0,
        t1=times[-1],
        dt0=None,
        y0=parameters,
        args=loss,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=_controller(relative_tolerance, absolute_tolerance, times),
        max_steps=maximum_steps,
        throw=False,
    )
    completed = jnp.asarray(solution.result == diffrax.RESULTS.successful)
    return Flow(times, solution.ys, completed, jnp.asarray(solution.stats["num_steps"]))


def logarithmic_times(first: float, last: float, count: int) -> Float[np.ndarray, " times"]:
    """0 and ``count`` times from ``first`` to ``last`` with a constant ratio: plateaus become equally wide.

    Raises ValueError unless 0 < first < last and count >= 2.
    """
    if not (0 < first < last and count >= 2):
        raise ValueError(f"first {first}, last {last}, count {count}; give 0 < first < last and count >= 2")
    return np.concatenate([[0.0], np.geomspace(first, last, count)])


def _controller(
    relative: float, absolute: float, times: Float[Array, " times"]
) -> diffrax.AbstractStepSizeController[Any, Any]:
    """Steps end at the times asked for: interpolation between steps is of lower order than the steps.

    Tolerances are arrays, so that a second call compiles nothing; neither does another loss, an argument.
    """
    adaptive = diffrax.PIDController(rtol=jnp.asarray(relative), atol=jnp.asarray(absolute))
    return diffrax.ClipStepSizeController(adaptive, step_ts=times)


def _velocity(_: Any, parameters: PyTree, loss: Callable[[Any], Array]) -> PyTree:
    return jax.tree.map(jnp.negative, jax.grad(loss)(parameters))
