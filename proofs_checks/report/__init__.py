"""Reports: terminal, LaTeX, PDF. They read what was derived and judged, and recompute nothing."""
