r"""One layer for any activation: closed forms in the class, expectations that balls enclose outside it.

Outside the class of closed forms E[s(u) s(v)] and E[s'(u) s'(v)] stay expectations, in the symbols of the
covariance. What is said of their values is certified in ball arithmetic, never proved: at one covariance,
and through the layers of a network from one first covariance.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sympy import Abs, Basic, Derivative, Eq, Expr, Integer, Lt, Rational, S, Symbol, ceiling, floor
from sympy.printing.pretty.stringpict import prettyForm

from theory import balls
from theory.certified_expectations import CertifiedValues, Factor, enclose_line
from theory.certified_expectations.growth import HalfLine, Unbounded
from theory.certified_expectations.pieces import resolved_on
from theory.certified_expectations.rows import CertifiedQuadrature, Enclosable, enclose_expression
from theory.deep_kernels.enclosure import Recursion, enclose, require_covariance
from theory.deep_kernels.recursion import Z, diagonal, dual, layer_map
from theory.derivation import Row
from theory.errors import InputError, OutsideClass
from theory.gaussian import derivative, pair_expectation, read, single_expectation
from theory.gaussian.expectation import A, B, C
from theory.proving import Identity
from theory.two_layer import certified, closed

DIGITS = 6
_ROUGH_BITS = 24
_FAR = (16, 64, 256)  # where the growth is looked at
_SHARE = Rational(1, 10**6)  # of the distance within which a value is enclosed
_COARSEST = Rational(1, 100)  # a wider ball leaves its row open


@lru_cache(maxsize=64)
def outside(activation: Expr) -> bool:
    """Whether E[s(u) s(v)] has no closed form here. Raises InputError for what is refused in the class."""
    try:
        dual(activation)
    except OutsideClass:
        return True
    return False


def pair(activation: Expr) -> Expr:
    """E[s(u) s(v)] in a, b and c."""
    return pair_expectation(activation, activation, Z) if outside(activation) else dual(activation)


def single(activation: Expr) -> Expr:
    """E[s(u)^2] in a."""
    return single_expectation(activation**2, Z) if outside(activation) else diagonal(activation)


def slope_of(activation: Expr) -> Expr:
    """s' almost everywhere. Raises InputError outside the class where s is not shown to be continuous."""
    return certified.slope_of(activation) if outside(activation) else derivative(activation, Z)


def tangent_slope(activation: Expr) -> Expr:
    """s' for a tangent kernel. Raises InputError for an activation that jumps, in the class or not."""
    return (certified if outside(activation) else closed).slope_of(activation)


def pair_slope(activation: Expr) -> Expr:
    """E[s'(u) s'(v)] in a, b and c. Raises InputError for an activation that jumps."""
    if outside(activation):
        return certified.kernel_terms(activation)[1]
    return layer_map(activation).derivative


def single_slope(activation: Expr) -> Expr:
    """E[s'(u)^2] in a."""
    slope = slope_of(activation)
    return single_expectation(slope**2, Z) if outside(activation) else diagonal(slope)


def continuous(activation: Expr) -> bool:
    """Whether the activation is continuous; outside the class: shown to be."""
    return not CertifiedValues(activation).jumps if outside(activation) else read(activation, Z).continuous()


def check_growth(function: Expr, depth: int, variance: Expr) -> None:
    """Outside the class: refuse what was not shown to have a fourth moment, or in depth linear growth.

    Raises InputError, OutsideClass.
    """
    try:
        enclose_line((Factor(function),) * 4, balls.ball(variance), _ROUGH_BITS)
    except OutsideClass:
        raise
    except InputError as reason:
        raise InputError(
            f"{function} was not shown to have a fourth moment under N(0, {variance}): {reason}"
        ) from None
    if depth > 1 and not at_most_linear(function):
        raise InputError(
            f"{function} was not shown to grow at most linearly: with {depth} hidden layers the kernels of "
            "finite networks need |s(z)| <= c (1 + |z|); take one hidden layer, or another activation"
        )


def at_most_linear(function: Expr) -> bool:
    """Whether |s(z)| <= c (1 + |z|) is shown far out on both sides."""
    return any(all(_linear_beyond(function, radius, side) for side in (1, -1)) for radius in _FAR)


def _linear_beyond(function: Expr, radius: int, side: int) -> bool:
    line = HalfLine(Z, balls.ball(Integer(radius)))
    try:
        bound = line.growth(resolved_on(function.subs(Z, side * Z), line))
    except Unbounded:
        return False
    return bool(bound.factor.is_finite() and bound.power <= 1 and bound.linear == 0 and bound.quadratic == 0)


@lru_cache(maxsize=256)
def deep_ball(activation: Expr, recursion: Recursion, first: tuple[Expr, Expr, Expr], tangent: bool) -> Any:
    """A ball of the covariance, or of the tangent kernel, of the output. Raises as `enclose_deep` does."""
    require_covariance(*first)
    return enclose(CertifiedValues(activation, slopes=tangent), recursion, first, DIGITS)[int(tangent)]


class DeepKernel(Enclosable):
    r"""K^{L+1}(x, y) or, with ``tangent``, Theta^{L+1}(x, y) of the recursion from one first covariance.

    Arguments: the activation in z, L, sigma_w^2, sigma_b^2, the entries a, b, c of K^1, and 1 for the tangent
    kernel in the parametrization ``ntk``, 0 for the covariance.
    """

    @property
    def free_symbols(self) -> set[Basic]:
        return set()

    def ball(self) -> Any:
        activation, depth, weight, bias, a, b, c, tangent = self.args
        return deep_ball(activation, Recursion(int(depth), weight, bias), (a, b, c), tangent == 1)

    def _latex(self, printer: Any) -> str:
        name = r"\Theta" if self.args[-1] == 1 else "K"
        return rf"{name}^{{{int(self.args[1]) + 1}}}(x, y)"

    def _sympystr(self, printer: Any) -> str:
        return f"{'Theta' if self.args[-1] == 1 else 'K'}^{int(self.args[1]) + 1}(x, y)"

    def _pretty(self, printer: Any) -> Any:
        return prettyForm(self._sympystr(printer))


def deep_row(
    activation: Expr, depth: int, variances: tuple[Expr, Expr], instance: dict[Symbol, Expr], tangent: bool
) -> Row:
    """The kernel of the output at one first covariance, with ``variances`` = (sigma_w^2, sigma_b^2)."""
    entries = (instance[symbol] for symbol in (A, B, C))
    term = DeepKernel(activation, Integer(depth), *variances, *entries, Integer(tangent))
    what = r"\Theta" if tangent else "K"
    reason = (
        rf"${what}$ of the output, through {depth} layers in ball arithmetic, for $K^1$ with the entries "
        rf"{_place(instance)}; $\sigma_w^2 = {variances[0]}$, $\sigma_b^2 = {variances[1]}$"
    )
    return Row(enclosing(term), reason, CertifiedQuadrature())


def certified_row(term: Expr, name: str, instance: dict[Symbol, Expr]) -> Row:
    """The value of an expression in expectations at one covariance."""
    reason = rf"${name}$ has no closed form here: its value at {_place(instance, term.free_symbols)}"
    return Row(enclosing(term.subs(instance)), reason, CertifiedQuadrature())


def _place(instance: dict[Symbol, Expr], symbols: Any = (A, B, C)) -> str:
    named = ((symbol, value) for symbol, value in instance.items() if symbol in symbols)
    return ", ".join(rf"${symbol} = {value}$" for symbol, value in named)


def enclosing(term: Expr, share: Rational = _SHARE) -> Basic:
    """Its distance from a decimal: about ``share`` of it, relative where the value exceeds 1.

    More where its ball is wider. The bound is tight, so that half of it would be false.
    """
    ball = enclose_expression(term)
    value = Rational(float(ball.mid()))
    unit = share * max(1, int(abs(value)))
    radius = Rational(float(ball.rad()))
    while unit < 16 * radius and unit < _COARSEST * abs(value):
        unit *= 10
    middle = (floor(value / unit) - 1) * unit  # at a distance of 1 to 2 units
    bound = ceiling(4 * (value - middle) / unit + Rational(1, 2)) * unit / 4
    return Lt(Abs(term - middle), bound)


def dual_values(activation: Expr, instance: dict[Symbol, Expr]) -> tuple[Row, ...]:
    """E[s s] for two inputs and for one, at one covariance."""
    return (
        certified_row(pair(activation), r"E[\sigma \sigma]", instance),
        certified_row(single(activation), r"E[\sigma^2]", instance),
    )


def slope_values(activation: Expr, instance: dict[Symbol, Expr]) -> tuple[Row, ...]:
    """The derivative of the activation, and E[s' s'] for two inputs and for one at one covariance."""
    return (
        Row(
            Eq(Derivative(activation, Z), slope_of(activation)),
            "its derivative, wherever there is one; the activation is continuous",
            Identity(),
        ),
        certified_row(pair_slope(activation), r"E[\sigma' \sigma']", instance),
        certified_row(single_slope(activation), r"E[\sigma'^2]", instance),
    )


def limiting_row(activation: Expr, instance: dict[Symbol, Expr], slopes: Expr = S.Zero) -> Row:
    """E[s s] + slopes E[s' s'] where the answer is known.

    At c = 0 a product of means; where that is 0, as for odd activations, at c = a = b a mean square.
    """
    mean = enclose_expression(single_expectation(activation, Z).subs(instance))
    known, what = (_equal, "equal inputs, $b = c = a$") if mean.contains(0) else (_apart, "$c = 0$")
    gap = known(activation, instance)
    if slopes:
        gap += slopes * known(slope_of(activation), instance)
    names = {_equal: "mean squares of one variable", _apart: "products of means"}
    weighted = ", weighted as in the recursion" if slopes else ""
    return Row(Lt(Abs(gap), _SHARE), f"{what}: {names[known]}{weighted}", CertifiedQuadrature())


def _apart(function: Expr, instance: dict[Symbol, Expr]) -> Expr:
    means = single_expectation(function, Z) * single_expectation(function, Z, B)
    return (pair_expectation(function, function, Z) - means).subs({**instance, C: S.Zero})


def _equal(function: Expr, instance: dict[Symbol, Expr]) -> Expr:
    two = pair_expectation(function, function, Z).subs({B: A, C: A})
    return (two - single_expectation(function**2, Z)).subs(instance)
