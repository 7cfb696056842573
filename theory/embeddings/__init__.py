"""Critical points of narrow networks in wide ones: compatible embeddings, copies of units, counts."""
