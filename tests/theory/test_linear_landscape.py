"""Critical classes against brute force, exact inertia against other routes, hand-computed cases."""

from itertools import combinations, product
from math import comb
from random import Random

import numpy as np
import pytest
from sympy import QQ, Integer, Matrix, Rational, Tuple, diff, hessian, symbols
from sympy.polys.matrices import DomainMatrix

from theory import rational_matrices as rational
from theory.errors import InputError
from theory.linear_landscape.classes import Landscape, Spectrum
from theory.linear_landscape.formulas import Sizes
from theory.linear_landscape.instances import CriticalPoint, RationalProblem
from theory.linear_networks.critical_points import closed_forms, eigenvalues, indicators

CASES = [  # widths (inputs, hidden, outputs) and non-zero singular values
    ((5, 3, 4), (5, 3, 2, 1)),
    ((3, 2, 4), (4, 2, 1)),
    ((4, 3, 3), (3, 1)),  # Sigma_YX lacks rank
    ((3, 4, 3), (2, 1)),  # and more hidden units than either
    ((4, 3, 4), (3, 2, 2)),  # a tie
    ((3, 3, 5), (2,)),
]


def all_points(widths, levels, seed=5):
    random = Random(seed)
    problem = RationalProblem.random(random, widths, levels)
    for size in range(min(len(levels), widths[1]) + 1):
        for chosen in combinations(range(len(levels)), size):
            for columns, rows in ((0, 0), (1, 1), (0, 2)):
                yield CriticalPoint.random(problem, chosen, random, columns, rows)


@pytest.mark.parametrize(("widths", "levels"), CASES)
def test_every_constructed_point_is_critical_with_the_predicted_value_and_inertia(widths, levels):
    for point in all_points(widths, levels):
        slopes = point.problem.gradient(point.A, point.B)
        assert all(slope.is_zero_matrix for slope in slopes)
        assert point.problem.loss(point.A, point.B) == point.predicted_loss
        found = rational.inertia(point.problem.hessian(point.A, point.B))
        assert found == point.predicted_inertia


def test_dropping_the_inversions_is_noticed():
    wrong = total = 0
    for point in all_points((5, 3, 4), (5, 3, 2, 1)):
        found = rational.inertia(point.problem.hessian(point.A, point.B))
        sizes, chosen = point.problem.sizes, len(point.chosen)
        wrong += found.negative != (sizes.hidden - chosen) * (sizes.rank - chosen)
        total += 1
    assert 0 < wrong < total


def test_index_depends_on_the_sign_of_the_eigenvalue_gap():
    # Exchanging the roles of chosen and other eigenvalues (k for i in inv) would give these indices instead.
    random = Random(1)
    problem = RationalProblem.random(random, (2, 1, 2), (3, 1))
    best, worst = (CriticalPoint.random(problem, (k,), random) for k in (0, 1))
    assert rational.inertia(problem.hessian(best.A, best.B)).negative == 0
    assert rational.inertia(problem.hessian(worst.A, worst.B)).negative == 1


def test_hessian_of_the_engine_against_symbolic_differentiation():
    random = Random(2)
    problem = RationalProblem.random(random, (2, 2, 2), (2, 1))
    A, B = rational.general(random, 2, 2), rational.general(random, 2, 2)
    entries = symbols("a:8")
    left, right = Matrix(2, 2, entries[:4]), Matrix(2, 2, entries[4:])
    error = problem.Y.to_Matrix() - left * right * problem.X.to_Matrix()
    loss = sum(entry**2 for entry in error) / 2
    at = dict(zip(entries, [*A.to_Matrix(), *B.to_Matrix()], strict=True))
    assert hessian(loss, entries).subs(at) == problem.hessian(A, B).to_Matrix()
    slopes = [*problem.gradient(A, B)[0].to_Matrix(), *problem.gradient(A, B)[1].to_Matrix()]
    assert [diff(loss, entry).subs(at) for entry in entries] == slopes
    assert loss.subs(at) == Rational(str(problem.loss(A, B)))


def test_scalar_network_by_hand():
    # L = (y - a b x)^2 / 2 with s = y x / |x|: Hessian -s [[0, 1], [1, 0]] at 0, of rank one at the minimum.
    landscape = Landscape(Sizes(1, 1, 1, 1), Spectrum.distinct([4], 9))
    minimum, saddle = landscape.all()
    assert (minimum.loss, minimum.index, minimum.nullity, minimum.kind) == (2.5, 0, 1, "global minimum")
    assert (saddle.loss, saddle.index, saddle.nullity, saddle.kind) == (4.5, 1, 0, "strict saddle")


def test_lowest_and_highest_against_brute_force():
    random = Random(0)
    for _ in range(120):
        values = sorted(
            (random.choice([1, 2, 3, 5, 7, 11]) for _ in range(random.randint(0, 5))), reverse=True
        )
        hidden, extra = random.randint(1, 6), random.randint(1, 2)
        levels = sorted(set(values), reverse=True)
        spectrum = Spectrum(tuple(levels), tuple(values.count(level) for level in levels), 100)
        sizes = Sizes(len(values) + extra, len(values) + 1, hidden, len(values))
        landscape = Landscape(sizes, spectrum)
        expected = brute_force(values, levels, hidden)
        found = landscape.all()
        assert {one.choice: (one.loss, one.index) for one in found} == expected
        assert landscape.count == len(found) == len(expected)
        losses = [one.loss for one in found]
        assert losses == sorted(losses)
        assert [one.loss for one in landscape.highest(3)] == sorted(losses, reverse=True)[:3]
        assert [one.kind for one in found].count("global minimum") == 1


def brute_force(values, levels, hidden):
    classes = {}
    for size in range(min(hidden, len(values)) + 1):
        for chosen in combinations(range(len(values)), size):
            rest = [i for i in range(len(values)) if i not in chosen]
            inversions = sum(values[i] > values[k] for k in chosen for i in rest)
            key = tuple(sum(values[i] == level for i in chosen) for level in levels)
            loss = (100 - sum(values[i] for i in chosen)) / 2
            classes[key] = (loss, (hidden - size) * (len(values) - size) + inversions)
    return classes


def test_many_classes_are_counted_and_not_enumerated():
    landscape = Landscape(Sizes(30, 784, 30, 30), Spectrum.distinct(list(range(60, 30, -1)), 10**4))
    assert landscape.count == 2**30
    assert [one.choice for one in landscape.lowest(2)] == [(1,) * 30, (*(1,) * 29, 0)]
    assert landscape.highest(1)[0].choice == (0,) * 30
    with pytest.raises(InputError, match="1073741824 classes are too many"):
        landscape.all()


def test_count_without_ties_is_a_sum_of_binomials():
    for rank, hidden in product(range(1, 7), range(1, 7)):
        landscape = Landscape(Sizes(rank, rank, hidden, rank), Spectrum.distinct(range(rank, 0, -1), 99))
        assert landscape.count == sum(comb(rank, size) for size in range(min(rank, hidden) + 1))


def test_nested_classes_are_the_best_of_each_rank():
    landscape = Landscape(Sizes(3, 3, 2, 3), Spectrum.distinct([5, 3, 1], 10))
    assert [one.loss for one in landscape.nested()] == [5, 2.5, 1]


def test_spectrum_must_fit_the_sizes():
    with pytest.raises(InputError, match="3 non-zero eigenvalues: there can be at most 2"):
        Landscape(Sizes(2, 5, 1, 3), Spectrum.distinct([3, 2, 1], 9))


def test_conclusion_agrees_with_the_engine_for_every_index_set():
    widths, levels, total = (5, 3, 4), (7, 5, 2, 1), Integer(20)
    landscape = Landscape(Sizes(4, 5, 3, 4), Spectrum.distinct(levels, total))
    closed = Tuple(*closed_forms(widths))
    values = dict(zip(eigenvalues(widths), levels, strict=True))
    for choice in product((0, 1), repeat=4):
        if sum(choice) > 3:
            continue
        chosen = dict(zip(indicators(widths), choice, strict=True))
        found = closed.subs({**values, **chosen, **{s: total for s in closed.free_symbols if str(s) == "T"}})
        one = landscape.at(choice)
        assert tuple(found) == (2 * one.loss, one.index, one.nullity)


def test_inertia_against_floating_point_and_elimination():
    random = Random(4)
    for size in (1, 2, 5, 8):
        factor = rational.general(random, size, size)
        middle = rational.diagonal([random.choice([-2, 0, 1]) for _ in range(size)], size, size)
        matrix = factor * middle * factor.transpose()
        found = rational.inertia(matrix)
        values = np.linalg.eigvalsh(np.array(matrix.to_Matrix().tolist(), float))
        tolerance = 1e-10 * max(1.0, abs(values).max())
        assert found == (sum(values < -tolerance), sum(abs(values) <= tolerance), sum(values > tolerance))
        assert found.negative + found.positive == rational.rank(matrix)
    with pytest.raises(ValueError, match="not symmetric"):
        rational.inertia(DomainMatrix([[0, 1], [0, 0]], (2, 2), QQ))


@pytest.mark.parametrize("shape", [(3, 4), (4, 2), (3, 3)])
@pytest.mark.parametrize("inner", [0, 1, 2])
def test_pseudo_inverse_satisfies_penrose(shape, inner):
    random = Random(inner)
    matrix = rational.general(random, shape[0], inner) * rational.general(random, inner, shape[1])
    inverse = rational.pseudo_inverse(matrix)
    assert matrix * inverse * matrix == matrix
    assert inverse * matrix * inverse == inverse
    assert (matrix * inverse).transpose() == matrix * inverse
    assert (inverse * matrix).transpose() == inverse * matrix
    kernel = rational.null_space(matrix)
    assert (matrix * kernel).is_zero_matrix
    assert kernel.shape[1] == shape[1] - rational.rank(matrix)


def test_orthogonal_matrices_are_exactly_orthogonal():
    found = rational.orthogonal(Random(9), 4)
    assert found * found.transpose() == rational.identity(4)
