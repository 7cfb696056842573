"""Networks of one hidden layer with rational weights: gradient and Hessian exactly, critical points made.

The activation is s(z) = z + z^2 / 2 - z^3 / 3, with s(0) = 0 and no symmetry. The numbers of a unit are its d
input weights and its m output weights, in this order; 2 L = |f - Y|^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from random import Random
from typing import Any

from sympy import QQ
from sympy.polys.matrices import DomainMatrix

from theory import rational_matrices as rational

_HALF, _THIRD = QQ(1, 2), QQ(1, 3)
_LARGEST = 2  # of the integers in data and targets
_SPARE = 6  # directions in which a made residual is free


@dataclass(frozen=True)
class RationalNetwork:
    """``weights`` (units, inputs), ``outputs`` (units, outputs); an example is a row of the data."""

    weights: DomainMatrix
    outputs: DomainMatrix
    data: DomainMatrix
    targets: DomainMatrix

    @property
    def units(self) -> int:
        """The width."""
        return int(self.weights.shape[0])

    @cached_property
    def output(self) -> DomainMatrix:
        """f, an example a row."""
        return self._hidden * self.outputs

    @cached_property
    def residual(self) -> DomainMatrix:
        """l', the output less the targets."""
        return self.output - self.targets

    def tilted(self, unit: int) -> DomainMatrix:
        """s'(w^T x) x of one unit, an example a column."""
        return _scaled(self.data, self._along(_slope, unit)).transpose()

    def coupling(self, unit: int) -> DomainMatrix:
        """C = sum of s'(w^T x) x l'^T of one unit, inputs x outputs."""
        return self.tilted(unit) * self.residual

    def bending(self, unit: int) -> DomainMatrix:
        """B = sum of <l', v> s''(w^T x) x x^T of one unit."""
        pull = _entries(self.residual * _row(self.outputs, unit).transpose())
        factors = [one * two for one, two in zip(pull, self._along(_bend, unit), strict=True)]
        return self.data.transpose() * _scaled(self.data, factors)

    def pull(self) -> DomainMatrix:
        """c = s'(0) sum of x l'^T, what a unit (0, 0) feels."""
        return self.data.transpose() * self.residual

    def gradient(self) -> DomainMatrix:
        """All slopes, a unit a row."""
        first = [
            (self.coupling(unit) * _row(self.outputs, unit).transpose()).transpose()
            for unit in range(self.units)
        ]
        return rational.beside(rational.above(*first), self._hidden.transpose() * self.residual)

    def hessian(self) -> DomainMatrix:
        """J^T J, and C and B of every unit in its block."""
        jacobian = self.jacobian()
        squares = (jacobian.transpose() * jacobian).to_list()
        for unit in range(self.units):
            block = self._second(unit).to_list()
            start = unit * len(block)
            for i, row in enumerate(block):
                for j, number in enumerate(row):
                    squares[start + i][start + j] += number
        return _matrix(squares)

    def jacobian(self) -> DomainMatrix:
        """Slopes of the output, rows (output, example)."""
        hidden, values, count = self._hidden.to_list(), self.outputs.to_list(), self.outputs.shape[1]
        tilted = [self.tilted(unit).transpose().to_list() for unit in range(self.units)]
        zero = QQ(0)

        def row(output: int, example: int) -> list[Any]:
            numbers: list[Any] = []
            for unit in range(self.units):
                numbers += [values[unit][output] * slope for slope in tilted[unit][example]]
                numbers += [hidden[example][unit] if other == output else zero for other in range(count)]
            return numbers

        return _matrix([row(output, example) for output in range(count) for example in range(len(hidden))])

    def _second(self, unit: int) -> DomainMatrix:
        coupling, size = self.coupling(unit), self.outputs.shape[1]
        top = rational.beside(self.bending(unit), coupling)
        return rational.above(top, rational.beside(coupling.transpose(), rational.zeros(size, size)))

    @cached_property
    def _arguments(self) -> DomainMatrix:
        """w^T x, an example a row."""
        return self.data * self.weights.transpose()

    @cached_property
    def _hidden(self) -> DomainMatrix:
        return _matrix([[_activation(z) for z in row] for row in self._arguments.to_list()])

    def _along(self, function: Any, unit: int) -> list[Any]:
        """function(w^T x) of one unit on every example."""
        return [function(row[unit]) for row in self._arguments.to_list()]


def drawn(
    random: Random, inputs: int, outputs: int, units: int, examples: int, repeated: bool = False
) -> RationalNetwork:
    """Random weights, data and targets: no critical point. ``repeated``: the last input is the first."""
    weights = rational.of_full_rank(random, units, inputs) * _HALF
    values = _matrix([[QQ(random.choice([-2, -1, 1, 2])) for _ in range(outputs)] for _ in range(units)])
    data = _places(random, examples, inputs - repeated)
    if repeated:
        data = rational.columns_of(data, [*range(inputs - 1), 0])
    return RationalNetwork(weights, values, data, _whole(random, examples, outputs))


def critical(
    random: Random, inputs: int, outputs: int, units: int, orthogonal: bool, flat: bool = False
) -> RationalNetwork:
    """Random weights and data; the residual is orthogonal to all slopes of the output.

    ``orthogonal``: so is the sum of x l'^T. ``flat``: C of the last unit is 0 too, and the last input repeats
    the first, so that every B is singular.
    """
    conditions = units * (inputs + outputs) + inputs * outputs * (flat + orthogonal)
    network = drawn(random, inputs, outputs, units, -(-(conditions + _SPARE) // outputs), repeated=flat)
    slopes = [network.jacobian().transpose()]
    if flat:
        slopes.append(_each_output(network.tilted(units - 1), outputs))
    if orthogonal:
        slopes.append(_each_output(network.data.transpose(), outputs))
    free = rational.null_space(rational.above(*slopes))
    residual = _entries(free * _whole(random, free.shape[1], 1))
    examples = network.data.shape[0]
    columns = [residual[k * examples : (k + 1) * examples] for k in range(outputs)]
    return replace(network, targets=network.output - _matrix(columns).transpose())


def copied(network: RationalNetwork, shares: Sequence[Sequence[Any]]) -> RationalNetwork:
    """Unit j in copies with output weights alpha v, one for each alpha of ``shares[j]``."""
    weights, outputs = [], []
    for unit, alphas in enumerate(shares):
        weights += [_row(network.weights, unit)] * len(alphas)
        outputs += [_row(network.outputs, unit) * QQ.convert(alpha) for alpha in alphas]
    return replace(network, weights=rational.above(*weights), outputs=rational.above(*outputs))


def turned(network: RationalNetwork, turn: DomainMatrix) -> RationalNetwork:
    """The last unit in two copies with output weights v R and v - v R, of the same output."""
    own, rest = _row(network.outputs, network.units - 1), range(network.units - 1)
    outputs = [*(_row(network.outputs, unit) for unit in rest), own * turn, own - own * turn]
    weights = rational.above(network.weights, _row(network.weights, network.units - 1))
    return replace(network, weights=weights, outputs=rational.above(*outputs))


def joined(network: RationalNetwork, weights: DomainMatrix) -> RationalNetwork:
    """Further units with these input weights, an output weight of 0 each."""
    outputs = rational.zeros(weights.shape[0], network.outputs.shape[1])
    return replace(
        network,
        weights=rational.above(network.weights, weights),
        outputs=rational.above(network.outputs, outputs),
    )


def _activation(z: Any) -> Any:
    return z + z * z * _HALF - z * z * z * _THIRD


def _slope(z: Any) -> Any:
    return 1 + z - z * z


def _bend(z: Any) -> Any:
    return 1 - 2 * z


def _each_output(matrix: DomainMatrix, outputs: int) -> DomainMatrix:
    """matrix acting on every column of the residual, columns one after another."""
    found = matrix
    for _ in range(outputs - 1):
        found = rational.direct_sum(found, matrix)
    return found


def _scaled(matrix: DomainMatrix, factors: list[Any]) -> DomainMatrix:
    """diag(factors) matrix."""
    rows = zip(matrix.to_list(), factors, strict=True)
    return _matrix([[factor * number for number in row] for row, factor in rows])


def _row(matrix: DomainMatrix, index: int) -> DomainMatrix:
    return _matrix([matrix.to_list()[index]])


def _entries(column: DomainMatrix) -> list[Any]:
    return [row[0] for row in column.to_list()]


def _places(random: Random, examples: int, inputs: int) -> DomainMatrix:
    """Different integer points, none of them 0: residuals at the same point could cancel."""
    grid = [place for place in product(range(-_LARGEST, _LARGEST + 1), repeat=inputs) if any(place)]
    return _matrix([[QQ(number) for number in place] for place in random.sample(grid, examples)])


def _whole(random: Random, rows: int, columns: int) -> DomainMatrix:
    """Small integers."""
    return _matrix([[QQ(random.randint(-_LARGEST, _LARGEST)) for _ in range(columns)] for _ in range(rows)])


def _matrix(rows: list[list[Any]]) -> DomainMatrix:
    return DomainMatrix(rows, (len(rows), len(rows[0])), QQ)
