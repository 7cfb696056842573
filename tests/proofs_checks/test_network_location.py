"""A trained network in the landscape of its data: networks pushed away from points that are known."""

import json
import pickle
import zipfile

import numpy as np
import pytest

from proofs_checks.commands.critical_points import run
from theory.errors import InputError

WIDTHS = (4, 3, 3)
VALUES = np.array([5.0, 3.0, 1.0])


@pytest.fixture(scope="module")
def data():
    """Correlated inputs R; in whitened ones the targets are 5, 3, 1 along the first three axes."""
    random = np.random.default_rng(0)
    frame = np.linalg.qr(random.normal(size=(12, 4)))[0]
    R = random.normal(size=(4, 4)) + 3 * np.eye(4)
    return frame @ R, frame[:, :3] * VALUES, R


def saddle(R, chosen, hidden=3):
    """Balanced in whitened inputs, idle units silent: W_2 = U_S sqrt(s_S), W_1 = sqrt(s_S) V_S^T R^-T."""
    first, last = np.zeros((hidden, 4)), np.zeros((3, hidden))
    for unit, k in enumerate(chosen):
        first[unit, k] = last[k, unit] = VALUES[k] ** 0.5
    return first @ np.linalg.inv(R).T, last


def pushed(layers, size, seed=1):
    random = np.random.default_rng(seed)
    return [layer + size * random.normal(size=layer.shape) for layer in layers]


def test_network_pushed_from_a_saddle_is_located_there(data):
    x, y, R = data
    layers = pushed(saddle(R, (0, 2)), 1e-4)
    found = run(x, y, WIDTHS, network=layers).network
    assert found.nearest.choice == (1, 0, 1)
    assert float(found.nearest.loss) == pytest.approx(9 / 2, rel=1e-12)
    assert found.point_loss == pytest.approx(9 / 2, rel=1e-9)
    # (p - r)(rho - r) + inv(S) = 1 * 1 + 1; nullity r^2 + 2 r (p - r) + (p - r)(m - rho) = 4 + 4 + 1
    assert (found.index, found.nullity) == (2, 9)
    assert not found.doubtful
    push = np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(layers, saddle(R, (0, 2)), strict=True)))
    assert found.distance[0] < 2 * push
    assert found.output_distance < 1e-3
    residual = y - x @ (layers[1] @ layers[0]).T
    assert found.loss == pytest.approx(np.sum(residual**2) / 2, rel=1e-12)


def test_exit_direction_lowers_the_loss_as_its_curvature_says(data):
    x, y, R = data
    found = run(x, y, WIDTHS, network=pushed(saddle(R, (0,)), 1e-4)).network
    assert found.exit.mode == 2

    def loss(step):
        first, last = (a + step * b for a, b in zip(found.point, found.exit.direction, strict=True))
        return np.sum((y - x @ (last @ first).T) ** 2) / 2

    # A quartic: third and fourth derivatives are below 1e3 here.
    step = 1e-3
    bend = (loss(step) + loss(-step) - 2 * loss(0)) / step**2
    assert bend == pytest.approx(found.exit.curvature, abs=1e3 * step**2)
    assert found.exit.curvature < 0


def test_global_minimum_has_no_exit_and_rank_deficient_inputs_add_to_the_nullity(data):
    x, y, R = data
    first, last = saddle(R, (0, 1, 2))
    spoiled = np.hstack([x, np.zeros((12, 2))])
    wide = np.hstack([first, np.ones((3, 2))])
    plain = run(x, y, WIDTHS, network=pushed((first, last), 1e-5)).network
    found = run(spoiled, y, (6, 3, 3), network=pushed((wide, last), 1e-5)).network
    assert plain.nearest.kind == found.nearest.kind == "global minimum"
    assert plain.exit is found.exit is None
    assert found.nullity == plain.nullity + 6
    assert found.distance[0] < 1e-3


def deep_saddle(R, chosen):
    first, last = saddle(R, chosen)
    return first, np.diag([1.0, 0, 0]), last


@pytest.mark.parametrize("chosen", [(0,), (1,)])
def test_deep_network_at_a_silent_saddle(data, chosen):
    x, y, R = data
    found = run(x, y, (4, 3, 3, 3), network=deep_saddle(R, chosen)).network
    assert found.nearest.rank == 1
    inversions = chosen[0]
    assert found.index == inversions
    assert (found.exit is None) == (inversions == 0)
    assert ("higher order" in found.lines()[-1]) == (inversions == 0)


def test_next_to_a_silent_saddle_are_open_ones_that_curve_as_little_as_they_are_near(data):
    x, y, R = data
    found = run(x, y, (4, 3, 3, 3), network=pushed(deep_saddle(R, (0,)), 1e-3)).network
    assert float(found.nearest.loss) == pytest.approx(5, rel=1e-12)
    assert found.distance[0] < 1e-2
    # Idle units of size 1e-3 in the middle, times s_2 = 3 and the inverse of R.
    assert found.exit is None or -0.05 < found.exit.curvature < 0


def test_imbalance_is_that_of_the_definition(data):
    x, y, R = data
    first, last = pushed(saddle(R, (0,)), 1e-2)
    found = run(x, y, WIDTHS, network=(first, last)).network
    expected = np.linalg.norm(last.T @ last - first @ first.T)
    assert found.imbalance[0] == pytest.approx(expected)


def test_origin_has_no_relative_distance(data):
    x, y, _ = data
    result = run(x, y, WIDTHS, network=[np.zeros((3, 4)), np.zeros((3, 3))])
    assert result.network.distance == (0.0, None)
    assert (result.network.index, result.network.exit.mode) == (9, 1)
    document = json.loads(json.dumps(result.to_dict()))["network"]
    assert document["predicted_loss"] == pytest.approx(35 / 2)
    assert "towards eigenvalue 1" in result.text()


def stored(folder, **arrays):
    np.savez(folder / "W.npz", **arrays)
    return folder / "W.npz"


def test_network_from_a_file_is_that_of_its_arrays(data, tmp_path):
    x, y, R = data
    first, last = saddle(R, (0,))
    path = stored(tmp_path, W_1=first, W_2=last.astype(np.float32))
    found = run(x, y, WIDTHS, network=path).network
    assert found.nearest.choice == (1, 0, 0)


BAD = {
    "shape": ({"W_1": np.ones((3, 5)), "W_2": np.ones((3, 3))}, r"W_1 has shape \(3, 5\) .* \(3, 4\)"),
    "transposed": ({"W_1": np.ones((4, 3)), "W_2": np.ones((3, 3))}, "is it transposed"),
    "one-dimensional": ({"W_1": np.ones(12), "W_2": np.ones((3, 3))}, r"W_1 has shape \(12,\)"),
    "count": ({"W_1": np.ones((3, 4))}, "has 1 layers and the widths say 2"),
    "names": ({"a": np.ones((3, 4)), "b": np.ones((3, 3))}, "name them W_1 to W_2"),
    "nan": ({"W_1": np.full((3, 4), np.nan), "W_2": np.ones((3, 3))}, "W_1 has 12 entries that are NaN"),
    "complex": ({"W_1": np.ones((3, 4), complex), "W_2": np.ones((3, 3))}, "W_1 holds complex128"),
    "text": ({"W_1": np.full((3, 4), "x"), "W_2": np.ones((3, 3))}, "real numbers"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_networks_are_refused_in_one_line(case, data, tmp_path):
    x, y, _ = data
    arrays, message = BAD[case]
    with pytest.raises(InputError, match=message) as error:
        run(x, y, WIDTHS, network=stored(tmp_path, **arrays))
    assert "\n" not in str(error.value)


class _Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_bad_network_files_are_refused_and_nothing_is_unpickled(data, tmp_path):
    x, y, _ = data
    good = stored(tmp_path, W_1=np.ones((3, 4)), W_2=np.ones((3, 3))).read_bytes()
    (tmp_path / "short.npz").write_bytes(good[:-40])
    (tmp_path / "pickled.npz").write_bytes(pickle.dumps(_Trap()))
    with zipfile.ZipFile(tmp_path / "objects.npz", "w") as archive:
        archive.writestr("W_1.npy", pickle.dumps(_Trap()))
        archive.writestr("W_2.npy", b"")
    header = np.lib.format.magic(1, 0) + b"\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4)}"
    with zipfile.ZipFile(tmp_path / "promise.npz", "w") as archive:
        archive.writestr("W_1.npy", header.ljust(128) + b"\0")
        archive.writestr("W_2.npy", b"")
    for name in ("short", "pickled", "objects", "promise"):
        with pytest.raises(InputError, match="no npz file, or damaged"):
            run(x, y, WIDTHS, network=tmp_path / f"{name}.npz")
    with pytest.raises(InputError, match="there is no file"):
        run(x, y, WIDTHS, network=tmp_path / "missing.npz")
