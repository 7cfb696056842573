"""The audit: whether the checks of a theorem would have noticed an error.

The package is callable, so that ``from proofs_checks import audit`` gives the function of ``audit.run``
whichever of its modules was imported before.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, *theorems: str, **options: Any) -> Any:
        from proofs_checks.audit.run import audit

        return audit(*theorems, **options)


sys.modules[__name__].__class__ = _CallablePackage
