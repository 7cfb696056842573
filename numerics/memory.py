"""How much memory is left: on a device, and on the host within the limits of its control groups."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import jax

_FALLBACK: Final = 4 * 2**30  # where a platform reports nothing
_GIBIBYTE: Final = 2**30

# (limit, use) of a control group, of the second and of the first version of the interface.
_FILES: Final = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))


class OutOfMemory(MemoryError):
    """A program that needs more memory than is free; the message has both figures, and what to do instead."""

    def __init__(self, needed: int, free: int, instead: str = "") -> None:
        advice = f": {instead}" if instead else ""
        super().__init__(f"needs {_gibibytes(needed)}, {_gibibytes(free)} are free{advice}")
        self.needed, self.free = needed, free


def free_bytes(device: jax.Device) -> int:
    """Bytes that this device, or the host where it is the CPU, has left now."""
    if device.platform == "cpu":
        return free_host_bytes()
    statistics = device.memory_stats() or {}
    limit = int(statistics.get("bytes_limit", _FALLBACK))
    return max(0, limit - int(statistics.get("bytes_in_use", 0)))


def free_host_bytes(root: Path = Path("/")) -> int:
    """The least of what the machine and every control group around this process have left.

    Pages that only cache files count as free: the system gives them up. ``root`` is where ``proc`` and
    ``sys`` are.
    """
    machine = _reported(root / "proc/meminfo", "MemAvailable:", 1024)
    return max(0, min([_free_pages() if machine is None else machine, *_group_margins(root)]))


def _group_margins(root: Path) -> Iterator[int]:
    """What is left in the group of this process and in every group around it."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        top = root / "sys/fs/cgroup" / controllers
        group = top / path.strip("/")
        while group.is_relative_to(top):
            yield from _margin(group)
            if group == top:
                break
            group = group.parent


def _margin(group: Path) -> Iterator[int]:
    for limit_file, use_file in _FILES:
        limit, use = _text(group / limit_file).strip(), _text(group / use_file).strip()
        if limit.isdigit() and use.isdigit():  # "max" where there is no limit
            cached = _reported(group / "memory.stat", "inactive_file", 1) or 0
            yield int(limit) - int(use) + cached


def _reported(file: Path, name: str, unit: int) -> int | None:
    for line in _text(file).splitlines():
        words = line.split()
        if words[:1] == [name]:
            return int(words[1]) * unit
    return None


def _free_pages() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not every platform reports its free pages
        return _FALLBACK


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # no such interface, or a group that is not visible from here
        return ""


def _gibibytes(count: int) -> str:
    return f"{count / _GIBIBYTE:.1f} GiB"
