"""``python -m proofs_checks`` is the command line ``provenet``."""

from proofs_checks.cli import main

main()
