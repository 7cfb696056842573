"""Explicit networks in JAX: evaluation with a rounding-error budget, cases on trial, trained rivals."""
