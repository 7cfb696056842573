"""Matrices from a user's npy files: checked on arrival, never unpickled."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from jaxtyping import Float

from proofs_checks.report.files import require_file
from theory.errors import InputError

LARGEST = 1e100  # squares and their sums must stay finite

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
    array = source if isinstance(source, np.ndarray) else _load(Path(source), name)
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
    except (ValueError, EOFError, OSError, MemoryError, SyntaxError, TypeError, KeyError) as error:
        reason = "it holds Python objects" if "bject arrays" in str(error) else "it is damaged or unreadable"
        raise InputError(f"{name}: {str(path)!r} cannot be used, {reason}: {_HOW}") from None
    return np.asarray(loaded)


def _check_header(file: BinaryIO, size: int) -> None:
    """Raise ValueError where the header promises more than the file holds: NumPy would reserve it at once."""
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"format {version} is only used for fields with names")
    shape, _, dtype = readers[version](file)
    if dtype.hasobject:
        raise ValueError("Object arrays are not read")
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > size - file.tell():
        raise ValueError("the data are shorter than the header says")
