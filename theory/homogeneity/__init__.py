"""Positively homogeneous networks: what scaling the weights does, and what follows from it."""
