"""Statement: hypotheses, conclusion, regime and source of a theorem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, get_args

from sympy import Basic, Expr, Integer, Rational, S, Symbol, ceiling, floor

Regime = Literal["exact", "asymptotic", "bound"]

# The default range of a symbol about which only its assumptions are known: generic, of order one, and
# clear of the special values 0 and 1, at which false identities often hold.
_POSITIVE_RANGE = (Rational(1, 7), Rational(31, 10))
_REAL_RANGE = (Rational(-31, 10), Rational(31, 10))
_INTEGER_RANGE = (Integer(1), Integer(6))
_DENOMINATOR = 997  # a prime, so that random rationals avoid the special fractions of closed forms
_ATTEMPTS = 2000


@dataclass(frozen=True)
class Source:
    """Where a theorem was published: ``locator`` is its number there, ``identifier`` an arXiv id or DOI."""

    authors: str
    title: str
    year: int
    locator: str = ""
    identifier: str = ""

    @property
    def short(self) -> str:
        """Authors and year."""
        return f"{self.authors} ({self.year})"

    def __str__(self) -> str:
        tail = ", ".join(part for part in (self.locator, self.identifier) if part)
        return f"{self.authors} ({self.year}), {self.title}" + (f", {tail}" if tail else "")


@dataclass(frozen=True)
class Hypothesis:
    """One hypothesis: prose with ``$...$``, and a relation or a predicate an instance can be tested on."""

    text: str
    relation: Basic | None = None
    holds: Callable[[Mapping[Any, Any]], bool] | None = None

    def satisfied_by(self, instance: Mapping[Any, Any]) -> bool:
        """Whether ``instance`` satisfies this hypothesis; prose alone cannot be tested and is not refused."""
        if self.holds is not None:
            return self.holds(instance)
        if self.relation is not None:
            return bool(self.relation.subs(dict(instance)).doit() == S.true)
        return True


class EmptyDomain(ValueError):
    """No point of the domain was found: whatever is said of all its points is vacuous."""


@dataclass(frozen=True)
class Domain:
    """Where the symbols live: a rational box, and relations that must hold inside it.

    Raises ValueError for a range that is empty or contradicts what is assumed of its symbol.
    """

    box: Mapping[Symbol, tuple[Any, Any]]
    constraints: tuple[Basic, ...] = ()

    def __post_init__(self) -> None:
        for symbol, (low, high) in self.box.items():
            if not low <= high:
                raise ValueError(f"the range [{low}, {high}] of {symbol} is empty: give low <= high")
            if _contradicts(symbol, low, high):
                known = ", ".join(sorted(fact for fact in _SIGNS if getattr(symbol, f"is_{fact}")))
                raise ValueError(
                    f"the range [{low}, {high}] contradicts the assumptions on {symbol} ({known}): SymPy has "
                    "already used them; give a range within them"
                )

    @classmethod
    def of(cls, expression: Basic) -> Domain:
        """The default box of the free symbols of ``expression``, read off their assumptions."""
        symbols = sorted(expression.free_symbols, key=str)
        return cls({symbol: _default_range(symbol) for symbol in symbols if isinstance(symbol, Symbol)})

    def extended_to(self, expression: Basic) -> Domain:
        """This domain, with default ranges for the symbols of ``expression`` that it does not mention."""
        return Domain({**Domain.of(expression).box, **self.box}, self.constraints)

    def covers(self, other: Domain | None) -> bool:
        """Whether every point of ``other`` is known to lie here; None knows nothing of any symbol."""
        if other is None:
            return not self.box and not self.constraints
        inside = all(
            symbol in other.box and low <= other.box[symbol][0] and other.box[symbol][1] <= high
            for symbol, (low, high) in self.box.items()
        )
        return inside and set(self.constraints) <= set(other.constraints)

    def sample(self, random: Random) -> dict[Symbol, Rational]:
        """One rational point of the domain, drawn uniformly from the box until the constraints hold.

        Raises EmptyDomain when no point is found.
        """
        for _ in range(_ATTEMPTS):
            point = {symbol: _draw(symbol, bounds, random) for symbol, bounds in self.box.items()}
            if all(constraint.subs(point) == S.true for constraint in self.constraints):
                return point
        raise EmptyDomain(f"no point of the box {dict(self.box)} satisfies {list(self.constraints)}")


_SIGNS = ("integer", "negative", "nonnegative", "nonpositive", "positive")


def _contradicts(symbol: Symbol, low: Any, high: Any) -> bool:
    """Whether the interior of the range leaves what is assumed of the symbol; ends at 0 are limits."""
    if symbol.is_integer and floor(high) < ceiling(low):
        return True
    if low == high == 0:
        return symbol.is_zero is False
    return bool((symbol.is_nonnegative and low < 0) or (symbol.is_nonpositive and high > 0))


def _default_range(symbol: Symbol) -> tuple[Rational, Rational]:
    if symbol.is_integer:
        return _INTEGER_RANGE if symbol.is_nonnegative else (-_INTEGER_RANGE[1], _INTEGER_RANGE[1])
    if symbol.is_nonnegative:
        return _POSITIVE_RANGE
    if symbol.is_nonpositive:
        return -_POSITIVE_RANGE[1], -_POSITIVE_RANGE[0]
    return _REAL_RANGE


def _draw(symbol: Symbol, bounds: tuple[Any, Any], random: Random) -> Rational:
    low, high = (Rational(bound) for bound in bounds)
    if symbol.is_integer:
        return Integer(random.randint(int(low), int(high)))
    return low + (high - low) * Rational(random.randint(1, _DENOMINATOR - 1), _DENOMINATOR)


@dataclass(frozen=True)
class Statement:
    """A theorem: what is assumed, what follows, in which regime, and who proved it.

    id
        The path of its module, for example ``kernels.two_layer_ntk``.
    conclusion
        A SymPy relation; its right-hand side is the closed form.
    regime
        ``exact``, ``asymptotic`` (then ``error_term`` says how far from exact) or ``bound``.
    instance
        Values that satisfy every hypothesis, so that the theorem is not vacuous; checked here.

    Raises ValueError when the instance violates a hypothesis or the regime is unknown.
    """

    id: str
    title: str
    summary: str
    hypotheses: tuple[Hypothesis, ...]
    conclusion: Basic
    regime: Regime
    sources: tuple[Source, ...]
    instance: Mapping[Any, Any]
    domain: Domain | None = None
    error_term: Expr | None = None

    def __post_init__(self) -> None:
        if self.regime not in get_args(Regime):
            raise ValueError(f"{self.id}: regime {self.regime!r} is not one of {get_args(Regime)}")
        if self.conclusion in (S.true, S.false):
            raise ValueError(
                f"{self.id}: the conclusion evaluates to {self.conclusion}: it must say something"
            )
        if not self.sources:
            raise ValueError(f"{self.id}: a statement must give its source")
        if self.regime == "asymptotic" and self.error_term is None:
            raise ValueError(f"{self.id}: an asymptotic statement must give its error term")
        for hypothesis in self.hypotheses:
            if not hypothesis.satisfied_by(self.instance):
                raise ValueError(f"{self.id}: the instance violates the hypothesis {hypothesis.text!r}")
