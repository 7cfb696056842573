"""The fingerprint of a callable: equal for equal code and data, in every process."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

_DEPTH = 16  # of containers within containers


def code_digest(value: Any) -> str:
    """SHA-256 of a callable's code, of what it closes over, and of the file that defines it.

    What a function reaches through globals of other files is not followed: the layers of this package are
    under the digest of the environment, a user's file is under its own.
    """
    return sha256(_Description().of(value, _DEPTH).encode()).hexdigest()


class _Description:
    """One walk over an object graph; an object met again is named by when it was first met."""

    def __init__(self) -> None:
        # Values are kept alive, so that no address is used twice.
        self._met: dict[int, tuple[int, Any]] = {}

    def of(self, value: Any, depth: int) -> str:
        if value is None or isinstance(value, bool | int | float | complex | str | bytes):
            return repr(value)
        if depth == 0 or isinstance(value, types.ModuleType | type):
            return str(getattr(value, "__qualname__", getattr(value, "__name__", type(value).__qualname__)))
        if isinstance(value, Mapping):
            pairs = sorted(((self.of(key, depth - 1), one) for key, one in value.items()), key=_first)
            return f"{{{', '.join(f'{name}: {self.of(one, depth - 1)}' for name, one in pairs)}}}"
        if isinstance(value, set | frozenset):
            return f"set({sorted(self.of(one, depth - 1) for one in value)})"
        if isinstance(value, list | tuple):
            return f"[{', '.join(self.of(one, depth - 1) for one in value)}]"
        if id(value) in self._met:
            return f"met({self._met[id(value)][0]})"
        self._met[id(value)] = (len(self._met), value)
        return self._object(value, depth - 1)

    def _object(self, value: Any, depth: int) -> str:
        if isinstance(value, types.CodeType):
            parts = (value.co_code, value.co_names, value.co_varnames, value.co_consts)
            return f"code({self.of(parts, depth)})"
        if isinstance(value, types.FunctionType):
            return self._function(value, depth)
        if isinstance(value, functools.partial):
            return f"partial({self.of((value.func, value.args, value.keywords), depth)})"
        if isinstance(value, types.MethodType):
            return f"method({self.of((value.__func__, value.__self__), depth)})"
        wrapped = getattr(value, "__wrapped__", None)  # jitted and decorated functions
        if wrapped is not None:
            return f"wrapped({self.of(wrapped, depth)})"
        return self._data(value, depth)

    def _function(self, function: types.FunctionType, depth: int) -> str:
        cells = [cell.cell_contents for cell in function.__closure__ or () if _filled(cell)]
        parts = (function.__defaults__, function.__kwdefaults__, cells)
        name = f"{function.__qualname__}, {_file_digest(function)}"
        return f"function({name}, {self.of(function.__code__, depth)}, {self.of(parts, depth)})"

    def _data(self, value: Any, depth: int) -> str:
        name = type(value).__qualname__
        if is_dataclass(value):
            return f"{name}({self.of({one.name: getattr(value, one.name) for one in fields(value)}, depth)})"
        if hasattr(value, "tobytes") and hasattr(value, "dtype"):
            return f"array({value.dtype}, {value.shape}, {sha256(value.tobytes()).hexdigest()})"
        text = repr(value)
        return text if " at 0x" not in text else f"{name}({self.of(getattr(value, '__dict__', {}), depth)})"


def _first(pair: tuple[str, Any]) -> str:
    return pair[0]


def _filled(cell: types.CellType) -> bool:
    """A recursive local function closes over a cell that may still be empty."""
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


@functools.lru_cache(maxsize=1024)
def _contents_digest(path: str) -> str:
    return sha256(Path(path).read_bytes()).hexdigest()


def _file_digest(function: types.FunctionType) -> str:
    """The file that defines the function, since helpers beside it are called by name."""
    try:
        return _contents_digest(inspect.getsourcefile(function) or "")
    except (OSError, TypeError):  # defined at a prompt: its code alone stands for it
        return ""
