"""Descent near saddles: how long it stays, and where it cannot stop."""
