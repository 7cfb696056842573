"""Descent near saddles on trial."""
