"""Theorems about linear networks on trial."""
