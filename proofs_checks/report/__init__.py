"""Reports: they read certificates and derivations and never recompute."""
