"""Sigmoidal activations: limits, overshoot and tails of a user's own expression, all enclosed.

Nothing rests on a computer algebra system's ``limit``: the expression is enclosed on whole half-lines
[T, oo], with infinite endpoints, in one of several equivalent forms. The limits are replaced by rational
numbers inside those enclosures, so that weights are rational and every error is accounted for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple

import sympy
from sympy import Expr, Symbol, exp

from theory.bump_networks import ranges
from theory.bump_networks.arithmetic import Ball, ball, fraction, lower, magnitude, precision, upper
from theory.bump_networks.ranges import Range, Undefined
from theory.bump_networks.regularity import regularity, require_bounded
from theory.bump_networks.tape import Tape, compiled
from theory.errors import InputError, OutsideClass

Z = Symbol("z", real=True)
LOGISTIC = 1 / (1 + exp(-Z))
RELU = sympy.Max(0, Z)
STEP = sympy.Heaviside(Z)

_POSITIVE = Symbol("p", positive=True)
_BITS = 160
_FAR = Fraction(2) ** 200
_NARROW = Fraction(1, 2**60)  # limits must be enclosed this tightly at 2^200: slower tails are refused
_LARGEST = Fraction(2) ** 120


@dataclass(frozen=True)
class Sigmoid:
    """An activation with finite, distinct limits A at -oo and B at +oo (rational stand-ins).

    Normalized, (sigma - A)/(B - A) runs from 0 to 1; all bounds refer to that.
    """

    expression: Expr
    low: Fraction
    high: Fraction

    @property
    def logistic(self) -> bool:
        """Whether this is 1/(1 + exp(-z)) itself, whose tails sum in closed form."""
        return bool(self.expression == LOGISTIC)

    @property
    def tape(self) -> Tape:
        """The activation as a straight-line program in z."""
        return compiled(self.expression, (Z,))

    def normalized(self, value: Ball) -> Ball:
        """(value - A)/(B - A)."""
        return (value - ball(self.low)) / ball(self.high - self.low)

    def tail(self, threshold: Fraction) -> Fraction:
        """delta(T): an upper bound of sup |sigma - H| over |t| >= T > 0, normalized."""
        with precision(_BITS):
            sides = [
                (_on_ray(self.expression, 1, threshold), 1),
                (_on_ray(self.expression, -1, threshold), 0),
            ]
            ends = [abs(self.normalized(end) - limit).upper() for side, limit in sides for end in side]
            return max(upper(end) for end in ends)

    def threshold(self, target: Fraction) -> Fraction:
        """A T with delta(T) <= target, near the least. Raises OutsideClass where the tails are too heavy."""
        enough = Fraction(1, 8)
        while not self.tail(enough) <= target:
            enough *= 2
            if enough > _LARGEST:
                raise OutsideClass(
                    f"{self.expression} approaches its limits too slowly: choose an activation with "
                    "faster tails, such as 1/(1 + exp(-z))"
                )
        short = enough / 2
        for _ in range(4):
            middle = (short + enough) / 2
            short, enough = (short, middle) if self.tail(middle) <= target else (middle, enough)
        return enough

    @cached_property
    def overshoot(self) -> Fraction:
        """s: an upper bound of sup max(sigma - 1, -sigma, 0) over the line, normalized."""
        edge = self.threshold(Fraction(1, 64))
        with precision(_BITS):
            rays = [_on_ray(self.expression, side, edge) for side in (1, -1)]
            values = [self.normalized(end) for ray in rays for end in ray]
            high, low = self._extremes(edge)
            values += [self.normalized(high), self.normalized(low)]
            return max(
                Fraction(0), *[upper(value - 1) for value in values], *[upper(-value) for value in values]
            )

    @cached_property
    def lipschitz(self) -> Fraction:
        """An upper bound of sup |sigma'|, normalized. Raises OutsideClass where none could be certified."""
        edge = self.threshold(Fraction(1, 64))
        with precision(_BITS):
            inner = regularity(self.tape, [((-edge, edge),)]).lipschitz[0]
            slopes = [_slope_on_ray(self.expression, side, edge) for side in (1, -1)]
        if inner is None or None in slopes:
            raise OutsideClass(
                f"no bound of the derivative of {self.expression} could be certified: in two and more "
                "dimensions the activation must be Lipschitz; try 1/(1 + exp(-z))"
            )
        return max(inner, *[slope for slope in slopes if slope is not None]) / abs(self.high - self.low)

    def _extremes(self, edge: Fraction) -> tuple[Ball, Ball]:
        """Enclosures of the largest and the least value on [-edge, edge], to about 1e-3."""
        parts = [
            (-edge + 2 * edge * Fraction(k, 256), -edge + 2 * edge * Fraction(k + 1, 256)) for k in range(256)
        ]
        values = [ranges.evaluate(self.tape, [ranges.interval(*part)], [part]) for part in parts]
        high, low = values[0].high, values[0].low
        for value in values:
            high = value.high if value.high > high else high
            low = value.low if value.low < low else low
        return high, low


@lru_cache(maxsize=64)
def sigmoid(expression: Expr) -> Sigmoid:
    """Analyze an activation in z. Raises OutsideClass, with the reason, when it is not sigmoidal."""
    if expression.free_symbols != {Z}:
        raise OutsideClass(f"the activation {expression} must be an expression in z and nothing else")
    with precision(_BITS):
        low, high = _limit(expression, -1), _limit(expression, 1)
        if low == high:
            raise OutsideClass(
                f"{expression} is not sigmoidal: its limits at -oo and +oo are both {_short(low)}, and "
                "must differ; try 1/(1 + exp(-z)) or relu"
            )
        found = Sigmoid(expression, low, high)
        edge = found.threshold(Fraction(1, 64))
        try:
            require_bounded(found.tape, [((-edge, edge),)], str(expression))
        except OutsideClass:
            raise
        except InputError as problem:
            raise OutsideClass(f"{expression} is not sigmoidal: {problem}") from None
    return found


def _short(value: Fraction) -> str:
    return str(value) if value.denominator < 1000 else f"{float(value):.6g}"


def _limit(expression: Expr, side: int) -> Fraction:
    """A rational number within every enclosure of the expression near side * infinity."""
    where = "+oo" if side > 0 else "-oo"
    try:
        value = _on_ray(expression, side, _FAR)
    except Undefined as problem:
        raise OutsideClass(
            f"{expression} is not sigmoidal: near {where} it is not defined ({problem})"
        ) from None
    if not value.finite:
        raise OutsideClass(
            f"{expression} is not sigmoidal: it is unbounded towards {where}, or its limit there could "
            "not be enclosed; it needs finite, distinct limits, as 1/(1 + exp(-z)) has"
        )
    low, high = lower(value.low), upper(value.high)
    if high - low > _NARROW:
        raise OutsideClass(
            f"{expression} is not sigmoidal: towards {where} it keeps varying between "
            f"{float(value.low):.4g} and {float(value.high):.4g}; it needs a limit there"
        )
    return simplest(low, high)


def simplest(low: Fraction, high: Fraction) -> Fraction:
    """The fraction of least denominator in [low, high]."""
    if low <= 0 <= high:
        return Fraction(0)
    if high < 0:
        return -simplest(-high, -low)
    whole = low.__ceil__()
    if whole <= high:
        return Fraction(whole)
    floor = low.__floor__()
    return floor + 1 / simplest(1 / (high - floor), 1 / (low - floor))


class Form(NamedTuple):
    """An expression on the half-line p >= T as a tape in some variable w of p, and that change."""

    tape: Tape
    change: Literal["p", "1/p", "exp(-p)"]

    def on_ray(self, threshold: Fraction) -> Range:
        """Enclose on p >= T. Raises Undefined."""
        if self.change == "p":
            return ranges.evaluate(self.tape, [Range(ball(threshold).lower(), ranges.infinity())])
        end = 1 / ball(threshold) if self.change == "1/p" else (-ball(threshold)).exp()
        return ranges.evaluate(self.tape, [Range(ball(0), end.upper())])


def _on_ray(expression: Expr, side: int, threshold: Fraction) -> Range:
    return _form(expression.subs(Z, side * _POSITIVE)).on_ray(threshold)


@lru_cache(maxsize=256)
def _form(expression: Expr) -> Form:
    """The first of the equivalent forms whose enclosure far out is narrow; the plain one if none is."""
    plain = Form(compiled(expression, (_POSITIVE,)), "p")
    for form in _forms(plain, expression):
        try:
            value = form.on_ray(_FAR)
        except Undefined:
            continue
        if value.finite and upper(value.high - value.low) <= _NARROW:
            return form
    return plain


def _forms(plain: Form, expression: Expr) -> Iterator[Form]:
    yield plain
    powers = {power: power.args[0].coeff(_POSITIVE) for power in expression.atoms(exp)}
    if powers and all(
        power.args[0] == rate * _POSITIVE and rate.is_Rational for power, rate in powers.items()
    ):
        changed = expression.subs({power: _POSITIVE**-rate for power, rate in powers.items()})
        # A further p outside exponentials would turn into -log of the new variable: then this form is none.
        if not expression.subs(dict.fromkeys(powers, 1)).free_symbols:
            yield Form(compiled(_tidied(changed), (_POSITIVE,)), "exp(-p)")
    yield Form(compiled(_tidied(expression.subs(_POSITIVE, 1 / _POSITIVE)), (_POSITIVE,)), "1/p")


def _tidied(expression: Expr) -> Expr:
    """Every sum over a common denominator, so that infinite factors cancel before they are enclosed."""
    return sympy.bottom_up(expression, lambda node: sympy.together(node) if node.is_Add else node)


def _slope_on_ray(expression: Expr, side: int, edge: Fraction) -> Fraction | None:
    """A bound of the derivative on a half-line: SymPy's derivative is sound here, where |z| = side * z."""
    derivative = sympy.diff(expression.subs(Z, side * _POSITIVE), _POSITIVE)
    if derivative.is_Rational:
        return abs(fraction(derivative))
    try:
        value = _form(derivative).on_ray(edge)
    except (Undefined, OutsideClass):
        return None
    return max(magnitude(end) for end in value) if value.finite else None
