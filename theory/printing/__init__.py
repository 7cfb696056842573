"""The printed page: a derivation as LaTeX, Markdown, text and plain data, printed from its SymPy objects."""
