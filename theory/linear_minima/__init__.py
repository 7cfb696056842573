"""Minima of linear networks: decayed weights, and losses other than the squared one."""
