"""Sphinx reads this file: `sphinx-build docs docs/_build` with the extra `documentation`."""

project = "provenet"
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath", "amsmath"]
exclude_patterns = ["_build", "examples"]
html_theme = "alabaster"
