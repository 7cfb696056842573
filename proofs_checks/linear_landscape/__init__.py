"""Experiments on two-layer linear networks: exact instances, constructed critical points, training."""
