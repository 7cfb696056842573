"""Writing where one was told to, whole or not at all, and nowhere else."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from theory.errors import InputError
from theory.grammar.sizes import shown


def require_file(path: Path, what: str, advice: str) -> None:
    """Refuse a path under which no file lies, whatever else is wrong with it."""
    try:
        found = path.is_file()
    except (OSError, ValueError):  # a name that is too long for a name
        found = False
    if not found:
        raise InputError(f"{what}there is no file {shown(str(path))}{advice}")


def require_folder(output: Path | None) -> None:
    """Refuse, before any work is done, a file whose folder is not there, and what is no file.

    A link is followed within its own folder only: else the file would land where nobody named it.
    """
    if output is None or _is_stream(output):
        return
    try:
        problem = _problem(output)
    except (OSError, ValueError) as error:
        problem = f"{shown(str(output))} is no name of a file: {getattr(error, 'strerror', None) or error}"
    if problem:
        raise InputError(problem)


def _problem(output: Path) -> str | None:
    if "\0" in str(output):
        raise ValueError("a null byte")
    if not output.parent.is_dir():
        return f"there is no folder {shown(str(output.parent))}: make it first or choose another"
    if output.is_dir():
        return f"{shown(str(output))} is a folder: name a file in it"
    if output.is_symlink() and output.resolve().parent != output.parent.resolve():
        return f"{shown(str(output))} is a link to {shown(str(output.resolve()))}: name that file itself"
    return None


def write_whole(content: bytes, output: Path) -> None:
    """Replace ``output`` by a file with this content in one step; a stream such as /dev/stdout is written to.

    Raises InputError as ``require_folder`` does, and where the file cannot be written.
    """
    require_folder(output)
    try:
        if _is_stream(output):
            output.write_bytes(content)
        else:
            _replace(content, output.resolve() if output.is_symlink() else output)
    except OSError as error:
        raise InputError(f"{shown(str(output))} cannot be written: {error.strerror}") from None


def _is_stream(output: Path) -> bool:
    """Whether this is a terminal, a pipe or a device, which cannot be replaced by a file."""
    if output.is_relative_to("/dev"):
        return True
    try:
        mode = output.stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def _replace(content: bytes, output: Path) -> None:
    # In the target's own folder: only there is the replacement atomic. mkstemp refuses names that exist.
    descriptor, partial = tempfile.mkstemp(dir=output.parent, prefix=".provenet-", suffix=".partial")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(partial, _mode(output))
        os.replace(partial, output)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _mode(output: Path) -> int:
    """The permissions of the file that is replaced, else those that the user's umask leaves."""
    if output.exists():
        return stat.S_IMODE(output.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
