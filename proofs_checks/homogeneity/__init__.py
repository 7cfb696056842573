"""Positively homogeneous networks on trial."""
