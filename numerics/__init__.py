"""The laboratory: networks, training, ensembles, tangent kernels and curvature in JAX; it knows no theorem.

No module changes JAX's configuration. Double precision is the caller's decision
(``jax.config.update("jax_enable_x64", True)`` before the first array); float64 inputs give float64 results.
"""
