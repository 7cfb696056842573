"""Gaussian expectations of activations without closed form, enclosed to any precision.

An activation is analytic between its kinks. Each piece is integrated by Gauss-Legendre quadrature whose error
is bounded in the complex plane; what lies far out is bounded by the growth of the activation. The derivations
are in `values` and `panels`.
"""

from theory.certified_expectations.values import CertifiedValues, Factor, enclose_line, enclose_pair

__all__ = ["CertifiedValues", "Factor", "enclose_line", "enclose_pair"]
