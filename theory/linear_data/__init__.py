"""The spectrum of a user's data, exactly in rationals or enclosed in balls, through python-flint."""
