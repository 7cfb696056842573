"""Theorems about loss landscapes on trial."""
