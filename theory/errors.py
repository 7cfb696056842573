"""Errors that a user can act on: one line that says what arrived, what is allowed, what to try."""


class InputError(ValueError):
    """Bad input: unknown names, ill-typed values, data or expressions that a theorem cannot take."""


class OutsideClass(InputError):
    """A valid expression that lies outside the class an engine can treat; names the offending part."""


class NotRun(RuntimeError):
    """Good input that could not be run, or not to the end, where it was given: nothing is decided by it."""


class BallsUnavailable(NotRun):
    """python-flint is not installed: nothing can be certified."""
