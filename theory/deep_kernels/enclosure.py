r"""Deep kernels with certainty: the recursion through depth in ball arithmetic.

For the covariance K^1 = [[a, c], [c, b]] of the first preactivations of two inputs, and l = 1, ..., L,

    K^{l+1} = sigma_b^2 + sigma_w^2 E[s(u) s(v)],   Theta^{l+1} = K^{l+1} + sigma_w^2 E[s'(u) s'(v)] Theta^l,

(u, v) ~ N(0, K^l), Theta^1 = K^1, in the parametrization ``ntk``. In ``standard`` the gradients carry no
factors 1/width: Theta^1 = <x, y> + 1 and Theta^{l+1} = n_l E[s(u) s(v)] + 1 + sigma_w^2 E[s'(u) s'(v)]
Theta^l, with n_l the widths, and the ones only where there are biases. What enters a layer is a ball, and
so is what leaves it; nothing is rounded. Sources: Jacot, Gabriel and Hongler (2018), Theorem 1; Lee et al.
(2018), equations 4 and 5; Sohl-Dickstein et al. (2020), section 2, for ``standard``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from sympy import Expr, Rational, S, sqrt

from theory import balls
from theory.certified_expectations import CertifiedValues
from theory.errors import InputError, OutsideClass
from theory.gaussian.closed_values import ClosedValues
from theory.grammar.sizes import shown

DEEPEST = 1000
_GUARD_BITS = 40
PARAMETRIZATIONS = ("ntk", "standard")


class Values(Protocol):
    """Where the two expectations come from, and what they cost in precision."""

    closed: ClassVar[bool]
    bits_per_layer: ClassVar[int]
    attempts: ClassVar[int]

    def pair(self, a: Any, b: Any, c: Any) -> tuple[Any, Any]: ...

    def line(self, a: Any, t: Rational) -> tuple[Any, Any]: ...

    def proportional(self, t: Rational) -> Rational | None: ...


@dataclass(frozen=True)
class _Layer:
    """K^l and Theta^l; ``ratio`` is t where the second preactivation is exactly t times the first."""

    a: Any
    b: Any
    c: Any
    tangent: Any
    ratio: Rational | None


@dataclass(frozen=True)
class Recursion:
    """The architecture: ``depth`` hidden layers; ``widths`` = (n_0, ..., n_L) only for ``standard``.

    Raises InputError for what is not allowed.
    """

    depth: int
    weight_variance: Rational = S.One
    bias_variance: Rational = S.Zero
    parametrization: str = "ntk"
    widths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.depth, bool) or not isinstance(self.depth, int) or not 1 <= self.depth <= DEEPEST:
            raise InputError(
                f"depth {shown(self.depth)}: give a whole number of hidden layers from 1 to {DEEPEST}"
            )
        if not self.weight_variance > 0:
            raise InputError(f"weight variance {self.weight_variance}: give a number > 0")
        if not self.bias_variance >= 0:
            raise InputError(f"bias variance {self.bias_variance}: give a number >= 0")
        if self.parametrization not in PARAMETRIZATIONS:
            raise InputError(
                f"unknown parametrization {shown(self.parametrization)}: allowed are "
                f"{', '.join(PARAMETRIZATIONS)}"
            )
        wanted = self.depth + 1 if self.parametrization == "standard" else 0
        if len(self.widths) != wanted or any(width < 1 for width in self.widths):
            raise InputError(
                f"widths {self.widths}: the parametrization {self.parametrization} takes {wanted} of them"
                + (" >= 1, of the inputs and of each hidden layer" if wanted else "")
            )


def enclose_deep(
    activation: Expr,
    depth: int,
    weight_variance: Rational,
    bias_variance: Rational,
    a: Rational,
    b: Rational,
    c: Rational,
    digits: int,
    parametrization: str = "ntk",
    widths: Sequence[int] = (),
) -> tuple[Any, Any]:
    """Balls of the kernels (K^{L+1}, Theta^{L+1}) at (a, b, c), the covariance of the FIRST preactivations.

    ``activation`` is an expression in z. Singular covariances, c^2 = a b, are taken as limits. Closed forms:
    the precision is raised until both balls are relatively narrower than 10^-digits, at most four times.
    Others: twice, and what counts is 10^-digits relative to the mean squares. Look at the radius. The
    second is None for an activation that jumps. Raises InputError for bad input and where an expectation is
    infinite, OutsideClass for activations that cannot be treated, BallsUnavailable without python-flint.
    """
    recursion = Recursion(depth, weight_variance, bias_variance, parametrization, tuple(widths))
    require_covariance(a, b, c)
    return enclose(values_of(activation), recursion, (a, b, c), digits)


def values_of(activation: Expr) -> Values:
    """The closed forms of an activation where it has them, otherwise certified quadrature.

    Raises InputError for an activation that is not square integrable.
    """
    try:
        return ClosedValues(activation)
    except OutsideClass:
        return CertifiedValues(activation)


def enclose(
    values: Values, recursion: Recursion, covariance: tuple[Rational, Rational, Rational], digits: int
) -> tuple[Any, Any]:
    """The same from given expectations."""
    return _accurate(lambda: _through_depth(values, recursion, covariance), values, recursion.depth, digits)


def enclose_layer(
    values: Values, covariance: tuple[Rational, Rational, Rational], digits: int
) -> tuple[Any, Any]:
    """E[s(u) s(v)] and E[s'(u) s'(v)] at one covariance, as accurate as `enclose_deep`."""
    require_covariance(*covariance)
    ratio = _ratio(covariance)

    def layer() -> tuple[Any, Any]:
        a, b, c = _balls(covariance)
        return values.pair(a, b, c) if ratio is None else values.line(a, ratio)

    return _accurate(layer, values, 1, digits)


def _accurate(
    compute: Callable[[], tuple[Any, Any]], values: Values, layers: int, digits: int
) -> tuple[Any, Any]:
    """Two balls, computed with more bits until they are accurate or the attempts are used up."""
    if not balls.available():
        raise balls.BallsUnavailable("python-flint is missing")
    from flint import ctx

    bits = math.ceil(digits * math.log2(10)) + _GUARD_BITS + values.bits_per_layer * layers
    for doubling in range(values.attempts):
        with ctx.workprec(bits << doubling):
            found = compute()
        kernels = [kernel for kernel in found if kernel is not None]
        accurate = (kernel.rel_accuracy_bits() >= digits * math.log2(10) for kernel in kernels)
        if all(accurate) or (not values.closed and any(kernel.contains(0) for kernel in kernels)):
            break
    if not all(kernel.is_finite() for kernel in kernels):
        raise InputError("the kernel is infinite or undefined at this covariance: give other variances")
    return found


def _ratio(covariance: tuple[Rational, Rational, Rational]) -> Rational | None:
    """t where the second preactivation is t times the first, exactly."""
    a, b, c = covariance
    return c / a if c**2 == a * b else None


def _balls(covariance: tuple[Rational, Rational, Rational]) -> tuple[Any, Any, Any]:
    """Equal variances become the same ball, which is taken through the layers once."""
    a, b, c = map(balls.ball, covariance)
    return a, (a if covariance[0] == covariance[1] else b), c


def _through_depth(
    values: Values, recursion: Recursion, covariance: tuple[Rational, Rational, Rational]
) -> tuple[Any, Any]:
    a, b, c = _balls(covariance)
    layer = _Layer(a, b, c, _first_tangent(recursion, c), _ratio(covariance))
    for number in range(recursion.depth):
        layer = _next(values, recursion, layer, number + 1)
    return layer.c, layer.tangent


def _first_tangent(recursion: Recursion, c: Any) -> Any:
    if recursion.parametrization == "ntk":
        return c
    inner = (c - balls.ball(recursion.bias_variance)) / balls.ball(recursion.weight_variance)
    return _with_raw_gradients(recursion, inner, 0)


def _with_raw_gradients(recursion: Recursion, inner: Any, layer: int) -> Any:
    """The part of the last layer in the parametrization ``standard``: its inputs, summed, and its bias."""
    return recursion.widths[layer] * inner + (1 if recursion.bias_variance > 0 else 0)


def _next(values: Values, recursion: Recursion, layer: _Layer, number: int) -> _Layer:
    weight, bias = balls.ball(recursion.weight_variance), balls.ball(recursion.bias_variance)
    ratio = layer.ratio
    dual, moved = values.pair(layer.a, layer.b, layer.c) if ratio is None else values.line(layer.a, ratio)
    c = bias + weight * dual
    tangent = None
    if moved is not None and layer.tangent is not None:
        ntk = recursion.parametrization == "ntk"
        tangent = c if ntk else _with_raw_gradients(recursion, dual, number)
        tangent += weight * moved * layer.tangent
    if number == recursion.depth:  # no layer needs its variances
        return _Layer(c, c, c, tangent, None)
    a = c if ratio == 1 else bias + weight * values.line(layer.a, Rational(1))[0]
    b = a if layer.b is layer.a else bias + weight * values.line(layer.b, Rational(1))[0]
    return _Layer(a, b, c, tangent, _kept(values, recursion, ratio))


def _kept(values: Values, recursion: Recursion, ratio: Rational | None) -> Rational | None:
    """The ratio after the layer, where the two preactivations stay proportional."""
    after = None if ratio is None else values.proportional(ratio)
    return after if after == 1 or (after and recursion.bias_variance == 0) else None


def require_covariance(a: Rational, b: Rational, c: Rational) -> None:
    """Refuse what is no covariance matrix with positive variances. Raises InputError."""
    if a > 0 and b > 0 and c**2 <= a * b:
        return
    smallest = float((a + b - sqrt((a - b) ** 2 + 4 * c**2)) / 2)
    raise InputError(
        f"[[{a}, {c}], [{c}, {b}]] is not a positive semidefinite matrix with positive variances (smallest "
        f"eigenvalue {smallest:.6g}): give A > 0, B > 0 and C^2 <= A B"
    )
