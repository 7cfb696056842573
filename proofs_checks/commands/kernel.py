"""`provenet kernel`: dual kernel, derivative kernel and two-layer tangent kernel of a user's activation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr, Rational

from theory import balls
from theory.errors import InputError, OutsideClass
from theory.gaussian import derivative, derivative_kernel, dual_kernel, read, tangent_kernel
from theory.gaussian.expectation import A, B, C
from theory.gaussian.reading import require_finite_at
from theory.grammar.sizes import shown
from theory.kernels.two_layer_ntk import Z
from theory.parameters import as_rational, expression_in

MAXIMUM_DIGITS = 1000

CONVENTION = (
    "(u, v) ~ N(0, [[a, c], [c, b]]), a = |x|^2, b = |y|^2, c = x.y; the tangent kernel is that of "
    "f(x) = m^(-1/2) sum_r alpha_r s(w_r.x) with standard normal parameters, all of them trained"
)


@dataclass(frozen=True)
class Result:
    """Closed forms of an activation, and their values where they were asked for."""

    activation: Expr
    slope: Expr
    dual: Expr
    derivative: Expr
    tangent: Expr | None
    why_no_tangent: str = ""
    at: tuple[Rational, Rational, Rational] | None = None
    digits: int = 0
    values: tuple[tuple[str, str], ...] = ()

    @property
    def formulas(self) -> tuple[tuple[str, Expr], ...]:
        """The closed forms by name."""
        found = (("E[s(u) s(v)]", self.dual), ("E[s'(u) s'(v)]", self.derivative))
        return found if self.tangent is None else (*found, ("Theta(x, y)", self.tangent))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: formulas as text and as LaTeX, values as decimal enclosures."""
        return {
            "activation": str(self.activation),
            "derivative": str(self.slope),
            "convention": CONVENTION,
            "formulas": {
                name: {"text": str(value), "latex": sympy.latex(value)} for name, value in self.formulas
            },
            "tangent_kernel": None if self.tangent is None else str(self.tangent),
            "note": self.why_no_tangent or None,
            "at": None if self.at is None else [str(number) for number in self.at],
            "digits": self.digits or None,
            "values": dict(self.values) or None,
        }

    def text(self) -> str:
        """For a terminal."""
        lines = [f"activation    s(z) = {self.activation}", f"derivative    s'(z) = {self.slope}", ""]
        lines += [f"{name} = {value}" for name, value in self.formulas]
        if self.why_no_tangent:
            lines.append(f"no tangent kernel: {self.why_no_tangent}")
        if self.at is not None:
            a, b, c = self.at
            lines += ["", f"certified at a = {a}, b = {b}, c = {c}:"]
            lines += [f"  {name} = {value}" for name, value in self.values]
        return "\n".join([*lines, "", CONVENTION])

    def latex(self) -> str:
        """Displayed equations."""
        names = (r"\mathbb{E}[\sigma(u)\sigma(v)]", r"\mathbb{E}[\sigma'(u)\sigma'(v)]", r"\Theta(x, y)")
        pairs = zip(names, (value for _, value in self.formulas), strict=False)
        rows = [rf"\sigma(z) &= {sympy.latex(self.activation)}"]
        rows += [rf"{name} &= {sympy.latex(value)}" for name, value in pairs]
        return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def run(expression: object, at: str | Sequence[object] | None = None, digits: int = 30) -> Result:
    """The kernels of an activation, and certified enclosures at a covariance [[A, C], [C, B]].

    ``at`` is "A,B,C" or three numbers. Raises InputError for bad input, OutsideClass for an activation
    without closed form, BallsUnavailable when ``at`` is given and python-flint is missing.
    """
    activation = expression_in("z")(expression)
    if isinstance(digits, bool) or not 1 <= digits <= MAXIMUM_DIGITS:
        raise InputError(f"{digits} digits: give a number from 1 to {MAXIMUM_DIGITS}")
    point = None if at is None else _covariance(at)
    dual, moved = dual_kernel(activation, Z), derivative_kernel(activation, Z)
    smooth = read(activation, Z).continuous()
    result = Result(
        activation,
        derivative(activation, Z),
        dual,
        moved,
        tangent_kernel(activation, Z) if smooth else None,
        "" if smooth else "the activation jumps, so that gradients of a network do not exist",
    )
    if point is None:
        return result
    require_finite_at(read(activation, Z), *point)
    values = tuple((name, _enclosed(formula, point, digits)) for name, formula in result.formulas)
    return Result(**{**vars(result), "at": point, "digits": digits, "values": values})


def _covariance(at: str | Sequence[object]) -> tuple[Rational, Rational, Rational]:
    parts = at.split(",") if isinstance(at, str) else list(at)
    if len(parts) != 3:
        raise InputError(f"{shown(at)} is not a covariance: give A,B,C, for example 1,1,1/2")
    a, b, c = (as_rational(part.strip() if isinstance(part, str) else part) for part in parts)
    if not (a > 0 and b > 0 and c**2 < a * b):
        smallest = float((a + b - sympy.sqrt((a - b) ** 2 + 4 * c**2)) / 2)
        raise InputError(
            f"[[{a}, {c}], [{c}, {b}]] is not positive definite (smallest eigenvalue {smallest:.6g}): "
            "give A > 0, B > 0 and C^2 < A B"
        )
    return a, b, c


def _enclosed(formula: Expr, point: tuple[Rational, Rational, Rational], digits: int) -> str:
    """A decimal enclosure. Refuses a point outside the range where the expectation exists."""
    ball = balls.enclose(formula, dict(zip((A, B, C), point, strict=True)), digits=digits)
    if not ball.is_finite():
        raise OutsideClass(
            f"the expectation is infinite or undefined at a, b, c = {', '.join(map(str, point))}"
        )
    text: str = ball.str(digits)
    return text
