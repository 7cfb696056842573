"""Trials of deep kernels: predictions of the layer recursions, and experiments on random networks."""
