"""Certified minima of small networks, and where the training of these networks ends."""
