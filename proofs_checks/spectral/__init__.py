"""Spectral bias on trial: modes of the tangent kernel, and of networks in training."""
