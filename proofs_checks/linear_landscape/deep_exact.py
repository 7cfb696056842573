"""Exact critical points of deep linear networks: where the inertia differs from what is predicted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from itertools import combinations
from random import Random
from typing import NamedTuple

from sympy import Expr, Integer, Rational, Symbol

from proofs_checks.challenge import Sampler
from proofs_checks.insertion import value_of
from theory import rational_matrices
from theory.linear_landscape import deep_counts, strings
from theory.linear_landscape.deep_blocks import r
from theory.linear_landscape.deep_counts import ties
from theory.linear_landscape.deep_points import DeepPoint
from theory.linear_landscape.formulas import Inertia
from theory.linear_landscape.instances import RationalProblem
from theory.linear_landscape.second_order import inv

LARGEST_WIDTH = 4  # of two layers, less of more: exact characteristic polynomials beyond it take seconds
SILENCES = (0.2, 0.5, 1.0)  # chances that a string stops: open layers, a mixture, nothing idle passes

Values = dict[Symbol, Rational]


class Found(NamedTuple):
    """The inertia of the exact Hessian of one point, and the letters of the closed forms there."""

    inertia: Inertia
    values: Values


def inertia_exceptions(
    seed: int, *, widths: Sequence[int], levels: Sequence[int], index: Expr, nullity: Expr
) -> float:
    """1.0 if the exact Hessian of a critical point has another index or nullity than these forms."""

    def differs(found: Found) -> bool:
        forms = ((index, found.inertia.negative), (nullity, found.inertia.zero))
        return any(value_of(form, found.values) != number for form, number in forms)

    return float(any(map(differs, inertias(seed, tuple(widths), tuple(levels)))))


@lru_cache(maxsize=64)
def inertias(seed: int, widths: tuple[int, ...], levels: tuple[int, ...]) -> list[Found]:
    """Points of every index set and every silence, for one random problem."""
    found = []
    for point in points(seed, widths, levels):
        if not all(slope.is_zero_matrix for slope in point.gradient):
            raise ValueError("a constructed point has a gradient: this is a defect of the construction")
        found.append(Found(rational_matrices.inertia(point.hessian()), values_at(point)))
    return found


def points(seed: int, widths: Sequence[int], levels: Sequence[int]) -> Iterator[DeepPoint]:
    """Random rational critical points; ``levels`` are the non-zero singular values, in decreasing order."""
    random, hidden = Random(seed), widths[1:-1]
    problem = RationalProblem.random(random, (widths[0], min(hidden), widths[-1]), levels)
    for size in range(min(len(levels), *hidden) + 1):
        for chosen in combinations(range(len(levels)), size):
            for silence in SILENCES:
                yield DeepPoint.random(problem, hidden, chosen, random, silence)


def values_at(point: DeepPoint) -> Values:
    """The letters of the closed forms, from ranks of products of the layers."""
    layers = len(point.layers)
    larger, equal = point.pairs
    kinds = {"f": point.forward, "g": point.around}
    ranks = {
        letter: kinds[letter.name[0]](*map(int, letter.name[2:])) for letter in deep_counts.ranks(layers)
    }
    widths = {deep_counts.width(node): size for node, size in enumerate(point.widths)}
    numbers = {**ranks, **widths, r: len(point.chosen), inv: larger, ties: equal}
    return {letter: Integer(number) for letter, number in numbers.items()}


# --- regimes ----------------------------------------------------------------------------------------------


def regimes(layers: int) -> dict[str, Sampler]:
    """Random strings: nothing idle passes, some does, much does."""
    names = ("much passes", "some passes", "nothing idle passes")
    return {name: partial(_letters, layers, silence) for name, silence in zip(names, SILENCES, strict=True)}


def silent_letters(random: Random) -> Values:
    """Two layers that pass nothing idle, and the largest eigenvalues chosen."""
    chosen, unexplained = random.randint(0, 3), random.randint(0, 4)
    rho = chosen + unexplained
    values = dict.fromkeys(deep_counts.ranks(2), Integer(chosen))
    sizes = {deep_counts.width(node): Integer(rho + random.randint(0, 3)) for node in (0, 2)}
    hidden = Integer(chosen + random.randint(0, 4))
    fixed = {deep_counts.around(2, 0): Integer(rho), r: Integer(chosen), inv: Integer(0), ties: Integer(0)}
    return {**values, **sizes, deep_counts.width(1): hidden, **fixed}


def _letters(layers: int, silence: float, random: Random) -> Values:
    idle = [random.randint(0, 4) for _ in range(layers + 1)]
    unexplained = random.randint(0, min(idle[0], idle[-1]))
    found = strings.random_strings(random, idle, unexplained, silence)
    chosen = random.randint(0, 3)
    counted = {deep_counts.multiplicity(arc): Integer(found.count(arc)) for arc in strings.arcs(layers)}
    ranks = {
        rule.lhs: rule.rhs.xreplace({**counted, r: Integer(chosen)})
        for rule in deep_counts.rank_rules(layers)
    }
    larger = random.randint(0, chosen * unexplained)
    equal = random.randint(0, chosen * unexplained - larger)
    return {**ranks, r: Integer(chosen), inv: Integer(larger), ties: Integer(equal)}
