"""The referee: joins what theory derives to what numerics measures, and judges.

Names are loaded when first used: the command line must not pay for SymPy or JAX to print its help.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Bound": "proofs_checks.comparators",
    "Certificate": "proofs_checks.certificate",
    "Claim": "proofs_checks.claim",
    "Distribution": "proofs_checks.comparators",
    "Enclosure": "proofs_checks.comparators",
    "Exponent": "proofs_checks.comparators",
    "Identity": "proofs_checks.comparators",
    "Mean": "proofs_checks.comparators",
    "Ordering": "proofs_checks.comparators",
    "Point": "proofs_checks.claim",
    "Profile": "proofs_checks.profile",
    "Verdict": "proofs_checks.verdict",
    "audit": "proofs_checks.audit.run",
    "batched": "proofs_checks.experiment",
    "critical_points": "proofs_checks.commands.critical_points",
    "derive": "proofs_checks.run",
    "dynamics": "proofs_checks.linear_dynamics.course",
    "kernel": "proofs_checks.analytic_kernels",
    "on_host": "proofs_checks.experiment",
    "verify": "proofs_checks.run",
}
__all__ = sorted(_HOME)  # the names are loaded lazily, so the list is computed
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'proofs_checks' has no attribute {name!r}: it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
