"""Matrices from a user's npy files: checked on arrival, never unpickled."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Sequence
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from proofs_checks.report.files import require_file
from theory.errors import InputError
from theory.grammar.sizes import shown

LARGEST = 1e100  # squares and their sums must stay finite

_DAMAGE = (ValueError, EOFError, OSError, MemoryError, SyntaxError, TypeError, KeyError)
_HOW = "save it with numpy.save from a two-dimensional array of numbers"


class Matrix(NamedTuple):
    """A finite float64 matrix, and how it came.

    rounding
        Half a unit in the last place of the type it was stored in, relative to an entry: the uncertainty of a
        rounded number. 0 for whole numbers that float64 holds.
    """

    values: Float[np.ndarray, "rows columns"]
    rounding: float


def read_matrix(source: str | PathLike[str] | np.ndarray, name: str) -> Float[np.ndarray, "rows columns"]:
    """The values of ``read_data``."""
    return read_data(source, name).values


def read_data(source: str | PathLike[str] | np.ndarray, name: str) -> Matrix:
    """A matrix from an npy file, or from an array.

    Raises InputError, one line, for a file that is missing or not npy, object arrays, types that are no real
    numbers, other than two dimensions, no entries, NaN, infinities and numbers whose squares overflow.
    """
    array = _load(Path(source), name) if isinstance(source, str | PathLike) else np.asarray(source)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name} holds {array.dtype} entries: real numbers are allowed")
    if array.ndim != 2:
        hint = ": a single column is reshape(-1, 1)" if array.ndim == 1 else ""
        raise InputError(f"{name} has shape {array.shape}: two dimensions are needed, examples in rows{hint}")
    if array.size == 0:
        raise InputError(f"{name} has shape {array.shape}: it is empty")
    with np.errstate(over="ignore"):
        matrix = np.asarray(array, dtype=np.float64)
    _check_values(matrix, name)
    return Matrix(matrix, _rounding(array, matrix))


def read_layers(
    source: str | PathLike[str] | Sequence[np.ndarray], widths: Sequence[int]
) -> tuple[Float[np.ndarray, "after before"], ...]:
    """Layers W_1, ..., W_H, W_h of shape (d_h, d_{h-1}), from an npz file of arrays so named, or from arrays.

    Shapes are compared with the widths before any entry is read. Raises InputError, one line, for a file that
    is missing, damaged or not npz, for other names or shapes, and for entries that ``read_data`` refuses.
    """
    shapes = [(after, before) for before, after in pairwise(widths)]
    if not isinstance(source, str | PathLike):
        layers = [np.asarray(layer) for layer in source]
        _check_count(len(layers), len(shapes))
    else:
        layers = _load_layers(Path(source), shapes)
    for position, (layer, shape) in enumerate(zip(layers, shapes, strict=True), 1):
        _check_layer(layer.shape, shape, position)
    return tuple(read_matrix(layer, f"W_{position}") for position, layer in enumerate(layers, 1))


def _load_layers(path: Path, shapes: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    require_file(path, "the network: ", "")
    names = [f"W_{position}" for position in range(1, len(shapes) + 1)]
    try:
        with zipfile.ZipFile(path) as archive:
            stored = [info.filename.removesuffix(".npy") for info in archive.infolist()]
            if sorted(stored) != sorted(names):
                _check_count(len(stored), len(names))
                raise InputError(
                    f"the network holds arrays {shown(', '.join(stored))}: name them W_1 to {names[-1]}, "
                    "as numpy.savez('W.npz', W_1=..., W_2=...) does"
                )
            pairs = zip(names, shapes, strict=True)
            return [_load_layer(archive, name, shape) for name, shape in pairs]
    except InputError:
        raise
    except (*_DAMAGE, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
        raise InputError(
            f"the network {str(path)!r} is no npz file, or damaged: make it by numpy.savez('W.npz', W_1=...)"
        ) from None


def _load_layer(archive: zipfile.ZipFile, name: str, shape: tuple[int, int]) -> np.ndarray:
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as file:
        found = _check_header(file, info.file_size)
    _check_layer(found, shape, int(name.removeprefix("W_")))
    with archive.open(info) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _check_count(found: int, expected: int) -> None:
    if found != expected:
        raise InputError(
            f"the network has {found} layers and the widths say {expected}: give one array a layer"
        )


def _check_layer(found: tuple[int, ...], expected: tuple[int, int], position: int) -> None:
    if tuple(found) == expected:
        return
    hint = " (is it transposed? W_h maps layer h - 1 to layer h)" if tuple(found) == expected[::-1] else ""
    raise InputError(f"W_{position} has shape {tuple(found)} and the widths need {expected}{hint}")


def _rounding(array: np.ndarray, matrix: Float[np.ndarray, "rows columns"]) -> float:
    double = float(np.finfo(np.float64).eps) / 2
    if array.dtype.kind == "f":
        return max(double, float(np.finfo(array.dtype).eps) / 2)
    return double if array.dtype.itemsize == 8 and _magnitude(matrix) > 2**53 else 0.0


def _magnitude(matrix: Float[np.ndarray, "rows columns"]) -> float:
    return max(float(matrix.max()), -float(matrix.min()))


def _check_values(matrix: Float[np.ndarray, "rows columns"], name: str) -> None:
    if _magnitude(matrix) <= LARGEST:  # false for NaN too, and no copy of large data is made
        return
    usable = np.isfinite(matrix) & (np.abs(matrix) <= LARGEST)
    row, column = (int(index) for index in np.argwhere(~usable)[0])
    raise InputError(
        f"{name} has {int((~usable).sum())} entries that are NaN, infinite or above {LARGEST:g}, "
        f"the first, {matrix[row, column]}, in row {row}, column {column}: remove or rescale them"
    )


def _load(path: Path, name: str) -> np.ndarray:
    require_file(path, f"{name}: ", "")
    try:
        with path.open("rb") as file:
            if file.read(6) != b"\x93NUMPY":
                raise InputError(f"{name}: {str(path)!r} is no npy file: {_HOW}")
            file.seek(0)
            _check_header(file, path.stat().st_size)
            file.seek(0)
            loaded: Any = np.lib.format.read_array(file, allow_pickle=False)
    except InputError:
        raise
    except _DAMAGE as error:
        reason = "it holds Python objects" if "bject arrays" in str(error) else "it is damaged or unreadable"
        raise InputError(f"{name}: {str(path)!r} cannot be used, {reason}: {_HOW}") from None
    return np.asarray(loaded)


def _check_header(file: IO[bytes], size: int) -> tuple[int, ...]:
    """The shape. Raise ValueError where it promises more than the file holds: NumPy would reserve it."""
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"format {version} is only used for fields with names")
    shape, _, dtype = readers[version](file)
    if dtype.hasobject:
        raise ValueError("Object arrays are not read")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > size - file.tell():
        raise ValueError("the data are shorter than the header says")
    return tuple(shape)
