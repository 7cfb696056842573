"""Claims about approximation by neural networks."""
