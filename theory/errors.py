"""Errors that a user can act on: one line that says what arrived, what is allowed, what to try."""


class InputError(ValueError):
    """Bad input: unknown names, ill-typed values, data or expressions that a theorem cannot take."""


class OutsideClass(InputError):
    """A valid expression that lies outside the class an engine can treat; names the offending part."""


class BallsUnavailable(RuntimeError):
    """python-flint is not installed: nothing can be certified."""
