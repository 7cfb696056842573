"""Rational networks embedded in wider ones: what changes, and which eigenvalues are gained."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple

from sympy import QQ, Expr, Integer, Rational, Symbol, sign
from sympy.polys.matrices import DomainMatrix

from proofs_checks.embeddings.rational import RationalNetwork, copied, critical, drawn, joined, turned
from proofs_checks.insertion import value_of
from theory import rational_matrices as rational
from theory.embeddings import counts
from theory.embeddings.copies import d, m
from theory.linear_landscape.formulas import Inertia

NARROW = 2
LARGEST_INPUTS = 3
CRITICAL = 2  # of the networks of one seed
_DENOMINATOR = 4

Values = tuple[tuple[Symbol, Rational], ...]
Forms = tuple[Expr, Expr, Expr]

COPIED: Forms = (counts.negative(), counts.zero(), counts.positive())
JOINED: Forms = tuple(relation.rhs for relation in counts.joined())


class Embedded(NamedTuple):
    """A narrow network, the weights of the copies of its units, and how many units (0, 0) are added."""

    network: RationalNetwork
    shares: list[list[Rational]]
    added: int

    @property
    def wide(self) -> RationalNetwork:
        """The wide network."""
        return joined(copied(self.network, self.shares), rational.zeros(self.added, self._inputs))

    @property
    def _inputs(self) -> int:
        return int(self.network.weights.shape[1])


class Found(NamedTuple):
    """The inertia gained, the letters of the closed form of every unit, and of the added units."""

    gained: Inertia
    units: list[Values]
    added: Values


def count_exceptions(
    seed: int,
    *,
    outputs: int,
    copies: Sequence[str],
    total: str = "1",
    coupled: bool = True,
    copied: Forms = COPIED,
    joined: Forms = JOINED,
) -> float:
    """Networks whose exact inertia grows by other numbers than the closed forms give."""

    def predicted(found: Found) -> tuple[Rational, ...]:
        pairs = zip(copied, joined, strict=True)
        return tuple(
            sum((_inserted(each, unit) for unit in found.units), _inserted(extra, found.added))
            for each, extra in pairs
        )

    found = gains(seed, outputs, tuple(copies), total, coupled)
    return float(sum(predicted(one) != tuple(one.gained) for one in found))


@lru_cache(maxsize=1024)
def _inserted(form: Expr, values: Values) -> Rational:
    return value_of(form, dict(values))


@lru_cache(maxsize=64)
def gains(
    seed: int, outputs: int, copies: tuple[str, ...], total: str = "1", coupled: bool = True
) -> list[Found]:
    """What the networks of ``embedded`` gain; unless ``coupled``, C is taken to be 0 in the letters."""
    return [_found(one, coupled) for one in embedded(seed, outputs, copies, total)]


def embedded(seed: int, outputs: int, copies: Sequence[str], total: str = "1") -> list[Embedded]:
    """Three networks: one with an input twice, C = 0 and a copy of weight 0, one critical one, and one not.

    The last unit of each is in the given copies, times ``total``, the other in random ones.
    """
    random = Random(seed)
    last = [Rational(total) * Rational(share) for share in copies]
    networks = (
        critical(random, LARGEST_INPUTS, outputs, NARROW, random.random() < 1 / 3, flat=True),
        critical(random, random.randint(2, LARGEST_INPUTS), outputs, NARROW, random.random() < 1 / 3),
        drawn(random, LARGEST_INPUTS, outputs, NARROW, NARROW * (LARGEST_INPUTS + outputs)),
    )
    silent: tuple[list[Rational], ...] = ([Integer(0)], [], [])
    return [
        Embedded(network, [[*extra, *_shares(random)], last], random.randint(0, 2))
        for network, extra in zip(networks, silent, strict=True)
    ]


def _shares(random: Random) -> list[Rational]:
    """One to three weights of sum 1, of any sign and 0 too."""
    free = [
        Rational(random.randint(-_DENOMINATOR, _DENOMINATOR), _DENOMINATOR)
        for _ in range(random.randint(0, 2))
    ]
    return [*free, 1 - sum(free, Integer(0))]


def _found(one: Embedded, coupled: bool) -> Found:
    network = one.network
    before, after = rational.inertia(network.hessian()), rational.inertia(one.wide.hessian())
    gained = Inertia(*(new - old for new, old in zip(after, before, strict=True)))
    inputs, outputs = network.weights.shape[1], network.outputs.shape[1]
    added = (
        (counts.added, Integer(one.added)),
        (counts.coupling, Integer(rational.rank(network.pull()))),
        (d, Integer(inputs)),
        (m, Integer(outputs)),
    )
    units = [_letters(network, unit, shares, coupled) for unit, shares in enumerate(one.shares)]
    return Found(gained, units, added)


def _letters(network: RationalNetwork, unit: int, shares: list[Rational], coupled: bool) -> Values:
    """The letters of the closed forms for one unit, from B and C of the narrow network."""
    coupling = network.coupling(unit) * QQ(int(coupled))
    kernel = rational.null_space(coupling.transpose())
    bent = rational.inertia(kernel.transpose() * network.bending(unit) * kernel)
    signs = [int(sign(share)) for share in shares]
    numbers = {
        counts.k_n: signs.count(-1),
        counts.k_0: signs.count(0),
        counts.k_p: signs.count(1),
        counts.b_n: bent.negative,
        counts.b_0: bent.zero,
        counts.b_p: bent.positive,
        counts.rank: rational.rank(coupling),
        m: network.outputs.shape[1],
    }
    return tuple((letter, Integer(int(number))) for letter, number in numbers.items())


def slope_exceptions(
    seed: int,
    *,
    outputs: int,
    copies: Sequence[str],
    total: str = "1",
    turn: bool = False,
    silent: bool = True,
) -> float:
    """Critical networks that have another output, or a slope, when embedded.

    ``turn`` splits the last unit by a random matrix instead, ``silent`` False gives the added unit input
    weights.
    """
    random = Random(seed)
    return float(
        sum(
            not _unchanged(random, one, turn, silent)
            for one in embedded(seed, outputs, copies, total)[:CRITICAL]
        )
    )


def _unchanged(random: Random, one: Embedded, turn: bool, silent: bool) -> bool:
    network, wide = one.network, one.wide
    if turn:
        wide = turned(network, rational.invertible(random, network.outputs.shape[1]))
    if not silent:
        wide = joined(wide, rational.of_full_rank(random, 1, network.weights.shape[1]))
    return bool(wide.output == network.output and wide.gradient().is_zero_matrix)


def carrying_exceptions(seed: int, *, outputs: int, copies: Sequence[str], total: str = "1") -> float:
    """Networks, critical or not, whose gradient or Hessian is not that of a compatible embedding.

    Tested: A^T T = I, grad L_wide = A grad L, H T = A h, and the inertia of H as the sum of those of h and
    Z^T H Z with Z spanning the kernel of A^T. All exactly.
    """
    return float(sum(not _carries(one) for one in embedded(seed, outputs, copies, total)))


def _carries(one: Embedded) -> bool:
    tangent, dual = _maps(one)
    network, wide = one.network, one.wide
    small, large = network.hessian(), wide.hessian()
    other = rational.null_space(dual.transpose())
    parts = rational.inertia(small), rational.inertia(other.transpose() * large * other)
    whole = tuple(first + second for first, second in zip(*parts, strict=True))
    return bool(
        dual.transpose() * tangent == rational.identity(small.shape[0])
        and _flat(wide.gradient()) == dual * _flat(network.gradient())
        and large * tangent == dual * small
        and tuple(rational.inertia(large)) == whole
    )


def _maps(one: Embedded) -> tuple[DomainMatrix, DomainMatrix]:
    """T and A: numbers of a unit go to (w, alpha v), its slopes to (alpha g_w, g_v), for every copy."""
    inputs, outputs = one.network.weights.shape[1], one.network.outputs.shape[1]
    size = inputs + outputs
    tangent: list[DomainMatrix] = []
    dual: list[DomainMatrix] = []
    for unit, shares in enumerate(one.shares):
        for share in shares:
            weight = QQ.convert(share)
            for rows, scales in ((tangent, (1, weight)), (dual, (weight, 1))):
                block = rational.diagonal([scales[0]] * inputs + [scales[1]] * outputs, size, size)
                sides = [rational.zeros(size, size)] * len(one.shares)
                sides[unit] = block
                rows.append(rational.beside(*sides))
    nothing = rational.zeros(size * one.added, size * len(one.shares))
    return rational.above(*tangent, nothing), rational.above(*dual, nothing)


def _flat(slopes: DomainMatrix) -> DomainMatrix:
    numbers: list[Any] = [number for row in slopes.to_list() for number in row]
    return DomainMatrix([[number] for number in numbers], (len(numbers), 1), QQ)
