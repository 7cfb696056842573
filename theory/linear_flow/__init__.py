"""Gradient flow and descent on deep linear networks: layers of any number as words, for every size."""
