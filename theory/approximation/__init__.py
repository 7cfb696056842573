"""Approximation by neural networks: explicit weights and certified errors."""
