"""The catalogue on trial: one file a theorem, at the same path as its statement in theory."""
