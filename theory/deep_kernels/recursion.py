r"""The recursions of the Gaussian-process kernel and of the tangent kernel, layer by layer, as equations.

With kappa = E[s(u) s(v)] and kappa' = E[s'(u) s'(v)] for (u, v) ~ N(0, [[a, c], [c, b]]), the preactivations
of layer l at inputs x and y have in the limit of wide layers the covariance K^l = [[a_l, c_l], [c_l, b_l]],

    K^{l+1} = sigma_b^2 + sigma_w^2 kappa(K^l),        K^1 = sigma_b^2 + sigma_w^2 x.y/n_0,

and the tangent kernel Theta^l, with the values p_l at (x, x), q_l at (y, y) and t_l at (x, y),

    Theta^{l+1} = K^{l+1} + sigma_w^2 kappa'(K^l) Theta^l,                          Theta^1 = K^1

in the ``ntk`` parametrization. In the ``standard`` one, with 1_b = 1 if there are biases and 0 otherwise,

    Theta^{l+1} = n_l kappa(K^l) + 1_b + sigma_w^2 kappa'(K^l) Theta^l,             Theta^1 = x.y + 1_b.

A network of ``depth`` hidden layers has the output kernels K^{depth+1} and Theta^{depth+1}.

Sources: Lee et al. (2018), section 2.3; Jacot, Gabriel and Hongler (2018), theorem 1; Sohl-Dickstein, Novak,
Schoenholz and Lee (2020), section 3 (the standard parametrization).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from sympy import Eq, Expr, Integer, S, Symbol, symbols

from theory.errors import InputError
from theory.gaussian import derivative, derivative_kernel, dual_kernel, single_expectation
from theory.gaussian.expectation import A, B, C

Parametrization = Literal["ntk", "standard"]
PARAMETRIZATIONS = ("ntk", "standard")
Z = Symbol("z", real=True)


class LayerMap(NamedTuple):
    """E[s(u) s(v)] and E[s'(u) s'(v)] in closed form, in A, B and C."""

    dual: Expr
    derivative: Expr


class Entries(NamedTuple):
    """The symbols of a kernel of one layer: at (x, x), at (y, y), at (x, y)."""

    first: Symbol
    second: Symbol
    mixed: Symbol


@lru_cache(maxsize=64)
def layer_map(activation: Expr) -> LayerMap:
    """What one layer does to two different inputs. Raises InputError, OutsideClass as `dual_kernel` does."""
    return LayerMap(dual(activation), derivative_kernel(activation, Z))


@lru_cache(maxsize=64)
def dual(activation: Expr) -> Expr:
    """E[s(u) s(v)] alone, which also activations with jumps have."""
    return dual_kernel(activation, Z)


@lru_cache(maxsize=64)
def diagonal(function: Expr) -> Expr:
    """E[g(u)^2] for u ~ N(0, A): what a layer does to one input, with g = s or g = s'."""
    return single_expectation(function**2, Z).doit()


def covariance_entries(layer: int) -> Entries:
    """a_l, b_l and c_l: the covariance of the preactivations of a layer, counted from 1."""
    first, second = symbols(f"a_{layer} b_{layer}", positive=True)
    return Entries(first, second, Symbol(f"c_{layer}", real=True))


def tangent_entries(layer: int) -> Entries:
    """p_l, q_l and t_l: the tangent kernel of a layer."""
    return Entries(*symbols(f"p_{layer} q_{layer} t_{layer}", real=True))


def width_symbols(depth: int) -> tuple[Symbol, ...]:
    """n_0, the input dimension, and the widths n_1, ..., n_depth of the hidden layers."""
    return symbols(f"n_0:{depth + 1}", integer=True, positive=True)


def nngp(
    activation: Expr, depth: int, weight_variance: Expr = S.One, bias_variance: Expr = S.Zero
) -> tuple[Eq, ...]:
    """The equations of K^2, ..., K^{depth+1} in this order, for a_l, b_l and c_l each."""
    return tuple(
        Eq(entry, bias_variance + weight_variance * value, evaluate=False)
        for layer in _layers(depth)
        for entry, value in zip(covariance_entries(layer + 1), _duals(activation, layer), strict=True)
    )


def ntk(
    activation: Expr,
    depth: int,
    weight_variance: Expr = S.One,
    bias_variance: Expr = S.Zero,
    parametrization: Parametrization = "ntk",
    widths: Sequence[Expr] | None = None,
) -> tuple[Eq, ...]:
    """The equations of K^l and Theta^l in the order in which they are evaluated, first that of Theta^1.

    ``widths`` = (n_0, ..., n_depth), by default symbols, enter the standard parametrization only.
    Raises InputError for another parametrization or other numbers of widths.
    """
    sizes = tuple(widths) if widths is not None else width_symbols(depth)
    if parametrization not in PARAMETRIZATIONS or len(sizes) != depth + 1:
        raise InputError(
            f"parametrization {parametrization!r} with {len(sizes)} widths: give one of "
            f"{', '.join(PARAMETRIZATIONS)}, and {depth + 1} widths, the input dimension first"
        )
    standard, biases = parametrization == "standard", Integer(bias_variance != 0)
    found = [_first_tangent(entry, weight_variance, bias_variance, standard, sizes[0]) for entry in range(3)]
    for layer in _layers(depth):
        duals, slopes = _duals(activation, layer), _slopes(activation, layer)
        before, after = covariance_entries(layer + 1), tangent_entries(layer + 1)
        inherited = [weight_variance * d * t for d, t in zip(slopes, tangent_entries(layer), strict=True)]
        own = [sizes[layer] * value + biases for value in duals] if standard else list(before)
        found += [Eq(k, bias_variance + weight_variance * d) for k, d in zip(before, duals, strict=True)]
        found += [Eq(t, k + i) for t, k, i in zip(after, own, inherited, strict=True)]
    return tuple(found)


def substituted(
    equations: Iterable[Eq], first: Mapping[Symbol, Expr], digits: int | None = None
) -> dict[Symbol, Expr]:
    """The values of all left sides, one equation after the other, from the entries of K^1.

    Exact, or with ``digits`` digits in each step. The inputs must be linearly independent where the closed
    forms need c^2 < a b; for equal ones read a_l and p_l.
    """
    values = dict(first)
    for equation in equations:
        value = equation.rhs.xreplace(values)
        values[equation.lhs] = value.doit() if digits is None else value.evalf(digits)
    return values


def _layers(depth: int) -> range:
    if depth < 1:
        raise InputError(f"depth {depth}: give the number of hidden layers, at least 1")
    return range(1, depth + 1)


def _duals(activation: Expr, layer: int) -> tuple[Expr, Expr, Expr]:
    return _at(diagonal(activation), dual(activation), layer)


def _slopes(activation: Expr, layer: int) -> tuple[Expr, Expr, Expr]:
    return _at(diagonal(derivative(activation, Z)), layer_map(activation).derivative, layer)


def _at(single: Expr, pair: Expr, layer: int) -> tuple[Expr, Expr, Expr]:
    """A kernel of equal inputs and one of different inputs at the covariance of a layer."""
    a, b, c = covariance_entries(layer)
    return single.xreplace({A: a}), single.xreplace({A: b}), pair.xreplace({A: a, B: b, C: c})


def _first_tangent(
    place: int, weight_variance: Expr, bias_variance: Expr, standard: bool, inputs: Expr
) -> Eq:
    """Theta^1: the inner product comes from K^1 = sigma_b^2 + sigma_w^2 x.y/n_0."""
    entry, covariance = tangent_entries(1)[place], covariance_entries(1)[place]
    if not standard:
        return Eq(entry, covariance)
    return Eq(entry, inputs * (covariance - bias_variance) / weight_variance + Integer(bias_variance != 0))
