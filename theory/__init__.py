"""The blackboard: theorems of deep learning as statements and derivations that a machine has checked.

SymPy only; JAX is never imported. Names are loaded when first used, so that `import theory` is free.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Derivation": "theory.derivation",
    "Domain": "theory.statement",
    "Hypothesis": "theory.statement",
    "InputError": "theory.errors",
    "OutsideClass": "theory.errors",
    "Parameter": "theory.parameters",
    "Row": "theory.derivation",
    "Source": "theory.statement",
    "Statement": "theory.statement",
}
__all__ = sorted(_HOME)  # the names are loaded lazily, so the list is computed


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'theory' has no attribute {name!r}: it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
