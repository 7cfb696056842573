"""Kernels of deep fully connected networks of infinite width: equations, and values with certainty."""
