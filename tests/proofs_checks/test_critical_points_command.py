"""The landscape of a user's own data: figures by another route, degenerate data, and bad input."""

import json
import pickle

import numpy as np
import pytest

from proofs_checks.commands.critical_points import run
from theory.errors import InputError


@pytest.fixture
def data(tmp_path):
    random = np.random.default_rng(0)
    x, y = random.normal(size=(30, 5)), random.normal(size=(30, 4))
    np.save(tmp_path / "X.npy", x)
    np.save(tmp_path / "Y.npy", y)
    return tmp_path, x, y


def test_all_classes_of_small_data(data):
    folder, x, y = data
    result = run(folder / "X.npy", folder / "Y.npy", "5,3,4", lowest=100)
    fit = x @ np.linalg.solve(x.T @ x, x.T @ y)
    values = np.sort(np.linalg.eigvalsh(fit.T @ fit))[::-1]
    found = json.loads(json.dumps(result.to_dict()))
    assert found["classes"] == len(found["lowest"]) == 1 + 4 + 6 + 4
    for one in found["lowest"]:
        expected = (np.sum(y**2) - values[[k - 1 for k in one["chosen"]]].sum()) / 2
        assert one["loss"] == pytest.approx(expected, rel=1e-12)
        assert abs(one["loss"] - expected) <= found["loss_error"]
        assert one["mean_loss"] == pytest.approx(expected / 30)
    assert found["lowest"][0]["kind"] == "global minimum"
    assert [one["index"] for one in found["lowest"]].count(0) == 1
    assert found["notes"] == []


def test_table_names_convention_and_kinds(data):
    folder, _, _ = data
    text = run(folder / "X.npy", folder / "Y.npy", (5, 3, 4), lowest=3).text()
    assert "rows of X and Y are examples" in text
    assert "nothing is centered" in text
    assert "global minimum" in text
    assert "15 classes" in text
    assert "... 7 classes between ..." in text


def test_index_is_that_of_a_finite_difference_hessian(data):
    _, x, y = data
    one = next(c for c in run(x, y, (5, 3, 4), lowest=99).to_dict()["lowest"] if c["chosen"] == [2, 3])
    root = np.linalg.cholesky(x.T @ x)
    U, s, Q = np.linalg.svd(np.linalg.solve(root, x.T @ y).T)
    A, B = np.zeros((4, 3)), np.zeros((3, 5))
    for unit, k in enumerate((1, 2)):
        A[:, unit] = U[:, k] * np.sqrt(s[k])
        B[unit] = np.linalg.solve(root.T, Q[k]) * np.sqrt(s[k])
    point = np.concatenate([A.ravel(), B.ravel()])

    def loss(theta):
        return np.sum((y - x @ theta[12:].reshape(3, 5).T @ theta[:12].reshape(4, 3).T) ** 2) / 2

    # Second differences of a quartic: the truncation error is step^2 times fourth derivatives of order 10.
    step, units = 1e-3, np.eye(27) * 1e-3
    shifted = np.array([[loss(point + a + b) - loss(point + a - b) for b in units] for a in units])
    mirrored = np.array([[loss(point - a - b) - loss(point - a + b) for b in units] for a in units])
    spectrum = np.linalg.eigvalsh((shifted + mirrored) / (4 * step**2))
    assert loss(point) == pytest.approx(one["loss"], rel=1e-12)
    assert (np.sum(spectrum < -1e-2), np.sum(np.abs(spectrum) <= 1e-2)) == (one["index"], one["nullity"])


def test_rank_deficient_inputs_are_treated(data):
    _, x, y = data
    spoiled = np.hstack([x, x[:, :1]])
    plain, found = run(x, y, (5, 3, 4)), run(spoiled, y, (6, 3, 4))
    assert found.lowest[0].loss == pytest.approx(plain.lowest[0].loss, rel=1e-10)
    assert [one.index for one in found.lowest] == [one.index for one in plain.lowest]
    assert found.lowest[0].nullity == plain.lowest[0].nullity + 3
    assert "the inputs have rank 5 of 6" in found.notes[0]


def test_fewer_examples_than_inputs():
    random = np.random.default_rng(5)
    found = run(random.normal(size=(3, 6)), random.normal(size=(3, 2)), (6, 2, 2))
    assert found.lowest[0].loss == pytest.approx(0, abs=found.loss_error)
    assert any("rank 3 of 6" in note for note in found.notes)


def test_ties_and_missing_rank_are_notes():
    x, y = np.eye(4), np.diag([2.0, 2.0, 1.0, 0.0])
    found = run(x, y, (4, 2, 4))
    assert found.landscape.spectrum.multiplicities == (2, 1)
    assert found.spectrum.arithmetic == "exact rationals"
    assert [one.loss for one in found.lowest] == pytest.approx([0.5, 2, 2.5, 4, 4.5])
    assert any("eigenvalues 1 to 2 are tied:" in note for note in found.notes)
    assert any("rank 3 for 4 outputs" in note for note in found.notes)


def test_many_outputs_are_not_enumerated():
    random = np.random.default_rng(1)
    found = run(random.normal(size=(100, 40)), random.normal(size=(100, 40)), (40, 40, 40))
    assert found.landscape.count == 2**40
    assert len(found.lowest) == 20


BAD = {
    "nan": (np.full((3, 2), np.nan), "NaN, infinite"),
    "infinite": (np.full((3, 2), np.inf), "NaN, infinite"),
    "huge": (np.full((3, 2), 1e200), "above 1e"),
    "complex": (np.ones((3, 2), complex), "complex128"),
    "text": (np.array([["a", "b"]] * 3), "real numbers are allowed"),
    "flags": (np.ones((3, 2), bool), "bool"),
    "one-dimensional": (np.ones(3), r"two dimensions .* reshape"),
    "empty": (np.ones((0, 2)), "is empty"),
    "rows": (np.ones((4, 2)), "X has 4 rows and Y has 3"),
    "transposed": (np.ones((3, 3)), "X has 3 columns and the input width is 2"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_refused_in_one_line(case):
    array, message = BAD[case]
    with pytest.raises(InputError, match=message) as error:
        run(array, np.ones((3, 1)), (2, 1, 1))
    assert "\n" not in str(error.value)


def test_bad_files_are_refused_and_nothing_is_unpickled(tmp_path):
    good = tmp_path / "good.npy"
    np.save(good, np.ones((3, 2)))
    objects = tmp_path / "objects.npy"
    np.save(objects, np.array([[None, 1], [2, 3], [4, 5]], dtype=object), allow_pickle=True)
    (tmp_path / "pickled.npy").write_bytes(pickle.dumps(_Trap()))
    (tmp_path / "short.npy").write_bytes(good.read_bytes()[:-9])
    (tmp_path / "header.npy").write_bytes(b"\x93NUMPY\x01\x00\x08\x00nonsense")
    np.savez(tmp_path / "archive.npz", a=np.ones(2))
    for name, message in (
        ("missing.npy", "there is no file"),
        ("objects.npy", "Python objects"),
        ("pickled.npy", "is no npy file"),
        ("short.npy", "damaged"),
        ("header.npy", "damaged"),
        ("archive.npz", "is no npy file"),
        (".", "there is no file"),
    ):
        with pytest.raises(InputError, match=message):
            run(tmp_path / name, good, (2, 1, 2))


class _Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize(
    "widths", ["2,1", "2", "2,0,2", "2,-1,2", "a,b,c", "2,1,2,3", "__import__('os'),1,2", "2,1,9**9**9"]
)
def test_bad_widths_are_refused(widths):
    with pytest.raises(InputError):
        run(np.ones((3, 2)), np.ones((3, 2)), widths)
