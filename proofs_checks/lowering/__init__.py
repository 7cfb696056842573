"""The one place where a closed form becomes a JAX callable."""

from proofs_checks.lowering.expressions import lower
from proofs_checks.lowering.kernels import lower_kernel

__all__ = ["lower", "lower_kernel"]
