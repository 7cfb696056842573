"""The closed forms on trial: critical values, index and nullity, inserted exactly; and where they apply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from random import Random
from typing import Any

from sympy import Expr, Integer, Rational, Symbol

from proofs_checks.challenge import Sampler
from proofs_checks.insertion import value_of
from theory.linear_landscape import letters, second_order
from theory.linear_landscape.instances import CriticalPoint
from theory.linear_networks.critical_points import TOTAL, closed_forms, eigenvalues, indicators

TIES = Symbol("tie", integer=True, nonnegative=True)
INDEX: Expr = second_order.NEGATIVE.rhs
NULLITY: Expr = second_order.NULL.rhs + TIES

_DENOMINATOR = 97


def critical_value(rank: int) -> Expr:
    """2 L = T - sum chi_i lambda_i for this many eigenvalues, as the theorem concludes it."""
    return closed_forms((rank, 1, rank))[0]


def minimum(count: int) -> Expr:
    """2 L with the largest ``count`` eigenvalues chosen: what reduced-rank regression leaves."""
    chosen = dict.fromkeys(_indicators(count), Integer(1))
    return critical_value(count).xreplace(chosen)


def loss_at(expression: Expr, total: Any, levels: Sequence[Any], chosen: Sequence[int]) -> Rational:
    """L from a form of 2 L, with eigenvalues ``levels``; letters beyond these stand for eigenvalues 0."""
    count = max([len(levels), *(_number(symbol) for symbol in expression.free_symbols - {TOTAL})])
    padded = [*map(rational, levels), *[Integer(0)] * (count - len(levels))]
    values = dict(zip(_eigenvalues(count), padded, strict=True))
    values |= {chi: Integer(k in chosen) for k, chi in enumerate(_indicators(count))}
    return value_of(expression, {**values, TOTAL: rational(total)}) / 2


def rational(number: Any) -> Rational:
    """Exactly: a double is a dyadic rational."""
    if hasattr(number, "numerator") and not isinstance(number, float):
        return Rational(int(number.numerator), int(number.denominator))
    return Rational(float(number))


def counts_at(point: CriticalPoint) -> dict[Symbol, Rational]:
    """The letters of INDEX and NULLITY at a critical point."""
    sizes, values = point.problem.sizes, point.problem.singular_values
    left = [k for k in range(len(values)) if k not in point.chosen]
    pairs = [(values[k], values[i]) for k in point.chosen for i in left]
    numbers = {
        letters.n: sizes.outputs,
        letters.m: sizes.inputs,
        letters.p: sizes.hidden,
        letters.r: len(point.chosen),
        second_order.rho: sizes.rank,
        second_order.inv: sum(other > mine for mine, other in pairs),
        second_order.rank_v: point.extra_rows,
        second_order.rank_z: point.extra_columns,
        TIES: sum(other == mine for mine, other in pairs),
    }
    return {symbol: Integer(number) for symbol, number in numbers.items()}


# --- regimes ----------------------------------------------------------------------------------------------


def spectra(rank: int, most: int) -> dict[str, Sampler]:
    """Points of critical values: no eigenvalue chosen, the largest ones, others, as many as fit."""
    kinds: dict[str, Callable[[Random], Sequence[int]]] = {
        "nothing chosen": _always(()),
        "one chosen": _some(rank, 1),
        "the largest chosen": lambda random: range(random.randint(1, most)),
        "as many as fit": _some(rank, most),
        "any chosen": lambda random: random.sample(range(rank), random.randint(0, most)),
    }
    return {name: partial(_spectrum, rank, kind) for name, kind in kinds.items()}


def nested_spectra(rank: int) -> dict[str, Sampler]:
    """Points of the plateaus: exactly the r largest eigenvalues chosen."""
    return {f"r = {r}": partial(_spectrum, rank, _always(range(r))) for r in range(rank + 1)}


def index_sets(rank: int, most: int) -> dict[str, Sampler]:
    """Indicators of every size of the index set."""
    return {f"r = {r}": partial(_indicated, rank, _some(rank, r)) for r in range(most + 1)}


def sizes() -> dict[str, Sampler]:
    """Sizes of network and data, in the regimes that the counts distinguish."""
    regimes: dict[str, Callable[[int, int], bool]] = {
        "p < rho": lambda hidden, rank: hidden < rank,
        "p = rho": lambda hidden, rank: hidden == rank,
        "p > rho": lambda hidden, rank: hidden > rank,
    }
    return {name: partial(_sizes, regime) for name, regime in regimes.items()}


def all_sets(rank: int, most: int) -> list[list[int]]:
    """Every index set of at most this many of the eigenvalues."""
    return [list(one) for size in range(most + 1) for one in combinations(range(rank), size)]


def _always(chosen: Sequence[int]) -> Callable[[Random], Sequence[int]]:
    return lambda random: chosen


def _some(rank: int, size: int) -> Callable[[Random], Sequence[int]]:
    return lambda random: random.sample(range(rank), size)


def _spectrum(rank: int, kind: Callable[[Random], Sequence[int]], random: Random) -> dict[Symbol, Rational]:
    drawn = sorted(random.sample(range(1, 10 * _DENOMINATOR), rank), reverse=True)
    levels = [Rational(one, _DENOMINATOR) for one in drawn]
    total = sum(levels, Rational(random.randint(1, _DENOMINATOR), _DENOMINATOR))
    return {
        TOTAL: total,
        **dict(zip(_eigenvalues(rank), levels, strict=True)),
        **_indicated(rank, kind, random),
    }


def _indicated(rank: int, kind: Callable[[Random], Sequence[int]], random: Random) -> dict[Symbol, Rational]:
    chosen = set(kind(random))
    return {chi: Integer(k in chosen) for k, chi in enumerate(_indicators(rank))}


def _sizes(regime: Callable[[int, int], bool], random: Random) -> dict[Symbol, Rational]:
    """Random sizes of one regime, with room for idle units, inversions, ties and kernels."""
    while True:
        outputs, inputs, hidden = (random.randint(1, 9) for _ in range(3))
        rank = random.randint(1, min(outputs, inputs))
        if regime(hidden, rank):
            break
    chosen = random.randint(0, min(hidden, rank))
    idle, pairs = hidden - chosen, chosen * (rank - chosen)
    columns = random.randint(0, min(outputs - rank, idle))
    rows = random.randint(0, min(inputs - rank, idle - columns))
    inversions = random.randint(0, pairs)
    numbers = {
        letters.n: outputs,
        letters.m: inputs,
        letters.p: hidden,
        letters.r: chosen,
        second_order.rho: rank,
        second_order.inv: inversions,
        second_order.rank_v: rows,
        second_order.rank_z: columns,
        TIES: random.randint(0, pairs - inversions),
    }
    return {symbol: Integer(number) for symbol, number in numbers.items()}


def _eigenvalues(count: int) -> tuple[Symbol, ...]:
    return eigenvalues((count, 1, count)) if count else ()


def _indicators(count: int) -> tuple[Symbol, ...]:
    return indicators((count, 1, count)) if count else ()


def _number(symbol: Symbol) -> int:
    """3 of lambda_3 and chi_3."""
    return int(symbol.name.rpartition("_")[2])
