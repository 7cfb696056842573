"""Layers with random weights as maps: what is a mean over independent units, and what it preserves."""
