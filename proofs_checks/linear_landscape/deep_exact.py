"""Exact critical points of deep linear networks: where the inertia differs from what is predicted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import combinations
from random import Random
from typing import Literal, NamedTuple

from sympy import Expr, Integer, Rational, Symbol

from proofs_checks.challenge import Sampler
from proofs_checks.insertion import value_of
from theory import rational_matrices
from theory.linear_landscape import deep_counts, paths, strings
from theory.linear_landscape.deep_blocks import r
from theory.linear_landscape.deep_counts import ties
from theory.linear_landscape.deep_points import DeepPoint
from theory.linear_landscape.formulas import Inertia
from theory.linear_landscape.instances import RationalProblem
from theory.linear_landscape.second_order import inv

LARGEST_WIDTH = 4  # of two layers, less of more: exact characteristic polynomials beyond it take seconds
SILENCES = (0.2, 0.5, 1.0)  # chances that a string stops: open layers, a mixture, nothing idle passes

Values = dict[Symbol, Rational]
Rule = Literal["pivots", "middle block", "outer block", "always"]


class Found(NamedTuple):
    """The inertia of the exact Hessian of one point, and the letters of the closed forms there.

    ``blocks`` says of each pivot by how much its two blocks exceed rank r; ``couplings`` counts the pairs of
    entries that multiply, over the strings that the point was built from.
    """

    inertia: Inertia
    values: Values
    blocks: list[tuple[int, int]]
    couplings: int


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
        inertia = rational_matrices.inertia(point.hessian())
        found.append(Found(inertia, values_at(point), _blocks(point), _couplings(point)))
    return found


def misclassified(seed: int, *, widths: Sequence[int], levels: Sequence[int], rule: Rule) -> float:
    """Critical points whose exact Hessian has a negative eigenvalue and should not, or the other way round.

    It should where a larger singular value than a chosen one is not chosen, and where the rule says so.
    """
    strict = RULES[rule]
    return float(
        sum(
            (found.inertia.negative > 0) != (found.values[inv] > 0 or strict(found.blocks))
            for found in inertias(seed, tuple(widths), tuple(levels))
        )
    )


RULES: dict[Rule, Callable[[list[tuple[int, int]]], bool]] = {
    "pivots": lambda blocks: any(middle and outer for middle, outer in blocks),
    "middle block": lambda blocks: any(middle for middle, _ in blocks),
    "outer block": lambda blocks: any(outer for _, outer in blocks),
    "always": lambda blocks: True,
}


def pivot_exceptions(
    seed: int, *, widths: Sequence[int], levels: Sequence[int], untightened: Expr, most: int
) -> float:
    """1.0 if at a critical point the sum over pivots is not what strings give, or does not bound the index.

    With c the exact index less inv(S), c <= sum <= ``most`` c.
    """

    def differs(found: Found) -> bool:
        value, beyond = value_of(untightened, found.values), found.inertia.negative - found.values[inv]
        return value != found.couplings or not beyond <= value <= most * beyond

    return float(any(map(differs, inertias(seed, tuple(widths), tuple(levels)))))


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


def _blocks(point: DeepPoint) -> list[tuple[int, int]]:
    return paths.blocks(len(point.layers), len(point.chosen), point.forward, point.around)


def _couplings(point: DeepPoint) -> int:
    layers = len(point.layers)
    return sum(strings.couplings(layers, *pair) for pair in combinations(point.strings, 2))


# --- regimes ----------------------------------------------------------------------------------------------


def regimes(layers: int) -> dict[str, Sampler]:
    """Random strings: nothing idle passes, some does, much does."""
    names = ("much passes", "some passes", "nothing idle passes")
    return {name: partial(_letters, layers, silence) for name, silence in zip(names, SILENCES, strict=True)}


def silent_letters(layers: int, random: Random) -> Values:
    """Layers that pass nothing idle, and the largest eigenvalues chosen."""
    chosen = random.randint(0, 3)
    rho = chosen + random.randint(0, 4)
    widths = (
        rho + random.randint(0, 3),
        *(chosen + random.randint(0, 4) for _ in range(layers - 1)),
        rho + random.randint(0, 3),
    )
    return silent(widths, rho, chosen)


def silent(widths: Sequence[int], rho: int, chosen: int) -> Values:
    """The letters where nothing idle passes a layer, and the ``chosen`` largest eigenvalues are chosen."""
    layers = len(widths) - 1
    ranks = dict.fromkeys(deep_counts.ranks(layers), chosen)
    sizes = {deep_counts.width(node): size for node, size in enumerate(widths)}
    numbers = {**ranks, **sizes, deep_counts.around(layers, 0): rho, r: chosen, inv: 0, ties: 0}
    return {letter: Integer(number) for letter, number in numbers.items()}


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
