"""The bivariate normal distribution function as a SymPy function with ball arithmetic."""

from __future__ import annotations

from typing import Any

import mpmath
import sympy
from sympy import Expr, Function, S, erf, exp, pi, sqrt

from theory import balls

try:
    import flint
except ImportError:  # balls says so when it is needed
    flint: Any = None  # type: ignore[no-redef]  # untyped module


def normal_cdf(x: Expr) -> Expr:
    """Phi(x) = (1 + erf(x/sqrt(2)))/2."""
    return (1 + erf(x / sqrt(2))) / 2


class BivariateNormalCDF(Function):
    r"""Phi_2(h, k; rho) = P(X <= h, Y <= k) for standard normal X, Y with correlation rho, |rho| < 1.

    Source: Drezner and Wesolowsky, On the computation of the bivariate normal integral, 1990, eq. (1):
    Phi_2 = Phi(h) Phi(k) + integral_0^rho phi_2(h, k; r) dr.
    """

    nargs = 3

    @classmethod
    def eval(cls, h: Expr, k: Expr, rho: Expr) -> Expr | None:
        """Zero correlation factorizes; zero thresholds give the arc sine."""
        if rho.is_zero:
            return normal_cdf(h) * normal_cdf(k)
        if h.is_zero and k.is_zero:
            return S.One / 4 + sympy.asin(rho) / (2 * pi)
        return None

    def fdiff(self, argindex: int = 1) -> Expr:
        """The partial derivatives: a density times a conditional probability, or the joint density."""
        h, k, rho = self.args
        if argindex == 3:
            exponent = -(h**2 - 2 * rho * h * k + k**2) / (2 * (1 - rho**2))
            return exp(exponent) / (2 * pi * sqrt(1 - rho**2))
        first, second = (h, k) if argindex == 1 else (k, h)
        inner = (second - rho * first) / sqrt(1 - rho**2)
        return exp(-(first**2) / 2) / sqrt(2 * pi) * normal_cdf(inner)

    def _eval_evalf(self, prec: int) -> Expr:
        with mpmath.workprec(prec + 20):
            h, k, rho = (mpmath.mpf(sympy.N(value, mpmath.mp.dps)) for value in self.args)
            integral = mpmath.quad(lambda r: _density(h, k, r, mpmath), [0, rho])
            value = mpmath.ncdf(h) * mpmath.ncdf(k) + integral
        return sympy.Float(value, precision=prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        h, k, rho = (printer._print(value) for value in self.args)
        power = f"^{{{exp}}}" if exp else ""
        return rf"\Phi_{{2}}{power}\left({h}, {k}; {rho}\right)"


def _density(h: Any, k: Any, r: Any, arithmetic: Any) -> Any:
    rest = 1 - r * r
    exponent = -(h * h - 2 * r * h * k + k * k) / (2 * rest)
    return arithmetic.exp(exponent) / (2 * arithmetic.pi * arithmetic.sqrt(rest))


def enclose_bivariate(h: Any, k: Any, rho: Any) -> Any:
    """A ball that contains Phi_2(h, k; rho) for balls h, k, rho with |rho| < 1."""
    h_c, k_c, two_pi = flint.acb(h), flint.acb(k), 2 * flint.acb.pi()

    def integrand(r: Any, analytic: bool) -> Any:
        rest = 1 - r * r
        exponent = -(h_c * h_c - 2 * r * h_c * k_c + k_c * k_c) / (2 * rest)
        return exponent.exp() * rest.rsqrt(analytic=analytic) / two_pi

    integral = flint.acb.integral(integrand, flint.acb(0), flint.acb(rho))
    root = flint.arb(2).sqrt()
    product = (1 + (h / root).erf()) * (1 + (k / root).erf()) / 4
    return product + integral.real


balls.register(BivariateNormalCDF, enclose_bivariate)
