"""Rows of the proof: the inertia of the idle directions, from strings on a circle to ranks of products.

Letters: f_ab = rank(W_b ... W_{a+1}) and g_ab = rank(W_b ... W_1 Sigma_XY W_H ... W_{a+1}) for nodes a, b,
with g_H0 = rho = rank Sigma_XY; d_a are the widths; m_ab counts the strings of b nodes from node a on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations, product
from typing import Any

from sympy import Basic, Eq, Expr, Function, Integer, Le, MatrixSymbol, Symbol, symbols

from theory.derivation import Row
from theory.linear_landscape import paths, strings
from theory.linear_landscape.deep_blocks import chain, r
from theory.linear_landscape.letters import equation
from theory.linear_landscape.second_order import INDEX, INERTIA, NULLITY, inv
from theory.linear_landscape.strings import String
from theory.proving.consequence import Consequence
from theory.proving.definition import Citation, Definition
from theory.proving.enumeration import Enumeration
from theory.proving.identity import Identity
from theory.proving.nonnegativity import Nonnegativity
from theory.statement import Domain, Source

STRINGS = Source(
    "I. Assem, D. Simson and A. Skowroński",
    "Elements of the Representation Theory of Associative Algebras, Volume 1",
    2006,
    "Chapter V",
)

ties, q = symbols("tie q", integer=True, nonnegative=True)
POSITIVE = Symbol("#_+")
i, j = symbols("i j", integer=True)  # two strings, by their places in ``strings.arcs``
_rank = Function("rk")


def _counted(count: Callable[..., int]) -> Any:
    """Evaluation of a function of (H, i, j) at integers."""

    def evaluate(cls: Any, *arguments: Expr) -> Expr | None:
        if not all(isinstance(one, Integer) for one in arguments):
            return None
        layers, first, second = map(int, arguments)
        arcs = strings.arcs(layers)
        return Integer(count(layers, arcs[first], arcs[second]))

    return classmethod(evaluate)


class Couplings(Function):
    """Pairs of layers whose entries between two strings multiply in the second variation."""

    eval = _counted(strings.couplings)


class Junctions(Function):
    """Layers where the second string passes to the first as part of a closed circle."""

    eval = _counted(strings.junctions)


class Meetings(Function):
    """Layers whose entry from the second string to the first changes the product."""

    eval = _counted(strings.meets)


class Shared(Function):
    """Layers of ``Meetings`` that are ``Junctions``."""

    eval = _counted(strings.shared)


# --- letters ----------------------------------------------------------------------------------------------


@cache
def width(node: int) -> Symbol:
    """d_a."""
    return Symbol(f"d_{node}")


def forward(before: int, after: int) -> Symbol:
    """f_ab, or d_a for the empty product."""
    return width(before) if before == after else Symbol(f"f_{before}{after}")


def around(before: int, after: int) -> Symbol:
    """g_ab."""
    return Symbol(f"g_{before}{after}")


def multiplicity(one: String) -> Symbol:
    """m_ab, of strings of b nodes from node a on."""
    return Symbol(f"m_{one.start}{one.length}", nonnegative=True)


def crossings(layers: int) -> Expr:
    """c in the ranks of products."""
    return paths.crossings(layers, forward, around)


def index(layers: int) -> Expr:
    """inv(S) + c."""
    return inv + crossings(layers)


def positive(layers: int) -> Expr:
    """r (n + m - r) - inv(S) - ties + c + e."""
    squares = r * (width(0) + width(layers) - r) - inv - ties
    return squares + crossings(layers) + paths.contacts(layers, forward, around)


def nullity(layers: int) -> Expr:
    """All weights but those of the other two signs."""
    return weights(layers) - index(layers) - positive(layers)


def weights(layers: int) -> Expr:
    """d_0 d_1 + ... + d_{H-1} d_H."""
    return sum((width(h) * width(h + 1) for h in range(layers)), Integer(0))


def ranks(layers: int) -> tuple[Symbol, ...]:
    """The letters f_ab and g_ab that occur in index, nullity or the sum over pivots, in order."""
    return tuple(one for one in _letters(index(layers) + positive(layers)) if one.name[0] != "d")


def _letters(expression: Expr) -> tuple[Symbol, ...]:
    found = (one for one in expression.free_symbols if one.name[:2] in ("d_", "f_", "g_"))
    return tuple(sorted(found, key=lambda one: str(one.name)))


def untightened(layers: int) -> Expr:
    """The sum over pivots of (rank of the middle block - r) (rank of the outer block - r)."""
    return sum((middle * outer for middle, outer in paths.blocks(layers, r, forward, around)), Integer(0))


# --- strings ----------------------------------------------------------------------------------------------


def in_strings(letter: Symbol, layers: int) -> Expr:
    """r and the strings that hold the path of a letter f_ab, g_ab or d_a."""
    kind, (before, *rest) = letter.name[0], map(int, letter.name[2:])
    after = rest[0] if rest else before
    length = (layers + 2 - before + after) if kind == "g" else after - before + 1
    held = (one for one in strings.arcs(layers) if one.has(layers + 1, before, length))
    return r + sum(map(multiplicity, held), Integer(0))


def rank_rules(layers: int, expression: Expr | None = None) -> tuple[Eq, ...]:
    """The letters of ranks and widths by the strings: all, or those that occur in an expression."""
    letters = _letters(index(layers) + positive(layers) if expression is None else expression)
    return tuple(equation(letter, in_strings(letter, layers)) for letter in letters)


def weighted(layers: int, count: Callable[[int, String, String], int], ordered: bool = False) -> Expr:
    """The sum of ``count`` times the two multiplicities, over all pairs of strings."""
    arcs = strings.arcs(layers)
    pairs = product(arcs, arcs) if ordered else combinations(arcs, 2)
    terms = (count(layers, *pair) * multiplicity(pair[0]) * multiplicity(pair[1]) for pair in pairs)
    return sum(terms, Integer(0))


def closed_pairs(layers: int) -> Expr:
    """Pairs of strings that close the circle."""
    return weighted(layers, lambda *pair: int(strings.couplings(*pair) > 0))


def open_contacts(layers: int) -> Expr:
    """Ordered pairs of strings that change the product and do not close the circle."""

    def count(*pair: Any) -> int:
        return int(strings.meets(*pair) > 0 and not strings.couplings(*pair))

    return weighted(layers, count, ordered=True)


# --- rows -------------------------------------------------------------------------------------------------


def letter_rows(layers: int, expression: Expr | None = None) -> tuple[Row, ...]:
    """What the letters f_ab and g_ab stand for, and their counts of strings; as in ``rank_rules``."""
    rules = rank_rules(layers, expression)
    names = tuple(
        Row(equation(rule.lhs, _rank(_product(rule.lhs, layers))), "a rank", Definition())
        for rule in rules
        if rule.lhs.name[0] != "d"
    )
    counted = (
        Row(
            rule,
            "the idle directions fall into strings; each adds 1 to the rank of every path that it holds"
            if number == 0
            else "likewise",
            Citation(STRINGS),
        )
        for number, rule in enumerate(rules)
    )
    return (*names, *counted)


def _product(letter: Symbol, layers: int) -> Any:
    before, after = map(int, letter.name[2:])
    nodes = [width(node) for node in range(layers + 1)]
    W = [MatrixSymbol(f"W_{h}", nodes[h], nodes[h - 1]) for h in range(1, layers + 1)]
    if letter.name[0] == "f":
        return chain([*reversed(W[before:after])], nodes[before])
    data = MatrixSymbol("Sigma_XY", nodes[0], nodes[-1])
    return chain([*reversed(W[:after]), data, *reversed(W[before:])], nodes[0])


def string_rows(layers: int) -> tuple[Row, ...]:
    """Entries between two strings: which multiply, and which change the product."""
    H, last = Integer(layers), len(strings.arcs(layers)) - 1
    every = Enumeration({i: range(last + 1), j: range(last + 1)})
    domain = Domain({i: (0, last), j: (0, last)})

    def row(relation: Basic, reason: str) -> Row:
        return Row(relation, reason, every, domain)

    pair, back = (H, i, j), (H, j, i)
    both = Junctions(*pair) * Junctions(*back)
    return (
        row(
            equation(Couplings(*pair), both),
            "in the products of two directions the entries from one string to another meet those back, each "
            "of some layers with each of others: $-2 (\\sum x_h) (\\sum y_k)$, one negative and one positive "
            "direction, where the strings $i$ and $j$ close the circle; other pairs do not mix",
        ),
        row(
            equation(Meetings(*pair) * Meetings(*back), 0),
            "of two strings, entries one way only change the product to first order: in the plane of an "
            "entry that does not and one that does, far along the first, its square cannot undo the negative "
            "direction, and clearing its row and column leaves all the others as they were",
        ),
        row(
            equation(both * Meetings(*pair) * (Junctions(*pair) + Meetings(*pair) - 2 * Shared(*pair)), 0),
            "where two strings close the circle, entries that change the product are all of those that "
            "multiply, or none: what is left of them, differences, changes nothing",
        ),
    )


def count_rows(layers: int) -> tuple[Row, ...]:
    """Index, positive eigenvalues and nullity, in strings and then in ranks."""
    rules = rank_rules(layers)
    pairs, contacts = closed_pairs(layers), open_contacts(layers)
    squares = r * (width(0) - r) + r * (width(layers) - r) - inv - ties
    below = equation(INDEX, inv + pairs)
    above = equation(POSITIVE, r**2 + squares + pairs + contacts)
    total = equation(NULLITY, weights(layers) - INDEX - POSITIVE)
    conclusion = index_relation(layers), equation(POSITIVE, positive(layers))
    return (
        Row(
            below,
            "the inertia of an orthogonal sum is the sum of the inertias: inversions, and one for each pair "
            "of strings that closes the circle",
            Citation(INERTIA),
        ),
        Row(
            above,
            "likewise: the square of an $r \\times r$ matrix that takes all values, the pairs of a chosen "
            "and another direction, the pairs of strings that close the circle, and the rank of what the "
            "others change in the product",
            Citation(INERTIA),
        ),
        Row(total, "the eigenvalues are as many as the weights", Definition()),
        *_once_rows(layers, pairs, contacts),
        Row(conclusion[0], "insert the ranks", _consequence(below, conclusion[0], rules)),
        Row(conclusion[1], "likewise", _consequence(above, conclusion[1], rules)),
        Row(nullity_relation(layers), "the others are zero", Consequence((total, *conclusion))),
    )


def _once_rows(layers: int, pairs: Expr, contacts: Expr) -> tuple[Row, ...]:
    inserted = {rule.lhs: rule.rhs for rule in rank_rules(layers)}
    return (
        Row(
            equation(_inserted(crossings(layers), inserted), pairs),
            "each pair that closes the circle is counted once by the sum over pairs of layers of products of "
            "differences of ranks",
            Identity(),
        ),
        Row(
            equation(_inserted(paths.contacts(layers, forward, around), inserted), contacts),
            "likewise the pairs that change the product and do not close the circle",
            Identity(),
        ),
    )


def _consequence(counted: Eq, relation: Eq, rules: tuple[Eq, ...]) -> Consequence:
    """From the count in strings, with the rules for the letters that occur in either."""
    occurring = relation.rhs.free_symbols | counted.rhs.free_symbols
    return Consequence((counted, *(rule for rule in rules if rule.lhs in occurring)))


def index_relation(layers: int) -> Eq:
    """The index as the theorem concludes it."""
    return equation(INDEX, index(layers))


def nullity_relation(layers: int) -> Eq:
    """The nullity as the theorem concludes it."""
    return equation(NULLITY, nullity(layers))


def limiting_case(layers: int, count: Expr) -> Row:
    """Nothing idle but the middle, open with rank q: the index is that of two layers with q idle units."""
    rho = around(layers, 0)
    values: dict[Symbol, Expr] = dict.fromkeys(ranks(layers), r)
    for before, after in combinations(range(1, layers), 2):
        values[forward(before, after)] = r + q
    values |= {width(node): r + q for node in range(1, layers)}
    values[rho] = rho
    return Row(
        equation(_inserted(count, values), q * (rho - r)),
        "only the middle is open, with rank $q$: as in two layers with $q$ idle units",
        Identity(),
    )


def bound_rows(layers: int) -> tuple[Row, ...]:
    """The index beyond inv(S) vanishes with the sum over pivots: each is a multiple of the other at most."""
    rules = rank_rules(layers, crossings(layers) + untightened(layers))
    inserted = {rule.lhs: rule.rhs for rule in rules}
    pairs, pivots = closed_pairs(layers), weighted(layers, strings.couplings)
    below, above = Le(pairs, pivots, evaluate=False), Le(pivots, most(layers) * pairs, evaluate=False)
    lower, upper = bounds(layers)
    return (
        *letter_rows(layers, crossings(layers) + untightened(layers)),
        Row(
            equation(_inserted(crossings(layers), inserted), pairs),
            "each pair of strings that closes the circle, once",
            Identity(),
        ),
        Row(
            equation(_inserted(untightened(layers), inserted), pivots),
            "likewise, as often as there are pairs of layers whose entries multiply: a pivot is tightened "
            "where no strings hold its two blocks",
            Identity(),
        ),
        Row(
            below, "multiplicities are not negative, and those pairs of layers at least one", Nonnegativity()
        ),
        Row(above, f"and at most {most(layers)}", Nonnegativity()),
        Row(lower, "insert the ranks", Consequence((*rules, below))),
        Row(upper, "likewise", Consequence((*rules, above))),
    )


def most(layers: int) -> Integer:
    """The most pairs of layers whose entries multiply, over all pairs of strings."""
    arcs = strings.arcs(layers)
    return Integer(max(strings.couplings(layers, *pair) for pair in product(arcs, arcs)))


def bounds(layers: int) -> tuple[Basic, Basic]:
    """c <= t <= K c with t the sum over pivots."""
    c, t = crossings(layers), untightened(layers)
    return Le(c, t, evaluate=False), Le(t, most(layers) * c, evaluate=False)


def _inserted(expression: Expr, values: dict[Symbol, Expr]) -> Expr:
    return expression.xreplace(values)
