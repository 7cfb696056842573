"""The loss landscape of two-layer linear networks: classes of critical points and exact instances."""
