"""Which arithmetic decides, and that all three agree; degenerate data are treated as documented."""

import numpy as np
import pytest

from numerics.data import diabetes, digits
from proofs_checks import critical_points
from proofs_checks.commands.critical_points import run
from proofs_checks.data_files import read_data
from proofs_checks.data_landscape import spectrum as module
from proofs_checks.data_landscape.columns import columns
from proofs_checks.data_landscape.spectrum import data_spectrum
from theory import balls
from theory.errors import InputError

flint = pytest.mark.skipif(not balls.available(), reason="python-flint is not installed")


def spectrum(x, y, uncertainty=None):
    return data_spectrum(read_data(x, "X"), read_data(y, "Y"), uncertainty)


def floating(monkeypatch, x, y, uncertainty=None):
    with monkeypatch.context() as patch:
        patch.setattr(module, "_certified_available", lambda: False)
        return spectrum(x, y, uncertainty)


def integers(seed=0, examples=30, inputs=4, outputs=3):
    random = np.random.default_rng(seed)
    return random.integers(-5, 6, size=(examples, inputs)), random.integers(-5, 6, size=(examples, outputs))


def test_whole_numbers_are_exact_and_agree_with_floats(monkeypatch):
    x, y = integers()
    found, other = spectrum(x, y), floating(monkeypatch, x, y)
    assert other.arithmetic == "float64"
    assert [float(v) for v in found.values] == pytest.approx(list(other.values), abs=2 * other.loss_error)
    if balls.available():
        assert (found.arithmetic, found.resolution) == ("exact rationals", 0)


@flint
def test_exact_eigenvalues_are_rational_where_they_are():
    x = np.diag([3, 2, 1])
    y = np.diag([6, 6, 1])
    found = spectrum(x, y)
    assert found.multiplicities == (2, 1)
    assert [float(value) for value in found.values] == pytest.approx([36, 1], rel=1e-50)
    halves = spectrum(x / 2, y / 4)
    assert [float(value) for value in halves.values] == pytest.approx([36 / 16, 1 / 16], rel=1e-50)


@flint
def test_ties_are_told_from_near_ties_exactly():
    # Two eigenvalues that differ by 2e-14 of their size, too close for float64's bound, not for rationals.
    near = np.diag([2**23 + 1.0, 2**23])
    assert spectrum(np.eye(2), near).multiplicities == (1, 1)
    assert spectrum(np.eye(2), 2**23 * np.eye(2)).multiplicities == (2,)


@flint
def test_rounded_data_are_enclosed_in_balls_and_agree_with_floats(monkeypatch):
    random = np.random.default_rng(1)
    x, y = random.normal(size=(50, 5)), random.normal(size=(50, 3))
    found, other = spectrum(x, y), floating(monkeypatch, x, y)
    assert (found.arithmetic, found.input_rank) == ("balls", 5)
    assert [float(v) for v in found.values] == pytest.approx(list(other.values), abs=2 * other.loss_error)
    assert 0 < found.loss_error < other.loss_error


def test_uncertainty_of_the_data_makes_ties_and_drops_what_is_below_it():
    x, y = np.eye(3), np.diag([2.0, 1.9, 0.1])
    assert spectrum(x, y).multiplicities == (1, 1, 1)
    blurred = spectrum(x, y, (0.0, 0.05))
    assert blurred.multiplicities == (2,)
    assert blurred.resolution == pytest.approx(0.15, rel=1e-6)  # 0.05 sqrt(9), a Frobenius norm
    # What was merged or dropped is within the error of the losses.
    assert blurred.loss_error >= 0.1**2 / 2


def test_stated_uncertainty_bounds_what_perturbed_data_do():
    random = np.random.default_rng(2)
    x, y = random.normal(size=(40, 3)), random.normal(size=(40, 2))
    size = 1e-3
    found = spectrum(x, y, (size, size))
    before = np.sqrt([float(value) for value in found.values])
    for _ in range(5):
        moved = x + random.uniform(-size, size, x.shape), y + random.uniform(-size, size, y.shape)
        after = np.sqrt([float(value) for value in spectrum(*moved).values])
        assert np.abs(after - before).max() <= found.resolution


def test_uncertainty_above_the_smallest_direction_lowers_the_rank_of_the_inputs():
    x = np.vstack([np.diag([1.0, 1.0, 1e-3]), np.zeros((3, 3))])
    y = np.ones((6, 2)) + np.eye(6)[:, :2]
    found = run(x, y, (3, 2, 2), uncertainty=(0.001, 0))
    assert found.spectrum.input_rank == 2
    assert found.spectrum.arithmetic == "float64"


def test_single_precision_is_as_uncertain_as_its_rounding():
    random = np.random.default_rng(3)
    x, y = random.normal(size=(30, 3)), random.normal(size=(30, 2))
    double, single = spectrum(x, y), spectrum(x.astype(np.float32), y)
    assert single.resolution > 1e7 * double.resolution
    assert (
        spectrum(np.rint(x).astype(np.float32), np.rint(y)).resolution
        == spectrum(np.rint(x).astype(np.int16), np.rint(y).astype(np.uint8).astype(np.int8)).resolution
    )


def test_types_may_be_mixed():
    x, y = integers(4)
    plain = run(x, y, (4, 2, 3)).to_dict()
    for first, second in ((np.int8, np.float64), (np.float32, np.int64), (">f8", "<i2")):
        mixed = run(x.astype(first), y.astype(second), (4, 2, 3)).to_dict()
        assert mixed["lowest"] == plain["lowest"]


def test_zero_repeated_and_constant_columns_are_named():
    x, y = integers(5)
    spoiled = np.hstack([x, 0 * x[:, :1], x[:, 1:2], np.ones((30, 1))])
    found = columns(spoiled.astype(float))
    assert (found.zero, found.repeated, found.constant) == ((4,), ((5, 1),), (6,))
    result = run(spoiled, y, (7, 2, 3))
    text = result.text()
    for part in ("rank 5 of 7", "column 4 is zero", "column 5 repeats column 1", "column 6 is constant"):
        assert part in text
    bare = run(np.hstack([x, np.ones((30, 1))]), y, (5, 2, 3))
    assert [one.index for one in result.lowest] == [one.index for one in bare.lowest]
    assert [one.nullity for one in result.lowest] == [one.nullity + 4 for one in bare.lowest]


def test_fewer_samples_than_inputs_are_interpolated_and_said():
    x, y = integers(6, examples=3, inputs=6, outputs=2)
    found = run(x, y, (6, 2, 2))
    assert float(found.lowest[0].loss) == pytest.approx(0, abs=found.loss_error)
    assert "3 examples only" in found.text()
    assert found.text().splitlines()[4].split()[0] == "0"


def test_targets_that_repeat_a_column_have_one_eigenvalue_less():
    x, y = integers(7, outputs=2)
    found = run(x, np.hstack([y, y[:, :1]]), (4, 3, 3))
    assert found.spectrum.rank == 2
    assert not found.hypotheses[1].holds


def test_unrelated_targets_have_one_class_only():
    x = np.array([[1.0], [-1.0], [0.0]])
    found = run(x, np.ones((3, 2)), (1, 4, 2))
    assert [(one.kind, one.index) for one in found.lowest] == [("global minimum", 0)]


def test_constant_zero_inputs_leave_one_class():
    found = run(np.zeros((4, 3)), np.ones((4, 2)), (3, 2, 2))
    assert (found.spectrum.input_rank, found.landscape.count) == (0, 1)
    assert float(found.lowest[0].loss) == pytest.approx(4)


def test_enormous_widths_are_counted_and_not_built():
    x, y = integers(8)
    found = run(x, y, (4, 10**6, 10**6, 3))
    assert found.landscape.count == 8
    assert found.lowest[0].nullity > 10**12
    with pytest.raises(InputError, match="from 1 to 1000000"):
        run(x, y, (4, 10**7, 3))
    with pytest.raises(InputError, match="widths"):
        run(x, y, (4, *[2] * 2000, 3))


@pytest.mark.parametrize("given", ["0.1", "a,b", "-1,0", (1,), (0.1, float("nan"))])
def test_bad_uncertainties_are_refused(given):
    x, y = integers()
    with pytest.raises(InputError):
        run(x, y, (4, 2, 3), uncertainty=given)


def test_real_data_digits_and_diabetes():
    pytest.importorskip("sklearn")
    images, labels = digits("none")
    found = critical_points(images, labels, "64,10,10")
    assert (found.spectrum.input_rank, found.landscape.count) == (61, 2**10)
    x, y = (np.asarray(part) for part in (images, labels))
    fit = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    assert float(found.lowest[0].loss) == pytest.approx(np.sum((y - fit) ** 2) / 2, rel=1e-10)
    deep = critical_points(*diabetes(), "10,4,4,1")
    assert [one.kind for one in deep.lowest] == ["global minimum", "saddle, not strict at all points"]


def test_latex_is_a_tabular_of_as_many_rows_as_classes():
    x, y = integers(9)
    source = run(x, y, (4, 2, 2, 3)).latex()
    assert source.count(r" \\") == 1 + 1 + 3 + 3
    assert r"$\ge 1$" in source
    assert r"$\emptyset$" in source
    assert source.rstrip().endswith(r"\end{tabular}")
