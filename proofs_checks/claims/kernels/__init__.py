"""Theorems on kernels, on trial."""
