"""`provenet kernel`: the kernels of a user's activation, for one layer and through depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sympy import Expr, Rational

from proofs_checks.report import kernels as printed
from theory import balls
from theory.certified_expectations import CertifiedValues
from theory.certified_expectations.hermite import expansion
from theory.deep_kernels.enclosure import (
    Recursion,
    Values,
    enclose,
    enclose_layer,
    require_covariance,
    values_of,
)
from theory.errors import InputError, OutsideClass
from theory.gaussian import derivative, derivative_kernel, dual_kernel, read, tangent_kernel
from theory.gaussian.closed_values import ClosedValues
from theory.grammar.sizes import shown
from theory.kernels.two_layer_ntk import Z
from theory.parameters import as_rational, expression_in, positive_integers

Read = TypeVar("Read")

MAXIMUM_DIGITS = 1000
COEFFICIENTS = 8
SHOWN_DIGITS = 12
DEFAULT_COVARIANCE = "1,1,1/2"
_ABOVE = 1.01  # three digits are within half a percent: so the bound is rounded up


@dataclass(frozen=True)
class Result:
    """What is known of the kernels of an activation.

    ``dual``, ``derivative`` and ``tangent`` are closed forms, None where there is none; ``series`` holds the
    first coefficients of Mehler's series where there is no closed form; ``values`` are decimal enclosures.
    """

    activation: Expr
    slope: Expr | None
    dual: Expr | None = None
    derivative: Expr | None = None
    tangent: Expr | None = None
    why_no_tangent: str = ""
    why_not_closed: str = ""
    series: printed.Series | None = None
    recursion: Recursion | None = None
    at: tuple[Rational, Rational, Rational] | None = None
    digits: int = 0
    values: tuple[tuple[str, str], ...] = ()

    @property
    def formulas(self) -> tuple[tuple[str, Expr], ...]:
        """The closed forms by name."""
        forms = zip(printed.NAMES, (self.dual, self.derivative, self.tangent), strict=True)
        return tuple((name, form) for name, form in forms if form is not None)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: formulas as text and as LaTeX, values as decimal enclosures."""
        return printed.document(self)

    def text(self) -> str:
        """For a terminal."""
        return printed.text(self)

    def latex(self) -> str:
        """Displayed equations."""
        return printed.latex(self)


def run(
    expression: object,
    at: str | Sequence[object] | None = None,
    digits: int = 30,
    depth: int | None = None,
    weight_variance: object = None,
    bias_variance: object = None,
    parametrization: str | None = None,
    widths: object = None,
) -> Result:
    """The kernels of an activation, and certified enclosures at a covariance [[A, C], [C, B]].

    ``at`` is "A,B,C" or three numbers. With ``depth`` L it is the covariance of the first preactivations of
    a network of L hidden layers, and the values are K^{L+1} and Theta^{L+1}; ``weight_variance`` is
    sigma_w^2 (1), ``bias_variance`` sigma_b^2 (0), ``widths`` (n_0, ..., n_L) belong to the parametrization
    "standard". Without closed form the values at 1,1,1/2 are enclosed where ``at`` is None.

    Raises InputError for bad input, OutsideClass for an activation that cannot be treated, BallsUnavailable
    when values are needed and python-flint is missing.
    """
    activation = expression_in("z")(expression)
    if isinstance(digits, bool) or not 1 <= digits <= MAXIMUM_DIGITS:
        raise InputError(f"{digits} digits: give a number from 1 to {MAXIMUM_DIGITS}")
    recursion = _recursion(depth, weight_variance, bias_variance, parametrization, widths)
    point = None if at is None else _covariance(at)
    values = values_of(activation)
    described = _closed(activation) if values.closed else {}
    if not described:
        point = _covariance(DEFAULT_COVARIANCE) if point is None else point
        described = _outside(activation, point, digits)
    certified = () if point is None else _certified(values, recursion, point, digits)
    return Result(
        activation,
        recursion=recursion,
        at=point,
        digits=digits if point else 0,
        values=certified,
        **described,
    )


def _recursion(
    depth: int | None, weight: object, bias: object, parametrization: str | None, widths: object
) -> Recursion | None:
    if depth is None:
        options = {"weight variance": weight, "bias variance": bias, "parametrization": parametrization}
        given = [name for name, value in {**options, "widths": widths}.items() if value is not None]
        if given:
            raise InputError(f"{given[0]} without a depth: give the number of hidden layers, --depth 3")
        return None
    return Recursion(
        depth,
        _read("weight variance", as_rational, 1 if weight is None else weight),
        _read("bias variance", as_rational, 0 if bias is None else bias),
        parametrization or "ntk",
        () if widths is None else _read("widths", positive_integers(), widths),
    )


def _read(name: str, reader: Callable[[object], Read], value: object) -> Read:
    try:
        return reader(value)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _covariance(at: str | Sequence[object]) -> tuple[Rational, Rational, Rational]:
    parts = at.split(",") if isinstance(at, str) else list(at)
    if len(parts) != 3:
        raise InputError(f"{shown(at)} is not a covariance: give A,B,C, for example 1,1,1/2")
    a, b, c = (as_rational(part.strip() if isinstance(part, str) else part) for part in parts)
    require_covariance(a, b, c)
    return a, b, c


def _closed(activation: Expr) -> dict[str, Any]:
    """The closed forms; of an activation that jumps the derivative kernel is a distribution."""
    smooth = read(activation, Z).continuous()
    try:
        return {
            "slope": derivative(activation, Z),
            "dual": dual_kernel(activation, Z),
            "derivative": derivative_kernel(activation, Z),
            "tangent": tangent_kernel(activation, Z) if smooth else None,
            "why_no_tangent": "" if smooth else printed.JUMPS,
        }
    except OutsideClass:  # of the tangent kernel alone
        return {}


def _outside(activation: Expr, point: tuple[Rational, Rational, Rational], digits: int) -> dict[str, Any]:
    """The derivative, and Mehler's series at the variances of the point."""
    if not balls.available():
        raise balls.BallsUnavailable("python-flint is missing")
    from flint import ctx

    jumps = CertifiedValues(activation).jumps
    a, b, _ = point
    shown_digits = min(digits, SHOWN_DIGITS)
    with ctx.workprec(4 * shown_digits + 40):
        variances = (a,) if a == b else (a, b)
        found = [expansion(activation, variance, COEFFICIENTS) for variance in variances]
        texts = tuple(
            (variance, tuple(ball.str(shown_digits) for ball in one.coefficients))
            for variance, one in zip(variances, found, strict=True)
        )
        rest = (found[0].rest * found[-1].rest).sqrt().abs_upper()
    return {
        "slope": None if jumps else activation.diff(Z),
        "why_no_tangent": printed.JUMPS if jumps else "",
        "why_not_closed": _reason(activation),
        "series": printed.Series(texts, (rest * _ABOVE).str(3, radius=False)),
    }


def _reason(activation: Expr) -> str:
    try:
        ClosedValues(activation)
    except OutsideClass as reason:
        return str(reason).split(";")[0]
    return "its tangent kernel has none"


def _certified(
    values: Values, recursion: Recursion | None, point: tuple[Rational, Rational, Rational], digits: int
) -> tuple[tuple[str, str], ...]:
    """Decimal enclosures of the kernels by name."""
    if recursion is not None:
        names = printed.output_names(recursion)
        pairs = zip(names, enclose(values, recursion, point, digits), strict=True)
    else:
        dual, moved = enclose_layer(values, point, digits)
        tangent = None if moved is None else dual + balls.ball(point[2]) * moved
        pairs = zip(printed.NAMES, (dual, moved, tangent), strict=True)
    return tuple((name, ball.str(digits)) for name, ball in pairs if ball is not None)
