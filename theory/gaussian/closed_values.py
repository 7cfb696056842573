"""E[s(u) s(v)] and E[s'(u) s'(v)] at balls, from the closed forms of an activation of the class."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from sympy import Expr, Rational, Symbol

from theory import balls
from theory.errors import InputError, OutsideClass
from theory.gaussian.expectation import A, B, C, derivative, dual_kernel, single_expectation
from theory.gaussian.reading import read, require_square_integrable

try:
    import flint
except ImportError:  # balls says so when it is needed
    flint: Any = None  # type: ignore[no-redef]  # untyped module

Z = Symbol("z", real=True)


@dataclass(frozen=True)
class ClosedValues:
    """The closed forms of one activation in z, evaluated at balls at the precision of the caller.

    ``slope`` is s', or None where the activation jumps: then E[s'(u) s'(v)] holds products of point masses.
    Raises OutsideClass and InputError as `dual_kernel` does.
    """

    activation: Expr
    closed: ClassVar[bool] = True
    bits_per_layer: ClassVar[int] = 8
    attempts: ClassVar[int] = 4

    def __post_init__(self) -> None:
        require_square_integrable(read(self.activation, Z), self.activation)
        _forms(self.activation)

    @property
    def slope(self) -> Expr | None:
        """s' in Heaviside form, None where the activation jumps."""
        return derivative(self.activation, Z) if read(self.activation, Z).continuous() else None

    def pair(self, a: Any, b: Any, c: Any) -> tuple[Any, Any]:
        """Both expectations for (u, v) ~ N(0, [[a, c], [c, b]]), positive definite; the second may be None.

        What the precision does not decide is nan. Raises InputError where an expectation is infinite.
        """
        if not self._finite(a, b, c, a * b - c * c):
            return flint.arb.nan(), flint.arb.nan()
        dual, *moved = (balls.lower_function(form, (A, B, C))([a, b, c]) for form in _forms(self.activation))
        return dual, moved[0] if moved else None

    def line(self, a: Any, t: Rational) -> tuple[Any, Any]:
        """The same for v = t u, u ~ N(0, a): the limit of singular covariances."""
        ratio = balls.ball(t)
        if not self._finite(a, a * ratio * ratio, a * ratio, flint.arb(0)):
            return flint.arb.nan(), flint.arb.nan()
        functions = [self.activation] if self.slope is None else [self.activation, self.slope]
        dual, *moved = (balls.lower_function(_line(function, t), (A,))([a]) for function in functions)
        return dual, moved[0] if moved else None

    def proportional(self, t: Rational) -> Rational | None:
        """k such that s(t z) = k s(z) for all z, among 0, +-1 and +-t^n; None where there is none."""
        return _proportional(self.activation, t)

    def _finite(self, a: Any, b: Any, c: Any, determinant: Any) -> bool:
        """Whether Sigma^-1 + q is positive definite, where the activation holds exp(-q z^2/2)."""
        lowest = min((balls.ball(term.quadratic) for term, _ in read(self.activation, Z).terms), default=0)
        minors = (1 + lowest * a, 1 + lowest * b, 1 + lowest * (a + b) + lowest * lowest * determinant)
        if any(minor <= 0 for minor in minors):
            raise InputError(
                f"E[s(u) s(v)] is infinite at a = {a.str(6)}, b = {b.str(6)}, c = {c.str(6)} for "
                f"s = {self.activation}: give smaller variances"
            )
        return all(minor > 0 for minor in minors)


@lru_cache(maxsize=256)
def _forms(activation: Expr) -> tuple[Expr, ...]:
    dual = dual_kernel(activation, Z)
    if not read(activation, Z).continuous():
        return (dual,)
    return dual, dual_kernel(derivative(activation, Z), Z)


@lru_cache(maxsize=256)
def _line(function: Expr, t: Rational) -> Expr:
    return single_expectation(function * function.subs(Z, t * Z), Z).doit()


@lru_cache(maxsize=256)
def _proportional(activation: Expr, t: Rational) -> Rational | None:
    stretched, plain = read(activation.subs(Z, t * Z), Z), read(activation, Z)
    for power in range(7):
        for factor in (t**power, -(t**power)):
            try:
                if (stretched - plain.scaled(factor)).terms == ():
                    return factor
            except OutsideClass:
                return None
    return None
