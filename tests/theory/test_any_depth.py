"""Deep classes against exact Hessians: SymPy differentiates the loss, and the inertia is that of integers."""

from functools import cache
from itertools import combinations, pairwise

import pytest
from sympy import QQ, Matrix, eye, lambdify, symbols, zeros
from sympy.polys.matrices import DomainMatrix

from theory import rational_matrices
from theory.errors import InputError
from theory.linear_landscape import any_depth, formulas
from theory.linear_landscape.classes import Landscape, Spectrum
from theory.linear_landscape.formulas import Sizes

CASES = {
    "three layers": ((2, 2, 2, 2), (3, 1)),
    "four layers": ((1, 2, 1, 2, 1), (2,)),
    "bottleneck": ((2, 3, 1, 2), (3, 2)),
    "rank deficient": ((2, 2, 2, 3), (2,)),
    "ties": ((2, 2, 2, 2), (2, 2)),
    "two layers": ((3, 2, 2), (3, 1)),
}


@cache
def derivatives(widths, singular_values):
    """Gradient and Hessian of |M - W_H ... W_1|^2, twice the loss, M = diag(s): functions of integers."""
    target = zeros(widths[-1], widths[0])
    for k, value in enumerate(singular_values):
        target[k, k] = value
    variables = symbols(f"x:{sum(a * b for a, b in pairwise(widths))}")
    names = iter(variables)
    product = eye(widths[0])
    for columns, rows in pairwise(widths):
        product = Matrix(rows, columns, lambda *_: next(names)) * product
    loss = sum(entry**2 for entry in target - product)
    gradient = [loss.diff(variable) for variable in variables]
    second = [[entry.diff(variable) for variable in variables] for entry in gradient]
    return lambdify([variables], gradient, "math"), lambdify([variables], second, "math")


def exact_inertia(widths, singular_values, layers):
    gradient, second = derivatives(widths, singular_values)
    point = [int(entry) for layer in layers for entry in layer]
    assert not any(gradient(point))
    rows = [[QQ(entry) for entry in row] for row in second(point)]
    return rational_matrices.inertia(DomainMatrix(rows, (len(rows), len(rows)), QQ))


def silent_point(widths, singular_values, chosen, open_units):
    """W_1 = [diag(s)_S; 0], W_H = [U_S, 0], and the middle the identity on S and so many units besides."""
    first, last = zeros(widths[1], widths[0]), zeros(widths[-1], widths[-2])
    for row, k in enumerate(chosen):
        first[row, k], last[k, row] = singular_values[k], 1
    middle = []
    for columns, rows in pairwise(widths[1:-1]):
        layer = zeros(rows, columns)
        for unit in range(len(chosen) + open_units):
            layer[unit, unit] = 1
        middle.append(layer)
    return [first, *middle, last]


@pytest.mark.parametrize("case", CASES)
def test_index_and_nullity_of_every_class_are_those_of_the_exact_hessian(case):
    widths, values = CASES[case]
    hidden, rank = widths[1:-1], len(values)
    grouped = sorted(set(values), reverse=True)
    spectrum = Spectrum(
        tuple(value**2 for value in grouped), tuple(map(values.count, grouped)), sum(v**2 for v in values)
    )
    deep = hidden if len(hidden) > 1 else None
    landscape = Landscape(Sizes(widths[-1], widths[0], min(hidden), rank), spectrum, hidden_widths=deep)
    for size in range(landscape.largest_rank + 1):
        for chosen in combinations(range(rank), size):
            choice = tuple(sum(values[k] == value for k in chosen) for value in grouped)
            found = landscape.at(choice)
            idle = min(hidden) - size
            silent = exact_inertia(widths, values, silent_point(widths, values, chosen, 0))
            opened = exact_inertia(widths, values, silent_point(widths, values, chosen, idle))
            assert (found.index, found.nullity) == (silent.negative, silent.zero)
            assert found.open_index == opened.negative
            strict_somewhere = opened.negative > 0
            if found.kind == "saddle, not strict at all points":
                assert silent.negative == 0
                assert strict_somewhere
            else:
                assert (found.kind == "strict saddle") == (silent.negative > 0)


@pytest.mark.parametrize("sizes", [Sizes(3, 4, 2, 3), Sizes(2, 5, 4, 1), Sizes(4, 2, 3, 2)])
def test_two_layers_are_the_known_formula(sizes):
    for chosen in range(min(sizes.hidden, sizes.rank) + 1):
        widths = (sizes.inputs, sizes.hidden, sizes.outputs)
        found = any_depth.inertia(widths, sizes.rank, chosen, 0, 0, sizes.hidden - chosen)
        assert found == formulas.inertia(sizes, chosen, 0)


def test_origin_of_a_deep_network_is_flat():
    landscape = Landscape(Sizes(2, 3, 2, 2), Spectrum.distinct([4, 1], 5), hidden_widths=(2, 4))
    origin = landscape.at((0, 0))
    assert (origin.index, origin.nullity) == (0, 3 * 2 + 2 * 4 + 4 * 2)
    assert origin.kind == "saddle, not strict at all points"


def test_idle_inputs_multiply_the_first_hidden_width():
    sizes, spectrum = Sizes(2, 3, 2, 2), Spectrum.distinct([4, 1], 5)
    plain, idle = (Landscape(sizes, spectrum, extra, hidden_widths=(5, 2)) for extra in (0, 3))
    assert idle.at((1, 0)).nullity == plain.at((1, 0)).nullity + 15


def test_hidden_widths_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="least of the hidden widths"):
        Landscape(Sizes(2, 3, 2, 2), Spectrum.distinct([4, 1], 5), hidden_widths=(3, 4))
