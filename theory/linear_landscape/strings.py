"""Strings: how the idle directions of a critical point of a deep linear network are chained.

At a critical point of product rank r every layer is, in suitable coordinates, the identity on r directions
that lead from the inputs to the outputs, beside a matrix Z_h of the idle directions. Together with the part
T of Sigma_XY that is not yet explained, Z_1, ..., Z_H run around a circle of nodes 0, ..., H: Z_h from node
h - 1 to h, T^T from H to 0. As every path of H arrows is zero there, a basis of the idle directions can be
chosen in which each arrow sends basis vectors to basis vectors or to 0: it falls into strings, each an arc
of at most H nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations, product
from random import Random
from typing import NamedTuple

from sympy import QQ
from sympy.polys.matrices import DomainMatrix


class String(NamedTuple):
    """The arc of ``length`` nodes from ``start`` on, on a circle of layers + 1 nodes."""

    start: int
    length: int

    def has(self, nodes: int, start: int, length: int = 1) -> bool:
        """Whether the arc of this length from ``start`` on lies in the string."""
        return (start - self.start) % nodes + length <= self.length


@cache
def arcs(layers: int) -> tuple[String, ...]:
    """All strings there can be."""
    places = product(range(layers + 1), range(1, layers + 1))
    return tuple(String(start, length) for start, length in places)


def couplings(layers: int, first: String, second: String) -> int:
    """The pairs (h, k) of layers whose entries from one string to the other multiply in the second variation.

    The entry of the direction in layer h leads from ``second`` at node h - 1 to ``first`` at node h, that
    in layer k from ``first`` at node k - 1 to ``second`` at node k, and the strings close the circle.
    """
    return sum(_couple(layers, first, second, h, k) for h, k in _ordered(layers))


def junctions(layers: int, first: String, second: String) -> int:
    """The layers h where ``second`` can pass to ``first`` on a closed circle, from node h - 1 to node h."""
    return len(_junctions(layers, first, second))


def meets(layers: int, last: String, first: String) -> int:
    """Layers h whose entry from ``first`` to ``last`` changes the product.

    ``last`` holds the nodes h, ..., H then, and ``first`` the nodes 0, ..., h - 1.
    """
    return len(_meetings(layers, last, first))


def shared(layers: int, first: String, second: String) -> int:
    """Layers that are both junctions of ``second`` with ``first`` and change the product."""
    return len(_junctions(layers, first, second) & _meetings(layers, first, second))


def forward(strings: Sequence[String], layers: int, a: int, b: int) -> int:
    """How many strings hold the path from node a to node b >= a: its rank on the idle directions."""
    return sum(string.has(layers + 1, a, b - a + 1) for string in strings)


def around(strings: Sequence[String], layers: int, a: int, b: int) -> int:
    """Likewise from node a through node H and node 0 to node b."""
    return sum(string.has(layers + 1, a, layers + 2 - a + b) for string in strings)


def _junctions(layers: int, first: String, second: String) -> set[int]:
    return {h for h, k in _ordered(layers) if _couple(layers, first, second, h, k)}


def _meetings(layers: int, last: String, first: String) -> set[int]:
    nodes = layers + 1
    return {h for h in range(1, nodes) if last.has(nodes, h, nodes - h) and first.has(nodes, 0, h)}


def _ordered(layers: int) -> Iterator[tuple[int, int]]:
    for h, k in combinations(range(1, layers + 1), 2):
        yield h, k
        yield k, h


def _couple(layers: int, first: String, second: String, h: int, k: int) -> bool:
    nodes = layers + 1
    return first.has(nodes, h, (k - h) % nodes) and second.has(nodes, k, (h - k) % nodes)


def random_strings(random: Random, idle: Sequence[int], unexplained: int, silence: float) -> list[String]:
    """Strings that fill ``idle`` dimensions at the nodes 0, ..., H, ``unexplained`` of them from H to 0.

    ``silence`` is the chance that a string is not continued where it could be.
    """
    layers, room = len(idle) - 1, list(idle)
    found = [_grown(random, room, silence, [layers, 0]) for _ in range(unexplained)]
    found += [_grown(random, room, silence, [layers]) for _ in range(room[layers])]
    found += [_grown(random, room, silence, [0]) for _ in range(room[0])]
    for node in range(1, layers):
        found += [_grown(random, room, silence, [node], back=False) for _ in range(room[node])]
    random.shuffle(found)
    return found


def _grown(random: Random, room: list[int], silence: float, path: list[int], back: bool = True) -> String:
    """A string through ``path``, continued at random at either end over hidden nodes with room."""
    layers = len(room) - 1
    for node in path:
        room[node] -= 1
    while len(path) < layers and random.random() > silence:
        ends = [(path[-1] + 1) % (layers + 1)] + ([(path[0] - 1) % (layers + 1)] if back else [])
        side = random.randrange(len(ends))
        if not 0 < ends[side] < layers or not room[ends[side]]:
            break
        room[ends[side]] -= 1
        path = [*path, ends[0]] if side == 0 else [ends[1], *path]
    return String(path[0], len(path))


def shift(strings: Sequence[String], layers: int, node: int) -> DomainMatrix:
    """The arrow that leads to a node, in bases of strings: 1 where a string passes."""
    before, after = (
        [s for s in strings if s.has(layers + 1, one)] for one in ((node - 1) % (layers + 1), node)
    )
    rows = [[QQ(int(s is t)) for t in before] for s in after]
    return DomainMatrix(rows, (len(after), len(before)), QQ).to_dense()
