"""What the commands of the terminal compute; each returns a result that prints itself as text or as data."""
