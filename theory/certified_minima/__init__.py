"""Critical points and local minima, certified in ball arithmetic."""
