"""The landscape of a user's data: its spectrum, its classes of critical points, and networks in it."""
