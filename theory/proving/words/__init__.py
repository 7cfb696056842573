"""Noncommutative words: matrix identities for every size, by rewriting."""
