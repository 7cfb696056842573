"""What the edge of chaos predicts for one activation: by closed forms, or by certified expectations."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import sympy
from sympy import Expr, Rational, Symbol

from proofs_checks.deep_kernels.series import (
    DUAL,
    MOVED,
    SLOPES,
    SQUARE,
    pair_values,
    require_certified,
    single_values,
)
from proofs_checks.insertion import value_of
from proofs_checks.profile import Profile
from theory.certified_expectations.rows import enclose_expression
from theory.deep_kernels import criticality, edge_certified
from theory.deep_kernels.edge_certified import CHAOS, FEEBLE
from theory.deep_kernels.enclosure import Recursion
from theory.deep_kernels.expectations import (
    deep_ball,
    outside,
    pair,
    pair_slope,
    single,
    single_slope,
    slope_of,
)
from theory.deep_kernels.recursion import layer_map
from theory.gaussian import single_expectation
from theory.gaussian.expectation import A, B, C

Z = criticality.Z


@dataclass(frozen=True)
class Trial:
    """What is tried, with which effort.

    Outside the class of closed forms ``square``, ``slopes``, ``dual`` and ``moved`` are names, to which
    `at` gives values.
    """

    profile: Profile
    activation: Expr
    q: Rational
    depth: int

    def finer(self, resolution: float) -> float:
        """Resolution improves as the square root of the number of seeds."""
        return resolution / sqrt(self.profile.factor)

    @property
    def outside(self) -> bool:
        """Whether there is no closed form."""
        return outside(self.activation)

    @property
    def square(self) -> Expr:
        """E s(u)^2."""
        return SQUARE if self.outside else criticality.second_moment(self.activation)

    @property
    def slopes(self) -> Expr:
        """E s'(u)^2."""
        return SLOPES if self.outside else criticality.slope_moment(self.activation)

    @property
    def dual(self) -> Expr:
        """E s(u) s(v)."""
        return DUAL if self.outside else layer_map(self.activation).dual

    @property
    def moved(self) -> Expr:
        """E s'(u) s'(v)."""
        return MOVED if self.outside else layer_map(self.activation).derivative

    def line(self) -> tuple[Expr, Expr]:
        """sigma_w^2 and sigma_b^2 on the critical line, with q in the symbol a."""
        if self.outside:
            return 1 / self.slopes, A - self.square / self.slopes
        return criticality.critical_line(self.activation)

    def at(self, a: Expr, b: Expr | None = None, c: Expr | None = None) -> dict[Symbol, Expr]:
        """a, b and c, and the expectations there by name."""
        plain = {A: a} if b is None or c is None else {A: a, B: b, C: c}
        if not self.outside:
            return plain
        named = dict(zip((SQUARE, SLOPES), single_values(self.activation, float(a)), strict=True))
        if b is not None and c is not None:
            pairs = pair_values(self.activation, float(a), float(b), float(c))
            named |= dict(zip((DUAL, MOVED), pairs, strict=True))
        return plain | named

    def require(self, form: Expr, at: dict[Symbol, Expr], resolution: float) -> None:
        """Raises InputError where a prediction is not shown to be near what balls give."""
        if not self.outside:
            return
        terms = {
            SQUARE: single(self.activation),
            SLOPES: single_slope(self.activation),
            DUAL: pair(self.activation),
            MOVED: pair_slope(self.activation),
        }
        plain = {symbol: Rational(value) for symbol, value in at.items() if symbol in (A, B, C)}
        exact = enclose_expression(form.xreplace(terms).subs(plain))
        require_certified(float(value_of(form, at)), exact, resolution)

    def require_iterated(
        self, start: Rational, variances: tuple[Expr, Expr], value: float, resolution: float
    ) -> None:
        """The same for the variance map applied ``depth`` times."""
        if self.outside:
            recursion = Recursion(self.depth, *variances)
            ball = deep_ball(self.activation, recursion, (start, start, start), tangent=False)
            require_certified(value, ball, resolution)

    def variances(self, chi: Rational) -> tuple[Expr, Expr]:
        """sigma_w^2 and sigma_b^2 with the fixed point q* and this chi_1."""
        at = self.at(self.q)
        weight = chi / self.slopes.subs(at)
        return weight, self.q - weight * self.square.subs(at)

    def mean_slope(self, q: Expr) -> float:
        """E s'(u)."""
        mean = single_expectation(slope_of(self.activation), Z)
        if self.outside:
            return float(edge_certified.number(mean.subs(A, q)))
        return float(value_of(mean.doit(), {A: q}))

    def chaos(self) -> Rational | None:
        """chi_1 of a chaotic phase with the same q*; none where biases cannot make room for one."""
        if self.outside:
            return edge_certified.chaos(self.activation, self.q)
        square, slopes = (value_of(form, {A: self.q}) for form in (self.square, self.slopes))
        most = Rational(str(round(float(self.q * slopes / square), 6)))
        chi = min(CHAOS, (1 + most) / 2)
        return chi if chi > 1 + FEEBLE else None

    def fixed_correlation(self, chi: Rational) -> tuple[Expr, Expr]:
        """rho* < 1 in the chaotic phase, and chi = R'(rho*)."""
        weight, bias = self.variances(chi)
        if self.outside:
            rho = edge_certified.fixed_correlation(self.activation, self.q, chi)
            return rho, edge_certified.number(edge_certified.slope_about(self.activation, self.q, chi, rho))
        rho = criticality.fixed_correlation(self.activation, self.q, weight, bias)
        slope = criticality.correlation_slope(self.activation, self.q, rho, weight)
        return rho, sympy.N(slope, 20)
