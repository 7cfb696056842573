"""Theorems about the loss landscapes of networks that are not linear."""
