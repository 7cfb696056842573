"""Minima of linear networks on trial."""
