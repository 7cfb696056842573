"""Theorems about linear networks."""
