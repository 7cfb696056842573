r"""E[s(u) s(v)] and E[s'(u) s'(v)] in ball arithmetic, for activations that are analytic between kinks.

With p the density of N(0, [[a, c], [c, b]]), D = a b - c^2 and (u, v) cut off at +-R sqrt(a), +-R sqrt(b):

1. The tail. By Cauchy and Schwarz it is at most sqrt(T_u E[s(v)^2]) + sqrt(E[s(u)^2] T_v), where T_u is the
   mean of s(u)^2 beyond the cut, bounded by the growth of s (`growth`).
2. The quadrature. u^2/a and v^2/b are at most (b u^2 - 2 c u v + a v^2)/D, so that for complex u = x + i y

       |p(u, v)| <= (2 pi sqrt D)^-1 exp(-x^2/(4a) - v^2/(4b) + b y^2/(2D)).

   If e_I bounds the error of panel I for s(u) exp(-x^2/(4a) + b y^2/(2D)), and e_J that of panel J in v,

       |integral - sum| <= (2 pi sqrt D)^-1 (sum_I e_I W_v + S_u sum_J e_J),

   W_v = sqrt(2 R sqrt(b) sqrt(2 pi b) E[s(v)^2]) >= integral of |s(v)| exp(-v^2/(4b)), again by Cauchy and
   Schwarz, and S_u = sum_i |w_i s(u_i)| exp(-u_i^2/(4a)) over the nodes: first the inner integral over v is
   exact and the rule in u errs, then the rule in v errs at each node u_i.

Covariances may be balls. Where v = t u, one integral remains. Bounds of one panel: `panels`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any, ClassVar, NamedTuple

import sympy
from sympy import Expr, Rational, S, Symbol

from theory import balls
from theory.certified_expectations.growth import Growth, HalfLine, Unbounded, tail_mass
from theory.certified_expectations.panels import Panel, Weight, panels, rule
from theory.certified_expectations.pieces import JUMPING, SWITCHING, Piece, pieces, resolved_on
from theory.errors import InputError, OutsideClass

try:
    import flint
except ImportError:  # balls says so when it is needed
    flint: Any = None  # type: ignore[no-redef]  # untyped module

Z = Symbol("z", real=True)
_SPARE_BITS = 24
_GUARD_BITS = 16
_ROUGH_BITS = (24, 80, 240)
_MOST_PANELS = 64  # each gets this share of the error; there may be more of them, the errors are added up
_FIRST_RADIUS, _WIDER, _MOST_RADII = 1.2, 1.2, 16
_PLACES = tuple(sign * Rational(p, 17) for p in (3, 41, 230) for sign in (-1, 1))  # generic ones
_LARGEST_HALF = 1.6  # in standard deviations: a panel of it needs few nodes for an activation of scale 1


class Factor(NamedTuple):
    """A function of z, or its derivative: order 0 or 1."""

    function: Expr
    order: int = 0

    def on(self, piece: Expr) -> Expr:
        """The factor where the function is this analytic piece."""
        return piece.diff(Z) if self.order else piece


@dataclass(frozen=True)
class CertifiedValues:
    """The two expectations of one activation in z at balls; the accuracy follows the working precision.

    Without ``slopes`` only the first is computed, which takes half the time; the second is then None.
    The radius is about 2^-precision times sqrt(E[s(u)^2] E[s(v)^2]), plus what the balls given imply.
    Raises OutsideClass for functions that are not analytic between kinks or whose derivative is no function,
    InputError where E[s(u)^2] was not shown to be finite.
    """

    activation: Expr
    slopes: bool = True
    closed: ClassVar[bool] = False
    bits_per_layer: ClassVar[int] = 24  # the density's exponents grow by so much what a ball leaves open
    attempts: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if not balls.available():
            raise balls.BallsUnavailable("python-flint is missing")
        for place in _PLACES:
            if balls.enclose(self.activation, {Z: place}).is_nan():
                raise InputError(f"{self.activation} is not defined at z = {place}, or not real there")

    @property
    def jumps(self) -> bool:
        """Whether the activation was not shown to be continuous: then there is no derivative kernel."""
        return not _continuous(self.activation)

    def pair(self, a: Any, b: Any, c: Any) -> tuple[Any, Any]:
        """Both expectations for a positive definite covariance; the second None if the activation jumps."""
        orders = (0, 1) if self.slopes and not self.jumps else (0,)
        dual, *moved = (enclose_pair(Factor(self.activation, order), a, b, c) for order in orders)
        return dual, moved[0] if moved else None

    def line(self, a: Any, t: Rational) -> tuple[Any, Any]:
        """The same for v = t u, u ~ N(0, a)."""
        stretched = self.activation.subs(Z, t * Z)
        dual = enclose_line((Factor(self.activation), Factor(stretched)), a)
        if not self.slopes or self.jumps:
            return dual, None
        return dual, enclose_line((Factor(self.activation, 1), Factor(stretched, 1)), a) / balls.ball(t)

    def proportional(self, t: Rational) -> Rational | None:
        """k such that s(t z) = k s(z) for all z, among 1 and -1, where SymPy shows it."""
        stretched = self.activation.subs(Z, t * Z)
        return next(
            (k for k in (S.One, -S.One) if sympy.simplify(stretched - k * self.activation) == 0), None
        )


def enclose_line(factors: Sequence[Factor], a: Any, bits: int | None = None) -> Any:
    """A ball of E[product of the factors at u] for u ~ N(0, a), of radius about 2^-bits.

    ``bits`` is by default the precision of the caller, less a few.
    """
    bits = flint.ctx.prec - _SPARE_BITS if bits is None else bits
    with flint.ctx.workprec(bits + _SPARE_BITS + _GUARD_BITS):
        tolerance = flint.arb(2) ** -bits
        norm = (2 * flint.arb.pi() * a).sqrt()
        radius, tail = _radius(factors, a, 1 / (2 * a), tolerance * norm / 4)
        weight = Weight((1 / (2 * a)).lower(), (1 / (2 * a)).upper())
        total = flint.arb(0)
        for panel in _panels(factors, radius, weight, tolerance * norm / 4, a):
            total += flint.arb(0, panel.error)
            for place, value in panel.nodes():
                total += value * (-place * place / (2 * a)).exp()
        return (total + flint.arb(0, tail.abs_upper())) / norm


def enclose_pair(factor: Factor, a: Any, b: Any, c: Any) -> Any:
    """A ball of E[f(u) f(v)] for (u, v) ~ N(0, [[a, c], [c, b]]), positive definite; nan if undecided."""
    bits = flint.ctx.prec - _SPARE_BITS
    determinant = a * b - c * c
    if not determinant > 0:
        return flint.arb.nan()
    squares = [_square(factor, variance) for variance in ((a,) if a is b else (a, b))]
    largest = _exponent(a, b, determinant, bits)
    with flint.ctx.workprec(flint.ctx.prec + _GUARD_BITS + largest):
        left, right = squares[0], squares[-1]
        tolerance = flint.arb(2) ** -bits * (left * right).sqrt().abs_lower()
        scale = 2 * flint.arb.pi() * determinant.sqrt()
        sides = [_side(factor, a, b, left, right, determinant, tolerance * scale / 4)]
        if a is not b:
            sides.append(_side(factor, b, a, right, left, determinant, tolerance * scale / 4))
        total = _double_sum(sides[0], sides[-1], a, b, c, determinant)
        first, second = sides[0], sides[-1]
        error = first.error * second.total + first.nodes * second.error
        tail = (first.tail * right).sqrt() + (left * second.tail).sqrt()
        return (total + flint.arb(0, error.abs_upper())) / scale + flint.arb(0, tail.abs_upper())


def _exponent(a: Any, b: Any, determinant: Any, bits: int) -> int:
    """How many bits the size of the exponents of the density costs."""
    size = bits * (a * b / determinant).abs_upper()
    return math.ceil(math.log2(max(2.0, 8 * float(size))))


def _square(factor: Factor, variance: Any) -> Any:
    """E[f(u)^2] to a few digits."""
    for bits in _ROUGH_BITS:
        value = enclose_line((factor, factor), variance, bits)
        if value.rel_accuracy_bits() > 4:
            return value.abs_upper()
    return value.abs_upper() + flint.arb(2) ** -_ROUGH_BITS[-1]


class _Side(NamedTuple):
    """One variable of the double integral."""

    panels: list[Panel]
    values: list[list[tuple[Any, Any]]]
    error: Any
    nodes: Any
    total: Any
    tail: Any


def _side(factor: Factor, a: Any, b: Any, own: Any, other: Any, determinant: Any, tolerance: Any) -> _Side:
    norm = (2 * flint.arb.pi() * a).sqrt()
    # sqrt(tail E[f^2]) within the tolerance of the mean, which is the given one over 2 pi sqrt(determinant)
    wanted = (tolerance / (2 * flint.arb.pi() * determinant.sqrt())) ** 2 / other
    radius, tail = _radius((factor, factor), a, 1 / (2 * a), wanted * norm)
    weight = Weight((1 / (4 * a)).lower(), (b / (2 * determinant)).upper())
    total = (2 * balls.ball(radius) * norm * own).sqrt()
    share = tolerance / total.abs_upper()
    found = _panels((factor,), radius, weight, share, a)
    values = [list(panel.nodes()) for panel in found]
    nodes = sum(
        (abs(value) * (-place * place / (4 * a)).exp() for points in values for place, value in points),
        flint.arb(0),
    )
    return _Side(found, values, sum((p.error for p in found), flint.arb(0)), nodes, total, tail / norm)


def _radius(factors: Sequence[Factor], a: Any, rate: Any, tolerance: Any) -> tuple[Rational, Any]:
    """R with the integral of |product of the factors| exp(-rate z^2) beyond +-R at most the tolerance."""
    deviation = math.sqrt(float(a.mid()))
    start = deviation * math.sqrt(max(1.0, -2 * float(tolerance.log().mid()))) * _FIRST_RADIUS
    refusal: InputError | None = None
    for attempt in range(_MOST_RADII):
        radius = Rational(math.ceil(64 * start * _WIDER**attempt), 64)
        try:
            bounds = _tails(factors, radius)
        except Unbounded as reason:
            refusal = reason
            continue
        _require_integrable(factors, bounds, rate)
        tail = sum((tail_mass(bound, balls.ball(radius), rate) for bound in bounds), flint.arb(0))
        if tail <= tolerance:
            return radius, tail
    if refusal is not None:
        raise Unbounded(f"E[s(u)^2] was not bounded for s = {factors[0].function}: {refusal}")
    raise OutsideClass(f"the tails of {factors[0].function} are too heavy for a bound")


def _require_integrable(factors: Sequence[Factor], bounds: Sequence[Growth], rate: Any) -> None:
    for bound in bounds:
        if not bound.quadratic < rate:
            name = "s'" if factors[0].order else "s"
            allowed, found = (float((value / 2).mid()) for value in (rate, bound.quadratic))
            variance = float((1 / (2 * rate)).mid())
            raise InputError(
                f"E[{name}(u)^2] was not shown to be finite for s = {factors[0].function}: |{name}| <= C "
                f"exp({found:.6g} z^2) is all that was shown, and at variance {variance:.6g} square "
                f"integrability needs less than {allowed:.6g}"
            )


@lru_cache(maxsize=512)
def _tails(factors: tuple[Factor, ...], radius: Rational) -> tuple[Growth, ...]:
    """The growth of the product beyond -R and beyond R."""
    found = []
    for direction in (1, -1):
        line = HalfLine(Z, balls.ball(radius))
        pieces = [f.on(resolved_on(f.function.subs(Z, direction * Z), line)) for f in factors]
        if any(piece.has(sympy.DiracDelta, sympy.Derivative) for piece in pieces):
            raise OutsideClass(f"the derivative of {factors[0].function} is no function far out")
        bounds = [line.growth(piece) for piece in pieces]
        found.append(reduce(_times, bounds))
    return tuple(found)


def _times(left: Growth, right: Growth) -> Growth:
    return Growth(left.factor * right.factor, *(x + y for x, y in zip(left[1:], right[1:], strict=True)))


def _panels(
    factors: Sequence[Factor], radius: Rational, weight: Weight, tolerance: Any, a: Any
) -> list[Panel]:
    budget = max(1.0, -float(tolerance.log().mid()))
    deviation = math.sqrt(float(a.mid()))
    largest = min(math.sqrt(budget / float(weight.swell.mid())), _LARGEST_HALF * deviation)
    found = []
    for piece in _pieces(tuple(f.function for f in factors), radius, flint.ctx.prec):
        product = sympy.Mul(*(f.on(part) for f, part in zip(factors, piece.functions, strict=True)))
        if product != 0:
            ends = piece.low.ball, piece.high.ball
            try:
                found += panels(product, Z, *ends, weight, tolerance / _MOST_PANELS, largest)
            except OutsideClass as reason:
                raise OutsideClass(f"{factors[0].function} cannot be integrated here: {reason}") from None
    return found


@lru_cache(maxsize=256)
def _pieces(functions: tuple[Expr, ...], radius: Rational, precision: int) -> list[Piece]:
    return pieces(functions, Z, radius)


def _double_sum(left: _Side, right: _Side, a: Any, b: Any, c: Any, determinant: Any) -> Any:
    """Sum over all pairs of nodes of f(u) f(v) exp(-(b u^2 - 2 c u v + a v^2)/(2 D)).

    The mixed factor splits: with u = m + h x and v = n + k y it is exp(q m n) exp(q n h x) exp(q m k y)
    exp(q h k x y), q = c/D, whose last part is one matrix for all pairs of panels of two kinds.
    """
    mixed = c / determinant
    rows, columns = _dampened(left, b / (2 * determinant)), _dampened(right, a / (2 * determinant))
    total = flint.arb(0)
    for members in _kinds(right).values():
        for owners in _kinds(left).values():
            matrix = _matrix(left.panels[owners[0]], right.panels[members[0]], mixed)
            for owner in owners:
                total += _block(left.panels[owner], rows[owner], right, columns, members, matrix, mixed)
    return total


def _dampened(side: _Side, rate: Any) -> list[list[Any]]:
    return [[value * (-rate * place * place).exp() for place, value in points] for points in side.values]


def _kinds(side: _Side) -> dict[Any, list[int]]:
    found: dict[Any, list[int]] = {}
    for index, panel in enumerate(side.panels):
        found.setdefault(panel.kind, []).append(index)
    return found


def _matrix(left: Panel, right: Panel, mixed: Any) -> Any:
    rows, columns = (rule(panel.count, flint.ctx.prec) for panel in (left, right))
    factor = mixed * left.half * right.half
    return flint.arb_mat([[(factor * x * y).exp() for y, _ in columns] for x, _ in rows])


def _block(
    panel: Panel,
    row: list[Any],
    right: _Side,
    columns: list[list[Any]],
    members: list[int],
    matrix: Any,
    mixed: Any,
) -> Any:
    """One panel in u against all panels of one kind in v."""
    half = right.panels[members[0]].half
    nodes = rule(right.panels[members[0]].count, flint.ctx.prec)
    shifts = [(mixed * panel.middle * half * y).exp() for y, _ in nodes]
    middles = [(mixed * panel.middle * right.panels[j].middle).exp() for j in members]
    scaled = [
        [columns[j][k] * shifts[k] * middle for j, middle in zip(members, middles, strict=True)]
        for k in range(len(nodes))
    ]
    inner = matrix * flint.arb_mat(scaled)
    total = flint.arb(0)
    own = rule(panel.count, flint.ctx.prec)
    for place, j in enumerate(members):
        factor = mixed * right.panels[j].middle * panel.half
        for i, (x, _) in enumerate(own):
            total += row[i] * (factor * x).exp() * inner[i, place]
    return total


@lru_cache(maxsize=256)
def _continuous(activation: Expr) -> bool:
    """Whether the activation is shown to be continuous on the whole line."""
    if not activation.has(*SWITCHING):
        return True  # where it is not analytic, no panel is found
    radius = Rational(16)
    cells = _pieces((activation,), radius, flint.ctx.prec)
    for before, after in itertools.pairwise(cells):
        if not _meet(activation, before, after):
            return False
    return all(_continuous_beyond(activation.subs(Z, d * Z), radius) for d in (1, -1))


def _meet(activation: Expr, before: Piece, after: Piece) -> bool:
    """Abs, max and min are continuous, and quotients where balls evaluate them; steps at exact kinks only."""
    kink = before.high
    if not activation.has(*JUMPING) and balls.lower_function(activation, (Z,))([kink.ball]).is_finite():
        return True
    if kink.exact is None:
        return False
    left, right = before.functions[0], after.functions[0]
    return bool(sympy.simplify((left - right).subs(Z, kink.exact)) == 0)


def _continuous_beyond(activation: Expr, radius: Rational) -> bool:
    line = HalfLine(Z, balls.ball(radius))
    end = resolved_on(activation, line)
    if not end.has(*SWITCHING):
        return True
    below = [power.base for power in end.atoms(sympy.Pow) if power.exp.is_negative is not False]
    return not end.has(*JUMPING) and all(base == sympy.E or line.sign(base) is not None for base in below)
