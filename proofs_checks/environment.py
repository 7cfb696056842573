"""What a measurement depends on besides its parameters: versions, settings, device, and the code itself."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "sympy", "mpmath", "python-flint", "optax", "diffrax")
_ROOT = Path(__file__).resolve().parent.parent
_SOURCES = ("theory", "numerics", "proofs_checks")


@cache
def source_digest() -> str:
    """SHA-256 over the paths and contents of the source files of the three layers."""
    digest = sha256()
    for layer in _SOURCES:
        for path in sorted((_ROOT / layer).rglob("*.py")):
            digest.update(str(path.relative_to(_ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def _setting(name: str) -> Any:
    """A setting as it holds here and now: contexts count, unlike in the table of global values."""
    import jax

    return getattr(jax.config, name)


def environment() -> Mapping[str, Any]:
    """Everything that may change a random stream or a digit; call it inside ``float64()``.

    x64 alone changes the random stream of a key, and XLA's flags may change the last digits: measurements
    of different environments never share a cell.
    """
    return {
        "versions": _versions(),
        "source": source_digest(),
        "x64": bool(_setting("jax_enable_x64")),
        "threefry_partitionable": bool(_setting("jax_threefry_partitionable")),
        "prng": "threefry2x32",
        "matmul_precision": str(_setting("jax_default_matmul_precision")),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "device": device(),
    }


def device() -> str:
    """Platform and kind of the device that JAX computes on."""
    import jax

    first = jax.devices()[0]
    return f"{first.platform}:{first.device_kind}"
