"""Rows on the tangent kernel of two-layer networks that depend on the activation."""
