"""All critical classes of a spectrum: values, inertia and kinds, without enumerating subsets.

2 L = total - sum of the chosen eigenvalues, for a choice of at most min(p, rho) non-zero eigenvalues of
Sigma = Sigma_YX Sigma_XX^+ Sigma_XY. Equal eigenvalues form one group: which of its directions are chosen
does not change value or inertia, so a class is the number chosen in each group.

At any depth the values are these, with p the least of the hidden widths. What is true of every point of a
class, and what only of some, differs:

- two layers: all points of a class have the same index, (p - r)(rho - r) + inv(S);
- three layers or more: every point has at least inv(S) negative directions, because the first and the last
  layer can turn a chosen direction towards a larger one; points whose idle units are silent in every layer
  have no others. So inv(S) > 0 makes every point a strict saddle. For inv(S) = 0 and r below the largest rank
  the class has points of both kinds: these silent ones, whose Hessian is positive semidefinite, and strict
  saddles, for example where the layers in between are open.

Source: Baldi and Hornik 1989; Zhou and Liang 2018; Achour, Malgouyres and Gerchinovitz 2024.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from theory.errors import InputError
from theory.linear_landscape import any_depth
from theory.linear_landscape.formulas import Sizes

Kind = Literal["global minimum", "strict saddle", "saddle, not strict at all points"]
Choice = tuple[int, ...]


@dataclass(frozen=True)
class Spectrum:
    """Non-zero eigenvalues of Sigma in decreasing order, with multiplicities, and total = tr Sigma_YY.

    Values may be floats, rationals or symbols: nothing is compared, the order given is the order used.
    """

    values: tuple[Any, ...]
    multiplicities: tuple[int, ...]
    total: Any

    @classmethod
    def distinct(cls, values: Sequence[Any], total: Any) -> Spectrum:
        """The spectrum without ties."""
        return cls(tuple(values), (1,) * len(values), total)

    @property
    def rank(self) -> int:
        """rho, multiplicities counted."""
        return sum(self.multiplicities)


@dataclass(frozen=True)
class CriticalClass:
    """Critical points of one value.

    choice
        How many eigenvalues are chosen in each group.
    loss
        L = (total - sum of the chosen eigenvalues) / 2.
    index, nullity
        Numbers of negative and zero eigenvalues of the Hessian. With two layers the index is that of the
        whole class, and the nullity that of the points with V = 0 (and no columns of A in the kernel of
        Sigma), the largest of the class. With more layers both are those of the points whose idle units are
        silent in every layer; the index is the least of the class.
    open_index
        The index where only the first and the last layer are silent and the middle is open as far as the
        widths allow; that of all points with two layers.
    """

    choice: Choice
    loss: Any
    index: int
    nullity: int
    kind: Kind
    open_index: int

    @property
    def rank(self) -> int:
        """The rank of A B."""
        return sum(self.choice)


@dataclass(frozen=True)
class Landscape:
    """All critical classes of |Y - A B X|^2 / 2 for given sizes and spectrum.

    idle_inputs
        Dimension of the inputs' space outside the range of Sigma_XX: B is free there, which adds
        p * idle_inputs to every nullity. ``sizes.inputs`` counts the range only.
    hidden_widths
        (d_1, ..., d_{H-1}) of a deep network; ``sizes.hidden`` is then their least. None for two layers.

    Raises InputError when the multiplicities do not add up to a rank the sizes allow.
    """

    sizes: Sizes
    spectrum: Spectrum
    idle_inputs: int = 0
    hidden_widths: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.hidden_widths is not None and min(self.hidden_widths) != self.sizes.hidden:
            raise InputError(
                f"the least of the hidden widths {self.hidden_widths} is not {self.sizes.hidden}"
            )
        largest = min(self.sizes.outputs, self.sizes.inputs)
        if self.spectrum.rank != self.sizes.rank or self.sizes.rank > largest:
            raise InputError(f"{self.spectrum.rank} non-zero eigenvalues: there can be at most {largest}")

    @property
    def largest_rank(self) -> int:
        """min(p, rho)."""
        return min(self.sizes.hidden, self.sizes.rank)

    @property
    def count(self) -> int:
        """The number of classes; without ties the sum of binomial(rho, r) for r up to min(p, rho)."""
        ways = [1] + [0] * self.largest_rank
        for multiplicity in self.spectrum.multiplicities:
            ways = [sum(ways[max(0, r - multiplicity) : r + 1]) for r in range(len(ways))]
        return sum(ways)

    def lowest(self, number: int) -> tuple[CriticalClass, ...]:
        """The ``number`` classes of lowest loss, best first."""
        start = self._filled(range(len(self.spectrum.multiplicities)))
        return self._take(number, start, self._upwards, sign=1)

    def highest(self, number: int) -> tuple[CriticalClass, ...]:
        """The ``number`` classes of highest loss, worst first."""
        start = (0,) * len(self.spectrum.multiplicities)
        return self._take(number, start, self._downwards, sign=-1)

    def all(self, maximum: int = 100_000) -> tuple[CriticalClass, ...]:
        """Every class, best first. Raises InputError when there are more than ``maximum``."""
        if self.count > maximum:
            raise InputError(f"{self.count} classes are too many to list: ask for the lowest or the highest")
        return self.lowest(self.count)

    @property
    def layers(self) -> int:
        """H, the number of weight matrices."""
        return 1 + len(self._hidden)

    @property
    def first_hidden(self) -> int:
        """d_1."""
        return self._hidden[0]

    @property
    def _hidden(self) -> tuple[int, ...]:
        return self.hidden_widths or (self.sizes.hidden,)

    def at(self, choice: Choice) -> CriticalClass:
        """The class of one choice."""
        loss = (self.spectrum.total - self._gain(choice)) / 2
        inversions, ties = self._pairs(choice)
        rank = sum(choice)
        widths = (self.sizes.inputs, *self._hidden, self.sizes.outputs)
        idle = self.sizes.hidden - rank
        lowest = idle if self.layers == 2 else 0
        silent, opened = (
            any_depth.inertia(widths, self.sizes.rank, rank, inversions, ties, units)
            for units in (lowest, idle)
        )
        nullity = silent.zero + self.first_hidden * self.idle_inputs
        kind = self._kind(rank, silent.negative)
        return CriticalClass(choice, loss, silent.negative, nullity, kind, opened.negative)

    def _pairs(self, choice: Choice) -> tuple[int, int]:
        """Pairs of a chosen and a larger, and of a chosen and an equal eigenvalue that is not chosen."""
        counts = list(zip(choice, self.spectrum.multiplicities, strict=True))
        inversions = sum(
            chosen * (size - left) for k, (chosen, _) in enumerate(counts) for left, size in counts[:k]
        )
        return inversions, sum(chosen * (size - chosen) for chosen, size in counts)

    def _kind(self, rank: int, index: int) -> Kind:
        if index:
            return "strict saddle"
        return "global minimum" if rank == self.largest_rank else "saddle, not strict at all points"

    def nested(self) -> tuple[CriticalClass, ...]:
        """The classes of the best rank-r product, r = 0, ..., min(p, rho): the way from small weights."""
        groups = range(len(self.spectrum.multiplicities))
        return tuple(self.at(self._filled(groups, rank)) for rank in range(self.largest_rank + 1))

    def extensions(self, choice: Choice) -> tuple[Choice, ...]:
        """The choices of one eigenvalue more, in all groups where one is left."""
        if sum(choice) == self.largest_rank:
            return ()
        pairs = enumerate(zip(choice, self.spectrum.multiplicities, strict=True))
        return tuple(
            (*choice[:group], chosen + 1, *choice[group + 1 :])
            for group, (chosen, size) in pairs
            if chosen < size
        )

    def _gain(self, choice: Choice) -> Any:
        pairs = zip(choice, self.spectrum.values, strict=True)
        return sum(chosen * value for chosen, value in pairs if chosen)

    def _filled(self, groups: Sequence[int], rank: int | None = None) -> Choice:
        left = self.largest_rank if rank is None else rank
        choice = [0] * len(groups)
        for group in groups:
            choice[group] = min(left, self.spectrum.multiplicities[group])
            left -= choice[group]
        return tuple(choice)

    def _take(self, number: int, start: Choice, neighbors: Any, sign: int) -> tuple[CriticalClass, ...]:
        """Best-first search: each neighbor is no better than where it comes from, and all are reached."""
        heap = [(-sign * self._gain(start), start)]
        seen = {start}

        def ordered() -> Iterator[CriticalClass]:
            while heap:
                _, choice = heapq.heappop(heap)
                yield self.at(choice)
                for following in neighbors(choice):
                    if following not in seen:
                        seen.add(following)
                        heapq.heappush(heap, (-sign * self._gain(following), following))

        return tuple(islice(ordered(), number))

    def _upwards(self, choice: Choice) -> Iterator[Choice]:
        """Give one eigenvalue up, or exchange it for one of the next smaller group: the loss grows."""
        for group, chosen in enumerate(choice):
            if not chosen:
                continue
            less = (*choice[:group], chosen - 1, *choice[group + 1 :])
            yield less
            if group + 1 < len(choice) and choice[group + 1] < self.spectrum.multiplicities[group + 1]:
                yield (*less[: group + 1], less[group + 1] + 1, *less[group + 2 :])

    def _downwards(self, choice: Choice) -> Iterator[Choice]:
        """Take one eigenvalue more, or exchange one for one of the next larger group: the loss falls."""
        room = sum(choice) < self.largest_rank
        for group, chosen in enumerate(choice):
            if chosen == self.spectrum.multiplicities[group]:
                continue
            more = (*choice[:group], chosen + 1, *choice[group + 1 :])
            if room:
                yield more
            if group + 1 < len(choice) and choice[group + 1]:
                yield (*more[: group + 1], more[group + 1] - 1, *more[group + 2 :])
