"""Gradient flow of linear networks: the matrix solution, and the modes one by one."""
