"""Theorems on the kernels of wide and of finite networks."""
