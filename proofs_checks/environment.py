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
        # The keys of an experiment are threefry; what it makes of its own follows this setting.
        "default_prng": str(_setting("jax_default_prng_impl")),
        "matmul_precision": str(_setting("jax_default_matmul_precision")),
        "dtype_promotion": str(_setting("jax_numpy_dtype_promotion")),
        "disable_jit": bool(_setting("jax_disable_jit")),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "tf32_override": os.environ.get("NVIDIA_TF32_OVERRIDE", ""),
        "device": device(),
        "processor": processor(),
    }


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """What another environment had that this one has not, a few words each."""
    found = []
    versions = [part.get("versions") for part in (then, now)]
    old, new = (one if isinstance(one, Mapping) else {} for one in versions)
    found += [f"{name} {old[name]}" for name in old if old[name] != new.get(name)]
    if then.get("source") != now.get("source"):
        found.append("other source code")
    names = [name for name in {**then, **now} if name not in ("versions", "source")]
    values = {name: then.get(name, "unknown") for name in names if then.get(name) != now.get(name)}
    found += [f"no {name}" if value == "" else f"{name} {value}" for name, value in values.items()]
    return tuple(found)


@cache
def processor() -> str:
    """Architecture, model and instructions of the host: compilers choose by them, hence last digits."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return f"{platform.machine()} {platform.processor()}"
    first = dict(reversed([_pair(line) for line in lines if ":" in line]))
    instructions = sorted((first.get("flags") or first.get("Features") or "").split())
    digest = sha256(" ".join(instructions).encode()).hexdigest()[:8]
    return f"{platform.machine()} {first.get('model name', '')} {digest}"


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def device() -> str:
    """Platform and kind of the device that JAX computes on."""
    import jax

    first = jax.devices()[0]
    return f"{first.platform}:{first.device_kind}"
